"""The ``automl`` command. Subcommands are imported when they are used, so that ``--help`` stays quick."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from typing import TYPE_CHECKING, NoReturn

import click

from automl.cli import exits
from automl.cli.output import Output, Session, warn
from automl.cli.start import process_started

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from automl.specs import CommandSpec

COMMANDS = {
    "fit": ("automl.cli.fit", "Search for the best predictor of a column, inside a time budget."),
    "predict": ("automl.cli.predict", "Predict a table."),
    "score": ("automl.cli.score", "Score a predictor on a table that has the target."),
    "leaderboard": ("automl.cli.show", "Show all models of a run, best first."),
    "show": ("automl.cli.show", "Show what a run did, and why."),
    "report": ("automl.cli.report", "Write what a run did as one HTML page."),
    "resume": ("automl.cli.resume", "Go on with a run that was interrupted."),
    "finish": ("automl.cli.finish", "Make the predictor of a run that was interrupted."),
    "check": ("automl.cli.check", "Diagnose a table without fitting."),
    "suggest": ("automl.cli.suggest", "Print what a search would try first, without training."),
    "baselines": ("automl.cli.baselines", "List, show, check and learn stored top performers."),
    "models": ("automl.cli.lists", "List models, and why some cannot be used."),
    "metrics": ("automl.cli.lists", "List metrics."),
    "strategies": ("automl.cli.lists", "List search strategies and what they are made of."),
    "plugins": ("automl.cli.lists", "List plugins and what they add."),
}
"""Name -> module with a function ``NAME_command``, and the line for the list."""


class Commands(click.Group):
    """Built-in subcommands, then those of plugins. Listing them imports none."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all subcommands."""
        return [*COMMANDS, *(name for name in _plugin_commands() if name not in COMMANDS)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one subcommand; the plugins are asked only for a name that is not built in."""
        if cmd_name in COMMANDS:
            command: click.Command = getattr(importlib.import_module(COMMANDS[cmd_name][0]), f"{cmd_name}_command")
            return command
        spec = _plugin_commands().get(cmd_name)
        if spec is None:
            import difflib

            near = difflib.get_close_matches(cmd_name, self.list_commands(ctx), n=2, cutoff=0.5)
            hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(self.list_commands(ctx))}"
            raise click.UsageError(f"there is no command {cmd_name!r}; {hint}", ctx)
        return _checked_command(spec)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list for ``--help``, from one line each."""
        rows = [(name, summary) for name, (_, summary) in COMMANDS.items()]
        rows += [(name, spec.summary) for name, spec in _plugin_commands().items() if name not in COMMANDS]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _plugin_commands() -> Mapping[str, CommandSpec]:
    from automl.registry import load_registry

    return load_registry().commands


def _checked_command(spec: CommandSpec) -> click.Command:
    from automl.errors import PluginError

    command = spec.load()
    if not isinstance(command, click.Command):
        raise PluginError(
            f"command {spec.name!r} of plugin {spec.plugin!r}: {spec.factory!r} is a {type(command).__name__}; "
            "it must be a click command"
        )
    return command


def _disable(context: click.Context, parameter: click.Parameter, names: tuple[str, ...]) -> None:
    """Switch plugins off through the environment, so that worker processes switch the same ones off."""
    del context, parameter
    if names:
        from automl.clashes import DISABLE_VARIABLE

        before = os.environ.get(DISABLE_VARIABLE, "")
        os.environ[DISABLE_VARIABLE] = ",".join(name for name in (before, *names) if name)


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="`automl COMMAND --help` tells more. Every command has --json, -q and -v.",
)
@click.option(
    "--disable-plugin", multiple=True, metavar="NAME", is_eager=True, expose_value=False, callback=_disable,
    help="Switch a plugin off; may be repeated.",
)  # fmt: skip
@click.version_option(package_name="automl-pluggy", message="automl %(version)s")
def cli() -> None:
    """AutoML for tables and images: data in, a saved predictor and a leaderboard out, inside the time budget."""


