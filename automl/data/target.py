"""The target column: problem type with its reason, labels to codes and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from automl.data.numbers_as_text import parse_number
from automl.data.records import MISSING_TOKENS, Finding
from automl.errors import DataError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from automl.specs import MetricSpec, ProblemType
    from automl.task import Label

MOST_INTEGER_CLASSES = 20
"""Whole numbers with more distinct values than this are a quantity."""
ROWS_PER_INTEGER_CLASS = 20
"""Whole numbers are classes only when each value stands for at least this many rows on average."""
MOST_CLASSES = 1000
MISSING_LIMIT = 0.5
LARGEST = 3.0e38
"""Values beyond this do not fit in a float32."""

LabelKind = Literal["text", "boolean", "integer", "number"]


@dataclass(frozen=True, kw_only=True)
class TargetCoding:
    """Labels in the order of their codes, and how a target column is read."""

    name: str
    problem_type: ProblemType
    kind: LabelKind
    """What the labels were: ``predict`` gives the same back."""
    classes: tuple[Label, ...] = ()
    reasons: tuple[str, ...] = ()

    def encode(self, column: pa.ChunkedArray) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Codes or values ``(rows,)`` and where there is one.

        Raises DataError for labels that the training table did not have, or values that are no numbers.
        """
        import numpy as np

        values, codes = _distinct(column)
        labels = [_label(value, self.kind) for value in values]
        if self.problem_type == "regression":
            return _as_numbers(self.name, values, labels, codes)
        places = {label: code for code, label in enumerate(self.classes)}
        unknown = [label for label in labels if label is not None and label not in places]
        if unknown:
            shown = ", ".join(repr(label) for label in unknown[:5])
            raise DataError(
                f"target {self.name!r} has labels that were not learned: {shown}; "
                f"known are {', '.join(repr(label) for label in self.classes[:10])}"
            )
        table = np.array([-1 if label is None else places[label] for label in labels] + [-1], dtype=np.int64)
        found = table[codes]
        return found, found >= 0

    def decode(self, codes: NDArray[np.integer[Any]]) -> NDArray[Any]:
        """Labels ``(rows,)`` in the type they came in."""
        import numpy as np

        kinds = {"text": object, "boolean": np.bool_, "integer": np.int64, "number": np.float64}
        labels: NDArray[Any] = np.array(self.classes, dtype=kinds[self.kind])
        return np.asarray(labels[codes])

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "name": self.name,
            "problem_type": self.problem_type,
            "kind": self.kind,
            "classes": list(self.classes),
            "reasons": list(self.reasons),
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> TargetCoding:
        """The inverse of :meth:`to_dict`."""
        return cls(**{**plain, "classes": tuple(plain["classes"]), "reasons": tuple(plain["reasons"])})


def fit_target(
    column: pa.ChunkedArray, *, name: str, task: str | None, metric: MetricSpec | None
) -> tuple[TargetCoding, tuple[Finding, ...]]:
    """Find out what kind of target this is. `task` and then `metric` overrule what the values look like.

    The rule without them: text and booleans are classes; fractions are a quantity; whole numbers are classes when
    there are two of them, or at most 20 with at least 20 rows for each on average, else a quantity. Text that is
    all numbers counts as numbers. Raises DataError or SettingsError for a target that cannot be learned.
    """
    import numpy as np

    values, codes = _distinct(column)
    counts = np.bincount(codes, minlength=len(values) + 1)[: len(values)]
    kind = _label_kind(column, values)
    merged: dict[Label, int] = {}
    for value, count in zip(values, counts.tolist(), strict=True):
        label = _label(value, kind)
        if label is not None and count:
            merged[label] = merged.get(label, 0) + count
    rows, present = len(column), sum(merged.values())
    _refuse_unusable(name, merged, rows, present)
    problem_type, why = _problem_type(name, kind, merged, task, metric)
    findings = []
    if present < rows:
        findings.append(
            Finding(
                level="repair",
                code="target-missing",
                column=name,
                count=rows - present,
                message=f"{rows - present:,} of {rows:,} rows have no target and are left out",
            )
        )
    if problem_type == "regression":
        coding = TargetCoding(name=name, problem_type=problem_type, kind=kind, reasons=(why,))
        coding.encode(column)
        return coding, tuple(findings)
    _refuse_classes(name, merged, present)
    findings += _class_findings(name, merged)
    coding = TargetCoding(
        name=name, problem_type=problem_type, kind=kind, classes=tuple(sorted(merged, key=_order)), reasons=(why,)
    )
    return coding, tuple(findings)


