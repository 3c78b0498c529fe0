"""Options of recipes whose decoder writes a sentence piece by piece."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from recipes.kit.option import option
from recipes.kit.options import RunConfig


@dataclass(frozen=True)
class DecodingConfig(RunConfig):
    """How a decoder is trained on sentences, and how it writes one by itself."""

    scheduled_sampling: float = option(
        0.0,
        "Share of the true target pieces replaced by the decoder's own by the end of the "
        "training, drawn for each piece. 0 is teacher forcing.",
        heading="training",
        at_least=0,
        at_most=1,
    )
    sampling_schedule: Literal["linear", "exponential", "sigmoid"] = option(
        "linear",
        "How the share of --scheduled-sampling grows from 0 during the training: evenly; fast at "
        "first; or slow, fast, slow.",
        heading="training",
    )
    beam_size: int = option(
        4, "Hypotheses of the beam search.", heading="search of answers", at_least=1
    )
    length_penalty: float = option(
        0.6,
        "How much the beam search favours longer answers; 0 does not.",
        heading="search of answers",
        at_least=0,
    )

    def without_effect(self) -> Iterator[tuple[str, Iterable[str]]]:
        yield from super().without_effect()
        if not self.scheduled_sampling:
            yield "without --scheduled-sampling", ("sampling_schedule",)
