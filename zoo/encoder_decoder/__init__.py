"""Encoder-decoder: one sequence into another, of any length."""
