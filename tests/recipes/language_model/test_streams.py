"""Streams: every token is predicted once, from the one before it, in rows that go on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recipes.kit.vocabulary import Vocabulary
from recipes.language_model import recipe
from recipes.language_model.data import Data
from recipes.language_model.options import Config
from recipes.language_model.streams import Streams

BOUNDARY = 2


def read(streams: Streams, order: tuple[int, int] | None = None) -> list[list[tuple]]:
    """The (inputs, targets) of each document part, row after row, as a reader sees them."""
    parts: list[list[list]] = [[] for _ in range(streams.rows)]
    for inputs, targets in streams.batches(order).as_numpy_iterator():
        assert inputs["tokens"].shape == targets.shape == (streams.rows, streams.steps)
        for row in range(streams.rows):
            if inputs["fresh"][row, 0]:
                parts[row].append([[], []])
            real = inputs["tokens"][row] > 0
            np.testing.assert_array_equal(real, targets[row] >= 0)
            assert not (np.diff(real.astype(int)) > 0).any()  # padding is on the right
            parts[row][-1][0].extend(inputs["tokens"][row][real])
            parts[row][-1][1].extend(targets[row][real])
    return [[(tuple(a), tuple(b)) for a, b in row if a] for row in parts]


@settings(max_examples=30, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=8),
    rows=st.integers(1, 5),
    steps=st.integers(1, 9),
)
def test_every_token_is_predicted_once(lengths: list[int], rows: int, steps: int) -> None:
    ids = np.split(np.arange(3, 3 + sum(lengths)), np.cumsum(lengths)[:-1])
    streams = Streams(ids, rows, steps, BOUNDARY)
    found = [part for row in read(streams, (0, 1)) for part in row]
    targets = [token for part in found for token in part[1]]
    assert sorted(targets) == [BOUNDARY] * len(ids) + list(range(3, 3 + sum(lengths)))
    ends = {int(document[-1]) for document in ids}
    starts = {int(document[0]) for document in ids}
    for inputs, targets in found:
        for before, after in zip(inputs, targets, strict=True):
            if before == BOUNDARY:
                assert after in starts
            elif after == BOUNDARY:
                assert before in ends
            else:
                assert after == before + 1
        assert inputs[1:] == targets[:-1]


def test_one_long_document_fills_all_rows() -> None:
    streams = Streams([np.arange(3, 103)], 4, 5, BOUNDARY)
    rows = read(streams)
    assert [len(row) for row in rows] == [1] * 4
    assert streams.count == 6
    assert rows[1][0][0][0] == rows[0][0][1][-1]  # starts from the last token of the part before


def test_the_order_of_documents_depends_on_seed_and_epoch() -> None:
    ids = [np.full(7, 3 + index) for index in range(12)]
    streams = Streams(ids, 2, 4, BOUNDARY)
    assert read(streams, (0, 0)) == read(streams, (0, 0))
    assert read(streams, (0, 0)) != read(streams, (0, 1))
    assert [sorted(row) for row in read(streams, (0, 0))] == [
        sorted(row) for row in read(streams, (0, 1))
    ]


@pytest.mark.parametrize("rows", [1, 3])
def test_more_rows_than_documents(rows: int) -> None:
    streams = Streams([np.array([5]), np.array([6])], rows, 4, BOUNDARY)
    found = sorted(part for row in read(streams) for part in row)
    assert found == [((2, 5), (5, 2)), ((2, 6), (6, 2))]


@pytest.mark.parametrize("documents", [("a" * 95,), ("a" * 9, "bc", "d" * 30)])
def test_the_amount_of_text_is_that_of_the_batches(documents: tuple[str, ...]) -> None:
    config = Config(steps=10)
    amount = recipe.amount(Data(documents, (), (), (), "", Vocabulary("character", ())), config)
    ids = [np.zeros(len(document), "int32") for document in documents]
    assert amount.steps(1) == Streams(ids, 1, 10, BOUNDARY).count
    assert str(amount) == f"{amount.examples} passages of text"
