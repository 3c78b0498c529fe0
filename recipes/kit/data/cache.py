"""What takes long to make and never changes, kept between runs in the user's cache folder.

`$RNN_ZOO_CACHE` names the folder; by default it is `rnn-zoo` in `$XDG_CACHE_HOME`, or in
`~/.cache`. Deleting it loses nothing but time.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from recipes.kit.console import note
from recipes.kit.data.arrays import DAMAGED

Arrays = Mapping[str, np.ndarray]


def cache_folder() -> Path:
    """Where arrays are kept."""
    if chosen := os.environ.get("RNN_ZOO_CACHE"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "rnn-zoo"


def cached_arrays(name: str, of: object, make: Callable[[], Arrays]) -> Arrays:
    """Arrays as they were made earlier, or made now and kept.

    A kept file is used only if it was made from the same and is undamaged. Where it cannot be
    written, as on a full disk, the arrays are made anew each time. Both is said.

    Args:
        name: What the arrays are, the beginning of the file's name.
        of: All that they depend on: its `repr` must differ wherever they would.
        make: Makes them.
    """
    key = hashlib.sha256(repr(of).encode()).hexdigest()[:16]
    path = cache_folder() / f"{name}-{key}.npz"
    kept = _read(path)
    if kept is not None:
        return kept
    note(f"{name} are made once, and kept in {path.parent}")
    arrays = make()
    try:
        _write(path, arrays)
    except OSError as error:
        reason = error.strerror or error
        note(f"{name} are not kept: {path.parent} cannot be written ({reason}); see RNN_ZOO_CACHE")
    return arrays


def _read(path: Path) -> Arrays | None:
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except DAMAGED:  # or there is none
        return None


def _write(path: Path, arrays: Arrays) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        whole = Path(folder) / path.name
        with whole.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)
        os.replace(whole, path)
