"""What ``automl fit`` prints: the first lines when the search begins, and the result."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl.cli.output import Output, figure, warn
from automl.cli.tables import leaderboard_table
from automl.history import BASELINE, DISCARDED, UNCOUNTED
from automl.interrupts import Terminated
from automl.search_result import ENDED, TIME_OVER

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from automl.cli.watching import TestScore
    from automl.history import Trial
    from automl.outcome import FitOutcome
    from automl.protocols import RunInfo, RunSummary
    from automl.task import Task

TOLD = ("machine", "task", "validation", "space")
"""Decisions that are told without ``-v``."""
LABEL = 12
FEW_SMALL = 5
"""Trials at small budgets of which none was promoted that need no explanation."""


class FirstLines:
    """Tells about the data and the plan when the search begins: a tracker that the command brings itself."""

    def __init__(self, output: Output, stops: Sequence[int] = (), models: Collection[str] = ()) -> None:
        """`stops`: the signals to stop that came; `models`: those that the user asked for by name."""
        self._output = output
        self._stops = stops
        self._models = models

    def run_started(self, info: RunInfo) -> None:
        """Data, findings, decisions. A signal that came while a library was imported may have been lost there."""
        if self._stops:
            raise Terminated(self._stops[0])
        output = self._output
        output.say(labelled("data", describe_task(info.task)))
        for reason in dict.fromkeys(info.reasons):
            subject, _, text = reason.partition(": ")
            if output.verbose or subject in TOLD:
                output.say(labelled(subject, text))
            model, _, why = text.partition(": ")
            if subject == "not used" and model in self._models:
                warn(f"model {model!r}, which was asked for, is not used: {why}")
        output.findings(info.findings)
        output.say()

    def trial_started(self, trial: Trial) -> None:
        """Nothing to tell."""

    def trial_finished(self, trial: Trial, best_score: float | None) -> None:
        """A line for each trial with ``-v``."""
        if not self._output.verbose:
            return
        told = f"trial {trial.id} {trial.candidate.model} ({trial.candidate.origin})"
        if trial.status == "failed":
            self._output.say(f"{told}: {trial.kind}: {trial.message}")
        else:
            self._output.say(f"{told}: {figure(trial.score)} in {trial.seconds:.1f} s, best {figure(best_score)}")

    def run_finished(self, summary: RunSummary) -> None:
        """The command tells the result itself."""


def labelled(label: str, text: str) -> str:
    """A line whose text begins in the same column whatever its label."""
    return f"{label:<{LABEL}}{text}" if len(label) < LABEL else f"{label}: {text}"


def describe_task(task: Task) -> str:
    """Rows and columns, or images, in words."""
    if task.modality == "images":
        colours = "grey" if task.channels == 1 else "colour"
        return f"{task.rows:,} images of {task.width} x {task.height} pixels, {colours}, target {task.target!r}"
    parts = [
        f"{count} {one if count == 1 else many}"
        for count, one, many in ((task.categories, "category", "categories"), (task.texts, "text", "texts"))
        if count
    ]
    special = f" ({', '.join(parts)})" if parts else ""
    return f"{task.rows:,} rows, {task.features} column{'' if task.features == 1 else 's'} to learn from{special}, target {task.target!r}"


def tell_outcome(output: Output, outcome: FitOutcome, tested: TestScore | None) -> None:
    """Leaderboard, scores, where the predictor lies, and the next command."""
    if outcome.notice:
        output.say(f"{outcome.notice}\n")
    if outcome.interrupted:
        output.say("stopped early; this is the best of what was found\n")
    if outcome.leaderboard:
        output.say(leaderboard_table(outcome.leaderboard, outcome.metric, None if output.verbose else 10))
    failed = failures(outcome.leaderboard)
    folder = short_path(outcome.folder)
    if failed:
        output.say(f"\n{failed}; the reasons: {program()} leaderboard {shlex.quote(folder)}")
    output.say()
    output.say(labelled("trials", f"{outcome.trials} in {outcome.seconds:.1f} s"))
    output.result(labelled("score", _score_line(outcome)))
    if tested is not None and tested.error is None:
        output.result(labelled("test score", f"{outcome.metric} {figure(tested.score)} ({tested.file})"))
    output.result(labelled("predictor", short_path(outcome.predictor.folder)))
    for reason in outcome.reasons:
        subject, _, text = reason.partition(": ")
        if subject in ("limits", "cost", "score"):
            output.say(labelled(subject, text))
    new = "NEW.csv" if outcome.predictor.task.modality == "table" else "IMAGES"
    output.say(labelled("next", f"{program()} predict {shlex.quote(folder)} {new} --out predictions.csv"))
    for fault in outcome.faults:
        warn(f"the run is complete, but a plugin is at fault: {fault}")
    for line in outcome.lost_models:
        warn(line)
    if outcome.only_baseline:
        real = [row for row in outcome.leaderboard if row["origin"] != BASELINE]
        bounded = any(reason.startswith("cost: ") for reason in outcome.reasons)
        more = "--max-cost, which bounds the time" if bounded else "--time"
        why = "" if real or outcome.interrupted else f"; {_why_no_model(outcome, more)}"
        warn(f"only the dummy could be fitted: this predictor does not look at the columns{why}")
    if hint := _never_promoted(outcome):
        warn(hint)
    if not outcome.limits_kept:
        warn("the predictor does not keep the limits on latency and size: see `limits` above, and raise them")
    if outcome.only_baseline_fits:
        warn("no model keeps the limits on latency and size: the predictor is the dummy; raise them")
    if outcome.nothing_learned:
        warn("no model was better than a constant out of fold: the predictor is the dummy")
    if tested is not None and tested.error is not None:
        warn(f"the run is complete, but {tested.file} could not be scored: {tested.error}")


def _why_no_model(outcome: FitOutcome, more: str) -> str:
    """Why no model was tried, and what to do, in words."""
    ended = [reason.removeprefix(ENDED) for reason in outcome.reasons if reason.startswith(ENDED)]
    if ended and ended[-1] != TIME_OVER:
        return f"the search ended before the first fit of a model: {ended[-1]}"
    return f"there was no time for a first fit of a model, give more {more}"


def _never_promoted(outcome: FitOutcome) -> str:
    """What to do where a scheduler of small budgets came to no promotion; empty where it did, or there is no such."""
    rows = [row for row in outcome.leaderboard if row["origin"] != BASELINE and row["status"] == "done"]
    small = [row for row in rows if row["budget"] < 1.0 and row["kind"] != DISCARDED]
    # One of each kind of model, its default, has the whole budget whatever the schedule does.
    whole = Counter(row["model"] for row in rows if row["budget"] >= 1.0)
    tried = [(row["model"], row["config"]) for row in small]
    promoted = any((row["model"], row["config"]) in tried for row in rows if row["budget"] >= 1.0)
    if promoted or max(whole.values(), default=0) > 1 or len(small) < FEW_SMALL or outcome.interrupted:
        return ""
    return (
        f"none of the {len(small)} trials at small budgets came to the whole one, and only such can join the predictor: "
        "give more --trials or --time, or a strategy of whole budgets"
    )


def _score_line(outcome: FitOutcome) -> str:
    members = sum(row["weight"] > 0 for row in outcome.leaderboard)
    if outcome.score is None:
        return "none: no trial was finished, so the predictor is a constant"
    kind = f"ensemble of {members}" if members > 1 else "one model"
    return f"{outcome.metric} {figure(outcome.score)} (out of fold, {kind})"


def failures(rows: list[dict[str, Any]]) -> str:
    """How many trials failed, and of what; empty without failures."""
    kinds = Counter(row["kind"] for row in rows if row["status"] == "failed" and row["kind"] not in UNCOUNTED)
    if not kinds:
        return ""
    told = ", ".join(f"{kind} {count}" for kind, count in kinds.most_common())
    tried = sum(row["origin"] != BASELINE or row["status"] == "failed" for row in rows)
    return f"{sum(kinds.values())} of {tried} trials failed ({told})"


def fit_document(outcome: FitOutcome, tested: TestScore | None) -> dict[str, Any]:
    """The JSON document of a run."""
    test = None
    if tested is not None:
        error = None if tested.error is None else {"type": type(tested.error).__name__, "message": str(tested.error)}
        test = {"file": tested.file, "score": tested.score, "error": error}
    return {
        "folder": str(outcome.folder),
        "predictor": str(outcome.predictor.folder),
        "task": outcome.predictor.task.to_dict(),
        "metric": outcome.metric,
        "score": outcome.score,
        "test": test,
        "trials": outcome.trials,
        "failed": outcome.failed,
        "seconds": outcome.seconds,
        "only_baseline": outcome.only_baseline,
        "limits_kept": outcome.limits_kept,
        "only_baseline_fits": outcome.only_baseline_fits,
        "interrupted": outcome.interrupted,
        "notice": outcome.notice,
        "faults": list(outcome.faults),
        "reasons": list(outcome.reasons),
        "findings": [finding.to_dict() for finding in outcome.findings],
        "leaderboard": outcome.leaderboard,
    }


def program() -> str:
    """How this command was called: by its name where the shell finds it, else by its path."""
    called = Path(sys.argv[0])
    found = shutil.which("automl")
    if called.name != "automl" or (found and Path(found).resolve() == called.resolve()):
        return "automl"
    return shlex.quote(short_path(called))


def short_path(path: Path) -> str:
    """`path` as seen from the current folder, when it lies below it."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
