"""Options of the ner recipe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from recipes.kit.data.reading import Encoded, TextFiles
from recipes.kit.option import option
from recipes.kit.options import (
    ClassWeightConfig,
    DirectionConfig,
    FitConfig,
    InitialStateConfig,
    StackConfig,
    WordConfig,
)


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
    """Options of the ner recipe."""

    for_little: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1000: {"epochs": 30},
        500: {"epochs": 30, "patience": 30, "dropout": 0.5, "units": 50, "word_dim": 32},
    }

    epochs: int = 10
    learning_rate: float = 3e-3
    global_clipnorm: float | None = 5.0
    units: int = 100
    dropout: float = 0.3
    head: Literal["crf", "softmax"] = option(
        "crf",
        "How tags are chosen: a CRF over the whole sentence, or a softmax for each word.",
        heading="model",
    )
    token_column: int | None = option(
        None,
        "Column of the words in your files, from 0; -1 is the last. By default the first that does "
        "not count them, or the one a header names.",
        heading="data",
    )
    tag_column: int | str | None = option(
        None,
        "Column of the tags in your files, from 0; -1 is the last. By default the last. A "
        "name in CoNLL-U (upos, by default, xpos, feats, deprel), below a header and in JSON; in "
        "TFDS a feature.",
        heading="data",
    )

    def without_effect(self) -> Iterator[tuple[str, Iterable[str]]]:
        yield from super().without_effect()
        if self.data.kind == "embedded":
            yield "with --data embedded", ("token_column", "tag_column")
        if self.head == "crf":
            reason = (
                "with --head crf, whose loss is that of a whole sentence and not of single tags"
            )
            yield reason, ("class_weight",)
        if self.data.kind == "tfds":
            yield "with --data tfds", ("token_column",)


@dataclass(frozen=True)
class Predict(Encoded):
    """Tag sentences: one answer for each, with its tokens, their tags and the entities."""

    heading: ClassVar[str] = "data"

    tokens: bool = option(
        False,
        "The sentences are split already: tokens with blanks or tabs between them, each of which "
        "gets one tag.",
    )
