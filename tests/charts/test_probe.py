"""A probe's chart: a row for each side, two panels, and what is not better than the baseline stays hollow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from matplotlib.lines import Line2D

from embedex import charts

from .support import AWKWARD, DATE, collisions, outside, probe, words

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("number", [False, True], ids=["category", "number"])
def test_it_says_what_was_read_and_how(number: bool, tmp_path: Path) -> None:
    figure = charts.probe_chart(probe(number=number, blind=number), date=DATE)
    said = words(figure)
    for part in ("types[0].name", "1,025 records", "tiny-encoder", "Pokédex", "2024-02-29", "baseline", "95 %"):
        assert part in said
    assert ("mean absolute error" in said) == number
    assert ("balanced accuracy" in said) != number
    assert ("without that field" in said) == number
    assert not outside(figure)
    assert not collisions(figure)
    files = charts.save(figure, tmp_path / "probe")
    again = charts.save(charts.probe_chart(probe(number=number, blind=number), date=DATE), tmp_path / "again")
    assert [file.read_bytes() for file in files] == [file.read_bytes() for file in again]


def test_what_is_not_better_is_hollow() -> None:
    figure = charts.probe_chart(probe(("good", "poor")), date=DATE)
    dots = [line for axes in figure.axes for line in axes.get_lines() if line.get_marker() in ("o", "D")]
    assert all(isinstance(dot, Line2D) for dot in dots)
    hollow = [dot.get_markerfacecolor() == "white" for dot in dots]
    assert hollow == [False, False, True, True] * 2


def test_awkward_names_and_many_sides_stay_inside() -> None:
    figure = charts.probe_chart(probe([f"{number} {name}" for number, name in enumerate(AWKWARD)]), date=DATE)
    assert not outside(figure)
    assert "Nothing was compared" in words(charts.probe_chart(probe(()), date=DATE))
