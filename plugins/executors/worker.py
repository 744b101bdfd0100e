"""What a worker process does: one job after another until its channel closes."""

from __future__ import annotations

import time
import traceback
from typing import TYPE_CHECKING, Any

from automl_plugins.executors.messages import receive, send

if TYPE_CHECKING:
    import socket


def work(channel: socket.socket) -> None:
    """Serve jobs ``(id, call, argument)``; answers ``("started", id)`` and ``("finished", id, ...)``."""
    while True:
        try:
            number, call, argument = receive(channel)
        except EOFError:
            return
        send(channel, ("started", number))
        answer = run_call(call, argument)
        try:
            send(channel, ("finished", number, *answer))
        except OSError:
            return
        except Exception as error:  # noqa: BLE001 - a result that cannot be pickled may fail in any way
            send(channel, ("finished", number, "error", None, f"the result cannot be sent: {error}", "", answer[-1]))


def run_call(call: str, argument: Any) -> tuple[str, Any, str, str, float]:
    """Kind, value, message, traceback and seconds of one call; an exception is a result too."""
    from automl import load_object

    started = time.monotonic()
    try:
        value = load_object(call, owner="job")(argument)
    except MemoryError as error:
        return "memory", None, f"MemoryError: {error}", traceback.format_exc(), time.monotonic() - started
    except Exception as error:  # noqa: BLE001 - a plugin may fail in any way; the run goes on
        message = f"{type(error).__name__}: {error}"
        return "error", None, message, traceback.format_exc(), time.monotonic() - started
    except SystemExit as error:
        return (
            "error",
            None,
            f"the job called sys.exit({error.code})",
            traceback.format_exc(),
            time.monotonic() - started,
        )
    return "done", value, "", "", time.monotonic() - started
