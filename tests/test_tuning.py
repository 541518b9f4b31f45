"""Weights of fields: a planted field is found, noise is not taken for one, and gains are of records not seen."""

from __future__ import annotations

import numpy as np
import pytest

from embedex import similarity, tuning


def planted(count: int, labels: int, signal: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Parts of three fields, of which the smallest one says the label and the largest one nothing."""
    draw = np.random.default_rng(seed)
    label = draw.integers(0, labels, count)
    truth = draw.normal(size=(labels, 12))[label]
    parts = np.stack([2 * draw.normal(size=(count, 12)), signal * truth, 0.3 * draw.normal(size=(count, 12))], axis=1)
    return parts.astype(np.float32), label.astype(np.int64)


def test_agreement_counts_what_can_be_found() -> None:
    vectors = np.eye(4, dtype=np.float32)[[0, 0, 1, 1, 2]]
    labels = np.array([0, 0, 1, 0, 2])
    shares = tuning.agreement(vectors, labels, 1)
    assert shares[:2].tolist() == [1, 1]
    assert np.isnan(shares[2])  # no other has its label
    assert np.isnan(shares[4])
    assert shares[3] == 0


def test_neighbours_are_those_of_all_scores() -> None:
    vectors = np.random.default_rng(1).normal(size=(40, 6)).astype(np.float32)
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -np.inf)
    np.testing.assert_array_equal(similarity.neighbours(vectors, 5), np.argsort(-scores, axis=1)[:, :5])
    assert similarity.neighbours(vectors[:3], 10).shape == (3, 2)
    assert similarity.neighbours(vectors[:1], 10).shape == (1, 0)


def test_a_planted_field_is_turned_up_and_holds_on_records_not_seen() -> None:
    parts, labels = planted(150, 5, 0.5)
    weights = tuning.search(parts, labels, 5)
    assert weights[1] > weights[0]
    judged = tuning.judge(parts, labels, 5)
    assert judged.after > judged.before + 0.2
    assert judged.low > 0
    assert judged.of_folds.shape == (5, 3)
    assert not judged.whole_labels


def test_noise_gains_nothing_on_records_not_seen() -> None:
    parts, labels = planted(120, 4, 0.5)
    labels = np.random.default_rng(9).permutation(labels)
    fitted = tuning.search(parts, labels, 5)
    gained = [np.nanmean(tuning.agreement(tuning.combined(parts, w), labels, 5)) for w in (fitted, np.ones(3))]
    judged = tuning.judge(parts, labels, 5)
    assert gained[0] > gained[1]  # what was fitted seems to gain
    assert judged.low < 0.02  # and does not


def test_a_fixed_field_keeps_its_weight() -> None:
    parts, labels = planted(100, 4, 0.5)
    assert tuning.search(parts, labels, 5, fixed=[1])[1] == 1


def test_many_labels_are_held_out_whole() -> None:
    labels = np.repeat(np.arange(60), 3)
    fold, whole = tuning.folds(labels, 5)
    assert whole
    assert all(len(set(fold[labels == each])) == 1 for each in range(60))
    fold, whole = tuning.folds(labels % 4, 5)
    assert not whole
    assert np.bincount(fold).tolist() == [36] * 5


def test_combined_is_the_centred_weighted_sum() -> None:
    parts = np.random.default_rng(2).normal(size=(9, 3, 4)).astype(np.float32)
    weights = np.array([0.0, 2.0, 1.0])
    summed = 2 * parts[:, 1] + parts[:, 2]
    units = summed / np.linalg.norm(summed, axis=1, keepdims=True)
    moved = units - units.mean(axis=0)
    expected = moved / np.linalg.norm(moved, axis=1, keepdims=True)
    assert tuning.combined(parts, weights) == pytest.approx(expected, abs=1e-5)
