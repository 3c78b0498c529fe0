"""Files of a few examples for each kind of data, where it does not matter what is learned."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import soundfile
from recipe_corpus import write_corpus


def sentences(folder: Path) -> Path:
    return write_corpus(folder, {"train": 24, "dev": 8, "test": 8})


def texts(folder: Path) -> Path:
    folder.mkdir()
    dice = random.Random(0)
    labelled = [f"{dice.choice(['bad', 'good'])} it was film {dice.random()}" for _ in range(60)]
    (folder / "texts.txt").write_text("\n".join(labelled))
    return folder / "texts.txt"


def prose(folder: Path) -> Path:
    folder.mkdir()
    dice = random.Random(0)
    words = " ".join(dice.choice(["one", "two", "three", "four"]) for _ in range(1500))
    (folder / "text.txt").write_text(words)
    return folder / "text.txt"


def pairs(folder: Path) -> Path:
    folder.mkdir()
    dice = random.Random(0)
    lines = [" ".join(dice.choices("abcdefgh", k=4)) for _ in range(60)]
    (folder / "pairs.tsv").write_text("\n".join(f"{line}\t{line.upper()}" for line in lines))
    return folder / "pairs.tsv"


def clips(folder: Path) -> Path:
    folder.mkdir()
    dice = np.random.default_rng(0)
    rows = ["path,transcript"]
    for index in range(24):
        soundfile.write(folder / f"{index}.wav", 0.1 * dice.normal(size=3000), 8000)
        rows.append(f"{index}.wav,{'ab' if index % 2 else 'b'}")
    (folder / "clips.csv").write_text("\n".join(rows))
    return folder / "clips.csv"


def pieces(folder: Path) -> Path:
    """Chords of two voices that rise or fall together."""
    folder.mkdir()
    dice = random.Random(0)

    def piece() -> list[list[int]]:
        start, turn = dice.randrange(50, 62), dice.choice([1, -1])
        return [[start + turn * t, start + turn * t + 7] for t in range(dice.randrange(5, 9))]

    parts = {"train": 16, "valid": 6, "test": 12}
    rolls = {part: [piece() for _ in range(count)] for part, count in parts.items()}
    (folder / "pieces.json").write_text(json.dumps(rolls))
    return folder / "pieces.json"


def motions(folder: Path) -> Path:
    """Columns of light that move to the right, or to the left, and end at different times."""
    folder.mkdir()
    clips = np.zeros((40, 6, 8, 8), "uint8")
    for row, clip in enumerate(clips):
        for step in range(6):
            clip[step, :, (row + step) % 8 if row % 2 else (row - step) % 8] = 200 + row
    labels = np.array(["left", "right"])[np.arange(40) % 2]
    lengths = 3 + np.arange(40) % 4
    np.savez(folder / "motions.npz", clips=clips, labels=labels, lengths=lengths)
    return folder / "motions.npz"
