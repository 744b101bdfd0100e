"""Where worker processes come from and where they go: starting, dying, what they inherit."""

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
from automl_plugins.executors.pool import ProcessPool

from automl import ExecutorSettings, Job, RunError

HERE = Path(__file__).parent
SCRIPT = """
import sys
sys.path.append({here!r})
import time
from automl import ExecutorSettings, Job
from automl_plugins.executors.pool import ProcessPool
print("script runs", flush=True)
pool = ProcessPool(ExecutorSettings(workers=2))
for number in range(4):
    pool.submit(Job(id=number, call="executor_jobs:add_one", argument=number))
print(sorted(pool.wait(20).value for _ in range(4)), flush=True)
"""


def make_pool(folder=None, *, workers=1, threads=1, preload=()):
    return ProcessPool(ExecutorSettings(workers=workers, threads=threads, preload=preload, folder=folder))


def run(pool, function, argument=None, **limits):
    pool.submit(Job(id=1, call=f"executor_jobs:{function.__name__}", argument=argument, **limits))
    result = pool.wait(20)
    assert result is not None
    return result


def running(pids):
    """Those of `pids` that still run; a zombie that nobody reaps does not."""
    left = set()
    for pid in pids:
        try:
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                left.add(pid)
        except psutil.NoSuchProcess:
            continue
    return left


def until(condition, seconds):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


@pytest.fixture
def script(tmp_path):
    return SCRIPT.format(here=str(HERE)), tmp_path


class TestStart:
    def test_starts_in_the_background(self, tmp_path):
        (tmp_path / "slow_to_import.py").write_text("import time; time.sleep(0.5)")
        sys.path.append(str(tmp_path))
        try:
            started = time.monotonic()
            pool = make_pool(preload=("slow_to_import",))
            pool.submit(Job(id=1, call="executor_jobs:add_one", argument=1))

            assert time.monotonic() - started < 0.4
            assert pool.wait(20).value == 2
            pool.close()
        finally:
            sys.path.remove(str(tmp_path))

    def test_preloaded_modules_are_there_and_missing_ones_are_told(self):
        pool = make_pool(preload=("colorsys", "no_such_module"))
        modules = run(pool, executor_jobs.surroundings).value["modules"]

        assert "colorsys" in modules
        assert pool.notes == [
            "workers start without no_such_module: ModuleNotFoundError: No module named 'no_such_module'"
        ]
        pool.close()

    @pytest.mark.parametrize(
        ("code", "note"),
        [
            ("import os; os._exit(9)", "died (exit code 9)"),
            ("import ctypes; ctypes.string_at(0)", "died (exit code -11)"),
            ("import sys; sys.exit('no')", "SystemExit: no"),
            (
                "import threading, time; threading.Thread(target=time.sleep, args=(99,), daemon=True).start()",
                "importing it starts threads",
            ),
        ],
    )
    def test_module_that_cannot_be_preloaded_is_left_out(self, tmp_path, monkeypatch, code, note):
        (tmp_path / "bad_to_import.py").write_text(code)
        monkeypatch.syspath_prepend(tmp_path)
        pool = make_pool(preload=("bad_to_import", "colorsys"))

        assert run(pool, executor_jobs.server_thread_count).value == 1
        assert "colorsys" in run(pool, executor_jobs.surroundings).value["modules"]
        assert [text for text in pool.notes if text.startswith("workers start without bad_to_import:") and note in text]
        pool.close()

    def test_module_whose_import_hangs_is_left_out(self, tmp_path, monkeypatch):
        (tmp_path / "hangs_on_import.py").write_text("import time; time.sleep(60)")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setattr("automl_plugins.executors.pool.IMPORT_SECONDS", 0.3)
        pool = make_pool(preload=("hangs_on_import",))

        assert run(pool, executor_jobs.add_one, 1).value == 2
        assert "hangs_on_import" in pool.notes[0]
        pool.close()

    def test_workers_see_the_driver_s_path_and_folder(self, monkeypatch, tmp_path):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "with:colon").mkdir()
        monkeypatch.setattr(sys, "path", [*sys.path, "", "with:colon"])
        pool = make_pool()
        seen = run(pool, executor_jobs.surroundings).value

        assert seen["path"][-2:] == [str(tmp_path) + "/", str(tmp_path / "with:colon")]
        assert seen["path"][:-2] == sys.path[:-2]
        assert seen["folder"] == str(tmp_path)
        pool.close()

    @pytest.mark.parametrize(("threads", "spin"), [(1, os.environ.get("GOMP_SPINCOUNT")), (2, "10000")])
    def test_thread_variables(self, threads, spin, monkeypatch):
        monkeypatch.delenv("PYTHONPATH", raising=False)
        pool = make_pool(threads=threads)
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "GOMP_SPINCOUNT", "PYTHONPATH")
        seen = [run(pool, executor_jobs.environment, name).value for name in names]

        assert seen == [str(threads)] * 3 + [spin, None]
        pool.close()

    @pytest.mark.slow
    def test_lightgbm_in_workers_after_openmp_in_the_driver(self):
        """A fork of this process would hang here: OpenMP's threads do not survive it."""
        expected = executor_jobs.train_lightgbm(2)
        pool = make_pool(workers=2, preload=("lightgbm",))
        values = [run(pool, executor_jobs.train_lightgbm, threads, seconds=60).value for threads in (1, 2)]

        assert values == pytest.approx([expected, expected])
        pool.close()

    def test_fork_and_ready_in_time(self):
        pool = make_pool(preload=("numpy",))
        run(pool, executor_jobs.add_one, 1)
        seconds = []
        for _ in range(5):
            run(pool, executor_jobs.leave, 0)
            started = time.monotonic()
            run(pool, executor_jobs.add_one, 1)
            seconds.append(time.monotonic() - started)

        assert min(seconds) < 0.1
        pool.close()


