"""How long the documents of a collection are, what each context length would cut, and where the tokens go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedex.charts import style
from embedex.charts.lettering import shorten, width
from embedex.charts.style import BAR, BODY, BOTTOM, GREY, INK, MARGIN, SMALL
from embedex.results import TOKEN_LIMITS, counted

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from embedex.results import TokenCounts, TokenReport

_COLOURS = ("#2f6f9f", "#d07a1f", "#117733", "#882255")
"""Blue and orange are told apart by everybody; few reports hold more than two tokenizers."""

_LEFT = MARGIN + 0.55
_PLOT = 7.6
_HEIGHT = 3.3
_PATHS = 2.95
_BARS = 2.3
_TICKS = 0.5
_SHOWN_PATHS = 10
_MOST_LINEAR = 12_000
"""Up to so many tokens the axis is linear: beyond, the limits would stand on one spot."""


def token_histogram(report: TokenReport, *, date: datetime.date) -> Figure:
    """Draw a token report.

    Args:
        report: the counts of one or more tokenizers, and the tokens of each JSON path.
        date: the day for the caption.

    Returns:
        A figure with the distributions on one axis at the left, their medians and the context limits with the
        share that each cuts, and the ten JSON paths with the most tokens at the right.
    """
    shown = [each for each in report.tokenizers if len(each.counts)]
    lines = max(len(shown), 1)
    head = 0.3 + 0.17 * lines
    names = " + ".join(each.tokenizer for each in report.tokenizers) or "no tokenizer"
    at_right = 0.55 + _PATHS + _BARS + 0.6 if report.by_path else 0.0
    figure = style.sheet(
        _LEFT + _PLOT + at_right + MARGIN, _TICKS + _HEIGHT + head,
        f"Tokens in each record of {report.collection}",
        "How long the documents are, and what a context length would cut",
        f"{report.collection} · tokens by {names} · {counted(len(report.ids))}", date,
    )  # fmt: skip
    if not shown:
        return style.no_data(figure, "No document to count tokens of.")
    _draw_distributions(figure, shown, head)
    if report.by_path:
        _draw_paths(figure, report.by_path, shown[0].tokenizer, head)
    return figure


def _draw_distributions(figure: Figure, shown: Sequence[TokenCounts], head: float) -> None:
    floor = BOTTOM + _TICKS
    axes = style.panel(figure, _LEFT, floor, _PLOT, _HEIGHT)
    most = max(int(each.counts.max()) for each in shown)
    least = min(int(each.counts.min()) for each in shown)
    logarithmic = most > _MOST_LINEAR
    near = [limit for limit in TOKEN_LIMITS if limit < 1.5 * most]
    end = 1.04 * max([most, *near])
    start = max(1.0, 0.8 * min(least, TOKEN_LIMITS[0])) if logarithmic else 0.0
    if logarithmic:
        axes.set_xscale("log", base=2)
        axes.minorticks_off()
        edges: NDArray[np.float64] = np.geomspace(start, end, 61)
        ticks = [float(2**power) for power in range(40) if start <= 2**power <= end]
        ticks = ticks[:: 1 + len(ticks) // 12]
    else:
        edges = np.linspace(start, end, 61)
        step = _step(end)
        ticks = [float(each) for each in np.arange(0, end, step)]
    heights = [np.histogram(each.counts, edges)[0] for each in shown]
    tallest = max(int(each.max()) for each in heights)
    room = 0.26 * len(shown) + 0.1  # for the medians' labels, one line each
    top = tallest * _HEIGHT / (_HEIGHT - room)
    axes.set_xlim(start, end)
    axes.set_ylim(0, top)
    style.ruled(
        axes,
        "x",
        {each: f"{each:,.0f}" for each in ticks},
        f"tokens in a document{', logarithmic axis' if logarithmic else ''}",
    )
    upright = _step(tallest, 5)
    style.ruled(axes, "y", {float(y): f"{y:,.0f}" for y in np.arange(0, tallest + 1, upright)}, "documents")
    axes.xaxis.grid(visible=False)

    def place(value: float) -> float:
        """Inches from the figure's left edge."""
        if logarithmic:
            return _LEFT + _PLOT * float(np.log(max(value, start) / start) / np.log(end / start))
        return _LEFT + _PLOT * (value - start) / (end - start)

    for number, (each, height) in enumerate(zip(shown, heights, strict=True)):
        colour = _COLOURS[number % len(_COLOURS)]
        axes.stairs(height, edges, fill=True, color=colour, alpha=0.22, linewidth=0)
        axes.stairs(height, edges, color=colour, linewidth=1.4)
        level = floor + _HEIGHT - 0.12 - 0.26 * number
        x = place(each.median)
        style.rule(figure, (x, x), (floor, level + 0.06), colour=colour, width=1.4)
        told = f"{each.tokenizer} ({each.kind}): median {each.median:,.0f}"
        told = shorten(told, 0.6 * _PLOT, SMALL, bold=True)
        long = width(told, SMALL, bold=True) + 0.08
        # the lower median's label stands to the left of its line, so that it does not cross the other's
        lowest = len(shown) > 1 and each.median == min(other.median for other in shown)
        to_left = x - long > _LEFT if lowest else x + long > _LEFT + _PLOT
        style.write(
            figure, x - 0.08 if to_left else x + 0.08, level, told, SMALL, bold=True, colour=colour,
            ha="right" if to_left else "left", on_white=True,
        )  # fmt: skip

    above = floor + _HEIGHT + head - 0.1
    for limit in near:
        x = place(limit)
        style.rule(figure, (x, x), (floor, floor + _HEIGHT), colour=GREY, width=0.9, dashed=True)
        style.write(figure, x, above, f"{limit:,}", SMALL, bold=True, ha="center")
        for number, each in enumerate(shown):
            colour = _COLOURS[number % len(_COLOURS)]
            style.write(
                figure, x, above - 0.17 * (number + 1), f"cuts {_share(each.share_over(limit))}", SMALL,
                colour=colour, ha="center",
            )  # fmt: skip
    beyond = [f"{limit:,}" for limit in TOKEN_LIMITS if limit not in near]
    if beyond:
        style.write(
            figure,
            _LEFT + _PLOT,
            above,
            f"{', '.join(beyond)} {'cuts' if len(beyond) == 1 else 'cut'} none",
            SMALL,
            colour=GREY,
            ha="right",
        )


