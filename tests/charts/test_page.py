from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING

from PIL import Image

from embedex.charts import Section, write_index

if TYPE_CHECKING:
    from pathlib import Path

VOID = {"meta", "img", "br", "link"}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.said = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.said += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for each, attributes in self.tags if each == tag]


def _read(path: Path) -> _Reader:
    reader = _Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    assert not reader.open
    return reader


def test_charts_tables_and_text(tmp_path: Path) -> None:
    Image.new("RGB", (320, 200)).save(tmp_path / "a map.png")
    (tmp_path / "a map.svg").write_text("<svg/>")
    Image.new("RGB", (10, 20)).save(tmp_path / "only.png")
    page = write_index(
        tmp_path,
        "A <Pokédex>",
        [
            Section("Map & more", "Where <all> are.", "a map"),
            Section("Only", "", "only", ["name", "score"], [["$x$ <b>", "0.9"], ["\ud800", "0.8"]]),
            Section("None", "No chart", "absent"),
            Section("Words alone", "", ""),
        ],
    )
    assert page == tmp_path / "index.html"
    reader = _read(page)
    first, second = reader.all("img")
    assert (first["src"], first["width"], first["height"]) == ("./a%20map.png", "320", "200")
    assert first["alt"] == "Chart: Map & more"
    assert second["src"] == "./only.png"
    links = [link["href"] for link in reader.all("a")]
    assert "./a%20map.svg" in links
    assert "./only.png" in links
    assert "#s3" in links
    for part in ("A <Pokédex>", "Where <all> are.", "$x$ <b>", "No chart", "Words alone"):
        assert part in reader.said
    assert not reader.all("script")
    assert not reader.all("link")
    assert "http" not in page.read_text(encoding="utf-8")
    assert "prefers-color-scheme: dark" in page.read_text(encoding="utf-8")


def test_an_empty_page_and_one_written_again(tmp_path: Path) -> None:
    before = write_index(tmp_path, "Nothing", []).read_bytes()
    assert write_index(tmp_path, "Nothing", []).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"]
    assert _read(tmp_path / "index.html").said.strip().startswith("Nothing")
