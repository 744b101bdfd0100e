"""One hyperparameter of a search space, in ConfigSpace's own words, with a user's change made."""

from __future__ import annotations

import difflib
import math
from typing import TYPE_CHECKING, Any

from automl.errors import SettingsError
from automl.scalars import is_finite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from automl.space_changes import Change

_WORDS = {"true": True, "false": False, "none": None, "null": None}
PLACES = 13
"""Decimal places to which ConfigSpace rounds the ends of a range."""
Parts = dict[str, Any]
"""A hyperparameter, condition or clause as ConfigSpace serializes it."""


def change_hyperparameter(part: Parts, change: Change) -> Parts:
    """The hyperparameter in ConfigSpace's own words, with the change made; SettingsError for values that the model
    cannot take (``meta={"limits": (low, high)}`` of the hyperparameter).
    """
    made = _changed(part, change)
    low, high = (part.get("meta") or {}).get("limits", (None, None))
    values = all_values(made) or [made["lower"], made["upper"]]
    for value in filter(is_number, values):
        if (low is not None and value < low) or (high is not None and value > high):
            ends = (("at least", low), ("at most", high))
            bounds = [f"{word} {bound:g}" for word, bound in ends if bound is not None]
            raise SettingsError(
                f"{change.source}: model {change.model} cannot take {change.name}={value}; it must be {' and '.join(bounds)}"
            )
    return made


def _changed(part: Parts, change: Change) -> Parts:
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
        least = (part.get("meta") or {}).get("limits", (None, None))[0]
        # A hint that the model's own limits refuse would only lead to the next error.
        if least is not None and least > 0:
            advice = f"begin at {least:g} or above"
        else:
            begin = low if least is None else max(low, least)
            advice = "begin above zero" + (f" or write {begin}..{high}:linear" if begin < high else "")
        raise SettingsError(
            f"{change.source}: {change.name} is searched on a log scale, and the range begins at {low}; {advice}"
        )
    low, high = (int(low), int(high)) if whole else (float(low), float(high))
    if not whole and (round(low, PLACES) == round(high, PLACES) or (log and math.log(low) == math.log(high))):
        raise SettingsError(
            f"{change.source}: the range {change.low}..{change.high} is too narrow to search in; fix it with "
            f"{change.model}.{change.name}={change.low}"
        )
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
    numeric = all(is_number(one) for one in own)
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
        "default_value": default if default in values else nearest_of(values, default, values[0]),
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
        values = [one for one in own if is_number(one) and low <= one <= high]
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
    if not is_number(value) or not is_finite(value) or (whole and value != int(value)):
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
    kept = [place for place, one in enumerate(own) if any(same(one, other) for other in wanted)]
    weights = part.get("weights")
    choices = [own[place] for place in kept]
    default = part["default_value"]
    return {
        **part,
        "choices": choices,
        "weights": None if weights is None else [weights[place] for place in kept],
        "default_value": default if any(same(default, one) for one in choices) else choices[0],
    }


def _choice(own: Sequence[Any], value: Any, change: Change) -> Any:
    """The one of `own` that was meant; words of the command line are compared as words."""
    for one in own:
        if same(one, value) or (change.textual and _as_word(one, value)):
            return one
    near = difflib.get_close_matches(str(value), [str(one) for one in own], n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"it may be {', '.join(map(str, own))}"
    raise SettingsError(f"{change.source}: {change.name} cannot be {value}; {hint}")


def _as_word(one: Any, word: str) -> bool:
    if word.lower() in _WORDS and (one is None or isinstance(one, bool)):
        return one is _WORDS[word.lower()]
    if is_number(one):
        try:
            return bool(float(word) == one)
        except ValueError:
            return False
    return bool(str(one) == word)


# -- values -------------------------------------------------------------------------------------


def nearest_of(values: Sequence[Any], wanted: Any, otherwise: Any) -> Any:
    """The value nearest to `wanted` among numbers, else `otherwise`."""
    if all(is_number(one) for one in (*values, wanted)):
        return min(values, key=lambda one: (abs(one - wanted), one))
    return otherwise


def is_number(value: Any) -> bool:
    """Whether this is an integer or a float, which booleans are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def same(one: Any, other: Any) -> bool:
    """Whether two values of a hyperparameter are one; ``True`` is not ``1``."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def all_values(part: Parts) -> list[Any] | None:
    """The values of a hyperparameter that has finitely many named ones; None for ranges."""
    if part["type"] == "categorical":
        return list(part["choices"])
    if part["type"] == "ordinal":
        return list(part["sequence"])
    return [part["value"]] if part["type"] == "constant" else None


def is_possible(part: Parts, value: Any) -> bool:
    """Whether the hyperparameter may have this value."""
    values = all_values(part)
    if values is not None:
        return any(same(one, value) for one in values)
    return is_number(value) and part["lower"] <= value <= part["upper"]
