"""Write the page of a study: who was seen, curves with bands, contrasts, events, methods, citations, provenance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mien.face import VOTE_NUMBERS
from mien.figure_style import SERIES, SOFT, WIDE, new_figure, styled
from mien.report.page import PageTable, Plot, Section, write_page
from mien.studies.reading import LARGEST, Frame
from mien.studies.run import StudyResult
from mien.studies.statistics import AUTO, WITHIN
from mien.version import __version__

COLUMNS = 3
"""Panels side by side."""

TITLES = {
    "proportion": "proportion of the time seen in which the emotion was reported",
    "mean": "mean probability",
    "peak": "highest probability",
    "peak_time": "seconds to the highest probability",
    "time_to_first": "seconds to the first report",
    "episodes": "number of episodes",
    "episode_seconds": "mean seconds of an episode",
}
"""Measure -> its description on the page."""

CITATIONS = (
    "Westfall, P. H., & Young, S. S. (1993). Resampling-based multiple testing. Wiley. [max-T]",
    "Nichols, T. E., & Holmes, A. P. (2002). Nonparametric permutation tests for functional neuroimaging: a primer "
    "with examples. Human Brain Mapping, 15, 1-25. [permutation tests by flipped signs]",
    "Chung, E., & Romano, J. P. (2013). Exact and asymptotically robust permutation tests. Annals of Statistics, 41, "
    "484-507. [studentised permutation of groups]",
    "Efron, B., & Tibshirani, R. J. (1993). An introduction to the bootstrap. Chapman & Hall. [bootstrap-t]",
    "Barsoum, E., Zhang, C., Ferrer, C. C., & Zhang, Z. (2016). Training deep networks for facial expression "
    "recognition with crowd-sourced label distribution. ICMI. [FER+]",
    "Goodfellow, I. J., et al. (2013). Challenges in representation learning: a report on three machine learning "
    "contests. ICONIP. [FER2013]",
)


def write_study_page(
    result: StudyResult, out: str | Path, progress: Callable[[str, float], None] = lambda stage, share: None
) -> Path:
    """Write `report.html`, one file without external files, and each figure as PNG in `figures/`; return its path.

    Args:
        result: what `mien.studies.run.run_study` returns.
        out: the folder.
        progress: called with the stage and the share that is done, 0 to 1.
    """
    plan = result.plan
    presentations = plan.participants
    under = (
        f"{presentations['participant'].nunique()} participants, {presentations['condition'].nunique()} conditions, "
        f"{presentations['film'].nunique()} films, {len(presentations)} presentations."
    )
    return write_page(
        "study.html",
        Path(out) / "report.html",
        list(_sections(result)),
        lambda share: progress("writing the page", 0.95 + 0.05 * share),
        title=plan.title,
        under=under,
        notes=result.notes,
        citations=CITATIONS,
        emotions=set(result.labels.names),
        version=__version__,
        date=datetime.now(UTC).date().isoformat(),
    )


def _sections(result: StudyResult) -> Iterator[Section]:
    value, level = result.plan.statistics.value, result.plan.statistics.level
    title, band = TITLES[value], f"{100 * level:g} %"
    yield Section("seen", "Who was seen", tables=[_seen(result)])
    conditions = result.tables["conditions"]
    curve = result.tables[f"curves-{result.plan.measures.bins[0]:g}s"]
    yield Section(
        "conditions",
        "Means and curves",
        f"Every figure is over participants: {title}. Time without the face is missing and counts nowhere.",
        tables=[_means(conditions, band)],
        plots=[
            Plot(
                "curves",
                "Over time",
                draw_curves(curve, value.replace("_", " ")),
                f"Mean over participants in bins of {result.plan.measures.bins[0]:g} s, with pointwise {band} bands "
                "(studentised bootstrap over participants). No band: fewer than three participants, or all are equal.",
                f"A panel for each outcome with a curve for each condition over time: {title}",
            )
        ],
    )
    if "contrasts" in result.tables:
        found = result.tables["contrasts"]
        clear = found[found["p_corrected"] <= 1 - level]
        names = ", ".join(f"{row['outcome']} ({row['a']} against {row['b']})" for _, row in clear.iterrows())
        yield Section(
            "contrasts",
            "Contrasts",
            f"Different after correction, p at most {1 - level:.3g}: {names or 'none'}. That a difference is not found "
            "does not show that there is none: the intervals say how large it may be.",
            tables=[_contrasts(found, band)],
            plots=[
                Plot(
                    "contrasts",
                    "Differences",
                    draw_contrasts(found, value.replace("_", " ")),
                    f"First condition minus second, with {band} intervals, which are not corrected for their number; "
                    "filled: p at most "
                    f"{1 - level:.3g} after correction.",
                    f"Differences between conditions with intervals; different after correction: {names or 'none'}",
                )
            ],
        )
    if "events-conditions" in result.tables:
        yield Section("events", "Events", plots=[_event_plot(result, title, band)])
    yield Section("methods", "Methods", methods(result))
    yield Section("provenance", "Provenance", tables=[_provenance(result)])


def methods(result: StudyResult) -> str:
    """Return a paragraph that says how the study was analyzed, for a paper."""
    plan, provenance = result.plan, result.provenance
    chosen, one = plan.statistics, plan.participants
    several = one.groupby("participant")["condition"].nunique().max() > 1
    within = chosen.design == WITHIN or (chosen.design == AUTO and several)
    model = plan.model.name
    digest = provenance["model_sha256"]
    films = (
        f"Films were read with mien {__version__} (model {model}, SHA-256 {digest[:12]}). "
        if digest
        else f"Rows of mien's video analysis were analyzed with mien {__version__}. "
    )
    largest = set(one["face"]) == {LARGEST}
    face = "the largest of the frame" if largest else "chosen by its track, as the plan says"
    test = (
        "Differences were tested by flipping the signs of participants' differences"
        if within
        else "Groups were compared by permuting participants between them, with Welch's t as the statistic"
    )
    compared = (
        f"{test} ({chosen.rounds:,} permutations, seed {chosen.seed}); p-values are two-sided and corrected for all "
        "outcomes and pairs of conditions of a table by the largest statistic (max-T), which holds the family-wise "
        f"error. Intervals of differences ({100 * chosen.level:g} %) use the quantile of |t| under permuted "
        "deviations. "
        if "contrasts" in result.tables
        else ""
    )
    return (
        f"{films}In each analyzed frame the emotions ({', '.join(result.labels.names)}) have calibrated probabilities, "
        "and one is reported. Each participant's face was "
        f"{face}. Frames without it are missing: no measure counts them. The measure is the "
        f"{TITLES[chosen.value]}; presentations of one participant and condition were averaged, and the participant is "
        f"the unit of all statistics ({one['participant'].nunique()} participants). Bands are studentised bootstrap "
        f"intervals over participants ({chosen.rounds:,} resamples). {compared}The emotions are what people see in "
        "faces, estimated by a network; they are not what participants felt."
    )


def _number(value: Any, digits: int = 3) -> str:
    return "" if pd.isna(value) else f"{value:.{digits}f}"


def _seen(result: StudyResult) -> PageTable:
    one = result.tables["presentations"].drop_duplicates(["participant", "condition", "film"])
    rows = []
    for condition, part in one.groupby("condition", sort=False):
        seen, missing = part["seen"].sum(), part["missing"].sum()
        share = seen / (seen + missing) if seen + missing else 0.0
        never = int((part["seen"] == 0).sum())
        rows.append(
            [
                str(condition),
                str(part["participant"].nunique()),
                str(len(part)),
                f"{seen:.1f} s",
                f"{share:.1%}",
                str(never),
            ]
        )
    return PageTable(["condition", "participants", "presentations", "face seen", "share", "never seen"], rows)


def _means(conditions: Frame, band: str) -> PageTable:
    names = list(dict.fromkeys(conditions["condition"]))
    rows = []
    for outcome, part in conditions.dropna(subset=["mean"]).groupby("outcome", sort=False):
        cells = part.set_index("condition").reindex(names)
        rows.append(
            [
                str(outcome),
                *(f"{_number(c['mean'])} [{_number(c['low'])}, {_number(c['high'])}]" for _, c in cells.iterrows()),
            ]
        )
    return PageTable(["outcome", *map(str, names)], rows, f"Mean over participants with {band} interval")


def _contrasts(found: Frame, band: str) -> PageTable:
    header = ["outcome", "pair", "n", "difference", f"{band} interval", "effect", "p", "p corrected"]
    rows: list[list[str]] = []
    best = set()
    for _, row in found.dropna(subset=["difference"]).iterrows():
        people = f"{row['n_a']}" if row["n_a"] == row["n_b"] else f"{row['n_a']}, {row['n_b']}"
        interval = "" if pd.isna(row["low"]) else f"{_number(row['low'])} to {_number(row['high'])}"
        numbers = (_number(row["effect"], 2), _number(row["p"], 4), _number(row["p_corrected"], 4))
        if row["p_corrected"] <= 0.05:
            best.add((len(rows), 7))
        rows.append(
            [row["outcome"], f"{row['a']} − {row['b']}", people, _number(row["difference"]), interval, *numbers]
        )
    return PageTable(header, rows, "Effect: Hedges' g, or the standardized mean of the differences", frozenset(best))


@styled
def draw_curves(curve: Frame, title: str) -> Figure:
    """Draw a panel for each outcome with a line and a band for each condition.

    Args:
        curve: condition, outcome, start in seconds, mean, low and high.
        title: what the values are.
    """
    known = curve.dropna(subset=["mean"])
    outcomes, conditions = list(dict.fromkeys(known["outcome"])), list(dict.fromkeys(curve["condition"]))
    highest = np.nanmax(known.loc[~known["outcome"].isin(VOTE_NUMBERS), ["mean", "high"]].to_numpy(float), initial=0)
    lines = max(1, -(-len(outcomes) // COLUMNS))
    figure = new_figure(WIDE, 0.6 + 1.7 * lines)
    panels = figure.subplots(lines, COLUMNS, squeeze=False).ravel()
    for panel in panels[len(outcomes) :]:
        panel.remove()
    for panel, outcome in zip(panels, outcomes, strict=False):
        for number, condition in enumerate(conditions):
            part = known[(known["outcome"] == outcome) & (known["condition"] == condition)].sort_values("start")
            color = SERIES[number % len(SERIES)]
            times = part["start"].to_numpy(float)
            panel.plot(times, part["mean"], color=color, label=str(condition), marker="." if len(part) < 40 else None)
            panel.fill_between(
                times, part["low"].to_numpy(float), part["high"].to_numpy(float), color=color, alpha=0.2, lw=0
            )
        panel.set_title(outcome)
        if outcome not in VOTE_NUMBERS:  # the emotions have one scale
            panel.set_ylim(0, 1.05 * highest or 1)
    figure.supxlabel("seconds from the start", fontsize=8.5)
    figure.supylabel(title, fontsize=8.5)
    if outcomes:
        handles, names = panels[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper left", ncols=4)
    return figure


@styled
def draw_contrasts(found: Frame, title: str) -> Figure:
    """Draw the difference of each pair of conditions and outcome with its interval.

    Args:
        found: what `mien.studies.statistics.contrasts` returns.
        title: what the values are.
    """
    found = found.dropna(subset=["difference"])
    pairs = list(dict.fromkeys(zip(found["a"], found["b"], strict=True)))
    outcomes = list(dict.fromkeys(found["outcome"]))
    figure = new_figure(WIDE, 0.9 + 0.26 * len(outcomes))
    panels = figure.subplots(1, max(1, len(pairs)), sharey=True, squeeze=False)[0]
    for panel, (a, b) in zip(panels, pairs, strict=False):
        panel.axvline(0, color=SOFT, linewidth=0.8)
        part = found[(found["a"] == a) & (found["b"] == b)]
        for _, row in part.iterrows():
            line, clear = outcomes.index(row["outcome"]), row["p_corrected"] <= 0.05
            panel.plot([row["low"], row["high"]], [line, line], color=SERIES[0])
            face = SERIES[0] if clear else "white"
            panel.plot(row["difference"], line, "o", color=SERIES[0], markerfacecolor=face, markersize=5)
        panel.set_title(f"{a} − {b}")
    panels[0].set_yticks(range(len(outcomes)), outcomes)
    panels[0].set_ylim(len(outcomes) - 0.5, -0.5)
    figure.supxlabel(f"difference: {title}", fontsize=8.5)
    return figure


def _event_plot(result: StudyResult, title: str, band: str) -> Plot:
    return Plot(
        "events",
        "Before, during and after",
        draw_events(result.tables["events-conditions"], result.plan.statistics.value.replace("_", " ")),
        f"Mean over participants with {band} intervals; {result.plan.measures.before:g} s before, "
        f"{result.plan.measures.after:g} s after.",
        f"A panel for each event and outcome that changes, with the phases of the event: {title}",
    )


@styled
def draw_events(table: Frame, title: str) -> Figure:
    """Draw, for each event, the outcomes before, during and after it; a line for each condition.

    Args:
        table: condition, outcome, event, phase, mean, low and high.
        title: what the values are.
    """
    known = table.dropna(subset=["mean"])
    events, conditions = list(dict.fromkeys(known["event"])), list(dict.fromkeys(known["condition"]))
    outcomes = list(dict.fromkeys(known["outcome"]))
    figure = new_figure(WIDE, 0.7 + 1.5 * max(1, len(events)))
    grid = figure.subplots(max(1, len(events)), 3, sharey="row", squeeze=False)
    for row, event in zip(grid, events, strict=False):
        for panel, phase in zip(row, ("before", "during", "after"), strict=True):
            for number, condition in enumerate(conditions):
                part = known[(known["event"] == event) & (known["phase"] == phase) & (known["condition"] == condition)]
                places = np.array([outcomes.index(name) for name in part["outcome"]]) + 0.18 * number
                color = SERIES[number % len(SERIES)]
                panel.plot(places, part["mean"], "o", color=color, markersize=3.5, label=str(condition))
                panel.vlines(places, part["low"], part["high"], color=color, linewidth=1.2)
            panel.set_xticks(range(len(outcomes)), outcomes, rotation=60, ha="right", fontsize=7)
            panel.set_title(f"{event}: {phase}")
    figure.supylabel(title, fontsize=8.5)
    if events:
        handles, names = grid[0][0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper left", ncols=4)
    return figure


def _provenance(result: StudyResult) -> PageTable:
    found = result.provenance
    rows: list[list[str]] = [["mien", found["mien"]], ["written", found["written"]]]
    rows += [[name, version] for name, version in found["packages"].items()]
    rows += [
        [f"{section}.{name}", str(value)] for section, each in found["options"].items() for name, value in each.items()
    ]
    if found["model_sha256"]:
        rows.append(["model", found["model_sha256"][:16]])
    rows += [[Path(path).name, (digest or "")[:16]] for path, digest in {**found["plan"], **found["sources"]}.items()]
    return PageTable(
        ["what", "value"], rows, "Files: the beginning of their SHA-256. The same in full is in study.json."
    )
