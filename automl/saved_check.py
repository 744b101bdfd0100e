"""What a model saved is tried before anything is built on it: it must be safe, load again and predict the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl.errors import RunError
from automl.latency import folder_megabytes
from automl.saved_files import fault_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from automl.data.matrix import MatrixEncoder
    from automl.data.records import ImageData, TableData
    from automl.member import Member

CHECKED_MEGABYTES = 20.0
"""Larger models are not loaded again to see whether that works."""
CHECKED_ROWS = 5
SAME = 1e-4
"""Predictions are the same up to this share: other threads and devices add up in another order."""
ALIKE = 0.01
"""The same for a row alone and among others: half precision and batches of another size may round a little more."""

_saved_well: set[str] = set()
"""Factories of models that passed in this process."""
_safe: set[str] = set()
"""Factories of models whose saved files were looked at in this process."""


def check_saved(
    factory: str,
    folder: Path,
    member: Member,
    data: TableData | ImageData,
    load: Callable[[Mapping[str, MatrixEncoder]], Member],
    *,
    shared: str | None,
) -> None:
    """Once for each model and process: what was saved is safe to load, can be loaded again and predicts the same, and rows
    alone have the predictions that they have among others, of which scores out of fold would say nothing otherwise.

    A model that cannot fails here, where it costs its own trials, and not the predictor whose member it would be: RunError.
    Large ones are not read twice. `load` reads the member from `folder`, given the encoder that it shares by its name.
    """
    import numpy as np

    if factory in _saved_well:
        return
    if factory not in _safe and (fault := fault_of(folder)):
        raise RunError(f"the model's save left what a predictor must not hold: {fault}")
    _safe.add(factory)
    if folder_megabytes(folder) > CHECKED_MEGABYTES:
        return
    encoders = {} if shared is None or member.encoder is None else {shared: member.encoder}
    rows = data.take(np.arange(min(CHECKED_ROWS, len(data))))
    try:
        found = load(encoders).predict(rows)
    except Exception as error:
        cause = error.__cause__ or error
        raise RunError(
            f"the model cannot be used after it was saved: {type(cause).__name__}: {cause}; see its save and load"
        ) from error
    before = member.predict(rows)
    if not np.allclose(before, found, rtol=SAME, atol=SAME * float(np.abs(before).max(initial=0.0))):
        raise RunError(
            f"the model predicts {found.ravel()[:3].tolist()} after it was saved and loaded, where it had predicted "
            f"{before.ravel()[:3].tolist()}; see its save and load"
        )
    alone = np.concatenate([member.predict(rows.take(np.array([row]))) for row in range(len(rows))])
    scale = ALIKE * float(np.abs(before).max(initial=0.0))  # a value near 0 is no more exact than the others
    others = [row for row in range(len(rows)) if not np.allclose(before[row], alone[row], rtol=ALIKE, atol=scale)]
    # One may differ by a tie, as between neighbours at the same distance.
    if len(others) > len(rows) // 2:
        row = others[0]
        raise RunError(
            f"the model predicts {alone[row].ravel()[:3].tolist()} for a row alone, where it had predicted "
            f"{before[row].ravel()[:3].tolist()} for it among {len(rows)}: a prediction must not depend on the rows beside it; "
            "use only what was learned in fit"
        )
    _saved_well.add(factory)
