"""The pictures of the sample: twelve shapes in eight hues, four patterns and three stages, and three oddities.

Nothing is left to chance: the same Pillow draws the same bytes. What is drawn for which record, and what is
told of it, is `embedex.sources.sample`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import cos, pi, sin
from typing import TypeAlias, TypeVar

from PIL import Image, ImageChops, ImageDraw

Point: TypeAlias = tuple[float, float]
Polygon: TypeAlias = Sequence[Point]
T = TypeVar("T")

SIDE = 320
"""Side of a picture in pixels."""


@dataclass(frozen=True, slots=True)
class Hue:
    """What a shape is painted with.

    Attributes:
        light: where the light falls.
        middle: where it does not.
        dark: the outline.
        accent: the key of `PALETTE` that its ornaments have.
    """

    light: str
    middle: str
    dark: str
    accent: str


PALETTE = {
    "amber": Hue("#ffe08a", "#eda73b", "#8c5512", accent="violet"),
    "coral": Hue("#ffb8a1", "#e9705a", "#8f3226", accent="teal"),
    "rose": Hue("#fac4d6", "#dd7199", "#853354", accent="moss"),
    "violet": Hue("#d3c3f4", "#9274cf", "#4b3683", accent="amber"),
    "azure": Hue("#b4dcfa", "#549dda", "#205384", accent="coral"),
    "teal": Hue("#a8e3d6", "#41a999", "#185c50", accent="rose"),
    "moss": Hue("#d0e3a0", "#86ab4a", "#435b20", accent="azure"),
    "slate": Hue("#d3dbe6", "#8d9cb3", "#414f63", accent="amber"),
}
"""Each hue by its name."""


def draw(shape: str, hue: str, pattern: str, stage: int) -> Image.Image:
    """Draw one shape on a transparent ground.

    Args:
        shape: ``star``, ``flower``, ``leaf``, ``crystal``, ``gear``, ``kite``, ``moon``, ``ring``, ``cone``,
            ``wheel``, ``candle`` or ``fish``.
        hue: a key of `PALETTE`.
        pattern: ``plain``, ``dots``, ``stripes`` or ``rings``.
        stage: 1, 2 or 3; the higher, the larger and the more ornate.

    Returns:
        A picture in RGBA, `SIDE` pixels square.
    """
    canvas = _Canvas(hue, pattern, stage)
    _PAINTERS[shape](canvas)
    return canvas.image


def draw_oddities() -> tuple[Image.Image, Image.Image, Image.Image]:
    """A grey square, a bar code and a test card, in RGB without any transparency."""
    grey = Image.new("RGB", (SIDE, SIDE), "#9a9a9a")
    bars = Image.new("RGB", (SIDE, SIDE), "#f6f3ea")
    pen = ImageDraw.Draw(bars)
    x = 38
    for number in range(40):
        width = 2 + (number * number * 7 + number * 3) % 4
        pen.rectangle((x, 50, x + width - 1, 240 if number % 6 else 262), fill="#1b1b1b")
        x += width + 2 + (number * 5) % 3
    card = Image.new("RGB", (SIDE, SIDE), "#101418")
    pen = ImageDraw.Draw(card)
    for number, colour in enumerate(("#f2f2f2", "#e8d93a", "#36c8d4", "#3cb54a", "#c94bc0", "#d63c34", "#2f4fc4")):
        pen.rectangle((number * 46, 0, number * 46 + 45, 210), fill=colour)
    for number in range(16):
        pen.rectangle((number * 20, 226, number * 20 + 19, 310), fill=(number * 17,) * 3)
    return grey, bars, card


# ── polygons ────────────────────────────────────────────────────────────────────────────────────────


def _on_circle(radius: float, turn: float) -> Point:
    """The point at a turn from 0 (up) to 1, clockwise."""
    return radius * sin(2 * pi * turn), -radius * cos(2 * pi * turn)


def _around(radius: Callable[[float], float], count: int = 240) -> list[Point]:
    """A closed line about the middle: the radius by the turn."""
    return [_on_circle(radius(number / count), number / count) for number in range(count)]


def _moved(
    shape: Polygon, *, x: float = 0, y: float = 0, size: float = 1, turn: float = 0, stretch: float = 1
) -> list[Point]:
    """A shape stretched in height, turned clockwise by a part of a full turn, sized and moved."""
    c, s = size * cos(2 * pi * turn), size * sin(2 * pi * turn)
    return [(x + c * px - s * py * stretch, y + s * px + c * py * stretch) for px, py in shape]


def _disc(radius: float, x: float = 0, y: float = 0, stretch: float = 1) -> list[Point]:
    return _moved(_around(lambda _: radius, 90), x=x, y=y, stretch=stretch)


def _band(outer: float, inner: float) -> list[Point]:
    """A ring as one line: out along the outer circle, back along the inner one."""
    first, second = _disc(outer), _disc(inner)
    return [*first, first[0], second[0], *reversed(second)]


def _bar(x1: float, y1: float, x2: float, y2: float, width: float) -> list[Point]:
    """A straight stroke with flat ends."""
    length = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5
    x, y = (y2 - y1) / length * width / 2, (x1 - x2) / length * width / 2
    return [(x1 + x, y1 + y), (x2 + x, y2 + y), (x2 - x, y2 - y), (x1 - x, y1 - y)]


def _rays(count: int, inner: float) -> list[Point]:
    """A star's corners, outer and inner by turns."""
    return _around(lambda turn: inner if round(turn * 2 * count) % 2 else 1, 2 * count)


