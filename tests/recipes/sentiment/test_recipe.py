"""The sentiment recipe: from texts to what is served, and what only right context tells."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from recipe_corpus import answer_rows

import zoo
from recipes.kit import calibration
from recipes.kit.cli import main
from recipes.kit.config_file import read_config
from recipes.kit.data.batches import padded_batches
from recipes.kit.data.source import Source
from recipes.kit.errors import UserError
from recipes.kit.metrics import class_metrics
from recipes.kit.output import run_record, write_json
from recipes.kit.recipe import Run
from recipes.kit.text import TokenVocabulary
from recipes.sentiment import data as text_data
from recipes.sentiment import embedded, recipe
from recipes.sentiment.data import Data
from recipes.sentiment.options import Config
from recipes.sentiment.serve import ClassifierPredictor, TextClassifier

QUICK = ["--units", "8", "--word-dim", "8", "--learning-rate", "0.05", "--dropout", "0"]

#: Runs where importing Keras or any package of ours fails.
ALONE = """
import json, sys
for name in ("keras", "custom_layers", "zoo", "recipes"):
    sys.modules[name] = None
import tensorflow as tf
served = tf.saved_model.load(sys.argv[1]).signatures
assert sorted(served) == ["classify", "serving_default"], sorted(served)
answer = served["serving_default"](texts=tf.constant(json.loads(sys.argv[2])))
print(json.dumps({
    "label": [label.decode() for label in answer["label"].numpy()],
    "labels": [label.decode() for label in answer["labels"].numpy()],
    "probabilities": answer["probabilities"].numpy().tolist(),
    "attention": answer["attention"].numpy().tolist(),
}))
"""


def run_of(source: Path | str, folder: Path, **options: Any) -> Run[Config, Data]:
    """A run of the recipe, its data loaded."""
    config = Config(data=Source.parse(str(source)), **options)
    return Run(config, recipe.load_data(config.data, config), folder, "sentiment")


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("texts")
    rng = np.random.default_rng(0)
    for split, count in (("train", 120), ("valid", 40), ("test", 40)):
        lines = []
        for _ in range(count):
            label = rng.choice(["bad", "fair", "good"])
            filler = rng.choice(["a", "film", "it", "was", "the"], size=4)
            lines.append(f"{label} {' '.join(filler)} {label}ish {rng.integers(1000)}")
        (folder / f"{split}.txt").write_text("\n".join(lines))
    return folder


@pytest.fixture(scope="module")
def trained(texts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained") / "sentiment"
    words = ["--data", str(texts), "--out", str(out), "--epochs", "6", *QUICK]
    assert main(["train", "sentiment", *words]) == 0
    return out


def test_it_learns_and_says_so(trained: Path) -> None:
    metrics = json.loads((trained / "metrics.json").read_text())
    assert metrics["test"]["accuracy"] >= 0.9
    # Three classes have no single AUC.
    assert set(metrics["test"]) == {"accuracy", "macro_f1", "calibration_error"}
    assert metrics["baseline"]["accuracy"] > metrics["baseline"]["accuracy_of_commonest"]
    answers = answer_rows(trained, "probability_of_truth", lowest_first=True)
    right = [row["truth"] == row["answer"] for row in answers]
    assert np.mean(right) == pytest.approx(metrics["test"]["accuracy"])
    assert all(isinstance(row["input"], str) for row in answers)
    for name in ("attention", "confusion", "curves"):
        assert (trained / "plots" / f"{name}.png").stat().st_size > 5_000


def test_predict_and_evaluate(
    trained: Path, texts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["predict", str(trained), "it was goodish", "Badish!"]) == 0
    good, bad = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (good["label"], bad["label"]) == ("good", "bad")
    assert sum(good["probabilities"].values()) == pytest.approx(1, abs=1e-3)
    assert [word for word, _ in bad["attention"]] == ["Badish", "!"]
    assert main(["evaluate", str(trained)]) == 0
    test = json.loads((trained / "metrics.json").read_text())["test"]
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == test
    assert main(["evaluate", str(trained), "--data", str(texts / "train.txt")]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["accuracy"] >= 0.9
    assert main(["predict", str(trained), ""]) == 2
    assert json.loads(capsys.readouterr().out)["error"].startswith("is empty")


def test_probabilities_are_calibrated(texts: Path, tmp_path: Path, monkeypatch) -> None:
    """Those of a model that is far too sure."""
    monkeypatch.setattr(calibration, "FEWEST", 40)
    run = run_of(texts, tmp_path, units=8, word_dim=8)
    model = recipe.build(run)
    kernel = model.layers[-1].kernel
    kernel.assign(30 * kernel)
    recipe.export(run, model)
    write_json(tmp_path / "config.json", run_record("sentiment", run.config))
    predictor = ClassifierPredictor(tmp_path)
    assert predictor.calibration is not None and predictor.calibration.temperature > 2
    asked = [example.text for example in run.data.test]
    plain = TextClassifier(model, run.data.vocabulary, run.data.labels, run.config.max_tokens)
    unscaled = plain.classify(tf.constant(asked))["probabilities"].numpy().astype("float64")
    found = predictor.probabilities(asked)
    expected = unscaled ** (1 / predictor.calibration.temperature)
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)
    np.testing.assert_array_equal(found.argmax(axis=1), unscaled.argmax(axis=1))
    decoder = recipe.portable(model, tmp_path)
    batch, _ = next(iter(padded_batches(plain.encode(asked), np.zeros(len(asked)), len(asked))))
    np.testing.assert_allclose(
        decoder.predict_on_batch(batch)["probabilities"],
        found,
        rtol=1e-4,
    )
    judgement = predictor.judge(run.data.test)
    truth = [example.label for example in run.data.test]
    before = class_metrics(truth, unscaled, predictor.labels)
    assert judgement.metrics["calibration_error"] < before["calibration_error"]
    assert judgement.facts["calibration"]["temperature"] == predictor.calibration.temperature
    assert judgement.notes == (predictor.calibration.note,)
    assert "calibration_error" not in judgement.statistics.intervals()


def test_one_answer_for_each_text(trained: Path) -> None:
    predictor = recipe.RECIPE.load(trained)
    inputs = ["goodish film", " ", "a", "", *["badish"] * 100]
    answers = [*predictor.predict(inputs)]
    assert len(answers) == len(inputs)
    for text, answer in zip(inputs, answers, strict=True):
        if text.strip():
            assert answer["text"] == text and answer["label"] in ("bad", "fair", "good")
        else:
            assert answer == {"input": text, "error": "is empty; expected text."}
    assert {field.name for field in predictor.outputs} == {*answers[0], "truncated"}


def test_a_text_that_is_cut_says_so(trained: Path) -> None:
    predictor = recipe.RECIPE.load(trained)
    most = predictor.config.max_tokens
    fits, cut = predictor.predict(["film " * most, "film " * (most + 1)])
    assert "truncated" not in fits and cut["truncated"] is True
    assert len(cut["attention"]) == most and cut["probabilities"] == fits["probabilities"]


def test_classes_the_model_does_not_know(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "others.tsv"
    labels = ["good", "mixed", "good", "bad"] * 5
    rows = [f"it was {label}ish {number}\t{label}" for number, label in enumerate(labels)]
    file.write_text("\n".join(["text\tlabel", *rows]) + "\n")
    capsys.readouterr()
    assert main(["evaluate", str(trained), "--data", str(file)]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["accuracy"] == pytest.approx(0.75)
    assert (
        "5 of 20 texts (25.0 %) have classes unknown to the model, so they count as wrong: mixed "
        "(25.0 %)."
    ) in shown.err
    file.write_text(file.read_text().replace("\tgood", "\t1").replace("\tbad", "\t0"))
    assert main(["evaluate", str(trained), "--data", str(file)]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert (
        "others.tsv: all 20 texts have classes unknown to the model: expected bad, fair, good; "
        "found 1, 0, mixed. --label-column of the training decides which column is read."
    ) in shown.err


def test_a_config_of_an_earlier_version(tmp_path: Path) -> None:
    options = {"data": "embedded", "out": "x", "pooling": "max", "text_column": None, "units": 9}
    options |= {"merge_mode": "sum", "initial_state": "learned", "character_dim": 7}
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"recipe": "sentiment", "options": options, "versions": {}}))
    config = read_config(Config, path, "sentiment")
    assert (config.pooling, config.units, config.merge_mode) == ("max", 9, "sum")


def test_served_alone(trained: Path) -> None:
    raw = ["it was goodish", "", "badish and more words than the first one has"]
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(trained / "saved_model"), json.dumps(raw)],
        capture_output=True,
        text=True,
        check=True,
    )
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["labels"] == ["bad", "fair", "good"]
    assert answer["label"][0] == "good"
    model = keras.models.load_model(trained / "model.keras")
    lists = json.loads((trained / "labels.json").read_text())
    vocabulary = TokenVocabulary(tuple(lists["words"]), tuple(lists["characters"]))
    ours = TextClassifier(model, vocabulary, lists["labels"], 400)
    for row, text in enumerate(raw):
        alone = ours.classify(tf.constant([text]))
        np.testing.assert_allclose(
            answer["probabilities"][row], alone["probabilities"].numpy()[0], atol=1e-5
        )
        assert answer["label"][row] == alone["label"].numpy()[0].decode()
    np.testing.assert_allclose(np.sum(answer["attention"], axis=1), [1, 0, 1], atol=1e-5)
    (example,) = ours.encode(["one two three"])
    assert example["words"].shape == (3,)


def test_long_texts_are_cut(texts: Path, tmp_path: Path) -> None:
    run = run_of(texts, tmp_path, max_tokens=5, units=4, word_dim=4)
    data = run.data
    assert not any(word.isdigit() for word in data.vocabulary.words)  # the sixth word of each
    model = TextClassifier(recipe.build(run), data.vocabulary, data.labels, 5)
    answer = model.classify(tf.constant(["a film it was the film", "a film it was the end"]))
    np.testing.assert_array_equal(*answer["probabilities"].numpy())
    assert answer["tokens"].shape == (2, 5)


def test_the_vocabulary_is_limited_to_frequent_words(texts: Path, tmp_path: Path) -> None:
    data = run_of(texts, tmp_path, vocabulary_size=5).data
    assert len(data.vocabulary.words) == 5
    assert {*data.vocabulary.words} <= {"a", "film", "it", "was", "the", "badish", "goodish", "000"}


@pytest.mark.parametrize("option", ["--vocabulary-size", "--max-tokens"])
def test_wrong_options(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "sentiment", option, "0"]) == 2
    assert f"{option} must be at least 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--text-column", "1"], "with --data embedded"),
        (["--label-column", "stars"], "with --data embedded"),
        (["--subset", "fine"], "with --data embedded"),
        (["--subset", "fine", "--data", "tfds:imdb_reviews"], "with --data tfds:NAME"),
        (["--character-dim", "7"], "with --character-filters 0"),
    ],
)
def test_options_without_effect(
    words: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "sentiment", *words]) == 2
    assert f"{words[0]} has no effect {reason}; leave it out" in capsys.readouterr().err


def test_metrics() -> None:
    shares = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.7, 0.3]])
    metrics = class_metrics(["n", "p", "n", "p"], shares, ["n", "p"])
    by_hand = (0.1 + 0.4 + 0.8 + 0.7) / 4  # each answer in a bin of its own
    assert metrics == pytest.approx(
        {"accuracy": 0.5, "macro_f1": 0.5, "roc_auc": 0.5, "calibration_error": by_hand}
    )
    metrics = class_metrics(["n", "p", "p", "other"], shares, ["n", "p"])
    assert metrics["accuracy"] == 0.75 and "roc_auc" not in metrics
    assert metrics["macro_f1"] == pytest.approx((2 / 3 + 1 + 0) / 3)


@pytest.mark.slow
def test_only_right_context_tells_what_terribly_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With mean pooling every word adds its share to the logit. That of "terribly" before praise
    and before blame is the same for a model that reads forwards only, as it cannot know what
    follows; one that reads both ways tells them apart."""
    monkeypatch.setattr(text_data, "SIZES", {"train": 1000, "valid": 200, "test": 1})
    gaps = {}
    for bidirectional in (True, False):
        keras.utils.set_random_seed(0)
        run = run_of(
            "embedded",
            tmp_path / str(bidirectional),
            epochs=6,
            units=16,
            word_dim=16,
            learning_rate=2e-2,
            dropout=0.0,
            pooling="mean",
            bidirectional=bidirectional,
        )
        data, model = run.data, recipe.build(run)
        assert (
            recipe.train(run, model).rows[-1]["val_accuracy"] >= 0.9
        )  # both read the whole text, in the end
        classifier = TextClassifier(model, data.vocabulary, data.labels, 400)
        states = keras.Model(model.input, model.get_layer("recurrent_0").output)
        kernel, _ = model.get_layer("logits").get_weights()
        shares = {}
        for way, adjectives in embedded.ADJECTIVES.items():
            for adjective in adjectives:
                (example,) = classifier.encode([f"The plot is terribly {adjective}."])
                state = states({"words": example["words"][None]}).numpy()[0]
                shares[way, adjective] = state[3] @ (kernel[:, 1] - kernel[:, 0])
        gaps[bidirectional] = np.array(
            [
                shares["positive", praise] - shares["negative", blame]
                for praise in embedded.ADJECTIVES["positive"]
                for blame in embedded.ADJECTIVES["negative"]
            ]
        )
    np.testing.assert_allclose(gaps[False], 0, atol=1e-5)
    assert (gaps[True] > 0.1).mean() >= 0.95


