"""Metrics of tag sequences, for `compile`: accuracy, and F1 of the entities that tags mark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import keras
import numpy as np
from keras import ops

from custom_layers.chains.linear_chain import carry_forward, viterbi_decode
from custom_layers.engine.checks import require_one_of
from custom_layers.engine.masking import valid_first
from custom_layers.engine.tensor import Tensor

Scheme = Literal["IOB2", "BIOES"]

_FEATURES = ("start", "inside", "open", "end")


@keras.saving.register_keras_serializable(package="rnn_zoo")
class CRFTagAccuracy(keras.metrics.Metric):
    """Share of the tags that are right, over all valid steps.

    `metrics=["accuracy"]` does not do for a CRF: Keras would compare tags with log potentials.

    Args:
        name: Name of the metric. Defaults to `"tag_accuracy"`.
        **kwargs: Keyword arguments of `keras.metrics.Metric`.

    Call arguments:
        y_true: Integer tags `(batch, time)`, negative at steps that do not count.
        y_pred: Log potentials of a `CRF`, `(batch, time, num_tags, num_tags)`, of which the best
            sequence counts (Viterbi); or scores `(batch, time, num_tags)`, of which the best tag of
            each step does.
        sample_weight: Optional weights of the sentences, `(batch,)`, or of the steps,
            `(batch, time)`.

    Raises:
        ValueError: If the shapes are inconsistent.

    Example:

    >>> import keras, numpy as np
    >>> from custom_layers import CRF, CRFLoss
    >>> emissions = keras.Input((None, 5))
    >>> model = keras.Model(emissions, CRF(num_tags=5)(emissions))
    >>> names = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    >>> model.compile("adam", CRFLoss(), metrics=[CRFTagAccuracy(), CRFEntityF1(names)])
    >>> tags = np.array([[1, 2, 0, 3]])
    >>> scores = 9 * np.eye(5, dtype="float32")[[[1, 2, 0, 0]]]  # all but the last one
    >>> answer = model.evaluate(scores, tags, verbose=0, return_dict=True)
    >>> print(round(answer["tag_accuracy"], 3), round(answer["entity_f1"], 3))
    0.75 0.667
    """

    def __init__(self, name: str = "tag_accuracy", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.right = self.add_variable((), "zeros", name="right")
        self.total = self.add_variable((), "zeros", name="total")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        true, predicted = _tags(y_true, y_pred)
        counts = ops.cast(true >= 0, self.dtype)
        if sample_weight is not None:
            weights = ops.cast(ops.convert_to_tensor(sample_weight), self.dtype)
            counts = counts * (weights[:, None] if len(weights.shape) == 1 else weights)
        self.right.assign_add(ops.sum(counts * ops.cast(true == predicted, self.dtype)))
        self.total.assign_add(ops.sum(counts))

    def result(self) -> Tensor:
        return ops.divide_no_nan(self.right, self.total)


@keras.saving.register_keras_serializable(package="rnn_zoo")
class CRFEntityF1(keras.metrics.Metric):
    """F1 of the entities that tags mark: their type and both of their ends must be right.

        precision = right / predicted      recall = right / true
        F1 = 2 right / (predicted + true)

    over all sentences. Both schemes are read strictly, as by seqeval's `mode="strict"`: an entity
    begins with `B-` (or is `S-`); `I-` that continues nothing of its type is no entity; and in
    BIOES one that does not end with `E-` is none. There are no Python loops over tags or entities.

    Args:
        tags: Names of the tags in the order of their ids: `"O"`, `"B-TYPE"`, `"I-TYPE"` and in
            BIOES also `"E-TYPE"` and `"S-TYPE"`.
        scheme: `"IOB2"` or `"BIOES"`. Defaults to `"IOB2"`.
        name: Name of the metric. Defaults to `"entity_f1"`.
        **kwargs: Keyword arguments of `keras.metrics.Metric`.

    Call arguments:
        y_true: As in `CRFTagAccuracy`. Steps that do not count are left out, so that an entity may
            extend over them.
        y_pred: As in `CRFTagAccuracy`.
        sample_weight: Optional weights of the sentences, `(batch,)`.

    Raises:
        ValueError: If the name of a tag does not fit the scheme, or shapes are inconsistent.

    Example: see `CRFTagAccuracy`.

    Reference:
        [Tjong Kim Sang and De Meulder, 2003](https://aclanthology.org/W03-0419/).
    """

    def __init__(
        self,
        tags: Sequence[str],
        scheme: Scheme = "IOB2",
        name: str = "entity_f1",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.tags, self.scheme = list(tags), scheme
        self._table = _table(self.tags, scheme)
        self.right = self.add_variable((), "zeros", name="right")
        self.predicted = self.add_variable((), "zeros", name="predicted")
        self.true = self.add_variable((), "zeros", name="true")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        true, predicted = _tags(y_true, y_pred)
        if y_pred.shape[-1] not in (None, len(self.tags)):
            raise ValueError(
                f"`y_pred` must be of {len(self.tags)} tags, as many as `tags`, found "
                f"{y_pred.shape[-1]}."
            )
        order = valid_first(true >= 0)
        true, predicted = (
            ops.pad(ops.take_along_axis(x, order, axis=1), ((0, 0), (0, 1)), constant_values=-1)
            for x in (true, ops.where(true >= 0, predicted, -1))
        )
        one, other = self._entities(true), self._entities(predicted)
        (is_true, kind, joined), (is_predicted, other_kind, other_joined) = one, other
        both = ops.logical_and(joined, other_joined)
        neither = ops.logical_not(ops.logical_or(joined, other_joined))
        end_together = _at_end(both, neither)
        right = is_true & is_predicted & (kind == other_kind) & end_together
        for total, found in (
            (self.right, right),
            (self.predicted, is_predicted),
            (self.true, is_true),
        ):
            count = ops.sum(ops.cast(found, self.dtype), axis=1)
            if sample_weight is not None:
                weights = ops.cast(ops.convert_to_tensor(sample_weight), self.dtype)
                count = count * ops.reshape(weights, (-1,))
            total.assign_add(ops.sum(count))

    def _entities(self, tags: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Where entities begin, the type of each tag, and which tags continue the tag before."""
        known = ops.logical_and(tags >= 0, tags < len(self.tags))
        table = ops.convert_to_tensor(self._table)
        rows = ops.take(table, ops.where(known, tags, len(self.tags)), axis=0)
        start, inside, is_open, end = (rows[..., i] > 0 for i in range(len(_FEATURES)))
        kind = rows[..., -1]
        before = ops.logical_and(is_open[:, :-1], kind[:, :-1] == kind[:, 1:])
        joined = ops.logical_and(inside, ops.pad(before, ((0, 0), (1, 0))))
        return ops.logical_and(start, _at_end(joined, end, here=True)), kind, joined

    def result(self) -> Tensor:
        return ops.divide_no_nan(2 * self.right, self.predicted + self.true)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "tags": self.tags, "scheme": self.scheme}


