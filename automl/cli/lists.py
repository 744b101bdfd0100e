"""``automl models``, ``automl metrics``, ``automl plugins``: what can be asked for by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from automl.cli.exits import EPILOG
from automl.cli.options import NearestChoice, output_options
from automl.errors import SettingsError

if TYPE_CHECKING:
    from automl.cli.output import Output
    from automl.registry import Registry

PROBLEM_TYPES = ("binary", "multiclass", "regression")


@click.command("models", epilog=EPILOG)
@click.argument("name", required=False)
@click.option("--task", type=NearestChoice(PROBLEM_TYPES), metavar="TYPE", help="With NAME: the space for this type.")
@output_options
def models_command(output: Output, name: str | None, task: str | None) -> None:
    """List models: where they come from, what they can do, and why some cannot be used here.

    With NAME, that model's search space: the names that `--space` takes, with ranges, choices and defaults.
    """
    from automl.registry import load_registry

    registry = load_registry()
    if name is not None:
        from automl.cli.spaces import show_space

        show_space(output, registry, name, task)
        return
    if task is not None:
        raise SettingsError("--task is for the space of one model: automl models NAME --task TYPE")
    specs = list(registry.models.values())
    reasons = {spec.name: registry.unusable(spec) for spec in specs}
    if output.as_json:
        rows = [
            {
                "name": spec.name,
                "summary": spec.summary,
                "plugin": spec.plugin,
                "distribution": spec.distribution,
                "problem_types": list(spec.problem_types),
                "form": spec.form,
                "usable": reasons[spec.name] is None,
                "reason": reasons[spec.name] or "",
            }
            for spec in specs
        ]
        output.document({"models": rows})
        return
    if output.quiet:
        output.result("\n".join(name for name, reason in reasons.items() if reason is None))
        return
    head = ("model", "plugin", "problem types", "form", "what it is")
    output.table(
        head,
        [
            (spec.name, spec.plugin, " ".join(spec.problem_types), spec.form, reasons[spec.name] or spec.summary)
            for spec in specs
        ],
    )


@click.command("metrics", epilog=EPILOG)
@output_options
def metrics_command(output: Output) -> None:
    """List metrics with their other names, and whether high or low is good."""
    from automl.registry import load_registry

    specs = list(load_registry().metrics.values())
    if output.as_json:
        rows = [
            {
                "name": spec.name,
                "summary": spec.summary,
                "aliases": list(spec.aliases),
                "problem_types": list(spec.problem_types),
                "greater_is_better": spec.greater_is_better,
                "plugin": spec.plugin,
            }
            for spec in specs
        ]
        output.document({"metrics": rows})
        return
    if output.quiet:
        output.result("\n".join(spec.name for spec in specs))
        return
    head = ("metric", "good", "problem types", "other names", "what it is")
    output.table(
        head,
        [
            (
                spec.name,
                "high" if spec.greater_is_better else "low",
                " ".join(spec.problem_types),
                " ".join(spec.aliases),
                spec.summary,
            )
            for spec in specs
        ],
    )


@click.command("strategies", epilog=EPILOG)
@output_options
def strategies_command(output: Output) -> None:
    """List strategies by name, and the samplers and schedulers that make a pair SAMPLER+SCHEDULER."""
    from automl.registry import load_registry

    registry = load_registry()
    rows: list[dict[str, str]] = []
    for kind in ("strategies", "samplers", "schedulers"):
        for spec in getattr(registry, kind).values():
            pair = f"{spec.sampler}+{spec.scheduler}" if kind == "strategies" else ""
            reason = _why_unusable(registry, kind, spec)
            rows.append(
                {"kind": _SINGULAR[kind], "name": spec.name, "pair": pair, "plugin": spec.plugin, "reason": reason,
                 "summary": spec.summary}
            )  # fmt: skip
    if output.as_json:
        output.document({"strategies": rows})
    elif output.quiet:
        output.result("\n".join(row["name"] for row in rows if row["kind"] == "strategy" and not row["reason"]))
    else:
        table = [(row["kind"], row["name"], row["pair"], row["reason"] or row["summary"]) for row in rows]
        output.table(("kind", "name", "is", "what it does"), table)


_SINGULAR = {"strategies": "strategy", "samplers": "sampler", "schedulers": "scheduler"}


def _why_unusable(registry: Registry, kind: str, spec: Any) -> str:
    """What is missing for a strategy or one of its parts; empty when nothing is."""
    from automl.errors import AutomlError
    from automl.strategy_names import strategy_parts

    parts = [spec]
    if kind == "strategies":
        try:
            parts = list(strategy_parts(spec.name, registry)[:2])
        except AutomlError as error:
            return str(error)
    reasons = [registry.unusable(part) for part in parts]
    return next((reason for reason in reasons if reason), "")


@click.command("plugins", epilog=EPILOG)
@output_options
def plugins_command(output: Output) -> None:
    """List plugins with what they add; broken ones and clashes with the reason."""
    from automl.registry import load_registry

    registry = load_registry(quiet=True)
    if output.as_json:
        output.document({"plugins": [info.to_dict() for info in registry.plugins], "clashes": list(registry.clashes)})
        return
    if output.quiet:
        output.result("\n".join(info.name for info in registry.plugins if info.status == "ok"))
        return
    rows = []
    for info in registry.plugins:
        provides = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in info.provides.items())
        rows.append(
            (info.name, info.distribution, info.version, info.status, "; ".join(filter(None, (provides, info.message))))
        )
    output.table(("plugin", "distribution", "version", "status", "what it adds"), rows)
    for clash in registry.clashes:
        output.say(f"clash: {clash}")
    for info in registry.broken if output.verbose else ():
        output.say(f"\n{info}\n{info.details}")
