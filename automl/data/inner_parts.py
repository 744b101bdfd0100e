"""Parts of the training rows, for what is fitted out of fold inside a fold: groups and stretches of time stay whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

TIME_BLOCKS = 20
"""Stretches of about even size that rows in time order are cut into: neighbours in time tell each other's target."""


def inner_parts(rows: int, groups: NDArray[np.int64] | None, parts: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """The part of each row ``(rows,)``, from 0 to below `parts`; rows of one group are in one part.

    Groups are dealt from large to small to the part that has fewest rows, equal ones in an order drawn from `rng`. Fewer
    groups than parts leave some parts empty.
    """
    import numpy as np

    if groups is None:
        return rng.permutation(rows) % parts
    _, codes = np.unique(groups, return_inverse=True)
    sizes = np.bincount(codes)
    order = rng.permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    home = np.zeros(len(sizes), dtype=np.int64)
    if sizes[order[0]] * 2 * parts < rows:  # none is large: dealing in turn is even enough, and quick for many
        snake = np.arange(len(sizes)) % (2 * parts)
        home[order] = np.where(snake < parts, snake, 2 * parts - 1 - snake)
        return home[codes]
    held = np.zeros(parts, dtype=np.int64)
    for group in order:
        home[group] = held.argmin()
        held[home[group]] += sizes[group]
    return home[codes]


def out_of_part(
    rows: int, groups: NDArray[np.int64] | None, parts: int, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """For each part that has rows: the places of all other rows, and of its own; rows of one group are in one part."""
    import numpy as np

    if groups is None:
        home = np.empty(rows, dtype=np.int64)
        home[rng.permutation(rows)] = np.arange(rows) % parts
    else:
        home = inner_parts(rows, groups, parts, rng)
    for part in np.unique(home):
        yield np.flatnonzero(home != part), np.flatnonzero(home == part)


def time_blocks(ranks: NDArray[np.int64]) -> NDArray[np.int64]:
    """The stretch of time of each row, given the rank of its moment; equal moments are in one."""
    import numpy as np

    before = np.concatenate([[0], np.cumsum(np.bincount(ranks))[:-1]])
    return np.asarray(before[ranks] * TIME_BLOCKS // max(len(ranks), 1), dtype=np.int64)
