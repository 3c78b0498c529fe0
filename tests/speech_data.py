"""Data of the speech recipe, read as its tests want them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from recipes.kit.data.source import Source
from recipes.speech import data as speech
from recipes.speech.clips import Clip
from recipes.speech.data import Data
from recipes.speech.options import Config


def config_of(path: Path | Source, **options: Any) -> Config:
    source = path if isinstance(path, Source) else Source.of(path)
    return Config(data=source, **options)


def load(path: Path | Source, **options: Any) -> Data:
    config = config_of(path, **options)
    return speech.load(config.data, config)


def load_test(path: Path, trained_on: Path | None = None, **options: Any) -> list[Clip]:
    """What a model of 8 kHz, trained on other data, is evaluated on."""
    config = config_of(trained_on or path.parent / "other", **options)
    return list(speech.load_test(Source.of(path), config, 8000))


def parts(data: Data) -> tuple[Any, Any, Any]:
    return data.clips.train, data.clips.valid, data.clips.test
