"""Training of classifiers of series: by gradient descent, or their readout in closed form."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import zoo
from recipes.kit.console import say
from recipes.kit.data.batches import padded_batches, steps
from recipes.kit.errors import UserError
from recipes.kit.fit import write_history
from recipes.kit.options import FitConfig
from recipes.series_classification.labelled import LabelledSeries
from recipes.series_classification.serve import example_of

#: Lengths are padded to a multiple of this where XLA would compile for each of them.
_MULTIPLE = 16

#: An epoch goes through few series several times, to make about so many steps.
_STEPS = 32


class Training:
    """Batches to train on, and how good a model is on those to validate on.

    Args:
        config: With `batch_size`, `seed` and `jit_compile`.
        model: Of `zoo.series_classifier`.
        labels: Names of the classes.
        train: Series to train on.
        valid: Series to validate on; those of another class count as wrong.
    """

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def __init__(
        self,
        config: FitConfig,
        model: keras.Model,
        labels: Sequence[str],
        train: Sequence[LabelledSeries],
        valid: Sequence[LabelledSeries],
    ) -> None:
        self._model, self._size, self._seed = model, config.batch_size, config.seed
        ids = {label: np.int32(index) for index, label in enumerate(labels)}
        lengths = {len(one) for one in (*train, *valid)}
        multiple = _MULTIPLE if config.jit_compile and len(lengths) > 1 else 1
        self._inputs = [example_of(one, multiple) for one in train]
        self._targets = [ids[str(one.label)] for one in train]
        seen = [one for one in valid if one.label in ids]
        self._unseen = len(valid) - len(seen)
        if not seen:
            raise UserError("No series to validate on has a class of the training part.")
        self._valid = padded_batches(
            [example_of(one, multiple) for one in seen],
            [ids[str(one.label)] for one in seen],
            self._size,
        )
        self._times = max(1, round(_STEPS / steps(len(train), self._size)))
        self.steps = steps(self._times * len(train), self._size)

    def batches(self, epoch: int) -> tf.data.Dataset:
        """Batches of the training part, in the order of an epoch."""
        inputs, targets = self._times * self._inputs, self._times * self._targets
        return padded_batches(inputs, targets, self._size, shuffle=(self._seed, epoch))

    def validate(self) -> dict[str, float]:
        """Cross-entropy and accuracy on the validation part."""
        nats, right, count = 0.0, 0, 0
        for inputs, truth in self._valid:
            logits = self._model.predict_on_batch(inputs)
            nats += float(self.loss(truth, logits)) * len(logits)
            right += int((logits.argmax(axis=1) == truth.numpy()).sum())
            count += len(logits)
        return {"val_loss": nats / count, "val_accuracy": right / (count + self._unseen)}

    def solve(self, *, folder: Path | None, title: str) -> list[dict[str, float]]:
        """Find the readout of an echo state network by the penalty that is best in validation.

        Args:
            folder: Where `penalties.csv` goes, with the figures for each penalty.
            title: What is said of it.

        Returns:
            One row of figures, as `fit` has them for each epoch.

        Raises:
            UserError: If there is something else that trains.
        """
        started = time.perf_counter()
        try:
            once = padded_batches(self._inputs, self._targets, self._size)
            rows = zoo.fit_class_readout(self._model, once, self._valid)
        except ValueError as error:
            raise UserError(f"--model echo_state: {error}") from None
        seconds = round(time.perf_counter() - started, 2)
        if folder:
            write_history(rows, folder / "penalties.csv")
        best = min(rows, key=lambda row: (-row["val_accuracy"], row["val_loss"]))
        seen = sum(len(truth) for _, truth in self._valid)
        best = {**best, "val_accuracy": best["val_accuracy"] * seen / (seen + self._unseen)}
        say(
            f"{title}: penalty {best['alpha']:g} of {len(rows)} "
            f"(val_accuracy {best['val_accuracy']:.4f}, {seconds:.1f} s)"
        )
        return [{"epoch": 1, **best, "seconds": seconds}]
