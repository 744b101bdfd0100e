"""LightGBM through its own training loop, with early stopping on the fold's validation rows."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import numpy as np
from automl_plugins.trees.lightgbm_text import check_text
from automl_plugins.trees.rows import class_factors, crosses, crosses_of, monotone_signs, row_weights

from automl import Config, Effort, PredictorError, TableData, Task, TreeColumns, boosting_patience, boosting_rate

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ConfigSpace import ConfigurationSpace
    from numpy.typing import NDArray

MOST_ROUNDS = 2000
FIRST_LOOK = 8
"""Rounds after which the time per round is known well enough to judge the learning rate."""
LIBRARY_RATE = 0.1
"""LightGBM's own learning rate, where a configuration names none."""
BLOCK_LEAVES, BLOCK_ROWS = 4_000, 200
"""Many rows are predicted by so many leaves at a time, which stay in a core's cache while all rows pass through them: with
26 classes and 120 rounds in 0.4 of the CPU time."""
WIDE = 1000
"""Tables with so many columns, and more than rows, get coarser bins."""
OBJECTIVES = {"mae": "regression_l1", "median_ae": "regression_l1", "mape": "mape"}


def space(task: Task) -> ConfigurationSpace:
    """The search space of TabArena (arXiv 2506.16791) with learning rates up to AutoGluon's 0.2, and the wider ends of
    leaves, rows in a leaf, feature share and L2 of pytabkit (arXiv 2407.04491).
    """
    from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float, Integer

    made = ConfigurationSpace()
    made.add(
        Float("learning_rate", (0.005, 0.2), log=True, default=0.05, meta={"limits": (1e-12, None)}),
        Integer("num_leaves", (2, 256), log=True, default=31, meta={"limits": (2, 131072)}),
        Integer("min_data_in_leaf", (1, 128), log=True, default=20, meta={"limits": (0, None)}),
        Float("feature_fraction", (0.3, 1.0), default=0.9, meta={"limits": (1e-12, 1)}),
        Float("bagging_fraction", (0.7, 1.0), default=0.9, meta={"limits": (1e-12, 1)}),
        Categorical("extra_trees", [False, True], default=False),
        Float("lambda_l1", (1e-4, 1.0), log=True, default=1e-4, meta={"limits": (0, None)}),
        Float("lambda_l2", (1e-4, 20.0), log=True, default=1e-2, meta={"limits": (0, None)}),
        Float("cat_l2", (0.005, 20.0), log=True, default=10.0, meta={"limits": (0, None)}),
        Float("cat_smooth", (1e-3, 100.0), log=True, default=10.0, meta={"limits": (0, None)}),
    )
    handling = Categorical("categories", ["native", "encoded", "ordered"], default="native")
    native = [
        Integer("max_cat_to_onehot", (4, 100), log=True, default=8, meta={"limits": (1, None)}),
        Integer("min_data_per_group", (2, 100), log=True, default=100, meta={"limits": (1, None)}),
    ]
    made.add(handling, *native, *(EqualsCondition(each, handling, "native") for each in native))
    for each in crosses(task):
        made.add(each, EqualsCondition(each, handling, "encoded"))
    if task.is_classification:
        made.add(Categorical("class_weight", ["none", "balanced"], weights=[0.85, 0.15], default="none"))
    return made


