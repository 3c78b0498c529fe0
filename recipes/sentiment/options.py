"""Options of the sentiment recipe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from recipes.kit.data.reading import TextFiles
from recipes.kit.inputs import TextOptions as Predict
from recipes.kit.option import option
from recipes.kit.options import (
    ClassWeightConfig,
    DirectionConfig,
    FitConfig,
    InitialStateConfig,
    StackConfig,
    WordConfig,
)

__all__ = ["Config", "Predict"]


@dataclass(frozen=True)
class Config(
    TextFiles,
    StackConfig,
    DirectionConfig,
    InitialStateConfig,
    WordConfig,
    ClassWeightConfig,
    FitConfig,
):
    """Options of the sentiment recipe."""

    epochs: int = 10
    patience: int = 3
    units: int = 64
    dropout: float = 0.5
    character_filters: int = 0
    pooling: Literal["last", "mean", "max", "attention"] = option(
        "attention",
        "How the states of all words become one vector: last takes those after the whole text, "
        "mean and max go over the words, attention is a learned weighted mean.",
        heading="model",
    )
    vocabulary_size: int = option(
        30_000,
        "Know at most this many words, the most frequent ones.",
        heading="model",
        at_least=1,
    )
    max_tokens: int = option(
        400, "Read at most this many words of a text.", heading="model", at_least=1
    )
    text_column: int | str | None = option(
        None,
        "Column of the texts in your files: a number from 0, -1 for the last, or a name (also of a "
        "JSONL field or a TFDS feature). By default found by its name, else by its contents.",
        heading="data",
    )
    label_column: int | str | None = option(
        None,
        "Column of the labels, specified like --text-column; 0 also where lines begin with their "
        "label and this cannot be told from the words.",
        heading="data",
    )
    subset: str | None = option(
        None,
        "Where a folder holds several sets, the one with this word in its file names.",
        heading="data",
    )

    def without_effect(self) -> Iterator[tuple[str, Iterable[str]]]:
        yield from super().without_effect()
        if self.data.kind == "embedded":
            yield "with --data embedded", ("text_column", "label_column", "subset")
        if self.data.kind == "tfds":
            yield "with --data tfds:NAME", ("subset",)
