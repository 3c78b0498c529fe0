"""The layer contract holds for a layer of Keras, and each check notices its fault."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from layer_checks import CHECKS, LayerCase, check_layer

pytestmark = pytest.mark.backend

LSTM = LayerCase(
    keras.layers.LSTM,
    {"units": 4, "return_sequences": True, "return_state": True},
    (2, 5, 3),
    trainable_weights=3,
    output_shape=[(2, 5, 4), (2, 4), (2, 4)],
    masking="any",
    not_in_config=("use_cudnn",),  # Keras does not serialise it
)


class Scale(keras.layers.Layer):
    """Sound layer: `y = gain * x + offset`, with a fixed offset. The broken ones derive from it."""

    def __init__(self, gain: float = 2.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.gain = gain
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight(name="scale", shape=(input_shape[-1],), initializer="ones")
        self.offset = self.add_weight(name="offset", shape=(), trainable=False)

    def call(self, inputs: Any, mask: Any = None) -> Any:
        return self.gain * self.scale * inputs + self.offset

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "gain": self.gain}


class ForgetsArgument(Scale):
    def get_config(self) -> dict[str, Any]:
        return {k: v for k, v in super().get_config().items() if k != "gain"}


class LosesArgument(Scale):
    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "gain": 1.0}


class LosesName(Scale):
    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "name": "another"}


class OneWeightMore(Scale):
    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        self.more = self.add_weight(name="more", shape=())


class WeightByTime(Scale):
    def build(self, input_shape: Any) -> None:
        super().build((input_shape[-1] if input_shape[1] is None else 1,))


class WrongShape(Scale):
    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], 7)


class WrongDtype(Scale):
    def compute_output_spec(self, inputs: Any, mask: Any = None) -> Any:
        return keras.KerasTensor(inputs.shape, dtype="float16")


class RandomResult(Scale):
    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        self.seeds = keras.random.SeedGenerator(1)

    def call(self, inputs: Any, mask: Any = None) -> Any:
        return super().call(inputs) + keras.random.normal(ops.shape(inputs), seed=self.seeds)


class RowsMeet(Scale):
    def call(self, inputs: Any, mask: Any = None) -> Any:
        return super().call(inputs) - ops.mean(inputs, axis=0, keepdims=True)


class FailsForOneStep(Scale):
    def call(self, inputs: Any, mask: Any = None) -> Any:
        centred = inputs - ops.mean(inputs, axis=1, keepdims=True)
        return super().call(centred / ops.sqrt(ops.mean(centred**2, axis=1, keepdims=True)))


class WeightsNotSaved(Scale):
    def save_own_variables(self, store: Any) -> None:
        store["0"] = np.zeros(self.scale.shape)
        store["1"] = np.zeros(())


class NoGradient(Scale):
    def call(self, inputs: Any, mask: Any = None) -> Any:
        return ops.stop_gradient(super().call(inputs))


class Drifts(Scale):
    def call(self, inputs: Any, mask: Any = None, training: bool = False) -> Any:
        if training:
            self.offset.assign(self.offset + 1.0)
        return super().call(inputs)


class IgnoresPolicy(Scale):
    def call(self, inputs: Any, mask: Any = None) -> Any:
        return ops.cast(super().call(inputs), "float32")


class Overflows(Scale):
    def call(self, inputs: Any, mask: Any = None) -> Any:
        return (super().call(inputs) * 1e5) / 1e5


class IgnoresMask(Scale):
    def call(self, inputs: Any, mask: Any = None) -> Any:
        return super().call(inputs - ops.mean(inputs, axis=1, keepdims=True))


class Coarse(Scale):
    def quantize(self, *_: Any, **__: Any) -> None:
        self.gain = 0.0


class EmptyRows(Scale):
    """Honours the mask, but divides by the number of steps."""

    def call(self, inputs: Any, mask: Any = None) -> Any:
        mask = ops.ones_like(inputs[..., 0]) if mask is None else ops.cast(mask, inputs.dtype)
        total = ops.sum(inputs * mask[..., None], axis=1)
        return super().call(total / ops.sum(mask, axis=1)[:, None])

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (input_shape[0], input_shape[2])


for _class in [Scale, *Scale.__subclasses__()]:
    keras.saving.register_keras_serializable(package="layer_checks_tests")(_class)


class NotRegistered(Scale):
    pass


def scale_case(layer_class: type = Scale, **changes: Any) -> LayerCase:
    expected = {"trainable_weights": 1, "non_trainable_weights": 1, "masking": "any"}
    return LayerCase(layer_class, {"gain": 3.0}, (2, 5, 3), **{**expected, **changes})


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("case", [LSTM, scale_case()], ids=["LSTM", "Scale"])
def test_sound_layer_passes(case: LayerCase, name: str) -> None:
    CHECKS[name](case)


@pytest.mark.filterwarnings("ignore:Gradients do not exist")  # of Keras, about NoGradient
@pytest.mark.parametrize(
    ("name", "layer_class", "message"),
    [
        ("config", ForgetsArgument, r"config: \['gain'\] not in"),
        ("config", LosesArgument, "config: output 0 differs"),
        ("config", LosesName, "config: name and trainable are lost"),
        ("config", NotRegistered, "config: NotRegistered is not registered"),
        ("build", OneWeightMore, "build: built: .* expected"),
        ("build", WeightByTime, "build: built .* called"),
        ("symbolic", WrongShape, "symbolic: announced shape"),
        ("symbolic", WrongDtype, "symbolic: announced float16, computed float32"),
        ("symbolic", RandomResult, "symbolic: output 0 differs"),
        ("variable_length", RowsMeet, "variable length .*: a row alone: output 0 differs"),
        ("variable_length", FailsForOneStep, "variable length .*time 1.*: output is not finite"),
        ("saving", WeightsNotSaved, "saving: weight .* is not restored"),
        ("fit", NoGradient, "fit .*: trainable weight .* does not move"),
        ("fit", Drifts, "fit .*: weight .* is not trainable, yet moves"),
        ("mixed_precision", IgnoresPolicy, r"mixed precision: \(announced, computed\) dtypes"),
        ("mixed_precision", Overflows, "mixed precision: output 0 differs"),
        ("masking", IgnoresMask, r"masking \(right\): output 0 differs"),
        ("masking", EmptyRows, r"masking \(whole rows\): output is not finite"),
        ("one_at_a_time", RowsMeet, r"one at a time \(length 9\): output 0 differs"),
        ("lazy", OneWeightMore, r"lazy \(alone\): 3 weights, expected 2"),
        ("copies", ForgetsArgument, "clone: output 0 differs"),
        ("quantized", Coarse, "quantized: output 0 differs"),
    ],
)
def test_broken_layer_is_caught(name: str, layer_class: type, message: str) -> None:
    with pytest.raises(AssertionError, match=message), np.errstate(all="ignore"):
        CHECKS[name](scale_case(layer_class))


def test_expected_output_shape_and_masking_support_are_compared() -> None:
    with pytest.raises(AssertionError, match="symbolic: output shape"):
        CHECKS["symbolic"](scale_case(output_shape=(2, 5, 4)))

    class NoSupport(Scale):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.supports_masking = False

    with pytest.raises(AssertionError, match="masking: `supports_masking` is not set"):
        CHECKS["masking"](scale_case(NoSupport))


def test_check_layer_runs_all_but_what_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    for name in list(CHECKS):
        monkeypatch.setitem(CHECKS, name, lambda case, name=name: ran.append(name))
    check_layer(Scale, {}, (2, 5, 3), trainable_weights=1, skip=("fit",), masking="any")
    assert ran == [name for name in CHECKS if name != "fit"]
    with pytest.raises(ValueError, match="`skip` must name checks .* found \\['nothing'\\]"):
        check_layer(Scale, {}, (2, 5, 3), trainable_weights=1, skip=("nothing",))
