"""Captioning: one image into a sentence, by convolutions and a recurrent decoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

import keras
from keras import ops

from zoo._images import GridPositions, Normalization, RowEncoder, convolutional_encoder
from zoo._model import ZooModel
from zoo._registry import register_model
from zoo.encoder_decoder.decoder import Attention, attention_decoder
from zoo.recurrent import StackOptions, carried_sizes, recurrent_stack, state_names


@register_model(
    "captioner_small", shape="one-to-many", parameters=2_380_320, paper="Xu et al. 2015", channels=3
)
@register_model(
    "captioner_fixed",
    shape="one-to-many",
    parameters=2_347_296,
    paper="Vinyals et al. 2015",
    channels=3,
    attention="none",
)
@register_model(
    "captioner_rows",
    shape="one-to-many",
    parameters=5_883_764,
    paper="Deng et al. 2017",
    vocabulary_size=500,
    filters=(64, 128, 256, 256),
    pools=((2, 2), (2, 2), (2, 1), (1, 2)),
    attention="dot",
    embedding_dim=80,
    row_units=256,
    input_feeding=True,
    units=512,
)
def captioner(
    *,
    vocabulary_size: int = 8000,
    channels: int = 1,
    backbone: keras.Model | None = None,
    filters: Sequence[int] = (32, 64, 128),
    pools: Sequence[tuple[int, int]] | None = None,
    normalization: Normalization = "batch",
    row_units: int = 0,
    attention: Attention = "additive",
    embedding_dim: int = 128,
    input_feeding: bool = False,
    name: str = "captioner",
    **stack: Unpack[StackOptions],
) -> keras.Model:
    """Convolutional encoder and recurrent decoder, with visual attention or a fixed vector.

    Convolutions, or a backbone such as a network of `keras.applications`, turn the image into a
    grid of features, to each of which its row and column are added. The grid in reading order is
    the memory; a dense layer with tanh computes each initial state of the decoder from its mean (Xu
    et al. 2015). The decoder (`zoo.attention_decoder`) predicts each token from those before it and
    from the memory, or, without attention, from its mean alone.

    `ScheduledSampling` and `sequence_search` work as for `encoder_decoder`.

    Args:
        vocabulary_size: Number of token ids, 0 (padding) included.
        channels: Colours of an image: 1 where grey, 3 where RGB.
        backbone: Model from images (batch, height, width, channels) in [0, 1] to a grid (batch,
            rows, columns, features), in place of the convolutions; it becomes a part of the
            model. Where it is not trainable, its weights stay.
        filters: Features of each stage of convolutions.
        pools: Height and width of the pooling of each stage; by default (2, 2).
        normalization: Of the convolutions: `"batch"`, `"group"` or `"none"`.
        row_units: Width of a bidirectional layer that reads each row of the grid, with the
            options of the decoder (Deng et al. 2017); 0 is none.
        attention: `"additive"` (Xu et al. 2015), `"dot"`, or `"none"` (Vinyals et al. 2015).
        embedding_dim: Width of the token embedding.
        input_feeding: Whether the decoder reads its features of the step before.
        name: Name of the model.
        **stack: Options of `zoo.recurrent_stack` for the decoder, except `bidirectional` and
            `initial_state`.

    Returns:
        A model with the inputs `image` (batch, height, width, channels) float32 in [0, 1], of any
        size, and `target` (batch, time) int32, 0 = padding on the right, with a start token in
        front; and the output `logits` (batch, time, vocabulary_size) float32 for the token after
        each. Its parts are the layers `encoder` and `decoder`.

    Raises:
        ValueError: If an option is invalid.

    Example:
        >>> import zoo
        >>> zoo.captioner(vocabulary_size=50, filters=(4, 8), units=16).output_shape
        (None, None, 50)
    """
    decoding: StackOptions = {**stack, "bidirectional": False, "initial_state": "zeros"}
    image = keras.Input((None, None, channels), name="image")
    if backbone is None:
        backbone = convolutional_encoder(
            channels=channels,
            filters=filters,
            pools=pools,
            normalization=normalization,
            name="convolutions",
        )
    elif len(backbone.output_shape) != 4 or backbone.output_shape[-1] is None:
        raise ValueError(
            "`backbone` must end in a grid (batch, rows, columns, features), found the shape "
            f"{backbone.output_shape}."
        )
    grid = GridPositions(name="positions")(backbone(image))
    if row_units:
        line = keras.Input((None, grid.shape[-1]), name="line")
        rows: StackOptions = {**decoding, "units": row_units, "depth": 1, "bidirectional": True}
        read = recurrent_stack(line, **rows)
        grid = RowEncoder(keras.Model(line, read, name="row"), name="rows")(grid)
    x = keras.layers.Reshape((-1, grid.shape[-1]), name="reading_order")(grid)
    summary = keras.layers.GlobalAveragePooling1D(name="mean")(x)
    decoder = attention_decoder(
        vocabulary_size=vocabulary_size,
        embedding_dim=embedding_dim,
        attention=attention,
        memory_dim=x.shape[-1],
        input_feeding=input_feeding,
        **decoding,
    )
    starts = [
        keras.layers.Dense(size, "tanh", name=f"start_{index}")(summary)
        for index, size in enumerate(carried_sizes(**decoding))
    ]
    encoded = {**state_names(starts), "memory": summary if attention == "none" else x}
    if attention != "none":
        # A bias would shift all scores of a product equally.
        biased = attention == "additive"
        keys = keras.layers.Dense(decoder.key_width, use_bias=biased, name="keys")(x)
        encoded.update(keys=keys, mask=ops.ones_like(x[..., 0], dtype="bool"))
    encoder = keras.Model({"image": image}, encoded, name="encoder")
    target = keras.Input((None,), dtype="int32", name="target")
    outputs = decoder({"tokens": target, **encoder({"image": image})})
    return ZooModel({"image": image, "target": target}, outputs["logits"], name=name)
