"""Every sampler under every scheduler: runs end, nobody waits for ever, budgets are kept."""

import random
from dataclasses import dataclass, field, replace
from functools import cache
from heapq import heappop, heappush

import pytest

from automl import Done, History, Trial
from automl.registry import load_registry
from automl.strategy import Start
from automl.strategy_names import make_strategy
from automl.testing.clock import FakeClock
from automl.testing.search import toy_loss, toy_space

SLOW = pytest.mark.slow
SAMPLERS = [
    name if name != "smac" else pytest.param(name, marks=SLOW)
    for name in ("random", "grid", "local", "kde", "evolution", "gp", "smac")
]
SCHEDULERS = ["full", "successive_halving", "hyperband", "asha", "screen", "race"]
FULL_SECONDS = 10.0
SECONDS = 60.0


@cache
def registry():
    return load_registry()


@dataclass
class Play:
    """A run on a clock that jumps from the end of one trial to the end of the next."""

    name: str
    workers: int
    failing: float
    kind: str = "joint"
    seed: int = 3
    most: int = 60
    history: History = field(default_factory=History)
    idle: int = 0
    """How often a worker was free and there was nothing for it, although the search was not over."""

    def __post_init__(self):
        self.space, self.clock, self.random = toy_space(self.kind), FakeClock(0.0), random.Random(self.seed)
        self.running = []
        self.strategy = self.fresh()

    def fresh(self):
        return make_strategy(self.name, registry(), self.space, seed=self.seed)

    def run(self, until=lambda history: False):
        over = False
        while not until(self.history):
            while not over and len(self.running) < self.workers:
                if self.clock() >= SECONDS or len(self.history) >= self.most:
                    over = True
                    break
                step = self.strategy.ask(self.history)
                if isinstance(step, Start):
                    self.start(step)
                else:
                    over = isinstance(step, Done)
                    self.idle += not over
                    break
            if not self.running:
                return self
            self.finish()
        return self

    def start(self, step):
        trial = Trial(id=self.history.next_id, candidate=step.candidate, budget=step.budget, parent=step.parent)
        paid = 0.0 if step.parent is None else self.history[step.parent].budget
        heappush(self.running, (self.clock() + FULL_SECONDS * (step.budget - paid), trial.id))
        self.history = self.history.with_trial(trial)

    def finish(self):
        ends, number = heappop(self.running)
        self.clock.advance(max(ends - self.clock(), 0.0))
        trial = self.history[number]
        if self.random.random() < self.failing:
            done = replace(trial, status="failed", kind="error", message="it was told to")
        else:
            loss = toy_loss(trial.candidate, trial.budget)
            done = replace(trial, status="done", loss=loss, score=1.0 - loss, fold_losses=(loss,))
        self.history = self.history.with_trial(done)


def check(play):
    """What every run keeps."""
    assert not play.history.running()
    started = [trial for trial in play.history if trial.parent is None]
    assert len({trial.candidate.id for trial in started}) == len(started)
    spent = 0.0
    for trial in play.history:
        assert 0 < trial.budget <= 1
        assert play.space.is_legal(trial.candidate)
        before = 0.0
        if trial.parent is not None:
            parent = play.history[trial.parent]
            before = parent.budget
            assert ("done", parent.candidate.id) == (parent.status, trial.candidate.id)
            assert before < trial.budget
        spent += FULL_SECONDS * (trial.budget - before)
    # Whoever started before the end may finish after it.
    assert spent <= play.workers * (SECONDS + FULL_SECONDS)
    assert play.clock() <= SECONDS + FULL_SECONDS


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize(
    ("workers", "failing"),
    [(1, 0.0), pytest.param(1, 0.3, marks=SLOW), pytest.param(4, 0.0, marks=SLOW), (4, 0.3)],
)
def test_a_run_keeps_its_workers_busy_and_its_budgets(sampler, scheduler, workers, failing):
    play = Play(f"{sampler}+{scheduler}", workers, failing).run()

    check(play)
    assert 0 == play.idle or sampler == "grid"  # its points are soon used up
    assert len(play.history) == play.most or play.clock() >= SECONDS or sampler == "grid"
    if failing == 0.0:
        assert scheduler == "race" or any(trial.is_full for trial in play.history) or len(play.history) == play.most


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize(
    ("workers", "failing"), [pytest.param(1, 0.0, marks=SLOW), pytest.param(4, 0.0, marks=SLOW), (4, 0.3)]
)
def test_a_space_of_three_configurations_ends_by_itself(sampler, scheduler, workers, failing):
    play = Play(f"{sampler}+{scheduler}", workers, failing, kind="tiny", most=1000).run()

    check(play)
    assert 3 == len(play.history.config_ids())
    assert failing or play.history.full()


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_run_that_was_killed_goes_on_from_its_record(sampler, scheduler):
    """A fresh strategy with nothing but the record takes the same next step, with trials running and without them."""
    play = Play(f"{sampler}+{scheduler}", 4, 0.1, most=50).run(until=lambda history: len(history) >= 23)
    for record in (play.history, History(trial for trial in play.history if trial.status != "running")):
        assert play.fresh().ask(History(list(record))) == play.strategy.ask(record)
    play.history = History(trial for trial in play.history if trial.status != "running")
    play.running, play.strategy = [], play.fresh()

    check(play.run())
    assert len(play.history) > 23
