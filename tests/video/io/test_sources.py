"""Frames from containers as they are in the world: their times, their turn, and what is wrong with them."""

from __future__ import annotations

import builtins
import io
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from helpers.video_clips import NTSC, VARIABLE, gray, levels, quadrants, write_clip
from mien.errors import InputError, MissingExtraError, VideoError
from mien.video.io.frames import Frame
from mien.video.io.opening import open_source
from mien.video.io.prefetch import Prefetcher
from mien.video.options import Sampling


def read(source: Any, **sampling: Any) -> list[Frame]:
    return list(open_source(source).frames(Sampling(**sampling)))


def times(frames: list[Frame]) -> list[float]:
    return [frame.time for frame in frames]


# --- which frames ---


@pytest.mark.parametrize(
    ("sampling", "numbers"),
    [
        ({}, list(range(10))),
        ({"every": 3}, [0, 3, 6, 9]),
        ({"fps": 5}, [0, 2, 4, 6, 8]),
        ({"fps": 3}, [0, 4, 7]),
        ({"fps": 100}, list(range(10))),  # no more than there are
        ({"start": 0.3}, [3, 4, 5, 6, 7, 8, 9]),
        ({"start": 0.25, "end": 0.6}, [3, 4, 5]),  # the end is not included
        ({"every": 2, "start": 0.3}, [4, 6, 8]),  # each second frame of the video, wherever one begins
        ({"start": 5}, []),
    ],
    ids=str,
)
def test_sampling(sampling: dict[str, Any], numbers: list[int]) -> None:
    pairs = [(k / 10, gray(k)) for k in range(10)]
    assert [frame.number for frame in read(pairs, **sampling)] == numbers


def test_a_rate_survives_times_rounded_to_milliseconds() -> None:
    """Matroska keeps no more: 0.033, 0.067, 0.1, ..."""
    pairs = [(round(k / 30, 3), gray(0)) for k in range(90)]
    assert [frame.number for frame in read(pairs, fps=30)] == list(range(90))
    assert [frame.number for frame in read(pairs, fps=10)] == list(range(0, 90, 3))


@pytest.mark.parametrize(
    "wrong",
    [{"every": 0}, {"fps": 0}, {"fps": float("nan")}, {"start": -1}, {"start": 2, "end": 2}, {"start": float("inf")}],
    ids=str,
)
def test_sampling_that_makes_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="expected"):
        Sampling(**wrong)


# --- true times ---


@pytest.mark.parametrize("wanted", [NTSC, VARIABLE], ids=["29.97", "variable"])
@pytest.mark.parametrize(
    ("name", "tolerance"), [("a.mp4", 1e-4), ("a.mkv", 1e-3), ("a.mov", 1e-4)], ids=["mp4", "mkv", "mov"]
)
def test_times_are_those_of_the_container(name: str, tolerance: float, wanted: list[float], tmp_path: Path) -> None:
    frames = read(write_clip(tmp_path / name, wanted, levels(len(wanted))))
    np.testing.assert_allclose(times(frames), wanted, atol=tolerance)
    assert [frame.number for frame in frames] == list(range(len(wanted)))
    assert (np.diff([frame.image.mean() for frame in frames]) > 5).all()  # in order, although B-frames are stored


def test_a_stream_that_begins_late_begins_at_zero(tmp_path: Path) -> None:
    """Broadcasts start their clocks anywhere; players show 0."""
    frames = read(write_clip(tmp_path / "a.ts", [5 + t for t in NTSC], levels(len(NTSC))))
    np.testing.assert_allclose(times(frames), NTSC, atol=1e-3)


def test_from_the_middle_of_a_long_file(tmp_path: Path) -> None:
    """The key frame before is found without decoding, and numbers and pictures are the same as from the beginning."""
    wanted = [k / 10 for k in range(300)]
    path = write_clip(tmp_path / "a.mp4", wanted, levels(300, (32, 32)), options={})
    everything = read(path)
    late = read(path, start=21.25)
    assert [(frame.number, frame.time) for frame in late] == [
        (frame.number, frame.time) for frame in everything if frame.time >= 21.25
    ]
    assert (late[0].image == everything[late[0].number].image).all()


