"""How far a map can be believed: held against the definitions, written out as plainly as they can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from embedex import fidelity, projection, similarity
from embedex.errors import InputError
from embedex.results import Fidelity

if TYPE_CHECKING:
    from numpy.typing import NDArray


def vectors_of(count: int, dimension: int = 12, seed: int = 0) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).standard_normal((count, dimension)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def measured(vectors: NDArray[np.float32], *maps: NDArray[np.float32], chosen: int = 0) -> Fidelity:
    told = fidelity.measure(vectors, maps, chosen)
    assert told is not None
    return told


def ranks(vectors: NDArray[np.float32]) -> list[list[int]]:
    """Of each record, the rank of each other by distance, from 1; itself 0."""
    double = vectors.astype(np.float64)
    rows = []
    for at, one in enumerate(double):
        order = sorted(
            (other for other in range(len(double)) if other != at), key=lambda o: np.sum((double[o] - one) ** 2)
        )
        rows.append([0 if other == at else order.index(other) + 1 for other in range(len(double))])
    return rows


def plain(space: NDArray[np.float32], other: NDArray[np.float32], k: int) -> float:
    """Venna's and Kaski's trustworthiness of `other` as a map of `space`; swapped, the continuity."""
    count, truth, seen = len(space), ranks(space), ranks(other)
    beyond = sum(truth[i][j] - k for i in range(count) for j in range(count) if 0 < seen[i][j] <= k and truth[i][j] > k)
    return 1 - 2 / (count * k * (2 * count - 3 * k - 1)) * beyond


# ── the whole map ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("block_bytes", [1, 8 * 40 * 7, 2**26])
@pytest.mark.parametrize("count", [3, 9, 21, 40])
def test_trustworthiness_and_continuity_are_as_defined(
    count: int, block_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(similarity, "BLOCK_BYTES", block_bytes)
    vectors = vectors_of(count)
    places = projection.pca(vectors, 2)
    told, k = measured(vectors, places), fidelity.neighbourhood(count)
    assert told.nearest == k == min(10, (count - 1) // 2)
    assert told.trustworthiness == pytest.approx(plain(vectors, places, k), abs=1e-9)
    assert told.continuity == pytest.approx(plain(places, vectors, k), abs=1e-9)
    assert (told.measured, told.stable, told.seeds, told.arrangement) == (count, None, 1, None)


def test_trustworthiness_is_that_of_scikit_learn() -> None:
    manifold = pytest.importorskip("sklearn.manifold")
    vectors = vectors_of(80)
    places = projection.pca(vectors, 2)
    told = measured(vectors, places)
    assert told.trustworthiness == pytest.approx(manifold.trustworthiness(vectors, places, n_neighbors=10), abs=1e-9)
    assert told.continuity == pytest.approx(manifold.trustworthiness(places, vectors, n_neighbors=10), abs=1e-9)


def test_a_map_of_a_plane_keeps_all_and_one_by_chance_keeps_little() -> None:
    plane = vectors_of(60, 2) * np.random.default_rng(1).random((60, 1)).astype(np.float32)
    turned = plane @ np.asarray([[0, 3], [-3, 0]], np.float32) + 7
    told = measured(plane, turned)
    assert (told.trustworthiness, told.continuity, told.kept.min()) == (1, 1, 1)
    by_chance = measured(vectors_of(60), vectors_of(60, 2, 5))
    assert 0.3 < by_chance.trustworthiness < 0.7
    assert by_chance.kept.mean() < 0.3


def test_the_nearest_torn_apart_cost_continuity_and_strangers_thrown_together_trust() -> None:
    line = np.arange(40, dtype=np.float32)[:, None] * np.ones((1, 3), np.float32)
    torn = np.column_stack([np.arange(40), np.arange(40) % 2 * 500]).astype(np.float32)  # odd ones far from even ones
    cut = measured(line, torn)
    assert cut.continuity < cut.trustworthiness
    folded = np.column_stack([np.abs(np.arange(40) - 19.75), np.zeros(40)]).astype(np.float32)  # both ends on one place
    thrown = measured(line, folded)
    assert thrown.trustworthiness < thrown.continuity


def test_a_sample_comes_close_to_all(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = vectors_of(400)
    places = projection.pca(vectors, 2)
    whole = measured(vectors, places)
    monkeypatch.setattr(fidelity, "EXACT", 399)
    monkeypatch.setattr(fidelity, "SAMPLE", 150)
    sample = measured(vectors, places)
    assert (whole.measured, sample.measured) == (400, 150)
    assert sample.trustworthiness != whole.trustworthiness
    assert sample.trustworthiness == pytest.approx(whole.trustworthiness, abs=0.02)
    assert sample.continuity == pytest.approx(whole.continuity, abs=0.02)
    np.testing.assert_array_equal(sample.kept, whole.kept)  # of each record, sample or not
    assert measured(vectors, places).trustworthiness == sample.trustworthiness, "the same sample each time"


def test_equal_records_cost_nothing_in_any_order() -> None:
    vectors = np.repeat(vectors_of(3), 20, axis=0)
    places = np.repeat(np.asarray([[0, 0], [5, 0], [0, 9]], np.float32), 20, axis=0)
    places += np.random.default_rng(0).random(places.shape).astype(np.float32) / 100  # an order where there is none
    told = measured(vectors, places)
    assert (told.trustworthiness, told.kept.min()) == (1, 1)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_than_three_records_have_no_neighbourhood(count: int) -> None:
    assert fidelity.measure(vectors_of(count), [np.zeros((count, 2), np.float32)]) is None


def test_a_map_that_is_not_finite_is_refused() -> None:
    places = np.zeros((9, 2), np.float32)
    places[3, 0] = np.nan
    with pytest.raises(InputError, match="not finite"):
        fidelity.measure(vectors_of(9), [places])


# ── each place ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("dimensions", [2, 3])
def test_what_is_kept_is_the_share_of_common_neighbours(dimensions: int) -> None:
    vectors = vectors_of(50)
    places = projection.pca(vectors, dimensions)
    truth, seen = ranks(vectors), ranks(places)
    expected = [
        len({j for j in range(50) if 0 < truth[i][j] <= 10} & {j for j in range(50) if 0 < seen[i][j] <= 10}) / 10
        for i in range(50)
    ]
    told = measured(vectors, places)
    assert told.kept.dtype == np.float32
    np.testing.assert_allclose(told.kept, expected, atol=1e-6)


def test_a_record_put_among_strangers_is_doubted_and_the_others_are_not() -> None:
    islands = np.repeat(np.eye(3, 12, dtype=np.float32), 15, axis=0) + vectors_of(45) * np.float32(0.05)
    places = np.repeat(np.asarray([[0, 0], [50, 0], [0, 50]], np.float32), 15, axis=0)
    places += projection.pca(islands, 2)
    places[7] = [50, 0]  # of the first island, put on the second
    told = measured(islands, places)
    assert told.doubted.nonzero()[0].tolist() == [7]
    assert told.kept[7] == 0


def test_doubt_begins_below_two_of_ten_and_half_of_the_seeds() -> None:
    kept = np.asarray([0.1, 0.2, 0.3, 0.9], np.float32)
    told = Fidelity(10, kept, None, 1, 1, 4)
    assert told.doubted.tolist() == [True, False, False, False]
    assert told.rule == "fewer than 2 of its 10 nearest are near it in the map"
    seeds = Fidelity(10, kept, np.asarray([1, 1, 0.49, 0.5], np.float32), 1, 1, 4, 2)
    assert seeds.doubted.tolist() == [True, False, True, False]
    assert "changes with the seed" in seeds.rule
    assert Fidelity(4, kept, None, 1, 1, 4).rule.startswith("none of its 4 nearest is near it")
    assert told.part([3, 0]).kept.tolist() == kept[[3, 0]].tolist()
    assert seeds.told(2) == "3 of its 10 nearest are near it there, and 49% of what is near it stays with another seed"


# ── seed against seed ───────────────────────────────────────────────────────────────────────────────


def test_stability_is_the_mean_over_pairs_of_what_stays() -> None:
    vectors = vectors_of(30)
    maps = [vectors_of(30, 2, seed) for seed in range(3)]
    near = [[{j for j in range(30) if 0 < row[j] <= 10} for row in ranks(places)] for places in maps]
    expected = [np.mean([len(near[a][i] & near[b][i]) / 10 for a, b in ((0, 1), (0, 2), (1, 2))]) for i in range(30)]
    told = measured(vectors, *maps)
    assert told.stable is not None
    np.testing.assert_allclose(told.stable, expected, atol=1e-6)
    assert told.seeds == 3


def test_one_map_turned_is_wholly_stable() -> None:
    vectors = vectors_of(30)
    places = vectors_of(30, 2)
    turned = places @ np.asarray([[0, 2], [2, 0]], np.float32) - 3  # mirrored and larger, too
    told = measured(vectors, places, turned)
    assert told.stable is not None
    assert told.stable.min() == 1
    assert told.arrangement == pytest.approx(1)


def test_the_record_that_moves_is_the_unstable_one() -> None:
    vectors = vectors_of(60)
    places = np.repeat(np.asarray([[0, 0], [90, 0]], np.float32), 30, axis=0) + vectors_of(60, 2)
    moved = places.copy()
    moved[4] = [90, 0.01]
    told = measured(vectors, places, moved, places)
    assert told.stable is not None
    assert int(told.stable.argmin()) == 4
    assert told.stable[4] == pytest.approx(1 / 3), "of three pairs, the two that agree"
    assert np.delete(told.stable, 4).min() > 0.8


def test_the_map_that_agrees_with_most_is_chosen() -> None:
    common, stranger = vectors_of(30, 2, 1), vectors_of(30, 2, 2)
    assert fidelity.most_agreed([stranger, common, common * 2]) == 1
    assert fidelity.most_agreed([common, stranger, common * 2]) == 0
    assert fidelity.most_agreed([stranger, common]) == 0
    assert fidelity.most_agreed([common[:2]] * 3) == 0


def test_laying_one_map_on_another_is_procrustes() -> None:
    one, other = vectors_of(25, 2, 1), vectors_of(25, 2, 2)
    assert fidelity.overlay(one, other) == pytest.approx(fidelity.overlay(other, one))
    a, b = (each.astype(np.float64) - each.mean(axis=0, dtype=np.float64) for each in (one, other))
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    best = 0.0  # by trying every angle, both ways round: what the closed form has to reach
    for angle in np.linspace(0, 2 * np.pi, 20_000):
        turn = np.asarray([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        best = max(best, float((a * (b @ turn)).sum()), float((a * (b[:, ::-1] @ turn)).sum()))
    assert fidelity.overlay(one, other) == pytest.approx(best**2, abs=1e-6)
    same = np.ones((5, 2), np.float32)
    assert fidelity.overlay(same, same) == 1
    assert fidelity.overlay(same, one[:5]) == 0


def test_vectors_and_maps_are_left_as_they_are() -> None:
    vectors, maps = vectors_of(20), [vectors_of(20, 2, 1), vectors_of(20, 2, 2)]
    measured(vectors, *maps)
    np.testing.assert_array_equal(vectors, vectors_of(20))
    np.testing.assert_array_equal(maps[0], vectors_of(20, 2, 1))
