"""What networks share: the training loop, schedules, optimisers, losses, files, threads."""

import json
import sys
import time
import weakref

import numpy as np
import pytest
from torch_tools import need_torch

need_torch()

import torch
from automl_plugins.torch_common import devices as found_devices
from automl_plugins.torch_common import files, losses, optimisers, schedules, training
from automl_plugins.torch_common.devices import is_out_of_memory, mixed_precision, seeded, to_device, torch_threads
from torch import nn

from automl import PredictorError, SettingsError
from automl.testing import toy_task


@pytest.fixture(autouse=True)
def _one_thread():
    with torch_threads(1):
        yield


class Rows:
    """Batches of a small table with two classes."""

    def __init__(self, rows=200, seed=0):
        rng = np.random.default_rng(seed)
        self.features = torch.from_numpy(rng.normal(size=(rows, 4)).astype(np.float32))
        self.target = (self.features[:, 0] + 0.5 * self.features[:, 1] > 0).long()
        self.seen = []

    def steps(self, batch_size):
        return -(-len(self.target) // batch_size)

    def epoch(self, number, batch_size):
        self.seen.append((number, batch_size))
        order = np.random.default_rng([1, number]).permutation(len(self.target))
        for start in range(0, len(order), batch_size):
            rows = torch.from_numpy(order[start : start + batch_size])
            yield (self.features[rows],), self.target[rows], None


def made(name="adamw", seed=3, rate=0.01):
    with seeded(seed, "cpu"):
        network = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 2))
    choice = optimisers.Choice(name=name, learning_rate=rate, weight_decay=0.01)
    return network, optimisers.make_optimiser(optimisers.usual_groups(network), choice)


def judge_of(network, rows):
    def predict():
        network.eval()
        return network(rows.features)

    return losses.make_judge(predict, rows.target, None, losses.Loss(kind="classes"))


def run(network, optimiser, epochs, progress=None, valid=None, rows=None, objective=None, **others):
    progress = progress or training.Progress()
    recipe = training.Recipe(
        **({"seed": 5, "batch_size": 32, "epochs": epochs, "full_epochs": 8, "schedule": "cosine"} | others)
    )
    objective = objective or losses.Loss(kind="classes", smoothing=0.1)
    judge = None if valid is None else judge_of(network, valid)
    learner = training.Learner(network=network, optimiser=optimiser, objective=objective, judge=judge)
    training.train(learner, rows or Rows(), recipe, progress)
    return progress


def weights(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


@pytest.fixture
def gpus(monkeypatch):
    """A machine that has so many GPUs, as torch would tell."""

    def set_up(count, metal=False):
        monkeypatch.setattr(found_devices, "_why_no_gpu", lambda: "")
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: f"Toy {number}")
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: metal)

    return set_up


@pytest.mark.parametrize(
    ("count", "metal", "asked", "device", "why"),
    [
        (2, False, "auto", "cuda:0", "Toy 0, the first GPU that torch finds"),
        (2, False, "cuda", "cuda:0", "Toy 0, as asked"),
        (2, False, "cuda:1", "cuda:1", "Toy 1, as asked"),
        (0, True, "auto", "mps", "the GPU of this Mac"),
        (0, True, "mps", "mps", "as asked"),
        (0, False, "auto", "cpu", "torch finds no GPU it can use"),
        (2, False, "cpu", "cpu", "as asked"),
    ],
)
def test_devices_that_are_there(gpus, count, metal, asked, device, why):
    gpus(count, metal)

    assert (device, why) == found_devices.find_device(asked)


@pytest.mark.parametrize(
    ("count", "asked", "message"),
    [
        (
            0,
            "cuda",
            r"device 'cuda' was asked for, but torch \S+ (is a build for the CPU only|finds no GPU and driver here)",
        ),
        (1, "cuda:-1", r"device 'cuda:-1' is not known; use auto, cpu, cuda, cuda:1 or mps"),
        (1, "cuda:x", r"device 'cuda:x' is not known; use auto, cpu, cuda, cuda:1 or mps"),
        (1, "cpu:7", r"device 'cpu:7' is not known; use auto, cpu, cuda, cuda:1 or mps"),
        (1, "cuda:1", r"device 'cuda:1' was asked for, but there is only cuda:0 \(Toy 0\)"),
        (0, "mps", "device 'mps' was asked for, but this is no Mac with Metal"),
        (0, "tpu", "device 'tpu' is not known"),
    ],
)
def test_devices_that_are_not_there(gpus, count, asked, message):
    gpus(count)

    with pytest.raises(SettingsError, match=message):
        found_devices.find_device(asked)


