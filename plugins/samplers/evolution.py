"""Regularised evolution: tournaments among the young, one mutation at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from automl_plugins.samplers.axes import Axes, generator
from automl_plugins.samplers.local import loss_order

if TYPE_CHECKING:
    from automl_plugins.samplers.axes import ModelAxes, Row

    from automl import Candidate, History, JointSpace, Trial

POPULATION = 20  # the paper's 100 suits 20,000 evaluations; a run here has some dozens to some hundreds
TOURNAMENT = 5  # a quarter of the population, as in the paper
SPREAD = 0.2  # standard deviation of a number's mutation, as a share of its range in its own scale
ATTEMPTS = 30  # mutations that were all asked before, after which a random configuration is drawn


class Evolution:
    """Regularised evolution, also called ageing evolution (Real et al. 2019, Algorithm 1).

    The population are the youngest POPULATION finished configurations, whatever their loss: each dies of age, so
    that a lucky one cannot rule for ever. The winner of a random tournament is mutated in one place: one active
    hyperparameter, or the choice of model, whose own hyperparameters are then drawn. The first POPULATION
    configurations are random. Age counts in the order of asking and nothing is kept between two suggestions, so any
    number of trials may be running. Under a scheduler with several budgets, the population lives at the highest
    budget with enough finished trials.
    """

    def __init__(self, space: JointSpace, seed: int) -> None:
        self._axes = Axes(space)
        self._seed = seed

    def suggest(self, history: History) -> Candidate | None:
        """A mutant of a tournament's winner, random at first; None when the space is exhausted."""
        asked = self._axes.asked(history)
        rng = generator(self._seed, history.next_id)
        population = self._population(history)
        if len(asked) >= POPULATION and len(population) >= TOURNAMENT:
            for _ in range(ATTEMPTS):
                entrants = rng.choice(len(population), size=TOURNAMENT, replace=False)
                winner = min((population[index] for index in entrants.tolist()), key=loss_order)
                found = self._mutant(winner.candidate, rng)
                if found is not None and found.id not in asked:
                    return found
        return self._axes.random(rng, asked, "evolution")

    def _population(self, history: History) -> list[Trial]:
        """The youngest finished trials in this space, by the order of asking."""
        return self._axes.inside(history.at_best_budget(at_least=POPULATION))[-POPULATION:]

    def _mutant(self, parent: Candidate, rng: np.random.Generator) -> Candidate | None:
        axes = self._axes.of[parent.model]
        row = axes.encode(parent)
        assert row is not None
        columns = [column for column, kind in enumerate(axes.kinds) if kind != "fixed" and not np.isnan(row[column])]
        others = [model for model in self._axes.models if model != parent.model]
        place = int(rng.integers(len(columns) + bool(others))) if columns or others else 0
        if place < len(columns):
            return axes.decode(mutated(axes, row, columns[place], rng), "evolution")
        if not others:
            return None
        shares = np.array([self._axes.shares[self._axes.models.index(model)] for model in others])
        model = others[int(rng.choice(len(others), p=shares / shares.sum()))]
        return self._axes.of[model].decode(self._axes.of[model].draw(1, int(rng.integers(2**31)))[0], "evolution")


def mutated(axes: ModelAxes, row: Row, column: int, rng: np.random.Generator) -> Row:
    """`row` with another value in `column`; hyperparameters that this switches on start at their defaults."""
    other = row.copy()
    if axes.kinds[column] == "number" and axes.sizes[column] > axes.FEW:
        step = rng.normal(0.0, SPREAD)
        there = row[column] + step
        other[column] = axes.value_at(column, there if 0.0 <= there <= 1.0 else row[column] - step)
    else:
        positions = [position for position in axes.positions(column) if abs(position - row[column]) > 1e-9]
        other[column] = positions[int(rng.integers(len(positions)))]
    return axes.repaired(other)
