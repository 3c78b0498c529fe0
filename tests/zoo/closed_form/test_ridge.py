"""Ridge regression in one pass: against decompositions of the whole matrix, chunk by chunk."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from zoo.closed_form import ridge as _ridge
from zoo.closed_form.ridge import RidgeAccumulator

EPSILON = np.finfo(np.float64).eps


def data(rows: int, features: int, targets: int = 2, seed: int = 0):
    """Correlated features with means of their own, targets that depend on them, and noise."""
    rng = np.random.default_rng(seed)
    states = rng.normal(size=(rows, features)) @ rng.normal(size=(features, features))
    states += 5 * rng.normal(size=features)
    values = states @ rng.normal(size=(features, targets)) + rng.normal(size=(rows, targets))
    return states, values + 3.0


def ill_conditioned(rows: int = 400, features: int = 30, smallest: float = 1e-10):
    """Singular values from 1 to `smallest`; every direction counts for the targets."""
    rng = np.random.default_rng(5)
    u, _ = np.linalg.qr(rng.normal(size=(rows, features)))
    v, _ = np.linalg.qr(rng.normal(size=(features, features)))
    singular = np.logspace(0, np.log10(smallest), features)
    states = (u * singular) @ v.T
    targets = u @ rng.normal(size=(features, 2)) + 0.1 * rng.normal(size=(rows, 2))
    return states, targets


def by_svd(states, targets, alpha, fit_intercept=True):
    """The textbook: centre everything, decompose everything."""
    x, y = states.astype("float64"), targets.astype("float64")
    mean_x, mean_y = (x.mean(axis=0), y.mean(axis=0)) if fit_intercept else (0.0, 0.0)
    u, s, v = np.linalg.svd(x - mean_x, full_matrices=False)
    kept = s > 1e-14 * s[0]
    u, s, v = u[:, kept], s[kept], v[kept]
    weights = v.T @ ((s / (s**2 + alpha))[:, None] * (u.T @ (y - mean_y)))
    bias = mean_y - mean_x @ weights if fit_intercept else np.zeros(y.shape[1])
    return weights, bias, np.mean((x @ weights + bias - y) ** 2, axis=0)


def fitted(states, targets, sizes=(1000,), **options) -> RidgeAccumulator:
    ridge = RidgeAccumulator(states.shape[1], targets.shape[1], **options)
    start, turn = 0, 0
    while start < len(states):
        size = sizes[turn % len(sizes)]
        ridge.add(states[start : start + size], targets[start : start + size])
        start, turn = start + size, turn + 1
    return ridge


def small_blocks(monkeypatch) -> None:
    """Fold rows in several times, as much data does."""
    monkeypatch.setattr(_ridge, "_BLOCK", 1)


def assert_same(found, expected, rtol=1e-9):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * np.abs(b).max())


@pytest.mark.parametrize("smallest_alpha", [0.0, 1e-6], ids=["qr", "products"])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("targets", [1, 3])
@pytest.mark.parametrize("rows", [300, 5])
def test_equals_decomposition_of_everything(
    monkeypatch, rows, targets, fit_intercept, smallest_alpha
):
    """With many rows and with fewer rows than features."""
    small_blocks(monkeypatch)
    x, y = data(rows, 12, targets)
    ridge = fitted(x, y, (7, 40), fit_intercept=fit_intercept, smallest_alpha=smallest_alpha)
    for alpha in (1e-6, 0.01, 10.0, 1e6):
        expected = by_svd(x, y, alpha, fit_intercept)
        weights, bias, square = ridge.solve(alpha)
        # Products know the residuals' squares to the rounding of the targets' squares.
        size = np.mean(y**2)
        atol = size * (1e-13 if smallest_alpha else 1e-24)
        np.testing.assert_allclose(square, expected[2], rtol=1e-7, atol=atol)
        rtol = 1e-6 if smallest_alpha and rows == 5 else 1e-9
        assert_same((weights, bias), expected[:2], rtol)
    assert (ridge._products is None) == (smallest_alpha == 0)


@pytest.mark.parametrize("smallest_alpha", [0.0, 0.1])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_equals_scikit_learn(fit_intercept, smallest_alpha):
    x, y = data(500, 20)
    ridge = fitted(x, y, (64,), fit_intercept=fit_intercept, smallest_alpha=smallest_alpha)
    for alpha in (0.1, 100.0):
        other = Ridge(alpha, fit_intercept=fit_intercept, solver="svd").fit(x, y)
        bias = np.broadcast_to(other.intercept_, (2,))
        weights, own_bias, _ = ridge.solve(alpha)
        assert_same((weights, own_bias), (other.coef_.T, bias))


@pytest.mark.parametrize("alpha", [0.0, 1e-18, 1e-14, 1e-10, 1e-4])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_ill_conditioned_features(monkeypatch, alpha, fit_intercept):
    """Where the normal equations fail, QR does not."""
    small_blocks(monkeypatch)
    x, y = ill_conditioned()
    ridge = fitted(x, y, (50,), fit_intercept=fit_intercept)
    expected = by_svd(x, y, alpha, fit_intercept)
    found = ridge.solve(alpha)
    # The conditioning of the problem: 1e10 for alpha 0, 1 / sqrt(alpha) otherwise.
    rtol = 1e3 * EPSILON * min(1e10, alpha**-0.5 if alpha else np.inf)
    assert_same(found[:2], expected[:2], rtol=rtol)
    np.testing.assert_allclose(found.mean_square, expected[2], rtol=1e-6)


def test_normal_equations_fail_on_the_same_features():
    """What the test above would see of them; it is not too easy."""
    x, y = ill_conditioned()
    for alpha, error in ((0.0, 0.5), (1e-18, 0.5), (1e-14, 1e-4)):
        expected, _, _ = by_svd(x, y, alpha, fit_intercept=False)
        found = np.linalg.solve(x.T @ x + alpha * np.eye(30), x.T @ y)
        assert np.linalg.norm(found - expected) > error * np.linalg.norm(expected)


def test_products_are_left_where_they_would_lose_digits(monkeypatch):
    """Rows come in until `smallest_alpha` is too close to the rounding of their products."""
    small_blocks(monkeypatch)
    x, y = data(800, 6)
    trace = np.sum((x - x.mean(axis=0)) ** 2)
    alpha = 50 * EPSILON * trace
    ridge = RidgeAccumulator(6, 2, smallest_alpha=alpha)
    routes = []
    for start in range(0, 800, 50):
        ridge.add(x[start : start + 50], y[start : start + 50])
        ridge.solve(alpha)
        routes.append(ridge._products is not None)
    assert routes[0] and not routes[-1] and routes == sorted(routes, reverse=True)
    assert_same(ridge.solve(alpha), by_svd(x, y, alpha), rtol=1e-9)


def test_switch_from_products_loses_nothing(monkeypatch):
    """Small columns beside large ones, features that are 0, and targets of another size."""
    small_blocks(monkeypatch)
    x, y = data(400, 8)
    x = (x - x.mean(axis=0)) * np.logspace(0, -6, 8)
    x[:, 3] = 0.0
    y = 1e6 * y
    trace = np.sum(x**2)
    alpha = 60 * EPSILON * trace
    ridge = fitted(x, y, (20,), smallest_alpha=alpha)
    ridge.solve(alpha)
    assert ridge._products is None
    weights, bias, square = by_svd(x, y, alpha)
    found = ridge.solve(alpha)
    # What matters is the objective, in which the weights of small columns count little.
    cost, best = (
        np.sum(s) * 400 + alpha * np.sum(w**2)
        for w, s in ((found.weights, found.mean_square), (weights, square))
    )
    assert cost == pytest.approx(best, rel=1e-9)
    assert_same((x @ found.weights + found.bias,), (x @ weights + bias,), rtol=1e-7)


def echo_states(units: int = 60, steps: int = 1500):
    """States of a reservoir in float32, driven by two sines: singular values from 1 to 1e-9."""
    rng = np.random.default_rng(2)
    kernel = rng.normal(size=(units, units)) / np.sqrt(units)
    kernel *= 0.5 / np.abs(np.linalg.eigvals(kernel)).max()
    drive = rng.uniform(-0.5, 0.5, units)
    time = np.arange(steps + 1)
    series = np.sin(0.1 * time) + 0.5 * np.sin(0.0317 * time)
    state = np.zeros(units, "float32")
    states = np.empty((steps, units), "float32")
    for t in range(steps):
        state = np.tanh(state @ np.float32(kernel) + np.float32(series[t] * drive))
        states[t] = state
    return states[100:], series[101:, None]


def test_products_are_as_good_as_qr_for_echo_states():
    states, series = echo_states()
    train, test = (states[:1000], series[:1000]), (states[1000:], series[1000:])
    x = states[:1000].astype("float64")
    centred = x - x.mean(axis=0)
    singular = np.linalg.svd(centred, compute_uv=False)
    assert singular[-1] < 1e-8 * singular[0]
    alpha = 110 * EPSILON * np.sum(centred**2)
    products, triangle = fitted(*train, smallest_alpha=alpha), fitted(*train)
    errors = []
    for ridge in (products, triangle):
        weights, bias, _ = ridge.solve(alpha)
        errors.append(np.sqrt(np.mean((test[0].astype("float64") @ weights + bias - test[1]) ** 2)))
    assert products._products is not None
    assert errors[0] == pytest.approx(errors[1], rel=1e-3)
    assert_same(products.solve(alpha)[:1], triangle.solve(alpha)[:1], rtol=5e-3)


@given(
    sizes=st.lists(st.integers(0, 70), min_size=1, max_size=6).filter(any),
    smallest_alpha=st.sampled_from([0.0, 1e-3]),
    fit_intercept=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_size_of_chunks_changes_nothing(sizes, smallest_alpha, fit_intercept):
    x, y = data(150, 5)
    options = {"fit_intercept": fit_intercept, "smallest_alpha": smallest_alpha}
    with pytest.MonkeyPatch.context() as patch:
        small_blocks(patch)
        one, many = fitted(x, y, (150,), **options), fitted(x, y, sizes, **options)
    for alpha in (1e-3, 1.0):
        for a, b in zip(one.solve(alpha), many.solve(alpha), strict=True):
            np.testing.assert_array_equal(a, b)


def test_solving_in_between_changes_nothing_but_rounding(monkeypatch):
    small_blocks(monkeypatch)
    x, y = data(200, 5)
    ridge = RidgeAccumulator(5, 2)
    for start in range(0, 200, 10):
        ridge.add(x[start : start + 10], y[start : start + 10])
        seen = slice(0, start + 10)
        assert_same(ridge.solve(0.5), by_svd(x[seen], y[seen], 0.5))
    assert ridge.rows == 200


def test_memory_does_not_grow():
    ridge = RidgeAccumulator(4, 1)
    chunk = np.random.default_rng(0).normal(size=(3000, 5))
    sizes = set()
    for _ in range(5):
        ridge.add(chunk[:, :4], chunk[:, 4:])
        ridge.solve(0.0)
        arrays = (value for value in vars(ridge).values() if isinstance(value, np.ndarray))
        sizes.add(sum(array.nbytes for array in arrays))
    assert len(sizes) == 1


@pytest.mark.parametrize("dtype", ["float16", "float32", "int64"])
def test_computes_in_float64_and_leaves_its_arguments_alone(dtype):
    x, y = (np.round(10 * a).astype(dtype) for a in data(100, 4))
    before = x.copy(), y.copy()
    found = fitted(x, y).solve(0.1)
    assert all(array.dtype == np.float64 for array in found)
    assert_same(found, by_svd(x, y, 0.1))
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(y, before[1])


@pytest.mark.parametrize("rows", [40, 3])
def test_without_penalty_the_shortest_weights(rows):
    """Features that repeat each other, and fewer rows than features."""
    x, y = data(rows, 4)
    x = np.concatenate([x, x[:, :2], np.full((rows, 1), 7.0)], axis=1)
    weights, bias, square = fitted(x, y).solve(0.0)
    centred = x - x.mean(axis=0)
    expected = np.linalg.pinv(centred, rcond=1e-12) @ (y - y.mean(axis=0))
    np.testing.assert_allclose(weights, expected, atol=1e-9)
    np.testing.assert_allclose(weights[:2], weights[4:6], atol=1e-9)
    np.testing.assert_allclose(x @ weights + bias, centred @ expected + y.mean(axis=0))
    np.testing.assert_allclose(square, np.mean((x @ weights + bias - y) ** 2, axis=0), atol=1e-20)


@pytest.mark.parametrize("smallest_alpha", [0.0, 1e-3])
def test_large_means_cost_no_digits(monkeypatch, smallest_alpha):
    """Also where the first block has another mean than the rest."""
    small_blocks(monkeypatch)
    x, y = data(300, 5)
    x[:, 0] += np.linspace(0, 100, 300)
    expected = by_svd(x, y, 1e-3)
    shifted = x + 2.0**20
    ridge = fitted(shifted, y + 2.0**20, smallest_alpha=smallest_alpha)
    weights, bias, square = ridge.solve(1e-3)
    assert (ridge._products is None) == (smallest_alpha == 0)
    # The features themselves have lost 20 of their 52 bits to the shift.
    np.testing.assert_allclose(weights, expected[0], rtol=1e-7)
    np.testing.assert_allclose(square, expected[2], rtol=1e-7)
    np.testing.assert_allclose(shifted @ weights + bias - 2.0**20, x @ expected[0] + expected[1])


@pytest.mark.parametrize("smallest_alpha", [0.0, 1e-3])
def test_one_row_and_constant_features(smallest_alpha):
    ridge = RidgeAccumulator(3, 1, smallest_alpha=smallest_alpha)
    for _ in range(2):
        ridge.add(np.array([[1.0, 2.0, 3.0]]), np.array([[4.0]]))
        weights, bias, square = ridge.solve(1e-3)
        np.testing.assert_array_equal(weights, np.zeros((3, 1)))
        np.testing.assert_array_equal(bias, [4.0])
        np.testing.assert_allclose(square, [0.0], atol=1e-30)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused(value):
    x, y = data(20, 3)
    ridge = fitted(x, y)
    before = ridge.solve(0.1)
    bad = x.copy()
    bad[4, 2] = value
    with pytest.raises(
        ValueError, match=f"`states` must be finite, found {value} in row 4, col.* 2"
    ):
        ridge.add(bad, y)
    bad = y.copy()
    bad[7, 1] = value
    with pytest.raises(ValueError, match=f"`targets` must be finite, found {value} in row 7"):
        ridge.add(x, bad)
    assert ridge.rows == 20
    assert_same(ridge.solve(0.1), before, rtol=0)


@pytest.mark.parametrize(
    ("states", "targets", "message"),
    [
        ((4, 2), (4, 2), r"`states` must have the shape \(rows, 3\), found \(4, 2\)"),
        ((3,), (1, 2), r"`states` must have the shape \(rows, 3\), found \(3,\)"),
        ((1, 4, 3), (4, 2), "`states` must have the shape"),
        ((4, 3), (4,), r"`targets` must have the shape \(rows, 2\), found \(4,\)"),
        ((4, 3), (4, 3), "`targets` must have the shape"),
        ((4, 3), (5, 2), "same number of rows, found 4 and 5"),
    ],
)
def test_wrong_shapes_are_refused(states, targets, message):
    with pytest.raises(ValueError, match=message):
        RidgeAccumulator(3, 2).add(np.zeros(states), np.zeros(targets))


def test_other_numbers_are_refused():
    for array in (np.zeros((1, 2), complex), np.array([["1", "2"]])):
        with pytest.raises(ValueError, match="`states` must be real numbers, found dtype"):
            RidgeAccumulator(2, 1).add(array, np.zeros((1, 1)))


def test_no_data_and_unfit_alpha_are_refused():
    ridge = RidgeAccumulator(2, 1, smallest_alpha=0.1)
    ridge.add(np.zeros((0, 2)), np.zeros((0, 1)))
    with pytest.raises(ValueError, match="no row was added"):
        ridge.solve(1.0)
    with pytest.raises(ValueError, match="`alpha` must be at least `smallest_alpha` 0.1, found 0"):
        ridge.solve(0)
    for alpha in (-1.0, np.nan, np.inf, "1", True):
        with pytest.raises(ValueError, match="`alpha` must be"):
            ridge.solve(alpha)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"features": 0, "targets": 1}, "`features` must be a positive integer, found 0"),
        ({"features": 2.0, "targets": 1}, "`features` must be a positive integer"),
        ({"features": 2, "targets": True}, "`targets` must be a positive integer"),
        ({"features": 2, "targets": 1, "smallest_alpha": -1}, "`smallest_alpha` must be"),
    ],
)
def test_unfit_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        RidgeAccumulator(**options)
