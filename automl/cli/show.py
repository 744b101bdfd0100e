"""``automl leaderboard`` and ``automl show``: what is written in a run's folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from automl.cli.exits import EPILOG
from automl.cli.options import output_options

if TYPE_CHECKING:
    from pathlib import Path

    from automl.cli.output import Output
    from automl.run_reader import RunReader


@click.command("leaderboard", epilog=EPILOG)
@click.argument("run")
@click.option("--pareto", is_flag=True, help="Only what nothing else beats in score, latency and size at once.")
@output_options
def leaderboard_command(output: Output, run: str, *, pareto: bool) -> None:
    """Show all trials of RUN, best first; those that failed come last, with the reason."""
    from automl.cli.output import figure
    from automl.cli.tables import leaderboard_table, pareto_table
    from automl.pareto import pareto_front

    with open_run_of(run) as reader:
        rows, meta = reader.leaderboard(), reader.meta
    metric = str(meta.get("metric"))
    if pareto:
        rows = pareto_front(rows)
    if output.as_json:
        output.document(
            {"status": meta.get("status"), "metric": metric, "score": meta.get("score"), "leaderboard": rows}
        )
        return
    if output.quiet:
        output.result(f"{metric} {figure(meta.get('score'))}")
        return
    output.say(pareto_table(rows, metric) if pareto else leaderboard_table(rows, metric))
    if output.verbose:
        output.say()
        for row in rows:
            output.say(f"trial {row['trial']} {row['model']} {row['config']}")


@click.command("show", epilog=EPILOG)
@click.argument("run")
@click.option("--trial", type=int, metavar="N", help="One trial: its configuration and folds, and why it failed.")
@click.option("--rungs", is_flag=True, help="What each budget cost, and whether cheap ones rank as dear ones do.")
@output_options
def show_command(output: Output, run: str, trial: int | None, *, rungs: bool) -> None:
    """Show what RUN was asked, what was found in the data, what was decided and why, and what came of it."""
    with open_run_of(run) as reader:
        if rungs:
            from automl.cli.rungs import show_rungs

            show_rungs(output, reader)
        elif trial is not None:
            _show_trial(output, reader, trial)
        elif output.as_json:
            document = {**reader.meta, "folder": str(reader.folder), "events": reader.events()}
            output.document({**document, "leaderboard": reader.leaderboard()})
        else:
            _show_run(output, reader)


def open_run_of(run: str) -> RunReader:
    """The record of a run, given its folder or the predictor's folder in it; RunError when there is none."""
    from automl.run_reader import open_run

    return open_run(run)


def _show_run(output: Output, reader: RunReader) -> None:
    from automl.cli.fit_report import describe_task, labelled
    from automl.cli.output import figure
    from automl.cli.tables import leaderboard_table
    from automl.data.records import Finding
    from automl.run_trouble import unreadable
    from automl.task import Task

    meta, rows = reader.meta, reader.leaderboard()
    try:
        task = Task.from_dict(meta["task"]) if "task" in meta else None
        findings = [Finding(**finding) for finding in meta.get("findings", ())]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise unreadable(reader.folder, error) from error
    output.say(labelled("status", _status(meta, reader.status(), reader.folder)))
    if task is not None:
        output.say(labelled("data", describe_task(task)))
    for name, value in (meta.get("settings") or {}).items():
        if output.verbose or (value not in (None, [], {}, False) and name != "target"):
            output.say(labelled("asked", f"{name} = {_shown(value)}"))
    for reason in dict.fromkeys(meta.get("reasons", ())):
        subject, _, text = reason.partition(": ")
        output.say(labelled(subject, text))
    output.findings(findings)
    for event in reader.events():
        output.say(labelled(event["level"], event["message"]))
    if output.verbose:
        for name, version in meta.get("versions", {}).items():
            output.say(labelled("version", f"{name} {version}"))
    output.say()
    output.say(leaderboard_table(rows, str(meta.get("metric")), None if output.verbose else 10))
    output.say()
    output.result(labelled("score", f"{meta.get('metric')} {figure(meta.get('score'))} (out of fold)"))


def _shown(value: Any) -> str:
    """A setting as it is read; seconds may have come out of a sum."""
    return f"{round(value, 6):.15g}" if isinstance(value, float) else str(value)


def _status(meta: dict[str, Any], status: str, folder: Path) -> str:
    words = [status]
    if status == "interrupted":
        words = [f"interrupted (automl resume {folder} goes on with it, automl finish {folder} makes its predictor)"]
    if meta.get("only_baseline"):
        words.append("only the dummy could be fitted")
    if meta.get("interrupted"):
        words.append("stopped by the user")
    if meta.get("seconds") is not None:
        words.append(f"{meta['seconds']:.1f} s")
    return ", ".join([*words, f"started {meta.get('created')}"])


def _show_trial(output: Output, reader: RunReader, number: int) -> None:
    from automl.cli.output import figure
    from automl.errors import SettingsError

    rows = {row["trial"]: row for row in reader.leaderboard()}
    if number not in rows:
        for trial in reader.trials():
            if trial.id == number:
                raise SettingsError(f"--trial {number}: it is no result of its own: {trial.kind}, {trial.message}")
        has = f"trials 1 to {max(rows)}" if rows else "no trials"
        raise SettingsError(f"--trial {number}: run {reader.folder} has {has}")
    row, jobs = rows[number], reader.jobs(number)
    if output.as_json:
        output.document({**row, "jobs": jobs})
        return
    output.result(f"trial {number}: {row['model']} ({row['origin']}), {row['status']}, score {figure(row['score'])}")
    parent = next(trial.parent for trial in reader.trials() if trial.id == number)
    if parent is not None or row["budget"] < 1.0:
        output.say(
            f"  at {row['budget']:.4g} of the whole budget" + (f", going on with trial {parent}" if parent else "")
        )
    for name, value in row["config"].items():
        output.say(f"  {name} = {value}")
    if row["message"]:
        output.say(f"  {row['kind']}: {row['message']}")
    for job in jobs:
        told = (
            f"  fold {job['fold']}: {job['kind']}, loss {figure(job['loss'])}, {job['seconds']:.2f} s {job['message']}"
        )
        output.say(told.rstrip())
        if job["traceback"]:
            output.say(job["traceback"])
