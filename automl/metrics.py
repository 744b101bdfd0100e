"""Metrics as the engine uses them: a registered one, or the user's own as ``module:function``."""

from __future__ import annotations

import difflib
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl.errors import MetricError, MissingDependencyError, SettingsError, UnknownNameError
from automl.scalars import as_plain, is_finite
from automl.specs import ALL_PROBLEM_TYPES, CLASSIFICATION, MetricSpec, ProblemType, load_object

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from automl.registry import Registry

MetricFunction = Callable[[Any, Any, Any], Any]
"""``(truth, prediction, weight) -> float``, `weight` being None without sample weights."""

NEEDS = ("probabilities", "labels", "values")
LOGARITHMS = ("", "log", "log1p")
_WEIGHT_NAMES = ("weight", "weights", "sample_weight")
COPY_HINT = " (its arguments are the engine's own arrays; change copies of them, as in truth.copy())"
_loaded: dict[str, MetricFunction] = {}


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric with its spec; crosses to workers by name."""

    name: str
    spec: MetricSpec

    @property
    def is_own(self) -> bool:
        """Whether it is a user's function, named as ``module:function``, and of no plugin."""
        return _is_own(self.spec)

    def score(self, truth: NDArray[Any], prediction: NDArray[Any], weight: NDArray[np.float64] | None = None) -> float:
        """The metric as users read it.

        `truth` is codes or values ``(rows,)``; `prediction` is ``(rows, classes)`` probabilities for classes and
        ``(rows,)`` values for regression; predicted classes are taken from the probabilities where the metric
        needs them. The function gets views that it cannot write to. Raises MetricError without rows, for predictions
        that are not finite, when the function raises and when its result is no finite number.
        """
        import numpy as np

        if len(truth) != len(prediction) or not len(truth):
            raise MetricError(f"metric {self.name!r} got {len(truth)} rows and {len(prediction)} predictions")
        if not np.isfinite(prediction).all():
            wrong = int((~np.isfinite(prediction)).sum())
            raise MetricError(f"metric {self.name!r}: {wrong} of {prediction.size} predicted numbers are not finite")
        needs_labels = self.spec.needs == "labels" and prediction.ndim == 2
        given = prediction.argmax(axis=1) if needs_labels else prediction
        function = _loaded.get(self.spec.factory) or _load(self.spec)
        try:
            value = function(_locked(truth), _locked(given), None if weight is None else _locked(weight))
        except (Exception, SystemExit) as error:
            hint = _shape_hint(given) if self.is_own else ""
            if isinstance(error, ValueError) and "read-only" in str(error):
                hint = COPY_HINT
            raise MetricError(f"metric {self.name!r} raised {type(error).__name__}: {error}{hint}") from error
        number = as_plain(value)
        if not isinstance(number, bool) and not is_finite(number):
            # Python does not write out whole numbers of thousands of digits.
            told = f"a number of {number.bit_length()} bits" if isinstance(number, int) else repr(value)
            raise MetricError(f"metric {self.name!r} gave {told}; it must give one finite number")
        return float(number)

    def prepare(self) -> None:
        """Import the function now. Raises MetricError when it cannot be loaded."""
        if self.spec.factory not in _loaded:
            _load(self.spec)

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
    """The metric of this name, alias, or ``module:function``; upper case and dashes do not matter for names.

    Raises UnknownNameError with near names, or SettingsError when a function cannot be imported.
    """
    if ":" in name and name not in registry.metrics:
        return _own_metric(name)
    tried = (name, name.strip().lower().replace("-", "_").replace(" ", "_"))
    for spec in registry.metrics.values():
        if any(one == spec.name or one in spec.aliases for one in tried):
            return Metric(name=spec.name, spec=spec)
    try:
        spec = registry.get("metrics", name)
    except UnknownNameError as error:
        aliases = [alias for spec in registry.metrics.values() for alias in spec.aliases]
        near = difflib.get_close_matches(tried[-1], aliases, n=2)
        also = f" Also near: {', '.join(near)}." if near else ""
        raise UnknownNameError(f"{error}{also} A function of your own is given as module:function.") from error
    return Metric(name=spec.name, spec=spec)


# -- the user's own -------------------------------------------------------------------------------


def _is_own(spec: MetricSpec) -> bool:
    return spec.name == spec.factory


