"""Language models: pieces equal the whole, the gradient ends at a piece, nothing is seen ahead."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from compiled import apply
from keras import ops
from layer_checks import disturb_weights, to_numpy

import zoo

pytestmark = pytest.mark.backend

VOCABULARY, BATCH, TIME = 11, 3, 12


def build(**options: Any) -> keras.Model:
    keras.utils.set_random_seed(0)
    model = zoo.language_model(
        **{"vocabulary_size": VOCABULARY, "embedding_dim": 6, "units": 5, **options}
    )
    disturb_weights(model)
    return model


def tokens(seed: int = 0, batch: int = BATCH, time: int = TIME) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, VOCABULARY, (batch, time)).astype("int32")


def start(model: keras.Model, batch: int = BATCH) -> dict[str, np.ndarray]:
    return {
        name: ops.zeros((batch, tensor.shape[-1]))
        for name, tensor in model.input.items()
        if name != "tokens"
    }


def read(model: keras.Model, ids: np.ndarray, states: dict[str, Any]) -> tuple[Any, dict]:
    found = apply(model, {"tokens": ops.convert_to_tensor(ids), **states})
    return to_numpy(found["logits"]), {name: found[name] for name in states}


STACKS = [
    {"cell": "lstm", "depth": 2},
    {"cell": "gru", "depth": 2, "connection": "residual", "layer_norm": True},
    {"cell": "delay", "cell_options": {"delays": [1, 3]}},
    {"cell": "lmu", "connection": "dense", "depth": 2, "units": 4},
    {"cell": "lru"},
    {"cell": "gru", "tie_weights": True, "dropout": 0.3, "variational_dropout": True},
]


@pytest.mark.parametrize("options", STACKS)
def test_pieces_equal_the_whole(options: dict[str, Any]) -> None:
    model, ids = build(**options), tokens()
    whole, end = read(model, ids, start(model))
    states, pieces = start(model), []
    for piece in np.split(ids, [1, 2, 7], axis=1):
        logits, states = read(model, piece, states)
        pieces.append(logits)
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), whole, rtol=1e-4, atol=1e-5)
    for name, state in end.items():
        np.testing.assert_allclose(to_numpy(states[name]), to_numpy(state), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("options", STACKS)
def test_nothing_is_seen_ahead(options: dict[str, Any]) -> None:
    """A text beside those that differ from it in one place each."""
    model, ids = build(**options), np.repeat(tokens(batch=1), TIME + 1, axis=0)
    places = np.arange(TIME)
    ids[places, places] = ids[places, places] % (VOCABULARY - 1) + 1
    found, _ = read(model, ids, start(model, TIME + 1))
    changed = np.abs(found[:-1] - found[-1]).max(axis=2) > 1e-6
    assert not np.tril(changed, -1).any()
    assert changed.diagonal().all()


def test_padding_leaves_the_states_as_they_are() -> None:
    model, ids = build(cell="lstm"), tokens()
    _, states = read(model, ids, start(model))
    _, again = read(model, np.pad(ids, ((0, 0), (0, 4))), start(model))
    for name, state in states.items():
        np.testing.assert_allclose(to_numpy(again[name]), to_numpy(state), rtol=1e-5, atol=1e-6)


def test_carried_states_go_on_and_start_afresh() -> None:
    model, ids = build(cell="lstm", depth=2), tokens()
    reader = zoo.TruncatedBPTT(model, BATCH)
    fresh = np.zeros((BATCH, 1), "float32")
    whole, _ = read(model, ids, start(model))
    found = [to_numpy(reader({"tokens": piece, "fresh": fresh})) for piece in np.split(ids, 3, 1)]
    np.testing.assert_allclose(np.concatenate(found, axis=1), whole, rtol=1e-4, atol=1e-5)
    fresh[1] = 1  # the second row starts a new text
    found = to_numpy(reader({"tokens": ids[:, :4], "fresh": fresh}))
    np.testing.assert_allclose(found[1], whole[1, :4], rtol=1e-4, atol=1e-5)
    assert np.abs(found[[0, 2]] - whole[[0, 2], :4]).max() > 1e-3


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="uses tf.GradientTape")
def test_the_gradient_ends_at_the_edge_of_a_piece() -> None:
    """That of the second piece is the gradient with the carried states taken as numbers, and
    differs from that of the whole."""
    import tensorflow as tf

    model, ids = build(cell="gru"), tokens()
    weights = [w.value for w in model.trainable_weights]
    first, second = np.split(ids, 2, axis=1)

    def gradients(logits: Any) -> list[np.ndarray]:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.sin(logits()))
        return [np.asarray(tf.convert_to_tensor(g)) for g in tape.gradient(loss, weights)]

    reader = zoo.TruncatedBPTT(model, BATCH)
    fresh = np.zeros((BATCH, 1), "float32")

    def carried() -> Any:
        reader.states[0].assign(np.zeros(reader.states[0].shape))
        reader({"tokens": first, "fresh": fresh})
        return reader({"tokens": second, "fresh": fresh})

    def by_hand(cut: bool) -> Any:
        state = model({"tokens": tf.constant(first), **start(model)})["state_0"]
        state = tf.stop_gradient(state) if cut else state
        return model({"tokens": tf.constant(second), "state_0": state})["logits"]

    found, cut, whole = (
        gradients(f) for f in (carried, lambda: by_hand(True), lambda: by_hand(False))
    )
    for a, b in zip(found, cut, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    assert max(np.abs(a - b).max() for a, b in zip(found, whole, strict=True)) > 1e-2


def test_it_is_fitted_with_carried_states() -> None:
    """To say the token before the last one, which for the first of a piece was in another piece."""
    ids = np.random.default_rng(0).integers(1, 5, (8, 400)).astype("int32")
    keras.utils.set_random_seed(0)
    model = zoo.language_model(vocabulary_size=5, embedding_dim=8, units=16, cell="gru")
    reader = zoo.TruncatedBPTT(model, 8).as_model()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
    reader.compile(keras.optimizers.Adam(0.03), loss)
    pieces = [slice(start, start + 4) for start in range(1, 397, 4)]

    def inputs(piece: slice, fresh: float) -> dict[str, np.ndarray]:
        return {"tokens": ids[:, piece], "fresh": np.full((8, 1), fresh, "float32")}

    for piece in pieces:
        before = slice(piece.start - 1, piece.stop - 1)
        reader.train_on_batch(inputs(piece, 0.0), ids[:, before])
    for fresh, right in ((0.0, True), (1.0, False)):
        found = [
            reader.predict_on_batch(inputs(piece, fresh))[:, 0].argmax(-1) for piece in pieces[1:]
        ]
        share = np.mean([f == ids[:, p.start - 1] for f, p in zip(found, pieces[1:], strict=True)])
        assert share > 0.95 if right else share < 0.5


def test_variational_dropout_drops_the_same_at_every_step() -> None:
    x = keras.Input((None, 6))
    y = zoo.recurrent_stack(
        x, cell="simple", units=6, dropout=0.5, variational_dropout=True, connection="residual"
    )
    model = keras.Model(x, y)
    last = to_numpy(model(np.ones((4, 9, 6), "float32"), training=True)) == 0
    np.testing.assert_array_equal(last, np.repeat(last[:, :1], 9, axis=1))
    assert 0.1 < last.mean() < 0.9


def test_tied_weights_are_one_matrix() -> None:
    model = build(cell="gru", tie_weights=True)
    shapes = [tuple(w.shape) for w in model.weights]
    assert shapes.count((VOCABULARY, 6)) == 1 and (6, VOCABULARY) not in shapes
    assert (5, 6) in shapes  # the projection to the width of the embedding
    assert len(build(cell="gru", tie_weights=True, units=6).weights) == len(shapes) - 1


@pytest.mark.parametrize("tie_weights", [False, True])
def test_saved_and_loaded(tie_weights: bool, tmp_path: Any) -> None:
    model = build(cell="lstm", tie_weights=tie_weights)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    for a, b in zip(
        keras.tree.flatten(
            apply(model, {"tokens": ops.convert_to_tensor(tokens()), **start(model)})
        ),
        keras.tree.flatten(
            apply(again, {"tokens": ops.convert_to_tensor(tokens()), **start(again)})
        ),
        strict=True,
    ):
        np.testing.assert_allclose(to_numpy(a), to_numpy(b), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bidirectional": True}, "has already seen the token to predict"),
        ({"initial_state": "learned"}, "`initial_state` must be 'zeros'"),
        ({"cell": "ltsm"}, "`cell` must be one of"),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        zoo.language_model(**options)


def test_carried_stack_wants_its_states() -> None:
    x = keras.Input((None, 3))
    with pytest.raises(ValueError, match=r"2 tensors of the sizes \[4, 4\], found 1"):
        zoo.carried_stack(x, [keras.Input((4,))], cell="lstm", units=4)
    with pytest.raises(ValueError, match="`bidirectional` must be false"):
        zoo.carried_stack(x, [], bidirectional=True)
    assert ops.shape(zoo.carried_stack(x, [keras.Input((4,))], cell="gru", units=4)[0])[-1] == 4


def test_a_smaller_batch_is_refused() -> None:
    """One row alone would be broadcast to the states of all."""
    reader = zoo.TruncatedBPTT(build(cell="leaky"), BATCH)
    for rows in (1, BATCH + 1):
        piece = {"tokens": tokens(batch=rows), "fresh": np.zeros((rows, 1), "float32")}
        with pytest.raises(ValueError, match=f"`tokens` must have {BATCH} rows.*found {rows}"):
            reader(piece)
    trainer = reader.as_model()
    trainer.compile(loss="mse")  # which would broadcast as well
    piece = {"tokens": tokens(batch=BATCH + 1), "fresh": np.zeros((BATCH + 1, 1), "float32")}
    unknown: Any = ValueError
    if keras.backend.backend() == "tensorflow":  # in a graph, where the number is not known
        import tensorflow as tf

        unknown = tf.errors.InvalidArgumentError
    with pytest.raises(unknown):
        trainer.fit(piece, np.zeros((BATCH + 1, TIME, 1)), batch_size=BATCH, verbose=0)
