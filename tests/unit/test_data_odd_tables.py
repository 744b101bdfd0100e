"""Odd tables are read, or refused with words: files of another kind, strange names and values, odd later tables."""

import io
import pathlib

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from automl.data.read import read_table
from automl.data.schema import Roles, fit_schema
from automl.errors import DataError

ROWS = "".join(f"{row},{row * 1.5},{'ab'[row % 2]}\n" for row in range(50))


def fitted(values, **columns):
    raw = read_table(values)
    schema, findings = fit_schema(raw, Roles(target=None, columns=columns))
    return schema, findings, raw


# -- files that are no text tables ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<!DOCTYPE html>\n<html><body>Please, log in</body></html>\n", "web page, perhaps of a login"),
        (b"\xef\xbb\xbf\n  <HTML><table></table></HTML>\n", "web page"),
        (b'<?xml version="1.0"?>\n<r/>\n', "XML document"),
        (b'[{"x":1,"y":"a"},\n{"x":2,"y":"b"}]\n', "JSON document"),
        (b'{"x":1}\n{"x":2}\n', "JSON document"),
        (b"@RELATION iris\n@data\n1,a\n", "ARFF file"),
        (b"%PDF-1.4\n%\xe2\xe3\n", "PDF document"),
        (b"\x80\x04\x95\x10\x00\x00\x00", "pickle, which is never opened"),
        (b"\x93NUMPY\x01\x00v\x00", "NumPy array"),
        (b"\x89PNG\r\n\x1a\n\x00", "PNG image"),
        (b"\x89HDF\r\n\x1a\n", "HDF5 file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n", "git lfs pull"),
    ],
)
def test_files_of_another_kind_are_named(content, words):
    with pytest.raises(DataError, match=words):
        read_table(io.BytesIO(content))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("https://example.com/a.csv", "is an address; only files are read: download it first"),
        ("s3://bucket/a.parquet", "is an address"),
        ("x,y\n1,2\n", "holds several lines and is no path"),
        ("~/no such file.csv", "does not exist"),
    ],
)
def test_strings_that_are_no_paths(source, words):
    with pytest.raises(DataError, match=words):
        read_table(source)


def test_a_path_may_start_at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")

    assert {"a": [1], "b": [2]} == read_table("~/table.csv").table.to_pydict()


@pytest.mark.parametrize("encoding", ["utf-32", "utf-16", "utf-8-sig"])
def test_marks_of_unicode_are_told_apart(encoding):
    raw = read_table(io.BytesIO(f"x,m,y\n{ROWS}".encode(encoding)))

    assert ["x", "m", "y"] == raw.table.column_names
    assert 50 == raw.table.num_rows


