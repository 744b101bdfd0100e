"""Networks on images: exact continuation, files, seeds, augmentation, odd inputs."""

import json
import time

import pytest
from torch_tools import need_torch

need_torch()

import numpy as np
import torch
from automl_plugins.torch_common import steps, training
from automl_plugins.torch_common.files import load_tensors
from automl_plugins.torch_image import augment, averaging, pixels, recipes
from automl_plugins.torch_image.pixels import Images, Normalisation
from image_tools import fitted, toy_image_task, toy_images
from torch.nn.modules.module import register_module_forward_hook

import automl
from automl import Effort, ImageData, PredictorError, with_channels
from automl.registry import load_registry

NETWORKS = ("cnn", "resnet", "efficientnet")
MOST_SLOW = ("cnn", "resnet", pytest.param("efficientnet", marks=pytest.mark.slow))
"""Depthwise convolutions take their time on a CPU."""
EVERYTHING = {
    "flip": True,
    "crop": 0.2,
    "colour": 0.3,
    "random_operations": 2,
    "magnitude": 0.7,
    "mixup": 0.3,
    "cutout": 0.4,
    "average_weights": True,
    "label_smoothing": 0.1,
}


def epochs(count, **others):
    return Effort(fidelity={"epochs": float(count)}, full={"epochs": 8.0}, **others)


@pytest.mark.parametrize("name", MOST_SLOW)
def test_three_and_five_epochs_are_eight_to_the_last_bit(tmp_path, name):
    train, valid = toy_images(40), toy_images(16, seed=1)
    whole, facts = fitted(name, train, valid, effort=Effort(full={"epochs": 8.0}), **EVERYTHING)
    first, _ = fitted(name, train, valid, effort=epochs(3), **EVERYTHING)
    first.save(tmp_path)
    torch.manual_seed(99)
    second, resumed = fitted(name, train, valid, effort=Effort(full={"epochs": 8.0}, checkpoint=tmp_path), **EVERYTHING)

    assert facts["epochs"] == resumed["epochs"]
    expected, found = whole._network.state_dict(), second._network.state_dict()
    assert all(torch.equal(value, found[key]) for key, value in expected.items())
    assert np.array_equal(whole.predict(valid), second.predict(valid))


@pytest.mark.parametrize("name", MOST_SLOW)
def test_one_seed_repeats_and_another_differs(name):
    train = toy_images(32)
    found = [fitted(name, train, seed=seed, effort=epochs(1), **EVERYTHING)[0].predict(train) for seed in (1, 1, 2)]

    assert np.array_equal(found[0], found[1])
    assert not np.allclose(found[0], found[2])


@pytest.mark.parametrize("name", MOST_SLOW)
def test_saved_and_loaded_predicts_the_same(tmp_path, name):
    train = toy_images(32)
    model, _ = fitted(name, train, effort=Effort(full={"epochs": 1.0}), flip=True, flip_at_test=True)
    model.save(tmp_path)
    loaded = type(model).load(tmp_path, model._config, model._task, 1)

    assert {"weights.safetensors", "network.json", "target.json"} == {file.name for file in tmp_path.iterdir()}
    assert np.array_equal(model.predict(train), loaded.predict(train))
    (tmp_path / "network.json").write_text(json.dumps({"shape": {}}))
    with pytest.raises(PredictorError, match=r"network.json is missing or damaged"):
        type(model).load(tmp_path, model._config, model._task, 1)


@pytest.mark.parametrize("problem_type", ["binary", "regression"])
@pytest.mark.parametrize("channels", [1, 3])
def test_classes_and_values_are_learned(problem_type, channels):
    train, valid = (toy_images(rows, seed, channels, problem_type) for rows, seed in ((160, 0), (80, 1)))
    task = toy_image_task(problem_type, channels=channels)
    options = {"mixup": 0.2} if problem_type == "regression" else {}
    model, _ = fitted("cnn", train, valid, task=task, effort=Effort(full={"epochs": 12.0}), colour=0.0, **options)
    found = model.predict(valid)

    if problem_type == "regression":
        assert np.mean((found - valid.target) ** 2) < 0.5 * np.var(valid.target)
    else:
        assert np.allclose(1.0, found.sum(axis=1))
        assert np.mean(found.argmax(axis=1) == valid.target) > 0.85


def test_weights_of_rows_count():
    train = toy_images(80)
    weight = np.where(train.target == 0, 1.0, 1e-6) * 1000
    plain, _ = fitted("cnn", train, effort=Effort(full={"epochs": 4.0}))
    heavy, _ = fitted("cnn", ImageData(**{**vars(train), "weight": weight}), effort=Effort(full={"epochs": 4.0}))

    assert heavy.predict(train)[:, 0].mean() > 1.5 * plain.predict(train)[:, 0].mean()


def test_a_deadline_is_kept_between_batches():
    started = time.monotonic()
    model, facts = fitted(
        "cnn", toy_images(600), toy_images(50, seed=1), effort=Effort(full={"epochs": 4000.0}, deadline=started + 1.0)
    )

    assert time.monotonic() - started < 4.0
    assert facts["epochs"] < 4000
    assert np.isfinite(model.predict(toy_images(5))).all()


