"""scikit-learn estimators on top of `automl.api`: `AutoClassifier` and `AutoRegressor`.

They take what scikit-learn's own estimators take, and tables with text, dates and categories beside. A fitted
estimator can be pickled: its state is the predictor's folder as bytes, in which nothing is a pickle.
"""

from __future__ import annotations

import shutil
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from automl.api import fit_run
from automl.estimator_input import (
    checked_features,
    checked_weight,
    feature_table,
    free_name,
    input_errors_as_value_errors,
    is_frame,
    seed_of,
)
from automl.packed_predictor import PackedPredictor
from automl.prepare import LEAST_ROWS
from automl.settings import Settings, parse_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from automl.outcome import FitOutcome
    from automl.predictor import Predictor

_WEIGHTS = (
    "Weights are not the same as repeated rows where rows are dealt to folds: a repeated row can stand on both "
    "sides of a split. scikit-learn's own estimators that validate inside fit fail it for the same reason."
)
EXPECTED_FAILED_CHECKS = {
    name: {"check_sample_weight_equivalence_on_dense_data": _WEIGHTS} for name in ("AutoClassifier", "AutoRegressor")
}
"""Estimator -> checks of scikit-learn that it is known to fail, with the reason."""


class AutoEstimator(BaseEstimator):  # type: ignore[misc]
    """What both estimators share. Parameters are those of `automl.Settings`, under scikit-learn's names.

    Args:
        time: budget of `fit`: seconds, or text such as ``"10m"``; None: 10 minutes, or none with `trials`.
        trials: number of trials; without `time` the result depends on `random_state` only.
        metric: name of the metric to optimise; None: roc_auc, log_loss or rmse by problem type.
        models: names of models to use; None: all that are usable.
        space: changes of the models' search spaces: ``{"lightgbm": {"learning_rate": (1e-3, 0.1, "log")}}``, a file, or a
            list of expressions.
        strategy: name of a search strategy, or ``"SAMPLER+SCHEDULER"``.
        baselines: stored configurations to start from: None, those of the plugins; False, none; a portfolio file; or a
            list of ``{"model": ..., "config": {...}}``.
        folds: folds of the cross-validation inside `fit`; None: chosen by size and time.
        repeats: repeats of that cross-validation.
        refit: train members once on all rows instead of averaging fold models.
        preset: ``"best"``, ``"balanced"`` or ``"fast"``: accuracy against quick prediction.
        max_latency_ms: most milliseconds per row of the finished predictor, in batches of 1,000 rows.
        max_size_mb: most megabytes of the finished predictor.
        columns: column name -> kind (``"category"``, ``"text"``, ...), overriding what is found.
        monotone: column name -> 1 or -1.
        random_state: seed; None draws one.
        n_jobs: most cores to use; None or -1: all that the process may use.
        device: where models train that can choose: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.
        executor: where jobs run, ``"processes"`` or ``"inline"``.
        memory_bytes: memory limit of each worker.
        out: run folder to keep; None: a temporary one that is removed after `fit`.
    """

    def __init__(  # scikit-learn asks for parameters one by one
        self,
        *,
        time: str | float | None = None,
        trials: int | None = None,
        metric: str | None = None,
        models: Sequence[str] | None = None,
        strategy: str | None = None,
        space: Any = None,
        baselines: bool | str | Path | Sequence[Mapping[str, Any]] | None = None,
        folds: int | None = None,
        repeats: int | None = None,
        refit: bool = False,
        preset: str = "best",
        max_latency_ms: float | None = None,
        max_size_mb: float | None = None,
        columns: Mapping[str, str] | None = None,
        monotone: Mapping[str, int] | None = None,
        random_state: Any = 0,
        n_jobs: int | None = None,
        device: str = "auto",
        executor: str | None = None,
        memory_bytes: int | None = None,
        out: str | Path | None = None,
    ) -> None:
        self.time = time
        self.trials = trials
        self.metric = metric
        self.models = models
        self.strategy = strategy
        self.space = space
        self.baselines = baselines
        self.folds = folds
        self.repeats = repeats
        self.refit = refit
        self.preset = preset
        self.max_latency_ms = max_latency_ms
        self.max_size_mb = max_size_mb
        self.columns = columns
        self.monotone = monotone
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.device = device
        self.executor = executor
        self.memory_bytes = memory_bytes
        self.out = out

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.target_tags.required = True
        tags.non_deterministic = self.trials is None or self.time is not None
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_saved")

    @property
    def predictor_(self) -> Predictor:
        """The predictor behind this estimator, for `save` and for what scikit-learn has no words for."""
        check_is_fitted(self)
        return self._saved.predictor

    def _fit(self, features: Any, target: NDArray[Any], sample_weight: Any, task: str) -> None:
        """Run the search on features and an already checked target."""
        table, numeric = feature_table(features)
        self._columns = list(table.column_names)
        weight = checked_weight(sample_weight, len(target))
        if weight is not None and not weight.all():
            # A row without weight is as good as absent, and must not bring in a class or a value.
            kept = weight > 0
            table, target, weight = table.filter(kept), target[kept], weight[kept]
        if task == "classification" and len(np.unique(target)) < 2:
            raise ValueError("y holds one class only; at least 2 classes are needed to learn")
        if len(target) < LEAST_ROWS:
            raise ValueError(f"n_samples={len(target)}; at least {LEAST_ROWS} are needed to train and judge")
        names = {"target": free_name("target", table), "weight": free_name("weight", table)}
        table = table.append_column(names["target"], [target])
        if weight is not None:
            table = table.append_column(names["weight"], [weight])
        with input_errors_as_value_errors():
            settings = Settings(
                target=names["target"],
                weight=None if weight is None else names["weight"],
                seconds=None if self.time is None else parse_seconds(self.time),
                trials=self.trials,
                metric=self.metric,
                task=task,
                models=tuple(self.models or ()),
                strategy=self.strategy,
                space=self.space,
                baselines=str(self.baselines) if isinstance(self.baselines, Path) else self.baselines,
                folds=self.folds,
                repeats=self.repeats,
                refit=self.refit,
                preset=self.preset,
                max_latency_ms=self.max_latency_ms,
                max_size_mb=self.max_size_mb,
                columns={**dict.fromkeys(numeric, "number"), **(self.columns or {})},
                monotone=dict(self.monotone or {}),
                seed=seed_of(self.random_state),
                device=self.device,
                jobs=None if self.n_jobs in (None, -1) else self.n_jobs,
                executor=self.executor,
                memory_bytes=self.memory_bytes,
            )
            self._keep(table, settings)

    def _keep(self, table: pa.Table, settings: Settings) -> None:
        """Run, and keep the predictor only, unless the user named a folder for the run."""
        work = Path(tempfile.mkdtemp(prefix="automl-"))
        try:
            outcome = fit_run(table, settings, out=work / "run" if self.out is None else Path(self.out))
            saved = PackedPredictor(outcome.predictor.save(work / "predictor"), temporary=work)
        except BaseException:
            shutil.rmtree(work, ignore_errors=True)
            raise
        shutil.rmtree(work / "run", ignore_errors=True)
        self._saved = saved
        self._describe(outcome)

    def _describe(self, outcome: FitOutcome) -> None:
        self.leaderboard_ = outcome.leaderboard
        self.findings_ = tuple(finding.message for finding in outcome.findings)
        self.metric_ = outcome.metric
        self.best_score_ = outcome.score
        if outcome.only_baseline:
            told = [row["message"] for row in outcome.leaderboard if row["status"] == "failed"][:1]
            reason = f": {told[0]}" if told else ""
            warnings.warn(f"only the dummy could be fitted; it does not look at X{reason}", UserWarning, stacklevel=4)

    def _table_to_predict(self, features: Any) -> pa.Table:
        check_is_fitted(self)
        features = checked_features(self, features, reset=False)
        table, _ = feature_table(features)
        # What has no names is taken by position, as scikit-learn's own estimators do.
        return table if is_frame(features) else table.rename_columns(self._columns)


