"""What a user wants changed in the models' search spaces: narrowed, fixed or widened hyperparameters, read from
options, files and Python values, without importing ConfigSpace.

One change is written ``MODEL.NAME=VALUE``, with one value, values separated by commas, ``LOW..HIGH`` with ``:log``,
``:linear`` or ``:pow2`` behind it.
"""

from __future__ import annotations

import json
import re
import runpy
import tomllib
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automl.errors import SettingsError
from automl.scalars import as_plain, is_finite

SUFFIXES = (".toml", ".yaml", ".yml", ".json", ".py")
SCALES = ("log", "linear", "pow2")
_RANGE = re.compile(r"^\s*([^.\s].*?)\s*\.\.\s*([^.\s].*?)\s*(?::\s*([a-z0-9]+)\s*)?$")
_HELP = "write it as MODEL.NAME=VALUE, =A,B,C, =LOW..HIGH or =LOW..HIGH:log"


@dataclass(frozen=True, kw_only=True)
class Change:
    """One hyperparameter of one model: a range, or values to choose from (one value: fixed)."""

    model: str
    name: str
    low: float | int | None = None
    high: float | int | None = None
    scale: str = ""
    """``log``, ``linear``, ``pow2`` (powers of two only), or empty: as the model has it."""
    values: tuple[Any, ...] = ()
    textual: bool = False
    """Whether `values` are words of the command line, still to be read as what the hyperparameter holds."""
    source: str = ""
    """Where it was written, for messages."""

    @property
    def is_range(self) -> bool:
        """Whether it names a range and no values."""
        return not self.values

    def __str__(self) -> str:
        """As the command line takes it."""
        if self.is_range:
            return f"{self.model}.{self.name}={self.low}..{self.high}" + (f":{self.scale}" if self.scale else "")
        words = [_quoted(value) if isinstance(value, str) else json.dumps(value) for value in self.values]
        return f"{self.model}.{self.name}={','.join(words)}"


def _quoted(word: str) -> str:
    return '"' + word.replace('"', '""') + '"' if set(word) & set(',"') or word != word.strip() else word


def read_changes(given: Any) -> tuple[Change, ...]:
    """Changes from a file's path, an expression, a mapping ``{model: {name: value}}``, or a sequence of these.

    Raises SettingsError, naming the file or expression and what is wrong with it. Of two changes to one
    hyperparameter the later one counts.
    """
    if given is None:
        return ()
    if isinstance(given, Change):
        return (given,)
    if isinstance(given, str | Path):
        found = _of_file(Path(given)) if _is_file(given) else [_of_expression(str(given))]
    elif isinstance(given, Mapping):
        found = _of_mapping(given, "space")
    elif isinstance(given, Sequence):
        found = [change for one in given for change in read_changes(one)]
    else:
        raise SettingsError(
            f"space={given!r} is a {type(given).__name__}; give a file, an expression, a list of them, or "
            '{"model": {"hyperparameter": value}}'
        )
    return tuple({(change.model, change.name): change for change in found}.values())


def _is_file(given: str | Path) -> bool:
    if isinstance(given, Path) or ("=" not in given and str(given).endswith(SUFFIXES)):
        return True
    try:
        return Path(given).is_file()
    except OSError:  # too long for a name, as an expression may be
        return False


def _of_expression(text: str) -> Change:
    target, sign, right = text.partition("=")
    model, dot, name = target.strip().partition(".")
    if not (sign and dot and model.strip() and name.strip() and right.strip()):
        near = f"; a file ends in {', '.join(SUFFIXES)}" if not sign else ""
        raise SettingsError(f"space {text!r} is not understood; {_HELP}{near}")
    return _of_text(model.strip(), name.strip(), right, f"space {text}")


def _of_text(model: str, name: str, text: str, source: str) -> Change:
    """A range, or words separated by commas; a word in double quotes may hold one."""
    import csv

    found = _RANGE.match(text)
    if found:
        low, high = (_number(word, source) for word in found.group(1, 2))
        return _range(model, name, low, high, found.group(3) or "", source)
    words = [word.strip() for word in next(csv.reader([text], skipinitialspace=True))]
    if "" in words:
        raise SettingsError(f"{source}: a value is empty; {_HELP}")
    return Change(model=model, name=name, values=tuple(words), textual=True, source=source)


def _number(word: str, source: str) -> float | int:
    try:
        return int(word)
    except ValueError:
        pass
    try:
        return float(word)
    except ValueError:
        raise SettingsError(f"{source}: {word!r} is not a number; a range is written LOW..HIGH") from None


def _range(model: str, name: str, low: Any, high: Any, scale: str, source: str) -> Change:
    for value in (low, high):
        if not is_finite(value):
            raise SettingsError(f"{source}: {value!r} is not a finite number; a range has two")
    if not low < high:
        raise SettingsError(
            f"{source}: {low} is not below {high}; a range is written LOW..HIGH, one value alone is fixed"
        )
    if scale not in ("", *SCALES):
        raise SettingsError(f"{source}: scale {scale!r} is not known; use {', '.join(SCALES)}")
    if scale in ("log", "pow2") and low <= 0:
        raise SettingsError(f"{source}: the {scale} scale needs numbers above zero, and the range begins at {low}")
    return Change(model=model, name=name, low=as_plain(low), high=as_plain(high), scale=scale, source=source)


def _of_mapping(plain: Mapping[Any, Any], where: str) -> list[Change]:
    """Changes of ``{model: {name: value}}`` or ``{"model.name": value}``."""
    found = []
    for key, inner in plain.items():
        model, dot, name = str(key).partition(".")
        if dot:
            found.append(_of_value(model, name, inner, f"{where}: {key}"))
        elif isinstance(inner, Mapping):
            found += [_of_value(model, str(one), value, f"{where}: {model}.{one}") for one, value in inner.items()]
        else:
            raise SettingsError(
                f"{where}: {key!r} stands for {inner!r}; under a model there are hyperparameters with their values"
            )
    return found


