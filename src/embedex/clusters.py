"""Clusters: k-means and HDBSCAN, how close they are, and the fields that set each apart.

Takes vectors and records' fields, knows nothing of files. Both methods are scikit-learn's, in the extra ``learn``. No
matrix of all pairs is held: k-means takes memory for the vectors, and HDBSCAN, whose time grows with the square of the
records, works on a few principal components or on a map.
"""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

from embedex import projection, similarity
from embedex.errors import InputError, MissingExtraError
from embedex.records import JSON, is_prose, label_text, leaves
from embedex.results import Trait, counted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Method = Literal["hdbscan", "kmeans"]

_CORE = 3
"""A record is in a dense place if so many are near it, itself counted. With scikit-learn's default, the least size of a
cluster, more records are left alone (docs/probes.md)."""

COMPONENTS = 15
"""So many principal components HDBSCAN works on: in hundreds of dimensions no place is denser than another."""

MOST_VALUES = 20_000
"""A path with more distinct values than this is an identity or prose, and no trait comes from it."""

MOST_TRAITS = 6
"""Traits kept of each cluster."""

_OF_ONE_PATH = 2
"""So many traits of a cluster may be of one path: fifty moves of the same type say one thing."""

_PRIOR = 1.0
"""Records by which each share is drawn towards that of the whole collection: one record is no evidence."""

_LEAST = 1.96
"""A trait's strength, below which it may be chance."""


