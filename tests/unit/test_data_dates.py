"""Dates: formats found by the data, read alike ever after, far ones without overflow, parts that vary."""

import dataclasses
import datetime as dt
import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from automl.data.dates import (
    FORMATS,
    PARTS,
    YEAR_FIRST,
    arrow_seconds,
    date_parts,
    days_there,
    fallback_formats,
    find_formats,
    looks_like_dates,
    parse_with,
    varying_parts,
)
from automl.data.read import read_table
from automl.data.schema import Roles, Schema, fit_schema
from automl.errors import DataError

DAYS = [dt.date(2020, 1, 1) + dt.timedelta(days=place * 37) for place in range(60)]


def fit(values, kind=None):
    table = read_table({"x": values, "z": np.arange(len(values)) / 3})
    return fit_schema(table, Roles(target=None, columns={} if kind is None else {"x": kind}))


def days_of(schema, values):
    """Days since 1970 of column x, None for missing, with findings."""
    data, findings = schema.encode(read_table({"x": values, "z": np.zeros(len(values))}).table)
    place = schema.layout.numbers.index("x days")
    days = data.numbers[:, place] + schema.columns[0].params["reference"] / 86_400
    return [None if np.isnan(day) else round(float(day), 3) for day in days], findings


def since_1970(*days):
    return [float((day - dt.date(1970, 1, 1)).days) for day in days]


def seconds(texts, formats):
    return parse_with(pa.array(texts, pa.string()), formats)


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_is_found_and_read(form):
    moments = [dt.datetime(2003, 2, 13, 4, 5, 6) + dt.timedelta(days=31 * place) for place in range(20)]
    texts = [moment.strftime(form) for moment in moments]
    formats, share = find_formats(pa.array(texts))
    expected = [dt.datetime.strptime(text, form).replace(tzinfo=dt.UTC).timestamp() for text in texts]

    assert 1.0 == share
    assert expected == seconds(texts, formats).tolist()


def test_the_data_says_which_is_the_month():
    assert ["%d/%m/%Y"] == find_formats(pa.array(["01/02/2020", "13/02/2020"]))[0]
    assert ["%m/%d/%Y"] == find_formats(pa.array(["01/02/2020", "02/13/2020"]))[0]


def test_two_formats_in_one_column_are_told_and_read_alike_later():
    values = [day.isoformat() if place % 3 else f"{day:%d.%m.%Y}" for place, day in enumerate(DAYS)]
    schema, findings = fit(values)
    found = next(one for one in findings if one.code == "date-formats")

    assert "dates are written in 2 ways (%Y-%m-%d, %d.%m.%Y), all are read" in found.message
    assert "date" == schema.columns[0].kind
    assert (since_1970(*DAYS), ()) == days_of(schema, values)
    assert (since_1970(*DAYS[:2]), ()) == days_of(schema, [DAYS[0], DAYS[1]])
    assert (since_1970(*DAYS[:2]), ()) == days_of(schema, [f"{day:%d.%m.%Y}" for day in DAYS[:2]])


def test_cells_that_are_no_date_are_counted_with_an_example():
    values = [f"{day:%d.%m.%Y}" for day in DAYS] + ["unknown", "", "NA", "31.02.2020"]
    schema, findings = fit(values)
    (found,) = (one for one in findings if one.code == "dates-unread")

    assert 2 == found.count
    assert "2 of 62 values are no date ('unknown') and count as missing" in found.message
    assert [None] * 4 == days_of(schema, values)[0][-4:]
    later, (unread,) = days_of(schema, ["soon", "01.02.2020"])
    assert [None, *since_1970(dt.date(2020, 2, 1))] == later
    assert ("unread", 1) == (unread.code, unread.count)


def test_a_day_and_a_month_are_not_exchanged_later():
    """What does not fit the training table's way round is missing and counted, not read the other way round."""
    schema, _ = fit([f"{day:%d/%m/%Y}" for day in DAYS])
    days, findings = days_of(schema, ["05/06/2020", "12/25/2020"])

    assert [*since_1970(dt.date(2020, 6, 5)), None] == days
    assert [("unread", 1)] == [(one.code, one.count) for one in findings]
    assert [] == [form for form in fallback_formats(["%d/%m/%Y"]) if form.startswith("%m/")]
    assert [] == [form for form in fallback_formats([]) if form.startswith(("%m/", "%d/%m"))]


