"""Where two sides disagree, held against every pair written down."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from embedex import disagreement


def unit(count: int, dimension: int, seed: int) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).standard_normal((count, dimension)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def scored(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -np.inf)
    return scores


def nearest(vectors: NDArray[np.float32], k: int) -> list[set[int]]:
    return [set(row.tolist()) for row in np.argsort(-scored(vectors), axis=1)[:, :k]]


@pytest.mark.parametrize("k", [1, 4])
@pytest.mark.parametrize("chunk", [7, 65_536])
def test_every_near_pair_is_looked_at_once_with_both_percentiles(
    k: int, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disagreement, "CHUNK", chunk)
    text, image = unit(40, 5, 1), unit(40, 9, 2)
    found = disagreement.sides(text, image, k)
    expected = {
        (min(row, other), max(row, other))
        for side in (text, image)
        for row, others in enumerate(nearest(side, k))
        for other in others
    }
    assert sorted(zip(found.first.tolist(), found.second.tolist(), strict=True)) == sorted(expected)
    for side, vectors in enumerate((text, image)):
        scores = scored(vectors)
        of_pairs = scores[found.first, found.second]
        np.testing.assert_allclose(found.scores[:, side], of_pairs, atol=1e-6)
        every = scores[np.triu_indices(40, 1)]
        below = [100 * (every < score - 1e-6).mean() for score in of_pairs]
        np.testing.assert_allclose(found.percentiles[:, side], below, atol=found.error + 1e-6)
    np.testing.assert_allclose(found.gaps, found.percentiles[:, 0] - found.percentiles[:, 1])


def test_the_furthest_are_the_largest_gaps_of_their_sign() -> None:
    gaps = np.asarray([3.0, -2.0, 5.0, 0.0, 4.0])
    assert disagreement.furthest(gaps, 2).tolist() == [2, 4]
    assert disagreement.furthest(-gaps, 9).tolist() == [1]


def test_sides_that_are_one_agree_wholly() -> None:
    vectors = unit(30, 6, 3)
    found = disagreement.sides(vectors, vectors, 5)
    assert disagreement.overlaps(found.nearest).tolist() == [1.0] * 30
    assert disagreement.furthest(found.gaps, 5).tolist() == []
    assert disagreement.record_gaps(found).tolist() == [0.0] * 30


def test_overlaps_and_gaps_of_records_agree_with_brute_force() -> None:
    text, image = unit(30, 5, 4), unit(30, 5, 5)
    found = disagreement.sides(text, image, 6)
    shares = [len(one & other) / 6 for one, other in zip(nearest(text, 6), nearest(image, 6), strict=True)]
    np.testing.assert_allclose(disagreement.overlaps(found.nearest), shares)
    gaps = np.abs(found.gaps)
    means = [gaps[(found.first == row) | (found.second == row)].mean() for row in range(30)]
    np.testing.assert_allclose(disagreement.record_gaps(found), means)
