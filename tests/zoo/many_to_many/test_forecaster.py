"""Forecasters: what they see and what they do not, their loop, saving, and the closed form."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from compiled import apply
from layer_checks import disturb_weights, to_numpy
from sklearn.linear_model import Ridge

import zoo
from custom_layers import ForecastLoss

pytestmark = pytest.mark.backend

LEVELS = (0.1, 0.5, 0.9)
HORIZON, WINDOW, TARGETS = 3, 6, 2

CASES = {
    "direct": {},
    "covariates": {"covariates": 1, "known_covariates": 2, "season": 4, "bidirectional": True},
    "recursive": {"mode": "recursive", "known_covariates": 2, "season": 2, "cell": "lstm"},
}
cases = pytest.mark.parametrize("case", CASES)


def build(**options: Any) -> keras.Model:
    keras.utils.set_random_seed(0)
    small = {"horizon": HORIZON, "targets": TARGETS, "units": 5, "quantiles": LEVELS}
    model = zoo.forecaster(**{**small, **options})
    for layer in model.layers:
        if not layer.name.endswith("scaling"):
            disturb_weights(layer)
    zoo.fit_scaling(
        model,
        **{
            name: 50 + 10 * np.random.default_rng(7).normal(size=(40, tensor.shape[-1]))
            for name, tensor in model.input.items()
        },
    )
    return model


def inputs(model: keras.Model, batch: int = 3, time: int = WINDOW, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    steps = {"past": time, "covariates": time, "known": time + HORIZON}
    found = {
        name: (50 + 10 * rng.normal(size=(batch, steps[name], tensor.shape[-1]))).astype("float32")
        for name, tensor in model.input.items()
    }
    found["past"][0, 1, 0] = np.nan
    return found


@cases
def test_forecast(case: str) -> None:
    model = build(**CASES[case])
    x = inputs(model)
    found = to_numpy(apply(model, x))
    assert found.shape == (3, HORIZON, TARGETS, len(LEVELS)) and found.dtype == np.float32
    assert np.isfinite(found).all() and (np.diff(found, axis=-1) >= 0).all()
    alone = to_numpy(apply(model, {name: array[1:2] for name, array in x.items()}))
    np.testing.assert_allclose(alone, found[1:2], rtol=1e-4, atol=1e-4)
    nothing = {name: np.full_like(array, np.nan) for name, array in x.items()}
    assert np.isfinite(to_numpy(apply(model, nothing))).all()


@cases
def test_every_weight_is_trained(case: str) -> None:
    model = build(**CASES[case])
    x, rng = inputs(model), np.random.default_rng(5)
    y = (50 + 10 * rng.normal(size=(3, HORIZON, TARGETS))).astype("float32")
    y[2, 1] = np.nan
    before = {v.path: to_numpy(v).copy() for v in model.trainable_variables}
    fixed = [to_numpy(v).copy() for v in model.non_trainable_variables]
    model.compile(keras.optimizers.SGD(1e-2), ForecastLoss(LEVELS))
    assert np.isfinite(model.train_on_batch(x, y))
    same = [v.path for v in model.trainable_variables if np.all(to_numpy(v) == before[v.path])]
    assert not same
    for old, variable in zip(fixed, model.non_trainable_variables, strict=True):
        np.testing.assert_array_equal(old, to_numpy(variable))


@cases
def test_mixed_precision_keeps_the_level(case: str) -> None:
    """Values of a million with changes of one, which no half precision number can tell apart."""
    full = build(**CASES[case])
    x = inputs(full)
    x["past"] = 1e6 + x["past"]
    wanted = to_numpy(apply(full, x))
    policy = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("mixed_bfloat16")
        mixed = build(**CASES[case])
    finally:
        keras.config.set_dtype_policy(policy)
    mixed.set_weights(full.get_weights())
    found = to_numpy(apply(mixed, x))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, rtol=0, atol=0.1 * np.ptp(x["past"][1:]))


@pytest.mark.parametrize("mode", ["direct", "recursive"])
def test_mixed_precision_keeps_the_digits_of_the_season(mode: str) -> None:
    policy = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("mixed_bfloat16")
        model = build(mode=mode, season=4, quantiles=(), scaling="window")
    finally:
        keras.config.set_dtype_policy(policy)
    head = [w for w in model.weights if "head" in w.path]
    assert head
    for weight in head:
        weight.assign(0 * weight)
    x = {"past": np.random.default_rng(0).normal(1000, 1, (3, 12, 2)).astype("float32")}
    horizon = model.output.shape[1]
    wanted = np.concatenate([x["past"][:, -4:]] * 3, axis=1)[:, :horizon]
    np.testing.assert_allclose(to_numpy(apply(model, x))[..., 0], wanted, rtol=1e-6)


def test_the_unit_of_the_data_does_not_matter() -> None:
    """What is scaled by its window is forecast likewise in any unit and at any level."""
    model = build(scaling="window")
    x = inputs(model)
    found = to_numpy(apply(model, x))
    moved = to_numpy(apply(model, {"past": 40 * x["past"] - 7}))
    np.testing.assert_allclose(moved, 40 * found - 7, rtol=1e-3)


def test_recursive_feeds_its_median_back() -> None:
    """The loop against the slow way: the first step of ever longer windows."""
    model = build(mode="recursive", scaling="train", known_covariates=1, cell="gru")
    x = inputs(model)
    x["past"] = np.nan_to_num(x["past"], nan=50.0)
    found = to_numpy(apply(model, x))
    loop = model.get_layer("feedback")
    one = keras.Model(model.input, model.get_layer("inputs").output)
    seen = to_numpy(one.predict(x, verbose=0))
    centre = to_numpy(model.get_layer("scaling").mean)
    scale = to_numpy(model.get_layer("scaling").deviation)
    known = to_numpy(model.get_layer("known_inputs").output.shape[-1:])[0]
    known_inputs = keras.Model(model.input, model.get_layer("known_inputs").output)
    future = to_numpy(known_inputs.predict(x, verbose=0))[:, WINDOW:]
    for step in range(HORIZON):
        states = {
            n: np.zeros((3, loop.recurrence.input[n].shape[-1]), "float32")
            for n in loop.state_names
        }
        outputs = loop.recurrence.predict({"x": seen, **states}, verbose=0)["outputs"]
        y = to_numpy(loop.head.predict(outputs[:, -1], verbose=0)).reshape(3, TARGETS, 3)
        np.testing.assert_allclose(
            found[:, step], centre[:, None] + scale[:, None] * y, rtol=1e-4, atol=1e-3
        )
        if step + 1 < HORIZON:
            own = np.concatenate([y[..., 1], np.zeros((3, TARGETS)), future[:, step + 1]], axis=1)[
                :, None
            ]
            assert own.shape[-1] == 2 * TARGETS + known
            seen = np.concatenate([seen, own.astype("float32")], axis=1)


def test_known_covariates_reach_no_earlier_step() -> None:
    """What is known of a step changes the recursive forecasts of that step and later ones only."""
    model = build(mode="recursive", known_covariates=1)
    x = inputs(model)
    found = to_numpy(apply(model, x))
    for step in range(HORIZON):
        other = {**x, "known": x["known"].copy()}
        other["known"][:, WINDOW + step] += 30
        changed = np.abs(to_numpy(apply(model, other)) - found).max(axis=(0, 2, 3)) > 1e-4
        assert changed.tolist() == [later >= step for later in range(HORIZON)]


@pytest.mark.parametrize(
    ("season", "steps"), [(2, [4, 5, 4]), (3, [3, 4, 5]), (4, [2, 3, 4]), (8, [None, None, 0])]
)
def test_season_anchors(season: int, steps: list[int | None]) -> None:
    """With a head of zeros the forecast is the seasonal naive one."""
    model = build(season=season, quantiles=(), scaling="train", targets=1)
    model.get_layer("head").set_weights(
        [np.zeros_like(weight) for weight in model.get_layer("head").get_weights()]
    )
    past = (50 + np.arange(2.0 * WINDOW)).reshape(2, WINDOW, 1).astype("float32")
    centre = to_numpy(model.get_layer("scaling").mean)
    wanted = np.stack([np.broadcast_to(centre, (2, 1)) if s is None else past[:, s] for s in steps])
    found = to_numpy(apply(model, {"past": past}))[..., 0]
    np.testing.assert_allclose(found, wanted.swapaxes(0, 1), rtol=1e-4)
    if season == 2:  # where it is missing, the season before that
        past[0, 4] = np.nan
        found = to_numpy(apply(model, {"past": past}))[..., 0]
        np.testing.assert_allclose(found[0, :, 0], past[0, [2, 5, 2], 0], rtol=1e-4)


@cases
def test_saved_and_loaded(case: str, tmp_path: Any) -> None:
    model = build(**CASES[case])
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    x = inputs(model, time=9)  # windows may have any length
    np.testing.assert_allclose(
        to_numpy(apply(again, x)), to_numpy(apply(model, x)), rtol=1e-4, atol=1e-4
    )


def test_closed_form_is_ridge_regression() -> None:
    keras.utils.set_random_seed(0)
    model = zoo.forecaster(
        horizon=HORIZON, cell="reservoir", connection="dense", units=20, quantiles=LEVELS
    )
    rng = np.random.default_rng(0)
    series = np.sin(np.arange(400) / 5) + 0.1 * rng.normal(size=400)
    zoo.fit_scaling(model, past=series[:300, None])
    steps = np.arange(390 - WINDOW)[:, None]
    past = series[steps + np.arange(WINDOW)][..., None].astype("float32")
    y = series[steps + np.arange(WINDOW, WINDOW + HORIZON)][..., None]
    y[3, 1] = np.nan  # this window is left out
    parts = [({"past": past[a:b]}, y[a:b]) for a, b in ((0, 150), (150, 290))]
    rows = zoo.fit_forecast_readout(
        model, parts, [({"past": past[290:]}, y[290:])], alphas=(1e-3, 1.0, 1e6)
    )
    assert [row["alpha"] for row in rows] == [1e-3, 1.0, 1e6]
    best = min(rows, key=lambda row: row["val_loss"])
    assert best["alpha"] < 1e6
    head, scaling = model.get_layer("head"), model.get_layer("scaling")
    seen = keras.Model(model.input, [head.input, *scaling.output[2:]])
    states, centre, scale = (
        np.asarray(part, "float64") for part in seen.predict({"past": past}, verbose=0)
    )
    wanted = ((y - centre) / scale)[..., 0]
    rows_used = np.isfinite(wanted[:290]).all(axis=1)
    direct = Ridge(alpha=best["alpha"], solver="svd").fit(
        states[:290][rows_used], wanted[:290][rows_used]
    )
    found = to_numpy(model.predict({"past": past[290:]}, verbose=0))[:, :, 0]
    unscaled = (found - centre[290:]) / scale[290:]
    np.testing.assert_allclose(unscaled[..., 1], direct.predict(states[290:]), atol=2e-3)
    errors = wanted[290:] - direct.predict(states[290:])
    below = np.minimum(np.quantile(errors, 0.1, axis=0), 0)
    above = np.maximum(np.quantile(errors, 0.9, axis=0), 0)
    np.testing.assert_allclose((unscaled[..., 0] - unscaled[..., 1]).mean(axis=0), below, atol=2e-3)
    np.testing.assert_allclose((unscaled[..., 2] - unscaled[..., 1]).mean(axis=0), above, atol=2e-3)


def test_wrong_options() -> None:
    for options, message in (
        ({"horizon": 0}, "`horizon` must be a positive integer"),
        ({"mode": "both"}, "`mode` must be one of"),
        ({"mode": "recursive", "covariates": 1}, "as their future is unknown"),
        ({"mode": "recursive", "bidirectional": True}, "forecasts that do not exist yet"),
        ({"mode": "recursive", "initial_state": "learned"}, "`initial_state` must be 'zeros'"),
        ({"quantiles": (0.1, 0.9)}, "`quantiles` must be ascending"),
        ({"scaling": "none"}, "`mode` must be one of"),
        ({"cell": "gruu"}, "`cell` must be one of"),
    ):
        with pytest.raises(ValueError, match=message):
            zoo.forecaster(**options)
    model = build()
    with pytest.raises(ValueError, match="Expected the inputs"):
        zoo.fit_scaling(model, known=np.zeros((3, 1)))
    with pytest.raises(ValueError, match="`past` must have 2 features"):
        zoo.fit_scaling(model, past=np.zeros((3, 1)))
    with pytest.raises(ValueError, match="would stay untrained: .*recurrent_0"):
        zoo.fit_forecast_readout(model, [], [])
    with pytest.raises(ValueError, match="needs a model of `zoo.forecaster`"):
        zoo.fit_forecast_readout(build(mode="recursive"), [], [])
    echo_state = build(cell="reservoir", quantiles=())
    with pytest.raises(ValueError, match="`batches` must hold a window without missing targets"):
        zoo.fit_forecast_readout(echo_state, [], [])
    x = inputs(echo_state)
    windows = [(x, np.ones((len(x["past"]), *echo_state.output.shape[1:3])))]
    with pytest.raises(ValueError, match="`validation` must hold a window without missing"):
        zoo.fit_forecast_readout(echo_state, windows, [])
