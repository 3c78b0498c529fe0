"""Pretrained word vectors from a text file: GloVe, word2vec or fastText."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from recipes.kit.data.files import stream_lines
from recipes.kit.errors import DataError


def read_vectors(path: Path, limit: int | None = None) -> dict[str, np.ndarray]:
    """Read `word v1 ... vd` lines, with or without a first line `count dimension`.

    Args:
        path: The file, gzipped or not.
        limit: Read at most this many words; these files list frequent words first.

    Returns:
        Vector of each word as it is spelt, in the order of the file.

    Raises:
        DataError: If a line has another number of values than those before, or a value that is no
            number, or if there is no vector at all.
    """
    vectors: dict[str, np.ndarray] = {}
    dimension = 0
    for number, line in stream_lines(path):
        word, *values = line.rstrip().split(" ")
        if number == 1 and len(values) == 1 and word.isdecimal() and values[0].isdecimal():
            continue
        if not values:
            raise DataError(path, "expected a word and its vector", line=number)
        dimension = dimension or len(values)
        # Some files have words with spaces in them: the vector is what stands at the end.
        word = " ".join([word, *values[:-dimension]])
        try:
            vector = np.array(values[-dimension:], np.float32)
        except ValueError:
            raise DataError(
                path, f"the vector of {word!r} has a value that is not a number", line=number
            ) from None
        if len(vector) != dimension:
            raise DataError(
                path,
                f"expected {dimension} values after the word, found {len(vector)}",
                line=number,
            )
        vectors.setdefault(word, vector)
        if limit is not None and len(vectors) >= limit:
            break
    if not vectors:
        raise DataError(path, "holds no word vectors; expected lines `word v1 ... vd`")
    return vectors


def embedding_matrix(
    words: Sequence[str], vectors: Mapping[str, np.ndarray], seed: int
) -> np.ndarray:
    """Rows for padding, unknown and each word; words without a vector get a random one.

    The random rows, that of unknown words among them, have the mean and spread of the known ones.
    """
    known = np.stack(list(vectors.values()))
    generator = np.random.default_rng(seed)
    matrix = generator.normal(known.mean(0), known.std(0), (len(words) + 2, known.shape[1]))
    matrix[0] = 0
    for row, word in enumerate(words, start=2):
        if word in vectors:
            matrix[row] = vectors[word]
    return matrix.astype(np.float32)
