"""AnyMaskLSTM and AnyMaskGRU: the contract, the equations, and where cuDNN stands in the graph."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from layer_checks import CHECKS, LayerCase

import zoo
from custom_layers import AnyMaskGRU, AnyMaskLSTM
from custom_layers.engine.masking import right_padded

pytestmark = pytest.mark.backend

CONTRACTS = {
    "lstm": LayerCase(
        AnyMaskLSTM,
        {"units": 4, "return_sequences": True, "return_state": True},
        (2, 5, 3),
        trainable_weights=3,
        output_shape=[(2, 5, 4), (2, 4), (2, 4)],
        masking="any",
        not_in_config=("use_cudnn",),  # Keras does not serialise it
    ),
    "gru": LayerCase(
        AnyMaskGRU,
        {"units": 4, "dropout": 0.1, "recurrent_dropout": 0.1},
        (2, 5, 3),
        trainable_weights=3,
        output_shape=(2, 4),
        masking="any",
        not_in_config=("use_cudnn",),
    ),
}


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("layer", CONTRACTS)
def test_contract(layer: str, name: str) -> None:
    CHECKS[name](CONTRACTS[layer])


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        ([[1, 1, 0], [1, 0, 0]], True),
        ([[1, 1, 1]], True),
        ([[0, 1, 1], [1, 1, 1]], False),
        ([[1, 0, 1]], False),
        ([[1, 1, 1], [0, 0, 0]], False),
        (np.zeros((0, 3)), False),
    ],
)
def test_right_padded(mask: Any, expected: bool) -> None:
    assert bool(ops.convert_to_numpy(right_padded(np.array(mask, bool)))) is expected


def pretend_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorFlow says that there is a GPU; its kernels are not there."""
    import tensorflow as tf

    gpu = SimpleNamespace(name="/device:GPU:0", device_type="GPU")
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda device_type=None: [gpu])


def graph_of(model: Any) -> Any:
    """The graph definition of a model."""
    import tensorflow as tf

    specs = keras.tree.map_structure(lambda x: tf.TensorSpec(x.shape, x.dtype), model.input)
    return tf.function(model).get_concrete_function(specs).graph.as_graph_def()


def ops_of(nodes: Any) -> list[str]:
    return [node.op for node in nodes]


def branches(graph: Any) -> list[tuple[str, str]]:
    """Names of the functions that are the two branches of each condition."""
    every = [*graph.node, *(node for f in graph.library.function for node in f.node_def)]
    return [
        (n.attr["then_branch"].func.name, n.attr["else_branch"].func.name)
        for n in every
        if n.op in ("If", "StatelessIf")
    ]


on_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="the graph is TensorFlow's"
)
MASKED = sorted(
    name
    for name in zoo.list_models()
    if name.startswith(("tagger", "text", "language", "series", "acoustic", "translator"))
    and zoo.model_info(name).options.get("cell", "lstm") in ("lstm", "gru")
)


@on_tensorflow
@pytest.mark.parametrize("name", MASKED)
def test_no_model_gives_cudnn_a_mask_unseen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras asserts beside cuDNN that the mask is right-padded: that must never be reached with
    another one, so both stand in the branch for right-padded masks."""
    pretend_a_gpu(monkeypatch)
    options = zoo.model_info(name).options
    small = {option: 8 for option in ("units", "word_dim", "embedding_dim") if option in options}
    graph = graph_of(zoo.create_model(name, **small))
    functions = {f.signature.name: ops_of(f.node_def) for f in graph.library.function}
    functions[""] = ops_of(graph.node)
    asserting = {name for name, ops in functions.items() if {"CudnnRNNV3", "Assert"} <= {*ops}}
    assert asserting
    assert asserting <= {by_cudnn for by_cudnn, _ in branches(graph)}
    assert all("CudnnRNNV3" not in functions[by_steps] for _, by_steps in branches(graph))


@on_tensorflow
def test_without_a_mask_cudnn_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_a_gpu(monkeypatch)
    x = keras.Input((None, 3))
    graph = graph_of(keras.Model(x, AnyMaskGRU(4)(x)))
    assert "CudnnRNNV3" in ops_of(graph.node)
    assert not branches(graph)


@on_tensorflow
@pytest.mark.parametrize("kind", [AnyMaskLSTM, AnyMaskGRU])
@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_other_masks_go_through_the_loop(
    kind: Any, dropout: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With padding on the left and an empty row the numbers are Keras's own on a CPU."""
    layer = kind(4, return_sequences=True, return_state=True, dropout=dropout, seed=1)
    x = np.random.default_rng(0).normal(size=(3, 5, 2)).astype("float32")
    mask = np.array([[0, 0, 1, 1, 1], [1, 1, 0, 1, 1], [0, 0, 0, 0, 0]], bool)
    expected = layer(x, mask=mask)
    pretend_a_gpu(monkeypatch)
    for a, b in zip(layer(x, mask=mask), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    trained = layer(x, mask=mask, training=True)[0]
    assert np.isfinite(trained).all()
