"""The language_model recipe: pieces and whole texts agree, in training and as it is served."""

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
from recipes.kit.config_file import read_config
from recipes.kit.errors import DataError, UserError
from recipes.kit.vocabulary import BOUNDARY_ID, Vocabulary
from recipes.language_model import recipe
from recipes.language_model.options import Config, Predict
from recipes.language_model.serve import GeneratorPredictor
from recipes.language_model.tokens import TextTokens, learn_tokens

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
    words += ["--samples", "2"]
    assert main(["train", "language_model", *words, *QUICK]) == 0
    return out


@pytest.fixture(scope="module")
def predictor(trained: Path) -> GeneratorPredictor:
    return recipe.RECIPE.load(trained)


def test_it_learns_more_than_pairs_tell(trained: Path) -> None:
    metrics = json.loads((trained / "metrics.json").read_text())
    found = metrics["test"]
    assert found["nats_per_token"] < 0.4  # one choice of three in five letters: 0.22 + breaks
    assert metrics["baseline"]["pairs_nats_per_token"] > 0.6
    assert metrics["baseline"]["nats_per_token"] > metrics["baseline"]["pairs_nats_per_token"]
    assert found["perplexity"] == pytest.approx(np.exp(found["nats_per_token"]))
    assert found["bits_per_token"] == pytest.approx(found["nats_per_token"] / np.log(2))
    assert (trained / "plots" / "surprise.png").stat().st_size > 5_000
    samples = (trained / "samples.txt").read_text().split("<|end|>")
    assert len(samples) == 2 and "abcd" in samples[0]
    assert set(json.loads((trained / "tokens.json").read_text())) == {"level", "tokens"}
    answers = answer_rows(trained, "nats_per_token")
    blocks = sorted(answers, key=lambda row: row["input"]["token"])
    assert [row["input"] for row in blocks] == [
        {"document": 0, "token": start} for start in (0, 256, 512)
    ]
    assert [len(row["truth"]) for row in blocks] == [256, 256, 238]


def test_the_score_is_that_of_one_pass_over_the_whole_text(
    trained: Path, predictor: GeneratorPredictor, text: Path
) -> None:
    """Longer than a piece of `score`, beside a short one; every character and the end count."""
    record = json.loads((trained / "tokens.json").read_text())
    tokens = TextTokens(Vocabulary(record["level"], tuple(record["tokens"][3:])))
    model = keras.models.load_model(trained / "model.keras")
    texts = [text.read_text()[:700], "abcd acbd"]
    nats, counts = predictor.score(texts)
    assert counts.tolist() == [701, 10]
    for index, ids in enumerate(tokens.encode_all(texts)):
        whole = np.concatenate([[BOUNDARY_ID], ids, [BOUNDARY_ID]])
        states = {k: tf.zeros((1, v.shape[1])) for k, v in model.input.items() if k != "tokens"}
        logits = model({"tokens": tf.constant(whole[None, :-1]), **states})["logits"].numpy()[0]
        log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        expected = -log_p[np.arange(len(whole) - 1), whole[1:]].sum()
        assert nats[index] == pytest.approx(expected, rel=1e-4)


def test_served_alone(trained: Path, predictor: GeneratorPredictor) -> None:
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
    options = Predict(length=12, temperature=0.0, seed=9)
    assert predictor.generate(texts, options) == answer["drawn"]
    assert [predictor.generate([one], options)[0] for one in texts] == answer["drawn"]


def test_generation_depends_on_the_seed_and_its_options(predictor: GeneratorPredictor) -> None:
    draws = [predictor.generate([""] * 4, Predict(length=40, seed=seed)) for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]
    assert len({*draws[0]}) == 4
    cold = predictor.generate([""] * 4, Predict(length=40, top_k=1))
    assert len({*cold}) == 1


def test_one_answer_for_each_prompt_by_itself(predictor: GeneratorPredictor) -> None:
    options = Predict(length=12)
    answers = list(predictor.predict(["abcd ac", " ", "bdca"], options))
    assert [answer.get("prompt") for answer in answers] == ["abcd ac", None, "bdca"]
    assert answers[1] == {"input": " ", "error": "is empty; expected text."}
    assert list(predictor.predict(["bdca"], options)) == answers[2:]
    nats = predictor.nats_per_token("bdca")
    assert len(nats) == 5 and answers[2]["nats_per_token"] == round(float(nats[:-1].mean()), 4)


