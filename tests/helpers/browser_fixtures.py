"""What Python computes for made-up inputs: the tests of the browser package compare its own arithmetic with it.

    python tests/helpers/browser_fixtures.py

writes web/tests/fixtures/python.json anew; a test fails where the file is not what this Python computes.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mien import labels
from mien.bundle import Bundle, softmax
from mien.detection.detections import non_maximum_suppression
from mien.documents import SCHEMA
from mien.preprocess import WHOLE_FRAME, Framing, InputSpec, crop_faces, fit_frame, to_input
from mien.recognizer import EmotionRecognizer
from mien.version import __version__
from mien.video.io.frames import Frame
from mien.video.tracking.cuts import CutDetector
from mien.video.tracking.smoothing import Smoother
from mien.video.tracking.tracker import Tracker, appearance_of
from mien.voice.bundle import VoiceBundle

WEB = Path(__file__).parents[2] / "web"
FIXTURES = WEB / "tests" / "fixtures" / "python.json"
COLLINS = WEB / "tests" / "fixtures" / "collins.json"
SHARED = WEB / "src" / "shared.json"

SIZES = [(61, 87, 40, 50), (72, 128, 36, 64), (90, 120, 30, 40), (77, 90, 77, 45), (96, 120, 32, 60), (50, 41, 13, 7)]
"""Rows and columns before and after shrinking: uneven, halves, thirds, along one side only, and in between."""


def pack(array: np.ndarray) -> dict[str, Any]:
    """An array for JSON."""
    content = np.ascontiguousarray(array)
    return {
        "shape": list(content.shape),
        "dtype": str(content.dtype),
        "data": base64.b64encode(content.tobytes()).decode(),
    }


def pattern(height: int, width: int, channels: int, seed: int) -> np.ndarray:
    """Pixels that JavaScript can make too, uint8: a linear congruential sequence, every byte its middle bits."""
    count = height * width * channels
    values = np.empty(count, np.uint8)
    state = seed
    for k in range(count):
        state = (state * 1103515245 + 12345) % 2**31
        values[k] = (state >> 12) & 255
    return values.reshape(height, width, channels)


def blocks(seed: int) -> np.ndarray:
    """A picture of 180 rows and 320 columns, RGB: the pattern, each pixel of it a block of 20 x 20."""
    return pattern(9, 16, 3, seed).repeat(20, axis=0).repeat(20, axis=1)


def shrinking() -> list[dict[str, Any]]:
    cases = []
    for number, (height, width, rows, columns) in enumerate(SIZES):
        image = pattern(height, width, 3, 7 + number)
        result = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA)
        cases.append({"height": height, "width": width, "seed": 7 + number, "result": pack(result)})
    return cases


def warping() -> list[dict[str, Any]]:
    gray = pattern(90, 80, 1, 3)[..., 0]
    cases = []
    for scale, x, y in ((0.7, -3.2, 5.1), (0.45, 6.0, -2.5), (1.3, -20.25, -31.0), (1.0, 0.0, 0.0)):
        matrix = np.array([[scale, 0, x], [0, scale * 1.01, y]])
        result = cv2.warpAffine(gray, matrix, (48, 48), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        cases.append({"matrix": matrix.ravel().tolist(), "result": pack(result)})
    return cases


def cropping() -> dict[str, Any]:
    """Faces of many sizes in one picture: with landmarks, without, over the edge, and a whole frame."""
    image = pattern(300, 400, 3, 11)
    boxes = np.array([[100, 80, 180, 190], [20, 10, 50, 44], [310, 200, 420, 330], [5, 5, 395, 290]], np.float32)
    landmarks = np.full((4, 5, 2), np.nan, np.float32)
    landmarks[0] = [[122, 118], [158, 120], [141, 140], [126, 163], [155, 162]]
    landmarks[3] = [[130, 100], [270, 90], [200, 150], [140, 220], [262, 212]]
    crops = crop_faces(image, boxes, landmarks)
    frame = pattern(48, 48, 3, 13)
    whole = crop_faces(frame, np.array([[0, 0, 48, 48]], np.float32), landmarks[1:2], WHOLE_FRAME)
    fits = [fit_frame(box, points, Framing()) for box, points in zip(boxes, landmarks, strict=True)]
    return {
        "boxes": boxes.tolist(),
        "landmarks": [None if np.isnan(points).any() else points.tolist() for points in landmarks],
        "crops": pack(crops),
        "whole": pack(whole),
        "fits": [[float(matrix[0, 0]), *offset.tolist()] for matrix, offset in fits],
        "input": pack(to_input(crops[:1], InputSpec(44, 120.5, 61.25))),
    }


def suppression() -> dict[str, Any]:
    random = np.random.default_rng(5)
    corners = random.uniform(0, 100, (30, 2))
    boxes = np.concatenate([corners, corners + random.uniform(10, 60, (30, 2))], axis=1).astype(np.float32)
    scores = random.uniform(0.1, 1, 30).astype(np.float32)
    kept = non_maximum_suppression(boxes, scores, 0.4)
    return {"boxes": boxes.tolist(), "scores": scores.tolist(), "kept": kept.tolist()}


def tracking() -> list[dict[str, Any]]:
    """Three persons who cross, leave and come back, in 45 frames: numbers, averages and reported emotions."""
    tracker, smoother = Tracker(), Smoother()
    frames = []
    for step in range(45):
        time, image = step / 15, blocks(21)
        places = [(20 + 4 * step, 40, 50), (250 - 4 * step, 60, 52), (140, 100, 40)]
        seen = [place for person, place in enumerate(places) if not (person == 2 and 15 <= step < 30)]
        boxes = np.array([[x, y, x + side, y + 1.2 * side] for x, y, side in seen], np.float32)
        appearances = appearance_of(image, boxes)
        numbers = tracker.update(time, boxes, appearances)
        smoother.keep_only(tracker.numbers)
        raw = np.abs(np.sin(np.arange(1, 9)[None] * (step // 6 + 1) + numbers[:, None])) + 1e-3
        values = (raw / raw.sum(axis=1, keepdims=True)).astype(np.float32)
        averages = smoother.average(time, numbers, values)
        frames.append(
            {
                "time": time,
                "boxes": boxes.tolist(),
                "appearances": np.round(appearances, 6).tolist() if step < 2 else None,
                "numbers": numbers.tolist(),
                "values": values.round(6).tolist(),
                "averages": averages.round(6).tolist(),
                "reported": smoother.report(numbers, averages).tolist(),
            }
        )
    return frames


def cutting() -> dict[str, Any]:
    """Two shots, one that moves, and a flash: which frames begin a new shot."""
    shots = [blocks(31), blocks(32)]
    bright = np.minimum(shots[1].astype(int) + 90, 255).astype(np.uint8)
    names = ["0", "0+8", "0+16", "1", "1", "bright", "1", "0", "0"]
    pictures = {"0": shots[0], "1": shots[1], "bright": bright}
    pictures |= {f"0+{move}": np.roll(shots[0], move, axis=1) for move in (8, 16)}
    detector = CutDetector()
    cuts = [bool(detector.update(Frame(n / 25, n, pictures[name]))) for n, name in enumerate(names)]
    return {"frames": names, "cuts": cuts}


def calibration() -> dict[str, Any]:
    logits = np.random.default_rng(9).normal(0, 3, (4, 8)).astype(np.float32)
    shares = softmax(logits, 1.4)
    folded = labels.FERPLUS.fold(shares, labels.FER2013)
    return {
        "logits": logits.tolist(),
        "temperature": 1.4,
        "probabilities": shares.tolist(),
        "from": list(labels.FERPLUS.names),
        "to": list(labels.FER2013.names),
        "folded": folded.tolist(),
    }


def uncertain() -> list[dict[str, Any]]:
    """Emotion sets and numbers of votes of the made-up probabilities, by the released bundle's head of votes."""
    head = Bundle.load("mien-nano").vote_head
    assert head is not None
    assert head.uncertainty is not None
    probabilities = np.array(calibration()["probabilities"], np.float32)
    sets = head.uncertainty.sets(probabilities, 0.9)
    found = []
    for row, values in enumerate(probabilities):
        order = [k for k in np.argsort(-values) if sets[row, k] or k == values.argmax()]
        numbers = {}
        for name, interval in head.uncertainty.intervals.items():
            number = getattr(head.labels, name)(values[None])
            numbers[name] = [float(number[0]), *interval.bounds(number)[0].tolist()]
        found.append({"set": [head.labels.names[k] for k in order], "numbers": numbers})
    return found


