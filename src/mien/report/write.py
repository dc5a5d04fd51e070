"""Write the report of one model on one split, on one page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from mien.datasets import FaceDataset, default_split
from mien.evaluation import metrics
from mien.evaluation.evaluate import Evaluation
from mien.report import sections
from mien.report.diagram import Block, add_modules, blocks
from mien.report.evaluations import HeadEvaluation, evaluate_heads, interval, percent
from mien.report.page import write_page
from mien.runs import ModelSource, Predictions, open_model_source
from mien.version import __version__

Progress = Callable[[str, float], None]


def write_report(
    source: str | Path,
    dataset: FaceDataset,
    out: str | Path | None = None,
    split: str | None = None,
    progress: Progress = lambda stage, share: None,
) -> Path:
    """Write `report.html` and `figures/*.png` into a folder, and return the page's path.

    Args:
        source: a run's folder, a bundle's file or a released bundle's name.
        dataset: the data.
        out: the folder. None: a run's folder `report`, or `NAME-report` in the current folder for a bundle.
        split: the split to report on; None: see `default_split`.
        progress: called with the name of the stage and the share of the whole that is done, 0 to 1.

    Raises:
        InputError: the bundle and the data do not fit together.
        DataError: the split has no faces.
        BundleError: the bundle cannot be read.
    """
    split = split or default_split(dataset)
    subject = open_model_source(source)
    out = Path(out) if out is not None else _default_folder(subject)
    evaluation, views = evaluate_heads(
        subject.bundle, dataset, split, lambda share: progress("reading the faces", 0.25 * share)
    )
    progress("drawing", 0.25)
    parts = blocks(onnx.load(subject.path))
    add_modules(parts, _unseen_modules(subject))
    chosen = [
        *sections.training(subject),
        *(sections.head(view) for view in views),
        sections.network(subject, parts),
        *sections.saliency_sections(
            subject, views, lambda share: progress("where the network looks", 0.3 + 0.4 * share)
        ),
    ]
    return write_page(
        "report.html",
        out / "report.html",
        chosen,
        lambda share: progress("writing", 0.7 + 0.3 * share),
        name=subject.name,
        split=split,
        under=f"{subject.recipe.get('description') or 'A bundle of mien.'} Evaluated on {split}.",
        tiles=[_tile(view) for view in views],
        notes=list(_notes(subject, dataset, evaluation, views)),
        facts=list(_facts(subject, evaluation, dataset.split(split), parts)),
        emotions={name for view in views for name in view.names},
        version=__version__,
        date=datetime.now(UTC).date().isoformat(),
    )


def _default_folder(subject: ModelSource) -> Path:
    return subject.folder / "report" if subject.folder else Path(f"{subject.name}-report")


def _tile(view: HeadEvaluation) -> dict[str, Any]:
    scored = view.result.metrics
    return {
        "title": f"{view.title} ({view.result.n:,} faces)",
        "accuracy": percent(scored["accuracy"]),
        "interval": interval(view.result),
        "figures": [
            ("macro-F1", f"{scored['macro_f1']:.3f}"),
            ("ECE", f"{scored['ece']:.3f}"),
            ("NLL", f"{scored['nll']:.3f}"),
            ("AUC", f"{metrics.macro_auc(view.p, view.labels):.3f}"),
        ],
    }


def _notes(
    subject: ModelSource, dataset: FaceDataset, evaluation: Evaluation, views: list[HeadEvaluation]
) -> Iterator[str]:
    """Yield what a reader must know to interpret the figures."""
    if note := _note_on_split(evaluation.split, dataset.split(evaluation.split), subject):
        yield note
    if evaluation.copies:
        share = 100 * evaluation.copies / len(dataset.split(evaluation.split))
        without = "; ".join(
            f"{view.head} {percent(view.without_copies.metrics['accuracy'])} % {interval(view.without_copies)}"
            for view in views
            if view.without_copies
        )
        yield (
            f"{evaluation.copies:,} of the split's faces ({share:.0f} %) stand pixel for pixel in Training too. "
            f"Accuracy without them: {without}."
        )
    if _is_other_data(subject, dataset):
        yield "These are not the data that the model was trained with: their digests differ."
    for view in views:
        rare = [f"{name} ({scores['support']})" for name, scores in view.result.per_class.items() if _is_rare(scores)]
        if rare:
            yield f"{view.head}: the scores of classes with few faces are uncertain: {', '.join(rare)}."
    if len(views) > 1:
        yield "The two heads predict different labels: their scores are not comparable."


def _is_other_data(subject: ModelSource, dataset: FaceDataset) -> bool:
    trained = _data(subject)
    as_loaded = trained.get("validation", "PublicTest") == "PublicTest"  # else the run made its own validation split
    same_parts = as_loaded and trained.get("votes") == (dataset.votes is not None)
    return same_parts and trained.get("digest") not in (None, dataset.digest)


def _is_rare(scores: dict[str, float]) -> bool:
    return 0 < scores["support"] < 100


def _unseen_modules(subject: ModelSource) -> list[tuple[str, str]]:
    """Return the path and the kind of the batch norms and dropouts of a network, which its file does not show.

    They are those of the network that a run's recipe describes. For a bundle alone, which needs no torch, and with a
    backbone from elsewhere, there are none.
    """
    if subject.folder is None:
        return []
    from mien.training.models import NETWORKS, build

    network = dict(subject.recipe.get("network", {}))
    name = str(network.pop("name", ""))
    if name not in NETWORKS or name == "transfer":
        return []
    heads = {head.name: len(head.labels) for head in subject.bundle.metadata.heads}
    modules = build(name, network, heads, subject.bundle.metadata.input.size).named_modules()
    return [(path, _kind_of(module)) for path, module in modules if not list(module.children())]


def _kind_of(module: Any) -> str:
    """Return "batch norm", "dropout 0.3", the activation's name, or "" for other modules."""
    kind = type(module).__name__
    if kind.startswith("BatchNorm"):
        return "batch norm"
    activation = {"ReLU": "ReLU", "LeakyReLU": "leaky ReLU", "ELU": "ELU", "SiLU": "swish", "GELU": "GELU"}.get(kind)
    return activation or (f"dropout {module.p:g}" if "Dropout" in kind and module.p else "")


