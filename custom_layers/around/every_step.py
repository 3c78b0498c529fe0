"""A model or layer applied to every step of a sequence."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from custom_layers.engine.tensor import Tensor


@keras.saving.register_keras_serializable(package="rnn_zoo")
class EveryStep(keras.layers.Wrapper):
    """Apply a layer to every step of a sequence, whatever the shape of a step is.

    With the layer `F` and the input `x`::

        y_bt = F(x_bt)

    Batch and time are merged into one axis for the layer, so that it runs once on many steps.
    `keras.layers.TimeDistributed` loops over the steps instead, and in a TensorFlow graph with an
    unknown time over as many as there are rows in the batch, which gives wrong results.

    Args:
        layer: The layer or model; its weights are shared by all steps.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: `(batch, time, ...)`; batch and time may be unknown.

    Output shape:
        `(batch, time, ...)`, as the layer has it for a batch of steps.

    Masking:
        A mask is passed on and not applied: masked steps are computed like all others, and a layer
        that mixes the examples of a batch (`BatchNormalization`) sees them.

    Raises:
        ValueError: If `layer` is not a Keras layer.

    Example:

    >>> import keras
    >>> frames = keras.Input((None, 8, 8, 1))
    >>> EveryStep(keras.layers.Conv2D(4, 3))(frames).shape
    (None, None, 6, 6, 4)
    """

    def __init__(self, layer: keras.layers.Layer, **kwargs: Any) -> None:
        if not isinstance(layer, keras.layers.Layer):
            raise ValueError(f"`layer` must be a Keras layer, found {layer!r}.")
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        if not self.layer.built:
            self.layer.build((None, *input_shape[2:]))
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        batch, time, *step = ops.shape(inputs)
        merged = ops.reshape(inputs, (batch * time, *step))
        # Keras passes `training` on to layers that are called inside of others.
        outputs = self.layer(merged)
        return ops.reshape(outputs, (batch, time, *ops.shape(outputs)[1:]))

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        batch, time, *step = input_shape
        return (batch, time, *self.layer.compute_output_shape((None, *step))[1:])

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> EveryStep:
        layer = keras.saving.deserialize_keras_object(
            config["layer"], custom_objects=custom_objects
        )
        return cls(**{**config, "layer": layer})  # Keras's own would modify `config`
