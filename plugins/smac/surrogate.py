"""SMAC's random forest and expected improvement over rows of the joint space, with a search that heeds NaN.

The names of SMAC that are used: `smac.model.random_forest.RandomForest` (constructor, `train`,
`predict_marginalized`) and `smac.acquisition.function.EI` (constructor, `update`, `_compute`). No scenario, so nothing
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
        points: list[Point] = [(model, row) for model, row, _ in known]
        values = log_losses(np.array([loss for *_, loss in known]))
        running: list[Point] = [
            (candidate.model, row) for candidate in pending if (row := self._axes.encode(candidate)) is not None
        ]
        forest = self._trained(self._rows(points), values, seed)
        if len(running) > 1:  # for a single one, staying away from it does as well, at half the cost
            believed = forest.predict_marginalized(self._rows(running))[0][:, 0]
            points, values = points + running, np.concatenate([values, believed])
            forest = self._trained(self._rows(points), values, seed)
        score = Score(forest, float(values.min()))
        order = np.argsort(values, kind="stable")[:STARTS].tolist()
        found = self._search(score, [points[index] for index in order], rng)
        ranked: list[Candidate] = []
        seen: set[str] = set()
        chosen: list[Point] = [*running]
        for model, row in found:
            if any(name == model and near(row, other) for name, other in chosen):
                continue
            candidate = self._axes.of[model].decode(row, "smac")
            if candidate is not None and candidate.id not in seen:
                seen.add(candidate.id)
                chosen.append((model, row))
                ranked.append(candidate)
            if len(ranked) == count:
                break
        return ranked

    def _trained(self, rows: Row, values: Row, seed: int) -> Any:
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
        return forest.train(rows, values[:, None])

    def _rows(self, points: Sequence[Point]) -> Row:
        """Rows of the joint space ``(points, hyperparameters)``."""
        rows = np.full((len(points), self._width), np.nan)
        for model in {model for model, _ in points}:
            numbers = [number for number, (name, _) in enumerate(points) if name == model]
            rows[numbers, self._root] = self._codes[model]
            rows[np.ix_(numbers, self._columns[model])] = np.array([points[number][1] for number in numbers])
        return rows

    def _search(self, score: Score, starts: list[Point], rng: np.random.Generator) -> list[Point]:
        """Points by falling expected improvement: a random pool, improved from its best and from `starts`."""
        pool = self._axes.draw(POOL, rng)
        gains = score(self._rows(pool))
        best = np.argsort(-gains, kind="stable")
        front = [pool[index] for index in best[:STARTS].tolist()] + starts
        front_gains = np.concatenate([gains[best[:STARTS]], score(self._rows(starts))])
        for _ in range(STEPS):
            neighbours, owners = self._neighbours(front, rng)
            moved = False
            for gain, point, owner in zip(score(self._rows(neighbours)).tolist(), neighbours, owners, strict=True):
                if gain > front_gains[owner]:
                    front[owner], front_gains[owner], moved = point, gain, True
            if not moved:
                break
        order = np.argsort(-front_gains, kind="stable").tolist()
        return [front[index] for index in order] + [pool[index] for index in best.tolist()]

    def _neighbours(self, front: list[Point], rng: np.random.Generator) -> tuple[list[Point], list[int]]:
        """Points that differ from one of `front` in one hyperparameter, and the number of that one."""
        neighbours: list[Point] = []
        owners: list[int] = []
        for model in sorted({model for model, _ in front}):
            numbers = [number for number, (name, _) in enumerate(front) if name == model]
            parts = [exchanged(self._axes.of[model], front[number][1], NUMBER_MOVES, rng) for number in numbers]
            neighbours += [(model, row) for row in self._axes.of[model].repaired(np.vstack(parts))]
            owners += [number for number, part in zip(numbers, parts, strict=True) for _ in range(len(part))]
        return neighbours, owners


def near(row: Row, other: Row) -> bool:
    """Whether two rows of a model are so alike that trying both at once would say little more than trying one."""
    return bool(np.all((np.abs(row - other) < NEAR) | (np.isnan(row) & np.isnan(other))))


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
