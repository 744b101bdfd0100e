"""Networks for tables: conformance, exact continuation, what they are trained on, files."""

import itertools
import time
from dataclasses import replace

import numpy as np
import pytest
from torch_tools import need_torch
from tree_tools import blind, make, saved_and_loaded, table, task_of

need_torch()

import torch
from automl_plugins.torch_common.devices import one_thread
from automl_plugins.torch_common.files import TRAINING, WEIGHTS, load_tensors
from automl_plugins.torch_table.batches import TableBatches

from automl import Effort, PredictorError
from automl.testing import model_checks, toy_table, toy_task

NETWORKS = ("mlp", "realmlp", "tabm", "ft_transformer")
TINY = {
    "mlp": {"width": 16, "bins": 4},
    "realmlp": {"width": 16},
    "tabm": {"width": 16, "members": 4, "bins": 4},
    "ft_transformer": {"width": 16, "blocks": 1},
}
"""Settings with which a network trains in no time."""
SAYING_MOST = ("repeatable", "few_rows", "missing_and_unseen", "partial_tables", "huge_numbers", "weights", "spec")
OF_VALUES = ("constant_target",)
LONG = ("default_configuration", "sampled_configurations", "better_than_a_constant")
WHOLE = {"mlp": ("binary", "multiclass", "regression"), "realmlp": ("binary", "regression")}
"""Problem types on which all checks run; where training takes long, one shows as much as three."""


@pytest.fixture(autouse=True)
def _one_thread():
    with one_thread():
        yield


def conformance():
    """The kit's checks: those that are quick for every network, the others marked slow."""
    checks = []
    for name in NETWORKS:
        for check in model_checks(name, rows=100):
            binary = check.case.problem_type == "binary"
            quick = (binary and check.name in SAYING_MOST) or check.name in OF_VALUES
            quick = quick or (binary and name == "mlp" and check.name not in LONG)
            if quick or check.case.problem_type in WHOLE.get(name, ("binary",)):
                checks += [pytest.param(check, id=str(check), marks=() if quick else pytest.mark.slow)]
    return checks


@pytest.mark.parametrize("check", conformance())
def test_conformance(check):
    check()


def tiny(name, problem_type, seed=0, metric=None, **config):
    return make(name, toy_task(problem_type, rows=60, metric=metric, texts=1), seed, **(TINY[name] | config))


def epochs(count, **others):
    return Effort(fidelity={"epochs": float(count)}, full={"epochs": 8.0}, **others)


@pytest.mark.parametrize("judged", [False, True], ids=["alone", "judged"])
@pytest.mark.parametrize("name", NETWORKS)
def test_three_and_five_epochs_are_eight_to_the_last_bit(tmp_path, name, judged):
    train, valid = toy_table("binary", 60, text=True)
    held = valid if judged else None
    whole, first, second = (tiny(name, "binary", batch_size=32) for _ in range(3))
    whole.fit(train, held, epochs(8))
    first.fit(train, held, epochs(3))
    first.save(tmp_path)
    torch.manual_seed(99)  # the state of the caller's generator does not matter
    facts = second.fit(train, held, epochs(8, checkpoint=tmp_path))
    expected, found = (model._network.state_dict() for model in (whole, second))

    assert judged or facts["epochs"] == 8
    assert all(torch.equal(value, found[key]) for key, value in expected.items())
    assert np.array_equal(whole.predict(blind(valid)), second.predict(blind(valid)))


@pytest.mark.parametrize("name", NETWORKS)
def test_two_seeds_differ_and_a_loaded_network_predicts_the_same(tmp_path, name):
    train, valid = toy_table("regression", 60, text=True)
    found = []
    for seed in (1, 2):
        model = tiny(name, "regression", seed)
        model.fit(train, valid, epochs(2))
        loaded = saved_and_loaded(model, tmp_path / str(seed))
        found.append(model.predict(blind(valid)))
        assert np.array_equal(found[-1], loaded.predict(blind(valid)))

    assert not np.allclose(*found)
    assert (tmp_path / "1" / WEIGHTS).is_file()


