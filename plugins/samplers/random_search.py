"""Random search over the joint space."""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl_plugins.samplers.axes import Axes, generator

if TYPE_CHECKING:
    from automl_plugins.samplers.axes import Row

    from automl import Candidate, History, JointSpace

BATCH = 256  # ConfigSpace draws in batches at a hundredth of the cost of single draws
ATTEMPTS = 20  # batches without anything new after which a finite space is looked through


class RandomSearch:
    """Draws configurations independently (Bergstra and Bengio 2012, JMLR 13).

    One endless stream of draws belongs to a seed. The n-th new configuration of a run is the n-th of the stream,
    or the next one that was not asked before; results do not matter, so that any number of workers and any
    scheduler see the same ones.
    """

    def __init__(self, space: JointSpace, seed: int) -> None:
        self._axes = Axes(space)
        self._seed = seed
        self._batches: dict[int, list[tuple[str, Row]]] = {}

    def suggest(self, history: History) -> Candidate | None:
        """The stream's next configuration that was not asked yet; None when the space is exhausted."""
        asked = self._axes.asked(history)
        start = sum(trial.parent is None for trial in history)  # promotions are no new configurations
        for position in range(start, start + ATTEMPTS * BATCH):
            model, row = self._draw(position)
            found = self._axes.of[model].decode(row, "random")
            if found is not None and found.id not in asked:
                return found
        return self._axes.leftover(asked, "random")

    def _draw(self, position: int) -> tuple[str, Row]:
        number = position // BATCH
        if number not in self._batches:
            self._batches[number] = self._axes.draw(BATCH, generator(self._seed, number))
        return self._batches[number][position % BATCH]
