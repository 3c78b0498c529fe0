"""Searches over CTC paths against all paths, and against a search with dictionaries."""

from __future__ import annotations

import functools
import itertools

import keras
import numpy as np
import pytest
from compiled import jitted
from layer_checks import to_numpy

import zoo
from custom_layers import blank_where_masked

pytestmark = pytest.mark.backend


def random_log_probs(rows: int, frames: int, classes: int, seed: int = 0) -> np.ndarray:
    logits = np.random.default_rng(seed).normal(0, 1.5, (rows, frames, classes))
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def spoken(path) -> tuple[int, ...]:
    return tuple(int(label) for label, _ in itertools.groupby(path) if label)


def texts(labels: np.ndarray) -> list[tuple[int, ...]]:
    """Labels without the zeros, which stand behind them."""
    found = []
    for row in labels:
        count = int((row > 0).sum())
        assert (row[count:] == 0).all() and (row[:count] > 0).all()
        found.append(tuple(int(label) for label in row[:count]))
    return found


def all_texts(log_probs: np.ndarray) -> dict[tuple[int, ...], float]:
    """The probability of everything that can be said, over all paths."""
    total: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(log_probs.shape[1]), repeat=len(log_probs)):
        p = np.exp(sum(log_probs[t, c] for t, c in enumerate(path)))
        total[spoken(path)] = total.get(spoken(path), 0.0) + p
    return total


def search_with_dictionaries(
    log_probs: np.ndarray, beam: int, share: float = 0.0
) -> dict[tuple[int, ...], float]:
    """Prefix beam search as textbooks have it: prefixes are keys."""
    p = np.exp(log_probs)
    beams = {(): (1.0, 0.0)}
    for frame in p:
        new: dict[tuple[int, ...], list[float]] = {}
        for prefix, (blank, label) in beams.items():
            same = new.setdefault(prefix, [0.0, 0.0])
            same[0] += (blank + label) * frame[0]
            if prefix:
                same[1] += label * frame[prefix[-1]]
            for c in np.flatnonzero(frame[1:] >= share * frame.max()) + 1:
                before = blank if prefix and prefix[-1] == c else blank + label
                new.setdefault((*prefix, int(c)), [0.0, 0.0])[1] += before * frame[c]
        best = sorted(new, key=lambda prefix: -sum(new[prefix]))[:beam]
        beams = {prefix: tuple(new[prefix]) for prefix in best}
    return {prefix: sum(pair) for prefix, pair in beams.items()}


def test_greedy_search() -> None:
    log_probs = random_log_probs(6, 9, 4)
    labels, scores = jitted(zoo.ctc_greedy_search)(log_probs.astype("float32"))
    assert texts(to_numpy(labels)) == [spoken(row.argmax(-1)) for row in log_probs]
    np.testing.assert_allclose(to_numpy(scores), log_probs.max(-1).sum(-1), rtol=1e-5)


def test_a_wide_beam_finds_everything() -> None:
    log_probs = random_log_probs(3, 5, 3)
    labels, scores = jitted(lambda x: zoo.ctc_beam_search(x, beam_size=70))(
        log_probs.astype("float32")
    )
    for row in range(3):
        want = all_texts(log_probs[row])
        probabilities = np.exp(to_numpy(scores)[row])
        pairs = zip(texts(to_numpy(labels)[row]), probabilities, strict=True)
        found = {text: p for text, p in pairs if p > 0}
        assert sum(p > 0 for p in probabilities) == len(want)
        for text, p in want.items():
            assert found[text] == pytest.approx(p, rel=1e-4)
        assert probabilities.tolist() == sorted(probabilities, reverse=True)
        assert probabilities.sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("share", [0.0, 0.3])
@pytest.mark.parametrize("beam", [1, 3, 8])
def test_a_narrow_beam_is_that_of_the_textbook(beam: int, share: float) -> None:
    log_probs = random_log_probs(4, 14, 5, seed=beam)
    labels, scores = jitted(lambda x: zoo.ctc_beam_search(x, beam_size=beam, least_share=share))(
        log_probs.astype("float32")
    )
    for row in range(4):
        want = search_with_dictionaries(log_probs[row], beam, share)
        found = dict(zip(texts(to_numpy(labels)[row]), to_numpy(scores)[row], strict=True))
        assert found.keys() == want.keys()
        for text, p in want.items():
            assert np.exp(found[text]) == pytest.approx(p, rel=1e-3)


def test_a_beam_finds_what_no_single_path_says() -> None:
    log_probs = np.log([[[0.6, 0.4], [0.6, 0.4]]]).astype("float32")
    assert texts(to_numpy(zoo.ctc_greedy_search(log_probs)[0])) == [()]
    assert texts(to_numpy(zoo.ctc_beam_search(log_probs, beam_size=2)[0])[0]) == [(1,), ()]