class TestScripts:
    """The user's main module is run once, whatever it is."""

    EXPECTED = "script runs\n[1, 2, 3, 4]\n"

    def test_file_without_guard(self, script):
        code, folder = script
        path = folder / "main.py"
        path.write_text(code)
        done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, timeout=60, check=False)

        assert (self.EXPECTED, "") == (done.stdout, done.stderr)

    def test_standard_input(self, script):
        done = subprocess.run(
            [sys.executable, "-"], input=script[0], capture_output=True, text=True, timeout=60, check=False
        )

        assert (self.EXPECTED, "") == (done.stdout, done.stderr)

    def test_option_c(self, script):
        done = subprocess.run(
            [sys.executable, "-c", script[0]], capture_output=True, text=True, timeout=60, check=False
        )

        assert (self.EXPECTED, "") == (done.stdout, done.stderr)


class TestOutput:
    def test_goes_to_the_log(self, tmp_path, capfd):
        pool = make_pool(tmp_path / "run")
        run(pool, executor_jobs.chatter)
        pool.close()

        assert capfd.readouterr() == ("", "")
        log = (tmp_path / "run" / "workers.log").read_text()
        assert {"printed by a job", "printed natively by a job", "error printed by a job"} == set(log.splitlines())

    def test_goes_nowhere_without_a_folder(self, capfd):
        pool = make_pool()
        run(pool, executor_jobs.chatter)
        pool.close()

        assert capfd.readouterr() == ("", "")

    def test_log_tells_where_native_code_crashed(self, tmp_path):
        pool = make_pool(tmp_path)
        result = run(pool, executor_jobs.crash)
        pool.close()

        assert "workers.log" in result.message
        assert "executor_jobs.py" in (tmp_path / "workers.log").read_text()


class TestEnd:
    def test_close_ends_all_and_may_be_called_twice(self):
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

    def test_close_before_the_server_is_up(self, tmp_path, monkeypatch):
        (tmp_path / "slow_to_import.py").write_text("import time; time.sleep(30)")
        monkeypatch.syspath_prepend(tmp_path)
        pool = make_pool(preload=("slow_to_import",))
        pool.wait(0.5)
        started = time.monotonic()
        pool.close()

        assert time.monotonic() - started < 1.0

    def test_submit_after_close_is_refused(self):
        pool = make_pool()
        pool.close()
        with pytest.raises(RunError, match="job 1 .* closed"):
            pool.submit(Job(id=1, call="executor_jobs:add_one", argument=1))

    def test_forgotten_pool_ends_with_its_last_reference(self):
        pool = make_pool()
        worker = run(pool, executor_jobs.process_id).value
        del pool
        gc.collect()

        assert until(lambda: not running([worker]), 2)

    def test_processes_that_a_job_started_end_with_it(self, tmp_path):
        pool = make_pool()
        path = tmp_path / "child.txt"
        assert run(pool, executor_jobs.start_child_and_nap, path, seconds=1.0).kind == "timeout"

        assert until(lambda: not running([int(path.read_text())]), 2)
        pool.close()

    @pytest.mark.parametrize("phase", ["importing", "working"])
    def test_kill_of_the_driver_leaves_no_process(self, tmp_path, phase):
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

    def test_kill_of_the_server(self):
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

    def test_copy_of_the_driver_made_by_a_fork_ends_nothing(self):
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

    def test_ctrl_c_is_for_the_driver(self):
        pool = make_pool()
        worker = run(pool, executor_jobs.process_id).value
        for pid in (worker, psutil.Process(worker).ppid()):
            os.kill(pid, signal.SIGINT)

        assert run(pool, executor_jobs.process_id).value == worker
        assert os.getpgid(worker) != os.getpgid(0)
        pool.close()
