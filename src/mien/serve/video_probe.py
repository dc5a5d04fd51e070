"""The process that looks at an uploaded video before it becomes a job: `python -m mien.serve.video_probe FILE`.

FFmpeg reads the file here, and not in the server. The answer is a message of `picture_worker`'s kind on standard
output: the duration, or what is wrong with the file.
"""

from __future__ import annotations

import sys
from typing import Any

from mien.errors import MissingExtraError, VideoError
from mien.serve.children import become_child
from mien.serve.messages import receive, send
from mien.video.io.container import VideoFile

FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,ogg,flv,asf,gif,h264,hevc,m4v,mjpeg"
"""Container formats that are accepted. Playlists are not, since they refer to other files and addresses."""


def open_video(path: str, name: str, max_pixels: int) -> VideoFile:
    """Open an uploaded video.

    Args:
        path: the file.
        name: the client's name for it.
        max_pixels: most pixels of a frame.

    Raises:
        VideoError: it is no video, or its frames are too large.
    """
    return VideoFile(path, name, formats=FORMATS, max_pixels=max_pixels)


def main() -> None:
    """Answer the message on standard input, for the file that is named as the only argument."""
    head, _ = receive(sys.stdin.buffer)
    become_child(head["memory"])
    answer: dict[str, Any]
    try:
        answer = {"duration": open_video(sys.argv[1], head["name"], head["max_pixels"]).duration}
    except VideoError as error:
        answer = {"unread": error.reason}
    except MissingExtraError as error:
        answer = {"missing": str(error)}
    send(sys.stdout.buffer, answer)


if __name__ == "__main__":
    main()
