"""Every cell of the zoo, both directions and masked, as SavedModel, ONNX and LiteRT."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from layer_checks import disturb_weights

import zoo

TIME = 14

#: Runs in a process where importing Keras or any package of ours fails.
ALONE = """
import sys
for name in ("keras", "custom_layers", "zoo", "recipes"):
    sys.modules[name] = None
import numpy as np, tensorflow as tf
served = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
given = np.load(sys.argv[2])
np.savez(sys.argv[3], **served(x=tf.constant(given["x"]), mask=tf.constant(given["mask"])))
"""


@pytest.fixture(scope="module")
def model() -> keras.Model:
    """The cells side by side: one conversion of each kind serves them all."""
    x, mask = keras.Input((None, 3), name="x"), keras.Input((None,), dtype="bool", name="mask")
    outputs = {
        cell: keras.layers.Identity(name=cell)(
            zoo.recurrent_stack(
                x, mask=mask, cell=cell, units=4, bidirectional=True, name=f"{cell}_layer"
            )
        )
        for cell in zoo.CELLS
    }
    model = keras.Model({"x": x, "mask": mask}, outputs)
    disturb_weights(model)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Bidirectional):
            for one in (layer.forward_layer, layer.backward_layer):
                if hasattr(one, "use_cudnn"):
                    one.use_cudnn = False
    return model


def given(batch: int, time: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(time)
    mask = rng.random((batch, time)) > 0.3
    return {"x": rng.normal(size=(batch, time, 3)).astype("float32"), "mask": mask}


def assert_same(found: Any, model: keras.Model, x: dict[str, np.ndarray]) -> None:
    expected = model(x)
    assert set(found) == set(zoo.CELLS) == set(expected)
    for cell in zoo.CELLS:
        np.testing.assert_allclose(
            np.asarray(found[cell]), expected[cell], rtol=1e-4, atol=1e-4, err_msg=cell
        )


def test_saved_model_runs_without_our_packages(model: keras.Model, tmp_path: Path) -> None:
    model.export(tmp_path / "saved", verbose=False)
    for batch, time in ((2, TIME), (1, 41)):
        x = given(batch, time)
        np.savez(tmp_path / "in.npz", **x)
        words = [str(tmp_path / name) for name in ("saved", "in.npz", "out.npz")]
        done = subprocess.run([sys.executable, "-c", ALONE, *words], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert_same(np.load(tmp_path / "out.npz"), model, x)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:In the future `np.object`:FutureWarning")  # Keras's exporter
def test_onnx(model: keras.Model, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    path = str(tmp_path / "cells.onnx")
    model.export(path, format="onnx", input_signature=[signature(None, None)], verbose=False)
    session = onnxruntime.InferenceSession(path)
    names = [output.name for output in session.get_outputs()]
    for batch, time in ((2, TIME), (1, 41)):
        x = given(batch, time)
        assert_same(dict(zip(names, session.run(names, x), strict=True)), model, x)


@pytest.mark.slow
def test_litert(model: keras.Model, tmp_path: Path) -> None:
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    path = str(tmp_path / "cells.tflite")
    model.export(path, format="litert", input_signature=[signature(1, TIME)], verbose=False)
    x = given(1, TIME)
    assert_same(interpreter.Interpreter(path).get_signature_runner()(**x), model, x)


def signature(batch: int | None, time: int | None) -> dict[str, keras.InputSpec]:
    return {
        "x": keras.InputSpec(shape=[batch, time, 3], dtype="float32", name="x"),
        "mask": keras.InputSpec(shape=[batch, time], dtype="bool", name="mask"),
    }
