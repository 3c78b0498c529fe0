"""Sound files as numbers: any rate, any number of channels, any width of a sample."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import resample_poly

from recipes.kit.data.riff import check_whole, whole_wave
from recipes.kit.errors import DataError

#: File names that may hold sound.
SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff", ".au")

#: Those of sound that libsndfile does not read.
UNSUPPORTED = (".m4a", ".aac", ".wma", ".amr", ".3gp", ".mp4", ".webm", ".mka", ".ape", ".wv")

#: A clip that is never louder than half a step of 12 bits is silent.
_SILENT = 2.0**-12

#: Seconds by which a segment may end after its file; that much is lost in rounding.
_ROUNDING = 0.1

#: A segment that ends after so many times the length of its file is perhaps in milliseconds.
_MANY = 10

#: A stated length may be an estimate; a file with less than this share of it is cut off.
_LEAST = 0.9


@dataclass(frozen=True)
class Sound:
    """What was read of a file.

    Attributes:
        samples: One channel from -1 to 1, float32.
        rate: Samples per second.
        own_rate: Those of the file.
        channels: Channels of the file, which were averaged.
        encoding: Format and width of a sample, "WAV PCM_16".
        peak: The largest sample as it is in the file; 1 at most, but for floats.
        seconds: The length of the file, of which this may be a segment.
    """

    samples: np.ndarray
    rate: int
    own_rate: int
    channels: int
    encoding: str
    peak: float
    seconds: float


def read_audio(path: Path, sampling_rate: int | None = None) -> tuple[np.ndarray, int]:
    """The samples of a sound file and their rate, see `read_sound`."""
    sound = read_sound(path, sampling_rate)
    return sound.samples, sound.rate


def read_sound(
    path: Path, sampling_rate: int | None = None, *, start: float = 0.0, end: float | None = None
) -> Sound:
    """Read a sound file, or a segment of one.

    Channels are averaged, a polyphase filter (`scipy.signal.resample_poly`) changes the rate, and
    what is louder than 1, as floats may be, is scaled down by its peak.

    Args:
        path: WAV of 8, 16, 24 or 32 bits or floats, FLAC, OGG, MP3 or anything else that libsndfile
            reads.
        sampling_rate: Samples per second to return; by default the rate of the file.
        start: Seconds at which a segment begins.
        end: Seconds at which it ends; by default the end of the file.

    Raises:
        DataError: If the file is missing, empty, truncated or not sound, has samples that are not
            finite, or the segment is empty or lies outside of it.
    """
    with _opened(path) as file:
        rate, seconds = int(file.samplerate), file.frames / file.samplerate
        _check_segment(path, start, end, seconds)
        first = round(start * rate)
        last = file.frames if end is None else min(round(end * rate), file.frames)
        if first:
            file.seek(first)
        samples = file.read(last - first, dtype="float32", always_2d=True)
        channels, encoding = int(file.channels), f"{file.format} {file.subtype}"
    if not len(samples):
        raise DataError(path, "expected sound, found a file without a sample")
    if len(samples) < _LEAST * (last - first):
        raise DataError(path, f"is cut off: expected {last:,} samples, found {len(samples):,}")
    if not np.isfinite(samples).all():
        raise DataError(path, "holds samples that are not numbers")
    peak = float(np.abs(samples).max())
    mono = samples.mean(axis=1)
    if sampling_rate not in (None, rate):
        mono = resample(mono, rate, sampling_rate or rate)
    loudest = float(np.abs(mono).max(initial=0.0))
    if loudest > 1:  # A resampled sine of full scale is a little louder, too.
        mono = mono / np.float32(loudest)
    return Sound(mono, sampling_rate or rate, rate, channels, encoding, peak, seconds)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """A sound file, open to be read.

    Raises:
        DataError: If it cannot be, or what is done with it meanwhile fails.
    """
    import soundfile

    try:
        if not path.stat().st_size:
            raise DataError(path, "expected sound, found 0 bytes")
        with path.open("rb") as raw:
            head = raw.read(12)
        check_whole(path, head)
        source: Path | io.BytesIO = whole_wave(path) if head[:4] == b"RIFF" else path
        with soundfile.SoundFile(source) as file:
            yield file
    except soundfile.SoundFileError as error:
        if path.suffix.lower() in UNSUPPORTED:
            raise DataError(path, unsupported(path.suffix)) from None
        reason = str(error).rpartition(": ")[2] or str(error)
        raise DataError(path, f"cannot be read as sound: {reason.rstrip('.')}") from None
    except OSError as error:
        raise DataError(path, f"cannot be read: {error.strerror or error}") from None


def unsupported(suffix: str) -> str:
    """What there is to say of a kind of sound that is not read."""
    plain = suffix.lower()
    return f"{plain} is not supported: convert it to WAV or FLAC (ffmpeg -i a{plain} a.wav)"


def _check_segment(path: Path, start: float, end: float | None, seconds: float) -> None:
    """Refuse a segment that is empty or lies outside of its file."""
    last = seconds if end is None else end
    if 0 <= start < last <= seconds + _ROUNDING and start < seconds:
        return
    if end is None and not start:
        return  # All of a file without a sample.
    if not 0 <= start < last:
        problem = f"the segment from {start:g} to {last:g} seconds has no length"
    else:
        problem = f"the segment from {start:g} to {last:g} seconds ends after its {seconds:.2f}"
        if last > _MANY * seconds and last / 1000 <= seconds + _ROUNDING:
            problem += " (in milliseconds? a column such as start_ms says so)"
    raise DataError(path, problem)


def rate_of(path: Path) -> int | None:
    """The sampling rate a file states; None where it cannot be read."""
    try:
        with _opened(path) as file:
            return int(file.samplerate)
    except DataError:
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
