"""Free runs in half precision, and of quantized and adapted readouts, equal single steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import keras
import numpy as np
import pytest
from compiled import apply
from keras import ops
from layer_checks import to_numpy

import zoo
from zoo.closed_form import state_stream

pytestmark = [
    pytest.mark.backend,
    pytest.mark.filterwarnings("ignore:.*does not have a `quantize`"),
]

STEPS = 9  # the loop of the first five is unrolled


def sines() -> np.ndarray:
    periods = np.array([[[8.0, 21.0]], [[13.0, 29.0]]])
    series = np.sin(2 * np.pi * np.arange(200)[None, :, None] / periods)
    return series.sum(axis=-1, keepdims=True).astype("float32")


def one_by_one(model: keras.Model, series: np.ndarray) -> np.ndarray:
    """The slow way: the whole series again for every step, padded to one length."""
    start = series.shape[1]
    series = np.pad(series, ((0, 0), (0, STEPS), (0, 0)))
    for step in range(start, start + STEPS):
        series[:, step] = to_numpy(apply(model, ops.convert_to_tensor(series)))[:, step - 1]
    return series[:, start:]


def leave(readout: keras.layers.Dense) -> None:
    """No change."""


def quantize(readout: keras.layers.Dense) -> None:
    readout.quantize("int8")


def adapt(readout: keras.layers.Dense) -> None:
    readout.enable_lora(2)
    readout.lora_kernel_b.assign(np.full(readout.lora_kernel_b.shape, 0.05))


@pytest.fixture(params=["float32", "mixed_float16", "mixed_bfloat16"])
def policy(request: pytest.FixtureRequest) -> Iterator[str]:
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy("float32")


def assert_runs_like_single_steps(model: keras.Model, atol: float) -> np.ndarray:
    warmup = sines()[:, :60]
    expected = one_by_one(model, warmup)
    seen = zoo.readout_inputs(model, warmup)
    both = zoo.continuation_model(model)
    exported = apply(
        both,
        {"x": ops.convert_to_tensor(warmup), "ahead": ops.zeros((2, STEPS, 1), dtype="float32")},
    )
    for found in (
        zoo.free_run(model, warmup, STEPS),
        zoo.run_on(model, seen[:, -1], STEPS),
        to_numpy(exported["continuation"]),
    ):
        assert found.dtype == "float32"
        np.testing.assert_allclose(found, expected, atol=atol)
    return expected


def network() -> keras.Model:
    model = zoo.echo_state_network(units=20, depth=2, leak_rate=0.5, bias_scaling=0.2, seed=0)
    zoo.fit_readout(model, sines()[:, :-1], sines()[:, 1:], alpha=0.1, washout=50)
    return model


def test_in_half_precision(policy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_stream, "_CHUNK", 1300)  # in several chunks
    assert_runs_like_single_steps(network(), {"float32": 1e-5}.get(policy, 0.05))


@pytest.mark.parametrize("change", [quantize, adapt])
def test_of_a_changed_readout(change: Callable[[keras.layers.Dense], None]) -> None:
    model = network()
    before = assert_runs_like_single_steps(model, 1e-5)
    change(model.get_layer("readout"))
    after = assert_runs_like_single_steps(model, 0.02 if change is quantize else 1e-4)
    assert np.abs(after - before).max() > 1e-3  # what was compiled before is not what runs


def test_with_feedback_in_half_precision(policy: str) -> None:
    model = zoo.echo_state_network(
        features=0, feedback=True, units=20, bias_scaling=0.2, read_inputs=False, seed=0
    )
    y, nothing = sines()[:1], np.zeros((1, 200, 0))
    zoo.fit_readout(model, nothing, y, alpha=0.1, washout=50)
    found = zoo.free_run(model, nothing[:, :60], STEPS, outputs=y[:, :60])
    delayed = np.concatenate([np.zeros((1, 1, 1), "float32"), y[:, :60]], axis=1)
    expected = one_by_one(model, delayed)
    np.testing.assert_allclose(found, expected, atol={"float32": 1e-4}.get(policy, 0.05))
