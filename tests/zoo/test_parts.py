"""Trainers around a model are saved, cloned and pickled like any layer."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from layer_checks import to_numpy

import zoo

pytestmark = pytest.mark.backend

SIZE, BATCH, TIME = 9, 2, 5
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
Case = tuple[keras.Model, keras.Model, dict[str, np.ndarray]]


def ids(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, SIZE, (2 * BATCH, TIME)).astype("int32")


def truncated() -> Case:
    model = zoo.language_model(vocabulary_size=SIZE, embedding_dim=3, units=4, cell="leaky")
    inputs = {"tokens": ids(0), "fresh": np.zeros((2 * BATCH, 1), "float32")}
    return model, zoo.TruncatedBPTT(model, BATCH).as_model(), inputs


def scheduled() -> Case:
    sizes = {"source_vocabulary_size": SIZE, "target_vocabulary_size": SIZE}
    model = zoo.encoder_decoder(**sizes, embedding_dim=3, units=4, cell="leaky")
    trainer = zoo.ScheduledSampling(model, share=0.5, steps=4, schedule="sigmoid", seed=3)
    return model, trainer.as_model(), {"source": ids(0), "target": ids(1)}


COPIES: dict[str, Callable[[keras.Model, Path], keras.Model]] = {
    "pickle": lambda trainer, _: pickle.loads(pickle.dumps(trainer)),
    "deepcopy": lambda trainer, _: copy.deepcopy(trainer),
    "clone": lambda trainer, folder: _with_weights(keras.models.clone_model(trainer), folder),
    "whole": lambda trainer, folder: keras.models.load_model(folder / "whole.keras"),
}


def _with_weights(clone: keras.Model, folder: Path) -> keras.Model:
    clone.load_weights(folder / "only.weights.h5")
    return clone


@pytest.mark.parametrize("case", [truncated, scheduled])
def test_a_trainer_is_copied_whole_and_goes_on(case: Callable[[], Case], tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    model, trainer, inputs = case()
    trainer.compile("adam", LOSS)
    before = [to_numpy(w).copy() for w in model.weights]
    keep = keras.callbacks.ModelCheckpoint
    trainer.fit(
        inputs,
        ids(2),
        batch_size=BATCH,
        verbose=0,
        callbacks=[
            keep(tmp_path / "whole.keras", monitor="loss", save_best_only=True),
            keep(tmp_path / "only.weights.h5", save_weights_only=True),
        ],
    )
    assert all((to_numpy(w) != old).any() for w, old in zip(model.weights, before, strict=True))
    layer = trainer.layers[-1]
    piece = {name: x[:BATCH] for name, x in inputs.items()}
    kept = trainer.get_weights()  # a call moves the carried states
    expected = to_numpy(trainer(piece))
    trainer.set_weights(kept)
    for name, copied in COPIES.items():
        other = copied(trainer, tmp_path)
        assert [w.shape for w in other.weights] == [w.shape for w in trainer.weights], name
        for a, b in zip(other.get_weights(), kept, strict=True):
            np.testing.assert_array_equal(a, b, err_msg=name)
        assert type(other.layers[-1]) is type(layer)
        options, wanted = other.layers[-1].get_config(), layer.get_config()
        del options["model"], wanted["model"]
        assert options == wanted, name
        np.testing.assert_allclose(to_numpy(other(piece)), expected, atol=1e-6, err_msg=name)
        other.compile("adam", LOSS)
        other.train_on_batch(piece, ids(2)[:BATCH])
    for a, b in zip(trainer.get_weights(), kept, strict=True):  # nothing is shared with the copies
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("case", [truncated, scheduled])
def test_the_model_inside_is_shared(case: Callable[[], Case]) -> None:
    model, trainer, _ = case()
    inside: Any = trainer.layers[-1].model
    assert inside is model
