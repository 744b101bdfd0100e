"""Messy files through the public door: each is repaired and told, or refused in words that help.

Every file is written as users have them, and given to `automl.check`, which does what `automl fit` does before it trains.
"""

import gzip
import re

import pytest

import automl
from automl.errors import DataError, SettingsError

ROWS = 60
HEADER = ["area", "rooms", "town", "sold", "price"]


def cells():
    """Rows of plain text: a number with fractions, a whole one, a word, a date, and the target."""
    towns = ["Rome", "Köln", "Oslo"]
    return [
        [
            f"{37 + place * 0.5}",
            f"{1 + place * 7 % 5}",
            towns[place % 3],
            f"2021-{1 + place % 12:02d}-{1 + place % 28:02d}",
            f"{100 + place * 37 % 61 * 3.25}",
        ]
        for place in range(ROWS)
    ]


def text_of(rows, header=HEADER, separator=","):
    return "\n".join(separator.join(row) for row in [header, *rows]) + "\n"


@pytest.fixture
def check(tmp_path):
    """Write a file and have it checked; gives the report."""

    def write(content, *, name="messy.csv", target="price", **options):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return automl.check(path, target=target, **options)

    return write


def kinds(report):
    return {column.name: column.kind for column in report.schema.columns}


def codes(report):
    return [finding.code for finding in report.findings if finding.code != "few-rows"]


def message(report, code):
    (found,) = (finding.message for finding in report.findings if finding.code == code)
    return found


PLAIN = {"area": "number", "rooms": "integer_code", "town": "category", "sold": "date"}


# -- how the file is written ------------------------------------------------------------------------


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators_are_found_whatever_the_ending_says(check, separator):
    report = check(text_of(cells(), separator=separator))

    assert (PLAIN, ROWS, []) == (kinds(report), report.rows, codes(report))


def test_decimal_commas_come_with_semicolons(check):
    rows = [[cell.replace(".", ",") for cell in row] for row in cells()]
    report = check(text_of(rows, separator=";"))

    assert ("number", "regression") == (kinds(report)["area"], report.task.problem_type)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_mark_at_the_start_is_no_part_of_the_first_name(check, encoding):
    report = check(text_of(cells()).encode(encoding))

    assert (PLAIN, []) == (kinds(report), codes(report))


def test_latin_1_is_read_and_told(check):
    report = check(text_of(cells()).encode("latin-1"))
    (town,) = (column for column in report.schema.columns if column.name == "town")

    assert ["encoding"] == codes(report)
    assert "not UTF-8 (first in line 3); it is read as Windows-1252" in message(report, "encoding")
    assert {"Rome", "Köln", "Oslo"} == set(town.params["levels"])


def test_line_ends_of_windows_and_packed_files_change_nothing(check):
    windows = text_of(cells()).replace("\n", "\r\n").encode()

    for content, name in ((windows, "w.csv"), (gzip.compress(windows), "w.csv.gz")):
        report = check(content, name=name)

        assert (PLAIN, []) == (kinds(report), codes(report))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda rows: rows[10].append("more"), "line 12"),
        (lambda rows: rows[10].pop(), "line 12"),
        (lambda rows: rows[10].__setitem__(2, '"Rome'), "line 12"),
        (lambda rows: rows[10].__setitem__(2, "Ro\0me"), "NUL byte in line 12"),
    ],
)
def test_damaged_rows_are_refused_with_their_line(check, spoil, words):
    rows = cells()
    spoil(rows)

    with pytest.raises(DataError, match=words):
        check(text_of(rows))


@pytest.mark.parametrize("content", ["", "area,price\n"])
def test_files_without_rows_are_refused(check, content):
    with pytest.raises(DataError, match="0 rows"):
        check(content)


# -- names --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("typo", ["pric", "Price", "prize", "price "])
def test_target_typos_show_the_nearest_name(check, typo):
    with pytest.raises(DataError, match=rf"target '{typo}' is not in .*messy.csv; nearest names: 'price'"):
        check(text_of(cells()), target=typo)


def test_a_target_like_no_column_shows_the_columns(check):
    with pytest.raises(DataError, match="'zzz' is not in .*; columns are 'area', 'rooms', 'town', 'sold', 'price'"):
        check(text_of(cells()), target="zzz")


def test_two_columns_of_one_name_are_refused_with_both_places_or_renamed(check):
    header = ["area", "town", "town", "sold", "price"]

    with pytest.raises(DataError, match="two columns called 'town', at positions 2 and 3; rename one, or use --dedupe"):
        check(text_of(cells(), header))
    report = check(text_of(cells(), header), dedupe=True)

    assert {"area", "town", "town.2", "sold"} == set(kinds(report))
    assert "a second column 'town' at position 3 is called 'town.2'" in message(report, "duplicate-name")


def test_columns_without_name_get_one(check):
    report = check(text_of(cells(), ["area", "", "town", "sold", "price"]))

    assert "column_2" in kinds(report)
    assert ["empty-name"] == codes(report)


def test_strange_names_are_kept(check):
    header = ["[area] <m²>", "{rooms}:", "x" * 300, "7", "price"]

    assert header[:4] == list(kinds(check(text_of(cells(), header))))


# -- what the columns hold --------------------------------------------------------------------------


def changed(place, cell):
    """Rows with one column made anew from the row number and the old cell."""
    return [[*row[:place], cell(row_number, row[place]), *row[place + 1 :]] for row_number, row in enumerate(cells())]


