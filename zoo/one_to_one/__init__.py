"""One-to-one: an answer for each step by itself, blind to all others."""
