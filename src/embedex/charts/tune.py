"""The weights of fields that a search found, how far its folds agree, and what they gain on held-out records."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from embedex.charts import style
from embedex.charts.lettering import shorten
from embedex.charts.style import ACCENT, BAR, BOTTOM, GREY, MARGIN, SMALL

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

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
    if all(weight == 1 for weight in result.weights.values()):
        title = f"No weights but 1 make neighbours agree more on {result.target}"
    elif low > 0:
        title = f"Tuned, neighbours agree more on {result.target}: {_signed(gain)}"
    else:
        title = f"Weights kept for {result.target}, but no sure gain on held-out records"
    ends = result.ranges
    beyond = sum(not ends[path][0] <= weight <= ends[path][1] for path, weight in result.weights.items())
    lie = f"; {beyond:,} {'lies' if beyond == 1 else 'lie'} outside {'its' if beyond == 1 else 'their'} line"
    figure = style.sheet(
        MARGIN + _NAMES + _PLOT + 0.9 + MARGIN, _TICKS + tall + 0.1, title,
        f"Agreement of the {result.k} nearest on {result.queries:,} held-out records: {result.before:.3f} with all "
        f"weights 1, {result.after:.3f} tuned; gain {_signed(gain)}, 95 % {_signed(low)} to {_signed(high)}. "
        f"Dots: weights found on all records; lines: what {result.folds} folds found on theirs{lie if beyond else ''}",
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
        if least == most != weight:  # a line without length would not be seen
            axes.plot([_place(least)], [middle], marker="|", markersize=9, markeredgewidth=2.2, color=BAR)
        axes.plot([_place(weight)], [middle], marker="o", markersize=6, color=colour)
        name = shorten(path or "(whole)", _NAMES - 0.15, SMALL)
        style.write(figure, left - 0.1, floor + middle, name, SMALL, ha="right")
    told = _left_out(result, [path for path in result.weights if path not in fields], moved)
    style.write(figure, MARGIN, floor - _TICKS, shorten(told, _PLOT + _NAMES, SMALL), SMALL, colour=GREY)
    return figure


def _left_out(result: Tuned, paths: Sequence[str], moved: Sequence[str]) -> str:
    """What becomes of the fields that have no row."""
    kept = sum(path not in moved for path in paths)
    told = []
    if kept:
        own = f", {result.own_field} because it holds the target" if result.own_field in paths else ""
        told.append(f"{kept:,} more {'field keeps' if kept == 1 else 'fields keep'} the weight 1{own}")
    if kept < len(paths):
        told.append(f"without a row, though the weight is not 1 in all folds: {len(paths) - kept:,}")
    return " · ".join(told)


def _place(weight: float) -> float:
    return math.log2(min(max(weight, _ZERO), _TOP))


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")
