"""Images: every source, and what is wrong with those that are refused."""

from __future__ import annotations

from dataclasses import replace
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
from recipes.pixel_rnn.options import Config
from recipes.pixel_rnn.serve import PixelPredictor

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
    arrays = f"x_train, x_test of {'float64, uint8' if fractions else 'uint8'}; left out: y_train"
    assert topics(data)["arrays"] == arrays
    assert topics(data)["limit"] == "the first 10 train and 2 valid"


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"y": np.zeros(2)}, r"the arrays x_train and x_test, or one array of images, found y \(2"),
        ({"a": np.zeros((2, 3, 3)), "b": np.zeros((2, 3, 3))}, "one array of images, found a"),
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
    for split, count in (("train/a", 5), ("images/train/b", 3), ("images/test", 2)):
        for index, image in enumerate(pictures(count, 4, 6, seed=count)):
            write(tmp_path, f"{split}/{index}.png", image)
    (tmp_path / "notes.txt").write_text("no image")
    data = load(tmp_path)
    assert [len(part) for part in (data.train, data.valid, data.test)] == [7, 1, 2]
    assert data.shape == (4, 6, 1)
    files = "10 images (.png): 8 train, 2 test; other files, left aside: 1 .txt"
    assert topics(data)["files"] == files and topics(data)["depth"] == "8-bit grey"


def test_folder_in_colour_and_size(tmp_path: Path) -> None:
    for index, image in enumerate(pictures(6, 8, 8, 3)):
        write(tmp_path, f"{index}.png", image)
    write(tmp_path, "wide.png", pictures(1, 8, 16, 3)[0])
    with pytest.raises(UserError, match=r"differ in size: 8 x 8 \(6\), 8 x 16 \(1\); --size N"):
        load(tmp_path)
    assert load(tmp_path, size=4).shape == (4, 4, 3)
    assert load(tmp_path, size=4, colour="grey").shape == (4, 4, 1)


def test_folder_without_images(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="expected image files"):
        load(tmp_path)
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(UserError, match="a.png: cannot be read as an image: not an image file"):
        load(tmp_path)


