"""One static page that shows the charts of a folder: no scripts, nothing fetched from elsewhere."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from embedex.files import atomic_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_STYLE = """
:root { color-scheme: light dark; --ink: #1b2026; --grey: #5b6671; --rule: #dde2e8; --ground: #f5f6f8;
  --card: #ffffff; --link: #23598a; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8ebee; --grey: #a3adb8; --rule: #343b43; --ground: #14171a; --card: #1d2125;
    --link: #8fc1ee; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
header, main { max-width: 1200px; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2.5rem; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .75rem; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; line-height: 1.3; margin: 0 0 .35rem; overflow-wrap: anywhere; }
nav ul { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: 0 0 1.5rem;
  padding: 0; }
a { color: var(--link); }
a:focus-visible, [tabindex]:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
section { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 1.25rem;
  margin: 0 0 1.5rem; }
section > p { margin: 0 0 1rem; color: var(--grey); max-width: 75ch; overflow-wrap: anywhere;
  white-space: pre-line; }
figure { margin: 0; }
figure > a { display: block; border-radius: 6px; background: #ffffff; }
figure img { display: block; width: auto; max-width: 100%; height: auto; max-height: 92vh; margin: 0 auto;
  border-radius: 6px; }
figcaption { font-size: .85rem; color: var(--grey); margin-top: .5rem; }
summary { cursor: pointer; color: var(--grey); margin-top: .6rem; }
.table { overflow-x: auto; margin-top: 1rem; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .35rem .9rem .35rem 0;
  border-bottom: 1px solid var(--rule); }
th { color: var(--grey); font-weight: 600; white-space: nowrap; }
@media (max-width: 700px) {
  figure > a { overflow-x: auto; }
  figure img { max-width: none; max-height: 24rem; }
}
@media print {
  body { background: #ffffff; }
  section { break-inside: avoid; border: 0; padding: 0; }
  nav { display: none; }
}
"""


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the page.

    Attributes:
        title: its heading.
        text: a sentence or two below it.
        chart: the chart's file name without suffix, in the page's folder; ``""`` for none.
        columns: the heads of a small table's columns.
        rows: the table's rows, as long as `columns`.
    """

    title: str
    text: str
    chart: str
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()


def write_index(folder: Path, title: str, sections: Sequence[Section]) -> Path:
    """Write ``index.html``, which shows the PNG of each section and links to its SVG.

    Args:
        folder: the folder that holds the charts.
        title: the page's title.
        sections: what it shows, in order. A section whose chart is not in the folder stands without one.

    Returns:
        The page's path.

    Raises:
        OSError: the page cannot be written.
    """
    contents = "".join(
        f'<li><a href="#s{number}">{html.escape(each.title)}</a></li>' for number, each in enumerate(sections, 1)
    )
    navigation = f'<nav aria-label="Charts"><ul>{contents}</ul></nav>' if len(sections) > 1 else ""
    head = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<header>\n<h1>{html.escape(title)}</h1>\n{navigation}\n</header>\n<main>\n"
    )
    body = "".join(_section(folder, number, each) for number, each in enumerate(sections, 1))
    path = folder / "index.html"
    atomic_bytes(path, f"{head}{body}</main>\n</body>\n</html>\n".encode("utf-8", "replace"))
    return path


def _section(folder: Path, number: int, section: Section) -> str:
    text = f"<p>{html.escape(section.text)}</p>\n" if section.text.strip() else ""
    heading = f'<h2 id="s{number}-title">{html.escape(section.title)}</h2>\n'
    return (
        f'<section id="s{number}" aria-labelledby="s{number}-title">\n{heading}{text}'
        f"{_figure(folder, section, lazy=number > 1)}{_table(section)}</section>\n"
    )


def _figure(folder: Path, section: Section, *, lazy: bool) -> str:
    picture = folder / f"{section.chart}.png"
    if not section.chart or not picture.is_file():
        return ""
    vector = folder / f"{section.chart}.svg"
    width, height = _size(picture)
    source = quote(picture.name)
    target = quote(vector.name) if vector.is_file() else source
    loading = ' loading="lazy"' if lazy else ""
    kind = "the SVG" if vector.is_file() else "the picture"
    return (
        f'<figure>\n<a href="./{target}"><img src="./{source}" width="{width}" height="{height}"{loading} '
        f'alt="Chart: {html.escape(section.title)}"></a>\n'
        f'<figcaption><a href="./{target}">Open {kind}</a></figcaption>\n</figure>\n'
    )


def _table(section: Section) -> str:
    if not section.rows:
        return ""
    head = "".join(f'<th scope="col">{html.escape(each)}</th>' for each in section.columns)
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>\n" for row in section.rows)
    name = html.escape(section.title)
    return (
        f"<details>\n<summary>The numbers: {len(section.rows):,} rows</summary>\n"
        f'<div class="table" role="region" aria-label="Table: {name}" tabindex="0">\n<table>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n</div>\n</details>\n"
    )


def _size(picture: Path) -> tuple[int, int]:
    """A PNG's width and height, from its header, so that the page does not jump while it loads."""
    with picture.open("rb") as file:
        header = file.read(24)
    return int.from_bytes(header[16:20], "big"), int.from_bytes(header[20:24], "big")
