"""Levels stand as they rise."""

from __future__ import annotations

import random

import pytest

from automl.data.level_order import ORDERED_LEVELS, in_order


@pytest.mark.parametrize(
    "levels",
    [
        ["<18", "18-24", "25-34", "65+"],
        ["Under 2,600", "2,600 to 5,200", "5,200 to 10,400", "Above 36,400", "Refused", "Unknown"],
        ["less than 1 year", "1-2 years", "3-5 years", "more than 5 years"],
        ["A2", "A10", "B1"],
        ["2014-12", "2015-2", "2015-10"],
        ["Po", "Fa", "TA", "Gd", "Ex"],
        ["very poor", "poor", "average", "good", "very good"],
        ["strongly disagree", "disagree", "agree", "strongly agree"],
        ["unknown", "low", "medium", "high"],
        ["XS", "S", "M", "L", "XL"],
        ["Mon", "Tue", "Wed", "Sun"],
        ["January", "March", "may"],
        ["-", "a", "ä", "日"],
        ["0.5", "1", "1.25", "10"],
        ["-2", "-1.5", "0", "1"],
        ["①はい", "②いいえ"],
        ["10²", "10³"],
        ["٣", "١٢"],
    ],
)
def test_levels_stand_as_they_rise(levels):
    mixed = levels[:]
    random.Random(1).shuffle(mixed)

    assert levels == in_order(mixed)


def test_many_levels_stay_as_they_are():
    levels = [f"L{place}" for place in range(ORDERED_LEVELS + 1, 0, -1)]

    assert levels == in_order(levels)
