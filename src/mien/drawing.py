"""Draw boxes, names and bars on pictures, in the colours of `mien.labels`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from mien.face import Face
from mien.labels import color

INK = (20, 20, 20)
PAPER = (255, 255, 255)

BAR = 1.1
"""Height of an emotion's bar, relative to the caption's text size."""

CAPTIONS = ("details", "emotion", "number")
"""Forms of a video's caption, the longest first: with a bar per emotion, with one strip, with the number only."""

HIDDEN = 0.02
"""Most of a caption's area, as a share, that may hide other faces and captions if there is a shorter form."""

SIDES = ("below", "above", "right", "left")
"""Sides of a face for its caption; "right" and "left" only for captions with details."""

Box = tuple[float, float, float, float]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def draw_faces(image: npt.NDArray[np.uint8], faces: Iterable[Face], top: int = 3) -> npt.NDArray[np.uint8]:
    """Return a copy of the picture with a box and a caption for each face.

    The caption is below or above its face, where it covers least of the faces and of other captions. Small faces get a
    shorter caption.

    Args:
        image: RGB, uint8 (H, W, 3).
        faces: the faces.
        top: number of emotions in a caption, the most probable first.
    """
    faces = list(faces)
    canvas = Image.fromarray(image)
    pen = ImageDraw.Draw(canvas, "RGBA")
    unit = max(1.0, max(canvas.size) / 1000)
    taken = [face.box for face in faces]
    for face in faces:
        pen.rectangle(face.box, outline=color(face.emotion), width=round(2 * unit))
    for face in faces:
        taken.append(_caption(pen, face, top, unit, canvas.size, taken))
    return np.array(canvas)


def _caption(
    pen: ImageDraw.ImageDraw, face: Face, top: int, unit: float, size: tuple[int, int], taken: list[Box]
) -> Box:
    """Draw the caption of a face and return its box."""
    breadth = face.box[2] - face.box[0]
    text_size = float(np.clip(breadth / 8, 10 * unit, 22 * unit))
    font = ImageFont.load_default(text_size)
    emotions = face.top(top if breadth >= 5 * text_size else 1)
    labels = [f"{name} {value:.0%}" for name, value in emotions]
    step = text_size * 1.3
    width = max(breadth, text_size * 0.8 + max((pen.textlength(label, font=font) for label in labels), default=0))
    height = step * len(labels)

    place = _place(face.box, width, height, size, taken)
    left, upper = place[:2]
    pen.rectangle(place, fill=(*PAPER, 215))
    for row, ((name, value), label) in enumerate(zip(emotions, labels, strict=True)):
        line = upper + row * step
        pen.rectangle((left, line, left + width * value, line + step), fill=(*color(name), 190))
        pen.text((left + text_size * 0.4, line + step / 2), label, fill=INK, font=font, anchor="lm")
    return place


def _place(box: Box, width: float, height: float, size: tuple[int, int], taken: list[Box]) -> Box:
    """Return the position below or above the box, aligned left or right, inside the picture, that covers least."""
    left, upper, right, lower = box
    places = []
    for y in (lower, upper - height):
        for x in (left, right - width):
            x, y = min(max(0, x), max(0, size[0] - width)), min(max(0, y), max(0, size[1] - height))
            places.append((x, y, x + width, y + height))
    return min(places, key=lambda place: sum(_shared(place, other) for other in taken))


def _shared(a: Box, b: Box) -> float:
    """Return the area that two boxes share, in square pixels."""
    return max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))


