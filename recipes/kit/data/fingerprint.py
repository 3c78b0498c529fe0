"""Whether two runs were tested on the same examples: a short digest of what they hold."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np


def fingerprint(examples: Any) -> str:
    """A digest of examples: the same wherever they are read from, another for other contents.

    Args:
        examples: Texts, numbers and arrays, in sequences and dataclasses of any depth. Fields that
            take no part in comparisons (`field(compare=False)`) do not count.

    Raises:
        TypeError: If there is anything else in them.

    >>> fingerprint(("a", 1)) == fingerprint(["a", 1]) != fingerprint(["a", 2])
    True
    """
    digest = hashlib.blake2b(digest_size=8)
    _feed(digest, examples)
    return digest.hexdigest()


def _feed(digest: Any, value: Any) -> None:
    if isinstance(value, np.ndarray):
        digest.update(f"{value.dtype}{value.shape}".encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    elif dataclasses.is_dataclass(value):
        digest.update(type(value).__name__.encode())
        for field in dataclasses.fields(value):
            if field.compare:
                _feed(digest, getattr(value, field.name))
    elif isinstance(value, str | bytes | int | float | np.generic | None):
        digest.update(f"{value!r},".encode())
    elif isinstance(value, Sequence):
        digest.update(f"{len(value)}:".encode())
        for member in value:
            _feed(digest, member)
    else:
        raise TypeError(f"{type(value).__name__} has no fingerprint")
