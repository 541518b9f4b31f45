"""The strip: the records most similar to one record, each with its portrait, group by group."""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING

from embedex.charts import style
from embedex.charts.lettering import shorten, width
from embedex.charts.pictures import draw_portrait
from embedex.charts.scale import scale
from embedex.charts.style import ACCENT, BAR, BODY, GREY, INK, MARGIN, SMALL

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from embedex.results import Hit, Item, Similar, Term

_LEFT = 3.15
"""Where the plot begins: the query's portrait and the axis' labels are to the left of it."""

_PLOT = 3.2
_HEADER = 0.3
"""Heights of the plot and of the groups' names above it."""

_LONGEST_NAME = 1.35
"""Room for a slanted name, along the slant."""

_GAP = 0.45
"""Free room between blocks, in columns."""

_MOST_TERMS = 6
"""The most terms of a sum that are drawn."""

_SLANT = math.sqrt(0.5)


def similar_strip(result: Similar, *, date: datetime.date) -> Figure:
    """Draw the records most similar to one record.

    Args:
        result: the answer; with `per_group`, one block is drawn for each run of hits of one group.
        date: the day for the caption.

    Returns:
        A wide figure: the query at the left, then a column for each hit with its portrait on the bar's top.
        The closest of all stands out. Where the scores lie too close together for bars from zero, and for
        distances, dots take the bars' place.
    """
    hits = [hit for hit in result.hits if math.isfinite(hit.value)]
    runs = groupby(hits, lambda hit: hit.item.group if result.per_group else None)
    blocks = [list(run) for _, run in runs]
    columns = len(hits) + _GAP * (len(blocks) - 1) if hits else 1
    plot_width = max(3.6, columns * min(1.15, max(0.46, 14 / columns)))
    pitch = min(1.6, plot_width / columns)
    left_over = plot_width - columns * pitch
    names = [style.label(hit.item) for hit in hits]
    longest = max((width(name, SMALL, bold=True) for name in names), default=0)
    slanted = longest > 0.95 * pitch
    below = 0.3 + min(longest, _LONGEST_NAME) * _SLANT if slanted else 0.35
    floor = style.BOTTOM + below
    figure = style.sheet(
        _LEFT + plot_width + MARGIN, below + _PLOT + _HEADER,
        f"Most similar to {style.label(result.query)}", _subtitle(result, blocks),
        result.basis.caption(), date,
    )  # fmt: skip
    if result.terms:
        _draw_terms(figure, result.terms, floor)
    else:
        _draw_query(figure, result.query, floor)
    if not hits:
        middle = _LEFT + plot_width / 2
        style.write(figure, middle, floor + _PLOT / 2, "Nothing to compare it with.", 12, colour=GREY, ha="center")
        return figure

    axis = scale((hit.value for hit in hits), result.basis.measure)
    best = axis.best(hit.value for hit in hits)
    side = min(0.95 * pitch, 0.85)
    axes = style.panel(figure, _LEFT, floor, plot_width, _PLOT)
    axes.set_xlim(0, plot_width)
    # the highest mark leaves room for its portrait and score inside the panel
    unit = (_PLOT - side - 0.32) / (axis.high - axis.low)
    bottom, upwards = (axis.high, -1) if axis.lower_is_closer else (axis.low, 1)
    axes.set_ylim(bottom, bottom + upwards * _PLOT / unit)
    style.ruled(axes, "y", axis.ticks(), axis.title)

    x = left_over / 2
    number = 0
    for block in blocks:
        if number:
            line = _LEFT + x - _GAP * pitch / 2
            style.rule(figure, (line, line), (floor - 0.06, floor + _PLOT + _HEADER))
        if result.per_group:
            middle = _LEFT + x + len(block) * pitch / 2
            name = shorten(block[0].item.group or "no group", (len(block) + 0.3) * pitch, SMALL, bold=True)
            style.write(figure, middle, floor + _PLOT + 0.14, name, SMALL, bold=True, colour=GREY, ha="center")
        for hit in block:
            middle = x + pitch / 2
            first = number == best
            if axis.bars:
                axes.bar(middle, hit.value, min(0.72 * pitch, 0.6), color=ACCENT if first else BAR, linewidth=0)
                ground = floor + (max(hit.value, 0.0) - bottom) * unit + 0.02
            else:
                colour = ACCENT if first else BAR
                axes.plot([middle, middle], [bottom, hit.value], color=colour, linewidth=0.9, linestyle=":")
                axes.plot([middle], [hit.value], marker="o", markersize=5, color=colour)
                ground = floor + upwards * (hit.value - bottom) * unit + 0.06
            colour = ACCENT if first else INK
            high = draw_portrait(figure, hit.item, _LEFT + middle, ground, side, on_ground=True)
            style.write(
                figure, _LEFT + middle, ground + high + 0.11, axis.text(hit.value), 7.5,
                bold=first, colour=colour, ha="center", on_white=True,
            )  # fmt: skip
            name = shorten(names[number], _LONGEST_NAME if slanted else pitch, SMALL, bold=True)
            style.write(
                figure, _LEFT + middle + (0.04 if slanted else 0), floor - (0.12 if slanted else 0.2),
                name, SMALL, bold=first, colour=colour, rotation=45 if slanted else 0,
                ha="right" if slanted else "center", va="center_baseline" if slanted else "baseline",
            )  # fmt: skip
            x += pitch
            number += 1
        x += _GAP * pitch
    return figure


