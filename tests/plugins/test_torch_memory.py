"""Networks where memory runs out while they predict or are judged: smaller batches, the same predictions."""

import sys
import weakref

import pytest
from torch_tools import need_torch
from tree_tools import blind, make

need_torch()

import numpy as np
import torch
from automl_plugins.torch_common import predicting
from automl_plugins.torch_common.devices import one_thread
from automl_plugins.torch_image.model import ImageNetwork
from image_tools import fitted, toy_images

from automl import Effort
from automl.testing import toy_table, toy_task


@pytest.fixture(autouse=True)
def _one_thread():
    with one_thread():
        yield


def no_memory():
    return torch.OutOfMemoryError("CUDA out of memory")


def limited(network, rows, seen):
    """A network that has memory for so many rows at a time when it does not train."""

    def check(module, inputs):
        if module.training:
            return
        seen.append(len(inputs[0]))
        if len(inputs[0]) > rows:
            raise no_memory()

    network.register_forward_pre_hook(check)
    return network


@pytest.mark.parametrize(
    ("fits", "asked"),
    [
        (16, [(0, 8), (8, 11)]),
        (4, [(0, 8), (0, 4), (4, 8), (8, 11)]),
        (1, [(0, 8), (0, 4), (0, 2), *((row, row + 1) for row in range(11))]),
    ],
)
def test_batches_are_halved_as_often_as_it_takes_and_stay_so(fits, asked):
    calls = []

    def compute(start, stop):
        calls.append((start, stop))
        if stop - start > fits:
            raise no_memory()
        return torch.arange(start, stop)

    found = predicting.in_batches(compute, rows=11, most=8, device="cpu")

    assert list(range(11)) == found.tolist()
    assert asked == calls


def test_few_rows_are_halved_too():
    def compute(start, stop):
        if stop - start > 2:
            raise no_memory()
        return torch.arange(start, stop)

    assert list(range(5)) == predicting.in_batches(compute, rows=5, most=4096, device="cpu").tolist()


@pytest.mark.parametrize(
    ("error", "calls"),
    [(MemoryError("not for one row"), [4, 2, 1]), (RuntimeError("shapes cannot be multiplied"), [4])],
)
def test_a_row_that_is_too_much_and_other_errors_are_raised(error, calls):
    seen = []

    def compute(start, stop):
        seen.append(stop - start)
        raise error

    with pytest.raises(type(error), match=str(error)):
        predicting.in_batches(compute, rows=4, most=8, device="cpu")
    assert calls == seen


def test_memory_is_freed_when_nothing_of_the_failed_batch_is_left(monkeypatch):
    kept, seen = [], []

    def compute(start, stop):
        outputs = torch.zeros(stop - start)
        if stop - start > 2:
            kept.append(weakref.ref(outputs))
            raise no_memory()
        return outputs

    monkeypatch.setattr(
        predicting, "free_memory", lambda device: seen.append((device, sys.exc_info()[0], [one() for one in kept]))
    )
    predicting.in_batches(compute, rows=4, most=4, device="cuda:0")

    assert [("cuda:0", None, [None])] == seen


@pytest.mark.parametrize("problem_type", ["multiclass", "regression"])
def test_networks_for_tables_are_judged_and_predict_in_smaller_batches(problem_type, monkeypatch):
    train, valid = toy_table(problem_type, 60)
    models = [make("mlp", toy_task(problem_type, rows=60), width=16, bins=4) for _ in range(2)]
    effort = Effort(fidelity={"epochs": 2.0}, full={"epochs": 8.0})
    seen, usual = [], models[1].make_network
    monkeypatch.setattr(models[1], "make_network", lambda *args: limited(usual(*args), 8, seen))
    for model in models:
        model.fit(train, valid, effort)
    whole, parts = (model.predict(blind(valid)) for model in models)

    rows = len(valid)
    assert [rows, rows // 2, rows // 4] == seen[:3]
    assert 3 == seen.count(rows)  # in judging twice, in predicting once
    assert np.allclose(whole, parts, atol=1e-6)


def test_networks_on_images_are_judged_and_predict_in_smaller_batches(monkeypatch):
    train, valid = toy_images(40), toy_images(24, seed=1)
    effort = Effort(full={"epochs": 2.0})
    usual, _ = fitted("cnn", train, valid, effort=effort)
    seen, moved = [], ImageNetwork._learner
    monkeypatch.setattr(
        ImageNetwork, "_learner", lambda self, network, *rest: moved(self, limited(network, 6, seen), *rest)
    )
    limited_, _ = fitted("cnn", train, valid, effort=effort)

    assert np.allclose(usual.predict(valid), limited_.predict(valid), atol=1e-6)
    assert [24, 12, 6, 6, 6, 6] * 3 == seen
