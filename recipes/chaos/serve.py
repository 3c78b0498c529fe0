"""An echo state network between series in their own units, as it is exported and served."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import keras
import numpy as np
import tensorflow as tf

import zoo
from recipes.chaos.formats import SUFFIXES, read_columns
from recipes.chaos.metrics import answers_of, judged
from recipes.chaos.options import Config, Predict
from recipes.chaos.series import Examples, Scaling
from recipes.kit.errors import DataError, UserError
from recipes.kit.export import Endpoint
from recipes.kit.judge import Judgement
from recipes.kit.output import read_record, read_run_config
from recipes.kit.recipe import Field, Predictor
from recipes.kit.serving import Served, answer_each

#: What the columns are, beside the model.
SERIES = "series.json"

#: About how many states a served model has in memory at once: 256 MB in float64.
_CHUNK = 2**25


class SeriesServer:
    """A network between raw series and raw answers, for export."""

    def __init__(self, model: keras.Model, scaling: Scaling, continues: bool) -> None:
        self._model = zoo.continuation_model(model) if continues else model
        self._scaling, self._continues = scaling, continues
        shape = [None, None, model.input_shape[-1]]
        self._series = tf.TensorSpec(shape, model.input.dtype, name="series")

    @property
    def resources(self) -> list[Any]:
        """What an export has to keep."""
        return [self._model]

    @property
    def endpoints(self) -> dict[str, Endpoint]:
        """The signatures: `continue` and `predict` of a series that goes on by itself, else
        `predict` alone."""
        predict: dict[str, Endpoint] = {"predict": (self._predict, [self._series])}
        if not self._continues:
            return predict
        steps = tf.TensorSpec([], tf.int32, name="steps")
        return {"continue": (self._go_on, [self._series, steps]), **predict}

    def _go_on(self, series: tf.Tensor, steps: tf.Tensor) -> dict[str, tf.Tensor]:
        ahead = tf.zeros([tf.shape(series)[0], tf.maximum(steps, 1), 1], series.dtype)
        scaled = self._model({"x": self._scaling.inputs(series), "ahead": ahead}, training=False)
        continuation = scaled["continuation"][:, : tf.maximum(steps, 0)]
        return {
            "continuation": self._scaling.answers(continuation),
            "predictions": self._scaling.answers(scaled["predictions"]),
        }

    def _predict(self, series: tf.Tensor) -> dict[str, tf.Tensor]:
        if self._continues:
            return {"predictions": self._go_on(series, tf.constant(0))["predictions"]}
        scaled = self._model(self._scaling.inputs(series), training=False)
        return {"predictions": self._scaling.answers(scaled)}


class _File(NamedTuple):
    path: Path
    series: np.ndarray


class NetworkPredictor(Predictor[Examples]):
    """An exported network, warm; a `Forecaster` too."""

    takes: ClassVar[Literal["texts", "files"]] = "files"
    suffixes: ClassVar[Sequence[str]] = SUFFIXES
    inputs: ClassVar[Sequence[Field]] = (
        Field(
            "path",
            "series",
            "Path of a file of the columns the network was trained on, a row for each step: text, "
            "CSV or npy.",
        ),
    )
    outputs: ClassVar[Sequence[Field]] = (
        Field("path", "text", "The file."),
        Field("columns", "tokens", "Names of what is continued or computed."),
        Field(
            "continuation",
            "series",
            "Of a series that goes on by itself: a row for each step after its end.",
        ),
        Field(
            "predictions",
            "series",
            "Of a driven system, and with `one_step`: a row for each step of the file.",
        ),
    )

    def __init__(self, folder: Path) -> None:
        record = read_record(folder / SERIES, ("columns", "targets", "continues", "run_steps"))
        self.config = read_run_config(Config, folder)
        self.columns: list[str] = record["columns"]
        self.targets: list[str] = record["targets"]
        self.continues: bool = record["continues"]
        self.run_steps: int = record["run_steps"]
        #: Number of the first column of a file: folders of earlier versions count from 1.
        self.first_column: int = record.get("first_column", 1)
        self.served = Served(folder)

    @property
    def table_columns(self) -> Sequence[str]:
        """A row of the table for each step and target."""
        return ("path", "part", "step", "target", "value")

    def table_rows(self, answer: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
        """A row for each step and target of each part of an answer; steps count from 1, those of a
        continuation from the end of the file."""
        for part in ("continuation", "predictions"):
            for step, values in enumerate(answer.get(part, ()), start=1):
                for target, value in zip(self.targets, values, strict=True):
                    yield {
                        "path": answer["path"],
                        "part": part,
                        "step": step,
                        "target": target,
                        "value": value,
                    }

    def predict(
        self, inputs: Iterable[Path], options: Predict | None = None
    ) -> Iterator[dict[str, Any]]:
        """Continue the series in files; see `outputs` for what an answer holds.

        Raises:
            UserError: If `steps` is given to a network that cannot go on.
        """
        options = options or Predict()
        if options.steps is not None and not self.continues:
            raise UserError(
                f"--steps has no effect: the network computes {', '.join(self.targets[:3])} from "
                "inputs and cannot go on without them; leave it out."
            )
        steps = self.run_steps if options.steps is None else options.steps

        def answers(files: list[_File]) -> Iterator[dict[str, Any]]:
            for file in files:
                answer: dict[str, Any] = {"path": str(file.path), "columns": self.targets}
                if self.continues:
                    last = np.array([len(file.series) - 1])
                    answer["continuation"] = self.runs(file.series, last, steps)[0].tolist()
                if options.one_step or not self.continues:
                    answer["predictions"] = self.predictions(file.series).tolist()
                yield answer

        return answer_each(inputs, self._read, answers, count=1)

    def judge(self, examples: Examples) -> Judgement:
        """Answer on a part of a series."""
        return judged(answers_of(self, examples), examples.scoring)

    def predictions(self, inputs: np.ndarray) -> np.ndarray:
        """The answer `(time, targets)` at every step of `(time, features)`."""
        return self.served("predict", series=inputs[None])["predictions"][0]

    def runs(self, inputs: np.ndarray, starts: np.ndarray, steps: int) -> np.ndarray:
        """Free runs `(starts, steps, features)`, each from the step after its start on."""
        known = min(self.config.run_up, int(starts.min())) + 1
        states = self.config.units * self.config.depth * (known + steps)
        count = max(1, _CHUNK // states)
        runs = []
        for first in range(0, len(starts), count):
            chunk = starts[first : first + count]
            series = np.stack([inputs[start + 1 - known : start + 1] for start in chunk])
            answer = self.served("continue", series=series, steps=steps)
            runs.append(answer["continuation"])
        return np.concatenate(runs)

    def _read(self, path: Path) -> _File:
        # A network trained on a generated series takes files with names of any kind.
        wanted = () if self.config.embedded else self.columns
        series = read_columns(Path(path), wanted, self.first_column).values
        if series.shape[1] != len(self.columns):
            raise DataError(
                path,
                f"expected {len(self.columns)} columns of numbers, as the network was trained on, "
                f"found {series.shape[1]}",
            )
        if len(series) <= self.config.washout:
            raise DataError(
                path,
                f"expected more steps than the washout of {self.config.washout} that the network "
                f"was trained with, found {len(series)}",
            )
        return _File(Path(path), series)
