"""What `benchmarks/stored.py` leaves out of the stored configurations, and its interval."""

import math
import sys
from pathlib import Path

import pytest

from automl.meta_features import MetaFeatures
from automl.portfolio_record import Portfolio, StoredCandidate, StoredTask

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
DATA = {"name": "Vehicle", "rows": 846, "columns": 18, "classes": 4}


@pytest.fixture
def benchmarks(monkeypatch):
    """The folder's modules can be imported."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield
    for name in ("left_out", "stored", "tabular"):
        sys.modules.pop(name, None)


def task(rows, order, columns=18, classes=4, name=""):
    features = MetaFeatures(rows=rows, features=columns, classes=classes, numeric_share=1.0)
    return StoredTask(features=features, order=order, name=name)


@pytest.mark.usefixtures("benchmarks")
def test_candidates_and_tasks_of_the_data_set_at_hand_are_left_out():
    """Its tasks are known by name or by size; numbers follow the candidates that stay."""
    from left_out import leave_out

    portfolio = Portfolio(
        name="file",
        day="2026-01-01",
        summary="",
        problem_types=("multiclass",),
        candidates=(
            StoredCandidate(number=1, model="a", config={}, mined_on=("vehicle", "other")),
            StoredCandidate(number=2, model="b", config={}),
            StoredCandidate(number=3, model="c", config={}, mined_on=("other",)),
        ),
        tasks=(
            task(761, (1, 2)),
            task(10, (2,), name="vehicle"),
            task(761, (3, 1, 2), columns=19),
            task(400, (1,)),
            task(400, (2,)),
        ),
    )
    left = leave_out(portfolio, DATA)

    assert [(1, "b"), (2, "c")] == [(one.number, one.model) for one in left.candidates]
    assert [(761, (2, 1)), (400, (1,))] == [(one.features.rows, one.order) for one in left.tasks]


@pytest.mark.usefixtures("benchmarks")
def test_the_interval_is_student_s():
    from stored import interval

    low, mean, high = interval([1.0, 2.0, 3.0])

    assert mean == pytest.approx(2.0)
    assert high - mean == pytest.approx(mean - low) == pytest.approx(4.302653 / math.sqrt(3))
    assert (-math.inf, 5.0, math.inf) == interval([5.0])
