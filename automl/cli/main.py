"""The ``automl`` command. Subcommands are imported when they are used, so that ``--help`` stays quick."""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import Any

import click

from automl.errors import AutomlError, InputError, MissingDependencyError, PluginError, PredictorError, RunError

# name -> (module, one line for the list)
COMMANDS = {
    "fit": ("automl.cli.fit", "Search for the best predictor of a column, inside a time budget."),
    "predict": ("automl.cli.use", "Predict a table with the predictor of a run."),
    "score": ("automl.cli.use", "Score the predictor of a run on a table that has the target."),
    "leaderboard": ("automl.cli.show", "Show all models of a run, best first."),
    "show": ("automl.cli.show", "Show what a run did and why."),
    "check": ("automl.cli.check", "Diagnose a table without fitting anything."),
    "models": ("automl.cli.lists", "List models, and why some cannot be used."),
    "metrics": ("automl.cli.lists", "List metrics."),
    "plugins": ("automl.cli.lists", "List plugins with what they add, broken ones with their reason."),
}
EXIT_INTERNAL, EXIT_INPUT, EXIT_BASELINE, EXIT_RUN, EXIT_PLUGIN, EXIT_INTERRUPTED = 1, 2, 3, 4, 5, 130


class Commands(click.Group):
    """Built-in subcommands by name, then those that plugins add; nothing is imported to list them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all subcommands."""
        return [*COMMANDS, *sorted(name for name in _plugin_commands() if name not in COMMANDS)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one subcommand."""
        if cmd_name in COMMANDS:
            command: click.Command = getattr(importlib.import_module(COMMANDS[cmd_name][0]), f"{cmd_name}_command")
            return command
        spec = _plugin_commands().get(cmd_name)
        return None if spec is None else spec.load()

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list for ``--help``, from summaries only."""
        rows = [(name, summary) for name, (_, summary) in COMMANDS.items()]
        rows += [(name, spec.summary) for name, spec in sorted(_plugin_commands().items()) if name not in COMMANDS]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest command when there is none of that name."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            import difflib

            near = difflib.get_close_matches(args[0], self.list_commands(ctx), n=2)
            hint = f"did you mean {' or '.join(near)}?" if near else f"commands are {', '.join(self.list_commands(ctx))}"
            raise click.UsageError(f"there is no command {args[0]!r}; {hint}")
        return super().resolve_command(ctx, args)


def _plugin_commands() -> dict[str, Any]:
    from automl.registry import load_registry

    return dict(load_registry(allow_clashes=True).commands)


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--disable-plugin", "disabled", multiple=True, metavar="NAME", help="Switch a plugin off; may be repeated.")
@click.version_option(package_name="automl-pluggy", prog_name="automl")
def cli(disabled: tuple[str, ...]) -> None:
    """Plugin-based AutoML for tables: a CSV in, a saved predictor and a leaderboard out, inside the time budget."""
    if disabled:
        from automl.offers import DISABLE_VARIABLE

        # Through the environment, so that worker processes switch the same plugins off.
        os.environ[DISABLE_VARIABLE] = ",".join(filter(None, [os.environ.get(DISABLE_VARIABLE, ""), *disabled]))


def main() -> None:
    """Run the command and exit with its documented code; no traceback for a user's mistake."""
    arguments = sys.argv[1:]
    as_json = "--json" in arguments
    verbose = "-v" in arguments or "--verbose" in arguments
    try:
        code = cli.main(args=arguments, standalone_mode=False)
    except click.exceptions.Exit as stop:
        code = stop.exit_code
    except click.Abort:
        code = _tell("Interrupted", "stopped by the user", EXIT_INTERRUPTED, as_json)
    except click.ClickException as error:
        hint = "" if not isinstance(error, click.UsageError) or error.ctx is None else f" (see {error.ctx.command_path} --help)"
        code = _tell(type(error).__name__, error.format_message() + hint, EXIT_INPUT, as_json)
    except KeyboardInterrupt:
        code = _tell("Interrupted", "stopped by the user", EXIT_INTERRUPTED, as_json)
    except AutomlError as error:
        code = _tell(type(error).__name__, str(error), exit_code(error), as_json)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:  # noqa: BLE001 - the last place where an unexpected error can be put into words
        if verbose:
            import traceback

            traceback.print_exc()
        message = f"unexpected {type(error).__name__}: {error}; this is a bug in automl or in a plugin (-v shows the traceback)"
        code = _tell(type(error).__name__, message, EXIT_INTERNAL, as_json)
    sys.stdout.flush()
    sys.exit(code if isinstance(code, int) else 0)


def exit_code(error: AutomlError) -> int:
    """The documented exit code of an error."""
    if isinstance(error, InputError):
        return EXIT_INPUT
    if isinstance(error, MissingDependencyError | PluginError):
        return EXIT_PLUGIN
    if isinstance(error, RunError | PredictorError):
        return EXIT_RUN
    return EXIT_INTERNAL


def _tell(kind: str, message: str, code: int, as_json: bool) -> int:
    if as_json:
        print(json.dumps({"error": {"type": kind, "message": message, "exit_code": code}}))
    else:
        print(f"automl: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
