"""Columns that cannot be read stop a table only where somebody wants them."""

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import automl
from automl.data.amount import ReadLimit
from automl.data.read import read_table
from automl.data.schema import Roles, fit_schema
from automl.errors import DataError

ROWS = 60
X, Y = list(np.random.default_rng(0).normal(size=ROWS)), [0, 1, 1] * 20
MAKERS = {
    "arrow list": lambda: pa.table({"x": X, "emb": [[1.0, 2.0]] * ROWS, "y": Y}),
    "arrow binary": lambda: pa.table({"x": X, "emb": [b"\xff\xfe"] * ROWS, "y": Y}),
    "arrow interval": lambda: pa.table(
        {"x": X, "emb": pa.array([(1, 2, 3)] * ROWS, pa.month_day_nano_interval()), "y": Y}
    ),
    "pandas list": lambda: pd.DataFrame({"x": X, "emb": [[1.0]] * ROWS, "y": Y}),
    "pandas complex": lambda: pd.DataFrame({"x": X, "emb": np.array(X) * 1j, "y": Y}),
    "polars struct": lambda: pl.DataFrame({"x": X, "emb": [{"a": 1}] * ROWS, "y": Y}),
    "polars object": lambda: pl.DataFrame({"x": X, "emb": pl.Series([object()] * ROWS, dtype=pl.Object), "y": Y}),
    "dict of objects": lambda: {"x": X, "emb": [{"id": 7}] * ROWS, "y": Y},
    "dict of an array": lambda: {"x": X, "emb": np.eye(ROWS), "y": Y},
    "dict of a dict": lambda: {"x": X, "emb": {0: 1}, "y": Y},
    "rows": lambda: [{"x": x, "emb": [x], "y": y} for x, y in zip(X, Y, strict=True)],
}


@pytest.fixture(params=list(MAKERS))
def make(request):
    return MAKERS[request.param]


@pytest.mark.parametrize("how", ["drop", "ignore"])
def test_a_column_that_is_left_out_may_hold_anything(make, how):
    report = automl.check(make(), target="y", **{how: ["emb"]})

    assert ["x"] == [column.name for column in report.schema.columns]


def test_one_that_is_not_left_out_is_refused_with_the_way_out(make):
    with pytest.raises(DataError, match=r"column 'emb'.*(give|convert|make) .*, or leave it out: --drop emb"):
        automl.check(make(), target="y")
    with pytest.raises(DataError, match="column 'emb'"):
        automl.check(make(), target="emb")


def test_extra_ones_are_ignored_when_predicting_and_needed_ones_refused(make):
    schema, _ = fit_schema(read_table({"x": X}), Roles(target="y"))
    data, findings = schema.encode(read_table(make()).table)

    assert np.allclose(X, data.numbers[:, 0])
    assert ["extra-columns"] == [one.code for one in findings]
    needed, _ = fit_schema(read_table({"x": X, "emb": X}), Roles(target="y"))
    with pytest.raises(DataError, match="column 'emb'(?!.*--drop)"):
        needed.encode(read_table(make()).table)


def test_a_row_with_a_nested_value_is_a_row():
    for row in ({"x": 1.0, "meta": {"id": 7}}, [{"x": 1.0, "meta": {"id": 7}}]):
        assert [{"x": 1.0, "meta": None}] == read_table(row).table.to_pylist()


def test_a_fault_keeps_its_row_where_rows_are_drawn():
    rows = 100_000
    for name in ("emb", "row 5"):
        values = [1] * (rows // 2) + [[1]] * (rows // 2)
        drawn = read_table({"x": np.arange(rows), name: values}, limit=ReadLimit(seconds=0.5))
        with pytest.raises(DataError, match=rf"column '{name}' holds a list in row 5000\d") as error:
            fit_schema(drawn, Roles(target=None))
        assert drawn.table.num_rows < rows
        assert str(error.value).endswith(f"--drop {name}")


def test_roles_of_a_column_that_cannot_be_read_are_refused():
    table = {"x": X, "w": [[1]] * ROWS, "y": Y}
    for role in ("weight", "group", "time_column", "split_column"):
        with pytest.raises(DataError, match="column 'w' holds a list in row 1"):
            automl.check(table, target="y", **{role: "w"})


def test_sound_columns_beside_it_are_converted_as_ever():
    raw = read_table(
        pa.table({"d": pa.array([dt.timedelta(seconds=9)]), "emb": [[1]], "c": pa.array(["a"]).dictionary_encode()})
    )

    assert [{"d": 9.0, "emb": None, "c": "a"}] == raw.table.to_pylist()
