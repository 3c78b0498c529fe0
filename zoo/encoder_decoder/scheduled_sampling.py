"""Scheduled sampling: a decoder learns to go on from its own tokens, and not from the true ones
alone, which it will not have when it is used."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

import keras
from keras import ops

from custom_layers.engine.checks import require_integer, require_number, require_one_of
from custom_layers.engine.tensor import Tensor
from zoo.decoding.sampling import draw
from zoo.decoding.steps import search
from zoo.encoder_decoder.decoder import AttentionDecoder

Schedule = Literal["linear", "exponential", "sigmoid"]

_STEEPNESS = 12.0


def own_share(progress: float | Tensor, share: float, schedule: Schedule) -> Tensor:
    """Share of own tokens, from none at the start of a training to `share` at its end.

    With p the progress and s the share::

        linear        s p
        exponential   1 - (1 - s)^p                fast at first
        sigmoid       s / (1 + exp(12 (1/2 - p)))  slow, fast, slow; s / 400 at the start

    Args:
        progress: From 0 to 1; a number or a tensor.
        share: From 0 to 1.
        schedule: As above.

    Raises:
        ValueError: If an option does not fit.

    Reference:
        Bengio et al. 2015, whose linear, exponential and inverse sigmoid decay are these.

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
    """The tokens put in, some of them replaced by what the decoder itself would have said.

    From left to right, each token but the first is, where its coin is below `share`, drawn from the
    distribution that the decoder has after the tokens put in so far, its own ones among them; else
    it stays. The decoder runs here without dropout, and no gradient passes.

    Args:
        decoder: Of an `encoder_decoder`.
        encoded: What its encoder returns.
        tokens: (batch, time) int32; 0 = padding, which stays.
        share: Of own tokens, 0 to 1.
        coins: (batch, time), numbers in [0, 1).
        uniforms: (batch, time), likewise; they draw the tokens (`zoo.sample_tokens`).

    Returns:
        (batch, time) int32.
    """
    states, context = decoder.start(encoded)
    true = ops.cast(tokens, "int32")[:, 1:]
    own = ops.logical_and(coins[:, 1:] < share, true != 0)

    def choose(log_p: Tensor, t: Tensor) -> Tensor:
        said = draw(log_p, ops.take(uniforms, t + 1, axis=1))
        return ops.where(ops.take(own, t, axis=1), said, ops.take(true, t, axis=1))

    length = ops.shape(true)[1]
    mixed, _ = search(decoder.step, choose, states, context, tokens[:, 0], None, length)
    return ops.concatenate([ops.cast(tokens, "int32")[:, :1], mixed], axis=1)


class ScheduledSampling(keras.layers.Layer):
    """An `encoder_decoder` in training: teacher forcing that gives way to the decoder's own tokens.

    At every step of training a coin is thrown for each token that goes into the decoder (Bengio et
    al. 2015): the true one, or one drawn from what the decoder made of those before it. The share
    of own tokens grows with the steps (`own_share`). Tokens are drawn in a pass of their own, one
    after the other, without dropout; then all steps are trained at once. Outside training the true
    tokens go in.

    Args:
        model: Of `encoder_decoder`. It is shared, not copied.
        share: Of own tokens, at the last of the steps.
        steps: Steps of training until then.
        schedule: `"linear"`, `"exponential"` or `"sigmoid"`.
        seed: Of the coins and draws.
        **kwargs: Those of `keras.layers.Layer`.

    Call arguments:
        inputs: Dictionary of `source` and `target`, as for the model.

    Output shape:
        Logits `(batch, time, vocabulary)`.

    Raises:
        ValueError: If an option does not fit.
    """

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
        self.share, self.steps, self.schedule = share, steps, schedule
        self.seeds = keras.random.SeedGenerator(seed)
        self.done = self.add_weight(
            name="steps_done", shape=(), dtype="int32", initializer="zeros", trainable=False
        )

    def call(self, inputs: dict[str, Any], training: bool | None = None) -> Any:
        encoder, decoder = (self.model.get_layer(name) for name in ("encoder", "decoder"))
        encoded = encoder({"source": inputs["source"]}, training=training)
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

    def as_model(self) -> keras.Model:
        """A model of the same inputs, to be compiled and fitted."""
        inputs = {
            name: keras.Input((None,), dtype="int32", name=name) for name in ("source", "target")
        }
        return keras.Model(inputs, self(inputs), name=self.model.name)
