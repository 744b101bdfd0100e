"""Frames in memory: the same data comes out the same, whatever library and dtype holds it."""

import datetime as dt
import decimal
import uuid

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import automl
from automl.data.read import read_table
from automl.data.schema import Roles, fit_schema
from automl.errors import DataError

DATA = {"i": [1, 2, None], "f": [1.5, None, 2.5], "s": ["a", None, "b"], "b": [True, None, False]}
TYPES = ["int64", "double", "string", "bool"]


def types(raw):
    return [str(kind) for kind in raw.table.schema.types]


def column(values, name="x"):
    return read_table({name: values} if not hasattr(values, "to_frame") else values.to_frame(name)).table.column(name)


@pytest.mark.parametrize(
    "make",
    [
        lambda: DATA,
        lambda: pd.DataFrame(DATA),
        lambda: pd.DataFrame(DATA, dtype=object),
        lambda: pd.DataFrame(DATA).convert_dtypes(),
        lambda: pd.DataFrame(DATA).convert_dtypes(dtype_backend="pyarrow"),
        lambda: pd.DataFrame(DATA, index=[5, 5, 5]),
        lambda: pd.DataFrame(DATA).assign(s=lambda frame: frame["s"].astype("category")),
        lambda: {name: pd.DataFrame(DATA)[name] for name in DATA},
        lambda: {name: pl.Series(DATA[name]) for name in DATA},
        lambda: pl.DataFrame(DATA),
        lambda: pl.DataFrame(DATA).lazy(),
        lambda: pl.DataFrame(DATA).with_columns(pl.col("s").cast(pl.Categorical)),
        lambda: pa.table(DATA),
        lambda: pa.RecordBatch.from_pydict(DATA),
        lambda: pa.table(DATA).to_reader(),
        lambda: [dict(zip(DATA, row, strict=True)) for row in zip(*DATA.values(), strict=True)],
    ],
)
def test_same_data_comes_out_the_same(make):
    raw = read_table(make())

    assert raw.table.to_pydict() == DATA
    assert types(raw) == TYPES
    assert raw.findings == ()


@pytest.mark.parametrize(
    "values",
    [
        pd.Series([0.0, np.nan, 2.0]),
        pd.Series([0, None, 2], dtype="Int8"),
        pd.Series([0, None, 2], dtype="UInt64"),
        pd.Series(pd.arrays.SparseArray([0.0, np.nan, 2.0])),
        pd.Series([0, None, 2], dtype=object),
        pd.Series([0, None, 2], dtype="category"),
        np.ma.array([0, 1, 2], mask=[False, True, False]),
        np.array([0, np.nan, 2]),
        pa.array([0, None, 2], pa.uint8()),
        pa.array([0, None, 2]).dictionary_encode(),
        pl.Series([0, None, 2], dtype=pl.UInt64),
    ],
)
def test_whole_numbers_with_a_missing_one(values):
    found = column(values)

    assert found.to_pylist() == [0, None, 2]
    assert pa.types.is_int64(found.type)


@pytest.mark.parametrize("kind", [pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())])
def test_text_types_of_arrow(kind):
    found = column(pa.array(["a", None, "a"], kind))

    assert found.to_pylist() == ["a", None, "a"]
    assert pa.types.is_string(found.type)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, "a", None, True, 2.0, 2.5], ["1", "a", None, "True", "2", "2.5"]),
        (["x", np.nan, None, pd.NA], ["x", None, None, None]),
        ([b"x", b"\xe4"], ["x", "ä"]),
        ([decimal.Decimal("1.5"), decimal.Decimal("NaN")], [1.5, None]),
        ([2**70, 1], [float(2**70), 1.0]),
        ([np.float32(1.5), np.int64(2)], [1.5, 2.0]),
        ([dt.date(2020, 1, 1), dt.datetime(2020, 1, 1, 5)], [dt.datetime(2020, 1, 1), dt.datetime(2020, 1, 1, 5)]),
        ([dt.time(9, 5), None], ["09:05:00", None]),
        ([dt.timedelta(seconds=1.5), None], [1.5, None]),
        ([uuid.UUID(int=5)], [str(uuid.UUID(int=5))]),
        ([None, None], [None, None]),
    ],
)
def test_columns_of_objects(values, expected):
    assert column(values).to_pylist() == expected
    assert column(pd.Series(values, dtype=object)).to_pylist() == expected


def test_mixed_types_are_told():
    (finding,) = read_table(pd.DataFrame({"o": pd.Series([1, "a", None], dtype=object)})).findings

    assert (finding.level, finding.code, finding.column, finding.count) == ("repair", "mixed-types", "o", 2)
    assert "int and str" in finding.message


def test_categories_unused_mixed_and_equal_as_text():
    frame = pd.DataFrame(
        {
            "unused": pd.Categorical(["a", None], categories=["z", "a"]),
            "numbers": pd.Categorical([30, 10]),
            "mixed": pd.Categorical([1, "1"]),
        }
    )

    assert read_table(frame).table.to_pydict() == {"unused": ["a", None], "numbers": [30, 10], "mixed": ["1", "1"]}


