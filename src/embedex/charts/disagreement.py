"""Pairs that are close in text and far in picture, and the reverse: two pictures a row, with both percentiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedex.charts import style
from embedex.charts.lettering import shorten
from embedex.charts.pictures import draw_portrait
from embedex.charts.style import BODY, GREY, MARGIN, RULE, SMALL

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from embedex.results import Disagreement, PairHit

_TEXT, _PICTURE = "#2f6f9f", "#d07a1f"
"""Blue and orange are told apart by everybody."""

_MOST = 8
_ROW = 0.74
_PORTRAIT = 0.74
_NAME = 1.45
_AXIS = 3.1
_GAP = 0.55
_BLOCK = 2 * _PORTRAIT + _NAME + _AXIS + 0.3
_TICKS, _HEADING = 0.55, 0.42


def disagreement_chart(result: Disagreement, *, date: datetime.date) -> Figure:
    """Draw the pairs on which texts and pictures disagree most.

    Args:
        result: the pairs; more than eight of a kind are left out.
        date: the day for the caption.

    Returns:
        A figure with a block for each kind: a row a pair, with both portraits and a dot for each percentile.
    """
    blocks = [
        ("Close in text, far in picture", result.near_in_text[:_MOST]),
        ("Close in picture, far in text", result.near_in_image[:_MOST]),
    ]
    blocks = [block for block in blocks if block[1]]
    rows = max((len(pairs) for _, pairs in blocks), default=3)
    shared = f"{result.overlap * result.neighbours:.1f} of the {result.neighbours} nearest are the same on both sides"
    figure = style.sheet(
        MARGIN + max(1, len(blocks)) * (_BLOCK + _GAP) - _GAP + MARGIN, _TICKS + rows * _ROW + _HEADING,
        "Where text and picture disagree",
        f"Of the pairs that are close on one side, those farthest apart on the other · on average {shared}",
        result.basis.caption(), date,
    )  # fmt: skip
    if not blocks:
        return style.no_data(figure, "Nothing to show: no pair is closer on one side than on the other.")
    for number, (heading, pairs) in enumerate(blocks):
        _draw_block(figure, MARGIN + number * (_BLOCK + _GAP), rows, heading, pairs)
    return figure


def _draw_block(figure: Figure, left: float, rows: int, heading: str, pairs: Sequence[PairHit]) -> None:
    floor = style.BOTTOM + _TICKS + (rows - len(pairs)) * _ROW
    top = floor + len(pairs) * _ROW
    axis_left = left + 2 * _PORTRAIT + _NAME + 0.15
    style.write(figure, left, top + 0.2, heading, BODY + 1, bold=True)
    for word, colour, at in (("text", _TEXT, 0.0), ("picture", _PICTURE, 0.72)):
        style.write(figure, axis_left + at, top + 0.2, "●", BODY, colour=colour)
        style.write(figure, axis_left + at + 0.16, top + 0.2, word, SMALL, colour=GREY)
    axes = style.panel(figure, axis_left, floor, _AXIS, len(pairs) * _ROW)
    axes.set_xlim(-4, 104)
    axes.set_ylim(0, len(pairs) * _ROW)
    style.ruled(axes, "x", {each: f"{each:g}" for each in (0.0, 25.0, 50.0, 75.0, 100.0)}, "percentile among all pairs")
    for number, pair in enumerate(pairs):
        middle = (len(pairs) - number - 0.5) * _ROW
        y = floor + middle
        if number:
            style.rule(figure, (left, left + _BLOCK), (y + _ROW / 2, y + _ROW / 2), colour=RULE, width=0.5)
        for place, item in enumerate((pair.first, pair.second)):
            draw_portrait(figure, item, left + (place + 0.5) * _PORTRAIT, y, 0.66)
            name = shorten(style.label(item), _NAME - 0.05, BODY, bold=True)
            style.write(figure, left + 2 * _PORTRAIT + 0.05, y + 0.11 - 0.22 * place, name, BODY, bold=True)
        ends = ((pair.text_percentile, _TEXT), (pair.image_percentile, _PICTURE))
        axes.plot([end for end, _ in ends], [middle, middle], color="#c4cad1", linewidth=2, zorder=2)
        low = min(end for end, _ in ends)
        for end, colour in ends:
            axes.plot([end], [middle], marker="o", markersize=8, color=colour, zorder=3, clip_on=False)
            # Both numbers inside the axis, above the line that joins the dots.
            at = axis_left + (end + 4) / 108 * _AXIS
            style.write(
                figure, at, y + 0.19, f"{end:.1f}", SMALL, colour=colour, bold=True,
                ha="left" if end == low else "right",
            )  # fmt: skip
