"""PixelRNN: its likelihood by enumeration, its reach, and sampling against the whole model."""

from __future__ import annotations

import itertools
from typing import Any

import keras
import numpy as np
import pytest
from compiled import apply
from keras import ops
from layer_checks import disturb_weights, to_numpy

import zoo

pytestmark = pytest.mark.backend

LAYERS = ("diagonal_bilstm", "row_lstm", "masked_conv")


def small(layer: str, height: int, width: int, channels: int, levels: int, **more: Any) -> Any:
    options = {"units": 6, "head_units": 6, "depth": 2, "first_kernel_size": 5, **more}
    model = zoo.pixel_rnn(
        height=height, width=width, channels=channels, levels=levels, layer=layer, **options
    )
    disturb_weights(model)
    return model


@pytest.mark.parametrize(
    ("height", "width", "channels", "levels"), [(2, 2, 1, 2), (2, 2, 1, 3), (1, 2, 3, 2)]
)
@pytest.mark.parametrize("layer", LAYERS)
def test_likelihood_sums_to_one_over_all_images(
    layer: str, height: int, width: int, channels: int, levels: int
) -> None:
    model = small(layer, height, width, channels, levels)
    shape = height, width, channels
    every = np.array(list(itertools.product(range(levels), repeat=np.prod(shape))), "int32")
    every = every.reshape(-1, *shape)
    nats = to_numpy(zoo.image_nats(every, apply(model, every))).astype("float64")
    assert np.exp(-nats).sum() == pytest.approx(1, abs=1e-5)
    assert nats.std() > 0.01


def test_nats_are_stable_and_right() -> None:
    images = np.array([0, 1, 1, 0], "int32").reshape(1, 2, 2, 1)
    logits = np.array([-1000.0, 1000.0, 0.5, 3.0], "float32").reshape(1, 2, 2, 1)
    expected = np.log1p(np.exp(-0.5)) + np.log1p(np.exp(3.0))
    np.testing.assert_allclose(to_numpy(zoo.image_nats(images, logits)), [expected], rtol=1e-6)
    two = np.concatenate([np.zeros((1, 2, 2, 1, 1)), logits[..., None]], axis=-1)
    np.testing.assert_allclose(
        to_numpy(zoo.image_nats(images, two.astype("float32"))), [expected], rtol=1e-6
    )
    assert float(zoo.PixelLoss()(images, logits)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("channels", "levels"), [(1, 2), (1, 5), (3, 4)])
@pytest.mark.parametrize("layer", LAYERS)
def test_sampling_sees_what_the_whole_model_sees(layer: str, channels: int, levels: int) -> None:
    """With some pixels known, and all others drawn: the same logits at every pixel."""
    model = small(layer, 5, 6, channels, levels)
    rng = np.random.default_rng(0)
    images = rng.integers(0, levels, (3, 5, 6, channels)).astype("int32")
    known = rng.random(images.shape) < 0.4
    temperature = np.array([1.0, 0.5, 2.0], "float32")
    uniforms = rng.random(images.shape).astype("float32")
    sampler = zoo.pixel_sampler(model)
    if (layer, levels) != ("diagonal_bilstm", 4):  # once by XLA, which takes long to compile it
        sampler.compile(jit_compile=False)
    answer = sampler.predict_on_batch(
        {"images": images, "known": known, "uniforms": uniforms, "temperature": temperature}
    )
    found, logits = answer["images"], answer["logits"]
    np.testing.assert_allclose(logits, to_numpy(apply(model, found)), atol=1e-5)
    np.testing.assert_array_equal(found[known], images[known])
    warm = logits.reshape(3, 5, 6, channels, -1) / temperature[:, None, None, None, None]
    if levels == 2:
        expected = uniforms < 1 / (1 + np.exp(-warm[..., 0]))
    else:
        shares = np.exp(warm - warm.max(-1, keepdims=True))
        passed = np.cumsum(shares / shares.sum(-1, keepdims=True), axis=-1)
        expected = (uniforms[..., None] >= passed[..., :-1]).sum(-1)
    np.testing.assert_array_equal(found[~known], expected[~known])
    assert len(np.unique(found)) == levels


def test_images_are_drawn_as_often_as_they_are_likely() -> None:
    model = small("row_lstm", 2, 2, 1, 2)
    drawn = zoo.sample_images(model, 20_000, seed=1).reshape(-1, 4)
    every = np.array(list(itertools.product(range(2), repeat=4)), "int32")
    found = np.bincount(drawn @ [8, 4, 2, 1], minlength=16)
    images = every.reshape(-1, 2, 2, 1)
    likely = np.exp(-to_numpy(zoo.image_nats(images, apply(model, images))).astype("float64"))
    expected = 20_000 * likely
    assert ((found - expected) ** 2 / expected).sum() < 38  # 0.1 % of draws are above, 15 degrees


