"""What is checked of pictures: properties of the figures they are written from, not pixels."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from recipes.kit.colours import contrast


def bars_of(figure: Figure) -> list[str]:
    """The labels of the colour bars of a figure."""
    bars = [axes for axes in figure.axes if hasattr(axes, "_colorbar")]
    return [axes.get_xlabel() or axes.get_ylabel() for axes in bars]


def least_contrast(figure: Figure) -> float:
    """The contrast of the text that is hardest to read, on its own background or on white."""
    found = []
    for text in _texts(figure):
        box = text.get_bbox_patch()
        background = "white" if box is None else box.get_facecolor()
        found.append(contrast(text.get_color(), background))
    return min(found)


def overlapping_labels(figure: Figure) -> list[tuple[str, str]]:
    """Titles, axis labels and tick labels that lie over each other; slanted ones do not count."""
    figure.canvas.draw()
    renderer: Any = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    labels = [
        label
        for axes in figure.axes
        for label in _labels(axes)
        if label.get_visible() and label.get_text() and label.get_rotation() in (0, 90)
    ]
    boxes = [(label.get_text(), label.get_window_extent(renderer)) for label in labels]
    return [(a, b) for (a, first), (b, second) in combinations(boxes, 2) if first.overlaps(second)]


def unseen_points(axes: Axes) -> list[Line2D]:
    """Lines of a single point without a marker: nothing of them is drawn."""
    return [
        line
        for line in axes.lines
        if np.isfinite(np.asarray(line.get_ydata(), float)).sum() == 1
        and len(np.atleast_1d(line.get_xdata())) == 1
        and line.get_marker() in ("None", "", None)
    ]


def _labels(axes: Axes) -> list[Text]:
    if not axes.axison:
        return [axes.title, axes._left_title]  # type: ignore[attr-defined]
    ticks = [
        tick.label1 if tick.label1.get_visible() else tick.label2
        for axis in (axes.xaxis, axes.yaxis)
        for tick in axis.get_major_ticks()
        if _in_view(axis, tick.get_loc())
    ]
    named = [axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label]  # type: ignore[attr-defined]
    return [*named, *ticks]


def _in_view(axis: Any, place: float) -> bool:
    low, high = sorted(axis.get_view_interval())
    return bool(low <= place <= high)


def _texts(figure: Figure) -> list[Text]:
    return [
        text
        for text in figure.findobj(Text)
        if isinstance(text, Text) and text.get_visible() and text.get_text().strip()
    ]
