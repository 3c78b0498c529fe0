"""Layers on the frames of a sequence: normalise, stack and mask out."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from custom_layers.engine.checks import require_integer, require_number
from custom_layers.engine.masking import valid_steps, zero_masked
from custom_layers.engine.precision import at_least_float32
from custom_layers.engine.tensor import Tensor


@keras.saving.register_keras_serializable(package="rnn_zoo")
class SequenceNormalization(keras.layers.Layer):
    """Normalises each feature to mean 0 and variance 1 over the steps of its own sequence.

    With the valid steps `V` of a sequence::

        y_t = (x_t - m) / sqrt(v + epsilon)     m = mean of x_t over V,  v = variance over V

    In speech recognition this is cepstral mean and variance normalisation: it removes the loudness
    and the colouring by microphone and room. It needs the whole sequence, so it is not suitable for
    streaming.

    Args:
        epsilon: Number added to the variance. Defaults to `1e-3`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: `(batch, time, features)`.
        mask: Optional booleans `(batch, time)`, `True` at valid steps.

    Output shape:
        That of the inputs, in the compute dtype; computed at least in float32.

    Masking:
        Steps may be masked anywhere; their values, NaN included, have no influence. Their outputs
        are zeros.

    Raises:
        ValueError: If `epsilon` is not above 0.

    Example:

    >>> import keras, numpy as np
    >>> x = np.array([[[1.0], [3.0], [9.0]]], dtype="float32")
    >>> mask = np.array([[True, True, False]])
    >>> y = SequenceNormalization(epsilon=1e-9)(x, mask=mask)
    >>> np.round(keras.ops.convert_to_numpy(y), 3).tolist()
    [[[-1.0], [1.0], [0.0]]]

    Reference:
        [Viikki and Laurila, 1998](https://doi.org/10.1016/S0167-6393(98)00033-8).
    """

    def __init__(self, epsilon: float = 1e-3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.epsilon = require_number("epsilon", epsilon, above=0)
        self.supports_masking = True

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        precise = at_least_float32(self.compute_dtype)
        mask = valid_steps(inputs, mask)
        x = zero_masked(ops.cast(inputs, precise), mask)
        count = ops.sum(ops.cast(mask, precise), axis=1)[:, None, None]
        count = ops.maximum(count, 1.0)
        mean = ops.sum(x, axis=1, keepdims=True) / count
        x = zero_masked(x - mean, mask)
        variance = ops.sum(ops.square(x), axis=1, keepdims=True) / count
        return ops.cast(x * ops.rsqrt(variance + self.epsilon), self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "epsilon": self.epsilon}


@keras.saving.register_keras_serializable(package="rnn_zoo")
class StackFrames(keras.layers.Layer):
    """Concatenates every `factor` steps of a sequence to one step.

        y_j = [x_{k j}, x_{k j + 1}, ..., x_{k j + k - 1}]     k = factor

    The next recurrent layer then takes a k-th of the steps, and no input is lost.

    Args:
        factor: `k`. Defaults to `2`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: `(batch, time, features)`.
        mask: Optional booleans `(batch, time)`, `True` at valid steps.

    Output shape:
        `(batch, ceil(time / factor), factor * features)`, in the compute dtype.

    Masking:
        Masked steps become zeros, as do those that fill up the last stack. Masked steps should be
        on the right: the output mask is `mask[:, ::factor]`.

    Raises:
        ValueError: If `factor` is not a positive integer.

    Example:

    >>> import keras, numpy as np
    >>> x = np.arange(1, 6, dtype="float32").reshape(1, 5, 1)
    >>> keras.ops.convert_to_numpy(StackFrames(2)(x)).tolist()
    [[[1.0, 2.0], [3.0, 4.0], [5.0, 0.0]]]

    Reference:
        [Sak et al., 2015](https://arxiv.org/abs/1507.06947).
    """

    def __init__(self, factor: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = require_integer("factor", factor)
        self.supports_masking = True

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        x, k = inputs, self.factor
        if mask is not None:
            x = zero_masked(x, ops.cast(mask, "bool"))
        x = ops.pad(x, ((0, 0), (0, k - 1), (0, 0)))
        batch, time, features = ops.shape(x)
        steps = time // k
        return ops.reshape(x[:, : steps * k], (batch, steps, k * features))

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return None if previous_mask is None else previous_mask[:, :: self.factor]

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        batch, time, features = input_shape
        return (
            batch,
            None if time is None else -(-time // self.factor),
            None if features is None else self.factor * features,
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor}


@keras.saving.register_keras_serializable(package="rnn_zoo")
class SpecAugment(keras.layers.Layer):
    """In training, masks out random spans of time and bands of features of each sequence.

    Each of `time_masks` spans starts anywhere and covers 0 to `time_width` steps; each of
    `feature_masks` bands covers 0 to `feature_width` neighbouring features. Masked values are set
    to 0, the mean of normalised features. Does nothing outside of training.

    Args:
        time_masks: Number of spans. Defaults to `2`.
        time_width: Largest number of steps of a span. Defaults to `10`.
        feature_masks: Number of bands. Defaults to `2`.
        feature_width: Largest number of features of a band. Defaults to `8`.
        seed: Integer seed of the random generator. Defaults to `None`, a random seed.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: `(batch, time, features)`.
        mask: Optional booleans `(batch, time)`; spans start within the valid steps.
        training: Whether to mask anything.

    Output shape:
        That of the inputs, in the compute dtype.

    Masking:
        A mask is passed on; masked steps keep their values or become 0.

    Raises:
        ValueError: If a number is negative.

    Example:

    >>> import numpy as np
    >>> x = np.ones((1, 50, 40), "float32")
    >>> y = SpecAugment(seed=0)(x, training=True)
    >>> bool((np.asarray(y) == 0).any()), bool((np.asarray(SpecAugment()(x)) == 1).all())
    (True, True)

    Reference:
        [Park et al., 2019](https://arxiv.org/abs/1904.08779), without the time warping.
    """

    def __init__(
        self,
        time_masks: int = 2,
        time_width: int = 10,
        feature_masks: int = 2,
        feature_width: int = 8,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.time_masks = require_integer("time_masks", time_masks, least=0)
        self.time_width = require_integer("time_width", time_width, least=0)
        self.feature_masks = require_integer("feature_masks", feature_masks, least=0)
        self.feature_width = require_integer("feature_width", feature_width, least=0)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def call(self, inputs: Tensor, mask: Tensor | None = None, training: bool = False) -> Tensor:
        if not training:
            return inputs
        batch, time, features = ops.shape(inputs)
        lengths = ops.full((batch, 1), time, dtype="int32")
        if mask is not None:
            lengths = ops.sum(ops.cast(mask, "int32"), axis=1, keepdims=True)
        steps = self._kept(time, lengths, self.time_masks, self.time_width)
        widths = ops.full((batch, 1), features, dtype="int32")
        bands = self._kept(features, widths, self.feature_masks, self.feature_width)
        kept = ops.logical_and(steps[:, :, None], bands[:, None, :])
        return ops.where(kept, inputs, ops.zeros_like(inputs))

    def _kept(self, size: Any, used: Tensor, masks: int, width: int) -> Tensor:
        """`True` outside of all masks, `(batch, size)`. Masks start in the first `used` places."""
        batch = ops.shape(used)[0]
        if not masks:
            return ops.ones((batch, size), dtype="bool")
        drawn = keras.random.uniform((2, batch, masks), dtype="float32", seed=self.seed_generator)
        length = ops.floor(drawn[1] * (width + 1))
        starts = ops.maximum(ops.cast(used, "float32") - length + 1, 1.0)
        start = ops.floor(drawn[0] * starts)
        place = ops.cast(ops.arange(size), "float32")[None, :, None]
        covered = ops.logical_and(place >= start[:, None], place < (start + length)[:, None])
        return ops.logical_not(ops.any(covered, axis=-1))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "time_masks": self.time_masks,
            "time_width": self.time_width,
            "feature_masks": self.feature_masks,
            "feature_width": self.feature_width,
            "seed": self.seed,
        }
