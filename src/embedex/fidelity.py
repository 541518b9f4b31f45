"""How far a map can be believed: what each record's place keeps of its neighbourhood, and what the whole map keeps.

A map in 2D or 3D cannot keep all neighbourhoods of a space of hundreds of dimensions. Here is measured which ones it
keeps, against the vectors that it was fitted on, and, where several seeds gave several maps, one map against another.
Distances are Euclidean in both spaces; of unit vectors they order records as cosines do. Nothing here fits a map.

Sources: J. Venna and S. Kaski, Neighborhood preservation in nonlinear projection methods (2001), for trustworthiness
and continuity; J. C. Gower, Generalized Procrustes analysis (1975), for laying one map on another.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING

from embedex import projection, similarity
from embedex.errors import InputError
from embedex.results import Fidelity

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Neighbours = tuple[NDArray[np.int64], NDArray[np.float32]]
    """What `embedex.projection.nearest` gives: positions and distances, each record itself first."""

NEAREST = 10
"""So many neighbours make a neighbourhood, where there are records enough."""

EXACT = 5_000
"""Up to so many records trustworthiness and continuity take every record; with more, a sample."""

SAMPLE = 2_000
"""Records in that sample; each is still ranked against all others."""


def neighbourhood(count: int) -> int:
    """How many neighbours are looked at in a map of `count` records: `NEAREST`, or fewer than half of the records."""
    return max(0, min(NEAREST, (count - 1) // 2))


def measure(
    vectors: NDArray[np.float32], maps: Sequence[NDArray[np.float32]], chosen: int = 0, near: Neighbours | None = None
) -> Fidelity | None:
    """Measure one map of several against the vectors, and all of them against one another.

    Args:
        vectors: shape (n, d), what the maps were fitted on.
        maps: coordinates, each of shape (n, 2 or 3), of one or more fits with different seeds.
        chosen: the map to measure.
        near: the vectors' nearest, with at least ``neighbourhood(n) + 1`` columns; found here when None.

    Returns:
        None for fewer than three records, which have no neighbourhood.

    Raises:
        InputError: a map has a place that is no finite number.
    """
    import numpy as np

    k = neighbourhood(len(vectors))
    if not k:
        return None
    if not all(np.isfinite(places).all() for places in maps):
        raise InputError("A map with places that are not finite cannot be measured.", cure="Fit it with --method pca.")
    positions, distances = near or projection.nearest(vectors, k + 1)
    in_maps = [nearest_others(places, k) for places in maps]
    rows = np.arange(len(vectors))
    if len(vectors) > EXACT:
        rows = np.sort(np.random.default_rng(0).choice(len(vectors), SAMPLE, replace=False))
    several = len(maps) > 1
    return Fidelity(
        nearest=k,
        kept=kept(vectors, in_maps[chosen], distances[:, k]),
        stable=stable(in_maps) if several else None,
        trustworthiness=1 - intruders(vectors, in_maps[chosen], rows),
        continuity=1 - intruders(maps[chosen], positions[:, 1 : k + 1], rows),
        measured=len(rows),
        seeds=len(maps),
        arrangement=float(np.mean([overlay(*pair) for pair in combinations(maps, 2)])) if several else None,
    )


def nearest_others(vectors: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Each row's `k` nearest other rows, nearest first; shape (n, k)."""
    return projection.nearest(vectors, k + 1)[0][:, 1:]


