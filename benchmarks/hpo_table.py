"""The table of `hpo.py`: regret, ranks and seconds, on the searches that all methods of the table have made."""

from __future__ import annotations

import math

import numpy as np
from hpo_problems import at

ENOUGH = 0.75
"""Share of the searches of the method with the most that puts a method beside it in the first table."""

Search = tuple[str, str, int]
"""Scenario, instance, seed."""
Made = dict[str, dict[Search, tuple[float, float]]]
"""Method -> search -> loss of the best after a budget, and seconds of a suggestion."""


def made_at(rows: list[dict], methods: list[str], budget: float) -> Made:
    """What each method has after `budget`, from the search that was made for the nearest one."""
    found: dict[str, dict[Search, dict]] = {name: {} for name in methods}
    for row in rows:
        if "seed" in row and row["method"] in found and row["budget"] >= budget:
            search, own = (row["scenario"], row["instance"], row["seed"]), found[row["method"]]
            if search not in own or row["budget"] < own[search]["budget"]:
                own[search] = row
    return {
        name: {search: (at(row["course"], budget), row["suggestion_seconds"]) for search, row in sorted(own.items())}
        for name, own in found.items()
    }


def compared_together(made: Made) -> list[list[str]]:
    """Groups of methods, one for each table: those with the most searches; then all of them, on fewer searches.

    A method that costs too much for as many seeds as the others would else take their searches out of the table.
    Methods without any search are in no group.
    """
    there = [name for name, own in made.items() if own]
    most = max((len(made[name]) for name in there), default=0)
    many = [name for name in there if len(made[name]) >= ENOUGH * most]
    return [group for group in ([many, there] if 1 < len(many) < len(there) else [there]) if group]


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
    """Mean regret, mean rank and seconds of each method with 95 % intervals, best rank first, in all and for each
    scenario; every number of a table is from the same searches, those that all of its methods have made.
    """
    made = made_at(rows, methods, budget)
    best = {(row["scenario"], row["instance"]): row for row in rows if "best" in row}
    lines = [f"after {budget:g} full trainings: no search by {name}" for name, own in made.items() if not own]
    for group in compared_together(made):
        others = [f"{name} ({len(own)} searches)" for name, own in made.items() if own and name not in group]
        if others:
            lines.append(f"left for the next table, as they have fewer seeds: {', '.join(others)}")
        common = [search for search in made[group[0]] if all(search in made[name] for name in group)]
        if not common:
            lines.append(f"after {budget:g} full trainings: no problem and seed that all of {', '.join(group)} have")
        for scenario in ("", *sorted({search[0] for search in common})) if common else ():
            searches = [search for search in common if scenario in ("", search[0])]
            lines += [*part({name: made[name] for name in group}, searches, best, budget, scenario), ""]
    return "\n".join(lines)


def part(made: Made, searches: list[Search], best: dict, budget: float, scenario: str) -> list[str]:
    """The lines of one table."""
    from scipy.stats import rankdata

    methods = list(made)
    losses = np.array([[made[name][search][0] for name in methods] for search in searches])
    seconds = np.array([[made[name][search][1] for name in methods] for search in searches])
    floor = np.array([best[search[:2]]["best"] for search in searches])
    spread = np.array([best[search[:2]]["median"] - best[search[:2]]["best"] for search in searches])
    regret, share = 100 * (losses - floor[:, None]), (losses - floor[:, None]) / spread[:, None]
    ranks = np.array([rankdata(np.round(row, 9)) for row in losses])
    groups = [f"{name} {instance}" for name, instance, _ in searches]
    order = np.argsort(ranks.mean(axis=0), kind="stable").tolist()
    seeds = len({seed for *_, seed in searches})
    title = f"after {budget:g} full trainings, {scenario or 'all'}: {len(set(groups))} problems, {seeds} seeds"
    head = f"{'method':24} {'rank':>14} {'regret, points':>17} {'of median':>17} {'s/ask':>16} {'p against best':>14}"
    return [
        f"{title}, {len(searches)} searches by each method",
        head,
        *(
            f"{methods[index]:24} {ranks[:, index].mean():6.2f} +- {interval(ranks[:, index], groups):4.2f} "
            f"{regret[:, index].mean():8.3f} +- {interval(regret[:, index], groups):5.3f} "
            f"{share[:, index].mean():7.4f} +- {interval(share[:, index], groups):6.4f} "
            f"{seconds[:, index].mean():8.4f} +- {interval(seconds[:, index], groups):6.4f} "
            f"{compared(losses[:, order[0]] / spread, losses[:, index] / spread):14.3g}"
            for index in order
        ),
    ]
