"""Tables without names are matched by position, with or without the target, wherever that stands."""

import io

import numpy as np
import pandas as pd
import polars as pl
import pytest

import automl
from automl.data.read import read_table
from automl.data.schema import Roles, Schema, fit_schema
from automl.errors import DataError

QUICK = {"trials": 1, "models": ["linear"], "executor": "inline", "folds": 2, "task": "regression"}
A = np.random.default_rng(0).normal(size=(120, 5))
A[:, 0] = A[:, 1] + 10 * A[:, 2] + 100 * A[:, 4]


@pytest.fixture(scope="module", params=["frame", "array"])
def predictor(request, tmp_path_factory):
    data, target = (pd.DataFrame(A), 0) if request.param == "frame" else (A, "column_1")
    return automl.fit(data, target=target, out=tmp_path_factory.mktemp("positions") / "run", **QUICK)


@pytest.mark.parametrize(
    "make",
    [
        lambda: A,
        lambda: A[:, 1:],
        A[:, 1:].tolist,
        lambda: pd.DataFrame(A),
        lambda: pd.DataFrame(A[:, 1:]),
        lambda: pl.DataFrame(A[:, 1:]),
    ],
)
def test_columns_are_found_with_and_without_the_target(predictor, make):
    assert np.abs(predictor.predict(make()) - A[:, 0]).max() < 5


def test_a_saved_predictor_finds_them_too(predictor, tmp_path):
    again = automl.load(predictor.save(tmp_path / "saved"))

    assert np.array_equal(predictor.predict(A), again.predict(A[:, 1:]))


@pytest.mark.parametrize("width", [1, 3, 6])
def test_any_other_width_is_refused(predictor, width):
    for data in (np.ones((9, width)), pd.DataFrame(np.ones((9, width)))):
        with pytest.raises(DataError, match=f"has {width} columns without names; the training table had 5, of which"):
            predictor.predict(data)


def test_a_row_of_a_frame_is_a_table_of_one_row(predictor):
    for frame in (pd.DataFrame(A), pd.DataFrame(A[:, 1:])):
        assert predictor.predict(frame)[3] == predictor.predict(frame.iloc[3])[0]


def test_a_score_needs_the_target(predictor):
    assert predictor.score(A) < 1
    with pytest.raises(DataError, match="scoring needs the target"):
        predictor.score(A[:, 1:])


def test_names_that_are_no_positions_are_names():
    frame = pd.DataFrame(A)
    schema, _ = fit_schema(read_table(frame), Roles(target="0"))
    later = schema.by_position(read_table(frame.iloc[:, 1:]), "0")

    assert np.allclose(A[:, 1:], schema.encode(later.table)[0].numbers)
    polars, _ = fit_schema(read_table(pl.DataFrame(A)), Roles(target="column_0"))
    assert polars.positions
    assert not read_table(pl.DataFrame(A).drop("column_2")).positional
    assert schema == Schema.from_dict(schema.to_dict())
    named, _ = fit_schema(read_table(frame.add_prefix("x")), Roles(target="x0"))
    assert () == named.positions
    with pytest.raises(DataError, match="lacks 4 columns"):
        named.encode(named.by_position(read_table(A[:, 1:]), "x0").table)


def test_files_without_a_header_that_polars_read_have_positions_from_1_on():
    """By name, the first feature would be the target, and the last one lack."""
    files = [io.BytesIO("\n".join(",".join(map(str, row)) for row in rows).encode()) for rows in (A, A[:, 1:])]
    train, later = (pl.read_csv(file, has_header=False) for file in files)
    schema, _ = fit_schema(read_table(train), Roles(target="column_1"))
    table = schema.by_position(read_table(later), "column_1").table

    assert np.allclose(A[:, 1:], schema.encode(table)[0].numbers)


def test_a_polars_frame_whose_first_column_was_left_out_has_names():
    """They look like those of a file without a header: by position, each feature would be the one before."""
    frame = pl.DataFrame(A)
    schema, _ = fit_schema(read_table(frame), Roles(target="column_4", drop=("column_0",)))
    for later in (frame.drop("column_0"), A, A[:, 1:4]):
        table = schema.by_position(read_table(later), "column_4").table
        assert np.allclose(A[:, 1:4], schema.encode(table)[0].numbers)


def test_features_alone_are_enough_where_other_columns_had_roles():
    schema, _ = fit_schema(read_table(A), Roles(target="column_1", weight="column_4"))
    for later in (A[:, [1, 2, 4]], A[:, 1:], A):
        table = schema.by_position(read_table(later), "column_1").table
        assert np.allclose(A[:, [1, 2, 4]], schema.encode(table)[0].numbers)
