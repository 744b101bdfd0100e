"""A signal to stop never breaks into an import, and is never lost."""

import os
import signal
import subprocess
import sys
import textwrap

from automl.interrupts import Terminated, after_imports


def test_outside_of_imports_the_handler_is_called_at_once():
    called = []
    after_imports(lambda number, frame: called.append(number))(15, sys._getframe())

    assert called == [15]


def test_a_signal_during_an_import_stops_after_it(tmp_path):
    """The module ends its import though a signal comes in its middle; the statement after it is not reached."""
    (tmp_path / "slowly.py").write_text(
        "import os, signal, time\nos.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(0.2)\nprint('imported', flush=True)\n"
    )
    program = textwrap.dedent("""
        import signal, time
        from automl.interrupts import Terminated, after_imports

        def stop(number, frame):
            raise Terminated(number)

        signal.signal(signal.SIGTERM, after_imports(stop))
        try:
            import slowly
            time.sleep(20)
            print("not stopped")
        except Terminated as error:
            print("stopped by", error.number)
    """)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip

    assert done.stdout == f"imported\nstopped by {int(signal.SIGTERM)}\n", done.stderr
    assert issubclass(Terminated, KeyboardInterrupt)
