"""scikit-learn's histogram gradient boosting, stopped early by the fold's validation rows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from automl import Config, Effort, PredictorError, TableData, Task, TreeColumns

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ConfigSpace import ConfigurationSpace
    from numpy.typing import NDArray

MOST_ROUNDS = 500
PATIENCE = 30
MODEL_FILE = "model.skops"
TRUSTED = [
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn._loss.link.IdentityLink",
    "sklearn._loss.link.Interval",
    "sklearn._loss.link.LogLink",
    "sklearn._loss.link.LogitLink",
    "sklearn._loss.link.MultinomialLogit",
    "sklearn._loss.loss.AbsoluteError",
    "sklearn._loss.loss.HalfBinomialLoss",
    "sklearn._loss.loss.HalfMultinomialLoss",
    "sklearn._loss.loss.HalfSquaredError",
    "sklearn._loss._loss.CyAbsoluteError",
    "sklearn._loss._loss.CyHalfBinomialLoss",
    "sklearn._loss._loss.CyHalfMultinomialLoss",
    "sklearn._loss._loss.CyHalfSquaredError",
]
"""Types beyond scikit-learn's estimators that a stored model may hold. Fixed here, never taken from the file."""


def space(task: Task) -> ConfigurationSpace:
    """The search space of auto-sklearn (JMLR 2022), with the learning rate's upper end cut to what still pays."""
    from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer

    made = ConfigurationSpace()
    made.add(
        Float("learning_rate", (0.01, 0.5), log=True, default=0.08),
        Integer("max_leaf_nodes", (3, 512), log=True, default=31),
        Integer("min_samples_leaf", (1, 200), log=True, default=20),
        Float("l2_regularization", (1e-10, 1.0), log=True, default=1e-10),
        Float("max_features", (0.4, 1.0), default=1.0),
    )
    if task.is_classification:
        made.add(Categorical("class_weight", ["none", "balanced"], weights=[0.85, 0.15], default="none"))
    return made


class HistGradientBoosting:
    """Boosted trees on binned columns; categories with many levels come as target means."""

    def __init__(self, config: Config, task: Task, seed: int) -> None:
        self._config, self._task, self._seed = dict(config), task, seed
        self._columns = TreeColumns(task, seed, "encoded")
        self._model: Any = None

    def fit(self, train: TableData, valid: TableData | None, effort: Effort) -> Mapping[str, float]:
        """Boost in steps, looking at the validation rows and the clock between them."""
        assert train.target is not None
        features = self._columns.fit_transform(train)
        target = self._target(train)
        rounds = max(1, int(effort.fidelity.get("rounds", MOST_ROUNDS)))
        self._model = self._make(len(train), rounds)
        if effort.deadline is None or effort.seconds_left() == float("inf"):
            held = None if valid is None else (self._columns.transform(valid), self._target(valid))
            early = held is not None and "rounds" not in effort.fidelity
            self._model.set_params(early_stopping=early, validation_fraction=None, n_iter_no_change=PATIENCE)
            options = {"X_val": held[0], "y_val": held[1]} if early and held is not None else {}
            self._model.fit(features, target, sample_weight=train.weight, **options)
            return {"rounds": float(self._model.n_iter_)}
        return {"rounds": float(self._fit_in_steps(features, target, train, valid, rounds, effort))}

    def _fit_in_steps(
        self,
        features: NDArray[np.float32],
        target: NDArray[Any],
        train: TableData,
        valid: TableData | None,
        rounds: int,
        effort: Effort,
    ) -> int:
        """A few rounds at a time by warm start, until no progress, the rounds, or the deadline."""
        held = None if valid is None else self._columns.transform(valid)
        best, since, done = np.inf, 0, 0
        step = 1
        self._model.set_params(warm_start=True, early_stopping=False)
        while done < rounds:
            began = time.monotonic()
            done = min(done + step, rounds)
            self._model.set_params(max_iter=done)
            self._model.fit(features, target, sample_weight=train.weight)
            if held is not None and valid is not None:
                loss = self._loss(held, valid)
                since = 0 if loss < best else since + step
                best = min(best, loss)
            taken = time.monotonic() - began
            # A step costs about as much as the last one per round; one more must fit before the deadline.
            if effort.seconds_left() - 0.1 < 2.0 * taken or since >= PATIENCE:
                break
            step = min(10, max(1, int(step * 0.3 * effort.seconds_left() / max(taken, 1e-3))), 2 * step)
        return done

    def _loss(self, features: NDArray[np.float32], valid: TableData) -> float:
        if self._task.is_classification:
            shares = self._model.predict_proba(features)[np.arange(len(features)), np.asarray(valid.target)]
            return float(-np.log(np.maximum(shares, 1e-15)).mean())
        return float(np.square(self._model.predict(features) - self._target(valid)).mean())

    def _target(self, rows: TableData) -> NDArray[Any]:
        assert rows.target is not None
        return np.asarray(rows.target)

    def _make(self, rows: int, rounds: int) -> Any:
        from sklearn import ensemble

        config = {name: value for name, value in self._config.items() if name != "class_weight"}
        config["min_samples_leaf"] = max(1, min(int(config["min_samples_leaf"]), rows // 5))  # type: ignore[arg-type]
        config |= {"max_iter": rounds, "random_state": self._seed % (2**32 - 1), "early_stopping": False}
        if self._task.is_classification:
            weight = "balanced" if self._config.get("class_weight") == "balanced" else None
            return ensemble.HistGradientBoostingClassifier(**config, class_weight=weight)
        loss = "absolute_error" if self._task.metric in ("mae", "median_ae") else "squared_error"
        return ensemble.HistGradientBoostingRegressor(**config, loss=loss)

    def predict(self, data: TableData) -> NDArray[np.float64]:
        """Probabilities ``(rows, classes)`` or values ``(rows,)``."""
        if not len(data):
            return np.zeros((0, self._task.class_count) if self._task.is_classification else 0)
        features = self._columns.transform(data)
        found = self._model.predict_proba(features) if self._task.is_classification else self._model.predict(features)
        return np.asarray(found, dtype=np.float64)

    def save(self, folder: Path) -> None:
        """scikit-learn's state through skops, which writes no code."""
        import skops.io

        skops.io.dump(self._model, folder / MODEL_FILE)
        self._columns.save(folder)

    @classmethod
    def load(cls, folder: Path, config: Config, task: Task, seed: int) -> HistGradientBoosting:
        """Read it back; PredictorError when the file is damaged or holds a type that is not expected."""
        import skops.io

        model = cls(config, task, seed)
        model._columns = TreeColumns.load(folder, task, seed)
        try:
            model._model = skops.io.load(folder / MODEL_FILE, trusted=TRUSTED)
        except Exception as error:
            raise PredictorError(
                f"the model in {folder} is damaged or not to be trusted ({error}); fit again"
            ) from error
        return model
