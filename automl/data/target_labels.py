"""Reading the labels of a target column: which kind they are, which cells are missing, which numbers text writes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from automl.data.distinct import FORMULA_ERRORS
from automl.data.numbers_as_text import NO_SIGN, DecimalSign, exact_number, find_decimal_sign, parse_number
from automl.data.records import MISSING_TOKENS
from automl.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from automl.task import Label

LabelKind = Literal["text", "boolean", "integer", "number"]

MISSING_LABELS = (
    frozenset({"", "NA", "N/A", "NaN", "nan", "-nan", "NULL", "null", "#N/A", "#NA", "<NA>", "?"}) | FORMULA_ERRORS
)
"""Texts that are no label. Others that mean "missing" in numbers are labels people use: "none", "-" beside "+"."""
_TRUTH = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}
ROWS_SHOWN = 5
NUMBERS_COUNTED = 2000
"""More distinct numbers than can be classes: a million counts in a dict would only cost time."""


@dataclass(frozen=True, kw_only=True)
class Labels:
    """The distinct labels of a target column and how often each occurs."""

    kind: LabelKind
    counts: dict[Label, int] = field(repr=False)
    """Label as it will come back -> rows; of numbers, the smallest 2,000 at most."""
    distinct: int
    present: int
    """Rows that have a label."""
    rows: int
    numeric: bool
    """Whether they are numbers, also when written as text."""
    whole: bool
    """Whether all of them are whole numbers."""
    decimal_comma: bool = False
    sign: DecimalSign = NO_SIGN
    """What numbers that are text tell of their decimal sign."""
    missing_as: tuple[str, ...] = ()
    """Texts that were read as missing."""
    blanks: tuple[str, ...] = ()
    """Labels that are written both with and without outer blanks, or with different ones."""


def plain(column: Any) -> pa.ChunkedArray:
    """A target column as a chunked Arrow array of numbers, truth values or text.

    Raises DataError for dates, which are neither classes nor quantities as they stand.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    column = without_dictionary(column)
    if pa.types.is_temporal(column.type) and not pa.types.is_duration(column.type):
        raise DataError(
            f"the target holds dates ({column.type}); make a number of it, such as days from a fixed day, or a class"
        )
    if pa.types.is_decimal(column.type) or pa.types.is_float16(column.type) or pa.types.is_null(column.type):
        return pc.cast(column, pa.float64())
    if pa.types.is_duration(column.type):
        return pc.cast(column, pa.int64())
    return column


def without_dictionary(column: Any) -> pa.ChunkedArray:
    """A column as a chunked Arrow array of plain values; sequences of Python or numpy values are taken too."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not isinstance(column, pa.Array | pa.ChunkedArray):
        column = pa.array(column)
    if not isinstance(column, pa.ChunkedArray):
        column = pa.chunked_array([column])
    return pc.cast(column, column.type.value_type) if pa.types.is_dictionary(column.type) else column


def is_number(column: pa.ChunkedArray) -> bool:
    """Whether an Arrow column holds numbers."""
    import pyarrow as pa

    return bool(pa.types.is_integer(column.type) or pa.types.is_floating(column.type))


def distinct(column: pa.ChunkedArray) -> tuple[list[Any], NDArray[np.int64]]:
    """Distinct values without null, and for each row its place among them (one past the last: missing)."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    coded = pc.dictionary_encode(column).combine_chunks()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.chunk(0) if coded.num_chunks else pa.array([], pa.dictionary(pa.int32(), column.type))
    values = coded.dictionary.to_pylist()
    codes = coded.indices.fill_null(len(values)).to_numpy(zero_copy_only=False).astype(np.int64)
    return values, codes


def read_labels(column: pa.ChunkedArray, *, beside: bool = False) -> Labels:
    """Find out what the labels of a `plain` column are. See `automl.data.target` for the rule.

    `beside`: whether the rest of the table has decimal commas, for numbers such as "1,234" that do not tell themselves.
    """
    import pyarrow as pa

    if is_number(column):
        return _read_numbers(column)
    values, counts = _counted(column)
    if pa.types.is_boolean(column.type):
        return Labels(
            kind="boolean",
            counts={bool(value): count for value, count in zip(values, counts, strict=True)},
            distinct=len(values),
            present=sum(counts),
            rows=len(column),
            numeric=False,
            whole=False,
        )
    return _read_texts([str(value) for value in values], counts, len(column), beside=beside)


def _counted(column: pa.ChunkedArray) -> tuple[list[Any], list[int]]:
    import numpy as np

    values, codes = distinct(column)
    return values, np.bincount(codes, minlength=len(values) + 1)[: len(values)].tolist()


def _read_numbers(column: pa.ChunkedArray) -> Labels:
    import numpy as np
    import pyarrow as pa

    present = column.drop_null().to_numpy()
    if present.dtype.kind == "f":
        present = present[~np.isnan(present)]
    values, counts = np.unique(present, return_counts=True)
    is_integer = pa.types.is_integer(column.type)
    whole = is_integer or bool(np.isfinite(values).all() and (values == np.floor(values)).all())
    return Labels(
        kind="integer" if is_integer else "number",
        counts=dict(zip(values[:NUMBERS_COUNTED].tolist(), counts[:NUMBERS_COUNTED].tolist(), strict=True)),
        distinct=len(values),
        present=len(present),
        rows=len(column),
        numeric=True,
        whole=whole,
    )


