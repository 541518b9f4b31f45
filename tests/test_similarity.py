"""Exact cosine similarity, held against the plainest numpy there is."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from embedex import similarity

if TYPE_CHECKING:
    from numpy.typing import NDArray


def unit(count: int, dimension: int = 8, seed: int = 0) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).standard_normal((count, dimension)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


# ── making vectors ready ────────────────────────────────────────────────────────────────────────────


def test_centring_subtracts_the_mean_and_brings_back_to_unit_length() -> None:
    vectors = unit(20)
    before = vectors.copy()
    mean = vectors.mean(axis=0)
    centred = similarity.centre(vectors, mean)
    moved = vectors.astype(np.float64) - mean
    np.testing.assert_allclose(centred, moved / np.linalg.norm(moved, axis=1, keepdims=True), atol=1e-6)
    assert centred.dtype == np.float32
    np.testing.assert_array_equal(vectors, before)


def test_a_vector_equal_to_the_mean_has_no_direction_left() -> None:
    same = np.repeat(unit(1), 3, axis=0)
    centred = similarity.centre(same, same.mean(axis=0))
    np.testing.assert_array_equal(centred, np.zeros_like(same))
    one = similarity.centre(unit(3), unit(3)[1])
    np.testing.assert_array_equal(one[1], np.zeros(8))
    np.testing.assert_allclose(np.linalg.norm(one[[0, 2]], axis=1), 1, atol=1e-6)


def test_a_fused_score_is_the_mean_of_both_scores() -> None:
    text, image = unit(10, 8, 1), unit(10, 3, 2)
    fused = similarity.fuse(text, image)
    assert fused.shape == (10, 11)
    assert fused.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(fused, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(fused @ fused.T, (text @ text.T + image @ image.T) / 2, atol=1e-6)


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_a_weighed_score_is_the_weighed_mean_of_both_scores(weight: float) -> None:
    text, image = unit(10, 8, 1), unit(10, 3, 2)
    fused = similarity.fuse(text, image, weight)
    expected = (1 - weight) * (text @ text.T) + weight * (image @ image.T)
    np.testing.assert_allclose(fused @ fused.T, expected, atol=1e-6)


@pytest.mark.parametrize(("count", "dimension"), [(2, 8), (30, 4), (7, 50)])
def test_the_spread_is_the_standard_deviation_over_all_pairs(count: int, dimension: int) -> None:
    vectors = unit(count, dimension) * np.linspace(0.5, 1, count, dtype=np.float32)[:, None]  # and of any length
    scores = (vectors.astype(np.float64) @ vectors.T.astype(np.float64))[np.triu_indices(count, 1)]
    assert similarity.spread(vectors) == pytest.approx(scores.std(), abs=1e-7)


def test_one_record_and_equal_records_have_no_spread() -> None:
    assert similarity.spread(unit(1)) == 0
    assert similarity.spread(np.repeat(unit(1), 5, axis=0)) == pytest.approx(0, abs=1e-7)


def test_a_standard_weight_gives_both_sides_the_same_spread() -> None:
    text, image = unit(40, 50, 1), unit(40, 3, 2)  # pictures in 3 dimensions differ far more
    assert similarity.spread(image) > 2 * similarity.spread(text)
    weight = similarity.standard_weight(text, image, 0.5)
    shares = (1 - weight) * similarity.spread(text), weight * similarity.spread(image)
    assert shares[0] == pytest.approx(shares[1])
    assert [similarity.standard_weight(text, image, each) for each in (0, 1)] == [0, 1]
    assert similarity.standard_weight(text, text, 0.3) == pytest.approx(0.3)
    assert similarity.standard_weight(text, np.repeat(unit(1), 40, axis=0), 0.3) == 0.3, "nothing to even out"


# ── the best ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("seed", range(20))
def test_the_best_are_the_highest_and_ties_go_by_position(seed: int) -> None:
    random = np.random.default_rng(seed)
    scores = random.integers(-3, 4, 50).astype(np.float32)  # many ties, also at the edge of the k
    expected = sorted(range(50), key=lambda position: (-scores[position], position))
    for k in (1, 2, 7, 49, 50):
        assert similarity.best(scores, k).tolist() == expected[:k]


def test_the_best_of_fewer_than_k_are_all() -> None:
    assert similarity.best(np.asarray([0.1, 0.3, 0.2], np.float32), 10).tolist() == [1, 2, 0]
    assert similarity.best(np.empty(0, np.float32), 3).tolist() == []
    assert similarity.best(np.ones(3, np.float32), 0).tolist() == []


def test_the_best_of_each_group_come_in_the_groups_order() -> None:
    groups = np.asarray([3, 0, 1, 3, 0, 2, 1, 0], np.int32)
    scores = np.asarray([9, 1, 5, 8, 3, 0, 5, 3], np.float32)
    found = similarity.best_in_groups(scores, groups, 2)
    assert [(group, positions.tolist()) for group, positions in found] == [
        (0, [4, 7]),
        (1, [2, 6]),
        (2, [5]),
        (3, [0, 3]),
    ]
    assert similarity.best_in_groups(np.empty(0, np.float32), np.empty(0, np.int32), 2) == []


# ── all pairs ───────────────────────────────────────────────────────────────────────────────────────


def brute_medians(vectors: NDArray[np.float32]) -> list[float]:
    scores = vectors.astype(np.float64) @ vectors.astype(np.float64).T
    return [float(np.median(np.delete(scores[row], row))) for row in range(len(vectors))]


@pytest.mark.parametrize("count", [2, 3, 4, 5, 50, 51])
@pytest.mark.parametrize("block_rows", [1, 3, 1000])
def test_a_median_leaves_the_record_itself_out(count: int, block_rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similarity, "BLOCK_BYTES", 4 * count * block_rows)
    vectors = unit(count)
    assert sum(1 for _ in similarity.blocks(vectors)) == -(-count // block_rows)
    medians = similarity.medians(vectors)
    assert medians.dtype == np.float32
    np.testing.assert_allclose(medians, brute_medians(vectors), atol=1e-6)


@pytest.mark.parametrize("sample", [1, 2, 5, 6, 40])
@pytest.mark.parametrize("block_rows", [3, 1000])
def test_a_median_among_some_leaves_the_record_itself_out(
    sample: int, block_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(similarity, "BLOCK_BYTES", 4 * sample * block_rows)
    vectors, random = unit(40), np.random.default_rng(1)
    among = np.sort(random.choice(40, sample, replace=False))
    of = random.permutation(40)[:30]
    found = similarity.medians_among(vectors, of, among)
    for position, median in zip(of.tolist(), found.tolist(), strict=True):
        others = [other for other in among.tolist() if other != position]
        if others:
            assert median == pytest.approx(np.median(vectors[others] @ vectors[position]), abs=1e-6)
        else:
            assert np.isnan(median)


def crowd(count: int, seed: int = 0) -> NDArray[np.float32]:
    """Vectors in clusters, with a few that belong to none."""
    random = np.random.default_rng(seed)
    middles = random.normal(size=(6, 24)) + 1
    vectors = middles[random.integers(6, size=count)] + random.normal(size=(count, 24)) / 2
    vectors[:: count // 20] = random.normal(size=(len(vectors[:: count // 20]), 24))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


@pytest.mark.parametrize("grouped", [False, True])
def test_the_lowest_medians_of_many_are_the_exact_ones(grouped: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, k = crowd(3000), 5
    groups = (np.arange(3000) % 4).astype(np.int32) if grouped else None
    monkeypatch.setattr(similarity, "SAMPLES", (128, 512))
    monkeypatch.setattr(similarity, "CANDIDATES", 80)
    exact = similarity.medians(vectors)
    found = similarity.lowest_medians(vectors, k, groups)
    known = np.isfinite(found.medians)
    assert known.sum() == 80
    np.testing.assert_allclose(found.medians[known], exact[known], atol=1e-6)
    for group in range(4 if grouped else 1):
        members = np.flatnonzero(groups == group) if groups is not None else np.arange(3000)
        expected = members[np.argsort(exact[members], kind="stable")[:k]]
        assert members[np.argsort(found.medians[members], kind="stable")[:k]].tolist() == expected.tolist()
    assert found.sample == 512


def test_the_error_of_a_sample_is_what_it_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = crowd(2000)
    monkeypatch.setattr(similarity, "SAMPLES", (64, 256))
    monkeypatch.setattr(similarity, "CHECKED", 2000)
    found = similarity.lowest_medians(vectors, 3)
    sample = np.sort(np.random.default_rng(0).permutation(2000)[:256])
    off = similarity.medians(vectors) - similarity.medians_among(vectors, np.arange(2000), sample)
    assert found.error == pytest.approx(float(np.sqrt(np.mean(off**2))), rel=1e-3)
    assert 0.001 < found.error < 0.05


def test_of_few_records_all_medians_are_exact() -> None:
    found = similarity.lowest_medians(unit(30), 3)
    np.testing.assert_array_equal(found.medians, similarity.medians(unit(30)))
    assert (found.sample, found.error) == (0, 0)


def test_centred_scores_are_those_of_centred_vectors() -> None:
    vectors = unit(50)
    vectors[7] = vectors.mean(axis=0)
    mean = vectors[7].copy()
    for without in (None, similarity.top_directions(vectors, mean, 2)):
        centred = similarity.centre(vectors, mean, without)
        centring = similarity.centring(vectors, mean, without)
        for vector in (centred[3], unit(1, seed=9)[0]):  # one of them, and words that are not centred
            scores = similarity.centred_scores(vectors, centring, vector)
            np.testing.assert_allclose(scores, centred @ vector, atol=2e-6)
            assert scores.dtype == np.float32
            assert scores[7] == 0


def test_a_record_that_is_alone_has_no_median() -> None:
    assert np.isnan(similarity.medians(unit(1))).tolist() == [True]
    assert similarity.medians(unit(0)).shape == (0,)


def test_equal_records_have_a_median_of_one() -> None:
    np.testing.assert_allclose(similarity.medians(np.repeat(unit(1), 6, axis=0)), 1, atol=1e-6)


@pytest.mark.parametrize("block_bytes", [1, 4 * 17 * 5, 2**20])
def test_blocks_cover_every_pair_once(block_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similarity, "BLOCK_BYTES", block_bytes)
    vectors = unit(17)
    seen = np.full((17, 17), np.nan)
    for start, scores in similarity.blocks(vectors):
        assert np.isnan(seen[start : start + len(scores)]).all()
        seen[start : start + len(scores)] = scores
    np.testing.assert_allclose(seen, vectors @ vectors.T, atol=1e-6)


@pytest.mark.parametrize("side", [7, 8, 100])
def test_few_records_are_shown_pair_by_pair(side: int) -> None:
    vectors = unit(7)
    square = similarity.pair_square(vectors, side)
    assert square.dtype == np.float32
    np.testing.assert_allclose(square, vectors.astype(np.float64) @ vectors.T.astype(np.float64), atol=1e-6)


@pytest.mark.parametrize(("count", "side"), [(100, 10), (103, 10), (11, 10), (50, 1), (97, 60)])
def test_a_cell_of_a_tiled_square_is_the_mean_over_its_pairs(count: int, side: int) -> None:
    vectors = unit(count)
    scores = vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    edges = [row * count // side for row in range(side + 1)]
    expected = [
        [scores[top:bottom, left:right].mean() for left, right in pairwise(edges)] for top, bottom in pairwise(edges)
    ]
    square = similarity.pair_square(vectors, side)
    assert square.shape == (side, side)
    assert square.dtype == np.float32
    np.testing.assert_allclose(square, expected, atol=1e-6)


def test_group_means_leave_a_records_pair_with_itself_out() -> None:
    vectors = unit(12)
    starts = [0, 5, 6, 8]
    members = [range(5), range(5, 6), range(6, 8), range(8, 12)]
    scores = vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    expected = np.full((4, 4), np.nan)
    for one, rows in enumerate(members):
        for other, columns in enumerate(members):
            pairs = [scores[row, column] for row in rows for column in columns if row != column]
            if pairs:
                expected[one, other] = np.mean(pairs)
    means = similarity.group_means(vectors, starts)
    assert means.dtype == np.float32
    np.testing.assert_allclose(means, expected, atol=1e-6)
    assert np.isnan(means).sum() == 1
    assert np.isnan(means[1, 1]), "the group of one"


# ── answers ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("seed", range(5))
def test_a_records_answer_is_its_best_passage_and_the_middle_of_all(seed: int) -> None:
    random = np.random.default_rng(seed)
    vectors, question = unit(30, 8, seed), unit(1, 8, seed + 100)[0]
    count = 12
    owner = np.concatenate([np.arange(count), random.integers(0, count, 40)])  # each record owns at least one
    passage = random.integers(0, 30, len(owner))
    shuffled = random.permutation(len(owner))
    owner, passage = owner[shuffled], passage[shuffled]

    scores, best = similarity.passage_scores(vectors, question, owner, passage, count)

    for record in range(count):
        own = passage[owner == record]
        cosines = vectors[own].astype(np.float64) @ question
        middle = vectors[own].astype(np.float64).sum(axis=0)
        expected = (cosines.max() + middle @ question / np.linalg.norm(middle)) / 2
        assert scores[record] == pytest.approx(expected, abs=1e-6)
        assert best[record] == own[np.argmax(cosines)]


def test_of_two_equally_good_passages_the_first_is_shown() -> None:
    vectors = unit(4)[[2, 1, 0, 0]]
    owner, passage = np.asarray([0, 0, 0, 1]), np.asarray([3, 1, 2, 0])
    _, best = similarity.passage_scores(vectors, vectors[2], owner, passage, 2)
    assert best.tolist() == [2, 0]


def test_passages_that_cancel_out_have_a_middle_that_says_nothing() -> None:
    vectors = unit(1)[[0, 0]] * np.asarray([[1], [-1]], np.float32)
    owner, passage = np.zeros(2, np.int64), np.arange(2)
    scores, best = similarity.passage_scores(vectors, vectors[0], owner, passage, 1)
    assert best.tolist() == [0]
    np.testing.assert_allclose(scores, [0.5], atol=1e-6)


# ── neighbours and directions ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("block_bytes", [1, 4 * 40 * 7, 2**20])
@pytest.mark.parametrize("at_once", [1, 100, 2**20])
def test_neighbours_agree_with_brute_force(block_bytes: int, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similarity, "BLOCK_BYTES", block_bytes)
    monkeypatch.setattr(similarity, "SORTED_AT_ONCE", at_once)
    vectors = unit(40)
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -np.inf)
    for k in (1, 6, 39):
        positions, found = similarity.nearest(vectors, k)
        expected = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        np.testing.assert_array_equal(positions, expected)
        np.testing.assert_allclose(found, np.take_along_axis(scores, expected, 1), atol=1e-6)


def test_of_equal_neighbours_the_first_comes_first() -> None:
    positions, found = similarity.nearest(np.repeat(unit(1), 5, axis=0), 4)
    assert positions.tolist() == [[each for each in range(5) if each != row] for row in range(5)]
    np.testing.assert_allclose(found, 1, atol=1e-6)


@pytest.mark.parametrize("count", [6, 60])  # fewer records than dimensions, and more
def test_the_top_directions_hold_the_most_variance_and_can_be_taken_away(count: int) -> None:
    vectors = unit(count, 20)
    mean = vectors.mean(axis=0)
    top = similarity.top_directions(vectors, mean, 3)
    np.testing.assert_allclose(top.T @ top, np.eye(3), atol=1e-5)
    moved = (vectors - mean).astype(np.float64)
    largest = np.linalg.svd(moved, compute_uv=False)[:3]
    np.testing.assert_allclose(np.linalg.norm(moved @ top, axis=0), largest, rtol=1e-4)
    without = similarity.centre(vectors, mean, top)
    np.testing.assert_allclose(without @ top, 0, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(without, axis=1), 1, atol=1e-5)
