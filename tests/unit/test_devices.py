"""Which device each model gets, and what is told about it."""

import types

import pytest

from automl import ModelSpec, SettingsError, hookimpl
from automl.api import make_settings
from automl.devices import choose_devices, device_reasons
from automl.plan import make_plan
from automl.registry import Registry, load_registry
from automl.testing import toy_task

FIND = f"{__name__}:find_toy"


def find_toy(asked):
    """A machine with two GPUs."""
    if asked == "auto":
        return "cuda:0", "Toy GPU, the first"
    if asked not in ("cuda", "cuda:0", "cuda:1"):
        raise SettingsError(f"device {asked!r} is not there")
    return asked if ":" in asked else "cuda:0", "as asked"


def spec(name, **others):
    return ModelSpec(name=name, summary="A toy.", factory="toy:Model", space="toy:space", **others)


@pytest.fixture
def registry(monkeypatch):
    monkeypatch.syspath_prepend(__file__.rpartition("/")[0])
    module = types.ModuleType("toys")
    module.register_models = hookimpl(
        lambda: [
            spec("trees", priority=1),
            spec("net", devices=("cpu", "cuda"), find_device=FIND, cpu_share=0.1, relative_cost=4.0),
            spec("plain", devices=("cpu", "mps")),
        ]
    )
    module.register_models.__name__ = "register_models"
    return Registry().register(module, "toys")


def chosen(registry, device, names=("trees", "net", "plain"), skipped=None):
    specs = [registry.models[name] for name in names]
    found = choose_devices(specs, make_settings("y", {"device": device}), registry, skipped or {})
    return {name: device.name for name, device in found.items()}, device_reasons(found, specs)


def test_the_best_device_is_found_and_told(registry):
    devices, told = chosen(registry, "auto")

    assert {"net": "cuda:0", "plain": "cpu"} == devices
    assert ["device: net on cuda:0: Toy GPU, the first", "device: plain on cpu: found no other"] == told


def test_models_that_cannot_use_the_device_stay_on_the_cpu(registry):
    assert ({"net": "cuda:1"}, ["device: net on cuda:1: as asked"]) == chosen(registry, "cuda:1")
    assert {"net": "cpu", "plain": "cpu"} == chosen(registry, "cpu")[0]


def test_nothing_is_told_where_there_is_no_choice(registry):
    assert ({}, []) == chosen(registry, "auto", ("trees",))


@pytest.mark.parametrize(
    ("device", "names", "message"),
    [
        ("gpu", ("net",), "device 'gpu' is not known; use auto, cpu, cuda, mps, with a number"),
        ("cuda", ("trees",), r"no model of this run can use it \(only net could; leave --models out"),
        ("cuda:7", ("net",), "device 'cuda:7' is not there"),
    ],
)
def test_a_device_that_cannot_be_used_is_refused(registry, device, names, message):
    with pytest.raises(SettingsError, match=message):
        chosen(registry, device, names)


def test_what_is_missing_for_a_device_is_told(registry):
    with pytest.raises(SettingsError, match="can use it \\(net: needs torch; pip install it\\)"):
        chosen(registry, "cuda", ("trees",), {"net": "needs torch; pip install it"})


@pytest.mark.parametrize("device", ["", "CUDA 1", "cuda:", "cuda:x", 3])
def test_a_device_must_look_like_one(device):
    with pytest.raises(SettingsError, match=r"is not understood; use auto, cpu, cuda, cuda:1 or mps"):
        make_settings("y", {"device": device})


def planned(registry, seconds=None, **options):
    task = toy_task("regression", rows=10_000)
    settings = make_settings("y", options)
    return make_plan(registry, task, settings, seconds=seconds, workers=2, memory_bytes=2**30)


def test_models_for_long_runs_are_left_out_of_short_ones_on_a_cpu(registry):
    short = planned(registry, 20.0, device="cpu")

    assert ["trees", "plain"] == [one.name for one in short.models]
    assert any("not used: net: one trial takes about" in reason for reason in short.reasons)
    assert not any(reason.startswith("device: net") for reason in short.reasons)
    assert "net" in [one.name for one in planned(registry, 2000.0, device="cpu").models]
    assert "net" in [one.name for one in planned(registry, 20.0, device="cuda").models]
    assert "net" in [one.name for one in planned(registry, 20.0, device="cpu", models=["net"]).models]


def test_with_few_trials_cheaper_models_come_first(registry):
    assert "pays on a CPU from 10 trials on" in planned(registry, trials=9, device="cpu").skipped["net"]
    assert "net" in [one.name for one in planned(registry, trials=10, device="cpu").models]


def test_the_built_in_models_name_devices_that_settings_know():
    for one in load_registry().models.values():
        for kind in one.devices:
            assert kind == make_settings("y", {"device": kind}).device
