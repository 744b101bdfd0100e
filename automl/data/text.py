"""Free text as hashed counts of words and pairs of words: bounded, without a fitted vocabulary."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

FEATURES = 1 << 15
"""Hash buckets of one text column; several columns share four times as many."""
TOTAL_FEATURES = 1 << 17
CHARACTERS = 60_000_000
"""Characters of one column that are hashed; longer columns have their texts cut evenly when they are fitted."""
BLOCK_BYTES = 1 << 22
"""Texts are counted in blocks of about this size."""
SYLLABLES = "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ecd\u1000-\u103f\u1050-\u109d\u1780-\u17d3"
"""Thai, Lao, Burmese and Khmer letters and their marks."""
CHARACTERS_AS_WORDS = (
    "\u3005-\u3007\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"
    "\U00020000-\U0003ffff"
)
"""Chinese and Japanese letters. Neither these nor those have blanks between words: each letter counts as one."""
_ALONE = f"[{SYLLABLES}{CHARACTERS_AS_WORDS}]"
_WORD = rf"{_ALONE}|[^\s{SYLLABLES}{CHARACTERS_AS_WORDS}]+"
_FIRST_BYTES = (0xE0, 0xE1, *range(0xE3, 0xEA), 0xEF, 0xF0)
"""All of them begin with one of these in UTF-8; dashes and curly quotes do not."""
_NO_WORD = rf"[^\p{{L}}\p{{N}}_{SYLLABLES}]+"
_CHARACTER, _SYLLABLE, _SPLIT = (re.compile(one) for one in (f"[{CHARACTERS_AS_WORDS}]", f"[{SYLLABLES}]", _ALONE))
_FACTOR = 0x9E3779B97F4A7C15
"""An odd number of 64 bits without a pattern."""


def bucket_count(columns: int) -> int:
    """Hash buckets of each of so many text columns."""
    return min(FEATURES, TOTAL_FEATURES // max(columns, 1))


def characters_hashed(rows: int) -> int:
    """Characters of each text that are hashed in a column of so many training rows."""
    return max(200, CHARACTERS // max(rows, 1))


def hash_counts(texts: Any, buckets: int, characters: int = CHARACTERS) -> csr_matrix:
    """Counts ``(rows, buckets)``, float32, of words and pairs of them in the first `characters` of each text (Weinberger et
    al. 2009, without signs). `texts` is a list, or an Arrow array of text.

    Each different word of a block is hashed once, pairs are mixed from the hashes of their words: several times faster
    than hashing each pair as text.
    """
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    from scipy.sparse import csr_matrix

    column = pa.chunked_array([pa.array(texts, pa.string())]) if isinstance(texts, list) else texts
    if not len(column):
        return csr_matrix((0, buckets), dtype=np.float32)
    mean = (pc.sum(pc.binary_length(column)).as_py() or 0) / len(column)
    rows = max(1, int(BLOCK_BYTES / max(min(mean, characters), 1.0)))

    def count(start: int) -> tuple[NDArray[Any], ...]:
        block = pc.utf8_slice_codeunits(column.slice(start, rows), 0, characters).fill_null("")
        return _count_block(block.combine_chunks() if isinstance(block, pa.ChunkedArray) else block, buckets)

    with ThreadPoolExecutor(max_workers=2) as pool:  # Arrow and numpy release the interpreter lock
        counts, places, sizes = (
            np.concatenate(part) for part in zip(*pool.map(count, range(0, len(column), rows)), strict=True)
        )
    starts = np.concatenate([[0], np.cumsum(sizes)])
    return csr_matrix((counts, places, starts), shape=(len(column), buckets))


def _count_block(texts: pa.Array, buckets: int) -> tuple[NDArray[Any], ...]:
    """Counts, buckets, and how many different buckets each row has; sorted by row and bucket."""
    import numpy as np
    import pyarrow.compute as pc

    lowered = pc.utf8_lower(texts)
    if _may_lack_blanks(lowered):
        lowered = pc.replace_substring_regex(lowered, f"({_ALONE})", r" \1 ")
    parts = pc.split_pattern_regex(lowered, _NO_WORD)
    coded = pc.dictionary_encode(pc.list_flatten(parts))
    rows, codes = pc.list_parent_indices(parts).to_numpy(), coded.indices.to_numpy()
    there = pc.not_equal(coded.dictionary, "").to_numpy(zero_copy_only=False)[codes]
    rows, codes = rows[there].astype(np.int64), codes[there]
    hashes = _word_hashes(coded.dictionary)
    words = hashes[codes]
    beside = rows[1:] == rows[:-1]
    pairs = _mixed(words[:-1][beside] * np.uint64(_FACTOR) + words[1:][beside])
    keys = np.concatenate(
        [
            rows * buckets + (words % buckets).astype(np.int64),
            rows[1:][beside] * buckets + (pairs % buckets).astype(np.int64),
        ]
    )
    keys.sort()
    edges = np.flatnonzero(np.concatenate([np.ones(min(len(keys), 1), dtype=bool), keys[1:] != keys[:-1]]))
    counts = np.diff(np.append(edges, len(keys))).astype(np.float32)
    found = keys[edges]
    sizes = np.bincount(found // buckets, minlength=len(texts))
    return counts, (found % buckets).astype(np.int32), sizes


def _may_lack_blanks(texts: pa.Array) -> bool:
    """Whether some text may be of a script without blanks: quick, and mostly no."""
    import numpy as np

    text = texts.buffers()[2]
    if text is None:
        return False
    table = np.zeros(256, dtype=bool)
    table[list(_FIRST_BYTES)] = True
    return bool(table[np.frombuffer(text, dtype=np.uint8)].any())


def words_and_letters(text: str) -> tuple[float, float]:
    """How many words and letters a text would have in English, about.

    Two Chinese or Japanese letters make one word, four letters with their marks of Thai and the like.
    """
    words, letters = len(text.split()), len(text)
    if text.isascii():
        return words, letters
    short, long = len(_CHARACTER.findall(text)), len(_SYLLABLE.findall(text))
    if not short + long:
        return words, letters
    others = sum(any(map(str.isalnum, word)) for word in _SPLIT.sub(" ", text).split())
    return others + short / 2 + long / 4, letters + 2 * short


def _word_hashes(words: pa.Array) -> NDArray[np.uint64]:
    """A number of 64 bits for each word: a polynomial in its bytes, mixed."""
    import numpy as np

    _, offsets, text = words.buffers()
    hashes = np.zeros(len(words), dtype=np.uint64)
    if text is None or not len(words):
        return hashes
    places = np.frombuffer(offsets, dtype=np.int32, count=words.offset + len(words) + 1)[words.offset :].astype(
        np.int64
    )
    sizes = np.diff(places)
    letters = np.frombuffer(text, dtype=np.uint8)[places[0] : places[-1]].astype(np.uint64)
    filled = np.flatnonzero(sizes)  # `reduceat` has no empty pieces
    starts = (places - places[0])[:-1]
    within = np.arange(len(letters)) - np.repeat(starts, sizes)
    powers = np.cumprod(np.full(int(sizes.max()) + 1, _FACTOR, dtype=np.uint64))  # wraps around: modulo 2**64
    if len(filled):
        hashes[filled] = np.add.reduceat((letters + np.uint64(1)) * powers[within], starts[filled])
    return _mixed(hashes)


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Every bit of the result depends on all bits: the finaliser of splitmix64 (Steele, Lea and Flood 2014)."""
    import numpy as np

    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(values ^ (values >> np.uint64(31)))


def text_numbers(column: Any) -> dict[str, NDArray[np.float64]]:
    """Length in characters and number of words (letters, where a script has no blanks) of each text; NaN for missing, as an empty text is."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)
    length = pc.cast(pc.utf8_length(column), pa.float64())
    words = pc.cast(pc.count_substring_regex(column, _WORD), pa.float64())
    return {"length": length.to_numpy(), "words": words.to_numpy()}
