"""What a model saved is tried: a row alone must have the prediction that it has among others."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from automl.errors import RunError
from automl.saved_check import CHECKED_ROWS, check_saved
from automl.testing import toy_table

factories = (f"tests:Model{number}" for number in itertools.count())


class Fixed:
    """Predicts by the row's first number; of the first `moved` rows, something else where they are asked for alone."""

    encoder = None

    def __init__(self, values, moved=0, by=1.0):
        self.values, self.moved, self.by = dict(values), moved, by

    def predict(self, rows):
        keys = np.asarray(rows.numbers)[:, 0].tolist()
        found = [self.values[key] for key in keys]
        if len(keys) == 1 and list(self.values).index(keys[0]) < self.moved:
            found[0] += self.by
        return np.array(found)


def check(tmp_path, predictions, **options):
    data, _ = toy_table("regression")
    data = replace(data, numbers=np.arange(data.numbers.size, dtype=np.float32).reshape(data.numbers.shape))
    member = Fixed(zip(np.asarray(data.numbers)[:CHECKED_ROWS, 0].tolist(), predictions, strict=True), **options)
    check_saved(next(factories), tmp_path, member, data, lambda _: member, shared=None)


@pytest.mark.parametrize("moved", [0, 1, 2])
def test_a_row_or_two_may_differ_by_a_tie(tmp_path, moved):
    check(tmp_path, [1.0, 2.0, 3.0, 4.0, 5.0], moved=moved)


@pytest.mark.parametrize("moved", [3, 5])
def test_most_rows_may_not(tmp_path, moved):
    with pytest.raises(RunError, match="it among 5: a prediction must not depend on the rows beside it"):
        check(tmp_path, [1.0, 2.0, 3.0, 4.0, 5.0], moved=moved)


def test_values_near_zero_are_as_exact_as_the_others(tmp_path):
    check(tmp_path, [0.0, 0.0, 0.0, 0.0, 5.0], moved=5, by=0.01)
