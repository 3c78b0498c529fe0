"""The translation recipe: from pairs to what is served, with and without attention."""

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

from recipes.kit.cli import main
from recipes.kit.config_file import read_config, to_json
from recipes.kit.data.source import Source
from recipes.kit.errors import UserError
from recipes.kit.export import for_serving
from recipes.kit.pieces import SentencePieces
from recipes.kit.recipe import Run
from recipes.kit.unknown import notes_of
from recipes.kit.vocabulary import Vocabulary
from recipes.translation import recipe
from recipes.translation.data import Data
from recipes.translation.formats import Pair
from recipes.translation.options import Config, Predict
from recipes.translation.serve import Translator, TranslatorPredictor

QUICK = ["--units", "32", "--embedding-dim", "16", "--learning-rate", "0.02", "--dropout", "0"]

#: Runs where importing Keras or any package of ours fails.
ALONE = """
import json, sys
for name in ("keras", "custom_layers", "zoo", "recipes"):
    sys.modules[name] = None
import tensorflow as tf
served = tf.saved_model.load(sys.argv[1]).signatures
texts = tf.constant(json.loads(sys.argv[2]))
answers = {name: served[name](texts=texts) for name in sorted(served)}
print(json.dumps({
    name: {
        "translations": [t.decode() for t in answer["translations"].numpy()],
        "scores": answer["scores"].numpy().tolist(),
        "attention": answer["attention"].numpy().tolist(),
        "tokens": [[t.decode() for t in row] for row in answer["tokens"].numpy()],
    }
    for name, answer in answers.items()
}))
"""

