"""Training a model of music on whole pieces, transposed anew in each epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import zoo
from recipes.kit.data.batches import padded_batches, steps
from recipes.kit.fit import fit
from recipes.kit.recipe import History, Run
from recipes.music.data import Data
from recipes.music.options import Config
from recipes.music.rolls import passages, transposed
from recipes.music.serve import Composer, score_all


def train_model(run: Run[Config, Data], model: keras.Model, name: str = "model") -> History:
    """Train a model; it is left with the weights of its best epoch.

    Args:
        run: As in `recipes.kit.fit`.
        model: Of `zoo.music_model`.
        name: Name of this training within the run.
    """
    config, data = run.config, run.data
    rolls = passages([piece.roll for piece in data.train], config.passage)
    valid = [piece.roll for piece in data.valid]
    score = tf.function(Composer(model).score, reduce_retracing=True)

    def validate() -> dict[str, float]:
        nats = [scored["nats_per_frame"] for scored in score_all(score, valid)]
        every, later = np.concatenate(nats), np.concatenate([each[1:] for each in nats])
        return {"val_loss": every.mean(), "val_nats_per_frame": later.mean()}

    def batches(epoch: int) -> tf.data.Dataset:
        generator = np.random.default_rng((config.seed, epoch))
        most = config.transpose or 0
        shifts = generator.integers(-most, most + 1, len(rolls))
        shifted = [transposed(roll, int(by)) for roll, by in zip(rolls, shifts, strict=True)]
        multiple = config.pad_multiple
        return _batches(shifted, config.batch_size, (config.seed, epoch), multiple)

    return fit(
        run,
        zoo.whole_pieces(model),
        batches=batches,
        steps=steps(len(rolls), config.batch_size),
        loss=zoo.FrameLoss(),
        validate=validate,
        name=name,
    )


def _batches(
    rolls: Sequence[np.ndarray],
    batch_size: int,
    shuffle: tuple[int, int],
    multiple: int,
) -> tf.data.Dataset:
    """Batches of rolls, which are their own targets; -1 in frames of padding."""
    floats = [roll.astype("float32") for roll in rolls]
    inputs = [{"notes": roll} for roll in floats]
    batches = padded_batches(inputs, floats, batch_size, shuffle=shuffle, pad_multiple=multiple)
    return batches.map(lambda _, notes: (_of_keys(notes, floats[0].shape[1]),) * 2)


def _of_keys(notes: Any, keys: int) -> Any:
    """Without what `multiple` pads the keys to."""
    return tf.ensure_shape(notes[..., :keys], [None, None, keys])
