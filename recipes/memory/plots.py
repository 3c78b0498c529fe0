"""Pictures for a lecture on memory: gradients through time and depth, and what is learned."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from recipes.kit.colours import COLOURS
from recipes.kit.plots import dressed, log_ticks, save, whole_steps
from recipes.memory.study import Study
from recipes.memory.tasks import Copy, Task
from zoo.study.gradient_flow import EXPLODING, VANISHING

#: Norms beyond these are drawn at the edge of the picture.
_LEAST, _MOST = 1e-20, 1e24


#: Titles of the two halves of a picture, by when the gradients were taken.
_PANELS = {"initial": "at initialisation", "trained": "after training"}


@dressed
def gradients(studies: Sequence[Study], path: Path) -> None:
    """The norm of dL/ds_t against t for every model, at the start and after training."""
    figure = Figure(figsize=(13, 5), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    seen = [1e-8, 1e12]  # both thresholds are in the picture
    for axes, (when, title) in zip(panels, _PANELS.items(), strict=True):
        for study, style in _styled(studies):
            flows = study.flows[when]
            if not flows:
                axes.plot([], [], **style, label=f"{study.label}: diverged")
                continue
            top = flows[-1]
            # What no later step reads has no gradient.
            norms = np.trim_zeros(top.norms, "b") if top.norms.any() else top.norms
            norms = np.nan_to_num(norms, nan=_MOST, posinf=_MOST).clip(_LEAST, _MOST)
            seen += [norms.min() / 2, norms.max() * 2]
            label = f"{study.label}: span {top.span()}"
            axes.plot(np.arange(1, len(norms) + 1), norms, **style, label=label)
        axes.set(yscale="log", xlabel="step t", title=title, xlim=(1, None))
        axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=3)
    for axes in panels:
        axes.axhspan(_LEAST / 10, VANISHING, color="0.5", alpha=0.12, lw=0)
        axes.axhspan(EXPLODING, _MOST * 10, color=COLOURS[5], alpha=0.12, lw=0)
        words = {"fontsize": 8, "color": "0.35", "transform": axes.get_yaxis_transform()}
        axes.text(0.02, VANISHING, "vanishing: below 1e-6 ", va="top", **words)
        axes.text(0.02, EXPLODING, "exploding: above 1e10", va="bottom", **words)
        axes.set_ylim(max(min(seen), _LEAST), min(max(seen), _MOST))
    panels[0].set_ylabel("norm of dL/ds_t, s all that the cell carries")
    save(figure, path)


@dressed
def learning(
    studies: Sequence[Study], score: str, memoryless: float, epoch_steps: int, path: Path
) -> None:
    """The score against training steps, beside that without memory; and how often the gradient was
    clipped."""
    figure = Figure(figsize=(13, 4.4), layout="constrained")
    scores, clipped = figure.subplots(1, 2)
    for study, style in _styled(studies):
        if not study.history:
            scores.plot([], [], **style, label=f"{study.label}: diverged")
            continue
        steps = [row["epoch"] * epoch_steps for row in study.history]
        values = [row[f"val_{score}"] for row in study.history]
        marker = "o" if len(steps) == 1 else None
        scores.plot(
            steps, values, **style, marker=marker, label=f"{study.label}: {study.test[score]:.2g}"
        )
        shares = [100 * row["clipped_fraction"] for row in study.history]
        clipped.plot(steps, shares, **style, marker=marker, label=study.label)
    scores.axhline(memoryless, color="k", ls=":", lw=1.2, label=f"no memory: {memoryless:.3g}")
    scores.set(yscale="log", xlabel="training steps", title=f"{score} (validation; test in legend)")
    scores.legend(fontsize=8)
    lengths = [row["epoch"] * epoch_steps for study in studies for row in study.history]
    for axes in (scores, clipped):
        whole_steps(axes, lengths)
    log_ticks(scores.yaxis)
    clipped.set(
        xlabel="training steps", ylim=(-3, 103), title="Steps whose gradient was clipped, %"
    )
    save(figure, path)


@dressed
def layers(studies: Sequence[Study], path: Path) -> None:
    """How much gradient each layer of a stack gets, at the start and after training."""
    figure = Figure(figsize=(11, 4), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (when, title) in zip(panels, _PANELS.items(), strict=True):
        for study, style in _styled(studies):
            norms = [np.sqrt(np.mean(np.square(flow.norms))) for flow in study.flows[when]]
            axes.plot(range(1, len(norms) + 1), norms, marker="o", **style, label=study.label)
        axes.set(yscale="log", xlabel="layer, from the input to the output", title=title)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    panels[0].set_ylabel("norm of dL/ds, mean square over time")
    panels[0].legend(fontsize=8)
    save(figure, path)


@dressed
def knowledge(task: Task, x: np.ndarray, y: np.ndarray, outputs: np.ndarray, path: Path) -> None:
    """What the model would answer after each step of some sequences, beside the right answer."""
    show: Callable[..., None] = _symbols if isinstance(task, Copy) else _numbers
    figure = Figure(figsize=(12, 2.5 * len(x)), layout="constrained")
    panels = figure.subplots(len(x), 1, squeeze=False)[:, 0]
    for index, axes in enumerate(panels):
        show(axes, task, x[index], y[index], outputs[index])
        if index == len(x) - 1:
            axes.set_xlabel("step")
    if panels[0].images:
        shares = panels[0].images[0]
        figure.colorbar(shares, ax=panels, label="probability", aspect=40, pad=0.01)
    save(figure, path)


def _numbers(axes: Any, task: Task, x: np.ndarray, y: np.ndarray, outputs: np.ndarray) -> None:
    steps = np.arange(1, len(x) + 1)
    scale, shift = task.units
    answers, right = (values * scale + shift for values in (outputs[:, 0], y[0]))
    if x.ndim == 2:
        marked = x[:, 1] > 0
        axes.bar(steps[~marked], x[~marked, 0], color="0.88", label="numbers")
        axes.bar(steps[marked], x[marked, 0], color=COLOURS[0], label="marked")
    else:
        axes.bar(steps[x == 0], 0.1 * right, color=COLOURS[0], label="the symbol to count")
    axes.plot(steps, answers, color=COLOURS[5], label="answer, if asked now")
    axes.axhline(right, color="k", ls=":", lw=1)
    axes.plot(steps[-1], right, "k*", ms=9, label=f"right: {right:.2f}; model: {answers[-1]:.2f}")
    axes.set(xlim=(0, len(x) + 1), ylabel="value")
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))


def _symbols(axes: Any, task: Task, x: np.ndarray, y: np.ndarray, outputs: np.ndarray) -> None:
    shares = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
    shares /= shares.sum(axis=-1, keepdims=True)
    extent = (0.5, len(x) + 0.5, -0.5, len(shares.T) - 0.5)
    scale: Any = {"cmap": "Blues", "vmin": 0, "vmax": 1, "aspect": "auto"}
    axes.imshow(shares.T, origin="lower", extent=extent, **scale)
    steps, real = np.arange(1, len(x) + 1), x < Copy.BLANK
    axes.plot(steps[real], x[real], "o", color=COLOURS[1], ms=4, label="given")
    asked = np.arange(len(y)) >= len(y) - Copy.WORD
    axes.plot(steps[asked], y[asked], "s", mfc="none", mec=COLOURS[5], ms=7, label="to repeat")
    axes.set_yticks([*range(Copy.BLANK), Copy.BLANK], [*map(str, range(Copy.BLANK)), "blank"])
    axes.set_ylabel("symbol")
    axes.legend(fontsize=8, ncols=2, loc="lower right", bbox_to_anchor=(1, 1))


def _styled(studies: Sequence[Study]) -> Iterator[tuple[Study, dict[str, Any]]]:
    for index, study in enumerate(studies):
        line = ("-", "--", ":", "-.")[index // len(COLOURS) % 4]
        yield study, {"color": COLOURS[index % len(COLOURS)], "ls": line, "lw": 1.8}
