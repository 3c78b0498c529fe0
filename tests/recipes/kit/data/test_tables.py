"""Tables as people have them: what separates cells, which row is a header, what numbers are."""

import numpy as np
import pytest

from recipes.kit.data.columns import never_changes, why_no_measure
from recipes.kit.data.marks import Marks
from recipes.kit.data.reading import TableFiles
from recipes.kit.data.tables import read_table
from recipes.kit.errors import DataError, UserError


@pytest.fixture
def table(tmp_path):
    """Reads a text as a table."""

    def read(text, *, name="t.csv", encoding="utf-8", reading=None, **options):
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return read_table(path, reading or TableFiles(), **options)

    return read


def _days(values, mark=";"):
    return "day;n\n".replace(";", mark) + "".join(
        f"2021-01-{day:02}{mark}{value}\n" for day, value in enumerate(values, start=1)
    )


@pytest.mark.parametrize(
    ("text", "delimiter", "width"),
    [
        ("a,b\n1,2\n", ",", 2),
        ("a;b\n1,5;2,5\n", ";", 2),
        ("a\tb\n1,5\t2\n", "\t", 2),
        ("a|b\n1,5|2\n", "|", 2),
        ("a\n1.5\n2\n", "", 1),
        ("y\n€96,5\n€94,1\n?\n€1.094,1\n", "", 1),
        ("y\n1 096,5 %\n94,1 %\n", "", 1),
        ("a\n" + "100,5\n" * 3, "", 1),  # One name above two numbers: the comma is a decimal one.
        ('day,text\n1,"a;b;c"\n2,"d;e;f"\n', ",", 2),
    ],
)
def test_separators_are_what_most_rows_agree_on(table, text, delimiter, width):
    read = table(text)
    assert (read.delimiter, len(read.names)) == (delimiter, width)


def test_a_column_of_decimal_commas_without_a_header_is_one_column(table):
    values = [100 + 3.41 * step for step in range(1, 40)]
    values = [value for value in values if f"{value:.2f}"[-1] != "0"]
    read = table("".join(f"{value:.2f}\n".replace(".", ",") for value in values))
    np.testing.assert_allclose(read.numbers(0), np.round(values, 2))


def test_two_columns_of_whole_numbers_stay_two(table):
    assert len(table("".join(f"{i},{10 * i}\n" for i in range(1, 40))).names) == 2


def test_too_few_rows_to_tell_one_number_from_two_are_refused(table):
    with pytest.raises(DataError, match=r"t\.csv:1: '1,5' may be one number or two; --decimal"):
        table("1,5\n2,7\n3,8\n")
    assert len(table("1,5\n2,7\n3,8\n", reading=TableFiles(decimal=",")).names) == 1
    assert len(table("1,5\n2,7\n3,8\n", reading=TableFiles(decimal=".")).names) == 2


@pytest.mark.parametrize(
    ("cells", "marks", "values"),
    [
        (["990", "998", "1,002", "1,108"], Marks(".", ","), [990, 998, 1002, 1108]),
        (["990", "998", "1.002", "1.108"], Marks(",", "."), [990, 998, 1002, 1108]),
        (["1", "2", "1.002", "2.108"], Marks("."), [1, 2, 1.002, 2.108]),
        (["0.126", "1.304", "2.325"], Marks("."), [0.126, 1.304, 2.325]),
        (["1,5", "2,75", "3"], Marks(","), [1.5, 2.75, 3]),
        (["1.234,5", "2,5", "1.000"], Marks(",", "."), [1234.5, 2.5, 1000]),
        (["1,234.5", "2.5", "1,000"], Marks(".", ","), [1234.5, 2.5, 1000]),
        (["1.234.567", "2.000"], Marks(",", "."), [1234567, 2000]),
        (["1'234.5", "12"], Marks(".", "'"), [1234.5, 12]),
        (["1\u202f234,5", "12"], Marks(",", " "), [1234.5, 12]),
        (["\u22121.5", "2.5"], Marks("."), [-1.5, 2.5]),
        (["1e3", "-2.5E-1", "NA"], Marks("."), [1000, -0.25, np.nan]),
    ],
)
def test_marks_of_numbers_are_decided_for_the_whole_column(table, cells, marks, values):
    read = table(_days(cells))
    assert read.marks == marks
    np.testing.assert_array_equal(read.numbers(1), values)


