"""Video: frames in, `Moment`s out; rows, summary, timeline and recording of what was seen."""
