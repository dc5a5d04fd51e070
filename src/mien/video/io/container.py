"""Read frames of video files and streams with PyAV (extra `video`), with their true times.

This module knows containers and timestamps, nothing of faces. Its frames are RGB uint8 (H, W, 3), upright, with square
pixels.
"""

from __future__ import annotations

import bisect
import logging
import re
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, BinaryIO

import numpy as np

from mien.errors import MissingExtraError, VideoError
from mien.video.io.clock import FrameClock, origin_of
from mien.video.io.frames import OPEN_TIMEOUT, Frame, Pixels
from mien.video.options import Sampling

WORTH_SEEKING = 10.0
"""Seconds: seek to a key frame only if `start` is later; before it, decoding from the beginning is faster."""


log = logging.getLogger("mien")

_URL = re.compile(r"^[a-z][a-z0-9+.-]+://", re.IGNORECASE)


def pyav() -> Any:
    """Return the module `av`; raise MissingExtraError if it is not installed."""
    try:
        import av
    except ImportError as error:
        raise MissingExtraError("reading and writing video", "video") from error
    return av


class VideoFile:
    """Read a video file or a stream.

    Times are presentation timestamps in seconds from the container's start, so that variable frame rates and 29.97
    frames per second are exact. A file object (standard input) is read once, from beginning to end.

    Args:
        source: a path, an address, or a binary file object.
        name: the name in messages; None: the source.
        timeout: seconds without data after which a stream has failed.
        formats: the container formats that are allowed, by FFmpeg's names ("mov,matroska"), for files that are not
            trusted; such a file may not refer to other files or addresses either. Empty: all formats.
        max_pixels: most pixels of a frame; 0: no limit.

    Raises:
        VideoError: the source cannot be opened, holds no video, or its frames are too large.
        MissingExtraError: PyAV is not installed.
    """

    def __init__(
        self,
        source: str | BinaryIO,
        name: str | None = None,
        timeout: float = OPEN_TIMEOUT,
        formats: str = "",
        max_pixels: int = 0,
    ) -> None:
        self.name = name or str(source)
        self._max_pixels = max_pixels
        self._limits = {"format_whitelist": formats, "protocol_whitelist": "file"} if formats else {}
        self._timeout = timeout
        self.notes: list[str] = []
        self._source = source
        self._seekable = isinstance(source, str) and not _URL.match(source)
        self._container = self._open()
        self._index = _main_stream(self._container).index
        stream = self._container.streams[self._index]
        self._say_which(self._container)
        rate = stream.average_rate or stream.guessed_rate
        self.rate = float(rate) if rate else None
        self.duration = self.seconds_of(stream)
        self.live = isinstance(source, str) and bool(_URL.match(source)) and self.duration is None

    def frames(self, sampling: Sampling) -> Iterator[Frame]:
        """Yield the frames of the sampling; raise VideoError if not one can be decoded."""
        container, self._container = self._container or self._open(), None
        with container:
            stream = container.streams[self._index]
            stream.thread_type = "AUTO"
            number = self._skip(container, sampling.begin) if self._seekable else 0
            yield from self._decode(container, stream, number, sampling)

    def _open(self) -> Any:
        av = pyav()
        options = {"rtsp_transport": "tcp"} if self.name.lower().startswith("rtsp") else {}
        options |= self._limits
        try:
            timeout = None if self._seekable else (OPEN_TIMEOUT, self._timeout)
            container = av.open(self._source, options=options, timeout=timeout, metadata_errors="replace")
        except (av.FFmpegError, OSError) as error:
            raise VideoError(_cannot_open(error), self.name) from error
        if _main_stream(container) is None:
            kinds = ", ".join("a cover picture" if _is_cover(one) else one.type for one in container.streams)
            container.close()
            what = f"without pictures, only {kinds}" if kinds else "with nothing in it"
            raise VideoError(f"expected frames, got a file {what}. Check that it is a video", self.name)
        if self._max_pixels:
            self._check_pixels(container)
        return container

    def _say_which(self, container: Any) -> None:
        """Log which video stream is read, if there are several."""
        sizes = [f"{one.codec_context.width} x {one.codec_context.height}" for one in _videos(container)]
        if len(sizes) > 1:
            codec = container.streams[self._index].codec_context
            log.warning(
                "%s: has %d video streams (%s); the one with %d x %d pixels is read",
                self.name,
                len(sizes),
                ", ".join(sizes),
                codec.width,
                codec.height,
            )

    def _check_pixels(self, container: Any) -> None:
        """Raise VideoError if the file declares too large frames; make the decoder refuse those it does not declare."""
        codec = _main_stream(container).codec_context
        codec.options = {"max_pixels": str(self._max_pixels)}
        if codec.width * codec.height > self._max_pixels:
            container.close()
            raise VideoError(
                f"expected frames of at most {self._max_pixels:,} pixels, got {codec.width} x {codec.height}. "
                "Scale it down first",
                self.name,
            )

    def seconds_of(self, stream: Any) -> float | None:
        """Return the duration of the video stream in seconds, or else that of the file; None if neither is known."""
        if stream.duration and stream.time_base:
            return float(stream.duration * stream.time_base)
        duration = self._container.duration
        return duration / 1e6 if duration and duration > 0 else None

    def _skip(self, container: Any, start: float) -> int:
        """Seek to a key frame before `start` and return the number of the first frame that is decoded from there.

        Packets are counted without decoding them. Where seeking fails, the file is read from its beginning: 0.
        """
        av, stream = pyav(), container.streams[self._index]
        if start < WORTH_SEEKING:
            return 0
        origin, numbers, key = origin_of(container), [], None
        aim = float(start) + origin
        try:
            for packet in container.demux(stream):
                if packet.pts is None or packet.is_discard:
                    continue
                if packet.dts is not None and packet.dts * packet.time_base > aim:
                    break
                numbers.append(packet.pts)
                if packet.is_keyframe and packet.pts * packet.time_base < aim - 1:
                    key = packet.pts
            container.seek(key if key is not None else stream.start_time or 0, stream=stream)
            if key is None:
                return 0
            first = next(container.decode(stream), None)
            container.seek(key, stream=stream)
            if first is not None and first.pts is not None and float(first.pts * stream.time_base) <= aim:
                return bisect.bisect_left(sorted(numbers), first.pts)
        except av.FFmpegError:
            pass
        container.seek(stream.start_time or 0, stream=stream)
        return 0

    def _decode(self, container: Any, stream: Any, number: int, sampling: Sampling) -> Iterator[Frame]:
        times = deque[int]() if container.format.name == "avi" else None
        clock = FrameClock(None if self.live else origin_of(container), 1 / self.rate if self.rate else 1 / 25, times)
        chosen, seconds, count = sampling.chooser(), None, 0
        for frame in self._pictures(container, stream, times):
            seconds = clock.time_of(frame, number)
            if sampling.end is not None and seconds >= sampling.end:
                break
            if chosen(number, seconds):
                yield Frame(seconds, number, _upright_rgb(frame, stream.sample_aspect_ratio))
            number, count = number + 1, count + 1
        else:
            self._check_end(count, seconds, sampling, clock)

    def _pictures(self, container: Any, stream: Any, times: deque[int] | None) -> Iterator[Any]:
        """Yield every picture that can be decoded; note what cannot; collect the decoding times in `times`."""
        av = pyav()
        packets, damaged = container.demux(stream), 0
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError as error:
                self.notes.append(f"reading ended early: {_message_of(error)}. What came before is kept")
                break
            if packet is None:
                break
            if times is not None and packet.dts is not None:
                times.append(packet.dts)
            try:
                yield from packet.decode()
            except av.FFmpegError:
                damaged += 1
                if times:
                    times.popleft()
        if damaged:
            self.notes.append(f"{damaged} {'piece was' if damaged == 1 else 'pieces were'} damaged and left out")

    def _check_end(self, count: int, seconds: float | None, sampling: Sampling, clock: FrameClock) -> None:
        """Raise VideoError if there was no frame; note it if the last one is before the file's declared end."""
        if not count and sampling.begin == 0:
            reason = self.notes[-1] if self.notes else "the file says nothing more"
            raise VideoError(f"expected frames, got none ({reason}). Copy or download it again", self.name)
        if sampling.start and (seconds is None or seconds < sampling.start):
            end = seconds if seconds is not None else self.duration
            lasts = "unknown" if end is None else f"at {end:.1f} s"
            raise VideoError(
                f"start: expected a time before the end, got {sampling.start:g} s; the last frame is {lasts}. "
                "Choose an earlier one",
                self.name,
            )
        if clock.jumps:
            self.notes.append(f"its clock jumped back {clock.jumps} times; times continue from the last one")
        if self.duration is None or self.live or seconds is None:
            return
        if seconds < self.duration - max(1.0, 3 * clock.step):
            self.notes.append(
                f"is cut short: it says that it lasts {self.duration:.1f} s, the last frame is at {seconds:.1f} s. "
                "What could be read is kept"
            )


