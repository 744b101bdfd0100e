"""What both scikit-learn estimators share: their parameters, and the search behind `fit`."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from automl.api import fit_run
from automl.estimator_images import Source, as_given, holds_images, opened, paired
from automl.estimator_input import (
    checked_features,
    checked_weight,
    feature_table,
    free_name,
    input_errors_as_value_errors,
    is_frame,
    named,
    seed_of,
)
from automl.packed_predictor import PackedPredictor
from automl.prepare import LEAST_ROWS
from automl.settings import Settings, parse_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from automl.outcome import FitOutcome
    from automl.predictor import Predictor


class AutoEstimator(BaseEstimator):  # type: ignore[misc]
    """What both estimators share. Parameters are those of `automl.Settings`, under scikit-learn's names.

    Args:
        time: budget of `fit`: seconds, or text such as ``"10m"``; None: 10 minutes, or none with `trials`.
        trials: number of trials; without `time` the result depends on `random_state` only.
        patience: full trials without anything better after which the search ends; None: it goes on.
        max_cost: most money for everything, by the prices of `prices`; None: no bound.
        prices: file with what an hour of a core and of a GPU costs; None: the one that AUTOML_PRICES names.
        metric: name of the metric to optimise; None: roc_auc, log_loss or rmse by problem type.
        models: names of models to use; None: all that are usable.
        space: changes of the models' search spaces: ``{"lightgbm": {"learning_rate": (1e-3, 0.1, "log")}}``, a file, or a
            list of expressions.
        strategy: name of a search strategy, or ``"SAMPLER+SCHEDULER"``.
        fidelity: what partial budgets scale: ``"rows"``, ``"epochs"``, ``"phi"``, ...; None: the strategy's or the models' own.
        fidelity_max: value of `fidelity` at full training, such as the highest phi; None: the models' own.
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
        image_column: column of a table that holds paths of images; None: found where there is one.
        image_side: most pixels of the side at which images are kept; None: 256.
        pretrained: name or file of pretrained weights; None: those that are installed.
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
        patience: int | None = None,
        max_cost: float | None = None,
        prices: str | Path | None = None,
        metric: str | None = None,
        models: Sequence[str] | None = None,
        strategy: str | None = None,
        fidelity: str | None = None,
        fidelity_max: float | None = None,
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
        image_column: str | None = None,
        image_side: int | None = None,
        pretrained: str | Path | None = None,
        random_state: Any = 0,
        n_jobs: int | None = None,
        device: str = "auto",
        executor: str | None = None,
        memory_bytes: int | None = None,
        out: str | Path | None = None,
    ) -> None:
        self.time = time
        self.trials = trials
        self.patience = patience
        self.max_cost = max_cost
        self.prices = prices
        self.metric = metric
        self.models = models
        self.strategy = strategy
        self.fidelity = fidelity
        self.fidelity_max = fidelity_max
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
        self.image_column = image_column
        self.image_side = image_side
        self.pretrained = pretrained
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

    def _features(self, features: Any, target: Any) -> Any:
        """Checked features of a table; images that `target` is given for, opened."""
        return opened(features) if holds_images(features) else checked_features(self, features, target, reset=True)

    def _fit(self, features: Any, target: NDArray[Any], sample_weight: Any, task: str) -> None:
        """Run the search on features and an already checked target."""
        weight = checked_weight(sample_weight, len(target))
        kept = np.ones(len(target), dtype=bool) if weight is None else weight > 0
        # A row without weight is as good as absent, and must not bring in a class or a value.
        target, weight = target[kept], None if weight is None else weight[kept]
        if task == "classification" and len(np.unique(target)) < 2:
            raise ValueError("y holds one class only; at least 2 classes are needed to learn")
        if len(target) < LEAST_ROWS:
            raise ValueError(f"n_samples={len(target)}; at least {LEAST_ROWS} are needed to train and judge")
        if holds_images(features):
            self._run(paired(features, target, weight, kept), task)
            return
        table, kinds = feature_table(features)
        self._columns, self._named = list(table.column_names), is_frame(features)
        names = {"target": free_name("target", table), "weight": free_name("weight", table)}
        table = table.filter(kept).append_column(names["target"], [target])
        if weight is not None:
            table = table.append_column(names["weight"], [weight])
        source = Source(
            data=table,
            target=names["target"],
            weight=None if weight is None else names["weight"],
            image_column=self.image_column,
        )
        self._run(source, task, kinds)

    def _run(self, source: Source, task: str, kinds: Mapping[str, str] | None = None) -> None:
        """Search with the parameters of this estimator; `kinds` are those of columns that are known already."""
        with input_errors_as_value_errors():
            settings = Settings(
                target=source.target,
                weight=source.weight,
                seconds=None if self.time is None else parse_seconds(self.time),
                trials=self.trials,
                patience=self.patience,
                max_cost=self.max_cost,
                prices=None if self.prices is None else str(self.prices),
                metric=self.metric,
                task=task,
                models=tuple(self.models or ()),
                strategy=self.strategy,
                fidelity=self.fidelity,
                fidelity_max=self.fidelity_max,
                space=self.space,
                baselines=str(self.baselines) if isinstance(self.baselines, Path) else self.baselines,
                folds=self.folds,
                repeats=self.repeats,
                refit=self.refit,
                preset=self.preset,
                max_latency_ms=self.max_latency_ms,
                max_size_mb=self.max_size_mb,
                columns={**(kinds or {}), **named(self.columns)},
                monotone=named(self.monotone),
                image_column=source.image_column,
                image_side=self.image_side,
                pretrained=None if self.pretrained is None else str(self.pretrained),
                seed=seed_of(self.random_state),
                device=self.device,
                jobs=None if self.n_jobs in (None, -1) else self.n_jobs,
                executor=self.executor,
                memory_bytes=self.memory_bytes,
            )
            self._keep(source.data, settings)

    def _keep(self, data: Any, settings: Settings) -> None:
        """Run, and keep the predictor only, unless the user named a folder for the run."""
        work = Path(tempfile.mkdtemp(prefix="automl-"))
        try:
            outcome = fit_run(data, settings, out=work / "run" if self.out is None else Path(self.out))
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

    def _to_predict(self, features: Any) -> Any:
        """A table in the order of what was fitted; images as they are."""
        check_is_fitted(self)
        if self.predictor_.parts.images is not None:
            return as_given(features)
        features = checked_features(self, features, reset=False)
        table, _ = feature_table(features)
        # Where either has no names all is taken by position, as scikit-learn's own estimators do.
        named = is_frame(features) and self._named and set(self._columns) <= set(table.column_names)
        return table if named else table.rename_columns(self._columns)

    def _own_score(self, features: Any, metric: str) -> float:
        """The metric on data that hold their target."""
        check_is_fitted(self)
        with input_errors_as_value_errors():
            return self.predictor_.score(as_given(features), metric)
