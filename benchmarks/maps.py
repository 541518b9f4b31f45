"""How true maps are: by epochs, by method and dimensions, by whose neighbours, and which places hold.

Trustworthiness and continuity are Venna's and Kaski's, by `embedex.fidelity`: 1 when the nearest in the map are near in
truth, and when the nearest in truth are near in the map. Kept is the mean share of a record's k nearest that are among
its k nearest in the map. Family is the recall@10 of evolution families by distance in the map.

    embedex pull pokemon --from npm --to dex && embedex embed dex
    python benchmarks/maps.py dex
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

import dex
from embedex import fidelity, projection
from embedex.collection import IMAGE_WEIGHT

if TYPE_CHECKING:
    from embedex import Collection
    from embedex.results import By

    Vectors = NDArray[np.float32]

K = 10


def family_recalls(places: Vectors, family: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of each record the share of its relatives among its K nearest; NaN without relatives."""
    near = fidelity.nearest_others(places, K)
    relatives = np.bincount(family)[family] - 1
    shares: NDArray[np.float64] = np.full(len(family), np.nan)
    np.divide((family[near] == family[:, None]).sum(axis=1), relatives, out=shares, where=relatives > 0)
    return shares


def measures(vectors: Vectors, maps: Sequence[Vectors], family: NDArray[np.int64]) -> list[object]:
    """Medians over several fits, and the range of trustworthiness."""
    told = [fidelity.measure(vectors, [places]) for places in maps]
    trust = [each.trustworthiness for each in told if each]
    recall = [float(np.nanmean(family_recalls(places, family))) for places in maps]
    return [
        float(np.median(trust)),
        f"{min(trust):.3f} to {max(trust):.3f}",
        float(np.median([each.continuity for each in told if each])),
        float(np.median([each.kept.mean() for each in told if each])),
        float(np.median(recall)),
    ]


MEASURES = ("trustworthiness", "of the seeds", "continuity", "kept", f"family recall@{K}")


def by_epochs(vectors: Vectors, family: NDArray[np.int64], epochs: Sequence[int], seeds: int) -> None:
    rows: list[list[object]] = []
    default = projection.EPOCHS
    for each in epochs:
        projection.EPOCHS = each
        seconds, maps = [], []
        for seed in range(seeds):
            begun = time.perf_counter()
            maps.append(projection.umap(vectors, 2, seed=seed))
            seconds.append(time.perf_counter() - begun)
        told = f"{each:,}{' (default)' * (each == default)}"
        rows.append([told, f"{np.median(seconds):.2f}", *measures(vectors, maps, family)])
    projection.EPOCHS = default
    dex.show("UMAP's epochs, 2D", ("epochs", "s, median", *MEASURES), rows)


def by_method(vectors: Vectors, family: NDArray[np.int64], seeds: int) -> None:
    rows: list[list[object]] = []
    for dimensions in (2, 3):
        rows.append([f"PCA, {dimensions}D", *measures(vectors, [projection.pca(vectors, dimensions)], family)])
        for neighbours in (5, 10, 15, 30):
            maps = [projection.umap(vectors, dimensions, neighbours=neighbours, seed=seed) for seed in range(seeds)]
            rows.append([f"UMAP, {neighbours} neighbours, {dimensions}D", *measures(vectors, maps, family)])
    rows.append(["all dimensions", *measures(vectors, [vectors], family)])
    dex.show("Methods", ("map", *MEASURES), rows)


def by_search(vectors: Vectors, family: NDArray[np.int64], seeds: int) -> None:
    """Our exact neighbours against UMAP's own approximate search, and Euclidean against cosine distances."""
    from umap import UMAP

    positions, distances = projection.nearest(vectors, 5)
    cosine = np.square(distances) / np.float32(2)
    ways: dict[str, dict[str, object]] = {
        "exact, Euclidean (default)": {"metric": "euclidean", "precomputed_knn": (positions, distances, None)},
        "exact, cosine": {"metric": "cosine", "precomputed_knn": (positions, cosine, None)},
        "UMAP's own search, Euclidean": {"metric": "euclidean", "force_approximation_algorithm": True},
        "UMAP's own search, cosine": {"metric": "cosine", "force_approximation_algorithm": True},
    }
    rows: list[list[object]] = []
    for name, settings in ways.items():
        maps = []
        for seed in range(seeds):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                fit = UMAP(
                    n_neighbors=5, min_dist=0.0, n_epochs=projection.EPOCHS, random_state=seed, n_jobs=1,
                    **settings,
                )  # fmt: skip
                maps.append(np.asarray(fit.fit_transform(vectors), np.float32))
        rows.append([name, *measures(vectors, maps, family)])
    dex.show("Whose neighbours, 2D", ("neighbours", *MEASURES), rows)


def by_neighbourhood(vectors: Vectors, seeds: int) -> None:
    """How much the numbers depend on k."""
    rows: list[list[object]] = []
    maps = {"UMAP, 2D": [projection.umap(vectors, 2, seed=seed) for seed in range(seeds)]}
    maps["PCA, 2D"] = [projection.pca(vectors, 2)]
    default = fidelity.NEAREST
    for name, fits in maps.items():
        for k in (5, 10, 20, 50):
            fidelity.NEAREST = k
            told = [fidelity.measure(vectors, fits, chosen) for chosen in range(len(fits))]
            stable = next((float(each.stable.mean()) for each in told if each and each.stable is not None), "")
            trust = float(np.median([each.trustworthiness for each in told if each]))
            continuity = float(np.median([each.continuity for each in told if each]))
            kept = float(np.median([each.kept.mean() for each in told if each]))
            rows.append([name, k, trust, continuity, kept, stable])
    fidelity.NEAREST = default
    dex.show("By the size of a neighbourhood", ("map", "k", "trustworthiness", "continuity", "kept", "stable"), rows)


