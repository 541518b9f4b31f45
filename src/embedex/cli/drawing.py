"""Drawing for the command line: one result into a file, or a collection's exhibits into a folder with a page."""

from __future__ import annotations

import datetime
from pathlib import Path

from embedex import gallery
from embedex.charts import Section, save, write_index
from embedex.cli import output, tables
from embedex.cli.output import say
from embedex.collection import Collection
from embedex.errors import WeightsError
from embedex.gallery import Exhibit
from embedex.results import Result

PAGE_ROWS = 30
"""The most rows of a table on the page."""


def draw(result: Result, chart: Path) -> None:
    """Draw one result into a file that ends in ``.png`` or ``.svg``."""
    chart.parent.mkdir(parents=True, exist_ok=True)
    save(gallery.figure(result, today()), chart.with_suffix(""), (chart.suffix.lower().removeprefix("."),))
    say(f"Drawn: {chart}")


def today() -> datetime.date:
    """The date that charts state."""
    return datetime.datetime.now(tz=datetime.UTC).astimezone().date()


def draw_gallery(collection: Collection, to: Path, *, record: str, question: str, fetch: bool, show: bool) -> Path:
    """Draw one chart of each kind and a page of them.

    Args:
        collection: embedded.
        to: the folder, made if need be.
        record: whose likenesses to draw.
        question: whose answers to draw; none when empty.
        fetch: whether tokenizers may be fetched; without them there is no chart of tokens.
        show: whether to print each table as well.

    Returns:
        The page.
    """
    exhibits = list(gallery.exhibits(collection, record=record, question=question, say=say))
    to.mkdir(parents=True, exist_ok=True)
    sections = []
    for exhibit in [*_token_exhibit(collection, fetch=fetch), *exhibits]:
        table = tables.of(exhibit.result)
        if show:
            output.heading(exhibit.title)
            output.show(table, "table")
        drawn = gallery.figure(exhibit.result, today(), highlight=[collection.item(record).id])
        save(drawn, to / exhibit.name)
        rows = output.cells(table)[:PAGE_ROWS]
        sections.append(Section(exhibit.title, exhibit.text, exhibit.name, table.columns, rows))
    write_index(to, collection.title, sections)
    return to / "index.html"


def _token_exhibit(collection: Collection, *, fetch: bool) -> list[Exhibit]:
    try:
        with output.progress() as progress:
            report = collection.tokens(fetch=fetch, progress=progress)
    except WeightsError as error:
        say(f"No chart of tokens: {error.seen}")
        return []
    return [Exhibit("tokens", "Tokens before embedding", "How long the records are as text.", report)]
