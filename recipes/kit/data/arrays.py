"""Files of NumPy arrays."""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np

from recipes.kit.errors import DataError

#: What NumPy and the modules it reads with raise for a damaged file of arrays.
DAMAGED = (
    *(OSError, ValueError, EOFError, SyntaxError, ArithmeticError, LookupError, RuntimeError),
    *(MemoryError, TypeError, zipfile.BadZipFile, zlib.error, tokenize.TokenError),
)


def read_arrays(path: Path, expected: str) -> dict[str, np.ndarray]:
    """The arrays of an `.npz` file by name; that of an `.npy` file has the name "".

    Args:
        path: The file.
        expected: What it should be, for the message: "an .npz file with x and y".

    Raises:
        DataError: If it cannot be read, is damaged or holds Python objects.
    """
    try:
        with path.open("rb") as raw:
            content = np.load(raw, allow_pickle=False)
            if isinstance(content, np.ndarray):
                return {"": content}
            with content:
                return {name: content[name] for name in content.files}
    except OSError as error:
        raise DataError(path, f"cannot be read: {error.strerror or error}") from None
    except DAMAGED as error:
        raise DataError(path, f"expected {expected}, found a damaged one ({error})") from None