class AutoClassifier(ClassifierMixin, AutoEstimator):  # type: ignore[misc]
    """Search for the best classifier inside a time budget. Parameters: see `AutoEstimator`.

    Attributes: ``classes_``, ``n_features_in_``, ``feature_names_in_``, ``predictor_``, ``leaderboard_``,
    ``findings_``, ``metric_``, ``best_score_`` (out of fold).
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Search on `X` (an array or a table, ``(rows, columns)``) and labels `y` ``(rows,)``.

        Raises ValueError for data that cannot be used.
        """
        X = checked_features(self, X, y, reset=True)
        check_classification_targets(y)
        labels = column_or_1d(y, warn=True)
        if labels.dtype.kind == "f":
            check_array(labels, ensure_2d=False, input_name="y")
        check_consistent_length(X, labels)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        self._fit(X, codes.astype(np.int64), sample_weight, "classification")
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Labels ``(rows,)`` as they came in `y`."""
        shares = self._shares(X)
        codes = np.asarray(self.predictor_.decide(shares), dtype=np.int64)
        chosen: NDArray[Any] = self.classes_[codes]
        return chosen

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Probabilities ``(rows, classes)`` in the order of ``classes_``."""
        shares = self._shares(X)
        # The engine learned codes, and a class whose rows had no weight is not among them.
        ordered = np.zeros((len(shares), len(self.classes_)))
        ordered[:, np.asarray(self.predictor_.classes, dtype=np.int64)] = shares
        return ordered

    def _shares(self, X: Any) -> NDArray[np.float64]:
        """Probabilities of the classes that the engine learned."""
        table = self._table_to_predict(X)
        with input_errors_as_value_errors():
            return self.predictor_.predict_proba(table)


class AutoRegressor(RegressorMixin, AutoEstimator):  # type: ignore[misc]
    """Search for the best regressor inside a time budget. Parameters: see `AutoEstimator`.

    Attributes: ``n_features_in_``, ``feature_names_in_``, ``predictor_``, ``leaderboard_``, ``findings_``,
    ``metric_``, ``best_score_`` (out of fold).
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Search on `X` (an array or a table, ``(rows, columns)``) and values `y` ``(rows,)``.

        Raises ValueError for data that cannot be used.
        """
        X = checked_features(self, X, y, reset=True)
        values = column_or_1d(check_array(y, ensure_2d=False, dtype=np.float64, input_name="y"), warn=True)
        check_consistent_length(X, values)
        self._fit(X, values, sample_weight, "regression")
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Values ``(rows,)``."""
        table = self._table_to_predict(X)
        with input_errors_as_value_errors():
            return self.predictor_.predict(table)
