"""The registry record: what the enabled plugins offer, by kind and name, put together from all of them.

Everything is sorted by name, so the order of installation or registration never matters. Two plugins
that claim one name are refused until one is switched off.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from automl.errors import PluginError, UnknownNameError
from automl.fidelity import ENGINE_FIDELITIES, Fidelity
from automl.plugin_discovery import PluginSource, describe
from automl.plugin_loading import LoadedPlugin, hook_types, kind_of, load_local

if TYPE_CHECKING:
    from automl.specs import (
        CommandSpec,
        ExecutorSpec,
        MetricSpec,
        ModelSpec,
        PortfolioSpec,
        SamplerSpec,
        SchedulerSpec,
        SectionSpec,
        Spec,
        StrategySpec,
        TrackerSpec,
    )

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
KINDS = tuple(SINGULAR)
"""The kinds of things that plugins add, as the attributes of a `Registry` are called."""


@dataclass(frozen=True, kw_only=True)
class PluginInfo:
    """One plugin, as ``automl plugins`` lists it."""

    name: str
    distribution: str
    """Installed distribution it came in; empty for a plugin registered in this process."""
    version: str
    status: Literal["ok", "broken", "off"]
    message: str = ""
    """Why it is broken, or what looks wrong about it; one line."""
    provides: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Kind -> names, only kinds with at least one."""
    details: str = ""
    """Traceback behind the message."""
    seconds: float = 0.0
    """What its import and its hooks cost at start-up, wall clock."""

    def __str__(self) -> str:
        return describe(self.name, self.distribution, self.version)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**vars(self), "provides": {kind: list(names) for kind, names in self.provides.items()}}


@dataclass(frozen=True, kw_only=True, eq=False)
class Registry:
    """What the enabled plugins offer: a dict for each kind, sorted by name.

    Shared by everyone in the process: read it, do not change it. `register` makes a new one.
    """

    models: dict[str, ModelSpec] = field(default_factory=dict)
    fidelities: dict[str, Fidelity] = field(default_factory=dict)
    """The engine's own ``rows`` and ``folds`` are among them."""
    samplers: dict[str, SamplerSpec] = field(default_factory=dict)
    schedulers: dict[str, SchedulerSpec] = field(default_factory=dict)
    strategies: dict[str, StrategySpec] = field(default_factory=dict)
    executors: dict[str, ExecutorSpec] = field(default_factory=dict)
    metrics: dict[str, MetricSpec] = field(default_factory=dict)
    portfolios: dict[str, PortfolioSpec] = field(default_factory=dict)
    trackers: dict[str, TrackerSpec] = field(default_factory=dict)
    commands: dict[str, CommandSpec] = field(default_factory=dict)
    report_sections: dict[str, SectionSpec] = field(default_factory=dict)
    plugins: tuple[PluginInfo, ...] = ()
    """Every plugin found, sorted by name: used, broken and switched off."""
    clashes: tuple[str, ...] = ()
    """Names claimed twice, a message each; nobody has them. Only with ``allow_clashes``."""
    loaded: tuple[LoadedPlugin, ...] = field(default=(), repr=False)

    @property
    def broken(self) -> tuple[PluginInfo, ...]:
        """The plugins that were skipped because they are broken."""
        return tuple(info for info in self.plugins if info.status == "broken")

    def get(self, kind: str, name: str) -> Any:
        """The spec of this kind (``models``, ``samplers``, ...; singular too) and name or alias.

        Raises UnknownNameError with the nearest names, the broken plugins that may have brought it and
        those that are switched off.
        """
        plural = next((many for many, one in SINGULAR.items() if kind in (many, one)), None)
        if plural is None:
            raise PluginError(f"there is no kind {kind!r} of plugin; the kinds are {', '.join(KINDS)}")
        table: dict[str, Any] = getattr(self, plural)
        if name in table:
            return table[name]
        for spec in table.values():
            if name in getattr(spec, "aliases", ()):
                return spec
        raise UnknownNameError(self._unknown(SINGULAR[plural], name, list(table)))

    def default(self, kind: str) -> Any:
        """The spec of this kind that is used where nobody names one; None when no plugin offers one."""
        found = [spec for spec in getattr(self, kind).values() if spec.default]
        return found[0] if len(found) == 1 else None

    def _unknown(self, word: str, name: str, known: list[str]) -> str:
        near = difflib.get_close_matches(str(name).lower(), known, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known) or 'none'}."
        message = f"no {word} is called {name!r}; {hint}"
        if self.broken:
            reasons = "; ".join(f"{info}: {info.message}" for info in self.broken)
            message += f" It may belong to a plugin that is broken: {reasons}."
        off = [info.name for info in self.plugins if info.status == "off"]
        if off:
            message += f" Plugins switched off: {', '.join(off)}."
        return message

    def unusable(self, spec: Spec) -> str | None:
        """Why `spec` cannot be used here (a package is missing), with the pip line; None when it can."""
        missing = spec.missing()
        if not missing:
            return None
        return f"needs {', '.join(missing)}, which is not installed: pip install '{spec.install or ' '.join(missing)}'"

    def register(self, plugin: object, name: str) -> Registry:
        """A new registry with `plugin` added: a module or an object with marked hook functions.

        This one stays as it is, so a test need not clean up. To make the whole process use a plugin that
        is not installed, call `register_plugin`. Raises PluginError when the plugin is broken or clashes.
        """
        return assemble((*self.loaded, load_local(plugin, name)), off=self._off())

    def _off(self) -> tuple[PluginInfo, ...]:
        return tuple(info for info in self.plugins if info.status == "off")


