"""What holds for every chart, whatever it shows."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest
from matplotlib.figure import Figure
from PIL import Image

from embedex import charts

from .support import (
    AWKWARD,
    DATE,
    a_map,
    a_sum,
    answers,
    clusters,
    comparison,
    disagreement,
    in_doubt,
    items,
    outside,
    pairs,
    quality,
    similar,
    tokens,
    tuned,
    unusual,
    why,
    words,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from embedex.results import Item

Draw = Callable[["Sequence[Item]"], Figure]


def _groups(records: Sequence[Item]) -> list[tuple[str, int]]:
    starts: dict[str, int] = {}
    for row, record in enumerate(records):
        starts.setdefault(record.group or "", row)
    return list(starts.items())


CHARTS: dict[str, Draw] = {
    "similar": lambda records: charts.similar_strip(similar(records), date=DATE),
    "similar of all": lambda records: charts.similar_strip(similar(records, per_group=False), date=DATE),
    "similar in the map": lambda records: charts.similar_strip(
        replace(similar(records), basis=a_map([]).basis), date=DATE
    ),
    "similar to a sum": lambda records: charts.similar_strip(a_sum(records), date=DATE),
    "disagreement": lambda records: charts.disagreement_chart(disagreement(records), date=DATE),
    "quality": lambda records: charts.quality_chart(quality(records), date=DATE),
    "unusual": lambda records: charts.unusual_chart(unusual(records), date=DATE),
    "answers": lambda records: charts.answers_chart(answers(records), date=DATE),
    "heatmap": lambda records: charts.heatmap(
        replace(pairs(len(records), groups=_groups(records)), count=1025, basis=unusual([]).basis), date=DATE
    ),
    "map": lambda records: charts.map_chart(a_map(records), date=DATE, highlight=["pikachu", "1"]),
    "map in doubt": lambda records: charts.map_chart(
        replace(a_map(records), fidelity=in_doubt(len(records))), date=DATE
    ),
    "why": lambda records: charts.why_chart(why(records), date=DATE),
    "why apart": lambda records: charts.why_chart(why(records, sign=-1), date=DATE),
    "compare": lambda records: charts.compare_chart(comparison(records), date=DATE),
    "tune": lambda records: charts.tune_chart(tuned(records), date=DATE),
    "tune without gain": lambda records: charts.tune_chart(tuned(records, gain=0.01), date=DATE),
    "clusters": lambda records: charts.cluster_chart(clusters(records), date=DATE),
    "clusters without a map": lambda records: charts.cluster_chart(clusters(records, places=False), date=DATE),
    "map in 3D": lambda records: charts.map_chart(a_map(records, dimensions=3), date=DATE),
}


@pytest.fixture(params=CHARTS, ids=[name.replace(" ", "-") for name in CHARTS])
def draw(request: pytest.FixtureRequest) -> Draw:
    return CHARTS[request.param]


def _save_twice(folder: Path, draw: Callable[[], Figure]) -> Figure:
    """Save a chart and the same one drawn again; check the files and that they are alike."""
    figure = draw()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        files = charts.save(figure, folder / "once")
        again = charts.save(draw(), folder / "again")
    assert [file.name for file in files] == ["once.png", "once.svg"]
    assert [file.read_bytes() for file in files] == [file.read_bytes() for file in again]
    with Image.open(files[0]) as picture:
        picture.load()
        assert picture.width == int(figure.get_figwidth() * figure.dpi)
        assert "Software" not in picture.info
    svg = files[1].read_text(encoding="utf-8")
    assert ElementTree.fromstring(svg).tag.endswith("svg")
    assert "<dc:date>" not in svg
    assert sorted(path.suffix for path in folder.iterdir()) == [".png"] * 2 + [".svg"] * 2
    return figure


def test_caption_and_files(draw: Draw, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    records = items(9, pictures=tmp_path_factory.mktemp("pictures"))
    figure = _save_twice(tmp_path, lambda: draw(records))
    said = words(figure)
    for part in ("Pokédex", "tiny-encoder", "1,025 records", "2024-02-29"):
        assert part in said
    assert not outside(figure)


def test_awkward_names_without_pictures(draw: Draw, tmp_path: Path) -> None:
    plain = items(len(AWKWARD), groups=0, names=AWKWARD)
    records = [
        replace(record, group=None if number % 4 == 0 else AWKWARD[-number // 4], picture=tmp_path / "none.png")
        for number, record in enumerate(plain)
    ]
    (tmp_path / "out").mkdir()
    figure = _save_twice(tmp_path / "out", lambda: draw(records))
    assert not outside(figure)
    assert "\n\n" not in words(figure)


def test_zero_and_one(draw: Draw, tmp_path: Path) -> None:
    empty = draw([])
    assert any(word in words(empty) for word in ("Nothing", "No record", "No pairs"))
    assert "2024-02-29" in words(empty)
    assert not outside(empty)
    assert not outside(_save_twice(tmp_path, lambda: draw(items(1))))


def test_tokens(tmp_path: Path) -> None:
    figure = _save_twice(tmp_path, lambda: charts.token_histogram(tokens(), date=DATE))
    said = words(figure)
    for part in ("Pokédex", "bert-base-uncased + o200k_base", "200 records", "2024-02-29"):
        assert part in said
    assert not outside(figure)
    assert "No document" in words(charts.token_histogram(tokens(0), date=DATE))


def test_pyplot_stays_out() -> None:
    import subprocess
    import sys

    code = "import sys, embedex.charts; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_public_names() -> None:
    assert charts.__all__ == sorted(charts.__all__)
    assert all(hasattr(charts, name) for name in charts.__all__)
