"""The demo: from nothing to tables, charts and a page, on Pokémon or on the sample."""

from __future__ import annotations

import shlex
import time
from pathlib import Path

from embedex.cli import making, output, tables
from embedex.cli.drawing import draw_gallery
from embedex.cli.output import say
from embedex.collection import Collection
from embedex.errors import SourceError


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
        reports = collection.embed(progress=progress, fields=2)
    output.show(tables.embedded(reports), "table")
    page = draw_gallery(collection, to / "charts", record=record, question=question, fetch=on != "sample", show=True)
    say(f"\nDone in {time.monotonic() - begun:.0f} s. Open {page}")
    say(f'Ask on:  embedex ask {collection.folder} "what rolls down a hill?"')
    say(f"         embedex similar {collection.folder} {shlex.quote(record)} --by fused -k 5")
    say(f"Wander:  embedex explore {collection.folder}")


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
