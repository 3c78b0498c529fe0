"""Piano rolls, MIDI and sound: there and back."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from recipes.kit.errors import DataError, UserError
from recipes.music.midi import encode_midi, read_midi
from recipes.music.rolls import (
    Note,
    Piece,
    chord_name,
    draw_notes,
    held_notes,
    key_name,
    parse_chord,
    passages,
    transposed,
)
from recipes.music.sound import RATE, encode_wav, synthesize
from recipes.music.tally import Tally


def random_roll(frames: int = 20, seed: int = 0) -> np.ndarray:
    roll = (np.random.default_rng(seed).random((frames, 88)) < 0.06).astype("uint8")
    roll[0, 40] = roll[-1, 41] = 1  # begins and ends with a note, as what is read does
    return roll


@pytest.mark.parametrize("step", [1.0, 0.5, 0.25])
def test_midi_there_and_back(tmp_path: Path, step: float) -> None:
    roll, tally = random_roll(), Tally()
    (tmp_path / "a.mid").write_bytes(encode_midi(roll, step=step, tempo=77))
    (piece,) = read_midi(tmp_path / "a.mid", step, tally)
    np.testing.assert_array_equal(piece.roll, roll)
    assert (tally.outside, tally.between, tally.drums) == (0, 0, 0)
    file = mido.MidiFile(tmp_path / "a.mid")
    assert file.length == pytest.approx(20 * step * 60 / 77, rel=1e-3)


def track(*notes: tuple[int, int, int, int], ticks: int = 100) -> mido.MidiTrack:
    """A track of (start, end, number, channel) in ticks."""
    events = [(start, 1, number, channel) for start, _, number, channel in notes]
    events += [(end, 0, number, channel) for _, end, number, channel in notes]
    made, now = mido.MidiTrack(), 0
    for tick, on, number, channel in sorted(events):
        made.append(
            mido.Message("note_on", note=number, velocity=64 * on, channel=channel, time=tick - now)
        )
        now = tick
    return made


def save(path: Path, kind: int, *tracks: mido.MidiTrack, ticks: int = 100) -> Path:
    file = mido.MidiFile(type=kind, ticks_per_beat=ticks)
    file.tracks.extend(tracks)
    file.save(str(path))
    return path


def test_formats_of_midi(tmp_path: Path) -> None:
    low, high = track((100, 300, 60, 0)), track((200, 300, 72, 1))
    (one,) = read_midi(save(tmp_path / "a.mid", 1, low, high), 1.0, Tally())
    assert [*map(chord_name, one.roll)] == ["C4", "C4 C5"]  # from its first note on
    two = read_midi(save(tmp_path / "b.mid", 2, low, high), 1.0, Tally())
    assert [(p.name, len(p)) for p in two] == [("b:1", 2), ("b:2", 1)]
    assert read_midi(save(tmp_path / "c.mid", 0, low), 0.5, Tally())[0].roll.shape == (4, 88)


def test_what_is_left_out_of_midi_is_counted(tmp_path: Path) -> None:
    notes = [(0, 100, 60, 0), (0, 100, 5, 0), (50, 90, 62, 0), (0, 100, 38, 9), (0, 100, 40, 9)]
    tally = Tally()
    (piece,) = read_midi(save(tmp_path / "a.mid", 0, track(*notes)), 1.0, tally)
    assert [*map(chord_name, piece.roll)] == ["C4"]
    assert (tally.outside, tally.between, tally.drums) == (1, 1, 2)
    drums = save(tmp_path / "b.mid", 0, track((0, 100, 38, 9)))
    (nothing,) = read_midi(drums, 1.0, tally)
    assert len(nothing) == 0 and tally.files == 2


def test_a_note_struck_again_or_never_ended(tmp_path: Path) -> None:
    made = mido.MidiTrack()
    for time, number in ((0, 60), (100, 60), (100, 64), (100, 67)):
        made.append(mido.Message("note_on", note=number, velocity=9, time=time))
    (piece,) = read_midi(save(tmp_path / "a.mid", 0, made), 1.0, Tally())
    assert [*map(chord_name, piece.roll)] == ["C4", "C4", "C4 E4"]


def test_broken_midi(tmp_path: Path) -> None:
    good = save(tmp_path / "a.mid", 0, track((0, 100, 60, 0))).read_bytes()
    for index, content in enumerate((b"", b"MThd", b"no midi at all", good[:-6], good[:20])):
        path = tmp_path / f"{index}.mid"
        path.write_bytes(content)
        with pytest.raises(DataError, match=f"{index}.mid: cannot be read as MIDI"):
            read_midi(path, 1.0, Tally())
    (tmp_path / "t.mid").write_bytes(good[:12] + b"\xe7\x28" + good[14:])
    with pytest.raises(DataError, match="expected time in beats, found time codes"):
        read_midi(tmp_path / "t.mid", 1.0, Tally())
    years = save(tmp_path / "y.mid", 0, track((0, 2**27, 60, 0)), ticks=1)
    with pytest.raises(
        DataError, match=r"lasts 134,217,728 quarter notes; expected at most 25,000"
    ):
        read_midi(years, 0.25, Tally())


def test_what_has_no_influence(tmp_path: Path) -> None:
    """Changes of tempo, and a key signature that there is not, which mido refuses."""
    made = track((0, 200, 60, 0), (100, 200, 64, 0))
    made.insert(0, mido.MetaMessage("key_signature", key="C"))
    made.insert(2, mido.MetaMessage("set_tempo", tempo=250_000))
    path = save(tmp_path / "a.mid", 1, made)
    path.write_bytes(path.read_bytes().replace(b"\xff\x59\x02\0\0", b"\xff\x59\x02\x14\0"))
    with pytest.raises(Exception, match="20 sharps"):
        mido.MidiFile(path)
    (piece,) = read_midi(path, 1.0, Tally())
    assert [*map(chord_name, piece.roll)] == ["C4", "C4 E4"]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), min_size=1, max_size=3))
def test_any_damage_is_read_or_refused(changes: list[tuple[int, int]]) -> None:
    made = track((0, 100, 60, 0), (100, 300, 64, 1), (100, 150, 38, 9))
    made.insert(0, mido.MetaMessage("time_signature", numerator=3, denominator=4))
    made.insert(1, mido.MetaMessage("smpte_offset"))
    made.insert(2, mido.Message("sysex", data=[1, 2, 3]))
    with tempfile.TemporaryDirectory() as folder:
        path = save(Path(folder) / "a.mid", 1, made)
        content = bytearray(path.read_bytes())
        for place, value in changes:
            content[place % len(content)] = value
        path.write_bytes(content)
        with contextlib.suppress(DataError):
            assert len(read_midi(path, 1.0, Tally())) <= 100_000


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000), st.sampled_from([1.0, 0.5, 0.25]))
def test_notes_of_a_roll_are_the_roll(seed: int, step: float) -> None:
    roll = random_roll(7, seed)
    drawn = draw_notes(held_notes(roll, step), step)
    np.testing.assert_array_equal(drawn.roll, roll)


def test_played_notes_begin_a_little_late() -> None:
    notes = [Note(0.1, 0.98, 60), Note(1.05, 2.03, 62), Note(2.4, 3.0, 64), Note(2.0, 3.0, 65)]
    roll, _, between = draw_notes(notes, 1.0)
    assert [*map(chord_name, roll)] == ["C4", "D4", "F4"] and between == 1


def test_chords_as_text() -> None:
    for text, name in {
        "C4 E4 G4": "C4 E4 G4",
        "c4,eb4,G4": "C4 D#4 G4",
        "60 64": "C4 E4",
        "A0 C8": "A0 C8",
        "B♭3 f♯4": "A#3 F#4",
    }.items():
        assert chord_name(parse_chord(text)[0]) == name
    for text, message in {
        "H4": "H4: no such file, and not a note; expected a file or a chord",
        "C4 20": "C4 20: expected notes from A0 to C8 .* found 20",
        " ": "is empty; expected a file or a chord",
        "60²": "60²: no such file, and not a note",
    }.items():
        with pytest.raises(UserError, match=message):
            parse_chord(text)


def test_transposition_stays_on_the_keyboard() -> None:
    roll = np.zeros((2, 88), "uint8")
    roll[0, [3, 50]] = 1
    for asked, done in ((2, 2), (-2, -2), (-9, -3), (80, 37)):
        moved = transposed(roll, asked)
        assert np.flatnonzero(moved[0]).tolist() == [3 + done, 50 + done]
        assert Piece("", moved).shape == Piece("", roll).shape
    assert transposed(np.zeros((2, 88)), 5).sum() == 0
    other = roll.copy()
    other[1, 50] = 1
    assert Piece("", other).shape != Piece("", roll).shape


def test_passages() -> None:
    parts = passages([np.zeros((11, 88)), np.zeros((5, 88))], 5)
    assert [len(part) for part in parts] == [4, 4, 3, 5]


@pytest.mark.parametrize("key", [12, 48, 87])
def test_the_pitch_of_a_sound(tmp_path: Path, key: int) -> None:
    roll = np.zeros((4, 88), "uint8")
    roll[:3, key] = 1
    (tmp_path / "a.wav").write_bytes(encode_wav(roll, step=1.0, tempo=60))
    sound, rate = soundfile.read(tmp_path / "a.wav")
    assert rate == RATE and len(sound) / rate == pytest.approx(4.08, abs=0.01)
    assert 0.5 < np.abs(sound).max() < 1 and np.abs(sound[int(3.2 * rate) :]).max() == 0
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    found = np.fft.rfftfreq(len(sound), 1 / rate)[spectrum.argmax()]
    expected = 440 * 2 ** ((key + 21 - 69) / 12)
    assert found == pytest.approx(expected, abs=0.6), key_name(key)


def test_many_notes_do_not_clip_and_silence_is_silent() -> None:
    assert np.abs(synthesize(np.ones((3, 88)), step=1.0, tempo=240)).max() == pytest.approx(0.8)
    assert not synthesize(np.zeros((3, 88)), step=1.0, tempo=240).any()
