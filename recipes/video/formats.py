"""Files of clips: a folder with a folder for each class, tables, and arrays."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from recipes.kit.console import progress_bar
from recipes.kit.data.facts import Fact, counted, how_many, merged
from recipes.kit.data.files import data_files, is_hidden, suffix_of
from recipes.kit.data.images import BrokenImage
from recipes.kit.data.left_out import LeftOut
from recipes.kit.data.readers import Found
from recipes.kit.data.source import Source
from recipes.kit.data.splits import files_of_splits, split_of
from recipes.kit.errors import DataError, UserError
from recipes.kit.option import NoEffect
from recipes.video.clips import Clip, is_clip
from recipes.video.decoding import Taking, read_frames
from recipes.video.npz import read_npz
from recipes.video.options import COLUMNS, Config
from recipes.video.pixels import Shape
from recipes.video.tables import TABLES, Entry, read_entries

T = TypeVar("T")

_EXPECTED = "a folder of clips, a table (.csv, .tsv, .jsonl), or an .npz file"

#: Names of UCF101 say which video a clip was cut from: `v_Archery_g07_c02.avi`.
_GROUP = re.compile(r"(.+_g\d+)_c\d+")


def read_files(source: Source, config: Config, shape: Shape | None = None) -> Found[Clip]:
    """Read the clips of a file or folder, or of one for each part.

    Args:
        source: The files.
        config: How they are read.
        shape: That of a model, to fit the frames in.

    Raises:
        UserError: If there are none.
        DataError: If a file is malformed; names it.
    """
    named: list[tuple[str | None, Path]] = [
        (split, path) for split, paths in source.parts.items() for path in paths
    ]
    splits: dict[str, list[Clip]] = {}
    entries: list[Entry] = []
    facts: list[tuple[str, list[Fact]]] = []
    for split, path in named or [(None, path) for path in source.paths]:
        if path.is_dir():
            own, understood = _of_folder(path, config, split)
            entries += own
        elif suffix_of(path) in TABLES:
            own, understood = read_entries(path, config, split)
            entries += own
        elif path.suffix.lower() == ".npz":
            clips, understood = read_npz(path, config, split, shape=shape)
            for part, each in clips.items():
                splits.setdefault(part, []).extend(_drawn(each, part, config))
        else:
            raise DataError(path, f"expected {_EXPECTED}")
        facts.append((path.name, understood))
    about = merged(facts)
    if entries:
        by_part: dict[str, list[Entry]] = {}
        for entry in entries:
            by_part.setdefault(entry.split or "train", []).append(entry)
        chosen = [e for part, own in by_part.items() for e in _drawn(own, part, config)]
        if len(chosen) < len(entries):
            about.append(Fact("limit", f"{len(chosen):,} of {len(entries):,} clips are read"))
        clips, understood = _read(chosen, config, Taking.of(config, shape))
        about += understood
        for part, each in clips.items():
            splits.setdefault(part, []).extend(each)
    return Found(splits, tuple(about))


def _drawn(items: Sequence[T], part: str, config: Config) -> Sequence[T]:
    """At most as many of a part as the options ask for, drawn at random, in their order."""
    most = config.most(part)
    if most is None or len(items) <= most:
        return items
    generator = np.random.default_rng(config.seed)
    return [items[index] for index in sorted(generator.choice(len(items), most, replace=False))]


def _of_folder(folder: Path, config: Config, split: str | None) -> tuple[list[Entry], list[Fact]]:
    """The clips of the tables in a folder; without any, of its folders, each with a class."""
    tables = data_files(folder, TABLES)
    if not tables:
        return _of_classes(folder, config, split)
    named = files_of_splits(folder, TABLES) or {"": tables}
    if split is not None or "" in named:
        if len(tables) > 1:
            names = ", ".join(table.name for table in tables)
            message = f"{folder}: several tables, {names}, and no telling the part of each"
            raise UserError(f"{message}; give one, or --train, --valid and --test FILE.")
        named = {split or "": tables}
    entries, facts = [], []
    for part, files in named.items():
        for file in files:
            own, understood = read_entries(file, config, part or None)
            entries += own
            facts.append((file.name, understood))
    return entries, merged(facts)


def _of_classes(folder: Path, config: Config, split: str | None) -> tuple[list[Entry], list[Fact]]:
    """The clips of a folder: in a folder for each class, perhaps below one for each part."""
    for name in COLUMNS:
        if getattr(config, name) is not None:
            raise NoEffect(name, f"on {folder}, which holds no table")
    if config.labels == "frame":
        raise UserError(
            f"{folder}: folders name the class of a clip; those of frames (--labels frame) are "
            "read from tables and .npz files."
        )
    entries, aside = list[Entry](), 0
    for part, root in _parts(folder, split):
        folders = (path for path in root.iterdir() if path.is_dir() and not is_hidden(path))
        for inside in sorted(folders):
            for path in sorted(inside.iterdir()):
                if is_hidden(path):
                    continue
                if is_clip(path):
                    entries.append(Entry(path, (inside.name,), part))
                else:
                    aside += 1
    if not entries:
        loose = sum(is_clip(path) for path in folder.iterdir() if not is_hidden(path))
        found = f"{how_many(loose, 'clips')} in no folder of a class" if loose else "none"
        raise UserError(
            f"{folder}: expected a folder for each class with clips in it (folders of images, "
            f".gif, .webp, .mp4, .avi, ...), or a table of clips, found {found}."
        )
    others = how_many(aside, "files of other kinds")
    return entries, [Fact("left aside", others)] if aside else []


def _parts(folder: Path, split: str | None) -> Iterator[tuple[str, Path]]:
    """The folders of the parts, each with one for each class."""
    inside = [p for p in sorted(folder.iterdir()) if p.is_dir() and not is_hidden(p)]
    named = {path: split_of(path.name) for path in inside}
    if split is None and inside and any(named.values()):
        for path, part in named.items():
            if part is None:
                raise UserError(f"{path}: expected folders named train, valid and test beside it.")
            yield part, path
    else:
        yield split or "train", folder


def _read(
    entries: Sequence[Entry], config: Config, taking: Taking
) -> tuple[dict[str, list[Clip]], list[Fact]]:
    """The clips that can be read, by their parts."""
    left_out = LeftOut("clips", config)
    splits: dict[str, list[Clip]] = {}
    kinds = Counter[str]()
    with progress_bar() as bar:
        task = bar.add_task("reading", total=len(entries), status="")
        for entry in entries:
            bar.update(task, advance=1)
            try:
                clip = _clip(entry, config, taking)
            except BrokenImage as error:
                left_out.add(error)
                continue
            splits.setdefault(entry.split or "train", []).append(clip)
            suffix = entry.path.suffix.lower()
            kinds[suffix if entry.path.is_file() else "folders of images"] += 1
    left_out.check(sum(map(len, splits.values())))
    height, width, channels = taking.shape
    drawn = f"{height} x {width}, {'grey' if channels == 1 else 'RGB'}, cut to its proportions"
    return splits, [
        Fact("files", counted(kinds)),
        Fact("frames", f"{drawn}; {_which(taking)}"),
        *left_out.facts(),
    ]


def _which(taking: Taking) -> str:
    if taking.fps is not None:
        return f"{taking.fps:g} a second, at most {taking.most} of a clip"
    every = "every one" if taking.every == 1 else f"one in {taking.every}"
    return f"{every}, at most {taking.most} of a clip"


def _clip(entry: Entry, config: Config, taking: Taking) -> Clip:
    """Read a clip.

    Raises:
        BrokenImage: If it cannot be read, or has another number of frames than classes.
    """
    path, (table, line) = entry.path, entry.line or (entry.path, None)
    if not path.exists():
        raise BrokenImage(table, f"no such clip, {path}", line=line)
    if not is_clip(path):
        raise BrokenImage(table, f"{path} is not a clip: images, a GIF or a video", line=line)
    taken = read_frames(path, taking)
    labels = entry.labels
    if config.labels == "frame":
        if len(labels) != taken.count:
            message = f"{path.name} has {taken.count} frames and {len(labels)} labels"
            raise BrokenImage(table, message, line=line)
        labels = tuple(labels[number] for number in taken.numbers)
    match = _GROUP.fullmatch(path.stem if path.is_file() else path.name)
    group = entry.group or (match[1] if match else "")
    return Clip(taken.frames, labels, str(path), group, taken.fps)
