"""An honest axis for scores: bars where zero can be shown, dots where it would hide every difference."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

if TYPE_CHECKING:
    from collections.abc import Iterable

    from embedex.results import Measure

_NARROW = 0.25
"""Scores that differ by less than this share of the largest are no bars: nobody could tell them apart."""

_ALIKE = 1e-4
"""Scores that differ by less are the same, for the eye."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How a set of scores is drawn.

    Attributes:
        low: where the axis begins.
        high: where it ends.
        bars: whether a bar from zero shows the score; else a dot, and lengths mean nothing.
        lower_is_closer: whether the scores are distances.
        decimals: with how many a score is written.
        title: says what the axis is, and where it begins when that is not zero.
    """

    low: float
    high: float
    bars: bool
    lower_is_closer: bool
    decimals: int
    title: str

    def text(self, score: float) -> str:
        """A score as written beside its mark."""
        return _number(score, self.decimals)

    def ticks(self, most: int = 5) -> dict[float, str]:
        """Round numbers inside the axis, and how they are written."""
        return round_ticks(self.low, self.high, most)

    def best(self, scores: Iterable[float]) -> int | None:
        """The position of the closest score, the first of several; None where there is none."""
        values = np.fromiter(scores, dtype=np.float64)
        if not np.isfinite(values).any():
            return None
        return int(np.nanargmin(values) if self.lower_is_closer else np.nanargmax(values))


def scale(scores: Iterable[float], measure: Measure, *, noun: str = "", from_zero: bool = False) -> Scale:
    """The axis for some scores.

    Args:
        scores: the scores; those that are not finite are left out.
        measure: what they are.
        noun: what the axis shows when it is not the plain measure, such as ``"median similarity"``.
        from_zero: whether it begins at 0 however little the scores differ, so that no difference looks larger than
            it is.
    """
    finite = [float(each) for each in scores if math.isfinite(each)] or [0.0, 1.0]
    least, most = min(finite), max(finite)
    span = most - least
    decimals = min(4, max(2, math.ceil(-math.log10(span / 20)))) if span > _ALIKE else 2
    if measure == "distance":
        return Scale(
            0.0,
            max(0.0, 1.06 * most) or 1.0,
            False,
            True,
            decimals,
            f"{noun or 'distance in the map'}, lower is closer",
        )
    named = f"{noun} ({measure})" if noun else measure
    if from_zero or least < 0 or span <= _ALIKE or span >= _NARROW * most:
        ends = (min(0.0, 1.1 * least), max(0.0, most) or (0.0 if least < 0 else 1.0))
        return Scale(*ends, True, False, decimals, named)
    low, high = least - 0.18 * span, most
    note = f"{named} · the axis begins at {_number(low, decimals)}, not at 0"
    return Scale(low, high, False, False, decimals, note)


def round_ticks(low: float, high: float, most: int) -> dict[float, str]:
    """Round numbers between two ends, about `most` of them, and how they are written."""
    values = MaxNLocator(nbins=most, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    slack = 1e-9 * (high - low)
    inside = [float(each) for each in values if low - slack <= each <= high + slack]
    decimals = next((count for count in range(6) if all(abs(round(each, count) - each) < 1e-9 for each in inside)), 6)
    return {each: _number(each, decimals) for each in inside}


def _number(value: float, decimals: int) -> str:
    text = f"{value:,.{decimals}f}"
    return text.removeprefix("-") if float(text.replace(",", "")) == 0 else text.replace("-", "−")
