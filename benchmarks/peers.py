"""This engine and others, one after another on the same rows and cores, with the same seconds.

    PEERS_HOME=DIR python benchmarks/peers.py --bench ../shared/bench --data FOLDER --time 60 --seeds 1 \
        --peers autogluon-medium,autogluon-best,mljar,lgbm-default --results benchmarks/results/peers.jsonl
    python benchmarks/peers.py --bench ../shared/bench --results benchmarks/results/peers.jsonl --table

FOLDER holds data sets as the exporter of `--bench` writes them (train.csv, test.csv, meta.json); PEERS_HOME holds an
environment for each peer (``install_peers.sh``). The order of the runs is shuffled within each data set. A run is one line of
the results file, with versions, machine, date and how busy others kept the machine; what is there already is not run
again, so that a second call goes on where the first one stopped. Ours is timed as the whole command, from the shell
to its end; the others are timed from the moment their packages are imported and the table is in memory.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import random
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tabular import METRICS, run_engine

OURS = "automl"
SPEED = """
import json, sys, time, pandas as pd, automl
predictor, frame = automl.load(sys.argv[1]), pd.read_csv(sys.argv[2])
predict = predictor.predict_proba if predictor.classes else predictor.predict
times = []
for _ in range(3):
    started = time.perf_counter()
    predict(frame)
    times.append(time.perf_counter() - started)
print(json.dumps({"first": times[0], "best": min(times), "rows": len(frame)}))
"""


def run_ours(folder: Path, meta: dict, seconds: float, seed: int, cores: int, options: list[str]) -> dict:
    """One run of this engine, described as the peers' runs are."""
    import peers  # from --bench

    work = Path(tempfile.mkdtemp(prefix="automl-peers-"))
    monitor = peers.Monitor()
    load = os.getloadavg()[0]
    told = run_engine(folder, meta, seconds, seed, cores, options, run=work / "run")
    watched = monitor.stop()
    if told["status"] != "ok":
        return {**told, **watched}
    done = subprocess.run(
        [sys.executable, "-c", SPEED, str(work / "run"), str(folder / "test.csv")],
        capture_output=True,
        text=True,
        check=True,
    )
    speed = json.loads(done.stdout)
    shutil.rmtree(work)
    metric = METRICS[meta["task"]]
    return {
        "status": "ok",
        "metric": metric,
        "greater_is_better": metric == "roc_auc",
        "score": 1.0 - told["error"] if metric == "roc_auc" else told["error"],
        "fit_s": told["wall_seconds"],
        "fit_over_budget": round(told["wall_seconds"] / seconds, 3),
        "predict_rows_per_s_warm": round(speed["rows"] / speed["best"], 1),
        "model_size_mb": round(told["predictor_bytes"] / 1e6, 3),
        "trials": told["trials"],
        "loadavg_before_fit": round(load, 2),
        "validation_score": told["validation_score"],
        "members": told["members"],
        **watched,
    }


