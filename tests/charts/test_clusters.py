"""The chart of clusters: a row for each with what sets it apart, and the map in the clusters' colours."""

from __future__ import annotations

from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex

from embedex import charts
from embedex.charts.style import OTHER, OWN_MARKS

from .support import DATE, clusters, collisions, items, outside, texts, words


def test_each_cluster_has_its_row() -> None:
    figure = charts.cluster_chart(clusters(items(12)), date=DATE)
    said = words(figure)
    for part in ("3 clusters of Pokédex", "1 · 4 records", "type fire (90%, else 10%)", "size low (90, else 10)"):
        assert part in said
    assert "no field sets it apart" in said
    assert "In no cluster, light grey: 1 record" in said
    assert not outside(figure)
    rows = [text for pair in collisions(figure) for text in pair if "records" in text]
    assert not rows


def test_the_map_is_in_the_clusters_colours() -> None:
    figure = charts.cluster_chart(clusters(items(12)), date=DATE)
    dots = [each for axes in figure.axes for each in axes.collections if isinstance(each, PathCollection)]
    assert [len(each.get_offsets()) for each in dots] == [1, 4, 4, 4]  # type: ignore[arg-type]
    for each, mark in zip(dots, [OTHER, *OWN_MARKS[:3]], strict=True):
        assert to_hex(each.get_facecolor()[0]) == mark.colour  # type: ignore[arg-type]


def test_many_clusters_are_counted() -> None:
    figure = charts.cluster_chart(clusters(items(66), 22), date=DATE)
    said = words(figure)
    assert "22 clusters" in said
    assert "Without a row: 8 smaller clusters, 2 of them dark grey, no number on the map" in said
    numbers = [text.get_text() for text in texts(figure) if text.get_text().isdigit()]
    assert sorted(map(int, numbers)) == list(range(1, 15))
    faces = [to_hex(each.get_facecolor()[0]) for each in figure.axes[0].collections if isinstance(each, PathCollection)]  # type: ignore[arg-type]
    assert faces[:2] == [OTHER.colour, "#7d8791"]
    assert not outside(figure)
