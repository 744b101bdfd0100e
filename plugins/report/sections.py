"""The sections, each from the record of a run that may go on or may have been killed: anything may be missing."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from automl_plugins.report.html import figure, listed, steps, table

from automl import open_run

if TYPE_CHECKING:
    from pathlib import Path

STATUS = {
    "running": "The run goes on; this page is a look at it.",
    "interrupted": "The run was interrupted; `automl resume` goes on with it, `automl finish` makes its predictor.",
    "done": "The run has ended.",
}


def summary(run_folder: Path) -> str:
    """What was asked, found and decided, and what came of it."""
    with open_run(run_folder) as reader:
        meta, status, rows = reader.meta, reader.status(), reader.leaderboard()
        seconds, events = meta.get("seconds") or reader.seconds(), reader.events()
    lines = [STATUS.get(status, f"The run has ended: {status}."), *_task(meta.get("task") or {})]
    if meta.get("score") is not None:
        lines.append(f"The predictor's {meta.get('metric')} is {figure(meta['score'])}, on rows it was not fitted on.")
    if meta.get("only_baseline"):
        lines.append("Nothing but a constant prediction could be fitted.")
    done = sum(row["status"] == "done" for row in rows)
    failed = sum(row["status"] == "failed" for row in rows)
    lines.append(f"{done:,} trials were done and {failed:,} failed in {seconds:.1f} s.")
    asked = [
        f"{name} = {value}"
        for name, value in (meta.get("settings") or {}).items()
        if value not in (None, [], {}, False)
    ]
    found = [f"{finding.get('level')}: {finding.get('message')}" for finding in meta.get("findings") or []]
    told = [f"{event['level']}: {event['message']}" for event in events]
    text = "\n".join(f"<p>{escape(line)}</p>" for line in lines)
    parts = (
        listed("Decisions and validation", dict.fromkeys(meta.get("reasons") or [])),
        listed("Found in the data", found),
        listed("What happened", told),
        listed("Asked", asked),
    )
    return "\n".join(["<h2>Summary</h2>", text, *parts])


def _task(task: dict[str, Any]) -> list[str]:
    if not task:
        return ["The run has not got as far as to read its data."]
    size = f"{task.get('rows', 0):,} rows and {task.get('features', 0):,} columns"
    if task.get("modality") == "images":
        size = f"{task.get('rows', 0):,} images"
    kind = {"regression": "a number"}.get(
        str(task.get("problem_type")), f"one of {len(task.get('classes') or ())} classes"
    )
    return [f"From {size}, {task.get('target')!r} is predicted, {kind}, and judged by {task.get('metric')}."]


def members(run_folder: Path) -> str:
    """Members and weights."""
    with open_run(run_folder) as reader:
        rows = [row for row in reader.leaderboard() if row["weight"]]
        metric = str(reader.meta.get("metric"))
    if not rows:
        return ""
    rows.sort(key=lambda row: -row["weight"])
    body = [
        (row["weight"], row["trial"], row["model"], row["score"], row["origin"],
         ", ".join(f"{name}={value}" for name, value in row["config"].items()))
        for row in rows
    ]  # fmt: skip
    return "<h2>Members of the predictor</h2>\n" + table(
        ("weight", "trial", "model", metric, "origin", "configuration"), body
    )


def progress(run_folder: Path) -> str:
    """The best score of trials at the whole budget, over time."""
    with open_run(run_folder) as reader:
        trials, moments, end = reader.trials(), reader.moments(), reader.seconds()
        metric = str(reader.meta.get("metric"))
    finished = [
        (moments[trial.id][1], trial.loss, trial.score)
        for trial in trials
        if trial.is_full and trial.status == "done" and trial.loss is not None and trial.id in moments
    ]
    best, points = float("inf"), []
    for seconds, loss, score in sorted(one for one in finished if one[0] is not None):
        if loss < best and score is not None:
            best = loss
            points.append((seconds, score))
    drawn = steps(points, end, f"Best {metric} of a trial over time")
    return f"<h2>Best {escape(metric)} of a trial over time</h2>\n{drawn}" if drawn else ""


def leaderboard(run_folder: Path) -> str:
    """All trials, best first."""
    with open_run(run_folder) as reader:
        rows, seconds, metric = reader.leaderboard(), reader.stage_seconds(), str(reader.meta.get("metric"))
    if not rows:
        return ""
    head = (
        "rank",
        "model",
        metric,
        "weight",
        "fit seconds",
        "predict seconds",
        "budget",
        "folds",
        "trial",
        "origin",
        "status",
    )
    body = [
        (row["rank"], row["model"], row["score"], row["weight"] or None, *seconds.get(row["trial"], (None, None)),
         row["budget"], row["folds"], row["trial"], row["origin"], row["status"])
        for row in rows
    ]  # fmt: skip
    return "<h2>Leaderboard</h2>\n" + table(head, body)


def rungs(run_folder: Path) -> str:
    """What each budget cost, where there were partial ones."""
    with open_run(run_folder) as reader:
        rows = reader.rungs()
    if all(row["budget"] == 1.0 for row in rows):
        return ""
    head = ("model", "budget", "trials", "seconds each", "best loss", "ranks as the next budget", "pairs")
    body = [
        (
            row["model"],
            row["budget"],
            row["trials"],
            row["seconds"],
            row["best_loss"],
            row["rank_correlation"],
            row["pairs"],
        )
        for row in rows
    ]
    return "<h2>Budgets</h2>\n" + table(head, body)


def failures(run_folder: Path) -> str:
    """Trials that failed, with kind and message."""
    with open_run(run_folder) as reader:
        rows = [row for row in reader.leaderboard() if row["status"] == "failed"]
    if not rows:
        return ""
    body = [(row["trial"], row["model"], row["origin"], row["kind"], row["message"]) for row in rows]
    return "<h2>Failures</h2>\n" + table(("trial", "model", "origin", "kind", "message"), body)
