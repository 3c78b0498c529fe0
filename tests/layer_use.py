"""Checks of a layer in the ways Keras users build and run it: see `layer_checks`."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from compiled import forget
from keras import ops
from layer_case import TIME, LayerCase, call, predict, require, require_close


def check_one_at_a_time(case: LayerCase) -> None:
    """One sequence at a time, each of another length: the commonest way to use a model.

    From the second length on, Keras traces with the batch known and the time unknown.
    """
    lengths = (9, 7, 5) if case.variable_length else (case.input_shape[TIME],)
    model, layer = case.new_model()
    for time in lengths:
        x = case.new_inputs(4, time)
        rows = [y[:1] for y in call(case, layer, x)]
        require_close(case, f"one at a time (length {time})", predict(model, x[:1]), rows)
        where = f"one at a time (length {time}, called)"
        require_close(case, where, call(case, layer, x[:1]), rows)


def check_lazy(case: LayerCase) -> None:
    """`fit` builds the layer: in a subclassed model, in a `Sequential`, in `Bidirectional`."""
    x = case.new_inputs(4)
    targets = np.random.default_rng(1).normal(size=(4, 1)).astype("float32")
    layers = {"alone": case.new_layer()}
    if isinstance(layers["alone"], keras.layers.RNN):
        layers["in Bidirectional"] = keras.layers.Bidirectional(case.new_layer())
    models = {name: Lazy(layer, case.call_kwargs) for name, layer in layers.items()}
    if len(case.new_model()[0].outputs) == 1 and not case.call_kwargs:
        models["in Sequential"] = keras.Sequential([case.new_layer(), Head()])
    for name, model in models.items():
        jit = keras.backend.backend() == "jax"
        model.compile(keras.optimizers.SGD(1e-3), "mse", jit_compile=jit)
        loss = model.fit(x, targets, batch_size=2, verbose=0).history["loss"][0]
        require(bool(np.isfinite(loss)), f"lazy ({name})", f"loss is {loss}")
        expected = case.trainable_weights + case.non_trainable_weights
        if name != "in Bidirectional":
            found = len(model.layers[0].weights)
            require(found == expected, f"lazy ({name})", f"{found} weights, expected {expected}")


def check_copies(case: LayerCase) -> None:
    """Clones, pickled copies and deep copies of a model compute what the model computes."""
    model, _ = case.new_model()
    x = case.new_inputs()
    expected = call(case, model, x, kwargs=False)
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    copies = {
        "clone": clone,
        "pickled": pickle.loads(pickle.dumps(model)),
        "deep copy": copy.deepcopy(model),
    }
    for name, other in copies.items():
        require_close(case, name, call(case, other, x, kwargs=False), expected)


def check_quantized(case: LayerCase) -> None:
    """A model with the layer can be quantized to int8, and still computes about the same."""
    model, layer = case.new_model()
    x = case.new_inputs()
    before = call(case, model, x, kwargs=False)
    with warnings.catch_warnings():  # Keras names the layers that have no int8 version
        warnings.simplefilter("ignore")
        model.quantize("int8")
    forget()
    require_close(case, "quantized", call(case, model, x, kwargs=False), before, 0.1)


@keras.saving.register_keras_serializable(package="layer_checks")
class Head(keras.layers.Layer):
    """A number for each row, of whatever comes: what makes any layer a model that can be fitted."""

    def build(self, *_: Any) -> None:
        self.scale = self.add_weight(name="scale", shape=(), initializer="ones")

    def call(self, inputs: Any) -> Any:
        parts = [ops.cast(y, "float32") for y in keras.tree.flatten(inputs)]
        means = [ops.mean(y, axis=tuple(range(1, len(y.shape))), keepdims=True) for y in parts]
        return self.scale * sum(ops.reshape(mean, (-1, 1)) for mean in means)

    def compute_mask(self, *_: Any, **__: Any) -> None:
        return None  # a number has no steps

    def compute_output_spec(self, inputs: Any) -> Any:
        return keras.KerasTensor((keras.tree.flatten(inputs)[0].shape[0], 1))


class Lazy(keras.Model):
    """A subclassed model: nothing is built before the first batch."""

    def __init__(self, layer: Any, call_kwargs: Mapping[str, Any]) -> None:
        super().__init__()
        self.layer, self.call_kwargs, self.head = layer, dict(call_kwargs), Head()

    def call(self, inputs: Any) -> Any:
        return self.head(self.layer(inputs, **self.call_kwargs))
