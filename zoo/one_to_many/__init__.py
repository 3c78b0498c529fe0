"""One-to-many: sequences and images drawn step by step from one input, or from none."""
