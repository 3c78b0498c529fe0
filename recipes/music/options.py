"""Options of the music recipe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from recipes.kit.data.reading import Files
from recipes.kit.option import Group, option
from recipes.kit.options import FitConfig, Schedule, StackConfig

Head = Literal["chain", "independent"]
Step = Literal["quarter", "eighth", "sixteenth"]

#: Length of each step in quarter notes.
QUARTERS: Mapping[str, float] = {"quarter": 1.0, "eighth": 0.5, "sixteenth": 0.25}


@dataclass(frozen=True)
class Config(StackConfig, Files, FitConfig):
    """Options of the music recipe."""

    epochs: int = 100
    batch_size: int = 8
    learning_rate: float = 4e-3
    schedule: Schedule = "cosine"
    patience: int = 20
    cell: str = "gru"
    units: int = 150
    dropout: float = 0.2
    head: Head = option(
        "chain",
        "How the keys of a frame are predicted: in a chain, each given the lower ones, as chords "
        "need it; or independent of each other, which is faster to train.",
        heading="model",
    )
    head_units: int = option(100, "Hidden units of the chain.", heading="model", at_least=1)
    transpose: int | None = option(
        None,
        "Shift each training piece by up to so many semitones, drawn anew in each epoch, as far as "
        "it stays on the keyboard. By default 6 with --head chain, 0 with independent keys.",
        heading="training",
        at_least=0,
        at_most=24,
    )
    passage: int = option(
        512,
        "Frames that the gradient goes back through: longer training pieces are cut.",
        heading="training",
        at_least=2,
    )
    step: Step = option(
        "quarter",
        "Length of a frame: MIDI files and the embedded chorales are read so; rolls are as they "
        "are, and it says how long their frames are where music is written.",
        heading="data",
    )
    limit: int | None = option(
        None,
        "Use at most this many training pieces, and a fifth as many to validate on.",
        heading="data",
        at_least=1,
    )
    samples: int = option(3, "Pieces to write after the training.", heading="run", at_least=1)
    compare: bool = option(
        False, "Train a model with the other head as well, to compare with.", heading="run"
    )

    kept: ClassVar[tuple[str, ...]] = (*FitConfig.kept, "step")

    def presets(self) -> Mapping[str, Any]:
        return {"transpose": 6 if self.head == "chain" else 0}

    def without_effect(self) -> Iterator[tuple[str, Iterable[str]]]:
        yield from super().without_effect()
        if self.head == "independent" and not self.compare:
            yield "with --head independent", ("head_units",)


@dataclass(frozen=True)
class Predict(Group):
    """Continue pieces: files, or a chord as text, such as "C4 E4 G4" or "60 64 67".

    One answer for each, with the chords that follow and how likely the model finds the beginning.
    """

    heading: ClassVar[str] = "search of answers"

    frames: int = option(64, "Frames to write.", at_least=1, at_most=100_000)
    temperature: float = option(
        1.0, "Below 1 makes likely notes likelier, above 1 less likely ones.", at_least=0
    )
    seed: int = option(0, "Seed of the draw.", at_least=0, at_most=2**31 - 1)
    pieces: Path | None = option(
        None,
        "Folder for the music: beginning and continuation of each input as MIDI, sound and piano "
        "roll (.mid, .wav, .png).",
    )
    tempo: float = option(90.0, "Quarter notes a minute.", at_least=10, at_most=400)

    def without_effect(self) -> Iterator[tuple[str, Iterable[str]]]:
        yield from super().without_effect()
        if self.pieces is None:
            yield "without --pieces", ("tempo",)
