"""The data of a run: a task, and the seed its sequences are made from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recipes.kit.data.facts import Fact
from recipes.kit.data.source import Source
from recipes.kit.errors import UserError
from recipes.kit.objective import Objective
from recipes.memory.options import Config
from recipes.memory.tasks import SIZES, TASKS, Task

#: The name of embedded sequences of another length, to evaluate on.
_LENGTH = re.compile(r"length=([0-9]+)")


@dataclass(frozen=True)
class Test:
    """Sequences of a task."""

    task: Task
    x: np.ndarray
    y: np.ndarray


@dataclass(frozen=True)
class Data:
    """A task, and the seed its sequences are made from, when they are needed."""

    task: Task
    seed: int
    licence: str = "generated; none needed"

    @property
    def objective(self) -> Objective:
        """What the best epoch is chosen by."""
        return Objective(self.task.score, "min")

    @property
    def test(self) -> Test:
        """The sequences to evaluate on after the training."""
        return Test(self.task, *self.task.part("test", self.seed))

    @property
    def understood(self) -> Sequence[Fact]:
        """What the sequences are."""
        sizes = ", ".join(f"{size:,} {part}" for part, size in SIZES.items())
        return (
            Fact("task", self.task.summary),
            Fact("sequences", f"{self.task.steps} steps each; train without end, {sizes}"),
            Fact("made", f"as they are needed (seed {self.seed}); no sequence occurs twice"),
        )


def load(source: Source, config: Config) -> Data:
    """The task; its sequences are made when they are needed.

    Raises:
        UserError: If the source is not the embedded one.
    """
    source.embedded_name()
    return Data(TASKS[config.task](config.length), config.seed)


def load_test(source: Source, config: Config) -> Test:
    """The test part; with `embedded:length=N`, sequences of another length.

    Raises:
        UserError: If the source is anything else.
    """
    length = config.length
    if source != config.data:
        name = _LENGTH.fullmatch(source.name) if source.kind == "embedded" else None
        if name is None or int(name[1]) < 2:
            raise UserError(
                "--data must be embedded or embedded:length=N with N at least 2, not "
                f"{str(source)!r}."
            )
        length = int(name[1])
    return Data(TASKS[config.task](length), config.seed).test
