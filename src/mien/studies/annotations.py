"""Write episodes as annotations for other programs: subtitles, ELAN, Praat, BORIS, BIDS, W3C Web Annotation.

Each person is a tier, each episode an annotation of it. Times are those of the rows, rounded to milliseconds.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from mien.errors import InputError
from mien.files import check_outputs, write_atomically
from mien.studies.measures import MAX_GAP, episodes
from mien.studies.reading import Frame, VideoRows
from mien.version import __version__


@dataclass(frozen=True, eq=False)
class Annotations:
    """Hold what is annotated.

    Attributes:
        episodes: what `mien.studies.measures.episodes` returns.
        media: the film's path or address, as the files name it; empty: unknown.
        duration: seconds that the annotations cover.
        rate: the film's frames per second, from the rows' frame numbers; 0: unknown.
    """

    episodes: Frame
    media: str
    duration: float
    rate: float

    def people(self) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        """Yield each person's name and episodes, in order of time."""
        for track, part in self.episodes.groupby("track", sort=True):
            yield f"person {track}", part.to_dict("records")

    def all(self) -> list[dict[str, Any]]:
        """Return the episodes of all people in order of time."""
        found: list[dict[str, Any]] = self.episodes.to_dict("records")
        return found


def annotations_of(
    rows: VideoRows, media: str = "", *, min_seconds: float = 0.0, max_gap: float = MAX_GAP
) -> Annotations:
    """Find the episodes of all people of a video.

    Args:
        rows: the rows of the video.
        media: the film's path or address, which the files refer to.
        min_seconds: shorter episodes are left out.
        max_gap: seconds; a shorter time without the face does not end an episode.

    Raises:
        InputError: a number is below 0.
    """
    if min_seconds < 0 or max_gap < 0:
        raise InputError(f"expected min_seconds and max_gap from 0, got {min_seconds} and {max_gap}")
    found = episodes(rows.table, max_gap=max_gap)
    found = found[found["end"] - found["start"] >= min_seconds].reset_index(drop=True)
    duration = float((rows.table["time"] + rows.table["seconds"]).max()) if len(rows.table) else 0.0
    spans = [float(rows.table[name].max() - rows.table[name].min()) for name in ("frame", "time")]
    return Annotations(found, media, duration, spans[0] / spans[1] if spans[1] > 0 else 0.0)


def write_annotations(annotations: Annotations, path: str | Path) -> list[Path]:
    """Write annotations in the format that the name's end tells; return the files.

    Args:
        annotations: what is written.
        path: a name that ends in a suffix of FORMATS; BIDS's `_events.tsv` gets a `.json` beside it.

    Raises:
        InputError: the name ends in something else.
    """
    path = Path(path)
    text = format_of(path)(annotations)
    if path.name.endswith("_events.tsv"):
        beside = path.with_suffix(".json")
        check_outputs([path, beside])
        return [write_atomically(path, text), write_atomically(beside, json.dumps(_BIDS, indent=2) + "\n")]
    return [write_atomically(path, text)]


def format_of(path: str | Path) -> Callable[[Annotations], str]:
    """Return the function that makes a file's text; raise InputError for an unknown name."""
    for suffix, make in FORMATS.items():
        if str(path).lower().endswith(suffix.lower()):
            return make
    raise InputError(f"{path}: expected a name that ends in {', '.join(FORMATS)}. Choose one of these")


def _subtitle_time(seconds: float, mark: str) -> str:
    whole = round(seconds * 1000)
    return f"{whole // 3_600_000:02d}:{whole // 60_000 % 60:02d}:{whole // 1000 % 60:02d}{mark}{whole % 1000:03d}"


def to_webvtt(annotations: Annotations) -> str:
    """Return WebVTT subtitles; the speaker of a cue is the person."""
    lines = ["WEBVTT", ""]
    for each in annotations.all():
        lines.append(f"{_subtitle_time(each['start'], '.')} --> {_subtitle_time(each['end'], '.')}")
        lines += [f"<v person {each['track']}>{each['emotion']}</v>", ""]
    return "\n".join(lines)


