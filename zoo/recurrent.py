"""The recurrent stack: the one place where cell, depth, direction, skips and dropout meet."""

from __future__ import annotations

import difflib
import inspect
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypedDict

import keras

from custom_layers import (
    LRU,
    DelayRNN,
    InitialState,
    LeakyRNN,
    LegendreMemory,
    MinGRU,
    MinLSTM,
    PerGateOrthogonal,
    Reservoir,
    ResidualRNN,
)

Connection = Literal["none", "residual", "dense"]
MergeMode = Literal["concat", "sum"]
RecurrentInitializer = Literal["orthogonal", "glorot", "identity"]
InitialStateMode = Literal["zeros", "learned", "random"]

#: Layers that `cell=` names. Keras's own where it has one: they use cuDNN where they can.
CELLS: dict[str, Callable[..., keras.layers.Layer]] = {
    "simple": keras.layers.SimpleRNN,
    "lstm": keras.layers.LSTM,
    "gru": keras.layers.GRU,
    "leaky": LeakyRNN,
    "delay": DelayRNN,
    "reservoir": Reservoir,
    "lmu": LegendreMemory,
    "lru": LRU,
    "mingru": MinGRU,
    "minlstm": MinLSTM,
}

#: What a cell needs in a stack. The LRU is linear: without this a stack of them would be, too.
CELL_DEFAULTS: dict[str, Mapping[str, Any]] = {"lru": {"activation": "silu"}}

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
    initial_state: InitialStateMode
    l2: float
    cell_options: Mapping[str, Any]


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
    initial_state: InitialStateMode = "zeros",
    l2: float = 0.0,
    cell_options: Mapping[str, Any] | None = None,
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
            `reset_after=True`); `"leaky"`, `"delay"`, `"reservoir"`, `"lmu"`, `"lru"`, `"mingru"`,
            `"minlstm"` (of `custom_layers`; the LRU, linear by itself, with SiLU behind it); or a
            name given to `register_cell`.
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
            (Gal and Ghahramani 2016). Turns cuDNN off. Not for `"lru"`, `"mingru"` and `"minlstm"`,
            whose states enter no matrix product.
        recurrent_initializer: `"orthogonal"` per gate, `"glorot"`, or `"identity"` with ReLU, which
            makes `cell="simple"` the IRNN (Le et al. 2015).
        initial_state: States before the first step: `"zeros"`, `"learned"`, or `"random"`, small
            noise in training and zeros otherwise (`custom_layers.InitialState`).
        l2: Weight of the squared norm of input and recurrent kernels in the loss.
        cell_options: Further arguments of the recurrent layer, by name, such as
            `{"time_constant": 8.0}` with `cell="leaky"` or `{"delays": [1, 8]}` with `"delay"`.
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
        initial_state=initial_state,
        l2=l2,
    )
    x = inputs
    for index in range(depth):
        layer = recurrent_layer(
            cell,
            units,
            recurrent_dropout=recurrent_dropout,
            recurrent_initializer=recurrent_initializer,
            l2=l2,
            cell_options=cell_options,
            name=f"{name}_{index}",
        )
        if bidirectional:
            layer = keras.layers.Bidirectional(
                layer, merge_mode="concat" if merge_mode == "concat" else "sum", name=layer.name
            )
        states = None
        if initial_state != "zeros":
            start = InitialState.for_layer(layer, initial_state, name=f"{layer.name}_start")
            states = start(x)
        if connection == "none":
            if layer_norm:
                x = keras.layers.LayerNormalization(name=f"{layer.name}_norm")(x)
            if dropout:
                x = keras.layers.Dropout(dropout, name=f"{layer.name}_dropout")(x)
        else:
            layer = ResidualRNN(
                layer, connection, layer_norm, dropout, name=f"{layer.name}_{connection}"
            )
        x = layer(x, initial_state=states, mask=mask)
    if layer_norm and connection != "none":
        x = keras.layers.LayerNormalization(name=f"{name}_norm")(x)
    if dropout:
        x = keras.layers.Dropout(dropout, name=f"{name}_dropout")(x)
    return x


def recurrent_layer(
    cell: str,
    units: int,
    *,
    recurrent_dropout: float = 0.0,
    recurrent_initializer: RecurrentInitializer = "orthogonal",
    l2: float = 0.0,
    cell_options: Mapping[str, Any] | None = None,
    name: str | None = None,
) -> keras.layers.Layer:
    """One recurrent layer of a stack, with the arguments of `recurrent_stack`.

    Raises:
        ValueError: If the layer of that cell does not have an option, or refuses its value.
    """
    known = _cell_options(cell)
    for option in cell_options or {}:
        if option not in known:
            near = difflib.get_close_matches(option, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else "."
            raise ValueError(
                f"`cell_options` of {cell!r} are {', '.join(known)}, not {option!r}{hint}"
            )
    return CELLS[cell](
        units,
        return_sequences=True,
        name=name,
        **_weights(cell, recurrent_initializer, l2),
        **({"recurrent_dropout": recurrent_dropout} if recurrent_dropout else {}),
        **{**CELL_DEFAULTS.get(cell, {}), **(cell_options or {})},
    )


_SET_BY_THE_STACK = {
    "units",
    "name",
    "return_sequences",
    "return_state",
    "go_backwards",
    "stateful",
    "unroll",
    "dropout",
    "recurrent_dropout",
    "recurrent_initializer",
    "kernel_regularizer",
    "recurrent_regularizer",
}


def _cell_options(cell: str) -> list[str]:
    """Arguments of the layer of a cell that the stack does not set itself."""
    layer = CELLS[cell]
    parameters = inspect.signature(layer).parameters.values()
    return [
        p.name
        for p in parameters
        if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) and p.name not in _SET_BY_THE_STACK
    ]


def _weights(cell: str, initializer: RecurrentInitializer, l2: float) -> dict[str, Any]:
    """Initialiser and regularisers, for those kinds of weights that the layer has."""
    own = getattr(CELLS[cell], "cell_class", None)
    kinds = ("kernel", "recurrent") if own is None else tuple(own.default_initializers)
    options: dict[str, Any] = {}
    if l2:
        options = {
            f"{kind}_regularizer": keras.regularizers.L2(l2)
            for kind in ("kernel", "recurrent")
            if kind in kinds
        }
    if initializer == "identity":
        return {**options, "recurrent_initializer": "identity", "activation": "relu"}
    if initializer == "glorot":
        if "recurrent" not in kinds:
            raise ValueError(
                f"`recurrent_initializer='glorot'` needs a recurrent kernel that trains, which "
                f"{cell!r} does not have."
            )
        return {**options, "recurrent_initializer": "glorot_uniform"}
    if own is None:
        options["recurrent_initializer"] = PerGateOrthogonal()
    return options  # layers of this package start orthogonal by themselves


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
    initial_state: str,
    l2: float,
) -> None:
    for argument, value, known in (
        ("cell", cell, tuple(CELLS)),
        ("merge_mode", merge_mode, ("concat", "sum")),
        ("connection", connection, ("none", "residual", "dense")),
        ("recurrent_initializer", recurrent_initializer, ("orthogonal", "glorot", "identity")),
        ("initial_state", initial_state, ("zeros", "learned", "random")),
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
