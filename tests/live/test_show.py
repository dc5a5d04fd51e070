"""The live window with a screen of our own: keys, files and lost streams."""

from __future__ import annotations

import re
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers import tiny_bundle
from helpers.live_source import Live
from helpers.log_lines import log_lines
from helpers.paths import ROOT
from helpers.video_clips import gray, red
from mien import EmotionRecognizer, Moment
from mien.bundle import Bundle
from mien.cli.main import main, make_parser
from mien.errors import InputError, VideoError
from mien.images import load_image
from mien.live.show import LiveOptions, LiveStats, show_live, unused
from mien.video.io.opening import open_source
from mien.video.options import Sampling


class Fake:
    """A screen that keeps what it is shown; each key is pressed when its picture has come, and q at the end."""

    def __init__(self, keys: dict[int, str] | None = None, last: int | None = None, closed_at: int = 10**9) -> None:
        self.keys = keys or {}
        self.last = last
        self.closed_at = closed_at
        self.shown: list[np.ndarray] = []
        self.is_closed = False

    @property
    def closed(self) -> bool:
        return self.is_closed or len(self.shown) >= self.closed_at

    def show(self, image: np.ndarray) -> None:
        assert image.dtype == np.uint8
        assert image.shape[2] == 3
        assert not self.is_closed
        self.shown.append(image)

    def key(self) -> str:
        if self.last is not None and len(self.shown) >= self.last:
            return "q"
        return self.keys.pop(len(self.shown), "")

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture(scope="module")
def whole() -> EmotionRecognizer:
    return EmotionRecognizer(Bundle(tiny_bundle.content(), "tiny", threads=1), detector="whole")


def still(seconds: float, value: int = 120) -> list[tuple[float, np.ndarray]]:
    return [(k / 50, gray(value, (320, 240))) for k in range(int(50 * seconds))]


def play(
    recognizer: EmotionRecognizer, camera: Any, screen: Fake, said: list[str] | None = None, **options: Any
) -> LiveStats:
    with log_lines("mien.live") as lines:
        try:
            return show_live(recognizer, camera, LiveOptions(**options), screen=screen)
        finally:
            if said is not None:
                said += lines


# --- what is shown ---


def test_a_clip_is_shown_and_ends(whole: EmotionRecognizer) -> None:
    screen = Fake()
    tally = play(whole, still(0.4), screen)
    assert screen.is_closed
    assert 1 <= tally.shown <= 20
    assert tally.shown + tally.dropped == 20
    assert len(screen.shown) >= tally.shown
    assert tally.losses == 0
    assert screen.shown[0].shape == (480, 640, 3)  # enlarged, so that the lines fit


def test_every_moment_goes_to_the_caller_until_it_says_no(whole: EmotionRecognizer) -> None:
    seen: list[Moment] = []

    def enough(moment: Moment) -> bool:
        seen.append(moment)
        return len(seen) < 3

    tally = show_live(whole, Live(), screen=Fake(), on_moment=enough)
    assert tally.shown == len(seen) == 3
    assert [moment.frame for moment in seen] == sorted({moment.frame for moment in seen})
    assert all(moment.arrived > 0 for moment in seen)


def test_predict_realtime_is_the_same_window(whole: EmotionRecognizer, tmp_path: Path) -> None:
    screen = Fake({2: "s"}, last=5)
    tally = whole.predict_realtime(Live(), snapshots=tmp_path, screen=screen)
    assert tally.shown >= 1
    assert [path.parent for path in tally.files] == [tmp_path]


@pytest.mark.parametrize("ending", [{"last": 3}, {"closed_at": 3}], ids=["q", "closed"])
def test_it_ends_when_asked(whole: EmotionRecognizer, ending: dict[str, int]) -> None:
    screen = Fake(**ending)  # type: ignore[arg-type]
    assert play(whole, Live(), screen).shown <= 3
    assert screen.is_closed
    assert not any(thread.name == "mien-frames" for thread in threading.enumerate())


def test_escape_quits(whole: EmotionRecognizer) -> None:
    assert play(whole, Live(), Fake({1: "\x1b"})).shown <= 2


def test_it_ends_after_so_long(whole: EmotionRecognizer) -> None:
    assert 0.3 <= play(whole, Live(), Fake(), seconds=0.3).seconds < 3


def test_a_live_picture_is_never_an_old_one(whole: EmotionRecognizer) -> None:
    """A slow reader of a fast camera sees what is there now, whatever it has missed."""
    frames: list[tuple[int, float]] = []

    def slow(moment: Moment) -> None:
        frames.append((moment.frame, time.perf_counter() - moment.arrived))
        time.sleep(0.15)

    show_live(whole, Live(step=0.01), LiveOptions(seconds=1.5), screen=Fake(), on_moment=slow)
    steps = np.diff([number for number, _ in frames])
    assert steps.min() >= 1
    assert np.median(steps) > 4
    assert max(age for _, age in frames[1:]) < 1


