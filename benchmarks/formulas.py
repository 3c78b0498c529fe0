"""How well a captioner of formulas reads pictures that it was not trained on the like of.

    rnn-zoo train captioning --data embedded:formulas --out saved_models/formulas
    python -m benchmarks.formulas --run saved_models/formulas

The same random formulas are drawn by matplotlib's `math_to_image`, with its margins, and read as
`rnn-zoo predict --search greedy` reads them. What is counted are those without a mistake.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from matplotlib.font_manager import FontProperties
from matplotlib.mathtext import math_to_image

from benchmarks._timing import table
from recipes.captioning.grammar import Grammar, compact
from recipes.captioning.mathtext import FONTS
from recipes.captioning.options import Predict
from recipes.captioning.serve import CaptionPredictor


@dataclass(frozen=True)
class Options:
    """Shares of formulas that are read without a mistake."""

    run: Path
    """Folder of a run of captioning on formulas."""
    count: int = 60
    """Formulas."""
    tokens: tuple[int, int] = (4, 12)
    """Tokens of a formula, at least and at most."""
    size: float = 12
    """Size of the type, in points."""
    dpi: tuple[int, ...] = (72, 100, 200)
    """Dots per inch."""


def share(
    predictor: CaptionPredictor, formulas: list[str], font: str, options: Options, dpi: int
) -> float:
    """Of formulas drawn in a font, how many are read without a mistake."""
    prop = FontProperties(size=options.size, math_fontfamily=font)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, f"{index}.png") for index in range(len(formulas))]
        for formula, path in zip(formulas, paths, strict=True):
            displayed = compact(formula).replace(r"\frac", r"\dfrac")
            math_to_image(f"${displayed}$", str(path), dpi=dpi, prop=prop)
        answers = [row["caption"] for row in predictor.predict(paths, Predict(search="greedy"))]
    return float(np.mean([a == f for a, f in zip(answers, formulas, strict=True)]))


def main(options: Options) -> None:
    """Print the table."""
    predictor, grammar, rng = CaptionPredictor(options.run), Grammar(99), np.random.default_rng(5)
    least, most = options.tokens
    formulas = [grammar.draw(int(rng.integers(least, most + 1))) for _ in range(options.count)]
    rows = [
        [dpi, *(f"{share(predictor, formulas, font, options, dpi):.2f}" for font in FONTS)]
        for dpi in options.dpi
    ]
    print(table(["dots per inch", *FONTS], rows))


if __name__ == "__main__":
    main(tyro.cli(Options))
