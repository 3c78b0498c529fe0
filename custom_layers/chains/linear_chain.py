"""Inference in a linear chain of log potentials, by dynamic programming over its steps.

The log potentials `(batch, time, num_tags, num_tags)` come from `custom_layers.CRF`. They include
masks and boundaries, which the recursions here therefore need not handle.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

from custom_layers.engine.gradients import Backward, custom_gradient
from custom_layers.engine.precision import IMPOSSIBLE
from custom_layers.engine.tensor import Tensor


def crf_log_partition(potentials: Tensor) -> Tensor:
    """Log partition function of a linear chain: the log of the sum over all its paths.

    `log Z = log sum_y exp(sum_t potentials[t, y_{t-1}, y_t])`, with `y_0 = 0`.

    Computed by a scan over time in the log domain that renormalises at every step, so that large
    scores neither overflow nor vanish. The gradient, the probability of each transition, is
    computed by backward smoothing rather than by differentiating the scan: this is faster, and XLA
    can compile it for unknown lengths. There are no second derivatives.

    Args:
        potentials: Log potentials from `CRF`, `(batch, time, num_tags, num_tags)`.

    Returns:
        Log partition in nats, of shape `(batch,)`.

    Raises:
        ValueError: If `potentials` has another shape.

    Example:

    >>> import keras, numpy as np
    >>> from custom_layers import CRF
    >>> potentials = CRF(num_tags=3)(np.zeros((1, 4, 3), dtype="float32"))
    >>> print(np.round(keras.ops.convert_to_numpy(crf_log_partition(potentials)), 3))  # 4 log(3)
    [4.394]

    Reference:
        [Rush, 2020](https://arxiv.org/abs/2002.00876).
    """
    potentials = check_potentials(potentials)
    return _log_partition_above(potentials, ops.zeros_like(potentials[:, :, 0, 0]))


def crf_log_likelihood(potentials: Tensor, tags: Tensor) -> Tensor:
    """Log probability of tag sequences.

    `log p(y) = sum_t potentials[t, y_{t-1}, y_t] - log Z`, over the valid steps.

    Args:
        potentials: Log potentials from `CRF`, `(batch, time, num_tags, num_tags)`.
        tags: Integer tags of shape `(batch, time)`, negative at exactly those steps that were
            masked for the layer. At any other step, a negative tag counts as the tag before it, and
            a tag at a masked step costs up to 1e30. A tag of `num_tags` or more makes the result of
            its row NaN.

    Returns:
        Log-likelihood in nats, at most 0, of shape `(batch,)`; 0 for a row without tags.

    Raises:
        ValueError: If the shapes are inconsistent.

    Example: see `CRF`.

    Reference:
        [Lafferty et al., 2001](https://repository.upenn.edu/handle/20.500.14332/6188).
    """
    potentials = check_potentials(potentials)
    tags = ops.convert_to_tensor(tags)
    if len(tags.shape) != 2:
        raise ValueError(f"`tags` must have shape (batch, time), found {tuple(tags.shape)}.")
    num_tags = potentials.shape[-1]
    tags = ops.cast(tags, "int32")
    out_of_range = ops.greater_equal(tags, num_tags)
    carried = carry_forward(ops.where(out_of_range, 0, tags))
    previous = ops.pad(carried[:, :-1], ((0, 0), (1, 0)))  # every path starts from tag 0
    flat = ops.reshape(potentials, (*ops.shape(potentials)[:2], num_tags * num_tags))
    index = previous * num_tags + carried
    scores = ops.take_along_axis(flat, index[..., None], axis=-1)[..., 0]
    scores = ops.where(out_of_range, float("nan"), scores)
    return -_log_partition_above(potentials, scores)


def viterbi_decode(potentials: Tensor) -> Tensor:
    """Best tag sequence of a linear chain, by dynamic programming (the Viterbi algorithm).

    `y = argmax_{y'} sum_t potentials[t, y'_{t-1}, y'_t]`, with `y'_0 = 0`.

    Args:
        potentials: Log potentials from `CRF`, `(batch, time, num_tags, num_tags)`.

    Returns:
        Tags of shape `(batch, time)`, int32; at masked steps a neighbouring tag or 0. If several
        sequences are equally good, one of them.

    Raises:
        ValueError: If `potentials` has another shape.

    Example: see `CRF`.

    Reference:
        [Viterbi, 1967](https://doi.org/10.1109/TIT.1967.1054010).
    """
    potentials = ops.convert_to_tensor(check_potentials(potentials))
    steps = _time_major(ops.stop_gradient(potentials))
    before, last, _ = _filter(steps, _max_step)
    best_previous = ops.cast(ops.argmax(before[..., None] + steps, axis=-2), "int32")
    best_last = ops.cast(ops.argmax(last, axis=-1), "int32")
    _, tags = ops.scan(_follow_step, best_last, best_previous, reverse=True)
    return ops.transpose(tags)


def crf_marginals(potentials: Tensor) -> Tensor:
    """Posterior probability of every tag at every step, by the forward-backward algorithm.

    `m[t, j] = sum_{y: y_t = j} exp(s(y)) / Z`.

    Args:
        potentials: Log potentials from `CRF`, `(batch, time, num_tags, num_tags)`.

    Returns:
        Probabilities of shape `(batch, time, num_tags)` that sum to 1 over the tags. Masked steps
        repeat those of the valid step before them; before the first it is tag 0.

    Raises:
        ValueError: If `potentials` has another shape.

    Example:

    >>> import keras, numpy as np
    >>> from custom_layers import CRF
    >>> emissions = np.log([[[0.25, 0.75], [0.5, 0.5]]])
    >>> marginals = crf_marginals(CRF(num_tags=2)(emissions))  # no transitions yet: a softmax
    >>> print(np.round(keras.ops.convert_to_numpy(marginals[0]), 3))
    [[0.25 0.75]
     [0.5  0.5 ]]

    Reference:
        [Rabiner, 1989](https://doi.org/10.1109/5.18626), section III; here the backward pass
        smooths probabilities instead of computing scores of its own.
    """
    steps = _time_major(check_potentials(potentials))
    before, last, _ = _filter(steps, _sum_step)
    _, marginals = _smooth(steps, before, last)
    return ops.transpose(marginals, (1, 0, 2))


@custom_gradient
def _log_partition_above(potentials: Tensor, baseline: Tensor) -> tuple[Tensor, Backward]:
    """Log partition minus the sum of `baseline` `(batch, time)`, and the gradients of both.

    The difference is taken step by step: the likelihood is a small difference of two large sums,
    which in float32 would lose its digits in long sentences.
    """
    steps = _time_major(potentials)
    before, last, increments = _filter(steps, _sum_step)
    rest = _log_sum_exp(last)
    value = ops.sum(ops.transpose(increments) - baseline, axis=1) + rest

    def backward(upstream: Tensor) -> tuple[Tensor, Tensor]:
        arrivals, marginals = _smooth(steps, before, last)
        pairs = ops.transpose(arrivals * marginals[:, :, None, :], (1, 0, 2, 3))
        return (
            upstream[:, None, None, None] * pairs,
            -upstream[:, None] * ops.ones_like(baseline),
        )

    return value, backward


def _filter(
    steps: Tensor, step: Callable[[Any, Tensor], tuple[Any, Any]]
) -> tuple[Tensor, Tensor, Tensor]:
    """Forward recursion from tag 0, with scores shifted to a maximum of 0.

    Args:
        steps: Log potentials, time first.
        step: `_sum_step` or `_max_step`.

    Returns:
        The scores before every step `(time, batch, num_tags)`, those after the last step
        `(batch, num_tags)`, and the shift at every step `(time, batch)`.
    """
    start = np.where(np.arange(steps.shape[-1]) == 0, 0.0, IMPOSSIBLE)
    start = ops.convert_to_tensor(start, dtype=steps.dtype) + ops.zeros_like(steps[0, :, 0])
    (last, _), (after, increments) = ops.scan(step, (start, start[:, 0]), steps)
    return ops.concatenate([start[None], after[:-1]], axis=0), last, increments


def _smooth(steps: Tensor, before: Tensor, last: Tensor) -> tuple[Tensor, Tensor]:
    """Backward pass: `m_{t-1}[i] = sum_j p(i before j at t) m_t[j]`.

    Returns:
        Probability of the previous tag given the tag `(time, batch, num_tags, num_tags)`, and
        marginal probability of the tag `(time, batch, num_tags)`.
    """
    arrivals = _softmax(before[..., None] + steps, axis=-2)
    _, marginals = ops.scan(_smooth_step, _softmax(last, axis=-1), arrivals, reverse=True)
    return arrivals, marginals


# The steps of the scans are not closures: JAX compiles a scan once for each step function.


def _sum_step(carry: tuple[Tensor, Tensor], step: Tensor) -> tuple[Any, Any]:
    """`a_t[j] = log sum_i exp(a_{t-1}[i] + step[i, j])`."""
    return _renormalise(_log_sum_exp(carry[0][:, :, None] + step))


def _max_step(carry: tuple[Tensor, Tensor], step: Tensor) -> tuple[Any, Any]:
    """`a_t[j] = max_i(a_{t-1}[i] + step[i, j])`."""
    return _renormalise(ops.max(carry[0][:, :, None] + step, axis=1))


def _renormalise(scores: Tensor) -> tuple[Any, Any]:
    highest = ops.max(scores, axis=-1)
    # On TensorFlow the outputs of a scan need the structure of its carry.
    carry = (scores - highest[:, None], highest)
    return carry, carry


def _smooth_step(marginal: Tensor, arrival: Tensor) -> tuple[Tensor, Tensor]:
    return ops.sum(arrival * marginal[:, None, :], axis=-1), marginal


def _follow_step(tag: Tensor, pointers: Tensor) -> tuple[Tensor, Tensor]:
    return ops.take_along_axis(pointers, tag[:, None], axis=1)[:, 0], tag


def _log_sum_exp(x: Tensor) -> Tensor:
    """Log-sum-exp over axis 1 of finite values, without the guards that infinities need."""
    highest = ops.max(x, axis=1, keepdims=True)
    return highest[:, 0] + ops.log(ops.sum(ops.exp(x - highest), axis=1))


def _softmax(x: Tensor, axis: int) -> Tensor:
    """Softmax without Keras's warning about an axis of size 1, as with a single tag."""
    weights = ops.exp(x - ops.max(x, axis=axis, keepdims=True))
    return weights / ops.sum(weights, axis=axis, keepdims=True)


def carry_forward(tags: Tensor) -> Tensor:
    """Replace negative tags by the last non-negative tag before, or by 0."""
    valid = ops.greater_equal(tags, 0)
    count = ops.cumsum(ops.cast(valid, "int32"), axis=1)
    time = ops.shape(tags)[1]
    position = ops.arange(time, dtype="int32")[None]
    valid_first = ops.argsort(ops.where(valid, position, position + time), axis=1)
    index = ops.take_along_axis(valid_first, ops.maximum(count - 1, 0), axis=1)
    return ops.where(count > 0, ops.take_along_axis(tags, index, axis=1), 0)


def _time_major(potentials: Tensor) -> Tensor:
    return ops.transpose(potentials, (1, 0, 2, 3))


def check_potentials(potentials: Tensor) -> Tensor:
    shape = tuple(potentials.shape)
    if len(shape) != 4 or shape[-1] is None or shape[-1] != shape[-2]:
        raise ValueError(
            f"`potentials` must have shape (batch, time, num_tags, num_tags), found {shape}."
        )
    return potentials
