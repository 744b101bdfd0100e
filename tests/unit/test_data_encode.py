"""Categories and codes: known ones keep their code for ever, unseen ones get one of their own and are counted."""

import datetime as dt

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from automl.data.read import read_table
from automl.data.schema import Roles, fit_schema
from automl.errors import DataError


def codes_of(trained, later, kind=None):
    """Codes of `later`, with findings, and the levels found in `trained`."""
    columns = {} if kind is None else {"x": kind}
    table = read_table({"x": trained, "z": np.arange(len(trained)) / 3})
    schema, _ = fit_schema(table, Roles(target=None, columns=columns))
    data, findings = schema.encode(read_table({"x": later, "z": np.zeros(len(later))}).table)
    return data.codes[:, 0].tolist(), findings, schema.columns[0].params["levels"]


def test_codes_are_places_among_the_levels():
    codes, findings, levels = codes_of(["b", "b", "a", "c", "c", "c"] * 5, ["a", "b", "c", None, "", "?", " a "])

    assert ["a", "b", "c"] == levels
    assert [0, 1, 2, -1, -1, -1, 0] == codes
    assert () == findings


def test_unseen_levels_get_one_code_and_are_counted():
    codes, findings, _ = codes_of(["a", "b"] * 10, ["a", "new", "b", "newer", "new"])

    assert [0, 2, 1, 2, 2] == codes
    assert [("warning", "unseen-levels", "x", 3)] == [(one.level, one.code, one.column, one.count) for one in findings]
    assert "3 values have levels that training did not see ('new', 'newer')" in findings[0].message


def test_a_batch_with_few_of_the_levels_keeps_their_codes():
    assert [1, 1] == codes_of(["a", "a", "b", "c"] * 10, ["b", "b"])[0]


def test_categories_of_pandas_count_by_their_values_and_not_by_their_codes():
    trained = pd.Categorical(["a", "b", "c"] * 10, categories=["z", "c", "b", "a"])
    later = pd.Categorical(["c", "b"], categories=["b", "c"])

    assert ([2, 1], ["a", "b", "c"]) == (codes_of(trained, later)[0], codes_of(trained, later)[2])


@pytest.mark.parametrize(
    ("trained", "later"),
    [
        ([1, 2, 3] * 10, [3, 1]),
        ([1, 2, 3] * 10, [3.0, 1.0]),
        ([1, 2, 3] * 10, ["3", " 1 "]),
        (["1", "2", "3", "x"] * 10, [3, 1]),
        (["1.0", "2.0", "3.0", "x"] * 10, [3.0, 1.0]),
        (["1.0", "2.0", "3.0", "x"] * 10, ["3.0", "1.0"]),
        (["01", "02", "03", "x"] * 10, [3, 1]),
    ],
)
def test_numbers_as_categories_are_found_however_the_later_table_reads_them(trained, later):
    """A batch without the one text in a column is read as numbers."""
    codes, findings, levels = codes_of(trained, later, kind="category")

    assert [3.0, 1.0] == [float(levels[code]) for code in codes]
    assert () == findings


@pytest.mark.parametrize("later", [[True, False], ["True", "False"]])
def test_truth_values_beside_other_levels_are_found(later):
    codes, findings, levels = codes_of(["True", "False", "unknown"] * 10, later)

    assert ["True", "False"] == [levels[code] for code in codes]
    assert () == findings


def test_dates_as_categories_keep_their_text():
    days = [dt.date(2020, 1, 1), dt.date(2020, 1, 2)]
    codes, _, levels = codes_of(days * 10, ["2020-01-02", "2020-01-03"], kind="category")

    assert (["2020-01-01", "2020-01-02"], [1, 2]) == (levels, codes)


@pytest.mark.parametrize("later", [[3, 5, None, 99, -1], [3.0, 5.0, np.nan, 99.0, -1.0], ["3", "5.0", "", "99", "-1"]])
def test_whole_numbers_are_numbers_and_codes(later):
    table = read_table({"x": np.arange(1000) % 12, "z": np.arange(1000) / 3})
    schema, _ = fit_schema(table, Roles(target=None))
    data, findings = schema.encode(read_table({"x": later, "z": np.zeros(5)}).table)

    assert "integer_code" == schema.columns[0].kind
    assert [3.0, 5.0] == data.numbers[:2, 0].tolist()
    levels = schema.columns[0].params["levels"]
    assert [levels.index("3"), levels.index("5"), -1, 12, 12] == data.codes[:, 0].tolist()
    assert [("unseen-levels", 2)] == [(one.code, one.count) for one in findings]
    assert "('99', '-1')" in findings[0].message


