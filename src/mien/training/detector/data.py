"""Pictures with boxes around the faces in them, read from the forms that data sets come in.

Knows files and numbers. What a network is fed with is made by `augment`.

- mien's own CSV: file, kind (face or ignore), x1, y1, x2, y2, ten landmark numbers or none, score
- WIDER FACE's text, with or without landmarks
- VOC's XML, one file a picture
- YOLO's text, one file a picture, beside it or in `labels`
- COCO's JSON, with or without keypoints
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import cv2
import numpy as np
import numpy.typing as npt

from mien.errors import DataError, suggest
from mien.files import write_atomically

FloatArray = npt.NDArray[np.float32]
POINT_COLUMNS = tuple(f"{axis}{point}" for point in ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")
                      for axis in ("x_", "y_"))  # fmt: skip
COLUMNS = ("file", "kind", "x1", "y1", "x2", "y2", *POINT_COLUMNS, "score")
KINDS = ("face", "ignore")
PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")


@dataclass(frozen=True, eq=False)
class FaceScenes:
    """Pictures, n of them, and the m boxes in all of them; picture k has the boxes `starts[k]` to `starts[k + 1]`.

    files      n paths of pictures
    starts     int64 (n + 1,)
    boxes      float32 (m, 4)     xyxy in pixels; may reach beyond the picture
    landmarks  float32 (m, 5, 2)  x, y of left eye, right eye, nose, left and right mouth corner as they lie in the
                                  picture; NaN where there are none
    ignored    bool (m,)          neither face nor background
    """

    files: tuple[Path, ...]
    starts: npt.NDArray[np.int64]
    boxes: FloatArray
    landmarks: FloatArray
    ignored: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        """Check shapes and boxes."""
        m = len(self.boxes)
        shapes = {"boxes": (m, 4), "landmarks": (m, 5, 2), "ignored": (m,), "starts": (len(self.files) + 1,)}
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise DataError(f"FaceScenes.{name}: expected shape {shape}, got {getattr(self, name).shape}")
        wrong = np.flatnonzero((self.boxes[:, 2:] <= self.boxes[:, :2]).any(axis=1) | ~np.isfinite(self.boxes).all(1))
        if len(wrong):
            picture = self.files[int(np.searchsorted(self.starts, wrong[0], "right")) - 1]
            raise DataError(
                f"{picture}: expected boxes as left, top, right, bottom with room inside, got {self.boxes[wrong[0]]}. "
                "Correct the row, or leave it out"
            )

    def __len__(self) -> int:
        return len(self.files)

    def rows(self, picture: int) -> slice:
        """Return where a picture's boxes stand."""
        return slice(int(self.starts[picture]), int(self.starts[picture + 1]))

    def select(self, pictures: Sequence[int] | npt.NDArray[Any]) -> FaceScenes:
        """Return some of the pictures, in that order."""
        rows = [np.arange(self.starts[k], self.starts[k + 1]) for k in pictures]
        flat = np.concatenate(rows).astype(np.int64) if rows else np.zeros(0, np.int64)
        starts = np.concatenate([[0], np.cumsum([len(part) for part in rows])]).astype(np.int64)
        files = tuple(self.files[k] for k in pictures)
        return FaceScenes(files, starts, self.boxes[flat], self.landmarks[flat], self.ignored[flat])

    @classmethod
    def of(cls, pictures: Iterable[tuple[Path, FloatArray]]) -> FaceScenes:
        """Return the scenes of pictures with rows (m, 15): box, ten landmark numbers or NaN, 1 where it is ignored."""
        files, parts = [], []
        for file, rows in pictures:
            files.append(file)
            parts.append(np.asarray(rows, np.float32).reshape(-1, 15))
        table = np.concatenate(parts) if parts else np.zeros((0, 15), np.float32)
        starts = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)
        return cls(tuple(files), starts, table[:, :4], table[:, 4:14].reshape(-1, 5, 2), table[:, 14] > 0)

    @classmethod
    def joined(cls, parts: Sequence[FaceScenes]) -> FaceScenes:
        """Return several sets as one."""
        shifts = np.cumsum([0, *(len(part.boxes) for part in parts)])
        starts = [part.starts[:-1] + shift for part, shift in zip(parts, shifts, strict=False)]
        return cls(
            tuple(file for part in parts for file in part.files),
            np.concatenate([*starts, shifts[-1:]]).astype(np.int64),
            np.concatenate([part.boxes for part in parts]),
            np.concatenate([part.landmarks for part in parts]),
            np.concatenate([part.ignored for part in parts]),
        )


