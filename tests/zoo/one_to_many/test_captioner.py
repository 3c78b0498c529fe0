"""Captioners against NumPy: places in a grid, rows that are read, the start of the decoder."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from compiled import apply
from keras import ops
from layer_case import disturb_weights

import zoo
from zoo._images import GridPositions, RowEncoder

pytestmark = pytest.mark.backend

SMALL = {"vocabulary_size": 9, "filters": (3, 5), "embedding_dim": 4, "units": 6}


def build(**options) -> keras.Model:
    keras.utils.set_random_seed(0)
    model = zoo.captioner(**SMALL | options)
    disturb_weights(model)
    return model


def inputs(batch: int = 4, height: int = 10, width: int = 14) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    image = rng.random((batch, height, width, 1)).astype("float32")
    return {"image": image, "target": rng.integers(1, 9, (batch, 5)).astype("int32")}


@pytest.mark.parametrize("shape", [(1, 2, 3, 5), (4, 3, 2, 4), (1, 3, 1, 3), (2, 1, 1, 1)])
def test_positions(shape: tuple[int, ...]) -> None:
    grid = np.random.default_rng(0).normal(size=shape).astype("float32")
    expected = grid.astype("float64")
    above = shape[3] // 2
    for row in range(shape[1]):
        for column in range(shape[2]):
            for feature in range(shape[3]):
                first = feature < above
                place, index = (row, feature) if first else (column, feature - above)
                width = above if first else shape[3] - above
                angle = place / 100 ** (2 * (index // 2) / width)
                wave = np.cos(angle) if index % 2 else np.sin(angle)
                expected[:, row, column, feature] += wave
    found = ops.convert_to_numpy(GridPositions()(grid))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_rows_are_read_each_by_itself() -> None:
    line = keras.Input((None, 3))
    read = keras.layers.GRU(4, return_sequences=True)
    layer = RowEncoder(keras.Model(line, read(line)))
    grid = np.random.default_rng(0).normal(size=(2, 3, 5, 3)).astype("float32")
    found = ops.convert_to_numpy(layer(grid))
    for row in range(3):
        np.testing.assert_allclose(
            found[:, row], ops.convert_to_numpy(read(grid[:, row])), atol=1e-5
        )


def test_the_decoder_starts_from_the_mean_of_the_grid() -> None:
    model = build(cell="lstm")
    encoder = model.get_layer("encoder")
    x = inputs()["image"]
    encoded = {name: ops.convert_to_numpy(y) for name, y in encoder({"image": x}).items()}
    assert encoded["memory"].shape == (4, 3 * 4, 5)
    assert encoded["mask"].all()
    mean = encoded["memory"].astype("float64").mean(axis=1)
    for index in range(2):
        kernel, bias = (
            ops.convert_to_numpy(w) for w in encoder.get_layer(f"start_{index}").weights
        )
        np.testing.assert_allclose(
            encoded[f"state_{index}"], np.tanh(mean @ kernel + bias), atol=1e-5
        )


@pytest.mark.parametrize("options", [{}, {"attention": "none"}, {"row_units": 3}])
def test_images_of_any_size_alone_and_in_a_batch(options: dict) -> None:
    model = build(**options)
    for size in ((10, 14), (9, 5), (3, 8)):
        many = inputs(4, *size)
        alone = {name: x[1:2] for name, x in many.items()}
        expected = ops.convert_to_numpy(apply(model, many))[1:2]
        np.testing.assert_allclose(
            ops.convert_to_numpy(apply(model, alone)), expected, rtol=1e-4, atol=1e-4
        )


def test_a_backbone_in_place_of_the_convolutions(tmp_path) -> None:
    images = keras.Input((None, None, 1))
    grid = keras.layers.Conv2D(5, 3, strides=4, padding="same")(images * 2.0 - 1.0)
    backbone = keras.Model(images, grid, name="backbone")
    backbone.trainable = False
    model = build(backbone=backbone)
    batch = inputs()
    encoded = model.get_layer("encoder")({"image": batch["image"]})
    expected = GridPositions()(backbone(batch["image"]))
    np.testing.assert_allclose(
        ops.convert_to_numpy(encoded["memory"]),
        ops.convert_to_numpy(expected).reshape(4, 3 * 4, 5),
        atol=1e-5,
    )
    trained = {weight.path for weight in model.trainable_weights}
    assert not trained & {weight.path for weight in backbone.weights}
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(
        ops.convert_to_numpy(again(batch)), ops.convert_to_numpy(model(batch)), atol=1e-5
    )
    flat = keras.Model(images, keras.layers.GlobalMaxPooling2D()(grid))
    with pytest.raises(ValueError, match="must end in a grid"):
        build(backbone=flat)


def test_attention_looks_at_fields_of_the_image() -> None:
    search = zoo.sequence_search(build(), start_id=2, end_id=2, max_length=4, beam_size=2)
    found = search.predict({"image": inputs()["image"]}, verbose=0)
    assert found["tokens"].shape == (4, 2, 4)
    assert found["attention"].shape == (4, 4, 12)
    np.testing.assert_allclose(found["attention"][:, 0].sum(axis=-1), 1, atol=1e-5)


def test_scheduled_sampling_trains_a_captioner() -> None:
    model = build()
    trained = zoo.ScheduledSampling(model, share=0.5, steps=2, seed=0).as_model()
    assert {*trained.input} == {"image", "target"}
    batch = inputs()
    np.testing.assert_allclose(
        ops.convert_to_numpy(trained(batch, training=False)),
        ops.convert_to_numpy(model(batch, training=False)),
        atol=1e-5,
    )
    trained.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    assert np.isfinite(trained.fit(batch, batch["target"], verbose=0).history["loss"]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [({"attention": "hard"}, "attention"), ({"filters": ()}, "filters"), ({"channels": 0}, "ch")],
)
def test_errors(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        zoo.captioner(**SMALL | options)
