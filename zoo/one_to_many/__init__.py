"""One-to-many: from one input, or from none, a whole that is drawn step by step."""
