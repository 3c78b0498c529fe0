"""Options of the speech recipe."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from recipes.kit.data.reading import TextFiles
from recipes.kit.option import Group, option
from recipes.kit.options import (
    DirectionConfig,
    FitConfig,
    InitialStateConfig,
    RunConfig,
    Schedule,
    StackConfig,
)


@dataclass(frozen=True)
class ClipConfig(RunConfig):
    """Which clips of the data are used, and how they are read."""

    heading: ClassVar[str] = "data"

    sampling_rate: int | None = option(
        None,
        "Samples per second that files are resampled to. By default the most common rate, at most "
        "16000.",
        at_least=1000,
    )
    transcript_from_name: str | None = option(
        None,
        "How the files of a folder are named: {text} is the transcript (_ is a space), as short as "
        "it can be, {speaker} the speaker, any other name in braces a part without _, * anything. "
        "'{text}_{speaker}_*' for 7_jackson_0.wav, '{text}_{speaker}_{take}' for "
        "turn_on_anna_3.wav, '{text}/*' for one folder per word.",
    )
    valid_names: tuple[str, ...] = option(
        (), "Patterns of file names to validate on, such as '*_[5-9].wav'."
    )
    test_names: tuple[str, ...] = option(
        (),
        "Patterns of file names to test on, such as '*_[0-4].wav'. Where either part is missing, a "
        "tenth of the training clips becomes it.",
    )
    path_column: str | None = option(
        None, "Column of a manifest (or TFDS feature) with the sound. By default found by its name."
    )
    transcript_column: str | None = option(
        None,
        "Column of a manifest (or TFDS feature) with the transcript. By default found by its name.",
    )
    subset: str | None = option(
        None, "Use only files (or TFDS splits) with this word in their names."
    )
    by_speaker: bool = option(False, "Split off missing parts by speaker instead of by clip.")
    join: tuple[int, int] | None = option(
        None,
        "Join this many clips of one speaker into a string, anew in each epoch: 1 5 turns words "
        "into sentences of one to five.",
        at_least=1,
    )
    lowercase: bool = option(False, "Convert transcripts to lower case.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.join is not None:
            rising = self.join[0] <= self.join[1]
            self.require(rising, "join", "the lowest number of clips, then the highest")


@dataclass(frozen=True)
class FeatureConfig(RunConfig):
    """From a waveform to the time steps of the network (`zoo.acoustic_model`)."""

    heading: ClassVar[str] = "model"

    features: Literal["log_mel", "mfcc"] = option(
        "log_mel", "Input of the network: log energies in mel bands, or cepstra of them."
    )
    num_mels: int = option(
        None, "Number of mel bands. By default 40, or 20 for Morse code.", at_least=1
    )
    num_coefficients: int = option(13, "Number of cepstra.", at_least=1)
    deltas: int | None = option(
        None,
        "Orders of slopes over time beside the features. By default two with cepstra, else none.",
        at_least=0,
    )
    frame_length: float = option(0.025, "Length of a frame in seconds.", above=0, at_most=0.5)
    frame_step: float = option(0.01, "Seconds from one frame to the next.", above=0, at_most=0.1)
    time_reduction: int = option(
        3,
        "Frames stacked into one step of the network. More is faster; a step yields at most one "
        "letter.",
        at_least=1,
    )
    normalization: Literal["clip", "corpus", "none"] = option(
        None,
        "Scale each feature to mean 0 and variance 1 over its clip, over the corpus, or not at "
        "all. By default clip; corpus for Morse code and with --no-bidirectional, which must not "
        "know the rest of the clip.",
    )
    spec_augment: bool = option(
        True,
        "Mask bands and stretches of the features in training; never done to the dots of Morse "
        "code.",
    )

    def feature_options(self) -> dict[str, Any]:
        """The options as keyword arguments of `zoo.acoustic_model`."""
        options = {name: getattr(self, name) for name in _own_fields(FeatureConfig)}
        return {**options, "spec_augment": self.spec_augment and self.data.kind != "embedded"}

    @property
    def seconds_per_step(self) -> float:
        """Seconds from one step of the network to the next."""
        return self.frame_step * self.time_reduction


def _own_fields(group: type[RunConfig]) -> tuple[str, ...]:
    """The fields of a group besides those of every run."""
    every = {field.name for field in dataclasses.fields(RunConfig)}
    return tuple(field.name for field in dataclasses.fields(group) if field.name not in every)


@dataclass(frozen=True)
class Config(
    StackConfig,
    DirectionConfig,
    InitialStateConfig,
    FeatureConfig,
    ClipConfig,
    TextFiles,
    FitConfig,
):
    """Options of the speech recipe."""

    for_little: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1000: {},
        400: {"epochs": 40, "dropout": 0.4},
        100: {"epochs": 60, "dropout": 0.4},
    }

    epochs: int = 30
    learning_rate: float = option(
        None,
        "Peak learning rate. By default 0.003, or 0.005 for Morse code.",
        heading="training",
        above=0,
    )
    schedule: Schedule = "cosine"
    global_clipnorm: float | None = 20.0
    patience: int = 10
    cell: str = "gru"
    units: int = 96
    dropout: float = option(
        None,
        "Share of non-recurrent connections dropped in training. By default 0.2, more with little "
        "data; 0 for Morse code, which is generated without end.",
        heading="model",
        at_least=0,
        below=1,
    )
    bidirectional: bool = option(
        True, "Read the clip backwards as well; turn it off for streams.", heading="model"
    )
    beam_size: int = option(
        8, "Hypotheses of the beam search.", heading="search of answers", at_least=1
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.features == "mfcc":
            fits = self.num_coefficients <= self.num_mels
            self.require(fits, "num_coefficients", f"at most --num-mels {self.num_mels}")

    def presets(self) -> Mapping[str, Any]:
        if self.data.kind == "embedded":
            return {
                "num_mels": 20,
                "normalization": "corpus",
                "dropout": 0.0,
                "learning_rate": 5e-3,
            }
        return {
            "num_mels": 40,
            "normalization": "clip" if self.bidirectional else "corpus",
            "dropout": 0.2,
            "learning_rate": 3e-3,
        }

    def without_effect(self) -> Iterator[tuple[str, Iterable[str]]]:
        yield from super().without_effect()
        named = ("transcript_from_name", "valid_names", "test_names")
        if self.data.kind == "embedded":
            yield "with --data embedded", _own_fields(ClipConfig)
        elif self.data.kind == "tfds":
            yield f"with --data {self.data}", named
        elif self.data.is_file:
            yield "with a manifest", named
        elif self.transcript_from_name is None:
            yield "without --transcript-from-name", named
        else:
            yield "with --transcript-from-name", ("path_column", "transcript_column")
        if self.features == "log_mel":
            yield "with --features log_mel", ("num_coefficients",)


@dataclass(frozen=True)
class Predict(Group):
    """Transcribe sound files: one answer for each."""

    heading: ClassVar[str] = "search of answers"

    search: Literal["beam", "greedy"] = option(
        "beam", "Beam search, or the likeliest symbol of each step."
    )
    times: bool = option(False, "Add the beginning and end of each letter, in seconds.")