def _read_texts(texts: Sequence[str], counts: Sequence[int], rows: int, *, beside: bool) -> Labels:
    """Labels of texts, as they are written: outer blanks make no other label, but come back.

    All numbers: equal ones are one label, in its shortest spelling.
    """
    spellings: dict[str, dict[str, int]] = {}
    for text, count in zip(texts, counts, strict=True):
        if count:
            spellings.setdefault(text.strip(), {})[text] = count
    by_text = {text: sum(written.values()) for text, written in spellings.items()}
    words = [text for text in by_text if text not in MISSING_TOKENS]
    sign = find_decimal_sign(words)
    comma = beside if sign.is_open else bool(sign.decimal_comma)
    numbers = {text: exact_number(text, decimal_comma=comma) for text in words}
    # Leading zeros mean codes, not quantities; and one number beside "-" or "none" is a class beside a class.
    coded = any(len(text) > 1 and text[0] == "0" and text[1].isdigit() for text in words)
    numeric = None not in numbers.values() and len(set(numbers.values())) > 1 and not coded
    tokens = frozenset(MISSING_TOKENS) if numeric else MISSING_LABELS
    shortest = _shortest_spelling(numbers) if numeric else {}
    merged: dict[Label, int] = {}
    for text, count in by_text.items():
        if text not in tokens:
            short = shortest.get(text, text)
            label = _usual_spelling(short, spellings[short])
            merged[label] = merged.get(label, 0) + count
    return Labels(
        kind="text",
        counts=merged,
        distinct=len(merged),
        present=sum(merged.values()),
        rows=rows,
        numeric=numeric,
        whole=numeric and all(float(number or 0).is_integer() for number in numbers.values()),
        decimal_comma=comma and numeric,
        sign=sign if numeric and not (sign.is_open and beside) else NO_SIGN,
        missing_as=tuple(sorted(text for text in by_text if text in tokens and text)),
        blanks=tuple(text for text, written in spellings.items() if len(written) > 1 and text not in tokens),
    )


def _usual_spelling(bare: str, written: dict[str, int]) -> str:
    """A text with the outer blanks that it mostly has; without any where two spellings are as common."""
    most = max(written.values())
    usual = [text for text, count in written.items() if count == most]
    return usual[0] if len(usual) == 1 else bare


def _shortest_spelling(numbers: dict[str, float | None]) -> dict[str, str]:
    """For each text the shortest text that writes the same number."""
    best: dict[float | None, str] = {}
    for text in sorted(numbers, key=lambda one: (len(one), one)):
        best.setdefault(numbers[text], text)
    return {text: best[number] for text, number in numbers.items()}


# -- for a fitted target --------------------------------------------------------------------------


def label_finder(classes: Sequence[Label], kind: LabelKind, *, numeric: bool, decimal_comma: bool) -> Any:
    """A function from a cell's value to the code of its class: -1 for missing, None for an unknown label."""
    codes: dict[Any, int] = {_bare(label): code for code, label in enumerate(classes)}
    by_number = _codes_by_number(classes, decimal_comma) if numeric else {}
    folded = {str(label).strip().casefold(): code for code, label in enumerate(classes)}

    def find(value: Any) -> int | None:
        if value is None or (isinstance(value, float) and value != value):  # noqa: PLR0124 - NaN
            return -1
        if kind == "boolean":
            truth = _TRUTH.get(str(value).strip().casefold())
            if truth is not None:
                return codes.get(truth)
        elif isinstance(value, bool):
            return folded.get(str(value).casefold(), by_number.get(float(value)))
        elif not isinstance(value, str):
            return by_number.get(value) if numeric else codes.get(str(value))
        text = str(value).strip()
        if kind == "text" and text in codes:
            return codes[text]
        if text in (MISSING_TOKENS if numeric or kind == "boolean" else MISSING_LABELS):
            return -1
        number = exact_number(text, decimal_comma=decimal_comma)
        return by_number.get(number) if number is not None else None

    return find


def _bare(label: Label) -> Label:
    return label.strip() if isinstance(label, str) else label


def _codes_by_number(classes: Iterable[Label], decimal_comma: bool) -> dict[float | None, int]:
    found: dict[float | None, int] = {}
    for code, label in enumerate(classes):
        # Not as float: from 2**53 on, different whole numbers are one float.
        found[exact_number(label, decimal_comma=decimal_comma) if isinstance(label, str) else label] = code
    return found


def read_quantity(name: str, column: pa.ChunkedArray, *, decimal_comma: bool) -> NDArray[np.float64]:
    """Numbers ``(rows,)`` of a `plain` column, NaN for missing; DataError for text that is no number."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if is_number(column) or pa.types.is_boolean(column.type):
        numbers = pc.cast(column, pa.float64(), safe=False).to_numpy()
        return np.asarray(numbers, dtype=np.float64)
    values, codes = distinct(column)
    texts = [str(value).strip() for value in values]
    read = [None if text in MISSING_TOKENS else parse_number(text, decimal_comma=decimal_comma) for text in texts]
    bad = np.array(
        [number is None and text not in MISSING_TOKENS for number, text in zip(read, texts, strict=True)] + [False]
    )
    if bad.any():
        rows = np.flatnonzero(bad[codes])
        raise DataError(
            f"target {name!r} holds {texts[codes[rows[0]]]!r}, which is no number, {rows_in_words(rows)}; mend or drop them"
        )
    return np.array([np.nan if number is None else number for number in read] + [np.nan])[codes]


def rows_in_words(rows: NDArray[np.int64]) -> str:
    """How many rows and which ones, counted from 1 below the header."""
    shown = ", ".join(f"{row + 1:,}" for row in rows[:ROWS_SHOWN].tolist())
    more = ", ..." if len(rows) > ROWS_SHOWN else ""
    return f"in {len(rows):,} row{'s' if len(rows) > 1 else ''} (row {shown}{more})"
