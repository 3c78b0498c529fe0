"""Sampling from autoregressive models: temperature, top-k and nucleus, driven by given uniforms.

The step function and the loop are those of `zoo.decoding`. Randomness comes in as numbers in
[0, 1), one for each row and step, so that an answer is determined by its inputs and an exported
graph has no state.
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
"""Temperature in place of 0: other than equal logits are then infinitely far apart in float32."""


def filter_logits(
    logits: Tensor,
    *,
    temperature: float | Tensor = 1.0,
    top_k: int | Tensor = 0,
    top_p: float | Tensor = 1.0,
) -> Tensor:
    """Logits at a temperature, with minus infinity at unlikely tokens.

    The logits are divided by `temperature`; then the `top_k` largest are kept; then, of the
    probabilities of these, made to sum to one, the smallest set of the likeliest that sum to
    `top_p` or more (the nucleus). Tokens as likely as the last one kept are kept too.

    Args:
        logits: (..., vocabulary).
        temperature: At least 0; below 1 what is likely gets likelier, and at 0 the likeliest takes
            all.
        top_k: How many are kept; 0 = all.
        top_p: Above 0, at most 1; 1 = all.

    Each of the three is a number, a scalar tensor, or a tensor of the shape of `logits` without its
    last axis. Values of tensors are not checked.

    Returns:
        Of the shape of `logits`, float32, less a constant that makes the largest 0.

    Raises:
        ValueError: If a number is out of its range.

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
    """Draw each token from what the model makes of those drawn before (ancestral sampling).

    A token is drawn by the inverse of the distribution function over the filtered vocabulary: the
    first token at which the sum of the probabilities exceeds the uniform number. For several
    samples of an input repeat its states and context.

    Args:
        step: As in `zoo.decoding`.
        states: Before the first step, each (batch, ...).
        uniforms: (batch, max_length), numbers in [0, 1). Both may be unknown.
        context: What `step` gets beside the states, each (batch, ...).
        start_id: The first token put in; one for all or (batch,).
        end_id: The token that ends a sequence, 0 to vocabulary - 1; `None` = none does.
        temperature: As in `filter_logits`; a number, a scalar or (batch,).
        top_k: As in `filter_logits`, likewise.
        top_p: As in `filter_logits`, likewise.

    Returns:
        Tokens (batch, max_length) int32, 0 from the end token on; and the log-probability (batch,)
        float32 of each sequence, with that of its end token if it has one: under the model itself,
        whatever temperature and filters are.

    Raises:
        ValueError: If an argument or what `step` returns does not fit.
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
    """A token for each row, by the inverse of the distribution function.

    Args:
        logits: (batch, vocabulary).
        uniforms: (batch,), in [0, 1).

    Returns:
        (batch,) int32; never one whose logit is minus infinity.
    """
    shares = ops.softmax(logits, axis=-1)
    # Rounding may leave the sum short of 1 or, in parallel, let it fall where a share is 0.
    up_to = ops.where(shares > 0, ops.cumsum(shares, axis=-1), 0.0)
    return first(up_to > _column(uniforms, "float32") * ops.max(up_to, axis=-1, keepdims=True))


def _check(temperature: Any, top_k: Any, top_p: Any) -> None:
    """Refuse numbers out of range; tensors are taken as they are."""
    if isinstance(temperature, _NUMBER):
        require_number("temperature", temperature, least=0, below=None)
    if isinstance(top_k, _NUMBER):
        require_integer("top_k", top_k, least=0)
    if isinstance(top_p, _NUMBER):
        require_number("top_p", top_p, above=0, most=1)


def _column(x: float | Tensor, dtype: str) -> Tensor:
    """A number or a tensor with a last axis of 1, to go with logits."""
    return ops.cast(ops.convert_to_tensor(x), dtype)[..., None]
