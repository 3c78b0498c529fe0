"""Captioners in use: resumed, trained further, searched for, exported, compared, and with encoders
of `keras.applications`."""

from __future__ import annotations

import dataclasses
import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import zoo
from recipes.captioning import backbones, recipe
from recipes.captioning.batches import Batches
from recipes.captioning.options import Config, Predict
from recipes.captioning.pixels import Drawing
from recipes.captioning.serve import CaptionPredictor
from recipes.kit.cli import main
from recipes.kit.data.source import Source
from recipes.kit.errors import UserError
from recipes.kit.recipe import Run
from recipes.kit.vocabulary import BOUNDARY_ID, UNKNOWN_ID

#: Captions an image by a SavedModel, where importing Keras or any package of ours fails.
ALONE = """
import sys
for name in ("keras", "custom_layers", "zoo", "recipes"):
    sys.modules[name] = None
import tensorflow as tf
served = tf.saved_model.load(sys.argv[1]).signatures["caption"]
answer = served(images=tf.constant([open(sys.argv[2], "rb").read()]))
print(answer["sentence"].numpy()[0].decode(), answer["attention"].shape[2:])
"""


def small_run(corpus: Path, folder: Path, **options: Any) -> Run:
    source = Source.of(corpus / "captions.csv")
    small = {"size": (16, 16), "units": 8, "filters": (4, 6), "limit": 16} | options
    config = Config(data=source, **small)
    return Run(config, recipe.load_data(source, config), folder, "captioning")


