"""Ratios against Keras and reservoirpy, side by side in one run: `python -m benchmarks.layers`."""
