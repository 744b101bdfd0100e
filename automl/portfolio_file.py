"""Portfolio files: stored top performers as dated JSON. docs/baselines.md describes the format."""

from __future__ import annotations

import difflib
import json
from datetime import date
from pathlib import Path
from typing import Any

from automl.errors import PortfolioError
from automl.meta_features import MetaFeatures
from automl.portfolio_record import SCHEMA, Portfolio, StoredCandidate, StoredTask
from automl.specs import ALL_PROBLEM_TYPES

MOST_BYTES = 20_000_000
"""A larger file is no portfolio: a thousand configurations take less than one megabyte."""
_TOP = (
    "schema",
    "date",
    "summary",
    "problem_types",
    "modality",
    "order",
    "supersedes",
    "sources",
    "candidates",
    "tasks",
)
_CANDIDATE = ("model", "config", "cost", "source", "name", "rank", "mined_on", "changed")
_TASK = ("name", "rows", "features", "classes", "numeric_share", "missing_share", "order")


def write_portfolio(portfolio: Portfolio, path: Path) -> None:
    """Write a new file; PortfolioError when it is there already, since files are superseded and never edited."""
    if path.exists():
        raise PortfolioError(f"{path} is there already; portfolios are never overwritten, give another name")
    try:
        path.write_text(portfolio_text(portfolio), encoding="utf-8")
    except OSError as error:
        raise PortfolioError(f"{path} cannot be written: {error.strerror or error}") from error


