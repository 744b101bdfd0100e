"""What the workers of a run do with their time: fitting models, or something else.

    python benchmarks/worker_time.py [--rows 20000] [--time 60] [--jobs 2] [--classes 2] [--out worker_time.json]
    python benchmarks/worker_time.py --data FOLDER/satimage --time 60
    python benchmarks/worker_time.py --run RUN           # a run that is there already

One `automl fit` on a made-up table (numbers, and categories of few and many levels), or on the data set of a folder with
train.csv and meta.json, and what the record of its jobs says: seconds of all workers in `fit`, in preparing rows, in
predicting the rows that judge, in the rest of jobs (saving, timing, sending), and outside of jobs (start, reading, waiting,
ensembling, writing the predictor). Other work on the machine changes the seconds, but hardly the shares inside of jobs. Exit
code 1 when less than 85 % of the time of all workers went into fitting.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import numpy as np

FITTING_BAR = 0.85
PARTS = ("fit", "prepare", "predict", "rest of jobs", "outside of jobs")


def make_table(rows: int, classes: int, path: Path) -> None:
    """Ten numbers, categories of 3, 30 and 300 levels, and a target that depends on some of each; 0 classes: a number."""
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(rows, 10))
    codes = [rng.integers(0, levels, rows) for levels in (3, 30, 300)]
    effects = [rng.normal(size=levels)[code] for levels, code in zip((3, 30, 300), codes, strict=True)]
    signal = numbers[:, 0] * numbers[:, 1] + np.sin(2 * numbers[:, 2]) + sum(effects) + rng.normal(size=rows)
    cuts = np.quantile(signal, np.linspace(0, 1, classes + 1)[1:-1]) if classes else []
    target = [f"{value:.4f}" for value in signal] if not classes else [f"c{at}" for at in np.searchsorted(cuts, signal)]
    names = [f"x{place}" for place in range(10)] + ["few", "some", "many", "y"]
    with path.open("w") as file:
        file.write(",".join(names) + "\n")
        for place in range(rows):
            row = [f"{value:.4f}" for value in numbers[place]] + [f"l{code[place]}" for code in codes]
            file.write(",".join([*row, target[place]]) + "\n")


def shares(run: Path) -> dict[str, dict[str, float]]:
    """Seconds of each part by model, and of ``all``, from the record of a run."""
    with closing(sqlite3.connect(run / "run.db")) as db:
        facts = {key: json.loads(value) for key, value in db.execute("SELECT key, value FROM meta")}
        jobs = db.execute(
            "SELECT model, SUM(fit_seconds), SUM(prepare_seconds), SUM(predict_seconds), SUM(jobs.seconds) FROM jobs "
            "JOIN trials ON trials.id = trial WHERE jobs.kind != 'kept' GROUP BY model"
        ).fetchall()
    found: dict[str, dict[str, float]] = {}
    for model, *seconds in jobs:
        fit, prepare, predict, total = (float(value or 0.0) for value in seconds)
        found[model] = dict(zip(PARTS, (fit, prepare, predict, total - fit - prepare - predict, 0.0), strict=True))
    total = {part: sum(row[part] for row in found.values()) for part in PARTS}
    total["outside of jobs"] = facts["workers"] * facts["seconds"] - sum(total.values())
    return {**found, "all": total}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--classes", type=int, default=2, help="0: a number is the target")
    parser.add_argument("--time", type=float, default=60.0, help="budget in seconds")
    parser.add_argument("--jobs", type=int, help="most cores")
    parser.add_argument("--data", type=Path, help="folder of one data set instead")
    parser.add_argument("--run", type=Path, help="a run folder, instead of a new run")
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="automl-worker-time-") as work:
        run = chosen.run or Path(work) / "run"
        if chosen.run is None:
            train, target = Path(work) / "train.csv", "y"
            if chosen.data is None:
                make_table(chosen.rows, chosen.classes, train)
            else:
                train, target = chosen.data / "train.csv", json.loads((chosen.data / "meta.json").read_text())["target"]
            command = [
                sys.executable,
                "-m",
                "automl.cli.main",
                "fit",
                str(train),
                "--target",
                target,
                "--out",
                str(run),
            ]
            command += ["--time", f"{chosen.time:g}s", *([] if chosen.jobs is None else ["--jobs", str(chosen.jobs)])]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        found = shares(run)
    whole = sum(found["all"].values())
    print(f"{'model':24}" + "".join(f"{part:>17}" for part in PARTS) + "   seconds of workers")
    for model, row in found.items():
        print(f"{model:24}" + "".join(f"{row[part]:17.2f}" for part in PARTS))
    print(f"{'share':24}" + "".join(f"{100 * found['all'][part] / whole:16.1f}%" for part in PARTS))
    if chosen.out is not None:
        chosen.out.write_text(json.dumps(found, indent=1) + "\n")
    good = found["all"]["fit"] >= FITTING_BAR * whole
    print("the bar is met" if good else f"the bar of {100 * FITTING_BAR:.0f} % in fitting is missed")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
