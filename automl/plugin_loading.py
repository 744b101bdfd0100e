"""Asking each plugin what it offers, so that a broken one harms nobody else.

Every plugin gets a pluggy manager of its own. One that fails validation, or whose hook raises, is thrown
away with its manager, hook order cannot matter, and a hook wrapper sees its own plugin only.

Import and hooks of a plugin run in a daemon thread with a time limit. That is the only guard that also
stops waiting for a sleep, a lock or a dead network mount, on every platform and from any thread; an
alarm signal would need the main thread and would take the user's own alarm away. The price: what hangs
stays behind as a sleeping thread until the process ends.
"""

from __future__ import annotations

import collections.abc
import difflib
import os
import threading
import time
import traceback
import typing
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import islice
from typing import Any

import pluggy

from automl import hookspecs, specs
from automl.errors import PluginError
from automl.fidelity import Fidelity
from automl.plugin_calls import done_in_time
from automl.plugin_discovery import PluginSource, WrongPluginError
from automl.spec_checks import spec_problem

SECONDS_VARIABLE = "AUTOML_PLUGIN_SECONDS"
DEFAULT_SECONDS = 10.0
"""A light plugin needs milliseconds; one that imports too much on a slow disk still passes."""
MOST_SPECS = 10_000
"""More from one hook is taken for a generator that never ends."""

inside = threading.local()
"""``inside.plugin`` is the name of the plugin that this thread is loading."""


@dataclass(frozen=True, kw_only=True)
class LoadedPlugin:
    """What came of asking a plugin."""

    source: PluginSource
    offers: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    """Kind (``models``, ...) -> what the hook returned, sorted by name; specs know their plugin."""
    problem: str = ""
    """Why it is broken, one line; empty when it is not."""
    warnings: tuple[str, ...] = ()
    details: str = ""
    """Traceback of the problem."""
    seconds: float = 0.0
    """Wall-clock seconds of import and hooks."""


@cache
def hook_types() -> dict[str, type]:
    """Every hook of `hookspecs` and the type of what it returns many of, in the order written there."""
    # The annotations name types that hookspecs imports for type checkers only.
    namespace = {**vars(collections.abc), **vars(specs), "Fidelity": Fidelity}
    hooks = {name: item for name, item in vars(hookspecs).items() if hasattr(item, "automl_spec")}
    hints = {name: typing.get_type_hints(hook, localns=namespace)["return"] for name, hook in hooks.items()}
    return {name: typing.get_args(hint)[0] for name, hint in hints.items()}


def kind_of(hook: str) -> str:
    """``models`` for ``register_models``: the name of the kind in the registry."""
    return hook.removeprefix("register_")


def limit_seconds() -> float:
    """How long one plugin's import and hooks may take: ``AUTOML_PLUGIN_SECONDS``, else 10 s."""
    text = os.environ.get(SECONDS_VARIABLE, "")
    try:
        seconds = float(text) if text else DEFAULT_SECONDS
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < threading.TIMEOUT_MAX:
        raise PluginError(f"{SECONDS_VARIABLE}={text!r} must be a number of seconds above zero")
    return seconds


def load_local(plugin: object, name: str) -> LoadedPlugin:
    """Load a module or object that is not installed; PluginError when it is broken."""
    loaded = load_plugin(PluginSource(name=name, load=lambda: plugin), limit_seconds())
    if loaded.problem:
        broken = PluginError(f"{loaded.source} is broken: {loaded.problem}")
        broken.add_note(loaded.details)
        raise broken
    return loaded


def load_plugin(source: PluginSource, seconds: float) -> LoadedPlugin:
    """Import the plugin and call its hooks; whatever goes wrong is in the result, nothing is raised."""
    started = time.perf_counter()
    stage = ["importing it"]
    outcome: list[LoadedPlugin] = []

    def work() -> None:
        inside.plugin = source.name
        try:
            offers, warnings = _ask(source, stage)
            outcome.append(LoadedPlugin(source=source, offers=offers, warnings=warnings))
        except BaseException as error:  # noqa: BLE001 - a plugin that calls sys.exit() is broken, too
            problem = (
                _one_line(error) if isinstance(error, WrongPluginError) else f"{stage[0]} failed: {_one_line(error)}"
            )
            outcome.append(LoadedPlugin(source=source, problem=problem, details=traceback.format_exc()))

    done_in_time(work, seconds, name=f"load plugin {source.name}")
    spent = time.perf_counter() - started
    if not outcome:
        problem = f"{stage[0]} took more than {seconds:g} s and was given up; AUTOML_PLUGIN_SECONDS sets the limit"
        return LoadedPlugin(source=source, problem=problem, seconds=spent)
    return replace(outcome[0], seconds=spent)