def main() -> NoReturn:
    """Run the command and exit with one of the documented codes."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a name in another alphabet must not end a run on a plain terminal
    session = Session(started=process_started())
    arguments = sys.argv[1:]
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    if "--json" in options:
        _send_prints_to_stderr(session)
    code = run(arguments or ["--help"], session)
    sys.exit(_flushed(code, session))


def run(arguments: Sequence[str], session: Session) -> int:
    """Run one command line and return its exit code; errors are told, not raised."""
    silent = logging.NullHandler()  # commands print what a library would log
    logging.getLogger("automl").addHandler(silent)
    try:
        return _run(arguments, session)
    finally:
        logging.getLogger("automl").removeHandler(silent)


def _run(arguments: Sequence[str], session: Session) -> int:
    as_json = session.json_stream is not None
    try:
        result = cli.main(args=list(arguments), prog_name="automl", standalone_mode=False, obj=session)
    except click.Abort as error:  # what click makes of Ctrl+C
        stop = error.__cause__ if isinstance(error.__cause__, KeyboardInterrupt) else KeyboardInterrupt()
        return _tell(session, stop, as_json=as_json)
    except click.ClickException as error:
        return _tell_usage(session, error, as_json=as_json)
    except BrokenPipeError:
        return exits.DONE  # whoever read our output has seen enough, as in `automl metrics | head`
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last place that can put an error into words
        return _tell(session, error, as_json=as_json)
    return result if isinstance(result, int) else exits.DONE


def _send_prints_to_stderr(session: Session) -> None:
    """Keep standard output for the JSON document: native libraries and plugins may print there, too."""
    try:
        sys.stdout.flush()
        kept = os.dup(1)
        os.dup2(2, 1)
    except (OSError, AttributeError):
        session.json_stream = sys.stdout  # one of the streams is closed: there is nothing to protect
        return
    session.json_stream = os.fdopen(kept, "w", encoding="utf-8")


def _flushed(code: int, session: Session) -> int:
    """`code` after everything was written; a reader that went away is no error."""
    streams = [stream for stream in (session.json_stream, sys.stdout) if stream is not None]
    for stream in streams:
        try:
            stream.flush()
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            if not isinstance(error, BrokenPipeError):
                warn(exits.message_of(error))
                code = code or exits.exit_code(error)
    return code


def _tell_usage(session: Session, error: click.ClickException, *, as_json: bool) -> int:
    message = error.format_message()
    if isinstance(error, click.UsageError) and error.ctx is not None:
        message += f" (see {error.ctx.command_path} --help)"
    _print_error(session, "UsageError", message, exits.INPUT, as_json=as_json)
    return exits.INPUT


def _tell(session: Session, error: BaseException, *, as_json: bool) -> int:
    code, message = exits.exit_code(error), exits.message_of(error)
    if code == exits.INTERNAL:
        log = _write_log(session, error)
        message += "; this is a bug in automl or in a plugin" + (f", the traceback is in {log}" if log else "")
        if session.verbose:
            import traceback

            traceback.print_exception(error, file=sys.stderr)
    _print_error(session, type(error).__name__, message, code, as_json=as_json)
    return code


def _print_error(session: Session, kind: str, message: str, code: int, *, as_json: bool) -> None:
    warn(message)
    if as_json:
        error = {"type": kind, "message": message, "exit_code": code}
        Output(session=session, as_json=True).document({"error": error})


def _write_log(session: Session, error: BaseException) -> str:
    """The traceback in a file: in the run folder when there is one, else among the temporary files."""
    import tempfile
    import time
    import traceback
    from pathlib import Path

    text = f"automl {' '.join(sys.argv[1:])}\n{''.join(traceback.format_exception(error))}"
    folders = [folder for folder in (session.run_folder, tempfile.gettempdir()) if folder and Path(folder).is_dir()]
    for folder in folders:
        path = Path(folder) / f"automl-error-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
        try:
            path.write_text(text, encoding="utf-8")
        except OSError:
            continue  # a full disk may be why we are here
        return str(path)
    return ""


if __name__ == "__main__":
    main()
