"""`python -m benchmarks` measures the speed of everything; `python -m benchmarks video --memory` what is named."""

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
    "batch",
    "formats",
    "coverage",
    "calibration",
    "peers",
    "roofline",
    "released",
    "accuracy",
    "robustness",
)

name = sys.argv.pop(1) if sys.argv[1:2] and not sys.argv[1].startswith("-") else NAMES[0]
if name not in NAMES:
    sys.exit(f"expected one of {', '.join(NAMES)}, got {name}")
importlib.import_module(f"benchmarks.{name}").main()
