"""Music of files and of the embedded chorales: what is read, what is refused, what is said."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
import zipfile
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest
import scipy.io
from small_data import pieces

from recipes.kit.cli import main
from recipes.kit.data.source import Source
from recipes.kit.errors import DataError, UserError
from recipes.music import chorales
from recipes.music.data import Data, load, load_test
from recipes.music.midi import encode_midi
from recipes.music.options import Config
from recipes.music.rolls import chord_name, draw_notes


def read(*paths: Path, **options: Any) -> Data:
    config = Config(data=Source.of(*paths), **options)
    return load(config.data, config)


def facts(data: Data) -> dict[str, str]:
    return {fact.topic: fact.text for fact in data.understood}


def some_rolls(count: int, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    rolls = [(rng.random((rng.integers(3, 9), 88)) < 0.05) for _ in range(count)]
    for roll in rolls:
        roll[0, 30] = roll[-1, 31] = True
    return [roll.astype("uint8") for roll in rolls]


def cells(rolls: list[np.ndarray]) -> np.ndarray:
    made = np.empty((1, len(rolls)), object)
    made[0] = [None] * len(rolls)
    for index, roll in enumerate(rolls):
        made[0, index] = roll
    return made


def parts_of(seed: int = 0) -> dict[str, list[np.ndarray]]:
    every = some_rolls(10, seed)
    return {"train": every[:5], "valid": every[5:7], "test": every[7:]}


def require(data: Data, parts: dict[str, list[np.ndarray]]) -> None:
    for split, rolls in parts.items():
        found = [piece.roll for piece in getattr(data, split)]
        assert len(found) == len(rolls)
        for a, b in zip(found, rolls, strict=True):
            np.testing.assert_array_equal(a, b)


def test_mat_json_and_npz_hold_the_same(tmp_path: Path) -> None:
    parts = parts_of()
    mat = {f"{split}data": cells(rolls) for split, rolls in parts.items()}
    scipy.io.savemat(tmp_path / "a.mat", {**mat, "nts": np.arange(88)})
    require(read(tmp_path / "a.mat"), parts)
    chords = {
        split: [[(np.flatnonzero(frame) + 21).tolist() for frame in roll] for roll in rolls]
        for split, rolls in parts.items()
    }
    (tmp_path / "a.json").write_text(json.dumps(chords))
    require(read(tmp_path / "a.json"), parts)
    arrays = {}
    for split, rolls in parts.items():
        padded = np.full((len(rolls), 9, 88), -1, "int8")
        for row, roll in enumerate(rolls):
            padded[row, : len(roll)] = roll
        arrays[split] = padded
    np.savez(tmp_path / "a.npz", **arrays)
    require(read(tmp_path / "a.npz"), parts)
    lengths = {f"{split}_lengths": np.array([*map(len, rolls)]) for split, rolls in parts.items()}
    arrays = {split: np.maximum(padded, 0) for split, padded in arrays.items()}
    np.savez(tmp_path / "b.npz", **arrays, **lengths)
    require(read(tmp_path / "b.npz"), parts)
    single = {
        f"{s}_{i}": np.pad(r, ((0, 0), (21, 19)))
        for s, rs in parts.items()
        for i, r in enumerate(rs)
    }
    np.savez(tmp_path / "c.npz", **single)
    require(read(tmp_path / "c.npz"), parts)


def test_what_is_understood(tmp_path: Path) -> None:
    content = {
        "train": [[[60, 64, 67], [60], []], [[62], [62, -1, None, 5], [110]]],
        "valid": [[[50, 54, 57], [50], []]],
        "test": [[[70], [71]], [[60]], [[], []]],
    }
    (tmp_path / "a.json").write_text(json.dumps(content))
    data = read(tmp_path / "a.json", passage=2)
    said = facts(data)
    assert said["pieces"] == "2 train, 1 valid, 1 test"
    assert said["frames"].startswith("6 train, 3 valid, 2 test; a quarter note each; pieces of 3")
    assert said["first piece"] == "train:0: C4 E4 G4, C4, -"
    assert said["keys"] == "C4 to G4, 4 of 88"
    assert said["silence"] == "33.3 % of the frames"
    assert said["voices"] == "1 (3), 0 (2), 3 (1)"
    assert said["not in it"] == (
        "2 notes outside the 88 keys; 1 piece without notes; 1 piece of a single frame"
    )
    assert said["duplicates"] == "1 valid piece also in train, in some key"
    assert said["passages"] == "2 training pieces cut to 2 frames at most"


def test_folders_of_midi(tmp_path: Path) -> None:
    parts = parts_of()
    for split, rolls in parts.items():
        (tmp_path / "a" / split).mkdir(parents=True)
        for index, roll in enumerate(rolls):
            file = tmp_path / "a" / split / f"{index}.mid"
            file.write_bytes(encode_midi(roll, step=0.5, tempo=90))
    require(read(tmp_path / "a", step="eighth"), parts)
    named = {split: [tmp_path / "a" / split] for split in parts}
    config = Config(data=Source.of_parts(named), step="eighth")
    require(load(config.data, config), parts)
    (tmp_path / "b" / "deep").mkdir(parents=True)
    for index, roll in enumerate(some_rolls(12)):
        content = encode_midi(roll, step=1, tempo=90)
        (tmp_path / "b" / "deep" / f"{index}.mid").write_bytes(content)
    (tmp_path / "b" / "broken.mid").write_bytes(b"MThd")
    (tmp_path / "b" / "._0.mid").write_bytes(b"left behind")
    (tmp_path / "b" / "rolls.json").write_text("[]")
    mido.MidiFile().save(str(tmp_path / "b" / "silent.mid"))
    data = read(tmp_path / "b")
    assert [*map(len, (data.train, data.valid, data.test))] == [10, 1, 1]
    said = facts(data)
    assert said["left out"].startswith("1 MIDI file (--strict refuses): broken.mid cannot be read")
    assert "by a shuffle of its pieces" in said["split"]
    assert said["left aside"] == "rolls.json (beside MIDI files)"
    assert said["not in it"] == "1 piece without notes"
    with pytest.raises(DataError, match="broken.mid: cannot be read as MIDI"):
        read(tmp_path / "b", strict=True)


def test_transpositions_of_a_piece_go_into_the_same_part(tmp_path: Path) -> None:
    rolls = some_rolls(8)
    every = [np.roll(roll, shift, axis=1) for roll in rolls for shift in (0, 1, 2)]
    chords = [[(np.flatnonzero(f) + 21).tolist() for f in roll] for roll in every]
    (tmp_path / "a.json").write_text(json.dumps(chords))
    data = read(tmp_path / "a.json")
    shapes = [{p.shape for p in part} for part in (data.train, data.valid, data.test)]
    assert not (shapes[0] & shapes[1] or shapes[0] & shapes[2] or shapes[1] & shapes[2])


def test_all_of_another_file_is_evaluated_on(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps([[[60], [61]], [[62]] * 3]))
    found = load_test(Source.of(tmp_path / "a.json"), Config())
    assert [len(piece) for piece in found] == [2, 3]
    assert len(load_test(Source.of(pieces(tmp_path / "b")), Config())) == 12


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", "{", "a.json:1: is not JSON"),
        ("a.json", "7", "expected a list of pieces, found 7"),
        ("a.json", '{"train": {"a": 1}}', "train: expected a list of pieces, found an object"),
        ("a.json", "[[60, 64]]", "piece 0, frame 0: expected a list of MIDI numbers, found 60"),
        ("a.json", '[[[60, "C4"]]]', "piece 0, frame 0: expected MIDI numbers, found 'C4'"),
        ("a.json", "[[[60.5]]]", "expected MIDI numbers, found 60.5"),
        ("a.json", "[[[Infinity]]]", "expected MIDI numbers, found inf"),
        ("a.json", "[[]]", "expected music of two frames at least, found 1 piece without notes"),
        ("a.json", "[[[60]], [[1], [2]]]", "found 2 notes outside .*; 1 piece without notes; 1 p"),
        (
            "a.json",
            f"[[{[0, 1] * 44}]]",
            "list of MIDI numbers, found 88 zeros and ones; piano roll",
        ),
        (
            "a.mat",
            f"{'MATLAB 7.3 MAT-file':124}\0\2IM",
            "is a .mat file of MATLAB 7.3; save it with -v7",
        ),
        ("a.pickle", "x", "a.pickle: is a pickle, which may run any code when it is read; MIDI"),
        ("a.mat", "x", "a.mat: expected a .mat file, found a damaged one"),
        ("a.npz", "x", "a.npz: expected an .npz file of piano rolls"),
        ("a.txt", "x", "expected MIDI .* found a file .txt"),
        ("a.mid", "x", "a.mid: cannot be read as MIDI"),
    ],
)
def test_refused_files(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=message):
        read(tmp_path / name)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"train": np.zeros((3, 87))}, r"train: expected a piano roll .* found float64 \(3, 87\)"),
        ({"train": np.full((3, 88), np.nan)}, "train: expected 0 where a key is silent"),
        ({"train": np.array([["a"]])}, "train: expected a piano roll"),
        (
            {"train": np.zeros((2, 3, 88)), "train_lengths": np.array([3, 4])},
            "train_lengths: expected a whole length up to 3 for each of 2 pieces, found 4",
        ),
        (
            {"train": np.zeros((2, 3, 88)), "train_lengths": np.array([3, -1])},
            "up to 3 for each of 2 pieces, found -1",
        ),
        (
            {"train": np.zeros((2, 3, 88)), "train_lengths": np.array([3.0, 2.0])},
            r"for each of 2 pieces, found float64 \(2,\)",
        ),
        ({"train": np.zeros((0, 88))}, "expected music of two frames at least, found 1 piece w"),
    ],
)
def test_refused_arrays(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(UserError, match=message):
        read(tmp_path / "a.npz")


def test_refused_cells(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "a.mat", {"x": np.zeros((2, 88))})
    with pytest.raises(
        DataError, match="expected cells traindata, validdata and testdata, found x"
    ):
        read(tmp_path / "a.mat")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no file .* names a split"):
        read(tmp_path / "empty")


SCORE = """<score-partwise>{}</score-partwise>"""


def part(*measures: str) -> str:
    return f"<part>{''.join(f'<measure>{m}</measure>' for m in measures)}</part>"


def note(step: str, octave: int, duration: int, more: str = "", alter: int = 0) -> str:
    pitch = f"<step>{step}</step><alter>{alter}</alter><octave>{octave}</octave>"
    return f"<note>{more}<pitch>{pitch}</pitch><duration>{duration}</duration></note>"


def zipped(path: Path, score: str, name: str = "a.xml") -> Path:
    container = f'<c xmlns="urn:x"><rootfiles><rootfile full-path="{name}"/></rootfiles></c>'
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("META-INF/container.xml", container)
        archive.writestr("a.xml", score)
    return path


def test_musicxml(tmp_path: Path) -> None:
    attributes = "<attributes><divisions>2</divisions></attributes>"
    rest = "<note><rest/><duration>2</duration></note>"
    first = part(
        attributes + note("C", 4, 2) + note("E", 4, 2, "<chord/>"),  # a pick-up of one quarter
        note("D", 4, 1) + note("F", 4, 1, alter=1) + note("A", 3, 0, "<grace/>") + note("G", 4, 2),
    )
    backup = "<backup><duration>4</duration></backup><forward><duration>2</duration></forward>"
    second = part(
        attributes + rest,
        note("C", 3, 2) + note("C", 3, 2) + backup + note("B", 2, 2, alter=-1),
    )
    score = chorales.read_score(zipped(tmp_path / "a.mxl", SCORE.format(first + second)))
    quarters = [*map(chord_name, draw_notes(chorales.notes_of(score), 1.0).roll)]
    assert quarters == ["C4 E4", "C3 D4", "A#2 C3 G4"]
    eighths = [*map(chord_name, draw_notes(chorales.notes_of(score), 0.5).roll)]
    assert eighths[2:4] == ["C3 D4", "C3 F#4"]
    for name, content in (("b.mxl", SCORE), ("c.mxl", "<a>")):
        path = zipped(tmp_path / name, content, "other.xml" if name == "b.mxl" else "a.xml")
        with pytest.raises(DataError, match="expected zipped MusicXML, found a damaged file"):
            chorales.read_score(path)


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A few chorales of the installed music21, a copy of one, and one without four parts."""
    folder = tmp_path / "bach"
    folder.mkdir()
    installed, version = chorales.corpus_folder()
    names = ("10.7", "101.7", "102.7", "103.6", "104.6", "108.6")
    for name in names:
        shutil.copy(installed / f"bwv{name}.mxl", folder)
    shutil.copy(installed / "bwv10.7.mxl", folder / "bwv999.mxl")
    zipped(folder / "bwv1.mxl", SCORE.format(part(note("C", 4, 4))))
    monkeypatch.setattr(chorales, "corpus_folder", lambda: (folder, version))
    monkeypatch.setenv("RNN_ZOO_CACHE", str(tmp_path / "cache"))
    return folder


