"""The timeline of a video: who was seen when, with which emotions, as a picture or a page."""
