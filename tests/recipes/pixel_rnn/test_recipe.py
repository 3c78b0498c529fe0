"""The pixel_rnn recipe: from images to a model that is served, and back to images."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

import zoo
from recipes.kit.cli import main
from recipes.kit.errors import UserError
from recipes.pixel_rnn import data as image_data
from recipes.pixel_rnn import recipe

QUICK = [
    "--epochs",
    "12",
    "--learning-rate",
    "0.02",
    "--units",
    "4",
    "--head-units",
    "8",
    "--samples",
    "4",
]

#: Runs where importing Keras or any package of ours fails.
ALONE = """
import sys
for name in ("keras", "custom_layers", "zoo", "recipes"):
    sys.modules[name] = None
import numpy as np, tensorflow as tf
served = tf.saved_model.load(sys.argv[1]).signatures
images = np.load(sys.argv[2])
one, seed = tf.constant(1.0), tf.constant(7)
known = np.zeros(images.shape, bool)
known[:, :4] = True
np.savez(
    sys.argv[3],
    names=sorted(served),
    nats=served["log_likelihood"](images=tf.constant(images))["nats"],
    default=served["serving_default"](images=tf.constant(images[:1]))["log_likelihood"],
    sample=served["sample"](count=tf.constant(3), temperature=one, seed=seed)["images"],
    complete=served["complete"](
        images=tf.constant(images), known=tf.constant(known), temperature=one, seed=seed
    )["images"],
)
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("pixels") / "out"
    words = ["--out", str(out), "--limit", "256", "--layer", "row_lstm", *QUICK]
    assert main(["train", "pixel_rnn", *words]) == 0
    return out


@pytest.mark.slow
def test_what_a_run_leaves(trained: Path, capsys: pytest.CaptureFixture) -> None:
    metrics = json.loads((trained / "metrics.json").read_text())
    assert set(metrics["test"]) == {"nats_per_image", "bits_per_dim"}
    # In so short a time it learns at least that most levels are rare.
    assert metrics["test"]["nats_per_image"] < 0.9 * metrics["baseline"]["uniform_nats_per_image"]
    per_dim = metrics["test"]["nats_per_image"] / 64 / np.log(2)
    assert metrics["test"]["bits_per_dim"] == pytest.approx(per_dim)
    names = {path.name for path in (trained / "plots").iterdir()}
    assert names == {"curves.png", "samples.png", "completions.png", "likelihood.png"}
    capsys.readouterr()
    assert main(["evaluate", str(trained)]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == metrics["test"]


@pytest.mark.slow
def test_served_alone(trained: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(trained / "saved_model", moved)
    test = image_data.load("embedded").test[:5]
    np.save(tmp_path / "x.npy", test)
    command = [sys.executable, "-c", ALONE, moved, tmp_path / "x.npy", tmp_path / "y.npz"]
    subprocess.run(command, check=True, capture_output=True)
    found = np.load(tmp_path / "y.npz")
    assert found["names"].tolist() == ["complete", "log_likelihood", "sample", "serving_default"]
    model = keras.models.load_model(trained / "model.keras")
    nats = np.asarray(zoo.image_nats(test.astype("int32"), model(test.astype("int32"))))
    np.testing.assert_allclose(found["nats"], nats, rtol=1e-5)
    np.testing.assert_allclose(found["default"], -nats[:1], rtol=1e-5)
    assert found["sample"].shape == (3, 8, 8, 1) and 0 < found["sample"].max() <= 16
    np.testing.assert_array_equal(found["complete"][:, :4], test[:, :4])
    assert (found["complete"][:, 4:] != test[:, 4:]).any()


@pytest.mark.slow
def test_predict_takes_image_files(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    digit = image_data.load("embedded").test[0, :, :, 0]
    Image.fromarray((digit.astype("int") * 255 // 16).astype("uint8")).save(tmp_path / "a.png")
    capsys.readouterr()
    assert main(["predict", str(trained), str(tmp_path / "a.png")]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["nats_per_image"] > 0 and np.shape(answer["completion"]) == (8, 8)
    (tmp_path / "b.png").write_text("no image")
    assert main(["predict", str(trained), str(tmp_path / "b.png")]) == 2
    assert "b.png: cannot be read as an image: not an image file" in capsys.readouterr().err


def test_sampled_binarisation() -> None:
    data = recipe.load_data(recipe.Config(binarize="sample"))
    assert data.levels == 2
    assert (data.train(0) != data.train(1)).any()
    np.testing.assert_array_equal(data.train(1), data.train(1))
    np.testing.assert_array_equal(data.test, data.test)
    assert set(np.unique(data.test)) == {0, 16} and set(np.unique(data.valid)) == {0, 1}
    folded = image_data.to_levels(data.test, 16, 2)
    assert folded.mean() == pytest.approx(data.images.test.mean() / 16, abs=0.01)


def test_baseline_is_the_frequency_of_each_level() -> None:
    config = recipe.Config(binarize="threshold")
    data = recipe.load_data(config)
    found, _ = recipe.baseline(config, data, Path())
    levels = image_data.to_levels(data.images.train, 16, 2)
    white = (levels.sum(0) + 1) / (len(levels) + 2)
    test = image_data.to_levels(data.test, 16, 2)
    nats = -np.where(test == 1, np.log(white), np.log(1 - white)).sum((1, 2, 3)).mean()
    assert found["nats_per_image"] == pytest.approx(nats)
    assert found["uniform_nats_per_image"] == pytest.approx(64 * np.log(2))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"levels": 1}, "--levels must be from 2 to 256, not 1"),
        ({"levels": 4, "binarize": "sample"}, "--levels must be 2, or left out, with --binarize"),
        ({"samples": 0}, "--samples must be at least 1"),
    ],
)
def test_wrong_options(options: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        recipe.Config(**options)


def test_units_that_do_not_fit_rgb(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x_train=np.random.default_rng(0).integers(0, 9, (9, 4, 4, 3)))
    with pytest.raises(UserError, match="--units must be a multiple of 3, as the images are RGB"):
        recipe.load_data(recipe.Config(data=str(tmp_path / "a.npz")))