def _own_metric(path: str) -> Metric:
    """A user's function with the attributes `needs`, `greater_is_better`, `best`, `proportional`, `logarithm`,
    `positive`, `decides` and `problem_types`, all optional.
    """
    module = path.partition(":")[0]
    if module == "__main__" or "<" in path:
        raise SettingsError(
            f"metric {path!r} lives in the running script or notebook, where worker processes cannot find it; "
            "put the function into a file and name it as module:function"
        )
    _make_importable()
    try:
        function = load_object(path)
    except Exception as error:
        raise SettingsError(
            f"metric {path!r} cannot be imported ({error}); name a function in a module of the current folder or an "
            "installed one, as module:function"
        ) from error
    if not callable(function):
        raise SettingsError(f"metric {path!r} is a {type(function).__name__}; it must be a function")
    needs = getattr(function, "needs", None)
    if needs not in (None, *NEEDS):
        raise SettingsError(f"metric {path!r} needs {needs!r}; use {', '.join(NEEDS)}")
    usual = {None: ALL_PROBLEM_TYPES, "values": ("regression",)}.get(needs, CLASSIFICATION)
    types = tuple(getattr(function, "problem_types", usual))
    unknown = set(types) - set(ALL_PROBLEM_TYPES)
    if unknown or not types:
        raise SettingsError(f"metric {path!r} has problem types {sorted(unknown)}; use {', '.join(ALL_PROBLEM_TYPES)}")
    greater = bool(getattr(function, "greater_is_better", True))
    best: Any = getattr(function, "best", 1.0 if greater else 0.0)
    if not is_finite(best):
        raise SettingsError(
            f"metric {path!r} has best={best!r}; give the score of a perfect prediction, a finite number"
        )
    logarithm: Any = getattr(function, "logarithm", "")
    if logarithm not in LOGARITHMS:
        raise SettingsError(f"metric {path!r} has logarithm={logarithm!r}; use 'log', 'log1p', or none")
    spec = MetricSpec(
        name=path,
        summary=(function.__doc__ or "").strip().partition("\n")[0],
        factory=path,
        problem_types=types,
        needs=needs or "probabilities",
        greater_is_better=greater,
        best=float(best),
        decides=bool(getattr(function, "decides", True)),
        proportional=bool(getattr(function, "proportional", False)),
        logarithm=logarithm,
        positive=bool(getattr(function, "positive", False)),
    )
    return Metric(name=path, spec=spec)


def _load(spec: MetricSpec) -> MetricFunction:
    """The function behind a spec, ready to be called with truth, prediction and weight."""
    if _is_own(spec):
        _make_importable()
    try:
        function = spec.load()
    except MissingDependencyError:
        raise
    except Exception as error:
        raise MetricError(f"metric {spec.name!r} cannot be loaded: {error}") from error
    ready = _with_weight(function) if _is_own(spec) else function
    _loaded[spec.factory] = ready
    return ready


def _with_weight(function: Callable[..., Any]) -> MetricFunction:
    """A user's function as one of three arguments: the weight goes where the function has a place for it, if any."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # functions written in C may not tell
        return function
    keyword = next((p.name for p in parameters if p.name in _WEIGHT_NAMES and p.kind is not p.POSITIONAL_ONLY), None)
    if keyword is not None:
        return lambda truth, prediction, weight: function(truth, prediction, **{keyword: weight})
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    third_is_needed = len(positional) >= 3 and positional[2].default is inspect.Parameter.empty
    if third_is_needed or any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return function
    return lambda truth, prediction, _weight: function(truth, prediction)


def _locked(array: NDArray[Any]) -> NDArray[Any]:
    """A view that cannot be written to: what a function changed in place would be wrong for all that is scored later."""
    import numpy as np

    view = np.asarray(array).view()
    view.flags.writeable = False
    return view


def _shape_hint(given: NDArray[Any]) -> str:
    """What a user's function got, as that is what it most often expects otherwise."""
    if given.ndim != 2:
        return ""
    return (
        f" (its second argument was probabilities {given.shape}, rows x classes; "
        "write `function.needs = 'labels'` below the function to get class codes instead)"
    )


def _make_importable() -> None:
    """Let a user's module in the current folder be found, also when started as an installed command."""
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.append(here)
