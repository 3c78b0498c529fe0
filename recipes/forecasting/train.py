"""How forecasters are trained: on batches of windows; or solved, where only the readout is."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

import zoo
from custom_layers import ForecastLoss
from recipes.forecasting.data import Data
from recipes.forecasting.options import Config
from recipes.forecasting.serve import model_answers
from recipes.forecasting.windows import Arrays, Windows
from recipes.kit.closed_form import solve
from recipes.kit.console import say
from recipes.kit.data.batches import steps
from recipes.kit.recipe import History, Run

#: Windows run at once where nothing is trained.
_CHUNK = 512


class Training:
    """What `fit` needs to train a forecaster.

    Errors count in standard deviations of each target in the training part of its series, so that
    large and small series weigh the same.

    Args:
        run: The run.
        model: Model of `zoo.forecaster`.
    """

    def __init__(self, run: Run[Config, Data], model: keras.Model) -> None:
        self._model, self._config = model, run.config
        self._windows, self._valid = run.data.windows("train"), run.data.backtest("valid")
        self.loss = ForecastLoss(run.config.quantiles)
        power = 1 if run.config.quantiles else 2  # of a squared error
        weights = np.stack([np.nanstd(v, axis=0) for v in run.data.training]) ** -power
        self._weights, self._valid_weights = (
            weights.astype("float32")[part.origins[:, 0]][:, None]
            for part in (self._windows, self._valid.windows)
        )
        # Batches of one size: XLA compiles again for every other.
        size = run.config.batch_size
        self._used = size * (len(self._windows) // size) or len(self._windows)
        self.steps = steps(self._used, size)

    def batches(self, epoch: int) -> tf.data.Dataset:
        """Batches of inputs, truth and the weight of each true value, in the order of an epoch."""
        size, generator = self._config.batch_size, np.random.default_rng((self._config.seed, epoch))
        order = generator.permutation(len(self._windows))

        def generate() -> Iterator[tuple[Arrays, np.ndarray, np.ndarray]]:
            for start in range(0, self._used, size):
                rows = order[start : min(start + size, self._used)]
                truth = self._windows.truth(rows).astype("float32")
                yield self._windows.inputs(rows), truth, self._weights[rows]

        signature = tf.nest.map_structure(
            lambda array: tf.TensorSpec([None, *array.shape[1:]], tf.float32), next(generate())
        )
        dataset = tf.data.Dataset.from_generator(generate, output_signature=signature)
        return dataset.apply(tf.data.experimental.assert_cardinality(self.steps)).prefetch(4)

    def validate(self) -> dict[str, float]:
        """Loss and mean absolute scaled error over the validation part."""
        answers = model_answers(self._model, self._valid.windows, self._config.quantiles)
        outputs = answers.point[..., None] if answers.quantiles is None else answers.quantiles
        losses = keras.ops.convert_to_numpy(self.loss.call(self._valid.truth, outputs))
        return {
            "val_loss": float(np.mean(losses * self._valid_weights)),
            "val_mase": self._valid.metrics(answers)["mase"],
        }


def solve_readout(run: Run[Config, Data], model: keras.Model) -> History:
    """Find the readout of an echo state network, by the penalty best on the validation part.

    Raises:
        UserError: If there is nothing to solve.
    """
    windows, valid = run.data.windows("train"), run.data.backtest("valid")
    penalties, seconds = solve(
        run,
        lambda: zoo.fit_forecast_readout(model, _batches(windows), _batches(valid.windows)),
    )
    best = min(penalties, key=lambda row: row["val_loss"])
    score = valid.metrics(model_answers(model, valid.windows, run.config.quantiles))["mase"]
    say(f"{run.title}: penalty {best['alpha']:g} of {len(penalties)} (val_mase {score:.4f})")
    return History([{"epoch": 1, **best, "val_mase": score, "seconds": seconds}])


def _batches(windows: Windows) -> Iterator[tuple[Arrays, np.ndarray]]:
    for rows in windows.chunks(_CHUNK):
        yield windows.inputs(rows), windows.truth(rows)
