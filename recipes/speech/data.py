"""Sound with transcripts: clips in three splits, at one sampling rate, with their true lengths.

Sources (`load`):

- `embedded`: Morse code, generated as a radio receiver gives it. No text of valid or test is in
  train.
- `tfds:speech_commands`, `tfds:librispeech`, `tfds:ljspeech`, `tfds:yes_no` and others with a
  feature `audio` or `speech` and one for the text or the label.
- A manifest (`recipes.speech.formats`), with a column of splits or without; or a folder with one,
  or with one for each split.
- A folder of sound files whose names tell what is said (`Naming`).

Files are resampled to one rate, and channels averaged. What cannot be learned from is left out and
named, or refused (`strict`): files that are missing, empty, broken or silent, and those too short
for their transcript.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from recipes.kit.data import audio
from recipes.kit.data.source import (
    SPLITS,
    complete_splits,
    data_files,
    files_of_splits,
    parse_source,
)
from recipes.kit.errors import DataError, UserError
from recipes.speech import embedded
from recipes.speech.clips import Clip, join_clips
from recipes.speech.formats import MANIFESTS, Entry, Naming, list_folder, read_manifest
from recipes.speech.tfds import Found, read_tfds

__all__ = ["Clip", "Fits", "Naming", "Options", "SpeechData", "join_clips", "load", "load_test"]

SIZES = {"train": 3000, "valid": 150, "test": 300}

#: Epochs that train on Morse code mostly letter by letter.
_LETTERS_FIRST = 8

#: Unless told otherwise, files of a higher rate are brought down to this.
_USUAL_RATE = 16_000

Fits = Callable[[int, str], str | None]
"""From samples and transcript to what is wrong with the two, if anything."""

Watch = Callable[[Iterable[Any]], Iterable[Any]]

_Raw = tuple[str, Callable[[], Found]]
"""A split, and a function that reads what is to be in it."""


@dataclass(frozen=True)
class Options:
    """Which clips of the data, and how they are read."""

    sampling_rate: int | None = None
    path_column: str | None = None
    transcript_column: str | None = None
    naming: Naming = Naming()
    subset: str | None = None
    lowercase: bool = False
    by_speaker: bool = False
    strict: bool = False


@dataclass(frozen=True)
class SpeechData:
    """Clips in three splits. `skipped` says which were left out, and why; `later`, where they are
    generated, makes others to train on from the number of an epoch."""

    train: tuple[Clip, ...]
    valid: tuple[Clip, ...]
    test: tuple[Clip, ...]
    sampling_rate: int
    skipped: tuple[str, ...]
    description: str
    licence: str
    later: Callable[[int], tuple[Clip, ...]] | None = None

    @property
    def symbols(self) -> tuple[str, ...]:
        """Every character of the transcripts of train, sorted."""
        return tuple(sorted({letter for clip in self.train for letter in clip.text}))

    @property
    def unseen_symbols(self) -> str:
        """Characters of valid and test that train does not have; they are never right."""
        held_out = {letter for clip in (*self.valid, *self.test) for letter in clip.text}
        return "".join(sorted(held_out - {*self.symbols}))


def load(
    source: str,
    options: Options = Options(),
    *,
    seed: int = 0,
    fits: Callable[[int], Fits] | None = None,
    watch: Watch = iter,
) -> SpeechData:
    """Load clips.

    Args:
        source: `embedded`, `tfds:NAME[/CONFIG]`, a manifest or a folder.
        options: Which, and how.
        seed: of the generator (embedded) and of the shuffle that makes missing splits.
        fits: From the sampling rate to a function that says what is wrong with samples and
            transcript, if anything; by default nothing is.
        watch: Shows how far the reading of files is.

    Raises:
        UserError: The source does not exist or cannot be fetched, lacks a train split, or none of
            it can be used.
        DataError: A manifest is malformed, or with `strict` a file is; names it.
    """
    where = parse_source(source)
    if where.kind == "embedded":
        return _embedded(seed)
    raw: Iterable[_Raw]
    if where.kind == "tfds":
        found, rate, licence = read_tfds(
            where.name,
            sampling_rate=options.sampling_rate,
            highest_rate=_USUAL_RATE,
            audio_feature=options.path_column,
            text_feature=options.transcript_column,
            subset=options.subset,
        )
        raw = ((split, lambda one=one: one) for split, one in found)
    else:
        entries, licence = _entries(where.path, options), "as stated by the owner of the files"
        rate = options.sampling_rate or _usual_rate(entries)
        raw = [(entry.split or "train", _reader(entry, rate)) for entry in entries]
    clips, skipped = _usable(raw, rate, fits, options, watch)
    if not any(clips.values()):
        why = f"; {skipped[0]}" if skipped else ""
        raise UserError(f"{source}: none of {len(skipped):,} files can be used{why}")
    splits, how = complete_splits(
        clips,
        seed=seed,
        where=source,
        what="speakers" if options.by_speaker else "clips",
        key=(lambda clip: clip.speaker) if options.by_speaker else (lambda clip: clip.name),
    )
    counts = ", ".join(f"{len(splits[split]):,} {split}" for split in SPLITS)
    hours = sum(len(c.samples) for part in splits.values() for c in part) / rate / 3600
    parts = [f"{counts} clips from {where}, {hours:.2f} hours at {rate:,} Hz", how]
    if skipped:
        parts.append(f"{len(skipped):,} file{'s' if len(skipped) > 1 else ''} left out")
    return SpeechData(
        **splits,
        sampling_rate=rate,
        skipped=tuple(skipped),
        description="; ".join(part for part in parts if part),
        licence=licence,
    )


def load_test(
    source: str, options: Options, *, seed: int = 0, fits: Callable[[int], Fits] | None = None
) -> tuple[tuple[Clip, ...], tuple[str, ...]]:
    """Clips to evaluate on, the test part of a source or all of a manifest without splits; and
    which were left out, and why.

    Raises:
        UserError, DataError: As for `load`.
    """
    where = parse_source(source)
    if where.kind == "path" and where.path.is_file():
        entries = _entries(where.path, options)
        if not any(entry.split for entry in entries):
            rate = options.sampling_rate or _usual_rate(entries)
            raw = [("test", _reader(entry, rate)) for entry in entries]
            clips, skipped = _usable(raw, rate, fits, options, iter)
            if not clips["test"]:
                raise UserError(f"{source}: none of {len(raw):,} files can be used; {skipped[0]}")
            return tuple(clips["test"]), tuple(skipped)
    data = load(source, options, seed=seed, fits=fits)
    return data.test, data.skipped


def _usable(
    raw: Iterable[_Raw],
    rate: int,
    fits: Callable[[int], Fits] | None,
    options: Options,
    watch: Watch,
) -> tuple[dict[str, list[Clip]], list[str]]:
    """Clips by their splits, and what is wrong with the others."""
    wrong = fits(rate) if fits else lambda samples, text: None
    clips: dict[str, list[Clip]] = {split: [] for split in SPLITS}
    skipped = []
    for split, read in watch(raw):
        try:
            clips[split].append(_checked(read(), wrong, options))
        except DataError as error:
            if options.strict:
                raise
            skipped.append(str(error))
    return clips, skipped


def _embedded(seed: int) -> SpeechData:
    generator = np.random.default_rng(seed)
    drawn, seen = embedded.texts(generator), set[str]()
    held_out: dict[str, tuple[Clip, ...]] = {}
    for split in ("test", "valid"):
        texts: list[str] = []
        while len(texts) < SIZES[split]:
            text = next(drawn)
            if text not in seen:
                texts.append(text)
                seen.add(text)
        held_out[split] = tuple(_morse_clip(text, generator) for text in texts)

    def train(epoch: int) -> tuple[Clip, ...]:
        generator = np.random.default_rng((seed, epoch))
        # Letters first, then words, as people learn it: in whole texts alone, where nothing says
        # which sound is which letter, a network does not find the letters for a long time.
        alone = 0.9 if epoch < _LETTERS_FIRST else 0.2
        new = (text for text in embedded.texts(generator, alone=alone) if text not in seen)
        return tuple(_morse_clip(text, generator) for text in islice(new, SIZES["train"]))

    counts = ", ".join(f"{SIZES[split]:,} {split}" for split in SPLITS)
    return SpeechData(
        train=train(0),
        **held_out,
        sampling_rate=embedded.SAMPLING_RATE,
        skipped=(),
        description=f"{counts} clips of Morse code, generated (seed {seed}), those of train anew "
        "for each epoch; none of their texts is in valid or test",
        licence="generated: none",
        later=train,
    )


def _morse_clip(text: str, generator: np.random.Generator) -> Clip:
    return Clip(audio.to_int16(embedded.sound(text, generator)), text, text)


def _entries(path: Path, options: Options) -> list[Entry]:
    columns = {
        "path_column": options.path_column,
        "transcript_column": options.transcript_column,
    }
    if path.is_file():
        return _of_subset(read_manifest(path, **columns), options, str(path))
    if options.naming.template is not None:
        return _of_subset(list_folder(path, options.naming), options, str(path))
    manifests = files_of_splits(path, MANIFESTS)
    if manifests:
        found = []
        for split, files in manifests.items():
            files = [f for f in files if options.subset is None or options.subset in f.name]
            if len(files) > 1:
                names = ", ".join(file.name for file in files)
                raise UserError(
                    f"{path}: several files for the {split} split: {names}; --subset WORD takes "
                    "those with the word in their names"
                )
            found += [e for file in files for e in read_manifest(file, **columns, split=split)]
        if not found:
            raise UserError(f"{path}: no manifest has {options.subset!r} in its name")
        return found
    several = data_files(path, MANIFESTS)
    if len(several) > 1:
        names = ", ".join(file.name for file in several)
        raise UserError(f"{path}: several manifests, {names}, and none names a split; give one")
    if several:
        return _of_subset(read_manifest(several[0], **columns), options, str(path))
    return _of_subset(list_folder(path, options.naming), options, str(path))


def _of_subset(entries: list[Entry], options: Options, where: str) -> list[Entry]:
    kept = [e for e in entries if options.subset is None or options.subset in str(e.path)]
    if not kept:
        raise UserError(f"{where}: no path has {options.subset!r} in it")
    return kept


def _usual_rate(entries: Sequence[Entry]) -> int:
    """The commonest rate of some of the files, at most 16 kHz."""
    some = entries[:: -(-len(entries) // 50)]
    rates = Counter(rate for entry in some if (rate := audio.rate_of(entry.path)))
    return min(rates.most_common(1)[0][0], _USUAL_RATE) if rates else _USUAL_RATE


def _reader(entry: Entry, rate: int) -> Callable[[], Found]:
    def read() -> Found:
        return entry.path, audio.read_audio(entry.path, rate)[0], entry.text, entry.speaker

    return read


def _checked(found: Found, wrong: Fits, options: Options) -> Clip:
    """A clip that can be learned from.

    Raises:
        DataError: It is silent, nothing is said of it, or it is too short.
    """
    path, samples, text, speaker = found
    text = " ".join((text.lower() if options.lowercase else text).split())
    if not text:
        raise DataError(path, "the transcript is empty")
    if audio.is_silent(samples):
        raise DataError(path, f"is silent, and its transcript is {text[:40]!r}")
    if reason := wrong(len(samples), text):
        raise DataError(path, reason)
    return Clip(audio.to_int16(samples), text, str(path), speaker)
