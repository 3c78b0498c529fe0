"""Music as a sequence of chords: which of 88 keys sound at each step, given all steps before."""

from __future__ import annotations

from typing import Any, Literal, Unpack, get_args

import keras
from keras import ops

from custom_layers import ConditionalNADE
from custom_layers.engine.checks import require_example_weights, require_integer, require_one_of
from custom_layers.engine.masking import last_valid, take_steps
from custom_layers.engine.tensor import Tensor
from zoo._model import ZooModel
from zoo._registry import register_model
from zoo.recurrent import StackOptions, recurrence_model, state_inputs, state_names

Head = Literal["independent", "chain"]


def music_model(
    *,
    keys: int = 88,
    head: Head = "independent",
    head_units: int = 100,
    name: str = "music_model",
    **stack: Unpack[StackOptions],
) -> keras.Model:
    require_one_of("head", head, get_args(Head))
    if stack.get("bidirectional"):
        raise ValueError(
            "`bidirectional` must be false: a layer that reads backwards has already seen the "
            "frame to predict."
        )
    notes = keras.Input((None, keys), name="notes")
    previous = keras.Input((keys,), name="previous")
    states = state_names(state_inputs(**stack))
    there = notes[..., 0] >= 0
    read = ops.concatenate([previous[:, None], notes[:, :-1]], axis=1)
    reader = recurrence_model(keys, **stack)
    after = reader({"x": ops.relu(read), **states})
    outputs = after["outputs"]
    if head == "chain":
        logits = ConditionalNADE(head_units, dropout=stack.get("dropout", 0.0), name="head")(
            outputs, ops.relu(notes)
        )
    else:
        logits = keras.layers.Dense(keys, dtype="float32", name="head")(outputs)
    return ZooModel({"notes": notes, "previous": previous, **states}, logits, name=name)
