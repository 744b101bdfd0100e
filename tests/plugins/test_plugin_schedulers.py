"""What every scheduler keeps: conformance, options, kills, running dry, 20,000 trials."""

import time
from dataclasses import replace
from itertools import count

import pytest
from automl_plugins.schedulers.asha import Asha
from automl_plugins.schedulers.hyperband import Hyperband
from automl_plugins.schedulers.race import Race
from automl_plugins.schedulers.screen import Screen
from automl_plugins.schedulers.successive_halving import SuccessiveHalving

from automl import Candidate, Done, History, Promote, Sample, SettingsError, Trial, Wait
from automl.registry import load_registry
from automl.strategy_names import strategy_parts
from automl.testing import check_plugin_is_light, check_scheduler
from automl.testing.search import Simulation

OPTIONS = {
    "successive_halving": {"eta": 2, "min_budget": 0.25, "configurations": 11},
    "hyperband": {"eta": 2, "min_budget": 0.125},
    "asha": {"eta": 2, "min_budget": 0.1},
    "screen": {"configurations": 8, "keep": 0.25},
    "race": {"steps": 3},
}
PARTIAL = [SuccessiveHalving, Hyperband, Asha, Screen, Race]


@pytest.mark.parametrize("name", ["full", *OPTIONS])
def test_conformance(name):
    check_scheduler(name)


@pytest.mark.parametrize("name", OPTIONS)
def test_conformance_with_options(name):
    check_scheduler(name, OPTIONS[name])


def test_entry_module_is_light():
    check_plugin_is_light("automl_plugins.schedulers")


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("random", ("random", "full")),
        ("grid", ("grid", "full")),
        ("local", ("local", "full")),
        ("smac", ("smac", "full")),
        ("hyperband", ("random", "hyperband")),
        ("bohb", ("kde", "hyperband")),
        ("smac+hyperband", ("smac", "hyperband")),
        ("gp", ("gp", "full")),
        ("gp+hyperband", ("gp", "hyperband")),
        ("asha", ("random", "asha")),
        ("evolution+race", ("evolution", "race")),
    ],
)
def test_strategies_are_pairs(name, parts):
    sampler, scheduler, options = strategy_parts(name, load_registry())

    assert parts == (sampler.name, scheduler.name)
    assert {} == options


def test_racing_asks_for_folds_and_full_training_is_never_partial():
    schedulers = load_registry().schedulers

    assert "folds" == schedulers["race"].fidelity
    assert {"full"} == {name for name, spec in schedulers.items() if not spec.partial}


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (Hyperband, {"eta": 1}, r"'hyperband': eta is 1; pass a whole number of at least 2"),
        (Hyperband, {"eta": 2.5}, r"eta is 2.5; pass a whole number"),
        (Hyperband, {"min_budget": 0}, r"min_budget is 0; pass a share of the full training cost"),
        (Hyperband, {"min_budget": 81}, r"min_budget is 81; pass a share"),
        (Asha, {"eta": "three"}, r"'asha': eta is 'three'; pass a whole number"),
        (Asha, {"min_budget": float("nan")}, r"min_budget is nan"),
        (SuccessiveHalving, {"configurations": -1}, r"configurations is -1; pass a whole number of at least 0"),
        (SuccessiveHalving, {"configurations": 26}, r"of 26 configurations none would .* configurations=27 or more"),
        (Screen, {"configurations": 1}, r"configurations is 1; pass a whole number of at least 2"),
        (Screen, {"keep": 27}, r"keep is 27, all of the 27 configurations of a round; pass fewer"),
        (Screen, {"keep": 0}, r"keep is 0; pass a whole number of at least 1"),
        (Screen, {"min_budget": 1.0}, r"min_budget is 1.0; pass a share below 1"),
        (Race, {"steps": True}, r"'race': steps is True; pass a whole number of at least 2"),
    ],
)
def test_a_wrong_option_is_told_with_its_value(kind, options, message):
    with pytest.raises(SettingsError, match=message):
        kind(0, **options)


