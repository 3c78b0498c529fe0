"""Recurrent layers for Keras 3 on TensorFlow, JAX and PyTorch, and the layers around them.

Every recurrent layer supports masks, `initial_state`, `return_sequences`, `return_state` and
`go_backwards`, works inside `keras.layers.Bidirectional`, and computes the same numbers as
`keras.layers.RNN` around its cell, usually faster. The docstrings have the full equations and
their sources.

Recurrent layers, each with its cell (`custom_layers.recurrent`)
    LeakyRNN          s_t = (1 - 1/T) s_{t-1} + (1/T) f(W s_{t-1} + U x_t + b)     Jaeger 2007
    DelayRNN          h_t = f(U x_t + sum_d W_d h_{t-d} + b)                       Lin 1996
    Reservoir         h_t = (1-a) h_{t-1} + a f(W h_{t-1} + U x_t + b), W, U fixed Jaeger 2001
    LegendreMemory    m_t = A m_{t-1} + B u_t,  h_t = f(W_x x_t + W_h h_{t-1} + W_m m_t)
                                                                                   Voelker 2019
    LRU               s_t = lambda * s_{t-1} + exp(gamma) B x_t, y_t = Re(C s_t) + D x_t
                                                                                   Orvieto 2023
    MinGRU            h_t = (1 - z_t) h_{t-1} + z_t U x_t,  z_t = sigmoid(U_z x_t) Feng 2024
    MinLSTM           h_t = f'_t h_{t-1} + i'_t U x_t,  f' + i' = 1                Feng 2024
    AnyMaskLSTM, AnyMaskGRU    those of Keras, on a GPU with any mask as well

Around any recurrent layer (`custom_layers.around`, `custom_layers.pooling`)
    ResidualRNN         y = F(N(x)) + P x, or [x, F(N(x))]                         He 2016
    AttentionPooling1D  y = sum_t a_t x_t, a = softmax(v . tanh(W x_t + b))        Yang 2016
    SequencePooling1D   y = x_last, [x_last, x_first], mean_t x_t or max_t x_t
    SequenceSnapshots1D y = [x_{l/n}, x_{2l/n}, ..., x_l], of l steps
    InitialState        h_0 = 0, learned, or noise                                 Zimmermann 2012

Series and forecasts (`custom_layers.series`)
    SeriesScaling        y_t = (x_t - c) / s, c, s of the training data or the window; NaN = missing
    MonotoneQuantiles    q_i = q_{i-1} + softplus(x_i), from the median outwards
    ForecastLoss         max(l (y - q), (l - 1) (y - q))              Koenker and Bassett 1978

Images, pixel by pixel (`custom_layers.images`)
    MaskedConv2D        y[i, j] = sum_{a, b} (M K)[a, b] x[i + a, j + b], M = 0 ahead   van den Oord
    RowLSTM             an LSTM of K x_i + W h_{i-1}, convolutions along the rows       et al. 2016
    DiagonalBiLSTM      LSTMs of K x_{i,j} + W [h_{i,j-1}, h_{i-1,j}], from both sides

Sound, from waveforms to frames of features (`custom_layers.sound`)
    LogMel                 y_i = log(max(|rfft(w e_i)|^2 M, floor)), mel bands       Davis 1980
    Cepstra                c_k = s_k sum_j x_j cos(pi k (2j + 1) / 2n), MFCC
    Deltas                 d_t = sum_k k (x_{t+k} - x_{t-k}) / (2 sum_k k^2)         Furui 1986
    SequenceNormalization  y_t = (x_t - mean) / std, over the steps that count       Viikki 1998
    StackFrames            y_j = [x_{kj}, ..., x_{kj+k-1}]                           Sak 2015
    SpecAugment            y = 0 in random stretches and bands, in training          Park 2019

Connectionist temporal classification (`custom_layers.chains`)
    CTCLoss              loss = -log p(y)                              Graves 2006
    ctc_log_likelihood   log p(y) = log sum over the paths of y of prod_t p(path_t)
    ctc_occupancy        p(path_t = k | y)
    ctc_alignment        argmax over the paths of y                    Viterbi
    blank_where_masked   logits that are blank at frames beyond the end of a clip

Conditional random field (`custom_layers.chains`)
    CRF                  potentials[t, i, j] = A[i, j] + x[t, j]      a linear chain
    CRFLoss              loss = -log p(y)                             negative log-likelihood
    CRFTagAccuracy       right tags / tags                            a metric for `compile`
    CRFEntityF1          2 right / (predicted + true entities)        a metric for `compile`
    CRFMarginals         m[t, j] = p(y_t = j)
    ViterbiDecode        y = argmax_y' sum_t potentials[t, y'_{t-1}, y'_t]
    crf_log_partition    log Z = log sum_y exp(sum_t potentials[t, y_{t-1}, y_t])
    crf_log_likelihood   log p(y) = sum_t potentials[t, y_{t-1}, y_t] - log Z
    crf_marginals        the function of CRFMarginals
    viterbi_decode       the function of ViterbiDecode

Chords and other sets of values that depend on each other (`custom_layers.chains`)
    ConditionalNADE      p(x_k = 1 | x_1, ..., x_{k-1}, c)             Larochelle 2011

Initialisers (`custom_layers.initializers`)
    PerGateOrthogonal    W = gain * [Q_1 | ... | Q_g], Q_k^T Q_k = I  for kernels of gated layers
    SpectralRadius       max |eigenvalue of W| = radius               for reservoirs
    SparseUniform        uniform values at random places              for the inputs of reservoirs
"""

