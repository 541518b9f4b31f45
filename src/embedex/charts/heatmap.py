"""All pairs of a collection as one square of colours."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from PIL import Image

from embedex.charts import style
from embedex.charts.lettering import LINE, shorten, width
from embedex.charts.pictures import Picture, Pixels
from embedex.charts.scale import round_ticks
from embedex.charts.style import BOTTOM, MARGIN, SMALL
from embedex.results import counted

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterator, Sequence

    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from embedex.results import Pairs

_QUANTILES = (0.01, 0.995)
"""Colours run between these quantiles of the pairs: the few extreme ones would leave the rest in one tone."""

_SIDE = 7.0
"""The square's side in inches; the figure's resolution is what gives each cell a whole number of pixels."""

_LEAST_DPI = 120
_MOST_PX = 2000
_VECTOR_PX = 1600
"""In an SVG a cell is so many times its size that the square has at least so many pixels: viewers blur them."""

_SAMPLE = 250_000
_BLOCK = 256
_LONGEST_NAME = 1.5
_MISSING = (217, 217, 217, 255)
_NAMED_CELL = LINE * SMALL
"""A cell of so many inches leaves room for the name of its record."""


def heatmap(pairs: Pairs, *, date: datetime.date) -> Figure:
    """Draw all pairs.

    Args:
        pairs: the square of scores; cells that are not finite are grey.
        date: the day for the caption.

    Returns:
        A figure in which a cell is a whole number of pixels, at least one, up to 2,000 records; viridis for
        text and maps, inferno for pictures. Takes four bytes a cell beside the matrix.
    """
    size = len(pairs.matrix)
    cell_px = math.ceil(_LEAST_DPI * _SIDE / max(size, 1))
    dpi = min(size * cell_px, _MOST_PX) / _SIDE if size else style.DPI
    side = _SIDE
    spans = list(_spans(pairs.groups, size))
    named = bool(pairs.items) and side / size >= _NAMED_CELL
    lines = [(style.label(item), at, at + 1) for at, item in enumerate(pairs.items)] if named else spans
    longest = max((width(name, SMALL) for name, _, _ in lines), default=0.0)
    names = min(longest, _LONGEST_NAME) + 0.15 if lines else 0.0
    below = names * (1 if named else 0.71) + 0.15 if lines else 0.1
    above = 0.3 if named and spans else 0.1
    low, high = _limits(pairs.matrix)
    each = "one cell a pair" if pairs.count <= size else "each cell the mean over a tile of pairs"
    figure = style.sheet(
        MARGIN + names + side + 1.35 + MARGIN, below + side + above,
        f"How similar {counted(pairs.count)} are to one another",
        f"All pairs {style.BY[pairs.basis.by]}, {each}",
        pairs.basis.caption(), date, dpi=dpi,
    )  # fmt: skip
    if not size:
        return style.no_data(figure, "No pairs to show.")
    left, floor = MARGIN + names, BOTTOM + below
    colours = mpl.colormaps["inferno" if pairs.basis.by == "image" else "viridis"]
    figure.add_artist(Picture((left, floor, side, side), _painter(_paint(pairs.matrix, colours, low, high))))
    _separate(figure, spans, left, floor, side, side / size)
    _name_lines(figure, lines, left, floor, side, side / size, upright=named)
    if named:
        _name_above(figure, spans, left, floor + side + 0.12, side / size)

    bar_box = style.panel(figure, left + side + 0.3, floor, 0.17, side)
    mappable = ScalarMappable(Normalize(low, high), colours)
    bar = figure.colorbar(mappable, cax=bar_box, extend="both", extendfrac=0.025)
    bar.outline.set_visible(False)
    bar.ax.minorticks_off()
    lower = ", lower is closer" if pairs.basis.measure == "distance" else ""
    told = f"{pairs.basis.measure}{lower} · colours from the 1st to the 99.5th percentile of pairs"
    style.ruled(bar.ax, "y", round_ticks(low, high, 7), told)
    bar.ax.yaxis.grid(visible=False)
    return figure


def _spans(groups: Sequence[tuple[str, int]], size: int) -> Iterator[tuple[str, int, int]]:
    starts = [start for _, start in groups]
    for (name, start), end in zip(groups, [*starts, size][1:], strict=True):
        yield name or "no group", start, end


def _limits(matrix: NDArray[np.float32]) -> tuple[float, float]:
    """Where the colours begin and end, from at most `_SAMPLE` cells off the diagonal."""
    size = len(matrix)
    rows = np.arange(0, size, 1 + size * size // _SAMPLE)
    sample = matrix[rows]
    cells = sample[np.isfinite(sample) & (np.arange(size) != rows[:, None])]
    if not cells.size:
        return 0.0, 1.0
    low, high = (float(each) for each in np.quantile(cells, _QUANTILES))
    return (low, high) if high > low else (low - 0.01, high + 0.01)


def _paint(matrix: NDArray[np.float32], colours: mpl.colors.Colormap, low: float, high: float) -> Pixels:
    """The matrix in colours, by blocks of rows, so that no second one of floats is held."""
    table = np.vstack([colours(np.arange(256), bytes=True), _MISSING]).astype(np.uint8)
    painted = np.empty((*matrix.shape, 4), dtype=np.uint8)
    for start in range(0, len(matrix), _BLOCK):
        block = matrix[start : start + _BLOCK]
        level = np.clip((block - low) * (256 / (high - low)), 0, 255)
        painted[start : start + _BLOCK] = table[np.where(np.isfinite(block), np.nan_to_num(level), 256).astype(np.intp)]
    return painted


def _painter(painted: Pixels) -> Callable[[int | None], Pixels]:
    """Gives the square in any size: every cell the same whole number of pixels where that is possible."""

    def pixels(side_px: int | None) -> Pixels:
        size = len(painted)
        cell_px, uneven = divmod(side_px, size) if side_px else (math.ceil(_VECTOR_PX / size), 0)
        if cell_px and not uneven:
            return painted.repeat(cell_px, axis=0).repeat(cell_px, axis=1) if cell_px > 1 else painted
        resampling = Image.Resampling.NEAREST if cell_px else Image.Resampling.BOX
        return np.asarray(Image.fromarray(painted).resize((side_px or size, side_px or size), resampling))

    return pixels


def _separate(
    figure: Figure, spans: Sequence[tuple[str, int, int]], left: float, floor: float, side: float, cell: float
) -> None:
    """A thin white line between groups."""
    for _, start, _ in spans[1:]:
        x, y = left + start * cell, floor + side - start * cell
        style.rule(figure, (x, x), (floor, floor + side), colour="#ffffff", width=0.6, zorder=3)
        style.rule(figure, (left, left + side), (y, y), colour="#ffffff", width=0.6, zorder=3)


def _name_above(figure: Figure, spans: Sequence[tuple[str, int, int]], left: float, y: float, cell: float) -> None:
    """The names of groups over their columns, where records have theirs at the left and below."""
    for name, start, end in spans:
        room = (end - start) * cell - 0.06
        if width("…", SMALL) < room:
            text = shorten(name, room, SMALL)
            style.write(figure, left + (start + end) / 2 * cell, y, text, SMALL, colour=style.GREY, ha="center")


def _name_lines(
    figure: Figure,
    lines: Sequence[tuple[str, int, int]],
    left: float,
    floor: float,
    side: float,
    cell: float,
    *,
    upright: bool,
) -> None:
    """A name in the middle of each span, at the left and below, the larger span first where names would touch."""
    free = LINE * SMALL
    taken: list[float] = []
    for name, start, end in sorted(lines, key=lambda span: span[1] - span[2]):
        middle = (start + end) / 2 * cell
        if any(abs(middle - each) < free - 1e-9 for each in taken):
            continue
        taken.append(middle)
        text = shorten(name, _LONGEST_NAME, SMALL)
        style.write(figure, left - 0.08, floor + side - middle, text, SMALL, ha="right")
        below = left + middle + (0 if upright else 0.04)
        style.write(figure, below, floor - 0.1, text, SMALL, ha="right", rotation=90 if upright else 45)
