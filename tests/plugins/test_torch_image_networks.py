"""EfficientNet as published, small inputs, compound scaling, and what networks cost."""

import pytest
from torch_tools import need_torch

need_torch()

import numpy as np
import torch
from automl_plugins.torch_image import cnn, counting, efficientnet, resnet, scaling, spaces
from image_tools import SMALL, default_config, fitted, toy_image_task, toy_images

from automl import Effort
from automl.registry import load_registry
from automl.specs import load_object

TABLE = {
    "b0": (5_288_548, 0.39, [1, 2, 2, 3, 3, 4, 1], [32, 16, 24, 40, 80, 112, 192, 320, 1280]),
    "b1": (7_794_184, 0.69, [2, 3, 3, 4, 4, 5, 2], [32, 16, 24, 40, 80, 112, 192, 320, 1280]),
    "b2": (9_109_994, 0.99, [2, 3, 3, 4, 4, 5, 2], [32, 16, 24, 48, 88, 120, 208, 352, 1408]),
    "b3": (12_233_232, 1.83, [2, 3, 3, 5, 5, 6, 2], [40, 24, 32, 48, 96, 136, 232, 384, 1536]),
    "b4": (19_341_616, 4.39, [2, 4, 4, 6, 6, 8, 2], [48, 24, 32, 56, 112, 160, 272, 448, 1792]),
    "b5": (30_389_784, 10.27, [3, 5, 5, 7, 7, 9, 3], [48, 24, 40, 64, 128, 176, 304, 512, 2048]),
    "b6": (43_040_704, 19.07, [3, 6, 6, 8, 8, 11, 3], [56, 32, 40, 72, 144, 200, 344, 576, 2304]),
    "b7": (66_347_960, 37.75, [4, 7, 7, 10, 10, 13, 4], [64, 32, 48, 80, 160, 224, 384, 640, 2560]),
}
"""Parameters, 10^9 multiply-adds, repeats of the stages, channels of stem, stages and head."""


@pytest.mark.parametrize("name", TABLE)
def test_the_published_networks_are_the_published_ones(name):
    parameters, madds, repeats, channels = TABLE[name]
    settings = efficientnet.Settings.published(name)
    stages = list(settings.stages())

    assert parameters == counting.count_parameters(counting.on_meta(lambda: efficientnet.EfficientNet(settings)))
    assert repeats == [stage.repeats for stage in stages]
    assert channels == [settings.stem, *(stage.channels for stage in stages), settings.head]
    if name in ("b0", "b2"):  # counting is slow for the larger ones, and the same code
        counted = counting.count_madds(lambda: efficientnet.EfficientNet(settings), 3, settings.base_side)
        assert madds == round(counted / 1e9, 2)


def test_lite_keeps_stem_head_and_the_ends_of_the_body():
    stages = list(efficientnet.Settings.published("lite4").stages())
    settings = efficientnet.Settings.published("lite4")

    assert (32, 1280) == (settings.stem, settings.head)
    assert [1, 4, 4, 6, 6, 8, 1] == [stage.repeats for stage in stages]
    network = counting.on_meta(lambda: efficientnet.EfficientNet(settings))
    assert not any(isinstance(part, efficientnet.SqueezeExcitation | torch.nn.SiLU) for part in network.modules())


def test_same_padding_is_below_and_to_the_right_first():
    conv = efficientnet.SameConv(1, 1, 3, stride=2)
    with torch.no_grad():
        conv.weight.fill_(1.0)
        out = conv(torch.arange(16.0).reshape(1, 1, 4, 4))

    assert [[45.0, 39.0], [66.0, 50.0]] == out[0, 0].tolist()
    assert (1, 1, 3, 3) == conv(torch.zeros(1, 1, 5, 5)).shape


def test_a_step_of_phi_is_the_published_one_and_costs_about_twice_as_much():
    one = scaling.compound_scale(1)

    assert (1.2, 1.1) == (one.depth, one.width)
    assert 1.15 == pytest.approx(one.resolution)
    for alpha, beta in ((1.0, 1.0), (1.4, 1.15), (1.1, 1.05)):
        found = scaling.compound_scale(1, alpha, beta)
        assert 1.92 == pytest.approx(found.depth * found.width**2 * found.resolution**2, abs=0.002)
        assert found.resolution > 1.0
    assert scaling.compound_scale(-2).width == pytest.approx(1 / 1.1**2)


@pytest.mark.parametrize(
    ("channels", "width", "expected"), [(32, 1.4, 48), (16, 1.4, 24), (32, 0.1, 8), (40, 1.1, 48), (24, 1.1, 24)]
)
def test_channels_are_multiples_of_eight_that_lose_little(channels, width, expected):
    assert expected == scaling.scale_channels(channels, width)


