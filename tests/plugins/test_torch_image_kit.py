"""The conformance kit on every network on images."""

from dataclasses import replace

import pytest
from torch_tools import need_torch

need_torch()

import torch
from automl_plugins.torch_image import cnn, efficientnet, heads, resnet, spaces

from automl.changed_space import change_space
from automl.registry import load_registry
from automl.space_changes import read_changes
from automl.testing import model_checks

ROWS = 60
QUICK = {"cnn": ("multiclass",)}
"""The others train longer: they are checked with the slow tests."""
SLOW = {
    "cnn": ("regression",),
    "resnet": ("multiclass",),
    "efficientnet": ("binary",),
    "pretrained_features": ("multiclass",),
    "finetune": ("multiclass",),
}
LONG = ("better_than_a_constant", "sampled_configurations", "few_sampled_rows", "save_and_load", "deadline")
"""Checks that train fully or often, and those of fidelities below: left out for the slowest network."""
EPOCHS = 8
"""Of full training here; by default it is longer."""
SMALL = {
    "efficientnet": ("efficientnet.width=0.25", "efficientnet.depth=0.25"),
    "pretrained_features": ("pretrained_features.side=64", "pretrained_features.head=linear"),
    "finetune": ("finetune.side=64",),
}


class BriefCNN(cnn.CNNModel):
    """With few epochs."""

    full_epochs = EPOCHS


class BriefResNet(resnet.ResNetModel):
    """With few epochs."""

    full_epochs = EPOCHS


class BriefEfficientNet(efficientnet.EfficientNetModel):
    """With few epochs."""

    full_epochs = 4


FACTORIES = {"cnn": "BriefCNN", "resnet": "BriefResNet", "efficientnet": "BriefEfficientNet"}


@pytest.fixture(scope="module", autouse=True)
def _weights(tmp_path_factory):
    """A tiny ResNet, untrained, stands for pretrained weights."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "tiny.pth"
    torch.save(resnet.ResNet(resnet.Settings(outputs=5, width=8, repeats=(1, 1))).state_dict(), path)
    _weights.path = str(path)


def small_efficientnet(task):
    return _changed("efficientnet", spaces.efficientnet(task))


def small_features(task):
    return _changed("pretrained_features", heads.space(replace(task, pretrained=_weights.path)))


def small_finetune(task):
    return _changed("finetune", spaces.finetune(replace(task, pretrained=_weights.path)))


SPACES = {"efficientnet": "small_efficientnet", "pretrained_features": "small_features", "finetune": "small_finetune"}


def _changed(name, space):
    return change_space(space, read_changes(list(SMALL[name])))


def spec_of(name):
    spec = load_registry().models[name]
    if name in FACTORIES:
        spec = replace(spec, factory=f"{__name__}:{FACTORIES[name]}")
    return replace(spec, space=f"{__name__}:{SPACES[name]}") if name in SPACES else spec


def checks(table, *, long):
    found = [
        check for name, types in table.items() for check in model_checks(spec_of(name), problem_types=types, rows=ROWS)
    ]
    return [check for check in found if (check.name in LONG or check.name.startswith("fidelity")) == long]


@pytest.mark.parametrize("check", checks(QUICK, long=False), ids=str)
def test_quick_rules(check):
    check()


@pytest.mark.slow
@pytest.mark.parametrize(
    "check",
    [
        *checks(QUICK, long=True),
        *checks(SLOW, long=False),
        *(check for check in checks(SLOW, long=True) if check.case.spec.name != "efficientnet"),
    ],
    ids=str,
)
def test_all_rules(check):
    check()
