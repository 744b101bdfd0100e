"""Methods of `hpo.py`: our strategies by their public names, and the rivals by theirs.

A method is a function of the problem, the seed and the meter; it runs until the meter says that all is spent. Shares of
the training are those of a Hyperband of rate 3: 1/27, 1/9, 1/3, 1, for all of them.
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from hpo_problems import BudgetSpentError

from automl import History, RunFacts, Trial

if TYPE_CHECKING:
    from collections.abc import Callable

    from hpo_problems import Meter, Problem

    Method = Callable[[Problem, int, Meter], None]

RUNGS = (1, 3, 9, 27)


def ours(name: str, problem: Problem, seed: int, meter: Meter) -> None:
    """One of our strategies, without any starting candidates, as rivals have none either."""
    from automl.registry import load_registry
    from automl.strategy import Start
    from automl.strategy_names import choose_strategy, make_strategy

    registry = load_registry()
    chosen, _ = choose_strategy(name, registry, facts(problem, meter))
    strategy = make_strategy(chosen, registry, problem.joint, seed=seed)
    history = History()
    while isinstance(step := strategy.ask(history), Start):
        trial = Trial(id=history.next_id, candidate=step.candidate, budget=step.budget, parent=step.parent)
        history = history.with_trial(trial)
        loss = meter.evaluate(dict(step.candidate.config), step.budget)
        history = history.with_trial(
            replace(trial, status="done", loss=loss, score=1.0 - loss, fold_losses=(loss,), seconds=step.budget)
        )


def facts(problem: Problem, meter: Meter) -> RunFacts:
    """What a strategy that chooses is told: a full training takes a minute, on one core."""
    return RunFacts(
        rows=10_000,
        features=50,
        models=problem.joint.models,
        starting=0,
        folds=1,
        fit_seconds=60.0,
        workers=1,
        seconds=60.0 * meter.most,
    )


def optuna_config(problem: Problem, trial: Any) -> dict[str, Any]:
    """A configuration asked of an Optuna trial, children after their parents."""
    from ConfigSpace.hyperparameters import CategoricalHyperparameter, IntegerHyperparameter

    config: dict[str, Any] = {}
    for name in sorted(problem.space, key=lambda key: len(problem.space.parents_of[key])):
        one = problem.space[name]
        if not all(
            config.get(condition.parent.name) in getattr(condition, "values", (getattr(condition, "value", None),))
            for condition in problem.space.parent_conditions_of[name]
        ):
            continue
        if isinstance(one, CategoricalHyperparameter):
            config[name] = trial.suggest_categorical(name, list(map(str, one.choices)))
        elif isinstance(one, IntegerHyperparameter):
            config[name] = trial.suggest_int(name, one.lower, one.upper, log=one.log)
        else:
            config[name] = trial.suggest_float(name, one.lower, one.upper, log=one.log)
    return config


def optuna_tpe(pruned: bool, problem: Problem, seed: int, meter: Meter) -> None:
    """Optuna's TPE as it comes, with or without its Hyperband pruner."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    pruner = optuna.pruners.HyperbandPruner(min_resource=1, max_resource=27, reduction_factor=3)
    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=seed), pruner=pruner if pruned else optuna.pruners.NopPruner()
    )
    while True:
        trial = study.ask()
        config = optuna_config(problem, trial)
        if not pruned:
            study.tell(trial, meter.evaluate(config, 1.0))
            continue
        for step in RUNGS:
            loss = meter.evaluate(config, step / 27)
            trial.report(loss, step)
            if step < RUNGS[-1] and trial.should_prune():
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            study.tell(trial, loss)


def asked_and_told(config: Any, seed: int = 0, budget: float = 1.0) -> float:
    """What facades want to be given and never call."""
    raise NotImplementedError


def smac_facade(partial_budgets: bool, problem: Problem, seed: int, meter: Meter) -> None:
    """SMAC's own facades as they come, asked and told."""
    from smac import HyperparameterOptimizationFacade, MultiFidelityFacade, Scenario
    from smac.runhistory import TrialValue

    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        budgets = {"min_budget": 1, "max_budget": 27} if partial_budgets else {}
        scenario = Scenario(
            problem.space,
            output_directory=folder,
            deterministic=True,
            seed=seed,
            n_trials=int(meter.most * (8 if partial_budgets else 1)),
            **budgets,
        )
        facade = MultiFidelityFacade if partial_budgets else HyperparameterOptimizationFacade
        smac = facade(scenario, asked_and_told, overwrite=True, logging_level=False)
        while True:
            info = smac.ask()
            config = {
                key: value.item() if hasattr(value, "item") else value for key, value in dict(info.config).items()
            }
            loss = meter.evaluate(config, (info.budget or 27) / 27)
            smac.tell(info, TrialValue(cost=loss, time=1.0), save=False)


def dehb(problem: Problem, seed: int, meter: Meter) -> None:
    """DEHB, asked and told."""
    from dehb import DEHB

    with tempfile.TemporaryDirectory() as folder:
        search = DEHB(
            cs=problem.space,
            min_fidelity=1,
            max_fidelity=27,
            eta=3,
            n_workers=1,
            seed=seed,
            output_path=folder,
            log_level="ERROR",
            save_freq=None,
        )
        while True:
            job = search.ask()
            config = {
                key: value.item() if hasattr(value, "item") else value for key, value in dict(job["config"]).items()
            }
            share = job["fidelity"] / 27
            loss = meter.evaluate(config, share)
            search.tell(job, {"fitness": loss, "cost": share})


RIVALS: dict[str, Method] = {
    "Optuna TPE": partial(optuna_tpe, False),
    "Optuna TPE+Hyperband": partial(optuna_tpe, True),
    "SMAC facade": partial(smac_facade, False),
    "SMAC facade MF": partial(smac_facade, True),
    "DEHB": dehb,
}


def method_of(name: str) -> Method:
    """A rival by its name, or one of our strategies."""
    return RIVALS.get(name) or partial(ours, name)


def run(name: str, problem: Problem, seed: int, meter: Meter) -> None:
    """One search until all is spent."""
    try:
        method_of(name)(problem, seed, meter)
    except BudgetSpentError:
        return
