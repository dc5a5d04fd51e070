"""`python -m benchmarks` measures the speed of everything; `python -m benchmarks video --memory` what is named.

`python -m benchmarks NAME --help` tells what else there is to say. The names:"""

import importlib
import sys

NAMES = (
    "speed",
    "video",
    "peers_video",
    "tracking",
    "smoothing",
    "crop_geometry",
    "reproduction",
    "service",
    "service_load",
    "service_shrinking",
    "batch",
    "browser",
    "formats",
    "coverage",
    "calibration",
    "peers",
    "roofline",
    "training_steps",
    "released",
    "accuracy",
    "proxies",
    "robustness",
    "finder",
    "finder_training",
    "finder_emotions",
    "finder_int8",
    "uncertainty",
    "finetuning",
    "voice",
    "voice_runs",
    "voice_features",
    "studies",
)

if sys.argv[1:2] in (["-h"], ["--help"]):
    print(f"{__doc__}{', '.join(NAMES)}")
    sys.exit()
name = sys.argv.pop(1) if sys.argv[1:2] and not sys.argv[1].startswith("-") else NAMES[0]
if name not in NAMES:
    sys.exit(f"expected one of {', '.join(NAMES)}, got {name}")
importlib.import_module(f"benchmarks.{name}").main()
