"""Leaky units: recurrent units that keep a share of their state at every step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Unpack

import keras
import numpy as np
from keras import ops

from custom_layers.engine.leaky import leaky_recurrence, leaky_step
from custom_layers.engine.loops import project
from custom_layers.engine.tensor import Tensor
from custom_layers.initializers import fixed_values
from custom_layers.recurrent.base import (
    CellOptions,
    RecurrentCell,
    RecurrentLayer,
    RecurrentOptions,
)


@keras.saving.register_keras_serializable(package="rnn_zoo")
class LeakyCell(RecurrentCell):
    """One step of `LeakyRNN`, which has the equation and the arguments.

    Call arguments:
        inputs: `(batch, features)`.
        states: List of the state, `(batch, units)`.

    Example:

    >>> import keras, numpy as np
    >>> layer = keras.layers.RNN(LeakyCell(units=4, time_constant=8.0))  # LeakyRNN is faster
    >>> tuple(layer(np.ones((2, 5, 3), dtype="float32")).shape)
    (2, 4)
    """

    def __init__(
        self,
        units: int,
        time_constant: float | Sequence[float] = 2.0,
        activation: Any = "tanh",
        use_bias: bool = True,
        trainable_time_constant: bool = False,
        max_time_constant: float = 1000.0,
        adaptive: bool = False,
        **kwargs: Unpack[CellOptions],
    ) -> None:
        super().__init__(units, **kwargs)
        self.state_size = self.units
        self.time_constant = time_constant
        self.max_time_constant = max_time_constant
        self.trainable_time_constant = trainable_time_constant
        self.adaptive = adaptive
        self.use_bias = use_bias
        self.activation = keras.activations.get(activation)
        self._check()

    def _check(self) -> None:
        constants = np.asarray(self.time_constant, dtype="float64")
        if constants.shape not in ((), (self.units,)):
            raise ValueError(
                f"`time_constant` must be one number or one for each of the {self.units} units, "
                f"found {self.time_constant!r}."
            )
        if not (constants >= 1).all():
            raise ValueError(
                f"`time_constant` must be at least 1 step, found {self.time_constant!r}."
            )
        if self.adaptive and self.trainable_time_constant:
            raise ValueError(
                "`adaptive=True` chooses the time constant at every step and cannot be combined "
                "with `trainable_time_constant=True`."
            )
        if self.adaptive and not (constants > 1).all():
            raise ValueError(
                "`time_constant` must be above 1 with `adaptive=True`, where it sets the initial "
                f"bias of a logistic gate, found {self.time_constant!r}."
            )
        if self.trainable_time_constant and not (constants <= self.max_time_constant).all():
            raise ValueError(
                f"`time_constant` must be at most `max_time_constant` {self.max_time_constant!r}, "
                f"found {self.time_constant!r}."
            )

    def build(self, input_shape: tuple[Any, ...]) -> None:
        width = 2 * self.units if self.adaptive else self.units
        self.kernel = self.add_kind("kernel", (input_shape[-1], width))
        self.recurrent_kernel = self.add_kind("recurrent", (self.units, width), "recurrent_kernel")
        self.bias = self.add_kind("bias", (self.units,)) if self.use_bias else None
        constants = np.broadcast_to(np.asarray(self.time_constant, "float64"), (self.units,))
        if self.adaptive:
            self.rate_bias = self.add_weight(
                name="rate_bias",
                shape=(self.units,),
                initializer=fixed_values(-np.log(constants - 1)),
            )
        elif self.trainable_time_constant:
            self.log_time_constant = self.add_weight(
                name="log_time_constant",
                shape=(self.units,),
                initializer=fixed_values(np.log(constants)),
                constraint=_Between(0.0, math.log(self.max_time_constant)),
            )

    def call(
        self, inputs: Tensor, states: list[Tensor], training: bool = False
    ) -> tuple[Tensor, list[Tensor]]:
        state = states[0]
        z = self._project(inputs) + ops.matmul(state, self.recurrent_kernel)
        state = leaky_step(state, z, self._rate(), self.activation)
        return state, [state]

    def scan(
        self,
        inputs: Tensor,
        initial_state: list[Tensor],
        mask: Tensor | None = None,
        recurrent_dropout_mask: Tensor | None = None,
    ) -> tuple[Tensor, list[Tensor]]:
        states = leaky_recurrence(
            self._project(inputs),
            initial_state[0],
            self.recurrent_kernel,
            self.activation,
            rate=self._rate(),
            mask=mask,
            recurrent_dropout_mask=recurrent_dropout_mask,
        )
        return states, [states[:, -1]]

    def infer(
        self, inputs: Tensor, initial_state: list[Tensor], mask: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        run = self.in_steps if self.adaptive else self.scan
        return run(inputs, initial_state, mask)

    def _project(self, inputs: Tensor) -> Tensor:
        bias = self.bias
        if self.adaptive:
            rate_bias = ops.convert_to_tensor(self.rate_bias)
            plain = ops.zeros_like(rate_bias) if bias is None else ops.convert_to_tensor(bias)
            bias = ops.concatenate([plain, rate_bias])
        return project(inputs, self.kernel, bias)

    def _rate(self) -> Tensor | None:
        """1/T, or `None` if it is always 1 or chosen at every step."""
        if self.adaptive:
            return None
        if self.trainable_time_constant:
            return ops.exp(-self.log_time_constant)
        rates = 1 / np.broadcast_to(np.asarray(self.time_constant, "float64"), (self.units,))
        return None if (rates == 1).all() else ops.convert_to_tensor(rates, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        config = {
            "time_constant": self.time_constant,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "trainable_time_constant": self.trainable_time_constant,
            "max_time_constant": self.max_time_constant,
            "adaptive": self.adaptive,
        }
        return {**super().get_config(), **config}


@keras.saving.register_keras_serializable(package="rnn_zoo")
class LeakyRNN(RecurrentLayer):
    """Recurrent layer of leaky units (leaky integrators).

    With inputs `x_t`, states `s_t`, time constants `T` and an activation `f`::

        s_t = (1 - 1/T) s_{t-1} + (1/T) f(W s_{t-1} + U x_t + b)

    A unit forgets with a time constant of about `T` steps: on the direct path its state, and the
    gradient flowing back through it, shrink by a factor of `1 - 1/T` per step, however small `W`
    is. `T = 1` is the plain recurrent network, exactly `keras.layers.SimpleRNN`.

    Args:
        units: Number of units.
        time_constant: `T` in steps, at least 1: one number or one per unit. Defaults to `2.0`.
        activation: `f`. Defaults to `"tanh"`.
        use_bias: Whether to add the bias `b`. Defaults to `True`.
        trainable_time_constant: Whether to learn a `T` for each unit, starting from
            `time_constant`, between 1 and `max_time_constant`. The weight is `log T`. Defaults to
            `False`.
        max_time_constant: Upper bound of a learned `T`, in steps. Defaults to `1000.0`.
        adaptive: Whether to choose `1/T` for each unit at each step, from input and state::

                1/T_t = sigmoid(W' s_{t-1} + U' x_t + b')

            with an initial `b'` that makes `T` start at `time_constant`. The kernels then hold
            `[U, U']` and `[W, W']`. Defaults to `False`.
        **kwargs: `kernel_initializer` (of `U`, defaults to `"glorot_uniform"`),
            `recurrent_initializer` (of `W`, defaults to `PerGateOrthogonal()`), `bias_initializer`
            (defaults to `"zeros"`), and for each a `*_regularizer` and a `*_constraint`;
            `dropout` and `recurrent_dropout`, the shares of the inputs and of the states entering
            `W` to drop, the same at all steps of a sequence (defaults `0.0`), and their
            `seed`; `return_sequences`, `return_state`, `go_backwards` and `zero_output_for_mask` as
            in `keras.layers.RNN` (defaults `False`); and those of `keras.layers.Layer`.

    Call arguments:
        sequences: `(batch, time, features)`.
        initial_state: Optional state before the first step, `(batch, units)`. Zeros by default.
        mask: Optional booleans `(batch, time)`.
        training: Whether to apply dropout.

    Output shape:
        `(batch, units)`, or `(batch, time, units)` with `return_sequences`. With `return_state`,
        followed by the last state, `(batch, units)`.

    Masking:
        Masked steps (left, right, between, whole rows) carry the state over, which is also the
        output there.

    Raises:
        ValueError: If an argument is invalid.

    Example:

    >>> import numpy as np
    >>> layer = LeakyRNN(1, time_constant=4.0, activation="linear", recurrent_initializer="zeros",
    ...                  kernel_initializer="ones", return_sequences=True)
    >>> states = layer(np.ones((1, 3, 1), dtype="float32"))  # 1 - (3/4)^t
    >>> print(np.round(keras.ops.convert_to_numpy(states)[0, :, 0], 4))
    [0.25   0.4375 0.5781]

    Reference:
        [Jaeger et al., 2007](https://doi.org/10.1016/j.neunet.2007.04.016) for leaky integrators,
        whose leak rate is `1/T`; [Mozer, 1992](https://proceedings.neurips.cc/paper/1991/hash/53fde96fcc4b4ce72d7739202324cd49-Abstract.html)
        for a time constant per unit. With `adaptive=True` and `f = tanh` this is the GRU without a
        reset gate.
    """

    cell_class = LeakyCell

    def __init__(
        self,
        units: int,
        time_constant: float | Sequence[float] = 2.0,
        activation: Any = "tanh",
        use_bias: bool = True,
        trainable_time_constant: bool = False,
        max_time_constant: float = 1000.0,
        adaptive: bool = False,
        **kwargs: Unpack[RecurrentOptions],
    ) -> None:
        cell_options, loop_options = self.split_options(kwargs)
        cell = LeakyCell(
            units,
            time_constant=time_constant,
            activation=activation,
            use_bias=use_bias,
            trainable_time_constant=trainable_time_constant,
            max_time_constant=max_time_constant,
            adaptive=adaptive,
            **cell_options,
        )
        super().__init__(cell, **loop_options)


@keras.saving.register_keras_serializable(package="rnn_zoo")
class _Between(keras.constraints.Constraint):
    """Keeps a weight within bounds, element by element."""

    def __init__(self, low: float, high: float) -> None:
        self.low = low
        self.high = high

    def __call__(self, w: Tensor) -> Tensor:
        return ops.clip(w, self.low, self.high)

    def get_config(self) -> dict[str, Any]:
        return {"low": self.low, "high": self.high}