def load_scenes(labels: str | Path, pictures: str | Path, form: str | None = None) -> FaceScenes:
    """Read labels of a known form; `pictures` is the folder that file names are relative to.

    The form is told by the name where it is None: `.csv` mien, `.json` COCO, `.txt` WIDER FACE; a folder of XML is VOC,
    a folder of text is YOLO.
    """
    labels = Path(labels)
    form = form or _form_of(labels)
    if form not in FORMS:
        raise DataError(f"labels: no form {form!r}; {suggest(form, FORMS)}")
    scenes = FaceScenes.of(FORMS[form](labels, Path(pictures)))
    if not len(scenes):
        raise DataError(f"{labels}: expected at least one picture with labels of the form {form!r}, got none")
    return scenes


def save_csv(path: str | Path, scenes: FaceScenes, scores: FloatArray | None = None) -> Path:
    """Write mien's own CSV; a picture without boxes has one row of its name alone, a doubt has no landmarks."""
    lines = [",".join(COLUMNS)]
    for k, file in enumerate(scenes.files):
        rows = range(int(scenes.starts[k]), int(scenes.starts[k + 1]))
        lines += [_line(file.name, scenes, row, scores) for row in rows] or [file.name + "," * (len(COLUMNS) - 1)]
    return write_atomically(path, "\n".join(lines) + "\n")


def _line(name: str, scenes: FaceScenes, row: int, scores: FloatArray | None) -> str:
    points = np.where(scenes.ignored[row], np.nan, scenes.landmarks[row].reshape(-1))
    numbers = [f"{value:.1f}" for value in scenes.boxes[row]]
    numbers += ["" if np.isnan(value) else f"{value:.1f}" for value in points]
    score = "" if scores is None else f"{scores[row]:.2f}"
    return ",".join([name, KINDS[int(scenes.ignored[row])], *numbers, score])


def read_csv(labels: Path, pictures: Path) -> Iterator[tuple[Path, FloatArray]]:
    """Read mien's own CSV, picture by picture."""
    rows: dict[str, list[list[float]]] = {}
    with labels.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if missing := [name for name in COLUMNS[:6] if name not in (reader.fieldnames or ())]:
            raise DataError(f"{labels}: expected the columns {', '.join(COLUMNS[:6])}, got none called {missing[0]!r}")
        for number, row in enumerate(reader, 2):
            into = rows.setdefault(row["file"], [])
            if row["kind"]:
                into.append(_own_row(row, f"{labels}, line {number}"))
    for name, table in rows.items():
        yield pictures / name, np.array(table, np.float32).reshape(-1, 15)


def _own_row(row: dict[str, str], where: str) -> list[float]:
    if row["kind"] not in KINDS:
        raise DataError(f"{where}: expected the kind {' or '.join(KINDS)}, got {row['kind']!r}")
    try:
        box = [float(row[name]) for name in COLUMNS[2:6]]
        points = [float(row.get(name) or "nan") for name in POINT_COLUMNS]
    except ValueError as error:
        raise DataError(f"{where}: expected numbers for box and landmarks ({error})") from error
    return [*box, *points, float(KINDS.index(row["kind"]))]


def read_wider(labels: Path, pictures: Path) -> Iterator[tuple[Path, FloatArray]]:
    """Read WIDER FACE's text: a name, a count, rows of x, y, width, height, six attributes; or `# name` and 19 numbers.

    What its fourth or tenth attribute calls invalid, and boxes without room, are ignored.
    """
    lines = [line.strip() for line in labels.read_text(encoding="utf-8").splitlines()]
    k = 0
    while k < len(lines):
        if not lines[k]:
            k += 1
            continue
        name = lines[k].removeprefix("#").strip()
        with_landmarks = lines[k].startswith("#")
        k += 1 if with_landmarks else 2
        rows = []
        while k < len(lines) and _is_numbers(lines[k]):
            rows.append(_wider_row([float(word) for word in lines[k].split()], f"{labels}, line {k + 1}"))
            k += 1
        yield pictures / name, np.array([row for row in rows if row], np.float32).reshape(-1, 15)


def _is_numbers(line: str) -> bool:
    try:
        return len([float(word) for word in line.split()]) >= 4
    except ValueError:
        return False


def _wider_row(numbers: list[float], where: str) -> list[float]:
    x, y, width, height = numbers[:4]
    if width <= 0 or height <= 0:  # WIDER FACE's mark of a picture without faces
        return []
    points = [float("nan")] * 10
    invalid = len(numbers) == 10 and numbers[7] == 1
    if len(numbers) >= 19:
        triples = np.array(numbers[4:19]).reshape(5, 3)
        points = [float(v) for v in triples[:, :2].reshape(-1)] if (triples[:, 2] >= 0).all() else points
    elif len(numbers) not in (4, 5, 10):
        raise DataError(f"{where}: expected 4, 10 or 19 numbers a face, got {len(numbers)}")
    return [x, y, x + width, y + height, *points, float(invalid)]


