"""Trials at partial budgets: what a share buys for each fidelity, and that a promotion repeats nothing."""

import numpy as np
import pandas as pd
import pytest

from automl import Done, Promote, Sample, SchedulerSpec, Wait, hookimpl
from automl.answers import MOST_COPIES
from automl.api import fit_run, make_settings
from automl.cli import main as cli
from automl.cli.output import Session
from automl.errors import UnknownNameError
from automl.registry import load_registry
from automl.run_folder import fold_folder
from automl.run_reader import open_run


class Steps:
    """Starts two configurations at a quarter, then promotes the better one to a half and to the whole budget."""

    half = 0.5

    def __init__(self, seed):
        self._seed = seed

    def next(self, history):
        own = [trial for trial in history if trial.candidate.model != "dummy"]
        for budget, promoted in ((0.25, self.half), (self.half, 1.0)):
            rung = [trial for trial in own if trial.budget == budget]
            if budget == 0.25 and len(rung) < 2:
                return Sample(budget=0.25)
            if any(trial.status == "running" for trial in rung):
                return Wait()
            if rung and not any(trial.budget == promoted and trial.parent for trial in own):
                best = min(rung, key=lambda trial: (trial.loss, trial.id))
                return Promote(trial=best.id, budget=promoted)
        return Wait() if history.running() else Done()


class StepsOverFolds(Steps):
    """The same; its spec asks for folds."""


class CloseSteps(Steps):
    """A half that is hardly more than the quarter."""

    half = 0.2501


class Options:
    """Full trials, whatever it is told."""

    def __init__(self, seed, *, mode="a", share=0.5):
        self.told = mode, share

    def next(self, history):
        return Sample(budget=1.0)


def options(facts):
    return {"mode": "b", "share": 0.25}


class Again(Steps):
    """Asks for a promotion that adds nothing again and again."""

    def next(self, history):
        own = [trial for trial in history if trial.budget == 0.25]
        if own and own[0].status == "done":
            return Promote(trial=own[0].id, budget=0.3)
        return Sample(budget=0.25) if not own else Wait()


class Creeping(Steps):
    """Promotes what it copied by ever so little."""

    def next(self, history):
        own = [trial for trial in history if trial.budget >= 0.25 and trial.parent or trial.budget == 0.25]
        if own and own[-1].status == "done":
            return Promote(trial=own[-1].id, budget=own[-1].budget + 1e-4)
        return Sample(budget=0.25) if not own else Wait()


class Plugin:
    @hookimpl
    def register_schedulers(self):
        return [
            SchedulerSpec(name="steps", summary="Three rungs.", factory="test_partial_budgets:Steps"),
            SchedulerSpec(
                name="told",
                summary="Whole budgets.",
                factory="test_partial_budgets:Options",
                choose="test_partial_budgets:options",
            ),
            SchedulerSpec(
                name="creeping", summary="For ever.", factory="test_partial_budgets:Creeping", fidelity="folds"
            ),
            SchedulerSpec(name="again", summary="For ever.", factory="test_partial_budgets:Again", fidelity="folds"),
            SchedulerSpec(name="close-steps", summary="Three rungs.", factory="test_partial_budgets:CloseSteps"),
            SchedulerSpec(
                name="fold-steps", summary="Folds.", factory="test_partial_budgets:StepsOverFolds", fidelity="folds"
            ),
        ]


def data(rows=240, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"a": rng.normal(size=rows), "b": rng.normal(size=rows), "c": rng.choice(list("xyz"), rows)})
    return frame.assign(y=frame["a"] * 3 + (frame["c"] == "x") * 2 + 0.5 * rng.normal(size=rows))


def run(folder, **options):
    registry = load_registry().register(Plugin(), "steps")
    settings = make_settings(
        "y", {"models": ["lightgbm"], "folds": 4, "executor": "inline", "trials": 20, "seed": 3, **options}
    )
    outcome = fit_run(data(), settings, out=folder, registry=registry)
    with open_run(folder) as reader:
        trials = [trial for trial in reader.trials() if trial.candidate.model != "dummy"]
        jobs = {trial.id: reader.jobs(trial.id) for trial in trials}
    return outcome, trials, jobs


def chain(trials):
    """The full trial that was promoted, the half it came from, the quarter before that."""
    full = next(trial for trial in trials if trial.budget == 1.0 and trial.parent)
    half = next(trial for trial in trials if trial.id == full.parent)
    quarter = next(trial for trial in trials if trial.id == half.parent)
    return full, half, quarter


def test_folds_that_were_fitted_count_and_are_not_fitted_again(tmp_path):
    outcome, trials, jobs = run(tmp_path / "run", strategy="random+fold-steps")
    full, half, quarter = chain(trials)

    assert (1, 2, 4) == (len(quarter.fold_losses), len(half.fold_losses), len(full.fold_losses))
    assert ["done"] == [job["kind"] for job in jobs[quarter.id]]
    assert ["kept", "done"] == [job["kind"] for job in jobs[half.id]]
    assert ["kept", "kept", "done", "done"] == [job["kind"] for job in jobs[full.id]]
    assert half.fold_losses == full.fold_losses[:2]
    assert any(reason.startswith("fidelity: lightgbm folds") for reason in outcome.reasons)
    assert len(outcome.predictor.predict(data(20, 1))) == 20


