"""How much data records have, and how much follows from it, on cases whose answer is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from embedex import quality

# ── missing fields ──────────────────────────────────────────────────────────────────────────────────


def test_a_field_is_missing_where_it_is_absent_null_or_empty() -> None:
    whole: dict[str, Any] = {"a": 1, "b": "x", "c": [1], "d": {"e": 1, "f": None}}
    records = [
        whole,
        {"a": 0, "b": False, "c": [None], "d": {"e": 0.0}},  # 0 and false are values
        {"a": None, "b": "  ", "c": [], "d": {}},
        {"d": None},
        {**whole, "d": {"e": ""}},
    ]
    found = quality.filled(records)
    assert found.fields == ["a", "b", "c", "d.e"]  # d.f is never filled
    assert found.missing.tolist() == [0, 0, 4, 4, 1]


def test_only_what_a_tenth_of_the_records_have_is_expected() -> None:
    records = [
        {"a": 1, **({"rare": 1} if number < 1 else {}), **({"some": 1} if number < 2 else {})} for number in range(20)
    ]
    found = quality.filled(records)
    assert found.fields == ["a", "some"]
    assert found.missing.tolist() == [0, 0] + [1] * 18


def test_no_record_lacks_nothing() -> None:
    assert quality.filled([]).missing.shape == (0,)


# ── what follows ────────────────────────────────────────────────────────────────────────────────────


def test_rank_correlation_sees_any_order_and_shares_ties() -> None:
    values = np.asarray([1.0, 5, 2, 9, 3])
    assert quality.spearman(values, np.exp(values)) == pytest.approx(1)
    assert quality.spearman(values, -(values**3)) == pytest.approx(-1)
    # ranks 1.5 1.5 3 against 1 2 3, by hand
    assert quality.spearman(np.asarray([1.0, 1, 2]), np.asarray([1.0, 2, 3])) == pytest.approx(1.5 / np.sqrt(1.5 * 2))
    assert np.isnan(quality.spearman(values, np.ones(5)))


def likeness(lengths: NDArray[Any], missing: NDArray[Any]) -> NDArray[Any]:
    """Least for the shortest and the longest, and lower with each missing field."""
    return np.asarray(0.9 - 0.02 * (np.log(lengths) - 9) ** 2 - 0.01 * missing)


def test_what_follows_from_data_alone_is_explained_wholly_even_for_a_group_left_out() -> None:
    random = np.random.default_rng(0)
    lengths, missing = random.integers(200, 20_000, 300), random.integers(0, 6, 300)
    values = likeness(lengths, missing)
    columns = quality.design(lengths, missing)
    assert quality.r_squared(values, quality.fitted(columns, values, np.ones(300, bool))) == pytest.approx(1)
    member = lengths < 700
    shift, expected = quality.shifts(columns, values, member)
    assert shift == pytest.approx(values[member].mean() - values[~member].mean())
    assert shift < -0.01
    assert expected == pytest.approx(shift)


def test_a_group_cannot_explain_itself() -> None:
    random = np.random.default_rng(1)
    lengths, missing = random.integers(200, 20_000, 300), random.integers(0, 6, 300)
    member = np.arange(300) < 40
    values = random.normal(0.9, 0.001, 300) - 0.1 * member  # low for what it is, not for its data
    shift, expected = quality.shifts(quality.design(lengths, missing), values, member)
    assert shift == pytest.approx(-0.1, abs=0.001)
    assert abs(expected) < 0.001


def test_data_that_never_differs_explains_nothing() -> None:
    lengths, missing = np.full(30, 500), np.zeros(30, np.int64)
    values = np.random.default_rng(2).normal(size=30)
    columns = quality.design(lengths, missing)
    assert quality.r_squared(values, quality.fitted(columns, values, np.ones(30, bool))) == pytest.approx(0)
    assert np.isnan(quality.r_squared(np.ones(3), np.ones(3)))


def test_a_group_without_enough_others_is_left_open() -> None:
    columns = quality.design(np.arange(1, 9), np.zeros(8, np.int64))
    member = np.arange(8) < 4
    assert all(np.isnan(each) for each in quality.shifts(columns, np.arange(8.0), member))
