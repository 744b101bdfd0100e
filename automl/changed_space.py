"""A model's search space with the user's changes: narrowed, fixed or widened hyperparameters."""

from __future__ import annotations

import difflib
import math
from typing import TYPE_CHECKING, Any

from automl.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ConfigSpace import ConfigurationSpace

    from automl.protocols import Config
    from automl.space_changes import Change

_WORDS = {"true": True, "false": False, "none": None, "null": None}
Parts = dict[str, Any]


def change_space(space: ConfigurationSpace, changes: Sequence[Change]) -> ConfigurationSpace:
    """`space` with `changes` made; conditions and forbidden clauses stay as far as they still can apply.

    A default outside of what is left moves to the nearest value. Hyperparameters that can no longer be active are
    taken out. Raises SettingsError, naming the change and the nearest legal name or value.
    """
    from ConfigSpace import ConfigurationSpace as Space

    plain = space.to_serialized_dict()
    parts: dict[str, Parts] = {one["name"]: one for one in plain["hyperparameters"]}
    for change in changes:
        if change.name not in parts:
            near = difflib.get_close_matches(change.name, parts, n=3, cutoff=0.5)
            hint = f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(sorted(parts)) or 'none'}"
            raise SettingsError(f"{change.source}: model {change.model} has no hyperparameter {change.name!r}; {hint}")
        parts[change.name] = _changed(parts[change.name], change)
    conditions = _conditions(plain["conditions"], parts)
    names = [one["name"] for one in plain["hyperparameters"] if one["name"] in parts]
    made = {
        **plain,
        "hyperparameters": [parts[name] for name in names],
        "conditions": conditions,
        "forbiddens": [kept for one in plain["forbiddens"] if (kept := _forbidden(one, parts)) is not None],
    }
    try:
        return Space.from_serialized_dict(made)
    except Exception as error:  # ConfigSpace raises a dozen unrelated types here
        told = "; ".join(change.source for change in changes)
        raise SettingsError(f"{told}: the space that is left has no legal default: {error}") from error


def adapt_config(config: Config, space: ConfigurationSpace, whole: ConfigurationSpace) -> Config:
    """`config`, which fits the model's own space `whole`, moved into `space`: numbers to the nearest bound, other values
    to the default; hyperparameters that were taken out are left out.
    """
    known = {hyperparameter.name: hyperparameter for hyperparameter in space.values()}
    own = {hyperparameter.name for hyperparameter in whole.values()}
    moved = {}
    for name, value in config.items():
        if name not in known:
            if name not in own:
                moved[name] = value  # unknown to the model itself: a matter for whoever checks the configuration
            continue
        moved[name] = _nearest_value(known[name], value)
    return moved


def _nearest_value(hyperparameter: Any, value: Any) -> Any:
    if hasattr(hyperparameter, "lower") and isinstance(value, int | float) and not isinstance(value, bool):
        return min(max(value, hyperparameter.lower), hyperparameter.upper)
    values = getattr(hyperparameter, "sequence", None) or getattr(hyperparameter, "choices", None)
    if values is None:
        return value
    plain = [one.item() if hasattr(one, "item") else one for one in values]
    if any(one == value and isinstance(one, bool) == isinstance(value, bool) for one in plain):
        return value
    return _nearest_of(plain, value, hyperparameter.default_value)


def _nearest_of(values: Sequence[Any], wanted: Any, otherwise: Any) -> Any:
    """The value nearest to `wanted` among numbers, else `otherwise`."""
    if all(_is_number(one) for one in (*values, wanted)):
        return min(values, key=lambda one: (abs(one - wanted), one))
    return otherwise


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


# -- one hyperparameter ---------------------------------------------------------------------------


def _changed(part: Parts, change: Change) -> Parts:
    """The hyperparameter in ConfigSpace's own words, with the change made."""
    kind = part["type"]
    if kind == "categorical":
        return _fewer_choices(part, change)
    if kind == "ordinal":
        return _sequence(part, change, list(part["sequence"]))
    if kind == "constant":
        return _sequence({**part, "default_value": part["value"]}, change, [part["value"]])
    whole = kind.endswith("_int")
    if change.is_range and change.scale != "pow2":
        return _range(part, change, whole=whole)
    return _sequence(part, change, [], whole=whole)


