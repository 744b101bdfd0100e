"""Each hook: what a plugin returns from it arrives in the registry under the right kind."""

import types

import pytest

from automl import (
    CommandSpec,
    ExecutorSpec,
    Fidelity,
    MetricSpec,
    ModelSpec,
    PortfolioSpec,
    SamplerSpec,
    SchedulerSpec,
    SectionSpec,
    StrategySpec,
    TrackerSpec,
    hookimpl,
)
from automl.plugin_loading import hook_types, kind_of
from automl.registry import Registry

COMMON = {"name": "toy", "summary": "A toy.", "factory": "toy:Object"}
SPECS = {
    "register_models": ModelSpec(**COMMON, space="toy:space", fidelities=("rows",), max_rows=10),
    "register_fidelities": Fidelity(name="toy", unit="toys", low=1, high=4),
    "register_samplers": SamplerSpec(**COMMON),
    "register_schedulers": SchedulerSpec(**COMMON),
    "register_strategies": StrategySpec(
        name="toy", summary="A toy.", sampler="a", scheduler="b", options=(("eta", 3), ("rule", "best"))
    ),
    "register_executors": ExecutorSpec(**COMMON),
    "register_metrics": MetricSpec(
        **COMMON, problem_types=("regression",), needs="values", greater_is_better=True, best=1
    ),
    "register_portfolios": PortfolioSpec(**COMMON),
    "register_trackers": TrackerSpec(**COMMON),
    "register_commands": CommandSpec(**COMMON),
    "register_report_sections": SectionSpec(**COMMON, order=5),
}


def test_every_hook_is_tested_here():
    assert list(hook_types()) == list(SPECS)


def plugin_with(hook, returned):
    def implementation():
        return returned

    implementation.__name__ = hook
    module = types.ModuleType("toy")
    setattr(module, hook, hookimpl(implementation))
    return module


@pytest.mark.parametrize("hook", SPECS)
def test_hook_brings_its_spec_into_the_registry(hook):
    found = Registry().register(plugin_with(hook, [SPECS[hook]]), "toys")

    arrived = found.get(kind_of(hook), "toy")
    assert SPECS[hook].name == arrived.name
    assert type(SPECS[hook]) is type(arrived)
    assert "toys" == getattr(arrived, "plugin", "toys")
    assert {kind_of(hook): ("toy",)} == found.plugins[0].provides


@pytest.mark.parametrize("hook", SPECS)
def test_hook_may_yield_its_specs(hook):
    found = Registry().register(plugin_with(hook, iter([SPECS[hook]])), "toys")

    assert "toy" in getattr(found, kind_of(hook))


@pytest.mark.parametrize("hook", SPECS)
def test_hook_refuses_the_specs_of_another(hook):
    other = SPECS["register_samplers" if hook == "register_models" else "register_models"]

    with pytest.raises(Exception, match=rf"{hook}\(\) returned a wrong spec: .* not a {hook_types()[hook].__name__}"):
        Registry().register(plugin_with(hook, [other]), "toys")