@pytest.mark.parametrize("frames", [3, 40])
def test_avi_with_b_frames_has_the_times_of_its_frames(frames: int, tmp_path: Path) -> None:
    """AVI has no presentation times; its frames are stored in the order of decoding."""
    source = write_clip(tmp_path / "a.mp4", [k / 25 for k in range(frames)], levels(frames))
    target = tmp_path / "a.avi"
    with av.open(str(source)) as one, av.open(str(target), "w") as other:
        stream = other.add_stream_from_template(one.streams.video[0])
        stream.codec_context.extradata = one.streams.video[0].codec_context.extradata
        annex_b = av.BitStreamFilterContext("h264_mp4toannexb", one.streams.video[0])
        step, count = Fraction(1, 25), 0
        stream.time_base = step
        for packet in one.demux(video=0):
            for filtered in annex_b.filter(packet if packet.dts is not None else None):
                filtered.stream, filtered.pts, filtered.dts, filtered.time_base = stream, count, count, step
                other.mux(filtered)
                count += 1
    found = read(target)
    np.testing.assert_allclose(times(found), [k / 25 for k in range(frames)], atol=1e-6)
    brightness = [frame.image.mean() for frame in found]
    assert brightness == sorted(brightness)


def two_streams(path: Path, sizes: list[tuple[int, int]]) -> Path:
    with av.open(str(path), "w") as container:
        streams = []
        for size in sizes:
            stream: Any = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            streams.append(stream)
        for k in range(10):
            for stream, size in zip(streams, sizes, strict=True):
                frame = av.VideoFrame.from_ndarray(gray(20 * k, size), format="rgb24")
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("sizes", [[(64, 48), (320, 240)], [(320, 240), (64, 48)]], ids=str)
@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_of_two_streams_the_larger_is_read_and_named(
    sizes: list[tuple[int, int]], suffix: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    frames = read(two_streams(tmp_path / f"a{suffix}", sizes))
    assert frames[0].image.shape == (240, 320, 3)
    assert "has 2 video streams" in caplog.text
    assert "the one with 320 x 240 pixels is read" in caplog.text


def test_a_cover_picture_is_no_video(tmp_path: Path) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (300, 300), "red").save(picture, "PNG")
    path = tmp_path / "a.mp3"
    with av.open(str(path), "w") as container:
        cover: Any = container.add_stream("png", rate=1)
        cover.width, cover.height, cover.pix_fmt = 300, 300, "rgb24"
        cover.disposition = av.stream.Disposition.attached_pic
        sound: Any = container.add_stream("mp3", rate=44_100)
        container.start_encoding()
        container.mux(cover.encode(av.VideoFrame.from_ndarray(gray(90, (300, 300)), format="rgb24")))
        container.mux(cover.encode(None))
        piece = av.AudioFrame.from_ndarray(np.zeros((1, 1152), np.float32), format="fltp", layout="mono")
        piece.sample_rate = 44_100
        container.mux(sound.encode(piece))
        container.mux(sound.encode(None))
    with pytest.raises(VideoError, match=r"without pictures, only .*a cover picture"):
        read(path)


@pytest.mark.parametrize("start", [5.0, 60.0])
def test_a_start_after_the_end_is_an_error(start: float, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", [k / 10 for k in range(20)], levels(20))
    with pytest.raises(VideoError, match=rf"start: expected a time before the end, got {start:g} s; the last frame is"):
        read(path, start=start)


def test_gif(tmp_path: Path) -> None:
    pictures = [Image.fromarray(image) for image in levels(4)]
    path = tmp_path / "a.gif"
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=[100, 300, 50, 100])
    np.testing.assert_allclose(times(read(path)), [0, 0.1, 0.4, 0.45], atol=1e-6)


# --- pictures ---


