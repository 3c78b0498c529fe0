"""Sampling from autoregressive models, with temperature, top-k and nucleus filtering.

The step function and the loop are those of `zoo.decoding`. Random numbers in [0, 1), one for each
row and step, are an input, so that the result is deterministic and an exported graph has no state.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from custom_layers.engine.checks import require_integer, require_number
from custom_layers.engine.tensor import Tensor
from zoo.decoding.steps import Step, first, search

_NUMBER = (int, float, np.number)

_COLDEST = 1e-20
"""Temperature used for 0: unless equal, logits are then infinitely far apart in float32."""


def filter_logits(
    logits: Tensor,
    *,
    temperature: float | Tensor = 1.0,
    top_k: int | Tensor = 0,
    top_p: float | Tensor = 1.0,
) -> Tensor:
    """Logits at a temperature, with minus infinity at unlikely tokens.

    The logits are divided by `temperature`, and the `top_k` largest are kept. Of these, with
    renormalised probabilities, the smallest set of the likeliest tokens whose probabilities sum to
    `top_p` or more (the nucleus) is kept. Tokens as likely as the last one kept are kept, too.

    Args:
        logits: Logits (..., vocabulary).
        temperature: At least 0. Values below 1 favour likely tokens, and 0 the likeliest only.
        top_k: Number of tokens to keep; 0 for all.
        top_p: Probability to keep, above 0 and at most 1; 1 for all tokens.

    Each of the three is a number, a scalar tensor, or a tensor of the shape of `logits` without its
    last axis. The values of tensors are not checked.

    Returns:
        Logits of the same shape, float32, shifted to a maximum of 0.

    Raises:
        ValueError: If a number is out of range.

    Reference:
        Fan et al. 2018, Hierarchical Neural Story Generation (top-k); Holtzman et al. 2020, The
        Curious Case of Neural Text Degeneration (nucleus).

    Example:
        >>> from keras import ops
        >>> kept = filter_logits(ops.log(ops.array([0.5, 0.3, 0.15, 0.05])), top_p=0.7)
        >>> print(ops.convert_to_numpy(kept) > float("-inf"))
        [ True  True False False]
    """
    _check(temperature, top_k, top_p)
    logits = ops.cast(ops.convert_to_tensor(logits), "float32")
    temperature = ops.maximum(_column(temperature, "float32"), _COLDEST)
    logits = (logits - ops.max(logits, axis=-1, keepdims=True)) / temperature
    if isinstance(top_k, _NUMBER) and top_k == 0 and isinstance(top_p, _NUMBER) and top_p == 1:
        return logits
    top_k, top_p = _column(top_k, "int32"), _column(top_p, "float32")
    vocabulary = ops.shape(logits)[-1]
    top_k = ops.where(top_k < 1, vocabulary, top_k)
    falling = -ops.sort(-logits, axis=-1)
    among_k = ops.arange(vocabulary, dtype="int32") < top_k
    shares = ops.softmax(ops.where(among_k, falling, float("-inf")), axis=-1)
    up_to = ops.cumsum(shares, axis=-1)
    before = ops.concatenate([ops.zeros_like(up_to[..., :1]), up_to[..., :-1]], axis=-1)
    in_nucleus = ops.logical_or(before < top_p, top_p >= 1)
    kept = ops.where(ops.logical_and(among_k, in_nucleus), falling, float("inf"))
    least = ops.min(kept, axis=-1, keepdims=True)
    return ops.where(logits >= least, logits, float("-inf"))


def sample_tokens(
    step: Step,
    states: Sequence[Tensor],
    uniforms: Tensor,
    *,
    context: Sequence[Tensor] = (),
    start_id: int | Tensor,
    end_id: int | None,
    temperature: float | Tensor = 1.0,
    top_k: int | Tensor = 0,
    top_p: float | Tensor = 1.0,
) -> tuple[Tensor, Tensor]:
    """Draw each token from the model's distribution given those before (ancestral sampling).

    A token is drawn by the inverse distribution function over the filtered vocabulary: it is the
    first token at which the sum of the probabilities exceeds the uniform number. For several
    samples of an input, repeat its states and context.

    Args:
        step: Step function, see `zoo.decoding`.
        states: States before the first step, each (batch, ...).
        uniforms: Numbers in [0, 1), (batch, max_length); both sizes may be unknown.
        context: Constant inputs of `step`, each (batch, ...).
        start_id: The first input token, one for all rows or (batch,).
        end_id: The token that ends a sequence, 0 to vocabulary - 1. `None` if there is none.
        temperature: As in `filter_logits`; a number, a scalar or (batch,).
        top_k: As in `filter_logits`, likewise.
        top_p: As in `filter_logits`, likewise.

    Returns:
        Tokens (batch, max_length) int32, 0 from the end token on; and the log-probability (batch,)
        float32 of each sequence, including its end token, under the model itself: without
        temperature and filters.

    Raises:
        ValueError: If an argument or a result of `step` is invalid.
    """
    _check(temperature, top_k, top_p)
    uniforms = ops.cast(ops.convert_to_tensor(uniforms), "float32")
    if len(uniforms.shape) != 2:
        shape = tuple(uniforms.shape)
        raise ValueError(f"`uniforms` must have shape (batch, max_length), found {shape}.")

    def choose(log_p: Tensor, t: Tensor) -> Tensor:
        logits = filter_logits(log_p, temperature=temperature, top_k=top_k, top_p=top_p)
        return draw(logits, ops.take(uniforms, t, axis=1))

    length = ops.shape(uniforms)[1]
    return search(step, choose, states, context, start_id, end_id, length)


def draw(logits: Tensor, uniforms: Tensor) -> Tensor:
    """Draw a token for each row, by the inverse distribution function.

    Args:
        logits: Logits (batch, vocabulary).
        uniforms: Numbers in [0, 1), (batch,).

    Returns:
        Tokens (batch,) int32, never one whose logit is minus infinity.
    """
    shares = ops.softmax(logits, axis=-1)
    # Rounding may leave the sum below 1 or, in a parallel sum, decrease it where a share is 0.
    up_to = ops.where(shares > 0, ops.cumsum(shares, axis=-1), 0.0)
    return first(up_to > _column(uniforms, "float32") * ops.max(up_to, axis=-1, keepdims=True))


def _check(temperature: Any, top_k: Any, top_p: Any) -> None:
    """Check numbers, but not tensors."""
    if isinstance(temperature, _NUMBER):
        require_number("temperature", temperature, least=0, below=None)
    if isinstance(top_k, _NUMBER):
        require_integer("top_k", top_k, least=0)
    if isinstance(top_p, _NUMBER):
        require_number("top_p", top_p, above=0, most=1)


def _column(x: float | Tensor, dtype: str) -> Tensor:
    """A number or a tensor with a last axis of size 1, to broadcast against logits."""
    return ops.cast(ops.convert_to_tensor(x), dtype)[..., None]
