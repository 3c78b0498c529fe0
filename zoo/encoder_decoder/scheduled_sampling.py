"""Scheduled sampling: a decoder learns to continue its own tokens, as it has to in use."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

import keras
from keras import ops

from custom_layers.engine.checks import require_integer, require_number, require_one_of
from custom_layers.engine.tensor import Tensor
from zoo._model import ZooModel
from zoo._parts import LayerOfParts
from zoo.decoding.sampling import draw
from zoo.decoding.steps import search
from zoo.encoder_decoder.decoder import AttentionDecoder

Schedule = Literal["linear", "exponential", "sigmoid"]

_STEEPNESS = 12.0


def own_share(progress: float | Tensor, share: float, schedule: Schedule) -> Tensor:
    """Share of own tokens, which grows from 0 at the start of a training to `share` at its end.

    With the progress p and the share s::

        linear        s p
        exponential   1 - (1 - s)^p                fast at first
        sigmoid       s / (1 + exp(12 (1/2 - p)))  slow, fast, slow; s / 400 at the start

    Args:
        progress: Number or tensor, from 0 to 1.
        share: Final share, from 0 to 1.
        schedule: `"linear"`, `"exponential"` or `"sigmoid"`.

    Raises:
        ValueError: If an option is invalid.

    Reference:
        Bengio et al. 2015: these are their linear, exponential and inverse sigmoid decay.

    Example:
        >>> round(float(own_share(0.5, 0.4, "linear")), 2)
        0.2
    """
    require_one_of("schedule", schedule, get_args(Schedule))
    require_number("share", share, least=0, most=1)
    done = ops.clip(ops.cast(ops.convert_to_tensor(progress), "float32"), 0.0, 1.0)
    if schedule == "linear":
        return share * done
    if schedule == "exponential":
        return 1 - ops.exp(done * math.log(max(1 - share, 1e-3)))
    return share * ops.sigmoid(_STEEPNESS * (done - 0.5))


def with_own_tokens(
    decoder: AttentionDecoder,
    encoded: dict[str, Tensor],
    tokens: Tensor,
    share: float | Tensor,
    coins: Tensor,
    uniforms: Tensor,
) -> Tensor:
    """The input tokens, some of them replaced by tokens of the decoder.

    From left to right, each token except the first one is replaced if its coin is below `share`. It
    is then drawn from the distribution of the decoder after the input tokens so far, including its
    own. The decoder runs without dropout, and gradients are not propagated.

    Args:
        decoder: Decoder of an `encoder_decoder`.
        encoded: Outputs of its encoder.
        tokens: True tokens (batch, time) int32; 0 = padding, which is kept.
        share: Share of own tokens, 0 to 1.
        coins: Numbers in [0, 1), (batch, time).
        uniforms: Numbers in [0, 1) to draw tokens with (see `zoo.sample_tokens`), (batch, time).

    Returns:
        Tokens (batch, time) int32.
    """
    states, context = decoder.start(encoded)
    true = ops.cast(tokens, "int32")[:, 1:]
    own = ops.logical_and(coins[:, 1:] < share, true != 0)

    def choose(log_p: Tensor, t: Tensor) -> Tensor:
        drawn = draw(log_p, ops.take(uniforms, t + 1, axis=1))
        return ops.where(ops.take(own, t, axis=1), drawn, ops.take(true, t, axis=1))

    length = ops.shape(true)[1]
    mixed, _ = search(decoder.step, choose, states, context, tokens[:, 0], None, length)
    return ops.concatenate([ops.cast(tokens, "int32")[:, :1], mixed], axis=1)


@keras.saving.register_keras_serializable(package="rnn_zoo")
class ScheduledSampling(LayerOfParts):
    """Trains an encoder-decoder, replacing teacher forcing gradually by the decoder's own tokens.

    In each training step, a coin toss for each input token of the decoder (Bengio et al. 2015)
    chooses between the true one and one drawn from the decoder's distribution after the tokens
    before. The share of own tokens grows with the steps (`own_share`). Tokens are drawn in a
    separate pass, one after the other and without dropout; then all steps are trained at once.
    Outside training, all input tokens are true.

    Args:
        model: Model of `encoder_decoder` or `captioner`, shared rather than copied. Saving, cloning
            or pickling the trainer copies it.
        share: Final share of own tokens.
        steps: Number of training steps until then.
        schedule: `"linear"`, `"exponential"` or `"sigmoid"`.
        seed: Seed of the coins and draws.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Dictionary of what the encoder reads and `target`, as for `model`.

    Output shape:
        Logits `(batch, time, vocabulary)`.

    Raises:
        ValueError: If an option is invalid.
    """

    parts = ("model",)

    def __init__(
        self,
        model: keras.Model,
        *,
        share: float,
        steps: int,
        schedule: Schedule = "linear",
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        require_integer("steps", steps)
        own_share(0.0, share, schedule)
        self.model = model
        self.share, self.steps, self.schedule, self.seed = share, steps, schedule, seed
        self.seeds = keras.random.SeedGenerator(seed)
        self.done = self.add_weight(
            name="steps_done", shape=(), dtype="int32", initializer="zeros", trainable=False
        )

    def call(self, inputs: dict[str, Any], training: bool | None = None) -> Any:
        encoder, decoder = (self.model.get_layer(name) for name in ("encoder", "decoder"))
        read = {name: inputs[name] for name in encoder.input}
        encoded = encoder(read, training=training)
        tokens = inputs["target"]
        if training:
            progress = ops.cast(self.done, "float32") / self.steps
            share = own_share(progress, self.share, self.schedule)
            coins, uniforms = (
                keras.random.uniform(ops.shape(tokens), seed=self.seeds) for _ in range(2)
            )
            tokens = with_own_tokens(decoder, encoded, tokens, share, coins, uniforms)
            tokens = ops.stop_gradient(tokens)
            self.done.assign_add(1)
        return decoder({"tokens": tokens, **encoded}, training=training)["logits"]

    def compute_output_spec(self, inputs: dict[str, Any], **_: Any) -> keras.KerasTensor:
        logits = self.model.output
        return keras.KerasTensor((*inputs["target"].shape, logits.shape[-1]), dtype=logits.dtype)

    def get_config(self) -> dict[str, Any]:
        names = ("share", "steps", "schedule", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}

    def as_model(self) -> keras.Model:
        """A model with the same inputs, to be compiled and fitted."""
        inputs = {
            name: keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=name)
            for name, tensor in self.model.input.items()
        }
        return ZooModel(inputs, self(inputs), name=self.model.name)
