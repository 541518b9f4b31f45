"""Exact cosine similarity: the most similar, all pairs, medians. Memory grows with the records, never with their pairs.

All functions take float32 unit vectors, one a row, and never change them. *Centred* cosines are cosines after the
mean of the collection is subtracted: records in one JSON shape all point the same way, and the mean holds what they
share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Score = Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]]
    """What two sets of vectors are compared by: shapes (a, d) and (b, d) give a new array of shape (a, b)."""

BLOCK_BYTES = 64 * 2**20
"""Size of a block of scores in memory."""

SORTED_AT_ONCE = 2**20
"""How many scores of a block have their positions sorted at once."""

EXACT_RECORDS = 20_000
"""Of so many records all medians are exact; of more, samples tell which may be the lowest."""

SAMPLES = (512, 8_192)
CANDIDATES = 128
CHECKED = 32
"""For the lowest medians of more: records in both samples, exact medians, and those of them that tell the error."""

MOVED_AT_ONCE = 2**20
"""How many numbers of vectors are centred at once where only their lengths are kept."""

NO_DIRECTION = 1e-6
"""Below so much, which is rounding noise, a difference of two unit vectors has no direction worth the name."""


@dataclass(frozen=True, slots=True, eq=False)
class Centring:
    """How vectors are centred, so that none of them has to be kept a second time.

    Attributes:
        mean: float32, shape (d,): what is subtracted.
        lengths: float32, shape (n,): what is left of each, by which it is brought back to unit length.
        without: float32, shape (d, c): directions that are taken away, or None.
    """

    mean: NDArray[np.float32]
    lengths: NDArray[np.float32]
    without: NDArray[np.float32] | None = None


def dot(some: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """The cosines of unit vectors: shapes (a, d) and (b, d) give (a, b)."""
    return some @ others.T


def centre(
    vectors: NDArray[np.float32], mean: NDArray[np.float32], without: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Subtract a mean, perhaps take some directions away, and bring back to unit length.

    A vector equal to the mean has no direction left: it becomes zeros, and its score with anything is 0.

    Args:
        vectors: shape (n, d).
        mean: shape (d,).
        without: shape (d, c), orthonormal columns: directions to take away, such as `top_directions`.
    """
    import numpy as np

    moved = _moved(vectors, mean, without)
    lengths = np.linalg.norm(moved, axis=1)
    moved[lengths <= NO_DIRECTION] = 0
    centred: NDArray[np.float32] = np.divide(moved, lengths[:, None], out=moved, where=lengths[:, None] > NO_DIRECTION)
    return centred