def read_voc(labels: Path, pictures: Path) -> Iterator[tuple[Path, FloatArray]]:
    """Read VOC's XML files of a folder; objects called face are faces, those called ignore or difficult are ignored."""
    for path in sorted(labels.glob("*.xml")):
        try:
            root = ElementTree.parse(path).getroot()
            name = root.findtext("filename") or path.with_suffix(".jpg").name
            rows = [row for item in root.iter("object") if (row := _voc_row(item))]
        except (ElementTree.ParseError, ValueError, TypeError) as error:
            raise DataError(f"{path}: expected VOC's XML with a bndbox for each object ({error})") from error
        yield pictures / name, np.array(rows, np.float32).reshape(-1, 15)


def _voc_row(item: ElementTree.Element) -> list[float]:
    name = (item.findtext("name") or "").lower()
    if name not in ("face", "head", "ignore"):
        return []
    box = [float(item.findtext(f"bndbox/{side}") or "nan") for side in ("xmin", "ymin", "xmax", "ymax")]
    ignored = name != "face" or item.findtext("difficult") == "1"
    return [*box, *[float("nan")] * 10, float(ignored)]


def read_yolo(labels: Path, pictures: Path) -> Iterator[tuple[Path, FloatArray]]:
    """Read YOLO's text files of a folder: class, middle, width, height as shares of the sides, landmarks or none."""
    by_stem = {path.stem: path for path in sorted(pictures.rglob("*")) if path.suffix.lower() in PICTURES}
    for path in sorted(labels.glob("*.txt")):
        if path.stem not in by_stem:
            raise DataError(f"{path}: expected a picture of that name under {pictures}, got none")
        picture = by_stem[path.stem]
        lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        try:
            rows = [_yolo_row([float(word) for word in words], _sides(picture)) for words in lines]
        except ValueError as error:
            raise DataError(f"{path}: expected class, x, y, width, height and pairs of landmarks ({error})") from error
        yield picture, np.array(rows, np.float32).reshape(-1, 15)


def _yolo_row(numbers: list[float], sides: FloatArray) -> list[float]:
    middle, extent = np.array(numbers[1:3]) * sides, np.array(numbers[3:5]) * sides
    points = np.full(10, np.nan)
    if len(numbers) == 15:
        points = (np.array(numbers[5:]).reshape(5, 2) * sides).reshape(-1)
    elif len(numbers) == 20:
        points = (np.array(numbers[5:]).reshape(5, 3)[:, :2] * sides).reshape(-1)
    elif len(numbers) != 5:
        raise ValueError(f"{len(numbers)} numbers")
    return [*(middle - extent / 2), *(middle + extent / 2), *points, 0.0]


def _sides(picture: Path) -> FloatArray:
    image = cv2.imread(str(picture))
    if image is None:
        raise DataError(f"{picture}: expected a picture, got something that cannot be read")
    return np.array([image.shape[1], image.shape[0]], np.float32)


def read_coco(labels: Path, pictures: Path) -> Iterator[tuple[Path, FloatArray]]:
    """Read COCO's JSON; crowds are ignored, five visible keypoints are landmarks."""
    try:
        document = json.loads(labels.read_text(encoding="utf-8"))
        rows: dict[Any, list[list[float]]] = {image["id"]: [] for image in document["images"]}
        for item in document["annotations"]:
            rows[item["image_id"]].append(_coco_row(item))
        names = {image["id"]: str(image["file_name"]) for image in document["images"]}
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{labels}: expected COCO's images and annotations with bbox ({error!r})") from error
    for key, table in rows.items():
        yield pictures / names[key], np.array(table, np.float32).reshape(-1, 15)


def _coco_row(item: dict[str, Any]) -> list[float]:
    x, y, width, height = map(float, item["bbox"])
    points = [float("nan")] * 10
    keypoints = np.array(item.get("keypoints") or [], np.float32)
    if keypoints.size == 15 and (keypoints[2::3] > 0).all():
        points = [float(value) for value in keypoints.reshape(5, 3)[:, :2].reshape(-1)]
    return [x, y, x + width, y + height, *points, float(bool(item.get("iscrowd")))]


def _form_of(labels: Path) -> str:
    if labels.is_dir():
        return "voc" if any(labels.glob("*.xml")) else "yolo"
    return {".csv": "mien", ".json": "coco", ".txt": "wider"}.get(labels.suffix.lower(), labels.suffix)


FORMS: dict[str, Callable[[Path, Path], Iterator[tuple[Path, FloatArray]]]] = {
    "mien": read_csv,
    "wider": read_wider,
    "voc": read_voc,
    "yolo": read_yolo,
    "coco": read_coco,
}
