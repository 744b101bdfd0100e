"""Kinds of columns: each with its reason, and what the user says against it."""

import datetime as dt
import decimal

import numpy as np
import pytest

from automl.data.read import read_table
from automl.data.schema import Roles, fit_schema
from automl.errors import DataError, SettingsError

RNG = np.random.default_rng(0)


def column_of(values, kind=None, name="x"):
    """The fitted column and the findings on it; a second column keeps the table usable."""
    table = read_table({name: values, "other": np.arange(len(values)) / 3})
    roles = Roles(target=None, columns={} if kind is None else {name: kind})
    schema, findings = fit_schema(table, roles)
    return schema.columns[0], [finding for finding in findings if finding.column == name]


def kind_of(values, **options):
    return column_of(values, **options)[0].kind


WORDS = ["red", "green", "blue", "violet"]
SENTENCES = [f"this is sentence number {place} about the weather of today" for place in range(100)]


@pytest.mark.parametrize(
    ("values", "kind", "reason"),
    [
        (RNG.normal(size=100), "number", "numbers from -"),
        (np.arange(100) * 1000, "number", "whole numbers from 0 to 99,000"),
        (RNG.integers(18, 80, 1000), "number", "62 different whole numbers from 18 to 79"),
        (np.arange(100) % 2, "number", "2 different whole numbers from 0 to 1"),
        (np.arange(1000) % 12, "integer_code", "12 different whole numbers from 0 to 11 that occur again"),
        (np.arange(2000) % 200, "integer_code", "200 different whole numbers"),
        ([True, False] * 50, "boolean", "true and false"),
        (["yes", "no", None, "NA", " Yes "] * 20, "boolean", "only Yes, no, yes"),
        (WORDS * 25, "category", "4 different texts in 100 rows, 1.0 words"),
        ([f"item {place % 40}" for place in range(100)], "category", "40 different texts"),
        ([dt.date(2020, 1, 1 + place % 28) for place in range(100)], "date", "dates (date32[day])"),
        ([f"{1 + place % 28}.03.2021" for place in range(100)], "date", "dates written as %d.%m.%Y"),
        (SENTENCES, "text", "100 different texts in 100 rows"),
        ([f"k{place * 7919:x}" for place in range(100)], "id", "nearly every row has its own"),
        (np.arange(100), "id", "100 whole numbers, all different, and they are consecutive"),
        ([7] * 100, "constant", "every value is 7"),
        (["a "] * 50 + ["a"] * 50, "constant", "every value is 'a'"),
        ([None] * 100, "constant", "all 100 values are missing"),
        ([np.nan] * 100, "constant", "all 100 values are missing"),
        (["-", "none", ".", "NA"] * 25, "category", "4 different short marks"),
        (["NA", "", "?", "null"] * 25, "constant", "all values are missing"),
        (["?"] * 100, "constant", "all 100 values are missing"),
        ([dt.date(2020, 1, 1)] * 100, "constant", "all dates are the same"),
        ([np.inf] * 100, "constant", "every value is inf"),
        (["01234", "04567", "98765", "00001"] * 25, "category", "4 different texts"),
    ],
)
def test_kind_is_found_and_told(values, kind, reason):
    column, _ = column_of(values)

    assert kind == column.kind
    assert reason in column.reason
    assert (kind not in ("id", "constant")) == column.used


def test_only_marks_that_mean_missing_in_a_category_are_no_levels():
    """`None` and `-` beside each other may be two real levels; `NA` and `?` never are."""
    assert kind_of(["-", "none"] * 50) == "category"
    column, _ = column_of(["NA", "?", "a", "b"] * 25)

    assert ["a", "b"] == column.params["levels"]


def test_integers_named_as_keys_are_ids_however_far_apart():
    values = RNG.permutation(10_000_000)[:100]

    assert ["id", "id", "number"] == [kind_of(values, name=name) for name in ("customer_id", "rowId", "income")]


def test_few_rows_are_never_ids():
    assert ["number", "category"] == [kind_of([1, 2, 3, 4, 5]), kind_of(["a", "b", "c", "d", "e"])]


