"""Metrics of music: how likely the frames are, how many notes are right, and what chords it has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recipes.kit.judge import Statistics, Sums, ratio

#: What counts as a chord of voices.
VOICES = (3, 5)


def music_statistics(
    rolls: Sequence[np.ndarray], nats: Sequence[np.ndarray], predicted: Sequence[np.ndarray]
) -> Statistics:
    """What the metrics of pieces are computed from.

    Args:
        rolls: Of each piece its roll (frames, keys).
        nats: Minus the log-likelihood of each of its frames, the sum over its keys.
        predicted: Whether each key of each frame was expected: of a model, whether its probability
            given the frames before and, in a chain, the true lower keys, is above 0.5.

    Returns:
        The statistics of `nats_per_frame`, the mean over all frames but the first of each piece,
        which no frame precedes: the convention of published figures. Of
        `nats_per_frame_with_first`, all of them. And of `note_accuracy`, TP / (TP + FP + FN) of
        notes over all but the first frames (Bay et al. 2009).
    """
    terms: dict[str, list[float]] = {
        name: [] for name in ("nats", "frames", "all_nats", "all_frames", "right", "either")
    }
    for roll, costs, expected in zip(rolls, nats, predicted, strict=True):
        true, answered = roll[1:] > 0, expected[1:] > 0
        terms["nats"].append(float(costs[1:].sum()))
        terms["frames"].append(len(roll) - 1)
        terms["all_nats"].append(float(costs.sum()))
        terms["all_frames"].append(len(roll))
        terms["right"].append(int((true & answered).sum()))
        terms["either"].append(int((true | answered).sum()))

    def metrics(sums: Sums) -> dict[str, float]:
        return {
            "nats_per_frame": ratio(sums["nats"], sums["frames"]),
            "nats_per_frame_with_first": ratio(sums["all_nats"], sums["all_frames"]),
            "note_accuracy": ratio(sums["right"], sums["either"]),
        }

    return Statistics("pieces", {name: np.array(x) for name, x in terms.items()}, metrics)


def frame_nats(roll: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Minus the log-probability of frames whose keys are independent, (frames,)."""
    return -np.log(np.where(roll > 0, probabilities, 1 - probabilities)).sum(axis=1)


def pitch_class_sets(roll: np.ndarray) -> set[frozenset[int]]:
    """The pitch classes that sound together, of all frames that are not silent.

    >>> frame = np.zeros((1, 88), "uint8")
    >>> frame[0, [39, 51, 43]] = 1
    >>> [sorted(each) for each in pitch_class_sets(frame)]
    [[0, 4]]
    """
    return {_classes(frame) for frame in roll if frame.any()}


def likeness(rolls: Sequence[np.ndarray], known: set[frozenset[int]]) -> dict[str, float]:
    """How much music is like that of the training.

    Args:
        rolls: The music.
        known: Pitch-class sets of the training part.

    Returns:
        `frames`; `three_to_five_notes`, the share of frames with so many; `known_chords`, the share
        of those that are not silent whose pitch classes sound together in training, too.
    """
    frames = np.concatenate(rolls)
    notes = frames.sum(axis=1)
    sounding = frames[notes > 0]
    return {
        "frames": len(frames),
        "three_to_five_notes": float(np.mean((notes >= VOICES[0]) & (notes <= VOICES[1]))),
        "known_chords": float(np.mean([_classes(frame) in known for frame in sounding]))
        if len(sounding)
        else 0.0,
    }


def _classes(frame: np.ndarray) -> frozenset[int]:
    return frozenset(((np.flatnonzero(frame) + 9) % 12).tolist())  # A0 is the lowest key
