"""Stored configurations against a model's own space: completed where they are silent, never changed."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from automl.space import plain_config

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

    from automl.protocols import Config


def fit_config(space: ConfigurationSpace, config: Config) -> Config:
    """`config` as a whole configuration of `space`: hyperparameters it does not name take the model's default.

    So a stored configuration stays valid when a model gains hyperparameters. Raises ValueError, in words, for a name
    that the space lacks, a value that it does not allow, and a hyperparameter that has no effect beside the others.
    """
    from ConfigSpace.util import deactivate_inactive_hyperparameters

    known = {hyperparameter.name: hyperparameter for hyperparameter in space.values()}
    given: dict[str, Any] = {}
    for name, value in config.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=2, cutoff=0.5)
            hint = f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(sorted(known)) or 'none'}"
            raise ValueError(f"there is no hyperparameter {name!r}; {hint}")
        given[name] = _legal(known[name], name, value)
    values = {name: hyperparameter.default_value for name, hyperparameter in known.items()} | given
    try:
        whole = plain_config(deactivate_inactive_hyperparameters(values, space))
    except Exception as error:  # ConfigSpace raises a dozen unrelated types here
        raise ValueError(f"{dict(config)} is not allowed: {error}") from error
    for name, value in given.items():
        if name not in whole:
            conditions = " and ".join(str(condition) for condition in space.parent_conditions_of[name])
            raise ValueError(f"{name}={value!r} has no effect here: {conditions}")
    # In the order in which they were given, then those that were added, so that the same file reads the same.
    return {**{name: whole[name] for name in given}, **{name: whole[name] for name in known if name in whole}}


def _legal(hyperparameter: Any, name: str, value: Any) -> Any:
    """`value` in the hyperparameter's own type; ValueError when it is not one of its values."""
    choices = getattr(hyperparameter, "choices", None)
    if choices is not None:
        for choice in choices:
            plain = choice.item() if hasattr(choice, "item") else choice
            # True == 1 in Python, but not in what was meant.
            if plain == value and isinstance(plain, bool) == isinstance(value, bool):
                return choice
        raise ValueError(f"{name}={value!r} is none of {', '.join(repr(choice) for choice in choices)}")
    if hasattr(hyperparameter, "lower"):
        low, high = hyperparameter.lower, hyperparameter.upper
        whole = isinstance(low, int)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not low <= value <= high or (whole and value != int(value)):
            raise ValueError(
                f"{name}={value!r} is not {'a whole number' if whole else 'a number'} from {low} to {high}"
            )
        return int(value) if whole else float(value)
    if not hyperparameter.legal_value(value):
        raise ValueError(f"{name}={value!r} is not allowed; its default is {hyperparameter.default_value!r}")
    return value
