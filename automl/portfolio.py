"""What a search starts from: default configurations, then stored top performers."""

from __future__ import annotations

import importlib.resources
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from automl.changed_space import adapt_config
from automl.errors import PluginError, PortfolioError, UnknownNameError
from automl.history import Candidate
from automl.plugin_calls import call_plugin, patience
from automl.portfolio_file import parse_portfolio, read_portfolio
from automl.portfolio_order import Priced, fit_to_time, in_turn, nearest_task, task_order
from automl.stored_config import fit_config

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from automl.meta_features import MetaFeatures
    from automl.portfolio_record import Portfolio
    from automl.registry import Registry
    from automl.space import JointSpace
    from automl.specs import ModelSpec, PortfolioSpec
    from automl.task import Task

NOT_ASKED = "not among the models of this run"
GIVEN = "given"
"""Name of a list of configurations that the caller handed over."""
MOST_CANDIDATES = 1_000
"""Of one function; one that has more may be a generator that never ends, and a second of looking at them is enough."""
MOST_SECONDS = 10.0
"""For one portfolio, however much time a run has: configurations that are stored are there at once."""


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A stored candidate that is not tried here, and why."""

    origin: str
    model: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Starts:
    """The queue in front of the sampler."""

    queue: tuple[Candidate, ...]
    """Each configuration once; the default ones first."""
    defaults: int
    """How many of them are default configurations."""
    hurried: bool = False
    """Whether time is short: what follows the default ones comes in the order that results call for."""
    notes: tuple[str, ...] = ()
    """What was decided, with reasons."""
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Effort:
    """What a run can spend on stored candidates."""

    fit_seconds: float = 1.0
    """Estimated seconds of one fold's fit of relative cost 1."""
    seconds: float | None = None
    """Seconds of fitting, for one fold of each candidate; None without a time budget."""
    trials: int | None = None


@dataclass(kw_only=True)
class _Found:
    """Stored candidates of one portfolio, sorted out."""

    items: list[Priced] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def load_portfolio(spec: PortfolioSpec) -> Portfolio:
    """The file that a plugin's spec names; PluginError, naming the plugin, when it cannot be used."""
    package, _, name = spec.file.partition(":")
    owner = f"portfolio {spec.name!r} of plugin {spec.plugin!r}"
    try:
        text = importlib.resources.files(package).joinpath(name).read_text(encoding="utf-8")
        return parse_portfolio(text, name=name.removesuffix(".json"), told=f"{owner}: {name}")
    except (OSError, ImportError, UnicodeDecodeError) as error:
        raise PluginError(f"{owner}: {spec.file!r} cannot be read: {type(error).__name__}: {error}") from error
    except PortfolioError as error:
        raise PluginError(str(error)) from error


def given_portfolio(given: str | Sequence[Mapping[str, Any]]) -> Portfolio:
    """The portfolio of a file's path, or of a list of ``{"model": ..., "config": ...}``; PortfolioError otherwise."""
    if isinstance(given, str):
        return read_portfolio(given)
    import json

    rows = [{key: value for key, value in row.items() if key != "origin"} for row in given]
    plain = {"schema": "automl-portfolio/1", "date": "2000-01-01", "candidates": rows}
    try:
        text = json.dumps(plain)
    except (TypeError, ValueError) as error:
        raise PortfolioError(f"baselines: a configuration holds something that is no plain value: {error}") from error
    portfolio = parse_portfolio(text, name=GIVEN, told="baselines")
    origins = [str(row.get("origin", "")) for row in given]
    named = [replace(one, name=origin) for one, origin in zip(portfolio.candidates, origins, strict=True)]
    return replace(portfolio, candidates=tuple(named))


def check_given(portfolio: Portfolio, registry: Registry) -> None:
    """Raise UnknownNameError, naming candidate and near names, for a model that no plugin offers."""
    for candidate in portfolio.candidates:
        try:
            registry.get("models", candidate.model)
        except UnknownNameError as error:
            raise UnknownNameError(f"{portfolio.name}: candidate {candidate.number}: {error}") from error