def _mirrored(shape: Polygon) -> list[Point]:
    return [(-x, y) for x, y in shape]


_PATTERNS = {
    "dots": [
        _disc(0.055, 0.26 * column + 0.13 * (row % 2), 0.225 * row) for row in range(-6, 7) for column in range(-5, 5)
    ],
    "stripes": [_bar(-1.6 + 0.3 * n, 1.2, -0.4 + 0.3 * n, -1.2, 0.11) for n in range(-3, 11)],
    "rings": [_band(0.18 * n + 0.055, 0.18 * n) for n in range(1, 7)],
}


# ── painting ────────────────────────────────────────────────────────────────────────────────────────


class _Canvas:
    """A transparent square to paint one shape on. Points are in half sides from its middle, y downwards."""

    def __init__(self, hue: str, pattern: str, stage: int) -> None:
        self.image = Image.new("RGBA", (SIDE, SIDE))
        self.hue, self.stage = hue, stage
        self.dark, self.accent = PALETTE[hue].dark, PALETTE[hue].accent
        self._pattern = _PATTERNS.get(pattern)
        self._scale = self.by_stage(0.58, 0.72, 0.82)
        ramp = Image.linear_gradient("L").rotate(35, Image.Resampling.BICUBIC).crop((45, 45, 211, 211))
        self._ramp = ramp.resize((SIDE, SIDE))

    def by_stage(self, first: T, second: T, third: T) -> T:
        """What belongs to the stage that is drawn."""
        return (first, second, third)[self.stage - 1]

    def mask(self, shapes: Iterable[Polygon], *, outset: float = 0, within: Image.Image | None = None) -> Image.Image:
        """Where some polygons are, each grown by `outset`; drawn at four times the size, then reduced."""
        large = Image.new("L", (4 * SIDE, 4 * SIDE))
        pen = ImageDraw.Draw(large)
        for shape in shapes:
            points = [(2 * SIDE * (1 + x * self._scale), 2 * SIDE * (1 + y * self._scale)) for x, y in shape]
            pen.polygon(points, fill=255)
            if outset:
                pen.line([*points, *points[:2]], fill=255, width=round(4 * SIDE * outset), joint="curve")
        small = large.reduce(4)
        return ImageChops.multiply(small, within) if within else small

    def fill(
        self,
        shapes: Iterable[Polygon],
        top: str,
        bottom: str = "",
        *,
        opacity: float = 1,
        outset: float = 0,
        within: Image.Image | None = None,
    ) -> None:
        """Lay a colour, or a gradient from the upper left to the lower right, on polygons."""
        mask = self.mask(shapes, outset=outset, within=within)
        layer = Image.new("RGBA", (SIDE, SIDE), top)
        if bottom:
            layer = Image.composite(Image.new("RGBA", (SIDE, SIDE), bottom), layer, self._ramp)
        layer.putalpha(mask.point(lambda value: round(value * opacity)) if opacity < 1 else mask)
        self.image.alpha_composite(layer)

    def body(self, shapes: Sequence[Polygon], hue: str = "", *, outline: float = 0.022) -> None:
        """Paint polygons with an outline, a gradient and a shine: in a hue, or in the shape's own with its pattern."""
        colours, inner = PALETTE[hue or self.hue], self.mask(shapes)
        self.fill(shapes, colours.dark, outset=outline)
        self.fill(shapes, colours.light, colours.middle)
        if self._pattern and not hue:
            self.fill(self._pattern, colours.dark, opacity=0.16, within=inner)
        self.fill([_disc(0.95, -0.42, -0.52)], "#ffffff", opacity=0.17, within=inner)

    def adorned(self, shape: Polygon, mark: Polygon) -> None:
        """Paint a shape with the ornaments of its stage: nothing, a lighter mark, and a crown of beads."""
        self.body([shape])
        if self.stage >= 2:
            self.fill([mark], self.dark, opacity=0.55, outset=0.012)
            self.fill([mark], "#ffffff", PALETTE[self.hue].light)
        if self.stage == 3:
            self.crown()

    def crown(self) -> None:
        """Paint beads all around the square."""
        beads = [_disc(0.075, *_on_circle(1.13, (number + 0.5) / 8)) for number in range(8)]
        self.body(beads, self.accent, outline=0.014)

    def heart(self, radius: float) -> None:
        """Paint a disc in the middle."""
        self.body([_disc(radius)], self.accent, outline=0.012)


