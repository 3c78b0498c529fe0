"""Decoding within a layer: compiled, saved and loaded, and as a SavedModel."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from decoding_cases import END, START
from keras import ops
from layer_checks import to_numpy

import zoo
from custom_layers import ctc_alignment
from zoo.decoding.beam import beam_search
from zoo.decoding.sampling import sample_tokens

pytestmark = pytest.mark.backend


@keras.saving.register_keras_serializable(package="test_decoding_served")
class Translator(keras.layers.Layer):
    """Decodes within `call`: beam search, or sampling where there are uniforms."""

    def __init__(self, vocabulary: int, units: int, max_length: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.vocabulary, self.units, self.max_length = vocabulary, units, max_length
        self.embedding = keras.layers.Embedding(vocabulary, units)
        self.cell = keras.layers.GRUCell(units)
        self.attention = keras.layers.Dense(units)
        self.logits = keras.layers.Dense(vocabulary)

    def get_config(self) -> dict[str, Any]:
        sizes = {name: getattr(self, name) for name in ("vocabulary", "units", "max_length")}
        return {**super().get_config(), **sizes}

    def build(self, input_shape: Any) -> None:
        self.embedding.build((None,))
        self.cell.build((None, self.units + input_shape[-1]))
        self.attention.build((None, self.units))
        self.logits.build((None, self.units))

    def compute_output_spec(self, encoded: Any) -> dict[str, Any]:
        batch, beam = encoded.shape[0], 3
        return {
            "tokens": keras.KerasTensor((batch, beam, self.max_length), "int32"),
            "scores": keras.KerasTensor((batch, beam)),
        }

    def step(self, tokens: Any, states: list[Any], context: list[Any]) -> Any:
        (encoded,), (h,) = context, states
        scores = ops.einsum("rw,rtw->rt", self.attention(h), encoded)
        seen = ops.einsum("rt,rtw->rw", ops.softmax(scores), encoded)
        h, _ = self.cell(ops.concatenate([self.embedding(tokens), seen], axis=-1), [h])
        return self.logits(h), [h]

    def call(self, encoded: Any) -> dict[str, Any]:
        tokens, scores, _ = beam_search(
            self.step,
            [ops.mean(encoded, axis=1)],
            context=[encoded],
            start_id=START,
            end_id=END,
            max_length=self.max_length,
            beam_size=3,
        )
        return {"tokens": tokens, "scores": scores}

    def sample(self, encoded: Any, uniforms: Any, **options: Any) -> dict[str, Any]:
        tokens, log_p = sample_tokens(
            self.step,
            [ops.mean(encoded, axis=1)],
            uniforms,
            context=[encoded],
            start_id=START,
            end_id=END,
            **options,
        )
        return {"tokens": tokens, "log_probability": log_p}


def translator() -> keras.Model:
    keras.utils.set_random_seed(0)
    encoded = keras.Input((None, 6), name="encoded")
    model = keras.Model(encoded, Translator(9, 6, 7, name="translator")(encoded))
    for weight in model.weights:
        weight.assign(2 * ops.convert_to_tensor(weight))
    return model


def encoded(batch: int, time: int) -> np.ndarray:
    return np.random.default_rng(time).normal(size=(batch, time, 6)).astype("float32")


def assert_same(found: Any, expected: Any) -> None:
    assert set(found) == set(expected)
    for name in expected:
        np.testing.assert_allclose(
            to_numpy(found[name]), to_numpy(expected[name]), atol=1e-5, err_msg=name
        )


@pytest.mark.parametrize("jit_compile", [False, True])
def test_within_a_compiled_model(jit_compile: bool) -> None:
    if jit_compile and keras.backend.backend() == "torch":
        pytest.skip("PyTorch runs eagerly")
    model = translator()
    model.compile(jit_compile=jit_compile)
    for batch, time in ((3, 4), (1, 5))[: 1 if jit_compile else 2]:  # each compiled anew by XLA
        x = encoded(batch, time)
        assert_same(model.predict(x, verbose=0), model.get_layer("translator")(x))


def test_saved_and_loaded(tmp_path: Path) -> None:
    model = translator()
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    x = encoded(3, 4)
    assert_same(again.predict(x, verbose=0), model.predict(x, verbose=0))


def test_shapes_and_dtypes_are_inferred_from_symbolic_inputs() -> None:
    layer = Translator(9, 6, 7)
    layer.build((None, None, 6))
    for shape in ((2, 5, 6), (None, None, 6)):
        given = keras.KerasTensor(shape)
        for name, spec in keras.Layer.compute_output_spec(layer, given).items():
            announced = layer.compute_output_spec(given)[name]
            assert (spec.shape, spec.dtype) == (announced.shape, announced.dtype)


#: Runs in a process where importing Keras or any package of ours fails.
ALONE = """
import sys
for name in ("keras", "custom_layers", "zoo", "recipes"):
    sys.modules[name] = None
