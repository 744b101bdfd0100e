"""Which trials go on: rungs against tables computed by hand, workers, failures, trials that nobody asked for."""

import heapq
import random
from collections import Counter, defaultdict
from dataclasses import replace
from fractions import Fraction

import pytest
from automl_plugins.schedulers.asha import Asha
from automl_plugins.schedulers.hyperband import Hyperband
from automl_plugins.schedulers.race import Race
from automl_plugins.schedulers.screen import Screen
from automl_plugins.schedulers.successive_halving import SuccessiveHalving

from automl import Candidate, Done, History, Promote, Sample, Trial, Wait
from automl.strategy import Strategy

R81 = [  # (configurations, resource) of Li et al. 2018, Algorithm 1, with R = 81 and eta = 3; s = 4, ..., 0
    [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)],
    [(34, 3), (11, 9), (3, 27), (1, 81)],  # ceil(5 / 4 * 27) = ceil(33.75)
    [(15, 9), (5, 27), (1, 81)],  # 5 / 3 * 9
    [(8, 27), (2, 81)],  # ceil(5 / 2 * 3) = ceil(7.5)
    [(5, 81)],
]
R8 = [  # R = 8 and eta = 2; s = 3, ..., 0
    [(8, 1), (4, 2), (2, 4), (1, 8)],
    [(6, 2), (3, 4), (1, 8)],  # ceil(4 / 3 * 4) = ceil(5.33)
    [(4, 4), (2, 8)],
    [(4, 8)],
]


class Clock:
    """A run with workers, durations and failures; notes how often a worker was free although it was asked for."""

    def __init__(self, scheduler, *, workers=1, failing=(), seed=0, losses=None, history=()):
        self.scheduler, self.workers, self.failing = scheduler, workers, failing
        self.history = History(history)
        self.idle = 0
        self.now = 0.0
        self._running = []
        self._random = random.Random(seed)
        self._losses = losses or (lambda number: float((number * 7919) % 1009))

    def run(self, trials):
        """Go on until so many trials were started, and let all of them finish."""
        while len(self.history) < trials and self._start():
            while len(self._running) >= self.workers:
                self._finish()
        while self._running:
            self._finish()
        return self.history

    def _start(self):
        decision = self.scheduler.next(self.history)
        number = self.history.next_id
        if isinstance(decision, Done):
            return False
        if isinstance(decision, Wait):
            self.idle += 1
            self._finish()
            return True
        if isinstance(decision, Promote):
            old = self.history[decision.trial]
            trial = Trial(id=number, candidate=old.candidate, budget=decision.budget, parent=old.id)
        else:
            candidate = Candidate(model="one", config={"number": number})
            trial = Trial(id=number, candidate=candidate, budget=decision.budget)
        self.history = self.history.with_trial(trial)
        end = self.now + trial.budget * self._random.uniform(0.2, 5.0)
        heapq.heappush(self._running, (end, number))
        return True

    def _finish(self):
        self.now, number = heapq.heappop(self._running)
        trial = self.history[number]
        if number in self.failing:
            self.history = self.history.with_trial(replace(trial, status="failed", kind="error"))
            return
        loss = self._losses(trial.candidate.config["number"]) + 1.0 - trial.budget
        self.history = self.history.with_trial(replace(trial, status="done", loss=loss, score=-loss))


def brackets_of(history):
    """Configurations by the budget they began at, each as the list of budgets it had."""
    chains = {}
    for trial in history:
        chain = [] if trial.parent is None else chains.pop(trial.parent)
        chains[trial.id] = [*chain, trial]
    return chains.values()


def table_of(history, resource):
    """(first resource, resource) -> trials, with budgets as whole numbers of `resource`."""
    found = Counter()
    for chain in brackets_of(history):
        for trial in chain:
            found[whole(chain[0].budget, resource), whole(trial.budget, resource)] += 1
    return found


def whole(budget, resource):
    """A budget as a number of the resource; it must be a whole one."""
    number = Fraction(budget).limit_denominator(1000) * resource
    assert 1 == number.denominator
    return number.numerator


def expected_table(table, rounds):
    return Counter(
        {(rungs[0][1], budget): rounds * size for rungs in table for size, budget in rungs},
    )


