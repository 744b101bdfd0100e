"""Every hook of automl. Each is called once, at start-up, and returns what the plugin adds.

A plugin is a module (named by an entry point in the group ``automl``) with functions of these names,
marked with ``automl.hookimpl``. Such a module must stay light: no numpy, no scikit-learn, no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from automl.fidelity import Fidelity
    from automl.specs import (
        CommandSpec,
        ExecutorSpec,
        MetricSpec,
        ModelSpec,
        PortfolioSpec,
        SamplerSpec,
        SchedulerSpec,
        SectionSpec,
        StrategySpec,
        TrackerSpec,
    )

hookspec = pluggy.HookspecMarker("automl")
hookimpl = pluggy.HookimplMarker("automl")


@hookspec
def register_models() -> Iterable[ModelSpec]:  # type: ignore[empty-body]
    """Models this plugin can train."""


@hookspec
def register_fidelities() -> Iterable[Fidelity]:  # type: ignore[empty-body]
    """New kinds of partial training that models can name."""


@hookspec
def register_samplers() -> Iterable[SamplerSpec]:  # type: ignore[empty-body]
    """Ways to choose the next configuration."""


@hookspec
def register_schedulers() -> Iterable[SchedulerSpec]:  # type: ignore[empty-body]
    """Ways to hand out budget and to decide who goes on."""


@hookspec
def register_strategies() -> Iterable[StrategySpec]:  # type: ignore[empty-body]
    """Named pairs of a sampler and a scheduler, with options."""


@hookspec
def register_executors() -> Iterable[ExecutorSpec]:  # type: ignore[empty-body]
    """Places where jobs run."""


@hookspec
def register_metrics() -> Iterable[MetricSpec]:  # type: ignore[empty-body]
    """Metrics by which predictions are judged."""


@hookspec
def register_portfolios() -> Iterable[PortfolioSpec]:  # type: ignore[empty-body]
    """Stored top performers that a search starts from."""


@hookspec
def register_trackers() -> Iterable[TrackerSpec]:  # type: ignore[empty-body]
    """Listeners to a run, chosen per run by name."""


@hookspec
def register_commands() -> Iterable[CommandSpec]:  # type: ignore[empty-body]
    """Subcommands of the ``automl`` command."""


@hookspec
def register_report_sections() -> Iterable[SectionSpec]:  # type: ignore[empty-body]
    """Sections of the HTML report of a run."""
