"""Frozen records that hooks return: what a plugin offers, named but not imported.

A spec names its implementation as a string ``"package.module:Object"`` that is imported on first use.
Fields are keyword-only and new fields have defaults, so that growth breaks no plugin.
"""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from automl.errors import MissingDependencyError, PluginError

if TYPE_CHECKING:
    from automl.fidelity import Fidelity

ProblemType = Literal["binary", "multiclass", "regression"]
ALL_PROBLEM_TYPES: tuple[ProblemType, ...] = ("binary", "multiclass", "regression")
CLASSIFICATION: tuple[ProblemType, ...] = ("binary", "multiclass")


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What every spec has."""

    name: str
    """Lower-case name by which users ask for it."""
    summary: str
    """One sentence for ``automl plugins``."""
    factory: str
    """``"package.module:Object"``, imported on first use."""
    requires: tuple[str, ...] = ()
    """Modules that must be installed; looked up with ``find_spec``, never imported to look."""
    install: str = ""
    """What ``pip install`` needs when a module is missing, e.g. ``"automl-pluggy[xgboost]"``."""
    versions_of: tuple[str, ...] = ()
    """Distributions, such as ``"lightgbm"``, whose versions are recorded with runs and predictors besides the
    plugin's own."""
    plugin: str = ""
    """Name of the plugin it came from; filled in by the registry."""
    distribution: str = ""
    """Distribution the plugin came from; filled in by the registry."""

    def missing(self) -> tuple[str, ...]:
        """The modules of :attr:`requires` that are not installed."""
        return tuple(name for name in self.requires if not _is_installed(name))

    def load(self) -> Any:
        """Import and return the object that :attr:`factory` names.

        Raises MissingDependencyError with the pip line, or PluginError when the name leads nowhere.
        """
        missing = self.missing()
        if missing:
            line = self.install or " ".join(missing)
            raise MissingDependencyError(
                f"{self.name!r} needs {', '.join(missing)}, which is not installed: pip install '{line}'"
            )
        return load_object(self.factory, owner=f"{type(self).__name__} {self.name!r} of plugin {self.plugin!r}")


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def load_object(path: str, *, owner: str = "") -> Any:
    """Import ``"package.module:Object"``; raise PluginError, naming `owner`, when that fails."""
    module_name, colon, attribute = path.partition(":")
    if not colon or not module_name or not attribute:
        raise PluginError(f"{owner or path}: {path!r} is not of the form 'package.module:Object'")
    try:
        found: Any = importlib.import_module(module_name)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise PluginError(f"{owner or path}: cannot load {path!r}: {type(error).__name__}: {error}") from error
    return found


USUAL_COLUMNS = 50
"""Columns up to which `relative_cost` holds as it is."""


