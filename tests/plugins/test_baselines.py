"""The shipped portfolio files: each configuration lies in its model's space, and no file is ever edited."""

import hashlib
import importlib.util
import json
import os
from pathlib import Path

import pytest

from automl import Task
from automl.portfolio import load_portfolio
from automl.portfolio_file import portfolio_text, read_portfolio
from automl.registry import load_registry
from automl.space import model_space
from automl.stored_config import fit_config
from automl.testing import check_portfolio

ROOT = Path(__file__).parents[2]
VALUES = ROOT.parent / "shared" / "data" / "portfolio-values.json"
HASHES = {
    "table-mlp-2026-11-27.json": "cda3fbab69f8f0b42048ada61b8e3e60343905b689cebef1aa4a7c3930b49423",
    "table-binary-2026-11-24.json": "eb7e225fef369556a268626e9a6cd3e969a02a8a585cc1965c945e76d1297e27",
    "table-multiclass-2026-11-24.json": "e8d44c8b1f279e40ca447e9162e38096648f2036a37f6a82f61594806fcf2c52",
    "table-regression-2026-11-24.json": "93724ae8503eadcf59ac01d8846559dcde2180f61fcafb7c51f153eba20a9e5a",
}
FILES = sorted((ROOT / "baselines").glob("*.json"))
MIXED = [path for path in FILES if "-mlp-" not in path.name]
"""Those of models of all kinds."""
BY_TASK = {
    "mlp": {"batch_size", "label_smoothing", "class_weights", "optimiser"},
    "random_forest": {"crosses", "categories"},
    "extra_trees": {"crosses", "categories"},
    "hist_gradient_boosting": {"categories"},
    "xgboost": {"categories"},
}
"""What is left to the default on purpose, as it depends on rows, categories, classes or metric."""
CLASSES = {"binary": (0, 1), "multiclass": (0, 1, 2), "regression": ()}


def names(path):
    return path.stem


def task(problem_type, rows=10_000, **options):
    return Task(
        target="y", problem_type=problem_type, metric="accuracy", rows=rows, features=20, classes=CLASSES[problem_type], **options
    )  # fmt: skip


@pytest.fixture(scope="module")
def translate():
    path = ROOT / "benchmarks" / "translate_portfolios.py"
    module_spec = importlib.util.spec_from_file_location("translate_portfolios", path)
    module = importlib.util.module_from_spec(module_spec)
    module_spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", FILES, ids=names)
def test_shipped_files_are_superseded_and_never_edited(path):
    """Leaderboards name places in them. A better file gets a new date; only then its hash is added here."""
    assert HASHES.get(path.name) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_no_shipped_file_is_taken_away():
    assert sorted(HASHES) == [path.name for path in FILES]


def portfolio_models(portfolio):
    return {candidate.model for candidate in portfolio.candidates}


@pytest.mark.parametrize("path", FILES, ids=names)
def test_every_configuration_lies_in_its_models_space(path):
    registry, portfolio = load_registry(), read_portfolio(path)
    tasks = [
        task(problem_type, rows=rows, categories=categories)
        for problem_type in portfolio.problem_types
        for rows, categories in ((200, 0), (100_000, 8))
    ]
    for each in tasks:
        spaces = {name: model_space(registry.models[name], each) for name in portfolio_models(portfolio)}
        for candidate in portfolio.candidates:
            whole = fit_config(spaces[candidate.model], candidate.config)
            added = set(whole) - set(candidate.config)

            assert added <= BY_TASK.get(candidate.model, set()), candidate.number
            assert dict(candidate.config) == {name: whole[name] for name in candidate.config}, candidate.number


@pytest.mark.parametrize("path", FILES, ids=names)
def test_every_candidate_tells_where_it_came_from(path):
    portfolio = read_portfolio(path)
    for source in portfolio.sources.values():
        assert {"where", "licence", "how_chosen"} <= set(source)
    for candidate in portfolio.candidates:
        assert candidate.source
        assert candidate.name


@pytest.mark.parametrize("path", MIXED, ids=names)
def test_families_alternate_at_the_front(path):
    models = [candidate.model for candidate in read_portfolio(path).candidates[:12]]

    assert all(first != second for first, second in zip(models, models[1:], strict=False))
    assert 4 <= len(set(models))


@pytest.mark.parametrize("name", [*(f"table-{problem_type}" for problem_type in CLASSES), "table-mlp"])
def test_conformance(name):
    check_portfolio(name)


@pytest.mark.parametrize("problem_type", CLASSES)
def test_there_is_a_portfolio_for_each_problem_type_and_one_of_networks(problem_type):
    found = {name: spec for name, spec in load_registry().portfolios.items() if problem_type in spec.problem_types}

    assert {f"table-{problem_type}", "table-mlp"} == set(found)
    for spec in found.values():
        assert spec.plugin == "baselines"
        assert problem_type in load_portfolio(spec).problem_types


def test_published_values_give_the_shipped_files(translate):
    if not VALUES.is_file():
        assert not os.environ.get("CI"), "the published values are not there"
        pytest.skip("the published values are not beside the checkout")
    values = json.loads(VALUES.read_text())
    for problem_type in translate.LANES:
        portfolio = translate.Translation(values, problem_type).portfolio()

        assert portfolio_text(portfolio) == (ROOT / "baselines" / f"{portfolio.name}.json").read_text()


PUBLISHED = {
    "power": (
        {"family": "extra_trees", "hyperparameters": {"max_features_exponent": 0.5, "criterion": "gini"}},
        {"max_features": "sqrt", "criterion": "gini"},
    ),
    "all": (
        {"family": "extra_trees", "hyperparameters": {"max_features_exponent": 0.99}},
        {"max_features": 1.0},
    ),
    "other names": (
        {"family": "lightgbm", "hyperparameters": {"min_child_samples": 7, "reg_alpha": 0, "n_estimators": 90}},
        {"min_data_in_leaf": 7, "lambda_l1": 1e-4},
    ),
    "early stopping": (
        {"family": "hist_gradient_boosting", "hyperparameters": {"early_stop": "off", "learning_rate": 0.05}},
        {"learning_rate": 0.05},
    ),
}


@pytest.mark.parametrize("case", PUBLISHED)
def test_values_are_put_into_our_own_names(translate, case):
    record, expected = PUBLISHED[case]
    config, _ = translate.translate({"source": "x", "id": "x", **record}, "binary")

    assert expected == {name: config[name] for name in expected}


@pytest.mark.parametrize(
    "record",
    [
        {"family": "extra_trees", "hyperparameters": {"max_features_exponent": 0.8}},
        {"family": "random_forest", "hyperparameters": {"bootstrap": False}},
        {"family": "lightgbm", "hyperparameters": {"boosting": "dart"}},
        {"family": "lightgbm", "hyperparameters": {}},
        {"family": "mlp", "hyperparameters": {"lr": 1}},
    ],
    ids=["power", "bootstrap", "unknown", "default", "network"],
)
def test_what_cannot_be_said_is_left_out(translate, record):
    with pytest.raises(translate.UnsayableError):
        translate.translate({"source": "x", "id": "x", **record}, "binary")
