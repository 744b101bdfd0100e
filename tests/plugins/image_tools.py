"""Toy images, and networks small enough to train in a second."""

import numpy as np

from automl import Effort, ImageData, Task
from automl.registry import load_registry
from automl.specs import load_object

SIDE = 8
SMALL = {
    "cnn": {"width": 8, "blocks": 2, "convolutions": 1},
    "resnet": {"width": 8, "stages": 2, "blocks": 1},
    "efficientnet": {"width": 0.25, "depth": 0.25},
}


def toy_images(rows=60, seed=0, channels=1, problem_type="multiclass", side=SIDE):
    """Bright bars: lying, standing or none; or how bright the image is."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 90, (rows, side, side, channels)).astype(np.uint8)
    codes = rng.integers(0, 3, rows)
    for row, code in enumerate(codes):
        place = rng.integers(1, side - 2)
        if code == 0:
            images[row, place : place + 2] = 230
        elif code == 1:
            images[row, :, place : place + 2] = 230
    values = images.mean((1, 2, 3)).astype(np.float64)
    target = codes.astype(np.int64) if problem_type != "regression" else (values - values.mean()) / values.std()
    if problem_type == "binary":
        target = (codes == 0).astype(np.int64)
    return ImageData.of(images, target)


def toy_image_task(problem_type="multiclass", rows=60, channels=1, side=SIDE, metric=None):
    labels = {"multiclass": ("lying", "standing", "none"), "binary": ("other", "lying"), "regression": ()}
    metrics = {"multiclass": "log_loss", "binary": "roc_auc", "regression": "rmse"}
    return Task(
        target="y",
        problem_type=problem_type,
        metric=metric or metrics[problem_type],
        rows=rows,
        features=side * side * channels,
        modality="images",
        height=side,
        width=side,
        channels=channels,
        classes=labels[problem_type],
    )


def default_config(name, task):
    """The default configuration of a model, made small."""
    space = load_object(load_registry().models[name].space)(task)
    plain = {
        key: value.item() if hasattr(value, "item") else value
        for key, value in dict(space.get_default_configuration()).items()
    }
    return plain | SMALL.get(name, {})


def fitted(name, train, valid=None, *, seed=1, task=None, effort=None, **config):
    """A trained model and its facts."""
    task = task or toy_image_task(rows=len(train), channels=train.channels)
    model = load_registry().models[name].load()(default_config(name, task) | config, task, seed)
    return model, model.fit(train, valid, effort or Effort(fidelity={"epochs": 2.0}, full={"epochs": 8.0}))