def test_dates_periods_and_spans():
    raw = read_table(
        pd.DataFrame(
            {
                "tz": pd.date_range("2020-01-01", periods=2, tz="Europe/Berlin"),
                "period": pd.period_range("2020-01", periods=2, freq="M"),
                "span": pd.to_timedelta([90, None], unit="s"),
                "range": pd.interval_range(0, 2),
            }
        )
    )

    assert raw.table.column("tz").type.tz == "Europe/Berlin"
    assert raw.table.column("period").to_pylist() == ["2020-01", "2020-02"]
    assert raw.table.column("span").to_pylist() == [90.0, None]
    assert raw.table.column("range").to_pylist() == ["(0, 1]", "(1, 2]"]


def test_spans_and_times_of_every_library_are_the_same():
    spans = [dt.timedelta(seconds=90), None]
    for unit in ("s", "ms", "us", "ns"):
        assert column(pa.array(spans, pa.duration(unit))).to_pylist() == [90.0, None]
    assert column(pl.Series(spans)).to_pylist() == column(pa.array(spans)).to_pylist() == [90.0, None]
    times = [dt.time(9, 5), dt.time(10, 0, 0, 500_000)]
    assert column(pl.Series(times)).to_pylist() == ["09:05:00", "10:00:00.500000000"]
    assert column(pl.Series(times[:1])).to_pylist() == column(times[:1]).to_pylist() == ["09:05:00"]


def test_other_arrow_types():
    raw = read_table(
        pa.table(
            {
                "half": pa.array([1.5, None], pa.float16()),
                "decimal": pa.array([decimal.Decimal("1.5"), None]),
                "nan": pa.array([float("nan"), 1.0]),
                "large": pa.array([2**63, 1], pa.uint64()),
                "none": pa.nulls(2),
                "runs": pa.RunEndEncodedArray.from_arrays(pa.array([2], pa.int32()), pa.array([7])),
            }
        )
    )

    assert types(raw) == ["float", "double", "double", "uint64", "null", "int64"]
    assert raw.table.column("nan").to_pylist() == [None, 1.0]
    assert raw.table.column("runs").to_pylist() == [7, 7]


@pytest.mark.parametrize("values", [[1, [2], 3], [None, {"a": 1}, 3], [None, (1,), 3], ["a", np.array([1]), "b"]])
def test_nested_objects_are_refused(values):
    with pytest.raises(DataError, match="column 'x' holds a .* in row 2"):
        read_table({"x": values})
    with pytest.raises(DataError, match="column 'x' holds a .* in row 2"):
        read_table(pd.DataFrame({"x": pd.Series(values, dtype=object)}))


@pytest.mark.parametrize(
    "source",
    [
        pa.table({"x": [None, [1]]}),
        pl.DataFrame({"x": [None, {"a": 1}]}),
        pa.table({"x": pa.array([None, {"a": 1}])}),
    ],
)
def test_nested_types_are_refused(source):
    with pytest.raises(DataError, match="column 'x' holds nested values .* first in row 2"):
        read_table(source)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (5, "an object of type int is not a table"),
        (np.arange(3), r"shape \(3,\)"),
        (np.array([[1j]]), "Complex"),
        ({}, "no columns"),
        ({"a": [1], "b": [1, 2]}, "'a' has 1 rows, 'b' has 2"),
        ({"a": 1, "b": [1, 2]}, "mixes single values"),
        ({"a": {0: 1}}, "column 'a' is a dict"),
        ({"a": np.eye(2)}, r"column 'a' is an array of shape \(2, 2\)"),
        ([[1, "a"], [2]], "row 2 has 1 cells, but row 1 has 2"),
        (pa.table({"a": [b"\xff\xfe"]}), "column 'a' of type binary"),
        (pl.DataFrame({"a": pl.Series([object()], dtype=pl.Object)}), "column 'a' holds Python objects"),
        (pd.DataFrame(np.eye(2), columns=["a", "a"]), "positions 1 and 2"),
        (pd.DataFrame(np.eye(2), columns=[1, "1"]), "'1', at positions 1 and 2"),
    ],
)
def test_what_is_no_table_is_refused(source, words):
    with pytest.raises(DataError, match=words):
        read_table(source)


def test_arrays_and_rows_get_names():
    masked = np.ma.array([[1.5, 2.0], [3.0, 4.0]], mask=[[False, True], [False, False]])
    raw = read_table(masked)

    assert raw.table.to_pydict() == {"column_1": [1.5, 3.0], "column_2": [None, 4]}
    assert [(finding.level, finding.code) for finding in raw.findings] == [("warning", "no-names")]
    assert read_table([[1, "a"], [2, "b"]]).table.to_pydict() == {"column_1": [1, 2], "column_2": ["a", "b"]}
    assert read_table(np.array([(1, "a")], dtype=[("x", "i4"), ("y", "U3")])).table.to_pydict() == {
        "x": [1],
        "y": ["a"],
    }


