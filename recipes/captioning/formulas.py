r"""Pictures of formulas, and the LaTeX that they were drawn from (Deng et al. 2017).

    (picture)   \frac { \lambda + 2 } { x _ { i } } \leq \sqrt { \pi }

A formula, and a picture, occurs once in all parts. Half of them have up to 13 tokens. All of it
depends on a seed of the data, not on that of the run; the pictures also on the release of
matplotlib. They are kept in the cache folder, see `recipes.kit.data.cache`.
"""

from __future__ import annotations

import itertools
import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np

from recipes.captioning.example import Example
from recipes.captioning.grammar import LONGEST, SHORTEST, SYMBOLS, VERSION, Grammar
from recipes.captioning.mathtext import CANVAS, FONTS, SIZES, Style, pictures
from recipes.kit.data.cache import cached_arrays
from recipes.kit.data.facts import Fact
from recipes.kit.data.readers import Found
from recipes.kit.data.source import SPLITS

#: Number of formulas in each part.
PARTS = {"train": 30_000, "valid": 1000, "test": 2000}

_SEED = 2017

#: Formulas drawn at a time by each process, and so many that one process is not enough.
_CHUNK, _ALONE = 250, 1500


def load(parts: Mapping[str, int] = PARTS, processes: int = 2) -> Found[Example]:
    """Draw the formulas: the same for the same sizes of the parts.

    Args:
        parts: Number of formulas in each part.
        processes: That draw them, where there are many.
    """
    made = cached_arrays("formulas", _origin(parts), lambda: _make(sum(parts.values()), processes))
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


def _make(count: int, processes: int) -> dict[str, np.ndarray]:
    """So many different formulas with different pictures."""
    rng = np.random.default_rng(_SEED)
    formulas = _distinct(rng)
    drawn: dict[bytes, tuple[str, np.ndarray]] = {}
    too_large = alike = 0
    while len(drawn) < count:
        chosen = list(itertools.islice(formulas, count - len(drawn)))
        styles = [Style.draw(rng) for _ in chosen]
        for formula, image in zip(chosen, _pictures(chosen, styles, processes), strict=True):
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


def _pictures(
    formulas: Sequence[str], styles: Sequence[Style], processes: int
) -> list[np.ndarray | None]:
    """The picture of each formula, or None."""
    if processes == 1 or len(formulas) < _ALONE:
        return pictures(formulas, styles)
    chunks = [(formulas[i : i + _CHUNK], styles[i : i + _CHUNK])
              for i in range(0, len(formulas), _CHUNK)]  # fmt: skip
    # Not forked: threads of this process may hold locks.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        return [image for part in pool.map(pictures, *zip(*chunks, strict=True)) for image in part]
