"""Folds in which no group stands on both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from automl.data.distinct import CATEGORY_MISSING, among, distinct, stripped
from automl.data.records import Resampling
from automl.data.strata import splits_of, strata_of
from automl.data.target_labels import without_dictionary
from automl.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from automl.specs import ProblemType

HELD_OUT = 0.2
"""Share of the rows held out where one fit is too slow for folds."""
PLACED_ONE_BY_ONE = 20_000
"""The largest groups are placed one by one (10 us each); the many small ones beyond are dealt out: chance evens them."""


def group_splits(
    column: Any,
    target: NDArray[Any],
    *,
    problem_type: ProblemType,
    folds: int,
    explicit: bool = False,
    seed: int = 0,
    name: str = "",
) -> Resampling:
    """Folds in which no group stands on both sides, even in size and, as far as groups allow, in classes.

    Groups are placed from large to small, each in the fold where it disturbs the even spread least. A row without a
    group is a group of its own: nothing says that such rows belong together. One fold holds out about `HELD_OUT` of the rows.
    Raises DataError for one group only, or fewer groups than the folds asked for.
    """
    codes, groups, alone = _codes(column)
    if alone and alone == len(codes):
        raise DataError(f"group column {name!r} is empty: none of the {alone:,} rows has a group; leave out --group")
    if groups < 2:
        raise DataError(
            f"group column {name!r} has {groups} group in {len(codes):,} rows; at least 2 are needed to hold one out"
        )
    if groups < folds and explicit:
        raise DataError(
            f"group column {name!r} has {groups} groups, fewer than the {folds} folds asked for; use --folds {groups}"
        )
    parts = round(1 / HELD_OUT) if folds == 1 else folds
    used = min(parts, groups)
    home = _place(codes, groups, strata_of(target, problem_type, used), used, seed)
    splits = splits_of(home[codes], used)[:folds]
    told = f"{len(splits)} folds" if folds > 1 else f"one fit is too slow for folds; 1 of {used} parts held out"
    reason = f"{told} of {groups - alone:,} groups of {name!r}: no group on both sides"
    if len(splits) < folds:
        reason += f"; fewer than {folds} folds, as there are no more groups"
    if alone:
        reason += f"; {alone:,} rows without a group count as groups of one row"
    return Resampling(kind="groups", splits=splits, reason=reason, folds=len(splits), groups=codes)


def without_group(column: Any) -> int:
    """Rows whose cell names no group."""
    return int(np.count_nonzero(_codes_of_cells(column)[0] < 0))


def _codes(column: Any) -> tuple[NDArray[np.int64], int, int]:
    """Number of each row's group, how many groups there are, and how many of these are rows that had none."""
    codes, groups = _codes_of_cells(column)
    lacking = np.flatnonzero(codes < 0)
    codes[lacking] = groups + np.arange(len(lacking))
    return codes, groups + len(lacking), len(lacking)


def _codes_of_cells(column: Any) -> tuple[NDArray[np.int64], int]:
    """Number of each row's group, -1 where the cell is empty or says that it is missing, and how many groups there are.

    Outer space tells nothing: "A" and "A " are one group, as they are one category.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    seen = distinct(without_dictionary(column))
    names, known = seen.values, np.ones(len(seen.values), dtype=bool)
    if pa.types.is_string(names.type):
        names = stripped(names)
        known = ~among(names, CATEGORY_MISSING)
    elif pa.types.is_floating(names.type):
        known = ~np.isnan(names.to_numpy())
    coded = pc.dictionary_encode(names.filter(pa.array(known)))
    table = np.full(len(known) + 1, -1, dtype=np.int64)
    table[:-1][known] = coded.indices.to_numpy(zero_copy_only=False)
    return table[seen.codes], len(coded.dictionary)


def _place(
    codes: NDArray[np.int64], groups: int, strata: NDArray[np.int64], folds: int, seed: int
) -> NDArray[np.int64]:
    """The fold of each group ``(groups,)``."""
    rng = np.random.default_rng([seed, 0])
    width = int(strata.max()) + 1
    sizes = np.bincount(codes, minlength=groups)
    order = rng.permutation(groups)
    order = order[np.argsort(-sizes[order], kind="stable")]
    home = np.empty(groups, dtype=np.int64)
    large, small = order[:PLACED_ONE_BY_ONE], order[PLACED_ONE_BY_ONE:]
    table = _table(codes, strata, large, width)
    # The fold that has least of what the group brings: least growth of the squared distances from an even spread,
    # half of it for the strata, half for the rows.
    scale = (folds / np.maximum(table.sum(axis=0), 1.0)) ** 2 / width
    total_scale = (folds / max(table.sum(), 1.0)) ** 2
    filled = np.zeros((folds, width))
    for row, group in zip(table, large.tolist(), strict=True):
        overlap = filled @ (scale * row) + filled.sum(axis=1) * (row.sum() * total_scale)
        home[group] = int(np.argmin(overlap))
        filled[home[group]] += row
    if len(small):
        first = np.zeros(groups, dtype=np.int64)
        first[codes] = strata
        home[small[np.argsort(first[small], kind="stable")]] = np.arange(len(small)) % folds
    return home


def _table(
    codes: NDArray[np.int64], strata: NDArray[np.int64], chosen: NDArray[np.int64], width: int
) -> NDArray[np.float64]:
    """Rows of each chosen group in each stratum ``(chosen, strata)``."""
    place = np.full(int(codes.max()) + 1, -1, dtype=np.int64)
    place[chosen] = np.arange(len(chosen))
    rows = place[codes] >= 0
    cells = np.bincount(place[codes[rows]] * width + strata[rows], minlength=len(chosen) * width)
    return cells.reshape(len(chosen), width).astype(np.float64)