def test_rounds_go_on_where_the_lower_budget_ended(tmp_path, monkeypatch):
    """Rounds at the half are those of the quarter and as many more."""
    monkeypatch.setattr("automl.outcome.drop_models", lambda *told: None)  # they are looked at
    outcome, trials, jobs = run(tmp_path / "run", strategy="random+steps", fidelity="rounds")
    full, half, quarter = chain(trials)

    assert quarter.facts["rounds"] < half.facts["rounds"]
    assert (tmp_path / "run").is_dir()
    assert all(job["kind"] == "done" for job in jobs[full.id])
    assert any("fidelity: lightgbm rounds" in reason for reason in outcome.reasons)
    first = fold_folder(tmp_path / "run", quarter.id, 0) / "model" / "booster.txt"
    second = fold_folder(tmp_path / "run", half.id, 0) / "model" / "booster.txt"
    trees = [path.read_text().split("Tree=0")[1].split("Tree=1\n")[0] for path in (first, second)]

    assert trees[0] == trees[1]


def test_more_rows_are_trained_from_the_start(tmp_path):
    """A model of fewer rows is no beginning of a model of more rows: nothing is continued."""
    _, trials, jobs = run(tmp_path / "run", strategy="random+steps", fidelity="rows")
    full, half, quarter = chain(trials)

    assert full.loss < quarter.loss
    assert all(job["kind"] == "done" for trial in (full, half) for job in jobs[trial.id])


def test_partial_trials_never_join_the_predictor(tmp_path):
    outcome, trials, _ = run(tmp_path / "run", strategy="random+steps", fidelity="rows")
    full = {trial.id for trial in trials if trial.budget == 1.0}

    assert {row["trial"] for row in outcome.leaderboard if row["weight"]} <= full | {1}


def test_unknown_fidelity_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(
        UnknownNameError, match="no fidelity is called 'epoch'; (did you mean .*)?known are .*folds.*rounds.*rows"
    ):
        run(tmp_path / "run", fidelity="epoch")
    assert not (tmp_path / "run").exists()


def test_a_budget_that_buys_no_more_is_no_trial_of_its_own(tmp_path):
    """A quarter and a half of two folds are one fold."""
    outcome, trials, jobs = run(tmp_path / "run", strategy="random+fold-steps", folds=2)
    full, half, quarter = chain(trials)

    assert ("carried", "done", quarter.loss, quarter.fold_losses) == (
        half.kind,
        half.status,
        half.loss,
        half.fold_losses,
    )
    assert ["kept"] == [job["kind"] for job in jobs[half.id]]
    assert ["kept", "done"] == [job["kind"] for job in jobs[full.id]]
    assert half.id not in {row["trial"] for row in outcome.leaderboard}
    assert len(trials) - 1 == outcome.trials, "this copy is not counted, nor the dummy"
    with open_run(tmp_path / "run") as reader:
        assert {0.25, 1.0} == {row["budget"] for row in reader.rungs()}


def test_the_same_rows_are_not_trained_again(tmp_path):
    """240 rows in four folds: a quarter of 180 is 45, and so is 0.2501 of them."""
    _, trials, jobs = run(tmp_path / "run", strategy="random+close-steps", fidelity="rows")
    full = next(trial for trial in trials if trial.budget == 1.0 and trial.parent)
    copy = next(trial for trial in trials if trial.id == full.parent)

    assert (0.2501, "carried") == (copy.budget, copy.kind)
    assert {"kept"} == {job["kind"] for job in jobs[copy.id]}
    assert {"done"} == {job["kind"] for job in jobs[full.id]}


@pytest.mark.parametrize("strategy", ["random+fold-steps", "random+race", "random+asha", "random+hyperband"])
def test_a_trial_with_all_its_folds_is_a_full_one(tmp_path, strategy):
    data(80, 5).to_csv(tmp_path / "valid.csv", index=False)
    options = {"folds": None, "validation": str(tmp_path / "valid.csv"), "fidelity": "folds", "trials": 6}
    outcome, trials, _ = run(tmp_path / "run", strategy=strategy, **options)
    results = [trial for trial in trials if trial.kind != "carried"]

    assert all(trial.is_full for trial in results)
    assert not any(trial.is_full for trial in trials if trial.kind == "carried")
    assert {1.0} == {row["budget"] for row in outcome.leaderboard}
    best = min(results, key=lambda trial: trial.loss)
    assert {row["trial"]: row["weight"] for row in outcome.leaderboard}[best.id] > 0


