"""Arrays that are kept between runs."""

from __future__ import annotations

import numpy as np
import pytest

from recipes.kit.data.cache import cached_arrays


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("RNN_ZOO_CACHE", str(tmp_path / "kept"))
    return tmp_path / "kept"


@pytest.fixture
def made():
    """A list that grows with every making, and a function that makes."""
    times: list[int] = []

    def make() -> dict[str, np.ndarray]:
        times.append(1)
        return {"rolls": np.arange(5), "lengths": np.array([len(times)])}

    return times, make


def test_arrays_are_made_once_for_what_they_depend_on(folder, made, capsys):
    times, make = made
    for said in (f"note: rolls are made once, and kept in {folder}", ""):
        arrays = cached_arrays("rolls", ("version", 1), make)
        assert sorted(arrays) == ["lengths", "rolls"]
        assert arrays["lengths"] == [1]
        assert capsys.readouterr().err.strip() == said
    assert cached_arrays("rolls", ("version", 2), make)["lengths"] == [2]
    assert len([*folder.iterdir()]) == 2


def test_a_damaged_file_is_made_anew(folder, made):
    times, make = made
    cached_arrays("rolls", 1, make)
    (file,) = folder.iterdir()
    file.write_bytes(file.read_bytes()[:100])
    assert cached_arrays("rolls", 1, make)["lengths"] == [2]
    assert cached_arrays("rolls", 1, make)["lengths"] == [2]


def test_a_write_that_is_interrupted_leaves_nothing(folder, made, monkeypatch):
    def interrupted(file, **_):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez_compressed", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cached_arrays("rolls", 1, made[1])
    assert [*folder.iterdir()] == []


def test_a_folder_that_cannot_be_written_is_no_error(folder, made, capsys):
    times, make = made
    folder.write_text("a file where the folder should be")
    for _ in range(2):
        assert cached_arrays("rolls", 1, make)["rolls"].shape == (5,)
    assert len(times) == 2
    said = capsys.readouterr().err.splitlines()
    assert said[1] == (
        f"note: rolls are not kept: {folder} cannot be written (File exists); see RNN_ZOO_CACHE"
    )
    assert folder.read_text() == "a file where the folder should be"
