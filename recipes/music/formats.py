"""Files of music: MIDI, and piano rolls in `.mat`, JSON and `.npz`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from recipes.kit.data.arrays import DAMAGED, read_arrays
from recipes.kit.data.facts import Fact, files_fact, listed
from recipes.kit.data.files import data_files, is_hidden, read_text, suffix_of
from recipes.kit.data.left_out import LeftOut
from recipes.kit.data.readers import Found
from recipes.kit.data.reading import Files
from recipes.kit.data.source import SPLITS, Source
from recipes.kit.data.splits import find_splits, split_of
from recipes.kit.errors import DataError, UserError
from recipes.music import midi
from recipes.music.rolls import KEYS, LOWEST, Piece
from recipes.music.tally import Tally

#: Files of rolls, and everything that is read.
_ROLLS = (".mat", ".json", ".npz")
SUFFIXES = (*midi.SUFFIXES, *_ROLLS)

_EXPECTED = "expected MIDI (.mid), or piano rolls in .mat, .json or .npz"

#: Numbers that stand for a voice that rests.
_REST = (-1, 0)

Parts = dict[str, list[Piece]]


def read_files(source: Source, step: float, reading: Files) -> Found[Piece]:
    """Read the music of files.

    Args:
        source: A file, a folder, or one of these for each part.
        step: Length of a frame of MIDI in quarter notes.
        reading: With `strict`, no file is left out.

    Raises:
        UserError: If there is none, or names say two parts.
        DataError: If a file is broken or holds something else; names it.
    """
    found: dict[str, list[Path]] = {
        split: [file for path in paths for file in _inside(path)]
        for split, paths in source.parts.items()
    }
    if not source.parts:
        found = _by_part(source)
    left_out, tally = LeftOut("MIDI files", reading), Tally()
    parts: Parts = {}
    names: dict[str, list[str]] = {}
    for split, paths in found.items():
        for path in paths:
            try:
                read = read_music(path, step, tally)
            except DataError as error:
                if suffix_of(path) not in midi.SUFFIXES or len(paths) == 1:
                    raise
                left_out.add(error)
                continue
            for part, pieces in read.items():
                its = split if source.parts else part or split
                parts.setdefault(its, []).extend(filter(tally.usable, pieces))
                names.setdefault(its, []).append(path.name)
    left_out.check(sum(map(len, parts.values())))
    counts = {split: len(pieces) for split, pieces in parts.items()}
    facts = [files_fact(names, counts), *_read_facts(source, tally), *left_out.facts()]
    parts = {split: pieces for split, pieces in parts.items() if pieces}
    if not parts:
        found_instead = tally.as_text() or "none"
        raise UserError(f"{source}: expected music of two frames at least, found {found_instead}.")
    return Found(parts, tuple(facts))


def read_music(path: Path, step: float, tally: Tally) -> Parts:
    """The pieces of a file by part, "" where it says none.

    Args:
        path: The file.
        step: Length of a frame of MIDI in quarter notes.
        tally: To count in what is left out.

    Raises:
        DataError: If it is broken or holds something else.
    """
    suffix = suffix_of(path)
    if suffix in midi.SUFFIXES:
        return {"": midi.read_midi(path, step, tally)}
    if suffix in (".pkl", ".pickle", ".p"):
        raise DataError(
            path, f"is a pickle, which may run any code when it is read; {_EXPECTED[9:]} instead"
        )
    if suffix == ".mat":
        return _mat(path, tally)
    if suffix == ".json":
        return _json(path, tally)
    if suffix == ".npz":
        return _npz(path, tally)
    raise DataError(path, f"{_EXPECTED}, found a file {suffix or 'without a suffix'}")


def _by_part(source: Source) -> dict[str, list[Path]]:
    """The files of each part: of MIDI by their folders or all train, of rolls by their names."""
    if source.is_file:
        return {"train": [*source.paths]}
    folder = source.path
    files = _midi_files(folder)
    if not files:
        return {split: [path] for split, path in find_splits(folder, _ROLLS).items()}
    parts: dict[str, list[Path]] = {}
    for file in files:
        try:
            named = map(split_of, file.relative_to(folder).parts[:-1])
            part = next(filter(None, named), "train")
        except ValueError as error:
            raise UserError(f"{folder}: {error}; expected one split in a name") from None
        parts.setdefault(part, []).append(file)
    return {split: parts[split] for split in SPLITS if split in parts}


def _inside(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    if not (files := _midi_files(path)):
        raise UserError(f"{path}: expected MIDI files ({', '.join(midi.SUFFIXES)}), found none.")
    return files


def _midi_files(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in midi.SUFFIXES and path.is_file() and not is_hidden(path)
    ]


def _read_facts(source: Source, tally: Tally) -> list[Fact]:
    facts = []
    if tally.files:
        facts.append(
            Fact("MIDI", "keys that sound at the beginning of a frame; pedals are ignored")
        )
        folders = [path for path in source.paths if path.is_dir()]
        if rolls := [file.name for folder in folders for file in data_files(folder, _ROLLS)]:
            facts.append(Fact("left aside", f"{listed(rolls, 5)} (beside MIDI files)"))
    if text := tally.as_text():
        facts.append(Fact("not in it", text))
    return facts


def _mat(path: Path, tally: Tally) -> Parts:
    """Cells of rolls, `traindata`, `validdata` and `testdata`."""
    import scipy.io
    from scipy.io.matlab import MatReadError

    try:
        content = scipy.io.loadmat(path)
    except NotImplementedError:
        raise DataError(path, "is a .mat file of MATLAB 7.3; save it with -v7") from None
    except OSError as error:
        raise DataError(path, f"cannot be read: {error.strerror or error}") from None
    except (*DAMAGED, MatReadError) as error:
        raise DataError(path, f"expected a .mat file, found a damaged one ({error})") from None
    cells = {name: np.ravel(x) for name, x in content.items() if not name.startswith("__")}
    named = {name: _part(name, path) for name in cells}
    if not any(named.values()) or any(named[n] and cells[n].dtype != object for n in cells):
        have = ", ".join(cells) or "nothing"
        raise DataError(path, f"expected cells traindata, validdata and testdata, found {have}")
    return _pieces(path, {n: [*cells[n]] for n, part in named.items() if part}, named, tally)


def _npz(path: Path, tally: Tally) -> Parts:
    """A roll in each array, (frames, keys); or many in one, (pieces, frames, keys), with lengths
    in `NAME_lengths`, or -1 in frames of padding."""
    arrays = read_arrays(path, "an .npz file of piano rolls (frames, 88)")
    lists: dict[str, list[np.ndarray]] = {}
    for name, array in arrays.items():
        if name.endswith("lengths"):
            continue
        if array.ndim == 3:
            lengths = arrays.get(f"{name}_lengths")
            if lengths is None:
                lengths = (array >= 0).all(axis=2).sum(axis=1)
            else:
                _check_lengths(path, f"{name}_lengths", lengths, array)
            lists[name] = [roll[:length] for roll, length in zip(array, lengths, strict=True)]
        else:
            lists[name] = [array]
    return _pieces(path, lists, {name: _part(name, path) for name in lists}, tally)


def _check_lengths(path: Path, name: str, lengths: np.ndarray, array: np.ndarray) -> None:
    pieces, frames = array.shape[:2]
    expected = f"{name}: expected a whole length up to {frames} for each of {pieces} pieces"
    if lengths.shape != (pieces,) or lengths.dtype.kind not in "iu":
        raise DataError(path, f"{expected}, found {lengths.dtype} {lengths.shape}")
    if wrong := [*lengths[(lengths < 0) | (lengths > frames)].tolist()]:
        raise DataError(path, f"{expected}, found {wrong[0]}")


def _json(path: Path, tally: Tally) -> Parts:
    """Pieces of chords of MIDI numbers, by part or all in one list."""
    try:
        content = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise DataError(path, f"is not JSON ({error.msg})", line=error.lineno) from None
    parts = content if isinstance(content, dict) else {"": content}
    result: Parts = {}
    for name, pieces in parts.items():
        where = f"{name}: " if name else ""
        if not isinstance(pieces, list):
            raise DataError(path, f"{where}expected a list of pieces, found {_kind(pieces)}")
        read = []
        for index, chords in enumerate(pieces):
            roll = _of_chords(path, f"{where}piece {index}", chords, tally)
            read.append(Piece(f"{name or path.stem}:{index}", roll))
        result.setdefault(_part(name, path) or "", []).extend(read)
    return result


def _of_chords(path: Path, where: str, chords: Any, tally: Tally) -> np.ndarray:
    if not isinstance(chords, list):
        raise DataError(path, f"{where}: expected a list of chords, found {_kind(chords)}")
    roll = np.zeros((len(chords), KEYS), "uint8")
    for frame, chord in enumerate(chords):
        expected = "expected a list of MIDI numbers"
        if not isinstance(chord, list):
            raise DataError(path, f"{where}, frame {frame}: {expected}, found {_kind(chord)}")
        if len(chord) in (KEYS, 128) and all(value in (0, 1) for value in chord):
            zeros = f"{len(chord)} zeros and ones; piano rolls are read from .npz"
            raise DataError(path, f"{where}, frame {frame}: {expected}, found {zeros}")
        for number in chord:
            if number is None or number in _REST or number != number:
                continue
            if not isinstance(number, int | float) or number % 1:  # of infinity NaN
                raise DataError(
                    path, f"{where}, frame {frame}: expected MIDI numbers, found {number!r}"
                )
            key = int(number) - LOWEST
            tally.outside += not 0 <= key < KEYS
            if 0 <= key < KEYS:
                roll[frame, key] = 1
    return roll


def _pieces(
    path: Path,
    lists: Mapping[str, Sequence[np.ndarray]],
    parts: Mapping[str, str | None],
    tally: Tally,
) -> Parts:
    result: Parts = {}
    for name, rolls in lists.items():
        for index, array in enumerate(rolls):
            where = name if len(rolls) == 1 else f"{name} {index}"
            title = f"{name}:{index}" if len(rolls) > 1 else name or path.stem
            roll = _checked(path, where, np.asarray(array), tally)
            result.setdefault(parts[name] or "", []).append(Piece(title, roll))
    return result


def _checked(path: Path, where: str, array: np.ndarray, tally: Tally) -> np.ndarray:
    """A roll of 88 keys as zeros and ones; one of 128 MIDI numbers is cut."""
    if array.ndim != 2 or array.shape[1] not in (KEYS, 128) or array.dtype.kind not in "buif":
        raise DataError(
            path,
            f"{where}: expected a piano roll (frames, 88) or (frames, 128), found "
            f"{array.dtype} {array.shape}",
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all() or array.min(initial=0) < 0:
        raise DataError(path, f"{where}: expected 0 where a key is silent, found negatives or NaN")
    sounding = array > 0
    if array.shape[1] == 128:
        whole, sounding = sounding, sounding[:, LOWEST : LOWEST + KEYS]
        tally.outside += int(whole.sum() - sounding.sum())
    return sounding.astype("uint8")


def _part(name: str, path: Path) -> str | None:
    bare = name.lower().removesuffix("data")
    try:
        return split_of(name) or split_of(bare)
    except ValueError as error:
        raise DataError(path, f"{error}; expected one split in a name") from None


def _kind(value: Any) -> str:
    if isinstance(value, dict | str | list):
        return {dict: "an object", str: "text", list: "a list"}[type(value)]
    return repr(value)
