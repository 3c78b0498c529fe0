"""Tables of series: what a row is, which column is what, and what is said of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recipes.kit.data.source import Source
from recipes.kit.errors import DataError
from recipes.series_classification.labelled import Known, LabelledSeries, SeriesFile
from recipes.series_classification.options import Config
from recipes.series_classification.tables import read_table


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def file_of(path: Path, **options: Any) -> SeriesFile:
    """A table, and how it was understood."""
    how = {name: options.pop(name) for name in ("labelled", "known") if name in options}
    return read_table(path, Config(data=Source.of(path), **options), **how)


def read(path: Path, **options: Any) -> tuple[LabelledSeries, ...]:
    """The series of a table."""
    return file_of(path, **options).parts["train"]


def said(file: SeriesFile, topic: str) -> str:
    """The facts of a topic, one after the other."""
    return "; ".join(fact.text for fact in file.facts if fact.topic == topic)


def test_table_with_a_row_a_step(tmp_path: Path) -> None:
    text = "id,when,x,y,label\na,1,0.5,,up\nb,1,7,8,down\na,2,1.5,2,up\na,10,NA,3,up\n"
    path = write(tmp_path / "a.csv", text)
    rows = read(path, time_column="when")
    assert [(each.name, each.label, len(each)) for each in rows] == [
        ("a", "up", 3),
        ("b", "down", 1),
    ]
    np.testing.assert_array_equal(
        rows[0].values, np.float32([[0.5, np.nan], [1.5, 2], [np.nan, 3]])
    )
    unlabelled = read(write(tmp_path / "b.csv", "id;x\n1;0,5\n1;0,25\n"))
    assert unlabelled[0].label is None and unlabelled[0].values.tolist() == [[0.5], [0.25]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,x,label\na,1,up\na,2,down\n", "a.csv:3: series a changes its label from 'up' to"),
        ("id,x,label\na,1,up\na,2,up\na,one,up\n", "a.csv:4: expected a number.*found 'one'"),
        ("id,x,label\n" + "a,1,up\n" * 3 + "a,1\n" * 4, "a.csv:5: expected 3 columns, found 2"),
        ("id,time,x,label\na,2,1,up\na,10,1,up\na,3,1,up\n", "a.csv:4: .*from '10' to '3'"),
        ("id,time,x,label\na,2024-02-01,1,up\na,2024-01-01,1,up\n", "a.csv:3: .*order of time"),
        ("id,label\na,up\na,up\n", "a.csv:1: expected columns of values, found id, label"),
        ("id,x,label\n,1,up\n,2,up\n", "a.csv:2: does not say which series it belongs to"),
        ("id,x,label\na,1,\n", "a.csv:2: series a has no label"),
        ("id,x,label\n", "a.csv:1: holds a header and no values"),
        ("", "holds no values"),
        ("up,1,2\ndown\n", "a.csv:2: expected a label and values, found 1 cell"),
        ("up,,\n", "a.csv:1: expected columns of values, found column 0"),
    ],
)
def test_broken_tables(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(write(tmp_path / "a.csv", text))


def test_column_that_is_not_there(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "id,x,label\na,1,up\n")
    with pytest.raises(
        DataError, match="a.csv:1: expected a column 'kind', found 'id', 'x', 'label'"
    ):
        read(path, label_column="kind")


def test_table_with_a_row_a_series(tmp_path: Path) -> None:
    """As the UCR archive has it: labels as floats, NaN at the end of shorter series."""
    text = "1.0\t0.1\tNaN\t0.3\n-1\t0.5\t0.6\tNaN\n"
    rows = read(write(tmp_path / "a.tsv", text))
    assert [(each.label, len(each)) for each in rows] == [("1", 3), ("-1", 2)]
    assert np.isnan(rows[0].values[1, 0])
    blanks = read(write(tmp_path / "a.txt", "  2.0000000e+00  1.5  2.5\n"))
    assert blanks[0].label == "2" and blanks[0].values[:, 0].tolist() == [1.5, 2.5]
    named = read(write(tmp_path / "b.csv", "t0,t1,class\n1,2,up\n3,,down\n"))
    assert [(each.label, each.values[:, 0].tolist()) for each in named] == [
        ("up", [1, 2]),
        ("down", [3]),
    ]
    numbered = read(write(tmp_path / "d.csv", "label,0,1,2\nup,7,8,9\n"))
    assert [(each.label, len(each)) for each in numbered] == [("up", 3)]
    called = read(write(tmp_path / "e.csv", "t,0.5,1.5\nf,2,2\n"))
    assert [each.label for each in called] == ["t", "f"]
    bare = read(write(tmp_path / "c.csv", "1,2,2\n"), labelled=False)
    assert bare[0].label is None and bare[0].values[:, 0].tolist() == [1, 2, 2]


# --- a row a series -------------------------------------------------------------------------------

WIDE = [("ab"[k % 2], f"{k / 8}", f"{k / 4 - 3}", f"{9 - k / 16}") for k in range(12)]


def lines(*rows: str) -> str:
    return "\n".join(rows) + "\n"


def rows_of(pattern: str) -> list[str]:
    """The rows of `WIDE`: `k` is the number of one, `c` its class and `x`, `y`, `z` its values."""
    return [pattern.format(k=k, c=c, x=x, y=y, z=z) for k, (c, x, y, z) in enumerate(WIDE)]


@pytest.mark.parametrize(
    ("header", "pattern", "aside"),
    [
        ("label,t0,t1,t2", "{c},{x},{y},{z}", ""),
        (",label,t0,t1,t2", "{k},{c},{x},{y},{z}", "column 0 (has no name and numbers the rows)"),
        (
            "Unnamed: 0,label,t0,t1,t2",
            "{k},{c},{x},{y},{z}",
            "Unnamed: 0 (has no name and numbers the rows)",
        ),
        ("id,label,t0,t1,t2", "s{k},{c},{x},{y},{z}", "id (names the series)"),
        (
            "patient_id,age,sex,label,t0,t1,t2",
            "9{k}1,4{k},m,{c},{x},{y},{z}",
            "patient_id (is an id by its name); age (is not one of t0 to t2); sex (holds text)",
        ),
        (
            "id,date,label,t0,t1,t2",
            "{k},2020-01-1{k},{c},{x},{y},{z}",
            "id (names the series); date (holds times)",
        ),
        ("label,t1,t10,t2", "{c},{x},{z},{y}", ""),  # by their numbers
        ("t0,t1,t2,kind", "{x},{y},{z},{c}", ""),
        ("country,1990,1991,1992", "{c},{x},{y},{z}", ""),
        ("jan,feb,mar,class", "{x},{y},{z},{c}", ""),
        ("", "{c},{x},{y},{z}", ""),
        ("", "{x},{y},{z},{c}", ""),
        ("", "{k},{c},{x},{y},{z}", "column 0 (numbers the rows)"),
        ("", "{c} {x} {y} {z}", ""),
        ("", "{c}|{x}|{y}|{z}", ""),
        ("", "{x},{y},{z},{c},", "column 4 (is empty)"),
        ("label,t0,t1,t2,", "{c},{x},{y},{z},", "column 4 (is empty)"),
    ],
)
def test_a_row_a_series(header: str, pattern: str, aside: str, tmp_path: Path) -> None:
    """Whatever stands beside the values, they and the classes are the same."""
    rows = [header, *rows_of(pattern)] if header else rows_of(pattern)
    file = file_of(write(tmp_path / "a.csv", lines(*rows)))
    series = file.parts["train"]
    assert [each.label for each in series] == [row[0] for row in WIDE]
    values = [[float(cell) for cell in row[1:]] for row in WIDE]
    assert [each.values[:, 0].tolist() for each in series] == values
    assert said(file, "form") == "12 series, one a row of 3 steps"
    assert said(file, "left aside") == aside


def test_the_class_of_a_row_without_a_header(tmp_path: Path) -> None:
    numbered = [f"{k % 2 + 1},{x},{y},{k % 3}" for k, (_, x, y, _) in enumerate(WIDE)]
    path = write(tmp_path / "a.csv", lines(*numbered))
    with pytest.raises(DataError, match="'column 0' .2 values. or 'column 3' .3 values. may hold"):
        read(path)
    assert [each.label for each in read(path, label_column="3")][:3] == ["0", "1", "2"]
    last = Known(("1", "2"), label="last")
    assert [each.label for each in read(path, known=last)][:3] == ["0", "1", "2"]
    alone = write(tmp_path / "b.csv", "2,0.5,1\n")  # as long as it is, one row does not tell
    for known, label in ((last, "1"), (Known(("1", "2"), label="column 0"), "2")):
        assert [each.label for each in read(alone, known=known)] == [label]
    text = lines(*(f"{','.join('123'[: 1 + k % 3])},{'ab'[k % 2]}" for k in range(12)))
    ragged = read(write(tmp_path / "c.csv", text))
    assert [(len(each), each.label) for each in ragged[:3]] == [(1, "a"), (2, "b"), (3, "a")]


def test_a_file_to_predict_needs_no_class(tmp_path: Path) -> None:
    known = Known(("0", "1"), label="kind", count=1)
    text = lines("t0,t1,t2", "0,3,1", "1,4,0", "0,5,1", "1,6,1", "0,7,0")
    series = read(write(tmp_path / "a.csv", text), known=known)
    assert [each.label for each in series] == [None] * 5 and {len(each) for each in series} == {3}
    named = read(write(tmp_path / "b.csv", text.replace("t0", "kind")), known=known)
    assert [each.label for each in named] == ["0", "1", "0", "1", "0"]
    with pytest.raises(DataError, match="--value-columns: column 'kind' holds the classes"):
        read(tmp_path / "b.csv", known=known, value_columns=("t1", "kind"))


def test_classes_are_the_same_however_they_are_written(tmp_path: Path) -> None:
    labels = ["1", "1.0", "2", "2.00"] * 3
    text = lines("label,t0,t1,t2", *(f"{label},1,2,3" for label in labels))
    assert {each.label for each in read(write(tmp_path / "a.csv", text))} == {"1", "2"}


def test_numbers_of_a_file_are_written_in_one_way(tmp_path: Path) -> None:
    rows = [f"{'ab'[k % 2]};{980 + 4 * k if k < 5 else f'1.{4 * k - 20:03}'};0,5" for k in range(9)]
    file = file_of(write(tmp_path / "a.csv", lines("label;t0;t1", *rows)))
    first = [each.values[0, 0] for each in file.parts["train"]]
    assert first == [980, 984, 988, 992, 996, 1000, 1004, 1008, 1012]
    assert said(file, "numbers") == "decimal comma, thousands point"


def test_channels_beside_each_other(tmp_path: Path) -> None:
    text = lines("label,x_0,x_1,x_2,y_0,y_1,y_2", "a,1,2,3,4,5,6", "b,1,2,3,4,5,6")
    file = file_of(write(tmp_path / "a.csv", text))
    assert file.parts["train"][0].values.tolist() == [[1, 4], [2, 5], [3, 6]]
    assert file.channels == ("x_", "y_") and "2 channels, one beside the other" in said(
        file, "form"
    )
    swapped = lines("label,y_0,y_1,y_2,x_0,x_1,x_2", "a,4,5,6,1,2,3")
    series = read(write(tmp_path / "b.csv", swapped), known=Known(channels=file.channels))
    assert series[0].values.tolist() == [[1, 4], [2, 5], [3, 6]]


def test_a_step_without_a_value_is_a_step(tmp_path: Path) -> None:
    for header in ("label,t0,t1,t2", ""):
        rows = [f"{c},{x},,{z}" for c, x, _, z in WIDE]
        path = write(tmp_path / "a.csv", lines(*([header] if header else []), *rows))
        first = read(path)[0].values[:, 0]
        assert first[[0, 2]].tolist() == [0.0, 9.0] and np.isnan(first[1])


def test_a_damaged_row_is_no_shorter_series(tmp_path: Path) -> None:
    rows = [f"{'ab'[k % 2]},{k},1,2.5" for k in range(300)]
    rows[7], rows[9] = "a,5", ""
    file = file_of(write(tmp_path / "a.csv", lines(*rows)))
    assert len(file.parts["train"]) == 298 and {len(s) for s in file.parts["train"]} == {3}
    assert "2 rows (--strict refuses): a.csv:8 expected 4 columns" in said(file, "left out")
    with pytest.raises(DataError, match="a.csv:10: is blank"):
        file_of(tmp_path / "a.csv", strict=True)


# --- a row a step ---------------------------------------------------------------------------------

STEPS = [(user, kind, step) for user in (1, 2, 3) for kind in ("walk", "sit") for step in range(5)]
USERS = lines("user,activity,timestamp,x,y", *(f"{u},{a},{t},{t}.5,{u}.5" for u, a, t in STEPS))


def test_a_row_a_step_needs_a_column_of_series(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", USERS)
    wanted = "a.csv:1: column 'timestamp' holds times.*--series-column.*user: 3 values, user acti"
    with pytest.raises(DataError, match=f"{wanted}vity: 6 together.*--row series"):
        read(path)
    with pytest.raises(DataError, match="a.csv:7: series 1 changes its label from 'walk' to 'sit'"):
        read(path, series_column=("user",))
    file = file_of(path, series_column=("user", "activity"))
    series = file.parts["train"]
    assert [(each.name, each.label, len(each)) for each in series[:2]] == [
        ("1 walk", "walk", 5),
        ("1 sit", "sit", 5),
    ]
    assert series[2].values.tolist() == [[t + 0.5, 2.5] for t in range(5)]
    assert file.channels == ("x", "y")
    assert said(file, "form") == "6 series, a row a step, 5 steps; one for each user and activity"
    assert said(file, "columns") == "class activity; time timestamp; channels x, y"


@pytest.mark.parametrize(
    ("header", "pattern", "reason"),
    [
        ("machine,x,y,label", "{u},{t}.5,{f},{a}", "'machine' repeats its values"),
        ("unit,cycle,s1,s2,s3,label", "{u},{t},1.5,2.5,{f},{a}", "'cycle' holds times"),
        ("what,x,y,label", "M{u},{f},{f},{a}", "'what' has the same value over many rows"),
        ("what,n,x,y,label", "M{u},{t},{t}.5,{f},{a}", "'n' counts steps"),
        ("when,x,y,label", "0{t}.02.2020,{t}.5,{f},{a}", "'when' holds times"),
        ("", "{u},{a},{t},{t}.5,{f}", "'column 2' counts steps|'column 1' holds names"),
        ("", "{u},{a},{t}.25,{t}.5,{f}", "'column 1' holds names among numbers"),
    ],
)
def test_steps_are_not_taken_for_series(
    header: str, pattern: str, reason: str, tmp_path: Path
) -> None:
    rows = [pattern.format(u=u, a=a, t=t, f=f"{u}.{3 * t % 5}7") for u, a, t in STEPS]
    path = write(tmp_path / "a.csv", lines(*([header] if header else []), *rows))
    with pytest.raises(DataError, match=f"a.csv:1: column ({reason}).*--series-column"):
        read(path)


def test_what_is_no_channel(tmp_path: Path) -> None:
    rows = (
        f"{k},{k // 5},{k // 5 % 3},{4 - k % 5},{k % 5},{k / 8},left,{'ab'[k // 5 % 2]}"
        for k in range(30)
    )
    header = ",id,volunteer,backwards,n,x,side,label"
    file = file_of(write(tmp_path / "a.csv", lines(header, *rows)))
    assert file.channels == ("backwards", "x")
    assert said(file, "left aside") == (
        "column 0 (has no name and numbers the rows); volunteer (says by its name what was "
        "observed); n (counts the steps); side (holds text)"
    )
    asked = file_of(tmp_path / "a.csv", value_columns=("x", "n"))
    assert asked.channels == ("x", "n")
    assert asked.parts["train"][1].values.tolist() == [[k / 8, k - 5] for k in range(5, 10)]


def test_times_are_looked_at_where_their_order_is_clear(tmp_path: Path) -> None:
    rows = [f"a,{day}.0{month}.2020,1.5,u" for month in (1, 3) for day in (30, 31)]
    path = write(tmp_path / "a.csv", lines("id,date,x,label", *rows))
    assert said(file_of(path), "times") == "date: as 31.01.2024, day first"
    assert said(file_of(path, date_format="%d.%m.%Y"), "times") == "date: as %d.%m.%Y"
    with pytest.raises(DataError, match="a.csv:2: expected a time stamp as '%Y' has it"):
        read(path, date_format="%Y")
    with pytest.raises(DataError, match=r"a.csv:3: series a goes from '01.01.2020'.*of time"):
        read(write(path, lines("id,date,x,label", "a,01.01.2020,1,u", "a,31.12.2019,3,u")))
    either = write(path, lines("id,date,x,label", "a,03/04/2020,1,u", "a,05/06/2020,3,u"))
    assert "date is not checked: day or month" in said(file_of(either), "times")
    same = write(path, lines("id,time,x,label", "a,1,1,u", "a,1,5,u", "a,2,3,u"))
    assert said(file_of(same), "times") == "1 row with the time of the row before"


def test_rows_of_steps_that_are_too_long_or_short_are_left_out(tmp_path: Path) -> None:
    rows = [f"{i // 5};{i % 5};{i // 5 % 2};{i}" for i in range(20)]
    rows[3], rows[7] = "0;3;0", "1;2;1;;7"
    file = file_of(write(tmp_path / "a.csv", "\n".join(["series;step;label;x", *rows, ""])))
    assert [len(each) for each in file.parts["train"]] == [4, 4, 5, 5]
    assert said(file, "left out").startswith("2 rows")
