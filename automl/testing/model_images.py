"""Checks of a model of images on data as they come: few rows, rare classes, images of one colour, grey ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from automl.data.records import ImageData
from automl.testing.data import changed
from automl.testing.image_data import HEIGHT, WIDTH, toy_image_data, toy_image_task
from automl.testing.model_data import (
    check_few_rows,
    check_few_sampled_rows,
    check_one_validation_row,
    check_rare_class,
)
from automl.testing.rules import require

if TYPE_CHECKING:
    from collections.abc import Iterator

    from automl.testing.model_case import Case

FAR = 5.0
"""Values have a spread of about 1 when models of images see them."""


def check_grey_images(case: Case) -> None:
    """Images may have one channel."""
    train, valid = toy_image_data(case.problem_type, case.rows, channels=1)
    text = "must work with grey images (one channel)"
    task = toy_image_task(case.problem_type, rows=case.rows, channels=1)
    case.fit(text, train=train, valid=valid, task=task).predict(valid, text)


def check_images_of_one_colour(case: Case) -> None:
    """All images may be black, to train on and to predict: nothing is to be divided by their spread."""
    train, valid = case.data()
    black = [
        changed(ImageData.of(np.zeros((len(part), HEIGHT, WIDTH, 3), np.uint8)), target=part.target)
        for part in (train, valid)
    ]
    case.fitted.predict(black[1], "must predict images that are all black")
    text = "must fit images that are all black"
    case.fit(text, train=black[0], valid=black[1]).predict(black[1], text)


def check_flat_target(case: Case) -> None:
    """The target of a fold may be the same in all rows."""
    train, valid = case.data()
    flat = changed(train, target=np.zeros(len(train)))
    text = "must fit a target that is the same in all training rows"
    prediction = case.fit(text, train=flat, valid=valid).predict(valid, text)
    require(
        np.abs(prediction).max() < FAR,
        f"{case.owner} must come near 0, even briefly trained, when every training row has 0; it predicts {prediction[:3]}",
    )


def image_checks(problem_type: str) -> Iterator[Any]:
    """Those that apply to this problem type."""
    yield from (check_few_rows, check_few_sampled_rows, check_one_validation_row)
    yield from (check_grey_images, check_images_of_one_colour)
    if problem_type == "regression":
        yield check_flat_target
    if problem_type == "multiclass":
        yield check_rare_class
