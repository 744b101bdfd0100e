"""Fitted models that the installed plugins cannot load any more: another version of a plugin wrote them.

A run that is taken up or finished later has models from before. The predictor must not be made of those that cannot be
loaded, all the more as the others are removed once it is there.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from automl.errors import PluginError
from automl.kept_folds import whole_folds
from automl.machine import versions
from automl.member import load_model
from automl.plugin_calls import NoAnswerError, call_plugin, patience
from automl.plugin_discovery import ENGINE_DISTRIBUTION
from automl.run_folder import fold_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from automl.history import Candidate, Trial
    from automl.registry import Registry
    from automl.run_record import RunRecord
    from automl.specs import ModelSpec
    from automl.task import Task

FAILED = "cannot load what it saved:"


def outdated(record: RunRecord, registry: Registry, trials: Iterable[Trial], *, left: float | None) -> dict[int, str]:
    """By number, those of these trials of the run whose models cannot be loaded, and why; `left`: seconds of the run.

    All trials of a model are looked at whose plugin, or a library of it, has another version now, and the best one of every
    other stranger's: a plugin that is being written changes without a new version. Trials that were cut off are looked at
    like those that are done, as what they had fitted may come to count.
    """
    now = versions(registry)
    by_model: dict[str, list[Trial]] = {}
    for trial in trials:
        if trial.status in ("done", "running") and trial.candidate.model in registry.models:
            by_model.setdefault(trial.candidate.model, []).append(trial)
    found: dict[int, str] = {}
    for name, of_model in by_model.items():
        spec = registry.models[name]
        changed = _changed(spec, (record.versions, *record.later_versions), now)
        if changed or spec.distribution != ENGINE_DISTRIBUTION:
            found |= {
                number: f"{why} ({changed})" if changed else why
                for number, why in _not_loaded(record, spec, of_model, all_of_them=bool(changed), left=left).items()
            }
    return found


def told_outdated(record: RunRecord, found: Mapping[int, str], what: str = "left out") -> list[str]:
    """A line for each model with such trials; `what` becomes of them."""
    by_model: dict[str, list[str]] = {}
    for trial in record.trials:
        if trial.id in found:
            by_model.setdefault(trial.candidate.model, []).append(found[trial.id])
    return [
        f"{len(why)} {'trial' if len(why) == 1 else 'trials'} of {name} from before {'is' if len(why) == 1 else 'are'} "
        f"{what}: {why[0]}"
        for name, why in by_model.items()
    ]


def _changed(spec: ModelSpec, before: Sequence[Mapping[str, str]], now: Mapping[str, str]) -> str:
    """What has another version than in a sitting of the run, in words; empty: nothing."""
    told = []
    for name in (spec.distribution, *spec.versions_of):
        others = dict.fromkeys(one[name] for one in before if name in one and one[name] != now.get(name))
        if others and name in now:
            told.append(f"{name} is {now[name]} now, {' and '.join(others)} before")
    return ", ".join(told)


def _not_loaded(
    record: RunRecord, spec: ModelSpec, trials: list[Trial], *, all_of_them: bool, left: float | None
) -> dict[int, str]:
    """Why the models of these trials cannot be loaded, by number; the first that can vouches for the rest, if not `all_of_them`."""
    found: dict[int, str] = {}
    owner = f"model {spec.name!r} (plugin {spec.plugin!r})"
    whole = {trial.id: whole_folds(record.folder, trial.id, record.folds.get(trial.id, ())) for trial in trials}
    fitted = [trial for trial in trials if whole[trial.id]]  # damaged files are no fault of the plugin
    for trial in sorted(fitted, key=lambda one: (float("inf") if one.loss is None else one.loss, one.id)):
        # The first and the last one may be of different sittings, with different versions.
        folds = dict.fromkeys(whole[trial.id][index] for index in ((0, -1) if all_of_them else (0,)))
        folders = [fold_folder(record.folder, trial.id, fold) for fold in folds]
        work = partial(_load, spec, folders, trial.candidate, record.task)
        try:
            call_plugin(owner, work, seconds=patience(left), failed=FAILED, passing=(NoAnswerError,))
        except NoAnswerError as error:  # nor will it for the others, and time is short
            return {one.id: str(error) for one in fitted}
        except PluginError as error:
            found[trial.id] = str(error)
        else:
            if not all_of_them and not found:
                return {}
    return found


def _load(spec: ModelSpec, folders: Iterable[Path], candidate: Candidate, task: Task) -> None:
    for folder in folders:
        load_model(folder, spec.load(), config=candidate.config, task=task, seed=0)
