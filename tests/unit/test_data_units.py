"""Numbers with a unit, a currency or a scale are numbers, those of ids are not; later values are read alike."""

import json

import numpy as np
import pandas as pd
import pytest

from automl.data.numbers_as_text import parse_number
from automl.data.read import read_table
from automl.data.schema import Roles, Schema, fit_schema
from automl.data.units import find_unit

PLACES = [place * 13 % 101 for place in range(100)]


def column_of(texts):
    schema, findings = fit_schema(read_table({"x": texts, "z": np.arange(len(texts)) / 3}), Roles(target=None))
    return schema, [one for one in findings if one.column == "x"]


def numbers_of(schema, texts):
    data, findings = schema.encode(read_table({"x": texts, "z": np.zeros(len(texts))}).table)
    return data.numbers[:, 0].tolist(), [one.code for one in findings]


@pytest.mark.parametrize(
    ("form", "number"),
    [
        ("{}.3 kg", lambda place: place + 0.3),
        ("{}.3kg", lambda place: place + 0.3),
        ("{}.3\u00a0kg", lambda place: place + 0.3),
        ("USD {}.3", lambda place: place + 0.3),
        ("USD{}.3", lambda place: place + 0.3),
        ("kr {}", float),
        ("CHF {}", float),
        ("CHF 1'{:03}.50", lambda place: 1000.5 + place),
        ("CHF 1\u2019{:03}.50", lambda place: 1000.5 + place),
        ("R$ 1.{:03},50", lambda place: 1000.5 + place),
        ("R${},5", lambda place: place + 0.5),
        ("{} USD", float),
        ("{} zł", float),
        ("-{} °C", lambda place: -float(place)),
        ("{}°C", float),
        ("{}m2", float),
        ("{} km/h", float),
        ("1,{:03},000 views", lambda place: 1e6 + 1000 * place),
        ("{} rooms", float),
        ("{}.5-", lambda place: place + 0.5),
        ("1\u2019{:03}.5", lambda place: 1000.5 + place),
        ("{}k", lambda place: 1000.0 * place),
        ("{} million", lambda place: 1e6 * place),
        ("{}件", float),
        ("¥{}.5", lambda place: place + 0.5),
    ],
)
def test_a_common_unit_is_no_information(form, number, tmp_path):
    texts = [form.format(place) for place in PLACES]
    expected = [number(place) for place in PLACES]
    if form == "{}.5-":
        texts = [
            text.replace(".5-", ".50-") if place % 2 else f"{place}.50"
            for text, place in zip(texts, PLACES, strict=True)
        ]
        expected = [(-1 if place % 2 else 1) * (place + 0.5) for place in PLACES]
    frame = pd.DataFrame({"x": texts, "z": np.arange(100) / 3})
    frame.to_csv(tmp_path / "table.csv", index=False)

    for source in (frame, tmp_path / "table.csv"):
        raw = read_table(source)
        schema, findings = fit_schema(raw, Roles(target=None))
        schema = Schema.from_dict(json.loads(json.dumps(schema.to_dict())))
        assert "number" == schema.columns[0].kind
        assert {"numbers-with-unit", "numbers-as-text"} & {one.code for one in findings}
        assert expected == pytest.approx(
            (np.array(numbers_of(schema, texts)[0]) + schema.columns[0].params["centre"]).tolist()
        )
        assert expected == pytest.approx(
            (schema.encode(raw.table)[0].numbers[:, 0] + schema.columns[0].params["centre"]).tolist()
        )
        row = schema.encode(read_table({"x": texts[7], "z": 1.0}).table)
        assert (schema.encode(raw.table)[0].numbers[7, 0], ()) == (row[0].numbers[0, 0], row[1])


def test_a_unit_is_told_and_another_one_is_missing_later():
    schema, (finding,) = column_of([f"{place}.5 kg" for place in PLACES])

    assert ("repair", "numbers-with-unit") == (finding.level, finding.code)
    assert "numbers written as text, such as '0.5 kg', are read as numbers without kg" in finding.message
    assert {"before": [], "after": ["kg"], "scaled": False} == schema.columns[0].params["unit"]
    numbers, codes = numbers_of(schema, ["7 kg", "7", "7kg", "-7 kg", "7 lb", "7 %", "$7", "heavy", None])
    assert [7.0, 7.0, 7.0, -7.0] == numbers[:4]
    assert np.isnan(numbers[4:]).all()
    assert ["unread"] == codes


def test_plain_numbers_where_a_unit_was_are_read():
    schema, _ = column_of([f"{place} kg" for place in PLACES])

    assert [7.0, 8.5] == numbers_of(schema, [7.0, 8.5])[0]


def test_plain_numbers_beside_a_unit_and_words_that_are_rare():
    texts = [f"{place} kg" if place % 3 else f"{place}" for place in PLACES]
    schema, (finding,) = column_of([*texts, "heavy", "12 lb"])

    assert [float(place) for place in PLACES] == numbers_of(schema, texts)[0]
    assert "2 of 102 values are none ('heavy') and count as missing" in finding.message


