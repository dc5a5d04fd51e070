"""Write the page about a voice bundle: scores, confusion, reliability, training curves, spectrograms of clips."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from mien.datasets.voices import VoiceClips
from mien.errors import InputError
from mien.evaluation.evaluate import EvalResult
from mien.evaluation.voices import VoiceEvaluation, answer_to_clip, evaluate_answers
from mien.figure_style import SERIES, WIDE, new_figure, styled
from mien.report import scores
from mien.report.page import PageTable, Plot, Section, write_page
from mien.version import __version__
from mien.voice.bundle import HEADS, VoiceBundle

SAMPLES = 6
"""Clips whose spectrograms are shown."""

TITLES = {"votes": "What people hear: the plurality of votes", "intended": "What was meant"}


def write_voice_report(
    bundle: VoiceBundle,
    clips: VoiceClips,
    out: str | Path,
    *,
    history: Path | None = None,
    progress: Callable[[str, float], None] = lambda stage, share: None,
) -> Path:
    """Write `report.html` with the figures of a voice bundle on clips, and each figure as PNG; return the page's path.

    Args:
        bundle: the bundle.
        clips: labelled clips at its rate.
        out: the page's folder.
        history: the `history.csv` of its run; None: no training curves.
        progress: called with the stage and the share that is done.
    """
    answers = []
    for k in range(len(clips)):
        answers.append(answer_to_clip(bundle, clips.sound(k)))
        progress("listening to the clips", 0.6 * (k + 1) / len(clips))
    probabilities = {head: np.concatenate([each.probabilities[head] for each in answers]) for head in HEADS}
    evaluation = evaluate_answers(probabilities, np.concatenate([each.strengths for each in answers]), clips)
    sections = [_head(result, probabilities[result.name], clips) for result in evaluation.results]
    sections += [_speakers(evaluation), Section("sound", "Sound", plots=[_samples(clips)])]
    if history is not None:
        sections.insert(0, Section("training", "Training", plots=[_training(history)]))
    return write_page(
        "report.html",
        Path(out) / "report.html",
        sections,
        lambda share: progress("writing", 0.7 + 0.3 * share),
        name=bundle.name,
        split=clips.source,
        under=f"A voice bundle of mien. Evaluated on {clips.source}.",
        tiles=[_tile(result) for result in evaluation.results],
        notes=list(_notes(bundle, clips, evaluation)),
        facts=[("clips", f"{len(clips):,}"), ("speakers", str(evaluation.speakers)), ("file", bundle.source)],
        emotions=set(clips.labels.names),
        version=__version__,
        date=datetime.now(UTC).date().isoformat(),
    )


def _tile(result: EvalResult) -> dict[str, Any]:
    low, high = result.intervals.get("accuracy", (float("nan"),) * 2)
    return {
        "title": f"{TITLES[result.name]} ({result.n:,} clips)",
        "accuracy": f"{100 * result.metrics['accuracy']:.1f}",
        "interval": f"[{100 * low:.1f}, {100 * high:.1f}]",
        "figures": [
            (name.replace("_", " "), f"{result.metrics[name]:.3f}") for name in ("balanced_accuracy", "ece", "nll")
        ],
    }


def _notes(bundle: VoiceBundle, clips: VoiceClips, evaluation: VoiceEvaluation) -> Iterator[str]:
    """Yield what a reader must know to interpret the figures."""
    data = bundle.metadata.card.get("training", {}).get("data", {})
    if clips.source in data.get("sources", {}):
        others = set(map(str, clips.speakers)) - set(data.get("validation_speakers", []))
        if others:
            yield f"{len(others)} of the speakers were learnt: the scores show in part what was memorised."
        else:
            yield "None of these speakers was learnt, but the bundle is calibrated on them."
    yield "Intervals are over speakers, whose clips are alike, not over clips."
    if evaluation.strength is not None:
        strength = evaluation.strength
        kind = "experimental" if strength.experimental else "of use"
        yield (
            f"The strength is {kind}: its mean absolute error is {strength.error:.3f}, that of predicting the mean "
            f"{strength.error_of_mean:.3f}; correlation {strength.correlation:.2f}."
        )


def _head(result: EvalResult, probabilities: npt.NDArray[np.float32], clips: VoiceClips) -> Section:
    truth = clips.heard if result.name == "votes" else clips.intended
    p, labels, names = probabilities[truth >= 0], truth[truth >= 0], clips.labels.names
    each = (f"{name} {s['precision']:.2f}, {s['recall']:.2f}" for name, s in result.per_class.items())
    plots = [
        Plot(
            f"{result.name}-classes",
            "Precision, recall and F1",
            scores.per_class(p, labels, names),
            "The emotions by F1, with their number of clips.",
            f"Precision and recall of each emotion: {'; '.join(each)}",
        ),
        Plot(
            f"{result.name}-confusion",
            "Confusion",
            scores.confusion(p, labels, names),
            "Row: the label; column: the prediction. Left in clips, right in shares of the row.",
            f"Confusion matrix of {', '.join(names)}",
        ),
        Plot(
            f"{result.name}-reliability",
            "Reliability",
            scores.reliability(p, labels),
            "Above: accuracy among clips of about the same confidence; below the dotted line it is too confident.",
            f"Reliability diagram; the expected calibration error is {result.metrics['ece']:.3f}",
            half=True,
        ),
        Plot(
            f"{result.name}-risk",
            "Risk and coverage",
            scores.risk_coverage(p, labels),
            "If only the most confident predictions are used, how many of them are wrong?",
            "Share of wrong predictions by the share of clips that are answered",
            half=True,
        ),
    ]
    return Section(result.name, TITLES[result.name], plots=plots)


def _speakers(evaluation: VoiceEvaluation) -> Section:
    tables = [
        PageTable(
            (found.attribute, "speakers", "clips", "right", "95 % interval"),
            [
                (
                    each.group,
                    str(each.speakers),
                    f"{each.clips:,}",
                    f"{each.score:.3f}",
                    f"{each.low:.3f} to {each.high:.3f}",
                )
                for each in found.groups
            ],
            f"Largest gap {found.gap:.3f}; p {found.p:.3f}, corrected for all tables {found.corrected:.3f}.",
        )
        for found in evaluation.groups
    ]
    text = "" if tables else "There are no two groups of at least ten speakers to compare."
    return Section("speakers", "Groups of speakers", text, tables)


def _training(history: Path) -> Plot:
    rows = [
        {name: float(value) for name, value in row.items()}
        for row in csv.DictReader(history.read_text(encoding="utf-8").splitlines())
    ]
    if not rows:
        raise InputError(f"{history}: expected at least one epoch, got none")
    caption = "Losses of the training batches by epoch, as they are varied."
    return Plot("training-losses", "Losses", draw_losses(rows), caption, "Losses by epoch")


@styled
def draw_losses(rows: list[dict[str, float]]) -> Figure:
    """Draw the losses of a run by epoch."""
    figure = new_figure(WIDE, 2.2)
    axes = figure.subplots()
    names = [name for name in rows[0] if name.startswith("train_")]
    for name, colour in zip(names, SERIES, strict=False):
        axes.plot(
            [row["epoch"] for row in rows], [row[name] for row in rows], color=colour, label=name.removeprefix("train_")
        )
    axes.set(xlabel="epoch", ylabel="loss")
    axes.legend()
    return figure


def _samples(clips: VoiceClips) -> Plot:
    chosen = [int(np.flatnonzero(clips.intended == k)[0]) for k in np.unique(clips.intended[clips.intended >= 0])]
    chosen = (chosen or list(range(min(SAMPLES, len(clips)))))[:SAMPLES]
    return Plot(
        "spectrograms",
        "Spectrograms",
        draw_spectrograms([clips.sound(k) for k in chosen], [clips.names[k] for k in chosen], clips.rate),
        "The first clip of each emotion, in decibels below its loudest point.",
        f"Spectrograms of {', '.join(clips.names[k] for k in chosen)}",
    )


@styled
def draw_spectrograms(sounds: list[npt.NDArray[np.float32]], names: list[str], rate: int) -> Figure:
    """Draw the spectrogram of each sound, float32 (samples,)."""
    figure = new_figure(WIDE, 1.7 * -(-len(sounds) // 3))
    grid = figure.subplots(-(-len(sounds) // 3), 3, squeeze=False, sharey=True)
    for axes in grid.flat[len(sounds) :]:
        axes.remove()
    for axes, sound, name in zip(grid.flat, sounds, names, strict=False):
        size, hop = int(0.025 * rate), int(0.01 * rate)
        padded = np.pad(sound, (0, max(size - len(sound), 0)))
        frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop] * np.hanning(size)
        power = np.abs(np.fft.rfft(frames)) ** 2
        decibels = 10 * np.log10(np.maximum(power / max(float(power.max()), 1e-12), 1e-6))
        extent = (0, len(padded) / rate, 0, rate / 2000)
        axes.imshow(decibels.T, origin="lower", aspect="auto", cmap="magma", extent=extent, vmin=-60, vmax=0)
        axes.set_title(name)
        axes.grid(False)
    figure.supxlabel("seconds", fontsize=8)
    figure.supylabel("kHz", fontsize=8)
    return figure
