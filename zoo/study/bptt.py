"""Backpropagation through time, written out in plain NumPy, to be read.

A simple recurrent network, for one sequence x_1 .. x_T:

    h_t = tanh(u x_t + w h_{t-1} + b)          y_t = v h_t          L = sum_t L_t(y_t)

By the chain rule, from the loss of one step t back through the states that led to it:

    dL_t/dv = dL_t/dy_t h_t'
    dL_t/dw = sum_{k <= t}  dL_t/dy_t  v  (prod_{k < j <= t} dh_j/dh_{j-1})  dh_k/dw
    dL_t/du                      ... the same with ...                        dh_k/du

    dh_j/dh_{j-1} = diag(1 - h_j^2) w         dh_k/dw = (1 - h_k^2) h_{k-1}
                                              dh_k/du = (1 - h_k^2) x_k

The product is why a recurrent network forgets: it has t - k factors, each a matrix of norm at most
|w|. With |w| below 1 it vanishes, above 1 it may explode. `truncated` computes the double sum
literally, cut off after a number of steps back; `backward` computes the same in one sweep, which
accumulates the gradient from all later steps:

    dL/dh_t = v' dL_t/dy_t + w' diag(1 - h_{t+1}^2) dL/dh_{t+1}          ' = transposed

    loss, slope = squared_error(forward(weights, x)[1], target)
    gradients = backward(weights, x, slope)        gradients.w is dL/dw, gradients.h is dL/dh_t

Everything is float64. A test compares it with the gradients of `keras.layers.SimpleRNN`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Weights:
    """The weights of the network.

    Attributes:
        u: From the input to the state, (units, inputs).
        w: From the state to the next one, (units, units).
        b: Bias of the state, (units,).
        v: From the state to the output, (outputs, units).
    """

    u: Array
    w: Array
    b: Array
    v: Array

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, np.asarray(getattr(self, field.name), "float64"))


@dataclass(frozen=True)
class Gradients(Weights):
    """The gradients dL/du, dL/dw, dL/db and dL/dv, of the shapes of the weights.

    Attributes:
        h: Gradient dL/dh_t over all paths from the state at t to the loss, (time, units).
    """

    h: Array


def forward(weights: Weights, x: Array, h0: Array | None = None) -> tuple[Array, Array]:
    """Run the network.

    Args:
        weights: The weights.
        x: Inputs (time, inputs).
        h0: State before the first step, (units,). Defaults to `None`, zeros.

    Returns:
        The states, (time + 1, units), starting with the one before the first step, so that `h[t]`
        is h_t; and the outputs, (time, outputs).
    """
    h = [np.zeros(len(weights.b)) if h0 is None else np.asarray(h0, "float64")]
    for x_t in np.asarray(x, "float64"):
        h.append(np.tanh(weights.u @ x_t + weights.w @ h[-1] + weights.b))
    states = np.stack(h)
    return states, states[1:] @ weights.v.T


def squared_error(y: Array, target: Array) -> tuple[float, Array]:
    """L = sum_t |y_t - target_t|^2, and its slope dL/dy_t, (time, outputs).

    Steps whose target is NaN have no loss: a single target at the last step makes a memory task.
    """
    error = np.where(np.isnan(target), 0.0, y - target)
    return float(np.square(error).sum()), 2 * error


def backward(weights: Weights, x: Array, slope: Array, h0: Array | None = None) -> Gradients:
    """The gradient of the loss with respect to every weight, by backpropagation through time.

    Args:
        weights: The weights.
        x: Inputs (time, inputs).
        slope: Gradient dL_t/dy_t, (time, outputs).
        h0: State before the first step, (units,). Defaults to `None`, zeros.

    Example:
        >>> import numpy as np
        >>> from zoo.study.bptt import Weights, backward, forward, squared_error
        >>> one = np.eye(1)
        >>> weights = Weights(u=one, w=0.5 * one, b=np.zeros(1), v=one)
        >>> x = np.array([[1.0], [0.0], [0.0]])
        >>> _, slope = squared_error(forward(weights, x)[1], np.array([[np.nan], [np.nan], [0.0]]))
        >>> print(backward(weights, x, slope).h[:, 0].round(4))  # it fades on the way back
        [0.0755 0.1739 0.3595]
    """
    h, _ = forward(weights, x, h0)
    du, dw, db = np.zeros_like(weights.u), np.zeros_like(weights.w), np.zeros_like(weights.b)
    dv = np.zeros_like(weights.v)
    dh = np.zeros((len(x), len(weights.b)))
    back = np.zeros(len(weights.b))  # w' diag(1 - h_{t+1}^2) dL/dh_{t+1}, zero after the end
    for t in range(len(x), 0, -1):
        dv += np.outer(slope[t - 1], h[t])
        dh[t - 1] = weights.v.T @ slope[t - 1] + back
        da = (1 - h[t] ** 2) * dh[t - 1]  # through the tanh
        dw += np.outer(da, h[t - 1])
        du += np.outer(da, x[t - 1])
        db += da
        back = weights.w.T @ da
    return Gradients(u=du, w=dw, b=db, v=dv, h=dh)


def truncated(
    weights: Weights, x: Array, slope: Array, steps: int, h0: Array | None = None
) -> Gradients:
    """Like `backward`, but the loss of a step is propagated back through `steps` steps only.

    This is the double sum over t and k of the chain rule, restricted to t - k < steps: time * steps
    terms. The weights never learn about the effect of earlier inputs.

    Args:
        weights: The weights.
        x: Inputs (time, inputs).
        slope: Gradient dL_t/dy_t, (time, outputs).
        steps: Number of steps to propagate back, including that of the loss. With the length of
            the sequence, the result is that of `backward`.
        h0: State before the first step, (units,). Defaults to `None`, zeros.

    Raises:
        ValueError: If `steps` is below 1.
    """
    if steps < 1:
        raise ValueError(f"`steps` must be a positive integer, found {steps!r}.")
    h, _ = forward(weights, x, h0)
    du, dw, db = np.zeros_like(weights.u), np.zeros_like(weights.w), np.zeros_like(weights.b)
    dv = np.zeros_like(weights.v)
    dh = np.zeros((len(x), len(weights.b)))
    for t in range(1, len(x) + 1):
        dv += np.outer(slope[t - 1], h[t])
        reaching = weights.v.T @ slope[t - 1]  # dL_t/dh_k, from k = t back
        for k in range(t, max(0, t - steps), -1):
            dh[k - 1] += reaching
            da = (1 - h[k] ** 2) * reaching
            dw += np.outer(da, h[k - 1])
            du += np.outer(da, x[k - 1])
            db += da
            reaching = weights.w.T @ da  # times dh_k/dh_{k-1}
    return Gradients(u=du, w=dw, b=db, v=dv, h=dh)
