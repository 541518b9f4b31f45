from __future__ import annotations

import math

import pytest

from embedex.charts.scale import scale


def test_bars_begin_at_zero() -> None:
    axis = scale([0.3, 0.9], "centred cosine")
    assert axis.bars
    assert axis.low == 0
    assert axis.title == "centred cosine"


def test_a_narrow_range_has_no_bars_and_says_where_it_begins() -> None:
    axis = scale([0.93, 0.98], "cosine")
    assert not axis.bars
    assert 0.9 < axis.low < 0.93
    assert "begins at 0.921, not at 0" in axis.title
    assert axis.text(0.9304) == "0.930"


def test_negative_scores_keep_zero_in_view() -> None:
    axis = scale([-0.2, 0.5], "centred cosine")
    assert axis.bars
    assert axis.low < -0.2
    assert axis.text(-0.2) == "−0.20"
    assert axis.text(-0.0001) == "0.00"


def test_distances_are_dots_from_zero_and_lower_is_closer() -> None:
    axis = scale([3.0, 0.5, 7.0], "distance")
    assert not axis.bars
    assert axis.low == 0
    assert axis.lower_is_closer
    assert "lower is closer" in axis.title
    assert axis.best([3.0, 0.5, 7.0]) == 1


@pytest.mark.parametrize("scores", [[], [0.0], [0.0, 0.0], [0.5], [-0.4], [math.nan], [1e-9, 2e-9]])
@pytest.mark.parametrize("measure", ["cosine", "distance"])
def test_any_scores_give_an_axis(scores: list[float], measure: str) -> None:
    axis = scale(scores, "distance" if measure == "distance" else "cosine")
    assert axis.high > axis.low
    assert all(axis.low <= tick <= axis.high + 1e-9 for tick in axis.ticks())


def test_best_is_the_first_of_equals_and_leaves_out_nan() -> None:
    axis = scale([0.1, 0.9], "cosine")
    assert axis.best([math.nan, 0.9, 0.9]) == 1
    assert axis.best([math.nan]) is None
    assert axis.best([]) is None
