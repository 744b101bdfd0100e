"""Jobs for the tests of executors; workers import this module by name."""

import ctypes
import os
import random
import subprocess
import sys
import time
from pathlib import Path


class Unreadable:
    """Can be pickled, but not read again."""

    def __reduce__(self):
        return _refuse, ()


def _refuse():
    raise ValueError("refused")


def add_one(value):
    return value + 1


def process_id(_):
    return os.getpid()


def nap(seconds):
    time.sleep(seconds)
    return seconds


def nap_in_native_code(seconds):
    """Sleeps inside a C function that holds the interpreter's lock."""
    ctypes.PyDLL(None).usleep(int(seconds * 1e6))


def spin_in_native_code(_):
    return sum(range(10**12))


def burn(seconds):
    """Uses this much CPU time, however busy the machine is."""
    until = time.process_time() + seconds
    while time.process_time() < until:
        sum(range(1000))


def mark_and_nap(arguments):
    """Appends a line to a file, so that a test sees when a job began and how often."""
    path, text, seconds = arguments
    with Path(path).open("a") as file:
        file.write(f"{text}\n")
    time.sleep(seconds)
    return text


def hog(_):
    held = []
    while True:
        held.append(bytearray(b"x") * (8 << 20))
        time.sleep(0.002)


def grow(mebibytes):
    """Leaves memory behind."""
    _left.append(bytearray(b"x") * (mebibytes << 20))
    return os.getpid()


_left = []


def out_of_memory(_):
    raise MemoryError("no room for 9 rows")


def crash(_):
    ctypes.string_at(0)


def leave(code):
    os._exit(code)


def leave_politely(code):
    sys.exit(code)


def kill_itself(number):
    os.kill(os.getpid(), number)
    time.sleep(10)


def fail(text):
    raise ValueError(text)


def interrupt(_):
    raise KeyboardInterrupt


def return_lambda(_):
    return lambda: 1


def return_unreadable(_):
    return Unreadable()


def make_bytes(count):
    return b"x" * count


def length(value):
    return len(value)


def chatter(_):
    print("printed by a job")
    os.system("echo printed natively by a job")
    print("error printed by a job", file=sys.stderr)


def start_child_and_nap(path):
    """Starts a process of its own, as libraries do, then is killed."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    Path(path).write_text(str(child.pid))
    time.sleep(60)


def environment(name):
    return os.environ.get(name)


def surroundings(_):
    return {"path": sys.path, "folder": str(Path.cwd()), "modules": list(sys.modules)}


def train_lightgbm(threads):
    import lightgbm
    import numpy as np

    rng = np.random.default_rng(0)
    features, target = rng.normal(size=(2000, 5)), rng.normal(size=2000)
    options = {"num_threads": threads, "verbosity": -1, "seed": 1}
    booster = lightgbm.train(options, lightgbm.Dataset(features, target), num_boost_round=5)
    return float(booster.predict(features[:1])[0])


def draw(_):
    return random.random()


def server_thread_count(_):
    return len(os.listdir(f"/proc/{os.getppid()}/task"))
