"""Calling what plugins bring before a search begins, so that what raises, or never returns, costs that plugin and not the run.

A call runs in a daemon thread and is waited for so long: the only guard that also stops waiting for a sleep, a lock or a dead
network mount, on every platform. What hangs stays behind as a thread that does not keep the process from ending.
"""

from __future__ import annotations

import contextvars
import threading
from typing import TYPE_CHECKING, TypeVar

from automl.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Callable

Answer = TypeVar("Answer")

CALL_SECONDS = 60.0
"""A call is waited for so long at most: importing the largest libraries from a slow disk takes less."""
LEAST_SECONDS = 5.0
"""And so long however little time is left: in a process that has just begun, importing numpy's relatives takes a second."""
SHARE = 0.5
"""Of the time that is left, one call may take so much; after one that hangs there is still something to search with."""


class NoAnswerError(PluginError):
    """A call had not come back when it was given up."""


def patience(left: float | None) -> float:
    """Seconds to wait for one call where so many are left of the run; None or infinity: it has no end."""
    return CALL_SECONDS if left is None else min(max(SHARE * left, LEAST_SECONDS), CALL_SECONDS)


def done_in_time(work: Callable[[], None], seconds: float, *, name: str) -> bool:
    """Whether `work`, which must not raise, is done in a thread called `name` before so many seconds are over."""
    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    thread.join(seconds)
    return not thread.is_alive()


def call_bounded(owner: str, function: Callable[[], Answer], *, seconds: float) -> Answer:
    """What `function` returns or raises; NoAnswerError, beginning with `owner`, when it has done neither in time."""
    answers: list[Answer] = []
    errors: list[BaseException] = []
    context = contextvars.copy_context()

    def work() -> None:
        try:
            answers.append(context.run(function))
        except BaseException as error:  # noqa: BLE001 - raised again where it was called
            errors.append(error)

    if not done_in_time(work, seconds, name=owner):
        raise NoAnswerError(
            f"{owner} had not answered after {seconds:.3g} s and was given up; switch the plugin off with --disable-plugin, "
            "or ask its author to mend it"
        )
    for error in errors:
        raise error
    return answers[0]


def call_plugin(
    owner: str,
    function: Callable[[], Answer],
    *,
    seconds: float,
    failed: str = "raised",
    passing: tuple[type[Exception], ...] = (PluginError,),
) -> Answer:
    """The same, but what it raises becomes a PluginError, too, which says that `owner` `failed`; those of `passing` stay."""
    try:
        return call_bounded(owner, function, seconds=seconds)
    except passing:
        raise
    except (Exception, SystemExit) as error:
        raise PluginError(f"{owner} {failed} {in_words(error)}") from error


def named(owner: str, function: Callable[[], Answer]) -> Answer:
    """What `function` returns; what it raises becomes a PluginError that names `owner`. It is not called in a thread."""
    try:
        return function()
    except (Exception, SystemExit) as error:
        raise PluginError(f"{owner} raised {in_words(error)}") from error


def two_texts(
    owner: str, function: Callable[[], object], *, wanted: str, seconds: float, passing: tuple[type[Exception], ...]
) -> tuple[str, str]:
    """What `function` returns, when that are two texts; PluginError, saying what is `wanted`, otherwise."""
    answer = call_plugin(owner, function, seconds=seconds, passing=passing)
    match answer:
        case (str(first), str(second)):
            return first, second
    raise PluginError(f"{owner} returned {answer!r}; it must return {wanted}, two texts")


def in_words(error: BaseException) -> str:
    """Kind and message of an error on one line, also of one that fails when it is asked for its message."""
    try:
        text = " ".join(str(error).split())
    except Exception as worse:  # noqa: BLE001 - a stranger's __str__
        return f"{type(error).__name__}, whose text cannot be made ({type(worse).__name__})"
    return f"{type(error).__name__}: {text}"
