"""From a waveform to the features of speech models: log-mel energies, cepstra, deltas.

Frame i consists of the samples `[i * frame_step, i * frame_step + frame_length)`, with zeros beyond
the end of the clip. A clip of n samples has `n // frame_step` frames, however much it is padded.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from custom_layers.engine.checks import require_integer, require_number
from custom_layers.engine.masking import zero_masked
from custom_layers.engine.precision import at_least_float32
from custom_layers.engine.tensor import Tensor


def mel_filters(
    num_mels: int,
    fft_length: int,
    sampling_rate: int,
    min_frequency: float,
    max_frequency: float,
) -> np.ndarray:
    """Triangular filters, evenly spaced on HTK's mel scale, `(fft_length // 2 + 1, num_mels)`.

    `mel(f) = 2595 log10(1 + f / 700)`. A filter is 1 at its centre and falls linearly (in Hz) to 0
    at the centres of its neighbours: `librosa.filters.mel(htk=True, norm=None)`, transposed.

    Raises:
        ValueError: If a filter is so narrow that it lies between two frequencies of the transform.
    """
    low, high = 2595.0 * np.log10(1.0 + np.array([min_frequency, max_frequency]) / 700.0)
    edges = 700.0 * (10.0 ** (np.linspace(low, high, num_mels + 2) / 2595.0) - 1.0)
    frequencies = np.arange(fft_length // 2 + 1) * sampling_rate / fft_length
    rise = (frequencies[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - frequencies[:, None]) / (edges[2:] - edges[1:-1])
    filters = np.maximum(0.0, np.minimum(rise, fall))
    empty = np.flatnonzero(filters.sum(axis=0) == 0)
    if empty.size:
        raise ValueError(
            f"`num_mels` {num_mels} is too many: filter {empty[0]} holds none of the frequencies "
            f"of a transform of `fft_length` {fft_length} at {sampling_rate} Hz. Use fewer filters "
            "or a longer transform."
        )
    return filters


@keras.saving.register_keras_serializable(package="rnn_zoo")
class LogMel(keras.layers.Layer):
    """Log energies of a waveform in mel-spaced frequency bands.

    With frames `x_i`, window `w` (periodic Hann), pre-emphasis `a` and filters `M`::

        e_i[j] = x_i[j] - a x_i[j - 1]            e_i[0] = (1 - a) x_i[0]
        p_i    = |rfft(w * e_i, fft_length)|^2
        y_i    = log(max(p_i M, floor))           natural logarithm

    Pre-emphasis, window and transform are one linear map, computed as a strided convolution with
    fixed kernels. This is as fast as an FFT for frames of speech, and converts to ONNX and LiteRT.

    Unlike `keras.layers.MelSpectrogram`, which mirrors the waveform at both ends and limits the
    range by the loudest value of the batch, the features of a clip do not depend on its padding or
    on the rest of the batch.

    Args:
        sampling_rate: Samples per second. Defaults to `16000`.
        num_mels: Number of bands. Defaults to `40`.
        frame_length: Length of a frame in seconds. Defaults to `0.025`.
        frame_step: Distance between frames in seconds. Defaults to `0.01`.
        fft_length: Length of the transform in samples. Defaults to `None`, the smallest power of
            two that holds a frame.
        min_frequency: Lower edge of the lowest band in Hz. Defaults to `20.0`.
        max_frequency: Upper edge of the highest band in Hz. Defaults to `None`, half the sampling
            rate.
        preemphasis: `a`, at least 0 and below 1. Defaults to `0.97`.
        floor: Smallest energy. For samples from -1 to 1, rounding to 16 bits contributes about
            1e-9. Defaults to `1e-10`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Waveforms `(batch, samples)`, float32, usually from -1 to 1, padded with zeros.

    Output shape:
        `(batch, frames, num_mels)`, `frames = samples // frame_step + 1` with the step in samples.
        Computed at least in float32; the output has the compute dtype. Some GPUs by default round
        float32 products to ten bits, which affects quiet bands (to disable it on TensorFlow:
        `tf.config.experimental.enable_tensor_float_32_execution(False)`).

    Masking:
        None. The caller has to mask frames beyond the end of a clip, see `frames`.

    Raises:
        ValueError: If an argument or the shape of the inputs does not fit.

    Example:

    >>> import numpy as np
    >>> layer = LogMel(sampling_rate=8000)
    >>> tuple(layer(np.zeros((2, 4000), "float32")).shape), layer.frames(4000)
    ((2, 51, 40), 50)

    Reference:
        [Davis and Mermelstein, 1980](https://doi.org/10.1109/TASSP.1980.1163420); the mel scale and
        the emphasis within a frame are those of HTK.
    """

    def __init__(
        self,
        sampling_rate: int = 16000,
        num_mels: int = 40,
        frame_length: float = 0.025,
        frame_step: float = 0.01,
        fft_length: int | None = None,
        min_frequency: float = 20.0,
        max_frequency: float | None = None,
        preemphasis: float = 0.97,
        floor: float = 1e-10,
        **kwargs: Any,
    ) -> None:
        # Half precision would lose the quiet parts of a waveform.
        super().__init__(**{"autocast": False, **kwargs})
        sampling_rate = require_integer("sampling_rate", sampling_rate)
        num_mels = require_integer("num_mels", num_mels)
        for name, seconds in (("frame_length", frame_length), ("frame_step", frame_step)):
            if not round(seconds * sampling_rate) >= 1:
                raise ValueError(
                    f"`{name}` must be at least one sample long, found {seconds!r} seconds."
                )
        highest = sampling_rate / 2 if max_frequency is None else max_frequency
        if not 0 <= min_frequency < highest <= sampling_rate / 2:
            raise ValueError(
                "`min_frequency` must be at least 0 and below `max_frequency`, at most half the "
                f"sampling rate, {sampling_rate / 2:g} Hz, found {min_frequency!r} and "
                f"{max_frequency!r}."
            )
        self.sampling_rate = sampling_rate
        self.num_mels = num_mels
        self.frame_length = frame_length
        self.frame_step = frame_step
        self.fft_length = fft_length
        self.min_frequency = min_frequency
        self.max_frequency = max_frequency
        self.preemphasis = require_number("preemphasis", preemphasis, least=0, below=1)
        self.floor = require_number("floor", floor, above=0)
        self._window = round(frame_length * sampling_rate)
        self._step = round(frame_step * sampling_rate)
        transform = fft_length or 1 << (self._window - 1).bit_length()
        if transform < self._window:
            raise ValueError(
                f"`fft_length` must be at least the {self._window} samples of a frame, "
                f"found {fft_length!r}."
            )
        filters = mel_filters(num_mels, transform, sampling_rate, min_frequency, highest)
        self._filters = filters.astype("float32")
        self._kernel = _transform(self._window, transform, preemphasis).astype("float32")

    def frames(self, length: Any) -> Any:
        """The number of valid frames of a clip of `length` samples, a number or a tensor."""
        return length // self._step

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        if len(input_shape) != 2:
            raise ValueError(
                f"`inputs` must have shape (batch, samples), found {tuple(input_shape)}."
            )
        self.input_spec = keras.layers.InputSpec(ndim=2)

    def call(self, inputs: Tensor) -> Tensor:
        precise = at_least_float32(self.compute_dtype)
        x = ops.cast(inputs, precise)
        x = ops.pad(x, ((0, 0), (0, self._window)))[:, :, None]
        kernel = ops.cast(ops.convert_to_tensor(self._kernel[:, None, :]), precise)
        both = ops.conv(x, kernel, strides=self._step, padding="valid", data_format="channels_last")
        # For no rows, TensorFlow's convolution on a CPU returns the shape of its inputs.
        batch, samples = ops.shape(inputs)
        both = ops.reshape(both, (batch, samples // self._step + 1, kernel.shape[-1]))
        real, imaginary = ops.split(both, 2, axis=-1)
        power = ops.square(real) + ops.square(imaginary)
        filters = ops.cast(ops.convert_to_tensor(self._filters), precise)
        energies = ops.maximum(ops.matmul(power, filters), self.floor)
        return ops.cast(ops.log(energies), self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        batch, samples = input_shape
        return (batch, None if samples is None else samples // self._step + 1, self.num_mels)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "sampling_rate": self.sampling_rate,
            "num_mels": self.num_mels,
            "frame_length": self.frame_length,
            "frame_step": self.frame_step,
            "fft_length": self.fft_length,
            "min_frequency": self.min_frequency,
            "max_frequency": self.max_frequency,
            "preemphasis": self.preemphasis,
            "floor": self.floor,
        }


def _transform(frame: int, transform: int, preemphasis: float) -> np.ndarray:
    """Pre-emphasis, window and transform as a matrix: the real parts, then the imaginary parts."""
    window = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(frame) / frame)
    spectrum = np.fft.rfft(np.diag(window), transform, axis=1)
    before = np.concatenate([spectrum[1:], np.zeros_like(spectrum[:1])])
    matrix = spectrum - preemphasis * before
    matrix[0] -= preemphasis * spectrum[0]
    return np.concatenate([matrix.real, matrix.imag], axis=1)


@keras.saving.register_keras_serializable(package="rnn_zoo")
class Cepstra(keras.layers.Layer):
    """Mel-frequency cepstral coefficients (MFCC): the discrete cosine transform of log energies.

    For the log energies `x` of `n` bands, with `s_0 = sqrt(1 / n)` and `s_k = sqrt(2 / n)`::

        c_k = s_k sum_j x_j cos(pi k (2 j + 1) / (2 n))      k = 0 .. num_coefficients - 1
        y_k = c_k (1 + lifter / 2 sin(pi k / lifter))        y_k = c_k for lifter 0

    This is the orthonormal DCT-II of `librosa.feature.mfcc` and of python_speech_features, whose
    default lifter is also 22 (librosa's is 0, and its energies are in decibels). `c_0`, the
    loudness, is kept.

    Args:
        num_coefficients: Number of coefficients, at most the number of bands. Defaults to `13`.
        lifter: Parameter of the lifter, which amplifies the small higher coefficients. Defaults to
            `22`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Output of `LogMel`, `(batch, frames, bands)`.

    Output shape:
        `(batch, frames, num_coefficients)`, in the compute dtype.

    Masking:
        Frames are independent of each other.

    Raises:
        ValueError: If an argument is invalid.

    Example:

    >>> import numpy as np
    >>> tuple(Cepstra(13)(np.zeros((2, 50, 40), "float32")).shape)
    (2, 50, 13)

    Reference:
        [Davis and Mermelstein, 1980](https://doi.org/10.1109/TASSP.1980.1163420).
    """

    def __init__(self, num_coefficients: int = 13, lifter: float = 22, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_coefficients = require_integer("num_coefficients", num_coefficients)
        self.lifter = require_number("lifter", lifter, least=0)
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        bands = input_shape[-1]
        if len(input_shape) != 3 or bands is None or bands < self.num_coefficients:
            raise ValueError(
                "`inputs` must have shape (batch, frames, bands) with at least as many bands as "
                f"`num_coefficients` {self.num_coefficients}, found {tuple(input_shape)}."
            )
        k = np.arange(self.num_coefficients)
        cosines = np.cos(np.pi * k * (2 * np.arange(bands)[:, None] + 1) / (2 * bands))
        scale = np.sqrt(np.where(k == 0, 1, 2) / bands)
        if self.lifter:
            scale = scale * (1 + self.lifter / 2 * np.sin(np.pi * k / self.lifter))
        self._matrix = cosines * scale
        self.input_spec = keras.layers.InputSpec(ndim=3, axes={-1: bands})

    def call(self, inputs: Tensor) -> Tensor:
        return ops.matmul(inputs, ops.convert_to_tensor(self._matrix.astype(self.compute_dtype)))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.num_coefficients)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_coefficients": self.num_coefficients,
            "lifter": self.lifter,
        }


@keras.saving.register_keras_serializable(package="rnn_zoo")
class Deltas(keras.layers.Layer):
    """Appends the slopes of features over time, and the slopes of the slopes.

    With `w` frames on either side, where the first and the last valid frame are repeated beyond the
    ends::

        d_t = sum_{k=1..w} k (x_{t+k} - x_{t-k}) / (2 sum_k k^2)

        y_t = [x_t, d_t, (d of d)_t, ...]

    This is the formula of HTK and python_speech_features, and of `librosa.feature.delta` with
    `width=2 w + 1, mode="nearest"`. It looks `order * width` frames ahead.

    Args:
        order: How often to take slopes. Defaults to `2`.
        width: `w`. Defaults to `2`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: `(batch, frames, features)`.
        mask: Optional booleans `(batch, frames)`, `True` at valid frames.

    Output shape:
        `(batch, frames, (order + 1) * features)`, in the compute dtype.

    Masking:
        Frames may be masked on the right. Their values, NaN included, have no influence; their
        outputs are zeros.

    Raises:
        ValueError: If an argument is not a positive integer.

    Example:

    >>> import keras, numpy as np
    >>> x = np.arange(6, dtype="float32").reshape(1, 6, 1)
    >>> keras.ops.convert_to_numpy(Deltas(order=1)(x))[0, 2].tolist()
    [2.0, 1.0]

    Reference:
        [Furui, 1986](https://doi.org/10.1109/TASSP.1986.1164788).
    """

    def __init__(self, order: int = 2, width: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.order = require_integer("order", order)
        self.width = require_integer("width", width)
        self.supports_masking = True

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        features = [inputs if mask is None else zero_masked(inputs, mask)]
        for _ in range(self.order):
            features.append(self._slope(features[-1], mask))
        outputs = ops.concatenate(features, axis=-1)
        return outputs if mask is None else zero_masked(outputs, mask)

    def _slope(self, x: Tensor, mask: Tensor | None) -> Tensor:
        if mask is not None:
            # The last valid frame, after which the mask is false.
            ends = ops.logical_and(mask, ops.logical_not(ops.pad(mask[:, 1:], ((0, 0), (0, 1)))))
            last = ops.sum(zero_masked(x, ends), axis=1, keepdims=True)
            x = ops.where(mask[:, :, None], x, last)
        w = self.width
        x = ops.concatenate([*[x[:, :1]] * w, x, *[x[:, -1:]] * w], axis=1)
        slope = ops.zeros_like(x[:, w:-w])
        for k in range(1, w + 1):
            ahead, behind = x[:, w + k : k - w or None], x[:, w - k : -w - k]
            slope = slope + k * (ahead - behind)
        return slope / (2.0 * sum(k * k for k in range(1, w + 1)))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        *leading, features = input_shape
        return (*leading, None if features is None else (self.order + 1) * features)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "order": self.order, "width": self.width}
