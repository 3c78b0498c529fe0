"""A forecaster as it is served: raw windows in, forecasts out, in the data's unit."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import keras
import numpy as np
import tensorflow as tf

from recipes.forecasting.backtest import Backtest
from recipes.forecasting.metrics import Answers
from recipes.forecasting.options import Config, Predict
from recipes.forecasting.record import Record
from recipes.forecasting.series import Series, SeriesSet
from recipes.forecasting.sources import SUFFIXES, read_files
from recipes.forecasting.windows import Part, Windows
from recipes.kit.console import note
from recipes.kit.data.facts import Fact
from recipes.kit.data.reading import as_given
from recipes.kit.errors import DataError
from recipes.kit.export import Endpoint
from recipes.kit.judge import Judgement
from recipes.kit.output import read_run_config
from recipes.kit.recipe import Field, Predictor
from recipes.kit.serving import Served, answer_each, note_new

#: Windows forecast at once.
_CHUNK = 256


class Forecaster:
    """A model of `zoo.forecaster` behind the calendar.

    Args:
        model: The model.
        quantiles: Its levels; empty for the mean alone.
        periods: Seconds after which the calendar repeats, whose phases come last in `known`.
    """

    def __init__(
        self, model: keras.Model, quantiles: Sequence[float], periods: Sequence[int]
    ) -> None:
        self._model = model
        self._quantiles = tuple(quantiles)
        self._periods = tuple(periods)

    @property
    def resources(self) -> list[Any]:
        """What an export has to keep."""
        return [self._model]

    @property
    def endpoints(self) -> dict[str, Endpoint]:
        """The signature of the exported forecaster."""
        shapes = {name: tensor.shape[1:] for name, tensor in self._model.input.items()}
        width = shapes.pop("known", (None, 0))[1] - 2 * len(self._periods)
        if width:
            shapes["known"] = (None, width)
        specs = [
            tf.TensorSpec([None, *shape], tf.float32, name=name) for name, shape in shapes.items()
        ]
        if self._periods:
            specs.append(tf.TensorSpec([None, None], tf.int64, name="times"))
        names = [spec.name for spec in specs]

        def forecast(*arrays: tf.Tensor) -> dict[str, tf.Tensor]:
            return self._forecast(dict(zip(names, arrays, strict=True)))

        return {"forecast": (forecast, specs)}

    def _forecast(self, inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        if self._periods:
            times = inputs.pop("times")
            known = [inputs["known"]] if "known" in inputs else []
            for period in self._periods:
                phase = tf.cast(tf.math.floormod(times, period), tf.float32) / period
                known += [f(2 * np.pi * phase)[..., None] for f in (tf.sin, tf.cos)]
            inputs["known"] = tf.concat(known, axis=-1)
        outputs = self._model(inputs, training=False)
        if not self._quantiles:
            return {"forecast": outputs[..., 0]}
        return {
            "forecast": outputs[..., self._quantiles.index(0.5)],
            "quantiles": outputs,
            "levels": tf.constant(self._quantiles, tf.float32),
        }


class ForecastPredictor(Predictor[Backtest]):
    """An exported forecaster, warm."""

    takes: ClassVar[Literal["texts", "files"]] = "files"
    suffixes: ClassVar[Sequence[str]] = SUFFIXES
    inputs: ClassVar[Sequence[Field]] = (
        Field(
            "path",
            "table",
            "A CSV file, gzipped or not, with the columns of the training data; what comes after "
            "its last value is forecast.",
        ),
    )
    outputs: ClassVar[Sequence[Field]] = (
        Field("path", "text", "The file."),
        Field(
            "series",
            "series",
            "A list, an entry for each series of the file: its `name`; `times` of the steps after "
            "the end, where there are time stamps; and `targets`, by name: `forecast`, a value for "
            "each step, and `quantiles`, by level a value for each step; in the data's unit.",
        ),
    )

    def __init__(self, folder: Path) -> None:
        self.config = read_run_config(Config, folder)
        self.record = Record.read(folder)
        self.served = Served(folder)

    @property
    def table_columns(self) -> Sequence[str]:
        """A row of the table for each series, step and target; a column for each quantile."""
        levels = [f"quantile_{level:g}" for level in self.config.quantiles]
        return ("path", "series", "step", "time", "target", "forecast", *levels)

    def table_rows(self, answer: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
        """A row for each series, step and target of a file; steps count from its end, from 1."""
        for series in answer["series"]:
            for index in range(self.record.horizon):
                for target, values in series["targets"].items():
                    levels = values.get("quantiles", {}).items()
                    yield {
                        "path": answer["path"],
                        "series": series["name"],
                        "step": index + 1,
                        "time": series["times"][index] if "times" in series else None,
                        "target": target,
                        "forecast": values["forecast"][index],
                        **{f"quantile_{level}": steps[index] for level, steps in levels},
                    }

    def predict(
        self, inputs: Iterable[str | Path], options: Predict | None = None
    ) -> Iterator[dict[str, Any]]:
        """Forecast what comes after the end of CSV files; see `outputs` for what an answer holds.

        Example of an answer::

            {"path": "shops.csv",
             "series": [{"name": "north",
                         "times": ["2024-05-01", "2024-05-02"],
                         "targets": {"sold": {"forecast": [12.1, 9.8],
                                              "quantiles": {"0.1": [8.2, 6.1],
                                                            "0.5": [12.1, 9.8],
                                                            "0.9": [17.3, 14.9]}}}}]}
        """
        chosen = options or Predict()
        config = as_given(self.config, chosen)
        read = functools.partial(self._read, config=config, targets=chosen.target, said=set())
        return answer_each(inputs, read, lambda files: map(self._answer, files), count=1)

    def judge(self, examples: Backtest) -> Judgement:
        """Forecast by a rolling origin."""
        return examples.judge(self.answers(examples.windows))

    def answers(self, windows: Windows) -> Answers:
        """Forecasts from windows."""
        batches = [
            self.served("serving_default", **windows.raw(rows)) for rows in windows.chunks(_CHUNK)
        ]
        point = np.concatenate([batch["forecast"] for batch in batches]).astype("float64")
        if "quantiles" not in batches[0]:
            return Answers(point)
        quantiles = np.concatenate([batch["quantiles"] for batch in batches]).astype("float64")
        levels = [round(float(level), 6) for level in batches[0]["levels"]]
        return Answers(point, quantiles, levels)

    def _read(
        self, path: str | Path, config: Config, targets: Sequence[str], said: set[Fact]
    ) -> tuple[Path, SeriesSet]:
        """The series of a file, which fit the forecaster.

        Raises:
            DataError: If they do not, or what has to be known of the future is missing.
        """
        record, path = self.record, Path(path)
        if targets:
            contents = read_files([path], config, targets)
        else:
            contents = self._read_usual(path, config)
        note_new(contents.understood, said)
        record.check_count(contents, path)
        for series in contents.series:
            record.check_clock(series.clock, path)
            ahead = len(series.known) - len(series)
            if contents.known and ahead < record.horizon:
                raise DataError(
                    path,
                    f"{series.name}: expected {record.horizon} rows of {', '.join(contents.known)} "
                    f"after the last value, found {ahead}",
                )
            if not np.isfinite(series.values[-record.window :]).any():
                raise DataError(
                    path, f"{series.name}: the last {record.window} steps hold no value"
                )
            if len(series) < record.window:
                note(
                    f"{series.name}: has {len(series)} steps, fewer than the {record.window} of a "
                    "window"
                )
        return path, contents

    def _read_usual(self, path: Path, config: Config) -> SeriesSet:
        """The series in the columns that were forecast in training, or else in the only column of
        numbers, whatever its name."""
        try:
            return read_files([path], config, self.record.columns)
        except DataError as error:
            try:
                every = read_files([path], config, ("all",))
            except DataError:
                raise error from None
            known = ", ".join(self.record.columns)
            if {*self.record.columns} & {*every.columns}:
                raise
            if len(every.columns) > 1 or len(self.record.columns) > 1:
                raise DataError(
                    path,
                    f"expected the columns to forecast of the training, {known}; found "
                    f"{', '.join(every.columns)}; --target says which",
                ) from None
        note(f"{path}: forecasting {every.columns[0]}, the only column of numbers (not {known})")
        return every

    def _answer(self, file: tuple[Path, SeriesSet]) -> dict[str, Any]:
        path, contents = file
        record, series = self.record, contents.series
        windows = Windows(
            Part(series, [(0, 0)] * len(series)),
            record.window,
            record.horizon,
            periods=record.periods,
            after=True,
        )
        answers = self.answers(windows)
        return {
            "path": str(path),
            "series": [
                {
                    "name": each.name,
                    **self._times(each),
                    "targets": {
                        target: _values(answers, row, column)
                        for column, target in enumerate(contents.targets)
                    },
                }
                for row, each in enumerate(series)
            ],
        }

    def _times(self, series: Series) -> dict[str, list[str]]:
        clock = series.clock
        if clock is None:
            return {}
        times = clock.at(len(series) + np.arange(self.record.horizon))
        return {"times": [clock.text(int(time)) for time in times]}


def model_answers(model: keras.Model, windows: Windows, quantiles: Sequence[float]) -> Answers:
    """Forecasts of a model in training."""
    outputs = np.concatenate(
        [model.predict_on_batch(windows.inputs(rows)) for rows in windows.chunks(_CHUNK)]
    ).astype("float64")
    if not quantiles:
        return Answers(outputs[..., 0])
    return Answers(outputs[..., list(quantiles).index(0.5)], outputs, quantiles)


def _values(answers: Answers, row: int, column: int) -> dict[str, Any]:
    """Forecasts of a target of a series, for each step."""
    values: dict[str, Any] = {"forecast": _rounded(answers.point[row, :, column])}
    if answers.quantiles is not None:
        by_level = zip(answers.levels, answers.quantiles[row, :, column].T, strict=True)
        values["quantiles"] = {f"{level:g}": _rounded(steps) for level, steps in by_level}
    return values


def _rounded(values: np.ndarray) -> list[float]:
    """To the precision of float32."""
    return [float(f"{value:.7g}") for value in values]
