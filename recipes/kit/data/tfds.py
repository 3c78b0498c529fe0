"""Datasets of tensorflow-datasets: whatever goes wrong with them becomes one line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from recipes.kit.errors import UserError

_SPLITS = {"train": ("train",), "valid": ("dev", "validation", "valid"), "test": ("test",)}


def splits(builder: Any) -> dict[str, str]:
    """Which of train, valid and test a dataset has, and what it calls them."""
    found = {
        split: next((name for name in names if name in builder.info.splits), None)
        for split, names in _SPLITS.items()
    }
    return {split: name for split, name in found.items() if name is not None}


def licence(builder: Any) -> str:
    """Where the licence of a dataset stands."""
    return f"as stated by its owner: {builder.info.homepage or 'see the TFDS catalogue'}"


def prepared_builder(name: str) -> Any:
    """A builder with its data on disk.

    Raises:
        UserError: no such dataset, or it cannot be fetched.
    """
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise UserError(
            f"tfds:{name}: needs tensorflow-datasets ({error}); pip install 'rnn-zoo[recipes]'"
        ) from None
    try:
        builder = tfds.builder(name)
    except Exception as error:
        raise UserError(f"tfds:{name}: no such dataset: {_first_line(error)}") from None
    try:
        builder.download_and_prepare()
    except Exception as error:
        raise UserError(
            f"tfds:{name}: could not be downloaded and prepared: {_first_line(error)}"
        ) from None
    return builder


def decoded(builder: Any, split: str) -> Iterable[Mapping[str, Any]]:
    """Examples of a split as NumPy arrays."""
    import tensorflow_datasets as tfds

    return tfds.as_numpy(builder.as_dataset(split=split))


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0][:200] if lines else "") or type(error).__name__
