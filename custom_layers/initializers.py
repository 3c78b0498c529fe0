"""Initialisers of recurrent kernels, and of the fixed weights of reservoirs."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from custom_layers.engine.checks import is_integer, require_number, require_one_of
from custom_layers.engine.precision import at_least_float32

Array = np.ndarray[Any, np.dtype[np.float64]]

TOPOLOGIES = ("random", "orthogonal", "ring")


class _Seeded(keras.initializers.Initializer):
    """An initialiser with a seed, as in Keras's initialisers."""

    def __init__(self, seed: Any) -> None:
        # The argument is what is serialised: a copy of an unseeded initialiser is unseeded.
        self._seed_argument = seed
        if isinstance(seed, dict):
            seed = keras.saving.deserialize_keras_object(seed)
        if seed is None:
            # As in Keras, from the generator that `keras.utils.set_random_seed` seeds.
            seed = random.randint(1, 2**31 - 1)
        elif not is_integer(seed) and not isinstance(seed, keras.random.SeedGenerator):
            raise ValueError(
                f"`seed` must be an integer, a keras.random.SeedGenerator or None, found {seed!r}."
            )
        self.seed = seed

    def _entropy(self) -> tuple[int, ...]:
        """Seed of a NumPy generator, whose numbers are the same on every backend."""
        if isinstance(self.seed, keras.random.SeedGenerator):
            state = np.asarray(ops.convert_to_numpy(self.seed.next()))
            return tuple(int(number) for number in state)
        return self.seed % 2**64, 0  # Unlike Keras, NumPy takes no negative seed.

    def get_config(self) -> dict[str, Any]:
        return {"seed": keras.saving.serialize_keras_object(self._seed_argument)}


