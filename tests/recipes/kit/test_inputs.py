"""Inputs of `predict`: every line counts, and what is unreadable costs only itself."""

from __future__ import annotations

import gzip
import io
import os
import threading
from pathlib import Path

import pytest

from recipes.kit.data.reading import Encoded
from recipes.kit.errors import Unreadable
from recipes.kit.inputs import files, texts


def pipe(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_text_files_and_stdin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "lines.txt"
    file.write_text("one\n\n two \n", encoding="utf-8")
    pipe(monkeypatch, "drei\n \nfünf".encode())
    assert [*texts(["zero", str(file), "-", " a b", "x" * 5000])] == [
        *("zero", "one", "", " two ", "drei", " ", "fünf", " a b"),
        "x" * 5000,
    ]


def test_an_empty_file_is_said_to_be_empty(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "none.txt").write_bytes(b"")
    assert [*texts([str(tmp_path / "none.txt"), "one"])] == ["one"]
    assert "none.txt is empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"", []),
        (b"\n", [""]),
        (b"a", ["a"]),
        (b"a\n", ["a"]),
        (b"a\n\n", ["a", ""]),
        (b"\xef\xbb\xbfa\nb\n", ["a", "b"]),
        (b"\xef\xbb\xbf", [""]),
        (b"a\r\n\r\nb\r\n", ["a", "", "b"]),
        (b"a\r\rb\r", ["a", "", "b"]),
        (b"a\rb\nc", ["a\rb", "c"]),
        ("a\u2028b\x0bc\n".encode(), ["a\u2028b\x0bc"]),
        ("\ufeffä\r\n\r\nb".encode("utf-16-le"), ["ä", "", "b"]),
        (b"\xfe\xff" + "ä\nb\n".encode("utf-16-be"), ["ä", "b"]),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_lines_of_a_file(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: bytes,
    lines: list[str],
    packed: bool,
) -> None:
    file = tmp_path / "lines"
    file.write_bytes(gzip.compress(content) if packed else content)
    assert [*texts([str(file)])] == lines
    pipe(monkeypatch, content)
    assert [*texts(["-"])] == lines


def test_an_encoding_that_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "lines.txt"
    file.write_bytes("Zürich\nGenève\n".encode("latin-1"))
    assert [*texts([str(file), "ü"], Encoded("latin-1"))] == ["Zürich", "Genève", "ü"]
    pipe(monkeypatch, "Zürich".encode("utf-16-be"))
    assert [*texts(["-"], Encoded("utf-16-be"))] == ["Zürich"]
    file.write_bytes("ab\n".encode("utf-16") + b"\x00")
    (bad,) = texts([str(file)], Encoded("utf-16"))
    assert isinstance(bad, Unreadable) and "expected utf-16 text, found byte" in bad.error


def test_what_is_unreadable_costs_only_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged, packed, binary = (tmp_path / name for name in ("latin1.txt", "l.gz", "b.png"))
    damaged.write_bytes(b"It rained.\nZ\xfcrich\n\nIt snowed.\n")
    packed.write_bytes(gzip.compress(b"It hailed.\n")[:-6])
    binary.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    pipe(monkeypatch, b"Ada met Alan.\nabc \xff\nGrace.\n")
    word = b"abc \xff".decode("utf-8", "surrogateescape")
    inputs = [word, str(damaged), "", str(packed), str(tmp_path), str(binary), "-"]
    read = [*texts(inputs)]
    hint = "--encoding names another, such as latin-1, cp1252 or utf-16"
    assert [r if isinstance(r, str) else r.name for r in read] == [
        "abc \\udcff",
        *("It rained.", f"{damaged}:2", "", "It snowed."),
        "",
        *("It hailed.", str(packed)),
        str(tmp_path),
        str(binary),
        *("Ada met Alan.", "stdin:2", "Grace."),
    ]
    errors = {each.name: each.error for each in read if isinstance(each, Unreadable)}
    assert errors["abc \\udcff"].startswith("abc \\udcff: expected UTF-8 text, found byte 0xff")
    assert errors[f"{damaged}:2"] == f"{damaged}:2: expected UTF-8 text, found byte 0xfc; {hint}"
    assert errors[""] == "is empty; expected text, a file, or - for stdin."
    assert errors[str(packed)].startswith(f"{packed}: expected a gzip file, found a broken one")
    assert errors[str(tmp_path)] == "is a folder; expected text, a file of lines, or - for stdin."
    assert errors[str(binary)] == f"{binary}: expected text, found a NUL byte (a binary file?)"
    assert errors["stdin:2"] == f"stdin:2: expected UTF-8 text, found byte 0xff; {hint}"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are POSIX")
def test_lines_of_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(gzip.compress(b"one\n\ntwo\n"),))
    writer.start()
    assert [*texts([str(pipe)])] == ["one", "", "two"]
    writer.join()


