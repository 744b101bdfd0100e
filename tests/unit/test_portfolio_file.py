"""Portfolio files: what is read is what was written, and every mistake is told with its place."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from automl.errors import PortfolioError
from automl.meta_features import MetaFeatures
from automl.portfolio_file import parse_portfolio, portfolio_text, read_portfolio, write_portfolio
from automl.portfolio_record import SCHEMA, Portfolio, StoredCandidate, StoredTask

PAGE = (Path(__file__).parents[2] / "docs" / "baselines.md").read_text()
FEATURES = MetaFeatures(rows=100, features=5, classes=2, numeric_share=0.4, missing_share=0.1)
PORTFOLIO = Portfolio(
    name="ours",
    day="2026-11-24",
    summary="What won.",
    problem_types=("binary",),
    order="greedy",
    supersedes=("older",),
    sources={"runs": {"where": "here", "licence": "ours"}},
    candidates=(
        StoredCandidate(number=1, model="a", config={"rate": 0.1, "kind": "x", "flag": True, "none": None}),
        StoredCandidate(
            number=2, model="b", config={}, cost=2.5, source="runs", name="b7", rank=3, mined_on=("t",), changed=("c",)
        ),
    ),
    tasks=(StoredTask(features=FEATURES, order=(2, 1), name="t"),),
)
LEAST = {"schema": SCHEMA, "date": "2026-11-24", "candidates": [{"model": "a", "config": {}}]}


def test_what_was_written_is_read(tmp_path):
    write_portfolio(PORTFOLIO, tmp_path / "ours.json")

    assert PORTFOLIO == read_portfolio(tmp_path / "ours.json")


def test_a_file_is_superseded_and_never_overwritten(tmp_path):
    path = tmp_path / "ours.json"
    write_portfolio(PORTFOLIO, path)
    before = path.read_text()
    with pytest.raises(PortfolioError, match=r"ours\.json is there already.*give another name"):
        write_portfolio(replace(PORTFOLIO, summary="Other."), path)

    assert before == path.read_text()


def test_origin_names_file_and_place():
    assert "baseline:ours#2" == PORTFOLIO.origin(PORTFOLIO.candidates[1])


def test_the_least_that_is_needed_is_schema_date_and_candidates():
    portfolio = parse_portfolio(json.dumps(LEAST), name="least")

    assert ("binary", "multiclass", "regression") == portfolio.problem_types
    assert "table" == portfolio.modality
    assert 1.0 == portfolio.candidates[0].cost


def test_the_example_of_the_page_is_a_portfolio_file():
    text = PAGE.partition("```json\n")[2].partition("```")[0]
    portfolio = parse_portfolio(text, name="page")

    assert ["lightgbm", "extra_trees"] == [candidate.model for candidate in portfolio.candidates]
    assert (2, 1) == portfolio.tasks[0].order


def changed(**changes):
    return {**LEAST, **changes}


def candidate(**changes):
    return changed(candidates=[{"model": "a", "config": {}}, {"model": "a", "config": {}, **changes}])


def task(**changes):
    plain = {"rows": 10, "features": 2, "classes": 0, "numeric_share": 1.0, "order": [1]}
    return changed(tasks=[{**plain, **changes}])


WRONG = {
    "list": ([1], r"ours holds a JSON list; it must be an object"),
    "schema": (changed(schema="automl-portfolio/9"), r"\"schema\" is 'automl-portfolio/9'; this version reads"),
    "no schema": ({"candidates": []}, r"\"schema\" is None"),
    "key": (changed(candidate=[]), r"ours: \"candidate\" is not known here; did you mean 'candidates'\?"),
    "far key": (changed(zzz=1), r"\"zzz\" is not known here; known are schema, date"),
    "date": (changed(date="24.11.2026"), r"\"date\" is \"24.11.2026\"; it must be a day such as"),
    "problem type": (changed(problem_types=["ranking"]), r"problem type 'ranking' is not known; use binary"),
    "no candidates": (changed(candidates=[]), r"\"candidates\" is empty"),
    "candidates": (changed(candidates={"a": 1}), r"\"candidates\" is \{\"a\": 1\}; it must be a list of objects"),
    "candidate": (changed(candidates=["a"]), r"ours: candidate 1 holds a JSON str"),
    "model": (candidate(model=3), r"ours: candidate 2: \"model\" is 3; it must be text"),
    "no model": (candidate(model=""), r"candidate 2: \"model\" is \"\"; it must be the name of a model"),
    "config": (candidate(config={"a": [1]}), r"candidate 2: \"config\" is .*an object of hyperparameters"),
    "cost": (candidate(cost=0), r"candidate 2: \"cost\" is 0; it must be a number from 1e-06"),
    "cost of no number": (candidate(cost=True), r"candidate 2: \"cost\" is true"),
    "rank": (candidate(rank="first"), r"candidate 2: \"rank\" is \"first\""),
    "source": (candidate(source="x"), r"candidate 2: source 'x' is not among the sources \(none\)"),
    "hyperparameter key": (candidate(params={}), r"candidate 2: \"params\" is not known here"),
    "sources": (changed(sources={"a": "b"}), r"\"sources\" is .*name -> where, licence"),
    "task without rows": (task(rows=None), r"task 1: \"rows\" is null; it must be a number from 0"),
    "task order": (task(order=[2]), r"task 1: \"order\" is \[2\]; it must be a list of numbers of candidates, 1 to 1"),
    "task share": (task(numeric_share=7), r"task 1: \"numeric_share\" is 7; it must be a number from 0 to 1"),
}


@pytest.mark.parametrize("case", WRONG)
def test_mistakes_are_told_with_their_place(case):
    plain, message = WRONG[case]
    with pytest.raises(PortfolioError, match=message):
        parse_portfolio(json.dumps(plain), name="ours")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", r"wrong\.json is not JSON: .*line 1"),
        (b"\xff\xfe\x00", r"wrong\.json cannot be read as text"),
        (b"[" * 100_000, r"wrong\.json is not JSON"),
    ],
    ids=["half", "binary", "deep"],
)
def test_what_is_no_json_is_told(tmp_path, content, message):
    (tmp_path / "wrong.json").write_bytes(content)
    with pytest.raises(PortfolioError, match=message):
        read_portfolio(tmp_path / "wrong.json")


def test_missing_files_and_folders_are_told(tmp_path):
    with pytest.raises(PortfolioError, match=r"none\.json is not there; give a portfolio file"):
        read_portfolio(tmp_path / "none.json")
    with pytest.raises(PortfolioError, match="is a folder"):
        read_portfolio(tmp_path)


def test_text_has_a_line_for_each_candidate():
    lines = portfolio_text(PORTFOLIO).splitlines()

    assert 2 == sum(line.startswith('  {"model"') for line in lines)
