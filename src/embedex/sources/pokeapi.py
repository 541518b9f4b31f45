"""What a record of PokéAPI is, and how all of them come from its GraphQL server in one request.

Two servers speak two dialects: the older one puts a prefix before the names of tables. One description makes
both queries. Records keep the names they came with; `embedex.documents` leaves out the redundant prefix.
Joining them from tables is `embedex.sources.tables`; pictures are `embedex.sources.artwork`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from embedex import http
from embedex.errors import SourceError
from embedex.files import atomic_bytes
from embedex.records import JSON, id_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import httpx

TITLE = "Pokémon"
"""What a collection of these records is called."""

DEFAULT_WHERE = "id < 10000"
"""Which records a comparison takes unless asked: the species; ids from 10,001 are special forms of them."""

FEATURED_WHERE = "id <= 251"
"""Whose strips `embedex charts --all` draws: the species of the first two generations, as the post did."""

ENDPOINT = "https://graphql.pokeapi.co/v1beta2"
"""PokéAPI's GraphQL server."""

OLD_PREFIX = "pokemon_v2_"
"""What the server of 2024 puts before the name of every table."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table in a query: which columns and joined tables of each row are wanted.

    Attributes:
        name: its name without a prefix.
        fields: columns as text, joined tables as `Table`, in the order in which they are wanted.
        arguments: the query's arguments; a table's name in them is marked by ``@``.
    """

    name: str
    fields: tuple[str | Table, ...]
    arguments: str = ""


def _named(name: str, *more: str | Table) -> Table:
    return Table(name, ("name", *more))


def _distinct(column: str) -> str:
    return f"distinct_on: {column}, order_by: {{{column}: asc}}"


RECORD = Table(
    "pokemon",
    (
        "id",
        "name",
        "height",
        "weight",
        "base_experience",
        Table("pokemontypes", (_named("type"),), "order_by: {id: asc}"),
        Table("pokemonstats", (_named("stat"), "base_stat")),
        Table("pokemonabilities", (_named("ability"),), _distinct("ability_id")),
        Table(
            "encounters",
            (Table("locationarea", (_named("location", _named("region")),)),),
            "distinct_on: location_area_id, order_by: {@locationarea: {}, location_area_id: asc}",
        ),
        Table(
            "pokemonspecy",
            (
                "base_happiness",
                "capture_rate",
                "forms_switchable",
                "gender_rate",
                "has_gender_differences",
                "hatch_counter",
                "is_baby",
                "is_legendary",
                "is_mythical",
                Table(
                    "pokemonspeciesflavortexts",
                    (_named("version"), "flavor_text"),
                    "order_by: {id: asc}, where: {language_id: {_eq: 9}}",  # English
                ),
                _named("pokemonshape"),
                _named("pokemonhabitat"),
                Table("pokemonegggroups", (_named("egggroup"),)),
                _named("generation"),
                _named("growthrate"),
                _named("pokemoncolor"),
                Table("pokemonevolutions", (_named("evolutiontrigger"),)),
            ),
        ),
        Table("pokemonmoves", (_named("move", _named("type")),), _distinct("move_id")),
    ),
    "order_by: {id: asc}",
)
"""What a record holds, in its order."""


class Paths(NamedTuple):
    """The JSON paths of a record's id, name and group."""

    id: str
    name: str
    group: str


def paths_for(record: dict[str, JSON]) -> Paths:
    """The paths that lead to a record's id, name and generation, by the names the record came with.

    Example:
        >>> paths_for({"id": 25, "pokemon_v2_pokemonspecy": {}}).group
        'pokemon_v2_pokemonspecy.pokemon_v2_generation.name'
    """
    prefix = OLD_PREFIX if f"{OLD_PREFIX}pokemonspecy" in record else ""
    return Paths("id", "name", f"{prefix}pokemonspecy.{prefix}generation.name")


def graphql_query(prefix: str, table: Table = RECORD) -> str:
    """The query for all records, with `prefix` before the name of every table."""
    return f"{{{_selection(table, prefix)}}}"


def _selection(field: str | Table, prefix: str) -> str:
    if isinstance(field, str):
        return field
    arguments = f"({field.arguments.replace('@', prefix)})" if field.arguments else ""
    fields = " ".join(_selection(each, prefix) for each in field.fields)
    return f"{prefix}{field.name}{arguments} {{{fields}}}"


def prefixes_for(endpoint: str) -> Sequence[str]:
    """The prefixes an endpoint may know, the likelier one first."""
    old = endpoint.rstrip("/").endswith("/v1beta")
    return (OLD_PREFIX, "") if old else ("", OLD_PREFIX)


