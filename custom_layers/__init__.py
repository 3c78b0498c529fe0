"""Recurrent layers for Keras 3 on TensorFlow, JAX and PyTorch, and what trains with them.

Conditional random field (`custom_layers.crf`)
    CRF                  potentials[t, i, j] = A[i, j] + x[t, j]      a linear chain
    CRFLoss              loss = -log p(y)                             negative log-likelihood
    CRFMarginals         m[t, j] = p(y_t = j)
    ViterbiDecode        y = argmax_y' sum_t potentials[t, y'_{t-1}, y'_t]
    crf_log_partition    log Z = log sum_y exp(sum_t potentials[t, y_{t-1}, y_t])
    crf_log_likelihood   log p(y) = sum_t potentials[t, y_{t-1}, y_t] - log Z
    crf_marginals        the function of CRFMarginals
    viterbi_decode       the function of ViterbiDecode

Initialisers (`custom_layers.initializers`)
    PerGateOrthogonal    W = gain * [Q_1 | ... | Q_g], Q_k^T Q_k = I  for kernels of gated layers
"""

from __future__ import annotations

from custom_layers.crf import CRF, CRFLoss, CRFMarginals, ViterbiDecode
from custom_layers.initializers import PerGateOrthogonal
from custom_layers.linear_chain import (
    crf_log_likelihood,
    crf_log_partition,
    crf_marginals,
    viterbi_decode,
)

__all__ = [
    "CRF",
    "CRFLoss",
    "CRFMarginals",
    "PerGateOrthogonal",
    "ViterbiDecode",
    "crf_log_likelihood",
    "crf_log_partition",
    "crf_marginals",
    "viterbi_decode",
]
