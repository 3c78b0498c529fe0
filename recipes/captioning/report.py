"""What is shown of a finished run: pictures of its answers, and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from recipes.captioning.data import Data
from recipes.captioning.example import Example
from recipes.captioning.formula_plots import readings
from recipes.captioning.metrics import exact_match_by_length
from recipes.captioning.options import Config
from recipes.captioning.plots import captioned, looks
from recipes.captioning.serve import CaptionPredictor, tokens_of
from recipes.kit.output import PLOTS
from recipes.kit.plots import by_length
from recipes.kit.recipe import Run

#: Images in the pictures.
_SHOWN, _LOOKED_AT = 12, 4

#: Tokens of the formulas in the picture of where each token looked.
_READ = (10, 14, 20)


def draw(run: Run[Config, Data], predictor: CaptionPredictor, answers: Mapping[str, Any]) -> None:
    """Draw images with their captions, and where each word looked."""
    test, folder = run.data.test, run.folder / PLOTS
    shown = np.random.default_rng(0).permutation(len(test))[:_SHOWN]
    examples = [test[index] for index in shown]
    said = [answers["model"][index] for index in shown]
    truths = [example.captions for example in examples]
    captioned([example.image for example in examples], said, truths, folder / "captions.png")
    if run.config.formulas:
        references = [example.captions for example in test]
        by_length(
            {
                name: _in_bins(exact_match_by_length(texts, references))
                for name, texts in answers.items()
            },
            folder / "exact_match_by_length.png",
            score="exact match",
            length="tokens of the formula",
            counted="formulas",
            top=1.03,
        )
    if run.config.attention == "none":
        return
    if run.config.formulas:
        _draw_readings(test, predictor, folder)
        return
    looked = [
        (example.image, tokens_of(row), row["attention"])
        for example, row in zip(
            examples[:_LOOKED_AT], predictor.answers(examples[:_LOOKED_AT]), strict=True
        )
    ]
    looks(looked, folder / "looks.png")


def _in_bins(rows: Sequence[Mapping[str, float]]) -> tuple[list[float], list[float], list[int]]:
    """The rows of `exact_match_by_length` as `by_length` takes them, a bin for each length."""
    found = {int(row["tokens"]): row for row in rows}
    lengths = range(min(found), max(found) + 1)
    edges = [min(found) - 0.5, *(length + 0.5 for length in lengths)]
    matches = [found[n]["exact_match"] if n in found else float("nan") for n in lengths]
    return edges, matches, [int(found[n]["images"]) if n in found else 0 for n in lengths]


def _draw_readings(test: Sequence[Example], predictor: CaptionPredictor, folder: Path) -> None:
    """Where each token of some formulas looked: the first ones of certain lengths."""
    by_length = {len(e.captions[0].split()): e for e in reversed(test)}
    chosen = [by_length[length] for length in _READ if length in by_length]
    rows = [
        (e.image, e.captions[0], row["sentence"].decode(), tokens_of(row), row["attention"])
        for e, row in zip(chosen, predictor.answers(chosen), strict=True)
    ]
    if rows:
        readings(rows, folder / "looks.png")


def tables(
    run: Run[Config, Data], predictor: CaptionPredictor, answers: Mapping[str, Any]
) -> Mapping[str, Any]:
    """For formulas the exact match by length."""
    if not run.config.formulas:
        return {}
    references = [example.captions for example in run.data.test]
    rows = exact_match_by_length(answers["model"], references)
    return {"exact_match_by_length.csv": rows}