def test_other_ways_of_writing_are_read_where_they_can_mean_one_thing_only():
    schema, _ = fit([f"{day:%d/%m/%Y}" for day in DAYS])

    for later in (["2020-06-05"], ["05.06.2020"], ["2020-06-05 00:00"], [dt.date(2020, 6, 5)]):
        assert (since_1970(dt.date(2020, 6, 5)), ()) == days_of(schema, later)


@pytest.mark.parametrize(
    ("texts", "hour"),
    [
        ("2020-01-01T12:00:00Z", 12),
        ("2020-01-01 12:00:00+02:00", 10),
        ("2020-01-01 12:00:00-0530", 17.5),
        ("2020-01-01 12:00:00.123456", 12),
        ("2020-01-01T12:00:00.5 UTC", 12),
        ("2020-01-01 12:00:00+00", 12),
        ("2020-01-01 12:00:00 -05", 17),
        ("2020-01-01 12:00:00 GMT", 12),
        ("2020-01-01 12:00:00 CEST", 12),
        ("2020-01-01T12:00:00+01:00[Europe/Berlin]", 11),
        ("2020-01-01 12:00:00 +0200 (CEST)", 10),
    ],
)
def test_zones_and_fractions(texts, hour):
    formats = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"]

    assert hour * 3600 == seconds([texts], formats)[0] - seconds(["2020-01-01 00:00:00"], formats)[0]


@pytest.mark.parametrize(
    "form",
    [
        "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M %p", "%d/%m/%Y %I:%M %p", "%d-%m-%Y %H:%M:%S", "%d.%m.%Y %H:%M",
        "%Y-%m-%d %H:%M:%S+00", "%d/%b/%Y:%H:%M:%S", "%d/%b/%Y:%H:%M:%S +0000", "%Y.%m.%d", "%Y/%m/%d %H:%M", "%b-%y",
        "%d %b %Y %H:%M", "%A, %B %d, %Y", "%a, %d %b %Y %H:%M:%S +0000", "%Y-%m-%d %H:%M:%S UTC",
        "%a %b %d %H:%M:%S UTC %Y", "%a %b %d %H:%M:%S +0000 %Y", "%a %b %d %H:%M:%S PDT %Y", "%b %d %Y %I:%M%p",
        "%m/%d/%Y %I:%M:%S %p UTC", "%m/%d/%y %I:%M%p",
        "%Y年%m月%d日", "%Y年%m月%d日 %H:%M",
    ],
)  # fmt: skip
def test_common_spellings_are_dates_in_a_file_in_a_dict_and_in_a_row(form, tmp_path):
    moments = [dt.datetime(2019, 1, 31, 4, 5, 6) + dt.timedelta(days=31 * place, hours=place) for place in range(60)]
    texts = [moment.strftime(form) for moment in moments]
    frame = pd.DataFrame({"x": texts, "z": np.arange(60) / 3})
    frame.to_csv(tmp_path / "table.csv", index=False)
    shown = [dt.datetime.strptime(moment.strftime(form), form).replace(tzinfo=dt.UTC) for moment in moments]
    expected = [moment.timestamp() / 86_400 for moment in shown]

    for source in (frame, tmp_path / "table.csv"):
        raw = read_table(source)
        schema, findings = fit_schema(raw, Roles(target=None))
        assert ("date", ()) == (schema.columns[0].kind, findings)
        assert expected == pytest.approx(days_of(schema, texts)[0], abs=1e-3)
        assert expected[:1] == pytest.approx(days_of(schema, texts[:1])[0], abs=1e-3)
        assert (
            schema.encode(raw.table)[0].numbers[7].tolist()
            == schema.encode(read_table({"x": texts[7], "z": 7 / 3}).table)[0].numbers[0].tolist()
        )


