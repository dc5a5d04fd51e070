"""`EmotionRecognizer`: pictures in, labelled faces out. Every application goes through it.

Training is the work of `mien.training`, which is imported only when `train` is called.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from mien.bundle import DEFAULT, Bundle, Head
from mien.datasets import default_split, load_data, with_validation
from mien.detect import Detections, Detector, make_detector
from mien.errors import ImageError, InputError
from mien.evaluate import Evaluation, evaluate_bundle
from mien.images import describe_source, load_image
from mien.labels import LabelSet, label_set_of
from mien.preprocess import FRAME, WHOLE_FRAME, Framing, check_crops, crop_faces
from mien.results import Faces
from mien.runs import Run
from mien.runtimes import CPU

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mien.live import Tally
    from mien.watching import Moment, Watching
    from mien.window import Screen

Paths = str | Path | Sequence[str | Path]

PICTURES_AT_ONCE = 16
"""Pictures whose faces share inference batches; decoded pictures never pile up beyond that."""


@dataclass(frozen=True, eq=False)
class Found:
    """The faces of one picture before they are read; of its pixels only the crops uint8 (n, 48, 48) are kept."""

    detections: Detections
    crops: npt.NDArray[np.uint8]
    size: tuple[int, int]
    source: str


class EmotionRecognizer:
    """Finds the faces of a picture and reads their emotions.

    model      a released bundle's name, or a bundle file's path
    detector   "centerface", "yunet", "whole" (the picture is one face), or a callable: RGB uint8 (H, W, 3) to
               `Detections` or to boxes (n, 4) or (n, 5) with scores
    labels     "ferplus" (8 emotions: what people see) or "fer2013" (7: the benchmark's labels), if the bundle has both
    size       longer side, in pixels, at which faces are searched; None: the detector's own default
    min_face   faces whose box is narrower or lower than this many pixels are left out
    min_confidence  emotions less likely than this, 0 to 1, are answered "uncertain"
    flip       average every face with its mirror image: a little better, twice as long
    threads    processor threads; 0: all
    providers  what computes the model, in order of preference: "cpu", "cuda", "openvino", ...

    Raises BundleError, DetectorError or InputError for what cannot be used.
    """

    def __init__(
        self,
        model: str | Path | Bundle = DEFAULT,
        *,
        detector: str | Callable[..., Any] = "centerface",
        labels: str | None = None,
        size: int | None = None,
        min_face: float = 0,
        min_confidence: float = 0.0,
        flip: bool = False,
        threads: int = 0,
        providers: str | Sequence[str] = CPU,
    ) -> None:
        if not min_face >= 0:
            raise InputError(f"min_face: expected a number of pixels from 0, got {min_face}")
        if not 0 <= min_confidence <= 1:
            raise InputError(f"min_confidence: expected a probability from 0 to 1, got {min_confidence}")
        self.detector: Detector = make_detector(detector, size=size, threads=threads)
        self.min_face = min_face
        self.min_confidence = min_confidence
        self.flip = flip
        self.run_folder: Path | None = None
        self._session = {"threads": threads, "providers": providers}
        self._labels = labels
        self._use(model if isinstance(model, Bundle) else Bundle.load(model, **self._session), labels)

    def _use(self, bundle: Bundle, labels: str | None = None) -> None:
        self.bundle = bundle
        self.head: Head = bundle.head(labels) if labels else bundle.vote_head or bundle.metadata.heads[0]

    @classmethod
    def load(cls, path: str | Path, **options: Any) -> EmotionRecognizer:
        """A recognizer with the bundle at `path`; the options are those of the class."""
        return cls(path, **options)

    def save(self, path: str | Path) -> Path:
        """Writes the bundle to `path`, whole or not at all."""
        return self.bundle.save(path)

    def train(
        self,
        train_path: Paths,
        validation_path: Paths | None = None,
        *,
        recipe: str | Path = DEFAULT,
        epochs: int | None = None,
        batch_size: int | None = None,
        votes: str | Path | None = None,
        weights: Sequence[float] | None = None,
        leave_out: str | Path | None = None,
        settings: Sequence[str] = (),
        out: str | Path | None = None,
        resume: bool = False,
        device: str = "auto",
    ) -> EmotionRecognizer:
        """Trains a network of its own and reads with it from then on; returns itself. Needs the extra `train`.

        train_path       FER2013's csv, AffectNet, folders of pictures named for emotions, or a list of such
        validation_path  the same, to choose the best epoch on; None: the data's own validation split, or a tenth
        recipe           a shipped recipe's name, or a .toml file
        votes            FER+'s fer2013new.csv, aligned with FER2013's csv
        weights          how much the faces of each path of `train_path` count
        leave_out        a list that `mien data clean` wrote
        settings         any keys of the recipe, "augment.mixup=0.2"
        out              the run's folder; None: a new one in `runs/`. `resume` goes on with the one there
        device           "auto", "cpu" or "cuda"

        Raises DataError, RecipeError, InputError, TrainingError or MissingExtraError.
        """
        from mien.training.fit import Hardware, train
        from mien.training.recipe import load_recipe

        direct = {"epochs": epochs, "batch_size": batch_size}
        overrides = [f"{key}={value}" for key, value in direct.items() if value is not None]
        if validation_path is not None:
            overrides += ["data.validation=own", "data.folds=0"]
        chosen = load_recipe(recipe, [*settings, *overrides])
        folder = Path(out) if out is not None else _unused(Path("runs") / chosen.name)
        Run(folder).check_unused(resume)
        dataset = load_data(train_path, votes, weights=weights, leave_out=leave_out, set_aside=False)
        if validation_path is not None:
            dataset = with_validation(dataset, load_data(validation_path, set_aside=False))
        path = train(chosen, dataset, folder, resume=resume, hardware=Hardware(device))
        bundle = Bundle.load(path, **self._session)
        self._use(bundle, self._labels if self._labels in bundle.heads else None)
        self.run_folder = folder
        return self

    def evaluate(
        self,
        test_path: Paths,
        *,
        votes: str | Path | None = None,
        split: str | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> Evaluation:
        """The scores of the model on labelled faces; `print(evaluation.table())` shows them.

        `test_path` is what `train` takes. `split` is PublicTest, Test, Validation or Training, the first of these that
        there is, if none is named; PrivateTest only if it is named. Raises DataError or InputError.
        """
        dataset = load_data(test_path, votes, label_set=label_set_of(self.bundle.heads), set_aside=False)
        return evaluate_bundle(self.bundle, dataset, split or default_split(dataset), self.flip, progress)

    def plot_training_history(self) -> Figure:
        """The curves of the run that `train` made, as a matplotlib figure. Needs the extra `report`."""
        if self.run_folder is None:
            raise InputError(
                "plot_training_history: expected a model that was trained here, got a finished one. Call train first, "
                "or draw a run of before with mien.report.plot_history, or `mien report RUN`"
            )
        from mien.report import plot_history

        run = Run(self.run_folder)
        return plot_history(run.history, json.loads(run.facts.read_text(encoding="utf-8")).get("best_epoch"))

    def with_labels(self, labels: str) -> EmotionRecognizer:
        """One that answers with other labels of the bundle and shares all else with this one. Raises InputError."""
        other = copy(self)
        other._labels = labels
        other._use(self.bundle, labels)
        return other

    def __repr__(self) -> str:
        return f"EmotionRecognizer({self.bundle.name!r}, labels={self.head.name!r})"

    @property
    def labels(self) -> LabelSet:
        """The emotions of the answers."""
        return self.head.labels

    def predict(self, image: Any) -> Faces:
        """The faces of one picture: a path, bytes, PIL image, or RGB array uint8 (H, W, 3).

        Raises ImageError if the picture cannot be read, InputError if it is something else.
        """
        return self.answer([self.look(load_image(image), describe_source(image))])[0]

    def predict_batch(self, images: Iterable[Any]) -> list[Faces | ImageError]:
        """One result per picture, in order; an ImageError in the place of what cannot be read or is no picture."""
        return list(self.predict_each(images))

    def predict_each(self, images: Iterable[Any]) -> Iterator[Faces | ImageError]:
        """As `predict_batch`, but answers as it goes and holds few pictures at a time."""
        one = isinstance(images, str | Path | bytes | bytearray | memoryview | Image.Image)
        if one or (isinstance(images, np.ndarray) and images.ndim < 4 and images.dtype != object):
            raise InputError("images: expected several pictures, got one. Use predict, or give a list of one")
        if not isinstance(images, Iterable):
            raise InputError(f"images: expected several pictures, got {type(images).__name__}")
        images = iter(images)
        while chunk := list(islice(images, PICTURES_AT_ONCE)):
            yield from self._predict_chunk(chunk)

    def predict_crops(self, faces: npt.NDArray[np.uint8], source: str = "crops") -> Faces:
        """The emotions of ready-made gray crops uint8 (N, 48, 48), framed as FER2013 frames faces."""
        crops = check_crops(faces)
        frames = Detections.of_boxes(np.tile([0, 0, FRAME, FRAME], (len(crops), 1)))
        return self.answer([Found(frames, crops, (FRAME, FRAME), source)])[0]

    def _predict_chunk(self, images: list[Any]) -> list[Faces | ImageError]:
        found: list[Found] = []
        failures: dict[int, ImageError] = {}
        for position, image in enumerate(images):
            source = describe_source(image)
            try:
                pixels = load_image(image)
            except ImageError as error:
                failures[position] = error
            except InputError as error:  # no picture at all: here it must not end the batch
                failures[position] = ImageError(str(error), source)
            else:
                found.append(self.look(pixels, source))
        answers = iter(self.answer(found))
        return [failures[position] if position in failures else next(answers) for position in range(len(images))]

    def find(self, pixels: npt.NDArray[np.uint8]) -> Detections:
        """The first step of `predict`: the large enough faces of a picture RGB uint8 (H, W, 3), largest first."""
        detections = self.detector(pixels)
        sides = detections.boxes[:, 2:] - detections.boxes[:, :2]
        order = np.argsort(-sides.prod(axis=1), kind="stable")
        return detections.select(order[sides[order].min(axis=1, initial=np.inf) >= self.min_face])

    def crop(self, pixels: npt.NDArray[np.uint8], detections: Detections) -> npt.NDArray[np.uint8]:
        """The second step: found faces as gray crops uint8 (n, 48, 48)."""
        framing = WHOLE_FRAME if detections.are_frames else Framing()
        return crop_faces(pixels, detections.boxes, detections.landmarks, framing)

    def read(self, crops: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32] | None]:
        """The third step: calibrated probabilities float32 (n, K) over `labels`, and the estimated shares of people
        who see each emotion, float32 (n, K) over the same; None from a model without votes."""
        logits = self.bundle.logits(crops, flip=self.flip)
        shares, vote_head = self.bundle.vote_shares(logits), self.bundle.vote_head
        if shares is not None and vote_head is not None:
            shares = vote_head.labels.fold(shares, self.labels).astype(np.float32)
        return self.bundle.calibrate(logits)[self.head.name], shares

    def track(self, source: Any, **options: Any) -> Watching:
        """The faces of a video as they come: `for moment in recognizer.track("talk.mp4"): moment.time, moment.faces`.

        source   a file, an address (rtsp://, http://), a camera's number, a folder of pictures (needs `fps`), a binary
                 file object, or any iterable of (seconds, image)
        options  every, fps, start, end: which frames; detect_every, realtime, smoothing, margin, max_gap: how they are
                 watched. `mien.watching.watch` describes them

        Raises VideoError or InputError; MissingExtraError without the extra `video`.
        """
        from mien.watching import watch

        return watch(self, source, **options)

    def predict_realtime(
        self,
        camera: Any = 0,
        *,
        mirror: bool | None = None,
        details: bool = True,
        snapshots: str | Path = ".",
        out: str | Path | None = None,
        seconds: float | None = None,
        window: tuple[int, int] | None = None,
        fullscreen: bool = False,
        reconnect: bool = True,
        detect_every: int | None = None,
        smoothing: float = 0.2,
        on_moment: Callable[[Moment], bool | None] | None = None,
        screen: Screen | None = None,
    ) -> Tally:
        """Shows a camera in a window with the emotions of its faces, until somebody presses q or closes it.

        camera        a camera's number, an address, a file (played at its own speed), or what `track` takes besides
        mirror        as a mirror would; None: cameras by number are, all else is not
        details       begin with a bar for each emotion at every face
        snapshots     folder of the snapshots (key s) and recordings (key r, extra `video`)
        out           a file for a row per face and frame: .csv, .jsonl or .parquet
        seconds       stop after so long
        window        its (width, height) in pixels; None: the picture's. `fullscreen` fills the screen
        reconnect     open a lost camera or stream again, after pauses of half a second to ten, for as long as it takes
        detect_every  search for faces in each n-th frame and follow them between; None: as often as there is time
        smoothing     seconds over which probabilities are averaged; 0: not at all
        on_moment     is called with every `Moment` before it is shown; False ends it
        screen        a `mien.window.Screen` to show it on; None: a window

        Keys: q or Esc quits, s saves a snapshot, r records, d turns the bars on and off, l goes through the label sets
        of the model and hides the captions, h hides the help. Returns a `mien.live.Tally`: pictures shown, seconds,
        frames dropped, losses, files written. On macOS call it from the main thread.

        Raises InputError where there is no display, VideoError without such a camera, MissingExtraError without the
        extra `video` for files and addresses.
        """
        from mien.live import LiveOptions, show_live

        options = LiveOptions(
            mirror=mirror,
            details=details,
            snapshots=Path(snapshots),
            rows=Path(out) if out is not None else None,
            seconds=seconds,
            size=window,
            fullscreen=fullscreen,
            reconnect=reconnect,
            detect_every=detect_every,
            smoothing=smoothing,
        )
        return show_live(self, camera, options, screen=screen, on_moment=on_moment)

    def look(self, pixels: npt.NDArray[np.uint8], source: str) -> Found:
        """The first two steps: the faces of a picture RGB uint8 (H, W, 3), ready for `answer`."""
        detections = self.find(pixels)
        return Found(detections, self.crop(pixels, detections), (pixels.shape[1], pixels.shape[0]), source)

    def answer(self, found: Sequence[Found]) -> list[Faces]:
        """The third step: the crops of all pictures through the network at once, then apart again by picture."""
        if not found:
            return []
        probabilities, shares = self.read(np.concatenate([picture.crops for picture in found]))
        intensities = intensities_of(probabilities.argmax(axis=1), shares)
        faces = []
        start = 0
        for picture in found:
            rows = slice(start, start + len(picture.crops))
            start = rows.stop
            faces.append(
                Faces(
                    boxes=picture.detections.boxes,
                    scores=picture.detections.scores,
                    landmarks=picture.detections.landmarks,
                    probabilities=probabilities[rows],
                    intensities=intensities[rows],
                    labels=self.labels,
                    size=picture.size,
                    source=picture.source,
                    min_confidence=self.min_confidence,
                )
            )
        return faces


def intensities_of(columns: npt.NDArray[np.int64], shares: npt.NDArray[np.float32] | None) -> npt.NDArray[np.float32]:
    """The estimated share of people who would see each face's emotion, given by its column, float32 (n,).

    `shares` float32 (n, K) as `EmotionRecognizer.read` gives them; None, from a model without votes, gives NaN.
    """
    if shares is None:
        return np.full(len(columns), np.nan, np.float32)
    return np.take_along_axis(shares, columns[:, None], axis=1)[:, 0]


def _unused(folder: Path) -> Path:
    """The folder, or the first of folder-2, folder-3, ... that is not there yet."""
    names = (folder.with_name(f"{folder.name}-{number}") for number in count(2))
    return folder if not folder.exists() else next(path for path in names if not path.exists())
