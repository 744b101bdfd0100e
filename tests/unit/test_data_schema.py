"""Applying a schema to other tables: columns by name, nothing half read, everything counted."""

import json

import numpy as np
import pandas as pd
import pytest

from automl.data.read import read_table
from automl.data.schema import Roles, Schema, fit_schema
from automl.errors import DataError

ROWS = 120


def training():
    """A column of every kind; `wait` says more than float32 could hold without its centre."""
    place = np.arange(ROWS)
    return {
        "size": np.where(place % 10 == 0, np.nan, place / 7),
        "code": place % 12,
        "truth": np.where(place % 2 == 0, "yes", "no"),
        "town": np.array(["Rome", "Oslo", "Bern", "Lima"], dtype=object)[place % 4],
        "sold": [f"2021-{1 + p % 12:02d}-{1 + p % 28:02d}" for p in place],
        "note": [f"the note of row {p} speaks of house {p * 7 % 50}" for p in place],
        "price": [f"${p},{p:03d}" for p in place + 100],
        "wait": 1.6e9 + place,
        "same": ["x"] * ROWS,
        "empty": [None] * ROWS,
        "key": [f"k{p * 7919:x}" for p in place],
        "y": place % 2,
    }


def fit(source, **roles):
    return fit_schema(read_table(source), Roles(**{"target": "y", **roles}))[0]


@pytest.fixture(scope="module")
def schema():
    return fit(training())


def encode(schema, source, **options):
    return schema.encode(read_table(source).table, **options)


def same(first, second):
    text = first.text is second.text or (first.text != second.text).nnz == 0
    return (
        np.array_equal(first.numbers, second.numbers, equal_nan=True)
        and np.array_equal(first.codes, second.codes)
        and text
    )


def rows_of(source, places):
    return {name: [np.asarray(values, dtype=object)[place] for place in places] for name, values in source.items()}


def test_every_kind_is_there(schema):
    expected = {
        "size": "number",
        "code": "integer_code",
        "truth": "boolean",
        "town": "category",
        "sold": "date",
        "note": "text",
        "price": "number",
        "wait": "number",
        "same": "constant",
        "empty": "constant",
        "key": "id",
    }

    assert expected == {column.name: column.kind for column in schema.columns}
    assert ("code", "town", "sold month", "sold weekday") == schema.layout.categories
    assert (12, 4, 12, 7) == schema.layout.levels
    assert ("note",) == schema.layout.texts
    assert ("y",) == schema.aside


def test_training_and_predicting_encode_alike(schema, tmp_path):
    """The same cells give the same numbers from memory, from a file, and through a schema that was stored."""
    data = training()
    stored = Schema.from_dict(json.loads(json.dumps(schema.to_dict())))
    pd.DataFrame(data).to_csv(tmp_path / "same.csv", index=False)
    first, _ = encode(schema, data)

    assert stored == schema
    assert same(first, encode(stored, data)[0])
    assert same(first, encode(stored, tmp_path / "same.csv")[0])
    assert np.isfinite(first.numbers[~np.isnan(first.numbers)]).all()
    assert (np.float32, np.int32) == (first.numbers.dtype, first.codes.dtype)
    assert first.numbers.flags.c_contiguous


def test_order_of_columns_and_rows_and_batches_do_not_matter(schema):
    data = training()
    whole, _ = encode(schema, data)
    turned, _ = encode(schema, dict(reversed(data.items())))
    order = np.random.default_rng(0).permutation(ROWS)
    shuffled, _ = encode(schema, rows_of(data, order))

    assert same(whole, turned)
    assert same(whole.take(order), shuffled)


def test_single_rows_are_encoded_like_the_whole(schema):
    data = training()
    whole, _ = encode(schema, data)

    for place in (0, 1, 57, ROWS - 1):
        row = {name: np.asarray(values, dtype=object)[place] for name, values in data.items()}
        one, _ = encode(schema, row)

        assert same(whole.take(np.array([place])), one)


