"""``automl baselines``: stored top performers, listed, shown, checked and learned."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from automl.cli.exits import EPILOG
from automl.cli.options import output_options

if TYPE_CHECKING:
    from automl.cli.output import Output
    from automl.portfolio_record import Portfolio
    from automl.registry import Registry


class Parts(click.Group):
    """Subcommands; an unknown one is told with the nearest."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The subcommand; UsageError when there is none."""
        found = super().get_command(ctx, cmd_name)
        if found is None:
            import difflib

            near = difflib.get_close_matches(cmd_name, self.commands, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(self.commands))}"
            raise click.UsageError(f"there is no command {cmd_name!r}; {hint}", ctx)
        return found


@click.group("baselines", cls=Parts, no_args_is_help=False, epilog=EPILOG)
def baselines_command() -> None:
    """Stored top performers that a search starts from: list, show, check, learn."""


@baselines_command.command("list", epilog=EPILOG)
@output_options
def list_command(output: Output) -> None:
    """List the portfolios that plugins bring."""
    from automl.registry import load_registry

    registry = load_registry()
    rows = [_listed(name, registry) for name in registry.portfolios]
    if output.as_json:
        output.document({"baselines": rows})
    elif output.quiet:
        output.result("\n".join(row["name"] for row in rows))
    else:
        head = ("portfolio", "plugin", "problem types", "file", "candidates", "what it is")
        output.table(
            head,
            [
                (row["name"], row["plugin"], " ".join(row["problem_types"]), row["file"] or "-",
                 "-" if row["candidates"] is None else row["candidates"], row["trouble"] or row["summary"])
                for row in rows
            ],
        )  # fmt: skip


def _listed(name: str, registry: Registry) -> dict[str, Any]:
    from automl.errors import AutomlError
    from automl.portfolio import load_portfolio

    spec = registry.portfolios[name]
    row: dict[str, Any] = {
        "name": name,
        "plugin": spec.plugin,
        "distribution": spec.distribution,
        "summary": spec.summary,
        "problem_types": list(spec.problem_types),
        "modality": spec.modality,
        "file": "",
        "date": None,
        "candidates": None,
        "trouble": registry.unusable(spec) or "",
    }
    if spec.file and not row["trouble"]:
        try:
            portfolio = load_portfolio(spec)
        except AutomlError as error:
            return {**row, "trouble": str(error)}
        row |= {"file": portfolio.name, "date": portfolio.day, "candidates": len(portfolio.candidates)}
    return row


@baselines_command.command("show", epilog=EPILOG)
@click.argument("name")
@output_options
def show_baselines_command(output: Output, name: str) -> None:
    """Show the candidates of NAME, a portfolio of `automl baselines list` or a file, with their provenance."""
    from automl.portfolio_check import find_portfolio
    from automl.registry import load_registry

    portfolio = find_portfolio(name, load_registry())
    if output.as_json:
        output.document({"name": portfolio.name, **portfolio.to_dict()})
        return
    _show(output, portfolio)


def _show(output: Output, portfolio: Portfolio) -> None:
    from automl.cli.fit_report import labelled
    from automl.cli.output import figure

    output.say(labelled("portfolio", f"{portfolio.name}, {portfolio.day}: {portfolio.summary}"))
    output.say(labelled("for", f"{', '.join(portfolio.problem_types)} ({portfolio.modality})"))
    if portfolio.order:
        output.say(labelled("order", portfolio.order))
    for name, source in portfolio.sources.items():
        output.say(
            labelled("source", f"{name}: {source.get('where', '-')} ({source.get('licence', 'licence not told')})")
        )
    if portfolio.tasks:
        output.say(labelled("tasks", f"{len(portfolio.tasks)}, with what was best on each"))
    output.say()
    rows = [
        (
            one.number,
            one.model,
            figure(one.cost, 3),
            one.source or "-",
            "-" if one.rank is None else one.rank,
            words(one.config),
        )
        for one in portfolio.candidates
    ]
    output.table(("#", "model", "cost", "source", "rank there", "configuration"), rows)
    if output.verbose:
        output.say()
        for one in portfolio.candidates:
            for change in one.changed:
                output.say(f"#{one.number} {one.model}: {change}")


def words(config: Any) -> str:
    """A configuration on one line."""
    return " ".join(
        f"{name}={value:.5g}" if isinstance(value, float) else f"{name}={value}" for name, value in config.items()
    )


@baselines_command.command("check", epilog=EPILOG)
@click.argument("file")
@output_options
def check_baselines_command(output: Output, file: str) -> None:
    """Check FILE: its form, and every configuration against its model's space."""
    from automl.errors import PortfolioError
    from automl.portfolio_check import portfolio_problems
    from automl.portfolio_file import read_portfolio
    from automl.registry import load_registry

    portfolio, registry = read_portfolio(file), load_registry()
    problems = portfolio_problems(portfolio, registry)
    count = len(portfolio.candidates)
    if problems:
        told = "\n  ".join(map(str, problems))
        raise PortfolioError(f"{file}: {len(problems)} of {count} candidates cannot be used:\n  {told}")
    models = sorted({candidate.model for candidate in portfolio.candidates})
    missing = {name: registry.unusable(registry.models[name]) for name in models}
    away = {name: reason for name, reason in missing.items() if reason}
    if output.as_json:
        output.document({"file": file, "candidates": count, "models": models, "not_installed": away})
        return
    output.result(f"{file}: all {count} candidates lie in the spaces of their models ({', '.join(models)})")
    for name, reason in away.items():
        output.say(f"{name} cannot be trained here: {reason}")


@baselines_command.command("learn", epilog=EPILOG)
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option("--out", required=True, metavar="FILE", help="New portfolio file; never overwritten.")
@click.option(
    "--most", type=click.IntRange(min=1), default=30, metavar="N", help="At most so many candidates (default 30)."
)
@click.option("--summary", default="", metavar="TEXT", help="What the file says of itself.")
@output_options
def learn_command(output: Output, runs: tuple[str, ...], out: str, most: int, summary: str) -> None:
    """Mine a portfolio from finished RUNs: greedily, what lowers their mean normalised error most comes first."""
    from automl.errors import PortfolioError
    from automl.portfolio_file import write_portfolio
    from automl.portfolio_learn import learn_portfolio

    path = Path(out)
    if path.suffix != ".json":
        raise PortfolioError(f"--out {out}: a portfolio is a .json file; write it as {path.with_suffix('.json')}")
    if path.exists():
        raise PortfolioError(f"{path} is there already; portfolios are never overwritten, give another name")
    portfolio = learn_portfolio(
        [Path(run) for run in runs],
        name=path.stem,
        day=datetime.now(UTC).date().isoformat(),
        most=most,
        summary=summary,
    )
    write_portfolio(portfolio, path)
    if output.as_json:
        output.document({"file": out, "runs": len(portfolio.tasks), "candidates": len(portfolio.candidates)})
        return
    output.result(f"{out}: {len(portfolio.candidates)} candidates from {len(portfolio.tasks)} runs")
    output.say(f"next: automl fit TRAIN --target NAME --baselines {out}")
