"""Bach's four-part chorales, from the corpus of the user's music21.

The corpus is distributed with the permission of its encoders, and some of it may not be used
commercially (`music21/corpus/license.txt`); the chorales carry no licence of their own. So none is
shipped here, nor any roll made of one: they are read from the installed package. Their files are
zipped MusicXML, of which this reads what a roll needs, all in about a second; music21 itself, which
reads everything in them, takes fifteen.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import random
import xml.etree.ElementTree as ElementTree
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from recipes.kit.data.cache import cached_arrays
from recipes.kit.data.facts import Fact
from recipes.kit.data.readers import Found
from recipes.kit.errors import DataError, UserError
from recipes.music.rolls import KEYS, Note, Piece, draw_notes

LICENCE = (
    "Bach's music is in the public domain; its encodings are part of the corpus of music21, "
    "distributed with the permission of the encoders, some of them not for commercial use "
    "(music21/corpus/license.txt)"
)

#: Of what is cached: to be raised when the same file gives another roll.
_VERSION = 1

_VOICES = 4

#: Shares of valid and test, as in the set of Boulanger-Lewandowski et al. (229, 76 and 77).
_HELD_OUT = {"valid": 0.2, "test": 0.2}

_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}

_BROKEN = (OSError, zipfile.BadZipFile, ElementTree.ParseError, LookupError, ValueError, TypeError)


def chorales(step: float) -> Found[Piece]:
    """The chorales in three fixed parts; harmonisations that are equal up to their key together.

    Args:
        step: Length of a frame in quarter notes.

    Raises:
        UserError: If music21 is not installed.
        DataError: If its corpus is missing or damaged.
    """
    folder, version = corpus_folder()
    of = (version, _VERSION, step)
    arrays = cached_arrays("chorales", of, lambda: _arrays(read_chorales(folder, step)))
    ends = np.cumsum(arrays["lengths"])[:-1]
    rolls = np.split(np.unpackbits(arrays["frames"], axis=1)[:, :KEYS], ends)
    pieces = [Piece(str(name), roll) for name, roll in zip(arrays["names"], rolls, strict=True)]
    about = f"{len(pieces)} of four parts by Bach, from music21 {version}, repeats written once"
    return Found(split(pieces), (Fact("chorales", about),), LICENCE)


def corpus_folder() -> tuple[Path, str]:
    """Where music21 keeps its pieces by Bach, and its version. It is not imported.

    Raises:
        UserError: If it is not installed.
    """
    spec = importlib.util.find_spec("music21")
    if spec is None or not spec.submodule_search_locations:
        raise UserError(
            "--data embedded: needs the package music21, whose corpus has the chorales: "
            "pip install 'rnn-zoo[recipes]'."
        )
    folder = Path(spec.submodule_search_locations[0]) / "corpus" / "bach"
    return folder, importlib.metadata.version("music21")


def read_chorales(folder: Path, step: float) -> list[Piece]:
    """The pieces in four parts in a folder of zipped MusicXML.

    Raises:
        DataError: If there are none, or a file is damaged; names it.
    """
    pieces = []
    for path in sorted(folder.glob("bwv*.mxl")):
        score = read_score(path)
        if len(score.findall("part")) == _VOICES:
            roll = draw_notes(notes_of(score), step).roll
            pieces.append(Piece(path.stem, roll))
    if not pieces:
        raise DataError(folder, "expected chorales (bwv*.mxl), found none; install music21 anew")
    return pieces


def read_score(path: Path) -> ElementTree.Element:
    """The score of a file of zipped MusicXML.

    Raises:
        DataError: If it is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            container = ElementTree.fromstring(archive.read("META-INF/container.xml"))
            root = container.find(".//{*}rootfile")
            if root is None:
                raise ValueError("it names no score")
            return ElementTree.fromstring(archive.read(root.attrib["full-path"]))
    except _BROKEN as error:
        raise DataError(path, f"expected zipped MusicXML, found a damaged file ({error})") from None


def notes_of(score: ElementTree.Element) -> Iterator[Note]:
    """The notes of a score in its written order; grace notes, which last no time, left out."""
    for part in score.findall("part"):
        divisions, start = 1.0, 0.0
        for measure in part.findall("measure"):
            now = before = end = start
            for element in measure:
                if element.tag == "attributes":
                    divisions = float(element.findtext("divisions") or divisions)
                    continue
                if element.tag not in ("note", "backup", "forward"):
                    continue
                if element.find("grace") is not None:
                    continue
                length = float(element.findtext("duration") or 0) / divisions
                if element.tag == "backup":
                    now -= length
                    continue
                if element.find("chord") is not None:
                    now = before
                if (pitch := element.find("pitch")) is not None:
                    yield Note(now, now + length, _number(pitch))
                before, now = now, now + length
                end = max(end, now)
            start = end


def _number(pitch: ElementTree.Element) -> int:
    step, octave = pitch.findtext("step") or "", pitch.findtext("octave") or "0"
    alter = round(float(pitch.findtext("alter") or 0))
    return 12 * (int(octave) + 1) + _STEPS[step] + alter


def split(pieces: list[Piece]) -> dict[str, list[Piece]]:
    """The pieces in three parts by a fixed shuffle; those of one shape go together."""
    shapes = [*dict.fromkeys(piece.shape for piece in pieces)]
    random.Random(0).shuffle(shapes)
    owner: dict[bytes, str] = {}
    for name, share in _HELD_OUT.items():
        count = max(1, round(share * len(shapes)))
        owner.update((shape, name) for shape in shapes[len(owner) : len(owner) + count])
    parts: dict[str, list[Piece]] = {"train": [], "valid": [], "test": []}
    for piece in pieces:
        parts[owner.get(piece.shape, "train")].append(piece)
    return parts


def _arrays(pieces: list[Piece]) -> Mapping[str, np.ndarray]:
    """Pieces as arrays to keep, a bit for each key."""
    return {
        "names": np.array([piece.name for piece in pieces]),
        "lengths": np.array([len(piece) for piece in pieces]),
        "frames": np.packbits(np.concatenate([piece.roll for piece in pieces]), axis=1),
    }
