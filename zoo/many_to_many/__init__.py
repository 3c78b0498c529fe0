"""Many-to-many: an answer at every step, or a sequence of answers of known length."""
