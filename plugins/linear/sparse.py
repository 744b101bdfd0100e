"""Linear models on all hashed words, with numbers and categories beside them."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from automl import Config, Effort, PredictorError, TableData, Task
from automl_plugins.linear.dense import load_solution, save_solution
from automl_plugins.linear.solve import Solution, fit_path, probabilities, scores

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

ONE_HOT_LEVELS = 200


def space(task: Task) -> ConfigurationSpace:
    """Inverse strength as for the dense model, and how much words weigh against the other columns."""
    from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float

    made = ConfigurationSpace()
    choice = Categorical("choice", ["auto", "fixed"], default="auto")
    strength = Float("strength", (2.0**-5, 2.0**10), log=True, default=1.0)
    made.add(choice, strength, Float("text_scale", (0.3, 10.0), log=True, default=3.0))
    made.add(EqualsCondition(strength, choice, "fixed"))
    return made


class TextLinear:
    """Softmax or ridge regression on TF-IDF; word weights are fitted on the training rows."""

    def __init__(self, config: Config, task: Task, seed: int) -> None:
        self._config, self._task, self._seed = config, task, seed
        self._arrays: dict[str, NDArray[Any]] = {}
        self._solution: Solution | None = None

    def fit(self, train: TableData, valid: TableData | None, effort: Effort) -> Mapping[str, float]:
        """Fit word weights and scales, then the linear model."""
        assert train.text is not None
        assert train.target is not None
        seen = np.bincount(train.text.indices, minlength=train.text.shape[1])
        numbers = np.asarray(train.numbers, dtype=np.float64)
        known = ~np.isnan(numbers)
        counts = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, numbers, 0.0).sum(axis=0) / counts
        spread = np.sqrt(np.where(known, (numbers - mean) ** 2, 0.0).sum(axis=0) / counts)
        self._arrays = {
            "idf": np.log((1 + len(train)) / (1 + seen)) + 1,
            "mean": mean,
            "spread": np.where(spread > 0, spread, 1.0),
            "levels": np.array([min(levels, ONE_HOT_LEVELS) for levels in train.layout.levels], dtype=np.int64),
        }
        config = {"penalty": "l2", **self._config}
        data = (self._features(train), train.target, train.weight)
        held = None if valid is None else (self._features(valid), valid.target, valid.weight)
        self._solution, strength = fit_path(self._task, config, data, held, effort, self._seed)  # type: ignore[arg-type]
        return {"strength": strength}

    def _features(self, data: TableData) -> Any:
        """Sparse ``(rows, words + numbers + levels)``."""
        from scipy.sparse import csr_matrix, hstack

        assert data.text is not None
        values = (1 + np.log(np.asarray(data.text.data))) * self._arrays["idf"][data.text.indices]
        words = csr_matrix((values, data.text.indices, data.text.indptr), shape=data.text.shape)
        lengths = np.sqrt(np.asarray(words.multiply(words).sum(axis=1)).ravel())
        words.data *= float(self._config["text_scale"]) / np.repeat(np.maximum(lengths, 1e-12), np.diff(words.indptr))  # type: ignore[arg-type]
        scaled = (np.asarray(data.numbers, dtype=np.float64) - self._arrays["mean"]) / self._arrays["spread"]
        blocks = [words, csr_matrix(np.clip(np.nan_to_num(scaled), -4, 4))]
        for place, levels in enumerate(self._arrays["levels"].tolist()):
            codes = np.asarray(data.codes[:, place])
            rows = np.flatnonzero((codes >= 0) & (codes < levels))
            blocks.append(csr_matrix((np.ones(len(rows)), (rows, codes[rows])), shape=(len(codes), levels)))
        return hstack(blocks, format="csr")

    def predict(self, data: TableData) -> NDArray[np.float64]:
        """Probabilities ``(rows, classes)`` or values ``(rows,)``."""
        assert self._solution is not None
        outputs = scores(self._solution, self._features(data))
        return probabilities(outputs) if self._task.is_classification else outputs[:, 0]

    def save(self, folder: Path) -> None:
        """Arrays only."""
        assert self._solution is not None
        np.savez(folder / "features.npz", **self._arrays)  # type: ignore[arg-type]
        save_solution(self._solution, folder)

    @classmethod
    def load(cls, folder: Path, config: Config, task: Task, seed: int) -> TextLinear:
        """Read the arrays back; PredictorError when they are missing or damaged."""
        model = cls(config, task, seed)
        try:
            with np.load(folder / "features.npz", allow_pickle=False) as arrays:
                model._arrays = {name: arrays[name] for name in ("idf", "mean", "spread", "levels")}
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise PredictorError(f"{folder / 'features.npz'} is missing or damaged ({error}); fit again") from error
        model._solution = load_solution(folder, task)
        return model
