"""Whether what a hook returned is a usable spec, judged without importing what it names."""

from __future__ import annotations

import collections.abc
import re
import reprlib
import types
import typing
from dataclasses import fields
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin

from automl.fidelity import Fidelity
from automl.scalars import is_finite

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")
_STRATEGY_NAME = re.compile(r"[a-z0-9][a-z0-9_.+-]*")
_shortened = reprlib.Repr()
_shortened.maxstring = _shortened.maxother = 120
_FILE = re.compile(r"[A-Za-z_][\w.]*:[\w.-]+\.json")
_PATH = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


@cache
def field_types(base: type) -> dict[str, Any]:
    """The annotations of a spec class as objects, field by field."""
    # Annotations may name types that their module imports for type checkers only.
    hints = typing.get_type_hints(base, localns={**vars(collections.abc), "Fidelity": Fidelity})
    return {field.name: hints[field.name] for field in fields(base)}


def spec_problem(spec: object, base: type) -> str | None:
    """What is wrong with `spec`, which a hook returned as a `base`; None when nothing is.

    Checked are the type of the spec and of each field, the name (lower case, no comma or space, since
    names are listed on command lines) and the form of the paths ``"package.module:Object"``.
    """
    if not isinstance(spec, base):
        return f"{_shortened.repr(spec)} is a {type(spec).__name__}, not a {base.__name__}"
    for name, hint in field_types(base).items():
        value = getattr(spec, name)
        if not _fits(value, hint):
            return f"{base.__name__} {_name_of(spec)}: {name}={_shortened.repr(value)} must be {_words(hint)}"
    pattern = _STRATEGY_NAME if base.__name__ == "StrategySpec" else _NAME
    if not pattern.fullmatch(_name_of(spec)):
        return (
            f"{base.__name__}: name={_shortened.repr(_name_of(spec))} must be lower case letters, digits, "
            "'_', '-' or '.', and start with a letter or digit"
        )
    return None if isinstance(spec, Fidelity) else _path_problem(spec, base) or _number_problem(spec, base)


def _number_problem(spec: object, base: type) -> str | None:
    """Estimates of cost that would make the plan nonsense."""
    for name, words in (("relative_cost", "above 0"), ("memory_factor", "0 or more")):
        value = getattr(spec, name, None)
        if value is not None and (value < 0 or (value == 0 and words == "above 0")):
            return f"{base.__name__} {_name_of(spec)}: {name}={value!r} must be {words}"
    return None


def _name_of(spec: object) -> str:
    return str(getattr(spec, "name", ""))


def _path_problem(spec: object, base: type) -> str | None:
    for name in ("factory", "space"):
        path = getattr(spec, name, None)
        optional = (base.__name__ == "StrategySpec" or bool(getattr(spec, "file", None))) and not path
        if path is not None and not optional and not _PATH.fullmatch(path):
            shown = f"{base.__name__} {_name_of(spec)}: {name}={_shortened.repr(path)}"
            return f"{shown} is not of the form 'package.module:Object'"
    file = getattr(spec, "file", "")
    if file and (getattr(spec, "factory", "") or not _FILE.fullmatch(file)):
        shown = f"{base.__name__} {_name_of(spec)}: file={_shortened.repr(file)}"
        return f"{shown} must be of the form 'package:name.json', and stands in the place of a factory"
    return None


def _fits(value: object, hint: Any) -> bool:
    """Whether `value` is of the annotated type; floats must be finite and may be whole numbers."""
    origin = get_origin(hint)
    if origin is Literal:
        return any(type(value) is type(choice) and value == choice for choice in get_args(hint))
    if origin in (Union, types.UnionType):
        return any(_fits(value, choice) for choice in get_args(hint))
    if origin is tuple:
        return _tuple_fits(value, get_args(hint))
    if hint is float:
        return isinstance(value, int | float) and is_finite(value)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    plain = origin or hint
    return not isinstance(plain, type) or isinstance(value, plain)


def _tuple_fits(value: object, parts: tuple[Any, ...]) -> bool:
    if not isinstance(value, tuple):
        return False
    if len(parts) == 2 and parts[1] is Ellipsis:
        return all(_fits(item, parts[0]) for item in value)
    return len(value) == len(parts) and all(map(_fits, value, parts))


def _words(hint: Any) -> str:
    """The annotation as a plugin author would write it."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Literal:
        return " or ".join(repr(part) for part in parts)
    if origin in (Union, types.UnionType):
        return " or ".join(_words(part) for part in parts)
    if origin is tuple:
        every = len(parts) == 2 and parts[1] is Ellipsis
        return f"a tuple of {_words(parts[0])}" if every else f"a tuple ({', '.join(map(_words, parts))})"
    words = {float: "a finite number", int: "a whole number", str: "text", bool: "True or False", type(None): "None"}
    return words.get(hint) or str(getattr(hint, "__name__", hint))
