"""Data of the recipes: embedded sources, TensorFlow Datasets and the user's own files."""
