"""Stored top performers: dated JSON files, never edited, superseded by newer ones."""

from __future__ import annotations

from automl import PortfolioSpec, hookimpl


@hookimpl
def register_portfolios() -> list[PortfolioSpec]:
    """One portfolio of published configurations for each problem type of tables, and one of networks that did well in
    runs of our own.
    """
    return [
        PortfolioSpec(
            name="table-binary",
            summary="Published top performers for two classes.",
            file="automl_baselines:table-binary-2026-11-24.json",
            problem_types=("binary",),
        ),
        PortfolioSpec(
            name="table-multiclass",
            summary="Published top performers for more classes.",
            file="automl_baselines:table-multiclass-2026-11-24.json",
            problem_types=("multiclass",),
        ),
        PortfolioSpec(
            name="table-regression",
            summary="Published top performers for numbers.",
            file="automl_baselines:table-regression-2026-11-24.json",
            problem_types=("regression",),
        ),
        PortfolioSpec(
            name="table-mlp",
            summary="Networks that did well where mlp's default did not.",
            file="automl_baselines:table-mlp-2026-11-27.json",
            problem_types=("binary", "multiclass", "regression"),
        ),
    ]
