"""Metrics as the engine uses them: a registered one, or the user's own as ``module:function``."""

from __future__ import annotations

import difflib
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl.errors import MetricError, PluginError, SettingsError, UnknownNameError
from automl.specs import ALL_PROBLEM_TYPES, CLASSIFICATION, MetricSpec, ProblemType

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from automl.registry import Registry

_loaded: dict[str, Any] = {}


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric with its spec; crosses to workers by name."""

    name: str
    spec: MetricSpec

    def score(self, truth: NDArray[Any], prediction: NDArray[Any], weight: NDArray[np.float64] | None = None) -> float:
        """The metric as users read it.

        `prediction` is ``(rows, classes)`` probabilities for classes and ``(rows,)`` values for regression;
        predicted classes are taken from the probabilities where the metric needs them.
        Raises MetricError when the function raises or its result is no finite number.
        """
        function = _loaded.get(self.spec.factory)
        if function is None:
            _make_importable()
            function = _loaded[self.spec.factory] = self.spec.load()
        given = prediction.argmax(axis=1) if self.spec.needs == "labels" and prediction.ndim == 2 else prediction
        try:
            value = float(function(truth, given, weight))
        except Exception as error:
            raise MetricError(f"metric {self.name!r} raised {type(error).__name__}: {error}") from error
        if not math.isfinite(value):
            raise MetricError(f"metric {self.name!r} gave {value}; it must give a finite number")
        return value

    def distance(self, score: float) -> float:
        """How far a score is from a perfect one: what the engine minimises."""
        return self.spec.best - score if self.spec.greater_is_better else score - self.spec.best

    def from_distance(self, loss: float) -> float:
        """The score that has this distance."""
        return self.spec.best - loss if self.spec.greater_is_better else self.spec.best + loss

    def loss(self, truth: NDArray[Any], prediction: NDArray[Any], weight: NDArray[np.float64] | None = None) -> float:
        """`distance` of `score`."""
        return self.distance(self.score(truth, prediction, weight))


def default_metric_name(problem_type: ProblemType) -> str:
    """roc_auc, log_loss or rmse."""
    return {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}[problem_type]


def load_metric(name: str, registry: Registry) -> Metric:
    """The metric of this name, alias, or ``module:function``.

    Raises UnknownNameError with near names, or SettingsError when a function cannot be imported.
    """
    if name in registry.metrics:
        return Metric(name=name, spec=registry.metrics[name])
    for spec in registry.metrics.values():
        if name in spec.aliases:
            return Metric(name=spec.name, spec=spec)
    if ":" in name:
        return _own_metric(name)
    known = sorted({*registry.metrics, *(alias for spec in registry.metrics.values() for alias in spec.aliases)})
    near = difflib.get_close_matches(name, known, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(sorted(registry.metrics))}"
    raise UnknownNameError(f"metric {name!r} is not known; {hint} A function of your own is given as module:function")


def _own_metric(path: str) -> Metric:
    """A user's function with the attributes `needs`, `greater_is_better`, `best` and `problem_types`, all optional."""
    _make_importable()
    needs: Any = "probabilities"
    spec = MetricSpec(
        name=path, summary="", factory=path, problem_types=ALL_PROBLEM_TYPES, needs=needs, greater_is_better=True, best=1.0
    )
    try:
        function = spec.load()
    except PluginError as error:
        raise SettingsError(
            f"metric {path!r} cannot be imported ({error}); name a function in a module of the current folder or an "
            "installed one, as module:function"
        ) from error
    if not callable(function):
        raise SettingsError(f"metric {path!r} is a {type(function).__name__}; it must be a function")
    greater = bool(getattr(function, "greater_is_better", True))
    needs = getattr(function, "needs", "probabilities")
    if needs not in ("probabilities", "labels", "values"):
        raise SettingsError(f"metric {path!r} needs {needs!r}; use probabilities, labels or values")
    types = tuple(getattr(function, "problem_types", ("regression",) if needs == "values" else ALL_PROBLEM_TYPES))
    unknown = set(types) - set(ALL_PROBLEM_TYPES)
    if unknown:
        raise SettingsError(f"metric {path!r} has problem types {sorted(unknown)}; use {', '.join(ALL_PROBLEM_TYPES)}")
    spec = MetricSpec(
        name=path,
        summary=(function.__doc__ or "").strip().partition("\n")[0],
        factory=path,
        problem_types=types,
        needs=needs,
        greater_is_better=greater,
        best=float(getattr(function, "best", 1.0 if greater else 0.0)),
    )
    return Metric(name=path, spec=spec)


def is_for(spec: MetricSpec, problem_type: ProblemType) -> bool:
    """Whether a metric fits a problem type."""
    return problem_type in spec.problem_types


def classes_only(spec: MetricSpec) -> bool:
    """Whether a metric is for classes and never for numbers."""
    return set(spec.problem_types) <= set(CLASSIFICATION)


def _make_importable() -> None:
    """Let a user's module in the current folder be found, also when started as an installed command."""
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.append(here)