def test_one_row_of_values():
    assert read_table({"i": 1, "s": "x", "n": None, "z": np.float64(1.5)}).table.to_pylist() == [
        {"i": 1, "s": "x", "n": None, "z": 1.5}
    ]


def test_no_rows_in_memory_are_a_table():
    """A predictor gives an answer of the same length: none."""
    assert read_table(pd.DataFrame({"a": []})).table.num_rows == 0


def test_names_of_pandas():
    levels = pd.MultiIndex.from_tuples([("a", "x"), ("b", "")])
    raw = read_table(pd.DataFrame([[1, 2]], columns=levels, index=pd.Index([7], name="key")))

    assert raw.table.column_names == ["a_x", "b"]
    assert {finding.code for finding in raw.findings} == {"index-ignored", "joined-names"}
    assert read_table(pd.DataFrame(np.eye(2))).table.column_names == ["0", "1"]


def test_objects_with_the_arrow_interface():
    class Foreign:
        def __arrow_c_stream__(self, requested_schema=None):
            return pa.table(DATA).__arrow_c_stream__(requested_schema)

    assert read_table(Foreign()).table.to_pydict() == DATA


def test_a_frame_class_made_from_pandas():
    class Special(pd.DataFrame):
        pass

    Special.__module__ = "elsewhere.frames"

    assert read_table(Special({"a": [1, 2]})).table.to_pydict() == {"a": [1, 2]}


def test_arrays_of_another_byte_order_are_read():
    values = np.array([[1.5, 2.0], [np.nan, 4.0]])
    records = np.array([(1, 2.5, [1.0, 2.0])], dtype=[("a", ">i4"), ("b", ">f8"), ("c", ">f8", (2,))])

    assert {"column_1": [1.5, None], "column_2": [2.0, 4.0]} == read_table(values.astype(">f8")).table.to_pydict()
    assert {"a": [1.5, None], "b": [2.0, 4.0]} == read_table(
        pd.DataFrame(values.astype(">f8"), columns=["a", "b"])
    ).table.to_pydict()
    assert [None, 2] == column(np.ma.array([1.0, 2.0], mask=[True, False], dtype=">f4")).to_pylist()
    assert [{"a": 1, "b": 2.5, "c": None}] == read_table(records).table.to_pylist()


@pytest.mark.parametrize("unit", ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "25s"])
def test_moments_and_durations_of_any_unit_are_read(unit):
    moments = np.array(["2020-01-06", "NaT"], f"datetime64[{unit}]")
    spans = np.array([2, "NaT"], f"timedelta64[{unit}]")

    assert [moments[0].astype("datetime64[D]").item(), None] == [
        one and (one.date() if isinstance(one, dt.datetime) else one) for one in column(moments).to_pylist()
    ]
    assert [
        spans[0] / np.timedelta64(1, "s") if unit not in "YM" else 2 * {"Y": 31556952.0, "M": 2629746.0}[unit],
        None,
    ] == (column(spans).to_pylist())


def test_columns_called_by_numbers_may_be_named_so_everywhere():
    frame = pd.DataFrame({0: np.arange(60) / 7, 1: [1, 2, 3] * 20, 2: np.arange(60) % 7, 3: ["a", "b"] * 30})
    report = automl.check(frame, target=3, columns={1: "category"}, monotone={0: 1}, ignore=[2])

    assert [("0", "number"), ("1", "category")] == [(one.name, one.kind) for one in report.schema.columns]
    assert {"0": 1} == dict(report.task.monotone)


@pytest.mark.parametrize("labels", [[1, 2, 7], ["1", "2", "7"], ["1.0", "02", "7"]])
def test_a_frame_may_declare_numbers_a_category(labels):
    values = pd.Categorical(labels * 30)
    frame = pd.DataFrame(
        {"a": values, "b": values, "ordered": pd.Categorical(labels * 30, categories=labels, ordered=True)}
    )
    raw = read_table(frame)
    schema, _ = fit_schema(raw, Roles(target=None, columns={"b": "number"}))

    assert ["category", "number", "number"] == [
        one.kind if one.kind != "integer_code" else "number" for one in schema.columns
    ]
    assert [("info", "a"), ("info", "b")] == [
        (one.level, one.column) for one in raw.findings if one.code == "declared-category"
    ]
    codes = schema.encode(raw.table)[0].codes[:, 0]
    assert np.array_equal(codes, schema.encode(read_table(frame.astype(str)).table)[0].codes[:, 0])
    assert 3 == len(np.unique(codes))


def test_categories_that_hardly_repeat_are_what_they_look_like():
    raw = read_table(pd.DataFrame({"a": pd.Categorical(np.arange(90))}))

    assert {} == raw.declared
