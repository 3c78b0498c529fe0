"""Pictures of images: grids of them, rows of them, and where they surprise a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from recipes.kit.plots import dressed, save


@dressed
def grid(images: np.ndarray, top: int, path: Path, title: str) -> None:
    """Images side by side, in about as many rows as columns."""
    columns = int(np.ceil(np.sqrt(len(images))))
    height = 8 * np.ceil(len(images) / columns) / columns + 0.4
    figure = Figure(figsize=(8, height), layout="constrained")
    figure.suptitle(title)
    every = np.ravel(figure.subplots(-(-len(images) // columns), columns, squeeze=False))
    for axes in every:
        axes.set_axis_off()
    for axes, image in zip(every, images, strict=False):
        _show(axes, image, top)
    save(figure, path)


@dressed
def rows(images: Mapping[str, np.ndarray], top: int, path: Path) -> None:
    """Rows of images with their names."""
    count = len(next(iter(images.values())))
    figure = Figure(figsize=(count + 1.2, len(images) + 0.2))
    all_axes = figure.subplots(len(images), count, squeeze=False)
    for (name, row), row_axes in zip(images.items(), all_axes, strict=True):
        for image, axes in zip(row, row_axes, strict=True):
            _show(axes, image, top)
        row_axes[0].text(
            -0.2, 0.5, name, transform=row_axes[0].transAxes, ha="right", va="center", fontsize=10
        )
    save(figure, path)


@dressed
def surprise(images: np.ndarray, nats: np.ndarray, top: int, path: Path) -> None:
    """Images, and below them how many nats each pixel costs."""
    per_pixel = nats.sum(axis=-1)
    count = len(images)
    figure = Figure(figsize=(count + 1.2, 2.6), layout="constrained")
    axes = figure.subplots(2, count, squeeze=False)
    for column in range(count):
        _show(axes[0, column], images[column], top)
        axes[0, column].set_title(f"{per_pixel[column].sum():.0f} nats", fontsize=9)
        drawn = axes[1, column].imshow(
            per_pixel[column], cmap="magma", vmin=0, vmax=per_pixel.max()
        )
        axes[1, column].set_axis_off()
    figure.colorbar(drawn, ax=axes, label="nats a pixel", shrink=0.8)
    save(figure, path)


def _show(axes: Any, image: np.ndarray, top: int) -> None:
    axes.set_axis_off()
    if image.shape[-1] == 3:
        axes.imshow(image / top)
    else:
        axes.imshow(image[..., 0], cmap="gray", vmin=0, vmax=top)
