"""The ner recipe beyond the plumbing: constraints, word dropout, vectors, other kinds of tags."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from recipe_corpus import PLAIN, QUICK, write_corpus

from recipes.kit.cli import main
from recipes.kit.data.source import Source
from recipes.kit.errors import DataError, UserError
from recipes.kit.recipe import Run
from recipes.kit.words import word_dropout
from recipes.ner import recipe
from recipes.ner.data import Data, load_test
from recipes.ner.options import Config

CONLLU = """\
# text = The cat sat.
1\tThe\tthe\tDET\t_\t_\t2\tdet\t_\t_
2\tcat\tcat\tNOUN\t_\t_\t3\tnsubj\t_\t_
3\tsat\tsit\tVERB\t_\t_\t0\troot\t_\t_
4\t.\t.\tPUNCT\t_\t_\t3\tpunct\t_\t_

1\tA\ta\tDET\t_\t_\t2\tdet\t_\t_
2\tdog\tdog\tNOUN\t_\t_\t3\tnsubj\t_\t_
3\truns\trun\tVERB\t_\t_\t0\troot\t_\t_

"""


def test_constraints_are_iob2():
    tags = ("O", "B-A", "I-A", "B-B", "I-B")
    rules = recipe.iob2_constraints(tags)
    assert rules["allowed_starts"] == [1, 1, 0, 1, 0]
    allowed = {
        (before, after)
        for before, row in zip(tags, rules["allowed_transitions"], strict=True)
        for after, yes in zip(tags, row, strict=True)
        if yes
    }
    free = {(before, after) for before in tags for after in ("O", "B-A", "B-B")}
    assert allowed == free | {("B-A", "I-A"), ("I-A", "I-A"), ("B-B", "I-B"), ("I-B", "I-B")}


def run_of(source: Path, folder: Path, **options: Any) -> Run[Config, Data]:
    """A run of the recipe, its data loaded."""
    config = Config(data=Source.of(source), **options)
    return Run(config, recipe.load_data(config.data, config), folder, "ner")


def test_the_constraints_are_in_the_model(corpus, tmp_path):
    run = run_of(corpus, tmp_path, units=4, word_dim=4)
    assert recipe.build(run).get_layer("crf").allowed_starts is not None
    assert [layer.name for layer in recipe.build_baseline(run).layers][-1] == "scores"


def test_word_dropout_has_the_rate_it_says():
    common, rare = 2, 3
    inputs = [{"words": np.array([common] * 9 + [rare, 0, 1])}]
    change = word_dropout(inputs, 3.0)
    batch = {"words": np.tile(np.array([[common, rare, 0, 1]], np.int32), (4000, 1))}
    words = change(batch, np.random.default_rng(0))["words"]
    assert words.dtype == np.int32
    assert (words[:, 0] == 1).mean() == pytest.approx(3 / (3 + 9), abs=0.03)
    assert (words[:, 1] == 1).mean() == pytest.approx(3 / (3 + 1), abs=0.03)
    assert (words[:, 2:] == [0, 1]).all()
    assert (change(batch, np.random.default_rng(0))["words"] == words).all()
    assert (batch["words"][:, 0] == common).all()


def test_word_vectors_become_the_embedding(corpus, tmp_path):
    path = tmp_path / "vectors.txt"
    text = "london 1 2 3\nNeverseen 4 5 6\nneverseen 9 9 9\n1999 7 8 9\n"
    path.write_text(text, encoding="utf-8")
    run = run_of(corpus, tmp_path, word_vectors=path, units=4)
    matrix = recipe.build(run).get_layer("word_embedding").get_weights()[0]
    words = run.data.vocabulary.words
    np.testing.assert_array_equal(matrix[2 + words.index("london")], [1, 2, 3])
    np.testing.assert_array_equal(matrix[2 + words.index("neverseen")], [4, 5, 6])
    np.testing.assert_array_equal(matrix[2 + words.index("0000")], [7, 8, 9])
    assert matrix.shape == (len(words) + 2, 3)


def test_the_vocabulary_is_of_the_training_part_only(corpus, tmp_path):
    copy = tmp_path / "corpus"
    copy.mkdir()
    for file in corpus.iterdir():
        (copy / file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    with (copy / "test.conll").open("a", encoding="utf-8") as file:
        file.write("\nZanzibar\tB-LOC\n")
    data = run_of(copy, tmp_path).data
    assert "zanzibar" not in data.vocabulary.words
    assert "london" in data.vocabulary.words


@pytest.fixture
def parts_of_speech(tmp_path):
    corpus = tmp_path / "pos"
    corpus.mkdir()
    for split in ("train", "dev", "test"):
        (corpus / f"x-ud-{split}.conllu").write_text(CONLLU * 20, encoding="utf-8")
    return corpus


def test_parts_of_speech_may_follow_each_other_in_any_order(parts_of_speech, tmp_path):
    run = run_of(parts_of_speech, tmp_path, units=4, word_dim=4)
    assert run.data.tags == ("DET", "NOUN", "PUNCT", "VERB")
    crf = recipe.build(run).get_layer("crf")
    assert crf.allowed_starts is None and crf.allowed_transitions is None


@pytest.mark.slow
def test_parts_of_speech(parts_of_speech, tmp_path, capsys):
    out = tmp_path / "out"
    options = ["--head", "softmax", "--character-filters", "0"]
    words = ["--data", str(parts_of_speech), "--out", str(out), "--epochs", "8"]
    assert main(["train", "ner", *words, "--learning-rate", "0.02", *QUICK, *options]) == 0
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["test"]["token_accuracy"] > 0.8
    assert "entity_f1" not in metrics["test"]
    assert not (out / "plots" / "sentences.png").exists()
    capsys.readouterr()
    assert main(["evaluate", str(out)]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == metrics["test"]
    assert main(["predict", str(out), "The cat sat."]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert set(answer) == {"text", "tokens", "tags"}
    assert set(answer["tags"]) <= {"DET", "NOUN", "VERB", "PUNCT"}


@pytest.mark.slow
def test_mixed_precision_xla_and_cosine(tmp_path):
    corpus = write_corpus(tmp_path / "corpus", {"train": 32, "dev": 8, "test": 8})
    out = tmp_path / "out"
    words = ["--data", str(corpus), "--out", str(out), "--epochs", "1", *PLAIN]
    options = ["--mixed-precision", "--jit-compile", "--schedule", "cosine", "--clipvalue", "0.5"]
    assert main(["train", "ner", *words, *options]) == 0
    assert 0 <= json.loads((out / "metrics.json").read_text())["test"]["entity_f1"] <= 1


def test_evaluate_of_one_file_keeps_to_its_test_part(tmp_path, corpus):
    """A single file is split for training; all of it would be an evaluation on training data."""
    run = run_of(corpus / "train.conll", tmp_path)
    assert len(run.data.test) < 20
    assert load_test(run.config.data, run.config, "entities") == run.data.test


def test_evaluate_knows_what_kind_of_tags_the_model_has(tmp_path):
    file = tmp_path / "x.conll"
    file.write_text("Ada\tB\nspoke\tO\n", encoding="utf-8")
    (sentence,) = load_test(Source.of(file), Config(), "entities")
    assert sentence.tags == ("B-ENTITY", "O")
    file.write_text("Ada\tPROPN\nspoke\tVERB\n", encoding="utf-8")
    with pytest.raises(DataError, match="x.conll:1: tag 'PROPN' fits no scheme"):
        load_test(Source.of(file), Config(), "entities")


@pytest.mark.parametrize("field", ["token_column", "tag_column"])
def test_columns_of_the_embedded_sentences_are_refused(field):
    option = f"--{field.replace('_', '-')}"
    with pytest.raises(UserError, match=f"{option} has no effect with --data embedded"):
        Config(**{field: 1})


def test_a_dataset_has_no_column_of_tokens():
    data = Source.parse("tfds:conll2002")
    assert Config(data=data, tag_column="ner").tag_column == "ner"
    with pytest.raises(UserError, match="--token-column has no effect with --data tfds"):
        Config(data=data, token_column=1)


def test_one_answer_for_each_sentence(trained):
    predictor = recipe.RECIPE.load(trained)
    answers = list(predictor.predict(["Ada met Alan in Oslo.", " ", "Grace met Linus in Rome."]))
    assert [answer.get("text", "") for answer in answers] == [
        "Ada met Alan in Oslo.",
        "",
        "Grace met Linus in Rome.",
    ]
    assert answers[1] == {"input": " ", "error": "is empty; expected text."}


def test_wnut17_trains_as_it_is(tmp_path):
    source = Path(__file__).parents[3].parent / "shared" / "data" / "ner-wnut17"
    if not source.is_dir():
        pytest.skip("the WNUT-17 files are not beside the project")
    data = run_of(source, tmp_path).data
    assert len(data.train) == 3394
    assert len(data.tags) == 13
    assert data.tags[0] == "O"


def test_class_weights_are_for_a_loss_of_single_tags(corpus, tmp_path):
    with pytest.raises(UserError, match="--class-weight has no effect with --head crf, whose loss"):
        Config(class_weight="balanced")
    sizes = {"units": 4, "word_dim": 4, "character_filters": 0, "cell": "simple"}
    first = {}
    for weight in ("none", "balanced"):
        run = run_of(
            corpus, tmp_path / weight, head="softmax", class_weight=weight, epochs=1, **sizes
        )
        keras.utils.set_random_seed(0)
        first[weight] = recipe.train(run, recipe.build(run)).rows[0]["val_loss"]
    assert first["none"] != first["balanced"]
