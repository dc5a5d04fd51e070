"""How long to average emotions in time, and what of. `python -m benchmarks smoothing --data CSV --votes CSV`.

150 clips of FER+ faces of PublicTest on which six of ten people agree or more: four faces of one to three seconds each,
15 frames a second, jittered as boxes jitter (position, size, roll, light, noise, a few blurred or covered frames). The
released model reads them. Told are the frames with the right emotion, the mean negative log-likelihood, changes of the
reported emotion beyond those of the clip per minute, and the seconds after which a true change shows.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.machine import describe, write_results
from benchmarks.options import parser
from benchmarks.page import write_table
from mien.bundle import Bundle, softmax
from mien.datasets import load_data
from mien.labels import FERPLUS
from mien.pipeline_options import DEFAULT_MODEL
from mien.video.tracking.smoothing import CentredAverage, EmotionReporter, Smoother

Array = npt.NDArray[Any]

RATE = 15
CLIPS, FACES = 150, 4
AGREED, FEW = 6, 8
"""Votes that a face's emotion must have, and faces that an emotion must have to be shown."""
BOTH_SIDES = "probabilities, before and after"
SETTINGS = (
    ("not at all", 0.0, 0.0),
    ("probabilities", 0.1, 0.1),
    ("probabilities", 0.2, 0.1),
    ("probabilities", 0.2, 0.0),
    ("probabilities", 0.4, 0.1),
    ("logits", 0.2, 0.1),
    ("logits", 0.4, 0.1),
    (BOTH_SIDES, 0.1, 0.1),
    (BOTH_SIDES, 0.2, 0.1),
    (BOTH_SIDES, 0.2, 0.0),
    (BOTH_SIDES, 0.4, 0.1),
)


def main() -> None:
    options = parser(__doc__).parse_args()
    bundle = Bundle.load(DEFAULT_MODEL, threads=1)
    head = bundle.vote_head
    assert head is not None
    clips = [(bundle.logits(crops)[head.name], truth) for crops, truth in make_clips(options.data, options.votes)]
    results = []
    for averaged, seconds, margin in SETTINGS:
        found = judge(clips, head.temperature, averaged, seconds, margin)
        results.append({"averaged": averaged, "seconds": seconds, "margin": margin, **found})
        print(results[-1], flush=True)
    write_results("smoothing", {"machine": describe(), "model": DEFAULT_MODEL, "settings": results})
    write_page(results)


def make_clips(data: Path, votes: Path) -> list[tuple[Array, Array]]:
    """Crops uint8 (n, 48, 48) and their emotions (n,), columns of FER+'s labels."""
    dataset = load_data(data, votes, set_aside=False)
    split = dataset.splits == "PublicTest"
    assert dataset.votes is not None
    counts = dataset.votes[split].astype(float)
    names = len(FERPLUS)
    agreed = (counts[:, :names].max(axis=1) >= AGREED) & (counts[:, names:].sum(axis=1) <= 1)
    faces, labels = dataset.faces[split][agreed], counts[agreed, :names].argmax(axis=1)
    rng = np.random.default_rng(0)
    by_label = [np.flatnonzero(labels == k) for k in range(names)]
    clips = []
    for _ in range(CLIPS):
        crops, truth, before = [], [], -1
        for _ in range(FACES):
            shown = [k for k in range(names) if len(by_label[k]) >= FEW and k != before]
            weights = np.sqrt([len(by_label[k]) for k in shown])
            before = rng.choice(shown, p=weights / weights.sum())
            face = faces[rng.choice(by_label[before])]
            length, state = int(RATE * rng.uniform(1, 3)), rng.normal(size=6)
            for _ in range(length):
                state = 0.8 * state + 0.6 * rng.normal(size=6)
                crops.append(jittered(face, state, rng))
                truth.append(before)
        clips.append((np.stack(crops), np.array(truth)))
    return clips


