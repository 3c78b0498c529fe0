"""Sound files as numbers: any rate, any number of channels, any width of a sample."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from recipes.kit.errors import DataError

#: File names that may hold sound.
SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff", ".au")

#: A clip that is never louder than half a step of 12 bits is silent.
_SILENT = 2.0**-12


def read_audio(path: Path, sampling_rate: int | None = None) -> tuple[np.ndarray, int]:
    """Read a sound file as one channel from -1 to 1, float32.

    Channels are averaged; a polyphase filter (`scipy.signal.resample_poly`) changes the rate.

    Args:
        path: WAV of 8, 16, 24 or 32 bits or floats, FLAC, OGG, MP3 or anything else that libsndfile
            reads.
        sampling_rate: Samples per second to return; by default the rate of the file.

    Returns:
        Samples, and their rate.

    Raises:
        DataError: If the file is missing, empty, truncated or not sound, or has samples that are
            not finite.
    """
    import soundfile

    try:
        size = path.stat().st_size
        if not size:
            raise DataError(path, "expected sound, found 0 bytes")
        with path.open("rb") as file:
            _check_whole(path, file.read(12), size)
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.SoundFileError as error:
        reason = str(error).partition(": ")[2] or str(error)
        raise DataError(path, f"cannot be read as sound: {reason.rstrip('.')}") from None
    except OSError as error:
        raise DataError(path, f"cannot be read: {error.strerror or error}") from None
    if not len(samples):
        raise DataError(path, "expected sound, found a file without a sample")
    if not np.isfinite(samples).all():
        raise DataError(path, "holds samples that are not numbers")
    mono = samples.mean(axis=1)
    if sampling_rate is None or sampling_rate == rate:
        return mono, rate
    return resample(mono, rate, sampling_rate), sampling_rate


def rate_of(path: Path) -> int | None:
    """The sampling rate a file states; None where it cannot be read."""
    import soundfile

    try:
        return int(soundfile.info(str(path)).samplerate)
    except (OSError, soundfile.SoundFileError):
        return None


def resample(samples: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """Samples at another rate, float32; frequencies that the new rate cannot hold are removed."""
    common = math.gcd(rate, wanted)
    return resample_poly(samples, wanted // common, rate // common).astype("float32")


def is_silent(samples: np.ndarray) -> bool:
    """Whether samples from -1 to 1 are inaudible, as a constant is, too."""
    return float(np.ptp(samples)) < 2 * _SILENT if samples.size else True


def to_int16(samples: np.ndarray) -> np.ndarray:
    """Samples from -1 to 1 in 16 bits, which take half the memory."""
    return np.round(np.clip(samples, -1.0, 1.0) * 32767.0).astype("int16")


def from_int16(samples: np.ndarray) -> np.ndarray:
    """The samples that `to_int16` was given, float32."""
    return samples.astype("float32") / 32767.0


def _check_whole(path: Path, head: bytes, size: int) -> None:
    """Refuse a truncated RIFF file, of which libsndfile would read the part that is there."""
    if head[:4] == b"RIFF" and len(head) >= 8:
        stated = int.from_bytes(head[4:8], "little") + 8
        if size < stated < 2**32 - 4096:  # One written to a pipe states about the largest.
            raise DataError(path, f"is cut off: expected {stated:,} bytes, found {size:,}")
