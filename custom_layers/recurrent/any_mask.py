"""Keras's LSTM and GRU for any mask: by cuDNN where it can take the mask, else by Keras's loop."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from custom_layers.engine.masking import right_padded
from custom_layers.engine.tensor import Tensor


class _AnyMask(keras.layers.RNN):
    """Mixin for a recurrent layer of Keras that may use cuDNN."""

    def inner_loop(
        self,
        sequences: Tensor,
        initial_state: Any,
        mask: Tensor | None,
        training: bool = False,
    ) -> Any:
        fused = super().inner_loop  # cuDNN, if the backend, the device and the options allow it
        if mask is None or not self._may_use_cudnn(sequences):
            return fused(sequences, initial_state, mask=mask, training=training)
        if self.dropout and training:
            self.cell.get_dropout_mask(sequences[:, 0])  # drawn once, for whichever branch runs

        def by_cudnn() -> Any:
            result = fused(sequences, initial_state, mask=mask, training=training)
            return keras.tree.flatten(result)

        def by_steps() -> Any:
            result = keras.layers.RNN.inner_loop(
                self, sequences, initial_state, mask=mask, training=training
            )
            return keras.tree.flatten(result)

        last_output, outputs, *states = ops.cond(right_padded(mask), by_cudnn, by_steps)
        return last_output, outputs, states

    def _may_use_cudnn(self, sequences: Any) -> bool:
        """Whether Keras may run a masked sequence by cuDNN; on JAX it never does."""
        if self.recurrent_dropout or self.use_cudnn is False:
            return False
        if keras.backend.backend() == "tensorflow":
            return bool(keras.distribution.list_devices("gpu"))
        return bool(getattr(sequences, "is_cuda", False))  # of PyTorch


@keras.saving.register_keras_serializable(package="rnn_zoo")
class AnyMaskLSTM(_AnyMask, keras.layers.LSTM):
    """`keras.layers.LSTM`, also on a GPU with a mask that cuDNN does not take.

    The gates of an LSTM, with `s` the logistic function::

        i, f, o = s(W x_t + U h_{t-1} + b)     g = tanh(W' x_t + U' h_{t-1} + b')
        c_t = f c_{t-1} + i g                  h_t = o tanh(c_t)

    cuDNN requires that the valid steps of every sequence come first and that there is at least one:
    given a batch with padding on the left, or with a row of nothing but padding, Keras's layer
    fails. This one decides for each batch, and runs Keras's own loop where it must. Without a GPU
    it is Keras's layer.

    Args:
        *args: Arguments of `keras.layers.LSTM`.
        **kwargs: Keyword arguments of `keras.layers.LSTM`.

    Call arguments:
        sequences: `(batch, time, features)`.
        initial_state: Optional list of the output and the cell state before the first step, both
            `(batch, units)`.
        mask: Optional booleans `(batch, time)`.
        training: Whether to apply dropout.

    Output shape:
        As for `keras.layers.LSTM`.

    Masking:
        Masked steps carry the states over. The output there repeats the one before; by cuDNN it is
        zero.

    Raises:
        ValueError: If an argument is invalid.

    Example:

    >>> import numpy as np
    >>> mask = np.array([[False, True, True], [False, False, False]])
    >>> tuple(AnyMaskLSTM(4)(np.ones((2, 3, 5), "float32"), mask=mask).shape)
    (2, 4)

    Reference:
        [Hochreiter and Schmidhuber, 1997](https://doi.org/10.1162/neco.1997.9.8.1735), with the
        forget gate of [Gers et al., 2000](https://doi.org/10.1162/089976600300015015).
    """


@keras.saving.register_keras_serializable(package="rnn_zoo")
class AnyMaskGRU(_AnyMask, keras.layers.GRU):
    """`keras.layers.GRU`, also on a GPU with a mask that cuDNN does not take: see `AnyMaskLSTM`.

    As Keras has it, with `reset_after=True` and two biases::

        z, r = s(W x_t + b + U h_{t-1} + c)    g = tanh(W' x_t + b' + r (U' h_{t-1} + c'))
        h_t = z h_{t-1} + (1 - z) g

    Args:
        *args: Arguments of `keras.layers.GRU`.
        **kwargs: Keyword arguments of `keras.layers.GRU`.

    Call arguments:
        sequences: `(batch, time, features)`.
        initial_state: Optional state before the first step, `(batch, units)`.
        mask: Optional booleans `(batch, time)`.
        training: Whether to apply dropout.

    Output shape:
        As for `keras.layers.GRU`.

    Masking:
        As for `AnyMaskLSTM`.

    Raises:
        ValueError: If an argument is invalid.

    Example:

    >>> import numpy as np
    >>> tuple(AnyMaskGRU(4, return_sequences=True)(np.ones((2, 3, 5), "float32")).shape)
    (2, 3, 4)

    Reference:
        [Cho et al., 2014](https://arxiv.org/abs/1406.1078).
    """
