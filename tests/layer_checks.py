"""The contract of a layer: what every layer of the package is run through, under any backend.

`check_layer` runs all checks, each of which raises an `AssertionError` that starts with the name of
the property; `CHECKS` maps the names to the checks, to parametrise a test over::

    CASE = LayerCase(LeakyRNN, {"units": 4}, (2, 5, 3), trainable_weights=3, output_shape=(2, 4))

    @pytest.mark.parametrize("name", CHECKS)
    def test_contract(name):
        CHECKS[name](CASE)
"""

from __future__ import annotations

import copy
import inspect
import json
import pickle
import tempfile
import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
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


def check_layer(
    layer_class: type[keras.layers.Layer],
    config: Mapping[str, Any],
    input_shape: tuple[int, ...],
    *,
    trainable_weights: int,
    non_trainable_weights: int = 0,
    skip: Collection[str] = (),
    **expected: Any,
) -> None:
    """Run a layer through all checks but those in `skip`.

    Args:
        layer_class: The class under test.
        config: Arguments of the constructor.
        input_shape: Shape of the inputs, batch included.
        trainable_weights: Expected number of trainable weight tensors.
        non_trainable_weights: Expected number of the others. Defaults to `0`.
        skip: Names of checks that are left out, see `CHECKS`.
        **expected: Other attributes of `LayerCase`.

    Raises:
        AssertionError: with the name of the first property that does not hold.
    """
    unknown = set(skip) - set(CHECKS)
    if unknown:
        raise ValueError(f"`skip` must name checks of {sorted(CHECKS)}, found {sorted(unknown)}.")
    case = LayerCase(
        layer_class,
        config,
        input_shape,
        trainable_weights=trainable_weights,
        non_trainable_weights=non_trainable_weights,
        **expected,
    )
    for name, check in CHECKS.items():
        if name not in skip:
            check(case)


def check_config(case: LayerCase) -> None:
    """All arguments are in the config, and a layer made from it after JSON computes the same."""
    layer = case.new_layer(name="the_name", trainable=False)
    config = layer.get_config()
    parameters = inspect.signature(case.layer_class.__init__).parameters.values()
    named = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    missing = (named | set(case.config)) - {"self"} - set(case.not_in_config) - set(config)
    require(not missing, "config", f"{sorted(missing)} not in get_config()")
    require(
        config["name"] == "the_name" and config["trainable"] is False,
        "config",
        f"name and trainable are lost: {config['name']!r}, {config['trainable']!r}",
    )
    known_as = keras.saving.get_registered_name(case.layer_class)
    own = not case.layer_class.__module__.startswith("keras.")
    require(not own or ">" in known_as, "config", f"{known_as} is not registered with a package")
    packed = keras.saving.serialize_keras_object(layer)
    unpacked = json.loads(json.dumps(packed))
    require(unpacked == packed, "config", f"JSON changes the config: {packed}")
    again = keras.saving.deserialize_keras_object(unpacked)
    require(type(again) is case.layer_class, "config", f"comes back as {type(again)}")
    require(
        again.get_config() == config,
        "config",
        f"changes in a round trip: {config} becomes {again.get_config()}",
    )
    direct = case.layer_class.from_config(config)
    require(direct.get_config() == config, "config", "from_config(get_config()) differs")
    x = case.new_inputs()
    layer(x, **case.call_kwargs)
    again(x, **case.call_kwargs)
    disturb_weights(layer)
    again.set_weights(layer.get_weights())
    require_close(case, "config", call(case, again, x), call(case, layer, x))


def check_build(case: LayerCase) -> None:
    """Building by shape makes the weights that calling makes, in the numbers expected."""
    called = case.new_layer()
    called(case.new_inputs(), **case.call_kwargs)
    built = case.new_layer()
    built.build((None, *case.symbolic_shape()))
    require(built.built, "build", "`built` is not set")
    for how, layer in (("built", built), ("called", called)):
        counts = (len(layer.trainable_weights), len(layer.non_trainable_weights))
        expected = (case.trainable_weights, case.non_trainable_weights)
        require(
            counts == expected,
            "build",
            f"{how}: (trainable, other) weights are {counts}, expected {expected}",
        )
    shapes = [[(w.path.split("/")[-1], tuple(w.shape)) for w in x.weights] for x in (built, called)]
    require(shapes[0] == shapes[1], "build", f"built {shapes[0]}, called {shapes[1]}")
    paths = [w.path for w in called.weights]
    require(len(set(paths)) == len(paths), "build", f"two weights of the same path: {paths}")
    called.trainable = False
    require(not called.trainable_weights, "build", "trainable=False leaves trainable weights")


