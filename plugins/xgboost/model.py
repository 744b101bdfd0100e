"""XGBoost through its own training loop."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from automl_plugins.xgboost.check import check_booster

from automl import Config, Effort, PredictorError, TableData, Task, TreeColumns, boosting_patience, boosting_rate

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ConfigSpace import ConfigurationSpace
    from numpy.typing import NDArray

MOST_ROUNDS = 2000
FIRST_LOOK = 8
"""Rounds after which the time per round is known well enough to judge the learning rate."""
LIBRARY_RATE = 0.3
"""XGBoost's own learning rate, where a configuration names none."""
CATEGORIES: Literal["one_hot"] = "one_hot"
"""Histogram boosting sees codes, LightGBM and CatBoost sets of levels: models that see other things err on other rows."""
OBJECTIVES = {"mae": "reg:absoluteerror", "median_ae": "reg:absoluteerror"}


def space(task: Task) -> ConfigurationSpace:
    """The search space of TabArena (arXiv 2506.16791), learning rates up to AutoGluon's 0.2 and its share of columns by
    tree; deeper trees, smaller shares of rows and stronger L2 as FLAML's stored configurations have them.
    """
    from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float, Integer

    made = ConfigurationSpace()
    made.add(
        Float("learning_rate", (0.005, 0.2), log=True, default=0.08, meta={"limits": (1e-12, None)}),
        Integer("max_depth", (3, 12), log=True, default=6, meta={"limits": (1, 64)}),
        Float("min_child_weight", (1e-3, 5.0), log=True, default=1.0, meta={"limits": (0, None)}),
        Float("subsample", (0.5, 1.0), default=0.9, meta={"limits": (1e-12, 1)}),
        Float("colsample_bylevel", (0.6, 1.0), default=0.9, meta={"limits": (1e-12, 1)}),
        Float("colsample_bynode", (0.6, 1.0), default=0.9, meta={"limits": (1e-12, 1)}),
        Float("colsample_bytree", (0.5, 1.0), default=1.0, meta={"limits": (1e-12, 1)}),
        Float("reg_alpha", (1e-4, 5.0), log=True, default=1e-4, meta={"limits": (0, None)}),
        Float("reg_lambda", (1e-4, 30.0), log=True, default=1.0, meta={"limits": (0, None)}),
    )
    if task.categories:
        made.add(Categorical("categories", ["ordered", "one_hot", "encoded"], default=CATEGORIES))
    policy = Categorical("grow_policy", ["depthwise", "lossguide"], default="depthwise")
    leaves = Integer("max_leaves", (8, 1024), log=True, default=256, meta={"limits": (2, None)})
    made.add(policy, leaves, EqualsCondition(leaves, policy, "lossguide"))
    return made


