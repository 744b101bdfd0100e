"""Options that several commands share, and turning them into settings."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from automl.cli.output import Output, Session
from automl.errors import DataError, SettingsError
from automl.settings import Settings, parse_seconds

if TYPE_CHECKING:
    _Choice = click.Choice[str]
    _ParamType = click.ParamType[Any]
else:  # generic only in newer versions of click
    _Choice = click.Choice
    _ParamType = click.ParamType

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
TASKS = ("binary", "multiclass", "classification", "regression")


class NearestChoice(_Choice):
    """A choice whose error names what was probably meant."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """`value` when it is one of the choices."""
        if str(value).lower() not in self.choices:
            import difflib

            near = difflib.get_close_matches(str(value).lower(), self.choices, n=2, cutoff=0.4)
            hint = f"did you mean {' or '.join(near)}? " if near else ""
            self.fail(f"{value!r} is not known; {hint}Choose from {', '.join(self.choices)}.", param, ctx)
        return str(value).lower()


class Parsed(_ParamType):
    """An option read by a function that raises SettingsError for what it does not understand."""

    def __init__(self, name: str, read: Callable[[str], Any]) -> None:
        self.name = name
        self.read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The value read."""
        try:
            return self.read(value) if isinstance(value, str) else value
        except SettingsError as error:
            self.fail(str(error), param, ctx)


def parse_bytes(text: str) -> int:
    """Bytes in ``2GB``, ``500MB`` or ``1000000000``; SettingsError for anything else.

    GB and GiB are both 2**30 bytes, as in the settings of containers and batch systems.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?\s*", text.lower())
    size = 0 if match is None else int(float(match.group(1)) * 1024 ** " kmgt".index(match.group(2) or " "))
    if size <= 0:
        raise SettingsError(f"memory {text!r} is not understood; write it as 500MB or 2GB")
    return size


TIME = Parsed("time", parse_seconds)
SIZE = Parsed("size", parse_bytes)


def output_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--json``, ``-q`` and ``-v``; the function gets an `Output` as its first argument."""

    @click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
    @click.option("-q", "--quiet", is_flag=True, help="Print the result only.")
    @click.option("-v", "--verbose", is_flag=True, help="Print everything.")
    @click.pass_context
    @functools.wraps(function)
    def command(context: click.Context, /, *, as_json: bool, quiet: bool, verbose: bool, **options: Any) -> Any:
        session = context.find_object(Session)
        if session is None:  # the command is used on its own, outside `main`
            import time

            session = Session(started=time.monotonic())
        session.verbose = verbose
        return function(Output(session=session, as_json=as_json, quiet=quiet, verbose=verbose), **options)

    return command


_DATA_OPTIONS: tuple[Decorator, ...] = (
    click.option("--target", metavar="NAME", help="Column to predict; a folder of images has its classes."),
    click.option("--task", type=NearestChoice(TASKS), metavar="TYPE", help=f"{', '.join(TASKS)}; found out otherwise."),
    click.option("--metric", metavar="NAME", help="Name of a metric (`automl metrics`), or yours as module:function."),
    click.option("--models", multiple=True, metavar="A,B", help="Only these models (`automl models`)."),
    click.option(
        "--column",
        "columns",
        multiple=True,
        metavar="NAME=KIND",
        help="What a column holds: zip=category, when=date:dayfirst.",
    ),
    click.option("--drop", multiple=True, metavar="A,B", help="Leave these columns out."),
    click.option("--ignore", multiple=True, metavar="A,B", help="Leave these columns out where they are there."),
    click.option("--group", metavar="NAME", help="Column of groups: a group is never split by validation."),
    click.option("--time-column", metavar="NAME", help="Column of times: validate on later rows only."),
    click.option("--split-column", metavar="NAME", help="Column that says train or valid for each row."),
    click.option("--validation", metavar="FILE", help="Table whose rows judge every trial."),
    click.option("--weight", metavar="NAME", help="Column of sample weights."),
    click.option(
        "--image-column", metavar="NAME", help="Column of paths of images to learn from; found out otherwise."
    ),
    click.option("--image-side", type=int, metavar="N", help="Keep images at most N pixels wide and high (256)."),
    click.option("--folds", type=int, metavar="K", help="Folds of cross-validation."),
    click.option("--repeats", type=int, metavar="R", help="Repeats of cross-validation."),
    click.option(
        "--monotone", multiple=True, metavar="NAME=1", help="Predictions rise (1) or fall (-1) with a column."
    ),
    click.option("--dedupe", is_flag=True, help="Rename columns of the same name instead of refusing them."),
    click.option("--strict", is_flag=True, help="Refuse what would be repaired or warned about."),
    click.option(
        "--time", "seconds", type=TIME, metavar="TIME", help="For everything: 90, 90s, 10m, 1h (default 10m)."
    ),
    click.option(
        "--device", default="auto", metavar="DEVICE", help="Where networks train: auto, cpu, cuda, cuda:1, mps."
    ),
    click.option("--pretrained", metavar="NAME|FILE", help="Pretrained weights to start from (those installed)."),
    click.option("--job-time", "job_seconds", type=TIME, metavar="TIME", help="Most for one fold of one trial."),
    click.option("--jobs", type=int, metavar="N", help="Use at most so many cores."),
    click.option("--memory", "memory_bytes", type=SIZE, metavar="SIZE", help="Limit for each worker: 500MB, 2GB."),
    click.option(
        "--baselines", metavar="FILE", help="Start from the stored configurations of this file (`automl baselines`)."
    ),
    click.option("--no-baselines", is_flag=True, help="Start from default configurations alone."),
    click.option(
        "--space",
        multiple=True,
        metavar="FILE|CHANGE",
        help="Change search spaces: lightgbm.num_leaves=31, linear.penalty=l1,l2, xgboost.eta=1e-4..0.3:log, or a file.",
    ),
    click.option("--seed", type=int, default=0, metavar="S", help="Seed of everything random (default 0)."),
)


