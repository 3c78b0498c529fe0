"""DelayRNN: the contract of layers, the equation in NumPy, plain networks as special cases."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from layer_checks import CHECKS, LayerCase, disturb_weights, predict, to_numpy
from recurrent_checks import RECURRENT_CHECKS, RecurrentCase, gradients, inputs, run

from custom_layers.recurrent.delay import DelayCell, DelayRNN

backend = pytest.mark.backend

CONTRACT = LayerCase(
    DelayRNN,
    {
        "units": 4,
        "delays": (1, 3),
        "use_delay_weights": True,
        "return_sequences": True,
        "return_state": True,
        "dropout": 0.1,
        "recurrent_dropout": 0.2,
        "kernel_regularizer": "l2",
    },
    (2, 5, 3),
    trainable_weights=4,
    output_shape=[(2, 5, 4), (2, 4), (2, 8)],
    masking="any",
)


def delay_step(delays: tuple[int, ...], f: Any = np.tanh) -> Any:
    def step(w: Any, x: Any, states: Any, dropout: Any = 1.0) -> Any:
        units = states[0].shape[1]
        past = np.concatenate(states, axis=1).reshape(len(x), -1, units)  # h_{t-1}, h_{t-2}, ...
        kernels = w["recurrent_kernel"].reshape(len(delays), units, units)
        shares = np.ones(len(delays))
        if "delay_logits" in w:
            shares = np.exp(w["delay_logits"]) / np.exp(w["delay_logits"]).sum()
        z = x @ w["kernel"] + w.get("bias", 0.0)
        for delay, share, kernel in zip(delays, shares, kernels, strict=True):
            z = z + share * (past[:, delay - 1] * dropout) @ kernel
        older = past[:, :-1].reshape(len(x), -1)
        return [f(z), older][: len(states)]

    return step


CASES = {
    "plain": RecurrentCase(DelayRNN, {"units": 4, "delays": (1,)}, delay_step((1,))),
    "dilated, relu": RecurrentCase(
        DelayRNN,
        {"units": 4, "delays": (2,), "activation": "relu", "use_bias": False},
        delay_step((2,), lambda z: np.maximum(z, 0)),
    ),
    "weighted": RecurrentCase(
        DelayRNN,
        {"units": 4, "delays": (3, 1), "use_delay_weights": True},
        delay_step((3, 1)),
    ),
    "longer than the sequence": RecurrentCase(
        DelayRNN, {"units": 4, "delays": (1, 4, 16)}, delay_step((1, 4, 16))
    ),
}


@backend
@pytest.mark.parametrize("name", CHECKS)
def test_contract(name: str) -> None:
    CHECKS[name](CONTRACT)


@pytest.mark.parametrize("name", RECURRENT_CHECKS)
@pytest.mark.parametrize(
    "case",
    [
        "plain",  # this and the next are on every backend in test_dilated_is_plain_networks_in_turn
        "dilated, relu",
        pytest.param("weighted", marks=backend),
        pytest.param("longer than the sequence", marks=backend),
    ],
)
def test_equation(case: str, name: str) -> None:
    RECURRENT_CHECKS[name](CASES[case])


@backend
@pytest.mark.parametrize("delays", [(3, 7), (2, 30, 5), (1, 100)])
def test_blocks(delays: tuple[int, ...]) -> None:
    """Many blocks of several widths, with a length that is no multiple of them, in a model."""
    case = RecurrentCase(DelayRNN, {"units": 3, "delays": delays}, delay_step(delays))
    layer = case.new_layer()
    sequences = keras.Input((None, 3))
    initial = [keras.Input((n,)) for n in layer.state_size]
    model = keras.Model([sequences, *initial], layer(sequences, initial_state=initial))
    x, states = inputs(2, 83), case.new_states(layer, 2)
    found = predict(model, [v.astype("float32") for v in (x, *states)])
    for a, b in zip(found, case.reference(layer, x, states), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_unknown_length(jit_compile: bool) -> None:
    """A TensorFlow function of any batch and length, values and gradients, masked."""
    import tensorflow as tf

    layer = RecurrentCase(DelayRNN, {"units": 3, "delays": (40, 41)}, delay_step(())).new_layer()
    nothing = [np.zeros((2, n)) for n in layer.state_size]

    def function(x: Any, mask: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(x, mask=mask)[0] ** 2) / 2
        return loss, tape.gradient(loss, [w.value for w in layer.trainable_weights])

    signature = [tf.TensorSpec((None, None, 3)), tf.TensorSpec((None, None), tf.bool)]
    function = tf.function(function, input_signature=signature, jit_compile=jit_compile)
    for length in (100,) if jit_compile else (1, 100):
        x, mask = inputs(2, length), np.arange(length) % 9 < np.array([[9], [5]])
        outputs = run(layer, x, None, mask=mask)
        expected = gradients(layer, x, nothing, mask, [outputs[0], *nothing])
        loss, found = function(x.astype("float32"), mask)
        np.testing.assert_allclose(loss, (outputs[0] ** 2).sum() / 2, rtol=1e-4)
        for weight, gradient in zip(layer.trainable_weights, found, strict=True):
            np.testing.assert_allclose(gradient, expected[weight.name], rtol=1e-4, atol=1e-4)


@backend
@pytest.mark.parametrize("delay", [1, 3])
def test_dilated_is_plain_networks_in_turn(delay: int) -> None:
    """With one delay d: SimpleRNN over every d-th step, in values and gradients, long sequences."""
    layer = DelayRNN(4, delays=(delay,), return_sequences=True)
    plain = keras.layers.SimpleRNN(4, return_sequences=True)
    for rnn in (layer, plain):
        rnn.build((None, None, 3))
        disturb_weights(rnn)
    plain.set_weights(layer.get_weights())
    x = inputs(2, 14 * delay, seed=3)
    turns = np.concatenate([x[:, i::delay] for i in range(delay)])

    def in_turn(y: np.ndarray) -> np.ndarray:
        parts = np.stack(np.split(y, delay), axis=2)  # batch, time / d, d, units
        return parts.reshape(2, 14 * delay, -1)

    (found,), (expected,) = run(layer, x, None), run(plain, turns, None)
    np.testing.assert_allclose(found, in_turn(expected), rtol=1e-5, atol=1e-5)

    upstream = np.random.default_rng(6).normal(size=found.shape)
    in_turns = np.concatenate([upstream[:, i::delay] for i in range(delay)])
    nothing = [np.zeros((2, n)) for n in layer.state_size]
    found = gradients(layer, x, nothing, None, [upstream])
    expected = gradients(plain, turns, [np.zeros((2 * delay, 4))], None, [in_turns])
    np.testing.assert_allclose(found["x"], in_turn(expected["x"]), rtol=1e-4, atol=1e-5)
    for name in ("kernel", "recurrent_kernel", "bias"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-4, atol=1e-4)


def test_a_delay_carries_the_gradient() -> None:
    """dh_T/dx_1 through a delay is one product where the plain network has as many as steps."""
    delay = 20
    x, upstream = inputs(1, delay + 1), np.zeros((1, delay + 1, 4))
    upstream[:, -1] = 1.0
    weak, strong = 0.1 * np.eye(4), np.diag([1.0, 2.0, 3.0, 4.0])
    expected = {(1,): np.full(4, 0.1**delay), (1, delay): [1.0, 2.0, 3.0, 4.0]}
    for delays, back in expected.items():
        layer = DelayRNN(4, delays, activation="linear", return_sequences=True)
        layer.build((None, None, 3))
        layer.cell.recurrent_kernel.assign(np.concatenate([weak, strong][: len(delays)]))
        nothing = [np.zeros((1, n)) for n in layer.state_size]
        found = gradients(layer, x, nothing, None, [upstream])["x"][0, 0]
        np.testing.assert_allclose(found, to_numpy(layer.cell.kernel) @ back, rtol=1e-4)


@pytest.mark.parametrize("activation", ["relu", pytest.param("gelu", marks=backend)])
def test_nothing_explodes_after_the_last_step(activation: str) -> None:
    """Where zero inputs would overflow after the end of a row, its gradient is still that of it."""
    layer = DelayRNN(2, (1, 2), activation=activation, return_sequences=True)
    layer.build((None, None, 3))
    disturb_weights(layer)
    layer.cell.recurrent_kernel.assign(100 + to_numpy(layer.cell.recurrent_kernel))
    layer.cell.bias.assign([1.0, 2.0])
    x, mask = inputs(1, 40), np.arange(40)[None] < 3
    upstream = np.where(np.arange(40) < 3, 1.0, 0.0)[None, :, None] * np.ones(2)
    nothing = [np.zeros((1, n)) for n in layer.state_size]
    found = gradients(layer, x, nothing, mask, [upstream])
    expected = gradients(layer, x[:, :3], nothing, None, [upstream[:, :3]])
    found["x"], after = found["x"][:, :3], found["x"][:, 3:]
    assert (after == 0).all()
    for name, gradient in expected.items():
        np.testing.assert_allclose(found[name], gradient, rtol=1e-4, err_msg=name)


@pytest.mark.parametrize("weighted", [False, True])
def test_kernels_start_orthonormal_over_all_delays(weighted: bool) -> None:
    cell = DelayCell(5, delays=(2, 1, 7), use_delay_weights=weighted)
    cell.build((None, 3))
    kernel = to_numpy(cell.recurrent_kernel)
    if weighted:
        kernel = kernel * to_numpy(ops.softmax(ops.convert_to_tensor(cell.delay_logits)))[0]
    np.testing.assert_allclose(kernel.T @ kernel, np.eye(5), atol=1e-5)


@pytest.mark.parametrize("delays", [(), (0,), (1, 1), (1.0, 2.0), (True,), 4, "14", (2, -1), {1}])
def test_delays_that_do_not_fit(delays: Any) -> None:
    with pytest.raises(ValueError, match="`delays` must be .* found"):
        DelayRNN(4, delays=delays)