def test_mirrored(whole: EmotionRecognizer) -> None:
    picture = gray(0, (320, 240))
    picture[:, :160] = 200
    pairs = [(k / 50, picture) for k in range(10)]
    left, right = [], []
    for mirror, found in ((False, left), (True, right)):
        screen = Fake()
        play(whole, list(pairs), screen, mirror=mirror)
        found.append(screen.shown[-1][200, 40].mean() > screen.shown[-1][200, -40].mean())
    assert left == [True]
    assert right == [False]


# --- keys ---


def test_snapshots_are_pictures_of_their_own(whole: EmotionRecognizer, tmp_path: Path) -> None:
    said: list[str] = []
    tally = play(whole, Live(), Fake({2: "s", 4: "S"}, last=6), said, snapshots=tmp_path / "new")
    assert len(set(tally.files)) == 2
    assert said == [f"saved {path}" for path in tally.files]
    for path in tally.files:
        assert path.suffix == ".png"
        assert re.fullmatch(r"mien-\d{4}-\d\d-\d\d-\d{6}(-\d)?", path.stem)
        assert load_image(path).shape == (240, 320, 3)  # the camera's own size, without the lines
    assert sorted((tmp_path / "new").iterdir()) == sorted(tally.files)


def test_no_name_is_taken_twice(tmp_path: Path) -> None:
    names = []
    for _ in range(3):
        names.append(unused(tmp_path, ".png"))
        names[-1].write_bytes(b"")
    assert len(set(names)) == 3


