"""A live picture in a window: boxes, bars and rates, and keys that save, record and change it.

The window is a `mien.window.Screen`, so that anything else that shows pictures and knows keys can take its place. Faces
are read in a thread of their own while the last picture is drawn and shown.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mien.ahead import Ahead
from mien.draw import VideoPen
from mien.encode import VideoWriter
from mien.errors import ImageError, InputError, MissingExtraError, VideoError
from mien.hud import Hud, draw_hud, fitted
from mien.images import save_image
from mien.rows import RowWriter
from mien.stream import Lasting, Mirrored
from mien.summary import clock
from mien.video import Source, open_source
from mien.watching import Moment, Watching, watch
from mien.window import ESCAPE, Screen, Window

if TYPE_CHECKING:
    from mien.recognizer import EmotionRecognizer

Pixels = npt.NDArray[np.uint8]

KEYS = "q quit   s snapshot   r record   d details   l labels   h help"
HIDDEN = "hidden"

POLL = 0.015
"""Seconds between two looks at the keys."""
REDRAWN = 0.2
"""Seconds after which the window is drawn again though there is nothing new: notices go, clocks run."""
NOTICE = 1.5
"""Seconds that a notice stays."""
STALLED = 2.0
"""Seconds without a picture after which a live source counts as stalled."""
READ_TIMEOUT = 5.0
"""Seconds without data after which a stream is lost."""
PATIENCE = 2.0
"""Seconds that closing waits for a stream that does not answer."""


@dataclass(frozen=True)
class LiveOptions:
    """How a live picture is shown.

    mirror         as a mirror would; None: cameras by number are, all else is not
    details        start with a bar for each emotion at every face
    snapshots      folder of snapshots and recordings; it is made when the first is
    rows           a file for a row per face and frame, as `mien video --out` writes it: .csv, .jsonl, .parquet
    seconds        stop after so long
    size           (width, height) of the window in pixels; None: the picture's
    fullscreen     without borders, over everything else
    reconnect      open a lost camera or stream again, for as long as it takes
    detect_every   search for faces in each n-th frame; None: as often as there is time
    smoothing      seconds over which probabilities are averaged
    """

    mirror: bool | None = None
    details: bool = True
    snapshots: Path = Path()
    rows: Path | None = None
    seconds: float | None = None
    size: tuple[int, int] | None = None
    fullscreen: bool = False
    reconnect: bool = True
    detect_every: int | None = None
    smoothing: float = 0.2

    def __post_init__(self) -> None:
        if self.seconds is not None and not self.seconds > 0:
            raise InputError(f"seconds: expected a time above 0, got {self.seconds}")
        if self.size is not None and min(self.size) < 64:
            raise InputError(f"size: expected a window of at least 64 x 64 pixels, got {self.size[0]} x {self.size[1]}")


@dataclass
class Tally:
    """What came of it: pictures shown in so many seconds, frames that came too late, losses of the source, and the
    files that were written."""

    shown: int = 0
    seconds: float = 0.0
    dropped: int = 0
    losses: int = 0
    files: list[Path] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Pictures a second."""
        return self.shown / self.seconds if self.seconds else 0.0


def show_live(
    recognizer: EmotionRecognizer,
    camera: Any = 0,
    options: LiveOptions | None = None,
    *,
    screen: Screen | None = None,
    on_moment: Callable[[Moment], bool | None] | None = None,
    say: Callable[[str], None] = print,
) -> Tally:
    """Shows a camera, stream or video with the emotions of its faces until somebody quits, or it ends.

    camera     whatever `mien.video.open_source` takes; files are played at their own speed
    screen     where to show it; None: a window on the desktop
    on_moment  is called with every moment that is shown, before it is; False ends the show
    say        is given what a reader should know, line by line

    Raises InputError without a display, VideoError for what cannot be opened or read, MissingExtraError.
    """
    options = options or LiveOptions()
    screen = screen or Window("mien", options.size, options.fullscreen)
    source = _open(camera, options)
    watching = watch(recognizer, source, realtime=True, detect_every=options.detect_every, smoothing=options.smoothing)
    with ExitStack() as stack:
        stack.callback(_leave, watching)
        stack.callback(screen.close)
        rows = stack.enter_context(RowWriter(options.rows, recognizer.labels)) if options.rows else None
        show = _Show(watching, screen, options, rows, on_moment, say)
        stack.callback(show.stop_recording)
        return show.run()


def _open(camera: Any, options: LiveOptions) -> Source:
    """The camera, mirrored if it should be; what is live lasts, if it should."""
    mirror = isinstance(camera, int) if options.mirror is None else options.mirror

    def opened() -> Source:
        source: Source = camera if hasattr(camera, "frames") else open_source(camera, READ_TIMEOUT)
        return Mirrored(source) if mirror else source

    source = opened()
    return Lasting(source, opened) if source.live and options.reconnect else source


def _leave(watching: Watching) -> None:
    if isinstance(watching.source, Lasting):
        watching.source.close()
    watching.close(PATIENCE)


