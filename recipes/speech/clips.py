"""A recording with its transcript, and strings made of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np


class Recording(NamedTuple):
    """What was read of a file or a dataset, not yet checked.

    Attributes:
        path: Of the file; of a dataset its name and the number of the example.
        samples: From -1 to 1, one channel.
        text: The transcript as it is written there.
        speaker: Empty where it is not known.
        name: Of the clip, where it is a segment of the file.
    """

    path: Path
    samples: np.ndarray
    text: str
    speaker: str
    name: str = ""


@dataclass(frozen=True)
class Clip:
    """A recording and its transcript.

    Attributes:
        samples: int16, one channel.
        text: The transcript.
        name: Of the file; of a string of clips all their names.
        speaker: Empty where it is not known.
    """

    samples: np.ndarray
    text: str
    name: str
    speaker: str = ""


def join_clips(
    clips: Sequence[Clip], shortest: int, longest: int, *, seed: int, rounds: Sequence[int] = (0,)
) -> list[Clip]:
    """Strings of clips of one speaker; in each round every clip is in one string.

    Args:
        clips: Of one split.
        shortest: Lowest number of clips in a string.
        longest: Highest number; all between are equally likely.
        seed: Decides the lengths of the strings.
        rounds: With the seed, each decides which clips make them: another order in each round.

    Returns:
        The same number of strings in every round. Where the clips of a speaker do not come out
        even, up to `shortest - 1` of them are in none. Transcripts that are single characters are
        joined as they are, others with a space between them.
    """
    between = "" if all(len(clip.text) == 1 for clip in clips) else " "
    speakers: dict[str, list[Clip]] = {}
    for clip in clips:
        speakers.setdefault(clip.speaker, []).append(clip)
    strings = []
    for number in rounds:
        lengths, order = np.random.default_rng((seed, 1)), np.random.default_rng((seed, 2, number))
        for speaker, own in speakers.items():
            shuffled = [own[index] for index in order.permutation(len(own))]
            while len(shuffled) >= shortest:
                count = int(lengths.integers(shortest, longest + 1))
                members, shuffled = shuffled[:count], shuffled[count:]
                strings.append(
                    Clip(
                        np.concatenate([clip.samples for clip in members]),
                        between.join(clip.text for clip in members),
                        " + ".join(clip.name for clip in members),
                        speaker,
                    )
                )
    return strings
