"""Jobs in the calling process, and what both executors have in common."""

import os

import executor_jobs
import pytest

from automl import Executor, ExecutorSettings, Job, RunError
from automl.registry import load_registry

SETTINGS = ExecutorSettings(workers=2)


def make(name):
    return load_registry().get("executors", name).load()(SETTINGS)


def job(number, function, argument=None):
    return Job(
        id=number, call=f"executor_jobs:{function.__name__}", argument=argument, seconds=30, memory_bytes=1 << 30
    )


@pytest.fixture
def inline():
    made = make("inline")
    yield made
    made.close()


@pytest.mark.parametrize(("name", "workers"), [("inline", 1), ("processes", 2)])
def test_registered_executor_follows_the_protocol(name, workers):
    executor = make(name)

    assert isinstance(executor, Executor)
    assert executor.workers == workers
    executor.submit(job(7, executor_jobs.add_one, 1))
    result = executor.wait(20)
    assert (7, "done", 2) == (result.id, result.kind, result.value)
    assert executor.wait(0) is None
    executor.close()
    executor.close()
    with pytest.raises(RunError, match="closed"):
        executor.submit(job(8, executor_jobs.add_one, 1))


def test_jobs_run_here_in_order_when_waited_for(inline, tmp_path):
    path = tmp_path / "began.txt"
    for number in range(3):
        inline.submit(job(number, executor_jobs.mark_and_nap, (path, number, 0)))

    assert not path.exists()
    assert [0, 1, 2] == [inline.wait().value for _ in range(3)]
    assert path.read_text().split() == ["0", "1", "2"]
    inline.submit(job(3, executor_jobs.process_id))
    assert inline.wait().value == os.getpid()


@pytest.mark.parametrize(
    ("function", "argument", "kind", "message"),
    [
        (executor_jobs.fail, "bad row 7", "error", "ValueError: bad row 7"),
        (executor_jobs.leave_politely, 3, "error", "sys.exit(3)"),
        (executor_jobs.out_of_memory, None, "memory", "MemoryError: no room for 9 rows"),
    ],
)
def test_failure_is_a_result(inline, function, argument, kind, message):
    inline.submit(job(1, function, argument))
    result = inline.wait()

    assert kind == result.kind
    assert message in result.message
    assert "executor_jobs.py" in result.traceback


def test_ctrl_c_reaches_the_caller(inline):
    inline.submit(job(1, executor_jobs.interrupt))
    with pytest.raises(KeyboardInterrupt):
        inline.wait()


def test_cancel_of_a_queued_job(inline):
    for number in (1, 2):
        inline.submit(job(number, executor_jobs.add_one, number))
    inline.cancel(1)
    inline.cancel(99)
    results = {result.id: result.kind for result in (inline.wait(), inline.wait())}

    assert {1: "cancelled", 2: "done"} == results
    assert inline.wait() is None
