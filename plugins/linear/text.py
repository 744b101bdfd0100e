"""Linear models on all hashed words, with numbers and categories beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from automl_plugins.linear.dense import fit_task, predict_task
from automl_plugins.linear.files import load_arrays, save_arrays
from automl_plugins.linear.problems import Rows, Solution

if TYPE_CHECKING:
    from pathlib import Path

    from ConfigSpace import ConfigurationSpace
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

    from automl import Config, Effort, TableData, Task

MOST_LEVELS = 200
"""Levels of a category that get a column; codes count from the most frequent or in the order of the schema."""
FREQUENT_ROWS = 50
"""From so many training rows on, a word must occur in two of them to count."""
ARRAYS = ("limits", "buckets", "idf", "middle", "unit", "levels")


def space(task: Task) -> ConfigurationSpace:
    """C and penalty as for matrices, without l1, and how much the words weigh beside the other columns."""
    from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float

    del task  # the same for classes and values
    choice = Categorical("choice", ["auto", "fixed"], default="auto", weights=[1, 3])
    strength = Float("C", (2.0**-5, 2.0**10), log=True, default=1.0, meta={"limits": (1e-12, None)})
    words = Float("words_weight", (0.3, 10.0), log=True, default=3.0, meta={"limits": (0, None)})
    made = ConfigurationSpace(space=[choice, strength, words, Categorical("sublinear", [True, False], default=True)])
    made.add(EqualsCondition(strength, choice, "fixed"))
    return made


class TextLinear:
    """Softmax or ridge regression on TF-IDF; word weights are fitted on the training rows."""

    def __init__(self, config: Config, task: Task, seed: int) -> None:
        self._config, self._task, self._seed = config, task, seed
        self._arrays: dict[str, NDArray[Any]] = {}
        self._solution: Solution | None = None

    def fit(self, train: TableData, valid: TableData | None, effort: Effort) -> dict[str, float]:
        """Fit word weights and scales, then the linear model. Returns its C and how many words it knows as facts."""
        self._arrays = _fit_words(train) | _fit_numbers(train)
        self._arrays["levels"] = np.array([min(levels, MOST_LEVELS) for levels in train.layout.levels], dtype=np.int64)
        rows = Rows(self._features(train), np.asarray(train.target), train.weight, train.groups)
        held = None if valid is None else Rows(self._features(valid), np.asarray(valid.target), valid.weight)
        self._solution, self._arrays["limits"], strength = fit_task(
            self._task, self._config, rows, held, effort=effort, seed=self._seed
        )
        return {"C": strength, "words": float(len(self._arrays["buckets"]))}

    def predict(self, data: TableData) -> NDArray[np.float64]:
        """Probabilities ``(rows, classes)`` or values ``(rows,)``."""
        assert self._solution is not None
        return predict_task(self._task, self._solution, self._arrays["limits"], self._features(data))

    def save(self, folder: Path) -> None:
        """Arrays only."""
        assert self._solution is not None
        save_arrays(folder, self._solution, self._arrays)

    @classmethod
    def load(cls, folder: Path, config: Config, task: Task, seed: int) -> TextLinear:
        """Read the arrays back; PredictorError when they are missing, damaged or of another task."""
        model = cls(config, task, seed)
        model._solution, model._arrays = load_arrays(folder, task, ARRAYS)
        return model

    def _features(self, data: TableData) -> csr_matrix:
        """Sparse float32 ``(rows, words + numbers + levels)``."""
        from scipy.sparse import csr_matrix, hstack

        rows = len(data)
        blocks = [self._words(data)]
        if data.numbers.shape[1]:
            scaled = (np.asarray(data.numbers, dtype=np.float64) - self._arrays["middle"]) / self._arrays["unit"]
            bent = np.sign(scaled) * np.log1p(np.abs(scaled))
            blocks.append(csr_matrix(np.nan_to_num(bent).astype(np.float32)))
        for place, levels in enumerate(self._arrays["levels"].tolist()):
            codes = np.asarray(data.codes[:, place])
            known = np.flatnonzero((codes >= 0) & (codes < levels))
            ones = np.ones(len(known), dtype=np.float32)
            blocks.append(csr_matrix((ones, (known, codes[known])), shape=(rows, levels)))
        return hstack(blocks, format="csr", dtype=np.float32)

    def _words(self, data: TableData) -> csr_matrix:
        """TF-IDF of the known words, rows of length `words_weight` (Salton and Buckley 1988)."""
        from scipy.sparse import csr_matrix

        if data.text is None:
            return csr_matrix((len(data), len(self._arrays["buckets"])), dtype=np.float32)
        counts = csr_matrix(data.text)[:, self._arrays["buckets"]]
        values = np.asarray(counts.data, dtype=np.float64)
        if self._config["sublinear"]:
            values = 1.0 + np.log(np.maximum(values, 1.0))
        values = values * self._arrays["idf"][counts.indices]
        row = np.repeat(np.arange(len(data)), np.diff(counts.indptr))
        lengths = np.sqrt(np.bincount(row, weights=values**2, minlength=len(data)))
        values *= float(self._config["words_weight"] or 1.0) / np.maximum(lengths[row], 1e-12)
        return csr_matrix((values.astype(np.float32), counts.indices, counts.indptr), shape=counts.shape)


def _fit_words(train: TableData) -> dict[str, NDArray[Any]]:
    """Words that are frequent enough to learn from, and their inverse document frequencies."""
    if train.text is None:
        return {"buckets": np.zeros(0, dtype=np.int64), "idf": np.zeros(0)}
    rows_with = np.bincount(train.text.indices, minlength=train.text.shape[1])
    buckets = np.flatnonzero(rows_with >= (2 if len(train) >= FREQUENT_ROWS else 1))
    return {"buckets": buckets, "idf": np.log((1 + len(train)) / (1 + rows_with[buckets])) + 1.0}


def _fit_numbers(train: TableData) -> dict[str, NDArray[Any]]:
    """Medians and typical distances from them, which a few far values cannot move."""
    numbers = np.asarray(train.numbers, dtype=np.float64)
    middle, unit = np.zeros(numbers.shape[1]), np.ones(numbers.shape[1])
    for place, column in enumerate(numbers.T):
        known = column[~np.isnan(column)]
        if len(known):
            middle[place] = np.median(known)
            distances = np.abs(known - middle[place])
            unit[place] = np.quantile(distances, 0.7) or distances.max() or 1.0
    return {"middle": middle, "unit": unit}