def test_an_interrupted_run_goes_on(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(run: Run) -> list[dict[str, float]]:
        keras.utils.set_random_seed(0)
        rows = recipe.train(run, recipe.build(run)).rows
        return [{name: x for name, x in row.items() if name != "seconds"} for row in rows]

    options = {"epochs": 3, "word_dropout": 0.2, "dropout": 0.2, "scheduled_sampling": 0.5}
    whole = train(small_run(corpus, tmp_path / "whole", **options))
    metrics, calls = recipe.caption_metrics, []

    def interrupted(*args: Any) -> dict[str, float]:
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return metrics(*args)

    again = small_run(corpus, tmp_path / "resumed", **options)
    with monkeypatch.context() as patch:
        patch.setattr(recipe, "caption_metrics", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(again)
    assert train(again) == whole


def test_training_goes_on_from_a_run(
    trained: Path, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "more.csv"
    names = (corpus / "captions.csv").read_text().splitlines()[1:]
    paths = [line.split(",")[0] for line in names]
    rows = [f"{corpus / path},crimson is it" for path in paths]
    table.write_text("\n".join(["image,caption", *rows]))
    words = ["train", "captioning", "--data", str(table), "--from", str(trained)]
    assert main([*words, "--units", "9", "--out", str(tmp_path / "x")]) == 2
    assert "--units is 16 in the model of --from" in capsys.readouterr().err
    assert main([*words, "--epochs", "1", "--out", str(tmp_path / "on")]) == 0
    earlier, later = (
        json.loads((f / "pieces.json").read_text()) for f in (trained, tmp_path / "on")
    )
    assert earlier == later  # "crimson" stays unknown
    assert json.loads((tmp_path / "on" / "config.json").read_text())["options"]["units"] == 16


def test_tune(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "search"
    words = ["--data", str(corpus / "captions.csv"), "--out", str(out), "--size", "16", "16"]
    words += ["--filters", "4", "6", "--limit", "16", "--compare"]
    search = ["--epochs", "1", "--trials", "1", "--tuner", "random"]
    assert main(["tune", "captioning", *words, *search]) == 0
    options = json.loads((out / "best_config.json").read_text())["options"]
    assert options["attention"] in ("additive", "dot", "none")


@pytest.fixture(scope="module")
def greedy(trained: Path, corpus: Path) -> tuple[np.ndarray, list[list[str]]]:
    """Two drawn images in [0, 1], and the tokens of their greedy captions, "" the end."""
    predictor = CaptionPredictor(trained)
    paths = [corpus / "1.png", corpus / "2.png"]
    drawing = Drawing(predictor.config)
    pixels = np.stack([drawing.read(path) for path in paths]).astype("float32") / 255
    return pixels, [a["tokens"] for a in predictor.predict(paths, Predict(search="greedy"))]


def words_of(trained: Path, ids: np.ndarray) -> list[list[str]]:
    pieces = ["", "[UNK]", "", *json.loads((trained / "pieces.json").read_text())["pieces"]]
    rows = [[pieces[int(index)] for index in row] for row in ids]
    return [row[: row.index("") + 1] for row in rows]


@pytest.mark.slow
def test_onnx(trained: Path, greedy: tuple, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    path = tmp_path / "model.onnx"
    assert main(["export", str(trained), "--format", "onnx", "--to", str(path)]) == 0
    session = runtime.InferenceSession(str(path))
    (image,) = session.get_inputs()
    found = dict(
        zip(
            [output.name for output in session.get_outputs()],
            session.run(None, {image.name: greedy[0]}),
            strict=True,
        )
    )
    assert words_of(trained, found["tokens"][:, 0]) == greedy[1]


def test_litert(trained: Path, greedy: tuple, tmp_path: Path) -> None:
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    path = tmp_path / "model.tflite"
    assert main(["export", str(trained), "--format", "litert", "--to", str(path)]) == 0
    runner = interpreter.Interpreter(str(path)).get_signature_runner()
    (image,) = runner.get_input_details()
    assert words_of(trained, runner(**{image: greedy[0][:1]})["tokens"][:, 0]) == greedy[1][:1]


def test_compare(corpus: Path, tmp_path: Path) -> None:
    run = small_run(corpus, tmp_path, epochs=1, compare=True, beam_size=2)
    compared = recipe.compare(run, None, None)
    names = {"fixed_vector_exact_match", "fixed_vector_bleu_4", "fixed_vector_greedy_bleu_4"}
    assert names <= {*compared.metrics}
    assert len(compared.answers["without attention"]) == len(run.data.test)
    assert (tmp_path / "checkpoints" / "baseline").is_dir()
    plain = dataclasses.replace(run, config=dataclasses.replace(run.config, compare=False))
    assert not recipe.compare(plain, None, None).metrics


def tiny_network(include_top: bool, weights: str | None, input_shape: tuple) -> keras.Model:
    """Of the kind of those in keras.applications, and in none of its modules."""
    assert not include_top and weights is None
    images = keras.Input(input_shape)
    x = keras.layers.Rescaling(1 / 255)(images)
    x = keras.layers.Conv2D(4, 3, strides=8, padding="same")(x)
    return keras.Model(images, keras.layers.BatchNormalization()(x))


def check_encoder_in_use(name: str, corpus: Path, out: Path, capfd: Any, shape: str) -> None:
    """Train with an encoder; the SavedModel says the same without our packages."""
    words = ["train", "captioning", "--data", str(corpus / "captions.csv"), "--out", str(out)]
    words += "--units 8 --size 40 48 --beam-size 2 --epochs 1 --limit 16".split()
    encoder = ["--encoder", name, "--encoder-weights", "none", "--train-encoder"]
    assert main([*words, *encoder]) == 0
    capfd.readouterr()
    image = corpus / "1.png"
    assert main(["predict", str(out), str(image)]) == 0
    caption = json.loads(capfd.readouterr().out)["caption"]
    command = [sys.executable, "-c", ALONE, str(out / "saved_model"), str(image)]
    alone = subprocess.run(command, check=True, timeout=120, capture_output=True, text=True)
    assert alone.stdout.rstrip("\n") == f"{caption} {shape}"


def test_another_encoder(corpus, tmp_path, monkeypatch, capfd) -> None:
    monkeypatch.setattr(keras.applications, "TinyNet", tiny_network, raising=False)
    check_encoder_in_use("TinyNet", corpus, tmp_path / "run", capfd, "(5, 6)")


@pytest.mark.slow
def test_an_encoder_of_keras(corpus, tmp_path, capfd) -> None:
    check_encoder_in_use("MobileNetV3Small", corpus, tmp_path / "run", capfd, "(1, 1)")


@pytest.mark.parametrize("name", ["MobileNet", "MobileNetV3Small"])
def test_preprocessing_is_in_the_graph(name: str) -> None:
    config = Config(
        data=Source.of(Path("x.csv")), encoder=name, encoder_weights="none", train_encoder=True
    )
    keras.utils.set_random_seed(0)
    encoder = backbones.backbone(config)
    keras.utils.set_random_seed(0)
    network = getattr(keras.applications, name)(
        include_top=False, weights=None, input_shape=(None, None, 3)
    )
    images = np.random.default_rng(0).random((2, 40, 50, 3)).astype("float32")
    expected = network(images * 2 - 1 if name == "MobileNet" else images * 255)
    np.testing.assert_allclose(encoder(images), expected, atol=1e-5)


def test_the_weights_of_an_encoder(tmp_path: Path) -> None:
    """They come from a file, stay as they are unless they are to be trained, and are not lost."""
    file = tmp_path / "mobile.weights.h5"
    saved = keras.applications.MobileNetV3Small(include_top=False, weights=None)
    saved.save_weights(file)
    options = {"encoder": "MobileNetV3Small", "encoder_weights": str(file)}
    config = Config(data=Source.of(Path("x.csv")), **options)
    assert config.size == (224, 224)
    encoder = backbones.backbone(config)
    model = zoo.captioner(vocabulary_size=9, channels=3, backbone=encoder, units=4)
    for train_encoder in (False, True):
        chosen = dataclasses.replace(config, train_encoder=train_encoder)
        backbones.freeze(model, chosen)
        trained = {id(weight) for weight in model.trainable_weights}
        assert all((id(w) in trained) == train_encoder for w in encoder.trainable_weights)
    for weight, loaded in zip(saved.get_weights(), encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, loaded)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoder": "Nope"}, "expected own or a network of keras.applications: ConvNeXtBase"),
        ({"encoder_weights": "gone.h5", "encoder": "VGG16"}, "gone.h5: no such file"),
    ],
)
def test_encoders_that_are_not_there(options: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        backbones.check_encoder(Config(data=Source.of(Path("x.csv")), **options))


def test_weights_that_cannot_be_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_, **__):
        raise Exception("URL fetch failure on https://...: no network")

    monkeypatch.setattr(keras.applications, "ResNet50V2", unreachable)
    config = Config(data=Source.of(Path("x.csv")), encoder="ResNet50V2")
    with pytest.raises(UserError, match="--encoder-weights imagenet: cannot be had for ResNet50V2"):
        backbones.backbone(config)


def test_words_that_become_unknown(corpus: Path, tmp_path: Path) -> None:
    run = small_run(corpus, tmp_path, word_dropout=0.4, batch_size=100, limit=None)
    config = run.config
    plain = dataclasses.replace(run, config=dataclasses.replace(config, word_dropout=0.0))
    ((whole, same),) = Batches(run.data.train, plain).batches(3)
    ((inputs, targets),) = Batches(run.data.train, run).batches(3)
    read, right = inputs["target"].numpy(), whole["target"].numpy()
    np.testing.assert_array_equal(targets, same)
    words = right > BOUNDARY_ID
    np.testing.assert_array_equal(read[~words], right[~words])  # the start and the padding
    changed = read[words] != right[words]
    assert (read[words][changed] == UNKNOWN_ID).all()
    assert 0.25 < changed.mean() < 0.55
    ((valid, _),) = Batches(run.data.valid, run).batches(None)
    assert (valid["target"].numpy() != UNKNOWN_ID).all()


def test_images_are_moved_in_training(corpus: Path, tmp_path: Path) -> None:
    run = small_run(corpus, tmp_path, shift=2, batch_size=100, limit=None)
    still = dataclasses.replace(run, config=dataclasses.replace(run.config, shift=0))
    ((moved, targets),) = Batches(run.data.train, run).batches(3)
    ((whole, same),) = Batches(run.data.train, still).batches(3)
    np.testing.assert_array_equal(targets, same)
    found = set()
    for image, original in zip(moved["image"].numpy(), whole["image"].numpy(), strict=True):
        around = np.pad(original, [(2, 2), (2, 2), (0, 0)], constant_values=1.0)
        rows, columns = original.shape[:2]
        found |= {
            (2 - down, 2 - right)
            for down, right in itertools.product(range(5), repeat=2)
            if (around[down : down + rows, right : right + columns] == image).all()
        }
    assert len(found) > 12
    ((valid, _),) = Batches(run.data.valid, run).batches(None)
    np.testing.assert_array_equal(
        valid["image"], np.stack([e.image for e in run.data.valid]).astype("float32") / 255
    )
