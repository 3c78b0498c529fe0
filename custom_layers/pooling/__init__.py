"""One vector from the states of a sequence."""
