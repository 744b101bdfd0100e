"""Decimal commas, decimal points and thousands: what settles them in training, and what later rows may hold."""

import numpy as np
import pyarrow as pa
import pytest

from automl.data.decimal_sign import sign_changed
from automl.data.numbers_as_text import find_decimal_sign, parse_number, parse_numbers
from automl.data.read import read_table
from automl.data.schema import Roles, fit_schema
from automl.data.target import fit_target
from automl.errors import DataError

COMMAS = ["0,126", "1,234", "10,236"] * 20
THOUSANDS = ["1,234", "12,500", "2,750"] * 20


def fitted(columns):
    raw = read_table(columns)
    schema, findings = fit_schema(raw, Roles(target=None))
    return schema, [(one.code, one.column) for one in findings], raw


def numbers_of(schema, row):
    data, findings = schema.encode(read_table(row).table)
    centres = [column.params["centre"] for column in schema.columns]
    return (data.numbers[0] + centres).tolist(), [one.code for one in findings]


@pytest.mark.parametrize(
    ("text", "point", "comma", "untold"),
    [
        ("0,126", None, 0.126, None),
        ("1,234", 1234, 1.234, None),
        ("1,2345", None, 1.2345, None),
        ("1,234,567", 1234567, None, 1234567),
        ("1,234.5", 1234.5, None, 1234.5),
        ("1.234,5", None, 1234.5, None),
        ("0.126", 0.126, None, 0.126),
        ("1.234", 1.234, 1234, 1.234),
        ("1.234.567", None, 1234567, None),
        ("1 234,5", None, 1234.5, None),
        ("1 234.5", 1234.5, None, 1234.5),
        ("1 234", 1234, 1234, 1234),
        ("000,126", None, 0.126, None),
        ("$1,234", 1234, 1.234, None),
        ("(1,234)", -1234, -1.234, None),
        ("1.", 1, None, 1),
        (",5", None, 0.5, None),
        ("1,5E+03", None, 1500, None),
        ("7", 7, 7, 7),
    ],
)
def test_what_a_text_writes_under_each_sign(text, point, comma, untold):
    many = pa.array([text] * 200)  # read at once

    for sign, expected in ((False, point), (True, comma), (None, untold)):
        assert expected == parse_number(text, decimal_comma=sign)
        together = parse_numbers(many, decimal_comma=sign)[0]

        assert (None if np.isnan(together) else together) == expected


@pytest.mark.parametrize(
    ("texts", "comma"),
    [
        (["1,234", "0,126"], True),
        (["1,234", "1.5"], False),
        (["1,234", "1,234,567"], False),
        (["1.234", "1.234.567"], True),
        (["1,234", "12,345"], False),
        (["12%", "7"], None),
    ],
)
def test_what_settles_the_sign_of_a_column(texts, comma):
    assert comma is find_decimal_sign(texts).decimal_comma


def test_one_leading_zero_settles_the_whole_column():
    schema, findings, _ = fitted({"x": COMMAS})

    assert ([("numbers-as-text", "x")], True) == (findings, schema.columns[0].params["decimal_comma"])
    assert ([pytest.approx(1.234)], []) == numbers_of(schema, {"x": "1,234"})
    assert numbers_of(schema, {"x": "0.126"})[1] == ["unread"]


def test_thousands_that_nothing_settles_are_told():
    schema, findings, _ = fitted({"x": THOUSANDS})

    assert ("grouped-thousands", "x") in findings
    assert ([3456.0], []) == numbers_of(schema, {"x": "3,456"})


def test_columns_that_do_not_tell_follow_the_others():
    schema, findings, _ = fitted({"x": THOUSANDS, "y": COMMAS})

    assert ("grouped-thousands", "x") not in findings
    assert ("decimal-comma", "x") in findings
    assert [pytest.approx(3.456), pytest.approx(1.5)] == numbers_of(schema, {"x": "3,456", "y": "1,5"})[0]