# -- runs -----------------------------------------------------------------------------------------


def play(scheduler, *, trials, workers=1, failing=0.0, seed=0, history=(), until=None, rank=None, spare=10**6):
    """Run a scheduler the way strategies do. Configurations are numbers, the least that was not started yet comes
    next, and its loss is the same in every run. `until(history)` ends it early; there are `spare` configurations.
    """
    goodness = rank or (lambda number: (number * 7919) % 1009)
    run = Simulation(
        seed=seed,
        workers=workers,
        failing=failing,
        loss=lambda candidate, budget: goodness(candidate.config["number"]) + (1.0 - budget),
        history=History(history),
    )
    used = {trial.candidate.config["number"] for trial in run.history}
    numbers = (number for number in count() if number not in used)
    while len(run.history) < trials and not (until and until(run.history)):
        decision = scheduler.next(run.history)
        if isinstance(decision, Sample):
            number = next(numbers)
            if number < spare:
                run.start(Candidate(model="one", config={"number": number}), decision.budget)
            else:
                decision = scheduler.without_samples(run.history)
        if isinstance(decision, Promote):
            run.start(run.history[decision.trial].candidate, decision.budget, decision.trial)
        elif isinstance(decision, Wait):
            run.finish_one()
        elif isinstance(decision, Done):
            break
        while run.busy:
            run.finish_one()
    return run.history


def moves(history):
    """Who went on to which budget: independent of the order in which it happened."""
    return {(trial.candidate.config["number"], round(trial.budget, 6)) for trial in history if trial.parent}


@pytest.mark.parametrize("kind", PARTIAL)
@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("failing", [0.0, 0.3])
def test_a_fresh_scheduler_decides_the_same_at_every_point(kind, workers, failing):
    """What is kept from one question to the next never shows."""
    kept = kind(0)
    seen = []
    history = play(kept, trials=200, workers=workers, failing=failing, until=seen.append)

    for now in seen[::7]:
        assert kind(0).next(now) == kept.next(now)
    assert len(history) == 200


@pytest.mark.parametrize("kind", [SuccessiveHalving, Hyperband, Screen])
@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("killed_after", [1, 20, 38, 45, 60, 75])
def test_a_run_killed_inside_a_bracket_makes_the_same_promotions(kind, workers, killed_after):
    """Trials that were running are gone from the record; their configurations come again under new ids."""
    whole = play(kind(0), trials=240, workers=workers)
    cut = play(kind(0), trials=killed_after, workers=workers)
    record = [trial for trial in cut if trial.status != "running"]

    resumed = play(kind(0), trials=240, workers=5 - workers, history=record, seed=1)

    assert {move for move in moves(whole) if move[0] < 70} == {move for move in moves(resumed) if move[0] < 70}
    assert len(moves(whole)) > 20


@pytest.mark.parametrize("kind", PARTIAL)
def test_trials_cut_off_by_the_end_count_as_never_started(kind):
    """They are recorded as cancelled, and say nothing about their configuration."""
    cut = play(kind(0), trials=60, workers=5)
    gone = History(trial for trial in cut if trial.status != "running")
    cancelled = History(
        replace(trial, status="failed", kind="cancelled") if trial.status == "running" else trial for trial in cut
    )
    kept = kind(0)
    kept.next(cut)

    assert kind(0).next(gone) == kind(0).next(cancelled) == kept.next(cancelled)


@pytest.mark.parametrize("kind", PARTIAL)
def test_configurations_that_were_skipped_count_as_never_started(kind):
    """Too slow for the time that was left: other trials of the rung are compared as if they had not been asked."""
    plain = play(kind(0), trials=60)
    skipped = Trial(
        id=0, candidate=Candidate(model="one", config={}), budget=kind(0).next(History()).budget, status="failed"
    )
    mixed = []
    for trial in plain:
        mixed += [trial, replace(skipped, id=1000 + trial.id, kind="skipped")]

    assert kind(0).next(plain) == kind(0).next(History(mixed))


