"""Pairs of sentences: the generated dates, and files in every form they come in."""

from __future__ import annotations

import datetime
import gzip
import os
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from recipes.kit.data import tfds
from recipes.kit.data.readers import Splits
from recipes.kit.data.source import Source
from recipes.kit.errors import DataError, UserError
from recipes.translation import data as pair_data
from recipes.translation import embedded
from recipes.translation.embedded import Form
from recipes.translation.formats import Pair, Wanted, clean, read_aligned, read_pairs
from recipes.translation.options import Config

ROOT = Path(__file__).parents[3]
PAIRS = (Pair("Go.", "Va !"), Pair("Run!", "Cours !"), Pair("Run!", "Courez !"))

TSV = {
    "plain.tsv": "Go.\tVa !\nRun!\tCours !\nRun!\tCourez !\n",
    "no_ending_and_windows": "Go.\tVa !\r\nRun!\tCours !\r\nRun!\tCourez !",
    "attributions.txt": "Go.\tVa !\tCC-BY #1\nRun!\tCours !\t#2\tx\n\nRun!\tCourez !\t#3\n",
    "blanks.tsv": " Go. \tVa\u202f!\n  \nRun!\tCours\u00a0 !\nRun!\tCourez !\n",
}


def load(source: Path | str, **options: Any) -> Splits[Pair]:
    config = Config(data=Source.parse(str(source)), **options)
    return pair_data.load_pairs(config.data, config)


def load_test(source: Path | str, **options: Any) -> tuple[Pair, ...]:
    """What a translator trained on other files is evaluated on."""
    config = Config(data=Source.parse("elsewhere"), **options)
    return tuple(pair_data.load_test(Source.parse(str(source)), config))


def understood(data: Splits[Pair]) -> str:
    return "; ".join(f"{fact.topic}: {fact.text}" for fact in data.understood)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", TSV)
def test_tsv(name: str, packed: bool, tmp_path: Path) -> None:
    raw = TSV[name].encode("utf-8-sig" if "blanks" in name else "utf-8")
    path = tmp_path / (f"{name}.gz" if packed else name)
    path.write_bytes(gzip.compress(raw, mtime=0) if packed else raw)
    assert read_pairs(path, Wanted()).pairs == PAIRS
    assert load_test(path) == PAIRS


def test_columns_as_given(tmp_path: Path) -> None:
    path = tmp_path / "links.tsv"
    path.write_text("1\tGo.\t7\tVa !\n2\tRun!\t8\tCours !\n2\tRun!\t9\tCourez !\n")
    assert read_pairs(path, Wanted((1, 3))).pairs == PAIRS
    assert load_test(path, columns=(3, 1))[0] == Pair("Va !", "Go.")
    with pytest.raises(DataError, match="links.tsv:1: expected at least 5 columns separated by ta"):
        read_pairs(path, Wanted((1, 4)))


