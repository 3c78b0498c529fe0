"""The base of the recurrent layers: Keras's RNN with a loop over time that the cell provides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypedDict

import keras
import numpy as np
from keras import ops

from custom_layers.engine.checks import require_integer, require_number
from custom_layers.engine.loops import assumed_batch, in_chunks
from custom_layers.engine.masking import zero_masked
from custom_layers.engine.tensor import Tensor
from custom_layers.initializers import PerGateOrthogonal

_CACHE = 2**18
"""How many state values, over all steps, fit into the cache with everything computed from them."""

_CHUNK = (10, 50)
"""Fewest and most steps of a chunk. In short chunks, launching the operations dominates."""

_MANY_ROWS = 8
"""Batch size from which the operations of a step take longer than launching them."""

_GET = {
    "initializer": (keras.initializers.get, keras.initializers.serialize),
    "regularizer": (keras.regularizers.get, keras.regularizers.serialize),
    "constraint": (keras.constraints.get, keras.constraints.serialize),
}


class CellOptions(TypedDict, total=False):
    """Options of a cell's weights, by kind of weight: see `RecurrentCell`."""

    kernel_initializer: Any
    kernel_regularizer: Any
    kernel_constraint: Any
    recurrent_initializer: Any
    recurrent_regularizer: Any
    recurrent_constraint: Any
    bias_initializer: Any
    bias_regularizer: Any
    bias_constraint: Any
    trainable: bool
    dtype: Any


class UnseededOptions(CellOptions, total=False):
    """`RecurrentOptions` for a layer whose `seed` is its own argument."""

    dropout: float
    recurrent_dropout: float
    return_sequences: bool
    return_state: bool
    go_backwards: bool
    zero_output_for_mask: bool
    activity_regularizer: Any
    name: str | None


class RecurrentOptions(UnseededOptions, total=False):
    """Options that all recurrent layers share: of the cell's weights and of `RecurrentLayer`."""

    seed: int | None


def seed_of_direction(seed: int | None, go_backwards: bool) -> int | None:
    """Another seed for a layer that reads backwards.

    `keras.layers.Bidirectional` makes its second layer from the config of the first one, the seed
    included.
    """
    if seed is None or not go_backwards:
        return seed
    return int(np.random.SeedSequence([seed % 2**64, 1]).generate_state(1)[0])