def test_small_inputs_are_reduced_as_far_as_four_by_four():
    strides = {side: efficientnet.Settings(base_side=side).strides() for side in (8, 28, 32, 63, 64)}

    assert [1, 1, 2, 1, 1, 1, 1, 1] == strides[8]
    assert [1, 1, 2, 2, 2, 1, 1, 1] == strides[28] == strides[32]
    assert [1, 1, 2, 2, 2, 1, 2, 1] == strides[63]
    assert [2, 1, 2, 2, 2, 1, 2, 1] == strides[64]


@pytest.mark.parametrize("name", ["cnn", "resnet", "efficientnet"])
@pytest.mark.parametrize("phi", [-6.0, 0.0, 3.0])
def test_networks_of_any_phi_take_small_and_large_inputs(name, phi):
    for side, channels in ((8, 1), (28, 1), (64, 3)):
        task = toy_image_task(side=side, channels=channels)
        model = load_registry().models[name].load()(default_config(name, task) | SMALL[name], task, 1)
        model._config["side"] = side
        shape = model._shape_of(toy_images(4, channels=channels), Effort(fidelity={"phi": phi}))
        network = counting.on_meta(lambda shape=shape, model=model: model.build(shape, model._scale(shape.phi)))
        out = network.eval()(torch.empty(2, channels, shape.side, shape.side, device="meta"))

        assert (2, 3) == out.shape


@pytest.mark.parametrize("name", ["resnet", "efficientnet"])
def test_multiply_adds_grow_about_twofold_with_each_step_of_phi(name):
    task = toy_image_task(side=64, channels=3)
    model = load_registry().models[name].load()(default_config(name, task) | {"width": 32 if name == "resnet" else 1.0, "depth": 1.0, "blocks": 2, "side": 64}, task, 1)  # fmt: skip
    counted = []
    for phi in (0.0, 4.0):
        shape = model._shape_of(toy_images(4, channels=3), Effort(fidelity={"phi": phi}))
        counted.append(counting.count_madds(lambda s=shape: model.build(s, model._scale(s.phi)), 3, shape.side))

    assert 1.6 < (counted[1] / counted[0]) ** (1 / 4) < 2.3


def test_madds_are_counted_as_on_paper():
    settings = cnn.Settings(channels=1, outputs=10, width=8, blocks=1, convolutions=1, base_side=8)

    # 8 channels of 3 x 3 over 64 pixels, then 8 features to 10 classes.
    assert 64 * 8 * 9 + 8 * 10 == counting.count_madds(lambda: cnn.CNN(settings), 1, 8)


def test_a_resnet_has_the_parameters_of_resnet_18():
    network = counting.on_meta(lambda: resnet.ResNet(resnet.Settings()))

    assert 11_689_512 == counting.count_parameters(network)  # as torchvision's


@pytest.mark.parametrize(
    ("side", "choices", "default"),
    [(8, [8, 16], 8), (28, [28], 28), (64, [32, 48, 64], 64), (500, [32, 48, 64, 96, 128, 160, 192, 224], 64)],
)
def test_inputs_are_chosen_by_the_size_of_the_images(side, choices, default):
    assert (choices, default) == spaces.side_choices(toy_image_task(side=side))


def test_grey_images_are_not_mirrored_unless_asked_and_photographs_are():
    defaults = [default_config("cnn", toy_image_task(channels=channels)) for channels in (1, 3)]

    assert [False, True] == [config["flip"] for config in defaults]
    space = load_object(load_registry().models["efficientnet"].space)(toy_image_task())
    space.seed(3)
    drawn = [dict(one) for one in space.sample_configuration(60)]
    assert all(("alpha" in one) == (one["scaling"] == "searched") for one in drawn)
    assert all(("magnitude" in one) == (one["random_operations"] > 0) for one in drawn)


def test_phi_and_resolution_are_facts_of_a_trial():
    effort = Effort(fidelity={"phi": 2.0}, full={"phi": 3.0, "epochs": 1.0})
    _, facts = fitted("resnet", toy_images(), effort=effort)
    _, smaller = fitted("resnet", toy_images(), effort=Effort(fidelity={"phi": 0.0}, full={"phi": 3.0, "epochs": 1.0}))

    assert (2.0, 11.0) == (facts["phi"], facts["side"])
    assert facts["madds"] > 2 * smaller["madds"]
    assert facts["epoch_seconds"] > 0
    _, low = fitted("cnn", toy_images(side=16), effort=Effort(fidelity={"resolution": 0.5}, full={"epochs": 1.0}), side=16)  # fmt: skip
    assert 8.0 == low["side"]


def test_full_training_is_at_the_phi_that_the_user_set():
    _, facts = fitted("resnet", toy_images(), effort=Effort(full={"phi": 2.0, "epochs": 1.0}))

    assert 2.0 == facts["phi"]
    assert np.isclose(1.0, facts["epochs"])
