"""The target column: problem type with its reason, labels to codes and back.

See `automl.data.problem_type` for the rule that tells classes from quantities.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from unicodedata import normalize

from automl.data.decimal_sign import has_decimal_comma, sign_finding
from automl.data.numbers_as_text import exact_number, parse_number
from automl.data.problem_type import decide_problem_type, refuse_quantities
from automl.data.records import MISSING_TOKENS, Finding
from automl.data.spellings import plain_spelling, spell, spelling_findings
from automl.data.target_labels import (
    LabelKind,
    Labels,
    distinct,
    label_finder,
    plain,
    read_labels,
    read_quantity,
    rows_in_words,
)
from automl.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from automl.data.records import RawTable
    from automl.specs import MetricSpec, ProblemType
    from automl.task import Label

MOST_CLASSES = 1000
MISSING_LIMIT = 0.5
LARGEST = 3.0e38
"""Values beyond this do not fit in a float32."""
IMBALANCE = 100
LABELS_SHOWN = 5
INT64_LARGEST = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class TargetCoding:
    """Labels in the order of their codes, and how a target column is read."""

    name: str
    problem_type: ProblemType
    kind: LabelKind
    """What the labels were: ``predict`` gives the same back."""
    classes: tuple[Label, ...] = ()
    reasons: tuple[str, ...] = ()
    numeric: bool = False
    """Whether labels that are text write numbers; then "1" and "1.0" are the same."""
    decimal_comma: bool = False
    spellings: tuple[str, ...] = ()
    """How a text file wrote the classes that are no text, in the same order; empty where nothing is known."""

    @property
    def written(self) -> tuple[str, ...]:
        """The classes as text: as the training file wrote them."""
        return self.spellings or tuple(plain_spelling(label) for label in self.classes)

    def encode(self, column: pa.ChunkedArray) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Codes or values ``(rows,)`` and where there is one.

        Raises DataError for labels that the training table did not have, or values that are no finite numbers.
        """
        import numpy as np

        column = plain(column)
        if self.problem_type == "regression":
            numbers = read_quantity(self.name, column, decimal_comma=self.decimal_comma)
            _refuse_far(self.name, numbers)
            return numbers, ~np.isnan(numbers)
        values, codes = distinct(column)
        find = label_finder(
            self.classes,
            self.kind,
            numeric=self.numeric or self.kind in ("integer", "number"),
            decimal_comma=self.decimal_comma,
        )
        places = [find(value) for value in values]
        unknown = [value for value, place in zip(values, places, strict=True) if place is None]
        if unknown:
            raise DataError(
                f"target {self.name!r} has labels that were not learned: {_shown(unknown)}; "
                f"known are {_shown(list(self.classes), 10)}"
            )
        found = np.array([*places, -1], dtype=np.int64)[codes]
        return found, found >= 0

    def decode(self, codes: NDArray[np.integer[Any]]) -> NDArray[Any]:
        """Labels ``(rows,)`` in the type they came in: str (as objects), bool, int64 (uint64 if need be) or float64."""
        import numpy as np

        beyond = self.kind == "integer" and any(int(label) > INT64_LARGEST for label in self.classes)
        kinds = {
            "text": object,
            "boolean": np.bool_,
            "integer": np.uint64 if beyond else np.int64,
            "number": np.float64,
        }
        labels: NDArray[Any] = np.array(self.classes, dtype=kinds[self.kind])
        decoded: NDArray[Any] = labels[codes]
        return decoded

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "name": self.name,
            "problem_type": self.problem_type,
            "kind": self.kind,
            "classes": list(self.classes),
            "reasons": list(self.reasons),
            "numeric": self.numeric,
            "decimal_comma": self.decimal_comma,
            "spellings": list(self.spellings),
        }

    @classmethod
    def from_dict(cls, plain_values: Mapping[str, Any]) -> TargetCoding:
        """The inverse of :meth:`to_dict`."""
        sequences = {name: tuple(plain_values.get(name, ())) for name in ("classes", "reasons", "spellings")}
        return cls(**{**plain_values, **sequences})


