"""Labelled texts as people have them: what is read, what is left aside, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recipes.kit.data.source import Source
from recipes.kit.errors import DataError, UserError
from recipes.sentiment import data as text_data
from recipes.sentiment.data import Data
from recipes.sentiment.labels import LabelledText, label_of
from recipes.sentiment.options import Config

COUNT = 60


def load(source: Path | str, **options: Any) -> Data:
    config = Config(data=Source.parse(str(source)), **options)
    return text_data.load(config.data, config)


def write(path: Path, row: Callable[[int], str], head: str = "", count: int = COUNT) -> Path:
    """A file with a line for each number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(head + "".join(row(index) + "\n" for index in range(count)))
    return path


def records(path: Path, labels: Callable[[int], Any], count: int = COUNT) -> Path:
    return write(
        path, lambda i: json.dumps({"text": f"words {i}", "label": labels(i)}), count=count
    )


def facts(data: Data) -> dict[str, str]:
    return dict(data.understood)


def texts(data: Data) -> dict[str, str]:
    """The label of each text."""
    return {e.text: e.label for e in (*data.train, *data.valid, *data.test)}


# --- tables ----------------------------------------------------------------------------------


def test_a_first_row_whose_label_is_that_of_no_other_is_a_header(tmp_path: Path) -> None:
    def row(i: int) -> str:
        return f'{"abc"[i % 3]},titre {i},"un texte plus long, {i}"'

    data = load(write(tmp_path / "a.csv", row, "Classe,Titre,Texte entier\n"))
    assert data.labels == ("a", "b", "c") and len(texts(data)) == COUNT
    assert facts(data)["columns"] == "text 'Texte entier', label 'Classe'; left aside: 'Titre'"
    assert facts(data)["first text"] == "'un texte plus long, 0' is a"
    data = load(write(tmp_path / "b.csv", row))
    assert len(texts(data)) == COUNT
    assert facts(data)["columns"] == "text 2, label 0; left aside: 1"
    numbers = write(tmp_path / "c.tsv", lambda i: f"{i % 4}\ttext {i}", "Klasse\tInhalt\n", 9)
    assert load(numbers).labels == ("0", "1", "2", "3")


