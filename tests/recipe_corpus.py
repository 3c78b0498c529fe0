"""A small corpus that a tiny tagger learns in seconds."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

#: Options that make training a matter of seconds.
QUICK = ["--units", "8", "--word-dim", "8", "--character-filters", "6", "--batch-size", "16"]

#: Options of the least that can be trained, where it does not matter what is learned.
PLAIN = [*QUICK, "--head", "softmax", "--character-filters", "0", "--cell", "simple"]

_PEOPLE = "Ada Grace Alan Edsger Barbara Donald Linus Margaret".split()
_PLACES = "London Paris Oslo Rome Lima Cairo Delhi Quito".split()


def write_corpus(folder: Path, sizes: dict[str, int] | None = None) -> Path:
    """Write CoNLL files of sentences that a tiny tagger can learn."""
    folder.mkdir(parents=True, exist_ok=True)
    dice = random.Random(0)
    for split, size in (sizes or {"train": 96, "dev": 24, "test": 30}).items():
        sentences = []
        for _ in range(size):
            person, other = dice.sample(_PEOPLE, 2)
            place = dice.choice(_PLACES)
            rows = [(person, "B-PER"), ("met", "O"), (other, "B-PER"), (other, "I-PER")]
            rows += [("in", "O"), (place, "B-LOC"), (".", "O")]
            sentences.append("\n".join("\t".join(row) for row in rows[dice.choice((0, 0, 2)) :]))
        (folder / f"{split}.conll").write_text("\n\n".join(sentences) + "\n", encoding="utf-8")
    return folder


def answer_rows(folder: Path, figure: str, *, lowest_first: bool = False) -> list[dict[str, Any]]:
    """The rows of a run's `test_answers.jsonl`, after a look at whether a figure sorts them."""
    rows = [json.loads(line) for line in (folder / "test_answers.jsonl").read_text().splitlines()]
    figures = [row[figure] for row in rows]
    assert figures == sorted(figures, reverse=not lowest_first)
    return rows