# ── the shapes ──────────────────────────────────────────────────────────────────────────────────────


def _star(canvas: _Canvas) -> None:
    shape = _rays(canvas.by_stage(5, 6, 8), canvas.by_stage(0.5, 0.56, 0.66))
    canvas.adorned(shape, _moved(shape, size=0.42))
    if canvas.stage == 3:
        canvas.heart(0.11)


def _flower(canvas: _Canvas) -> None:
    petals = canvas.by_stage(5, 6, 8)
    canvas.adorned(_around(lambda turn: 0.66 + 0.34 * abs(cos(pi * petals * turn)) ** 0.7), _disc(0.34))
    canvas.heart(canvas.by_stage(0.24, 0.17, 0.17))


def _leaf(canvas: _Canvas) -> None:
    half = [(0.52 * sin(pi * (n / 60) ** 0.85), 1 - 2 * n / 60) for n in range(61)]
    blade = [*half, *reversed(_mirrored(half))]
    veins = [stem := _bar(0, 1.25, 0, -0.8, 0.045)]
    for n in range(4):
        y = 0.62 - 0.36 * n
        veins += [_bar(0, y, side * (0.36 - 0.05 * abs(n - 1)), y - 0.3, 0.03) for side in (-1, 1)]
    places = ((0, 0.05, 0.85, 0.06), (-0.42, 0.2, 0.68, -0.11), (0.5, 0.22, 0.68, 0.16))
    for x, y, size, turn in reversed(places[: canvas.stage]):
        place = {"x": x, "y": y, "size": size * 1.1, "turn": turn}
        leaf = [_moved(blade, **place)]
        canvas.fill([_moved(stem, **place)], canvas.dark, outset=0.012)
        canvas.body(leaf)
        canvas.fill([_moved(vein, **place) for vein in veins], canvas.dark, opacity=0.6, within=canvas.mask(leaf))
    if canvas.stage == 3:
        berries = [_disc(0.12, x, y) for x, y in ((-0.1, 0.98), (0.17, 1.0), (0.04, 0.8))]
        canvas.body(berries, canvas.accent, outline=0.014)


def _crystal(canvas: _Canvas) -> None:
    outline = [(0, -1), (0.42, -0.5), (0.42, 0.55), (0, 1), (-0.42, 0.55), (-0.42, -0.5)]
    facet = [(0, -1), (-0.12, -0.4), (-0.12, 0.62), (0, 1), (-0.42, 0.55), (-0.42, -0.5)]
    upper, lower = (-0.12, -0.4), (-0.12, 0.62)
    lines = [(upper, lower), (upper, (0, -1)), (lower, (0, 1)), ((-0.42, -0.5), upper), (upper, (0.42, -0.5))]
    lines += [((-0.42, 0.55), lower), (lower, (0.42, 0.55))]
    edges = [_bar(*start, *end, 0.03) for start, end in lines]
    for x, y, size, turn in ((-0.5, 0.3, 0.66, -0.08), (0.5, 0.3, 0.66, 0.08), (0, 0, 1, 0))[3 - canvas.stage :]:
        place = {"x": x, "y": y, "size": size, "turn": turn}
        canvas.body([_moved(outline, **place)])
        canvas.fill([_moved(facet, **place)], "#ffffff", opacity=0.3)
        canvas.fill([_moved(edge, **place) for edge in edges], canvas.dark, opacity=0.5)
    if canvas.stage == 3:
        sparks = ((-0.85, -0.62, 0.17), (0.85, -0.68, 0.21), (0.62, -1.02, 0.11))
        rays = _rays(4, 0.3)
        canvas.body([_moved(rays, x=x, y=y, size=size) for x, y, size in sparks], canvas.accent, outline=0.012)


