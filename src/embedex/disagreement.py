"""Where texts and pictures disagree: pairs close in one and far in the other, records whose neighbours differ.

A cosine of texts and one of pictures are no equals, so what is compared is their percentiles among all pairs. Only
pairs are looked at that are among the nearest in text or in picture: n times k of each, never all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from embedex import calibration, similarity

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CHUNK = 65_536
"""Pairs scored at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """Pairs that are close in text or in picture, and who is near whom.

    Attributes:
        first, second: int64, shape (p,): the two rows of each pair, ``first < second``; every pair once.
        scores: float32, shape (p, 2): by text and by picture.
        percentiles: float64, shape (p, 2): 0 to 100, among all pairs by text and by picture.
        nearest: int64, shape (2, n, k): each row's nearest by text and by picture, best first.
        error: how far a percentile may be off, in percentile points.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    scores: NDArray[np.float32]
    percentiles: NDArray[np.float64]
    nearest: NDArray[np.int64]
    error: float

    @property
    def gaps(self) -> NDArray[np.float64]:
        """By how many percentile points a pair is closer in text than in picture; shape (p,)."""
        gaps: NDArray[np.float64] = self.percentiles[:, 0] - self.percentiles[:, 1]
        return gaps


def sides(text: NDArray[np.float32], image: NDArray[np.float32], k: int) -> Sides:
    """Score every pair that is among the k nearest of either of its records, by text or by picture.

    Args:
        text: unit vectors, shape (n, d), with n at least 3.
        image: unit vectors of the same records, shape (n, e).
        k: how many are nearest, from 1 to n - 1.
    """
    import numpy as np

    count = len(text)
    nearest = np.stack([similarity.nearest(vectors, k)[0] for vectors in (text, image)])
    near = nearest.transpose(1, 0, 2).reshape(count, 2 * k)
    row = np.repeat(np.arange(count), 2 * k)
    other = near.ravel()
    first, second = np.divmod(np.unique(np.minimum(row, other) * count + np.maximum(row, other)), count)
    scores = np.empty((len(first), 2), np.float32)
    percentiles = np.empty((len(first), 2))
    error = 0.0
    for side, vectors in enumerate((text, image)):
        for start in range(0, len(first), CHUNK):
            part = slice(start, start + CHUNK)
            scores[part, side] = np.einsum("ij,ij->i", vectors[first[part]], vectors[second[part]])
        spread = calibration.distribution(vectors)
        percentiles[:, side] = spread.percentiles(scores[:, side])
        error = max(error, spread.error)
    return Sides(first, second, scores, percentiles, nearest, error)


def furthest(gaps: NDArray[np.float64], most: int) -> NDArray[np.int64]:
    """The positions of the largest gaps above 0, at most so many, largest first."""
    import numpy as np

    order: NDArray[np.int64] = np.argsort(-gaps, kind="stable")[:most]
    return order[gaps[order] > 0]


def overlaps(nearest: NDArray[np.int64]) -> NDArray[np.float64]:
    """For each record the share of its nearest by text that are among its nearest by picture.

    Args:
        nearest: shape (2, n, k), as in `Sides`.

    Returns:
        Shape (n,), 0 to 1.
    """
    import numpy as np

    text, image = nearest
    shared = [len(np.intersect1d(one, other, assume_unique=True)) for one, other in zip(text, image, strict=True)]
    shares: NDArray[np.float64] = np.asarray(shared, np.float64) / text.shape[1]
    return shares


def record_gaps(found: Sides) -> NDArray[np.float64]:
    """For each record the mean distance in percentile points between both sides, over the pairs it is in; (n,)."""
    import numpy as np

    count = found.nearest.shape[1]
    gaps = np.abs(found.gaps)
    sums, numbers = np.zeros(count), np.zeros(count)
    for rows in (found.first, found.second):
        sums += np.bincount(rows, gaps, minlength=count)
        numbers += np.bincount(rows, minlength=count)
    means: NDArray[np.float64] = sums / np.maximum(numbers, 1)
    return means
