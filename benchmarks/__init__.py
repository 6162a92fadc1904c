"""What is fast, against what, by which ratio: ``python -m benchmarks``."""
