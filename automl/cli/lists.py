"""``automl models``, ``automl metrics``, ``automl plugins``."""

from __future__ import annotations

import click

from automl.cli.options import output_options


@click.command("models")
@output_options
def models_command(as_json: bool, quiet: bool, verbose: bool) -> None:
    """List models, and why some cannot be used here."""
    from automl.cli.words import say, say_json, table
    from automl.registry import load_registry

    registry = load_registry()
    specs = list(registry.models.values())
    if as_json:
        rows = [
            {
                "name": spec.name,
                "plugin": spec.plugin,
                "distribution": spec.distribution,
                "summary": spec.summary,
                "problem_types": list(spec.problem_types),
                "form": spec.form,
                "usable": not registry.unusable(spec),
                "reason": registry.unusable(spec) or "",
            }
            for spec in specs
        ]
        say_json({"models": rows})
        return
    if quiet:
        say("\n".join(spec.name for spec in specs if not registry.unusable(spec)))
        return
    say(table(("model", "plugin", "form", "for", ""), [
        (spec.name, spec.plugin, spec.form, ",".join(spec.problem_types), registry.unusable(spec) or spec.summary)
        for spec in specs
    ]))  # fmt: skip
    if verbose:
        for spec in specs:
            say(f"{spec.name}: {spec.factory}, fidelities {[getattr(one, 'name', one) for one in spec.fidelities]}")


@click.command("metrics")
@output_options
def metrics_command(as_json: bool, quiet: bool, verbose: bool) -> None:
    """List metrics."""
    from automl.cli.words import say, say_json, table
    from automl.registry import load_registry

    specs = list(load_registry().metrics.values())
    if as_json:
        rows = [
            {
                "name": spec.name,
                "aliases": list(spec.aliases),
                "problem_types": list(spec.problem_types),
                "greater_is_better": spec.greater_is_better,
                "summary": spec.summary,
                "plugin": spec.plugin,
            }
            for spec in specs
        ]
        say_json({"metrics": rows})
        return
    if quiet:
        say("\n".join(spec.name for spec in specs))
        return
    say(table(("metric", "best", "for", "also called", ""), [
        (spec.name, "high" if spec.greater_is_better else "low", ",".join(spec.problem_types), ",".join(spec.aliases),
         spec.summary)
        for spec in specs
    ]))  # fmt: skip
    if verbose:
        for spec in specs:
            say(f"{spec.name}: {spec.factory}")


@click.command("plugins")
@output_options
def plugins_command(as_json: bool, quiet: bool, verbose: bool) -> None:
    """List plugins with what they add; broken ones with their reason."""
    from automl.cli.words import say, say_json, table
    from automl.registry import load_registry

    registry = load_registry(allow_clashes=True)
    if as_json:
        rows = [
            {
                "name": info.name,
                "distribution": info.distribution,
                "version": info.version,
                "status": info.status,
                "message": info.message,
                "provides": {kind: list(names) for kind, names in info.provides.items()},
            }
            for info in registry.plugins
        ]
        say_json({"plugins": rows, "clashes": [str(clash) for clash in registry.clashes]})
        return
    if quiet:
        say("\n".join(info.name for info in registry.plugins))
        return
    body = []
    for info in registry.plugins:
        added = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in info.provides.items() if names)
        body.append((info.name, info.distribution, info.version, info.status, info.message or added))
    say(table(("plugin", "distribution", "version", "status", ""), body))
    for clash in registry.clashes:
        say(f"clash: {clash}")
    if verbose:
        say("switch one off with --disable-plugin NAME or AUTOML_DISABLE_PLUGINS=NAME")
