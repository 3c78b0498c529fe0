"""Encoder-decoder models: a sequence into another of any length, such as a translation."""

from __future__ import annotations

from typing import Unpack

import keras
from keras import ops

from custom_layers import SequencePooling1D
from zoo._model import ZooModel
from zoo._registry import register_model
from zoo._tokens import token_embedding
from zoo.encoder_decoder.decoder import Attention, attention_decoder
from zoo.recurrent import StackOptions, carried_sizes, recurrent_stack, state_names


@register_model(
    "translator_small",
    shape="encoder-decoder",
    parameters=5_649_472,
    paper="Bahdanau et al. 2015",
    cell="gru",
    units=256,
)
@register_model(
    "translator_fixed",
    shape="encoder-decoder",
    parameters=5_583_424,
    paper="Cho et al. 2014",
    attention="none",
    cell="gru",
    units=256,
)
@register_model(
    "translator_fed",
    shape="encoder-decoder",
    parameters=9_026_368,
    paper="Luong et al. 2015",
    attention="dot",
    input_feeding=True,
    units=256,
    depth=2,
    dropout=0.2,
)
@register_model(
    "translator_deep",
    shape="encoder-decoder",
    parameters=14_184_768,
    paper="Wu et al. 2016",
    units=256,
    depth=4,
    connection="residual",
    layer_norm=True,
    dropout=0.2,
)
def encoder_decoder(
    *,
    source_vocabulary_size: int = 8000,
    target_vocabulary_size: int = 8000,
    attention: Attention = "additive",
    embedding_dim: int = 128,
    input_feeding: bool = False,
    name: str = "encoder_decoder",
    **stack: Unpack[StackOptions],
) -> keras.Model:
    """Recurrent encoder and decoder, with attention or with a fixed context vector.

    The encoder reads the source, by default in both directions. A dense layer with tanh computes
    each initial state of the decoder from the last output of the encoder (or those at both ends).
    The decoder (`zoo.attention_decoder`) predicts each token of the target from those before it and
    from the memory of the encoder: its outputs at all positions, or, without attention, only the
    vector of its ends, however long the source is.

    In training the decoder reads the target (teacher forcing). `ScheduledSampling` sometimes
    replaces it by the decoder's own tokens, and `sequence_search` decodes without a target.

    Args:
        source_vocabulary_size: Number of source ids, 0 (padding) included.
        target_vocabulary_size: Number of target ids, 0 (padding) included.
        attention: `"additive"` (Bahdanau et al. 2015), `"dot"`, a product with a matrix in between
            (Luong et al. 2015), or `"none"` (Cho et al. 2014).
        embedding_dim: Width of both embeddings.
        input_feeding: Whether the decoder reads its features of the step before (Luong et al.
            2015). Training is then slower, as it goes step by step, and XLA cannot compile it.
        name: Name of the model.
        **stack: Options of `zoo.recurrent_stack` for both encoder and decoder, except that
            `bidirectional` (defaults to true), `merge_mode` and `initial_state` apply to the
            encoder only.

    Returns:
        A model with the inputs `source` (batch, positions) and `target` (batch, time), int32, 0 =
        padding on the right, the target with a start token in front; and the output `logits`
        (batch, time, target_vocabulary_size) float32 for the token after each. Its parts are the
        layers `encoder` and `decoder`.

    Raises:
        ValueError: If an option is invalid.

    Example:
        >>> import zoo
        >>> zoo.encoder_decoder(target_vocabulary_size=50, units=16).output_shape
        (None, None, 50)
    """
    encoding: StackOptions = {"bidirectional": True, **stack}
    decoding: StackOptions = {**stack, "bidirectional": False, "initial_state": "zeros"}
    source = keras.Input((None,), dtype="int32", name="source")
    mask = ops.not_equal(source, 0)
    x = token_embedding(source_vocabulary_size, embedding_dim)(source)
    x = recurrent_stack(x, mask=mask, **encoding)
    ends = SequencePooling1D("ends" if encoding["bidirectional"] else "last", name="ends")
    summary = ends(x, mask=mask)
    x = ops.copy(x)  # without its implicit mask, as the decoder gets the mask by name
    memory = summary if attention == "none" else x
    decoder = attention_decoder(
        vocabulary_size=target_vocabulary_size,
        embedding_dim=embedding_dim,
        attention=attention,
        memory_dim=memory.shape[-1],
        input_feeding=input_feeding,
        **decoding,
    )
    starts = [
        keras.layers.Dense(size, "tanh", name=f"start_{index}")(summary)
        for index, size in enumerate(carried_sizes(**decoding))
    ]
    encoded = {**state_names(starts), "memory": memory}
    if attention != "none":
        # A bias would shift all scores of a product equally.
        biased = attention == "additive"
        keys = keras.layers.Dense(decoder.key_width, use_bias=biased, name="keys")(x)
        encoded.update(keys=keys, mask=mask)
    encoder = keras.Model({"source": source}, encoded, name="encoder")
    target = keras.Input((None,), dtype="int32", name="target")
    outputs = decoder({"tokens": target, **encoder({"source": source})})
    return ZooModel({"source": source, "target": target}, outputs["logits"], name=name)
