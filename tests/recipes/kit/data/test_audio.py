"""Sound files as numbers: widths, rates, channels."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from sound_files import tone, write_sound

from recipes.kit.data import audio
from recipes.kit.errors import DataError


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


# --- headers that are not true --------------------------------------------------------------------


def chunk(name: bytes, content: bytes, stated: int | None = None, pad: bool = True) -> bytes:
    """A chunk of a RIFF file."""
    length = len(content) if stated is None else stated
    return name + length.to_bytes(4, "little") + content + b"\0" * (pad and len(content) % 2)


FORMAT = chunk(b"fmt ", bytes.fromhex("01000100401f0000401f000001000800"))  # 8 bits, 8 kHz
SAMPLES = (127 + 100 * tone(0.1)).astype("uint8").tobytes() + b"\x7f"  # an odd number


def riff(*chunks: bytes, stated: int | None = None) -> bytes:
    return chunk(b"RIFF", b"WAVE" + b"".join(chunks), stated, pad=False)


@pytest.mark.parametrize(
    "content",
    [
        riff(FORMAT, chunk(b"data", SAMPLES)),
        riff(FORMAT, chunk(b"data", SAMPLES, pad=False)),
        riff(FORMAT, chunk(b"data", SAMPLES, pad=False), stated=4 + 24 + 8 + len(SAMPLES) + 1),
        riff(FORMAT, chunk(b"LIST", b"odd"), chunk(b"data", SAMPLES)),
        riff(FORMAT, chunk(b"LIST", b"odd", pad=False), chunk(b"data", SAMPLES)),
        *(
            riff(FORMAT, chunk(b"data", SAMPLES, data, pad=False), stated=whole)
            for whole, data in (
                (0x7FFFF024, 0x7FFFF000),
                (0x80000024, 0x80000000),
                (0xFFFFFFFF, 0xFFFFFFFF),
                (0xFFFFFFFF, 0xFFFFFFDB),
                (0, 0),
                (36, 0),
                (0xFFFFFFFF, len(SAMPLES)),
                (0, len(SAMPLES)),
            )
        ),
    ],
)
def test_headers_of_pipes_and_missing_pad_bytes(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    samples, rate = audio.read_audio(tmp_path / "a.wav")
    assert rate == 8000 == audio.rate_of(tmp_path / "a.wav")
    wanted = np.frombuffer(SAMPLES, "uint8").astype("float32") / 128 - 1
    np.testing.assert_allclose(samples[: len(wanted)], wanted, atol=1e-6)
    assert len(samples) - len(wanted) in (0, 1)  # with the byte that makes it even, in a pipe


@pytest.mark.parametrize("name", ["a.wav", "a.aiff", "a.au", "a.flac", "a.ogg", "a.mp3"])
def test_what_is_cut_off_is_not_read_in_part(name: str, tmp_path: Path) -> None:
    whole = write_sound(tmp_path / name, tone(3.0)).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="is cut off: expected|cannot be read as sound"):
        audio.read_audio(tmp_path / name)


# --- segments, loud floats, what is not read ------------------------------------------------------


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg"])
def test_a_segment_is_that_part_of_the_file(name: str, tmp_path: Path) -> None:
    path = write_sound(tmp_path / name, tone(2.0) * np.linspace(0.1, 1, 16000, dtype="float32"))
    whole = audio.read_sound(path)
    part = audio.read_sound(path, start=0.5, end=1.25)
    np.testing.assert_allclose(part.samples, whole.samples[4000:10000], atol=1e-6)
    assert (whole.seconds, part.seconds, len(audio.read_sound(path, start=1.5).samples)) == (
        2.0,
        2.0,
        4000,
    )
    assert len(audio.read_sound(path, start=1.0, end=2.05).samples) == 8000  # lost in rounding
    with pytest.raises(DataError, match="from 1 to 2.5 seconds ends after its 2.00"):
        audio.read_sound(path, start=1.0, end=2.5)


@pytest.mark.parametrize("factor", [1.5, 40000.0])
def test_floats_beyond_one_are_scaled_by_their_peak(factor: float, tmp_path: Path) -> None:
    loud = 2 * tone() * np.float32(factor)  # the tone itself is half as loud as can be
    sound = audio.read_sound(write_sound(tmp_path / "a.wav", loud, subtype="FLOAT"))
    peak = np.abs(tone()).max()
    assert sound.peak == pytest.approx(2 * factor * peak)
    np.testing.assert_allclose(sound.samples, tone() / peak, atol=1e-6)
    # What is trained on is what is predicted from.
    kept = audio.from_int16(audio.to_int16(sound.samples))
    np.testing.assert_allclose(kept, audio.read_audio(tmp_path / "a.wav")[0], atol=2.0**-15)


def test_other_kinds_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.M4A").write_bytes(b"\0\0\0 ftypM4A isom")
    message = r"\.m4a is not supported: convert it to WAV or FLAC .ffmpeg -i a.m4a a.wav"
    with pytest.raises(DataError, match=message):
        audio.read_audio(tmp_path / "a.M4A")