def test_few_rows_and_none():
    model, _ = fitted("efficientnet", toy_images(3), effort=epochs(1))

    assert (0, 3) == model.predict(toy_images(4).take(np.zeros(0, dtype=np.int64))).shape
    assert (4, 3) == model.predict(toy_images(4)).shape


def test_predictions_of_images_with_other_channels(recwarn):
    grey = toy_images(20)
    model, _ = fitted("cnn", grey, effort=epochs(1))
    coloured = ImageData.of(np.repeat(grey.pixels(8), 3, axis=3))

    assert np.allclose(model.predict(grey), model.predict(coloured))
    assert [[[[76]]]] == with_channels(np.array([[[[255, 0, 0]]]], dtype=np.uint8), 1).tolist()


def test_predicting_halves_its_batch_when_memory_runs_out():
    data = toy_images(300)
    sizes = []

    def network(images):
        if len(images) > 128:
            raise torch.OutOfMemoryError("CUDA out of memory")
        sizes.append(len(images))
        return images.mean((1, 2, 3))[:, None]

    images = Images(data, 8, 1)
    found = pixels.outputs_of(network, images, Normalisation.of(images))

    assert [128, 128, 44] == sizes
    assert (300, 1) == found.shape


@pytest.mark.parametrize(("problem_type", "expected"), [("binary", {torch.bfloat16}), ("regression", {torch.float32})])
def test_all_is_predicted_and_values_are_judged_in_single_precision(problem_type, expected, monkeypatch):
    """Where training, and the judging of classes in it, are in bf16, as on a GPU."""
    for module in (steps, pixels):
        monkeypatch.setattr(module, "mixed_precision", lambda device: torch.autocast("cpu", dtype=torch.bfloat16))
    found = {True: set(), False: set()}

    def note(module, inputs, output):
        is_counted = output.device.type == "meta"  # multiply-adds are counted without numbers
        if isinstance(module, torch.nn.Linear | torch.nn.Conv2d) and not is_counted:
            found[module.training].add(output.dtype)

    train, valid = (toy_images(rows, rows, problem_type=problem_type) for rows in (40, 16))
    handle = register_module_forward_hook(note)
    try:
        model, _ = fitted("cnn", train, valid, task=toy_image_task(problem_type), effort=epochs(1))
        judged = set(found[False])
        found[False].clear()
        model.predict(valid)
    finally:
        handle.remove()

    assert {True: {torch.bfloat16}, False: {torch.float32}} == found
    assert expected == judged


def test_statistics_are_on_the_device_once_an_epoch(monkeypatch):
    moved, copied = pixels.to_device, []
    monkeypatch.setattr(pixels, "to_device", lambda one, device: copied.append(tuple(one.shape)) or moved(one, device))
    images = Images(toy_images(40, channels=3), 8, 3)
    normalisation = Normalisation.of(images)
    batches = pixels.ImageBatches(
        images=images, target=torch.zeros(40), weight=None, classes=0, normalisation=normalisation
    )
    ((first,), _, _), *others = batches.epoch(0, 8)

    assert 4 == len(others)
    assert [(3, 1, 1)] * 2 == [shape for shape in copied if len(shape) == 3]
    order = np.random.default_rng([0, 0]).permutation(40)
    assert torch.equal(normalisation.apply(images.read(order[:8]).float() / 255), first)


@pytest.mark.parametrize(
    ("epochs_before", "batch_size", "device", "seconds", "pays"),
    [
        (0.0, 0, "cuda:0", None, True),
        (0.0, 0, "cpu", None, False),
        (50.0, 0, "cuda:0", None, True),
        (51.0, 0, "cuda:0", None, False),
        (51.0, 16, "cuda:0", None, True),
        (0.0, 0, "cuda:0", 100.0, False),
        (0.0, 0, "cuda:0", 300.0, True),
    ],
)
def test_compiling_pays_by_the_steps_that_are_left(epochs_before, batch_size, device, seconds, pays):
    class Hundred:
        def steps(self, batch_size):
            return 3200 // batch_size

    deadline = None if seconds is None else time.monotonic() + seconds
    recipe = training.Recipe(seed=1, batch_size=32, epochs=100.0, full_epochs=100.0, deadline=deadline, device=device)
    progress = training.Progress(epochs=epochs_before, batch_size=batch_size)

    assert pays == recipes.compiling_pays(recipe, progress, Hundred())


def test_images_too_large_for_memory_are_read_batch_by_batch(monkeypatch):
    train = toy_images(40)
    usual, _ = fitted("cnn", train, effort=epochs(1))
    monkeypatch.setattr(pixels, "IN_MEMORY_BYTES", 10)
    streamed, _ = fitted("cnn", train, effort=epochs(1))

    assert np.array_equal(usual.predict(train), streamed.predict(train))


