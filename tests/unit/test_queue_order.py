"""Whether results decide on the order of stored configurations: where time is short, under whole budgets."""

import pytest

from automl.api import fit_run, make_settings


class CaughtError(Exception):
    """Ends the run as soon as its strategy is asked for."""


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"time": "2s"}, 2),
        ({"time": "10h"}, None),
        ({"trials": 30}, None),
        ({"time": "2s", "strategy": "hyperband"}, None),
        ({"time": "2s", "baselines": False}, None),
    ],
    ids=["short", "long", "trials", "small budgets", "no stored ones"],
)
def test_kinds_of_models_share_the_time_where_it_is_short(options, expected, tmp_path, monkeypatch):
    caught = {}

    def catch(*_, **named):
        caught.update(named)
        raise CaughtError

    monkeypatch.setattr("automl.course.make_strategy", catch)
    data = {"a": [float(n % 17) for n in range(300)], "y": [float(n % 13) for n in range(300)]}
    settings = make_settings("y", {"models": ["lightgbm", "extra_trees"], "executor": "inline", **options})

    with pytest.raises(CaughtError):
        fit_run(data, settings, out=tmp_path / "run")

    assert expected == caught["in_order"]
