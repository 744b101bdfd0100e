"""Calls of plugins that answer, raise, or never come back."""

import sys
import threading
import time

import pytest

from automl.errors import PluginError, SettingsError
from automl.plugin_calls import (
    CALL_SECONDS,
    LEAST_SECONDS,
    NoAnswerError,
    call_bounded,
    call_plugin,
    patience,
    two_texts,
)


class WordlessError(Exception):
    def __str__(self):
        raise RuntimeError("no words")


def raising(error):
    def function():
        raise error

    return function


@pytest.fixture
def gone():
    """A lock that nobody opens before the test is over."""
    event = threading.Event()
    yield event
    event.set()


def test_an_answer_comes_back_from_a_thread_that_does_not_hold_up_the_process():
    assert (True, True) == call_bounded(
        "it",
        lambda: (threading.current_thread().daemon, threading.current_thread() is not threading.main_thread()),
        seconds=10.0,
    )


def test_what_is_raised_is_raised_where_it_was_called():
    with pytest.raises(KeyError, match="here"):
        call_bounded("it", raising(KeyError("here")), seconds=10.0)


def test_what_never_answers_is_given_up(gone):
    started = time.monotonic()
    with pytest.raises(
        NoAnswerError, match=r"^sampler 'a' \(plugin 'b'\) had not answered after 0\.1 s and was given up"
    ):
        call_bounded("sampler 'a' (plugin 'b')", gone.wait, seconds=0.1)
    assert time.monotonic() - started < 5.0


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("two\nlines"), "^it raised ValueError: two lines$"),
        (SystemExit(3), "^it raised SystemExit: 3$"),
        (WordlessError(), r"^it raised WordlessError, whose text cannot be made \(RuntimeError\)$"),
        (SettingsError("no"), "^it raised SettingsError: no$"),
        (PluginError("as it was"), "^as it was$"),
    ],
)
def test_what_a_plugin_raises_names_the_plugin(error, message):
    with pytest.raises(PluginError, match=message):
        call_plugin("it", raising(error), seconds=10.0)


def test_some_errors_may_pass_and_the_users_ctrl_c_always_does():
    with pytest.raises(SettingsError, match="no"):
        call_plugin("it", raising(SettingsError("no")), seconds=10.0, passing=(SettingsError,))
    with pytest.raises(KeyboardInterrupt):
        call_plugin("it", raising(KeyboardInterrupt()), seconds=10.0)


@pytest.mark.parametrize("answer", [None, "ab", ("a",), ("a", 1), {"a": "b"}])
def test_what_are_no_two_texts_is_told(answer):
    with pytest.raises(PluginError, match="it returned .*; it must return a device and why, two texts"):
        two_texts("it", lambda: answer, wanted="a device and why", seconds=10.0, passing=())
    assert ("a", "b") == two_texts("it", lambda: ["a", "b"], wanted="", seconds=10.0, passing=())


def test_how_long_a_call_is_waited_for():
    waits = [patience(left) for left in (None, float("inf"), 1e6, 20.0, 2.0, 0.0, -5.0)]

    assert [CALL_SECONDS, CALL_SECONDS, CALL_SECONDS, 10.0, LEAST_SECONDS, LEAST_SECONDS, LEAST_SECONDS] == waits


def test_a_call_that_hangs_does_not_keep_the_process_from_ending():
    import subprocess

    program = (
        "import time\nfrom automl.plugin_calls import call_bounded\n"
        "try:\n    call_bounded('it', lambda: time.sleep(60), seconds=0.1)\nexcept Exception as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)

    assert "it had not answered after 0.1 s" in done.stdout
    assert "" == done.stderr
