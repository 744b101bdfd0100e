"""Folders beside a run: locked while they are used, and taken away when their process was killed."""

import os
import subprocess
import sys
import time

from automl.run_lock import LOCK_FILE
from automl.workspace import Workspace


def aged(folder):
    old = time.time() - 3600
    os.utime(folder / LOCK_FILE, (old, old))
    return folder


def dead_process():
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def left_behind(parent, name, number):
    folder = parent / name
    folder.mkdir()
    (folder / "pixels.npy").write_bytes(b"0" * 100)
    (folder / LOCK_FILE).write_text(str(number))
    return folder


def test_workspaces_of_killed_processes_are_taken_away(tmp_path):
    stale = aged(left_behind(tmp_path, ".automl-stale", dead_process()))
    young = left_behind(tmp_path, ".automl-young", dead_process())
    living = aged(left_behind(tmp_path, ".automl-living", os.getppid()))
    other = aged(left_behind(tmp_path, "automl-stale", dead_process()))
    mine = tmp_path / ".automl-mine"
    mine.mkdir()
    run = aged(left_behind(tmp_path, ".automl-run-of-ours", dead_process()))
    (run / "run.db").write_bytes(b"")
    with Workspace(tmp_path / "run") as used:
        held = aged(used.folder())
        (held / LOCK_FILE).write_text(str(dead_process()))
        aged(held)
        with Workspace(tmp_path / "run") as work:
            assert tmp_path == work.folder().parent
            assert not stale.exists()
            assert all(one.is_dir() for one in (young, living, other, mine, held, run))
        assert not work._made.exists()
    assert not held.exists()