def centring(
    vectors: NDArray[np.float32], mean: NDArray[np.float32], without: NDArray[np.float32] | None = None
) -> Centring:
    """What `centred_scores` needs; arguments are those of `centre`."""
    import numpy as np

    lengths = np.empty(len(vectors), np.float32)
    step = max(1, MOVED_AT_ONCE // max(1, vectors.shape[1]))
    for start in range(0, len(vectors), step):
        part = slice(start, start + step)
        lengths[part] = np.linalg.norm(_moved(vectors[part], mean, without), axis=1)
    return Centring(mean, lengths, without)


def centred_scores(
    vectors: NDArray[np.float32], centring: Centring, vector: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The scores of a vector with all vectors as `centre` would leave them, without that second copy of them all.

    ``(v - mean) / length`` times q is ``(v q - mean q) / length``; but for rounding it is the same.

    Args:
        vectors: as they were before, shape (n, d).
        centring: theirs.
        vector: shape (d,): what they are compared with, centred already where it is to be.

    Returns:
        Shape (n,).
    """
    import numpy as np

    if centring.without is not None:
        vector = vector - centring.without @ (centring.without.T @ vector)
    scores: NDArray[np.float32] = vectors @ vector
    scores -= centring.mean @ vector
    known = centring.lengths > NO_DIRECTION
    scores[~known] = 0
    np.divide(scores, centring.lengths, out=scores, where=known)
    return scores


def _moved(
    vectors: NDArray[np.float32], mean: NDArray[np.float32], without: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    moved = vectors - mean
    if without is not None:
        moved -= (moved @ without) @ without.T
    return moved


def top_directions(vectors: NDArray[np.float32], mean: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """The directions in which vectors differ most from their mean: their first principal components.

    To take them away after centring is known as *all-but-the-top* (Mu and Viswanath 2018, arXiv:1702.01417).

    Args:
        vectors: shape (n, d).
        mean: shape (d,).
        count: how many, less than n and than d.

    Returns:
        float32, shape (d, count), orthonormal columns.
    """
    import numpy as np

    moved = (vectors - mean).astype(np.float64)
    if len(vectors) < vectors.shape[1]:
        axes = np.linalg.svd(moved, full_matrices=False)[2].T
    else:
        axes = np.linalg.eigh(moved.T @ moved)[1][:, ::-1]
    return np.ascontiguousarray(axes[:, :count], np.float32)


def fuse(text: NDArray[np.float32], image: NDArray[np.float32], weight: float = 0.5) -> NDArray[np.float32]:
    """Text and picture side by side as one unit vector, so that a score is the weighted mean of two scores.

    Args:
        text: shape (n, d_text).
        image: shape (n, d_image).
        weight: the picture's share, 0 to 1.

    Returns:
        float32, shape (n, d_text + d_image).
    """
    import numpy as np

    sides = [text * np.float32(np.sqrt(1 - weight)), image * np.float32(np.sqrt(weight))]
    fused: NDArray[np.float32] = np.concatenate(sides, axis=1)
    return fused


def spread(vectors: NDArray[np.float32]) -> float:
    """The standard deviation of the scores of all pairs of two different records.

    Exact, without a pair being written down: the squares of all scores add up to the squares of the d x d matrix of
    second moments. 0 for fewer than two records.

    Args:
        vectors: shape (n, d).
    """
    import numpy as np

    count = len(vectors)
    if count < 2:
        return 0.0
    double = vectors.astype(np.float64)
    lengths = np.einsum("ij,ij->i", double, double)
    pairs = count * (count - 1)
    mean = (np.square(double.sum(axis=0)).sum() - lengths.sum()) / pairs
    squares = (np.square(double.T @ double).sum() - np.square(lengths).sum()) / pairs
    return float(np.sqrt(max(0.0, squares - mean * mean)))


def standard_weight(text: NDArray[np.float32], image: NDArray[np.float32], weight: float) -> float:
    """The picture's share for `fuse` that gives it `weight` once the scores of both have the same spread.

    Scores of pictures may differ from pair to pair far more than scores of texts, or far less; unless that is evened
    out, the side that differs more decides alone. Where one of them does not differ at all, nothing is evened out.

    Args:
        text, image: shapes (n, d_text) and (n, d_image).
        weight: the picture's share of the spread, 0 to 1.
    """
    return evened(weight, (spread(text), spread(image)))


def evened(weight: float, spreads: tuple[float, float]) -> float:
    """The picture's share for `fuse` that gives it `weight` with scores that spread so, of texts and of pictures."""
    if min(spreads) < 1e-9:
        return weight
    shares = (1 - weight) / spreads[0], weight / spreads[1]
    return shares[1] / sum(shares)


def best(scores: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Positions of the k highest scores, best first; of equal scores the first position comes first."""
    import numpy as np

    k = min(k, len(scores))
    if k == 0:
        return np.empty(0, np.int64)
    threshold = np.partition(scores, len(scores) - k)[len(scores) - k]
    candidates = np.flatnonzero(scores >= threshold)
    order = np.argsort(-scores[candidates], kind="stable")
    return candidates[order[:k]]


def best_in_groups(
    scores: NDArray[np.float32], groups: NDArray[np.int32], k: int
) -> list[tuple[int, NDArray[np.int64]]]:
    """For each group, the lowest number first, the positions of its k highest scores.

    Args:
        scores: shape (n,).
        groups: shape (n,): the number of each one's group.
        k: how many of each.
    """
    import numpy as np

    few = len(groups) == 0 or int(groups.max()) < 2**16
    order = np.argsort(groups.astype(np.uint16) if few else groups, kind="stable")  # by radix, if it can be
    numbers, starts = np.unique(groups[order], return_index=True)
    members = np.split(order, starts[1:]) if len(numbers) else []
    return [
        (number, positions[best(scores[positions], k)])
        for number, positions in zip(numbers.tolist(), members, strict=True)
    ]


def blocks(vectors: NDArray[np.float32]) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """All pairs' scores, a block of rows at a time: (first row, float32 of shape (rows, n))."""
    step = max(1, BLOCK_BYTES // (4 * max(1, len(vectors))))
    for start in range(0, len(vectors), step):
        yield start, vectors[start : start + step] @ vectors.T


def neighbours(vectors: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """The k most similar of each record, best first, itself left out; shape (n, min(k, n - 1))."""
    import numpy as np

    k = min(k, len(vectors) - 1)
    return nearest(vectors, k)[0] if k > 0 else np.empty((len(vectors), 0), np.int64)


def nearest(vectors: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Each row's k most similar other rows, best first; of equal scores the first position comes first.

    Where equal scores meet at the edge of the k, which of them are taken is left open.

    Args:
        vectors: shape (n, d).
        k: how many, from 1 to n - 1.

    Returns:
        Positions and scores, both of shape (n, k).
    """
    import numpy as np

    count = len(vectors)
    positions, best_scores = np.empty((count, k), np.int64), np.empty((count, k), np.float32)
    few = max(1, SORTED_AT_ONCE // max(1, count))
    for first, block in blocks(vectors):
        # A few rows at a time: the sorting writes positions of 8 bytes beside the scores of 4.
        for top in range(0, len(block), few):
            scores = block[top : top + few]
            start = first + top
            rows = np.arange(len(scores))
            scores[rows, start + rows] = -np.inf
            near = np.argpartition(scores, count - k, axis=1)[:, count - k :]
            found = np.take_along_axis(scores, near, axis=1)
            order = np.lexsort((near, -found), axis=1)
            positions[start + rows] = np.take_along_axis(near, order, axis=1)
            best_scores[start + rows] = np.take_along_axis(found, order, axis=1)
    return positions, best_scores


def medians(vectors: NDArray[np.float32], score: Score = dot) -> NDArray[np.float32]:
    """Each record's median similarity to all others, itself left out; shape (n,). NaN for a record that is alone.

    Time grows with the square of the records, memory with the records.
    """
    import numpy as np

    every = np.arange(len(vectors))
    return medians_among(vectors, every, every, score)


def medians_among(
    vectors: NDArray[np.float32], of: NDArray[np.int64], among: NDArray[np.int64], score: Score = dot
) -> NDArray[np.float32]:
    """The median similarity of some records to some records, themselves left out.

    Args:
        vectors: shape (n, d).
        of: positions in `vectors`, shape (m,): whose medians.
        among: positions in `vectors`, shape (s,), ascending: to whom.
        score: what is compared.

    Returns:
        float32, shape (m,); NaN where nobody else is left.
    """
    import numpy as np

    count = len(among)
    result = np.full(len(of), np.nan, np.float32)
    if count == 0:
        return result
    others = vectors if count == len(vectors) else vectors[among]
    own = np.minimum(np.searchsorted(among, of), count - 1)
    inside = among[own] == of
    step = max(1, BLOCK_BYTES // (4 * count))
    for places, left_out in ((np.flatnonzero(inside), 1), (np.flatnonzero(~inside), 0)):
        if count == left_out:
            continue
        # Of count - left_out others; who is left out stands before them, at the bottom.
        lower, upper = left_out + (count - left_out - 1) // 2, left_out + (count - left_out) // 2
        for start in range(0, len(places), step):
            part = places[start : start + step]
            scores = score(vectors[of[part]], others)
            if left_out:
                scores[np.arange(len(part)), own[part]] = -np.inf
            scores.partition(upper, axis=1)
            # To seek two places takes several times as long: the lower is the highest of what stands before the upper.
            highest = scores[:, upper] if lower == upper else scores[:, left_out:upper].max(axis=1)
            result[part] = (highest + scores[:, upper]) / 2
    return result


@dataclass(frozen=True, slots=True, eq=False)
class LowestMedians:
    """The records with the lowest median similarity to all others.

    Attributes:
        medians: float32, shape (n,): the exact ones of those that may be among the lowest, infinite for the rest.
        sample: how many records told who may be; 0 where all medians are exact.
        error: by how much a median among the sample is off: the root of the mean square over `CHECKED` records.
    """

    medians: NDArray[np.float32]
    sample: int = 0
    error: float = 0.0


def lowest_medians(
    vectors: NDArray[np.float32],
    k: int,
    groups: NDArray[np.int32] | None = None,
    score: Score = dot,
    *,
    seed: int = 0,
) -> LowestMedians:
    """The k lowest medians, overall or of each group, found by samples: time grows with the records, not their pairs.

    The records of a sample are drawn with equal chances, and are the same for all. Each record's median among a small
    one tells the lowest fiftieth; of these, the median among a large one tells the lowest `CANDIDATES`, or twice k
    of each group if they are more; of these, the median among all others is then computed. So what comes out is exact;
    but a record whose medians among the samples are far too high would be missed.

    Args:
        vectors: shape (n, d).
        k: how many are wanted.
        groups: shape (n,): the number of each one's group, if the lowest of each group are wanted.
        score: what is compared.
        seed: of the samples.
    """
    import numpy as np

    count = len(vectors)
    if count <= SAMPLES[1]:
        return LowestMedians(medians(vectors, score))
    random = np.random.default_rng(seed)
    every, drawn = np.arange(count), random.permutation(count)
    small, large = np.sort(drawn[: SAMPLES[0]]), np.sort(drawn[: SAMPLES[1]])
    checked = random.choice(count, min(count, CHECKED), replace=False)
    numbers = np.zeros(count, np.int32) if groups is None else groups
    apart = len(np.unique(numbers))
    exact = max(2 * k, CANDIDATES // apart)
    many = max(4 * exact, count // (50 * apart))

    def lowest(of: NDArray[np.int64], among: NDArray[np.int64], keep: int) -> NDArray[np.int64]:
        found = best_in_groups(-medians_among(vectors, of, among, score), numbers[of], keep)
        kept: NDArray[np.int64] = of[np.concatenate([positions for _, positions in found])]
        return kept

    likely = lowest(lowest(every, small, many), large, exact)
    result = np.full(count, np.inf, np.float32)
    result[likely] = medians_among(vectors, likely, every, score)
    off = medians_among(vectors, checked, every, score) - medians_among(vectors, checked, large, score)
    return LowestMedians(result, SAMPLES[1], float(np.sqrt(np.mean(np.square(off, dtype=np.float64)))))


def pair_square(vectors: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """All pairs as a square of at most `side` rows: each score, or with more records the mean over each tile of pairs.

    Returns:
        float32, shape (m, m) with m = min(n, side). Row i stands for the records from ``i * n // m`` to
        ``(i + 1) * n // m``.
    """
    import numpy as np

    count = len(vectors)
    if count <= side:
        return vectors @ vectors.T
    # The mean over a tile of pairs is the product of its two means, by linearity: no pair is ever written down.
    starts = np.arange(side) * count // side
    sizes = np.diff(np.append(starts, count))
    means = np.add.reduceat(vectors, starts, axis=0, dtype=np.float64) / sizes[:, None]
    return (means @ means.T).astype(np.float32)


def group_means(vectors: NDArray[np.float32], starts: Sequence[int]) -> NDArray[np.float32]:
    """The mean score of two different records, for each pair of groups.

    Args:
        vectors: shape (n, d), group after group.
        starts: where each of the g groups starts, ascending from 0.

    Returns:
        float32, shape (g, g); NaN on the diagonal for a group of one.
    """
    import numpy as np

    sums = np.add.reduceat(vectors, starts, axis=0, dtype=np.float64)
    sizes = np.diff([*starts, len(vectors)]).astype(np.float64)
    totals = sums @ sums.T
    pairs = np.outer(sizes, sizes)
    with_itself = np.add.reduceat(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64), starts)
    totals[np.diag_indices_from(totals)] -= with_itself
    pairs[np.diag_indices_from(pairs)] -= sizes
    means = np.divide(totals, pairs, out=np.full_like(totals, np.nan), where=pairs > 0)
    return np.asarray(means, np.float32)


def passage_scores(
    vectors: NDArray[np.float32],
    question: NDArray[np.float32],
    owner: NDArray[np.int64],
    passage: NDArray[np.int64],
    count: int,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """How well records answer a question by their passages: the mean of two cosines.

    One is the best passage's, the other that of the middle of all the record's passages; together they rank answers
    better than either (docs/choices.md).

    Args:
        vectors: the passages', shape (p, d).
        question: shape (d,).
        owner, passage: shape (h,): passage ``passage[i]`` belongs to record ``owner[i]``.
        count: how many records there are; each owns at least one passage.

    Returns:
        Scores, shape (count,), and the best passage of each record, shape (count,).
    """
    import numpy as np

    scores = (vectors @ question)[passage]
    # Sorted by owner, then by score from the top, then by place: the first of each owner is its best.
    order = np.lexsort((passage, -scores, owner))
    first = np.searchsorted(owner[order], np.arange(count))
    sums = np.add.reduceat(vectors[passage[order]], first, axis=0)
    lengths = np.linalg.norm(sums, axis=1)
    middle = np.divide(sums @ question, lengths, out=np.zeros(count, np.float32), where=lengths > 1e-6)
    return (scores[order][first] + middle) / 2, passage[order][first]