def kmeans(vectors: NDArray[np.float32], count: int, *, seed: int = 0) -> NDArray[np.int64]:
    """The cluster of each vector by k-means, 0 to count - 1; shape (n,). The best of ten starts.

    Of unit vectors the nearest middle by distance is that of the highest cosine but for the middles' lengths.

    Raises:
        InputError: there are fewer records than clusters, or fewer than two clusters.
        MissingExtraError: the extra ``learn`` is not installed.
    """
    import numpy as np

    if not 2 <= count <= len(vectors):
        raise InputError(f"{count} clusters of {counted(len(vectors))}.", allowed=f"-n is from 2 to {len(vectors)}.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from sklearn.cluster import KMeans
    except ImportError as error:
        raise MissingExtraError("K-means", "learn") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of fewer distinct vectors than clusters: the caller counts what there is
        return np.asarray(KMeans(count, n_init=10, random_state=seed).fit_predict(vectors), np.int64)


def hdbscan(vectors: NDArray[np.float32], least: int) -> NDArray[np.int64]:
    """The cluster of each vector by HDBSCAN, -1 for none; shape (n,). Nothing in it is drawn by lot.

    Args:
        vectors: shape (n, d); with more than `COMPONENTS` columns their first principal components are taken.
        least: the fewest records that are a cluster.

    Raises:
        InputError: a cluster would have fewer than two records, or more than there are.
        MissingExtraError: the extra ``learn`` is not installed.
    """
    import numpy as np

    if not 2 <= least <= len(vectors):
        few = len(vectors) < least
        raise InputError(
            f"No cluster of at least {least} records can be had of {counted(len(vectors))}."
            if few
            else f"A cluster of at least {counted(least)} is none.",
            allowed=f"--least is from 2 to {len(vectors)}.",
            cure=f"Ask for smaller ones: --least {max(2, len(vectors) // 2)}" if few else "For example: --least 2",
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from sklearn.cluster import HDBSCAN
    except ImportError as error:
        raise MissingExtraError("HDBSCAN", "learn") from error
    if vectors.shape[1] > COMPONENTS:
        vectors = projection.pca(vectors, min(COMPONENTS, len(vectors)))
    # Of the two ways to choose among nested clusters "leaf" gives the fine ones; the other one often gives two.
    core = min(_CORE, least)
    found = HDBSCAN(min_cluster_size=least, min_samples=core, cluster_selection_method="leaf", copy=True).fit_predict(
        vectors
    )
    return np.asarray(found, np.int64)


def by_size(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same clusters numbered from 0 by falling size, of equal ones by their first record; -1 stays; shape (n,)."""
    import numpy as np

    found, first, sizes = np.unique(labels[labels >= 0], return_index=True, return_counts=True)
    renamed = np.full(int(labels.max(initial=-1)) + 2, -1)
    renamed[found[np.lexsort((first, -sizes))]] = np.arange(len(found))
    return np.where(labels >= 0, renamed[labels], -1)


def typical(vectors: NDArray[np.float32], labels: NDArray[np.int64], cluster: int) -> NDArray[np.int64]:
    """A cluster's records, those nearest to its middle first."""
    import numpy as np

    members = np.flatnonzero(labels == cluster)
    middle = vectors[members].mean(axis=0, dtype=np.float64)
    order = np.argsort(np.linalg.norm(vectors[members] - middle, axis=1), kind="stable")
    return members[order]


def cohesions(vectors: NDArray[np.float32], labels: NDArray[np.int64], in_map: bool) -> list[tuple[float, float]]:
    """Of each cluster how close its records are, and how close it is to others: see `embedex.results.Cluster`."""
    import numpy as np

    count = int(labels.max(initial=-1)) + 1
    if in_map:
        middles = np.array([vectors[labels == number].mean(axis=0) for number in range(count)])
        found = []
        for number, middle in enumerate(middles):
            spread = float(np.linalg.norm(vectors[labels == number] - middle, axis=1).mean())
            others = np.delete(np.linalg.norm(middles - middle, axis=1), number)
            found.append((spread, float(others.min()) if len(others) else math.nan))
        return found
    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], np.unique(labels))
    sizes = np.diff([*starts, len(labels)])
    means = similarity.group_means(vectors[order], starts.tolist())
    lone = len(starts) - count  # 1 where some records are in no cluster: they come first
    found = []
    for number in range(lone, len(starts)):
        rest = np.arange(len(starts)) != number
        apart = float(np.average(means[number, rest], weights=sizes[rest])) if rest.any() else math.nan
        found.append((float(means[number, number]), apart))
    return found


def traits(records: Iterable[JSON], labels: Sequence[int], *, leave_out: Sequence[str] = ()) -> list[list[Trait]]:
    """The fields that set each cluster apart from all other records.

    Of every value that a record has (each once, members of lists too) the log odds of having it are compared, inside
    against outside, each share drawn towards the whole's by one record's worth; of every number the two means. Both
    are divided by their standard errors, so that a trait needs to be large and well supported; so many are compared
    that a strength below about 4 means little. What a cluster lacks is no trait, what it has less of is none either,
    unless it is a number.

    Args:
        records: the records' data, one for each label; read once.
        labels: the cluster of each, -1 for none: such a record counts among the others.
        leave_out: paths that tell nothing, such as the name's.

    Returns:
        For each cluster at most `MOST_TRAITS` traits, the strongest first, at most two of a path.
    """
    count = max(labels, default=-1) + 1
    values: dict[str, dict[str, Counter[int]]] = {}
    numbers: dict[str, list[tuple[int, float]]] = {}
    dropped = set(leave_out)
    for data, label in zip(records, labels, strict=True):
        seen: dict[str, list[JSON]] = {}
        for keys, leaf in leaves(data):
            seen.setdefault(".".join(keys), []).append(leaf)
        for path, found in seen.items():
            if path in dropped:
                continue
            plain = [each for each in found if isinstance(each, (int, float)) and not isinstance(each, bool)]
            if len(plain) == len(found):
                finite = [float(each) for each in plain if abs(each) < 1e150]
                if finite:
                    numbers.setdefault(path, []).append((label, math.fsum(finite) / len(finite)))
                continue
            held = values.setdefault(path, {})
            if len(held) > MOST_VALUES:
                continue
            told = {label_text(each) or "" for each in found if not (isinstance(each, str) and is_prose(each))}
            for each in told:
                held.setdefault(each, Counter())[label] += 1
    sizes = Counter(labels)
    found_traits: list[list[Trait]] = [[] for _ in range(count)]
    for path, held in values.items():
        if len(held) <= MOST_VALUES:
            for value, holders in held.items():
                _add_value(found_traits, path, value, holders, sizes, len(labels))
    for path, measured in numbers.items():
        _add_number(found_traits, path, measured)
    return [_chosen(each) for each in found_traits]


def _add_value(
    found: list[list[Trait]], path: str, value: str, holders: Counter[int], sizes: Counter[int], count: int
) -> None:
    total = holders.total()
    share = total / count
    if share == 1 or total < 2:
        return
    for cluster, inside in holders.items():
        if cluster < 0 or sizes[cluster] == count:
            continue
        outside, others = total - inside, count - sizes[cluster]
        if inside * others <= outside * sizes[cluster]:
            continue
        cells = (
            inside + _PRIOR * share,
            sizes[cluster] - inside + _PRIOR * (1 - share),
            outside + _PRIOR * share,
            others - outside + _PRIOR * (1 - share),
        )
        effect = math.log(cells[0] / cells[1]) - math.log(cells[2] / cells[3])
        strength = effect / math.sqrt(sum(1 / cell for cell in cells))
        if strength >= _LEAST:
            found[cluster].append(Trait(path, value, inside / sizes[cluster], outside / others, effect, strength))


def _add_number(found: list[list[Trait]], path: str, measured: Sequence[tuple[int, float]]) -> None:
    import numpy as np

    labels = np.asarray([label for label, _ in measured])
    numbers = np.asarray([number for _, number in measured])
    spread = float(numbers.std())
    if spread == 0:
        return
    for cluster in range(len(found)):
        mine = labels == cluster
        inside, outside = numbers[mine], numbers[~mine]
        if len(inside) < 2 or len(outside) < 2:
            continue
        difference = float(inside.mean() - outside.mean())
        # The spread of all stands in where a cluster's own numbers are equal: three of a kind are no certainty.
        error = math.sqrt(
            max(float(inside.var()), spread**2 / len(inside)) / len(inside) + outside.var() / len(outside)
        )
        strength = difference / error
        if abs(strength) >= _LEAST:
            means = float(inside.mean()), float(outside.mean())
            found[cluster].append(Trait(path, None, *means, difference / spread, strength))


def _chosen(found: Sequence[Trait]) -> list[Trait]:
    chosen: list[Trait] = []
    for each in sorted(found, key=lambda trait: (-abs(trait.strength), trait.path, trait.value or "")):
        if sum(other.path == each.path for other in chosen) < _OF_ONE_PATH:
            chosen.append(each)
        if len(chosen) == MOST_TRAITS:
            break
    return chosen
