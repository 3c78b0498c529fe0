"""An exported model, warm: its signatures, batches of like length, one answer for each input."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from recipes.kit.data.facts import Fact
from recipes.kit.errors import DataError, UserError
from recipes.kit.serving import (
    Served,
    answer_each,
    by_length,
    decoded,
    not_empty,
    note_new,
    rows_of,
)

TEXTS = tf.TensorSpec([None], tf.string, name="texts")
VALUES = tf.TensorSpec([None, None, 3], tf.float32, name="values")
TIMES = tf.TensorSpec([], tf.int32, name="times")


class Model(tf.Module):
    """Two signatures that leave no doubt what they were given."""

    @tf.function(input_signature=[TEXTS])
    def split(self, texts: tf.Tensor) -> dict[str, tf.Tensor]:
        words = tf.strings.split(texts)
        return {"words": words.to_tensor(""), "count": words.row_lengths()}

    @tf.function(input_signature=[VALUES, TIMES])
    def scale(self, values: tf.Tensor, times: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"scaled": values * tf.cast(times, tf.float32)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    model = Model()
    signatures = {"split": model.split, "scale": model.scale, "serving_default": model.split}
    tf.saved_model.save(model, str(folder / "saved_model"), signatures=signatures)
    return folder


def test_signatures_run_on_lists_and_arrays_by_name(folder: Path) -> None:
    served = Served(folder)
    answer = served("split", texts=["a bc", "d"])
    assert answer["words"].tolist() == [[b"a", b"bc"], [b"d", b""]]
    assert answer["count"].tolist() == [2, 1]
    values = np.arange(6, dtype="float64").reshape(1, 2, 3)  # of another dtype than the model's
    scaled = served("scale", times=np.int64(2), values=values)["scaled"]
    np.testing.assert_array_equal(scaled, (2 * values).astype("float32"))
    assert scaled.dtype == np.float32


def test_signatures_are_described(folder: Path) -> None:
    served = Served(folder)
    split = ({"texts": "string (any)"}, {"count": "int64 (any)", "words": "string (any, any)"})
    assert served.signatures == {
        "scale": (
            {"times": "int32 ()", "values": "float32 (any, any, 3)"},
            {"scaled": "float32 (any, any, 3)"},
        ),
        "serving_default": split,
        "split": split,
    }
    assert [*served.signatures] == ["scale", "serving_default", "split"]


def test_a_missing_or_damaged_model_is_named(folder: Path, tmp_path: Path) -> None:
    message = "saved_model: the SavedModel is missing or damaged; train again"
    with pytest.raises(DataError, match=message):
        Served(tmp_path)
    (tmp_path / "saved_model").mkdir()
    with pytest.raises(DataError, match=message):
        Served(tmp_path)
    whole = (folder / "saved_model" / "saved_model.pb").read_bytes()
    (tmp_path / "saved_model" / "saved_model.pb").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=message) as caught:
        Served(tmp_path)
    assert caught.value.path == tmp_path / "saved_model"


LENGTHS = st.lists(st.integers(0, 30), max_size=40)


@given(LENGTHS, st.none() | st.integers(1, 8), st.none() | st.integers(1, 60))
def test_batches_keep_the_order_and_their_limits(
    lengths: list[int], count: int | None, budget: int | None
) -> None:
    items = [(index, "x" * length) for index, length in enumerate(lengths)]
    batches: list[list[int]] = []

    def run(batch: list[tuple[int, str]]) -> Iterator[str]:
        batches.append([max(1, len(text)) for _, text in batch])  # An empty text is a step too.
        return (f"{index}:{len(text)}" for index, text in batch)

    answers = by_length(items, run, length=lambda item: len(item[1]), count=count, budget=budget)
    assert answers == [f"{index}:{length}" for index, length in enumerate(lengths)]
    for batch in batches:
        assert batch == sorted(batch)
        assert count is None or len(batch) <= count
        assert budget is None or len(batch) == 1 or len(batch) * max(batch) <= budget
    # Like lengths are together: the batches are the sorted items, cut.
    in_order = [length for batch in reversed(batches) for length in batch]
    assert in_order == sorted(max(1, length) for length in lengths)


def test_batches_are_as_large_as_their_limits_allow() -> None:
    sizes: list[int] = []

    def run(batch: list[str]) -> list[str]:
        sizes.append(len(batch))
        return batch

    items = ["x" * 4] * 10
    for limits, expected in (
        ({}, [10]),
        ({"count": 4}, [4, 4, 2]),
        ({"budget": 12}, [3, 3, 3, 1]),
        ({"budget": 12, "count": 2}, [2, 2, 2, 2, 2]),
        ({"budget": 3}, [1] * 10),
    ):
        sizes.clear()
        assert by_length(items, run, **limits) == items and sizes == expected
    assert by_length([], run) == []


def test_a_batch_gets_an_answer_for_each_item() -> None:
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        by_length(["a", "b"], lambda batch: batch[:1])


def test_rows_of_a_batch() -> None:
    words = np.array([[b"a", b""], [b"b", b"c"]])
    rows = [*rows_of({"words": words, "count": np.array([1, 2])})]
    assert [decoded(row["words"]) for row in rows] == [["a"], ["b", "c"]]
    assert [int(row["count"]) for row in rows] == [1, 2]
    assert [*rows_of({"words": words[:0]})] == []


def read(text: str) -> int:
    if not text.isdecimal():
        raise UserError(f"{text}: is not a number")
    return int(text)


def doubled(numbers: list[int]) -> Iterator[dict[str, Any]]:
    return ({"number": number, "double": 2 * number} for number in numbers)


@given(st.lists(st.sampled_from(["1", "2", "x", "30", ""])), st.integers(1, 5))
def test_each_input_gets_one_answer_in_its_place(inputs: list[str], count: int) -> None:
    answers = [*answer_each(inputs, read, doubled, count=count)]
    assert answers == [
        {"number": int(text), "double": 2 * int(text)}
        if text.isdecimal()
        else {"input": text, "error": f"{text}: is not a number"}
        for text in inputs
    ]


def test_answers_come_batch_by_batch() -> None:
    taken: list[str] = []
    batches: list[list[int]] = []

    def lines() -> Iterator[str]:
        for text in ("1", "x", "2", "3", "y", "z"):
            taken.append(text)
            yield text

    def answer(numbers: list[int]) -> Iterator[dict[str, Any]]:
        batches.append(numbers)
        return doubled(numbers)

    answers = answer_each(lines(), read, answer, count=2)
    assert taken == []
    assert next(answers)["number"] == 1 and taken == ["1", "x"]
    assert "error" in next(answers) and taken == ["1", "x"]
    assert next(answers)["number"] == 2 and taken == ["1", "x", "2", "3"]
    assert len([*answers]) == 3
    assert batches == [[1], [2, 3]]  # A batch of errors alone is not run.


def test_only_errors_of_the_user_become_answers() -> None:
    def damaged(text: str) -> int:
        raise ZeroDivisionError(text)

    with pytest.raises(ZeroDivisionError):
        next(answer_each(["1"], damaged, doubled, count=1))
    path = Path("a") / "b.csv"
    (answer,) = answer_each([path], lambda path: read(path.name), doubled, count=1)
    assert answer == {"input": str(path), "error": "b.csv: is not a number"}


def test_a_file_that_cannot_be_opened_costs_only_itself(tmp_path: Path) -> None:
    (tmp_path / "1").write_text("1")
    paths = [tmp_path / "1", tmp_path / "none", tmp_path, tmp_path / "1"]
    answers = [*answer_each(paths, lambda path: int(path.read_text()), doubled, count=4)]
    assert answers[0] == answers[3] == {"number": 1, "double": 2}
    assert answers[1]["error"] == f"{paths[1]}: cannot be read: No such file or directory."
    assert answers[2] == {
        "input": str(tmp_path),
        "error": f"{tmp_path}: cannot be read: Is a directory.",
    }


def test_facts_are_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    said: set[Fact] = set()
    note_new([Fact("clock", "days"), Fact("gaps", "none")], said)
    note_new([Fact("clock", "days"), Fact("gaps", "3")], said)
    shown = capsys.readouterr().err
    assert [shown.count(text) for text in ("clock: days", "gaps: none", "gaps: 3")] == [1, 1, 1]


def test_texts_must_hold_something() -> None:
    assert not_empty(" a ") == " a "
    for text in ("", " ", "\t\u2003\n"):
        with pytest.raises(UserError, match="is empty; expected text"):
            not_empty(text)
