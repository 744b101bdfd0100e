"""Gaussian processes, one for each model, and expected improvement."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from automl_plugins.samplers.axes import Axes, first_new, generator
from automl_plugins.samplers.gaussian_process import Features, GaussianProcess, log_improvement
from automl_plugins.samplers.results import Results
from automl_plugins.samplers.steps import scattered

if TYPE_CHECKING:
    from automl_plugins.samplers.axes import Row

    from automl import Candidate, History, JointSpace, Trial

RANDOM_SHARE = 0.1  # a process is sure of itself where its length scales are wrong
INITIAL = 8  # finished configurations of all models together before there is anything to learn
FEWEST = 3  # of one model; with less its prior speaks
MOST_BEST, MOST_OTHERS = 50, 64  # points of one model: the time of a suggestion grows with their square
MOST_FAILED = 25
FIT_EVERY = 10  # trials; between two fits the parameters stay, the points do not
FITS_GROW = 1.1  # from ten fits on, each waits for a tenth more trials: parameters hardly change any more
POOL = 2048  # random rows of each model, drawn once
DRAWS = 600  # of them, of all models together, in each suggestion
STARTS = 8  # best points around which is searched
STEPS = (0.15, 0.04, 0.01)  # standard deviations of a move, as shares of the range of a number
MOVES = 24  # rows around each start


@dataclass(frozen=True, kw_only=True)
class Scale:
    """What makes losses of a task into numbers around zero."""

    mean: float
    spread: float
    worst: float
    """Values above it count as this much: how bad the worse half is does not matter, and would drown the rest."""
    best: float

    def of(self, values: Row) -> Row:
        """Standardised values."""
        return np.asarray((np.minimum(values, self.worst) - self.mean) / self.spread)

    @classmethod
    def made(cls, values: Row) -> Scale:
        """From the logarithms of losses: as far above the median as the best is below it, and no further."""
        middle, best = float(np.median(values)), float(values.min())
        worst = middle + max(middle - best, 1e-9)
        clipped = np.minimum(values, worst)
        return cls(mean=float(clipped.mean()), spread=max(float(clipped.std()), 1e-9), worst=worst, best=best)


@dataclass(frozen=True, kw_only=True)
class Known:
    """Results of one model as points."""

    rows: Row
    values: Row


class GaussianProcesses:
    """Bayesian optimisation with Gaussian processes (Snoek et al. 2012) on a joint, conditional space.

    Each model has a process over its own space. All of them learn standardised logarithms of losses on one scale, so
    that the expected improvement says which model is worth a try, too: one without results is as good as the average,
    and uncertain. Results of all budgets count (see `Results`). Candidates are random rows of all models and rows
    around the best results, then around the best of those.

    What runs counts as finished with the predicted value (kriging believer, Ginsbourger et al. 2010), what failed as
    bad. Parameters are fitted to the first trials of the record, see `fitted_trials`, so that they are a function of it,
    and seldom change.
    """

    def __init__(self, space: JointSpace, seed: int) -> None:
        self._axes = Axes(space)
        self._seed = seed
        self._results = Results(self._axes.encode)
        self._features = {model: Features(axes) for model, axes in self._axes.of.items()}
        self._pools: dict[str, Row] = {}
        self._fitted: tuple[list[Trial], dict[str, Row]] = ([], {})

    def suggest(self, history: History) -> Candidate | None:
        """The candidate with the highest expected improvement; None when the space is exhausted."""
        asked = self._axes.asked(history)
        rng = generator(self._seed, history.next_id)
        self._results.follow(history)  # also before a random one: a long record is read at the first question, once
        if rng.random() >= RANDOM_SHARE:
            # Threads of small matrices only wait for each other, and for the cores that the workers have.
            with self._threads.limit(limits=1, user_api="blas"):
                promising = self._promising(history, rng)
            for model, row in promising:
                found = first_new(self._axes.of[model], [row], asked, "gp")
                if found is not None:
                    return found
        return self._axes.random(rng, asked, "gp")

    @cached_property
    def _threads(self) -> Any:
        from threadpoolctl import ThreadpoolController

        return ThreadpoolController()

    def _known(self, results: Results) -> dict[str, Known]:
        """The points of each model: the best of them, and others."""
        found = {}
        for model in self._axes.models:
            axes = self._axes.of[model]
            chosen = {one.id: (value, one) for value, one in results.some(model, MOST_OTHERS)}
            chosen.update({one.id: (value, one) for value, one in results.best([model], MOST_BEST)})
            pairs = [(value, row) for value, one in chosen.values() if (row := axes.encode(one.candidate)) is not None]
            rows = np.array([row for _, row in pairs]).reshape(len(pairs), len(axes))
            found[model] = Known(rows=rows, values=np.array([value for value, _ in pairs]))
        return found

    def _scale(self, known: dict[str, Known]) -> Scale | None:
        values = np.concatenate([one.values for one in known.values()])
        return Scale.made(values) if len(values) >= INITIAL else None

    def _promising(self, history: History, rng: np.random.Generator) -> list[tuple[str, Row]]:
        """Rows by falling expected improvement; none when there is too little to learn from."""
        known = self._known(self._results)
        scale = self._scale(known)
        if scale is None:
            return []
        parameters = self._parameters(history)
        processes = {model: self._process(model, known[model], scale, parameters.get(model)) for model in known}
        best = float(scale.of(np.array([scale.best]))[0])
        tried: list[tuple[float, str, Row]] = []

        def try_out(model: str, rows: Row) -> None:
            process = processes[model]
            if not len(rows):
                return
            if process is None:
                mean, deviation = np.zeros(len(rows)), np.ones(len(rows))
            else:
                mean, deviation = process.predict(self._features[model].of(rows))
            gains = log_improvement(best - mean, deviation)
            leading = np.argsort(-gains, kind="stable")[:STARTS]
            tried.extend((float(gains[index]), model, rows[index]) for index in leading.tolist())

        starts = self._starts(known)
        for model in self._axes.models:
            rows = self._draws(model, rng)
            around = scattered(self._axes.of[model], starts[model], MOVES, STEPS, rng)
            try_out(model, np.vstack([rows, around]))
        tried.sort(key=lambda one: -one[0])
        for model in self._axes.models:
            leading = np.array([row for _, name, row in tried[:STARTS] if name == model])
            if len(leading):
                try_out(model, scattered(self._axes.of[model], leading, MOVES, STEPS[1:], rng))
        tried.sort(key=lambda one: -one[0])
        return [(model, row) for _, model, row in tried]

    def _starts(self, known: dict[str, Known]) -> dict[str, Row]:
        """The best points of all models together, and the best one of each."""
        leading = sorted(
            (float(value), model, index)
            for model, points in known.items()
            for index, value in enumerate(points.values.tolist())
        )
        chosen = {model: [i for _, name, i in leading[:STARTS] if name == model] for model in known}
        for model, points in known.items():
            if len(points.values) and not chosen[model]:
                chosen[model] = [int(points.values.argmin())]
        return {model: points.rows[chosen[model]] for model, points in known.items()}

    def _draws(self, model: str, rng: np.random.Generator) -> Row:
        axes = self._axes.of[model]
        if model not in self._pools:
            self._pools[model] = axes.draw(POOL, self._seed)
        return self._pools[model][rng.integers(POOL, size=max(DRAWS // len(self._axes.models), 1))]

    def _process(self, model: str, known: Known, scale: Scale, parameters: Row | None) -> GaussianProcess | None:
        """The process of a model, given its results; None when they are too few."""
        axes, features = self._axes.of[model], self._features[model]
        rows, values = known.rows, scale.of(known.values)
        failed = self._encoded(model, self._results.failed(model, MOST_FAILED))
        if len(failed):
            rows = np.vstack([rows, failed])
            values = np.concatenate([values, np.full(len(failed), (scale.worst - scale.mean) / scale.spread)])
        if len(rows) < FEWEST or not len(axes):
            return None
        process = GaussianProcess(features.groups, parameters)
        process.condition(features.of(rows), values)
        running = self._encoded(model, self._results.running(model))
        if len(running):
            believed = process.predict(features.of(running))[0]
            process.condition(features.of(np.vstack([rows, running])), np.concatenate([values, believed]))
        return process

    def _encoded(self, model: str, candidates: list[Candidate]) -> Row:
        axes = self._axes.of[model]
        rows = [row for one in candidates if (row := axes.encode(one)) is not None]
        return np.array(rows).reshape(len(rows), len(axes))

    def _parameters(self, history: History) -> dict[str, Row]:
        """Parameters of the models that have enough results among the first trials of the record."""
        trials = list(history)
        first = trials[: fitted_trials(len(trials))]
        if self._fitted[0] != first:
            earlier = Results(self._axes.encode)
            earlier.follow(first)
            known = self._known(earlier)
            scale = self._scale(known)
            found: dict[str, Row] = {}
            for model, points in known.items() if scale is not None else ():
                features = self._features[model]
                if len(points.rows) >= FEWEST and features.count:
                    process = GaussianProcess(features.groups)
                    process.fit(features.of(points.rows), scale.of(points.values))
                    found[model] = process.parameters
            self._fitted = first, found
        return self._fitted[1]


def fitted_trials(count: int) -> int:
    """To how many of the first trials of a record of `count` the parameters are fitted."""
    often = 10 * FIT_EVERY
    if count < often:
        return max(count // FIT_EVERY, 1) * FIT_EVERY
    # A little tolerance, so that no rounding of logarithms moves a step.
    steps = math.floor(math.log(count / often) / math.log(FITS_GROW) + 1e-9)
    return math.floor(often * FITS_GROW**steps + 1e-6)
