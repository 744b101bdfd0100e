"""SMAC's random forest and expected improvement over rows of the joint space, with a search that heeds NaN.

The names of SMAC that are used: `smac.model.random_forest.RandomForest` (constructor, `train`,
`_rf`, `_impute_inactive`, `_var_threshold`; `predict_marginalized` is the standard in the tests) and
`smac.acquisition.function.EI` (constructor, `update`, `_compute`). No scenario, so nothing
is written to disk and nothing asks questions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from automl_plugins.samplers.axes import Axes, generator
from automl_plugins.samplers.steps import exchanged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from automl_plugins.samplers.axes import Row
    from ConfigSpace import ConfigurationSpace

    from automl import Candidate, JointSpace

    Point = tuple[str, Row]

TREES = 10  # as in SMAC's facade for hyperparameter optimisation
POOL = 2000  # random points that are scored; more changed nothing that could be measured
STARTS = 10  # points of the pool, and as many evaluated ones, from which the local search sets out
STEPS = 6  # rounds of the local search; it has seldom moved after that
NEAR = 0.03  # in each hyperparameter, as a share of its range
NUMBER_MOVES = 4  # SMAC's number of neighbours of a number


class Surrogate:
    """Fits SMAC's forest and ranks configurations by expected improvement (Hutter et al. 2011, SMAC, section 4).

    SMAC's own maximiser compares rows with ``!=``, so that on a conditional space, where inactive hyperparameters
    are NaN, it never moves; its forest reserves two million nodes per tree. So the forest is made directly with
    ``max_leaf_nodes=None``, and the same one-exchange local search is done here on rows, all neighbours of a round in
    one prediction.
    """

    def __init__(self, space: JointSpace) -> None:
        self._axes = Axes(space)
        self._configspace = _without_bells(space.configspace)
        names = [str(name) for name in self._configspace]
        self._width = len(names)
        self._root = names.index("model")
        self._codes = {name: float(self._configspace["model"].to_vector(name)) for name in self._axes.models}
        self._columns = {
            model: np.array([names.index(f"{model}:{name}") for name in axes.names], dtype=int)
            for model, axes in self._axes.of.items()
        }

    def ranked(
        self, results: Sequence[tuple[Candidate, float]], pending: Sequence[Candidate], count: int, seed: int
    ) -> list[Candidate]:
        """`count` configurations, the most promising first.

        Args:
            results: Configurations with their losses; infinity for those that failed.
            pending: Configurations that are running; the forest believes its own prediction of them (kriging
                believer, Ginsbourger et al. 2010), so that the next ones are elsewhere.
            count: How many to return.
            seed: The ranking is a function of it and of the other arguments.
        """
        rng = generator(seed)
        known = [
            (candidate.model, row, loss)
            for candidate, loss in results
            if (row := self._axes.encode(candidate)) is not None
        ]
        rows = self._rows([(model, row) for model, row, _ in known])
        values = log_losses(np.array([loss for *_, loss in known]))
        running = self._rows(
            [(candidate.model, row) for candidate in pending if (row := self._axes.encode(candidate)) is not None]
        )
        forest = self._trained(rows, values, seed)
        if len(running) > 1:  # for a single one, staying away from it does as well, at half the cost
            believed = forest.predict_marginalized(running)[0][:, 0]
            rows, values = np.vstack([rows, running]), np.concatenate([values, believed])
            forest = self._trained(rows, values, seed)
        score = Score(forest, float(values.min()))
        found = self._search(score, rows[np.argsort(values, kind="stable")[:STARTS]], rng)
        tried = {candidate.id for candidate, _ in results}
        return self._unlike(found, running, tried, count)

    def _unlike(self, found: Row, running: Row, tried: set[str], count: int) -> list[Candidate]:
        """The first `count` new ones of the rows `found` that are not near each other or what is running."""
        ranked: list[Candidate] = []
        chosen, taken = np.vstack([running, np.empty((count, self._width))]), len(running)
        models = {code: model for model, code in self._codes.items()}
        for row in found:
            if near(row, chosen[:taken]).any():
                continue
            model = models[row[self._root]]
            candidate = self._axes.of[model].decode(row[self._columns[model]], "smac")
            if candidate is not None and candidate.id not in tried:
                tried.add(candidate.id)
                chosen[taken] = row
                taken += 1
                ranked.append(candidate)
            if len(ranked) == count:
                break
        return ranked

    def _trained(self, rows: Row, values: Row, seed: int) -> Forest:
        from sklearn import config_context
        from smac.model.random_forest import RandomForest

        forest = RandomForest(
            configspace=self._configspace,
            log_y=True,
            n_trees=TREES,
            ratio_features=1.0,
            min_samples_split=2,
            min_samples_leaf=1,
            seed=seed % (2**31),
            n_jobs=1,  # threads of a forest of ten trees cost more than they bring, and workers need the cores
            max_leaf_nodes=None,
        )
        # The rows are made here and legal: to check them again for each tree takes as long as to grow it.
        with config_context(assume_finite=True, skip_parameter_validation=True):
            forest.train(rows, values[:, None])
        return Forest(forest)

    def _rows(self, points: Sequence[Point]) -> Row:
        """Rows of the joint space ``(points, hyperparameters)``."""
        rows = np.full((len(points), self._width), np.nan)
        for model in {model for model, _ in points}:
            numbers = [number for number, (name, _) in enumerate(points) if name == model]
            rows[numbers, self._root] = self._codes[model]
            rows[np.ix_(numbers, self._columns[model])] = np.array([points[number][1] for number in numbers])
        return rows

    def _search(self, score: Score, starts: Row, rng: np.random.Generator) -> Row:
        """Rows by falling expected improvement: a random pool, improved from its best and from `starts`."""
        pool = self._rows(self._axes.draw(POOL, rng))
        gains = score(pool)
        best = np.argsort(-gains, kind="stable")
        front = np.vstack([pool[best[:STARTS]], starts])
        front_gains = np.concatenate([gains[best[:STARTS]], score(starts)])
        for _ in range(STEPS):
            neighbours, owners = self._neighbours(front, rng)
            their_gains = score(neighbours)
            moved = False
            for number in range(len(front)):
                own = np.flatnonzero(owners == number)
                leading = own[np.argmax(their_gains[own])] if len(own) else -1
                if len(own) and their_gains[leading] > front_gains[number]:
                    front[number], front_gains[number], moved = neighbours[leading], their_gains[leading], True
            if not moved:
                break
        return np.vstack([front[np.argsort(-front_gains, kind="stable")], pool[best]])

    def _neighbours(self, front: Row, rng: np.random.Generator) -> tuple[Row, Row]:
        """Rows that differ from one of `front` in one hyperparameter, and the number of that one."""
        neighbours, owners = [np.empty((0, self._width))], [np.empty(0, dtype=int)]
        for model, code in self._codes.items():
            numbers = np.flatnonzero(front[:, self._root] == code)
            columns = self._columns[model]
            made, own = exchanged(self._axes.of[model], front[np.ix_(numbers, columns)], NUMBER_MOVES, rng)
            rows = np.full((len(made), self._width), np.nan)
            rows[:, self._root] = code
            rows[:, columns] = self._axes.of[model].repaired(made)
            neighbours.append(rows)
            owners.append(numbers[own])
        return np.vstack(neighbours), np.concatenate(owners)


def near(row: Row, others: Row) -> Row:
    """Which of `others` ``(rows, hyperparameters)`` are so like a row that trying both at once would say little more
    than trying one.
    """
    return np.asarray(np.all((np.abs(others - row) < NEAR) | (np.isnan(row) & np.isnan(others)), axis=1))


def _without_bells(space: ConfigurationSpace) -> ConfigurationSpace:
    """`space` with uniform hyperparameters in place of normal and beta ones: the forest only asks for bounds, and SMAC
    refuses those two where they are conditional, as every hyperparameter of a joint space is.
    """
    from ConfigSpace import ConfigurationSpace as Space

    plain = space.to_serialized_dict()
    bells = [one for one in plain["hyperparameters"] if one["type"].startswith(("normal_", "beta_"))]
    if not bells:
        return space
    for one in bells:
        one["type"] = "uniform_" + one["type"].partition("_")[2]
        for name in ("mu", "sigma", "alpha", "beta"):
            one.pop(name, None)
    return Space.from_serialized_dict(plain)


class Forest:
    """SMAC's forest, asked tree by tree: its own way there goes through scikit-learn's checks and joblib, which take
    several times as long as the trees for the few rows of a local search.
    """

    def __init__(self, forest: Any) -> None:
        self._forest = forest
        self._trees = [one.tree_ for one in forest._rf.estimators_]

    def predict_marginalized(self, rows: Row) -> tuple[Row, Row]:
        """Mean and variance over the trees, ``(rows, 1)`` each, as SMAC's method of this name."""
        filled = self._forest._impute_inactive(rows).astype(np.float32)
        answers = np.hstack([tree.predict(filled) for tree in self._trees])
        variance = np.maximum(answers.var(axis=1, keepdims=True), self._forest._var_threshold)
        return answers.mean(axis=1, keepdims=True), variance


class Score:
    """Expected improvement of rows over the best value, by SMAC's EI for log losses."""

    def __init__(self, forest: Any, best: float) -> None:
        from smac.acquisition.function import EI

        self._improvement = EI(log=True)
        self._improvement.update(model=forest, eta=best)

    def __call__(self, rows: Row) -> Row:
        """Expected improvement, ``(rows,)``."""
        if not len(rows):
            return np.empty(0)
        return np.asarray(self._improvement._compute(rows)).reshape(-1)


def log_losses(losses: Row) -> Row:
    """Losses as the forest learns them: their logarithms, as in SMAC's facade for hyperparameter optimisation.

    Losses are distances from a perfect score; one of nearly zero would tower over all else, so a hundredth of the
    median is the least. A failure counts as the worst loss seen: infinity would end in NaN.
    """
    finite = losses[np.isfinite(losses)]
    if not len(finite):
        return np.zeros(len(losses))
    losses = np.where(np.isfinite(losses), losses, finite.max())
    return np.asarray(np.log(np.maximum(losses, max(0.01 * float(np.median(losses)), 1e-12))))
