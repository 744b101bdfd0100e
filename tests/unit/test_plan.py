"""What a plan leaves out, and why."""

import pytest

from automl.plan import make_plan
from automl.registry import load_registry
from automl.settings import Settings
from automl.task import Task

TASK = Task(target="y", problem_type="regression", metric="rmse", rows=200_000, features=50)


def plan(*, seconds, memory_bytes=1 << 20, **settings):
    return make_plan(
        load_registry(),
        TASK,
        Settings(target="y", **settings),
        seconds=seconds,
        workers=2,
        memory_bytes=memory_bytes,
    )


def test_a_model_that_needs_more_memory_than_a_worker_has_is_left_out_with_the_reason():
    made = plan(seconds=60.0)

    assert [spec.name for spec in made.models] == ["dummy"]
    assert "would need about" in made.skipped["lightgbm"]


def test_without_a_time_limit_the_models_do_not_depend_on_the_memory_that_happens_to_be_free():
    few, many = plan(seconds=None, trials=3), plan(seconds=None, trials=3, memory_bytes=1 << 40)

    assert few.models == many.models
    assert len(few.models) > 1


def test_without_a_time_limit_a_memory_limit_of_the_user_counts():
    made = plan(seconds=None, trials=3, memory_bytes=1 << 20)
    asked = make_plan(
        load_registry(),
        TASK,
        Settings(target="y", trials=3, memory_bytes=1 << 26),
        seconds=None,
        workers=2,
        memory_bytes=1 << 20,
    )

    assert len(asked.models) < len(made.models)


@pytest.mark.parametrize(("seconds", "holdout"), [(5.0, True), (3600.0, False)])
def test_time_decides_between_holdout_and_folds(seconds, holdout):
    assert plan(seconds=seconds, memory_bytes=1 << 40).holdout == holdout