class LightGBM:
    """Gradient boosted trees. Rounds go on from a checkpoint where there is one."""

    def __init__(self, config: Config, task: Task, seed: int) -> None:
        self._config, self._task, self._seed = dict(config), task, seed
        handling: Any = self._config.get("categories", "native")
        self._columns = TreeColumns(task, seed, handling, crosses=crosses_of(self._config))
        self._booster: Any = None
        self._log_link = False
        self._factors: NDArray[np.float64] | None = None
        self._rate = float(self._config.get("learning_rate", LIBRARY_RATE))  # type: ignore[arg-type]
        """The learning rate of the last trees."""
        self._cut = False
        """Whether the deadline ended training."""

    # -- fitting ----------------------------------------------------------------------------------

    def fit(self, train: TableData, valid: TableData | None, effort: Effort) -> Mapping[str, float]:
        """Boost until the validation loss stops falling, the rounds are used up or the deadline is near.

        Where the time allows too few rounds the learning rate becomes a faster one. It is reported, and taken over by a
        refit, which has the same number of rounds.
        """
        import lightgbm as lgb

        assert train.target is not None
        started = time.monotonic()
        # Fitted anew from the same rows and seed, so the same as the checkpoint's: its `transform` would show
        # the training rows target means that hold their own target.
        features = self._columns.fit_transform(train)
        # Counts: the booster sums up logarithms of the mean (the Poisson objective needs a target above 0 somewhere).
        counts = self._task.metric == "poisson_deviance" and not self._task.is_classification
        heard = train.target if train.weight is None else train.target[train.weight > 0]
        self._log_link = counts and bool((train.target >= 0).all() and (heard > 0).any())
        if effort.checkpoint is not None:
            old = type(self).load(effort.checkpoint, self._config, self._task, self._seed)
            if (old._columns.names, old._log_link) == (self._columns.names, self._log_link):
                self._booster = old._booster
        before = self._booster.current_iteration() if self._booster is not None else 0
        self._factors = class_factors(train, self._task, self._config)
        parameters = self._parameters(effort, train, before)
        data = self._dataset(features, train, parameters)
        held = None
        if valid is not None:
            held = self._dataset(self._columns.transform(valid), valid, parameters, reference=data)
        rounds = int(effort.fidelity.get("rounds", effort.full.get("rounds", MOST_ROUNDS)))
        if effort.deadline is not None and effort.deadline - time.monotonic() < 0.5 * (time.monotonic() - started):
            # Preparing alone used up the time: one round is still a model.
            rounds, self._cut = min(rounds, before + 1), rounds > before + 1
        self._booster = self._boost(lgb, parameters, data, held, max(rounds - before, 1), effort, len(train))
        facts = {"rounds": float(self._booster.current_iteration() if held is None else self._best())}
        if effort.deadline is not None:
            facts["learning_rate"] = self._rate
        return facts | ({"cut": 1.0} if self._cut else {})

    def _best(self) -> int:
        return int(
            self._booster.best_iteration if self._booster.best_iteration > 0 else self._booster.current_iteration()
        )

    def _boost(
        self, lgb: Any, parameters: dict[str, Any], data: Any, held: Any, rounds: int, effort: Effort, rows: int
    ) -> Any:
        watch = _Watch(
            lgb,
            deadline=effort.deadline,
            rate=self._rate,
            steady="learning_rate" in effort.facts,
            rows=rows if held is not None and "rounds" not in effort.fidelity else None,
        )
        booster = lgb.train(
            parameters,
            data,
            num_boost_round=rounds,
            valid_sets=[held] if held is not None else None,
            init_model=self._booster,
            callbacks=[watch],
        )
        self._rate, self._cut = watch.rate, self._cut or watch.cut
        if booster.best_iteration <= 0 and held is not None:
            booster.best_iteration = booster.current_iteration()
        return booster

    def _dataset(
        self, features: NDArray[np.float32], rows: TableData, parameters: dict[str, Any], reference: Any = None
    ) -> Any:
        import lightgbm as lgb

        assert rows.target is not None
        return lgb.Dataset(
            features,
            label=np.asarray(rows.target, dtype=np.float64),
            weight=row_weights(rows, self._factors),
            reference=reference,
            params=parameters,
            categorical_feature=self._columns.categorical or "auto",
            free_raw_data=False,
        )

    def _parameters(self, effort: Effort, train: TableData, before: int) -> dict[str, Any]:
        config, rows = self._config, len(train)
        parameters: dict[str, Any] = {
            name: config[name]
            for name in ("num_leaves", "feature_fraction", "bagging_fraction", "lambda_l1", "lambda_l2",
                         "cat_l2", "cat_smooth", "extra_trees", "max_cat_to_onehot", "min_data_per_group")
            if name in config
        }  # fmt: skip
        self._rate = float(effort.facts.get("learning_rate", self._rate))
        parameters |= {
            "learning_rate": self._rate,
            "min_data_in_leaf": max(1, min(int(config.get("min_data_in_leaf", 20)), rows // 5)),  # type: ignore[arg-type]
            "bagging_freq": 1 if float(config.get("bagging_fraction", 1.0)) < 1 else 0,  # type: ignore[arg-type]
            "num_threads": effort.threads,
            # Continued training would draw the rows and columns of the first rounds again.
            "seed": (self._seed + before) % (2**31 - 1),
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
            "feature_pre_filter": False,
            "min_data_in_bin": 1 if rows < 1000 else 3,
        }
        columns = train.numbers.shape[1] + train.codes.shape[1]
        if columns >= WIDE and columns > rows:
            # Otherwise making the bins alone takes 0.6 ms for each column.
            parameters |= {"max_bin": 63, "min_data_in_bin": 3}
        parameters.setdefault("max_cat_to_onehot", 8)
        parameters |= self._objective()
        signs = monotone_signs(self._columns, train, self._task)
        if signs is not None:
            parameters["monotone_constraints"] = signs
        return parameters

    def _objective(self) -> dict[str, Any]:
        if self._task.problem_type == "binary":
            return {"objective": "binary", "metric": "binary_logloss"}
        if self._task.problem_type == "multiclass":
            return {"objective": "multiclass", "num_class": self._task.class_count, "metric": "multi_logloss"}
        objective = "poisson" if self._log_link else OBJECTIVES.get(self._task.metric, "regression")
        return {"objective": objective, "metric": {"regression": "l2", "regression_l1": "l1"}.get(objective, objective)}

    # -- using ------------------------------------------------------------------------------------

    def predict(self, data: TableData) -> NDArray[np.float64]:
        """Probabilities ``(rows, classes)`` or values ``(rows,)``."""
        if not len(data):
            return np.zeros((0, self._task.class_count) if self._task.is_classification else 0)
        raw = self._raw(self._columns.transform(data))
        if self._task.problem_type == "binary":
            share = np.exp(-np.logaddexp(0.0, -raw))
            return np.stack([1 - share, share], axis=1)
        if self._task.problem_type == "multiclass":
            shares = np.exp(raw - raw.max(axis=1, keepdims=True))
            return np.asarray(shares / shares.sum(axis=1, keepdims=True), dtype=np.float64)
        return np.exp(raw) if self._log_link else raw

    def _raw(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """The sum of the trees, ``(rows,)`` or ``(rows, classes)``."""
        rounds, leaves = self._best(), int(self._config.get("num_leaves", 31))  # type: ignore[arg-type]
        width = self._task.class_count if self._task.problem_type == "multiclass" else 1
        step = max(1, BLOCK_LEAVES // max(leaves * width, 1)) if len(features) >= BLOCK_ROWS else max(rounds, 1)
        parts = (
            self._booster.predict(
                features, raw_score=True, start_iteration=first, num_iteration=min(step, rounds - first), num_threads=1
            )
            for first in range(0, max(rounds, 1), step)
        )
        return np.asarray(sum(np.asarray(part) for part in parts), dtype=np.float64)

    def save(self, folder: Path) -> None:
        """LightGBM's text format; the rest as JSON and arrays."""
        self._booster.save_model(str(folder / "booster.txt"), num_iteration=self._best())
        (folder / "lightgbm.json").write_text(json.dumps({"log_link": self._log_link}))
        self._columns.save(folder)

    @classmethod
    def load(cls, folder: Path, config: Config, task: Task, seed: int) -> LightGBM:
        """Read the text back; PredictorError when it is damaged or does not fit the columns."""
        import lightgbm as lgb

        model = cls(config, task, seed)
        model._columns = TreeColumns.load(folder, task, seed)
        try:
            model._log_link = bool(json.loads((folder / "lightgbm.json").read_text())["log_link"])
            text = (folder / "booster.txt").read_text()
            check_text(text, len(model._columns.names))
            model._booster = lgb.Booster(model_str=text)
        except (OSError, ValueError, KeyError, TypeError, lgb.basic.LightGBMError) as error:
            raise PredictorError(
                f"the booster in {folder} is missing or damaged ({error}); copy it again or fit again"
            ) from error
        if model._booster.num_feature() != len(model._columns.names):
            raise PredictorError(f"the booster in {folder} does not fit its columns; fit again")
        return model


class _Watch:
    """LightGBM callback: stops early and in time, and learns faster where the time allows too few rounds.

    With `rows`, training stops when the validation loss has not fallen for `boosting_patience` rounds, and whatever ends
    it, the rounds after the best one are dropped: the time may be over long before the patience is.
    """

    order = 40  # after LightGBM's own evaluation
    before_iteration = False

    def __init__(self, lgb: Any, *, deadline: float | None, rate: float, steady: bool, rows: int | None) -> None:
        self.rate = rate
        self.cut = False
        """Whether the deadline ended training."""
        self._stop = lgb.callback.EarlyStopException
        self._deadline = deadline
        self._steady = steady
        self._rows = rows
        self._times: list[float] = []
        self._best: tuple[float, int] | None = None

    def __call__(self, environment: Any) -> None:
        now, round_number = time.monotonic(), environment.iteration
        self._times.append(now)
        results = environment.evaluation_result_list or []
        if self._rows is not None and results:
            loss = float(results[0][2])
            if self._best is None or loss < self._best[0]:
                self._best = loss, round_number
            elif round_number - self._best[1] >= boosting_patience(self._rows, self._best[1]):
                raise self._stop(self._best[1], results)
        if self._best is not None and round_number == environment.end_iteration - 1:
            raise self._stop(self._best[1], results)
        if self._deadline is not None:
            self._look_at_the_clock(environment, now, self._deadline, results)

    def _look_at_the_clock(self, environment: Any, now: float, deadline: float, results: Any) -> None:
        done = len(self._times)
        per_round = (now - self._times[0]) / (done - 1) if done > 1 else 0.0
        # Two rounds and a little are kept free for the round under way, predicting and saving.
        if environment.iteration < environment.end_iteration - 1 and now + 2.0 * per_round + 0.05 > deadline:
            self.cut = True
            raise self._stop(environment.iteration if self._best is None else self._best[1], results)
        if done == FIRST_LOOK and per_round > 0 and not self._steady:
            faster = boosting_rate(self.rate, (deadline - now) / per_round)
            if faster > self.rate:
                self.rate = faster
                environment.model.reset_parameter({"learning_rate": faster})
