"""Options of the language_model recipe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from recipes.kit.data.reading import Encoded, TextFiles
from recipes.kit.option import option
from recipes.kit.options import FitConfig, Schedule, StackConfig


@dataclass(frozen=True)
class Config(TextFiles, StackConfig, FitConfig):
    """Options of the language_model recipe."""

    for_little: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        2500: {},
        100: {"epochs": 50, "units": 64, "dropout": 0.5},
    }

    epochs: int = 8
    batch_size: int = option(
        64,
        "Passages of the text that are read side by side; fewer with little data.",
        heading="training",
        at_least=1,
    )
    learning_rate: float = 5e-3
    schedule: Schedule = "cosine"
    cell: str = "gru"
    units: int = 256
    level: Literal["character", "word"] = option(
        "character",
        "What a token is. Words are separated by blanks; a line break is a word, too.",
        heading="model",
    )
    documents: Literal["file", "paragraph", "line"] = option(
        "file",
        "What a document of your files is. States start from zero at each document.",
        heading="data",
    )
    steps: int = option(
        100,
        "Tokens that the gradient goes back through; states are carried further.",
        heading="training",
        at_least=1,
    )
    embedding_dim: int = option(64, "Width of the token embedding.", heading="model", at_least=1)
    tie_weights: bool = option(
        False, "Use the embedding as the output matrix, too.", heading="model"
    )
    vocabulary_size: int | None = option(
        10_000,
        "Know at most this many tokens, the most frequent ones. None knows all.",
        heading="model",
        at_least=1,
    )
    samples: int = option(6, "Texts to write after the training.", heading="run", at_least=1)

    #: States are carried from batch to batch, and only what was read before is known.
    retired: ClassVar[Mapping[str, Any]] = {
        **FitConfig.retired,
        "bidirectional": False,
        "merge_mode": None,
        "initial_state": "zeros",
    }

    def without_effect(self) -> Iterator[tuple[str, Iterable[str]]]:
        yield from super().without_effect()
        if self.data.kind != "files":
            yield f"with --data {self.data}", ("documents",)


@dataclass(frozen=True)
class Predict(Encoded):
    """Continue prompts: one answer for each, with the text that follows it and how likely the
    model finds the prompt itself."""

    heading: ClassVar[str] = "search of answers"

    length: int = option(
        300, "Most tokens to write; fewer where the model ends the text.", at_least=1
    )
    temperature: float = option(
        1.0, "Below 1 makes likely tokens likelier; 0 always takes the likeliest.", at_least=0
    )
    top_k: int = option(
        0, "Draw from this many of the likeliest tokens; 0 draws from all.", at_least=0
    )
    top_p: float = option(
        1.0,
        "Draw from the likeliest tokens that make up this share; 1 draws from all.",
        above=0,
        at_most=1,
    )
    seed: int = option(0, "Seed of the draw.", at_least=0, at_most=2**31 - 1)