def data_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Options that say what to learn from which columns, and how to validate."""
    for option in reversed(_DATA_OPTIONS):
        function = option(function)
    return function


def split_list(values: Sequence[str]) -> tuple[str, ...]:
    """Names from options that may be repeated and may hold several each, separated by commas.

    A name that holds a comma stands in double quotes, as in a CSV file: ``--drop '"a,b",c'``.
    """
    import csv

    names = [name.strip() for row in csv.reader(values, skipinitialspace=True) for name in row]
    return tuple(dict.fromkeys(name for name in names if name))


def split_pairs(values: Sequence[str], option: str) -> dict[str, str]:
    """``NAME=VALUE`` pairs; SettingsError for anything else. The last "=" counts, as names may hold one."""
    pairs = {}
    for value in values:
        name, sign, rest = value.rpartition("=")
        if not sign or not name.strip() or not rest.strip():
            raise SettingsError(f"{option} {value!r} is not understood; write it as NAME=VALUE")
        pairs[name.strip()] = rest.strip()
    return pairs


def make_settings(options: dict[str, Any], data: str = "-") -> Settings:
    """Settings from the options of the command line, to learn from `data`; SettingsError for wrong values."""
    values = dict(options)
    if values["target"] is None:
        from automl.data.image_input import default_target

        values["target"] = default_target(data)
        if not (values["target"] or data == "-" or Path(data).suffix or Path(data).exists()):
            raise DataError(f"{data} does not exist; check the path")  # probably meant as a folder of images
        if values["target"] is None:
            raise click.MissingParameter(
                ctx=click.get_current_context(silent=True), param_hint="'--target'", param_type="option"
            )
    for name in ("models", "drop", "ignore", "trackers"):
        given = values.get(name, ())
        values[name] = split_list(given)
        if name == "models" and given and not values[name]:
            raise SettingsError(
                "--models was given without a name; name some of `automl models`, or leave it out for all"
            )
    values["columns"] = split_pairs(values["columns"], "--column")
    if values.pop("no_baselines", False):
        if values.get("baselines") is not None:
            raise SettingsError("--baselines and --no-baselines were both given; leave one out")
        values["baselines"] = False
    signs = split_pairs(values["monotone"], "--monotone")
    for name, sign in signs.items():
        if sign not in ("1", "+1", "-1"):
            raise SettingsError(f"--monotone {name}={sign}: write {name}=1 (rising) or {name}=-1 (falling)")
    values["monotone"] = {name: int(sign) for name, sign in signs.items()}
    return Settings(**values)


def source_of(text: str) -> Any:
    """What to read: a path, or CSV on standard input for ``-``."""
    return sys.stdin.buffer if text == "-" else text
