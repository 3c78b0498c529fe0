"""Files of arrays: whole ones are read, damaged ones are errors of the user, however damaged."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from recipes.kit.data.arrays import read_arrays
from recipes.kit.errors import DataError


def test_arrays_by_name(tmp_path: Path) -> None:
    values = np.arange(6.0).reshape(2, 3)
    np.savez(tmp_path / "a.npz", x=values, y=["a", "b"])
    np.save(tmp_path / "a.npy", values)
    arrays = read_arrays(tmp_path / "a.npz", "x and y")
    np.testing.assert_array_equal(arrays["x"], values)
    assert arrays["y"].tolist() == ["a", "b"]
    np.testing.assert_array_equal(read_arrays(tmp_path / "a.npy", "x")[""], values)


@pytest.mark.parametrize("name", ["a.npz", "a.npy"])
def test_damaged_files(tmp_path: Path, name: str) -> None:
    path, dice = tmp_path / name, random.Random(0)
    values = np.arange(60.0).reshape(20, 3)
    if name == "a.npz":
        np.savez_compressed(path, x=values)
    else:
        np.save(path, values)
    whole, refused = path.read_bytes(), 0
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(dice.randrange(1, 6)):
            damaged[dice.randrange(min(160, len(damaged)))] = dice.randrange(256)
        path.write_bytes(damaged[: dice.choice((None, dice.randrange(len(damaged))))])
        try:
            read_arrays(path, "an array")
        except DataError as error:
            refused += 1
            assert str(error).startswith(f"{path}: expected an array, found a damaged one (")
    assert refused > 100


def test_files_that_are_not_there_or_hold_objects(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none.npy: cannot be read: No such file"):
        read_arrays(tmp_path / "none.npy", "an array")
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        read_arrays(tmp_path, "an array")
    np.save(tmp_path / "o.npy", np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(DataError, match="o.npy: expected an array, found a damaged one"):
        read_arrays(tmp_path / "o.npy", "an array")