def test_characters_the_model_does_not_know(predictor: GeneratorPredictor) -> None:
    assert predictor.judge(["abcd "]).notes == ()
    (sentence,) = predictor.judge(["abxd ", "aba?"]).notes
    assert sentence == (
        "2 of 9 characters (22.2 %) are unknown to the model: '?' (11.1 %), x (11.1 %)."
    )


def test_predict_and_evaluate(
    trained: Path, text: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    words = ["predict", str(trained), "abcd ac", "--length", "9", "--temperature", "0"]
    assert main(words) == 0
    answer = json.loads(capsys.readouterr().out)
    assert set(answer) == {"prompt", "text", "nats_per_token"}
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
def test_onnx_reads_a_text_step_by_step(
    trained: Path, predictor: GeneratorPredictor, tmp_path: Path
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    path = tmp_path / "model.onnx"
    assert main(["export", str(trained), "--format", "onnx", "--to", str(path)]) == 0
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    assert sorted(names) == ["logits", "next_state_0"]
    known = json.loads((trained / "tokens.json").read_text())["tokens"]
    state = np.zeros((1, 24), "float32")
    ids = [BOUNDARY_ID, *map(known.index, "abcd ")]
    nats = []
    for before, after in zip(ids, ids[1:], strict=False):
        inputs = {"tokens": np.array([[before]], "int32"), "state_0": state}
        answer = dict(zip(names, session.run(None, inputs), strict=True))
        state, logits = answer["next_state_0"], answer["logits"][0, 0]
        nats.append(np.log(np.exp(logits).sum()) - logits[after])
    np.testing.assert_allclose(nats, predictor.nats_per_token("abcd ")[:-1], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_words_in_documents_of_a_line(text: Path, tmp_path: Path) -> None:
    out = tmp_path / "words"
    words = ["--data", str(text), "--out", str(out), "--epochs", "2", "--steps", "5"]
    words += ["--level", "word", "--documents", "line", "--tie-weights", "--cell", "lstm"]
    assert main(["train", "language_model", *words, *QUICK]) == 0
    record = json.loads((out / "tokens.json").read_text())
    assert set(record["tokens"][3:]) == {"abcd", "acbd", "bdca"}
    predictor = recipe.RECIPE.load(out)
    _, counts = predictor.score(["abcd acbd nothing"])
    assert counts.tolist() == [4]
    (written,) = predictor.generate(["abcd"], Predict(length=6))
    assert {*written.split()} <= {"abcd", "acbd", "bdca"}


def test_the_tokens_are_those_of_the_graph() -> None:
    texts = ["A line,\nand  another\n", "é 1"]
    cases: list[tuple[Any, list[list[str]]]] = [
        ("word", [["A", "line,", "\u23ce", "and", "another", "\u23ce"], ["é", "1"]]),
        ("character", [list(texts[0]), list(texts[1])]),
    ]
    for level, expected in cases:
        tokens = learn_tokens(texts, level, None)
        ids = TextTokens(tokens).encode_all(texts)
        names = ["", "[UNK]", "<|end|>", *tokens.pieces]
        assert [[names[i] for i in row] for row in ids] == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "--steps must be at least 1"),
        ({"vocabulary_size": 0}, "--vocabulary-size must be at least 1"),
        ({"samples": 0}, "--samples must be at least 1"),
        ({"documents": "line"}, "--documents has no effect with --data embedded"),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Config(**options)


def test_there_is_no_option_for_a_second_direction(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--bidirectional"], ["--merge-mode", "sum"], ["--initial-state", "learned"]):
        assert main(["train", "language_model", *words]) == 2
        assert "unrecognized" in capsys.readouterr().err.lower()


def test_config_files_of_earlier_versions(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    old: dict[str, Any] = {"data": "my.txt", "out": "x", "units": 7, "merge_mode": "concat"}
    old |= {"bidirectional": False, "initial_state": "zeros"}
    path.write_text(json.dumps({"recipe": "language_model", "options": old}))
    assert read_config(Config, path, "language_model").units == 7
    for name, value in (("bidirectional", True), ("initial_state", "learned")):
        path.write_text(json.dumps({"options": {**old, name: value}}))
        with pytest.raises(DataError, match=f"option '{name}', which must be"):
            read_config(Config, path, "language_model")


def test_a_trial_stays_in_one_direction() -> None:
    import keras_tuner

    hp = keras_tuner.HyperParameters()
    recipe.space(hp, Config())
    assert "bidirectional" not in hp.values
    assert set(hp.values) >= {"depth", "clip", "cell"}
