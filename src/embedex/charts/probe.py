"""A probe as dots with their intervals, side by side, against the baseline."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from matplotlib.lines import Line2D

from embedex.charts import style
from embedex.charts.lettering import shorten, width
from embedex.charts.scale import round_ticks
from embedex.charts.style import ACCENT, BODY, BOTTOM, GREY, INK, MARGIN, SMALL

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from embedex.results import Probe, Readout

_NAMES = 2.15
_PANEL = 3.7
_GAP = 0.75
_ROW = 0.56
_TICKS = 0.55
_LEGEND = 0.4
"""Room in inches: names at the left, each of the two panels and what is between them, a row, axes, the key on top."""

_SPREAD = 0.13
"""How far the two readouts of a row stand from its middle."""

_METHODS = {"neighbours": ("#4c7fb0", "o", _SPREAD), "linear": ("#17364f", "D", -_SPREAD)}
"""Colour, mark and place of each readout."""

_TOLD = {
    "balanced accuracy": "balanced accuracy: mean share of each class told right",
    "macro-F1": "macro-F1: mean F1 over classes",
    "R2": "R²: share of the variance told",
    "MAE": "mean absolute error, less is better",
}


def probe_chart(result: Probe, *, date: datetime.date) -> Figure:
    """Draw a probe.

    Args:
        result: the probe; its first two metrics are drawn.
        date: the day for the caption.

    Returns:
        A figure with a row for each side, in the order in which they were asked for, and a panel for each metric; a
        dot with its 95 % interval for each readout, and a dashed line for the baseline.
    """
    sides: dict[str, list[Readout]] = {}
    for each in result.readouts:
        if each.method != "baseline":
            sides.setdefault(each.name, []).append(each)
    baseline = next((each for each in result.readouts if each.method == "baseline"), None)
    rows = max(len(sides), 2) * _ROW
    guess = "the mean" if result.kind == "number" else "the largest class"
    figure = style.sheet(
        MARGIN + _NAMES + 2 * _PANEL + _GAP + 0.3 + MARGIN, _TICKS + rows + _LEGEND,
        f"How much of {result.target} can be read",
        f"Guessed for {result.count:,} records held out, five parts in turn; bars are 95 % intervals"
        f"{'; texts without that field' if result.blind else ''}",
        result.caption(), date,
    )  # fmt: skip
    if not sides or baseline is None:
        return style.no_data(figure, "Nothing was compared.")
    floor = BOTTOM + _TICKS
    middles = {name: rows - _ROW * (number + 0.5) for number, name in enumerate(sides)}
    for name, middle in middles.items():
        encoder = sides[name][0].encoder
        other = encoder != name
        room = _NAMES - 0.2
        up = 0.09 if other else 0
        style.write(
            figure, MARGIN, floor + middle + up, shorten(name, room, BODY, bold=True), BODY, bold=True, colour=INK
        )
        if other:
            style.write(figure, MARGIN, floor + middle - 0.1, shorten(encoder, room, SMALL), SMALL, colour=GREY)
        style.rule(
            figure, (MARGIN, figure.get_figwidth() - MARGIN), (floor + middle - _ROW / 2, floor + middle - _ROW / 2)
        )
    for number, metric in enumerate(result.metrics[:2]):
        axes = style.panel(figure, MARGIN + _NAMES + number * (_PANEL + _GAP), floor, _PANEL, rows)
        scores = [(middles[name], each) for name, each_side in sides.items() for each in each_side]
        _draw_metric(axes, scores, baseline, number, metric, rows)
    _draw_key(figure, floor + rows + 0.18, guess)
    return figure


def _draw_metric(
    axes: Axes, scores: Sequence[tuple[float, Readout]], baseline: Readout, number: int, metric: str, rows: float
) -> None:
    every = [baseline, *(each for _, each in scores)]
    ends = [end for each in every for end in (each.scores[number].low, each.scores[number].high) if math.isfinite(end)]
    low, high = min([0.0, *ends]), max(ends, default=1.0)
    if metric != "MAE":
        high = 1.0
    low = max(low, -1.0) if metric == "R2" else low
    span = (high - low) or 1.0
    axes.set_xlim(low - 0.02 * span, high + 0.02 * span)
    axes.set_ylim(0, rows)
    style.ruled(axes, "x", round_ticks(low, high, 5), _TOLD.get(metric, metric))
    axes.axvline(baseline.scores[number].value, color=ACCENT, linewidth=1.3, linestyle=(0, (4, 3)), zorder=1)
    for middle, each in scores:
        colour, shape, up = _METHODS[each.method]
        score = each.scores[number]
        y = middle + up
        axes.plot([score.low, score.high], [y, y], color=colour, linewidth=1.6, solid_capstyle="butt", zorder=2)
        better = each.gains[number].low > 0
        axes.plot(
            [score.value], [y], marker=shape, markersize=6, color=colour, markerfacecolor=colour if better else "white",
            markeredgewidth=1.4, zorder=3,
        )  # fmt: skip


def _draw_key(figure: Figure, y: float, guess: str) -> None:
    x = MARGIN + _NAMES
    for method, told in (("neighbours", "nearest neighbours"), ("linear", "linear")):
        colour, shape, _ = _METHODS[method]
        key = Line2D([x + 0.06], [y], marker=shape, markersize=6, color=colour, linewidth=0)
        key.set_transform(figure.dpi_scale_trans)
        figure.add_artist(key)
        style.write(figure, x + 0.2, y, told, SMALL)
        x += 0.2 + width(told, SMALL) + 0.3
    style.rule(figure, (x, x + 0.3), (y, y), colour=ACCENT, width=1.3, dashed=True)
    told = f"baseline: {guess} · hollow: that score not better than it"
    style.write(figure, x + 0.38, y, told, SMALL)
