"""Word vectors from text files."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from recipes.kit.data.vectors import embedding_matrix, read_vectors
from recipes.kit.errors import DataError


def write(tmp_path, text):
    path = tmp_path / "vectors.txt"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("header", ["", "2 3\n"])
def test_glove_and_word2vec(tmp_path, header):
    vectors = read_vectors(write(tmp_path, header + "The 1 2 3\nüber -1 0.5 2e-1 \n"))
    assert list(vectors) == ["The", "über"]
    np.testing.assert_allclose(vectors["über"], [-1, 0.5, 0.2])


def test_gzip_limit_case_and_words_with_spaces(tmp_path):
    path = tmp_path / "v.txt.gz"
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("The 1 2\nThe 3 4\n. . 5 6\nlast 7 8\n")
    vectors = read_vectors(path, limit=2)
    assert list(vectors) == ["The", ". ."]
    np.testing.assert_array_equal(vectors["The"], [1, 2])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a 1 2\nb 1\n", "vectors.txt:2: expected 2 values after the word"),
        ("a 1 2\nb 1 x\n", "vectors.txt:2: the vector of 'b' has a value that is not a number"),
        ("a 1 2\n\nb 1 2\n", "vectors.txt:2: expected a word"),
        ("", "vectors.txt: .*no"),
    ],
)
def test_errors_name_the_line(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read_vectors(write(tmp_path, text))


def test_matrix_has_known_vectors_in_their_rows():
    vectors = {"b": np.array([1.0, 2.0], "float32"), "z": np.array([3.0, 4.0], "float32")}
    matrix = embedding_matrix(("a", "b"), vectors, seed=0)
    assert matrix.shape == (4, 2)
    np.testing.assert_array_equal(matrix[0], 0)
    np.testing.assert_array_equal(matrix[3], [1, 2])
    np.testing.assert_array_equal(matrix, embedding_matrix(("a", "b"), vectors, seed=0))
