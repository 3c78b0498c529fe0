"""Tasks of memory: sequences made as they are needed, from a seed, and the score without memory.

For each task, the best score that an answer can have which depends on no input is known in closed
form (`memoryless`). What a model does better than that, it does by remembering.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops
from scipy.stats import binom

from recipes.kit.errors import UserError
from recipes.kit.judge import mean_statistics

Arrays = tuple[np.ndarray, np.ndarray]

#: Parts of the endless data, so that a model is not judged by what it was trained on.
_STREAMS = {"train": 0, "valid": 1, "test": 2}

#: Sequences to choose the best epoch by, and to evaluate on.
SIZES = {"valid": 1000, "test": 2000}


@dataclass(frozen=True)
class Task(ABC):
    """What is to be remembered, over how many steps.

    Attributes:
        length: Steps, as the task counts them.
        summary: What the answer is, for a person.
        score: The metric by which models are compared; less is better.
        symbols: Number of symbols a step may be; 0 where a step is `features` numbers.
        features: Numbers of a step.
        outputs: Width of the model's output.
        every_step: Whether the model has an output at every step.
    """

    length: int
    summary: ClassVar[str]
    score: ClassVar[str]
    symbols: ClassVar[int] = 0
    features: ClassVar[int] = 0
    outputs: ClassVar[int] = 1
    every_step: ClassVar[bool] = False

    @property
    def steps(self) -> int:
        """Steps of a sequence."""
        return self.length

    @abstractmethod
    def draw(self, count: int, generator: np.random.Generator) -> Arrays:
        """New sequences `x` and their targets `y`."""

    @abstractmethod
    def scores(self, outputs: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
        """How good the outputs of a model are: metrics of each sequence, (sequences,)."""

    def metrics(self, outputs: np.ndarray, y: np.ndarray) -> dict[str, float]:
        """The means of `scores`."""
        return mean_statistics("sequences", self.scores(outputs, y)).values

    @abstractmethod
    def memoryless(self) -> dict[str, float]:
        """The metrics, in expectation, of the best answer that depends on no input."""

    @property
    def units(self) -> tuple[float, float]:
        """Scale and shift that turn an output into an answer."""
        return 1.0, 0.0

    def answer(self, outputs: Any) -> Any:
        """The answers that a tensor of outputs stands for: a number each, or symbols."""
        scale, shift = self.units
        return outputs[:, 0] * scale + shift

    def right(self, y: np.ndarray) -> np.ndarray:
        """The answers that targets stand for, as `answer` has them."""
        scale, shift = self.units
        return y[:, 0] * scale + shift

    @abstractmethod
    def read(self, steps: Sequence[Any]) -> np.ndarray:
        """A sequence that a user wrote down, as a row of `x`.

        Raises:
            UserError: If it does not fit the task.
        """

    def part(self, name: str, seed: int, epoch: int = 0, count: int | None = None) -> Arrays:
        """Sequences of a part of the data: the same for the same arguments on every machine.

        Args:
            name: "train", "valid" or "test".
            seed: Seed of the run.
            epoch: Epoch of the training; each has data of its own.
            count: Number of sequences, by default that in `SIZES`.
        """
        generator = np.random.default_rng((seed, _STREAMS[name], epoch))
        return self.draw(SIZES[name] if count is None else count, generator)

    @property
    def loss(self) -> keras.losses.Loss:
        """What a model is trained by."""
        if self.every_step:
            return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        return keras.losses.MeanSquaredError()

    def loss_weights(self, count: int) -> np.ndarray | None:
        """Weights that keep only the answer's part of the loss; None where that is all of it."""
        return None


