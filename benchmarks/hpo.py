"""Search strategies on equal work: YAHPO surrogates, budgets counted in full trainings, ours beside others'.

    pip install onnxruntime optuna dehb
    python benchmarks/hpo.py --data FOLDER --methods "random,smac+hyperband,Optuna TPE" --seeds 0-4 --budget 50

One line of JSON is appended for each problem, seed and method; a second call goes on where the first one stopped.
`--table` prints what is there. The names of methods are those of `automl strategies` and of `RIVALS`. Seconds are CPU
seconds of everything but evaluating, divided by the number of evaluations.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

for library in ("OPENBLAS", "OMP", "MKL"):  # threads of small matrices only wait for each other
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

from hpo_methods import RIVALS, run  # noqa: E402
from hpo_problems import DEVELOPED, REPORTED, Meter, Problem  # noqa: E402
from hpo_table import table  # noqa: E402

OURS = "auto,random,kde,evolution,local,gp,smac,hyperband,asha,bohb,gp+hyperband,smac+hyperband"


def numbers(text: str) -> list[int]:
    """``0-3,7`` as whole numbers."""
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def problems(folder: Path, groups: dict[str, str], only: str) -> list[Problem]:
    return [
        Problem(folder, scenario, instance)
        for scenario, instances in groups.items()
        for instance in instances.split()
        if not only or scenario == only or instance in only.split(",")
    ]


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def one(problem: Problem, seed: int, method: str, budget: float) -> dict:
    """Run one search and describe it."""
    meter = Meter(problem, budget)
    cpu, wall = time.process_time(), time.perf_counter()
    run(method, problem, seed, meter)
    suggesting = time.process_time() - cpu - meter.own_seconds
    return {
        "scenario": problem.scenario,
        "instance": problem.instance,
        "seed": seed,
        "method": method,
        "budget": budget,
        "course": meter.course,
        "evaluations": meter.calls,
        "suggestion_seconds": suggesting / max(meter.calls, 1),
        "wall_seconds": time.perf_counter() - wall,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of the surrogates")
    parser.add_argument("--methods", default=f"{OURS},{','.join(RIVALS)}")
    parser.add_argument("--seeds", default="0-4")
    parser.add_argument("--budget", type=float, default=50.0, help="full trainings that each search may spend")
    parser.add_argument("--only", default="", help="a scenario, or instances, comma-separated")
    parser.add_argument("--develop", action="store_true", help="other problems than those that are reported")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop starting searches after so long")
    parser.add_argument("--out", type=Path, default=Path("hpo.jsonl"))
    parser.add_argument("--table", action="store_true", help="print the table and stop")
    parser.add_argument("--at", default="20,50,200", help="budgets of the table")
    chosen = parser.parse_args()
    started, methods = time.monotonic(), chosen.methods.split(",")
    if not chosen.table:
        key = ("scenario", "instance", "seed", "method", "budget")
        done = {tuple(row[name] for name in key) for row in read(chosen.out) if "seed" in row}
        known = {(row["scenario"], row["instance"]) for row in read(chosen.out) if "best" in row}
        every = problems(chosen.data, DEVELOPED if chosen.develop else REPORTED, chosen.only)
        with chosen.out.open("a") as file:
            for problem in every:
                if (problem.scenario, problem.instance) not in known:
                    best, median = problem.best_known()
                    row = {"scenario": problem.scenario, "instance": problem.instance, "best": best, "median": median}
                    file.write(json.dumps(row) + "\n")
                    file.flush()
            for seed in numbers(chosen.seeds):
                for problem in every:
                    for method in methods:
                        name = (problem.scenario, problem.instance, seed, method, chosen.budget)
                        if name not in done and time.monotonic() - started < 60 * chosen.minutes:
                            file.write(json.dumps(one(problem, seed, method, chosen.budget)) + "\n")
                            file.flush()
    for budget in map(float, chosen.at.split(",")):
        print(table(read(chosen.out), methods, budget))


if __name__ == "__main__":
    main()
