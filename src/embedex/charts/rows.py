"""Hits as a chart: one row each with portrait, name, a mark on a shared axis, perhaps a passage."""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING

from embedex.charts import style
from embedex.charts.lettering import LINE, shorten, wrap
from embedex.charts.pictures import draw_portrait
from embedex.charts.style import ACCENT, BAR, BODY, GREY, INK, MARGIN, SMALL

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from embedex.charts.scale import Scale
    from embedex.results import Basis, Hit

_GROUP = 1.55
_PORTRAIT = 0.75
_NAME = 1.85
_AXIS = 4.3
_PASSAGE = 4.6
"""Widths of the columns, left to right, each with its gap; groups and passages only where there are any."""

_TICKS = 0.55
"""Room for the axis below the rows."""

_BETWEEN_GROUPS = 0.16


def draw_rows(
    hits: Sequence[Hit],
    axis: Scale,
    *,
    title: str,
    subtitle: str,
    basis: Basis,
    date: datetime.date,
    per_group: bool,
    accent: int | None,
    nothing: str,
) -> Figure:
    """Draw hits as rows.

    Args:
        hits: what to draw, in order; scores that are not finite have been left out.
        axis: the axis of all scores.
        title: the chart's title.
        subtitle: one line below it.
        basis: what the scores rest on.
        date: the day for the caption.
        per_group: whether groups are set apart, with their names in a column of their own.
        accent: the position of the hit that stands out.
        nothing: what to say when there are no hits.
    """
    passages = any(hit.passage for hit in hits)
    tall = 0.72 if passages or not per_group else 0.52
    left = MARGIN + (_GROUP if per_group else 0.3)
    axis_left = left + _PORTRAIT + _NAME
    runs = [list(run) for _, run in groupby(hits, lambda hit: hit.item.group if per_group else None)]
    rows = len(hits) * tall + max(0, len(runs) - 1) * _BETWEEN_GROUPS if hits else 2.0
    floor = style.BOTTOM + _TICKS
    figure = style.sheet(
        axis_left + _AXIS + 0.55 + (_PASSAGE if passages else 0) + MARGIN, _TICKS + rows,
        title, subtitle, basis.caption(), date,
    )  # fmt: skip
    if not hits:
        return style.no_data(figure, nothing)

    axes = style.panel(figure, axis_left, floor, _AXIS, rows)
    span = axis.high - axis.low
    axes.set_xlim(axis.low, axis.high + 0.03 * span)
    axes.set_ylim(0, rows)
    style.ruled(axes, "x", axis.ticks(), axis.title)
    unit = _AXIS / (1.03 * span)

    top = rows
    number = 0
    for run in runs:
        if number:
            top -= _BETWEEN_GROUPS
            line = floor + top + _BETWEEN_GROUPS / 2
            style.rule(figure, (MARGIN, figure.get_figwidth() - MARGIN), (line, line))
        if per_group:
            group = shorten(run[0].item.group or "no group", _GROUP - 0.15, BODY, bold=True)
            style.write(figure, MARGIN, floor + top - tall / 2, group, BODY, bold=True, colour=GREY)
        for hit in run:
            middle = top - tall / 2
            y = floor + middle
            first = number == accent
            if not per_group:
                style.write(figure, MARGIN + 0.12, y, str(hit.rank), BODY, colour=GREY, ha="center")
            draw_portrait(figure, hit.item, left + 0.3, y, min(0.62, 0.92 * tall))
            name = shorten(style.label(hit.item), _NAME - 0.1, BODY, bold=True)
            below = hit.item.group if not per_group else None
            style.write(
                figure, left + _PORTRAIT, y + (0.1 if below else 0), name, BODY, bold=True,
                colour=ACCENT if first else INK,
            )  # fmt: skip
            if below:
                group = shorten(below, _NAME - 0.1, SMALL)
                style.write(figure, left + _PORTRAIT, y - 0.1, group, SMALL, colour=GREY)
            colour = ACCENT if first else BAR
            if axis.bars:
                axes.barh(middle, hit.value, min(0.26, 0.4 * tall), color=colour, linewidth=0)
            else:
                axes.plot([axis.low, hit.value], [middle, middle], color=colour, linewidth=0.9, linestyle=":")
                axes.plot([hit.value], [middle], marker="o", markersize=7, color=colour)
            score_at = axis_left + (max(hit.value, 0.0 if axis.bars else hit.value) - axis.low) * unit + 0.1
            style.write(
                figure,
                score_at,
                y,
                axis.text(hit.value),
                SMALL,
                bold=first,
                colour=ACCENT if first else INK,
                on_white=True,
            )
            if hit.passage:
                _write_passage(figure, axis_left + _AXIS + 0.75, y, hit)
            top -= tall
            number += 1
    return figure


def finite(hits: Sequence[Hit]) -> list[Hit]:
    """The hits that have a score."""
    return [hit for hit in hits if math.isfinite(hit.value)]


def _write_passage(figure: Figure, x: float, y: float, hit: Hit) -> None:
    room = figure.get_figwidth() - MARGIN - x
    lines = wrap(shorten_passage(hit.passage or ""), room, SMALL, lines=3)
    where = bool(hit.passage_path)
    top = y + (len(lines) + where) * LINE * SMALL / 2
    style.write(figure, x, top, lines, SMALL, va="top")
    if hit.passage_path:
        path = shorten(hit.passage_path, room, 7)
        style.write(figure, x, top - len(lines) * LINE * SMALL - 0.02, path, 7, colour=GREY, va="top")


def shorten_passage(passage: str, most: int = 140) -> str:
    """A passage on one line, cut after a word with an ellipsis beyond `most` characters."""
    flat = " ".join(passage.split())
    if len(flat) <= most:
        return flat
    cut = flat[: most - 1]
    return (cut.rsplit(" ", 1)[0] if " " in cut else cut).rstrip(" ,.;:–-") + "…"
