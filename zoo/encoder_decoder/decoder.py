"""The decoder of a sequence-to-sequence model: recurrent, with attention to what was encoded.

With the input tokens y, the outputs h of a recurrent stack, the memory m (the encoder's output at
each position of the source) and keys k computed from it:

    h_t = RNN(E y_t, h_t-1)             or with input feeding RNN([E y_t, a_t-1], h_t-1)
    w_t = softmax_s(score(h_t, k_s))    additive: v . tanh(Q h_t + k_s)     dot: h_t . k_s
    c_t = sum_s w_ts m_s                without attention c = m, one vector for the whole source
    a_t = tanh(C [c_t, h_t])            the features
    p(y_t+1) = softmax(O a_t + b)

Without input feeding, all steps of a known target go through each part at once; with it, one after
the other. `step` advances by one token, as the searches of `zoo.decoding` require.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Unpack, get_args

import keras
from keras import ops

from custom_layers.engine.checks import require_one_of
from custom_layers.engine.loops import forward_loop
from custom_layers.engine.tensor import Tensor
from zoo._parts import LayerOfParts
from zoo._tokens import token_embedding
from zoo.recurrent import StackOptions, recurrence_model

Attention = Literal["additive", "dot", "none"]


@keras.saving.register_keras_serializable(package="rnn_zoo")
class AttentionDecoder(LayerOfParts):
    """Logits of the next token from the tokens before it and from the encoded source.

    Args:
        embedding: Model from tokens (batch, time) to vectors.
        recurrence: Model from `x` (batch, time, features) and `state_0`, ... to `outputs` and the
            states after them.
        attend: Model from `outputs` and the context (`memory` and, with attention, `keys` and
            `mask`) to `features` and, with attention, `attention` (batch, time, positions).
        head: Model from features to logits.
        input_feeding: Whether the features of a step are an input of the next one.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    `attention_decoder` creates these parts.

    Call arguments:
        inputs: Dictionary of `tokens` (batch, time) int32, the initial states by name, and the
            context.

    Returns:
        `logits` (batch, time, vocabulary) float32, and, with attention, `attention`
        (batch, time, positions), which sums to 1.
    """

    parts = ("embedding", "recurrence", "attend", "head")

    def __init__(
        self,
        embedding: keras.Model,
        recurrence: keras.Model,
        attend: keras.Model,
        head: keras.Model,
        input_feeding: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.embedding = embedding
        self.recurrence = recurrence
        self.attend = attend
        self.head = head
        self.input_feeding = input_feeding
        self.state_names = [name for name in recurrence.input if name != "x"]
        self.context_names = [name for name in attend.input if name != "outputs"]

    @property
    def key_width(self) -> int:
        """Width of the keys."""
        return self.attend.input["keys"].shape[-1]

    def start(self, encoded: Mapping[str, Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """States and context for `step`, from the outputs of the encoder."""
        states = [encoded[name] for name in self.state_names]
        if self.input_feeding:
            width = self.head.input.shape[-1]
            states.append(ops.zeros((ops.shape(states[0])[0], width), dtype=states[0].dtype))
        return states, [encoded[name] for name in self.context_names]

    def step(
        self, tokens: Tensor, states: Sequence[Tensor], context: Sequence[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """A step of `zoo.decoding`: logits (batch, vocabulary), and the states after it."""
        x = self.embedding(tokens[:, None], training=False)[:, 0]
        _, features, after = self._advance(x, states, context)
        return self.head(features[:, None])[:, 0], after

    def call(self, inputs: Mapping[str, Tensor], training: bool | None = None) -> dict[str, Tensor]:
        states, context = self.start(inputs)
        x = self.embedding(inputs["tokens"], training=training)
        if self.input_feeding:
            outputs = self._step_by_step(x, states, context)
        else:
            named = {"x": x, **dict(zip(self.state_names, states, strict=True))}
            outputs = self.recurrence(named, training=training)["outputs"]
        attended = self.attend(self._with_context(outputs, context), training=training)
        answer = {"logits": self.head(attended["features"])}
        if "attention" in attended:
            answer["attention"] = attended["attention"]
        return answer

    def _step_by_step(self, x: Tensor, states: list[Tensor], context: list[Tensor]) -> Tensor:
        def step(before: list[Tensor], x: Tensor) -> list[Tensor]:
            outputs, _, after = self._advance(x, before[:-1], context)
            return [*after, outputs]

        width = self.recurrence.output["outputs"].shape[-1]
        nothing = ops.zeros((ops.shape(x)[0], width), dtype=x.dtype)
        return forward_loop(step, [*states, nothing], x)[-1]

    def _advance(
        self, x: Tensor, states: Sequence[Tensor], context: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Outputs and features of one step, and the states after it."""
        if self.input_feeding:
            *states, fed = states
            x = ops.concatenate([x, ops.cast(fed, x.dtype)], axis=-1)
        named = {"x": x[:, None], **dict(zip(self.state_names, states, strict=True))}
        after_step = self.recurrence(named, training=False)
        outputs = after_step["outputs"]
        features = self.attend(self._with_context(outputs, context), training=False)["features"]
        after = [after_step[name] for name in self.state_names]
        features = features[:, 0]
        return outputs[:, 0], features, [*after, features] if self.input_feeding else after

    def _with_context(self, outputs: Tensor, context: Sequence[Tensor]) -> dict[str, Tensor]:
        return {"outputs": outputs, **dict(zip(self.context_names, context, strict=True))}

    def compute_output_spec(self, inputs: Mapping[str, Any], **kwargs: Any) -> dict[str, Any]:
        shape = inputs["tokens"].shape
        logits = (*shape, self.head.output.shape[-1])
        answer = {"logits": keras.KerasTensor(logits, dtype="float32")}
        if "attention" in self.attend.output:
            weights = (*shape, inputs["memory"].shape[1])
            answer["attention"] = keras.KerasTensor(weights, dtype=self.compute_dtype)
        return answer

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "input_feeding": self.input_feeding}


