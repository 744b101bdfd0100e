"""Text as hashed words: the same words give the same counts, whatever stands beside them."""

import zlib

import numpy as np
import pyarrow as pa
import pytest

from automl.data.read import read_table
from automl.data.schema import Roles, fit_schema
from automl.data.text import (
    FEATURES,
    TOTAL_FEATURES,
    bucket_count,
    characters_hashed,
    hash_counts,
    text_numbers,
    words_and_letters,
)

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


# -- scripts without blanks -----------------------------------------------------------------------

CHINESE = [
    f"这家饭店的菜{'非常好吃' if place % 2 else '太难吃了'}服务也{'很周到' if place % 3 else '一般'}{place}号桌"
    for place in range(80)
]
JAPANESE = [f"この部屋は{'とても静か' if place % 2 else 'うるさい'}で駅から{place}分です" for place in range(80)]
THAI = [
    f"อาหารอร่อย{'มาก' if place % 2 else 'น้อย'}และห้อง{'สะอาด' if place % 3 else 'สกปรก'}ชั้น{place}" for place in range(80)
]
SURNAMES, GIVEN = "王李张刘陈杨赵黄周吴", "伟芳娜敏静强磊军洋勇"


@pytest.mark.parametrize("texts", [CHINESE, JAPANESE, THAI])
def test_texts_without_blanks_are_no_ids(texts):
    schema, data = encoded({"a": texts, "z": np.arange(80) / 3})

    assert ["text", "number"] == [column.kind for column in schema.columns]
    assert data.text[0].nnz > 20
    assert data.numbers[0, 1] > 10


def test_chinese_names_are_ids_as_english_ones_are():
    names = [first + second + third for first in SURNAMES for second in GIVEN for third in "一二三"]
    schema, _ = encoded({"a": names, "z": np.arange(300) / 3})

    assert "id" == schema.columns[0].kind


def test_letters_and_pairs_of_letters_are_counted_where_there_are_no_blanks():
    whole, turned, apart = hash_counts(["北京市", "京北市", "北 京，市"], 1 << 15)

    assert [5.0, 5.0] == [whole.sum(), turned.sum()]
    assert 4 == (whole != turned).nnz
    assert 0 == (whole != apart).nnz
    assert 9.0 == hash_counts(["学习 Python3 入門"], 1 << 15).sum()
    assert 0 == (hash_counts(["a red house", *CHINESE], 1 << 12)[0] != hash_counts(["a red house"], 1 << 12)[0]).nnz


def test_marks_of_thai_vowels_tell_words_apart():
    high, low = hash_counts(["ดี", "ดุ"], 1 << 15)

    assert (high != low).nnz


def test_other_scripts_are_hashed_as_ever():
    """The figure is that of the words and pairs alone, as they were before letters of any script were looked at."""
    texts = [
        "The quick brown fox\u2019s na\u00efve caf\u00e9 \u2014 d\u00e9j\u00e0 vu, stra\u00dfe 12,5 \u20ac",
        "Быстрая коричневая лиса прыгает",
        "चतुर लोमड़ी कुत्ते के ऊपर कूदती है",
        "빠른 갈색 여우가 게으른 개를 뛰어넘는다",
        "الثعلب البني السريع",
        "emoji 😀 fun",
        "",
        None,
        "x_1 y-2 z.3",
    ]
    counts = hash_counts(texts, 1 << 15)
    counts.sort_indices()

    assert 766866615 == zlib.crc32(counts.indices.tobytes() + counts.data.tobytes() + counts.indptr.tobytes())


def test_words_are_letters_where_there_are_no_blanks():
    column = read_table({"a": ["我爱 Python 入門", "it is Python"]}).table.column("a")

    assert [5.0, 3.0] == text_numbers(column)["words"].tolist()
    assert [(2.5, 16), (3, 12), (2, 6)] == [
        words_and_letters(text) for text in ("我爱你，北京", "it is Python", "für x!")
    ]


def test_a_clause_that_is_asked_to_be_text_is_more_than_one_word(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("a,z\n" + "".join(f"{text},{place / 3}\n" for place, text in enumerate(CHINESE)))
    raw = read_table(path)
    schema, _ = fit_schema(raw, Roles(target=None, columns={"a": "text"}))
    data, _ = schema.encode(raw.table)
    alone, _ = schema.encode(read_table({"a": CHINESE[7], "z": 7 / 3}).table)

    assert data.text[7].nnz > 20
    assert 0 == (data.text[7] != alone.text[0]).nnz
