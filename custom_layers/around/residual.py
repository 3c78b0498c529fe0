"""Skip connections around recurrent layers, for deep stacks."""

from __future__ import annotations

import inspect
from typing import Any

import keras
from keras import ops

from custom_layers.engine.checks import (
    require_normalizable,
    require_number,
    require_one_of,
    require_sequences,
)
from custom_layers.engine.tensor import Tensor

Shape = tuple[int | None, ...]

_CONNECTIONS = ("residual", "dense")


@keras.saving.register_keras_serializable(package="rnn_zoo")
class ResidualRNN(keras.layers.Wrapper):
    """Skip connection around any recurrent layer.

    With the input `x`, the recurrent layer `F`, and `N` layer normalisation or the identity::

        residual   y_t = F(N(x))_t + P x_t     P = identity if the widths are equal,
                                               else a learned matrix, without bias
        dense      y_t = [x_t, F(N(x))_t]

    In a stack, the skips form a path on which neither values nor gradients are squashed: eight
    LSTMs, whose half-open gates quarter the signal in each layer, learn while the plain stack makes
    no progress. The values on that path add up, so with `layer_norm=True` end the stack with a
    `keras.layers.LayerNormalization`.

    Args:
        layer: Recurrent layer `F` with `return_sequences=True`: one of Keras or of this package,
            `keras.layers.RNN` of any cell, or `keras.layers.Bidirectional` of these. Its weights
            and dtype policy are kept.
        connection: `"residual"` or `"dense"`. Defaults to `"residual"`.
        layer_norm: Whether `N` is a `keras.layers.LayerNormalization`. Defaults to `False`, the
            identity. Needs at least 3 features: of one a constant would be left, and of two only
            their order. Leave it out of the first layer on raw data.
        dropout: Share of `N(x)` to drop in training before `F`, but not on the skip connection.
            Defaults to `0.0`.
        variational_dropout: Whether to drop the same features at all steps. Defaults to `False`.
        **kwargs: Keyword arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: Tensor of shape `(batch, time, features)`.
        initial_state: Optional initial states of `layer`.
        mask: Optional booleans `(batch, time)`, `True` at valid steps, passed to `layer`. With
            `initial_state` the implicit mask of the inputs is ignored, as in Keras's own layers:
            pass it as an argument.
        training: Passed to `layer` if it takes it.

    Input shape:
        `(batch, time, features)`; `batch` and `time` may be unknown.

    Output shape:
        `(batch, time, width)` with the width of `layer`, plus the number of features for
        `"dense"`. If `layer` has `return_state=True`, a tuple of this and of the states of `layer`.
        In the compute dtype.

    Masking:
        `layer` handles the mask. At masked steps recurrent layers repeat the output of the step
        before, and zeros in a `Bidirectional`; the skip connection adds or prepends `x_t` as at
        every other step. The mask is passed on.

    Raises:
        ValueError: If an argument or the shape of the inputs is invalid.

    Example:

    >>> import keras
    >>> x = inputs = keras.Input((None, 8))
    >>> for _ in range(4):
    ...     x = ResidualRNN(keras.layers.GRU(8, return_sequences=True), layer_norm=True)(x)
    >>> outputs = keras.layers.LayerNormalization()(x)
    >>> both_ways = keras.layers.Bidirectional(keras.layers.LSTM(6, return_sequences=True))
    >>> ResidualRNN(both_ways)(inputs).shape  # with a projection from 8 to 12
    (None, None, 12)
    >>> ResidualRNN(both_ways, connection="dense")(inputs).shape
    (None, None, 20)

    Reference:
        [He et al., 2016](https://arxiv.org/abs/1512.03385) for the residual and its projection,
        around recurrent layers [Wu et al., 2016](https://arxiv.org/abs/1609.08144), without a
        projection; [Huang et al., 2017](https://arxiv.org/abs/1608.06993) for the dense
        connections; [Xiong et al., 2020](https://arxiv.org/abs/2002.04745) for the place of the
        normalisation.
    """

    def __init__(
        self,
        layer: keras.layers.Layer,
        connection: str = "residual",
        layer_norm: bool = False,
        dropout: float = 0.0,
        variational_dropout: bool = False,
        **kwargs: Any,
    ) -> None:
        _check(layer)
        dropout = require_number("dropout", dropout, least=0, below=1)
        require_one_of("connection", connection, _CONNECTIONS)
        super().__init__(layer, **kwargs)
        self.connection = connection
        self.layer_norm = layer_norm
        self.dropout = dropout
        self.variational_dropout = variational_dropout
        self.dropping = None
        if dropout:
            kind = keras.layers.SpatialDropout1D if variational_dropout else keras.layers.Dropout
            self.dropping = kind(dropout, name="dropout")
        self.supports_masking = True
        self.normalization = (
            keras.layers.LayerNormalization(dtype=self.dtype_policy, name="normalization")
            if layer_norm
            else None
        )
        self.projection: Any = None
        self._arguments = frozenset(inspect.signature(layer.call).parameters)

    @property
    def return_sequences(self) -> bool:
        """Always true, like that of the layer inside."""
        return True

    @property
    def return_state(self) -> bool:
        """Whether to return the states of the layer inside as well."""
        return bool(getattr(self.layer, "return_state", False))

    def build(self, input_shape: Shape) -> None:
        features = require_sequences(input_shape)
        if self.normalization is not None:
            require_normalizable("features", features)
            self.normalization.build(input_shape)
        super().build(input_shape)
        width = self._layer_shapes(input_shape)[0][-1]
        if self.connection == "residual" and width != features:
            self.projection = keras.layers.Dense(
                width, use_bias=False, dtype=self.dtype_policy, name="projection"
            )
            self.projection.build(input_shape)
        self.input_spec = keras.layers.InputSpec(ndim=3, axes={-1: features})

    def call(
        self,
        inputs: Tensor,
        initial_state: Any = None,
        mask: Tensor | None = None,
        training: bool | None = None,
    ) -> Any:
        arguments = {"mask": mask, "training": training}
        arguments = {name: value for name, value in arguments.items() if name in self._arguments}
        if initial_state is not None:
            if "initial_state" not in self._arguments:
                raise ValueError(f"`initial_state` must be None: {self.layer!r} does not take it.")
            arguments["initial_state"] = initial_state
        x = inputs if self.normalization is None else self.normalization(inputs)
        if self.dropping is not None:
            x = self.dropping(x, training=training)
        outputs = self.layer(x, **arguments)
        # The layer may have a policy of its own.
        outputs = keras.tree.map_structure(lambda y: ops.cast(y, self.compute_dtype), outputs)
        y, *states = outputs if self.return_state else (outputs,)
        if self.connection == "dense":
            y = ops.concatenate([inputs, y], axis=-1)
        else:
            y = ops.add(y, inputs if self.projection is None else self.projection(inputs))
        return (y, *states) if self.return_state else y

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        # Not delegated to the layer inside: Keras intends to stop passing masks on.
        if not self.return_state:
            return mask
        return [mask] + [None] * len(self._layer_shapes(inputs.shape)[1])

    def compute_output_shape(self, input_shape: Shape) -> Any:
        shape, states = self._layer_shapes(input_shape)
        if self.connection == "dense":
            shape = (*shape[:-1], input_shape[-1] + shape[-1])  # type: ignore[operator]
        return (shape, *states) if self.return_state else shape

    def _layer_shapes(self, input_shape: Any) -> tuple[Shape, list[Any]]:
        """Shapes of the sequence and of the states that the layer inside returns."""
        shapes = self.layer.compute_output_shape(tuple(input_shape))
        shape, *states = shapes if self.return_state else (shapes,)
        return tuple(shape), states

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "connection": self.connection,
            "layer_norm": self.layer_norm,
            "dropout": self.dropout,
            "variational_dropout": self.variational_dropout,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> ResidualRNN:
        layer = keras.saving.deserialize_keras_object(
            config["layer"], custom_objects=custom_objects
        )
        return cls(**{**config, "layer": layer})  # Keras's own would modify `config`


def _check(layer: Any) -> None:
    """Check that this is a recurrent layer with one output at each step of its input."""
    if not isinstance(layer, keras.layers.Layer):
        raise ValueError(f"`layer` must be a recurrent keras.layers.Layer, found {layer!r}.")
    if not getattr(layer, "return_sequences", False):
        raise ValueError(
            "`layer` must be a recurrent layer with return_sequences=True: the skip connection "
            f"needs an output at every step, found {layer!r}."
        )
    if getattr(getattr(layer, "forward_layer", layer), "go_backwards", False):
        raise ValueError(
            "`layer` must not have go_backwards=True: its output is reversed in time and would not "
            f"line up with its input, found {layer!r}. Flip the inputs instead."
        )
    if getattr(layer, "merge_mode", "concat") is None:
        raise ValueError(
            "`layer` must return one sequence: a Bidirectional layer needs a `merge_mode`, "
            f"found None in {layer!r}."
        )
