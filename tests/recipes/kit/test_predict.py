"""`rnn-zoo predict` and `rnn-zoo evaluate` of a trained tagger: words in, answers out."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from recipes.kit.cli import main
from recipes.kit.data.reading import Encoded
from recipes.kit.finding import load_options, load_recipe, recipe_names
from recipes.kit.parse import split_words
from recipes.ner.options import Predict


def asked(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, list[Any], str]:
    """Exit status, answers and messages of a command."""
    status = main(["predict", *map(str, words)])
    printed = capsys.readouterr()
    return status, [json.loads(line) for line in printed.out.splitlines()], printed.err


def test_every_line_has_an_answer(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    file = tmp_path / "lines.txt"
    file.write_bytes(b"\xef\xbb\xbfAda met Alan.\n\nZ\xfcrich\nGrace met Linus.\n")
    stdin = io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbfAda slept.\r\n\r\n"))
    monkeypatch.setattr("sys.stdin", stdin)
    status, answers, _ = asked(capsys, trained, file, "-", "Barbara left.")
    assert status == 2
    assert [answer.get("text", answer.get("input")) for answer in answers] == [
        *("Ada met Alan.", "", f"{file}:3", "Grace met Linus."),
        *("Ada slept.", "", "Barbara left."),
    ]
    assert answers[1] == {"input": "", "error": "is empty; expected text."}
    assert answers[0]["tokens"][0] == "Ada"
    status, answers, _ = asked(capsys, trained, file, "--encoding", "latin-1")
    assert status == 2 and answers[2]["text"] == "Zürich"  # the blank line is still an error


def test_text_that_begins_with_a_dash(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, answers, _ = asked(capsys, trained, "- well", "-5 degrees today", "--", "-5")
    assert status == 0
    assert [answer["text"] for answer in answers] == ["- well", "-5 degrees today", "-5"]
    status, answers, err = asked(capsys, trained, "-5")
    assert status == 2 and answers == []
    assert "-5" in err and "(if -5 is text, put -- before it)" in err
    status, _, err = asked(capsys, trained, "Ada", "--formt", "csv")
    assert status == 2 and "did you mean --format" in err
    status, _, err = asked(capsys, trained, "Ada", "--format", "xml")
    assert status == 2 and "put --" not in err


def test_words_and_options() -> None:
    words = ["-x y", "--no-tokens", "--encoding", "- 8", "--encoding=a b", "-", "--no x"]
    plain = ["-x y", "-", "--no x"]
    options = ["--no-tokens", "--encoding", "- 8", "--encoding=a b"]
    assert split_words(words, Predict) == (plain, options)
    several = load_options("forecasting").Predict
    words = ["--target", "a", "x.csv", "--target=b c", "y.csv"]
    assert split_words(words, several) == (["x.csv", "y.csv"], ["--target", "a", "b c"])


def test_answers_in_a_file(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "answers.csv"
    words = (trained, "Ada slept.", "  ", "--format", "csv", "--to", file)
    assert asked(capsys, *words)[:2] == (2, [])
    header, ada, *_ = file.read_text("utf-8").splitlines()
    assert header == "text,tokens,tags,entities,input,error" and ada.startswith("Ada slept.,")
    status, _, err = asked(capsys, *words)
    assert status == 2 and "exists; give another name, or --overwrite" in err
    status, _, err = asked(capsys, trained, "Ada slept.", "--to", file, "--overwrite")
    assert status == 0 and f"1 answer in {file}." in " ".join(err.split())
    assert json.loads(file.read_text("utf-8"))["text"] == "Ada slept."


def test_help_says_what_inputs_are(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["predict", "--help"], ["predict", str(trained), "--help"]):
        with pytest.raises(SystemExit):
            main(words)
        text = " ".join(capsys.readouterr().out.split())
        assert "INPUT is text, a file with a text in each line, or - for" in text
        assert "--format {jsonl,csv,conll}" in text
    assert "--tokens" in text


def test_recipes_say_how_their_inputs_are_found() -> None:
    for name in recipe_names():
        predictor: Any = load_recipe(name).load
        options = load_options(name).Predict
        assert load_recipe(name).predicting is options
        if predictor.takes == "texts":
            assert issubclass(options, Encoded), name
        else:
            assert predictor.suffixes and all(s[0] == "." for s in predictor.suffixes), name


def test_types_the_model_does_not_know(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "other.conll"
    file.write_text("Ada\tB-PER\nhas\tO\n\nOslo\tB-GPE\n.\tO\n\nRex\tB-DOG\n\n", encoding="utf-8")
    assert main(["evaluate", str(trained), "--data", str(file)]) == 0
    printed = capsys.readouterr()
    assert "2 of 3 entities (66.7 %) are of types unknown to the model" in printed.err
    assert "DOG (33.3 %), GPE (33.3 %)" in printed.err
    assert json.loads(printed.out)["entity_f1_GPE"] == 0
    file.write_text("Oslo\tB-GPE\n.\tO\n\nRex\tB-DOG\n\n", encoding="utf-8")
    assert main(["evaluate", str(trained), "--data", str(file)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    message = "all 2 entities are of types unknown to the model: expected LOC, PER; found DOG, GPE"
    assert message in printed.err and "--tag-column" in printed.err
    file.write_text("Oslo\tO\n.\tO\n\n", encoding="utf-8")  # No entity is one that is unknown.
    assert main(["evaluate", str(trained), "--data", str(file)]) == 0
