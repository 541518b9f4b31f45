"""The demo: on the sample, to the end; and what it does when Pokémon cannot be had."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest

from embedex.cli import main, making
from embedex.collection import Collection
from embedex.errors import SourceError
from embedex.sources import pokemon, sample

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("offline")

EXHIBITS = {
    *("similar-text", "similar-image", "similar-map", "heatmap-text", "heatmap-image"),
    *("unusual-text", "unusual-image", "disagreement", "quality", "answers", "map", "why"),
}


class Links(HTMLParser):
    """Every file that a page shows or links to."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(page.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {
            unquote(value).removeprefix("./")
            for name, value in attrs
            if name in ("src", "href") and value and not value.startswith(("#", "data:"))
        }


def no_pokemon(**_: object) -> None:
    raise SourceError("Neither PokéAPI nor npm can be reached.")


def test_where_no_pokemon_can_be_had_the_demo_runs_on_the_sample_to_a_page_with_every_chart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pokemon, "gather", no_pokemon)
    to = tmp_path / "demo"
    assert main(["demo", "--to", str(to)]) == 0
    printed = capsys.readouterr()
    assert "Neither PokéAPI nor npm can be reached." in printed.err
    assert f"Open {to / 'charts/index.html'}" in printed.err
    assert printed.err.endswith(f"\nWander:  embedex explore {to / 'shapes'}\n")
    assert "Shapes · text by wordllama · 95 records · centred cosine" in printed.out
    assert "Shapes · text by wordllama · 96 records · cosine" in printed.out
    page = to / "charts/index.html"
    linked = Links(page).found
    assert {f"{name}.{ending}" for name in EXHIBITS for ending in ("png", "svg")} <= linked
    assert linked <= {path.name for path in (to / "charts").iterdir()}
    assert all((to / "charts" / name).stat().st_size > 0 for name in linked)
    assert sample.QUESTION in page.read_text("utf-8")
    assert re.search(r"http[s]?://(?!www\.w3\.org)", page.read_text("utf-8")) is None
    collection = Collection.open(to / "shapes")
    assert (len(collection), "umap" in collection.maps) == (96, True)
    assert collection.item(sample.RECORD).name == sample.RECORD or collection.item(sample.RECORD).id == sample.RECORD


def test_where_pokemon_are_asked_for_nothing_else_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pokemon, "gather", no_pokemon)
    assert main(["demo", "--to", str(tmp_path), "--on", "pokemon"]) == 2
    assert capsys.readouterr().err == "embedex demo: Neither PokéAPI nor npm can be reached.\n"


def test_the_sample_asks_no_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Made(Exception):  # noqa: N818 - no error, but the end of this test
        pass

    def made(to: Path) -> Collection:
        assert to == tmp_path / "shapes"
        raise Made

    monkeypatch.setattr(pokemon, "gather", no_pokemon)
    monkeypatch.setattr(making, "sample_collection", made)
    with pytest.raises(Made):
        main(["demo", "--to", str(tmp_path), "--on", "sample"])
