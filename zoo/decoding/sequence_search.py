"""Greedy and beam search as a model from a source to the best targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from custom_layers.engine.tensor import Tensor
from zoo._model import ZooModel
from zoo._parts import LayerOfParts
from zoo.decoding.beam import beam_search
from zoo.encoder_decoder.decoder import AttentionDecoder


@keras.saving.register_keras_serializable(package="rnn_zoo")
class SequenceSearch(LayerOfParts):
    """Beam search (`zoo.beam_search`) for the likeliest targets of a decoder.

    Args:
        decoder: Result of `attention_decoder`.
        start_id: The token before the first one.
        end_id: The token that ends a target.
        max_length: Largest number of tokens of a target, including the end token.
        beam_size: Number of hypotheses; 1 is greedy search.
        length_penalty: As in `zoo.beam_search`.
        forbidden: Ids that are never chosen, such as padding and the unknown token.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: The outputs of the encoder, by name.

    Returns:
        `tokens` (batch, beam_size, max_length) int32, the best first, 0 from the end token on;
        `scores` (batch, beam_size) float32; and, with attention, `attention` (batch, max_length,
        positions), the weights for each token of the best target and its end token, 0 elsewhere.

    Raises:
        ValueError: If an argument is invalid.
    """

    parts = ("decoder",)

    def __init__(
        self,
        decoder: AttentionDecoder,
        *,
        start_id: int,
        end_id: int,
        max_length: int,
        beam_size: int = 4,
        length_penalty: float = 0.6,
        forbidden: Sequence[int] = (0,),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if end_id in forbidden:
            raise ValueError(f"`forbidden` must not hold `end_id` {end_id}, found {forbidden!r}.")
        self.decoder = decoder
        self.start_id, self.end_id = start_id, end_id
        self.max_length, self.beam_size = max_length, beam_size
        self.length_penalty = length_penalty
        self.forbidden = tuple(forbidden)
        self.impossible = np.zeros(decoder.head.output.shape[-1], "float32")
        self.impossible[list(self.forbidden)] = -np.inf

    def call(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        def step(tokens: Tensor, states: list[Tensor], context: list[Tensor]) -> Any:
            logits, after = self.decoder.step(tokens, states, context)
            logits = ops.cast(logits, "float32")
            return logits + ops.convert_to_tensor(self.impossible), after

        states, context = self.decoder.start(inputs)
        tokens, scores, _ = beam_search(
            step,
            states,
            context=context,
            start_id=self.start_id,
            end_id=self.end_id,
            max_length=self.max_length,
            beam_size=self.beam_size,
            length_penalty=self.length_penalty,
        )
        answer = {"tokens": tokens, "scores": scores}
        best = tokens[:, 0]
        start = ops.full_like(best[:, :1], self.start_id)
        outputs = self.decoder({"tokens": ops.concatenate([start, best[:, :-1]], axis=1), **inputs})
        if "attention" in outputs:
            length = ops.sum(ops.cast(best != 0, "int32"), axis=1, keepdims=True) + 1
            real = ops.arange(self.max_length, dtype="int32") < length
            weights = ops.cast(outputs["attention"], "float32")
            answer["attention"] = ops.where(real[:, :, None], weights, 0.0)
        return answer

    def compute_output_spec(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        batch = inputs[self.decoder.state_names[0]].shape[0]
        each = (batch, self.beam_size)
        answer = {
            "tokens": keras.KerasTensor((*each, self.max_length), dtype="int32"),
            "scores": keras.KerasTensor(each, dtype="float32"),
        }
        if "attention" in self.decoder.attend.output:
            shape = (batch, self.max_length, inputs["memory"].shape[1])
            answer["attention"] = keras.KerasTensor(shape, dtype="float32")
        return answer

    def get_config(self) -> dict[str, Any]:
        names = ("start_id", "end_id", "max_length", "beam_size", "length_penalty", "forbidden")
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in names},
        }


def sequence_search(
    model: keras.Model,
    *,
    start_id: int,
    end_id: int,
    max_length: int,
    beam_size: int = 4,
    length_penalty: float = 0.6,
    forbidden: Sequence[int] = (0,),
) -> keras.Model:
    """Turn an encoder-decoder into a model from sources to targets, sharing its weights.

    It can be called, compiled, saved and exported like any model; the search is part of it.

    Args:
        model: Model with layers `encoder` and `decoder`, such as that of `zoo.encoder_decoder`.
        start_id: As in `SequenceSearch`.
        end_id: As in `SequenceSearch`.
        max_length: As in `SequenceSearch`.
        beam_size: As in `SequenceSearch`.
        length_penalty: As in `SequenceSearch`.
        forbidden: As in `SequenceSearch`.

    Returns:
        A model with the encoder's inputs and the outputs of `SequenceSearch`.

    Raises:
        ValueError: If an option is invalid.

    Example:
        >>> import zoo
        >>> model = zoo.encoder_decoder(target_vocabulary_size=50, units=16)
        >>> translator = zoo.sequence_search(model, start_id=2, end_id=2, max_length=20)
        >>> translator.output["tokens"].shape
        (None, 4, 20)
    """
    encoder = model.get_layer("encoder")
    outputs = SequenceSearch(
        model.get_layer("decoder"),
        start_id=start_id,
        end_id=end_id,
        max_length=max_length,
        beam_size=beam_size,
        length_penalty=length_penalty,
        forbidden=forbidden,
        name="search",
    )(encoder.output)
    return ZooModel(encoder.input, outputs, name=f"{model.name}_search")
