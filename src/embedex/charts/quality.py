"""How much data records have, beside how like the others they are: every record, and what it means for each group."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np

from embedex.charts import style
from embedex.charts.lettering import shorten
from embedex.charts.scale import round_ticks
from embedex.charts.style import ACCENT, BAR, BODY, BOTTOM, GREY, MARGIN, OTHER, OWN_MARKS, SMALL
from embedex.quality import rests_on_few

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

    from matplotlib.figure import Figure

    from embedex.charts.style import Mark
    from embedex.results import GroupQuality, Quality

_LEFT = MARGIN + 0.65
_PLOT = 5.4
_TICKS = 0.55
_HEADING = 0.42
_LEAST = 3.2
_ROW = 0.34
_NAMES = 1.75
_BARS = 3.4
_NUMBERS = 0.75
_BETWEEN = 0.55

_FEWEST = 5
_NEGLIGIBLE = 0.1
"""What is explained is told of groups of so many records, whose shift is at least this share of the largest."""


def quality_chart(result: Quality, *, date: datetime.date) -> Figure:
    """Draw a report on the amount of data.

    Args:
        result: the report; of more than twenty groups, the twenty largest are drawn.
        date: the day for the caption.

    Returns:
        A figure with every record at the left, by the length of its document and its median similarity, and at the
        right how far each group is from the others: as seen, and as expected from its amount of data.
    """
    known = [each for each in result.groups if each.shift is not None and each.expected is not None]
    largest = sorted(known, key=lambda each: -each.records)[: len(OWN_MARKS)]
    shown = [each for each in known if each in largest]
    height = max(_LEAST, len(shown) * _ROW)
    right = _BETWEEN + _NAMES + _BARS + _NUMBERS if shown else 0.0
    finite = np.isfinite(result.medians)
    share = "" if result.r_squared is None else f"{result.r_squared:.0%}"
    few = rests_on_few(result.lengths[finite], result.missing[finite], result.medians[finite].astype(np.float64))
    title, fit = f"The amount of data explains {share or 'nothing'} of how alike records are", ""
    if share and few:
        title = "How alike records are, beside how much data each has"
        fit = f"; a fit explains {share} of the variance, carried by few records"
    note = f" · the {len(shown)} largest of {len(known):,} groups" if len(shown) < len(known) else ""
    figure = style.sheet(
        _LEFT + _PLOT + right + MARGIN, _TICKS + height + _HEADING,
        title,
        "Each record's median similarity to all others, against the length of its document and its missing fields"
        f"{fit}{note}",
        f"{result.basis.caption()} · {len(result.fields):,} fields expected", date,
    )  # fmt: skip
    if not finite.any():
        return style.no_data(figure, "No records to compare.")
    marks = {each.group: OWN_MARKS[number] for number, each in enumerate(shown)}
    _draw_records(figure, result, finite, marks, height)
    if shown:
        _draw_groups(figure, shown, marks, height)
    return figure


def _draw_records(
    figure: Figure,
    result: Quality,
    finite: np.typing.NDArray[np.bool_],
    marks: dict[str | None, Mark],
    height: float,
) -> None:
    floor = BOTTOM + _TICKS
    style.write(figure, _LEFT, floor + height + 0.2, "Every record", BODY, bold=True)
    axes = style.panel(figure, _LEFT, floor, _PLOT, height)
    lengths = np.maximum(result.lengths, 1)
    low, high = float(lengths[finite].min()), float(lengths[finite].max())
    bottom, top = float(result.medians[finite].min()), float(result.medians[finite].max())
    room = 0.05 * (top - bottom) or 0.05
    axes.set_xscale("log")
    axes.minorticks_off()
    axes.set_xlim(low / 1.1, high * 1.1)
    axes.set_ylim(bottom - room, top + room)
    ticks = _round_lengths(low / 1.1, high * 1.1)
    style.ruled(axes, "x", ticks, _told(ticks))
    style.ruled(axes, "y", round_ticks(bottom - room, top + room, 6), f"median similarity ({result.basis.measure})")
    groups = np.asarray([item.group for item in result.items], dtype=object)
    rest = finite & ~np.asarray([group in marks for group in groups], bool)
    runs = [(rest, OTHER), *((finite & (groups == group), mark) for group, mark in marks.items())]
    for member, mark in runs:
        if member.any():
            axes.scatter(
                lengths[member], result.medians[member], s=15, c=mark.colour, marker=mark.shape, alpha=0.75,
                linewidths=0,
            )  # fmt: skip


def _draw_groups(figure: Figure, shown: Sequence[GroupQuality], marks: dict[str | None, Mark], height: float) -> None:
    floor = BOTTOM + _TICKS
    names_left = _LEFT + _PLOT + _BETWEEN
    left = names_left + _NAMES
    style.write(figure, names_left, floor + height + 0.2, "Each group, against the others", BODY, bold=True)
    ends = [each for group in shown for each in (group.shift, group.expected) if each is not None]
    low, high = min(0.0, *ends), max(0.0, *ends)
    room = 0.05 * (high - low) or 0.01
    axes = style.panel(figure, left, floor, _BARS, height)
    axes.set_xlim(low - room, high + room)
    axes.set_ylim(0, len(shown))
    style.ruled(axes, "x", round_ticks(low - room, high + room, 5), "shift of the mean median similarity")
    axes.axvline(0, color=GREY, linewidth=0.8)
    for word, colour, at in (("seen", ACCENT, 0.0), ("expected from its data", BAR, 0.65)):
        style.write(figure, left + at + 0.7, floor + height + 0.2, "■", BODY, colour=colour)
        style.write(figure, left + at + 0.86, floor + height + 0.2, word, SMALL, colour=GREY)
    least = _NEGLIGIBLE * max(abs(group.shift or 0.0) for group in shown)
    step = height / len(shown)
    for number, group in enumerate(shown):
        middle = len(shown) - number - 0.5
        y = floor + middle * step
        mark = marks[group.group]
        style.write(figure, names_left, y, "●" if mark.shape == "o" else "▲", BODY, colour=mark.colour)
        name = shorten(group.group or "no group", _NAMES - 0.35, SMALL, bold=True)
        style.write(figure, names_left + 0.2, y, name, SMALL, bold=True)
        axes.barh(middle + 0.17, group.shift or 0.0, 0.3, color=ACCENT, linewidth=0)
        axes.barh(middle - 0.17, group.expected or 0.0, 0.3, color=BAR, linewidth=0)
        explained = group.explained if _worth_a_share(group, least) else None
        told = "" if explained is None else f"{explained:.0%}".replace("-", "\N{MINUS SIGN}")
        style.write(figure, left + _BARS + _NUMBERS, y, told, SMALL, colour=GREY, ha="right")
    if any(group.explained is not None and _worth_a_share(group, least) for group in shown):
        style.write(figure, left + _BARS + _NUMBERS, floor + height + 0.2, "explained", SMALL, colour=GREY, ha="right")


def _told(ticks: Mapping[float, str]) -> str:
    """The title of the axis of lengths, which says what a step is where it is no plain one."""
    steps = {round(after / before, 3) for before, after in itertools.pairwise(ticks)}
    how = {2.0: " (each step doubles)", 10.0: " (each step is tenfold)"}
    return f"characters of the document{how.get(steps.pop(), '') if len(steps) == 1 else ''}"


def _worth_a_share(group: GroupQuality, least: float) -> bool:
    """Whether a group has the records and the shift of which a share says something."""
    return group.records >= _FEWEST and abs(group.shift or 0.0) >= least


def _round_lengths(low: float, high: float) -> dict[float, str]:
    """Lengths that double, inside the axis: 1,000, 2,000, 4,000 and so on; or powers of ten where it is long.

    Where fewer than three of them are inside, round lengths at equal steps.
    """
    factor = 2 if high / low < 256 else 10
    start = 10.0 ** math.floor(math.log10(low))
    steps = range(math.ceil(math.log(high / start, factor)) + 1)
    ticks = [start * factor**step for step in steps]
    inside = {each: f"{each:,.0f}" for each in ticks if low <= each <= high}
    return inside if len(inside) > 2 else round_ticks(low, high, 5)
