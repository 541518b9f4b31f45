"""Clusters of the records, each with the fields that set it apart."""

from __future__ import annotations

from embedex import clusters
from embedex.errors import InputError
from embedex.holdings import Holdings
from embedex.records import strip_prefix
from embedex.results import By, Cluster, Clusters, Map


def find(
    holdings: Holdings,
    *,
    method: clusters.Method,
    by: By | None,
    count: int,
    least: int | None,
    seed: int,
    where: str,
    everything: bool,
    centred: bool | None,
    map_name: str,
) -> Clusters:
    """The records in clusters."""
    import numpy as np

    by = by or ("map" if holdings.maps else "text")
    compared = holdings.compared(by, centred is not False, map_name)
    chosen = np.flatnonzero(holdings.chosen(where, everything)[compared.rows])
    if len(chosen) < 2:
        raise InputError(
            f"Clusters take at least two records; {len(chosen)} is left.", cure=holdings.wider(where, everything)
        )
    rows, vectors = compared.rows[chosen], compared.vectors[chosen]
    parameters: dict[str, str | int | float] = {"method": method}
    if method == "kmeans":
        labels = clusters.kmeans(vectors, count, seed=seed)
        parameters |= {"clusters": count, "seed": seed}
    else:
        least = max(5, len(chosen) // 50) if least is None else least
        labels = clusters.hdbscan(vectors, least)
        parameters["least_size"] = least
        if vectors.shape[1] > clusters.COMPONENTS:
            parameters["components"] = min(clusters.COMPONENTS, len(chosen))
    labels = clusters.by_size(labels)
    prefix = holdings.manifest.text.strip_prefix
    found = clusters.traits(
        (strip_prefix(each.data, prefix) for each in holdings.store.read_records(holdings.index, rows.tolist())),
        labels.tolist(),
        leave_out=[_stripped(path, prefix) for path in (holdings.manifest.id, holdings.manifest.name)],
    )
    close = clusters.cohesions(vectors, labels, by == "map")
    return Clusters(
        [
            Cluster(
                number + 1,
                [holdings.item(int(rows[each])) for each in clusters.typical(vectors, labels, number)],
                *close[number],
                each_traits,
            )
            for number, each_traits in enumerate(found)
        ],
        [holdings.item(row) for row in rows[labels < 0].tolist()],
        parameters,
        compared.basis(len(chosen)),
        _flat_map(holdings, map_name),
    )


def _flat_map(holdings: Holdings, map_name: str) -> Map | None:
    """The map of that name, or the default one, if it has two dimensions; None where there is none."""
    names = [map_name] if map_name else [name for name in ("umap", "pca", *holdings.maps) if name in holdings.maps]
    found = (holdings.read_map(name) for name in names)
    return next((each for each in found if each.coordinates.shape[1] == 2), None)


def _stripped(path: str, prefix: str) -> str:
    """A path as documents have it: with the prefix stripped from its keys."""
    return ".".join(key.removeprefix(prefix) for key in path.split("."))
