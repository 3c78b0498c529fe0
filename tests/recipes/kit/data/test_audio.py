"""Sound files as numbers: widths, rates, channels."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from sound_files import tone, write_sound

from recipes.kit.data import audio


@pytest.mark.parametrize(
    ("name", "subtype", "tolerance"),
    [
        ("a.wav", "PCM_U8", 1e-2),
        ("a.wav", "PCM_16", 1e-4),
        ("a.wav", "PCM_24", 1e-6),
        ("a.wav", "PCM_32", 1e-6),
        ("a.wav", "FLOAT", 1e-7),
        ("a.wav", "DOUBLE", 1e-7),
        ("a.flac", "PCM_16", 1e-4),
    ],
)
def test_widths(name: str, subtype: str, tolerance: float, tmp_path: Path) -> None:
    samples, rate = audio.read_audio(write_sound(tmp_path / name, subtype=subtype))
    assert rate == 8000 and samples.dtype == np.float32
    np.testing.assert_allclose(samples, tone(), atol=tolerance)


def test_channels_are_averaged(tmp_path: Path) -> None:
    path = write_sound(
        tmp_path / "a.wav", np.stack([tone(), 0.5 * tone()], axis=1), subtype="FLOAT"
    )
    np.testing.assert_allclose(audio.read_audio(path)[0], 0.75 * tone(), atol=1e-6)


@pytest.mark.parametrize("rate", [4000, 11025, 22050, 44100, 48000])
def test_any_rate_becomes_the_one_asked_for(rate: int, tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.wav", tone(1.0, rate=rate), rate, subtype="FLOAT")
    samples, now = audio.read_audio(path, 8000)
    assert now == 8000 and len(samples) == 8000
    middle = slice(500, 7500)  # the ends ring
    np.testing.assert_allclose(samples[middle], tone(1.0)[middle], atol=2e-3)


def test_what_the_new_rate_cannot_hold_is_gone(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.wav", tone(1.0, hertz=7000.0, rate=44100), 44100)
    assert np.abs(audio.read_audio(path, 8000)[0][500:7500]).max() < 0.01


def test_integers_keep_the_sound() -> None:
    samples = tone()
    np.testing.assert_allclose(audio.from_int16(audio.to_int16(samples)), samples, atol=2.0**-15)
    assert audio.is_silent(np.full(100, 0.3)) and not audio.is_silent(samples)


def test_a_wave_file_of_the_standard_library(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes((32767 * tone()).astype("<i2").tobytes())
    assert audio.rate_of(tmp_path / "a.wav") == 8000 and audio.rate_of(tmp_path) is None
    np.testing.assert_allclose(audio.read_audio(tmp_path / "a.wav")[0], tone(), atol=1e-4)