@pytest.mark.parametrize("few", [1, 30])
def test_a_column_with_both_signs_is_told(few):
    _, findings, _ = fitted({"x": ["2,75", "3,25"] * 30 + ["2.5"] * few, "other": range(60 + few)})

    assert ("mixed-decimal-signs", "x") in findings


def test_a_column_of_plain_numbers_takes_no_text_that_could_be_either():
    schema, _, _ = fitted({"x": np.linspace(-3, 3, 60)})

    assert ([pytest.approx(0.126)], []) == numbers_of(schema, {"x": "0.126"})
    for text in ("0,126", "1,234"):
        with pytest.raises(DataError, match=f"held numbers in training.*'{text}'"):
            numbers_of(schema, {"x": text})


def test_rows_after_a_file_with_decimal_commas(tmp_path):
    path = tmp_path / "german.csv"
    path.write_text("x;p\n" + "0,126;1.234,5\n3,5;2.000,25\n" * 20)
    schema, _, _ = fitted(path)

    assert [pytest.approx(0.126), 16536.55] == pytest.approx(
        numbers_of(schema, {"x": "0,126", "p": "16.536,55"})[0], rel=1e-6
    )
    assert [pytest.approx(0.126), 3] == numbers_of(schema, {"x": 0.126, "p": 3})[0]
    for row in ({"x": "0.126", "p": 1}, {"x": 1, "p": "16,536.55"}):
        with pytest.raises(DataError, match="held numbers in training"):
            numbers_of(schema, row)


def test_a_target_follows_the_other_columns():
    table = read_table({"y": THOUSANDS, "x": COMMAS})
    column = table.table.column("y")

    alone, findings = fit_target(column, name="y", task="regression", metric=None)
    beside, _ = fit_target(column, name="y", task="regression", metric=None, raw=table)

    assert ["grouped-thousands"] == [one.code for one in findings]
    assert (1234.0, 1.234) == (alone.encode(column)[0][0], beside.encode(column)[0][0])


def test_a_target_with_leading_zeros_has_decimal_commas():
    column = pa.chunked_array([COMMAS])
    coding, findings = fit_target(column, name="y", task="regression", metric=None)

    assert ((), [0.126, 1.234, 10.236]) == (findings, coding.encode(column)[0][:3].tolist())


def test_a_file_tells_its_sign_by_the_numbers_that_leave_no_doubt(tmp_path):
    path = tmp_path / "one.csv"
    path.write_text("x;p\n0,126;1.234\n")

    assert {"x": [0.126], "p": [1234.0]} == read_table(path).table.to_pydict()


@pytest.mark.parametrize(
    ("training", "later", "told"),
    [
        ("0,5;1,5", "1.234;7", ["1.234"]),
        ("0,5;1,5", "1.234;0.5", []),
        ("0,5;1,5", "1,234;0,5", []),
        ("0.5;1.5", "1,234;7", ["1,234"]),
        ("0.5;1.5", "1,5;7", []),
        ("0.5;1.5", "7;8", []),
    ],
)
def test_a_later_file_that_seems_to_have_the_other_sign_is_told(tmp_path, training, later, told):
    path = tmp_path / "table.csv"
    path.write_text("x;p\n" + f"{training}\n2;3\n" * 20)
    schema, _, _ = fitted(path)
    path.write_text(f"x;p\n{later}\n")
    findings = sign_changed(schema, read_table(path))

    assert len(told) == len(findings)
    assert all(repr(text) in one.message for text, one in zip(told, findings, strict=True))


@pytest.mark.parametrize(
    ("values", "told"), [(["5%", "0.07", "12%"], True), (["5%", "7%", None], False), (["5", "7 ", "8"], False)]
)
def test_a_column_with_and_without_percent_signs_has_a_warning(values, told):
    _, findings, _ = fitted({"x": values * 20, "z": list(range(60))})

    assert told == (("mixed-percent", "x") in findings)


GROUPED = [f"{place * 37 % 19_990:,}".replace(",", ".") for place in range(7, 300)]


