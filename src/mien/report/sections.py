"""Build the chapters of a report: figures and tables with their texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.bundle import Bundle
from mien.errors import InputError, RecipeError
from mien.evaluation import metrics
from mien.evaluation.evaluate import EvalResult
from mien.report import galleries, gradcam, saliency, scores
from mien.report.diagram import Block, count, draw_network
from mien.report.evaluations import HeadEvaluation, interval, percent
from mien.report.history import PANELS, best_epoch, columns_of, plot_history
from mien.report.page import PageTable, Plot, Section
from mien.runs import ModelSource

CAM_FACES, HIDDEN_FACES = 32, 8
"""Faces per class in a mean map: of Grad-CAM, and of occlusion, which takes 100 predictions per face."""

ATTENTION_FACES = 512
"""Number of faces on which attention is measured."""

FaceArray = npt.NDArray[np.uint8]
LabelArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]


def training(subject: ModelSource) -> Iterator[Section]:
    """Yield the chapter with the curves of a run; nothing for a bundle without a run."""
    rows = subject.history
    if not rows:
        return
    last, names = rows[-1], {name for row in rows for name in row}
    lacking = [title.partition(" ")[0] for title, metric in PANELS.items() if not columns_of(metric, names)]
    ends = ["train_loss", "val_loss", *columns_of("accuracy", [name for name in names if name.startswith("val_")])]
    plot = Plot(
        "training-curves",
        "Loss, scores and learning rate by epoch",
        plot_history(rows, subject.facts.get("best_epoch") or best_epoch(rows)),
        "Training is measured on augmented faces, under dropout, with weights that still change; validation on plain "
        "faces with the averaged weights. So validation can be better than training. The dotted line is the epoch "
        "that was kept." + (f" This run's history has no {', '.join(lacking)}." if lacking else ""),
        f"Curves over {len(rows)} epochs. At the end: "
        + ", ".join(f"{name.replace('_', ' ')} {last[name]:.3g}" for name in ends if name in last),
    )
    yield Section("training", "Training", plots=[plot])


def head(view: HeadEvaluation) -> Section:
    """Return the chapter of one head: tables, figures, galleries."""
    plots = [*_class_plots(view), *_confidence_plots(view), *_galleries(view)]
    return Section(view.head, view.title, tables=[_report_table(view), _sets_table(view)], plots=plots)


def _class_plots(view: HeadEvaluation) -> Iterator[Plot]:
    p, labels, names, result = view.p, view.labels, view.names, view.result
    each = (f"{name} {s['precision']:.2f}, {s['recall']:.2f}, {s['f1']:.2f}" for name, s in result.per_class.items())
    yield Plot(
        f"{view.head}-classes",
        "Precision, recall and F1",
        scores.per_class(p, labels, names),
        "The classes by F1, with their number of faces. Marks far apart show a bias: recall far below precision means "
        "that a class is predicted too rarely.",
        f"Precision, recall and F1 of each class: {'; '.join(each)}",
    )
    yield Plot(
        f"{view.head}-confusion",
        "Confusion",
        scores.confusion(p, labels, names),
        "Row: the label; column: the prediction. Left in faces, right in shares of the row, where the diagonal is "
        "the recall. The colour follows the share in both.",
        f"Confusion matrix. The most frequent confusions: {'; '.join(confusions(result))}",
    )
    yield Plot(
        f"{view.head}-curves",
        "Precision-recall and ROC, one class against the rest",
        scores.curves(p, labels, names),
        "Every point is a threshold on the probability of that class. For rare classes use the left figure: their ROC "
        "curves are too optimistic.",
        f"Precision-recall and ROC curves; the mean area under the ROC curves is {metrics.macro_auc(p, labels):.3f}",
    )


def _confidence_plots(view: HeadEvaluation) -> Iterator[Plot]:
    p, labels, names = view.p, view.labels, view.names
    yield Plot(
        f"{view.head}-reliability",
        "Reliability",
        scores.reliability(p, labels),
        "Above: accuracy among faces of about the same confidence, with 95 % intervals; below the dotted line the "
        "model is too confident. Below: the share of the faces. ECE is the mean distance from the line; a perfectly "
        f"calibrated model has about {_ece_floor(len(labels)):.3f} on this number of faces.",
        f"Reliability diagram; the expected calibration error is {view.result.metrics['ece']:.3f}",
        half=True,
    )
    _, risk = metrics.risk_coverage(p, labels)
    half, area = risk[max(1, len(risk) // 2) - 1], metrics.aurc(p, labels)
    yield Plot(
        f"{view.head}-risk",
        "Risk and coverage",
        scores.risk_coverage(p, labels),
        "If only the most confident predictions are used, how many of them are wrong? AURC is the mean over all "
        "coverages; lower is better.",
        f"Of the more confident half {percent(half)} % are wrong, of all {percent(risk[-1])} %; AURC {area:.3f}",
        half=True,
    )
    yield Plot(
        f"{view.head}-histograms",
        "Probabilities",
        scores.histograms(p, labels, names),
        "The probability of each class on its own faces and on all others, each as shares, on a logarithmic scale. "
        "The less they overlap, the better the class is separated from the others.",
        "Histograms of the probability given to each class, on its own faces and on all others",
    )


def _galleries(view: HeadEvaluation) -> Iterator[Plot]:
    p, labels, names = view.p, view.labels, view.names
    mistakes = galleries.mistakes_gallery(view.faces, p, labels, names)
    if mistakes is not None:
        wrong = galleries.confident_mistakes(p, labels)
        read, label = names[p[wrong[0]].argmax()], names[labels[wrong[0]]]
        yield Plot(
            f"{view.head}-mistakes",
            "The most confident mistakes",
            mistakes,
            "The prediction with its probability, and the label. Some of them are wrong labels, not wrong predictions.",
            f"The most confident of {len(wrong):,} mistakes; the first is predicted as {read} with "
            f"{p[wrong[0]].max():.2f} and labelled {label}",
        )
    bits = galleries.entropy(p)
    yield Plot(
        f"{view.head}-uncertain",
        "The most uncertain faces",
        galleries.uncertain_gallery(view.faces, p, labels, names),
        "The highest entropy first, with the two most probable classes.",
        f"The faces with the highest entropy, up to {bits.max():.2f} bits; the median is {np.median(bits):.2f}",
    )
    yield Plot(
        f"{view.head}-samples",
        "Sample predictions",
        galleries.samples_gallery(view.faces, p, labels, names),
        "Drawn at random, the classes in turn. The label is bold; the number is the confidence; ✗ marks a mistake.",
        "Faces drawn at random, each with its probabilities",
    )


def confusions(result: EvalResult, number: int = 3) -> list[str]:
    """Describe the largest shares off the diagonal: "29 % of sad predicted as neutral"."""
    counts = np.array(result.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    np.fill_diagonal(shares, 0)
    places = [np.unravel_index(place, shares.shape) for place in np.argsort(-shares, axis=None, kind="stable")]
    return [
        f"{100 * shares[row, column]:.0f} % of {result.labels[row]} predicted as {result.labels[column]}"
        for row, column in places[:number]
        if shares[row, column] > 0
    ]


def _ece_floor(n: int) -> float:
    """Return the approximate ECE of a calibrated model in 15 bins: .015 at 3,589 faces, times the root of 1 / n."""
    return float(0.015 * np.sqrt(3589 / n))


def _report_table(view: HeadEvaluation) -> PageTable:
    result, p, labels = view.result, view.p, view.labels
    columns = ("precision", "recall", "f1")
    rows = [
        [name, *(f"{each[column]:.3f}" for column in columns), f"{each['support']:,.0f}"]
        for name, each in result.per_class.items()
    ]
    means = (metrics.macro_precision(p, labels), metrics.macro_recall(p, labels), result.metrics["macro_f1"])
    rows.append(["mean over classes", *(f"{value:.3f}" for value in means), f"{result.n:,}"])
    weighted = [sum(each[c] * each["support"] for each in result.per_class.values()) / result.n for c in columns]
    rows.append(["weighted by faces", *(f"{value:.3f}" for value in weighted), f"{result.n:,}"])
    return PageTable(["", "precision", "recall", "F1", "faces"], rows, "Classification report")


def _sets_table(view: HeadEvaluation) -> PageTable:
    header = ["", "faces", "accuracy, %", "balanced", "macro-F1", "NLL", "Brier", "ECE"]
    rows = []
    for name, result in (("all faces", view.result), ("without copies", view.without_copies)):
        if result is not None:
            figures = [f"{result.metrics[m]:.3f}" for m in ("balanced_accuracy", "macro_f1", "nll", "brier", "ece")]
            rows.append([name, f"{result.n:,}", f"{percent(result.metrics['accuracy'])} {interval(result)}", *figures])
    return PageTable(header, rows, "Scores, with 95 % bootstrap intervals of the accuracy")


def network(subject: ModelSource, parts: list[Block]) -> Section:
    """Return the chapter with the diagram of the network."""
    parameters, flop = sum(part.parameters for part in parts), sum(part.flop for part in parts)
    plot = Plot(
        "network-blocks",
        "Blocks, parameters and work",
        draw_network(parts, subject.bundle.metadata.input.size),
        "Layers, activations and skips are read from the bundle; batch norms, which are folded there, and dropouts "
        "from the recipe of a run. Shapes are channels × height × width; FLOP are two per multiply-add of convolutions "
        "and dense layers.",
        f"{len(parts)} blocks with {count(parameters)} parameters and {count(flop)}FLOP a face: "
        + ", ".join(part.name for part in parts),
    )
    return Section("network", "The network", plots=[plot])


def saliency_sections(
    subject: ModelSource, views: list[HeadEvaluation], progress: Callable[[float], None]
) -> Iterator[Section]:
    """Yield the chapters on which parts of a face the network uses: Grad-CAM and attention, or else occlusion.

    Args:
        subject: the model; Grad-CAM needs its checkpoint, and torch.
        views: the heads.
        progress: called with the share done, 0 to 1.
    """
    network = _with_gradients(subject)
    plots: list[Plot] = []
    for number, view in enumerate(views):

        def share_of_all(share: float, number: int = number) -> None:
            progress((number + share) / len(views))

        share_of_all(0)
        if network is None:
            plots += _occlusion(subject.bundle, view, share_of_all)
        else:
            plots += _grad_cam(network, subject, view)
    if plots:
        kind = "occlusion sensitivity" if network is None else "Grad-CAM"
        yield Section("looking", f"Where it looks: {kind}", plots=plots)
    if network is not None:
        yield from _attention(network, views[0], subject)
    progress(1)


def _with_gradients(subject: ModelSource) -> Any:
    """Return the network if Grad-CAM is possible; None without torch, a backbone or a feature map."""
    if subject.checkpoint is None or not find_spec("lightning"):
        return None
    try:
        network = gradcam.load_network(subject)
        gradcam.last_features(network, subject.bundle.metadata.input.size)
    except (InputError, RecipeError):
        return None
    return network


def _grad_cam(network: Any, subject: ModelSource, view: HeadEvaluation) -> Iterator[Plot]:
    def maps_of(faces: FaceArray, classes: LabelArray) -> FloatArray:
        return gradcam.grad_cam(network, faces, view.head, classes, subject.bundle.metadata.input)

    figure = saliency.class_maps(view.faces, view.p, view.labels, view.names, maps_of, CAM_FACES)
    if figure is not None:
        yield Plot(
            f"{view.head}-gradcam",
            f"Grad-CAM, {view.head}",
            figure,
            "Where the last feature map supports the class, on faces that are predicted correctly. The map is as "
            "coarse as that feature map, and each map is scaled to its own maximum.",
            f"Grad-CAM maps over faces, a row for each class of {view.head} that is ever predicted correctly",
        )


def _occlusion(bundle: Bundle, view: HeadEvaluation, progress: Callable[[float], None]) -> Iterator[Plot]:
    def maps_of(faces: FaceArray, classes: LabelArray) -> FloatArray:
        return gradcam.occlusion(bundle, faces, view.head, classes, progress)

    figure = saliency.class_maps(view.faces, view.p, view.labels, view.names, maps_of, HIDDEN_FACES)
    if figure is not None:
        yield Plot(
            f"{view.head}-occlusion",
            f"Occlusion sensitivity, {view.head}",
            figure,
            "Not Grad-CAM, which needs a run's checkpoint, the extra `train` and a network of convolutions: how much "
            f"the class's logit falls when a square of {gradcam.PATCH} pixels is hidden, on faces that are predicted "
            "correctly. Each map is scaled to its own maximum.",
            f"Occlusion maps over faces, a row for each class of {view.head} that is ever predicted correctly",
        )


def _attention(network: Any, view: HeadEvaluation, subject: ModelSource) -> Iterator[Section]:
    spec = subject.bundle.metadata.input
    chosen = galleries.stratified_sample(view.labels, ATTENTION_FACES)
    attention = saliency.read_attention(network, view.faces[chosen], spec)
    plots = []
    if attention.channels:
        medians = ", ".join(f"{np.median(values):.2f}" for values in attention.channels.values())
        plots.append(
            Plot(
                "attention-channels",
                "Channels",
                saliency.channel_attention(attention.channels, view.labels[chosen], view.names),
                "Left: the factors by which each block scales its channels (median, half, nine tenths of them); where "
                "all are 1, attention does nothing. Right: by how much a class's mean factor differs from the mean "
                "over classes.",
                f"Channel attention of {len(attention.channels)} blocks on {len(chosen)} faces; medians {medians}",
            )
        )
    if attention.spatial:
        plots.append(
            Plot(
                "attention-places",
                "Positions",
                saliency.spatial_attention(view.faces[chosen], attention.spatial, spec),
                "The factors of spatial attention, block by block, from the lowest (dark) to the highest (bright); the "
                "numbers are these two.",
                f"Spatial attention of {len(attention.spatial)} blocks, on the mean of {len(chosen)} faces and on some",
            )
        )
    if plots:
        yield Section("attention", "Attention", plots=plots)
