"""What sampling leaves of a distribution, and that it draws by what is left."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from decoding_cases import END, START, Tiny, every_sequence, of_table, run_greedy
from keras import ops
from layer_checks import to_numpy

from zoo.decoding.sampling import draw, filter_logits, sample_tokens

pytestmark = pytest.mark.backend


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
        ({"temperature": -1.0}, "`temperature` must be at least 0, found -1.0"),
        ({"temperature": float("nan")}, "`temperature` must be at least 0, found nan"),
        ({"top_k": -1}, "`top_k` must be a non-negative integer, found -1"),
        ({"top_k": 2.5}, "`top_k` must be a non-negative integer, found 2.5"),
        ({"top_p": 0.0}, "`top_p` must be above 0 and at most 1, found 0.0"),
        ({"top_p": 1.5}, "`top_p` must be above 0 and at most 1, found 1.5"),
        ({"uniforms": np.zeros(3)}, r"`uniforms` must have shape \(batch, max_length\)"),
    ],
)
def test_wrong_options_of_sampling(options: dict[str, Any], message: str) -> None:
    given = {"uniforms": np.zeros((1, 3)), "start_id": [2], "end_id": END, **options}
    with pytest.raises(ValueError, match=message):
        sample_tokens(of_table(np.zeros((4, 4))), [], **given)