class RecurrentCell(keras.layers.Layer):
    """One step of a recurrence (`call`, for `keras.layers.RNN`) and all of them (`scan`).

    Subclasses set `state_size` and implement `build`, `call` and `scan`. `call` and `scan` compute
    the same numbers: `call` in the fewest lines, `scan` fast. `infer` is `scan` unless another
    order is faster for large sequences in inference. The output is the first state, so that a
    masked step, which carries all states over, repeats the output before it. A cell draws no random
    numbers: dropout belongs to the layer.

    Args:
        units: Width of the output.
        **kwargs: The `*_initializer`, `*_regularizer` and `*_constraint` of every kind of weight in
            `default_initializers`, and the keyword arguments of `keras.layers.Layer`.
    """

    default_initializers: ClassVar[Mapping[str, Callable[[], Any] | str]] = {
        "kernel": "glorot_uniform",
        "recurrent": PerGateOrthogonal,
        "bias": "zeros",
    }
    """The kinds of weights and their default initialisers."""

    takes_recurrent_dropout: ClassVar[bool] = True
    """Whether there are connections between states for recurrent dropout to act on."""

    output_is_not_read: ClassVar[bool] = False
    """Whether the first state is only the output, which no later step reads."""

    state_size: int | list[int]

    def __init__(self, units: int, **kwargs: Any) -> None:
        units = require_integer("units", units)
        options = {
            f"{kind}_{option}": kwargs.pop(f"{kind}_{option}", None)
            for kind in self.default_initializers
            for option in _GET
        }
        super().__init__(**kwargs)
        self.units = units
        for name, value in options.items():
            kind, option = name.rsplit("_", 1)
            if option == "initializer" and value is None:
                default = self.default_initializers[kind]
                value = default if isinstance(default, str) else default()
            setattr(self, name, _GET[option][0](value))

    def add_kind(self, kind: str, shape: tuple[int, ...], name: str | None = None) -> Any:
        """Add a weight with the initialiser, regulariser and constraint of its kind."""
        return self.add_weight(
            name=name or kind,
            shape=shape,
            initializer=getattr(self, f"{kind}_initializer"),
            regularizer=getattr(self, f"{kind}_regularizer"),
            constraint=getattr(self, f"{kind}_constraint"),
        )

    @property
    def output_size(self) -> int:
        return self.units

    def get_initial_state(self, batch_size: Any = None) -> list[Tensor]:
        """A tensor of zeros `(batch_size, size)` for each state."""
        sizes = [self.state_size] if isinstance(self.state_size, int) else self.state_size
        return [ops.zeros((batch_size, size), dtype=self.compute_dtype) for size in sizes]

    def scan(
        self,
        inputs: Tensor,
        initial_state: list[Tensor],
        mask: Tensor | None = None,
        recurrent_dropout_mask: Tensor | None = None,
    ) -> tuple[Tensor, list[Tensor]]:
        """Process whole sequences.

        Args:
            inputs: `(batch, time, features)`, finite at masked steps.
            initial_state: A tensor `(batch, size)` for each state.
            mask: Optional booleans `(batch, time)`. Where `False`, all states are carried over.
            recurrent_dropout_mask: Optional factors `(batch, units)` on the state wherever it
                enters a matrix product.

        Returns:
            The first state after every step `(batch, time, units)`, and all states after the last.
        """
        raise NotImplementedError

    def infer(
        self, inputs: Tensor, initial_state: list[Tensor], mask: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """`scan` for inference, possibly with the same operations in a faster order."""
        return self.scan(inputs, initial_state, mask)

    def in_chunks(
        self, inputs: Tensor, initial_state: list[Tensor], mask: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """`scan`, in pieces if the whole sequence would not fit into the cache."""
        sizes = [self.state_size] if isinstance(self.state_size, int) else self.state_size
        rows, time = assumed_batch(inputs), inputs.shape[1]
        fitting = _CACHE // (rows * sum(sizes))
        if time is None or rows < _MANY_ROWS or time <= fitting:
            return self.scan(inputs, initial_state, mask)
        steps = min(max(fitting, _CHUNK[0]), _CHUNK[1])
        return in_chunks(self.scan, inputs, initial_state, mask, steps)

    def in_steps(
        self, inputs: Tensor, initial_state: list[Tensor], mask: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """`scan`, by one `call` per step as in Keras if a step is large enough."""
        rows, time = assumed_batch(inputs), inputs.shape[1]
        if time is None or rows < _MANY_ROWS or keras.config.backend() == "torch":
            return self.scan(inputs, initial_state, mask)
        return in_chunks(self._one_step, inputs, initial_state, mask, 1)

    def _one_step(
        self, inputs: Tensor, states: list[Tensor], mask: Tensor | None
    ) -> tuple[Tensor, list[Tensor]]:
        _, new = self.call(inputs[:, 0], states)
        if mask is not None:
            new = [ops.where(mask, n, s) for n, s in zip(new, states, strict=True)]
        return new[0][:, None], new

    def get_config(self) -> dict[str, Any]:
        config = {"units": self.units}
        for kind in self.default_initializers:
            for option, (_, serialize) in _GET.items():
                config[f"{kind}_{option}"] = serialize(getattr(self, f"{kind}_{option}"))
        return {**super().get_config(), **config}


class RecurrentLayer(keras.layers.RNN):
    """`keras.layers.RNN` around a `RecurrentCell`: same options and numbers, but a faster loop.

    Masked steps (left, right, between, whole rows) carry all states over; the output there is the
    output of the step before, or the initial state's before the first valid step.

    Args:
        cell: The cell.
        dropout: Share of the inputs to drop in training, the same ones at all steps of a sequence
            (Gal and Ghahramani, 2016). Defaults to `0.0`.
        recurrent_dropout: Share of the states to drop at the recurrent connections, likewise.
            Defaults to `0.0`.
        seed: Integer seed of the dropout. Defaults to `None`, a random seed. A layer that reads
            backwards draws other numbers from it, as the two of a `Bidirectional` share a seed.
        **kwargs: Keyword arguments of `keras.layers.RNN`: `return_sequences`, `return_state`,
            `go_backwards`, `zero_output_for_mask`, and those of `keras.layers.Layer`. `stateful`
            behaves differently on each backend and is not supported: pass states explicitly, with
            `return_state=True` and `initial_state=`.
    """

    cell_class: ClassVar[type[RecurrentCell]]

    def __init__(
        self,
        cell: RecurrentCell,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        for option in ("stateful", "unroll"):
            if kwargs.pop(option, False):
                raise ValueError(
                    f"`{option}=True` is not supported by {type(self).__name__}. "
                    "To carry states across calls, use `return_state=True` and `initial_state`."
                )
        super().__init__(cell, **kwargs)
        self.dropout = require_number("dropout", dropout, least=0, below=1)
        self.recurrent_dropout = require_number(
            "recurrent_dropout", recurrent_dropout, least=0, below=1
        )
        if recurrent_dropout and not cell.takes_recurrent_dropout:
            raise ValueError(
                f"`recurrent_dropout` has nothing to drop in {type(self).__name__}: its states do "
                "not enter a matrix product."
            )
        self.seed = seed
        if dropout or recurrent_dropout:
            drawn_from = seed_of_direction(seed, self.go_backwards)
            self.seed_generator = keras.random.SeedGenerator(drawn_from)

    @staticmethod
    def split_options(
        options: Mapping[str, Any],
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Split the keyword arguments of a layer into those of its cell and those of the loop."""
        shared = ("trainable", "dtype")
        of_cell = {k: v for k, v in options.items() if k in CellOptions.__annotations__}
        of_loop = {k: v for k, v in options.items() if k not in of_cell or k in shared}
        return {**of_cell, "name": "cell"}, of_loop

    @property
    def units(self) -> int:
        return self.cell.units

    def inner_loop(
        self,
        sequences: Tensor,
        initial_state: list[Tensor],
        mask: Tensor | None,
        training: bool = False,
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        if mask is not None:
            mask = ops.cast(mask, "bool")
            if len(mask.shape) == 3:
                mask = mask[:, :, 0]
            # Masked steps may hold anything, NaN included.
            sequences = zero_masked(sequences, mask)
        if self.go_backwards:
            sequences = ops.flip(sequences, axis=1)
            mask = None if mask is None else ops.flip(mask, axis=1)
        if training:
            outputs, states = self.cell.scan(
                self._drop_inputs(sequences) if self.dropout else sequences,
                list(initial_state),
                mask=mask,
                recurrent_dropout_mask=self._recurrent_dropout_mask(sequences),
            )
        else:
            outputs, states = self.cell.infer(sequences, list(initial_state), mask)
        last_output = states[0]
        if self.zero_output_for_mask and mask is not None:
            outputs = outputs * ops.cast(mask[:, :, None], outputs.dtype)
            last_output = outputs[:, -1]
        return last_output, outputs, states

    def _drop_inputs(self, sequences: Tensor) -> Tensor:
        batch, _, features = ops.shape(sequences)
        return sequences * self._dropout_mask((batch, 1, features), self.dropout)

    def _recurrent_dropout_mask(self, sequences: Tensor) -> Tensor | None:
        if not self.recurrent_dropout:
            return None
        return self._dropout_mask((ops.shape(sequences)[0], self.units), self.recurrent_dropout)

    def _dropout_mask(self, shape: tuple[Any, ...], rate: float) -> Tensor:
        ones = ops.ones(shape, dtype=self.compute_dtype)
        return keras.random.dropout(ones, rate, seed=self.seed_generator)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        for option in ("cell", "stateful", "unroll"):
            del config[option]
        cell = self.cell.get_config()
        for key in ("name", "trainable", "dtype"):
            del cell[key]
        own = {
            "dropout": self.dropout,
            "recurrent_dropout": self.recurrent_dropout,
            "seed": self.seed,
        }
        return {**config, **cell, **own}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> RecurrentLayer:
        return cls(**config)
