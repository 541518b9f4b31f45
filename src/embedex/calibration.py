"""What a score is worth in its collection: its percentile among all pairs, its z-score in a group, hubs.

Of few records every score is kept; of more, all pairs are counted into a histogram, tile by tile; beyond
`EXACT_RECORDS` records a random sample of them. Memory does not grow with the pairs, and every percentile comes with a
bound on its error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embedex import similarity

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BINS = 200_000
"""Bins of the histogram, from -1 to 1: each is 0.00001 wide."""

EXACT_PAIRS = 100_000
"""Up to so many pairs, of 447 records, every score is kept as it is, and percentiles are counted: no bin blurs them."""

EXACT_RECORDS = 20_000
"""Up to so many records every pair is counted: 200 million take a second or two."""

SAMPLED_PAIRS = 4_000_000
"""How many pairs are drawn of more records: enough for 0.1 percentile points."""

CONFIDENCE = 0.999
"""Of the bound on the error of a sample."""

NEIGHBOURS = 10
"""How many records are *nearest* when it comes to hubs and mutual neighbours."""

TILE = 1_024
"""Rows and columns of pairs that are scored at once."""

ROUNDING = 1e-6
"""Scores closer than this are equal: one product comes out differently alone and among others."""


@dataclass(frozen=True, slots=True, eq=False)
class Distribution:
    """How the scores of all pairs are spread.

    Attributes:
        counts: int64, shape (BINS,): how many pairs have a score in each bin.
        sampled: whether the pairs are a random sample.
        scores: float32, shape (pairs,), ascending: every pair's; None beyond `EXACT_PAIRS`.
    """

    counts: NDArray[np.int64]
    sampled: bool
    scores: NDArray[np.float32] | None = None

    @property
    def pairs(self) -> int:
        """How many pairs were counted."""
        return int(self.counts.sum())

    @property
    def error(self) -> float:
        """The most that a percentile may be off, in percentile points.

        Within its bin the place of a score is not known, so it may be off by the share of the fullest bin; a sample
        also by `sampling_error`, with `CONFIDENCE`. Where every score is kept it is 0.
        """
        if self.scores is not None:
            return 0.0
        bins = 100 * float(self.counts.max()) / max(1, self.pairs)
        return bins + (sampling_error(self.pairs) if self.sampled else 0.0)

    def percentiles(self, scores: NDArray[np.float32]) -> NDArray[np.float64]:
        """For each score the share of pairs with a lower one, 0 to 100.

        Where every score is kept they are counted, and those within `ROUNDING` are equal; else pairs count as spread
        evenly within a bin.
        """
        import numpy as np

        if self.scores is not None:
            lower = np.searchsorted(self.scores, np.asarray(scores, np.float64) - ROUNDING)
            exact: NDArray[np.float64] = lower.astype(np.float64) * (100 / max(1, len(self.scores)))
            return exact

        below = np.concatenate([[0], np.cumsum(self.counts)])
        places = (np.asarray(scores, np.float64) + 1) * (BINS / 2)
        found: NDArray[np.float64] = np.interp(places, np.arange(BINS + 1), below) * (100 / max(1, self.pairs))
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Neighbourhoods:
    """Who is near whom, without the whole list.

    Attributes:
        size: how many are *nearest*.
        edges: float32, shape (n,): the lowest score among each record's nearest.
        hubness: float64, shape (n,): how many records have it among their nearest, divided by `size`; the mean is 1.
    """

    size: int
    edges: NDArray[np.float32]
    hubness: NDArray[np.float64]


def sampling_error(pairs: int) -> float:
    """How far a sample's percentiles may be off, in percentile points, all of them at once, with `CONFIDENCE`.

    The inequality of Dvoretzky, Kiefer and Wolfowitz with Massart's constant: sqrt(ln(2 / (1 - confidence)) / 2n).
    """
    return 100 * math.sqrt(math.log(2 / (1 - CONFIDENCE)) / (2 * max(1, pairs)))


def distribution(vectors: NDArray[np.float32], *, seed: int = 0) -> Distribution:
    """The scores of all pairs of different rows; of more than `EXACT_RECORDS` rows, of `SAMPLED_PAIRS` random ones.

    Args:
        vectors: unit vectors, shape (n, d), with n at least 2.
        seed: of the sample.
    """
    import numpy as np

    if len(vectors) * (len(vectors) - 1) // 2 <= EXACT_PAIRS:
        scores = np.sort((vectors @ vectors.T)[np.triu_indices(len(vectors), 1)])
        return Distribution(_binned(scores), False, scores)
    sampled = len(vectors) > EXACT_RECORDS
    return Distribution(sampled_counts(vectors, seed) if sampled else all_counts(vectors), sampled)


def all_counts(vectors: NDArray[np.float32]) -> NDArray[np.int64]:
    """The histogram of every pair's score, each counted once; int64, shape (BINS,)."""
    import numpy as np

    counts = np.zeros(BINS, np.int64)
    for row in range(0, len(vectors), TILE):
        rows = vectors[row : row + TILE]
        for column in range(row, len(vectors), TILE):
            scores = rows @ vectors[column : column + TILE].T
            if column == row:
                scores = scores[np.triu_indices(len(scores), 1)]
            counts += _binned(scores)
    return counts