@pytest.mark.parametrize(
    ("rotation", "turns"), [(0, 0), (90, 1), (180, 2), (-90, 3)], ids=["upright", "left", "down", "right"]
)
def test_rotation_flags_of_phones(rotation: int, turns: int, tmp_path: Path) -> None:
    frames = read(write_clip(tmp_path / "a.mp4", [0, 0.1], [quadrants()] * 2, rotation=rotation))
    expected = np.rot90(quadrants(), turns).astype(int)
    assert frames[0].image.shape == expected.shape
    assert frames[0].image.flags.c_contiguous
    assert np.abs(frames[0].image - expected).mean() < 12


@pytest.mark.parametrize(
    ("size", "codec", "pixels"),
    [((63, 47), "ffv1", "yuv444p"), ((64, 48), "ffv1", "gray"), ((33, 7), "mjpeg", "yuvj444p")],
    ids=["odd", "gray", "small"],
)
def test_sizes_and_formats(size: tuple[int, int], codec: str, pixels: str, tmp_path: Path) -> None:
    frames = read(write_clip(tmp_path / "a.mkv", [0, 0.1], [gray(90, size)] * 2, codec=codec, pixels=pixels))
    assert frames[0].image.shape == (size[1], size[0], 3)
    assert frames[0].image.dtype == np.uint8
    assert abs(frames[0].image.mean() - 90) < 3


def test_4k(tmp_path: Path) -> None:
    frame = read(write_clip(tmp_path / "a.mp4", [0], [gray(50, (3840, 2160))]))[0]
    assert frame.image.shape == (2160, 3840, 3)


# --- what is wrong with files ---


def test_a_file_without_pictures(tmp_path: Path) -> None:
    import av

    path = tmp_path / "a.wav"
    with av.open(str(path), "w") as container:
        track: Any = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        piece = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        piece.sample_rate = 8000
        container.mux(track.encode(piece))
    with pytest.raises(VideoError, match=r"a\.wav: expected frames, got a file without pictures, only audio"):
        open_source(path)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.mp4", b"", "expected a video"),
        ("a.mp4", b"no video at all" * 100, "expected a video"),
        ("missing.mp4", None, "no such file"),
    ],
)
def test_what_is_no_video(name: str, content: bytes | None, words: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(VideoError, match=words):
        read(tmp_path / name)


def test_a_file_that_is_cut_short_gives_what_it_has_and_says_so(tmp_path: Path) -> None:
    """With its index at the beginning, as files for the web have it."""
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (96, 128, 3), np.uint8) for _ in range(60)]
    path = write_clip(tmp_path / "a.mp4", [k / 10 for k in range(60)], noise, options={"movflags": "+faststart"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    source = open_source(path)
    frames = list(source.frames(Sampling()))
    assert 10 < len(frames) < 50
    assert any("cut short" in note and "kept" in note for note in source.notes)
    late = write_clip(tmp_path / "b.mp4", [k / 10 for k in range(60)], noise)
    late.write_bytes(late.read_bytes()[: late.stat().st_size // 2])
    with pytest.raises(VideoError, match="cut short before its index"):
        open_source(late)


def test_a_whole_file_has_no_notes(tmp_path: Path) -> None:
    source = open_source(write_clip(tmp_path / "a.mp4", VARIABLE, levels(len(VARIABLE)), sound="aac"))
    list(source.frames(Sampling()))
    assert source.notes == []
    assert source.live is False
    assert source.duration is not None


def test_no_frames(tmp_path: Path) -> None:
    """A file that says it has pictures and has none, and one that ends after its header."""
    import av

    with av.open(str(tmp_path / "none.mp4"), "w") as container:
        stream: Any = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()
    with pytest.raises(VideoError, match="expected frames, got a file with nothing"):
        read(tmp_path / "none.mp4")
    path = write_clip(tmp_path / "a.mkv", [0], [gray(9)], codec="ffv1", pixels="yuv420p")
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"\x1f\x43\xb6\x75")])  # the first cluster
    with pytest.raises(VideoError, match="expected frames, got none"):
        read(path)


# --- other sources ---


def test_a_folder_in_the_order_of_numbers_in_names(tmp_path: Path) -> None:
    for number in (1, 2, 10):
        Image.fromarray(gray(number * 20)).save(tmp_path / f"frame{number}.png")
    (tmp_path / "frame3.png").write_text("no picture")
    (tmp_path / "notes.txt").write_text("nothing")
    source = open_source(tmp_path)
    frames = list(source.frames(Sampling(fps=2)))
    assert [int(frame.image.mean()) for frame in frames] == [20, 40, 200]
    assert times(frames) == [0, 0.5, 1.5]  # the bad one keeps its time
    assert [note.split(":")[0] for note in source.notes] == ["frame3.png"]
    with pytest.raises(InputError, match="Give their rate"):
        read(tmp_path)


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="folder of pictures"):
        open_source(tmp_path)


