"""What the tests of worker processes share."""

import time

import psutil
from automl_plugins.executors.pool import ProcessPool

from automl import ExecutorSettings, Job


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
