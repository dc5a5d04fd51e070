"""Compute eGeMAPS with openSMILE, whose licence keeps it out of mien, in an environment of its own.

`python benchmarks/voice_features.py CREMA-D/voices-16000.npz EmoDB/voices-16000.npz OUT.npz`, whose inputs are what
`mien.datasets.voices.load_voices(folder, rate=16000)` keeps beside the clips. Imports nothing of mien.
"""

from __future__ import annotations

import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np


def main() -> None:
    """Write the features of both corpora, and how long they took."""
    import opensmile

    cremad, emodb, out = map(Path, sys.argv[1:])
    smile = opensmile.Smile(
        feature_set=opensmile.FeatureSet.eGeMAPSv02, feature_level=opensmile.FeatureLevel.Functionals
    )
    found: dict[str, np.ndarray] = {}
    begin, heard = time.process_time(), 0.0
    for name, path in (("cremad", cremad), ("emodb", emodb)):
        with np.load(path) as arrays:
            samples, starts = arrays["samples"], arrays["starts"]
        rows = []
        for start, end in pairwise(starts):
            rows.append(smile.process_signal(samples[start:end] / np.float32(32768), 16_000).to_numpy()[0])
            heard += (end - start) / 16_000
        found[name] = np.nan_to_num(np.array(rows, np.float32))
        found[f"{name}_names"] = np.array(sorted(each.stem for each in path.parent.rglob("*.opus")))
    found["seconds_per_second"] = np.array((time.process_time() - begin) / heard)
    np.savez(out, **found)


if __name__ == "__main__":
    main()
