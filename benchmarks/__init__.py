"""Speed relative to Keras and reservoirpy, measured in one run: `python -m benchmarks.layers`."""