def _is_cover(stream: Any) -> bool:
    """Return whether a stream is one picture, such as the cover of an album."""
    disposition = getattr(stream, "disposition", None)
    return disposition is not None and bool(disposition & type(disposition).attached_pic)


def _videos(container: Any) -> list[Any]:
    """Return the video streams of a container, without cover pictures."""
    return [stream for stream in container.streams.video if not _is_cover(stream)]


def _main_stream(container: Any) -> Any:
    """Return the video stream with the most pixels times frames, or None if there is none."""

    def amount(stream: Any) -> float:
        frames = stream.frames or (float(stream.duration * stream.time_base) if stream.duration else 1.0)
        return float(frames * stream.codec_context.width * stream.codec_context.height)

    videos = _videos(container)
    counted = all(stream.frames for stream in videos)
    lasting = all(stream.duration for stream in videos)
    if not counted and not lasting:  # not known of all: only pixels can be compared
        return max(videos, key=lambda one: one.codec_context.width * one.codec_context.height, default=None)
    return max(videos, key=amount, default=None)


def _upright_rgb(frame: Any, aspect: Fraction | None) -> Pixels:
    """Return a decoded frame as RGB with square pixels, rotated as the container's display matrix says."""
    width = frame.width
    if aspect and aspect != 1 and Fraction(1, 4) <= aspect <= 4:
        width = max(1, round(width * aspect))
    pixels = frame.reformat(width=width, format="rgb24").to_ndarray()
    turns = round((frame.rotation or 0) / 90) % 4  # to the left
    return np.ascontiguousarray(np.rot90(pixels, turns)) if turns else pixels  # type: ignore[no-any-return]


def _message_of(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _cannot_open(error: Exception) -> str:
    name = type(error).__name__
    if isinstance(error, EOFError):
        return "expected frames, got none: the file ends after its header. Copy or download it again"
    if name == "InvalidDataError":
        return (
            "expected a video, got something else or a file that was cut short before its index was written "
            "(an MP4 of a camera that stopped). Copy it again, or repair it with a tool such as untrunc"
        )
    if name in ("TimeoutError", "ExitError"):
        return f"does not answer within {OPEN_TIMEOUT:.0f} s. Check the address and the network"
    return f"cannot be opened: {_message_of(error)}. Check the path or the address, and the permissions"