def _tags(y_true: Any, y_pred: Any) -> tuple[Tensor, Tensor]:
    """True and predicted tags `(batch, time)`, int32."""
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    if len(y_true.shape) != 2 or len(y_pred.shape) not in (3, 4):
        raise ValueError(
            "`y_true` must have shape (batch, time) and `y_pred` (batch, time, num_tags, num_tags) "
            f"or (batch, time, num_tags), found {tuple(y_true.shape)} and {tuple(y_pred.shape)}."
        )
    if len(y_pred.shape) == 4:
        predicted = viterbi_decode(y_pred)
    else:
        predicted = ops.cast(ops.argmax(y_pred, axis=-1), "int32")
    return ops.cast(y_true, "int32"), predicted


def _table(tags: Sequence[str], scheme: Scheme) -> np.ndarray:
    """What each tag is, by `_FEATURES`, and the number of its type; the last row is of no tag."""
    require_one_of("scheme", scheme, get_args(Scheme))
    prefixes = {"IOB2": "BI", "BIOES": "BIES"}[scheme]
    kinds: dict[str, int] = {}
    rows = []
    for tag in tags:
        prefix, dash, kind = tag.partition("-")
        if tag != "O" and not (dash and kind and prefix in list(prefixes)):
            expected = ", ".join(f"'{p}-TYPE'" for p in prefixes)
            raise ValueError(f"`tags` must hold 'O', {expected} in {scheme}, found {tag!r}.")
        number = kinds.setdefault(kind, len(kinds) + 1) if dash else 0
        ends = "BI" if scheme == "IOB2" else "ES"
        row = [prefix in letters for letters in ("BS", "IE", "BI", ends)]
        rows.append([*row, number])
    return np.array([*rows, [0] * (len(_FEATURES) + 1)], "int32")


def _at_end(joined: Tensor, value: Tensor, here: bool = False) -> Tensor:
    """A value at the end of what every step belongs to: up to the next step that is not joined.

    Args:
        joined: Whether a step continues the one before, `(batch, time)`.
        value: Booleans `(batch, time)`.
        here: Whether to take it at the last step that belongs, and not at the one after it.
    """
    goes_on = ops.pad(joined[:, 1:], ((0, 0), (0, 1)))
    if not here:
        value = ops.pad(value[:, 1:], ((0, 0), (0, 1)), constant_values=True)
    at_ends = ops.where(goes_on, -1, ops.cast(value, "int32"))
    return ops.flip(carry_forward(ops.flip(at_ends, axis=1)), axis=1) > 0
