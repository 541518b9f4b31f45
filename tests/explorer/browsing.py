"""A collection served and visited in Chromium: what the tests in a browser and the documents' pictures share.

`Explorer` holds all that is known of the page's words and roles, so that a change there is a change here.
"""

from __future__ import annotations

import importlib.util
import io
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import numpy as np
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Locator

T = TypeVar("T")

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
LOOPBACK = "127.0.0.1"
DESK, PHONE = (1100, 720), (390, 844)
PATIENCE = 60.0
"""Seconds until what a page should show counts as not shown; a machine may be busy."""

_DRIVER = re.compile(r"GL Driver Message|GroupMarkerNotSet|Automatic fallback to software WebGL")
"""What Chromium itself says of a machine without a GPU."""


def lacking() -> str:
    """Why there can be no browser here; empty where there can."""
    if importlib.util.find_spec("uvicorn") is None:
        return "the extra explore is not installed"
    if not (ROOT / "src/embedex/explorer/static/index.html").exists():
        return "the front end has not been built: run npm run build in web/"
    if importlib.util.find_spec("playwright") is None:
        return "playwright is not installed"
    return "" if CHROMIUM else "Chromium is not installed"


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a collection's explorer, a process of its own."""
    command = [sys.executable, "-m", "embedex", "explore", str(folder), "--port", "0", "--no-browser"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's Chromium without a window, which draws without a GPU and reaches nothing but this machine."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                *("--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"),
                *("--disable-background-networking", "--disable-component-update", "--no-pings"),
                f"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE {LOOPBACK}",
            ],
        )
        try:
            yield browser
        finally:
            browser.close()


def until(seen: Callable[[], T], what: str) -> T:
    """Asks again until the answer is true, and gives it."""
    end = time.monotonic() + PATIENCE
    while True:
        answer = seen()
        if answer or time.monotonic() > end:
            assert answer, f"{what}: not after {PATIENCE:.0f} s"
            return answer
        time.sleep(0.05)


