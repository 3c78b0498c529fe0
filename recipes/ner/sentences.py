"""Tagged sentences: as a corpus gives them out, and as they were read."""

from __future__ import annotations

from collections.abc import Sequence
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


def split_tokens(text: str) -> list[str]:
    """The tokens of a sentence that is split already, at blanks and tabs: a token may hold blanks
    of other kinds, such as the one in "1\u00a0000".

    >>> split_tokens(" Ada  met\tAlan")
    ['Ada', 'met', 'Alan']
    """
    return [token for token in text.replace("\t", " ").split(" ") if token]


def token_places(text: str, tokens: Sequence[str]) -> list[tuple[int, int]]:
    """Where each token begins and ends in the text that it was split off.

    >>> token_places("No, no", ["No", ",", "no"])
    [(0, 2), (2, 3), (4, 6)]
    """
    places, end = [], 0
    for token in tokens:
        start = text.index(token, end)
        end = start + len(token)
        places.append((start, end))
    return places
