"""What stored top performers add: `automl fit` with other options on the same rows, at the same moment.

    python benchmarks/stored.py --data FOLDER --time 60 --seeds 1,2,3 --out stored.jsonl
    python benchmarks/stored.py --data FOLDER --trials 24 --seeds 1,2,3 --only satimage,vehicle --out stored.jsonl

Without other variants this is default configurations plus random search, without and with the stored ones. It leaves one
data set out: stored configurations and tasks that were found on the data set at hand are not used (``left_out.py``). With
``--trials`` work is counted instead of seconds, so that it may run beside anything: half of what the defaults leave is then
the sampler's.

For each data set (a folder of train.csv, test.csv, meta.json as the exporter writes it) and seed, one run for each
variant goes on at the same time with one core each, so that whatever else the machine does hits all alike. Errors are
1-AUC, log loss or RMSE on the test rows; the interval holds the mean over data sets, of the mean over seeds, in 95 of 100
cases (Student's t on the logarithms). Results are appended to a file of JSON lines and read back from it, so that a
second call goes on where the first one stopped. `{task}` in the options of a variant becomes the problem type:

    --variant none=--no-baselines --variant file="--baselines baselines/table-{task}-2026-11-24.json" --variant plain=
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from tabular import METRICS, run_engine

VARIANTS = {"without": "--strategy random --no-baselines", "with": "--strategy random"}
LEFT_OUT = str(Path(__file__).with_name("left_out.py"))


def table(rows: list[dict], names: list[str]) -> str:
    """Errors side by side, and the mean cut of the error by each variant against the first."""
    lines = [f"{'data set':20} {'seed':>4} " + " ".join(f"{name:>12}" for name in names)]
    ratios: dict[str, dict[str, list[float]]] = {name: {} for name in names[1:]}
    for row in rows:
        errors = [row[name].get("error", math.nan) for name in names]
        lines.append(f"{row['data']:20} {row['seed']:>4} " + " ".join(f"{error:12.6g}" for error in errors))
        for name, error in zip(names[1:], errors[1:], strict=True):
            if error > 0 and errors[0] > 0:
                ratios[name].setdefault(row["data"], []).append(math.log(error / errors[0]))
    for name, by_data in ratios.items():
        means = [statistics.mean(values) for values in by_data.values()]
        if means:
            low, mean, high = (100.0 * math.expm1(value) for value in interval(means))
            wins = sum(mean < 0 for mean in means)
            lines.append(
                f"{name}: error changes by {mean:+.2f} % ({low:+.2f} to {high:+.2f}) on the mean of {len(means)} data sets, "
                f"{100 * math.expm1(statistics.median(means)):+.2f} % on the median; better on {wins}"
            )
    return "\n".join(lines)


def interval(values: list[float]) -> tuple[float, float, float]:
    """Mean of a few values with the 95 % interval by Student's t around it; infinitely wide around a single one."""
    mean = statistics.mean(values)
    if len(values) < 2:
        return -math.inf, mean, math.inf
    from scipy.stats import t

    half = float(t.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / math.sqrt(len(values))
    return mean - half, mean, mean + half


def without_its_own(meta: dict) -> list[str]:
    """The command that leaves out what was found on this data set."""
    data = {
        "name": meta.get("name", ""),
        "rows": meta.get("rows_train", 0) + meta.get("rows_test", 0),
        "columns": len([name for name in meta.get("columns", ()) if name != meta["target"]]),
        "classes": len(meta.get("classes") or ()),
    }
    return [sys.executable, LEFT_OUT, json.dumps(data)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", default="", help="only these data sets, comma-separated")
    parser.add_argument("--time", type=float, help="budget in seconds (default 60)")
    parser.add_argument("--trials", type=int, help="trials of each run instead, without a clock")
    parser.add_argument("--seeds", default="1")
    parser.add_argument("--cores", type=int, default=1, help="cores of each variant")
    parser.add_argument(
        "--variant", action="append", default=[], metavar="NAME=OPTIONS", help="instead of with and without"
    )
    parser.add_argument("--out", type=Path, default=Path("stored.jsonl"))
    chosen = parser.parse_args()
    if chosen.time is not None and chosen.trials is not None:
        parser.error("give either --time or --trials")
    seconds = None if chosen.trials is not None else chosen.time or 60.0
    budget = {"seconds": seconds, "trials": chosen.trials}
    counted = [] if chosen.trials is None else ["--trials", str(chosen.trials)]
    variants = dict(each.split("=", 1) for each in chosen.variant) or VARIANTS
    rows = [json.loads(line) for line in chosen.out.read_text().splitlines()] if chosen.out.exists() else []
    rows = [row for row in rows if {"trials": None, **row}.items() >= budget.items() and variants.keys() <= row.keys()]
    done = {(row["data"], row["seed"]) for row in rows}
    only = set(filter(None, chosen.only.split(",")))
    for seed in map(int, chosen.seeds.split(",")):
        for path in sorted(chosen.data.iterdir()):
            ready = (path / "train.csv").is_file() and (not only or path.name in only)
            if not ready or (path.name, seed) in done:
                continue
            meta = json.loads((path / "meta.json").read_text())
            row = {"data": path.name, "metric": METRICS[meta["task"]], "seed": seed, **budget}
            row |= {"cores": chosen.cores, "date": datetime.now(UTC).isoformat(timespec="seconds")}
            with ThreadPoolExecutor(len(variants)) as pool:
                started = {
                    name: pool.submit(
                        run_engine,
                        path,
                        meta,
                        seconds,
                        seed,
                        chosen.cores,
                        [*options.format(task=meta["task"]).split(), *counted],
                        program=without_its_own(meta),
                    )
                    for name, options in variants.items()
                }
                row |= {name: future.result() for name, future in started.items()}
            rows.append(row)
            with chosen.out.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(
                path.name,
                seed,
                {name: row[name].get("error", row[name].get("message")) for name in variants},
                flush=True,
            )
    print(table(rows, list(variants)))


if __name__ == "__main__":
    main()
