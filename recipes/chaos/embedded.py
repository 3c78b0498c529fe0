"""Chaotic systems and benchmark series, from stated equations by stated solvers."""

from __future__ import annotations

import math

import numpy as np
from scipy.integrate import odeint

#: Largest Lyapunov exponent of `lorenz`, per unit of time (Viswanath, 1998).
LORENZ_EXPONENT = 0.9056


def mackey_glass(
    steps: int, *, tau: float = 17.0, seed: int = 0, transient: int = 1000, substeps: int = 10
) -> np.ndarray:
    """The Mackey-Glass equation, sampled once per unit of time, float64 `(steps,)`.

        dx/dt = 0.2 x(t - tau) / (1 + x(t - tau)^10) - 0.1 x(t)

    Solved by the classical fourth-order Runge-Kutta method in steps of `1 / substeps`; the delayed
    value between two of them comes from the cubic through both values and slopes (also of fourth
    order). Before the start x is constant, `1.2` plus or minus up to `0.1`, drawn by `seed`; the
    first `transient` units of time are dropped. The series is chaotic from tau of about 16.8 on.

    Raises:
        ValueError: If `tau` is not a positive multiple of `1 / substeps`.

    Reference:
        Mackey and Glass, 1977, with the constants of Jaeger and Haas, 2004.
    """
    h = 1.0 / substeps
    lag = round(tau * substeps)
    if lag < 1 or not math.isclose(lag, tau * substeps):
        raise ValueError(f"`tau` must be a positive multiple of {h:g}, found {tau!r}.")
    start = 1.2 + 0.1 * float(np.random.default_rng(seed).uniform(-1, 1))
    x = [start] * (lag + 1)
    bends = [0.0] * lag  # for each step, the slope at its start minus that at its end
    before = None

    def gain(delayed: float) -> float:
        return 0.2 * delayed / (1.0 + delayed**10)

    for _ in range((transient + steps) * substeps):
        now, left, right = x[-1], x[-1 - lag], x[-lag]
        k1 = gain(left) - 0.1 * now
        if before is not None:
            bends.append(before - k1)
        before = k1
        middle = gain((left + right) / 2 + h / 8 * bends[len(x) - 1 - lag])
        k2 = middle - 0.1 * (now + h / 2 * k1)
        k3 = middle - 0.1 * (now + h / 2 * k2)
        k4 = gain(right) - 0.1 * (now + h * k3)
        x.append(now + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4))
    return np.array(x[lag + (transient + 1) * substeps :: substeps])


def lorenz(steps: int, *, dt: float = 0.02, seed: int = 0) -> np.ndarray:
    """The Lorenz system, sampled every `dt` units of time, float64 `(steps, 3)`.

        dx/dt = 10 (y - x)      dy/dt = x (28 - z) - y      dz/dt = x y - 8/3 z

    Solved by SciPy's `odeint` (LSODA) with tolerances of 1e-12: from the same start, it and DOP853
    with the same tolerances stay within 0.003 of each other for 20 units of time, 18 Lyapunov
    times. The start is near (1, 1, 20), up to 1 away in each coordinate, drawn by `seed`; the first
    50 units of time are dropped.

    Reference:
        Lorenz, 1963.
    """

    def slope(state: np.ndarray, _: float) -> tuple[float, float, float]:
        x, y, z = state.tolist()
        return 10.0 * (y - x), x * (28.0 - z) - y, x * y - 8.0 / 3.0 * z

    start = np.array([1.0, 1.0, 20.0]) + np.random.default_rng(seed).uniform(-1, 1, 3)
    times = np.concatenate([[0.0], 50.0 + dt * np.arange(steps)])
    return np.asarray(odeint(slope, start, times, rtol=1e-12, atol=1e-12, mxstep=100_000)[1:])


def narma10(steps: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and outputs of a nonlinear moving average of order 10, each float64 `(steps,)`.

        y_{t+1} = 0.3 y_t + 0.05 y_t (y_t + ... + y_{t-9}) + 1.5 u_{t-9} u_t + 0.1

    with `u_t` uniform in [0, 0.5]; the output at a step is `y_{t+1}`, the first that `u_t` acts on.
    The recursion rarely diverges; the inputs are then drawn again. The first 100 steps are dropped.

    Reference:
        Atiya and Parlos, 2000.
    """
    generator = np.random.default_rng(seed)
    while True:
        u = generator.uniform(0.0, 0.5, steps + 100)
        y = narma10_of(u)
        if np.abs(y).max() < 2.0:
            return u[100:], y[100:]


def narma10_of(u: np.ndarray) -> np.ndarray:
    """The outputs `y_{t+1}` of these inputs, from rest; clipped to 10 where they diverge."""
    inputs = [0.0] * 9 + u.tolist()
    y = [0.0] * 10
    for t in range(len(u)):
        following = (
            0.3 * y[-1] + 0.05 * y[-1] * sum(y[-10:]) + 1.5 * inputs[t] * inputs[t + 9] + 0.1
        )
        y.append(min(following, 10.0))
    return np.array(y[10:])


def delayed_inputs(steps: int, delays: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """White noise, uniform in [-1, 1], `(steps,)`, and its values 1, 2, ... `delays` steps earlier,
    `(steps, delays)`: the memory capacity of Jaeger, 2001, is measured with them."""
    u = np.random.default_rng(seed).uniform(-1.0, 1.0, steps + delays)
    windows = np.lib.stride_tricks.sliding_window_view(u[:-1], delays)
    return u[delays:], windows[:, ::-1].copy()
