"""Echo state networks: the readout against a direct solution, streaming, and free runs."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from layer_checks import to_numpy
from sklearn.linear_model import Ridge

import zoo
from zoo.closed_form import state_stream

pytestmark = pytest.mark.backend


def sines(count: int, steps: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    periods = rng.uniform(8, 30, size=(count, 1, 2))
    return np.sin(2 * np.pi * np.arange(steps)[None, :, None] / periods).sum(-1, keepdims=True)


def states(model: keras.Model, x: np.ndarray) -> np.ndarray:
    seen = keras.Model(model.input, model.get_layer("states").output)
    return np.asarray(seen.predict(x.astype("float32"), verbose=0), "float64")


def test_readout_is_the_ridge_regression_of_all_states(monkeypatch) -> None:
    monkeypatch.setattr(state_stream, "_CHUNK", 1300)  # six chunks, the last one padded
    model = zoo.echo_state_network(units=20, depth=2, leak_rate=0.5, seed=0)
    data = sines(3, 62)
    x, y = data[:, :-1], data[:, 1:]
    error = zoo.fit_readout(model, x, y, alpha=1e-3, washout=10)
    seen = states(model, x)[:, 10:].reshape(-1, 41)
    wanted = y[:, 10:].reshape(-1, 1)
    direct = Ridge(alpha=1e-3, solver="svd").fit(seen, wanted)
    kernel, bias = (np.asarray(w) for w in model.get_layer("readout").get_weights())
    np.testing.assert_allclose(kernel[:, 0], np.ravel(direct.coef_), rtol=1e-2, atol=1e-3)
    np.testing.assert_allclose(bias, np.ravel(direct.intercept_), atol=1e-3)
    assert error == pytest.approx(
        (
            (direct.predict(seen) - wanted.ravel()[:, None].reshape(direct.predict(seen).shape))
            ** 2
        ).mean(),
        rel=1e-2,
    )
    found = model.predict(x.astype("float32"), verbose=0)[:, 10:]
    assert ((found - y[:, 10:]) ** 2).mean() == pytest.approx(error, rel=1e-2)


def test_sequences_of_different_lengths_are_fitted_as_each_by_itself() -> None:
    data = sines(2, 50)
    x, y = [data[0, :-1], data[1, :29]], [data[0, 1:], data[1, 1:30]]
    model = zoo.echo_state_network(units=10, seed=1)
    zoo.fit_readout(model, x, y, alpha=1e-2, washout=5)
    seen = np.concatenate([states(model, a[None])[0, 5:] for a in x])
    direct = Ridge(alpha=1e-2, solver="svd").fit(seen, np.concatenate([b[5:] for b in y]))
    kernel = np.asarray(model.get_layer("readout").get_weights()[0])
    np.testing.assert_allclose(kernel[:, 0], np.ravel(direct.coef_), rtol=1e-2, atol=1e-3)


def test_free_run_goes_on_with_its_own_predictions() -> None:
    model = zoo.echo_state_network(units=60, seed=0)
    data = sines(2, 400)
    zoo.fit_readout(model, data[:, :-1], data[:, 1:], alpha=1e-6, washout=50)
    warmup = data[:, :300].astype("float32")
    found = zoo.free_run(model, warmup, 5)
    series = warmup
    for step in range(5):  # the slow way: the whole series again for every step
        last = model.predict(series, verbose=0)[:, -1:]
        np.testing.assert_allclose(found[:, step], last[:, 0], atol=2e-3)
        series = np.concatenate([series, last], axis=1)
    np.testing.assert_allclose(zoo.free_run(model, warmup[0], 5), found[0], atol=2e-3)


def test_feedback_generates_without_inputs() -> None:
    model = zoo.echo_state_network(
        features=0, feedback=True, units=60, bias_scaling=0.2, seed=0, read_inputs=False
    )
    y = sines(1, 500)
    nothing = np.zeros((1, 500, 0))
    assert zoo.fit_readout(model, nothing, y, alpha=1e-6, washout=50) < 1e-3
    found = zoo.free_run(model, nothing[:, :400], 5, outputs=y[:, :400])
    np.testing.assert_allclose(found, y[:, 400:405], atol=0.1)


def test_feedback_with_inputs_from_outside() -> None:
    """One reservoir in numpy, which sees an input and its own last output."""
    model = zoo.echo_state_network(
        features=1, feedback=True, units=20, leak_rate=0.5, bias_scaling=0.2, seed=0
    )
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(1, 60, 1)), rng.normal(size=(1, 60, 1))
    zoo.fit_readout(model, x[:, :50], y[:, :50], alpha=1e-2, washout=10)
    cell = model.get_layer("reservoir_0").cell
    fixed = (cell.recurrent_kernel, cell.kernel, cell.feedback_kernel, cell.bias)
    w, u, v, b = (to_numpy(weight).astype("float64") for weight in fixed)
    kernel, bias = (v.astype("float64") for v in model.get_layer("readout").get_weights())
    state, last, wanted = np.zeros(20), np.zeros(1), []
    for t in range(60):
        seen = np.concatenate([x[0, t], last])
        state = 0.5 * state + 0.5 * np.tanh(state @ w + x[0, t] @ u + last @ v + b)
        out = np.concatenate([seen, state]) @ kernel + bias
        wanted.append(out)
        last = y[0, t] if t < 50 else out
    found = zoo.free_run(model, x[:, :50], 10, inputs=x[:, 50:], outputs=y[:, :50])
    np.testing.assert_allclose(found[0], wanted[50:], atol=1e-5)


def test_saved_and_loaded(tmp_path) -> None:
    model = zoo.echo_state_network(units=10, seed=1)
    data = sines(1, 40)
    zoo.fit_readout(model, data[:, :-1], data[:, 1:])
    x = data.astype("float32")
    before = model.predict(x, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict(x, verbose=0), before, atol=1e-6)
    assert [w.shape for w in loaded.trainable_weights] == [(11, 1), (1,)]


def test_wrong_arguments() -> None:
    model = zoo.echo_state_network(units=10, seed=1)
    x = np.zeros((2, 20, 1))
    for arguments, message in (
        ((x[0], x[0]), "`x` must be an array"),
        ((x, x[:1]), "same number of sequences"),
        ((x, np.zeros((2, 20, 2))), "Sequence 0 must have shapes"),
        (([x[0]], [x[0, :9]]), "20 inputs and 9 targets"),
    ):
        with pytest.raises(ValueError, match=message):
            zoo.fit_readout(model, *arguments)
    with pytest.raises(ValueError, match="`washout` 20 leaves none"):
        zoo.fit_readout(model, x, x, washout=20)
    with pytest.raises(ValueError, match="`features` must be at least 1"):
        zoo.echo_state_network(features=0)
    with pytest.raises(ValueError, match="found 2 targets and 1 features"):
        zoo.free_run(zoo.echo_state_network(targets=2, units=10, seed=1), x, 3)
    with pytest.raises(ValueError, match="`warmup` must have shape"):
        zoo.free_run(model, np.zeros((2, 20, 3)), 3)
    with pytest.raises(ValueError, match="`steps` must be a positive integer"):
        zoo.free_run(model, x, 0)
    with pytest.raises(ValueError, match="`x` must have at least one step"):
        zoo.readout_inputs(model, x[:, :0])


def by_numpy(model: keras.Model, x: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Readout inputs and free run of one reservoir, in float64."""
    cell = model.get_layer("reservoir_0").cell
    w, u, b = (
        np.asarray(keras.ops.convert_to_numpy(weight), "float64")
        for weight in (cell.recurrent_kernel, cell.kernel, cell.bias)
    )
    kernel, bias = (np.asarray(v, "float64") for v in model.get_layer("readout").get_weights())
    state, seen, found = np.zeros(len(w)), [], []
    rate = cell.leak_rate
    for t in range(len(x) + steps):
        now = x[t] if t < len(x) else found[-1]
        state = (1 - rate) * state + rate * np.tanh(state @ w + now @ u + b)
        row = np.concatenate([now, state])
        if t < len(x):
            seen.append(row)
        if t >= len(x) - 1:
            found.append(row @ kernel + bias)
    return np.array(seen), np.array(found[:steps])


