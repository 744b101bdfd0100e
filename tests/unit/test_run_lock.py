"""One process at a time works in a run folder, also where one begins while another ends or looks."""

import threading

import pytest

from automl import RunError, run_lock
from automl.run_lock import LOCK_FILE, RunLock, who_works

fcntl = pytest.importorskip("fcntl", reason="file locks of POSIX")


def test_a_file_that_its_owner_took_away_locks_nobody_out(tmp_path, monkeypatch):
    """The owner ends after the next one has opened its file and before that one locks it."""
    before, lock = RunLock(tmp_path), run_lock._try

    def late(file, **options):
        before.release()
        monkeypatch.setattr(run_lock, "_try", lock)
        return lock(file, **options)

    monkeypatch.setattr(run_lock, "_try", late)
    second = RunLock(tmp_path)

    assert who_works(tmp_path) is not None
    with pytest.raises(RunError, match="in use by a run"):
        RunLock(tmp_path)
    second.release()
    assert not (tmp_path / LOCK_FILE).exists()


def test_those_who_look_do_not_take_each_other_for_a_run_nor_hold_one_up(tmp_path):
    path = tmp_path / LOCK_FILE
    path.touch()
    with path.open() as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        seen = who_works(tmp_path)
        timer = threading.Timer(0.05, fcntl.flock, (looking, fcntl.LOCK_UN))
        timer.start()
        RunLock(tmp_path).release()
        timer.join()

    assert seen is None
