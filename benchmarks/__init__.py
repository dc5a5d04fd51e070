"""Measurements, as files: `python -m benchmarks` runs the speed of everything, others are named in their modules."""