def _draw_paths(figure: Figure, by_path: Sequence[tuple[str, int]], tokenizer: str, head: float) -> None:
    left = _LEFT + _PLOT + 0.55
    floor = BOTTOM + _TICKS
    total = sum(count for _, count in by_path) or 1
    style.write(figure, left, floor + _HEIGHT + head - 0.1, "JSON paths with the most tokens", BODY, bold=True)
    told = shorten(f"share of all, {tokenizer}", _PATHS + _BARS, SMALL)
    style.write(figure, left, floor + _HEIGHT + head - 0.3, told, SMALL, colour=GREY)
    rows = list(by_path[:_SHOWN_PATHS])
    rest = by_path[_SHOWN_PATHS:]
    shares = [count / total for _, count in rows]
    colours = [BAR] * len(rows)
    if rest:
        rows.append((f"{len(rest):,} other paths", sum(count for _, count in rest)))
        shares.append(rows[-1][1] / total)
        colours.append(style.RULE)
    tall = _HEIGHT / (_SHOWN_PATHS + 1)
    axes = style.panel(figure, left + _PATHS, floor, _BARS, _HEIGHT)
    axes.set_xlim(0, max(shares) or 1)
    axes.set_ylim(0, _HEIGHT)
    middles = [_HEIGHT - tall * (number + 0.5) for number in range(len(rows))]
    axes.barh(middles, shares, 0.62 * tall, color=colours, linewidth=0)
    for (path, _), share, middle, colour in zip(rows, shares, middles, colours, strict=True):
        ink = INK if colour == BAR else GREY
        name = shorten(path, _PATHS - 0.15, SMALL)
        style.write(figure, left + _PATHS - 0.1, floor + middle, name, SMALL, colour=ink, ha="right")
        end = left + _PATHS + _BARS * share / (max(shares) or 1)
        style.write(figure, end + 0.07, floor + middle, _share(share), SMALL, colour=ink)


def _share(share: float) -> str:
    """A share as people write it: never 0 % or 100 % when it is not."""
    if share in (0, 1):
        return f"{share:.0%}"
    if share < 0.001 or share > 0.999:
        return "< 0.1%" if share < 0.5 else "> 99.9%"
    return f"{share:.1%}"


def _step(end: float, most: int = 10) -> float:
    """A round step that divides an axis into at most `most` parts."""
    power = 1.0
    while True:
        for each in (1.0, 2.0, 5.0):
            if each * power * most >= end:
                return each * power
        power *= 10
