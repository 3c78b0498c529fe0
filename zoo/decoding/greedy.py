"""Greedy search: the likeliest token at every step."""

from __future__ import annotations

from collections.abc import Sequence

from keras import ops

from custom_layers.engine.checks import require_integer
from custom_layers.engine.tensor import Tensor
from zoo.decoding.steps import Step, first, search


def greedy_search(
    step: Step,
    states: Sequence[Tensor],
    *,
    context: Sequence[Tensor] = (),
    start_id: int | Tensor,
    end_id: int | None,
    max_length: int,
) -> tuple[Tensor, Tensor]:
    """Choose the likeliest token at every step, the first of equally likely ones.

    Args:
        step: Step function, see `zoo.decoding`.
        states: States before the first step, each (batch, ...).
        context: Constant inputs of `step`, each (batch, ...).
        start_id: The first input token, one for all rows or (batch,).
        end_id: The token that ends a sequence, 0 to vocabulary - 1. `None` if there is none.
        max_length: Largest number of tokens of a sequence, including the end token.

    Returns:
        Tokens (batch, max_length) int32, 0 from the end token on; and the log-probability (batch,)
        float32 of each sequence, including its end token.

    Raises:
        ValueError: If an argument or a result of `step` is invalid.

    Example:
        >>> from keras import ops
        >>> def count(tokens, states, context):  # each token is followed by the next number
        ...     return 9.0 * ops.one_hot(ops.minimum(tokens + 1, 5), 6), states
        >>> tokens, _ = greedy_search(
        ...     count, [], start_id=ops.array([1, 3]), end_id=5, max_length=4
        ... )
        >>> print(ops.convert_to_numpy(tokens))
        [[2 3 4 0]
         [4 0 0 0]]
    """
    require_integer("max_length", max_length)

    def choose(log_p: Tensor, _: Tensor) -> Tensor:
        return first(log_p == ops.max(log_p, axis=-1, keepdims=True))

    return search(step, choose, states, context, start_id, end_id, max_length)
