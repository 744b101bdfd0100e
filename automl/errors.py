"""The exceptions of automl.

::

    AutomlError
    ├── InputError              the user's data or settings are wrong (exit code 2)
    │   ├── DataError           the table cannot be read or used
    │   ├── SettingsError       an option has a wrong value
    │   └── PortfolioError      a file of stored configurations cannot be read or used
    ├── PluginError             a plugin is broken, unknown, clashing
    │   ├── UnknownNameError    no plugin offers this name
    │   └── MissingDependencyError   a package is not installed; carries the pip line
    ├── RunError                a run cannot go on or its folder cannot be used
    │   └── MetricError         a metric raised, or gave no finite number
    └── PredictorError          a saved predictor cannot be loaded or used

Every message says what was wrong, the value, and what to do instead.
"""

from __future__ import annotations

import errno

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What the system says where nothing more can be written."""


class AutomlError(Exception):
    """Base of every error that automl raises on purpose."""


class InputError(AutomlError):
    """The user's data or settings cannot be used as they are."""


class DataError(InputError):
    """The table cannot be read, or holds something that cannot be used."""


class SettingsError(InputError):
    """An option has a value that cannot be used."""


class PortfolioError(InputError):
    """A file of stored configurations cannot be read, or holds something that cannot be used."""


class PluginError(AutomlError):
    """A plugin is broken, or two plugins clash."""


class UnknownNameError(PluginError, InputError):
    """No enabled plugin offers what was asked for by name."""


class MissingDependencyError(PluginError):
    """A package that a plugin needs is not installed; the message carries the pip line."""


class RunError(AutomlError):
    """A run cannot start or go on, or its folder cannot be used."""


class MetricError(RunError):
    """A metric raised an exception, or gave something that is no finite number."""


class PredictorError(AutomlError):
    """A saved predictor cannot be loaded or cannot predict."""
