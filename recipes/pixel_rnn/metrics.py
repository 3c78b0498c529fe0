"""Metrics of the likelihood of images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recipes.kit.judge import Statistics, Sums, ratio


def likelihood_metrics(nats: np.ndarray, shape: Sequence[int]) -> dict[str, float]:
    """Metrics of images by their negative log likelihood, see `likelihood_statistics`."""
    return likelihood_statistics(np.atleast_1d(nats), shape).values


def likelihood_statistics(nats: np.ndarray, shape: Sequence[int]) -> Statistics:
    """What the metrics of images are computed from.

    Args:
        nats: Negative log likelihood of each image.
        shape: Height, width and channels of an image.

    Returns:
        The statistics of `nats_per_image`, the mean; `bits_per_dim`, bits for each pixel and
        colour.
    """
    nats_per_bit = float(np.prod(shape)) * float(np.log(2))

    def metrics(sums: Sums) -> dict[str, float]:
        mean = ratio(sums["nats"], sums["images"])
        return {"nats_per_image": mean, "bits_per_dim": mean / nats_per_bit}

    return Statistics("images", {"nats": nats, "images": np.ones(len(nats))}, metrics)
