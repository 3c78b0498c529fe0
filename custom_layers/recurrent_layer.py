"""The base of the recurrent layers here: Keras's RNN with a loop over time that a cell writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypedDict

import keras
from keras import ops

from custom_layers.initializers import PerGateOrthogonal

Tensor = Any

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
    """Options that the recurrent layers share: of the cell's weights and of `RecurrentLayer`."""

    seed: int | None


class RecurrentCell(keras.layers.Layer):
    """One step of a recurrence (`call`, as `keras.layers.RNN` wants it) and all of them (`scan`).

    Subclasses set `state_size` and write `build`, `call` and `scan`. Both compute the same numbers:
    `call` in the fewest lines, `scan` fast. The output is the first state, so that a masked step,
    which carries all states over, repeats the output before it. A cell draws no random numbers:
    dropout is the layer's.

    Args:
        units: Width of the output.
        **kwargs: For every kind of weight in `default_initializers` its `*_initializer`,
            `*_regularizer` and `*_constraint`, and the keyword arguments of `keras.layers.Layer`.
    """

    default_initializers: ClassVar[Mapping[str, Callable[[], Any] | str]] = {
        "kernel": "glorot_uniform",
        "recurrent": PerGateOrthogonal,
        "bias": "zeros",
    }
    """Kinds of weights and how they start."""

    takes_recurrent_dropout: ClassVar[bool] = True
    """Whether there are connections between states that dropout could thin out."""

    state_size: int | list[int]

    def __init__(self, units: int, **kwargs: Any) -> None:
        if isinstance(units, bool) or not isinstance(units, int) or units < 1:
            raise ValueError(f"`units` must be a positive integer, found {units!r}.")
        given = {
            f"{kind}_{option}": kwargs.pop(f"{kind}_{option}", None)
            for kind in self.default_initializers
            for option in _GET
        }
        super().__init__(**kwargs)
        self.units = units
        for name, value in given.items():
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
        """Zeros, a tensor `(batch_size, size)` for each state."""
        sizes = [self.state_size] if isinstance(self.state_size, int) else self.state_size
        return [ops.zeros((batch_size, size), dtype=self.compute_dtype) for size in sizes]

    def scan(
        self,
        inputs: Tensor,
        initial_state: list[Tensor],
        mask: Tensor | None = None,
        recurrent_dropout_mask: Tensor | None = None,
    ) -> tuple[Tensor, list[Tensor]]:
        """Run through whole sequences.

        Args:
            inputs: `(batch, time, features)`, finite at masked steps.
            initial_state: As many tensors `(batch, size)` as there are states.
            mask: Optional booleans `(batch, time)`; where `False` all states are carried over.
            recurrent_dropout_mask: Optional factors `(batch, units)` on the state wherever it
                enters a matrix product.

        Returns:
            The first state after every step `(batch, time, units)`, and all states after the last.
        """
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        config = {"units": self.units}
        for kind in self.default_initializers:
            for option, (_, serialize) in _GET.items():
                config[f"{kind}_{option}"] = serialize(getattr(self, f"{kind}_{option}"))
        return {**super().get_config(), **config}


class RecurrentLayer(keras.layers.RNN):
    """`keras.layers.RNN` around a `RecurrentCell`: same options, same numbers, the cell's own loop.

    Masked steps (left, right, between, whole rows) carry all states over; the output there is the
    output of the step before, or the initial state's before the first valid step.

    Args:
        cell: The cell.
        dropout: Share of the inputs that is dropped in training, the same inputs at all steps of a
            sequence (Gal and Ghahramani, 2016). Defaults to `0.0`.
        recurrent_dropout: Share of the states that is dropped on their way into the recurrent
            connections, likewise. Defaults to `0.0`.
        seed: Integer seed of the dropout. Defaults to `None`, a seed is drawn.
        **kwargs: Keyword arguments of `keras.layers.RNN`: `return_sequences`, `return_state`,
            `go_backwards`, `zero_output_for_mask`, and those of `keras.layers.Layer`. Instead of
            `stateful`, which three backends understand in three ways, pass states explicitly:
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
        for argument, share in (("dropout", dropout), ("recurrent_dropout", recurrent_dropout)):
            if not 0 <= share < 1:
                raise ValueError(f"`{argument}` must be at least 0 and below 1, found {share!r}.")
        if recurrent_dropout and not cell.takes_recurrent_dropout:
            raise ValueError(
                f"`recurrent_dropout` has nothing to drop in {type(self).__name__}: its states do "
                "not enter a matrix product."
            )
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.seed = seed
        if dropout or recurrent_dropout:
            self.seed_generator = keras.random.SeedGenerator(seed)

    @staticmethod
    def split_options(
        options: Mapping[str, Any],
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The keyword arguments of a layer, apart: those of its cell, and those of the loop."""
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
            # What stands at masked steps may be anything, NaN included.
            sequences = ops.where(mask[:, :, None], sequences, ops.zeros_like(sequences))
        if self.go_backwards:
            sequences = ops.flip(sequences, axis=1)
            mask = None if mask is None else ops.flip(mask, axis=1)
        outputs, states = self.cell.scan(
            self._drop_inputs(sequences) if training and self.dropout else sequences,
            list(initial_state),
            mask=mask,
            recurrent_dropout_mask=(
                self._dropout_mask((ops.shape(sequences)[0], self.units), self.recurrent_dropout)
                if training and self.recurrent_dropout
                else None
            ),
        )
        last_output = states[0]
        if self.zero_output_for_mask and mask is not None:
            outputs = outputs * ops.cast(mask[:, :, None], outputs.dtype)
            last_output = outputs[:, -1]
        return last_output, outputs, states

    def _drop_inputs(self, sequences: Tensor) -> Tensor:
        batch, _, features = ops.shape(sequences)
        return sequences * self._dropout_mask((batch, 1, features), self.dropout)

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
