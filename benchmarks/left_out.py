"""`automl fit` with the stored configurations of plugins, less what was found on one data set.

    python benchmarks/left_out.py '{"name": "vehicle", "rows": 846, "columns": 18, "classes": 4}' fit train.csv ...

Left out are the candidates that name the data set under `mined_on`, and the stored tasks of its size: as many columns and
classes, and 85 to 100 % of its rows, as parts for training have them. What follows the JSON goes to the command line as it
is. ``benchmarks/stored.py`` uses it. Orders that were found on many data sets at once, as those of published portfolios,
stay: nobody can take a single one out of them afterwards.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from automl import portfolio as starts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from automl.portfolio_record import Portfolio, StoredTask

LEAST_SHARE = 0.85


def leave_out(portfolio: Portfolio, data: Mapping[str, Any]) -> Portfolio:
    """The portfolio without what was found on `data`, which has ``name``, ``rows``, ``columns`` and ``classes``."""
    name = str(data["name"]).lower()
    kept = [one for one in portfolio.candidates if name not in {each.lower() for each in one.mined_on}]
    numbers = {one.number: place for place, one in enumerate(kept, start=1)}
    tasks = [
        replace(task, order=tuple(numbers[number] for number in task.order if number in numbers))
        for task in portfolio.tasks
        if not _same(task, data)
    ]
    candidates = tuple(replace(one, number=numbers[one.number]) for one in kept)
    return replace(portfolio, candidates=candidates, tasks=tuple(task for task in tasks if task.order))


def _same(task: StoredTask, data: Mapping[str, Any]) -> bool:
    features = task.features
    sizes = (features.features, features.classes) == (data["columns"], data["classes"])
    return task.name.lower() == str(data["name"]).lower() or (
        sizes and LEAST_SHARE * data["rows"] <= features.rows <= data["rows"]
    )


def main() -> None:
    data = json.loads(sys.argv[1])
    load = starts.load_portfolio
    starts.load_portfolio = lambda spec: leave_out(load(spec), data)
    from automl.cli.main import main as automl

    sys.argv[:2] = [sys.argv[0]]
    automl()


if __name__ == "__main__":
    main()
