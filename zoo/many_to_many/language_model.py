"""Language models: the next token from all tokens before, read in pieces of any length."""

from __future__ import annotations

from typing import Any, Unpack

import keras
from keras import ops

from custom_layers.engine.checks import require_integer
from zoo._model import ZooModel
from zoo._parts import LayerOfParts
from zoo._registry import register_model
from zoo._tokens import token_embedding, unit_norm
from zoo.recurrent import StackOptions, carried_stack, state_inputs, state_names

_ZAREMBA, _KARPATHY = "Zaremba et al. 2014", "Karpathy 2015"


@register_model(
    "language_model_characters",
    shape="many-to-many",
    parameters=360_804,
    paper=_KARPATHY,
    vocabulary_size=100,
    embedding_dim=64,
    units=256,
)
@register_model(
    "language_model_small",
    shape="many-to-many",
    parameters=4_651_600,
    paper=_ZAREMBA,
    vocabulary_size=10_000,
    embedding_dim=200,
    units=200,
    depth=2,
)
@register_model(
    "language_model_medium",
    shape="many-to-many",
    parameters=19_775_200,
    paper=_ZAREMBA,
    vocabulary_size=10_000,
    embedding_dim=650,
    units=650,
    depth=2,
    dropout=0.5,
)
@register_model(
    "language_model_tied",
    shape="many-to-many",
    parameters=13_265_200,
    paper="Press and Wolf 2017",
    vocabulary_size=10_000,
    embedding_dim=650,
    units=650,
    depth=2,
    dropout=0.5,
    variational_dropout=True,
    tie_weights=True,
)
def language_model(
    *,
    vocabulary_size: int = 10_000,
    embedding_dim: int = 128,
    tie_weights: bool = False,
    name: str = "language_model",
    **stack: Unpack[StackOptions],
) -> keras.Model:
    """Recurrent language model: logits of the next token, and the states after it.

    The states are inputs and outputs, so that a text can be read in pieces, both in training
    (`TruncatedBPTT` carries them) and token by token in serving.

    Args:
        vocabulary_size: Number of token ids, 0 (padding) included.
        embedding_dim: Width of the token embedding.
        tie_weights: Whether the embedding is also the output matrix (Press and Wolf 2017). The
            outputs of the stack are then projected to its width if they have another.
        name: Name of the model.
        **stack: Options of `zoo.recurrent_stack`, except `bidirectional` and `initial_state`.

    Returns:
        A model with the inputs `tokens` (batch, time), int32, 0 = padding, which does not change
        the states, and `state_0`, `state_1`, ... (batch, size), zeros at the start of a text; and
        the outputs `logits` (batch, time, vocabulary_size) float32 of the next token, and the
        states after the last step by the same names.

    Raises:
        ValueError: If an option is invalid, such as `bidirectional`: a layer that reads backwards
            has already seen the token to predict.

    Example:
        >>> import zoo
        >>> model = zoo.language_model(vocabulary_size=50, cell="gru", units=16)
        >>> sorted(model.output), model.output["logits"].shape
        (['logits', 'state_0'], (None, None, 50))
    """
    if stack.get("bidirectional"):
        raise ValueError(
            "`bidirectional` must be false: a layer that reads backwards has already seen the "
            "token to predict."
        )
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    states = state_inputs(**stack)
    embedding: Any = token_embedding(vocabulary_size, embedding_dim)
    if tie_weights:
        embedding = keras.layers.ReversibleEmbedding(
            vocabulary_size,
            embedding_dim,
            embeddings_initializer=unit_norm(embedding_dim),
            reverse_dtype="float32",
            name="embedding",
        )
    x, after = carried_stack(embedding(tokens), states, mask=ops.not_equal(tokens, 0), **stack)
    if tie_weights:
        if x.shape[-1] != embedding_dim:
            x = keras.layers.Dense(embedding_dim, use_bias=False, name="projection")(x)
        logits = embedding(ops.copy(x), reverse=True)  # without its mask, about which Keras warns
    else:
        logits = keras.layers.Dense(vocabulary_size, dtype="float32", name="logits")(x)
    outputs = {"logits": logits, **state_names(after)}
    return ZooModel({"tokens": tokens, **state_names(states)}, outputs, name=name)


