"""Files with a token and its tag on a line: columns by tabs or blanks, and CoNLL-U."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from recipes.kit.data.files import open_text
from recipes.kit.errors import DataError, UserError
from recipes.ner.sentences import Raw, Sentence

_BLANKS = " \t"
_BLANK_COMMENT = re.compile(r"# ?(?:(?:id|sent_id|newdoc|newpar|text)\b|[\w.:]+ = )")
_CONLLU_COLUMNS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")


def read_file(path: Path, token_column: int | None, tag_column: int | str | None) -> Raw:
    """Read a file: CoNLL-U by its name, else columns. Columns as for `recipes.ner.data.load`.

    Raises:
        UserError: If a column's name is unknown.
        DataError: If the file is malformed or empty; names file and line.
    """
    lines = [line.rstrip("\n") for line in open_text(path)]
    if path.name.lower().removesuffix(".gz").endswith(".conllu"):
        raw = _read_conllu(path, lines, token_column, tag_column)
    else:
        raw = _read_columns(path, lines, token_column, tag_column)
    if not raw.sentences:
        raise DataError(path, "no sentences; expected a token and its tag on each line")
    return raw


def _read_columns(
    path: Path, lines: Sequence[str], token_column: int | None, tag_column: int | str | None
) -> Raw:
    """Columns separated by tabs or blanks, whichever most lines have."""
    if isinstance(tag_column, str):
        raise UserError(f"tag column {tag_column!r}: expected a number, as {path} has no header")
    content = [line for line in lines if line.strip(_BLANKS)]
    tabs = sum("\t" in line for line in content) * 2 > len(content)
    widths = Counter(len(_fields(line, tabs)) for line in content if not _is_docstart(line))
    width = max(widths, key=lambda n: (n > 1, widths[n]), default=2)
    token_at, tag_at = 0 if token_column is None else token_column, -1
    if tag_column is not None:
        tag_at = tag_column
    rows: list[tuple[int, str, str] | None] = []
    for number, line in enumerate(lines, 1):
        if not line.strip(_BLANKS) or _is_docstart(line):
            rows.append(None)
            continue
        fields = _fields(line, tabs)
        if _is_comment(line, fields, width, tabs, starts=not rows or rows[-1] is None):
            continue
        if len(fields) != width or width < 2:
            by = "tabs" if tabs else "blanks"
            expected = max(width, 2)
            raise DataError(
                path,
                f"expected {expected} columns separated by {by}, found {len(fields)}: "
                f"{line[:40]!r}",
                line=number,
            )
        token = _pick(path, number, fields, token_at, "token")
        rows.append((number, token, _pick(path, number, fields, tag_at, "tag")))
    return _group(path, rows)


def _fields(line: str, tabs: bool) -> list[str]:
    return line.split("\t") if tabs else re.split(r"[ \t]+", line.strip(_BLANKS))


def _is_docstart(line: str) -> bool:
    return line.startswith("-DOCSTART-")


def _is_comment(line: str, fields: Sequence[str], width: int, tabs: bool, *, starts: bool) -> bool:
    """Whether a line is a comment and not a token `#` or `#hashtag`: only where that is certain.

    Comments stand before a sentence. Among tabbed lines one has no tab; among blank-separated ones
    it starts `# id`, `# text`, `# key = `, or has another number of columns than the tokens.
    """
    if not starts or not line.startswith("#"):
        return False
    if tabs:
        return "\t" not in line
    if len(fields) == 2 and width == 2:
        return False
    return _BLANK_COMMENT.match(line) is not None or (
        line.startswith("# ") and len(fields) != width
    )


def _read_conllu(
    path: Path, lines: Sequence[str], token_column: int | None, tag_column: int | str | None
) -> Raw:
    """CoNLL-U without ranges and empty nodes; the `conllu` library would lose the line numbers."""
    token_at = 1 if token_column is None else token_column
    if isinstance(tag_column, str):
        if tag_column.lower() not in _CONLLU_COLUMNS:
            known = ", ".join(_CONLLU_COLUMNS)
            raise UserError(f"tag column {tag_column!r}: expected a number or one of {known}")
        tag_column = _CONLLU_COLUMNS.index(tag_column.lower())
    tag_at = 3 if tag_column is None else tag_column
    rows: list[tuple[int, str, str] | None] = []
    for number, line in enumerate(lines, 1):
        if not line.strip(_BLANKS):
            rows.append(None)
            continue
        if line.startswith("#"):
            continue
        fields = line.split("\t")
        if len(fields) != 10 or not re.fullmatch(r"\d+(?:[-.]\d+)?", fields[0]):
            message = "expected 10 CoNLL-U columns separated by tabs, the first a number, found "
            raise DataError(path, f"{message}{len(fields)}: {line[:40]!r}", line=number)
        if not fields[0].isdigit():
            continue
        token = _pick(path, number, fields, token_at, "token")
        tag = _pick(path, number, fields, tag_at, "tag")
        if tag == "_":
            column = _CONLLU_COLUMNS[tag_at]
            raise DataError(path, f"expected a tag in column {column}, found '_'", line=number)
        rows.append((number, token, tag))
    return _group(path, rows)


def _pick(path: Path, number: int, fields: Sequence[str], column: int, what: str) -> str:
    if not -len(fields) <= column < len(fields):
        raise DataError(
            path,
            f"{what} column {column} is out of range; expected 0 to {len(fields) - 1}, as there "
            f"are {len(fields)} columns",
            line=number,
        )
    value = fields[column].strip(_BLANKS)
    if not value:
        raise DataError(path, f"expected a {what} in column {column}, found nothing", line=number)
    return value


def _group(path: Path, rows: Iterable[tuple[int, str, str] | None]) -> Raw:
    """Gather rows into sentences at each None."""
    sentences: list[Sentence] = []
    lines: list[tuple[int, ...]] = []
    pending: list[tuple[int, str, str]] = []
    for row in (*rows, None):
        if row is not None:
            pending.append(row)
        elif pending:
            numbers, tokens, tags = zip(*pending, strict=True)
            sentences.append(Sentence(tokens, tags))
            lines.append(numbers)
            pending = []
    return Raw(path, tuple(sentences), tuple(lines))
