"""`rnn-zoo check`: what is understood of data, also where it is too little to train on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from recipes.kit.cli import main


@pytest.fixture
def tagged(tmp_path: Path) -> Path:
    path = tmp_path / "a.conll"
    path.write_text("\n\n".join(f"Ann{i} b-per\nleft o" for i in range(20)))
    return path


def test_what_was_understood(tagged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "ner", "--data", str(tagged)]) == 0
    out, err = capsys.readouterr()
    assert "tags            IOB2 in small letters, read as IOB2\n" in out
    assert main(["check", "ner", "--train", str(tagged), "--test", str(tagged), "--json"]) == 0
    facts = {fact["topic"]: fact["text"] for fact in json.loads(capsys.readouterr().out)}
    assert facts["files"] == "train: a.conll (20); test: a.conll (20)"
    assert facts["sentences"] == "18 train, 2 valid, 20 test"


def test_too_little_data_is_understood_and_refused(
    tagged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tagged.write_text("Ann b-per\nleft o\n\n" * 20)
    assert main(["check", "ner", "--data", str(tagged)]) == 2
    out, err = capsys.readouterr()
    assert "tags            IOB2 in small letters, read as IOB2\n" in out
    assert err.endswith("1 distinct sentences are too few to split off valid and test; expected at "
                        "least 3\n")  # fmt: skip
