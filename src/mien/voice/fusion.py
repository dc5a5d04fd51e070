"""Join what a face shows with what a voice says, as people do: the rule is fitted to CREMA-D's votes for both together.

People were shown the same clips as sound, as picture, and as both. The logarithm of what they perceive in both is close
to a weighted sum of the two others' (log-linear pooling). This module knows probabilities; nothing of sound or video.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mien.errors import InputError
from mien.labels import LabelSet
from mien.voice.voices import Voice

FloatArray = npt.NDArray[np.float32]

LEAST = 0.01
"""Smallest probability that counts: neither face nor voice alone rules an emotion out."""


@dataclass(frozen=True)
class FusionRule:
    """Weights of face and voice, and what is added for each emotion.

    Attributes:
        face: exponent of the face's probabilities.
        voice: exponent of the voice's, relative to an even distribution.
        offsets: emotion -> what is added to its logarithm when there is a voice; people hear neutral too often.
    """

    face: float
    voice: float
    offsets: dict[str, float]


RULE = FusionRule(
    face=0.97,
    voice=0.47,
    offsets={"angry": -0.06, "disgust": 0.16, "fear": 0.36, "happy": 0.25, "neutral": -0.74, "sad": 0.04},
)
"""Fitted to people's votes for face and both, and what networks hear (head votes) in actors whom they never heard."""


def fuse(
    face: npt.NDArray[np.floating],
    labels: LabelSet,
    voice: npt.NDArray[np.floating],
    voice_labels: LabelSet,
    rule: FusionRule = RULE,
) -> FloatArray:
    """Return the joint probabilities, float32 (n, K), of faces and one voice.

    An emotion that the voice does not know, such as surprise, is neither likelier nor less likely for it than evenly
    distributed ones are. What a voice knows and the faces' labels lack is left out.

    Args:
        face: probabilities of n faces, (n, K).
        labels: their label set.
        voice: probabilities of the voice, (V,).
        voice_labels: its label set.
        rule: the weights.

    Raises:
        InputError: the arrays do not fit their label sets.
    """
    if face.ndim != 2 or face.shape[1] != len(labels) or voice.shape != (len(voice_labels),):
        raise InputError(
            f"expected faces (n, {len(labels)}) and a voice ({len(voice_labels)},), got {face.shape} and {voice.shape}"
        )
    evidence = rule.voice * np.log(np.maximum(voice, LEAST) * len(voice_labels))
    added = np.zeros(len(labels))
    for column, name in enumerate(voice_labels.names):
        if name in labels.names:
            added[labels.names.index(name)] = evidence[column] + rule.offsets.get(name, 0.0)
    logits = rule.face * np.log(np.maximum(face, LEAST)) + added
    joint = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(joint / joint.sum(axis=1, keepdims=True), np.float32)


def fuse_with(face: FloatArray, labels: LabelSet, voice: Voice | None, rule: FusionRule = RULE) -> FloatArray:
    """Return the joint probabilities, float32 (n, K), of faces and of what is heard at their time.

    Without speech, or without sound, they are the faces' own.
    """
    if voice is None or voice.probabilities is None:
        return face
    names = tuple(voice.probabilities)
    return fuse(face, labels, np.array([voice.probabilities[name] for name in names]), LabelSet("voice", names), rule)
