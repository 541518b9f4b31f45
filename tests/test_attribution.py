"""A cosine in its parts, the names of fields, and weights: held against plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from embedex import attribution
from embedex.errors import InputError

PATHS = ["id", "name", "v_moves", "species.shape", "species.texts", "species"]


def test_contributions_are_the_products_of_parts() -> None:
    draw = np.random.default_rng(0)
    one, other, mean = draw.normal(size=(3, 4, 7))
    matrix = attribution.contributions(one, other, mean)
    a, b = one - mean, other - mean
    lengths = np.linalg.norm(a.sum(axis=0)) * np.linalg.norm(b.sum(axis=0))
    for i in range(4):
        for j in range(4):
            assert matrix[i, j] == pytest.approx(a[i] @ b[j] / lengths)
    assert matrix.sum() == pytest.approx(a.sum(axis=0) @ b.sum(axis=0) / lengths)


def test_a_record_that_is_the_mean_has_no_score() -> None:
    parts = np.ones((2, 3))
    assert not attribution.contributions(parts, 2 * parts, parts).any()


def test_settled_parts_sum_to_the_vector_and_move_one_row() -> None:
    draw = np.random.default_rng(1)
    parts = draw.normal(size=(5, 4)).astype(np.float32)
    parts[2] *= 10
    vector = parts.sum(axis=0) + 1e-7
    settled = attribution.settled(parts, vector)
    np.testing.assert_allclose(settled.sum(axis=0), vector, atol=1e-15)
    assert np.flatnonzero((settled != parts).any(axis=1)).tolist() == [2]


def test_fields_are_ranked_and_silent_ones_left_out() -> None:
    matrix = np.array([[0.1, 0, 0.2], [0, 0, 0], [0, 0, 0.5]])
    assert attribution.ranked(matrix).tolist() == [2, 0]


@pytest.mark.parametrize(
    ("name", "paths"),
    [
        ("name", ["name"]),
        ("species", ["species"]),
        ("moves", ["v_moves"]),
        ("MOVES", ["v_moves"]),
        ("species.shape", ["species.shape"]),
        ("texts", ["species.texts"]),
    ],
)
def test_a_field_is_called_by_its_path_or_by_what_no_other_path_has(name: str, paths: list[str]) -> None:
    assert attribution.fields_called(name, PATHS) == paths


def test_the_beginning_of_paths_means_all_below() -> None:
    assert attribution.fields_called("species", PATHS[:-1]) == ["species.shape", "species.texts"]


def test_the_redundant_prefix_may_be_typed() -> None:
    assert attribution.fields_called("v2_species.v2_shape", PATHS, "v2_") == ["species.shape"]


@pytest.mark.parametrize("name", ["mvoes", "", "s", "species.sh.x"])
def test_what_no_field_or_several_are_called_is_refused_with_their_names(name: str) -> None:
    with pytest.raises(InputError) as caught:
        attribution.fields_called(name, PATHS)
    assert "species.shape" in caught.value.allowed


@pytest.mark.parametrize("weight", [-0.1, float("nan"), float("inf")])
def test_a_weight_is_a_number_from_0_up(weight: float) -> None:
    with pytest.raises(InputError, match="'name'"):
        attribution.field_weights({"name": weight}, PATHS)


def test_something_has_to_be_left() -> None:
    with pytest.raises(InputError, match="No field is left"):
        attribution.field_weights(dict.fromkeys(PATHS, 0.0), PATHS)


def test_a_later_weight_wins_and_weights_are_told() -> None:
    weights = attribution.field_weights({"species": 0.0, "moves": 2, "name": 1}, PATHS[:-1])
    assert weights == {"species.shape": 0, "species.texts": 0, "v_moves": 2, "name": 1}
    assert attribution.told(weights) == "without species.shape, species.texts, weights: v_moves x 2"


def test_overlaps_do_not_care_for_order() -> None:
    before, after = np.array([[1, 2, 3], [0, 2, 3]]), np.array([[3, 2, 1], [1, 4, 0]])
    np.testing.assert_allclose(attribution.overlaps(before, after), [1, 1 / 3])
