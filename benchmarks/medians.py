"""What is unusual among many records: samples against all pairs. How many of the lowest are found, and in what time?

    python benchmarks/medians.py [--records 50000] [--dimensions 256] [--seeds 3]

Vectors are made up: clusters about a common mean, as records of one JSON shape have, and one of a thousand that belongs
to none. All medians are computed once; then `similarity.lowest_medians` with samples of several seeds, overall and in
each of 20 groups. The error that a caption tells is held against the one over all records.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from numpy.typing import NDArray

from embedex import similarity


def made_up(records: int, dimensions: int) -> NDArray[np.float32]:
    random = np.random.default_rng(0)
    middles = random.normal(size=(200, dimensions)) + random.normal(size=dimensions) / 2
    vectors = random.standard_normal((records, dimensions), np.float32)
    inside = random.random(records) > 1 / 1000
    vectors[inside] += middles[random.integers(200, size=records)].astype(np.float32)[inside]
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def lowest(medians: NDArray[np.float32], groups: NDArray[np.int32], k: int) -> set[int]:
    return {place for _, found in similarity.best_in_groups(-medians, groups, k) for place in found.tolist()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=50_000)
    parser.add_argument("--dimensions", type=int, default=256)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    vectors = made_up(given.records, given.dimensions)
    begun = time.monotonic()
    exact = similarity.medians(vectors)
    print(
        f"all pairs of {given.records:,}: {time.monotonic() - begun:.1f} s, "
        f"medians {exact.min():.4f} to {exact.max():.4f}"
    )
    one, many = np.zeros(given.records, np.int32), (np.arange(given.records) % 20).astype(np.int32)
    for told, groups, ks in (("overall", one, (10, 30, 64)), ("of each of 20 groups", many, (1, 5, 30))):
        for k in ks:
            wanted, found, taken, errors = lowest(exact, groups, k), [], [], []
            for seed in range(given.seeds):
                begun = time.monotonic()
                got = similarity.lowest_medians(vectors, k, groups if groups is many else None, seed=seed)
                taken.append(time.monotonic() - begun)
                found.append(len(wanted & lowest(got.medians, groups, k)))
                errors.append(got.error)
            drawn = np.sort(np.random.default_rng(0).permutation(given.records)[: similarity.SAMPLES[1]])
            off = similarity.medians_among(vectors, np.arange(0, given.records, 50), drawn) - exact[::50]
            print(
                f"{k} {told}: found {', '.join(map(str, found))} of {len(wanted)}, {np.median(taken):.1f} s; "
                f"error told {min(errors):.5f} to {max(errors):.5f}, measured {np.sqrt(np.mean(off**2)):.5f}"
            )


if __name__ == "__main__":
    main()
