"""Options of a recipe that hears: which clips, and what of them the network is given."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from recipes.kit.options import RunConfig
from recipes.speech import data as speech_data


@dataclass(frozen=True)
class FeatureConfig(RunConfig):
    """From a waveform to the steps of the network (`zoo.acoustic_model`)."""

    features: Literal["log_mel", "mfcc"] = "log_mel"
    """What the network hears: log energies in mel bands, or cepstra of them."""
    num_mels: int | None = None
    """Number of mel bands. None = 40, of Morse code 20."""
    num_coefficients: int = 13
    """Number of cepstra."""
    deltas: int | None = None
    """Orders of slopes over time beside the features. None = two with cepstra, else none."""
    frame_length: float = 0.025
    """Seconds of a frame."""
    frame_step: float = 0.01
    """Seconds from a frame to the next."""
    time_reduction: int = 3
    """Frames that make one step of the network. More is faster; a step says one letter at most."""
    normalization: Literal["clip", "corpus", "none"] | None = None
    """Mean 0 and variance 1 of each feature over its clip, over the corpus, or not. None = clip,
    but corpus with --no-bidirectional, which must not know the rest of the clip, and of Morse
    code."""
    spec_augment: bool = True
    """Blot out bands and stretches of the features in training; never the dots of Morse code."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for field in ("num_mels", "num_coefficients", "time_reduction"):
            self.require(getattr(self, field) >= 1, field, "at least 1")
        self.require(self.deltas is None or self.deltas >= 0, "deltas", "at least 0")
        self.require(0 < self.frame_step <= 0.1, "frame_step", "above 0 and at most 0.1")
        self.require(0 < self.frame_length <= 0.5, "frame_length", "above 0 and at most 0.5")
        if self.features == "mfcc":
            fits = self.num_coefficients <= self.num_mels
            self.require(fits, "num_coefficients", f"at most --num-mels {self.num_mels}")

    @property
    def seconds_per_step(self) -> float:
        """From a step of the network to the next."""
        return self.frame_step * self.time_reduction

    def feature_options(self, *, stream: bool) -> dict[str, Any]:
        """The options as keyword arguments of `zoo.acoustic_model`."""
        fields = FeatureConfig.__annotations__
        options = {name: getattr(self, name) for name in fields}
        return {
            **options,
            "normalization": self.normalization or ("corpus" if stream else "clip"),
            "spec_augment": self.spec_augment and self.data != "embedded",
        }


@dataclass(frozen=True)
class ClipConfig(RunConfig):
    """Which clips of the data, and how they are read."""

    sampling_rate: int | None = None
    """Samples a second, to which files are resampled. None = the commonest rate, at most 16000."""
    transcript_from_name: str | None = None
    """How the files of a folder are named: {text} is what is said (_ is a blank), {speaker} who
    says it, * anything. '{text}_{speaker}_*' for 7_jackson_0.wav, '{text}/*' for a folder a
    word."""
    valid_names: tuple[str, ...] = ()
    """Patterns of names of a folder's files to validate on, such as '*_[5-9].wav'."""
    test_names: tuple[str, ...] = ()
    """Likewise, to test on: '*_[0-4].wav'. What is missing of both is a tenth of the clips."""
    path_column: str | None = None
    """Column of a manifest (or TFDS feature) with the sound. By default found by its name."""
    transcript_column: str | None = None
    """Likewise, with the transcript."""
    subset: str | None = None
    """Only files (of TFDS: splits) with this word in their names."""
    by_speaker: bool = False
    """Where splits are missing, draw speakers for them instead of clips."""
    join: tuple[int, int] | None = None
    """Make strings of so many clips of one speaker, anew in each epoch: 1 5 turns words into
    sentences of one to five."""
    lowercase: bool = False
    """Read transcripts in small letters."""
    strict: bool = False
    """Refuse files that cannot be learned from instead of leaving them out."""

    def __post_init__(self) -> None:
        super().__post_init__()
        rate = self.sampling_rate
        self.require(rate is None or rate >= 1000, "sampling_rate", "at least 1000")
        if self.join is not None:
            self.require(1 <= self.join[0] <= self.join[1], "join", "two rising numbers from 1")

    def clip_options(self, sampling_rate: int | None = None) -> speech_data.Options:
        """The options as the loader takes them, at a given rate or that of the config."""
        return speech_data.Options(
            sampling_rate=sampling_rate or self.sampling_rate,
            path_column=self.path_column,
            transcript_column=self.transcript_column,
            naming=speech_data.Naming(self.transcript_from_name, self.valid_names, self.test_names),
            subset=self.subset,
            lowercase=self.lowercase,
            by_speaker=self.by_speaker,
            strict=self.strict,
        )


@dataclass(frozen=True)
class SoundConfig(ClipConfig, FeatureConfig):
    """Both."""

    def fits(self, sampling_rate: int) -> speech_data.Fits:
        """Says of samples and transcript whether there is a step for every letter."""
        one_step = round(self.frame_step * sampling_rate) * self.time_reduction
        joined = 0 if self.join is None else 2  # a blank may come behind it, and one before that

        def wrong(samples: int, text: str) -> str | None:
            # Between two equal letters there has to be a blank.
            needed = len(text) + sum(a == b for a, b in pairwise(text)) + joined
            have = samples // one_step
            if have >= needed:
                return None
            return (
                f"is too short: {samples / sampling_rate:.2f} seconds are {have} steps, and its "
                f"transcript {text[:40]!r} needs {needed}"
            )

        return wrong
