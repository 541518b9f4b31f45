"""The page in a real browser: what its address says is what it shows, and the map is not blank."""

from __future__ import annotations

import shutil
import subprocess
import sys
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("uvicorn", reason="the extra explore is not installed")

from embedex.collection import Collection
from embedex.explorer import app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import Museum

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    pytest.mark.skipif(not (app.STATIC / "index.html").exists(), reason="the front end has not been built"),
]


class Words(HTMLParser):
    """The text of a page, without its scripts and styles."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.words.append(data.strip())


@pytest.fixture(scope="module")
def address(museum: Museum, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the museum is served; a copy of it, since thumbnails are kept beside it."""
    folder = tmp_path_factory.mktemp("explored") / "dex"
    shutil.copytree(museum.dex, folder)
    command = [sys.executable, "-m", "embedex", "explore", str(folder), "--port", "0", "--no-browser"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def visit(address: str, tmp_path: Path) -> Callable[[str], tuple[list[str], Path]]:
    """Opens a view by what its address holds; gives the page's words and a picture of it."""

    def visited(state: str) -> tuple[list[str], Path]:
        assert CHROMIUM is not None
        picture = tmp_path / "page.png"
        drawn = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--window-size=1200,800"]
        quiet = ["--headless=new", "--no-sandbox", "--hide-scrollbars", f"--user-data-dir={tmp_path / 'profile'}"]
        words = Words()
        for what in (f"--screenshot={picture}", "--dump-dom"):
            command = [CHROMIUM, *quiet, *drawn, "--virtual-time-budget=10000", what, f"{address}#{state}"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
            words.feed(done.stdout)
        return words.words, picture

    return visited


def test_the_map_is_drawn_and_its_groups_are_named(
    visit: Callable[[str], tuple[list[str], Path]], museum: Museum
) -> None:
    for _ in range(4):  # a busy machine may be photographed before it has drawn
        words, picture = visit("")
        pixels = np.asarray(Image.open(picture).convert("RGB"))[150:650, 300:1100].reshape(-1, 3)
        coloured = pixels[np.ptp(pixels.astype(int), axis=1) > 40]
        if len(coloured) > 100:
            break
    assert Collection.open(museum.dex).title in words
    assert len(coloured) > 100, "the map is blank"


def test_an_address_with_a_record_shows_it_with_its_nearest(
    visit: Callable[[str], tuple[list[str], Path]], museum: Museum
) -> None:
    collection = Collection.open(museum.dex)
    item = collection.items()[0]
    nearest = [hit.item.name for hit in collection.similar(item.id, k=3).hits]
    words, _ = visit(f"record={item.id}&by=text")
    assert item.name in words
    shown = [word for word in words if word in nearest]
    assert shown[:3] == nearest, "in the order of the library"
