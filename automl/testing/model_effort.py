"""Checks of a model: it keeps deadlines, trains partially, and continues what it began."""

from __future__ import annotations

import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl.protocols import Effort
from automl.testing.model_case import own_fidelities
from automl.testing.rules import require

if TYPE_CHECKING:
    from collections.abc import Iterator

    from automl.fidelity import Fidelity
    from automl.specs import ModelSpec
    from automl.testing.model_case import Case, Fitted

LATE_SECONDS = 2.0
"""How long after its deadline a fit of a small table may still take: for importing, setting up, one round."""
DEADLINE_ROWS = 2000


def check_deadline(case: Case) -> None:
    """With a deadline that is past or near, `fit` returns soon, with a model that predicts."""
    train, valid = case.data(rows=DEADLINE_ROWS)
    small, small_valid = case.data(rows=20)
    case.fit("must fit", train=small, valid=small_valid, effort=_effort(case, -1.0))  # pays for imports
    for seconds in (-1.0, 0.3):
        text = f"must return a usable model when its deadline is {seconds:g} s away"
        late = []
        for _ in range(2):  # a busy machine may delay one
            started = time.monotonic()
            fitted = case.fit(text, train=train, valid=valid, effort=_effort(case, seconds))
            late.append(time.monotonic() - started - max(seconds, 0.0))
            if late[-1] <= LATE_SECONDS:
                break
        fitted.predict(valid, text)
        require(
            min(late) <= LATE_SECONDS,
            f"{case.owner}: with a deadline {seconds:g} s away, fit of {DEADLINE_ROWS} rows returned "
            f"{min(late):.1f} s too late; look at effort.seconds_left() while training",
        )


def check_fidelity(fidelity: Fidelity, case: Case) -> None:
    """The least value of a fidelity trains, and a larger one."""
    train, valid = case.data()
    for value in (fidelity.low, fidelity.value(0.1)):
        text = f"must train with {fidelity.name}={value:g}"
        _partly(case, text, fidelity, value, train=train, valid=valid).predict(valid, text)


def check_resuming(fidelity: Fidelity, case: Case) -> None:
    """Training continues from a checkpoint, and the facts count what the checkpoint had, too."""
    train, valid = case.data()
    name, low = fidelity.name, fidelity.low
    more = min(fidelity.high, 2 * low + 1)
    first = _partly(case, f"must train with {name}={low:g}", fidelity, low, train=train)
    require(
        name in first.facts, f"{case.owner}: fidelity {name!r} is resumable, so fit must report it: {{{name!r}: ...}}"
    )
    with tempfile.TemporaryDirectory() as folder:
        first.model.save(Path(folder))
        text = f"must continue from {name}={low:g} to {name}={more:g} (effort.checkpoint is the folder of its save)"
        second = _partly(case, text, fidelity, more, train=train, checkpoint=Path(folder))
    second.predict(valid, text)
    for fitted, value in ((first, low), (second, more)):
        reported = fitted.facts.get(name)
        require(
            reported is not None and abs(reported - value) <= 0.5 + 0.01 * value,
            f"{case.owner}: without validation rows, training up to {name}={value:g} reported {reported}; "
            "report the cumulative value, what the checkpoint had included",
        )


def _partly(
    case: Case,
    text: str,
    fidelity: Fidelity,
    value: float,
    *,
    train: Any,
    valid: Any = None,
    checkpoint: Path | None = None,
) -> Fitted:
    effort = Effort(fidelity={fidelity.name: value}, device=case.device, checkpoint=checkpoint)
    return case.fit(text, train=train, valid=valid, effort=effort)


def _effort(case: Case, seconds: float) -> Effort:
    return Effort(deadline=time.monotonic() + seconds, device=case.device)


def effort_checks(spec: ModelSpec) -> Iterator[Any]:
    """Those that apply to this model."""
    yield check_deadline
    for fidelity in own_fidelities(spec):
        yield partial(check_fidelity, fidelity)
        if fidelity.resumable and fidelity.high > fidelity.low:
            yield partial(check_resuming, fidelity)