def test_another_column_of_the_file_decides_what_one_leaves_open(table):
    read = table("a;b\n1,234;0,5\n2,345;1,5\n")
    np.testing.assert_array_equal(read.numbers(0), [1.234, 2.345])


@pytest.mark.parametrize(
    "text",
    [
        "a;b\n1,234;7\n2,345;8\n",  # Thousands, or three decimals?
        "a;b\n1000;7\n1,002;8\n1,003;8\n",
        "a;b\n1,234;1.234\n",
    ],
)
def test_numbers_that_may_have_decimals_or_thousands_are_refused(table, text):
    with pytest.raises(DataError, match=r"t\.csv:\d: .*may have decimals or thousands; --decimal"):
        _ = table(text).marks
    read = table(text, reading=TableFiles(decimal="."))
    assert read.numbers(0)[-1] in (2345, 1003, 1234)


def test_signs_of_units_are_read_and_said(table):
    read = table('price,share\n"$1,200",0%\n$999,38 %\n"-$1,001",\n')
    np.testing.assert_array_equal(read.numbers(0), [1200, 999, -1001])
    np.testing.assert_array_equal(read.numbers(1), [0, 38, np.nan])
    assert [fact.text for fact in read.numbers_facts([0, 1])][1] == "price in $, share in percent"


def test_two_units_in_a_column_are_refused(table):
    with pytest.raises(DataError, match=r"t\.csv:3: column 'p' has '\$' and '€'; expected one"):
        table("p,q\n$1,2\n€1,3\n").numbers_facts([0])


@pytest.mark.parametrize("cell", ["12a", "²", "0x10", "1_000", "inf", "1,00,000", "1.2.3"])
def test_what_is_not_a_number_is_refused_with_its_line(table, cell):
    with pytest.raises(DataError, match=r"t\.csv:3: expected a number in column 'n'"):
        table(f"day;n\n1;1.5\n2;{cell}\n3;2.5\n4;3.5\n").numbers(1)


@pytest.mark.parametrize("cell", ["many1.234", "1.2.3"])
def test_what_is_not_a_number_says_nothing_of_marks(table, cell):
    with pytest.raises(DataError, match=rf"t\.csv:4: expected a number .* found '{cell}'"):
        table(f"n\n990\n1.002\n{cell}\n998\n1.004\n").numbers(0)


def test_an_error_in_the_last_row_hints_at_a_sum(table):
    with pytest.raises(DataError, match=r"the last row, which begins 'Total'"):
        table("day,n\n1,2\n2,3\nTotal,many\n").numbers(1)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a,b\n1,2\n", ("a", "b")),
        ("1,2,3\n4,5,6\n", ("column 0", "column 1", "column 2")),
        (",b\n0,x\n1,y\n", ("column 0", "b")),
        ("country,1960,1961,1962\nc,1.5,2.5,3.5\n", ("country", "1960", "1961", "1962")),
        ("c,1960,1970,1975\nx,1.5,2.5,3.5\n", ("c", "1960", "1970", "1975")),
        ("c,201012,201101,201102\nx,1.5,2.5,3.5\n", ("c", "201012", "201101", "201102")),
        ("x,1960,1950,1975\ny,1960,1970,1985\n", ("column 0", "column 1", "column 2", "column 3")),
        (",5\n1,6\n2,7\n", ("column 0", "column 1")),
        ("NA\n1\n2\n", ("column 0",)),
        ("a,b\n(s),(kWh)\n1,2\n2,4\n", ("a", "b")),  # below the names their units
        ("sep=;\na;b\n1;2\n", ("a", "b")),
        ('"a", "b, c"\n1, 2\n', ("a", "b, c")),
    ],
)
def test_the_first_row_is_a_header_where_it_differs_in_kind(table, text, names):
    assert table(text).names == names


