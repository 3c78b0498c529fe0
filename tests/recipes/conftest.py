"""A small corpus on disk and a tagger trained on it, shared by the tests of the plumbing."""

from __future__ import annotations

from pathlib import Path

import pytest
from recipe_corpus import QUICK, write_corpus

from recipes.kit.cli import main


@pytest.fixture(scope="session")
def corpus(tmp_path_factory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="session")
def trained(corpus, tmp_path_factory) -> Path:
    """A folder that `rnn-zoo train ner` wrote. Tests must not change it."""
    out = tmp_path_factory.mktemp("trained") / "ner"
    words = ["--data", str(corpus), "--out", str(out), "--epochs", "12", "--seed", "3"]
    assert (
        main(
            [
                "train",
                "ner",
                *words,
                *QUICK,
                "--dropout",
                "0.1",
                "--learning-rate",
                "0.02",
                "--tensorboard",
            ]
        )
        == 0
    )
    return out
