"""CTC decoding: the labels of the best path, or the best labels over all paths.

Both functions take logits of `acoustic_model`, `(batch, frames, classes)` with blank first and
certainly blank beyond the end of a clip (see `custom_layers.chains.ctc`). They work eagerly,
compiled by XLA, and for any batch and length in a `tf.function` or a SavedModel.
"""

from __future__ import annotations

import math
from typing import Any

from keras import ops

from custom_layers.chains.ctc import INFEASIBLE, frame_log_probabilities
from custom_layers.engine.checks import require_integer, require_number
from custom_layers.engine.masking import valid_first
from custom_layers.engine.precision import IMPOSSIBLE
from custom_layers.engine.tensor import Tensor
from zoo.decoding.beam import likeliest, select


def ctc_greedy_search(logits: Tensor) -> tuple[Tensor, Tensor]:
    """The labels of the likeliest path: the best class of each frame, repetitions merged.

    Args:
        logits: Logits `(batch, frames, classes)`.

    Returns:
        Labels `(batch, frames)` int32, padded with 0; and the log-probability of the path
        `(batch,)`, at most that of the labels, as other paths yield the same labels.

    Example:
        >>> from keras import ops
        >>> frames = 9.0 * ops.one_hot([[1, 1, 0, 1, 2, 2, 0]], 3)
        >>> print(ops.convert_to_numpy(ctc_greedy_search(frames)[0]))
        [[1 1 2 0 0 0 0]]
    """
    log_probs = frame_log_probabilities(logits)
    best = ops.cast(ops.argmax(log_probs, axis=-1), "int32")
    before = ops.pad(best[:, :-1], ((0, 0), (1, 0)))
    is_new = ops.logical_and(best > 0, best != before)
    order = ops.cast(valid_first(is_new), "int32")
    labels = ops.take_along_axis(ops.where(is_new, best, 0), order, axis=1)
    return labels, ops.sum(ops.max(log_probs, axis=-1), axis=-1)


