"""Strategies on real tables from the command line: the same rows, time and seeds for each.

    python benchmarks/strategies.py --data FOLDER --only satimage,vehicle,abalone --time 120 --seeds 1,2,3 --out strategies.jsonl

`FOLDER` has a folder of train.csv, test.csv, meta.json for each data set, as for `stored.py`. One run after the other, so the
machine should be quiet: 3 tables, 4 strategies and 3 seeds of 120 s take 72 minutes. Errors are 1-AUC, log loss or RMSE on the
test rows. Results are appended to a file of JSON lines; a second call goes on where the first one stopped. `automl show RUN
--rungs` says how far small budgets could be trusted; run folders are kept with `--runs FOLDER`.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from datetime import UTC, datetime
from pathlib import Path

from tabular import METRICS, run_engine

STRATEGIES = "smac+hyperband,hyperband,smac,random,gp,gp+hyperband,auto"


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def table(rows: list[dict], strategies: list[str]) -> str:
    """Errors of each data set and strategy over the seeds, and mean ranks."""
    lines = [f"{'data set':20} " + " ".join(f"{name:>22}" for name in strategies)]
    ranks: dict[str, list[float]] = {name: [] for name in strategies}
    for data in sorted({row["data"] for row in rows}):
        cells = []
        for name in strategies:
            errors = [
                row["error"] for row in rows if row["data"] == data and row["strategy"] == name and "error" in row
            ]
            spread = statistics.stdev(errors) if len(errors) > 1 else math.nan
            cells.append(f"{statistics.mean(errors):11.5g} +- {spread:7.2g}" if errors else f"{'-':>22}")
        lines.append(f"{data:20} " + " ".join(cells))
        for seed in sorted({row["seed"] for row in rows if row["data"] == data}):
            errors = {
                row["strategy"]: row["error"]
                for row in rows
                if row["data"] == data and row["seed"] == seed and "error" in row
            }
            if set(strategies) <= set(errors):
                for name in strategies:
                    ranks[name].append(
                        sum(errors[other] < errors[name] for other in strategies)
                        + sum(errors[other] == errors[name] for other in strategies) / 2
                        + 0.5
                    )
    lines.append(
        f"{'mean rank':20} " + " ".join(f"{statistics.mean(r) if r else math.nan:22.2f}" for r in ranks.values())
    )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", default="", help="only these data sets, comma-separated")
    parser.add_argument("--strategies", default=STRATEGIES)
    parser.add_argument("--time", type=float, default=120.0, help="budget of each run in seconds")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--runs", type=Path, help="folder in which the runs' folders stay")
    parser.add_argument("--out", type=Path, default=Path("strategies.jsonl"))
    chosen = parser.parse_args()
    strategies, only = chosen.strategies.split(","), set(filter(None, chosen.only.split(",")))
    done = {(row["data"], row["seed"], row["strategy"], row["seconds"]) for row in read(chosen.out)}
    for seed in map(int, chosen.seeds.split(",")):
        for path in sorted(chosen.data.iterdir()):
            if not (path / "train.csv").is_file() or (only and path.name not in only):
                continue
            meta = json.loads((path / "meta.json").read_text())
            for name in strategies:
                if (path.name, seed, name, chosen.time) in done:
                    continue
                kept = None if chosen.runs is None else chosen.runs / f"{path.name}-{seed}-{name}"
                found = run_engine(path, meta, chosen.time, seed, chosen.cores, ["--strategy", name], run=kept)
                row = {"data": path.name, "metric": METRICS[meta["task"]], "seed": seed, "strategy": name}
                row |= {"seconds": chosen.time, "date": datetime.now(UTC).isoformat(timespec="seconds"), **found}
                with chosen.out.open("a") as file:
                    file.write(json.dumps(row) + "\n")
                print(path.name, seed, name, found.get("error", found.get("message")), flush=True)
    print(table([row for row in read(chosen.out) if row["seconds"] == chosen.time], strategies))


if __name__ == "__main__":
    main()
