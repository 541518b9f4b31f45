"""The one style of all charts: sizes, colours, the sheet with its title and caption, and how it is saved.

Lengths are inches from the figure's lower left corner; sizes of text are points. Nothing is laid out
automatically: that is what makes matplotlib slow, and it lets things collide.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, Literal

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from embedex.charts.lettering import LINE, drawable, font, has_shape, shorten, wrap
from embedex.charts.lettering import width as text_width
from embedex.files import atomic_write

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.text import Text

    from embedex.results import By, Item

DPI = 150
MARGIN = 0.35
"""What is kept free at the left and right edge, in inches."""

TITLE, BODY, SMALL = 15.0, 9.5, 8.0

INK = "#1b2026"
GREY = "#5b6671"
RULE = "#dde2e8"
BAR = "#9db2c7"
ACCENT = "#c2452d"

BY: Mapping[By, str] = {
    "text": "by text", "image": "by picture", "fused": "by text and picture", "map": "by place in the map",
}  # fmt: skip

_DISCS = (
    "#cc6677", "#332288", "#ddaa33", "#117733", "#66bbe6", "#882255",
    "#44aa99", "#999933", "#aa4499", "#555555",
)  # fmt: skip
"""Paul Tol's "muted" scheme, told apart in every common colour blindness; two pale tones made stronger."""

_TRIANGLES = (
    "#8a3a49", "#8f86c9", "#8f6a14", "#7cc08f", "#2a6f93", "#c98aa9",
    "#1f6358", "#5c5c12", "#d9a0cf", "#111111",
)  # fmt: skip
"""The same hues, the light ones dark and the dark ones light."""

_RC_LOCK = threading.Lock()


@dataclass(frozen=True, slots=True)
class Mark:
    """How the records of one group are marked."""

    colour: str
    shape: str


OTHER = Mark("#c4cad1", "o")
"""The mark of what has no group, or no mark of its own."""

OWN_MARKS = tuple(Mark(each, "o") for each in _DISCS) + tuple(Mark(each, "^") for each in _TRIANGLES)
"""Twenty marks that are told apart: ten colours as discs, then ten as triangles. More groups are grey."""


def label(item: Item) -> str:
    """What a chart calls a record: its name, or its id where the name is empty or cannot be drawn."""
    for text in (item.name, item.id):
        if has_shape(text):
            return drawable(text)
    return drawable(item.name) or "(no name)"


def sheet(
    width: float,
    height: float,
    title: str,
    subtitle: str,
    told: str,
    date: datetime.date,
    *,
    dpi: float = DPI,
) -> Figure:
    """A white figure with title, subtitle and caption in their places.

    Args:
        width: of the whole figure.
        height: of the chart alone, which has the room between `BOTTOM` and ``BOTTOM + height``.
        title: the answer in words; at most two lines.
        subtitle: how to read the chart; at most two lines.
        told: what the chart rests on.
        date: the day.
        dpi: pixels an inch.
    """
    room = width - 2 * MARGIN
    titles = wrap(title, room, TITLE, lines=2, bold=True) or [""]
    subtitles = wrap(subtitle, room, BODY, lines=2) or [""]
    below_title = 0.32 + len(titles) * LINE * TITLE
    top = below_title + len(subtitles) * LINE * BODY + 0.18
    figure = Figure(figsize=(width, BOTTOM + height + top), dpi=dpi, facecolor="white")
    figure.set_layout_engine("none")
    FigureCanvasAgg(figure)
    whole = BOTTOM + height + top
    write(figure, MARGIN, whole - 0.28, titles, TITLE, bold=True, va="top")
    write(figure, MARGIN, whole - below_title, subtitles, BODY, colour=GREY, va="top")
    caption(figure, told, date)
    return figure


BOTTOM = 0.6
"""Room for the caption, in inches."""


def caption(figure: Figure, told: str, date: datetime.date) -> Text:
    """Write what the chart rests on, and the day, along the lower edge in at most two lines.

    A caption that is longer loses its end to an ellipsis, never the date.
    """
    room = float(figure.get_figwidth()) - 2 * MARGIN
    ending = f" · {date.isoformat()}"
    *lines, last = wrap(told, room, SMALL, lines=2) or [""]
    if text_width(last + ending, SMALL) <= room:
        lines.append(last + ending)
    elif lines:
        lines.append(shorten(last, room - text_width(ending, SMALL), SMALL) + ending)
    else:
        lines = [last, date.isoformat()]
    return write(figure, MARGIN, 0.17, lines, SMALL, colour=GREY, va="bottom")


