"""What a tagger says of texts: where entities stand, and one tag for each token that is given."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipes.kit.cli import main
from recipes.kit.text import split_texts
from recipes.ner.options import Predict
from recipes.ner.sentences import Sentence, split_tokens, token_places
from recipes.ner.serve import TaggerPredictor

ODD = " \t\u00a0\u3000\u2028\x0b\x85\u200b\ufeffé\u0301ßABaa''.#@12-,\U0001f600"


@pytest.fixture(scope="module")
def predictor(trained: Path) -> TaggerPredictor:
    return TaggerPredictor(trained)


@given(st.lists(st.text(st.sampled_from(ODD)), min_size=1, max_size=20))
def test_tokens_are_found_where_they_stand(texts: list[str]) -> None:
    for text, tokens in zip(texts, split_texts(texts), strict=True):
        places = token_places(text, tokens)
        assert [text[start:end] for start, end in places] == tokens
        between = text
        for start, end in reversed(places):
            between = between[:start] + between[end:]
        assert not between.strip("\u200b\ufeff \x85").strip()


def test_entities_are_as_they_are_written(predictor: TaggerPredictor) -> None:
    text = "  Ada \u2014 Ada\u00a0\u00a0Ada met\tZoé  Müller in Oslo\u3000Oslo."
    (answer,) = predictor.predict([text])
    assert answer["text"] == text
    assert {entity["type"] for entity in answer["entities"]} <= {"PER", "LOC"}
    places = token_places(text, answer["tokens"])
    for entity in answer["entities"]:
        start, end = entity["start_char"], entity["end_char"]
        assert text[start:end] == entity["text"]
        assert (start, end) == (places[entity["start"]][0], places[entity["end"] - 1][1])
    starts = [entity["start_char"] for entity in answer["entities"]]
    assert starts == sorted({*starts}) and starts[0] == 2  # repeated words are told apart
    assert answer["entities"][-1]["text"].startswith("Oslo")


def test_tokens_that_are_split_already(predictor: TaggerPredictor) -> None:
    lines = ["Ada met Alan.", " Ada  met\tAlan . ", "1\u00a0000 at O'Brien's", "  "]
    tagged = [*predictor.predict(lines, Predict(tokens=True))]
    assert [answer.get("tokens") for answer in tagged] == [
        ["Ada", "met", "Alan."],
        ["Ada", "met", "Alan", "."],
        ["1\u00a0000", "at", "O'Brien's"],
        None,
    ]
    assert tagged[3] == {"input": "  ", "error": "is empty; expected text."}
    for line, answer in zip(lines[:3], tagged, strict=False):
        (expected,) = predictor.tag([Sentence(tuple(answer["tokens"]), ())])
        assert answer["text"] == line and answer["tags"] == expected.tags
        for entity in answer["entities"]:
            assert line[entity["start_char"] : entity["end_char"]] == entity["text"]
    assert predictor.predict(["Ada met Alan ."]).__next__()["tags"] == tagged[1]["tags"]
    assert split_tokens("\t \t") == []


def test_lines_of_token_and_tag(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "split.txt").write_text("Ada met Alan-X .\nOslo\n", encoding="utf-8")
    words = [str(tmp_path / "split.txt"), "--tokens", "--format", "conll"]
    assert main(["predict", str(trained), *words]) == 0
    conll = capsys.readouterr().out
    assert [line.partition("\t")[0] for line in conll.splitlines()] == [
        *("Ada", "met", "Alan-X", ".", "", "Oslo")
    ]
    (tmp_path / "tagged.conll").write_text(conll, encoding="utf-8")
    assert main(["evaluate", str(trained), "--data", str(tmp_path / "tagged.conll")]) == 0
    assert json.loads(capsys.readouterr().out)["token_accuracy"] == 1
