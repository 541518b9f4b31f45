"""What a score is worth, held against every pair written down."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from embedex import calibration

if TYPE_CHECKING:
    from numpy.typing import NDArray


def unit(count: int, dimension: int = 8, seed: int = 0) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).standard_normal((count, dimension)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def every_pair(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    exact = vectors.astype(np.float64)
    return np.asarray((exact @ exact.T)[np.triu_indices(len(vectors), 1)])


# ── percentiles ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("tile", [1, 7, 64, 1024])
@pytest.mark.parametrize("count", [2, 3, 65, 130])
def test_every_pair_is_counted_once(count: int, tile: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "TILE", tile)
    monkeypatch.setattr(calibration, "EXACT_PAIRS", 0)
    vectors = unit(count)
    found = calibration.distribution(vectors)
    assert (found.pairs, found.sampled) == (count * (count - 1) // 2, False)
    expected = np.histogram(every_pair(vectors), calibration.BINS, (-1, 1))[0]
    # A score may fall into the next bin by a rounding, never further.
    assert np.abs(np.cumsum(found.counts) - np.cumsum(expected)).max() <= max(2, 0.001 * found.pairs)


def test_few_pairs_are_counted_one_by_one() -> None:
    vectors = unit(30)
    found, pairs = calibration.distribution(vectors), np.sort(every_pair(vectors))
    assert found.error == 0
    between = (pairs[1:] + pairs[:-1]) / 2
    wide = np.diff(pairs) > 1e-5  # closer scores are equal but for rounding
    told = found.percentiles(between.astype(np.float32))
    np.testing.assert_allclose(told[wide], (100 * np.arange(1, len(pairs)) / len(pairs))[wide], atol=1e-9)
    three = calibration.distribution(unit(3))
    asked = np.sort(every_pair(unit(3))).astype(np.float32)
    np.testing.assert_allclose(three.percentiles(asked), [0, 100 / 3, 200 / 3])  # no pair is lower than itself


def test_a_percentile_is_the_share_of_pairs_that_score_less_and_its_error_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(calibration, "EXACT_PAIRS", 0)
    vectors = unit(200)
    found, pairs = calibration.distribution(vectors), every_pair(vectors)
    asked = np.linspace(-1, 1, 501).astype(np.float32)
    share = np.asarray([100 * (pairs < score).mean() for score in asked])
    off = np.abs(found.percentiles(asked) - share).max()
    assert off <= found.error + 1e-9
    assert found.error < 0.05
    assert found.percentiles(np.asarray([-1, 1, 1.0001], np.float32)).tolist() == [0, 100, 100]


def test_records_that_are_all_equal_leave_everything_open_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    equal = np.repeat(unit(1), 5, axis=0)
    assert calibration.distribution(equal).percentiles(np.ones(1, np.float32)).tolist() == [0]
    monkeypatch.setattr(calibration, "EXACT_PAIRS", 0)
    found = calibration.distribution(equal)
    assert (found.pairs, found.error) == (10, 100)


def test_many_records_are_sampled_within_the_stated_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "EXACT_RECORDS", 500)
    monkeypatch.setattr(calibration, "SAMPLED_PAIRS", 100_000)
    vectors = unit(600)
    found = calibration.distribution(vectors)
    assert (found.pairs, found.sampled) == (100_000, True)
    expected = 100 * math.sqrt(math.log(2 / 0.001) / 200_000)
    assert calibration.sampling_error(100_000) == pytest.approx(expected)
    assert expected < found.error < expected + 0.05
    asked, pairs = np.linspace(-1, 1, 501).astype(np.float32), every_pair(vectors)
    off = np.abs(found.percentiles(asked) - [100 * (pairs < score).mean() for score in asked]).max()
    assert 0 < off <= found.error  # it holds but for one sample of a thousand, and this one's seed is fixed
    assert (calibration.distribution(vectors).counts == found.counts).all()
    assert (calibration.distribution(vectors, seed=1).counts != found.counts).any()


def test_a_sample_draws_no_record_with_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "SAMPLED_PAIRS", 10_000)
    right_angles = np.eye(4, dtype=np.float32)
    counts = calibration.sampled_counts(right_angles, 0)
    assert counts[calibration.BINS // 2] == counts.sum() == 10_000


def test_the_default_sample_is_good_for_a_tenth_of_a_percentile_point() -> None:
    assert calibration.sampling_error(calibration.SAMPLED_PAIRS) < 0.1


# ── neighbourhoods ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("size", [1, 3, 10])
def test_hubs_and_edges_agree_with_brute_force(size: int) -> None:
    vectors = unit(60, 5)
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -np.inf)
    nearest = np.argsort(-scores, axis=1, kind="stable")[:, :size]
    found = calibration.neighbourhoods(vectors, size)
    np.testing.assert_allclose(found.hubness, np.bincount(nearest.ravel(), minlength=60) / size)
    np.testing.assert_allclose(found.edges, np.take_along_axis(scores, nearest[:, -1:], 1)[:, 0], atol=1e-6)
    assert found.hubness.mean() == pytest.approx(1)


def test_few_records_are_all_neighbours() -> None:
    found = calibration.neighbourhoods(unit(4))
    assert (found.size, found.hubness.tolist()) == (3, [1, 1, 1, 1])


@pytest.mark.parametrize("query", range(0, 60, 7))
def test_mutual_neighbours_are_each_among_the_others(query: int) -> None:
    vectors = unit(60, 5)
    near = calibration.neighbourhoods(vectors, 4)
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, np.nan)
    nearest = np.argsort(-np.nan_to_num(scores, nan=-2), axis=1)[:, :4]
    expected = [other in nearest[query] and query in nearest[other] for other in range(60)]
    alone = vectors @ vectors[query]  # not the same last bits as in the product of all
    alone[query] = np.nan
    assert calibration.mutual(alone, near).tolist() == expected


def test_without_any_other_nobody_is_mutual() -> None:
    near = calibration.neighbourhoods(unit(2))
    assert calibration.mutual(np.full(2, np.nan, np.float32), near).tolist() == [False, False]


# ── z-scores ────────────────────────────────────────────────────────────────────────────────────────


def test_z_scores_are_within_the_group_and_leave_the_query_out() -> None:
    values = np.asarray([1, 2, 3, np.nan, 10, 10, 10, 7, 0.5], np.float32)
    groups = np.asarray([0, 0, 0, 0, 1, 1, 1, 2, 0])
    found = calibration.z_scores(values, groups)
    of_first = np.asarray([1, 2, 3, 0.5])
    np.testing.assert_allclose(found[[0, 1, 2, 8]], (of_first - of_first.mean()) / of_first.std(), atol=1e-6)
    assert np.isnan(found[3:8]).all()  # itself; a group of equal values; a group of one
