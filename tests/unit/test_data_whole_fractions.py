"""Whole numbers that a table holds as fractions, because some are missing or for no reason: kinds and levels are those of integers."""

import io
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from automl.data.read import read_table
from automl.data.schema import Roles, Schema, fit_schema

RNG = np.random.default_rng(0)
ROWS = 200
SHOPS = RNG.integers(1, 12, ROWS)
CUSTOMERS = RNG.permutation(5000)[:ROWS]
MISSING = np.arange(ROWS) % 17 == 5


def kinds_of(source, **roles):
    schema, _ = fit_schema(read_table(source), Roles(target="y", **roles))
    return {column.name: column.kind for column in schema.columns}


def table(shop, customer):
    return {"shop": shop, "customer_id": customer, "x": np.arange(ROWS) / 7, "y": np.arange(ROWS) % 3}


def with_gaps(values, kind):
    if kind == "float32":
        return np.where(MISSING, np.nan, values).astype(np.float32)
    if kind == "arrow":
        return pa.array(values.astype(float), mask=MISSING)
    return pd.Series(np.where(MISSING, np.nan, values)).astype(kind)


@pytest.mark.parametrize("kind", ["float64", "float32", "Float64", "Float32", "Int64", "float64[pyarrow]", "arrow"])
def test_a_frame_and_its_file_agree(kind):
    columns = table(with_gaps(SHOPS, kind), with_gaps(CUSTOMERS, kind))
    cells = {name: read_table({"x": values}).table.column("x").to_pylist() for name, values in columns.items()}
    written = pd.DataFrame({name: np.array(values, dtype=float) for name, values in cells.items()})
    expected = {"shop": "integer_code", "customer_id": "id", "x": "number"}

    assert expected == kinds_of(columns)
    assert expected == kinds_of(io.BytesIO(written.to_csv(index=False).encode()))


@pytest.mark.parametrize("kind", ["float64", "float32", "Float64"])
def test_nothing_need_be_missing(kind):
    """As after `dropna`."""
    shop, customer = pd.Series(SHOPS).astype(kind), pd.Series(CUSTOMERS).astype(kind)

    assert {"shop": "integer_code", "customer_id": "id", "x": "number"} == kinds_of(table(shop, customer))


def test_the_column_found_is_that_of_integers():
    """Levels, centre and reason; many rows, in several blocks and chunks."""
    shops = RNG.integers(0, 300, 100_000)
    whole, fractions = (
        fit_schema(
            read_table({"shop": pa.chunked_array([values[:70], values[70:]]), "x": np.arange(100_000) / 3}),
            Roles(target=None),
        )[0]
        for values in (shops, shops.astype(float))
    )

    assert whole == fractions
    assert "integer_code" == whole.columns[0].kind


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (np.r_[SHOPS[:-1].astype(float), 1.5], "number"),
        (np.r_[1.5, SHOPS[1:].astype(float)], "number"),
        (np.r_[np.repeat(SHOPS, 10).astype(float), 2.5], "number"),
        (np.r_[SHOPS[:-1].astype(float), np.inf], "number"),
        (np.where(MISSING, np.nan, SHOPS / 2), "number"),
        (np.repeat([2.0**60, 2.0**60 + 4096, 2.0**60 + 8192], 50), "number"),
        (np.repeat([2.0**53, 2.0**53 - 1, 2.0**53 - 2], 50), "integer_code"),
        (RNG.integers(18, 80, 1000).astype(float), "number"),
        (np.arange(ROWS) % 2.0, "number"),
        (np.arange(float(ROWS)), "number"),
        (np.r_[np.arange(float(ROWS)), np.nan], "id"),
    ],
)  # fmt: skip
def test_kinds_of_fractions(values, kind):
    """Steps, such as those of a time, are a quantity where they are held as fractions though none is missing."""
    found, _ = fit_schema(read_table({"a": values, "x": np.arange(len(values)) / 7}), Roles(target=None))

    assert kind == found.columns[0].kind


SPELLINGS = [
    [3, None, 11],
    [3.0, np.nan, 11.0],
    ["3", "", "11"],
    ["3.0", "NA", "11.00"],
    np.array([3, np.nan, 11], dtype=np.float32),
    pd.array([3, None, 11], dtype="Int64"),
    pd.array([3.0, None, 11.0], dtype="Float64"),
]


@pytest.mark.parametrize("kind", [None, "category", "integer_code"])
@pytest.mark.parametrize(
    "trained", [SHOPS, SHOPS.astype(float), np.where(MISSING, np.nan, SHOPS), SHOPS.astype(np.float32)]
)
@pytest.mark.parametrize("later", SPELLINGS)
def test_spellings_of_a_number_are_one_level(trained, later, kind):
    """In a column, and in single rows."""
    wanted = {} if kind is None else {"shop": kind}
    schema, _ = fit_schema(read_table({"shop": trained, "x": np.arange(ROWS) / 7}), Roles(target=None, columns=wanted))
    schema = Schema.from_dict(json.loads(json.dumps(schema.to_dict())))
    levels = schema.columns[0].params["levels"]
    expected = [levels.index("3"), -1, levels.index("11")]
    data, findings = schema.encode(read_table({"shop": later, "x": [0.5] * 3}).table)

    assert {str(shop) for shop in range(1, 12)} == set(levels)
    assert (expected, ()) == (data.codes[:, 0].tolist(), findings)
    for value, code in zip(later, expected, strict=True):
        one, findings = schema.encode(read_table({"shop": value, "x": 0.5}).table)
        assert ([code], ()) == (one.codes[:, 0].tolist(), findings)


def test_texts_of_codes_are_levels_as_they_are_written():
    """Zeros after the point mean nothing, zeros before the number do."""
    values = ["3", "03", "4.0", "red"] * 20
    schema, _ = fit_schema(read_table({"a": values, "x": np.arange(80) / 7}), Roles(target=None))
    data, findings = schema.encode(read_table({"a": ["3.0", "03", "4", "003", "4.5"], "x": [0.5] * 5}).table)
    levels = schema.columns[0].params["levels"]

    assert [levels.index("3"), levels.index("03"), levels.index("4.0"), 4, 4] == data.codes[:, 0].tolist()
    assert [("unseen-levels", 2)] == [(one.code, one.count) for one in findings]
