"""What workers import before they start, and what a machine's share is."""

import types

from automl import ModelSpec, hookimpl
from automl.api import make_settings
from automl.machine import find_machine, modules_to_preload
from automl.registry import Registry


def registry():
    def spec(name, priority, preload, **others):
        return ModelSpec(
            name=name,
            summary="A toy.",
            factory="toy:Model",
            space="toy:space",
            priority=priority,
            preload=preload,
            **others,
        )

    module = types.ModuleType("toys")
    module.register_models = hookimpl(
        lambda: [
            spec("third", 30, ("json", "csv")),
            spec("first", 10, ("csv",)),
            spec("second", 20, ("decimal",)),
            spec("long", 40, ("colorsys",), cpu_share=0.1),
            spec("absent", 1, ("fractions",), requires=("no_such_module_here",)),
        ]
    )
    module.register_models.__name__ = "register_models"
    return Registry().register(module, "toys")


def preloaded(**options):
    return list(modules_to_preload(registry(), make_settings("y", options)))


def test_a_long_budget_preloads_all_usable_models_in_the_order_of_their_trials():
    assert ["automl.evaluate", "csv", "decimal", "json"] == preloaded(time=60) == preloaded(trials=3)


def test_a_short_budget_preloads_for_the_first_models_only():
    assert ["automl.evaluate", "csv"] == preloaded(time=5)
    assert ["automl.evaluate", "csv", "decimal"] == preloaded(time=10)


def test_only_the_models_asked_for_are_preloaded():
    assert ["automl.evaluate", "decimal"] == preloaded(time=60, models=["second"])


def test_models_for_long_runs_are_preloaded_only_when_asked_for():
    assert "colorsys" not in preloaded(time=60)
    assert ["automl.evaluate", "colorsys"] == preloaded(time=60, models=["long"])


def test_workers_and_threads_never_exceed_the_cores_asked_for():
    machine = find_machine(make_settings("y", {"jobs": 1}))

    assert (1, 1) == (machine.workers, machine.threads)
    assert any(reason.startswith("machine: 1 worker") for reason in machine.reasons)