def portfolio_text(portfolio: Portfolio) -> str:
    """The file's text: a line for each candidate and task, so that two files are easy to compare."""
    plain = portfolio.to_dict()
    parts = []
    for key, value in plain.items():
        if key in ("candidates", "tasks"):
            lines = ",\n  ".join(json.dumps(item, ensure_ascii=False) for item in value)
            parts.append(f' "{key}": [\n  {lines}\n ]')
        elif key == "sources":
            lines = ",\n  ".join(f"{json.dumps(name)}: {json.dumps(item)}" for name, item in value.items())
            parts.append(f' "{key}": {{\n  {lines}\n }}')
        else:
            parts.append(f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


# -- reading ----------------------------------------------------------------------------------------


def read_portfolio(path: Path | str) -> Portfolio:
    """Read a portfolio file; PortfolioError, naming the place in it, when it cannot be used."""
    path = Path(path)
    try:
        if path.is_dir():
            raise PortfolioError(f"{path} is a folder; give a portfolio file, JSON as docs/baselines.md describes it")
        if path.stat().st_size > MOST_BYTES:
            raise PortfolioError(f"{path} has {path.stat().st_size:,} bytes; that is no portfolio file")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise PortfolioError(f"{path} is not there; give a portfolio file, or --no-baselines to do without") from error
    except (OSError, UnicodeDecodeError) as error:
        raise PortfolioError(f"{path} cannot be read as text: {error}") from error
    return parse_portfolio(text, name=path.name.removesuffix(".json"), told=str(path))


def parse_portfolio(text: str, *, name: str, told: str = "") -> Portfolio:
    """The portfolio that JSON text stands for; `told` is what error messages call it."""
    told = told or name
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PortfolioError(f"{told} is not JSON: {error}") from error
    at = _Place(told)
    at.mapping(plain, _TOP)
    if plain.get("schema") != SCHEMA:
        raise PortfolioError(f'{told}: "schema" is {plain.get("schema")!r}; this version reads {SCHEMA!r}')
    candidates = at.rows(plain, "candidates")
    if not candidates:
        raise PortfolioError(f'{told}: "candidates" is empty; a portfolio has at least one')
    types = at.texts(plain, "problem_types") or ALL_PROBLEM_TYPES
    wrong = sorted(set(types) - set(ALL_PROBLEM_TYPES))
    if wrong:
        raise PortfolioError(f"{told}: problem type {wrong[0]!r} is not known; use {', '.join(ALL_PROBLEM_TYPES)}")
    portfolio = Portfolio(
        name=name,
        day=_day(at, plain),
        summary=at.text(plain, "summary"),
        problem_types=tuple(types),
        modality=at.text(plain, "modality") or "table",
        order=at.text(plain, "order"),
        supersedes=at.texts(plain, "supersedes"),
        sources=_sources(at, plain),
        candidates=tuple(_candidate(at.inner(f"candidate {n}"), row, n) for n, row in enumerate(candidates, 1)),
        tasks=tuple(
            _task(at.inner(f"task {n}"), row, len(candidates)) for n, row in enumerate(at.rows(plain, "tasks"), 1)
        ),
    )
    for candidate in portfolio.candidates:
        if candidate.source and candidate.source not in portfolio.sources:
            known = ", ".join(portfolio.sources) or "none"
            raise PortfolioError(
                f"{told}: candidate {candidate.number}: source {candidate.source!r} is not among the sources ({known})"
            )
    return portfolio


class _Place:
    """Where in a file we are, for messages; each reader says what should have stood there."""

    def __init__(self, told: str) -> None:
        self.told = told

    def inner(self, name: str) -> _Place:
        return _Place(f"{self.told}: {name}")

    def wrong(self, key: str, value: Any, wanted: str) -> PortfolioError:
        shown = json.dumps(value)
        return PortfolioError(f'{self.told}: "{key}" is {shown[:80]}; it must be {wanted}')

    def mapping(self, plain: Any, known: tuple[str, ...]) -> None:
        if not isinstance(plain, dict):
            raise PortfolioError(
                f"{self.told} holds a JSON {type(plain).__name__}; it must be an object with {', '.join(known)}"
            )
        for key in plain:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
                raise PortfolioError(f'{self.told}: "{key}" is not known here; {hint}')

    def rows(self, plain: dict[str, Any], key: str) -> list[Any]:
        value = plain.get(key, [])
        if not isinstance(value, list):
            raise self.wrong(key, value, "a list of objects")
        return value

    def text(self, plain: dict[str, Any], key: str) -> str:
        value = plain.get(key, "")
        if not isinstance(value, str):
            raise self.wrong(key, value, "text")
        return value

    def texts(self, plain: dict[str, Any], key: str) -> tuple[str, ...]:
        value = plain.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.wrong(key, value, "a list of texts")
        return tuple(value)

    def number(self, plain: dict[str, Any], key: str, default: float | None, least: float, most: float) -> float | None:
        value = plain.get(key, default)
        if value is None and default is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise self.wrong(key, value, f"a number from {least:g} to {most:g}")
        return value


def _day(at: _Place, plain: dict[str, Any]) -> str:
    value = at.text(plain, "date")
    try:
        date.fromisoformat(value)
    except ValueError as error:
        raise at.wrong("date", value, 'a day such as "2026-11-24"') from error
    return value


def _sources(at: _Place, plain: dict[str, Any]) -> dict[str, dict[str, Any]]:
    value = plain.get("sources", {})
    if not isinstance(value, dict) or not all(isinstance(item, dict) for item in value.values()):
        raise at.wrong("sources", value, "an object of objects: name -> where, licence, how_chosen")
    return value


def _candidate(at: _Place, plain: Any, number: int) -> StoredCandidate:
    at.mapping(plain, _CANDIDATE)
    config = plain.get("config", {})
    fits = isinstance(config, dict) and all(
        value is None or isinstance(value, str | bool | int | float) for value in config.values()
    )
    if not fits:
        raise at.wrong("config", config, "an object of hyperparameters: text, numbers, true, false or null")
    if not at.text(plain, "model"):
        raise at.wrong("model", plain.get("model"), "the name of a model (`automl models`)")
    rank = at.number(plain, "rank", None, 1, 1e9)
    return StoredCandidate(
        number=number,
        model=plain["model"],
        config=config,
        cost=float(at.number(plain, "cost", 1.0, 1e-6, 1e6) or 1.0),
        source=at.text(plain, "source"),
        name=at.text(plain, "name"),
        rank=None if rank is None else int(rank),
        mined_on=at.texts(plain, "mined_on"),
        changed=at.texts(plain, "changed"),
    )


def _task(at: _Place, plain: Any, candidates: int) -> StoredTask:
    at.mapping(plain, _TASK)
    sizes = {key: int(at.number(plain, key, -1, 0, 1e12) or 0) for key in ("rows", "features", "classes")}
    order = plain.get("order", [])
    known = isinstance(order, list) and all(
        isinstance(item, int) and not isinstance(item, bool) and 1 <= item <= candidates for item in order
    )
    if not known:
        raise at.wrong("order", order, f"a list of numbers of candidates, 1 to {candidates}")
    features = MetaFeatures(
        rows=sizes["rows"],
        features=sizes["features"],
        classes=sizes["classes"],
        numeric_share=float(at.number(plain, "numeric_share", -1.0, 0.0, 1.0) or 0.0),
        missing_share=at.number(plain, "missing_share", None, 0.0, 1.0),
    )
    return StoredTask(features=features, order=tuple(order), name=at.text(plain, "name"))
