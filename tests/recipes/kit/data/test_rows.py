"""Rows of text files: quotation marks that belong to the file, JSON objects with their lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from recipes.kit.data.left_out import LeftOut
from recipes.kit.data.reading import TextFiles
from recipes.kit.data.rows import csv_rows, first_rows, json_rows
from recipes.kit.errors import DataError

PATH = Path("a.tsv")


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        # As programs quote: where it is needed, or every text.
        ('x\ty\n"He said ""no"""\t1\n', [(1, ["x", "y"]), (2, ['He said "no"', "1"])]),
        ('"two\nlines"\t1\nx\t2\n', [(1, ["two\nlines", "1"]), (3, ["x", "2"])]),
        ('"a\tb"\t1\nx\t2\n', [(1, ["a\tb", "1"]), (2, ["x", "2"])]),
        ('x\ty\n"a"\t1\n"b"\tNA\n', [(1, ["x", "y"]), (2, ["a", "1"]), (3, ["b", "NA"])]),
        # As people write.
        ('"Go."\t"Va !"\nRun\tCours\n', [(1, ['"Go."', '"Va !"']), (2, ["Run", "Cours"])]),
        ('"Go." he said\tx\n', [(1, ['"Go." he said', "x"])]),
        (
            '"It\t1\nends\t2\nhere."\t3\n',
            [(1, ['"It', "1"]), (2, ["ends", "2"]), (3, ['here."', "3"])],
        ),
    ],
)
def test_quotation_marks_between_tabs(text: str, rows: list[tuple[int, list[str]]]) -> None:
    assert csv_rows(PATH, text, "\t") == rows


def test_the_first_rows_may_hold_line_ends() -> None:
    text = 'a,"b\n\nc"\n\nd,e\n' + "f,g\n" * 9
    assert first_rows(text, ",", 3) == [["a", "b\n\nc"], ["d", "e"], ["f", "g"]]
    assert first_rows('a,"b\nc,"d" e\n', ",", 2) == [["a", '"b'], ["c", '"d" e']]


@pytest.mark.parametrize("indent", [None, 1])
def test_a_list_of_objects(indent: int | None) -> None:
    records = [{"a": 1}, {"a": {"b": [2]}}, {}]
    text = "\n" + json.dumps(records, indent=indent)
    lines, read = zip(*json_rows(Path("a.json"), text), strict=True)
    assert [*read] == records
    assert [*lines] == ([2, 2, 2] if indent is None else [3, 6, 13])
    assert [*json_rows(Path("a.json"), "[]")] == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"a": 1},\n{"a" 2}]', "a.json:2: is not a JSON list: Expecting ':' delimiter"),
        ('[{"a": 1},\n\n7]', "a.json:3: expected a JSON object, found 7"),
        ('[{"a": 1}\n', "a.json:2: is not a JSON list: Expecting value"),
        ('{"a": 1}\n{', "a.json:2: is not JSON, an object a line or a list of objects"),
        ("[1]\n", r"a.json:1: expected a JSON object, found \[1\]"),
    ],
)
def test_broken_json(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        [*json_rows(Path("a.json"), text)]


def test_all_rows_cannot_be_left_out() -> None:
    left_out = LeftOut("rows", TextFiles())
    left_out.check(0)
    left_out.add(DataError(PATH, "is blank", line=2))
    left_out.check(1)
    with pytest.raises(DataError, match="a.tsv:2: is blank$"):
        left_out.check(0)