def _gear(canvas: _Canvas) -> None:
    teeth = canvas.by_stage(8, 10, 12)
    rim = _around(lambda turn: 0.78 + 0.22 * min(1, max(0, 0.5 + 2.6 * cos(2 * pi * teeth * turn))), 480)
    hole = _disc(0.3)
    canvas.adorned([*rim, rim[0], hole[0], *reversed(hole), hole[0]], _band(0.56, 0.42))


def _kite(canvas: _Canvas) -> None:
    tail = [(0.13 * sin(n / 5), 0.42 + n / 72) for n in range(54)]
    canvas.fill([_bar(*a, *b, 0.03) for a, b in pairwise(tail)], canvas.dark)
    knots = [tail[place] for place in (14, 30, 46)[: canvas.stage]]
    bows = [[(x, y), (x + s, y - 0.09), (x + s, y + 0.09)] for x, y in knots for s in (-0.19, 0.19)]
    canvas.body(bows, canvas.accent, outline=0.014)
    top, right, bottom, left, middle = (0, -1.12), (0.66, -0.42), (0, 0.48), (-0.66, -0.42), (0, -0.42)
    canvas.body([[top, right, bottom, left]])
    if canvas.stage >= 2:
        canvas.fill([[top, right, middle], [bottom, left, middle]], "#ffffff", opacity=0.4)
    canvas.fill([_bar(*top, *bottom, 0.035), _bar(*left, *right, 0.035)], canvas.dark, opacity=0.7)
    if canvas.stage == 3:
        canvas.body([_moved(_rays(5, 0.5), y=-0.42, size=0.26)], canvas.accent, outline=0.014)


def _moon(canvas: _Canvas) -> None:
    depth = canvas.by_stage(0.72, 0.55, 0.3)
    back = [(cos(turn) * 0.98, sin(turn) * 0.98) for turn in (pi * (0.28 + 1.44 * n / 90) for n in range(91))]
    x, y = back[0]
    front = [(x + (-depth - x) * sin(pi * n / 60), y * cos(pi * n / 60)) for n in range(61)]
    canvas.body([_moved([*back, *reversed(front)], x=0.0648 * pi, turn=-0.05)])
    places = ((0.42, -0.12, 0.2), (0.78, -0.5, 0.13), (0.74, 0.36, 0.13))[: canvas.by_stage(0, 1, 3)]
    if places:
        stars = [_moved(_rays(5, 0.5), x=x, y=y, size=size) for x, y, size in places]
        canvas.body(stars, canvas.accent, outline=0.014)


def _ring(canvas: _Canvas) -> None:
    inner = canvas.by_stage(0.64, 0.56, 0.5)
    middle = (1 + inner) / 2
    canvas.adorned(_band(1, inner), _band(middle + 0.05, middle - 0.05))


def _cone(canvas: _Canvas) -> None:
    waffle = [(-0.46, 0.06), (0.46, 0.06), (0, 1.12)]
    canvas.body([waffle], "amber")
    lines = [_bar(-1.1 + 0.2 * n, 1.2, -0.1 + 0.2 * n, -0.1, 0.03) for n in range(9)]
    lines += [_mirrored(line) for line in lines]
    canvas.fill(lines, PALETTE["amber"].dark, opacity=0.45, within=canvas.mask([waffle]))
    scoops: list[tuple[float, float, float, str]] = canvas.by_stage(
        [(0, -0.18, 0.5, canvas.hue)],
        [(-0.27, -0.18, 0.42, "amber"), (0.27, -0.18, 0.42, canvas.hue)],
        [(-0.3, -0.12, 0.42, "teal"), (0.3, -0.12, 0.42, "amber"), (0, -0.5, 0.43, canvas.hue)],
    )
    for x, y, radius, flavour in scoops:
        ruffle = [_disc(radius * 0.24, x + radius * (0.38 * n - 0.76), y + radius * 0.72) for n in range(5)]
        canvas.body(ruffle, flavour)
        canvas.body([_disc(radius, x, y)], flavour)
        canvas.fill(ruffle, PALETTE[flavour].light, PALETTE[flavour].middle)
        canvas.fill([_disc(radius * 0.16, x - radius * 0.45, y - radius * 0.45)], "#ffffff", opacity=0.6)
    if canvas.stage == 3:
        canvas.fill([_bar(0.02, -0.98, 0.14, -1.17, 0.04)], PALETTE["moss"].dark)
        canvas.body([_disc(0.13, 0, -0.92)], "coral", outline=0.014)