def test_embedded_chorales(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "music21" not in sys.modules
    data = load(Source(), Config())
    assert "music21" not in sys.modules  # it takes seconds to import
    assert [*map(len, (data.train, data.valid, data.test))] in ([5, 1, 1], [4, 2, 1], [4, 1, 2])
    every = {p.name: p for part in (data.train, data.valid, data.test) for p in part}
    assert "bwv1" not in every
    first = every["bwv10.7"]
    assert chord_name(first.roll[0]) == "G3 A#3 G4 D5" and first.shape == every["bwv999"].shape
    assert all((piece.roll.sum(axis=1) <= 4).all() for piece in every.values())
    assert "music21/corpus/license.txt" in data.licence
    # The second time from the cache.
    monkeypatch.setattr(chorales, "read_chorales", lambda *_: pytest.fail("read again"))
    again = load(Source(), Config())
    for a, b in zip(data.train, again.train, strict=True):
        assert a.name == b.name
        np.testing.assert_array_equal(a.roll, b.roll)


def test_without_the_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="expected chorales .* found none"):
        chorales.read_chorales(tmp_path, 1.0)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="--data embedded: needs the package music21"):
        chorales.corpus_folder()


def test_check_trains_nothing(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["check", "music", "--data", str(pieces(tmp_path / "a"))]) == 0
    assert "16 train, 6 valid, 12 test" in capsys.readouterr().out
    assert main(["check", "music", "--data", "tfds:mnist"]) == 2
    assert "cannot read tensorflow-datasets" in capsys.readouterr().err
