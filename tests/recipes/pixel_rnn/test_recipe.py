"""The pixel_rnn recipe: from images to a model that is served, and back to images."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image
from recipe_corpus import answer_rows

import zoo
from recipes.kit.cli import main
from recipes.kit.config_file import read_config
from recipes.kit.data.source import EMBEDDED, Source
from recipes.kit.errors import UserError
from recipes.kit.recipe import Run
from recipes.pixel_rnn import data as image_data
from recipes.pixel_rnn import recipe
from recipes.pixel_rnn.data import Data
from recipes.pixel_rnn.options import Config

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


def load(**options: Any) -> Data:
    config = Config(**options)
    return recipe.load_data(config.data, config)


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
    answers = answer_rows(trained, "nats_per_image")
    mean = np.mean([row["nats_per_image"] for row in answers])
    assert mean == pytest.approx(metrics["test"]["nats_per_image"])
    assert sorted(row["input"] for row in answers) == [*range(len(answers))]
    capsys.readouterr()
    assert main(["evaluate", str(trained)]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == metrics["test"]


@pytest.mark.slow
def test_served_alone(trained: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(trained / "saved_model", moved)
    test = load().test[:5]
    np.save(tmp_path / "x.npy", test)
    command = [sys.executable, "-c", ALONE, moved, tmp_path / "x.npy", tmp_path / "y.npz"]
    subprocess.run(command, check=True, capture_output=True)
    served = np.load(tmp_path / "y.npz")
    assert served["names"].tolist() == ["complete", "log_likelihood", "sample", "serving_default"]
    model = keras.models.load_model(trained / "model.keras")
    nats = np.asarray(zoo.image_nats(test.astype("int32"), model(test.astype("int32"))))
    np.testing.assert_allclose(served["nats"], nats, rtol=1e-5)
    np.testing.assert_allclose(served["default"], -nats[:1], rtol=1e-5)
    assert served["sample"].shape == (3, 8, 8, 1) and 0 < served["sample"].max() <= 16
    np.testing.assert_array_equal(served["complete"][:, :4], test[:, :4])
    assert (served["complete"][:, 4:] != test[:, 4:]).any()


@pytest.mark.slow
def test_predict_takes_image_files(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    digit = load().test[0, :, :, 0]
    Image.fromarray((digit.astype("int") * 255 // 16).astype("uint8")).save(tmp_path / "a.png")
    capsys.readouterr()
    assert main(["predict", str(trained), str(tmp_path / "a.png")]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["nats_per_image"] > 0 and np.shape(answer["completion"]) == (8, 8)
    (tmp_path / "b.png").write_text("no image")
    paths = [str(tmp_path / name) for name in ("a.png", "b.png", "c.png", "a.png")]
    assert main(["predict", str(trained), *paths]) == 2
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert answers[0] == answers[3] == answer
    assert [each["input"] for each in answers[1:3]] == paths[1:3]
    assert answers[1]["error"].endswith("b.png: cannot be read as an image: not an image file")
    assert answers[2]["error"].endswith(
        "c.png: cannot be read as an image: No such file or directory"
    )


@pytest.mark.slow
def test_a_folder_of_an_earlier_version(trained: Path, tmp_path: Path) -> None:
    """Its record held the number of images to draw, its config where it was written."""
    old = tmp_path / "old"
    shutil.copytree(trained, old)
    record = json.loads((old / "images.json").read_text())
    assert "samples" not in record
    (old / "images.json").write_text(json.dumps({**record, "samples": 4}))
    config = json.loads((old / "config.json").read_text())
    config["options"]["out"] = "saved_models/pixel_rnn"
    (old / "config.json").write_text(json.dumps(config))
    predictor = recipe.RECIPE.load(old)
    test = recipe.load_test(EMBEDDED, predictor)
    assert predictor.evaluate(test) == json.loads((old / "metrics.json").read_text())["test"]


@pytest.mark.slow
def test_images_are_evaluated_a_part_at_a_time(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor, test = recipe.RECIPE.load(trained), load().test[:10]
    whole = predictor.evaluate(test)
    sizes = []
    likelihood = predictor.likelihood

    def counted(images: np.ndarray) -> dict[str, np.ndarray]:
        sizes.append(len(images))
        return likelihood(images)

    monkeypatch.setattr("recipes.pixel_rnn.serve.COUNT", 4)
    monkeypatch.setattr(predictor, "likelihood", counted)
    assert predictor.evaluate(test) == pytest.approx(whole)
    assert sizes == [4, 4, 2]


def test_sampled_binarisation() -> None:
    data = load(binarize="sample")
    assert data.levels == 2
    assert (data.train_levels(0) != data.train_levels(1)).any()
    np.testing.assert_array_equal(data.train_levels(1), data.train_levels(1))
    np.testing.assert_array_equal(data.test, load(binarize="sample").test)
    for part in (data.valid, data.test):
        assert set(np.unique(part)) == {0, 16} and set(np.unique(data.to_levels(part))) == {0, 1}
    assert data.to_levels(data.test).mean() == pytest.approx(load().test.mean() / 16, abs=0.01)


def test_baseline_is_the_frequency_of_each_level() -> None:
    data = load(binarize="threshold")
    metrics = recipe.baseline(Run(Config(binarize="threshold"), data, Path(), "")).metrics
    levels = image_data.to_levels(data.train, 16, 2)
    white = (levels.sum(0) + 1) / (len(levels) + 2)
    test = image_data.to_levels(data.test, 16, 2)
    nats = -np.where(test == 1, np.log(white), np.log(1 - white)).sum((1, 2, 3)).mean()
    assert metrics["nats_per_image"] == pytest.approx(nats)
    assert metrics["uniform_nats_per_image"] == pytest.approx(64 * np.log(2))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"levels": 1}, "--levels must be at least 2 and at most 256, not 1"),
        ({"levels": 4, "binarize": "sample"}, "--levels must be 2, or left out, with --binarize"),
        ({"samples": 0}, "--samples must be at least 1"),
    ],
)
def test_wrong_options(options: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Config(**options)


def test_units_that_do_not_fit_rgb(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x_train=np.random.default_rng(0).integers(0, 9, (9, 4, 4, 3)))
    with pytest.raises(UserError, match="--units must be a multiple of 3, as the images are RGB"):
        load(data=Source.of(tmp_path / "a.npz"))


def test_a_config_of_an_earlier_version(tmp_path: Path) -> None:
    options = {"data": "embedded", "out": "x", "layer": "row_lstm", "levels": 4, "samples": 9}
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"recipe": "pixel_rnn", "options": options, "versions": {}}))
    config = read_config(Config, path, "pixel_rnn")
    assert (config.layer, config.levels, config.samples) == ("row_lstm", 4, 9)


@pytest.mark.parametrize("layer", ["row_lstm", "masked_conv"])
def test_a_trial_keeps_the_layer_or_takes_another(layer: str) -> None:
    import keras_tuner

    hp = keras_tuner.HyperParameters()
    assert recipe.space(hp, Config(layer=layer)).layer == layer
    hp.values["layer"] = "diagonal_bilstm"
    assert recipe.space(hp, Config(layer=layer)).layer == "diagonal_bilstm"
