"""The translation recipe: from pairs to what is served, with and without attention."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from recipes.kit.cli import main
from recipes.kit.errors import UserError
from recipes.kit.export import for_serving
from recipes.kit.pieces import PieceTable, Vocabulary
from recipes.translation import recipe
from recipes.translation.serve import SavedTranslator, encode_all, examples, translate_all

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


@pytest.fixture(scope="module")
def trained(pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained") / "translation"
    words = ["--data", str(pairs), "--out", str(out), "--epochs", "12", "--level", "word"]
    words += ["--batch-size", "32", "--compare", "--scheduled-sampling", "0.2"]
    assert main(["train", "translation", *words, *QUICK]) == 0
    return out


def test_it_learns_and_says_so(trained: Path) -> None:
    metrics = json.loads((trained / "metrics.json").read_text())
    test, baseline = metrics["test"], metrics["baseline"]
    assert test["exact_match"] >= 0.8 and test["bleu"] >= 90 and test["chrf"] >= 90
    assert {f"greedy_{name}" for name in ("bleu", "chrf", "exact_match")} < set(test)
    # One vector for the source, and a similar source's translation, are worse.
    assert baseline["fixed_vector_bleu"] < test["bleu"]
    assert {"fixed_vector_exact_match", "fixed_vector_greedy_bleu"} < set(baseline)
    assert baseline["exact_match"] < 0.5 * test["exact_match"]
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
    source, target = (
        PieceTable(Vocabulary(lists["level"], tuple(lists[side]))) for side in ("source", "target")
    )
    model = keras.models.load_model(trained / "model.keras")
    longest = len(answer["translate"]["tokens"][0])
    ours = recipe.Translator(
        model, source, target, max_length=longest, beam_size=4, length_penalty=0.6
    )
    for row, text in enumerate(raw):
        alone = ours.beam(tf.constant([text]))
        assert answer["translate"]["translations"][row] == alone["translations"].numpy()[0].decode()
        np.testing.assert_allclose(
            answer["translate"]["scores"][row], alone["scores"].numpy()[0], rtol=1e-3, atol=1e-4
        )
    assert translate_all(ours.greedy, raw) == answer["greedy"]["translations"]


def test_what_goes_in_and_what_comes_out() -> None:
    table = PieceTable(Vocabulary("character", ("a", "b")))
    ids = encode_all(table, ["ab", "", "b"])
    assert [row.tolist() for row in ids] == [[3, 4, 2], [2], [4, 2]]
    (example,) = examples(ids[2:], ids[:1])
    assert example["source"].tolist() == [4, 2]
    assert example["target"].tolist() == [2, 3, 4]  # what is to come out is 3, 4, 2


def test_the_copy_for_serving_has_no_cudnn_and_no_dropout(pairs: Path) -> None:
    config = recipe.Config(data=str(pairs), units=4, embedding_dim=4, dropout=0.5)
    data = recipe.load_data(config)
    assert data.source.vocabulary.level == "subword"
    copy = for_serving(recipe.build(config, data))
    encoder, decoder = copy.get_layer("encoder"), copy.get_layer("decoder")
    both = encoder.get_layer("recurrent_0")
    inside = decoder.recurrence.get_layer("recurrent_0")
    assert not any(x.use_cudnn for x in (both.forward_layer, both.backward_layer, inside))
    assert "dropout" not in " ".join(
        layer.name for layer in (*encoder.layers, *decoder.recurrence.layers) if layer.weights
    )
    given = {"source": np.array([[3, 4, 2]]), "target": np.array([[2, 5]])}
    np.testing.assert_array_equal(*(copy(given, training=True).numpy() for _ in range(2)))


def test_long_pairs_are_left_out(pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = recipe.Config(data=str(pairs), level="word", max_tokens=4)
    data = recipe.load_data(config)
    assert 0 < len(data.pairs.train) < 400
    assert all(len(pair.source.split()) < 4 for pair in data.pairs.train)  # and the end
    assert "training pairs of more than 4 words" in capsys.readouterr().err
    with pytest.raises(UserError, match="--max-tokens 2: all training pairs are longer, .* 3 word"):
        recipe.load_data(recipe.Config(data=str(pairs), level="word", max_tokens=2))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--input-feeding", "--jit-compile"], "XLA cannot compile"),
        (["--compare", "--attention", "none"], "--compare needs --attention additive or dot"),
        (["--scheduled-sampling", "2"], "--scheduled-sampling must be between 0 and 1"),
        (["--beam-size", "0"], "--beam-size must be at least 1"),
        (["--columns", "1", "1"], "two different numbers"),
    ],
)
def test_wrong_options(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "translation", *words]) == 2
    assert message in capsys.readouterr().err


def test_columns_are_kept_in_the_config_file(pairs: Path, tmp_path: Path) -> None:
    from recipes.kit.options import read_config, to_json

    path = tmp_path / "config.json"
    path.write_text(json.dumps(to_json(recipe.Config(columns=(2, 1)))))
    assert read_config(recipe.Config, path, "translation").columns == (2, 1)


def test_a_trial_changes_attention_and_sampling() -> None:
    import keras_tuner

    hp = keras_tuner.HyperParameters()
    recipe.space(hp, recipe.Config())
    hp.values.update(attention="dot", scheduled_sampling=0.5)
    changed = recipe.space(hp, recipe.Config())
    assert (changed.attention, changed.scheduled_sampling) == ("dot", 0.5)


def test_a_folder_that_is_no_translator(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="SavedModel is missing or damaged"):
        SavedTranslator(tmp_path)