@pytest.mark.parametrize(
    ("above", "names", "left_out"),
    [
        ("# made by a program\n# on, monday\n", ["x", "m", "y"], 2),
        ("#x,m,y\n", ["#x", "m", "y"], 0),
        ("# units: cm\n#x,m,y\n", ["#x", "m", "y"], 1),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_comments_above_the_header_are_left_out(above, names, left_out, end):
    header = "" if "#x" in above else "x,m,y\n"
    raw = read_table(io.BytesIO((above + header + ROWS).replace("\n", end).encode()))

    assert names == raw.table.column_names
    assert 50 == raw.table.num_rows
    assert [left_out] * bool(left_out) == [one.count for one in raw.findings if one.code == "comments"]


def test_a_column_whose_values_start_with_a_hash_is_no_comment():
    assert ["#1", "#2"] == read_table(io.BytesIO(b"#tag\n#1\n#2\n")).table.column(0).to_pylist()


def test_lines_after_comments_are_numbered_as_in_the_file():
    with pytest.raises(DataError, match="line 5: 3 cells, but the header has 2"):
        read_table(io.BytesIO(b"# made by a program\n# again\na,b\n1,2\n1,2,3\n"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("My great table\n\nx,m,y\n" + ROWS, "if a title stands above the header, delete it"),
        ('x,m\n1,"say \\"hi\\", ok"\n', "a backslash before it does not count"),
        ("x,m\n1,'a,b'\n", "single quotes do not quote"),
        ("x,m\n" + "1,2\n" * 9 + "# end\n", "line 11: 1 cell, but"),
    ],
)
def test_ragged_rows_with_a_known_reason(text, words):
    with pytest.raises(DataError, match=words):
        read_table(io.BytesIO(text.encode()))


def test_decimal_commas_with_exponents_are_numbers():
    raw = read_table(io.BytesIO(b"a;b\n1,5E+03;x\n2,5e-1;y\n"))

    assert [1500.0, 0.25] == raw.table.column("a").to_pylist()


def test_failed_formulas_are_missing():
    cells = ["1", "#REF!", "2", "#DIV/0!", "3", "n.a."] * 10
    schema, _, raw = fitted({"m": cells, "c": ["u", "#VALUE!", "v"] * 20})

    assert ["number", "category"] == [column.kind for column in schema.columns]
    assert 30 == np.isnan(schema.encode(raw.table)[0].numbers[:, 0]).sum()
    assert ["u", "v"] == schema.columns[1].params["levels"]


# -- names and values -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [(b"x", "x"), (None, "column_1"), (float("nan"), "column_1"), ("a\ud800", "a?"), (7, "7"), ("a\nb", "a\nb")],
)
def test_names_of_any_kind_are_text(name, text):
    assert [text] == read_table({name: [1, 2]}).table.column_names


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([object()] * 3, r"'m' holds Python objects \(object\), first in row 1"),
        ([1, io.StringIO()], r"'m' holds Python objects \(StringIO\), first in row 2"),
        (pa.array([(1, 2, 3)], pa.month_day_nano_interval()), "'m' holds months and days"),
        (pa.DictionaryArray.from_arrays(pa.array([0]), pa.array([[1]])), r"'m' holds nested values .* row 1"),
        (pl.Series([{"a": 1}]), "'m' holds nested values"),
    ],
)
def test_values_that_are_no_cells_are_refused(values, words):
    with pytest.raises(DataError, match=words):
        read_table({"m": values})


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([1.5, 2.5], dtype=np.longdouble), [1.5, 2.5]),
        ([pathlib.Path("a"), pathlib.Path("b")], ["a", "b"]),
        (pl.Series([2**100, 1], dtype=pl.Int128), [float(2**100), 1.0]),
    ],
)
def test_rare_types_are_read(values, expected):
    for source in ({"m": values}, pl.DataFrame({"m": values}) if isinstance(values, pl.Series) else None):
        if source is not None:
            assert expected == read_table(source).table.column("m").to_pylist()
    if isinstance(values, np.ndarray):
        assert expected == read_table(pd.DataFrame({"m": values})).table.column("m").to_pylist()


def test_tiny_numbers_keep_their_differences():
    """Below 1e-38 a float32 is 0."""
    schema, _, raw = fitted({"m": np.arange(1, 50) * 1e-300})
    data, _ = schema.encode(raw.table)

    assert 49 == len(np.unique(data.numbers[:, 0]))
    assert np.isfinite(data.numbers).all()


# -- later tables ---------------------------------------------------------------------------------


def test_durations_are_found_in_a_file_written_from_the_same_frame():
    train = pd.DataFrame({"d": pd.to_timedelta(np.arange(50), "min"), "n": np.arange(50) / 7})
    schema, _, raw = fitted(train)
    text = io.BytesIO()
    train.to_csv(text, index=False)
    again, findings = schema.encode(read_table(io.BytesIO(text.getvalue())).table)

    assert np.array_equal(schema.encode(raw.table)[0].numbers, again.numbers)
    assert () == findings


def test_times_of_day_in_a_column_of_numbers_are_refused():
    schema, _, _ = fitted({"n": np.arange(50) / 7})

    with pytest.raises(DataError, match=r"such as '10:30' \(row 1\)"):
        schema.encode(read_table({"n": ["10:30", "5"]}).table)