@pytest.mark.parametrize("folds", [2, 3, 8])
@pytest.mark.parametrize("name", ["race", "asha", "hyperband", "successive_halving", "screen"])
def test_rungs_of_folds_differ(tmp_path, name, folds):
    """A scheduler is made for the folds that there are, so that none of its trials is a copy."""
    _, trials, _ = run(tmp_path / "run", strategy=f"random+{name}", folds=folds, fidelity="folds", trials=12)
    counts = {}
    for trial in trials:
        counts.setdefault(trial.budget, set()).add(len(trial.fold_losses))

    assert 12 == len(trials)
    assert not any(trial.kind for trial in trials)
    assert all(len(of_rung) == 1 for of_rung in counts.values()), counts
    assert len(counts) == len({min(of_rung) for of_rung in counts.values()}), counts
    assert all(trial.is_full == (len(trial.fold_losses) == folds) for trial in trials)


def test_who_wants_a_fidelity_is_told(tmp_path):
    asked, _, _ = run(tmp_path / "asked", strategy="random+race", fidelity="folds", trials=2)
    wanted, _, _ = run(tmp_path / "wanted", strategy="random+race", trials=2)

    assert "fidelity: lightgbm folds (as asked)" in asked.reasons
    assert "fidelity: lightgbm folds (random+race asks for it)" in wanted.reasons
    assert any("then strategy random+race (with steps 4)" in reason for reason in wanted.reasons)


def test_that_every_trial_is_full_is_told(tmp_path):
    outcome, _, _ = run(tmp_path / "run", strategy="hyperband", fidelity="rounds", fidelity_max=10, trials=2)

    assert any("every trial is a full one" in reason for reason in outcome.reasons)


def test_options_may_be_words(tmp_path):
    outcome, _, _ = run(tmp_path / "run", strategy="random+told", trials=1)

    assert any("random+told (with mode b, share 0.25)" in reason for reason in outcome.reasons)


def test_a_scheduler_cannot_ask_for_nothing_for_ever(tmp_path):
    outcome, trials, _ = run(tmp_path / "run", strategy="random+again", folds=2)

    assert 1 == sum(trial.kind == "carried" for trial in trials)
    assert any("again, to which that added nothing" in reason for reason in outcome.reasons)


def test_a_scheduler_cannot_creep_for_ever(tmp_path):
    outcome, trials, _ = run(tmp_path / "run", strategy="random+creeping", folds=2)

    assert MOST_COPIES == sum(trial.kind == "carried" for trial in trials)
    assert any("rungs must be further apart" in reason for reason in outcome.reasons)


def test_copies_pass_whatever_time_is_left(tmp_path, monkeypatch):
    """They take none."""
    monkeypatch.setattr(
        "automl.admission.Admission.why_skip", lambda self, start, *_: "no time" if start.parent else ""
    )
    _, trials, _ = run(tmp_path / "run", strategy="random+fold-steps", folds=2)

    assert {0.5: "carried", 1.0: "skipped"} == {trial.budget: trial.kind for trial in trials if trial.parent}


def test_the_number_of_folds_is_fixed_where_they_are_the_fidelity(tmp_path, monkeypatch):
    """A share of them must mean the same from the first trial to the last; elsewhere dear fits settle on fewer."""
    monkeypatch.setattr("automl.fold_count.affordable_folds", lambda **_: 3)
    counts = {}
    for strategy in ("random+race", "random"):
        options = {"folds": None, "time": 60.0, "trials": 12, "models": ["linear"], "early_discard": False}
        _, trials, _ = run(tmp_path / strategy, strategy=strategy, **options)
        counts[strategy] = {len(trial.fold_losses) for trial in trials if trial.is_full}

    assert {"random+race": {16}, "random": {3}} == counts


def test_predicting_is_timed_where_folds_are_the_fidelity(tmp_path):
    """The fold that is timed is fitted by the trial at the smallest budget."""
    _, trials, _ = run(tmp_path / "run", strategy="random+fold-steps", preset="balanced")

    assert all((trial.row_ms or 0.0) > 0.0 for trial in trials if trial.is_full)


def test_a_copy_can_be_asked_for(tmp_path, capsys):
    _, trials, _ = run(tmp_path / "run", strategy="random+fold-steps", folds=2)
    copy = next(trial for trial in trials if trial.is_copy)

    asked = ["show", str(tmp_path / "run"), "--trial", str(copy.id)]
    assert 2 == cli.run(asked, Session(started=0.0, json_stream=None))
    assert (
        f"no result of its own: carried, at this budget nothing is added to trial {copy.parent}"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize("name", ["random+fold-steps", "random+asha", "random+hyperband"])
def test_workers_change_nothing_where_promotions_add_nothing(tmp_path, name):
    made = {}
    for jobs in (1, 3):
        outcome, trials, _ = run(
            tmp_path / f"run-{jobs}",
            strategy=name,
            models=["random_forest", "linear"],
            fidelity="trees",
            fidelity_max=15,
            trials=12,
            folds=2,
            executor="processes",
            jobs=jobs,
        )
        made[jobs] = [(one.candidate, one.budget, one.parent, one.kind, one.loss) for one in trials]
        made[jobs].append(outcome.predictor.predict(data(20, 1)).tolist())

    assert made[1] == made[3]
