"""The page in a real browser shows what the library says: on the sample, and on the collection that `make demo` left.

Every test also fails where the page says anything on the console or asks anything of another machine.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from browsing import LOOPBACK, PHONE, ROOT, Explorer, chromium, lacking, served, until
from numpy.typing import NDArray
from PIL import Image

from embedex.cli import main
from embedex.collection import Collection
from embedex.errors import CollectionError
from embedex.records import JsonPath
from embedex.sources import sample

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Route

    from embedex.results import Hit, Item

LACKING = lacking()
AXE = ROOT / "web/node_modules/axe-core/axe.min.js"
DEMO = ROOT / "demo/pokedex"

pytestmark = pytest.mark.skipif(bool(LACKING), reason=LACKING)


@dataclass(frozen=True)
class Site:
    """A collection and where it is served.

    Attributes:
        collection: a copy, since thumbnails are kept beside it.
        address: of its explorer.
        record: what is looked for.
        seen: whose picture is looked for in the map, where records that are as alike as twins may hide each other.
        typed: how a person types its name.
        question: in words.
    """

    collection: Collection
    address: str
    record: Item
    seen: Item
    typed: str
    question: str

    @property
    def large(self) -> bool:
        """Whether the whole map shows dots; a small one begins with pictures."""
        return len(self.collection) > 500

    def place(self, item: Item) -> tuple[float, float]:
        """Where a record is in the map."""
        found = self.collection.read_map()
        at = next(row for row, each in enumerate(found.items) if each.id == item.id)
        return float(found.coordinates[at, 0]), float(found.coordinates[at, 1])


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("explored") / "shapes"
    for arguments in (["sample"], ["embed", "--fields"], ["map", "--method", "pca", "--format", "csv"]):
        assert main([arguments[0], str(folder), *arguments[1:]]) == 0
    collection = Collection.open(folder)
    record = collection.item(sample.RECORD)
    with served(folder) as address:
        yield Site(collection, address, record, collection.items()[0], record.name[:-1].upper(), sample.QUESTION)


@pytest.fixture(scope="module", params=["sample", "demo"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    if request.param == "sample":
        yield request.getfixturevalue("shapes")
        return
    if not (DEMO / "collection.json").exists():
        pytest.skip("there is no demo/pokedex: run make demo first")
    folder = tmp_path_factory.mktemp("demo") / "pokedex"
    shutil.copytree(DEMO, folder)
    try:
        collection = Collection.open(folder)
    except CollectionError as error:  # of an older embedex
        pytest.skip(f"{error} Run make demo again")
    with served(folder) as address:
        record = collection.item("pikachu")
        yield Site(collection, address, record, record, "Pikachu", "What looks like an ice cream cone?")


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Explorer]]:
    """Opens an explorer; at the end each must have been quiet and have stayed at home."""
    opened: list[Explorer] = []

    def visited(site: Site, state: str = "", *, hint: bool = False, **how: object) -> Explorer:
        opened.append(Explorer(browser, site.address, **how))  # type: ignore[arg-type]
        return opened[-1].open(state, hint=hint)

    yield visited
    faults = [fault for each in opened for fault in each.faults]
    for each in opened:
        each.close()
    assert faults == []
    assert all(each.asked for each in opened)


def names(hits: Sequence[Hit]) -> list[str]:
    return [hit.item.name for hit in hits]


def around(pixels: NDArray[Any], x: float, y: float, reach: int) -> NDArray[Any]:
    """A square of the picture about a point."""
    column, line = round(x), round(y)
    return pixels[max(line - reach, 0) : line + reach, max(column - reach, 0) : column + reach]


def alike(pixels: NDArray[np.int16], picture: Image.Image) -> float:
    """The correlation of a square of the page with a small picture as the map draws it, within its round plate."""
    cell = Image.new("RGBA", (64, 64), "white")
    cell.alpha_composite(picture, ((64 - picture.width) // 2, (64 - picture.height) // 2))
    side = len(pixels)
    drawn = np.asarray(cell.convert("RGB").crop((2, 2, 62, 62)).resize((side, side)), np.float64)
    down, across = np.indices((side, side)) - side / 2
    plate = np.hypot(down, across) < side * 0.46
    one, other = pixels[plate].ravel(), drawn[plate].ravel()
    return float(np.corrcoef(one, other)[0, 1]) if np.ptp(one) and np.ptp(other) else 0.0


# --- the map ------------------------------------------------------------------------------------------------------


def test_each_record_has_its_dot_on_the_map_and_elsewhere_there_is_nothing(
    visit: Callable[..., Explorer], site: Site
) -> None:
    explorer = visit(site)
    found = site.collection.read_map()
    x, y = explorer.at(0, 0)
    scale = 2 ** explorer.camera()[2]
    places = np.array([x, y]) + found.coordinates[:, :2] * [scale, -scale]
    left, top, width, height = explorer.box(explorer.map)
    inside = (places > [left, top]) & (places < [left + width, top + height])
    assert inside.all(), "the whole map is in view"

    def drawn() -> NDArray[np.bool_]:
        pixels = explorer.pixels()
        ground = pixels[int(top + height) - 3, int(left + width) - 3]
        ink = np.abs(pixels - ground).max(axis=2) > 40
        reach = 5 if site.large else 45
        return np.array([around(ink, px, py, reach).any() for px, py in places])

    assert until(lambda: drawn().mean() > 0.99, "the map is blank")
    pixels = explorer.pixels()
    far = [
        (px, py)
        for px in np.arange(left + width * 0.3, left + width - 70, 23)
        for py in np.arange(top + 20, top + height - 20, 23)
        if np.hypot(*(places - [px, py]).T).min() > (20 if site.large else 80)
    ]
    assert len(far) > 20
    assert np.mean([np.ptp(around(pixels, *each, 2), axis=(0, 1)).max() < 40 for each in far]) > 0.95
    coloured = pixels[tuple(places.round().astype(int).T[::-1])]
    assert len({tuple(each) for each in coloured[np.ptp(coloured, axis=1) > 40] // 32}) >= 3, "groups differ in colour"


def test_from_near_a_dot_becomes_the_record_s_own_picture(visit: Callable[..., Explorer], site: Site) -> None:
    from embedex.explorer.thumbnails import thumbnail

    pictures = {item.id: thumbnail(item.picture) for item in site.collection.items()[:200] if item.picture}
    assert site.seen.picture is not None
    own = thumbnail(site.seen.picture)
    assert own is not None
    place = site.place(site.seen)
    explorer = visit(site)
    explorer.open(f"view={place[0]},{place[1]},{explorer.camera()[2]}")
    assert not site.large or alike(around(explorer.pixels(), *explorer.at(*place), 43), own) < 0.5, "dots from afar"
    before = explorer.camera()[2]
    for _ in range(30):
        explorer.wheel(*explorer.at(*place), -400, 3)
        if explorer.camera()[2] == before:
            break
        before = explorer.camera()[2]
    explorer.still()

    def shown() -> bool:
        pixels = around(explorer.pixels(), *explorer.at(*place), 43)
        return alike(pixels, own) > 0.8

    assert until(shown, "no picture is seen from near")
    pixels = around(explorer.pixels(), *explorer.at(*place), 43)
    others = [alike(pixels, each) for key, each in pictures.items() if each is not None and key != site.seen.id]
    assert alike(pixels, own) > max(others) - 0.02, "another record's picture"


def test_a_click_on_the_map_opens_the_record_there_and_shows_its_neighbours(
    visit: Callable[..., Explorer], site: Site
) -> None:
    place = site.place(site.record)
    explorer = visit(site)
    explorer.open(f"view={place[0]},{place[1]},{explorer.camera()[2] + 3}")
    explorer.page.mouse.click(*explorer.at(*place))
    nearest = names(site.collection.similar(site.record.id, k=10).hits)
    assert explorer.opened(site.record.name) == nearest, "in the order of the library"
    assert explorer.state("record") == [site.record.id]
    for tab, by in (("By picture", "image"), ("By both", "fused"), ("In the map", "map")):
        explorer.panel.get_by_role("tab", name=tab).click()
        nearest = names(site.collection.similar(site.record.id, k=10, by=by).hits)  # type: ignore[arg-type]
        assert until(lambda: explorer.listed() == nearest, f"not the nearest {tab}")  # noqa: B023
    explorer.panel.get_by_role("tab", name="By text").click()
    explorer.panel.get_by_label("the nearest of each group").check()
    best = names(site.collection.similar(site.record.id, k=1, per_group=True).hits)
    assert until(lambda: explorer.listed() == best, "not the nearest of each group")


def test_the_lasso_selects_what_it_surrounds(visit: Callable[..., Explorer], site: Site) -> None:
    explorer = visit(site)
    places = site.collection.read_map().items

    def selected() -> int:
        return int(explorer.heading.inner_text().split()[0].replace(",", ""))

    explorer.lasso(whole=True)
    explorer.heading.get_by_text("selected").wait_for()
    assert selected() == len(places)
    assert explorer.listed() == [item.name for item in places][:300]

    group = places[0].group
    explorer.legend.get_by_role("button", name=re.compile(rf"^{re.escape(str(group))} [\d,]+$")).click()
    explorer.button("Show the whole map").click()
    explorer.camera()
    explorer.lasso(whole=True)
    shown = [item for item in places if item.group != group]
    until(lambda: selected() == len(shown), "what is hidden was selected too")

    explorer.lasso(whole=False)
    until(lambda: selected() == 0, "nothing was surrounded")
    assert explorer.listed() == []


def test_a_condition_hides_what_does_not_match_and_a_reload_keeps_it_and_the_lasso(
    visit: Callable[..., Explorer], shapes: Site
) -> None:
    explorer = visit(shapes)
    places = shapes.collection.read_map().items
    group = str(places[0].group)
    explorer.button("Filter").click()
    field = explorer.page.get_by_label("this SQL condition")
    field.fill("shade = 'dark'")
    field.press("Enter")
    explorer.page.get_by_text("cannot be used").wait_for()
    assert ["400" in fault for fault in explorer.faults] == [True], "the browser says itself what the server refused"
    explorer.faults.clear()
    assert explorer.state("where") == [], "the address has what can be used"

    field.fill(f"_group = '{group}'")
    field.press("Enter")
    until(lambda: explorer.state("where") == [f"_group = '{group}'"], "the condition does not hold")
    explorer.page.keyboard.press("Escape")
    counts = until(lambda: explorer.legend.locator(".count").all_inner_texts(), "no legend")
    assert [each for each in counts if each != "0"] == [str(shapes.collection.index.groups.count(group))]

    explorer.lasso(whole=True)
    explorer.heading.get_by_text("selected").wait_for()
    matching = [item.name for item in places if item.group == group]
    assert explorer.listed() == matching
    explorer.page.reload()
    explorer.heading.get_by_text("selected").wait_for()
    assert explorer.listed() == matching


def test_the_slider_weighs_text_and_picture_as_the_library_does(visit: Callable[..., Explorer], shapes: Site) -> None:
    explorer = visit(shapes, f"record={shapes.record.id}&by=fused")

    def nearest(weight: float) -> list[str]:
        found = shapes.collection.similar(shapes.record.id, by="fused", image_weight=weight)
        return names(found.hits)

    assert nearest(0.25) != nearest(1.0), "a weight that changes nothing shows nothing"
    until(lambda: explorer.listed() == nearest(0.25), "not the nearest by the usual weight")
    slider = explorer.page.get_by_role("slider", name="The picture's share")
    slider.press("End")
    until(lambda: explorer.listed() == nearest(1.0), "not the nearest by picture alone")
    assert slider.get_attribute("aria-valuetext") == "100% picture, 0% text"
    assert until(lambda: explorer.state("weight"), "the address has no weight") == ["1"]
    explorer.page.reload()
    explorer.opened(shapes.record.name)
    until(lambda: explorer.listed() == nearest(1.0), "a reload forgets the weight")
    explorer.button("Back to 0.25").click()
    until(lambda: explorer.listed() == nearest(0.25), "no way back")


# --- names and questions --------------------------------------------------------------------------------------------


def test_a_name_is_found_as_it_is_typed_and_enter_opens_it(visit: Callable[..., Explorer], site: Site) -> None:
    explorer = visit(site)
    explorer.search.press_sequentially(site.typed)
    found = until(lambda: explorer.found.locator(".name").all_inner_texts(), "nothing is found")
    assert found[0] == site.record.name
    explorer.search.press("ArrowDown")
    explorer.search.press("Enter")
    assert explorer.opened(site.record.name) == names(site.collection.similar(site.record.id, k=10).hits)
    assert explorer.panel.get_by_role("img", name=f"Picture of {site.record.name}").evaluate(
        "each => each.naturalWidth"
    )
    explorer.page.go_back()
    explorer.heading.wait_for(state="hidden")
    explorer.page.go_forward()
    explorer.opened(site.record.name)


def test_an_id_is_found_and_means_its_record(visit: Callable[..., Explorer], shapes: Site) -> None:
    explorer = visit(shapes)
    explorer.search.focus()
    explorer.page.wait_for_load_state("networkidle")
    explorer.search.press_sequentially(shapes.record.id)
    until(lambda: explorer.found.get_by_text(f"id {shapes.record.id}", exact=True).count(), "the id is not found")
    explorer.search.press("Enter")
    explorer.opened(shapes.record.name)


def test_a_question_answers_as_the_library_does(visit: Callable[..., Explorer], site: Site) -> None:
    explorer = visit(site)
    explorer.search.fill(site.question)
    explorer.search.press("Enter")
    answers = names(site.collection.ask(site.question, k=20).hits)
    until(lambda: explorer.panel.locator(".hits").count(), "no answer")
    assert explorer.listed() == answers
    explorer.panel.get_by_role("button", name=re.compile(re.escape(answers[1]))).first.click()
    explorer.opened(answers[1])
    explorer.page.go_back()
    assert until(lambda: explorer.listed() == answers, "the answers are not there again")


def test_the_unusual_are_those_of_the_library(visit: Callable[..., Explorer], site: Site) -> None:
    explorer = visit(site)
    explorer.button("Unusual").click()
    until(lambda: explorer.panel.locator(".hits").count(), "no list")
    assert explorer.listed() == names(site.collection.unusual(k=30).hits)


def test_the_keyboard_is_enough(visit: Callable[..., Explorer], shapes: Site) -> None:
    explorer = visit(shapes)
    keys = explorer.page.keyboard
    keys.press("/")
    keys.type(shapes.typed)
    explorer.found.first.wait_for()
    keys.press("Escape")
    explorer.found.first.wait_for(state="hidden")
    keys.press("Control+A")
    keys.type(shapes.typed)
    explorer.found.first.wait_for()
    keys.press("ArrowDown")
    keys.press("ArrowDown")
    keys.press("ArrowUp")
    assert explorer.found.first.get_attribute("aria-selected") == "true"
    keys.press("Enter")
    explorer.opened(shapes.record.name)
    explorer.panel.get_by_role("tab", selected=True).focus()
    keys.press("ArrowRight")
    nearest = names(shapes.collection.similar(shapes.record.id, by="image").hits)
    assert until(lambda: explorer.listed() == nearest, "the arrow does not lead to the next tab")
    assert explorer.panel.get_by_role("tab", selected=True).evaluate("each => each === document.activeElement")
    keys.press("Escape")
    explorer.heading.wait_for(state="hidden")

    explorer.map.focus()
    before = explorer.camera()
    keys.press("ArrowRight")
    until(lambda: explorer.camera()[0] != before[0], "the map stays where it is")
    keys.press("+")
    until(lambda: explorer.camera()[2] > before[2], "the map comes no nearer")

    explorer.button("All pairs").focus()
    keys.press("Enter")
    explorer.heatmap.focus()
    until(lambda: explorer.page.get_by_text(re.compile("records in drawn order")).count(), "no pairs")
    for _ in range(12):
        keys.press("+")
    until(lambda: explorer.numbers("square")[2:] == (16,), "not down to single pairs")
    keys.press("Enter")
    explorer.heading.wait_for()


def test_values_that_come_late_colour_the_map_by_their_field(visit: Callable[..., Explorer], shapes: Site) -> None:
    """While they are fetched a person goes on; the legend must neither name others by that field, nor stay behind."""
    explorer = visit(shapes)
    late: list[Route] = []
    explorer.page.route("**/api/values*", lambda route: late.append(route))
    field = "look.hue"
    explorer.page.get_by_label("Colour by").select_option(field)
    until(lambda: explorer.page.title() and late, "the values are not asked for")
    explorer.button("Unusual").click()
    until(explorer.listed, "the unusual are not listed")
    explorer.button("Light or dark").click()
    groups = explorer.legend.inner_text()
    assert groups.startswith("Group")
    for each in late:
        each.continue_()
    until(lambda: explorer.legend.inner_text().startswith(field), "the legend is not the field's")
    hues = {JsonPath.parse(field).find(shapes.collection.record(item.id).data) for item in shapes.collection.items()}
    listed = explorer.legend.locator("[data-name]").evaluate_all("all => all.map(each => each.dataset.name)")
    assert {*listed} - {"(none)"} == {*hues} - {None}


# --- all pairs ------------------------------------------------------------------------------------------------------


def test_the_heatmap_zooms_to_single_pairs_and_a_click_opens_one(visit: Callable[..., Explorer], site: Site) -> None:
    explorer = visit(site, "screen=heatmap")
    left, top, width, height = explorer.box(explorer.heatmap)
    at = (round(left + width * 0.61), round(top + height * 0.47))
    told = explorer.page.locator(".pair")
    until(lambda: "records in drawn order" in told.inner_text(), "no pairs")

    def seen() -> NDArray[np.int16]:
        return explorer.pixels()[int(top) : int(top + height), int(left) : int(left + width)]

    until(lambda: len(np.unique(seen().reshape(-1, 3), axis=0)) > 50, "the heatmap is blank")
    for _ in range(10):
        explorer.wheel(*at, -300, 4)
    until(lambda: explorer.numbers("square")[2:] == (16,), "not down to single pairs")
    pair = r"^(.+) and (.+): (-?\d\.\d\d)$"  # a mean over several would be "about"
    found = until(lambda: re.match(pair, told.inner_text().replace("−", "-")), "no single pair is told")
    assert found is not None
    cells = seen()[110:, 110:]
    assert np.mean((cells[:, 1:] == cells[:, :-1]).all(axis=2)) > 0.8, "each pair is a square of one colour"

    first, second, score = found.groups()
    explorer.page.mouse.click(*at)
    explorer.opened(first)
    assert explorer.panel.get_by_role("button", name=second, exact=True).count()
    query = explorer.state("record")[0]
    hits = site.collection.similar(query, k=len(site.collection), centred=False).hits
    assert any(hit.item.name == second and abs(hit.value - float(score)) < 0.02 for hit in hits)


def test_all_pairs_show_what_was_asked_for_last(visit: Callable[..., Explorer], shapes: Site) -> None:
    """A square of texts that comes after pictures were asked for is not shown as theirs."""
    explorer = visit(shapes)
    late: list[Route] = []
    explorer.page.route(
        re.compile(r"/api/heatmap\?by=text|/api/heatmap/order\?by=image"), lambda route: late.append(route)
    )
    explorer.button("All pairs").click()
    until(lambda: explorer.page.title() and len(late) == 1, "no square is asked for")
    explorer.heatmap.page.get_by_label("Compared").last.select_option("image")
    until(lambda: explorer.page.title() and len(late) == 2, "no order of pictures is asked for")
    for each in late:
        each.continue_()

    def asked() -> bool:
        return bool(explorer.page.title()) and any("/api/heatmap?by=image" in url for url in explorer.asked)

    until(asked, "the square of pictures is not asked for")


def test_a_record_has_no_score_with_itself(visit: Callable[..., Explorer], shapes: Site) -> None:
    explorer = visit(shapes, "screen=heatmap")
    told = explorer.page.locator(".pair")
    until(lambda: "records in drawn order" in told.inner_text(), "no pairs")
    left, top, width, height = explorer.box(explorer.heatmap)
    explorer.page.mouse.move(left + width * 0.3, top + height * 0.3)
    assert until(lambda: re.match(r"^.+ with itself$", told.inner_text()), "the diagonal is not told")


def test_why_two_are_alike_is_told_by_field(visit: Callable[..., Explorer], shapes: Site) -> None:
    explorer = visit(shapes, f"record={shapes.record.id}")
    other = shapes.collection.similar(shapes.record.id, k=1).hits[0].item
    explorer.panel.get_by_role("button", name=f"Why is {other.name} near?").click()
    why = shapes.collection.why(shapes.record.id, other.id)
    explorer.panel.get_by_text(f"{why.score:.3f}").first.wait_for()
    fields = explorer.panel.get_by_role("rowheader").all_inner_texts()
    assert fields == list(why.fields)[: len(fields)]
    assert fields


# --- the address ----------------------------------------------------------------------------------------------------


def looks_like(now: NDArray[np.int16], before: NDArray[np.int16]) -> float:
    """The share of squares of 8 pixels that have kept their colour; the address rounds, so that edges move a bit."""
    height, width, _ = now.shape
    squares = (now - before)[: height // 8 * 8, : width // 8 * 8].reshape(height // 8, 8, width // 8, 8, 3)
    return float(np.mean(np.abs(squares.mean(axis=(1, 3))).max(axis=2) < 20))


def test_a_reload_restores_all_that_was_done(visit: Callable[..., Explorer], site: Site) -> None:
    place = site.place(site.record)
    explorer = visit(site)
    groups = explorer.legend.get_by_role("button", pressed=True)
    hidden = groups.nth(1).inner_text().split("\n")[0]
    colours = explorer.page.get_by_label("Colour by")
    offered = "all => all.map(each => each.value).filter(each => each)"
    field = until(lambda: colours.locator("option").evaluate_all(offered), "there are no fields to colour by")[-1]
    groups.nth(1).click()
    explorer.wheel(*explorer.at(*place), -200, 2)
    explorer.camera()
    explorer.page.mouse.click(*explorer.at(*place))
    explorer.opened(site.record.name)
    explorer.camera()
    before, address = explorer.still(), explorer.page.url
    explorer.page.reload()
    explorer.opened(site.record.name)
    explorer.camera()
    assert explorer.page.url == address
    assert explorer.state("hide") == [hidden]
    off = explorer.legend.locator("[aria-pressed=false]")
    assert [each.split("\n")[0] for each in off.all_inner_texts()] == [hidden]
    assert looks_like(explorer.still(), before) > 0.99

    colours.select_option(field)
    explorer.page.reload()
    explorer.opened(site.record.name)
    assert until(lambda: explorer.page.get_by_label("Colour by").input_value() == field, "another colour")
    assert explorer.state("colour") == [field]

    explorer.button("All pairs").click()
    left, top, width, height = explorer.box(explorer.heatmap)
    explorer.wheel(left + width / 2, top + height / 2, -300, 2)
    until(lambda: explorer.numbers("square"), "the address has no square")
    explorer.still()
    square, pair = explorer.numbers("square"), pointed_at(explorer)
    explorer.page.reload()
    explorer.opened(site.record.name)
    assert pointed_at(explorer) == pair, "another part of the pairs"
    assert explorer.numbers("square") == square


def pointed_at(explorer: Explorer) -> str:
    """The two records of a pair somewhere in the heatmap, as it tells them."""
    left, top, width, height = explorer.box(explorer.heatmap)
    told = explorer.page.locator(".pair")
    until(lambda: "records in drawn order" in told.inner_text(), "no pairs")
    explorer.page.mouse.move(left + width * 0.7, top + height * 0.4)
    return until(lambda: re.sub(r": .*", "", told.inner_text()), "nothing is told")


def test_back_leads_through_what_was_opened(visit: Callable[..., Explorer], site: Site) -> None:
    explorer = visit(site, f"record={site.record.id}")
    first, second = (hit.item.name for hit in site.collection.similar(site.record.id, k=2).hits)
    explorer.opened(site.record.name)
    explorer.panel.get_by_role("listitem").first.get_by_role("button").first.click()
    explorer.opened(first)
    explorer.page.go_back()
    assert explorer.opened(site.record.name)[1] == second
    explorer.page.go_forward()
    explorer.opened(first)


def test_only_this_machine_is_asked_and_another_would_be_noticed(
    visit: Callable[..., Explorer], shapes: Site, browser: Browser
) -> None:
    explorer = visit(shapes, f"record={shapes.record.id}")
    assert {url.split("/")[2].split(":")[0] for url in explorer.asked if url.startswith("http")} == {LOOPBACK}
    stray = Explorer(browser, shapes.address)
    stray.page.goto("about:blank")
    stray.page.evaluate("fetch('http://example.org/').catch(() => 0)")
    stray.page.evaluate("console.error('ill')")
    assert any("another machine" in each for each in stray.faults)
    assert any("ill" in each for each in stray.faults)
    stray.close()


# --- accessibility --------------------------------------------------------------------------------------------------


def journey(explorer: Explorer, site: Site) -> Iterator[str]:
    """Leads from view to view, and names each once it is there."""
    page, panel = explorer.page, explorer.panel
    explorer.hint.wait_for()
    yield "hint"
    explorer.hint.click()
    yield "map"
    explorer.search.fill(site.typed)
    explorer.found.first.wait_for()
    yield "names found"
    explorer.search.press("ArrowDown")
    explorer.search.press("Enter")
    explorer.opened(site.record.name)
    yield "record"
    panel.get_by_role("button", name=re.compile("^Why is")).first.click()
    panel.get_by_role("rowheader").first.wait_for()
    yield "why"
    explorer.search.fill("what is round")
    explorer.search.press("Enter")
    explorer.heading.get_by_text("what is round").wait_for()
    explorer.listed()
    yield "question"
    explorer.button("Unusual").click()
    explorer.heading.get_by_text("unusual").wait_for()
    explorer.listed()
    yield "unusual"
    page.keyboard.press("Escape")
    explorer.lasso(whole=True)
    explorer.heading.get_by_text("selected").wait_for()
    yield "lasso"
    page.keyboard.press("Escape")
    explorer.button("All pairs").click()
    page.get_by_text("records in drawn order").wait_for()
    yield "heatmap"
    left, top, width, height = explorer.box(explorer.heatmap)
    explorer.wheel(left + width / 2, top + height / 2, -300, 3)
    page.mouse.click(left + width / 2, top + height * 0.6)
    panel.get_by_role("rowheader").first.wait_for()
    yield "pair"


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not there: run npm ci in web/")
@pytest.mark.parametrize("how", [{}, {"dark": True}, {"size": PHONE}], ids=["desk", "dark", "phone"])
def test_axe_finds_nothing_serious(visit: Callable[..., Explorer], shapes: Site, how: dict[str, object]) -> None:
    explorer = visit(shapes, hint=True, **how)
    assert [f"{view}: {each}" for view in journey(explorer, shapes) for each in explorer.violations(AXE)] == []


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not there: run npm ci in web/")
def test_axe_would_find_it(visit: Callable[..., Explorer], shapes: Site) -> None:
    explorer = visit(shapes)
    explorer.search.evaluate("each => each.removeAttribute('aria-label') ?? each.removeAttribute('placeholder')")
    assert explorer.page.locator("#search").count()
    assert any("label" in each for each in explorer.violations(AXE))