def starting_candidates(
    registry: Registry,
    models: Sequence[ModelSpec],
    space: JointSpace,
    *,
    task: Task,
    features: MetaFeatures,
    skipped: Mapping[str, str],
    baselines: bool | str | Sequence[Mapping[str, Any]] | None = None,
    effort: Effort | None = None,
) -> Starts:
    """The queue in front of the sampler, and notes on what was decided and left out.

    Default configurations come first, in the order of the plan; stored ones follow: those of the plugins, or of
    `baselines` (a file or a list), or none when it is False. A stored configuration that does not fit its model's
    space is left out and told, never silently changed. `skipped` says why models are not used here.
    """
    defaults = [space.default(spec.name) for spec in models if spec.name in space.subspaces]
    if baselines is False:
        return Starts(queue=tuple(defaults), defaults=len(defaults), notes=("baselines: switched off",))
    effort = effort or Effort()
    costs = {spec.name: spec.cost_at(task.features, task.outputs) * effort.fit_seconds for spec in models}
    sorting = _Sorting(
        space=space, known=frozenset(registry.models), costs=costs, skipped=skipped, task=task, features=features
    )
    own = baselines is not None and baselines is not True
    if own:
        portfolio = given_portfolio(baselines)  # type: ignore[arg-type]
        check_given(portfolio, registry)
        found = [sorting.stored(portfolio, asked=True)]
    else:
        wanted = [spec for spec in registry.portfolios.values() if _is_for(spec, task)]
        waits = min(patience(effort.seconds), MOST_SECONDS)
        found = [sorting.of_plugin(spec, waits) for spec in wanted]
    items = _unseen(in_turn([each.items for each in found]), {candidate.id for candidate in defaults})
    left = None if effort.seconds is None else max(effort.seconds - sum(costs[one.model] for one in defaults), 0.0)
    items, hurried = (items, False) if own else fit_to_time(items, left)
    most = len(items)
    if effort.trials is not None and not own:  # the sampler gets its half of what the defaults leave
        most = min(most, max(effort.trials - len(defaults), 0) // 2)
    queue = [*defaults, *(item.candidate for item in items[:most])]
    left_out = tuple(lost for each in found for lost in each.left_out)
    notes = [note for each in found for note in each.notes]
    notes += [f"baselines: {line}" for line in _told(most, len(items), hurried=hurried)] if found else []
    notes += [f"baselines: {line}" for line in _told_left_out(left_out)]
    return Starts(queue=tuple(queue), defaults=len(defaults), hurried=hurried, notes=tuple(notes), left_out=left_out)


def _is_for(spec: PortfolioSpec, task: Task) -> bool:
    return task.problem_type in spec.problem_types and task.modality == spec.modality


def _unseen(items: Sequence[Priced], known: set[str]) -> list[Priced]:
    """The items whose configuration is not in `known` nor twice among them."""
    known, kept = set(known), []
    for item in items:
        if item.candidate.id not in known:
            known.add(item.candidate.id)
            kept.append(item)
    return kept


def _told(most: int, count: int, *, hurried: bool) -> list[str]:
    if not count:
        return ["no stored configuration can be tried here"]
    cut = "" if most == count else f" of {count}, so that half of the trials are the sampler's"
    order = ", kinds of models in turn by what their default ones are worth" if hurried else ""
    return [f"{most} stored configurations follow the default ones{cut}{order}"]


def _told_left_out(left_out: Sequence[LeftOut]) -> list[str]:
    """A line for each model and reason; that the user asked for other models need not be told."""
    counts = Counter((lost.model, lost.reason) for lost in left_out if lost.reason != NOT_ASKED)
    return [f"{count} of {model} left out: {reason}" for (model, reason), count in sorted(counts.items())]


@dataclass(frozen=True, kw_only=True)
class _Sorting:
    """Tells the candidates that can be tried on this task here from the others."""

    space: JointSpace
    known: frozenset[str]
    """Names of all models that plugins bring."""
    costs: Mapping[str, float]
    skipped: Mapping[str, str]
    task: Task
    features: MetaFeatures

    def stored(self, portfolio: Portfolio, *, asked: bool) -> _Found:
        """Those of a file; `asked`: the user named it, so a file for other tasks is told."""
        found = _Found()
        if self.task.problem_type not in portfolio.problem_types or self.task.modality != portfolio.modality:
            if asked:
                kinds = f"{', '.join(portfolio.problem_types)} ({portfolio.modality})"
                found.notes.append(f"baselines: {portfolio.name} is for {kinds}, so that nothing of it is tried here")
            return found
        task = nearest_task(portfolio, self.features)
        if task is not None:
            size = f"{task.features.rows:,} rows, {task.features.features:,} columns"
            found.notes.append(
                f"baselines: of the tasks of {portfolio.name}, {task.name or 'one'} ({size}) is nearest; "
                "what was best there takes every third place"
            )
        for number in task_order(portfolio, task):
            one = portfolio.candidates[number - 1]
            origin = one.name if portfolio.name == GIVEN and one.name else portfolio.origin(one)
            self._sort(found, Candidate(model=one.model, config=one.config, origin=origin), one.cost)
        return found

    def of_plugin(self, spec: PortfolioSpec, seconds: float) -> _Found:
        """Those that a plugin brings, in a file or from its own function. One that fails, or is not done after so many
        seconds, is left out and told: nobody asked for it by name, it is merely installed.
        """
        if spec.missing():
            return _Found(notes=[f"baselines: {spec.name} left out, it needs {', '.join(spec.missing())}"])
        owner = f"portfolio {spec.name!r} of plugin {spec.plugin!r}"
        ask = self._read if spec.file else self._made
        try:
            return call_plugin(owner, lambda: ask(spec, owner), seconds=seconds)
        except PluginError as error:
            return _Found(notes=[f"baselines: {spec.name} left out: {error}"])

    def _read(self, spec: PortfolioSpec, _: str) -> _Found:
        return self.stored(load_portfolio(spec), asked=False)

    def _made(self, spec: PortfolioSpec, owner: str) -> _Found:
        """What the function of a plugin gives."""
        found, given = _Found(), spec.load()(self.task)
        if isinstance(given, str | bytes) or not hasattr(given, "__iter__"):
            raise PluginError(f"{owner} returned {type(given).__name__}; it must return Candidate objects")
        for number, candidate in enumerate(islice(given, MOST_CANDIDATES + 1)):
            if not isinstance(candidate, Candidate):
                raise PluginError(f"{owner} gave {type(candidate).__name__}; it must give Candidate objects")
            if number == MOST_CANDIDATES:
                cut = f"has more than {MOST_CANDIDATES:,} candidates; the others are left out"
                found.notes.append(f"baselines: {owner} {cut}")
                break
            self._sort(found, candidate, 1.0)
        return found

    def _sort(self, found: _Found, candidate: Candidate, cost: float) -> None:
        def leave_out(reason: str) -> None:
            found.left_out.append(LeftOut(origin=candidate.origin, model=candidate.model, reason=reason))

        if candidate.model not in self.space.subspaces:
            unknown = candidate.model not in self.known
            leave_out("no plugin brings this model" if unknown else self.skipped.get(candidate.model, NOT_ASKED))
            return
        config = candidate.config
        whole = self.space.unchanged.get(candidate.model)
        if whole is not None:
            config = adapt_config(config, self.space.subspaces[candidate.model], whole)
        try:
            config = fit_config(self.space.subspaces[candidate.model], config)
        except ValueError as error:
            leave_out(f"does not fit its space: {error}")
            return
        found.items.append(
            Priced(
                candidate=replace(candidate, config=config, cost=cost),
                seconds=self.costs.get(candidate.model, 1.0) * cost,
            )
        )
