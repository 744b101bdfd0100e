"""What computing costs in money: prices from a settings file, and how long a sum of money lasts."""

from __future__ import annotations

import math
import os
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl.errors import SettingsError
from automl.scalars import is_finite

if TYPE_CHECKING:
    from automl.settings import Settings

VARIABLE = "AUTOML_PRICES"
"""Environment variable that names a prices file when the settings name none."""
KEYS = ("cpu_hour", "gpu_hour", "currency")
HELP = 'a prices file is TOML: cpu_hour = 0.05 (one core), gpu_hour = 5.0 (one GPU), currency = "$"'


@dataclass(frozen=True, kw_only=True)
class Prices:
    """Money per hour of one core and of one GPU."""

    cpu_hour: float
    gpu_hour: float | None = None
    currency: str = ""

    def per_second(self, cores: int, gpus: int) -> float:
        """What a second costs; SettingsError when a GPU is used that has no price."""
        if gpus and self.gpu_hour is None:
            raise SettingsError(f"--max-cost: this run uses a GPU, and the prices have no gpu_hour; {HELP}")
        return (cores * self.cpu_hour + gpus * (self.gpu_hour or 0.0)) / 3600.0

    def told(self, amount: float) -> str:
        """An amount in words: to a hundredth, or two digits of what is smaller."""
        decimals = 2 if amount >= 0.01 or amount <= 0 else 1 - math.floor(math.log10(amount))
        return f"{self.currency}{amount:.{decimals}f}"


@dataclass(frozen=True, kw_only=True)
class Money:
    """How much may be spent, and how fast it goes."""

    most: float
    prices: Prices
    cores: int
    gpus: int = 0

    @property
    def seconds(self) -> float:
        """How long the money lasts."""
        return self.most / self.prices.per_second(self.cores, self.gpus)

    def spent(self, seconds: float) -> str:
        """What so many seconds cost, in words."""
        amount = seconds * self.prices.per_second(self.cores, self.gpus)
        gpus = f" and {self.gpus} GPU" if self.gpus else ""
        return (
            f"{self.prices.told(amount)} of {self.prices.told(self.most)} "
            f"({seconds:.0f} s of {self.cores} core{'s' if self.cores != 1 else ''}{gpus})"
        )


def limit_by_money(settings: Settings, cores: int, gpus: int = 0) -> tuple[Settings, Money | None]:
    """The settings with no more seconds than the money lasts, and the money; None when it is no matter."""
    if settings.max_cost is None:
        if settings.prices is not None:
            raise SettingsError(f"prices file {settings.prices} was given without --max-cost; give both or none")
        return settings, None
    money = Money(most=settings.max_cost, prices=read_prices(settings.prices), cores=cores, gpus=gpus)
    return replace(settings, seconds=min(settings.seconds or math.inf, money.seconds)), money


def read_prices(file: str | None) -> Prices:
    """The prices of a file, else of the file that AUTOML_PRICES names.

    Raises SettingsError, naming the file, when there is none or it says something else.
    """
    name = file or os.environ.get(VARIABLE)
    if not name:
        raise SettingsError(f"--max-cost needs prices: give --prices FILE or set {VARIABLE}; {HELP}")
    path = Path(name)
    try:
        plain = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"prices file {path} cannot be read: {error.strerror or error}; {HELP}") from error
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"prices file {path} is not TOML: {error}; {HELP}") from error
    unknown = sorted(set(plain) - set(KEYS))
    if unknown:
        raise SettingsError(f"prices file {path}: {unknown[0]!r} is not known; it may have {', '.join(KEYS)}")
    if "cpu_hour" not in plain:
        raise SettingsError(f"prices file {path} has no cpu_hour; {HELP}")
    prices = {key: _price(plain[key], key, path) for key in ("cpu_hour", "gpu_hour") if key in plain}
    if not prices["cpu_hour"] and not prices.get("gpu_hour"):
        raise SettingsError(f"prices file {path}: everything costs nothing, so that --max-cost would never be reached")
    return Prices(cpu_hour=prices["cpu_hour"], gpu_hour=prices.get("gpu_hour"), currency=str(plain.get("currency", "")))


def _price(value: Any, key: str, path: Path) -> float:
    if not is_finite(value) or value < 0:
        raise SettingsError(f"prices file {path}: {key} = {value!r} must be a finite number, not below zero")
    return float(value)