def test_text_column_of_different_sentences_is_no_id():
    assert kind_of([f"word{place} other{place}" for place in range(100)]) == "text"


def test_many_levels_stay_a_category_and_are_bounded():
    values = [f"v{place}" for place in list(range(100_200)) * 2]
    column, findings = column_of(values)

    assert ("category", 100_000) == (column.kind, column.categories[0][1])
    assert ["rare-levels"] == [finding.code for finding in findings]
    assert "200 rarest of 100,200 levels" in findings[0].message


def test_few_levels_are_in_their_own_order_many_by_frequency():
    few, _ = column_of(["10-14"] * 9 + ["b", "5-9"] * 3 + [" 10-14"])
    many, _ = column_of(["b"] * 3 + ["a"] * 3 + ["c"] * 900 + [f"x{place}" for place in range(200)])

    assert ["5-9", "10-14", "b"] == few.params["levels"]
    assert ["c", "a", "b", "x0"] == many.params["levels"][:4]


@pytest.mark.parametrize(
    ("texts", "number"),
    [
        ("1,234", 1234),
        ("12%", 12),
        ("$5", 5),
        ("(3)", -3),
        ("1 234,5", 1234.5),
        ("+7", 7),
        ("5 €", 5),
        ("1e3", 1000),
    ],
)
def test_numbers_as_text_are_told_with_an_example(texts, number):
    from automl.data.values import to_numbers

    values = [texts, *(f"{place},5" if "5" in texts and "," in texts else f"{place}" for place in range(2, 60)), "x"]
    column, (finding, *more) = column_of(values)
    numbers, unread = to_numbers(read_table({"x": values}).table.column("x"), column.params)

    assert ("number", "numbers-as-text", 1) == (column.kind, finding.code, finding.count)
    also = {"1,234": ["grouped-thousands"], "12%": ["mixed-percent"]}
    assert also.get(texts, []) == [one.code for one in more]
    assert repr(texts) in finding.message
    assert "1 of 60 values are none ('x') and count as missing" in finding.message
    assert number == numbers[0]
    assert (1, "x", [60]) == (unread[0], unread[1], unread[2].tolist())


def test_decimal_commas_are_found_by_the_column():
    column, _ = column_of(["3,5", "1.234,25", "7"] * 20)

    assert column.params["decimal_comma"]


def test_text_with_too_few_numbers_is_a_category():
    """One value in ten that is no number is no slip: nothing is half parsed."""
    assert kind_of([str(place % 9) for place in range(90)] + ["many"] * 10) == "category"


def test_repeated_spellings_count_as_often_as_they_occur():
    """Outer spaces make two texts of one; both count for the share of numbers."""
    values = ["x", " x", "x "] * 20 + [str(place) for place in range(40)]

    assert kind_of(values) == "category"


def test_mixed_types_become_text_and_are_told():
    table = read_table({"x": [1, "a", None, 2.0, "b"] * 10, "y": range(50)})
    schema, _ = fit_schema(table, Roles(target="y"))

    assert ["mixed-types"] == [finding.code for finding in table.findings]
    assert ("category", ["1", "2", "a", "b"]) == (schema.columns[0].kind, schema.columns[0].params["levels"])


def test_decimals_are_numbers():
    assert kind_of([decimal.Decimal(place) / 3 for place in range(30)]) == "number"


# -- what the user says -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (RNG.integers(18, 80, 100), "category"),
        (RNG.integers(18, 80, 100), "integer_code"),
        (RNG.integers(18, 80, 100), "text"),
        (RNG.integers(18, 80, 100), "id"),
        (RNG.normal(size=100), "category"),
        (RNG.normal(size=100), "integer_code"),
        (np.arange(100), "number"),
        (["1,5", "x"] * 50, "number"),
        (["$1", "$2"] * 50, "integer_code"),
        ([f"k{place}" for place in range(100)], "category"),
        (SENTENCES, "category"),
        ([0, 1, 1, 0] * 25, "boolean"),
        (["1", "0", "yes", "no"] * 25, "boolean"),
        ([True, False] * 50, "category"),
        ([True, False] * 50, "number"),
        (["2020-01-01", "2020-02-01", "x"] * 33, "date"),
        ([dt.datetime(2020, 1, 1 + place % 28) for place in range(100)], "number"),
        ([dt.datetime(2020, 1, 1 + place % 28) for place in range(100)], "category"),
        (WORDS * 25, "constant"),
    ],
)
def test_user_overrules_the_kind(values, kind):
    column, _ = column_of(values, kind=kind)

    assert (kind, "as asked") == (column.kind, column.reason)


