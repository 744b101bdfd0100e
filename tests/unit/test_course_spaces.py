"""The search spaces of a course on deep learning are reachable from the command line as they stand."""

import math

import numpy as np
import pytest

from automl.errors import AutomlError
from automl.registry import load_registry
from automl.space import joint_space
from automl.space_changes import read_changes
from automl.testing.data import toy_task

CHANGES = [
    "mlp.optimiser=sgd",
    "mlp.learning_rate=1e-6..1e-1:log",
    "mlp.batch_size=16..512:pow2",
    "mlp.momentum=0.85..0.95",
]


def drawn():
    changes = [one for text in CHANGES for one in read_changes(text)]
    space = joint_space([load_registry().get("models", "mlp")], toy_task("binary"), changes=changes)
    return [candidate.config for candidate in space.sample(2000, seed=0)]


def test_learning_rates_are_even_on_a_log_scale():
    rates = np.array([math.log10(config["learning_rate"]) for config in drawn()])
    shares, _ = np.histogram(rates, bins=5, range=(-6, -1))

    assert -6 <= rates.min() < -5.9
    assert -1.1 < rates.max() <= -1
    assert np.abs(shares / len(rates) - 0.2).max() < 0.05


def test_batches_are_powers_of_two_and_momentum_is_uniform():
    configs = drawn()
    momentum = np.array([config["momentum"] for config in configs])
    shares, _ = np.histogram(momentum, bins=5, range=(0.85, 0.95))

    assert {16, 32, 64, 128, 256, 512} == {config["batch_size"] for config in configs}
    assert 0.85 <= momentum.min()
    assert momentum.max() <= 0.95
    assert np.abs(shares / len(momentum) - 0.2).max() < 0.05
    assert {"sgd"} == {config["optimiser"] for config in configs}


def test_a_misspelt_name_is_told_with_the_nearest():
    with pytest.raises(AutomlError, match="learning_rate"):
        joint_space(
            [load_registry().get("models", "mlp")],
            toy_task("binary"),
            changes=read_changes("mlp.learning_rat=0.1..0.2"),
        )
