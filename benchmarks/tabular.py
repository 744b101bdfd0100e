"""`automl fit` under a budget against single default models, on held-out rows of real tables.

    python benchmarks/tabular.py --bench ../shared/bench --names core_open --time 60s --out results.json
    python benchmarks/tabular.py --data FOLDER          # folders of train.csv, test.csv, meta.json

Each data set is split once (the exporter's seed). For every one this runs, one after another and never at the same
time, `automl fit` with two cores, then `lgbm-default` and `rf-default`, and judges all three with the same function
on the test rows. Errors are 1-AUC, log loss or RMSE, as `meta.json` names the metric. Finished runs are read back
from the result file, so that a second call goes on where the first one stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

PEERS = ("lgbm-default", "rf-default")
METRICS = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}


def error_of(meta: dict, truth: list[str], predictions: Path) -> float:
    """1-AUC, log loss or RMSE of a prediction file written by ``automl predict --proba``."""
    import pandas as pd
    from sklearn.metrics import log_loss, roc_auc_score

    frame = pd.read_csv(predictions, dtype=str, keep_default_na=False)
    if meta["task"] == "regression":
        wanted = np.array([float(value) for value in truth])
        given = frame[meta["target"]].astype(float).to_numpy()
        return float(np.sqrt(np.mean((wanted - given) ** 2)))
    classes = [name for name in frame.columns if name != meta["target"]]
    shares = frame[classes].astype(float).to_numpy()
    # Readers differ on whether blanks around a label belong to it; no table here has two labels that differ in them.
    names = [name.removeprefix("proba_").strip() for name in classes]
    truth = [value.strip() for value in truth]
    if meta["task"] == "binary":
        positive = str(meta.get("positive") or names[-1]).strip()
        wanted = np.array([value == positive for value in truth])
        return 1.0 - float(roc_auc_score(wanted, shares[:, names.index(positive)]))
    order = np.argsort(names)
    clipped = np.clip(shares[:, order], 1e-15, 1.0)
    clipped /= clipped.sum(axis=1, keepdims=True)
    return float(log_loss(truth, clipped, labels=[names[place] for place in order]))


def read_truth(folder: Path, target: str) -> list[str]:
    import pandas as pd

    return pd.read_csv(folder / "test.csv", usecols=[target], dtype=str, keep_default_na=False)[target].tolist()


def run_engine(
    folder: Path,
    meta: dict,
    seconds: float | None,
    seed: int,
    cores: int,
    extra: list[str],
    *,
    run: Path | None = None,
    program: list[str] | None = None,
) -> dict:
    """One `automl fit` and its error on the test rows; the run's folder stays when `run` names it. `seconds` None: `extra`
    gives trials. `program`: what takes the place of the command line.
    """
    work = Path(tempfile.mkdtemp(prefix="automl-bench-"))
    run, predictions = run or work / "run", work / "predictions.csv"
    automl = [sys.executable, "-m", "automl.cli.main"]
    command = [*(program or automl), "fit", str(folder / "train.csv"), "--target", meta["target"]]
    command += [] if seconds is None else ["--time", f"{seconds:g}s"]
    command += [
        "--out",
        str(run),
        "--seed",
        str(seed),
        "--jobs",
        str(cores),
        "--metric",
        METRICS[meta["task"]],
        "--json",
    ]
    if meta["task"] == "regression":
        command += ["--task", "regression"]
    else:
        command += ["--task", "classification"]
    started = time.monotonic()
    done = subprocess.run([*command, *extra], capture_output=True, text=True, check=False)
    wall = time.monotonic() - started
    result: dict = {"wall_seconds": round(wall, 2), "exit_code": done.returncode}
    if done.returncode not in (0, 3):
        return {**result, "status": "error", "message": (done.stderr or done.stdout)[-2000:]}
    fitted = json.loads(done.stdout)
    again = time.monotonic()
    predict = [*automl, "predict", str(run), str(folder / "test.csv"), "--out", str(predictions), "--json"]
    if meta["task"] != "regression":
        predict.append("--proba")
    told = subprocess.run(predict, capture_output=True, text=True, check=False)
    if told.returncode:
        return {**result, "status": "error", "message": (told.stderr or told.stdout)[-2000:]}
    result |= {
        "status": "ok",
        "error": error_of(meta, read_truth(folder, meta["target"]), predictions),
        "predict_seconds": round(time.monotonic() - again, 2),
        "validation_score": fitted.get("score"),
        "trials": fitted.get("trials"),
        "failed_trials": fitted.get("failed"),
        "members": [[row["model"], round(row["weight"], 3)] for row in fitted.get("leaderboard", []) if row["weight"]],
        "inside_budget": seconds is None or wall <= seconds * 1.02 + 3.0,
        "predictor_bytes": sum(path.stat().st_size for path in (run / "predictor").rglob("*") if path.is_file()),
    }
    shutil.rmtree(work)
    return result


def run_peer(bench: Path, peer: str, folder: Path, meta: dict, seed: int, cores: int) -> dict:
    out = Path(tempfile.mkstemp(suffix=".json")[1])
    command = [sys.executable, str(bench / "peers.py"), peer, "--train", str(folder / "train.csv")]
    command += ["--test", str(folder / "test.csv"), "--target", meta["target"], "--task", meta["task"]]
    command += ["--budget", "0", "--cores", str(cores), "--seed", str(seed), "--out", str(out)]
    if meta.get("categorical"):
        command += ["--categorical", ",".join(map(str, meta["categorical"]))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    told = json.loads(out.read_text() or "{}")
    out.unlink()
    if told.get("status") != "ok":
        return {"status": "error", "message": str(told.get("error") or done.stderr)[-2000:]}
    score = told["score"]
    return {
        "status": "ok",
        "error": 1.0 - score if told["metric"] == "roc_auc" else score,
        "wall_seconds": told["fit_s"],
    }


def export(bench: Path, names: str, folder: Path, seed: int) -> None:
    subprocess.run(
        [sys.executable, str(bench / "datasets.py"), "export", names, str(folder), "--seed", str(seed)], check=True
    )


def table(results: dict) -> str:
    head = f"| {'data set':22} | {'metric':8} | {'automl':>9} | {'lgbm':>9} | {'forest':>9} | {'cut %':>6} | {'wall s':>6} | trials |"
    lines = [head, "|" + "|".join("-" * len(part) for part in head.split("|")[1:-1]) + "|"]
    cuts, wins = [], 0
    for name, row in sorted(results.items()):
        ours, rivals = row["automl"], [row.get(peer, {}) for peer in PEERS]
        values = [one.get("error") for one in (ours, *rivals)]
        cut = None if None in values[:2] else 100.0 * (values[1] - values[0]) / values[1]
        if cut is not None:
            cuts.append(cut)
            wins += cut > 0
        shown = [f"{value:9.5g}" if value is not None else f"{'-':>9}" for value in values]
        cut_shown = "-" if cut is None else f"{cut:.1f}"
        wall = ours.get("wall_seconds", float("nan"))
        lines.append(
            f"| {name:22} | {row['metric']:8} | {' | '.join(shown)} | {cut_shown:>6} | {wall:6.1f} | {ours.get('trials', '-'):>6} |"
        )
    if cuts:
        late = [name for name, row in results.items() if not row["automl"].get("inside_budget")]
        lines.append(
            f"\nbetter than lgbm-default on {wins} of {len(cuts)}; median error cut {statistics.median(cuts):.1f} %; "
            f"outside the budget or failed: {', '.join(late) or 'none'}"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of exported data sets")
    parser.add_argument("--bench", type=Path, help="folder with datasets.py and peers.py")
    parser.add_argument("--names", default="core_open", help="what datasets.py should export")
    parser.add_argument("--only", default="", help="only these data sets, comma-separated")
    parser.add_argument("--time", type=float, default=60.0, help="budget in seconds")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("tabular.json"))
    parser.add_argument("--fit-options", default="", help="more options for automl fit, in one string")
    chosen = parser.parse_args()
    folder = chosen.data
    if folder is None:
        if chosen.bench is None:
            parser.error("give --data or --bench")
        folder = Path(tempfile.mkdtemp(prefix="automl-data-"))
        export(chosen.bench, chosen.names, folder, chosen.seed)
    results = json.loads(chosen.out.read_text())["results"] if chosen.out.exists() else {}
    only = set(filter(None, chosen.only.split(",")))
    for path in sorted(folder.iterdir()):
        if not (path / "train.csv").is_file() or (only and path.name not in only):
            continue
        meta = json.loads((path / "meta.json").read_text())
        row = results.setdefault(path.name, {"metric": METRICS[meta["task"]]})
        if row.get("automl", {}).get("status") != "ok":
            extra = chosen.fit_options.split()
            row["automl"] = run_engine(path, meta, chosen.time, chosen.seed, chosen.cores, extra)
        for peer in PEERS if chosen.bench else ():
            if row.get(peer, {}).get("status") != "ok":
                row[peer] = run_peer(chosen.bench, peer, path, meta, chosen.seed, chosen.cores)
        record = {
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": chosen.time,
            "seed": chosen.seed,
            "cores": chosen.cores,
            "python": platform.python_version(),
            "load": os.getloadavg(),
            "results": results,
        }
        chosen.out.write_text(json.dumps(record, indent=1))
        print(path.name, json.dumps(row["automl"])[:300], flush=True)
    print(table(results))


if __name__ == "__main__":
    main()
