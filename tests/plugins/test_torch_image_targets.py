"""What networks on images learn of the target: values of any size, weights, classes that count the same."""

import pytest
from torch_tools import need_torch

need_torch()

import numpy as np
import torch
from automl_plugins.torch_common.devices import one_thread
from automl_plugins.torch_image import augment, model, pixels
from automl_plugins.torch_image.pixels import Images, Normalisation
from image_tools import default_config, fitted, toy_image_task, toy_images

from automl import Effort, ImageData


def far_values(rows, seed=0):
    """Values around 300: how bright an image is."""
    brightness = toy_images(rows, seed=seed, problem_type="regression")
    return ImageData.of(brightness.pixels(brightness.height), 300.0 + 60.0 * brightness.target)


@pytest.mark.parametrize("metric", ["mape", "poisson_deviance", "rmse"])
def test_values_of_any_size_are_learned_for_metrics_of_proportions_too(metric):
    train, test = far_values(120), far_values(60, seed=1)
    task = toy_image_task("regression", rows=120, metric=metric)
    network, _ = fitted("cnn", train, task=task, effort=Effort(full={"epochs": 20.0}), batch_size=16)
    error = np.abs(network.predict(test) - test.target)

    assert error.mean() < 0.6 * np.abs(np.median(train.target) - test.target).mean()


def test_a_saved_network_knows_the_size_of_the_values(tmp_path):
    train = far_values(40)
    task = toy_image_task("regression", rows=40, metric="mape")
    network, _ = fitted("cnn", train, task=task, effort=Effort(full={"epochs": 1.0}))
    network.save(tmp_path)

    assert np.array_equal(network.predict(train), type(network).load(tmp_path, network._config, task, 1).predict(train))


def test_rare_classes_count_the_same_where_the_metric_says_so():
    images = toy_images(40)
    target = np.where(np.arange(40) < 36, 0, np.where(np.arange(40) < 38, 1, 2))
    train = ImageData.of(images.pixels(images.height), target)
    config = default_config("cnn", toy_image_task(metric="balanced_accuracy"))
    network, _ = fitted(
        "cnn", train, task=toy_image_task(metric="balanced_accuracy"), effort=Effort(full={"epochs": 1.0})
    )
    _, weight = network._learned(train)

    assert config["class_weights"]
    assert not default_config("cnn", toy_image_task(metric="log_loss"))["class_weights"]
    assert float(weight[:36].sum()) == pytest.approx(float(weight[36:38].sum()), rel=1e-5)


def test_validation_rows_that_all_weigh_nothing_end_no_training():
    train = toy_images(32)
    valid = toy_images(16, seed=1)
    idle = ImageData.of(valid.pixels(valid.height), valid.target, weight=np.zeros(16))
    _, facts = fitted("cnn", train, idle, effort=Effort(fidelity={"epochs": 3.0}, full={"epochs": 8.0}))

    assert 3.0 == facts["epochs"]


def test_a_refit_trains_as_long_as_led_to_the_best_epoch(monkeypatch):
    losses = iter([0.5, 0.1, 0.3, 0.4])
    monkeypatch.setattr(model, "make_judge", lambda *_: lambda: next(losses))
    _, facts = fitted("cnn", toy_images(32), toy_images(16, seed=1), effort=Effort(full={"epochs": 4.0}))

    assert 2.0 == facts["epochs"]


def test_mean_and_spread_are_those_of_all_pixels_whatever_the_size_of_the_parts(monkeypatch):
    monkeypatch.setattr(pixels, "CHUNK_ROWS", 7)
    data = toy_images(40, channels=3)
    found = Normalisation.of(Images(data, 8, 3))
    values = data.pixels(8) / 255.0

    assert np.allclose(values.mean((0, 1, 2)), found.mean)
    assert np.allclose(values.std((0, 1, 2)), found.spread)


def test_large_images_are_predicted_few_at_a_time(monkeypatch):
    most = []

    def in_batches(compute, *, rows, most_, **_):
        most.append(most_)
        return torch.zeros(rows, 1)

    monkeypatch.setattr(
        pixels, "in_batches", lambda compute, *, rows, most, device: in_batches(compute, rows=rows, most_=most)
    )
    for side in (8, 224, 4000):
        images = Images(ImageData.of(np.zeros((2, 8, 8, 1), np.uint8)), 8, 1)
        images.side = side
        pixels.outputs_of(lambda inputs: inputs, images, Normalisation(mean=(0.5,), spread=(0.5,)))

    assert [256, 41, 1] == most


def test_a_network_that_is_loaded_or_predicts_leaves_random_numbers_and_threads_alone(tmp_path, monkeypatch):
    train = toy_images(32)
    network, _ = fitted("cnn", train, effort=Effort(full={"epochs": 1.0}))
    network.save(tmp_path)
    torch.manual_seed(7)
    before = torch.get_rng_state()
    loaded = type(network).load(tmp_path, network._config, network._task, 1)
    used = []
    inner = loaded._outputs
    monkeypatch.setattr(
        loaded, "_outputs", lambda *given, **how: used.append(torch.get_num_threads()) or inner(*given, **how)
    )
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        loaded.predict(train)
        assert 2 == torch.get_num_threads()
    finally:
        torch.set_num_threads(threads)

    assert torch.equal(before, torch.get_rng_state())
    assert [1] == used
    with one_thread():
        assert 1 == torch.get_num_threads()


def test_mixed_labels_count_by_their_weights():
    images, target = torch.zeros(2, 1, 4, 4), torch.tensor([0, 1])
    weight = torch.tensor([3.0, 0.0])
    _, labels, both = augment.Augmentation(mixup=0.3).mixed(images, target, weight, 2, torch.Generator().manual_seed(1))
    losses = both[:, None] * labels

    assert torch.allclose(losses[:, 1], torch.zeros(2))
    assert float(losses.sum()) == pytest.approx(float(both.sum()))


def test_a_shift_of_less_than_half_a_pixel_is_none():
    images = torch.rand(4, 1, 8, 8)

    assert torch.equal(images, augment.shifted(images, 0.005, torch.Generator().manual_seed(0)))