def test_only_what_may_go_on_keeps_the_state_of_training(tmp_path):
    train, valid = toy_table("binary", 60, text=True)
    for count, kept in ((2, True), (8, False)):
        model = tiny("mlp", "binary")
        model.fit(train, valid, epochs(count))
        saved_and_loaded(model, tmp_path / str(count))

        assert kept == (tmp_path / str(count) / TRAINING).is_file()


def line(rows=200, seed=0):
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(rows, 2)).astype(np.float32)
    return table(numbers, 3.0 * numbers[:, 0].astype(np.float64) - numbers[:, 1] + 5.0)


def test_without_layers_a_perceptron_is_linear_regression():
    train = line()
    model = make(
        "mlp",
        task_of(train),
        layers=0,
        embedding="plain",
        scaling="robust",
        schedule="flat",
        learning_rate=0.03,
        weight_decay=0.0,
        batch_size=32,
    )
    model.fit(train, None, Effort(fidelity={"epochs": 60.0}, full={"epochs": 60.0}))
    seen = model._columns.transform(train).numbers
    expected = np.linalg.lstsq(np.c_[seen, np.ones(len(seen))], train.target, rcond=None)[0]

    assert [(1, 2), (1,)] == [tuple(value.shape) for value in model._network.parameters()]
    assert np.abs(np.c_[seen, np.ones(len(seen))] @ expected - model.predict(blind(train))).max() < 0.15


@pytest.mark.parametrize(
    ("norm", "residual", "embedding", "optimiser"),
    [("none", True, "periodic", "sgd"), ("batch", False, "plain", "adam"), ("layer", True, "piecewise", "adamw")],
)
def test_kinds_of_perceptrons_learn(norm, residual, embedding, optimiser):
    train, valid = line(), line(seed=1)
    config = {"norm": norm, "residual": residual, "embedding": embedding, "optimiser": optimiser}
    rate = 0.03 if optimiser == "sgd" else 0.01
    model = make("mlp", task_of(train), **config, width=32, layers=2, learning_rate=rate, batch_size=32)
    model.fit(train, valid, Effort(fidelity={"epochs": 15.0}, full={"epochs": 15.0}))

    assert np.mean((model.predict(blind(valid)) - valid.target) ** 2) < 0.25 * valid.target.var()


def test_rare_and_unseen_levels_are_one_and_missing_is_a_level_of_its_own():
    codes = np.array([[0]] * 5 + [[1]] * 5 + [[2]] * 5 + [[3]] * 5 + [[4]] * 5 + [[5]] + [[-1]] * 3)
    train = table(np.zeros((len(codes), 1)), np.arange(len(codes), dtype=np.float64), codes, (7,))
    model = make("mlp", task_of(train))
    model._columns.fit_transform(train, task_of(train))
    asked = table(np.zeros((4, 1)), None, [[5], [6], [7], [-1]], (7,))
    found = model._columns.transform(asked).codes[:, 0]

    assert [0, 0, 0, 6] == found.tolist()
    assert (7,) == model._columns.shape.levels


def test_small_categories_are_one_hot_and_missing_numbers_are_told():
    numbers = np.array([[1.0], [2.0], [np.nan], [np.nan], [np.nan], [9.0]])
    train = table(numbers, np.arange(6.0), [[0], [0], [1], [1], [1], [0]], (2,))
    model = make("mlp", task_of(train))
    seen = model._columns.fit_transform(train, task_of(train))

    assert [[0, 1, 0], [1, 0, 1]] == seen.dense[[0, 2]].tolist()
    assert 0.0 == seen.numbers[2, 0]
    assert (6, 0) == seen.codes.shape