def test_a_folder_that_cannot_be_written_is_told(whole: EmotionRecognizer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said: list[str] = []
    tally = play(whole, Live(), Fake({2: "s"}, last=4), said, snapshots=tmp_path / "file")
    assert tally.files == []
    assert "no snapshot" in said[0]


@pytest.mark.parametrize("keys", [{2: "r", 12: "r"}, {2: "r"}], ids=["stopped", "still running at the end"])
def test_a_recording(whole: EmotionRecognizer, tmp_path: Path, keys: dict[int, str]) -> None:
    said: list[str] = []
    screen = Fake(dict(keys), last=16)
    tally = play(whole, Live(), screen, said, snapshots=tmp_path)
    (path,) = tally.files
    assert said == [f"recording {path}", f"saved {path}"]
    frames = list(open_source(path).frames(Sampling()))
    assert 3 <= len(frames) <= 15
    assert frames[0].image.shape == (240, 320, 3)
    assert sorted(tmp_path.iterdir()) == [path]
    assert red(screen.shown[6])


def test_details_and_help_change_the_picture(whole: EmotionRecognizer) -> None:
    screens = {keys: Fake({1: keys}, last=6) for keys in ("", "d", "h")}
    for screen in screens.values():
        play(whole, Live(), screen)
    last = {keys: screen.shown[-1].astype(int) for keys, screen in screens.items()}
    assert (last[""] != last["d"]).mean() > 0.02
    assert (last[""] != last["h"])[-40:].mean() > 0.01
    assert (last[""] == last["h"])[100:400].all()


def test_labels_go_round(whole: EmotionRecognizer) -> None:
    names: list[str] = []
    with log_lines("mien.live") as said:
        show_live(
            whole,
            Live(),
            screen=Fake({3: "l", 12: "l", 21: "l"}, last=30),
            on_moment=lambda moment: names.append(moment.faces.labels.name),
        )
    assert said == ["labels: fer2013", "labels: hidden", "labels: ferplus"]
    assert [name for k, name in enumerate(names) if k == 0 or name != names[k - 1]] == ["ferplus", "fer2013", "ferplus"]
    assert whole.head.name == "ferplus"  # the recognizer is as it was


def test_rows_keep_their_labels(whole: EmotionRecognizer, tmp_path: Path) -> None:
    said: list[str] = []
    path = tmp_path / "rows.csv"
    tally = play(whole, Live(), Fake({3: "l", 6: "l"}, last=9), said, out=path)
    assert said == ["labels: hidden", "labels: ferplus"]
    head, *rows = path.read_text().splitlines()
    assert "contempt,emotion_set" in head
    assert len(rows) == tally.shown


def test_the_window_outlives_its_stream(whole: EmotionRecognizer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that ends: the picture goes dark, and light again when it is back."""
    visits = iter([Live(5), None, Live()])

    def open_again(source: Any, patience: float) -> Live:
        found = next(visits)
        if found is None:
            raise VideoError("does not answer", "porch")
        return found

    monkeypatch.setattr("mien.live.show.open_source", open_again)
    monkeypatch.setattr("mien.live.show.REDRAWN", 0.02)
    screen = Fake()
    back: Callable[[Moment], bool] = lambda moment: moment.frame < 12  # noqa: E731
    with log_lines("mien.live") as said:
        tally = show_live(whole, "rtsp://porch", screen=screen, on_moment=back)
    assert tally.losses == 1
    assert said == ["porch: reconnecting, try 1: gives no more pictures"]
    dark = [bool(image[:, 20:60].mean() < 60) for image in screen.shown]
    assert any(dark)
    assert not dark[-1]


def test_a_camera_that_comes_and_goes(whole: EmotionRecognizer, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenCV's camera gives BGR, is mirrored, and is opened again when it gives nothing any more."""
    opened: list[int] = []

    class Capture:
        def __init__(self, number: int) -> None:
            opened.append(number)
            self.left = 4 if len(opened) == 1 else 10**9

        def isOpened(self) -> bool:  # noqa: N802
            return True

        def get(self, key: int) -> float:
            return 50.0

        def grab(self) -> bool:
            time.sleep(0.02)
            self.left -= 1
            return self.left >= 0

        def retrieve(self) -> tuple[bool, np.ndarray]:
            picture = gray(0, (320, 240))
            picture[:, :160, 0] = 200  # blue, at the left
            return True, picture

        def release(self) -> None:
            pass

    monkeypatch.setattr("mien.video.io.camera.cv2.VideoCapture", Capture)
    monkeypatch.setattr("mien.video.io.reconnect.PAUSES", (0.05,))
    images: list[np.ndarray] = []

    def look(moment: Moment) -> bool:
        images.append(moment.image)
        return moment.frame < 8

    tally = show_live(whole, 0, screen=Fake(), on_moment=look)
    assert opened == [0, 0]
    assert tally.losses == 1
    assert images[0][0, -1].tolist() == [0, 0, 200]
    assert images[0][0, 0].tolist() == [0, 0, 0]


def test_without_reconnecting_the_end_is_the_end(whole: EmotionRecognizer) -> None:
    tally = play(whole, Live(4), Fake(), reconnect=False)
    assert tally.losses == 0


# --- what cannot be ---


@pytest.mark.parametrize("wrong", [{"seconds": 0}, {"window": (10, 10)}], ids=str)
def test_options_that_make_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="expected"):
        LiveOptions(**wrong)


def test_a_camera_that_is_not_there(whole: EmotionRecognizer, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(VideoError, match="camera 97: cannot be opened"):
        play(whole, 97, Fake())
    assert capfd.readouterr().err == ""  # OpenCV is silent


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux knows DISPLAY")
@pytest.mark.parametrize("display", [None, ":4711"])
def test_without_a_display_it_says_what_to_do(
    whole: EmotionRecognizer, display: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.delenv("DISPLAY", raising=False)
    if display:
        monkeypatch.setenv("DISPLAY", display)
    with pytest.raises(InputError, match="xvfb-run"):
        whole.predict_realtime(still(1))


def test_the_command_without_a_display(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux knows DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.delenv("DISPLAY", raising=False)
    assert main(["live", "--camera", "97"]) == 2
    assert "mien video --realtime" in capsys.readouterr().err


COMMANDS: list[tuple[str, Any, LiveOptions]] = [
    ("", 0, LiveOptions()),
    ("--camera 2 --no-mirror --no-reconnect", 2, LiveOptions(mirror=False, reconnect=False)),
    ("--camera rtsp://porch --width 1280", "rtsp://porch", LiveOptions(window=(1280, 720))),
    ("--height 360 --fullscreen --no-details", 0, LiveOptions(window=(640, 360), fullscreen=True, details=False)),
    ("--snapshots s --out r.csv --seconds 5", 0, LiveOptions(snapshots=Path("s"), out=Path("r.csv"), seconds=5)),
    ("--detect-every 3 --smoothing 0", 0, LiveOptions(detect_every=3, smoothing=0)),
]


@pytest.mark.parametrize(("words", "camera", "options"), COMMANDS, ids=[words for words, *_ in COMMANDS])
def test_the_words_of_the_command(
    words: str,
    camera: Any,
    options: LiveOptions,
    fast: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked: list[Any] = []

    def show(recognizer: EmotionRecognizer, camera: Any, options: LiveOptions) -> LiveStats:
        asked.extend([recognizer.bundle.name, camera, options])
        return LiveStats(shown=30, seconds=2.0, dropped=3, losses=2)

    monkeypatch.setattr("mien.live.show.show_live", show)
    assert main(["live", *fast, *words.split()]) == 0
    assert asked == ["tiny", camera, options]
    assert capsys.readouterr().err == "30 pictures in 2.0 s, 15.0 a second; 3 dropped, lost 2 times\n"


def test_every_option_is_documented() -> None:
    page = (ROOT / "docs" / "video.md").read_text(encoding="utf-8")
    live = page.partition("\n## Live\n")[2].partition("\n## ")[0]
    commands = next(action for action in make_parser()._actions if isinstance(action.choices, dict))
    assert commands.choices is not None
    for action in commands.choices["live"]._actions:  # type: ignore[index]
        if "--help" not in action.option_strings:
            assert any(f"`{option}" in live for option in action.option_strings), action.option_strings
