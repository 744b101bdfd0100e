"""Everything a user can ask of a run, in one frozen record."""

from __future__ import annotations

import operator
import re
from dataclasses import asdict, dataclass, field
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl.errors import SettingsError
from automl.scalars import is_finite
from automl.space_changes import read_changes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TIME = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(s|sec|m|min|h)?\s*$", re.IGNORECASE)
_DEVICE = re.compile(r"^[a-z]+(:\d+)?$")
_SECONDS = {"s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
DEFAULT_SECONDS = 600.0
PRESETS = ("fast", "balanced", "best")
_TEXTS = {
    "strategy": "the name of a strategy, or 'SAMPLER+SCHEDULER'",
    "fidelity": "the name of a fidelity, such as 'rows'",
    "executor": "the name of an executor",
    "prices": "the path of a prices file (TOML)",
}
"""Settings that are texts, and what they say."""


def parse_seconds(text: str | float) -> float:
    """Seconds in ``90``, ``"90s"``, ``"10m"`` or ``"1h"``; SettingsError for anything else or <= 0."""
    if isinstance(text, Real) and not isinstance(text, bool):
        seconds = float(text) if is_finite(text) else 0.0
    else:
        match = _TIME.match(str(text))
        if match is None:
            raise SettingsError(f"time {text!r} is not understood; write it as 90, 90s, 10m or 1h")
        seconds = float(match.group(1)) * _SECONDS[(match.group(2) or "s").lower()]
    if not is_finite(seconds) or seconds <= 0:
        raise SettingsError(f"time {text!r} must be above zero and finite; write it as 90, 90s, 10m or 1h")
    return seconds


def _whole(name: str, value: Any, least: int) -> int | None:
    """A whole number of any type that is one (also numpy's); SettingsError for anything else."""
    if value is None:
        return None
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if isinstance(value, bool) or number < least:
        raise SettingsError(f"{name}={value!r} must be a whole number of at least {least}")
    return number


MOST_REPEATS = 1000
LEAST_MEMORY_BYTES = 50_000_000
"""Python with numpy alone takes about as much."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a user asks of a run. Every field but `target` has a default."""

    target: str
    seconds: float | None = None
    """Wall-clock budget of everything; None: 600 s, or none at all when `trials` is given."""
    trials: int | None = None
    """Trial budget. Without `seconds` it makes the run reproducible whatever the number of workers."""
    patience: int | None = None
    """Stop when so many full trials, one after another, brought nothing better; None: never."""
    max_cost: float | None = None
    """Most money for everything, by the prices of `prices`; it bounds the time. None: no bound."""
    prices: str | None = None
    """File with what an hour of a core and of a GPU costs (docs/cli.md); None: the one that AUTOML_PRICES names."""
    metric: str | None = None
    """Name of a metric or ``module:function``; None: roc_auc, log_loss or rmse by problem type."""
    task: str | None = None
    """``binary``, ``multiclass``, ``classification`` or ``regression``; None: found out."""
    models: tuple[str, ...] = ()
    """Only these models; empty: all that are usable."""
    baselines: bool | str | Sequence[Mapping[str, Any]] | None = None
    """Stored configurations that the search starts from, after the default ones: None, those that plugins bring;
    False, none; a portfolio file (docs/baselines.md); or a list of ``{"model": ..., "config": {...}}``."""
    space: Any = ()
    """What is changed in the models' search spaces: a file, an expression such as
    ``lightgbm.learning_rate=1e-6..1e-1:log``, ``{model: {name: value}}``, or a list of these; kept as `Change` records."""
    strategy: str | None = None
    """Name of a strategy or ``SAMPLER+SCHEDULER``; None: what plugins offer as the default."""
    fidelity: str | None = None
    """Fidelity that partial budgets scale where a model has it; None: the strategy's wish or each model's default."""
    fidelity_max: float | None = None
    """Value of :attr:`fidelity` that is full training in this run, such as the highest phi; None: the models' own."""
    seed: int = 0
    device: str = "auto"
    """``auto`` (the best that is there), ``cpu``, ``cuda``, ``cuda:1`` or ``mps``, for the models that can choose."""
    pretrained: str | None = None
    """Name or file of pretrained weights for the models that start from some; None: those that are installed."""
    jobs: int | None = None
    """Most cores to use; None: all that the process may really use."""
    job_seconds: float | None = None
    """Most seconds of one job (one fold of one trial), after which it is killed; None: what the time budget allows,
    and an hour without one."""
    memory_bytes: int | None = None
    """Limit of each worker's memory; None: its share of what is available."""
    executor: str | None = None
    """Where jobs run; None: what plugins offer as the default."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Column name -> kind, overriding what was found."""
    drop: tuple[str, ...] = ()
    """Columns left out; it is an error when one is not there."""
    ignore: tuple[str, ...] = ()
    """Columns left out when they are there."""
    group: str | None = None
    time_column: str | None = None
    split_column: str | None = None
    """Column with ``train``/``valid`` (or 0/1, false/true) in every row."""
    validation: str | None = None
    """File with validation rows; then these judge every trial."""
    weight: str | None = None
    """Column of sample weights."""
    image_column: str | None = None
    """Column of paths of images to learn from; None: found where a column holds paths of images that are there."""
    image_side: int | None = None
    """Most pixels of the side at which images are kept; None: 256."""
    folds: int | None = None
    repeats: int | None = None
    target_encoding: bool = True
    """Show models categories of many levels as means of the target, found on other rows; otherwise as codes and counts."""
    early_discard: bool = True
    """Leave trials whose first folds promise nothing to the ensemble; in runs with a time budget."""
    monotone: Mapping[str, int] = field(default_factory=dict)
    """Column name -> 1 (rising) or -1 (falling), for the models that can."""
    preset: str = "best"
    """``best`` (whatever helps), ``balanced`` (quick prediction at hardly any loss) or ``fast`` (very quick)."""
    max_latency_ms: float | None = None
    """Most milliseconds per row that the finished predictor may take, in batches of `latency_rows` rows."""
    max_size_mb: float | None = None
    """Most megabytes (10^6 bytes) that the finished predictor may have."""
    latency_rows: int = 1000
    """Rows of the batches in which `max_latency_ms` is measured."""
    stacking: bool | None = None
    """Whether a second layer of models is tried, which see the predictions of others beside the table (`automl.stacking`):
    None, where rows, preset and goals allow; True, with few rows and preset ``balanced``, too; False, never."""
    refit: bool = False
    """Train each member once on all rows instead of averaging the fold models."""
    dedupe: bool = False
    """Rename duplicate columns instead of refusing them."""
    strict: bool = False
    """Refuse what would otherwise be repaired with a warning."""
    trackers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        least = {
            "trials": 1,
            "jobs": 1,
            "folds": 2,
            "repeats": 1,
            "seed": 0,
            "memory_bytes": LEAST_MEMORY_BYTES,
            "latency_rows": 1,
            "patience": 1,
            "image_side": 1,
        }
        for name, bound in least.items():
            object.__setattr__(self, name, _whole(name, getattr(self, name), bound))
        for name in ("seconds", "job_seconds"):
            value = getattr(self, name)
            object.__setattr__(self, name, None if value is None else parse_seconds(value))
        for name, what in _TEXTS.items():
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                raise SettingsError(f"{name}={value!r} must be {what}")
            if value is not None and name != "prices":
                object.__setattr__(self, name, value.strip())
        object.__setattr__(self, "space", read_changes(self.space))
        self._check_goals()
        self._check_fidelity_max()
        if self.task not in (None, "binary", "multiclass", "classification", "regression"):
            raise SettingsError(
                f"task {self.task!r} is not known; use binary, multiclass, classification or regression"
            )
        if not isinstance(self.device, str) or _DEVICE.match(self.device) is None:
            raise SettingsError(f"device {self.device!r} is not understood; use auto, cpu, cuda, cuda:1 or mps")
        _check_baselines(self.baselines)
        structures = [n for n in ("group", "time_column", "split_column", "validation") if getattr(self, n)]
        if len(structures) > 1:
            raise SettingsError(f"{' and '.join(structures)} were both given; choose one way to validate")
        self._check_resampling(*structures)
        for name, sign in self.monotone.items():
            if sign not in (1, -1):
                raise SettingsError(f"monotone constraint {sign!r} of column {name!r} must be 1 or -1")

    def _check_resampling(self, structure: str = "") -> None:
        """Refuse numbers of folds and repeats where something else decides, and more repeats than anybody has time for."""
        if self.repeats is not None and self.repeats > MOST_REPEATS:
            raise SettingsError(f"repeats={self.repeats} is above {MOST_REPEATS}; a few steady the scores")
        told = {"split_column": "the split column", "validation": "the validation file"}
        if structure in told and (self.folds is not None or self.repeats is not None):
            given = "folds" if self.folds is not None else "repeats"
            raise SettingsError(
                f"{given}={getattr(self, given)} cannot be had beside {told[structure]}, which says which rows judge; "
                "give one of the two"
            )
        if structure in ("group", "time_column") and self.repeats not in (None, 1):
            what = "groups" if structure == "group" else "time"
            raise SettingsError(f"repeats={self.repeats} cannot be had with validation by {what}; leave repeats out")

    def _check_fidelity_max(self) -> None:
        """A finite number, beside the name of what it is the most of."""
        value = self.fidelity_max
        if value is None:
            return
        if not is_finite(value):
            raise SettingsError(f"fidelity_max={value!r} must be a finite number")
        if self.fidelity is None:
            raise SettingsError(
                f"fidelity_max={value!r} needs to know of what: give fidelity as well, such as 'epochs'"
            )
        object.__setattr__(self, "fidelity_max", float(value))

    def _check_goals(self) -> None:
        """Limits are finite numbers above zero, the preset is known."""
        if self.preset not in PRESETS:
            raise SettingsError(f"preset {self.preset!r} is not known; use {', '.join(PRESETS)}")
        for name, unit in (
            ("max_latency_ms", "milliseconds per row"),
            ("max_size_mb", "megabytes"),
            ("max_cost", "money"),
        ):
            value = getattr(self, name)
            if value is None:
                continue
            if not is_finite(value) or value <= 0:
                raise SettingsError(f"{name}={value!r} must be a finite number of {unit} above zero")
            object.__setattr__(self, name, float(value))

    @property
    def wants_refit(self) -> bool:
        """Whether members are trained once on all rows: as asked, or because the preset wants one model each."""
        return self.refit or self.preset == "fast"

    @property
    def budget_seconds(self) -> float | None:
        """The time budget in force: None when only trials were given."""
        if self.seconds is None and self.trials is None:
            return DEFAULT_SECONDS
        return self.seconds

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        plain = asdict(self) | {"space": [str(change) for change in self.space]}
        plain["validation"] = None if self.validation is None else str(Path(self.validation))
        return plain


def _check_baselines(baselines: object) -> None:
    """Raise SettingsError for what is no source of stored configurations."""
    listed = isinstance(baselines, list | tuple) and all(isinstance(one, dict) for one in baselines)
    if not (listed or baselines is None or isinstance(baselines, bool | str)):
        raise SettingsError(
            f"baselines={baselines!r} must be a portfolio file, True, False, or a list of "
            '{"model": ..., "config": {...}}'
        )
