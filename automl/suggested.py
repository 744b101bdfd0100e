"""What a sampler suggests is looked at here, before anything is done with it: whether it is a candidate at all, and one of
its model's space.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from automl.changed_values import is_number, same
from automl.errors import PluginError
from automl.history import Candidate
from automl.scalars import as_plain, is_finite

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ConfigSpace import ConfigurationSpace

    from automl.protocols import ConfigValue
    from automl.space import JointSpace

PLAIN = (str, bool, int, float, type(None))
SLACK = 1e-9
"""Share of an end of a range by which a number may lie outside, as rounding leaves it; it becomes that end."""
LEAST_SLACK = 1e-13
"""ConfigSpace rounds the ends of its ranges to so much."""


class CandidateCheck:
    """Looks at suggestions. What it knows of a space is found when its model is first suggested; then it takes microseconds."""

    def __init__(self, space: JointSpace | None) -> None:
        """`space` is what the sampler searches; None: any model and any plain values will do."""
        self._spaces = None if space is None else space.subspaces
        self._legal: dict[str, _Legal] = {}

    def checked(self, suggested: Any) -> Candidate:
        """The candidate, in Python's own values; PluginError, with what was suggested in it, when it cannot be tried."""
        if not isinstance(suggested, Candidate):
            raise PluginError(
                f"it suggested {suggested!r}; a sampler suggests a Candidate, or None when nothing is left"
            )
        model, cost = suggested.model, as_plain(suggested.cost)
        if not isinstance(model, str) or (self._spaces is not None and model not in self._spaces):
            raise PluginError(f"it suggested the model {model!r}, which this run does not have")
        if suggested.base != ():
            raise PluginError(
                f"it suggested a candidate with base={suggested.base!r}, which is for the engine's own second layer; "
                "leave base out"
            )
        if not is_finite(cost) or cost <= 0:
            raise PluginError(f"it suggested a candidate with cost={cost!r}; it must be a finite number above zero")
        config = _plain(suggested.config)
        if self._spaces is not None:
            if model not in self._legal:
                self._legal[model] = _Legal(model, self._spaces[model])
            config = self._legal[model].checked(config)
        return replace(suggested, config=config, cost=float(cost))


class _Legal:
    """What configurations of one model may be."""

    def __init__(self, model: str, space: ConfigurationSpace) -> None:
        self._model = model
        self._parameters = {str(name): parameter for name, parameter in space.items()}
        self._conditions: dict[str, list[Any]] = {}
        for condition in space.conditions:
            self._conditions.setdefault(str(condition.child.name), []).append(condition)
        self._forbidden = list(space.forbidden_clauses)
        self._space = space

    def checked(self, config: Mapping[str, ConfigValue]) -> dict[str, ConfigValue]:
        """The configuration, with numbers a rounding error outside moved to the end of their range."""
        found: dict[str, ConfigValue] = {}
        for name, value in config.items():
            if name not in self._parameters:
                raise PluginError(
                    f"it suggested {name}={value!r} for {self._model}: {no_such_name(name, self._parameters)}"
                )
            found[name] = _rounded(self._parameters[name], value)
            if fault := why_illegal(self._parameters[name], found[name]):
                raise PluginError(f"it suggested {name}={value!r} for {self._model}, which {fault}")
        if fault := self._inactive_or_missing(found):
            if not self._is_legal(found):
                raise PluginError(fault)
            return found
        for clause in self._forbidden:
            if clause.is_forbidden_value(found):
                raise PluginError(f"it suggested {self._model} {found!r}, which its space forbids: {clause}")
        return found

    def _is_legal(self, config: Mapping[str, ConfigValue]) -> bool:
        """What ConfigSpace says, which takes ten times as long: of conditions on inactive hyperparameters it has rules of
        its own, by which one that must differ from a value does so where there is none.
        """
        from ConfigSpace import Configuration

        try:
            Configuration(self._space, values=dict(config))
        except ValueError:
            return False
        return True

    def _inactive_or_missing(self, found: Mapping[str, ConfigValue]) -> str:
        """Which hyperparameter is there and should not be, or the other way round, in words."""
        from ConfigSpace.types import NotSet

        given = {name: found.get(name, NotSet) for name in self._parameters}
        for name, parameter in self._parameters.items():
            conditions = self._conditions.get(name, [])
            is_active = all(condition.satisfied_by_value(given) for condition in conditions)
            if is_active and name not in found:
                return (
                    f"it suggested {self._model} without {name}; its default is {as_plain(parameter.default_value)!r}"
                )
            if not is_active and name in found:
                told = " and ".join(map(str, conditions))
                return f"it suggested {name}={found[name]!r} for {self._model}, which has no effect there ({told}); leave it out"
        return ""


def _plain(config: Any) -> dict[str, ConfigValue]:
    """The values as Python's own; PluginError for what is no configuration."""
    if not isinstance(config, Mapping) or not all(isinstance(name, str) for name in config):
        raise PluginError(f"it suggested the configuration {config!r}; it must map names to values")
    plain = {name: as_plain(value) for name, value in config.items()}
    for name, value in plain.items():
        if not isinstance(value, PLAIN):
            raise PluginError(
                f"it suggested {name}={value!r}, a {type(value).__name__}; values are str, bool, int, float or None"
            )
    return plain


def _rounded(parameter: Any, value: Any) -> Any:
    """`value`, or the end of a range of fractions that it lies outside of by no more than rounding; 3.0 of whole numbers as 3."""
    if not is_number(value) or not is_finite(value):
        return value
    low = getattr(parameter, "lower", None)
    if isinstance(low, int) and value == int(value):
        return int(value)
    if not isinstance(low, float):
        return value
    nearest = min(max(value, parameter.lower), parameter.upper)
    return nearest if abs(value - nearest) <= max(SLACK * abs(nearest), LEAST_SLACK) else value


# -- hyperparameters ------------------------------------------------------------------------------


def why_illegal(parameter: Any, value: Any) -> str:
    """Why a hyperparameter of ConfigSpace's cannot have this value, in words; empty when it can."""
    values = _values(parameter)
    if values is not None:
        return "" if any(same(one, value) for one in values) else f"is none of {', '.join(map(repr, values))}"
    if hasattr(parameter, "lower"):
        low, high = parameter.lower, parameter.upper
        whole = isinstance(low, int)
        if is_number(value) and low <= value <= high and (not whole or value == int(value)):
            return ""
        return f"is not {'a whole number' if whole else 'a number'} from {low} to {high}"
    return "" if parameter.legal_value(value) else f"is not allowed; its default is {parameter.default_value!r}"


def _values(parameter: Any) -> list[Any] | None:
    """The values of a hyperparameter that has finitely many named ones; None for ranges."""
    for kind in ("choices", "sequence"):
        if hasattr(parameter, kind):
            return [as_plain(one) for one in getattr(parameter, kind)]
    return [as_plain(parameter.value)] if hasattr(parameter, "value") else None


def no_such_name(name: str, known: Iterable[str]) -> str:
    """That there is no such hyperparameter, with the nearest names or all."""
    near = difflib.get_close_matches(name, known, n=2, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(sorted(known)) or 'none'}"
    return f"there is no hyperparameter {name!r}; {hint}"