def _order(label: Label) -> tuple[Any, ...]:
    return (0, label, "") if isinstance(label, bool | int | float) else (1, 0, label)


def _distinct(column: pa.ChunkedArray) -> tuple[list[Any], NDArray[np.int64]]:
    """Distinct values without null, and for each row its place among them (one past the last: missing)."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if not isinstance(column, pa.ChunkedArray):
        column = pa.chunked_array([column])
    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    if pa.types.is_null(column.type):
        return [], np.zeros(len(column), dtype=np.int64)
    coded = pc.dictionary_encode(column).combine_chunks()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.chunk(0) if coded.num_chunks else pa.array([], pa.dictionary(pa.int32(), column.type))
    values = coded.dictionary.to_pylist()
    codes = coded.indices.fill_null(len(values)).to_numpy(zero_copy_only=False).astype(np.int64)
    return values, codes


def _label_kind(column: pa.ChunkedArray, values: list[Any]) -> LabelKind:
    import pyarrow as pa

    plain = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_boolean(plain):
        return "boolean"
    if pa.types.is_integer(plain):
        return "integer"
    if pa.types.is_floating(plain) or pa.types.is_decimal(plain):
        # A column of whole numbers with gaps arrives as floats; its labels are whole numbers all the same.
        whole = all(float(value).is_integer() for value in values if value == value and abs(value) < 2**53)  # noqa: PLR0124
        return "integer" if whole and len(values) <= MOST_INTEGER_CLASSES else "number"
    texts = [str(value).strip() for value in values]
    texts = [text for text in texts if text not in MISSING_TOKENS]
    numbers = [parse_number(text) for text in texts]
    if texts and all(number is not None for number in numbers):
        # Leading zeros or signs mean codes, not quantities: they have to come back as they went in.
        if any(len(text) > 1 and text[0] == "0" and text[1].isdigit() for text in texts):
            return "text"
        return "integer" if all(float(number or 0).is_integer() for number in numbers) else "number"
    return "text"


def _label(value: Any, kind: LabelKind) -> Label | None:
    """The label as it will come back; None for missing."""
    if value is None or (isinstance(value, float) and value != value):  # noqa: PLR0124 - NaN
        return None
    if kind == "boolean":
        return bool(value)
    if kind == "text":
        text = str(value).strip()
        return None if text in MISSING_TOKENS else text
    if isinstance(value, str):
        text = value.strip()
        if text in MISSING_TOKENS:
            return None
        number = parse_number(text)
        if number is None:
            return text
    else:
        number = float(value)
    if kind == "integer" and number.is_integer():
        return int(number)
    return number


def _refuse_unusable(name: str, labels: Mapping[Label, int], rows: int, present: int) -> None:
    if rows == 0:
        raise DataError("the table has 0 rows; give one with data")
    if not present:
        raise DataError(f"target {name!r} is missing in all {rows:,} rows; choose another target")
    if present < rows * (1 - MISSING_LIMIT):
        raise DataError(
            f"target {name!r} is missing in {rows - present:,} of {rows:,} rows, more than half; "
            "leave those rows out yourself if that is meant"
        )
    if len(labels) == 1:
        only, count = next(iter(labels.items()))
        raise DataError(f"target {name!r} is {only!r} in all {count:,} rows: there is nothing to learn")


def _problem_type(
    name: str, kind: LabelKind, labels: Mapping[Label, int], task: str | None, metric: MetricSpec | None
) -> tuple[ProblemType, str]:
    classes: ProblemType = "binary" if len(labels) == 2 else "multiclass"
    numeric = kind in ("integer", "number")
    if task is not None:
        wanted: ProblemType = classes if task == "classification" else task  # type: ignore[assignment]
        if wanted == "regression" and not numeric:
            raise SettingsError(f"task regression needs numbers; target {name!r} holds {_example(labels)}")
        if wanted in ("binary", "multiclass") and wanted != classes:
            raise SettingsError(f"task {task!r} was asked for, but target {name!r} has {len(labels)} classes")
        if metric is not None and wanted not in metric.problem_types:
            raise SettingsError(
                f"metric {metric.name!r} is for {' and '.join(metric.problem_types)}, but the task is {wanted}; "
                "change --metric or --task"
            )
        return wanted, f"{wanted}: as asked by the task setting"
    problem_type, why = _by_values(kind, labels, classes)
    if metric is None or problem_type in metric.problem_types:
        return problem_type, why
    if metric.problem_types == ("regression",):
        if not numeric:
            raise SettingsError(f"metric {metric.name!r} needs numbers; target {name!r} holds {_example(labels)}")
        return (
            "regression",
            f"regression: because the metric {metric.name} asks for numbers ({len(labels)} distinct values)",
        )
    if classes in metric.problem_types:
        return classes, f"{classes}: because the metric {metric.name} asks for classes ({len(labels)} of them)"
    hint = "; roc_auc_ovr is for more than two classes" if metric.name == "roc_auc" else ""
    raise SettingsError(
        f"metric {metric.name!r} is for {' and '.join(metric.problem_types)}, but target {name!r} has {len(labels)} classes{hint}"
    )


def _by_values(kind: LabelKind, labels: Mapping[Label, int], classes: ProblemType) -> tuple[ProblemType, str]:
    distinct, rows = len(labels), sum(labels.values())
    if kind in ("text", "boolean"):
        return classes, f"{classes}: {distinct} different {'texts' if kind == 'text' else 'truth values'}"
    if distinct == 2:
        return "binary", "binary: two different numbers"
    if kind == "number":
        return "regression", f"regression: {distinct:,} different numbers, some with fractions"
    if distinct <= MOST_INTEGER_CLASSES and rows >= ROWS_PER_INTEGER_CLASS * distinct:
        return (
            classes,
            f"multiclass: {distinct} different whole numbers in {rows:,} rows (--task regression to overrule)",
        )
    return "regression", f"regression: {distinct:,} different whole numbers in {rows:,} rows"


def _example(labels: Mapping[Label, int]) -> str:
    text = next((label for label in labels if isinstance(label, str)), next(iter(labels)))
    return f"values such as {text!r}"


def _refuse_classes(name: str, labels: Mapping[Label, int], rows: int) -> None:
    if len(labels) > MOST_CLASSES or (len(labels) > 20 and len(labels) > 0.5 * rows):
        raise DataError(
            f"target {name!r} has {len(labels):,} different labels in {rows:,} rows, too many for classes; "
            "choose another target, or --task regression if it is a number"
        )


def _class_findings(name: str, labels: Mapping[Label, int]) -> list[Finding]:
    findings = []
    single = [label for label, count in labels.items() if count == 1]
    if single:
        shown = ", ".join(repr(label) for label in single[:5])
        findings.append(
            Finding(
                level="repair",
                code="single-member-class",
                column=name,
                count=len(single),
                message=f"{len(single)} classes have one row only and are never used to judge: {shown}",
            )
        )
    folded: dict[str, list[str]] = {}
    for label in labels:
        if isinstance(label, str):
            folded.setdefault(label.casefold(), []).append(label)
    twins = [same for same in folded.values() if len(same) > 1]
    if twins:
        shown = "; ".join(" and ".join(repr(one) for one in same) for same in twins[:3])
        findings.append(
            Finding(
                level="warning",
                code="label-case",
                column=name,
                count=len(twins),
                message=f"labels differ only in upper and lower case and stay apart: {shown}",
            )
        )
    largest, smallest = max(labels.values()), min(labels.values())
    if largest > 100 * smallest:
        findings.append(
            Finding(
                level="warning",
                code="imbalance",
                column=name,
                count=smallest,
                message=f"the largest class has {largest:,} rows, the smallest {smallest:,}: accuracy says little here; "
                "consider balanced_accuracy, average_precision or roc_auc",
            )
        )
    return findings


def _as_numbers(
    name: str, values: list[Any], labels: list[Label | None], codes: NDArray[np.int64]
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    import numpy as np

    wrong = [value for value, label in zip(values, labels, strict=True) if isinstance(label, str)]
    if wrong:
        raise DataError(f"target {name!r} holds {wrong[0]!r}, which is no number")
    table = np.array([np.nan if label is None else float(label) for label in labels] + [np.nan])
    numbers = table[codes]
    far = np.flatnonzero(np.abs(np.nan_to_num(numbers, nan=0.0)) > LARGEST)
    if len(far):
        rows = ", ".join(str(row + 1) for row in far[:5])
        raise DataError(
            f"target {name!r} is infinite or beyond {LARGEST:g} in {len(far)} rows (row {rows}); mend or drop them"
        )
    return numbers, ~np.isnan(numbers)
