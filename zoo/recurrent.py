"""The recurrent stack: the one place where cell, depth, direction, skips and dropout meet."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict, Unpack, get_args

import keras

from custom_layers import InitialState, ResidualRNN
from custom_layers.around.initial_state import state_sizes
from custom_layers.engine.checks import require_integer, require_number, require_one_of
from zoo.cells import CELLS, RecurrentInitializer, recurrent_layer

Connection = Literal["none", "residual", "dense"]
MergeMode = Literal["concat", "sum"]
InitialStateMode = Literal["zeros", "learned", "random"]

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
    variational_dropout: bool


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
    variational_dropout: bool = False,
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
        variational_dropout: Let `dropout` drop the same features at all steps of a sequence, as
            `recurrent_dropout` does (Gal and Ghahramani 2016).
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
    options = StackOptions(
        cell=cell,
        units=units,
        depth=depth,
        bidirectional=bidirectional,
        merge_mode=merge_mode,
        connection=connection,
        layer_norm=layer_norm,
        dropout=dropout,
        recurrent_dropout=recurrent_dropout,
        recurrent_initializer=recurrent_initializer,
        initial_state=initial_state,
        l2=l2,
        cell_options=cell_options or {},
        variational_dropout=variational_dropout,
    )
    return _stack(inputs, mask, None, name, options)[0]


def carried_stack(
    inputs: keras.KerasTensor,
    states: Sequence[keras.KerasTensor],
    *,
    mask: keras.KerasTensor | None = None,
    name: str = "recurrent",
    **options: Unpack[StackOptions],
) -> tuple[keras.KerasTensor, list[keras.KerasTensor]]:
    """`recurrent_stack` that is told where it starts and says where it ends.

    What reads a long sequence piece by piece gives the states after a piece to the next one.

    Args:
        inputs: (batch, time, features).
        states: States before the first step, of all layers one after the other, each (batch, size)
            with the sizes of `carried_sizes`.
        mask: As in `recurrent_stack`.
        name: Prefix of the layers' names.
        **options: As in `recurrent_stack`, but for `bidirectional` and `initial_state`.

    Returns:
        (batch, time, width), and the states after the last step, in the same order.

    Raises:
        ValueError: If an option does not fit.
    """
    if options.get("bidirectional"):
        raise ValueError(
            "`bidirectional` must be false: a layer that reads backwards starts from what is still "
            "to come, so no states can be carried to the next piece."
        )
    if options.get("initial_state", "zeros") != "zeros":
        raise ValueError("`initial_state` must be 'zeros': the states are given.")
    sizes = carried_sizes(**options)
    if len(states) != len(sizes):
        raise ValueError(
            f"`states` must be {len(sizes)}, of the sizes {sizes}, found {len(states)}."
        )
    return _stack(inputs, mask, list(states), name, _with_defaults(options))


def carried_sizes(**options: Unpack[StackOptions]) -> list[int]:
    """Sizes of the states of `carried_stack`.

    Example:
        >>> import zoo
        >>> zoo.carried_sizes(cell="lstm", units=8, depth=2)
        [8, 8, 8, 8]
    """
    full = _with_defaults(options)
    layer = recurrent_layer(full["cell"], full["units"], cell_options=full["cell_options"])
    return [int(size) for size in state_sizes(layer)] * full["depth"]


def state_names(states: Sequence[Any]) -> dict[str, Any]:
    """States by the names that they have as inputs and outputs of models: `state_0`, ..."""
    return {f"state_{index}": state for index, state in enumerate(states)}


def state_inputs(**options: Unpack[StackOptions]) -> list[keras.KerasTensor]:
    """An input, named as in `state_names`, for each state of `carried_stack`."""
    sizes = carried_sizes(**options)
    return [keras.Input((size,), name=f"state_{index}") for index, size in enumerate(sizes)]


def recurrence_model(features: int, **options: Unpack[StackOptions]) -> keras.Model:
    """`carried_stack` as a model, for layers that run it piece by piece.

    Args:
        features: Width of the inputs.
        **options: As in `carried_stack`.

    Returns:
        Inputs `x` (batch, time, features) and the states before the first step by `state_names`;
        `outputs` (batch, time, width) and the states after the last step by the same names.
    """
    x = keras.Input((None, features), name="x")
    before = state_inputs(**options)
    outputs, after = carried_stack(x, before, **options)
    return keras.Model(
        {"x": x, **state_names(before)},
        {"outputs": outputs, **state_names(after)},
        name="recurrence",
    )


def _with_defaults(options: StackOptions) -> StackOptions:
    """All options, those not given as `recurrent_stack` has them."""
    parameters = inspect.signature(recurrent_stack).parameters
    defaults = {name: parameters[name].default for name in StackOptions.__annotations__}
    return StackOptions(**{**defaults, **options})  # type: ignore[typeddict-item]


def _stack(
    inputs: Any,
    mask: Any,
    states: list[Any] | None,
    name: str,
    options: StackOptions,
) -> tuple[Any, list[Any]]:
    """The layers one after the other; the states after them where states before are given."""
    _check(options)
    dropping = (
        keras.layers.SpatialDropout1D if options["variational_dropout"] else keras.layers.Dropout
    )
    dropout, connection = options["dropout"], options["connection"]
    x, rest, after = inputs, list(states or ()), []
    for index in range(options["depth"]):
        layer = recurrent_layer(
            options["cell"],
            options["units"],
            recurrent_dropout=options["recurrent_dropout"],
            recurrent_initializer=options["recurrent_initializer"],
            l2=options["l2"],
            cell_options=options["cell_options"],
            return_state=states is not None,
            name=f"{name}_{index}",
        )
        before = None
        if states is not None:
            count = len(state_sizes(layer))
            before, rest = rest[:count], rest[count:]
        if options["bidirectional"]:
            merge_mode = options["merge_mode"]
            layer = keras.layers.Bidirectional(layer, merge_mode=merge_mode, name=layer.name)
        if options["initial_state"] != "zeros":
            start = InitialState.for_layer(
                layer, options["initial_state"], name=f"{layer.name}_start"
            )
            before = start(x)
        if connection == "none":
            if options["layer_norm"]:
                x = keras.layers.LayerNormalization(name=f"{layer.name}_norm")(x)
            if dropout:
                x = dropping(dropout, name=f"{layer.name}_dropout")(x)
        else:
            layer = ResidualRNN(
                layer,
                connection,
                options["layer_norm"],
                dropout,
                options["variational_dropout"],
                name=f"{layer.name}_{connection}",
            )
        x = layer(x, initial_state=before, mask=mask)
        if states is not None:
            x, *new = x
            after += new
    if options["layer_norm"] and connection != "none":
        x = keras.layers.LayerNormalization(name=f"{name}_norm")(x)
    if dropout:
        x = dropping(dropout, name=f"{name}_dropout")(x)
    return x, after


def _check(options: StackOptions) -> None:
    require_one_of("cell", options["cell"], CELLS)
    require_one_of("merge_mode", options["merge_mode"], get_args(MergeMode))
    require_one_of("connection", options["connection"], get_args(Connection))
    require_one_of(
        "recurrent_initializer", options["recurrent_initializer"], get_args(RecurrentInitializer)
    )
    require_one_of("initial_state", options["initial_state"], get_args(InitialStateMode))
    require_integer("units", options["units"])
    require_integer("depth", options["depth"])
    require_number("dropout", options["dropout"], least=0, below=1)
    require_number("recurrent_dropout", options["recurrent_dropout"], least=0, below=1)
    require_number("l2", options["l2"], least=0)
    if options["recurrent_initializer"] == "identity" and options["cell"] != "simple":
        raise ValueError(
            "`recurrent_initializer='identity'` makes the IRNN, a ReLU network without gates: "
            f"it needs `cell='simple'`, not {options['cell']!r}."
        )
    if options["depth"] >= DEEP and options["connection"] == "none":
        warnings.warn(
            f"{options['depth']} recurrent layers without skip connections train badly: "
            "consider connection='residual' or 'dense', with layer_norm=True.",
            stacklevel=4,
        )
    if options["recurrent_dropout"] and options["cell"] in ("lstm", "gru"):
        warnings.warn(
            "recurrent_dropout turns the cuDNN kernels off: slower on a GPU, no change on a CPU.",
            stacklevel=4,
        )
