"""Reading a run's database, also while the run goes on."""

from __future__ import annotations

import json
import math
import sqlite3
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, get_args

from automl.errors import RunError
from automl.history import UNCOUNTED, Candidate, Status, Trial
from automl.run_folder import DATABASE, PREDICTOR_FOLDER
from automl.run_lock import who_works
from automl.run_trouble import unreadable, why_no_database
from automl.rungs import rung_rows
from automl.sittings import Sittings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


PLAIN = ("facts", "costs")
"""Columns of jobs that hold JSON."""


KINDS: Mapping[str, type] = {
    **dict.fromkeys(("status", "metric", "created"), str),
    **dict.fromkeys(("settings", "task", "columns", "coding", "versions"), dict),
    **dict.fromkeys(("reasons", "findings", "constant", "sittings"), list),
}
"""Facts of a run without which it can neither be shown nor finished, and what they must be."""


class _Meta(dict[str, Any]):
    """The facts of a run; one that is asked for and not there is told as damage."""

    def __init__(self, folder: Path, rows: Iterable[sqlite3.Row]) -> None:
        super().__init__((row["key"], json.loads(row["value"])) for row in rows)
        self._folder = folder
        for name, kind in KINDS.items():
            if not isinstance(self.get(name, kind()), kind):
                raise TypeError(f"{name} is no {kind.__name__}")
        if not all(isinstance(reason, str) for reason in self.get("reasons", ())):
            raise TypeError("reasons are no texts")

    def __missing__(self, name: str) -> Any:
        raise unreadable(self._folder, KeyError(name))


class RunReader:
    """Reads a run's database, also while the run goes on. Every method raises RunError when it is damaged."""

    def __init__(self, folder: Path) -> None:
        """Open the run in `folder`; RunError when there is none."""
        self.folder = Path(folder)
        path = self.folder / DATABASE
        if not path.is_file():
            raise RunError(why_no_database(self.folder))
        try:
            self._db = sqlite3.connect(path, timeout=10)
        except sqlite3.Error as error:
            raise unreadable(self.folder, error) from error
        try:
            self._db.row_factory = sqlite3.Row
            with self._reading():
                self.meta: dict[str, Any] = _Meta(self.folder, self._db.execute("SELECT * FROM meta"))
        except RunError:
            self._db.close()
            raise

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Put into words what is wrong with a database that cannot be read."""
        try:
            yield
        except (sqlite3.Error, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            raise unreadable(self.folder, error) from error

    def _rows(self, query: str, values: tuple[Any, ...] = ()) -> list[sqlite3.Row]:
        with self._reading():
            return self._db.execute(query, values).fetchall()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def trials(self) -> list[Trial]:
        """All trials in the order of asking."""
        with self._reading():
            return [_trial(row) for row in self._db.execute("SELECT * FROM trials ORDER BY id")]

    def weights(self) -> dict[int, float]:
        """Weights of the ensemble by trial."""
        with self._reading():
            return {row["trial"]: _number(row, "weight") for row in self._rows("SELECT * FROM weights")}

    def events(self) -> list[dict[str, Any]]:
        """What happened to the run, in order."""
        return [dict(row) for row in self._rows("SELECT * FROM events ORDER BY time")]

    def jobs(self, trial: int | None = None) -> list[dict[str, Any]]:
        """Jobs, with kind, seconds, message and traceback; of one trial or of all."""
        where, values = ("", ()) if trial is None else (" WHERE trial = ?", (trial,))
        rows = self._rows(f"SELECT * FROM jobs{where} ORDER BY trial, fold", values)  # noqa: S608
        with self._reading():
            for row in rows:
                for name in ("seconds", "finished"):
                    _number(row, name)
            return [
                {name: json.loads(row[name]) if name in PLAIN else row[name] for name in row.keys()}  # noqa: SIM118
                for row in rows
            ]

    def seconds(self) -> float:
        """Seconds of work from the first trial's start to what was recorded last."""
        first, last = self._first_and_last()
        with self._reading():
            return 0.0 if first is None else max(self._worked(last) - self._worked(first), 0.0)

    def last_sign(self) -> float | None:
        """When a trial began or ended last, a job, or something happened to the run, on `time.time()`; None: never."""
        [(event, job)] = self._rows("SELECT (SELECT max(time) FROM events), (SELECT max(finished) FROM jobs)")
        with self._reading():
            return max((one for one in (self._first_and_last()[1], event, job) if one), default=None)

    def _first_and_last(self) -> tuple[float | None, float]:
        [(first, last)] = self._rows(
            "SELECT min(nullif(started, 0.0)), max(max(started, ifnull(finished, 0.0))) FROM trials"
        )
        return first, last or 0.0

    def _worked(self, moment: float) -> float:
        return Sittings.of(self.meta.get("sittings")).worked(moment)

    def moments(self) -> dict[int, tuple[float, float | None]]:
        """Trial -> seconds of work from the first trial's start to its own start and end; None: it has not ended."""
        rows = self._rows("SELECT id, started, finished FROM trials WHERE started > 0")
        with self._reading():
            first = self._worked(min((row["started"] for row in rows), default=0.0))
            return {
                row["id"]: (
                    self._worked(row["started"]) - first,
                    None if row["finished"] is None else self._worked(row["finished"]) - first,
                )
                for row in rows
            }

    def shown(self) -> int:
        """The last trial whose result the strategy had been shown when the last trial began (`Store.trial_started`)."""
        return sum(int(row["shown"]) for row in self._rows("SELECT shown FROM trials ORDER BY id DESC LIMIT 1"))

    def stage_seconds(self) -> dict[int, tuple[float, float]]:
        """Trial -> seconds that its folds took to fit and to predict together."""
        rows = self._rows("SELECT trial, sum(fit_seconds), sum(predict_seconds) FROM jobs GROUP BY trial")
        return {trial: (fit or 0.0, predict or 0.0) for trial, fit, predict in rows}

    def status(self) -> str:
        """``running``, ``interrupted`` when nothing works on it any more, or how it ended."""
        status = str(self.meta.get("status"))
        return "interrupted" if status == "running" and who_works(self.folder) is None else status

    def rungs(self) -> list[dict[str, Any]]:
        """A row for each model and budget that has done trials: seconds, best loss, rank correlation with the next."""
        with self._reading():
            return rung_rows(self.trials())

    def leaderboard(self) -> list[dict[str, Any]]:
        """A row for each trial: done ones by loss, then running, then failed ones with their reason."""
        return leaderboard_rows(self.trials(), self.weights())

    def close(self) -> None:
        """Close the database."""
        self._db.close()


