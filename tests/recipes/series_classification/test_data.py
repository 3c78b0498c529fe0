"""Labelled series: every source, and what is wrong with those that are refused."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recipes.kit.data.facts import Fact
from recipes.kit.data.source import EMBEDDED, Source
from recipes.kit.errors import DataError, UserError
from recipes.series_classification import data as series
from recipes.series_classification.labelled import Known
from recipes.series_classification.options import Config
from recipes.series_classification.ts import read_ts

SHARED = Path(__file__).parents[4] / "shared" / "data" / "series-ucr"

HEADER = """\
# Comments: (of any kind)
@problemName Two
@timeStamps false
@univariate false
@dimensions 2
@classLabel true up down
@data
"""


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def load(path: Path, **options: Any) -> series.Data:
    """The series of files."""
    config = Config(data=Source.of(path), **options)
    return series.load(config.data, config)


def digits(**options: Any) -> series.Data:
    """The embedded series."""
    return series.load(EMBEDDED, Config(**options))


def test_embedded_digits() -> None:
    rows = digits(seed=1)
    assert rows.channels == 8 and len(rows.train[0]) == 8
    assert [len(rows.train), len(rows.valid), len(rows.test)] == [1295, 143, 359]
    assert rows.labels == tuple("0123456789")
    seen = {each.values.tobytes() for each in rows.train}
    assert not any(each.values.tobytes() in seen for each in (*rows.valid, *rows.test))
    for part in (rows.valid, rows.test):  # class by class
        counts = [sum(each.label == label for each in part) for label in rows.labels]
        assert max(counts) - min(counts) <= 3
    assert rows.test[0].name != digits(seed=2).test[0].name
    understood = dict(rows.understood)
    assert understood["series"] == "1,295 train, 143 valid, 359 test"
    assert understood["digits"] == "handwritten digits of scikit-learn, row by row"
    assert (understood["steps"], understood["channels"]) == ("8", "8")


def test_embedded_digits_pixel_by_pixel() -> None:
    plain = digits(pixels=1)
    shuffled = [digits(seed=seed, permuted=True) for seed in (0, 0, 5)]
    by_name = [
        {each.name: each.values[:, 0] for each in (*data.train, *data.valid, *data.test)}
        for data in (plain, *shuffled)
    ]
    assert plain.train[0].values.shape == (64, 1)
    order = np.random.default_rng(0).permutation(64)
    for name, pixels in by_name[0].items():
        for other in by_name[1:]:  # whatever the seed of the run
            np.testing.assert_array_equal(other[name], pixels[order])
    two = digits(pixels=2).train[0]
    assert two.values.shape == (32, 2)
    orders = [dict(data.understood)["digits"].partition(", ")[2] for data in (plain, shuffled[0])]
    assert orders == ["pixel by pixel", "pixel by pixel in a shuffled order"]


def test_ts(tmp_path: Path) -> None:
    text = HEADER + "1,2,3:4,?,6: up \n\n1.5:-2e-1:down\n"
    for path in (tmp_path / "a.ts", tmp_path / "a.ts.gz"):
        path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
        first, second = series.read_file(path, Config()).parts["train"]
        np.testing.assert_array_equal(first.values, np.float32([[1, 4], [2, np.nan], [3, 6]]))
        assert (first.label, second.label, second.name) == ("up", "down", "2")
        assert second.values.tolist() == [[1.5, np.float32(-0.2)]]
    plain = write(tmp_path / "b.ts", "@univariate true\n@classLabel false\n@data\n1,2\n3,4,5\n")
    assert [(each.label, len(each)) for each in read_ts(plain).parts["train"]] == [
        (None, 2),
        (None, 3),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER + "1,2:3,4:left\n", r"a.ts:8: expected a class of @classLabel \(down, up\)"),
        (HEADER + "1,2:3:up\n", "a.ts:8: channel 2 has 1 steps, the first 2"),
        (HEADER + "1,2:up\n", "a.ts:8: expected 2 channels and a class.*found 1"),
        (HEADER + "1,x:3,4:up\n", "a.ts:8: expected a number, found 'x'"),
        (HEADER + "1,:3,inf:up\n", "a.ts:8: expected finite numbers.*found inf"),
        (HEADER + "1,2:3,1e60:up\n", "a.ts:8: expected finite numbers of 32 bits, found 1e.60"),
        (HEADER + "?,?:?,?:up\n", "a.ts:8: series 1 has no value"),
        (HEADER + "(0,1),(1,2):(0,3),(1,4):up\n", "a.ts:8: .*time stamps in parentheses"),
        (HEADER.replace("Stamps false", "Stamps true"), "a.ts:3: has time stamps"),
        (HEADER.replace("true up down", ""), "a.ts:6: @classLabel: expected true or false"),
        (HEADER.replace("@classLabel", "@targetLabel"), "a.ts:6: is for regression"),
        (HEADER.replace("@problemName", "@nonsense"), "a.ts:2: unknown tag @nonsense"),
        (HEADER.replace("@dimensions 2", "@dimensions two"), "a.ts:5: .*a number of channels"),
        (HEADER.replace("@data\n", "1,2:up\n"), "a.ts:7: expected tags and then @data"),
        (HEADER.replace("@data\n", ""), "expected the tag @data, found none"),
        (HEADER, "holds no series after @data"),
        ("@data\n1,2:up\n", "a.ts:1: expected the tag @classLabel before @data"),
    ],
)
def test_broken_ts(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_ts(write(tmp_path / "a.ts", text))


def test_npz(tmp_path: Path) -> None:
    x = np.arange(24.0).reshape(3, 4, 2)
    path = tmp_path / "a.npz"
    np.savez(
        path,
        x_train=x,
        y_train=["a", "b", "a"],
        lengths_train=[4, 2, 3],
        x_test=x[:1],
        y_test=["b"],
    )
    parts = series.read_file(path, Config()).parts
    assert [(len(each), each.label) for each in parts["train"]] == [(4, "a"), (2, "b"), (3, "a")]
    np.testing.assert_array_equal(parts["train"][1].values, x[1, :2])
    assert series.load_test(Source.of(path), Config())[0].label == "b"
    x[1, 2:] = np.nan
    np.savez(path, X=x[..., 0], y=np.array([1, 2, 1]))
    parts = series.read_file(path, Config()).parts
    assert [(len(each), each.label) for each in parts["train"]] == [(4, "1"), (2, "2"), (4, "1")]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"data": np.zeros(3)}, "expected the arrays x and y.*found data"),
        ({"x": np.zeros(3)}, r"x: expected numbers \(series, steps, channels\), found float64"),
        ({"x": np.zeros((2, 3)), "y": np.zeros(3)}, r"y: expected the shape \(2,\), found \(3,\)"),
        ({"x": np.full((2, 3), np.inf)}, "x: expected finite numbers"),
        ({"x": np.full((2, 3), np.nan), "y": np.zeros(2)}, "series 1 has no step"),
        (
            {"x": np.zeros((2, 3)), "lengths": np.array([1, 4])},
            "lengths: expected whole numbers from 1 to 3, found int64 from 1 to 4",
        ),
    ],
)
def test_broken_npz(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, **arrays)
    with pytest.raises(DataError, match=message):
        series.read_file(path, Config())
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(DataError, match="a.npz: expected an .npz file with x and y"):
        series.read_file(path, Config())


def test_folders(tmp_path: Path) -> None:
    """As an archive has it: a set in several formats, and no validation part."""
    lines = "".join(f"{index % 2},{index},{index + 1}\n" for index in range(20))
    for suffix in ("ts", "txt"):
        write(tmp_path / f"Set_TRAIN.{suffix}", lines.replace(",", " "))
        write(tmp_path / f"Set_TEST.{suffix}", "0 5 6\n")
    write(tmp_path / "Set_TRAIN.csv", lines)
    write(tmp_path / "Set_TEST.csv", "0,50.5,60.5\n1,7.5,8.5\n2,9.5,9.5\n")
    for name in ("Set_TRAIN.ts", "Set_TEST.ts"):
        (tmp_path / name).unlink()
    data = load(tmp_path)
    assert [len(data.train), len(data.valid), len(data.test)] == [16, 4, 3]
    assert data.labels == ("0", "1")
    assert Fact("unseen", "never in train, so never right: 2") in data.understood
    assert {each.label for each in data.valid} == {"0", "1"}
    understood = dict(data.understood)
    assert understood["files"] == "Set_TRAIN.csv: 20 train; Set_TEST.csv: 3 test"
    assert "valid (20%) split off train" in understood["split"]
    assert understood["classes"] == "0 (8), 1 (8)"
    (tmp_path / "Set_TRAIN.csv").unlink()
    known = Known(("0", "1"), label="column 0")
    assert len(series.load_test(Source.of(tmp_path), Config(), known)) == 3
    write(tmp_path / "Set_TEST.csv", "a,1,2\nb,3,4\n")
    with pytest.raises(UserError, match="no train split; expected train, found test"):
        load(tmp_path)
    (tmp_path / "more").mkdir()
    for name in ("a.csv", "b.csv"):
        write(tmp_path / "more" / name, "0,1\n")
    with pytest.raises(UserError, match="expected files that name a split.*found a.csv"):
        load(tmp_path / "more")


def test_columns_of_what_is_not_a_table(tmp_path: Path) -> None:
    rows = "".join(f"{index},{index + 1}:{index},2:{index % 2}\n" for index in range(20))
    for name in ("Set_TRAIN.ts", "Set_TEST.ts"):
        write(tmp_path / name, HEADER.replace("up down", "0 1") + rows)
    assert len(load(tmp_path).test) == 20
    for source in (tmp_path, tmp_path / "Set_TRAIN.ts"):
        for name, value in (("series_column", ("x",)), ("label_column", "x"), ("decimal", ",")):
            option = f"--{name.replace('_', '-')} has no effect on .*, which is not a table"
            with pytest.raises(UserError, match=option):
                load(source, **{name: value})
    # A model that was trained on tables may be evaluated on other files.
    config = Config(data=Source.of(tmp_path / "a.csv"), label_column="x")
    assert len(series.load_test(Source.of(tmp_path), config)) == 20


def test_one_part_in_each_file_of_a_folder(tmp_path: Path) -> None:
    np.savez(tmp_path / "train.npz", x=np.arange(20.0).reshape(10, 2), y=[0, 1] * 5)
    np.savez(tmp_path / "test.npz", x_test=np.ones((2, 2)), y_test=[0, 1])
    with pytest.raises(DataError, match="test.npz: is one of several parts, but holds test"):
        load(tmp_path)


def test_missing_values_are_counted(tmp_path: Path) -> None:
    lines = "".join(f"{'ab'[index % 2]},{index},,{index}\n" for index in range(10))
    assert dict(load(write(tmp_path / "a.csv", lines)).understood)["missing"] == "10 values"


def test_a_class_of_one_series_stays_in_training(tmp_path: Path) -> None:
    lines = "".join(f"a,{index},1\n" for index in range(10)) + "b,50,1\n"
    data = load(write(tmp_path / "a.csv", lines))
    assert "b" in data.labels and len(data.test) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,1,2\na,2,3\na,4,5\na,5,5\n", "every training series has the same label, 'a'"),
        ("a,1,2\nb,1,3\n", "too few distinct series to split off a test part"),
        ("id,x\na,1\na,2\n", "series a .train. has no label; .*--label-column"),
        ("".join(f"{k / 7:.3f},1,{k}.5\n" for k in range(30)), "series 1 .train. has no label"),
        (
            "label,t0,t1,t2\n" + "".join(f"{k / 7:.3f},1,2,{k}\n" for k in range(30)),
            "30 different labels .0, 0.143, 0.286, ...., most of them fractions; expected classes",
        ),
        (
            "label,t0,t1,t2\n" + "".join(f"{k},1,2,{k}\n" for k in range(30)),
            "30 different labels .0, 1, 2, ...., most of them of one series each; .*--label-column",
        ),
    ],
)
def test_sets_that_cannot_be_used(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load(write(tmp_path / "a.csv", text))


def test_channels_differ(tmp_path: Path) -> None:
    rows = "".join(f"{name},{step},2,{name}\n" for name in "uvwz" for step in range(2))
    write(tmp_path / "train.csv", f"id,x,y,label\n{rows}")
    write(tmp_path / "test.csv", "id,x,label\na,1,u\na,2,u\n")
    with pytest.raises(DataError, match="test.csv:1: expected a column 'y', found 'id', 'x'"):
        load(tmp_path)


def test_refused_sources(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="tfds:something: .*expected embedded or the path of your"):
        series.load(Source.parse("tfds:something"), Config())
    with pytest.raises(DataError, match="ARFF is not supported"):
        load(write(tmp_path / "a.arff", "@relation"))


@pytest.mark.skipif(not SHARED.is_dir(), reason="the files are not here")
def test_archive_files() -> None:
    gun = load(SHARED / "GunPoint")
    assert (len(gun.train) + len(gun.valid), len(gun.test), gun.channels) == (50, 150, 1)
    assert {len(each) for each in gun.train} == {150} and gun.labels == ("1", "2")
    motions = load(SHARED / "BasicMotions")
    assert (len(motions.train) + len(motions.valid), len(motions.test)) == (40, 40)
    assert motions.channels == 6 and {len(each) for each in motions.test} == {100}
    (first, *_) = read_ts(SHARED / "BasicMotions" / "BasicMotions_TRAIN.ts").parts["train"]
    assert first.values[0, 0] == np.float32(0.079106) and first.label == "Standing"


def test_a_file_for_each_part(tmp_path: Path) -> None:
    """The columns of the training part are those of the others, in whatever order they stand."""
    rows = [f"{name},{step}.5,{name}.5,{'uv'[name % 2]}" for name in range(8) for step in range(3)]
    write(tmp_path / "one.csv", "id,x,y,label\n" + "\n".join(rows))
    write(tmp_path / "two.csv", "id,label,y,x\n" + "\n".join(f"a,u,9,{k}.5" for k in range(3)))
    source = Source.of_parts({"train": [tmp_path / "one.csv"], "test": [tmp_path / "two.csv"]})
    data = series.load(source, Config(data=source))
    assert [len(data.train), len(data.valid), len(data.test)] == [6, 2, 1]
    assert data.test[0].values.tolist() == [[0.5, 9], [1.5, 9], [2.5, 9]]
    assert data.known == Known(data.known.labels, ("x", "y"), "label")
    understood = dict(data.understood)
    assert understood["files"] == "one.csv: 8 train; two.csv: 1 test"
    assert understood["columns"] == "class label; channels x, y"


def test_npz_arrays_are_said(tmp_path: Path) -> None:
    x = np.arange(240.0).reshape(20, 6, 2)
    np.savez(tmp_path / "a.npz", X=x, y=np.arange(20) % 2 * 1.0, subject=np.arange(20))
    np.savez(tmp_path / "b.npz", x_train=x, y_train=["a", "b"] * 10, X_val=x[:4], y_val=["a"] * 4)
    understood = dict(load(tmp_path / "a.npz").understood)
    arrays = "X (20, 6, 2), y (20,); x is 20 series of 6 steps of 2 channels"
    assert understood["arrays"] == arrays
    assert understood["left aside"] == "subject (neither x, y nor lengths)"
    assert dict(load(tmp_path / "b.npz").understood)["files"] == "b.npz: 20 train, 4 valid"
    np.savez(tmp_path / "c.npz", x=x, X=x, y=np.arange(20) % 2)
    with pytest.raises(DataError, match="both x and X are x of train"):
        load(tmp_path / "c.npz")
    np.savez(tmp_path / "d.npz", x=x, y=np.arange(20) % 2, y_test=np.arange(20) % 2)
    with pytest.raises(DataError, match="y_test: there is no x for the test part"):
        load(tmp_path / "d.npz")
