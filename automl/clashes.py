"""Names that several plugins claim: who keeps them, and what is told.

What the engine's own distribution brings stays whatever else is installed, and so do the engine's fidelities: a plugin
must not break a run, or change what it does, merely by being installed. Among strangers nobody knows who is meant, so
that none of them has the name until one is switched off.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from automl.fidelity import ENGINE_FIDELITIES
from automl.plugin_loading import LoadedPlugin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from automl.plugin_discovery import PluginSource

DISABLE_VARIABLE = "AUTOML_DISABLE_PLUGINS"
SINGULAR = {
    "models": "model",
    "fidelities": "fidelity",
    "samplers": "sampler",
    "schedulers": "scheduler",
    "strategies": "strategy",
    "executors": "executor",
    "metrics": "metric",
    "portfolios": "portfolio",
    "trackers": "tracker",
    "commands": "command",
    "report_sections": "report section",
}


@dataclass(frozen=True, kw_only=True)
class Clash:
    """Something that several plugins claim."""

    message: str
    losers: tuple[PluginSource, ...]
    """Those that do not have what they claim."""
    names: tuple[tuple[str, str], ...] = ()
    """Kind and name of what they do not have; empty where plugins themselves are called the same, and for defaults."""

    @property
    def deliberate(self) -> bool:
        """Whether somebody registered one of the losers in this process and must be told that it is not used."""
        return any(not source.distribution for source in self.losers)


def without_twins(ordered: tuple[LoadedPlugin, ...]) -> tuple[tuple[LoadedPlugin, ...], list[Clash]]:
    """`ordered` with plugins of one name emptied, except for the engine's own."""
    clashes, kept = [], []
    for plugin in ordered:
        twins = [other.source for other in ordered if other.source.name == plugin.source.name]
        losers = _losers(twins)
        if plugin.source not in losers:
            kept.append(plugin)
            continue
        name = plugin.source.name
        installed = [twin.distribution for twin in (*reversed(losers), *twins) if twin.distribution]
        switch = f"{name}@{installed[0]}" if installed else name
        message = f"two plugins are called {name!r}: {_told(twins, losers)}; {_switch_off(switch)}"
        kept.append(LoadedPlugin(source=plugin.source, problem=message))
        if plugin.source is losers[0]:
            clashes.append(Clash(message=message, losers=tuple(losers)))
    return tuple(kept), clashes


def table_of(kind: str, plugins: tuple[LoadedPlugin, ...]) -> tuple[dict[str, Any], list[Clash]]:
    """Name -> spec of one kind. A spec whose name or alias another one keeps is left out as a whole."""
    claims: dict[str, list[tuple[PluginSource | None, Any]]] = {}
    if kind == "fidelities":
        claims = {fidelity.name: [(None, fidelity)] for fidelity in ENGINE_FIDELITIES}
    for plugin in plugins:
        for spec in plugin.offers.get(kind, ()):
            for name in {spec.name, *getattr(spec, "aliases", ())}:
                claims.setdefault(name, []).append((plugin.source, spec))
    clashes, lost = [], set()
    for name, owners in sorted(claims.items()):
        sources = [source for source, _ in owners]
        losers = _losers(sources)
        if not losers:
            continue
        specs = [spec for source, spec in owners if source in losers]
        lost |= {id(spec) for spec in specs}
        message = f"two plugins offer the {SINGULAR[kind]} {name!r}: {_told(sources, losers)}; "
        message += _switch_off(*(source.name for source in sources if source is not None))
        names = tuple((kind, one) for one in dict.fromkeys((name, *(spec.name for spec in specs))))
        clashes.append(Clash(message=message, losers=tuple(losers), names=names))
    table = {
        name: spec
        for name, owners in sorted(claims.items())
        for _, spec in owners
        if spec.name == name and id(spec) not in lost
    }
    return table, clashes


def settle_defaults(kind: str, table: dict[str, Any], plugins: tuple[LoadedPlugin, ...]) -> list[Clash]:
    """Leave at most one default in `table`, which is changed."""
    sources = {(plugin.source.name, plugin.source.distribution): plugin.source for plugin in plugins}
    rivals = [spec for spec in table.values() if getattr(spec, "default", False)]
    owners = [sources[spec.plugin, spec.distribution] for spec in rivals]
    losers = _losers(owners) if len(rivals) > 1 else []
    if not losers:
        return []
    names = [f"{spec.name!r} of {owner}" for spec, owner in zip(rivals, owners, strict=True)]
    told = _fates(names, [owner in losers for owner in owners], "stays it", "must be named")
    for spec, owner in zip(rivals, owners, strict=True):
        if owner in losers:
            table[spec.name] = replace(spec, default=False)
    switch = _switch_off(*(owner.name for owner in owners))
    return [Clash(message=f"two would be the default {SINGULAR[kind]}: {told}; {switch}", losers=tuple(losers))]


def _losers(sources: Sequence[PluginSource | None]) -> list[PluginSource]:
    """Of those who claim one thing, those that do not have it: all but the engine and its own distribution."""
    if len(sources) < 2:
        return []
    return [source for source in sources if source is not None and not source.is_own]


def _told(sources: Sequence[PluginSource | None], losers: Sequence[PluginSource]) -> str:
    names = ["the engine itself" if source is None else str(source) for source in sources]
    return _fates(names, [source in losers for source in sources], "keeps it", "is left out")


def _fates(names: list[str], lost: list[bool], kept: str, left: str) -> str:
    """What becomes of those who claim the same thing."""
    if all(lost):
        return " and ".join(names)
    return ", ".join(f"{name} {left if out else kept}" for name, out in zip(names, lost, strict=True))


def _switch_off(*names: str) -> str:
    options = " or ".join(f"--disable-plugin {name}" for name in dict.fromkeys(names))
    return f"switch one off with {options}, or with {DISABLE_VARIABLE}={names[-1]}"
