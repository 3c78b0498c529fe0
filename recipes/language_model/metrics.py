"""Metrics of language models."""

from __future__ import annotations

import numpy as np


def likelihood_metrics(nats: float, tokens: int) -> dict[str, float]:
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
        "bits_per_token": mean / float(np.log(2)),
        "perplexity": float(np.exp(mean)),
    }
