"""Parallel corpora as people have them: names of files, headers, CSV, JSON, parts by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from recipes.kit.data.readers import Splits
from recipes.kit.data.source import Source
from recipes.kit.errors import DataError, UserError
from recipes.translation import data as pair_data
from recipes.translation.formats import Pair
from recipes.translation.options import Config

COUNT = 30
ENGLISH = [f"House number {i}." for i in range(COUNT)]
FRENCH = [f"Maison numéro {i}." for i in range(COUNT)]
PAIRS = {Pair(*pair) for pair in zip(ENGLISH, FRENCH, strict=True)}


def load(source: Path | str, **options: Any) -> Splits[Pair]:
    config = Config(data=Source.parse(str(source)), **options)
    return pair_data.load_pairs(config.data, config)


def every(data: Splits[Pair]) -> set[Pair]:
    return {*data.train, *data.valid, *data.test}


def facts(data: Splits[Pair]) -> dict[str, str]:
    return dict(data.understood)


def write(path: Path, text: str | list[str], encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = text if isinstance(text, str) else "\n".join(text) + "\n"
    path.write_bytes(content.encode(encoding))
    return path


def rows(separator: str = "\t") -> str:
    pairs = zip(ENGLISH, FRENCH, strict=True)
    return "".join(f"{a}{separator}{b}\n" for a, b in pairs)


# --- two files -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "direction"),
    [
        (("train_en.txt", "train_fr.txt"), "en to fr"),
        (("src-train.txt", "tgt-train.txt"), "src to tgt"),
        (("train.src", "train.tgt"), "src to tgt"),
        (("train.tok.en", "train.tok.fr"), "en to fr"),
        (("train.en.tok", "train.fr.tok"), "en to fr"),
        (("train_english.txt", "train_french.txt"), "english to french"),
        (("train.en", "train.pt-BR"), "en to pt-BR"),
        (("europarl-v7.fr-en.en", "europarl-v7.fr-en.fr"), "en to fr"),
    ],
)
def test_names_of_aligned_files(names: tuple[str, str], direction: str, tmp_path: Path) -> None:
    write(tmp_path / names[0], ENGLISH)
    write(tmp_path / names[1], FRENCH)
    write(tmp_path / "README", "not data")
    write(tmp_path / ".DS_Store", "not data")
    write(tmp_path / "notes" / "a.txt", "not data")
    data = load(tmp_path)
    assert every(data) == PAIRS
    assert facts(data)["direction"] == f"{direction}, by the order of their names"
    assert facts(data)["files"] == f"train: {names[0]}, {names[1]} (30)"
    assert facts(data)["first pair"] == "House number 0. -> Maison numéro 0."


def test_a_stray_carriage_return_ends_no_line(tmp_path: Path) -> None:
    write(tmp_path / "train.en", [*ENGLISH, "good\revening", "last"])
    write(tmp_path / "train.fr", [*FRENCH[:9], "bon\rsoir", *FRENCH[9:], "dernier"])
    pairs = every(load(tmp_path))
    assert {Pair("last", "dernier"), Pair(ENGLISH[9], "bon soir")} < pairs
    assert Pair("good evening", FRENCH[-1]) in pairs


def test_blank_lines_at_the_end_of_one_file(tmp_path: Path) -> None:
    write(tmp_path / "train.en", [*ENGLISH, "", " "])
    write(tmp_path / "train.fr", FRENCH)
    assert every(load(tmp_path)) == PAIRS
    write(tmp_path / "train.fr", [*FRENCH, "", "", "fin"])
    with pytest.raises(DataError, match="train.en: expected as many lines .* has, 33, found 32"):
        load(tmp_path)


def test_an_empty_line_is_refused_where_nothing_is_left_out(tmp_path: Path) -> None:
    write(tmp_path / "train.en", ["", *ENGLISH[1:]])
    write(tmp_path / "train.fr", FRENCH)
    assert facts(load(tmp_path))["empty"] == "pairs with an empty side left out: 1"
    with pytest.raises(DataError, match="train.en:1: the line is empty"):
        load(tmp_path, strict=True)


def test_parts_that_are_named(tmp_path: Path) -> None:
    for name, texts in (("en", ENGLISH), ("fr", FRENCH)):
        for part in ("train", "tst2012", "tst2013"):
            write(tmp_path / f"{part}.{name}", [f"{part} {text}" for text in texts])
    with pytest.raises(UserError, match="tst2012.en and tst2013.en; expected one .*--test FILE"):
        load(tmp_path)
    orders = (("train", "en", "fr"), ("tst2012", "fr", "en"), ("tst2013", "en", "fr"))
    train, one, two = (
        ",".join(str(tmp_path / f"{part}.{name}") for name in names) for part, *names in orders
    )
    data = load(f"train={train},valid={one},test={two}")
    assert data.valid[0] == Pair("tst2012 House number 0.", "tst2012 Maison numéro 0.")
    assert facts(data)["direction"] == "en to fr"
    assert load(f"train={train},test={two}", reverse=True).test[0].source.startswith("tst2013 Mai")
    german = write(tmp_path / "test.de", FRENCH)
    with pytest.raises(UserError, match="--test: expected files in en and fr, found de and fr"):
        load(f"train={train},test={german},{tmp_path / 'tst2013.fr'}")
    with pytest.raises(UserError, match="expected one file for each part, or two for each"):
        load(f"train={train},test={german}")


def test_a_folder_for_each_language(tmp_path: Path) -> None:
    english = write(tmp_path / "en" / "train.txt", ENGLISH)
    french = write(tmp_path / "fr" / "train.txt", FRENCH)
    with pytest.raises(UserError, match="not read; --train en/FILE,fr/FILE names two files"):
        load(tmp_path)
    data = load(f"train={english},{french}")
    assert every(data) == PAIRS and facts(data)["direction"] == "en to fr"
    with pytest.raises(UserError, match="is given as source and as target; expected two files"):
        load(f"{english},{english}")


# --- tables and JSON -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "direction"),
    [
        ("a.tsv", rows(), "column 0 to column 1"),
        ("a.tsv", "English\tFrench\n" + rows(), "English to French"),
        ("a.txt", "source\ttarget\n" + rows(), "source to target"),
        ("a.csv", "text_en;text_fr\n" + rows(";"), "text_en to text_fr"),
        ("a.csv", "English words/sentences,French words/sentences\n" + rows(","), "English words/"),
        (
            "a.tsv",
            "id\ten\tfr\n" + "".join(f"{i}\t{row}\n" for i, row in enumerate(rows().splitlines())),
            "en to fr",
        ),
    ],
)
def test_tables(name: str, text: str, direction: str, tmp_path: Path) -> None:
    data = load(write(tmp_path / name, text))
    assert every(data) == PAIRS
    assert facts(data)["direction"].startswith(direction)


@pytest.mark.parametrize(
    ("record", "direction"),
    [
        (lambda a, b: {"id": "1", "translation": {"en": a, "fr": b}}, "en to fr"),
        (lambda a, b: {"source": a, "target": b, "score": 3}, "source to target"),
    ],
)
@pytest.mark.parametrize("as_list", [False, True])
def test_json(record: Any, direction: str, as_list: bool, tmp_path: Path) -> None:
    records = [record(a, b) for a, b in zip(ENGLISH, FRENCH, strict=True)]
    text = json.dumps(records) if as_list else "\n".join(map(json.dumps, records))
    data = load(write(tmp_path / "a.json", text))
    assert every(data) == PAIRS
    assert facts(data)["direction"] == direction


def test_every_part_has_the_languages_of_the_first(tmp_path: Path) -> None:
    train = write(tmp_path / "a.tsv", "en\tfr\n" + rows())
    test = write(tmp_path / "b.jsonl", json.dumps({"fr": "Va !", "en": "Go."}))
    assert load(f"train={train},test={test}").test == (Pair("Go.", "Va !"),)
    other = write(tmp_path / "c.tsv", "de\ten\n" + rows())
    with pytest.raises(UserError, match="same languages in every part, found en, fr and de, en in"):
        load(f"train={train},test={other}")


def test_which_of_three_languages(tmp_path: Path) -> None:
    text = "".join(f"{row}\tHaus {i}\n" for i, row in enumerate(rows().splitlines()))
    path = write(tmp_path / "a.tsv", "en\tfr\tde\n" + text)
    with pytest.raises(UserError, match="expected two languages, found en, fr, de; --source-lang"):
        load(path)
    data = load(path, source_language="de", target_language="EN")
    assert data.train[0].source.startswith("Haus ") and facts(data)["direction"] == "de to en"
    assert facts(data)["left aside"] == "fr"
    with pytest.raises(UserError, match="no language 'nl'; has en, fr, de"):
        load(path, source_language="nl")


def test_columns_left_aside(tmp_path: Path) -> None:
    lines = rows().splitlines()
    text = "".join(f"{row}\tCC-BY 2.0 #{i}\n" for i, row in enumerate(lines))
    assert facts(load(write(tmp_path / "a.txt", text)))["left aside"] == (
        "column 2 ('CC-BY 2.0 #0', ...)"
    )
    ids = "".join(f"{i}\t{row}\n" for i, row in enumerate(lines))
    path = write(tmp_path / "b.tsv", ids)
    with pytest.raises(DataError, match="b.tsv:1: column 0 holds numbers, 0 and others; --columns"):
        load(path)
    assert every(load(path, columns=(1, 2))) == PAIRS


def test_rows_without_a_side_are_left_out(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", rows() + "only\nx\t\n")
    data = load(path)
    assert every(data) == PAIRS
    left_out = "a.tsv:31 expected source TAB target, found 'only'; a.tsv:32 the target is empty"
    assert facts(data)["left out"] == f"2 rows (--strict refuses): {left_out}"
    with pytest.raises(DataError, match="a.tsv:31: expected source TAB target"):
        load(path, strict=True)
    with pytest.raises(DataError, match="first of 4 rows among 34 that cannot be used"):
        load(write(path, rows() + "only\n" * 4))


def test_a_comma_in_a_text_is_no_column(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", rows(",") + "Well, go.,Eh bien, va.\n")
    data = load(path)
    assert (
        every(data) == PAIRS and "a.csv:31 expected 2 columns, found 4" in facts(data)["left out"]
    )
    with pytest.raises(DataError, match="a.csv:31: expected 2 columns, found 4"):
        load(path, strict=True)


def test_quotes_that_are_spoken(tmp_path: Path) -> None:
    text = rows() + '"Go!"\t« Va ! »\n"Run!" he said.\t"Cours !"\n'
    assert Pair('"Go!"', "« Va ! »") in every(load(write(tmp_path / "a.tsv", text)))


def test_encoding(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", rows(), "latin-1")
    with pytest.raises(DataError, match="a.tsv:1: expected UTF-8 text.* --encoding names another"):
        load(path)
    data = load(path, encoding="latin-1")
    assert every(data) == PAIRS
    assert facts(data)["encoding"] == "latin-1, as asked for (a.tsv)"
    assert every(load(write(tmp_path / "b.tsv", rows(), "utf-16"))) == PAIRS
    write(tmp_path / "two" / "train.en", ENGLISH, "latin-1")
    write(tmp_path / "two" / "train.fr", FRENCH, "latin-1")
    assert every(load(tmp_path / "two", encoding="latin-1")) == PAIRS
