"""Reading corpora in tests: sources by their text, files written for the occasion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from recipes.kit.data.source import Source
from recipes.ner import data as ner_data
from recipes.ner.data import Data
from recipes.ner.options import Config
from recipes.ner.sentences import Sentence


def write(directory: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (directory / f"{name}.txt").write_text(text, encoding="utf-8")
    return directory


def file(tmp_path: Path, text: str, name: str = "corpus.conll") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def load(source: Path | str, **options: Any) -> Data:
    config = Config(data=Source.parse(str(source)), **options)
    return ner_data.load(config.data, config)


def load_test(source: Path | str, kind: Any = None, **options: Any) -> tuple[Sentence, ...]:
    config = Config(data=Source.parse(str(source)), **options)
    return tuple(ner_data.readers(config, kind).load_test(config.data, seed=config.seed))


def understood(data: Data) -> str:
    return "; ".join(f"{fact.topic}: {fact.text}" for fact in data.understood)


def tags_of(path: Path, **options: Any) -> list[str]:
    return [" ".join(s.tags) for s in load_test(path, **options)]
