"""Features of sound against float64 NumPy, written out frame by frame."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from compiled import apply
from layer_checks import CHECKS, LayerCase, to_numpy
from scipy.fft import dct

from custom_layers import Cepstra, Deltas, LogMel
from custom_layers.sound.features import mel_filters

pytestmark = pytest.mark.backend

#: 10 samples a step and 25 a frame, in a transform of 32.
RATE, STEP, FRAME, FFT = 1000, 10, 25, 32
SMALL = {"sampling_rate": RATE, "num_mels": 6, "min_frequency": 30.0}

CASES = {
    "log_mel": LayerCase(
        LogMel,
        SMALL,
        (2, 120),
        trainable_weights=0,
        output_shape=(2, 13, 6),
    ),
    "cepstra": LayerCase(
        Cepstra,
        {"num_coefficients": 4, "lifter": 5},
        (2, 5, 6),
        trainable_weights=0,
        output_shape=(2, 5, 4),
    ),
    "deltas": LayerCase(
        Deltas,
        {"order": 2, "width": 2},
        (2, 7, 3),
        trainable_weights=0,
        output_shape=(2, 7, 9),
        masking="right",
    ),
}


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("case", CASES)
def test_contract(case: str, name: str) -> None:
    CHECKS[name](CASES[case])


def filters_by_hand(num_mels: int, fft: int, rate: int, low: float, high: float) -> np.ndarray:
    """A filter after the other, a frequency after the other."""

    def mel(f: float) -> float:
        return 1127.010480 * np.log(1 + f / 700)

    def hertz(m: float) -> float:
        return 700 * (np.exp(m / 1127.010480) - 1)

    step = (mel(high) - mel(low)) / (num_mels + 1)
    filters = np.zeros((fft // 2 + 1, num_mels))
    for band in range(num_mels):
        left, middle, right = (hertz(mel(low) + (band + k) * step) for k in range(3))
        for k in range(fft // 2 + 1):
            f = k * rate / fft
            if left < f <= middle:
                filters[k, band] = (f - left) / (middle - left)
            elif middle < f < right:
                filters[k, band] = (right - f) / (right - middle)
    return filters


def log_mel_by_hand(x: np.ndarray, preemphasis: float = 0.97) -> np.ndarray:
    """Of one waveform: the frames that count."""
    filters = filters_by_hand(6, FFT, RATE, 30.0, 500.0)
    window = np.array([np.sin(np.pi * n / FRAME) ** 2 for n in range(FRAME)])
    padded = np.concatenate([x.astype("float64"), np.zeros(FRAME)])
    rows = []
    for frame in range(len(x) // STEP):
        piece = padded[frame * STEP : frame * STEP + FRAME]
        emphasised = piece - preemphasis * np.concatenate([piece[:1], piece[:-1]])
        power = np.abs(np.fft.rfft(window * emphasised, FFT)) ** 2
        rows.append(np.log(np.maximum(power @ filters, 1e-10)))
    return np.array(rows)


def test_filters() -> None:
    for arguments in ((6, FFT, RATE, 30.0, 500.0), (40, 256, 8000, 20.0, 4000.0)):
        np.testing.assert_allclose(mel_filters(*arguments), filters_by_hand(*arguments), atol=1e-6)
    with pytest.raises(ValueError, match=r"`num_mels` 40 is too many: filter \d+ holds none"):
        mel_filters(40, FFT, RATE, 30.0, 500.0)


@pytest.mark.parametrize("preemphasis", [0.0, 0.97])
def test_log_mel(preemphasis: float) -> None:
    x = np.random.default_rng(0).normal(size=(3, 127)).astype("float32")
    x[1] += 5.0  # a constant, which the emphasis takes away
    layer = LogMel(**SMALL, preemphasis=preemphasis)
    found = to_numpy(layer(x))
    assert layer.frames(127) == 12 and found.shape == (3, 13, 6)
    want = np.stack([log_mel_by_hand(row, preemphasis) for row in x])
    np.testing.assert_allclose(found[:, :12], want, rtol=1e-3, atol=1e-3)


def test_quiet_sounds_and_silence() -> None:
    x = np.random.default_rng(0).normal(size=(1, 100)).astype("float32")
    layer = LogMel(**SMALL)
    loud, quiet = to_numpy(layer(x)), to_numpy(layer(1e-2 * x))
    np.testing.assert_allclose((loud - quiet)[:, :10], 2 * np.log(100), atol=1e-3)
    np.testing.assert_allclose(to_numpy(layer(0 * x)), np.log(1e-10), rtol=1e-6)


def test_padding_does_not_change_a_clip() -> None:
    x = np.random.default_rng(0).normal(size=(1, 95)).astype("float32")
    layer = LogMel(**SMALL)
    alone = to_numpy(layer(x))[:, : layer.frames(95)]
    padded = to_numpy(layer(np.pad(x, ((0, 0), (0, 61)))))[:, : layer.frames(95)]
    np.testing.assert_allclose(alone, padded, atol=1e-5)


def test_a_frame_ends_where_it_says() -> None:
    x = np.random.default_rng(0).normal(size=(1, 200)).astype("float32")
    other = x.copy()
    other[0, 104] += 1.0  # of frames 8 (80 to 104), 9 and 10
    layer = LogMel(**SMALL)
    changed = np.abs(to_numpy(layer(x)) - to_numpy(layer(other)))[0].max(axis=-1) > 1e-5
    # In frame 8 it is the last sample, where the window is nearly 0.
    assert changed[[9, 10]].all() and not changed[:8].any() and not changed[11:].any()


def test_a_tone_is_in_its_band() -> None:
    seconds = np.arange(8000) / 8000
    filters = filters_by_hand(40, 256, 8000, 20.0, 4000.0)
    for hertz in (312.5, 1000.0, 3000.0):
        tone = np.sin(2 * np.pi * hertz * seconds)[None].astype("float32")
        bands = to_numpy(LogMel(8000, 40)(tone))[0, 50]
        assert bands.argmax() == filters[round(hertz * 256 / 8000)].argmax()


@pytest.mark.parametrize("lifter", [0, 22])
def test_cepstra(lifter: int) -> None:
    x = np.random.default_rng(0).normal(size=(2, 4, 20))
    want = dct(x, type=2, norm="ortho", axis=-1)[..., :13]
    if lifter:
        want = want * (1 + lifter / 2 * np.sin(np.pi * np.arange(13) / lifter))
    np.testing.assert_allclose(to_numpy(Cepstra(13, lifter)(x.astype("float32"))), want, atol=1e-4)


def slopes_by_hand(x: np.ndarray, width: int) -> np.ndarray:
    found = np.zeros_like(x)
    last = len(x) - 1
    for t in range(len(x)):
        for k in range(1, width + 1):
            found[t] += k * (x[min(t + k, last)] - x[max(t - k, 0)])
    return found / (2 * sum(k * k for k in range(1, width + 1)))


@pytest.mark.parametrize(("order", "width"), [(1, 1), (2, 2), (3, 3)])
def test_deltas(order: int, width: int) -> None:
    x = np.random.default_rng(0).normal(size=(3, 9, 2))
    lengths = [9, 5, 1]
    mask = np.arange(9) < np.array(lengths)[:, None]
    x[~mask] = np.nan
    found = to_numpy(apply(Deltas(order, width), x.astype("float32"), mask=mask))
    for row, length in enumerate(lengths):
        want = [x[row, :length]]
        for _ in range(order):
            want.append(slopes_by_hand(want[-1], width))
        np.testing.assert_allclose(
            found[row, :length], np.concatenate(want, axis=-1), rtol=1e-4, atol=1e-5
        )
        assert (found[row, length:] == 0).all()


def test_half_precision_keeps_the_waveform() -> None:
    x = 1e-4 * np.random.default_rng(0).normal(size=(1, 200)).astype("float32")
    full, half = (to_numpy(LogMel(**SMALL, dtype=d)(x)) for d in ("float32", "mixed_float16"))
    assert half.dtype == np.float16
    np.testing.assert_allclose(half, full, atol=0.02)


@pytest.mark.parametrize(
    ("layer", "arguments", "message"),
    [
        (LogMel, {"sampling_rate": 0}, "`sampling_rate` must be a positive integer"),
        (LogMel, {"frame_step": 0.0}, "`frame_step` must be at least one sample long"),
        (LogMel, {"fft_length": 128}, "`fft_length` must be at least the 400 samples"),
        (LogMel, {"max_frequency": 9000.0}, "at most half the sampling rate, 8000 Hz"),
        (LogMel, {"preemphasis": 1.0}, "`preemphasis` must be at least 0 and below 1"),
        (LogMel, {"floor": 0.0}, "`floor` must be above 0"),
        (Cepstra, {"num_coefficients": 0}, "`num_coefficients` must be a positive integer"),
        (Cepstra, {"lifter": -1}, "`lifter` must be at least 0"),
        (Deltas, {"order": 0}, "`order` must be a positive integer"),
    ],
)
def test_wrong_arguments(layer: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        layer(**arguments)


def test_wrong_shapes() -> None:
    with pytest.raises(ValueError, match="must have shape \\(batch, samples\\)"):
        LogMel()(np.zeros((2, 100, 1), "float32"))
    with pytest.raises(ValueError, match="at least as many bands"):
        Cepstra(13)(keras.ops.zeros((1, 4, 12)))
