"""Configurations as points: what the samplers share.

A model's own space is seen as a row of numbers, one per hyperparameter, in ConfigSpace's own encoding: numbers in
[0, 1] in their own scale (log where they are log), choices and ranks as whole numbers, NaN where inactive.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from automl import Candidate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ConfigSpace import ConfigurationSpace
    from numpy.typing import NDArray

    from automl import Config, History, JointSpace, Trial

    Row = NDArray[np.float64]

Kind = Literal["number", "choice", "rank", "fixed"]
TRIES = (8, 200, 1000)  # a new configuration comes at once in an endless space, late in a small one
FEWEST_IN_BATCH = 64  # rows drawn at once where some may be forbidden
MOST_BATCHES = 200
PRIOR = 256  # draws from the prior of a hyperparameter, of which a quantile is taken


class ModelAxes:
    """One model's own space as rows ``(hyperparameters,)``."""

    FEW = 5
    """An integer with so few values is treated like a choice where a step would be too short to leave one."""

    def __init__(self, model: str, space: ConfigurationSpace) -> None:
        from ConfigSpace.hyperparameters import CategoricalHyperparameter, OrdinalHyperparameter

        self.model = model
        self._space = space
        # By keys and columns: ConfigSpace 1.2.2 renames hyperparameters that stand in a clause when their space is
        # added to another one, the original ones too.
        self.names = [str(name) for name in space]
        self._parameters = list(space.values())
        self.kinds: list[Kind] = []
        for parameter in self._parameters:
            kind: Kind = "number"
            if parameter.size == 1:
                kind = "fixed"
            elif isinstance(parameter, CategoricalHyperparameter):
                kind = "choice"
            elif isinstance(parameter, OrdinalHyperparameter):
                kind = "rank"
            self.kinds.append(kind)
        self.sizes = [parameter.size for parameter in self._parameters]
        self._defaults = np.array([float(p.to_vector(p.default_value)) for p in self._parameters])
        self._forbidden = list(space.forbidden_clauses)
        self._conditions: dict[int, list[Any]] = {}
        for condition in space.conditions:
            self._conditions.setdefault(int(condition.child_vector_id), []).append(condition)
        self._rows: dict[str, Row | None] = {}

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def order(self) -> list[int]:
        """Columns, parents before their children."""
        order: list[int] = []
        while len(order) < len(self):
            order += [
                column
                for column in range(len(self))
                if column not in order and all(self._parents(c) <= set(order) for c in self._conditions.get(column, ()))
            ]
        return order

    @staticmethod
    def _parents(condition: Any) -> set[int]:
        """Columns of a condition's parents; a conjunction has several."""
        if hasattr(condition, "parent_vector_ids"):
            return {int(column) for column in condition.parent_vector_ids}
        return {int(condition.parent_vector_id)}

    @property
    def default(self) -> Row:
        """The row of the default configuration."""
        return self.repaired(self._defaults)

    def is_active(self, column: int, row: Row) -> bool:
        """Whether a hyperparameter is active, given the values of its parents in `row`."""
        return all(condition.satisfied_by_vector(row) for condition in self._conditions.get(column, ()))

    def is_forbidden(self, row: Row) -> bool:
        """Whether a forbidden clause hits; with NaN for what is not decided yet, whether one hits already."""
        return any(clause.is_forbidden_vector(row) for clause in self._forbidden)

    def repaired(self, rows: Row) -> Row:
        """A row or rows with inactive hyperparameters made NaN, and active ones that lack a value at their default."""
        rows = np.where(np.isnan(rows), self._defaults, rows)
        if not self._conditions:  # also where there are no hyperparameters at all
            return rows
        table = rows.reshape(-1, len(self)).T  # ConfigSpace wants ``(hyperparameters, rows)``; a view of `rows`
        for column in self.order:
            for condition in self._conditions.get(column, ()):
                table[column, ~condition.satisfied_by_vector_array(table)] = np.nan
        return rows

    def encode(self, candidate: Candidate) -> Row | None:
        """The row of a candidate of this model; None when it does not lie in the space."""
        if candidate.id not in self._rows:
            self._rows[candidate.id] = self._encode(candidate.config)
        return self._rows[candidate.id]

    def _encode(self, config: Config) -> Row | None:
        row = np.full(len(self), np.nan)
        if not set(config) <= set(self.names):
            return None
        for column, (name, parameter) in enumerate(zip(self.names, self._parameters, strict=True)):
            if name in config:
                if not parameter.legal_value(config[name]):
                    return None
                row[column] = parameter.to_vector(config[name])
        repaired = self.repaired(row)
        if not np.array_equal(np.isnan(repaired), np.isnan(row)) or self.is_forbidden(row):
            return None
        return row

    def decode(self, row: Row, origin: str) -> Candidate | None:
        """The candidate of a row, whose numbers may lie between the values an integer has; None when forbidden."""
        if self.is_forbidden(row):
            return None
        config: dict[str, Any] = {}
        for name, parameter, value in zip(self.names, self._parameters, row.tolist(), strict=True):
            if value == value:  # noqa: PLR0124 - NaN is inactive
                config[name] = self._plain(parameter, parameter.to_value(value))
        found = Candidate(model=self.model, config=config, origin=origin)
        if self._forbidden and self._encode(config) is None:  # rounding an integer moved it into a forbidden region
            return None
        return found

    @staticmethod
    def _plain(parameter: Any, value: Any) -> Any:
        """A plain Python value; floats without the noise of going to a row and back, which would give a
        configuration that is known already another id.
        """
        value = value.item() if isinstance(value, np.generic) else value
        if isinstance(value, float) and parameter.size == float("inf"):
            return min(max(float(f"{value:.13g}"), float(parameter.lower)), float(parameter.upper))
        return value

    def default_position(self, column: int) -> float:
        """Where the default of a hyperparameter lies."""
        return float(self._defaults[column])

    def positions(self, column: int) -> list[float]:
        """Where all values of a choice, a rank or an integer lie."""
        parameter = self._parameters[column]
        if self.kinds[column] == "fixed":
            return [self.default_position(column)]
        if self.kinds[column] == "number":
            return [float(at) for at in parameter.to_vector(np.arange(parameter.lower, parameter.upper + 1))]
        return [float(number) for number in range(int(self.sizes[column]))]

    def value_at(self, column: int, position: float) -> float:
        """The nearest position that the hyperparameter can have: integers have few."""
        parameter = self._parameters[column]
        return float(parameter.to_vector(parameter.to_value(min(max(position, 0.0), 1.0))))

    def draw(self, count: int, seed: int) -> Row:
        """Random rows ``(count, hyperparameters)`` from the space's own priors; a function of the seed.

        As ConfigSpace samples, a column at a time and what is forbidden left out, but in whole batches and without an
        object for each row: that takes a tenth of the time, or less. Where nearly everything is forbidden some rows
        come several times.
        """
        if not len(self):
            return np.empty((count, 0))
        random = np.random.RandomState(seed % (2**32 - 1))
        rows = np.empty((0, len(self)))
        for _ in range(MOST_BATCHES):
            if len(rows) >= count:
                break
            batch = max(count - len(rows), FEWEST_IN_BATCH) if self._forbidden else count - len(rows)
            table = np.array([one.sample_vector(batch, seed=random) for one in self._parameters])
            drawn = self.repaired(table.T)
            # Row by row: ConfigSpace 1.2.2 asks for the contrary when it asks "less or equal" of a whole array.
            legal = [not self.is_forbidden(row) for row in drawn] if self._forbidden else slice(None)
            rows = np.vstack([rows, drawn[legal]])
        if not len(rows):
            rows = self.default[None, :]
        return rows[np.arange(count) % len(rows)]

    def at(self, shares: Row, rng: np.random.Generator) -> Row:
        """The row in which every hyperparameter has that quantile of its own prior.

        Args:
            shares: One for each hyperparameter, in [0, 1).
            rng: The quantiles are those of some draws from the priors.
        """
        random = np.random.RandomState(int(rng.integers(2**31)))
        places = (shares * PRIOR).astype(int)
        row = [
            np.sort(np.asarray(one.sample_vector(PRIOR, seed=random)))[place]
            for one, place in zip(self._parameters, places, strict=True)
        ]
        return self.repaired(np.array(row, dtype=float))