OPTIONS = {"units": 30, "leak_rate": 0.6, "input_scaling": 0.5, "bias_scaling": 0.2, "seed": 3}


@pytest.mark.parametrize("units", [30, 220])  # of the larger one the kernel is kept sparse
def test_float64_throughout(units: int) -> None:
    if keras.config.backend() != "tensorflow":
        pytest.skip("JAX wants a setting for float64; Keras's products on PyTorch are float32")
    model = zoo.echo_state_network(**OPTIONS | {"units": units}, dtype="float64")
    x = sines(1, 300)
    zoo.fit_readout(model, x[:, :-1], x[:, 1:], alpha=1e-8, washout=30)
    seen, found = by_numpy(model, x[0, :200], 20)
    ours = zoo.readout_inputs(model, x[:, :200])
    assert ours.dtype == "float64"
    np.testing.assert_allclose(ours[0], seen, rtol=0, atol=1e-13)
    np.testing.assert_allclose(zoo.free_run(model, x[0, :200], 20), found, rtol=0, atol=1e-9)
    assert {str(w.dtype) for w in model.trainable_weights} == {"float64"}


def test_one_pass_for_several_penalties() -> None:
    model = zoo.echo_state_network(**OPTIONS)
    data = sines(2, 120)
    x, y = data[:, :-1], data[:, 1:]
    alphas = [1e-2, 1e-6, 1.0]
    found = []
    for alpha, error in zoo.fit_readouts(model, x, y, alphas=alphas, washout=20):
        found.append((alpha, error, model.get_layer("readout").get_weights()[0]))
    assert [alpha for alpha, *_ in found] == alphas
    for alpha, error, kernel in found:
        assert error == pytest.approx(zoo.fit_readout(model, x, y, alpha=alpha, washout=20))
        again = model.get_layer("readout").get_weights()[0]
        np.testing.assert_allclose(kernel, again, rtol=1e-3, atol=1e-4)
    with pytest.raises(ValueError, match="`alphas` must hold at least one penalty"):
        next(zoo.fit_readouts(model, x, y, alphas=[]))