def machine() -> dict[str, Any]:
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def duels(rows: list[dict], budget: float) -> str:
    """Wins of this engine against each peer over data sets and seeds, with a two-sided sign test."""
    by: dict[tuple, dict[str, dict]] = {}
    for row in rows:
        if row["budget_s"] in (0.0, budget):
            key = (row["dataset"], row["seed"])
            by.setdefault(key, {})[row["peer"]] = row
    lines = [
        f"{'peer':20} {'runs':>5} {'wins':>5} {'losses':>6} {'rate':>6} {'p':>7} {'median error cut %':>19} {'not back or failed':>19}"
    ]
    names = sorted({row["peer"] for row in rows if row["budget_s"] in (0.0, budget)} - {OURS})
    for name in names:
        wins = losses = ties = failed = 0
        cuts = []
        for runs in by.values():
            if OURS not in runs or name not in runs:
                continue
            ours, theirs = runs[OURS], runs[name]
            if theirs.get("status") != "ok":
                failed += 1
                wins += ours.get("status") == "ok"
                continue
            if ours.get("status") != "ok":
                losses += 1
                continue
            first, second = (_error(row) for row in (ours, theirs))
            wins, losses, ties = wins + (first < second), losses + (first > second), ties + (first == second)
            cuts.append(100.0 * (second - first) / second if second else 0.0)
        count = wins + losses + ties
        if not count:
            continue
        cuts.sort()
        middle = cuts[len(cuts) // 2] if cuts else math.nan
        lines.append(
            f"{name:20} {count:>5} {wins:>5} {losses:>6} {wins / count:>6.0%} {sign_test(wins, losses):>7.3f} "
            f"{middle:>19.1f} {failed:>19}"
        )
    return "\n".join(lines)


def _error(row: dict) -> float:
    return 1.0 - row["score"] if row["greater_is_better"] else row["score"]


def sign_test(wins: int, losses: int) -> float:
    """Two-sided probability of a split at least as uneven when both sides are equally good."""
    count, least = wins + losses, min(wins, losses)
    return min(1.0, 2.0 * sum(math.comb(count, k) for k in range(least + 1)) / 2.0**count) if count else 1.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", type=Path, required=True, help="folder with peers.py and run_peers.py")
    parser.add_argument("--data", type=Path, help="folder of exported data sets")
    parser.add_argument("--only", default="", help="only these data sets, comma-separated")
    parser.add_argument("--peers", default="lgbm-default", help="comma-separated, as `peers.py list` names them")
    parser.add_argument("--time", type=float, default=60.0, help="budget in seconds")
    parser.add_argument("--seeds", default="1")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--results", type=Path, default=Path("peers.jsonl"))
    parser.add_argument("--peers-home", type=Path, default=os.environ.get("PEERS_HOME"))
    parser.add_argument("--fit-options", default="", help="more options for automl fit, in one string")
    parser.add_argument("--max-minutes", type=float, default=math.inf, help="start no run after so many minutes")
    parser.add_argument("--table", action="store_true", help="only print the tables")
    chosen = parser.parse_args()
    sys.path.insert(0, str(chosen.bench.resolve()))
    import run_peers

    done = run_peers.read_results(str(chosen.results))
    if not chosen.table:
        if chosen.data is None or chosen.peers_home is None:
            parser.error("give --data and --peers-home (or PEERS_HOME), or --table")
        _run_all(chosen, run_peers, done)
    rows = list(done.values())
    print(run_peers.tables(rows, chosen.time))
    print(duels(rows, chosen.time))


def _run_all(chosen: argparse.Namespace, run_peers: Any, done: dict) -> None:
    begin = time.monotonic()
    logs = Path(tempfile.mkdtemp(prefix="automl-peers-logs-"))
    only = set(filter(None, chosen.only.split(",")))
    for seed in map(int, chosen.seeds.split(",")):
        for name, meta in run_peers.datasets(str(chosen.data), only).items():
            names = [OURS, *filter(None, chosen.peers.split(","))]
            random.Random(f"{name} {seed}").shuffle(names)
            for peer in names:
                timed = peer == OURS or run_peers.PEERS[peer][0].uses_budget
                row = {"dataset": name, "peer": peer, "budget_s": chosen.time if timed else 0.0, "seed": seed}
                row |= {"cores": chosen.cores, "task": meta["task"], **machine()}
                if run_peers.key(row) in done or time.monotonic() - begin > 60 * chosen.max_minutes:
                    continue
                folder = chosen.data / name
                if peer == OURS:
                    told = run_ours(folder, meta, chosen.time, seed, chosen.cores, chosen.fit_options.split())
                else:
                    python = chosen.peers_home / run_peers.PEERS[peer][2] / "bin" / "python"
                    told = run_peers.run_one(
                        str(python), peer, str(folder), meta, row["budget_s"], seed, chosen.cores, str(logs), f"{name}.{peer}"
                    )  # fmt: skip
                row |= {key: value for key, value in told.items() if key not in ("budget_s", "traceback")}
                with chosen.results.open("a") as file:
                    file.write(json.dumps(row, default=str) + "\n")
                done[run_peers.key(row)] = row
                print(
                    f"{name} {peer} {row['budget_s']:g} s seed {seed}: {row['status']} {row.get('score')} "
                    f"fit {row.get('fit_s')} s, others {row.get('others_cores')} cores",
                    flush=True,
                )


if __name__ == "__main__":
    main()