def sampled_counts(vectors: NDArray[np.float32], seed: int) -> NDArray[np.int64]:
    """The histogram of `SAMPLED_PAIRS` pairs, each drawn from all pairs of different rows, with replacement."""
    import numpy as np

    random = np.random.default_rng(seed)
    counts = np.zeros(BINS, np.int64)
    step = max(1, TILE * TILE // vectors.shape[1])
    for start in range(0, SAMPLED_PAIRS, step):
        many = min(step, SAMPLED_PAIRS - start)
        first = random.integers(len(vectors), size=many)
        second = random.integers(len(vectors) - 1, size=many)
        second += second >= first  # any other row with the same chance
        counts += _binned(np.einsum("ij,ij->i", vectors[first], vectors[second]))
    return counts


def neighbourhoods(vectors: NDArray[np.float32], size: int = NEIGHBOURS) -> Neighbourhoods:
    """The edge of each row's neighbourhood, and how often each row is in another's; exact.

    Time grows with the square of the rows, memory with the rows.

    Args:
        vectors: unit vectors, shape (n, d), with n at least 2.
        size: how many are nearest; n - 1 of fewer rows.
    """
    import numpy as np

    size = min(size, len(vectors) - 1)
    positions, scores = similarity.nearest(vectors, size)
    return Neighbourhoods(size, scores[:, -1], np.bincount(positions.ravel(), minlength=len(vectors)) / size)


def z_scores(values: NDArray[np.float32], groups: NDArray[np.int64]) -> NDArray[np.float64]:
    """How far each value is from the mean of its group, in the group's standard deviations.

    Args:
        values: shape (n,); NaN counts nowhere.
        groups: shape (n,): numbers from 0.

    Returns:
        Shape (n,); NaN where a group has fewer than two values, or all are equal.
    """
    import numpy as np

    known = ~np.isnan(values)
    numbers, exact = groups[known], values[known].astype(np.float64)
    count = np.maximum(np.bincount(numbers, minlength=int(groups.max(initial=0)) + 1), 1)
    mean = np.bincount(numbers, exact, minlength=len(count)) / count
    moved = values - mean[groups]
    spread = np.sqrt(np.bincount(numbers, moved[known] ** 2, minlength=len(count)) / count)[groups]
    result: NDArray[np.float64] = np.full(len(values), np.nan)
    np.divide(moved, spread, out=result, where=spread > ROUNDING)
    return result


def mutual(scores: NDArray[np.float32], near: Neighbourhoods) -> NDArray[np.bool_]:
    """Which records have the query among their nearest and are among its nearest.

    Args:
        scores: the query's score with each record, shape (n,); NaN with itself.
        near: the records' neighbourhoods.

    Returns:
        Shape (n,). A score that equals the edge of a neighbourhood is inside.
    """
    import numpy as np

    known = scores[~np.isnan(scores)]
    if len(known) == 0:
        return np.zeros(len(scores), bool)
    size = min(near.size, len(known))
    edge = np.partition(known, len(known) - size)[len(known) - size]
    inside: NDArray[np.bool_] = scores >= np.maximum(edge, near.edges) - np.float32(ROUNDING)
    return inside


def _binned(scores: NDArray[np.float32]) -> NDArray[np.int64]:
    import numpy as np

    places = ((scores.ravel() + np.float32(1)) * np.float32(BINS / 2)).astype(np.int32)
    np.clip(places, 0, BINS - 1, out=places)
    return np.bincount(places, minlength=BINS)
