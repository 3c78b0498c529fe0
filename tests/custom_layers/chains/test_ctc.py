"""CTC against the sum over all paths, and against a forward recursion in float64."""

from __future__ import annotations

import itertools
from typing import Any

import keras
import numpy as np
import pytest
from compiled import jitted
from keras import ops
from layer_checks import to_numpy

from custom_layers import (
    CTCLoss,
    blank_where_masked,
    ctc_alignment,
    ctc_log_likelihood,
    ctc_occupancy,
)

pytestmark = pytest.mark.backend

CLASSES = 4
LABELS = np.array([[1, 1, 2], [3, 0, 0], [2, 3, -1], [-1, -1, -1]])
LENGTHS = np.array([5, 3, 4, 2])


def random_logits(rows: int = 4, frames: int = 5, classes: int = CLASSES, seed: int = 0):
    return np.random.default_rng(seed).normal(0, 1.5, (rows, frames, classes)).astype("float32")


def log_softmax(x: np.ndarray) -> np.ndarray:
    x = x.astype("float64")
    return (
        x
        - np.log(np.exp(x - x.max(-1, keepdims=True)).sum(-1, keepdims=True))
        - x.max(-1, keepdims=True)
    )


def spoken(path: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(label for label, _ in itertools.groupby(path) if label)


def paths_of(labels: list[int], log_probs: np.ndarray):
    """Every path of the labels over the frames, with its log-probability."""
    frames, classes = log_probs.shape
    for path in itertools.product(range(classes), repeat=frames):
        if spoken(path) == tuple(labels):
            yield path, float(sum(log_probs[t, c] for t, c in enumerate(path)))


def forward(labels: list[int], log_probs: np.ndarray) -> float:
    """The forward recursion of Graves et al., a state at a time, in float64 probabilities."""
    states = [0]
    for label in labels:
        states += [label, 0]
    p = np.exp(log_probs)
    alpha = np.zeros(len(states))
    alpha[:2] = p[0, states[:2]]
    for t in range(1, len(p)):
        new = np.zeros_like(alpha)
        for s, label in enumerate(states):
            new[s] = alpha[s] + (alpha[s - 1] if s else 0.0)
            if s > 1 and label and label != states[s - 2]:
                new[s] += alpha[s - 2]
            new[s] *= p[t, label]
        alpha = new
    return float(np.log(alpha[-2:].sum()))


def rows(logits: np.ndarray):
    """Labels and log-probabilities of each row, without padding."""
    for row, length in enumerate(LENGTHS):
        yield [k for k in LABELS[row] if k > 0], log_softmax(logits[row, :length])


def marked(logits: np.ndarray) -> np.ndarray:
    mask = np.arange(logits.shape[1]) < LENGTHS[:, None]
    return to_numpy(blank_where_masked(np.where(mask[:, :, None], logits, 99.0), mask))


def test_likelihood_is_the_sum_over_all_paths() -> None:
    logits = random_logits()
    found = to_numpy(jitted(ctc_log_likelihood)(marked(logits), LABELS))
    for value, (labels, log_probs) in zip(found, rows(logits), strict=True):
        want = np.log(sum(np.exp(p) for _, p in paths_of(labels, log_probs)))
        assert value == pytest.approx(want, abs=1e-5)


@pytest.mark.parametrize(("frames", "length"), [(30, 9), (80, 12)])
def test_long_clips(frames: int, length: int) -> None:
    logits = random_logits(3, frames, 7)
    labels = np.random.default_rng(1).integers(1, 7, (3, length))
    found = to_numpy(jitted(ctc_log_likelihood)(logits, labels))
    want = [forward(list(a), log_softmax(b)) for a, b in zip(labels, logits, strict=True)]
    np.testing.assert_allclose(found, want, rtol=1e-5)
    counts = np.full(3, length)
    theirs = ops.ctc_loss(labels, logits, counts, np.full(3, frames))
    np.testing.assert_allclose(-found, to_numpy(theirs), rtol=1e-4)


def test_padding_of_frames_and_labels_changes_nothing() -> None:
    logits = marked(random_logits())
    more = np.pad(random_logits(), ((0, 0), (0, 4), (0, 0)))
    mask = np.arange(9) < LENGTHS[:, None]
    more = blank_where_masked(more, mask)
    wider = np.pad(LABELS, ((0, 0), (0, 3)), constant_values=-1)
    np.testing.assert_allclose(
        to_numpy(ctc_log_likelihood(logits, LABELS)),
        to_numpy(ctc_log_likelihood(more, wider)),
        rtol=1e-5,
    )


def test_occupancy_is_the_posterior_of_the_paths() -> None:
    logits = random_logits()
    _, found = jitted(ctc_occupancy)(marked(logits), LABELS)
    found = to_numpy(found)
    np.testing.assert_allclose(found.sum(axis=-1), 1, atol=1e-5)
    for row, (labels, log_probs) in enumerate(rows(logits)):
        want = np.zeros_like(log_probs)
        for path, p in paths_of(labels, log_probs):
            want[np.arange(len(path)), path] += np.exp(p)
        np.testing.assert_allclose(
            found[row, : len(want)], want / want[0].sum(), rtol=1e-4, atol=1e-6
        )
        assert (found[row, len(want) :, 0] == 1).all()


def gradient(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Of the summed loss, by the gradient of a layer whose weights are the logits."""

    class Logits(keras.layers.Layer):
        def build(self, shape):
            self.value = self.add_weight(shape=logits.shape, initializer="zeros")

        def call(self, x):
            return self.value + 0 * ops.sum(x)

    layer = Logits()
    x = keras.Input((1,), batch_size=len(logits))
    model = keras.Model(x, layer(x))
    layer.value.assign(logits)
    jit = keras.backend.backend() == "jax"
    model.compile(keras.optimizers.SGD(1.0), CTCLoss(reduction="sum"), jit_compile=jit)
    model.train_on_batch(np.zeros((len(logits), 1)), labels)
    return logits - to_numpy(layer.value)


def test_gradient_against_differences() -> None:
    logits = random_logits()
    marks = marked(logits)
    found = gradient(marks, LABELS)
    for row, (labels, _) in enumerate(rows(logits)):
        length = LENGTHS[row]
        for t, c in itertools.product(range(length), range(CLASSES)):
            values = []
            for sign in (1, -1):
                other = logits[row, :length].astype("float64").copy()
                other[t, c] += sign * 1e-4
                values.append(-forward(labels, log_softmax(other)))
            assert found[row, t, c] == pytest.approx((values[0] - values[1]) / 2e-4, abs=1e-3)
        assert (found[row, length:] == 0).all()


def test_too_few_frames() -> None:
    logits = random_logits()
    labels = np.array([[1, 2, 3], [1, 1, 0], [1, 2, 3], [1, 2, 0]])  # need 3, 3, 3 and 2 frames
    assert np.isfinite(to_numpy(ctc_log_likelihood(marked(logits), labels))).all()
    labels = np.array([[1, 1, 1], [1, 1, 2], [1, 2, 2], [1, 1, 0]])  # need 5, 4, 4 and 3
    found = to_numpy(ctc_log_likelihood(marked(logits), labels))
    assert np.isfinite(found).tolist() == [True, False, True, False]
    assert to_numpy(CTCLoss(reduction=None)(labels, marked(logits)))[1] == np.inf
    assert to_numpy(CTCLoss(True, reduction=None)(labels, marked(logits)))[1] == 0
    slopes = gradient(marked(logits), labels)
    assert (slopes[[1, 3]] == 0).all() and np.abs(slopes[[0, 2]]).max() > 0


def test_extreme_logits() -> None:
    logits = 200.0 * random_logits()
    found = to_numpy(ctc_log_likelihood(marked(logits), LABELS))
    for value, (labels, log_probs) in zip(found, rows(logits), strict=True):
        best = max(p for _, p in paths_of(labels, log_probs))
        assert value == pytest.approx(best, rel=1e-4, abs=2.0)


def test_classes_that_are_ruled_out() -> None:
    """By logits of minus infinity, which are what frames beyond the end have in float16."""
    logits = random_logits(2, 4)
    logits[:, :, 3] = -np.inf
    logits[:, 2, 2] = -np.inf
    labels = np.array([[1, 2], [1, 3]])
    rest = log_softmax(logits[0, :, :3])
    want = np.log(sum(np.exp(p) for path, p in paths_of([1, 2], rest)))
    found = to_numpy(jitted(ctc_log_likelihood)(logits, labels))
    np.testing.assert_allclose(found[0], want, rtol=1e-5)
    assert np.isneginf(found[1])
    occupancy = to_numpy(jitted(ctc_occupancy)(logits, labels)[1])
    np.testing.assert_allclose(occupancy[0].sum(axis=-1), 1, atol=1e-5)
    assert not occupancy[0, :, 3].any() and not occupancy[0, 2, 2] and not occupancy[1].any()
    with np.errstate(invalid="ignore"):  # where it is ruled out
        assert np.isfinite(gradient(logits, labels)[0, :, :2]).all()
    half = blank_where_masked(logits[:1, :, :3].astype("float16"), np.arange(4)[None] < 4)
    longer = np.pad(logits[:1, :, :3].astype("float16"), ((0, 0), (0, 2), (0, 0)))
    longer = blank_where_masked(longer, np.arange(6)[None] < 4)
    short, padded = (to_numpy(ctc_log_likelihood(x, labels[:1])) for x in (half, longer))
    np.testing.assert_allclose(padded, short, rtol=1e-5)


def test_alignment_is_the_best_path() -> None:
    for seed in range(3):
        logits = random_logits(seed=seed)
        found = to_numpy(jitted(ctc_alignment)(marked(logits), LABELS))
        for row, (labels, log_probs) in enumerate(rows(logits)):
            path, _ = max(paths_of(labels, log_probs), key=lambda pair: pair[1])
            length = len(path)
            numbers = found[row]
            assert (numbers[length:] == 0).all()
            said = [0, *labels]
            assert tuple(said[n] for n in numbers[:length]) == path
            assert [n for n, _ in itertools.groupby(numbers) if n] == list(
                range(1, len(labels) + 1)
            )


def test_loss_is_saved() -> None:
    loss = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(CTCLoss(zero_infinity=True))
    )
    assert isinstance(loss, CTCLoss) and loss.zero_infinity


def test_a_graph_for_any_length() -> None:
    if keras.backend.backend() != "tensorflow":
        pytest.skip("a graph of unknown shapes is TensorFlow's")
    import tensorflow as tf

    signature = [tf.TensorSpec([None, None, CLASSES]), tf.TensorSpec([None, None], tf.int32)]
    for function in (ctc_log_likelihood, ctc_alignment):
        graph = tf.function(function, input_signature=signature)
        for logits, labels in (
            (marked(random_logits()), LABELS),
            (random_logits(2, 30), np.ones((2, 7), int)),
        ):
            np.testing.assert_allclose(
                graph(logits, labels.astype("int32")).numpy(),
                to_numpy(function(logits, labels)),
                rtol=1e-5,
            )


def test_wrong_shapes() -> None:
    with pytest.raises(ValueError, match="`logits` must have shape \\(batch, frames, classes\\)"):
        ctc_log_likelihood(np.zeros((2, 3), "float32"), LABELS)
    with pytest.raises(ValueError, match="`labels` must have shape \\(batch, length\\)"):
        ctc_log_likelihood(random_logits(), np.array([1, 2]))


@pytest.mark.parametrize("compiled", [False, True])
def test_labels_beyond_the_classes_make_their_row_nan(compiled: bool) -> None:
    """XLA would take the last class for them, and give a likelihood."""
    logits, labels = random_logits(rows=2), np.array([[1, CLASSES], [1, 2]])

    def function(logits: Any, labels: Any) -> Any:
        return ctc_log_likelihood(logits, labels)

    if compiled and keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        function = tf.function(function, jit_compile=True)
    elif compiled:
        function = jitted(function)
    found = ops.convert_to_numpy(
        function(ops.convert_to_tensor(logits), ops.convert_to_tensor(labels))
    )
    assert np.isnan(found[0])
    assert np.isfinite(found[1])


def test_weights_are_one_for_each_clip() -> None:
    logits, labels = random_logits(rows=3), np.array([[1, 2, 0], [1, 1, 0], [2, 0, 0]])
    each = to_numpy(CTCLoss(reduction=None)(labels, logits))
    weights = np.array([1.0, 0.0, 3.0], "float32")
    for shape in ((3,), (3, 1)):
        found = float(to_numpy(CTCLoss(reduction="sum")(labels, logits, weights.reshape(shape))))
        assert found == pytest.approx((each * weights).sum(), rel=1e-5)
    with pytest.raises(ValueError, match=r"`sample_weight` must have a weight for each example"):
        CTCLoss()(labels, logits, np.ones((3, 3), "float32"))
    with pytest.raises(ValueError, match=f"`y_true` must be below {CLASSES}, found {CLASSES}"):
        CTCLoss()(np.array([[1, CLASSES]] * 3), logits)