def ctc_beam_search(
    logits: Tensor, *, beam_size: int = 8, least_share: float = 0.0
) -> tuple[Tensor, Tensor]:
    """The likeliest labels, by prefix beam search.

    A hypothesis is a prefix of labels with the probability of all its paths so far, separately for
    those that end in blank and those that end in its last label. A frame either keeps the prefix
    (blank, or the last label again) or extends it by a label; probabilities that lead to the same
    prefix are added. The `beam_size` likeliest prefixes continue. The search is exact if the beam
    holds every prefix; otherwise the probability of a hypothesis lacks the paths through dropped
    prefixes.

    An unsure model gives every label a little probability at every frame. A text of many labels
    then has so many paths that it is likelier than the empty one, although no label is ever likely:
    the search writes far more than was said. `least_share` prunes this: a label extends a prefix
    only at frames where its probability is at least that share of the best class's. Where a model
    is sure of what it hears, the labels pruned are those that would hardly count.

    Args:
        logits: Logits `(batch, frames, classes)`.
        beam_size: Number of hypotheses.
        least_share: From 0, where all labels extend, to 1, where only the best class does.

    Returns:
        Labels `(batch, beam_size, frames)` int32, padded with 0, the best hypothesis first; and
        their log-probabilities `(batch, beam_size)`, minus infinity if there are fewer hypotheses.

    Raises:
        ValueError: If an argument is invalid.

    Example:
        >>> import numpy as np
        >>> from keras import ops
        >>> frames = np.log([[[0.6, 0.4], [0.6, 0.4]]])  # the best path is blank, blank: 0.36
        >>> labels, scores = ctc_beam_search(frames, beam_size=2)
        >>> print(ops.convert_to_numpy(labels[0]), np.exp(ops.convert_to_numpy(scores[0])).round(2))
        [[1 0]
         [0 0]] [0.64 0.36]

    Reference:
        Hannun et al. 2014, First-Pass Large Vocabulary Continuous Speech Recognition using
        Bi-Directional Recurrent DNNs, without the language model. The pruning is the
        `label_selection_margin` of TensorFlow's `CTCBeamSearchDecoder`, as a ratio.
    """
    require_integer("beam_size", beam_size)
    require_number("least_share", least_share, least=0, most=1)
    log_probs = frame_log_probabilities(logits)
    batch, frames, _ = ops.shape(log_probs)
    classes, beam = log_probs.shape[-1], beam_size
    by_frame = ops.transpose(log_probs, (1, 0, 2))
    extending = by_frame
    if least_share:
        least = ops.max(by_frame, axis=-1, keepdims=True) + math.log(least_share)
        extending = ops.where(by_frame >= least, by_frame, IMPOSSIBLE)
    places = ops.arange(frames, dtype="int32")

    def go_on(t: Tensor, *_: Any) -> Tensor:
        return t < frames

    def extend(
        t: Tensor, prefixes: Tensor, lengths: Tensor, last: Tensor, blank: Tensor, spoken: Tensor
    ) -> tuple[Tensor, ...]:
        now = ops.take(by_frame, t, axis=0)
        total = ops.logaddexp(blank, spoken)
        # Extended by a label: from any path, or, by the last label again, from one ending in blank.
        again = ops.one_hot(last, classes, dtype="bool")
        added = ops.take(extending, t, axis=0)
        longer = ops.where(again, blank[:, :, None], total[:, :, None]) + added[:, None]
        # [i, j]: prefix j is prefix i and a label, so extending i by it contributes to j.
        differ = ops.cast(prefixes[:, :, None] != prefixes[:, None], "int32")
        child = ops.logical_and(
            ops.sum(differ, axis=-1) == 1, lengths[:, None] == lengths[:, :, None] + 1
        )
        alive = total > INFEASIBLE  # the others only fill up the beam
        child = ops.logical_and(child, ops.logical_and(alive[:, :, None], alive[:, None]))
        index = ops.broadcast_to(last[:, None], (batch, beam, beam))
        gained = ops.where(child, ops.take_along_axis(longer, index, axis=2), IMPOSSIBLE)
        known = ops.einsum("bij,bjc->bic", ops.cast(child, "float32"), ops.cast(again, "float32"))
        # Kept as it is.
        stay_blank = total + now[:, :1]
        stay_spoken = ops.logaddexp(
            spoken + ops.take_along_axis(now, last, axis=1), ops.max(gained, axis=1)
        )
        stay = ops.logaddexp(stay_blank, stay_spoken)
        new = ops.where(known > 0, IMPOSSIBLE, longer)
        candidates = ops.concatenate([stay[:, :, None], new[:, :, 1:]], axis=-1)
        candidates = ops.maximum(ops.reshape(candidates, (batch, beam * classes)), IMPOSSIBLE)
        scores, chosen = likeliest(candidates, beam)
        parents, labels = chosen // classes, chosen % classes
        stays = labels == 0
        of_parents = [
            select(x, parents) for x in (prefixes, lengths, last, stay_blank, stay_spoken)
        ]
        prefixes, lengths, last, stay_blank, stay_spoken = of_parents
        grows = ops.logical_and(places == lengths[:, :, None], ops.logical_not(stays)[:, :, None])
        return (
            t + 1,
            ops.where(grows, labels[:, :, None], prefixes),
            lengths + ops.cast(ops.logical_not(stays), "int32"),
            ops.where(stays, last, labels),
            ops.where(stays, ops.maximum(stay_blank, IMPOSSIBLE), IMPOSSIBLE),
            ops.where(stays, ops.maximum(stay_spoken, IMPOSSIBLE), scores),
        )

    nothing = ops.full((batch, beam), IMPOSSIBLE, dtype="float32")
    zeros = ops.zeros((batch, beam), dtype="int32")
    is_first = ops.arange(beam) == 0  # all are equal at the start, so only one counts
    start = (
        ops.convert_to_tensor(0, "int32"),
        ops.zeros((batch, beam, frames), dtype="int32"),
        zeros,
        zeros,
        ops.where(is_first, 0.0, nothing),
        nothing,
    )
    _, prefixes, _, _, blank, spoken = ops.while_loop(go_on, extend, start)
    scores = ops.logaddexp(blank, spoken)
    possible = scores > INFEASIBLE
    return ops.where(possible[:, :, None], prefixes, 0), ops.where(possible, scores, -float("inf"))
