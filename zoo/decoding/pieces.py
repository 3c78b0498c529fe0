"""Music from a model of chords: frame by frame, and in a chain key by key."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from custom_layers import ConditionalNADE
from custom_layers.chains.nade import COLDEST
from custom_layers.engine.loops import forward_loop
from custom_layers.engine.tensor import Tensor
from zoo._model import ZooModel
from zoo._parts import LayerOfParts


@keras.saving.register_keras_serializable(package="rnn_zoo")
class PieceSampler(LayerOfParts):
    """Reads the beginning of a piece, and draws each frame from the distribution given all before.

    The loop is that of `keras.layers.RNN`, so that it can be exported.

    Args:
        recurrence: Model of `recurrence_model(masked=True)`.
        head: `Dense` or `ConditionalNADE`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Dictionary of `notes` (batch, time, keys), the beginning, -1 in frames of padding,
            of which there may be nothing else; `uniforms` (batch, frames, keys), numbers in [0, 1)
            to draw with; and `temperature` (batch,), at least 0.

    Output shape:
        The frames that follow, `(batch, frames, keys)`, zeros and ones, float32.
    """

    parts = ("recurrence", "head")

    def __init__(self, recurrence: keras.Model, head: keras.layers.Layer, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.recurrence, self.head = recurrence, head
        self.state_names = [name for name in recurrence.input if name not in ("x", "mask")]

    def call(self, inputs: dict[str, Tensor]) -> Tensor:
        notes, uniforms = inputs["notes"], ops.cast(inputs["uniforms"], "float32")
        # A frame of silence goes before each piece; the last frame is read by the loop.
        silence = ops.zeros_like(uniforms[:, 0])
        real = notes[..., 0] >= 0
        lengths = ops.sum(ops.cast(real, "int32"), axis=1)
        sounding = ops.cast(ops.relu(notes), "float32")
        whole = ops.concatenate([silence[:, None], sounding], axis=1)
        place = ops.cast(ops.cumsum(ops.ones_like(whole[..., 0]), axis=1), "int32") - 1
        last = ops.cast(place == lengths[:, None], "float32")
        previous = ops.sum(last[..., None] * whole, axis=1)
        states = [
            ops.repeat(silence[:, :1], self.recurrence.input[name].shape[-1], axis=-1)
            for name in self.state_names
        ]
        _, states = self._run(whole, place < lengths[:, None], states)
        temperature = ops.cast(inputs["temperature"], "float32")[:, None]

        def step(before: list[Tensor], drawn_with: Tensor) -> list[Tensor]:
            previous, *states = before
            outputs, states = self._run(
                previous[:, None], ops.ones_like(previous[:, :1], dtype="bool"), states
            )
            return [draw_frame(self.head, outputs[:, 0], drawn_with, temperature), *states]

        # One step per iteration, as each step contains loops itself.
        return forward_loop(step, [previous, *states], uniforms, steps_per_iteration=1)[0]

    def _run(self, x: Tensor, mask: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        named = {"x": x, "mask": mask, **dict(zip(self.state_names, states, strict=True))}
        after = self.recurrence(named, training=False)
        return after["outputs"], [ops.cast(after[name], "float32") for name in self.state_names]

    def compute_output_spec(self, inputs: dict[str, Any]) -> keras.KerasTensor:
        return keras.KerasTensor(inputs["uniforms"].shape, dtype="float32")


def draw_frame(
    head: keras.layers.Layer, outputs: Tensor, uniforms: Tensor, temperature: Tensor
) -> Tensor:
    """Draw a frame for each row.

    Args:
        head: Layer `frame_head` of a `music_model`.
        outputs: Those of its recurrent stack, (batch, width).
        uniforms: Numbers in [0, 1), (batch, keys).
        temperature: Divisor of the logits, at least 0, (batch, 1).

    Returns:
        Zeros and ones (batch, keys), float32.
    """
    if isinstance(head, ConditionalNADE):
        return head.sample(outputs, uniforms, temperature)
    logits = ops.cast(head(outputs), "float32")
    drawn = uniforms < ops.sigmoid(logits / ops.maximum(temperature, COLDEST))
    return ops.cast(drawn, "float32")


def piece_sampler(model: keras.Model) -> keras.Model:
    """A model that continues pieces, sharing the weights of a `music_model`.

    Args:
        model: Model of `music_model`.

    Returns:
        A model with the inputs and the output `notes` of `PieceSampler`.

    Example:
        >>> import numpy as np, zoo
        >>> sampler = zoo.piece_sampler(zoo.music_model(keys=12, units=16, head_units=8))
        >>> start, uniforms = np.zeros((1, 4, 12)), np.random.default_rng(0).random((1, 6, 12))
        >>> inputs = {"notes": start, "uniforms": uniforms, "temperature": np.ones(1)}
        >>> sampler.predict(inputs, verbose=0)["notes"].shape
        (1, 6, 12)
    """
    keys = model.input["notes"].shape[-1]
    inputs = {
        "notes": keras.Input((None, keys), name="notes"),
        "uniforms": keras.Input((None, keys), name="uniforms"),
        "temperature": keras.Input((), name="temperature"),
    }
    recurrence, head = model.get_layer("recurrence"), model.get_layer("frame_head")
    sampler = PieceSampler(recurrence, head, name="sampler", dtype="float32")
    return ZooModel(inputs, {"notes": sampler(inputs)}, name=f"{model.name}_sampler")