def _note_on_split(split: str, faces: FaceDataset, subject: ModelSource) -> str:
    chosen_on = _data(subject).get("validation", "PublicTest") if "best_epoch" in subject.facts else None
    kept = subject.predictions()
    if chosen_on and (_are_those(faces, kept) if kept else split == chosen_on):
        return "The epoch and the temperatures were chosen on these faces, so scores on new faces are a little lower."
    if split == "Training":
        return "The model was trained on these very faces: the scores show what it has memorised, not how good it is."
    if split == "PrivateTest":
        return "PrivateTest is to be opened once, for the final model; do not choose between models by its scores."
    if chosen_on:
        where = f"other faces ({chosen_on})" if kept else f"the split {chosen_on} of the data that it was trained with"
        return f"The epoch and the temperatures were chosen on {where}."
    return ""


def _are_those(faces: FaceDataset, kept: Predictions) -> bool:
    """Return whether a run was evaluated on the same faces, even if its split had another name."""
    renamed = replace(faces, splits=np.full(len(faces), kept.split))
    return renamed.faces_digest == kept.digest


def _facts(
    subject: ModelSource, evaluation: Evaluation, faces: FaceDataset, parts: list[Block]
) -> Iterator[tuple[str, str]]:
    """Yield the facts about the model and its training; bundles that mien did not train have few."""
    facts, recipe, data = subject.facts, subject.recipe, _data(subject)
    yield "data", f"{evaluation.split}, {len(faces):,} faces, digest {evaluation.data_digest[:16]}"
    if data:
        votes = ", with votes" if data.get("votes") else ""
        yield "trained on", f"{data.get('training', 0):,} faces{votes}, digest {str(data.get('digest'))[:16]}"
    name = recipe.get("network", {}).get("name", "network of unknown name")
    parameters = facts.get("parameters") or sum(part.parameters for part in parts)
    gflop = facts.get("gflop_per_face") or sum(part.flop for part in parts) / 1e9
    size = subject.bundle.size / 1e6
    yield "network", f"{name}, {parameters:,} parameters, {gflop:.3g} GFLOP a face, {size:.1f} MB"
    if recipe:
        words = [f"{key.replace('_', ' ')} {recipe[key]}" for key in ("epochs", "batch_size", "seed") if key in recipe]
        yield "recipe", ", ".join([str(recipe.get("name", "")), *words])
    if "best_epoch" in facts:
        minutes = facts.get("seconds", 0) / 60
        yield (
            "training",
            f"{facts.get('epochs_run')} epochs in {minutes:.0f} minutes; kept: epoch {facts['best_epoch']}",
        )
    if isinstance(machine := facts.get("machine"), dict):
        threads = machine.get("threads")
        plural = "" if threads == 1 else "s"
        yield "machine", f"{machine.get('processor')}, {threads} thread{plural}, {machine.get('system')}"
    if "started" in facts:
        yield "started", str(facts["started"])[:16].replace("T", " ")
    if facts.get("mien"):
        yield "code", f"mien {facts['mien']}, commit {facts.get('commit') or 'unknown'}"


def _data(subject: ModelSource) -> dict[str, Any]:
    data = subject.facts.get("data")
    return data if isinstance(data, dict) else {}
