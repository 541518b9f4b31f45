"""The chart of a score in its parts: every field is there, numbers add up, nothing collides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from matplotlib.patches import Rectangle

from embedex import charts

from .support import DATE, collisions, comparison, items, tuned, why, words

FIELDS = [f"field-{number}" for number in range(30)]


def test_bars_and_their_shares() -> None:
    result = replace(why(items(2)), fields=["moves", "flavor"], matrix=np.array([[0.5, 0.1], [0.1, -0.2]]))
    figure = charts.why_chart(result, date=DATE)
    said = words(figure)
    for part in (
        "moves carries 120% of what makes crabominable and roaring-moon alike",
        "+0.600 · 120%",
        "−0.100 · −20%",
    ):
        assert part in said
    assert not collisions(figure)


def test_a_low_score_has_no_shares() -> None:
    result = replace(why(items(2)), fields=["moves", "flavor"], matrix=np.array([[0.5, -0.2], [-0.2, -0.2]]))
    said = words(charts.why_chart(result, date=DATE))
    assert "%" not in said
    assert "field by field" in said


def test_many_fields_share_a_row_and_nothing_is_lost() -> None:
    matrix = np.diag([0.4, *[0.01] * 28, -0.3])
    result = replace(why(items(2)), fields=FIELDS, matrix=matrix)
    figure = charts.why_chart(result, date=DATE)
    said = words(figure)
    assert "20 other fields" in said
    assert "field-29" in said  # the one that takes most away has a row of its own
    bars = [patch.get_width() for patch in figure.axes[0].patches if isinstance(patch, Rectangle)]
    assert abs(sum(bars) - matrix.sum()) < 1e-9
    assert not collisions(figure)


def test_comparison_and_tuning_do_not_collide() -> None:
    for figure in (
        charts.compare_chart(comparison(items(9)), date=DATE),
        charts.tune_chart(tuned(items(7)), date=DATE),
    ):
        assert not collisions(figure)


def test_a_tuning_without_gain_says_so() -> None:
    assert "No weights make neighbours agree more" in words(charts.tune_chart(tuned(items(5), gain=0.01), date=DATE))