def kept(vectors: NDArray[np.float32], near: NDArray[np.int64], reach: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of each record's k nearest in a map, the share that are among its k nearest in the vectors' space.

    As both are k, it is also the share of its nearest in the space that the map keeps. Where several records are
    equally far, all of them count as near: an order among equals is nobody's to keep.

    Args:
        vectors: shape (n, d).
        near: the nearest in the map, shape (n, k).
        reach: each record's distance to the k-th nearest other in the vectors' space, shape (n,).

    Returns:
        float32, 0 to 1, shape (n,).
    """
    import numpy as np

    within = np.zeros(len(vectors), np.float32)
    step = max(1, similarity.BLOCK_BYTES // (4 * max(1, vectors.shape[1])))
    for others in near.T:
        for start in range(0, len(vectors), step):
            part = slice(start, start + step)
            # As `nearest` measures them, so that the k-th itself is never a rounding error too far.
            within[part] += np.linalg.norm(vectors[others[part]] - vectors[part], axis=1) <= reach[part]
    return within / np.float32(near.shape[1])


def stable(in_maps: Sequence[NDArray[np.int64]]) -> NDArray[np.float32]:
    """Of each record's k nearest in one map, the share among its k nearest in another, as a mean over pairs of maps.

    Args:
        in_maps: the nearest in each of two or more maps, each of shape (n, k).

    Returns:
        float32, 0 to 1, shape (n,).
    """
    import numpy as np

    shares = [_common(one, other) for one, other in combinations(in_maps, 2)]
    return np.asarray(np.mean(shares, axis=0), np.float32)


def most_agreed(maps: Sequence[NDArray[np.float32]]) -> int:
    """Which map's neighbourhoods agree best with those of the others, on the mean; the first of equals."""
    import numpy as np

    k = neighbourhood(len(maps[0]))
    if len(maps) < 3 or not k:  # of two maps each agrees with the other as well
        return 0
    in_maps = [nearest_others(places, k) for places in maps]
    agreement = np.zeros(len(maps))
    for one, other in combinations(range(len(maps)), 2):
        agreement[[one, other]] += _common(in_maps[one], in_maps[other]).mean(dtype=np.float64)
    return int(agreement.argmax())


def intruders(vectors: NDArray[np.float32], near: NDArray[np.int64], rows: NDArray[np.int64]) -> float:
    """How far from the nearest in one space the nearest of another space lie, 0 to 1.

    One minus this is the trustworthiness of a map, for `vectors` that it was fitted on and the nearest in the map; and
    it is the continuity, for the map's coordinates and the nearest among those vectors. For each record the ranks, by
    distance in `vectors`, of its k `near` records beyond k are added up, and the sum is divided by the largest that it
    can be. Records at one distance share the best of their ranks.

    Args:
        vectors: shape (n, d).
        near: shape (n, k), with 2 k < n; the nearest other records in the other space.
        rows: the records to take, all of them or a sample. Each is ranked against all n.

    Returns:
        0 where every one of the nearest is among the k nearest in `vectors` too.
    """
    import numpy as np

    count, k = near.shape
    # Double precision: a difference of squares would lose how near records are ordered.
    moved = vectors - vectors.mean(axis=0, dtype=np.float64)
    squares = np.einsum("ij,ij->i", moved, moved)
    noise = 1e-13 * float(squares.max(initial=0.0))
    step = max(1, similarity.BLOCK_BYTES // (8 * count))
    beyond = 0
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        squared = squares[part, None] + squares[None, :] - 2 * (moved[part] @ moved.T)
        squared[np.arange(len(part)), part] = np.inf  # nobody's own neighbour
        limits = np.take_along_axis(squared, near[part], axis=1) - noise
        for limit in limits.T:
            ranks = 1 + np.count_nonzero(squared < limit[:, None], axis=1)
            beyond += int(np.maximum(ranks - k, 0).sum())
    return float(2 * beyond / (len(rows) * k * (2 * count - 3 * k - 1)))


def overlay(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """How well one map lies on another after the best shift, turn, mirroring and scaling: 0 to 1.

    The share of the one's variance about its middle that the other, so laid on it, accounts for (Procrustes): 1 for
    the same map turned, near 0 where islands lie anywhere.
    """
    import numpy as np

    a, b = (places - places.mean(axis=0, dtype=np.float64) for places in (one, other))
    spread = float((a * a).sum() * (b * b).sum())
    if spread <= 0:
        return float(np.array_equal(a, b))
    return min(1.0, float(np.linalg.svd(a.T @ b, compute_uv=False).sum() ** 2 / spread))


def _common(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.float32]:
    """Of each row's entries, the share that the other has in that row too; shape (n,)."""
    import numpy as np

    both = np.zeros(len(one), np.float32)
    for column in other.T:
        both += (one == column[:, None]).any(axis=1)
    return both / np.float32(one.shape[1])
