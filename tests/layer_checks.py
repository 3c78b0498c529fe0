"""The contract of a layer: what every layer of the package is run through, under any backend.

`check_layer` runs all checks, each of which raises an `AssertionError` that starts with the name of
the property; `CHECKS` maps the names to the checks, to parametrise a test over::

    CASE = LayerCase(LeakyRNN, {"units": 4}, (2, 5, 3), trainable_weights=3, output_shape=(2, 4))

    @pytest.mark.parametrize("name", CHECKS)
    def test_contract(name):
        CHECKS[name](CASE)
"""

from __future__ import annotations

import inspect
import json
import tempfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from layer_case import (
    BATCH,
    TIME,
    LayerCase,
    call,
    call_eagerly,
    disturb_weights,
    predict,
    require,
    require_close,
    to_numpy,
)
from layer_use import check_copies, check_lazy, check_one_at_a_time, check_quantized


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
    """Training, plain and compiled, moves every trainable weight and no other, stays finite, and
    can be kept by a checkpoint."""
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
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "epoch.keras"
            saving = keras.callbacks.ModelCheckpoint(path)
            history = trained.fit(
                x, targets, batch_size=2, epochs=2, verbose=0, callbacks=[saving]
            ).history
            saved = keras.saving.load_model(path)
        for weight, again in zip(trained.get_weights(), saved.get_weights(), strict=True):
            require(np.array_equal(weight, again), where, "a checkpoint has other weights")
        losses = history["loss"]
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