def by_doubt(vectors: Vectors, family: NDArray[np.int64]) -> None:
    """Whether places in doubt are worse places: what the map loses of family recall against the vectors."""
    maps = [projection.umap(vectors, 2, seed=seed) for seed in range(5)]
    chosen = fidelity.most_agreed(maps)
    told = fidelity.measure(vectors, maps, chosen)
    assert told is not None
    assert told.stable is not None
    truth, seen = family_recalls(vectors, family), family_recalls(maps[chosen], family)
    asked: dict[str, NDArray[np.bool_]] = {
        "all": told.kept >= 0,
        "not to be believed": told.doubted,
        "the others": ~told.doubted,
    }
    edges = (0, 0.15, 0.25, 0.35, 0.45, 0.55, 1.1)
    asked |= {f"kept {a:.0%} to {b:.0%}": (told.kept >= a) & (told.kept < b) for a, b in pairwise(edges)}
    steps = (0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.1)
    asked |= {f"stable {a:.0%} to {b:.0%}": (told.stable >= a) & (told.stable < b) for a, b in pairwise(steps)}
    known = ~np.isnan(truth)
    rows: list[list[object]] = []
    for name, which in asked.items():
        here = which & known
        lost = (truth - seen)[here]
        row: list[object] = [name, int(which.sum()), float(truth[here].mean()), float(seen[here].mean())]
        rows.append([*row, float(lost.mean()), dex.interval(lost, list(family[here]))])
    told_of = f"Places in doubt, 5 seeds; arrangement shared by seeds {told.arrangement:.2f}"
    dex.show(told_of, ("places", "records", "family, vectors", "family, map", "lost", "95 % of it"), rows)


def of_records(collection: Collection, by: By, names: Sequence[str], seeds: int) -> None:
    """What the map says of some records, and what the vectors say."""
    compared = collection._holdings.compared(by, True, "")
    chosen = np.flatnonzero(collection._holdings.chosen("", False)[compared.rows])
    vectors = compared.vectors[chosen]
    items = [collection._holdings.item(int(row)) for row in compared.rows[chosen]]
    near, distances = projection.nearest(vectors, K + 1)
    named = np.bincount(near[:, 1:5].ravel(), minlength=len(vectors))
    maps = [projection.umap(vectors, 2, seed=seed) for seed in range(seeds)]
    told = [fidelity.measure(vectors, maps, chosen) for chosen in range(seeds)]
    scores = 1 - np.square(distances[:, 1]) / 2
    rows: list[list[object]] = []
    for name in names:
        row = next((at for at, item in enumerate(items) if item.name == name), None)
        if row is None:
            continue
        kept = [float(each.kept[row]) for each in told if each]
        stable = told[0].stable if told[0] else None
        rows.append([
            name, float(scores[row]), int(named[row]), f"{min(kept):.1f} to {max(kept):.1f}",
            float(stable[row]) if stable is not None else "", ", ".join(items[at].name for at in near[row, 1:6]),
        ])  # fmt: skip
    rows.append(["(median)", float(np.median(scores)), float(np.median(named)), "", "", ""])
    columns = (
        "record",
        "score of its nearest",
        "is among the 4 nearest of",
        f"kept, {seeds} seeds",
        "stable",
        "nearest",
    )
    dex.show(f"By {by}, {len(items)} records", columns, rows)


def main() -> None:
    parser = dex.arguments(__doc__)
    dex.add_tables(parser)
    parser.add_argument("--epochs", type=int, nargs="+", default=[50, 200, 500, 1_000, 5_000], metavar="N")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="fits of each (%(default)s)")
    parser.add_argument("--records", nargs="+", default=["tauros", "pikachu", "eevee"], metavar="NAME")
    parts: dict[str, Callable[[], None]] = {}
    parser.add_argument(
        "--only", nargs="+", metavar="PART", help="epochs, method, search, neighbourhood, doubt, records"
    )
    parsed = parser.parse_args()
    collection = dex.open_dex(parsed.dir)
    known = dex.families(parsed.tables)
    compared = collection._holdings.compared("fused", True, "")
    ids = [collection.ids[row] for row in compared.rows]
    main_ids = {item.id for item in collection.items()}
    keep = [at for at, id_ in enumerate(ids) if id_ in known and id_ in main_ids]
    vectors = compared.vectors[keep]
    family = np.asarray([known[ids[at]] for at in keep])
    projection.umap(vectors, 2)  # compiles
    print(f"{len(keep)} records by text and pictures (weight {IMAGE_WEIGHT}); medians of {parsed.seeds} seeds")
    parts |= {
        "epochs": lambda: by_epochs(vectors, family, parsed.epochs, parsed.seeds),
        "method": lambda: by_method(vectors, family, parsed.seeds),
        "search": lambda: by_search(vectors, family, parsed.seeds),
        "neighbourhood": lambda: by_neighbourhood(vectors, parsed.seeds),
        "doubt": lambda: by_doubt(vectors, family),
    }
    sides: tuple[By, ...] = ("text", "image", "fused")
    for by in sides:
        parts[f"records {by}"] = lambda by=by: of_records(collection, by, parsed.records, 5)  # type: ignore[misc]
    for name, part in parts.items():
        if parsed.only is None or name.split()[0] in parsed.only:
            part()


if __name__ == "__main__":
    main()
