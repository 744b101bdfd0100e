"""How many folds a run goes on with once a fit has told what fits cost."""

import re

import numpy as np
import pandas as pd
import pytest

from automl.api import fit_run, make_settings
from automl.replan import affordable_folds, cost_of_kinds, least_folds
from automl.settings import Settings
from automl.specs import ModelSpec


def spec(cost, **changes):
    return ModelSpec(name=f"m{cost}", summary="", factory="x:y", space="x:y", relative_cost=cost, **changes)


def folds(fit_seconds, *, least=2, planned=8, core_seconds=100.0):
    return affordable_folds(
        folds=planned, least=least, fit_seconds=fit_seconds, kinds_cost=10.0, core_seconds=core_seconds
    )


def test_folds_go_down_as_fits_get_dearer_and_no_further_than_allowed():
    found = [folds(seconds) for seconds in (0.01, 1.0, 2.0, 3.0, 50.0)]

    assert found == sorted(found, reverse=True)
    assert 8 == found[0]
    assert 2 == found[-1]
    assert 3 == folds(50.0, least=3)
    assert 1 == folds(50.0, planned=1)
    assert folds(2.0) < folds(2.0, core_seconds=500.0)


def test_baselines_and_the_dearest_kinds_do_not_count():
    assert 5.0 == cost_of_kinds([spec(1.0), spec(4.0), spec(50.0), spec(3.0, is_baseline=True)])
    assert 50.0 == cost_of_kinds([spec(50.0)])


@pytest.mark.parametrize(
    ("options", "kind", "rows", "expected"),
    [
        ({"seconds": 60.0}, "folds", 1000, 3),
        ({"seconds": 60.0}, "folds", 10_000, 2),
        ({"seconds": 60.0}, "folds", 100_000, 1),
        ({"seconds": 60.0, "folds": 5}, "folds", 1000, None),
        ({"seconds": 60.0, "repeats": 2}, "folds", 1000, None),
        ({"seconds": 60.0}, "groups", 1000, None),
        ({"trials": 5}, "folds", 1000, None),
    ],
)
def test_only_folds_that_the_engine_chose_may_become_fewer(options, kind, rows, expected):
    assert expected == least_folds(Settings(target="y", **options), kind, rows)


def test_a_run_goes_on_with_fewer_folds_where_fits_are_dear(tmp_path, monkeypatch):
    """All trials, the baselines too, are judged by the rows of the same folds."""
    monkeypatch.setattr("automl.admission.Admission.usual_seconds", lambda *_: 1000.0)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(300, 3)), columns=list("abc"))
    frame = frame.assign(y=frame["a"] + 0.1 * rng.normal(size=300))
    options = {"time": "60s", "trials": 2, "models": ["linear"], "executor": "inline"}
    outcome = fit_run(frame, make_settings("y", options), out=tmp_path / "run")

    assert any(re.match(r"validation: 3 of the \d+ folds: a usual fit takes", reason) for reason in outcome.reasons)
    assert {3} == {len(member.folders) for member in outcome.predictor.parts.members}
    assert outcome.score < 0.2
    assert 3 == len(outcome.predictor.predict(frame.head(3)))