def test_broken_images_are_left_out_while_they_are_few(tmp_path: Path) -> None:
    for index, image in enumerate(pictures(12, 4, 4)):
        path = write(tmp_path, f"{index:02}.png", image)
    whole = path.read_bytes()
    (tmp_path / "truncated.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.jpg").write_text("no image")
    for name in ("._00.png", ".DS_Store", "Thumbs.db", "__MACOSX/00.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"left behind")
    data = load(tmp_path)
    assert len(data.train) + len(data.valid) + len(data.test) == 12
    assert topics(data)["files"] == "14 images (.jpg 1, .png 13)"
    left_out = topics(data)["left out"]
    assert left_out.startswith("2 images (--strict refuses): text.jpg cannot be read as an image")
    assert "truncated.png cannot be read as an image: " in left_out
    with pytest.raises(DataError, match="text.jpg: cannot be read as an image: not an image file"):
        load(tmp_path, strict=True)
    for index in range(2):
        (tmp_path / f"more{index}.png").write_bytes(b"")
    with pytest.raises(DataError, match="the first of 4 images among 16 that cannot be used"):
        load(tmp_path)


@pytest.mark.parametrize("grey_first", [True, False])
def test_colour_is_decided_over_all_files(grey_first: bool, tmp_path: Path) -> None:
    for index, image in enumerate(pictures(5, 4, 4, 3)):
        write(tmp_path, f"{index}.png", image)
    write(tmp_path, "grey.png" if not grey_first else "0.png", pictures(1, 4, 4)[0])
    data = load(tmp_path)
    assert data.shape == (4, 4, 3)
    count = "4 of 5" if grey_first else "5 of 6"
    assert topics(data)["colour"] == f"RGB: {count} images have colour"
    for seed, path in enumerate(tmp_path.iterdir()):
        write(tmp_path, path.name, np.dstack([pictures(1, 4, 4, seed=seed)[0]] * 3))
    assert load(tmp_path).shape == (4, 4, 1)
    assert load(tmp_path, colour="rgb").shape == (4, 4, 3)


def test_sixteen_bits_are_scaled_by_depth(tmp_path: Path) -> None:
    images_8 = pictures(6, 4, 4)
    for index, image in enumerate(images_8):
        write(tmp_path, f"{index}.png", image.astype("uint16") * 257)
    data = load(tmp_path)
    read = np.concatenate([data.train, data.valid, data.test])[..., 0]
    assert {image.tobytes() for image in read} == {image.tobytes() for image in images_8}
    assert topics(data)["depth"] == "16-bit grey, scaled to bytes"
    write(tmp_path, "0.png", images_8[0])
    assert topics(load(tmp_path))["depth"] == "16-bit grey (5), 8-bit grey (1), scaled to bytes"
    for index, image in enumerate(images_8):
        write(tmp_path, f"{index}.png", image.astype("uint16"))
    with pytest.raises(DataError, match="0.png: 16-bit grey, but scaled .* all images are black"):
        load(tmp_path)


def test_background_of_what_is_transparent(tmp_path: Path) -> None:
    colour, alpha = pictures(6, 4, 4, 3), np.zeros((4, 4, 1), "uint8")
    for index, image in enumerate(colour):
        write(tmp_path, f"{index}.png", np.dstack([image, alpha + 255 * (index > 3)]))
    data = load(tmp_path, size=4)
    assert topics(data)["background"] == "what is transparent in 6 files is laid on white"
    whites = [image.min() == 255 for part in (data.train, data.valid, data.test) for image in part]
    assert sum(whites) == 4
    dark = load(tmp_path, background="black")
    blacks = [image.max() == 0 for part in (dark.train, dark.valid, dark.test) for image in part]
    assert sum(blacks) == 4
    for index, image in enumerate(colour):
        write(tmp_path / "opaque", f"{index}.png", image)
    np.savez(tmp_path / "a.npz", x_train=colour)
    for source in ("opaque", "a.npz", "embedded"):
        where = source if source == "embedded" else tmp_path / source
        with pytest.raises(UserError, match="--background has no effect"):
            load(where, background="black")


def test_arrays_with_alpha_and_of_sixteen_bits(tmp_path: Path) -> None:
    images_8 = pictures(6, 4, 4)
    np.save(tmp_path / "deep.npy", images_8.astype("uint16") * 257)
    data = load(tmp_path / "deep.npy")
    assert {image.tobytes() for image in data.train} < {image.tobytes() for image in images_8}
    assert topics(data)["arrays"] == "deep.npy (train) of uint16, scaled to bytes by that depth"
    np.save(tmp_path / "small.npy", images_8.astype("uint16"))
    with pytest.raises(DataError, match="small.npy: uint16, but scaled by that depth"):
        load(tmp_path / "small.npy")
    np.savez(tmp_path / "alpha.npz", x_train=np.stack([images_8] * 3 + [0 * images_8], axis=-1))
    with pytest.raises(UserError, match="too few distinct images .*found 1"):  # all of them white
        load(tmp_path / "alpha.npz")


@pytest.mark.parametrize(
    ("names", "arrays"),
    [
        (["images", "labels"], "images (train) of uint8; left out: labels"),
        (["arr_0"], "arr_0 (train) of uint8"),
        (["x", "masks", "y"], "x (train) of uint8; left out: masks, y"),
        (
            ["train_images", "train_labels", "val_images", "test_images"],
            "train_images (train), val_images (valid), test_images (test) of uint8; "
            "left out: train_labels",
        ),
    ],
)
def test_npz_with_other_keys(names: list[str], arrays: str, tmp_path: Path) -> None:
    given = {
        name: np.zeros(9)
        if name in ("labels", "train_labels", "y")
        else pictures(9, 4, 4, seed=seed)
        for seed, name in enumerate(names)
    }
    np.savez(tmp_path / "a.npz", **given)
    assert topics(load(tmp_path / "a.npz"))["arrays"] == arrays
    np.savez(tmp_path / "a.npz", **given, objects=np.array([None] * 9))
    assert topics(load(tmp_path / "a.npz"))["arrays"] == arrays


def test_folder_of_arrays(tmp_path: Path) -> None:
    for index, image in enumerate(pictures(6, 4, 4, 3)):
        path = tmp_path / "each" / f"{index}.npy"
        path.parent.mkdir(exist_ok=True)
        np.save(path, image)
    data = load(tmp_path / "each")
    assert data.shape == (4, 4, 3) and topics(data)["files"] == "6 images (.npy)"
    assert topics(data)["depth"] == "uint8 RGB"
    for part, count in (("train", 9), ("test", 3)):
        path = tmp_path / "parts" / f"x_{part}.npy"
        path.parent.mkdir(exist_ok=True)
        np.save(path, pictures(count, 4, 4))
        np.save(path.with_name(f"y_{part}.npy"), np.zeros(count))
    np.savez(tmp_path / "parts" / "valid.npz", images=pictures(2, 4, 4))
    data = load(tmp_path / "parts")
    assert [len(part) for part in (data.train, data.valid, data.test)] == [9, 2, 3]
    np.save(tmp_path / "parts" / "more.npy", pictures(2, 4, 4))
    with pytest.raises(DataError, match="more.npy: expected train, valid or test in the name"):
        load(tmp_path / "parts")


def test_a_file_or_folder_for_each_part(tmp_path: Path) -> None:
    np.save(tmp_path / "first.npy", pictures(9, 4, 4))
    np.savez(tmp_path / "all.npz", x_train=pictures(3, 4, 4, seed=1), x_test=pictures(2, 4, 4))
    for index, image in enumerate(pictures(4, 4, 4, seed=2)):
        write(tmp_path, f"train/{index}.png", image)  # named by the option, not by the folder
    parts = {
        "train": [tmp_path / "first.npy"],
        "valid": [tmp_path / "train"],
        "test": [tmp_path / "all.npz"],
    }
    config = Config(data=Source.of_parts(parts))
    data = images.load(config.data, config)
    assert [len(part) for part in (data.train, data.valid, data.test)] == [9, 4, 2]
    assert topics(data)["files"] == "4 images (.png): 4 valid"
    arrays = [fact.text for fact in data.understood if fact.topic == "arrays"]
    assert arrays == ["first.npy (train) of uint8", "x_test of uint8; left out: x_train"]
    other = Config(data=Source.of_parts({**parts, "valid": [tmp_path / "all.npz"]}))
    with pytest.raises(DataError, match="all.npz: expected images for valid, or one array"):
        images.load(other.data, other)


def test_an_image_is_predicted_as_it_would_be_trained_on(tmp_path: Path) -> None:
    predictor = PixelPredictor.__new__(PixelPredictor)  # without its model
    predictor.shape, predictor.top = (4, 4, 1), 255
    predictor.config = Config(data=Source.of(tmp_path), size=4, background="black")
    wide = np.dstack([pictures(1, 8, 12, 3)[0], np.full((8, 12, 1), 99, "uint8")])
    for index in range(3):
        path = write(tmp_path, f"{index}.png", wide + np.uint8(index))
    trained = images.load(predictor.config.data, replace(predictor.config, colour="grey"))
    every = np.concatenate([trained.train, trained.valid, trained.test])
    assert predictor._read(path)[1].tobytes() in {image.tobytes() for image in every}
    predictor.config = replace(predictor.config, size=None)
    with pytest.raises(DataError, match="expected an image 4 x 4 grey, found one 8 x 12 grey"):
        predictor._read(path)


@pytest.mark.parametrize("white", [1, 255])
def test_black_and_white_files_are_predicted_however_they_write_white(
    white: int, tmp_path: Path
) -> None:
    predictor = PixelPredictor.__new__(PixelPredictor)  # without its model
    predictor.shape, predictor.top, predictor.config = (4, 4, 1), 1, Config()
    pixels = pictures(1, 4, 4)[0] // 128
    path = write(tmp_path, "a.png", white * pixels)
    np.testing.assert_array_equal(predictor._read(path)[1][..., 0], pixels)


def test_evaluated_in_the_colour_of_the_model(tmp_path: Path) -> None:
    for index, image in enumerate(pictures(5, 4, 4)):
        write(tmp_path, f"{index}.png", image)
    config = Config(data=Source.of(tmp_path), **UNITS)
    assert images.load_test(config.data, config, (4, 4, 3), 255).shape[1:] == (4, 4, 3)


def test_tfds(monkeypatch: pytest.MonkeyPatch) -> None:
    info = SimpleNamespace(
        features={"image": 0}, splits={"train": 0, "test": 0}, homepage="http://h"
    )
    rows = pictures(12, 4, 4, 1) // 128
    monkeypatch.setattr(tfds, "prepared_builder", lambda name: SimpleNamespace(info=info))
    monkeypatch.setattr(tfds, "decoded", lambda b, split: [{"image": row} for row in rows])
    data = load("tfds:mine")
    assert data.top == 1 and len(data.test) == 12 and "http://h" in data.licence
    deep = rows.astype("uint16") * 65535
    monkeypatch.setattr(tfds, "decoded", lambda b, split: [{"image": row} for row in deep])
    assert load("tfds:mine").top == 255
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