@pytest.mark.parametrize("scaling", ["robust", "quantile"])
def test_scaled_numbers_keep_their_order_and_stay_near_one(scaling):
    rng = np.random.default_rng(0)
    train = table(np.exp(3 * rng.normal(size=(500, 1))), rng.normal(size=500))
    model = make("mlp", task_of(train), scaling=scaling)
    seen = model._columns.fit_transform(train, task_of(train)).numbers[:, 0]
    order = np.argsort(train.numbers[:, 0])

    assert (np.diff(seen[order]) >= 0).all()
    assert np.abs(seen).max() < 4.0


def test_weighted_classes_are_learned_the_same_and_probabilities_brought_back():
    rng = np.random.default_rng(0)
    target = (rng.random(400) < 0.1).astype(np.int64)
    train = table(rng.normal(size=(400, 1)), target)
    task = task_of(train, "binary", 2, metric="balanced_accuracy")
    model = make("mlp", task, width=8, layers=1)
    model.fit(train, None, Effort(fidelity={"epochs": 5.0}))

    assert model._target.class_weights[1] > 4 * model._target.class_weights[0]
    assert abs(model.predict(blind(train))[:, 1].mean() - target.mean()) < 0.03
    assert not make("mlp", replace(task, metric="log_loss"))._get("class_weights", True)


@pytest.mark.parametrize("metric", ["mape", "mae"])
def test_values_are_learned_as_the_metric_judges_them(metric):
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(300, 2))
    target = np.exp(2.0 * numbers[:, 0])
    train = table(numbers, target)
    model = make("mlp", task_of(train, metric=metric), width=32, layers=2, batch_size=32, learning_rate=0.01)
    model.fit(train, None, Effort(fidelity={"epochs": 15.0}, full={"epochs": 15.0}))
    found = model.predict(blind(train))

    assert found.min() >= target.min()
    assert found.max() <= target.max()
    assert np.median(np.abs(np.log(found) - np.log(target))) < 0.4


def test_weights_of_rows_count():
    rng = np.random.default_rng(0)
    train = table(rng.normal(size=(200, 1)), np.repeat([0.0, 1.0], 100))
    train = replace(train, weight=np.repeat([1.0, 9.0], 100))
    model = make("mlp", task_of(train), width=8, layers=1, batch_size=256, learning_rate=0.03)
    model.fit(train, None, Effort(fidelity={"epochs": 40.0}))

    assert abs(model.predict(blind(train)).mean() - 0.9) < 0.1


def test_batches_are_whole_and_hold_each_row_once_at_most():
    rows = TableBatches(seed=1, inputs=(torch.arange(10),), target=torch.arange(10), weight=None)
    first, again, second = ([target.tolist() for _, target, _ in rows.epoch(number, 4)] for number in (0, 0, 1))

    assert [4, 4] == list(map(len, first))
    assert len(set(itertools.chain(*first))) == 8
    assert first == again != second
    assert 1 == rows.steps(32)


def test_a_deadline_is_kept_in_the_middle_of_an_epoch():
    rng = np.random.default_rng(0)
    train = table(rng.normal(size=(30_000, 4)), rng.normal(size=30_000))
    model = make("mlp", task_of(train), batch_size=32)
    started = time.monotonic()
    model.fit(train, None, Effort(deadline=started + 1.0))

    assert time.monotonic() - started < 4.0
    assert model.predict(blind(train)).shape == (30_000,)


def test_real_mlp_fades_dropout_and_weight_decay_and_gives_groups_rates_of_their_own():
    model = tiny("realmlp", "binary")
    train, _ = toy_table("binary", 60, text=True)
    model.fit(train, None, epochs(1))
    network = model._network
    from automl_plugins.torch_common.optimisers import make_optimiser

    optimiser = make_optimiser(model.groups(network), model.choice())
    fade = model.follow(network, optimiser)
    rates = {round(group["base_lr"] / 0.04, 3) for group in optimiser.param_groups}
    fade(0.25)
    before = network.layers[0].dropout.p, max(group["weight_decay"] for group in optimiser.param_groups)
    fade(0.75)
    after = network.layers[0].dropout.p, max(group["weight_decay"] for group in optimiser.param_groups)

    assert {1.0, 6.0, 0.1} == rates
    assert (0.15, 0.02) == before
    assert np.allclose((0.075, 0.01), after)


