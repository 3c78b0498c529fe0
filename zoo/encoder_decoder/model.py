"""Encoder and decoder: a sequence out of another, of any length, such as a translation."""

from __future__ import annotations

from typing import Unpack

import keras
from keras import ops

from custom_layers import SequencePooling1D
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
    parameters=14_185_280,
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

    The encoder reads the source, in both directions unless told otherwise; what it has read at the
    end (at both ends) makes the first states of the decoder, by a layer with tanh for each. The
    decoder (`zoo.attention_decoder`) predicts each token of the target from those before it, and
    from the memory of the encoder: its outputs at all positions, or without attention the vector of
    its ends alone, however long the source is.

    In training the decoder is given the target (teacher forcing); `ScheduledSampling` gives it its
    own tokens now and then, and `sequence_search` has it go on alone.

    Args:
        source_vocabulary_size: Number of source ids, 0 (padding) included.
        target_vocabulary_size: Number of target ids, likewise.
        attention: `"additive"` (Bahdanau et al. 2015), `"dot"`, the product with a matrix between
            (Luong et al. 2015), or `"none"` (Cho et al. 2014).
        embedding_dim: Width of both embeddings.
        input_feeding: Whether the decoder gets its features of the step before (Luong et al. 2015).
            Training is then slower, as it goes step by step, and XLA cannot compile it.
        name: Name of the model.
        **stack: Options of `zoo.recurrent_stack`, for encoder and decoder alike, but that
            `bidirectional` (true unless given), `merge_mode` and `initial_state` are the encoder's.

    Returns:
        Inputs `source` (batch, positions) and `target` (batch, time), int32, 0 = padding on the
        right, the target with a start token before it; output `logits` (batch, time,
        target_vocabulary_size) float32 of the token after each. The parts are its layers `encoder`
        and `decoder`.

    Raises:
        ValueError: If an option does not fit.

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
    x = ops.copy(x)  # without its implicit mask, which the decoder gets by name
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
        # A bias would move all scores of a product alike.
        biased = attention == "additive"
        keys = keras.layers.Dense(decoder.key_width, use_bias=biased, name="keys")(x)
        encoded.update(keys=keys, mask=mask)
    encoder = keras.Model({"source": source}, encoded, name="encoder")
    target = keras.Input((None,), dtype="int32", name="target")
    found = decoder({"tokens": target, **encoder({"source": source})})
    return keras.Model({"source": source, "target": target}, found["logits"], name=name)
