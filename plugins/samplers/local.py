"""Local search: the habit of tuning by hand, one hyperparameter at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl_plugins.samplers.axes import Axes, first_new, generator

if TYPE_CHECKING:
    from automl_plugins.samplers.axes import ModelAxes, Row

    from automl import Candidate, History, JointSpace, Trial

STEPS = (0.1, 0.25, 0.03, 0.5)
"""Shares of a number's range, in its own scale, in the order in which they are tried."""


class LocalSearch:
    """Changes one hyperparameter of the incumbent at a time (one-exchange neighbourhood, as in ParamILS, Hutter et
    al. 2009, section 3.1, with first improvement).

    A number moves up or down by a share of its range (log where it is log), an integer at least by one, a rank by
    one, a choice to each other choice; a child that this switches on starts at its default. A model that was not
    tried yet, at its default, counts as one more such change. When all neighbours are used up the steps change,
    then the best trial of every other model is the centre, then random draws follow. Without a result it draws at
    random.
    """

    def __init__(self, space: JointSpace, seed: int) -> None:
        self._axes = Axes(space)
        self._seed = seed

    def suggest(self, history: History) -> Candidate | None:
        """A new neighbour of the incumbent; None when the space is exhausted."""
        asked = self._axes.asked(history)
        rng = generator(self._seed, history.next_id)
        centres = self._centres(history)
        for centre in centres:
            axes = self._axes.of[centre.candidate.model]
            row = axes.encode(centre.candidate)
            assert row is not None
            for round_, step in enumerate(STEPS):
                shuffle = generator(self._seed, centre.id, round_)
                neighbours = neighbourhood(axes, row, step, round_ == 0)
                found = [neighbours[index] for index in shuffle.permutation(len(neighbours)).tolist()]
                untried = self._untried_model(centres, asked) if shuffle.random() * (len(found) + 1) < 1 else None
                new = untried or first_new(axes, found, asked, "local") or self._untried_model(centres, asked)
                if new is not None:
                    return new
        return self._axes.random(rng, asked, "local")

    def _centres(self, history: History) -> list[Trial]:
        """The incumbent and then the best trial of each other model; all at the highest budget with a result."""
        full = self._axes.inside(history.full())
        done = full or self._axes.inside(history.at_best_budget(1))
        best: dict[str, Trial] = {}
        for trial in sorted(done, key=loss_order):
            best.setdefault(trial.candidate.model, trial)
        return sorted(best.values(), key=loss_order)

    def _untried_model(self, centres: list[Trial], asked: set[str]) -> Candidate | None:
        known = {trial.candidate.model for trial in centres}
        for model in self._axes.models:
            if model not in known:
                found = first_new(self._axes.of[model], [self._axes.of[model].default], asked, "local")
                if found is not None:
                    return found
        return None


def loss_order(trial: Trial) -> tuple[float, int]:
    """Sort key: the best first, the earlier one on a tie."""
    return (float("inf") if trial.loss is None else trial.loss, trial.id)


def neighbourhood(axes: ModelAxes, row: Row, step: float, discrete: bool) -> list[Row]:
    """Rows that differ from `row` in one hyperparameter (and in what that switches on or off).

    Choices and ranks have the same neighbours at every step: `discrete` asks for them.
    """
    rows = []
    for column, kind in enumerate(axes.kinds):
        here = float(row[column])
        if here != here:  # noqa: PLR0124 - NaN is inactive
            continue
        positions: list[float] = []
        if kind == "number":
            positions = [moved(axes, column, here, sign * step) for sign in (1, -1)]
        elif discrete and kind == "choice":
            positions = axes.positions(column)
        elif discrete and kind == "rank":
            positions = [position for position in axes.positions(column) if abs(position - here) == 1]
        for position in positions:
            if position != here:
                other = row.copy()
                other[column] = position
                rows.append(axes.repaired(other))
    return rows


def moved(axes: ModelAxes, column: int, here: float, by: float) -> float:
    """The nearest legal position after a move; an integer moves by one value at least."""
    there = axes.value_at(column, here + by)
    if there == here and 0.0 <= here + by <= 1.0:  # less than half the distance to the next integer
        values = axes.positions(column)
        index = min(range(len(values)), key=lambda number: abs(values[number] - here)) + (1 if by > 0 else -1)
        return values[min(max(index, 0), len(values) - 1)]
    return there
