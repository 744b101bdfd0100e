"""Stored top performers as records, and the JSON document that they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from automl.meta_features import MetaFeatures
    from automl.protocols import Config

SCHEMA = "automl-portfolio/1"


@dataclass(frozen=True, kw_only=True)
class StoredCandidate:
    """One configuration of a portfolio, with its provenance."""

    number: int
    """Its place in the file, from 1: the ``3`` of ``baseline:FILE#3``."""
    model: str
    config: Config
    """Hyperparameters in the names of the model's own space; those left out take the model's default."""
    cost: float = 1.0
    """Seconds of a fit in multiples of the model's default configuration."""
    source: str = ""
    """Key of `Portfolio.sources`."""
    name: str = ""
    """What it is called there."""
    rank: int | None = None
    """Its rank there, 1 the first."""
    mined_on: tuple[str, ...] = ()
    """Data sets on which it was found to be good."""
    changed: tuple[str, ...] = ()
    """What the translation into the model's own space changed, in words."""


@dataclass(frozen=True, kw_only=True)
class StoredTask:
    """A task that candidates were tried on, and which of them were best there."""

    features: MetaFeatures
    order: tuple[int, ...]
    """Numbers of candidates, best first."""
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Portfolio:
    """Ordered stored top performers of one kind of task."""

    name: str
    """The name of its file without ``.json``."""
    day: str
    """ISO date."""
    summary: str
    problem_types: tuple[str, ...]
    modality: str = "table"
    order: str = ""
    """How the order was made, in words."""
    supersedes: tuple[str, ...] = ()
    """Names of older files that this one replaces."""
    sources: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Name -> where it came from: ``where``, ``licence``, ``how_chosen`` and what else is known."""
    candidates: tuple[StoredCandidate, ...]
    tasks: tuple[StoredTask, ...] = ()

    def origin(self, candidate: StoredCandidate) -> str:
        """What leaderboard and store say of a member that came from here."""
        return f"baseline:{self.name}#{candidate.number}"

    def to_dict(self) -> dict[str, Any]:
        """The JSON document, without what has its default."""
        plain: dict[str, Any] = {
            "schema": SCHEMA,
            "date": self.day,
            "summary": self.summary,
            "problem_types": list(self.problem_types),
            "modality": self.modality,
        }
        if self.order:
            plain["order"] = self.order
        if self.supersedes:
            plain["supersedes"] = list(self.supersedes)
        plain["sources"] = {name: dict(source) for name, source in self.sources.items()}
        plain["candidates"] = [_plain_candidate(candidate) for candidate in self.candidates]
        if self.tasks:
            plain["tasks"] = [_plain_task(task) for task in self.tasks]
        return plain


def _plain_candidate(candidate: StoredCandidate) -> dict[str, Any]:
    plain: dict[str, Any] = {"model": candidate.model, "config": dict(candidate.config)}
    if candidate.cost != 1.0:
        plain["cost"] = candidate.cost
    if candidate.rank is not None:
        plain["rank"] = candidate.rank
    for key in ("source", "name", "mined_on", "changed"):
        value = getattr(candidate, key)
        if value:
            plain[key] = list(value) if isinstance(value, tuple) else value
    return plain


def _plain_task(task: StoredTask) -> dict[str, Any]:
    features = {key: value for key, value in task.features.to_dict().items() if value is not None}
    return {**({"name": task.name} if task.name else {}), **features, "order": list(task.order)}
