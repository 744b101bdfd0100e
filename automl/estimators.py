"""scikit-learn estimators on top of `fit_run`: they go into pipelines, cross-validation and pickles."""

from __future__ import annotations

import contextlib
import io
import shutil
import tempfile
import weakref
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, column_or_1d, validate_data

from automl.api import fit_run, make_settings
from automl.predictor import Predictor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

EXPECTED_FAILED_CHECKS: dict[str, dict[str, str]] = {
    "AutoClassifier": {
        "check_sample_weight_equivalence_on_dense_data": "a row of weight 2 stands in one fold, two rows in two",
    },
    "AutoRegressor": {
        "check_sample_weight_equivalence_on_dense_data": "a row of weight 2 stands in one fold, two rows in two",
    },
}
"""Checks of scikit-learn that these estimators do not pass, with the reason."""
TARGET = "target to learn"
WEIGHT = "weight of the row"


class _Auto(BaseEstimator):  # type: ignore[misc]
    """What both estimators share."""

    _task: str

    def __init__(
        self,
        *,
        time: str | float | None = None,
        trials: int | None = None,
        metric: str | None = None,
        models: Sequence[str] = (),
        random_state: int | None = 0,
        n_jobs: int | None = None,
        executor: str = "processes",
        folds: int | None = None,
        strategy: str = "random",
        refit: bool = False,
        out: str | Path | None = None,
    ) -> None:
        self.time = time
        self.trials = trials
        self.metric = metric
        self.models = models
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.executor = executor
        self.folds = folds
        self.strategy = strategy
        self.refit = refit
        self.out = out

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Search inside the budget. `X` is ``(rows, columns)``: an array, or a pandas, polars or Arrow table.

        Raises ValueError (DataError, SettingsError) for data that cannot be used.
        """
        table, target = self._check_fit(X, y)
        if sample_weight is not None:
            weights = _check_sample_weight(sample_weight, target, dtype=np.float64, ensure_non_negative=True)
            if not weights.any():
                raise ValueError("sample_weight is zero for every row; give some rows a weight above 0")
            table[WEIGHT] = weights
        table[TARGET] = target
        settings = make_settings(
            TARGET,
            {
                "time": self.time,
                "trials": self.trials,
                "metric": self.metric,
                "models": tuple(self.models),
                "seed": 0 if self.random_state is None else int(self.random_state),
                "jobs": None if self.n_jobs in (None, -1) else self.n_jobs,
                "executor": self.executor,
                "folds": self.folds,
                "strategy": self.strategy,
                "refit": self.refit,
                "task": self._task,
                "weight": WEIGHT if sample_weight is not None else None,
            },
        )
        outcome = _fit_somewhere(table, settings, self.out)
        self._predictor, self._keeper = outcome
        self.best_score_ = self._predictor_score()
        return self

    def _predictor_score(self) -> float | None:
        rows = [row["score"] for row in self._predictor.leaderboard() if row["weight"]]
        return rows[0] if rows else None

    def _check_fit(self, X: Any, y: Any) -> tuple[dict[str, Any], NDArray[Any]]:
        if y is None:
            raise ValueError("requires y to be passed, but the target y is None")
        target = column_or_1d(y, warn=True)
        if _is_frame(X):
            validate_data(self, X, skip_check_array=True)
            table = _frame_columns(X)
            rows = len(next(iter(table.values()), []))
            if rows != len(target):
                raise ValueError(f"X has {rows} rows and y {len(target)}: inconsistent numbers of samples")
            return table, target
        X, target = validate_data(
            self,
            X,
            target,
            dtype=None,
            ensure_all_finite="allow-nan",
            accept_sparse=False,
            ensure_min_samples=2,
            multi_output=False,
        )
        return _array_columns(X), target

    def _check_predict(self, X: Any) -> dict[str, Any]:
        check_is_fitted(self, "_predictor")
        if _is_frame(X):
            validate_data(self, X, skip_check_array=True, reset=False)
            return _frame_columns(X)
        X = validate_data(self, X, dtype=None, ensure_all_finite="allow-nan", accept_sparse=False, reset=False)
        return _array_columns(X)

    def leaderboard(self) -> list[dict[str, Any]]:
        """Rows of the run's leaderboard."""
        check_is_fitted(self, "_predictor")
        return self._predictor.leaderboard()

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_predictor")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.target_tags.required = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """Settings and the predictor's files: no pickled models."""
        state = dict(super().__getstate__())
        predictor = state.pop("_predictor", None)
        state.pop("_keeper", None)
        if predictor is not None:
            state["_files"] = _pack(predictor)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        files = state.pop("_files", None)
        super().__setstate__(state)
        if files is not None:
            self._predictor, self._keeper = _unpack(files)


