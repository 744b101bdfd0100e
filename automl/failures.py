"""Why models failed, in words: for each model none of whose trials succeeded, what it most often failed of."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from automl.history import UNCOUNTED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from automl.history import Trial

LONGEST = 300
"""Characters of a message that are told."""
_FOLD = re.compile(r"^fold \d+: ")


def lost_models(trials: Iterable[Trial]) -> tuple[str, ...]:
    """A line for each model that was tried and never succeeded, in the order of their first trials."""
    by_model: dict[str, list[Trial]] = {}
    for trial in trials:
        if trial.kind not in UNCOUNTED and trial.status != "running":
            by_model.setdefault(trial.candidate.model, []).append(trial)
    return tuple(
        _told(model, tried) for model, tried in by_model.items() if all(one.status == "failed" for one in tried)
    )


def _told(model: str, tried: list[Trial]) -> str:
    causes = Counter((trial.kind, _FOLD.sub("", trial.message)) for trial in tried)
    (kind, message), count = causes.most_common(1)[0]
    message = " ".join(message.split())
    message = message if len(message) <= LONGEST else f"{message[:LONGEST]}..."
    often = f", {count} of them with" if len(causes) > 1 else " with"
    trials = f"the only trial of {model} failed" if len(tried) == 1 else f"all {len(tried)} trials of {model} failed"
    return f"{trials}{often} {kind}: {message}"
