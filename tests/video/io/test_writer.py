"""Annotated video: what browsers can play, at the right times, with the sound of the original."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from helpers.video_clips import NTSC, VARIABLE, gray, levels, quadrants, write_clip
from mien.errors import VideoError
from mien.video.io.opening import open_source
from mien.video.io.writer import VideoWriter
from mien.video.options import Sampling


def rewrite(source: Path, target: Path, **options: Any) -> Path:
    """The frames of a video written again."""
    sampling = Sampling(start=options.get("start", 0.0), end=options.get("end"))
    with VideoWriter(target, sound=source, **options) as writer:
        for frame in open_source(source).frames(sampling):
            writer.write(frame.time, frame.image)
    return target


def streams(path: Path) -> dict[str, Any]:
    with av.open(str(path)) as container:
        return {
            stream.type: {
                "codec": stream.codec_context.name,
                "seconds": float(stream.duration * stream.time_base) if stream.duration else None,
                "packets": sum(1 for packet in container.demux(stream) if packet.size) if stream.type == "audio" else 0,
            }
            for stream in container.streams
        }


@pytest.mark.parametrize("wanted", [NTSC, VARIABLE], ids=["29.97", "variable"])
def test_times_are_kept(wanted: list[float], tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mp4", wanted, levels(len(wanted)))
    frames = list(open_source(rewrite(source, tmp_path / "b.mp4")).frames(Sampling()))
    np.testing.assert_allclose([frame.time for frame in frames], wanted, atol=1e-4)


@pytest.mark.parametrize(("size", "even"), [((64, 48), (64, 48)), ((63, 47), (64, 48)), ((33, 64), (34, 64))])
def test_what_browsers_play(size: tuple[int, int], even: tuple[int, int], tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.mp4"
    with VideoWriter(path) as writer:
        for k in range(3):
            writer.write(k / 10, quadrants(size))
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height) == even
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")  # the index first: it plays while it loads


def test_colours_survive(tmp_path: Path) -> None:
    picture = gray(0)
    picture[:, :20], picture[:, 20:40], picture[:, 40:] = (200, 40, 30), (30, 180, 60), (40, 60, 190)
    with VideoWriter(tmp_path / "a.mp4") as writer:
        writer.write(0, picture)
    back = next(open_source(tmp_path / "a.mp4").frames(Sampling())).image
    for column in (8, 30, 54):
        assert np.abs(back[24, column].astype(int) - picture[24, column]).max() < 12


@pytest.mark.parametrize(
    ("name", "sound", "kept"),
    [("a.mp4", "aac", "aac"), ("a.mov", "pcm_s16le", "aac"), ("a.mkv", "flac", "flac")],
    ids=["copied", "made AAC", "copied from Matroska"],
)
def test_sound(name: str, sound: str, kept: str, tmp_path: Path) -> None:
    wanted = [k / 10 for k in range(20)]
    source = write_clip(tmp_path / name, wanted, levels(20), sound=sound)
    found = streams(rewrite(source, tmp_path / "b.mp4"))
    assert found["audio"]["codec"] == kept
    assert abs(found["audio"]["seconds"] - 2.0) < 0.15
    if kept == sound == "aac":
        assert abs(found["audio"]["packets"] - streams(source)["audio"]["packets"]) <= 1  # not encoded again


def test_sound_of_a_part(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mp4", [k / 10 for k in range(40)], levels(40), sound="aac")
    path = rewrite(source, tmp_path / "b.mp4", start=1.0, end=2.0)
    found = streams(path)
    assert abs(found["audio"]["seconds"] - 1.0) < 0.15
    frames = list(open_source(path).frames(Sampling()))
    assert len(frames) == 10
    assert frames[0].time < 0.03


def test_no_sound_is_no_fault(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mp4", NTSC, levels(len(NTSC)))
    assert set(streams(rewrite(source, tmp_path / "b.mp4"))) == {"video"}


def test_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"earlier")

    def fail() -> None:
        with VideoWriter(path) as writer:
            writer.write(0, gray(1))
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert path.read_bytes() == b"earlier"
    assert list(tmp_path.iterdir()) == [path]


def test_what_was_seen_before_ctrl_c_is_kept(tmp_path: Path) -> None:
    def stop() -> None:
        with VideoWriter(tmp_path / "a.mp4") as writer:
            for k in range(5):
                writer.write(k / 10, gray(k))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()
    assert len(list(open_source(tmp_path / "a.mp4").frames(Sampling()))) == 5


def test_frames_of_another_size_are_fitted(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4") as writer:
        writer.write(0, gray(1))
        writer.write(0.1, gray(200, (200, 100)))
    assert {frame.image.shape for frame in open_source(tmp_path / "a.mp4").frames(Sampling())} == {(48, 64, 3)}


def test_another_suffix(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="ends in"):
        VideoWriter(tmp_path / "a.avi")


def test_a_frame_of_another_shape_gets_bars(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4") as writer:
        writer.write(0, gray(200, (64, 36)))
        writer.write(0.1, gray(200, (36, 64)))
    _, second = open_source(tmp_path / "a.mp4").frames(Sampling())
    assert second.image.shape == (36, 64, 3)
    assert second.image[:, 24:40].mean() == pytest.approx(200, abs=6)
    assert second.image[:, :18].mean() == pytest.approx(0, abs=6)