@pytest.mark.parametrize(
    ("values", "kind", "words"),
    [
        (WORDS * 5, "number", "asked to be a number, but no value reads as a number"),
        (WORDS * 5, "integer_code", "asked to be a integer_code, but no value"),
        (WORDS * 5, "date", "asked to be a date, but no value reads as one"),
        ([1.5, 2.5] * 10, "date", "asked to be a date, but holds double"),
        (WORDS * 5, "colour", "kind 'colour' of column 'x' is not known; use one of number"),
    ],
)
def test_kinds_that_cannot_be_are_refused(values, kind, words):
    with pytest.raises(SettingsError, match=words):
        column_of(values, kind=kind)


def test_a_kind_that_leaves_nothing_makes_the_column_constant():
    found = [
        column_of(values, kind=kind)[0]
        for values, kind in ((["x"] * 10, "boolean"), (["a"] * 10, "category"), ([None] * 10, "integer_code"))
    ]

    assert ["constant"] * 3 == [column.kind for column in found]
    assert ["no value reads as yes or no", "every value is 'a'", "all values are missing"] == [
        column.reason for column in found
    ]


# -- roles --------------------------------------------------------------------------------------------


def small():
    return read_table({"a": [1.5, 2, 4], "b": ["x", "y", "x"], "y": [1, 2, 3], "w": [1, 1, 1]})


def test_dropped_ignored_and_role_columns_are_no_features():
    schema, _ = fit_schema(small(), Roles(target="y", weight="w", drop=("a",), ignore=("nowhere",)))

    assert ["b"] == [column.name for column in schema.columns]
    assert ("a", "y", "w") == schema.aside


@pytest.mark.parametrize(
    ("roles", "words"),
    [
        ({"drop": ("A1",)}, "column 'A1' to drop is not in the table; nearest names: 'a'"),
        ({"columns": {"bb": "text"}}, "'bb' was given the kind 'text' but is not in the table; nearest names: 'b'"),
        ({"columns": {"y": "text"}}, "column 'y' is the target; use --task"),
    ],
)
def test_roles_that_do_not_fit_are_refused(roles, words):
    with pytest.raises(SettingsError, match=words):
        fit_schema(small(), Roles(target="y", **roles))


def test_time_column_is_a_feature_only_when_a_kind_is_given():
    table = read_table({"when": ["2020-01-01", "2020-01-02"], "a": [1.5, 2], "y": [1, 2]})
    without, _ = fit_schema(table, Roles(target="y", time="when"))
    with_it, _ = fit_schema(table, Roles(target="y", time="when", columns={"when": "date"}))

    assert [["a"], ["when", "a"]] == [[c.name for c in schema.columns] for schema in (without, with_it)]


def test_a_table_without_usable_feature_is_refused_with_every_reason():
    table = read_table({"id": range(30), "same": ["a"] * 30, "gone": [None] * 30, "y": [0, 1] * 15})
    with pytest.raises(DataError) as caught:
        fit_schema(table, Roles(target="y"))
    message = str(caught.value)

    assert message.startswith("no usable feature is left (id: id, 30 whole numbers, all different")
    assert "same: constant, every value is 'a'; gone: constant, all 30 values are missing" in message


def test_only_a_target_is_no_table():
    with pytest.raises(DataError, match="the table has no other column than the target"):
        fit_schema(read_table({"y": [1, 2, 3]}), Roles(target="y"))


def test_unused_columns_are_told():
    table = read_table({"gone": [None] * 30, "a": np.arange(30) / 7})
    _, findings = fit_schema(table, Roles(target=None))

    assert [("repair", "unused-constant", "column 'gone' is not used: all 30 values are missing")] == [
        (finding.level, finding.code, finding.message) for finding in findings
    ]


