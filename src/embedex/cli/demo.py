"""The demo: from nothing to tables, charts and a page, on Pokémon or on the sample."""

from __future__ import annotations

import shlex
import time
from pathlib import Path

from embedex import gallery
from embedex.charts import Section, save, write_index
from embedex.cli import making, output, tables
from embedex.cli.output import Table, say
from embedex.cli.verbs import embed_table, today
from embedex.collection import Collection
from embedex.errors import SourceError, WeightsError
from embedex.gallery import Exhibit

PAGE_ROWS = 30
"""The most rows of a table on the page."""


def run(to: Path, on: str) -> None:
    """Make, count, embed, ask, draw.

    Args:
        to: the folder for the collection, the charts and the page.
        on: ``auto``, ``pokemon`` or ``sample``.

    Raises:
        SourceError: Pokémon were asked for and no source delivers.
    """
    begun = time.monotonic()
    collection, record, question = _collection(to, on)
    say(f"{collection!r}\n")
    with output.progress() as progress:
        reports = collection.embed(progress=progress)
    output.show(embed_table(reports), "table")
    gallery.fit_default_map(collection)
    page = draw_gallery(collection, to / "charts", record=record, question=question, show=True)
    say(f"\nDone in {time.monotonic() - begun:.0f} s. Open {page}")
    say(f'Ask on:  embedex ask {collection.folder} "what rolls down a hill?"')
    say(f"         embedex similar {collection.folder} {shlex.quote(record)} --by fused -k 5")


def draw_gallery(collection: Collection, to: Path, *, record: str, question: str, show: bool) -> Path:
    """Draw one chart of each kind and a page of them.

    Args:
        collection: embedded.
        to: the folder, made if need be.
        record: whose likenesses to draw.
        question: whose answers to draw; none when empty.
        show: whether to print each table as well.

    Returns:
        The page.
    """
    to.mkdir(parents=True, exist_ok=True)
    sections = []
    for exhibit in [
        *_token_exhibit(collection),
        *gallery.exhibits(collection, record=record, question=question),
    ]:
        table = _table(exhibit)
        if show:
            say(f"\n{exhibit.title}")
            output.show(table, "table")
        drawn = gallery.figure(exhibit.result, today(), highlight=[collection.item(record).name])
        save(drawn, to / exhibit.name)
        rows = output.cells(table)[:PAGE_ROWS]
        sections.append(Section(exhibit.title, exhibit.text, exhibit.name, table.columns, rows))
    write_index(to, collection.title, sections)
    return to / "index.html"


def _collection(to: Path, on: str) -> tuple[Collection, str, str]:
    """The collection, with a record and a question that show it well."""
    if on != "sample":
        try:
            pulled = making.pull_pokemon(to / "pokedex")
        except SourceError as error:
            if on == "pokemon":
                raise
            say(f"{error.seen}\nSo the demo runs on shapes that embedex draws by itself.\n")
        else:
            return pulled, "pikachu", "What looks like an ice cream cone?"
    from embedex.sources import sample

    return making.sample_collection(to / "shapes"), sample.RECORD, sample.QUESTION


def _token_exhibit(collection: Collection) -> list[Exhibit]:
    try:
        with output.progress() as progress:
            report = collection.tokens(progress=progress)
    except WeightsError as error:
        say(f"No token counts: {error.seen}")
        return []
    return [Exhibit("tokens", "Tokens before embedding", "How long the records are as text.", report)]


def _table(exhibit: Exhibit) -> Table:
    """The table of an exhibit; of a map, which has a row a record, its settings."""
    from embedex.results import Answers, Pairs, Similar, TokenReport, Unusual

    result = exhibit.result
    if isinstance(result, TokenReport):
        return tables.token_summary(result)
    if isinstance(result, Similar):
        return tables.similar(result)
    if isinstance(result, Unusual):
        return tables.unusual(result)
    if isinstance(result, Answers):
        return tables.answers(result)
    if isinstance(result, Pairs):
        return tables.pairs(result)
    return Table(
        ["setting", "value"], [[key, value] for key, value in result.parameters.items()], result.basis.caption()
    )