@pytest.mark.parametrize("kind", PARTIAL)
def test_a_promotion_that_was_skipped_is_not_asked_for_again(kind):
    """Its model may be resting for good."""
    history, scheduler = History(), kind(0)
    refused = []
    while len(history) < 150:
        decision, number = scheduler.next(history), history.next_id
        if isinstance(decision, Promote):
            refused.append(decision)
            trial = Trial(
                id=number, candidate=history[decision.trial].candidate, budget=decision.budget, parent=decision.trial
            )
            history = history.with_trial(replace(trial, status="failed", kind="skipped"))
        else:
            trial = Trial(id=number, candidate=Candidate(model="one", config={"x": number}), budget=decision.budget)
            history = history.with_trial(replace(trial, status="done", loss=float(number % 17), score=0.0))

    assert refused
    assert len(refused) == len({decision.trial for decision in refused})


@pytest.mark.parametrize("kind", PARTIAL)
@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("spare", [1, 2, 5, 20, 40])
def test_small_spaces_come_to_full_training_and_an_end(kind, workers, spare):
    """When there is no new configuration, the best ones still get the whole budget."""
    history = play(kind(0), trials=500, workers=workers, spare=spare)

    assert not history.running()
    assert len(history) < 200
    assert history.full()
    best = min(trial.loss for trial in history if trial.budget == min(trial.budget for trial in history))
    assert int(best) == int(history.incumbent().loss)


@pytest.mark.parametrize("kind", PARTIAL)
def test_losses_that_are_no_numbers_go_nowhere(kind):
    history = play(kind(0), trials=120, rank=lambda number: float("nan") if number % 3 else number)
    promoted = [trial.candidate.config["number"] for trial in history if trial.parent]

    assert promoted
    assert {0} == {number % 3 for number in promoted}


@pytest.mark.parametrize("kind", PARTIAL)
def test_twenty_thousand_trials(kind):
    """`next` stays quick, and what is kept over many trials is what a fresh scheduler finds in their record."""
    block = list(play(kind(0), trials=69 * 10))  # ten rounds of Hyperband
    trials = [_later(trial, start) for start in range(0, 20_000, len(block)) for trial in block]
    kept, history = kind(0), History(trials)
    first = kept.next(history)
    seconds = []
    for _ in range(30):
        start = time.perf_counter()
        decision = kept.next(history)
        seconds.append(time.perf_counter() - start)
        parent = decision.trial if isinstance(decision, Promote) else None
        candidate = Candidate(model="one", config={"number": history.next_id})
        trial = Trial(id=history.next_id, candidate=candidate, budget=decision.budget, parent=parent)
        history = history.with_trial(trial).with_trial(replace(trial, status="done", loss=3.3, score=0.0))

    assert len(trials) >= 20_000
    assert sorted(seconds)[15] < 0.02
    assert kind(0).next(History(trials)) == first
    assert kind(0).next(history) == kept.next(history)


def _later(trial, start):
    """A copy of a trial as if the whole record had come `start` trials later, with results of its own."""
    parent = None if trial.parent is None else trial.parent + start
    return replace(trial, id=trial.id + start, parent=parent, loss=trial.loss + start * 1e-6)


def test_race_promotes_no_copy_of_a_whole_trial():
    """With a single fold, every share of it is the whole training."""
    race = Race(0, steps=5)
    first = Trial(id=1, candidate=Candidate(model="m", config={}), budget=0.4, status="done", loss=0.5, whole=True)
    copies = [
        replace(first, id=number, budget=0.2 * (number + 1), parent=number - 1, kind="carried") for number in (2, 3, 4)
    ]

    assert race.next(History([first, *copies])) == Sample(budget=0.2)
