"""What the tests of tree models share: making one by name, and small tables with a known truth."""

from dataclasses import replace

import numpy as np
import pytest

from automl import Effort
from automl.data.records import TableData, TableLayout
from automl.registry import load_registry
from automl.space import model_space
from automl.task import Task
from automl.testing import model_checks

ALONE = ("xgboost", "catboost")
"""Models of packages that users install when they want them."""


def conformance(name, quick=("binary",)):
    """The kit's checks of a model; problem types beyond `quick` are marked slow."""
    return [
        pytest.param(check, id=str(check), marks=() if check.case.problem_type in quick else pytest.mark.slow)
        for check in model_checks(name)
    ]


def task_of(data, problem_type="regression", classes=0, **others):
    layout = data.layout
    defaults = {"metric": "rmse" if problem_type == "regression" else "log_loss"}
    return Task(
        target="y",
        problem_type=problem_type,
        rows=len(data),
        features=len(layout.numbers) + len(layout.categories),
        categories=len(layout.categories),
        classes=tuple(range(classes)),
        **(defaults | others),
    )


def make(name, task, seed=0, **config):
    """A model by its registered name, with its default configuration except for `config`."""
    if name in ALONE:
        pytest.importorskip(name, reason=f"{name} is not installed")
    spec = load_registry().models[name]
    default = dict(model_space(spec, task).get_default_configuration())
    return spec.load()(default | config, task, seed)


def fitted(name, train, task, valid=None, effort=None, **config):
    model = make(name, task, **config)
    model.fit(train, valid, effort or Effort(fidelity={"rounds": 60.0, "trees": 40.0}))
    return model


def saved_and_loaded(model, folder):
    folder.mkdir()
    model.save(folder)
    return type(model).load(folder, model._config, model._task, model._seed)


def table(numbers, target=None, codes=None, levels=(), weight=None):
    """Rows with numbers "n0", "n1", ... and categories "c0", "c1", ..."""
    numbers = np.asarray(numbers, dtype=np.float32)
    codes = np.empty((len(numbers), 0), dtype=np.int32) if codes is None else np.asarray(codes, dtype=np.int32)
    layout = TableLayout(
        numbers=tuple(f"n{place}" for place in range(numbers.shape[1])),
        categories=tuple(f"c{place}" for place in range(codes.shape[1])),
        levels=levels,
    )
    return TableData(layout=layout, numbers=numbers, codes=codes, target=target, weight=weight)


def blind(data):
    """As a model sees rows that it predicts."""
    return replace(data, target=None, weight=None)


def noise(rows, seed=0, columns=5):
    """Two classes that nothing tells apart."""
    rng = np.random.default_rng(seed)
    return table(rng.normal(size=(rows, columns)), rng.integers(0, 2, rows))


def slope(rows=600, sign=1.0, seed=0, classes=False):
    """A target that follows "n0" with this sign, and much noise."""
    rng = np.random.default_rng(seed)
    numbers = rng.uniform(-1, 1, size=(rows, 3))
    signal = sign * numbers[:, 0] + 0.5 * rng.normal(size=rows)
    return table(numbers, (signal > 0).astype(np.int64) if classes else signal)


def steps_along(model, rows=200):
    """Changes of the prediction from one "n0" to the next."""
    numbers = np.zeros((rows, 3))
    numbers[:, 0] = np.linspace(-1, 1, rows)
    found = model.predict(table(numbers))
    return np.diff(found if found.ndim == 1 else found[:, 1])
