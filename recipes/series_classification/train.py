"""Training of classifiers of series: by gradient descent, or their readout in closed form."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

import zoo
from recipes.kit.calibration import Calibration, calibrate_classes
from recipes.kit.closed_form import solve
from recipes.kit.console import say
from recipes.kit.data.batches import class_weights, padded_batches, steps, weighted
from recipes.kit.errors import UserError
from recipes.kit.fit import fit
from recipes.kit.recipe import History, Run
from recipes.series_classification.data import Data
from recipes.series_classification.labelled import LabelledSeries
from recipes.series_classification.options import Config
from recipes.series_classification.serve import example_of

#: An epoch goes through few series several times, to make about so many steps.
_STEPS = 32

_LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def rounds(count: int, batch_size: int) -> int:
    """How often an epoch goes through so many series."""
    return max(1, round(_STEPS / steps(count, batch_size)))


class Training:
    """Batches to train on, and how good a model is on those to validate on.

    Series to validate on whose class is not in train count as wrong.

    Args:
        run: The run.
        model: Of `zoo.series_classifier`.
    """

    def __init__(self, run: Run[Config, Data], model: keras.Model) -> None:
        config, data = run.config, run.data
        self._run, self._model = run, model
        ids = {label: np.int32(index) for index, label in enumerate(data.labels)}
        valid = [series for series in data.valid if series.label in ids]
        if not valid:
            raise UserError("None of the validation series has a class that occurs in training.")
        self._seen, self._count = len(valid), len(data.valid)
        lengths = {len(series) for series in (*data.train, *data.valid)}
        multiple = config.pad_multiple if len(lengths) > 1 else 1

        def examples(part: Sequence[LabelledSeries]) -> tuple[list, list]:
            return (
                [example_of(series, multiple) for series in part],
                [ids[str(series.label)] for series in part],
            )

        self._inputs, self._targets = examples(data.train)
        self._weights = class_weights(config, self._targets, len(ids))
        self._valid = padded_batches(*examples(valid), config.batch_size)

    def descend(self) -> History:
        """Train by gradient descent."""
        config, count = self._run.config, len(self._targets)
        times = rounds(count, config.batch_size)

        def batches(epoch: int) -> tf.data.Dataset:
            return weighted(
                padded_batches(
                    times * self._inputs,
                    times * self._targets,
                    config.batch_size,
                    shuffle=(config.seed, epoch),
                ),
                self._weights,
            )

        return fit(
            self._run,
            self._model,
            batches=batches,
            steps=steps(times * count, config.batch_size),
            loss=_LOSS,
            validate=self._validate,
        )

    def _validate(self) -> dict[str, float]:
        nats, right = 0.0, 0
        for inputs, truth, *weights in weighted(self._valid, self._weights):
            logits = self._model.predict_on_batch(inputs)
            nats += float(_LOSS(truth, logits, *weights)) * len(logits)
            right += int((logits.argmax(axis=1) == truth.numpy()).sum())
        return {"val_loss": nats / self._seen, "val_accuracy": right / self._count}

    def calibrate(self) -> Calibration:
        """The temperature that suits the validation part."""
        return calibrate_classes("series", self._model, self._valid)

    def solve(self) -> History:
        """Find the readout of an echo state network by the penalty that is best in validation.

        Returns:
            A single row of figures, those of the penalty that was taken.

        Raises:
            UserError: If anything else in the model trains.
        """
        run = self._run
        once = padded_batches(self._inputs, self._targets, run.config.batch_size)
        rows, seconds = solve(run, lambda: zoo.fit_class_readout(self._model, once, self._valid))
        best = min(rows, key=lambda row: (-row["val_accuracy"], row["val_loss"]))
        best = {**best, "val_accuracy": best["val_accuracy"] * self._seen / self._count}
        say(
            f"{run.title}: penalty {best['alpha']:g} of {len(rows)} "
            f"(val_accuracy {best['val_accuracy']:.4f}, {seconds:.1f} s)"
        )
        return History([{"epoch": 1, **best, "seconds": seconds}])
