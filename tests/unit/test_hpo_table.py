"""The table of `benchmarks/hpo.py`: every number of a table is from the same searches."""

import importlib.util
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def tables(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    spec = importlib.util.spec_from_file_location("hpo_table_under_test", BENCHMARKS / "hpo_table.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "hpo_table_under_test", module)
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("hpo_problems", None)


def search(method, instance, seed, loss, seconds=0.01, budget=50.0):
    return {
        "scenario": "s",
        "instance": instance,
        "seed": seed,
        "method": method,
        "budget": budget,
        "course": [(1.0, 0.9), (10.0, loss)],
        "suggestion_seconds": seconds,
    }


def record(seeds):
    """Methods by name with how many seeds they have; the loss of a search is a tenth of the method's number."""
    rows = [{"scenario": "s", "instance": name, "best": 0.0, "median": 1.0} for name in ("a", "b")]
    for number, (method, count) in enumerate(seeds.items(), start=1):
        for instance in ("a", "b"):
            # A method is cheaper and better on seeds that only some methods have: they must not count beside others.
            rows += [
                search(method, instance, seed, 0.1 * number if seed < 2 else 0.01 * number, 0.5 if seed < 2 else 0.1)
                for seed in range(count)
            ]
    return rows


def lines_of(text, method):
    return [line.split() for line in text.splitlines() if line.startswith(f"{method} ")]


def test_methods_with_few_seeds_have_a_table_of_their_own_with_all_others(tables):
    text = tables.table(record({"one": 20, "two": 20, "facade": 2}), ["one", "two", "facade"], 20.0)

    assert "2 problems, 20 seeds, 40 searches by each method" in text
    assert "2 problems, 2 seeds, 4 searches by each method" in text
    assert "left for the next table, as they have fewer seeds: facade (4 searches)" in text
    # All and by scenario, in the first table over twenty seeds, in the second over the two that all of them have.
    assert [["1.00"], ["1.00"], ["1.00"], ["1.00"]] == [words[1:2] for words in lines_of(text, "one")]
    assert ["1.900", "1.900", "10.000", "10.000"] == [words[4] for words in lines_of(text, "one")]
    assert ["30.000", "30.000"] == [words[4] for words in lines_of(text, "facade")]
    assert ["0.5000", "0.5000"] == [words[10] for words in lines_of(text, "facade")]
    assert ["0.1400", "0.1400", "0.5000", "0.5000"] == [words[10] for words in lines_of(text, "one")]


def test_one_table_where_all_have_the_same_searches(tables):
    text = tables.table(record({"one": 3, "two": 3}), ["one", "two"], 20.0)

    assert 2 == text.count("searches by each method")
    assert "left for" not in text


def test_a_method_that_has_the_most_searches_alone_has_no_table_alone(tables):
    text = tables.table(record({"one": 20, "two": 2, "three": 2}), ["one", "two", "three"], 20.0)

    assert 2 == text.count("2 problems, 2 seeds, 4 searches by each method") == text.count("searches by each method")


def test_methods_without_searches_are_named_and_take_nothing_away(tables):
    text = tables.table(record({"one": 3}), ["one", "none"], 20.0)

    assert "no search by none" in text
    assert 2 == text.count("3 seeds, 6 searches by each method")


def test_no_common_search_is_said(tables):
    rows = [*record({"one": 2}), search("two", "a", 7, 0.2), search("two", "b", 7, 0.2), search("two", "b", 8, 0.2)]

    assert "no problem and seed that all of one, two have" in tables.table(rows, ["one", "two"], 20.0)


def test_the_search_for_the_nearest_budget_counts(tables):
    rows = [*record({"one": 1}), search("one", "a", 0, 0.7, budget=20.0), search("one", "a", 0, 0.8, budget=10.0)]
    made = tables.made_at(rows, ["one"], 20.0)

    assert 0.7 == made["one"]["s", "a", 0][0]