def test_few_odd_rows_are_left_out_and_counted(table):
    text = "a,b\n1,2\n\n3,4\n5\n" + "6,7\n" * 100
    read = table(text)
    assert len(read.rows) == 102
    fact = next(fact for fact in read.facts if fact.topic == "left out")
    assert "2 rows (--strict refuses): t.csv:3 is blank; t.csv:5 expected 2 columns" in fact.text
    with pytest.raises(DataError, match=r"t\.csv:3: is blank"):
        table(text, reading=TableFiles(strict=True))


def test_many_odd_rows_are_refused(table):
    with pytest.raises(DataError, match=r"t\.csv:3: .* first of 4 rows among 25"):
        table("a,b\n1,2\n5\n5\n5\n5\n" + "6,7\n" * 19)


def test_empty_rows_at_the_end_are_nothing(table):
    assert len(table("a,b\n1,2\n" + ",\n" * 50, reading=TableFiles(strict=True)).rows) == 1


def test_encodings_are_asked_for_or_by_the_byte_order_mark(table):
    text = "café,b\n1,2\n"
    assert table(text, encoding="utf-16").names[0] == "café"
    assert (
        table(text, encoding="latin-1", reading=TableFiles(encoding="latin-1")).names[0] == "café"
    )
    with pytest.raises(DataError, match=r"t\.csv:1: expected UTF-8 text, found byte 0xe9; --enc"):
        table(text, encoding="latin-1")


def test_unknown_encodings_are_refused():
    with pytest.raises(UserError, match="--encoding martian: no such encoding"):
        TableFiles(encoding="martian")


def test_cells_between_tabs_are_quoted_if_the_whole_file_is(table):
    assert table('a\tb\n"x ""y"" z"\t1\n', name="t.tsv").rows[0][1] == ['x "y" z', "1"]
    assert table('a\tb\n"x" said\t1\n"\t2\n', name="t.tsv").column(0) == ['"x" said', '"']


def test_cells_between_bars_are_quoted_as_those_between_tabs(table):
    every = table('"a"|"b"\n1|"x"\n2|"y"\nSource: here\n')
    assert every.names == ("a", "b") and every.column(1) == ["x", "y"]
    powers = table('"a"\t"b"\n1e5\t"x"\n-2.5e+05\t"y"\n')
    assert powers.names == ("a", "b") and powers.column(1) == ["x", "y"]
    apart = table('a|b\n1|"But what\n2|said he."\n')
    assert apart.column(1) == ['"But what', 'said he."']
    assert table('a|b\n1|"x|y"\n2|z\n').column(1) == ["x|y", "z"]


@pytest.mark.parametrize(
    "text", ["1 2,5 3\n4 5,5 6\n", "up 1 2\ndown 3 4\n", "1  2 up\n3 4  down\n", "1e-2 .5\n2 3\n"]
)
def test_numbers_between_blanks_and_a_word_beside_them(table, text):
    rows = [line.split() for line in text.splitlines()]
    assert [cells for _, cells in table(text, blanks=True).rows] == rows


@pytest.mark.parametrize("text", ["a,1 x\nb,2 y\n", "one two\nthree four\n", "1, 2\n3, 4\n"])
def test_blanks_in_texts_separate_nothing(table, text):
    assert table(text, blanks=True).delimiter != " "


def test_a_column_of_many_plain_numbers_is_read_as_it_is(table):
    read = table("a;b\n" + "".join(f"{k}.25;1_0\n" for k in range(50)))
    assert read.numbers(0).tolist() == [k + 0.25 for k in range(50)]
    with pytest.raises(DataError, match="t.csv:2: expected a number in column 'b'"):
        read.numbers(1)


def test_signs_of_ragged_tables(table):
    read = table("1,$2\n3\n5,$6\n", ragged=True)
    assert read.sign(1) == "$" and read.sign(0) == ""


