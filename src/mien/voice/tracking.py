"""Add what is heard to the moments of a video: the voice at their time, and faces joined with it."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from mien.errors import InputError, SoundError
from mien.video.analysis import VideoAnalysis
from mien.video.moment import Moment
from mien.voice.fusion import RULE, FusionRule, fuse_with
from mien.voice.recognizer import VoiceRecognizer
from mien.voice.voices import Voices

FUSED_HEAD = "votes"
"""The head whose probabilities the rule joins with the face's."""


class VoiceTrack:
    """What is heard in a video, and how its faces are joined with it.

    Args:
        source: the video's path.
        voice: True: the released voice bundle; another one's name or path; or a recognizer.
        rule: how faces and voice are joined.

    Attributes:
        voices: what is heard; None for a video without sound.
        notes: what was wrong with the sound, for people to read.

    Raises:
        InputError: the source is no file, or the recognizer has another head than the votes.
        SoundError: its sound cannot be read; a video without sound is no error.
    """

    def __init__(
        self, source: Any, voice: bool | str | os.PathLike[str] | VoiceRecognizer = True, rule: FusionRule = RULE
    ) -> None:
        if not (isinstance(source, str | os.PathLike) and os.path.isfile(source)):
            raise InputError("voice: expected the path of a video file, whose sound can be read, got another source")
        if not isinstance(voice, VoiceRecognizer):
            voice = VoiceRecognizer() if isinstance(voice, bool) else VoiceRecognizer(os.fspath(voice))
        if voice.head != FUSED_HEAD:
            raise InputError(
                f"voice: expected head={FUSED_HEAD!r}, to which the rule of joining is fitted, got {voice.head!r}"
            )
        self.rule = rule
        self.notes: list[str] = []
        self.voices: Voices | None = None
        try:
            self.voices = voice.predict(source)
        except SoundError as error:
            if not error.missing:
                raise
            self.notes.append("the video has no sound: faces alone are reported")

    def add(self, moment: Moment) -> Moment:
        """Return a moment with the voice at its time, and with its faces joined with it."""
        voice = None if self.voices is None else self.voices.at(moment.time)
        faces = moment.faces
        joint = fuse_with(faces.probabilities, faces.labels, voice, self.rule)
        return replace(moment, voice=voice, faces=replace(faces, fused=joint))


class VoicedAnalysis:
    """Iterate over the `Moment`s of a video with `voice` and `faces.fused`; made by `EmotionRecognizer.track`.

    Attributes:
        analysis: the analysis of the pictures.
        track: what is heard.
    """

    def __init__(self, analysis: VideoAnalysis, track: VoiceTrack) -> None:
        self.analysis, self.track = analysis, track

    @property
    def notes(self) -> list[str]:
        """What was wrong with the video, for people to read; complete after the last moment."""
        return [*self.track.notes, *self.analysis.notes]

    @property
    def dropped(self) -> int:
        """Number of frames that were dropped in real time, since they came too late."""
        return self.analysis.dropped

    def __iter__(self) -> VoicedAnalysis:
        return self

    def __next__(self) -> Moment:
        return self.track.add(next(self.analysis))

    def __enter__(self) -> VoicedAnalysis:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop and free the video."""
        self.analysis.close()
