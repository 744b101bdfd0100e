"""The table of `hpo.py`: regret, ranks and seconds, on the searches that all methods of the table have made."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
from hpo_problems import at

Search = tuple[str, str, int]
"""Scenario, instance, seed."""


def losses_at(
    rows: list[dict], methods: list[str], budget: float
) -> tuple[dict[Search, list[float]], dict[str, float]]:
    """For each search that all methods made, their losses after `budget`; and the seconds of a suggestion."""
    found: dict[Search, dict[str, tuple[float, float]]] = defaultdict(dict)
    seconds: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        if "seed" in row and row["method"] in methods and row["budget"] >= budget:
            search, name = (row["scenario"], row["instance"], row["seed"]), row["method"]
            before = found[search].get(name)
            if before is None or row["budget"] < before[0]:  # a search made for this budget says most about it
                found[search][name] = (row["budget"], at(row["course"], budget))
            seconds[name].append(row["suggestion_seconds"])
    common = {
        search: [by_name[name][1] for name in methods]
        for search, by_name in sorted(found.items())
        if len(by_name) == len(methods)
    }
    return common, {name: float(np.mean(values)) for name, values in seconds.items()}


def interval(values: np.ndarray, groups: list[str]) -> float:
    """Half the width of a 95 % confidence interval of the mean; searches of one problem are not independent."""
    names = sorted(set(groups))
    means = np.array([values[[group == name for group in groups]].mean() for name in names])
    return 1.96 * float(means.std(ddof=1)) / math.sqrt(len(means)) if len(means) > 1 else math.nan


def compared(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The p of Wilcoxon's signed-rank test; 1 where all is equal."""
    from scipy.stats import wilcoxon

    differences = ours - theirs
    return float(wilcoxon(differences).pvalue) if np.any(differences != 0) else 1.0


def table(rows: list[dict], methods: list[str], budget: float) -> str:
    """Mean regret, mean rank and seconds of each method, best rank first, in all and for each scenario."""
    from scipy.stats import rankdata

    best = {(row["scenario"], row["instance"]): row for row in rows if "best" in row}
    common, seconds = losses_at(rows, methods, budget)
    if not common:
        return f"after {budget:g} full trainings: no problem and seed that all of these methods have"
    lines = []
    for scenario in ("", *sorted({search[0] for search in common})):
        searches = [search for search in common if scenario in ("", search[0])]
        losses = np.array([common[search] for search in searches])
        floor = np.array([best[search[:2]]["best"] for search in searches])
        spread = np.array([best[search[:2]]["median"] - best[search[:2]]["best"] for search in searches])
        regret = 100 * (losses - floor[:, None])
        ranks = np.array([rankdata(np.round(row, 9)) for row in losses])
        groups = [f"{name} {instance}" for name, instance, _ in searches]
        order = np.argsort(ranks.mean(axis=0), kind="stable").tolist()
        lines.append(
            f"after {budget:g} full trainings, {scenario or 'all'}: {len(set(groups))} problems, {len(searches)} searches"
        )
        lines.append(
            f"{'method':24} {'rank':>14} {'regret, points':>16} {'of median':>9} {'s/ask':>8} {'p against best':>14}"
        )
        for index in order:
            name = methods[index]
            lines.append(
                f"{name:24} {ranks[:, index].mean():6.2f} +- {interval(ranks[:, index], groups):4.2f} "
                f"{regret[:, index].mean():8.3f} +- {interval(regret[:, index], groups):5.3f} "
                f"{((losses[:, index] - floor) / spread).mean():9.4f} {seconds[name]:8.4f} "
                f"{compared(losses[:, order[0]] / spread, losses[:, index] / spread):14.3g}"
            )
        lines.append("")
    return "\n".join(lines)
