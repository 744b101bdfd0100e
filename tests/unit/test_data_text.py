"""Text as hashed words: the same words give the same counts, whatever stands beside them."""

import numpy as np
import pyarrow as pa
import pytest

from automl.data.read import read_table
from automl.data.schema import Roles, fit_schema
from automl.data.text import FEATURES, TOTAL_FEATURES, bucket_count, characters_hashed, hash_counts, text_numbers

NOTES = [f"the note of row {place} speaks of house {place * 7 % 50} and its garden" for place in range(80)]


def encoded(columns, later=None):
    table = read_table(columns)
    schema, _ = fit_schema(table, Roles(target=None))
    return schema, schema.encode(table.table if later is None else read_table(later).table)[0]


def test_words_and_pairs_are_counted():
    counts = hash_counts(["red house", "red red", None, ""], 1 << 15)

    assert (4, 1 << 15) == counts.shape
    assert np.float32 == counts.dtype
    assert [3.0, 3.0, 0.0, 0.0] == np.asarray(counts.sum(axis=1)).ravel().tolist()


def test_case_and_marks_do_not_matter():
    counts = hash_counts(["Red house!", "red HOUSE"], 1 << 10)

    assert 0 == (counts[0] != counts[1]).nnz


def test_no_rows():
    assert (0, 64) == hash_counts([], 64).shape


def test_rows_do_not_depend_on_each_other():
    whole = hash_counts(NOTES, 1 << 12)

    assert 0 == (whole[7] != hash_counts(NOTES[7:8], 1 << 12)).nnz


def test_very_long_texts_are_bounded():
    counts = hash_counts(["a " * 10_000], 64, 200)

    assert counts.sum() <= 200
    assert [60_000_000, 60_000, 200] == [characters_hashed(rows) for rows in (1, 1000, 10**7)]


def test_a_long_text_is_encoded_alike_in_a_table_of_any_size(monkeypatch):
    """How much of it is hashed was settled when the schema was fitted."""
    monkeypatch.setattr("automl.data.text.CHARACTERS", 80 * 300)
    long = [f"{note} " * 40 for note in NOTES]
    schema, data = encoded({"a": long})
    alone, _ = schema.encode(pa.table({"a": long[7:8]}))

    assert data.text[7].nnz
    assert 0 == (data.text[7] != alone.text[0]).nnz


def test_several_columns_share_the_buckets():
    schema, data = encoded({"a": NOTES, "b": [note[::-1] for note in NOTES]})

    assert (80, 2 * FEATURES) == data.text.shape
    assert ("a", "b") == schema.layout.texts
    assert [FEATURES, FEATURES, FEATURES // 2] == [bucket_count(columns) for columns in (0, 1, 8)]
    assert all(columns * bucket_count(columns) <= TOTAL_FEATURES for columns in range(1, 100))


def test_a_single_text_column_is_enough():
    """Nearly every cell differs, and still it is no id."""
    schema, data = encoded({"a": NOTES})

    assert ["text"] == [column.kind for column in schema.columns]
    assert ("a length", "a words") == data.layout.numbers
    assert [[len(NOTES[0]), 12.0]] == data.numbers[:1].tolist()


@pytest.mark.parametrize("gone", [None, ""])
def test_missing_text_has_no_words_and_missing_numbers(gone):
    _, data = encoded({"a": NOTES}, {"a": [NOTES[3], gone]})

    assert data.text[0].nnz > 0
    assert 0 == data.text[1].nnz
    assert [False, True] == np.isnan(data.numbers[:, 1]).tolist()


def test_numbers_and_dates_where_text_was_are_text():
    _, data = encoded({"a": NOTES}, {"a": [1, 25]})

    assert [[1.0, 1.0], [2.0, 1.0]] == data.numbers.tolist()


def test_length_and_words_count_characters_and_not_bytes():
    column = read_table({"a": ["für dich", "  ", None]}).table.column("a")
    found = text_numbers(column)

    assert [8.0, 2.0] == found["length"][:2].tolist()
    assert [2.0, 0.0] == found["words"][:2].tolist()
    assert np.isnan(found["length"][2])
