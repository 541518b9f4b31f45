"""The weights of fields that a search found, how far its folds agree, and what they gain on held-out records."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from embedex.charts import style
from embedex.charts.lettering import shorten
from embedex.charts.style import ACCENT, BAR, BOTTOM, GREY, MARGIN, SMALL

if TYPE_CHECKING:
    import datetime

    from matplotlib.figure import Figure

    from embedex.results import Tuned

_FIELDS = 30
"""The most fields that have a row; those that stay at 1 in every fold have one only where all do."""

_NAMES = 3.3
_PLOT = 5.2
_ROW = 0.3
_TICKS = 0.7
_ZERO = 1 / 16
"""Where a weight of 0 stands on the axis, which is logarithmic."""

_TOP = 8.0


def tune_chart(result: Tuned, *, date: datetime.date) -> Figure:
    """Draw the weights that were found.

    Args:
        result: the weights with the least and the most that the folds found.
        date: the day for the caption.

    Returns:
        A figure with a row a field: a dot for its weight on a logarithmic axis, with 0 at its left end, and a line from
        the least to the most of the folds.
    """
    moved = [path for path, weight in result.weights.items() if weight != 1]
    moved += [path for path, ends in result.ranges.items() if ends != (1, 1) and path not in moved]
    fields = (moved or list(result.weights))[:_FIELDS]
    tall = max(len(fields), 3) * _ROW
    low, high = result.interval
    gain = result.after - result.before
    title = f"Tuned, neighbours agree more on {result.target}: {_signed(gain)}" if low > 0 else (
        f"No weights make neighbours agree more on {result.target}"
    )  # fmt: skip
    figure = style.sheet(
        MARGIN + _NAMES + _PLOT + 0.9 + MARGIN, _TICKS + tall + 0.1, title,
        f"Agreement of the {result.k} nearest on {result.queries:,} held-out records: {result.before:.3f} with all "
        f"weights 1, {result.after:.3f} tuned; gain {_signed(gain)}, 95 % {_signed(low)} to {_signed(high)}. "
        f"Dots: the weights; lines: what {result.folds} folds found",
        result.basis.caption(), date,
    )  # fmt: skip
    if not fields:
        return style.no_data(figure, "Nothing to tune.")
    floor, left = BOTTOM + _TICKS, MARGIN + _NAMES
    axes = style.panel(figure, left, floor, _PLOT, tall)
    axes.set_xlim(math.log2(_ZERO) - 0.3, math.log2(_TOP) + 0.3)
    axes.set_ylim(0, tall)
    ticks = {math.log2(_ZERO): "0", **{math.log2(each): f"{each:g}" for each in (0.125, 0.25, 0.5, 1, 2, 4, 8)}}
    style.ruled(axes, "x", ticks, "weight")
    axes.axvline(0, color=GREY, linewidth=0.9)
    for number, path in enumerate(fields):
        middle = tall - (number + 0.5) * _ROW
        weight = result.weights[path]
        least, most = result.ranges[path]
        colour = BAR if weight == 1 else ACCENT
        axes.plot([_place(least), _place(most)], [middle, middle], color=BAR, linewidth=2.2, solid_capstyle="round")
        axes.plot([_place(weight)], [middle], marker="o", markersize=6, color=colour)
        name = shorten(path or "(whole)", _NAMES - 0.15, SMALL)
        style.write(figure, left - 0.1, floor + middle, name, SMALL, ha="right")
    left_out = len(result.weights) - len(fields)
    if left_out:
        own = f", {result.own_field} because it holds the target" if result.own_field else ""
        told = shorten(f"{left_out:,} more fields keep the weight 1{own}", _PLOT + _NAMES, SMALL)
        style.write(figure, MARGIN, floor - _TICKS, told, SMALL, colour=GREY)
    return figure


def _place(weight: float) -> float:
    return math.log2(min(max(weight, _ZERO), _TOP))


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")