@pytest.mark.parametrize("values", [[1.5, 2.5, -1e9], [10**6, 7, 10**12], ["$1", "$2", "x"]])
def test_any_numbers_can_be_codes_when_asked(values):
    codes, _, levels = codes_of(values * 10, values, kind="integer_code")
    known = [value for value in values if value != "x"]

    assert [*range(len(known))] == sorted(codes[: len(known)])
    assert len(known) == len(levels)


def test_infinite_and_fractional_values_are_unseen_codes():
    assert [12, 12, 12] == codes_of(np.arange(1000) % 12, [np.inf, -np.inf, 0.5])[0]


def test_many_chunks_and_slices_are_one_column():
    values = ["a", "b", None, "c"] * 25
    plain, _, _ = codes_of(values, values)
    chunks = pa.table(
        {"x": pa.chunked_array([values[:7], [], values[7:60], values[60:]]), "z": pa.array(np.arange(100.0))}
    )
    schema, _ = fit_schema(read_table(chunks), Roles(target=None))
    data, _ = schema.encode(chunks)

    assert plain == data.codes[:, 0].tolist()
    assert plain[10:20] == schema.encode(chunks.slice(10, 10))[0].codes[:, 0].tolist()


def test_dictionaries_and_other_arrow_types_are_the_same():
    values = ["a", "b", None, "c"] * 25
    plain, _, _ = codes_of(values, values)
    for other in (
        pa.array(values).dictionary_encode(),
        pa.array(values, pa.large_string()),
        pd.array(values, "string"),
    ):
        assert plain == codes_of(other, other)[0]


def test_all_missing_later_is_no_level():
    assert [-1, -1] == codes_of(["a", "b"] * 10, [None, None])[0]


def test_wide_tables_are_encoded():
    names = [f"c{place}" for place in range(3000)]
    table = pa.table({name: pa.array([0.5, 1.5, 2.5, None]) for name in names})
    schema, _ = fit_schema(read_table(table), Roles(target=None))

    assert (4, 3000) == schema.encode(table)[0].numbers.shape


def test_blocks_give_the_same_as_the_whole(monkeypatch):
    """Long columns are encoded piece by piece; counts, examples and row numbers are those of the whole."""
    rows = np.arange(300)
    table = {
        "number": np.where(rows % 7 == 0, np.nan, rows / 3),
        "code": rows % 12,
        "town": np.array(list("abcde"))[rows % 5],
        "truth": np.array(["yes", "no"])[rows % 2],
        "day": (rows * 86_400 * 3).astype("datetime64[s]"),
        "price": [f"${row}" for row in rows],
    }
    raw = read_table(table)
    later = read_table(
        {
            **table,
            "number": np.where(rows % 50 == 49, np.inf, rows),
            "town": ["a"] * 150 + [f"new {row}" for row in range(150)],
            "price": ["$1"] * 200 + ["x"] * 50 + ["y"] * 50,
        }
    ).table
    schema, _ = fit_schema(raw, Roles(target=None))
    whole, told = schema.encode(later)
    monkeypatch.setattr("automl.data.encode.BLOCK_ROWS", 64)
    monkeypatch.setattr("automl.data.fitted.BLOCK_ROWS", 64)
    again, _ = fit_schema(raw, Roles(target=None))
    pieces, told_of_pieces = schema.encode(later)

    assert schema.to_dict() == again.to_dict()
    assert np.array_equal(whole.numbers, pieces.numbers, equal_nan=True)
    assert np.array_equal(whole.codes, pieces.codes)
    assert told == told_of_pieces
    assert ["infinite", "unseen-levels", "unread"] == [one.code for one in told]


def test_rows_of_what_cannot_be_read_are_those_of_the_whole_table(monkeypatch):
    monkeypatch.setattr("automl.data.encode.BLOCK_ROWS", 10)
    schema, _ = fit_schema(read_table({"x": np.arange(50) / 7}), Roles(target=None))

    with pytest.raises(DataError, match=r"but 3 values are none, such as 'low' \(row 5, 25, 26\)"):
        schema.encode(read_table({"x": ["1"] * 4 + ["low"] + ["2"] * 19 + ["mid", "high"] + ["3"] * 9}).table)
