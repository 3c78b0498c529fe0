"""Sound from piano rolls, by plain additive synthesis."""

from __future__ import annotations

import io

import numpy as np
import soundfile

from recipes.music.rolls import held_notes

#: Samples a second.
RATE = 22_050

#: Share of each overtone, the fundamental first.
_PARTIALS = (1.0, 0.5, 0.25, 0.12, 0.06)

#: Seconds in which a note rises and dies away; after which its sound has fallen to 1/e; and after
#: which nothing of it is heard.
_ATTACK, _RELEASE, _DECAY, _LONGEST = 0.015, 0.08, 1.2, 12.0

_PEAK = 0.8


def synthesize(roll: np.ndarray, *, step: float, tempo: float) -> np.ndarray:
    """The sound of a roll, float32 at `RATE`, its peak at 0.8 (0 for silence).

    A note is the sum of its first five partials below half the rate, each a sine; it rises at once,
    decays while its key is held, and dies away when it is not.

    Args:
        roll: (frames, keys).
        step: Length of a frame in quarter notes.
        tempo: Quarter notes a minute.
    """
    seconds = 60 / tempo
    total = int(np.ceil((len(roll) * step * seconds + _RELEASE) * RATE)) + 1
    sound = np.zeros(total)
    for note in held_notes(roll, step):
        start = round(note.start * seconds * RATE)
        held = min((note.end - note.start) * seconds, _LONGEST)
        time = np.arange(min(int((held + _RELEASE) * RATE), total - start)) / RATE
        pitch = 440 * 2 ** ((note.number - 69) / 12)
        wave = sum(
            share * np.sin(2 * np.pi * pitch * (index + 1) * time)
            for index, share in enumerate(_PARTIALS)
            if pitch * (index + 1) < RATE / 2
        )
        envelope = np.minimum(1, time / _ATTACK) * np.exp(-time / _DECAY)
        envelope *= np.clip((held + _RELEASE - time) / _RELEASE, 0, 1)
        sound[start : start + len(time)] += wave * envelope
    loudest = np.abs(sound).max(initial=0)
    return (sound * (_PEAK / loudest if loudest else 0)).astype("float32")


def encode_wav(roll: np.ndarray, *, step: float, tempo: float) -> bytes:
    """The sound of a roll as a WAV file of 16 bits."""
    written = io.BytesIO()
    sound = synthesize(roll, step=step, tempo=tempo)
    soundfile.write(written, sound, RATE, format="WAV", subtype="PCM_16")
    return written.getvalue()