def test_singular_and_plural_are_one_unit():
    schema, _ = column_of([f"{place} Year" if place == 1 else f"{place} years" for place in PLACES])

    assert [1.0, 2.0, 3.0] == numbers_of(schema, ["1 year", "2 years", "3 Years"])[0][:2] + [3.0]


@pytest.mark.parametrize("before", ["", "€"])
def test_thousands_and_millions_are_multiplied(before):
    texts = [f"{before}{place}.5{'M' if place % 2 else 'K'}" if place % 5 else f"{before}{place}" for place in PLACES]
    schema, (finding,) = column_of(texts)
    expected = [(place + 0.5) * (1e6 if place % 2 else 1e3) if place % 5 else float(place) for place in PLACES]

    assert f"read as numbers {'without € and ' if before else ''}scaled by what follows them" in finding.message
    assert expected == pytest.approx(numbers_of(schema, texts)[0])
    assert [1.5e9, 2e3] == numbers_of(schema, [f"{before}1.5B", f"{before}2k"])[0]


def test_a_mark_beside_a_unit_is_missing():
    """As sizes of apps in a shop: "19M", "14k", "Varies with device"."""
    texts = [f"{place}.5{'M' if place % 2 else 'k'}" for place in PLACES]
    schema, findings = column_of([*texts, *["Varies with device"] * 50])

    assert ["numbers-with-unit", "missing-marks"] == [one.code for one in findings]
    numbers, codes = numbers_of(schema, ["19M", "Varies with device"])
    assert (19e6, True, []) == (numbers[0], np.isnan(numbers[1]), codes)


@pytest.mark.parametrize(
    "texts",
    [
        [f"A{place}" for place in PLACES],
        [f"KD48{place}" for place in PLACES],
        [f"v1.{place}" for place in PLACES],
        [f"{place}th" for place in PLACES],
        [f"Room {place}" for place in PLACES],
        [f"rs7{place}" for place in PLACES],
        [f"{place}B" for place in PLACES],
        [f"+49 30 {place}" for place in PLACES],
        [f"{place}-{place + 7}" for place in PLACES],
        [f"{place + 1000} {'ABCDEFG'[place % 7]}{'XYZ'[place % 3]}" for place in PLACES],
        [f"{place} {'kg' if place % 2 else 'lb'}" for place in PLACES],
        [f"{place:04} kg" for place in PLACES],
        [f"{place} Main Street" for place in PLACES],
        [f"{place}e{place}f" for place in PLACES],
        [f"{place} apples {place} pears" for place in PLACES],
    ],
)
def test_names_ids_and_mixed_units_are_no_numbers(texts):
    schema, _ = column_of(texts)

    assert "number" != schema.columns[0].kind


def test_few_different_sizes_stay_categories():
    schema, _ = column_of(["250 ml", "500 ml", "750 ml"] * 40)

    assert "category" == schema.columns[0].kind


@pytest.mark.parametrize(
    ("text", "number"),
    [("5.20-", -5.2), ("1,234.50-", -1234.5), ("5-", None), ("-5.20-", None), ("1\u2019234\u2019567", 1_234_567.0)],
)
def test_a_minus_behind_decimals_and_swiss_groups(text, number):
    assert number == parse_number(text)


def test_no_texts_have_no_unit():
    assert find_unit([]) is None
    assert find_unit(["1", "2.5"]) is None
    assert find_unit(["5 kg" * 30]) is None


@pytest.mark.parametrize(
    ("texts", "later", "numbers"),
    [
        ([f"{place}.5万" if place % 2 else f"{place}000" for place in PLACES], ["30.5万", "5000"], [305e3, 5e3]),
        (
            [f"{place}.5万元" if place % 2 else f"{place}000元" for place in PLACES],
            ["3万元", "5元", "2亿元"],
            [3e4, 5, 2e8],
        ),
        ([f"{place} Lac" if place % 3 else f"{place}.5 Cr" for place in PLACES], ["42 Lac", "1.4 Cr"], [42e5, 14e6]),
        ([f"{place} lakhs" if place % 3 else f"{place} lakh" for place in PLACES], ["3 lakhs", "1 lakh"], [3e5, 1e5]),
        ([f"${place}.5B" for place in PLACES], ["$2B", "$300M"], [2e9, 3e8]),
        ([f"£{place}.5{'b' if place % 30 == 7 else 'm'}" for place in PLACES], ["£5m", "£1.5b"], [5e6, 1.5e9]),
        (
            [f"{place},5 Mio. €" if place % 3 else f"{place}.000 €" for place in PLACES],
            ["1,5 Mio. €", "3.000 €"],
            [1.5e6, 3e3],
        ),
        ([f"{place}.5M€" for place in PLACES], ["2M€", "3k€"], [2e6, 3e3]),
        ([f"\uffe5{place + 1},000" for place in PLACES], ["\uffe57,000"], [7e3]),
    ],
)
def test_every_scale_and_currency_is_counted(texts, later, numbers):
    """A number without its scale beside plain ones would be wrong in silence."""
    schema, _ = column_of(texts)

    assert "number" == schema.columns[0].kind
    assert numbers == pytest.approx(
        (np.array(numbers_of(schema, later)[0]) + schema.columns[0].params["centre"]).tolist()
    )


