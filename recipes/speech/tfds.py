"""Sound with transcripts from tensorflow-datasets: what its features and splits are called."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from recipes.kit.data import tfds
from recipes.kit.data.audio import resample
from recipes.kit.data.source import split_of
from recipes.kit.errors import UserError

_AUDIO = ("audio", "speech")
_TEXT = ("text", "transcript", "transcription", "sentence", "label")

Found = tuple[Path, np.ndarray, str, str]
"""Path or name, samples from -1 to 1, transcript, speaker."""


def read_tfds(
    name: str,
    *,
    sampling_rate: int | None,
    highest_rate: int,
    audio_feature: str | None,
    text_feature: str | None,
    subset: str | None,
) -> tuple[Iterator[tuple[str, Found]], int, str]:
    """The clips of a dataset with their splits, their sampling rate, and where the licence stands.

    Args:
        name: Of the dataset, with its config if it has one.
        sampling_rate: To resample to; by default that of the dataset, but at most `highest_rate`.
        highest_rate: As above.
        audio_feature: By default found by its name, as is the next.
        text_feature: A text, a class, or a sequence of classes.
        subset: Only splits with this word in their names.

    Raises:
        UserError: There is no such dataset, feature or split, or it cannot be fetched.
    """
    builder = tfds.prepared_builder(name)
    features = builder.info.features
    audio = _feature(name, features, audio_feature, _AUDIO, "--path-column")
    said = _feature(name, features, text_feature, _TEXT, "--transcript-column")
    own_rate = getattr(features[audio], "sample_rate", None)
    if own_rate is None:
        raise UserError(f"tfds:{name}: does not say the sampling rate of its feature {audio!r}")
    rate = sampling_rate or min(own_rate, highest_rate)
    classes = getattr(features[said], "names", None)
    classes = classes or getattr(getattr(features[said], "feature", None), "names", None)
    parts = {
        part: split
        for part in builder.info.splits
        if (split := split_of(part.lower())) and (subset is None or subset in part)
    }
    if not parts:
        have = ", ".join(builder.info.splits)
        raise UserError(f"tfds:{name}: no split is to train or test on; --subset WORD of {have}")

    def read() -> Iterator[tuple[str, Found]]:
        for part, split in parts.items():
            for index, example in enumerate(tfds.decoded(builder, part)):
                yield (
                    split,
                    (
                        Path(f"{name}-{part}-{index}"),
                        _samples(np.asarray(example[audio]), own_rate, rate),
                        _words(example[said], classes),
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


def _words(value: Any, classes: Sequence[str] | None) -> str:
    """A text, a class, or several classes."""
    if classes is not None:
        return " ".join(classes[int(index)].strip("_") for index in np.atleast_1d(value))
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _feature(name: str, features: Any, given: str | None, known: Sequence[str], option: str) -> str:
    wanted = known if given is None else (given,)
    found = next((feature for feature in wanted if feature in features), None)
    if found is None:
        have = ", ".join(sorted(features))
        raise UserError(
            f"tfds:{name}: no feature {' or '.join(wanted)}; {option} names one of {have}"
        )
    return found
