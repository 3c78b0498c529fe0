"""Labelled texts: the generated reviews, and files in every form they come in."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from recipes.kit.data import tfds
from recipes.kit.data.source import Source
from recipes.kit.errors import DataError, UserError
from recipes.sentiment import data as text_data
from recipes.sentiment import embedded
from recipes.sentiment.data import Data
from recipes.sentiment.formats import read_file
from recipes.sentiment.labels import LabelledText
from recipes.sentiment.options import Config


def config_of(source: Path | str, **options: Any) -> Config:
    return Config(data=Source.parse(str(source)), **options)


def load(source: Path | str, **options: Any) -> Data:
    config = config_of(source, **options)
    return text_data.load(config.data, config)


def load_test(source: Path | str, config: Config) -> list[LabelledText]:
    return [*text_data.load_test(Source.parse(str(source)), config)]


def topics(data: Data) -> dict[str, str]:
    return dict(data.understood)


GOOD = LabelledText("a good film", "pos")
BAD = LabelledText("a bad one , sadly", "neg")

FORMS = {
    "lines.txt": "pos a good film\nneg a bad one , sadly\n",
    "fasttext.train": "__label__pos a good film\n\n__label__neg a bad one , sadly\n",
    "plain.tsv": "a good film\tpos\na bad one , sadly\tneg\n",
    "other_way.tsv": "pos\ta good film\nneg\ta bad one , sadly\n",
    "header.tsv": "sentence\tlabel\na good film\tpos\na bad one , sadly\tneg\n",
    "tabs_without_a_name": "pos\ta good film\nneg\ta bad one , sadly\n",
    "plain.csv": 'pos,a good film\nneg,"a bad one , sadly"\n',
    "header.csv": 'id,Review,Sentiment\n1,a good film,pos\n2,"a bad one , sadly",neg\n',
    "semicolons.csv": "text;stars\na good film;pos\na bad one , sadly;neg\n",
    "lines.csv": 'label,text\npos,a good film\nneg,"a bad one\n, sadly"\n',
    "a.jsonl": '{"text": "a good film", "label": "pos"}\n{"text": "a bad one , sadly", "label": '
    '"neg"}\n',
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", FORMS)
def test_forms(name: str, packed: bool, tmp_path: Path) -> None:
    raw = FORMS[name].encode()
    path = tmp_path / (f"{name}.gz" if packed else name)
    path.write_bytes(gzip.compress(raw, mtime=0) if packed else raw)
    assert read_file(path, config_of(path)).examples == (GOOD, BAD)


def test_columns_as_given(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("one,two,three\nx,a good film,pos\nlonger than all others,b,neg\n")

    def read(path: Path, text: int | str, label: int | str) -> tuple[LabelledText, ...]:
        return read_file(path, config_of(path, text_column=text, label_column=label)).examples

    assert read(path, "two", "three")[0] == GOOD
    assert read(path, 1, -1)[1] == GOOD
    assert read(path, "TWO", -1)[0] == GOOD
    lines = tmp_path / "a.jsonl"
    lines.write_text(json.dumps({"body": "a good film", "ok": True, "label": "x"}) + "\n")
    assert read(lines, "body", "ok") == (LabelledText("a good film", "1"),)


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("lines.txt", ""),
        ("plain.tsv", "text 0, label 1"),
        ("header.csv", "text 'Review', label 'Sentiment'; left aside: 'id'"),
        ("a.jsonl", "text 'text', label 'label'"),
    ],
)
def test_which_columns_were_taken(name: str, columns: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(FORMS[name])
    assert read_file(tmp_path / name, config_of(tmp_path)).columns == columns


@pytest.mark.parametrize(
    ("name", "text", "columns", "message"),
    [
        ("a.txt", "pos a good film\nneg\n", {}, "a.txt:2: the text is empty"),
        ("a.tsv", "a\tb\nc\td\te\n", {}, "a.tsv:2: expected 2 columns, found 3"),
        ("a.csv", "text,label\n a ,x\n ,y\n", {}, "a.csv:3: the text is empty"),
        ("a.csv", "text,label\nb,\n", {}, "a.csv:2: the label is empty"),
        ("a.csv", "only\none\n", {}, "a.csv:1: expected a text and a label column"),
        ("a.csv", 'x,y\nx,"y\n', {}, "a.csv:2: is not CSV"),
        ("a.csv", "x,y\nx,y\n", {"text_column": 5}, "has 2 columns, none of them is number 5"),
        (
            "a.csv",
            "text,y\nx,y\n",
            {"text_column": "body"},
            "expected a column 'body', found no header",
        ),
        ("a.csv", "text,y\nx,y\n", {"text_column": 0, "label_column": 0}, "the same column, 0"),
        ("a.jsonl", '{"text": "x", "label": 1}\n{\n', {}, "a.jsonl:2: is not JSON"),
        ("a.jsonl", "[1]\n", {}, "a.jsonl:1: expected a JSON object"),
        ("a.jsonl", '{"text": "x"}\n', {}, "a.jsonl:1: expected a field label or sentiment"),
        ("a.jsonl", '{"text": "x", "label": 1}\n{"text": 2}', {}, "a.jsonl:2: has no field 'lab"),
        ("a.txt", " \n", {}, "a.txt: holds no text"),
        ("a.txt", "\0", {}, "a.txt:1: expected text, found a NUL byte"),
    ],
)
def test_broken_files(name: str, text: str, columns: dict, message: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_file(path, config_of(path, strict=True, **columns))


def write_sets(folder: Path) -> None:
    for name in ("binary", "fine"):
        for split, count in (("train", 6), ("dev", 3), ("test", 4)):
            lines = [f"{i % 2} {name} {split} {i}" for i in range(count)]
            (folder / f"stsa.{name}.{split}").write_text("\n".join(lines))


def test_a_folder_of_several_sets(tmp_path: Path) -> None:
    write_sets(tmp_path)
    with pytest.raises(UserError, match="stsa.binary.train, stsa.fine.train; --subset WORD"):
        load(tmp_path)
    data = load(tmp_path, subset="fine")
    assert [len(part) for part in (data.train, data.valid, data.test)] == [6, 3, 4]
    assert data.train[1] == LabelledText("fine train 1", "1")
    assert data.labels == ("0", "1")
    fine = config_of(tmp_path, subset="fine")
    assert len(load_test(tmp_path, fine)) == 4
    assert len(load_test(tmp_path / "stsa.fine.train", fine)) == 6
    with pytest.raises(UserError, match="and have 'coarse' in their names"):
        load(tmp_path, subset="coarse")


@pytest.mark.parametrize("splits", [("train", "test"), ("",)])
def test_class_folders(splits: tuple[str, ...], tmp_path: Path) -> None:
    for split in splits:
        for label in ("pos", "neg", "unsup"):
            folder = tmp_path / split / label
            folder.mkdir(parents=True)
            for index in range(10):
                (folder / f"{index}_7.txt").write_text(f"{split} {label}\n{index}")
    (tmp_path / "README").write_text("not data")
    (tmp_path / splits[0] / "urls_pos.txt").write_text("not data")
    data = load(tmp_path)
    assert data.labels == ("neg", "pos")
    counts = [len(part) for part in (data.train, data.valid, data.test)]
    assert counts == ([18, 2, 20] if "test" in splits else [16, 2, 2])
    assert all("\n" not in e.text and e.text.endswith(tuple("0123456789")) for e in data.train)
    (tmp_path / splits[0] / "pos" / "0_7.txt").write_text(" ")
    assert topics(load(tmp_path))["left out"].endswith("0_7.txt expected a text, found nothing")
    with pytest.raises(DataError, match="0_7.txt: expected a text, found nothing"):
        load(tmp_path, strict=True)


def test_what_was_understood(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("\n".join(f"{i % 2} text {i}" for i in range(9)))
    (tmp_path / "test.txt").write_text("0 a text\n10 a text\n2 a text")
    data = load(tmp_path)
    facts = topics(data)
    assert facts["texts"] == "8 train, 1 valid, 3 test" and facts["source"] == str(tmp_path)
    assert facts["files"] == "train: train.txt (9); test: test.txt (3)"
    assert facts["first text"] == "'text 0' is 0"
    assert facts["columns"] == "none: each line is a text, labelled by its first word"
    assert facts["split"].startswith("valid split off train")
    assert {*facts["classes"].split(", ")} in ({"0 (4)", "1 (4)"}, {"0 (5)", "1 (3)"})
    assert facts["unseen"] == "never in train, so never right: 2, 10"
    assert data.labels == ("0", "1")


@pytest.mark.parametrize("option", ["text_column", "label_column", "subset"])
@pytest.mark.parametrize("kind", ["lines", "classes"])
def test_options_that_files_leave_without_effect(kind: str, option: str, tmp_path: Path) -> None:
    if kind == "lines":
        source = tmp_path / "a.txt"
        source.write_text("\n".join(f"{i % 2} text {i}" for i in range(30)))
    else:
        source = tmp_path
        for label in ("good", "bad"):
            (tmp_path / label).mkdir()
            for index in range(9):
                (tmp_path / label / f"{index}.txt").write_text(f"{label} {index}")
    refused = f"--{option.replace('_', '-')} has no effect with .*; leave it out"
    if (kind, option) == ("classes", "subset"):
        refused = "expected files that name a split .* and have 'x' in their names"
    with pytest.raises(UserError, match=refused):
        load(source, **{option: "x"})
    if option != "subset":
        # To evaluate on other files than those of the training nobody has to leave it out.
        trained = config_of(tmp_path / "table.csv", **{option: "x"})
        assert load_test(source, trained)


def test_one_class_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("\n".join(f"__label__pos text {i}" for i in range(9)))
    with pytest.raises(UserError, match="every training text has the same label, 'pos'"):
        load(path)


def test_a_text_twice_is_in_one_split(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("\n".join(f"{i % 2} text {i % 20}" for i in range(60)))
    data = load(path)
    parts = [{e.text for e in part} for part in (data.train, data.valid, data.test)]
    assert not parts[0] & parts[1] and not parts[0] & parts[2] and not parts[1] & parts[2]


def test_generated_reviews() -> None:
    data = load("embedded", seed=1)
    parts = [data.train, data.valid, data.test]
    assert [len(part) for part in parts] == list(text_data.SIZES.values())
    texts = [e.text for part in parts for e in part]
    assert len({*texts}) == len(texts)
    assert load("embedded", seed=1) == data
    assert load("embedded", seed=2).train != data.train
    for part in parts:
        counts = Counter(e.label for e in part)
        assert counts["positive"] == counts["negative"]
    for word in embedded.INTENSIFIERS:
        # By itself it says next to nothing.
        counts = Counter(e.label for e in data.train if word in e.text.lower())
        assert 0.4 < counts["positive"] / counts.total() < 0.6


class _Builder:
    """Of a set like GLUE's, whose test labels are held back."""

    class info:  # noqa: N801
        features = {"sentence": None, "label": type("Label", (), {"names": ["bad", "good"]})()}
        splits = {"train": 0, "validation": 0, "test": 0}
        homepage = "https://example.org"

    def download_and_prepare(self) -> None:
        pass


