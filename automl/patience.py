"""Stopping when nothing gets better any more."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from automl.history import DISCARDED, UNCOUNTED

if TYPE_CHECKING:
    from collections.abc import Callable

    from automl.history import History, Trial

PATIENCE_OVER = "patience was over"
"""Message of trials that were begun behind the one at which patience ended."""


def patience_ends(
    history: History, patience: int, is_baseline: Callable[[Trial], bool]
) -> tuple[int, int | None] | None:
    """The trial at which patience ended and the best one until then (None: all failed); None while it lasts.

    Full trials count in the order of asking, failed ones and those that early discard left too, baselines not; what comes
    after one that is still running is not looked at, so that the answer does not depend on how many run at a time.
    """
    best, best_id, since = math.inf, None, 0
    for trial in sorted(history, key=lambda one: one.id):
        left = trial.kind == DISCARDED
        if is_baseline(trial) or not (trial.is_full or left) or trial.kind in UNCOUNTED:
            continue
        if trial.status == "running":
            return None
        if trial.loss is not None and trial.loss < best and not left:
            best, best_id, since = trial.loss, trial.id, 0
            continue
        since += 1
        if since >= patience:
            return trial.id, best_id
    return None
