"""What the commands that search have in common: signals, the lines while it goes on, and the result."""

from __future__ import annotations

import shlex
import signal
import sys
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from automl.cli.exits import BASELINE, DONE, INTERRUPTED, LIMITS, exit_code
from automl.interrupts import STOP_SIGNALS, Terminated, after_imports

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from automl.cli.output import Output
    from automl.errors import AutomlError
    from automl.outcome import FitOutcome
    from automl.protocols import Tracker
    from automl.registry import Registry


@dataclass(frozen=True, kw_only=True)
class TestScore:
    """What came of scoring the finished predictor on the file of ``--test``."""

    file: str
    score: float | None = None
    error: AutomlError | None = None


@dataclass(frozen=True, kw_only=True)
class Watch:
    """Who listens to the search, and how its result is told."""

    output: Output
    listeners: Mapping[str, Tracker]
    stops: Sequence[int]
    """The signals to stop that came."""

    def tell(self, outcome: FitOutcome, tested: TestScore | None = None) -> int:
        """Print what came of the search; returns the exit code."""
        from automl.cli.fit_report import fit_document, tell_outcome

        if self.output.as_json:
            self.output.document(fit_document(outcome, tested))
        else:
            tell_outcome(self.output, outcome, tested)
        stopped = self.stops and outcome.interrupted
        return exit_code(Terminated(self.stops[0])) if stopped else _code(outcome, tested)


@contextmanager
def watching(
    output: Output, registry: Registry, folder: Path, trackers: tuple[str, ...], models: tuple[str, ...] = ()
) -> Iterator[Watch]:
    """While a search works in `folder`: signals stop it and keep what was found, its first lines and its progress are told.
    `trackers`: those that the run has anyhow; `models`: those that the user asked for by name.
    """
    from automl.cli.fit_report import FirstLines

    with (
        interrupt_on_signals() as stops,
        _told_how_to_go_on(folder),
        _progress(output, registry, trackers) as progress,
    ):
        output.session.run_folder = str(folder)
        yield Watch(
            output=output, listeners={"first lines": FirstLines(output, stops, models), **progress}, stops=stops
        )


@contextmanager
def interrupt_on_signals() -> Iterator[list[int]]:
    """Stop as after Ctrl+C when a batch system asks to or the terminal is closed: the best so far is saved. Yields the
    signals that came. One that is ignored, as under ``nohup``, stays so.
    """
    came: list[int] = []

    def stop(number: int, frame: object) -> None:
        del frame
        came.append(number)
        raise Terminated(number)

    before: dict[int, Any] = {}
    with suppress(ValueError):  # not in the main thread: the one who called us handles signals
        for each in STOP_SIGNALS:
            if signal.getsignal(each) is not signal.SIG_IGN:
                before[each] = signal.signal(each, after_imports(stop))
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            before[signal.SIGINT] = signal.signal(signal.SIGINT, after_imports(signal.default_int_handler))
    try:
        yield came
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextmanager
def _told_how_to_go_on(folder: Path) -> Iterator[None]:
    """Whoever stops a run twice, so that it ends at once, is told that nothing found is lost."""
    from automl.cli.fit_report import program
    from automl.run_folder import DATABASE

    try:
        yield
    except KeyboardInterrupt as error:
        if not (folder / DATABASE).is_file():
            raise
        run = shlex.quote(str(folder))
        told = (
            f"stopped at once; go on with the search by: {program()} resume {run}, or make the predictor of what was found "
            f"by: {program()} finish {run}"
        )
        stop = Terminated(error.number, told) if isinstance(error, Terminated) else KeyboardInterrupt(told)
        raise stop from None


@contextmanager
def _progress(output: Output, registry: Registry, asked: tuple[str, ...]) -> Iterator[dict[str, Tracker]]:
    """The progress line where someone can see it; taken away whatever happens."""
    spec = registry.default("trackers")
    seen = sys.stderr is not None and sys.stderr.isatty() and not (output.as_json or output.quiet)
    if spec is None or spec.missing() or not seen or spec.name in asked:
        yield {}
        return
    tracker = spec.load()()
    with closing(tracker) if hasattr(tracker, "close") else nullcontext():
        yield {spec.name: tracker}


def _code(outcome: FitOutcome, tested: TestScore | None) -> int:
    if outcome.interrupted:
        return INTERRUPTED
    if tested is not None and tested.error is not None:
        return exit_code(tested.error)
    if outcome.only_baseline_fits or not outcome.limits_kept:
        return LIMITS
    return BASELINE if outcome.only_baseline else DONE