@dataclass(frozen=True, kw_only=True)
class ModelSpec(Spec):
    """A model that can be trained. The factory is a class with the `Model` protocol."""

    space: str
    """``"package.module:function"``; the function takes the `Task` and returns a ConfigurationSpace."""
    problem_types: tuple[ProblemType, ...] = ALL_PROBLEM_TYPES
    modality: Literal["table", "images", "any"] = "table"
    """What it learns from. ``any`` is for models that look at nothing but the target, the weight and the number of
    rows, as baselines do: of images they receive `ImageData`, of tables what `form` says."""
    form: Literal["table", "matrix", "images"] = "matrix"
    """What `fit` receives: ``table`` (numbers with NaN, category codes, sparse text: `TableData`),
    ``matrix`` (dense float32 without NaN, imputed, scaled and encoded inside the fold: `MatrixData`) or
    ``images`` (`ImageData`; modality ``images``, too)."""
    fidelities: tuple[Fidelity | str, ...] = ()
    """The model's own ways of partial training, the default first; a string names a registered one.
    Rows and folds belong to the engine and are always there."""
    devices: tuple[str, ...] = ("cpu",)
    """Kinds of devices that it can train on: ``cpu``, ``cuda``, ``mps``."""
    find_device: str = ""
    """``"package.module:function"``: takes ``"auto"`` or a device such as ``"cuda:1"`` and returns the device to use
    and why, in words; SettingsError when it is not there. Needed by models that can use more than the CPU."""
    find_weights: str = ""
    """For models that start from pretrained weights: ``"package.module:function"``, which takes ``"auto"`` or what the
    user gave as ``--pretrained`` and returns the name or file for `Task.pretrained` and what it is, in words; of
    ``"auto"`` an empty name and how to get weights when there are none. SettingsError when they are not there."""
    relative_cost: float = 1.0
    """Seconds of one default fit relative to LightGBM's default on the same rows; of images, passes over all of them of
    a small convolutional net that would take as long."""
    column_growth: float = 1.0
    """The power of the number of columns that the seconds grow with, from `USUAL_COLUMNS` on; 0.5 for trees that look
    at the root of the columns at each split."""
    class_growth: float = 1.0
    """The power of the number of classes that the seconds grow with, where there are more than two; 1 for boosters, which
    fit a tree for each, 0 where classes hardly matter."""
    cpu_share: float | None = None
    """On a CPU the plan uses the model, unasked, only where its default trial should take at most this share of the
    run; None: always. For models that pay in long runs only."""
    least_share: float = 1.0
    """Least share of its usual training time with which a fit is still worth something: for models that stop at the
    deadline and learn faster, or grow fewer trees, where it is near. With such fits the rest of a run is filled when
    nothing fits into it as a whole; 1: not with this model."""
    memory_factor: float = 3.0
    """Peak memory of a fit in multiples of its training data as float64."""
    max_rows: int | None = None
    """Above this many training rows the plan skips the model, and says so."""
    max_classes: int | None = None
    """Above this many classes the plan skips the model, and says so."""
    priority: int = 100
    """Place in the first round of default configurations: lower runs earlier."""
    monotone: tuple[ProblemType, ...] = ()
    """Problem types for which the model obeys `Task.monotone`; where a user asks for that, others are skipped."""
    raw_target: bool = False
    """Whether `fit` needs values in the user's unit, as a Poisson regression does, which knows no values below 0.
    Others get them centred and scaled, and what they predict is brought back."""
    needs_text: bool = False
    """Whether the model is for tables with text columns only."""
    is_baseline: bool = False
    """Whether the model only marks the floor (a dummy): it runs first and never joins the search."""
    preload: tuple[str, ...] = ()
    """Modules that worker processes import once, before they are forked."""

    def cost_at(self, columns: int, outputs: int = 1) -> float:
        """`relative_cost` on a table of so many columns, whose target has so many outputs: classes, or 1 where one
        number tells all.
        """
        width = float(max(columns / USUAL_COLUMNS, 1.0) ** (self.column_growth - 1.0))
        return self.relative_cost * width * float(max(outputs, 1) ** (self.class_growth - 1.0))


@dataclass(frozen=True, kw_only=True)
class SamplerSpec(Spec):
    """A way to choose the next configuration. Factory: ``(space: JointSpace, seed: int) -> Sampler``."""

    default: bool = False
    """Whether it is used where the user names none; of each kind one may be."""
    learns: bool = True
    """Whether its suggestions depend on results. In runs without a time budget those that do are shown results in the
    order of the trials, some trials late, so that the same come out with any number of workers."""


@dataclass(frozen=True, kw_only=True)
class SchedulerSpec(Spec):
    """A way to hand out budget. Factory: ``(seed: int, **options) -> Scheduler``."""

    default: bool = False
    """Whether it schedules a sampler that the user names alone; one may."""
    partial: bool = True
    """Whether it ever gives less than the whole budget."""
    fidelity: str = ""
    """The fidelity that its budgets should scale where a model has it (``folds`` for racing); the user's choice
    goes before it. Empty: each model's default."""
    choose: str = ""
    """``"package.module:function"``, ``(facts: RunFacts) -> options``: asked at the start of a run for the options of the
    factory that suit it, such as a smallest budget that still is less than the next; those of a named strategy go before
    them. Empty: the factory's own."""


