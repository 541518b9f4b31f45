"""The chart of the amount of data: no more is claimed than the records carry, and every axis has ticks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from embedex import charts
from embedex.charts.quality import _round_lengths
from embedex.quality import design, fitted, r_squared
from embedex.results import GroupQuality, Item, Quality

from .support import DATE, basis, items, outside, quality, words


def report(medians: np.typing.NDArray[np.float64], lengths: np.typing.NDArray[np.int64]) -> Quality:
    missing = np.zeros(len(lengths), np.int64)
    expected = fitted(design(lengths, missing), medians, np.ones(len(medians), bool))
    share = r_squared(medians, expected)
    records = [Item(str(number), f"record {number}") for number in range(len(lengths))]
    return Quality(records, lengths, missing, medians.astype(np.float32), ["a"], 0.9, None, share, [], basis())


def test_a_share_that_many_records_carry_is_the_title() -> None:
    random = np.random.default_rng(1)
    lengths = random.integers(300, 9_000, 400)
    medians = 0.1 * np.log(lengths) + random.normal(0, 0.03, 400)
    result = report(medians, lengths)
    title = f"The amount of data explains {result.r_squared:.0%} of how alike records are"
    assert title in words(charts.quality_chart(result, date=DATE)).replace("\n", " ")


@pytest.mark.parametrize("count", [12, 200], ids=["few records", "outliers"])
def test_a_share_that_few_records_carry_is_not(count: int) -> None:
    random = np.random.default_rng(1)
    lengths = random.integers(2_000, 3_000, count)
    medians = random.normal(0.8, 0.01, count)
    lengths[:3], medians[:3] = 40, 0.1
    figure = charts.quality_chart(report(medians, lengths), date=DATE)
    said = words(figure).replace("\n", " ")
    assert "How alike records are, beside how much data each has" in said
    assert "of the variance, carried by few records" in said
    assert not outside(figure)


def test_nothing_is_explained_of_small_groups_and_small_shifts() -> None:
    groups = [
        GroupQuality("large", 50, 900.0, 1.0, 0.9, -0.1, -0.09),
        GroupQuality("small", 4, 900.0, 1.0, 0.9, -0.1, -0.08),
        GroupQuality("hardly", 50, 900.0, 1.0, 0.9, -0.009, -0.06),
    ]
    said = words(charts.quality_chart(replace(quality(items(9)), groups=groups), date=DATE))
    assert " explained" in said
    assert "90%" in said
    assert "80%" not in said
    assert "667%" not in said
    said = words(charts.quality_chart(replace(quality(items(9)), groups=groups[1:]), date=DATE))
    assert " explained" not in said


@pytest.mark.parametrize(("low", "high"), [(810.0, 990.0), (1_100.0, 1_900.0), (300.0, 30_000.0), (5.0, 9e5)])
def test_lengths_always_have_ticks(low: float, high: float) -> None:
    ticks = _round_lengths(low, high)
    assert len(ticks) > 2
    assert all(low <= each <= high for each in ticks)
