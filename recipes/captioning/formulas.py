r"""Pictures of formulas, and the LaTeX that they were drawn from (Deng et al. 2017).

    (picture)   \frac { \lambda + 2 } { x _ { i } } \leq \sqrt { \pi }

A formula, and a picture, occurs once in all parts. Half of them have up to 13 tokens. All of it
depends on a seed of the data, not on that of the run; the pictures also on the release of
matplotlib. They take about 160 s of one core to make, once: they are kept in the cache folder, see
`recipes.kit.data.cache`.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from recipes.captioning.example import Example
from recipes.captioning.grammar import LONGEST, SHORTEST, SYMBOLS, VERSION, Grammar
from recipes.captioning.mathtext import CANVAS, FONTS, SIZES, Style, pictures
from recipes.kit.console import progress_bar
from recipes.kit.data.cache import cached_arrays
from recipes.kit.data.facts import Fact
from recipes.kit.data.readers import Found
from recipes.kit.data.source import SPLITS

#: Number of formulas in each part.
PARTS = {"train": 30_000, "valid": 1000, "test": 2000}

_SEED = 2017

#: Formulas drawn at a time by each process, and so many that one process is not enough; most
#: processes.
_CHUNK, _ALONE, _PROCESSES = 250, 1500, 8


def load(parts: Mapping[str, int] = PARTS) -> Found[Example]:
    """Draw the formulas: the same for the same sizes of the parts.

    Args:
        parts: Number of formulas in each part.
    """
    made = cached_arrays("formulas", _origin(parts), lambda: _make(sum(parts.values())))
    examples = [
        Example(image[..., None], (str(formula),), f"formula {index}")
        for index, (image, formula) in enumerate(zip(made["images"], made["formulas"], strict=True))
    ]
    ends = itertools.accumulate(parts[split] for split in SPLITS)
    splits = {
        split: tuple(examples[end - parts[split] : end])
        for split, end in zip(SPLITS, ends, strict=True)
    }
    too_large, alike = (int(made[name]) for name in ("too_large", "alike"))
    facts = (
        Fact(
            "made",
            f"random formulas of {SHORTEST} to {LONGEST} tokens and {len(SYMBOLS)} symbols, drawn "
            f"in {len(FONTS)} fonts and {len(SIZES)} sizes; none of a part is in another",
        ),
        Fact("dropped", f"{too_large:,} too large for the picture, {alike:,} with an equal one"),
        Fact(
            "reads",
            "print like this, black on white, in these fonts, with capital letters of 7 to 11 "
            "pixels; margins are cut off, and larger print is made smaller, at some cost",
        ),
        Fact("first caption", splits["train"][0].captions[0]),
    )
    return Found(splits, facts, "generated; drawn with the fonts of matplotlib")


def _origin(parts: Mapping[str, int]) -> tuple[Any, ...]:
    """All that the formulas depend on."""
    import matplotlib

    return (
        *(_SEED, sorted(parts.items()), matplotlib.__version__, np.__version__),
        *(SYMBOLS, FONTS, SIZES, CANVAS, VERSION),
    )


def _make(count: int) -> dict[str, np.ndarray]:
    """So many different formulas with different pictures."""
    rng = np.random.default_rng(_SEED)
    formulas = _distinct(rng)
    drawn: dict[bytes, tuple[str, np.ndarray]] = {}
    too_large = alike = 0
    while len(drawn) < count:
        chosen = list(itertools.islice(formulas, count - len(drawn)))
        styles = [Style.draw(rng) for _ in chosen]
        for formula, image in zip(chosen, _pictures(chosen, styles), strict=True):
            if image is None:
                too_large += 1
            elif (key := image.tobytes()) in drawn:
                alike += 1
            else:
                drawn[key] = formula, image
    texts, images = zip(*drawn.values(), strict=True)
    return {
        "formulas": np.array(texts),
        "images": np.stack(images),
        "too_large": np.array(too_large),
        "alike": np.array(alike),
    }


def _distinct(rng: np.random.Generator) -> Iterator[str]:
    """Formulas without end, each once, evenly of all lengths."""
    grammar, seen = Grammar(int(rng.integers(2**31))), set[str]()
    while True:
        formula = grammar.draw(int(rng.integers(SHORTEST, LONGEST, endpoint=True)))
        if formula not in seen:
            seen.add(formula)
            yield formula


def _pictures(formulas: Sequence[str], styles: Sequence[Style]) -> list[np.ndarray | None]:
    """The picture of each formula, or None; many are drawn by several processes."""
    from joblib import Parallel, delayed

    alone = len(formulas) < _ALONE
    starts = range(0, len(formulas), _CHUNK)
    drawn: list[np.ndarray | None] = []
    with progress_bar() as bar:
        task = bar.add_task("formulas", total=len(formulas), status="drawn")
        processes = 1 if alone else min(_PROCESSES, os.cpu_count() or 1)
        for part in Parallel(processes, return_as="generator")(
            delayed(pictures)(formulas[start : start + _CHUNK], styles[start : start + _CHUNK])
            for start in starts
        ):
            drawn += part
            bar.advance(task, len(part))
    return drawn
