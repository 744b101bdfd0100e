"""A fitted model with what stands around it."""

import numpy as np
import pytest

from automl import Effort
from automl.member import fit_member
from automl.testing import toy_table, toy_task
from automl.testing.toy_models import ToyModel


class RefusesNothing(ToyModel):
    def predict(self, data):
        if not len(data):
            raise ValueError("found an array with 0 rows")
        return super().predict(data)


@pytest.mark.parametrize(("problem_type", "shape"), [("multiclass", (0, 3)), ("regression", (0,))])
def test_models_are_not_asked_about_no_rows(problem_type, shape):
    train, valid = toy_table(problem_type)
    member, _ = fit_member(
        RefusesNothing,
        config={},
        task=toy_task(problem_type),
        seed=0,
        train=train,
        valid=valid,
        effort=Effort(),
        encoder=None,
    )

    assert shape == member.predict(valid.take(np.arange(0))).shape
