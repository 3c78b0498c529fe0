"""The Legendre memory unit: a recurrent layer that stores its past as a polynomial."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Unpack

import keras
from keras import ops

from custom_layers.engine.checks import require_integer, require_number
from custom_layers.engine.legendre_memory import (
    legendre_recurrence,
    trained_zero_order_hold,
    zero_order_hold,
)
from custom_layers.engine.loops import project
from custom_layers.engine.tensor import Tensor
from custom_layers.initializers import fresh_copy
from custom_layers.recurrent.base import (
    CellOptions,
    RecurrentCell,
    RecurrentLayer,
    RecurrentOptions,
)


@keras.saving.register_keras_serializable(package="rnn_zoo")
class LegendreMemoryCell(RecurrentCell):
    """One step of `LegendreMemory`, which has the equations and the arguments.

    With `E = A - 1` and the memory's equation substituted into that of the hidden state, `scan`
    computes
    `[h_t | m_t] = [0 | m_{t-1}] + [f | 1](x_t K_x + [h_{t-1} | m_{t-1}] K + [b | 0])` with::

        w = [B^T W_m | B^T]                            the effect of u_t = 1
        K_x = [W_x | 0] + e_x w
        K = [W_h | 0] + e_h w                          the rows for h, then those for m
            [W_m + E^T W_m | E^T] + e_m w

    Call arguments:
        inputs: `(batch, features)`.
        states: List of `h`, `(batch, units)`, and `m`, `(batch, order)`.

    Example:

    >>> import keras, numpy as np
    >>> layer = keras.layers.RNN(LegendreMemoryCell(4, order=8))  # LegendreMemory is faster
    >>> tuple(layer(np.ones((2, 5, 3), dtype="float32")).shape)
    (2, 4)
    """

    default_initializers: ClassVar[Mapping[str, Callable[[], Any] | str]] = {
        "kernel": "glorot_normal",
        "recurrent": "glorot_normal",
        "encoder": "lecun_uniform",
        "bias": "zeros",
    }

    def __init__(
        self,
        units: int,
        order: int = 32,
        theta: float = 100.0,
        trainable_theta: bool = False,
        activation: Any = "tanh",
        use_bias: bool = True,
        input_to_hidden: bool = True,
        hidden_to_memory: bool = True,
        memory_to_memory: bool = True,
        encoder_initializer: Any = "lecun_uniform",
        encoder_regularizer: Any = None,
        encoder_constraint: Any = None,
        **kwargs: Unpack[CellOptions],
    ) -> None:
        super().__init__(
            units,
            encoder_initializer=encoder_initializer,
            encoder_regularizer=encoder_regularizer,
            encoder_constraint=encoder_constraint,
            **kwargs,
        )
        self.order = require_integer("order", order)
        self.theta = require_number("theta", theta, least=1)
        self.trainable_theta = trainable_theta
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.input_to_hidden = input_to_hidden
        self.hidden_to_memory = hidden_to_memory
        self.memory_to_memory = memory_to_memory
        self.state_size = [self.units, self.order]

    def build(self, input_shape: tuple[Any, ...]) -> None:
        features, units, order = input_shape[-1], self.units, self.order
        self.encoder = self.add_kind("encoder", (features, 1))
        self.hidden_encoder = self.memory_encoder = self.kernel = self.bias = None
        if self.hidden_to_memory:
            self.hidden_encoder = self._add_another("encoder", (units, 1), "hidden_encoder")
        if self.memory_to_memory:
            self.memory_encoder = self._add_another(
                "encoder", (order, 1), "memory_encoder", "zeros"
            )
        if self.input_to_hidden:
            self.kernel = self.add_kind("kernel", (features, units))
        self.memory_kernel = self._add_another("kernel", (order, units), "memory_kernel")
        self.recurrent_kernel = self.add_kind("recurrent", (units, units), "recurrent_kernel")
        if self.use_bias:
            self.bias = self.add_kind("bias", (units,))
        if self.trainable_theta:
            self.log_theta = self.add_weight(
                name="log_theta",
                shape=(),
                initializer=keras.initializers.Constant(math.log(self.theta)),
                constraint=keras.constraints.NonNeg(),  # at least one step
                autocast=False,
            )
        else:
            self._held = zero_order_hold(order, self.theta)

    def _add_another(
        self, kind: str, shape: tuple[int, ...], name: str, initializer: Any = None
    ) -> Any:
        """Add a second weight of a kind, by default with a copy of its initialiser."""
        if initializer is None:
            initializer = fresh_copy(getattr(self, f"{kind}_initializer"))
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=initializer,
            regularizer=getattr(self, f"{kind}_regularizer"),
            constraint=getattr(self, f"{kind}_constraint"),
        )

    def call(
        self, inputs: Tensor, states: list[Tensor], training: bool = False
    ) -> tuple[Tensor, list[Tensor]]:
        h, m = states
        held, b = self._memory()
        u = ops.matmul(inputs, self.encoder)
        if self.hidden_encoder is not None:
            u = u + ops.matmul(h, self.hidden_encoder)
        if self.memory_encoder is not None:
            u = u + ops.matmul(m, self.memory_encoder)
        m = m + ops.matmul(m, held) + u * b
        z = ops.matmul(h, self.recurrent_kernel) + ops.matmul(m, self.memory_kernel)
        if self.kernel is not None:
            z = z + ops.matmul(inputs, self.kernel)
        if self.bias is not None:
            z = z + self.bias
        h = self.activation(z)
        return h, [h, m]

    def scan(
        self,
        inputs: Tensor,
        initial_state: list[Tensor],
        mask: Tensor | None = None,
        recurrent_dropout_mask: Tensor | None = None,
    ) -> tuple[Tensor, list[Tensor]]:
        input_kernel, kernel = self._kernels()
        projected = project(
            inputs, input_kernel, None if self.bias is None else self._pad(self.bias)
        )
        states = legendre_recurrence(
            projected,
            ops.concatenate(initial_state, axis=-1),
            kernel,
            self.activation,
            self.units,
            mask=mask,
            recurrent_dropout_mask=recurrent_dropout_mask,
        )
        last = states[:, -1]
        return states[..., : self.units], [last[:, : self.units], last[:, self.units :]]

    def infer(
        self, inputs: Tensor, initial_state: list[Tensor], mask: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        return self.in_steps(inputs, initial_state, mask)

    def _kernels(self) -> tuple[Tensor, Tensor]:
        """`K_x` and `K`, see the docstring of the class."""
        held, b = self._memory()
        memory_kernel = ops.convert_to_tensor(self.memory_kernel)
        added = ops.concatenate([ops.matmul(b, memory_kernel), b], axis=-1)
        of_input = self.encoder * added
        if self.kernel is not None:
            of_input = of_input + self._pad(self.kernel)
        of_hidden = self._pad(self.recurrent_kernel)
        if self.hidden_encoder is not None:
            of_hidden = of_hidden + self.hidden_encoder * added
        of_memory = ops.concatenate(
            [memory_kernel + ops.matmul(held, memory_kernel), held], axis=-1
        )
        if self.memory_encoder is not None:
            of_memory = of_memory + self.memory_encoder * added
        return of_input, ops.concatenate([of_hidden, of_memory], axis=0)

    def _memory(self) -> tuple[Tensor, Tensor]:
        """`E^T`, and `B^T`, which is minus its first row."""
        if self.trainable_theta:
            held = ops.cast(trained_zero_order_hold(self.log_theta, self.order), self.compute_dtype)
        else:
            held = ops.convert_to_tensor(self._held, self.compute_dtype)
        return held, -held[:1]

    def _pad(self, weight: Tensor) -> Tensor:
        """The weight with columns of zeros for the memory."""
        weight = ops.convert_to_tensor(weight)
        return ops.pad(weight, [(0, 0)] * (len(weight.shape) - 1) + [(0, self.order)])

    def get_config(self) -> dict[str, Any]:
        config = {
            "order": self.order,
            "theta": self.theta,
            "trainable_theta": self.trainable_theta,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "input_to_hidden": self.input_to_hidden,
            "hidden_to_memory": self.hidden_to_memory,
            "memory_to_memory": self.memory_to_memory,
        }
        return {**super().get_config(), **config}


@keras.saving.register_keras_serializable(package="rnn_zoo")
class LegendreMemory(RecurrentLayer):
    """Legendre memory unit: a recurrent layer with a linear memory of a window of past steps.

    With inputs `x_t`, hidden states `h_t`, the memory `m_t` and its scalar input `u_t`::

        u_t = e_x x_t + e_h h_{t-1} + e_m m_{t-1}
        m_t = A m_{t-1} + B u_t
        h_t = f(W_x x_t + W_h h_{t-1} + W_m m_t + b)

    `m` stores the last `theta` steps of `u` as the coefficients of a polynomial: `u_{t-r}` is about
    `sum_i P_i((2 r + 1) / theta - 1) m_{t,i}`, with the Legendre polynomials `P_i` and `r < theta`.
    `A` and `B` follow from `order` and `theta` and are not learned. They are the exact solution,
    for a `u` that is constant within each step (zero-order hold), of::

        theta dm/dt = A' m + B' u                A = exp(A' / theta), B = A'^{-1} (A - 1) B'
        A'_ij = (2 i + 1) (-1 if i < j else (-1)^(i - j + 1)), B'_i = (2 i + 1) (-1)^i

    Args:
        units: Number of hidden units.
        order: Number of coefficients in the memory. Defaults to `32`.
        theta: Length of the window in steps, at least 1. Defaults to `100.0`.
        trainable_theta: Whether to learn `theta`, starting from this value, with the exact
            gradient. The weight is `log(theta)`, kept non-negative. Defaults to `False`.
        activation: `f`. Defaults to `"tanh"`.
        use_bias: Whether to add the bias `b`. Defaults to `True`.
        input_to_hidden: Whether to use `W_x`. Defaults to `True`.
        hidden_to_memory: Whether to use `e_h`. Defaults to `True`.
        memory_to_memory: Whether to use `e_m`. Without it and `e_h`, the memory depends on the
            inputs alone. Defaults to `True`.
        encoder_initializer: Initialiser of `e_x` and `e_h`; `e_m` starts at zero, so that the
            memory starts as a window. Defaults to `"lecun_uniform"`.
        encoder_regularizer: Regulariser of `e_x`, `e_h` and `e_m`. Defaults to `None`.
        encoder_constraint: Constraint of `e_x`, `e_h` and `e_m`. Defaults to `None`.
        **kwargs: `kernel_initializer` (of `W_x` and `W_m`, defaults to `"glorot_normal"`),
            `recurrent_initializer` (of `W_h`, defaults to `"glorot_normal"`), `bias_initializer`
            (defaults to `"zeros"`), and for each a `*_regularizer` and a `*_constraint`;
            `dropout` and `recurrent_dropout`, the shares of the inputs and of the hidden states
            entering `W_h` and `e_h` to drop, the same at all steps of a sequence (defaults `0.0`),
            and their `seed`; `return_sequences`, `return_state`, `go_backwards` and
            `zero_output_for_mask` as in `keras.layers.RNN` (defaults `False`); and those of
            `keras.layers.Layer`. Half precision is too coarse for a long memory: if `theta` is
            above about 100 (bfloat16) or 1,000 (float16), use `dtype="float32"` for this layer.

    Call arguments:
        sequences: `(batch, time, features)`.
        initial_state: Optional list of the states before the first step, `h`, `(batch, units)`,
            and `m`, `(batch, order)`. Zeros by default.
        mask: Optional booleans `(batch, time)`.
        training: Whether to apply dropout.

    Output shape:
        Hidden states `(batch, units)`, or `(batch, time, units)` with `return_sequences`. With
        `return_state`, followed by the last states, `(batch, units)` and `(batch, order)`.

    Masking:
        Masked steps (left, right, between, whole rows) carry both states over: no time passes in
        the memory. The output there is the hidden state.

    Raises:
        ValueError: If an argument is invalid.

    Example:

    >>> import numpy as np
    >>> layer = LegendreMemory(2, order=3, theta=4.0, hidden_to_memory=False,
    ...                        encoder_initializer="ones", return_state=True)
    >>> _, _, memory = layer(np.full((1, 50, 1), 5.0, dtype="float32"))
    >>> print(np.abs(np.round(keras.ops.convert_to_numpy(memory), 3)))  # a constant: 5 P_0
    [[5. 0. 0.]]

    Reference:
        [Voelker, Kajić and Eliasmith, 2019](https://proceedings.neurips.cc/paper/2019/hash/952285b9b7e7a1be5aa7849f32ffff05-Abstract.html),
        whose initialisers these are. Their layer has no `b`.
    """

    cell_class = LegendreMemoryCell

    def __init__(
        self,
        units: int,
        order: int = 32,
        theta: float = 100.0,
        trainable_theta: bool = False,
        activation: Any = "tanh",
        use_bias: bool = True,
        input_to_hidden: bool = True,
        hidden_to_memory: bool = True,
        memory_to_memory: bool = True,
        encoder_initializer: Any = "lecun_uniform",
        encoder_regularizer: Any = None,
        encoder_constraint: Any = None,
        **kwargs: Unpack[RecurrentOptions],
    ) -> None:
        cell_options, loop_options = self.split_options(kwargs)
        cell = LegendreMemoryCell(
            units,
            order=order,
            theta=theta,
            trainable_theta=trainable_theta,
            activation=activation,
            use_bias=use_bias,
            input_to_hidden=input_to_hidden,
            hidden_to_memory=hidden_to_memory,
            memory_to_memory=memory_to_memory,
            encoder_initializer=encoder_initializer,
            encoder_regularizer=encoder_regularizer,
            encoder_constraint=encoder_constraint,
            **cell_options,
        )
        super().__init__(cell, **loop_options)
