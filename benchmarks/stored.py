"""What stored top performers add: `automl fit` with other options on the same rows, at the same moment.

    python benchmarks/stored.py --data FOLDER --time 60 --seeds 1,2 --only satimage,vehicle --out stored.jsonl

For each data set (a folder of train.csv, test.csv, meta.json as the exporter writes it) and seed, one run for each
variant goes on at the same time with one core each, so that whatever else the machine does hits all alike. Errors are
1-AUC, log loss or RMSE on the test rows. Results are appended to a file of JSON lines and read back from it, so that a
second call goes on where the first one stopped. `{task}` in the options of a variant becomes the problem type:

    --variant none=--no-baselines --variant file="--baselines baselines/table-{task}-2026-11-24.json" --variant plain=
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from tabular import METRICS, run_engine

VARIANTS = {"without": "--no-baselines", "with": ""}


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
            spread = statistics.stdev(means) / math.sqrt(len(means)) if len(means) > 1 else math.nan
            wins = sum(mean < 0 for mean in means)
            lines.append(
                f"{name}: error changes by {100 * statistics.mean(means):+.2f} % (+- {196 * spread:.2f}) on the mean of "
                f"{len(means)} data sets, {100 * statistics.median(means):+.2f} % on the median; better on {wins}"
            )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", default="", help="only these data sets, comma-separated")
    parser.add_argument("--time", type=float, default=60.0, help="budget in seconds")
    parser.add_argument("--seeds", default="1")
    parser.add_argument("--cores", type=int, default=1, help="cores of each variant")
    parser.add_argument(
        "--variant", action="append", default=[], metavar="NAME=OPTIONS", help="instead of with and without"
    )
    parser.add_argument("--out", type=Path, default=Path("stored.jsonl"))
    chosen = parser.parse_args()
    variants = dict(each.split("=", 1) for each in chosen.variant) or VARIANTS
    rows = [json.loads(line) for line in chosen.out.read_text().splitlines()] if chosen.out.exists() else []
    done = {(row["data"], row["seed"], row["seconds"]) for row in rows}
    only = set(filter(None, chosen.only.split(",")))
    for seed in map(int, chosen.seeds.split(",")):
        for path in sorted(chosen.data.iterdir()):
            ready = (path / "train.csv").is_file() and (not only or path.name in only)
            if not ready or (path.name, seed, chosen.time) in done:
                continue
            meta = json.loads((path / "meta.json").read_text())
            row = {"data": path.name, "metric": METRICS[meta["task"]], "seed": seed, "seconds": chosen.time}
            row |= {"cores": chosen.cores, "date": datetime.now(UTC).isoformat(timespec="seconds")}
            with ThreadPoolExecutor(len(variants)) as pool:
                started = {
                    name: pool.submit(
                        run_engine,
                        path,
                        meta,
                        chosen.time,
                        seed,
                        chosen.cores,
                        options.format(task=meta["task"]).split(),
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
    print(table([row for row in rows if row["seconds"] == chosen.time], list(variants)))


if __name__ == "__main__":
    main()
