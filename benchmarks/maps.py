"""UMAP's epochs: how true the map is, and how long it takes, from 50 to 5,000 epochs.

Trustworthiness is scikit-learn's (it comes with umap-learn): 1 when the nearest in the map are near in truth. Family is
the recall@10 of evolution families by distance in the map.

    embedex pull pokemon --from npm --to dex && embedex embed dex
    python benchmarks/maps.py dex
"""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray
from sklearn.manifold import trustworthiness

import dex
from embedex import projection, similarity
from embedex.store import Store

K = 10


def family_recall(places: NDArray[np.float32], family: NDArray[np.int64]) -> float:
    near, _ = projection.nearest(places, K + 1)
    relatives = np.bincount(family)[family] - 1
    found = (family[near[:, 1:]] == family[:, None]).sum(axis=1)
    return float((found[relatives > 0] / relatives[relatives > 0]).mean())


def main() -> None:
    parser = dex.arguments(__doc__)
    dex.add_tables(parser)
    parser.add_argument("--epochs", type=int, nargs="+", default=[50, 200, 500, 1_000, 5_000], metavar="N")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="fits of each (%(default)s)")
    parsed = parser.parse_args()
    collection = dex.open_dex(parsed.dir)
    known = dex.families(parsed.tables)
    sides = []
    ids = [item.id for item in collection.items() if item.picture and item.id in known]
    for name in ("text", "image"):
        stored = Store(collection.folder).read_embeddings(name)
        assert stored is not None
        row = {stored.ids[at]: i for i, at in enumerate(stored.rows)}
        vectors = stored.vectors[[row[id_] for id_ in ids]]
        sides.append(similarity.centre(vectors, vectors.mean(axis=0)))
    vectors = similarity.fuse(*sides)
    family = np.asarray([known[id_] for id_ in ids])
    projection.umap(vectors, 2)  # compiles
    default = projection.EPOCHS
    rows: list[list[object]] = []
    for epochs in parsed.epochs:
        projection.EPOCHS = epochs
        seconds, trust, recall = [], [], []
        for seed in range(parsed.seeds):
            begun = time.perf_counter()
            places = projection.umap(vectors, 2, seed=seed)
            seconds.append(time.perf_counter() - begun)
            trust.append(trustworthiness(vectors, places, n_neighbors=K))
            recall.append(family_recall(places, family))
        spread = f"{min(trust):.3f} to {max(trust):.3f}"
        told = f"{epochs:,}{' (default)' * (epochs == default)}"
        rows.append([told, f"{np.median(seconds):.2f}", float(np.median(trust)), spread, float(np.median(recall))])
    columns = ("epochs", "s, median", "trustworthiness", f"of {parsed.seeds} seeds", f"family recall@{K}")
    dex.show(f"{len(ids)} records by text and pictures, 2D", columns, rows)


if __name__ == "__main__":
    main()
