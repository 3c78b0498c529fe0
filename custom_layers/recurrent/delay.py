"""Delayed connections: recurrent units that also see their states from many steps ago."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import keras
from keras import ops

from custom_layers.engine.checks import is_integer
from custom_layers.engine.delay import delay_recurrence
from custom_layers.engine.loops import project
from custom_layers.engine.masking import take_steps, valid_first
from custom_layers.engine.tensor import Tensor
from custom_layers.recurrent.base import (
    CellOptions,
    RecurrentCell,
    RecurrentLayer,
    RecurrentOptions,
)


@keras.saving.register_keras_serializable(package="rnn_zoo")
class DelayCell(RecurrentCell):
    """One step of `DelayRNN`, which has the equation and the arguments.

    Call arguments:
        inputs: `(batch, features)`.
        states: List of `h_{t-1}`, `(batch, units)`, and, if the longest delay `D` is above 1, of
            the states before it, `[h_{t-2} | ... | h_{t-D}]`, `(batch, (D - 1) * units)`.

    Example:

    >>> import keras, numpy as np
    >>> layer = keras.layers.RNN(DelayCell(units=4, delays=(1, 3)))  # DelayRNN is faster
    >>> tuple(layer(np.ones((2, 5, 3), dtype="float32")).shape)
    (2, 4)
    """

    default_initializers = {
        **RecurrentCell.default_initializers,
        "recurrent": "orthogonal",
    }

    def __init__(
        self,
        units: int,
        delays: Sequence[int] = (1, 4, 16),
        activation: Any = "tanh",
        use_bias: bool = True,
        use_delay_weights: bool = False,
        **kwargs: Unpack[CellOptions],
    ) -> None:
        _check(delays)
        if use_delay_weights and kwargs.get("recurrent_initializer") is None:
            # The shares start as 1 / len(delays).
            kwargs["recurrent_initializer"] = keras.initializers.Orthogonal(gain=float(len(delays)))
        super().__init__(units, **kwargs)
        self.delays = [int(delay) for delay in delays]
        self.use_bias = use_bias
        self.use_delay_weights = use_delay_weights
        self.activation = keras.activations.get(activation)
        self.depth = max(self.delays)
        older = [(self.depth - 1) * self.units] if self.depth > 1 else []
        self.state_size = [self.units, *older]

    def build(self, input_shape: tuple[Any, ...]) -> None:
        rows = len(self.delays) * self.units
        self.kernel = self.add_kind("kernel", (input_shape[-1], self.units))
        self.recurrent_kernel = self.add_kind("recurrent", (rows, self.units), "recurrent_kernel")
        self.bias = self.add_kind("bias", (self.units,)) if self.use_bias else None
        if self.use_delay_weights:
            self.delay_logits = self.add_weight(
                name="delay_logits", shape=(len(self.delays),), initializer="zeros"
            )

    def call(
        self, inputs: Tensor, states: list[Tensor], training: bool = False
    ) -> tuple[Tensor, list[Tensor]]:
        n = self.units
        seen = [
            states[0] if delay == 1 else states[1][:, (delay - 2) * n : (delay - 1) * n]
            for delay in self.delays
        ]
        z = project(inputs, self.kernel, self.bias)
        z = z + ops.matmul(ops.concatenate(seen, axis=-1), self._weighted_kernel())
        state = self.activation(z)
        if self.depth == 1:
            return state, [state]
        return state, [state, ops.concatenate([states[0], states[1][:, :-n]], axis=-1)]

    def scan(
        self,
        inputs: Tensor,
        initial_state: list[Tensor],
        mask: Tensor | None = None,
        recurrent_dropout_mask: Tensor | None = None,
    ) -> tuple[Tensor, list[Tensor]]:
        past, valid = self._in_order(initial_state), None
        if mask is not None:
            # Delays count valid steps: take the masked ones out, and put them back at the end.
            inputs = take_steps(inputs, valid_first(mask))
            count = ops.cumsum(ops.cast(mask, "int32"), axis=1)
            length = count[:, -1:]
            valid = ops.arange(ops.shape(mask)[1], dtype="int32") < length
        outputs = delay_recurrence(
            project(inputs, self.kernel, self.bias),
            past,
            self._weighted_kernel(),
            self.delays,
            self.activation,
            valid=valid,
            recurrent_dropout_mask=recurrent_dropout_mask,
        )
        if mask is None:
            last = ops.concatenate([past, outputs[:, -self.depth :]], axis=1)[:, -self.depth :]
        else:
            whole = ops.concatenate([past, outputs], axis=1)
            last = take_steps(whole, length + ops.arange(self.depth, dtype="int32"))
            outputs = take_steps(whole, count + (self.depth - 1))
        return outputs, self._as_states(last)

    def _weighted_kernel(self) -> Tensor:
        kernel = ops.convert_to_tensor(self.recurrent_kernel)
        if not self.use_delay_weights:
            return kernel
        shares = ops.softmax(ops.convert_to_tensor(self.delay_logits))
        return kernel * ops.repeat(shares, self.units)[:, None]

    def _in_order(self, states: list[Tensor]) -> Tensor:
        """The states of the last steps in the order of time, `(batch, depth, units)`."""
        if self.depth == 1:
            return states[0][:, None]
        older = ops.reshape(states[1], (ops.shape(states[1])[0], self.depth - 1, self.units))
        return ops.concatenate([ops.flip(older, axis=1), states[0][:, None]], axis=1)

    def _as_states(self, past: Tensor) -> list[Tensor]:
        """Reverse of `_in_order`."""
        if self.depth == 1:
            return [past[:, -1]]
        older = ops.flip(past[:, :-1], axis=1)
        width = (self.depth - 1) * self.units
        return [past[:, -1], ops.reshape(older, (ops.shape(past)[0], width))]

    def get_config(self) -> dict[str, Any]:
        config = {
            "delays": list(self.delays),
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "use_delay_weights": self.use_delay_weights,
        }
        return {**super().get_config(), **config}


@keras.saving.register_keras_serializable(package="rnn_zoo")
class DelayRNN(RecurrentLayer):
    """Recurrent layer with delayed connections, which also sees its states from many steps ago.

    With inputs `x_t`, states `h_t`, a list of delays `d` and an activation `f`::

        h_t = f(U x_t + sum_d p_d W_d h_{t-d} + b)

    A connection with delay `d` carries information, and the gradient, over `d` steps at once: over
    `n` steps the gradient vanishes as over `n / d` steps of a plain network.

    `p_d` is 1, or a learned share. `delays=(1,)` is the plain recurrent network, exactly
    `keras.layers.SimpleRNN`. `delays=(d,)` is the dilated one, `d` plain networks that take turns;
    it is also faster, as `min(delays)` steps are computed at once.

    Args:
        units: Number of units.
        delays: Distinct positive integers, in steps. Defaults to `(1, 4, 16)`.
        activation: `f`. Defaults to `"tanh"`.
        use_bias: Whether to add the bias `b`. Defaults to `True`.
        use_delay_weights: Whether to weight the delays by `p = softmax(v)` with a trainable vector
            `v` that starts at zero. Defaults to `False`.
        **kwargs: `kernel_initializer` (of `U`, defaults to `"glorot_uniform"`),
            `recurrent_initializer` (of all `W_d`, a kernel `(len(delays) * units, units)` in the
            order of `delays`; defaults to `"orthogonal"`, so that `sum_d W_d W_d^T = I` and the sum
            over the delays is as large as one state if they are uncorrelated; multiplied by
            `len(delays)` if `use_delay_weights=True`, so that this holds for the initial shares,
            too), `bias_initializer` (defaults to `"zeros"`), and for each a `*_regularizer` and a
            `*_constraint`;
            `dropout` and `recurrent_dropout`, the shares of the inputs and of the states entering
            the `W_d` to drop, the same at all steps of a sequence (defaults `0.0`), and their
            `seed`; `return_sequences`, `return_state`, `go_backwards` and `zero_output_for_mask` as
            in `keras.layers.RNN` (defaults `False`); and those of `keras.layers.Layer`.

    Call arguments:
        sequences: `(batch, time, features)`.
        initial_state: Optional list of the states before the first step: `h_0`, `(batch, units)`,
            and, if the longest delay `D` is above 1, `[h_{-1} | h_{-2} | ... | h_{1-D}]`,
            `(batch, (D - 1) * units)`. Zeros by default.
        mask: Optional booleans `(batch, time)`.
        training: Whether to apply dropout.

    Output shape:
        `(batch, units)`, or `(batch, time, units)` with `return_sequences`. With `return_state`,
        followed by the last states, of the shapes of `initial_state`.

    Masking:
        Masked steps (left, right, between, whole rows) carry all states over, so that delays count
        valid steps, and repeat the output before.

    Raises:
        ValueError: If an argument is invalid.

    Example:

    >>> import keras, numpy as np
    >>> layer = DelayRNN(1, delays=(3,), activation="linear", kernel_initializer="ones",
    ...                  recurrent_initializer=keras.initializers.Constant(0.5),
    ...                  return_sequences=True)
    >>> impulse = np.eye(1, 7, dtype="float32")[:, :, None]  # returns every 3 steps, halved
    >>> keras.ops.convert_to_numpy(layer(impulse))[0, :, 0].tolist()
    [1.0, 0.0, 0.0, 0.5, 0.0, 0.0, 0.25]

    Reference:
        [Lin et al., 1996](https://doi.org/10.1109/72.548162), whose NARX networks feed back delayed
        outputs instead of states; [El Hihi and Bengio, 1995](https://papers.neurips.cc/paper/1995/hash/c667d53acd899a97a85de0c201ba99be-Abstract.html)
        and section 10.9 of [Goodfellow et al., 2016](https://www.deeplearningbook.org/contents/rnn.html);
        [Chang et al., 2017](https://arxiv.org/abs/1710.02224) for the dilated network, a stack of
        layers with one exponentially growing delay each. In the MIST RNN
        ([DiPietro et al., 2017](https://arxiv.org/abs/1702.07805)) the softmax depends on input and
        state and the delayed states share one matrix.
    """

    cell_class = DelayCell

    def __init__(
        self,
        units: int,
        delays: Sequence[int] = (1, 4, 16),
        activation: Any = "tanh",
        use_bias: bool = True,
        use_delay_weights: bool = False,
        **kwargs: Unpack[RecurrentOptions],
    ) -> None:
        cell_options, loop_options = self.split_options(kwargs)
        cell = DelayCell(
            units,
            delays=delays,
            activation=activation,
            use_bias=use_bias,
            use_delay_weights=use_delay_weights,
            **cell_options,
        )
        super().__init__(cell, **loop_options)


def _check(delays: Any) -> None:
    fits = isinstance(delays, (list, tuple)) and all(is_integer(delay, 1) for delay in delays)
    if not fits or not delays or len(set(delays)) < len(delays):
        raise ValueError(
            f"`delays` must be one or more distinct positive integers, found {delays!r}."
        )
