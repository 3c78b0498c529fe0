"""Files of images and captions, as they are found.

- CSV or TSV with a header, JSONL, or a JSON list: a column of image paths, one or several of
  captions (or a list), perhaps one that says the part; or several rows for an image.
- Flickr8k: `image.jpg#0 TAB caption`, with lists of names such as `Flickr_8k.trainImages.txt`
  beside it; or `image,caption` below a header, as on Kaggle.
- COCO: JSON with `images` and `annotations`.
- A folder with one of these, or with a `.txt` beside each image of the same name.

Images are found beside the file, or in a folder `images` there. Those that are missing or broken
are left out, named and counted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from recipes.captioning.example import Example
from recipes.captioning.options import Config
from recipes.captioning.pixels import Drawing
from recipes.kit.data.facts import Fact, listed, shortened
from recipes.kit.data.files import data_files, read_text, suffix_of
from recipes.kit.data.images import BrokenImage, image_files
from recipes.kit.data.left_out import LeftOut
from recipes.kit.data.readers import Found
from recipes.kit.data.reading import TableFiles
from recipes.kit.data.rows import json_rows
from recipes.kit.data.source import Source
from recipes.kit.data.splits import split_of
from recipes.kit.data.tables import read_table
from recipes.kit.errors import DataError, UserError

_IMAGE = ("image", "image_path", "image_id", "file_name", "filename", "file", "path", "img")
_CAPTION = ("caption", "captions", "text", "sentence", "sentences", "description", "comment")
_SPLIT = ("split", "part", "set", "subset")
_FOLDERS = ("", "images", "Images", "Flicker8k_Dataset", "Flickr8k_Dataset")
_TABLES = (".csv", ".tsv", ".jsonl", ".json", ".ndjson", ".txt", ".token")
_NUMBERED = re.compile(r"([^\t]+?)#\d+\t(.+)")
_LIST = re.compile(r"(train|dev|val|test)images", re.IGNORECASE)


class Row(NamedTuple):
    """What a file says of an image."""

    file: Path
    line: int | None
    image: str
    captions: tuple[str, ...]
    split: str | None


def read_files(source: Source, config: Config, drawing: Drawing) -> Found[Example]:
    """Read images with captions.

    Raises:
        UserError: If there are none.
        DataError: If a file is malformed, or too many images are broken; names it.
    """
    parts: Mapping[str, Sequence[Path]] = source.parts or {"": source.paths}
    rows: list[Row] = []
    facts: list[Fact] = []
    for split, paths in parts.items():
        for path in paths:
            read, about = _read(path, config)
            rows += [row._replace(split=split or row.split) for row in read]
            facts += about
    examples, more = _drawn(rows, drawing, LeftOut("images", config))
    first = next((e for each in examples.values() for e in each), None)
    if first is None:
        raise UserError(f"--data {source}: holds no image with a caption")
    facts.append(Fact("first caption", f"{first.name}: {shortened(first.captions[0])}"))
    return Found(examples, (*facts, *more))


def _read(path: Path, config: Config) -> tuple[list[Row], list[Fact]]:
    if not path.is_dir():
        return _read_file(path, config)
    files = [file for file in data_files(path, _TABLES) if not _is_note(file)]
    tables = [file for file in files if not _LIST.search(file.name)]
    if not tables:
        return _read_beside(path)
    rows, facts = [], []
    named = {file: split_of(file.stem) for file in tables}
    for file in tables:
        read, about = _read_file(file, config)
        rows += [row._replace(split=row.split or named[file]) for row in read]
        facts += about
    lists = {line.strip(): split for file in files if (split := _listed_part(file))
             for line in read_text(file, config).split("\n")}  # fmt: skip
    if lists:
        facts.append(Fact("lists", listed(f.name for f in files if _LIST.search(f.name))))
        rows = [row._replace(split=lists[row.image]) for row in rows if row.image in lists]
    return rows, facts


def _listed_part(file: Path) -> str | None:
    match = _LIST.search(file.name)
    return (
        {"dev": "valid", "val": "valid"}.get(match[1].lower(), match[1].lower()) if match else None
    )


def _is_note(file: Path) -> bool:
    """Whether a text file stands beside an image of its name, as its caption does."""
    return file.suffix == ".txt" and bool(_beside(file))


def _beside(file: Path) -> list[Path]:
    return [p for p in file.parent.glob(f"{file.stem}.*") if p != file]


def _read_beside(folder: Path) -> tuple[list[Row], list[Fact]]:
    pictures, others = image_files(folder)
    notes = {file.with_suffix(""): file for file in others if file.suffix == ".txt"}
    rows = []
    for picture in pictures:
        note = notes.get(picture.with_suffix(""))
        if note is not None:
            texts = tuple(line.strip() for line in read_text(note).split("\n") if line.strip())
            parts = picture.relative_to(folder).parts[:-1]
            split = next((s for part in parts if (s := split_of(part))), None)
            rows.append(Row(note, None, str(picture), texts, split))
    if not rows:
        raise UserError(
            f"{folder}: expected a table of images and captions, or images with a .txt file of the "
            f"same name; found {len(pictures):,} images without"
        )
    without = len(pictures) - len(rows)
    about = f"{len(rows):,} images with a .txt of the same name"
    return rows, [Fact("captions beside", about + (f", {without:,} without" if without else ""))]


def _read_file(path: Path, config: Config) -> tuple[list[Row], list[Fact]]:
    suffix = suffix_of(path)
    if suffix in (".json", ".jsonl", ".ndjson"):
        return _read_json(path, read_text(path, config), config)
    text = read_text(path, config) if suffix not in (".csv", ".tsv") else ""
    if text and _NUMBERED.match(text.split("\n", 1)[0]):
        rows = []
        for number, line in enumerate(text.split("\n"), start=1):
            match = _NUMBERED.fullmatch(line.strip())
            if match:
                rows.append(Row(path, number, match[1], (match[2].strip(),), None))
            elif line.strip():
                raise DataError(path, "expected image#NUMBER TAB caption", line=number)
        return rows, [Fact("form", f"{path.name}: image#NUMBER TAB caption")]
    if re.match(r"image,caption\n", text):  # Whose captions hold commas without quotes.
        lines = enumerate(text.split("\n")[1:], start=2)
        pairs = ((n, *line.partition(",")[::2]) for n, line in lines if line.strip())
        rows = [Row(path, n, image, (caption.strip(' "'),), None) for n, image, caption in pairs]
        return rows, [Fact("form", f"{path.name}: image,caption")]
    return _read_table(path, config)


def _read_table(path: Path, config: Config) -> tuple[list[Row], list[Fact]]:
    table = read_table(
        path,
        TableFiles(encoding=config.encoding, strict=config.strict),
        is_header=lambda first, _: (
            any(cell.lower() in (*_IMAGE, *_CAPTION) for cell in first)
            or bool({config.image_column, config.caption_column} & {*first})
        ),
    )
    image, captions = _columns(path, table.names, config)
    split = table.find(_SPLIT)
    at, where = table.index(image), [table.index(name) for name in captions]
    rows = [
        Row(path, line, cells[at], tuple(cells[i] for i in where if cells[i]),
            _split(cells[split]) if split is not None else None)
        for line, cells in table.rows
    ]  # fmt: skip
    return rows, [*table.facts, Fact("columns", f"image {image}; captions {listed(captions)}")]


def _columns(path: Path, names: Sequence[str], config: Config) -> tuple[str, list[str]]:
    """The names of the columns of images and of captions.

    Raises:
        DataError: If they cannot be told.
    """
    image = config.image_column or next((n for u in _IMAGE for n in names if n.lower() == u), None)
    if config.caption_column:
        captions = [config.caption_column]
    else:
        kind = re.compile(rf"({'|'.join(_CAPTION)})([ _-]?\d+)?", re.IGNORECASE)
        captions = [name for name in names if name != image and kind.fullmatch(name)]
    for name in (image, *captions):
        if name is not None and name not in names:
            raise DataError(path, f"expected a column {name!r}, found {listed(names)}", line=1)
    if image is None or not captions:
        what = "--image-column" if image is None else "--caption-column"
        raise DataError(
            path,
            f"expected columns of images and captions, found {listed(names)}; {what} names one",
            line=1,
        )
    return image, captions


def _read_json(path: Path, text: str, config: Config) -> tuple[list[Row], list[Fact]]:
    if text.lstrip().startswith("{") and '"annotations"' in text:
        return _read_coco(path, text)
    records = [*json_rows(path, text)]
    if not records:
        raise DataError(path, "holds no objects")
    image, captions = _columns(path, [*records[0][1]], config)
    rows = []
    for line, record in records:
        if not isinstance(record.get(image), str):
            raise DataError(path, f"expected a path in {image!r}", line=line)
        texts = tuple(text for name in captions for text in _texts(record.get(name)))
        split = next((str(record[name]) for name in _SPLIT if name in record), None)
        rows.append(Row(path, line, record[image], texts, _split(split) if split else None))
    return rows, [Fact("fields", f"{path.name}: image {image}; captions {listed(captions)}")]


def _texts(value: Any) -> Iterator[str]:
    """The captions in a field: one, a list, or a list of objects that hold one each."""
    for each in value if isinstance(value, list) else [value]:
        text = each.get("raw", each.get("caption")) if isinstance(each, dict) else each
        if isinstance(text, str) and text.strip():
            yield " ".join(text.split())


def _read_coco(path: Path, text: str) -> tuple[list[Row], list[Fact]]:
    try:
        record = json.loads(text)
        names = {image["id"]: image["file_name"] for image in record["images"]}
        rows = [
            Row(path, None, names[note["image_id"]], (" ".join(note["caption"].split()),), None)
            for note in record["annotations"]
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(path, f"expected COCO's images and annotations ({error!r})") from None
    return rows, [Fact("form", f"{path.name}: COCO, {len(names):,} images")]


def _split(name: str) -> str | None:
    """The part that a cell names; COCO's `restval` is trained on.

    Raises:
        UserError: If it names two.
    """
    try:
        return "train" if name == "restval" else split_of(name)
    except ValueError as error:
        raise UserError(str(error)) from None


def _drawn(
    rows: Iterable[Row], drawing: Drawing, left_out: LeftOut
) -> tuple[dict[str, list[Example]], list[Fact]]:
    """An example of each image with all its captions; rows without a part are train."""
    grouped: dict[tuple[Path, str], list[Row]] = {}
    empty = 0
    for row in rows:
        if not row.captions:
            empty += 1
            continue
        grouped.setdefault((row.file, row.image), []).append(row)
    splits: dict[str, list[Example]] = {}
    for (file, image), of_image in grouped.items():
        row = of_image[0]
        try:
            pixels = drawing.read(_found(file, image, row.line))
        except BrokenImage as error:
            left_out.add(error)
            continue
        captions = tuple(dict.fromkeys(text for each in of_image for text in each.captions))
        splits.setdefault(row.split or "train", []).append(Example(pixels, captions, image))
    left_out.check(sum(map(len, splits.values())))
    facts = [Fact("empty", f"rows without a caption left out: {empty:,}")] if empty else []
    return splits, [*facts, *left_out.facts()]


def _found(file: Path, image: str, line: int | None) -> Path:
    """The image that a file names.

    Raises:
        BrokenImage: If it is nowhere.
    """
    for folder in (file.parent, file.parent.parent):
        for inside in _FOLDERS:
            path = folder / inside / image
            if path.is_file():
                return path
    raise BrokenImage(file, f"no such image, {image}, beside it or in images/", line=line)