def hearing() -> list[dict[str, Any]]:
    """Four and a half seconds of humming noise, as the released voice bundle hears its windows."""
    bundle = VoiceBundle.load()
    rate = bundle.metadata.rate
    sound = humming(round(4.5 * rate), rate)
    windows = [(0.0, 3.0), (1.0, 4.0), (1.5, 4.5)]
    found = []
    for start, end in windows:
        answer = bundle.answer(sound[None, round(start * rate) : round(end * rate)])
        found.append(
            {
                "start": start,
                "end": end,
                "votes": answer.probabilities["votes"][0].round(5).tolist(),
                "shares": answer.vote_shares[0].round(5).tolist(),
                "strength": round(float(answer.strengths[0]), 5),
            }
        )
    return found


def humming(samples: int, rate: int) -> np.ndarray:
    """A tone that rises and falls, with noise, float32: nobody's voice, but no silence."""
    seconds = np.arange(samples) / rate
    noise = pattern(1, samples, 1, 17).ravel() / 255 - 0.5
    tone = np.sin(2 * np.pi * (180 * seconds + 8 * np.sin(3 * seconds)))
    return np.asarray(0.3 * tone + 0.1 * noise, np.float32)


def released() -> dict[str, Any]:
    """The metadata of a released bundle, as Python reads it."""
    metadata = Bundle.load("mien-nano").metadata
    return {"name": metadata.name, "heads": [head.to_dict() for head in metadata.heads], **metadata.input.to_dict()}