def unsure_log_probs(frames: int = 250, classes: int = 12) -> np.ndarray:
    """At each frame blank is the likeliest by far, and each label about as likely as the others."""
    noise = np.random.default_rng(3).normal(0, 0.2, (4, frames, classes))
    logits = noise + 2.3 * (np.arange(classes) == 0)
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def test_an_unsure_model_writes_no_more_than_its_best_path() -> None:
    log_probs = unsure_log_probs().astype("float32")
    assert not to_numpy(zoo.ctc_greedy_search(log_probs)[0]).any()
    exact, _ = jitted(zoo.ctc_beam_search)(log_probs)
    assert min(len(text[0]) for text in map(texts, to_numpy(exact))) > 5
    pruned, scores = jitted(lambda x: zoo.ctc_beam_search(x, least_share=0.2))(log_probs)
    assert max(len(text[0]) for text in map(texts, to_numpy(pruned))) <= 1
    assert np.isfinite(to_numpy(scores)[:, 0]).all()


def test_a_sure_model_says_the_same_with_pruning() -> None:
    random = np.random.default_rng(0)
    paths = random.integers(0, 6, (8, 20))
    logits = random.normal(0, 1, (8, 20, 6)) + 9.0 * np.eye(6)[paths]
    logits = logits.astype("float32")
    (exact, scores), (pruned, others) = (
        jitted(lambda x, share=share: zoo.ctc_beam_search(x, least_share=share))(logits)
        for share in (0.0, 0.2)
    )
    np.testing.assert_array_equal(to_numpy(exact)[:, 0], to_numpy(pruned)[:, 0])
    np.testing.assert_allclose(to_numpy(scores)[:, 0], to_numpy(others)[:, 0], atol=0.05)


def test_only_the_best_class_extends() -> None:
    log_probs = random_log_probs(3, 12, 5, seed=4).astype("float32")
    labels, _ = jitted(lambda x: zoo.ctc_beam_search(x, beam_size=4, least_share=1.0))(log_probs)
    for row, found in zip(log_probs, to_numpy(labels), strict=True):
        best = row.argmax(-1)
        assert set(texts(found)[0]) <= {int(label) for label in best if label}


def test_frames_beyond_the_end_say_nothing() -> None:
    log_probs = random_log_probs(2, 6, 4).astype("float32")
    padded = np.pad(log_probs, ((0, 0), (0, 3), (0, 0)), constant_values=7.0)
    padded = blank_where_masked(padded, np.arange(9) < np.array([[6], [6]]))
    beam = functools.partial(zoo.ctc_beam_search, beam_size=4)
    for search in (zoo.ctc_greedy_search, beam, functools.partial(beam, least_share=0.2)):
        (labels, scores), (others, other_scores) = search(log_probs), search(padded)
        np.testing.assert_array_equal(to_numpy(labels), to_numpy(others)[..., :6])
        np.testing.assert_allclose(to_numpy(scores), to_numpy(other_scores), atol=1e-4)


def test_fewer_texts_than_the_beam_holds() -> None:
    log_probs = random_log_probs(2, 3, 3).astype("float32")
    marked = blank_where_masked(log_probs, np.arange(3) < np.array([[1], [0]]))
    labels, scores = (
        to_numpy(x) for x in jitted(lambda x: zoo.ctc_beam_search(x, beam_size=6))(marked)
    )
    assert set(texts(labels[0])[:3]) == {(), (1,), (2,)} and np.isfinite(scores[0, :3]).all()
    assert np.isneginf(scores[0, 3:]).all() and not labels[0, 3:].any()
    assert scores[1, 0] == 0 and np.isneginf(scores[1, 1:]).all() and not labels[1].any()


def test_a_graph_for_any_length() -> None:
    if keras.backend.backend() != "tensorflow":
        pytest.skip("a graph of unknown shapes is TensorFlow's")
    import tensorflow as tf

    signature = [tf.TensorSpec([None, None, 4])]
    pruned = functools.partial(zoo.ctc_beam_search, least_share=0.2)
    for search in (zoo.ctc_greedy_search, zoo.ctc_beam_search, pruned):
        graph = tf.function(search, input_signature=signature)
        for rows, frames in ((3, 6), (1, 11)):
            x = random_log_probs(rows, frames, 4).astype("float32")
            for found, want in zip(graph(x), search(x), strict=True):
                np.testing.assert_allclose(found.numpy(), to_numpy(want), rtol=1e-5)


def test_wrong_arguments() -> None:
    with pytest.raises(ValueError, match="`beam_size` must be a positive integer"):
        zoo.ctc_beam_search(np.zeros((1, 2, 3), "float32"), beam_size=0)
    with pytest.raises(ValueError, match="`least_share` must be"):
        zoo.ctc_beam_search(np.zeros((1, 2, 3), "float32"), least_share=1.5)
    with pytest.raises(ValueError, match="`logits` must have shape"):
        zoo.ctc_greedy_search(np.zeros((2, 3), "float32"))
