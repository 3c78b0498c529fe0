"""Minimal GRU and LSTM, whose gates do not see the state: all steps run in parallel."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

import keras
from keras import ops

from custom_layers.engine.linear import linear_recurrence
from custom_layers.engine.loops import project
from custom_layers.engine.tensor import Tensor
from custom_layers.recurrent.base import (
    CellOptions,
    RecurrentCell,
    RecurrentLayer,
    RecurrentOptions,
)


class _MinimalCell(RecurrentCell):
    """What the two cells share: `h_t = keep_t * h_{t-1} + add_t`, both from the input alone."""

    default_initializers: ClassVar = {"kernel": "glorot_uniform", "bias": "zeros"}
    takes_recurrent_dropout = False
    gates: ClassVar[int]

    def __init__(
        self,
        units: int,
        activation: Any = "linear",
        use_bias: bool = True,
        parallel: bool = True,
        **kwargs: Unpack[CellOptions],
    ) -> None:
        super().__init__(units, **kwargs)
        self.state_size = self.units
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.parallel = parallel

    def build(self, input_shape: tuple[Any, ...]) -> None:
        width = (self.gates + 1) * self.units
        self.kernel = self.add_kind("kernel", (input_shape[-1], width))
        self.bias = self.add_kind("bias", (width,)) if self.use_bias else None

    def _coefficients(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """`keep` and `add` for inputs `(..., features)`."""
        z = project(inputs, self.kernel, self.bias)
        candidate = self.activation(z[..., : self.units])
        keep, take = self._gates(z[..., self.units :])
        return keep, take * candidate

    def _gates(self, z: Tensor) -> tuple[Tensor, Tensor]:
        raise NotImplementedError

    def call(
        self, inputs: Tensor, states: list[Tensor], training: bool = False
    ) -> tuple[Tensor, list[Tensor]]:
        keep, add = self._coefficients(inputs)
        state = keep * states[0] + add
        return state, [state]

    def scan(
        self,
        inputs: Tensor,
        initial_state: list[Tensor],
        mask: Tensor | None = None,
        recurrent_dropout_mask: Tensor | None = None,
    ) -> tuple[Tensor, list[Tensor]]:
        keep, add = self._coefficients(inputs)
        if mask is not None:
            valid = mask[:, :, None]
            keep = ops.where(valid, keep, ops.ones_like(keep))
            add = ops.where(valid, add, ops.zeros_like(add))
        states = linear_recurrence(keep, add, initial_state[0], parallel=self.parallel)
        return states, [states[:, -1]]

    def infer(
        self, inputs: Tensor, initial_state: list[Tensor], mask: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        return self.in_chunks(inputs, initial_state, mask)

    def get_config(self) -> dict[str, Any]:
        config = {
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "parallel": self.parallel,
        }
        return {**super().get_config(), **config}


@keras.saving.register_keras_serializable(package="rnn_zoo")
class MinGRUCell(_MinimalCell):
    """One step of `MinGRU`, which has the equation and the arguments.

    Call arguments:
        inputs: `(batch, features)`.
        states: List of the state, `(batch, units)`.
    """

    gates = 1

    def _gates(self, z: Tensor) -> tuple[Tensor, Tensor]:
        update = ops.sigmoid(z)
        return 1 - update, update


@keras.saving.register_keras_serializable(package="rnn_zoo")
class MinLSTMCell(_MinimalCell):
    """One step of `MinLSTM`, which has the equation and the arguments.

    Call arguments:
        inputs: `(batch, features)`.
        states: List of the state, `(batch, units)`.
    """

    gates = 2

    def _gates(self, z: Tensor) -> tuple[Tensor, Tensor]:
        forget, take = z[..., : self.units], z[..., self.units :]
        # f / (f + i) = sigmoid(log f - log i), without a division by a sum that may vanish.
        keep = ops.sigmoid(ops.softplus(-take) - ops.softplus(-forget))
        return keep, 1 - keep


_ARGUMENTS = """
    Args:
        units: Number of units.
        activation: `f`. Defaults to `"linear"`.
        use_bias: Whether to add biases. Defaults to `True`.
        parallel: Whether to compute all steps of a sequence at once, in blocks, instead of one by
            one. The numbers are the same. Defaults to `True`.
        **kwargs: `kernel_initializer` (of all `U`, defaults to `"glorot_uniform"`),
            `bias_initializer` (defaults to `"zeros"`), and for each a `*_regularizer` and a
            `*_constraint`; `dropout`, the share of the inputs to drop, the same at all steps of a
            sequence (defaults to `0.0`), and its `seed`; `return_sequences`, `return_state`,
            `go_backwards` and `zero_output_for_mask` as in `keras.layers.RNN` (defaults `False`);
            and those of `keras.layers.Layer`. There is no recurrent dropout, as no matrix product
            is applied to the state.

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
"""


class _MinimalLayer(RecurrentLayer):
    def __init__(
        self,
        units: int,
        activation: Any = "linear",
        use_bias: bool = True,
        parallel: bool = True,
        **kwargs: Unpack[RecurrentOptions],
    ) -> None:
        cell_options, loop_options = self.split_options(kwargs)
        cell = self.cell_class(
            units, activation=activation, use_bias=use_bias, parallel=parallel, **cell_options
        )
        super().__init__(cell, **loop_options)


@keras.saving.register_keras_serializable(package="rnn_zoo")
class MinGRU(_MinimalLayer):
    __doc__ = f"""Minimal gated recurrent unit, trained in parallel over time.

    With inputs `x_t`, states `h_t` and an activation `f`::

        z_t = sigmoid(U_z x_t + b_z)
        h_t = (1 - z_t) h_{{t-1}} + z_t f(U_h x_t + b_h)

    A GRU whose gate does not see the state. The recurrence is then linear in the state, so that all
    steps are computed in parallel, in about log T rounds. Only the next layer can make decisions
    that depend on the state, so use at least two layers. The kernel holds `[U_h, U_z]`.
    {_ARGUMENTS}
    Example:

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(2, 6, 3)).astype("float32")
    >>> tuple(MinGRU(4, return_sequences=True)(x).shape)
    (2, 6, 4)

    Reference:
        [Feng et al., 2024](https://arxiv.org/abs/2410.01201), with the candidate as in their
        section 3.1. The positive activation of their appendix, which a scan in log space needs, is
        not needed here.
    """

    cell_class = MinGRUCell


@keras.saving.register_keras_serializable(package="rnn_zoo")
class MinLSTM(_MinimalLayer):
    __doc__ = f"""Minimal long short-term memory, trained in parallel over time.

    With inputs `x_t`, states `h_t` and an activation `f`::

        f_t = sigmoid(U_f x_t + b_f)        i_t = sigmoid(U_i x_t + b_i)
        h_t = f_t / (f_t + i_t) h_{{t-1}} + i_t / (f_t + i_t) f(U_h x_t + b_h)

    An LSTM whose forget and input gates do not see the state, normalised so that the size of the
    state does not depend on the length. The recurrence is linear in the state, so that all steps
    are computed in parallel, in about log T rounds. Only the next layer can make decisions that
    depend on the state, so use at least two layers. The kernel holds `[U_h, U_f, U_i]`.
    {_ARGUMENTS}
    Example:

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(2, 6, 3)).astype("float32")
    >>> tuple(MinLSTM(4, return_sequences=True)(x).shape)
    (2, 6, 4)

    Reference:
        [Feng et al., 2024](https://arxiv.org/abs/2410.01201), with the candidate as in their
        section 3.2.
    """

    cell_class = MinLSTMCell
