"""Numbers that depend on the precision of the computation."""

from __future__ import annotations

IMPOSSIBLE = -1e30
"""Score, or log-probability, of what cannot be.

Minus infinity would do in theory. But the difference of two infinities is NaN, in the gradient as
well, and tf2onnx converts loops that hold infinities wrongly. Half precision rounds this number to
minus infinity, so what uses it computes in float32.
"""


def at_least_float32(dtype: str) -> str:
    """The dtype for sums over time, in which half precision would lose digits."""
    return "float64" if dtype == "float64" else "float32"
