"""Connectionist temporal classification: labels for a sequence of unknown alignment.

A path assigns each frame a label or blank, which is class 0. Merging repetitions and then dropping
blanks leaves its labels: `- a a - a b b` stands for `a a b`. The probability of labels is the sum
over all their paths, computed by dynamic programming over a lattice of `2 L + 1` states: blank,
first label, blank, ..., last label, blank.

A clip may be shorter than its batch. Frames beyond its end are certainly blank
(`blank_where_masked`) and add nothing to any path, so that loss, search and alignment are those of
the true length, and logits can be passed on without lengths.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from custom_layers.engine.checks import require_classes, require_example_weights
from custom_layers.engine.precision import IMPOSSIBLE
from custom_layers.engine.tensor import Tensor

CERTAIN = -1e9
"""Logit of every label at a frame that is certainly blank."""

INFEASIBLE = -1e8
"""Log-probabilities below this mean a label at a frame that is certainly blank, or a class that the
model rules out."""


def blank_where_masked(logits: Tensor, mask: Tensor) -> Tensor:
    """Make masked frames certainly blank.

    Args:
        logits: `(batch, frames, classes)`, blank first.
        mask: Booleans `(batch, frames)`, `True` at valid frames.

    Example:

    >>> import keras, numpy as np
    >>> logits = np.ones((1, 2, 3), "float32")
    >>> marked = blank_where_masked(logits, np.array([[True, False]]))
    >>> np.exp(keras.ops.convert_to_numpy(keras.ops.log_softmax(marked)))[0, 1].tolist()
    [1.0, 0.0, 0.0]
    """
    dtype = keras.backend.standardize_dtype(logits.dtype)
    never = -float("inf") if dtype == "float16" else CERTAIN  # beyond the range of float16
    labels = ops.full_like(logits[:, :, 1:], never)
    blank = ops.concatenate([ops.zeros_like(logits[:, :, :1]), labels], axis=-1)
    return ops.where(mask[:, :, None], logits, blank)


def ctc_log_likelihood(logits: Tensor, labels: Tensor) -> Tensor:
    """Log-probability of labels: the log of the sum over all their paths.

    The forward and the backward recursion run in one loop, as two halves of a batch. The gradient,
    the probability of each class at each frame given the labels, is computed from both rather than
    by differentiating the loop, which is several times as fast as `keras.ops.ctc_loss` on
    TensorFlow. There are no second derivatives.

    Args:
        logits: `(batch, frames, classes)`, blank first; certainly blank at masked frames.
        labels: Integers `(batch, length)` from 1 to classes - 1, padded on the right with 0 or
            negative numbers.

    Returns:
        `(batch,)` in nats, float32. Minus infinity, without a gradient, if there are too few frames
        for the labels, or if logits of minus infinity rule one of them out; NaN if there is a label
        beyond the classes.

    Raises:
        ValueError: If the shapes are inconsistent.

    Example:

    >>> import keras, numpy as np
    >>> logits = np.log([[[0.2, 0.8], [0.7, 0.3]]]).astype("float32")  # blank, a
    >>> p = np.exp(keras.ops.convert_to_numpy(ctc_log_likelihood(logits, np.array([[1]]))))
    >>> print(np.round(p, 3))  # a-, -a, aa
    [0.86]

    Reference:
        [Graves et al., 2006](https://doi.org/10.1145/1143844.1143891).
    """
    labels, log_probs = _checked(logits, labels)
    likelihood, occupancy = _occupancy(log_probs, labels)
    likelihood, occupancy = ops.stop_gradient(likelihood), ops.stop_gradient(occupancy)
    # Its value is 0, and its gradient that of the likelihood.
    change = occupancy * (log_probs - ops.stop_gradient(log_probs))
    likelihood = likelihood + ops.sum(change, axis=(1, 2))
    beyond = ops.any(labels >= log_probs.shape[-1], axis=1)
    return ops.where(beyond, float("nan"), likelihood)


def ctc_occupancy(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The probability of each class at each frame, given the labels.

    Args:
        logits: As for `ctc_log_likelihood`.
        labels: As for `ctc_log_likelihood`.

    Returns:
        The log-likelihood `(batch,)`, and probabilities `(batch, frames, classes)`, float32, which
        sum to 1 over the classes; zeros if there are too few frames for the labels.
    """
    labels, log_probs = _checked(logits, labels)
    return _occupancy(log_probs, labels)


def _occupancy(log_probs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    count = ops.sum(ops.cast(labels > 0, "int32"), axis=1)
    states = 2 * ops.shape(labels)[1] + 1
    place = ops.arange(states, dtype="int32")
    turned = _reversed(labels, count)
    both = ops.concatenate([labels, turned])
    emitted = _emissions(
        ops.concatenate([log_probs, ops.flip(log_probs, axis=1)]), both
    )  # (frames, 2 batch, states)
    skip = _may_skip(both)

    def step(before: Tensor, emission: Tensor) -> tuple[Tensor, Tensor]:
        one, two = _shifted(before, 1), _shifted(before, 2) + skip
        highest = ops.maximum(ops.maximum(before, one), two)
        total = ops.exp(before - highest) + ops.exp(one - highest) + ops.exp(two - highest)
        after = ops.maximum(highest + ops.log(total) + emission, IMPOSSIBLE)
        return after, after

    _, after = ops.scan(step, _start(emitted[0]), emitted)
    forwards, backwards = ops.split(after, 2, axis=1)
    # State s of the backward recursion is state 2 n - s of the forward one, for n labels.
    mirrored = ops.maximum(2 * count[:, None] - place, 0)
    index = ops.broadcast_to(mirrored[None], ops.shape(forwards))
    backwards = ops.take_along_axis(ops.flip(backwards, axis=0), index, axis=2)
    ends = _at_ends(forwards[-1], count)
    likelihood = ops.logaddexp(ends[:, 0], ends[:, 1])
    feasible = likelihood > INFEASIBLE
    # Both include the emission of their frame.
    here, _ = ops.split(emitted, 2, axis=1)
    posterior = forwards + backwards - here - likelihood[None, :, None]
    counts = ops.logical_and(place <= 2 * count[:, None], feasible[:, None])
    posterior = ops.where(counts[None], ops.exp(ops.minimum(posterior, 0.0)), 0.0)
    blank = ops.transpose(ops.sum(posterior[:, :, ::2], axis=-1))
    classes = log_probs.shape[-1]
    spoken = ops.one_hot(ops.minimum(labels, classes - 1), classes)  # PyTorch knows no others
    occupancy = ops.einsum("tbl,blc->btc", posterior[:, :, 1::2], spoken)
    occupancy = ops.concatenate([blank[:, :, None], occupancy[:, :, 1:]], axis=-1)
    return ops.where(feasible, likelihood, -float("inf")), occupancy


def ctc_alignment(logits: Tensor, labels: Tensor) -> Tensor:
    """The label of each frame on the likeliest path of the labels (Viterbi).

    Args:
        logits: As for `ctc_log_likelihood`.
        labels: As for `ctc_log_likelihood`.

    Returns:
        `(batch, frames)` int32: 0 for blank, n for the n-th label of the row. Meaningless if there
        are too few frames for the labels.

    Example:

    >>> import keras, numpy as np
    >>> logits = np.log(np.array([[[0.6, 0.4], [0.1, 0.9], [0.8, 0.2]]], "float32"))
    >>> keras.ops.convert_to_numpy(ctc_alignment(logits, np.array([[1]]))).tolist()
    [[0, 1, 0]]

    Reference:
        [Viterbi, 1967](https://doi.org/10.1109/TIT.1967.1054010).
    """
    labels, log_probs = _checked(logits, labels)
    count = ops.sum(ops.cast(labels > 0, "int32"), axis=1)
    emitted = _emissions(log_probs, labels)
    skip = _may_skip(labels)

    def ways(before: Tensor) -> Tensor:
        """Scores of staying, of advancing by one state, and by two."""
        one, two = (_shifted(before, steps) for steps in (1, 2))
        return ops.stack([before, one, two + skip])

    def step(before: Tensor, emission: Tensor) -> tuple[Tensor, Tensor]:
        after = ops.maximum(ops.max(ways(before), axis=0) + emission, IMPOSSIBLE)
        return after, after

    start = _start(emitted[0])
    last, after = ops.scan(step, start, emitted)
    ends = _at_ends(last, count)
    state = 2 * count - ops.cast(ends[:, 1] > ends[:, 0], "int32")
    # On TensorFlow the outputs of a scan have the dtype of its carry, so the moves come afterwards.
    before = ops.concatenate([start[None], after[:-1]])
    moves = ops.cast(ops.argmax(ways(before), axis=0), "int32")

    def back(state: Tensor, moves: Tensor) -> tuple[Tensor, Tensor]:
        before = state - ops.take_along_axis(moves, state[:, None], axis=1)[:, 0]
        return ops.maximum(before, 0), state

    _, path = ops.scan(back, state, moves, reverse=True)
    path = ops.transpose(path)
    return ops.where(path % 2 == 1, (path + 1) // 2, 0)


@keras.saving.register_keras_serializable(package="rnn_zoo")
class CTCLoss(keras.losses.Loss):
    """`loss = -log p(labels)`, the negative of `ctc_log_likelihood`, in nats per clip.

    `keras.losses.CTC` does not support clips that are shorter than their batch.

    Args:
        zero_infinity: Whether a clip with too few frames for its labels has no loss and no
            gradient, instead of an infinite loss. Defaults to `False`.
        **kwargs: Keyword arguments of `keras.losses.Loss`.

    Call arguments:
        y_true: Labels `(batch, length)` from 1 to classes - 1, padded on the right with 0 or
            negative numbers.
        y_pred: Logits `(batch, frames, classes)`, blank first, certainly blank at masked frames
            (see `blank_where_masked`; `zoo.acoustic_model` applies it).
        sample_weight: Optional weights of the clips, `(batch,)`. `class_weight` of `fit` is not for
            sequences of labels: Keras would weight a clip by the place of its largest label.

    Raises:
        ValueError: If the shapes are inconsistent; if there is a weight for each step, as the
            likelihood of a clip is no sum over its steps; if labels in NumPy are beyond the
            classes. (In tensors these make the loss NaN.)

    Example:

    >>> import numpy as np
    >>> logits = np.log([[[0.2, 0.8], [0.7, 0.3]]]).astype("float32")
    >>> round(float(CTCLoss()(np.array([[1, -1]]), logits)), 3)
    0.151

    Reference:
        [Graves et al., 2006](https://doi.org/10.1145/1143844.1143891).
    """

    def __init__(self, zero_infinity: bool = False, name: str = "ctc_loss", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.zero_infinity = zero_infinity

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        require_classes("y_true", y_true, y_pred.shape[-1])
        require_example_weights(sample_weight)
        return super().__call__(y_true, y_pred, sample_weight)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        loss = -ctc_log_likelihood(y_pred, y_true)
        return ops.where(ops.isinf(loss), 0.0, loss) if self.zero_infinity else loss

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "zero_infinity": self.zero_infinity}


def frame_log_probabilities(logits: Tensor) -> Tensor:
    """Log-probabilities of the classes of each frame, float32, not below `CERTAIN`.

    Args:
        logits: `(batch, frames, classes)`, of any float type; minus infinity rules a class out.

    Raises:
        ValueError: If the shape is invalid.
    """
    logits = ops.convert_to_tensor(logits)
    if len(logits.shape) != 3 or logits.shape[-1] is None or logits.shape[-1] < 2:
        raise ValueError(
            "`logits` must have shape (batch, frames, classes) with at least two classes, found "
            f"{tuple(logits.shape)}."
        )
    return ops.maximum(ops.log_softmax(ops.cast(logits, "float32"), axis=-1), CERTAIN)


def _checked(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Labels, int32, padded with 0, and log-probabilities, float32."""
    log_probs, labels = frame_log_probabilities(logits), ops.convert_to_tensor(labels)
    if len(labels.shape) != 2:
        raise ValueError(f"`labels` must have shape (batch, length), found {tuple(labels.shape)}.")
    labels = ops.maximum(ops.cast(labels, "int32"), 0)
    return labels, log_probs


def _reversed(labels: Tensor, count: Tensor) -> Tensor:
    """The labels of each row in reverse order, still padded on the right."""
    place = ops.arange(ops.shape(labels)[1], dtype="int32")
    from_last = count[:, None] - 1 - place
    turned = ops.take_along_axis(labels, ops.maximum(from_last, 0), axis=1)
    return ops.where(from_last >= 0, turned, 0)


def _emissions(log_probs: Tensor, labels: Tensor) -> Tensor:
    """Log-probability of each state's class at each frame, `(frames, batch, 2 length + 1)`."""
    batch, frames = ops.shape(log_probs)[0], ops.shape(log_probs)[1]
    length = ops.shape(labels)[1]
    # Gathering what is not there would be an error on one device, and any number on another.
    labels = ops.minimum(labels, log_probs.shape[-1] - 1)
    index = ops.broadcast_to(labels[:, None, :], (batch, frames, length))
    spoken = ops.take_along_axis(log_probs, index, axis=2)
    blank = ops.broadcast_to(log_probs[:, :, :1], (batch, frames, length))
    pairs = ops.reshape(ops.stack([blank, spoken], axis=-1), (batch, frames, 2 * length))
    states = ops.concatenate([pairs, log_probs[:, :, :1]], axis=-1)
    return ops.transpose(states, (1, 0, 2))


def _may_skip(labels: Tensor) -> Tensor:
    """0 for states reachable by skipping a blank: labels that differ from the label before."""
    other = labels[:, 1:] != labels[:, :-1]
    may = ops.concatenate([ops.zeros_like(labels[:, :1], dtype="bool"), other], axis=1)
    batch, length = ops.shape(labels)[0], ops.shape(labels)[1]
    pairs = ops.reshape(ops.stack([ops.zeros_like(may), may], axis=-1), (batch, 2 * length))
    return ops.where(ops.pad(pairs, ((0, 0), (0, 1))), 0.0, IMPOSSIBLE)


def _start(states: Tensor) -> Tensor:
    """Scores before the first frame, which start in the first blank."""
    first = ops.arange(ops.shape(states)[1]) == 0
    return ops.where(first, ops.zeros_like(states), IMPOSSIBLE)


def _shifted(states: Tensor, steps: int) -> Tensor:
    """The scores of the states `steps` before each state."""
    nowhere = ops.full_like(states[..., :1], IMPOSSIBLE)
    return ops.concatenate([*[nowhere] * steps, states], axis=-1)[..., : ops.shape(states)[-1]]


def _at_ends(states: Tensor, count: Tensor) -> Tensor:
    """Scores of the last blank and the last label, where a path may end, `(batch, 2)`."""
    index = ops.stack([2 * count, ops.maximum(2 * count - 1, 0)], axis=1)
    ends = ops.take_along_axis(states, index, axis=1)
    last = ops.where(count > 0, ends[:, 1], IMPOSSIBLE)
    return ops.stack([ends[:, 0], last], axis=1)
