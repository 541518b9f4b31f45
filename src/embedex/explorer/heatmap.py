"""All pairs as a square of bytes, or a part of it, down to single pairs."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from embedex.explorer.shelf import Held

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from embedex.store import Index


def order(rows: NDArray[np.int64], index: Index) -> NDArray[np.int64]:
    """Where each place of the square is in `rows`: group by group, as `Collection.pairs` draws it.

    Args:
        rows: of the vectors, shape (m,).
        index: the collection's.

    Returns:
        int64: positions in `rows`, those left out of comparisons by default left out.
    """
    import numpy as np

    sequence: NDArray[np.int64] = np.argsort(index.group_numbers[rows], kind="stable")
    return sequence[index.main[rows[sequence]]]


def square(
    vectors: NDArray[np.float32],
    order: NDArray[np.int64],
    across: tuple[int, int],
    down: tuple[int, int],
    size: int,
) -> Held:
    """A part of the square: a byte a cell, row by row from the top.

    A cell is one pair, or the mean over a tile of pairs where more records than `size` share it. Bytes from 0 to 255
    stand for what lies between ``X-Low`` and ``X-High``, the lowest and highest score among cells off the diagonal.

    Args:
        vectors: unit vectors, shape (m, d).
        order: which vector each place of the square has.
        across, down: from which place to before which one.
        size: the most cells across and down.

    Returns:
        ``X-Size`` cells across and ``X-Height`` down, of ``X-Order-Count`` places in all.
    """
    import numpy as np

    means = _means(vectors, order, across, size)
    others = means if across == down else _means(vectors, order, down, size)
    scores = others @ means.T
    places = [np.arange(*part) for part in (down, across)]
    mixed = (down[1] - down[0] > size) or (across[1] - across[0] > size)
    apart = np.ones(scores.shape, bool)
    if not mixed:
        apart = places[0][:, None] != places[1]
    elif across == down:
        np.fill_diagonal(apart, False)
    shown = scores[apart] if apart.any() else scores
    low, high = float(shown.min()), float(shown.max())
    scaled = (scores - low) * (255 / (high - low) if high > low else 0)
    body = np.rint(scaled).clip(0, 255).astype(np.uint8).tobytes()
    headers = {"X-Order-Count": len(order), "X-Size": len(means), "X-Height": len(others)}
    told = {"X-Low": f"{low:.6f}", "X-High": f"{high:.6f}"}
    return Held(body, headers={**{name: str(value) for name, value in headers.items()}, **told})


def _means(
    vectors: NDArray[np.float32], order: NDArray[np.int64], part: tuple[int, int], size: int
) -> NDArray[np.float32]:
    """The vectors of a part of the square, or with more than `size` of them the mean of each share."""
    import numpy as np

    first, last = part
    count = last - first
    if count <= size:
        return vectors[order[first:last]]
    edges = first + np.arange(size + 1) * count // size
    # A share at a time, so that no second copy of all vectors is made. The mean over a tile of pairs is the product
    # of its two means: see `similarity.pair_square`.
    means = [vectors[order[start:end]].mean(axis=0, dtype=np.float64) for start, end in pairwise(edges.tolist())]
    return np.asarray(means, np.float32)
