"""Datasets of tensorflow-datasets: whatever goes wrong with them becomes one line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
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


def prepared_builder(name: str, check: Callable[[Mapping[str, Any]], None] | None = None) -> Any:
    """A builder with its data on disk.

    Args:
        name: Name of the dataset.
        check: Refuses features that are of no use, before anything is fetched.

    Raises:
        UserError: If there is no such dataset, it is refused, or it cannot be fetched.
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
    if check is not None:
        check(builder.info.features)
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


def find_feature(
    where: str, features: Mapping[str, Any], wanted: str | None, known: Sequence[str], option: str
) -> str:
    """The name of the feature that holds something.

    Args:
        where: The dataset, for messages.
        features: Those of the dataset.
        wanted: The one the user asks for, if any.
        known: Usual names, the likeliest first.
        option: The option that names it.

    Raises:
        UserError: If there is none.
    """
    names = known if wanted is None else (wanted,)
    found = next((name for name in names if name in features), None)
    if found is None:
        have = ", ".join(sorted(features))
        raise UserError(f"{where}: no feature {' or '.join(names)}; {option} names one of {have}.")
    return found


def text_of(value: bytes | str) -> str:
    """The text of a feature."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0][:200] if lines else "") or type(error).__name__