def test_tfds(monkeypatch: pytest.MonkeyPatch) -> None:
    examples = {
        "train": [{"sentence": f"text {i}".encode(), "label": i % 2} for i in range(20)],
        "validation": [{"sentence": b"more", "label": 1}],
        "test": [{"sentence": b"hidden", "label": -1}],
    }
    monkeypatch.setattr(tfds, "prepared_builder", lambda name: _Builder())
    monkeypatch.setattr(tfds, "decoded", lambda builder, split: examples[split])
    data = load("tfds:glue/sst2")
    assert data.labels == ("bad", "good")
    assert [*data.valid] == [LabelledText("more", "good")]
    assert [len(part) for part in (data.train, data.test)] == [18, 2]
    assert "test split off train" in topics(data)["split"]
    assert topics(data)["features"] == "text 'sentence', label 'label'"
    assert data.licence.endswith("https://example.org")
    with pytest.raises(UserError, match="no feature body; --text-column names one of label, sent"):
        load("tfds:glue/sst2", text_column="body")


def test_sst2_is_read_as_it_is() -> None:
    source = Path(__file__).parents[4] / "shared" / "data" / "sentiment-sst2"
    if not source.is_dir():
        pytest.skip("the SST files are not beside the project")
    data = load(source, subset="binary")
    assert [len(part) for part in (data.train, data.valid, data.test)] == [6920, 872, 1821]
    assert load(source, subset="fine").labels == ("0", "1", "2", "3", "4")