def fit_target(
    column: pa.ChunkedArray, *, name: str, task: str | None, metric: MetricSpec | None, raw: RawTable | None = None
) -> tuple[TargetCoding, tuple[Finding, ...]]:
    """Find out what kind of target this is; `task` and then `metric` overrule what its values look like.

    `raw` is the table around it, which tells how numbers such as "1,234" are meant where the target itself does not.

    Raises DataError or SettingsError for a target that cannot be learned.
    """
    column = _plain_target(column, name)
    labels = read_labels(column)
    if labels.sign.is_open and raw is not None and has_decimal_comma(raw):
        labels = read_labels(column, beside=True)
    _refuse_unusable(name, labels)
    if task is None:
        refuse_quantities(name, labels)
    problem_type, why = decide_problem_type(name, labels, task, metric)
    findings = [*_missing_finding(name, labels), *sign_finding(name, labels.sign)]
    coding = TargetCoding(
        name=name,
        problem_type=problem_type,
        kind=labels.kind,
        reasons=(why,),
        numeric=labels.numeric,
        decimal_comma=labels.decimal_comma,
    )
    if problem_type == "regression":
        _refuse_same(name, labels, *coding.encode(column))
        return coding, tuple(findings)
    if labels.kind == "number":
        _refuse_far(name, read_quantity(name, column, decimal_comma=False))
    _refuse_classes(name, labels)
    classes = tuple(sorted(labels.counts, key=lambda label: _order(label, labels)))
    if labels.kind != "text" and raw is not None and name in raw.written:
        spellings, several = spell(classes, raw.written[name])
        coding = replace(coding, spellings=spellings)
        findings += spelling_findings(name, several)
    return replace(coding, classes=classes), (*findings, *_class_findings(name, labels))


