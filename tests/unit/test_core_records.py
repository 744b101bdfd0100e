"""Fidelity, settings, history, clock, costs, task: the small records everything else stands on."""

from dataclasses import replace

import pytest

from automl import Candidate, Fidelity, History, SettingsError, Task, Trial
from automl.clock import Clock
from automl.costs import Costs, soft_seconds
from automl.settings import Settings, parse_seconds
from automl.specs import ModelSpec


@pytest.mark.parametrize(
    ("growth", "high", "share", "value"),
    [("linear", 100, 0.25, 25), ("quadratic", 100, 0.25, 50), ("exponential", 3, 0.25, 1), ("linear", 100, 0.001, 8)],
)
def test_fidelity_values_follow_the_growth_law_and_are_clipped(growth, high, share, value):
    fidelity = Fidelity(name="x", unit="x", low=0 if growth == "exponential" else 8, high=high, growth=growth)

    assert value == fidelity.value(share)


def test_fidelity_share_inverts_value():
    for growth in ("linear", "quadratic", "exponential"):
        fidelity = Fidelity(name="x", unit="x", low=-9, high=4, growth=growth, whole=False)
        for share in (0.05, 0.3, 1.0):
            assert share == pytest.approx(fidelity.share(fidelity.value(share)))


@pytest.mark.parametrize("share", [0.0, -1.0, 1.5])
def test_fidelity_refuses_shares_outside_the_range(share):
    with pytest.raises(ValueError, match="not in"):
        Fidelity(name="x", unit="x", low=1, high=9).value(share)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("10m", 600), ("1h", 3600), (" 1.5 h", 5400), (30, 30)]
)
def test_times_are_read(text, seconds):
    assert seconds == parse_seconds(text)


@pytest.mark.parametrize("text", ["", "soon", "-5", "0", "0s", "10 days", "1e3"])
def test_wrong_times_are_refused_with_the_forms_that_work(text):
    with pytest.raises(SettingsError, match="90s, 10m or 1h"):
        parse_seconds(text)


@pytest.mark.parametrize(
    "wrong",
    [{"trials": 0}, {"jobs": 0}, {"folds": 1}, {"seed": -1}, {"task": "ranking"}, {"seconds": -1.0}, {"trials": True},
     {"group": "a", "time_column": "b"}, {"monotone": {"a": 2}}],
)  # fmt: skip
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(SettingsError):
        Settings(target="y", **wrong)


def test_without_time_and_trials_ten_minutes_are_the_budget():
    assert Settings(target="y").budget_seconds == 600
    assert Settings(target="y", trials=3).budget_seconds is None
    assert Settings(target="y", trials=3, seconds=5.0).budget_seconds == 5.0


def _trial(number, loss=None, *, budget=1.0, status="done", model="a", kind=""):
    candidate = Candidate(model=model, config={"x": number}, origin="random")
    return Trial(id=number, candidate=candidate, budget=budget, status=status, loss=loss, kind=kind)


def test_history_views():
    history = History(
        [
            _trial(1, 0.5),
            _trial(2, 0.2),
            _trial(3, 0.1, budget=0.5),
            _trial(4, status="running"),
            _trial(5, status="failed"),
        ]
    )

    assert history.incumbent().id == 2
    assert [1, 2] == [trial.id for trial in history.full()]
    assert [4] == [trial.id for trial in history.running()]
    assert [5] == [trial.id for trial in history.failed()]
    assert history.next_id == 6
    assert [1, 2] == [trial.id for trial in history.at_best_budget(2)]


def test_history_does_not_change_when_a_trial_is_added():
    first = History([_trial(1, 0.5)])
    second = first.with_trial(_trial(2, 0.4))

    assert (1, 2) == (len(first), len(second))


def test_the_best_budget_needs_enough_trials():
    history = History([_trial(n, 0.5, budget=0.5) for n in range(1, 6)] + [_trial(9, 0.1)])

    assert {0.5} == {trial.budget for trial in history.at_best_budget(3)}
    assert {1.0} == {trial.budget for trial in history.at_best_budget(1)}


def test_what_early_discard_left_compares_with_full_trials():
    """A sampler that was shown them alone, as many as they may be, would learn from the worst of a search."""
    left = [_trial(number, 0.9, budget=0.25, kind="discarded") for number in range(1, 6)]
    history = History([*left, _trial(6, 0.1), _trial(7, 0.2)])

    assert list(range(1, 8)) == [trial.id for trial in history.at_best_budget(6)]
    assert list(range(1, 8)) == [trial.id for trial in history.at_best_budget(20)]
    assert [6, 7] == [trial.id for trial in history.full()]
    assert 7 == len(history.finished())
    assert history.incumbent().id == 6


def test_copies_are_done_and_no_results():
    """They can be promoted, and tell samplers and ensembles nothing that the trials before them do not."""
    small, whole = _trial(1, 0.5, budget=0.25), replace(_trial(2, 0.4, budget=0.25), whole=True)
    copies = [_trial(3, 0.5, budget=0.5, kind="carried"), replace(_trial(4, 0.4, kind="carried"), whole=True)]
    history = History([small, whole, *copies])

    assert [1, 2, 3, 4] == [trial.id for trial in history.finished()]
    assert [2] == [trial.id for trial in history.full()]
    assert [2] == [trial.id for trial in history.at_best_budget(1)]
    assert [1] == [trial.id for trial in History([small, *copies]).at_best_budget(1)]
    assert history.incumbent().id == 2
    assert [1] == [trial.id for trial in history.with_trial(_trial(3, status="failed")).finished() if trial.loss == 0.5]


