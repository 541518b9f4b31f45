from __future__ import annotations

import time
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from embedex.charts import heatmap, save
from embedex.charts.heatmap import _limits
from embedex.charts.pictures import Picture
from embedex.results import Item

from .support import DATE, pairs, texts, words

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from embedex.results import By


def _cells(figure: Figure, folder: Path, count: int) -> NDArray[np.uint8]:
    """The colour in the middle of every cell of the file, RGB."""
    (file,) = save(figure, folder / "heat", ["png"])
    with Image.open(file) as image:
        pixels = np.asarray(image.convert("RGB"))
    (square,) = [artist for artist in figure.artists if isinstance(artist, Picture)]
    left, bottom, side, _ = (round(each * figure.dpi) for each in square.box)
    middles = ((np.arange(count) + 0.5) * side / count).astype(int)
    inside = pixels[len(pixels) - bottom - side : len(pixels) - bottom, left : left + side]
    cells: NDArray[np.uint8] = inside[np.ix_(middles, middles)]
    return cells


@pytest.mark.parametrize(("by", "name"), [("text", "viridis"), ("map", "viridis"), ("image", "inferno")])
def test_every_cell_has_its_colour(tmp_path: Path, by: By, name: str) -> None:
    square = pairs(30, by=by)
    drawn = _cells(heatmap(square, date=DATE), tmp_path, 30)
    low, high = _limits(square.matrix)
    colours = mpl.colormaps[name]((square.matrix - low) / (high - low), bytes=True)[..., :3]
    assert np.abs(drawn.astype(int) - colours).max() <= 3


def test_1025_records_one_pixel_a_cell(tmp_path: Path) -> None:
    square = pairs(1025, groups=[("a", 0), ("b", 500)])
    began = time.process_time()
    figure = heatmap(square, date=DATE)
    save(figure, tmp_path / "heat", ["png"])
    assert time.process_time() - began < 3
    low, high = _limits(square.matrix)
    drawn = _cells(figure, tmp_path, 1025)
    colours = mpl.colormaps["viridis"]((square.matrix - low) / (high - low), bytes=True)[..., :3]
    same = np.abs(drawn.astype(int) - colours).max(axis=2) <= 3
    assert same.mean() > 0.99  # all but the separators


def test_limits_keep_the_contrast() -> None:
    square = pairs(100)
    matrix = square.matrix.copy()
    np.fill_diagonal(matrix, 1.0)
    low, high = _limits(matrix)
    others = matrix[~np.eye(100, dtype=bool)]
    assert (low, high) == pytest.approx(np.quantile(others, [0.01, 0.995]).tolist())
    assert "1st to the 99.5th percentile" in words(heatmap(square, date=DATE))


@pytest.mark.parametrize("value", [0.5, np.nan])
def test_a_flat_or_unknown_square_is_drawn(tmp_path: Path, value: float) -> None:
    matrix = np.full((4, 4), value, dtype=np.float32)
    drawn = _cells(heatmap(replace(pairs(4), matrix=matrix), date=DATE), tmp_path, 4)
    if np.isnan(value):
        assert (drawn == 217).all()


def test_missing_cells_are_grey(tmp_path: Path) -> None:
    square = pairs(6)
    square.matrix[2, 3] = np.nan
    assert _cells(heatmap(square, date=DATE), tmp_path, 6)[2, 3].tolist() == [217, 217, 217]


def test_group_names_stand_in_the_middle_and_never_touch() -> None:
    groups = [("large", 0), ("tiny", 90), ("tinier", 91), ("next", 92), ("", 99)]
    figure = heatmap(pairs(100, groups=groups), date=DATE)
    names = [text for text in texts(figure) if text.get_rotation() == 0 and text.get_horizontalalignment() == "right"]
    assert [text.get_text() for text in names][:2] == ["large", "next"]
    boxes = [text.get_window_extent() for text in names]
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    (square,) = [artist for artist in figure.artists if isinstance(artist, Picture)]
    assert names[0].get_position()[1] == pytest.approx(square.box[1] + 0.55 * square.box[3])


def test_records_are_named_where_each_has_room() -> None:
    few = replace(pairs(12, groups=[("one", 0), ("other", 6)]), items=[Item(str(n), f"thing {n}") for n in range(12)])
    written = [text.get_text() for text in texts(heatmap(few, date=DATE))]
    assert [written.count(f"thing {n}") for n in range(12)] == [2] * 12, "at the left and below"
    assert (written.count("one"), written.count("other")) == (1, 1), "above"
    many = replace(pairs(90, groups=[("one", 0), ("other", 45)]), items=[Item(str(n), f"thing {n}") for n in range(90)])
    written = [text.get_text() for text in texts(heatmap(many, date=DATE))]
    assert not [text for text in written if text.startswith("thing")]
    assert (written.count("one"), written.count("other")) == (2, 2)


def test_tiles_are_named() -> None:
    assert "mean over a tile" in words(heatmap(replace(pairs(20), count=400), date=DATE))


def test_more_than_two_thousand_rows_are_averaged(tmp_path: Path) -> None:
    matrix = np.zeros((2200, 2200), dtype=np.float32)
    matrix[:1100] = 1
    figure = heatmap(replace(pairs(2), matrix=matrix, count=2200), date=DATE)
    (file,) = save(figure, tmp_path / "heat", ["png"])
    with Image.open(file) as image:
        assert image.width < 3200
