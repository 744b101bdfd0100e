"""Conditions and forbidden clauses of a search space whose hyperparameters were changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from automl.changed_values import Parts, all_values, is_possible, same

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def change_conditions(conditions: Sequence[Parts], parts: dict[str, Parts]) -> list[Parts]:
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
        values = [value for value in one["values"] if is_possible(parent, value)]
        everything = all_values(parent)
        if everything is not None and all(any(same(each, value) for value in values) for each in everything):
            return True
        return {**one, "values": values} if values else False
    if one["type"] in ("EQ", "NEQ"):
        equal = bool(one["type"] == "EQ")
        if not is_possible(parent, one["value"]):
            return not equal
        if len(all_values(parent) or (0, 0)) == 1:
            return equal
        return one
    return _ordered(one, parent)


def _ordered(one: Parts, parent: Parts) -> Parts | bool:
    """A condition on what is above or below a value."""
    values = all_values(parent)
    value, above = one["value"], bool(one["type"] == "GT")
    low, high = (values[0], values[-1]) if values is not None else (parent["lower"], parent["upper"])
    always, never = (value < low, value >= high) if above else (value > high, value <= low)
    if always or never:
        return bool(always)
    if not is_possible(parent, value):  # ConfigSpace asks for a legal value
        assert values is not None
        beyond: list[Any] = [each for each in values if (each > value) == above and each != value]
        return {"type": "IN", "child": one["child"], "parent": one["parent"], "values": beyond}
    return one


def change_forbidden(one: Parts, parts: Mapping[str, Parts]) -> Parts | None:
    """The clause as it still applies; None when it never does."""
    if one["type"] in ("AND", "OR") and "clauses" in one:
        kept = [change_forbidden(inner, parts) for inner in one["clauses"]]
        if one["type"] == "AND":
            return None if None in kept else {**one, "clauses": kept}
        some = [inner for inner in kept if inner is not None]
        return {**one, "clauses": some} if some else None
    if "name" not in one:  # a relation between two hyperparameters
        return one if all(one.get(side) in parts for side in ("left", "right")) else None
    if one["name"] not in parts:
        return None
    if "values" in one:
        values = [value for value in one["values"] if is_possible(parts[one["name"]], value)]
        return {**one, "values": values} if values else None
    return one if is_possible(parts[one["name"]], one["value"]) else None
