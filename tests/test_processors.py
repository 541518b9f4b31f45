"""A container's share of processors is seen."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from embedex import processors

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def eight(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on whose first eight processors we may run."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [("max 100000", 8), ("250000 100000", 2), ("50000 100000", 1), ("3200000 100000", 8), ("broken", 8)],
)
def test_the_second_version_of_cgroups(tmp_path: Path, limit: str, expected: int) -> None:
    (tmp_path / "cpu.max").write_text(f"{limit}\n")
    assert processors.available(tmp_path) == expected


@pytest.mark.parametrize(("quota", "expected"), [("-1", 8), ("400000", 4)])
def test_the_first_version_of_cgroups(tmp_path: Path, quota: str, expected: int) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text(f"{quota}\n")
    (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000\n")
    assert processors.available(tmp_path) == expected


def test_without_limits_all_that_this_process_may_run_on(tmp_path: Path) -> None:
    assert processors.available(tmp_path) == 8