class Explorer:
    """The explorer in a browser context of its own, as a person meets it.

    Args:
        browser: it.
        address: where the collection is served.
        size: of the window, in pixels.
        dark: whether the person's system is dark.

    Attributes:
        faults: what was said on the console or thrown, and requests that left this machine; empty if all is well.
        asked: the addresses of all requests.
    """

    def __init__(self, browser: Browser, address: str, *, size: tuple[int, int] = DESK, dark: bool = False) -> None:
        self.address = address
        self.faults: list[str] = []
        self.asked: list[str] = []
        self.context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            device_scale_factor=1,
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",  # the map jumps instead of flying
        )
        self.context.set_default_timeout(PATIENCE * 1000)
        self._awaited = 0
        self.context.on("request", lambda request: self._note(request.url, 1))
        for ended in ("requestfinished", "requestfailed"):
            self.context.on(ended, lambda request: self._note("", -1))
        self.context.on("console", self._heard)
        self.context.on("weberror", lambda thrown: self.faults.append(f"thrown: {thrown.error}"))
        self.page = self.context.new_page()
        self.page.on("websocket", lambda socket: self._note(socket.url))

    def _note(self, url: str, awaited: int = 0) -> None:
        self._awaited += awaited
        if not url:
            return
        self.asked.append(url)
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.hostname != LOOPBACK:
            self.faults.append(f"asked of another machine: {url}")

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not _DRIVER.search(message.text):
            self.faults.append(f"{message.type}: {message.text}")

    # --- the address ----------------------------------------------------------------------------------------------

    def open(self, state: str = "", *, hint: bool = False) -> Explorer:
        """Visits a view by what its address holds, without the hint for newcomers unless that is wanted."""
        self.page.goto("about:blank")  # else only the part after # changes, and the page is not loaded
        self.page.goto(f"{self.address}#{state}" if state else self.address)
        self.search.wait_for()
        if "screen=heatmap" in state:
            self.heatmap.wait_for()
        else:
            until(lambda: self.state("view"), "the map does not come to rest")
            if "view=" in state:
                self.camera()
        if not hint and self.hint.is_visible():
            self.hint.click()
        return self

    def state(self, name: str) -> list[str]:
        """What the address holds under a name."""
        fragment: str = self.page.evaluate("location.hash")
        return parse_qs(fragment.removeprefix("#")).get(name, [])

    def numbers(self, name: str) -> tuple[float, ...]:
        """Numbers that the address holds under a name: ``view`` is x, y, zoom, ``square`` left, top, span."""
        return tuple(float(part) for each in self.state(name) for part in each.split(","))

    def camera(self) -> tuple[float, float, float]:
        """Where the map's middle is and its zoom, once it has come to rest; the address has it a moment later."""
        before = until(lambda: self.numbers("view"), "the address has no view")
        while True:
            self.page.wait_for_timeout(500)
            now = self.numbers("view")
            if now == before:
                x, y, zoom = now
                return x, y, zoom
            before = now

    # --- what the page holds ----------------------------------------------------------------------------------------

    @property
    def search(self) -> Locator:
        return self.page.get_by_role("combobox", name=re.compile("^Find a record by name"))

    @property
    def found(self) -> Locator:
        return self.page.get_by_role("listbox", name="Found").get_by_role("option")

    @property
    def hint(self) -> Locator:
        return self.page.get_by_role("button", name="Got it")

    @property
    def map(self) -> Locator:
        return self.page.get_by_role("application", name=re.compile("^Map of "))

    @property
    def heatmap(self) -> Locator:
        return self.page.get_by_role("application", name=re.compile("^All pairs"))

    @property
    def panel(self) -> Locator:
        return self.page.get_by_role("complementary", name="Details")

    @property
    def heading(self) -> Locator:
        return self.panel.get_by_role("heading", level=2)

    @property
    def legend(self) -> Locator:
        return self.page.locator(".legend")

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def listed(self) -> list[str]:
        """The names in the panel's list, once it is there."""
        until(lambda: self.panel.locator("[aria-busy=true]").count() == 0, "the panel is busy")
        return self.panel.locator(".hits .name").all_inner_texts()

    def opened(self, name: str) -> list[str]:
        """Waits until a record is open; its nearest."""
        until(lambda: self.heading.count() and self.heading.inner_text() == name, f"{name} is not open")
        self.panel.locator(".hits, .trouble").first.wait_for()
        return self.listed()

    # --- the map ----------------------------------------------------------------------------------------------------

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where in the window a place of the map is, in pixels; after the map was moved, wait for `camera` first."""
        left, top, width, height = self.box(self.map)
        middle_x, middle_y, zoom = self.numbers("view")
        return left + width / 2 + (x - middle_x) * 2**zoom, top + height / 2 - (y - middle_y) * 2**zoom

    def box(self, element: Locator) -> tuple[float, float, float, float]:
        """Its left, top, width and height in the window."""
        found = element.bounding_box()
        assert found is not None
        return found["x"], found["y"], found["width"], found["height"]

    def pixels(self) -> NDArray[np.int16]:
        """The window as it is seen now; shape (height, width, 3)."""
        return np.asarray(Image.open(io.BytesIO(self.page.screenshot())).convert("RGB"), np.int16)

    def still(self) -> NDArray[np.int16]:
        """The window once all is fetched and nothing changes any more, with nothing pointed at."""
        self.page.mouse.move(2, 2)
        seen = [self.pixels()]

        def same() -> bool:
            self.page.wait_for_timeout(300)
            seen.append(self.pixels())
            return self._awaited <= 0 and np.array_equal(seen[-2], seen[-1])

        until(same, "the page does not come to rest")
        return seen[-1]

    def wheel(self, x: float, y: float, by: float, times: int) -> None:
        """Turns the wheel over a point of the window; up, which is negative, comes nearer."""
        self.page.mouse.move(x, y)
        for _ in range(times):
            self.page.mouse.wheel(0, by)
            self.page.wait_for_timeout(20)

    def lasso(self, *, whole: bool) -> None:
        """Draws around the whole map, or around a bit of its corner where nothing is."""
        left, top, width, height = self.box(self.map)
        right, bottom = left + width - 4, top + height - 4
        start = (right - 300, bottom) if width > 500 else (right - 2, top + height / 4)  # where no button lies
        corners = [start, (right, bottom), (right, top + 4), (left + 4, top + 4), (left + 4, bottom)]
        if not whole:
            corners = [(right - 100, top + 4), (right, top + 4), (right, top + 12)]
        self.button("Select with a lasso").click()
        mouse = self.page.mouse
        mouse.move(*corners[0])
        mouse.down()
        for corner in [*corners[1:], corners[0]]:
            mouse.move(*corner, steps=4)
        mouse.up()

    # --- accessibility ----------------------------------------------------------------------------------------------

    def violations(self, axe: Path) -> list[str]:
        """What axe finds serious or critical in the page as it is now."""
        self.page.evaluate(axe.read_text("utf-8"))
        told: Any = self.page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
        return [
            f"{each['impact']}: {each['id']}: {node['target']}: {node['failureSummary']}"
            for each in told["violations"]
            if each["impact"] in ("serious", "critical")
            for node in each["nodes"]
        ]

    def close(self) -> None:
        self.context.close()