class AutoClassifier(ClassifierMixin, _Auto):  # type: ignore[misc]
    """Finds the best classifier inside a time or trial budget.

    `time` is ``"60s"``, ``"10m"`` or seconds (default ten minutes unless `trials` is given); `models` and `metric`
    are names as in ``automl models`` and ``automl metrics``; `out` keeps the run folder, which is temporary otherwise.
    """

    _task = "classification"

    def _check_fit(self, X: Any, y: Any) -> tuple[dict[str, Any], NDArray[Any]]:
        table, target = super()._check_fit(X, y)
        check_classification_targets(target)
        self.classes_, codes = np.unique(target, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"the target has 1 class only ({self.classes_[0]!r}); there is nothing to learn")
        return table, np.array([f"class {code:06d}" for code in codes], dtype=object)

    def predict(self, X: Any) -> NDArray[Any]:
        """Labels ``(rows,)`` as they were given."""
        places = self.predict_proba(X).argmax(axis=1)
        labels: NDArray[Any] = self.classes_
        return labels[places]

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Probabilities ``(rows, classes)`` in the order of ``classes_``."""
        table = self._check_predict(X)
        return self._predictor.predict_proba(table)


class AutoRegressor(RegressorMixin, _Auto):  # type: ignore[misc]
    """Finds the best regressor inside a time or trial budget; the parameters are those of `AutoClassifier`."""

    _task = "regression"

    def _check_fit(self, X: Any, y: Any) -> tuple[dict[str, Any], NDArray[Any]]:
        table, target = super()._check_fit(X, y)
        numbers = np.asarray(target, dtype=np.float64)
        if not np.isfinite(numbers).all():
            raise ValueError("the target y contains NaN or infinity; drop or mend those rows")
        return table, numbers

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Values ``(rows,)``."""
        table = self._check_predict(X)
        return self._predictor.predict(table)


def _is_frame(X: Any) -> bool:
    return type(X).__module__.partition(".")[0] in ("pandas", "polars", "pyarrow") and hasattr(X, "columns")


def _frame_columns(X: Any) -> dict[str, Any]:
    from automl.data.read import read_table

    table = read_table(X).table
    return {name: table.column(name) for name in table.column_names}


def _array_columns(X: NDArray[Any]) -> dict[str, Any]:
    if X.dtype.kind == "O":
        # What is all numbers after all should be read as numbers.
        with contextlib.suppress(ValueError, TypeError):
            X = X.astype(np.float64)
    if X.dtype.kind == "f" and np.isinf(X).any():
        raise ValueError("Input X contains infinity or a value too large; replace it by NaN or mend it")
    return {f"column_{place}": X[:, place - 1] for place in range(1, X.shape[1] + 1)}


def _fit_somewhere(table: dict[str, Any], settings: Any, out: str | Path | None) -> tuple[Predictor, Any]:
    """Fit into `out`, or into a temporary folder that lives as long as the predictor."""
    if out is not None:
        return fit_run(table, settings, out=Path(out)).predictor, None
    parent = Path(tempfile.mkdtemp(prefix="automl-"))
    try:
        predictor = fit_run(table, settings, out=parent / "run").predictor
    except BaseException:
        shutil.rmtree(parent, ignore_errors=True)
        raise
    return predictor, weakref.finalize(predictor, shutil.rmtree, parent, True)


def _pack(predictor: Predictor) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(predictor.folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(predictor.folder).as_posix())
    return buffer.getvalue()


def _unpack(files: bytes) -> tuple[Predictor, Any]:
    parent = Path(tempfile.mkdtemp(prefix="automl-"))
    with zipfile.ZipFile(io.BytesIO(files)) as archive:
        archive.extractall(parent)
    predictor = Predictor.load(parent)
    return predictor, weakref.finalize(predictor, shutil.rmtree, parent, True)