def test_a_day_that_does_not_exist_is_none_in_any_spelling():
    assert np.isnan(seconds(["31/02/2020 1:05 PM", "Sunday, February 30, 2020", "31/Feb/2020:01:02:03"], FORMATS)).all()


def test_the_order_of_moments_with_am_and_pm_is_settled_by_the_column():
    texts = [f"{1 + place % 12:02}/{1 + place % 28:02}/2020 {1 + place % 12}:05 PM" for place in range(40)]

    assert ["%m/%d/%Y %I:%M %p"] == fit(texts)[0].columns[0].params["formats"]
    schema, findings = fit([text for text in texts if int(text[3:5]) < 13])
    assert ["date-order"] == [one.code for one in findings]
    schema, _ = fit([text for text in texts if int(text[3:5]) < 13], kind="date:dayfirst")
    assert ["%d/%m/%Y %I:%M %p"] == schema.columns[0].params["formats"]


EVENINGS = pd.date_range("2020-01-01 19:30", periods=200, tz="US/Eastern", freq="7h")


def test_moments_with_a_zone_are_read_by_its_clocks_from_wherever_they_come(tmp_path):
    """A file shows them in UTC: a schema that was fitted on a frame brings them back to the frame's zone."""
    frame = pd.DataFrame({"x": EVENINGS, "z": np.arange(200) / 3})
    frame.to_csv(tmp_path / "table.csv", index=False)
    schema, _ = fit_schema(read_table(frame), Roles(target=None))
    data = schema.encode(read_table(frame).table)[0]
    hours = data.numbers[:, schema.layout.numbers.index("x hour")]
    weekdays = data.codes[:, schema.layout.categories.index("x weekday")]

    assert (EVENINGS.hour + EVENINGS.minute / 60).tolist() == hours.tolist()
    assert [moment.weekday() for moment in EVENINGS] == weekdays.tolist()
    naive = frame.assign(x=EVENINGS.tz_localize(None))
    abroad = frame.assign(x=EVENINGS.tz_convert("Asia/Tokyo"))
    texts = {"x": EVENINGS.astype(str).tolist(), "z": frame["z"].to_numpy()}
    for later in (tmp_path / "table.csv", naive, abroad, texts):
        assert data.numbers.tolist() == schema.encode(read_table(later).table)[0].numbers.tolist()
    row = {"x": EVENINGS[5].to_pydatetime(), "z": 5 / 3}
    assert data.numbers[5].tolist() == schema.encode(read_table(row).table)[0].numbers[0].tolist()


@pytest.mark.parametrize("zone", ["UTC", "Etc/UTC", "+00:00", None])
def test_moments_of_a_file_in_utc_and_without_zone_stay_as_they_are(zone, tmp_path):
    frame = pd.DataFrame({"x": EVENINGS, "z": np.arange(200) / 3})
    frame.to_csv(tmp_path / "table.csv", index=False)
    schema, _ = fit_schema(read_table(tmp_path / "table.csv"), Roles(target=None))
    utc = EVENINGS.tz_convert("UTC")
    plain = read_table({"x": pa.array(utc.tz_localize(None)).cast(pa.timestamp("us", zone)), "z": frame["z"]})
    expected = (utc.hour + utc.minute / 60).tolist()

    for fitted in (schema, fit_schema(plain, Roles(target=None))[0]):
        assert "zone" not in fitted.columns[0].params
        for later in (frame, tmp_path / "table.csv", plain.table):
            numbers = fitted.encode(read_table(later).table)[0].numbers
            assert expected == numbers[:, fitted.layout.numbers.index("x hour")].tolist()


def test_parts_that_vary_are_those_of_the_zone():
    """Midnight in New York is 4 or 5 o'clock in UTC."""
    days = pd.date_range("2020-01-01", periods=200, tz="US/Eastern", freq="D")
    schema, _ = fit_schema(read_table(pd.DataFrame({"x": days})), Roles(target=None))

    assert "hour" not in schema.columns[0].params["parts"]


def test_a_zone_that_this_machine_does_not_know_is_told():
    schema, _ = fit(EVENINGS)
    column = dataclasses.replace(schema.columns[0], params={**schema.columns[0].params, "zone": "Nowhere/Land"})
    schema = Schema((column, *schema.columns[1:]))

    with pytest.raises(DataError, match="zone 'Nowhere/Land' cannot be read.*install the system's package tzdata"):
        days_of(schema, EVENINGS)


