"""Metrics of language models."""

from __future__ import annotations

import math

import numpy as np

from recipes.kit.judge import Statistics, Sums


def likelihood_metrics(nats: float, tokens: float) -> dict[str, float]:
    """Metrics of a language model.

    Args:
        nats: Minus the log-likelihood of the texts, end tokens included.
        tokens: Number of tokens, likewise.

    Returns:
        `nats_per_token`, `bits_per_token` and `perplexity`, the exponential of the nats.
    """
    mean = nats / tokens
    return {
        "nats_per_token": mean,
        "bits_per_token": mean / math.log(2),
        "perplexity": math.exp(mean),
    }


def likelihood_statistics(unit: str, nats: np.ndarray, tokens: np.ndarray) -> Statistics:
    """What these metrics are computed from: nats and number of tokens of each text."""

    def metrics(sums: Sums) -> dict[str, float]:
        return likelihood_metrics(float(sums["nats"]), float(sums["tokens"]))

    return Statistics(unit, {"nats": nats, "tokens": tokens}, metrics)
