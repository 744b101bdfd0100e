"""A study is made anew from the history for each suggestion, so that a resumed run suggests the same."""

import optuna
from ConfigSpace import CategoricalHyperparameter, OrdinalHyperparameter, UniformIntegerHyperparameter
from ConfigSpace.util import deactivate_inactive_hyperparameters
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from automl import Candidate

optuna.logging.set_verbosity(optuna.logging.WARNING)
TRIES = 20


def distribution_of(parameter):
    """Optuna's word for a hyperparameter of ConfigSpace."""
    if isinstance(parameter, CategoricalHyperparameter):
        return CategoricalDistribution([plain(choice) for choice in parameter.choices])
    if isinstance(parameter, OrdinalHyperparameter):
        return CategoricalDistribution([plain(rank) for rank in parameter.sequence])
    if not hasattr(parameter, "lower"):
        return CategoricalDistribution([plain(parameter.default_value)])
    kind = IntDistribution if isinstance(parameter, UniformIntegerHyperparameter) else FloatDistribution
    return kind(parameter.lower, parameter.upper, log=getattr(parameter, "log", False))


def plain(value):
    return value.item() if hasattr(value, "item") else value


def value_of(trial, name, own):
    """What the study proposes for one hyperparameter."""
    if isinstance(own, CategoricalDistribution):
        return trial.suggest_categorical(name, own.choices)
    suggest = trial.suggest_int if isinstance(own, IntDistribution) else trial.suggest_float
    return suggest(name, own.low, own.high, log=own.log)


class TPE:
    def __init__(self, space, seed):
        self.space, self.seed = space, seed
        self.models = CategoricalDistribution(list(space.models))
        self.own = {
            model: {f"{model}:{key}": distribution_of(subspace[key]) for key in subspace}
            for model, subspace in space.subspaces.items()
        }

    def suggest(self, history):
        seed = self.seed * 100_003 + history.next_id
        sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, group=True, constant_liar=True)
        study = optuna.create_study(sampler=sampler)
        finished = history.at_best_budget(at_least=10)
        study.add_trials([known for trial in (*finished, *history.running()) if (known := self.known(trial))])
        for _ in range(TRIES):
            candidate = self.ask(study)
            if candidate is not None and not history.was_asked(candidate.id):
                return candidate
        fresh = (one for one in self.space.sample(500, seed, origin="tpe") if not history.was_asked(one.id))
        return next(fresh, None)

    def known(self, trial):
        """What the study is told of a trial; nothing of one that lies outside the space."""
        model, config = trial.candidate.model, trial.candidate.config
        own = {f"{model}:{key}": value for key, value in config.items()}
        if not self.space.is_legal(trial.candidate):
            return None
        return optuna.trial.create_trial(
            state=optuna.trial.TrialState.RUNNING if trial.loss is None else optuna.trial.TrialState.COMPLETE,
            value=trial.loss,
            params={"model": model, **own},
            distributions={"model": self.models, **{key: self.own[model][key] for key in own}},
        )

    def ask(self, study):
        """A legal candidate; None when a forbidden clause hits."""
        trial = study.ask()
        model = value_of(trial, "model", self.models)
        values = {key.partition(":")[2]: value_of(trial, key, own) for key, own in self.own[model].items()}
        try:
            configuration = deactivate_inactive_hyperparameters(values, self.space.subspaces[model])
        except ValueError:
            return None
        return Candidate(model=model, config={key: plain(value) for key, value in configuration.items()}, origin="tpe")
