"""The voice bundle: one ONNX file, from sound to logits and strength, that says of itself how it is used.

This module knows sound at the bundle's rate; nothing of files of sound or of speech.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.bundle import softmax
from mien.errors import BundleError, InputError, first_line, suggest
from mien.labels import VOICE, LabelSet
from mien.runtimes.onnx import METADATA_KEY, make_session
from mien.voice.sound import Samples

FORMAT_VERSION = 1
KIND = "voice"
DEFAULT = "mien-voice"
HEADS = ("votes", "intended")
"""What people hear, and what was meant: learnt from the votes, and from what actors were asked to express."""

INPUT, STRENGTH = "sound", "strength"

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class VoiceHead:
    """How the logits of a head become probabilities: `softmax(factors * logits + offsets)`.

    Attributes:
        factors: one per emotion; they contain the temperature.
        offsets: one per emotion.
    """

    factors: tuple[float, ...]
    offsets: tuple[float, ...]

    def probabilities(self, logits: npt.NDArray[np.floating]) -> FloatArray:
        """Return probabilities, float32 (N, K), of logits (N, K)."""
        return softmax(np.asarray(logits, np.float64) * self.factors + np.array(self.offsets))


@dataclass(frozen=True)
class VoiceMetadata:
    """What a voice bundle says of itself.

    Attributes:
        name: the bundle's name.
        labels: the emotions, in the order of the columns of both heads.
        rate: samples per second that the network takes.
        window: seconds of sound that it was made for.
        shortest: samples that it needs at least.
        heads: the calibration of each of HEADS.
        share_temperature: divides the logits of the votes; their softmax is then the shares of people.
        strength: factor and summand of the network's strength, 0 to 1 afterwards.
        card: how it was trained, what was measured, licences, what it must not be used for.
    """

    name: str = DEFAULT
    labels: LabelSet = VOICE
    rate: int = 12_000
    window: float = 3.0
    shortest: int = 2_400
    heads: dict[str, VoiceHead] = field(default_factory=dict)
    share_temperature: float = 1.0
    strength: tuple[float, float] = (1.0, 0.0)
    card: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        k = len(self.labels)
        if not self.heads:
            plain = {name: VoiceHead((1.0,) * k, (0.0,) * k) for name in HEADS}
            object.__setattr__(self, "heads", plain)
        for name, head in self.heads.items():
            if name not in HEADS or not len(head.factors) == len(head.offsets) == k:
                raise ValueError(f"head {name!r} with {len(head.factors)} factors and {len(head.offsets)} offsets")
        if not (self.rate > 0 and self.window > 0 and self.share_temperature > 0):
            raise ValueError("rate, window or share_temperature that is not above 0")

    def to_json(self, indent: int | None = None) -> str:
        """Return the text that stands in the file."""
        values = asdict(replace(self, card={})) | {"card": self.card}
        values["labels"] = {"name": self.labels.name, "names": list(self.labels.names)}
        return json.dumps({"format_version": FORMAT_VERSION, "kind": KIND, **values}, indent=indent)

    def with_card(self, card: dict[str, Any]) -> VoiceMetadata:
        """Return the same with another card."""
        return replace(self, card=card)

    @classmethod
    def from_json(cls, text: str, source: str) -> VoiceMetadata:
        """Read the text of a file; `source` names it in errors.

        Raises:
            BundleError: it is damaged, of another kind, or of a newer version.
        """
        try:
            values = json.loads(text)
            version, kind = values.pop("format_version"), values.pop("kind", None)
            if kind != KIND:
                raise BundleError(f"{source}: expected a voice bundle, got one of another kind")
            if version > FORMAT_VERSION:
                raise BundleError(
                    f"{source} is a voice bundle of format version {version}; this mien reads up to {FORMAT_VERSION}. "
                    "Upgrade it: pip install --upgrade mien"
                )
            labels, heads = values.pop("labels"), values.pop("heads")
            return cls(
                labels=LabelSet(str(labels["name"]), tuple(map(str, labels["names"]))),
                heads={
                    name: VoiceHead(tuple(map(float, head["factors"])), tuple(map(float, head["offsets"])))
                    for name, head in heads.items()
                },
                **{**values, "strength": tuple(map(float, values["strength"]))},
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise BundleError(
                f"{source}: expected the metadata of a voice bundle, got something damaged "
                f"({type(error).__name__}: {error}). Export it again."
            ) from error


@dataclass(frozen=True, eq=False)
class VoiceAnswer:
    """What a bundle says of clips of equal length.

    Attributes:
        probabilities: calibrated, by head, float32 (N, K).
        vote_shares: estimated shares of people, float32 (N, K).
        strengths: float32 (N,), 0 to 1.
    """

    probabilities: dict[str, FloatArray]
    vote_shares: FloatArray
    strengths: FloatArray


class VoiceBundle:
    """A loaded voice network.

    Args:
        content: the bytes of the ONNX file.
        source: the file's name, for messages.
        threads: processor threads; 0: the runtime decides.

    Attributes:
        metadata: labels, rate, calibration and model card.

    Raises:
        BundleError: the file cannot be used.
    """

    def __init__(self, content: bytes, source: str = DEFAULT, *, threads: int = 1) -> None:
        self.content, self.source, self._threads = content, source, threads
        try:
            self._session = make_session(content, threads=threads)
        except Exception as error:  # ONNX Runtime has no common base for its errors
            raise BundleError(f"{source}: expected a voice bundle, got no ONNX file ({first_line(error)})") from error
        text = self._session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
        if text is None:
            raise BundleError(f"{source} is a network, but not a voice bundle of mien's: it has no metadata in it")
        self.metadata = VoiceMetadata.from_json(text, source)
        self._check_outputs()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the file and the options; the session is created again."""
        return partial(VoiceBundle, self.content, self.source, threads=self._threads), ()

    @classmethod
    def load(cls, source: str | Path = DEFAULT, *, threads: int = 1) -> VoiceBundle:
        """Load a voice bundle by the name of a released one, or by its path.

        Raises:
            BundleError: there is no such bundle, or it cannot be used.
        """
        path = find_voice(source)
        return cls(path.read_bytes(), str(path), threads=threads)

    @property
    def name(self) -> str:
        """The bundle's name."""
        return self.metadata.name

    @property
    def labels(self) -> LabelSet:
        """The emotions."""
        return self.metadata.labels

    def logits(self, sound: Samples) -> dict[str, FloatArray]:
        """Return the network's own answers for clips, float32 (N, samples): logits by head, and the strength.

        Raises:
            InputError: the clips have the wrong shape or dtype, or are too short.
        """
        if sound.ndim != 2 or sound.dtype != np.float32 or sound.shape[1] < self.metadata.shortest:
            raise InputError(
                f"sound: expected float32 (N, samples) with at least {self.metadata.shortest} samples, "
                f"got {sound.dtype} {sound.shape}"
            )
        names = [*HEADS, STRENGTH]
        return dict(zip(names, self._session.run(names, {INPUT: sound}), strict=True))

    def answer(self, sound: Samples) -> VoiceAnswer:
        """Return the calibrated answers for clips, float32 (N, samples) at the bundle's rate."""
        logits = self.logits(sound)
        factor, summand = self.metadata.strength
        return VoiceAnswer(
            {name: head.probabilities(logits[name]) for name, head in self.metadata.heads.items()},
            softmax(logits["votes"], self.metadata.share_temperature),
            np.clip(logits[STRENGTH] * np.float32(factor) + np.float32(summand), 0, 1),
        )

    def _check_outputs(self) -> None:
        """Run two silent clips; raise BundleError if the network does not fit its metadata."""
        try:
            found = self.logits(np.zeros((2, self.metadata.shortest), np.float32))
        except Exception as error:
            raise BundleError(
                f"{self.source}: its network does not fit its metadata ({first_line(error)}). Export it again."
            ) from error
        expected = {**dict.fromkeys(HEADS, (2, len(self.labels))), STRENGTH: (2,)}
        for name, values in found.items():
            if values.shape != expected[name] or not np.isfinite(values).all():
                raise BundleError(
                    f"{self.source}: output {name!r} should be finite {expected[name]}, got {values.shape}. "
                    "Export it again."
                )