def test_the_first_layers_of_real_mlp_are_sized_by_the_data():
    model = tiny("realmlp", "regression")
    train, _ = toy_table("regression", 60, text=True)
    encoded = model._columns.fit_transform(train, model._task)
    network = model.make_network(model._columns.shape, 1)
    inputs = [torch.from_numpy(one) for one in (encoded.numbers, encoded.dense, encoded.codes)]
    with torch.no_grad():
        network.set_up(*inputs)
        x = network.layers[0].dense(network.scale * network.inputs(*inputs))

    assert np.allclose(1.0, x.std(dim=0, correction=0), atol=1e-3)
    assert (x.amin(dim=0) <= 0).all()
    assert (x.amax(dim=0) >= 0).all()
    assert not network.head.weight.any()


def test_members_of_tabm_differ_and_each_learns_by_its_own_loss():
    model = tiny("tabm", "regression")
    train, valid = toy_table("regression", 60, text=True)
    model.fit(train, None, epochs(2))
    encoded = model._columns.transform(valid)
    with torch.no_grad():
        each = model._network(*(torch.from_numpy(one) for one in (encoded.numbers, encoded.dense, encoded.codes)))

    assert (30, 4, 1) == tuple(each.shape)
    assert (each.std(dim=1) > 1e-4).all()
    assert np.allclose(model._target.values(each.mean(dim=1)[:, 0].numpy()), model.predict(blind(valid)))


def test_numbers_beyond_what_attention_affords_join_the_dense_token(monkeypatch):
    from automl_plugins.torch_table.ft_transformer import FtTransformer

    monkeypatch.setattr(FtTransformer, "most_numbers", 2)
    train = table(np.random.default_rng(0).normal(size=(40, 5)), np.arange(40.0))
    model = make("ft_transformer", task_of(train), width=16, blocks=1)
    model.fit(train, None, epochs(1))

    assert (2, 3) == (model._columns.shape.numbers, model._columns.shape.dense)
    assert model.predict(blind(train)).shape == (40,)


def test_damaged_files_are_predictor_errors(tmp_path):
    train, _ = toy_table("binary", 60, text=True)
    model = tiny("mlp", "binary")
    model.fit(train, None, epochs(8))
    for number, name in enumerate((WEIGHTS, "columns.npz", "columns.json", "target.json")):
        folder = tmp_path / str(number)
        saved_and_loaded(model, folder)
        path = folder / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(PredictorError, match="missing or damaged"):
            type(model).load(folder, model._config, model._task, 0)
    other = tiny("mlp", "binary", width=24)
    saved_and_loaded(model, tmp_path / "whole")
    with pytest.raises(PredictorError, match="of another network"):
        type(model).load(tmp_path / "whole", other._config, other._task, 0)
    assert load_tensors(tmp_path / "whole" / WEIGHTS)


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_train_where_precision_is_mixed(name, monkeypatch):
    """As on a GPU with bf16; a CPU computes the same, only slowly."""

    def mixed(device):
        return torch.autocast("cpu", dtype=torch.bfloat16)

    monkeypatch.setattr("automl_plugins.torch_common.steps.mixed_precision", mixed)
    train, valid = toy_table("binary", 60, text=True)
    model = tiny(name, "binary")
    model.fit(train, valid, epochs(1))

    assert np.isfinite(model.predict(blind(valid))).all()


@pytest.mark.parametrize(("rows", "batch_size"), [(1, 256), (40, 1)])
def test_batches_of_one_row_are_none_as_batch_normalisation_needs_two(rows, batch_size):
    rng = np.random.default_rng(0)
    train = table(rng.normal(size=(rows, 3)), rng.normal(size=rows))
    model = make("mlp", task_of(train), width=16, norm="batch", batch_size=batch_size)
    model.fit(train, None, Effort(fidelity={"epochs": 1.0}, full={"epochs": 4.0}))

    assert np.isfinite(model.predict(train)).all()
