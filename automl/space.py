"""The joint conditional search space: a choice of model, and each model's own space under it.

ConfigSpace is imported when a space is built, not before: it costs more than a second.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from automl.changed_space import change_space
from automl.errors import PluginError
from automl.history import Candidate
from automl.plugin_calls import CALL_SECONDS, call_plugin
from automl.specs import ModelSpec, load_object

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ConfigSpace import Configuration, ConfigurationSpace

    from automl.protocols import Config, ConfigValue
    from automl.space_changes import Change
    from automl.task import Task

MODEL = "model"
SEPARATOR = ":"


def plain_value(value: Any) -> ConfigValue:
    """A plain Python value: ConfigSpace hands out numpy scalars (``np.str_``), which JSON refuses."""
    value = value.item() if hasattr(value, "item") else value
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise PluginError(f"hyperparameter value {value!r} is a {type(value).__name__}; use str, bool, int, float or None")


def model_space(spec: ModelSpec, task: Task, *, seconds: float = CALL_SECONDS) -> ConfigurationSpace:
    """The model's own space for this task; PluginError, naming the plugin, when it is not one, holds values that cannot be
    written down, or is not there after so many `seconds`, and MissingDependencyError, with the pip line, when it cannot be
    made for want of what the model requires.
    """
    from ConfigSpace import ConfigurationSpace

    owner = f"space of model {spec.name!r} (plugin {spec.plugin!r})"
    try:
        space = call_plugin(owner, lambda: load_object(spec.space, owner=owner)(task), seconds=seconds)
    except PluginError:
        if spec.missing():
            spec.load()  # says what to install
        raise
    if not isinstance(space, ConfigurationSpace):
        raise PluginError(f"{owner} returned {type(space).__name__}; it must return a ConfigurationSpace")
    _check_values(space, owner)
    return space


def _check_values(space: ConfigurationSpace, owner: str) -> None:
    """PluginError for a value that no record could hold: found here, it costs the model, found in the search, the run."""
    for one in space.values():
        listed = getattr(one, "choices", getattr(one, "sequence", ()))
        for value in (*listed, one.default_value):
            try:
                plain_value(value)
            except PluginError as error:
                raise PluginError(f"{owner}: {one.name!r}: {error}") from error


class JointSpace:
    """A choice of model with each model's own conditional space below it.

    Hyperparameters of the joint space are called ``model:hyperparameter``.
    """

    def __init__(
        self,
        subspaces: Mapping[str, ConfigurationSpace],
        weights: Mapping[str, float] | None = None,
        *,
        unchanged: Mapping[str, ConfigurationSpace] | None = None,
    ) -> None:
        """`unchanged` has the models' own spaces where the user changed them."""
        if not subspaces:
            raise ValueError("a joint space needs at least one model")
        self.subspaces = dict(subspaces)
        self.unchanged = dict(unchanged or {})
        self.models: tuple[str, ...] = tuple(sorted(subspaces))
        self.weights = {name: float((weights or {}).get(name, 1.0)) for name in self.models}
        self._joint: ConfigurationSpace | None = None

    @property
    def configspace(self) -> ConfigurationSpace:
        """The joint space as one ConfigurationSpace, built on first use."""
        if self._joint is None:
            from ConfigSpace import Categorical, ConfigurationSpace

            joint = ConfigurationSpace(seed=0)
            root = Categorical(MODEL, list(self.models), weights=[self.weights[name] for name in self.models])
            joint.add(root)
            for name in self.models:
                joint.add_configuration_space(
                    prefix=name,
                    delimiter=SEPARATOR,
                    # A copy: ConfigSpace renames what stands in forbidden clauses in the original, too.
                    configuration_space=deepcopy(self.subspaces[name]),
                    parent_hyperparameter={"parent": root, "value": name},
                )
            self._joint = joint
        return self._joint

    @property
    def dimensions(self) -> int:
        """Hyperparameters of the joint space, the choice of model included."""
        return len(list(self.configspace.values()))

    def default(self, model: str) -> Candidate:
        """The default configuration of one model."""
        return Candidate(
            model=model, config=plain_config(self.subspaces[model].get_default_configuration()), origin="default"
        )

    def sample(self, count: int, seed: int, origin: str = "random") -> list[Candidate]:
        """`count` random candidates: the model by its weight, then its own space; a function of the seed.

        Batches are cheap (microseconds each), single draws are not.
        """
        import numpy as np

        rng = np.random.default_rng(seed)
        shares = np.array([self.weights[name] for name in self.models])
        choices = rng.choice(len(self.models), size=count, p=shares / shares.sum())
        drawn: dict[int, list[Config]] = {}
        for index, name in enumerate(self.models):
            need = int((choices == index).sum())
            if need:
                drawn[index] = _sample_configs(self.subspaces[name], need, int(rng.integers(2**31 - 1)))
        positions = dict.fromkeys(drawn, 0)
        candidates = []
        for index in choices.tolist():
            config = drawn[index][positions[index]]
            positions[index] += 1
            candidates.append(Candidate(model=self.models[index], config=config, origin=origin))
        return candidates

    def to_candidate(self, configuration: Configuration, origin: str) -> Candidate:
        """The candidate that a configuration of the joint space stands for."""
        values = dict(configuration)
        model = str(values[MODEL])
        prefix = model + SEPARATOR
        own = {key[len(prefix) :]: plain_value(value) for key, value in values.items() if key.startswith(prefix)}
        return Candidate(model=model, config=own, origin=origin)

    def to_configuration(self, candidate: Candidate) -> Configuration:
        """The configuration of the joint space for a candidate; raises ValueError when it is not legal."""
        from ConfigSpace import Configuration

        if candidate.model not in self.subspaces:
            raise ValueError(f"model {candidate.model!r} is not in this space, which has {', '.join(self.models)}")
        values = {MODEL: candidate.model}
        values.update({candidate.model + SEPARATOR + key: value for key, value in candidate.config.items()})  # type: ignore[misc]
        try:
            return Configuration(self.configspace, values=values)
        except Exception as error:  # ConfigSpace raises a dozen unrelated types here
            raise ValueError(f"{candidate.model} {dict(candidate.config)}: {error}") from error

    def is_legal(self, candidate: Candidate) -> bool:
        """Whether the candidate lies in this space."""
        try:
            self.to_configuration(candidate)
        except ValueError:
            return False
        return True


def plain_config(configuration: Mapping[str, Any]) -> Config:
    """Plain Python values of a ConfigSpace configuration."""
    return {key: plain_value(value) for key, value in dict(configuration).items()}


def _sample_configs(space: ConfigurationSpace, count: int, seed: int) -> list[Config]:
    if not list(space.values()):
        return [{} for _ in range(count)]
    space.seed(seed)
    # Asked for one, ConfigSpace returns a configuration and not a list.
    drawn = space.sample_configuration(max(count, 2))
    return [plain_config(configuration) for configuration in drawn[:count]]


def joint_space(
    specs: Sequence[ModelSpec],
    task: Task,
    weights: Mapping[str, float] | None = None,
    changes: Sequence[Change] = (),
) -> JointSpace:
    """The joint space of these models for a task, with the user's changes; SettingsError for one that cannot be made."""
    own = {spec.name: model_space(spec, task) for spec in specs}
    changed = {name: changes_of(name, changes) for name in own}
    spaces = {name: change_space(space, changed[name]) if changed[name] else space for name, space in own.items()}
    return JointSpace(spaces, weights, unchanged={name: own[name] for name in own if changed[name]})


def changes_of(model: str, changes: Sequence[Change]) -> list[Change]:
    """Those that are for this model."""
    return [change for change in changes if change.model == model]
