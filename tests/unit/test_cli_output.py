"""What commands print: tables, findings, JSON."""

import io
import json

import numpy as np
import pytest

from automl.cli.fit_report import FirstLines
from automl.cli.output import Output, Session, clean, figure, findings_lines, table
from automl.cli.tables import leaderboard_table
from automl.data.records import Finding
from automl.interrupts import Terminated


def finding(level, number=1):
    return Finding(level=level, code="test", message=f"message {number}")


def row(**changes):
    default = {
        "rank": 1, "model": "linear", "score": 0.5, "weight": 0.0, "seconds": 1.0, "folds": 5, "trial": 1,
        "origin": "default", "status": "done", "kind": "", "message": "", "budget": 1.0,
    }  # fmt: skip
    return {**default, **changes}


def test_a_table_sets_figures_to_the_right():
    expected = "name  count\na         1\nbb       20"

    assert expected == table(("name", "count"), [("a", 1), ("bb", 20)])


def test_a_table_is_cut_at_the_margin():
    assert "name\naa..." == table(("name",), [("a" * 30,)], width=5)


def test_names_of_the_user_cannot_send_control_characters():
    assert "a?[31mb" == clean("a\x1b[31mb")
    assert "\x1b" not in table(("name",), [("\x1b[31m",)])
    assert 2 == len(table(("name",), [("two\nlines",)]).splitlines())


@pytest.mark.parametrize(
    ("value", "expected"), [(None, "-"), (0.123456789, "0.12346"), (12345678.0, "1.2346e+07"), (1.0, "1")]
)
def test_figures_are_short(value, expected):
    assert expected == figure(value)


def test_findings_are_sorted_by_weight_and_counted():
    findings = [finding("info"), *(finding("repair", number) for number in range(12)), finding("warning", 99)]
    lines = findings_lines(findings)

    assert "warning: message 99" == lines[0]
    assert 11 == len(lines)
    assert "and 3 more of these (-v shows all)" == lines[-1]
    assert 14 == len(findings_lines(findings, everything=True))
    assert [] == findings_lines([finding("info")])


def test_json_has_no_nan_and_plain_values(capsys):
    output = Output(session=Session(started=0.0), as_json=True)
    output.say("not for programs")
    output.result("nor this")
    output.document(
        {"a": float("nan"), "b": np.float64(0.5), "c": (np.int64(3), None), 4: finding("info"), "d": np.bool_(1)}
    )
    told = json.loads(capsys.readouterr().out)

    assert told["a"] is None
    assert (0.5, [3, None], True) == (told["b"], told["c"], told["d"])
    assert "message 1" == told["4"]["message"]


def test_json_goes_to_its_own_stream_when_there_is_one(capsys):
    stream = io.StringIO()
    Output(session=Session(started=0.0, json_stream=stream), as_json=True).document({"a": 1})

    assert '{"a": 1}\n' == stream.getvalue()
    assert "" == capsys.readouterr().out


def test_quiet_keeps_results(capsys):
    output = Output(session=Session(started=0.0), quiet=True)
    output.say("line")
    output.table(("a",), [("b",)])
    output.result("result")

    assert "result\n" == capsys.readouterr().out


def test_the_short_leaderboard_has_finished_trials_and_counts_the_rest():
    rows = [row(rank=rank, trial=rank) for rank in range(1, 13)]
    rows.append(row(rank=None, trial=13, status="failed", kind="timeout", score=None, message="too long\nat line 3"))

    short = leaderboard_table(rows, "rmse", 10)
    assert "and 2 more (-v shows all)" == short.splitlines()[-1]
    assert "timeout" not in short
    long = leaderboard_table(rows, "rmse")
    assert long.splitlines()[-1].endswith("timeout: too long")


def test_shares_of_the_budget_are_shown_where_trials_had_less_than_the_whole():
    rows = [row(rank=1, trial=1), row(rank=2, trial=2, budget=1 / 27)]

    assert "budget" not in leaderboard_table(rows[:1], "rmse")
    head, first, second = leaderboard_table(rows, "rmse").splitlines()[:3]
    assert "budget" in head
    assert (" 1 " in first, "0.037" in second) == (True, True)


def test_a_leaderboard_of_failures_shows_them():
    rows = [row(rank=None, status="failed", kind="memory", score=None, message="")]

    assert leaderboard_table(rows, "rmse", 10).endswith("memory")


def test_a_signal_that_an_import_swallowed_stops_the_run_before_its_search():
    with pytest.raises(Terminated) as caught:
        FirstLines(Output(session=Session(started=0.0)), [1]).run_started(None)
    assert 1 == caught.value.number
