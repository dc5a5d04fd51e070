"""Sound of every kind of source, channels and rate; and what is said of sources without."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest

from helpers.made_up_voices import noise, spoken, wav, write_wav
from helpers.video_clips import levels, write_clip
from mien.errors import InputError, MienError, SoundError
from mien.voice.sound import PART, SoundStream, name_of, read_sound


def tone(rate: int, seconds: float = 1.0, hertz: float = 440.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)).astype(np.float32)


def whole(stream: SoundStream, rate: int = 16_000) -> np.ndarray:
    return np.concatenate([part for (part,) in stream.parts((rate,))])


def main_frequency(sound: np.ndarray, rate: int) -> float:
    return float(np.abs(np.fft.rfft(sound)).argmax() * rate / len(sound))


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000, 192_000])
def test_every_rate_keeps_length_pitch_and_level(rate: int) -> None:
    sound = whole(SoundStream(tone(rate), rate))
    assert len(sound) == pytest.approx(16_000, abs=64)
    assert main_frequency(sound, 16_000) == pytest.approx(440, abs=2)
    assert np.sqrt((sound**2).mean()) == pytest.approx(0.354, abs=0.01)


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_channels_are_averaged_whichever_axis_they_are_on(channels: int) -> None:
    levels = np.linspace(0.2, 1, channels)
    many = tone(16_000)[:, None] * levels
    for array in (many, many.T):
        assert np.abs(whole(SoundStream(array, 16_000))).max() == pytest.approx(0.5 * levels.mean(), abs=0.01)


@pytest.mark.parametrize("kind", [np.int16, np.int32, np.uint8, np.float64])
def test_integers_have_the_range_of_their_type(kind: type) -> None:
    sound = tone(16_000)
    if np.dtype(kind).kind == "f":
        array = sound.astype(kind)
    else:
        limits = np.iinfo(kind)
        half = (float(limits.max) - float(limits.min) + 1) / 2
        array = (sound.astype(np.float64) * (half - 1) + float(limits.min) + half).astype(kind)
    got = whole(SoundStream(array, 16_000))
    assert np.abs(got - sound).max() < 0.02


def test_paths_bytes_and_file_objects_are_the_same(tmp_path: Path) -> None:
    content = wav(tone(22_050), 22_050)
    path = tmp_path / "tone.wav"
    path.write_bytes(content)
    sounds = [read_sound(source, 12_000) for source in (path, str(path), content, io.BytesIO(content))]
    for sound in sounds[1:]:
        np.testing.assert_array_equal(sound, sounds[0])
    assert SoundStream(path).duration == pytest.approx(1.0, abs=0.01)
    assert [name_of(source) for source in (path, content, io.BytesIO(content), "-")] == [
        str(path),
        "bytes",
        "file object",
        "standard input",
    ]


def test_one_reading_gives_several_rates(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "tone.wav", tone(44_100), 44_100)
    with SoundStream(path) as stream:
        parts = list(stream.parts((12_000, 16_000)))
    assert sum(len(a) for a, _ in parts) == pytest.approx(12_000, abs=64)
    assert sum(len(b) for _, b in parts) == pytest.approx(16_000, abs=64)


def test_stereo_files_are_averaged(tmp_path: Path) -> None:
    both = np.stack([tone(16_000), np.zeros(16_000, np.float32)], axis=1)
    assert np.abs(read_sound(write_wav(tmp_path / "s.wav", both), 16_000)).max() == pytest.approx(0.25, abs=0.01)


def test_a_long_array_is_given_in_parts() -> None:
    parts = list(SoundStream(np.zeros(10 * PART, np.float32), 16_000).parts((16_000,)))
    assert len(parts) >= 10
    assert max(len(part) for (part,) in parts) <= PART + 1_000


def test_the_rest_of_a_damaged_file_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "cut.wav"
    path.write_bytes(wav(tone(16_000, 2.0))[:40_000])
    assert 0 < len(read_sound(path, 16_000)) <= 20_000


def test_a_video_without_sound_is_an_error(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "mute.mp4", [0.0, 0.1, 0.2], levels(3))
    with pytest.raises(SoundError, match="without, only video"):
        SoundStream(path)


@pytest.mark.parametrize(
    ("source", "rate", "message"),
    [
        ("nothing.wav", None, "no such file"),
        (b"no sound at all", None, "cannot be opened"),
        (noise(1), None, "samples per second"),
        (noise(1), 10, "4000 to 384000"),
        (noise(1), 8000.5, "4000 to 384000"),
        (np.zeros((3, 4, 5), np.float32), 16_000, "expected samples"),
        (np.zeros(0, np.float32), 16_000, "expected samples"),
        (np.array(["a"]), 16_000, "expected samples"),
        (np.full(99, np.nan, np.float32), 16_000, "finite"),
        (np.zeros((200, 300), np.float32), 16_000, "at most 64 channels"),
        (b"RIFF", 16_000, "expected none"),
        (object(), None, "expected a path"),
    ],
)
def test_what_is_no_sound_is_a_clear_error(source: object, rate: int | None, message: str) -> None:
    with pytest.raises(MienError, match=message):
        SoundStream(source, rate)


def test_a_folder_is_no_sound(tmp_path: Path) -> None:
    with pytest.raises(SoundError, match="got a folder"):
        SoundStream(tmp_path)


def test_integers_and_rates_are_checked_together() -> None:
    with pytest.raises(InputError, match="rate"):
        SoundStream(spoken(0.5))


@pytest.mark.parametrize(
    ("name", "codec", "rate", "form", "size"),
    [
        ("a.mp3", "mp3", 44_100, "fltp", 1_152),
        ("a.flac", "flac", 48_000, "s16", 4_096),
        ("a.ogg", "libopus", 48_000, "flt", 960),
    ],
)
def test_compressed_stereo_is_read(tmp_path: Path, name: str, codec: str, rate: int, form: str, size: int) -> None:
    path = tmp_path / name
    both = np.stack([tone(rate), tone(rate)])
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout="stereo")
        stream.codec_context.format = form
        converter = av.AudioResampler(format=form, layout="stereo", rate=rate)
        for start in range(0, rate // size * size, size):
            frame = av.AudioFrame.from_ndarray(both[:, start : start + size].copy(), format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = rate, start
            for part in converter.resample(frame):
                container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    sound = read_sound(path, 16_000)
    assert len(sound) == pytest.approx(16_000, abs=2_500)
    assert main_frequency(sound, 16_000) == pytest.approx(440, abs=3)
    assert np.abs(sound).max() == pytest.approx(0.5, abs=0.05)
