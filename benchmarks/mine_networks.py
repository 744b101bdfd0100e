"""Which configurations of a network did well on real tables, and which of them add most to each other.

    python benchmarks/mine_networks.py --data FOLDER --tables concrete,vehicle --count 32 --out WORK
    python benchmarks/mine_networks.py --out WORK --table

FOLDER holds data sets as the exporter of ``../shared/bench`` writes them (train.csv, meta.json). Each configuration is drawn by
`draw`, a few decades around what is published for plain networks, and is the same on all tables; ``automl fit`` judges each out of
fold on at most `--rows` rows, with the model's default beside them. Test rows are never read. Runs that are there are kept. The
table prints, for each configuration, by how much its error is above the least of its table, on the mean over tables, what it
costs relative to the default, and the greedy order: each adds most to the best of those before it. So was
``baselines/table-mlp-2026-11-27.json`` found, whose configurations come from two such calls.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import random
import statistics
import subprocess
import sys
from pathlib import Path

MOST_PERCENT = 50.0
"""An error that is further above the least counts as this: one table must not decide alone."""
PICKED = 6
FOLDS = 3


def draw(rng: random.Random) -> dict[str, object]:
    """One configuration of `mlp`."""

    def log(low: float, high: float) -> float:
        return float(f"{math.exp(rng.uniform(math.log(low), math.log(high))):.3g}")

    config: dict[str, object] = {
        "activation": rng.choice(["relu", "silu", "selu"]),
        "category_dimensions": rng.choice([4, 8, 16]),
        "dropout": rng.choice([0.0, 0.1, 0.2, 0.3, 0.4]),
        "embedding": rng.choice(["piecewise", "piecewise", "periodic", "plain"]),
        "layers": rng.choice([1, 1, 2, 2, 3]),
        "learning_rate": log(1e-3, 3e-2),
        "norm": rng.choice(["none", "none", "batch", "layer"]),
        "residual": rng.choice([False, False, True]),
        "scaling": rng.choice(["robust", "quantile"]),
        "schedule": rng.choice(["flat", "cosine", "one_cycle"]),
        "weight_decay": log(1e-4, 0.1),
        "width": round(log(64, 384)),
    }
    if config["embedding"] != "plain":
        config["dimensions"] = rng.choice([4, 8, 16])
    if config["embedding"] == "piecewise":
        config["bins"] = round(log(6, 48))
    if config["embedding"] == "periodic":
        config["sigma"] = log(0.05, 2.0)
    return config


def mine(folder: Path, work: Path, configs: list[dict], most_rows: int) -> None:
    """Judge all configurations on one table."""
    work.mkdir(parents=True)
    meta = json.loads((folder / "meta.json").read_text())
    with (folder / "train.csv").open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    random.Random(1).shuffle(rows)
    with (work / "train.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows[:most_rows]])
    portfolio = {"schema": "automl-portfolio/1", "date": "2026-01-01"}
    portfolio["candidates"] = [{"model": "mlp", "config": config} for config in configs]
    (work / "drawn.json").write_text(json.dumps(portfolio))
    command = [sys.executable, "-m", "automl.cli.main", "fit", str(work / "train.csv"), "--target", meta["target"]]
    command += ["--task", meta["task"], "--models", "mlp", "--baselines", str(work / "drawn.json"), "--jobs", "1"]
    command += [
        "--trials",
        str(len(configs) + 1),
        "--folds",
        str(FOLDS),
        "--no-stacking",
        "--no-early-discard",
        "--seed",
        "7",
    ]
    with (work / "log").open("w") as log:
        subprocess.run([*command, "--out", str(work / "run")], stdout=log, stderr=log, check=True)


def read(work: Path) -> tuple[dict[str, float], dict[str, float]]:
    """Error above the least in percent, and seconds relative to the default, by configuration."""
    done = subprocess.run(
        [sys.executable, "-m", "automl.cli.main", "leaderboard", str(work / "run"), "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [row for row in json.loads(done.stdout)["leaderboard"] if row["status"] == "done"]
    rows = [row for row in rows if row["origin"] == "default" or row["origin"].startswith("baseline:")]
    least = min(row["loss"] for row in rows)
    usual = next(row["seconds"] for row in rows if row["origin"] == "default")
    above = {row["origin"]: min(100.0 * (row["loss"] / least - 1.0), MOST_PERCENT) for row in rows}
    return above, {row["origin"]: row["seconds"] / usual for row in rows}


def table(work: Path) -> str:
    """All configurations, best first, and the greedy order."""
    found = [read(folder.parent) for folder in sorted(work.glob("*/run"))]
    names = set.intersection(*(set(above) for above, _ in found))
    configs = json.loads((work / "configs.json").read_text())
    mean = {name: statistics.mean(above[name] for above, _ in found) for name in names}
    cost = {name: statistics.geometric_mean(costs[name] for _, costs in found) for name in names}
    lines = [f"{'configuration':>20} {'above least %':>14} {'cost':>6}"]
    for name in sorted(names, key=mean.__getitem__):
        config = "" if name == "default" else json.dumps(configs[int(name.rsplit("#", 1)[1]) - 1])
        lines.append(f"{name:>20} {mean[name]:14.2f} {cost[name]:6.2f} {config}")
    picked: list[str] = []
    for _ in range(min(PICKED, len(names))):

        def left(name: str) -> float:
            return statistics.mean(min(above[one] for one in (*picked, name)) for above, _ in found)

        picked.append(min(sorted(names - set(picked)), key=left))
        lines.append(f"{len(picked)}. {picked[-1]}: {left(picked[-1]):.2f} % above the least of each table")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--tables", default="")
    parser.add_argument("--count", type=int, default=32)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--table", action="store_true", help="print what is there and run nothing")
    args = parser.parse_args()
    if not args.table:
        rng = random.Random(args.seed)
        configs = [draw(rng) for _ in range(args.count)]
        args.out.mkdir(parents=True, exist_ok=True)
        (args.out / "configs.json").write_text(json.dumps(configs))
        for name in args.tables.split(","):
            if not (args.out / name).exists():
                mine(args.data / name, args.out / name, configs, args.rows)
    print(table(args.out))


if __name__ == "__main__":
    main()
