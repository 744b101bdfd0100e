"""Where worker processes go: closing, dying drivers and servers, signals."""

import gc
import os
import signal
import subprocess
import sys
import textwrap
import time
import warnings
from pathlib import Path

import executor_jobs
import psutil
import pytest
from executor_tools import make_pool, run, running, until

from automl import Job, RunError

HERE = Path(__file__).parent


def test_close_ends_all_and_may_be_called_twice():
    pool = make_pool(workers=2)
    worker = run(pool, executor_jobs.process_id).value
    pool.submit(Job(id=2, call="executor_jobs:spin_in_native_code", argument=None))
    pool.wait(0.1)
    server = psutil.Process(worker).ppid()
    started = time.monotonic()
    pool.close()
    pool.close()

    assert time.monotonic() - started < 1.0
    assert running([worker, server]) == set()
    assert pool.wait() is None


def test_close_before_the_server_is_up(tmp_path, monkeypatch):
    (tmp_path / "slow_to_import.py").write_text("import time; time.sleep(30)")
    monkeypatch.syspath_prepend(tmp_path)
    pool = make_pool(preload=("slow_to_import",))
    pool.wait(0.5)
    started = time.monotonic()
    pool.close()

    assert time.monotonic() - started < 1.0


def test_submit_after_close_is_refused():
    pool = make_pool()
    pool.close()
    with pytest.raises(RunError, match="job 1 .* closed"):
        pool.submit(Job(id=1, call="executor_jobs:add_one", argument=1))


def test_forgotten_pool_ends_with_its_last_reference():
    pool = make_pool()
    worker = run(pool, executor_jobs.process_id).value
    del pool
    gc.collect()

    assert until(lambda: not running([worker]), 2)


def test_processes_that_a_job_started_end_with_it(tmp_path):
    pool = make_pool()
    path = tmp_path / "child.txt"
    assert run(pool, executor_jobs.start_child_and_nap, path, seconds=1.0).kind == "timeout"

    assert until(lambda: not running([int(path.read_text())]), 2)
    pool.close()


@pytest.mark.parametrize("phase", ["importing", "working"])
def test_kill_of_the_driver_leaves_no_process(tmp_path, phase):
    (tmp_path / "slow_to_import.py").write_text("import time; time.sleep(20)")
    preload = ("slow_to_import",) if phase == "importing" else ()
    code = f"""
    import sys, time
    sys.path += [{str(HERE)!r}, {str(tmp_path)!r}]
    from automl import ExecutorSettings, Job
    from automl_plugins.executors.pool import ProcessPool
    pool = ProcessPool(ExecutorSettings(workers=2, preload={preload!r}))
    for number in range(3):
        pool.submit(Job(id=number, call="executor_jobs:spin_in_native_code", argument=None))
    pool.wait(0.7)
    print("up", flush=True)
    time.sleep(60)
    """
    driver = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True)
    with driver:
        assert driver.stdout.readline() == "up\n"
        pids = {child.pid for child in psutil.Process(driver.pid).children(recursive=True)}
        driver.kill()

    assert len(pids) == (1 if phase == "importing" else 3)
    assert until(lambda: not running(pids), 3)


def test_kill_of_the_server():
    """Running jobs died, queued ones run in the next server, and no worker of the first is left."""
    pool = make_pool(workers=2)
    worker = run(pool, executor_jobs.process_id).value
    server = psutil.Process(worker).ppid()
    workers = {child.pid for child in psutil.Process(server).children()}
    for number in (1, 2):
        pool.submit(Job(id=number, call="executor_jobs:nap", argument=30))
    for number in (3, 4):
        pool.submit(Job(id=number, call="executor_jobs:add_one", argument=number))
    assert pool.wait(0.3) is None
    os.kill(server, signal.SIGKILL)
    results = {result.id: result for result in (pool.wait(20) for _ in range(4))}

    assert {1: "died", 2: "died", 3: "done", 4: "done"} == {n: result.kind for n, result in results.items()}
    assert "exit code -9" in results[1].message
    assert until(lambda: not running(workers), 2)
    # The second death is the last.
    os.kill(psutil.Process(results[3].worker).ppid(), signal.SIGKILL)
    assert until(lambda: pool.wait(0) is None and run(pool, executor_jobs.add_one, 1).kind == "died", 5)
    assert "--executor inline" in run(pool, executor_jobs.add_one, 1).message
    pool.close()


def test_copy_of_the_driver_made_by_a_fork_ends_nothing():
    pool = make_pool()
    worker = run(pool, executor_jobs.process_id).value
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads that other tests left; the child uses none
        child = os.fork()
    if child == 0:
        pool.close()
        os._exit(0)
    os.waitpid(child, 0)

    assert run(pool, executor_jobs.process_id).value == worker
    pool.close()


def test_ctrl_c_is_for_the_driver():
    pool = make_pool()
    worker = run(pool, executor_jobs.process_id).value
    for pid in (worker, psutil.Process(worker).ppid()):
        os.kill(pid, signal.SIGINT)

    assert run(pool, executor_jobs.process_id).value == worker
    assert os.getpgid(worker) != os.getpgid(0)
    pool.close()
