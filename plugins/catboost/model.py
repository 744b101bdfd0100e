"""CatBoost with its own handling of categories."""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from automl import (
    Config,
    Effort,
    PredictorError,
    TableData,
    Task,
    TextFeatures,
    boosting_patience,
    boosting_rate,
    categories_without_twins,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ConfigSpace import ConfigurationSpace
    from numpy.typing import NDArray

MOST_ROUNDS = 2000
USUAL_BEST_ROUND = 200
"""For which patience is measured: CatBoost takes one number for the whole training."""
CROSSED_ROWS = 2_000
"""With more rows, statistics of crossed categories take most of the time and are left out unless asked for: on 10,000
rows with 20 columns twice as many rounds without them were better than the crossed ones, in the same seconds."""
USEFUL_COLUMNS = 50
"""With more columns, as text has them, each level of a tree looks at a share of them only."""
FINE_BORDERS = 254
DEFAULT_RATE = 0.06
"""The learning rate that nobody chose: only this one becomes a faster one where the time is short."""
TRIED_ROUNDS = 8
"""Rounds after which the time per round is known well enough to choose the learning rate."""
WANTED_STEPS = 60.0
"""Rounds times learning rate that a fit should have before the deadline; a faster rate makes up for fewer rounds."""
FASTEST_RATE = 0.25


def space(task: Task) -> ConfigurationSpace:
    """The search space of TabArena (arXiv 2506.16791) without its rarely useful ends."""
    from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer

    made = ConfigurationSpace()
    made.add(
        Float("learning_rate", (0.005, 0.2), log=True, default=DEFAULT_RATE, meta={"limits": (1e-12, None)}),
        Integer("depth", (4, 8), default=6, meta={"limits": (1, 16)}),
        Float("l2_leaf_reg", (1e-3, 10.0), log=True, default=3.0, meta={"limits": (0, None)}),
        Float("subsample", (0.7, 1.0), default=0.9, meta={"limits": (1e-12, 1)}),
        Integer("leaf_estimation_iterations", (1, 20), log=True, default=1, meta={"limits": (1, None)}),
        Integer("one_hot_max_size", (2, 100), log=True, default=8, meta={"limits": (1, 255)}),
        Categorical("grow_policy", ["SymmetricTree", "Depthwise"], weights=[0.7, 0.3], default="SymmetricTree"),
        Integer("max_ctr_complexity", (1, 5), default=1 if task.rows > CROSSED_ROWS else 2, meta={"limits": (0, 15)}),
        Float("model_size_reg", (0.1, 1.5), log=True, default=0.5, meta={"limits": (0, None)}),
    )
    return made


class CatBoost:
    """Gradient boosted symmetric trees; rounds go on from a checkpoint where there is one."""

    def __init__(self, config: Config, task: Task, seed: int) -> None:
        self._config, self._task, self._seed = dict(config), task, seed
        self._text: TextFeatures | None = None
        self._model: Any = None
        self._level: NDArray[np.float64] | None = None
        """What a model without trees predicts for every row: the class shares, or one value."""
        self._rounds = 0
        self._rate: float | None = None
        """The learning rate of the trees; None: nothing was fitted yet."""
        self._cut = False
        """Whether the deadline ended training."""
        self._categories: list[int] | None = None
        """Places of the category columns in use; None: all."""

    def _pool(self, data: TableData, target: bool = True) -> Any:
        """Columns with names; categories as whole numbers, shifted so that missing is 0."""
        from catboost import FeaturesData, Pool

        blocks = [np.asarray(data.numbers, dtype=np.float32)]
        if self._text is not None:
            assert data.text is not None
            blocks.append(self._text.transform(data.text))
        numbers = np.ascontiguousarray(np.concatenate(blocks, axis=1))
        places = range(data.codes.shape[1]) if self._categories is None else self._categories
        codes = np.asarray(data.codes)[:, list(places)]
        names = np.empty(codes.shape, dtype=object)
        for column, place in enumerate(places):
            words = np.array([str(code).encode() for code in range(-1, data.layout.levels[place] + 1)], dtype=object)
            names[:, column] = words[np.minimum(codes[:, column], data.layout.levels[place]) + 1]
        features = FeaturesData(
            num_feature_data=numbers if numbers.shape[1] else None, cat_feature_data=names if codes.shape[1] else None
        )
        return Pool(features, label=data.target if target else None, weight=data.weight if target else None)

    def fit(self, train: TableData, valid: TableData | None, effort: Effort) -> Mapping[str, float]:
        """Boost until the validation loss stops falling, the rounds are used up or the deadline is near.

        The default learning rate gives way to a faster one where the deadline is near. The rate is reported, kept by
        whoever goes on from here and taken over by a refit.
        """
        assert train.target is not None
        before = None
        if effort.checkpoint is not None:
            old = type(self).load(effort.checkpoint, self._config, self._task, self._seed)
            self._text, before, self._categories = old._text, old._model, old._categories
            self._rounds = 0 if before is None else old._rounds
            self._rate = None if before is None else old._rate
        else:
            self._categories = categories_without_twins(
                train, self._task.class_count if self._task.is_classification else 0
            )
            if train.text is not None:
                self._text = TextFeatures(self._seed)
                self._text.fit(train.text, train.target, self._task.problem_type)
        self._boost(train, valid if "rounds" not in effort.fidelity else None, effort, before)
        rate = {} if self._rate is None else {"learning_rate": self._rate}
        return {"rounds": float(self._rounds), **rate, **({"cut": 1.0} if self._cut else {})}

    def _boost(self, train: TableData, valid: TableData | None, effort: Effort, before: Any) -> None:
        """Train; with `valid`, until its loss stops falling."""
        import catboost

        pool = self._pool(train)
        rounds = max(1, int(effort.fidelity.get("rounds", effort.full.get("rounds", MOST_ROUNDS))) - self._rounds)
        maker = catboost.CatBoostClassifier if self._task.is_classification else catboost.CatBoostRegressor
        options = self._options(effort, rounds, train, pool.num_col())
        watch = None if effort.deadline is None else _StopInTime(effort.deadline, rounds)
        try:
            if self._rate is None:
                self._rate = self._choose_rate(maker, options, pool, effort)
            options["learning_rate"] = self._rate
            model = maker(
                **options,
                use_best_model=valid is not None,
                od_type=None if valid is None else "Iter",
                od_wait=None if valid is None else boosting_patience(len(train), USUAL_BEST_ROUND),
            )
            model.fit(
                pool,
                eval_set=None if valid is None else self._pool(valid),
                init_model=before,
                callbacks=None if watch is None else [watch],
            )
        except catboost.CatBoostError as error:
            if "constant or ignored" not in str(error):
                raise
            self._level, self._rounds, self._rate = self._constant(train), 1, None
            return
        self._model, self._rounds = model, int(model.tree_count_)
        self._cut = watch is not None and watch.cut

    def _choose_rate(self, maker: Any, options: dict[str, Any], pool: Any, effort: Effort) -> float:
        """The configured learning rate, the one of the folds, or in place of the default one that the time asks for."""
        told = effort.facts.get("learning_rate")
        if told is not None:
            return float(told)
        rate = float(self._config.get("learning_rate", DEFAULT_RATE))  # type: ignore[arg-type]
        if rate != DEFAULT_RATE or effort.deadline is None or options["iterations"] <= 2 * TRIED_ROUNDS:
            return rate
        return _rate_in_time(maker, {**options, "learning_rate": rate}, pool, effort.deadline)

    def _constant(self, train: TableData) -> NDArray[np.float64]:
        """The class shares, or the mean: all that can be learned where no column varies."""
        target, weight = np.asarray(train.target), train.weight
        if weight is not None and weight.sum() <= 0:
            weight = None
        if not self._task.is_classification:
            return np.array([np.average(target, weights=weight)])
        counts = np.bincount(target, weights=weight, minlength=self._task.class_count)
        return np.asarray(counts / counts.sum(), dtype=np.float64)

    def _options(self, effort: Effort, rounds: int, train: TableData, columns: int) -> dict[str, Any]:
        options: dict[str, Any] = dict(self._config)
        options |= {
            "iterations": rounds,
            "bootstrap_type": "Bernoulli",
            "boosting_type": "Plain",
            "thread_count": effort.threads,
            # Continued training would draw the rows of the first rounds again.
            "random_seed": (self._seed + self._rounds) % (2**31 - 1),
            # Every border of every column is tried at every level: with few rows, borders are what takes the time.
            "border_count": FINE_BORDERS if columns <= USEFUL_COLUMNS else min(FINE_BORDERS, max(32, len(train) // 8)),
            # A quarter as many leaves as rows are enough: a symmetric tree has all 2^depth of them.
            "depth": min(int(self._config.get("depth", 6)), max(2, int(np.log2(len(train) / 4 + 1)))),  # type: ignore[arg-type]
            "rsm": max(0.3, min(1.0, USEFUL_COLUMNS / max(columns, 1))),
            "allow_const_label": True,
            "allow_writing_files": False,
            "logging_level": "Silent",
        }
        if not self._task.is_classification:
            options["loss_function"] = "MAE" if self._task.metric in ("mae", "median_ae") else "RMSE"
        elif self._task.class_count > 2:
            options["loss_function"] = "MultiClass"
            options["classes_count"] = self._task.class_count
        if options.get("loss_function") == "MAE":
            options.pop("leaf_estimation_iterations", None)
        signs = {
            place: self._task.monotone[name]
            for place, name in enumerate(train.layout.numbers)
            if name in self._task.monotone
        }
        if signs and self._task.class_count <= 2:  # CatBoost has no monotone columns for more classes
            options["monotone_constraints"] = signs
            options["grow_policy"] = "SymmetricTree"  # CatBoost keeps other trees monotone "not yet"
        return options

    def predict(self, data: TableData) -> NDArray[np.float64]:
        """Probabilities ``(rows, classes)`` or values ``(rows,)``."""
        if not len(data):
            return np.zeros((0, self._task.class_count) if self._task.is_classification else 0)
        if self._level is not None:
            return (
                np.tile(self._level, (len(data), 1))
                if self._task.is_classification
                else np.repeat(self._level, len(data))
            )
        pool = self._pool(data, target=False)
        kind = "Probability" if self._task.is_classification else "RawFormulaVal"
        return np.asarray(self._model.predict(pool, prediction_type=kind, thread_count=1), dtype=np.float64)

    def save(self, folder: Path) -> None:
        """CatBoost's own binary format, which holds no code, with its SHA-256."""
        told = None
        if self._level is None:
            self._model.save_model(str(folder / "model.cbm"))
            told = _sum(folder / "model.cbm")
        level = None if self._level is None else self._level.tolist()
        about = {
            "rounds": self._rounds,
            "learning_rate": self._rate,
            "text": self._text is not None,
            "level": level,
            "sha256": told,
            "categories": self._categories,
        }
        (folder / "catboost.json").write_text(json.dumps(about))
        if self._text is not None:
            self._text.save(folder)

    @classmethod
    def load(cls, folder: Path, config: Config, task: Task, seed: int) -> CatBoost:
        """Read it back; PredictorError when it is damaged."""
        import catboost

        model = cls(config, task, seed)
        try:
            about = json.loads((folder / "catboost.json").read_text())
            model._rounds = int(about["rounds"])
            rate = about.get("learning_rate")
            model._rate = None if rate is None else float(rate)
            places = about.get("categories")
            model._categories = None if places is None else [int(place) for place in places]
            model._text = TextFeatures.load(folder) if about["text"] else None
            if about["level"] is not None:
                model._level = np.asarray(about["level"], dtype=np.float64).reshape(max(task.class_count, 1))
                return model
            path = folder / "model.cbm"
            # CatBoost checks the frame of this file, not all that its trees point at: damage must be found before.
            if about["sha256"] != _sum(path):
                raise ValueError("model.cbm does not have the content that it was saved with")
            maker = catboost.CatBoostClassifier if task.is_classification else catboost.CatBoostRegressor
            model._model = maker().load_model(str(path))
        except (OSError, ValueError, KeyError, TypeError, catboost.CatBoostError) as error:
            raise PredictorError(f"the model in {folder} is missing or damaged ({error}); fit again") from error
        return model


def _rate_in_time(maker: Any, options: dict[str, Any], pool: Any, deadline: float) -> float:
    """The learning rate with which training gets somewhere before the deadline: the one asked for, or a faster one.

    A few rounds are trained to see what one takes, and thrown away: CatBoost cannot change its rate on the way.
    """
    rate = float(options["learning_rate"])
    tried = _StopInTime(deadline, TRIED_ROUNDS)
    maker(**{**options, "iterations": TRIED_ROUNDS}).fit(pool, callbacks=[tried])
    if len(tried.times) < 2:
        return FASTEST_RATE
    # The first round holds what is done once.
    per_round = (tried.times[-1] - tried.times[0]) / (len(tried.times) - 1)
    possible = max((deadline - time.monotonic()) / max(per_round, 1e-9), 1.0)
    return boosting_rate(rate, possible, steps=WANTED_STEPS, fastest=FASTEST_RATE)


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _StopInTime:
    """Ends training when one more round might pass the deadline."""

    def __init__(self, deadline: float, wanted: int) -> None:
        self._deadline, self._wanted = deadline, wanted
        self._last = time.monotonic()
        self.times: list[float] = []
        """When each round ended."""
        self.cut = False
        """Whether the deadline ended training before the wanted rounds were done."""

    def after_iteration(self, info: Any) -> bool:
        """Whether to go on."""
        now = time.monotonic()
        taken, self._last = now - self._last, now
        self.times.append(now)
        self.cut = len(self.times) < self._wanted and now + 2.0 * taken + 0.05 > self._deadline
        return not self.cut
