"""MIDI files: to piano rolls, and back."""

from __future__ import annotations

import io
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import mido
import numpy as np

from recipes.kit.errors import DataError
from recipes.music.rolls import Note, Piece, draw_notes, held_notes
from recipes.music.tally import Tally

#: What is read as MIDI.
SUFFIXES = (".mid", ".midi")

#: The channel of drums, whose notes are no pitches.
_DRUMS = 9

#: Key signatures, of which nothing here depends: mido refuses files that have a wrong one.
_KEY_SIGNATURE = re.compile(rb"\xff\x59\x02..", re.DOTALL)

#: Most frames of a piece: a damaged time may say that it lasts for years.
LONGEST = 100_000

#: Ticks of a quarter note in files that are written, and how hard their keys are struck.
_TICKS, _VELOCITY = 480, 80


def read_midi(path: Path, step: float, tally: Tally) -> list[Piece]:
    """The pieces of a file: one, or in format 2 one for each track; without frames where there is
    no note.

    Args:
        path: The file.
        step: Length of a frame in quarter notes.
        tally: To count in what was left out.

    Raises:
        DataError: If it is broken, too long, or its time is not in beats.
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
        if (length := max((note.end for note in notes), default=0)) > LONGEST * step:
            raise DataError(
                path,
                f"lasts {length:,.0f} quarter notes; expected at most {LONGEST * step:,.0f} "
                f"({LONGEST:,} frames)",
            )
        roll, outside, between = draw_notes(notes, step)
        tally.outside += outside
        tally.between += between
        name = path.stem if len(tracks) == 1 else f"{path.stem}:{index + 1}"
        pieces.append(Piece(name, roll))
    return pieces


def _opened(path: Path) -> Any:
    try:
        content = _KEY_SIGNATURE.sub(b"\xff\x59\x02\0\0", path.read_bytes())
        return mido.MidiFile(file=io.BytesIO(content))
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


def encode_midi(roll: np.ndarray, *, step: float, tempo: float) -> bytes:
    """A roll as a MIDI file of format 0: keys that sound on are held.

    Args:
        roll: (frames, keys).
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
    written = io.BytesIO()
    file.save(file=written)
    return written.getvalue()
