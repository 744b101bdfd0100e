"""The page that `automl report` writes: of finished, running and killed runs, escaped, whole and quick."""

import json
import logging
import re
import sqlite3
import sys
import time
import types
from contextlib import closing
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

import automl
from automl import Candidate, RunError, SectionSpec, SettingsError, Trial, hookimpl
from automl.api import fit_run, make_settings
from automl.cli.main import run
from automl.cli.output import Session
from automl.store import Store

NASTY = "<script>alert('x')</script>"
SECTIONS = ["summary", "members", "progress", "leaderboard", "rungs", "failures"]
VOID = {"meta"}


class Page(HTMLParser):
    """Tags and text of a page; every tag that opens must close in its turn."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.sections, self.text = [], [], [], []
        self.feed(text)
        assert [] == self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag == "section":
            self.sections.append(dict(attributes)["id"])
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert tag == self.open.pop()

    def handle_data(self, data):
        self.text.append(data)

    @property
    def words(self):
        return " ".join(" ".join(self.text).split())


def read(path):
    return Page(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=80), NASTY: ["same"] * 80})
    frame["win & lose"] = np.where(frame["a"] + rng.normal(size=80) > 0, "yes", "no")
    folder = tmp_path_factory.mktemp("report") / "run"
    fit_run(
        frame,
        make_settings(
            "win & lose", {"models": ["linear", "extra_trees"], "folds": 2, "trials": 3, "executor": "inline"}
        ),
        out=folder,
    )
    return folder


def test_a_finished_run_is_told_in_words(finished):
    path = automl.report(finished)
    page = read(path)

    assert finished / "report.html" == path
    assert [name for name in SECTIONS if name not in ("rungs", "failures")] == page.sections
    assert "From 80 rows and 1 columns, 'win & lose' is predicted, one of 2 classes" in page.words
    assert "validation: 2" in page.words
    assert "The run has ended." in page.words
    assert "svg" in page.tags
    assert re.search(r"linear .* extra_trees|extra_trees .* linear", page.words)


def test_what_data_holds_is_escaped(finished, tmp_path):
    page = read(automl.report(finished, out=tmp_path / "page.html"))

    assert NASTY in page.words
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert "http://" not in (tmp_path / "page.html").read_text()


def test_the_record_is_only_read(finished, tmp_path):
    before = {
        path: path.stat().st_mtime_ns for path in finished.rglob("*") if path.is_file() and path.parent != finished
    }
    with closing(sqlite3.connect(finished / "run.db")) as database, database:
        dump = list(database.iterdump())
    automl.report(finished / "predictor", out=tmp_path / "page.html")

    assert before == {path: path.stat().st_mtime_ns for path in before}
    with closing(sqlite3.connect(finished / "run.db")) as database, database:
        assert dump == list(database.iterdump())


def trial(number, status="running", loss=None, **fields):
    candidate = Candidate(model="toy", config={"x": number}, origin="random")
    return Trial(id=number, candidate=candidate, budget=fields.pop("budget", 1.0), status=status, loss=loss, score=loss,
                 seconds=0.1, **fields)  # fmt: skip


def test_a_run_that_goes_on_and_one_that_was_killed(tmp_path):
    """From the first moment, when not even the data was read."""
    store = Store(tmp_path / "run")
    first = read(automl.report(tmp_path / "run"))
    for number, budget in ((1, 0.5), (2, 1.0), (3, 1.0), (4, 1.0)):
        store.trial_started(trial(number, budget=budget))
    store.trial_finished(trial(1, "done", 0.5, budget=0.5))
    store.trial_finished(trial(2, "done", 0.4))
    store.trial_finished(trial(3, "failed", kind="crash", message=f"exit 139 {NASTY}"))
    going_on = read(automl.report(tmp_path / "run"))
    store.close()
    killed = read(automl.report(tmp_path / "run"))

    assert ["summary"] == first.sections
    assert "has not got as far as to read its data" in first.words
    assert ["summary", "progress", "leaderboard", "rungs", "failures"] == going_on.sections == killed.sections
    assert f"crash exit 139 {NASTY}" in going_on.words
    assert "The run goes on" in going_on.words
    assert "The run was interrupted" in killed.words


def test_ten_thousand_trials_are_quick_and_most_are_folded_away(tmp_path):
    store = Store(tmp_path / "run")
    store._db.execute("BEGIN")
    for number in range(1, 10_001):
        failed = number % 50 == 0
        budget = 1.0 if number % 2 else 0.25
        ended = trial(
            number, "failed" if failed else "done", None if failed else 1 / number, budget=budget, kind="error"
        )
        store._write_trial(ended, started=1000.0 + number, finished=1001.0 + number)
        store.job_finished(number, 0, kind="done", parts=(0.0, 2.0, 1.0))
    store._db.execute("COMMIT")
    store.close()
    began = time.process_time()
    path = automl.report(tmp_path / "run")
    seconds = time.process_time() - began
    page = read(path)

    assert seconds < 5.0
    assert 2 == page.tags.count("details")
    assert "9,975 more rows" in page.words
    assert "175 more rows" in page.words


@pytest.fixture
def plugin():
    """A plugin with sections that fail and one that does not."""
    module = types.ModuleType("odd_sections")
    module.good = lambda folder: f"<p>of {folder.name}</p>"
    module.bad = lambda _: 1 / 0
    module.number = lambda _: 7

    @hookimpl
    def register_report_sections():
        return [
            SectionSpec(name=name, summary="", factory=f"odd_sections:{name}", order=order)
            for name, order in (("good", 50), ("bad", 250), ("number", 250), ("gone", 900))
        ]

    module.register_report_sections = register_report_sections
    sys.modules["odd_sections"] = module
    automl.register_plugin(module, "odd")
    yield
    automl.unregister_plugin("odd")
    del sys.modules["odd_sections"]


def test_a_section_that_fails_is_one_line_and_a_warning(finished, plugin, tmp_path, capsys, caplog):
    out = tmp_path / "page.html"
    code = run(["report", str(finished), "--out", str(out)], Session(started=0.0))
    told = capsys.readouterr()
    page = read(out)
    with caplog.at_level(logging.WARNING, logger="automl"):
        automl.report(finished, out=out)

    assert 0 == code
    assert f"{out}\n" == told.out
    assert ["good", "summary", "members", "bad", "number", "progress", "leaderboard", "gone"] == page.sections
    for fault in (
        "section 'bad' of plugin 'odd' could not be made: ZeroDivisionError: division by zero",
        "section 'number' of plugin 'odd' could not be made: TypeError: it returned a int instead of HTML as text",
        "section 'gone' of plugin 'odd' could not be made: PluginError",
    ):
        assert fault in page.words
        assert f"automl: warning: {fault}" in told.err
        assert fault in caplog.text


def test_json_names_the_file(finished, tmp_path, capsys):
    code = run(
        ["report", str(finished), "--out", str(tmp_path / "p.html"), "--json"],
        Session(started=0.0, json_stream=sys.stdout),
    )

    assert 0 == code
    assert {"report": str(tmp_path / "p.html"), "faults": []} == json.loads(capsys.readouterr().out)


def test_no_run_and_no_place_to_write_are_told(finished, tmp_path):
    with pytest.raises(RunError, match="is not a run folder"):
        automl.report(tmp_path)
    with pytest.raises(SettingsError, match=r"nowhere/p\.html cannot be written: .* give another place"):
        automl.report(finished, out=tmp_path / "nowhere" / "p.html")
    with pytest.raises(SettingsError, match="cannot be written"):
        automl.report(finished, out=tmp_path)

    assert [] == list(tmp_path.glob(".*part"))
