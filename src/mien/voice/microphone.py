"""Sound from a microphone (extra `microphone`), as a stream that `VoiceRecognizer.listen` takes.

A file in the place of the device is played at its own speed, for trials and tests.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from mien.errors import MissingExtraError, SoundError
from mien.voice.sound import Resamplers, Samples, SoundStream

BLOCK = 0.1
"""Seconds of sound that the device gives at once."""

PATIENCE = 5.0
"""Seconds without sound after which a device has failed."""


class Microphone:
    """Give the sound of a device, for `seconds` or until it is closed.

    Args:
        device: the number or name of a device; None: the system's. The path of a file is played instead.
        seconds: stop after so many; None: never.
        rate: samples per second that the device is asked for.
        pause: waits while a file is played; a test has its own.

    Raises:
        SoundError: there is no such device, or it cannot be opened.
        MissingExtraError: the extra `microphone` is not installed.
    """

    duration: float | None

    def __init__(
        self,
        device: str | int | None = None,
        *,
        seconds: float | None = None,
        rate: int = 48_000,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = "microphone" if device is None else f"microphone {device}"
        self.duration, self.rate = seconds, rate
        self._pause = pause
        self._stopped = False
        self._file = SoundStream(device) if isinstance(device, str) and Path(device).is_file() else None
        self._device = int(device) if isinstance(device, str) and device.isdecimal() else device
        self._blocks: queue.Queue[Samples] = queue.Queue()
        self._stream = None if self._file is not None else self._opened()

    def parts(self, rates: Sequence[int]) -> Iterator[tuple[Samples, ...]]:
        """Yield the sound part by part, mono, float32 (n,), once per rate.

        Raises:
            SoundError: the device gives no sound any more.
        """
        if self._file is not None:
            yield from self._played(self._file, rates)
            return
        assert self._stream is not None
        resamplers = Resamplers(self.rate, rates)
        given = 0
        with self._stream:
            while not self._stopped and (self.duration is None or given < self.duration * self.rate):
                try:
                    block = self._blocks.get(timeout=PATIENCE)
                except queue.Empty as error:
                    raise SoundError(f"no sound for {PATIENCE:g} s. Is it plugged in?", self.name) from error
                given += len(block)
                yield resamplers(block)
        yield resamplers(None)

    def close(self) -> None:
        """Stop; a second time does nothing."""
        self._stopped = True
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> Microphone:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _played(self, file: SoundStream, rates: Sequence[int]) -> Iterator[tuple[Samples, ...]]:
        given = 0.0
        for part in file.parts(rates):
            if self._stopped or (self.duration is not None and given >= self.duration):
                return
            length = len(part[0]) / rates[0]
            given += length
            self._pause(length)
            yield part

    def _opened(self) -> AbstractContextManager[Any]:
        """Return the stream of the device, which fills the queue of blocks once it is entered."""
        try:
            import sounddevice
        except (ImportError, OSError) as error:  # OSError: PortAudio is missing
            raise MissingExtraError("listening to a microphone", "microphone") from error

        def heard(block: Any, frames: int, moment: Any, status: Any) -> None:
            self._blocks.put(np.asarray(block, np.float32).mean(axis=1))

        try:
            stream: AbstractContextManager[Any] = sounddevice.InputStream(
                samplerate=self.rate,
                blocksize=int(BLOCK * self.rate),
                device=self._device,
                channels=1,
                dtype="float32",
                callback=heard,
            )
        except (sounddevice.PortAudioError, ValueError) as error:
            raise SoundError(f"expected a microphone that can be opened ({error})", self.name) from error
        return stream