def released_voices() -> dict[str, Path]:
    """Return the paths of the voice bundles that come with the package, by name, the default first."""
    folder = Path(str(resources.files("mien"))) / "bundles" / KIND
    return {path.stem: path for path in sorted(folder.glob("*.onnx"), key=lambda path: (path.stem != DEFAULT, path))}


def voice_bundle(source: str | Path) -> Path | None:
    """Return the file of a voice bundle: a released one's name, its path, or a run's folder; None for another model."""
    names = released_voices()
    if str(source) in names:
        return names[str(source)]
    path = Path(source)
    files = sorted(path.glob("*.onnx")) if path.is_dir() else [path] if path.is_file() else []
    return next((file for file in files if _kind(file) == KIND), None)


def _kind(path: Path) -> str | None:
    """Return the kind of bundle that a file is, from its metadata alone; None if it has none."""
    content = path.read_bytes()
    place = content.rfind(b'{"format_version"')
    found = re.match(rb'\{"format_version": \d+, "kind": "([a-z-]+)"', content[place:]) if place >= 0 else None
    return found.group(1).decode() if found else None


def find_voice(source: str | Path) -> Path:
    """Return the file of a released voice bundle's name or of a path; raise BundleError if there is none."""
    names = released_voices()
    if isinstance(source, str) and source in names:
        return names[source]
    path = Path(source)
    if path.is_file():
        return path
    hint = suggest(str(source), names) if names else "none is installed"
    raise BundleError(f"no voice bundle {str(source)!r}: neither a file nor a released bundle ({hint})")
