"""The checks of a model of images, on a toy that keeps all rules and on ones that break some."""

import numpy as np
import pytest
from ConfigSpace import ConfigurationSpace

from automl import ModelSpec, hookimpl
from automl.cli.output import Output, Session
from automl.cli.spaces import show_space
from automl.portfolio_check import example_task
from automl.registry import Registry
from automl.testing import check_model, model_checks, toy_image_data, toy_image_task, toy_images
from automl.testing.toy_images import ToyImages

[SPEC] = toy_images.register_models()


@pytest.mark.parametrize("check", model_checks(SPEC), ids=str)
def test_the_toy_keeps_all_rules(check):
    check()


class Reader(ToyImages):
    """Looks at the other rows when it predicts."""

    def predict(self, data):
        made = super().predict(data)
        return made if not self._task.is_classification else made * 0.9 + made.mean(axis=0) * 0.1


class Colours(ToyImages):
    """Knows images of three channels only."""

    def fit(self, train, valid, effort):
        if train.pixels(4).shape[3] != 3:
            raise ValueError("three channels")
        return super().fit(train, valid, effort)


@pytest.mark.parametrize(
    ("model", "message"),
    [(Reader, "depend on the other rows"), (Colours, "must work with grey images")],
)
def test_a_broken_rule_is_found(model, message):
    spec = type(SPEC)(**{**vars(SPEC), "factory": f"{__name__}:{model.__name__}"})

    with pytest.raises(AssertionError, match=message):
        check_model(spec, problem_types=["binary"])


def test_spaces_of_image_models_are_looked_at_with_images(capsys):
    """Their hyperparameters depend on the size of the images."""
    spec = ModelSpec(**{**vars(SPEC), "space": f"{__name__}:sized_space"})
    registry = Registry().register(
        type("Plugin", (), {"register_models": staticmethod(hookimpl(lambda: [spec]))}), "sized"
    )

    show_space(Output(session=Session(started=0.0)), registry, spec.name, None)

    assert "1..64" in capsys.readouterr().out
    assert 64 == example_task("binary", "images").height
    assert 0 == example_task("binary", "table").height


def sized_space(task):
    return ConfigurationSpace({"side": (1, task.height)})


def test_toy_images_are_those_of_their_task():
    train, valid = toy_image_data("multiclass", 30, channels=1)
    task = toy_image_task("multiclass", rows=30, channels=1)

    assert (30, 15) == (len(train), len(valid))
    assert (task.height, task.width, task.channels) == (train.height, train.width, train.channels)
    assert set(range(task.class_count)) == set(np.asarray(train.target).tolist())