# -- tables ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("resource", "eta", "table"), [(81, 3, R81), (8, 2, R8)])
def test_hyperband_has_the_rungs_of_the_paper(resource, eta, table):
    plans = Hyperband(0, eta=eta, min_budget=1 / resource).plans

    assert [[(rung.size, whole(rung.budget, resource)) for rung in plan] for plan in plans] == table
    assert {1.0} == {plan[-1].budget for plan in plans}


@pytest.mark.parametrize(("resource", "eta", "table"), [(81, 3, R81), (8, 2, R8)])
@pytest.mark.parametrize("rounds", [1, 2])
def test_hyperband_runs_that_table_bracket_by_bracket(resource, eta, table, rounds):
    trials = rounds * sum(size for rungs in table for size, _ in rungs)
    history = Clock(Hyperband(0, eta=eta, min_budget=1 / resource)).run(trials)

    asked = [(size, budget) for rungs in table for size, budget in rungs] * rounds
    assert [budget for size, budget in asked for _ in range(size)] == [
        whole(trial.budget, resource) for trial in history
    ]
    assert expected_table(table, rounds) == table_of(history, resource)


@pytest.mark.parametrize("workers", [2, 4, 16])
def test_hyperband_has_the_same_rungs_with_many_workers(workers):
    """Later brackets begin early, so that the first ones are compared once all have had time to end."""
    history = Clock(Hyperband(0, eta=2, min_budget=1 / 8), workers=workers).run(400)
    found = table_of(history, 8)

    first = complete_rounds(history, 8, R8)
    assert first >= 6
    for key, size in expected_table(R8, 1).items():
        assert found[key] >= first * size


