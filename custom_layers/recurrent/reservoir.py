"""Reservoirs: the fixed, random recurrent networks of echo state networks."""

from __future__ import annotations

import random
from typing import Any, ClassVar, Unpack

import keras
import numpy as np
from keras import ops

from custom_layers.engine.checks import require_integer, require_number
from custom_layers.engine.leaky import leaky_recurrence, leaky_step
from custom_layers.engine.loops import project
from custom_layers.engine.tensor import Tensor
from custom_layers.initializers import SparseUniform, SpectralRadius, fixed_values
from custom_layers.recurrent.base import (
    CellOptions,
    RecurrentCell,
    RecurrentLayer,
    UnseededOptions,
    seed_of_direction,
)

_CONNECTIONS = 10
"""Connections per unit if no density is given (Lukosevicius, 2012)."""

_SPARSE = 20
"""A kernel is stored as sparse if at most one in this many entries of a column is nonzero: a gather
costs about as much per entry as this many entries of a matrix product."""


@keras.saving.register_keras_serializable(package="rnn_zoo")
class ReservoirCell(RecurrentCell):
    """One step of `Reservoir`, which has the equation and the arguments.

    Call arguments:
        inputs: `(batch, features)`, the fed-back outputs last.
        states: List of the state, `(batch, units)`.
    """

    default_initializers: ClassVar = {}

    def __init__(
        self,
        units: int,
        spectral_radius: float = 0.9,
        leak_rate: float = 1.0,
        input_scaling: float = 1.0,
        bias_scaling: float = 0.0,
        density: float | None = None,
        input_density: float = 1.0,
        topology: str = "random",
        activation: Any = "tanh",
        feedback_units: int = 0,
        feedback_scaling: float = 1.0,
        seed: int | None = None,
        **kwargs: Unpack[CellOptions],
    ) -> None:
        super().__init__(units, **kwargs)
        self.state_size = self.units
        self.spectral_radius = spectral_radius
        self.leak_rate = require_number("leak_rate", leak_rate, above=0, most=1)
        self.input_scaling = input_scaling
        self.bias_scaling = bias_scaling
        self.density = density
        self.input_density = input_density
        self.topology = topology
        self.activation = keras.activations.get(activation)
        self.feedback_units = require_integer("feedback_units", feedback_units, least=0)
        self.feedback_scaling = feedback_scaling
        self.seed = seed
        # From the generator that `keras.utils.set_random_seed` seeds, as Keras does.
        drawn = random.randint(1, 2**31 - 1) if seed is None else seed
        seeds = [int(s) for s in np.random.SeedSequence(drawn).generate_state(4)]
        self._initializers = {
            "kernel": SparseUniform(input_scaling, input_density, seed=seeds[0]),
            "bias": SparseUniform(bias_scaling, seed=seeds[2]),
            "feedback_kernel": SparseUniform(feedback_scaling, seed=seeds[3]),
        }
        self._recurrent_initializer = SpectralRadius(
            spectral_radius,
            min(1.0, _CONNECTIONS / units) if density is None else density,
            topology,
            seed=seeds[1],
        )

    def build(self, input_shape: tuple[Any, ...]) -> None:
        features = input_shape[-1] - self.feedback_units
        if features < 0:
            raise ValueError(
                f"`inputs` must have at least `feedback_units` {self.feedback_units} features, "
                f"found {input_shape[-1]}."
            )
        self.kernel = self._fixed("kernel", (features, self.units)) if features else None
        self._add_recurrent_kernel()
        self.bias = self._fixed("bias", (self.units,)) if self.bias_scaling else None
        self.feedback_kernel = (
            self._fixed("feedback_kernel", (self.feedback_units, self.units))
            if self.feedback_units
            else None
        )

    def _add_recurrent_kernel(self) -> None:
        """Add a square matrix, or, if it is sparse, the entries of each column and their rows."""
        square = (self.units, self.units)
        # Not a tensor, which in a layer that `fit` builds would be symbolic.
        kernel = self._recurrent_initializer.drawn(square)
        connections = int((kernel != 0).sum(axis=0).max())
        self._sparse = connections * _SPARSE <= self.units
        if not self._sparse:
            self._kernel = self._fixed("recurrent_kernel", square, fixed_values(kernel))
            return
        sources = np.argsort(kernel == 0, axis=0, kind="stable")[:connections]
        self._values = self.add_weight(
            name="recurrent_values",
            shape=sources.shape,
            initializer=fixed_values(np.take_along_axis(kernel, sources, axis=0)),
            trainable=False,
        )
        self._sources = self.add_weight(
            name="recurrent_sources",
            shape=sources.shape,
            initializer=fixed_values(sources),
            # TensorFlow keeps int32 variables on the host, and JAX does not have int64.
            dtype="int64" if keras.config.backend() == "tensorflow" else "int32",
            trainable=False,
        )

    @property
    def recurrent_kernel(self) -> Tensor:
        """`W`, `(units, units)`."""
        if not self._sparse:
            return ops.convert_to_tensor(self._kernel)
        rows = ops.convert_to_tensor(self._sources)
        columns = ops.broadcast_to(ops.arange(self.units, dtype=rows.dtype), rows.shape)
        places = ops.reshape(ops.stack([rows, columns], axis=-1), (-1, 2))
        values = ops.reshape(ops.convert_to_tensor(self._values), (-1,))
        return ops.scatter(places, values, (self.units, self.units))

    def _times_kernel(self, state: Tensor) -> Tensor:
        """`state @ W` for a sparse `W`: gathers rows of the transpose, which are contiguous."""
        sources = ops.reshape(ops.convert_to_tensor(self._sources), (-1,))
        seen = ops.take(ops.transpose(state), sources, axis=0)
        seen = ops.reshape(seen, (*self._values.shape, ops.shape(state)[0]))
        values = ops.convert_to_tensor(self._values)[:, :, None]
        return ops.transpose(ops.sum(values * seen, axis=0))

    def _fixed(self, name: str, shape: tuple[int, ...], initializer: Any = None) -> Any:
        initializer = initializer or self._initializers[name]
        return self.add_weight(name=name, shape=shape, initializer=initializer, trainable=False)

    def call(
        self, inputs: Tensor, states: list[Tensor], training: bool = False
    ) -> tuple[Tensor, list[Tensor]]:
        state = states[0]
        sparse, kernel = self._sparse, self.recurrent_kernel
        driven = self._times_kernel(state) if sparse else ops.matmul(state, kernel)
        z = self._project(inputs) + driven
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
            product=self._times_kernel if self._sparse else None,
        )
        return states, [states[:, -1]]

    def _project(self, inputs: Tensor) -> Tensor:
        kernels = [k for k in (self.kernel, self.feedback_kernel) if k is not None]
        kernel = kernels[0] if len(kernels) == 1 else ops.concatenate(kernels, axis=0)
        return project(inputs, kernel, self.bias)

    def _rate(self) -> Tensor | None:
        if self.leak_rate == 1:
            return None
        return ops.full((self.units,), self.leak_rate, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        config = {
            "spectral_radius": self.spectral_radius,
            "leak_rate": self.leak_rate,
            "input_scaling": self.input_scaling,
            "bias_scaling": self.bias_scaling,
            "density": self.density,
            "input_density": self.input_density,
            "topology": self.topology,
            "activation": keras.activations.serialize(self.activation),
            "feedback_units": self.feedback_units,
            "feedback_scaling": self.feedback_scaling,
            "seed": self.seed,
        }
        return {**super().get_config(), **config}


@keras.saving.register_keras_serializable(package="rnn_zoo")
class Reservoir(RecurrentLayer):
    """Reservoir of an echo state network: a recurrent layer with fixed random weights.

    With inputs `x_t`, states `h_t`, fed-back outputs `y_t`, a leak rate `a` and an activation `f`::

        h_t = (1 - a) h_{t-1} + a f(W h_{t-1} + U x_t + V y_{t-1} + b)

    `W` is scaled so that its largest absolute eigenvalue equals `spectral_radius`, after missing
    connections were set to zero. None of this is trained; only a linear readout of the states is
    learned, in closed form: see `zoo.fit_readout`. Layers can be stacked to deep reservoirs, and
    gradients flow through them to earlier layers.

    Args:
        units: Number of units.
        spectral_radius: Largest absolute eigenvalue of `W`. Below 1 the state usually forgets its
            initial value (the echo state property); the closer to 1, the longer the memory.
            Defaults to `0.9`.
        leak_rate: `a`, above 0 and at most 1: the share of the state renewed at each step, `1/T` of
            `LeakyRNN`. Defaults to `1.0`.
        input_scaling: Entries of `U` are uniform between minus this and this. Defaults to `1.0`.
        bias_scaling: As `input_scaling`, but for `b`. Defaults to `0.0`, no bias.
        density: Share of nonzero entries of `W` with the random topology, the same for every unit.
            Defaults to `None`, ten for each unit. A sparse `W` is stored and multiplied as such if
            that is faster, with ten connections from 200 units on.
        input_density: Share of nonzero entries of `U`. Defaults to `1.0`.
        topology: `"random"` (normal entries at random places), `"orthogonal"` (a random orthogonal
            matrix times the spectral radius: all eigenvalues on one circle) or `"ring"` (each unit
            feeds the next one with the weight `spectral_radius`). Defaults to `"random"`.
        activation: `f`. Defaults to `"tanh"`.
        feedback_units: Number of outputs fed back. The last `feedback_units` features of the inputs
            are `y_{t-1}`: the true outputs while the readout is fitted (teacher forcing), the
            predicted ones in a free run. Defaults to `0`.
        feedback_scaling: As `input_scaling`, but for `V`. Defaults to `1.0`.
        seed: Integer seed of all weights and of dropout. The same seed gives the same weights on
            every backend, and others with `go_backwards`, so that the two reservoirs of a
            `Bidirectional` differ. Defaults to `None`, a random seed.
        **kwargs: `dropout` and `recurrent_dropout`, the shares of the inputs and of the states
            entering `W` to drop in training (defaults `0.0`); `return_sequences`, `return_state`,
            `go_backwards` and `zero_output_for_mask` as in `keras.layers.RNN` (defaults `False`);
            and those of `keras.layers.Layer`.

    Call arguments:
        sequences: `(batch, time, features)`, the fed-back outputs last.
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

    >>> import keras, numpy as np
    >>> layer = Reservoir(200, spectral_radius=0.95, seed=1, return_sequences=True)
    >>> states = layer(np.ones((1, 10, 3), dtype="float32"))
    >>> w = keras.ops.convert_to_numpy(layer.cell.recurrent_kernel)
    >>> print(round(float(abs(np.linalg.eigvals(w.astype("float64"))).max()), 4))
    0.95
    >>> layer.trainable_weights
    []

    Reference:
        [Jaeger, 2001](https://www.ai.rug.nl/minds/uploads/EchoStatesTechRep.pdf), with leaky units
        from [Jaeger et al., 2007](https://doi.org/10.1016/j.neunet.2007.04.016) and the ring from
        [Rodan and Tino, 2011](https://doi.org/10.1109/TNN.2010.2089641), whose input signs follow a
        fixed pattern; here they are random.
    """

    cell_class = ReservoirCell

    def __init__(
        self,
        units: int,
        spectral_radius: float = 0.9,
        leak_rate: float = 1.0,
        input_scaling: float = 1.0,
        bias_scaling: float = 0.0,
        density: float | None = None,
        input_density: float = 1.0,
        topology: str = "random",
        activation: Any = "tanh",
        feedback_units: int = 0,
        feedback_scaling: float = 1.0,
        seed: int | None = None,
        **kwargs: Unpack[UnseededOptions],
    ) -> None:
        cell_options, loop_options = self.split_options(kwargs)
        cell = ReservoirCell(
            units,
            spectral_radius=spectral_radius,
            leak_rate=leak_rate,
            input_scaling=input_scaling,
            bias_scaling=bias_scaling,
            density=density,
            input_density=input_density,
            topology=topology,
            activation=activation,
            feedback_units=feedback_units,
            feedback_scaling=feedback_scaling,
            seed=seed_of_direction(seed, loop_options.get("go_backwards", False)),
            **cell_options,
        )
        super().__init__(cell, seed=seed, **loop_options)