def test_completion_keeps_what_is_known_and_repeats_itself() -> None:
    keras.utils.set_random_seed(0)  # in some draws of weights two levels are all but equally likely
    model = small("row_lstm", 4, 5, 1, 3)
    images = np.random.default_rng(0).integers(0, 3, (2, 4, 5, 1))
    known = np.zeros((4, 5, 1), bool)
    known[:2] = True
    one = zoo.complete_images(model, images, known, seed=3)
    np.testing.assert_array_equal(one[:, :2], images[:, :2])
    np.testing.assert_array_equal(one, zoo.complete_images(model, images, known, seed=3))
    cold = zoo.complete_images(model, images, known, temperature=1e-3, seed=4)
    np.testing.assert_array_equal(
        cold, zoo.complete_images(model, images, known, temperature=1e-3, seed=5)
    )


@pytest.mark.parametrize(("layer", "least"), [("diagonal_bilstm", 365), ("row_lstm", 230)])
def test_reach(layer: str, least: int) -> None:
    """A flipped pixel in the middle of a 28 x 28 image changes none before it, and those after it
    as far as the layer reaches: all but a few of 377, whose change is below float32's rounding."""
    keras.utils.set_random_seed(0)
    model = zoo.pixel_rnn(layer=layer)
    images = np.random.default_rng(0).integers(0, 2, (1, 28, 28, 1)).astype("int32")
    flipped = images.copy()
    flipped[0, 14, 14] = 1 - flipped[0, 14, 14]
    logits = to_numpy(apply(model, np.concatenate([images, flipped]))).reshape(2, -1)
    changed = np.abs(logits[0] - logits[1]) > 1e-9
    place = 14 * 28 + 14
    assert not changed[: place + 1].any()
    assert changed.sum() >= least


@pytest.mark.parametrize("layer", LAYERS)
def test_saved_and_loaded(layer: str, tmp_path: Any) -> None:
    model = small(layer, 4, 3, 3, 4)
    images = np.random.default_rng(0).integers(0, 4, (2, 4, 3, 3)).astype("int32")
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(
        to_numpy(apply(again, images)), to_numpy(apply(model, images)), atol=1e-6
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layer": "lstm"}, "`layer` must be one of"),
        ({"channels": 2}, "`channels` must be one of 1, 3, found 2"),
        ({"levels": 1}, "`levels` must be an integer of at least 2"),
        ({"depth": 0}, "`depth` must be a positive integer"),
        ({"channels": 3, "units": 16}, "multiple of 3"),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        zoo.pixel_rnn(**options)


def test_wrong_images() -> None:
    model = small("masked_conv", 3, 3, 1, 2)
    with pytest.raises(ValueError, match="`images` must have shape"):
        zoo.complete_images(model, np.zeros((1, 4, 3, 1)), True)
    with pytest.raises(ValueError, match="levels from 0 to 1"):
        zoo.complete_images(model, np.full((1, 3, 3, 1), 2), True)
    with pytest.raises(ValueError, match="`temperature` must be above 0"):
        zoo.sample_images(model, 1, temperature=0.0)


@pytest.mark.parametrize("levels", [2, 5])
def test_weights_of_images_and_levels_that_are_not_there(levels: int) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, levels, (3, 3, 3, 1))
    logits = rng.normal(size=(*images.shape, levels)[: 4 + (levels > 2)]).astype("float32")
    loss, weights = zoo.PixelLoss(reduction="sum"), np.array([1.0, 0.0, 2.0], "float32")
    each = to_numpy(zoo.image_nats(images, logits))
    found = float(to_numpy(loss(images, logits, weights)))
    assert found == pytest.approx((each * weights).sum(), rel=1e-5)
    with pytest.raises(ValueError, match="`sample_weight` must have a weight for each example"):
        loss(images, logits, np.ones((3, 3), "float32"))
    for wrong in (levels, -1):
        images[1, 0, 0] = wrong
        nats = to_numpy(zoo.image_nats(ops.convert_to_tensor(images), logits))
        assert np.isnan(nats[1]) and np.isfinite(nats[[0, 2]]).all()
    images[1, 0, 0] = levels
    with pytest.raises(ValueError, match=f"`y_true` must be below {levels}, found {levels}"):
        loss(images, logits)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("layer", LAYERS)
def test_the_defaults_fit_the_channels(layer: Any, channels: int) -> None:
    model = zoo.pixel_rnn(height=4, width=4, channels=channels, layer=layer)
    assert model.output_shape == (None, 4, 4, channels)
    units = {1: 16, 3: 18}[channels]
    assert model.get_layer("first").filters == 2 * units


def test_the_parameters_by_default_are_those_of_the_catalogue() -> None:
    assert zoo.pixel_rnn().count_params() == zoo.model_info("pixel_rnn_diagonal").parameters
