from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D

from embedex.charts import map_chart, save
from embedex.charts.pictures import Picture
from embedex.charts.style import OTHER, OWN_MARKS
from embedex.results import Fidelity

from .support import DATE, a_map, collisions, items, outside, words

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure


def _dots(figure: Figure) -> list[PathCollection]:
    return [each for axes in figure.axes for each in axes.collections if isinstance(each, PathCollection)]


def _colours(dots: PathCollection) -> list[str]:
    return [to_hex(tuple(colour), keep_alpha=False) for colour in np.asarray(dots.get_facecolor()).tolist()]


def _count(figure: Figure) -> int:
    return sum(len(np.asarray(dots.get_offsets())) for dots in _dots(figure))


def test_every_record_is_a_dot_in_its_groups_colour() -> None:
    result = a_map(items(60, groups=3))
    figure = map_chart(result, date=DATE)
    assert _count(figure) == 60
    (dots,) = _dots(figure)
    assert Counter(_colours(dots)) == {mark.colour: 20 for mark in OWN_MARKS[:3]}
    assert all(f"generation-{number}" in words(figure) for number in (1, 2, 3))


def test_scales_are_equal_and_orientation_is_kept() -> None:
    result = a_map(items(3, groups=0))
    places = np.array([[0, 0], [4, 0], [0, 1]], dtype=np.float32)
    (dots,) = _dots(map_chart(replace(result, coordinates=places), date=DATE, pictures=0))
    drawn = np.asarray(dots.get_offsets())
    spans = sorted(float(np.hypot(*(one - other))) for one, other in combinations(drawn, 2))
    assert np.array(spans) / spans[0] == pytest.approx([1, 4, np.sqrt(17)])
    right = drawn[drawn[:, 0].argmax()]
    upper = drawn[drawn[:, 1].argmax()]
    assert right[0] > upper[0]
    assert right[1] < upper[1]


def test_outliers_are_named_at_the_border_and_counted() -> None:
    records = items(200, names=[f"record-{number}" for number in range(200)])
    result = a_map(records, missing=3)
    result.coordinates[[5, 6]] = [[300, 300], [-500, 0]]
    figure = map_chart(result, date=DATE, pictures=0)
    said = words(figure)
    assert "record-5" in said
    assert "record-6" in said
    assert "triangles at its border: 2 records" in said
    assert "Without a place: 3 records" in said
    assert _count(figure) == 198
    drawn = np.concatenate([np.asarray(dots.get_offsets()) for dots in _dots(figure)])
    assert np.ptp(drawn, axis=0).min() > 4  # inches: the rest fills the view


def test_triangles_point_to_the_outliers() -> None:
    result = a_map(items(100))
    result.coordinates[3] = [-500, 0]
    figure = map_chart(result, date=DATE, pictures=0)
    (triangles,) = [artist for artist in figure.artists if isinstance(artist, PathCollection)]
    (place,) = np.asarray(triangles.get_offsets())
    assert place[0] < 1
    tip = np.asarray(triangles.get_paths()[0].vertices)[0]
    assert tip[0] < 0
    assert abs(tip[1]) < -tip[0] / 5


def test_a_far_cluster_is_no_outlier() -> None:
    result = a_map(items(100))
    result.coordinates[:20] += 100
    figure = map_chart(result, date=DATE)
    assert _count(figure) == 100
    assert "border" not in words(figure)


def test_places_that_are_not_finite_are_counted_not_drawn() -> None:
    result = a_map(items(10))
    result.coordinates[3, 1] = np.nan
    figure = map_chart(result, date=DATE)
    assert _count(figure) == 9
    assert "Without a place: 1 record" in words(figure)


def test_highlighted_records_are_named() -> None:
    records = items(50, names=[f"record-{number}" for number in range(50)])
    said = words(map_chart(a_map(records), date=DATE, highlight=["record-7", "12", "absent"], pictures=0))
    assert "record-7" in said
    assert "record-12" in said
    assert "record-8" not in said


def test_a_highlighted_record_has_its_own_portrait(tmp_path: Path) -> None:
    figure = map_chart(a_map(items(50, pictures=tmp_path)), date=DATE, highlight=["7"], pictures=1)
    portraits = [artist.box for artist in figure.artists if isinstance(artist, Picture)]
    rings = [artist for artist in figure.artists if isinstance(artist, Line2D) and artist.get_markersize() == 11]
    (x,), (y,) = (np.asarray(each) for each in rings[0].get_data())
    assert any(left < x < left + wide and abs(bottom - y) < 0.2 for left, bottom, wide, _ in portraits)


def test_portraits_are_few_and_do_not_overlap(tmp_path: Path) -> None:
    result = a_map(items(300, pictures=tmp_path))
    figure = map_chart(result, date=DATE, pictures=20)
    portraits = [artist.get_window_extent() for artist in figure.artists if isinstance(artist, Picture)]
    assert 8 <= len(portraits) <= 20
    assert not any(one.overlaps(other) for one, other in combinations(portraits, 2))
    without = map_chart(result, date=DATE, pictures=0)
    assert not [artist for artist in without.artists if isinstance(artist, Picture)]