def jittered(face: Array, state: Array, rng: np.random.Generator) -> Array:
    """The face a little off its place, as a tracker's boxes are; now and then out of focus or half covered."""
    right, down, size, roll = state[:4] * (1.2, 1.2, 0.04, 3)
    matrix = cv2.getRotationMatrix2D((24, 24), roll, 1 + size)
    matrix[:, 2] += [right, down]
    crop = cv2.warpAffine(face, matrix, (48, 48), borderMode=cv2.BORDER_REPLICATE).astype(float)
    crop = crop * (1 + 0.08 * state[4]) + 6 * state[5] + rng.normal(0, 3, crop.shape)
    chance = rng.random()
    if chance < 0.04:
        crop = cv2.GaussianBlur(crop, (0, 0), rng.uniform(1.5, 3))
    elif chance < 0.07:
        left = rng.integers(0, 30)
        crop[:, left : left + 18] = rng.uniform(40, 200)
    return np.clip(crop, 0, 255).astype(np.uint8)


def judge(
    clips: list[tuple[Array, Array]], temperature: float, averaged: str, seconds: float, margin: float
) -> dict[str, float]:
    right = frames = changes = true_changes = 0
    likelihood, delays = 0.0, []
    for logits, truth in clips:
        probabilities, reported = follow(logits, temperature, averaged, seconds, margin)
        right, frames = right + int((reported == truth).sum()), frames + len(truth)
        likelihood -= float(np.log(probabilities[np.arange(len(truth)), truth] + 1e-9).sum())
        cuts = np.flatnonzero(np.diff(truth)) + 1
        changes, true_changes = changes + int((np.diff(reported) != 0).sum()), true_changes + len(cuts)
        for begin, end in zip(cuts, [*cuts[1:], len(truth)], strict=True):
            settled = np.bincount(reported[max(begin, end - 8) : end]).argmax()
            if settled != reported[begin - 1]:
                delays.append(np.flatnonzero(reported[begin:end] == settled)[0] / RATE)
    return {
        "right": round(right / frames, 4),
        "nll": round(likelihood / frames, 3),
        "needless a minute": round((changes - true_changes) / (frames / RATE / 60), 1),
        "delay": round(float(np.mean(delays)), 3),
    }


def follow(logits: Array, temperature: float, averaged: str, seconds: float, margin: float) -> tuple[Array, Array]:
    """The averaged probabilities (n, K) of one clip, and the reported emotions (n,)."""
    if averaged == BOTH_SIDES:
        return follow_both_sides(softmax(logits, temperature), seconds, margin)
    smoother, one = Smoother(seconds, margin), np.array([1])
    values = logits if averaged == "logits" else softmax(logits, temperature)
    means, reported = [], []
    for number, value in enumerate(values):
        mean = smoother.average(number / RATE, one, value[None])
        mean = softmax(mean, temperature) if averaged == "logits" else mean
        means.append(mean[0])
        reported.append(int(smoother.report(one, mean)[0]))
    return np.stack(means), np.array(reported)


def follow_both_sides(probabilities: Array, seconds: float, margin: float) -> tuple[Array, Array]:
    """The same with averages over what comes before and after, as in files."""
    average, reporter, one = CentredAverage(seconds), EmotionReporter(margin), np.array([1])
    for number, value in enumerate(probabilities):
        average.add(number / RATE, one, value[None])
    means = [average.at(number / RATE, one, value[None]) for number, value in enumerate(probabilities)]
    reported = [int(reporter.report(one, mean)[0]) for mean in means]
    return np.concatenate(means), np.array(reported)


def write_page(results: list[dict[str, Any]]) -> None:
    """The table of docs/video.md; the settings that mien has by default are bold."""
    standard = Smoother()
    rows = []
    for each in results:
        needless = each["needless a minute"]
        cells = [
            each["averaged"],
            f"{each['seconds']:g}",
            f"{each['margin']:g}",
            f"{each['right']:.1%}",
            f"{each['nll']:.2f}",
            f"{needless:.1f}" if needless >= 0 else "fewer than there are",
            f"{each['delay']:.2f} s",
        ]
        chosen = each["averaged"] in ("probabilities", BOTH_SIDES) and (each["seconds"], each["margin"]) == (
            standard.seconds,
            standard.margin,
        )
        rows.append([f"**{cell}**" for cell in cells] if chosen else cells)
    heading = ["averaged", "seconds", "margin", "frames right", "NLL", "needless changes a minute",
               "a true change shows after"]  # fmt: skip
    write_table("smoothing", heading, rows)


if __name__ == "__main__":
    main()
