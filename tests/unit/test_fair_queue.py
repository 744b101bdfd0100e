"""Kinds of models share the time for stored candidates by what they are worth."""

import pytest

from automl.fair_queue import next_in_turn
from automl.history import SKIPPED, Candidate, History, Trial
from automl.strategy import Strategy

FLOOR_LOSS = 1.0


def candidate(model, number=0, origin="baseline:file#1"):
    return Candidate(model=model, config={"n": number}, origin=origin)


def history(*trials):
    """Trials of (model, loss, seconds), a baseline before them; None as loss: it runs."""
    made = [
        Trial(id=1, candidate=candidate("dummy", origin="baseline"), status="done", loss=FLOOR_LOSS, seconds=0.1),
        *(
            Trial(
                id=number,
                candidate=candidate(model, -number, "default"),
                status="running" if loss is None else "done",
                loss=loss,
                seconds=seconds,
            )
            for number, (model, loss, seconds) in enumerate(trials, 2)
        ),
    ]
    return History(made)


def shares(first_seconds, losses, trial_seconds, count=60):
    """Seconds that each kind of model gets of `count` trials that go on as the first ones went."""
    waiting = [candidate(model, number) for number in range(count) for model in losses]
    known = history(*((model, losses[model], first_seconds) for model in losses))
    spent = dict.fromkeys(losses, 0.0)
    for _ in range(count):
        chosen = next_in_turn(known, waiting)
        waiting.remove(chosen)
        spent[chosen.model] += trial_seconds[chosen.model]
        known = known.with_trial(
            Trial(
                id=known.next_id,
                candidate=chosen,
                status="done",
                loss=losses[chosen.model] + 0.01,
                seconds=trial_seconds[chosen.model],
            )
        )
    total = sum(spent.values())
    return {model: seconds / total for model, seconds in spent.items()}


def test_equally_good_kinds_get_equal_time_however_dear_their_trials_are():
    found = shares(1.0, {"dear": 0.2, "cheap": 0.2}, {"dear": 5.0, "cheap": 1.0})

    assert abs(found["dear"] - 0.5) < 0.1


def test_the_best_kind_gets_most_and_none_is_written_off():
    """Behind by an eighth of the way from the floor: 1 / (1 + 20 / 8) of the time of the best."""
    found = shares(
        1.0, {"best": 0.2, "behind": 0.3, "hopeless": 0.9}, dict.fromkeys(("best", "behind", "hopeless"), 1.0)
    )

    assert found["best"] > 2.5 * found["behind"]
    assert found["behind"] > found["hopeless"] > 0.05


def test_within_a_kind_the_given_order_stays():
    waiting = [candidate("a", 1), candidate("b", 2), candidate("b", 3)]

    assert 2 == next_in_turn(history(("a", 0.5, 9.0), ("b", 0.5, 1.0)), waiting).config["n"]


def test_a_kind_whose_first_trial_is_not_back_waits_for_it():
    waiting = [candidate("slow", 1), candidate("quick", 2)]

    assert "quick" == next_in_turn(history(("slow", None, 0.0), ("quick", 0.5, 100.0)), waiting).model
    assert "slow" == next_in_turn(history(("slow", None, 0.0)), waiting[:1]).model
    assert next_in_turn(history(), []) is None


def test_a_kind_of_which_all_trials_failed_comes_last():
    waiting = [candidate("broken", 1), candidate("sound", 2)]
    known = history(("sound", 0.5, 50.0))
    known = known.with_trial(
        Trial(id=known.next_id, candidate=candidate("broken", 9), status="failed", kind="error", seconds=0.1)
    )

    assert "sound" == next_in_turn(known, waiting).model
    assert "broken" == next_in_turn(known, waiting[:1]).model


def test_trials_that_run_or_were_passed_over_count_as_the_others_took():
    waiting = [candidate("a", 1), candidate("b", 2)]
    known = history(("a", 0.5, 4.0), ("b", 0.5, 5.0))
    assert "a" == next_in_turn(known, waiting).model

    running = known.with_trial(Trial(id=known.next_id, candidate=candidate("a", 7)))
    passed = known.with_trial(Trial(id=known.next_id, candidate=candidate("a", 7), status="failed", kind=SKIPPED))

    assert {"b"} == {next_in_turn(one, waiting).model for one in (running, passed)}


def test_without_a_baseline_below_the_best_all_kinds_are_alike():
    waiting = [candidate("a", 1), candidate("b", 2)]

    assert "b" == next_in_turn(history(("a", 3.0, 2.0), ("b", 5.0, 1.0)), waiting).model


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_judges_nobody(loss):
    waiting = [candidate("a", 1), candidate("b", 2)]

    assert "b" == next_in_turn(history(("a", loss, 1.0), ("b", 0.5, 9.0)), waiting).model
    assert "a" == next_in_turn(history(("a", loss, 1.0)), waiting).model


def test_a_strategy_asks_for_the_first_ones_in_order_and_for_the_others_as_results_say():
    class Never:
        def suggest(self, history):
            return None

    class Full:
        def next(self, history):
            from automl import Sample

            return Sample()

    queue = [candidate("a", 0, "default"), candidate("b", 0, "default"), candidate("a", 1), candidate("b", 1)]
    known = history(("a", 0.9, 5.0), ("b", 0.2, 5.0))
    sharing = Strategy(Never(), Full(), queue, in_order=2)

    assert queue[0] == sharing.ask(known).candidate
    for number, one in enumerate(queue[:2], 4):
        known = known.with_trial(Trial(id=number, candidate=one, status="done", loss=0.5, seconds=1.0))
    assert queue[3] == sharing.ask(known).candidate
    assert queue[2] == Strategy(Never(), Full(), queue).ask(known).candidate