@dataclass(frozen=True, kw_only=True)
class StrategySpec(Spec):
    """A named pair of sampler and scheduler with options for the scheduler, or a function that chooses another strategy.
    Needs no factory.
    """

    factory: str = ""
    sampler: str
    scheduler: str
    options: tuple[tuple[str, float | int | str], ...] = ()
    default: bool = False
    """Whether it is used where the user names none; one may. Where none is, the default sampler is."""
    choose: str = ""
    """``"package.module:function"``, ``(facts: RunFacts) -> (strategy, reason)``: asked at the start of a run for the
    strategy to use, by name or as ``SAMPLER+SCHEDULER``, and why. `sampler` and `scheduler` are what it is without a
    run."""


@dataclass(frozen=True, kw_only=True)
class ExecutorSpec(Spec):
    """A place where jobs run. Factory: ``(settings: ExecutorSettings) -> Executor``."""

    default: bool = False
    """Whether it is used where the user names none; of each kind one may be."""


@dataclass(frozen=True, kw_only=True)
class MetricSpec(Spec):
    """A metric. Factory: ``(truth, prediction, weight) -> float``.

    ``truth`` is int64 class codes ``(rows,)`` or float64 values ``(rows,)``; ``prediction`` is
    probabilities ``(rows, classes)``, class codes ``(rows,)`` or values ``(rows,)`` as `needs` says;
    ``weight`` is float64 ``(rows,)`` or None.
    """

    problem_types: tuple[ProblemType, ...]
    needs: Literal["probabilities", "labels", "values"]
    greater_is_better: bool
    best: float
    """Score of a perfect prediction. The engine minimises ``best - score`` or ``score - best``."""
    aliases: tuple[str, ...] = ()
    """Other names, e.g. scikit-learn's ``neg_log_loss``."""
    decides: bool = True
    """Whether, where it needs labels, classes other than the most probable may be predicted to improve it. False for
    those that say little alone: recall is best when one class is always predicted."""
    proportional: bool = False
    """Whether it judges errors in proportion to the value, or of its logarithm (mape, rmsle): then the zero of the
    user's unit matters, and models see values that are not shifted."""
    logarithm: Literal["", "log", "log1p"] = ""
    """The logarithm of the target whose squared errors it judges, or nearly so: where all values have one, models are trained
    on it, with ``rmse`` as the metric, and their predictions turned back."""
    positive: bool = False
    """Whether predictions of 0 or below are infinitely wrong, though targets of 0 are not: they are raised to a small share
    of the mean."""


@dataclass(frozen=True, kw_only=True)
class PortfolioSpec(Spec):
    """Stored top performers: a `file`, or a factory ``(task: Task) -> Iterable[Candidate]`` in their order."""

    factory: str = ""
    """Empty where there is a `file`."""
    file: str = ""
    """``"package:name.json"``: a portfolio file (docs/baselines.md) that lies in a package."""
    problem_types: tuple[ProblemType, ...] = ALL_PROBLEM_TYPES
    """Those that the candidates are for; nothing is read for others."""
    modality: Literal["table", "images"] = "table"


@dataclass(frozen=True, kw_only=True)
class TrackerSpec(Spec):
    """A listener to a run, chosen per run by name. Factory: ``() -> Tracker``."""

    default: bool = False
    """Whether it listens to every run of the command line that someone watches on a terminal; one may."""


@dataclass(frozen=True, kw_only=True)
class CommandSpec(Spec):
    """A subcommand of ``automl``. Factory: a click command, loaded when it is used."""


@dataclass(frozen=True, kw_only=True)
class SectionSpec(Spec):
    """A section of the report. Factory: ``(run_folder: Path) -> str`` (HTML, already escaped)."""

    order: int = field(default=100)