def write(
    figure: Figure,
    x: float,
    y: float,
    text: str | Sequence[str],
    size: float,
    *,
    colour: str = INK,
    bold: bool = False,
    ha: Literal["left", "center", "right"] = "left",
    va: Literal["top", "center", "bottom", "baseline", "center_baseline"] = "center_baseline",
    rotation: float = 0,
    on_white: bool = False,
    halo: bool = False,
    zorder: float = 5,
) -> Text:
    """Write one line, or several, at a place in inches. No character in the text can do harm.

    With `on_white`, lines do not run through it; with `halo`, it stands out from dots.
    """
    lines = [text] if isinstance(text, str) else text
    effects = [withStroke(linewidth=2.5, foreground="white")] if halo else None
    return figure.text(
        x, y, "\n".join(map(drawable, lines)), transform=figure.dpi_scale_trans, color=colour, ha=ha, va=va,
        fontproperties=font(size, bold=bold, text="".join(lines)), rotation=rotation, rotation_mode="anchor",
        linespacing=1.3, parse_math=False, zorder=zorder,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6} if on_white else None,
        path_effects=effects,
    )  # fmt: skip


def rule(
    figure: Figure,
    x: tuple[float, float],
    y: tuple[float, float],
    *,
    colour: str = RULE,
    width: float = 0.8,
    dashed: bool = False,
    zorder: float = 0.5,
) -> None:
    """Draw a thin line between two places in inches."""
    line = Line2D(x, y, color=colour, linewidth=width, linestyle="--" if dashed else "-", zorder=zorder)
    line.set_transform(figure.dpi_scale_trans)
    figure.add_artist(line)


def panel(figure: Figure, x: float, y: float, width: float, height: float) -> Axes:
    """Bare axes at a place in inches: no frame, no ticks, no ground."""
    whole_width, whole_height = figure.get_size_inches()
    axes = figure.add_axes((x / whole_width, y / whole_height, width / whole_width, height / whole_height))
    axes.set_facecolor("none")
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xticks([])
    axes.set_yticks([])
    return axes


def ruled(axes: Axes, which: Literal["x", "y"], ticks: Mapping[float, str], title: str) -> None:
    """Give axes thin lines at the ticks, their labels, and a title."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_ticks(list(ticks), labels=[drawable(each) for each in ticks.values()])
    axes.tick_params(axis=which, length=0, pad=4, labelcolor=GREY)
    for tick_label in axis.get_ticklabels():
        tick_label.set_fontproperties(font(SMALL, text=tick_label.get_text()))
        tick_label.set_parse_math(False)
    axis.grid(visible=True, color=RULE, linewidth=0.8, linestyle="-", alpha=1)
    axes.set_axisbelow(True)
    axis.set_label_text(drawable(title), fontproperties=font(SMALL, text=title), color=GREY, parse_math=False)


def no_data(figure: Figure, text: str) -> Figure:
    """Say in the middle of the chart why it shows nothing."""
    width, height = figure.get_size_inches()
    write(figure, width / 2, height / 2, text, 12, colour=GREY, ha="center")
    return figure


def save(
    figure: Figure,
    path_without_suffix: Path,
    formats: Sequence[str] = ("png", "svg"),
    *,
    dpi: float | None = None,
) -> list[Path]:
    """Write a figure to files that readers see whole or not at all; the same figure gives the same bytes.

    Args:
        figure: the figure.
        path_without_suffix: where; ``charts/map`` gives ``charts/map.png`` and ``charts/map.svg``.
        formats: the formats, by their suffix: png, svg, pdf.
        dpi: pixels an inch for PNG; the figure's own when not given.

    Returns:
        The files, in the order of the formats.

    Raises:
        OSError: a file cannot be written.
    """
    written = []
    for suffix in formats:
        path = path_without_suffix.with_name(f"{path_without_suffix.name}.{suffix}")
        atomic_write(path, partial(_render, figure, suffix, dpi))
        written.append(path)
    return written


def _render(figure: Figure, suffix: str, dpi: float | None, file: BinaryIO) -> None:
    resolution = figure.dpi if dpi is None else dpi
    if suffix == "png":
        # level 4 is a little faster than the default and takes one percent more room
        figure.savefig(
            file, format="png", dpi=resolution, metadata={"Software": None}, pil_kwargs={"compress_level": 4}
        )
        return
    day = {"svg": {"Date": None, "Creator": None}, "pdf": {"CreationDate": None, "Producer": None}}.get(suffix, {})
    # these settings exist only as global ones, so two threads must not change them at the same time
    with (
        _RC_LOCK,
        mpl.rc_context({"svg.hashsalt": "embedex", "svg.fonttype": "path", "svg.image_inline": True}),
    ):
        figure.savefig(file, format=suffix, dpi=resolution, metadata=day)
