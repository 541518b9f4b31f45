from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from matplotlib.patches import Rectangle

from embedex.charts import answers_chart, unusual_chart
from embedex.charts.rows import shorten_passage
from embedex.charts.style import ACCENT
from embedex.results import Answers, Unusual

from .support import DATE, answers, basis, collisions, hits, items, outside, texts, unusual, words

if TYPE_CHECKING:
    from pathlib import Path


def test_unusual_shows_the_medians_group_by_group(tmp_path: Path) -> None:
    records = items(6, pictures=tmp_path)
    scores = [0.2, 0.4, 0.1, 0.5, 0.3, 0.6]
    figure = unusual_chart(Unusual(hits(records, scores), True, basis()), date=DATE)
    axes = figure.axes[0]
    bars = [bar for bar in axes.patches if isinstance(bar, Rectangle)]
    assert [bar.get_width() for bar in bars] == pytest.approx(scores)
    assert [bar.get_y() for bar in bars] == sorted((bar.get_y() for bar in bars), reverse=True)
    assert "median similarity to all others (cosine)" in axes.get_xlabel()
    said = words(figure)
    assert all(f"generation-{number}" in said for number in (1, 2, 3))
    assert [text.get_text() for text in texts(figure) if text.get_color() == ACCENT] == [records[2].name, "0.10"]


def test_unusual_by_distance_is_the_farthest() -> None:
    records = items(3)
    result = Unusual(hits(records, [1.0, 9.0, 4.0]), False, basis("map", "distance"))
    figure = unusual_chart(result, date=DATE)
    assert [text.get_text() for text in texts(figure) if text.get_color() == ACCENT][1] == "9.00"
    assert "highest median distance" in words(figure)


def test_ten_answers_and_no_more() -> None:
    figure = answers_chart(answers(items(14)), date=DATE)
    said = words(figure)
    assert "The 10 best answers among passages" in said
    assert " 10 " in said
    assert " 11 " not in said
    assert "electricity could build and cause" in said
    assert "texts[0]" in said


def test_rows_do_not_touch(tmp_path: Path) -> None:
    for figure in (
        answers_chart(answers(items(10, pictures=tmp_path)), date=DATE),
        unusual_chart(unusual(items(9, pictures=tmp_path)), date=DATE),
    ):
        assert not collisions(figure)
        assert not outside(figure)


def test_answers_without_passages_are_narrower() -> None:
    records = items(3)
    plain = Answers("What?", hits(records, [0.9, 0.5, math.nan]), "pictures", basis())
    figure = answers_chart(plain, date=DATE)
    assert figure.get_figwidth() < answers_chart(answers(records), date=DATE).get_figwidth()
    assert "The 2 best answers" in words(figure)


def test_shorten_passage() -> None:
    assert shorten_passage("a\n\fb") == "a b"
    long = shorten_passage("word, " * 60)
    assert len(long) <= 140
    assert long.endswith("word…")
    assert shorten_passage("x" * 200) == "x" * 139 + "…"
