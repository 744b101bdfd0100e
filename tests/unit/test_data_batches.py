"""A row is read alike whatever other rows its file holds."""

import io
import time

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from automl.data.read import read_table
from automl.data.schema import Roles, fit_schema
from automl.prepare import read_training
from automl.settings import Settings

WORDS = ["None", "-", ".", "missing", "1", "2.50", "true", "2024-01-05", "007", "A"]


def csv_of(frame):
    return io.BytesIO(frame.to_csv(index=False).encode())


@pytest.fixture
def trained():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "x": rng.normal(size=300),
            "fence": rng.choice(["None", "Wood", "Wire"], 300),
            "odd": rng.choice(WORDS, 300),
            "words": [f"about {one} of them" for one in rng.integers(0, 10**6, 299)] + ["2.50"],
        }
    )
    raw = read_table(csv_of(frame))
    schema, _ = fit_schema(raw, Roles(target=None))
    assert ["number", "category", "category", "text"] == [column.kind for column in schema.columns]
    return frame, schema, schema.encode(raw.table)[0]


@pytest.mark.parametrize("column", ["fence", "odd"])
def test_rows_of_one_level_have_its_code(trained, column):
    frame, schema, whole = trained
    for _, rows in frame.groupby(column):
        data, findings = schema.encode(read_table(csv_of(rows), text=schema.text_names).table)

        assert np.array_equal(whole.codes[rows.index], data.codes)
        assert () == findings


def test_a_text_that_is_a_number_has_the_words_that_it_had_among_others(trained):
    frame, schema, whole = trained
    data, _ = schema.encode(read_table(csv_of(frame.tail(1)), text=schema.text_names).table)

    assert np.array_equal(whole.text[-1].toarray(), data.text.toarray())
    assert np.array_equal(whole.numbers[-1:], data.numbers)


def test_a_column_of_marks_alone_is_text_and_one_of_nothing_is_missing():
    table = read_table(io.BytesIO(b"a,b,c\nNone,,1\n-,,NA\n")).table

    assert {"a": ["None", "-"], "b": [None, None], "c": [1, None]} == table.to_pydict()


def test_numbers_and_truths_are_found_however_they_are_written():
    frame = pd.DataFrame({"zip": [1, 2, 3] * 20, "told": pd.Categorical([True, False] * 30), "x": np.arange(60) / 7})
    schema, _ = fit_schema(read_table(frame), Roles(target=None, columns={"zip": "category", "told": "category"}))
    later = read_table(io.BytesIO(b"zip,told,x\n2.0,True,1\nNone,FALSE,1\n02,maybe,1\n"), text=schema.text_names).table
    data, _ = schema.encode(later)

    levels = [column.params["levels"] for column in schema.columns[:2]]
    assert pa.types.is_string(later.column("zip").type)
    assert [levels[0].index("2"), -1, 3] == data.codes[:, 0].tolist()
    assert [levels[1].index("true"), levels[1].index("false"), 2] == data.codes[:, 1].tolist()


def test_columns_asked_to_be_categories_and_validation_tables_are_read_as_text(trained, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("fence,x\nNone,1\n5,2\n")
    asked = read_training(path, Settings(target="x", columns={"fence": "category"}))
    beside = read_training(path, Settings(target="x"), trained[1])

    assert ["None", "5"] == asked.table.column("fence").to_pylist() == beside.table.column("fence").to_pylist()
    assert [None, 5] == read_training(path, Settings(target="x")).table.column("fence").to_pylist()


def test_decimal_commas_are_left_alone_in_text():
    table = read_table(io.BytesIO(b"a;b;x\n1.234,5;1.234,5;0,5\n1,5;1,5;1,5\n"), text={"a"}).table

    assert {"a": ["1.234,5", "1,5"], "b": [1234.5, 1.5], "x": [0.5, 1.5]} == table.to_pydict()


def test_empty_columns_cost_nothing():
    """They took seconds each, as the look for codes went over all following lines again at every line."""
    rows = "".join(f"{row}.5,,\n" for row in range(100_000))
    started = time.process_time()
    table = read_table(io.BytesIO(f"a,b,c\n{rows}".encode())).table

    assert time.process_time() - started < 5
    assert [0, 100_000, 100_000] == [column.null_count for column in table.columns]