WORDS = {"one": "uno", "two": "dos", "three": "tres", "four": "cuatro", "five": "cinco"}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Numbers in a language that says them the other way round."""
    random = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("pairs")
    seen: set[str] = set()
    for split, count in (("train", 400), ("valid", 40), ("test", 60)):
        lines: list[str] = []
        while len(lines) < count:
            words = random.choice([*WORDS], size=random.integers(2, 7)).tolist()
            source = " ".join(words)
            if source not in seen:
                seen.add(source)
                lines.append(f"{source}\t{' '.join(WORDS[word] for word in reversed(words))}")
        (folder / f"{split}.tsv").write_text("\n".join(lines))
    return folder


def run_of(source: Path, **options: Any) -> Run[Config, Data]:
    """A run of the recipe, its data loaded."""
    config = Config(data=Source.of(source), **options)
    return Run(config, recipe.load_data(config.data, config), Path("unused"), "translation")


def data_of(source: Vocabulary, target: Vocabulary, max_length: int) -> Data:
    """What a translator has to know of its data."""
    tables = SentencePieces(source), SentencePieces(target)
    return Data((), (), (), (), "", *tables, max_length=max_length)


@pytest.fixture(scope="module")
def trained(pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained") / "translation"
    words = ["--data", str(pairs), "--out", str(out), "--epochs", "12", "--level", "word"]
    words += ["--batch-size", "32", "--compare", "--scheduled-sampling", "0.2"]
    assert main(["train", "translation", *words, *QUICK]) == 0
    return out


@pytest.fixture(scope="module")
def predictor(trained: Path) -> TranslatorPredictor:
    return recipe.RECIPE.load(trained)


def test_it_learns_and_says_so(trained: Path) -> None:
    metrics = json.loads((trained / "metrics.json").read_text())
    test, baseline = metrics["test"], metrics["baseline"]
    assert test["exact_match"] >= 0.8 and test["bleu"] >= 90 and test["chrf"] >= 90
    assert {f"greedy_{name}" for name in ("bleu", "chrf", "exact_match")} < set(test)
    # One vector for the source, and a similar source's translation, are worse.
    assert baseline["fixed_vector_bleu"] < test["bleu"]
    assert {"fixed_vector_exact_match", "fixed_vector_greedy_bleu"} < set(baseline)
    assert baseline["exact_match"] < 0.5 * test["exact_match"]
    answers = answer_rows(trained, "chrf", lowest_first=True)
    right = [row["answer"] in row["truth"] for row in answers]
    assert np.mean(right) == pytest.approx(test["exact_match"])
    for name in ("alignment", "curves", "quality_by_length"):
        assert (trained / "plots" / f"{name}.png").stat().st_size > 5_000


def test_predict_and_evaluate(
    trained: Path, pairs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["predict", str(trained), "one two three", "five one"]) == 0
    three, two = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert three["translation"] == three["hypotheses"][0] == "tres dos uno"
    assert two["translation"] == "uno cinco"
    assert len(three["hypotheses"]) == 4
    assert [token.strip("\u2581") for token in three["tokens"]] == ["tres", "dos", "uno", ""]
    weights = np.array(three["attention"])
    assert weights.shape == (4, 4)  # the end is a place to look at, and is written
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-3)
    words = ["predict", str(trained), "one two three", "--search", "greedy", "--no-attention"]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"text", "translation", "score"}
    assert main(["evaluate", str(trained)]) == 0
    test = json.loads((trained / "metrics.json").read_text())["test"]
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == pytest.approx(test)
    assert main(["evaluate", str(trained), "--data", str(pairs / "train.tsv")]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["bleu"] >= 90


def test_served_alone(trained: Path) -> None:
    raw = ["one two three", "", "seven of one and another five"]
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(trained / "saved_model"), json.dumps(raw)],
        capture_output=True,
        text=True,
        check=True,
    )
    answer = json.loads(done.stdout.splitlines()[-1])
    assert sorted(answer) == ["greedy", "serving_default", "translate"]
    assert answer["serving_default"] == answer["translate"]
    assert answer["translate"]["translations"][0] == "tres dos uno"
    assert np.shape(answer["translate"]["scores"]) == (3, 4)
    assert np.shape(answer["greedy"]["scores"]) == (3, 1)
    # As the model in Keras says it, one sentence at a time.
    lists = json.loads((trained / "pieces.json").read_text())
    source, target = (Vocabulary(lists["level"], tuple(lists[s])) for s in ("source", "target"))
    model = keras.models.load_model(trained / "model.keras")
    assert lists["max_length"] == len(answer["translate"]["tokens"][0])
    data = data_of(source, target, lists["max_length"])
    ours = Translator(model, data, beam_size=4, length_penalty=0.6)
    translate = tf.function(*ours.endpoints["translate"])
    for row, text in enumerate(raw):
        alone = translate(tf.constant([text]))
        assert answer["translate"]["translations"][row] == alone["translations"].numpy()[0].decode()
        np.testing.assert_allclose(
            answer["translate"]["scores"][row], alone["scores"].numpy()[0], rtol=1e-3, atol=1e-4
        )
    assert ours.translate(raw, "greedy") == answer["greedy"]["translations"]


def test_what_goes_in_and_what_comes_out() -> None:
    known = Vocabulary("character", ("a", "b"))
    model = recipe.zoo.encoder_decoder(
        source_vocabulary_size=5, target_vocabulary_size=5, embedding_dim=2, units=2
    )
    translator = Translator(model, data_of(known, known, 3), beam_size=1, length_penalty=0.0)
    inputs, targets = translator.encode([Pair("b", "ab"), Pair("", "")])
    assert [example["source"].tolist() for example in inputs] == [[4, 2], [2]]
    assert [example["target"].tolist() for example in inputs] == [[2, 3, 4], [2]]
    assert [row.tolist() for row in targets] == [[3, 4, 2], [2]]
    arrays = [*targets, *(array for example in inputs for array in example.values())]
    assert {array.dtype for array in arrays} == {np.dtype("int32")}


def test_the_copy_for_serving_has_no_cudnn_and_no_dropout(pairs: Path) -> None:
    run = run_of(pairs, units=4, embedding_dim=4, dropout=0.5)
    assert run.data.source.vocabulary.level == "subword"
    copy = for_serving(recipe.build(run))
    encoder, decoder = copy.get_layer("encoder"), copy.get_layer("decoder")
    both = encoder.get_layer("recurrent_0")
    inside = decoder.recurrence.get_layer("recurrent_0")
    assert not any(x.use_cudnn for x in (both.forward_layer, both.backward_layer, inside))
    assert "dropout" not in " ".join(
        layer.name for layer in (*encoder.layers, *decoder.recurrence.layers) if layer.weights
    )
    given = {"source": np.array([[3, 4, 2]]), "target": np.array([[2, 5]])}
    np.testing.assert_array_equal(*(copy(given, training=True).numpy() for _ in range(2)))


def test_long_pairs_are_left_out(pairs: Path) -> None:
    data = run_of(pairs, level="word", max_tokens=4).data
    assert 0 < len(data.train) < 400
    assert all(len(pair.source.split()) < 4 for pair in data.train)  # and the end
    facts = dict(data.understood)
    left_out = 400 - len(data.train)
    assert facts["too long"] == f"training pairs of more than 4 words left out: {left_out}"
    assert facts["vocabulary"] == "5 and 5 kinds of words in source and target"
    with pytest.raises(UserError, match="--max-tokens 2: all training pairs are longer, .* 3 word"):
        run_of(pairs, level="word", max_tokens=2)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--input-feeding", "--jit-compile"], "XLA cannot compile"),
        (["--compare", "--attention", "none"], "--compare needs --attention additive or dot"),
        (["--scheduled-sampling", "2"], "--scheduled-sampling must be at least 0 and at most 1"),
        (["--beam-size", "0"], "--beam-size must be at least 1"),
        (["--data", "my.tsv", "--columns", "1", "1"], "two different numbers"),
    ],
)
def test_wrong_options(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "translation", *words]) == 2
    assert message in capsys.readouterr().err


def test_columns_are_kept_in_the_config_file(pairs: Path, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(to_json(Config(data=Source.of(pairs), columns=(2, 1)))))
    assert read_config(Config, path, "translation").columns == (2, 1)


def test_config_files_of_earlier_versions(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    old: dict[str, Any] = {"data": "embedded", "out": None, "level": None, "bidirectional": True}
    # Accepted once, and without any effect.
    old |= {"sampling_schedule": "sigmoid", "columns": [1, 2], "units": 7}
    path.write_text(json.dumps({"recipe": "translation", "options": old}))
    config = read_config(Config, path, "translation")
    assert (config.units, config.level, config.columns) == (7, "character", (0, 1))


def test_the_level_depends_on_the_data() -> None:
    assert Config().level == "character"
    assert Config(data=Source.parse("my.tsv")).level == "subword"
    assert Config(level="word").level == "word"


@pytest.mark.parametrize("length", [None, 130])
def test_a_portable_translation_is_as_long_as_the_training_asks(
    length: int | None, tmp_path: Path
) -> None:
    record = {"level": "word", "source": [], "target": [], "max_length": length}
    if length is None:  # as earlier versions wrote it
        del record["max_length"]
    (tmp_path / "pieces.json").write_text(json.dumps(record))
    model = recipe.zoo.encoder_decoder(
        source_vocabulary_size=5, target_vocabulary_size=5, embedding_dim=2, units=2
    )
    assert recipe.portable(model, tmp_path).output["tokens"].shape[-1] == (length or 100)


def test_one_answer_for_each_sentence(predictor: TranslatorPredictor) -> None:
    texts = ["one two three", " ", "five one"]
    answers = list(predictor.predict(texts))
    assert [answer.get("translation") for answer in answers] == [
        "tres dos uno",
        None,
        "uno cinco",
    ]
    assert answers[1] == {"input": " ", "error": "is empty; expected text."}
    (alone,) = predictor.predict(texts[:1])
    assert alone["tokens"] == answers[0]["tokens"]
    np.testing.assert_allclose(alone["attention"], answers[0]["attention"], atol=2e-4)


def test_a_translation_that_does_not_end_says_so(
    predictor: TranslatorPredictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    (whole,) = predictor.predict(["one two three"])
    assert "truncated" not in whole
    served = predictor.served

    def endless(signature: str, **inputs: Any) -> dict[str, np.ndarray]:
        answer = served(signature, **inputs)
        return {**answer, "tokens": np.full_like(answer["tokens"], b"uno")}

    monkeypatch.setattr(predictor, "served", endless)
    (cut,) = predictor.predict(["one two three"], Predict(attention=False))
    assert cut["truncated"] is True


def test_words_the_model_does_not_know(predictor: TranslatorPredictor) -> None:
    pairs = [Pair("one two", "dos uno"), Pair("one zwei", "dos uno"), Pair("one", "eins")]
    assert notes_of(predictor.unknown(pairs)) == (
        "1 of 3 sources (33.3 %) have words unknown to the model: \u2581zwei (33.3 %).",
        "1 of 3 translations (33.3 %) have words unknown to the model: \u2581eins (33.3 %).",
    )
    assert predictor.judge(pairs).notes == notes_of(predictor.unknown(pairs))


def test_no_texts_have_no_answers(predictor: TranslatorPredictor) -> None:
    for signature in ("translate", "greedy"):
        answer = predictor.served(signature, texts=[])
        assert {len(value) for value in answer.values()} == {0}


def test_two_files_from_any_folder(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Relative paths are those of the folder where the training was started."""
    lines = [f"{number} {index}" for index, number in enumerate(WORDS)]
    for language in ("en", "es"):
        (tmp_path / f"a.{language}").write_text("\n".join(lines))
    monkeypatch.chdir(tmp_path)
    record = json.loads((trained / "config.json").read_text())
    record["options"]["data"] = str(Source.parse("a.en,a.es"))
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text(json.dumps(record))
    (tmp_path / "run" / "saved_model").symlink_to(trained / "saved_model")
    monkeypatch.chdir("/")
    predictor = recipe.RECIPE.load(tmp_path / "run")
    assert len(recipe.load_test(predictor.config.data, predictor)) == 1  # a test part of five pairs
    # Of other files, all of both.
    other = Source.of(tmp_path / "a.es", tmp_path / "a.en")
    assert len(recipe.load_test(other, predictor)) == 5


def test_a_trial_changes_attention_and_sampling() -> None:
    import keras_tuner

    hp = keras_tuner.HyperParameters()
    config = Config(compare=True, scheduled_sampling=0.1, sampling_schedule="sigmoid")
    recipe.RECIPE.space(hp, config)
    hp.values.update(attention="dot", scheduled_sampling=0.5)
    changed = recipe.RECIPE.space(hp, config)
    assert (changed.attention, changed.scheduled_sampling) == ("dot", 0.5)
    assert (changed.compare, changed.sampling_schedule) == (True, "sigmoid")
    # What has no effect then, or does not fit, is left out.
    hp.values.update(attention="none", scheduled_sampling=0.0)
    changed = recipe.RECIPE.space(hp, config)
    assert (changed.compare, changed.sampling_schedule) == (False, "linear")


def test_a_folder_that_is_not_a_translator(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text((trained / "config.json").read_text())
    with pytest.raises(UserError, match="SavedModel is missing or damaged"):
        recipe.RECIPE.load(tmp_path)