def _range(part: Parts, change: Change, *, whole: bool) -> Parts:
    low, high = change.low, change.high
    assert low is not None
    assert high is not None
    if whole and (low != int(low) or high != int(high)):
        raise SettingsError(
            f"{change.source}: {change.name} holds whole numbers, and {low}..{high} does not begin and end so"
        )
    log = change.scale == "log" or (change.scale == "" and bool(part.get("log")))
    if log and low <= 0:
        raise SettingsError(
            f"{change.source}: {change.name} is searched on a log scale, and the range begins at {low}; "
            f"begin above zero or write {low}..{high}:linear"
        )
    low, high = (int(low), int(high)) if whole else (float(low), float(high))
    return {
        "type": "uniform_int" if whole else "uniform_float",
        "name": part["name"],
        "lower": low,
        "upper": high,
        "default_value": min(max(part["default_value"], low), high),
        "log": log,
        "meta": part.get("meta"),
    }


def _sequence(part: Parts, change: Change, own: list[Any], *, whole: bool = False) -> Parts:
    """Values in their order. `own`: those that the model has; numbers may be others."""
    numeric = all(_is_number(one) for one in own)
    if change.is_range:
        values = _of_range(own, change, whole=whole)
    elif numeric:
        values = sorted({_as_number(one, change, whole=whole or _all_whole(own)) for one in change.values})
    else:
        wanted = [_choice(own, one, change) for one in change.values]
        values = [one for one in own if one in wanted]
    default = part["default_value"]
    return {
        "type": "ordinal",
        "name": part["name"],
        "sequence": values,
        "default_value": default if default in values else _nearest_of(values, default, values[0]),
        "meta": part.get("meta"),
    }


def _all_whole(values: list[Any]) -> bool:
    return bool(values) and all(isinstance(one, int) for one in values)


def _of_range(own: list[Any], change: Change, *, whole: bool) -> list[Any]:
    """The model's own values in a range, or the powers of two in it."""
    low, high = change.low, change.high
    assert low is not None
    assert high is not None
    if change.scale == "pow2":
        first, last = math.ceil(math.log2(low) - 1e-9), math.floor(math.log2(high) + 1e-9)
        values: list[Any] = [2**power if power >= 0 else 2.0**power for power in range(first, last + 1)]
        values = [int(one) if whole else one for one in values if not whole or one >= 1]
    else:
        values = [one for one in own if _is_number(one) and low <= one <= high]
    if not values:
        told = "no power of two" if change.scale == "pow2" else f"none of {', '.join(map(str, own))}"
        raise SettingsError(f"{change.source}: {told} lies in {low}..{high}")
    return values


def _as_number(value: Any, change: Change, *, whole: bool) -> float | int:
    if change.textual:
        try:
            value = float(value)
        except ValueError:
            value = None if value.lower() not in ("nan", "inf") else math.nan
    if not _is_number(value) or not math.isfinite(value) or (whole and value != int(value)):
        given = ", ".join(map(str, change.values))
        raise SettingsError(
            f"{change.source}: {change.name} holds {'whole ' if whole else ''}numbers, and {given} is given"
        )
    return int(value) if whole else float(value)


def _fewer_choices(part: Parts, change: Change) -> Parts:
    own = list(part["choices"])
    if change.is_range:
        told = ", ".join(map(str, own))
        raise SettingsError(f"{change.source}: {change.name} is a choice among {told}, not a range; name some of them")
    wanted = [_choice(own, one, change) for one in change.values]
    kept = [place for place, one in enumerate(own) if any(_same(one, other) for other in wanted)]
    weights = part.get("weights")
    choices = [own[place] for place in kept]
    default = part["default_value"]
    return {
        **part,
        "choices": choices,
        "weights": None if weights is None else [weights[place] for place in kept],
        "default_value": default if any(_same(default, one) for one in choices) else choices[0],
    }


