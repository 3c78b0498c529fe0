"""Greedy, beam and sampled decoding against enumeration and plain Python in float64."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from layer_checks import to_numpy

from zoo.decoding import beam_search, greedy_search
from zoo.sampling import draw, filter_logits, sample_tokens

pytestmark = pytest.mark.backend

START, END = 2, 1
Row = list[tuple[tuple[int, ...], float, float]]
"""Hypotheses of a row: tokens without the end, score, log-probability; the best first."""


class Tiny:
    """A recurrent step with attention over a context, in NumPy and in Keras.

    States of rank 1 (int32), 2 and 3; a context of rank 3 and its mask.
    """

    def __init__(self, vocabulary: int = 4, seed: int = 0, units: int = 5, width: int = 3) -> None:
        rng = np.random.default_rng(seed)
        self.vocabulary, self.units, self.width = vocabulary, units, width
        shapes = {
            "embedding": (vocabulary, units),
            "recurrent": (units, units),
            "query": (units, width),
            "value": (width, units),
            "output": (units, vocabulary),
            "by_time": (3, vocabulary),
        }
        self.weights = {name: rng.normal(size=shape) for name, shape in shapes.items()}
        self.weights["output"] *= 0.6
        self.steps = 0

    def inputs(self, batch: int, seed: int = 1, time: int = 4) -> list[np.ndarray]:
        rng = np.random.default_rng(seed)
        state = rng.normal(size=(batch, self.units)).astype("float32")
        context = rng.normal(size=(batch, time, self.width)).astype("float32")
        return [state, context, np.arange(time) < rng.integers(1, time + 1, (batch, 1))]

    def states(self, state: Any) -> list[Any]:
        return [
            ops.zeros(ops.shape(state)[:1], dtype="int32"),
            state,
            ops.stack([state, 2 * state], axis=1),
        ]

    def step(self, tokens: Any, states: list[Any], context: list[Any]) -> Any:
        self.steps += 1
        w = {name: ops.convert_to_tensor(x.astype("float32")) for name, x in self.weights.items()}
        clock, h, past = states
        keys, mask = context
        scores = ops.einsum("rw,rtw->rt", ops.matmul(h, w["query"]), keys)
        seen = ops.einsum("rt,rtw->rw", ops.softmax(ops.where(mask, scores, -1e30)), keys)
        new = ops.take(w["embedding"], tokens, axis=0) + ops.matmul(h, w["recurrent"])
        new = ops.tanh(new + ops.matmul(seen, w["value"]))
        logits = ops.matmul(new + past[:, 0], w["output"]) + ops.take(w["by_time"], clock % 3, 0)
        return logits, [clock + 1, new, ops.stack([past[:, 1], new], axis=1)]

    def reference(self, inputs: Sequence[np.ndarray], row: int) -> Callable[..., np.ndarray]:
        """The log-probabilities after a sequence of tokens, from the first step on."""
        w = self.weights
        state, keys, mask = (x[row] for x in inputs)
        state, keys = state.astype("float64"), keys.astype("float64")[mask]

        def log_p(tokens: Sequence[int]) -> np.ndarray:
            h, past = state, [state, 2 * state]
            for clock, token in enumerate([START, *tokens]):
                scores = keys @ (h @ w["query"])
                weights = np.exp(scores - scores.max())
                seen = weights @ keys / weights.sum()
                h = np.tanh(w["embedding"][token] + h @ w["recurrent"] + seen @ w["value"])
                logits = (h + past[0]) @ w["output"] + w["by_time"][clock % 3]
                past = [past[1], h]
            return logits - np.log(np.exp(logits).sum())

        return log_p


def normalised(log_p: float, length: int, alpha: float) -> float:
    return log_p / ((5 + length) / 6) ** alpha


def every_sequence(log_p: Any, vocabulary: int, max_length: int, alpha: float) -> Row:
    """All that end within `max_length` and all that do not, the best first."""
    found: Row = []
    words = [token for token in range(vocabulary) if token != END]
    for length in range(max_length + 1):
        for tokens in itertools.product(words, repeat=length):
            whole = (*tokens, END)[:max_length]
            total = sum(log_p(whole[:i])[token] for i, token in enumerate(whole))
            found.append((tokens, normalised(total, len(whole), alpha), total))
    return sorted(found, key=lambda one: -one[1])


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


def run_beam(model: Tiny, inputs: Sequence[Any], **options: Any) -> list[np.ndarray]:
    state, *context = (ops.convert_to_tensor(x) for x in inputs)
    options = {"start_id": START, "end_id": END, **options}
    found = beam_search(model.step, model.states(state), context=context, **options)
    return [to_numpy(x) for x in found]


def run_greedy(model: Tiny, inputs: Sequence[Any], **options: Any) -> list[np.ndarray]:
    state, *context = (ops.convert_to_tensor(x) for x in inputs)
    options = {"start_id": START, "end_id": END, **options}
    found = greedy_search(model.step, model.states(state), context=context, **options)
    return [to_numpy(x) for x in found]


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


def of_table(table: Any) -> Any:
    """A step whose logits are those of the row of `table` for the token before."""
    table = ops.convert_to_tensor(np.asarray(table, "float32"))
    return lambda tokens, states, context: (ops.take(table, tokens, axis=0), states)


def probabilities(rows: dict[int, dict[int, float]], vocabulary: int) -> np.ndarray:
    """Log-probabilities, impossible where nothing is given; the end follows the end."""
    table = np.full((vocabulary, vocabulary), -np.inf)
    table[:, END] = 0.0
    for before, row in rows.items():
        table[before, END] = -np.inf
        for token, p in row.items():
            table[before, token] = np.log(p)
    return table


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


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_early_stopping_saves_steps_and_changes_nothing(alpha: float) -> None:
    model = Tiny(vocabulary=6, seed=3)
    model.weights["by_time"][:, END] += 4
    inputs = model.inputs(5)
    options = {"max_length": 40, "beam_size": 3, "length_penalty": alpha}
    early = run_beam(model, inputs, **options)
    steps = model.steps
    late = run_beam(model, inputs, early_stopping=False, **options)
    for a, b in zip(early, late, strict=True):
        np.testing.assert_array_equal(a, b)
    if keras.backend.backend() != "jax":  # which traces the step once
        assert model.steps - steps == 40
        assert steps < 30


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


def plain_filter(logits: np.ndarray, temperature: float, top_k: int, top_p: float) -> np.ndarray:
    """Probabilities of one row, without ties."""
    logits = logits.astype("float64") / temperature
    kept = sorted(range(len(logits)), key=lambda i: -logits[i])[: top_k or None]
    p = np.exp(logits - logits.max())
    p /= p[kept].sum()
    total, nucleus = 0.0, []
    for token in kept:
        nucleus.append(token)
        total += p[token]
        if total >= top_p and top_p < 1:
            break
    answer = np.zeros(len(logits))
    answer[nucleus] = p[nucleus] / p[nucleus].sum()
    return answer


@pytest.mark.parametrize("as_tensors", [False, True])
@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.0])
@pytest.mark.parametrize(
    ("top_k", "top_p"), [(0, 1.0), (1, 1.0), (3, 1.0), (50, 1.0), (0, 0.6), (0, 1e-6), (5, 0.8)]
)
def test_filter(temperature: float, top_k: int, top_p: float, as_tensors: bool) -> None:
    logits = 3 * np.random.default_rng(0).normal(size=(2, 6, 11)).astype("float32")
    options: Any = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    if as_tensors:
        options = {name: ops.convert_to_tensor(x) for name, x in options.items()}
    found = filter_logits(logits, **options)
    expected = np.apply_along_axis(plain_filter, -1, logits, temperature, top_k, top_p)
    np.testing.assert_array_equal(np.isfinite(to_numpy(found)), expected > 0)
    np.testing.assert_allclose(to_numpy(ops.softmax(found)), expected, atol=1e-5)
    np.testing.assert_array_equal(to_numpy(ops.max(found, axis=-1)), 0)


def test_filter_by_row() -> None:
    logits = np.random.default_rng(0).normal(size=(3, 9)).astype("float32")
    temperature, top_k, top_p = (
        np.float32([0.5, 1, 2]),
        np.int32([4, 0, 6]),
        np.float32([1, 0.5, 0.9]),
    )
    found = filter_logits(logits, temperature=temperature, top_k=top_k, top_p=top_p)
    for row in range(3):
        expected = plain_filter(logits[row], temperature[row], top_k[row], top_p[row])
        np.testing.assert_allclose(to_numpy(ops.softmax(found))[row], expected, atol=1e-5)


def test_filter_keeps_ties_with_the_last_one_and_what_is_forbidden_out() -> None:
    logits = np.log(np.array([[0.125, 0.5, 0.125, 0.125, 0.125, 1.0]], "float32"))
    logits[0, 5] = -np.inf

    def kept(**options: Any) -> list[bool]:
        return (to_numpy(ops.softmax(filter_logits(logits, **options)))[0] > 0).tolist()

    likeliest = [False, True, False, False, False, False]
    possible = [True] * 5 + [False]
    assert kept(top_k=1) == kept(top_p=0.5) == likeliest
    assert kept(top_k=2) == kept(top_p=0.51) == possible
    assert kept() == kept(top_k=6) == kept(top_p=1.0) == possible
    assert kept(temperature=0) == kept(temperature=ops.array(0.0)) == likeliest


def test_draw_inverts_the_distribution_function() -> None:
    shares = np.array([0.0, 0.25, 0.0, 0.5, 0.25, 0.0])
    with np.errstate(divide="ignore"):
        logits = np.log(shares).astype("float32")
    below = np.nextafter(np.float32(1), np.float32(0))
    uniforms = np.float32([0.0, 0.24, 0.25, 0.5, 0.74, 0.75, 0.9, below])
    found = to_numpy(draw(np.tile(logits, (8, 1)), uniforms))
    np.testing.assert_array_equal(found, [1, 1, 3, 3, 3, 4, 4, 4])
    many = filter_logits(np.random.default_rng(0).normal(size=(2000, 40)), top_k=3)
    found = to_numpy(draw(many, np.tile(np.float32([0.0, below]), 1000)))
    assert np.isfinite(to_numpy(many)[np.arange(2000), found]).all()


def test_sequences_are_drawn_as_often_as_they_are_likely() -> None:
    model, draws = Tiny(seed=2), 20_000
    for name in ("output", "by_time"):  # for none of the 40 sequences to be rare
        model.weights[name] *= 0.4
    inputs = model.inputs(1)
    state, *context = (ops.repeat(x, draws, axis=0) for x in inputs)
    uniforms = np.random.default_rng(1).random((draws, 3), "float32")
    tokens, log_p = sample_tokens(
        model.step, model.states(state), uniforms, context=context, start_id=START, end_id=END
    )
    tokens, log_p = to_numpy(tokens), to_numpy(log_p)
    reference = model.reference(inputs, 0)
    # What is shown is the same for an end and for tokens 0 from there on: told apart by log p.
    expected = every_sequence(reference, 4, 3, 0.0)
    found = np.zeros(len(expected))
    for i, (one, _, total) in enumerate(expected):
        shown = [*one, *[0] * (3 - len(one))]
        found[i] = ((tokens == shown).all(axis=1) & (np.abs(log_p - total) < 1e-4)).sum()
    assert found.sum() == draws
    likely = draws * np.exp([total for _, _, total in expected])
    assert len(likely) == 40 and likely.min() > 5
    assert ((found - likely) ** 2 / likely).sum() < 72  # 0.1 % of draws are above, 39 degrees


def test_cold_and_narrow_sampling_is_greedy_and_repeats_itself() -> None:
    model = Tiny(vocabulary=6, seed=5)
    inputs = model.inputs(20)
    expected = run_greedy(model, inputs, max_length=6)
    state, *context = (ops.convert_to_tensor(x) for x in inputs)

    def sample(seed: int, **options: Any) -> list[np.ndarray]:
        uniforms = np.random.default_rng(seed).random((20, 6), "float32")
        options = {"context": context, "start_id": START, "end_id": END, **options}
        return [
            to_numpy(x) for x in sample_tokens(model.step, model.states(state), uniforms, **options)
        ]

    narrow: list[dict[str, Any]] = [
        {"temperature": 0},
        {"temperature": 1e-4},
        {"temperature": ops.array(0.0)},
        {"top_k": 1},
        {"top_p": 1e-6},
    ]
    for options in narrow:
        for a, b in zip(sample(3, **options), expected, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)
    np.testing.assert_array_equal(sample(3)[0], sample(3)[0])
    assert (sample(3)[0] != sample(4)[0]).any()


@keras.saving.register_keras_serializable(package="test_decoding")
class Translator(keras.layers.Layer):
    """Decodes within `call`: beam search, or sampling where there are uniforms."""

    def __init__(self, vocabulary: int, units: int, max_length: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.vocabulary, self.units, self.max_length = vocabulary, units, max_length
        self.embedding = keras.layers.Embedding(vocabulary, units)
        self.cell = keras.layers.GRUCell(units)
        self.attention = keras.layers.Dense(units)
        self.logits = keras.layers.Dense(vocabulary)

    def get_config(self) -> dict[str, Any]:
        sizes = {name: getattr(self, name) for name in ("vocabulary", "units", "max_length")}
        return {**super().get_config(), **sizes}

    def build(self, input_shape: Any) -> None:
        self.embedding.build((None,))
        self.cell.build((None, self.units + input_shape[-1]))
        self.attention.build((None, self.units))
        self.logits.build((None, self.units))

    def compute_output_spec(self, encoded: Any) -> dict[str, Any]:
        batch, beam = encoded.shape[0], 3
        return {
            "tokens": keras.KerasTensor((batch, beam, self.max_length), "int32"),
            "scores": keras.KerasTensor((batch, beam)),
        }

    def step(self, tokens: Any, states: list[Any], context: list[Any]) -> Any:
        (encoded,), (h,) = context, states
        scores = ops.einsum("rw,rtw->rt", self.attention(h), encoded)
        seen = ops.einsum("rt,rtw->rw", ops.softmax(scores), encoded)
        h, _ = self.cell(ops.concatenate([self.embedding(tokens), seen], axis=-1), [h])
        return self.logits(h), [h]

    def call(self, encoded: Any) -> dict[str, Any]:
        tokens, scores, _ = beam_search(
            self.step,
            [ops.mean(encoded, axis=1)],
            context=[encoded],
            start_id=START,
            end_id=END,
            max_length=self.max_length,
            beam_size=3,
        )
        return {"tokens": tokens, "scores": scores}

    def sample(self, encoded: Any, uniforms: Any, **options: Any) -> dict[str, Any]:
        tokens, log_p = sample_tokens(
            self.step,
            [ops.mean(encoded, axis=1)],
            uniforms,
            context=[encoded],
            start_id=START,
            end_id=END,
            **options,
        )
        return {"tokens": tokens, "log_probability": log_p}


def translator() -> keras.Model:
    keras.utils.set_random_seed(0)
    encoded = keras.Input((None, 6), name="encoded")
    model = keras.Model(encoded, Translator(9, 6, 7, name="translator")(encoded))
    for weight in model.weights:
        weight.assign(2 * ops.convert_to_tensor(weight))
    return model


def encoded(batch: int, time: int) -> np.ndarray:
    return np.random.default_rng(time).normal(size=(batch, time, 6)).astype("float32")


def assert_same(found: Any, expected: Any) -> None:
    assert set(found) == set(expected)
    for name in expected:
        np.testing.assert_allclose(
            to_numpy(found[name]), to_numpy(expected[name]), atol=1e-5, err_msg=name
        )


@pytest.mark.parametrize("jit_compile", [False, True])
def test_within_a_compiled_model(jit_compile: bool) -> None:
    if jit_compile and keras.backend.backend() == "torch":
        pytest.skip("PyTorch runs eagerly")
    model = translator()
    model.compile(jit_compile=jit_compile)
    for batch, time in ((3, 4), (1, 5)):
        x = encoded(batch, time)
        assert_same(model.predict(x, verbose=0), model.get_layer("translator")(x))


def test_saved_and_loaded(tmp_path: Path) -> None:
    model = translator()
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    x = encoded(3, 4)
    assert_same(again.predict(x, verbose=0), model.predict(x, verbose=0))


def test_shapes_and_dtypes_are_inferred_from_symbolic_inputs() -> None:
    layer = Translator(9, 6, 7)
    layer.build((None, None, 6))
    for shape in ((2, 5, 6), (None, None, 6)):
        given = keras.KerasTensor(shape)
        for name, spec in keras.Layer.compute_output_spec(layer, given).items():
            announced = layer.compute_output_spec(given)[name]
            assert (spec.shape, spec.dtype) == (announced.shape, announced.dtype)


#: Runs in a process where importing Keras or any package of ours fails.
ALONE = """
import sys
for name in ("keras", "custom_layers", "zoo", "recipes"):
    sys.modules[name] = None