def test_moments_asked_to_be_numbers_are_seconds_in_utc():
    schema, _ = fit(EVENINGS, kind="number")
    numbers = schema.encode(read_table({"x": EVENINGS, "z": np.zeros(200)}).table)[0].numbers[:, 0]

    assert [0.0, 7 * 3600.0] == (numbers - numbers[0])[:2].tolist()
    assert EVENINGS[0].timestamp() == pytest.approx(numbers[0] + schema.columns[0].params["centre"], abs=1)


@pytest.mark.parametrize("text", ["2020-01-01x", "2020-01-011", "2020-02-30", "20200101", "1.1", ""])
def test_what_is_nearly_a_date_is_none(text):
    assert np.isnan(seconds([text], ["%Y-%m-%d"])[0])


def test_far_years_do_not_overflow():
    far = ["1600-01-01", "9999-12-31", "1969-12-31", "2020-06-15"] * 10
    schema, _ = fit(far)
    days, findings = days_of(schema, far)

    assert () == findings
    assert since_1970(*(dt.date.fromisoformat(text) for text in far)) == days


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_moments_of_every_unit_are_the_same(unit):
    moments = pa.array([dt.datetime(2020, 1, 1 + place, place) for place in range(20)] + [None]).cast(
        pa.timestamp(unit)
    )
    schema, _ = fit(moments)
    days, _ = days_of(schema, moments)

    assert [round(18_262 + place + place / 24, 2) for place in range(20)] == [round(day, 2) for day in days[:20]]
    assert days[20] is None


def test_missing_moments_of_pandas_are_missing():
    values = pd.to_datetime([*DAYS, None])
    schema, _ = fit(values)

    assert [*since_1970(*DAYS), None] == days_of(schema, values)[0]


def test_parts_are_those_of_the_calendar():
    moments = [
        dt.datetime(2020, 2, 29, 6),
        dt.datetime(1999, 12, 31),
        dt.datetime(1900, 3, 1, 23, 30),
    ]
    stamps = np.array([moment.replace(tzinfo=dt.UTC).timestamp() for moment in moments] + [np.nan])
    parts = date_parts(stamps, reference=0.0)

    assert set(PARTS) == set(parts)
    for place, moment in enumerate(moments):
        found = {part: float(values[place]) for part, values in parts.items() if part != "days"}
        expected = {
            "year": moment.year,
            "month": moment.month,
            "day": moment.day,
            "weekday": moment.weekday(),
            "yearday": moment.timetuple().tm_yday,
            "hour": moment.hour + moment.minute / 60,
        }

        assert expected == found
    assert all(np.isnan(values[3]) for values in parts.values())
    assert {np.dtype(np.float32)} == {values.dtype for values in parts.values()}


def test_parts_are_the_same_by_the_calendar_and_one_by_one():
    """Many rows of few days go through a table of days, few rows that are far apart do not."""
    stamps = np.random.default_rng(0).integers(-(10**10), 10**10, 50).astype(float)
    alone = [date_parts(stamps[place : place + 1], 5.0) for place in range(50)]
    for whole in (date_parts(stamps, 5.0), date_parts(np.append(np.repeat(stamps, 5000), np.nan), 5.0)):
        step = len(whole["day"]) // 50
        for part in PARTS:
            assert [one[part][0] for one in alone] == whole[part][: 50 * step : step].tolist()


@pytest.mark.parametrize("stamps", [[], [np.nan, np.nan]])
def test_no_moments_have_no_parts(stamps):
    parts = date_parts(np.array(stamps), 0.0)

    assert all(len(stamps) == len(values) and np.isnan(values).all() for values in parts.values())


def test_parts_that_do_not_vary_are_left_out():
    hours = [dt.datetime(2020, 1, 1, place) for place in range(20)]

    assert ("x days", "x hour") == fit(hours)[0].layout.numbers[:2]
    assert "z" == fit(hours)[0].layout.numbers[2]
    assert ["day", "weekday", "yearday"] == varying_parts(np.array([0.0, 1.0, 2.0]))
    assert ["year", "weekday"] == varying_parts(np.array([0.0, 365.0]))


