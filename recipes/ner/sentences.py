"""Tagged sentences: as a corpus gives them out, and as they were read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from recipes.kit.errors import DataError


@dataclass(frozen=True)
class Sentence:
    """Tokens and a tag for each; entity tags are IOB2."""

    tokens: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Raw:
    """Sentences with their tags as read, in whatever scheme.

    `lines[i]` are the line numbers of sentence i's tokens; empty where there are none (TFDS).
    """

    path: str | Path
    sentences: tuple[Sentence, ...]
    lines: tuple[tuple[int, ...], ...] = ()

    def tag_error(self, bad: set[str], message: str) -> DataError:
        """An error at the first of the `bad` tags; `message` may say {tag}."""
        at, tag = next(
            ((s, t), tag)
            for s, sentence in enumerate(self.sentences)
            for t, tag in enumerate(sentence.tags)
            if tag in bad
        )
        line = self.lines[at[0]][at[1]] if self.lines else None
        return DataError(self.path, message.format(tag=tag), line=line)
