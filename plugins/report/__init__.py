"""The built-in sections of the report of a run."""

from __future__ import annotations

from automl import SectionSpec, hookimpl


@hookimpl
def register_report_sections() -> list[SectionSpec]:
    """From what came of it to what went wrong."""
    sections = {
        "summary": "What was asked, found in the data and decided, and what came of it.",
        "members": "Members of the predictor and their weights.",
        "progress": "The best score over time.",
        "leaderboard": "All trials, best first.",
        "rungs": "What partial budgets cost and whether they rank as larger ones do.",
        "failures": "Trials that failed, with the reason.",
    }
    return [
        SectionSpec(name=name, summary=summary, factory=f"automl_plugins.report.sections:{name}", order=100 * place)
        for place, (name, summary) in enumerate(sections.items(), start=1)
    ]
