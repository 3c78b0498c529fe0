"""The CRF in models that learn and tag, its contract as a layer, and what it refuses."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from layer_checks import CHECKS, LayerCase, to_numpy

from custom_layers import (
    CRF,
    CRFLoss,
    CRFMarginals,
    ViterbiDecode,
    crf_log_likelihood,
    crf_log_partition,
    crf_marginals,
    viterbi_decode,
)

pytestmark = pytest.mark.backend


def tagging_model(tags: int = 3, **layer_config: Any) -> tuple[Any, Any]:
    """A model that learns and one that tags; inputs of zeros are masked."""
    inputs = keras.Input((None, 4), name="inputs")
    mask = ops.any(ops.not_equal(inputs, 0), axis=-1)
    emissions = keras.layers.Dense(tags)(inputs)
    potentials = CRF(tags, name="crf", **layer_config)(emissions, mask=mask)
    return (
        keras.Model(inputs, potentials),
        keras.Model(inputs, ViterbiDecode(name="tags")(potentials)),
    )


def tagging_data(batch: int, time: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A tag is told by the first input; the others are noise. Sentences differ in length."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(batch, time, 4)).astype("float32")
    tags = np.digitize(x[..., 0], [-0.5, 0.5])
    padding = np.arange(time) >= rng.integers(1, time + 1, size=batch)[:, None]
    padding[0] = True
    return np.where(padding[..., None], 0, x), np.where(padding, -1, tags)


@pytest.mark.parametrize(("jit_compile", "policy"), [(False, "float32"), (True, "mixed_bfloat16")])
def test_learns_with_any_length_and_is_saved(jit_compile: bool, policy: str, tmp_path) -> None:
    backend = keras.backend.backend()  # torch.compile is not XLA, JAX without it is only slow
    jit_compile = {"torch": False, "jax": True}.get(backend, jit_compile)
    previous = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        keras.utils.set_random_seed(0)
        model, tagger = tagging_model()
        optimizer = keras.optimizers.Adam(0.1)
        model.compile(optimizer, loss=CRFLoss(), jit_compile=jit_compile)
        x, tags = tagging_data(16, 7)
        before = model.evaluate(x, tags, verbose=0)
        model.fit(x, tags, batch_size=8, epochs=4, verbose=0)
        model.fit(*tagging_data(8, 4), batch_size=8, epochs=1, verbose=0)
        after = model.evaluate(x, tags, verbose=0)
        assert 0 < after < before / 1.3
        assert all(np.isfinite(to_numpy(w)).all() for w in model.weights)
        model.save(tmp_path / "model.keras")
        tagger.save(tmp_path / "tagger.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        np.testing.assert_allclose(loaded.evaluate(x, tags, verbose=0), after, rtol=1e-3)
        loaded = keras.saving.load_model(tmp_path / "tagger.keras")
        predicted = loaded.predict(x, verbose=0)
        assert predicted.dtype == np.int32 and predicted.shape == tags.shape
        np.testing.assert_array_equal(predicted, tagger.predict(x, verbose=0))
    finally:
        keras.config.set_dtype_policy(previous)


def test_mask_that_comes_with_the_input_is_used_and_not_passed_on() -> None:
    inputs = keras.Input((None,), dtype="int32")
    vectors = keras.layers.Embedding(7, 3, mask_zero=True)(inputs)
    layer = CRF(3)
    model = keras.Model(inputs, layer(vectors))
    words = np.array([[1, 2, 3, 0], [4, 0, 0, 0]])
    potentials = to_numpy(model(words))
    np.testing.assert_array_equal(potentials[1, 2], np.where(np.eye(3) == 1, 0, np.float32(-1e30)))
    assert layer.compute_mask(vectors, words != 0) is None


CASES = {
    "CRF": LayerCase(
        CRF,
        {"num_tags": 3, "transition_initializer": "normal", "transition_regularizer": "l2"},
        (2, 5, 3),
        trainable_weights=3,
        output_shape=(2, 5, 3, 3),
        output_dtype="float32",
        masking="any",
    ),
    "constrained": LayerCase(
        CRF,
        {
            "num_tags": 3,
            "use_boundary": False,
            "allowed_transitions": [[1, 1, 0], [1, 1, 1], [1, 1, 1]],
            "allowed_starts": [1, 1, 0],
        },
        (3, 4, 3),
        trainable_weights=1,
        output_dtype="float32",
        masking="any",
    ),
    "CRFMarginals": LayerCase(
        CRFMarginals,
        {},
        (2, 5, 3, 3),
        trainable_weights=0,
        output_shape=(2, 5, 3),
        output_dtype="float32",
    ),
    "ViterbiDecode": LayerCase(
        ViterbiDecode,
        {},
        (2, 5, 3, 3),
        trainable_weights=0,
        output_shape=(2, 5),
        output_dtype="int32",
    ),
}
# The fit of the contract is a regression, for which scores of -10000 are no inputs.
CONTRACT = [(c, n) for c in CASES for n in CHECKS if (c, n) != ("constrained", "fit")]


@pytest.mark.parametrize(("case", "name"), CONTRACT)
def test_layer_contract(case: str, name: str) -> None:
    CHECKS[name](CASES[case])


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"num_tags": 0}, "`num_tags` must be a positive integer, found 0"),
        ({"num_tags": 2.0}, "`num_tags` must be a positive integer, found 2.0"),
        (
            {"num_tags": 2, "allowed_transitions": [[1, 1]]},
            r"`allowed_transitions` must have shape \(2, 2\), found \(1, 2\)",
        ),
        (
            {"num_tags": 2, "allowed_starts": [1, 1, 1]},
            r"`allowed_starts` must have shape \(2,\), found \(3,\)",
        ),
        ({"num_tags": 2, "allowed_starts": [1, 2]}, "`allowed_starts` must hold only 0 and 1"),
        ({"num_tags": 2, "allowed_starts": [0, 0]}, "`allowed_starts` must allow something"),
    ],
)
def test_unfit_configuration_is_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CRF(**config)


def test_unfit_shapes_are_refused() -> None:
    x = np.zeros((2, 4, 3), "float32")
    with pytest.raises(ValueError, match=r"num_tags=5\), found \(2, 4, 3\)"):
        CRF(5)(x)
    with pytest.raises(ValueError, match=r"num_tags=3\), found \(4, 3\)"):
        CRF(3)(x[0])
    with pytest.raises(ValueError, match=r"`mask` must have shape \(batch, time\), found \(2,\)"):
        CRF(3)(x, mask=np.ones(2, bool))
    for function in (crf_log_partition, viterbi_decode, crf_marginals, ViterbiDecode()):
        with pytest.raises(ValueError, match=r"`potentials` must have shape .*\(2, 4, 3\)"):
            function(x)
    with pytest.raises(ValueError, match=r"`tags` must have shape \(batch, time\), found \(2,\)"):
        crf_log_likelihood(CRF(3)(x), np.zeros(2, int))
