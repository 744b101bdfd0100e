"""What strategies answer is looked at before it is used."""

from fractions import Fraction

import numpy as np
import pytest

from automl import Candidate, History, PluginError, Trial
from automl.answers import checked_step
from automl.strategy import Start

SMALL = Trial(id=3, candidate=Candidate(model="toy", config={}), budget=0.25, status="done", loss=1.0)


@pytest.mark.parametrize("budget", [np.float32(0.5), np.float64(0.5), Fraction(1, 2), 0.5])
@pytest.mark.parametrize("parent", [np.int64(3), np.uint8(3), 3])
def test_numbers_of_any_type_become_plain_ones_which_the_record_takes(budget, parent):
    step = checked_step(Start(candidate=SMALL.candidate, budget=budget, parent=parent), History([SMALL]))

    assert (Start(candidate=SMALL.candidate, budget=0.5, parent=3), float, int) == (
        step,
        type(step.budget),
        type(step.parent),
    )


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"budget": 10**400}, "it gave the budget 1000"),
        ({"parent": [3]}, "trial [3], which"),
        ({"parent": 3.0}, "trial 3.0, which"),
    ],
)
def test_what_is_no_such_number_is_told(wrong, told):
    with pytest.raises(PluginError) as caught:
        checked_step(Start(candidate=SMALL.candidate, **{"budget": 1.0, **wrong}), History([SMALL]))

    assert told in str(caught.value)
