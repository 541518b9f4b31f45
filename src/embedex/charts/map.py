"""A map of a collection: every record a dot, coloured by its group, with portraits where there is room."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from matplotlib.collections import PathCollection
from matplotlib.lines import Line2D
from matplotlib.path import Path
from matplotlib.transforms import Affine2D
from numpy.typing import NDArray

from embedex.charts import style
from embedex.charts.lettering import LINE, shorten, width, wrap
from embedex.charts.pictures import draw_portrait
from embedex.charts.style import BODY, BOTTOM, GREY, INK, MARGIN, OTHER, OWN_MARKS, SMALL, Mark
from embedex.results import counted

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from embedex.results import Fidelity, Item, Map

_SIDE = 8.0
_SIDE_3D = 5.9
_LEGEND = 2.2
_NOTE = 0.35
_PICTURE = 0.46
_RING = 0.1
_TOLD_ELSEWHERE = ("by", "dimensions", "encoder", "measure", "method", "missing")
_STEP = 0.05
"""A portrait's side, half a ring's side, and how far above its dot a portrait stands."""

_RASTERIZE_FROM = 5_000
_MOST_NAMES = 12
"""So many outliers are named at the border; the note counts all."""

Places: TypeAlias = NDArray[np.float64]
"""x and y of each record, in the map's units or in inches, shape (n, 2)."""

_INSET = 0.12
"""How far inside the border outliers are drawn, in inches."""

_ARROW = Path([(0.07, 0), (-0.05, 0.04), (-0.05, -0.04), (0.07, 0)], closed=True)
"""Points to the right, in inches; slender, so that nobody doubts where to."""

_Box: TypeAlias = tuple[float, float, float, float]


def map_chart(result: Map, *, date: datetime.date, highlight: Sequence[str] = (), pictures: int = 30) -> Figure:
    """Draw a map.

    Args:
        result: the map; places that are not finite are left out, and counted.
        date: the day for the caption.
        highlight: ids or names of records to ring and name.
        pictures: at most so many portraits stand on their dots, where they hide few others; 0 for none.

    Returns:
        A figure with equal scales on both axes. Records far from all others would shrink the rest to a blot:
        they are drawn at the border as triangles that point to where they are, with their names. A place that is
        not to be believed is a ring instead of a dot. A map in 3D becomes two views, from the front and from above,
        without portraits.
    """
    coordinates = result.coordinates
    finite = [all(map(math.isfinite, place)) for place in coordinates.tolist()]
    items = [item for item, kept in zip(result.items, finite, strict=True) if kept]
    places = coordinates[finite].astype(np.float64)
    flat = coordinates.shape[1] < 3
    marks = _marks(items)
    told = result.fidelity and result.fidelity.part(np.flatnonzero(finite))
    doubted = told.doubted if told else np.zeros(len(items), bool)
    legend = _LEGEND if len(marks) > 1 or any(item.group for item in items) or doubted.any() else 0.0
    side = _SIDE if flat else _SIDE_3D
    across = side if flat else 2 * side + 0.4
    heads = 0.0 if flat else 0.3
    method = str(result.parameters.get("method", ""))
    name = result.name if not method or method in result.name else f"{result.name} ({method})"
    settings = {key: value for key, value in result.parameters.items() if key not in _TOLD_ELSEWHERE}
    fit = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in settings.items())
    figure = style.sheet(
        MARGIN + across + legend + MARGIN, _NOTE + side + heads, f"A map of {result.basis.collection}",
        f"{counted(len(items))} · {name}{': ' if fit else ''}{fit}",
        f"{result.basis.caption()}{_trust(result.fidelity)}", date,
    )  # fmt: skip
    if not items:
        return style.no_data(figure, "No record has a place in this map.")

    floor = BOTTOM + _NOTE
    outside: set[int] = set()
    views = [((0, 1), "")] if flat else [((0, 1), "from the front: x and y"), ((0, 2), "from above: x and z")]
    for number, (axes, seen) in enumerate(views):
        left = MARGIN + number * (side + 0.4)
        view = _View(figure, (left, floor, side, side), items, places[:, axes], doubted)
        view.draw_dots(marks)
        view.draw_highlights(set(highlight), portraits=flat and pictures > 0)
        view.draw_outliers(marks)
        if flat:
            view.draw_pictures(pictures)
        outside.update(np.flatnonzero(view.outside).tolist())
        style.write(figure, left, floor + side + 0.15, seen, BODY, bold=True, colour=GREY)
    if legend:
        _draw_legend(figure, items, marks, told, MARGIN + across + 0.25, floor + side)
    notes = ["Distances: Euclidean; the axes have no unit"]
    if outside:
        notes.append(f"Far outside the view, as triangles at its border: {counted(len(outside))}")
    absent = result.missing + len(result.items) - len(items)
    if absent:
        notes.append(f"Without a place: {counted(absent)}")
    style.write(figure, MARGIN, floor - 0.2, shorten(" · ".join(notes), across + legend, SMALL), SMALL, colour=GREY)
    return figure