def test_labels_have_to_repeat(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", lambda i: f"{i}\tsome words {i}", "index\tsentence\n")
    found = r"a.tsv:2: expected labels that repeat, found 60 different ones \(0, 1, 2 and 57 more\)"
    with pytest.raises(DataError, match=f"{found} in column 'index' of 60 texts; --label-column"):
        load(path)
    numbered = write(tmp_path / "a.txt", lambda i: f"{i} some words")
    with pytest.raises(DataError, match="60 different ones .* in the first words of 60 texts"):
        load(numbered)
    with pytest.raises(DataError, match="60 different ones .* in field 'label' of 60 texts"):
        load(records(tmp_path / "a.jsonl", str))


def test_labels_in_one_of_several_columns(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.csv", lambda i: f"words {i},{i % 2},{i % 3 % 2}", "comment_text,toxic,rude\n"
    )
    with pytest.raises(DataError, match="in column 'toxic' or 'rude'; --label-column says which"):
        load(path)
    data = load(path, label_column="toxic")
    assert facts(data)["columns"] == "text 'comment_text', label 'toxic'; left aside: 'rude'"


def test_a_column_of_one_value_is_not_the_label(tmp_path: Path) -> None:
    data = load(write(tmp_path / "a.csv", lambda i: f"{i % 2},QUERY,user{i},words of text {i}"))
    assert data.labels == ("0", "1") and texts(data)["words of text 3"] == "1"


def test_the_column_of_most_letters_is_the_text(tmp_path: Path) -> None:
    address = "https://example.org/a/rather/long/address"

    def row(i: int) -> str:
        return f"{address}/{i},2020-01-01T00:00:00.000000Z,a title {i},{i % 2}"

    data = load(write(tmp_path / "a.csv", row, "url,when,title,label\n"))
    assert texts(data)["a title 3"] == "1"


def test_all_files_have_the_columns_of_the_first(tmp_path: Path) -> None:
    write(tmp_path / "train.tsv", lambda i: f"{'ab'[i % 2]}\ttext {i}\t{i}")
    # Alone, the last column would pass for the label.
    write(tmp_path / "test.tsv", lambda i: f"{'ab'[i % 2]}\tother {i}\tb", count=2)
    assert [*load(tmp_path).test] == [LabelledText("other 0", "a"), LabelledText("other 1", "b")]
    write(tmp_path / "test.tsv", lambda i: f"{i}\tother {i}", "index\tsentence\n")
    write(tmp_path / "train.tsv", lambda i: f"{i % 2}\ttext {i}", "label\tsentence\n")
    with pytest.raises(DataError, match="test.tsv:1: expected a column 'label', found index, sent"):
        load(tmp_path)


def test_quotes_as_data_frames_write_them(tmp_path: Path) -> None:
    def row(i: int) -> str:
        return f'"He said ""no"" {i}"\t{i % 2}' if i % 3 else f"plain {i}\t{i % 2}"

    assert 'He said "no" 1' in texts(load(write(tmp_path / "a.tsv", row, "text\tlabel\n")))

    def as_spoken(i: int) -> str:
        return f"{chr(34) * (i in (3, 9))}text {i}{chr(34) * (i == 9)}\t{i % 2}"

    path = write(tmp_path / "b.tsv", as_spoken, "text\tlabel\n")
    assert {'"text 3', '"text 9"', "text 5"} <= {*texts(load(path))}


def test_a_long_cell(tmp_path: Path) -> None:
    long = "word " * 40_000
    path = write(
        tmp_path / "a.csv", lambda i: f'"{long if i == 3 else ""}{i}",{i % 2}', "text,label\n"
    )
    assert max(map(len, texts(load(path)))) == len(long) + 1


def test_rows_without_a_text_or_a_label_are_left_out(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.tsv",
        lambda i: f"{'' if i == 3 else i % 2}\t{'' if i == 5 else f'text {i}'}",
    )
    data = load(path)
    assert len(texts(data)) == COUNT - 2
    left_out = "2 rows (--strict refuses): a.tsv:4 the label is empty; a.tsv:6 the text is empty"
    assert facts(data)["left out"] == left_out
    with pytest.raises(DataError, match="a.tsv:4: the label is empty"):
        load(path, strict=True)


def test_encoding(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_bytes("".join(f"{i % 2}\tcafé {i}\n" for i in range(COUNT)).encode("latin-1"))
    with pytest.raises(DataError, match="a.tsv:1: expected UTF-8 text, .* --encoding names"):
        load(path)
    data = load(path, encoding="latin-1")
    assert "café 7" in texts(data)
    assert facts(data)["encoding"] == "latin-1, as asked for (a.tsv)"


# --- JSON ------------------------------------------------------------------------------------


def test_one_class_however_it_is_written(tmp_path: Path) -> None:
    ways = (1, 1.0, True, "1", 0, 0.0, False, "0")
    data = load(records(tmp_path / "a.jsonl", lambda i: ways[i % 8]))
    assert data.labels == ("0", "1")
    assert facts(data)["labels"] == "0.0 is 0, 1.0 is 1, false is 0, true is 1"
    assert label_of("2.50") == "2.50" and label_of("True") == "True" and label_of(None) is None


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_no_label(missing: float | None, tmp_path: Path) -> None:
    path = records(tmp_path / "a.jsonl", lambda i: missing if i == 7 else i % 2)
    data = load(path)
    assert len(texts(data)) == COUNT - 1
    assert "a.jsonl:8 the label is empty" in facts(data)["left out"]
    with pytest.raises(DataError, match="a.jsonl:1: the label is empty; .* first of 9 records"):
        load(records(path, lambda i: missing if i % 7 == 0 else i % 2))


@pytest.mark.parametrize("label", [["x"], {"x": 1}, "['x', 'y']", "2,7", "__label__a __label__b"])
def test_several_classes_are_refused(label: Any, tmp_path: Path) -> None:
    path = records(tmp_path / "a.jsonl", lambda i: label if i == 4 else str(i % 2))
    with pytest.raises(DataError, match="a.jsonl:5: expected one class, found .*not supported"):
        load(path)


def test_a_list_of_texts_is_not_a_text(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", lambda i: json.dumps({"text": [str(i)], "label": i % 2}))
    with pytest.raises(DataError, match=r'a.jsonl:1: expected a text, found \["0"\]'):
        load(path)


@pytest.mark.parametrize("indent", [None, 2])
def test_a_list_of_objects(indent: int | None, tmp_path: Path) -> None:
    rows = [{"Review": f"words {i}", "Stars": i % 2, "id": i} for i in range(COUNT)]
    (tmp_path / "a.json").write_text(json.dumps(rows, indent=indent))
    data = load(tmp_path / "a.json")
    assert texts(data)["words 3"] == "1" and len(texts(data)) == COUNT
    assert facts(data)["columns"] == "text 'Review', label 'Stars'; left aside: 'id'"


# --- lines -----------------------------------------------------------------------------------


def test_first_words_that_are_no_labels(tmp_path: Path) -> None:
    words = "This That Here There Now Then Once".split()
    path = write(tmp_path / "a.txt", lambda i: f"{words[i % 7]} is a sentence {i}")
    with pytest.raises(DataError, match="a.txt:1: expected `label text`.*--label-column 0 takes"):
        load(path)
    assert load(path, label_column=0).labels == tuple(sorted(words))
    trees = write(tmp_path / "d.txt", lambda i: f"({i % 2} (2 A) (3 tree{i}))")
    with pytest.raises(DataError, match=r"d.txt:1: expected `label text`, found '\(0 \(2 A\)"):
        load(trees)
    few = write(tmp_path / "b.txt", lambda i: f"{words[i % 3]} is a sentence {i}")
    assert len(load(few).labels) == 3
    assert len(load(write(tmp_path / "c.txt", lambda i: f"{i % 7} words {i}")).labels) == 7


def test_marked_labels(tmp_path: Path) -> None:
    data = load(write(tmp_path / "a.txt", lambda i: f"words {i} __label__{'ab'[i % 2]}"))
    assert data.labels == ("a", "b") and texts(data)["words 3"] == "b"
    path = write(tmp_path / "b.txt", lambda i: f"__label__b {'__label__c ' * (i == 3)}words {i}")
    with pytest.raises(DataError, match="b.txt:4: has 2 labels, __label__b and __label__c; expect"):
        load(path)


# --- files and folders -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "names", [("reviews.neg", "reviews.pos"), ("neg.txt", "pos.txt"), ("neg-2.txt", "pos-2.txt")]
)
def test_a_class_a_file(names: tuple[str, str], tmp_path: Path) -> None:
    for label, name in zip(("dull", "fine"), names, strict=True):
        write(tmp_path / name, lambda i, label=label: f"a {label} film {i}")
    (tmp_path / ".DS_Store").write_bytes(b"\0")
    data = load(tmp_path)
    assert data.labels == ("neg", "pos") and texts(data)["a dull film 3"] == "neg"
    by_file = f"{names[0]} is neg, {names[1]} is pos"
    assert facts(data)["class files"] == f"a class each, a text a line: {by_file}"
    both = ",".join(str(tmp_path / name) for name in names)
    assert texts(load(both)) == texts(data) == texts(load(f"train={both}"))
    with pytest.raises(UserError, match="--label-column has no effect with a file or folder"):
        load(tmp_path, label_column=0)


def test_a_class_a_file_in_each_part(tmp_path: Path) -> None:
    for part in ("train", "test"):
        for label in ("dull", "fine"):
            write(
                tmp_path / f"{part}.{label}", lambda i, name=f"{part} {label}": f"{name} {i}", "", 9
            )
    data = load(tmp_path)
    assert len(data.test) == 18 and {e.label for e in data.test} == {"dull", "fine"}


def test_files_win_over_folders_beside_them(tmp_path: Path) -> None:
    write(tmp_path / "train.tsv", lambda i: f"{i % 2}\ttext {i}")
    for name in ("notebooks/a.ipynb", "images/a.png", "old/a.txt", ".git/HEAD", "._train.tsv"):
        write(tmp_path / name, str, count=2)
    data = load(tmp_path)
    assert len(texts(data)) == COUNT
    assert facts(data)["left aside"] == "beside these files: images/, notebooks/, old/"


def test_parts_that_are_named(tmp_path: Path) -> None:
    write(tmp_path / "a.tsv", lambda i: f"{i % 2}\ttext {i}")
    write(tmp_path / "b.jsonl", lambda i: json.dumps({"text": f"t {i}", "label": i % 2}), count=7)
    data = load(f"train={tmp_path / 'a.tsv'},test={tmp_path / 'b.jsonl'}")
    assert [len(part) for part in (data.train, data.valid, data.test)] == [54, 6, 7]
    assert facts(data)["files"] == "train: a.tsv (60); test: b.jsonl (7)"
    for label in "xy":
        for index in range(4):
            write(tmp_path / "set" / label / f"{index}", str, f"{label} {index} ", 1)
    data = load(f"train={tmp_path / 'a.tsv'},test={tmp_path / 'set'}")
    assert {e.label for e in data.test} == {"x", "y"} and len(data.test) == 8
    with pytest.raises(UserError, match="expected one file for a part, .* found a.tsv, b.jsonl"):
        load(f"{tmp_path / 'a.tsv'},{tmp_path / 'b.jsonl'}")


def test_names_of_columns_may_have_more_words(tmp_path: Path) -> None:
    topics = [f"topic {i % 15}" for i in range(30)]
    head = "Split,airline_sentiment,Review Text,words\n"
    path = write(
        tmp_path / "a.csv",
        lambda i: f"{('train', 'test')[i % 2]},{topics[i]},a{i},{('few', 'many', 'some')[i % 3]}",
        head,
        30,
    )
    read = texts(load(path))
    assert read["a7"] == "topic 7" and len(read) == 30


def test_parts_are_no_classes(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.csv",
        lambda i: f"{('train', 'test')[i % 2]},a text {i},{i % 3 - 1}",
        "p,q,r\n",
    )
    assert texts(load(path))["a text 5"] == "1"


def test_a_name_above_one_value_is_in_a_header(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", lambda i: f"en,a text {i},topic {i % 12}", "lang,said,about\n")
    read = texts(load(path))
    assert "said" not in read and read["a text 5"] == "topic 5"