def to_srt(annotations: Annotations) -> str:
    """Return SubRip subtitles."""
    lines = []
    for number, each in enumerate(annotations.all(), 1):
        times = f"{_subtitle_time(each['start'], ',')} --> {_subtitle_time(each['end'], ',')}"
        lines += [str(number), times, f"person {each['track']}: {each['emotion']}", ""]
    return "\n".join(lines)


def to_elan(annotations: Annotations) -> str:
    """Return an annotation document of ELAN (EAF 3.0), a tier for each person."""
    document = ElementTree.Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": f"mien {__version__}",
            "DATE": datetime.now(UTC).isoformat(timespec="seconds"),
            "FORMAT": "3.0",
            "VERSION": "3.0",
            "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
            "xsi:noNamespaceSchemaLocation": "http://www.mpi.nl/tools/elan/EAFv3.0.xsd",
        },
    )
    header = ElementTree.SubElement(document, "HEADER", {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"})
    if annotations.media:
        kind = {".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime"}
        mime = kind.get(Path(annotations.media).suffix.lower(), "unknown")
        url, relative = _url(annotations.media), f"./{Path(annotations.media).name}"
        media = {"MEDIA_URL": url, "MIME_TYPE": mime, "RELATIVE_MEDIA_URL": relative}
        ElementTree.SubElement(header, "MEDIA_DESCRIPTOR", media)
    order = ElementTree.SubElement(document, "TIME_ORDER")
    tiers, slots, number = [], [], 0
    for name, found in annotations.people():
        tier = ElementTree.Element("TIER", {"LINGUISTIC_TYPE_REF": "emotion", "PARTICIPANT": name, "TIER_ID": name})
        for each in found:
            number += 1
            begin, end = f"ts{2 * number - 1}", f"ts{2 * number}"
            slots += [(round(1000 * each["start"]), begin), (round(1000 * each["end"]), end)]
            attributes = {"ANNOTATION_ID": f"a{number}", "TIME_SLOT_REF1": begin, "TIME_SLOT_REF2": end}
            one = ElementTree.SubElement(ElementTree.SubElement(tier, "ANNOTATION"), "ALIGNABLE_ANNOTATION", attributes)
            ElementTree.SubElement(one, "ANNOTATION_VALUE").text = each["emotion"]
        tiers.append(tier)
    for value, slot in sorted(slots):
        ElementTree.SubElement(order, "TIME_SLOT", {"TIME_SLOT_ID": slot, "TIME_VALUE": str(value)})
    document.extend(tiers)
    kind_of_tier = {"GRAPHIC_REFERENCES": "false", "LINGUISTIC_TYPE_ID": "emotion", "TIME_ALIGNABLE": "true"}
    ElementTree.SubElement(document, "LINGUISTIC_TYPE", kind_of_tier)
    ElementTree.indent(document)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(document, encoding="unicode") + "\n"


def to_praat(annotations: Annotations) -> str:
    """Return a TextGrid of Praat, an interval tier for each person; stretches without an episode are empty."""
    people = list(annotations.people()) or [("nobody", [])]  # Praat reads no TextGrid without a tier, or a length
    last = max([0.001, round(annotations.duration, 3), *(round(each["end"], 3) for each in annotations.all())])
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {last:.3f}"]
    lines += ["tiers? <exists>", f"size = {len(people)}", "item []:"]
    for number, (name, found) in enumerate(people, 1):
        intervals, now = [], 0.0
        for each in found:
            start, end = round(each["start"], 3), round(each["end"], 3)
            if start > now:
                intervals.append((now, start, ""))
            intervals.append((start, end, each["emotion"]))
            now = end
        if now < last:
            intervals.append((now, last, ""))
        lines += [f"    item [{number}]:", '        class = "IntervalTier"', f'        name = "{name}"']
        lines += ["        xmin = 0", f"        xmax = {last:.3f}", f"        intervals: size = {len(intervals)}"]
        for place, (start, end, text) in enumerate(intervals, 1):
            lines += [
                f"        intervals [{place}]:",
                f"            xmin = {start:.3f}",
                f"            xmax = {end:.3f}",
            ]
            lines.append(f'            text = "{text}"')
    return "\n".join(lines) + "\n"


BORIS_COLUMNS = (
    *("Observation id", "Observation date", "Description", "Observation type", "Source", "Media duration (s)", "FPS"),
    *("Subject", "Behavior", "Behavioral category", "Behavior type", "Start (s)", "Stop (s)", "Duration (s)"),
    *("Media file name", "Comment start", "Comment stop"),
)
"""Columns of BORIS's aggregated events."""


def to_boris(annotations: Annotations) -> str:
    """Return aggregated events of BORIS as CSV: subject person, behavior emotion, state events."""
    name = Path(annotations.media).name
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(BORIS_COLUMNS)
    for each in annotations.all():
        start, end = round(each["start"], 3), round(each["end"], 3)
        made = f"mien {__version__}, mean probability {each['mean']:.3f}"
        film = [Path(name).stem or "mien", "", "", "Media file(s)", f"player #1:{name}"]
        length = [f"{annotations.duration:.3f}", f"{annotations.rate:.3f}"]
        what = [f"person {each['track']}", each["emotion"], "emotion", "STATE"]
        times = [f"{start:.3f}", f"{end:.3f}", f"{end - start:.3f}"]
        writer.writerow([*film, *length, *what, *times, name, made, ""])
    return text.getvalue()


_BIDS: dict[str, Any] = {
    "onset": {"Description": "Start of the episode, from the start of the film", "Units": "s"},
    "duration": {"Description": "Length of the episode", "Units": "s"},
    "trial_type": {"Description": "The reported emotion of the person's face"},
    "person": {"Description": "The person's number in the film"},
    "mean_probability": {"Description": "Mean calibrated probability of the emotion, 0 to 1"},
    "peak_probability": {"Description": "Highest calibrated probability of the emotion, 0 to 1"},
    "GeneratedBy": {"Name": "mien", "Version": __version__},
}
"""The JSON file beside BIDS's table of events."""


def to_bids(annotations: Annotations) -> str:
    """Return a table of events as BIDS has it, separated by tabs."""
    lines = ["\t".join(name for name in _BIDS if name != "GeneratedBy")]
    for each in annotations.all():
        start, end = round(each["start"], 3), round(each["end"], 3)
        numbers = f"{each['track']}\t{each['mean']:.4f}\t{each['peak']:.4f}"
        lines.append(f"{start:.3f}\t{end - start:.3f}\t{each['emotion']}\t{numbers}")
    return "\n".join(lines) + "\n"


def to_web_annotation(annotations: Annotations) -> str:
    """Return a collection of W3C Web Annotations, JSON-LD; each targets a stretch of the film (Media Fragments)."""
    source = _url(annotations.media) if annotations.media else "urn:mien:film"
    software = {"type": "Software", "name": f"mien {__version__}"}
    items = []
    for each in annotations.all():
        selector = {
            "type": "FragmentSelector",
            "conformsTo": "http://www.w3.org/TR/media-frags/",
            "value": f"t={each['start']:.3f},{each['end']:.3f}",
        }
        items.append(
            {
                "type": "Annotation",
                "motivation": "tagging",
                "generator": software,
                "body": [
                    {"type": "TextualBody", "purpose": "tagging", "value": each["emotion"]},
                    {"type": "TextualBody", "purpose": "identifying", "value": f"person {each['track']}"},
                ],
                "target": {"source": source, "selector": selector},
            }
        )
    collection = {
        "@context": "http://www.w3.org/ns/anno.jsonld",
        "type": "AnnotationCollection",
        "label": "Episodes of reported emotions",
        "total": len(items),
        "first": {"type": "AnnotationPage", "startIndex": 0, "items": items},
    }
    return json.dumps(collection, indent=2, ensure_ascii=False) + "\n"


def _url(media: str) -> str:
    return media if "://" in media else Path(media).resolve().as_uri()


FORMATS: dict[str, Callable[[Annotations], str]] = {
    ".vtt": to_webvtt,
    ".srt": to_srt,
    ".eaf": to_elan,
    ".TextGrid": to_praat,
    "_events.tsv": to_bids,
    ".csv": to_boris,
    ".jsonld": to_web_annotation,
}
"""End of a name -> the function that makes the file's text."""
