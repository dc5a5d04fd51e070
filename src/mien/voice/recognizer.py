"""`VoiceRecognizer`: sound in, window by window, and out come speech, emotion, strength and loudness."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from mien.errors import InputError, SoundError, suggest
from mien.labels import LabelSet
from mien.voice.bundle import DEFAULT, HEADS, VoiceBundle
from mien.voice.sound import Samples, SoundStream
from mien.voice.speech import CHUNK, RATE, SPEECH, SpeechDetector
from mien.voice.voices import QUIETEST, Voices

SHORTEST = 0.25
"""Seconds of sound, without which there is no window; and of new sound, without which there is no further one."""

SILENT = 1e-4
"""Root mean square, -80 dB, below which a window is silence whatever the speech detector says."""


class SpeechFinder(Protocol):
    """Says how probable speech is in each 32 ms of a stream at 16 kHz."""

    def __call__(self, sound: Samples) -> npt.NDArray[np.float32]:
        """Return the probabilities of the chunks that this sound completes."""
        ...

    def reset(self) -> None:
        """Forget the stream before."""
        ...


class SoundSource(Protocol):
    """A stream of sound: a `SoundStream`, or a `Microphone`."""

    name: str

    def parts(self, rates: Sequence[int]) -> Iterator[tuple[Samples, ...]]:
        """Yield the sound part by part, mono, float32 (n,), once per rate."""
        ...


class VoiceRecognizer:
    """Recognize the emotions of voices in sound and video files, bytes, file objects and arrays.

    The sound is cut into windows of `window` seconds, one every `hop` seconds; the last one ends with the sound, and a
    sound shorter than a window is one window. It has been learnt from acted sentences in English (and, in part, German)
    and hears the manner of speaking, not the words.

    Args:
        model: the name of a released voice bundle, or the path of one; or a `VoiceBundle`.
        head: "votes": what people would hear; "intended": what the speaker would mean, as actors do. It decides
            `probabilities`; the vote shares are always those of the votes.
        window: seconds of a window; None: the bundle's.
        hop: seconds from one window to the next.
        min_speech: share of a window, 0 to 1, that must be speech for an emotion.
        min_confidence: probability, 0 to 1, below which a window's emotion is reported as "uncertain".
        threads: processor threads; 0: the runtime decides.
        speech: finds speech; None: Silero's detector.

    Raises:
        InputError: an argument is out of range.
        BundleError: the bundle cannot be used.
        MissingExtraError: the extra `voice` is not installed.
    """

    def __init__(
        self,
        model: str | Path | VoiceBundle = DEFAULT,
        *,
        head: str = "votes",
        window: float | None = None,
        hop: float = 1.0,
        min_speech: float = 0.1,
        min_confidence: float = 0.0,
        threads: int = 1,
        speech: SpeechFinder | None = None,
    ) -> None:
        if head not in HEADS:
            raise InputError(f"head {head!r}: {suggest(head, HEADS)}")
        for name, share in (("min_speech", min_speech), ("min_confidence", min_confidence)):
            if not 0 <= share <= 1:
                raise InputError(f"{name}: expected 0 to 1, got {share}")
        self.bundle = model if isinstance(model, VoiceBundle) else VoiceBundle.load(model, threads=threads)
        self.head = head
        self.window = self.bundle.metadata.window if window is None else float(window)
        self.hop = float(hop)
        if not 1 <= self.window <= 30:
            raise InputError(f"window: expected 1 to 30 seconds, got {self.window:g}")
        if not 0.1 <= self.hop <= self.window:
            raise InputError(f"hop: expected 0.1 to {self.window:g} seconds, the window's length, got {self.hop:g}")
        self.min_speech, self.min_confidence = min_speech, min_confidence
        self._speech: SpeechFinder = SpeechDetector(threads=threads) if speech is None else speech

    @property
    def labels(self) -> LabelSet:
        """The emotions that it knows."""
        return self.bundle.labels

    def predict(
        self, source: Any, *, rate: int | None = None, progress: Callable[[float], None] | None = None
    ) -> Voices:
        """Return what is heard in all windows of a sound.

        Args:
            source: the path of a sound or video file, "-" for standard input, the bytes of a file, a binary file
                object, or an array of samples (n,), (n, channels) or (channels, n): floats from -1 to 1, or integers.
            rate: samples per second of an array.
            progress: called with the end of each window in seconds.

        Raises:
            SoundError: the source cannot be read, or has no sound.
            InputError: an array has the wrong shape, type or values, or no rate.
        """
        with SoundStream(source, rate) as stream:
            parts = []
            for part in self.listen(stream):
                parts.append(part)
                if progress is not None:
                    progress(float(part.ends[-1]))
        return Voices.joined(parts)

    def predict_many(self, sources: Iterable[Any]) -> Iterator[Voices | SoundError]:
        """Yield what is heard in each of several sounds; one that cannot be read gives its SoundError."""
        for source in sources:
            try:
                yield self.predict(source)
            except SoundError as error:
                yield error

    def listen(self, stream: SoundSource) -> Iterator[Voices]:
        """Yield one window after the other, each as soon as its sound is there.

        Raises:
            SoundError: nothing can be decoded, or the sound is shorter than 0.25 s.
        """
        self._speech.reset()
        buffer = _Buffer(self.bundle.metadata.rate)
        number = 0
        for sound, sound16 in stream.parts((self.bundle.metadata.rate, RATE)):
            buffer.add(sound, self._speech(sound16))
            while buffer.end >= number * self.hop + self.window:
                yield self._window(buffer, number * self.hop, number * self.hop + self.window, stream.name)
                number += 1
                buffer.forget(min(number * self.hop, buffer.end - self.window))
        done = (number - 1) * self.hop + self.window if number else 0.0
        if not number and buffer.end < SHORTEST:
            raise SoundError(f"expected at least {SHORTEST} s of sound, got {buffer.end:.2f} s", stream.name, True)
        if buffer.end - done >= SHORTEST:
            yield self._window(buffer, max(buffer.end - self.window, 0.0), buffer.end, stream.name)

    def _window(self, buffer: _Buffer, start: float, end: float, source: str) -> Voices:
        sound, speech = buffer.cut(start, end)
        level = float(np.sqrt(np.mean(sound.astype(np.float64) ** 2)))
        share = float((speech >= SPEECH).mean()) if len(speech) and level > SILENT else 0.0
        spoken = share >= self.min_speech and share > 0
        k = len(self.labels)
        probabilities = shares = np.full((1, k), np.nan, np.float32)
        strengths = np.full(1, np.nan, np.float32)
        if spoken:
            missing = self.bundle.metadata.shortest - len(sound)
            answer = self.bundle.answer(np.pad(sound, (0, max(missing, 0)))[None])
            probabilities, shares = answer.probabilities[self.head], answer.vote_shares
            strengths = answer.strengths
        return Voices(
            starts=np.array([start]),
            ends=np.array([end]),
            speech=np.array([spoken]),
            speech_shares=np.array([share], np.float32),
            probabilities=probabilities,
            vote_shares=shares,
            strengths=strengths,
            loudness=np.array([max(20 * np.log10(level), QUIETEST) if level > 0 else QUIETEST], np.float32),
            labels=self.labels,
            duration=buffer.end,
            source=source,
            min_confidence=self.min_confidence,
        )


class _Buffer:
    """The last seconds of a stream: sound at the bundle's rate, and the probabilities of speech."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._sound = np.zeros(0, np.float32)
        self._speech = np.zeros(0, np.float32)
        self._first = self._first_chunk = 0  # numbers of the first sample and chunk that are kept

    @property
    def end(self) -> float:
        """Seconds of sound that were added."""
        return (self._first + len(self._sound)) / self.rate

    def add(self, sound: Samples, speech: npt.NDArray[np.float32]) -> None:
        """Add the next part, and the probabilities of the chunks that it completed."""
        self._sound = np.concatenate([self._sound, sound])
        self._speech = np.concatenate([self._speech, speech])

    def cut(self, start: float, end: float) -> tuple[Samples, npt.NDArray[np.float32]]:
        """Return the sound and the probabilities of speech from one second to another."""
        first, last = (round(time * self.rate) - self._first for time in (start, end))
        chunks = [int(time * RATE / CHUNK) - self._first_chunk for time in (start, end)]
        return self._sound[max(first, 0) : last], self._speech[max(chunks[0], 0) : chunks[1]]

    def forget(self, time: float) -> None:
        """Leave out what was before a time in seconds."""
        samples = max(int(time * self.rate) - self._first, 0)
        chunks = max(int(time * RATE / CHUNK) - self._first_chunk, 0)
        self._sound, self._first = self._sound[samples:], self._first + samples
        self._speech, self._first_chunk = self._speech[chunks:], self._first_chunk + chunks
