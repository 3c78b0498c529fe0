"""Piano rolls: which of the 88 keys of a piano sound in each frame."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from recipes.kit.errors import UserError

#: Keys of a piano, and the MIDI number of the lowest, A0.
KEYS, LOWEST = 88, 21

_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_NAME = re.compile(r"([A-Ga-g])([#♯b♭]*)(-?\d)")

#: How late a note may begin, in frames, and still be in a frame: played music is not on the grid.
_LATE = 1 / 8


@dataclass(frozen=True)
class Piece:
    """A piece of music.

    Attributes:
        name: What it is called.
        roll: Zeros and ones (frames, keys), uint8.
    """

    name: str = field(compare=False)
    roll: np.ndarray

    def __len__(self) -> int:
        return len(self.roll)

    @property
    def shape(self) -> bytes:
        """What is the same in every transposition of the piece, and in no other piece."""
        used = np.flatnonzero(self.roll.any(axis=0))
        first, last = (used[0], used[-1]) if len(used) else (0, -1)
        return repr(self.roll.shape[0]).encode() + self.roll[:, first : last + 1].tobytes()


class Note(NamedTuple):
    """A note: its beginning and end in quarter notes, and its MIDI number."""

    start: float
    end: float
    number: int


class Drawn(NamedTuple):
    """A roll, and how many notes are not in it: outside the keyboard, or between two frames."""

    roll: np.ndarray
    outside: int
    between: int


def key_name(key: int) -> str:
    """The name of a key.

    >>> key_name(0), key_name(39), key_name(87)
    ('A0', 'C4', 'C8')
    """
    octave, place = divmod(key + LOWEST, 12)
    return f"{_NAMES[place]}{octave - 1}"


def chord_name(frame: np.ndarray) -> str:
    """The names of the keys of a frame, the lowest first; a dash for silence."""
    return " ".join(key_name(int(key)) for key in np.flatnonzero(frame)) or "-"


def parse_chord(text: str) -> np.ndarray:
    """A frame, (1, keys), of the names or MIDI numbers of its notes.

    >>> chord_name(parse_chord("C4 E4 G4")[0]), chord_name(parse_chord("60, 63, 67")[0])
    ('C4 E4 G4', 'C4 D#4 G4')

    Raises:
        UserError: If a word is neither, or is outside the keyboard.
    """
    words = text.replace(",", " ").split()
    frame = np.zeros((1, KEYS), "uint8")
    for word in words:
        key = _number(word) - LOWEST
        if not 0 <= key < KEYS:
            raise UserError(f"{text}: expected notes from A0 to C8 (21 to 108), found {word}.")
        frame[0, key] = 1
    if not words:
        raise UserError("is empty; expected a file or a chord, such as 'C4 E4 G4' or '60 64 67'.")
    return frame


def _number(word: str) -> int:
    if word.isdecimal():
        return int(word)
    if match := _NAME.fullmatch(word):
        letter, signs, octave = match.groups()
        shift = sum(1 if sign in "#♯" else -1 for sign in signs)
        return 12 * (int(octave) + 1) + _LETTERS[letter.upper()] + shift
    raise UserError(
        f"{word}: no such file, and not a note; expected a file or a chord, such as 'C4 E4 G4' or "
        "'60 64 67'."
    )


def draw_notes(notes: Iterable[Note], step: float) -> Drawn:
    """The roll of notes, from the first frame that sounds to the last one.

    A key is in a frame if it sounds at its beginning; up to an eighth of a frame later counts.

    Args:
        notes: In any order.
        step: Length of a frame in quarter notes.
    """
    spans, outside, between = [], 0, 0
    for note in notes:
        first = int(np.ceil(note.start / step - _LATE))
        last = int(np.ceil(note.end / step - _LATE))  # excluded
        if not LOWEST <= note.number < LOWEST + KEYS:
            outside += 1
        elif first >= last:
            between += 1
        else:
            spans.append((first, last, note.number - LOWEST))
    start = min((first for first, _, _ in spans), default=0)
    roll = np.zeros((max((last for _, last, _ in spans), default=0) - start, KEYS), "uint8")
    for first, last, key in spans:
        roll[first - start : last - start, key] = 1
    return Drawn(roll, outside, between)


def held_notes(roll: np.ndarray, step: float) -> list[Note]:
    """The notes of a roll: a key that sounds in several frames in a row is held."""
    padded = np.pad(roll.astype(int), ((1, 1), (0, 0)))
    starts, ends = np.diff(padded, axis=0) > 0, np.diff(padded, axis=0) < 0
    notes = [
        Note(first * step, last * step, key + LOWEST)
        for key in np.flatnonzero(roll.any(axis=0)).tolist()
        for first, last in zip(
            np.flatnonzero(starts[:, key]).tolist(),
            np.flatnonzero(ends[:, key]).tolist(),
            strict=True,
        )
    ]
    return sorted(notes)


def transposed(roll: np.ndarray, semitones: int) -> np.ndarray:
    """A roll shifted by semitones, as far as all its notes stay on the keyboard."""
    used = np.flatnonzero(roll.any(axis=0))
    if not len(used):
        return roll
    shift = int(np.clip(semitones, -used[0], KEYS - 1 - used[-1]))
    return np.roll(roll, shift, axis=1)


def passages(pieces: Sequence[np.ndarray], most: int) -> list[np.ndarray]:
    """Rolls of at most so many frames: longer ones are cut into parts of equal length."""
    return [part for roll in pieces for part in np.array_split(roll, max(1, -(-len(roll) // most)))]
