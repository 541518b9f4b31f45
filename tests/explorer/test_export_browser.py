"""An export in a real browser, from a plain file server: what its page computes is what the library answers."""

from __future__ import annotations

import functools
import http.server
import re
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from browsing import Explorer, chromium, lacking, until

from embedex.collection import Collection
from embedex.explorer import export

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Response


LACKING = lacking()

CLOSE = 0.0006
"""How far three decimals may be from what they stand for: half of the last one, and what half precision costs."""

pytestmark = pytest.mark.skipif(bool(LACKING), reason=LACKING)


class Files(http.server.SimpleHTTPRequestHandler):
    """What `python -m http.server` runs, without its log."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def dex(museum_with_fields: Path) -> Path:
    return museum_with_fields


@pytest.fixture(scope="module")
def collection(dex: Path) -> Collection:
    return Collection.open(dex)


@pytest.fixture(scope="module")
def address(dex: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the museum's export is; below a path of its own, as many file servers have it."""
    root = tmp_path_factory.mktemp("root")
    export.export_html(Collection.open(dex), root / "below" / "museum")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Files, directory=str(root)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/below/museum/"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


class Visit(Explorer):
    """A page of an export: what leaves its origin, or is not there, is a fault as well."""

    def __init__(self, browser: Browser, address: str) -> None:
        super().__init__(browser, address)
        self.context.on("request", lambda request: self._left(request.url))
        self.context.on("response", self._answered)

    def _left(self, url: str) -> None:
        parts, origin = urlsplit(url), urlsplit(self.address)
        if parts.scheme not in ("data", "blob") and (parts.scheme, parts.netloc) != (origin.scheme, origin.netloc):
            self.faults.append(f"left the origin: {url}")

    def _answered(self, answer: Response) -> None:
        if answer.status >= 400:
            self.faults.append(f"{answer.status}: {answer.url}")

    def show(self, state: str) -> None:
        """A view, from the beginning, without waiting for the map."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.address}#{state}")

    def near(self) -> tuple[list[tuple[str, str]], str]:
        """Names and measures of the list in the panel, and the caption below it."""
        self.panel.locator(".hits, .trouble").first.wait_for()
        names, measures = (self.panel.locator(f".hits .{each}").all_inner_texts() for each in ("name", "measure"))
        caption = self.panel.locator(".caption")
        return list(zip(names, measures, strict=True)), caption.inner_text() if caption.count() else ""


@pytest.fixture(scope="module")
def visitor(browser: Browser, address: str) -> Iterator[Visit]:
    made = Visit(browser, address)
    yield made
    made.close()


@pytest.fixture
def visit(visitor: Visit) -> Iterator[Visit]:
    """One window for all tests; each of them opens its view anew."""
    visitor.faults.clear()
    yield visitor
    assert not visitor.faults


@pytest.mark.parametrize(
    ("by", "record_id", "per_group"),
    [
        *(("text", "M-05", False), ("image", "M-05", False), ("fused", "M-05", False), ("map", "M-05", False)),
        *(("text", "M-40", True), ("map", "M-40", True)),  # it has no group itself
        ("image", "M-09", False),  # comparisons leave it out by default
    ],
)
def test_the_nearest_are_those_of_the_library(
    visit: Visit, collection: Collection, by: Any, record_id: str, per_group: bool
) -> None:
    visit.show(f"record={record_id}&by={by}" + "&per_group=1" * per_group)
    shown, caption = visit.near()
    found = collection.similar(record_id, k=1 if per_group else 10, by=by, per_group=per_group)
    assert [name for name, _ in shown] == [hit.item.name for hit in found.hits]
    for (_, told), hit in zip(shown, found.hits, strict=True):
        if by == "map":
            assert float(told.split()[0]) == pytest.approx(hit.value, rel=0.006)
        else:
            assert float(told) == pytest.approx(hit.value, abs=CLOSE)
    assert caption == found.basis.caption()


def test_a_record_without_a_picture_says_so(visit: Visit) -> None:
    visit.show("record=M-13&by=image")
    assert visit.near()[0] == []
    trouble = visit.panel.get_by_role("alert")
    assert "has no embedded picture" in trouble.inner_text()


def test_a_record_has_its_picture_and_its_tree(visit: Visit) -> None:
    visit.show("record=M-05")
    panel = visit.panel
    picture = panel.get_by_alt_text(re.compile("^Picture of"))
    until(lambda: picture.evaluate("each => each.naturalWidth") == 64, "the picture is not there")
    panel.get_by_text("accession", exact=True).wait_for()
    panel.get_by_text("M-05", exact=True).first.wait_for()


@pytest.mark.parametrize("by", ["fused", "map"])
def test_the_unusual_are_those_of_the_library(visit: Visit, collection: Collection, by: Any) -> None:
    visit.show(f"list=unusual&by={by}")
    shown, caption = visit.near()
    found = collection.unusual(k=len(shown), by=by)
    assert len(shown) == 30
    assert [name for name, _ in shown] == [hit.item.name for hit in found.hits]
    for (_, told), hit in zip(shown, found.hits, strict=True):
        assert float(told.split()[0]) == pytest.approx(hit.value, abs=CLOSE, rel=0.006 if by == "map" else 0)
    assert caption == found.basis.caption()


def test_why_is_what_the_library_says(visit: Visit, collection: Collection) -> None:
    visit.show("record=M-05&by=text")
    (name, _), *_ = visit.near()[0]
    visit.page.get_by_role("button", name=f"Why is {name} near?").click()
    table = visit.page.locator(".why table").first
    table.wait_for()
    shown = [
        (row.locator("th").inner_text(), float(row.locator("td").nth(1).inner_text().replace("−", "-")))
        for row in table.locator("tbody tr").all()
    ]
    found = collection.why("M-05", collection.similar("M-05", k=1).hits[0].item.id)
    assert f"{found.score:.3f}" in table.locator("caption").inner_text()
    expected = dict(zip(found.fields, found.by_field.tolist(), strict=True))
    assert len(shown) == min(12, len(expected))
    for (field, adds), path in zip(shown, found.fields, strict=False):
        assert adds == pytest.approx(expected[field], abs=CLOSE)
        assert adds == pytest.approx(expected[path], abs=CLOSE), "in the library's order"


def test_any_weight_of_the_picture_is_the_librarys(visit: Visit, collection: Collection) -> None:
    weight = 0.6
    visit.show(f"record=M-05&by=fused&weight={weight:g}")
    shown, caption = visit.near()
    found = collection.similar("M-05", k=10, by="fused", image_weight=weight)
    assert [name for name, _ in shown] == [hit.item.name for hit in found.hits]
    for (_, told), hit in zip(shown, found.hits, strict=True):
        assert float(told) == pytest.approx(hit.value, abs=CLOSE)
    assert f"pictures weigh {weight:g} of 1" in caption


@pytest.mark.parametrize("by", ["text", "fused"])
def test_the_pair_under_the_pointer_is_the_librarys(visit: Visit, collection: Collection, by: Any) -> None:
    visit.show(f"screen=heatmap&by={by}&square=3,5,16")
    canvas = visit.heatmap
    canvas.wait_for()
    left, top, width, height = visit.box(canvas)
    rows, vectors, _ = collection.vectors(by=by)
    place = {collection.index.names[row]: at for at, row in enumerate(rows.tolist())}
    pairs = set()
    for across, down in ((0.3, 0.35), (0.5, 0.9), (0.92, 0.3), (0.6, 0.6)):
        visit.page.mouse.move(left + across * width, top + down * height)
        told = until(
            lambda: re.fullmatch(r"(.+) and (.+): (\d\.\d+)", visit.page.locator(".pair").first.inner_text()),
            "no pair is told",
        )
        assert told is not None
        one, other = place[told[1]], place[told[2]]
        pairs.add((one, other))
        # To a byte of the scale, and two decimals
        assert float(told[3]) == pytest.approx(float(vectors[one] @ vectors[other]), abs=0.009)
    assert len(pairs) == 4


def test_all_pairs_are_drawn_and_colours_follow_fields(visit: Visit) -> None:
    visit.show("screen=heatmap&by=image")
    scale = visit.page.locator(".scale")
    until(lambda: re.search(r"0\.\d\d", scale.inner_text()), "the square has no scale")
    visit.show("colour=materials[0].name")
    visit.page.get_by_text("brass", exact=True).wait_for()
    visit.show("colour=year")
    visit.page.locator(".legend .ramp").wait_for()


def test_nobody_is_told_of_what_an_export_cannot_do(visit: Visit) -> None:
    visit.show("")
    box = visit.search
    box.wait_for()
    assert "ask" not in (box.get_attribute("placeholder") or "").lower()
    assert visit.page.title() == "Museum · embedex"


def test_what_is_left_out_is_said_on_the_page(
    browser: Browser, dex: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "MOST_BYTES", 30_000)
    made = export.export_html(Collection.open(dex), tmp_path / "less")
    assert made.left_out
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Files, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    visit = Visit(browser, f"http://127.0.0.1:{server.server_port}/less/")
    try:
        visit.show("record=M-05")
        visit.near()
        said = visit.page.locator("body").inner_text()
        for each in made.left_out:
            assert each in said
        assert visit.page.get_by_role("tab", name="By picture").count() == 0
        assert not visit.faults
    finally:
        visit.close()
        server.shutdown()
        server.server_close()