class VideoAnnotator:
    """Draw the faces of successive frames, without flicker and jumps; call `draw` in the order of the frames.

    Each face has a box in its emotion's colour, and a caption with the track number, the reported emotion and a strip
    of all probabilities in a fixed order. Boxes move smoothly. Captions stay on their side of the face, keep their
    size, and update the percentage a few times per second.

    Args:
        details: draw a bar for each emotion instead of the strip, for faces that are wide enough.

    Attributes:
        captions: track number -> box of its caption in the last frame: left, top, right, bottom in pixels.
    """

    GLIDE = 0.06  # time constant in seconds with which a drawn box follows the face
    FIGURE = 0.3  # seconds between updates of a percentage
    STAY = 1.0  # least seconds between two changes of a caption's side
    MEMORY = 2.0  # seconds after which a track that has ended is forgotten

    def __init__(self, details: bool = False) -> None:
        self.details = details
        self.captions: dict[int, Box] = {}
        self._shown: dict[int, _DrawnFace] = {}

    def draw(
        self, time: float, image: npt.NDArray[np.uint8], faces: Iterable[Face], captions: bool = True
    ) -> npt.NDArray[np.uint8]:
        """Return a copy of the frame with its faces; faces without a track number are left out.

        Args:
            time: time of the frame in seconds.
            image: RGB, uint8 (H, W, 3).
            faces: the faces of the frame.
            captions: draw captions, too.
        """
        self._shown = {track: shown for track, shown in self._shown.items() if time - shown.time < self.MEMORY}
        canvas = Image.fromarray(image)
        pen = ImageDraw.Draw(canvas, "RGBA")
        unit = max(1.0, max(canvas.size) / 1000)
        drawn = [(face, self._update(time, face, unit)) for face in faces if face.track is not None]
        for face, shown in drawn:
            pen.rectangle(shown.corners, outline=(*INK, 120), width=round(2 * unit) + 2)
            pen.rectangle(shown.corners, outline=color(face.emotion), width=round(2 * unit))
        taken = [shown.corners for _, shown in drawn]
        self.captions = {}
        for face, shown in drawn if captions else []:
            taken.append(self._caption(pen, time, face, shown, canvas.size, taken))
            self.captions[face.track or 0] = taken[-1]
        return np.array(canvas)

    def _update(self, time: float, face: Face, unit: float) -> _DrawnFace:
        """Update what is drawn of a face to this time, and return it."""
        assert face.track is not None
        box = np.array(face.box)
        size = round(float(np.clip((box[2] - box[0]) / 8, 11 * unit, 20 * unit)))
        shown = self._shown.setdefault(face.track, _DrawnFace(time, box, size))
        share = 1 - np.exp(-max(time - shown.time, 0) / self.GLIDE)
        if np.abs(box - shown.box).max() > 0.5 * (box[2] - box[0]):
            share = 1.0  # the face came back at another position: jump to it
        shown.box = shown.box + share * (box - shown.box)
        if abs(size - shown.size) > 0.2 * shown.size:
            shown.size = size
        if face.emotion != shown.emotion or time - shown.since >= self.FIGURE:
            shown.emotion, shown.text, shown.since = face.emotion, f"{face.emotion} {face.confidence:.0%}", time
            shown.figures = {name: f"{value:.0%}" for name, value in face.probabilities.items()}
        shown.time = time
        return shown

    def _caption(
        self,
        pen: ImageDraw.ImageDraw,
        time: float,
        face: Face,
        shown: _DrawnFace,
        size: tuple[int, int],
        taken: list[Box],
    ) -> Box:
        """Draw the caption of a face, shorter where it would hide other faces or captions, and return its box."""
        breadth = shown.corners[2] - shown.corners[0]
        wide_enough = self.details and breadth >= 5 * shown.size
        forms = [self._form(pen, face, shown, kind, size) for kind in CAPTIONS if kind != "details" or wide_enough]
        form, (left, upper, right, lower) = shown.choose(time, forms, size, taken, self.STAY)
        pen.rectangle((left, upper, right, lower), fill=(*PAPER, 225))
        tone = color(face.emotion)
        middle = upper + form.text / 2
        badge = min(left + form.badge, right)
        pen.rectangle((left, upper, badge, upper + form.text), fill=tone)
        number, font = str(face.track), font_of(form.text_size)
        pen.text(((left + badge) / 2, middle), number, fill=_readable_on(tone), font=font, anchor="mm")
        if form.kind != "number":
            pen.text((badge + form.pad, middle), shown.text, fill=INK, font=font, anchor="lm")
        distribution = (left, upper + form.text, right, lower)
        if form.kind == "details":
            _bars(pen, face, shown.figures, distribution, font_of(round(form.text_size * 0.8)))
        else:
            _strip(pen, face, distribution)
        return left, upper, right, lower

    def _form(
        self, pen: ImageDraw.ImageDraw, face: Face, shown: _DrawnFace, kind: str, size: tuple[int, int]
    ) -> _CaptionForm:
        """Measure a caption of one of the kinds in CAPTIONS."""
        text_size = min(shown.size, round(size[1] / 23)) if kind == "details" else shown.size  # all bars fit into half
        font, pad = font_of(text_size), text_size * 0.4
        badge = pen.textlength(str(face.track), font=font) + 2 * pad
        longest = max(pen.textlength(f"{name} 100%", font=font) for name in face.probabilities)
        breadth = shown.corners[2] - shown.corners[0]
        width = {
            "details": badge + longest + 2 * pad,
            "emotion": max(breadth, badge + longest + 2 * pad),
            "number": max(breadth, badge),
        }[kind]
        strip = text_size * BAR * len(face.probabilities) if kind == "details" else max(3.0, text_size * 0.35)
        return _CaptionForm(kind, text_size, pad, badge, text_size * 1.45, width, text_size * 1.45 + strip)


