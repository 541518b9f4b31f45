"""The explorer in a notebook: it answers beside the kernel, and nothing of it is left once it ends."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("uvicorn", reason="the extra explore is not installed")

from embedex.collection import Collection
from embedex.errors import InputError, MissingExtraError
from embedex.explorer import app, notebook, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Museum

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture
def collection(museum: Museum, tmp_path: Path) -> Iterator[Collection]:
    folder = tmp_path / "dex"
    shutil.copytree(museum.dex, folder)
    yield Collection.open(folder)
    notebook.close_all()
    assert not [each for each in threading.enumerate() if each.name == "embedex-explorer"]


def title(url: str) -> str:
    with urllib.request.urlopen(f"{url}api/collection", timeout=20) as answer:
        return str(json.load(answer)["title"])


def refuses(url: str) -> bool:
    """Whether nobody listens there any more."""
    try:
        title(url)
    except urllib.error.URLError:
        return True
    return False


def test_it_answers_while_it_runs_and_not_afterwards(collection: Collection) -> None:
    with collection.explore() as shown:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", shown.url)
        assert title(shown.url) == "Museum"
        assert repr(shown) == f"<Explorer of 'Museum' at {shown.url}>"
        assert collection.similar(collection.ids[0]).hits, "the collection itself can be asked meanwhile"
    assert not shown.running
    assert refuses(shown.url)
    assert repr(shown) == "<Explorer of 'Museum' (closed)>"
    assert "closed" in shown._repr_html_()
    assert "iframe" not in shown._repr_html_()
    shown.close()


def test_a_cell_that_is_run_again_finds_what_runs(collection: Collection) -> None:
    first = collection.explore()
    again = Collection.open(collection.folder).explore(height=200)
    assert again is first
    assert 'height="200"' in again._repr_html_()
    first.close()
    third = collection.explore()
    assert (third.running, third.url) == (True, first.url)
    with serve.listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    assert collection.explore(port=port).port == port
    assert not third.running, "one collection has one server"


def test_a_second_one_takes_the_place_of_the_first_and_sees_what_changed(collection: Collection) -> None:
    first = collection.explore()
    assert title(first.url)
    collection.fit_map(method="pca", by="text", name="second")
    second = Collection.open(collection.folder).explore()
    assert not first.running
    assert second.url == first.url, "a frame that is shown already goes on"
    with urllib.request.urlopen(f"{second.url}api/collection", timeout=20) as answer:
        assert "second" in {each["name"] for each in json.load(answer)["maps"]}
    first.close()
    assert title(second.url)


def test_nothing_of_it_is_left(collection: Collection) -> None:
    def files() -> int:
        return sum(1 for _ in Path("/proc/self/fd").iterdir()) if Path("/proc/self/fd").exists() else 0

    collection.explore().close()
    before, threads = files(), set(threading.enumerate())
    for _ in range(4):
        with collection.explore() as shown:
            title(shown.url)
    assert not set(threading.enumerate()) - threads, "they have ended with it"
    assert files() <= before


def test_several_at_once_leave_one(collection: Collection) -> None:
    with ThreadPoolExecutor(4) as threads:
        shown = list(threads.map(lambda _: collection.explore(), range(4)))
    assert len({id(each) for each in shown}) == 1
    assert title(shown[0].url) == "Museum"


def test_the_loop_the_signals_and_the_logs_of_the_notebook_are_left_alone(
    collection: Collection, tmp_path: Path
) -> None:
    log = logging.FileHandler(tmp_path / "mine.log")
    signals = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]

    async def cell() -> str:
        loop = asyncio.get_running_loop()
        with collection.explore() as shown:
            found = await asyncio.to_thread(title, shown.url)
            assert asyncio.get_running_loop() is loop
        return found

    assert asyncio.run(cell()) == "Museum"
    assert signals == [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    assert log.stream is not None
    assert not log.stream.closed
    log.close()


def test_a_port_that_is_taken_and_values_out_of_range_are_told(collection: Collection) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(InputError, match="cannot listen"):
        collection.explore(port=taken.getsockname()[1])
    for wrong in ({"height": 0}, {"height": 10**6}, {"port": -1}, {"port": 70_000}):
        with pytest.raises(InputError, match="From"):
            collection.explore(**wrong)


def test_without_the_extra_it_says_how_to_install_it(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'embedex\[explore\]'"):
        collection.explore()


def test_a_process_that_shows_one_ends(collection: Collection) -> None:
    code = f"from embedex import Collection; print(Collection.open({str(collection.folder)!r}).explore().running)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == ("True\n", "")


class Tags(HTMLParser):
    """What markup there is, and the words between it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: dict[str, str | None] = {}
        self.words = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= dict(attrs)

    def handle_data(self, data: str) -> None:
        self.words += data


def test_the_frame_is_plain_html_whatever_the_title_says(collection: Collection) -> None:
    shown = collection.explore(height=333)
    shown.title = '"></iframe><script>alert(1)</script>\ud800'
    found = Tags(shown._repr_html_())
    assert "script" not in found.tags
    assert found.tags.count("iframe") == 1
    assert (found.attributes["src"], found.attributes["height"]) == (shown.url, "333")
    assert "<script>alert(1)</script>" in found.words
    assert f"ssh -L {shown.port}:127.0.0.1:{shown.port}" in found.words
    shown._repr_html_().encode()


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
@pytest.mark.skipif(not (app.STATIC / "index.html").exists(), reason="the front end has not been built")
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_notebook_on_this_machine_may_frame_it(collection: Collection, host: str) -> None:
    drive = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    shown = collection.explore()
    page = f"<!doctype html><title>Notebook</title><link rel=icon href=data:,>{shown._repr_html_()}"
    name = collection.item(collection.ids[0]).name
    said: list[str] = []
    drawn = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    with ThreadingHTTPServer((host, 0), partial(Page, page)) as server, drive.sync_playwright() as player:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = player.chromium.launch(executable_path=CHROMIUM, args=drawn)
        notebook_page = browser.new_page()
        notebook_page.on("pageerror", lambda error: said.append(str(error)))
        notebook_page.on("console", lambda told: said.append(told.text) if told.type == "error" else None)
        notebook_page.goto(f"http://{host}:{server.server_address[1]}/")
        frame = notebook_page.frame_locator("iframe")
        search = frame.get_by_role("combobox").or_(frame.get_by_role("searchbox")).first
        search.fill(name)
        frame.get_by_role("option", name=name).first.click()
        frame.get_by_role("heading", name=name).wait_for(timeout=20_000)
        inside = next(each for each in notebook_page.frames if each.url.startswith(shown.url))
        assert "record=" in inside.url, "the frame's own address holds the state"
        # What the page keeps in the browser, a frame of another site may be denied: it goes on without.
        was = frame.locator("html").get_attribute("data-theme")
        frame.get_by_role("button", name=re.compile("dark|light", re.IGNORECASE)).first.click()
        assert frame.locator("html").get_attribute("data-theme") != was
        browser.close()
        server.shutdown()
    assert not said


class Page(BaseHTTPRequestHandler):
    """One page, whatever is asked for."""

    def __init__(self, page: str, *arguments: Any) -> None:
        self.page = page.encode()
        super().__init__(*arguments)

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(self.page)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        """Nothing."""
