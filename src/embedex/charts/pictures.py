"""Portraits: a record's picture in a box of a chart, sharp at any resolution, or a placeholder."""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from matplotlib.artist import Artist
from matplotlib.patches import Circle
from matplotlib.transforms import Affine2D, Bbox
from numpy.typing import NDArray
from PIL import Image, ImageOps

from embedex.charts import style
from embedex.documents import MAX_PIXELS, PICTURE_FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from matplotlib.backend_bases import RendererBase
    from matplotlib.figure import Figure

    from embedex.results import Item

Pixels: TypeAlias = NDArray[np.uint8]
"""An RGBA picture, uint8, shape (height, width, 4), first row on top."""

VECTOR_DPI = 240
"""How finely pictures are put into an SVG or a PDF, which have no pixels of their own."""

_CACHED = 1024
_CACHED_SIDE = 128
"""Portraits up to this side are kept: 1,024 of them take 64 MiB. Larger ones are drawn once a chart."""

_HALF_CAPITAL = 0.365 / 72
"""Half the height of a capital letter in inches, for each point of its size."""

_FAINT = 12
"""Alpha up to this counts as empty: soft shadows would keep a margin from being trimmed."""


def portrait(path: Path, side_px: int) -> Pixels:
    """A picture without its transparent margin, its longer side fitted to `side_px`.

    Args:
        path: the picture's file, in any format and mode that Pillow reads.
        side_px: the longer side of the result.

    Returns:
        RGBA, uint8, shape (height, width, 4).

    Raises:
        OSError: the file is absent.
        ValueError: it is no picture that can be read, an empty one, or one with forbiddingly many pixels.
    """
    read = _kept_portrait if side_px <= _CACHED_SIDE else _portrait
    return read(path, side_px, path.stat().st_mtime_ns)


def _portrait(path: Path, side_px: int, _changed: int) -> Pixels:
    try:
        with warnings.catch_warnings():
            # our own limit is the stricter one
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            file = Image.open(path, formats=PICTURE_FORMATS)
        with file:
            if file.width * file.height > MAX_PIXELS:
                raise ValueError(f"{path}: too many pixels to draw.")
            picture = ImageOps.exif_transpose(file).convert("RGBA")
    except (SyntaxError, EOFError, OverflowError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path}: not a picture that can be read ({error}).") from error
    alpha = picture.getchannel("A")
    box = alpha.point([255 * (level > _FAINT) for level in range(256)]).getbbox()
    if box is None:
        raise ValueError(f"{path}: a picture in which nothing can be seen.")
    picture = picture.crop(box)
    scale = side_px / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    pixels = np.array(picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0))
    pixels.flags.writeable = False  # the cache hands the same array to everybody
    return pixels


_kept_portrait = lru_cache(maxsize=_CACHED)(_portrait)


class Picture(Artist):
    """Pixels in a box of a figure: one to one where the figure has pixels, and fine where it has none.

    matplotlib's own images resample once more, and blend the colour hidden in transparent pixels into the
    edges.

    Args:
        box: left, bottom, width and height in inches.
        pixels: gives the RGBA pixels for a longer side of so many pixels, or, for None, as finely as an SVG or
            a PDF should have them.
    """

    def __init__(self, box: tuple[float, float, float, float], pixels: Callable[[int | None], Pixels]) -> None:
        super().__init__()
        self.box = box
        self.pixels = pixels
        self.set_zorder(2)

    def get_window_extent(self, renderer: RendererBase | None = None) -> Bbox:  # noqa: ARG002 - the base's
        """The box in pixels."""
        figure = self.get_figure(root=True)
        assert figure is not None
        return Bbox.from_bounds(*(figure.get_dpi() * each for each in self.box))

    def draw(self, renderer: RendererBase) -> None:
        """Draw the picture."""
        box = self.get_window_extent(renderer)
        graphics = renderer.new_gc()
        if renderer.option_scale_image():
            pixels = self.pixels(None)
            place = Affine2D().scale(box.width, box.height)
            renderer.draw_image(graphics, box.x0, box.y0, pixels[::-1], place)
        else:
            pixels = self.pixels(round(max(box.size)))
            renderer.draw_image(graphics, round(box.x0), round(box.y0), pixels[::-1])
        graphics.restore()
        self.stale = False


def draw_portrait(
    figure: Figure, item: Item, x: float, y: float, side: float, *, on_ground: bool = False, zorder: float = 2
) -> float:
    """Draw an item's picture, or a disc with its initial.

    Args:
        figure: the figure to draw in.
        item: whose picture.
        x: middle of the picture, in inches.
        y: middle of the picture, in inches; with `on_ground`, its lower edge.
        side: its longer side, in inches.
        on_ground: whether it stands on `y`.
        zorder: what it covers.

    Returns:
        The picture's height in inches.
    """
    path = item.picture
    try:
        if path is None:
            raise FileNotFoundError
        at_hand = portrait(path, round(side * figure.dpi))
    except (OSError, ValueError):
        _draw_placeholder(figure, item, x, y + (side / 2 if on_ground else 0), side, zorder)
        return side
    height_px, width_px = at_hand.shape[:2]
    longer = max(height_px, width_px)
    wide, high = (float(side * each / longer) for each in (width_px, height_px))
    found = path

    def pixels(side_px: int | None) -> Pixels:
        if side_px == longer:
            return at_hand
        return portrait(found, round(side * VECTOR_DPI) if side_px is None else side_px)

    picture = Picture((x - wide / 2, y if on_ground else y - high / 2, wide, high), pixels)
    picture.set_zorder(zorder)
    figure.add_artist(picture)
    return high


def _draw_placeholder(figure: Figure, item: Item, x: float, y: float, side: float, zorder: float) -> None:
    inches = figure.dpi_scale_trans
    disc = Circle((x, y), 0.42 * side, facecolor="#e6eaef", edgecolor="#c3ccd5", linewidth=0.6)
    disc.set_transform(inches)
    disc.set_zorder(zorder)
    figure.add_artist(disc)
    size = side * 30
    style.write(
        figure, x, y - _HALF_CAPITAL * size, style.label(item)[:1].upper(), size,
        colour="#6b7885", ha="center", va="baseline", zorder=zorder,
    )  # fmt: skip
