"""Measurements of this library and its peers; `python -m benchmarks` runs the comparison."""
