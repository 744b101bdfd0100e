"""Names that say that whole numbers are ids, columns without a name, and names that only look like those."""

import io

import numpy as np
import pandas as pd
import pytest

from automl.data.id_names import is_id_name, is_index_name, is_unnamed
from automl.data.read import read_table
from automl.data.schema import Roles, fit_schema

RNG = np.random.default_rng(0)
ROWS = 60


@pytest.mark.parametrize(
    "name",
    [
        "id", "ID", "Id", "customerId", "customerID", "customer_id", "customer id", "customer.id", "Customer-ID", "id_customer", "idCustomer",
        "IDCustomer", "ID_2020", "id2", "userID", "PassengerId", "customer_id_old", "USER_ID", "USERID", "customerid", "uuid", "order_uuid", "rowid", "rowId",
        "row_id", "row number", "rowNumber", "row_nr",
    ],
)  # fmt: skip
def test_names_of_ids(name):
    assert is_id_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "idle_time", "ideal_weight", "rows_sold", "row", "PAID", "BID", "COVID", "GRID", "VALID", "paid", "bid", "price_index", "index", "key",
        "identity", "width", "android", "solid", "humidity", "residual", "Idaho", "ids", "rapid_test", "indexed", "hybrid", "keyboard", "", "7", "…",
    ],
)  # fmt: skip
def test_names_of_other_things(name):
    assert not is_id_name(name)


def test_words_that_name_an_index_only_at_the_end():
    assert all(map(is_index_name, ["index", "row", "price_index", "rowIdx", "primary key", "KEY"]))
    assert not any(map(is_index_name, ["index_fund", "rows", "keyboard", "", "row_count"]))
    assert all(map(is_unnamed, ["Unnamed: 0", "Unnamed: 12", "Unnamed: 0.1", "Unnamed:0"]))
    assert not any(map(is_unnamed, ["Unnamed", "unnamed price", "Unnamed: x"]))


def kinds_of(columns, **wanted):
    table = read_table({**columns, "other": np.arange(len(next(iter(columns.values())))) / 7})
    return {one.name: one.kind for one in fit_schema(table, Roles(target=None, columns=wanted))[0].columns}


def test_good_numbers_are_not_lost_to_their_names():
    """All different and far apart, as whole numbers in a wide range are."""
    names = ["idle_time", "ideal_weight", "rows_sold", "PAID", "BID", "COVID", "GRID", "price_index", "key", "index"]
    found = kinds_of({name: RNG.permutation(10_000_000)[:ROWS] for name in names})

    assert dict.fromkeys(names, "number") == {name: found[name] for name in names}


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("index", np.arange(ROWS), "id"),
        ("index", RNG.permutation(2 * ROWS)[:ROWS], "id"),
        ("product_key", 1 + RNG.permutation(2 * ROWS)[:ROWS], "id"),
        ("price_index", 80 + RNG.permutation(2 * ROWS)[:ROWS], "number"),
        ("price", RNG.permutation(2 * ROWS)[:ROWS], "number"),
        ("key", RNG.integers(0, 12, ROWS), "integer_code"),
    ],
)
def test_indices_and_keys_are_ids_where_they_count_from_the_start(name, values, kind):
    assert kind == kinds_of({name: values})[name]


# -- no name ----------------------------------------------------------------------------------------


def saved(*, name=""):
    """A file with the index of a part of a table that was sorted by its target."""
    frame = pd.DataFrame({"x": RNG.normal(size=200), "y": np.arange(200) / 3})
    return frame.sample(frac=0.8, random_state=0).to_csv(index_label=name).encode()


@pytest.mark.parametrize(("name", "called"), [("", "column_1"), ("Unnamed: 0", "Unnamed: 0")])
def test_a_saved_row_index_is_an_id_and_told(name, called):
    schema, findings = fit_schema(read_table(io.BytesIO(saved(name=name))), Roles(target="y"))

    assert (called, "id", False) == (schema.columns[0].name, schema.columns[0].kind, schema.columns[0].used)
    (message,) = (one.message for one in findings if one.code == "unused-id")
    assert f"column '{called}' is not used: 160 whole numbers, all different" in message
    assert f"--column '{called}=number'" in message


def test_a_saved_row_index_can_be_used():
    schema, _ = fit_schema(read_table(io.BytesIO(saved())), Roles(target="y", columns={"column_1": "number"}))

    assert ("number", True) == (schema.columns[0].kind, schema.columns[0].used)


def test_a_frame_with_a_saved_row_index_is_the_same():
    frame = pd.read_csv(io.BytesIO(saved()))
    schema, _ = fit_schema(read_table(frame), Roles(target="y"))
    later, _ = schema.encode(read_table(frame.drop(columns="Unnamed: 0")).table)

    assert ("x",) == schema.layout.numbers
    assert 160 == len(later)


def test_a_short_saved_row_index_is_an_id():
    assert "id" == kinds_of({"Unnamed: 0": [4, 0, 3, 1, 9]})["Unnamed: 0"]


def test_other_columns_without_a_name_are_used():
    """Those that repeat, those with fractions; and columns that nobody could name, of an array."""
    text = ",x,\n" + "".join(f"{row % 5},{row / 7},{row / 3}\n" for row in range(60))
    schema, _ = fit_schema(read_table(io.BytesIO(text.encode())), Roles(target="x"))
    table = np.c_[RNG.permutation(10_000_000)[:ROWS], RNG.normal(size=ROWS)]
    of_array, _ = fit_schema(read_table(table), Roles(target="column_2"))

    assert ["integer_code", "number"] == [column.kind for column in schema.columns]
    assert ["number"] == [column.kind for column in of_array.columns]