@pytest.mark.parametrize("channels", [1, 3])
def test_augmentation_keeps_shape_and_range_and_repeats(channels):
    images = torch.from_numpy(toy_images(24, channels=channels).pixels(8).transpose(0, 3, 1, 2) / np.float32(255))
    everything = augment.Augmentation.of(EVERYTHING)
    first, again, other = (everything.changed(images, torch.Generator().manual_seed(seed)) for seed in (4, 4, 5))

    assert images.shape == first.shape
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert 0.0 <= float(first.min()) <= float(first.max()) <= 1.0
    assert torch.equal(images, augment.Augmentation().changed(images, torch.Generator()))


def test_what_each_operation_does():
    images = torch.rand(6, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    for operation in augment.OPERATIONS:
        still = operation(images, torch.zeros(6, 1, 1, 1))
        assert torch.allclose(images, still, atol=2e-3), operation.__name__
        moved = operation(images, torch.full((6, 1, 1, 1), 0.8))
        assert torch.equal(images, moved) == (operation is augment.unchanged), operation.__name__
    grey = images[:, :1]
    assert torch.allclose(grey, augment.saturation(grey, torch.full((6, 1, 1, 1), 0.5)))


def test_crops_shift_and_cut_outs_blank():
    ramp = torch.arange(64.0).reshape(1, 1, 8, 8).repeat(50, 1, 1, 1) / 64
    generator = torch.Generator().manual_seed(0)
    shifted = augment.shifted(ramp, 0.25, generator)
    starts = {tuple(one[0, 3:5, 3].tolist()) for one in shifted}
    assert 25 >= len(starts) > 10  # two pixels to either side, in both directions
    noise = torch.rand(40, 1, 8, 8)
    changed = (augment.cut_out(noise, 0.5, generator) != noise).sum((1, 2, 3)).tolist()
    assert 16 == max(changed)  # 4 x 4; less where it reaches over the edge
    assert min(changed) >= 4


def test_mixup_shares_images_and_labels():
    images, target = torch.eye(4).reshape(4, 1, 4, 1), torch.tensor([0, 1, 2, 0])
    mixed, labels, _ = augment.Augmentation(mixup=0.3).mixed(images, target, None, 3, torch.Generator().manual_seed(2))

    assert (4, 3) == labels.shape
    assert torch.allclose(torch.ones(4), labels.sum(1))
    assert torch.allclose(mixed.sum((1, 2, 3)), torch.ones(4))
    shares = [augment._beta(0.3, torch.Generator().manual_seed(seed)) for seed in range(300)]
    assert 0.45 < np.mean(shares) < 0.55
    assert 0.12 < np.var(shares) < 0.19  # 1 / (4 * (2 * 0.3 + 1)) = 0.156


def test_averaged_weights_follow_slowly():
    averaged = averaging.Averaged(torch.nn.Linear(1, 1, bias=False), horizon=50)
    with torch.no_grad():
        averaged.live.weight.fill_(1.0)
        averaged.average.weight.zero_()
    means = []
    for _ in range(100):
        averaged.update()
        means.append(averaged.average.weight.item())

    assert means == sorted(means)
    assert means[-1] > 0.8
    assert averaged.eval()(torch.ones(1, 1)).item() == means[-1]
    assert 1.0 == averaged.train()(torch.ones(1, 1)).item()
    assert averaging.predicting(averaged) is averaged.average


def test_partial_trainings_keep_what_continues_them_and_full_ones_do_not(tmp_path):
    for number, effort in enumerate((epochs(1), Effort(full={"epochs": 1.0}))):
        model, _ = fitted("cnn", toy_images(16), effort=effort)
        (tmp_path / str(number)).mkdir()
        model.save(tmp_path / str(number))

    assert (tmp_path / "0" / "training.safetensors").is_file()
    assert not (tmp_path / "1" / "training.safetensors").is_file()
    assert "classifier.weight" in load_tensors(tmp_path / "1" / "weights.safetensors")


def test_networks_are_for_images_and_offered_on_every_device():
    for name in NETWORKS:
        spec = load_registry().models[name]
        assert ("images", "images", ("cpu", "cuda", "mps")) == (spec.modality, spec.form, spec.devices)
        assert {"phi", "resolution"} < {one if isinstance(one, str) else one.name for one in spec.fidelities}


@pytest.mark.slow
def test_a_search_over_phi_tells_what_a_step_costs(tmp_path):
    """With what `automl show RUN --rungs` shows of it."""
    from automl.run_reader import RunReader
    from automl.rungs import rung_rows

    images = toy_images(32)
    automl.fit(
        {"X": images.pixels(8)[..., 0], "y": images.target},
        target="y",
        models="resnet",
        space={"resnet": {"width": 8, "stages": 2, "side": 8}},
        strategy="hyperband",
        fidelity="phi",
        fidelity_max=1,
        trials=4,
        folds=2,
        executor="inline",
        out=tmp_path / "run",
    )
    with RunReader(tmp_path / "run") as reader:
        rows = rung_rows(reader.trials())
    rungs = {row["budget"]: row for row in rows if row["model"] == "resnet"}

    assert {1.0, -4.0} == {row["facts"]["phi"] for row in rungs.values()}
    assert rungs[1.0]["facts"]["madds"] > 3 * rungs[min(rungs)]["facts"]["madds"]
    assert all(row["seconds"] > 0 and row["facts"]["epoch_seconds"] > 0 for row in rungs.values())