def attention_decoder(
    *,
    vocabulary_size: int,
    embedding_dim: int,
    attention: Attention,
    memory_dim: int,
    input_feeding: bool = False,
    name: str = "decoder",
    **stack: Unpack[StackOptions],
) -> AttentionDecoder:
    """An `AttentionDecoder` around a recurrent stack.

    Args:
        vocabulary_size: Number of token ids, 0 (padding) included.
        embedding_dim: Width of the token embedding.
        attention: Score of states and keys: `"additive"`, `"dot"`, or `"none"` for a context that
            is one vector.
        memory_dim: Width of the memory.
        input_feeding: Whether the features of a step are an input of the next one. Steps then run
            one after the other in training, too, and dropout applies to embeddings and features
            only.
        name: Name of the layer.
        **stack: Options of `zoo.recurrent_stack`, except `bidirectional` and `initial_state`. The
            features are `units` wide.

    Raises:
        ValueError: If an option is invalid.
    """
    require_one_of("attention", attention, get_args(Attention))
    units, dropout = stack.get("units", 128), stack.get("dropout", 0.0)
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    x = token_embedding(vocabulary_size, embedding_dim)(tokens)
    if input_feeding and dropout:
        x = keras.layers.Dropout(dropout, name="embedding_dropout")(x)
    embedding = keras.Model(tokens, x, name="embedding")

    recurrence = recurrence_model(embedding_dim + (units if input_feeding else 0), **stack)
    width = recurrence.output["outputs"].shape[-1]
    attend = _attend(attention, width, memory_dim, units, dropout)
    features = keras.Input((None, units), name="features")
    logits = keras.layers.Dense(vocabulary_size, dtype="float32", name="logits")(features)
    head = keras.Model(features, logits, name="head")
    return AttentionDecoder(embedding, recurrence, attend, head, input_feeding, name=name)


def _attend(
    attention: Attention, output_dim: int, memory_dim: int, units: int, dropout: float
) -> keras.Model:
    outputs = keras.Input((None, output_dim), name="outputs")
    weights = {}
    if attention == "none":
        memory = keras.Input((memory_dim,), name="memory")
        context = {"memory": memory}
        steps = ops.ones_like(outputs[:, :, :1])
        attended = memory[:, None] * steps
    else:
        memory = keras.Input((None, memory_dim), name="memory")
        width = units if attention == "additive" else output_dim
        keys = keras.Input((None, width), name="keys")
        mask = keras.Input((None,), dtype="bool", name="mask")
        context = {"memory": memory, "keys": keys, "mask": mask}
        query = outputs
        if attention == "additive":
            query = keras.layers.Dense(units, use_bias=False, name="query")(outputs)
            score = keras.layers.AdditiveAttention(name="attention")
        else:
            score = keras.layers.Attention(name="attention")
        attended, weights["attention"] = score(
            [query, memory, keys], mask=[None, mask], return_attention_scores=True
        )
    both = keras.layers.Concatenate(name="attended_and_outputs")([attended, outputs])
    x = keras.layers.Dense(units, "tanh", use_bias=False, name="features")(both)
    if dropout:
        x = keras.layers.Dropout(dropout, name="features_dropout")(x)
    return keras.Model({"outputs": outputs, **context}, {"features": x, **weights}, name="attend")