def test_without_a_gpu_torch_is_not_imported_to_find_that_out(monkeypatch):
    monkeypatch.setattr(found_devices.metadata, "version", lambda name: "2.13.0+cpu")
    monkeypatch.setattr(found_devices.sys, "platform", "linux")
    assert ("cpu", "the installed torch is a build for the CPU only") == found_devices.find_device("auto")
    monkeypatch.setattr(found_devices.metadata, "version", lambda name: "2.13.0")
    monkeypatch.setattr(found_devices, "GPU_FILES", ("/dev/no-such-device",))

    assert ("cpu", "this machine has no GPU") == found_devices.find_device("auto")


@pytest.mark.parametrize("name", optimisers.OPTIMISERS)
@pytest.mark.parametrize("judged", [False, True], ids=["alone", "judged"])
def test_three_and_five_epochs_are_eight_to_the_last_bit(tmp_path, name, judged):
    valid = Rows(seed=9) if judged else None
    whole, optimiser = made(name)
    at_once = run(whole, optimiser, 8, valid=valid)
    first, optimiser = made(name)
    progress = run(first, optimiser, 3, valid=valid)
    files.save_training(tmp_path, first, optimiser, progress)
    torch.manual_seed(99)  # the state of the caller's generator does not matter
    second, optimiser = made(name, seed=77)
    progress = files.load_training(tmp_path, second, optimiser)
    assert 3.0 == progress.epochs
    run(second, optimiser, 8, progress, valid=valid)

    assert all(torch.equal(value, whole.state_dict()[key]) for key, value in second.state_dict().items())
    assert (at_once.best_loss, at_once.best_epochs) == (progress.best_loss, progress.best_epochs)
    assert sorted(at_once.best) == sorted(progress.best)
    assert all(torch.equal(value, progress.best[key]) for key, value in at_once.best.items())


def test_another_seed_trains_another_network():
    first, optimiser = made()
    run(first, optimiser, 1)
    second, optimiser = made()
    run(second, optimiser, 1, seed=6)

    assert not torch.equal(first[0].weight, second[0].weight)


def test_early_stopping_goes_back_to_the_best_and_lets_the_rate_fall():
    rng = np.random.default_rng(0)
    noise = Rows(seed=9)
    noise.target = torch.from_numpy(rng.integers(0, 2, len(noise.target)))
    network, optimiser = made(rate=0.05)
    progress = run(
        network, optimiser, 500, valid=noise, full_epochs=500, schedule="flat", patience=lambda best: 5 + best / 4
    )

    assert "early" == progress.ended
    assert progress.epochs < 100
    assert progress.anneal is not None
    assert progress.anneal.is_over(progress.epochs)
    training.use_best(network, progress)
    assert progress.best_loss == judge_of(network, noise)()


def test_a_deadline_ends_an_epoch_and_the_rate_falls_before_it():
    rows = Rows(rows=20_000)
    network, optimiser = made()
    started = time.monotonic()
    progress = run(
        network,
        optimiser,
        10_000,
        rows=rows,
        full_epochs=10_000,
        valid=Rows(seed=9),
        deadline=started + 1.0,
        batch_size=64,
    )

    assert time.monotonic() - started < 3.0
    assert "deadline" == progress.ended
    assert progress.anneal is not None
    assert progress.best


@pytest.mark.parametrize("slow", ["batch", "step"])
def test_a_slow_first_step_says_nothing_of_the_pace(slow):
    """A training that goes on has many epochs behind it, so that a wrong pace would end it at once."""
    began = []

    def wait(what):
        if what == slow and not began:
            began.append(time.sleep(0.4))

    class Slow(Rows):
        def epoch(self, number, batch_size):
            wait("batch")
            return super().epoch(number, batch_size)

    def objective(outputs, target, weight):
        wait("step")
        return losses.Loss(kind="classes")(outputs, target, weight)

    network, optimiser = made()
    progress = training.Progress(epochs=25)
    deadline = time.monotonic() + 4.0
    run(network, optimiser, 50, progress, rows=Slow(), objective=objective, full_epochs=50, deadline=deadline)

    assert progress.epochs > 27
    assert progress.anneal is None or progress.anneal.begin > 27