def check_symbolic(case: LayerCase) -> None:
    """Shape and dtype announced for symbolic inputs are those of the result; so are the values."""
    model, layer = case.new_model()
    x = case.new_inputs()
    eager = call_eagerly(case, layer, x)
    if case.output_shape is not None:
        expected = case.output_shape
        expected = expected if isinstance(expected, list) else [expected]
        found = [tuple(y.shape) for y in eager]
        require(found == expected, "symbolic", f"output shape {found}, expected {expected}")
    fixed = layer.compute_output_spec(
        keras.KerasTensor(case.input_shape, dtype=case.input_dtype), **case.call_kwargs
    )
    for announced in (model.outputs, keras.tree.flatten(fixed)):
        require(len(announced) == len(eager), "symbolic", f"{len(announced)} outputs announced")
        for spec, y in zip(announced, eager, strict=True):
            fits = len(spec.shape) == len(y.shape) and all(
                a in (None, b) for a, b in zip(spec.shape, y.shape, strict=True)
            )
            require(fits, "symbolic", f"announced shape {spec.shape}, computed {y.shape}")
            dtype = keras.backend.standardize_dtype(y.dtype)
            require(spec.dtype == dtype, "symbolic", f"announced {spec.dtype}, computed {dtype}")
    shapes = [tuple(spec.shape) for spec in keras.tree.flatten(fixed)]
    exact = [tuple(y.shape) for y in eager]
    require(shapes == exact, "symbolic", f"for {case.input_shape}: {shapes}, computed {exact}")
    require_close(case, "symbolic", call(case, model, x, kwargs=False), eager)
    require_close(case, "symbolic (compiled)", predict(model, x), eager)
    require_close(case, "symbolic (called twice)", call(case, layer, x), eager)


def check_variable_length(case: LayerCase) -> None:
    """One model serves other batch sizes, and other lengths if it was built for any."""
    model, layer = case.new_model()
    if keras.backend.backend() == "tensorflow":
        model.compile(jit_compile=False)  # XLA would compile another program for each shape
    batch, time = case.input_shape[:2]
    lengths = (time + 3, 1) if case.variable_length else (time,)
    for rows, steps in [(batch + 1, length) for length in lengths] + [(1, time)]:
        x = case.new_inputs(rows, steps)
        called = call(case, layer, x)
        where = f"variable length (batch {rows}, time {steps})"
        for y in called:
            require(y.shape[BATCH] == rows, where, f"output of shape {y.shape}")
            require(np.isfinite(to_numpy(y)).all(), where, "output is not finite")
        require_close(case, where, predict(model, x), called)
        first = call(case, layer, x[:1])
        require_close(case, f"{where}: a row alone", first, [y[:1] for y in called])


def check_saving(case: LayerCase) -> None:
    """A `.keras` file gives back the layer with its weights."""
    model, layer = case.new_model()
    x = case.new_inputs()
    before = call(case, model, x, kwargs=False)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        loaded = keras.saving.load_model(path)
    for old, new in zip(model.weights, loaded.weights, strict=True):
        same = np.array_equal(to_numpy(old), to_numpy(new))
        require(same, "saving", f"weight {old.path} is not restored")
    require_close(case, "saving", call(case, loaded, x, kwargs=False), before)


def check_fit(case: LayerCase) -> None:
    """Training, plain and compiled, moves every trainable weight and no other, and stays finite."""
    for jit_compile in {"tensorflow": (False, True), "jax": (True,)}.get(
        keras.backend.backend(), (False,)
    ):
        model, layer = case.new_model()
        outputs = [y for y in model.outputs if "float" in y.dtype]
        if not outputs:
            return
        heads = [keras.layers.Dense(2)(y) for y in outputs]
        trained = keras.Model(model.inputs, heads)
        trained.compile(keras.optimizers.SGD(1e-2), loss="mse", jit_compile=jit_compile)
        x = case.new_inputs(4)
        rng = np.random.default_rng(1)
        specs = trained.compute_output_spec(keras.KerasTensor(x.shape, dtype=case.input_dtype))
        shapes = [spec.shape for spec in keras.tree.flatten(specs)]
        targets = [rng.normal(size=shape).astype("float32") for shape in shapes]
        targets = targets if len(targets) > 1 else targets[0]
        where = f"fit (jit_compile={jit_compile})"
        before = [(w, to_numpy(w).copy()) for w in layer.weights]
        history = trained.fit(x, targets, batch_size=2, epochs=2, verbose=0)
        losses = history.history["loss"]
        require(bool(np.isfinite(losses).all()), where, f"losses {losses}")
        trainable = {w.path for w in layer.trainable_weights}
        for weight, old in before:
            new = to_numpy(weight)
            require(bool(np.isfinite(new).all()), where, f"{weight.path} is not finite")
            moved = not np.array_equal(new, old)
            if weight.path in trainable:
                require(moved, where, f"trainable weight {weight.path} does not move")
            else:
                require(not moved, where, f"weight {weight.path} is not trainable, yet moves")


