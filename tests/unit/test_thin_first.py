"""Tables are thinned before they are unpacked as a whole, decoded, or converted from Python objects."""

import gzip
import random
import zipfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from automl.data import columns, spaces
from automl.data.amount import SAMPLED, ReadLimit
from automl.data.read import read_table
from automl.data.thin_objects import thin_objects
from automl.errors import DataError

ROWS = 60_000
SECONDS = 0.5
"""Of so long a budget, a tenth of a second is for reading and all else."""


def text(separator=",", rows=ROWS):
    lines = [f"number{separator}half{separator}word"]
    lines += [f"{number}{separator}{number / 2}{separator}w{number % 7}" for number in range(rows)]
    return "\n".join(lines) + "\n"


def sampled_numbers(read):
    """The numbers that were read, with the findings' words."""
    (finding,) = [one for one in read.findings if one.code == SAMPLED]
    halves = read.table.column("half").to_numpy()
    numbers = read.table.column("number").to_numpy()
    assert np.array_equal(numbers, 2 * halves)
    assert ["w" + str(number % 7) for number in numbers.tolist()] == read.table.column("word").to_pylist()
    return numbers, finding.message


@pytest.mark.parametrize("coding", ["utf-16", "utf-32", "utf-16-be", "cp1252", "utf-8-sig", "spaces"])
def test_rows_come_from_all_over_a_table_whatever_its_coding(tmp_path, coding):
    path, limit = tmp_path / "table.csv", ReadLimit(seconds=SECONDS)
    if coding == "spaces":
        path.write_text(text("   "))
    else:
        mark = "\ufeff" if coding == "utf-16-be" else ""
        path.write_bytes((mark + text()).replace("word", "w\u00f6rd").encode(coding))

    read = read_table(path, limit=limit)
    read = type(read)(table=read.table.rename_columns(["number", "half", "word"]), findings=read.findings)
    numbers, message = sampled_numbers(read)

    assert 1000 < len(numbers) < ROWS / 2
    assert np.array_equal(numbers, np.unique(numbers))
    assert [True] * 4 == [
        bool(((numbers >= low) & (numbers < low + ROWS // 4)).any()) for low in range(0, ROWS, ROWS // 4)
    ]
    assert "all over the table" in message


@pytest.mark.parametrize("coding", ["utf-16", "utf-8"])
def test_the_line_of_a_fault_is_that_of_the_whole_table(tmp_path, coding):
    lines = text().splitlines()
    broken = [line + ",more" if number > 30_000 else line for number, line in enumerate(lines)]
    path = tmp_path / "table.csv"
    path.write_bytes("\n".join(broken).encode(coding))

    with pytest.raises(DataError, match="line 30002: 4 cells, but the header has 3"):
        read_table(path, limit=ReadLimit(seconds=SECONDS))


@pytest.mark.parametrize("ending", ["gz", "zip"])
def test_a_packed_table_is_unpacked_as_far_as_the_time_allows(tmp_path, ending, monkeypatch):
    monkeypatch.setattr("automl.data.amount.UNPACKED_BYTES_PER_SECOND", 20_000_000)
    monkeypatch.setattr("automl.data.read_packed._CHUNK", 1 << 16)
    path, limit = tmp_path / f"table.csv.{ending}", ReadLimit(seconds=SECONDS)
    if ending == "gz":
        path.write_bytes(gzip.compress(text().encode()))
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("table.csv", text())

    numbers, message = sampled_numbers(read_table(path, limit=limit))

    part = limit.unpacked_bytes / len(text())
    assert 0.3 < part < 0.8
    assert 0.8 * part * ROWS < numbers.max() < 1.2 * part * ROWS
    assert "all over the first" in message
    assert "of the packed file" in message


def test_runs_of_spaces_are_squeezed_as_the_careful_reader_does():
    rng = random.Random(0)
    parts = ["a", "b1", " ", "  ", "   ", "\n", "\n", "\u00e9", "-2.5"]
    for _ in range(300):
        plain = "".join(rng.choice(parts) for _ in range(rng.randrange(60)))
        assert spaces._one_by_one(plain.encode()).decode().strip("\n") == spaces.tabs_for_spaces(
            plain.encode()
        ).decode().strip("\n")
    assert b"a b\tc\n" == spaces.tabs_for_spaces(b'"a b"   c\n')


@pytest.mark.parametrize(
    "make",
    [
        lambda numbers: {
            "number": numbers,
            "half": [number / 2 for number in numbers],
            "word": [f"w{number % 7}" for number in numbers],
        },
        lambda numbers: [{"number": number, "half": number / 2, "word": f"w{number % 7}"} for number in numbers],
        lambda numbers: pd.DataFrame(
            {"number": numbers, "half": np.array(numbers) / 2, "word": [f"w{number % 7}" for number in numbers]}
        ),
    ],
    ids=["dict", "rows", "frame"],
)
def test_objects_are_thinned_before_they_are_converted(make):
    limit = ReadLimit(seconds=SECONDS)
    most = limit.rows(3)

    numbers, _ = sampled_numbers(read_table(make(list(range(ROWS))), limit=limit))

    assert most == len(numbers) < ROWS
    assert np.array_equal(numbers, np.unique(numbers))
    assert numbers.max() > 0.9 * ROWS


def test_small_and_uneven_objects_are_left_as_they_are():
    limit = ReadLimit(seconds=SECONDS)
    uneven = {"a": [1] * ROWS, "b": [1]}
    small = {"a": [1, 2]}

    assert (uneven, 1.0) == thin_objects(uneven, limit, 0)
    assert (small, 1.0) == thin_objects(small, limit, 0)


def test_the_row_of_a_fault_is_that_of_the_whole_object():
    values = list(range(ROWS)) * 4
    values[200_000:] = [[1]] * len(values[200_000:])

    with pytest.raises(DataError, match="holds a list in row 200001"):
        read_table({"a": values, "b": values}, limit=ReadLimit(seconds=SECONDS))


@pytest.mark.parametrize(
    "values",
    [
        [1, None, 3],
        [1.5, None, float("nan")],
        [1.0, None, 2.0],
        ["a", None, ""],
        [True, None, False],
        [2**70, 1],
        [1, 2.5],
        [None, None],
        ["\ud800", "a"],
    ],
)
def test_lists_of_one_kind_are_converted_as_one_by_one(values, monkeypatch):
    quick = columns.column_to_arrow(values, "x", [])
    monkeypatch.setattr(columns, "_of_one_kind", lambda values: None)
    careful = columns.column_to_arrow(values, "x", [])

    assert careful.type == quick.type
    assert careful.to_pylist() == quick.to_pylist()
    assert isinstance(quick, pa.Array)
