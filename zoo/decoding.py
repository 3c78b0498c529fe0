"""Decoding of autoregressive models: greedy search and beam search over a step function.

A model is a function of one step, `step(tokens, states, context) -> (logits, states)`:

* `tokens` (rows,) int32 are the tokens of the step before, at first `start_id`;
* `states` are a list of tensors (rows, ...) of any rank and dtype, and those that come back have
  the same shapes and dtypes;
* `context` are tensors (rows, ...) that belong to a row and do not change: encoder outputs, masks.
  They stay outside the loop. A beam repeats them once and never moves them;
* `logits` are (rows, vocabulary), of known vocabulary. A logit of minus infinity forbids a token.

A row that has ended goes on, end token and all, until the last one has, and what comes of it is
ignored.

The loop is `keras.ops.while_loop`, so the functions work eagerly, compiled by XLA, and for batches
of unknown size in a `tf.function` or a SavedModel. They take tensors, not symbolic inputs: call
them in the `call` of a layer or a model, and build the layers that `step` uses before. Tokens are
drawn at random in `zoo.sampling`, in the same loop.

An answer holds the tokens before the end token, then zeros; the end token itself is not in it, but
its probability counts. Searches rank by float32 log-probabilities.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Any

import keras
import numpy as np
from keras import ops

Tensor = Any
Step = Callable[[Tensor, list[Tensor], list[Tensor]], tuple[Tensor, Sequence[Tensor]]]

_IMPOSSIBLE = -1e30
"""Log-probability of no hypothesis. With minus infinity tf2onnx converts the loop wrongly."""


def greedy_search(
    step: Step,
    states: Sequence[Tensor],
    *,
    context: Sequence[Tensor] = (),
    start_id: int | Tensor,
    end_id: int | None,
    max_length: int,
) -> tuple[Tensor, Tensor]:
    """Take the likeliest token at every step, the first of equals.

    Args:
        step: As above.
        states: Before the first step, each (batch, ...).
        context: What `step` gets beside them, each (batch, ...).
        start_id: The first token put in; one for all or (batch,).
        end_id: The token that ends a sequence, of 0 to vocabulary - 1; `None` = none does.
        max_length: Most tokens of a sequence, the end token included.

    Returns:
        Tokens (batch, max_length) int32, 0 from the end token on; and the log-probability (batch,)
        float32 of each sequence, with that of its end token if it has one.

    Raises:
        ValueError: If an argument or what `step` returns does not fit.

    Example:
        >>> from keras import ops
        >>> def count(tokens, states, context):  # after a token comes the next one
        ...     return 9.0 * ops.one_hot(ops.minimum(tokens + 1, 5), 6), states
        >>> tokens, _ = greedy_search(
        ...     count, [], start_id=ops.array([1, 3]), end_id=5, max_length=4
        ... )
        >>> print(ops.convert_to_numpy(tokens))
        [[2 3 4 0]
         [4 0 0 0]]
    """
    require_integer("max_length", max_length, 1)

    def choose(log_p: Tensor, _: Tensor) -> Tensor:
        return first(log_p == ops.max(log_p, axis=-1, keepdims=True))

    return search(step, choose, states, context, start_id, end_id, max_length)


def beam_search(
    step: Step,
    states: Sequence[Tensor],
    *,
    context: Sequence[Tensor] = (),
    start_id: int | Tensor,
    end_id: int,
    max_length: int,
    beam_size: int = 4,
    length_penalty: float = 0.6,
    early_stopping: bool = True,
) -> tuple[Tensor, Tensor, Tensor]:
    """Keep the `beam_size` likeliest continuations at every step.

    A step takes the `beam_size` likeliest of all continuations, by a token, of the unfinished
    hypotheses, whether they end or not. Those that end leave the beam for a list of the best
    `beam_size` finished ones, by score; the others are continued. With `n` the number of tokens,
    the end token counted::

        score = log p / ((5 + n) / 6) ** length_penalty

    What is unfinished after `max_length` steps is taken as it is, with `n = max_length`, and ranked
    among the finished. Of equal scores the one found first is first; of equally likely
    continuations, that of the better hypothesis and then of the smaller token (PyTorch's `top_k`
    leaves that open). `beam_size=1` is greedy search.

    Args:
        step: As above.
        states: Before the first step, each (batch, ...).
        context: What `step` gets beside them, each (batch, ...).
        start_id: The first token put in; one for all or (batch,).
        end_id: The token that ends a sequence, 0 to vocabulary - 1.
        max_length: Most tokens of a sequence, the end token included.
        beam_size: How many hypotheses.
        length_penalty: At least 0: 0 ranks by log-probability, more favours the longer.
        early_stopping: Stop once no unfinished hypothesis of any row can still enter the list:
            log p can only fall, so its score ends at or below `log p / ((5 + max_length) / 6) **
            length_penalty`. This saves time and changes nothing in the answer.

    Returns:
        Tokens (batch, beam_size, max_length) int32, 0 from the end token on; scores and
        log-probabilities (batch, beam_size) float32; the best hypothesis first. Where there are
        fewer than `beam_size` possible sequences, the rest have a score of minus infinity and only
        zeros for tokens.

    Raises:
        ValueError: If an argument or what `step` returns does not fit.

    Reference:
        Wu et al. 2016, Google's Neural Machine Translation System, section 7, without the coverage
        penalty and the pruning by score.
    """
    require_integer("max_length", max_length, 1)
    require_integer("beam_size", beam_size, 1)
    require_integer("end_id", end_id, 0)
    if not 0 <= length_penalty < float("inf"):
        raise ValueError(f"`length_penalty` must be at least 0, found {length_penalty!r}.")
    states, context, batch = _tensors(states, context, start_id)
    beam, positions = beam_size, np.arange(max_length, dtype="int32")
    penalties = (((6 + positions) / 6) ** length_penalty).astype("float32")
    penalty_of_longest = float(penalties[-1])
    each, rows = (batch, beam), batch * beam

    def merge(finished: Sequence[Tensor], new: Sequence[Tensor]) -> list[Tensor]:
        """The best `beam` of two lists of scores, log-probabilities and tokens."""
        both = [ops.concatenate(pair, axis=1) for pair in zip(finished, new, strict=True)]
        order = ops.argsort(-both[0], axis=-1)[:, :beam]  # stable, which PyTorch's top_k is not
        return [select(x, order) for x in both]

    def score(log_p: Tensor, penalty: Any) -> Tensor:
        return ops.where(log_p > _IMPOSSIBLE, log_p / penalty, _IMPOSSIBLE)

    def go_on(t: Tensor, _: Tensor, log_p: Tensor, __: Tensor, scores: Tensor, *___: Any) -> Tensor:
        highest = score(ops.max(log_p, axis=1), penalty_of_longest)
        can_enter = highest > ops.min(scores, axis=1)
        return ops.logical_and(t < max_length, ops.any(can_enter) if early_stopping else True)

    def extend(
        t: Tensor, tokens: Tensor, log_p: Tensor, sequences: Tensor, *rest: Tensor
    ) -> tuple[Tensor, ...]:
        of_tokens, new = _advance(step, tokens, rest[3:], repeated, end_id)
        vocabulary = of_tokens.shape[-1]
        of_tokens = log_p[:, :, None] + ops.reshape(of_tokens, (batch, beam, vocabulary))
        of_tokens = ops.maximum(of_tokens, _IMPOSSIBLE)
        log_p, index = likeliest(ops.reshape(of_tokens, (batch, beam * vocabulary)), beam)
        parents, tokens = index // vocabulary, index % vocabulary
        ended = tokens == end_id
        here = positions == t
        sequences = ops.where(
            here, ops.where(ended, 0, tokens)[:, :, None], select(sequences, parents)
        )
        of_ended = ops.where(ended, log_p, _IMPOSSIBLE)
        scores = score(of_ended, ops.take(penalties, t))
        finished = merge(rest[:3], [scores, of_ended, sequences])
        new = [
            ops.reshape(select(ops.reshape(s, (*each, *ops.shape(s)[1:])), parents), ops.shape(s))
            for s in new
        ]
        unfinished = ops.where(ended, _IMPOSSIBLE, log_p)
        return (t + 1, ops.reshape(tokens, (rows,)), unfinished, sequences, *finished, *new)

    repeated = [ops.repeat(x, beam, axis=0) for x in context]
    states = [ops.repeat(s, beam, axis=0) for s in states]
    tokens = ops.repeat(_first_tokens(start_id, batch), beam, axis=0)
    nothing = ops.full(each, _IMPOSSIBLE, dtype="float32")
    log_p = ops.where(np.arange(beam) == 0, 0.0, nothing)  # one counts, as all start alike
    sequences = ops.zeros((*each, max_length), dtype="int32")
    finished = (nothing, nothing, sequences)
    start = (ops.convert_to_tensor(0, "int32"), tokens, log_p, sequences, *finished, *states)
    _, _, log_p, sequences, *rest = ops.while_loop(go_on, extend, start)
    # After an early stop these cannot enter the list either.
    unfinished = [score(log_p, penalty_of_longest), log_p, sequences]
    scores, log_p, sequences = merge(rest[:3], unfinished)
    found = scores > _IMPOSSIBLE
    scores, log_p = (ops.where(found, x, -np.inf) for x in (scores, log_p))
    return ops.where(found[:, :, None], sequences, 0), scores, log_p


def search(
    step: Step,
    choose: Callable[[Tensor, Tensor], Tensor],
    states: Sequence[Tensor],
    context: Sequence[Tensor],
    start_id: int | Tensor,
    end_id: int | None,
    length: int | Tensor,
) -> tuple[Tensor, Tensor]:
    """One token after another until all sequences have ended.

    Args:
        step: As above.
        choose: Function of log-probabilities (batch, vocabulary) and of the number of steps before;
            returns tokens (batch,) int32.
        states: As in `greedy_search`.
        context: As in `greedy_search`.
        start_id: As in `greedy_search`.
        end_id: As in `greedy_search`.
        length: As `max_length` there.

    Returns:
        As `greedy_search` does.
    """
    if end_id is not None:
        require_integer("end_id", end_id, 0)
    states, context, batch = _tensors(states, context, start_id)
    positions = ops.arange(length, dtype="int32")

    def go_on(t: Tensor, _: Tensor, ended: Tensor, *__: Any) -> Tensor:
        return ops.logical_and(t < length, ops.logical_not(ops.all(ended)))

    def extend(
        t: Tensor, tokens: Tensor, ended: Tensor, log_p: Tensor, sequences: Tensor, *states: Tensor
    ) -> tuple[Tensor, ...]:
        of_tokens, new = _advance(step, tokens, states, context, end_id)
        tokens = choose(of_tokens, t)
        chosen = ops.take_along_axis(of_tokens, tokens[:, None], axis=-1)[:, 0]
        log_p = log_p + ops.where(ended, 0.0, chosen)
        if end_id is not None:
            ended = ops.logical_or(ended, tokens == end_id)
        sequences = ops.where(positions == t, ops.where(ended, 0, tokens)[:, None], sequences)
        return (t + 1, tokens, ended, log_p, sequences, *new)

    start = (
        ops.convert_to_tensor(0, "int32"),
        _first_tokens(start_id, batch),
        ops.zeros((batch,), dtype="bool"),
        ops.zeros((batch,), dtype="float32"),
        ops.zeros((batch, length), dtype="int32"),
    )
    _, _, _, log_p, sequences, *_ = ops.while_loop(go_on, extend, (*start, *states))
    return sequences, log_p


def first(where: Tensor) -> Tensor:
    """Index of the first true element of each row, int32: (batch, n) to (batch,)."""
    return ops.cast(ops.argmax(ops.cast(where, "int32"), axis=-1), "int32")


def require_integer(name: str, value: Any, least: int) -> None:
    """Refuse an argument that is not an integer of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"`{name}` must be an integer of at least {least}, found {value!r}.")


