"""`check_portfolio` passes what is right, and finds each broken rule."""

import itertools
import json
import sys
import types

import pytest

from automl import Candidate, PortfolioSpec
from automl.portfolio_record import SCHEMA
from automl.testing import check_portfolio

GOOD = Candidate(model="linear", config={"penalty": "l1"}, origin="mine#1")


@pytest.fixture
def giving(monkeypatch):
    """A spec whose function gives what `make` makes."""

    def spec_of(make, **options):
        module = types.ModuleType("portfolio_checked")
        module.give = make
        monkeypatch.setitem(sys.modules, "portfolio_checked", module)
        return PortfolioSpec(name="mine", summary="Mine.", factory="portfolio_checked:give", **options)

    return spec_of


def test_a_good_function_passes(giving):
    check_portfolio(giving(lambda task: [GOOD]))


def test_a_good_file_passes_and_a_bad_one_does_not(tmp_path, monkeypatch):
    package = tmp_path / "checked_package"
    package.mkdir()
    (package / "__init__.py").touch()
    plain = {"schema": SCHEMA, "date": "2026-01-01", "candidates": [{"model": "linear", "config": {}}]}
    (package / "good.json").write_text(json.dumps(plain))
    (package / "bad.json").write_text(json.dumps({**plain, "schema": 3}))
    monkeypatch.syspath_prepend(str(tmp_path))

    check_portfolio(PortfolioSpec(name="good", summary="Good.", file="checked_package:good.json"))
    with pytest.raises(AssertionError, match="portfolio 'bad' must have a file of the form"):
        check_portfolio(PortfolioSpec(name="bad", summary="Bad.", file="checked_package:bad.json"))


NUMBERS = itertools.count()
WRONG = {
    "raises": (lambda task: 1 / 0, "must give its candidates for a task of binary; it raised ZeroDivisionError"),
    "nothing": (lambda task: [], "has no candidate for binary"),
    "no candidate": (lambda task: [{"model": "linear"}], "gave dict; it must give Candidate objects"),
    "no origin": (lambda task: [Candidate(model="linear", config={})], "left Candidate.origin empty"),
    "changing": (lambda task: [Candidate(model="linear", config={}, origin=str(next(NUMBERS)))], "other candidates"),
    "model": (
        lambda task: [Candidate(model="liner", config={}, origin="a")],
        r"candidate 1 \(liner\).*did you mean linear",
    ),
    "config": (lambda task: [Candidate(model="linear", config={"C": 1.0}, origin="a")], "C=1.0 has no effect here"),
}


@pytest.mark.parametrize("case", WRONG)
def test_each_broken_rule_is_found(giving, case):
    make, message = WRONG[case]
    with pytest.raises(AssertionError, match=message):
        check_portfolio(giving(make))
