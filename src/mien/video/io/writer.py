"""Write video: H.264 that browsers play, with the original sound and true times. Needs the extra `video`.

This module knows encoders and containers, nothing of faces.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from mien.errors import VideoError
from mien.files import replacing
from mien.video.io.container import pyav

TIME_BASE = Fraction(1, 90_000)
"""Unit of presentation times in seconds, as in broadcasting: 29.97 and variable frame rates are exact."""

COPIED = frozenset({"aac", "mp3", "mp3float", "opus", "flac"})
"""Audio codecs that MP4 can hold and browsers play: they are copied; others are encoded as AAC."""

_BT709 = 1


class VideoWriter:
    """Write frames with their times to an MP4 file, whole or not at all; used in a `with`.

    All frames get the size of the first one, made even by repeating the last row or column; a frame of another shape
    gets black bars.

    Args:
        path: the file; its name ends in .mp4, .m4v or .mov.
        sound: a file whose first audio track is copied, or None.
        start: time of the original, in seconds, that is 0 in the new file.
        end: time of the original at which the sound ends; None: its end.
        rate: frames per second, a hint for players; the times of the frames decide.

    Raises:
        VideoError: the file cannot be written.
        MissingExtraError: PyAV is not installed.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        sound: str | Path | None = None,
        start: float = 0.0,
        end: float | None = None,
        rate: float | None = None,
    ) -> None:
        self.path = Path(path)
        if self.path.suffix.lower() not in (".mp4", ".m4v", ".mov"):
            raise VideoError("expected a name that ends in .mp4, .m4v or .mov. Choose one", str(path))
        self.notes: list[str] = []
        self.frames = 0
        self._av = pyav()
        self._start, self._rate = start, rate
        self._sound = _Sound(str(sound), start, end, self.notes) if sound is not None else None
        self._last = -1
        self._stack = ExitStack()
        self._container: Any = None
        self._stream: Any = None
        self._size = (0, 0)

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        stopped = kind is None or issubclass(kind, KeyboardInterrupt)  # what was written until a stop is kept
        try:
            if stopped and self._container is not None:
                self._finish(whole=kind is None)
        except self._av.FFmpegError as failure:
            kind, error, stopped = type(failure), failure, False
            raise VideoError(f"cannot be written: {failure}. Is the disk full?", str(self.path)) from failure
        finally:
            if self._container is not None:
                self._container.close()
            if self._sound is not None:
                self._sound.close()
            self._stack.__exit__(*((None, None, None) if stopped else (kind, error, trace)))

    def write(self, seconds: float, image: npt.NDArray[np.uint8]) -> None:
        """Add a frame.

        Args:
            seconds: its time in the original video.
            image: RGB uint8 (H, W, 3).

        Raises:
            VideoError: the file cannot be written.
        """
        try:
            if self._container is None:
                self._open(image)
            stamp = max(round((seconds - self._start) / TIME_BASE), self._last + 1)
            self._last = stamp
            frame = self._av.VideoFrame.from_ndarray(self._fitted(image), format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace=_BT709)
            frame.pts, frame.time_base = stamp, TIME_BASE
            self._container.mux(self._stream.encode(frame))
            self.frames += 1
            if self._sound is not None:
                self._sound.mux_until(seconds)
        except (self._av.FFmpegError, OSError) as error:
            raise VideoError(f"cannot be written: {error}. Choose another place", str(self.path)) from error

    def _open(self, image: npt.NDArray[np.uint8]) -> None:
        height, width = image.shape[:2]
        self._size = (width + width % 2, height + height % 2)
        temporary = self._stack.enter_context(replacing(self.path))
        kind = "mov" if self.path.suffix.lower() == ".mov" else "mp4"
        self._container = self._av.open(str(temporary), "w", format=kind, options={"movflags": "+faststart"})
        rate = Fraction(self._rate or 25).limit_denominator(1001)
        self._stream = self._container.add_stream("libx264", rate=rate, options={"crf": "20", "preset": "veryfast"})
        self._stream.width, self._stream.height = self._size
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = TIME_BASE
        for name in ("colorspace", "color_primaries", "color_trc", "color_range"):
            setattr(self._stream.codec_context, name, _BT709)  # 1 is BT.709 for all, and limited range
        if self._sound is not None:
            self._sound.join(self._container)

    def _fitted(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        width, height = self._size
        if abs(image.shape[1] - width) > 1 or abs(image.shape[0] - height) > 1:
            return letterboxed(image, self._size)
        missing = ((0, height - image.shape[0]), (0, width - image.shape[1]), (0, 0))
        return np.pad(image, missing, mode="edge") if any(map(any, missing)) else np.ascontiguousarray(image)

    def _finish(self, whole: bool) -> None:
        """Flush the encoder, and write the sound to its end, or to the last frame if the work was interrupted."""
        self._container.mux(self._stream.encode(None))
        if self._sound is not None:
            last = self._last * float(TIME_BASE) + self._start
            self._sound.mux_until(float("inf") if whole else last + 1 / (self._rate or 25))
            self._sound.flush()


class _Sound:
    """Copy the sound of a file into another, packet by packet, in step with the frames."""

    def __init__(self, source: str, start: float, end: float | None, notes: list[str]) -> None:
        self._av = pyav()
        self._notes = notes
        self._start, self._end = start, float("inf") if end is None else end
        self._input = self._av.open(source, metadata_errors="replace")
        self._output: Any = None
        self._encoder: Any = None
        self._resampler: Any = None
        self._packets: Iterator[Any] = iter(())
        self._next: Any = None
        self._samples = 0

    def join(self, container: Any) -> None:
        """Add an audio track to the new file, if the original has one."""
        if not self._input.streams.audio:
            return
        stream = self._input.streams.audio[0]
        self._output = container
        if stream.codec_context.name in COPIED:
            self._track = container.add_stream_from_template(stream)
        else:
            rate = stream.codec_context.sample_rate or 48_000
            self._encoder = self._track = container.add_stream("aac", rate=min(rate, 96_000))
            layout = "mono" if stream.codec_context.channels == 1 else "stereo"
            self._encoder.layout = layout
            self._resampler = self._av.AudioResampler("fltp", layout, self._encoder.rate, frame_size=1024)
        self._packets = self._input.demux(stream)
        self._advance()

    def mux_until(self, seconds: float) -> None:
        """Write the packets that begin before this time of the original."""
        while self._next is not None and self._time(self._next) < min(seconds, self._end):
            packet = self._next
            self._advance()
            if self._time(packet) >= self._start - (0.1 if self._start == 0 else 0):
                self._move(packet)

    def flush(self) -> None:
        """Write what the audio encoder still holds."""
        if self._encoder is not None and self._resampler is not None:
            for frame in self._resampler.resample(None):
                self._encode(frame)
            self._output.mux(self._encoder.encode(None))

    def close(self) -> None:
        """Close the original file."""
        self._input.close()

    def _advance(self) -> None:
        try:
            self._next = next((packet for packet in self._packets if packet.pts is not None), None)
        except self._av.FFmpegError as error:
            self._notes.append(f"its sound ends early: {error.strerror or error}")
            self._next = None

    def _time(self, packet: Any) -> float:
        """Return the time of a packet in the original, in seconds, on the same clock as its frames."""
        return float(packet.pts * packet.time_base) - (self._input.start_time or 0) / 1e6

    def _move(self, packet: Any) -> None:
        if self._encoder is None:
            shift = round((self._start + (self._input.start_time or 0) / 1e6) / packet.time_base)
            packet.pts -= shift
            packet.dts = packet.dts - shift if packet.dts is not None else packet.pts
            packet.stream = self._track
            self._output.mux(packet)
            return
        try:
            frames = packet.decode()
        except self._av.FFmpegError:
            return
        for frame in frames:
            if not self._samples:  # from then on samples are counted: sound has no gaps
                self._samples = max(0, round((self._time(frame) - self._start) * self._encoder.rate))
            frame.pts = None
            for piece in self._resampler.resample(frame):
                self._encode(piece)

    def _encode(self, frame: Any) -> None:
        frame.pts, frame.time_base = self._samples, Fraction(1, self._encoder.rate)
        self._samples += frame.samples
        self._output.mux(self._encoder.encode(frame))


def letterboxed(image: npt.NDArray[np.uint8], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Scale a picture, uint8 (H, W, 3), into a size (width, height), with black bars where its shape differs."""
    scale = min(size[0] / image.shape[1], size[1] / image.shape[0])
    width, height = (max(1, round(side * scale)) for side in (image.shape[1], image.shape[0]))
    inner = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    canvas = np.zeros((size[1], size[0], 3), np.uint8)
    canvas[top : top + height, left : left + width] = inner
    return canvas