@pytest.mark.parametrize("moments", [[0.5, 86_400.0, 86_401.0, -1.0], [0.0, 1e12], []])
def test_days_are_found_by_counting_and_by_sorting(moments):
    assert np.unique(np.floor(np.array(moments) / 86_400)).tolist() == days_there(np.array(moments)).tolist()


def test_dates_are_categories_of_month_and_weekday_too():
    schema, _ = fit(DAYS)
    data, _ = schema.encode(read_table({"x": [*DAYS, None], "z": np.zeros(61)}).table)
    months, weekdays = (data.codes[:, schema.layout.categories.index(name)] for name in ("x month", "x weekday"))

    assert [*(day.month - 1 for day in DAYS), -1] == months.tolist()
    assert [*(day.weekday() for day in DAYS), -1] == weekdays.tolist()


def test_an_asked_date_is_a_date_with_few_readable_cells():
    schema, _ = fit(["2020-01-01", "2021-05-05", "x", "y"] * 5, kind="date")

    assert [None, None] == days_of(schema, ["x", None])[0]


def test_numbers_where_dates_were_are_counted():
    schema, _ = fit(DAYS)
    days, (finding,) = days_of(schema, [20200101, None])

    assert [None, None] == days
    assert "1 values are no dates ('20200101')" in finding.message


WHOLE_DAYS = [20190305, 20190412, 20200229, 20211231]


@pytest.mark.parametrize("values", [WHOLE_DAYS * 15, [*map(float, WHOLE_DAYS * 15), float("nan")]])
def test_whole_numbers_that_are_days_are_dates(values):
    raw = read_table({"d": values})
    schema, findings = fit_schema(raw, Roles(target=None))
    first = schema.encode(read_table({"d": [20190305, 20190231]}).table)

    assert ("date", ["dates-as-numbers"]) == (schema.columns[0].kind, [one.code for one in findings])
    assert schema.encode(raw.table)[0].numbers[0].tolist() == first[0].numbers[0].tolist()
    assert schema.encode(read_table({"d": "2019-03-05"}).table)[0].numbers[0].tolist() == first[0].numbers[0].tolist()
    assert np.isnan(first[0].numbers[1]).all()
    assert "1 values are no dates ('20190231')" in first[1][0].message


@pytest.mark.parametrize("values", [[20190305, 20190412, 20191341] * 20, [20190305.5, 20190412.0, 20200229.0] * 20])
def test_whole_numbers_of_which_one_is_no_day_are_numbers(values):
    schema, _ = fit_schema(read_table({"d": values}), Roles(target=None))

    assert "number" == schema.columns[0].kind


def test_what_the_user_says_of_days_as_numbers_counts():
    raw = read_table({"d": [*WHOLE_DAYS, 7] * 15})

    for kind in ("date", "number"):
        schema, _ = fit_schema(raw, Roles(target=None, columns={"d": kind}))

        assert kind == schema.columns[0].kind


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%b %d, %Y", "%Y/%m/%d"])
def test_eight_digits_between_other_dates_are_dates(form):
    """A column that two systems wrote."""
    values = [day.strftime("%Y%m%d" if place % 3 else form) for place, day in enumerate(DAYS)]
    schema, _ = fit(values)

    assert "date" == schema.columns[0].kind
    assert since_1970(*DAYS[:9]) == days_of(schema, values[:9])[0]
    assert since_1970(DAYS[0]) == days_of(schema, [DAYS[0].strftime("%Y%m%d")])[0]