def test_a_gpu_is_waited_for_where_time_is_measured_and_not_at_each_step(monkeypatch):
    events = []
    monkeypatch.setattr(training, "synchronise", lambda device: events.append("wait"))
    network, optimiser = made()

    def objective(outputs, target, weight):
        events.append("step")
        return losses.Loss(kind="classes")(outputs, target, weight)

    recipe = training.Recipe(
        seed=1, batch_size=50, epochs=2, full_epochs=2, deadline=time.monotonic() + 60.0, device="cpu"
    )
    judge = lambda: events.append("judge") or 1.0  # noqa: E731
    learner = training.Learner(network=network, optimiser=optimiser, objective=objective, judge=judge)
    training.train(learner, Rows(), recipe, training.Progress())

    assert ["step", "wait", *["step"] * 3, "wait", "judge", *["step"] * 4, "wait", "judge"] == events


def test_a_training_that_goes_on_later_does_not_anneal():
    network, optimiser = made()
    progress = run(network, optimiser, 5000, rows=Rows(rows=5000), full_epochs=9000, deadline=time.monotonic() + 0.4)

    assert "deadline" == progress.ended
    assert progress.anneal is None


def test_a_diverged_training_leaves_finite_weights():
    network, optimiser = made("sgd", rate=1e30)
    progress = run(network, optimiser, 8, clip=None)

    assert "diverged" == progress.ended
    assert all(torch.isfinite(value).all() for value in network.state_dict().values())


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("DefaultCPUAllocator: can't allocate memory")]
)
def test_out_of_memory_halves_the_batch_once(error):
    plain, rows = losses.Loss(kind="classes"), Rows()

    def objective(outputs, target, weight):
        if len(target) > 16:
            raise error
        return plain(outputs, target, weight)

    network, optimiser = made()
    progress = run(network, optimiser, 2, rows=rows, objective=objective)

    assert 16 == progress.batch_size
    assert [(0, 32), (0, 16), (1, 16)] == rows.seen
    with pytest.raises(type(error)):
        run(*made(), 2, objective=objective, batch_size=64)


def test_memory_is_freed_when_nothing_of_the_failed_step_is_left(monkeypatch):
    """While an error is handled, its traceback keeps the batch, the outputs and all else that its frames held."""
    plain, kept, seen = losses.Loss(kind="classes"), [], []
    network, optimiser = made()

    def objective(outputs, target, weight):
        if len(target) > 16 and optimiser.state:  # not in the first step: there are gradients by then
            kept.extend(weakref.ref(one) for one in (outputs, target))
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plain(outputs, target, weight)

    def free(device):
        gradients = [one.grad for one in network.parameters() if one.grad is not None]
        seen.append((device, sys.exc_info()[0], [one() for one in kept], gradients))

    monkeypatch.setattr(training, "free_memory", free)
    progress = run(network, optimiser, 2, objective=objective)

    assert [("cpu", None, [None, None], [])] == seen
    assert 16 == progress.batch_size


def test_the_pace_is_measured_anew_with_half_the_batch():
    """Otherwise steps before the failure would count, of which some are done once more."""
    plain, steps = losses.Loss(kind="classes"), []

    def objective(outputs, target, weight):
        steps.append(len(target))
        if len(target) > 10 and len(steps) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plain(outputs, target, weight)

    progress = run(*made(), 2, objective=objective, batch_size=20, full_epochs=2, deadline=time.monotonic() + 60.0)

    assert (2.0, 10) == (progress.epochs, progress.batch_size)
    assert [20, 20] + [10] * 40 == steps


def test_other_errors_are_not_taken_for_a_lack_of_memory():
    assert not is_out_of_memory(RuntimeError("shapes cannot be multiplied"))
    assert is_out_of_memory(MemoryError())


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("flat", [1.0, 1.0, 1.0, 0.0]),
        ("cosine", [1.0, 0.5, 0.14645, 0.0]),
        ("linear", [1.0, 0.5, 0.25, 0.0]),
        ("one_cycle", [0.0, 0.8117, 0.2831, 0.0]),
    ],
)
def test_schedules(schedule, expected):
    found = [schedules.factor(schedule, share) for share in (0.0, 0.5, 0.75, 1.0)]

    assert np.allclose(expected, found, atol=2e-4)


def test_coslog4_has_four_waves_each_twice_as_long():
    ends = [schedules.factor("coslog4", (2**wave - 1) / 15) for wave in range(5)]
    middles = [schedules.factor("coslog4", (2 ** (wave + 0.5) - 1) / 15) for wave in range(4)]

    assert np.allclose(ends, 0.0)
    assert np.allclose(middles, 1.0)


def test_unknown_names_are_told():
    with pytest.raises(ValueError, match="schedule 'cosin' is not known; use flat, cosine"):
        schedules.factor("cosin", 0.5)
    with pytest.raises(ValueError, match="optimiser 'lion' is not known; use adamw, adam, sgd"):
        made("lion")


