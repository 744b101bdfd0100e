"""Free text as hashed counts of words and pairs of words: bounded, without a fitted vocabulary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

FEATURES = 1 << 15
"""Hash buckets of one text column; several columns share four times as many."""
TOTAL_FEATURES = 1 << 17
CHARACTERS = 60_000_000
"""Characters of one column that are hashed; longer columns have their texts cut evenly when they are fitted."""


def bucket_count(columns: int) -> int:
    """Hash buckets of each of so many text columns."""
    return min(FEATURES, TOTAL_FEATURES // max(columns, 1))


def characters_hashed(rows: int) -> int:
    """Characters of each text that are hashed in a column of so many training rows."""
    return max(200, CHARACTERS // max(rows, 1))


def hash_counts(texts: list[str | None], buckets: int, characters: int = CHARACTERS) -> csr_matrix:
    """Counts ``(rows, buckets)``, float32, of words and pairs in the first `characters` of each text (Weinberger et
    al. 2009, without signs).
    """
    import numpy as np
    from scipy.sparse import csr_matrix
    from sklearn.feature_extraction.text import HashingVectorizer

    if not texts:
        return csr_matrix((0, buckets), dtype=np.float32)
    cut = [(text or "")[:characters] for text in texts]
    vectorizer = HashingVectorizer(
        n_features=buckets,
        alternate_sign=False,
        norm=None,
        ngram_range=(1, 2),
        dtype=np.float32,
        token_pattern=r"(?u)\b\w+\b",  # noqa: S106 - a pattern for words, no password
    )
    return csr_matrix(vectorizer.transform(cut))


def text_numbers(column: Any) -> dict[str, NDArray[np.float64]]:
    """Length in characters and number of words of each text; NaN for missing, as an empty text is."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)
    length = pc.cast(pc.utf8_length(column), pa.float64())
    words = pc.cast(pc.count_substring_regex(column, r"\S+"), pa.float64())
    return {"length": length.to_numpy(), "words": words.to_numpy()}
