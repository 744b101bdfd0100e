"""Exit codes of the ``automl`` command: what they mean, and which error leads to which."""

from __future__ import annotations

from automl.errors import NO_ROOM, AutomlError, InputError, MetricError, PluginError, PredictorError, RunError
from automl.interrupts import Terminated

DONE, INTERNAL, INPUT, BASELINE, RUN, PLUGIN, LIMITS = 0, 1, 2, 3, 4, 5, 6
INTERRUPTED, TERMINATED, HANGUP = 130, 143, 129

MEANINGS = {
    DONE: "done",
    INTERNAL: "unexpected error: a bug in automl or in a plugin",
    INPUT: "wrong input: an option, a table, or a metric that cannot be computed on it",
    BASELINE: "a predictor was saved, but only the dummy could be fitted",
    RUN: "a run folder or predictor cannot be read or written",
    PLUGIN: "a plugin that is asked for is broken or clashes, or a package that it needs is missing",
    LIMITS: "a predictor was saved, but no model that keeps --max-latency-ms and --max-size-mb was found",
    HANGUP: "stopped as the terminal was closed (SIGHUP); what `fit` had found by then is saved",
    INTERRUPTED: "stopped by Ctrl+C; what `fit` had found by then is saved",
    TERMINATED: "stopped by SIGTERM, as batch systems send it; what `fit` had found by then is saved",
}

EPILOG = "\b\nExit codes:\n" + "\n".join(f"  {code:>3}  {meaning}" for code, meaning in MEANINGS.items())
"""For ``--help``; the first line tells click to keep the lines as they are."""


def exit_code(error: BaseException) -> int:
    """The documented exit code of an error."""
    if isinstance(error, KeyboardInterrupt):
        return 128 + error.number if isinstance(error, Terminated) else INTERRUPTED
    if isinstance(error, InputError | MetricError):
        return INPUT
    if isinstance(error, PluginError):
        return PLUGIN
    if isinstance(error, RunError | PredictorError):
        return RUN
    # A full disk or a folder without permission is no bug; the message of the system names the file.
    if isinstance(error, OSError) and (error.filename is not None or error.errno in NO_ROOM):
        return RUN
    return INTERNAL


def message_of(error: BaseException) -> str:
    """What to tell the user about an error that was raised on purpose, in words."""
    if isinstance(error, KeyboardInterrupt):
        return str(error) or "stopped by the user before there was anything to save"
    if isinstance(error, AutomlError):
        return str(error)
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename} cannot be used: {error.strerror or error}"
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        return (
            f"what was to be written, to a file or as output, could not be: {error.strerror or error}; make room there"
        )
    return f"unexpected {type(error).__name__}: {error}"