def test_beyond_twenty_groups_the_rest_is_grey() -> None:
    figure = map_chart(a_map(items(250, groups=25)), date=DATE)
    assert "5 other groups" in words(figure)
    colours = {colour for dots in _dots(figure) for colour in _colours(dots)}
    assert colours == {mark.colour for mark in OWN_MARKS} | {OTHER.colour}


def test_records_without_groups_need_no_legend() -> None:
    plain = map_chart(a_map(items(20, groups=0)), date=DATE)
    assert plain.get_figwidth() < map_chart(a_map(items(20)), date=DATE).get_figwidth()
    assert "no group" not in words(plain)


def _told(count: int, *, doubted: tuple[int, ...] = (), stable: bool = False) -> Fidelity:
    kept = np.full(count, 0.4, np.float32)
    kept[list(doubted)] = 0.1
    return Fidelity(10, kept, np.ones(count, np.float32) if stable else None, 0.9444, 0.8888, count)


def _rings(figure: Figure) -> list[PathCollection]:
    return [each for each in _dots(figure) if len(np.asarray(each.get_facecolor())) == 0]


def test_a_place_in_doubt_is_a_ring_and_the_legend_says_so() -> None:
    records = items(60, groups=3)
    figure = map_chart(replace(a_map(records), fidelity=_told(60, doubted=(0, 1, 25), stable=True)), date=DATE)
    (rings,) = _rings(figure)
    edges = [to_hex(tuple(each), keep_alpha=False) for each in np.asarray(rings.get_edgecolor()).tolist()]
    assert Counter(edges) == {OWN_MARKS[0].colour: 2, OWN_MARKS[1].colour: 1}
    assert _count(figure) == 60
    said = words(figure)
    assert "place in doubt 3 fewer than 2 of its 10 nearest" in said
    assert "changes with the seed" in said
    assert "trustworthiness 0.94 · continuity 0.89" in said
    assert not collisions(figure)
    assert not outside(figure)


def test_a_map_in_which_all_is_believed_has_no_ring_and_an_old_one_no_measures() -> None:
    believed = map_chart(replace(a_map(items(20)), fidelity=_told(20)), date=DATE)
    assert not _rings(believed)
    assert "doubt" not in words(believed)
    assert "continuity" in words(believed)
    assert "continuity" not in words(map_chart(a_map(items(20)), date=DATE))


def test_rings_stay_with_their_records_where_others_have_no_place() -> None:
    result = replace(a_map(items(30, groups=3)), fidelity=_told(30, doubted=(29,)))
    result.coordinates[3] = np.nan
    (rings,) = _rings(map_chart(result, date=DATE))
    assert to_hex(tuple(np.asarray(rings.get_edgecolor())[0].tolist()), keep_alpha=False) == OWN_MARKS[2].colour
    flat = map_chart(replace(a_map(items(9, groups=0)), fidelity=_told(9, doubted=(2,))), date=DATE)
    assert "place in doubt" in words(flat), "a legend, though there are no groups"


def test_an_outlier_in_doubt_is_an_empty_triangle() -> None:
    result = replace(a_map(items(100)), fidelity=_told(100, doubted=(3,)))
    result.coordinates[[3, 4]] = [[-500, 0], [500, 0]]
    figure = map_chart(result, date=DATE, pictures=0)
    (triangles,) = [artist for artist in figure.artists if isinstance(artist, PathCollection)]
    assert np.asarray(triangles.get_facecolor())[:, 3].tolist() == [0, 1]
    assert np.asarray(triangles.get_linewidth()).tolist() == [0.8, 0]


def test_three_dimensions_are_two_views() -> None:
    figure = map_chart(a_map(items(40), dimensions=3), date=DATE)
    assert len(figure.axes) == 2
    assert _count(figure) == 80


def test_one_place_for_all() -> None:
    result = a_map(items(5))
    result.coordinates[:] = 1
    assert _count(map_chart(result, date=DATE)) == 5


def test_many_records_are_rasterized(tmp_path: Path) -> None:
    result = a_map(items(100_000, groups=25))
    png, svg = save(map_chart(result, date=DATE), tmp_path / "map")
    assert "<image" in svg.read_text(encoding="utf-8")
    assert svg.stat().st_size < 3_000_000
    assert png.stat().st_size < 3_000_000


def test_text_stays_inside_and_apart() -> None:
    names = [f"record-{number}" for number in range(90)]
    result = a_map(items(90, names=names))
    result.coordinates[:4, 0] = 90
    result.coordinates[:4, 1] = np.arange(4) / 10
    figure = map_chart(result, date=DATE, highlight=names[:9])
    assert not collisions(figure)
    assert not outside(figure)
