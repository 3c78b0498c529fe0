"""Beam search against enumeration and the rules in plain Python, in float64."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import pytest
from decoding_cases import (
    END,
    START,
    Row,
    Tiny,
    every_sequence,
    normalised,
    of_table,
    probabilities,
    run_beam,
)
from keras import ops
from layer_checks import to_numpy

from zoo.decoding.beam import beam_search

pytestmark = pytest.mark.backend


def plain_beam_search(log_p: Any, beam_size: int, max_length: int, alpha: float) -> Row:
    """The rules as they are written, without early stopping."""
    finished: Row = []
    beam: list[tuple[tuple[int, ...], float]] = [((), 0.0)]
    for _ in range(max_length):
        every = [
            ((*tokens, token), total + more)
            for tokens, total in beam
            for token, more in enumerate(log_p(tokens))
        ]
        every = sorted(every, key=lambda one: -one[1])[:beam_size]
        for tokens, total in every:
            if tokens[-1] == END:
                score = normalised(total, len(tokens), alpha)
                finished.append((tokens[:-1], score, total))
        beam = [one for one in every if one[0][-1] != END]
    finished += [(tokens, normalised(p, max_length, alpha), p) for tokens, p in beam]
    return sorted(finished, key=lambda one: -one[1])[:beam_size]


def assert_row(found: Sequence[np.ndarray], expected: Row) -> None:
    """Tokens alike and in the same order, numbers to 1e-5."""
    tokens, scores, log_p = found
    gaps = -np.diff([score for _, score, _ in expected])
    assert gaps.min(initial=1) > 1e-5, "too near to each other to be told apart in float32"
    length = tokens.shape[-1]
    padded = [(*one, *[0] * (length - len(one))) for one, _, _ in expected]
    np.testing.assert_array_equal(tokens[: len(expected)], padded)
    np.testing.assert_allclose(scores[: len(expected)], [s for _, s, _ in expected], atol=1e-5)
    np.testing.assert_allclose(log_p[: len(expected)], [p for _, _, p in expected], atol=1e-5)
    assert np.isneginf(scores[len(expected) :]).all()
    assert np.isneginf(log_p[len(expected) :]).all()
    assert not tokens[len(expected) :].any()


@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.5])
def test_beam_as_wide_as_the_space_finds_every_sequence_in_order(alpha: float) -> None:
    model = Tiny(seed=2)
    inputs = model.inputs(2)
    found = run_beam(model, inputs, max_length=4, beam_size=125, length_penalty=alpha)
    for row in range(2):
        expected = every_sequence(model.reference(inputs, row), 4, 4, alpha)
        assert len(expected) == 121
        assert_row([x[row] for x in found], expected)
        assert math.fsum(np.exp(p) for _, _, p in expected) == pytest.approx(1)


@pytest.mark.parametrize(
    ("beam_size", "alpha"), [(1, 0.0), (2, 0.0), (2, 2.0), (3, 0.6), (5, 0.6), (5, 2.0)]
)
def test_narrow_beam_is_the_plain_one(beam_size: int, alpha: float) -> None:
    model = Tiny(vocabulary=6, seed=3)
    inputs = model.inputs(7)
    found = run_beam(model, inputs, max_length=7, beam_size=beam_size, length_penalty=alpha)
    lengths = set()
    for row in range(7):
        expected = plain_beam_search(model.reference(inputs, row), beam_size, 7, alpha)
        assert_row([x[row] for x in found], expected)
        lengths |= {len(tokens) for tokens, _, _ in expected}
    assert len(lengths) > 2


def test_length_penalty_changes_the_winner() -> None:
    # At once the end, with 0.4; or three tokens and the end, with 0.6 * 0.6.
    table = probabilities({2: {END: 0.4, 3: 0.6}, 3: {4: 0.6, 5: 0.4}, 4: {6: 1.0}}, 7)
    table[5] = table[4]
    options: Any = {"start_id": [2], "end_id": END, "max_length": 8, "beam_size": 3}
    for alpha, tokens in ((0.0, []), (1.0, [3, 4, 6])):
        found = beam_search(of_table(table), [], length_penalty=alpha, **options)
        best, scores, log_p = (to_numpy(x)[0, 0] for x in found)
        np.testing.assert_array_equal(best, tokens + [0] * (8 - len(tokens)))
        expected = np.log(0.36 if tokens else 0.4)
        assert log_p == pytest.approx(expected, abs=1e-6)
        assert scores == pytest.approx(expected / ((5 + len(tokens) + 1) / 6) ** alpha, abs=1e-6)


def test_few_sequences_leave_the_rest_of_the_beam_empty() -> None:
    table = probabilities({2: {END: 0.25, 3: 0.75}}, 4)
    found = beam_search(of_table(table), [], start_id=[2], end_id=END, max_length=3, beam_size=4)
    tokens, scores, log_p = (to_numpy(x)[0] for x in found)
    np.testing.assert_array_equal(tokens, [[3, 0, 0], [0] * 3, [0] * 3, [0] * 3])
    np.testing.assert_allclose(log_p, [np.log(0.75), np.log(0.25), -np.inf, -np.inf], rtol=1e-6)
    assert not np.isnan(scores).any()


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_early_stopping_saves_steps_and_changes_nothing(alpha: float) -> None:
    model = Tiny(vocabulary=6, seed=3)
    model.weights["by_time"][:, END] += 4
    inputs = model.inputs(5)
    options = {"max_length": 24, "beam_size": 3, "length_penalty": alpha}
    early = run_beam(model, inputs, **options)
    steps = model.steps
    late = run_beam(model, inputs, early_stopping=False, **options)
    for a, b in zip(early, late, strict=True):
        np.testing.assert_array_equal(a, b)
    if keras.backend.backend() != "jax":  # which traces the step once
        assert model.steps - steps == 24
        assert steps < 20


def test_early_stopping_waits_for_what_may_still_win() -> None:
    """After the first step one is finished with 0.51, but 0.49 goes on for long without loss."""
    chain = {token: {token + 1: 1.0} for token in range(3, 9)}
    table = probabilities({2: {END: 0.51, 3: 0.49}, **chain}, 10)
    found = beam_search(
        of_table(table),
        [],
        start_id=[2],
        end_id=END,
        max_length=12,
        beam_size=2,
        length_penalty=1.0,
    )
    tokens, _, log_p = (to_numpy(x)[0] for x in found)
    np.testing.assert_array_equal(tokens[0], [3, 4, 5, 6, 7, 8, 9, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(log_p, np.log([0.49, 0.51]), rtol=1e-5)


def test_context_stays_where_it_is() -> None:
    """A beam gets each row of it `beam_size` times, side by side, the same at every step."""
    model = Tiny(vocabulary=6, seed=3)
    state, *context = (ops.convert_to_tensor(x) for x in model.inputs(3))
    seen: list[Any] = []

    def step(tokens: Any, states: list[Any], context: list[Any]) -> Any:
        seen.append(context)
        return model.step(tokens, states, context)

    options: Any = {"start_id": START, "end_id": END, "max_length": 4, "beam_size": 3}
    beam_search(step, model.states(state), context=context, **options)
    assert all(a is b for later in seen for a, b in zip(later, seen[0], strict=True))
    if keras.backend.backend() != "jax":  # where it is a tracer by now
        for whole, repeated in zip(context, seen[0], strict=True):
            np.testing.assert_array_equal(to_numpy(repeated), np.repeat(to_numpy(whole), 3, axis=0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_length": 0}, "`max_length` must be a positive integer, found 0"),
        ({"max_length": 2.0}, "`max_length` must be a positive integer, found 2.0"),
        ({"beam_size": 0}, "`beam_size` must be a positive integer, found 0"),
        ({"length_penalty": -0.1}, "`length_penalty` must be at least 0, found -0.1"),
        ({"length_penalty": float("nan")}, "`length_penalty` must be at least 0, found nan"),
        ({"end_id": -1}, "`end_id` must be a non-negative integer, found -1"),
        ({"end_id": 4}, r"vocabulary above `end_id` 4, found shape \(4, 4\)"),
        ({"start_id": [[2]]}, r"`start_id` must be an integer or of shape \(batch,\)"),
        ({"start_id": 2}, r"`start_id` must have shape \(batch,\), found 2"),
        ({"context": [1.0]}, r"`context\[0\]` must have shape \(batch, ...\)"),
        ({"context": [np.zeros((2, 3))]}, r"the same batch size, found \[1, 2\]"),
    ],
)
def test_wrong_options_of_the_beam(options: dict[str, Any], message: str) -> None:
    given = {"start_id": [2], "end_id": END, "max_length": 3, **options}
    with pytest.raises(ValueError, match=message):
        beam_search(of_table(np.zeros((4, 4))), [], **given)
