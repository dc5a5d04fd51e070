"""Make the tables of docs/voice.md: `python -m benchmarks voice CREMA-D EmoDB RUNS`, the runs of `voice_runs`.

Calibration is fitted on the other folds, so that no figure is of speakers whom it has seen. With `--features FILE`,
which `benchmarks.voice_features` writes in an environment of its own with openSMILE, an SVM on eGeMAPS is judged on the
same folds.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.machine import RESULTS, describe, write_results
from benchmarks.voice_tables import write_tables
from mien.datasets.voices import VoiceClips, load_voices, speaker_folds
from mien.evaluation.fusion import FusionScore, fit_fusion, judge_fusion, pooled, shares_of
from mien.evaluation.metrics import METRICS
from mien.evaluation.speakers import metric_intervals, over_speakers
from mien.evaluation.voices import answer_to_clip, evaluate_answers, evaluate_voices
from mien.training.voice.augment import SoundAugment
from mien.training.voice.export import calibrated
from mien.training.voice.recipe import VoiceAugmentRecipe
from mien.voice.bundle import HEADS, VoiceBundle, released_voices
from mien.voice.fusion import LEAST
from mien.voice.recognizer import VoiceRecognizer

FOLDS = 5
Answers = dict[str, np.ndarray]


def main() -> None:
    """Compute the parts that are asked for, keep the others of the last time, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cremad", type=Path)
    parser.add_argument("emodb", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--features", type=Path, help="eGeMAPS, from benchmarks.voice_features")
    parser.add_argument("--parts", nargs="+", help="which parts are computed (default: all)")
    options = parser.parse_args()
    cremad, emodb = load_voices(options.cremad), load_voices(options.emodb)
    folds = speaker_folds(cremad, FOLDS)
    held = cache(lambda: HeldOut.of(options.runs, cremad, folds))
    parts: dict[str, Callable[[], Any]] = {
        "machine": describe,
        "people": lambda: people(cremad),
        "seconds": lambda: seconds(options.runs),
        "folds_done": lambda: sorted(set(map(int, folds[held().known]))),
        "cremad": lambda: evaluate_answers(held().probabilities, held().strengths, cremad.take(held().known)).to_dict(),
        "by_fold": lambda: by_fold(held(), cremad, folds),
        "priors": lambda: priors(held().probabilities["votes"], cremad.take(held().known)),
        "transfer": lambda: transfer(options.runs, emodb, held().answers, cremad, held().known),
        "loso": lambda: {kind: left_out(options.runs, emodb, kind) for kind in ("tuned", "scratch")},
        "reverse": lambda: reverse(options.runs, cremad),
        "fusion": lambda: fusion(options.cremad, cremad, held().known, held().probabilities["votes"], folds),
        "released": lambda: released(cremad),
        "worse_sound": lambda: worse_sound(cremad),
        "speed": speed,
    }
    if options.features:
        parts["egemaps"] = lambda: egemaps(options.features, cremad, emodb, folds)
    before = RESULTS / "voice.json"
    out: dict[str, Any] = json.loads(before.read_text(encoding="utf-8")) if before.is_file() else {}
    for name in options.parts or list(parts):
        out[name] = parts[name]()
        write_results("voice", json.loads(json.dumps(out)))
    write_tables(json.loads(json.dumps(out)))


@dataclass(frozen=True)
class HeldOut:
    """The answers of the folds' networks for actors whom they never heard.

    Attributes:
        answers: logits by head, and strengths, of all clips; zeros where a fold is missing.
        known: numbers of the clips whose fold is there.
        probabilities: of those clips, calibrated on the other folds.
        strengths: of those clips, calibrated in the same way.
    """

    answers: Answers
    known: np.ndarray
    probabilities: dict[str, np.ndarray]
    strengths: np.ndarray

    @classmethod
    def of(cls, runs: Path, clips: VoiceClips, folds: np.ndarray) -> HeldOut:
        """Read the folds that are finished."""
        answers = held_out(runs, clips, folds)
        known = np.flatnonzero(answers["known"])
        return cls(answers, known, *cross_calibrated(answers, clips, folds, known))


def by_fold(held: HeldOut, clips: VoiceClips, folds: np.ndarray) -> list[dict[str, Any]]:
    """The scores of each fold."""
    part, own = clips.take(held.known), folds[held.known]
    return [
        {head: scores(held.probabilities[head][own == fold], labels(part, head)[own == fold]) for head in HEADS}
        for fold in sorted(set(own))
    ]


def labels(clips: VoiceClips, head: str) -> np.ndarray:
    """The labels by which a head is judged."""
    return clips.heard if head == "votes" else clips.intended


def scores(probabilities: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Accuracy, balanced accuracy, macro-F1, NLL and ECE."""
    names = ("accuracy", "balanced_accuracy", "macro_f1", "nll", "ece")
    return {name: round(METRICS[name](probabilities, truth), 4) for name in names} | {"n": len(truth)}


def people(clips: VoiceClips) -> dict[str, Any]:
    """What one rater reaches: against the plurality of the other raters, and against what was meant."""
    votes = clips.votes.astype(np.float64)
    total = votes.sum(axis=1)
    with_plurality, others = np.zeros(len(votes)), np.zeros_like(votes)
    recalls = np.zeros((6, 2))
    for emotion in range(6):
        others = votes.copy()
        others[:, emotion] -= 1
        share = votes[:, emotion] / total
        best = others.argmax(axis=1)
        agrees = best == emotion
        with_plurality += share * agrees
        for truth in range(6):
            recalls[truth] += (share * (best == truth) * (emotion == truth)).sum(), (share * (best == truth)).sum()
    meant = votes[np.arange(len(votes)), clips.intended] / total
    rates = [meant[clips.intended == k].mean() for k in range(6)]
    intervals = over_speakers(
        lambda rows: {"plurality": float(with_plurality[rows].mean()), "intended": float(meant[rows].mean())},
        clips.speakers,
    )
    return {
        "plurality": float(with_plurality.mean()),
        "plurality_balanced": float((recalls[:, 0] / recalls[:, 1]).mean()),
        "intended": float(meant.mean()),
        "intended_balanced": float(np.mean(rates)),
        "intervals": intervals,
    }


def seconds(runs: Path) -> dict[str, float]:
    """Processor seconds of each finished run."""
    return {path.parent.name: round(float(np.load(path)["seconds"]), 1) for path in sorted(runs.glob("*/answers.npz"))}


def held_out(runs: Path, clips: VoiceClips, folds: np.ndarray) -> Answers:
    """The answers of each fold's network for the actors whom it never heard."""
    n = len(clips)
    found = {head: np.zeros((n, 6), np.float32) for head in HEADS} | {"strength": np.zeros(n, np.float32)}
    found["known"] = np.zeros(n, bool)
    for fold in range(FOLDS):
        path = runs / f"fold-{fold}" / "answers.npz"
        if path.is_file():
            rows, arrays = folds == fold, np.load(path)
            assert list(arrays["held_names"]) == [clips.names[k] for k in np.flatnonzero(rows)]
            for name in (*HEADS, "strength"):
                found[name][rows] = arrays[f"held_{name}"]
            found["known"][rows] = True
    return found


def cross_calibrated(
    answers: Answers, clips: VoiceClips, folds: np.ndarray, known: np.ndarray
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Probabilities and strengths, each fold calibrated on the others; one fold alone on half of its actors each."""
    parts = folds.copy()
    if len(set(folds[known])) == 1:
        parts = speaker_folds(clips, 10, seed=1)
    probabilities = {head: np.zeros((len(clips), 6), np.float32) for head in HEADS}
    strengths = np.zeros(len(clips), np.float32)
    for part in set(parts[known]):
        to, on = known[parts[known] == part], known[parts[known] != part]
        metadata = calibrated({name: answers[name][on] for name in (*HEADS, "strength")}, clips.take(on))
        for head in HEADS:
            probabilities[head][to] = metadata.heads[head].probabilities(answers[head][to])
        factor, summand = metadata.strength
        strengths[to] = np.clip(factor * answers["strength"][to] + summand, 0, 1)
    return {head: values[known] for head, values in probabilities.items()}, strengths[known]


def priors(probabilities: np.ndarray, clips: VoiceClips) -> list[dict[str, float]]:
    """Accuracy and balanced accuracy of the votes when the prior is divided out to some degree."""
    prior = np.bincount(clips.heard, minlength=6) / len(clips)
    found = []
    for degree in (0.0, 0.25, 0.5, 0.75, 1.0):
        weighted = probabilities / prior**degree
        weighted = (weighted / weighted.sum(axis=1, keepdims=True)).astype(np.float32)
        found.append({"degree": degree} | scores(weighted, clips.heard))
    return found


def transfer(runs: Path, emodb: VoiceClips, answers: Answers, cremad: VoiceClips, known: np.ndarray) -> dict[str, Any]:
    """CREMA-D to EmoDB without training there: each fold's network, calibrated on CREMA-D."""
    metadata = calibrated({name: answers[name][known] for name in (*HEADS, "strength")}, cremad.take(known))
    six = emodb.intended >= 0
    truth = emodb.intended[six]
    found: dict[str, Any] = {}
    for head in HEADS:
        rows = []
        for path in sorted(runs.glob("fold-*/answers.npz")):
            rows.append(metadata.heads[head].probabilities(np.load(path)[f"other_{head}"][six]))
        mean = np.mean(rows, axis=0).astype(np.float32)
        found[head] = {
            "networks": [scores(each, truth) for each in rows],
            "mean_of_recalls": float(np.mean([METRICS["balanced_accuracy"](each, truth) for each in rows])),
            "ensemble": scores(mean, truth),
            "intervals": metric_intervals(mean, truth, emodb.speakers[six]),
        }
    return found


def left_out(runs: Path, emodb: VoiceClips, kind: str) -> dict[str, Any] | None:
    """EmoDB, each speaker by the network that never heard him or her."""
    paths = sorted(runs.glob(f"{kind}-*/answers.npz"))
    if not paths:
        return None
    place = {name: k for k, name in enumerate(emodb.names)}
    arrays = [np.load(path) for path in paths]
    rows = np.concatenate([[place[name] for name in each["held_names"]] for each in arrays])
    found: dict[str, Any] = {"speakers": [path.parent.name[-2:] for path in paths]}
    for head in HEADS:
        logits = np.concatenate([each[f"held_{head}"] for each in arrays]).astype(np.float64)
        raised = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities = (raised / raised.sum(axis=1, keepdims=True)).astype(np.float32)
        truth = emodb.intended[rows]
        found[head] = scores(probabilities, truth)
        found[head]["intervals"] = metric_intervals(probabilities, truth, emodb.speakers[rows])
    return found


def reverse(runs: Path, cremad: VoiceClips) -> dict[str, Any] | None:
    """EmoDB to CREMA-D without training there."""
    path = runs / "reverse" / "answers.npz"
    if not path.is_file():
        return None
    logits = np.load(path)["other_intended"].astype(np.float64)
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return scores((raised / raised.sum(axis=1, keepdims=True)).astype(np.float32), cremad.intended)


def fusion(
    folder: Path, clips: VoiceClips, known: np.ndarray, network: np.ndarray, folds: np.ndarray
) -> dict[str, Any]:
    """How people join face and voice: rules fitted on four fifths of the actors, judged on the others."""
    import csv

    with (folder / "crema-d-votes.csv").open(encoding="utf-8", newline="") as file:
        table = {row["clip"]: row for row in csv.DictReader(file)}
    names = clips.labels.names
    face, both = (
        np.array([[float(table[clip][f"{kind}_{name}"] or 0) for name in names] for clip in clips.names])
        for kind in ("face", "both")
    )
    usable = (face.sum(axis=1) > 0) & (both.sum(axis=1) > 0) & (clips.votes.sum(axis=1) > 0)
    everything = np.flatnonzero(usable)
    heard = np.full((len(clips), 6), np.nan)
    heard[known] = np.maximum(network, LEAST)
    seen, target = shares_of(face), both / np.maximum(both.sum(axis=1, keepdims=True), 1)
    found: dict[str, Any] = {
        "people": compare(seen, shares_of(clips.votes), target, folds, everything, names),
        "network": compare(seen, heard, target, folds, np.intersect1d(everything, known), names),
    }
    return found


def compare(
    face: np.ndarray, voice: np.ndarray, both: np.ndarray, folds: np.ndarray, rows: np.ndarray, names: tuple[str, ...]
) -> dict[str, Any]:
    """Face alone, voice alone, their mean, and fitted rules with and without a summand per emotion."""
    found: dict[str, Any] = {
        "clips": len(rows),
        "face": asdict(judge_fusion(face[rows], both[rows])),
        "voice": asdict(judge_fusion(voice[rows], both[rows])),
        "mean": asdict(judge_fusion((face[rows] + voice[rows]) / 2, both[rows])),
    }
    parts = folds if len(set(folds[rows])) > 1 else np.arange(len(folds)) % 2
    for offsets in (False, True):
        predicted = np.zeros_like(face)
        for fold in set(parts[rows]):
            on, to = rows[parts[rows] != fold], rows[parts[rows] == fold]
            rule = fit_fusion(face[on], voice[on], both[on], names, offsets=offsets)
            predicted[to] = pooled(rule, face[to], voice[to], names)
        name = "weights_and_offsets" if offsets else "weights"
        score: FusionScore = judge_fusion(predicted[rows], both[rows])
        found[name] = asdict(score) | {
            "rule": asdict(fit_fusion(face[rows], voice[rows], both[rows], names, offsets=offsets))
        }
    return found


def egemaps(path: Path, cremad: VoiceClips, emodb: VoiceClips, folds: np.ndarray) -> dict[str, Any]:
    """An SVM on openSMILE's eGeMAPS, on the same folds and clips."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    arrays = np.load(path)
    assert list(arrays["cremad_names"]) == list(cremad.names)
    found: dict[str, Any] = {"seconds_per_second": float(arrays["seconds_per_second"])}
    for head in HEADS:
        truth, guesses = labels(cremad, head), np.zeros(len(cremad), np.int64)
        for fold in range(FOLDS):
            model = make_pipeline(StandardScaler(), SVC(C=1.0, gamma="scale"))
            model.fit(arrays["cremad"][folds != fold], truth[folds != fold])
            guesses[folds == fold] = model.predict(arrays["cremad"][folds == fold])
        found[head] = recalls(guesses, truth)
    six = emodb.intended >= 0
    features, truth = arrays["emodb"][six], emodb.intended[six]
    model = make_pipeline(StandardScaler(), SVC(C=1.0, gamma="scale")).fit(arrays["cremad"], cremad.intended)
    found["transfer"] = recalls(model.predict(features), truth)
    guesses = np.zeros(len(truth), np.int64)
    for speaker in np.unique(emodb.speakers):
        out = emodb.speakers[six] == speaker
        model = make_pipeline(StandardScaler(), SVC(C=1.0, gamma="scale")).fit(features[~out], truth[~out])
        guesses[out] = model.predict(features[out])
    found["loso"] = recalls(guesses, truth)
    return found


def recalls(guesses: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Accuracy and balanced accuracy of guesses."""
    each = [(guesses[truth == k] == k).mean() for k in np.unique(truth)]
    return {"accuracy": round(float((guesses == truth).mean()), 4), "balanced_accuracy": round(float(np.mean(each)), 4)}


def kept_back(cremad: VoiceClips) -> tuple[VoiceBundle, VoiceClips] | None:
    """The released bundle, and the clips of the actors whom it never heard."""
    if not released_voices():
        return None
    bundle = VoiceBundle.load()
    speakers = bundle.metadata.card["training"]["data"]["validation_speakers"]
    return bundle, cremad.take(np.isin(cremad.speakers, speakers))


def released(cremad: VoiceClips) -> dict[str, Any] | None:
    """The released bundle on the actors who only calibrated it."""
    found = kept_back(cremad)
    return None if found is None else evaluate_voices(*found).to_dict()


def worse_sound(cremad: VoiceClips) -> dict[str, dict[str, Any]] | None:
    """The released bundle on worse recordings of the actors whom it never heard."""
    found = kept_back(cremad)
    if found is None:
        return None
    bundle, clips = found
    return {name: judged(bundle, clips, change) for name, change in conditions(clips.rate).items()}


def judged(bundle: VoiceBundle, clips: VoiceClips, change: Callable[[np.ndarray], np.ndarray]) -> dict[str, Any]:
    """Accuracy of both heads on clips that are changed."""
    answers = [answer_to_clip(bundle, change(clips.sound(k))) for k in range(len(clips))]
    return {
        head: scores(np.concatenate([each.probabilities[head] for each in answers]), labels(clips, head))
        for head in HEADS
    }


def conditions(rate: int) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Ways in which a recording is worse, as functions of one clip."""
    rng = np.random.default_rng(0)
    off = dict.fromkeys(("noise", "reverberation", "band_limit", "telephone", "tilt", "codec", "clipped"), 0)

    def noisy(decibels: float) -> Callable[[np.ndarray], np.ndarray]:
        def change(sound: np.ndarray) -> np.ndarray:
            level = np.sqrt(np.mean(sound**2)) * 10 ** (-decibels / 20)
            return (sound + rng.normal(0, max(level, 1e-6), sound.shape)).astype(np.float32)

        return change

    def augmented(name: str) -> Callable[[np.ndarray], np.ndarray]:
        augment = SoundAugment(VoiceAugmentRecipe(**{**off, name: 1}), rate, torch.Generator().manual_seed(0))
        return lambda sound: augment(torch.from_numpy(sound)[None])[0].numpy()

    return {
        "as recorded": lambda sound: sound,
        "40 dB quieter": lambda sound: sound * np.float32(0.01),
        "white noise, 20 dB below": noisy(20),
        "white noise, 10 dB below": noisy(10),
        "white noise, as loud": noisy(0),
        "telephone, 300 to 3400 Hz": augmented("telephone"),
        "low-pass at 2.5 to 5.4 kHz": augmented("band_limit"),
        "reverberation": augmented("reverberation"),
        "clipping": augmented("clipped"),
        "8-bit mu-law": augmented("codec"),
        "the first second only": lambda sound: sound[:rate],
    }


def speed() -> dict[str, Any] | None:
    """Processor time on one core: the network on a window, one window a second, and all that is done beside it."""
    if not released_voices():
        return None
    bundle = VoiceBundle.load()
    sound = (0.1 * np.random.default_rng(0).normal(size=(1, 3 * bundle.metadata.rate))).astype(np.float32)
    bundle.answer(sound)
    begin = time.process_time()
    for _ in range(50):
        bundle.answer(sound)
    window = (time.process_time() - begin) / 50
    minute = np.tile((0.1 * np.random.default_rng(0).normal(size=16_000)).astype(np.float32), 60)
    recognizer = VoiceRecognizer(bundle)  # noise is no speech, so the network is not run
    recognizer.predict(minute[:64_000], rate=16_000)
    begin = time.process_time()
    recognizer.predict(minute, rate=16_000)
    return {
        "bytes": len(bundle.content),
        "milliseconds_per_window_of_3_s": round(1000 * window, 2),
        "network_milliseconds_per_second_of_sound": round(1000 * window / 3, 2),
        "network_with_overlap_milliseconds_per_second": round(1000 * window, 2),
        "reading_and_speech_detection_milliseconds_per_second": round(1000 * (time.process_time() - begin) / 60, 2),
    }


if __name__ == "__main__":
    main()
