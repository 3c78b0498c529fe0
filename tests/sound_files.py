"""Sound files for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import soundfile


def tone(seconds: float = 0.5, hertz: float = 440.0, rate: int = 8000) -> np.ndarray:
    """A sine, float32."""
    times = np.arange(int(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * hertz * times)).astype("float32")


def write_sound(
    path: Path, samples: np.ndarray | None = None, rate: int = 8000, **how: Any
) -> Path:
    """Write samples, by default half a second of a tone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, tone(rate=rate) if samples is None else samples, rate, **how)
    return path
