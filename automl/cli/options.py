"""Options that several commands share, and turning them into settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from automl.errors import SettingsError
from automl.settings import Settings, parse_seconds

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def output_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--json``, ``-q``, ``-v``."""
    for option in (
        click.option("-v", "--verbose", is_flag=True, help="Tell everything."),
        click.option("-q", "--quiet", is_flag=True, help="Tell the result only."),
        click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output."),
    ):
        function = option(function)
    return function


_DATA_OPTIONS: tuple[Decorator, ...] = (
    click.option("--target", required=True, metavar="NAME", help="Column to predict."),
    click.option("--task", metavar="TYPE", help="binary, multiclass, classification or regression; found out otherwise."),
    click.option("--metric", metavar="NAME", help="Metric by name (automl metrics), or your own as module:function."),
    click.option("--models", multiple=True, metavar="A,B", help="Only these models."),
    click.option("--column", "columns", multiple=True, metavar="NAME=KIND", help="Say what a column holds, e.g. zip=category."),
    click.option("--drop", multiple=True, metavar="A,B", help="Leave columns out."),
    click.option("--ignore", multiple=True, metavar="A,B", help="Leave columns out when they are there."),
    click.option("--group", metavar="NAME", help="Column of groups that must not be split between training and validation."),
    click.option("--time-column", metavar="NAME", help="Column of times: validate on later rows only."),
    click.option("--split-column", metavar="NAME", help="Column that says train or valid for every row."),
    click.option("--validation", metavar="FILE", help="File of validation rows."),
    click.option("--weight", metavar="NAME", help="Column of sample weights."),
    click.option("--folds", type=int, help="Number of folds."),
    click.option("--repeats", type=int, help="Repeats of the folds."),
    click.option("--monotone", multiple=True, metavar="NAME=1", help="Predictions must rise (1) or fall (-1) with a column."),
    click.option("--dedupe", is_flag=True, help="Rename duplicate columns instead of refusing them."),
    click.option("--strict", is_flag=True, help="Refuse what would otherwise be repaired or warned about."),
    click.option("--jobs", type=int, help="Use at most so many cores."),
    click.option("--time", metavar="TIME", help="Budget for everything: 90, 90s, 10m, 1h (default 10m)."),
    click.option("--seed", type=int, default=0, help="Seed of everything that is random."),
)


def data_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Options that say what to learn from which columns, and how to validate."""
    for option in reversed(_DATA_OPTIONS):
        function = option(function)
    return function


def split_list(values: Sequence[str]) -> tuple[str, ...]:
    """Names from repeated options that may each hold several, separated by commas; a name with a comma is quoted."""
    import csv

    return tuple(name.strip() for row in csv.reader(values) for name in row if name.strip())


def split_pairs(values: Sequence[str], option: str) -> dict[str, str]:
    """``NAME=VALUE`` pairs; SettingsError for anything else. The last "=" counts, as names may hold one."""
    pairs = {}
    for value in values:
        name, sign, rest = value.rpartition("=")
        if not sign or not name or not rest:
            raise SettingsError(f"{option} {value!r} is not understood; write it as NAME=VALUE")
        pairs[name.strip()] = rest.strip()
    return pairs


def parse_bytes(text: str) -> int:
    """Bytes in ``2GB``, ``500MB`` or ``1000000``; SettingsError for anything else."""
    import re

    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?\s*", text.lower())
    if match is None or float(match.group(1)) <= 0:
        raise SettingsError(f"memory {text!r} is not understood; write it as 500MB or 2GB")
    return int(float(match.group(1)) * 1024 ** " kmgt".index(match.group(2) or " "))


def make_settings(options: dict[str, Any]) -> Settings:
    """Settings from the options of the command line."""
    values = dict(options)
    time = values.pop("time", None)
    memory = values.pop("memory", None)
    values["seconds"] = None if time is None else parse_seconds(time)
    values["memory_bytes"] = None if memory is None else parse_bytes(memory)
    for name in ("models", "drop", "ignore"):
        values[name] = split_list(values[name])
    values["columns"] = split_pairs(values["columns"], "--column")
    try:
        values["monotone"] = {name: int(sign) for name, sign in split_pairs(values["monotone"], "--monotone").items()}
    except ValueError as error:
        raise SettingsError(f"--monotone needs 1 or -1 after the column name ({error})") from error
    return Settings(**values)