def test_what_was_carried_compares_at_the_larger_budget():
    """Ten trees at 1/27 are ten trees at 1/9: beside others that were trained for 1/9 they are not left out."""
    trees = [_trial(number, 0.1 * number, budget=0.04) for number in (1, 2, 3)]
    copies = [replace(_trial(10 + one.id, one.loss, budget=0.1, kind="carried"), parent=one.id) for one in trees[:2]]
    again = replace(_trial(21, 0.1, budget=0.3, kind="carried"), parent=11)
    linear = [_trial(number, 0.4, budget=0.1) for number in (5, 6)]
    history = History([*trees, *linear, *copies])

    assert [1, 2, 5, 6] == [trial.id for trial in history.at_best_budget(3)]
    assert [3] == [trial.id for trial in History(trees[2:]).at_best_budget(1)]
    assert [1] == [trial.id for trial in history.with_trial(again).at_best_budget(1)]
    assert [2, 5, 6] == [trial.id for trial in history.with_trial(again).at_best_budget(2)]
    failed = history.with_trial(again).with_trial(_trial(1, status="failed"))
    assert [2, 5, 6] == [trial.id for trial in failed.at_best_budget(1)]


def test_config_ids_do_not_depend_on_order_or_origin():
    first = Candidate(model="a", config={"x": 1, "y": 0.5}, origin="default")
    second = Candidate(model="a", config={"y": 0.5, "x": 1}, origin="random")

    assert first.id == second.id
    assert first.id != Candidate(model="b", config={"x": 1, "y": 0.5}).id
    assert first.id != Candidate(model="a", config={"x": 2, "y": 0.5}).id


def test_task_survives_json():
    import json

    task = Task(
        target="y",
        problem_type="binary",
        metric="roc_auc",
        rows=5,
        features=2,
        classes=(False, True),
        monotone={"a": 1},
    )

    assert task == Task.from_dict(json.loads(json.dumps(task.to_dict())))


@pytest.mark.parametrize("seconds", [1.0, 5.0, 60.0, 3600.0])
def test_the_search_ends_before_the_budget(seconds):
    clock = Clock.make(100.0, seconds)

    assert 100.0 < clock.search_end < clock.end == 100.0 + seconds
    assert clock.end - clock.search_end <= max(20.0, 0.7 * seconds)


def test_without_a_budget_nothing_limits_a_job():
    assert soft_seconds(Clock.make(0.0, None), workers=2, folds=5) is None


def _model(name, cost):
    return ModelSpec(name=name, summary="", factory="x:y", space="x:y", relative_cost=cost)


def test_costs_are_measured_then_scaled_for_models_not_seen():
    costs = Costs({"a": _model("a", 1.0), "b": _model("b", 4.0)}, fit_seconds=1.0)

    assert costs.job_seconds("b") == 4.0
    costs.add("a", 2.0)
    costs.add("a", 8.0, scale=2.0)
    assert costs.job_seconds("a") == 3.0
    assert costs.job_seconds("a", 0.5) == 1.5
    assert costs.job_seconds("b") == 12.0


def test_a_job_that_the_clock_ended_tells_only_that_others_take_longer():
    costs = Costs({"a": _model("a", 1.0), "b": _model("b", 4.0)}, fit_seconds=1.0)
    costs.add("b", 10.0, cut=True)

    assert costs.job_seconds("b") > 10.0
    costs.add("b", 8.0)
    assert costs.job_seconds("b") == 8.0


# -- histories that follow each other share their record ------------------------------------------


def _numbered(number, status="done", budget=1.0, x=None):
    candidate = Candidate(model="toy", config={"x": number if x is None else x})
    return Trial(id=number, candidate=candidate, status=status, budget=budget, loss=1.0 / number)


def _views(history):
    return (
        [trial.id for trial in history],
        [trial.id for trial in history.running()],
        [trial.id for trial in history.finished()],
        [trial.id for trial in history.at_best_budget(1)],
        history.config_ids(),
        history.next_id,
        history.incumbent(),
    )


def test_an_older_history_does_not_see_what_came_later():
    first = History([_numbered(1), _numbered(2, "running")])
    before = _views(first)
    second = first.with_trial(_numbered(2)).with_trial(_numbered(3, "running"))

    assert [1, 2] == [trial.id for trial in second.finished()]
    assert before == _views(first)


def test_two_histories_may_go_on_from_one():
    start = History([_numbered(1)])
    left, right = start.with_trial(_numbered(2, x="left")), start.with_trial(_numbered(2, "failed", x="right"))

    assert ["left", "right"] == [history[2].candidate.config["x"] for history in (left, right)]
    assert ([1, 2], [1]) == tuple([trial.id for trial in history.finished()] for history in (left, right))
    assert not left.was_asked(right[2].candidate.id)


def test_views_of_a_shared_record_equal_those_of_one_made_anew():
    history = History()
    for number in range(1, 40):
        history = history.with_trial(_numbered(number, "running", budget=1.0 if number % 3 else 0.25, x=number % 7))
        if number % 2:
            status = "failed" if number % 5 == 0 else "done"
            history = history.with_trial(_numbered(number, status, budget=1.0 if number % 3 else 0.25, x=number % 7))

    assert _views(History(list(history))) == _views(history)
