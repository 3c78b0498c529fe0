"""MIDI files: to piano rolls, and back."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mido
import numpy as np

from recipes.kit.errors import DataError
from recipes.music.rolls import Note, Piece, draw_notes, held_notes

#: What is read as MIDI.
SUFFIXES = (".mid", ".midi")

#: The channel of drums, whose notes are no pitches.
_DRUMS = 9

#: Ticks of a quarter note in files that are written, and how hard their keys are struck.
_TICKS, _VELOCITY = 480, 80


@dataclass
class Tally:
    """What was left out of MIDI files."""

    drums: int = 0
    outside: int = 0
    between: int = 0
    empty: int = 0
    files: int = 0


def read_midi(path: Path, step: float, tally: Tally) -> list[Piece]:
    """The pieces of a file: one, or in format 2 one for each track; those without notes left out.

    Args:
        path: The file.
        step: Length of a frame in quarter notes.
        tally: To count in what was left out.

    Raises:
        DataError: If it is broken, or its time is not in beats.
    """
    tally.files += 1
    file = _opened(path)
    if not 0 < file.ticks_per_beat < 0x8000:
        raise DataError(path, "expected time in beats, found time codes (SMPTE)")
    tracks = [[track] for track in file.tracks] if file.type == 2 else [file.tracks]
    pieces = []
    for index, group in enumerate(tracks):
        notes: list[Note] = []
        for track in group:
            notes += _notes(track, file.ticks_per_beat, tally)
        roll, outside, between = draw_notes(notes, step)
        tally.outside += outside
        tally.between += between
        name = path.stem if len(tracks) == 1 else f"{path.stem}:{index + 1}"
        if len(roll):
            pieces.append(Piece(name, roll))
    tally.empty += not pieces
    return pieces


def _opened(path: Path) -> Any:
    try:
        return mido.MidiFile(file=io.BytesIO(path.read_bytes()))
    except OSError as error:
        reason = error.strerror or str(error)
    except (EOFError, ValueError, LookupError, TypeError) as error:
        reason = str(error) or "it ends too early"
    raise DataError(path, f"cannot be read as MIDI: {reason}")


def _notes(track: Iterable[Any], ticks: int, tally: Tally) -> list[Note]:
    """The notes of a track. One that is struck again, or never ends, ends there."""
    notes: list[Note] = []
    sounding: dict[tuple[int, int], list[float]] = defaultdict(list)
    now = 0.0
    for message in track:
        now += message.time / ticks
        if message.type not in ("note_on", "note_off"):
            continue
        struck = message.type == "note_on" and message.velocity > 0
        if message.channel == _DRUMS:
            tally.drums += struck
            continue
        key = (message.channel, message.note)
        if sounding[key]:
            notes.append(Note(sounding[key].pop(), now, message.note))
        if struck:
            sounding[key].append(now)
    for (_, number), starts in sounding.items():
        notes += [Note(start, now, number) for start in starts]
    return notes


def write_midi(roll: np.ndarray, path: Path, *, step: float, tempo: float) -> None:
    """Write a roll as a MIDI file of format 0: keys that sound on are held.

    Args:
        roll: (frames, keys).
        path: File to write.
        step: Length of a frame in quarter notes.
        tempo: Quarter notes a minute.
    """
    events = []
    for note in held_notes(roll, step):
        events.append((round(note.start * _TICKS), 1, note.number))
        events.append((round(note.end * _TICKS), 0, note.number))
    file = mido.MidiFile(type=0, ticks_per_beat=_TICKS)
    track = mido.MidiTrack()
    file.tracks.append(track)
    track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(tempo)))
    now = 0
    for tick, on, number in sorted(events):
        kind = "note_on" if on else "note_off"
        track.append(mido.Message(kind, note=number, velocity=_VELOCITY * on, time=tick - now))
        now = tick
    end = round(len(roll) * step * _TICKS)
    track.append(mido.MetaMessage("end_of_track", time=end - now))
    file.save(str(path))
