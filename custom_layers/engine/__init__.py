"""How layers run: loops and recurrences with backward passes written out, and shared checks."""
