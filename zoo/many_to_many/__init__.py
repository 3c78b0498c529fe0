"""Many-to-many: an output at every step, or a sequence of outputs of known length."""