def fixtures() -> dict[str, Any]:
    gray = pattern(20, 30, 3, 1)
    return {
        "gray": pack(cv2.cvtColor(gray, cv2.COLOR_RGB2GRAY)),
        "shrinking": shrinking(),
        "warping": warping(),
        "cropping": cropping(),
        "suppression": suppression(),
        "tracking": tracking(),
        "cutting": cutting(),
        "calibration": calibration(),
        "nano": released(),
        "uncertain": uncertain(),
        "hearing": hearing(),
    }


def shared() -> dict[str, Any]:
    """What the browser package must not say in its own words: version, colours and folds of emotions."""
    return {
        "version": __version__,
        "schema": SCHEMA,
        "uncertain": labels.UNCERTAIN,
        "colors": {name: labels.hex_color(name) for name in labels.FERPLUS.names},
        "ratings": {name: rating(name) for name in labels.FERPLUS.names},
        "folds": {"contempt": labels.FER2013.names[labels.FER2013.index("contempt")]},
    }


def rating(emotion: str) -> list[float]:
    """Valence and arousal of an emotion: those of people who all see it."""
    alone, everybody = labels.LabelSet(emotion, (emotion,)), np.ones((1, 1))
    return [round(float(number[0]), 4) for number in (alone.valence(everybody), alone.arousal(everybody))]


def collins() -> dict[str, Any]:
    """The example's face by both released models, as Python reads it."""
    picture = WEB.parent / "examples" / "eileen_collins.jpg"
    nano = EmotionRecognizer("mien-nano", detector="mien-face")
    large = EmotionRecognizer("mien", detector="mien-face", labels="fer2013")
    found = {"mien-nano": nano.predict(picture), "mien fer2013": large.predict(picture)}
    return {name: {**faces.to_dict(), "source": "image"} for name, faces in found.items()}


if __name__ == "__main__":
    COLLINS.write_text(json.dumps(collins(), indent=2) + "\n")
    FIXTURES.write_text(json.dumps(fixtures()) + "\n")
    SHARED.write_text(json.dumps(shared(), indent=2) + "\n")
