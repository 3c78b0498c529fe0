"""Which files are which part, and the parts that are missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from recipes.kit.data.source import Source
from recipes.kit.data.splits import (
    complete_splits,
    files_of_splits,
    find_splits,
    split_files,
    split_of,
)
from recipes.kit.errors import UserError


def _touch(directory: Path, *names: str) -> Path:
    for name in names:
        (directory / name).write_text("x\n", encoding="utf-8")
    return directory


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("wnut17train.conll", "train"),
        ("emerging.dev.conll", "valid"),
        ("emerging.test.annotated", "test"),
        ("en_ewt-ud-train.conllu.gz", "train"),
        ("en_ewt-ud-dev.conllu", "valid"),
        ("eng.testa", "valid"),
        ("eng.testb", "test"),
        ("train.txt", "train"),
        ("TRAIN.TXT", "train"),
        ("valid.tsv", "valid"),
        ("val_1.csv", "valid"),
        ("my-validation-set.csv", "valid"),
        ("eval.jsonl", "test"),
        ("trainset.txt", "train"),
        ("latest.txt", None),
        ("trainer.txt", None),
        ("value.csv", None),
        ("device.txt", None),
        ("medieval.txt", None),
        ("contest.txt", None),
    ],
)
def test_split_words_in_names(name: str, split: str | None) -> None:
    assert split_of(name) == split


def test_a_directory_is_matched_and_noise_ignored(tmp_path: Path) -> None:
    _touch(tmp_path, "a.train", "a.dev", "a.test", "README.train.md", ".train.swp", "other.txt")
    (tmp_path / "train").mkdir()
    assert {s: p.name for s, p in find_splits(tmp_path).items()} == {
        "train": "a.train",
        "valid": "a.dev",
        "test": "a.test",
    }


def test_splits_come_in_order_and_only_those_there_are(tmp_path: Path) -> None:
    _touch(tmp_path, "a_test.txt", "z_train.txt")
    assert list(find_splits(tmp_path)) == ["train", "test"]


def test_a_file_that_is_alone_needs_no_name(tmp_path: Path) -> None:
    assert find_splits(_touch(tmp_path, "corpus.txt", "README.md")) == {
        "train": tmp_path / "corpus.txt"
    }


def test_suffixes_choose_among_files_also_gzipped(tmp_path: Path) -> None:
    _touch(tmp_path, "train.csv", "train.json", "test.csv.gz", "dev.json")
    found = find_splits(tmp_path, suffixes=(".csv",))
    assert {s: p.name for s, p in found.items()} == {"train": "train.csv", "test": "test.csv.gz"}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("a.train", "b.train"), r"two files for the train split, a\.train and b\.train"),
        (("dev.txt", "valid.txt", "train.txt"), r"two files for the valid split"),
        (("train_test.txt",), r"train_test\.txt names two splits: train and test"),
        (("a.txt", "b.txt", "README.md"), r"no file names a split; .* found a\.txt, b\.txt"),
        ((), r"no file names a split; .* found no data file"),
    ],
)
def test_unclear_directories_are_refused(
    tmp_path: Path, names: tuple[str, ...], message: str
) -> None:
    with pytest.raises(UserError, match=message) as caught:
        find_splits(_touch(tmp_path, *names))
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_wanted_suffixes_are_in_the_message(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no file \(\.csv, \.tsv\) names a split"):
        find_splits(_touch(tmp_path, "train.json"), suffixes=(".csv", ".tsv"))


def test_a_split_may_have_several_files(tmp_path: Path) -> None:
    _touch(tmp_path, "test_b.txt", "test_a.txt", "train.txt", "notes.txt", "train.md")
    names = {s: [p.name for p in paths] for s, paths in files_of_splits(tmp_path).items()}
    assert names == {"train": ["train.txt"], "test": ["test_a.txt", "test_b.txt"]}
    with pytest.raises(UserError, match="names two splits: train and test"):
        files_of_splits(_touch(tmp_path, "train_test.txt"))


def test_a_file_is_not_a_directory(tmp_path: Path) -> None:
    _touch(tmp_path, "train.txt")
    with pytest.raises(UserError, match="expected a directory, found a file"):
        find_splits(tmp_path / "train.txt")


def test_nothing_is_done_when_nothing_is_missing() -> None:
    splits = {"train": [1, 2], "valid": [3], "test": [4]}
    done, note = complete_splits(splits, seed=0, where="x", what="sentences")
    assert done == {"train": (1, 2), "valid": (3,), "test": (4,)}
    assert note == ""


@pytest.mark.parametrize("given", [{}, {"test": range(1000, 1005)}, {"valid": range(1000, 1005)}])
def test_missing_splits_come_off_train(given: dict[str, range]) -> None:
    done, note = complete_splits(
        {"train": range(100), **given}, seed=3, where="x", what="sentences"
    )
    missing = [split for split in ("valid", "test") if split not in given]
    assert all(len(done[split]) == 10 for split in missing)
    assert sorted(x for split in ("train", *missing) for x in done[split]) == list(range(100))
    assert all(done[split] == tuple(items) for split, items in given.items())
    assert all(list(done[split]) == sorted(done[split]) for split in done)
    assert note.startswith(" and ".join(missing)) and "seed 3" in note


def test_the_seed_decides_the_shuffle() -> None:
    def test_split(seed: int) -> tuple[int, ...]:
        return complete_splits({"train": range(100)}, seed=seed, where="x", what="sentences")[0][
            "test"
        ]

    assert test_split(1) == test_split(1) != test_split(2)


def test_duplicates_stay_on_one_side() -> None:
    items = [f"s{i % 20}" for i in range(200)]
    done, _ = complete_splits({"train": items}, seed=0, where="x", what="sentences")
    parts = [set(done[split]) for split in ("train", "valid", "test")]
    assert [len(part) for part in parts] == [16, 2, 2]
    assert len(set.union(*parts)) == 20


def test_three_items_are_enough_for_three_splits() -> None:
    done, _ = complete_splits({"train": "abc"}, seed=0, where="x", what="sentences")
    assert [len(done[split]) for split in ("train", "valid", "test")] == [1, 1, 1]


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ({"train": "ab"}, r"x: too few distinct sentences .* valid and test: .*found 2"),
        ({"train": "aaaaaa"}, r"x: too few distinct sentences .*found 1"),
        ({"test": "ab"}, r"x: no train split; expected train, found test"),
        ({}, r"found nothing"),
    ],
)
def test_too_little_to_split(splits: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        complete_splits(splits, seed=0, where="x", what="sentences")


@pytest.mark.parametrize("name", ["devtest.txt", "dev-test.en", "tst2013.de", "newstest2014.fr"])
def test_usual_names_of_test_parts(name):
    assert split_of(name) == "test"


def test_files_of_named_parts_come_before_names(tmp_path):
    paths = [tmp_path / name for name in ("test.csv", "other.csv")]
    for path in paths:
        path.write_text("x")
    named = Source.of_parts({"train": [paths[0]], "test": [paths[1]]})
    assert split_files(named) == {"train": paths[0], "test": paths[1]}
    assert split_files(Source.of(paths[1])) == {"train": paths[1]}
    with pytest.raises(UserError, match="--train: expected one file, found 2"):
        split_files(Source.of_parts({"train": paths}))
