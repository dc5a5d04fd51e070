"""Describe a data set: counts, copies, contradicting labels, and pictures that are no faces.

This module knows arrays; it draws nothing (`mien.report.data` does) and reads no files.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.datasets.clean import has_conflict, is_no_face
from mien.datasets.duplicates import NearCopies, copy_groups, is_flat, join_groups, near_copies
from mien.datasets.faces import FaceDataset, Progress
from mien.datasets.ferplus import plurality
from mien.datasets.sources import ordered_splits, summary
from mien.files import write_atomically
from mien.labels import FERPLUS
from mien.tables import align

SCHEMA = 1
"""Version of the JSON schema."""

_WORST = 8  # pairs of labels that the table names

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Description:
    """Hold a data set and what was found in it.

    Attributes:
        dataset: the data set, N faces.
        copies: the group of identical faces that each face is in, int64 (N,).
        near: the pairs of near copies; None: not searched for.
        near_copies: the group of identical or nearly identical faces that each face is in, int64 (N,).
        flat: which faces are one shade, bool (N,).
        no_face: which faces FER+ says are no faces, bool (N,).
        plurality: the plurality of the FER+ votes as an index into the label set, int64 (N,), -1 without votes for an
            emotion. None: the data set has no votes.
    """

    dataset: FaceDataset
    copies: Indices
    near: NearCopies | None
    near_copies: Indices
    flat: npt.NDArray[np.bool_]
    no_face: npt.NDArray[np.bool_]
    plurality: Indices | None

    @property
    def splits(self) -> list[str]:
        """Return the names of the splits, Training first."""
        return ordered_splits(self.dataset.splits.tolist())

    def to_dict(self) -> dict[str, Any]:
        """Return the description as plain lists and dicts, for JSON. The schema is in docs/data.md."""
        return {
            "schema": SCHEMA,
            "digest": self.dataset.digest,
            "label_set": self.dataset.label_set.name,
            "faces": len(self.dataset),
            "classes": self.class_counts(),
            "exact_copies": self._copies_in(self.copies),
            "near_copies": None if self.near is None else self._near(self.near),
            "flat": self._by_split(self.flat),
            "no_face": None if self.dataset.votes is None else self._by_split(self.no_face),
            "ferplus": self.agreement(),
            "notes": list(self.dataset.notes),
        }

    def to_json(self, path: str | Path) -> Path:
        """Write `to_dict()` as JSON, atomically."""
        return write_atomically(path, json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n")

    def table(self) -> str:
        """Return the description as plain text for a terminal."""
        parts = [summary(self.dataset), self._copies_table()]
        if conflicts := self.label_pairs(self.copies):
            parts.append(_pairs_table("identical faces, labelled", conflicts))
        parts.append(self._faults_table())
        if agreement := self.agreement():
            parts.append(_agreement_table(agreement))
        return "\n\n".join(parts)

    def class_counts(self) -> dict[str, dict[str, dict[str, int]]]:
        """Count the faces by source, split and emotion."""
        data, emotions = self.dataset, self.dataset.label_set.names
        counts: dict[str, dict[str, dict[str, int]]] = {}
        for source in dict.fromkeys(data.sources.tolist()):
            for split in ordered_splits(data.splits[data.sources == source].tolist()):
                chosen = (data.sources == source) & (data.splits == split)
                numbers = np.bincount(data.labels[chosen], minlength=len(emotions)).tolist()
                counts.setdefault(source, {})[split] = dict(zip(emotions, numbers, strict=True))
        return counts

    def shared_between(self, groups: Indices) -> dict[str, dict[str, int]]:
        """Count the faces of one split (outer key) that have a face of their group in another split (inner key)."""
        splits = self.dataset.splits
        return {
            one: {
                other: int(np.isin(groups[splits == one], groups[splits == other]).sum())
                for other in self.splits
                if other != one
            }
            for one in self.splits
        }

    def label_pairs(self, groups: Indices) -> dict[str, int]:
        """Count the groups in which two labels occur together, most frequent first: {"fear and sad": 12}."""
        found = np.unique(np.stack([groups, self.dataset.labels], axis=1), axis=0)
        _, starts, sizes = np.unique(found[:, 0], return_index=True, return_counts=True)
        counts: dict[str, int] = {}
        for start, size in zip(starts[sizes > 1], sizes[sizes > 1], strict=True):
            labels = [self.dataset.label_set.names[label] for label in found[start : start + size, 1]]
            for i, one in enumerate(labels):
                for other in labels[i + 1 :]:
                    pair = f"{one} and {other}"
                    counts[pair] = counts.get(pair, 0) + 1
        return dict(sorted(counts.items(), key=lambda item: -item[1]))

    def agreement(self) -> dict[str, Any] | None:
        """Return how often the label is the plurality of the FER+ votes: overall, by split, by label, and as a table.

        Only faces with a vote for an emotion count. Contempt is folded as the label set does. None without votes.
        """
        if self.plurality is None or not (self.plurality >= 0).any():
            return None
        labels, emotions = self.dataset.labels, self.dataset.label_set.names
        voted = self.plurality >= 0
        same = self.plurality == labels
        table = np.zeros((len(emotions), len(emotions)), np.int64)
        np.add.at(table, (labels[voted], self.plurality[voted]), 1)

        def share(chosen: npt.NDArray[np.bool_]) -> float | None:
            return round(float(same[chosen & voted].mean()), 4) if (chosen & voted).any() else None

        return {
            "faces": int(voted.sum()),
            "agreement": share(voted),
            "by_split": {split: share(self.dataset.splits == split) for split in self.splits},
            "by_label": {emotion: share(labels == k) for k, emotion in enumerate(emotions)},
            "emotions": list(emotions),
            "table": table.tolist(),
        }

    def _copies_in(self, groups: Indices) -> dict[str, Any]:
        splits, sizes = self.dataset.splits, np.bincount(groups)
        contradicting = has_conflict(groups, self.dataset.labels)
        return {
            "redundant": len(groups) - int((sizes > 0).sum()),
            "groups": int((sizes > 1).sum()),
            "largest_group": int(sizes.max(initial=0)),
            "redundant_within": {
                split: int((splits == split).sum()) - len(np.unique(groups[splits == split])) for split in self.splits
            },
            "found_also_in": self.shared_between(groups),
            "groups_with_several_labels": len(np.unique(groups[contradicting])),
            "faces_with_several_labels": int(contradicting.sum()),
            "label_pairs": self.label_pairs(groups),
        }

    def _near(self, near: NearCopies) -> dict[str, Any]:
        counts = {"pairs": len(near), "mirrored_pairs": int(near.mirrored.sum())}
        return counts | {"with_exact_copies": self._copies_in(self.near_copies)}

    def _by_split(self, mask: npt.NDArray[np.bool_]) -> dict[str, int]:
        return {split: int((mask & (self.dataset.splits == split)).sum()) for split in self.splits}

    def _copies_table(self) -> str:
        kinds = {"identical": self.copies}
        if self.near is not None:
            kinds["identical or nearly"] = self.near_copies
        rows = [["copies", "redundant", "groups", "largest", "with several labels", "faces in these"]]
        for kind, groups in kinds.items():
            found = self._copies_in(groups)
            keys = ("redundant", "groups", "largest_group", "groups_with_several_labels", "faces_with_several_labels")
            rows.append([kind, *(f"{found[key]:,}" for key in keys)])
        tables = [align(rows)]
        rows = [["redundant within", *kinds]]
        within = [self._copies_in(groups)["redundant_within"] for groups in kinds.values()]
        rows += [[split, *(f"{found[split]:,}" for found in within)] for split in self.splits]
        tables.append(align(rows))
        if len(self.splits) > 1:
            rows = [["faces of", "also in", *kinds]]
            for one in self.splits:
                for other in self.splits:
                    if other != one:
                        rows.append(
                            [one, other, *(f"{self.shared_between(groups)[one][other]:,}" for groups in kinds.values())]
                        )
            tables.append(align(rows))
        return "\n\n".join(tables)

    def _faults_table(self) -> str:
        rows = [["faces that are none", *self.splits]]
        rows.append(["one shade", *(f"{count:,}" for count in self._by_split(self.flat).values())])
        if self.dataset.votes is not None:
            rows.append(["no face, say most votes", *(f"{n:,}" for n in self._by_split(self.no_face).values())])
        return align(rows)


def describe(dataset: FaceDataset, near: bool = True, progress: Progress | None = None) -> Description:
    """Describe a data set.

    Args:
        dataset: the data set.
        near: also search for near copies, which takes long for many faces: see `near_copies`.
        progress: called with the share of the search for near copies that is done, 0 to 1.
    """
    copies = copy_groups(dataset.faces)
    found = near_copies(dataset.faces, progress) if near else None
    return Description(
        dataset=dataset,
        copies=copies,
        near=found,
        near_copies=copies if found is None else join_groups(copies, found.pairs),
        flat=is_flat(dataset.faces),
        no_face=is_no_face(dataset),
        plurality=_plurality(dataset),
    )


def _plurality(dataset: FaceDataset) -> Indices | None:
    if dataset.votes is None:
        return None
    indices, labels = plurality(dataset.votes)
    columns = np.array([dataset.label_set.index(emotion) for emotion in FERPLUS.names], np.int64)
    result = np.full(len(dataset), -1, np.int64)
    result[indices] = columns[labels]
    return result


def _pairs_table(title: str, pairs: dict[str, int]) -> str:
    rows = [[title, "groups"], *([pair, f"{count:,}"] for pair, count in list(pairs.items())[:_WORST])]
    if len(pairs) > _WORST:
        rows.append([f"{len(pairs) - _WORST} other pairs", f"{sum(list(pairs.values())[_WORST:]):,}"])
    return align(rows)


def _agreement_table(agreement: dict[str, Any]) -> str:
    shares = {"all": agreement["agreement"], **agreement["by_split"], **agreement["by_label"]}
    rows = [["label is FER+'s plurality", "share"]]
    rows += [[name, f"{share:.1%}"] for name, share in shares.items() if share is not None]
    return align(rows)