def check_mixed_precision(case: LayerCase) -> None:
    """Under a mixed policy weights stay float32 and the output is near that of full precision."""
    full_model, full = case.new_model()
    model, mixed = case.new_model(case.new_layer(dtype="mixed_float16"))
    mixed.set_weights(full.get_weights())
    for weight in mixed.weights:
        if "float" in weight.dtype:
            require(weight.dtype == "float32", "mixed precision", f"{weight.path}: {weight.dtype}")
    x = case.new_inputs()
    expected = case.output_dtype or "float16"
    exact, rounded = call_eagerly(case, full, x), call_eagerly(case, mixed, x)
    for spec, y in zip(model.outputs, rounded, strict=True):
        found = (spec.dtype, keras.backend.standardize_dtype(y.dtype))
        require(
            found == (expected, expected),
            "mixed precision",
            f"(announced, computed) dtypes are {found}, expected {expected}",
        )
    tolerance = case.mixed_tolerance
    require_close(case, "mixed precision", rounded, exact, tolerance)
    require_close(case, "mixed precision (compiled)", predict(model, x), exact, tolerance)


def check_masking(case: LayerCase) -> None:
    """What stands at masked steps has no influence, and a mask of only `True` none at all."""
    if case.masking is None:
        return
    model, layer = case.new_model()
    require(layer.supports_masking, "masking", "`supports_masking` is not set")
    batch, time = 4, max(5, case.input_shape[TIME] if not case.variable_length else 5)
    x, junk = case.new_inputs(batch, time), case.new_inputs(batch, time, seed=9)
    whole = call(case, layer, x, mask=np.ones((batch, time), bool))
    require_close(case, "masking (nothing masked)", whole, call(case, layer, x))
    steps = np.arange(time)
    right = steps < np.array([time, time - 2, 1, 2])[:, None]
    masks = {"right": right}
    if case.masking == "any":
        masks["left"] = right[:, ::-1]
        masks["between"] = (steps != time // 2) & (steps != 1) | np.zeros((batch, 1), bool)
        masks["whole rows"] = right & (np.arange(batch) % 2 == 1)[:, None]
    for name, mask in masks.items():
        where = f"masking ({name})"
        other = np.where(np.expand_dims(mask, tuple(range(2, x.ndim))), x, junk)
        for a, b in zip(
            call(case, layer, x, mask=mask), call(case, layer, other, mask=mask), strict=True
        ):
            a, b = to_numpy(a), to_numpy(b)
            if a.shape[:2] == (batch, time):
                a, b = a[mask], b[mask]
            require(bool(np.isfinite(a).all()), where, "output is not finite")
            require_close(case, where, [b], [a])


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
    require_close(case, "quantized", call(case, model, x, kwargs=False), before, 0.1)


@keras.saving.register_keras_serializable(package="layer_checks")
class Head(keras.layers.Layer):
    """A number for each row, of whatever comes: what makes any layer a model that can be fitted."""

    supports_masking = True

    def build(self, *_: Any) -> None:
        self.scale = self.add_weight(name="scale", shape=(), initializer="ones")

    def call(self, inputs: Any) -> Any:
        parts = [ops.cast(y, "float32") for y in keras.tree.flatten(inputs)]
        means = [ops.mean(y, axis=tuple(range(1, len(y.shape))), keepdims=True) for y in parts]
        return self.scale * sum(ops.reshape(mean, (-1, 1)) for mean in means)

    def compute_output_spec(self, inputs: Any) -> Any:
        return keras.KerasTensor((keras.tree.flatten(inputs)[0].shape[0], 1))


class Lazy(keras.Model):
    """A subclassed model: nothing is built before the first batch."""

    def __init__(self, layer: Any, call_kwargs: Mapping[str, Any]) -> None:
        super().__init__()
        self.layer, self.call_kwargs, self.head = layer, dict(call_kwargs), Head()

    def call(self, inputs: Any) -> Any:
        return self.head(self.layer(inputs, **self.call_kwargs))


CHECKS: dict[str, Callable[[LayerCase], None]] = {
    "config": check_config,
    "build": check_build,
    "symbolic": check_symbolic,
    "variable_length": check_variable_length,
    "saving": check_saving,
    "fit": check_fit,
    "mixed_precision": check_mixed_precision,
    "masking": check_masking,
    "one_at_a_time": check_one_at_a_time,
    "lazy": check_lazy,
    "copies": check_copies,
    "quantized": check_quantized,
}
"""The checks by name, in the order in which `check_layer` runs them."""


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
