"""Folders of made-up clips in the forms of CREMA-D, EmoDB and RAVDESS, and clips in memory that can be learnt."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from helpers.made_up_voices import noise, write_wav
from mien.datasets.voices import VoiceClips
from mien.labels import VOICE

CODES = {"angry": "ANG", "disgust": "DIS", "fear": "FEA", "happy": "HAP", "neutral": "NEU", "sad": "SAD"}


def write_cremad(folder: Path, actors: int = 4, *, votes: bool = True) -> Path:
    """One clip per actor and emotion; everybody hears what was meant, but for one who hears neutral."""
    rows = []
    for actor in range(actors):
        for emotion, code in CODES.items():
            name = f"{1001 + actor}_DFA_{code}_XX"
            write_wav(folder / f"{name}.wav", noise(0.3, level=0.01 * (actor + 1)))
            shares = {f"voice_{each}": 8 * (each == emotion) + (each == "neutral") for each in VOICE.names}
            sex = "Female" if actor % 2 else "Male"
            rows.append(
                {"clip": name, "age": 20 + 10 * actor, "sex": sex, "race": "Asian", **shares, "voice_level": 50}
            )
    if votes:
        with (folder / "crema-d-votes.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return folder


def learnable_clips(speakers: int = 8, each: int = 6, rate: int = 12_000, seconds: float = 0.8) -> VoiceClips:
    """Clips whose emotion is the pitch of a trembling tone, and whose strength is how fast it trembles."""
    rng = np.random.default_rng(0)
    sounds, intended, strength, names = [], [], [], []
    times = np.arange(int(seconds * rate)) / rate
    for speaker in range(speakers):
        for k in range(each):
            emotion, amount = k % len(VOICE), float(rng.uniform(0.2, 0.9))
            hertz = 250 * 1.6**emotion * (1 + 0.02 * rng.normal())
            tone = np.sin(2 * np.pi * hertz * times) * (1 + 0.9 * np.sin(2 * np.pi * (2 + 20 * amount) * times))
            sounds.append((8000 * tone * rng.uniform(0.05, 1.5)).clip(-32768, 32767).astype(np.int16))
            intended.append(emotion)
            strength.append(amount)
            names.append(f"{speaker}")
    votes = 8 * np.eye(len(VOICE), dtype=np.float32)[intended] + rng.integers(0, 2, (len(sounds), len(VOICE)))
    n = len(sounds)
    return VoiceClips(
        labels=VOICE,
        names=tuple(f"{name}-{k}" for k, name in enumerate(names)),
        samples=np.concatenate(sounds),
        starts=np.concatenate([[0], np.cumsum([len(sound) for sound in sounds])]).astype(np.int64),
        rate=rate,
        speakers=np.array(names),
        intended=np.array(intended, np.int64),
        votes=votes.astype(np.float32),
        strength=np.array(strength, np.float32),
        groups={
            "sex": np.array(["Male" if int(name) % 2 else "Female" for name in names]),
            "age": np.array(["33"] * n),
        },
        source="made up",
    )
