"""The recurrent stack against the equations of its docstring, written out in float64 numpy."""

from __future__ import annotations

import inspect
import itertools
import warnings

import keras
import numpy as np
import pytest
from compiled import apply

import zoo
from custom_layers import ResidualRNN

pytestmark = pytest.mark.backend

BATCH, TIME, FEATURES, UNITS = 3, 6, 4, 5
RIGHT = np.array([[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0], [1, 0, 0, 0, 0, 0]], bool)


def make(inputs: int = FEATURES, masked: bool = True, **options):
    """A model that is nothing but a stack, with random distinct weights."""
    x = keras.Input((None, inputs), name="x")
    mask = keras.Input((None,), dtype="bool", name="mask")
    y = zoo.recurrent_stack(x, mask=mask if masked else None, **options)
    model = keras.Model({"x": x, "mask": mask} if masked else {"x": x}, y)
    random = np.random.default_rng(1)
    model.set_weights([random.normal(0, 0.4, w.shape) for w in model.get_weights()])
    return model


def sequence(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(BATCH, TIME, FEATURES)).astype("float32")


def simple_rnn(x, mask, kernel, recurrent, bias, activation=np.tanh):
    """h_t = f(x_t W + h_{t-1} U + b); masked steps keep h."""
    h, out = np.zeros((len(x), recurrent.shape[0])), []
    for t in range(x.shape[1]):
        new = activation(x[:, t] @ kernel + h @ recurrent + bias)
        h = np.where(mask[:, t, None], new, h)
        out.append(h)
    return np.stack(out, axis=1)


def layer_norm(x, gamma, beta, epsilon=1e-3):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt(x.var(-1, keepdims=True) + epsilon) * gamma + beta


def reference(model, x, mask, *, depth, bidirectional, merge_mode, connection, norm):
    """What the stack should give, from the weights of the model's layers by their names."""
    layers = {layer.name: layer for layer in model.layers}
    for layer in model.layers:
        if isinstance(layer, ResidualRNN):
            layers[layer.layer.name] = layer.layer
            layers[f"{layer.layer.name}_norm"] = layer.normalization
            layers[f"{layer.layer.name}_projection"] = layer.projection
    weights = {
        name: [np.asarray(w, np.float64) for w in layer.get_weights()]
        for name, layer in layers.items()
        if layer is not None
    }
    x = x.astype(np.float64)
    for index in range(depth):
        y = layer_norm(x, *weights[f"recurrent_{index}_norm"]) if norm and index else x
        found = weights[f"recurrent_{index}"]
        forward = simple_rnn(y, mask, *found[:3])
        if bidirectional:
            backward = simple_rnn(y[:, ::-1], mask[:, ::-1], *found[3:])[:, ::-1]
            y = (
                np.concatenate([forward, backward], -1)
                if merge_mode == "concat"
                else forward + backward
            )
        else:
            y = forward
        if connection == "residual":
            if x.shape[-1] != y.shape[-1]:
                x = x @ weights[f"recurrent_{index}_projection"][0]
            y = x + y
        elif connection == "dense":
            y = np.concatenate([x, y], -1)
        x = y
    if norm:
        x = layer_norm(x, *weights["recurrent_norm"])
    return x


