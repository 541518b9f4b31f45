"""Places in 2D or 3D: PCA and UMAP, and distances between places.

Nothing here reads or writes files; a map's parameters are those that its file keeps. UMAP is in the extra ``umap``.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Literal

from embedex import similarity
from embedex.errors import InputError, MissingExtraError, TooFewError
from embedex.results import counted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Method = Literal["umap", "pca"]

EPOCHS = 500
"""Epochs of UMAP's optimisation. Ten times as many take ten times as long for little more (docs/choices.md)."""


def pca(vectors: NDArray[np.float32], dimensions: int) -> NDArray[np.float32]:
    """The first principal components.

    Args:
        vectors: shape (n, d).
        dimensions: how many components, at most min(n, d).

    Returns:
        float32, shape (n, dimensions). Signs are set so that each component's largest loading is positive.

    Raises:
        InputError: there are fewer records than dimensions.
    """
    import numpy as np

    if len(vectors) < dimensions:
        raise InputError(
            f"{counted(len(vectors))} cannot be placed in {dimensions} dimensions.",
            allowed=f"It takes at least {dimensions}.",
        )
    moved = vectors - vectors.mean(axis=0, dtype=np.float64)
    if len(vectors) < vectors.shape[1]:
        axes = np.linalg.svd(moved, full_matrices=False)[2].T[:, :dimensions]
    else:
        axes = np.linalg.eigh(moved.T @ moved)[1][:, ::-1][:, :dimensions]
    axes *= np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    return np.asarray(moved @ axes, np.float32)


def umap(
    vectors: NDArray[np.float32],
    dimensions: int,
    *,
    neighbours: int = 5,
    min_distance: float = 0.0,
    seed: int = 0,
    near: tuple[NDArray[np.int64], NDArray[np.float32]] | None = None,
) -> NDArray[np.float32]:
    """UMAP from exact nearest neighbours.

    Args:
        vectors: shape (n, d).
        dimensions: 2 or 3.
        neighbours: size of a neighbourhood, itself counted.
        min_distance: how close two places may be.
        seed: the same seed on the same machine gives the same map; across machines, keep the coordinates.
        near: what `nearest` gives for these vectors, with at least `neighbours` columns; found here when None. UMAP
            then searches nothing by itself, neither approximately nor otherwise.

    Returns:
        float32, shape (n, dimensions).

    Raises:
        MissingExtraError: the extra ``umap`` is not installed.
        InputError: there are fewer records than a neighbourhood needs.
    """
    import numpy as np

    if len(vectors) <= neighbours:
        raise TooFewError(
            f"{len(vectors)} records are too few for UMAP with {neighbours} neighbours.",
            allowed=f"It takes at least {neighbours + 1}.",
            cure="Use --method pca, or fewer --neighbours.",
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of optional parts of umap that are not asked for
            from umap import UMAP
    except ImportError as error:
        raise MissingExtraError("A UMAP map", "umap") from error
    positions, distances = (part[:, :neighbours] for part in near or nearest(vectors, neighbours))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "n_jobs overridden by seed": that is meant
        fitted = UMAP(
            n_neighbors=neighbours,
            n_components=dimensions,
            min_dist=min_distance,
            metric="euclidean",
            n_epochs=EPOCHS,
            random_state=seed,
            n_jobs=1,
            # The spectral start needs more records than it has components to find.
            init="spectral" if len(vectors) > 3 * neighbours + dimensions else "random",
            precomputed_knn=(np.ascontiguousarray(positions), np.ascontiguousarray(distances), None),
        ).fit_transform(vectors)
    return np.asarray(fitted, dtype=np.float32)


def nearest(vectors: NDArray[np.float32], neighbours: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Each row's exact nearest rows by Euclidean distance, itself first.

    Returns:
        Positions and distances, both of shape (n, neighbours), nearest first.
    """
    import numpy as np

    positions = np.empty((len(vectors), neighbours), np.int64)
    distances = np.empty((len(vectors), neighbours), np.float32)
    squares = np.einsum("ij,ij->i", vectors, vectors)
    for start, scores in similarity.blocks(vectors):
        rows = np.arange(len(scores))
        squared = np.maximum(squares[start + rows, None] + squares[None, :] - 2 * scores, 0)
        squared[rows, start + rows] = -1  # itself first, before any equal record
        near = np.argpartition(squared, neighbours - 1, axis=1)[:, :neighbours]
        # Measured once more on the chosen: a difference of squares loses what lies below 0.0005, and equal records
        # would not be at distance 0.
        found = np.empty(near.shape, np.float32)
        for column, others in enumerate(near.T):
            found[:, column] = np.linalg.norm(vectors[others] - vectors[start + rows], axis=1)
        found[near == start + rows[:, None]] = -1
        order = np.lexsort((near, found), axis=1)
        positions[start + rows] = np.take_along_axis(near, order, axis=1)
        distances[start + rows] = np.maximum(np.take_along_axis(found, order, axis=1), 0)
    return positions, distances


def map_distances(coordinates: NDArray[np.float32], row: int) -> NDArray[np.float32]:
    """Euclidean distances in the map from one record to all; shape (n,)."""
    import numpy as np

    return np.asarray(np.linalg.norm(coordinates - coordinates[row], axis=1), np.float32)


def median_distances(coordinates: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each record's median distance to all others in the map; shape (n,). NaN for a record that is alone."""
    return similarity.medians(coordinates, distances)


def nearness(some: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """The distances, negative: the highest is the nearest."""
    return -distances(some, others)


def distances(some: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Euclidean distances between places: shapes (a, d) and (b, d) give (a, b)."""
    import numpy as np

    # Differences, not squares of places: a place far from the origin would lose what lies below 0.0005.
    squared = np.zeros((len(some), len(others)), np.float32)
    for axis in range(some.shape[1]):
        squared += np.square(some[:, axis, None] - others[:, axis])
    return np.sqrt(squared, out=squared)
