"""A run under small budgets that ends before its first promotion says what came of that."""

import pytest

from automl.cli.main import run
from automl.cli.output import Session

COMMAND = ("--target", "y", "--no-baselines", "--executor", "inline", "--folds", "2")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--strategy", "hyperband", "--trials", "8"), "none of the 7 trials at small budgets came to the whole one"),
        (
            ("--strategy", "hyperband", "--trials", "9", "--models", "linear,nearest_neighbours"),
            "none of the 7 trials at small budgets came to the whole one",
        ),
        (("--trials", "8", "--fidelity", "rows"), None),
    ],
    ids=["small", "two kinds", "whole"],
)
def test_nothing_but_defaults_was_trained_in_full(tmp_path, capsys, options, told):
    rows = [f"{number},{number % 7},{(number * 37) % 11}" for number in range(120)]
    (tmp_path / "train.csv").write_text("\n".join(["a,b,y", *rows]))
    session = Session(started=0.0, json_stream=None, verbose=False)

    code = run(
        [
            "fit",
            str(tmp_path / "train.csv"),
            "--models",
            "linear",
            *COMMAND,
            *options,
            "-v",
            "--out",
            str(tmp_path / "run"),
        ],
        session,
    )
    out, err = capsys.readouterr()

    assert code == 0, err
    if told:
        assert told in err
    else:
        assert "small budgets" not in err
        assert "rows is not used: under random every trial has the whole budget" in out