def test_the_warm_up_rises_in_a_line():
    network, optimiser = made()
    seen = []

    def objective(outputs, target, weight):
        seen.append(optimiser.param_groups[0]["lr"])
        return losses.Loss(kind="classes")(outputs, target, weight)

    run(network, optimiser, 2, objective=objective, schedule="flat", warm_up_epochs=1.0, batch_size=50)

    assert np.allclose([0.0025, 0.005, 0.0075, 0.01, 0.01, 0.01, 0.01, 0.01], seen)


def test_matrices_decay_and_biases_do_not():
    _, optimiser = made()
    shapes = [(group["weight_decay"], {value.ndim for value in group["params"]}) for group in optimiser.param_groups]

    assert [(0.01, {2}), (0.0, {1})] == shapes


@pytest.mark.parametrize(
    ("problem_type", "metric", "kind"),
    [("binary", "roc_auc", "classes"), ("regression", "rmse", "squared"), ("regression", "mae", "absolute")],
)
def test_the_loss_matches_the_metric(problem_type, metric, kind):
    assert kind == losses.matching_loss(toy_task(problem_type, metric=metric)).kind


def test_losses_are_weighted_means_and_smoothing_is_for_training_only():
    outputs, target = torch.tensor([1.0, 3.0]), torch.tensor([0.0, 0.0])
    squared = losses.Loss(kind="squared")

    assert 5.0 == squared(outputs, target, None).item()
    assert 1.0 == squared(outputs, target, torch.tensor([2.0, 0.0])).item()
    scores, codes = torch.tensor([[9.0, 0.0]]), torch.tensor([0])
    smoothed = losses.Loss(kind="classes", smoothing=0.1)
    assert smoothed(scores, codes, None) > 0.4 > 0.01 > losses.make_judge(lambda: scores, codes, None, smoothed)()


def test_damaged_and_foreign_weights_are_predictor_errors(tmp_path):
    network, _ = made()
    files.save_weights(tmp_path, network)
    with pytest.raises(PredictorError, match="of another network"):
        files.load_weights(tmp_path, nn.Linear(4, 3))
    path = tmp_path / files.WEIGHTS
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(PredictorError, match="missing or damaged"):
        files.load_weights(tmp_path, network)


def test_damaged_progress_is_a_predictor_error(tmp_path):
    network, optimiser = made()
    progress = run(network, optimiser, 1)
    files.save_training(tmp_path, network, optimiser, progress)
    facts = json.loads((tmp_path / files.TRAINING_FACTS).read_text())
    (tmp_path / files.TRAINING_FACTS).write_text(json.dumps({"epochs": facts["epochs"]}))

    with pytest.raises(PredictorError, match="missing or damaged"):
        files.load_training(tmp_path, *made())


def test_threads_and_random_numbers_of_the_caller_are_left_alone():
    before = torch.get_num_threads()
    torch.manual_seed(4)
    expected = torch.rand(3)
    torch.manual_seed(4)
    with torch_threads(before + 1), seeded(1, "cpu"):
        assert before + 1 == torch.get_num_threads()
        torch.rand(100)

    assert before == torch.get_num_threads()
    assert torch.equal(expected, torch.rand(3))


def test_a_cpu_computes_in_single_precision():
    with mixed_precision("cpu"):
        assert torch.float32 == (torch.ones(2, 2) @ torch.ones(2, 2)).dtype
    value = torch.ones(2)
    assert to_device(value, "cpu") is value


@pytest.mark.parametrize(("device", "asked"), [("cpu", []), ("cuda:1", ["cuda"]), ("mps", ["mps"])])
def test_each_kind_of_device_is_waited_for_and_freed_in_its_own_way(monkeypatch, device, asked):
    waited, freed = [], []
    for kind in ("cuda", "mps"):
        monkeypatch.setattr(getattr(torch, kind), "synchronize", lambda *which, kind=kind: waited.append(kind))
        monkeypatch.setattr(getattr(torch, kind), "empty_cache", lambda kind=kind: freed.append(kind))
    found_devices.synchronise(device)
    found_devices.free_memory(device)

    assert (asked, asked) == (waited, freed)


def test_models_that_predict_at_the_same_time_use_one_thread_each():
    before = torch.get_num_threads()
    with found_devices.one_thread():
        with found_devices.one_thread():
            assert 1 == torch.get_num_threads()
        assert 1 == torch.get_num_threads()

    assert before == torch.get_num_threads()