import numpy as np, tensorflow as tf
served = tf.saved_model.load(sys.argv[1]).signatures
for path in sys.argv[2:]:
    given = {name: tf.constant(x) for name, x in np.load(path).items()}
    beam = served["beam"](encoded=given["encoded"])
    sampled = served["sample"](**given)
    np.savez(path, **{"beam_" + k: v for k, v in beam.items()}, **sampled)
"""


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="SavedModels are TensorFlow's")
def test_saved_model_runs_without_our_packages(tmp_path: Path) -> None:
    import tensorflow as tf

    layer = translator().get_layer("translator")
    x = tf.TensorSpec((None, None, 6), "float32", "encoded")
    settings = [
        tf.TensorSpec((None, None), "float32", "uniforms"),
        tf.TensorSpec((), "float32", "temperature"),
        tf.TensorSpec((), "int32", "top_k"),
        tf.TensorSpec((), "float32", "top_p"),
    ]

    def sample(encoded: Any, uniforms: Any, temperature: Any, top_k: Any, top_p: Any) -> Any:
        return layer.sample(encoded, uniforms, temperature=temperature, top_k=top_k, top_p=top_p)

    archive = keras.export.ExportArchive()
    archive.track(layer)
    archive.add_endpoint("beam", lambda encoded: layer(encoded), input_signature=[x])
    archive.add_endpoint("sample", sample, input_signature=[x, *settings])
    archive.write_out(str(tmp_path / "saved"), verbose=False)
    rng = np.random.default_rng(0)
    every: dict[str, dict[str, Any]] = {}
    for batch, time, length in ((3, 4, 5), (1, 6, 8)):
        path = str(tmp_path / f"{batch}.npz")
        every[path] = {
            "encoded": encoded(batch, time),
            "uniforms": rng.random((batch, length), "float32"),
            "temperature": np.float32(0.7),
            "top_k": np.int32(5),
            "top_p": np.float32(0.9),
        }
        np.savez(path, **every[path])
    words = [sys.executable, "-c", ALONE, str(tmp_path / "saved"), *every]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for path, given in every.items():
        beam = {f"beam_{name}": y for name, y in layer(given["encoded"]).items()}
        assert_same(np.load(path), {**beam, **layer.sample(**given)})


def test_sampling_compiled_is_sampling() -> None:
    model = Tiny(vocabulary=6, seed=5)
    state, *context = model.inputs(4)
    uniforms = np.random.default_rng(0).random((4, 6), "float32")

    def run(state: Any, keys: Any, mask: Any, uniforms: Any, top_p: Any) -> Any:
        options: Any = {"start_id": START, "end_id": END, "top_p": top_p}
        return sample_tokens(
            model.step, model.states(state), uniforms, context=[keys, mask], **options
        )

    given = [ops.convert_to_tensor(x) for x in (state, *context, uniforms, np.float32(0.9))]
    expected = run(*given)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        run = tf.function(run, jit_compile=True)
    elif keras.backend.backend() == "jax":
        import jax

        run = jax.jit(run)
    for a, b in zip(run(*given), expected, strict=True):
        np.testing.assert_allclose(to_numpy(a), to_numpy(b), atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_length": 0}, "`max_length` must be an integer of at least 1, found 0"),
        ({"max_length": 2.0}, "`max_length` must be an integer of at least 1, found 2.0"),
        ({"beam_size": 0}, "`beam_size` must be an integer of at least 1, found 0"),
        ({"length_penalty": -0.1}, "`length_penalty` must be at least 0, found -0.1"),
        ({"length_penalty": float("nan")}, "`length_penalty` must be at least 0, found nan"),
        ({"end_id": -1}, "`end_id` must be an integer of at least 0, found -1"),
        ({"end_id": 4}, r"vocabulary above `end_id` = 4, found shape \(4, 4\)"),
        ({"start_id": [[2]]}, r"`start_id` must be an integer or of shape \(batch,\)"),
        ({"start_id": 2}, r"`start_id` must have shape \(batch,\), found 2"),
        ({"context": [1.0]}, r"`context\[0\]` must have shape \(batch, ...\)"),
        ({"context": [np.zeros((2, 3))]}, r"of one batch size, found \[1, 2\]"),
    ],
)
def test_wrong_options_of_the_beam(options: dict[str, Any], message: str) -> None:
    given = {"start_id": [2], "end_id": END, "max_length": 3, **options}
    with pytest.raises(ValueError, match=message):
        beam_search(of_table(np.zeros((4, 4))), [], **given)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -1.0}, "`temperature` must be at least 0, found -1.0"),
        ({"temperature": float("nan")}, "`temperature` must be at least 0, found nan"),
        ({"top_k": -1}, "`top_k` must be an integer of at least 0, found -1"),
        ({"top_k": 2.5}, "`top_k` must be an integer of at least 0, found 2.5"),
        ({"top_p": 0.0}, "`top_p` must be above 0 and at most 1, found 0.0"),
        ({"top_p": 1.5}, "`top_p` must be above 0 and at most 1, found 1.5"),
        ({"uniforms": np.zeros(3)}, r"`uniforms` must have shape \(batch, max_length\)"),
    ],
)
def test_wrong_options_of_sampling(options: dict[str, Any], message: str) -> None:
    given = {"uniforms": np.zeros((1, 3)), "start_id": [2], "end_id": END, **options}
    with pytest.raises(ValueError, match=message):
        sample_tokens(of_table(np.zeros((4, 4))), [], **given)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (lambda tokens, states: (ops.zeros((2, 1, 4)), states), "`step` must return logits"),
        (lambda tokens, states: (ops.zeros((2, 4)), []), "states like those it got"),
        (lambda tokens, states: (ops.zeros((2, 4)), [tokens]), "states like those it got"),
        (
            lambda tokens, states: (ops.zeros((2, 4)), [states[0][:, :2]]),
            "states like those it got",
        ),
    ],
)
def test_wrong_steps(returned: Any, message: str) -> None:
    def step(tokens: Any, states: list[Any], _: list[Any]) -> Any:
        return returned(tokens, states)

    with pytest.raises(ValueError, match=message):
        greedy_search(step, [ops.zeros((2, 3))], start_id=2, end_id=1, max_length=3)
