"""Show live video in a window with boxes, bars and the frame rate; keys save pictures, record and change the display.

The window is a `mien.live.window.Screen`, which other displays can implement too. Faces are analyzed in a background
thread while the last picture is drawn and shown.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.drawing import VideoAnnotator
from mien.errors import ImageError, MissingExtraError, VideoError
from mien.images import save_image
from mien.live.options import LiveOptions
from mien.live.overlay import OverlayText, draw_overlay, fitted
from mien.live.window import ESCAPE, Screen, Window
from mien.pipeline import FacePipeline
from mien.video.analysis import VideoAnalysis, analyze
from mien.video.io.frames import Source
from mien.video.io.opening import open_source
from mien.video.io.prefetch import Prefetcher
from mien.video.io.reconnect import MirroredSource, ReconnectingSource
from mien.video.io.writer import VideoWriter
from mien.video.moment import Moment
from mien.video.rows import RowWriter
from mien.video.summary import clock

Pixels = npt.NDArray[np.uint8]

log = logging.getLogger("mien.live")

KEYS = "q quit   s snapshot   r record   d details   l labels   h help"
HIDDEN = "hidden"

POLL = 0.015
"""Seconds between two checks for a pressed key."""
REDRAWN = 0.2
"""Seconds after which the window is redrawn without a new picture, to update notices and clocks."""
NOTICE = 1.5
"""Seconds that a notice is shown."""
STALLED = 2.0
"""Seconds without a picture after which a live source is reported as stalled."""
READ_TIMEOUT = 5.0
"""Seconds without data after which a stream is lost."""
CLOSE_TIMEOUT = 2.0
"""Seconds that closing waits for a stream that does not answer."""


@dataclass
class LiveStats:
    """Statistics of a live session.

    Attributes:
        shown: pictures that were shown.
        seconds: how long the session lasted.
        dropped: frames that were dropped, since they came too late.
        losses: how often the source was lost.
        files: snapshots and recordings that were written.
    """

    shown: int = 0
    seconds: float = 0.0
    dropped: int = 0
    losses: int = 0
    files: list[Path] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Pictures shown per second."""
        return self.shown / self.seconds if self.seconds else 0.0


def show_live(
    pipeline: FacePipeline,
    camera: Any = 0,
    options: LiveOptions | None = None,
    *,
    screen: Screen | None = None,
    on_moment: Callable[[Moment], bool | None] | None = None,
) -> LiveStats:
    """Show a camera, stream or video with the emotions of its faces until the user quits or the source ends.

    Messages for the user are logged at level INFO by the logger "mien.live".

    Args:
        pipeline: detects, crops and classifies faces: an `EmotionRecognizer`, for instance.
        camera: what `mien.video.io.opening.open_source` takes; files are played at their own speed.
        options: how the video is shown.
        screen: the display; None: a window on the desktop.
        on_moment: called with every moment before it is shown; if it returns False, the session ends.

    Returns:
        The statistics of the session.

    Raises:
        InputError: there is no display.
        VideoError: the camera cannot be opened or read.
        MissingExtraError: the extra `video` is not installed.
    """
    options = options or LiveOptions()
    screen = screen or Window("mien", options.window, options.fullscreen)
    source = _open(camera, options)
    analysis = analyze(pipeline, source, options.analysis)
    with ExitStack() as stack:
        stack.callback(_leave, analysis)
        stack.callback(screen.close)
        rows = stack.enter_context(RowWriter(options.out, pipeline.labels)) if options.out else None
        loop = _LiveLoop(analysis, screen, options, rows, on_moment)
        stack.callback(loop.stop_recording)
        return loop.run()


def _open(camera: Any, options: LiveOptions) -> Source:
    """Open the camera; mirror it and reconnect it when it is lost, as the options say."""
    mirror = isinstance(camera, int) if options.mirror is None else options.mirror

    def opened() -> Source:
        source: Source = camera if hasattr(camera, "frames") else open_source(camera, READ_TIMEOUT)
        return MirroredSource(source) if mirror else source

    source = opened()
    return ReconnectingSource(source, opened) if source.live and options.reconnect else source


