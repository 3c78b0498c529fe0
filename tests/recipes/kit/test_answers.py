"""Answers as JSON lines, tables and tagged tokens, on stdout or in a file that is whole."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from recipes.kit.answers import AnswerFlags, check_format, write_answers
from recipes.kit.errors import UserError
from recipes.kit.recipe import Field, Predictor

TEXT = Field("text", "text", "A text.")


class Tagger(Predictor[Any]):
    """Its answers have no table of their own."""

    takes = "texts"
    outputs = (TEXT, Field("tokens", "tokens", "Words."), Field("tags", "tokens", "Tags."))


class Counter(Predictor[Any]):
    """Its answers have a row for each letter."""

    takes = "files"
    outputs = (TEXT,)
    table_columns = ("text", "letter", "count")

    def table_rows(self, answer: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
        """A row for each letter."""
        return ({"text": answer["text"], "letter": x, "count": 1} for x in answer["text"])


TAGGED = {"text": "Ada läuft", "tokens": ["Ada", "läuft"], "tags": ["PER", "O"]}
WRONG = {"input": "", "error": "is empty"}


def written(flags: AnswerFlags, predictor: Predictor[Any], *answers: Mapping[str, Any]) -> Any:
    flags.check_place()
    return write_answers(answers, predictor, flags)


def test_lines_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert written(AnswerFlags(), Tagger(), TAGGED, WRONG) == (2, 1)
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line) for line in lines] == [TAGGED, WRONG] and "läuft" in lines[0]


def test_numbers_that_are_not_finite(capsys: pytest.CaptureFixture[str]) -> None:
    answer = {"text": "t", "tokens": [float("nan"), [float("inf")]], "tags": float("-inf")}
    written(AnswerFlags(), Tagger(), answer)
    assert json.loads(capsys.readouterr().out, parse_constant=pytest.fail) == {
        "text": "t",
        "tokens": [None, [None]],
        "tags": None,
    }
    written(AnswerFlags("csv"), Tagger(), answer)
    (row,) = table(capsys.readouterr().out)
    assert (row["tokens"], row["tags"]) == ("[null, [null]]", "")


def test_answers_are_printed_as_they_come(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[int] = []

    def answers() -> Iterator[dict[str, Any]]:
        for number in range(3):
            yield {"text": str(number)}
            seen.append(len(capsys.readouterr().out.splitlines()))

    write_answers(answers(), Counter(), AnswerFlags())
    assert seen == [1, 1, 1]


def table(text: str) -> list[dict[str, str]]:
    assert "\r" not in text
    return [*csv.DictReader(io.StringIO(text))]


def test_a_table_has_a_row_for_each_answer(capsys: pytest.CaptureFixture[str]) -> None:
    quoted = {**TAGGED, "text": 'a "b",\nc', "tokens": 0.5, "tags": True}
    assert written(AnswerFlags("csv"), Tagger(), TAGGED, WRONG, quoted, {"text": "t"}) == (4, 1)
    rows = table(capsys.readouterr().out)
    assert [*rows[0]] == ["text", "tokens", "tags", "input", "error"]
    assert rows[0]["tokens"] == '["Ada", "läuft"]' and rows[0]["error"] == ""
    assert rows[1] == {"text": "", "tokens": "", "tags": "", "input": "", "error": "is empty"}
    assert (rows[2]["text"], rows[2]["tokens"], rows[2]["tags"]) == ('a "b",\nc', "0.5", "true")
    assert rows[3]["tokens"] == ""


def test_a_table_may_have_several_rows_for_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    written(AnswerFlags("csv"), Counter(), {"text": "ab"}, WRONG)
    rows = table(capsys.readouterr().out)
    pairs = [(row["letter"], row["error"]) for row in rows]
    assert pairs == [("a", ""), ("b", ""), ("", "is empty")]


def test_tagged_tokens(capsys: pytest.CaptureFixture[str]) -> None:
    assert written(AnswerFlags("conll"), Tagger(), TAGGED, WRONG, TAGGED) == (3, 1)
    printed = capsys.readouterr()
    assert printed.out == "Ada\tPER\nläuft\tO\n\nAda\tPER\nläuft\tO\n"
    assert "'' has no lines in the output: is empty" in printed.err


def test_a_form_that_the_answers_do_not_have() -> None:
    for form in ("jsonl", "csv"):
        check_format(AnswerFlags(form), Counter(), "counter")
    check_format(AnswerFlags("conll"), Tagger(), "tagger")
    with pytest.raises(UserError, match="--format conll: has a tag for each token, and counter"):
        check_format(AnswerFlags("conll"), Counter(), "counter")


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"

    def answers() -> Iterator[dict[str, Any]]:
        yield TAGGED
        assert not path.exists()
        raise KeyboardInterrupt

    flags = AnswerFlags("csv", to=path)
    with pytest.raises(KeyboardInterrupt):
        write_answers(answers(), Tagger(), flags)
    assert [*tmp_path.iterdir()] == []
    assert written(flags, Tagger(), TAGGED) == (1, 0)
    assert [*tmp_path.iterdir()] == [path]
    assert [row["text"] for row in table(path.read_text("utf-8"))] == ["Ada läuft"]


def test_a_file_is_replaced_only_where_that_is_asked_for(tmp_path: Path) -> None:
    path, link = tmp_path / "a.jsonl", tmp_path / "link"
    path.write_text("before")
    link.symlink_to(path)
    with pytest.raises(UserError, match="a.jsonl: exists; give another name, or --overwrite"):
        AnswerFlags(to=path).check_place()
    assert written(AnswerFlags(to=link, overwrite=True), Tagger(), TAGGED) == (1, 0)
    assert link.is_symlink() and json.loads(path.read_text("utf-8")) == TAGGED
    with pytest.raises(UserError, match="--overwrite has no effect without --to"):
        AnswerFlags(overwrite=True)


def test_places_that_cannot_be_written_to(tmp_path: Path) -> None:
    for path, problem in (
        (tmp_path, "is a folder; expected the name of a file"),
        (tmp_path / "no" / "a.csv", "there is no folder .*no"),
        (Path("/dev/null"), "is not a regular file"),
    ):
        with pytest.raises(UserError, match=f"--to {path}: {problem}"):
            AnswerFlags(to=path, overwrite=True).check_place()


def test_other_encodings_of_stdout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", narrow)
    written(AnswerFlags(), Tagger(), TAGGED)
    assert json.loads(narrow.buffer.getvalue()) == TAGGED  # type: ignore[attr-defined]
    with pytest.raises(UserError, match="--format csv: cannot be printed in ascii; --to FILE"):
        AnswerFlags("csv").check_place()
    written(AnswerFlags("csv", to=tmp_path / "a.csv"), Tagger(), TAGGED)
    assert "läuft" in (tmp_path / "a.csv").read_text("utf-8")
