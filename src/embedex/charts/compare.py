"""What weights of fields change: how many neighbours stay in each group, and which records are unusual now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedex.charts import style
from embedex.charts.lettering import shorten
from embedex.charts.pictures import draw_portrait
from embedex.charts.scale import round_ticks
from embedex.charts.style import ACCENT, BAR, BODY, BOTTOM, GREY, MARGIN, SMALL

if TYPE_CHECKING:
    import datetime

    from matplotlib.figure import Figure

    from embedex.results import Comparison

_GROUPS = 20
"""The most groups that have a row: the largest ones."""

_NAMES = 1.9
_BARS = 4.2
_LIST = 2.75
"""Widths: the groups' names, the bars, and each list of unusual records."""

_ROW = 0.36
_HEAD = 0.35
_TICKS = 0.5
_UNUSUAL = 10


def compare_chart(result: Comparison, *, date: datetime.date) -> Figure:
    """Draw a comparison.

    Args:
        result: before and after.
        date: the day for the caption.

    Returns:
        A figure with a bar a group at the left, the mean over all records as a line, and the most unusual records
        before and after at the right; those that are in one list only stand out.
    """
    largest = sorted(result.groups, key=lambda group: -group[1])[:_GROUPS]
    groups = [group for group in result.groups if group in largest]
    before, after = result.unusual_before[:_UNUSUAL], result.unusual_after[:_UNUSUAL]
    rows = max(len(groups), len(before), len(after), 4)
    tall = rows * _ROW
    figure = style.sheet(
        MARGIN + _NAMES + _BARS + 0.7 + 2 * _LIST + MARGIN, _TICKS + tall + _HEAD,
        f"{result.overlap:.0%} of the {result.k} nearest stay the same{f' {result.weights}' if result.weights else ''}",
        f"Left: the share of each record's {result.k} nearest that stay, by group; the line is the mean of all. "
        "Right: the most unusual records before and after, those in one list only in red",
        result.basis.caption(), date,
    )  # fmt: skip
    if not groups:
        return style.no_data(figure, "Nothing to compare.")
    floor, left = BOTTOM + _TICKS, MARGIN + _NAMES
    axes = style.panel(figure, left, floor, _BARS, tall)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, tall)
    style.ruled(axes, "x", round_ticks(0, 1, 5), f"mean share of the {result.k} nearest that stay")
    for number, (label, count, overlap) in enumerate(groups):
        middle = tall - (number + 0.5) * _ROW
        axes.barh(middle, overlap, 0.6 * _ROW, color=BAR, linewidth=0)
        name = shorten(f"{label or 'no group'} ({count:,})", _NAMES - 0.12, SMALL)
        style.write(figure, left - 0.1, floor + middle, name, SMALL, ha="right")
        style.write(figure, left + overlap * _BARS + 0.07, floor + middle, f"{overlap:.2f}", SMALL, on_white=True)
    line = left + result.overlap * _BARS
    style.rule(figure, (line, line), (floor, floor + tall), colour=ACCENT, width=1.2, zorder=4)
    both = {hit.item.id for hit in before} & {hit.item.id for hit in after}
    for place, (title, hits) in enumerate((("Unusual before", before), ("Unusual after", after))):
        x = left + _BARS + 0.7 + place * _LIST
        style.write(figure, x, floor + tall + 0.15, title, BODY, bold=True, colour=GREY)
        for number, hit in enumerate(hits):
            y = floor + tall - (number + 0.5) * _ROW
            new = hit.item.id not in both
            draw_portrait(figure, hit.item, x + 0.17, y, 0.32)
            name = shorten(style.label(hit.item), _LIST - 1.15, SMALL, bold=new)
            style.write(figure, x + 0.42, y, name, SMALL, bold=new, colour=ACCENT if new else style.INK)
            style.write(figure, x + _LIST - 0.3, y, f"{hit.value:.3f}", SMALL, colour=GREY, ha="right")
    return figure
