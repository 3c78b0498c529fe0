"""The recurrent stack: the one place where cell, depth, direction, skips and dropout meet."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Literal, TypedDict

import keras

from custom_layers import PerGateOrthogonal

Connection = Literal["none", "residual", "dense"]
MergeMode = Literal["concat", "sum"]
RecurrentInitializer = Literal["orthogonal", "glorot", "identity"]

#: Layers that `cell=` names. Keras's own where it has one: they use cuDNN where they can.
CELLS: dict[str, Callable[..., keras.layers.Layer]] = {
    "simple": keras.layers.SimpleRNN,
    "lstm": keras.layers.LSTM,
    "gru": keras.layers.GRU,
}

#: From this depth on a plain stack is hard to train: gradients pass every layer's squashing.
DEEP = 4


class StackOptions(TypedDict, total=False):
    """Options of `recurrent_stack` that a model passes through: `**stack: Unpack[StackOptions]`."""

    cell: str
    units: int
    depth: int
    bidirectional: bool
    merge_mode: MergeMode
    connection: Connection
    layer_norm: bool
    dropout: float
    recurrent_dropout: float
    recurrent_initializer: RecurrentInitializer
    l2: float


def register_cell(name: str, layer: Callable[..., keras.layers.Layer]) -> None:
    """Make a recurrent layer available as `cell=name` in every model of the zoo.

    Args:
        name: Name for the `cell` option.
        layer: Called as `layer(units, return_sequences=True, recurrent_initializer=...,
            recurrent_dropout=..., kernel_regularizer=..., recurrent_regularizer=..., name=...)`;
            returns a layer that maps (batch, time, features) and a mask to (batch, time, units).

    Raises:
        ValueError: If the name is taken.
    """
    if name in CELLS:
        raise ValueError(f"Cell name {name!r} is taken by {CELLS[name]!r}.")
    CELLS[name] = layer


def recurrent_stack(
    inputs: keras.KerasTensor,
    *,
    mask: keras.KerasTensor | None = None,
    cell: str = "lstm",
    units: int = 128,
    depth: int = 1,
    bidirectional: bool = False,
    merge_mode: MergeMode = "concat",
    connection: Connection = "none",
    layer_norm: bool = False,
    dropout: float = 0.0,
    recurrent_dropout: float = 0.0,
    recurrent_initializer: RecurrentInitializer = "orthogonal",
    l2: float = 0.0,
    name: str = "recurrent",
) -> keras.KerasTensor:
    """Stack recurrent layers on a sequence, functionally.

    With x the input of a layer and F the recurrent layer, N layer normalisation or nothing:

        none      y = F(N(x))
        residual  y = F(N(x)) + P x     (P = identity where widths agree, else a linear projection)
        dense     y = [x, F(N(x))]      (every layer sees all earlier outputs)

    Args:
        inputs: (batch, time, features).
        mask: (batch, time), true where a step counts. Passed explicitly to every layer; masked
            steps carry the state through unchanged, in both directions. Pad on the right where
            cuDNN is wanted.
        cell: `"simple"` (tanh), `"lstm"`, `"gru"` (Keras's own: h = z h' + (1 - z) candidate,
            `reset_after=True`), or a name given to `register_cell`.
        units: Width of each layer and direction.
        depth: Number of recurrent layers, at least 1.
        bidirectional: Run a second layer backwards in time and merge. Not for causal tasks.
        merge_mode: `"concat"` (width 2 * units) or `"sum"` (width units).
        connection: Skip connections, as above.
        layer_norm: Normalise the input of each recurrent layer (pre-layer-norm), and the output of
            the stack when there are skip connections.
        dropout: Share of the non-recurrent connections dropped: before each layer and after the
            last (Zaremba et al. 2014).
        recurrent_dropout: Share of the state's connections dropped, one mask for all steps
            (Gal and Ghahramani 2016). Turns cuDNN off.
        recurrent_initializer: `"orthogonal"` per gate, `"glorot"`, or `"identity"` with ReLU, which
            makes `cell="simple"` the IRNN (Le et al. 2015).
        l2: Weight of the squared norm of input and recurrent kernels in the loss.
        name: Prefix of the layers' names.

    Returns:
        (batch, time, width): units, doubled by `"concat"`, plus the earlier widths for `"dense"`.

    Raises:
        ValueError: If an option has a value it cannot take, or two options exclude each other.

    Example:
        >>> import keras, zoo
        >>> x = keras.Input((None, 16))
        >>> zoo.recurrent_stack(x, cell="gru", units=32, depth=2, bidirectional=True).shape
        (None, None, 64)
    """
    _check(
        cell=cell,
        units=units,
        depth=depth,
        merge_mode=merge_mode,
        connection=connection,
        dropout=dropout,
        recurrent_dropout=recurrent_dropout,
        recurrent_initializer=recurrent_initializer,
        l2=l2,
    )

    def recurrent_layer(index: int) -> keras.layers.Layer:
        layer = CELLS[cell](
            units,
            return_sequences=True,
            recurrent_dropout=recurrent_dropout,
            kernel_regularizer=keras.regularizers.L2(l2) if l2 else None,
            recurrent_regularizer=keras.regularizers.L2(l2) if l2 else None,
            name=f"{name}_{index}",
            **_initializer(recurrent_initializer),
        )
        if bidirectional:
            layer = keras.layers.Bidirectional(
                layer, merge_mode="concat" if merge_mode == "concat" else "sum", name=layer.name
            )
        return layer

    x = inputs
    for index in range(depth):
        y = x
        if layer_norm:
            y = keras.layers.LayerNormalization(name=f"{name}_{index}_norm")(y)
        if dropout:
            y = keras.layers.Dropout(dropout, name=f"{name}_{index}_dropout")(y)
        y = recurrent_layer(index)(y, mask=mask)
        if connection == "residual":
            if x.shape[-1] != y.shape[-1]:
                x = keras.layers.Dense(
                    y.shape[-1], use_bias=False, name=f"{name}_{index}_projection"
                )(x)
            y = keras.layers.Add(name=f"{name}_{index}_add")([x, y])
        elif connection == "dense":
            y = keras.layers.Concatenate(name=f"{name}_{index}_concat")([x, y])
        x = y
    if layer_norm and connection != "none":
        x = keras.layers.LayerNormalization(name=f"{name}_norm")(x)
    if dropout:
        x = keras.layers.Dropout(dropout, name=f"{name}_dropout")(x)
    return x


def _initializer(recurrent_initializer: RecurrentInitializer) -> dict[str, Any]:
    if recurrent_initializer == "orthogonal":
        return {"recurrent_initializer": PerGateOrthogonal()}
    if recurrent_initializer == "glorot":
        return {"recurrent_initializer": "glorot_uniform"}
    return {"recurrent_initializer": "identity", "activation": "relu"}


def _check(
    *,
    cell: str,
    units: int,
    depth: int,
    merge_mode: str,
    connection: str,
    dropout: float,
    recurrent_dropout: float,
    recurrent_initializer: str,
    l2: float,
) -> None:
    for argument, value, known in (
        ("cell", cell, tuple(CELLS)),
        ("merge_mode", merge_mode, ("concat", "sum")),
        ("connection", connection, ("none", "residual", "dense")),
        ("recurrent_initializer", recurrent_initializer, ("orthogonal", "glorot", "identity")),
    ):
        if value not in known:
            raise ValueError(f"`{argument}` must be one of {known}, not {value!r}.")
    for argument, number in (("units", units), ("depth", depth)):
        if number < 1:
            raise ValueError(f"`{argument}` must be at least 1, not {number!r}.")
    for argument, share in (("dropout", dropout), ("recurrent_dropout", recurrent_dropout)):
        if not 0 <= share < 1:
            raise ValueError(f"`{argument}` must be at least 0 and below 1, not {share!r}.")
    if l2 < 0:
        raise ValueError(f"`l2` must not be negative, not {l2!r}.")
    if recurrent_initializer == "identity" and cell != "simple":
        raise ValueError(
            "`recurrent_initializer='identity'` makes the IRNN, a ReLU network without gates: "
            f"it needs `cell='simple'`, not {cell!r}."
        )
    if depth >= DEEP and connection == "none":
        warnings.warn(
            f"{depth} recurrent layers without skip connections train badly: "
            "consider connection='residual' or 'dense', with layer_norm=True.",
            stacklevel=3,
        )
    if recurrent_dropout and cell in ("lstm", "gru"):
        warnings.warn(
            "recurrent_dropout turns the cuDNN kernels off: slower on a GPU, no change on a CPU.",
            stacklevel=3,
        )
