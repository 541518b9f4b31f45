"""Places in 2D and 3D: components, neighbourhoods, and distances between places."""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from embedex import projection, similarity
from embedex.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from numpy.typing import NDArray

needs_umap = pytest.mark.skipif(importlib.util.find_spec("umap") is None, reason="the extra 'umap' is not installed")


def unit(count: int, dimension: int = 8, seed: int = 0) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).standard_normal((count, dimension)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def clusters(counts: list[int], dimension: int = 16) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Unit vectors close to as many directions at right angles, one cluster after another, and their labels."""
    labels = np.repeat(np.arange(len(counts)), counts)
    noise = np.random.default_rng(0).standard_normal((len(labels), dimension)) * 0.05
    vectors = (np.eye(dimension)[labels] + noise).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), labels


def all_distances(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    double = vectors.astype(np.float64)
    distances: NDArray[np.float64] = np.linalg.norm(double[:, None] - double[None, :], axis=2)
    return distances


# ── PCA ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("count", "dimension"), [(40, 8), (5, 30), (8, 8)])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_pca_is_the_singular_value_decomposition(count: int, dimension: int, dimensions: int) -> None:
    vectors = unit(count, dimension)
    moved = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    left, values, right = np.linalg.svd(moved, full_matrices=False)
    signs = np.sign(right[np.arange(len(right)), np.abs(right).argmax(axis=1)])
    places = projection.pca(vectors, dimensions)
    assert places.shape == (count, dimensions)
    assert places.dtype == np.float32
    np.testing.assert_allclose(places, (left * values * signs)[:, :dimensions], atol=1e-5)


def test_pca_does_not_depend_on_the_order_of_the_records_nor_flip() -> None:
    vectors = unit(40)
    order = np.random.default_rng(3).permutation(40)
    np.testing.assert_allclose(projection.pca(vectors[order], 3), projection.pca(vectors, 3)[order], atol=1e-5)


def test_pca_of_equal_records_is_one_place() -> None:
    np.testing.assert_allclose(projection.pca(np.repeat(unit(1), 4, axis=0), 2), 0, atol=1e-6)


# ── nearest ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("block_bytes", [1, 4 * 60 * 7, 2**20])
def test_the_nearest_are_those_of_brute_force(block_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similarity, "BLOCK_BYTES", block_bytes)
    vectors = unit(60)
    distances = all_distances(vectors)
    positions, found = projection.nearest(vectors, 6)
    assert positions.shape == found.shape == (60, 6)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(positions, distances.argsort(axis=1, kind="stable")[:, :6])
    np.testing.assert_allclose(found, np.sort(distances, axis=1)[:, :6], atol=1e-6)


def test_a_record_is_its_own_nearest_though_others_are_equal() -> None:
    vectors = np.repeat(unit(5), 4, axis=0)
    positions, distances = projection.nearest(vectors, 4)
    np.testing.assert_array_equal(positions[:, 0], np.arange(20))
    np.testing.assert_array_equal(np.sort(positions, axis=1), np.repeat(np.arange(20).reshape(5, 4), 4, axis=0))
    np.testing.assert_array_equal(distances, np.zeros((20, 4)))


def test_close_records_keep_their_order_and_their_distances() -> None:
    """The difference of two squares loses what lies below 0.0005; near pictures are that near."""
    ground = unit(1, 64)
    vectors = ground + np.float32(1e-5) * np.asarray([[0], [3], [1], [7], [15]], np.float32) * unit(1, 64, 1)
    positions, distances = projection.nearest(vectors, 5)
    np.testing.assert_allclose(distances, np.sort(all_distances(vectors), axis=1), atol=1e-7)
    assert positions[0].tolist() == [0, 2, 1, 3, 4]


def test_the_nearest_may_be_all_there_are() -> None:
    positions, distances = projection.nearest(unit(4), 4)
    np.testing.assert_array_equal(positions, all_distances(unit(4)).argsort(axis=1))
    assert (np.diff(distances, axis=1) > 0).all()


def test_vectors_are_left_as_they_are() -> None:
    vectors = unit(12)
    projection.nearest(vectors, 3)
    projection.pca(vectors, 2)
    np.testing.assert_array_equal(vectors, unit(12))


# ── UMAP ────────────────────────────────────────────────────────────────────────────────────────────


@needs_umap
def test_umap_with_one_seed_is_one_map() -> None:
    vectors, _ = clusters([15, 15])
    one = projection.umap(vectors, 2, seed=7)
    assert one.shape == (30, 2)
    assert one.dtype == np.float32
    np.testing.assert_array_equal(projection.umap(vectors, 2, seed=7), one)
    assert not np.allclose(projection.umap(vectors, 2, seed=8), one)


@needs_umap
def test_umap_takes_the_neighbours_that_it_is_given() -> None:
    vectors, _ = clusters([15, 15])
    alone = projection.umap(vectors, 2, seed=7)
    np.testing.assert_array_equal(projection.umap(vectors, 2, seed=7, near=projection.nearest(vectors, 11)), alone)
    others = vectors[np.random.default_rng(0).permutation(30)]
    assert not np.allclose(projection.umap(vectors, 2, seed=7, near=projection.nearest(others, 5)), alone)


@needs_umap
@pytest.mark.parametrize("dimensions", [2, 3])
def test_what_is_apart_stays_apart_in_umap(dimensions: int) -> None:
    vectors, labels = clusters([14, 17, 11])
    places = projection.umap(vectors, dimensions)
    assert places.shape == (42, dimensions)
    same = labels[:, None] == labels[None, :]
    distances = all_distances(places)
    assert distances[~same].min() > 2 * distances[same].max()


@needs_umap
@pytest.mark.parametrize("count", range(6, 21))
def test_umap_takes_small_collections(count: int) -> None:
    for dimensions in (2, 3):
        places = projection.umap(unit(count), dimensions)
        assert places.shape == (count, dimensions)
        assert np.isfinite(places).all()
        assert len(np.unique(places, axis=0)) == count, "each record has a place of its own"


@needs_umap
def test_umap_takes_equal_records() -> None:
    vectors = np.repeat(unit(3), 8, axis=0)
    places = projection.umap(vectors, 2)
    assert np.isfinite(places).all()
    same = np.equal.outer(np.arange(24) // 8, np.arange(24) // 8)
    distances = all_distances(places)
    assert distances[~same].min() > distances[same].max()


@pytest.mark.parametrize(("count", "neighbours"), [(5, 5), (1, 5), (0, 5), (15, 15)])
def test_too_few_records_for_umap_are_refused(count: int, neighbours: int) -> None:
    with pytest.raises(InputError, match=f"^{count} records are too few for UMAP with {neighbours}") as raised:
        projection.umap(unit(count), 2, neighbours=neighbours)
    assert f"at least {neighbours + 1}" in raised.value.allowed
    assert "--method pca" in raised.value.cure


def test_without_the_extra_umap_names_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(MissingExtraError, match="A UMAP map needs the extra 'umap'") as raised:
        projection.umap(unit(20), 2)
    assert raised.value.cure == "Install it with: pip install 'embedex[umap]'"


# ── distances in the map ────────────────────────────────────────────────────────────────────────────


def test_distances_in_a_map_are_euclidean() -> None:
    places = np.asarray([[0, 0], [3, 4], [0, 1], [0, 0]], np.float32)
    assert projection.map_distances(places, 0).tolist() == [0, 5, 1, 0]
    assert projection.map_distances(places, 2).tolist() == pytest.approx([1, np.sqrt(18), 0, 1])


@pytest.mark.parametrize(("count", "dimensions"), [(2, 2), (3, 2), (20, 3), (21, 2)])
def test_a_median_distance_leaves_the_record_itself_out(count: int, dimensions: int) -> None:
    places = np.random.default_rng(0).standard_normal((count, dimensions)).astype(np.float32)
    distances = all_distances(places)
    expected = [np.median(np.delete(distances[row], row)) for row in range(count)]
    np.testing.assert_allclose(projection.median_distances(places), expected, atol=1e-6)


def test_a_record_that_is_alone_in_a_map_has_no_median_distance() -> None:
    assert np.isnan(projection.median_distances(np.zeros((1, 2), np.float32))).tolist() == [True]


def test_pca_of_fewer_rows_than_columns_is_the_same_as_of_more() -> None:
    """The two ways to the same axes: by the rows' own decomposition, and by the columns' covariance."""
    wide = np.random.default_rng(3).standard_normal((20, 40)).astype(np.float32)
    twice = np.concatenate([wide, wide, wide])  # the same axes, with more rows than columns
    np.testing.assert_allclose(projection.pca(wide, 2), projection.pca(twice, 2)[:20], atol=1e-4)