def test_no_rows_give_empty_arrays(schema):
    empty, findings = encode(schema, {name: [] for name in training()})

    assert (0, len(schema.layout.numbers)) == empty.numbers.shape
    assert (0, len(schema.layout.categories)) == empty.codes.shape
    assert 0 == empty.text.shape[0]
    assert () == findings


def test_the_target_and_dropped_columns_need_not_be_there():
    data = training()
    schema = fit(data, drop=("town",))
    less = {name: values for name, values in data.items() if name not in ("y", "town", "same", "empty", "key")}

    assert same(encode(schema, data)[0], encode(schema, less)[0])
    assert () == encode(schema, data)[1]


def test_extra_columns_are_counted_and_change_nothing(schema):
    data = training()
    more, findings = encode(schema, {"new": range(ROWS), **data, "other": ["a"] * ROWS})

    assert same(encode(schema, data)[0], more)
    assert [("info", "extra-columns", 2)] == [(one.level, one.code, one.count) for one in findings]
    assert "'new', 'other'" in findings[0].message


def test_missing_columns_are_refused_by_name(schema):
    data = training()
    del data["town"], data["size"]

    with pytest.raises(DataError, match="lacks 2 columns that are needed: 'size', 'town'; add them, or use --allow-m"):
        encode(schema, data)


def test_a_column_of_nearly_the_same_name_is_pointed_to(schema):
    """Only exact names are matched, and a file by another program often differs in case or signs."""
    data = training()
    data["Town"] = data.pop("town")
    with pytest.raises(
        DataError, match="needed: 'town'; rename 'Town' to 'town' if that is it, or add it, or use --allow"
    ):
        encode(schema, data)

    data["SIZE"] = data.pop("size")
    with pytest.raises(DataError, match="rename 'SIZE' to 'size', 'Town' to 'town' if those are they, or add them"):
        encode(schema, data)
    told = [one.message for one in encode(schema, data, allow_missing=True)[1] if one.code == "missing-columns"]
    assert told == [
        "2 columns are not there and count as missing: 'size', 'town'; rename 'SIZE' to 'size', 'Town' to 'town' if those are they"
    ]


def test_missing_columns_count_as_missing_when_allowed(schema):
    data = training()
    gone = {name: values for name, values in data.items() if name not in ("town", "size", "note", "sold", "truth")}
    empty = {**data, **{name: [None] * ROWS for name in set(data) - set(gone)}}
    found, findings = encode(schema, gone, allow_missing=True)

    assert same(encode(schema, empty)[0], found)
    assert [("missing-columns", 5)] == [(one.code, one.count) for one in findings]
    assert (found.codes[:, schema.layout.categories.index("town")] == -1).all()


def test_names_of_derived_columns_never_meet_others():
    data = {
        "d": ["2020-01-01", "2021-02-03", "2022-05-09"] * 10,
        "d year": np.arange(30) / 7,
        "d month": ["a", "b", "c"] * 10,
        "y": range(30),
    }
    layout = fit(data).layout

    assert len(set(layout.numbers)) == len(layout.numbers)
    assert len(set(layout.categories)) == len(layout.categories)
    assert "d year.2" in layout.numbers


def test_strange_names_work():
    names = ["[a]", "<b>", '{c}: "d", e', "ü ☃", "x" * 300, "7", "a\tb"]
    data = {name: np.arange(30) / (place + 3) for place, name in enumerate(names)} | {"y": range(30)}
    schema = fit(data)

    assert tuple(names) == schema.layout.numbers
    assert names == [column["name"] for column in schema.to_dict()["columns"]]


# -- other types, other values ------------------------------------------------------------------------


def number(values, later, kind=None):
    """Column x encoded for `later`, after training on `values`, with findings."""
    roles = {} if kind is None else {"columns": {"x": kind}}
    schema = fit({"x": values, "z": np.arange(len(values)) / 3, "y": [0] * len(values)}, **roles)
    data, findings = encode(schema, {"x": later, "z": [0.5] * len(later)})
    return data, findings


