"""The process that decodes large pictures and finds their faces: `python -m mien.serve.picture_worker`.

It reads messages from standard input and answers on standard output, until the input ends. Large pictures are decoded
here because a decoder may need hundreds of megabytes, holds up the server's other threads, cannot be interrupted, and
may crash.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from mien.detection.detections import Detections
from mien.errors import ImageError
from mien.images import load_gray, load_image, size_of
from mien.pipeline import FaceCrops, FacePipeline
from mien.runtimes.onnx import keep_no_memory
from mien.serve.children import become_child
from mien.serve.messages import receive, send

SEARCH_SCALE = 3
"""A picture is shrunk while it is decoded only as far as its longer side keeps so many times the pixels in which faces
are detected; mien-face searches at up to twice its size."""

CROP_SIDE = 64
"""Pixels of a face, on the shorter side of its box, from which a crop of 48 loses nothing. If the shrunk picture has a
face with fewer, the crops are made of the picture in full, which is decoded again."""

SEARCHED = 640
"""Pixels of the longer side that count as searched for detectors that do not say."""


def pack(found: FaceCrops) -> tuple[dict[str, Any], bytes]:
    """Return the faces of a picture as a message."""
    detections = found.detections
    arrays = (detections.boxes, detections.scores, detections.landmarks)
    content = b"".join(np.ascontiguousarray(array, np.float32).tobytes() for array in arrays)
    head = {"faces": len(detections), "frames": detections.are_frames, "size": found.size}
    return {**head, "crop": found.crops.shape[1:]}, content + found.crops.tobytes()


def unpack(head: dict[str, Any], content: bytes, source: str) -> FaceCrops:
    """Return the faces of a message of `pack`.

    Args:
        head: the message's head.
        content: the rest of it.
        source: the picture's name in the result.
    """
    count = head["faces"]
    numbers = np.frombuffer(content, np.float32, 15 * count).copy()
    boxes, scores, points = np.split(numbers, [4 * count, 5 * count])
    crops = np.frombuffer(content, np.uint8, offset=numbers.nbytes).reshape(count, *head["crop"])
    detections = Detections(boxes.reshape(count, 4), scores, points.reshape(count, 5, 2), are_frames=head["frames"])
    return FaceCrops(detections, crops, tuple(head["size"]), source)


def find_in_large(content: bytes, pipeline: FacePipeline, min_face: float, max_pixels: int) -> FaceCrops:
    """Detect and crop the faces of a picture that is shrunk while it is decoded; boxes are in its original pixels.

    Args:
        content: the file's bytes.
        pipeline: detects and crops.
        min_face: leave out faces whose box is narrower or lower than this, in pixels of the original picture.
        max_pixels: most pixels of the picture.

    Raises:
        ImageError: it cannot be decoded, or has more pixels.
    """
    size = size_of(content, max_pixels)
    searched = getattr(pipeline.detector, "size", 0) or SEARCHED
    pixels = load_image(content, max_pixels, least_side=round(SEARCH_SCALE * searched))
    factor = round(max(size) / max(pixels.shape[:2]))
    if abs(pixels.shape[1] * factor - size[0]) > factor or abs(pixels.shape[0] * factor - size[1]) > factor:
        size = size[::-1]  # it was rotated upright
    pipeline.min_face = min_face / factor
    found = pipeline.detect_and_crop(pixels, "")
    detections = found.detections
    limits = np.array([*size, *size], np.float32)
    crops = found.crops
    scaled = Detections(
        np.minimum(detections.boxes * factor, limits),
        detections.scores,
        detections.landmarks * factor,
        are_frames=detections.are_frames,
    )
    sides = detections.boxes[:, 2:] - detections.boxes[:, :2]
    if factor > 1 and sides.min(initial=CROP_SIDE) < CROP_SIDE:
        del pixels
        crops = pipeline.crop(load_gray(content, max_pixels), scaled)
    return FaceCrops(scaled, crops, size, "")


def main() -> None:
    """Answer requests until the input ends; the only argument is the most bytes of memory."""
    become_child(int(sys.argv[1]))
    keep_no_memory()  # the memory that a search needs is needed again to decode the picture in full
    pipelines: dict[tuple[str, int | None, int], FacePipeline] = {}
    while True:
        try:
            head, content = receive(sys.stdin.buffer)
        except EOFError:
            return
        key = (head["detector"], head["size"], head["threads"])
        try:
            if key not in pipelines:
                pipelines[key] = FacePipeline(detector=key[0], size=key[1], threads=key[2])
            answer, body = pack(find_in_large(content, pipelines[key], head["min_face"], head["max_pixels"]))
        except ImageError as error:
            answer, body = {"unread": error.reason}, b""
        except Exception as error:
            answer, body = {"failed": type(error).__name__}, b""
        del content
        send(sys.stdout.buffer, answer, body)


if __name__ == "__main__":
    main()
