"""Tagged sentences: as a corpus gives them out, and as they were read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from recipes.kit.data.facts import Fact
from recipes.kit.data.left_out import LeftOut
from recipes.kit.data.reading import TextFiles
from recipes.kit.errors import DataError

#: No sentence has so many tokens.
_LONG = 1000

#: A token with the number of its line and its tag; what is wrong with it; or the end of a sentence.
Row = tuple[int, str, str] | DataError | None


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
    facts: tuple[Fact, ...] = ()

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


def gather(path: Path, rows: Iterable[Row], reading: TextFiles, facts: Iterable[Fact] = ()) -> Raw:
    """Sentences from rows; one with a row that is malformed is left out.

    Args:
        path: The file they are from.
        rows: Tokens, with None after each sentence.
        reading: With `strict`, no sentence is left out.
        facts: What was understood of the file.

    Raises:
        DataError: If too many are left out, or there are none.
    """
    sentences: list[Sentence] = []
    lines: list[tuple[int, ...]] = []
    left_out = LeftOut("sentences", reading)
    pending: list[tuple[int, str, str]] = []
    error: DataError | None = None
    for row in (*rows, None):
        if isinstance(row, DataError):
            error = error or row
        elif row is not None:
            pending.append(row)
        elif error is not None:
            left_out.add(error)
            pending, error = [], None
        elif pending:
            numbers, tokens, tags = zip(*pending, strict=True)
            sentences.append(Sentence(tokens, tags))
            lines.append(numbers)
            pending = []
    left_out.check(sentences)
    if not sentences:
        raise DataError(path, "no sentences; expected a token and its tag on each line")
    if len(sentences) == 1 and len(sentences[0].tokens) > _LONG:
        message = (
            f"holds one sentence of {len(sentences[0].tokens):,} tokens; expected a blank line"
        )
        raise DataError(path, f"{message} after each sentence", line=lines[0][0])
    return Raw(path, tuple(sentences), tuple(lines), (*facts, *left_out.facts()))


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
