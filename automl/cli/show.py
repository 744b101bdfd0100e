"""``automl leaderboard`` and ``automl show``."""

from __future__ import annotations

from pathlib import Path

import click

from automl.cli.options import output_options


@click.command("leaderboard")
@click.argument("run", type=click.Path(path_type=Path))
@output_options
def leaderboard_command(run: Path, as_json: bool, quiet: bool, verbose: bool) -> None:
    """Show all trials of RUN, best first, failed ones last with their reason."""
    from automl.cli.words import leaderboard_table, say, say_json
    from automl.store import open_run

    with open_run(run) as reader:
        rows, meta = reader.leaderboard(), reader.meta
    if as_json:
        say_json({"metric": meta.get("metric"), "score": meta.get("score"), "leaderboard": rows})
        return
    say(leaderboard_table(rows, str(meta.get("metric")), 10 if quiet else None))
    if verbose:
        for row in rows:
            say(f"trial {row['trial']}: {row['model']} {row['config']}")


@click.command("show")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--trial", type=int, help="One trial with its folds, and the traceback of failed ones.")
@output_options
def show_command(run: Path, trial: int | None, as_json: bool, quiet: bool, verbose: bool) -> None:
    """Show what RUN was asked, what was found in the data, what was decided and why."""
    from automl.cli.words import leaderboard_table, number, say, say_json
    from automl.errors import SettingsError
    from automl.store import open_run

    with open_run(run) as reader:
        meta, rows, events = reader.meta, reader.leaderboard(), reader.events()
        jobs = reader.jobs(trial)
        trials = {one.id: one for one in reader.trials()}
    if trial is not None and trial not in trials:
        raise SettingsError(f"run {run} has no trial {trial}; it has 1 to {max(trials, default=0)}")
    if as_json:
        document = {**meta, "leaderboard": rows, "events": events}
        say_json({**document, "trial": trial, "jobs": jobs} if trial is not None or verbose else document)
        return
    if trial is not None:
        one = trials[trial]
        say(f"trial {one.id}: {one.candidate.model} ({one.candidate.origin}), {one.status}, score {number(one.score)}")
        for name, value in one.candidate.config.items():
            say(f"  {name} = {value}")
        for job in jobs:
            say(f"  fold {job['fold']}: {job['kind']}, loss {number(job['loss'])}, {job['seconds']:.2f} s {job['message']}")
            if job["traceback"]:
                say(job["traceback"])
        return
    task = meta["task"]
    say(f"{meta['status']}: {task['problem_type']} task, target {task['target']!r}, {task['rows']:,} rows, {task['features']} columns")
    if meta.get("only_baseline"):
        say("only the dummy could be fitted")
    say(f"{meta['metric']}: {number(meta.get('score'))} (out of fold), {meta.get('seconds') or 0:.1f} s, {meta['created']}")
    if not quiet:
        for reason in meta["reasons"]:
            say(f"  {reason}")
        for finding in meta["findings"]:
            say(f"  {finding['level']}: {finding['message']}")
        for event in events:
            say(f"  {event['level']}: {event['message']}")
    say(leaderboard_table(rows, meta["metric"], None if verbose else 10))