def test_a_column_that_mixes_numbers_and_words_is_a_category(check):
    report = check(text_of(changed(1, lambda row, cell: "many" if row % 4 == 0 else cell)))

    assert "category" == kinds(report)["rooms"]


def test_a_stray_word_among_numbers_is_counted_with_an_example(check):
    report = check(text_of(changed(0, lambda row, cell: "about 40" if row == 5 else cell)))

    assert "number" == kinds(report)["area"]
    assert "1 of 60 values are none ('about 40') and count as missing" in message(report, "numbers-as-text")


def test_mixed_python_objects_are_told():
    table = {"a": [1, "x", 2.5, None] * 15, "b": [place / 7 for place in range(60)], "price": range(60)}
    report = automl.check(table, target="price")

    assert "column 'a' mixes float and int and str; all are read as text" in message(report, "mixed-types")


@pytest.mark.parametrize("write", [lambda v: f"${v}", lambda v: f"{v}%", lambda v: f'"{float(v) * 1000:,.2f}"'])
def test_numbers_written_for_people_are_numbers(check, write):
    report = check(text_of(changed(0, lambda row, cell: write(cell))))

    assert ("number", ["numbers-as-text"]) == (kinds(report)["area"], codes(report))


@pytest.mark.parametrize("mark", ["", "NA", "N/A", "?", "-", "null", "NaN", "None"])
def test_marks_for_missing_cells_leave_a_column_of_numbers(check, mark):
    report = check(text_of(changed(0, lambda row, cell: mark if row % 10 == 0 else cell)))

    assert ("number", []) == (kinds(report)["area"], codes(report))


@pytest.mark.parametrize("mark", ["", "NA", "?"])
def test_a_column_without_any_value_is_left_out_and_told(check, mark):
    report = check(text_of(changed(1, lambda row, cell: mark)))

    assert "constant" == kinds(report)["rooms"]
    assert "column 'rooms' is not used: all 60 values are missing" == message(report, "unused-constant")


def test_dates_in_two_formats_are_both_read_and_told(check):
    def other(row, cell):
        year, month, day = cell.split("-")
        return f"{day}.{month}.{year}" if row % 2 else cell

    report = check(text_of(changed(3, other)))

    assert "date" == kinds(report)["sold"]
    assert "column 'sold': dates are written in 2 ways" in message(report, "date-formats")
    assert "dates-unread" not in codes(report)


def test_a_date_no_calendar_has_is_counted(check):
    report = check(text_of(changed(3, lambda row, cell: "2021-02-31" if row == 7 else cell)))

    assert "date" == kinds(report)["sold"]
    assert "1 of 60 values are no date ('2021-02-31')" in message(report, "dates-unread")


def test_infinite_numbers_are_missing_and_counted(check):
    report = check(text_of(changed(0, lambda row, cell: "inf" if row < 3 else cell)))

    assert "column 'area': 3 infinite or huge values count as missing" == message(report, "infinite")


def test_a_table_of_ids_and_constants_is_refused_with_every_reason(check):
    rows = [[f"k{row * 7919:x}", "1", "Rome", "", cell[4]] for row, cell in enumerate(cells())]

    with pytest.raises(DataError, match="no usable feature is left .*area: id.*rooms: constant.*sold: constant"):
        check(text_of(rows))


def test_the_user_overrules_and_leaves_out(check):
    report = check(text_of(cells()), columns={"rooms": "category"}, drop=("sold",))

    assert {"area": "number", "rooms": "category", "town": "category"} == kinds(report)
    with pytest.raises(SettingsError, match="column 'rom' was given the kind 'category' but is not in the table"):
        check(text_of(cells()), columns={"rom": "category"})


# -- the target ---------------------------------------------------------------------------------------


def test_a_class_with_one_row_is_told(check):
    rows = changed(4, lambda row, cell: "rare" if row == 9 else ("low", "high")[row % 2])
    report = check(text_of(rows))

    assert ("multiclass", ("high", "low", "rare")) == (report.task.problem_type, report.task.classes)
    assert "rare" in message(report, "single-member-class")


def test_missing_targets_are_left_out_and_counted(check):
    report = check(text_of(changed(4, lambda row, cell: "" if row < 6 else cell)))

    assert 54 == report.rows
    assert re.search(r"\b6\b", message(report, "target-missing"))


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (lambda row, cell: "", "missing in all|no value|all 60"),
        (lambda row, cell: "5", "is 5 in all 60 rows: there is nothing to learn"),
        (lambda row, cell: "" if row % 3 else cell, "missing in 40 of 60|40 of 60"),
    ],
)
def test_targets_that_cannot_be_learned_are_refused(check, cell, words):
    with pytest.raises(DataError, match=words):
        check(text_of(changed(4, cell)))


def test_five_rows_are_enough_and_told(check):
    report = check(text_of(cells()[:5]))

    assert 5 == report.rows
    assert "5 rows are few: scores will vary a lot" == message(report, "few-rows")


def test_four_rows_are_refused(check):
    with pytest.raises(DataError, match=r"messy.csv has 4 usable rows; at least 5 are needed"):
        check(text_of(cells()[:4]))


def test_a_copy_of_the_target_is_told_and_stops_a_strict_run(check):
    rows = [[*row[:2], row[4], *row[3:]] for row in cells()]

    assert "possible leak: column 'town'" in [f.message for f in check(text_of(rows)).findings if f.column == "town"][0]
    with pytest.raises(DataError, match="--strict: .*possible leak: column 'town'"):
        check(text_of(rows), strict=True)
