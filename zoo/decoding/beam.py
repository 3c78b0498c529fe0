"""Beam search: the likeliest sequences, from several hypotheses continued in parallel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from custom_layers.engine.checks import require_integer, require_number
from custom_layers.engine.precision import IMPOSSIBLE
from custom_layers.engine.tensor import Tensor
from zoo.decoding.steps import (
    Step,
    advance,
    as_tensors,
    first,
    first_tokens,
)


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
    """Keep the `beam_size` likeliest hypotheses at every step.

    Each step extends all unfinished hypotheses by a token and keeps the `beam_size` likeliest
    results. Those that end leave the beam for a list of the `beam_size` finished ones with the best
    score; the others continue. With `n` the number of tokens, including the end token::

        score = log p / ((5 + n) / 6) ** length_penalty

    Hypotheses that are unfinished after `max_length` steps are ranked among the finished ones, with
    `n = max_length`. Ties between scores go to the one found first; ties between continuations to
    the better hypothesis, then to the smaller token (undefined for PyTorch's `top_k`).
    `beam_size=1` is greedy search.

    Args:
        step: Step function, see `zoo.decoding`.
        states: States before the first step, each (batch, ...).
        context: Constant inputs of `step`, each (batch, ...).
        start_id: The first input token, one for all rows or (batch,).
        end_id: The token that ends a sequence, 0 to vocabulary - 1.
        max_length: Largest number of tokens of a sequence, including the end token.
        beam_size: Number of hypotheses.
        length_penalty: At least 0. 0 ranks by log-probability; larger values favour longer
            sequences.
        early_stopping: Whether to stop once no unfinished hypothesis of any row can enter the list:
            log p can only decrease, so its final score is at most
            `log p / ((5 + max_length) / 6) ** length_penalty`. This saves time and does not change
            the result.

    Returns:
        Tokens (batch, beam_size, max_length) int32, 0 from the end token on; scores and
        log-probabilities (batch, beam_size) float32; the best hypothesis first. If there are fewer
        than `beam_size` possible sequences, the others have a score of minus infinity and zeros as
        tokens.

    Raises:
        ValueError: If an argument or a result of `step` is invalid.

    Reference:
        Wu et al. 2016, Google's Neural Machine Translation System, section 7, without the coverage
        penalty and the pruning by score.
    """
    require_integer("max_length", max_length)
    require_integer("beam_size", beam_size)
    require_integer("end_id", end_id, least=0)
    require_number("length_penalty", length_penalty, least=0)
    states, context, batch = as_tensors(states, context, start_id)
    beam, positions = beam_size, np.arange(max_length, dtype="int32")
    penalties = (((6 + positions) / 6) ** length_penalty).astype("float32")
    penalty_of_longest = float(penalties[-1])
    each, rows = (batch, beam), batch * beam

    def merge(finished: Sequence[Tensor], new: Sequence[Tensor]) -> list[Tensor]:
        """The best `beam` entries of two lists of scores, log-probabilities and tokens."""
        both = [ops.concatenate(pair, axis=1) for pair in zip(finished, new, strict=True)]
        order = ops.argsort(-both[0], axis=-1)[:, :beam]  # stable, which PyTorch's top_k is not
        return [select(x, order) for x in both]

    def score(log_p: Tensor, penalty: Any) -> Tensor:
        return ops.where(log_p > IMPOSSIBLE, log_p / penalty, IMPOSSIBLE)

    def go_on(t: Tensor, _: Tensor, log_p: Tensor, __: Tensor, scores: Tensor, *___: Any) -> Tensor:
        highest = score(ops.max(log_p, axis=1), penalty_of_longest)
        can_enter = highest > ops.min(scores, axis=1)
        return ops.logical_and(t < max_length, ops.any(can_enter) if early_stopping else True)

    def extend(
        t: Tensor, tokens: Tensor, log_p: Tensor, sequences: Tensor, *rest: Tensor
    ) -> tuple[Tensor, ...]:
        of_tokens, new = advance(step, tokens, rest[3:], repeated, end_id)
        vocabulary = of_tokens.shape[-1]
        of_tokens = log_p[:, :, None] + ops.reshape(of_tokens, (batch, beam, vocabulary))
        of_tokens = ops.maximum(of_tokens, IMPOSSIBLE)
        log_p, index = likeliest(ops.reshape(of_tokens, (batch, beam * vocabulary)), beam)
        parents, tokens = index // vocabulary, index % vocabulary
        ended = tokens == end_id
        here = positions == t
        sequences = ops.where(
            here, ops.where(ended, 0, tokens)[:, :, None], select(sequences, parents)
        )
        of_ended = ops.where(ended, log_p, IMPOSSIBLE)
        scores = score(of_ended, ops.take(penalties, t))
        finished = merge(rest[:3], [scores, of_ended, sequences])
        new = [
            ops.reshape(select(ops.reshape(s, (*each, *ops.shape(s)[1:])), parents), ops.shape(s))
            for s in new
        ]
        unfinished = ops.where(ended, IMPOSSIBLE, log_p)
        return (t + 1, ops.reshape(tokens, (rows,)), unfinished, sequences, *finished, *new)

    repeated = [ops.repeat(x, beam, axis=0) for x in context]
    states = [ops.repeat(s, beam, axis=0) for s in states]
    tokens = ops.repeat(first_tokens(start_id, batch), beam, axis=0)
    nothing = ops.full(each, IMPOSSIBLE, dtype="float32")
    log_p = ops.where(np.arange(beam) == 0, 0.0, nothing)  # only one counts, as all are equal
    sequences = ops.zeros((*each, max_length), dtype="int32")
    finished = (nothing, nothing, sequences)
    start = (ops.convert_to_tensor(0, "int32"), tokens, log_p, sequences, *finished, *states)
    _, _, log_p, sequences, *rest = ops.while_loop(go_on, extend, start)
    # After an early stop none of these can enter the list.
    unfinished = [score(log_p, penalty_of_longest), log_p, sequences]
    scores, log_p, sequences = merge(rest[:3], unfinished)
    possible = scores > IMPOSSIBLE
    scores, log_p = (ops.where(possible, x, -np.inf) for x in (scores, log_p))
    return ops.where(possible[:, :, None], sequences, 0), scores, log_p


def likeliest(log_p: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The `count` largest values of each row, in order, and their indices (int32)."""
    if count == 1:  # the first of equal values on every backend, as in greedy search
        most = ops.max(log_p, axis=-1, keepdims=True)
        return most, first(log_p == most)[:, None]
    values, index = ops.top_k(log_p, count)
    return values, ops.cast(index, "int32")


def select(x: Tensor, index: Tensor) -> Tensor:
    """`x[b, index[b, k]]` for every `b` and `k`: (batch, n, ...) to (batch, k, ...)."""
    batch, n, *rest = ops.shape(x)
    index = index + n * ops.arange(batch, dtype="int32")[:, None]
    return ops.take(ops.reshape(x, (batch * n, *rest)), index, axis=0)
