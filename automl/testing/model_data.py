"""Checks of a model on data as they come: holes, odd names, few rows, rare classes, extreme numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from automl.data.records import MatrixData, TableData
from automl.testing.data import ODD_NAMES, changed, layout_parts, renamed, take_rows
from automl.testing.rules import require

if TYPE_CHECKING:
    from collections.abc import Iterator

    from automl.specs import ModelSpec
    from automl.task import Task
    from automl.testing.model_case import Case

FEW_ROWS = 6
HUGE = 3e38
"""Near the largest float32: such numbers arrive, as only infinities are repaired."""


def check_odd_column_names(case: Case) -> None:
    """Column names may hold any character, be empty, or be long."""
    text = "must work with any column names (quotes, brackets, commas, line breaks, empty, 300 characters)"
    train, valid = (renamed(part, ODD_NAMES) for part in case.data())
    case.fit(text, train=train, valid=valid).predict(valid, text)


def check_few_rows(case: Case) -> None:
    """Six rows are enough to fit on."""
    train, valid = case.data(rows=FEW_ROWS)
    for given, words in ((valid, "with"), (None, "without")):
        text = f"must fit {FEW_ROWS} rows {words} validation rows"
        case.fit(text, train=train, valid=given).predict(valid, text)


def check_few_sampled_rows(case: Case) -> None:
    """Six rows are enough for random configurations, too."""
    train, valid = case.data(rows=FEW_ROWS)
    for config in case.samples(3):
        text = f"must fit {FEW_ROWS} rows with {config!r}"
        case.fit(text, train=train, valid=valid, config=config).predict(valid, text)


def check_one_validation_row(case: Case) -> None:
    """One validation row, and so validation rows that lack classes, are enough."""
    train, valid = case.data()
    text = "must fit with a single validation row"
    case.fit(text, train=train, valid=take_rows(valid, np.arange(1))).predict(valid, text)


def check_rare_class(case: Case) -> None:
    """A class with one training row and no validation row keeps its column."""
    train, valid = case.data()
    assert train.target is not None
    assert valid.target is not None
    last = case.task().class_count - 1
    rare = np.flatnonzero(train.target == last)
    kept = np.setdiff1d(np.arange(len(train)), rare[1:])
    text = "must fit when a class has one training row and no validation row"
    fitted = case.fit(
        text,
        train=_locked(take_rows(train, kept)),
        valid=_locked(take_rows(valid, np.flatnonzero(valid.target != last))),
    )
    fitted.predict(valid, text)


def check_constant_target(case: Case) -> None:
    """The target of a fold may be the same in all rows, or nearly."""
    train, valid = case.data()
    assert train.target is not None
    text = "must fit a target that is the same in all training rows"
    flat = changed(train, target=np.full(len(train), 7.5))
    prediction = case.fit(text, train=flat, valid=valid).predict(valid, text)
    require(
        np.abs(prediction - 7.5).max() < 0.5,
        f"{case.owner} must predict about 7.5 when every training row has 7.5; it predicts {prediction[:3]}",
    )


def check_large_target(case: Case) -> None:
    """Values may be large, with a small spread: prices, timestamps."""
    train, valid = case.data()
    text = "must fit targets near 1e9"
    shifted, checked = (changed(part, target=1e9 + 1e3 * np.asarray(part.target)) for part in (train, valid))
    prediction = case.fit(text, train=shifted, valid=checked).predict(valid, text)
    require(
        np.abs(prediction - 1e9).max() < 1e6,
        f"{case.owner}: targets of 1e9 +- 1e5 gave predictions between {prediction.min():.0f} and "
        f"{prediction.max():.0f}; centre the target, in float64",
    )


def check_missing_and_unseen(case: Case) -> None:
    """Rows at predict time may miss everything, or hold categories never seen in fit."""
    _, valid = case.data()
    assert isinstance(valid, TableData)
    fitted = case.fitted
    unseen = np.tile(np.array(valid.layout.levels, dtype=np.int32), (len(valid), 1))
    for words, codes in (("missing", np.full_like(valid.codes, -1)), ("unseen", unseen)):
        text = f"must predict rows whose numbers are all missing and whose categories are all {words}"
        fitted.predict(changed(valid, numbers=np.full_like(valid.numbers, np.nan), codes=codes), text)


def check_empty_columns(case: Case) -> None:
    """In the rows of a fold a column may be all missing or constant."""
    train, valid = case.data()
    assert isinstance(train, TableData)
    numbers, codes = train.numbers.copy(), train.codes.copy()
    numbers[:, 4], numbers[:, 5], codes[:, 1] = np.nan, 3.0, -1
    text = "must fit when a number column is all missing, one constant, and a category column all missing"
    case.fit(text, train=changed(train, numbers=numbers, codes=codes), valid=valid).predict(valid, text)


def check_huge_numbers(case: Case) -> None:
    """Numbers may be as large as a float32 can be."""
    train, valid = case.data()
    text = f"must stay finite with numbers up to {HUGE:g}"
    field = "values" if isinstance(train, MatrixData) else "numbers"
    if isinstance(train, TableData):
        numbers = train.numbers.copy()
        numbers[::2, 0], numbers[1::2, 0], numbers[::5, 3] = HUGE, -HUGE, 1e30
        train = changed(train, numbers=numbers)
    extreme = getattr(valid, field).copy()
    # A matrix is scaled, but a value far outside of the training rows stays far outside.
    extreme[::2, 0] = HUGE if isinstance(train, TableData) else 1e6
    case.fit(text, train=train, valid=valid).predict(changed(valid, **{field: extreme}), text)


def check_partial_tables(case: Case) -> None:
    """A table may have only numbers, only categories or only text."""
    train, valid = case.data()
    assert isinstance(train, TableData)
    assert isinstance(valid, TableData)
    trains, valids = layout_parts(train), layout_parts(valid)
    for part, rows in trains.items():
        if case.spec.needs_text and part != "only text":
            continue
        text = f"must work with {part}"
        task = _task_of(case, rows)
        case.fit(text, train=rows, valid=valids[part], task=task).predict(valids[part], text)


def check_single_column(case: Case) -> None:
    """A single feature is enough."""
    train, valid = (changed(part, names=part.names[:1], values=part.values[:, :1].copy()) for part in case.data())  # type: ignore[union-attr]
    task = replace(case.task(), features=1, categories=0)
    case.fit("must work with one feature", train=train, valid=valid, task=task).predict(valid, "must predict")


def _task_of(case: Case, table: TableData) -> Task:
    layout = table.layout
    categories, texts = len(layout.categories), len(layout.texts)
    return replace(case.task(), features=len(layout.numbers) + categories + texts, categories=categories, texts=texts)


def _locked(data: Any) -> Any:
    return changed(data)


def data_checks(spec: ModelSpec, problem_type: str) -> Iterator[Any]:
    """Those that apply to this form and problem type."""
    yield from (check_odd_column_names, check_few_rows, check_few_sampled_rows, check_one_validation_row)
    if problem_type == "regression":
        yield check_constant_target
        if spec.raw_target:  # others are given values that the engine has centred and scaled
            yield check_large_target
    if problem_type == "multiclass":
        yield check_rare_class
    if spec.form == "table":
        yield from (check_missing_and_unseen, check_empty_columns, check_partial_tables)
    else:
        yield check_single_column
    yield check_huge_numbers
