"""Schedulers and named strategies: ways to hand out budget."""

from __future__ import annotations

from automl import SchedulerSpec, StrategySpec, hookimpl


@hookimpl
def register_schedulers() -> list[SchedulerSpec]:
    """Full training, halving in its three forms, screening and racing."""
    package = "automl_plugins.schedulers"
    return [
        SchedulerSpec(
            name="full",
            summary="Every configuration gets the whole budget.",
            factory=f"{package}.full:Full",
            partial=False,
            default=True,
        ),
        SchedulerSpec(
            name="successive_halving",
            summary="Many at a small budget, the best third at three times it, and so on (Jamieson, Talwalkar 2016).",
            factory=f"{package}.successive_halving:SuccessiveHalving",
            choose=f"{package}.suit:halving_options",
        ),
        SchedulerSpec(
            name="hyperband",
            summary="Halving with many small and few large starts in turn (Li et al. 2018).",
            factory=f"{package}.hyperband:Hyperband",
            choose=f"{package}.suit:halving_options",
        ),
        SchedulerSpec(
            name="asha",
            summary="Halving that promotes whenever it can and never waits (Li et al. 2020).",
            factory=f"{package}.asha:Asha",
            choose=f"{package}.suit:halving_options",
        ),
        SchedulerSpec(
            name="screen",
            summary="All at a small budget once, the best few at the whole one (Egele et al. 2023).",
            factory=f"{package}.screen:Screen",
            choose=f"{package}.suit:screen_options",
        ),
        SchedulerSpec(
            name="race",
            summary="Fold by fold while the first folds are not hopeless (Bergman et al. 2024).",
            factory=f"{package}.race:Race",
            choose=f"{package}.suit:race_options",
            fidelity="folds",
        ),
    ]


@hookimpl
def register_strategies() -> list[StrategySpec]:
    """Named pairs, any other one is written SAMPLER+SCHEDULER; and `auto`, which picks one of them."""
    auto = StrategySpec(
        name="auto",
        summary="Picks sampler and scheduler from the task's size, time, cores and trials, and says why.",
        sampler="gp",
        scheduler="full",
        choose="automl_plugins.schedulers.choice:choose",
    )
    pairs = [
        StrategySpec(name=name, summary=summary, sampler=sampler, scheduler=scheduler)
        for name, sampler, scheduler, summary in (
            ("random", "random", "full", "Default configurations, then random search at full budget."),
            ("grid", "grid", "full", "Every point of a grid at full budget; ends when exhausted."),
            ("local", "local", "full", "One change at a time to the best configuration, at full budget."),
            ("smac", "smac", "full", "Bayesian optimisation with random forests at full budget."),
            ("gp", "gp", "full", "Bayesian optimisation with Gaussian processes at full budget."),
            ("hyperband", "random", "hyperband", "Random search, small budgets first (Li et al. 2018)."),
            ("asha", "random", "asha", "Random search, small budgets first, never waiting (Li et al. 2020)."),
            ("bohb", "kde", "hyperband", "Kernel densities, small budgets first (Falkner et al. 2018)."),
            ("gp+hyperband", "gp", "hyperband", "Gaussian processes on results of all budgets, small budgets first."),
            ("smac+hyperband", "smac", "hyperband", "Random forests, small budgets first (Lindauer et al. 2022)."),
        )
    ]
    return [auto, *pairs]
