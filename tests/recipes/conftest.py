"""What tests of recipes share: a small corpus with a tagger trained on it, and drawn figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
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


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that pictures are written from, in order."""
    written: list[Figure] = []
    write = Figure.savefig

    def savefig(figure: Figure, *args: Any, **options: Any) -> None:
        written.append(figure)
        write(figure, *args, **options)

    monkeypatch.setattr(Figure, "savefig", savefig)
    return written