def _wheel(canvas: _Canvas) -> None:
    spokes = canvas.by_stage(4, 6, 10)
    turns = [number / spokes for number in range(spokes)]
    canvas.body([_bar(0, 0, *_on_circle(0.85, turn), 0.11) for turn in turns], canvas.hue)
    canvas.body([_band(1, 0.8)])
    canvas.body([_disc(0.24)], canvas.hue)
    canvas.body([_disc(0.1)], "slate", outline=0.012)
    if canvas.stage >= 2:
        canvas.body([_disc(0.05, *_on_circle(0.9, turn)) for turn in turns], "amber", outline=0.01)
    if canvas.stage == 3:
        canvas.crown()


def _candle(canvas: _Canvas) -> None:
    flame = [(0.15 * sin(pi * n / 40) * sin(pi * n / 80), -0.23 * cos(pi * n / 40)) for n in range(80)]
    sticks: list[tuple[float, float, float]] = canvas.by_stage(
        [(0, -0.25, 1.1)],
        [(-0.3, -0.05, 0.9), (0.3, -0.4, 1.25)],
        [(-0.62, 0, 0.62), (0.62, 0, 0.62), (0, -0.4, 1.0)],
    )
    if canvas.stage == 3:
        canvas.body([_bar(-0.78, 0.68, 0.78, 0.68, 0.13), _bar(0, 0.6, 0, 1.0, 0.15)], "slate")
    for x, top, height in sticks:
        canvas.body([_bar(x, top, x, top + height, 0.34)])
        drip = [_bar(x - 0.09, top, x - 0.09, top + 0.34, 0.1), _disc(0.05, x - 0.09, top + 0.34)]
        canvas.fill([*drip, _bar(x, top, x, top + 0.1, 0.34)], "#ffffff", opacity=0.6)
        canvas.fill([_bar(x, top - 0.14, x, top, 0.035)], "#3d3a44")
        canvas.fill([_disc(0.36, x, top - 0.24)], "#ffd766", opacity=0.25)
        canvas.body([_moved(flame, x=x, y=top - 0.26)], "coral", outline=0.01)
        canvas.fill([_moved(flame, x=x, y=top - 0.2, size=0.55)], "#ffe48a")
    canvas.body([_bar(-0.6, 1.0, 0.6, 1.0, 0.16)], "slate")


def _fish(canvas: _Canvas) -> None:
    tail = [(0.5, 0), (1.12, -0.42), (0.98, 0), (1.12, 0.42)]
    back = [(-0.3, -0.4), (0.1, -0.85), (0.45, -0.7), (0.42, -0.2)]
    belly = [(-0.15, 0.4), (0.12, 0.85), (0.42, 0.72), (0.42, 0.2)]
    canvas.body([tail, back, belly][: canvas.stage], canvas.by_stage(canvas.hue, canvas.hue, canvas.accent))
    canvas.body([_disc(0.82, -0.2, stretch=0.62)])
    if canvas.stage >= 2:
        scale = _band(0.1, 0.075)
        places = [((n % 3 - n // 3 % 2 / 2) * 0.2 + 0.05, 0.18 * (n // 3) - 0.18) for n in range(9)]
        canvas.fill([_moved(scale, x=x, y=y) for x, y in places], "#ffffff", opacity=0.55)
    gill = _disc(0.42, -0.68)[15:31]
    canvas.fill([[*gill, *_moved(gill[::-1], x=-0.04)]], canvas.dark, opacity=0.6)
    canvas.fill([_disc(0.12, -0.62, -0.12)], "#ffffff")
    canvas.fill([_disc(0.065, -0.64, -0.11)], "#22303c")
    bubbles = ((-1.12, -0.35, 0.09), (-1.0, -0.62, 0.07), (-1.14, -0.78, 0.05))[: canvas.stage]
    canvas.fill([_moved(_band(r, r - 0.03), x=x, y=y) for x, y, r in bubbles], PALETTE["azure"].middle)


_PAINTERS: dict[str, Callable[[_Canvas], None]] = {
    "star": _star,
    "flower": _flower,
    "leaf": _leaf,
    "crystal": _crystal,
    "gear": _gear,
    "kite": _kite,
    "moon": _moon,
    "ring": _ring,
    "cone": _cone,
    "wheel": _wheel,
    "candle": _candle,
    "fish": _fish,
}
