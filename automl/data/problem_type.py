"""Classes or a quantity: the problem type of a target, with its reason.

The rule, where neither task nor metric decides: text and truth values are classes; two different numbers are two
classes; numbers with fractions are a quantity; whole numbers are classes when there are at most 20 of them with at
least 20 rows each on average, else a quantity. Text that is all numbers counts as numbers (equal numbers are one
label, in its shortest spelling, and come back as text); text with other things in it counts as text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl.data.numbers_as_text import parse_number
from automl.errors import DataError, SettingsError

if TYPE_CHECKING:
    from automl.data.target_labels import Labels
    from automl.specs import MetricSpec, ProblemType

MOST_INTEGER_CLASSES = 20
"""Whole numbers with more distinct values than this are a quantity."""
ROWS_PER_INTEGER_CLASS = 20
"""Whole numbers are classes only when each value stands for at least this many rows on average."""
MOMENTS_AT_LEAST = 10
"""Fewer different dates or times may well be classes, such as "morning" and "evening" by the clock."""
MOMENTS_SHARE = 0.95
FOR_MORE_CLASSES = {
    "f1": "f1_macro",
    "jaccard": "jaccard_macro",
    "precision": "precision_macro",
    "recall": "recall_macro",
    "roc_auc": "roc_auc_ovr",
}
"""What to ask for instead of a metric of two classes."""


def decide_problem_type(
    name: str, labels: Labels, task: str | None, metric: MetricSpec | None
) -> tuple[ProblemType, str]:
    """The problem type and why. `task` decides, else `metric` where it is for one kind only, else the values.

    Raises SettingsError when they contradict each other or the target.
    """
    found = labels.distinct
    classes: ProblemType = "binary" if found == 2 else "multiclass"
    if task is not None:
        wanted = _as_asked(name, labels, task, metric)
        return wanted, f"{wanted}: as asked by the task setting"
    problem_type, why = _by_values(labels, classes)
    if metric is None or problem_type in metric.problem_types:
        return problem_type, why
    if metric.problem_types == ("regression",):
        if not labels.numeric:
            raise SettingsError(
                f"metric {metric.name!r} needs numbers; target {name!r} holds {_example(labels)}: choose a metric for classes"
            )
        return (
            "regression",
            f"regression: because the metric {metric.name} asks for numbers ({found:,} distinct values)",
        )
    if classes in metric.problem_types:
        return classes, f"{classes}: because the metric {metric.name} asks for classes ({found:,} of them)"
    hint = FOR_MORE_CLASSES.get(metric.name)
    raise SettingsError(
        f"metric {metric.name!r} is for {' and '.join(metric.problem_types)} targets, but {name!r} has {found:,} classes"
        + (f"; {hint} is for more than two" if hint else "; choose another metric")
    )


def _as_asked(name: str, labels: Labels, task: str, metric: MetricSpec | None) -> ProblemType:
    classes: ProblemType = "binary" if labels.distinct == 2 else "multiclass"
    wanted: ProblemType = classes if task == "classification" else task  # type: ignore[assignment]
    if wanted == "regression" and not labels.numeric:
        raise SettingsError(
            f"task regression needs numbers; target {name!r} holds {_example(labels)}: mend it or leave --task out"
        )
    if wanted not in ("regression", classes):
        raise SettingsError(
            f"task {task!r} was asked for, but target {name!r} has {labels.distinct:,} classes; use --task classification"
        )
    if metric is not None and wanted not in metric.problem_types:
        hint = FOR_MORE_CLASSES.get(metric.name) if wanted == "multiclass" else None
        raise SettingsError(
            f"metric {metric.name!r} is for {' and '.join(metric.problem_types)}, but the task is {wanted}; "
            + (f"{hint} is for more than two classes" if hint else "change --metric or --task")
        )
    return wanted


def _by_values(labels: Labels, classes: ProblemType) -> tuple[ProblemType, str]:
    found, rows = labels.distinct, labels.present
    if not labels.numeric:
        return classes, f"{classes}: {found:,} different {'texts' if labels.kind == 'text' else 'truth values'}"
    if found == 2:
        return "binary", "binary: two different numbers"
    if not labels.whole:
        return "regression", f"regression: {found:,} different numbers, some with fractions"
    if found <= MOST_INTEGER_CLASSES and rows >= ROWS_PER_INTEGER_CLASS * found:
        return (
            "multiclass",
            f"multiclass: {found} different whole numbers in {rows:,} rows (--task regression to overrule)",
        )
    return (
        "regression",
        f"regression: {found:,} different whole numbers in {rows:,} rows (--task classification to overrule)",
    )


def _example(labels: Labels) -> str:
    """A label that is no number, if there is one."""
    texts = [label for label in labels.counts if isinstance(label, str) and parse_number(label) is None]
    return f"values such as {texts[0] if texts else next(iter(labels.counts))!r}"


def refuse_quantities(name: str, labels: Labels) -> None:
    """Dates, times and numbers with a unit, written as text: each would become a class, though they are a quantity or no target at all."""
    texts = [label.strip() for label in labels.counts if isinstance(label, str)]
    if labels.kind != "text" or labels.numeric or len(texts) < MOMENTS_AT_LEAST:
        return
    import numpy as np
    import pyarrow as pa

    from automl.data.clock import are_worded, parse_clock
    from automl.data.dates import find_formats, looks_like_dates
    from automl.data.numbers_as_text import find_decimal_sign, parse_numbers
    from automl.data.units import find_unit, parse_with_unit, without_unit

    some = pa.array(texts[:1000])
    unit = find_unit(texts[:1000]) if len(texts) > MOST_INTEGER_CLASSES else None
    if np.isfinite(parse_clock(some, words=are_worded(some))).mean() > MOMENTS_SHARE:
        what, number = "times", "minutes"
    elif looks_like_dates(texts) and find_formats(some)[1] > MOMENTS_SHARE:
        what, number = "dates", "days from a fixed day"
    elif unit is not None:
        comma = find_decimal_sign(without_unit(some, unit).to_pylist()).decimal_comma
        # "10 A" alone beside numbers makes no unit of A; money is a quantity wherever some of it has a scale.
        most_plain = MOMENTS_SHARE if unit["scaled"] or unit["before"] else 0.5
        plain = np.isfinite(parse_numbers(some, decimal_comma=comma)).mean()
        if plain >= most_plain or np.isfinite(parse_with_unit(some, unit, comma)).mean() <= MOMENTS_SHARE:
            return
        what, number = "numbers with a unit", "the number without it"
    else:
        return
    raise DataError(
        f"target {name!r} holds {what}, such as {texts[0]!r}; make a number of it, such as {number}, or use "
        "--task classification if they are classes"
    )
