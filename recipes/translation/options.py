"""Options of the translation recipe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from recipes.kit.data.reading import Encoded, TextFiles
from recipes.kit.decoding import DecodingConfig
from recipes.kit.errors import UserError
from recipes.kit.option import option
from recipes.kit.options import (
    DirectionConfig,
    FitConfig,
    InitialStateConfig,
    Schedule,
    StackConfig,
)
from recipes.kit.vocabulary import Level


@dataclass(frozen=True)
class Config(
    TextFiles, DecodingConfig, StackConfig, DirectionConfig, InitialStateConfig, FitConfig
):
    """Options of the translation recipe. Direction and initial state are those of the encoder."""

    for_little: ClassVar[Mapping[int, Mapping[str, Any]]] = {1500: {}}

    epochs: int = 15
    batch_size: int = 64
    learning_rate: float = 2e-3
    schedule: Schedule = "cosine"
    cell: str = "gru"
    units: int = 256
    dropout: float = 0.2
    attention: Literal["additive", "dot", "none"] = option(
        "additive",
        "How the decoder looks back at the source: by a small network, by a product, or not at "
        "all, with one vector for the whole source.",
        heading="model",
    )
    input_feeding: bool = option(
        False,
        "Give the decoder what it looked at in the step before. Slower in training.",
        heading="model",
    )
    embedding_dim: int = option(
        128, "Width of the embeddings of source and target.", heading="model", at_least=1
    )
    level: Level = option(
        None,
        "What a piece of text is. By default a character for the embedded dates, else part of a "
        "word (subword).",
        heading="model",
    )
    vocabulary_size: int | None = option(
        8000,
        "Know at most this many pieces on each side, the most frequent ones. None knows all.",
        heading="model",
        at_least=1,
    )
    max_tokens: int = option(
        200,
        "Leave out training pairs with more pieces than this on either side.",
        heading="data",
        at_least=1,
    )
    columns: tuple[int, int] = option(
        (0, 1),
        "Columns of source and target in your tables, counted from 0. By default those that a "
        "header names by languages, else the first two.",
        heading="data",
        at_least=0,
    )
    source_language: str | None = option(
        None,
        "Language to translate from, where your files, a header, fields or a TFDS set name "
        "languages.",
        heading="data",
    )
    target_language: str | None = option(
        None, "Language to translate to, likewise.", heading="data"
    )
    reverse: bool = option(False, "Translate in the opposite direction.", heading="data")
    limit: int | None = option(
        None,
        "Keep at most this many pairs, those with the shortest sources.",
        heading="data",
        at_least=1,
    )
    compare: bool = option(
        False,
        "Train a second model without attention, and draw the quality of both by length.",
        heading="run",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require(self.columns[0] != self.columns[1], "columns", "two different numbers")
        if self.source_language is not None and self.source_language == self.target_language:
            raise UserError(
                "--source-language and --target-language must differ, both are "
                f"{self.source_language}."
            )
        if self.input_feeding and self.jit_compile:
            raise UserError("--jit-compile: XLA cannot compile the training with --input-feeding.")
        if self.compare and self.attention == "none":
            raise UserError("--compare needs --attention additive or dot, not none.")

    def presets(self) -> Mapping[str, Any]:
        level = "character" if self.data.kind == "embedded" else "subword"
        return {**super().presets(), "level": level}

    def without_effect(self) -> Iterator[tuple[str, Iterable[str]]]:
        yield from super().without_effect()
        if self.data.kind == "embedded":
            names = ("columns", "source_language", "target_language", "reverse")
            yield "with --data embedded, which goes from many languages to ISO 8601", names
        if self.data.kind == "tfds":
            yield f"with --data {self.data}", ("columns",)


@dataclass(frozen=True)
class Predict(Encoded):
    """Translate texts: one answer for each, with its translation, the score, other hypotheses,
    and what each piece was made from."""

    heading: ClassVar[str] = "search of answers"

    search: Literal["beam", "greedy"] = option(
        "beam", "Beam search, or always the likeliest next piece."
    )
    attention: bool = option(True, "Include the attention: what each piece was made from.")
