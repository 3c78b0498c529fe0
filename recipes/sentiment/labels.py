"""Texts with their class, as rows of files hold them: what is a label, and what is none."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from recipes.kit.data.facts import Fact, listed
from recipes.kit.data.left_out import LeftOut
from recipes.kit.data.reading import TextFiles
from recipes.kit.errors import DataError

#: What fastText writes before a label.
MARK = "__label__"

_WHOLE = re.compile(r"([+-]?[0-9]+)\.0+")
_SEVERAL = re.compile(rf"\[.*\]|\{{.*\}}|[0-9]+(?:,\s*[0-9]+)+|{MARK}\S+\s+{MARK}.*")


@dataclass(frozen=True)
class LabelledText:
    """A text and its class."""

    text: str
    label: str


def label_of(value: object) -> str | None:
    """The class that a cell or a JSON value stands for: 1, 1.0, true and "1" are one; None where
    it stands for none.

    >>> label_of(True), label_of("1.0"), label_of("__label__pos"), label_of(float("nan"))
    ('1', '1', 'pos', None)

    Raises:
        ValueError: If it stands for several.
    """
    if isinstance(value, (list, dict)):
        raise _several(json.dumps(value, ensure_ascii=False))
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return str(int(value))
    label = str(value).strip()
    if label.lower() in ("", "nan"):
        return None
    if _SEVERAL.fullmatch(label):
        raise _several(label)
    whole = _WHOLE.fullmatch(label)
    return whole[1] if whole else label.removeprefix(MARK)


def _several(found: str) -> ValueError:
    return ValueError(f"expected one class, found {found[:60]}; texts of several are not supported")


def text_of(value: object) -> str:
    """The text of a cell or a JSON value, on one line; empty where there is none.

    Raises:
        ValueError: If it is a list or an object.
    """
    if isinstance(value, (list, dict)):
        raise ValueError(f"expected a text, found {json.dumps(value)[:60]}")
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return " ".join(str(value).split())


@dataclass
class Rows:
    """The examples of a file, gathered row by row; those without text or label are left out.

    Attributes:
        path: The file.
        reading: With `strict`, no row is left out.
        what: What is left out where there is something to leave out.
        lines: Line of each example.
    """

    path: Path
    reading: TextFiles
    what: str = "rows"
    lines: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._examples: list[LabelledText] = []
        self._left_out = LeftOut(self.what, self.reading)
        self._rewritten: dict[str, str] = {}

    def add(self, line: int, text: object, label: object) -> None:
        """Take a row as an example, if it has a text and a label.

        Raises:
            DataError: If the label stands for several, the text is not one, or nothing may be
                left out.
        """
        try:
            words, name = text_of(text), label_of(label)
        except ValueError as error:
            raise DataError(self.path, str(error), line=line) from None
        if not words:
            self.leave_out(line, "the text is empty")
        elif name is None:
            self.leave_out(line, "the label is empty")
        else:
            self._examples.append(LabelledText(words, name))
            self.lines.append(line)
            written = json.dumps(label) if isinstance(label, bool) else str(label).strip()
            if name != written.removeprefix(MARK):
                self._rewritten[written] = name

    def leave_out(self, line: int, why: str) -> None:
        """Leave a row out.

        Raises:
            DataError: Where nothing may be left out.
        """
        self._left_out.add(DataError(self.path, why, line=line))

    def examples(self) -> tuple[LabelledText, ...]:
        """All of them.

        Raises:
            DataError: If too much was left out, or nothing is left.
        """
        self._left_out.check(self._examples)
        if not self._examples:
            raise DataError(self.path, "holds no text with a label")
        return tuple(self._examples)

    def facts(self) -> list[Fact]:
        """What was left out, and which labels are written in several ways."""
        same = [f"{written} is {name}" for written, name in sorted(self._rewritten.items())]
        facts = [Fact("labels", listed(same))] if same else []
        return [*facts, *self._left_out.facts()]


def check_labels_repeat(path: Path, rows: Rows, where: str) -> None:
    """Refuse labels of which nearly every one is different: they number or name the texts.

    Raises:
        DataError: Names what was taken for the labels, and the option that decides.
    """
    examples: Sequence[LabelledText] = rows.examples()
    labels = dict.fromkeys(example.label for example in examples)
    if 2 * len(labels) > len(examples) > 2:
        found = f"{len(labels):,} different ones ({listed(labels, 3)}) in {where}"
        raise DataError(
            path,
            f"expected labels that repeat, found {found} of {len(examples):,} texts; "
            "--label-column says where the labels are",
            line=rows.lines[0],
        )