@pytest.mark.parametrize(("lacking", "told"), [(80, [80]), (6, [6]), (5, []), (0, [])])
def test_rows_without_group_are_told_where_they_are_many(lacking, told):
    groups = [None if row < lacking else f"group {row % 4}" for row in range(100)]
    table = read_table({"who": groups, "a": np.arange(100) / 7, "y": np.arange(100)})
    _, findings = fit_schema(table, Roles(target="y", group="who"))

    assert told == [one.count for one in findings if one.code == "rows-without-group"]
    assert all(
        one.level == "warning" and "each of them is taken as a group of its own" in one.message for one in findings
    )


# -- more digits than a fraction has --------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "kind", "reason"),
    [
        ([2**60 + row % 5 for row in range(100)], "category", "of which fractions would leave 1: codes"),
        ([2**60 + 3 * row for row in range(100)], "number", "whole numbers from 1,152,921,504,606,846,976"),
        ([2**63 + row % 5 for row in range(100)], "category", "which need all 64 bits: codes"),
        ([2**63 + row * 7**9 for row in range(100)], "id", "nearly all different, and they need all 64 bits"),
    ],
)
def test_whole_numbers_beyond_fractions(values, kind, reason):
    table = read_table({"a": np.array(values, dtype=np.uint64), "b": np.arange(100) / 7})
    schema, _ = fit_schema(table, Roles(target=None))
    data, _ = schema.encode(table.table)

    assert kind == schema.columns[0].kind
    assert reason in schema.columns[0].reason
    if kind == "category":
        assert 5 == len(np.unique(data.codes[:, 0]))
    if kind == "number":
        assert 100 == len(np.unique(data.numbers[:, 0]))


def test_counting_starts_at_the_smallest_however_far_later_values_are():
    train = read_table({"a": np.array([2**60, 2**60 + 3, 2**60 + 9])})
    schema, _ = fit_schema(train, Roles(target=None))
    later = read_table({"a": np.array([2**60 + 1, -(2**62), 2**63 - 1])})
    data, _ = schema.encode(later.table)

    assert [1.0, -float(2**62 + 2**60), float(2**63 - 2**60)] == data.numbers[:, 0].tolist()


def test_one_leading_zero_makes_codes_and_is_told():
    table = read_table({"zip": [str(10000 + row % 90) for row in range(999)] + ["01234"]})
    schema, findings = fit_schema(table, Roles(target=None))

    assert "category" == schema.columns[0].kind
    assert [("leading-zeros", 1)] == [(one.code, one.count) for one in findings]
    assert "--column zip=number" in findings[0].message


@pytest.mark.parametrize("others", [["V27"], ["12345-6789"], ["E909", "V58", "?"]])
def test_few_other_texts_leave_codes_with_leading_zeros_codes(others):
    codes = [f"{place % 90:03}" for place in range(2000)]
    column, (finding,) = column_of([*codes, *others * 20])

    assert ("category", "leading-zeros") == (column.kind, finding.code)
    assert {"008", others[0]} <= set(column.params["levels"])


def test_fractions_with_leading_zeros_are_no_codes():
    assert "number" == kind_of([f"{place % 90:03}" + (".5" if place % 40 == 0 else "") for place in range(2000)])


@pytest.mark.parametrize(
    ("form", "kind"),
    [
        ("{}", "number"),
        ("2020-03-{:02}", "date"),
    ],
)
def test_rare_texts_that_all_differ_do_not_make_a_category(form, kind):
    """Remarks in one row of thirty are more different texts than there are numbers."""
    texts = [f"see note {place}" if place % 30 == 0 else form.format(1 + place % 28) for place in range(3000)]
    column, findings = column_of(texts)

    assert kind == column.kind
    assert 100 in [finding.count for finding in findings]


def test_few_numbers_beside_rare_texts_stay_levels():
    assert "category" == kind_of([f"see note {place}" if place % 30 == 0 else str(place % 7) for place in range(3000)])
