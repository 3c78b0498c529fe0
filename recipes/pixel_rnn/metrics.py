"""Metrics of the likelihood of images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def likelihood_metrics(nats: np.ndarray, shape: Sequence[int]) -> dict[str, float]:
    """Metrics of images by their negative log likelihood.

    Args:
        nats: That of each image.
        shape: Height, width and channels of an image.

    Returns:
        `nats_per_image`, the mean; `bits_per_dim`, bits for each pixel and colour.
    """
    mean = float(np.mean(nats))
    return {"nats_per_image": mean, "bits_per_dim": mean / float(np.prod(shape)) / np.log(2)}
