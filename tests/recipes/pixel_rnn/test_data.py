"""Images: every source, and what is wrong with those that are refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from recipes.kit.data import tfds
from recipes.kit.data.source import Source
from recipes.kit.errors import DataError, UserError
from recipes.pixel_rnn import data as images
from recipes.pixel_rnn.data import Data
from recipes.pixel_rnn.formats import read_image
from recipes.pixel_rnn.options import Config

#: Units that fit RGB too.
UNITS = {"units": 3, "head_units": 3}


def load(source: Path | str, **options: Any) -> Data:
    config = Config(data=Source.parse(str(source)), **UNITS, **options)
    return images.load(config.data, config)


def topics(data: Data) -> dict[str, str]:
    return dict(data.understood)


def pictures(count: int, *shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, *shape)).astype("uint8")


def write(folder: Path, name: str, pixels: np.ndarray) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def test_embedded_digits_are_split_without_leaks() -> None:
    data = load("embedded", seed=1)
    assert data.shape == (8, 8, 1) and data.top == 16 and data.train.max() == 16
    assert len(data.train) + len(data.valid) + len(data.test) == 1797
    seen = {image.tobytes() for image in data.train}
    assert not any(image.tobytes() in seen for image in (*data.valid, *data.test))
    assert "split off train" in topics(data)["split"] and "CC BY" in data.licence
    assert topics(data)["pixels"] == "8 x 8 grey, intensities 0 to 16 in 17 levels"


@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 1), (6, 5, 3)])
@pytest.mark.parametrize("fractions", [False, True])
def test_npz(tmp_path: Path, shape: tuple[int, ...], fractions: bool) -> None:
    train, test = pictures(20, *shape), pictures(4, *shape, seed=1)
    given = {"x_train": train / 255 if fractions else train, "x_test": test, "y_train": np.ones(20)}
    np.savez(tmp_path / "a.npz", **given)
    data = load(tmp_path / "a.npz", limit=10)
    assert data.shape == (6, 5, shape[2] if len(shape) == 3 else 1) and data.top == 255
    assert len(data.train) == 10 and len(data.valid) == 2
    np.testing.assert_array_equal(data.test, test.reshape(4, *data.shape))
    originals = {image.tobytes() for image in train}
    assert all(image.tobytes() in originals for image in data.train)
    assert topics(data)["arrays"] == "x_train, x_test; left out: y_train"
    assert topics(data)["limit"] == "the first 10 train and 2 valid"


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": np.zeros((2, 3, 3))}, "expected the arrays x_train and x_test, found images"),
        ({"x_train": np.zeros((2, 3))}, r"x_train: expected \(count, height, width\)"),
        ({"x_train": np.zeros((2, 3, 3, 2))}, "found \\(2, 3, 3, 2\\)"),
        ({"x_train": np.full((2, 3, 3), -1)}, "found -1 to -1"),
        ({"x_train": np.full((2, 3, 3), 2.5)}, "fractions of 1, found 2.5"),
        ({"x_train": np.full((2, 3, 3), np.nan)}, "found nan"),
        ({"x_train": np.zeros((0, 3, 3))}, "holds no image"),
    ],
)
def test_npz_that_does_not_fit(tmp_path: Path, arrays: dict, message: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=message):
        load(tmp_path / "a.npz")


def test_broken_npz(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x_train=pictures(9, 4, 4))
    for content in (b"", b"text", path.read_bytes()[:200]):
        path.write_bytes(content)
        with pytest.raises(DataError, match="a.npz: expected an .npz file with x_train"):
            load(path)


def test_folder_with_splits(tmp_path: Path) -> None:
    for split, count in (("train/a", 5), ("train/b", 3), ("test", 2)):
        for index, image in enumerate(pictures(count, 4, 6, seed=count)):
            write(tmp_path, f"{split}/{index}.png", image)
    (tmp_path / "notes.txt").write_text("no image")
    data = load(tmp_path)
    assert [len(part) for part in (data.train, data.valid, data.test)] == [7, 1, 2]
    assert data.shape == (4, 6, 1)
    assert topics(data)["files"] == "10 images (.png)"


def test_folder_in_colour_and_size(tmp_path: Path) -> None:
    for index, image in enumerate(pictures(6, 8, 8, 3)):
        write(tmp_path, f"{index}.png", image)
    write(tmp_path, "wide.png", pictures(1, 8, 16, 3)[0])
    with pytest.raises(UserError, match="differ in size: 8 x 8 RGB and 8 x 16 RGB; --size N"):
        load(tmp_path)
    assert load(tmp_path, size=4).shape == (4, 4, 3)
    assert load(tmp_path, size=4, colour="grey").shape == (4, 4, 1)


def test_folder_without_images_or_with_a_broken_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="expected image files"):
        load(tmp_path)
    write(tmp_path, "a.png", pictures(1, 4, 4)[0])
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:40])
    with pytest.raises(DataError, match="b.png: cannot be read as an image"):
        load(tmp_path)
    (tmp_path / "b.png").write_bytes(b"")
    with pytest.raises(DataError, match="b.png: cannot be read as an image: not an image file"):
        load(tmp_path)


def test_one_image_of_a_given_shape(tmp_path: Path) -> None:
    path = write(tmp_path, "a.png", pictures(1, 4, 6)[0])
    assert read_image(path, (4, 6, 1)).shape == (4, 6, 1)
    assert read_image(path, (4, 6, 3)).shape == (4, 6, 3)
    with pytest.raises(DataError, match="expected an image 8 x 8, found one 4 x 6"):
        read_image(path, (8, 8, 1))
    with pytest.raises(DataError, match="cannot be read"):
        read_image(tmp_path / "no.png", (8, 8, 1))


def test_tfds(monkeypatch: pytest.MonkeyPatch) -> None:
    info = SimpleNamespace(
        features={"image": 0}, splits={"train": 0, "test": 0}, homepage="http://h"
    )
    rows = pictures(12, 4, 4, 1) // 128
    monkeypatch.setattr(tfds, "prepared_builder", lambda name: SimpleNamespace(info=info))
    monkeypatch.setattr(tfds, "decoded", lambda b, split: [{"image": row} for row in rows])
    data = load("tfds:mine")
    assert data.top == 1 and len(data.test) == 12 and "http://h" in data.licence
    info.features = {"text": 0}
    with pytest.raises(UserError, match="tfds:mine: expected a feature 'image', found text"):
        load("tfds:mine")


def test_levels() -> None:
    every = np.arange(256).astype("uint8")
    np.testing.assert_array_equal(images.to_levels(every, 255, 256), np.arange(256))
    np.testing.assert_array_equal(images.to_levels(every, 255, 2), np.arange(256) > 127)
    assert np.bincount(images.to_levels(every, 255, 8)).tolist() == [32] * 8
    np.testing.assert_array_equal(images.to_levels(np.arange(17), 16, 17), np.arange(17))


def test_binary_draws_are_as_bright_as_the_pixels() -> None:
    grey = np.tile(np.array([0, 51, 204, 255], "uint8"), (20_000, 1))
    drawn = images.draw_binary(grey, 255, np.random.default_rng(0))
    np.testing.assert_allclose(drawn.mean(0), [0, 0.2, 0.8, 1], atol=0.02)
    assert drawn[:, 0].max() == 0 and drawn[:, 3].min() == 1


def test_what_is_evaluated_on(tmp_path: Path) -> None:
    train, test = pictures(20, 6, 6), pictures(4, 6, 6, seed=1)
    np.savez(tmp_path / "whole.npz", x_train=train)
    np.savez(tmp_path / "split.npz", x_train=train, x_test=test)
    config = Config(data=Source.of(tmp_path / "whole.npz"))

    def load_test(name: str, top: int = 255) -> np.ndarray:
        return images.load_test(Source.of(tmp_path / name), config, (6, 6, 1), top)

    # A file that was split for training is not evaluated on as a whole; another one is.
    held_out = load_test("whole.npz")
    np.testing.assert_array_equal(held_out, images.load(config.data, config).test)
    assert len(held_out) == 2
    np.testing.assert_array_equal(load_test("split.npz")[..., 0], test)
    np.savez(tmp_path / "other.npz", x_train=train)
    assert len(load_test("other.npz")) == 20
    with pytest.raises(DataError, match=r"expected images \[6, 6, 1\] .* to 16, found .* to 255"):
        load_test("split.npz", top=16)
    np.savez(tmp_path / "wide.npz", x_train=pictures(20, 6, 8))
    with pytest.raises(DataError, match=r"expected images \[6, 6, 1\] .*, found \[6, 8, 1\]"):
        load_test("wide.npz")


@pytest.mark.parametrize(("option", "value"), [("binarize", "sample"), ("levels", 4)])
def test_black_and_white_images_leave_options_without_effect(
    option: str, value: Any, tmp_path: Path
) -> None:
    np.savez(tmp_path / "a.npz", x_train=pictures(20, 4, 4) // 128)
    assert load(tmp_path / "a.npz").levels == 2
    refused = f"--{option} has no effect on images that are black and white already; leave it out"
    with pytest.raises(UserError, match=refused):
        load(tmp_path / "a.npz", **{option: value})