@pytest.mark.parametrize("form", ["{}k", "{} kg", "{} pcs"])
def test_a_unit_of_few_numbers_is_read(form):
    """Those with a scale are the largest of their column: missing they would be lost. A unit may be there because it differs."""
    texts = [form.format(place) if place % 30 == 7 else str(place * 9) for place in PLACES]
    schema, (finding, *told) = column_of(texts)

    assert "numbers-with-unit" == finding.code
    assert "missing" not in finding.message
    assert [5000.0 if form == "{}k" else 5.0, 7.0] == numbers_of(schema, [form.format(5), "7"])[0]
    assert [("warning", "mixed-units", 4)] * (form != "{}k") == [(one.level, one.code, one.count) for one in told]
    assert all(f"96 values have no unit, 4 have {form[3:]!r}, such as" in one.message for one in told)


@pytest.mark.parametrize("asked", [None, {"x": "number"}])
@pytest.mark.parametrize("form", ["{} months", "{} hrs", "{} mois", "{}M", "{}m", "{} min", "{}个月"])
def test_times_and_a_bare_scale_of_few_numbers_are_missing(form, asked):
    """Beside ages in years "6 months" is not 6, and "8M" no eight millions."""
    texts = [form.format(place) if place % 30 == 7 else str(place * 9) for place in PLACES]
    raw = read_table({"x": texts, "z": np.arange(100) / 3})
    schema, findings = fit_schema(raw, Roles(target=None, columns=asked or {}))
    if asked is None:
        (told,) = [one for one in findings if one.column == "x"]
        assert f"4 of 100 values are none ({form.format(97)!r}) and count as missing" in told.message

    numbers, codes = numbers_of(schema, [form.format(5), "7"])
    assert (True, ["unread"]) == (np.isnan(numbers[0]), codes)
    assert 7.0 == numbers[1] + schema.columns[0].params["centre"]


@pytest.mark.parametrize("asked", [None, {"x": "number"}])
@pytest.mark.parametrize(("form", "told"), [("{} months", 1), ("{} lb", 1), ("{}M", 1), ("$ {}M", 0), ("{}k", 0)])
def test_a_unit_that_fewer_numbers_have_than_not_is_told(form, told, asked):
    texts = [form.format(place) if place % 3 == 0 else f"{place}.5" for place in PLACES]
    raw = read_table({"x": texts, "z": np.arange(100) / 3})
    _, findings = fit_schema(raw, Roles(target=None, columns=asked or {}))

    found = [one.message for one in findings if one.code == "mixed-units"]
    assert told == len(found)
    assert all("66 values have no unit, 34 have" in one for one in found)


def test_tonnes_are_no_trillions():
    schema, _ = column_of([f"{place} tn" if place % 3 else str(place) for place in PLACES])
    assert [7.0, 8.0] == numbers_of(schema, ["7 tn", "8"])[0]

    schema, _ = column_of([f"${place}.5tn" if place % 3 else f"${place}.5bn" for place in PLACES])
    assert 2e12 == pytest.approx(numbers_of(schema, ["$2tn"])[0][0] + schema.columns[0].params["centre"])


def test_credits_and_yuan_alone_are_units():
    for unit in ("cr", "元"):
        schema, _ = column_of([f"{place} {unit}" for place in PLACES])

        assert [7.0, 8.0] == numbers_of(schema, [f"7 {unit}", "8"])[0]


@pytest.mark.parametrize("share", [1, 3])
def test_numbers_with_a_unit_may_be_asked_for(share):
    texts = [f"{place}.5 kg" if place % share == 0 else f"{place}.5" for place in PLACES]
    raw = read_table({"x": texts, "z": np.arange(100) / 3})
    schema, _ = fit_schema(raw, Roles(target=None, columns={"x": "number"}))

    assert [place + 0.5 for place in PLACES] == numbers_of(schema, texts)[0]


def test_several_currencies_are_told():
    _, findings = column_of([f"{'€' if place % 4 else '$'}{place}.5" for place in PLACES])

    (told,) = [one for one in findings if one.code == "mixed-currencies"]
    assert ("warning", True) == (told.level, "several currencies, € (75 rows), $ (25 rows)" in told.message)
    for one in ("€{}.5", "{}.5 €"):
        assert "mixed-currencies" not in [one.code for one in column_of([one.format(place) for place in PLACES])[1]]
