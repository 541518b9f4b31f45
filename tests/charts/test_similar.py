from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from embedex.charts import similar_strip
from embedex.charts.style import ACCENT
from embedex.results import Similar

from .support import DATE, NAMES, basis, boxes, collisions, hits, items, outside, similar, words

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure


def _bars(figure: Figure) -> list[Rectangle]:
    return [bar for bar in figure.axes[0].patches if isinstance(bar, Rectangle)]


def test_bars_are_as_high_as_the_scores() -> None:
    result = similar(items(27, groups=9))
    bars = _bars(similar_strip(result, date=DATE))
    assert [bar.get_height() for bar in bars] == pytest.approx([hit.score for hit in result.hits])
    assert [bar.get_x() for bar in bars] == sorted(bar.get_x() for bar in bars)


def test_a_narrow_range_is_drawn_as_dots() -> None:
    records = items(6)
    scores = [0.98, 0.97, 0.96, 0.95, 0.94, 0.93]
    figure = similar_strip(Similar(records[0], hits(records, scores), True, basis()), date=DATE)
    assert not _bars(figure)
    dots = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert [float(np.asarray(dot.get_ydata())[0]) for dot in dots] == pytest.approx(scores)
    assert "not at 0" in words(figure)


def test_the_closest_stands_highest_and_out_by_distance() -> None:
    records = items(3)
    result = Similar(records[0], hits(records, [4.0, 0.5, 2.0]), False, basis("map", "distance"))
    axes = similar_strip(result, date=DATE).axes[0]
    assert axes.yaxis_inverted()
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    assert [dot.get_color() == ACCENT for dot in dots] == [False, True, False]
    assert "lower is closer" in axes.get_ylabel()


def test_nothing_collides_among_27_columns(tmp_path: Path) -> None:
    names = [*NAMES, "crabominable", "fletchinder"]
    figure = similar_strip(similar(items(27, groups=9, pictures=tmp_path, names=names)), date=DATE)
    assert not outside(figure)
    assert not collisions(figure)
    placed = boxes(figure)
    slanted = [text for text, _ in placed if text.get_rotation() == 45]
    assert len(slanted) == 27
    # lines that run at 45 degrees touch when their anchors are nearer than a line is high, across the slant
    anchors = [figure.dpi_scale_trans.transform(text.get_position())[0] for text in slanted]
    line = 8 * 1.2 / 72 * figure.dpi
    assert min(np.diff(anchors)) * math.sqrt(0.5) > line
    lowest = min(box.y0 for text, box in placed if text.get_rotation() == 45)
    (caption,) = [box for text, box in placed if "2024-02-29" in text.get_text()]
    assert lowest > caption.y1


@pytest.mark.parametrize("groups", [1, 5, 12])
@pytest.mark.parametrize("each", [1, 3, 5])
def test_any_number_of_groups(groups: int, each: int) -> None:
    figure = similar_strip(similar(items(groups * each, groups=groups)), date=DATE)
    assert len(_bars(figure)) == groups * each
    assert not outside(figure)
    assert not collisions(figure)
    assert figure.get_figwidth() < 36


def test_scores_that_are_not_finite_are_left_out() -> None:
    records = items(3)
    result = Similar(records[0], hits(records, [0.9, math.nan, 0.3]), False, basis())
    assert len(_bars(similar_strip(result, date=DATE))) == 2


def test_columns_stay_inside_the_axes() -> None:
    axes = similar_strip(similar(items(60, groups=12)), date=DATE).axes[0]
    low, high = axes.get_xlim()
    for bar in axes.patches:
        assert isinstance(bar, Rectangle)
        assert low <= bar.get_x() < bar.get_x() + bar.get_width() <= high


def test_no_line_joins_two_columns() -> None:
    figure = similar_strip(similar(items(4), per_group=False), date=DATE)
    assert not [line for line in figure.axes[0].lines if isinstance(line, Line2D) and line.get_linestyle() == "-"]
