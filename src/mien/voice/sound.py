"""Read the sound of files, bytes, file objects and arrays as mono samples, in a stream, with PyAV (extra `voice`).

This module knows containers, channels and rates; nothing of speech or emotions.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.errors import InputError, MissingExtraError, SoundError, describe_value

Samples = npt.NDArray[np.float32]

SOUND_SUFFIXES = (".wav", ".opus", ".ogg", ".oga", ".mp3", ".flac", ".m4a", ".aac", ".wma", ".aiff", ".aif")
"""Suffixes of sound files in a folder; a file that is named itself may have any suffix."""

LOWEST_RATE, HIGHEST_RATE = 4_000, 384_000
"""Samples per second of an array that are taken; below, speech cannot be understood."""

MOST_CHANNELS = 64
PART = 16_384
"""Samples of an array that are converted at once."""

LEAST_LATENESS, MOST_LATENESS = 0.03, 3600.0
"""Seconds by which the sound may begin after the pictures; silence is put before it."""

STANDARD_INPUT = "-"


class SoundStream:
    """Read the sound of one source, once from beginning to end, in parts, so that memory does not grow.

    Args:
        source: the path of a sound or video file, "-" for standard input, the bytes of a file, a binary file object, or
            an array of samples: (n,) mono, (n, channels) or (channels, n); floats from -1 to 1, or integers, whose
            range is that of their type.
        rate: samples per second of an array; for other sources it is in the file.

    Attributes:
        name: the source in messages.
        duration: seconds, None where the file does not say.

    Raises:
        SoundError: the source cannot be opened, or has no sound.
        InputError: an array has the wrong shape, type or values, or no rate.
        MissingExtraError: PyAV is not installed.
    """

    def __init__(self, source: Any, rate: int | None = None) -> None:
        self.name = name_of(source)
        self.duration: float | None
        self._array: npt.NDArray[Any] | None = None
        self._container: Any = None
        self._rate = 0
        if isinstance(source, np.ndarray | list | tuple):
            self._rate = _checked_rate(rate)
            self._array = _as_channels(np.asarray(source))
            self.duration = self._array.shape[1] / self._rate
            return
        if rate is not None:
            raise InputError(f"rate: expected none for {self.name}, whose file says it, got {rate}")
        self._container = _opened(source, self.name)
        stream = self._container.streams.audio[0]
        if not stream.rate:
            self._container.close()
            raise SoundError("expected sound of a known rate, got none. Does it play?", self.name)
        self._rate = stream.rate
        self._late = _lateness(self._container, stream)
        length = stream.duration * stream.time_base if stream.duration and stream.time_base else None
        whole = self._container.duration
        self.duration = float(length) if length else whole / 1e6 if whole and whole > 0 else None

    def parts(self, rates: Sequence[int]) -> Iterator[tuple[Samples, ...]]:
        """Yield the sound part by part, mono, float32 (n,), once per rate; all channels are averaged.

        Raises:
            SoundError: nothing of it can be decoded.
        """
        resamplers = Resamplers(self._rate, rates)
        count = 0
        for mono in self._mono():
            yield resamplers(mono)
            count += 1
        if not count:
            raise SoundError(
                "expected sound, got a file of which nothing can be decoded. Check that it plays", self.name
            )
        yield resamplers(None)

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        if self._container is not None:
            self._container.close()

    def __enter__(self) -> SoundStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _mono(self) -> Iterator[Samples]:
        """Yield the samples, float32 (n,), at `_rate`; all channels are averaged."""
        if self._array is not None:
            for start in range(0, self._array.shape[1], PART):
                part = self._array[:, start : start + PART]
                yield part.mean(axis=0, dtype=np.float64).astype(np.float32)
            return
        if self._late:
            yield np.zeros(int(self._late * self._rate), np.float32)
        converter, before = None, None
        for frame in self._frames():
            form = (frame.format.name, frame.layout.name, frame.sample_rate)
            if converter is None or form != before:  # it may change on the way
                converter, before = _av().AudioResampler(format="fltp", rate=self._rate), form
            for part in converter.resample(frame):
                yield part.to_ndarray().mean(axis=0)

    def _frames(self) -> Iterator[Any]:
        """Yield the frames of the file, up to where it is cut short; a damaged packet is left out."""
        av = _av()
        packets = self._container.demux(self._container.streams.audio[0])
        while True:
            try:
                packet = next(packets)
            except (StopIteration, av.FFmpegError, OSError):
                return
            with suppress(av.FFmpegError):
                for frame in packet.decode():
                    frame.pts = None  # gaps and jumps in the times do not matter to the samples
                    yield frame


class Resamplers:
    """Convert a stream of mono samples to several rates at once.

    Args:
        rate: samples per second that are given.
        rates: those that are wanted.
    """

    def __init__(self, rate: int, rates: Sequence[int]) -> None:
        self.rate = rate
        self._all = [_av().AudioResampler(format="flt", layout="mono", rate=wanted) for wanted in rates]

    def __call__(self, samples: Samples | None) -> tuple[Samples, ...]:
        """Return the next samples, float32 (n,), once per rate; None gives what is left at the end."""
        frame = None
        if samples is not None:
            frame = _av().AudioFrame.from_ndarray(np.ascontiguousarray(samples[None]), format="flt", layout="mono")
            frame.sample_rate = self.rate
        return tuple(_joined(resampler.resample(frame)) for resampler in self._all)


def read_sound(source: Any, rate: int) -> Samples:
    """Return the whole sound of a file, mono, float32 (n,), about -1 to 1, at `rate` samples per second.

    Raises:
        SoundError: it cannot be read, or has no sound.
    """
    with SoundStream(source) as stream:
        return np.concatenate([part for (part,) in stream.parts((rate,))])


def name_of(source: Any) -> str:
    """Return how a source is called in results and messages: its path, or a description."""
    if isinstance(source, str | os.PathLike):
        return "standard input" if str(source) == STANDARD_INPUT else os.fspath(source)
    if isinstance(source, bytes | bytearray | memoryview):
        return "bytes"
    if isinstance(source, np.ndarray | list | tuple):
        return "array"
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "file object"


def _av() -> Any:
    try:
        import av
    except ImportError as error:
        raise MissingExtraError("reading sound", "voice") from error
    return av


def _opened(source: Any, name: str) -> Any:
    """Return the open container of a source with sound."""
    av = _av()
    if isinstance(source, str | os.PathLike) and str(source) == STANDARD_INPUT:
        source = sys.stdin.buffer
    elif isinstance(source, str | os.PathLike):
        source = os.fspath(source)
        if "://" not in source and not Path(source).exists():
            raise SoundError("expected a sound or video file, got no such file. Check the path", name)
        if os.path.isdir(source):
            raise SoundError("expected a sound or video file, got a folder. Name a file in it", name)
    elif isinstance(source, bytes | bytearray | memoryview):
        source = io.BytesIO(source)
    elif not hasattr(source, "read"):
        raise InputError(
            f"expected a path, bytes, a binary file object or an array with its rate, got {describe_value(source)}"
        )
    try:
        container = av.open(source, metadata_errors="replace")
    except (av.FFmpegError, OSError, ValueError) as error:
        raise SoundError(f"expected a sound or video file, got one that cannot be opened ({error})", name) from error
    if not container.streams.audio:
        kinds = ", ".join(stream.type for stream in container.streams)
        container.close()
        got = f"a file without, only {kinds}" if kinds else "a file with nothing in it"
        raise SoundError(f"expected sound, got {got}. Choose a file with a sound track", name, missing=True)
    return container


def _lateness(container: Any, stream: Any) -> float:
    """Return by how many seconds the sound begins after the file, so that its times are those of the pictures."""
    if stream.start_time is None or stream.time_base is None or container.start_time is None:
        return 0.0
    late = float(stream.start_time * stream.time_base) - container.start_time / 1e6
    return late if LEAST_LATENESS < late < MOST_LATENESS else 0.0


def _checked_rate(rate: int | None) -> int:
    if rate is None:
        raise InputError("rate: expected the samples per second of the array, such as 16000, got none")
    if isinstance(rate, bool) or rate != int(rate) or not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise InputError(f"rate: expected {LOWEST_RATE} to {HIGHEST_RATE} samples per second, got {rate}")
    return int(rate)


def _as_channels(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return floats (channels, n), -1 to 1; the shorter side of a matrix is that of the channels."""
    if array.ndim not in (1, 2) or array.dtype.kind not in "fiu" or not array.size:
        raise InputError(
            f"expected samples as floats or integers, (n,), (n, channels) or (channels, n), got {describe_value(array)}"
        )
    channels = array[None] if array.ndim == 1 else array if len(array) <= array.shape[1] else array.T
    if len(channels) > MOST_CHANNELS:
        raise InputError(f"expected at most {MOST_CHANNELS} channels, got {len(channels)}")
    if array.dtype.kind == "f":
        if not np.isfinite(channels).all():
            raise InputError("expected finite samples, got NaN or infinity. Replace them with 0 first")
        return channels
    limits = np.iinfo(array.dtype)
    middle = (float(limits.max) + float(limits.min) + 1) / 2  # unsigned sound rests at the middle of its range
    return (channels.astype(np.float32) - np.float32(middle)) / np.float32(
        (float(limits.max) - float(limits.min) + 1) / 2
    )


def _joined(frames: Sequence[Any]) -> Samples:
    parts = [frame.to_ndarray()[0] for frame in frames]
    return np.asarray(np.concatenate(parts), np.float32) if parts else np.zeros(0, np.float32)
