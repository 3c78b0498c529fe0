"""PixelRNN's layers: their equations pixel by pixel in NumPy, and nothing seen ahead."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from compiled import apply
from keras import ops
from layer_checks import CHECKS, LayerCase, disturb_weights, to_numpy
from recurrent_checks import gradients

from custom_layers import DiagonalBiLSTM, MaskedConv2D, RowLSTM
from custom_layers.images.walk import pixel_mask, skew, unskew

pytestmark = pytest.mark.backend

HEIGHT, WIDTH = 5, 4

CONTRACTS = {
    "MaskedConv2D": LayerCase(
        MaskedConv2D,
        {"filters": 6, "kernel_size": 3, "mask_type": "A", "channel_groups": 3},
        (2, HEIGHT, WIDTH, 3),
        trainable_weights=2,
        output_shape=(2, HEIGHT, WIDTH, 6),
        variable_length=False,
    ),
    "RowLSTM": LayerCase(
        RowLSTM,
        {"units": 3, "kernel_size": 3, "channel_groups": 3},
        (2, HEIGHT, WIDTH, 6),
        trainable_weights=5,
        output_shape=(2, HEIGHT, WIDTH, 3),
        variable_length=False,
    ),
    "DiagonalBiLSTM": LayerCase(
        DiagonalBiLSTM,
        {"units": 3, "channel_groups": 3},
        (2, HEIGHT, WIDTH, 6),
        trainable_weights=10,
        output_shape=(2, HEIGHT, WIDTH, 3),
        variable_length=False,
    ),
}


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("layer", CONTRACTS)
def test_contract(layer: str, name: str) -> None:
    CHECKS[name](CONTRACTS[layer])


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def group(channel: int, channels: int, groups: int) -> int:
    """By counting: the first `channels / groups` are of group 0, and so on."""
    return channel // (channels // groups)


def sees(source: int, target: int, mask_type: str) -> bool:
    return source < target if mask_type == "A" else source <= target


@pytest.mark.parametrize("mask_type", ["A", "B"])
@pytest.mark.parametrize(("inputs", "filters", "groups"), [(3, 6, 3), (6, 3, 3), (2, 3, 1)])
def test_mask(mask_type: str, inputs: int, filters: int, groups: int) -> None:
    mask = pixel_mask((5, 3), inputs, filters, mask_type, groups)
    for a, b, c, f in np.ndindex(5, 3, inputs, filters):
        before = (a, b) < (2, 1)
        here = (a, b) == (2, 1)
        pair = group(c, inputs, groups), group(f, filters, groups)
        assert mask[a, b, c, f] == (before or (here and sees(*pair, mask_type)))


def lstm(z: np.ndarray, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    take, keep, give, candidate = np.split(z, 4)
    cell = sigmoid(keep) * cell + sigmoid(take) * np.tanh(candidate)
    return sigmoid(give) * np.tanh(cell), cell


def weights_of(layer: Any) -> dict[str, np.ndarray]:
    return {w.name: to_numpy(w).astype("float64") for w in layer.weights}


def masked(kernel: np.ndarray, groups: int) -> np.ndarray:
    """The kernel of the inputs with zeros where mask "B" has them, gate by gate."""
    _, width, channels, wide = kernel.shape
    kernel, n = kernel.copy(), wide // 4
    for b, c, f in np.ndindex(width, channels, wide):
        here = b == width // 2
        allowed = sees(group(c, channels, groups), group(f % n, n, groups), "B")
        if b > width // 2 or (here and not allowed):
            kernel[0, b, c, f] = 0
    return kernel[0]


Weights = dict[str, np.ndarray]


def row_lstm(layer: Any, x: np.ndarray, w: Weights) -> np.ndarray:
    (height, width, _), n = x.shape, layer.units
    kernel, reach = masked(w["kernel"], layer.channel_groups), layer.kernel_size // 2
    recurrent = w["recurrent_kernel"].reshape(layer.kernel_size, n, 4 * n)
    hidden = {(-1, j): w["initial_hidden"] for j in range(width)}
    cell = {(-1, j): w["initial_cell"] for j in range(width)}
    for i, j in np.ndindex(height, width):
        z = w["bias"].copy()
        for k in range(-reach, reach + 1):
            if 0 <= j + k < width:
                z += x[i, j + k] @ kernel[k + reach] + hidden[i - 1, j + k] @ recurrent[k + reach]
        hidden[i, j], cell[i, j] = lstm(z, cell[i - 1, j])
    return np.array([[hidden[i, j] for j in range(width)] for i in range(height)])


def diagonal_lstm(layer: Any, x: np.ndarray, w: Weights, prefix: str) -> np.ndarray:
    (height, width, _), n = x.shape, layer.units
    w = {name.removeprefix(prefix): value for name, value in w.items() if name.startswith(prefix)}
    kernel = masked(w["kernel"], layer.channel_groups)[0]
    hidden: dict[tuple[int, int], np.ndarray] = {}
    cell: dict[tuple[int, int], np.ndarray] = {}
    for i, j in np.ndindex(height, width):
        left, above = (hidden.get(p, w["initial_hidden"]) for p in ((i, j - 1), (i - 1, j)))
        z = x[i, j] @ kernel + np.concatenate([left, above]) @ w["recurrent_kernel"] + w["bias"]
        hidden[i, j], cell[i, j] = lstm(z, cell.get((i, j - 1), w["initial_cell"]))
    return np.array([[hidden[i, j] for j in range(width)] for i in range(height)]).reshape(
        height, width, n
    )


def diagonal_bilstm(layer: Any, x: np.ndarray, w: Weights) -> np.ndarray:
    right = diagonal_lstm(layer, x[:, ::-1], w, "right_")[:, ::-1]
    below = np.concatenate([np.zeros_like(right[:1]), right[:-1]])
    return diagonal_lstm(layer, x, w, "left_") + below


@pytest.mark.parametrize(
    ("shape", "groups"), [((5, 4), 1), ((5, 4), 3), ((3, 6), 3), ((1, 3), 3), ((4, 1), 3)]
)
@pytest.mark.parametrize(
    ("make", "reference"),
    [
        (RowLSTM, row_lstm),
        (lambda n, **k: RowLSTM(n, kernel_size=5, **k), row_lstm),
        (DiagonalBiLSTM, diagonal_bilstm),
    ],
)
def test_equation(make: Any, reference: Any, groups: int, shape: tuple[int, int]) -> None:
    layer = make(3, channel_groups=groups)
    x = np.random.default_rng(0).normal(size=(2, *shape, 6))
    layer.build((None, *shape, 6))
    disturb_weights(layer)
    found = to_numpy(apply(layer, x.astype("float32")))
    for one, image in zip(found, x, strict=True):
        expected = reference(layer, image, weights_of(layer))
        np.testing.assert_allclose(one, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(3, 4), (4, 1)])
@pytest.mark.parametrize(
    ("make", "reference"),
    [
        (lambda n, **k: RowLSTM(n, kernel_size=5, **k), row_lstm),
        (DiagonalBiLSTM, diagonal_bilstm),
    ],
)
def test_gradients(make: Any, reference: Any, shape: tuple[int, int]) -> None:
    """Those of the reference, by finite differences in a random direction."""
    layer = make(3, channel_groups=3)
    rng = np.random.default_rng(0)
    x, upstream = rng.normal(size=(2, *shape, 6)), rng.normal(size=(2, *shape, 3))
    layer.build((None, *shape, 6))
    disturb_weights(layer)

    def loss(values: dict[str, np.ndarray]) -> float:
        found = [reference(layer, image, values) for image in values["x"]]
        return float((np.array(found) * upstream).sum())

    values = {"x": x, **weights_of(layer)}
    for name, gradient in gradients(layer, x, [], None, [upstream]).items():
        direction = rng.normal(size=values[name].shape)
        moved = [{**values, name: values[name] + e * direction} for e in (1e-6, -1e-6)]
        expected = (loss(moved[0]) - loss(moved[1])) / 2e-6
        assert (gradient * direction).sum() == pytest.approx(expected, rel=1e-3, abs=1e-3), name


#: All of them but on JAX, which compiles each.
DEPTHS_AND_GROUPS = [(1, 1), (3, 3), (1, 3), (3, 1)][: 2 if keras.backend.backend() == "jax" else 4]


def stack(kind: str, depth: int, groups: int) -> keras.Model:
    """A masked convolution "A" and layers over it, as PixelRNN has them."""
    x = keras.Input((HEIGHT, WIDTH, groups))
    y = MaskedConv2D(2 * groups, 3, "A", groups)(x)
    for _ in range(depth):
        layer = RowLSTM(groups, channel_groups=groups)
        if kind == "diagonal":
            layer = DiagonalBiLSTM(groups, channel_groups=groups)
        y = y + MaskedConv2D(2 * groups, 1, "B", groups)(layer(y))
    model = keras.Model(x, MaskedConv2D(groups, 1, "B", groups)(y))
    disturb_weights(model)
    return model


@pytest.mark.parametrize(("depth", "groups"), DEPTHS_AND_GROUPS)
@pytest.mark.parametrize("kind", ["row", "diagonal"])
def test_nothing_is_seen_of_what_is_to_come(kind: str, depth: int, groups: int) -> None:
    """Changing a colour of a pixel changes none before it, nor itself, and some after it."""
    model = stack(kind, depth, groups)
    x = np.random.default_rng(1).normal(size=(HEIGHT, WIDTH, groups)).astype("float32")
    places = list(np.ndindex(HEIGHT, WIDTH, groups))
    changed = np.stack([x] * (len(places) + 1))
    for row, place in enumerate(places):
        changed[row][place] += 1.0
    found = to_numpy(apply(model, changed)).reshape(len(places) + 1, -1)
    change = np.abs(found[:-1] - found[-1])
    reached = 0
    for index in range(len(places)):
        assert change[index, : index + 1].max() < 1e-6  # rows of a batch differ in rounding
        reached += (change[index, index + 1 :] > 0).sum()
    if kind == "diagonal":  # all, but that the last pixel of a row enters by the row below it
        assert reached >= 0.95 * len(places) * (len(places) - 1) / 2


@pytest.mark.parametrize(("depth", "groups"), DEPTHS_AND_GROUPS)
@pytest.mark.parametrize("kind", ["row", "diagonal"])
def test_jacobian_is_strictly_triangular(kind: str, depth: int, groups: int) -> None:
    """No output depends on its own input or on a later one, whatever the image: a row of the
    Jacobian for each random image."""
    model = stack(kind, depth, groups)
    count = HEIGHT * WIDTH * groups
    images = np.random.default_rng(2).normal(size=(count, HEIGHT, WIDTH, groups))
    one_output_each = np.eye(count).reshape(images.shape)
    jacobian = gradients(model, images, [], None, [one_output_each])["x"].reshape(count, count)
    np.testing.assert_array_equal(np.triu(jacobian), 0)
    if kind == "diagonal":
        assert (np.tril(jacobian) != 0).sum() >= 0.95 * count * (count - 1) / 2


def test_skew_and_back() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 2))
    skewed = to_numpy(skew(ops.convert_to_tensor(x)))
    for i, j in np.ndindex(3, 4):
        np.testing.assert_array_equal(skewed[:, i, i + j], x[:, i, j].astype(skewed.dtype))
    np.testing.assert_array_equal(
        to_numpy(unskew(ops.convert_to_tensor(skewed))), x.astype(skewed.dtype)
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MaskedConv2D(3, 2), "`kernel_size`"),
        (lambda: MaskedConv2D(3, 3, "C"), "`mask_type`"),
        (lambda: MaskedConv2D(4, 3, channel_groups=3), "`filters` must be a multiple of 3"),
        (lambda: MaskedConv2D(4, 3, channel_groups=2), "`channel_groups`"),
        (lambda: RowLSTM(0), "`units`"),
        (lambda: RowLSTM(3, kernel_size=2), "`kernel_size`"),
        (lambda: RowLSTM(3).build((None, None, 4, 3)), "`images` must have shape"),
        (lambda: DiagonalBiLSTM(3, channel_groups=3).build((None, 4, 4, 4)), "channels of the im"),
    ],
)
def test_wrong_arguments(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
