"""Weights of fields that make neighbours agree on a value of the records, and what they gain on records held out.

A coordinate search: field after field, largest first, the weight of `GRID` that makes most neighbours agree, until a
whole round changes nothing. Weights are searched on some folds and judged on the fold left out, so that what is told
as gained is never what was fitted. Pure maths, a block of scores at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embedex import similarity

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

GRID = (0.0, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""The weights that are tried."""

ROUNDS = 3
"""The most rounds over all fields."""

LEAST_GAIN = 1e-3
"""A weight is changed for at least so much more agreement: less is noise, and 1 is the simpler choice."""

RECORDS = 2_000
"""The most records to tune on; of more, so many are drawn."""

WHOLE_LABELS = 50
"""From so many different values on, folds hold out whole values, so that no family helps to judge itself."""

DRAWS = 2_000


@dataclass(frozen=True, slots=True)
class Judged:
    """What weights are worth on records that had no part in finding them.

    Attributes:
        before: the mean agreement of held-out records with all weights 1.
        after: the same with the weights found on the other folds.
        low, high: the 95 % bootstrap interval of the gain; drawn are values where whole values were held out, else
            records.
        queries: how many records were judged: those that share their value with another one.
        whole_labels: whether whole values were held out.
        of_folds: float64, shape (folds, f): the weights that each fold was judged with.
    """

    before: float
    after: float
    low: float
    high: float
    queries: int
    whole_labels: bool
    of_folds: NDArray[np.float64]


def combined(parts: NDArray[np.float32], weights: NDArray[np.float64]) -> NDArray[np.float32]:
    """Centred unit vectors of weighted parts: (n, f, d) to (n, d), as `similar` compares them."""
    import numpy as np

    return _ready(np.tensordot(parts, weights.astype(np.float32), axes=(1, 0)))


def _ready(summed: NDArray[np.float32]) -> NDArray[np.float32]:
    import numpy as np

    lengths = np.linalg.norm(summed, axis=1, keepdims=True)
    units = np.divide(summed, lengths, out=np.zeros_like(summed), where=lengths > 1e-6)
    return similarity.centre(units, units.mean(axis=0, dtype=np.float64).astype(np.float32))


def agreement(vectors: NDArray[np.float32], labels: NDArray[np.int64], k: int) -> NDArray[np.float64]:
    """Of each record the share of its k nearest that have its label, of as many as can; NaN where no other has it.

    With fewer than k others of a label this is recall@k.

    Args:
        vectors: shape (n, d), ready to be multiplied.
        labels: shape (n,).
        k: how many neighbours.
    """
    import numpy as np

    relatives = np.bincount(labels)[labels] - 1
    near = similarity.neighbours(vectors, k)
    found = (labels[near] == labels[:, None]).sum(axis=1)
    shares: NDArray[np.float64] = np.full(len(labels), np.nan)
    np.divide(found, np.minimum(relatives, k), out=shares, where=relatives > 0)
    return shares


def search(
    parts: NDArray[np.float32], labels: NDArray[np.int64], k: int, fixed: Sequence[int] = ()
) -> NDArray[np.float64]:
    """The weights of fields that make most neighbours agree.

    Args:
        parts: float32, shape (n, f, d).
        labels: shape (n,).
        k: how many neighbours.
        fixed: fields whose weight stays 1.

    Returns:
        float64, shape (f,), each of `GRID`.
    """
    import numpy as np

    fields = parts.shape[1]
    weights = np.ones(fields)
    sizes = np.linalg.norm(parts, axis=2).mean(axis=0)
    order = [each for each in np.argsort(-sizes).tolist() if each not in fixed and sizes[each] > 0]
    best = float(np.nanmean(agreement(combined(parts, weights), labels, k)))
    for _ in range(ROUNDS):
        changed = False
        for field in order:
            summed = np.tensordot(parts, weights.astype(np.float32), axes=(1, 0))
            rest = summed - np.float32(weights[field]) * parts[:, field]
            for weight in GRID:
                if weight == weights[field]:
                    continue
                vectors = _ready(rest + np.float32(weight) * parts[:, field])
                told = float(np.nanmean(agreement(vectors, labels, k)))
                if told >= best + LEAST_GAIN:
                    best, weights[field], changed = told, weight, True
        if not changed:
            break
    return weights


def folds(labels: NDArray[np.int64], count: int, seed: int = 0) -> tuple[NDArray[np.int64], bool]:
    """The fold of each record, shape (n,), and whether records of one label are all in one fold."""
    import numpy as np

    draw = np.random.default_rng(seed)
    distinct = int(labels.max()) + 1
    if distinct >= WHOLE_LABELS:
        return (draw.permutation(distinct) % count)[labels], True
    return draw.permutation(len(labels)) % count, False


def judge(
    parts: NDArray[np.float32],
    labels: NDArray[np.int64],
    k: int,
    count: int = 5,
    fixed: Sequence[int] = (),
    progress: Callable[[int], None] | None = None,
) -> Judged:
    """What a search gains on records that it has not seen, by cross-validation.

    Args:
        parts, labels, k, fixed: see `search`.
        count: how many folds.
        progress: called with the number of folds done.
    """
    import numpy as np

    fold, whole = folds(labels, count)
    before, after = np.full(len(labels), np.nan), np.full(len(labels), np.nan)
    found = []
    plain = agreement(combined(parts, np.ones(parts.shape[1])), labels, k)
    for number in range(count):
        held = fold == number
        weights = search(parts[~held], labels[~held], k, fixed)
        found.append(weights)
        before[held] = plain[held]
        after[held] = agreement(combined(parts, weights), labels, k)[held]
        if progress:
            progress(number + 1)
    known = np.isfinite(before)
    gain = (after - before)[known]
    clusters = labels[known] if whole else np.arange(known.sum())
    low, high = _interval(gain, clusters)
    return Judged(
        float(before[known].mean()), float(after[known].mean()), low, high, int(known.sum()), whole, np.asarray(found)
    )


def _interval(values: NDArray[np.float64], clusters: NDArray[np.int64]) -> tuple[float, float]:
    """The 95 % bootstrap interval of a mean; whole clusters are drawn, since their members are not independent."""
    import numpy as np

    _, member = np.unique(clusters, return_inverse=True)
    sums, sizes = np.bincount(member, values), np.bincount(member)
    drawn = np.random.default_rng(0).integers(len(sums), size=(DRAWS, len(sums)))
    low, high = np.percentile(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1), (2.5, 97.5))
    return float(low), float(high)
