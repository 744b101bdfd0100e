"""Random search over the joint space."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from automl import Candidate, History, JointSpace

BATCH = 256  # ConfigSpace draws in batches at a hundredth of the cost of single draws
ATTEMPTS = 20  # batches without anything new after which a finite space counts as exhausted


class RandomSearch:
    """Draws configurations independently (Bergstra and Bengio 2012, JMLR 13).

    The n-th suggestion depends on the seed and on which configurations were asked before, not on their
    results, so that any number of workers sees the same ones.
    """

    def __init__(self, space: JointSpace, seed: int) -> None:
        self._space = space
        self._seed = seed
        self._drawn: list[Candidate] = []

    def suggest(self, history: History) -> Candidate | None:
        """The first configuration of the stream that was not asked yet; None when the space is exhausted."""
        asked = history.config_ids()
        last = len(self._drawn) + ATTEMPTS * BATCH
        position = 0
        while position < last:
            if position == len(self._drawn):
                batch = len(self._drawn) // BATCH
                self._drawn += self._space.sample(BATCH, seed=self._seed * 1_000_003 + batch)
            if self._drawn[position].id not in asked:
                return self._drawn[position]
            position += 1
        return None
