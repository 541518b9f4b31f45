"""Clusters: the map coloured by cluster, and beside it what sets each apart with its most typical records."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.lines import Line2D

from embedex.charts import style
from embedex.charts.lettering import shorten, wrap
from embedex.charts.pictures import draw_portrait
from embedex.charts.style import BODY, BOTTOM, GREY, MARGIN, OTHER, OWN_MARKS, SMALL, Mark
from embedex.results import counted

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from embedex.results import Cluster, Clusters, Map

_ROW = 0.66
_TEXT = 4.35
_PORTRAIT = 0.5
_PORTRAITS = 3
_GAP = 0.36
_LEAST_SIDE, _MOST_SIDE = 5.2, 8.6
_NOTE = 0.3
_MOST_LISTED = 14
"""So many clusters have a row, and a number on the map; the note counts the others."""

_COLOURLESS = Mark("#7d8791", "o")
"""The mark of clusters beyond those with a colour: darker than what is in no cluster."""

_RASTERIZE_FROM = 5_000


def cluster_chart(result: Clusters, *, date: datetime.date) -> Figure:
    """Draw clusters.

    Args:
        result: the clusters, the largest first; twenty have a colour of their own, fourteen a row.
        date: the day for the caption.

    Returns:
        A figure with a row for each cluster: its number and size, what sets it apart, and its three most typical
        records; at the left the map, where there is one, with each cluster's number at the middle of its records.
        What is in no cluster is light grey,
        a cluster without a colour dark grey.
    """
    listed = result.clusters[:_MOST_LISTED]
    rows = max(len(listed), 3) * _ROW
    side = min(max(rows, _LEAST_SIDE), _MOST_SIDE) if result.places else 0.0
    high = max(rows, side)
    across = _TEXT + _PORTRAITS * (_PORTRAIT + 0.08)
    left = MARGIN + (side + _GAP if side else 0.0)
    count = sum(len(each.items) for each in result.clusters) + len(result.alone)
    number = f"{len(result.clusters):,} cluster{'' if len(result.clusters) == 1 else 's'}"
    figure = style.sheet(
        left + across + MARGIN, _NOTE + high, f"{number} of {result.basis.collection}",
        f"{counted(count)} {style.BY[result.basis.by]}; for each, what more of its records have than of all others",
        result.caption(), date,
    )  # fmt: skip
    if not result.clusters:
        return style.no_data(figure, "No record is in a cluster.")
    floor = BOTTOM + _NOTE
    marks = {each.number: mark for each, mark in zip(result.clusters, OWN_MARKS, strict=False)}
    if result.places:
        _draw_map(figure, result, result.places, marks, len(listed), (MARGIN, floor + high - side, side))
    for place, each in enumerate(listed):
        _draw_row(figure, each, marks[each.number], left, floor + high - _ROW * (place + 0.5))
    notes = []
    if result.places:
        notes.append(f"Map: {result.places.name}, coloured by cluster")
        placed = {item.id for item in result.places.items}
        absent = sum(item.id not in placed for each in result.clusters for item in each.items)
        absent += sum(item.id not in placed for item in result.alone)
        if absent:
            notes.append(f"Without a place in it: {counted(absent)}")
    if result.alone:
        notes.append(f"In no cluster, light grey: {counted(len(result.alone))}")
    if len(listed) < len(result.clusters):
        grey = len(result.clusters) - len(marks)
        plain = ", no number on the map" if result.places else ""
        told = f", {grey:,} of them dark grey" if grey > 0 else ""
        notes.append(f"Without a row: {len(result.clusters) - len(listed):,} smaller clusters{told}{plain}")
    room = left + across - MARGIN
    style.write(figure, MARGIN, floor - 0.17, shorten(" · ".join(notes), room, SMALL), SMALL, colour=GREY)
    return figure


def _draw_row(figure: Figure, cluster: Cluster, mark: Mark, left: float, y: float) -> None:
    key = Line2D([left + 0.08], [y + 0.16], marker=mark.shape, color=mark.colour, markersize=8, markeredgewidth=0)
    key.set_transform(figure.dpi_scale_trans)
    figure.add_artist(key)
    head = f"{cluster.number} · {counted(len(cluster.items))}"
    style.write(figure, left + 0.25, y + 0.16, head, BODY, bold=True)
    said = "; ".join(each.told() for each in cluster.traits[:4]) or "no field sets it apart"
    lines = wrap(said, _TEXT - 0.4, SMALL, lines=2)
    style.write(figure, left + 0.25, y + 0.05, lines, SMALL, colour=GREY, va="top")
    for number, item in enumerate(cluster.items[:_PORTRAITS]):
        x = left + _TEXT + (number + 0.5) * (_PORTRAIT + 0.08)
        draw_portrait(figure, item, x, y, _PORTRAIT)


def _draw_map(
    figure: Figure,
    result: Clusters,
    places: Map,
    marks: dict[int, Mark],
    listed: int,
    box: tuple[float, float, float],
) -> None:
    left, bottom, side = box
    cluster_of = {item.id: each.number for each in result.clusters for item in each.items}
    asked = cluster_of.keys() | {item.id for item in result.alone}
    here = [
        (row, cluster_of.get(item.id, 0)) for row, item in enumerate(places.items)
        if item.id in asked and np.isfinite(places.coordinates[row]).all()
    ]  # fmt: skip
    axes = style.panel(figure, left, bottom, side, side)
    axes.set_facecolor("#f7f8fa")
    axes.set_xlim(left, left + side)
    axes.set_ylim(bottom, bottom + side)
    if not here:
        style.write(figure, left + side / 2, bottom + side / 2, "None has a place.", BODY, colour=GREY, ha="center")
        return
    numbers = np.array([number for _, number in here])
    at = places.coordinates[[row for row, _ in here]].astype(np.float64)
    # A few records far off would shrink the rest to a blot: the view ends at the 0.5th percentiles and some air.
    low, high = np.percentile(at, (0.5, 99.5), axis=0)
    span = 1.16 * (float((high - low).max()) or 1.0)
    inches = np.clip((at - (low + high) / 2) * side / span, 0.06 - side / 2, side / 2 - 0.06)
    inches += (left + side / 2, bottom + side / 2)
    mixed = np.random.default_rng(0).permutation(len(here))  # so that no cluster hides another one whole
    area = max(2.0, min(45.0, 330 / len(here) ** 0.47))
    opacity = 0.9 if len(here) <= 5_000 else 0.5
    _scatter(axes, inches, [row for row in mixed.tolist() if not numbers[row]], OTHER, area, 0.7)
    colourless = [row for row in mixed.tolist() if numbers[row] and numbers[row] not in marks]
    if colourless:
        _scatter(axes, inches, colourless, _COLOURLESS, area, 0.7)
    for number, mark in marks.items():
        _scatter(axes, inches, [row for row in mixed.tolist() if numbers[row] == number], mark, area, opacity)
    away = math.sqrt(area) / 2 / 72 + 0.1  # beside its dot, not on it
    for each in result.clusters[:listed]:
        mine = inches[numbers == each.number]
        if len(mine):
            x, y = _beside(_middle(mine), inches, away, (left, bottom, side))
            style.write(figure, x, y, str(each.number), 11, bold=True, ha="center", halo=True)


def _scatter(
    axes: Axes, inches: NDArray[np.float64], rows: Sequence[int], mark: Mark, area: float, opacity: float
) -> None:
    axes.scatter(
        inches[rows, 0], inches[rows, 1], s=area, marker=mark.shape, c=mark.colour, alpha=opacity, linewidths=0,
        rasterized=len(inches) > _RASTERIZE_FROM,
    )  # fmt: skip


def _beside(
    place: tuple[float, float], dots: NDArray[np.float64], away: float, box: tuple[float, float, float]
) -> tuple[float, float]:
    """Where around a place a number hides the fewest dots: above, below, right, left, or between."""
    left, bottom, side = box
    found = []
    for turn in range(8):
        angle = math.pi / 2 + turn * math.pi / 4
        x, y = place[0] + away * math.cos(angle), place[1] + away * math.sin(angle)
        inside = left + 0.1 < x < left + side - 0.1 and bottom + 0.1 < y < bottom + side - 0.1
        hidden = int((np.abs(dots - (x, y)) < (0.1, 0.09)).all(axis=1).sum())
        found.append((not inside, hidden, turn, x, y))
    return min(found)[3:]


def _middle(places: NDArray[np.float64]) -> tuple[float, float]:
    """The record nearest to the median: in a bent cluster the median itself may lie outside."""
    median = np.median(places, axis=0)
    x, y = places[int(np.argmin(np.linalg.norm(places - median, axis=1)))]
    return float(x), float(y)
