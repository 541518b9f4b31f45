"""Draws the documents' pictures of the explorer, of the sample: ``python tests/explorer/pictures.py [FOLDER]``."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from browsing import PHONE, ROOT, Explorer, chromium, lacking, served

from embedex.cli import main as embedex
from embedex.sources import sample

SIZE = (1280, 800)
MOST_BYTES = 400_000
SPREAD = ("--neighbours", "15", "--min-dist", "0.5", "--format", "csv")
"""A map whose pictures lie side by side; as it comes, the sample's families would lie on top of each other."""


def opened(explorer: Explorer) -> None:
    explorer.search.fill(sample.RECORD)
    explorer.found.first.wait_for()
    explorer.search.press("Enter")
    explorer.opened(sample.RECORD)


def why(explorer: Explorer) -> None:
    opened(explorer)
    explorer.panel.get_by_role("button", name=re.compile("^Why is")).first.click()
    explorer.panel.get_by_role("rowheader").first.wait_for()


def question(explorer: Explorer) -> None:
    explorer.search.fill(sample.QUESTION)
    explorer.search.press("Enter")
    explorer.heading.get_by_text(sample.QUESTION).wait_for()
    explorer.listed()


def heatmap(explorer: Explorer) -> None:
    explorer.button("All pairs").click()
    explorer.page.get_by_text("records in drawn order").wait_for()


def nothing(explorer: Explorer) -> None:
    explorer.camera()


PICTURES: dict[str, tuple[Callable[[Explorer], None], tuple[int, int], bool]] = {
    "map": (nothing, SIZE, False),
    "record": (why, SIZE, False),
    "heatmap": (heatmap, SIZE, False),
    "question": (question, SIZE, False),
    "dark": (opened, SIZE, True),
    "phone": (opened, PHONE, False),
}
"""Of each picture what leads to it, its size in pixels, and whether it is dark."""


def main(to: Path) -> int:
    """Draw them into a folder; the exit code."""
    if lacking():
        sys.stderr.write(f"No pictures: {lacking()}.\n")
        return 2
    with tempfile.TemporaryDirectory() as held:
        folder = Path(held) / "shapes"
        for verb, *more in (["sample"], ["embed", "--fields"], ["map", *SPREAD]):
            if code := embedex([verb, str(folder), *more]):
                return code
        with served(folder) as address, chromium() as browser:
            for name, (lead, size, dark) in PICTURES.items():
                explorer = Explorer(browser, address, size=size, dark=dark).open()
                lead(explorer)
                explorer.still()
                path = to / f"explorer-{name}.png"
                path.write_bytes(explorer.page.screenshot())
                assert not explorer.faults, explorer.faults
                assert path.stat().st_size < MOST_BYTES, f"{path.name} is too large"
                sys.stderr.write(f"{path} {path.stat().st_size:,} bytes\n")
                explorer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs/images"))