@dataclass(frozen=True)
class Adding(Task):
    """Two of the numbers are marked, one in each half; the answer is their sum."""

    summary = "the sum of the two numbers, uniform in [0, 1), that are marked, one in each half"
    score = "mse"
    features = 2

    def draw(self, count: int, generator: np.random.Generator) -> Arrays:
        values = generator.random((count, self.length))
        marks = np.zeros_like(values)
        half = self.length // 2
        rows = np.arange(count)
        marks[rows, generator.integers(0, half, count)] = 1
        marks[rows, generator.integers(half, self.length, count)] = 1
        sums = (values * marks).sum(axis=1, keepdims=True)
        return np.stack([values, marks], axis=-1).astype("float32"), sums.astype("float32")

    def scores(self, outputs: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
        error = np.abs(outputs.astype("float64") - y)[:, 0]
        return {"mse": np.square(error), "mae": error, "accuracy": error < 0.04}

    def memoryless(self) -> dict[str, float]:
        # The sum of two uniform numbers is triangular around 1: variance 1/6.
        return {"mse": 1 / 6, "mae": 1 / 3, "accuracy": 0.04 * (2 - 0.04)}

    def read(self, steps: Sequence[Any]) -> np.ndarray:
        try:
            x = np.asarray(steps, "float32")
        except (TypeError, ValueError, OverflowError):
            x = np.zeros(0)
        if x.ndim != 2 or x.shape[1] != 2 or not np.isfinite(x).all():
            raise UserError("expected steps [number, mark], such as [[0.3, 1], [0.9, 0], [0.5, 1]]")
        return x


@dataclass(frozen=True)
class Copy(Task):
    """Ten symbols, then blanks; at a sign the ten are to be repeated in their order."""

    summary = "the ten symbols, each one of eight, of the beginning, repeated after the blanks"
    score = "nats_per_token"
    symbols = 10
    outputs = 9
    every_step = True

    BLANK: ClassVar[int] = 8
    SIGN: ClassVar[int] = 9
    WORD: ClassVar[int] = 10

    @property
    def steps(self) -> int:
        return self.length + 2 * self.WORD

    def draw(self, count: int, generator: np.random.Generator) -> Arrays:
        word = generator.integers(0, self.BLANK, (count, self.WORD))
        x = np.full((count, self.steps), self.BLANK, "int32")
        y = x.copy()
        x[:, : self.WORD] = word
        x[:, -self.WORD - 1] = self.SIGN
        y[:, -self.WORD :] = word
        return x, y

    def scores(self, outputs: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
        logits = outputs.astype("float64")
        logits -= logits.max(axis=-1, keepdims=True)
        right = np.take_along_axis(logits, y[..., None], axis=-1)[..., 0]
        nats = np.log(np.exp(logits).sum(axis=-1)) - right
        hits = logits[:, -self.WORD :].argmax(axis=-1) == y[:, -self.WORD :]
        return {
            "nats_per_token": nats.mean(axis=1),
            "accuracy": hits.mean(axis=1),
            "sequence_accuracy": hits.all(axis=1),
        }

    def memoryless(self) -> dict[str, float]:
        # Blanks are certain, each of the ten symbols one of eight.
        return {
            "nats_per_token": self.WORD * float(np.log(self.BLANK)) / self.steps,
            "accuracy": 1 / self.BLANK,
            "sequence_accuracy": self.BLANK**-self.WORD,
        }

    def answer(self, outputs: Any) -> Any:
        return ops.argmax(outputs[:, -self.WORD :], axis=-1)

    def right(self, y: np.ndarray) -> np.ndarray:
        return y[:, -self.WORD :]

    def read(self, steps: Sequence[Any]) -> np.ndarray:
        return _symbols(steps, self.symbols)

    def loss_weights(self, count: int) -> np.ndarray:
        weights = np.zeros((count, self.steps), "float32")
        weights[:, -self.WORD :] = 1
        return weights


@dataclass(frozen=True)
class Counting(Task):
    """How often the first of four symbols occurs. Every step matters as much as any other.

    A model that remembers the last k of T steps and nothing else has a mean squared error of
    1 - k / T, in units of the variance of the count.
    """

    summary = "how often the first of four equally likely symbols occurs"
    score = "mse"
    symbols = 4

    @property
    def units(self) -> tuple[float, float]:
        """Standard deviation and mean of the count."""
        share = 1 / self.symbols
        return float(np.sqrt(self.length * share * (1 - share))), self.length * share

    def draw(self, count: int, generator: np.random.Generator) -> Arrays:
        x = generator.integers(0, self.symbols, (count, self.length)).astype("int32")
        counts = (x == 0).sum(axis=1, keepdims=True)
        deviation, mean = self.units
        return x, ((counts - mean) / deviation).astype("float32")

    def scores(self, outputs: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
        deviation, mean = self.units
        error = (outputs.astype("float64") - y)[:, 0]
        counted, counts = (np.round(z[:, 0] * deviation + mean) for z in (outputs, y))
        return {
            "mse": np.square(error),
            "mae": np.abs(error) * deviation,
            "accuracy": counted == counts,
        }

    def memoryless(self) -> dict[str, float]:
        counts, (_, mean) = np.arange(self.length + 1), self.units
        shares = binom.pmf(counts, self.length, 1 / self.symbols)
        return {
            "mse": 1.0,
            "mae": float(shares @ np.abs(counts - mean)),
            "accuracy": float(shares[round(mean)]),
        }

    def read(self, steps: Sequence[Any]) -> np.ndarray:
        return _symbols(steps, self.symbols)


def _symbols(steps: Sequence[Any], kinds: int) -> np.ndarray:
    whole = all(isinstance(s, int) and not isinstance(s, bool) for s in steps)
    if not whole or not all(0 <= s < kinds for s in steps):
        raise UserError(f"expected whole numbers from 0 to {kinds - 1}, such as [0, 2, 1]")
    return np.asarray(steps, "int32")


TASKS: dict[str, type[Task]] = {"adding": Adding, "copy": Copy, "counting": Counting}