def _same(one: Any, other: Any) -> bool:
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _choice(own: Sequence[Any], value: Any, change: Change) -> Any:
    """The one of `own` that was meant; words of the command line are compared as words."""
    for one in own:
        if _same(one, value) or (change.textual and _as_word(one, value)):
            return one
    near = difflib.get_close_matches(str(value), [str(one) for one in own], n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"it may be {', '.join(map(str, own))}"
    raise SettingsError(f"{change.source}: {change.name} cannot be {value}; {hint}")


def _as_word(one: Any, word: str) -> bool:
    if word.lower() in _WORDS and (one is None or isinstance(one, bool)):
        return one is _WORDS[word.lower()]
    if _is_number(one):
        try:
            return bool(float(word) == one)
        except ValueError:
            return False
    return bool(str(one) == word)


# -- conditions and forbidden clauses -----------------------------------------------------------------


def _conditions(conditions: Sequence[Parts], parts: dict[str, Parts]) -> list[Parts]:
    """The conditions that can hold or not; takes hyperparameters out of `parts` that can never be active."""
    left = list(conditions)
    while True:
        kept, gone = [], set()
        for one in left:
            if one["child"] not in parts:
                continue
            found = _condition(one, parts)
            if found is False:
                gone.add(one["child"])
            elif found is not True:
                kept.append(found)
        for name in gone:
            del parts[name]
        left = [one for one in kept if one["child"] not in gone]
        if not gone:
            return left


def _condition(one: Parts, parts: Mapping[str, Parts]) -> Parts | bool:
    """The condition as it still applies; True or False when it always or never holds."""
    if one["type"] in ("AND", "OR"):
        found = [_condition(inner, parts) for inner in one["conditions"]]
        decides: bool = one["type"] == "OR"  # True decides an OR, False an AND
        if any(each is decides for each in found):
            return decides
        open_ones: list[Parts] = [each for each in found if not isinstance(each, bool)]
        if len(open_ones) < 2:
            return open_ones[0] if open_ones else not decides
        return {**one, "conditions": open_ones}
    parent = parts.get(one["parent"])
    if parent is None:
        return False
    if one["type"] == "IN":
        values = [value for value in one["values"] if _possible(parent, value)]
        everything = _all_values(parent)
        if everything is not None and all(any(_same(each, value) for value in values) for each in everything):
            return True
        return {**one, "values": values} if values else False
    if one["type"] in ("EQ", "NEQ"):
        equal = bool(one["type"] == "EQ")
        if not _possible(parent, one["value"]):
            return not equal
        if len(_all_values(parent) or (0, 0)) == 1:
            return equal
        return one
    return _ordered(one, parent)


def _ordered(one: Parts, parent: Parts) -> Parts | bool:
    """A condition on what is above or below a value."""
    values = _all_values(parent)
    value, above = one["value"], bool(one["type"] == "GT")
    low, high = (values[0], values[-1]) if values is not None else (parent["lower"], parent["upper"])
    always, never = (value < low, value >= high) if above else (value > high, value <= low)
    if always or never:
        return bool(always)
    if not _possible(parent, value):  # ConfigSpace asks for a legal value
        assert values is not None
        beyond: list[Any] = [each for each in values if (each > value) == above and each != value]
        return {"type": "IN", "child": one["child"], "parent": one["parent"], "values": beyond}
    return one


def _all_values(part: Parts) -> list[Any] | None:
    """The values of a hyperparameter that has finitely many named ones; None for ranges."""
    if part["type"] == "categorical":
        return list(part["choices"])
    if part["type"] == "ordinal":
        return list(part["sequence"])
    return [part["value"]] if part["type"] == "constant" else None


def _possible(part: Parts, value: Any) -> bool:
    values = _all_values(part)
    if values is not None:
        return any(_same(one, value) for one in values)
    return _is_number(value) and part["lower"] <= value <= part["upper"]


def _forbidden(one: Parts, parts: Mapping[str, Parts]) -> Parts | None:
    """The clause as it still applies; None when it never does."""
    if one["type"] in ("AND", "OR") and "clauses" in one:
        kept = [_forbidden(inner, parts) for inner in one["clauses"]]
        if one["type"] == "AND":
            return None if None in kept else {**one, "clauses": kept}
        some = [inner for inner in kept if inner is not None]
        return {**one, "clauses": some} if some else None
    if "name" not in one:  # a relation between two hyperparameters
        return one if all(one.get(side) in parts for side in ("left", "right")) else None
    if one["name"] not in parts:
        return None
    if "values" in one:
        values = [value for value in one["values"] if _possible(parts[one["name"]], value)]
        return {**one, "values": values} if values else None
    return one if _possible(parts[one["name"]], one["value"]) else None
