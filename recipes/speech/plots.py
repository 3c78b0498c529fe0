"""Pictures of sound: which letter is recognised where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from recipes.kit.colours import COLOURS, WRONG, ink_on
from recipes.kit.plots import dressed, save

#: Seconds drawn of a clip.
_SECONDS = 8.0

#: Decibels of a natural logarithm of energies.
_DECIBELS = 10 / np.log(10)


@dataclass(frozen=True)
class Heard:
    """A clip as the model hears it.

    Attributes:
        log_mel: `(frames, bands)`, natural logarithms of energies.
        seconds_per_frame: From one frame to the next.
        probabilities: `(steps, symbols)`, blank first.
        seconds_per_step: From one step to the next.
        symbols: Of the columns, "" for blank.
        letters: Each letter of the answer, with when it begins and ends.
        truth: The transcript.
    """

    log_mel: np.ndarray
    seconds_per_frame: float
    probabilities: np.ndarray
    seconds_per_step: float
    symbols: Sequence[str]
    letters: Sequence[tuple[str, float, float]]
    truth: str


@dressed
def alignment(clips: Sequence[Heard], path: Path) -> None:
    """Spectrograms, below each the probabilities of every step, and the letters where they are
    heard.

    Args:
        clips: A few.
        path: PNG to write.
    """
    figure = Figure(figsize=(11, 2.9 * len(clips)), layout="constrained")
    rows = figure.subplots(2 * len(clips), 1, height_ratios=[2.2, 1] * len(clips), squeeze=False)
    for clip, sound, steps in zip(clips, rows[::2, 0], rows[1::2, 0], strict=True):
        end = min(_SECONDS, len(clip.log_mel) * clip.seconds_per_frame)
        shown = _DECIBELS * clip.log_mel[: round(end / clip.seconds_per_frame)]
        low, high = np.quantile(shown, [0.05, 0.995])
        length = len(shown) * clip.seconds_per_frame
        image = sound.imshow(
            shown.T,
            origin="lower",
            aspect="auto",
            cmap="magma",
            vmin=low,
            vmax=max(high, low + 1e-3),
            extent=(0, length, 0, shown.shape[1]),
        )
        # Beside both, so that they keep the same width and seconds stand below each other.
        figure.colorbar(image, ax=[sound, steps], label="energy, dB", extend="both", pad=0.01)
        heard = "".join(letter for letter, _, _ in clip.letters)
        verdict = "" if heard == clip.truth else f"     heard: {heard}"
        title = sound.set_title(f"said: {clip.truth}{verdict}", loc="left", fontsize=10)
        if verdict:
            title.set_color(WRONG)
        sound.set(ylabel="mel band", xticks=[], xlim=(0, end))
        sound.spines[:].set_visible(True)
        for _, start, stop in clip.letters:
            for edge in (start, stop):
                sound.axvline(edge, color="white", lw=0.6, ls=":", alpha=0.8)
        _draw_steps(steps, clip, end)
    rows[-1, 0].set_xlabel("seconds")
    save(figure, path)


def _draw_steps(axes: Any, clip: Heard, end: float) -> None:
    """The probability of each symbol over time, blank in grey."""
    times = (np.arange(len(clip.probabilities)) + 0.5) * clip.seconds_per_step
    axes.fill_between(times, clip.probabilities[:, 0], color="0.9", lw=0, step="mid")
    heard = {letter for letter, _, _ in clip.letters}
    colours: dict[str, str] = {}
    for column, symbol in enumerate(clip.symbols):
        if symbol in heard:
            colours[symbol] = COLOURS[len(colours) % len(COLOURS)]
            axes.plot(
                times,
                clip.probabilities[:, column],
                color=colours[symbol],
                lw=1.4,
                drawstyle="steps-mid",
            )
    for letter, start, stop in clip.letters:
        middle = (start + stop) / 2
        if middle < end:
            sign = "\u2423" if letter == " " else letter
            box = {"boxstyle": "square,pad=0.15", "fc": colours[letter], "ec": "none"}
            style: Any = {"color": ink_on(colours[letter]), "bbox": box, "fontsize": 9}
            axes.text(middle, 1.12, sign, ha="center", va="bottom", **style)
    axes.set(xlim=(0, end), ylim=(0, 1.6), yticks=[0, 1])
    axes.set_ylabel("p (grey: blank)", fontsize=8)
