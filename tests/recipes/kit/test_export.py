"""What is exported is what was trained, and runs where none of our packages, nor Keras, is."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from custom_layers import ResidualRNN
from recipes.kit.cli import main
from recipes.kit.export import for_serving, uncompiled

SENTENCES = [
    "Ada met Alan in Oslo.",
    "Grace Grace in Lima.",
    "Linus in Paris. Margaret met Ada Ada in Cairo, and Donald met nobody.",
]

#: Runs in a process where importing Keras or any package of ours fails.
ALONE = """
import json, sys
for name in ("keras", "custom_layers", "zoo", "recipes"):
    sys.modules[name] = None
import tensorflow as tf
served = tf.saved_model.load(sys.argv[1]).signatures
sentences = json.loads(sys.argv[2])
def lists(answer):
    return {
        "tokens": [[t.decode() for t in row] for row in answer["tokens"].numpy()],
        "tags": [[t.decode() for t in row] for row in answer["tags"].numpy()],
        "confidence": answer["confidence"].numpy().tolist(),
    }
inputs = {k: list(v.structured_input_signature[1]) for k, v in served.items()}
outputs = {k: sorted(v.structured_outputs) for k, v in served.items()}
ops = sorted({n.op for f in served["serving_default"].graph.as_graph_def().library.function
              for n in f.node_def})
