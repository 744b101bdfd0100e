"""Kernel densities of good and of bad configurations: the model part of BOHB."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from automl_plugins.samplers.axes import Axes, first_new, generator

if TYPE_CHECKING:
    from automl_plugins.samplers.axes import ModelAxes, Row

    from automl import Candidate, History, JointSpace, Trial

    Groups = dict[float, list[Trial]]

RANDOM_SHARE = 1 / 3  # BOHB's share of random configurations, which keeps Hyperband's guarantee
GOOD_SHARE = 0.15  # BOHB's share of trials that count as good
MOST_GOOD = 50  # more kernels cost time and only blur the best region
MOST_BAD = 128
DRAWS = 64  # BOHB's number of draws from the good density, of which the best ratio is taken


class KernelDensities:
    """Draws from the density of good configurations and takes what is far likelier good than bad (BOHB, Falkner et
    al. 2018, section 3.2, after TPE, Bergstra et al. 2011).

    BOHB's single density over all hyperparameters fits a joint space badly: most of it is inactive in any
    configuration. So the choice of model has a density of its own: how many of the good trials, those of all models
    together, are of this model, with one trial's worth of prior by the models' weights; a model is drawn from it.
    Then the two densities are fitted in that model's own space, on its own good and bad trials, at the highest
    budget where it has enough of them. A model without enough draws at random.

    Failed trials count as bad. So do running ones, which keeps simultaneous suggestions apart.
    """

    def __init__(self, space: JointSpace, seed: int) -> None:
        self._axes = Axes(space)
        self._seed = seed

    def suggest(self, history: History) -> Candidate | None:
        """The most promising of the draws that was not asked yet; None when the space is exhausted."""
        asked = self._axes.asked(history)
        rng = generator(self._seed, history.next_id)
        if rng.random() >= RANDOM_SHARE:
            groups = by_budget(history)
            model = self._choose_model(groups, rng)
            if model is not None:
                axes = self._axes.of[model]
                found = first_new(axes, self._promising(axes, history, groups, rng), asked, "kde")
                if found is not None:
                    return found
        return self._axes.random(rng, asked, "kde")

    def _choose_model(self, groups: Groups, rng: np.random.Generator) -> str | None:
        """A model drawn by its share of the good trials; None without enough trials."""
        models = self._axes.models
        if len(models) == 1:
            return models[0]
        done = [trial for trial in enough(groups, len(models) + 2) if trial.candidate.model in self._axes.of]
        if len(done) < len(models) + 2:
            return None
        good = by_loss(done)[: good_count(len(done), len(models) + 1)]
        counts = self._axes.shares.copy()
        for trial in good:
            counts[models.index(trial.candidate.model)] += 1.0
        return models[int(rng.choice(len(models), p=counts / counts.sum()))]

    def _promising(self, axes: ModelAxes, history: History, groups: Groups, rng: np.random.Generator) -> list[Row]:
        """Rows of one model, the most promising first."""
        from automl_plugins.samplers.densities import Density

        least = len(axes) + 1
        done = enough(groups, least + 1, axes.model)
        if len(done) <= least:
            return list(axes.draw(DRAWS, int(rng.integers(2**31))))
        ordered = by_loss(done)
        good = ordered[: good_count(len(done), least)]
        bad = thinned(ordered[-max(least, len(done) - len(good)) :])
        unfinished = [
            trial
            for trial in history
            if trial.status != "done" and trial.kind != "cancelled" and trial.candidate.model == axes.model
        ]
        if unfinished:
            finished = {trial.candidate.id for trials in groups.values() for trial in trials}
            bad += thinned([trial for trial in unfinished if trial.candidate.id not in finished])
        good_rows, bad_rows = encoded(axes, good), encoded(axes, bad)
        if not len(good_rows) or not len(bad_rows):
            return list(axes.draw(DRAWS, int(rng.integers(2**31))))
        better = Density(axes, good_rows)
        drawn = better.sample(DRAWS, rng)
        ratio = better.log(drawn) - Density(axes, bad_rows).log(drawn)
        return [drawn[index] for index in np.argsort(-ratio, kind="stable").tolist()]


def by_budget(history: History) -> Groups:
    """Finished trials of each budget, in the order of asking."""
    groups: Groups = {}
    for trial in history:
        if trial.status == "done":
            if trial.budget not in groups:
                groups[trial.budget] = []
            groups[trial.budget].append(trial)
    return groups


def enough(groups: Groups, at_least: int, model: str | None = None) -> list[Trial]:
    """As `History.at_best_budget`, for one model or all: read once for both, it is most of a suggestion's time."""
    fullest: list[Trial] = []
    for budget in sorted(groups, reverse=True):
        trials = groups[budget] if model is None else [t for t in groups[budget] if t.candidate.model == model]
        if len(trials) >= at_least:
            return trials
        fullest = max(fullest, trials, key=len)
    return fullest


def good_count(count: int, least: int) -> int:
    """How many of `count` trials are good: a share of them, at least enough for a density."""
    return min(max(least, int(GOOD_SHARE * count)), MOST_GOOD, count)


def by_loss(trials: list[Trial]) -> list[Trial]:
    """The best first, the earlier one on a tie."""
    losses = np.array([np.inf if trial.loss is None else trial.loss for trial in trials])
    return [trials[index] for index in np.argsort(losses, kind="stable").tolist()]


def thinned(trials: list[Trial]) -> list[Trial]:
    """About MOST_BAD of the trials at most; the same ones from one suggestion to the next, so that each is encoded
    once.
    """
    stride = 1
    while len(trials) // stride > MOST_BAD:
        stride *= 2
    return [trial for trial in trials if trial.id % stride == 0] if stride > 1 else trials


def encoded(axes: ModelAxes, trials: list[Trial]) -> Row:
    """Rows ``(trials, hyperparameters)`` of those that lie in the space."""
    rows = [row for row in (axes.encode(trial.candidate) for trial in trials) if row is not None]
    return np.array(rows).reshape(len(rows), len(axes))
