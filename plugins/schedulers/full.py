"""The scheduler without partial training."""

from __future__ import annotations

from automl import Decision, History, Sample


class Full:
    """Starts every configuration at the whole budget and never ends by itself."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def next(self, history: History) -> Decision:
        """Always a new configuration at the whole budget."""
        del history  # nobody is promoted, so nothing needs to be known
        return Sample(budget=1.0)
