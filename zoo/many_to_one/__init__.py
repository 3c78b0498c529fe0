"""Many-to-one: an answer for a whole sequence."""
