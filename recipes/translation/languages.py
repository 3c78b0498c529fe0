"""Languages in the names of files, columns and fields: `train.de`, `train_en.txt`, `src-train.txt`,
`English`, `pt-BR`."""

from __future__ import annotations

import functools
import re
from pathlib import Path

#: Words that name a side rather than a language.
_SIDES = {
    "source", "target", "src", "tgt", "trg", "input", "output", "question", "answer", "sentence",
    "text", "translation", "original",
}  # fmt: skip

#: Codes of three letters for languages that have one of two.
_CODES = {
    "ara", "bul", "cat", "ces", "chi", "cmn", "cze", "dan", "deu", "dut", "ell", "eng", "est",
    "fin", "fra", "fre", "ger", "gre", "heb", "hin", "hun", "ind", "ita", "jpn", "kor", "lit",
    "nld", "nor", "pol", "por", "ron", "rum", "rus", "slk", "slv", "spa", "swe", "tha", "tur",
    "ukr", "vie", "zho",
}  # fmt: skip

_TABLES = (".tsv", ".csv", ".json", ".jsonl", ".ndjson")


@functools.cache
def _known() -> frozenset[str]:
    """Names in English and codes of two letters, in small letters; rarer codes are words as well,
    such as `tok`, `new` and `raw`."""
    from babel import Locale

    words = {str(word).lower() for pair in Locale("en").languages.items() for word in pair}
    return frozenset(word for word in words if len(word) != 3)


def is_language(word: str) -> bool:
    """Whether a word names a language or a side.

    >>> is_language("pt-BR"), is_language("French"), is_language("tgt"), is_language("tok")
    (True, True, True, False)
    """
    whole = word.strip().lower()
    code = re.match(r"[a-z]{2,3}(?=[-_][a-z]{2,4}$)", whole)
    return bool({whole, code[0] if code else whole} & (_known() | _SIDES | _CODES))


def names_language(cell: str) -> bool:
    """Whether a cell of a first row names a language, as a header does.

    >>> [names_language(cell) for cell in ("English words/sentences", "text_fr", "It's late.")]
    [True, True, False]
    """
    if is_language(cell):
        return True
    words = re.split(r"[\W_]+", cell.lower())
    if re.fullmatch(r"[A-Za-z]+(?:_[A-Za-z]+)+", cell):
        return any(map(is_language, words))
    return len(words) <= 4 and any(len(word) > 3 and word in _known() for word in words)


def language_of(path: Path) -> str:
    """The language that a file's name ends in, or that is the last to stand in it, else the ending
    of the name; empty for a table or a name without an ending.

    >>> [language_of(Path(name)) for name in ("train.tok.de.gz", "dev_en.txt", "src-test.txt")]
    ['de', 'en', 'src']
    """
    name = path.name.removesuffix(".gz").removesuffix(".txt")
    suffix = Path(name).suffix
    if suffix.lower() in _TABLES:
        return ""
    if is_language(suffix[1:]):
        return suffix[1:]
    words = re.split(r"[._-]", name)
    return next((word for word in reversed(words) if is_language(word)), suffix[1:])


def ends_in_language(path: Path) -> bool:
    """Whether the last word of a file's name is a language."""
    name = path.name.removesuffix(".gz").removesuffix(".txt")
    return is_language(Path(name).suffix[1:]) or is_language(re.split(r"[._-]", name)[-1])
