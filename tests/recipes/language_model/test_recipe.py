"""The language_model recipe: pieces and whole texts agree, in training and as it is served."""

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
from recipes.language_model import recipe
from recipes.language_model.serve import BOUNDARY_ID, Generator, SavedGenerator, Tokens

QUICK = ["--units", "24", "--embedding-dim", "8", "--learning-rate", "0.02", "--batch-size", "4"]

#: Runs where importing Keras or any package of ours fails.
ALONE = """
import json, sys
for name in ("keras", "custom_layers", "zoo", "recipes"):
    sys.modules[name] = None
import tensorflow as tf
served = tf.saved_model.load(sys.argv[1]).signatures
texts = json.loads(sys.argv[2])
scored = served["serving_default"](texts=tf.constant(texts))
states = {
    name: tf.zeros([len(texts), spec.shape[1]])
    for name, spec in served["step"].structured_input_signature[1].items()
    if name.startswith("state_")
}
walked, token = [], [""] * len(texts)
for step in range(4):
    answer = served["step"](tokens=tf.constant(token), **states)
    states = {name: answer[name] for name in states}
    walked.append(answer["log_probabilities"].numpy().tolist())
    token = [text[step] for text in texts]
options = dict(length=tf.constant(12), top_k=tf.constant(0), top_p=tf.constant(1.0))
options |= dict(seed=tf.constant(3), temperature=tf.constant(0.0))
print(json.dumps({
    "names": sorted(served),
    "nats": scored["nats"].numpy().tolist(),
    "tokens": scored["tokens"].numpy().tolist(),
    "each": scored["nats_per_token"].numpy().tolist(),
    "walked": walked,
    "drawn": [t.decode() for t in served["generate"](prompts=tf.constant(texts), **options)
              ["texts"].numpy()],
}))
"""


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Words over and over; which comes next takes more than one letter to know."""
    rng = np.random.default_rng(0)
    words = rng.choice(["abcd", "acbd", "bdca"], size=1500)
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("".join(f"{word} " if i % 9 else f"{word}\n" for i, word in enumerate(words)))
    return path


@pytest.fixture(scope="module")
def trained(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained") / "lm"
    words = ["--data", str(text), "--out", str(out), "--epochs", "4", "--steps", "20"]
    assert main(["train", "language_model", *words, *QUICK]) == 0
    return out


def generator_of(folder: Path) -> Generator:
    record = json.loads((folder / "tokens.json").read_text())
    tokens = Tokens(record["level"], tuple(record["tokens"][3:]))
    return Generator(keras.models.load_model(folder / "model.keras"), tokens)


def test_it_learns_more_than_pairs_tell(trained: Path) -> None:
    metrics = json.loads((trained / "metrics.json").read_text())
    found = metrics["test"]
    assert found["nats_per_token"] < 0.4  # one choice of three in five letters: 0.22 + breaks
    assert metrics["baseline"]["pairs_nats_per_token"] > 0.6
    assert metrics["baseline"]["nats_per_token"] > metrics["baseline"]["pairs_nats_per_token"]
    assert found["perplexity"] == pytest.approx(np.exp(found["nats_per_token"]))
    assert found["bits_per_token"] == pytest.approx(found["nats_per_token"] / np.log(2))
    assert (trained / "plots" / "surprise.png").stat().st_size > 5_000
    assert "abcd" in (trained / "samples.txt").read_text()


def test_the_score_is_that_of_one_pass_over_the_whole_text(trained: Path, text: Path) -> None:
    """Longer than a piece of `score`, beside a short one; every character and the end count."""
    generator, served = generator_of(trained), SavedGenerator(trained / "saved_model")
    texts = [text.read_text()[:700], "abcd acbd"]
    nats, counts = served.score(texts)
    assert counts.tolist() == [701, 10]
    for index, one in enumerate(texts):
        ids = generator.encode(tf.constant([one])).flat_values.numpy()
        whole = np.concatenate([[BOUNDARY_ID], ids, [BOUNDARY_ID]])
        states = {k: np.zeros((1, v), "float32") for k, v in generator._sizes.items()}
        inputs = {"tokens": whole[None, :-1], **states}
        logits = generator._model({name: tf.constant(value) for name, value in inputs.items()})[
            "logits"
        ].numpy()[0]
        log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        expected = -log_p[np.arange(len(whole) - 1), whole[1:]].sum()
        assert nats[index] == pytest.approx(expected, rel=1e-4)


def test_served_alone(trained: Path) -> None:
    texts = ["abcd acb", "bdca abc"]
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(trained / "saved_model"), json.dumps(texts)],
        capture_output=True,
        text=True,
        check=True,
    )
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["names"] == ["generate", "score", "serving_default", "step"]
    assert answer["tokens"] == [9, 9]
    known = json.loads((trained / "tokens.json").read_text())["tokens"]
    for row, one in enumerate(texts):
        for step in range(4):
            stepped = -answer["walked"][step][row][known.index(one[step])]
            assert stepped == pytest.approx(answer["each"][row][step], abs=1e-4)
        assert answer["drawn"][row][0] == "d"  # both have to end their word
    served = SavedGenerator(trained / "saved_model")
    assert served.generate(texts, 12, temperature=0.0, seed=9) == answer["drawn"]
    alone = [served.generate([one], 12, temperature=0.0)[0] for one in texts]
    assert alone == answer["drawn"]


def test_generation_depends_on_the_seed_and_its_options(trained: Path) -> None:
    served = SavedGenerator(trained / "saved_model")
    draws = [served.generate([""] * 4, 40, seed=seed) for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]
    assert len({*draws[0]}) == 4
    cold = served.generate([""] * 4, 40, top_k=1)
    assert len({*cold}) == 1


def test_predict_and_evaluate(
    trained: Path, text: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    words = ["predict", str(trained), "abcd ac", "--length", "9", "--temperature", "0"]
    assert main(words) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["prompt"] == "abcd ac" and answer["text"].startswith("bd")
    assert len(answer["text"]) == 9
    assert main(["predict", str(trained), "abcd", "--top-p", "0"]) == 2
    assert "--top-p must be above 0 and at most 1" in capsys.readouterr().err
    assert main(["evaluate", str(trained)]) == 0
    test = json.loads((trained / "metrics.json").read_text())["test"]
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == pytest.approx(test)
    assert main(["evaluate", str(trained), "--data", str(text)]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["nats_per_token"] < 0.5


@pytest.mark.slow
def test_words_in_documents_of_a_line(text: Path, tmp_path: Path) -> None:
    out = tmp_path / "words"
    words = ["--data", str(text), "--out", str(out), "--epochs", "2", "--steps", "5"]
    words += ["--level", "word", "--documents", "line", "--tie-weights", "--cell", "lstm"]
    assert main(["train", "language_model", *words, *QUICK]) == 0
    record = json.loads((out / "tokens.json").read_text())
    assert set(record["tokens"][3:]) == {"abcd", "acbd", "bdca"}
    served = SavedGenerator(out / "saved_model")
    _, counts = served.score(["abcd acbd nothing"])
    assert counts.tolist() == [4]
    (written,) = served.generate(["abcd"], 6)
    assert {*written.split()} <= {"abcd", "acbd", "bdca"}


def test_the_tokens_are_those_of_the_graph() -> None:
    texts = ["A line,\nand  another\n", "é 1"]
    for level, expected in (
        ("word", [["A", "line,", "\u23ce", "and", "another", "\u23ce"], ["é", "1"]]),
        ("character", [list(texts[0]), list(texts[1])]),
    ):
        tokens = Tokens.of(texts, level, None)
        model = recipe.zoo.language_model(
            vocabulary_size=tokens.count, embedding_dim=4, units=4, cell="gru"
        )
        ids = Generator(model, tokens).encode(tf.constant(texts)).to_list()
        names = ["", "[UNK]", "<|end|>", *tokens.known]
        assert [[names[i] for i in row] for row in ids] == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bidirectional": True}, "has seen the token that is to be predicted"),
        ({"initial_state": "learned"}, "--initial-state must be zeros"),
        ({"steps": 0}, "--steps must be at least 1"),
        ({"vocabulary_size": 0}, "--vocabulary-size must be at least 1"),
    ],
)
def test_wrong_options(options: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        recipe.Config(**options)


def test_a_trial_stays_in_one_direction() -> None:
    import keras_tuner

    hp = keras_tuner.HyperParameters()
    config = recipe.space(hp, recipe.Config())
    assert not config.bidirectional and "bidirectional" not in hp.values
    assert set(hp.values) >= {"depth", "clip", "cell"}
