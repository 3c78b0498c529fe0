"""The answers of `predict` in the form that is asked for, on stdout or in a file."""

from __future__ import annotations

import contextlib
import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TextIO

from recipes.kit.console import note
from recipes.kit.errors import UserError
from recipes.kit.option import Group, option
from recipes.kit.output import finite
from recipes.kit.recipe import Predictor

Answer = Mapping[str, Any]

#: What an answer has in place of its values where its input could not be read.
_ERROR = ("input", "error")

#: Outputs that files of tagged tokens are made of.
_TAGGED = ("tokens", "tags")


@dataclass(frozen=True)
class AnswerFlags(Group):
    """Where answers go, and in what form."""

    format: Literal["jsonl", "csv", "conll"] = option(
        "jsonl",
        "jsonl: a JSON object for each input. csv: a table with a header and a row for each "
        "answer, or for each series and step of one. conll, of taggers: a line for each token, "
        "with its tag after a tab, and a blank line between sentences.",
    )
    to: Path | None = option(
        None, "Write the answers to this file, once they are all there, instead of printing them."
    )
    overwrite: bool = option(False, "Replace an existing file.")

    def without_effect(self) -> Iterator[tuple[str, Iterable[str]]]:
        if self.to is None:
            yield "without --to", ("overwrite",)

    def check_place(self) -> None:
        """Refuse a place that answers cannot go to, before there are any.

        Raises:
            UserError: Says what is there.
        """
        if self.to is None:
            if self.format != "jsonl" and not _in_utf8(sys.stdout):
                raise UserError(
                    f"--format {self.format}: cannot be printed in {sys.stdout.encoding}; --to "
                    "FILE writes UTF-8."
                )
            return
        where = f"--to {self.to}"
        if self.to.is_dir():
            raise UserError(f"{where}: is a folder; expected the name of a file.")
        if not self.to.parent.is_dir():
            raise UserError(f"{where}: there is no folder {self.to.parent}.")
        if self.to.exists() and not self.to.is_file():
            raise UserError(f"{where}: is not a regular file; expected the name of one.")
        if self.to.exists() and not self.overwrite:
            raise UserError(f"{where}: exists; give another name, or --overwrite.")


def check_format(flags: AnswerFlags, predictor: Predictor[Any], recipe: str) -> None:
    """Refuse a form that the answers of a recipe do not have.

    Raises:
        UserError: Says why.
    """
    names = {field.name for field in predictor.outputs}
    if flags.format == "conll" and not names.issuperset(_TAGGED):
        raise UserError(
            f"--format conll: has a tag for each token, and {recipe} gives none; expected jsonl or "
            "csv."
        )


def write_answers(
    answers: Iterable[Answer], predictor: Predictor[Any], flags: AnswerFlags
) -> tuple[int, int]:
    """Write answers one by one, as they come.

    Args:
        answers: What `predict` gives.
        predictor: Whose they are; says what a table of them has.
        flags: Where to, and in what form.

    Returns:
        Number of answers, and how many of them say only what is wrong with their input.
    """
    count = errors = 0
    with _opened(flags.to) as file:
        write = _FORMS[flags.format](file, predictor)
        for answer in answers:
            count += 1
            errors += "error" in answer
            write(answer)
            if flags.to is None:
                file.flush()
    return count, errors


def _json_lines(file: TextIO, predictor: Predictor[Any]) -> Callable[[Answer], None]:
    ascii_only = not _in_utf8(file)

    def write(answer: Answer) -> None:
        file.write(json.dumps(finite(answer), ensure_ascii=ascii_only) + "\n")

    return write


def _table(file: TextIO, predictor: Predictor[Any]) -> Callable[[Answer], None]:
    columns = [*predictor.table_columns, *_ERROR]
    writer = csv.DictWriter(file, fieldnames=columns, lineterminator="\n")
    writer.writeheader()

    def write(answer: Answer) -> None:
        for row in [answer] if "error" in answer else predictor.table_rows(answer):
            writer.writerow({name: _cell(value) for name, value in finite(row).items()})

    return write


def _tagged_tokens(file: TextIO, predictor: Predictor[Any]) -> Callable[[Answer], None]:
    between = ""

    def write(answer: Answer) -> None:
        nonlocal between
        if "error" in answer:  # There is no place for it among tokens.
            note(f"{answer['input']!r} has no lines in the output: {answer['error']}")
            return
        rows = zip(answer["tokens"], answer["tags"], strict=True)
        file.write(between + "".join(f"{token}\t{tag}\n" for token, tag in rows))
        between = "\n"

    return write


_FORMS = {"jsonl": _json_lines, "csv": _table, "conll": _tagged_tokens}


def _cell(value: Any) -> Any:
    """A value as a cell: text and numbers as they are, anything else as JSON.

    >>> _cell("a"), _cell(0.5), _cell(True), _cell(["a", 1])
    ('a', 0.5, 'true', '["a", 1]')
    """
    plain = isinstance(value, (str, int, float)) and not isinstance(value, bool)
    return value if plain or value is None else json.dumps(value, ensure_ascii=False)


def _in_utf8(file: TextIO) -> bool:
    return (file.encoding or "utf-8").lower().replace("-", "") == "utf8"


@contextlib.contextmanager
def _opened(path: Path | None) -> Iterator[TextIO]:
    """Stdout; or a file beside a path, which takes its place once everything is in it."""
    if path is None:
        yield sys.stdout
        return
    place = path.resolve()
    beside = place.with_name(f".{place.name}.unfinished")
    try:
        with beside.open("w", encoding="utf-8", newline="") as file:
            yield file
        beside.replace(place)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
