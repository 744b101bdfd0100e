"""A model's search space with the user's changes: narrowed, fixed or widened hyperparameters."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from automl.changed_conditions import change_conditions, change_forbidden
from automl.changed_values import Parts, change_hyperparameter, nearest_of
from automl.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ConfigSpace import ConfigurationSpace

    from automl.protocols import Config
    from automl.space_changes import Change


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
        parts[change.name] = change_hyperparameter(parts[change.name], change)
    conditions = change_conditions(plain["conditions"], parts)
    names = [one["name"] for one in plain["hyperparameters"] if one["name"] in parts]
    made = {
        **plain,
        "hyperparameters": [parts[name] for name in names],
        "conditions": conditions,
        "forbiddens": [kept for one in plain["forbiddens"] if (kept := change_forbidden(one, parts)) is not None],
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
    return nearest_of(plain, value, hyperparameter.default_value)
