"""The chart of a score in its parts: every field is there, numbers add up, nothing collides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from embedex import charts
from embedex.charts.style import ACCENT

from .support import DATE, collisions, comparison, items, tuned, why, words

FIELDS = [f"field-{number}" for number in range(30)]


def test_bars_and_their_shares() -> None:
    result = replace(why(items(2)), fields=["moves", "flavor"], matrix=np.array([[0.5, 0.1], [0.1, -0.2]]))
    figure = charts.why_chart(result, date=DATE)
    said = words(figure)
    for part in (
        "moves adds 0.600 to the score of crabominable and roaring-moon, 0.500",
        "+0.600 · 120%",
        "−0.100 · −20%",
    ):
        assert part in said
    assert not collisions(figure)


def test_a_low_score_has_no_shares() -> None:
    result = replace(why(items(2)), fields=["moves", "flavor"], matrix=np.array([[0.5, -0.2], [-0.2, -0.2]]))
    said = words(charts.why_chart(result, date=DATE))
    assert "%" not in said
    assert "flavor takes 0.400 from the score of crabominable and roaring-moon, −0.100" in said


def test_the_largest_part_stands_out_also_below_zero() -> None:
    result = replace(why(items(2)), fields=["moves", "flavor"], matrix=np.diag([0.1, -0.4]))
    figure = charts.why_chart(result, date=DATE)
    bars = [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle)]
    assert [to_hex(bar.get_facecolor()) == ACCENT for bar in bars] == [False, True]
    result = replace(result, matrix=np.diag([0.3, 0.2]))
    assert "moves adds 0.300 of the 0.500 of crabominable" in words(charts.why_chart(result, date=DATE))


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
    result = tuned(items(5), gain=0.01)
    said = words(charts.tune_chart(result, date=DATE))
    assert "Weights kept for types[0].name, but no sure gain on held-out records" in said
    assert "outside" not in said
    same = replace(result, weights=dict.fromkeys(result.weights, 1.0))
    assert "No weights but 1 make neighbours agree more" in words(charts.tune_chart(same, date=DATE))


def test_a_tuning_says_what_lies_outside_and_what_stays() -> None:
    result = tuned(items(5))
    one = next(iter(result.weights))
    said = words(charts.tune_chart(replace(result, ranges={**result.ranges, one: (2.0, 4.0)}), date=DATE))
    assert "1 lies outside its line" in said
    assert "1 more field keeps the weight 1" in said
