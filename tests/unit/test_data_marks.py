"""Texts that mean "missing": those of every column, and those that alone keep one from being numbers or dates."""

import datetime as dt
import json

import numpy as np
import pandas as pd
import pytest

from automl.data.read import read_table
from automl.data.schema import Roles, Schema, fit_schema

NUMBERS = [f"{place * 7.25}" for place in range(200)]
DAYS = [str(dt.date(2020, 1, 1) + dt.timedelta(days=place)) for place in range(200)]
CLOCKS = [f"{place % 24}:{place % 60:02}" for place in range(200)]
LISTED = ["\\N", "NaT", "NONE", "(null)", "[NULL]", "nil", "..", "\u2014", "---", "(blank)", "0000-00-00"]


def with_mark(values, *marks):
    return [marks[place % len(marks)] if place % 4 == 0 else value for place, value in enumerate(values)]


def column_of(texts, tmp_path=None, **columns):
    frame = pd.DataFrame({"x": texts, "z": np.arange(len(texts)) / 3})
    if tmp_path is not None:
        frame.to_csv(tmp_path / "table.csv", index=False)
    raw = read_table(frame if tmp_path is None else tmp_path / "table.csv")
    schema, findings = fit_schema(raw, Roles(target=None, columns=columns))
    return (
        Schema.from_dict(json.loads(json.dumps(schema.to_dict()))),
        [one for one in findings if one.column == "x"],
        raw,
    )


@pytest.mark.parametrize("in_file", [True, False])
@pytest.mark.parametrize(("values", "kind"), [(NUMBERS, "number"), (DAYS, "date"), (CLOCKS, "number")])
@pytest.mark.parametrize("mark", [*LISTED, "*", ":", "unknown", "Varies with device", "k.A."])
def test_one_mark_leaves_numbers_and_dates(values, kind, mark, in_file, tmp_path):
    texts = with_mark(values, mark)
    schema, findings, raw = column_of(texts, tmp_path if in_file else None)
    data, noticed = schema.encode(raw.table)
    row, more = schema.encode(read_table({"x": mark, "z": 0.5}).table)

    assert (kind, ()) == (schema.columns[0].kind, noticed)
    assert (0 if mark in LISTED else 1) == sum(one.code == "missing-marks" for one in findings)
    assert [place % 4 == 0 for place in range(200)] == np.isnan(data.numbers[:, 0]).tolist()
    assert (True, ()) == (np.isnan(row.numbers[0, 0]), more)
    alone, _ = schema.encode(read_table({"x": texts[5], "z": 5 / 3}).table)
    assert data.numbers[5].tolist() == alone.numbers[0].tolist()


def test_two_marks_are_told_with_their_rows():
    schema, findings, _ = column_of(with_mark(NUMBERS, "unknown", "refused", "unknown"))
    found = findings[-1]

    assert ["unknown", "refused"] == schema.columns[0].params["marks"]
    assert ("repair", 50) == (found.level, found.count)
    assert (
        "'unknown' (33 rows) and 'refused' (17 rows) are read as missing, as the other values are numbers"
        in found.message
    )
    assert "--column x=category to keep them" in found.message


def test_marks_beside_slips():
    """What is rare besides is missing, too, and told as ever."""
    schema, findings, _ = column_of([*with_mark(NUMBERS, "unknown"), "1,2,3"])

    assert [("numbers-as-text", 1), ("missing-marks", 50)] == [(one.code, one.count) for one in findings]
    assert ["unread"] == [one.code for one in schema.encode(read_table({"x": "1,2,3", "z": 1.0}).table)[1]]


def test_the_user_has_the_last_word():
    schema, findings, _ = column_of(with_mark(NUMBERS, "unknown"), x="category")

    assert ("category", []) == (schema.columns[0].kind, findings)


def test_dates_whose_order_other_columns_tell_keep_their_marks():
    doubtful = [f"{1 + place % 12:02}/{1 + place % 7:02}/2020" for place in range(200)]
    raw = read_table({"x": with_mark(doubtful, "never"), "y": [f"{13 + place % 15}/01/2020" for place in range(200)]})
    schema, _ = fit_schema(raw, Roles(target=None))

    assert (["%d/%m/%Y"], ["never"]) == (schema.columns[0].params["formats"], schema.columns[0].params["marks"])
    assert () == schema.encode(raw.table)[1]


@pytest.mark.parametrize(
    "texts",
    [
        [*map(str, range(1, 23)), "X", "Y"] * 10,
        ["0", "1", "2", "3+"] * 50,
        [*map(str, range(18, 90)), *["90+"] * 20],
        with_mark([str(place % 12) for place in range(200)], "unknown"),
        with_mark(NUMBERS, "unknown", "refused", "other"),
        with_mark([f"{place:05}" for place in range(200)], "unknown"),
        [*NUMBERS[:15], *["unknown"] * 185],
    ],
)
def test_levels_beside_numbers_stay_levels(texts):
    """Chromosomes, open ends, codes, three words: nothing is read as missing."""
    schema, findings, _ = column_of(texts)

    assert "number" != schema.columns[0].kind
    assert [] == [one for one in findings if one.code == "missing-marks"]


def test_a_schema_without_marks_is_read_as_before():
    schema, _, _ = column_of(NUMBERS[:100] + ["x"])
    plain = schema.to_dict()

    assert not any(name in plain["columns"][0]["params"] for name in ("marks", "unit", "zone"))