def test_a_file_object(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mkv", NTSC, levels(len(NTSC)))
    np.testing.assert_allclose(times(read(io.BytesIO(path.read_bytes()))), NTSC, atol=1e-3)


@pytest.mark.parametrize(
    ("pairs", "words"),
    [([(0, gray(1)), (0, gray(2))], "times that grow"), ([gray(1)], "pairs"), ([(0, "missing.jpg")], "no such file")],
)
def test_wrong_pairs(pairs: list[Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read(pairs)


@pytest.mark.parametrize("wrong", [None, 1.5, True, b"content"], ids=repr)
def test_what_is_no_source(wrong: Any) -> None:
    with pytest.raises(InputError, match="expected a path"):
        open_source(wrong)


def test_a_camera_that_is_not_there() -> None:
    with pytest.raises(VideoError, match="camera 97: cannot be opened"):
        open_source(97)


def test_a_stream_that_nobody_serves() -> None:
    with pytest.raises(VideoError, match="Check the"):
        open_source("http://127.0.0.1:9/live.m3u8")


def test_without_pyav(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_clip(tmp_path / "a.mp4", [0], [gray(1)])
    imported = builtins.__import__

    def without(name: str, *rest: Any, **options: Any) -> Any:
        if name == "av":
            raise ImportError(name)
        return imported(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"pip install -c constraints.txt '\.\[video\]'"):
        open_source(path)


# --- ahead ---


def numbered(count: int, made: list[int], pause: float = 0) -> Iterator[Frame]:
    for number in range(count):
        time.sleep(pause)
        made.append(number)
        yield Frame(number / 10, number, gray(0))


def test_ahead_gives_all_and_holds_few() -> None:
    made: list[int] = []
    ahead = Prefetcher(numbered(20, made), depth=3)
    time.sleep(0.2)
    assert len(made) <= 4  # three wait, one is in the thread's hand
    assert [frame.number for frame in ahead] == list(range(20))
    assert ahead.dropped == 0


def test_latest_gives_the_newest_and_counts_what_was_dropped() -> None:
    made: list[int] = []
    ahead = Prefetcher(numbered(50, made, 0.01), latest=True)
    seen = []
    for frame in ahead:
        seen.append(frame.number)
        time.sleep(0.07)
    assert seen == sorted(set(seen))
    assert len(seen) < 20
    assert len(seen) + ahead.dropped == 50


def test_a_paced_file_plays_at_its_own_speed() -> None:
    began = time.monotonic()
    assert len(list(Prefetcher(numbered(4, []), latest=True, paced=True))) == 4
    assert 0.25 < time.monotonic() - began < 5


def test_errors_come_through_and_close_ends_the_thread() -> None:
    def broken() -> Iterator[Frame]:
        yield Frame(0, 0, gray(0))
        raise VideoError("broke")

    ahead = Prefetcher(broken())
    next(ahead)
    with pytest.raises(VideoError, match="broke"):
        next(ahead)
    with pytest.raises(StopIteration):
        next(ahead)
    endless = Prefetcher(numbered(10**9, []))
    next(endless)
    endless.close()
    assert not any(thread.name == "mien-frames" and thread.is_alive() for thread in threading.enumerate())