def _subtitle(result: Similar, blocks: Sequence[Sequence[Hit]]) -> str:
    by = style.BY[result.basis.by]
    count = max(map(len, blocks), default=0)
    the_closest = "The closest" if count < 2 else f"The {count} closest"
    return f"{the_closest} {'in each group' if result.per_group else 'of all'}, {by}"


def _draw_terms(figure: Figure, terms: Sequence[Term], floor: float) -> None:
    """The terms of a sum, one below the other, each with its sign; of many, the first."""
    shown = terms[:_MOST_TERMS]
    tall = (_PLOT + _HEADER) / max(3, len(shown))
    side = min(0.78, 0.92 * tall)
    y = floor + (_PLOT + _HEADER + len(shown) * tall) / 2 - tall / 2
    for number, term in enumerate(shown):
        name = style.label(term.item) if term.item else f"“{term.words}”"
        at = MARGIN + 0.22
        if number or term.sign < 0:
            sign = "+" if term.sign > 0 else "\N{MINUS SIGN}"
            style.write(figure, MARGIN + 0.05, y, sign, 15, bold=True, colour=GREY, ha="center")
        if term.item:
            draw_portrait(figure, term.item, at + side / 2, y, side)
            at += side + 0.1
        # The axis' labels begin where this ends.
        style.write(figure, at, y, shorten(name, _LEFT - 0.58 - at, BODY, bold=True), BODY, bold=True)
        y -= tall
    if len(shown) < len(terms):
        style.write(figure, MARGIN + 0.3, floor - 0.15, f"and {len(terms) - len(shown):,} more", SMALL, colour=GREY)


def _draw_query(figure: Figure, query: Item, floor: float) -> None:
    middle, side, room = MARGIN + 0.95, 1.9, 2.0
    portrait_at = floor + 0.58 * _PLOT
    draw_portrait(figure, query, middle, portrait_at, side)
    under = portrait_at - side / 2 - 0.28
    name = style.label(query)
    size = 13.0 if width(name, 13, bold=True) <= room else 10.5
    style.write(figure, middle, under, shorten(name, room, size, bold=True), size, bold=True, ha="center")
    if query.group:
        group = shorten(query.group, room, BODY)
        style.write(figure, middle, under - 0.25, group, BODY, colour=GREY, ha="center")
