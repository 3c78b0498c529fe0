"""Many-to-one: one output for a whole sequence."""