def _plain_target(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    try:
        return plain(column)
    except DataError as error:
        raise DataError(str(error).replace("the target", f"target {name!r}", 1)) from error


def _order(label: Label, labels: Labels) -> tuple[float, str]:
    """Numbers by size, also those written as text; False before True; text by its letters."""
    if isinstance(label, str):
        number = exact_number(label, decimal_comma=labels.decimal_comma) if labels.numeric else None
        return number or 0.0, label
    return label, ""


def _shown(labels: list[Any], most: int = LABELS_SHOWN) -> str:
    more = f" and {len(labels) - most:,} more" if len(labels) > most else ""
    return ", ".join(repr(label) for label in labels[:most]) + more


# -- refusals -------------------------------------------------------------------------------------


def _refuse_unusable(name: str, labels: Labels) -> None:
    rows, present = labels.rows, labels.present
    if rows == 0:
        raise DataError("the table has 0 rows; give one with data")
    if not present:
        raise DataError(f"target {name!r} is missing in all {rows:,} rows; choose another target")
    if present < rows * (1 - MISSING_LIMIT):
        raise DataError(
            f"target {name!r} is missing in {rows - present:,} of {rows:,} rows, more than half; "
            "leave those rows out yourself if that is meant"
        )
    if labels.distinct == 1:
        only, count = next(iter(labels.counts.items()))
        raise DataError(
            f"target {name!r} is {only!r} in all {count:,} rows: there is nothing to learn; choose another target"
        )


def _refuse_same(name: str, labels: Labels, numbers: NDArray[np.float64], present: NDArray[np.bool_]) -> None:
    import numpy as np

    if labels.distinct > 1 and np.ptp(numbers[present]) == 0.0:
        raise DataError(
            f"target {name!r} is {numbers[present][0]!r} in all rows once its {labels.distinct:,} different values are kept with the 16 "
            "digits of a float: subtract the least of them, and learn what is left"
        )


def _refuse_far(name: str, numbers: NDArray[np.float64]) -> None:
    import numpy as np

    far = np.flatnonzero(np.abs(numbers) > LARGEST)
    if len(far):
        raise DataError(f"target {name!r} is infinite or beyond {LARGEST:g} {rows_in_words(far)}; mend or drop them")


def _refuse_classes(name: str, labels: Labels) -> None:
    found, rows = labels.distinct, labels.present
    advice = "choose another target, join rare labels into one, or --task regression if it is a number"
    if found > MOST_CLASSES or (found > 20 and found > 0.5 * rows):
        raise DataError(
            f"target {name!r} has {found:,} different labels in {rows:,} rows, such as "
            f"{_shown(list(labels.counts), 3)}: too many for classes (at most {MOST_CLASSES:,}, and half as many as rows); {_not_a_number(labels)}{advice}"
        )
    if max(labels.counts.values()) == 1:
        raise DataError(
            f"target {name!r} has another label in each of its {rows:,} rows: nothing can be judged; {advice}"
        )


def _not_a_number(labels: Labels) -> str:
    """What keeps a column of mostly numbers from being one of numbers."""
    texts = [label for label in labels.counts if isinstance(label, str)]
    words = [text for text in texts if parse_number(text, decimal_comma=labels.decimal_comma) is None]
    if not words or len(words) > 0.5 * len(texts):
        return ""
    return f"most are numbers, but not {_shown(words, 3)}: mend those; "


# -- findings -------------------------------------------------------------------------------------


def _missing_finding(name: str, labels: Labels) -> list[Finding]:
    missing = labels.rows - labels.present
    if not missing:
        return []
    tokens = f" (also {_shown(list(labels.missing_as))})" if labels.missing_as else ""
    return [
        Finding(
            level="repair",
            code="target-missing",
            column=name,
            count=missing,
            message=f"{missing:,} of {labels.rows:,} rows have no target{tokens} and are left out",
        )
    ]


def _class_findings(name: str, labels: Labels) -> list[Finding]:
    findings = []
    counts = labels.counts
    single = [label for label, count in counts.items() if count == 1]
    if single:
        words = "1 class has" if len(single) == 1 else f"{len(single):,} classes have"
        message = f"{words} one row only: always used to train, never to judge: {_shown(single, 20)}"
        findings.append(_finding("repair", "single-member-class", name, len(single), message))
    if labels.blanks:
        message = f"labels that differ only in outer blanks are one class: {_shown(list(labels.blanks))}"
        findings.append(_finding("repair", "label-blanks", name, len(labels.blanks), message))
    folded: dict[str, list[str]] = {}
    for label in counts:
        if isinstance(label, str):
            folded.setdefault(normalize("NFKC", label).casefold(), []).append(label)
    twins = [same for same in folded.values() if len(same) > 1]
    if twins:
        shown = "; ".join(" and ".join(repr(one) for one in same) for same in twins[:3])
        message = f"labels differ only in upper and lower case, or in how a letter is encoded, and stay apart: {shown}"
        findings.append(_finding("warning", "label-case", name, len(twins), message))
    doubtful = [label for label in counts if isinstance(label, str) and label.strip() in MISSING_TOKENS]
    if doubtful:
        message = f"labels that could mean missing are kept as classes: {_shown(doubtful)}"
        findings.append(_finding("warning", "label-like-missing", name, sum(counts[one] for one in doubtful), message))
    largest, smallest = max(counts.values()), min(counts.values())
    if largest > IMBALANCE * smallest:
        message = (
            f"the largest class has {largest:,} rows, the smallest {smallest:,}: accuracy says little here; "
            "consider balanced_accuracy, average_precision or roc_auc"
        )
        findings.append(_finding("warning", "imbalance", name, smallest, message))
    return findings


def _finding(level: Any, code: str, column: str, count: int, message: str) -> Finding:
    return Finding(level=level, code=code, column=column, count=count, message=message)
