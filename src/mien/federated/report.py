"""Write the page of a federated run: accuracy per round against central training, and the faces of each client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from mien.federated.plan import Plan
from mien.figure_style import INK, SERIES, SOFT, WIDE, new_figure, rgb, styled
from mien.labels import LabelSet
from mien.model_card import accuracy
from mien.report.page import PageTable, Plot, Section, write_page
from mien.runs import Row, Run, read_history
from mien.version import __version__

Counts = npt.NDArray[np.int64]


def write_report(
    folder: Path, plan: Plan, counts: Counts | None, label_set: LabelSet, central: Path | None = None
) -> Path:
    """Write `federated.html` and its figures into the run's folder `report`, and return the page's path.

    Args:
        folder: the run's folder.
        plan: the plan.
        counts: number of faces of each client and label, int64 (clients, K). None: not known.
        label_set: the K emotions.
        central: folder of the run on the pooled faces, or None.
    """
    history = read_history(Run(folder).history)
    pooled = read_history(Run(central).history) if central else ()
    results = {"federated": _result(folder)} | ({"central": _result(central)} if central else {})
    sections = [_rounds(plan, history, pooled, results)]
    if counts is not None:
        sections.append(_clients(counts, label_set))
    facts = json.loads(Run(folder).facts.read_text(encoding="utf-8"))
    alone = ", one client at a time" if plan.split else ""
    return write_page(
        "report.html",
        folder / "report" / "federated.html",
        sections,
        name=folder.resolve().name,
        split=facts["data"]["validation"],
        under=f"{plan.sentence()}.",
        tiles=[_tile(f"{name} ({result['n']:,} faces)", result) for name, result in results.items()],
        notes=list(_notes(plan, history, central is not None)),
        facts=[
            ("flower", facts["versions"]["flwr"]),
            ("machine", f"{facts['machine']['processor']}, {facts['machine']['threads']} threads"),
            ("rounds", f"{len(history)} in {history[-1]['seconds'] / 60:.1f} minutes{alone}"),
            ("kept", f"round {facts['best_epoch']}"),
            ("code", f"mien {facts['mien']}, commit {facts.get('commit') or 'unknown'}"),
        ],
        emotions=set(label_set.names),
        version=__version__,
        date=datetime.now(UTC).date().isoformat(),
    )


def _result(folder: Path) -> dict[str, Any]:
    """Return the scores of the label head on all validation faces, from `evaluation.json`."""
    return dict(json.loads(Run(folder).evaluation.read_text(encoding="utf-8"))["results"][0])


def _tile(title: str, result: dict[str, Any]) -> dict[str, Any]:
    scored, (low, high) = result["metrics"], result["intervals"]["accuracy"]
    return {
        "title": title,
        "accuracy": f"{100 * scored['accuracy']:.1f}",
        "interval": f"[{100 * low:.1f}, {100 * high:.1f}]",
        "figures": [
            ("macro-F1", f"{scored['macro_f1']:.3f}"),
            ("ECE", f"{scored['ece']:.3f}"),
            ("NLL", f"{scored['nll']:.3f}"),
        ],
    }


def _notes(plan: Plan, history: tuple[Row, ...], central: bool) -> Iterator[str]:
    yield "The round and the temperatures were chosen on these faces, so scores on new faces are a little lower."
    if central:
        yield (
            f"Central training is the same recipe on all faces in one place, for {max(1, round(plan.passes))} passes "
            f"over them; the clients made {plan.passes:g}."
        )
    if failed := sum(int(row.get("failed", 0)) for row in history):
        yield f"Clients failed {failed} times; their rounds went on without them."
    if plan.private:
        yield (
            "Differential privacy protects a client's whole contribution, by Flower's clipping and noise at the "
            "server, which must be trusted. No epsilon is computed here."
        )


def _rounds(plan: Plan, history: tuple[Row, ...], pooled: tuple[Row, ...], results: dict[str, Any]) -> Section:
    rows = [
        [
            f"{row['epoch']:.0f}",
            f"{row.get('clients', 0):.0f}",
            f"{row.get('failed', 0):.0f}",
            f"{row['train_loss']:.3f}" if "train_loss" in row else "-",
            f"{row['val_loss']:.3f}",
            f"{100 * row['val_accuracy']:.1f} %",
        ]
        for row in history
    ]
    table = PageTable(
        ["round", "clients", "failed", "training loss", "validation loss", "accuracy"], rows, "Every round"
    )
    words = ", ".join(f"{name} {accuracy(result)} %" for name, result in results.items())
    plot = Plot(
        "federated-rounds",
        "Accuracy and loss",
        draw_rounds(plan, history, pooled),
        "By passes over all faces, so that both have seen the same number of faces at the same position.",
        f"Validation accuracy and loss of federated and central training: {words}",
    )
    return Section("rounds", "Round by round", tables=[table], plots=[plot])


def _clients(counts: Counts, label_set: LabelSet) -> Section:
    header = ["client", *label_set.names, "all"]
    rows = [
        [str(number), *(f"{count:,}" for count in row), f"{row.sum():,}"] for number, row in enumerate(counts, start=1)
    ]
    plot = Plot(
        "federated-clients",
        "Labels of each client",
        draw_clients(counts, label_set),
        "Faces of each label. The more the bars differ, the more the clients' weights diverge in a round.",
        f"Labels of {len(counts)} clients as stacked bars",
    )
    return Section("clients", "What each client has", tables=[PageTable(header, rows, "Faces")], plots=[plot])


@styled
def draw_rounds(plan: Plan, history: tuple[Row, ...], pooled: tuple[Row, ...] = ()) -> Figure:
    """Draw validation accuracy and loss by passes over all faces, of federated and (if there is any) central training.

    Args:
        plan: the plan.
        history: the rounds.
        pooled: the epochs of central training.
    """
    figure = new_figure(WIDE, 2.7)
    panels = zip(figure.subplots(1, 2), (("accuracy", "val_accuracy"), ("loss", "val_loss")), strict=True)
    each = plan.passes / plan.rounds
    runs = [("federated", history, each, SERIES[0], "o"), ("central", pooled, 1.0, SERIES[1], "s")]
    for axes, (title, column) in panels:
        for name, rows, passes, color, marker in runs:
            if rows:
                places = [row["epoch"] * passes for row in rows]
                values = [row[column] for row in rows]
                axes.plot(places, values, color=color, marker=marker, markersize=3.5, label=name)
        axes.set_title(title)
        axes.set_xlabel("passes over all faces")
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    figure.axes[0].yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
    figure.axes[0].legend(loc="lower right")
    return figure


@styled
def draw_clients(counts: Counts, label_set: LabelSet) -> Figure:
    """Draw a bar for each client, with its faces stacked by label.

    Args:
        counts: number of faces of each client and label, int64 (clients, K).
        label_set: the K emotions.
    """
    figure = new_figure(WIDE, 0.8 + 0.24 * len(counts))
    axes = figure.subplots()
    left = np.zeros(len(counts))
    for k, emotion in enumerate(label_set.names):
        axes.barh(
            range(len(counts)),
            counts[:, k],
            left=left,
            color=rgb(emotion),
            edgecolor=SOFT,
            linewidth=0.4,
            label=emotion,
        )
        left += counts[:, k]
    axes.set_yticks(range(len(counts)), [f"client {number}" for number in range(1, len(counts) + 1)])
    axes.invert_yaxis()
    axes.grid(False, axis="y")
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.set_xlabel("faces")
    figure.legend(loc="outside upper center", ncols=len(label_set))
    return figure