class Axes:
    """The joint space as rows of each model."""

    def __init__(self, space: JointSpace) -> None:
        self.models: tuple[str, ...] = space.models
        shares = np.array([space.weights[name] for name in space.models], dtype=float)
        self.shares: Row = shares / shares.sum()
        self.of = {name: ModelAxes(name, space.subspaces[name]) for name in space.models}
        self._asked: set[str] = set()
        self._last: Trial | None = None

    def encode(self, candidate: Candidate) -> Row | None:
        """The row of a candidate in its model's space; None when it lies outside the joint space."""
        return self.of[candidate.model].encode(candidate) if candidate.model in self.of else None

    def asked(self, history: History) -> set[str]:
        """Ids of all configurations asked so far; only what is new since the last call is looked at.

        A history that does not go on from the last one, or whose ids do not count from 1, is read as a whole.
        """
        count = len(history)
        start = 1
        if self._last is not None and self._last.id <= count and history.next_id == count + 1:
            same = history[self._last.id].candidate is self._last.candidate
            start = self._last.id + 1 if same else 1
        if history.next_id != count + 1 or start == 1:
            self._asked = history.config_ids()
        else:
            self._asked.update(history[number].candidate.id for number in range(start, count + 1))
        self._last = history[count] if count and history.next_id == count + 1 else None
        return self._asked

    def inside(self, trials: Iterable[Trial]) -> list[Trial]:
        """Those trials whose candidate lies in this space: a queue may bring models that are switched off."""
        return [trial for trial in trials if self.encode(trial.candidate) is not None]

    def draw(self, count: int, rng: np.random.Generator) -> list[tuple[str, Row]]:
        """`count` random points, the model by its weight, then from its own priors."""
        choices = rng.choice(len(self.models), size=count, p=self.shares)
        rows = {
            index: iter(self.of[name].draw(int((choices == index).sum()), int(rng.integers(2**31))))
            for index, name in enumerate(self.models)
        }
        return [(self.models[index], next(rows[index])) for index in choices.tolist()]

    def random(self, rng: np.random.Generator, asked: set[str], origin: str) -> Candidate | None:
        """A random candidate that was not asked yet; None when there seems to be none left."""
        for count in TRIES:
            for model, row in self.draw(count, rng):
                found = self.of[model].decode(row, origin)
                if found is not None and found.id not in asked:
                    return found
        return self.leftover(asked, origin)

    def spread(self, number: int, count: int, seed: int, asked: set[str], origin: str) -> Candidate | None:
        """The `number`-th (from 0) of `count` candidates that are spread over the space, one in each `count`-th part of
        the range of every hyperparameter and of the models (Latin hypercube, McKay et al. 1979).

        None where it is forbidden or was asked already.
        """
        rng = generator(seed, count)
        width = 1 + max(len(axes) for axes in self.of.values())
        parts = rng.permuted(np.tile(np.arange(count), (width, 1)), axis=1)
        shares = (parts + rng.random(parts.shape))[:, number] / count
        first = int(np.searchsorted(np.cumsum(self.shares), shares[0], side="right"))
        model = self.models[min(first, len(self.models) - 1)]
        axes = self.of[model]
        found = axes.decode(axes.at(shares[1 : 1 + len(axes)], generator(seed, count, number)), origin)
        return found if found is not None and found.id not in asked else None

    def leftover(self, asked: set[str], origin: str) -> Candidate | None:
        """What random draws missed, where a space is small enough to look at everything."""
        from automl_plugins.samplers.grid import configurations

        for model in self.models:
            axes = self.of[model]
            if np.prod([min(float(size), 1e9) for size in axes.sizes]) > 1e4:
                continue
            for row in configurations(axes, points=10_000, key=(0,)):
                found = axes.decode(row, origin)
                if found is not None and found.id not in asked:
                    return found
        return None


def generator(*parts: int) -> np.random.Generator:
    """A random generator that is a function of these numbers."""
    return np.random.default_rng([part & 0xFFFFFFFF for part in parts])


def first_new(axes: ModelAxes, rows: Sequence[Row], asked: set[str], origin: str) -> Candidate | None:
    """The first legal row that was not asked yet."""
    for row in rows:
        found = axes.decode(row, origin)
        if found is not None and found.id not in asked:
            return found
    return None
