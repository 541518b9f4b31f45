from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import matplotlib as mpl
import pytest

from embedex.charts import style
from embedex.results import Item

from .support import DATE, items, outside, similar, words

if TYPE_CHECKING:
    from pathlib import Path


def test_twenty_marks_differ() -> None:
    assert len(style.OWN_MARKS) == len(set(style.OWN_MARKS)) == 20
    assert len({mark.colour for mark in style.OWN_MARKS}) == 20


def test_label_falls_back_to_the_id() -> None:
    assert style.label(Item("7", "squirtle")) == "squirtle"
    assert style.label(Item("7", "")) == "7"
    assert style.label(Item("7", "日本")) == "7"
    assert style.label(Item("日", "日本")) == "□□"
    assert style.label(Item("", "")) == "(no name)"


@pytest.mark.parametrize("told", ["", "word", "word " * 17, "word " * 34, "word " * 400, "W" * 46, "W" * 900])
def test_a_caption_never_loses_its_date(told: str) -> None:
    figure = style.sheet(6, 2, "Title", "", told, DATE)
    assert words(figure).endswith("2024-02-29")
    assert not outside(figure)


def test_save_leaves_the_figure_as_it_was(tmp_path: Path) -> None:
    figure = style.sheet(4, 2, "Title", "", "told", DATE)
    first = style.save(figure, tmp_path / "first")
    before = figure.dpi, dict(mpl.rcParams)
    files = style.save(figure, tmp_path / "a.b", ["png", "svg", "pdf"], dpi=50)
    assert [file.name for file in files] == ["a.b.png", "a.b.svg", "a.b.pdf"]
    assert [file.read_bytes() for file in style.save(figure, tmp_path / "again")] == [
        file.read_bytes() for file in first
    ]
    assert (figure.dpi, dict(mpl.rcParams)) == before


def test_a_failed_save_leaves_nothing(tmp_path: Path) -> None:
    figure = style.sheet(4, 2, "Title", "", "told", DATE)
    with pytest.raises(ValueError, match="nonsense"):
        style.save(figure, tmp_path / "a", ["nonsense"])
    assert not list(tmp_path.iterdir())


def test_threads_draw_the_same(tmp_path: Path) -> None:
    from embedex.charts import similar_strip

    pictures = tmp_path / "pictures"
    pictures.mkdir()
    result = similar(items(9, pictures=pictures))

    def draw(number: int) -> list[bytes]:
        files = style.save(similar_strip(result, date=DATE), tmp_path / str(number))
        return [file.read_bytes() for file in files]

    with ThreadPoolExecutor(4) as pool:
        drawn = list(pool.map(draw, range(4)))
    assert all(each == drawn[0] for each in drawn)