def _tensors(
    states: Sequence[Tensor], context: Sequence[Tensor], start_id: Any
) -> tuple[list[Tensor], list[Tensor], Any]:
    """States and context as tensors, and the size of the batch."""
    states, context = ([ops.convert_to_tensor(x) for x in given] for given in (states, context))
    for name, given in (("states", states), ("context", context)):
        for i, x in enumerate(given):
            if len(x.shape) == 0:
                raise ValueError(f"`{name}[{i}]` must have shape (batch, ...), found a scalar.")
    whole = [*states, *context]
    if not isinstance(start_id, Integral):
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
            f"`states`, `context` and `start_id` must be of one batch size, found {sorted(known)}."
        )
    return states, context, known.pop() if known else ops.shape(whole[0])[0]


def _first_tokens(start_id: Any, batch: Any) -> Tensor:
    """(batch,) int32."""
    return ops.broadcast_to(ops.cast(ops.convert_to_tensor(start_id), "int32"), (batch,))


def _advance(
    step: Step, tokens: Tensor, states: Sequence[Tensor], context: list[Tensor], end_id: int | None
) -> tuple[Tensor, list[Tensor]]:
    """Log-probabilities (rows, vocabulary) of the next token, float32, and the states after it."""
    logits, new = step(tokens, list(states), list(context))
    logits, new = ops.convert_to_tensor(logits), [ops.convert_to_tensor(s) for s in new]
    shape = tuple(logits.shape)
    if len(shape) != 2 or shape[1] is None or (end_id is not None and shape[1] <= end_id):
        least = "" if end_id is None else f", of a vocabulary above `end_id` = {end_id}"
        raise ValueError(
            f"`step` must return logits (rows, vocabulary){least}, found shape {shape}."
        )
    found, expected = ([_kind(s) for s in given] for given in (new, states))
    if len(found) != len(expected) or not all(map(_same, found, expected)):
        raise ValueError(f"`step` must return states like those it got, {expected}, found {found}.")
    new = [ops.reshape(n, ops.shape(s)) for n, s in zip(new, states, strict=True)]
    return ops.log_softmax(ops.cast(logits, "float32"), axis=-1), new


def _kind(x: Tensor) -> tuple[str, tuple[int | None, ...]]:
    return keras.backend.standardize_dtype(x.dtype), tuple(x.shape)


def _same(one: tuple[str, tuple[Any, ...]], other: tuple[str, tuple[Any, ...]]) -> bool:
    """Whether dtypes and shapes agree, as far as these are known."""
    if one[0] != other[0] or len(one[1]) != len(other[1]):
        return False
    return all(a == b or None in (a, b) for a, b in zip(one[1], other[1], strict=True))


def likeliest(log_p: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The largest of each row, in order, and where they are (int32)."""
    if count == 1:  # the first of equals on every backend, as in greedy search
        most = ops.max(log_p, axis=-1, keepdims=True)
        return most, first(log_p == most)[:, None]
    values, index = ops.top_k(log_p, count)
    return values, ops.cast(index, "int32")


def select(x: Tensor, index: Tensor) -> Tensor:
    """`x[b, index[b, k]]` for every `b` and `k`: (batch, n, ...) to (batch, k, ...)."""
    batch, n, *rest = ops.shape(x)
    index = index + n * ops.arange(batch, dtype="int32")[:, None]
    return ops.take(ops.reshape(x, (batch * n, *rest)), index, axis=0)
