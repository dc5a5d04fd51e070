"""Made-up speech that a speech detector takes for speech, sound files, and a voice bundle of a kilobyte."""

from __future__ import annotations

import io
import wave
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from scipy.signal import lfilter

from mien.labels import VOICE
from mien.voice.bundle import VoiceMetadata

Samples = npt.NDArray[np.float32]
VOWELS = ((730, 1090, 2440), (270, 2290, 3010), (570, 840, 2410), (300, 870, 2240), (530, 1840, 2480))
"""The first three formants in Hz."""

SHORTEST = 1_500


def spoken(seconds: float = 3.0, rate: int = 16_000, pitch: float = 120.0, seed: int = 0) -> Samples:
    """Vowels that glide into each other, at a moving pitch, four syllables a second; -20 dB."""
    rng = np.random.default_rng(seed)
    n, size = int(seconds * rate), int(0.01 * rate)
    times = np.arange(n) / rate
    bend = 1 + 0.2 * np.sin(5 * times + rng.uniform(0, 6)) + 0.04 * np.sin(31 * times)
    pulses = np.diff(np.floor(np.cumsum(pitch * bend) / rate), prepend=0) > 0
    sound = lfilter([1], [1, -0.97], pulses.astype(float)) + 0.003 * rng.normal(size=n)
    places = np.arange(n // size + 1) * 0.01 / 0.18
    vowels = np.array([VOWELS[rng.integers(5)] for _ in range(int(places[-1]) + 2)])
    for formant, width in enumerate((80, 90, 120)):
        hertz = np.interp(places, np.arange(len(vowels)), vowels[:, formant])
        r, state, filtered = np.exp(-np.pi * width / rate), np.zeros(2), np.zeros(n)
        for k, start in enumerate(range(0, n, size)):
            poles = [1, -2 * r * np.cos(2 * np.pi * hertz[k] / rate), r * r]
            filtered[start : start + size], state = lfilter([1 - r], poles, sound[start : start + size], zi=state)
        sound = filtered
    sound *= 0.55 + 0.45 * np.sin(26 * times + rng.uniform(0, 6))
    return np.asarray(0.1 * sound / np.sqrt(np.mean(sound**2)), np.float32)


def noise(seconds: float = 3.0, rate: int = 16_000, level: float = 0.1) -> Samples:
    return (level * np.random.default_rng(0).normal(size=int(seconds * rate))).astype(np.float32)


def music(seconds: float = 3.0, rate: int = 16_000) -> Samples:
    """Chords of plucked strings, two a second."""
    parts = []
    for k in range(int(np.ceil(seconds * 2))):
        times = np.arange(rate // 2) / rate
        tones = ((262, 330, 392), (220, 262, 330), (175, 220, 262), (196, 247, 294))[k % 4]
        chord = sum(np.sin(2 * np.pi * f * h * times) / h for f in tones for h in range(1, 7))
        parts.append(0.05 * chord * np.exp(-2 * times))
    return np.concatenate(parts)[: int(seconds * rate)].astype(np.float32)


def wav(sound: npt.NDArray[Any], rate: int = 16_000) -> bytes:
    """A WAV file of samples (n,) or (n, channels), -1 to 1, in 16 bits."""
    sound = sound[:, None] if sound.ndim == 1 else sound
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(sound.shape[1])
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
    return file.getvalue()


def write_wav(path: Path, sound: npt.NDArray[Any], rate: int = 16_000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(wav(sound, rate))
    return path


def tiny_voice(metadata: VoiceMetadata | None = None, text: str | None = None, emotions: int = len(VOICE)) -> bytes:
    """A voice bundle whose logits are the mean loudness times a weight per emotion; `text` replaces its metadata."""
    nodes = [
        helper.make_node("Abs", ["sound"], ["absolute"]),
        helper.make_node("ReduceMean", ["absolute"], ["level"], axes=[1], keepdims=1),
        helper.make_node("Squeeze", ["level", "one"], ["strength"]),
    ]
    weights = [numpy_helper.from_array(np.array([1], np.int64), "one")]
    outputs = []
    for head, low in (("votes", -10.0), ("intended", 10.0)):
        nodes.append(helper.make_node("Gemm", ["level", f"w_{head}"], [head]))
        weights.append(numpy_helper.from_array(np.linspace(low, -low, emotions, dtype=np.float32)[None], f"w_{head}"))
        outputs.append(helper.make_tensor_value_info(head, TensorProto.FLOAT, ["N", emotions]))
    outputs.append(helper.make_tensor_value_info("strength", TensorProto.FLOAT, ["N"]))
    inputs = [helper.make_tensor_value_info("sound", TensorProto.FLOAT, ["N", "samples"])]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    text = (metadata or VoiceMetadata("tiny", shortest=SHORTEST)).to_json() if text is None else text
    if text:
        helper.set_model_props(model, {"mien": text})
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


class AlwaysSpeech:
    """Takes everything for speech, as a test wants that does not try the speech detector."""

    def __call__(self, sound: Samples) -> Samples:
        self.rest = getattr(self, "rest", 0) + len(sound)
        count, self.rest = divmod(self.rest, 512)
        return np.ones(count, np.float32)

    def reset(self) -> None:
        self.rest = 0
