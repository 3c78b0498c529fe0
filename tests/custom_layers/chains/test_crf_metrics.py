"""Metrics of tags: equal to seqeval and to NumPy, batch by batch, and in `fit`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from layer_checks import to_numpy
from seqeval.metrics import f1_score
from seqeval.scheme import IOB2, IOBES

from custom_layers import CRF, CRFEntityF1, CRFLoss, CRFTagAccuracy, viterbi_decode

pytestmark = pytest.mark.backend

SCHEMES = {"IOB2": (IOB2, "BI"), "BIOES": (IOBES, "BIES")}


def names(scheme: str) -> list[str]:
    _, prefixes = SCHEMES[scheme]
    return ["O", *(f"{p}-{kind}" for p in prefixes for kind in ("PER", "LOC"))]


def random_tags(count: int, rows: int, time: int, seed: int) -> np.ndarray:
    """Long runs, so that there are entities, and steps that do not count in between."""
    rng = np.random.default_rng(seed)
    tags = rng.integers(0, count, (rows, time))
    repeated = rng.random((rows, time)) < 0.4
    for t in range(1, time):
        tags[:, t] = np.where(repeated[:, t], tags[:, t - 1], tags[:, t])
    return tags


def case(scheme: str, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True tags, predicted tags, and scores whose best tags these are."""
    count = len(names(scheme))
    rng = np.random.default_rng(seed)
    true = random_tags(count, 40, 12, seed)
    predicted = np.where(rng.random(true.shape) < 0.75, true, random_tags(count, 40, 12, seed + 1))
    true = np.where(rng.random(true.shape) < 0.15, -1, true)
    return true, predicted, np.eye(count, dtype="float32")[predicted] * 9


def sentences(scheme: str, tags: np.ndarray, true: np.ndarray) -> list[list[str]]:
    return [
        [names(scheme)[tag] for tag, counts in zip(row, other >= 0, strict=True) if counts]
        for row, other in zip(tags, true, strict=True)
    ]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("seed", range(4))
def test_f1_is_that_of_seqeval(scheme: Any, seed: int) -> None:
    true, predicted, scores = case(scheme, seed)
    metric = CRFEntityF1(names(scheme), scheme)
    for rows in np.split(np.arange(len(true)), [7, 8, 25]):  # over several batches
        metric.update_state(true[rows], scores[rows])
    expected = f1_score(
        sentences(scheme, true, true),
        sentences(scheme, predicted, true),
        mode="strict",
        scheme=SCHEMES[scheme][0],
        zero_division=0,
    )
    assert 0.1 < expected < 0.9
    assert float(to_numpy(metric.result())) == pytest.approx(expected, abs=1e-6)
    metric.reset_state()
    assert float(to_numpy(metric.result())) == 0.0


def test_weights_of_sentences_and_steps() -> None:
    true, predicted, scores = case("IOB2", 0)
    whole, half = CRFEntityF1(names("IOB2")), CRFEntityF1(names("IOB2"))
    weights = (np.arange(40) < 20).astype("float32")
    whole.update_state(true, scores, weights)
    half.update_state(true[:20], scores[:20])
    assert float(to_numpy(whole.result())) == pytest.approx(float(to_numpy(half.result())))
    right, valid = true == predicted, true >= 0
    by_step = np.random.default_rng(0).random(true.shape).astype("float32")
    for given, each in ((None, 1.0), (weights, weights[:, None]), (by_step, by_step)):
        metric = CRFTagAccuracy()
        metric.update_state(true, scores, given)
        expected = (right * valid * each).sum() / (valid * each).sum()
        assert float(to_numpy(metric.result())) == pytest.approx(expected, rel=1e-5)


def model_with_metrics() -> keras.Model:
    keras.utils.set_random_seed(0)
    emissions = keras.Input((None, 5))
    potentials = CRF(5, transition_initializer="random_normal")(keras.layers.Dense(5)(emissions))
    model = keras.Model(emissions, potentials)
    metrics = [CRFTagAccuracy(), CRFEntityF1(names("IOB2"))]
    model.compile("adam", CRFLoss(), metrics=metrics)
    return model


def test_in_fit_with_potentials(tmp_path: Path) -> None:
    model = model_with_metrics()
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(9, 6, 5)).astype("float32"), random_tags(5, 9, 6, seed=0)
    history = model.fit(x, y, batch_size=4, validation_data=(x, y), verbose=0).history
    predicted = to_numpy(viterbi_decode(model.predict(x, verbose=0)))
    f1 = f1_score(
        *(sentences("IOB2", tags, y) for tags in (y, predicted)),
        mode="strict",
        scheme=IOB2,
        zero_division=0,
    )
    assert history["val_tag_accuracy"][0] == pytest.approx((predicted == y).mean(), abs=1e-6)
    assert history["val_entity_f1"][0] == pytest.approx(f1, abs=1e-6)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    found = again.evaluate(x, y, verbose=0, return_dict=True)
    assert found["entity_f1"] == pytest.approx(f1, abs=1e-6)


@pytest.mark.parametrize(
    ("tags", "scheme", "message"),
    [
        (["O", "PER"], "IOB2", "`tags` must hold 'O', 'B-TYPE', 'I-TYPE' in IOB2, found 'PER'"),
        (["O", "S-PER"], "IOB2", "found 'S-PER'"),
        (["O", "B-"], "IOB2", "found 'B-'"),
        (["O"], "IOB1", "`scheme` must be one of 'IOB2', 'BIOES', found 'IOB1'"),
    ],
)
def test_tags_that_do_not_fit(tags: list[str], scheme: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CRFEntityF1(tags, scheme)


def test_shapes_that_do_not_fit() -> None:
    tags, scores = np.zeros((2, 3), "int32"), np.zeros((2, 3, 4), "float32")
    with pytest.raises(ValueError, match=r"`y_true` must have shape \(batch, time\)"):
        CRFTagAccuracy().update_state(tags[0], scores)
    with pytest.raises(ValueError, match="`y_pred` must be of 1 tags, as many as `tags`, found 4"):
        CRFEntityF1(["O"]).update_state(tags, ops.convert_to_tensor(scores))
