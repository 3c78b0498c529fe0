"""Files of images: arrays in `.npz` and `.npy` files, folders of image files, or one for each part.

Images come out as bytes, uint8, (height, width, 1, 3 or 4): image files as they are drawn on a
canvas, arrays as they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from recipes.kit.data.facts import Fact, counted, listed
from recipes.kit.data.files import data_files
from recipes.kit.data.images import (
    BrokenImage,
    Canvas,
    Header,
    image_files,
    read_header,
    read_image,
    size_of,
)
from recipes.kit.data.intensities import check_bright
from recipes.kit.data.left_out import LeftOut
from recipes.kit.data.readers import Found
from recipes.kit.data.reading import Files
from recipes.kit.data.source import SPLITS, Source
from recipes.kit.data.splits import split_of
from recipes.kit.errors import DataError, UserError
from recipes.pixel_rnn.arrays import SUFFIXES, is_stack, read_arrays

#: Sizes that are counted by name.
SIZES = 3


@dataclass
class _Contents:
    """What is in the files of a source: arrays of many images, and files of one, by part."""

    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    files: dict[str, list[Path]] = field(default_factory=dict)
    facts: list[Fact] = field(default_factory=list)

    def add_arrays(self, path: Path, split: str | None) -> None:
        """Add the images of a file of arrays.

        Raises:
            DataError: If there are images of the same part already.
        """
        arrays, fact = read_arrays(path, split)
        for part, images in arrays.items():
            if part in self.arrays:
                raise DataError(path, f"expected one array of images for {part}, found another")
            self.arrays[part] = images
        self.facts.append(fact)


def read_files(source: Source, canvas: Canvas, reading: Files) -> Found[np.ndarray]:
    """Read the images of files.

    Args:
        source: An `.npz` or `.npy` file, a folder, or one of these for each part.
        canvas: What image files are drawn on.
        reading: With `strict`, no file is left out.

    Raises:
        UserError: If there are none, their sizes differ and the canvas has none, or the name of a
            folder holds two splits.
        DataError: If a file is broken or does not hold images; names it.
    """
    contents = _Contents()
    for split, paths in source.parts.items():
        for path in paths:
            _look_into(path, contents, split)
    if not source.parts:
        _look_into(source.path, contents, None)
    images = {split: [*array] for split, array in contents.arrays.items()}
    facts = contents.facts
    if contents.files:
        decoded, more = _decoded(contents.files, str(source), canvas, LeftOut("images", reading))
        for split, pixels in decoded.items():
            images.setdefault(split, []).extend(pixels)
        facts += more
    if any(array.shape[-1] == 4 for array in contents.arrays.values()):
        facts.append(Fact("background", f"what is transparent is laid on {canvas.background}"))
    return Found(images, tuple(facts))


def _look_into(path: Path, contents: _Contents, split: str | None) -> None:
    """Find the images of a file or a folder; those of the part `split` if the user named it."""
    if not path.is_dir():
        contents.add_arrays(path, split)
        return
    pictures, others = image_files(path)
    if pictures:
        for picture in pictures:
            contents.files.setdefault(split or _split_of(picture, path), []).append(picture)
        contents.facts.append(_files_fact(pictures, others, path, split))
        return
    stacks = [file for file in data_files(path, SUFFIXES) if is_stack(file)]
    if not stacks:
        raise UserError(f"{path}: expected image files (.png, .jpg, ...), found none")
    for stack in stacks:
        contents.add_arrays(stack, split or _split_of_file(stack, alone=len(stacks) == 1))


def _files_fact(
    pictures: Sequence[Path], others: Sequence[Path], folder: Path, split: str | None
) -> Fact:
    suffixes = Counter(path.suffix.lower() for path in pictures)
    kinds = ", ".join(
        suffix if len(suffixes) == 1 else f"{suffix} {count:,}"
        for suffix, count in sorted(suffixes.items())
    )
    text = f"{len(pictures):,} images ({kinds})"
    by_split = Counter(split or _split_of(path, folder) for path in pictures)
    if split is not None or len(by_split) > 1:
        text += f": {', '.join(f'{by_split[s]:,} {s}' for s in SPLITS if s in by_split)}"
    if others:
        aside = Counter(path.suffix.lower() or path.name for path in others)
        kinds = listed((f"{count:,} {suffix}" for suffix, count in aside.most_common()), 5)
        text += f"; other files, left aside: {kinds}"
    return Fact("files", text)


def _split_of(picture: Path, folder: Path) -> str:
    """The split that the uppermost of the folders around it names; "train" where none does."""
    try:
        named = map(split_of, picture.relative_to(folder).parts[:-1])
        return next(filter(None, named), "train")
    except ValueError as error:
        raise UserError(f"{folder}: {error}; expected one split in a name") from None


def _split_of_file(path: Path, alone: bool) -> str | None:
    try:
        split = split_of(path.stem)
    except ValueError as error:
        raise UserError(f"{path.parent}: {error}; expected one split in a name") from None
    if split is None and not alone:
        raise DataError(path, "expected train, valid or test in the name; --train FILE chooses")
    return split


def _decoded(
    files: Mapping[str, Sequence[Path]], where: str, canvas: Canvas, left_out: LeftOut
) -> tuple[dict[str, list[np.ndarray]], list[Fact]]:
    """The images of files, and what there is to say about these."""
    headers: dict[Path, Header] = {}
    for path in (path for paths in files.values() for path in paths):
        try:
            headers[path] = read_header(path)
        except BrokenImage as error:
            left_out.add(error)
    if canvas.size is None:
        _check_sizes(headers.values(), where)
    images: dict[str, list[np.ndarray]] = {}
    deep: list[np.ndarray] = []
    for split, paths in files.items():
        for path in (path for path in paths if path in headers):
            try:
                pixels = read_image(path, canvas)
            except BrokenImage as error:
                left_out.add(error)
                continue
            images.setdefault(split, []).append(pixels)
            if headers[path].top > 255:
                deep.append(pixels)
    left_out.check(sum(map(len, images.values())))
    if deep:
        first = next(path for path, header in headers.items() if header.top > 255)
        check_bright(deep, first, headers[first].kind)
    return images, [*_header_facts([*headers.values()], canvas), *left_out.facts()]


def _check_sizes(headers: Iterable[Header], where: str) -> None:
    sizes = _sizes(headers)
    if len(sizes) > 1:
        raise UserError(
            f"{where}: images differ in size: {counted(sizes, SIZES)}; --size N cuts and scales "
            "them to N x N."
        )


def _sizes(headers: Iterable[Header]) -> Counter[str]:
    return Counter(size_of(header.height, header.width) for header in headers)


def _header_facts(headers: Sequence[Header], canvas: Canvas) -> list[Fact]:
    kinds = Counter(header.kind for header in headers)
    text = counted(kinds) if len(kinds) > 1 else next(iter(kinds))
    scaled = any(header.top != 255 for header in headers)
    facts = [Fact("depth", text + (", scaled to bytes" if scaled else ""))]
    if canvas.size is not None:
        size = size_of(canvas.size, canvas.size)
        done = f"cut to a centred square and scaled to {size}"
        facts.append(Fact("sizes", f"{counted(_sizes(headers), SIZES)}; {done}"))
    if transparent := sum(header.transparent for header in headers):
        text = f"what is transparent in {transparent:,} files is laid on {canvas.background}"
        facts.append(Fact("background", text))
    if animated := sum(header.animated for header in headers):
        facts.append(Fact("several", f"{animated:,} files hold more than one image; the first"))
    return facts
