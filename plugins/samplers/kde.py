"""Kernel densities of good and of bad configurations: the model part of BOHB."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from automl_plugins.samplers.axes import Axes, first_new, generator
from automl_plugins.samplers.results import Results

if TYPE_CHECKING:
    from automl_plugins.samplers.axes import ModelAxes, Row

    from automl import Candidate, History, JointSpace

RANDOM_SHARE = 1 / 3  # BOHB's share of random configurations, which keeps Hyperband's guarantee
GOOD_SHARE = 0.15  # BOHB's share of trials that count as good
MOST_GOOD = 50  # more kernels cost time and only blur the best region
MOST_BAD = 128
INITIAL = 8  # finished configurations of a model before its densities say anything
DRAWS = 64  # BOHB's number of draws from the good density, of which the best ratio is taken


class KernelDensities:
    """Draws from the density of good configurations and takes what is far likelier good than bad (BOHB, Falkner et
    al. 2018, section 3.2, after TPE, Bergstra et al. 2011).

    BOHB's single density over all hyperparameters fits a joint space badly: most of it is inactive in any
    configuration. So the choice of model has a density of its own: how many of the good trials, those of all models
    together, are of this model, with one trial's worth of prior by the models' weights; a model is drawn from it.
    Then the two densities are fitted in that model's own space, on its own good and bad trials; results of all budgets
    count, on one scale (see `Results`). A model without enough draws at random.

    Failed trials count as bad. So do running ones, which keeps simultaneous suggestions apart.
    """

    def __init__(self, space: JointSpace, seed: int) -> None:
        self._axes = Axes(space)
        self._seed = seed
        self._results = Results(self._axes.encode)

    def suggest(self, history: History) -> Candidate | None:
        """The most promising of the draws that was not asked yet; None when the space is exhausted."""
        asked = self._axes.asked(history)
        rng = generator(self._seed, history.next_id)
        self._results.follow(history)  # also before a random one: a long record is read at the first question, once
        if rng.random() >= RANDOM_SHARE:
            model = self._choose_model(rng)
            if model is not None:
                axes = self._axes.of[model]
                found = first_new(axes, self._promising(axes, rng), asked, "kde")
                if found is not None:
                    return found
        return self._axes.random(rng, asked, "kde")

    def _choose_model(self, rng: np.random.Generator) -> str | None:
        """A model drawn by its share of the good trials; None without enough trials."""
        models = self._axes.models
        if len(models) == 1:
            return models[0]
        count = sum(map(self._results.count, models))
        if count < INITIAL:
            return None
        counts = self._axes.shares.copy()
        for _, trial in self._results.best(models, good_count(count, len(models))):
            counts[models.index(trial.candidate.model)] += 1.0
        return models[int(rng.choice(len(models), p=counts / counts.sum()))]

    def _promising(self, axes: ModelAxes, rng: np.random.Generator) -> list[Row]:
        """Rows of one model, the most promising first."""
        from automl_plugins.samplers.densities import Density

        count = self._results.count(axes.model)
        if count < INITIAL:
            return list(axes.draw(DRAWS, int(rng.integers(2**31))))
        good = [trial for _, trial in self._results.best([axes.model], good_count(count, len(axes)))]
        best = {trial.id for trial in good}
        bad = [trial.candidate for _, trial in self._results.some(axes.model, MOST_BAD) if trial.id not in best]
        bad += self._results.failed(axes.model, MOST_BAD) + self._results.running(axes.model)
        good_rows, bad_rows = encoded(axes, [trial.candidate for trial in good]), encoded(axes, bad)
        if not len(good_rows) or not len(bad_rows):
            return list(axes.draw(DRAWS, int(rng.integers(2**31))))
        better = Density(axes, good_rows)
        drawn = better.sample(DRAWS, rng)
        ratio = better.log(drawn) - Density(axes, bad_rows).log(drawn)
        return [drawn[index] for index in np.argsort(-ratio, kind="stable").tolist()]


def good_count(count: int, dimensions: int) -> int:
    """How many of `count` trials are good: a share of them; enough for a density, as long as most others are worse."""
    enough = min(dimensions + 1, max(count // 4, 2))
    return min(max(enough, int(GOOD_SHARE * count)), MOST_GOOD, count)


def encoded(axes: ModelAxes, candidates: list[Candidate]) -> Row:
    """Rows ``(candidates, hyperparameters)`` of those that lie in the space."""
    rows = [row for row in map(axes.encode, candidates) if row is not None]
    return np.array(rows).reshape(len(rows), len(axes))