def complete_rounds(history, resource, table):
    """How many rounds have started all configurations of all brackets."""
    starts = Counter(whole(trial.budget, resource) for trial in history if trial.parent is None)
    return min(starts[rungs[0][1]] // rungs[0][0] for rungs in table) - 1  # the last may still go on


@pytest.mark.parametrize(
    ("options", "rungs"),
    [
        ({}, [(27, 1), (9, 3), (3, 9), (1, 27)]),
        ({"configurations": 60}, [(60, 1), (20, 3), (6, 9), (2, 27)]),
        ({"eta": 2, "min_budget": 0.2, "configurations": 10}, [(10, 1), (5, 2), (2, 4)]),  # 1/4 is the power
        ({"min_budget": 1.0, "configurations": 3}, [(3, 1)]),
    ],
)
def test_successive_halving_repeats_its_rungs(options, rungs):
    scheduler = SuccessiveHalving(0, **options)
    total = sum(size for size, _ in rungs)
    history = Clock(scheduler).run(3 * total)
    top = rungs[-1][1]

    assert [budget for size, budget in rungs for _ in range(size)] * 3 == [
        whole(trial.budget, top) for trial in history
    ]


def test_screening_alternates_between_looking_and_training():
    history = Clock(Screen(0, configurations=6, keep=2, min_budget=0.1)).run(24)

    assert ([0.1] * 6 + [1.0] * 2) * 3 == [trial.budget for trial in history]


def test_screening_keeps_a_share():
    (plan,) = Screen(0, configurations=20, keep=0.15).plans

    assert [20, 3] == [rung.size for rung in plan]


# -- workers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [SuccessiveHalving, Hyperband, Asha, Screen, Race])
@pytest.mark.parametrize("failing", [(), range(0, 1000, 3)])
def test_no_worker_is_ever_idle(kind, failing):
    clock = Clock(kind(0), workers=7, failing=failing)
    clock.run(300)

    assert 0 == clock.idle
    assert 300 == len(clock.history)


def groups(history, scheduler):
    """The rungs of synchronous brackets, made again by hand: sets of trials that were compared."""
    found = defaultdict(list)
    place = {}
    counts = Counter()
    sizes = {plan[0].budget: plan[0].size for plan in scheduler.plans}
    for trial in history:
        if trial.parent is None:
            place[trial.id] = (trial.budget, counts[trial.budget] // sizes[trial.budget], 0)
            counts[trial.budget] += 1
        else:
            first, number, depth = place[trial.parent]
            place[trial.id] = (first, number, depth + 1)
        found[place[trial.id]].append(trial)
    return found


@pytest.mark.parametrize("kind", [SuccessiveHalving, Hyperband, Screen])
@pytest.mark.parametrize("workers", [1, 4, 9])
@pytest.mark.parametrize("failing", [(), range(0, 1000, 3), range(5, 60)])
def test_those_that_go_on_are_the_best_of_their_rung(kind, workers, failing):
    """With failures too: as many go on as the next rung has places and as have survived."""
    scheduler = kind(0)
    history = Clock(scheduler, workers=workers, failing=failing).run(300)
    rungs = groups(history, scheduler)
    plans = {plan[0].budget: plan for plan in scheduler.plans}
    compared = 0
    for (first, number, depth), above in rungs.items():
        if depth == 0:
            continue
        rung = rungs[first, number, depth - 1]
        done = sorted((trial.loss, trial.id) for trial in rung if trial.status == "done")
        places = min(plans[first][depth].size, len(done))
        if len(rung) == plans[first][depth - 1].size and not failing:
            compared += len(above) == places
        assert {trial.parent for trial in above} <= {trial_id for _, trial_id in done[:places]}
        assert len({trial.parent for trial in above}) == len(above) <= places
    assert failing or compared >= 5


def test_asha_promotes_the_best_third_of_every_rung():
    """Asynchronously more than a third may have gone on, but whoever is in the top third went on."""
    clock = Clock(Asha(0, eta=3, min_budget=1 / 9), workers=4)
    history = clock.run(500)
    promoted = {trial.parent for trial in history}
    for budget in (1 / 9, 1 / 3):
        rung = [trial for trial in history.finished() if trial.budget == pytest.approx(budget)]
        best = sorted(rung, key=lambda trial: (trial.loss, trial.id))[: len(rung) // 3 - 4]

        assert best
        assert {trial.id for trial in best if trial.id < 490} <= promoted  # the last came after the last decision
        assert len(rung) / 3 <= sum(trial.id in promoted for trial in rung) < 1.3 * len(rung) / 3


def test_asha_follows_the_paper_step_by_step():
    """Losses are 1, 2, 3, ...: one of three goes on, and from the middle rung one of three of those."""
    history = Clock(Asha(0, min_budget=1 / 9), losses=float).run(13)

    assert [1, 1, 1, 3, 1, 1, 1, 3, 1, 1, 1, 3, 9] == [whole(trial.budget, 9) for trial in history]
    assert [(4, 1), (8, 2), (12, 3), (13, 4)] == [(trial.id, trial.parent) for trial in history if trial.parent]


# -- failures and ties ----------------------------------------------------------------------------


def test_a_bracket_whose_rung_failed_is_over():
    history = Clock(Hyperband(0, eta=2, min_budget=1 / 8), failing=range(1, 9)).run(20)

    assert [1] * 8 + [2] * 6 + [4] * 3 + [8] + [4] * 2 == [whole(trial.budget, 8) for trial in history]


def test_survivors_go_on_when_fewer_than_the_places():
    history = Clock(Hyperband(0, eta=2, min_budget=1 / 8), failing=[1, 2, 3, 5, 6, 8]).run(11)

    assert [4, 7] == sorted(trial.parent for trial in history if trial.budget == 0.25 and trial.parent)


def test_a_failed_promotion_is_the_worst_of_its_rung_and_not_replaced():
    """Trials 9 to 12 are the four best at 1/4 of the budget; the best of them fails there."""
    scheduler = Hyperband(0, eta=2, min_budget=1 / 8)
    history = Clock(scheduler, failing=[9], losses=float).run(15)

    assert [1, 2, 3, 4, 10, 11, 13] == [trial.parent for trial in history if trial.parent]


@pytest.mark.parametrize("kind", [SuccessiveHalving, Hyperband, Asha, Screen, Race])
def test_ties_go_to_the_earlier_trial(kind):
    history = Clock(kind(0), losses=lambda number: 1.0).run(36)  # all in the first bracket
    parents = [trial.parent for trial in history if trial.parent]

    assert parents
    for trial in history:
        if trial.parent is not None:
            rung = [other.id for other in history if other.budget == history[trial.parent].budget]
            earlier = [other for other in rung if other < trial.parent]
            assert set(earlier) <= set(parents)


# -- trials that the scheduler did not ask for ----------------------------------------------------


class Numbers:
    def suggest(self, history):
        return Candidate(model="one", config={"number": history.next_id})


def ask_all(strategy, trials, history=()):
    """Let a strategy run on one worker."""
    history = History(history)
    for _ in range(trials):
        start = strategy.ask(history)
        trial = Trial(id=history.next_id, candidate=start.candidate, budget=start.budget, parent=start.parent)
        loss = float(start.candidate.config["number"])
        history = history.with_trial(replace(trial, status="done", loss=loss, score=-loss))
    return history


def full_trial(number, model="baseline"):
    candidate = Candidate(model=model, config={"number": -number})
    return Trial(id=number, candidate=candidate, status="done", loss=99.0, score=0.0, parent=None)


def test_baselines_and_the_first_full_trial_are_in_no_bracket():
    """The queue's first candidate gets the whole budget although the scheduler said less."""
    queue = [Candidate(model="one", config={"number": number}) for number in (500, 600, 700)]
    scheduler = Hyperband(0, eta=2, min_budget=1 / 8)
    history = ask_all(Strategy(Numbers(), scheduler, queue), 36)

    assert [500, 600, 700] == [trial.candidate.config["number"] for trial in list(history)[:3]]
    first, *others = history
    assert 1.0 == first.budget
    assert expected_table(R8, 1) == table_of(others, 8)

    baselines = [full_trial(number) for number in (1, 2, 3)]
    history = ask_all(Strategy(Numbers(), scheduler, ()), 35, baselines)
    assert expected_table(R8, 1) == table_of(list(history)[3:], 8)


def test_a_full_trial_in_the_middle_of_a_bracket_changes_nothing():
    """Another one's trial at full budget, while Hyperband is in its first bracket."""
    before = ask_all(Strategy(Numbers(), Hyperband(0, eta=2, min_budget=1 / 8)), 5)
    history = ask_all(
        Strategy(Numbers(), Hyperband(0, eta=2, min_budget=1 / 8)), 30, before.with_trial(full_trial(6, "one"))
    )

    assert expected_table(R8, 1) == table_of([trial for trial in history if trial.id != 6], 8)


def test_trials_at_other_budgets_are_in_no_bracket():
    """A record of another scheduler, or of the same one with other options, does no harm."""
    strange = Clock(Asha(0, eta=3, min_budget=1 / 27), workers=3).run(60)
    history = Clock(Hyperband(0, eta=2, min_budget=1 / 8), history=strange).run(95)

    assert expected_table(R8, 1) == table_of([trial for trial in history if trial.id > 60], 8)


# -- racing ---------------------------------------------------------------------------------------


def raced(number, folds, budget=0.2, **changes):
    candidate = Candidate(model="one", config={"number": number})
    loss = sum(folds) / len(folds)
    return Trial(
        id=number, candidate=candidate, budget=budget, status="done", loss=loss, fold_losses=tuple(folds), **changes
    )


INCUMBENT = raced(1, [0.1, 0.2, 0.3, 0.2, 0.2], 1.0)


@pytest.mark.parametrize(
    ("folds", "goes_on"), [([0.3], True), ([0.31], False), ([0.5, 0.09], True), ([0.5, 0.2], False)]
)
def test_racing_drops_what_is_worse_than_the_incumbents_worst_fold(folds, goes_on):
    history = History([INCUMBENT, raced(2, folds, len(folds) / 5)])
    expected = Promote(trial=2, budget=(len(folds) + 1) / 5) if goes_on else Sample(budget=0.2)

    assert expected == Race(0).next(history)


def test_racing_without_an_incumbent_goes_on_with_all():
    history = History([raced(1, [9.0]), raced(2, [5.0])])

    assert Promote(trial=2, budget=0.4) == Race(0).next(history)


def test_racing_goes_on_with_the_furthest_first():
    history = History(
        [INCUMBENT, raced(2, [0.25]), raced(3, [0.26]), raced(4, [0.26, 0.28], 0.4, parent=3), raced(5, [0.1])]
    )

    assert Promote(trial=4, budget=0.6) == Race(0).next(history)


def test_racing_saves_most_folds_of_bad_configurations():
    history = Clock(Race(0), losses=lambda number: float(number % 50)).run(400)
    folds = sum(trial.budget - (history[trial.parent].budget if trial.parent else 0.0) for trial in history) * 5
    configurations = sum(trial.parent is None for trial in history)

    assert history.incumbent().candidate.config["number"] % 50 <= 2
    assert folds / configurations < 2.5


def test_racing_leaves_failed_ones():
    history = History([INCUMBENT, replace(raced(2, [0.1]), status="failed", loss=None)])

    assert Sample(budget=0.2) == Race(0).next(history)
