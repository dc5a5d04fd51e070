"""Input and output of frames: files, streams, cameras and folders in; video files out."""
