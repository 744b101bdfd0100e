"""``automl show --rungs``: costs of budgets and whether they can be trusted."""

from dataclasses import replace

import pytest

from automl.history import Candidate, Trial
from automl.rungs import rung_rows


def trial(number, config, budget, loss, model="toy", seconds=1.0, **facts):
    candidate = Candidate(model=model, config={"x": config})
    return Trial(id=number, candidate=candidate, budget=budget, status="done", loss=loss, seconds=seconds, facts=facts)


def test_ranks_are_compared_over_configurations_that_have_both_budgets():
    cheap = [trial(number, number, 0.25, loss) for number, loss in enumerate((0.1, 0.2, 0.3, 0.4, 0.9))]
    dear = [trial(10 + number, number, 1.0, loss, seconds=4.0) for number, loss in enumerate((0.1, 0.3, 0.2, 0.4))]
    first, second = rung_rows([*cheap, *dear])

    assert (5, 4, 1.0) == (first["trials"], first["pairs"], first["next_budget"])
    assert 0.8 == pytest.approx(first["rank_correlation"])  # scipy.stats.spearmanr says the same
    assert (4.0, None, None) == (second["seconds"], second["next_budget"], second["rank_correlation"])


def test_few_or_equal_losses_have_no_correlation():
    few = rung_rows([trial(1, 1, 0.5, 0.1), trial(2, 1, 1.0, 0.1)])
    equal = rung_rows([trial(n, n % 3, 1.0 if n > 2 else 0.5, 0.5) for n in range(6)])

    assert [None, None] == [few[0]["rank_correlation"], equal[0]["rank_correlation"]]


def test_what_early_discard_left_is_on_no_rung():
    left = replace(trial(2, 2, 0.4, 0.9), kind="discarded")

    assert [1.0] == [row["budget"] for row in rung_rows([trial(1, 1, 1.0, 0.1), left])]


def test_what_models_reported_is_shown_as_a_mean_over_those_that_reported_it():
    rows = rung_rows(
        [trial(1, 1, 0.5, 0.1, phi=2.0, madds=10.0), trial(2, 2, 0.5, 0.2, phi=2.0), trial(3, 3, 1.0, 0.1)]
    )

    assert [{"phi": 2.0, "madds": 10.0}, {}] == [row["facts"] for row in rows]