@keras.saving.register_keras_serializable(package="rnn_zoo")
class PerGateOrthogonal(_Seeded):
    """Orthogonal initialiser that treats each gate of a recurrent kernel separately.

    `W = gain * [Q_1 | Q_2 | ... | Q_g]` with each `Q_k` orthogonal, `Q_k^T Q_k = I`, and drawn
    uniformly (Haar measure).

    The recurrent kernel of an LSTM or GRU concatenates the matrices of its gates. Keras's own
    `"orthogonal"` makes the rows of the whole kernel orthonormal: a single gate is then not
    orthogonal and, with `g` gates, shrinks a vector by about `sqrt(g)`. Here each gate preserves
    the norm of the state, which is the purpose of the initialisation.

    Args:
        gain: Factor on every matrix. Defaults to `1.0`.
        seed: Integer, `keras.random.SeedGenerator` or `None`. With an integer or `None`, an
            instance returns the same values at every call, like Keras's initialisers. Defaults to
            `None`, a random seed for the instance.

    Call arguments:
        shape: Shape of the kernel, `(units, g * units)` with a positive integer `g`.
        dtype: Dtype of the result. Defaults to `None`, Keras's default float type. The matrices are
            computed at least in float32, then rounded.

    Output shape:
        `shape`.

    Raises:
        ValueError: If the shape does not have two axes, or the number of columns is not a multiple
            of the number of rows.

    Example:

    >>> import keras, numpy as np
    >>> kernel = keras.ops.convert_to_numpy(PerGateOrthogonal(seed=0)((3, 12)))
    >>> gates = np.split(kernel, 4, axis=1)
    >>> all(np.allclose(gate.T @ gate, np.eye(3), atol=1e-5) for gate in gates)
    True
    >>> layer = keras.layers.LSTM(3, recurrent_initializer=PerGateOrthogonal())

    Reference:
        [Saxe et al., 2014](https://arxiv.org/abs/1312.6120); the uniform draw follows
        [Mezzadri, 2007](https://arxiv.org/abs/math-ph/0609050).
    """

    def __init__(self, gain: float = 1.0, seed: Any = None) -> None:
        super().__init__(seed)
        self.gain = gain

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        shape = tuple(shape)
        if len(shape) != 2:
            raise ValueError(f"`shape` must be (units, gates * units), found {shape}.")
        rows, columns = shape
        if rows < 1 or columns < 1 or columns % rows:
            raise ValueError(
                f"`shape` must be (units, gates * units), but {columns} columns are not a multiple "
                f"of {rows} rows, found {shape}."
            )
        dtype = keras.backend.standardize_dtype(dtype)
        working = at_least_float32(dtype)
        normal = keras.random.normal((columns // rows, rows, rows), dtype=working, seed=self.seed)
        q, r = ops.qr(normal)
        # QR leaves the signs of the columns open. Taken from r, they make the draw uniform.
        signs = ops.where(ops.diagonal(r, axis1=-2, axis2=-1) < 0, -1.0, 1.0)
        q = q * ops.cast(signs, q.dtype)[:, None, :]
        kernel = ops.reshape(ops.transpose(q, (1, 0, 2)), shape)
        return ops.cast(self.gain * kernel, dtype)

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain, **super().get_config()}


@keras.saving.register_keras_serializable(package="rnn_zoo")
class SpectralRadius(_Seeded):
    """Fixed recurrent kernel with an exact spectral radius, for reservoirs.

    `W = radius * A / max_i |lambda_i(A)|` with the eigenvalues `lambda_i` of `A`, which is::

        "random"        a share `density` of the entries of each column, at random places, drawn
                        from the standard normal distribution; the others 0
        "orthogonal"    A^T A = I, drawn uniformly (Haar measure)
        "ring"          A[i, i + 1] = 1 and, from the last unit to the first, A[-1, 0] = 1; else 0

    The eigenvalues are those of the final matrix, after entries were dropped, so the spectral
    radius is exactly `radius`. Use it as
    `add_weight(..., initializer=SpectralRadius(0.9), trainable=False)`.

    Args:
        radius: Largest absolute eigenvalue, at least 0. Defaults to `0.9`.
        density: Share of nonzero entries for `"random"`, above 0 and at most 1. Every unit has the
            same number of incoming connections, at least one. Defaults to `0.1`.
        topology: `"random"`, `"orthogonal"` or `"ring"`. Defaults to `"random"`.
        seed: Integer, `keras.random.SeedGenerator` or `None`, as for `PerGateOrthogonal`. The same
            integer gives the same kernel on every backend. Not used by `"ring"`. Defaults to
            `None`.

    Call arguments:
        shape: Shape of the kernel, `(units, units)`.
        dtype: Dtype of the result. Defaults to `None`, Keras's default float type. The kernel is
            computed in float64 by NumPy, then rounded.

    Output shape:
        `shape`.

    Raises:
        ValueError: If an argument or the shape is invalid.

    Example:

    >>> import keras, numpy as np
    >>> kernel = keras.ops.convert_to_numpy(SpectralRadius(0.8, seed=0)((100, 100)))
    >>> print(np.round(np.abs(np.linalg.eigvals(kernel)).max(), 4))
    0.8
    >>> print(np.round(np.mean(kernel != 0), 1))
    0.1

    Reference:
        [Jaeger, 2001](https://www.ai.rug.nl/minds/uploads/EchoStatesTechRep.pdf); the ring is the
        simple cycle reservoir of [Rodan and Tino, 2011](https://doi.org/10.1109/TNN.2010.2089641),
        all of whose weights are equal.
    """

    def __init__(
        self,
        radius: float = 0.9,
        density: float = 0.1,
        topology: str = "random",
        seed: Any = None,
    ) -> None:
        super().__init__(seed)
        require_one_of("topology", topology, TOPOLOGIES)
        self.radius = require_number("radius", radius, least=0)
        self.density = require_number("density", density, above=0, most=1)
        self.topology = topology

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        return _to_tensor(self.drawn(shape), dtype)

    def drawn(self, shape: tuple[int, ...]) -> Array:
        """The kernel in NumPy, in float64, for a layer whose weights depend on what is drawn."""
        shape = tuple(shape)
        if len(shape) != 2 or shape[0] != shape[1] or shape[0] < 1:
            raise ValueError(f"`shape` must be (units, units), found {shape}.")
        if self.topology == "ring":
            unit = np.roll(np.eye(shape[0]), 1, axis=1)
        else:
            density = self.density if self.topology == "random" else None
            unit = _unit_radius(shape[0], density, self._entropy())
        return self.radius * unit

    def get_config(self) -> dict[str, Any]:
        return {
            "radius": self.radius,
            "density": self.density,
            "topology": self.topology,
            **super().get_config(),
        }


@keras.saving.register_keras_serializable(package="rnn_zoo")
class SparseUniform(_Seeded):
    """Sparse uniform values, for the input weights of reservoirs.

    `W[i, j] = scale * u * k` with `u` uniform in `[-1, 1)`, and `k` 1 with probability `density`,
    otherwise 0.

    Args:
        scale: Largest absolute value, at least 0. Defaults to `1.0`.
        density: Probability that an entry is kept, above 0 and at most 1. Defaults to `1.0`.
        seed: Integer, `keras.random.SeedGenerator` or `None`, as for `PerGateOrthogonal`. The same
            integer gives the same values on every backend, so use another one for each weight of
            a layer. Defaults to `None`.

    Call arguments:
        shape: Shape of the weight, any number of axes.
        dtype: Dtype of the result. Defaults to `None`, Keras's default float type. The values are
            drawn in float64 by NumPy, then rounded.

    Output shape:
        `shape`.

    Raises:
        ValueError: If an argument is invalid.

    Example:

    >>> import keras, numpy as np
    >>> kernel = keras.ops.convert_to_numpy(SparseUniform(0.5, density=0.2, seed=0)((10, 100)))
    >>> print(np.round(np.abs(kernel).max(), 1), np.round(np.mean(kernel != 0), 1))
    0.5 0.2

    Reference:
        [Lukosevicius, 2012](https://doi.org/10.1007/978-3-642-35289-8_36), section 3.2.
    """

    def __init__(self, scale: float = 1.0, density: float = 1.0, seed: Any = None) -> None:
        super().__init__(seed)
        self.scale = require_number("scale", scale, least=0)
        self.density = require_number("density", density, above=0, most=1)

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        shape = tuple(shape)
        # The 1 makes the numbers differ from those of SpectralRadius with the same seed.
        generator = np.random.default_rng((*self._entropy(), 1))
        values = self.scale * generator.uniform(-1, 1, shape)
        return _to_tensor(values * (generator.random(shape) < self.density), dtype)

    def get_config(self) -> dict[str, Any]:
        return {"scale": self.scale, "density": self.density, **super().get_config()}


def fresh_copy(initializer: Any) -> Any:
    """A copy of an initialiser, for a second weight.

    The initialiser itself draws the same numbers every time it is used; a copy draws others, unless
    it is seeded.
    """
    if isinstance(initializer, keras.initializers.Initializer):
        return initializer.clone()
    return initializer


def fixed_values(values: np.ndarray[Any, Any]) -> Callable[..., Any]:
    """An initialiser that returns `values`, for a layer that computes them itself."""
    return lambda shape, dtype=None: ops.cast(ops.convert_to_tensor(values), dtype)


@functools.lru_cache(maxsize=4)
def _unit_radius(units: int, density: float | None, entropy: tuple[int, ...]) -> Array:
    """Matrix of spectral radius 1: sparse and normal, or orthogonal if `density` is None.

    Cached: the eigenvalues of a large matrix take seconds, and a search over radii needs them once.
    """
    generator = np.random.default_rng(entropy)
    if density is None:
        q, r = np.linalg.qr(generator.normal(size=(units, units)))
        return _read_only(q * np.where(np.diagonal(r) < 0, -1.0, 1.0))
    connections = max(1, round(density * units))
    # As each unit has a connection, there is a cycle: not all eigenvalues are 0.
    places = generator.random((units, units)).argpartition(connections - 1, axis=0)[:connections]
    matrix = np.zeros((units, units))
    np.put_along_axis(matrix, places, generator.normal(size=places.shape), axis=0)
    return _read_only(matrix / np.abs(np.linalg.eigvals(matrix)).max())


def _read_only(matrix: Array) -> Array:
    matrix.flags.writeable = False
    return matrix


def _to_tensor(values: Array, dtype: Any) -> Any:
    dtype = keras.backend.standardize_dtype(dtype)
    working = at_least_float32(dtype)
    return ops.cast(ops.convert_to_tensor(values.astype(working), dtype=working), dtype)
