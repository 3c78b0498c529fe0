"""Options of the memory recipe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from recipes.kit.data.source import EMBEDDED
from recipes.kit.errors import UserError
from recipes.kit.inputs import TextOptions as Predict
from recipes.kit.option import option
from recipes.kit.options import FitConfig, InitialStateConfig, RunConfig, Schedule, StackConfig
from recipes.memory.variants import UNGAINED, expand

__all__ = ["Config", "Predict"]


@dataclass(frozen=True)
class Config(StackConfig, InitialStateConfig, FitConfig):
    """Options of the memory recipe."""

    task: Literal["adding", "copy", "counting"] = option(
        "adding",
        "What to remember: adding, the sum of two marked numbers; copy, ten symbols repeated after "
        "blanks; counting, how often a symbol occurred.",
        heading="data",
    )
    length: int = option(
        100,
        "Steps of a sequence; with --task copy, of the blanks between the two ends.",
        heading="data",
        at_least=2,
    )
    compare: tuple[str, ...] = option(
        (),
        "Train these for comparison, all else equal, and plot them together: groups (cells, "
        "initialisation, leaks, delays, depth, clipping) or single variants (simple, irnn, lstm, "
        "leaky-16, ...).",
        heading="run",
    )
    recurrent_gain: float = option(
        1.0,
        "Factor on the recurrent weights at the start: below 1 gradients vanish, far above 1 they "
        "explode.",
        heading="model",
        above=0,
        below=1e6,
    )
    epoch_steps: int = option(
        100,
        "Training steps per epoch. No sequence occurs twice.",
        heading="training",
        at_least=1,
    )
    epochs: int = 15
    batch_size: int = 64
    patience: int = 20
    learning_rate: float = 1e-2
    schedule: Schedule = "cosine"
    cell: str = "gru"
    units: int = 64

    kept: ClassVar[tuple[str, ...]] = (*RunConfig.kept, "task")

    #: Sequences are generated without end.
    for_little: ClassVar[Mapping[int, Mapping[str, Any]]] = {}

    retired: ClassVar[Mapping[str, Any]] = {
        **RunConfig.retired,
        "bidirectional": False,
        "merge_mode": None,
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.data != EMBEDDED:
            raise UserError(
                "--data must be embedded: this recipe generates its sequences and cannot read "
                f"{str(self.data)!r}. Choose them with --task and --length."
            )
        expand(self.compare)

    def without_effect(self) -> Iterator[tuple[str, Iterable[str]]]:
        yield from super().without_effect()
        if self.from_ is not None:
            yield "with --from, as the others would start from nothing", ("compare",)
        if self.cell in UNGAINED:
            yield f"with --cell {self.cell}, which has no recurrent kernel", ("recurrent_gain",)