def fetch_records(
    *,
    endpoint: str = ENDPOINT,
    cache: Path,
    refresh: bool = False,
    timeout: float = 120.0,
    attempts: int = 5,
    say: Callable[[str], None],
) -> list[dict[str, JSON]]:
    """All records in the order of their ids, from the cache or by one request.

    Args:
        endpoint: the GraphQL server's address.
        cache: a folder that keeps the server's answer; it is made where there is none.
        refresh: ask the server even when its answer is in the cache.
        timeout: seconds that the server may be silent; it needs half a minute for the whole answer.
        attempts: how often to ask when the server is busy, has an error or breaks off.
        say: is told of every wait, and of an answer from the cache with its date, in a sentence.

    Returns:
        Records with the names the server gave.

    Raises:
        SourceError: the server cannot be reached, or what it answers are not the records.
    """
    prefixes = prefixes_for(endpoint)
    if not refresh:
        for prefix in prefixes:
            file = _cache_file(cache, endpoint, prefix)
            kept = _cached(file, prefix, say)
            if kept:
                day = date.fromtimestamp(file.stat().st_mtime)
                say(f"Taking the records from the answer of {day} kept in the cache; --refresh asks again.")
                return kept
    unknown: SourceError | None = None
    for prefix in prefixes:
        answer = _ask(endpoint, graphql_query(prefix), timeout=timeout, attempts=attempts, say=say)
        try:
            records = _believe(answer, prefix, endpoint)
        except _UnknownFieldError as error:  # the server speaks the other dialect
            unknown = unknown or error
            continue
        _keep(_cache_file(cache, endpoint, prefix), answer)
        return records
    assert unknown is not None  # every pass of the loop returned, raised or set it
    raise SourceError(unknown.seen, cure=unknown.cure) from unknown


def _ask(endpoint: str, query: str, *, timeout: float, attempts: int, say: Callable[[str], None]) -> bytes:
    """The server's answer to a query, as it came; asks again where that may help."""
    import httpx

    patience = httpx.Timeout(timeout, connect=min(timeout, http.CONNECT_TIMEOUT))
    with httpx.Client(headers={"User-Agent": http.USER_AGENT}, timeout=patience) as client:
        answer = http.ask(
            lambda: client.post(endpoint, json={"query": query}),
            endpoint,
            attempts=attempts,
            cure="Try again later, or take the records from PokéAPI's tables.",
            say=say,
        )
    return _content(answer, endpoint)


def _content(answer: httpx.Response, endpoint: str) -> bytes:
    """The body of an answer that counts: 200, or 400 with the errors that Hasura tells in GraphQL's way."""
    if answer.status_code not in (200, 400):
        raise SourceError(
            f"{endpoint} answered {http.status(answer)}, beginning {_beginning(answer.content)}.",
            cure="Check the endpoint's address.",
        )
    return answer.content


def _beginning(content: bytes) -> str:
    return repr(content[:80].decode(errors="replace"))


class _UnknownFieldError(SourceError):
    """The server does not know a name in the query."""


def _believe(answer: bytes, prefix: str, place: str) -> list[dict[str, JSON]]:
    """The records in an answer, once it is clear that they are whole."""
    cure = "Try again with a fresh download; if it stays, take the records from PokéAPI's tables."
    try:
        value = json.loads(answer)
    except ValueError as error:
        raise SourceError(
            f"{place}: the answer of {len(answer):,} bytes is not JSON, or is cut short ({error});"
            f" it begins {_beginning(answer)}.",
            cure=cure,
        ) from error
    if not isinstance(value, dict):
        raise SourceError(f"{place}: no JSON object; it begins {_beginning(answer)}.", cure=cure)
    if value.get("errors"):
        messages = _messages(value["errors"])
        kind = _UnknownFieldError if "not found in type" in messages else SourceError
        raise kind(f"{place}: the server refused the query: {messages}.", cure=cure)
    data = value.get("data")
    records = data.get(f"{prefix}{RECORD.name}") if isinstance(data, dict) else None
    if not isinstance(records, list) or not records:
        raise SourceError(f"{place}: the answer holds no records; it begins {_beginning(answer)}.", cure=cure)
    for position, record in enumerate(records):
        if not isinstance(record, dict) or id_text(record.get("id")) is None:
            raise SourceError(f"{place}: record {position} of {len(records):,} has no id.", cure=cure)
    return records


def _messages(errors: JSON) -> str:
    listed = errors if isinstance(errors, list) else [errors]
    told = [str(each.get("message", each)) if isinstance(each, dict) else str(each) for each in listed[:3]]
    return "; ".join(told)


def _cache_file(cache: Path, endpoint: str, prefix: str) -> Path:
    """Where an answer is kept: another server or another query is another file."""
    key = hashlib.sha256(f"{endpoint}\n{graphql_query(prefix)}".encode()).hexdigest()
    return cache / f"pokeapi-{key[:16]}.json"


def _cached(file: Path, prefix: str, say: Callable[[str], None]) -> list[dict[str, JSON]] | None:
    """The records of an answer that was kept, or None. A damaged one is told and then counts as none."""
    try:
        return _believe(file.read_bytes(), prefix, str(file))
    except FileNotFoundError:
        return None
    except (SourceError, OSError) as error:
        say(f"The kept answer cannot be used; asking again. {str(error).splitlines()[0]}")
        return None


def _keep(file: Path, answer: bytes) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        atomic_bytes(file, answer)
    except OSError as error:
        raise SourceError(
            f"{file}: PokéAPI's answer cannot be kept ({error.strerror or error}).",
            cure="Name another cache folder with EMBEDEX_CACHE, or make room.",
        ) from error
