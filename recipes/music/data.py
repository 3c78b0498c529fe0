"""Pieces of music as piano rolls of their true lengths.

- `embedded`: Bach's four-part chorales, read from the music21 that is installed.
- Folders of MIDI files, searched to the bottom; where folders are named train, valid or dev, and
  test, on any level, these are the parts.
- The `.mat` files of the JSB, Nottingham, MuseData and Piano-midi sets; JSON of the same form
  (pieces of chords of MIDI numbers, by part); `.npz` of rolls.
- `--train`, `--valid` and `--test` with any of these.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recipes.kit.data.facts import Fact, counted, how_many
from recipes.kit.data.readers import Readers, Splits
from recipes.kit.data.source import SPLITS, Source
from recipes.kit.objective import Objective
from recipes.music.chorales import chorales
from recipes.music.formats import read_files
from recipes.music.options import QUARTERS, Config
from recipes.music.rolls import Piece, chord_name, key_name

#: Numbers of voices that are counted by name.
_VOICES = 8


@dataclass(frozen=True)
class Data(Splits[Piece]):
    """Pieces in three parts."""

    @property
    def objective(self) -> Objective:
        """What the best epoch is chosen by."""
        return Objective("nats_per_frame", "min")


def load(source: Source, config: Config) -> Data:
    """Read pieces.

    Raises:
        UserError: If the source does not exist or holds no music.
        DataError: If a file is broken; names it.
    """
    splits = _readers(config).load(source, seed=config.seed)
    train, valid, test = splits.train, splits.valid, splits.test
    facts = [*splits.understood]
    if config.limit is not None:
        train, valid = train[: config.limit], valid[: max(1, config.limit // 5)]
        facts.append(Fact("limit", f"the first {len(train):,} train and {len(valid):,} valid"))
    facts += _facts(dict(zip(SPLITS, (train, valid, test), strict=True)), config)
    return Data(train, valid, test, tuple(facts), splits.licence)


def load_test(source: Source, config: Config) -> Sequence[Piece]:
    """What to evaluate on: the test part of the data the model was trained on, or that of another
    source, or all of another file."""
    return _readers(config).load_test(source, seed=config.seed, trained_on=config.data)


def _readers(config: Config) -> Readers[Piece]:
    step = QUARTERS[config.step]
    return Readers(
        what="pieces",
        embedded=lambda: chorales(step),
        files=lambda source: read_files(source, step, config),
        key=lambda piece: piece.shape,
    )


def _facts(parts: dict[str, Sequence[Piece]], config: Config) -> list[Fact]:
    """Frames, keys, voices, and what is in more than one part."""
    frames = {split: np.concatenate([p.roll for p in pieces]) for split, pieces in parts.items()}
    train = frames["train"]
    voices = train.sum(axis=1)
    used = np.flatnonzero(train.any(axis=0))
    lengths = [len(piece) for piece in parts["train"]]
    sizes = ", ".join(f"{len(frames[split]):,} {split}" for split in SPLITS)
    article = "an" if config.step == "eighth" else "a"
    about = (
        f"{article} {config.step} note each; pieces of {min(lengths)} to {max(lengths):,} in train"
    )
    facts = [
        Fact("frames", f"{sizes}; {about}"),
        Fact("first piece", f"{parts['train'][0].name}: {_begins(parts['train'][0])}"),
        Fact("keys", f"{key_name(int(used[0]))} to {key_name(int(used[-1]))}, {len(used)} of 88")
        if len(used)
        else Fact("keys", "none"),
        Fact("silence", f"{100 * np.mean(voices == 0):.1f} % of the frames"),
        Fact("voices", counted(Counter(map(str, voices.tolist())), _VOICES)),
    ]
    known = {piece.shape for piece in parts["train"]}
    for split in ("valid", "test"):
        if again := sum(piece.shape in known for piece in parts[split]):
            again_in_train = f"{how_many(again, f'{split} pieces')} also in train, in some key"
            facts.append(Fact("duplicates", again_in_train))
    if long := sum(length > config.passage for length in lengths):
        cut = f"{how_many(long, 'training pieces')} cut to {config.passage:,} frames at most"
        facts.append(Fact("passages", cut))
    return facts


def _begins(piece: Piece, chords: int = 3) -> str:
    return ", ".join(map(chord_name, piece.roll[:chords])) + (
        ", ..." if len(piece) > chords else ""
    )
