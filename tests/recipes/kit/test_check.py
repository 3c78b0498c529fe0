"""`rnn-zoo check`: what is understood of data, also where it is too little to train on."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from recipe_corpus import write_corpus

from recipes.kit.cli import main
from recipes.kit.options import RunConfig
from recipes.kit.run_options import RunFlags, read_run_options
from recipes.ner.options import Config


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
    assert err.endswith("too few distinct sentences to split off valid and test: expected at "
                        "least 3, found 1\n")  # fmt: skip
    assert main(["check", "ner", "--data", str(tagged), "--json"]) == 2
    assert _topics(capsys.readouterr().out)["tags"] == "IOB2 in small letters, read as IOB2"


def _topics(out: str) -> dict[str, str]:
    return {fact["topic"]: fact["text"] for fact in json.loads(out)}


def test_nothing_is_written(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = write_corpus(tmp_path / "corpus")
    monkeypatch.chdir(tmp_path)
    assert main(["check", "ner", "--data", str(corpus), "--json"]) == 0
    topics = _topics(capfd.readouterr().out)
    assert topics["source"] == str(corpus)
    assert {"sentences", "entities"} <= {*topics}
    assert main(["check", "ner", "--data", str(corpus)]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines][:2] == [*topics][:2]
    assert [path.name for path in tmp_path.iterdir()] == ["corpus"]


def test_parts_are_files_of_any_name(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for name, count in {"one.txt": 30, "two.txt": 8, "three.txt": 5}.items():
        lines = (f"w{i} B-PER\nsleeps O\n\n" for i in range(count))
        (tmp_path / name).write_text("".join(lines), encoding="utf-8")
    words = ["--train", tmp_path / "one.txt", "--test", tmp_path / "three.txt"]
    assert main(["check", "ner", "--json", *map(str, words)]) == 0
    topics = _topics(capfd.readouterr().out)
    assert topics["sentences"] == "27 train, 3 valid, 5 test"
    assert "three.txt" in topics["files"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--test b.txt", "--test needs --train FILE"),
        ("--train a.txt --data c", "--data and --train cannot be combined"),
        ("--train embedded", "--train embedded: expected a path"),
        ("--train a.txt", "--train .*a.txt: no such file or folder"),
        ("--encoding latin-1", "--encoding has no effect with --data embedded"),
        ("--data x.txt --encoding martian", "--encoding martian: no such encoding"),
    ],
)
def test_wrong_words(words: str, message: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "ner", *words.split()]) == 2
    assert re.search(message, capfd.readouterr().err)


def test_a_resumed_or_filed_config_keeps_its_parts(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x O\n", encoding="utf-8")
    words = ["--train", str(tmp_path / "a.txt"), "--valid", str(tmp_path / "b.txt")]
    config, _ = read_run_options("ner", Config, RunFlags, words, "train")
    assert isinstance(config, RunConfig)
    assert config.data.parts == {"train": (tmp_path / "a.txt",), "valid": (tmp_path / "b.txt",)}
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"data": str(config.data)}), encoding="utf-8")
    again, _ = read_run_options("ner", Config, RunFlags, ["--config", str(file)], "train")
    assert again.data == config.data


def test_data_of_no_use_are_understood_and_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Before training, too: what was understood may say why."""
    path = tmp_path / "days.csv"
    path.write_text("date,v\n" + "".join(f"{d:02}.01.2021,{d}.5\n" for d in range(1, 13)))
    assert main(["check", "forecasting", "--data", str(path)]) == 2
    out, err = capfd.readouterr()
    assert "steps of one day, 2021-01-01 to 2021-01-12" in out
    assert "too few for --horizon 12" in err
    assert main(["train", "forecasting", "--data", str(path), "--out", str(tmp_path / "o")]) == 2
    out, err = capfd.readouterr()
    assert out == "" and "day first" in err and "too few for --horizon 12" in err
    assert [each.name for each in tmp_path.iterdir()] == ["days.csv"]


def test_choices_are_those_that_can_be_typed(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "forecasting", "--data", "x", "--decimal", "x"]) == 2
    err = capfd.readouterr().err
    assert "None" not in err and "'.'" in err and "','" in err
