"""The order of stored candidates: what was best on the nearest stored task, and what the time allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from automl.history import Candidate
    from automl.meta_features import MetaFeatures
    from automl.portfolio_record import Portfolio, StoredTask

FARTHEST = 1.5
"""A stored task farther away than this says nothing about the one at hand: thirty times as many rows, say."""
GENERAL_BETWEEN = 2
"""Candidates of the general order between two that the nearest task asks for."""
HEAD_START = 8.0
"""Places by which a candidate of twice the cost must stand earlier to be tried earlier, near the front."""


@dataclass(frozen=True, kw_only=True)
class Priced:
    """A candidate that can be tried here, with the seconds of one of its fits."""

    candidate: Candidate
    seconds: float


def nearest_task(portfolio: Portfolio, features: MetaFeatures) -> StoredTask | None:
    """The stored task most like the one at hand, as FLAML's zero-shot selector (arXiv 2202.09927) takes it; None
    where there is none near enough.
    """
    near = [(features.distance(task.features), place) for place, task in enumerate(portfolio.tasks)]
    if not near or min(near)[0] > FARTHEST:
        return None
    return portfolio.tasks[min(near)[1]]


def task_order(portfolio: Portfolio, task: StoredTask | None) -> list[int]:
    """Numbers of all candidates: the portfolio's own order, and every third place what was best on `task`."""
    general = [candidate.number for candidate in portfolio.candidates]
    if task is None:
        return general
    wanted = list(dict.fromkeys(task.order))
    general = [number for number in general if number not in set(wanted)]
    mixed: list[int] = []
    while wanted or general:
        mixed += wanted[:1] + general[:GENERAL_BETWEEN]
        del wanted[:1], general[:GENERAL_BETWEEN]
    return mixed


def in_turn(lists: Sequence[Sequence[Priced]]) -> list[Priced]:
    """First of each, second of each, ...: several portfolios have equal rights."""
    longest = max(map(len, lists), default=0)
    return [items[place] for place in range(longest) for items in lists if place < len(items)]


def fit_to_time(items: Sequence[Priced], seconds: float | None) -> tuple[list[Priced], bool]:
    """`items` in the order of trying when `seconds` of fitting are there for all; whether that changed the order.

    With time for all of them the given order stays. Otherwise gain per second counts: gains fall with the place in
    a greedy portfolio, and a dear candidate in front may cost several cheap ones behind it. Families alternate
    either way, because diverse members make the better ensemble.
    """
    if seconds is None or sum(item.seconds for item in items) <= seconds:
        return alternate(items), False
    places = {id(item): place for place, item in enumerate(items)}
    ordered = sorted(items, key=lambda item: (item.seconds * (places[id(item)] + HEAD_START), places[id(item)]))
    return alternate(ordered), True


def alternate(items: Sequence[Priced]) -> list[Priced]:
    """The same items, none of a family right after another of it where that can be helped."""
    left, done = list(items), list[Priced]()
    while left:
        last = done[-1].candidate.model if done else ""
        place = next((place for place, item in enumerate(left) if item.candidate.model != last), 0)
        done.append(left.pop(place))
    return done