class XGBoost:
    """Gradient boosted trees on histograms; rounds go on from a checkpoint where there is one."""

    def __init__(self, config: Config, task: Task, seed: int) -> None:
        self._config, self._task, self._seed = dict(config), task, seed
        self._columns = TreeColumns(task, seed, self._config.pop("categories", CATEGORIES))
        self._booster: Any = None
        self._rounds = 0

    def fit(self, train: TableData, valid: TableData | None, effort: Effort) -> Mapping[str, float]:
        """Boost until the validation loss stops falling, the rounds are used up or the deadline is near.

        Where the time allows too few rounds the learning rate becomes a faster one. It is reported, and taken over by a
        refit, which has the same number of rounds.
        """
        import xgboost as xgb

        assert train.target is not None
        # Fitted anew from the same rows and seed, so the same as the checkpoint's: its `transform` would show
        # the training rows target means that hold their own target.
        features = self._columns.fit_transform(train)
        before = None
        if effort.checkpoint is not None:
            old = type(self).load(effort.checkpoint, self._config, self._task, self._seed)
            if old._columns.names == self._columns.names:
                before, self._rounds = old._booster, old._rounds
        data = self._matrix(xgb, features, train, effort)
        held = None if valid is None else self._matrix(xgb, self._columns.transform(valid), valid, effort)
        wanted = max(1, int(effort.fidelity.get("rounds", effort.full.get("rounds", MOST_ROUNDS))) - self._rounds)
        early = held is not None and "rounds" not in effort.fidelity
        parameters = self._parameters(effort, train)
        rate = None if "learning_rate" in effort.facts else float(parameters["learning_rate"])
        watch = _watch(xgb, effort.deadline, rate, len(train) if early else None, self._rounds, wanted)
        booster = xgb.train(
            parameters,
            data,
            num_boost_round=wanted,
            evals=[] if held is None else [(held, "valid")],
            verbose_eval=False,
            xgb_model=before,
            callbacks=[watch],
        )
        last = booster.num_boosted_rounds() if watch.best is None else watch.best[1] + 1
        self._booster, self._rounds = booster[:last], int(last)
        facts = {"rounds": float(self._rounds)}
        if effort.deadline is not None and watch.rate is not None:
            facts["learning_rate"] = watch.rate
        return facts | ({"cut": 1.0} if watch.cut else {})

    def _matrix(self, xgb: Any, features: NDArray[np.float32], rows: TableData | None, effort: Effort) -> Any:
        target = None if rows is None else rows.target
        weight = None if rows is None else rows.weight
        return xgb.DMatrix(features, label=target, weight=weight, nthread=effort.threads)

    def _parameters(self, effort: Effort, train: TableData) -> dict[str, Any]:
        parameters: dict[str, Any] = dict(self._config)
        rate = effort.facts.get("learning_rate", self._config.get("learning_rate", LIBRARY_RATE))
        parameters |= {
            "learning_rate": float(rate),  # type: ignore[arg-type]
            "tree_method": "hist",
            "nthread": effort.threads,
            # Continued training would draw the rows and columns of the first rounds again.
            "seed": (self._seed + self._rounds) % (2**31 - 1),
            "verbosity": 0,
        }
        if self._task.problem_type == "binary":
            parameters |= {"objective": "binary:logistic", "eval_metric": "logloss"}
        elif self._task.problem_type == "multiclass":
            parameters |= {
                "objective": "multi:softprob",
                "eval_metric": "mlogloss",
                "num_class": self._task.class_count,
            }
        else:
            objective = OBJECTIVES.get(self._task.metric, "reg:squarederror")
            parameters |= {"objective": objective, "eval_metric": "mae" if objective == "reg:absoluteerror" else "rmse"}
        if self._task.monotone:
            # Only numbers rise or fall: a category of the same name holds codes.
            names = train.layout.numbers
            signs = [self._task.monotone.get(name, 0) for name in names] + [0] * (len(self._columns.names) - len(names))
            parameters["monotone_constraints"] = "(" + ",".join(map(str, signs)) + ")"
        return parameters

    def predict(self, data: TableData) -> NDArray[np.float64]:
        """Probabilities ``(rows, classes)`` or values ``(rows,)``."""
        import xgboost as xgb

        if not len(data):
            return np.zeros((0, self._task.class_count) if self._task.is_classification else 0)
        raw = np.asarray(
            self._booster.predict(self._matrix(xgb, self._columns.transform(data), None, Effort())), dtype=np.float64
        )
        if self._task.problem_type == "binary":
            return np.stack([1 - raw, raw], axis=1)
        return raw

    def save(self, folder: Path) -> None:
        """XGBoost's JSON format (UBJ); the rest as JSON and arrays."""
        self._booster.save_model(str(folder / "booster.ubj"))
        (folder / "xgboost.json").write_text(json.dumps({"rounds": self._rounds}))
        self._columns.save(folder)

    @classmethod
    def load(cls, folder: Path, config: Config, task: Task, seed: int) -> XGBoost:
        """Read it back; PredictorError when it is damaged or does not fit the columns."""
        import xgboost as xgb

        model = cls(config, task, seed)
        model._columns = TreeColumns.load(folder, task, seed)
        try:
            model._rounds = int(json.loads((folder / "xgboost.json").read_text())["rounds"])
            content = (folder / "booster.ubj").read_bytes()
            check_booster(content, task, len(model._columns.names))
            model._booster = xgb.Booster(params={"nthread": 1}, model_file=bytearray(content))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, xgb.core.XGBoostError) as error:
            raise PredictorError(
                f"the booster in {folder} is missing or damaged, or does not fit its columns ({error}); fit again"
            ) from error
        return model


def _watch(xgb: Any, deadline: float | None, rate: float | None, rows: int | None, before: int, wanted: int) -> Any:
    """A callback that ends training in time and, with `rows`, when the validation loss stops falling. With `rate`, it makes
    that one faster where there is time for few rounds only.

    Its `best` is loss and number of the best round, counted from the first of all, `before` continued ones included; `cut`
    says whether the deadline ended training before the `wanted` rounds were done.
    """

    class Watch(xgb.callback.TrainingCallback):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.first = self.last = time.monotonic()
            self.done = 0
            self.rate, self.cut = rate, False
            self.best: tuple[float, int] | None = None

        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            now = time.monotonic()
            taken, self.last = now - self.last, now
            if rows is not None:
                loss = float(next(iter(evals_log["valid"].values()))[-1])
                number = before + epoch
                if self.best is None or loss < self.best[0]:
                    self.best = loss, number
                elif number - self.best[1] >= boosting_patience(rows, self.best[1]):
                    return True
            if deadline is None:
                return False
            self.done += 1
            if self.done == 1:
                self.first = now
            elif self.done == FIRST_LOOK and self.rate is not None and now > self.first:
                faster = boosting_rate(self.rate, (deadline - now) * (self.done - 1) / (now - self.first))
                if faster > self.rate:
                    self.rate = faster
                    model.set_param({"learning_rate": faster})
            self.cut = self.done < wanted and now + 2.0 * taken + 0.05 > deadline
            return self.cut

    return Watch()
