"""The joint distribution of several binary values, each given those before it."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from custom_layers.engine.checks import require_integer, require_number
from custom_layers.engine.precision import at_least_float32
from custom_layers.engine.tensor import Tensor

#: Temperature used for 0: logits are then infinitely far apart, unless they are zero.
COLDEST = 1e-20


@keras.saving.register_keras_serializable(package="rnn_zoo")
class ConditionalNADE(keras.layers.Layer):
    """Neural autoregressive distribution estimator, conditioned on a vector at each step.

    The distribution of binary values `x_1, ..., x_K` given a context `c`, such as the output of a
    recurrent layer. Each value sees the context and the values before it, so that the values of a
    step are not independent::

        a_k    = C c + sum_{j < k} W_j x_j + a
        h_k    = sigmoid(a_k)
        l_k    = V_k . h_k + U_k . c + b_k
        p(x_k = 1 | x_1, ..., x_{k-1}, c) = sigmoid(l_k)

    All logits of known values are computed at once; `sample` draws one value after the other.

    Args:
        units: Width of `h`, at least 1.
        kernel_initializer: Initialiser of `C` and `U`. Defaults to `"glorot_uniform"`.
        value_initializer: Initialiser of `W` and `V`. Defaults to `"glorot_uniform"`.
        bias_initializer: Initialiser of `a` and `b`. Defaults to `"zeros"`.
        dropout: Fraction of `h` dropped in training, the same units for all values of a step.
        seed: Seed of the dropout.
        **kwargs: Keyword arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        context: Tensor of shape `(..., features)`.
        values: Zeros and ones of shape `(..., K)`.
        training: Whether dropout is applied.

    Input shape:
        `(batch, features)` and `(batch, K)`, or with a time axis between; `K` must be known.

    Output shape:
        Logits of the shape of the values, at least float32.

    Masking:
        A mask of the context is passed on: each step is by itself, so that padding has no influence
        on other steps.

    Raises:
        ValueError: If an argument is invalid, or the number of values is unknown.

    Example:

    >>> import numpy as np
    >>> from custom_layers import ConditionalNADE
    >>> layer = ConditionalNADE(units=4)
    >>> context, values = np.ones((2, 5, 3), "float32"), np.zeros((2, 5, 6), "float32")
    >>> tuple(layer(context, values).shape)
    (2, 5, 6)

    Reference:
        [Larochelle and Murray, 2011](https://proceedings.mlr.press/v15/larochelle11a.html);
        [Boulanger-Lewandowski et al., 2012](https://arxiv.org/abs/1206.6392), whose RNN-NADE lets
        the recurrent network give both biases, as `C c + a` and `U c + b` do.
    """

    def __init__(
        self,
        units: int,
        *,
        kernel_initializer: Any = "glorot_uniform",
        value_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = require_integer("units", units)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.value_initializer = keras.initializers.get(value_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.dropout = require_number("dropout", dropout, least=0, below=1)
        self.seed = seed
        self.supports_masking = True
        self.seed_generator = keras.random.SeedGenerator(seed) if dropout else None

    def build(self, context_shape: Any, values_shape: Any) -> None:
        features, count = context_shape[-1], values_shape[-1]
        if count is None or features is None:
            raise ValueError(
                "The last axes of `context` and `values` must have known sizes, found "
                f"{tuple(context_shape)} and {tuple(values_shape)}."
            )

        def weight(name: str, shape: tuple[int, ...], initializer: Any) -> Any:
            return self.add_weight(name=name, shape=shape, initializer=initializer)

        self.hidden_kernel = weight(
            "hidden_kernel", (features, self.units), self.kernel_initializer
        )
        self.hidden_bias = weight("hidden_bias", (self.units,), self.bias_initializer)
        self.value_kernel = weight("value_kernel", (count, self.units), self.value_initializer)
        self.output_kernel = weight("output_kernel", (count, self.units), self.value_initializer)
        self.direct_kernel = weight("direct_kernel", (features, count), self.kernel_initializer)
        self.output_bias = weight("output_bias", (count,), self.bias_initializer)
        self.built = True

    def call(self, context: Tensor, values: Tensor, training: bool | None = None) -> Tensor:
        shape, count = ops.shape(values), self.output_bias.shape[0]
        context = ops.cast(context, self.compute_dtype)
        base, direct = self._conditions(ops.reshape(context, (-1, context.shape[-1])))
        # Value first: what each adds to the hidden units of all later ones is then one product with
        # a triangular matrix, several times as fast as a sum along an inner axis.
        values = ops.transpose(ops.reshape(ops.cast(values, self.compute_dtype), (-1, count)))
        added = values[..., None] * ops.convert_to_tensor(self.value_kernel)[:, None]
        later = ops.convert_to_tensor(np.tri(count, k=-1), dtype=self.compute_dtype)
        seen = ops.reshape(
            ops.matmul(later, ops.reshape(added, (count, -1))), (count, -1, self.units)
        )
        # Not `+`, which Keras takes for that of a bias where there is one step.
        hidden = ops.sigmoid(seen - (-base[None]))
        if training and self.seed_generator is not None:
            kept = ops.ones_like(hidden[:1])
            hidden = hidden * keras.random.dropout(kept, self.dropout, seed=self.seed_generator)
        output = ops.convert_to_tensor(self.output_kernel)[..., None]
        logits = ops.transpose(ops.matmul(hidden, output)[..., 0]) + direct
        return ops.cast(ops.reshape(logits, shape), at_least_float32(self.compute_dtype))

    def sample(
        self, context: Tensor, uniforms: Tensor, temperature: float | Tensor = 1.0
    ) -> Tensor:
        """Draw values, one after the other, each given those drawn before.

        Args:
            context: Tensor of shape `(batch, features)`.
            uniforms: Numbers in [0, 1) to draw with, `(batch, K)`.
            temperature: Divisor of the logits, at least 0: below 1 favours likely values, and 0
                takes the likelier one of each. A number, or one for each row, `(batch, 1)`.

        Returns:
            Zeros and ones `(batch, K)`, of the dtype of `uniforms`.
        """
        base, direct = self._conditions(ops.cast(context, self.compute_dtype))
        direct = ops.transpose(direct)
        uniforms = ops.convert_to_tensor(uniforms)
        temperature = ops.reshape(ops.cast(temperature, uniforms.dtype), (-1,))
        temperature = ops.maximum(temperature, COLDEST)
        count = self.output_bias.shape[0]
        kernels = [
            ops.cast(kernel, self.compute_dtype)
            for kernel in (self.value_kernel, self.output_kernel)
        ]

        def draw(k: Tensor, carried: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
            hidden, drawn = carried
            into, out = (ops.take(kernel, k, axis=0) for kernel in kernels)
            logit = ops.sum(ops.sigmoid(hidden) * out, axis=-1) + ops.take(direct, k, axis=0)
            p = ops.sigmoid(ops.cast(logit, uniforms.dtype) / temperature)
            value = ops.cast(ops.take(uniforms, k, axis=1) < p, uniforms.dtype)
            hidden = hidden + ops.cast(value, hidden.dtype)[:, None] * into
            place = ops.cast(ops.arange(count) == k, uniforms.dtype)
            return hidden, drawn + value[:, None] * place

        _, drawn = ops.fori_loop(0, count, draw, (base, ops.zeros_like(uniforms)))
        return drawn

    def _conditions(self, context: Tensor) -> tuple[Tensor, Tensor]:
        """What the context adds to the hidden units and to the logits."""
        hidden_kernel, hidden_bias, direct_kernel, output_bias = (
            ops.cast(weight, self.compute_dtype)
            for weight in (
                *(self.hidden_kernel, self.hidden_bias),
                *(self.direct_kernel, self.output_bias),
            )
        )
        base = ops.matmul(context, hidden_kernel) + hidden_bias
        return base, ops.matmul(context, direct_kernel) + output_bias

    def compute_output_spec(self, context: Any, values: Any, **_: Any) -> keras.KerasTensor:
        return keras.KerasTensor(values.shape, dtype=at_least_float32(self.compute_dtype))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "value_initializer": keras.initializers.serialize(self.value_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "dropout": self.dropout,
            "seed": self.seed,
        }