def leaderboard_rows(trials: Iterable[Trial], weights: Mapping[int, float]) -> list[dict[str, Any]]:
    """The leaderboard as plain rows, best first, failures last. Trials that time did not allow are left out."""
    order = {"done": 0, "running": 1, "failed": 2}

    def place(trial: Trial) -> tuple[Any, ...]:
        return order[trial.status], -_share(trial), math.inf if trial.loss is None else trial.loss, trial.id

    rows = []
    shown = [trial for trial in trials if trial.kind not in UNCOUNTED]
    for rank, trial in enumerate(sorted(shown, key=place), start=1):
        rows.append(
            {
                "rank": rank if trial.status == "done" else None,
                "trial": trial.id,
                "model": trial.candidate.model,
                "score": trial.score,
                "loss": trial.loss,
                "weight": weights.get(trial.id, 0.0),
                "origin": trial.candidate.origin,
                "budget": _share(trial),
                "seconds": round(trial.seconds, 3),
                "folds": len(trial.fold_losses),
                "row_ms": trial.row_ms,
                "megabytes": trial.megabytes,
                "config": dict(trial.candidate.config),
                "status": trial.status,
                "kind": trial.kind,
                "message": trial.message,
            }
        )
    return rows


def _share(trial: Trial) -> float:
    """The share of the full training that it had."""
    return 1.0 if trial.trained_fully else trial.budget


def open_run(folder: Path | str) -> RunReader:
    """Open a run folder, or the predictor's folder in it, for reading; RunError when it is none."""
    path = Path(folder)
    if path.name == PREDICTOR_FOLDER and (path.parent / DATABASE).is_file():
        path = path.parent
    return RunReader(path)


def _number(row: sqlite3.Row, name: str) -> float:
    value = row[name]
    if not isinstance(value, float | int):
        raise TypeError(f"{name} is {value!r}")
    return value


def _trial(row: sqlite3.Row) -> Trial:
    for name in ("budget", "seconds", "started", *(("loss", "score") if row["status"] == "done" else ())):
        _number(row, name)
    for name in ("row_ms", "megabytes", "finished"):
        if row[name] is not None:
            _number(row, name)
    if row["parent"] is not None and not (isinstance(row["parent"], int) and 0 < row["parent"] < row["id"]):
        raise ValueError(f"trial {row['id']} goes on with trial {row['parent']!r}")
    if row["status"] not in get_args(Status):
        raise ValueError(f"status is {row['status']!r}")
    for name in ("config", "facts"):
        if not isinstance(json.loads(row[name]), dict):
            raise TypeError(f"{name} is {row[name]}")
    return Trial(
        id=row["id"],
        candidate=Candidate(
            model=row["model"],
            config=json.loads(row["config"]),
            origin=row["origin"],
            base=tuple(json.loads(row["base"])) if "base" in row.keys() else (),  # noqa: SIM118 - a row is no mapping
        ),
        budget=row["budget"],
        status=row["status"],
        loss=row["loss"],
        score=row["score"],
        fold_losses=tuple(json.loads(row["fold_losses"])),
        seconds=row["seconds"],
        parent=row["parent"],
        kind=row["kind"],
        message=row["message"],
        facts=json.loads(row["facts"]),
        row_ms=row["row_ms"],
        megabytes=row["megabytes"],
        whole=bool(row["whole"]) if "whole" in row.keys() else False,  # noqa: SIM118 - a row is no mapping
    )
