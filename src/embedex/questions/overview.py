"""Overviews: what a collection holds, as one line and as a small table for notebooks. Neither raises."""

from __future__ import annotations

from html import escape

from embedex.errors import CollectionError
from embedex.holdings import Holdings
from embedex.results import counted

_CELL = "text-align: left; vertical-align: top; padding: 0.15em 1em 0.15em 0"
"""No colour is set: a table has those of the notebook, light or dark."""


def line(holdings: Holdings) -> str:
    """What `repr` says of a collection."""
    found = _embedded(holdings)
    embedded = "; ".join(f"{name} by {told}" if told else f"{name} damaged" for name, told in found) or "not embedded"
    maps = f"; {_maps(holdings)}" if holdings.maps else ""
    return f"<Collection {holdings.title!r} in {str(holdings.folder)!r}: {_counts(holdings)}; {embedded}{maps}>"


def table(holdings: Holdings) -> str:
    """The same as HTML, without scripts; nothing of it is taken for markup that is not."""
    rows = [
        ("records", _counts(holdings)),
        *((name, told or "the file is damaged") for name, told in _embedded(holdings)),
        ("maps", ", ".join(holdings.maps)),
        ("from", holdings.manifest.origin),
        ("folder", str(holdings.folder)),
    ]
    cells = "".join(
        f'<tr><th scope="row" style="{_CELL}">{_written(name)}</th><td style="{_CELL}">{_written(told)}</td></tr>'
        for name, told in rows
        if told
    )
    return (
        f'<table style="border-collapse: collapse"><caption style="{_CELL}; font-weight: bold">'
        f"{_written(holdings.title)}</caption><tbody>{cells}</tbody></table>"
    )


def _counts(holdings: Holdings) -> str:
    """Records, groups and pictures, with how many there are of each."""
    index = holdings.index
    groups, pictures = len(index.group_names), len(index.pictures) - index.pictures.count(None)
    left_out = len(index.ids) - int(index.main.sum())
    parts = [counted(len(index.ids)) + (f" in {groups:,} {'group' if groups == 1 else 'groups'}" if groups else "")]
    parts += [f"{pictures:,} with a picture"] if pictures else []
    parts += [f"{left_out:,} left out of comparisons by default"] if left_out else []
    return ", ".join(parts)


def _embedded(holdings: Holdings) -> list[tuple[str, str]]:
    """Of each file of embeddings its name, and the encoder with its dimensions; ``""`` where the file is damaged.

    Who only looks at a collection is told, not stopped.
    """
    found = []
    for name in sorted(holdings.store.embedding_names(), key=lambda each: (each != "text", each)):
        if name in ("text", "image"):
            try:
                described = holdings.store.read_description(name)
            except CollectionError:
                found.append((name, ""))
                continue
            if described:
                found.append((name, f"{described.name}, {described.dimension:,} dimensions"))
    return found


def _maps(holdings: Holdings) -> str:
    return f"{'map' if len(holdings.maps) == 1 else 'maps'}: {', '.join(holdings.maps)}"


def _written(text: str) -> str:
    """As it stands in HTML, letters that no browser can be sent replaced."""
    return escape(text.encode(errors="replace").decode())
