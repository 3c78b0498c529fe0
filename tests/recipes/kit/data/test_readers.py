"""From a source to examples in three parts: which reader is asked, which parts are made."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from recipes.kit.data.facts import Fact, Unusable
from recipes.kit.data.readers import OWNERS_LICENCE, Found, Readers, Splits
from recipes.kit.data.source import EMBEDDED, Source
from recipes.kit.errors import UserError


class Recorder:
    """Readers whose examples are numbers; what they were asked for is kept."""

    def __init__(self, **splits: Sequence[int]) -> None:
        self.splits, self.asked = splits, []

    def _found(self, kind: str, what: object, licence: str) -> Found[int]:
        self.asked.append((kind, what))
        return Found(self.splits, (Fact("columns", "a, b"),), licence)

    @property
    def readers(self) -> Readers[int]:
        return Readers(
            what="numbers",
            embedded=lambda: self._found("embedded", "", "generated"),
            files=lambda source: self._found("files", source, OWNERS_LICENCE),
            tfds=lambda name: self._found("tfds", name, "theirs"),
        )


WHOLE = {"train": range(10), "valid": (20, 21), "test": (30,)}


@pytest.fixture
def file(tmp_path: Path) -> Source:
    (tmp_path / "a.csv").write_text("x\n")
    return Source.of(tmp_path / "a.csv")


def test_the_kind_of_a_source_decides_who_reads_it(file: Source) -> None:
    recorder = Recorder(**WHOLE)
    sources = (EMBEDDED, Source.parse("tfds:a/b"), file)
    licences = [recorder.readers.load(source, seed=0).licence for source in sources]
    assert recorder.asked == [
        ("embedded", ""),
        ("tfds", "a/b"),
        ("files", file),
    ]
    assert licences == ["generated", "theirs", "as stated by the owner of the files"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("embedded:x", "no such embedded data; expected embedded."),
        ("no/such/file", "no such file or folder, file"),
        ("tfds:x", "--data tfds:x: this recipe cannot read tensorflow-datasets; expected"),
    ],
)
def test_sources_that_cannot_be_read(text: str, message: str) -> None:
    recorder = Recorder(**WHOLE)
    readers = dataclasses.replace(recorder.readers, tfds=None)
    for read in (readers.load, readers.load_test):
        with pytest.raises(UserError, match=message):
            read(Source.parse(text), seed=0)
    assert not recorder.asked


def test_parts_that_are_there_stay_as_they_are(file: Source) -> None:
    data = Recorder(**WHOLE).readers.load(file, seed=0)
    assert data == Splits(
        train=tuple(range(10)),
        valid=(20, 21),
        test=(30,),
        understood=(
            Fact("numbers", "10 train, 2 valid, 1 test"),
            Fact("source", str(file)),
            Fact("columns", "a, b"),
        ),
        licence=OWNERS_LICENCE,
    )


@pytest.mark.parametrize("missing", [("valid",), ("test",), ("valid", "test")])
def test_missing_parts_come_off_train(file: Source, missing: tuple[str, ...]) -> None:
    splits = {name: part for name, part in WHOLE.items() if name not in missing}
    readers = Recorder(**{**splits, "train": range(100)}).readers
    data = readers.load(file, seed=3)
    parts = {"train": data.train, "valid": data.valid, "test": data.test}
    assert all(len(parts[name]) == 10 for name in missing)
    assert sorted(x for name in ("train", *missing) for x in parts[name]) == [*range(100)]
    assert all(parts[name] == part for name, part in splits.items() if name != "train")
    sizes = ", ".join(f"{len(part)} {name}" for name, part in parts.items())
    assert data.understood[0] == Fact("numbers", sizes)
    topic, text = data.understood[-1]
    assert topic == "split" and text.startswith(" and ".join(missing)) and "seed 3" in text
    assert readers.load(file, seed=3) == data != readers.load(file, seed=4)


def test_equal_keys_stay_together(file: Source) -> None:
    readers = dataclasses.replace(Recorder(train=range(100)).readers, key=lambda x: x % 20)
    data = readers.load(file, seed=0)
    keys = [{x % 20 for x in part} for part in (data.train, data.valid, data.test)]
    assert [len(part) for part in keys] == [16, 2, 2] and len(set.union(*keys)) == 20


def test_a_task_may_make_missing_parts_its_own_way(file: Source) -> None:
    def last_ones(
        splits: Mapping[str, Sequence[int]], seed: int, source: Source
    ) -> tuple[dict[str, tuple[int, ...]], str]:
        train = tuple(splits["train"])
        parts = {"train": train[:-2], "valid": train[-2:-1], "test": train[-1:]}
        return parts, f"the last two of {source.path.name}, seed {seed}"

    readers = dataclasses.replace(Recorder(train=range(9)).readers, complete=last_ones)
    data = readers.load(file, seed=5)
    assert (len(data.train), data.valid, data.test) == (7, (7,), (8,))
    assert data.understood[-1] == Fact("split", "the last two of a.csv, seed 5")


def test_without_a_training_part_nothing_is_trained(file: Source) -> None:
    with pytest.raises(UserError, match="no train split; expected train, found test"):
        Recorder(test=range(9)).readers.load(file, seed=0)
    few = "too few distinct numbers to split off valid and"
    with pytest.raises(Unusable, match=few) as caught:
        Recorder(train=(1, 2)).readers.load(file, seed=0)
    assert [*caught.value.understood] == [Fact("columns", "a, b")]


def test_all_of_files_that_name_no_part_is_evaluated_on(file: Source, tmp_path: Path) -> None:
    other = tmp_path / "b.csv"
    other.write_text("x\n")
    for source in (file, Source.of(file.path, other)):
        assert Recorder(train=(1,)).readers.load_test(source, seed=0) == (1,)


def test_of_the_data_of_the_training_the_test_part_is_evaluated_on(
    file: Source, capsys: pytest.CaptureFixture[str]
) -> None:
    readers = Recorder(train=range(100)).readers
    test = readers.load_test(file, seed=3, trained_on=Source.of(file.path))
    assert test == readers.load(file, seed=3).test and len(test) == 10
    assert not capsys.readouterr().err  # It was said before the training.


def test_what_was_understood_of_other_data_is_shown(
    file: Source, capsys: pytest.CaptureFixture[str]
) -> None:
    Recorder(train=range(100)).readers.load_test(file, seed=3)
    assert "columns: a, b" in capsys.readouterr().err


def test_the_test_part_is_evaluated_on_and_needs_no_other(file: Source, tmp_path: Path) -> None:
    folder = Source.of(tmp_path)
    assert Recorder(test=(7, 8)).readers.load_test(folder, seed=0) == (7, 8)
    for source in (folder, file, EMBEDDED):  # A single file may hold several parts.
        assert Recorder(**WHOLE).readers.load_test(source, seed=0) == (30,)


def test_a_missing_test_part_is_split_off_as_for_training(file: Source, tmp_path: Path) -> None:
    readers = Recorder(train=range(100)).readers
    for source in (Source.of(tmp_path), EMBEDDED):
        examples = readers.load_test(source, seed=3)
        assert examples == readers.load(source, seed=3).test and len(examples) == 10
    # With a validation part too, a single file is no longer only examples to evaluate on.
    readers = Recorder(train=range(100), valid=(7,)).readers
    assert readers.load_test(file, seed=3) == readers.load(file, seed=3).test
