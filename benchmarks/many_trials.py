"""Twenty thousand recorded trials: how long a question takes, and opening the run.

    python benchmarks/many_trials.py --trials 20000

CPU milliseconds of a question to each strategy (median and worst of 30, the first one apart, which reads the whole
record) and seconds to open a run of so many trials.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from automl import History, Trial
from automl.registry import load_registry
from automl.strategy_names import make_strategy
from automl.testing.search import toy_loss, toy_space

STRATEGIES = "random,kde,evolution,local,gp,hyperband,asha,bohb,gp+hyperband"


def record(count: int, budget: float) -> list[Trial]:
    return [
        Trial(
            id=number,
            candidate=candidate,
            budget=budget,
            status="done",
            loss=toy_loss(candidate, budget),
            score=0.5,
            fold_losses=(0.5, 0.4, 0.3),
            facts={"rounds": 3.0},
        )
        for number, candidate in enumerate(toy_space().sample(count, seed=1), start=1)
    ]


def ask(name: str, trials: list[Trial], questions: int = 30) -> tuple[float, list[float]]:
    """CPU seconds of the first question, and of others, each after one more trial."""
    strategy, history, seconds = make_strategy(name, load_registry(), toy_space(), seed=1), History(trials), []
    for _ in range(questions + 1):
        started = time.process_time()
        step = strategy.ask(history)
        seconds.append(time.process_time() - started)
        trial = Trial(id=history.next_id, candidate=step.candidate, budget=step.budget, parent=step.parent)
        history = history.with_trial(trial)
        loss = toy_loss(trial.candidate, trial.budget)
        history = history.with_trial(replace(trial, status="done", loss=loss, score=1.0 - loss))
    return seconds[0], sorted(seconds[1:])


def opening(trials: list[Trial]) -> float:
    """CPU seconds to read a run of these trials from its folder."""
    from automl.run_reader import open_run
    from automl.store import Store

    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "run")
        for trial in trials:
            store.trial_started(replace(trial, status="running", loss=None))
            store.trial_finished(trial)
        store.close()
        started = time.process_time()
        with open_run(Path(folder) / "run") as reader:
            History(reader.trials())
        return time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=20_000)
    parser.add_argument("--strategies", default=STRATEGIES)
    chosen = parser.parse_args()
    for name in chosen.strategies.split(","):
        for words, budget in (("full", 1.0), ("small budgets", 1 / 27)):
            first, seconds = ask(name, record(chosen.trials, budget))
            told = f"first {first:6.3f} s, then {1e3 * seconds[len(seconds) // 2]:6.1f} ms, worst {1e3 * seconds[-1]:6.1f} ms"
            print(f"{name:16} {words:14} {told}", flush=True)
    print(f"opening the run: {opening(record(chosen.trials, 1 / 27)):.2f} s")


if __name__ == "__main__":
    main()
