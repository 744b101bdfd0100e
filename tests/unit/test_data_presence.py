"""Columns of one value that is there or missing: which of the two is a feature."""

import datetime as dt
import io
import json

import numpy as np
import pandas as pd
import pytest

from automl.data.read import read_table
from automl.data.schema import Roles, Schema, fit_schema

ROWS = 200
THERE = np.arange(ROWS) % 2 == 0


def fit(values, **wanted):
    table = read_table({"flag": values, "z": np.arange(len(values)) / 3})
    return fit_schema(table, Roles(target=None, columns=wanted))[0]


def encode(schema, values):
    data, findings = schema.encode(read_table({"flag": values, "z": [0.5] * len(values)}).table)
    return data.numbers[:, 0].tolist(), findings


def flags(value, missing=None):
    return np.where(THERE, np.array([value], dtype=object), np.array([missing], dtype=object)).tolist()


@pytest.mark.parametrize(
    "values",
    [
        flags("Y"), flags("Y", ""), flags("Y", "NA"), flags(1.0), flags(1), flags(True), flags(False), flags("5", "NA"), flags("$5"), flags("no"),
        flags(2.5, float("nan")), flags("2020-01-01"), flags(dt.datetime(2020, 1, 1)), flags(dt.date(2020, 1, 1)), flags(20200101), flags(2**60),
        flags("several words in a cell"),
        pd.array(flags(1), dtype="Int64"), pd.array(flags(True), dtype="boolean"), pd.Categorical(flags("Y")),
    ],
)  # fmt: skip
def test_one_value_or_nothing_is_there_or_not(values, tmp_path):
    """The same from memory, a file, single rows, and through a schema that was stored."""
    schema = fit(values)
    (column, _) = schema.columns
    stored = Schema.from_dict(json.loads(json.dumps(schema.to_dict())))
    pd.DataFrame({"flag": values, "z": np.arange(ROWS) / 3}).to_csv(tmp_path / "same.csv", index=False)
    from_file, _ = fit_schema(read_table(tmp_path / "same.csv"), Roles(target=None))

    assert ("boolean", True, 2) == (column.kind, column.used, len(schema.layout.numbers))
    assert f"in 100 of {ROWS} rows, nothing in the others: there or not" in column.reason
    assert stored == schema
    for one in (schema, stored, from_file):
        assert (THERE.astype(float).tolist(), ()) == encode(one, values)
    whole, findings = schema.encode(read_table(tmp_path / "same.csv").table)
    assert THERE.astype(float).tolist() == whole.numbers[:, 0].tolist()
    assert not findings
    for place in (0, 1):
        row = {"flag": list(values)[place], "z": 0.5}
        data, findings = schema.encode(read_table(row).table)
        assert ([float(place == 0)], ()) == (data.numbers[:, 0].tolist(), findings)


@pytest.mark.parametrize(
    ("present", "rows", "kind"),
    [
        (3, 1000, "boolean"),
        (2, 1000, "constant"),
        (997, 1000, "constant"),
        (995, 1000, "boolean"),
        (97, 100, "boolean"),
        (98, 100, "constant"),
    ],
)
@pytest.mark.parametrize("value", ["Y", 1, True])
def test_a_few_cells_tell_nothing(value, present, rows, kind):
    schema = fit([value] * present + [None] * (rows - present))

    assert kind == schema.columns[0].kind


@pytest.mark.parametrize("value", [dt.date(2020, 1, 1), "2020-01-01"])
def test_one_date_in_nearly_all_rows_is_constant(value):
    assert "constant" == fit([value] * 198 + [None] * 2).columns[0].kind


@pytest.mark.parametrize(
    ("trained", "later", "expected", "told"),
    [
        ("Y", ["Y", " y", "", None, "?", "-"], [1, 1, 0, 0, 0, 0], 0),
        ("Y", ["yes", True], [1, 1], 0),
        ("Y", ["N", "no"], [0, 0], 2),
        ("Y", ["maybe", "Y"], [1, 1], 1),
        (True, [True, False, None], [1, 0, 0], 1),
        (True, [1, 0], [1, 0], 1),
        (1.0, ["1", "1.0", "", "true"], [1, 1, 0, 1], 0),
        (1.0, [0.0, 2.0, np.nan], [0, 1, 0], 2),
        (5, ["5.0", "7", "0"], [1, 1, 0], 2),
        (False, [True, False, None], [0, 1, 0], 1),
        ("A", [3.5, None], [1, 0], 1),
        ("A", [None, None], [0, 0], 0),
        ("2020-01-01", pd.to_datetime(["2020-01-01", None, "2021-05-05"]), [1, 0, 1], 1),
        (dt.datetime(2020, 1, 1), ["2020-01-01", "", "2021-05-05"], [1, 0, 1], 0),
    ],
)  # fmt: skip
def test_another_value_counts_as_there_unless_it_says_the_opposite(trained, later, expected, told):
    found, findings = encode(fit(flags(trained)), later)

    assert expected == found
    assert ([("unseen-levels", told)] if told else []) == [(one.code, one.count) for one in findings]


def test_other_values_are_told_with_what_is_made_of_them():
    _, (finding,) = encode(fit(flags("Y")), ["N", "maybe", "Y"])

    assert finding.message == (
        "column 'flag' was 'Y' or missing in training; of 2 other values ('N', 'maybe') those that say the opposite count as missing, "
        "all others as there"
    )


def test_a_column_that_is_not_there_counts_as_missing_where_that_is_allowed():
    schema = fit(flags("Y"))
    data, _ = schema.encode(read_table({"z": [0.5]}).table, allow_missing=True)

    assert [0.0] == data.numbers[:, 0].tolist()


@pytest.mark.parametrize(
    ("kind", "found"), [("boolean", "boolean"), ("category", "boolean"), ("number", "number"), ("constant", "constant")]
)
def test_what_the_user_says_of_it(kind, found):
    assert found == fit(flags("1"), flag=kind).columns[0].kind


def test_a_wanted_boolean_with_other_words_is_no_flag():
    assert "constant" == fit(flags("yes", "maybe"), flag="boolean").columns[0].kind


def test_many_rows_in_blocks_are_encoded_alike():
    rows = 200_000
    values = np.where(np.arange(rows) % 3 == 0, "Y", "")
    text = "flag,z\n" + "\n".join(f"{value},{row}.5" for row, value in enumerate(values))
    schema, _ = fit_schema(raw := read_table(io.BytesIO(text.encode())), Roles(target=None))
    data, findings = schema.encode(raw.table)

    assert np.array_equal(data.numbers[:, 0], (values == "Y").astype(np.float32))
    assert not findings
