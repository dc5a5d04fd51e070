"""Options of the live window, shared by `EmotionRecognizer.predict_realtime` and `mien live`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mien.errors import InputError
from mien.options import documented, number, option, same_option
from mien.video.options import AnalysisOptions


@documented
@dataclass(frozen=True)
class LiveOptions:
    """How live video is shown. Raises InputError for values out of range."""

    mirror: bool | None = option(None, "mirror the picture", shown_default="yes for cameras by number, else no")
    details: bool = option(True, "begin with bars of all emotions at every face", shown_default="yes")
    snapshots: str | Path = option(
        Path(),
        "folder of snapshots (key s) and recordings (key r), created with the first of them",
        parse=Path,
        metavar="DIR",
        shown_default="the current folder",
    )
    out: str | Path | None = option(
        None,
        "file for a row per face and frame: .csv, .jsonl or .parquet",
        parse=Path,
        metavar="FILE",
        shown_default="no file",
    )
    seconds: float | None = option(
        None, "seconds after which to stop", parse=number, metavar="N", shown_default="when the window is closed"
    )
    window: tuple[int, int] | None = option(
        None, "width and height of the window in pixels", shown_default="those of the picture"
    )
    fullscreen: bool = option(False, "fill the screen", shown_default="no")
    reconnect: bool = option(
        True,
        "reconnect a lost camera or stream, after pauses of half a second to ten seconds, until it is back",
        shown_default="yes",
    )
    detect_every: int | None = same_option(AnalysisOptions, "detect_every")
    smoothing: float = same_option(AnalysisOptions, "smoothing")

    def __post_init__(self) -> None:
        if self.seconds is not None and not self.seconds > 0:
            raise InputError(f"seconds: expected a time above 0, got {self.seconds}")
        if self.window is not None and min(self.window) < 64:
            raise InputError(f"window: expected at least 64 x 64 pixels, got {self.window[0]} x {self.window[1]}")
        self.analysis  # noqa: B018  raises what is wrong with those values

    @property
    def analysis(self) -> AnalysisOptions:
        """How the frames are analyzed: in real time."""
        return AnalysisOptions(realtime=True, detect_every=self.detect_every, smoothing=self.smoothing)
