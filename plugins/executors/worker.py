"""What a worker process does: one job after another until its channel closes."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pickle
import sys
import time
import traceback
from typing import TYPE_CHECKING, Any, Literal

from automl_plugins.executors.memory import own_bytes
from automl_plugins.executors.messages import Kind, pack, read_frame

if TYPE_CHECKING:
    import socket

GROWN_FACTOR = 2.0
GROWN_BYTES = 256 << 20
"""A worker that holds more than twice its memory after the first job, plus this, is replaced ..."""
GROWN_SHARE = 0.5
"""... and so is one that holds more than this share of its job's limit, which the next job needs."""
ResultKind = Literal["done", "error", "memory"]
MESSAGE_LETTERS = 2_000
TRACEBACK_LETTERS = 20_000
"""The end of a traceback matters most; an exception may carry a whole table in its text."""


def work(channel: socket.socket) -> None:
    """Serve jobs until the channel ends or this process has grown too much."""
    _widen_linear_algebra()
    fresh, after_first = own_bytes(), None
    channel.sendall(pack(Kind.READY))
    while True:
        try:
            frame = read_frame(channel)
        except EOFError:
            return
        call, limit, argument = pickle.loads(frame.body)  # noqa: S301 - our own driver wrote it
        body = serve(call, argument)
        held = own_bytes() - fresh
        after_first = held if after_first is None else after_first
        most = GROWN_FACTOR * after_first + GROWN_BYTES
        most = most if limit is None else min(most, GROWN_SHARE * limit)
        if held > most:
            _give_back_memory()
            held = own_bytes() - fresh
        channel.sendall(pack(Kind.LAST_RESULT if held > most else Kind.RESULT, frame.number, body))


def serve(call: str, argument_bytes: bytes) -> bytes:
    """Run one job; the answer as `pack_result` writes it."""
    started = time.monotonic()
    try:
        argument = pickle.loads(argument_bytes)  # noqa: S301 - our own driver wrote it
    except Exception as error:  # noqa: BLE001 - unpickling runs code of any class
        message = (
            f"a worker cannot read the argument of {call}: {_text(error)}; "
            "what crosses to workers must be importable, not defined in the main script or a notebook"
        )
        return pack_result("error", message=message, trace=traceback.format_exc(), since=started)
    try:
        kind, value, message, trace = run_call(call, argument)
    except KeyboardInterrupt as error:  # not from the terminal: workers ignore that signal
        return pack_result("error", message=_text(error), trace=traceback.format_exc(), since=started)
    with contextlib.suppress(OSError, ValueError):  # a job may have closed its streams
        sys.stdout.flush()
        sys.stderr.flush()
    try:
        return pack_result(kind, value, message=message, trace=trace, since=started)
    except Exception as error:  # noqa: BLE001 - pickling runs code of any class
        message = f"the result of {call} cannot be sent: {_text(error)}; return plain values"
        return pack_result("error", message=message, trace=traceback.format_exc(), since=started)


def run_call(call: str, argument: Any) -> tuple[ResultKind, Any, str, str]:
    """Kind, value, message and traceback of one call; an exception is a result too, except Ctrl+C."""
    from automl import load_object

    try:
        return "done", load_object(call, owner="job")(argument), "", ""
    except KeyboardInterrupt:
        raise
    except MemoryError as error:
        return "memory", None, _text(error), traceback.format_exc()
    except SystemExit as error:
        return "error", None, f"SystemExit: the job called sys.exit({error.code!r})", traceback.format_exc()
    except BaseException as error:  # noqa: BLE001 - a plugin may fail in any way; the run goes on
        return "error", None, _text(error), traceback.format_exc()


def pack_result(
    kind: str, value: Any = None, *, message: str, trace: str = "", since: float, pid: int | None = None
) -> bytes:
    """A result as bytes; the value is pickled apart, so that one that cannot be read spoils nothing else."""
    seconds = time.monotonic() - since
    short = message if len(message) <= MESSAGE_LETTERS else message[:MESSAGE_LETTERS] + " ..."
    return pickle.dumps(
        (kind, pickle.dumps(value), short, trace[-TRACEBACK_LETTERS:], seconds, os.getpid() if pid is None else pid)
    )


def _text(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}".removesuffix(": ")
    except Exception as worse:  # noqa: BLE001 - it is the error's own code that cannot say what it is
        return f"{type(error).__name__}, whose text cannot be made ({type(worse).__name__})"


def _give_back_memory() -> None:
    """Ask glibc to return what it keeps for later; other C libraries do so by themselves."""
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError, OSError):
            ctypes.CDLL(None).malloc_trim(0)


def _widen_linear_algebra() -> None:
    """Give OpenBLAS its threads; the server went without, so that it had one thread when it forked."""
    threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
    if threads > 1:
        os.environ["OPENBLAS_NUM_THREADS"] = str(threads)
        if "numpy" in sys.modules:
            with contextlib.suppress(ImportError):
                from threadpoolctl import threadpool_limits

                threadpool_limits(threads, user_api="blas")
