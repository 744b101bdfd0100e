"""The record of a run: one SQLite database (WAL) that only the driver writes.

``sqlite3``, pandas or datasette can read it while the run goes on.
"""

from __future__ import annotations

import contextlib
import json
import math
import shutil
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from automl.errors import NO_ROOM, RunError
from automl.run_folder import DATABASE, TRIALS_FOLDER, check_new_folder, nothing_found, remove_leftovers
from automl.run_lock import RunLock
from automl.run_trouble import unreadable

if TYPE_CHECKING:
    from pathlib import Path

    from automl.history import Trial

SCHEMA_VERSION = 8
KEPT = "kept"
"""Kind of a job whose result was taken from the trial that is continued."""

SETTLED_FOLDS = "settled_folds"
"""Fact of a run that has settled with how many of the planned folds it goes on."""

FAULTS = ("strategy", "executor", "tracker", "outdated")
"""Codes of the events that tell of a plugin's fault."""

_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE trials (
    id INTEGER PRIMARY KEY, model TEXT NOT NULL, config TEXT NOT NULL, origin TEXT NOT NULL, budget REAL NOT NULL,
    status TEXT NOT NULL, loss REAL, score REAL, fold_losses TEXT NOT NULL, seconds REAL NOT NULL, parent INTEGER,
    kind TEXT NOT NULL, message TEXT NOT NULL, facts TEXT NOT NULL, started REAL NOT NULL, finished REAL,
    row_ms REAL, megabytes REAL, base TEXT NOT NULL DEFAULT '[]', shown INTEGER NOT NULL DEFAULT 0,
    whole INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE jobs (
    trial INTEGER NOT NULL, fold INTEGER NOT NULL, kind TEXT NOT NULL, loss REAL, prepare_seconds REAL,
    fit_seconds REAL, predict_seconds REAL, seconds REAL NOT NULL, message TEXT NOT NULL, traceback TEXT NOT NULL,
    facts TEXT NOT NULL, costs TEXT NOT NULL DEFAULT '{}', finished REAL NOT NULL DEFAULT 0.0, PRIMARY KEY (trial, fold)
);
CREATE TABLE weights (trial INTEGER PRIMARY KEY, weight REAL NOT NULL);
CREATE TABLE events (time REAL NOT NULL, level TEXT NOT NULL, code TEXT NOT NULL, message TEXT NOT NULL);
"""


def dumps(value: Any) -> str:
    """JSON without NaN, which other readers refuse."""
    try:
        return json.dumps(value, default=_plain, allow_nan=False)
    except (ValueError, TypeError):  # rare: numbers that JSON does not have, keys that are no text
        return json.dumps(_finite(value), default=str, allow_nan=False)


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else str(value)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


@contextmanager
def writing(folder: Path, *, found: bool = True) -> Iterator[None]:
    """Put into words what goes wrong when files are written into a run folder: most often the disk is full. `found`:
    whether the run has something by then that is worth keeping.
    """
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        told = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        advice = ""
        if found:
            advice = (
                f"; when that is mended, `automl resume {folder}` goes on with the search, and `automl finish {folder}` makes "
                "a predictor of what was found"
            )
        raise RunError(f"the run folder {folder} cannot be written: {told}{advice}") from error


@contextmanager
def short_of_room(folder: Path) -> Iterator[None]:
    """The same for what is written here and there while a run goes on: only where the disk has no room, or too little by
    quota; other errors are not those of writing.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        with writing(folder):
            raise


class Store:
    """Writes a run's database. One process, one writer."""

    def __init__(self, folder: Path) -> None:
        """Make a new run in `folder`; RunError when it is in use or cannot be written."""
        check_new_folder(folder)
        self._made = not folder.exists()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._open(folder, new=True)
        except (OSError, sqlite3.Error) as error:
            raise RunError(f"the run folder {folder} cannot be written: {error}") from error
        try:
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.executescript(_TABLES)
        except sqlite3.Error as error:
            self._db.close()
            self._lock.release()
            raise RunError(f"the run folder {folder} cannot be written: {error}") from error
        self.set_facts({"schema_version": SCHEMA_VERSION, "status": "running"})

    def _open(self, folder: Path, *, new: bool = False) -> None:
        self._found = False
        self._lock = RunLock(folder)
        self.folder = folder
        try:
            if new:
                self._take_over()
            self._db = sqlite3.connect(folder / DATABASE, isolation_level=None)
            # A crash of the process loses nothing; only a power cut may lose the last trials.
            self._db.execute("PRAGMA synchronous=NORMAL")
        except BaseException:
            self._lock.release()
            raise

    def _take_over(self) -> None:
        """Make room for a new run. Nobody else can come in now, but somebody may have been here since we looked."""
        if not nothing_found(self.folder):
            raise RunError(f"{self.folder} was taken by another run; give another name with --out, nothing was changed")
        remove_leftovers(self.folder)
        (self.folder / TRIALS_FOLDER).mkdir()

    @classmethod
    def reopen(cls, folder: Path) -> Store:
        """Go on writing the record of a run that was interrupted; RunError when it is in use or cannot be written."""
        store = cls.__new__(cls)
        try:
            store._open(folder)
        except (OSError, sqlite3.Error) as error:
            raise RunError(f"the run folder {folder} cannot be written: {error}") from error
        try:
            store._found = True
            store._check_version()
        except BaseException as error:  # whatever it is, nobody must be locked out by it
            store._db.close()
            store._lock.release()
            if isinstance(error, sqlite3.Error):
                raise unreadable(folder, error) from error
            raise
        return store

    def _check_version(self) -> None:
        """Refuse what another version began: its tables have other columns."""
        found = self._db.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()
        if found is not None and found[0] != dumps(SCHEMA_VERSION):
            raise RunError(
                f"the record of {self.folder} has schema {found[0]}, this version of automl writes {SCHEMA_VERSION}; "
                "finish it with the version that began it, or fit again with another --out"
            )

    def set_facts(self, facts: Mapping[str, Any]) -> None:
        """Record facts of the run, all or none of them."""
        rows = [(key, dumps(value)) for key, value in facts.items()]
        with self._transaction():
            self._db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", rows)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with writing(self.folder, found=self._found):
            self._db.execute("BEGIN")
            try:
                yield
            except BaseException:  # Ctrl+C too: the next call must be able to begin
                if self._db.in_transaction:  # SQLite itself takes back what a full disk cut short
                    self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _write(self, statement: str, values: tuple[Any, ...]) -> None:
        with writing(self.folder, found=self._found):
            self._db.execute(statement, values)

    def trial_started(self, trial: Trial, *, shown: int = 0) -> None:
        """Record a trial before its first job is sent. `shown`: the last trial whose result the strategy had been shown
        when it asked for this one, where it is shown them in order.
        """
        self._found = True
        self._write_trial(trial, finished=None, started=time.time(), shown=shown)

    def trial_finished(self, trial: Trial) -> None:
        """Record what came of a trial."""
        self._write_trial(trial, finished=time.time(), started=None)

    def _write_trial(self, trial: Trial, *, started: float | None, finished: float | None, shown: int = 0) -> None:
        values = (
            trial.id, trial.candidate.model, dumps(trial.candidate.config), trial.candidate.origin, trial.budget,
            trial.status, trial.loss, trial.score, dumps(trial.fold_losses), trial.seconds, trial.parent,
            trial.kind, trial.message, dumps(trial.facts), started or 0.0, finished,
            trial.row_ms, trial.megabytes, dumps(trial.candidate.base), shown, int(trial.whole),
        )  # fmt: skip
        marks = ",".join("?" * len(values))
        self._write(
            f"INSERT INTO trials VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET status=excluded.status, "  # noqa: S608
            "loss=excluded.loss, score=excluded.score, fold_losses=excluded.fold_losses, seconds=excluded.seconds, "
            "kind=excluded.kind, message=excluded.message, facts=excluded.facts, finished=excluded.finished, "
            "budget=excluded.budget, row_ms=excluded.row_ms, megabytes=excluded.megabytes, whole=excluded.whole",
            values,
        )

    def job_finished(
        self,
        trial: int,
        fold: int,
        *,
        kind: str,
        loss: float | None = None,
        seconds: float = 0.0,
        parts: tuple[float, float, float] | None = None,
        message: str = "",
        traceback: str = "",
        facts: Mapping[str, float] | None = None,
        costs: Mapping[str, float | None] | None = None,
    ) -> None:
        """Record one job; `parts` are its seconds of preparing, fitting and predicting, `costs` what its model costs when it
        predicts, and its metric.
        """
        told = (kind, loss, *(parts or (None, None, None)), seconds, message, traceback, dumps(facts or {}))
        self._write(
            "INSERT OR REPLACE INTO jobs VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
            (trial, fold, *told, dumps(costs or {}), time.time()),
        )

    def set_weights(self, weights: Mapping[int, float], facts: Mapping[str, Any] | None = None) -> None:
        """Replace the ensemble: its weights by trial, and facts of the run that go with them."""
        rows = [(key, dumps(value)) for key, value in (facts or {}).items()]
        with self._transaction():
            self._db.execute("DELETE FROM weights")
            self._db.executemany("INSERT INTO weights VALUES (?, ?)", list(weights.items()))
            self._db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", rows)

    def event(self, level: str, code: str, message: str) -> None:
        """Record something that happened to the run: a fallback, a skipped trial, a tracker switched off."""
        self._write("INSERT INTO events VALUES (?, ?, ?, ?)", (time.time(), level, code, message))

    def faults(self) -> tuple[str, ...]:
        """What plugins did wrong in this run, in the order in which it was recorded."""
        marks = ",".join("?" * len(FAULTS))
        query = f"SELECT message FROM events WHERE level = 'warning' AND code IN ({marks}) ORDER BY time"  # noqa: S608
        return tuple(message for (message,) in self._db.execute(query, FAULTS))

    def discard_if_empty(self) -> None:
        """When the run ended before its first trial, take away what it made in its folder, which was new or empty: the
        same command can be given again. Only after `close`.
        """
        if self._found:
            return
        with contextlib.suppress(OSError):
            remove_leftovers(self.folder)  # in the order that tells, if this is cut off, what is left
        if self._made:
            shutil.rmtree(self.folder, ignore_errors=True)
            return
        for path in self.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def folds_settled(self, folds: int, note: str, trials: Iterable[Trial]) -> None:
        """Record that the run goes on with its first `folds` folds, and what these say of trials that were done before,
        all or nothing of it. Without a `note` these are all that were planned.
        """
        with self._transaction():
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (SETTLED_FOLDS, dumps(folds)))
            for trial in trials:
                self.trial_finished(trial)
            if note:
                self.event("info", "folds", note)

    def close(self) -> None:
        """Fold the write-ahead log into the database and close it; then it can be read from read-only media, too."""
        try:
            self._db.execute("PRAGMA busy_timeout=100")  # a reader must not hold up the end of the run
            # When somebody reads it at this moment, or the disk is full, the log stays beside the database.
            with contextlib.suppress(sqlite3.OperationalError):
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                self._db.execute("PRAGMA journal_mode=DELETE")
        finally:
            self._db.close()
            self._lock.release()
