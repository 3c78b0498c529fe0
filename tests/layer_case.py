"""A layer under test: how it is made and called, and the helpers of all checks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import keras
import numpy as np
from compiled import apply
from keras import ops

BATCH, TIME = 0, 1


@dataclass(frozen=True)
class LayerCase:
    """A layer, how it is configured and called, and what is expected of it.

    Attributes:
        layer_class: The class under test.
        config: Arguments of the constructor.
        input_shape: Shape of the inputs, batch included, all axes known. Axis 1 is time.
        trainable_weights: Expected number of trainable weight tensors.
        non_trainable_weights: Expected number of the others, states of seed generators excluded.
        call_kwargs: Arguments of every call besides the inputs; values that can be saved.
        output_shape: Expected shape of the output, batch included; a list of shapes where there are
            several outputs. Not compared if `None`.
        output_dtype: Expected dtype of the output where it is not the compute dtype of the policy.
        inputs: Function of shape and generator that draws inputs; standard normal if `None`.
        input_dtype: Dtype of the inputs.
        variable_length: Whether the layer takes any length of time, unknown when it is built.
        masking: Masks that the layer honours: `None`, `"right"` (padding on the right only) or
            `"any"` (anywhere, wholly masked rows included).
        not_in_config: Arguments of the constructor that are not in the config on purpose.
        tolerance: Largest difference, relative and absolute, between results that ought to agree.
        mixed_tolerance: The same between mixed and full precision.
    """

    layer_class: type[keras.layers.Layer]
    config: Mapping[str, Any]
    input_shape: tuple[int, ...]
    trainable_weights: int
    non_trainable_weights: int = 0
    call_kwargs: Mapping[str, Any] = field(default_factory=dict)
    output_shape: Any = None
    output_dtype: str | None = None
    inputs: Callable[[tuple[int, ...], np.random.Generator], np.ndarray] | None = None
    input_dtype: str = "float32"
    variable_length: bool = True
    masking: Literal["right", "any"] | None = None
    not_in_config: Collection[str] = ()
    tolerance: float = 1e-4
    mixed_tolerance: float = 3e-2

    def new_layer(self, **kwargs: Any) -> Any:
        return self.layer_class(**{**self.config, **kwargs})

    def new_inputs(
        self, batch: int | None = None, time: int | None = None, seed: int = 0
    ) -> np.ndarray:
        shape = list(self.input_shape)
        shape[BATCH] = batch or shape[BATCH]
        if time is not None:
            shape[TIME] = time
        rng = np.random.default_rng(seed)
        drawn = rng.normal(size=shape) if self.inputs is None else self.inputs(tuple(shape), rng)
        return np.asarray(drawn).astype(self.input_dtype)

    def symbolic_shape(self) -> tuple[int | None, ...]:
        """Input shape as far as the layer may know it in advance, without batch."""
        _, time, *features = self.input_shape
        return (None if self.variable_length else time, *features)

    def new_model(self, layer: Any | None = None) -> tuple[Any, Any]:
        """A functional model that is the layer, with weights that are not the initial ones."""
        layer = self.new_layer() if layer is None else layer
        inputs = keras.Input(self.symbolic_shape(), dtype=self.input_dtype, name="inputs")
        outputs = layer(inputs, **self.call_kwargs)
        disturb_weights(layer)
        return keras.Model(inputs, outputs), layer


def require(condition: bool, where: str, what: str) -> None:
    """Fail with the property and what was found."""
    if not condition:
        raise AssertionError(f"{where}: {what}")


def require_close(
    case: LayerCase, where: str, found: Any, expected: Any, tolerance: float | None = None
) -> None:
    """Fail unless two lists of outputs agree within the tolerance of the case."""
    tolerance = case.tolerance if tolerance is None else tolerance
    for i, (a, b) in enumerate(zip(found, expected, strict=True)):
        a, b = to_numpy(a).astype("float64"), to_numpy(b).astype("float64")
        require(a.shape == b.shape, where, f"output {i} has shape {a.shape}, expected {b.shape}")
        excess = np.abs(a - b) - tolerance * (1 + np.abs(b))
        ok = bool(np.all(excess <= 0))  # NaN is not
        require(ok, where, f"output {i} differs by up to {np.abs(a - b).max():.3g}")


def call(case: LayerCase, layer: Any, x: Any, kwargs: bool = True, **more: Any) -> list[Any]:
    """Outputs of a call as a flat list."""
    arguments = {**(case.call_kwargs if kwargs else {}), **more}
    outputs = apply(layer, ops.convert_to_tensor(x), **arguments)
    return [ops.stop_gradient(y) for y in keras.tree.flatten(outputs)]


def call_eagerly(case: LayerCase, layer: Any, x: Any) -> list[Any]:
    """Outputs of a call as a flat list, which no compiler has simplified."""
    outputs = layer(ops.convert_to_tensor(x), **case.call_kwargs)
    return [ops.stop_gradient(y) for y in keras.tree.flatten(outputs)]


def predict(model: Any, x: np.ndarray) -> list[np.ndarray]:
    """Outputs of `model.predict`, which compiles, as a flat list."""
    return keras.tree.flatten(model.predict(x, verbose=0))


def to_numpy(x: Any) -> np.ndarray:
    """A NumPy array of a tensor, a variable or an array."""
    return np.asarray(ops.convert_to_numpy(x))


def disturb_weights(layer: Any) -> None:
    """Add noise to all floating weights, so that none is zero and no two are alike."""
    rng = np.random.default_rng(0)
    for weight in layer.weights:
        if "float" in weight.dtype:
            noise = rng.uniform(0.02, 0.1, size=weight.shape) * rng.choice((-1, 1), weight.shape)
            weight.assign(to_numpy(weight) + noise)