def test_codes_of_eight_digits_between_words_are_no_dates():
    values = ["unknown" if place % 3 else day.strftime("%Y%m%d") for place, day in enumerate(DAYS)]

    assert "date" != fit(values)[0].columns[0].kind


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("3/15/2020, 4:05:06 PM", "2020-03-15T16:05:06"),
        ("15/03/2020, 16:05:06", "2020-03-15T16:05:06"),
        ("15.3.2020, 16:05", "2020-03-15T16:05"),
        ("15. 3. 2020", "2020-03-15"),
        ("2020. 03. 15.", "2020-03-15"),
        ("Sept. 15, 2020", "2020-09-15"),
        ("Sept 15, 2020", "2020-09-15"),
        ("15th March 2020", "2020-03-15"),
        ("March 3rd, 2020", "2020-03-03"),
        ("15 Mar 20", "2020-03-15"),
        ("Mar 15, 20", "2020-03-15"),
        ("15MAR2020", "2020-03-15"),
        ("01MAR20", "2020-03-01"),
        ("15MAR2020:16:05:06", "2020-03-15T16:05:06"),
        ("2020-Mar-15", "2020-03-15"),
        ("2020/03/15 4:05 PM", "2020-03-15T16:05"),
        ("2020-03-15 16", "2020-03-15T16"),
        ("2020-03-15T16", "2020-03-15T16"),
        ("2020年3月", "2020-03-01"),
        ("2020年3月5日16時5分", "2020-03-05T16:05"),
        ("2020年3月5日 16时05分06秒", "2020-03-05T16:05:06"),
        ("0001-01-01", "0001-01-01"),
        ("0001-01-01 00:00:00", "0001-01-01"),
    ],
)
def test_what_people_and_programs_write(text, moment):
    formats, share = find_formats(pa.array([text]))

    assert 1.0 == share
    assert [float(np.datetime64(moment, "s").astype(int))] == seconds([text], formats).tolist()
    assert looks_like_dates([text])


@pytest.mark.parametrize(
    "text", ["2020-03-15 16", "2020-03-15T16", "0001-01-01", "2020-03-15 16:05Z", "0900-01-01 10:00"]
)
def test_a_file_and_a_frame_have_the_same_moments(text):
    """A file's reader takes ISO dates by itself, a frame's texts are read here."""
    of_file = read_table(io.StringIO(f"x,z\n{text},1\n")).table.column("x")

    assert pa.types.is_temporal(of_file.type)
    assert arrow_seconds(of_file).tolist() == seconds([text], fallback_formats([])).tolist()


EVERY_OTHER_DAY = [dt.date(2018, 12, 20) + dt.timedelta(days=place) for place in range(0, 400, 2)]


@pytest.mark.parametrize(
    "form", ["%y/%m/%d", "%y-%m-%d", "%y.%m.%d", "%y/%m/%d 10:30", "%d/%m/%y", "%d.%m.%y", "%m/%d/%y"]
)
def test_years_of_two_digits_stand_where_numbers_hardly_change(form):
    """Read with the day first, days of 2019 would be those of the years 2001 to 2031."""
    schema, findings = fit_schema(
        read_table({"x": [day.strftime(form) for day in EVERY_OTHER_DAY]}), Roles(target=None)
    )
    data, _ = schema.encode(read_table({"x": [dt.date(2019, 3, 2).strftime(form)]}).table)
    parts = dict(zip(schema.layout.numbers, data.numbers[0].tolist(), strict=True))

    assert (2019, 3, 2) == tuple(parts[f"x {part}"] for part in ("year", "month", "day"))
    assert form.startswith("%y") == ("year-first" in [one.code for one in findings])


def test_years_that_are_no_days_and_the_users_word_go_before():
    first_of_month = [f"01/{1 + place % 12:02}/{1 + place % 24:02}" for place in range(300)]
    first_of_month.append("02/01/05")
    days = [day.strftime("%y/%m/%d") for day in EVERY_OTHER_DAY]
    for texts, columns in ((first_of_month, {}), (days, {"x": "date:dayfirst"})):
        schema, _ = fit_schema(read_table({"x": texts}), Roles(target=None, columns=columns))

        assert not set(YEAR_FIRST) & set(schema.columns[0].params["formats"])
    assert np.isnan(seconds(["32/01/05"], fallback_formats(["%d/%m/%Y"]))).all()
    assert (
        seconds(["2019-10-08"], ["%Y-%m-%d"]).tolist() == seconds(["19-10-08"], fallback_formats(["%y/%m/%d"])).tolist()
    )