import numpy as np, tensorflow as tf
served = tf.saved_model.load(sys.argv[1]).signatures
for path in sys.argv[2:]:
    given = {name: tf.constant(x) for name, x in np.load(path).items()}
    beam = served["beam"](encoded=given["encoded"])
    sampled = served["sample"](**given)
    np.savez(path, **{"beam_" + k: v for k, v in beam.items()}, **sampled)
"""


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="SavedModels are TensorFlow's")
def test_saved_model_runs_without_our_packages(tmp_path: Path) -> None:
    import tensorflow as tf

    layer = translator().get_layer("translator")
    x = tf.TensorSpec((None, None, 6), "float32", "encoded")
    settings = [
        tf.TensorSpec((None, None), "float32", "uniforms"),
        tf.TensorSpec((), "float32", "temperature"),
        tf.TensorSpec((), "int32", "top_k"),
        tf.TensorSpec((), "float32", "top_p"),
    ]

    def sample(encoded: Any, uniforms: Any, temperature: Any, top_k: Any, top_p: Any) -> Any:
        return layer.sample(encoded, uniforms, temperature=temperature, top_k=top_k, top_p=top_p)

    archive = keras.export.ExportArchive()
    archive.track(layer)
    archive.add_endpoint("beam", lambda encoded: layer(encoded), input_signature=[x])
    archive.add_endpoint("sample", sample, input_signature=[x, *settings])
    archive.write_out(str(tmp_path / "saved"), verbose=False)
    rng = np.random.default_rng(0)
    every: dict[str, dict[str, Any]] = {}
    for batch, time, length in ((3, 4, 5), (1, 6, 8)):
        path = str(tmp_path / f"{batch}.npz")
        every[path] = {
            "encoded": encoded(batch, time),
            "uniforms": rng.random((batch, length), "float32"),
            "temperature": np.float32(0.7),
            "top_k": np.int32(5),
            "top_p": np.float32(0.9),
        }
        np.savez(path, **every[path])
    words = [sys.executable, "-c", ALONE, str(tmp_path / "saved"), *every]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for path, given in every.items():
        beam = {f"beam_{name}": y for name, y in layer(given["encoded"]).items()}
        assert_same(np.load(path), {**beam, **layer.sample(**given)})


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="SavedModels are TensorFlow's")
def test_no_rows_have_no_answers() -> None:
    """In a graph, where TensorFlow's convolutions of no rows have the wrong shape."""
    import tensorflow as tf

    sizes: dict[str, Any] = {"units": 4, "cell": "gru"}
    words = {"vocabulary_size": 9, "word_dim": 3, "character_vocabulary_size": 9}
    acoustic = zoo.acoustic_model(num_labels=3, sampling_rate=8000, time_reduction=2, **sizes)
    translating = zoo.encoder_decoder(
        source_vocabulary_size=9, target_vocabulary_size=9, embedding_dim=3, **sizes
    )
    search = zoo.sequence_search(translating, start_id=2, end_id=2, max_length=4, beam_size=2)
    tagging = zoo.tag_decoder(zoo.tagger(num_tags=3, **words, **sizes))

    def transcribe(inputs: dict[str, Any]) -> list[Any]:
        logits = acoustic(inputs)
        labels, _ = zoo.ctc_greedy_search(logits)
        beams = zoo.ctc_beam_search(logits, beam_size=2)
        return [logits, labels, ctc_alignment(logits, labels), *beams]

    for model, run in ((acoustic, transcribe), (search, search), (tagging, tagging)):
        specs = {
            name: tf.TensorSpec(tensor.shape, tensor.dtype, name)
            for name, tensor in model.input.items()
        }
        graph = tf.function(lambda inputs, run=run: run(inputs), input_signature=[specs])
        for rows in (2, 0):
            inputs = {
                name: tf.ones(
                    [size or (4 if axis else rows) for axis, size in enumerate(s.shape)], s.dtype
                )
                for name, s in specs.items()
            }
            assert {y.shape[0] for y in tf.nest.flatten(graph(inputs))} == {rows}