def test_a_path_that_names_nothing_is_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [*texts(["no/such/file.txt", "and/or a blank", "plain"])] == [
        "no/such/file.txt",
        "and/or a blank",
        "plain",
    ]
    assert capsys.readouterr().err.count("treating it as text") == 1
    (tmp_path / "whatever").touch()
    monkeypatch.chdir(tmp_path)
    assert [*texts(["what*", "what now?", "why?"])] == ["what*", "what now?", "why?"]
    shown = capsys.readouterr().err
    assert "what* is not a file; treating it as text" in shown and shown.count("as text") == 1


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    folder = tmp_path / "sounds"
    (folder / "more").mkdir(parents=True)
    for name in ("b.wav", "a.WAV", "c.flac", "README.md", "notes.txt", ".DS_Store", "._a.wav"):
        (folder / name).touch()
    for name in ("d.wav", "[1].wav"):
        (folder / "more" / name).touch()
    return folder


def names(inputs: list[str], suffixes: tuple[str, ...] = (".wav", ".flac")) -> list[str]:
    return [each.name for each in files(inputs, suffixes)]


def test_folders_and_patterns(sounds: Path) -> None:
    everything = ["a.WAV", "b.wav", "c.flac"]
    assert names([str(sounds)]) == everything
    assert names([str(sounds / "*.wav")]) == ["b.wav"]
    assert names([str(sounds / "*")]) == ["README.md", *everything, "[1].wav", "d.wav", "notes.txt"]
    (sounds / "__MACOSX").mkdir()
    (sounds / "__MACOSX" / "e.wav").touch()
    assert names([str(sounds / "*")])[-1] == "notes.txt"
    assert names([str(sounds / "m*" / "*.wav")]) == ["[1].wav", "d.wav"]
    # A file itself is taken whatever its name, in the order in which inputs stand.
    several = [str(sounds / "notes.txt"), str(sounds / "more"), str(sounds / "b.wav")]
    assert names(several) == ["notes.txt", "[1].wav", "d.wav", "b.wav"]
    assert names([str(sounds / "more" / "[1].wav")]) == ["[1].wav"]


def test_folders_that_are_inputs_themselves(tmp_path: Path) -> None:
    for name in ("b", "other", ".hidden"):
        (tmp_path / name).mkdir()
    for name in ("a.wav", "c.wav", "b/1.png", ".hidden/1.png", "other/notes.txt"):
        (tmp_path / name).touch()

    def is_input(folder: Path) -> bool:
        return (folder / "1.png").exists()

    found = [*files([str(tmp_path), str(tmp_path / "b")], [".wav"], is_input)]
    assert found == [tmp_path / "a.wav", tmp_path / "b", tmp_path / "c.wav", tmp_path / "b"]


def test_inputs_that_name_no_file(sounds: Path) -> None:
    missing, long = sounds / "none.wav", "x" * 5000 + ".wav"
    nothing = [str(sounds / "*.mp3"), "-", str(missing), long]
    pattern, stdin, *others = files([*nothing, str(sounds)], (".mp3",))
    assert isinstance(pattern, Unreadable) and isinstance(stdin, Unreadable)
    assert pattern.error == f"{sounds}/*.mp3: no such file, and no file that fits the pattern."
    assert stdin.error == "is stdin, which cannot be read here; expected the path of a file."
    *given, empty = others
    assert given == [missing, Path(long)]  # What reads them says so.
    assert isinstance(empty, Unreadable)
    assert empty.error == f"{sounds}: expected files of the kind .mp3; found none."