def _leave(analysis: VideoAnalysis) -> None:
    if isinstance(analysis.source, ReconnectingSource):
        analysis.source.close()
    analysis.close(CLOSE_TIMEOUT)


class _LiveLoop:
    """The loop of a live session: take the newest moment, draw and show it, handle the keys."""

    def __init__(
        self,
        analysis: VideoAnalysis,
        screen: Screen,
        options: LiveOptions,
        rows: RowWriter | None,
        on_moment: Callable[[Moment], bool | None] | None,
    ) -> None:
        self.stats = LiveStats()
        self._analysis = analysis
        self._screen = screen
        self._options = options
        self._rows = rows
        self._on_moment = on_moment
        self._annotator = VideoAnnotator(options.details)
        self._help = True
        first = analysis.analyzer.pipeline.head.name
        others = [name for name in analysis.analyzer.pipeline.bundle.heads if name != first]
        self._label_sets = deque([first, *(others if rows is None else ()), HIDDEN])  # a file of rows has fixed labels
        self._picture: Pixels | None = None  # the last one, with its faces
        self._moment: Moment | None = None
        self._film: VideoWriter | None = None
        self._filming_since = 0.0
        self._notice, self._notice_until = "", 0.0
        self._trouble = ""
        self._times: deque[float] = deque(maxlen=31)
        self._latency = 0.0
        self._drawn = self._last = 0.0
        self._actions: dict[str, Callable[[], None]] = {
            "s": self.snapshot,
            "r": self.record,
            "d": self.toggle_details,
            "l": self.next_labels,
            "h": self.toggle_help,
        }

    def run(self) -> LiveStats:
        """Run until the user quits or the source ends, and return the statistics."""
        began = self._last = self._drawn = time.perf_counter()
        source = self._analysis.source
        moments: Prefetcher[Moment] = Prefetcher((moment for moment in self._analysis), depth=1)
        try:
            while not moments.ended:
                moment = moments.take(POLL)
                if moment is not None and not self._present(moment):
                    break
                if moment is None and time.perf_counter() - self._drawn > REDRAWN:
                    self._redraw()
                if not self._handle_key(self._screen.key()) or self._screen.closed:
                    break
                if self._options.seconds is not None and time.perf_counter() - began >= self._options.seconds:
                    break
        finally:
            moments.request_stop()
            self.stats.seconds = time.perf_counter() - began
            self.stats.dropped = self._analysis.dropped
            self.stats.losses = source.losses if isinstance(source, ReconnectingSource) else 0
            self._screen.close()
            _leave(self._analysis)
            moments.close(CLOSE_TIMEOUT)
        for note in source.notes:
            log.info("%s", f"{source.name}: {note}")
        return self.stats

    def snapshot(self) -> None:
        """Save the picture with its faces, without the overlay."""
        if self._picture is None:
            return
        path = unused(Path(self._options.snapshots), ".png")
        try:
            self.stats.files.append(save_image(path, self._picture))
        except (ImageError, OSError) as error:
            self._notify(f"no snapshot: {error}")
        else:
            self._notify(f"saved {path}")

    def record(self) -> None:
        """Begin a recording, or end the one that is running."""
        if self._film is not None:
            self.stop_recording()
            return
        path = unused(Path(self._options.snapshots), ".mp4")
        try:
            self._film = VideoWriter(path, start=self._moment.time if self._moment else 0.0, rate=self._rate() or None)
        except (VideoError, MissingExtraError) as error:
            self._notify(f"no recording: {error}")
        else:
            self._filming_since = time.perf_counter()
            self._notify(f"recording {path}")

    def stop_recording(self) -> None:
        """End the recording, if one is running, and complete its file."""
        film, self._film = self._film, None
        if film is None:
            return
        try:
            film.__exit__(None, None, None)
        except VideoError as error:
            self._notify(f"no recording: {error}")
        else:
            if film.frames:
                self.stats.files.append(film.path)
            self._notify(f"saved {film.path}" if film.frames else "nothing came to record")

    def toggle_details(self) -> None:
        """Show or hide the bars of the emotions."""
        self._annotator.details = not self._annotator.details

    def toggle_help(self) -> None:
        """Show or hide the keys."""
        self._help = not self._help

    def next_labels(self) -> None:
        """Switch to the next label set of the model; after the last one hide the captions, then begin again."""
        self._label_sets.rotate(-1)
        if self._label_sets[0] != HIDDEN:
            analyzer = self._analysis.analyzer
            analyzer.switch_to(analyzer.pipeline.with_labels(self._label_sets[0]))
        self._notify(f"labels: {self._label_sets[0]}")

    def _present(self, moment: Moment) -> bool:
        """Draw, record and show a moment; return False if `on_moment` ends the session."""
        goes_on = self._on_moment is None or self._on_moment(moment) is not False
        if self._rows is not None:
            self._rows.write(moment)
        self._moment = moment
        assert moment.image is not None  # it comes from the camera, not from rows
        self._picture = self._annotator.draw(
            moment.time, moment.image, moment.faces, captions=self._label_sets[0] != HIDDEN
        )
        if self._film is not None:
            self._write(moment.time, self._picture)
        self._redraw()
        now = time.perf_counter()
        self._times.append(now)
        self._last = now
        self._latency += (0.1 if self.stats.shown else 1.0) * (now - moment.arrived - self._latency)
        self.stats.shown += 1
        return goes_on

    def _write(self, seconds: float, picture: Pixels) -> None:
        assert self._film is not None
        try:
            self._film.write(seconds, picture)
        except VideoError as error:
            self._film.__exit__(type(error), error, None)  # removes the incomplete file
            self._film = None
            self._notify(f"no recording: {error}")

    def _redraw(self) -> None:
        now = self._drawn = time.perf_counter()
        waiting = self._waiting(now)
        picture = self._picture
        if picture is None:
            width, height = self._options.window or (960, 540)
            picture = np.full((height, width, 3), 60, np.uint8)
        elif waiting and self._moment is not None and self._moment.image is not None:
            picture = self._moment.image  # without its faces, which may have moved since
        text = OverlayText(
            status=self._status(),
            keys=KEYS if self._help else "",
            notice=waiting or (self._notice if now < self._notice_until else ""),
            recording=clock(now - self._filming_since) if self._film is not None else "",
            stale=bool(waiting),
        )
        self._screen.show(draw_overlay(fitted(picture, self._options.window), text))

    def _waiting(self, now: float) -> str:
        """Return why there is no new picture, or ""."""
        source = self._analysis.source
        trouble = source.trouble if isinstance(source, ReconnectingSource) else ""
        if trouble and not self._trouble:
            log.info("%s", f"{source.name}: {trouble}")
        self._trouble = trouble
        if trouble:
            return trouble
        if self._moment is None:
            return f"waiting for {source.name}"
        away = now - self._last
        return f"no picture for {away:.0f} s" if source.live and away > STALLED else ""

    def _status(self) -> str:
        if self._moment is None:
            return ""
        people = len(self._moment.faces)
        return (
            f"{self._rate():.1f} frames/s   {self._latency * 1e3:.0f} ms   {people} face{'' if people == 1 else 's'}   "
            f"{self._analysis.dropped} dropped"
        )

    def _rate(self) -> float:
        """Return the pictures per second, over the last thirty."""
        span = self._times[-1] - self._times[0] if len(self._times) > 1 else 0.0
        return (len(self._times) - 1) / span if span else 0.0

    def _handle_key(self, key: str) -> bool:
        """Perform the action of a key; return False if it is quit."""
        if key in ("q", ESCAPE):
            return False
        action = self._actions.get(key.lower())
        if action is not None:
            action()
            self._drawn = -np.inf
        return True

    def _notify(self, text: str) -> None:
        """Show a notice for a moment, and log it."""
        self._notice, self._notice_until = text, time.perf_counter() + NOTICE
        log.info("%s", text)


def unused(folder: Path, suffix: str) -> Path:
    """Return a path with the time in its name that does not exist yet.

    Args:
        folder: the folder.
        suffix: ".png", for instance.
    """
    stem = f"mien-{datetime.now():%Y-%m-%d-%H%M%S}"
    names = (folder / f"{stem}{'' if number == 1 else f'-{number}'}{suffix}" for number in count(1))
    return next(path for path in names if not path.exists())