def test_a_cell_may_hold_a_whole_document(table):
    assert len(table(f"a,b\n{'x' * 200_000},1\n").rows[0][1][0]) == 200_000


@pytest.mark.parametrize(
    ("header", "column", "reason"),
    [
        (",v", 0, "no name"),
        ("id,v", 0, "id by its name"),
        ("shop_id,v", 0, "id by its name"),
        ("zip code,v", 0, "id by its name"),
        ("month,v", 0, "part of a date"),
        ("n,v", 0, "numbers the rows"),
        ("n,v", 1, None),
    ],
)
def test_columns_that_measure_nothing_are_known(table, header, column, reason):
    read = table(f"{header}\n1,5\n2,3\n3,8\n")
    found = why_no_measure(read, column)
    assert found is None if reason is None else reason in found


@pytest.mark.parametrize(
    ("cells", "reason"),
    [("7 7 7", "is 7 in every row"), ("7 NA 7", None), ("7 7 8", None), ("7", None)],
)
def test_a_column_of_one_number_never_changes(table, cells, reason):
    rows = "".join(f"{cell},{row}\n" for row, cell in enumerate(cells.split()))
    assert never_changes(table(f"shop,sold\n{rows}"), 0) == reason


@pytest.mark.parametrize(
    ("header", "cells", "reason"),
    [
        ("v,", [3, 0, 2, 9], "no name"),
        ("v,Unnamed: 0", [3, 0, 2, 9], "no name"),
        ("v,", [3, 0, 2, 2], None),
        ("v,plot", ["007", "012", "007", "100"], "begins with zeros"),
        ("v,made", [20240131, 20231231, "", 20240229, 20240101, 20240102], "holds dates"),
        ("v,made", [20240131, 20231231, 20240132, 20240229, 20240101], None),
    ],
)
def test_row_numbers_codes_and_dates_measure_nothing(table, header, cells, reason):
    found = why_no_measure(table(f"{header}\n" + "".join(f"1.5,{cell}\n" for cell in cells)), 1)
    assert found is None if reason is None else reason in found


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('"a" "b"\n1 2 3\n2 3 4\n', ("column 0", "a", "b")),  # As R writes row names.
        ("a,b\n1,2,3\n2,3,4\n", ("column 0", "a", "b")),
        ("a,b\n1,2,\n2,3,\n", ("a", "b", "column 2")),
        ("About,this\na,b,c\n1,2,3\n2,3,4\n", ("a", "b", "c")),
        ('a, b\n1, "2,5"\n2, "3,5"\n', ("a", "b")),
    ],
)
def test_a_header_of_another_width_than_the_rows(table, text, names):
    blanks = "," not in text
    assert table(text.replace('"a" "b"', "a b"), blanks=blanks).names == names


def test_a_header_that_names_other_columns_is_refused(table):
    with pytest.raises(DataError, match=r"t\.csv:1: names 3 columns, but the rows below have 2"):
        table("a,b,c\n1,2\n3,4\n5,6\n")


def test_a_first_row_of_another_width_that_is_no_header_is_left_out(table):
    read = table("a text, and more,good\n" + "words,good\nothers,bad\n" * 3)
    assert not read.header and len(read.rows) == 6


def test_negative_numbers_of_accounts_are_no_header(table):
    assert not table("(5),(1.5)\n3,2.5\n4,3.5\n").header


def test_a_point_beside_apostrophes_is_the_decimal_mark(table):
    read = table("a;b\n1’998;2.500\n1’999;3.125\n")
    assert read.numbers(0).tolist() == [1998, 1999] and read.numbers(1).tolist() == [2.5, 3.125]


def test_a_spreadsheet_is_not_text(tmp_path):
    (tmp_path / "a.xlsx").write_bytes(b"PK\3\4")
    with pytest.raises(
        DataError, match=r"a\.xlsx: is a spreadsheet; expected text: save it as CSV"
    ):
        read_table(tmp_path / "a.xlsx")
