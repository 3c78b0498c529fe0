"""A model of a memory task as it is served: sequences in, answers and raw outputs out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import keras
import numpy as np
import tensorflow as tf

from recipes.kit.errors import UserError
from recipes.kit.export import Endpoint
from recipes.kit.judge import Judgement, mean_statistics, worst
from recipes.kit.output import read_run_config
from recipes.kit.recipe import Field, Predictor
from recipes.kit.serving import Served, answer_each
from recipes.memory.data import Test
from recipes.memory.options import Config
from recipes.memory.tasks import TASKS, Task

#: Sequences answered at once.
_COUNT = 250


def endpoint(model: keras.Model, task: Task) -> Endpoint:
    """What the exported model computes: `answer` and `outputs` of sequences `x` of any length."""
    shape = [None, None] if task.symbols else [None, None, task.features]
    spec = tf.TensorSpec(shape, tf.int32 if task.symbols else tf.float32, name="x")

    def answer(x: tf.Tensor) -> dict[str, tf.Tensor]:
        outputs = model({"x": x}, training=False)
        return {"answer": task.answer(outputs), "outputs": outputs}

    return answer, [spec]


def outputs_of(run: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> np.ndarray:
    """Outputs of a model for many sequences, some at a time."""
    return np.concatenate([run(x[start : start + _COUNT]) for start in range(0, len(x), _COUNT)])


class MemoryPredictor(Predictor[Test]):
    """An exported model of a memory task, warm."""

    takes: ClassVar[Literal["texts", "files"]] = "texts"
    inputs: ClassVar[Sequence[Field]] = (
        Field(
            "sequence",
            "text",
            "A sequence as JSON: steps [number, mark] to add, [[0.3, 1], [0.9, 0], [0.5, 1]]; "
            "symbols to copy or count, [3, 0, 2].",
        ),
    )
    outputs: ClassVar[Sequence[Field]] = (
        Field("steps", "number", "Length of the sequence."),
        Field("answer", "number", "The sum, the count, or a list of the ten symbols."),
    )

    def __init__(self, folder: Path) -> None:
        self.config = read_run_config(Config, folder)
        self.task = TASKS[self.config.task](self.config.length)
        self.served = Served(folder)

    def predict(self, inputs: Iterable[str], options: Any = None) -> Iterator[dict[str, Any]]:
        """Answer sequences written as JSON; see `inputs` for how."""
        # One at a time: their lengths differ, and padding would be part of the sequence.
        return answer_each(inputs, self._read, self._answers, count=1)

    def judge(self, examples: Test) -> Judgement:
        """Answer sequences of the task, which may be of another length."""
        task = examples.task
        outputs = outputs_of(lambda x: self.served("answer", x=x)["outputs"], examples.x)
        scale, shift = self.task.units
        their_scale, their_shift = task.units
        outputs = (outputs * scale + shift - their_shift) / their_scale
        scores, truth = task.scores(outputs, examples.y), task.right(examples.y)
        answers = np.asarray(task.answer(outputs))

        def row(index: int) -> dict[str, Any]:
            return {
                "input": index,
                "truth": truth[index].tolist(),
                "answer": answers[index].tolist(),
                task.score: float(f"{scores[task.score][index]:.5g}"),
            }

        return Judgement(
            mean_statistics("sequences", scores),
            worst(row, scores[task.score]),
            len(truth),
            f"{task.score}, the highest first; `input` is the number of the sequence, from 0",
            answers,
        )

    def _read(self, text: str) -> np.ndarray:
        try:
            steps = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise UserError(f"is not JSON: {error}.") from None
        if not isinstance(steps, list) or not steps:
            raise UserError("expected a list of steps.")
        return self.task.read(steps)

    def _answers(self, sequences: list[np.ndarray]) -> Iterator[dict[str, Any]]:
        for x in sequences:
            answer = self.served("answer", x=x[None])["answer"][0]
            yield {"steps": len(x), "answer": answer.tolist()}
