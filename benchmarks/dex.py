"""What the benchmarks share: a Pokémon collection, PokéAPI's tables beside it, intervals, and a plain table."""

from __future__ import annotations

import csv
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedex.errors import EmbedexError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from embedex import Collection

FIRST = "Run first:\n  embedex pull pokemon --from npm --to DIR\n  embedex embed DIR"


def arguments(text: str | None, *, folder: bool = True) -> ArgumentParser:
    """A parser that shows the script's docstring."""
    parser = ArgumentParser(description=text, formatter_class=RawDescriptionHelpFormatter)
    if folder:
        parser.add_argument("dir", type=Path, metavar="DIR", help="an embedded collection of Pokémon")
    return parser


def add_tables(parser: ArgumentParser) -> None:
    parser.add_argument("--tables", type=Path, metavar="DIR", help="PokéAPI's tables (where `embedex pull` keeps them)")


def open_dex(folder: Path) -> Collection:
    """The collection, embedded; ends the script with what to run where it is not."""
    from embedex import Collection

    try:
        collection = Collection.open(folder)
    except EmbedexError as error:
        raise SystemExit(f"{error}\n{FIRST}") from error
    if not (collection.has("text") and collection.has("passages") and collection.has("image")):
        raise SystemExit(f"{folder} lacks embeddings of texts, passages or pictures.\n{FIRST}")
    return collection


def read_table(chosen: Path | None, name: str) -> list[dict[str, str]]:
    """One of PokéAPI's tables; ends the script with what to run where there are none."""
    from embedex import weights
    from embedex.sources import npm
    from embedex.sources.tables import find_tables

    folder = chosen or weights.cache_folder() / "pokemon" / f"{npm.TABLES.name}-{npm.TABLES.version}"
    try:
        path = find_tables(folder) / f"{name}.csv"
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))
    except (EmbedexError, OSError) as error:
        raise SystemExit(f"{error}\nName the folder with --tables. {FIRST}") from error


def families(tables: Path | None) -> dict[str, int]:
    """Each species' evolution family, by the species' id."""
    return {row["id"]: int(row["evolution_chain_id"]) for row in read_table(tables, "pokemon_species")}


def all_records(collection: Collection) -> list[Any]:
    """Every record of the collection, as it came, in order."""
    from embedex.store import Store

    store = Store(collection.folder)
    return list(store.read_records(store.read_index()))


def types(data: dict[str, Any], prefix: str) -> set[str]:
    """The types of a Pokémon."""
    return {row[f"{prefix}type"]["name"] for row in data[f"{prefix}pokemontypes"]}


def interval(values: NDArray[np.float64], clusters: Sequence[int], *, seed: int = 0, draws: int = 2_000) -> str:
    """The 95 % bootstrap interval of a mean; whole clusters are drawn, since their members are not independent."""
    import numpy as np

    _, member = np.unique(clusters, return_inverse=True)
    sums, sizes = np.bincount(member, values), np.bincount(member)
    drawn = np.random.default_rng(seed).integers(len(sums), size=(draws, len(sums)))
    low, high = np.percentile(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1), (2.5, 97.5))
    return f"{low:+.3f} to {high:+.3f}" if low < 0 else f"{low:.3f} to {high:.3f}"


def show(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; numbers to three places."""
    cells = [[f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    print(f"\n{title}")
    for line in [list(columns), *cells]:
        print(
            "  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip(), flush=True
        )
