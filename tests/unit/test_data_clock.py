"""Times of day, durations, and whether the day or the month comes first."""

import datetime as dt

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from automl.data.clock import parse_clock
from automl.data.date_order import settle, with_order
from automl.data.dates import parse_with
from automl.data.read import read_table
from automl.data.schema import Roles, fit_schema
from automl.data.splits import time_splits
from automl.errors import SettingsError


def fitted(values, **columns):
    table = read_table(values)
    schema, findings = fit_schema(table, Roles(target=None, columns=columns))
    return schema, findings, table.table


# -- clocks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("09:05", 9 * 3600 + 5 * 60),
        ("9:05:30", 9 * 3600 + 5 * 60 + 30),
        ("09:05:30.25", 9 * 3600 + 5 * 60 + 30.25),
        ("00:00", 0),
        ("12:00 AM", 0),
        ("12:30 PM", 12.5 * 3600),
        ("1:15 p.m.", 13.25 * 3600),
        ("11:59am", 12 * 3600 - 60),
        ("36:15:00", 36.25 * 3600),
        ("-01:30", -5400),
        ("2 days 03:00:00", 51 * 3600),
        ("1 day, 0:00:05", 86_405),
        ("-1 days +23:55:00", -300),
        ("-1 days +00:00:01", -86_399),
        ("-1 days +23:59:59.5", -0.5),
        ("-2 days, 23:00:00", -2 * 86_400 - 23 * 3600),
        ("-1 days -02:00:00", -26 * 3600),
        ("1 day -00:05:00", 86_400 - 300),
        ("+05:00", 5 * 3600),
        ("5 days", np.nan),
        ("13:00 PM", np.nan),
        ("0:30 AM", np.nan),
        ("09:65", np.nan),
        ("9", np.nan),
        ("", np.nan),
        (None, np.nan),
    ],
)
def test_clocks_are_seconds(text, seconds):
    assert [seconds] == pytest.approx(parse_clock(pa.array([text], pa.string())).tolist(), nan_ok=True)


@pytest.mark.parametrize(("text", "days"), [("5 days", 5), ("-1 day", -1), ("+5 days", np.nan), ("days", np.nan)])
def test_whole_days_are_durations_where_asked(text, days):
    assert [days * 86_400] == pytest.approx(parse_clock(pa.array([text]), days_alone=True).tolist(), nan_ok=True)


@pytest.mark.parametrize(
    "durations",
    [
        pd.to_timedelta([-300, 5, -86_399, 90_000, 7, -1, 0, 3600] * 5, unit="s"),
        pd.to_timedelta([-1, 2, 14, 30, 7, 1, 0, -3] * 5, unit="D"),
    ],
)
def test_durations_of_pandas_are_the_same_in_a_frame_a_file_and_a_row(durations, tmp_path):
    """Negative ones, of which only the days have the sign, and whole days, which a file shows without a clock."""
    frame = pd.DataFrame({"d": durations, "z": np.arange(40) / 3})
    frame.to_csv(tmp_path / "table.csv", index=False)
    lines = (tmp_path / "table.csv").read_text().splitlines()
    texts = [line.split(",")[0] for line in lines[1:]]
    expected = (frame["d"] / pd.Timedelta("1s")).tolist()

    for source in (frame, tmp_path / "table.csv"):
        schema, findings, table = fitted(source)
        for later in (table, read_table({"d": texts, "z": np.zeros(40)}).table):
            assert expected == schema.encode(later)[0].numbers[:, 0].tolist()
        assert ["number", "number"] == [column.kind for column in schema.columns]
        assert () == findings
        assert [expected[0]] == schema.encode(read_table({"d": texts[0], "z": 0.5}).table)[0].numbers[:, 0].tolist()


TIMES = [f"{minute // 60:02}:{minute % 60:02}" for minute in range(0, 1440, 7)]


def test_times_of_day_that_all_differ_are_numbers_and_no_id():
    schema, findings, table = fitted({"t": TIMES, "u": [dt.time(*map(int, text.split(":"))) for text in TIMES]})
    data, _ = schema.encode(table)

    assert ["number", "number"] == [column.kind for column in schema.columns]
    assert "times of day, such as '00:00', in seconds" == schema.columns[0].reason
    assert [60.0 * minute for minute in range(0, 1440, 7)] == data.numbers[:, 0].tolist() == data.numbers[:, 1].tolist()
    assert () == findings


