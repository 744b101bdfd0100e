"""When the plan uses networks on images on a CPU."""

from dataclasses import replace

import pytest
from torch_tools import need_torch

need_torch()

from automl.api import make_settings
from automl.plan import make_plan
from automl.registry import load_registry
from automl.testing.image_data import toy_image_task

DEAR = {"finetune", "efficientnet"}


def planned(seconds, side=64, **options):
    task = replace(toy_image_task("multiclass", rows=1000), height=side, width=side, pretrained="efficientnet-lite0")
    settings = make_settings("y", {"device": "cpu"} | options)
    return make_plan(load_registry(), task, settings, seconds=seconds, workers=2, memory_bytes=4 * 2**30)


def test_dear_networks_wait_for_runs_in_which_a_trial_comes_to_its_end():
    short, long = planned(60.0), planned(36_000.0)

    assert set(short.skipped) >= DEAR
    assert all("of the 120 s of all CPUs, more than pays; --models" in short.skipped[name] for name in DEAR)
    assert any(reason.startswith("not used: finetune: one trial takes about") for reason in short.reasons)
    assert {spec.name for spec in long.models} >= DEAR
    assert "finetune" in [spec.name for spec in planned(60.0, models=["finetune"]).models]


@pytest.mark.parametrize(("seconds", "side"), [(10.0, 8), (10.0, 256), (60.0, 64)])
def test_a_network_is_left_however_short_the_run(seconds, side):
    assert {"cnn", "pretrained_features"} <= {spec.name for spec in planned(seconds, side).models}