@pytest.mark.parametrize(
    "later",
    [[1, None, 3], [1.0, np.nan, 3.0], ["1", "", "3"], ["1.0", "NA", " 3 "], ["1", "?", "3"], pd.array([1, None, 3])],
)
def test_numbers_that_lose_nothing_are_taken(later):
    data, findings = number(range(0, 300, 3), later)

    assert [[1], [None], [3]] == [[None if np.isnan(value) else value] for value in data.numbers[:, 0].tolist()]
    assert () == findings


def test_text_where_numbers_were_is_refused_with_its_rows():
    with pytest.raises(DataError) as caught:
        number(np.arange(50) / 7, ["1", "many", "2", "few"])

    assert str(caught.value) == (
        "column 'x' held numbers in training, but 2 values are none, such as 'many' (row 2, 4); "
        "mend them, or leave those cells empty"
    )


def test_dates_where_numbers_were_are_refused():
    with pytest.raises(DataError, match=r"held numbers in training, but 1 values are none, such as '2020-01-01"):
        number(np.arange(50) / 7, pd.to_datetime(["2020-01-01", None]))


def test_numbers_as_text_that_cannot_be_read_are_counted():
    data, findings = number([f"${place}" for place in range(50)], ["$7", "free", "x", None])

    assert [7.0] == data.numbers[:1, 0].tolist()
    assert np.isnan(data.numbers[1:, 0]).all()
    assert [("unread", 2)] == [(one.code, one.count) for one in findings]
    assert "2 values are no numbers ('free')" in findings[0].message


@pytest.mark.parametrize("far", [np.inf, -np.inf, 1e300, -1e39])
def test_infinite_and_huge_numbers_are_missing_and_counted(far):
    data, findings = number([far, *(np.arange(50) / 7)], [far, 1.0])

    assert [True, False] == np.isnan(data.numbers[:, 0]).tolist()
    assert [("repair", "infinite", 1)] == [(one.level, one.code, one.count) for one in findings]


def test_large_numbers_keep_their_differences():
    values = 1.6e12 + np.arange(0, 500, 5)
    data, _ = number(values, values[:3] + 1)

    assert [5.0, 5.0] == np.diff(data.numbers[:, 0]).tolist()


@pytest.mark.parametrize(
    ("trained", "later"),
    [
        (["yes", "no"] * 20, ["YES", " no ", "", "?"]),
        (["yes", "no"] * 20, [1, 0, None, None]),
        (["yes", "no"] * 20, [True, False, None, None]),
        ([True, False] * 20, ["true", "False", "", None]),
        ([True, False] * 20, ["1", "0", "", None]),
        ([True, False] * 20, [1.0, 0.0, np.nan, None]),
    ],
)
def test_truth_values_are_understood_in_any_writing(trained, later):
    data, findings = number(trained, later)

    assert [1.0, 0.0] == data.numbers[:2, 0].tolist()
    assert np.isnan(data.numbers[2:, 0]).all()
    assert () == findings


def test_what_is_no_truth_value_is_counted():
    _, findings = number(["yes", "no"] * 20, ["yes", "maybe"])

    assert [("unread", "column 'x': 1 values are no yes or no ('maybe') and count as missing")] == [
        (one.code, one.message) for one in findings
    ]


def test_columns_that_were_constant_and_no_longer_are_get_counted(schema):
    data = training()
    whole, _ = encode(schema, data)
    changed, findings = encode(schema, {**data, "same": ["x"] * 100 + ["z"] * 20, "empty": [None] * 110 + [5] * 10})

    assert same(whole, changed)
    assert [("same", 20), ("empty", 10)] == [(one.column, one.count) for one in findings]
    assert {"no-longer-constant"} == {one.code for one in findings}


@pytest.mark.parametrize(
    ("trained", "later"),
    [([7] * 30, [7.0, None]), ([7.0] * 30, ["7", ""]), ([True] * 30, ["True", "true"]), (["a "] * 30, ["a", "NA"])],
)
def test_columns_that_stay_constant_are_not_told(trained, later):
    assert () == number(trained, later)[1]
