"""Stored configurations against a model's own space: completed where they are silent, never changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from automl.changed_values import same
from automl.scalars import as_plain
from automl.space import plain_config
from automl.suggested import no_such_name, why_illegal

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
            raise ValueError(no_such_name(name, known))
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
    if fault := why_illegal(hyperparameter, value):
        raise ValueError(f"{name}={value!r} {fault}")
    for choice in getattr(hyperparameter, "choices", ()):
        if same(as_plain(choice), value):
            return choice
    if hasattr(hyperparameter, "lower"):
        return int(value) if isinstance(hyperparameter.lower, int) else float(value)
    return value