def test_times_in_a_file_are_read_alike(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("t\n" + "\n".join(TIMES))
    schema, _, table = fitted(path)

    assert 7 * 60.0 == schema.encode(table)[0].numbers[1, 0]


def test_later_tables_may_hold_what_is_no_time():
    schema, _, _ = fitted({"t": TIMES})
    data, findings = schema.encode(read_table({"t": ["10:00", "noon", None]}).table)

    assert [36_000.0] == data.numbers[:1, 0].tolist()
    assert np.isnan(data.numbers[1:]).all()
    assert ["unread"] == [one.code for one in findings]


def test_durations_with_a_word_are_told():
    schema, findings, _ = fitted({"d": [f"{hour}:00:00" for hour in range(20, 80)] + ["never"]})

    assert schema.columns[0].reason.startswith("durations")
    assert [("times-unread", 1)] == [(one.code, one.count) for one in findings]


def test_ratios_are_no_times_of_day_when_asked_otherwise():
    schema, _, _ = fitted({"t": TIMES * 2}, t="category")

    assert "category" == schema.columns[0].kind


def test_times_are_numbers_where_asked():
    schema, _, table = fitted({"t": ["10:00", "11:00", "x", "y", "z"]}, t="number")

    assert 36_000.0 == schema.encode(table)[0].numbers[0, 0]


# -- days and months ------------------------------------------------------------------------------

DOUBTFUL = [f"{day:02}/{month:02}/2023" for day in range(1, 13) for month in (1, 5, 9)]
CERTAIN = [f"{day:02}/{month:02}/2023" for day in range(14, 26) for month in (1, 5, 9)]


def formats(schema):
    return [column.params["formats"] for column in schema.columns]


def test_doubtful_dates_are_told_with_the_choice_and_how_to_overrule_it():
    schema, findings, _ = fitted({"when": DOUBTFUL})

    assert [["%m/%d/%Y"]] == formats(schema)
    assert [("warning", "date-order")] == [(one.level, one.code) for one in findings]
    assert (
        "column 'when': dates such as '01/01/2023' are read month first, though nothing says so; "
        "--column when=date:dayfirst for the other way round"
    ) == findings[0].message


@pytest.mark.parametrize("order", ["dayfirst", "monthfirst"])
@pytest.mark.parametrize("separator", ["/", "-"])
def test_the_user_says_which_comes_first(order, separator):
    schema, findings, _ = fitted({"when": [text.replace("/", separator) for text in DOUBTFUL]}, when=f"date:{order}")
    wanted = "%d/%m/%Y" if order == "dayfirst" else "%m/%d/%Y"

    assert [[wanted.replace("/", separator)]] == formats(schema)
    assert () == findings


def test_a_doubtful_column_is_read_as_the_others_of_the_file_are():
    schema, findings, _ = fitted({"when": DOUBTFUL, "sold": CERTAIN, "iso": ["2023-01-02", "2023-01-03"] * 18})

    assert [["%d/%m/%Y"], ["%d/%m/%Y"], ["%Y-%m-%d"]] == formats(schema)
    assert [("info", "date-order")] == [(one.level, one.code) for one in findings]
    assert "read day first, as in column 'sold'" in findings[0].message
    assert "dates written as %d/%m/%Y" == schema.columns[0].reason


def test_decimal_commas_stand_with_the_day_first(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("a;when\n" + "".join(f"{row},5;{text}\n" for row, text in enumerate(DOUBTFUL)))
    schema, findings, _ = fitted(path)

    assert ["%d/%m/%Y"] == schema.columns[1].params["formats"]
    assert "where decimals have a comma" in findings[-1].message


def test_one_value_late_in_the_column_settles_it():
    """More different dates than are looked at first, and a few that can be read one way only."""
    days = [f"{1 + row % 12:02}/{1 + row // 12 % 12:02}/{1700 + row // 144}" for row in range(40_000)]
    schema, findings, _ = fitted({"when": [*days, "31/12/2023", "30/12/2023"]})

    assert [["%d/%m/%Y"]] == formats(schema)
    assert [] == [one.code for one in findings if one.code in ("date-order", "dates-unread")]


def test_dates_with_both_orders_are_left_to_the_formats():
    texts = pa.array(["25/12/2023", "12/25/2023"])

    assert (["%m/%d/%Y", "%d/%m/%Y"], False) == settle(texts, ["%m/%d/%Y", "%d/%m/%Y"])


def test_only_dates_that_exist_both_ways_are_turned():
    assert ["%d/%m/%Y", "%Y-%m-%d"] == with_order(["%m/%d/%Y", "%Y-%m-%d", "%d/%m/%Y"], "dayfirst")


def test_an_unknown_order_is_refused():
    with pytest.raises(SettingsError, match=r"'date:yearfirst'.*date:dayfirst, date:monthfirst"):
        fitted({"when": DOUBTFUL}, when="date:yearfirst")


@pytest.mark.parametrize(
    ("asked", "others", "first", "note"),
    [
        ("", (), "01/02/2023", "read month first, though nothing says so; --column t=date:dayfirst"),
        ("date:dayfirst", (), "02/01/2023", ""),
        ("", ("%d/%m/%Y",), "02/01/2023", ""),
    ],
)
def test_forward_splits_know_the_order_too(asked, others, first, note):
    texts = ["01/02/2023", "02/01/2023"]
    found = time_splits(
        pa.chunked_array([texts]), np.zeros(2), problem_type="regression", folds=1, name="t", asked=asked, others=others
    )

    assert [first] == [texts[row] for row in found.splits[0].train]
    assert note in found.reason
    assert bool(note) == ("date:" in found.reason)


@pytest.mark.parametrize(
    ("text", "form", "day"),
    [
        ("01/02/23", "%m/%d/%Y", "2023-01-02"),
        ("31.12.99", "%d.%m.%Y", "1999-12-31"),
        ("1-Feb-05", "%d-%b-%Y", "2005-02-01"),
        ("01/02/23 10:30", "%m/%d/%Y %H:%M", "2023-01-02T10:30"),
        ("23-01-02", "%Y-%m-%d", None),
        ("01/02/123", "%m/%d/%Y", None),
        ("01/02/3", "%m/%d/%Y", None),
    ],
)
def test_years_of_two_digits(text, form, day):
    (found,) = parse_with(pa.array([text]), [form])

    assert found == pytest.approx(np.nan if day is None else float(np.datetime64(day, "s").astype(int)), nan_ok=True)


def lengths(hours, most):
    """Minutes and seconds up to `most` minutes, and every tenth text with hours."""
    short = [f"{place * 7 % most}:{place * 13 % 60:02}" for place in range(200)]
    return [f"{hours}:{text.zfill(5)}" if place % 10 == 0 else text for place, text in enumerate(short)]


@pytest.mark.parametrize("asked", [{}, {"t": "number"}])
def test_minutes_and_seconds_beside_hours(asked):
    """As lengths of films: "59:30" is no two days and more."""
    schema, findings, _ = fitted({"t": lengths(1, 60), "z": np.arange(200) / 3}, **asked)
    data, _ = schema.encode(read_table({"t": ["59:30", "1:00:30", "3:05"], "z": [0.0, 0, 0]}).table)

    assert [3570.0, 3630.0, 185.0] == data.numbers[:, 0].tolist()
    (told,) = [one for one in findings if one.code == "mixed-times"]
    assert "read as minutes and seconds, as some have more than 23" in told.message
    assert asked or "durations, such as" in schema.columns[0].reason


def test_times_of_two_and_three_parts_that_could_be_either():
    _, findings, _ = fitted({"t": lengths(1, 20), "z": np.arange(200) / 3})

    (told,) = [one for one in findings if one.code == "mixed-times"]
    assert ("warning", True) == (told.level, "hours and minutes, though nothing says so" in told.message)


@pytest.mark.parametrize("asked", [{}, {"t": "number"}])
@pytest.mark.parametrize("seconds", ["", ":00"])
def test_times_of_as_many_parts_are_hours(seconds, asked):
    texts = [f"{place % 50}:{place * 7 % 60:02}{seconds}" for place in range(100)]
    schema, findings, table = fitted({"t": texts, "z": np.arange(100) / 3}, **asked)

    assert not [one for one in findings if one.code == "mixed-times"]
    assert [3600.0 * (place % 50) + 60 * (place * 7 % 60) for place in range(100)] == (
        schema.encode(table)[0].numbers[:, 0] + schema.columns[0].params["centre"]
    ).tolist()
    later, _ = schema.encode(read_table({"t": [f"36:15{seconds}", f"9:05{seconds}"], "z": [0.0, 0]}).table)
    assert [36.25 * 3600, 9 * 3600 + 300] == (later.numbers[:, 0] + schema.columns[0].params["centre"]).tolist()


def test_days_written_as_digits_may_be_asked_for_among_texts():
    days = ["unknown", *(f"2019{1 + place % 12:02}{1 + place % 28:02}" for place in range(100))]
    schema, _, table = fitted({"when": days}, when="date")

    assert ["%Y%m%d"] == schema.columns[0].params["formats"]
    assert 2 == schema.encode(table)[0].numbers[1:3, schema.layout.numbers.index("when month")][1]


@pytest.mark.parametrize("asked", [{}, {"t": "number"}])
@pytest.mark.parametrize(
    ("long", "short"),
    [
        ("{}h {}m", "{}m"),
        ("{} h {} min", "{} min"),
        ("{} hrs {} mins", "{} min"),
        ("PT{}H{}M", "PT{}M"),
        ("{}h{}m", "{}m"),
    ],
)
def test_durations_in_words(long, short, asked):
    """As flights and films have them; the same in a single row."""
    texts = [long.format(1 + place % 30, place % 60) if place % 4 else short.format(place % 60) for place in range(200)]
    schema, findings, table = fitted({"t": texts, "z": np.arange(200) / 3}, **asked)
    data, _ = schema.encode(table)
    one, noticed = schema.encode(read_table({"t": [short.format(50)], "z": [0.0]}).table)

    assert ("number", []) == (schema.columns[0].kind, [one.code for one in findings])
    assert [0.0, 2 * 3600 + 60.0] == data.numbers[:2, 0].tolist()
    assert ([3000.0], ()) == (one.numbers[:, 0].tolist(), noticed)


@pytest.mark.parametrize("form", ["{}m", "{}h", "{} min", "{}d", "{} s"])
def test_one_part_in_words_is_a_unit(form):
    schema, _, _ = fitted({"t": [form.format(place) for place in range(100)], "z": np.arange(100) / 3})

    assert "clock" not in schema.columns[0].params
