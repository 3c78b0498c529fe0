"""Linear-chain conditional random field: a layer of log potentials, its loss and its decoders.

Everything about a chain follows from its *log potentials*, a matrix of transition scores for each
step. The layer returns these, and the functions of them need neither weights nor masks::

    potentials = CRF(num_tags)(emissions, mask=mask)
    crf_log_partition(potentials)           log of the sum over all tag sequences
    crf_log_likelihood(potentials, tags)    log probability of the tags; CRFLoss is its negative
    viterbi_decode(potentials)              best tag sequence; ViterbiDecode is its layer
    crf_marginals(potentials)               probability of every tag at every step
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from custom_layers.chains.linear_chain import (
    check_potentials,
    crf_marginals,
    viterbi_decode,
)
from custom_layers.engine.checks import require_integer, require_mask
from custom_layers.engine.masking import valid_steps
from custom_layers.engine.precision import IMPOSSIBLE
from custom_layers.engine.tensor import Tensor

_FORBIDDEN = -1e4
"""Added to forbidden scores. Any allowed path beats it, but the loss of a gold path that breaks the
rule stays finite, and float32 keeps the digits of the rest of its score."""


@keras.saving.register_keras_serializable(package="rnn_zoo")
class CRF(keras.layers.Layer):
    """Linear-chain conditional random field over emission scores, as log potentials.

    With emission scores `x`, transition scores `A`, and boundary scores `b` and `e`, the score and
    the probability of a tag sequence `y` over the valid steps `1..n` are::

        s(y) = b[y_1] + sum_t x[t, y_t] + sum_{t>1} A[y_{t-1}, y_t] + e[y_n]
        p(y) = exp(s(y)) / sum_{y'} exp(s(y'))

    The layer returns the terms of `s` by step: the log potential `[b, t, i, j]` is the score of tag
    `j` at step `t` after tag `i` at the previous valid step::

        first valid step    b[j] + x[t, j]           the same for every i
        later valid steps   A[i, j] + x[t, j]        plus e[j] at the last valid step
        masked steps        0 if i == j else -1e30   the identity: the tag is carried over

    so `s(y)` is the sum of the potentials along the path, starting from tag 0. The potentials are
    all that `crf_log_partition`, `crf_log_likelihood`, `viterbi_decode` and `crf_marginals` need.

    Args:
        num_tags: Number of tags `K`, at least 1.
        use_boundary: Whether to learn the start scores `b` and the end scores `e`. Otherwise both
            are zero. Defaults to `True`.
        allowed_transitions: Optional `K` rows of `K` entries 0 or 1; 0 at `[i][j]` forbids tag `j`
            right after tag `i` (in IOB2: `I-PER` after `O`). Forbidden scores are lowered by 10000,
            which excludes them as long as the scores themselves are much smaller. Defaults to
            `None`, everything is allowed.
        allowed_starts: Optional `K` entries 0 or 1; 0 forbids the tag at the first valid step.
            Defaults to `None`, everything is allowed.
        transition_initializer: Initialiser of transition, start and end scores. Defaults to
            `"zeros"`: the tags are initially independent of each other.
        transition_regularizer: Optional regulariser of the transition scores. Defaults to `None`.
        **kwargs: Keyword arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: Emission scores (logits, no softmax) of shape `(batch, time, num_tags)`.
        mask: Optional booleans `(batch, time)`, `True` at valid steps.

    Input shape:
        `(batch, time, num_tags)`; `batch` and `time` may be unknown.

    Output shape:
        `(batch, time, num_tags, num_tags)`, float32 under every dtype policy: half precision is too
        coarse for sums of scores over a sentence.

    Masking:
        Steps may be masked anywhere. A fully masked row has log partition 0 and no gradient. The
        mask becomes part of the potentials and is not passed on.

    Raises:
        ValueError: If an argument, or the shape of the inputs or of the mask, is invalid.

    Example:

    >>> import keras, numpy as np
    >>> from custom_layers import crf_log_likelihood
    >>> emissions = np.array([[[2.0, 0.0], [0.0, 1.0], [0.0, 9.0]]], dtype="float32")
    >>> mask = np.array([[True, True, False]])
    >>> potentials = CRF(num_tags=2)(emissions, mask=mask)
    >>> tuple(potentials.shape)
    (1, 3, 2, 2)
    >>> tags = np.array([[0, 1, -1]])  # negative: not a valid step
    >>> log_likelihood = keras.ops.convert_to_numpy(crf_log_likelihood(potentials, tags))
    >>> print(np.round(log_likelihood, 3))  # -log(1 + exp(-2)) - log(1 + exp(-1))
    [-0.44]
    >>> keras.ops.convert_to_numpy(viterbi_decode(potentials))[mask].tolist()
    [0, 1]

    Reference:
        [Lafferty et al., 2001](https://repository.upenn.edu/handle/20.500.14332/6188), and for the
        potentials as the interface [Rush, 2020](https://arxiv.org/abs/2002.00876), who indexes them
        `[t, j, i]` and has one fewer, as the first transition includes the first emission.
    """

    def __init__(
        self,
        num_tags: int,
        use_boundary: bool = True,
        allowed_transitions: Sequence[Sequence[int]] | None = None,
        allowed_starts: Sequence[int] | None = None,
        transition_initializer: Any = "zeros",
        transition_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        # Under a mixed policy neither the emissions nor the weights (_add_scores) are rounded.
        super().__init__(autocast=False, **kwargs)
        self.num_tags = num_tags = require_integer("num_tags", num_tags)
        self.use_boundary = use_boundary
        self.allowed_transitions = _zeros_and_ones(
            "allowed_transitions", allowed_transitions, (num_tags, num_tags)
        )
        self.allowed_starts = _zeros_and_ones("allowed_starts", allowed_starts, (num_tags,))
        self.transition_initializer = keras.initializers.get(transition_initializer)
        self.transition_regularizer = keras.regularizers.get(transition_regularizer)
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        if len(input_shape) != 3 or input_shape[-1] != self.num_tags:
            raise ValueError(
                f"`inputs` must have shape (batch, time, num_tags={self.num_tags}), "
                f"found {tuple(input_shape)}."
            )
        self.transitions = self._add_scores(
            "transitions", (self.num_tags, self.num_tags), self.transition_regularizer
        )
        if self.use_boundary:
            self.starts = self._add_scores("starts", (self.num_tags,))
            self.ends = self._add_scores("ends", (self.num_tags,))

    def _add_scores(self, name: str, shape: tuple[int, ...], regularizer: Any = None) -> Any:
        return self.add_weight(
            name=name,
            shape=shape,
            dtype="float32",
            autocast=False,
            initializer=self.transition_initializer,
            regularizer=regularizer,
        )

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        if len(inputs.shape) != 3 or inputs.shape[-1] != self.num_tags:
            raise ValueError(
                f"`inputs` must have shape (batch, time, num_tags={self.num_tags}), "
                f"found {tuple(inputs.shape)}."
            )
        emissions = ops.cast(inputs, "float32")
        if mask is not None:
            require_mask(mask)
        mask = valid_steps(emissions, mask)
        count = ops.cumsum(ops.cast(mask, "int32"), axis=1)
        is_first = ops.equal(count, 1)  # also later, at masked steps, which are overwritten below
        is_last = ops.equal(count, count[:, -1:])

        transitions = ops.convert_to_tensor(self.transitions)
        if self.allowed_transitions is not None:
            transitions = transitions + _penalty(self.allowed_transitions)
        starts = ops.zeros((self.num_tags,), dtype="float32")
        if self.use_boundary:
            starts = starts + self.starts
            ends = ops.convert_to_tensor(self.ends)
            emissions = emissions + ops.where(is_last[..., None], ends, 0.0)
        if self.allowed_starts is not None:
            starts = starts + _penalty(self.allowed_starts)

        before = ops.where(is_first[..., None, None], starts, transitions)
        identity = np.where(np.eye(self.num_tags, dtype=bool), 0.0, IMPOSSIBLE)
        return ops.where(
            mask[..., None, None],
            before + emissions[..., None, :],
            ops.convert_to_tensor(identity, dtype="float32"),
        )

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        # The potentials of masked steps are real factors (the identity), not to be skipped.
        return None

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:2], self.num_tags, self.num_tags)

    def compute_output_spec(self, inputs: Any, mask: Any = None) -> Any:
        # Keras by itself would announce the compute dtype.
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype="float32")

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_tags": self.num_tags,
            "use_boundary": self.use_boundary,
            "allowed_transitions": self.allowed_transitions,
            "allowed_starts": self.allowed_starts,
            "transition_initializer": keras.initializers.serialize(self.transition_initializer),
            "transition_regularizer": keras.regularizers.serialize(self.transition_regularizer),
        }


class _ChainLayer(keras.layers.Layer):
    """A function of log potentials as a layer without weights, with a dtype of its own."""

    output_rank: int
    output_dtype: str

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)  # in half precision -1e30 would be -inf
        self.supports_masking = True

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        return None

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return tuple(input_shape[: self.output_rank])

    def compute_output_spec(self, inputs: Any) -> Any:
        check_potentials(inputs)
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype=self.output_dtype)


@keras.saving.register_keras_serializable(package="rnn_zoo")
class ViterbiDecode(_ChainLayer):
    """Best tag sequence under the log potentials of a `CRF`, as a layer without weights.

    `y = argmax_{y'} s(y')`, see `viterbi_decode`.

    Args:
        **kwargs: Keyword arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: Log potentials from `CRF`, of shape `(batch, time, num_tags, num_tags)`.

    Input shape:
        `(batch, time, num_tags, num_tags)`.

    Output shape:
        `(batch, time)`, int32. There is no gradient.

    Masking:
        Not needed: masked steps are the identity in the potentials. Tags at masked steps repeat a
        neighbouring tag or are 0, and are meaningless.

    Raises:
        ValueError: If the inputs have another shape.

    Example:

    >>> import keras
    >>> emissions = keras.Input((None, 5), name="emissions")
    >>> potentials = CRF(num_tags=5)(emissions)
    >>> training_model = keras.Model(emissions, potentials)  # compile this one with CRFLoss()
    >>> tagger = keras.Model(emissions, ViterbiDecode(name="tags")(potentials))
    >>> tagger.output.shape, tagger.output.dtype
    ((None, None), 'int32')

    Reference:
        [Viterbi, 1967](https://doi.org/10.1109/TIT.1967.1054010).
    """

    output_rank = 2
    output_dtype = "int32"

    def call(self, inputs: Tensor) -> Tensor:
        return viterbi_decode(inputs)


@keras.saving.register_keras_serializable(package="rnn_zoo")
class CRFMarginals(_ChainLayer):
    """Posterior probability of each tag under the log potentials of a `CRF`, without weights.

    `m[t, j] = p(y_t = j)`, by forward and backward recursion, see `crf_marginals`. The probability
    of a decoded tag is its confidence.

    Args:
        **kwargs: Keyword arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: Log potentials from `CRF`, of shape `(batch, time, num_tags, num_tags)`.

    Input shape:
        `(batch, time, num_tags, num_tags)`.

    Output shape:
        `(batch, time, num_tags)`, float32; each step sums to 1.

    Masking:
        Not needed: masked steps are the identity in the potentials. Their rows are meaningless.

    Raises:
        ValueError: If the inputs have another shape.

    Example:

    >>> import keras
    >>> potentials = CRF(num_tags=5)(keras.Input((None, 5)))
    >>> CRFMarginals()(potentials).shape
    (None, None, 5)

    Reference:
        [Rabiner, 1989](https://doi.org/10.1109/5.18626).
    """

    output_rank = 3
    output_dtype = "float32"

    def call(self, inputs: Tensor) -> Tensor:
        return crf_marginals(inputs)


def _penalty(allowed: Any) -> Tensor:
    return ops.convert_to_tensor(np.where(np.array(allowed) == 1, 0.0, _FORBIDDEN), dtype="float32")


def _zeros_and_ones(name: str, value: Any, shape: tuple[int, ...]) -> Any:
    """Check a table of allowed tags and return it as nested lists of integers."""
    if value is None:
        return None
    table = np.array(value)
    if table.shape != shape:
        raise ValueError(f"`{name}` must have shape {shape}, found {table.shape}.")
    if not np.isin(table, (0, 1)).all():
        raise ValueError(f"`{name}` must hold only 0 and 1, found {table.tolist()}.")
    if not table.any():
        raise ValueError(f"`{name}` must allow something, found only zeros.")
    return table.astype(int).tolist()
