"""Greedy search against the plain argmax, and what all kinds of decoding have in common."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from decoding_cases import END, Tiny, of_table, probabilities, run_beam, run_greedy
from keras import ops
from layer_checks import to_numpy

from zoo.decoding.beam import beam_search
from zoo.decoding.greedy import greedy_search
from zoo.decoding.sampling import sample_tokens

pytestmark = pytest.mark.backend


def test_greedy_is_a_beam_of_one_and_the_plain_argmax() -> None:
    model = Tiny(vocabulary=6, seed=5)
    inputs = model.inputs(20)
    tokens, log_p = run_greedy(model, inputs, max_length=6)
    of_beam, scores, of_beam_log_p = run_beam(
        model, inputs, max_length=6, beam_size=1, length_penalty=0.0
    )
    np.testing.assert_array_equal(of_beam[:, 0], tokens)
    np.testing.assert_allclose(of_beam_log_p[:, 0], log_p, rtol=1e-6)
    np.testing.assert_array_equal(scores, of_beam_log_p)
    assert tokens.dtype == "int32" and log_p.dtype == "float32"
    for row in range(20):
        reference, expected, total = model.reference(inputs, row), [], 0.0
        while len(expected) < 6 and END not in expected:
            next_log_p = reference(expected)
            expected.append(int(next_log_p.argmax()))
            total += next_log_p.max()
        shown = [token for token in expected if token != END]
        np.testing.assert_array_equal(tokens[row], shown + [0] * (6 - len(shown)))
        assert log_p[row] == pytest.approx(total, abs=1e-5)


def test_end_at_the_last_step_and_none_at_all() -> None:
    table = probabilities({2: {3: 1.0}, 3: {4: 1.0}, 4: {5: 1.0}, 5: {END: 1.0}}, 6)
    for max_length, expected in ((4, [3, 4, 5, 0]), (3, [3, 4, 5]), (2, [3, 4]), (1, [3])):
        options: Any = {"start_id": [2], "end_id": END, "max_length": max_length}
        tokens, _ = greedy_search(of_table(table), [], **options)
        np.testing.assert_array_equal(to_numpy(tokens)[0], expected)
        tokens, scores, _ = beam_search(of_table(table), [], **options)
        np.testing.assert_array_equal(to_numpy(tokens)[0, 0], expected)
        np.testing.assert_allclose(to_numpy(scores)[0, 0], 0, atol=1e-6)
    round_and_round = np.roll(np.eye(3), 1, axis=1)
    tokens, _ = greedy_search(
        of_table(round_and_round), [], start_id=[0], end_id=None, max_length=5
    )
    np.testing.assert_array_equal(to_numpy(tokens), [[1, 2, 0, 1, 2]])


def test_ties_go_to_the_smaller_token_and_the_first_found() -> None:
    options: Any = {"start_id": [2], "end_id": END, "max_length": 2}
    equal = of_table(np.zeros((4, 4)))
    tokens, _ = greedy_search(equal, [], **options)
    np.testing.assert_array_equal(to_numpy(tokens), [[0, 0]])
    tokens, _, log_p = beam_search(equal, [], beam_size=1, **options)
    np.testing.assert_array_equal(to_numpy(tokens), [[[0, 0]]])
    np.testing.assert_allclose(to_numpy(log_p), 2 * np.log(1 / 4), rtol=1e-6)


@pytest.mark.parametrize("kind", ["beam", "greedy", "sample"])
def test_rows_do_not_see_each_other(kind: str) -> None:
    model = Tiny(vocabulary=6, seed=3)
    inputs = model.inputs(6)
    starts = np.array([2, 3, 4, 5, 0, 2], "int32")
    uniforms = np.random.default_rng(0).random((6, 5)).astype("float32")

    def decode(rows: Any) -> list[np.ndarray]:
        state, *context = (ops.convert_to_tensor(x[rows]) for x in inputs)
        options: Any = {"context": context, "start_id": starts[rows], "end_id": END}
        if kind == "sample":
            found = sample_tokens(model.step, model.states(state), uniforms[rows], **options)
        else:
            function = beam_search if kind == "beam" else greedy_search
            found = function(model.step, model.states(state), max_length=5, **options)
        return [to_numpy(x) for x in found]

    whole = decode(slice(None))
    order = np.array([4, 2, 0, 5, 1, 3])
    for rows in (order, [0], [3], [5]):
        for a, b in zip(decode(rows), whole, strict=True):
            np.testing.assert_allclose(a, b[rows], atol=1e-6)
    assert len({tuple(row.ravel()) for row in whole[0]}) > 3


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (lambda tokens, states: (ops.zeros((2, 1, 4)), states), "`step` must return logits"),
        (lambda tokens, states: (ops.zeros((2, 4)), []), "states of the dtypes and shapes"),
        (lambda tokens, states: (ops.zeros((2, 4)), [tokens]), "states of the dtypes and shapes"),
        (
            lambda tokens, states: (ops.zeros((2, 4)), [states[0][:, :2]]),
            "states of the dtypes and shapes",
        ),
    ],
)
def test_wrong_steps(returned: Any, message: str) -> None:
    def step(tokens: Any, states: list[Any], _: list[Any]) -> Any:
        return returned(tokens, states)

    with pytest.raises(ValueError, match=message):
        greedy_search(step, [ops.zeros((2, 3))], start_id=2, end_id=1, max_length=3)
