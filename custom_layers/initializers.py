"""Initialisers for recurrent kernels."""

from __future__ import annotations

import random
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="rnn_zoo")
class PerGateOrthogonal(keras.initializers.Initializer):
    """Orthogonal initialiser that treats every gate of a recurrent kernel by itself.

    `W = gain * [Q_1 | Q_2 | ... | Q_g]` with every `Q_k` orthogonal, `Q_k^T Q_k = I`, and drawn
    uniformly (Haar measure).

    The recurrent kernel of an LSTM or GRU holds the matrices of its gates side by side. Keras's own
    `"orthogonal"` makes the rows of the whole kernel orthonormal: a single gate is then not
    orthogonal and, with `g` gates, shrinks a vector by about `sqrt(g)`. Here each gate preserves
    the norm of the state, which is what the initialisation is for.

    Args:
        gain: Factor on every matrix, without unit. Defaults to `1.0`.
        seed: Integer, `keras.random.SeedGenerator` or `None`. With an integer or `None` an
            instance returns the same values at every call, as Keras's initialisers do; `None` draws
            a seed for the instance. Defaults to `None`.

    Call arguments:
        shape: Shape of the kernel, `(units, g * units)` with a positive integer `g`.
        dtype: Dtype of the result. Defaults to `None`, Keras's default float type. The matrices are
            computed in float32 at least, then rounded.

    Output shape:
        `shape`.

    Raises:
        ValueError: if the shape has not two axes, or the columns are not a multiple of the rows.

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
        self.gain = gain
        # What is serialised is the argument: a copy of an unseeded initialiser is unseeded.
        self._seed_argument = seed
        if isinstance(seed, dict):
            seed = keras.saving.deserialize_keras_object(seed)
        if seed is None:
            # From the generator that `keras.utils.set_random_seed` seeds, as Keras does.
            seed = random.randint(1, 2**31 - 1)
        elif isinstance(seed, bool) or not isinstance(seed, (int, keras.random.SeedGenerator)):
            raise ValueError(
                f"`seed` must be an integer, a keras.random.SeedGenerator or None, found {seed!r}."
            )
        self.seed = seed

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        shape = tuple(shape)
        if len(shape) != 2:
            raise ValueError(f"`shape` must be (units, gates * units), found {shape}.")
        rows, columns = shape
        if rows < 1 or columns < 1 or columns % rows:
            raise ValueError(
                f"`shape` must be (units, gates * units): {columns} columns are not a multiple of "
                f"{rows} rows in {shape}."
            )
        dtype = keras.backend.standardize_dtype(dtype)
        working = dtype if dtype == "float64" else "float32"
        normal = keras.random.normal((columns // rows, rows, rows), dtype=working, seed=self.seed)
        q, r = ops.qr(normal)
        # QR leaves the signs of the columns open; tied to those of r the draw is uniform.
        q = q * ops.where(ops.diagonal(r, axis1=-2, axis2=-1) < 0, -1.0, 1.0)[:, None, :]
        kernel = ops.reshape(ops.transpose(q, (1, 0, 2)), shape)
        return ops.cast(self.gain * kernel, dtype)

    def get_config(self) -> dict[str, Any]:
        seed = keras.saving.serialize_keras_object(self._seed_argument)
        return {"gain": self.gain, "seed": seed}