class _Show:
    """The loop: takes the newest moment, draws and shows it, and does what the keys say."""

    def __init__(
        self,
        watching: Watching,
        screen: Screen,
        options: LiveOptions,
        rows: RowWriter | None,
        on_moment: Callable[[Moment], bool | None] | None,
        say: Callable[[str], None],
    ) -> None:
        self.tally = Tally()
        self._watching = watching
        self._screen = screen
        self._options = options
        self._rows = rows
        self._on_moment = on_moment
        self._say = say
        self._pen = VideoPen(options.details)
        self._help = True
        first = watching.recognizer.head.name
        others = [name for name in watching.recognizer.bundle.heads if name != first]
        self._views = deque([first, *(others if rows is None else ()), HIDDEN])  # rows have the labels of their file
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
            "d": self.turn_details,
            "l": self.next_labels,
            "h": self.turn_help,
        }

    def run(self) -> Tally:
        began = self._last = self._drawn = time.perf_counter()
        source = self._watching.source
        moments: Ahead[Moment] = Ahead((moment for moment in self._watching), depth=1)
        try:
            while not moments.ended:
                moment = moments.take(POLL)
                if moment is not None and not self._see(moment):
                    break
                if moment is None and time.perf_counter() - self._drawn > REDRAWN:
                    self._redraw()
                if not self._obey(self._screen.key()) or self._screen.closed:
                    break
                if self._options.seconds is not None and time.perf_counter() - began >= self._options.seconds:
                    break
        finally:
            moments.leave()
            self.tally.seconds = time.perf_counter() - began
            self.tally.dropped = self._watching.dropped
            self.tally.losses = source.losses if isinstance(source, Lasting) else 0
            self._screen.close()
            _leave(self._watching)
            moments.close(PATIENCE)
        for note in source.notes:
            self._say(f"{source.name}: {note}")
        return self.tally

    def snapshot(self) -> None:
        """Saves the picture with its faces, without the lines."""
        if self._picture is None:
            return
        path = unused(self._options.snapshots, ".png")
        try:
            self.tally.files.append(save_image(path, self._picture))
        except (ImageError, OSError) as error:
            self._tell(f"no snapshot: {error}")
        else:
            self._tell(f"saved {path}")

    def record(self) -> None:
        """Begins a recording, or ends it."""
        if self._film is not None:
            self.stop_recording()
            return
        path = unused(self._options.snapshots, ".mp4")
        try:
            self._film = VideoWriter(path, start=self._moment.time if self._moment else 0.0, rate=self._rate() or None)
        except (VideoError, MissingExtraError) as error:
            self._tell(f"no recording: {error}")
        else:
            self._filming_since = time.perf_counter()
            self._tell(f"recording {path}")

    def stop_recording(self) -> None:
        film, self._film = self._film, None
        if film is None:
            return
        try:
            film.__exit__(None, None, None)
        except VideoError as error:
            self._tell(f"no recording: {error}")
        else:
            if film.frames:
                self.tally.files.append(film.path)
            self._tell(f"saved {film.path}" if film.frames else "nothing came to record")

    def turn_details(self) -> None:
        self._pen.details = not self._pen.details

    def turn_help(self) -> None:
        self._help = not self._help

    def next_labels(self) -> None:
        """The next label set of the model; after the last one no captions, and then the first again."""
        self._views.rotate(-1)
        if self._views[0] != HIDDEN:
            self._watching.relabel(self._views[0])
        self._tell(f"labels: {self._views[0]}")

    def _see(self, moment: Moment) -> bool:
        """Shows a moment; False if it was the last that is wanted."""
        wanted = self._on_moment is None or self._on_moment(moment) is not False
        if self._rows is not None:
            self._rows.write(moment.time, moment.frame, moment.faces)
        self._moment = moment
        self._picture = self._pen.draw(moment.time, moment.image, moment.faces, captions=self._views[0] != HIDDEN)
        if self._film is not None:
            self._write(moment.time, self._picture)
        self._redraw()
        now = time.perf_counter()
        self._times.append(now)
        self._last = now
        self._latency += (0.1 if self.tally.shown else 1.0) * (now - moment.arrived - self._latency)
        self.tally.shown += 1
        return wanted

    def _write(self, seconds: float, picture: Pixels) -> None:
        assert self._film is not None
        try:
            self._film.write(seconds, picture)
        except VideoError as error:
            self._film.__exit__(type(error), error, None)  # nothing is left of it
            self._film = None
            self._tell(f"no recording: {error}")

    def _redraw(self) -> None:
        now = self._drawn = time.perf_counter()
        waiting = self._waiting(now)
        picture = self._picture
        if picture is None:
            width, height = self._options.size or (960, 540)
            picture = np.full((height, width, 3), 60, np.uint8)
        elif waiting and self._moment is not None:
            picture = self._moment.image  # whose faces are no longer known to be there
        hud = Hud(
            status=self._status(),
            keys=KEYS if self._help else "",
            notice=waiting or (self._notice if now < self._notice_until else ""),
            recording=clock(now - self._filming_since) if self._film is not None else "",
            stale=bool(waiting),
        )
        self._screen.show(draw_hud(fitted(picture, self._options.size), hud))

    def _waiting(self, now: float) -> str:
        """Why there is no new picture, or ""."""
        source = self._watching.source
        trouble = source.trouble if isinstance(source, Lasting) else ""
        if trouble and not self._trouble:
            self._say(f"{source.name}: {trouble}")
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
            f"{self._watching.dropped} dropped"
        )

    def _rate(self) -> float:
        """Pictures a second, over the last thirty."""
        span = self._times[-1] - self._times[0] if len(self._times) > 1 else 0.0
        return (len(self._times) - 1) / span if span else 0.0

    def _obey(self, key: str) -> bool:
        """Does what a key says; False if it says to quit."""
        if key in ("q", ESCAPE):
            return False
        action = self._actions.get(key.lower())
        if action is not None:
            action()
            self._drawn = -np.inf
        return True

    def _tell(self, text: str) -> None:
        """On the picture for a moment, and to whoever reads along."""
        self._notice, self._notice_until = text, time.perf_counter() + NOTICE
        self._say(text)


def unused(folder: Path, suffix: str) -> Path:
    """A name with the time in it that nothing in the folder has."""
    stem = f"mien-{datetime.now():%Y-%m-%d-%H%M%S}"
    names = (folder / f"{stem}{'' if number == 1 else f'-{number}'}{suffix}" for number in count(1))
    return next(path for path in names if not path.exists())
