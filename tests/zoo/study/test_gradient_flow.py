"""Gradients through time, against backpropagation by hand and against finite differences."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from compiled import apply

import zoo
from zoo.study.bptt import Weights, backward, forward

pytestmark = pytest.mark.backend

BATCH, TIME, FEATURES, UNITS = 2, 7, 3, 3
#: JAX has no float64 unless told so, and Keras's products on PyTorch are float32 in any case.
EXACT = keras.backend.backend() == "tensorflow"
DTYPE, STEP, RTOL = ("float64", 1e-5, 1e-5) if EXACT else ("float32", 1e-2, 2e-2)
MSE = keras.losses.MeanSquaredError


@pytest.fixture(autouse=True)
def exact():
    before = keras.config.floatx()
    keras.config.set_floatx(DTYPE)
    keras.config.set_dtype_policy(DTYPE)
    yield
    keras.config.set_floatx(before)
    keras.config.set_dtype_policy(before)


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.8, shape).astype(DTYPE)


def last_of(layer, mask=None, time: int | None = TIME) -> keras.Model:
    """A model whose answer is read from the last step of a recurrent layer."""
    x = keras.Input((time, FEATURES), name="x")
    inputs, arguments = {"x": x}, {}
    if mask is not None:
        inputs["mask"] = keras.Input((time,), dtype="bool", name="mask")
        arguments["mask"] = inputs["mask"]
    y = keras.layers.Dense(2, name="readout")(layer(x, **arguments)[:, -1])
    model = keras.Model(inputs, y)
    shapes = [w.shape for w in model.get_weights()]
    model.set_weights([draw(*shape, seed=i + 5) for i, shape in enumerate(shapes)])
    return model


def test_simple_rnn_against_backpropagation_by_hand():
    layer = keras.layers.SimpleRNN(UNITS, return_sequences=True)
    model = last_of(layer)
    x, y = draw(BATCH, TIME, FEATURES), draw(BATCH, 2, seed=1)
    (flow,) = zoo.gradient_flow(model, {"x": x}, y, MSE())
    kernel, recurrent, bias, out, out_bias = (w.astype("float64") for w in model.get_weights())
    weights = Weights(u=kernel.T, w=recurrent.T, b=bias, v=out.T)
    squares = 0.0
    for row, target in zip(x, y, strict=True):
        slope = np.zeros((TIME, 2))
        slope[-1] = forward(weights, row)[1][-1] + out_bias - target  # 2 (y - target) / 2 outputs
        squares = squares + np.square(backward(weights, row, slope).h).sum(axis=1)
    by_hand = np.sqrt(squares / BATCH)
    np.testing.assert_allclose(flow.norms, by_hand, rtol=1e-10 if EXACT else 1e-3)
    assert flow.by_state.shape == (1, TIME) and flow.layer == layer.name


OPTIONS = {"leaky": {"adaptive": True}, "delay": {"delays": [1, 3]}}


@pytest.mark.parametrize("cell", zoo.CELLS)
def test_every_cell_against_finite_differences(cell):
    """The loss as a function of the states after a step, which the layer starts again from."""
    options = {"cell_options": OPTIONS.get(cell)}
    layer = zoo.recurrent_layer(cell, UNITS, **options)
    model = last_of(layer)
    x, y = draw(BATCH, TIME, FEATURES), draw(BATCH, 2, seed=1)
    (flow,) = zoo.gradient_flow(model, {"x": x}, y, MSE())
    stateful = zoo.recurrent_layer(cell, UNITS, return_state=True, **options)
    stateful.build((None, TIME, FEATURES))
    stateful.set_weights(layer.get_weights())
    out, bias = model.get_layer("readout").get_weights()

    def run(rows, states=None):
        outputs, *states = apply(
            stateful, rows, **({} if states is None else {"initial_state": states})
        )
        return [keras.ops.convert_to_numpy(a) for a in (outputs[:, -1], *states)]

    for t in (1, TIME - 2):
        _, *states = run(x[:, :t])
        squares = []
        for index, state in enumerate(states):
            if cell == "lru" and index == 0:
                continue  # the output, which nothing reads
            size = state.shape[1]
            nudges = STEP * np.concatenate([np.eye(size), -np.eye(size)]).astype(DTYPE)
            of_rows = []
            for row in range(BATCH):
                repeated = [np.repeat(s[row : row + 1], 2 * size, axis=0) for s in states]
                repeated[index] = repeated[index] + nudges
                rest = np.repeat(x[row : row + 1, t:], 2 * size, axis=0)
                answers = run(rest, repeated)[0] @ out + bias
                losses = np.square(answers - y[row]).mean(axis=-1).astype("float64")
                slopes = (losses[:size] - losses[size:]) / (2 * STEP)
                of_rows.append(np.square(slopes).sum())
            squares.append(np.mean(of_rows))
        np.testing.assert_allclose(
            flow.by_state[:, t - 1], np.sqrt(squares), rtol=RTOL, atol=RTOL / 10
        )


def test_masked_steps_have_none_and_change_nothing():
    layer = keras.layers.LSTM(UNITS, return_sequences=True)
    model = last_of(layer, mask=True, time=None)
    x, y = draw(BATCH, TIME, FEATURES), draw(BATCH, 2, seed=1)
    mask = np.ones((BATCH, TIME), bool)
    (whole,) = zoo.gradient_flow(model, {"x": x, "mask": mask}, y, MSE())
    padded = {
        "x": np.concatenate([x, 9 + x[:, :2]], axis=1),
        "mask": np.pad(mask, ((0, 0), (0, 2))),
    }
    (flow,) = zoo.gradient_flow(model, padded, y, MSE())
    np.testing.assert_allclose(flow.by_state[:, :TIME], whole.by_state, rtol=1e-4)
    np.testing.assert_array_equal(flow.by_state[:, TIME:], 0)


def test_both_directions():
    x, y = draw(BATCH, TIME, FEATURES), draw(BATCH, 2, seed=1)
    forwards = last_of(keras.layers.GRU(UNITS, return_sequences=True))
    both = keras.layers.Bidirectional(
        keras.layers.GRU(UNITS, return_sequences=True), merge_mode="sum"
    )
    inputs = keras.Input((TIME, FEATURES), name="x")
    first = both(inputs)[:, 0]  # where the backward layer has read everything
    model = keras.Model({"x": inputs}, keras.layers.Dense(2)(first))
    model.layers[-1].set_weights(forwards.layers[-1].get_weights())
    gru = forwards.layers[1].get_weights()
    both.set_weights([*(0 * w for w in gru), *gru])  # the forward half is silent
    (alone,) = zoo.gradient_flow(forwards, {"x": x}, y, MSE())
    flows = zoo.gradient_flow(model, {"x": x[:, ::-1]}, y, MSE())
    assert [flow.backwards for flow in flows] == [False, True]
    assert flows[1].layer.startswith("backward")
    np.testing.assert_allclose(flows[1].norms[::-1], alone.norms, rtol=1e-4)
    assert flows[1].span() == alone.span()


def test_residual_layers_and_depth():
    """With y_t = h_t + x_t the slope is another, and the way back through time is the same."""
    rnn = keras.layers.SimpleRNN(FEATURES, return_sequences=True)
    from custom_layers import ResidualRNN

    model = last_of(ResidualRNN(rnn))
    x, y = draw(1, TIME, FEATURES), draw(1, 2, seed=1)
    (flow,) = zoo.gradient_flow(model, {"x": x}, y, MSE())
    kernel, recurrent, bias, out, out_bias = (w.astype("float64") for w in model.get_weights())
    weights = Weights(u=kernel.T, w=recurrent.T, b=bias, v=out.T)
    slope = np.zeros((TIME, 2))
    slope[-1] = forward(weights, x[0])[1][-1] + x[0, -1] @ out + out_bias - y[0]
    by_hand = np.linalg.norm(backward(weights, x[0], slope).h, axis=1)
    np.testing.assert_allclose(flow.norms, by_hand, rtol=1e-10 if EXACT else 1e-3)
    deep = zoo.sequence_model(
        features=FEATURES,
        cell="gru",
        units=4,
        depth=3,
        connection="dense",
        layer_norm=True,
        initial_state="learned",
    )
    found = zoo.gradient_flow(deep, {"x": x}, y[:, :1], MSE())
    assert [f.layer for f in found] == ["recurrent_0", "recurrent_1", "recurrent_2"]
    assert all((f.norms > 0).all() for f in found)


def test_the_model_is_left_alone_and_dropout_is_off():
    model = zoo.sequence_model(
        features=FEATURES, cell="leaky", units=4, dropout=0.5, recurrent_dropout=0.5
    )
    model.compile("adam", MSE())
    before = model.get_weights()
    x, y = draw(BATCH, TIME, FEATURES), draw(BATCH, 1, seed=1)
    first, second = (zoo.gradient_flow(model, {"x": x}, y, MSE())[0].norms for _ in range(2))
    np.testing.assert_array_equal(first, second)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert all(variable.trainable for variable in model.trainable_variables)
    assert len(model.trainable_variables) == len(before)


def test_weights_choose_the_steps_of_the_loss():
    model = zoo.sequence_model(symbols=5, outputs=4, every_step=True, cell="lstm", units=6)
    x = np.random.default_rng(0).integers(0, 5, (BATCH, TIME)).astype("int32")
    y = np.random.default_rng(1).integers(0, 4, (BATCH, TIME)).astype("int32")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    weights = np.zeros((BATCH, TIME), DTYPE)
    weights[:, 3] = 1
    (flow,) = zoo.gradient_flow(model, {"x": x}, y, loss, sample_weight=weights)
    assert (flow.norms[:4] > 0).all() and (flow.norms[4:] == 0).all()


def test_span_and_thresholds():
    flow = zoo.GradientFlow("a", np.array([[1e-9, 1e-7, 0.02, 0.5, 1.0]]))
    assert flow.span() == 2 and flow.span(0.1) == 1 and flow.span(1e-9) == 4
    assert flow.vanishing().tolist() == [True, True, False, False, False]
    growing = zoo.GradientFlow("b", np.array([[np.inf, 1e11, 1e5, 1.0], [0, 0, 0, 1.0]]))
    assert growing.span() == 3
    assert growing.exploding().tolist() == [True, True, False, False]
    assert zoo.GradientFlow("c", np.array([[np.nan, 1.0]])).exploding().tolist() == [True, False]
    np.testing.assert_allclose(growing.norms[-1], np.sqrt(2))
    turned = zoo.GradientFlow("d", flow.by_state[:, ::-1], backwards=True)
    assert turned.span() == 2
    padded = zoo.GradientFlow("e", np.pad(flow.by_state, ((0, 0), (0, 3))))
    assert padded.span() == 2  # nothing comes from behind the loss
    assert zoo.GradientFlow("f", np.zeros((1, 5))).span() == 0
    with pytest.raises(ValueError, match="`share` must be above 0, found 0"):
        flow.span(0)


def test_what_cannot_be_looked_into():
    x = keras.Input((FEATURES,), name="x")
    plain = keras.Model({"x": x}, keras.layers.Dense(1)(x))
    with pytest.raises(ValueError, match="`model` has no recurrent layer"):
        zoo.gradient_flow(plain, {"x": draw(2, FEATURES)}, draw(2, 1), MSE())
    cells = [keras.layers.LSTMCell(2), keras.layers.LSTMCell(2)]
    model = last_of(keras.layers.RNN(cells, return_sequences=True))
    with pytest.raises(ValueError, match="give each cell a layer of its own"):
        zoo.gradient_flow(model, {"x": draw(2, TIME, FEATURES)}, draw(2, 2), MSE())

    inner = keras.Sequential([keras.Input((TIME, FEATURES)), keras.layers.LSTM(2)], name="inner")
    model = keras.Model(inner.inputs[0], keras.layers.Dense(2)(inner(inner.inputs[0])))
    with pytest.raises(ValueError, match="The recurrent layers of 'inner', a model within"):
        zoo.gradient_flow(model, draw(2, TIME, FEATURES), draw(2, 2), MSE())

    class Own(keras.Model):
        def call(self, inputs):
            return inputs

    with pytest.raises(ValueError, match="`model` must be functional or a built"):
        zoo.gradient_flow(Own(), draw(2, TIME, FEATURES), draw(2, 2), MSE())


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("cell", ["lstm", "lru", "simple"])
def test_half_precision_loses_nothing(policy, cell):
    """In float16 what is below 6e-8 is 0, and above 65,504 there is no number."""
    found = {}
    for name in ("float32", policy):
        keras.config.set_dtype_policy(name)
        model = zoo.sequence_model(features=FEATURES, cell=cell, units=4, layer_norm=True, depth=2)
        shapes = [w.shape for w in model.get_weights()]
        model.set_weights([draw(*shape, seed=i) for i, shape in enumerate(shapes)])
        x, y = draw(BATCH, 30, FEATURES), 1e7 * draw(BATCH, 1, seed=1)
        found[name] = zoo.gradient_flow(model, {"x": x}, y, MSE())
    for whole, half in zip(found["float32"], found[policy], strict=True):
        assert whole.norms.max() > 1e5
        np.testing.assert_allclose(half.norms, whole.norms, rtol=1e-4)


def test_a_sequential_model():
    x, y = draw(BATCH, TIME, FEATURES), draw(BATCH, 1, seed=1)
    model = keras.Sequential([keras.layers.GRU(UNITS), keras.layers.Dense(1)])
    model.build((None, TIME, FEATURES))
    (flow,) = zoo.gradient_flow(model, x, y, MSE())
    assert flow.by_state.shape == (1, TIME) and (flow.norms > 0).all()