def _of_value(model: str, name: str, value: Any, source: str) -> Change:
    """A change of what a file or Python holds: a value, a list of values, a range in words or as a tuple or mapping."""
    if isinstance(value, Mapping):
        return _of_parts(model, name, value, source)
    if isinstance(value, tuple):
        if len(value) not in (2, 3):
            raise SettingsError(
                f"{source}: {value!r} has {len(value)} parts; a range is (low, high) or (low, high, scale)"
            )
        return _range(model, name, value[0], value[1], str(value[2]) if len(value) > 2 else "", source)
    if hasattr(value, "tolist"):  # an array, or a number of NumPy's
        value = value.tolist()
    if isinstance(value, list):
        if not value:
            raise SettingsError(f"{source}: the list of values is empty; name at least one")
        return Change(model=model, name=name, values=tuple(_plain(one, source) for one in value), source=source)
    if isinstance(value, str) and _RANGE.match(value):
        return _of_text(model, name, value, source)
    return Change(model=model, name=name, values=(_plain(value, source),), source=source)


def _of_parts(model: str, name: str, parts: Mapping[Any, Any], source: str) -> Change:
    if "values" in parts and len(parts) == 1 and isinstance(parts["values"], list | tuple):
        return _of_value(model, name, list(parts["values"]), source)
    unknown = sorted(set(parts) - {"low", "high", "log", "scale"})
    if unknown or not {"low", "high"} <= set(parts):
        told = f"{unknown[0]!r} is not known" if unknown else "low or high is missing"
        raise SettingsError(f"{source}: {told}; a range has low and high, and log = true or scale, others have values")
    scale = str(parts.get("scale", ""))
    if "log" in parts:
        scale = "log" if parts["log"] else "linear"
    return _range(model, name, parts["low"], parts["high"], scale, source)


def _plain(value: Any, source: str) -> Any:
    value = as_plain(value)
    if isinstance(value, int) and not isinstance(value, bool) and not is_finite(value):
        raise SettingsError(f"{source}: a number of {value.bit_length()} bits is too large; use one below 1e308")
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise SettingsError(f"{source}: {value!r} is a {type(value).__name__}; use text, true, false, numbers or null")


def _of_file(path: Path) -> list[Change]:
    if not path.is_file():
        raise SettingsError(
            f"space file {path} is not there; give a file ({', '.join(SUFFIXES)}), or an expression: {_HELP}"
        )
    plain = _load(path)
    if not isinstance(plain, Mapping):
        raise SettingsError(
            f"space file {path} holds a {type(plain).__name__}; it must hold models with their hyperparameters, "
            "as in docs/spaces.md"
        )
    if not plain:
        raise SettingsError(f"space file {path} is empty; name models with their hyperparameters, as in docs/spaces.md")
    return _of_mapping(plain, str(path))


def _load(path: Path) -> Any:
    """What a file holds, as plain values. A Python file is run: it is the user's own, as a plugin is."""
    suffix = path.suffix.lower()
    if suffix == ".py":
        return _run(path)
    try:
        text = path.read_text(encoding="utf-8")
        if suffix == ".toml":
            return tomllib.loads(text)
        if suffix == ".json":
            return json.loads(text, object_pairs_hook=_once_each)
    except (OSError, ValueError) as error:
        raise SettingsError(f"space file {path} cannot be read: {error}") from error
    except RecursionError as error:
        raise SettingsError(f"space file {path} is nested too deeply to be one; see docs/spaces.md") from error
    if suffix not in (".yaml", ".yml"):
        raise SettingsError(f"space file {path}: {suffix or 'no ending'} is not known; use {', '.join(SUFFIXES)}")
    try:
        import yaml  # type: ignore[import-untyped]
    except ImportError as error:
        raise SettingsError(f"space file {path} needs PyYAML: pip install pyyaml; or write it as TOML") from error

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            _once_each((self.construct_object(key, deep=True), None) for key, _ in node.value)
            return super().construct_mapping(node, deep=deep)

    try:
        return _floats(yaml.load(text, Loader))  # noqa: S506 - a safe one
    except (yaml.YAMLError, ValueError) as error:  # a date that no calendar has is a ValueError
        raise SettingsError(f"space file {path} is not YAML: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise SettingsError(
            f"space file {path} holds itself, by an alias (*name) inside its anchor (&name), or is nested too deeply"
        ) from error


def _once_each(pairs: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
    """A mapping; ValueError where a name stands in it twice, the first of which JSON and YAML would forget."""
    found: dict[Any, Any] = {}
    for name, value in pairs:
        if isinstance(name, Hashable):
            if name in found:
                raise ValueError(f"{name!r} stands there twice; write it once, with all its values")
            found[name] = value
    return found


def _floats(value: Any) -> Any:
    """YAML 1.1 reads ``1e-6`` as text, which nobody means."""
    if isinstance(value, dict):
        return {key: _floats(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_floats(one) for one in value]
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+", value):
        return float(value)
    return value


def _run(path: Path) -> Any:
    try:
        names = runpy.run_path(str(path))
    except (Exception, SystemExit) as error:
        raise SettingsError(f"space file {path} raised {type(error).__name__}: {error}") from error
    if "SPACE" not in names:
        raise SettingsError(f"space file {path} has no SPACE = {{...}}; it must hold models with their hyperparameters")
    return names["SPACE"]