def state_sizes_of(model: keras.Model) -> list[int]:
    """Sizes of the states of a `language_model`."""
    return [model.input[f"state_{i}"].shape[-1] for i in range(len(model.input) - 1)]


@keras.saving.register_keras_serializable(package="rnn_zoo")
class TruncatedBPTT(LayerOfParts):
    """A language model that continues where the previous batch ended.

    Row `i` of a batch continues row `i` of the previous one, unless it is marked as fresh. The
    states are carried over as constants, so the gradient of a batch ends at its first step:
    backpropagation through time, truncated to the length of a batch (Williams and Peng 1990).

        h_0 = (1 - fresh) h_T of the previous batch          dL/dh_0 is not propagated

    Args:
        model: Model of `language_model`, shared rather than copied. Saving, cloning or pickling
            the trainer copies it.
        batch_size: Number of rows of every batch.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Dictionary of `tokens` (batch_size, time), int32, and `fresh` (batch_size, 1), 1
            for rows whose states start from zero.

    Output shape:
        Logits `(batch_size, time, vocabulary_size)`.

    Raises:
        ValueError: If a batch has another number of rows. (Where TensorFlow's graph does not know
            the number, the error is an `InvalidArgumentError`.)

    Example:
        >>> import numpy as np, zoo
        >>> model = zoo.language_model(vocabulary_size=9, cell="gru", units=4)
        >>> reader = TruncatedBPTT(model, batch_size=2)
        >>> piece = {"tokens": np.ones((2, 3), "int32"), "fresh": np.zeros((2, 1), "float32")}
        >>> first, second = reader(piece), reader(piece)
        >>> bool(np.allclose(first, second))
        False
    """

    parts = ("model",)

    def __init__(self, model: keras.Model, batch_size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.batch_size = require_integer("batch_size", batch_size)
        self.states = [
            self.add_weight(
                name=f"carried_{index}",
                shape=(self.batch_size, size),
                initializer="zeros",
                trainable=False,
            )
            for index, size in enumerate(state_sizes_of(model))
        ]

    def call(self, inputs: dict[str, Any], training: bool | None = None) -> Any:
        tokens, kept = inputs["tokens"], 1 - ops.cast(inputs["fresh"], "float32")
        rows = tokens.shape[0]
        if rows is None:  # in a graph, where a single row would be broadcast
            tokens = ops.reshape(tokens, (self.batch_size, ops.shape(tokens)[1]))
        elif rows != self.batch_size:
            raise ValueError(
                f"`tokens` must have {self.batch_size} rows in every batch, as each continues one "
                f"of the batch before, found {rows}. Drop a smaller last batch."
            )
        before = [ops.convert_to_tensor(state) * kept for state in self.states]
        outputs = self.model({"tokens": tokens, **state_names(before)}, training=training)
        for index, state in enumerate(self.states):
            state.assign(ops.cast(ops.stop_gradient(outputs[f"state_{index}"]), state.dtype))
        return outputs["logits"]

    def compute_output_spec(self, inputs: dict[str, Any], **_: Any) -> keras.KerasTensor:
        logits = self.model.output["logits"]
        return keras.KerasTensor((*inputs["tokens"].shape, logits.shape[-1]), dtype=logits.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "batch_size": self.batch_size}

    def as_model(self) -> keras.Model:
        """A model with the same inputs, to be compiled and fitted."""
        inputs = {
            "tokens": keras.Input((None,), self.batch_size, dtype="int32", name="tokens"),
            "fresh": keras.Input((1,), self.batch_size, name="fresh"),
        }
        return ZooModel(inputs, self(inputs), name=self.model.name)