print(json.dumps({
    "inputs": inputs, "outputs": outputs, "ops": ops,
    "all": lists(served["serving_default"](sentences=tf.constant(sentences))),
    "one": lists(served["serving_default"](sentences=tf.constant(sentences[:1]))),
    "tokens": lists(served["tag_tokens"](tokens=tf.constant([sentences[0][:-1].split() + ["."]]))),
}))
"""


def model_with_everything() -> keras.Model:
    keras.utils.set_random_seed(0)
    with pytest.warns(UserWarning, match="cuDNN"):
        return zoo.tagger(
            vocabulary_size=20,
            num_tags=3,
            word_dim=4,
            units=5,
            depth=2,
            connection="residual",
            layer_norm=True,
            dropout=0.4,
            recurrent_dropout=0.3,
            l2=0.1,
            name="everything",
        )


def some_inputs() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {
        "words": random.integers(0, 20, (3, 6)).astype("int32"),
        "characters": random.integers(0, 9, (3, 6, 4)).astype("int32"),
    }


def test_a_copy_for_serving_has_no_dropout_no_seed_and_no_cudnn():
    model = model_with_everything()
    copy = for_serving(model)
    x = some_inputs()
    want = model(x, training=False).numpy()
    np.testing.assert_allclose(copy(x, training=True).numpy(), want, rtol=1e-5, atol=1e-5)
    assert "_dropout" in str([layer.get_config() for layer in copy.layers])
    for layer in copy.layers:
        assert getattr(layer, "rate", 0) == 0
        assert getattr(layer, "dropout", 0) == 0
    recurrent = [layer.layer for layer in copy.layers if isinstance(layer, ResidualRNN)]
    assert len(recurrent) == 2
    for layer in recurrent:
        assert layer.forward_layer.use_cudnn is False
        assert layer.backward_layer.use_cudnn is False


def test_a_copy_for_serving_is_float32():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = zoo.create_model("tagger_small", units=4, word_dim=4, vocabulary_size=20)
    finally:
        keras.config.set_dtype_policy(before)
    copy = for_serving(model)
    assert {layer.compute_dtype for layer in copy.layers} == {"float32"}


def test_uncompiled_copies_have_no_optimizer():
    model = zoo.create_model("mlp_tagger_small")
    model.compile("adam", "mse")
    copy = uncompiled(model)
    assert getattr(copy, "optimizer", None) is None
    for a, b in zip(model.get_weights(), copy.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_it_runs_alone(trained, tmp_path):
    moved = tmp_path / "elsewhere"
    shutil.copytree(trained / "saved_model", moved)
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(moved), json.dumps(SENTENCES)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    alone = json.loads(done.stdout.splitlines()[-1])
    assert alone["inputs"] == {
        "serving_default": ["sentences"],
        "tag_sentences": ["sentences"],
        "tag_tokens": ["tokens"],
    }
    assert set(map(tuple, alone["outputs"].values())) == {("confidence", "tags", "tokens")}
    assert not [op for op in alone["ops"] if "Cudnn" in op or "Assign" in op or "Random" in op]

    # The same tags from the Keras model, through the lists beside it.
    labels = json.loads((trained / "labels.json").read_text())
    decoder = zoo.tag_decoder(keras.models.load_model(trained / "model.keras"))
    words = {word: index for index, word in enumerate(labels["words"], start=2)}
    letters = {letter: index for index, letter in enumerate(labels["characters"], start=2)}
    for row, tokens in enumerate(alone["all"]["tokens"]):
        tokens = [token for token in tokens if token]
        width = max(map(len, tokens))
        answer = decoder(
            {
                "words": np.array([[words.get(t.lower(), 1) for t in tokens]]),
                "characters": np.array(
                    [[[letters.get(c, 1) for c in t] + [0] * (width - len(t)) for t in tokens]]
                ),
            }
        )
        tags = [labels["tags"][index] for index in answer["tags"].numpy()[0]]
        assert alone["all"]["tags"][row][: len(tokens)] == tags
        assert alone["all"]["tags"][row][len(tokens) :] == [""] * (
            len(alone["all"]["tags"][row]) - len(tokens)
        )
        np.testing.assert_allclose(
            alone["all"]["confidence"][row][: len(tokens)],
            answer["confidence"].numpy()[0],
            rtol=1e-4,
        )
    length = len(alone["one"]["tags"][0])
    assert alone["one"]["tags"][0] == alone["all"]["tags"][0][:length]
    assert alone["tokens"]["tags"] == alone["one"]["tags"]


def test_odd_sentences_are_answered(trained):
    served = tf.saved_model.load(str(trained / "saved_model")).signatures["serving_default"]
    answer = served(sentences=tf.constant(["", "   ", "東京 ☃", "x" * 5000]))
    assert answer["tags"].shape[0] == 4
    assert not answer["tags"].numpy()[0].any()
    assert served(sentences=tf.constant([""]))["tags"].shape == (1, 0)


def test_export_savedmodel_copies_and_does_not_overwrite(trained, tmp_path, capfd):
    to = tmp_path / "copy"
    words = ["export", str(trained), "--format", "savedmodel", "--to", str(to)]
    assert main(words) == 0
    assert capfd.readouterr().out.strip() == str(to)
    assert tf.saved_model.load(str(to)).signatures["serving_default"]
    assert main(words) == 2
    assert "exists" in capfd.readouterr().err
    assert main([*words, "--overwrite"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]


def test_export_never_replaces_anything_else(trained, tmp_path, capfd):
    copy = tmp_path / "copy"
    shutil.copytree(trained, copy)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "a.tex").write_text("years of work")
    for to in (copy, tmp_path, tmp_path / "thesis"):
        words = ["export", str(copy), "--format", "savedmodel", "--to", str(to), "--overwrite"]
        assert main(words) == 2
        assert "is not such an export" in capfd.readouterr().err
    assert (copy / "model.keras").exists()
    assert (tmp_path / "thesis" / "a.tex").exists()


@pytest.mark.parametrize("length", ["0", "-1"])
def test_lengths_below_one_are_refused(trained, tmp_path, capfd, length):
    to = tmp_path / "m.tflite"
    words = ["--format", "litert", "--to", str(to), f"--length={length}"]
    assert main(["export", str(trained), *words]) == 2
    assert "--length must be at least 1" in capfd.readouterr().err


def scores_of(folder) -> tuple[dict[str, np.ndarray], np.ndarray]:
    model = for_serving(keras.models.load_model(folder / "model.keras"))
    words = np.zeros((1, 16), "int32")
    words[0, :5] = [2, 3, 4, 1, 5]
    letters = np.zeros((1, 16, 16), "int32")
    letters[0, :5, :3] = np.arange(15).reshape(5, 3) % 7 + 1
    x = {"words": words, "characters": letters}
    return x, model(x).numpy()


@pytest.mark.slow
def test_onnx(trained, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    to = tmp_path / "model.onnx"
    assert main(["export", str(trained), "--format", "onnx", "--to", str(to)]) == 0
    session = onnxruntime.InferenceSession(str(to))
    assert {i.name for i in session.get_inputs()} == {"words", "characters"}
    x, want = scores_of(trained)
    (got,) = session.run(["scores"], x)
    np.testing.assert_allclose(got[:, :5], want[:, :5], rtol=1e-4, atol=1e-4)
    (short,) = session.run(["scores"], {k: v[:, :5] for k, v in x.items()})
    assert short.shape[1] == 5


@pytest.mark.slow
def test_litert(trained, tmp_path):
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    to = tmp_path / "model.tflite"
    words = ["export", str(trained), "--format", "litert", "--to", str(to), "--length", "16"]
    assert main(words) == 0
    loaded = interpreter.Interpreter(str(to))
    x, want = scores_of(trained)
    got = loaded.get_signature_runner()(**x)["scores"]
    np.testing.assert_allclose(got[:, :5], want[:, :5], rtol=1e-4, atol=1e-4)


def test_wrong_suffix_is_refused(trained, tmp_path, capfd):
    to = tmp_path / "model.pb"
    assert main(["export", str(trained), "--format", "onnx", "--to", str(to)]) == 2
    assert "ends in .onnx" in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_missing_packages_are_named(trained, monkeypatch, capfd, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    to = tmp_path / "m.onnx"
    assert main(["export", str(trained), "--format", "onnx", "--to", str(to)]) == 2
    assert "pip install 'rnn-zoo[export]'" in capfd.readouterr().err