from __future__ import annotations

from custom_layers.around.every_step import EveryStep
from custom_layers.around.initial_state import InitialState
from custom_layers.around.residual import ResidualRNN
from custom_layers.chains.crf import CRF, CRFMarginals, ViterbiDecode
from custom_layers.chains.crf_loss import CRFLoss
from custom_layers.chains.crf_metrics import CRFEntityF1, CRFTagAccuracy
from custom_layers.chains.ctc import (
    CTCLoss,
    blank_where_masked,
    ctc_alignment,
    ctc_log_likelihood,
    ctc_occupancy,
)
from custom_layers.chains.linear_chain import (
    crf_log_likelihood,
    crf_log_partition,
    crf_marginals,
    viterbi_decode,
)
from custom_layers.chains.nade import ConditionalNADE
from custom_layers.images.masked_conv import MaskedConv2D
from custom_layers.images.pixel import DiagonalBiLSTM, RowLSTM
from custom_layers.initializers import PerGateOrthogonal, SparseUniform, SpectralRadius
from custom_layers.pooling.attention import AttentionPooling1D
from custom_layers.pooling.sequence import SequencePooling1D
from custom_layers.pooling.snapshots import SequenceSnapshots1D
from custom_layers.recurrent.any_mask import AnyMaskGRU, AnyMaskLSTM
from custom_layers.recurrent.base import RecurrentCell, RecurrentLayer
from custom_layers.recurrent.delay import DelayCell, DelayRNN
from custom_layers.recurrent.leaky import LeakyCell, LeakyRNN
from custom_layers.recurrent.legendre_memory import LegendreMemory, LegendreMemoryCell
from custom_layers.recurrent.lru import LRU, LRUCell
from custom_layers.recurrent.minimal import MinGRU, MinGRUCell, MinLSTM, MinLSTMCell
from custom_layers.recurrent.reservoir import Reservoir, ReservoirCell
from custom_layers.series.quantiles import ForecastLoss, MonotoneQuantiles
from custom_layers.series.scaling import SeriesScaling
from custom_layers.sound.features import Cepstra, Deltas, LogMel
from custom_layers.sound.frames import SequenceNormalization, SpecAugment, StackFrames

__all__ = [
    "CRF",
    "LRU",
    "AnyMaskGRU",
    "AnyMaskLSTM",
    "AttentionPooling1D",
    "CRFEntityF1",
    "CRFLoss",
    "CRFMarginals",
    "CRFTagAccuracy",
    "CTCLoss",
    "Cepstra",
    "ConditionalNADE",
    "DelayCell",
    "DelayRNN",
    "Deltas",
    "DiagonalBiLSTM",
    "EveryStep",
    "ForecastLoss",
    "InitialState",
    "LRUCell",
    "LeakyCell",
    "LeakyRNN",
    "LegendreMemory",
    "LegendreMemoryCell",
    "LogMel",
    "MaskedConv2D",
    "MinGRU",
    "MinGRUCell",
    "MinLSTM",
    "MinLSTMCell",
    "MonotoneQuantiles",
    "PerGateOrthogonal",
    "RecurrentCell",
    "RecurrentLayer",
    "Reservoir",
    "ReservoirCell",
    "ResidualRNN",
    "RowLSTM",
    "SequenceNormalization",
    "SequencePooling1D",
    "SequenceSnapshots1D",
    "SeriesScaling",
    "SparseUniform",
    "SpecAugment",
    "SpectralRadius",
    "StackFrames",
    "ViterbiDecode",
    "blank_where_masked",
    "crf_log_likelihood",
    "crf_log_partition",
    "crf_marginals",
    "ctc_alignment",
    "ctc_log_likelihood",
    "ctc_occupancy",
    "viterbi_decode",
]