def _strip(pen: ImageDraw.ImageDraw, face: Face, place: Box) -> None:
    """Draw all probabilities in one strip, in a fixed order."""
    edge, upper, right, lower = place
    width = right - edge
    for name, value in face.probabilities.items():
        pen.rectangle((edge, upper, min(edge + width * value, right), lower), fill=color(name))
        edge += width * value


def _bars(pen: ImageDraw.ImageDraw, face: Face, figures: dict[str, str], place: Box, font: Font) -> None:
    """Draw a bar with name and percentage for each emotion, in a fixed order."""
    left, upper, right, lower = place
    step = (lower - upper) / len(face.probabilities)
    for row, (name, value) in enumerate(face.probabilities.items()):
        line = upper + row * step
        pen.rectangle((left, line + 1, left + (right - left) * value, line + step - 1), fill=(*color(name), 190))
        pen.text((left + step / 4, line + step / 2), name, fill=INK, font=font, anchor="lm")
        pen.text((right - step / 4, line + step / 2), figures[name], fill=INK, font=font, anchor="rm")


@dataclass(frozen=True)
class _CaptionForm:
    """Hold the measures of a caption in pixels: padding, width of the number's badge, height of the text, size."""

    kind: str
    text_size: int
    pad: float
    badge: float
    text: float
    width: float
    height: float

    @property
    def sides(self) -> tuple[str, ...]:
        """The sides of a face at which it may be."""
        return SIDES if self.kind == "details" else SIDES[:2]


@dataclass(eq=False)
class _DrawnFace:
    """Hold what a `VideoAnnotator` last drew of a face: box, text size, caption and its side."""

    time: float
    box: npt.NDArray[np.float64]
    size: int
    emotion: str = ""
    text: str = ""
    since: float = -np.inf
    figures: dict[str, str] = field(default_factory=dict)
    side: str = "below"
    moved: float = -np.inf
    kind: str = ""
    changed: float = -np.inf

    @property
    def corners(self) -> Box:
        left, upper, right, lower = map(float, self.box)
        return left, upper, right, lower

    def choose(
        self, time: float, forms: Sequence[_CaptionForm], size: tuple[int, int], taken: list[Box], stay: float
    ) -> tuple[_CaptionForm, Box]:
        """Return the first form of the caption that hides nothing else, or the last one, and its box.

        A form is left at once if it hides something, and taken again at the earliest after `stay` seconds.
        """
        kinds = [form.kind for form in forms]
        first = kinds.index(self.kind) if self.kind in kinds and time - self.changed < stay else 0
        others = [box for box in taken if box != self.corners]
        for form in forms[first:]:
            place = self.place(time, form.width, form.height, size, taken, stay, form.sides)
            if sum(_shared(place, other) for other in others) <= HIDDEN * form.width * form.height:
                break
        if form.kind != self.kind:
            self.kind, self.changed = form.kind, time
        return form, place

    def place(
        self,
        time: float,
        width: float,
        height: float,
        size: tuple[int, int],
        taken: list[Box],
        stay: float,
        sides: tuple[str, ...],
    ) -> Box:
        """Return the caption's box at one side of the face, inside the picture.

        The side changes only if another one is far better, and not again within `stay` seconds.
        """
        left, upper, right, lower = self.corners
        corners = {
            "below": (left, lower),
            "above": (left, upper - height),
            "right": (right, upper),
            "left": (left - width, upper),
        }
        places = {}
        for side in sides:
            x = min(max(0.0, corners[side][0]), max(0.0, size[0] - width))
            y = min(max(0.0, corners[side][1]), max(0.0, size[1] - height))
            places[side] = (x, y, x + width, y + height)
        covered = {side: sum(_shared(place, other) for other in taken) for side, place in places.items()}
        best = min(sides, key=lambda side: covered[side])
        if self.side not in sides:
            self.side = best
        elif covered[self.side] > covered[best] + 0.3 * width * height and time - self.moved >= stay:
            self.side, self.moved = best, time
        return places[self.side]


@lru_cache(maxsize=64)
def font_of(size: int) -> Font:
    """Return the font of a size in pixels."""
    return ImageFont.load_default(size)


def _readable_on(tone: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return the text color, dark or light, that has more contrast on a color."""
    return INK if 0.299 * tone[0] + 0.587 * tone[1] + 0.114 * tone[2] > 110 else PAPER
