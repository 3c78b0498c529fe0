"""Encoder-decoder: a sequence out of another, of a length of its own."""
