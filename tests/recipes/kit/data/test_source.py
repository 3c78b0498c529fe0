"""What `--data` means."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from recipes.kit.cli import main
from recipes.kit.data.source import EMBEDDED, Source
from recipes.kit.errors import UserError


def _file(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("embedded", EMBEDDED),
        (" embedded ", Source("embedded")),
        ("embedded:digits", Source("embedded", "digits")),
        (" tfds:wikiann/en ", Source("tfds", "wikiann/en")),
        ("tfds:conll2003/", Source("tfds", "conll2003")),
        (".", Source.of(Path.cwd())),
        ("x/y.csv", Source.of(Path.cwd() / "x" / "y.csv")),
        ("file:name", Source.of(Path.cwd() / "file:name")),
    ],
)
def test_sources_are_told_apart(text: str, source: Source) -> None:
    assert Source.parse(text) == source
    assert Source.parse(str(source)) == source


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"--data is empty; expected embedded, tfds:NAME or a path"),
        ("  ", r"--data is empty"),
        ("tfds:", r"--data tfds:: does not name a dataset; expected tfds:NAME"),
        ("tfds:/", r"does not name a dataset"),
        ("embedded:", r"--data embedded:: does not name a dataset; expected embedded:NAME"),
        ("a.de,", r"--data a.de,: a path beside the comma is empty"),
        (",", r"a path beside the comma is empty"),
    ],
)
def test_bad_sources_say_what_was_expected(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        Source.parse(text)
    assert "\n" not in str(caught.value)


def test_no_source_at_all_is_refused_by_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main(["train", "ner", "--data", "", "--out", str(tmp_path / "out")]) == 2
    assert "--data is empty" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_paths_are_absolute_wherever_they_were_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    german, french = _file(tmp_path / "data" / "a.de"), _file(tmp_path / "data" / "b.fr")
    monkeypatch.chdir(tmp_path)
    for text in ("data/a.de,data/b.fr", "data/a.de, data/b.fr", f"{german},data/b.fr"):
        source = Source.parse(text)
        assert source == Source("files", paths=(german, french))
        source.require()
    monkeypatch.chdir(os.sep)
    assert Source.parse(str(source)) == source
    assert source.is_file
    with pytest.raises(UserError, match="expected one file or folder, found 2"):
        _ = source.path


def test_home_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    path, other = _file(tmp_path / "corpus.txt"), _file(tmp_path / "other.txt")
    assert Source.parse("~/corpus.txt").path == path
    assert Source.parse("~/corpus.txt,~/other.txt").paths == (path, other)
    with pytest.raises(UserError, match="no such file or folder, corpus.txt"):
        Source.parse("~nobody-of-that-name/corpus.txt").require()


def test_a_comma_may_be_part_of_a_name(tmp_path: Path) -> None:
    path = _file(tmp_path / "red, green.csv")
    assert Source.parse(str(path)) == Source.of(path)
    folder = _file(tmp_path / "1,5" / "a.csv").parent
    assert Source.parse(str(folder)).path == folder


def test_a_file_called_embedded_does_not_replace_the_embedded_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _file(tmp_path / "embedded")
    monkeypatch.chdir(tmp_path)
    assert Source.parse("embedded") == EMBEDDED
    assert Source.parse("./embedded") == Source.of(path)
    assert Source.parse(str(Source.of(path))) == Source.of(path)


def test_what_is_missing_is_named_when_it_is_needed(tmp_path: Path) -> None:
    path = _file(tmp_path / "a.csv")
    Source.of(path).require()
    Source.of(tmp_path).require()
    EMBEDDED.require()
    Source("tfds", "x").require()
    for text, name in (("no/such/thing", "thing"), (f"{path},{tmp_path / 'b.csv'}", "b.csv")):
        source = Source.parse(text)  # The data of a finished run may be gone.
        message = rf"no such file or folder, {name}; expected embedded, tfds:NAME or a path"
        with pytest.raises(UserError, match=message) as caught:
            source.require()
        assert str(caught.value).startswith(f"--data {source}: ")
    long = Source.parse("x" * 5000)
    with pytest.raises(UserError, match="no such file or folder"):
        long.require()


def test_files_and_folders(tmp_path: Path) -> None:
    path = _file(tmp_path / "a.csv")
    assert Source.of(path).is_file and not Source.of(tmp_path).is_file
    assert not Source.of(tmp_path / "none").is_file and not EMBEDDED.is_file
    assert Source.of(path).path == path


def test_names_of_embedded_sets() -> None:
    assert EMBEDDED.embedded_name() == EMBEDDED.embedded_name("digits") == ""
    assert Source.parse("embedded:digits").embedded_name("faces", "digits") == "digits"
    message = "--data embedded:x: no such embedded data; expected embedded, embedded:digits"
    with pytest.raises(UserError, match=message):
        Source.parse("embedded:x").embedded_name("digits")
    with pytest.raises(UserError, match=r"no such embedded data; expected embedded\."):
        Source.parse("embedded:x").embedded_name()


def test_parts_are_named_each_with_its_files(tmp_path):
    a, b, c = (tmp_path / name for name in ("a.en", "a.fr", "c.tsv"))
    for path in (a, b, c):
        path.write_text("x")
    source = Source.of_parts({"test": [c], "train": [a, b]})
    assert source.parts == {"train": (a, b), "test": (c,)}
    assert Source.parse(str(source)) == source
    assert Source.parse(f"train={a},test={c}").parts == {"train": (a,), "test": (c,)}
    assert Source.of(a).parts == {}


def test_parts_need_one_to_train_on_and_files_that_exist(tmp_path):
    with pytest.raises(UserError, match="--test needs --train FILE"):
        Source.of_parts({"test": [tmp_path]})
    with pytest.raises(UserError, match=r"--valid .*missing: no such file"):
        Source.of_parts({"train": [tmp_path], "valid": [tmp_path / "missing"]}).require()
