"""Where worker processes come from: starting, what they import and inherit, where their output goes."""

import os
import subprocess
import sys
import time
from pathlib import Path

import executor_jobs
import pytest
from executor_tools import make_pool, run

from automl import Job

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
