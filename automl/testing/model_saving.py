"""Checks of a model: what it saves is complete, can be moved, and is safe to load."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl.testing.files import check_no_pickle
from automl.testing.model_case import Case, Fitted, same
from automl.testing.rules import RuleBroken, require, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from automl.specs import ModelSpec


def check_save_and_load(case: Case) -> None:
    """A loaded model predicts the same, after its folder was moved, and can be saved again."""
    _, valid = case.data()
    train, _ = case.data()
    for config in [case.default, *case.samples(2)]:
        fitted = case.fit("must fit", train=train, valid=valid, config=config)
        before = fitted.predict(valid, "must predict")
        with tempfile.TemporaryDirectory() as folder:
            for turn in range(2):
                fitted = saved_and_loaded(fitted, Path(folder) / str(turn))
                after = fitted.predict(valid, "must predict after save and load")
                require(same(before, after), f"{case.owner}: predictions differ after save and load; config {config!r}")


def check_saved_files(case: Case) -> None:
    """A saved model is a few files without a pickle."""
    fitted = case.fitted
    with tempfile.TemporaryDirectory() as folder:
        _save(fitted, Path(folder))
        require(any(Path(folder).iterdir()), f"{case.owner}: save wrote nothing")
        try:
            check_no_pickle(Path(folder))
        except RuleBroken as error:
            raise RuleBroken(f"{case.owner}: of the files that save wrote, {error}") from error


def saved_and_loaded(fitted: Fitted, folder: Path) -> Fitted:
    """The model as read back from `folder` after that was moved there."""
    first = folder.with_name(folder.name + " before")
    first.mkdir(parents=True)
    _save(fitted, first)
    shutil.move(first, folder)
    case = fitted.case
    with rule(case.owner, "must load what it saved, given the same config, task and seed"):
        model = case.factory.load(folder, fitted.config, fitted.task, 1)
    return Fitted(case=case, model=model, task=fitted.task, config=fitted.config, facts=fitted.facts)


def _save(fitted: Fitted, folder: Path) -> None:
    with rule(fitted.case.owner, "must save itself into an existing empty folder"):
        fitted.model.save(folder)


def saving_checks(spec: ModelSpec) -> Iterator[Any]:
    """Those of this file."""
    del spec  # they hold for every model
    yield from (check_save_and_load, check_saved_files)
