"""Where few rows judge a fold, three folds choose how long to train, and the others follow without seeing their own rows."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import automl
from automl import Candidate, Trial
from automl.api import fit_run, make_settings
from automl.fold_jobs import RunContext
from automl.open_trials import OpenTrials
from automl.registry import load_registry
from automl.run_reader import open_run
from automl.testing.toy_models import ToyModel
from automl.testing.toys import STEPS, toy_spec


class Chooser(ToyModel):
    """Trains for a while of its own where it has rows to choose by."""

    def fit(self, train, valid, effort):
        steps = float(10 + self._seed % 7) if valid is not None else effort.fidelity.get("steps", 64.0)
        facts = super().fit(train, valid, effort.__class__(fidelity={"steps": steps}, full={"steps": steps}))
        told = {f"told_{name}": value for name, value in effort.facts.items() if name == "steps"}
        return {**facts, **told, "saw": float(valid is not None), "full": effort.full.get("steps", 0.0)}


def table(rows, seed=0):
    rng = np.random.default_rng(seed)
    data = pd.DataFrame(rng.normal(size=(rows, 2)), columns=["a", "b"])
    return data.assign(y=data["a"] + 0.1 * rng.normal(size=rows), day=np.arange(rows))


def facts_of(folder, rows=200, fidelities=(STEPS,), **options):
    class Plugin:
        @staticmethod
        @automl.hookimpl
        def register_models():
            return [toy_spec("chooser", factory=f"{__name__}:Chooser", fidelities=fidelities)]

    given = {"folds": 8, "trials": 1, "models": ["chooser"], "executor": "inline", "drop": ["day"], **options}
    registry = load_registry().register(Plugin, "choosers")
    fit_run(table(rows), make_settings("y", given), out=folder, registry=registry)
    with open_run(folder) as opened:
        jobs = [job for job in opened.jobs() if "saw" in job["facts"] and 0 <= job["fold"] < 1000]
    return [job["facts"] for job in sorted(jobs, key=lambda job: job["fold"])]


def test_folds_follow_the_first_three(tmp_path):
    facts = facts_of(tmp_path / "run")
    chosen = [one["steps"] for one in facts[:3]]

    assert [1.0] * 3 + [0.0] * 5 == [one["saw"] for one in facts]
    assert len(set(chosen)) > 1
    assert [pytest.approx(np.mean(chosen))] * 5 == [one["steps"] for one in facts[3:]]
    assert [pytest.approx(np.mean(chosen))] * 5 == [one["told_steps"] for one in facts[3:]]
    assert [pytest.approx(np.mean(chosen))] * 5 == [one["full"] for one in facts[3:]]
    assert all("told_steps" not in one for one in facts[:3])


@pytest.mark.parametrize(
    ("rows", "options"),
    [
        (4200, {}),
        (200, {"folds": 4}),
        (200, {"fidelities": ()}),
        (200, {"drop": [], "time_column": "day"}),
    ],
    ids=["many rows judge", "few folds", "no length is told", "folds that grow"],
)
def test_every_fold_chooses_for_itself_where_following_is_of_no_use(tmp_path, rows, options):
    facts = facts_of(tmp_path / "run", rows, **options)

    assert {1.0} == {one["saw"] for one in facts}


@pytest.mark.parametrize(("rare", "rows"), [(500, 1000.0), (50, 190.0)])
def test_rows_of_a_rare_class_are_what_judges(rare, rows):
    context = RunContext(
        folder=None, run_id="", metric=None, models={}, fidelities={}, weight=None, clock=None, seed=0,
        task=SimpleNamespace(is_classification=True, class_count=2), splits=[SimpleNamespace(valid=range(1000))],
        target=np.repeat([0, 1], [1000 - rare, rare]),
    )  # fmt: skip

    assert rows == pytest.approx(context.judging_rows)


def running(executor, folds=8):
    splits = [SimpleNamespace(train=range(90), valid=range(10))] * folds
    spec = toy_spec("m")
    context = SimpleNamespace(splits=splits, models={"m": spec}, fidelities={}, fidelity=None, judging_rows=10)
    return OpenTrials(context, executor, None)


def test_folds_that_follow_wait_for_those_that_lead():
    """Also when a run goes on that was cut while the third one ran."""
    opened = running(SimpleNamespace())
    active = opened.open(Trial(id=1, candidate=Candidate(model="m", config={}), budget=1.0), 8)
    active.folds.update(dict.fromkeys([0, 1, 5], SimpleNamespace(facts={"steps": 10.0})))
    opened.enqueue(1, [3, 4])

    assert (2, False) == (opened.waiting, opened.ready)
    active.folds[2] = SimpleNamespace(facts={"steps": 40.0})
    assert opened.ready
    assert {"steps": 20.0} == active.mean_facts(3)


def test_trials_that_go_on_choose_for_themselves():
    opened = running(SimpleNamespace())
    opened.open(Trial(id=2, candidate=Candidate(model="m", config={}), budget=1.0, parent=1), 8)
    opened.enqueue(2, [3])
    assert opened.ready
    opened.open(Trial(id=3, candidate=Candidate(model="m", config={}), budget=0.5), 8)
    opened.enqueue(3, [3])
    assert opened._is_ready(3, 3)
