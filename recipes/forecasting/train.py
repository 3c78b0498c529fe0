"""How forecasters are trained: batches of windows, errors in units of each series; or solved."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import zoo
from custom_layers import ForecastLoss
from recipes.forecasting.backtest import Backtest
from recipes.forecasting.serve import model_answers
from recipes.forecasting.windows import Windows
from recipes.kit.console import say
from recipes.kit.data.batches import steps
from recipes.kit.errors import UserError
from recipes.kit.fit import write_history
from recipes.kit.options import FitConfig

#: Windows gone through at once where nothing is trained.
_CHUNK = 512


class Training:
    """What `fit` needs to train a forecaster.

    Errors count in standard deviations of each target in the training part of its series, so that
    large series and small ones count alike.

    Args:
        config: With `batch_size` and `seed`.
        model: Of `zoo.forecaster`.
        quantiles: Levels of the model.
        windows: Those of the training part.
        valid: Forecasts to validate by.
        training: Targets of the training part of each series.
    """

    def __init__(
        self,
        config: FitConfig,
        model: keras.Model,
        quantiles: Sequence[float],
        windows: Windows,
        valid: Backtest,
        training: Sequence[np.ndarray],
    ) -> None:
        self._model, self._windows, self._valid = model, windows, valid
        self._quantiles = quantiles
        self._batch_size, self._seed = config.batch_size, config.seed
        self.loss = ForecastLoss(quantiles)
        power = 1 if quantiles else 2  # of a squared error
        weights = np.stack([np.nanstd(values, axis=0) for values in training]) ** -power
        self._weights, self._valid_weights = (
            weights.astype("float32")[part.origins[:, 0]][:, None]
            for part in (windows, valid.windows)
        )
        # Batches of one size: XLA compiles anew for another.
        whole = self._batch_size * (len(windows) // self._batch_size)
        self._used = whole or len(windows)
        self.steps = steps(self._used, self._batch_size)

    def batches(self, epoch: int) -> tf.data.Dataset:
        """Batches of inputs, truth and the weight of each truth, in the order of an epoch."""
        order = np.random.default_rng((self._seed, epoch)).permutation(len(self._windows))

        def generate() -> Iterator[tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]]:
            for start in range(0, self._used, self._batch_size):
                rows = order[start : min(start + self._batch_size, self._used)]
                truth = self._windows.truth(rows).astype("float32")
                yield self._windows.inputs(rows), truth, self._weights[rows]

        signature = tf.nest.map_structure(
            lambda array: tf.TensorSpec([None, *array.shape[1:]], tf.float32), next(generate())
        )
        dataset = tf.data.Dataset.from_generator(generate, output_signature=signature)
        return dataset.apply(tf.data.experimental.assert_cardinality(self.steps)).prefetch(4)

    def validate(self) -> dict[str, float]:
        """Loss and mean absolute scaled error over the validation part."""
        answers = model_answers(self._model, self._valid.windows, self._quantiles)
        every = answers.point[..., None] if answers.quantiles is None else answers.quantiles
        each = keras.ops.convert_to_numpy(self.loss.call(self._valid.truth, every))
        return {
            "val_loss": float(np.mean(each * self._valid_weights)),
            "val_mase": self._valid.metrics(answers)["mase"],
        }


def solve_readout(
    model: keras.Model,
    windows: Windows,
    valid: Backtest,
    quantiles: Sequence[float],
    *,
    folder: Path | None,
    title: str,
) -> list[dict[str, float]]:
    """Find the readout of an echo state network by the penalty that is best on the validation part.

    Args:
        model: Of `zoo.forecaster`, of reservoirs.
        windows: Those of the training part.
        valid: Forecasts to validate by.
        quantiles: Levels of the model.
        folder: Where `penalties.csv` goes, with the errors for each penalty.
        title: What is said of it.

    Returns:
        One row of figures, as `fit` has them for each epoch.

    Raises:
        UserError: If there is nothing to solve.
    """

    def batches(some: Windows) -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
        for start in range(0, len(some), _CHUNK):
            rows = range(start, min(start + _CHUNK, len(some)))
            yield some.inputs(rows), some.truth(rows)

    started = time.perf_counter()
    try:
        rows = zoo.fit_forecast_readout(model, batches(windows), batches(valid.windows))
    except ValueError as error:
        raise UserError(f"--model echo_state: {error}") from None
    seconds = round(time.perf_counter() - started, 2)
    if folder:
        write_history(rows, folder / "penalties.csv")
    best = min(rows, key=lambda row: row["val_loss"])
    score = valid.metrics(model_answers(model, valid.windows, quantiles))["mase"]
    say(f"{title}: penalty {best['alpha']:g} of {len(rows)} (val_mase {score:.4f})")
    return [{"epoch": 1, **best, "val_mase": score, "seconds": seconds}]