@pytest.mark.parametrize("form", ["{}", "{} €", "{} km", "-{}"])
def test_points_that_group_thousands_beside_numbers_below_one_thousand(form):
    """Read as 1.23, thousands would be less than 950."""
    schema, findings, _ = fitted({"x": [form.format(text) for text in GROUPED]})
    sign = -1 if form[0] == "-" else 1

    assert ("grouped-thousands", "x") in findings
    assert [sign * 950.0] == numbers_of(schema, {"x": form.format("950")})[0]
    assert [sign * 1230.0] == numbers_of(schema, {"x": form.format("1.230")})[0]


@pytest.mark.parametrize(
    ("texts", "comma"),
    [
        (["950", "1.230"], True),
        (["950", "1.234"], None),
        (["1.230", "2.340"], None),
        (["950", "1.230", "1.5"], False),
        (["950", "1.230", "0.500"], False),
        (["950", "1.230", "1234"], None),
        (["2", "1.250", "3.500"], None),
        (["12", "1.250", "3.500"], None),
        (["320", "410.250", "12.300"], None),
        (["0", "12.340", "15.201"], None),
        (["-1", "12.340", "15.201"], None),
        (["-500", "12.340", "15.201"], None),
        (["999", "12.340", "15.201"], None),
        (["888", "-999", "12.340", "-15.201"], None),
        (["999", "410", "12.340", "15.201"], True),
        (["-950", "-1.230", "7.250"], True),
        (["150", *(f"{12 + place * 0.01:.3f}" for place in range(200))], None),
    ],
)
def test_only_a_last_zero_beside_larger_whole_numbers_tells_of_groups(texts, comma):
    assert comma is find_decimal_sign(texts).decimal_comma


def test_weights_of_three_decimals_are_no_thousands():
    texts = [f"{place // 4}.{place % 4 * 250:03} kg" if place % 4 else f"{place // 4} kg" for place in range(4, 100)]
    schema, findings, _ = fitted({"x": texts})

    assert ("grouped-thousands", "x") not in findings
    assert [1.25] == numbers_of(schema, {"x": "1.250 kg"})[0]
    assert [2.0] == numbers_of(schema, {"x": "2 kg"})[0]


@pytest.mark.parametrize("mark", ["0", "-1", "999", "888"])
@pytest.mark.parametrize("separator", [";", "\t"])
def test_marks_among_three_decimals_do_not_change_a_file(mark, separator, tmp_path):
    path = tmp_path / "table.csv"
    cells = [mark if place % 10 == 0 else f"{12 + place * 0.37:.3f}" for place in range(200)]
    path.write_text(separator.join("xz") + "\n" + "".join(f"{cell}{separator}{len(cell)}\n" for cell in cells))
    _, findings, raw = fitted(path)

    assert float(cells[1]) == raw.table.column("x")[1].as_py()
    assert not {"decimal-comma", "points-as-decimals"} & {code for code, _ in findings}


@pytest.mark.parametrize("separator", [";", "\t", ","])
def test_a_file_with_groups_of_thousands_is_read_so_or_told(separator, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(separator.join("xz") + "\n" + "".join(f"{text}{separator}{len(text)}\n" for text in GROUPED))
    schema, findings, raw = fitted(path)
    first = schema.encode(raw.table)[0].numbers[[0, 250], 0] + schema.columns[0].params["centre"]

    assert (("points-as-decimals", "x") in findings) == (separator == ",")
    told = [one.message for one in raw.findings if (one.level, one.code) == ("warning", "decimal-comma")]
    assert [separator != ","] == [bool(told and "taken to group thousands in the whole file" in told[0])]
    assert [GROUPED[0], GROUPED[250]] == ["259", "9.509"]
    assert pytest.approx([259, 9.509 if separator == "," else 9509]) == first.tolist()


def test_files_with_decimal_points_stay_as_they_are(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("x;y\n" + "".join(f"{text};{place}.5\n" for place, text in enumerate(GROUPED)))
    _, findings, raw = fitted(path)

    assert 9.509 == raw.table.column("x")[250].as_py()
    assert ("points-as-decimals", "x") in findings
