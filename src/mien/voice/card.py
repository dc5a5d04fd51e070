"""Format the model cards of voice bundles as text for a terminal."""

from __future__ import annotations

from typing import Any

from mien.tables import align
from mien.voice.bundle import VoiceBundle, released_voices


def voices_table() -> str:
    """Return a table of the released voice bundles with their figures; empty without any."""
    rows = [["voice bundle", "size", "votes", "intended", "ECE", "emotions"]]
    for name, path in released_voices().items():
        bundle = VoiceBundle.load(path)
        results = results_of(bundle)
        errors = " / ".join(f"{result['metrics']['ece']:.3f}" for result in results.values())
        scores = [_accuracy(results.get(head)) for head in ("votes", "intended")]
        rows.append([name, f"{len(bundle.content) / 1e6:.1f} MB", *scores, errors, ", ".join(bundle.labels.names)])
    if len(rows) == 1:
        return ""
    return (
        f"{align(rows)}\n"
        "Accuracy [95 % interval over speakers] on speakers who were not learnt, but on whom it is calibrated: of the "
        "plurality of people's votes, and of what was acted."
    )


def voice_card(bundle: VoiceBundle) -> str:
    """Return the model card of a voice bundle, from its metadata."""
    metadata = bundle.metadata
    card = metadata.card
    lines = [f"{metadata.name}  ({bundle.source}, {len(bundle.content) / 1e6:.1f} MB)", ""]
    if "not_for" in card:
        lines += [str(card["not_for"]), ""]
    lines += [
        f"input     mono sound, {metadata.rate} samples per second, made for windows of {metadata.window:g} s",
        f"emotions  {', '.join(metadata.labels.names)}",
        f"heads     {', '.join(metadata.heads)}; shares of people at temperature {metadata.share_temperature:.3f}",
    ]
    try:
        lines += _facts(card)
    except (KeyError, TypeError, ValueError, AttributeError):
        lines.append("card      written by other means than `mien train`; --json prints it")
    return "\n".join([*lines, *(f"notice    {notice}" for notice in card.get("notices", []))])


def results_of(bundle: VoiceBundle) -> dict[str, dict[str, Any]]:
    """Return the results of a bundle's card by head."""
    return {result["name"]: result for result in bundle.metadata.card.get("metrics", {}).get("results", [])}


def _facts(card: dict[str, Any]) -> list[str]:
    """Return the lines on what `mien train` wrote into the card; other content raises an exception."""
    training, metrics = card["training"], card["metrics"]
    sources = ", ".join(f"{name} ({count} clips)" for name, count in training["data"]["sources"].items())
    lines = [
        f"weights   {training['parameters']:,}",
        f"data      {sources}",
        f"recipe    {card['recipe']['name']}, seed {card['recipe']['seed']}, {card['recipe']['epochs']} epochs",
        f"not learnt  {len(training['data']['validation_speakers'])} speakers, on whom it is calibrated and measured",
    ]
    for result in metrics["results"]:
        lines.append(
            f"measured  {result['name']}, n = {result['n']:,}: accuracy {_accuracy(result)}, balanced "
            f"{100 * result['metrics']['balanced_accuracy']:.1f}, NLL {result['metrics']['nll']:.3f}, "
            f"ECE {result['metrics']['ece']:.3f}"
        )
    if (strength := metrics["strength"]) is not None:
        kind = "experimental: hardly" if strength["experimental"] else "it is"
        lines.append(
            f"strength  mean absolute error {strength['error']:.3f}, correlation {strength['correlation']:.2f}; {kind} "
            f"better than predicting the mean, by {strength['gain']:.0%}"
        )
    return lines


def _accuracy(result: dict[str, Any] | None) -> str:
    """Format the accuracy in percent, "67.9 [66.4, 69.5]", or a dash."""
    if not result:
        return "-"
    accuracy = f"{100 * result['metrics']['accuracy']:.1f}"
    if "accuracy" not in result["intervals"]:  # one speaker alone has none
        return accuracy
    low, high = result["intervals"]["accuracy"]
    return f"{accuracy} [{100 * low:.1f}, {100 * high:.1f}]"
