"""One-to-one: an output for each step by itself, without context."""
