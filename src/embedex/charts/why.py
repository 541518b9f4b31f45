"""Why two records are close: a bar for what each field adds to their score, and a square of the pairs of fields."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.colors import TwoSlopeNorm

from embedex.charts import style
from embedex.charts.lettering import shorten
from embedex.charts.pictures import draw_portrait
from embedex.charts.scale import round_ticks
from embedex.charts.style import ACCENT, BAR, BODY, BOTTOM, GREY, INK, MARGIN, RULE, SMALL

if TYPE_CHECKING:
    import datetime

    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from embedex.results import Why

_FIELDS = 10
"""The most fields that have a row of their own; the others share one."""

_NAMES = 3.1
_BARS = 4.0
_TOLD = 1.25
"""Widths: the fields' names, the bars, and what is written behind them."""

_ROW = 0.36
_CELL = 0.47
_HEAD = 0.95
"""The portraits above the bars, and the heads of the square's columns."""

_TICKS = 0.5
_LEAST_SCORE = 0.05
"""Below this, shares of the score say nothing: parts cancel out."""


def why_chart(result: Why, *, date: datetime.date) -> Figure:
    """Draw what each field adds to the score of two records.

    Args:
        result: the score in its parts. Beyond `_FIELDS` fields those that matter least share one row.
        date: the day for the caption.

    Returns:
        A figure with a row a field, numbered: its bar from zero, and at the right the row of the square of pairs, in
        which the columns are the other record's fields by their numbers.
    """
    one, other = style.label(result.one), style.label(result.other)
    names, cells = _rows(result)
    adds = (cells.sum(axis=0) + cells.sum(axis=1)) / 2
    score = result.score
    tall = max(len(names), 3) * _ROW
    square = len(names) * _CELL
    shares = bool(names) and score > _LEAST_SCORE
    title = f"What {one} and {other} share, field by field"
    others = len(result.fields) > _FIELDS + 1
    own = adds[:_FIELDS] if others else adds  # the row of the others is no field
    most = int(np.argmax(np.abs(own))) if names else 0
    if names and own[most]:
        part = float(own[most])
        does = f"{'adds' if part > 0 else 'takes'} {_number(abs(part))}"
        # "of" only where it is a part of the whole: others take away, and a field can add more than the score
        where = f"of the {_number(score)} of {one} and {other}"
        if not 0 < part <= score:
            where = f"{'to' if part > 0 else 'from'} the score of {one} and {other}, {_number(score)}"
        title = f"{names[most]} {does} {where}"
    figure = style.sheet(
        MARGIN + _NAMES + _BARS + _TOLD + square + 0.3 + MARGIN, _TICKS + tall + _HEAD, title,
        f"What each field adds to the {result.basis.measure} of {_number(score)}, and each pair of fields: a row for a "
        f"field of {one}, a column for one of {other}",
        result.basis.caption(), date,
    )  # fmt: skip
    if not names:
        return style.no_data(figure, "Nothing to compare: no field says anything.")
    floor, left = BOTTOM + _TICKS, MARGIN + _NAMES
    portraits = floor + tall + 0.5
    for place, item in ((left - 1.75, result.one), (left - 0.85, result.other)):
        draw_portrait(figure, item, place, portraits, 0.75)
    style.write(
        figure, left + 0.05, portraits + 0.1, shorten(f"{one} + {other}", _BARS, BODY, bold=True), BODY, bold=True
    )
    style.write(figure, left + 0.05, portraits - 0.12, f"{result.basis.measure} {_number(score)}", SMALL, colour=GREY)

    low, high = min(0.0, 1.1 * float(adds.min())), max(0.0, 1.02 * float(adds.max())) or 1.0
    axes = style.panel(figure, left, floor, _BARS, tall)
    axes.set_xlim(low, high)
    axes.set_ylim(0, tall)
    style.ruled(axes, "x", round_ticks(low, high, 6), f"adds to the {result.basis.measure}")
    unit = _BARS / (high - low)
    zero = left - low * unit
    style.rule(figure, (zero, zero), (floor, floor + tall), colour=GREY, width=0.8, zorder=3)
    for number, (name, value) in enumerate(zip(names, adds.tolist(), strict=True)):
        middle = tall - (number + 0.5) * _ROW
        last = others and number == _FIELDS
        stands_out = number == most and bool(own[most])
        colour = ACCENT if stands_out else RULE if last else BAR
        axes.barh(middle, value, 0.6 * _ROW, color=colour, linewidth=0, zorder=2)
        text = shorten(name, _NAMES - 0.5, SMALL, bold=stands_out)
        style.write(
            figure, left - 0.12 - 0.28, floor + middle, text, SMALL, ha="right", colour=GREY if last else INK,
            bold=stands_out,
        )  # fmt: skip
        style.write(figure, left - 0.12, floor + middle, str(number + 1), SMALL, colour=GREY, ha="right")
        share = f"{value / score:.0%}".replace("-", "−") if shares else "0%"
        told = f"{_signed(value)}{f' · {share}' if share not in ('0%', '−0%') else ''}"
        style.write(figure, zero + max(value, 0.0) * unit + 0.07, floor + middle, told, SMALL, on_white=True)
    _draw_square(figure, cells, left + _BARS + _TOLD, floor, tall)
    return figure


def _rows(result: Why) -> tuple[list[str], NDArray[np.float64]]:
    """The fields that have a row, and what their pairs add; the others as one."""
    matrix = np.asarray(result.matrix, np.float64)
    fields = [each or "(whole)" for each in result.fields]
    if len(fields) <= _FIELDS + 1:
        return fields, matrix
    adds = result.by_field
    most = np.sort(np.argsort(-np.abs(adds), kind="stable")[:_FIELDS])
    group = np.full(len(fields), _FIELDS)
    group[most] = np.arange(_FIELDS)
    gather = np.eye(_FIELDS + 1)[group]
    return [*(fields[each] for each in most), f"{len(fields) - _FIELDS:,} other fields"], gather.T @ matrix @ gather


def _draw_square(figure: Figure, cells: NDArray[np.float64], left: float, floor: float, tall: float) -> None:
    count = len(cells)
    bottom = floor + tall - count * _ROW
    axes = style.panel(figure, left, bottom, count * _CELL, count * _ROW)
    most = float(np.abs(cells).max()) or 1.0
    colours, norm = mpl.colormaps["RdBu_r"], TwoSlopeNorm(0, -most, most)
    axes.set_xlim(0, count)
    axes.set_ylim(count, 0)
    axes.pcolormesh(
        np.arange(count + 1), np.arange(count + 1), cells, cmap=colours, norm=norm, edgecolors="white", linewidth=1.2
    )
    for row in range(count):
        for column in range(count):
            value = float(cells[row, column])
            if abs(value) < 0.0005:
                continue
            dark = abs(value) > 0.6 * most
            style.write(
                figure, left + (column + 0.5) * _CELL, floor + tall - (row + 0.5) * _ROW, _signed(value, plus=False),
                6.5, ha="center", colour="#ffffff" if dark else INK,
            )  # fmt: skip
    for column in range(count):
        style.write(
            figure, left + (column + 0.5) * _CELL, floor + tall + 0.13, str(column + 1), SMALL, ha="center", colour=GREY
        )


def _number(value: float) -> str:
    return f"{value:.3f}".replace("-", "−")


def _signed(value: float, *, plus: bool = True) -> str:
    text = f"{value:{'+' if plus else ''}.3f}"
    return "0.000" if float(text) == 0 else text.replace("-", "−")
