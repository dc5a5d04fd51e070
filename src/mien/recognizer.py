"""`EmotionRecognizer`: predict pictures, analyze videos, show cameras, train and evaluate models, with one class.

It adds files and workflows to `FacePipeline`. Training, evaluation, reports, video and the live window are imported
only inside the methods that need them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, overload

import numpy as np
import numpy.typing as npt

from mien.bundle import Bundle
from mien.detection.detections import Detections
from mien.errors import ImageError, InputError
from mien.images import describe_source, is_one_image, load_image
from mien.options import make_options
from mien.pipeline import FaceCrops, FacePipeline
from mien.pipeline_options import DEFAULT_MODEL, ESTIMATE
from mien.preprocess import FRAME, check_crops
from mien.results import Faces
from mien.runs import Run

if TYPE_CHECKING:
    from lightning.pytorch import Callback
    from lightning.pytorch.loggers import Logger
    from matplotlib.figure import Figure

    from mien.datasets import FaceDataset
    from mien.evaluation.evaluate import Evaluation
    from mien.live.show import LiveStats
    from mien.live.window import Screen
    from mien.video.analysis import VideoAnalysis
    from mien.video.moment import Moment
    from mien.video.recording import Recording
    from mien.voice.recognizer import VoiceRecognizer
    from mien.voice.tracking import VoicedAnalysis

PathLike = str | os.PathLike[str]

PICTURES_AT_ONCE = 16
"""Pictures that share inference batches, which is also the most decoded pictures in memory."""


class EmotionRecognizer(FacePipeline):
    __doc__ = (FacePipeline.__doc__ or "").replace(
        "Detect the faces of pictures, crop them and classify their emotions.",
        "Recognize the emotions of faces in pictures, videos and cameras; train and evaluate models.",
    )

    run_folder: Path | None = None
    """The folder of the run of `train`; None before."""

    @classmethod
    def load(cls, path: PathLike, **options: Any) -> Self:
        """Return a recognizer with the bundle file at `path`.

        Args:
            **options: the arguments of the class.

        Raises:
            BundleError: the file cannot be used.
        """
        return cls(Path(path), **options)

    def save(self, path: PathLike) -> Path:
        """Write the bundle to `path`, whole or not at all, and return the path."""
        return self.bundle.save(Path(path))

    def train(
        self,
        train_path: PathLike | Sequence[PathLike] | FaceDataset,
        validation_path: PathLike | Sequence[PathLike] | FaceDataset | None = None,
        *,
        recipe: PathLike = DEFAULT_MODEL,
        epochs: int | None = None,
        batch_size: int | None = None,
        seed: int | None = None,
        settings: Mapping[str, Any] | None = None,
        votes: PathLike | None = None,
        labels: str | None = None,
        numbers: str | None = None,
        weights: Sequence[float] | None = None,
        leave_out: PathLike | None = None,
        out: PathLike | None = None,
        resume: bool = False,
        device: str = "auto",
        callbacks: Sequence[Callback] = (),
        loggers: Sequence[Logger] = (),
    ) -> Self:
        """Train a network and use it from then on; return the recognizer. Needs the extra `train`.

        Args:
            train_path: FER2013's csv, AffectNet, a folder with a subfolder per emotion, a list of these, or a
                `FaceDataset`.
            validation_path: the same, for the faces on which the best epoch is chosen. None: the data's own validation
                split, or a tenth of Training.
            recipe: a shipped recipe's name, or the path of a .toml file.
            epochs: number of epochs. None: the recipe's, as for the next two.
            batch_size: faces per batch.
            seed: seed of all random choices.
            settings: other keys of the recipe with their values, {"augment.mixup": 0.2}.
            votes: FER+'s fer2013new.csv, aligned with FER2013's csv.
            labels: the label set in which the faces are read: "fer2013", "ferplus" or "affectnet". None: "fer2013".
            numbers: the label set whose order folders named 0, 1, 2, ... follow.
            weights: the weight of the faces of each path of `train_path`.
            leave_out: a list of faces to leave out, written by `mien data clean`.
            out: folder of the run. None: a new one in `runs/`.
            resume: continue the run in `out` after its last finished epoch.
            device: "auto", "cpu" or "cuda".
            callbacks: Lightning callbacks, in addition to mien's own.
            loggers: Lightning loggers, in addition to TensorBoard's.

        Raises:
            DataError: the data cannot be read.
            RecipeError: the recipe or a setting is wrong.
            InputError: another argument is wrong.
            TrainingError: the training cannot continue.
            MissingExtraError: the extra `train` is not installed.
        """
        from mien.datasets import as_dataset, with_validation
        from mien.training.fit import Hardware, train
        from mien.training.recipe import load_recipe

        direct = {"epochs": epochs, "batch_size": batch_size, "seed": seed}
        changes = {**(settings or {}), **{key: value for key, value in direct.items() if value is not None}}
        if validation_path is not None:
            changes |= {"data.validation": "own", "data.folds": 0}
        chosen = load_recipe(Path(recipe) if isinstance(recipe, os.PathLike) else recipe, settings=changes)
        folder = Path(out) if out is not None else _unused(Path("runs") / chosen.name)
        Run(folder).check_unused(resume)
        dataset = as_dataset(train_path, votes, labels=labels, numbers=numbers, weights=weights, leave_out=leave_out)
        if validation_path is not None:
            chosen_on = as_dataset(validation_path, labels=dataset.label_set.name, numbers=numbers)
            dataset = with_validation(dataset, chosen_on)
        path = train(
            chosen, dataset, folder, resume=resume, hardware=Hardware(device), callbacks=callbacks, loggers=loggers
        )
        bundle = Bundle.load(path, **self._session)
        self._use(bundle, self._labels if self._labels in bundle.heads else None)
        self.run_folder = folder
        return self

    def evaluate(
        self,
        test_path: PathLike | Sequence[PathLike] | FaceDataset,
        *,
        votes: PathLike | None = None,
        labels: str | None = None,
        numbers: str | None = None,
        split: str | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> Evaluation:
        """Evaluate the model on labelled faces; `print(evaluation.table())` shows the scores.

        Args:
            test_path: the faces, in any form that `train` takes.
            votes: FER+'s fer2013new.csv, aligned with FER2013's csv.
            labels: the label set in which the faces are read. None: that of the model's head.
            numbers: the label set whose order folders named 0, 1, 2, ... follow.
            split: "PublicTest", "Test", "Validation" or "Training". None: the first of these that the data have.
                "PrivateTest" is used only if it is named.
            progress: called with the share that is done, 0 to 1.

        Returns:
            A `mien.evaluation.evaluate.Evaluation`: scores with bootstrap intervals, calibration, confusion.

        Raises:
            DataError: the data cannot be read.
            InputError: an argument is wrong.
        """
        from mien.datasets import as_dataset
        from mien.evaluation.evaluate import evaluate_bundle
        from mien.labels import label_set_of

        name = labels or label_set_of(self.bundle.heads).name
        dataset = as_dataset(test_path, votes, labels=name, numbers=numbers)
        return evaluate_bundle(self.bundle, dataset, split, self.flip, progress)

    def plot_training_history(self) -> Figure:
        """Draw the training curves of the run of `train` as a matplotlib figure.

        Raises:
            InputError: no model was trained with this recognizer.
            MissingExtraError: the extra `report` is not installed.
        """
        if self.run_folder is None:
            raise InputError(
                "plot_training_history: expected a model that was trained here, got a finished one. Call train first, "
                "or draw an earlier run with mien.report.plot_history, or `mien report RUN`"
            )
        from mien.report import plot_history

        run = Run(self.run_folder)
        return plot_history(run.history, run.best_epoch)

    @overload
    def predict(self, image: list[Any] | tuple[Any, ...], *, image_format: str = "RGB") -> list[Faces]: ...
    @overload
    def predict(self, image: Any, *, image_format: str = "RGB") -> Faces: ...
    def predict(self, image: Any, *, image_format: str = "RGB") -> Faces | list[Faces]:
        """Detect the faces of one picture, or of several, and predict their emotions.

        Args:
            image: a path, the bytes of a file, a binary file object, a PIL image or an array uint8 (H, W, 3); for
                several pictures a list of these, or an array uint8 (N, H, W, 3).
            image_format: order of the channels of arrays, "RGB" or "BGR" (what `cv2.imread` gives).

        Returns:
            `Faces` for one picture, a list of them for several.

        Raises:
            ImageError: a picture cannot be read. `predict_batch` continues with the others instead.
            InputError: an argument is no picture.
        """
        if is_one_image(image):
            return self._predict_one(image, image_format)
        return [self._raised(result) for result in self.predict_each(image, image_format=image_format)]

    def predict_batch(self, images: Iterable[Any], *, image_format: str = "RGB") -> list[Faces | ImageError]:
        """Predict several pictures and keep going after errors.

        Args:
            images: pictures as `predict` takes them.
            image_format: order of the channels of arrays, "RGB" or "BGR".

        Returns:
            One result for each picture, in order: `Faces`, or an ImageError if it cannot be read.
        """
        return list(self.predict_each(images, image_format=image_format))

    def predict_each(self, images: Iterable[Any], *, image_format: str = "RGB") -> Iterator[Faces | ImageError]:
        """Yield the results of `predict_batch` one after the other, with few pictures in memory."""
        if is_one_image(images):
            raise InputError("images: expected several pictures, got one. Use predict, or give a list of one")
        if not isinstance(images, Iterable):
            raise InputError(f"images: expected several pictures, got {type(images).__name__}")
        found, ready = self.detect_each(images, image_format=image_format), self
        if self.prior == ESTIMATE:  # all faces are needed before the first answer; pictures are not kept
            everything = list(found)
            ready = self._with_estimate([each for each in everything if isinstance(each, FaceCrops)])
            found = iter(everything)
        while chunk := list(islice(found, PICTURES_AT_ONCE)):
            answers = iter(ready.classify_batch([each for each in chunk if isinstance(each, FaceCrops)]))
            for each in chunk:
                yield each if isinstance(each, ImageError) else next(answers)

    def predict_crops(self, faces: npt.NDArray[np.uint8], source: str = "crops") -> Faces:
        """Predict the emotions of face crops that are framed as in FER2013 (docs/face-crop.md).

        Args:
            faces: gray crops, uint8 (N, 48, 48).
            source: their name in the result.

        Raises:
            InputError: the array has another shape or dtype.
        """
        crops = check_crops(faces)
        frames = Detections.of_boxes(np.tile([0, 0, FRAME, FRAME], (len(crops), 1)))
        return self._answer(FaceCrops(frames, crops, (FRAME, FRAME), source))

    def _predict_one(self, image: Any, image_format: str) -> Faces:
        pixels = load_image(image, image_format=image_format)
        return self._answer(self.detect_and_crop(pixels, describe_source(image)))

    def _answer(self, found: FaceCrops) -> Faces:
        ready = self._with_estimate([found]) if self.prior == ESTIMATE else self
        return ready.classify_batch([found])[0]

    def _with_estimate(self, pictures: list[FaceCrops]) -> Self:
        crops = [np.zeros((0, FRAME, FRAME), np.uint8), *(picture.crops for picture in pictures)]
        return self.with_prior(self.estimate_prior(np.concatenate(crops)))

    @staticmethod
    def _raised(result: Faces | ImageError) -> Faces:
        if isinstance(result, ImageError):
            raise result
        return result

    def track(
        self, source: Any, *, voice: bool | PathLike | VoiceRecognizer = False, **options: Any
    ) -> VideoAnalysis | VoicedAnalysis:
        """Analyze a video: `for moment in recognizer.track("talk.mp4"): moment.time, moment.faces`.

        Args:
            source: a file, an address (rtsp://, http://), a camera's number, a folder of pictures (needs `fps`), a
                binary file object, or any iterable of (seconds, image).
            voice: listen to the video's sound too: `moment.voice` is what is heard, `face.fused` joins face and voice.
                True: the released voice bundle; or another one's name or path, or a `VoiceRecognizer`. Needs the extra
                `voice` and a file.
            **options: the fields of `mien.video.options.AnalysisOptions`: which frames are analyzed, and how.

        Returns:
            An iterator over `Moment`s, which is also a context manager that closes the video.

        Raises:
            VideoError: the video cannot be read.
            InputError: an argument is wrong.
            SoundError: the sound cannot be read.
            MissingExtraError: the extra `video`, or `voice`, is not installed.
        """
        from mien.video.analysis import analyze
        from mien.video.options import AnalysisOptions

        chosen = make_options(AnalysisOptions, options, "track")
        if voice is False:
            return analyze(self, source, chosen)
        from mien.voice.tracking import VoicedAnalysis, VoiceTrack

        heard = VoiceTrack(source, voice)
        return VoicedAnalysis(analyze(self, source, chosen), heard)

    def record(
        self,
        source: Any,
        *,
        rows: PathLike | None = None,
        annotated: PathLike | None = None,
        timeline: PathLike | Sequence[PathLike] = (),
        summary: PathLike | None = None,
        resume: bool = False,
        csv_bom: bool = False,
        progress: Callable[[float], None] | None = None,
        **options: Any,
    ) -> Recording:
        """Analyze a video and write rows, an annotated video, a timeline and a summary, as `mien video` does.

        Args:
            source: any source that `track` takes.
            rows: file for a row per face and frame: .csv, .jsonl or .parquet; "-" is standard output.
            annotated: file for the video with boxes and captions: .mp4.
            timeline: file, or several, for the timeline: .html or .png.
            summary: file for the summary per person: .json.
            resume: continue an interrupted recording, so that its rows equal those of one run.
            csv_bom: begin rows in a CSV file with a byte order mark, as Excel needs it.
            progress: called after each frame with its time in seconds.
            **options: the fields of `mien.video.options.AnalysisOptions`.

        Returns:
            A `mien.video.recording.Recording`: the summary, notes on what was wrong with the video, the time it took.

        Raises:
            VideoError: the video cannot be read, or the annotated one not written.
            InputError: an argument is wrong.
            MissingExtraError: an extra is not installed: `video`, `parquet`, or `report` for a .png timeline.
        """
        from mien.video.options import AnalysisOptions
        from mien.video.recording import RecordingFiles, record_video

        timelines = [timeline] if isinstance(timeline, str | os.PathLike) else timeline
        files = RecordingFiles.of(rows=rows, annotated=annotated, timelines=timelines, summary=summary, csv_bom=csv_bom)
        chosen = make_options(AnalysisOptions, options, "record")
        return record_video(self, source, files, chosen, resume=resume, progress=progress)

    def predict_realtime(
        self,
        camera: Any = 0,
        *,
        on_moment: Callable[[Moment], bool | None] | None = None,
        screen: Screen | None = None,
        **options: Any,
    ) -> LiveStats:
        """Show a camera in a window with the emotions of its faces, until q is pressed or the window is closed.

        Keys: q or Esc quits, s saves a snapshot, r starts and ends a recording, d shows and hides the bars, l switches
        to the next label set and finally hides the captions, h hides the help. On macOS call it from the main thread.

        Args:
            camera: a camera's number, an address, a file (played at its own speed), or any source that `track` takes.
            on_moment: called with every `Moment` before it is shown; if it returns False, the session ends.
            screen: the display, a `mien.live.window.Screen`. None: a window.
            **options: the fields of `mien.live.options.LiveOptions`: mirror, details, snapshots, out, seconds, window,
                fullscreen, reconnect, detect_every, smoothing.

        Returns:
            A `mien.live.show.LiveStats`: pictures shown, seconds, frames dropped, losses, files written.

        Raises:
            InputError: there is no display, or an argument is wrong.
            VideoError: the camera cannot be read.
            MissingExtraError: the extra `video` is not installed, for files and addresses.
        """
        from mien.live.options import LiveOptions
        from mien.live.show import show_live

        chosen = make_options(LiveOptions, options, "predict_realtime")
        return show_live(self, camera, chosen, screen=screen, on_moment=on_moment)


def _unused(folder: Path) -> Path:
    """Return the folder, or the first of folder-2, folder-3, ... that does not exist yet."""
    names = (folder.with_name(f"{folder.name}-{number}") for number in count(2))
    return folder if not folder.exists() else next(path for path in names if not path.exists())
