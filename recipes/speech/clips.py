"""A recording with its transcript, and strings made of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Clip:
    """A recording and what is said in it."""

    samples: np.ndarray
    """int16, one channel."""
    text: str
    name: str
    speaker: str = ""


def join_clips(
    clips: Sequence[Clip], shortest: int, longest: int, *, seed: int, rounds: Sequence[int] = (0,)
) -> list[Clip]:
    """Strings of clips of one speaker, one after the other; in a round every clip is in one.

    Args:
        clips: Of one split.
        shortest: Least number of clips in a string.
        longest: Greatest number, all between being as likely.
        seed: Decides how long the strings are.
        rounds: With the seed each decides which clips make them, another order in each round.

    Returns:
        As many strings in every round; where the clips of a speaker do not come out even, up to
        `shortest - 1` of them are in none. Transcripts that are single characters are joined as
        they are, others with a blank between them.
    """
    between = "" if all(len(clip.text) == 1 for clip in clips) else " "
    speakers: dict[str, list[Clip]] = {}
    for clip in clips:
        speakers.setdefault(clip.speaker, []).append(clip)
    strings = []
    for round_ in rounds:
        lengths, order = np.random.default_rng((seed, 1)), np.random.default_rng((seed, 2, round_))
        for speaker, own in speakers.items():
            shuffled = [own[index] for index in order.permutation(len(own))]
            while len(shuffled) >= shortest:
                count = int(lengths.integers(shortest, longest + 1))
                some, shuffled = shuffled[:count], shuffled[count:]
                strings.append(
                    Clip(
                        np.concatenate([clip.samples for clip in some]),
                        between.join(clip.text for clip in some),
                        " + ".join(clip.name for clip in some),
                        speaker,
                    )
                )
    return strings
