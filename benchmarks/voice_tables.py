"""Put the figures of `benchmarks.voice` into docs/voice.md: the tables between its marks."""

from __future__ import annotations

from typing import Any

from benchmarks.page import write_table

PARTS = ("cremad", "people", "folds_done", "transfer", "loso", "reverse", "fusion", "worse_sound")
NAMES = {"votes": "plurality of voice votes", "intended": "intended emotion"}


def write_tables(values: dict[str, Any]) -> None:
    """Write every table of the page; nothing while parts of the figures are missing."""
    if missing := [name for name in PARTS if name not in values]:
        print(f"no tables yet, without {', '.join(missing)}")
        return
    write_table("voice", *overview(values), page="voice")
    write_table("voice.emodb", *emodb(values), page="voice")
    write_table("voice.per_class", *per_class(values), page="voice")
    write_table("voice.groups", *groups(values), page="voice")
    write_table("voice.worse", *worse(values), page="voice")
    write_table("voice.fusion", *fusion(values), page="voice")


def overview(values: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return CREMA-D's table: the network, one rater, and openSMILE."""
    columns = ["CREMA-D, actors never heard", "against", "clips", "accuracy", "balanced", "macro-F1", "NLL", "ECE"]
    rows = []
    for result in values["cremad"]["results"]:
        cells = [cell(result, name, 100) for name in ("accuracy", "balanced_accuracy")]
        cells += [cell(result, name, 1) for name in ("macro_f1", "nll", "ece")]
        rows.append([f"network, {len(values['folds_done'])} folds", NAMES[result["name"]], f"{result['n']:,}", *cells])
    people = values["people"]
    for key, name in (("plurality", "plurality of the other raters"), ("intended", "intended emotion")):
        low, high = people["intervals"][key]
        accuracy = f"{100 * people[key]:.1f} [{100 * low:.1f}, {100 * high:.1f}]"
        rows.append(["one human rater", name, "7,442", accuracy, f"{100 * people[f'{key}_balanced']:.1f}", "", "", ""])
    for head in NAMES:
        if "egemaps" in values:
            found = values["egemaps"][head]
            accuracy, balanced = (f"{100 * found[name]:.1f}" for name in ("accuracy", "balanced_accuracy"))
            rows.append(["openSMILE eGeMAPS, SVM", NAMES[head], "7,442", accuracy, balanced, "", "", ""])
    return columns, rows


def emodb(values: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return EmoDB's table: transfer, and leaving one speaker out."""
    columns = ["trained on", "judged on", "head", "accuracy", "unweighted recall"]
    rows = []
    for head, found in values["transfer"].items():
        networks = found["networks"]
        accuracies = [100 * each["accuracy"] for each in networks]
        recalls = [100 * each["balanced_accuracy"] for each in networks]
        rows.append(["CREMA-D, a fold each", "EmoDB, six emotions", head, spread(accuracies), spread(recalls)])
    for kind, name in (("tuned", "CREMA-D, then EmoDB without the speaker"), ("scratch", "EmoDB without the speaker")):
        if values["loso"][kind]:
            found = values["loso"][kind]
            for head in NAMES:
                low, high = found[head]["intervals"].get("balanced_accuracy", (float("nan"),) * 2)
                recall = f"{100 * found[head]['balanced_accuracy']:.1f} [{100 * low:.1f}, {100 * high:.1f}]"
                where = f"EmoDB, {len(found['speakers'])} speakers left out"
                rows.append([name, where, head, f"{100 * found[head]['accuracy']:.1f}", recall])
    if values["reverse"]:
        found = values["reverse"]
        row = [f"{100 * found[name]:.1f}" for name in ("accuracy", "balanced_accuracy")]
        rows.append(["EmoDB", "CREMA-D", "intended", *row])
    if "egemaps" in values:
        for key, trained in (
            ("transfer", "CREMA-D: eGeMAPS, SVM"),
            ("loso", "EmoDB less the speaker: eGeMAPS, SVM"),
        ):
            found = values["egemaps"][key]
            row = [f"{100 * found[name]:.1f}" for name in ("accuracy", "balanced_accuracy")]
            rows.append([trained, "EmoDB, six emotions", "intended", *row])
    return columns, rows


def per_class(values: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return recall and precision of every emotion."""
    columns = ["", "recall", "precision", "F1", "clips"]
    rows = []
    for result in values["cremad"]["results"]:
        rows.append([f"**{NAMES[result['name']]}**", "", "", "", ""])
        for emotion, found in result["per_class"].items():
            row = [f"{found[name]:.2f}" for name in ("recall", "precision", "f1")]
            rows.append([emotion, *row, f"{found['support']:,}"])
    return columns, rows


def groups(values: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return the scores of groups of actors, and the tests of their differences."""
    columns = ["", "actors", "clips", "right", "largest gap", "p", "p, corrected"]
    rows = []
    for found in values["cremad"]["groups"]:
        rows.append([f"**{found['attribute']}**", "", "", "", *(f"{found[n]:.3f}" for n in ("gap", "p", "corrected"))])
        for each in found["groups"]:
            score = f"{100 * each['score']:.1f} [{100 * each['low']:.1f}, {100 * each['high']:.1f}]"
            rows.append([each["group"], str(each["speakers"]), f"{each['clips']:,}", score, "", "", ""])
        if found["left_out"]:
            rows.append([f"too few: {', '.join(found['left_out'])}", "", "", "", "", "", ""])
    return columns, rows


def worse(values: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return the released bundle's scores on worse recordings."""
    columns = ["sound", *(f"{name}: {what}" for name in NAMES for what in ("accuracy", "balanced"))]
    rows = []
    for condition, found in values["worse_sound"].items():
        cells = [f"{100 * found[head][name]:.1f}" for head in NAMES for name in ("accuracy", "balanced_accuracy")]
        rows.append([condition, *cells])
    return columns, rows


def fusion(values: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return how well each way of joining agrees with what people perceive in both."""
    columns = ["", "people's voice: cross-entropy", "agreement", "the network's voice: cross-entropy", "agreement"]
    names = {
        "face": "the face's votes alone",
        "voice": "the voice alone",
        "mean": "mean of both",
        "weights": "log-linear, two weights",
        "weights_and_offsets": "and a summand per emotion",
    }
    rows = []
    for key, name in names.items():
        row = [name]
        for kind in ("people", "network"):
            found = values["fusion"][kind][key]
            row += [f"{found['cross_entropy']:.3f}", f"{100 * found['agreement']:.1f}"]
        rows.append(row)
    return columns, rows


def cell(result: dict[str, Any], name: str, factor: float) -> str:
    """Format a metric with its interval."""
    digits = 1 if factor == 100 else 3
    low, high = result["intervals"][name]
    value = result["metrics"][name]
    return f"{factor * value:.{digits}f} [{factor * low:.{digits}f}, {factor * high:.{digits}f}]"


def spread(values: list[float]) -> str:
    """Format the mean of several networks, with the smallest and largest."""
    return f"{sum(values) / len(values):.1f} ({min(values):.1f} to {max(values):.1f})"
