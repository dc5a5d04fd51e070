"""Format the model cards of bundles as text for a terminal."""

from __future__ import annotations

from typing import Any

from mien.bundle import Bundle, released
from mien.labels import FERPLUS, LABEL_SETS, PLURALITY
from mien.tables import align

INTENDED = (
    "Reads the facial expression that people would see in a face. An expression is not a feeling, let alone\n"
    "an intention: do not use it to judge, rank, hire, diagnose or police anybody. See docs/model-card.md."
)


def models_table() -> str:
    """Return a table of the released bundles, with size, GFLOP and measured scores."""
    bundles = {name: Bundle.load(path, threads=1) for name, path in released().items()}
    heads = [name for name in LABEL_SETS if any(name in bundle.heads for bundle in bundles.values())]
    rows = [["bundle", "size", "GFLOP", *heads, "ECE", "labels"]]
    for name, bundle in bundles.items():
        results = main_results(bundle)
        work = bundle.metadata.card.get("training", {}).get("gflop_per_face")
        errors = " / ".join(f"{result['metrics']['ece']:.3f}" for result in results.values())
        scores = [accuracy(results.get(head)) for head in heads]
        size = f"{bundle.size / 1e6:.1f} MB"
        rows.append([name, size, "" if work is None else str(work), *scores, errors, ", ".join(bundle.heads)])
    return (
        f"{align(rows)}\n"
        "Accuracy [95 % interval] on PublicTest, one view; FER+ is the plurality of eight. Selected on the same split."
    )


def card(bundle: Bundle) -> str:
    """Return the model card of a bundle, from its metadata."""
    metadata = bundle.metadata
    lines = [f"{metadata.name}  ({bundle.source}, {bundle.size / 1e6:.1f} MB)", "", INTENDED, ""]
    size = metadata.input.size
    lines.append(
        f"input     gray {size}x{size}, the centre of a 48x48 face crop, "
        f"(pixel - {metadata.input.mean:g}) / {metadata.input.std:g}"
    )
    for head in metadata.heads:
        shares = (
            "" if head.share_temperature is None else f"; shares of people at temperature {head.share_temperature:.3f}"
        )
        lines.append(
            f"head      {head.name}: {', '.join(head.labels.names)}; temperature {head.temperature:.3f}{shares}"
        )
    lines.append(f"runs on   {bundle.runtime}")
    if "export" in metadata.card:
        lines.append(f"format    {metadata.card['export'].get('format')}, see `mien info --json` for how it compares")
    try:
        lines += _facts(bundle)
    except (KeyError, TypeError, ValueError, AttributeError):
        lines.append("card      written by other means than `mien train`; --json prints it")
    return "\n".join(lines)


def _facts(bundle: Bundle) -> list[str]:
    """Return the lines on what `mien train` wrote into the card; other content raises an exception."""
    facts = bundle.metadata.card
    training = facts.get("training", {})
    lines = []
    for key, label in {
        "parameters": "weights",
        "gflop_per_face": "GFLOP",
        "best_epoch": "epoch",
        "seconds": "seconds",
    }.items():
        if key in training:
            lines.append(f"{label:9} {training[key]:,}")
    if "data" in training:
        data = training["data"]
        count = "an unknown number of" if data["training"] is None else f"{data['training']:,}"
        sources = " and ".join(data.get("sources", {})) or "its clients"
        votes = ", votes of FER+" if data["votes"] else ""
        lines.append(f"data      {count} Training faces of {sources}{votes}; digest {data['digest'][:16]}")
    if "federated" in training:
        plan = {key.replace("_", " "): value for key, value in training["federated"].items()}
        lines.append(f"federated {', '.join(f'{key} {value}' for key, value in plan.items())}")
    if "recipe" in facts:
        recipe = facts["recipe"]
        lines.append(
            f"recipe    {recipe['name']}, seed {recipe['seed']}, {recipe['epochs']} epochs in batches of "
            f"{recipe['batch_size']}"
        )
    for key in ("commit", "mien", "started"):
        if training.get(key):
            lines.append(f"{key:9} {training[key]}")
    for name, result in main_results(bundle).items():
        lines.append(
            f"measured  {name}, {result['split']}, n = {result['n']:,}: accuracy {accuracy(result)}, "
            f"macro-F1 {result['metrics']['macro_f1']:.3f}, NLL {result['metrics']['nll']:.3f}, "
            f"ECE {result['metrics']['ece']:.3f}"
        )
    return lines


def main_results(bundle: Bundle) -> dict[str, dict[str, Any]]:
    """Return the main result of each head, from a bundle's card."""
    return main_results_of(bundle.metadata.card.get("metrics", {}).get("results", []))


def main_results_of(results: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the main result of each head: all faces of its labels, and FER+'s plurality of eight."""
    by_name = {result["name"]: result for result in results}
    wanted = {head: head for head in LABEL_SETS} | {FERPLUS.name: f"{FERPLUS.name}, {PLURALITY}"}
    found = {head: by_name.get(name, by_name.get(head)) for head, name in wanted.items()}
    return {head: result for head, result in found.items() if result}


def accuracy(result: dict[str, Any] | None) -> str:
    """Format the accuracy in percent, "67.9 [66.4, 69.5]", or a dash."""
    if not result:
        return "-"
    low, high = result["intervals"]["accuracy"]
    return f"{100 * result['metrics']['accuracy']:.1f} [{100 * low:.1f}, {100 * high:.1f}]"