@pytest.mark.parametrize(
    ("direction", "connection", "norm"),
    list(itertools.product((None, "concat", "sum"), ("none", "residual", "dense"), (False, True))),
)
def test_equation(direction, connection, norm):
    options = {
        "depth": 2,
        "bidirectional": direction is not None,
        "merge_mode": direction or "concat",
        "connection": connection,
    }
    model = make(cell="simple", units=UNITS, layer_norm=norm, **options)
    x = sequence()
    got = keras.ops.convert_to_numpy(apply(model, {"x": x, "mask": RIGHT}))
    want = reference(model, x, RIGHT, norm=norm, **options)
    np.testing.assert_allclose(got[RIGHT], want[RIGHT], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cell", ["simple", "lstm", "gru"])
def test_padding_does_not_matter(cell):
    model = make(cell=cell, units=UNITS, depth=2, bidirectional=True, connection="residual")
    x = sequence()
    other = np.where(RIGHT[..., None], x, 7.0).astype("float32")
    first, second = (
        keras.ops.convert_to_numpy(apply(model, {"x": values, "mask": RIGHT}))
        for values in (x, other)
    )
    np.testing.assert_allclose(first[RIGHT], second[RIGHT], rtol=1e-5, atol=1e-6)
    short = keras.ops.convert_to_numpy(apply(model, {"x": x[1:2, :3], "mask": RIGHT[1:2, :3]}))
    np.testing.assert_allclose(first[1, :3], short[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cell", ["simple", "lstm", "gru"])
def test_one_direction_is_causal_and_two_are_not(cell):
    x = sequence()
    later = x.copy()
    later[:, 4] += 1.0
    for bidirectional in (False, True):
        model = make(masked=False, cell=cell, units=UNITS, depth=2, bidirectional=bidirectional)
        before, after = (keras.ops.convert_to_numpy(apply(model, {"x": v})) for v in (x, later))
        changed = np.abs(before - after).max(axis=(0, 2)) > 0
        assert changed.tolist() == [bidirectional] * 4 + [True] * 2


@pytest.mark.parametrize(("cell", "gates"), [("simple", 1), ("gru", 3), ("lstm", 4)])
def test_recurrent_weights_start_orthogonal_in_each_gate(cell, gates):
    x = keras.Input((None, FEATURES))
    model = keras.Model(x, zoo.recurrent_stack(x, cell=cell, units=UNITS))
    recurrent = model.get_layer("recurrent_0").get_weights()[1]
    assert recurrent.shape == (UNITS, gates * UNITS)
    for gate in np.split(recurrent, gates, axis=1):
        np.testing.assert_allclose(gate @ gate.T, np.eye(UNITS), atol=1e-5)


@pytest.mark.parametrize("cell", sorted(set(zoo.CELLS) - {"simple", "lstm", "gru"}))
def test_every_cell_stacks_in_both_directions_and_saves(cell, tmp_path):
    options = {"depth": 2, "bidirectional": True, "connection": "residual", "layer_norm": True}
    model = make(cell=cell, units=UNITS, initial_state="learned", dropout=0.1, **options)
    x = sequence()
    found = keras.ops.convert_to_numpy(apply(model, {"x": x, "mask": RIGHT}))
    other = np.where(RIGHT[..., None], x, 7.0).astype("float32")
    again = keras.ops.convert_to_numpy(apply(model, {"x": other, "mask": RIGHT}))
    np.testing.assert_allclose(found[RIGHT], again[RIGHT], rtol=1e-5, atol=1e-6)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(apply(loaded, {"x": x, "mask": RIGHT})),
        found,
        rtol=1e-5,
        atol=1e-6,
    )


def test_cell_options_reach_the_layer_and_are_checked():
    x = keras.Input((None, FEATURES))
    y = zoo.recurrent_stack(x, cell="delay", units=UNITS, cell_options={"delays": [2, 3]})
    assert keras.Model(x, y).get_layer("recurrent_0").cell.delays == [2, 3]
    with pytest.raises(ValueError, match="not 'delay'; did you mean 'delays'"):
        zoo.recurrent_stack(x, cell="delay", units=UNITS, cell_options={"delay": 2})
    with pytest.raises(ValueError, match="a trainable recurrent kernel"):
        zoo.recurrent_stack(x, cell="mingru", units=UNITS, recurrent_initializer="glorot")
    with pytest.raises(ValueError, match="`recurrent_dropout` has nothing to drop in LRU"):
        zoo.recurrent_stack(x, cell="lru", units=UNITS, recurrent_dropout=0.5)
    with pytest.raises(ValueError, match="`initial_state` must be one of"):
        zoo.recurrent_stack(x, cell="gru", units=UNITS, initial_state="ones")


def test_one_seed_gives_every_layer_and_direction_its_own_reservoir():
    x = keras.Input((None, UNITS))
    options = {"cell": "reservoir", "units": UNITS, "depth": 2, "bidirectional": True}
    kernels = []
    for _ in range(2):
        y = zoo.recurrent_stack(x, **options, merge_mode="sum", cell_options={"seed": 7})
        layers = [keras.Model(x, y).get_layer(f"recurrent_{index}") for index in range(2)]
        directions = [d for both in layers for d in (both.forward_layer, both.backward_layer)]
        kernels.append([keras.ops.convert_to_numpy(d.cell.recurrent_kernel) for d in directions])
        again = keras.layers.Bidirectional.from_config(layers[0].get_config())
        again.build((None, None, UNITS))
        kernel = keras.ops.convert_to_numpy(again.backward_layer.cell.recurrent_kernel)
        np.testing.assert_array_equal(kernel, kernels[-1][1])
    np.testing.assert_array_equal(kernels[0], kernels[1])
    for one, other in itertools.combinations(kernels[0], 2):
        assert np.abs(one - other).max() > 0.01


@pytest.mark.parametrize("connection", ["none", "residual", "dense"])
@pytest.mark.parametrize("features", [1, 2])
def test_layer_norm_does_not_destroy_the_inputs(features, connection):
    """Of one channel normalisation would leave a constant, of two only their order."""
    model = make(
        features, masked=False, cell="gru", units=UNITS, connection=connection, layer_norm=True
    )
    x = np.random.default_rng(0).uniform(1, 2, (4, TIME, features)).astype("float32")
    x.sort(axis=-1)
    y = keras.ops.convert_to_numpy(apply(model, {"x": x}))
    assert np.abs(y[1:] - y[:1]).max() > 1e-2
    with pytest.raises(ValueError, match="`units` must be at least 3 with `layer_norm=True`"):
        make(cell="gru", units=2, layer_norm=True)


def test_identity_makes_the_irnn():
    x = keras.Input((None, FEATURES))
    y = zoo.recurrent_stack(x, cell="simple", units=UNITS, recurrent_initializer="identity")
    model = keras.Model(x, y)
    kernel, recurrent, bias = model.get_layer("recurrent_0").get_weights()
    np.testing.assert_array_equal(recurrent, np.eye(UNITS))
    values = sequence()
    want = simple_rnn(
        values, np.ones((BATCH, TIME), bool), kernel, recurrent, bias, lambda v: np.maximum(v, 0)
    )
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(apply(model, values)), want, rtol=1e-4, atol=1e-5
    )


def test_l2_is_half_of_nothing_but_the_kernels():
    model = make(masked=False, cell="simple", units=UNITS, l2=0.5)
    kernel, recurrent, _ = model.get_layer("recurrent_0").get_weights()
    (losses,) = ([float(keras.ops.convert_to_numpy(v)) for v in model.losses],)
    assert sum(losses) == pytest.approx(0.5 * (np.sum(kernel**2) + np.sum(recurrent**2)), rel=1e-5)


def test_dropout_acts_in_training_only():
    model = make(masked=False, cell="simple", units=UNITS, dropout=0.5)
    x = sequence()
    calm, again = (keras.ops.convert_to_numpy(model({"x": x}, training=False)) for _ in range(2))
    np.testing.assert_array_equal(calm, again)
    wild = keras.ops.convert_to_numpy(model({"x": x}, training=True))
    assert np.mean(wild == 0) == pytest.approx(0.5, abs=0.25)


def test_recurrent_dropout_says_once_that_cudnn_is_off():
    x = keras.Input((None, FEATURES))
    with pytest.warns(UserWarning, match="cuDNN"):
        zoo.recurrent_stack(x, cell="gru", units=UNITS, recurrent_dropout=0.2)


def test_a_deep_plain_stack_is_warned_of_and_a_residual_one_is_not():
    x = keras.Input((None, FEATURES))
    with pytest.warns(UserWarning, match="skip connections"):
        zoo.recurrent_stack(x, cell="simple", units=UNITS, depth=4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y = zoo.recurrent_stack(x, cell="simple", units=UNITS, depth=8, connection="residual")
    assert y.shape == (None, None, UNITS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cell": "lstn"}, "`cell` must be one of"),
        ({"units": 0}, "`units` must be a positive integer, found 0"),
        ({"depth": 0}, "`depth` must be a positive integer, found 0"),
        ({"dropout": 1.0}, "`dropout` must be"),
        ({"recurrent_dropout": -0.1}, "`recurrent_dropout` must be"),
        ({"connection": "skip"}, "`connection` must be one of"),
        ({"merge_mode": "mul"}, "`merge_mode` must be one of"),
        ({"l2": -1.0}, "`l2` must be at least 0, found -1.0"),
        ({"recurrent_initializer": "identity"}, "needs `cell='simple'`, found 'lstm'"),
        ({"recurrent_initializer": "zeros"}, "`recurrent_initializer` must be one of"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=message):
        zoo.recurrent_stack(keras.Input((None, FEATURES)), **options)


def test_registered_cells_are_selectable(monkeypatch):
    with pytest.raises(ValueError, match="taken"):
        zoo.register_cell("lstm", keras.layers.LSTM)
    monkeypatch.setitem(zoo.CELLS, "mine", None)  # taken out again behind the test
    del zoo.CELLS["mine"]
    zoo.register_cell("mine", keras.layers.SimpleRNN)
    y = zoo.recurrent_stack(keras.Input((None, FEATURES)), cell="mine", units=UNITS)
    assert y.shape == (None, None, UNITS)


def test_stack_options_are_the_options_of_the_stack():
    parameters = inspect.signature(zoo.recurrent_stack).parameters
    assert set(zoo.StackOptions.__annotations__) == set(parameters) - {"inputs", "mask", "name"}


@pytest.mark.parametrize("cell", ["simple", "lstm", "gru"])
def test_mixed_precision(cell):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = make(cell=cell, units=UNITS, depth=2, bidirectional=True, connection="residual")
    finally:
        keras.config.set_dtype_policy(before)
    got = model({"x": sequence(), "mask": RIGHT})
    assert keras.backend.standardize_dtype(got.dtype) == "bfloat16"
    assert {keras.backend.standardize_dtype(w.dtype) for w in model.weights} == {"float32"}


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="JAX is XLA, torch has none")
@pytest.mark.parametrize("cell", ["simple", "lstm", "gru"])
def test_xla_trains_like_no_xla(cell):
    x = {"x": sequence(), "mask": RIGHT}
    results = []
    for jit in (False, True):
        model = make(cell=cell, units=UNITS, depth=2, bidirectional=True, connection="dense")
        model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=jit)
        target = np.ones((BATCH, TIME, model.output_shape[-1]), "float32")
        model.fit(x, target, epochs=2, verbose=0, batch_size=BATCH)
        results.append(model.get_weights())
    for plain, compiled in zip(*results, strict=True):
        np.testing.assert_allclose(plain, compiled, rtol=1e-3, atol=1e-4)