@dataclass(slots=True)
class _View:
    """One view of a map in a square of a figure."""

    figure: Figure
    box: _Box
    items: Sequence[Item]
    places: Places
    doubted: NDArray[np.bool_]
    outside: NDArray[np.bool_] = field(init=False)
    true: Places = field(init=False)
    """Where each record is, in inches."""
    inches: Places = field(init=False)
    """Where it is drawn: an outlier at the border."""
    named: set[int] = field(default_factory=set)
    taken: list[_Box] = field(default_factory=list)
    """What labels and portraits cover already."""

    def __post_init__(self) -> None:
        left, bottom, side, _ = self.box
        self.outside = _outliers(self.places)
        middle, span = _limits(self.places[~self.outside])
        unit = side / span
        self.true = (self.places - middle) * unit + (left + side / 2, bottom + side / 2)
        corner = np.array((left, bottom))
        self.inches = np.clip(self.true, corner + _INSET, corner + side - _INSET)
        self.inches[~self.outside] = self.true[~self.outside]

    def draw_dots(self, marks: dict[str | None, Mark]) -> None:
        left, bottom, side, _ = self.box
        axes = style.panel(self.figure, left, bottom, side, side)
        axes.set_facecolor("#f7f8fa")
        axes.set_xlim(left, left + side)
        axes.set_ylim(bottom, bottom + side)
        # one group drawn after another would hide the first ones: mixed, but the same way each time
        mixed = np.random.default_rng(0).permutation(len(self.items)).tolist()
        inside = [each for each in mixed if not self.outside[each]]
        count = len(self.items)
        area = max(1.6, min(70.0, 420 / count**0.47)) * (side / _SIDE) ** 2
        opacity = 0.9 if count <= 300 else 0.75 if count <= 5_000 else 0.5 if count <= 30_000 else 0.35
        shapes = sorted({mark.shape for mark in marks.values()})
        # rings first: what is to be believed lies on top
        for hollow, shape in [(hollow, shape) for hollow in (True, False) for shape in shapes]:
            chosen = [
                each for each in inside
                if marks[self.items[each].group].shape == shape and bool(self.doubted[each]) == hollow
            ]  # fmt: skip
            if not chosen and (hollow or len(shapes) > 1):
                continue
            colours = [marks[self.items[each].group].colour for each in chosen]
            edge = 0.3 if count < 3_000 else 0.0
            axes.scatter(
                self.inches[chosen, 0], self.inches[chosen, 1], s=area, marker=shape, alpha=opacity,
                facecolors="none" if hollow else colours,
                edgecolors=colours if hollow else "white" if edge else "none",
                linewidths=max(0.5, 0.13 * math.sqrt(area)) if hollow else edge,
                rasterized=count > _RASTERIZE_FROM,
            )  # fmt: skip

    def draw_highlights(self, wanted: set[str], *, portraits: bool) -> None:
        """A ring, a name, and above it the record's own portrait before any other can stand there."""
        chosen = [each for each, item in enumerate(self.items) if item.id in wanted or item.name in wanted]
        for each in chosen:
            x, y = (float(value) for value in self.inches[each])
            ring = Line2D([x], [y], marker="o", markersize=11, markerfacecolor="none", markeredgecolor=INK)
            ring.set(markeredgewidth=1.6, transform=self.figure.dpi_scale_trans, zorder=4)
            self.figure.add_artist(ring)
            self.taken.append((x - _RING, y - _RING, 2 * _RING, 2 * _RING))
        for each in chosen if portraits else []:
            x, y = (float(value) for value in self.inches[each])
            ground = y + _RING + 0.02
            box = (x - _PICTURE / 2, ground, _PICTURE, _PICTURE)
            if self.items[each].picture and self._free(box):
                draw_portrait(self.figure, self.items[each], x, ground, _PICTURE, on_ground=True, zorder=3)
                self.taken.append(box)
        for each in chosen:
            self._name(each, 0.14, bold=True)

    def draw_outliers(self, marks: dict[str | None, Mark]) -> None:
        """Triangles at the border, each pointing to its record; the farthest ones are named."""
        beyond = self.true - self.inches
        distance = np.hypot(beyond[:, 0], beyond[:, 1])
        far: list[int] = np.flatnonzero(self.outside).tolist()
        if not far:
            return
        colours = [marks[self.items[each].group].colour for each in far]
        triangles = PathCollection(
            [_ARROW.transformed(Affine2D().rotate(math.atan2(beyond[each, 1], beyond[each, 0]))) for each in far],
            offsets=self.inches[far],
            offset_transform=self.figure.dpi_scale_trans,
            facecolors=["none" if self.doubted[each] else colour for each, colour in zip(far, colours, strict=True)],
            edgecolors=colours,
            linewidths=[0.8 if self.doubted[each] else 0.0 for each in far],
            zorder=4,
        )
        triangles.set_transform(self.figure.dpi_scale_trans)
        self.figure.add_artist(triangles)
        for each in sorted(far, key=lambda each: -distance[each])[:_MOST_NAMES]:
            self._name(each, 0.12)

    def draw_pictures(self, most: int) -> None:
        """Portraits standing on their dots: those that hide the fewest others, spread by a grid."""
        left, bottom, side, _ = self.box
        if most < 1:
            return
        cells = math.ceil(math.sqrt(2 * most))
        candidates: dict[tuple[int, int], tuple[int, int]] = {}
        inside = [
            each for each in np.flatnonzero(~self.outside).tolist()
            if self.items[each].picture and self._free(_above(self.inches[each]))
        ]  # fmt: skip
        inside = inside[:: 1 + len(inside) // 2_000]  # enough to choose from
        dots = self.inches[:: 1 + len(self.inches) // 10_000]
        for each in inside:
            x, y = self.inches[each]
            hidden = int((np.abs(dots - (x, y + _STEP + _PICTURE / 2)).max(axis=1) < _PICTURE / 2).sum())
            cell = (int((x - left) / side * cells), int((y - bottom) / side * cells))
            candidates[cell] = min(candidates.get(cell, (hidden, each)), (hidden, each))
        drawn = 0
        for _, each in sorted(candidates.values()):
            x, y = (float(value) for value in self.inches[each])
            box = _above((x, y))
            if drawn < most and self._free(box):
                draw_portrait(self.figure, self.items[each], x, y + _STEP, _PICTURE, on_ground=True, zorder=3)
                self.taken.append(box)
                drawn += 1

    def _name(self, each: int, away: float, *, bold: bool = False) -> None:
        """Write a record's name beside its mark, where it collides with no other label; else not at all."""
        if each in self.named:
            return
        x, y = (float(value) for value in self.inches[each])
        text = shorten(style.label(self.items[each]), 1.6, SMALL, bold=bold)
        wide, high = width(text, SMALL, bold=bold), LINE * SMALL
        steps = [0.0, *(sign * step * high for step in range(1, 5) for sign in (1, -1))]
        for up in steps:
            for start in (x + away, x - away - wide):
                box = (start, y + up - high / 2, wide, high)
                if self._free(box):
                    self.taken.append(box)
                    self.named.add(each)
                    style.write(self.figure, start, y + up, text, SMALL, bold=bold, halo=True)
                    return

    def _free(self, box: _Box) -> bool:
        """Whether a box lies inside the view and on nothing else."""
        x, y, wide, high = box
        left, bottom, side, _ = self.box
        if x < left or y < bottom or x + wide > left + side or y + high > bottom + side:
            return False
        return not any(
            x < right + other_wide and right < x + wide and y < other_y + other_high and other_y < y + high
            for right, other_y, other_wide, other_high in self.taken
        )


def _above(place: Sequence[float] | NDArray[np.float64]) -> _Box:
    """The box of a portrait and of the dot that it stands on."""
    x, y = (float(each) for each in place)
    return (x - _PICTURE / 2, y - _STEP, _PICTURE, _PICTURE + 2 * _STEP)


def _outliers(places: Places) -> NDArray[np.bool_]:
    """Which records lie so far from the rest that the view leaves them out.

    At most one in twenty, beyond one and a half times the span of the middle four fifths; and only where
    leaving them out lets the rest be drawn at least a third larger.
    """
    low, high = np.quantile(places, (0.1, 0.9), axis=0)
    fence = 1.5 * max(float((high - low).max()), 1e-12)
    outside: NDArray[np.bool_] = ((places < low - fence) | (places > high + fence)).any(axis=1)
    if not outside.any() or outside.sum() > max(1, len(places) // 20):
        return np.zeros(len(places), dtype=bool)
    gain = _limits(places)[1] / _limits(places[~outside])[1]
    return outside if gain > 4 / 3 else np.zeros(len(places), dtype=bool)


def _limits(places: Places) -> tuple[Places, float]:
    """The middle of a square around the places, and its side, with some air."""
    low, high = places.min(axis=0), places.max(axis=0)
    return (low + high) / 2, 1.08 * (float((high - low).max()) or 1.0)


def _marks(items: Sequence[Item]) -> dict[str | None, Mark]:
    """A mark for each group in the order of the items; where there are too many groups, for the largest."""
    counts = Counter(item.group for item in items if item.group)
    largest = {group for group, _ in counts.most_common(len(OWN_MARKS))}
    own = dict(zip((group for group in counts if group in largest), OWN_MARKS, strict=False))
    rest = OTHER if counts else OWN_MARKS[0]
    return {group: own.get(group or "", rest) for group in dict.fromkeys(item.group for item in items)}


def _trust(told: Fidelity | None) -> str:
    """What the caption adds on how far the whole map can be believed."""
    if told is None:
        return ""
    return f" · trustworthiness {told.trustworthiness:.2f} · continuity {told.continuity:.2f}"


def _draw_legend(
    figure: Figure, items: Sequence[Item], marks: dict[str | None, Mark], told: Fidelity | None, left: float, top: float
) -> None:
    counts = Counter(item.group or None for item in items)
    entries = [(group, mark, counts[group]) for group, mark in marks.items() if group and mark != OTHER]
    others = [counts[group] for group, mark in marks.items() if group and mark == OTHER]
    if others:
        entries.append((f"{len(others):,} other group{'' if len(others) == 1 else 's'}", OTHER, sum(others)))
    if counts[None]:
        entries.append(("no group", OTHER, counts[None]))
    for number, (name, mark, count) in enumerate(entries):
        y = top - 0.12 - 0.25 * number
        key = Line2D([left], [y], marker=mark.shape, color=mark.colour, markersize=7, markeredgewidth=0)
        key.set_transform(figure.dpi_scale_trans)
        figure.add_artist(key)
        tail = f"{count:,}"
        text = shorten(name, _LEGEND - 0.55 - width(tail, SMALL), BODY)
        style.write(figure, left + 0.16, y, text, BODY)
        style.write(figure, left + 0.26 + width(text, BODY), y, tail, SMALL, colour=GREY)
    doubted = int(told.doubted.sum()) if told else 0
    if told and doubted:
        y = top - 0.12 - 0.25 * (len(entries) + 0.5)
        key = Line2D([left], [y], marker="o", markersize=6, markerfacecolor="none", markeredgecolor=GREY)
        key.set(markeredgewidth=1.1, transform=figure.dpi_scale_trans)
        figure.add_artist(key)
        style.write(figure, left + 0.16, y, "place in doubt", BODY)
        style.write(figure, left + 0.26 + width("place in doubt", BODY), y, f"{doubted:,}", SMALL, colour=GREY)
        rule = wrap(told.rule, _LEGEND - 0.4, SMALL, lines=6)
        style.write(figure, left + 0.16, y - 0.12, rule, SMALL, colour=GREY, va="top")