def test_free_runs_from_any_step_and_their_export_agree(monkeypatch) -> None:
    monkeypatch.setattr(state_stream, "_CHUNK", 1300)  # in several chunks, the last one padded
    model = zoo.echo_state_network(**OPTIONS, depth=2)
    x = sines(2, 150)
    zoo.fit_readout(model, x[:, :-1], x[:, 1:], alpha=1e-4, washout=30)
    seen = zoo.readout_inputs(model, x)
    assert seen.shape == (2, 150, 61)
    wanted = zoo.free_run(model, x[:, :90], 12)
    np.testing.assert_allclose(zoo.run_on(model, seen[:, 89], 12), wanted, atol=1e-4)
    assert zoo.run_on(model, seen[:, 89], 1).shape == (2, 1, 1)
    both = zoo.continuation_model(model)
    given = x[:, :90].astype("float32")
    answer = both({"x": given, "ahead": np.zeros((2, 12, 1), "float32")})
    answer = {name: keras.ops.convert_to_numpy(value) for name, value in answer.items()}
    np.testing.assert_allclose(answer["continuation"], wanted, atol=1e-4)
    plain = model.predict(given, verbose=0)
    np.testing.assert_allclose(answer["predictions"], plain, atol=1e-5)
    np.testing.assert_allclose(answer["continuation"][:, 0], plain[:, -1], atol=1e-5)


def test_what_cannot_run_on() -> None:
    fed_back = zoo.echo_state_network(units=10, feedback=True, seed=1)
    wider = zoo.echo_state_network(units=10, targets=2, seed=1)
    for network, message in (
        (fed_back, "with feedback"),
        (wider, "as many targets as features"),
    ):
        with pytest.raises(ValueError, match=message):
            zoo.run_on(network, np.zeros((1, 11)), 3)
        with pytest.raises(ValueError, match=message):
            zoo.continuation_model(network)
    with pytest.raises(ValueError, match=r"`seen` must have shape \(any, 11\), found \(1, 10\)"):
        zoo.run_on(zoo.echo_state_network(units=10, seed=1), np.zeros((1, 10)), 3)