# -- putting plugins together ---------------------------------------------------------------------


def assemble(loaded: tuple[LoadedPlugin, ...], *, off: tuple[PluginInfo, ...], allow_clashes: bool = False) -> Registry:
    """One registry of all plugins; raises PluginError when two claim one name, unless that is allowed."""
    ordered = tuple(sorted(loaded, key=lambda plugin: (plugin.source.name, plugin.source.distribution)))
    ordered, clashes = _without_twins(ordered)
    tables: dict[str, dict[str, Any]] = {}
    for kind in (kind_of(hook) for hook in hook_types()):
        tables[kind], more = _table(kind, ordered)
        clashes += more
        clashes += _rival_defaults(kind, tables[kind])
    if clashes and not allow_clashes:
        raise PluginError("\n".join(clashes))
    infos = [*off, *(_info(plugin, tables) for plugin in ordered)]
    infos.sort(key=lambda info: (info.name, info.distribution))
    return Registry(**tables, plugins=tuple(infos), clashes=tuple(clashes), loaded=ordered)


def _without_twins(ordered: tuple[LoadedPlugin, ...]) -> tuple[tuple[LoadedPlugin, ...], list[str]]:
    """`ordered` with plugins of one name emptied, and a message for each such name."""
    clashes, kept = [], []
    for plugin in ordered:
        name = plugin.source.name
        twins = [other.source for other in ordered if other.source.name == name]
        if len(twins) == 1:
            kept.append(plugin)
            continue
        switch = f"{name}@{next(twin.distribution for twin in reversed(twins) if twin.distribution)}"
        message = f"two plugins are called {name!r}: {twins[0]} and {twins[-1]}; {_switch_off(switch)}"
        kept.append(LoadedPlugin(source=plugin.source, problem=message))
        if plugin.source is twins[0]:
            clashes.append(message)
    return tuple(kept), clashes


def _table(kind: str, plugins: tuple[LoadedPlugin, ...]) -> tuple[dict[str, Any], list[str]]:
    """Name -> spec of one kind, and a message for each name (or alias) that two plugins claim."""
    claims: dict[str, list[tuple[PluginSource | None, Any]]] = {}
    if kind == "fidelities":
        claims = {fidelity.name: [(None, fidelity)] for fidelity in ENGINE_FIDELITIES}
    for plugin in plugins:
        for spec in plugin.offers.get(kind, ()):
            for name in {spec.name, *getattr(spec, "aliases", ())}:
                claims.setdefault(name, []).append((plugin.source, spec))
    table, clashes = {}, []
    for name, owners in sorted(claims.items()):
        if len(owners) == 1:
            if owners[0][1].name == name:
                table[name] = owners[0][1]
            continue
        first, second = owners[0][0], owners[1][0]
        whose = "the engine itself" if first is None else str(first)
        names = [source.name for source in (first, second) if source is not None]
        clashes.append(f"two plugins offer the {SINGULAR[kind]} {name!r}: {whose} and {second}; {_switch_off(*names)}")
    return table, clashes


def _rival_defaults(kind: str, table: dict[str, Any]) -> list[str]:
    """A message when two specs of one kind want to be the default."""
    rivals = [spec for spec in table.values() if getattr(spec, "default", False)]
    if len(rivals) < 2:
        return []
    first, second = rivals[:2]
    told = " and ".join(f"{spec.name!r} of plugin {spec.plugin!r} ({spec.distribution})" for spec in (first, second))
    return [f"two would be the default {SINGULAR[kind]}: {told}; {_switch_off(first.plugin, second.plugin)}"]


def _switch_off(*names: str) -> str:
    options = " or ".join(f"--disable-plugin {name}" for name in dict.fromkeys(names))
    return f"switch one off with {options}, or with {DISABLE_VARIABLE}={names[-1]}"


def _info(plugin: LoadedPlugin, tables: dict[str, dict[str, Any]]) -> PluginInfo:
    provides = {
        kind: tuple(spec.name for spec in specs if spec.name in tables[kind]) for kind, specs in plugin.offers.items()
    }
    return PluginInfo(
        name=plugin.source.name,
        distribution=plugin.source.distribution,
        version=plugin.source.version,
        status="broken" if plugin.problem else "ok",
        message=plugin.problem or "; ".join(plugin.warnings),
        provides={kind: names for kind, names in provides.items() if names},
        details=plugin.details,
        seconds=plugin.seconds,
    )
