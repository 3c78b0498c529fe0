"""The recurrent stack, which combines cell, depth, direction, skip connections and dropout."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict, Unpack, get_args

import keras

from custom_layers import InitialState, ResidualRNN
from custom_layers.around.initial_state import state_sizes
from custom_layers.engine.checks import (
    require_integer,
    require_normalizable,
    require_number,
    require_one_of,
)
from zoo.cells import CELLS, RecurrentInitializer, layer_seeds, recurrent_layer

Connection = Literal["none", "residual", "dense"]
MergeMode = Literal["concat", "sum"]
InitialStateMode = Literal["zeros", "learned", "random"]

#: Depth from which a plain stack is hard to train, as each layer squashes the gradient.
DEEP = 4


class StackOptions(TypedDict, total=False):
    """Options of `recurrent_stack` that a model passes on: `**stack: Unpack[StackOptions]`."""

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
    """Apply a stack of recurrent layers to a sequence.

    With the input x of a layer, the recurrent layer F, and N layer normalisation or the identity:

        none      y = F(N(x))
        residual  y = F(N(x)) + P x     (P = identity if the widths are equal, else a projection)
        dense     y = [x, F(N(x))]      (every layer sees all earlier outputs)

    The first layer reads the inputs as they are, whatever N is.

    Args:
        inputs: Features (batch, time, features).
        mask: Booleans (batch, time), true at valid steps, passed explicitly to every layer. Masked
            steps carry the state over unchanged, in both directions. Pad on the right to use cuDNN.
        cell: `"simple"` (tanh), `"lstm"` or `"gru"` of Keras (h = z h' + (1 - z) candidate,
            `reset_after=True`); `"leaky"`, `"delay"`, `"reservoir"`, `"lmu"`, `"lru"` (with SiLU,
            as it is linear by itself), `"mingru"` or `"minlstm"` of `custom_layers`; or a name
            registered by `register_cell`.
        units: Width of each layer and direction.
        depth: Number of recurrent layers, at least 1.
        bidirectional: Whether to merge with a second layer that reads backwards in time. Not for
            causal tasks.
        merge_mode: `"concat"` (width 2 * units) or `"sum"` (width units).
        connection: Skip connections: `"none"`, `"residual"` or `"dense"`.
        layer_norm: Whether to normalise what each recurrent layer reads from the one before, and
            the output of the stack. The inputs of the first layer are never normalised: of a series
            with one channel a constant would be left, of two channels only their order. Needs at
            least 3 units.
        dropout: Share of the non-recurrent connections to drop, before each layer and after the
            last one (Zaremba et al. 2014).
        recurrent_dropout: Share of the recurrent connections to drop, the same at all steps (Gal
            and Ghahramani 2016). Disables cuDNN. Not for `"lru"`, `"mingru"` and `"minlstm"`, as no
            matrix product is applied to their states.
        recurrent_initializer: `"orthogonal"` for each gate, `"glorot"`, or `"identity"` with ReLU,
            which makes `cell="simple"` the IRNN (Le et al. 2015).
        initial_state: States before the first step: `"zeros"`, `"learned"`, or `"random"`, small
            noise in training and zeros otherwise (`custom_layers.InitialState`).
        l2: Weight of the squared norm of input and recurrent kernels in the loss.
        cell_options: Further arguments of the recurrent layer, by name, such as
            `{"time_constant": 8.0}` with `cell="leaky"` or `{"delays": [1, 8]}` with `"delay"`.
            Every layer and direction draws from a seed of its own, derived from `"seed"`.
        variational_dropout: Whether `dropout` drops the same features at all steps of a sequence,
            as `recurrent_dropout` does (Gal and Ghahramani 2016).
        name: Prefix of the layers' names.

    Returns:
        (batch, time, width) with a width of `units`, doubled by `"concat"`, plus the earlier widths
        for `"dense"`.

    Raises:
        ValueError: If an option is invalid, or two options exclude each other.

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
    """`recurrent_stack` with the states before and after it as arguments and results.

    To read a long sequence piece by piece, pass the states after a piece to the next one.

    Args:
        inputs: Features (batch, time, features).
        states: States before the first step of all layers in turn, each (batch, size) with the
            sizes of `carried_sizes`.
        mask: As in `recurrent_stack`.
        name: Prefix of the layers' names.
        **options: As in `recurrent_stack`, except `bidirectional` and `initial_state`.

    Returns:
        (batch, time, width), and the states after the last step, in the same order.

    Raises:
        ValueError: If an option is invalid.
    """
    if options.get("bidirectional"):
        raise ValueError(
            "`bidirectional` must be false: a layer that reads backwards starts at the end of the "
            "sequence, so it has no states to carry to the next piece."
        )
    if options.get("initial_state", "zeros") != "zeros":
        raise ValueError("`initial_state` must be 'zeros', as the states are inputs.")
    sizes = carried_sizes(**options)
    if len(states) != len(sizes):
        raise ValueError(
            f"`states` must be {len(sizes)} tensors of the sizes {sizes}, found {len(states)}."
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


def recurrence_model(
    features: int, *, masked: bool = False, **options: Unpack[StackOptions]
) -> keras.Model:
    """`carried_stack` as a model, for layers that run it piece by piece.

    Args:
        features: Width of the inputs.
        masked: Whether the valid steps are an input.
        **options: As in `carried_stack`.

    Returns:
        Inputs `x` (batch, time, features), with `masked` the booleans `mask` (batch, time), and the
        states before the first step by `state_names`; `outputs` (batch, time, width) and the states
        after the last step by the same names.
    """
    inputs = {"x": keras.Input((None, features), name="x")}
    if masked:
        inputs["mask"] = keras.Input((None,), dtype="bool", name="mask")
    before = state_inputs(**options)
    outputs, after = carried_stack(inputs["x"], before, mask=inputs.get("mask"), **options)
    return keras.Model(
        {**inputs, **state_names(before)},
        {"outputs": outputs, **state_names(after)},
        name="recurrence",
    )


def _with_defaults(options: StackOptions) -> StackOptions:
    """The options, completed by the defaults of `recurrent_stack`."""
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
    """Apply the layers, and return the states after them if `states` before them are passed."""
    _check(options)
    dropping = (
        keras.layers.SpatialDropout1D if options["variational_dropout"] else keras.layers.Dropout
    )
    dropout, connection = options["dropout"], options["connection"]
    x, rest, after = inputs, list(states or ()), []
    cell_options = _by_layer(options["cell_options"], options["depth"])
    for index in range(options["depth"]):
        layer = recurrent_layer(
            options["cell"],
            options["units"],
            recurrent_dropout=options["recurrent_dropout"],
            recurrent_initializer=options["recurrent_initializer"],
            l2=options["l2"],
            cell_options=cell_options[index],
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
        normalise = options["layer_norm"] and index > 0
        if connection == "none":
            if normalise:
                x = keras.layers.LayerNormalization(name=f"{layer.name}_norm")(x)
            if dropout:
                x = dropping(dropout, name=f"{layer.name}_dropout")(x)
        else:
            layer = ResidualRNN(
                layer,
                connection,
                normalise,
                dropout,
                options["variational_dropout"],
                name=f"{layer.name}_{connection}",
            )
        x = layer(x, initial_state=before, mask=mask)
        if states is not None:
            x, *new = x
            after += new
    if options["layer_norm"]:
        x = keras.layers.LayerNormalization(name=f"{name}_norm")(x)
    if dropout:
        x = dropping(dropout, name=f"{name}_dropout")(x)
    return x, after


def _by_layer(cell_options: Mapping[str, Any] | None, depth: int) -> list[dict[str, Any]]:
    """The options of each layer's cell. With one seed all would draw the same weights."""
    cell_options = cell_options or {}
    if "seed" not in cell_options:
        return [dict(cell_options)] * depth
    seeds = layer_seeds(cell_options["seed"], depth)
    return [{**cell_options, "seed": seed} for seed in seeds]


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
    if options["layer_norm"]:
        require_normalizable("units", options["units"])
    if options["recurrent_initializer"] == "identity" and options["cell"] != "simple":
        raise ValueError(
            "`recurrent_initializer='identity'` makes an IRNN, a ReLU network without gates, and "
            f"needs `cell='simple'`, found {options['cell']!r}."
        )
    if options["depth"] >= DEEP and options["connection"] == "none":
        warnings.warn(
            f"{options['depth']} recurrent layers without skip connections train poorly: "
            "consider connection='residual' or 'dense', with layer_norm=True.",
            stacklevel=4,
        )
    if options["recurrent_dropout"] and options["cell"] in ("lstm", "gru"):
        warnings.warn(
            "recurrent_dropout disables the cuDNN kernels: slower on a GPU, no change on a CPU.",
            stacklevel=4,
        )
