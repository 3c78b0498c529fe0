"""The loop of greedy search and sampling, one token at a time until all sequences have ended.

Step functions are described in `zoo.decoding`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from custom_layers.engine.checks import is_integer, require_integer
from custom_layers.engine.tensor import Tensor

Step = Callable[[Tensor, list[Tensor], list[Tensor]], tuple[Tensor, Sequence[Tensor]]]


def search(
    step: Step,
    choose: Callable[[Tensor, Tensor], Tensor],
    states: Sequence[Tensor],
    context: Sequence[Tensor],
    start_id: int | Tensor,
    end_id: int | None,
    length: int | Tensor,
) -> tuple[Tensor, Tensor]:
    """Choose one token at a time until all sequences have ended.

    Args:
        step: Step function, see `zoo.decoding`.
        choose: Function of log-probabilities (batch, vocabulary) and of the index of the step;
            returns tokens (batch,) int32.
        states: As in `greedy_search`.
        context: As in `greedy_search`.
        start_id: As in `greedy_search`.
        end_id: As in `greedy_search`.
        length: As `max_length` in `greedy_search`.

    Returns:
        As in `greedy_search`.
    """
    if end_id is not None:
        require_integer("end_id", end_id, least=0)
    states, context, batch = as_tensors(states, context, start_id)
    positions = ops.arange(length, dtype="int32")

    def go_on(t: Tensor, _: Tensor, ended: Tensor, *__: Any) -> Tensor:
        return ops.logical_and(t < length, ops.logical_not(ops.all(ended)))

    def extend(
        t: Tensor, tokens: Tensor, ended: Tensor, log_p: Tensor, sequences: Tensor, *states: Tensor
    ) -> tuple[Tensor, ...]:
        of_tokens, new = advance(step, tokens, states, context, end_id)
        tokens = choose(of_tokens, t)
        chosen = ops.take_along_axis(of_tokens, tokens[:, None], axis=-1)[:, 0]
        log_p = log_p + ops.where(ended, 0.0, chosen)
        if end_id is not None:
            ended = ops.logical_or(ended, tokens == end_id)
        sequences = ops.where(positions == t, ops.where(ended, 0, tokens)[:, None], sequences)
        return (t + 1, tokens, ended, log_p, sequences, *new)

    start = (
        ops.convert_to_tensor(0, "int32"),
        first_tokens(start_id, batch),
        ops.zeros((batch,), dtype="bool"),
        ops.zeros((batch,), dtype="float32"),
        ops.zeros((batch, length), dtype="int32"),
    )
    _, _, _, log_p, sequences, *_ = ops.while_loop(go_on, extend, (*start, *states))
    return sequences, log_p


def first(where: Tensor) -> Tensor:
    """Index of the first true element of each row, int32: (batch, n) to (batch,)."""
    return ops.cast(ops.argmax(ops.cast(where, "int32"), axis=-1), "int32")


def as_tensors(
    states: Sequence[Tensor], context: Sequence[Tensor], start_id: Any
) -> tuple[list[Tensor], list[Tensor], Any]:
    """States and context as tensors, and the batch size."""
    states = [ops.convert_to_tensor(x) for x in states]
    context = [ops.convert_to_tensor(x) for x in context]
    for name, tensors in (("states", states), ("context", context)):
        for i, x in enumerate(tensors):
            if len(x.shape) == 0:
                raise ValueError(f"`{name}[{i}]` must have shape (batch, ...), found a scalar.")
    whole = [*states, *context]
    if not is_integer(start_id):
        whole.append(ops.convert_to_tensor(start_id))
        if len(whole[-1].shape) != 1:
            shape = tuple(whole[-1].shape)
            raise ValueError(f"`start_id` must be an integer or of shape (batch,), found {shape}.")
    if not whole:
        raise ValueError(
            "Without `states` and `context`, `start_id` must have shape (batch,), found "
            f"{start_id!r}."
        )
    known = {x.shape[0] for x in whole if x.shape[0] is not None}
    if len(known) > 1:
        raise ValueError(
            "`states`, `context` and `start_id` must have the same batch size, found "
            f"{sorted(known)}."
        )
    return states, context, known.pop() if known else ops.shape(whole[0])[0]


def first_tokens(start_id: Any, batch: Any) -> Tensor:
    """The first input tokens, (batch,) int32."""
    return ops.broadcast_to(ops.cast(ops.convert_to_tensor(start_id), "int32"), (batch,))


def advance(
    step: Step, tokens: Tensor, states: Sequence[Tensor], context: list[Tensor], end_id: int | None
) -> tuple[Tensor, list[Tensor]]:
    """Log-probabilities (rows, vocabulary) of the next token, float32, and the states after it."""
    logits, new = step(tokens, list(states), list(context))
    logits, new = ops.convert_to_tensor(logits), [ops.convert_to_tensor(s) for s in new]
    shape = tuple(logits.shape)
    if len(shape) != 2 or shape[1] is None or (end_id is not None and shape[1] <= end_id):
        least = "" if end_id is None else f" with a vocabulary above `end_id` {end_id}"
        raise ValueError(
            f"`step` must return logits (rows, vocabulary){least}, found shape {shape}."
        )
    returned, expected = [_kind(s) for s in new], [_kind(s) for s in states]
    if len(returned) != len(expected) or not all(map(_same, returned, expected)):
        raise ValueError(
            "`step` must return states of the dtypes and shapes that it received, "
            f"{expected}, found {returned}."
        )
    new = [ops.reshape(n, ops.shape(s)) for n, s in zip(new, states, strict=True)]
    return ops.log_softmax(ops.cast(logits, "float32"), axis=-1), new


def _kind(x: Tensor) -> tuple[str, tuple[int | None, ...]]:
    return keras.backend.standardize_dtype(x.dtype), tuple(x.shape)


def _same(one: tuple[str, tuple[Any, ...]], other: tuple[str, tuple[Any, ...]]) -> bool:
    """Whether dtypes and shapes are equal, as far as they are known."""
    if one[0] != other[0] or len(one[1]) != len(other[1]):
        return False
    return all(a == b or None in (a, b) for a, b in zip(one[1], other[1], strict=True))
