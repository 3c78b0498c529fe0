"""Sound with transcripts from tensorflow-datasets: names of its features and splits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from recipes.kit.data import tfds
from recipes.kit.data.audio import resample
from recipes.kit.data.splits import split_of
from recipes.kit.errors import UserError
from recipes.speech.clips import Recording
from recipes.speech.options import Config

_AUDIO = ("audio", "speech")
_TEXT = ("text", "transcript", "transcription", "sentence", "label")


def read_tfds(
    name: str, config: Config, *, sampling_rate: int | None, highest_rate: int
) -> tuple[Iterator[tuple[str, Recording]], int, str]:
    """The recordings of a dataset with their splits, their sampling rate, and the licence.

    Args:
        name: Of the dataset, with its config if it has one.
        config: Names the features, if the usual names do not fit, and a word that splits must have
            in their names. A transcript is a text, a class or a sequence of classes.
        sampling_rate: To resample to; by default that of the dataset, but at most `highest_rate`.
        highest_rate: See above.

    Raises:
        UserError: If there is no such dataset, feature or split, or it cannot be fetched.
    """
    where = f"tfds:{name}"
    builder = tfds.prepared_builder(name)
    features = builder.info.features
    audio = tfds.find_feature(where, features, config.path_column, _AUDIO, "--path-column")
    transcript = tfds.find_feature(
        where, features, config.transcript_column, _TEXT, "--transcript-column"
    )
    own_rate = getattr(features[audio], "sample_rate", None)
    if own_rate is None:
        raise UserError(f"{where}: does not state the sampling rate of its feature {audio!r}.")
    rate = sampling_rate or min(own_rate, highest_rate)
    classes = getattr(features[transcript], "names", None)
    classes = classes or getattr(getattr(features[transcript], "feature", None), "names", None)
    splits = {
        part: split
        for part in builder.info.splits
        if (split := split_of(part.lower())) and (config.subset is None or config.subset in part)
    }
    if not splits:
        have = ", ".join(builder.info.splits)
        raise UserError(f"{where}: no split to train or test on; --subset WORD of {have}.")

    def read() -> Iterator[tuple[str, Recording]]:
        for part, split in splits.items():
            for index, example in enumerate(tfds.decoded(builder, part)):
                yield (
                    split,
                    Recording(
                        Path(f"{name}-{part}-{index}"),
                        _samples(np.asarray(example[audio]), own_rate, rate),
                        _transcript(example[transcript], classes),
                        str(example.get("speaker_id", "")),
                    ),
                )

    return read(), rate, tfds.licence(builder)


def _samples(samples: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """Samples of TFDS, which are 16 bit whatever their dtype, from -1 to 1."""
    samples = samples.reshape(-1).astype("float32")
    if np.abs(samples).max(initial=0.0) > 1:
        samples /= 2.0**15
    return samples if rate == wanted else resample(samples, rate, wanted)


def _transcript(value: Any, classes: Sequence[str] | None) -> str:
    """A text, a class, or several classes."""
    if classes is not None:
        return " ".join(classes[int(index)].strip("_") for index in np.atleast_1d(value))
    return tfds.text_of(value)
