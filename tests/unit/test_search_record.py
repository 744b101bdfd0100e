"""What a search writes down."""

from automl import Candidate
from automl.run_reader import open_run
from automl.search_record import SearchRecord
from automl.store import Store
from automl.strategy import Start
from automl.tracking import TrackerGroup


def test_what_is_passed_over_does_not_fill_the_record(tmp_path):
    store = Store(tmp_path / "run")
    record = SearchRecord(store, TrackerGroup({}))
    for number in range(30):
        for model in ("slow", "slower"):
            start = Start(candidate=Candidate(model=model, config={"x": number}, origin="random"))
            record.skip(start, f"about {9.5 + number:.1f} s needed, {9.0 - number / 10:.1f} s left")
    record.skip(Start(candidate=Candidate(model="slow", config={}, origin="random")), "slow rests after 3 failures")
    store.close()

    assert 61 == len(record.history)  # strategies see all of them
    with open_run(tmp_path / "run") as run:
        assert [
            ("slow", "about 9.5 s needed, 9.0 s left"),
            ("slower", "about 9.5 s needed, 9.0 s left"),
            ("slow", "slow rests after 3 failures"),
        ] == [(trial.candidate.model, trial.message) for trial in run.trials()]