def test_a_trial_changes_the_pooling() -> None:
    import keras_tuner

    hp = keras_tuner.HyperParameters()
    recipe.space(hp, Config())
    hp.values["pooling"] = "max"
    assert recipe.space(hp, Config()).pooling == "max"
    assert set(hp.values) >= {"depth", "bidirectional", "clip", "cell"}


def test_data_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        run_of("/nowhere", tmp_path)
    assert zoo.model_info("text_classifier_base").shape == "many-to-one"


def test_balanced_classes_are_found_however_rare_they_are(tmp_path: Path) -> None:
    """A word that most rare texts have, and some common ones: weighed as they come, the common
    class is always the better answer."""
    dice = np.random.default_rng(0)
    texts = tmp_path / "texts"
    texts.mkdir()
    for split, common, rare in (("train", 380, 20), ("valid", 76, 4), ("test", 10, 10)):
        share = {"common": 0.2, "rare": 0.8}
        labels = ["common"] * common + ["rare"] * rare
        lines = [
            f"{label} {'odd' if dice.random() < share[label] else 'even'} {dice.integers(10**9)}"
            for label in labels
        ]
        (texts / f"{split}.txt").write_text("\n".join(lines))

    def answers(**options: Any) -> dict[str, str]:
        sizes = {"units": 4, "word_dim": 4, "pooling": "mean", "bidirectional": False}
        rates = {"learning_rate": 0.02, "word_dropout": 0.0, "dropout": 0.0, "epochs": 4}
        run = run_of(texts, tmp_path / f"run{len(options)}", **sizes, **rates, **options)
        keras.utils.set_random_seed(0)
        model = recipe.build(run)
        history = recipe.train(run, model)
        assert {"val_accuracy", "val_macro_f1"} < set(history.rows[0])
        classifier = TextClassifier(model, run.data.vocabulary, run.data.labels, 10)
        texts_asked = tf.constant(["odd 123456789", "even 987654321"])
        labels = classifier.classify(texts_asked)["label"].numpy()
        return dict(zip(("odd", "even"), (label.decode() for label in labels), strict=True))

    assert answers() == {"odd": "common", "even": "common"}
    assert answers(class_weight="balanced") == {"odd": "rare", "even": "common"}
