"""A cliff in the loss of a recurrent network, and what clipping does to the step taken there.

The network has one unit and two weights, so its loss is a landscape that can be drawn:

    h_t = tanh(w h_{t-1} + b)        h_0 = 1/2        L = (h_50 - 0.7)^2

Along a line in that landscape, a tiny change of the weights decides in which of its two resting
states the unit ends up. There the gradient has the right direction and an absurd length (Pascanu et
al. 2013). Gradients are those of `zoo.study.bptt`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from recipes.kit.colours import COLOURS
from recipes.kit.plots import dressed, save
from zoo.study.bptt import Weights, backward, forward

STEPS, START, TARGET = 50, 0.5, 0.7
RATE = 0.05

#: Gradients of several weights, by name.
Gradient = Mapping[str, np.ndarray]
Rule = Callable[[Gradient], Gradient]


def by_value(gradient: Gradient, limit: float) -> Gradient:
    """Limit the size of each entry (`clipvalue`): the direction changes."""
    return {name: np.clip(g, -limit, limit) for name, g in gradient.items()}


def by_norm(gradient: Gradient, limit: float) -> Gradient:
    """Limit the norm of each weight's gradient (`clipnorm`): their proportion changes."""
    return {name: g * min(1.0, limit / _norm({name: g})) for name, g in gradient.items()}


def globally(gradient: Gradient, limit: float) -> Gradient:
    """Limit the norm over all weights (`global_clipnorm`): shorter, in the same direction."""
    factor = min(1.0, limit / _norm(gradient))
    return {name: g * factor for name, g in gradient.items()}


def loss(w: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The loss for each pair of weights."""
    h = np.full(np.broadcast(w, b).shape, START)
    for _ in range(STEPS):
        h = np.tanh(w * h + b)
    return np.square(h - TARGET)


def slope(w: float, b: float) -> dict[str, np.ndarray]:
    """The gradient of the loss, by backpropagation through time."""
    weights = Weights(u=np.zeros((1, 1)), w=np.array([[w]]), b=np.array([b]), v=np.ones((1, 1)))
    x, h0 = np.zeros((STEPS, 1)), np.array([START])
    error = np.zeros((STEPS, 1))
    error[-1] = 2 * (forward(weights, x, h0)[1][-1] - TARGET)
    gradients = backward(weights, x, error, h0)
    return {"w": gradients.w[0], "b": gradients.b}


def descend(rule: Rule, steps: int = 150) -> np.ndarray:
    """Gradient descent from near the cliff: the weights `(steps + 1, 2)` it passes through."""
    way = [np.array([2.0, -0.4])]
    for _ in range(steps):
        step = rule(slope(*way[-1]))
        way.append(way[-1] - RATE * np.concatenate([step["w"], step["b"]]))
    return np.stack(way)


def large_gradient(seed: int = 0) -> dict[str, np.ndarray]:
    """An exploding gradient of all weights of ten units, whose recurrent weights are too large."""
    random = np.random.default_rng(seed)
    weights = Weights(
        u=random.normal(0, 1, (10, 2)),
        w=random.normal(0, 4 / np.sqrt(10), (10, 10)),
        b=np.zeros(10),
        v=random.normal(0, 0.3, (1, 10)),
    )
    x = random.random((STEPS, 2))
    error = np.zeros((STEPS, 1))
    error[-1] = 2 * (forward(weights, x)[1][-1] - 1)
    gradients = backward(weights, x, error)
    return {name: getattr(gradients, name) for name in ("u", "w", "b", "v")}


@dressed
def draw(path: Path) -> None:
    """Draw the landscape, descent with and without clipping, and the three rules."""
    figure = Figure(figsize=(15, 4.6), layout="constrained")
    surface = figure.add_subplot(1, 3, 1, projection="3d")
    above, rules = figure.add_subplot(1, 3, 2), figure.add_subplot(1, 3, 3)
    _surface(surface)
    bar = figure.colorbar(_ways(above), ax=above, label="loss")
    bar.set_ticks([0, 1, 2])
    _rules(rules)
    save(figure, path)


def _surface(axes: Any) -> None:
    # Faces of one shape: Matplotlib pads others with NaN, at which its arithmetic may warn.
    w, b = np.meshgrid(np.linspace(1.2, 2.6, 241), np.linspace(-0.6, 0.2, 241))
    axes.plot_surface(w, b, loss(w, b), cmap="viridis", rstride=2, cstride=2, lw=0)
    axes.view_init(28, -60)
    axes.set(xlabel="w", ylabel="b", title="The loss of one unit after 50 steps")
    axes.set(xticks=(1.5, 2, 2.5), yticks=(-0.5, 0), zticks=(0, 1, 2))


def _ways(axes: Any) -> Any:
    w, b = np.meshgrid(np.linspace(1.2, 2.6, 500), np.linspace(-0.7, 1.7, 500))
    heights = axes.contourf(w, b, loss(w, b), levels=np.linspace(0, 2.9, 59), cmap="viridis")
    unclipped = descend(lambda gradient: gradient)
    ways = {
        "not clipped": (unclipped, COLOURS[5], "-"),
        "clipped by value": (descend(lambda g: by_value(g, 1.0)), COLOURS[4], "-"),
        "clipped globally": (descend(lambda g: globally(g, 1.0)), COLOURS[1], "--"),
    }
    for label, (way, colour, line) in ways.items():
        axes.plot(*way.T, line, color=colour, lw=2, label=f"{label}: loss {loss(*way[-1]):.3f}")
        axes.plot(*way[-1], "o", color=colour, ms=7)
    axes.plot(*unclipped[0], "w^", ms=9, mec="k", label="start")
    norms = [_norm(slope(*weights)) for weights in unclipped]
    axes.set(xlabel="w", ylabel="b")
    axes.set_title(f"Descent: 1 gradient of norm {max(norms):.0f}, all others at most 1")
    axes.legend(loc="upper left", fontsize=8, frameon=True, framealpha=1)
    return heights


def _rules(axes: Any) -> None:
    raw = large_gradient()
    clipped = {
        "as it is": raw,
        "by value, 0.1": by_value(raw, 0.1),
        "by norm, each 1": by_norm(raw, 1.0),
        "globally, 1": globally(raw, 1.0),
    }
    places = np.arange(len(raw))
    for index, (label, gradient) in enumerate(clipped.items()):
        norms = [np.linalg.norm(g) for g in gradient.values()]
        cosine = _dot(raw, gradient) / _norm(raw) / _norm(gradient)
        colour = (COLOURS[5], COLOURS[4], COLOURS[2], COLOURS[1])[index]
        label += f": norm {_norm(gradient):.3g}, cosine {cosine:.2f}"
        axes.bar(places + 0.2 * (index - 1.5), norms, 0.18, color=colour, label=label)
    axes.set_xticks(places, [f"dL/d{name}" for name in raw])
    axes.set(yscale="log", ylabel="norm", title="An exploding gradient of ten units, clipped")
    axes.set_ylim(top=axes.get_ylim()[1] * 50)
    axes.legend(fontsize=8, loc="upper right")


def _norm(gradient: Gradient) -> float:
    return float(np.sqrt(_dot(gradient, gradient)))


def _dot(first: Gradient, second: Gradient) -> float:
    return float(sum((first[name] * second[name]).sum() for name in first))