def _one_line(error: BaseException) -> str:
    text = str(error) if isinstance(error, WrongPluginError) else f"{type(error).__name__}: {error}"
    text = " ".join(text.split()).removesuffix(":")
    if isinstance(error, ModuleNotFoundError) and error.name:
        text += f" (install what provides {error.name.partition('.')[0]!r})"
    return text if len(text) <= 400 else text[:400] + "..."


def _ask(source: PluginSource, stage: list[str]) -> tuple[dict[str, tuple[Any, ...]], tuple[str, ...]]:
    plugin = source.load()
    stage[0] = "reading its hooks"
    if isinstance(plugin, type):
        plugin = plugin()
    manager = pluggy.PluginManager("automl")
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(plugin, source.name)
    except pluggy.PluginValidationError as error:
        raise WrongPluginError(f"a hook has parameters, or is no plain function: {error}") from error
    _refuse_unknown_hooks(manager)
    offers = {}
    for hook, base in hook_types().items():
        caller = getattr(manager.hook, hook)
        if caller.get_hookimpls():
            stage[0] = f"calling {hook}()"
            offers[kind_of(hook)] = _specs_of(source, caller, base)
    return offers, _warnings_about(plugin, manager)


def _refuse_unknown_hooks(manager: pluggy.PluginManager) -> None:
    """Raise WrongPluginError for a marked function that is no hook: pluggy accepts a misspelt one in silence."""
    for name, caller in sorted(vars(manager.hook).items()):
        if isinstance(caller, pluggy.HookCaller) and not caller.has_spec():
            if all(implementation.optionalhook for implementation in caller.get_hookimpls()):
                continue
            near = difflib.get_close_matches(name, hook_types(), n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else f"the hooks are {', '.join(hook_types())}"
            raise WrongPluginError(f"{name} is marked with @hookimpl but is no hook; {hint}")


def _specs_of(source: PluginSource, caller: pluggy.HookCaller, base: type) -> tuple[Any, ...]:
    """What the plugin's functions for one hook return, checked, sorted, with the plugin filled in."""
    results = caller()
    functions = [each for each in caller.get_hookimpls() if not (each.wrapper or each.hookwrapper)]
    wanted = f"it must return a list of {base.__name__}"
    if len(results) < len(functions):  # pluggy drops None
        raise WrongPluginError(f"{caller.name}() returned None; {wanted}")
    found: list[Any] = []
    for result in results:
        if isinstance(result, str | bytes | dict) or not hasattr(result, "__iter__"):
            raise WrongPluginError(f"{caller.name}() returned a {type(result).__name__}; {wanted}")
        found += islice(result, MOST_SPECS + 1)
    if len(found) > MOST_SPECS:
        raise WrongPluginError(f"{caller.name}() returned more than {MOST_SPECS} specs; {wanted}")
    for spec in found:
        problem = spec_problem(spec, base)
        if problem:
            raise WrongPluginError(f"{caller.name}() returned a wrong spec: {problem}")
    names = [name for spec in found for name in {spec.name, *getattr(spec, "aliases", ())}]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise WrongPluginError(f"{caller.name}() returned two specs with the name or alias {twice[0]!r}; rename one")
    return tuple(_signed(spec, source) for spec in sorted(found, key=lambda spec: str(spec.name)))


def _signed(spec: Any, source: PluginSource) -> Any:
    """`spec` with plugin and distribution filled in; a Fidelity has no such fields and stays as it is."""
    if not hasattr(spec, "plugin"):
        return spec
    return replace(spec, plugin=source.name, distribution=source.distribution)


def _warnings_about(plugin: object, manager: pluggy.PluginManager) -> tuple[str, ...]:
    """Functions with the name of a hook that lack the mark, and plugins without any hook."""
    unmarked = [
        hook
        for hook in hook_types()
        if callable(getattr(plugin, hook, None)) and not getattr(manager.hook, hook).get_hookimpls()
    ]
    if unmarked:
        return tuple(f"{hook}() lacks the mark @automl.hookimpl, so it is not called" for hook in unmarked)
    if not manager.get_hookcallers(plugin):
        return ("it has no function marked with @automl.hookimpl, so it adds nothing",)
    return ()