def test_unicode_is_composed() -> None:
    assert clean("e\u0301te\u0301\t\u2009x ") == "été x"


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"a\tb\nno tab here\n", "a.tsv:2: expected source TAB target, found 'no tab here'"),
        (b"\na\t \n", "a.tsv:2: the target is empty"),
        (b"a\tb\n\tb\n", "a.tsv:2: the source is empty"),
        (b"a\tb\n\t\nc\td", "a.tsv:2: is blank"),
        (b" \n", "a.tsv: holds no text"),
        (b"a\tb\n\xff\tc\n", "a.tsv:2: expected UTF-8 text, found byte 0xff"),
        (b"a\tb\nc\0\td\n", "a.tsv:2: expected text, found a NUL byte"),
        (b"\x1f\x8bxx", "a.tsv: expected a gzip file, found a broken one"),
    ],
)
def test_broken_tsv(raw: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_bytes(raw)
    with pytest.raises(DataError, match=message):
        load(path, strict=True)


def write_aligned(folder: Path, splits: dict[str, int], languages: str, end: str = "") -> None:
    for split, count in splits.items():
        for language in languages.split():
            text = "\n".join(f"{language} {split} {index}" for index in range(count)) + "\n"
            path = folder / f"{split}.{language}{end}"
            path.write_bytes(gzip.compress(text.encode()) if end == ".gz" else text.encode())


@pytest.mark.parametrize("end", ["", ".gz", ".txt"])
def test_aligned_folder(end: str, tmp_path: Path) -> None:
    write_aligned(tmp_path, {"train.tok": 5, "val.tok": 2, "test_2016.tok": 3}, "en de", end)
    (tmp_path / "README").write_text("not data")
    data = load(tmp_path)
    assert [len(part) for part in (data.train, data.valid, data.test)] == [5, 2, 3]
    assert data.valid[1] == Pair("de val.tok 1", "en val.tok 1")
    assert "direction: de to en, by the order of their names; first pair: de" in understood(data)
    ways: list[dict[str, Any]] = [
        {"reverse": True},
        {"source_language": "en"},
        {"target_language": "de"},
    ]
    for way in ways:
        other = load(tmp_path, **way)
        assert other.valid[1] == Pair("en val.tok 1", "de val.tok 1")
        assert "en to de" in understood(other)
    assert len(load_test(tmp_path)) == 3


def test_aligned_folder_of_three_languages(tmp_path: Path) -> None:
    write_aligned(tmp_path, {"train": 9, "test": 3}, "de en fr")
    with pytest.raises(UserError, match="expected two languages, found de, en, fr; --source-lang"):
        load(tmp_path, source_language="de")
    data = load(tmp_path, source_language="fr", target_language="de")
    assert data.test[0] == Pair("fr test 0", "de test 0")
    assert "valid split off train" in understood(data)
    with pytest.raises(UserError, match="no language 'nl'; has de, en, fr"):
        load(tmp_path, source_language="nl", target_language="de")
    (tmp_path / "test.fr").unlink()
    with pytest.raises(UserError, match=r"the test split has no \.fr file; found test.de, test.en"):
        load(tmp_path, source_language="fr", target_language="de")


def test_aligned_folder_without_train(tmp_path: Path) -> None:
    write_aligned(tmp_path, {"test": 3}, "de en")
    assert len(load_test(tmp_path)) == 3
    with pytest.raises(UserError, match="no train split"):
        load(tmp_path)


def test_aligned_folder_with_two_files_for_a_split(tmp_path: Path) -> None:
    write_aligned(tmp_path, {"train": 9, "test_2016": 3, "test_2017": 3}, "de en")
    message = "two files for the test split in de, test_2016.de and test_2017.de; expected one"
    with pytest.raises(UserError, match=message):
        load(tmp_path)


def test_a_file_that_names_two_splits(tmp_path: Path) -> None:
    (tmp_path / "train_test.de").write_text("x")
    with pytest.raises(UserError, match="train_test.de names two splits: train and test"):
        load(tmp_path)


def test_two_files(tmp_path: Path) -> None:
    write_aligned(tmp_path, {"a": 20}, "en de")
    english, german = tmp_path / "a.en", tmp_path / "a.de"
    source = f"{english}, {german}"
    assert load_test(source)[3] == Pair("en a 3", "de a 3")
    ways: list[dict[str, Any]] = [{"reverse": True}, {"source_language": "de"}]
    for way in ways:
        assert load_test(source, **way)[3] == Pair("de a 3", "en a 3")
    data = load(source)
    assert [len(part) for part in (data.train, data.valid, data.test)] == [16, 2, 2]
    assert "en to de" in understood(data)

    plain = english.rename(tmp_path / "one.txt"), german.rename(tmp_path / "two.txt")
    assert "one.txt to two.txt" in understood(load(",".join(map(str, plain))))
    with pytest.raises(UserError, match="no such file or folder, a.en"):
        load(f"{plain[0]},{english}")
    for wrong in (f"{plain[0]},{tmp_path}", f"{plain[0]},{plain[1]},{plain[0]}"):
        with pytest.raises(UserError, match="expected two files, source and target"):
            load(wrong)


def test_a_comma_in_the_name_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a,b.tsv"
    path.write_text(TSV["plain.tsv"])
    assert load_test(path) == PAIRS


def test_unequal_numbers_of_lines(tmp_path: Path) -> None:
    (tmp_path / "a.de").write_text("x\ny\n")
    (tmp_path / "a.en").write_text("x\ny\nz")
    with pytest.raises(DataError, match=r"a.de: expected as many lines as .*a.en has, 3, found 2"):
        read_aligned(tmp_path / "a.de", tmp_path / "a.en")
    (tmp_path / "a.en").write_text("")
    with pytest.raises(DataError, match="a.en: holds no text"):
        read_aligned(tmp_path / "a.de", tmp_path / "a.en")


def test_an_empty_line_in_aligned_files(tmp_path: Path) -> None:
    write_aligned(tmp_path, {"train": 9}, "de en")
    (tmp_path / "train.en").write_text("\n".join("a b c d  f g h i".split(" ")))
    data = load(tmp_path)
    assert "pairs with an empty side left out: 1" in understood(data)
    left = {*data.train, *data.valid, *data.test}
    assert Pair("de train 5", "f") in left and len(left) == 8


def write_tsv(folder: Path, sizes: dict[str, int]) -> None:
    for split, count in sizes.items():
        lines = [f"{'x' * (20 - index)} {index}\t{split} {index}" for index in range(count)]
        (folder / f"{split}.tsv").write_text("\n".join(lines))


def test_tsv_folder_and_what_its_splits_share(tmp_path: Path) -> None:
    write_tsv(tmp_path, {"train": 12, "dev": 3, "test": 5})
    data = load(tmp_path)
    assert [len(part) for part in (data.train, data.valid, data.test)] == [12, 3, 5]
    assert understood(data).startswith("pairs: 12 train, 3 valid, 5 test; source: ")
    assert understood(data).endswith("overlap: 5 sources of train also occur in valid or test")
    assert "also occur" not in understood(load(tmp_path, reverse=True))
    with pytest.raises(UserError, match="has no header that names languages; --columns or --rev"):
        load(tmp_path, source_language="de")


def test_limit_takes_the_shortest_sources(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("ccc\t1\nbb\t22\naa\t333\ndddd\t4444\na\t55555\n")
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({"limit": 2}, ["bb", "a"]),
        ({"limit": 9}, ["ccc", "bb", "aa", "dddd", "a"]),
        ({"limit": 2, "reverse": True}, ["1", "22"]),
    ]
    for options, sources in cases:
        assert [p.source for p in load_test(path, **options)] == sources
    write_tsv(tmp_path, {"train": 12, "dev": 3, "test": 5})
    path.unlink()
    data = load(tmp_path, limit=4)
    assert [p.target for p in data.train] == [f"train {index}" for index in (8, 9, 10, 11)]
    assert [len(part) for part in (data.valid, data.test)] == [3, 4]
    assert "at most 4 pairs, those with the shortest sources" in understood(data)


def test_translations_of_a_sentence_are_in_one_split(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("\n".join(f"sentence  {index % 30}\ttarget {index}" for index in range(90)))
    data = load(path, seed=3)
    parts = [{p.source for p in part} for part in (data.train, data.valid, data.test)]
    assert [len(part) for part in parts] == [24, 3, 3]
    assert len(set.union(*parts)) == 30
    assert all(len(targets) == 3 for _, targets in pair_data.by_source(data.test))
    assert load(path, seed=3) == data
    assert load(path, seed=4).test != data.test


def test_by_source_keeps_the_order_and_no_pair_twice() -> None:
    pairs = (*PAIRS, Pair("Go.", "Allez !"), PAIRS[1])
    assert pair_data.by_source(pairs) == [
        ("Go.", ("Va !", "Allez !")),
        ("Run!", ("Cours !", "Courez !")),
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"limit": 0}, "--limit must be at least 1, not 0"),
        ({"columns": (1, 1)}, r"--columns must be two different numbers, not \(1, 1\)"),
        ({"columns": (0, -1)}, r"--columns must be at least 0, not \(0, -1\)"),
        ({"source_language": "de", "target_language": "de"}, "must differ, both are de"),
    ],
)
def test_options_that_do_not_fit(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Config(data=Source.parse("my.tsv"), **options)


@pytest.mark.parametrize(
    ("source", "options"),
    [
        ("embedded", {"columns": (1, 2)}),
        ("embedded", {"source_language": "de"}),
        ("embedded", {"target_language": "de"}),
        ("embedded", {"reverse": True}),
        ("tfds:ted", {"columns": (1, 2)}),
        ("my.tsv", {"sampling_schedule": "sigmoid"}),
    ],
)
def test_options_without_effect(source: str, options: dict[str, Any]) -> None:
    option = "--" + [*options][0].replace("_", "-")
    reason = "without --scheduled-sampling" if source == "my.tsv" else f"with --data {source}"
    with pytest.raises(UserError, match=f"{option} has no effect {reason}"):
        Config(data=Source.parse(source), **options)


class _Builder:
    """Of a set like TED's, which goes from Portuguese to English."""

    class info:  # noqa: N801
        features = {"en": None, "pt": None}
        supervised_keys: tuple[str, ...] | None = ("pt", "en")
        splits = {"train": 0, "validation": 0}
        homepage = "https://example.org"


def test_tfds(monkeypatch: pytest.MonkeyPatch) -> None:
    examples: dict[str, list[dict[str, object]]] = {
        "train": [{"en": f"text {i}".encode(), "pt": f"texto  {i}".encode()} for i in range(20)],
        "validation": [{"en": "e\u0301".encode(), "pt": b"x"}, {"en": b"", "pt": b"y"}],
    }
    monkeypatch.setattr(tfds, "prepared_builder", lambda name: _Builder())
    monkeypatch.setattr(tfds, "decoded", lambda builder, split: examples[split])
    name = "tfds:ted_hrlr_translate/pt_to_en"
    data = load(name)
    assert data.valid == (Pair("x", "é"),)
    assert data.train[0].source.startswith("texto ")
    assert [len(part) for part in (data.train, data.test)] == [18, 2]
    assert f"source: {name}; direction: pt to en; first pair: texto 0 -> text 0" in understood(data)
    assert "; empty: pairs with an empty side left out: 1; split: test" in understood(data)
    assert data.licence == "as stated by its owner: https://example.org"
    assert load(name, source_language="en").valid == (Pair("é", "x"),)
    assert load_test(name) == data.test
    monkeypatch.setattr(_Builder.info, "supervised_keys", None)
    assert load(name).valid == (Pair("é", "x"),)
    with pytest.raises(UserError, match="no language 'de'; has en, pt"):
        load(name, source_language="de")
    examples["train"][0]["pt"] = 3
    with pytest.raises(UserError, match="pt holds no text; expected a text in each of two"):
        load(name)


def test_generated_dates(monkeypatch: pytest.MonkeyPatch) -> None:
    data = load("embedded", seed=1)
    parts = [data.train, data.valid, data.test]
    assert [len(part) for part in parts] == list(pair_data.SIZES.values())
    pairs = [pair for part in parts for pair in part]
    # Each source is there once, so none is in two splits and none has two targets.
    assert len({pair.source for pair in pairs}) == len(pairs)
    days = [datetime.date.fromisoformat(pair.target) for pair in pairs]
    assert 1900 <= min(days).year and max(days).year <= 2099
    assert all(clean(pair.source) == pair.source for pair in pairs)
    assert {c for p in data.test for c in p.source} <= {c for p in data.train for c in p.source}
    monkeypatch.setattr(pair_data, "SIZES", {"train": 300, "valid": 20, "test": 40})
    data = load("embedded", seed=1)
    assert load("embedded", seed=1) == data
    assert load("embedded", seed=2).train != data.train
    assert load_test("embedded", seed=1) == data.test
    config = Config(seed=1)
    assert pair_data.load_test(config.data, config) == data.test
    assert "generated (seed 1), to ISO 8601; no date of valid" in understood(data)
    assert len(load("embedded", limit=30, seed=1).train) == 30


def test_languages_and_scripts() -> None:
    forms = embedded.languages()
    assert len(forms) >= 30 and all(len(several) >= 4 for several in forms.values())
    day = datetime.date(1987, 3, 9)
    texts = [form.write(day) for several in forms.values() for form in several]
    named = {unicodedata.name(char).split()[0] for text in texts for char in text if char.isalpha()}
    assert named >= set(
        "LATIN CYRILLIC GREEK ARMENIAN GEORGIAN HEBREW ARABIC DEVANAGARI BENGALI THAI HANGUL CJK"
        "".split()
    )
    assert "١٩٨٧" in Form("ar_EG", "d MMMM y").write(day)
    assert "۱۹۸۷" in Form("fa", "d MMMM y").write(day)
    assert "१९८७" in Form("mr", "d MMMM y").write(day)
    assert "১৯৮৭" in Form("bn", "d MMMM y").write(day)


def test_no_language_has_a_date_in_two_splits(monkeypatch: pytest.MonkeyPatch) -> None:
    days = [embedded.FIRST + datetime.timedelta(index) for index in range(40)]
    monkeypatch.setattr(embedded, "LAST", days[-1])
    splits = embedded.generate({"train": 500, "valid": 100, "test": 100}, seed=0)
    languages: dict[str, set[str]] = {}
    for form in (form for several in embedded.languages().values() for form in several):
        for day in days:
            languages.setdefault(form.write(day), set()).add(form.language)
    seen = {
        split: {(*languages[p.source], p.target) for p in pairs if len(languages[p.source]) == 1}
        for split, pairs in splits.items()
    }
    assert min(map(len, seen.values())) > 50
    assert not seen["train"] & (seen["valid"] | seen["test"])
    assert not seen["valid"] & seen["test"]


def test_forms_that_can_be_mistaken_are_left_out() -> None:
    october, november = Form("hr", "d MMMM y"), Form("pl", "d MMMM y")  # listopada
    british, american = Form("en_GB", "E, d/M/y"), Form("en_US", "E, M/d/y")
    french, dotted = Form("fr", "E d/M/y"), Form("de", "d.M.y")
    forms = [october, november, british, american, french, dotted]
    assert embedded._unmistakable(forms) == [french, dotted]


def test_no_text_of_a_form_means_two_days() -> None:
    days: dict[str, datetime.date] = {}
    year = [datetime.date(1987, 1, 1) + datetime.timedelta(index) for index in range(365)]
    for form in (form for several in embedded.languages().values() for form in several):
        for day in year:
            assert days.setdefault(form.write(day), day) == day, form


def test_generation_does_not_hang_on_the_hash_seed() -> None:
    code = (
        "import hashlib; from recipes.translation import embedded; "
        "made = embedded.generate({'train': 300, 'test': 50}, 5); "
        "print(hashlib.sha256(repr(made).encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_tatoeba_is_read_as_it_is() -> None:
    folder = Path(__file__).parents[4] / "shared" / "data" / "translation-tatoeba-fra-eng"
    if not folder.is_dir():
        pytest.skip("the Tatoeba pairs are not beside the project")
    data = load(folder / "fra.txt", limit=50_000)
    parts = [data.train, data.valid, data.test]
    assert sum(map(len, parts)) == 50_000
    sources = [{pair.source for pair in part} for part in parts]
    assert len(set.union(*sources)) == sum(map(len, sources))
    assert max(len(source) for part in sources for source in part) == 25
    assert any(len(targets) > 5 for _, targets in pair_data.by_source(data.test))
