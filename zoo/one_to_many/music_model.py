"""Music as a sequence of chords: which keys sound at each step, given all steps before it."""

from __future__ import annotations

from typing import Any, Literal, Unpack, get_args

import keras
from keras import ops

from custom_layers import ConditionalNADE
from custom_layers.engine.checks import require_example_weights, require_integer, require_one_of
from custom_layers.engine.masking import last_valid
from zoo._model import ZooModel
from zoo._registry import register_model
from zoo.recurrent import StackOptions, recurrence_model, state_inputs, state_names

_PAPER = "Boulanger-Lewandowski et al. 2012"

Head = Literal["independent", "chain"]


@register_model(
    "music_model_rnn",
    shape="one-to-many",
    parameters=49_138,
    paper=_PAPER,
    head="independent",
    cell="simple",
)
@register_model(
    "music_model_lstm", shape="one-to-many", parameters=156_688, paper=_PAPER, head="independent"
)
@register_model("music_model_nade", shape="one-to-many", parameters=189_388, paper=_PAPER)
def music_model(
    *,
    keys: int = 88,
    head: Head = "chain",
    head_units: int = 100,
    name: str = "music_model",
    **stack: Unpack[StackOptions],
) -> keras.Model:
    """Recurrent model of polyphonic music: the distribution of each chord given those before it.

    With the outputs h of a recurrent stack that has read the frames 0 to t - 1, and key k of frame
    t sounding (x = 1) or not:

        independent   p(x_{t,k} = 1 | h) = sigmoid(V_k . h + b_k)
        chain         p(x_{t,k} = 1 | h, x_{t,1}, ..., x_{t,k-1})       (`ConditionalNADE`)

    Train it by `zoo.whole_pieces(model)` with `zoo.FrameLoss()`; `zoo.piece_sampler` writes music.
    The frame before the first one and the states are inputs and outputs, so that a piece can be
    read in parts, and frame by frame in serving.

    Args:
        keys: Number of keys, 88 on a piano.
        head: `"independent"`, each key by itself; or `"chain"`, each key given the lower ones of
            the same frame, without which a chord is a set of notes that do not know of each other.
        head_units: Hidden units of the chain.
        name: Name of the model.
        **stack: Options of `zoo.recurrent_stack`, except `bidirectional` and `initial_state`.
            `units` defaults to 150; `dropout` applies to the hidden units of the chain as well.

    Returns:
        A model with the inputs `notes` (batch, time, keys), 1 where a key sounds, 0 where it does
        not and -1 in frames of padding, on the right; `previous` (batch, keys), the frame before
        the first one, zeros at the start of a piece; and `state_0`, ... (batch, size), zeros
        likewise. Outputs `logits` (batch, time, keys) float32, those of a frame given the frames
        before it and, in a chain, its own lower keys; and `previous` and the states after the last
        frame, by the same names.

    Raises:
        ValueError: If an option is invalid, such as `bidirectional`: a layer that reads backwards
            has already seen the frame to predict.

    Example:
        >>> import zoo
        >>> model = zoo.music_model(keys=12, cell="gru", units=16, head_units=8)
        >>> sorted(model.output), model.output["logits"].shape
        (['logits', 'previous', 'state_0'], (None, None, 12))
    """
    require_one_of("head", head, get_args(Head))
    require_integer("keys", keys)
    require_integer("head_units", head_units)
    if stack.get("bidirectional"):
        raise ValueError(
            "`bidirectional` must be false: a layer that reads backwards has already seen the "
            "frame to predict."
        )
    stack = StackOptions(**{"units": 150, **stack})
    notes = keras.Input((None, keys), name="notes")
    previous = keras.Input((keys,), name="previous")
    states = state_names(state_inputs(**stack))
    mask, sounding = notes[..., 0] >= 0, ops.relu(notes)
    read = ops.concatenate([previous[:, None], sounding[:, :-1]], axis=1)
    after = recurrence_model(keys, masked=True, **stack)({"x": read, "mask": mask, **states})
    if head == "chain":
        chain = ConditionalNADE(head_units, dropout=stack.get("dropout", 0.0), name="frame_head")
        logits = chain(after["outputs"], sounding)
    else:
        logits = keras.layers.Dense(keys, dtype="float32", name="frame_head")(after["outputs"])
    last = last_valid(ops.cast(mask, "float32"))
    outputs = {
        "logits": logits,
        "previous": ops.where(mask[:, :1], ops.sum(last[..., None] * sounding, axis=1), previous),
        **{name: after[name] for name in states},
    }
    return ZooModel({"notes": notes, "previous": previous, **states}, outputs, name=name)


def whole_pieces(model: keras.Model) -> keras.Model:
    """Turn a `music_model` into one of whole pieces, to be fitted, sharing its weights.

    Args:
        model: Model of `music_model`.

    Returns:
        A model with the input `notes` (batch, time, keys) and the output logits of the same shape.
        States and the frame before the first one are zeros.

    Example:
        >>> import numpy as np, zoo
        >>> trained = zoo.whole_pieces(zoo.music_model(keys=12, units=16, head_units=8))
        >>> trained.compile("adam", zoo.FrameLoss())
        >>> notes = np.zeros((2, 5, 12), "float32")
        >>> history = trained.fit(notes, notes, verbose=0)
    """
    notes = keras.Input(model.input["notes"].shape[1:], name="notes")
    zeros = {
        name: ops.zeros_like(ops.repeat(notes[:, 0, :1], tensor.shape[-1], axis=-1))
        for name, tensor in model.input.items()
        if name != "notes"
    }
    return ZooModel(notes, model({"notes": notes, **zeros})["logits"], name=model.name)


def frame_nats(notes: Any, logits: Any) -> Any:
    """Minus the log-probability of each frame: the sum over its keys.

    Args:
        notes: Zeros and ones (batch, time, keys), -1 in frames of padding.
        logits: Output of `music_model` for them.

    Returns:
        Nats (batch, time), float32; 0 in frames of padding.
    """
    notes, logits = ops.cast(notes, "float32"), ops.cast(logits, "float32")
    nats = ops.sum(ops.softplus(logits) - ops.relu(notes) * logits, axis=-1)
    return ops.where(notes[..., 0] >= 0, nats, 0.0)


@keras.saving.register_keras_serializable(package="rnn_zoo")
class FrameLoss(keras.losses.Loss):
    """The mean of `frame_nats` over all frames that are not padding: `loss(notes, logits)`.

    With weights of the pieces, (batch,), the mean in which each frame has that of its piece. With
    `reduction="sum"` the sum.

    Raises:
        ValueError: If there are other weights than one for each piece.
    """

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        require_example_weights(sample_weight)
        nats = frame_nats(y_true, y_pred)
        weights = ops.cast(ops.convert_to_tensor(y_true)[..., 0] >= 0, "float32")
        if sample_weight is not None:
            weights = weights * ops.reshape(ops.cast(sample_weight, "float32"), (-1, 1))
        total = ops.sum(weights * nats)
        if self.reduction == "sum":
            return total
        return total / ops.maximum(ops.sum(weights), keras.config.epsilon())

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return frame_nats(y_true, y_pred)
