"""The linear recurrent unit: a diagonal, complex, linear recurrence."""

from __future__ import annotations

import math
import random
from typing import Any, ClassVar, Unpack

import keras
import numpy as np
from keras import ops

from custom_layers.engine.checks import require_integer, require_number
from custom_layers.engine.linear import complex_linear_recurrence
from custom_layers.engine.loops import project
from custom_layers.engine.masking import take_steps, valid_first
from custom_layers.engine.tensor import Tensor
from custom_layers.initializers import fixed_values
from custom_layers.recurrent.base import (
    CellOptions,
    RecurrentCell,
    RecurrentLayer,
    RecurrentOptions,
)


@keras.saving.register_keras_serializable(package="rnn_zoo")
class LRUCell(RecurrentCell):
    """One step of `LRU`, which has the equation and the arguments.

    Call arguments:
        inputs: `(batch, features)`.
        states: List of the last output, `(batch, units)`, and of the real and imaginary parts of
            the state, `(batch, 2 * state_units)`.
    """

    default_initializers: ClassVar = {"kernel": "glorot_uniform", "bias": "zeros"}
    takes_recurrent_dropout = False
    output_is_not_read = True

    def __init__(
        self,
        units: int,
        state_units: int | None = None,
        r_min: float = 0.0,
        r_max: float = 1.0,
        max_phase: float = 2 * math.pi,
        activation: Any = "linear",
        use_bias: bool = True,
        parallel: bool = True,
        **kwargs: Unpack[CellOptions],
    ) -> None:
        super().__init__(units, **kwargs)
        if state_units is not None:
            state_units = require_integer("state_units", state_units)
        if not 0 <= r_min < r_max <= 1:
            raise ValueError(
                "`r_min` and `r_max` must satisfy 0 <= r_min < r_max <= 1, "
                f"found {r_min!r} and {r_max!r}."
            )
        self.state_units = state_units
        self.r_min = r_min
        self.r_max = r_max
        self.max_phase = require_number("max_phase", max_phase, above=0, most=2 * math.pi)
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.parallel = parallel
        self.state_size = [self.units, 2 * self._width]

    @property
    def _width(self) -> int:
        return self.units if self.state_units is None else self.state_units

    def build(self, input_shape: tuple[Any, ...]) -> None:
        features, width = input_shape[-1], self._width
        # In NumPy, as a tensor would be symbolic in a layer that `fit` builds; seeded from the
        # generator that `keras.utils.set_random_seed` seeds, as Keras does.
        draws = np.random.default_rng(random.randint(1, 2**31 - 1)).random((2, width))
        # With |lambda|^2 uniform between the squared radii, lambda is uniform on the ring.
        square = draws[0] * (self.r_max**2 - self.r_min**2) + self.r_min**2
        square = np.clip(square, 1e-8, 1 - 1e-8)
        self.nu_log = self._parameter("nu_log", np.log(-0.5 * np.log(square)))
        self.theta_log = self._parameter("theta_log", np.log(self.max_phase * draws[1] + 1e-8))
        self.gamma_log = self._parameter("gamma_log", 0.5 * np.log(1 - square))
        self.input_kernel = self.add_weight(
            name="input_kernel",
            shape=(features, 2 * width),
            initializer=keras.initializers.RandomNormal(stddev=(2 * features) ** -0.5),
        )
        self.output_kernel = self.add_weight(
            name="output_kernel",
            shape=(2 * width, self.units),
            initializer=keras.initializers.RandomNormal(stddev=width**-0.5),
        )
        self.kernel = self.add_kind("kernel", (features, self.units))
        self.bias = self.add_kind("bias", (self.units,)) if self.use_bias else None

    def _parameter(self, name: str, values: np.ndarray) -> Any:
        return self.add_weight(
            name=name,
            shape=values.shape,
            initializer=fixed_values(values),
        )

    def _eigenvalues(self) -> tuple[Tensor, Tensor]:
        """Real and imaginary parts of lambda."""
        radius = ops.exp(-ops.exp(self.nu_log))
        phase = ops.exp(self.theta_log)
        return radius * ops.cos(phase), radius * ops.sin(phase)

    def _drive(self, inputs: Tensor) -> Tensor:
        """`gamma * B x`, real parts first."""
        gamma = ops.exp(self.gamma_log)
        return project(inputs, self.input_kernel * ops.concatenate([gamma, gamma]))

    def _read(self, state: Tensor, inputs: Tensor) -> Tensor:
        return self.activation(
            project(state, self.output_kernel) + project(inputs, self.kernel, self.bias)
        )

    def call(
        self, inputs: Tensor, states: list[Tensor], training: bool = False
    ) -> tuple[Tensor, list[Tensor]]:
        re, im = self._eigenvalues()
        old_re, old_im = ops.split(states[1], 2, axis=-1)
        turned = ops.concatenate([re * old_re - im * old_im, re * old_im + im * old_re], axis=-1)
        state = turned + self._drive(inputs)
        output = self._read(state, inputs)
        return output, [output, state]

    def scan(
        self,
        inputs: Tensor,
        initial_state: list[Tensor],
        mask: Tensor | None = None,
        recurrent_dropout_mask: Tensor | None = None,
    ) -> tuple[Tensor, list[Tensor]]:
        if mask is not None:
            inputs = take_steps(inputs, valid_first(mask))
        re, im = self._eigenvalues()
        states = complex_linear_recurrence(
            re, im, self._drive(inputs), initial_state[1], parallel=self.parallel
        )
        outputs = self._read(states, inputs)
        if mask is None:
            return outputs, [outputs[:, -1], states[:, -1]]
        # After n valid steps it is the n-th state, after none the initial one.
        count = ops.cumsum(ops.cast(mask, "int32"), axis=1)
        outputs = ops.concatenate([initial_state[0][:, None], outputs], axis=1)
        states = ops.concatenate([initial_state[1][:, None], states], axis=1)
        outputs = take_steps(outputs, count)
        return outputs, [outputs[:, -1], take_steps(states, count[:, -1:])[:, 0]]

    def infer(
        self, inputs: Tensor, initial_state: list[Tensor], mask: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        return self.in_chunks(inputs, initial_state, mask)

    def get_config(self) -> dict[str, Any]:
        config = {
            "state_units": self.state_units,
            "r_min": self.r_min,
            "r_max": self.r_max,
            "max_phase": self.max_phase,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "parallel": self.parallel,
        }
        return {**super().get_config(), **config}


@keras.saving.register_keras_serializable(package="rnn_zoo")
class LRU(RecurrentLayer):
    """Linear recurrent unit: a diagonal, complex, linear recurrence, trained in parallel over time.

    With inputs `x_t`, complex states `s_t`, outputs `y_t` and an activation `f`::

        lambda = exp(-exp(nu) + i exp(theta))                  |lambda| < 1 for any parameters
        s_t = lambda * s_{t-1} + exp(gamma) * (B x_t)          elementwise, B complex
        y_t = f(Re(C s_t) + D x_t + b)                         C complex

    The eigenvalues start on a ring within the unit circle, and `gamma` so that the state is as
    large as the input, `exp(gamma) = sqrt(1 - |lambda|^2)`. All steps are computed in parallel, in
    about log T rounds. With the default `f` the layer is linear in its inputs: the nonlinearity has
    to come from `f`, or from the layers between those of a stack.

    Args:
        units: Width of the output.
        state_units: Number of complex entries of the state. Defaults to `None`, `units`.
        r_min: Smallest initial `|lambda|`. Near 1 for a long memory. Defaults to `0.0`.
        r_max: Largest initial `|lambda|`. Defaults to `1.0`.
        max_phase: Largest initial phase of `lambda`, in radians. Small for slow signals. Defaults
            to 2 pi.
        activation: `f`. Defaults to `"linear"`.
        use_bias: Whether to add the bias `b`. Defaults to `True`.
        parallel: Whether to compute all steps of a sequence at once, in blocks, instead of one by
            one. The numbers are the same. Defaults to `True`.
        **kwargs: `kernel_initializer` (of `D`, defaults to `"glorot_uniform"`), `bias_initializer`
            (defaults to `"zeros"`), and for each a `*_regularizer` and a `*_constraint`; `dropout`,
            the share of the inputs to drop, the same at all steps of a sequence (defaults to
            `0.0`), and its `seed`; `return_sequences`, `return_state`, `go_backwards` and
            `zero_output_for_mask` as in `keras.layers.RNN` (defaults `False`); and those of
            `keras.layers.Layer`. There is no recurrent dropout, as no matrix product is applied to
            the state on its way to the next step.

    Call arguments:
        sequences: `(batch, time, features)`.
        initial_state: Optional list of the output before the first step, `(batch, units)`, used
            only if the first steps are masked, and of the state, `(batch, 2 * state_units)`, real
            parts first. Zeros by default.
        mask: Optional booleans `(batch, time)`.
        training: Whether to apply dropout.

    Output shape:
        `(batch, units)`, or `(batch, time, units)` with `return_sequences`. With `return_state`,
        followed by the last output and the last state, as in `initial_state`.

    Masking:
        Masked steps (left, right, between, whole rows) carry the state over and repeat the output.

    Raises:
        ValueError: If an argument is invalid.

    Example:

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(2, 6, 3)).astype("float32")
    >>> tuple(LRU(4, r_min=0.9, activation="gelu", return_sequences=True)(x).shape)
    (2, 6, 4)

    Reference:
        [Orvieto et al., 2023](https://arxiv.org/abs/2303.06349). Their `D` is diagonal, as wide as
        the input; here it is a matrix, so that the widths may differ, and there is a bias.
    """

    cell_class = LRUCell

    def __init__(
        self,
        units: int,
        state_units: int | None = None,
        r_min: float = 0.0,
        r_max: float = 1.0,
        max_phase: float = 2 * math.pi,
        activation: Any = "linear",
        use_bias: bool = True,
        parallel: bool = True,
        **kwargs: Unpack[RecurrentOptions],
    ) -> None:
        cell_options, loop_options = self.split_options(kwargs)
        cell = LRUCell(
            units,
            state_units=state_units,
            r_min=r_min,
            r_max=r_max,
            max_phase=max_phase,
            activation=activation,
            use_bias=use_bias,
            parallel=parallel,
            **cell_options,
        )
        super().__init__(cell, **loop_options)
