"""What models without sparse input get from text: the most telling words as columns, and a few broad directions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

WORDS = 300
DIRECTIONS = 50
LEAST_ROWS_WITH_WORD = 3
MOST_CELLS = 100_000_000
"""With many rows there are fewer word columns (50 at least), so that they stay below 400 MB."""
DECOMPOSED_ROWS = 50_000
"""Directions are found in so many rows at most, drawn with the seed: more would not turn them noticeably."""
CLASSES_COMPARED = 20
"""Words are chosen by what they tell about so many classes, the largest."""


class TextFeatures:
    """TF-IDF of hashed counts, reduced to dense columns. Fitted on training rows only.

    Word columns are those that tell most about the target (F test on the training rows); directions are the first
    components of a truncated singular value decomposition (latent semantic analysis, Deerwester et al. 1990).
    """

    def __init__(self, seed: int = 0, *, words: int = WORDS, directions: int = DIRECTIONS) -> None:
        self._seed, self._words, self._directions = seed, words, directions
        self._idf: NDArray[np.float32] | None = None
        self._chosen: NDArray[np.int64] | None = None
        self._components: NDArray[np.float32] | None = None
        self._buckets: NDArray[np.int64] | None = None

    def fit(self, counts: csr_matrix, target: NDArray[Any], problem_type: str) -> None:
        """`counts` is ``(rows, buckets)``, `target` codes or values ``(rows,)``."""
        import numpy as np

        rows_with = np.bincount(counts.indices, minlength=counts.shape[1])
        self._idf = (np.log((1 + counts.shape[0]) / (1 + rows_with)) + 1).astype(np.float32)
        least = min(LEAST_ROWS_WITH_WORD, max(counts.shape[0] // 20, 1))
        self._buckets = np.flatnonzero(rows_with >= least)
        weighted = self._weighted(counts)
        self._chosen = self._choose(weighted, target, problem_type)
        self._components = self._decompose(weighted)

    def transform(self, counts: csr_matrix) -> NDArray[np.float32]:
        """Dense ``(rows, words + directions)``."""
        import numpy as np

        assert self._chosen is not None
        assert self._components is not None
        assert self._buckets is not None
        weighted = self._weighted(counts)
        words = np.asarray(weighted[:, self._chosen].toarray(), dtype=np.float32)
        directions = np.asarray(weighted[:, self._buckets] @ self._components.T, dtype=np.float32)
        return np.ascontiguousarray(np.concatenate([words, directions], axis=1))

    def save(self, folder: Path) -> None:
        """Write arrays and JSON into an existing folder."""
        import numpy as np

        np.savez(
            folder / "text_features.npz",
            idf=self._idf,  # type: ignore[arg-type]
            chosen=self._chosen,  # type: ignore[arg-type]
            components=self._components,  # type: ignore[arg-type]
            buckets=self._buckets,  # type: ignore[arg-type]
        )
        (folder / "text_features.json").write_text(json.dumps({"seed": self._seed}))

    @classmethod
    def load(cls, folder: Path) -> TextFeatures:
        """The inverse of :meth:`save`."""
        from automl.data.arrays import read_arrays

        features = cls(json.loads((folder / "text_features.json").read_text())["seed"])
        arrays = read_arrays(folder / "text_features.npz")
        features._idf, features._chosen = arrays["idf"], arrays["chosen"]
        features._components, features._buckets = arrays["components"], arrays["buckets"]
        return features

    def _weighted(self, counts: csr_matrix) -> csr_matrix:
        """Sublinear TF-IDF with rows of unit length."""
        import numpy as np
        from scipy.sparse import csr_matrix

        assert self._idf is not None
        values = (1 + np.log(np.maximum(counts.data, 1))) * self._idf[counts.indices]
        weighted = csr_matrix((values.astype(np.float32), counts.indices, counts.indptr), shape=counts.shape)
        lengths = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
        weighted.data /= np.repeat(np.maximum(lengths, 1e-12), np.diff(weighted.indptr)).astype(np.float32)
        return weighted

    def _choose(self, weighted: csr_matrix, target: NDArray[Any], problem_type: str) -> NDArray[np.int64]:
        """Buckets with the largest F statistic, ascending."""
        import numpy as np

        assert self._buckets is not None
        if not len(self._buckets):
            return np.zeros(0, dtype=np.int64)
        part = weighted[:, self._buckets]
        goals = _goals(target, problem_type)
        mean = np.asarray(part.mean(axis=0)).ravel()
        spread = np.asarray(part.multiply(part).mean(axis=0)).ravel() - mean**2
        covariance = np.asarray(part.T @ goals) / part.shape[0]
        score = (covariance**2 / np.maximum((goals**2).mean(axis=0), 1e-12)).sum(axis=1) / np.maximum(spread, 1e-12)
        most = min(self._words, max(MOST_CELLS // max(part.shape[0], 1), 50))
        best = np.argsort(-score, kind="stable")[:most]
        return np.sort(self._buckets[best])

    def _decompose(self, weighted: csr_matrix) -> NDArray[np.float32]:
        """Directions ``(directions, buckets)``."""
        import numpy as np

        assert self._buckets is not None
        rows = weighted.shape[0]
        if rows > DECOMPOSED_ROWS:
            drawn = np.random.default_rng(self._seed).choice(rows, DECOMPOSED_ROWS, replace=False)
            weighted = weighted[np.sort(drawn)]
        part = weighted[:, self._buckets]
        wanted = min(self._directions, part.shape[1] - 1, part.shape[0] - 1)
        if wanted < 1:
            return np.zeros((0, part.shape[1]), dtype=np.float32)
        from sklearn.utils.extmath import randomized_svd

        _, _, components = randomized_svd(part, wanted, n_iter=2, random_state=self._seed)
        return np.asarray(components, dtype=np.float32)


def _goals(target: NDArray[Any], problem_type: str) -> NDArray[np.float64]:
    """What words are compared with, ``(rows, goals)``, each with mean 0."""
    import numpy as np

    if problem_type == "regression":
        goals = np.asarray(target, dtype=np.float64).reshape(-1, 1)
    else:
        codes, counts = np.unique(target, return_counts=True)
        largest = codes[np.argsort(-counts, kind="stable")[:CLASSES_COMPARED]]
        goals = (np.asarray(target)[:, None] == largest[None, :]).astype(np.float64)
    return np.asarray(goals - goals.mean(axis=0))
