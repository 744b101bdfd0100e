"""Networks in the plan: without torch, without the device asked for, in short runs, with spaces of one's own."""

import importlib.util
import re
import subprocess
import sys

import pytest

from automl import MissingDependencyError, SettingsError, specs
from automl.api import make_settings
from automl.changed_space import change_space
from automl.plan import make_plan
from automl.registry import load_registry
from automl.space import model_space
from automl.space_changes import read_changes
from automl.testing import toy_task

NETWORKS = ("mlp", "realmlp", "tabm", "ft_transformer")
has_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="extra [torch] is not installed")


def planned(seconds=None, rows=2000, **options):
    settings = make_settings("y", {"device": "cpu"} | options)
    return make_plan(
        load_registry(), toy_task("binary", rows=rows), settings, seconds=seconds, workers=2, memory_bytes=4 * 2**30
    )


def test_without_torch_the_plan_tells_the_pip_line_and_goes_on(monkeypatch):
    monkeypatch.setattr(specs, "_is_installed", lambda module: module != "torch")
    plan = planned()

    assert "lightgbm" in [one.name for one in plan.models]
    for name in NETWORKS:
        assert "pip install 'automl-pluggy[torch]'" in plan.skipped[name]
        with pytest.raises(MissingDependencyError, match=re.escape("pip install 'automl-pluggy[torch]'")):
            load_registry().models[name].load()


@has_torch
def test_short_runs_on_a_cpu_leave_networks_out_and_long_ones_do_not():
    short, long = planned(5.0), planned(20_000.0)

    assert all("--models" in short.skipped[name] for name in NETWORKS)
    assert set(NETWORKS) <= {one.name for one in long.models}
    assert "mlp" in [one.name for one in planned(30.0, models=["mlp"]).models]
    assert set(NETWORKS) & {one.name for one in planned(trials=3).models} == set()


@has_torch
def test_a_gpu_that_is_not_there_is_refused_before_training():
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(SettingsError, match=r"device 'cuda' was asked for, but torch .*; use --device cpu, or auto"):
        planned(models=["mlp"], device="cuda")


@has_torch
def test_the_command_line_says_so_in_one_line_and_leaves_nothing_behind(tmp_path):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    data = tmp_path / "train.csv"
    data.write_text("x,y\n" + "".join(f"{place * place % 7},{place % 2}\n" for place in range(60)))
    command = [sys.executable, "-m", "automl.cli.main", "fit", str(data), "--target", "y", "--device", "cuda"]
    told = subprocess.run(
        [*command, "--models", "mlp", "--time", "20s", "--out", str(tmp_path / "run")], capture_output=True, text=True
    )

    assert told.returncode != 0
    assert "device 'cuda' was asked for" in told.stderr
    assert "Traceback" not in told.stderr
    assert not (tmp_path / "run").exists()


def test_labels_are_smoothed_where_only_the_label_counts():
    spec = load_registry().models["realmlp"]

    def smoothing(metric):
        return model_space(spec, toy_task("binary", metric=metric)).get_default_configuration()["label_smoothing"]

    assert [0.1] * 4 == [smoothing(name) for name in ("accuracy", "balanced_accuracy", "f1_macro", "mcc")]
    assert [0.0] * 4 == [smoothing(name) for name in ("log_loss", "roc_auc", "brier", "mine.py:profit")]


@pytest.mark.parametrize(
    ("expression", "name", "inside"),
    [
        ("mlp.learning_rate=1e-6..1e-1:log", "learning_rate", 2e-6),
        ("mlp.momentum=0.8..0.95", "momentum", 0.82),
        ("mlp.batch_size=16..512:pow2", "batch_size", 16),
        ("mlp.layers=0", "layers", 0),
    ],
)
def test_wider_ranges_can_be_reached(expression, name, inside):
    space = model_space(load_registry().models["mlp"], toy_task("binary"))
    changed = change_space(space, read_changes([expression]))

    assert changed[name].legal_value(inside)
    assert not space[name].legal_value(inside)
