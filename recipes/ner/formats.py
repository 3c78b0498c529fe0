"""Files with a token and its tag on a line: columns by tabs or blanks, CoNLL-U, tables, JSON."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from recipes.kit.data.facts import Fact, listed
from recipes.kit.data.files import read_text, suffix_of
from recipes.kit.data.reading import AS_FOUND, TextFiles
from recipes.kit.errors import DataError, UserError
from recipes.ner.conllu import is_conllu, read_conllu
from recipes.ner.records import has_header, read_json, read_table
from recipes.ner.sentences import Raw, Row, gather

_BLANKS = " \t"
_BLANK_COMMENT = re.compile(r"# ?(?:(?:id|sent_id|newdoc|newpar|text)\b|[\w.:]+ = )")
_ENTITY = re.compile(r"O|[BIESLU]-\S+")
_LANGUAGE = re.compile(r"([a-z]{2,3}(?:[-_][a-z]+)*):(.+)")


def read_file(
    path: Path,
    token_column: int | None,
    tag_column: int | str | None,
    reading: TextFiles = AS_FOUND,
) -> Raw:
    """Read a file: JSON and CSV by its name, CoNLL-U and a header by its first line, else columns.

    Args:
        path: The file, gzipped or not.
        token_column: As for `recipes.ner.options.Config`.
        tag_column: Likewise.
        reading: Its encoding, and whether sentences may be left out.

    Raises:
        UserError: If a column's name is unknown.
        DataError: If the file is malformed or empty; names file and line.
    """
    text = read_text(path, reading)
    lines = text.split("\n")
    suffix = suffix_of(path)
    if suffix in (".jsonl", ".json", ".ndjson"):
        return read_json(path, text, tag_column, reading)
    if is_conllu(path, lines):
        return read_conllu(path, lines, token_column, tag_column, reading)
    first = next((line for line in lines if line.strip()), "")
    if suffix == ".csv" or ("\t" in first and has_header(first)):
        return read_table(path, text, token_column, tag_column, reading)
    return _read_columns(path, lines, token_column, tag_column, reading)


def _read_columns(
    path: Path,
    lines: Sequence[str],
    token_column: int | None,
    tag_column: int | str | None,
    reading: TextFiles,
) -> Raw:
    """Columns separated by tabs or blanks, whichever most lines have."""
    if isinstance(tag_column, str):
        raise UserError(f"tag column {tag_column!r}: expected a number, as {path} has no header")
    content = [line for line in lines if line.strip(_BLANKS)]
    tabs = sum("\t" in line for line in content) * 2 > len(content)
    widths = Counter(len(_fields(line, tabs)) for line in content if not _is_docstart(line))
    width = max(widths, key=lambda n: (n > 1, widths[n]), default=2)
    table: list[tuple[int, list[str]] | DataError | None] = []
    for number, line in enumerate(lines, 1):
        if not line.strip(_BLANKS) or _is_docstart(line):
            table.append(None)
            continue
        fields = _fields(line, tabs)
        if _is_comment(line, fields, width, tabs, starts=not table or table[-1] is None):
            continue
        if len(fields) != width or width < 2:
            by = "tabs" if tabs else "blanks"
            message = f"expected {max(width, 2)} columns separated by {by}, found {len(fields)}"
            table.append(DataError(path, f"{message}: {line[:40]!r}", line=number))
        else:
            table.append((number, fields))
    token_at, tag_at = token_column, -1 if tag_column is None else tag_column
    if token_at is None:
        token_at = _token_column(path, table, width)
    rows: list[Row] = [
        row if row is None or isinstance(row, DataError) else _row(path, *row, token_at, tag_at)
        for row in table
    ]
    if tag_column is None:
        _check_order(path, rows, token_at % width)
    rest = [str(i) for i in range(width) if i not in (token_at % width, tag_at % width)]
    aside = f"; left aside: {listed(rest)}" if rest else ""
    facts = [Fact("columns", f"token {token_at % width}, tag {tag_at % width}{aside}")]
    rows, language = _without_language(rows)
    return gather(path, rows, reading, [*facts, *language])


def _check_order(path: Path, rows: Sequence[Row], token_at: int) -> None:
    """Refuse tags that stand before their words.

    Raises:
        DataError: If all words look like tags of entities, and not all tags do.
    """
    read = [row for row in rows if isinstance(row, tuple)]
    words, tags = {word for _, word, _ in read}, {tag for _, _, tag in read}
    if read and all(map(_ENTITY.fullmatch, words)) and not all(map(_ENTITY.fullmatch, tags)):
        message = f"column {token_at} seems to hold tags, such as {read[0][1]!r}"
        hint = f"--tag-column {token_at} says so, --token-column where the words are"
        raise DataError(path, f"{message}; {hint}", line=read[0][0])


def _token_column(
    path: Path, table: Sequence[tuple[int, list[str]] | DataError | None], width: int
) -> int:
    """The first column, or the one behind it where the first one counts the tokens of a sentence.

    Raises:
        DataError: If the first column holds the same in every row.
    """
    firsts: list[list[str]] = [[]]
    for row in table:
        if row is None:
            firsts.append([])
        elif not isinstance(row, DataError):
            firsts[-1].append(row[1][0])
    cells = [cell for sentence in firsts for cell in sentence]
    if width < 3 or len(cells) < 2:
        return 0
    if len({*cells}) == 1:
        message = f"column 0 holds {cells[0]!r} in every row; --token-column says where words are"
        raise DataError(path, message, line=next(row[0] for row in table if isinstance(row, tuple)))
    counted = all(
        sentence in ([str(i + start) for i in range(len(sentence))] for start in (0, 1))
        for sentence in firsts
    )
    return 1 if counted else 0


def _row(path: Path, number: int, fields: Sequence[str], token_at: int, tag_at: int) -> Row:
    cells = []
    for what, column in (("token", token_at), ("tag", tag_at)):
        if not -len(fields) <= column < len(fields):
            raise DataError(
                path,
                f"{what} column {column} is out of range; expected 0 to {len(fields) - 1}, as "
                f"there are {len(fields)} columns",
                line=number,
            )
        cells.append(fields[column].strip(_BLANKS))
        if not cells[-1]:
            message = f"expected a {what} in column {column}, found nothing"
            return DataError(path, message, line=number)
    return number, cells[0], cells[1]


def _without_language(rows: list[Row]) -> tuple[list[Row], list[Fact]]:
    """Tokens without the language that stands before each of them, as in `en:Ann`."""
    tokens = [row[1] for row in rows if isinstance(row, tuple)]
    matches = [_LANGUAGE.fullmatch(token) for token in tokens]
    prefixes = Counter(f"{match[1]}:" for match in matches if match)
    if not prefixes or 10 * prefixes.total() < 9 * len(tokens) or len(tokens) < 2:
        return rows, []
    names = listed(prefixes, 5)
    if odd := len(tokens) - prefixes.total():
        return rows, [Fact("language", f"{odd:,} tokens have no {names} before them, so it stays")]
    bare = [
        (row[0], row[1].partition(":")[2], row[2]) if isinstance(row, tuple) else row
        for row in rows
    ]
    return bare, [Fact("language", f"left off before every token: {names}")]


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
