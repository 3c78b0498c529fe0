"""Where a recipe's data comes from: what `--data` means, split files, text files, missing splits.

`--data` is one of

    embedded             what the package carries or generates; needs no network
    tfds:NAME[/CONFIG]   a dataset of tensorflow-datasets
    PATH                 the user's own file or directory

Everything here raises `UserError` (or `DataError`, which names file and line) for what a user can
mend.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import random
import re
import zlib
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from recipes.kit.errors import DataError, UserError

T = TypeVar("T")

SPLITS = ("train", "valid", "test")
_FORMS = "expected embedded, tfds:NAME or a path"

_SPLIT_WORDS = {
    "train": r"train(?:ing)?",
    "valid": r"dev|devel|development|valid|val|validation|testa",
    "test": r"test|testing|eval|evaluation|testb",
}
_SPLIT_PATTERNS = {
    split: re.compile(rf"(?<![a-z])(?:{words})(?:set|data)?(?![a-z])")
    for split, words in _SPLIT_WORDS.items()
}
_NOT_DATA = re.compile(
    r"^(?:\.|_|readme|licen[cs]e|copying|notice|changelog|makefile|citation|contributing)"
    r"|~$|\.(?:md|rst|py|sh|pdf|html?)$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Source:
    """A parsed `--data`: `name` is set for `tfds`, `path` for `path`."""

    kind: Literal["embedded", "tfds", "path"]
    name: str = ""
    path: Path = Path()

    def __str__(self) -> str:
        return {"embedded": "embedded", "tfds": f"tfds:{self.name}", "path": str(self.path)}[
            self.kind
        ]


def parse_source(text: str) -> Source:
    """Read a `--data` argument.

    Raises:
        UserError: the text is empty, `tfds:` has no name, or the path does not exist.
    """
    text = text.strip()
    if text == "embedded":
        return Source("embedded")
    if text.startswith("tfds:"):
        name = text.removeprefix("tfds:").strip("/ ")
        if not name:
            raise UserError(
                f"--data {text}: no dataset named; expected tfds:NAME or tfds:NAME/CONFIG"
            )
        return Source("tfds", name=name)
    if not text:
        raise UserError(f"--data is empty; {_FORMS}")
    path = Path(text).expanduser()
    if not path.exists():
        raise UserError(f"--data {text}: no such file or directory; {_FORMS}")
    return Source("path", path=path)


def split_of(name: str) -> str | None:
    """The split a file or folder name stands for, or None.

    The words (train; dev, valid, val, validation; test, eval; and CoNLL-2003's testa and testb)
    count where no letter touches them, so `wnut17train.conll` is train and `latest.txt` nothing.

    Raises:
        ValueError: the name holds words of two splits.
    """
    found = [split for split, pattern in _SPLIT_PATTERNS.items() if pattern.search(name.lower())]
    if len(found) > 1:
        raise ValueError(f"{name} names two splits: {' and '.join(found)}")
    return found[0] if found else None


def data_files(directory: Path, suffixes: Sequence[str] | None = None) -> list[Path]:
    """The files of a directory (not below it) that may hold data, by name.

    Hidden files, READMEs, licences and the like are left out. `suffixes` (".tsv", ...) keeps only
    those names, compressed (`.gz`) or not.
    """
    files = [p for p in sorted(directory.iterdir()) if p.is_file() and not _NOT_DATA.search(p.name)]
    if suffixes is None:
        return files
    wanted = tuple(suffix.lower() for suffix in suffixes)
    return [p for p in files if p.name.lower().removesuffix(".gz").endswith(wanted)]


def files_of_splits(
    directory: Path, suffixes: Sequence[str] | None = None
) -> dict[str, list[Path]]:
    """The files of a directory that name "train", "valid" or "test", by name; the others are left.

    Raises:
        UserError: a file names two splits.
    """
    found: dict[str, list[Path]] = {}
    for path in data_files(directory, suffixes):
        try:
            split = split_of(path.name)
        except ValueError as error:
            raise UserError(f"{directory}: {error}; expected one split in a file's name") from None
        if split is not None:
            found.setdefault(split, []).append(path)
    return {split: found[split] for split in SPLITS if split in found}


def find_splits(directory: Path, suffixes: Sequence[str] | None = None) -> dict[str, Path]:
    """Match the files of a directory to "train", "valid" and "test" by their names.

    Only splits that are there are keys; see `split_of` for the names and `data_files` for what is
    looked at. A file that is alone is "train", whatever its name.

    Raises:
        UserError: not a directory; none of several files names a split; two files name the same
            one; one file names two.
    """
    if not directory.is_dir():
        raise UserError(f"{directory}: expected a directory, found a file")
    found = files_of_splits(directory, suffixes)
    for split, paths in found.items():
        if len(paths) > 1:
            raise UserError(
                f"{directory}: two files for the {split} split, {paths[0].name} and "
                f"{paths[1].name}; expected one"
            )
    if not found:
        files = data_files(directory, suffixes)
        if len(files) == 1:
            return {"train": files[0]}
        seen = ", ".join(path.name for path in files[:5])
        kinds = f" ({', '.join(suffixes)})" if suffixes else ""
        raise UserError(
            f"{directory}: no file{kinds} names a split; expected train, dev or valid, and test "
            f"in the file names, found {seen or 'no data file'}"
        )
    return {split: paths[0] for split, paths in found.items()}


def read_text(path: str | Path) -> str:
    """The text of a UTF-8 file, gzip or not, without its byte order mark, lines ended by `\\n`.

    Raises:
        DataError: the file cannot be read, is a broken gzip, is binary or is not UTF-8 (with the
            line where that shows).
    """
    path = Path(path)
    raw = _read_bytes(path)
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(path, "expected UTF-8 text, found UTF-16 (by its byte order mark)", line=1)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        found = f"byte 0x{error.object[error.start]:02x}"
        line = _line_at(error.object, error.start)
        raise DataError(path, f"expected UTF-8 text, found {found}", line=line) from None
    if "\0" in text:
        line = _line_at(raw, raw.index(b"\0"))
        raise DataError(path, "expected UTF-8 text, found a NUL byte (a binary file?)", line=line)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def open_text(path: str | Path) -> io.StringIO:
    """`read_text` as a stream to iterate over line by line (also for `csv.reader`)."""
    return io.StringIO(read_text(path))


def stream_lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """Number and text of each line of a UTF-8 file, gzip or not, without holding it in memory.

    Raises:
        DataError: as for `read_text`.
    """
    path = Path(path)
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            with gzip.open(raw) if packed else contextlib.nullcontext(raw) as file:
                for number, line in enumerate(file, start=1):
                    try:
                        yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
                    except UnicodeDecodeError as error:
                        found = f"byte 0x{error.object[error.start]:02x}"
                        message = f"expected UTF-8 text, found {found}"
                        raise DataError(path, message, line=number) from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(path, f"expected a gzip file, found a broken one ({error})") from None
    except OSError as error:
        raise DataError(path, f"cannot be read: {error.strerror or error}") from None


def _read_bytes(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(path, f"expected a gzip file, found a broken one ({error})") from None
    except OSError as error:
        raise DataError(path, f"cannot be read: {error.strerror or error}") from None


def _line_at(raw: bytes, offset: int) -> int:
    return len(re.findall(rb"\r\n|\r|\n", raw[:offset])) + 1


def complete_splits(
    splits: Mapping[str, Sequence[T]],
    *,
    seed: int,
    where: str,
    what: str = "sentences",
    fraction: float = 0.1,
    key: Callable[[T], Hashable] | None = None,
) -> tuple[dict[str, tuple[T, ...]], str]:
    """Split off what is missing of train, valid and test from train, by a seeded shuffle.

    Args:
        splits: "train" and what else there is. An absent or empty split counts as missing.
        seed: of the shuffle.
        where: the source, for messages.
        what: the name of the items, for messages.
        fraction: of the train items that each missing split gets, at least one.
        key: items with an equal key go to the same split, so that no duplicate leaks. By default
            the item itself.

    Returns:
        The three splits (order kept within each), and a sentence that says what was done, empty
        when nothing was missing.

    Raises:
        UserError: no train split, or too few distinct items to split.
    """
    train = tuple(splits.get("train", ()))
    if not train:
        have = ", ".join(split for split in SPLITS if splits.get(split)) or "nothing"
        raise UserError(f"{where}: no train split; expected train, found {have}")
    missing = [split for split in ("valid", "test") if not splits.get(split)]
    done = {split: tuple(splits.get(split, ())) for split in SPLITS}
    if not missing:
        return done, ""

    groups = list(dict.fromkeys((key or _identity)(item) for item in train))
    if len(groups) <= len(missing):
        raise UserError(
            f"{where}: {len(groups)} distinct {what} are too few to split off "
            f"{' and '.join(missing)}; expected at least {len(missing) + 1}"
        )
    random.Random(seed).shuffle(groups)
    count = max(1, min(round(fraction * len(groups)), (len(groups) - 1) // len(missing)))
    owner = {group: missing[i // count] for i, group in enumerate(groups[: count * len(missing)])}
    for split in SPLITS:
        if split == "train" or split in missing:
            done[split] = tuple(
                item for item in train if owner.get((key or _identity)(item), "train") == split
            )
    note = f"{' and '.join(missing)} split off train by a shuffle of its {what} with seed {seed}"
    return done, note


def _identity(item: T) -> Hashable:
    return item
