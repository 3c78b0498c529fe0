"""The captioning recipe: from a table of images to a model that is served, and what it answers."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from recipes.captioning.metrics import caption_metrics
from recipes.captioning.options import Config
from recipes.kit.amount import Amount, suited
from recipes.kit.cli import main
from recipes.kit.data.source import Source
from recipes.kit.errors import UserError

#: Runs where importing Keras or any package of ours fails.
ALONE = """
import sys
for name in ("keras", "custom_layers", "zoo", "recipes"):
    sys.modules[name] = None
import numpy as np, tensorflow as tf
served = tf.saved_model.load(sys.argv[1]).signatures
images = tf.constant([open(path, "rb").read() for path in sys.argv[3:]])
both = {name: served[name](images=images) for name in ("caption", "greedy", "serving_default")}
np.savez(
    sys.argv[2],
    names=sorted(served),
    caption=both["caption"]["sentence"].numpy().astype("S"),
    default=both["serving_default"]["sentence"].numpy().astype("S"),
    attention=both["caption"]["attention"],
    greedy=both["greedy"]["sentence"].numpy().astype("S"),
)
"""


def test_it_learns_and_is_judged(trained: Path) -> None:
    record = json.loads((trained / "metrics.json").read_text())
    assert record["test"]["exact_match"] > 0.8
    assert {f"{p}bleu_{n}" for p in ("", "greedy_") for n in (1, 2, 3, 4)} <= {*record["test"]}
    assert (trained / "plots" / "captions.png").is_file()
    assert (trained / "plots" / "looks.png").is_file()


def test_served_alone(trained: Path, corpus: Path, tmp_path: Path) -> None:
    shutil.copytree(trained / "saved_model", tmp_path / "moved")
    image = Image.open(corpus / "1.png")
    image.save(tmp_path / "large.bmp")
    image.convert("L").save(tmp_path / "grey.jpg")
    paths = [str(corpus / "0.png"), str(tmp_path / "large.bmp"), str(tmp_path / "grey.jpg")]
    command = [sys.executable, "-c", ALONE, str(tmp_path / "moved"), str(tmp_path / "a.npz")]
    subprocess.run([*command, *paths], check=True, timeout=120)
    alone = np.load(tmp_path / "a.npz")
    assert {"caption", "greedy", "serving_default"} <= {*alone["names"]}
    assert alone["caption"].tolist() == alone["default"].tolist()
    assert b"red" in alone["caption"][0]
    assert alone["attention"].shape[2:] == (2, 2)


def test_predict(trained: Path, corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = corpus / "broken.png"
    broken.write_text("no image")
    capsys.readouterr()
    inputs = [str(corpus / "2.png"), str(broken), str(corpus / "0.png")]
    assert main(["predict", str(trained), *inputs, "--attention"]) == 2
    first, second, third = map(json.loads, capsys.readouterr().out.splitlines())
    broken.unlink()
    assert "blue" in first["caption"]
    assert "error" in second
    assert "red" in third["caption"]
    assert np.shape(first["attention"]) == (len(first["tokens"]), 2, 2)
    np.testing.assert_allclose(np.sum(first["attention"], axis=(1, 2)), 1, atol=1e-2)


def test_metrics_against_all_references() -> None:
    references = [("a cat sits here", "there is a cat"), ("one dog",)]
    metrics = caption_metrics(["there is a cat", "two dogs run"], references)
    assert metrics["exact_match"] == 0.5
    assert metrics["edit_distance"] == pytest.approx(0.5)
    right = caption_metrics(["a cat sits here", "one dog runs by"], [*references[:1], ("one dog",)])
    assert right["bleu_1"] == pytest.approx(100 * 6 / 8)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_column": "x"}, "--image-column has no effect with --data embedded"),
        ({"sampling_schedule": "sigmoid"}, "without --scheduled-sampling"),
        ({"size": (8, 8)}, "--size must be at least 16"),
        ({"input_feeding": True, "jit_compile": True}, "--jit-compile"),
        ({"attention": "none", "compare": True}, "--compare needs --attention additive or dot"),
        ({"encoder_weights": "none"}, "--encoder-weights has no effect with --encoder own"),
        ({"encoder": "VGG16", "filters": (4,)}, "--filters has no effect with --encoder VGG16"),
        ({"encoder": "VGG16", "colour": "grey"}, "--colour must be rgb with another --encoder"),
        ({"encoder": "VGG16", "encoder_weights": "none"}, "none needs --train-encoder"),
    ],
)
def test_options(options: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Config(**options)


def test_defaults_by_data() -> None:
    assert (Config().size, Config().colour) == ((48, 48), "grey")
    own = Config(data=Source.of(Path("x.csv")))
    assert (own.size, own.colour, own.level) == ((96, 96), "rgb", "word")


@pytest.mark.parametrize(("images", "units"), [(2000, 128), (900, 128), (200, 64)])
def test_a_narrower_model_for_little_data(images: int, units: int) -> None:
    config, changed = suited(Config(), Amount(images, "images"), ())
    assert config.units == units
    assert ("units" in changed) == (units == 64)
    kept, _ = suited(Config(units=200), Amount(images, "images"), ("units",))
    assert kept.units == 200
