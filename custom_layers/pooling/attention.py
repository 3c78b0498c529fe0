"""Attention over the steps of a sequence."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from custom_layers.engine.checks import require_integer, require_mask, require_sequences
from custom_layers.engine.masking import zero_masked
from custom_layers.engine.precision import IMPOSSIBLE, at_least_float32
from custom_layers.engine.tensor import Tensor


@keras.saving.register_keras_serializable(package="rnn_zoo")
class AttentionPooling1D(keras.layers.Layer):
    """Mean of a sequence over time, weighted by additive attention.

    With the input `x`, kernel `W`, bias `b` and query `v`, over the valid steps `t`::

        e_t = v . tanh(W x_t + b)
        a_t = exp(e_t) / sum_s exp(e_s)
        y   = sum_t a_t x_t

    On top of a recurrent layer it replaces the last state or the mean over time, and its weights
    `a` show how much each step contributes to the output.

    Args:
        units: Width of the hidden layer of the score, at least 1. Defaults to `None`, the number of
            features.
        use_bias: Whether to add the bias `b`. Defaults to `True`.
        kernel_initializer: Initialiser of `W`. Defaults to `"glorot_uniform"`.
        query_initializer: Initialiser of `v`. Defaults to `"glorot_uniform"`.
        bias_initializer: Initialiser of `b`. Defaults to `"zeros"`.
        kernel_regularizer: Optional regulariser of `W`. Defaults to `None`.
        query_regularizer: Optional regulariser of `v`. Defaults to `None`.
        bias_regularizer: Optional regulariser of `b`. Defaults to `None`.
        return_attention_scores: Whether to return the weights `a` too. Defaults to `False`.
        **kwargs: Keyword arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: Tensor of shape `(batch, time, features)`.
        mask: Optional booleans `(batch, time)`, `True` at valid steps.

    Input shape:
        `(batch, time, features)`; `batch` and `time` may be unknown.

    Output shape:
        `(batch, features)`. With `return_attention_scores=True`, a pair of this and of the weights,
        `(batch, time)`. In the compute dtype; softmax and mean are computed at least in float32.

    Masking:
        Steps may be masked anywhere: their weight is exactly 0, and their values, NaN included,
        have no influence. A fully masked row gives zeros. The mask is not passed on.

    Raises:
        ValueError: If an argument, or the shape of the inputs or of the mask, is invalid.

    Example:

    >>> import keras, numpy as np
    >>> x = np.array([[[1.0, 5.0], [3.0, 7.0], [9.0, 9.0]]], dtype="float32")
    >>> mask = np.array([[True, True, False]])
    >>> layer = AttentionPooling1D(query_initializer="zeros", return_attention_scores=True)
    >>> y, weights = layer(x, mask=mask)  # with v = 0 it is the mean of the valid steps
    >>> keras.ops.convert_to_numpy(y).tolist(), keras.ops.convert_to_numpy(weights).tolist()
    ([[2.0, 6.0]], [[0.5, 0.5, 0.0]])

    Reference:
        [Yang et al., 2016](https://aclanthology.org/N16-1174/), the attention over the words of a
        sentence. The score is that of [Bahdanau et al., 2015](https://arxiv.org/abs/1409.0473) with
        a learned vector in place of the decoder's state.
    """

    def __init__(
        self,
        units: int | None = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        query_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        query_regularizer: Any = None,
        bias_regularizer: Any = None,
        return_attention_scores: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = None if units is None else require_integer("units", units)
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.query_initializer = keras.initializers.get(query_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.query_regularizer = keras.regularizers.get(query_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.return_attention_scores = return_attention_scores
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        features = require_sequences(input_shape)
        units = features if self.units is None else self.units
        self.kernel = self.add_weight(
            name="kernel",
            shape=(features, units),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
        )
        self.query = self.add_weight(
            name="query",
            shape=(units,),
            initializer=self.query_initializer,
            regularizer=self.query_regularizer,
        )
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(units,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
            )
        self.input_spec = keras.layers.InputSpec(ndim=3, axes={-1: features})

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Any:
        if mask is not None:
            require_mask(mask)
            mask = ops.cast(mask, "bool")
            # Not only for the sum below: 0 * NaN is NaN, in the gradient too.
            inputs = zero_masked(inputs, mask)
        scores = self.scores(inputs)
        if mask is not None:
            scores = ops.where(mask, scores, IMPOSSIBLE)
        # Written out because `ops.softmax` warns about sequences of a single step.
        highest = ops.stop_gradient(ops.max(scores, axis=-1, keepdims=True))
        weights = ops.exp(scores - highest)
        if mask is not None:
            weights = ops.where(mask, weights, 0.0)  # they are 1 in a fully masked row
        total = ops.sum(weights, axis=-1, keepdims=True)
        weights = weights / ops.where(ops.equal(total, 0.0), 1.0, total)
        outputs = ops.einsum("bt,btf->bf", weights, ops.cast(inputs, scores.dtype))
        outputs, weights = (ops.cast(y, self.compute_dtype) for y in (outputs, weights))
        return (outputs, weights) if self.return_attention_scores else outputs

    def scores(self, inputs: Tensor) -> Tensor:
        """The score `e` of each step, `(batch, time)`, at least in float32, where sums over time do
        not lose digits."""
        hidden = ops.matmul(inputs, self.kernel)
        if self.use_bias:
            hidden = ops.add(hidden, self.bias)
        precise = at_least_float32(self.compute_dtype)
        return ops.cast(ops.matmul(ops.tanh(hidden), self.query), precise)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        return None

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> Any:
        batch, time, features = input_shape
        if self.return_attention_scores:
            return (batch, features), (batch, time)
        return (batch, features)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "query_initializer": keras.initializers.serialize(self.query_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "query_regularizer": keras.regularizers.serialize(self.query_regularizer),
            "bias_regularizer": keras.regularizers.serialize(self.bias_regularizer),
            "return_attention_scores": self.return_attention_scores,
        }
