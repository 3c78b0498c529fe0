"""How the gradient of a loss flows back through time: the norm of dL/ds_t for every step t.

for flow in gradient_flow(model, x, y, keras.losses.MeanSquaredError()):
    flow.layer, flow.norms, flow.span(), flow.vanishing().mean(), flow.exploding().any()

A network can only learn from a step to the extent that the gradient reaches it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from custom_layers import ResidualRNN
from custom_layers.engine.checks import require_number

#: Norms between which float32 training can learn from a step.
VANISHING, EXPLODING = 1e-6, 1e10

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class GradientFlow:
    """The gradient of the loss with respect to the states of one recurrent layer.

    Attributes:
        layer: Name of the layer.
        by_state: Norm of the gradient with respect to each state that the layer carries and reads
            again (h; h and c of an LSTM), (states, time), as the root mean square over the
            examples.
        backwards: Whether the layer reads from the last step to the first.
    """

    layer: str
    by_state: Array
    backwards: bool = False

    @property
    def norms(self) -> Array:
        """The norm with respect to all states that a step passes to the next one, (time,)."""
        return np.sqrt(np.square(self.by_state.astype("float64")).sum(axis=0))

    def vanishing(self, threshold: float = VANISHING) -> Array:
        """Whether the norm is below the threshold, booleans (time,)."""
        return self.norms < threshold

    def exploding(self, threshold: float = EXPLODING) -> Array:
        """Whether the norm is above the threshold or NaN, booleans (time,)."""
        return ~(self.norms <= threshold)

    def span(self, share: float = 0.01) -> int:
        """The memory span: for how many steps back the norm stays at least a share of the last one.

        Args:
            share: Share of the norm at the last step, above 0.

        Returns:
            0 to time - 1, counted from the last step with a nonzero norm, as it is 0 at padding and
            after the loss. A norm that grows on the way back, or overflows, counts as not having
            fallen.

        Raises:
            ValueError: If `share` is not above 0.
        """
        require_number("share", share, above=0)
        back = self.norms if self.backwards else self.norms[::-1]
        back = back[np.argmax(back != 0) :] if back.any() else back[:1]
        fallen = back[1:] < share * back[0]
        return int(np.argmax(fallen)) if fallen.any() else len(fallen)


def gradient_flow(
    model: keras.Model,
    inputs: Any,
    targets: Any,
    loss: keras.losses.Loss,
    *,
    sample_weight: Any = None,
) -> list[GradientFlow]:
    """The norm of dL/ds_t for every step t of every recurrent layer of a model.

    With all states s_t of the cell after step t, and e_t = 0 added to them there::

        s_t = f(x_t, s_{t-1}) + e_t                dL/ds_t = dL/de_t

    which is the total derivative, over all effects of s_t at this and every later step. L is the
    loss of an example. The e_t are weights of a copy of the model, and one step of gradient descent
    with a rate of 1 leaves minus the gradient in them. So this measures the backend's own
    differentiation, on TensorFlow, JAX and PyTorch alike. Dropout is off, models in half precision
    are studied in float32, and the model itself is not changed.

    Args:
        model: A functional or sequential model. Its recurrent layers may be any `keras.layers.RNN`
            with one cell, directly or in `keras.layers.Bidirectional` or
            `custom_layers.ResidualRNN`.
        inputs: Inputs of the model, as arrays.
        targets: Targets of the loss, an array.
        loss: A loss that is a mean over the examples, as Keras's losses are by default.
        sample_weight: Weight of each example, or of each of its steps, in the loss. With targets at
            every step, use zeros at all but the last steps to see how these depend on earlier ones.

    Returns:
        A `GradientFlow` for each recurrent layer, two for a `Bidirectional`, in the order of the
        layers. Norms are 0 at masked steps, which the states pass unchanged.

    Raises:
        ValueError: If the model is of another kind, has no recurrent layer, or has one in a nested
            model.

    Example:
        >>> import keras, numpy as np, zoo
        >>> model = zoo.sequence_model(features=2, outputs=1, cell="lstm", units=8)
        >>> x, y = np.ones((4, 20, 2), "float32"), np.ones((4, 1), "float32")
        >>> (flow,) = zoo.gradient_flow(model, {"x": x}, y, keras.losses.MeanSquaredError())
        >>> flow.layer, flow.by_state.shape, flow.norms.shape
        ('recurrent_0', (2, 20), (20,))

    Reference:
        [Pascanu et al., 2013](https://arxiv.org/abs/1211.5063) for the norms and their growth and
        decay; [Bengio et al., 1994](https://doi.org/10.1109/72.279181) for what follows from it.
    """
    try:  # without its optimizer and loss
        if isinstance(model, keras.Sequential):
            plain = keras.Model(model.inputs[0], model.outputs[0])
        else:
            plain = keras.Model(model.input, model.output)
    except (AttributeError, TypeError, ValueError):
        raise ValueError(
            f"`model` must be functional or a built `keras.Sequential`, found {model!r}."
        ) from None
    arrays = keras.tree.map_structure(np.asarray, inputs)
    concrete = keras.tree.map_structure(
        lambda tensor, array: keras.Input(
            batch_shape=array.shape, dtype=_precise(tensor.dtype), name=tensor.name
        ),
        plain.input,
        arrays,
    )
    copy = keras.models.clone_model(plain, input_tensors=concrete, clone_function=_probed)
    probes = [probe for layer in copy.layers for probe in _probes_in(layer)]
    for layer in copy.layers:
        if isinstance(layer, keras.Model) and _is_recurrent(layer):
            raise ValueError(
                f"The recurrent layers of {layer.name!r}, a model within {model.name!r}, cannot be "
                "inspected: build one model of all layers."
            )
    if not probes:
        raise ValueError(f"`model` has no recurrent layer: {model.name!r}.")
    shifts = {id(shift) for probe in probes for shift in probe.shifts}
    weights = [weight for weight in copy.weights if id(weight) not in shifts]
    for weight, original in zip(weights, plain.weights, strict=True):
        # A copy, as JAX donates the buffers of the weights that it trains.
        weight.assign(ops.convert_to_numpy(original))
        weight.trainable = False
    inference = _WithoutDropout(copy)
    jit = keras.backend.backend() == "jax"  # elsewhere compiling takes longer than it saves
    inference.compile(keras.optimizers.SGD(1.0), loss, jit_compile=jit, auto_scale_loss=False)
    with _quiet("tensorflow"):  # its warning about retracing, which is intended
        inference.train_on_batch(arrays, np.asarray(targets), sample_weight=sample_weight)
    return [probe.flow() for probe in probes]


class _WithoutDropout(keras.Model):
    """A model that runs in inference mode even when it is trained."""

    def __init__(self, model: keras.Model) -> None:
        super().__init__(name="without_dropout", autocast=False)
        self.model = model

    def call(self, inputs: Any) -> Any:
        return self.model(inputs, training=False)


@keras.saving.register_keras_serializable(package="rnn_zoo")
class _ProbedCell(keras.layers.Layer):
    """A cell that shifts its states after each step by shifts appended to the inputs."""

    def __init__(self, cell: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cell = cell
        sizes = cell.state_size
        self.sizes = [sizes] if isinstance(sizes, int) else list(sizes)
        if not all(isinstance(size, int) for size in self.sizes):
            raise ValueError(
                f"Layers of stacked cells cannot be inspected, found {cell!r}: give each cell a "
                "layer of its own."
            )
        self.state_size = self.sizes
        self.output_size = getattr(cell, "output_size", None) or self.sizes[0]

    def build(self, input_shape: tuple[Any, ...]) -> None:
        self.cell.build((input_shape[0], input_shape[-1] - sum(self.sizes)))

    def get_initial_state(self, batch_size: Any = None) -> Any:
        return self.cell.get_initial_state(batch_size)

    def call(self, inputs: Any, states: Any) -> tuple[Any, list[Any]]:
        places = np.cumsum(self.sizes)
        width = inputs.shape[-1] - int(places[-1])
        x, *shifts = ops.split(inputs, [width, *(width + places[:-1]).tolist()], axis=-1)
        output, new = self.cell(x, states)
        shifted = [state + shift for state, shift in zip(new, shifts, strict=True)]
        return shifted[0] if output is new[0] else output, shifted

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "cell": keras.saving.serialize_keras_object(self.cell)}


@keras.saving.register_keras_serializable(package="rnn_zoo")
class _StateProbe(keras.layers.RNN):
    """A recurrent layer with a trainable shift, initially zero, of every state at every step."""

    def __init__(self, cell: Any, **kwargs: Any) -> None:
        super().__init__(_ProbedCell(cell, dtype=cell.dtype_policy), **kwargs)

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        batch, time, width = sequences_shape
        self.shifts = [
            self.add_weight(name=f"shift_{index}", shape=(batch, time, size), initializer="zeros")
            for index, size in enumerate(self.cell.sizes)
        ]
        super().build((batch, time, width + sum(self.cell.sizes)), initial_state_shape)

    def call(
        self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False
    ) -> Any:
        shifts = [ops.cast(ops.convert_to_tensor(s), sequences.dtype) for s in self.shifts]
        sequences = ops.concatenate([sequences, *shifts], axis=-1)
        return super().call(sequences, initial_state=initial_state, mask=mask, training=training)

    def flow(self) -> GradientFlow:
        """The gradient flow, from the shifts after a step of gradient descent with rate 1."""
        norms = []
        for shift in self.shifts:
            gradient = ops.convert_to_numpy(shift).astype("float64")
            batch = len(gradient)  # the loss is a mean over the batch
            norms.append(batch * np.sqrt(np.square(gradient).sum(axis=-1).mean(axis=0)))
        unread = int(getattr(self.cell.cell, "output_is_not_read", False))
        return GradientFlow(self.name, np.stack(norms[unread:]), self.go_backwards)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "cell": self.cell.get_config()["cell"]}


def _probed(layer: Any) -> Any:
    """A copy of a layer without its weights, and with shifts if it is recurrent."""
    if isinstance(layer, keras.layers.RNN):
        return _StateProbe(
            _copy(layer.cell),
            return_sequences=layer.return_sequences,
            return_state=layer.return_state,
            go_backwards=layer.go_backwards,
            zero_output_for_mask=layer.zero_output_for_mask,
            name=layer.name,
            dtype=_precise(layer.dtype_policy.name),
        )
    if isinstance(layer, keras.layers.Bidirectional):
        return keras.layers.Bidirectional(
            _probed(layer.forward_layer),
            backward_layer=_probed(layer.backward_layer),
            merge_mode=layer.merge_mode,
            name=layer.name,
        )
    if isinstance(layer, ResidualRNN):
        inside = keras.saving.serialize_keras_object(_probed(layer.layer))
        return ResidualRNN.from_config({**_in_float32(layer.get_config()), "layer": inside})
    return _copy(layer)


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Suppress the warnings of a logger."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _copy(layer: Any) -> Any:
    return layer.__class__.from_config(_in_float32(layer.get_config()))


def _in_float32(config: Any) -> Any:
    """The config without half precision, which would lose small and large gradients."""
    if isinstance(config, list):
        return [_in_float32(part) for part in config]
    if not isinstance(config, dict):
        return config
    if config.get("class_name") == "DTypePolicy":
        return _precise(config["config"]["name"])
    return {name: _in_float32(part) for name, part in config.items()}


def _precise(dtype: str) -> str:
    """A dtype or policy, with float32 in place of half precision."""
    return "float32" if dtype.endswith("float16") else dtype


def _is_recurrent(layer: Any) -> bool:
    if isinstance(layer, keras.Model):
        return any(map(_is_recurrent, layer.layers))
    return any(True for _ in _probes_in(layer)) or isinstance(layer, keras.layers.RNN)


def _probes_in(layer: Any) -> Iterator[_StateProbe]:
    if isinstance(layer, _StateProbe):
        yield layer
    elif isinstance(layer, ResidualRNN):
        yield from _probes_in(layer.layer)
    elif isinstance(layer, keras.layers.Bidirectional):
        yield from _probes_in(layer.forward_layer)
        yield from _probes_in(layer.backward_layer)
