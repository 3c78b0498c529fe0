"""The elementwise linear recurrence `h_t = a_t * h_{t-1} + b_t`, solved for all steps at once.

MinGRU, MinLSTM and LRU are built on it: their gates do not depend on the state, so `a` and `b` are
known for all steps in advance, and there is no need to go step by step. Two steps combine into one
of the same form,

    h_t = (a_t * a_{t-1}) * h_{t-2} + (a_t * b_{t-1} + b_t)

so we cut time into short blocks, combine the steps of each block (in all blocks at once), solve the
shorter recurrence over whole blocks in the same way, and go through each block from the state
before it (again in all blocks at once). For `T` steps this takes on the order of `log T` operations
on large tensors. There are only products and sums, no logarithms and no division by cumulative
products, so decays near 0 and near 1 keep their digits.

`keras.ops.associative_scan` does the same in pairs and gives the same numbers. We do not use it: in
Keras 3.15, XLA cannot compile it on TensorFlow, where it does not take an unknown time either; on
PyTorch it computes in float32 whatever the dtype; and on JAX, where it works, blocks were faster.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
from keras import ops

from custom_layers.engine.gradients import Backward, custom_gradient
from custom_layers.engine.loops import backward_loop, forward_loop, time_first
from custom_layers.engine.tensor import Tensor

Number = tuple[Tensor, ...]
"""A real number `(x,)` or a complex number `(re, im)`, elementwise."""

_BLOCK_LENGTHS = (5, 6, 7, 8, 4)
"""Block lengths, the preferred ones first. The one that needs the least padding is taken."""

_LEVELS = 2
"""How often an unknown time is cut into blocks before a loop goes over the rest."""


def linear_recurrence(
    a: Tensor, b: Tensor, h0: Tensor | None = None, parallel: bool = True
) -> Tensor:
    """Elementwise linear recurrence over time.

    `h_t = a_t * h_{t-1} + b_t` for `t = 1..T`, from `h_0`.

    The gradient is the same recurrence backwards in time, `d_t = g_t + a_{t+1} * d_{t+1}`, with `g`
    the upstream gradient of `h`. The gradient of `b_t` is `d_t`, that of `a_t` is `d_t * h_{t-1}`
    and that of `h_0` is `a_1 * d_1`. The scan itself is not differentiated: this is faster, and XLA
    can compile it for unknown lengths. There are no second derivatives.

    To mask a step, set `a_t = 1` and `b_t = 0`: it then keeps the state.

    Args:
        a: Coefficients `(batch, time, n)`, or `(n,)` if they are the same at every step. Meant for
            `|a| <= 1`: if a product of `a` over many steps overflows, the result is not finite.
        b: Inputs `(batch, time, n)`. `batch` and `time` may be unknown.
        h0: State before the first step `(batch, n)`. Defaults to `None`, zeros.
        parallel: Whether to solve all steps together rather than one by one. Both give the same
            result up to rounding; one by one needs slightly less memory, but its time grows with
            the number of steps. Defaults to `True`.

    Returns:
        The states `h_1..h_T` of shape `(batch, time, n)`, in the dtype of the arguments; computed
        at least in float32.

    Raises:
        ValueError: If the shapes are inconsistent, or there are no steps.

    Example:

    >>> import keras, numpy as np
    >>> b = np.ones((1, 4, 1), dtype="float32")
    >>> h = linear_recurrence(0.5 * b, b)  # 1, then half of it and 1, ...
    >>> print(keras.ops.convert_to_numpy(h)[0, :, 0])
    [1.    1.5   1.75  1.875]

    Reference:
        [Blelloch, 1990](https://www.cs.cmu.edu/~guyb/papers/Ble93.pdf), with blocks instead of
        pairs; [Martin and Cundy, 2018](https://arxiv.org/abs/1709.04057) for its use in networks.
    """
    a, b = ops.convert_to_tensor(a), ops.convert_to_tensor(b)
    _check("b", b, (None, None, None))
    _check("a", a, tuple(b.shape)[2:] if len(a.shape) == 1 else tuple(b.shape))
    return _recurrence(a, b, h0, parallel, parts=1)


def complex_linear_recurrence(
    re: Tensor, im: Tensor, b: Tensor, h0: Tensor | None = None, parallel: bool = True
) -> Tensor:
    """Elementwise linear recurrence of complex numbers with constant coefficients.

    `h_t = (re + i im) * h_{t-1} + b_t` for `t = 1..T`, from `h_0`; `b` and `h` are complex.

    `n` complex numbers are stored as `2 n` real ones on the last axis, the real parts first, so
    that one real matrix product leads into the recurrence and one out of it. The gradient is that
    of `linear_recurrence` with the conjugates of coefficients and states.

    Args:
        re: Real parts of the coefficients `(n,)`. Meant for `|re + i im| <= 1`.
        im: Imaginary parts of the coefficients `(n,)`.
        b: Inputs `(batch, time, 2 n)`. `batch` and `time` may be unknown.
        h0: State before the first step `(batch, 2 n)`. Defaults to `None`, zeros.
        parallel: As in `linear_recurrence`. Defaults to `True`.

    Returns:
        The states `h_1..h_T` of shape `(batch, time, 2 n)`, in the dtype of the arguments; computed
        at least in float32.

    Raises:
        ValueError: If the shapes are inconsistent, or there are no steps.

    Example:

    >>> import keras, numpy as np
    >>> re, im = np.array([0.0], "float32"), np.array([1.0], "float32")  # i, a quarter turn
    >>> impulse = np.array([[[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]]], dtype="float32")
    >>> print(keras.ops.convert_to_numpy(complex_linear_recurrence(re, im, impulse))[0])
    [[ 1.  0.]
     [ 0.  1.]
     [-1.  0.]]

    Reference:
        [Orvieto et al., 2023](https://arxiv.org/abs/2303.06349).
    """
    re, im, b = ops.convert_to_tensor(re), ops.convert_to_tensor(im), ops.convert_to_tensor(b)
    if len(re.shape) != 1 or re.shape != im.shape:
        raise ValueError(
            f"`re` and `im` must both have shape (n,), found {tuple(re.shape)} and "
            f"{tuple(im.shape)}."
        )
    _check("b", b, (None, None, 2 * re.shape[0]))
    return _recurrence(ops.concatenate([re, im]), b, h0, parallel, parts=2)


def _recurrence(a: Tensor, b: Tensor, h0: Tensor | None, parallel: bool, parts: int) -> Tensor:
    if b.shape[1] == 0:
        raise ValueError(f"`b` must have at least one step, found shape {tuple(b.shape)}.")
    h0 = ops.zeros_like(b[:, 0]) if h0 is None else ops.convert_to_tensor(h0)
    _check("h0", h0, (b.shape[0], b.shape[2]))
    dtypes = [keras.backend.standardize_dtype(x.dtype) for x in (a, b, h0)]
    if "float64" in dtypes:  # on PyTorch `result_type` would return float32
        dtype = working = "float64"
    else:
        dtype, working = keras.backend.result_type(*dtypes, float), "float32"
    run = _differentiable(_parallel if parallel else _sequential, parts)
    return ops.cast(run(*(ops.cast(x, working) for x in (a, b, h0))), dtype)


def _check(name: str, x: Tensor, shape: tuple[int | None, ...]) -> None:
    """Check a shape as far as it is known. The size of the last axis has to be known."""
    actual = tuple(x.shape)
    if len(actual) == len(shape) and actual[-1] is not None:
        if all(None in pair or pair[0] == pair[1] for pair in zip(actual, shape, strict=True)):
            return
    raise ValueError(f"`{name}` must have shape {shape}, where None is any size, found {actual}.")


def _differentiable(solve: Callable[..., Tensor], parts: int) -> Callable[..., Tensor]:
    """The solver as a function of `a`, `b` and `h0`, with its gradient."""

    @custom_gradient
    def run(a: Tensor, b: Tensor, h0: Tensor) -> tuple[Tensor, Backward]:
        h = solve(a, b, h0, parts)

        def backward(upstream: Tensor) -> tuple[Tensor, ...]:
            conjugate = _pack(_conjugate(_split(a, parts)))
            if len(a.shape) == 1:
                following = first = conjugate
            else:
                first = conjugate[:, 0]
                following = ops.pad(conjugate[:, 1:], ((0, 0), (0, 1), (0, 0)))
            by_b = solve(following, upstream, ops.zeros_like(h0), parts, reverse=True)
            before = ops.concatenate([h0[:, None], h[:, :-1]], axis=1)
            by_a = _multiply(_conjugate(_split(before, parts)), _split(by_b, parts))
            if len(a.shape) == 1:
                by_a = tuple(ops.sum(part, axis=(0, 1)) for part in by_a)
            by_h0 = _multiply(_split(first, parts), _split(by_b[:, 0], parts))
            return _pack(by_a), by_b, _pack(by_h0)

        return h, backward

    return run


def _parallel(
    a: Tensor, b: Tensor, h: Tensor, parts: int, reverse: bool = False, level: int = 1
) -> Tensor:
    """Solve all blocks at once: first the effect of each block, then the states within it.

    Args:
        a: `(batch, time, parts * n)` or `(parts * n,)`.
        b: `(batch, time, parts * n)`.
        h: State to start from `(batch, parts * n)`; zeros if `reverse`.
        parts: 1 for real numbers, 2 for complex ones.
        reverse: Whether to go from the last step to the first.
        level: How often time has been cut into blocks, this time included.
    """
    time, block = b.shape[1], _block_length(b.shape[1])
    b_steps = _steps(_blocks(b, block, parts), 2, parts, reverse)
    if len(a.shape) == 1:
        a_steps = [_split(a, parts)] * block
    else:
        a_steps = _steps(_blocks(a, block, parts), 2, parts, reverse)
    before = h[:, None]
    if time != block:
        a_block, b_block = a_steps[0], b_steps[0]
        for a_step, b_step in zip(a_steps[1:], b_steps[1:], strict=True):
            b_block = _step(a_step, b_block, b_step)
            a_block = _multiply(a_step, a_block)
        if time is None and level == _LEVELS:
            after = _sequential(_pack(a_block), _pack(b_block), h, parts, reverse)
        else:
            after = _parallel(_pack(a_block), _pack(b_block), h, parts, reverse, level + 1)
        joined = [after[:, 1:], before] if reverse else [before, after[:, :-1]]
        before = ops.concatenate(joined, axis=1)
    states = _follow(a_steps, b_steps, _split(before, parts))
    return _join(_stack(states, 2, reverse), b)


def _sequential(a: Tensor, b: Tensor, h: Tensor, parts: int, reverse: bool = False) -> Tensor:
    """Solve step by step."""
    width = h.shape[-1]
    steps = ops.concatenate([ops.broadcast_to(a, ops.shape(b)), b], axis=-1)

    def step(states: list[Tensor], x: Tensor) -> list[Tensor]:
        a, state, b = (_split(y, parts) for y in (x[:, :width], states[0], x[:, width:]))
        return [_pack(_step(a, state, b))]

    if not reverse:
        return forward_loop(step, [h], steps)[0]
    (states,) = backward_loop(lambda states, xs: step(states, xs[0]), [h], [time_first(steps)])
    return time_first(states)


def _follow(a_steps: list[Number], b_steps: list[Number], h: Number) -> list[Number]:
    states = []
    for a, b in zip(a_steps, b_steps, strict=True):
        h = _step(a, h, b)
        states.append(h)
    return states


def _block_length(time: int | None) -> int:
    if time is None:
        return _BLOCK_LENGTHS[0]
    if time <= max(_BLOCK_LENGTHS):
        return time
    return min(_BLOCK_LENGTHS, key=lambda length: -time % length)


def _blocks(x: Tensor, block: int, parts: int) -> Tensor:
    """Cut `(batch, time, parts * n)` into `(batch, blocks, block * parts, n)`, zero-padded."""
    time, n = x.shape[1], x.shape[2] // parts
    if time is None:
        blocks = (ops.shape(x)[1] + block - 1) // block
        x = ops.pad(x, ((0, 0), (0, block - 1), (0, 0)))[:, : blocks * block]
    else:
        blocks = -(-time // block)
        if time % block:
            x = ops.pad(x, ((0, 0), (0, -time % block), (0, 0)))
    return ops.reshape(x, (ops.shape(x)[0], blocks, block * parts, n))


def _join(states: Tensor, like: Tensor) -> Tensor:
    """Join blocks of states to the shape of `like`, without the padding."""
    time, width = like.shape[1:]
    length = -1 if time is None else states.shape[1] * states.shape[2] * states.shape[3] // width
    states = ops.reshape(states, (ops.shape(like)[0], length, width))
    return states if length == time else states[:, : ops.shape(like)[1]]


def _steps(x: Tensor, axis: int, parts: int, reverse: bool) -> list[Number]:
    """The numbers along an axis, in the order of the steps taken."""
    flat = ops.unstack(x, axis=axis)
    steps = [tuple(flat[i : i + parts]) for i in range(0, len(flat), parts)]
    return steps[::-1] if reverse else steps


def _stack(steps: list[Number], axis: int, reverse: bool) -> Tensor:
    """Reverse of `_steps`."""
    steps = steps[::-1] if reverse else steps
    return ops.stack([part for step in steps for part in step], axis=axis)


def _step(a: Number, h: Number, b: Number) -> Number:
    return tuple(x + y for x, y in zip(_multiply(a, h), b, strict=True))


def _multiply(x: Number, y: Number) -> Number:
    if len(x) == 1:
        return (x[0] * y[0],)
    return x[0] * y[0] - x[1] * y[1], x[0] * y[1] + x[1] * y[0]


def _conjugate(x: Number) -> Number:
    return x if len(x) == 1 else (x[0], -x[1])


def _split(x: Tensor, parts: int) -> Number:
    return (x,) if parts == 1 else tuple(ops.split(x, parts, axis=-1))


def _pack(x: Number) -> Tensor:
    return x[0] if len(x) == 1 else ops.concatenate(x, axis=-1)
