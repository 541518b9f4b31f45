"""Records from a GraphQL server, however it misbehaves. No network: the server is a thread of the test."""

from __future__ import annotations

import json
import os
from datetime import datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from embedex import http
from embedex.errors import SourceError
from embedex.sources.pokeapi import (
    OLD_PREFIX,
    RECORD,
    Paths,
    Table,
    fetch_records,
    graphql_query,
    paths_for,
    prefixes_for,
)

from .support import REAL_RECORDS, Answer, LocalServer, Request, closed_url, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

RECORDS = [
    {"id": 1, "name": "glimfin", "pokemonspecy": {}},
    {"id": 2, "name": "mossback", "pokemonspecy": {}},
]
UNKNOWN = {
    "errors": [
        {
            "message": "field 'pokemon_v2_pokemon' not found in type: 'query_root'",
            "extensions": {"code": "validation-failed"},
        }
    ]
}


def as_json(value: Any, status: int = 200) -> Answer:
    return Answer(json.dumps(value).encode(), status, {"Content-Type": "application/json"})


def delivering(prefix: str = "") -> Answer:
    return as_json({"data": {f"{prefix}pokemon": RECORDS}})


class Script:
    """A server that gives its answers in turn, and the last one for ever."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)

    def __call__(self, request: Request) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("embedex.http.MAX_WAIT", 0.01)


@pytest.fixture
def serve() -> Iterator[Callable[..., LocalServer]]:
    servers: list[LocalServer] = []

    def start(*answers: Answer) -> LocalServer:
        servers.append(LocalServer(Script(*answers)))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def fetch(server: LocalServer, cache: Path, **settings: Any) -> tuple[list[dict[str, Any]], list[str]]:
    said: list[str] = []
    path = settings.pop("path", "/v1beta2")
    return fetch_records(endpoint=server.url + path, cache=cache, say=said.append, **settings), said


def test_the_two_queries_differ_by_the_prefix_of_tables_alone() -> None:
    new, old = graphql_query(""), graphql_query(OLD_PREFIX)
    assert OLD_PREFIX not in new
    assert old.replace(OLD_PREFIX, "") == new
    assert "{pokemon_v2_locationarea: {}, location_area_id: asc}" in old
    assert old.startswith("{pokemon_v2_pokemon(order_by: {id: asc}) {id name height weight base_experience ")
    assert f"{OLD_PREFIX}name" not in old


def test_the_likelier_dialect_comes_first() -> None:
    assert prefixes_for("https://graphql.example.org/v1beta2")[0] == ""
    assert prefixes_for("https://beta.example.org/graphql/v1beta/")[0] == OLD_PREFIX


def test_fetches_once_and_then_reads_the_cache(serve: Callable[..., LocalServer], tmp_path: Path) -> None:
    server = serve(delivering())
    assert fetch(server, tmp_path / "cache") == (RECORDS, [])
    (kept,) = (tmp_path / "cache").iterdir()
    day = datetime(2026, 11, 23, 12).timestamp()
    os.utime(kept, (day, day))
    said = "Taking the records from the answer of 2026-11-23 kept in the cache; --refresh asks again."
    assert fetch(server, tmp_path / "cache") == (RECORDS, [said])
    assert len(server.requests) == 1
    assert server.requests[0].headers["User-Agent"].startswith("embedex/")
    assert json.loads(server.requests[0].body) == {"query": graphql_query("")}
    assert kept.read_bytes() == delivering().body
    fetch(server, tmp_path / "cache", refresh=True)
    assert len(server.requests) == 2


def test_another_endpoint_has_another_answer(serve: Callable[..., LocalServer], tmp_path: Path) -> None:
    server = serve(delivering())
    fetch(server, tmp_path)
    fetch(server, tmp_path, path="/elsewhere")
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [200, 400])
def test_an_unknown_field_makes_it_try_the_other_dialect(
    serve: Callable[..., LocalServer], tmp_path: Path, status: int
) -> None:
    server = serve(as_json(UNKNOWN, status), delivering(OLD_PREFIX))
    assert fetch(server, tmp_path)[0] == RECORDS
    assert [OLD_PREFIX in request.body.decode() for request in server.requests] == [False, True]
    assert fetch(server, tmp_path)[0] == RECORDS
    assert len(server.requests) == 2


def test_a_server_that_knows_neither_dialect(serve: Callable[..., LocalServer], tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="not found in type"):
        fetch(serve(as_json(UNKNOWN)), tmp_path)


@pytest.mark.parametrize(
    "trouble",
    [Answer(b"", 429, {"Retry-After": "3600"}), Answer(b"oops", 500), Answer(b'{"data"', 200, promised=99)],
    ids=["429", "500", "cut off"],
)
def test_asks_again_when_trouble_may_pass(serve: Callable[..., LocalServer], tmp_path: Path, trouble: Answer) -> None:
    server = serve(trouble, trouble, delivering())
    records, said = fetch(server, tmp_path)
    assert records == RECORDS
    assert len(server.requests) == 3
    assert len(said) == 2
    assert "Asking again in" in said[0]


def test_attempts_are_bounded(serve: Callable[..., LocalServer], tmp_path: Path) -> None:
    server = serve(Answer(b"", 503))
    with pytest.raises(SourceError, match="answered 503 Service Unavailable") as raised:
        fetch(server, tmp_path, attempts=3)
    assert len(server.requests) == 3
    assert raised.value.cure


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (as_json({"errors": [{"message": "database is resting"}], "data": None}), "database is resting"),
        (Answer(delivering().body[:-9]), "cut short"),
        (Answer(b"<!DOCTYPE html><title>Sign in to the hotel's network</title>"), "<!DOCTYPE html>"),
        (as_json({"data": {"pokemon": []}}), "no records"),
        (as_json({"data": {"digimon": RECORDS}}), "no records"),
        (as_json([]), "no JSON object"),
        (as_json({"data": {"pokemon": [{"id": 1}, {"name": "nobody"}]}}), "record 1 of 2 has no id"),
        (Answer(b"nothing here", 404), "404 Not Found"),
        (Answer(b"", 301, {"Location": "/moved"}), "301"),
    ],
)
def test_an_answer_is_checked_before_it_is_believed_or_kept(
    serve: Callable[..., LocalServer], tmp_path: Path, answer: Answer, told: str
) -> None:
    server = serve(answer)
    with pytest.raises(SourceError) as raised:
        fetch(server, tmp_path / "cache")
    assert told in raised.value.seen
    assert server.url in raised.value.seen
    assert raised.value.cure
    assert len(server.requests) == 1
    assert not (tmp_path / "cache").exists()


def test_a_damaged_cache_is_told_and_mended(serve: Callable[..., LocalServer], tmp_path: Path) -> None:
    server = serve(delivering())
    fetch(server, tmp_path)
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(kept.read_bytes()[:20])
    records, said = fetch(server, tmp_path)
    assert records == RECORDS
    assert "cannot be used" in said[0]
    assert kept.read_bytes() == delivering().body


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    said: list[str] = []
    with pytest.raises(SourceError, match="cannot be reached"):
        fetch_records(endpoint=closed_url(), cache=tmp_path, say=said.append)
    assert len(said) == http.CONNECT_ATTEMPTS - 1


def test_a_silent_server(serve: Callable[..., LocalServer], tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="broke off"):
        fetch(serve(Answer(delay=5)), tmp_path, timeout=0.1, attempts=2)


@pytest.mark.parametrize("endpoint", ["graphql", "ftp://example.org/x", "http://[oops"])
def test_an_endpoint_that_is_no_address(tmp_path: Path, endpoint: str) -> None:
    with pytest.raises(SourceError) as raised:
        fetch_records(endpoint=endpoint, cache=tmp_path, say=lambda words: None)
    assert endpoint in raised.value.seen


def test_a_cache_that_cannot_be_written(serve: Callable[..., LocalServer], tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file, not a folder")
    with pytest.raises(SourceError, match="cannot be kept"):
        fetch(serve(delivering()), tmp_path / "cache")


def test_paths_follow_the_names_a_record_came_with() -> None:
    assert paths_for({"id": 1, "pokemonspecy": {}}) == Paths("id", "name", "pokemonspecy.generation.name")
    old = paths_for({"id": 1, "pokemon_v2_pokemonspecy": {}})
    assert old.group == "pokemon_v2_pokemonspecy.pokemon_v2_generation.name"


def test_a_real_record_has_what_the_query_asks_for_in_its_order() -> None:
    if not REAL_RECORDS.exists():
        pytest.skip(f"{REAL_RECORDS.name} is not here; it is PokéAPI's and no part of the project")
    with REAL_RECORDS.open(encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    for record in records:
        has_fields(record, RECORD)


def has_fields(row: dict[str, Any], table: Table) -> None:
    named = {f"{OLD_PREFIX}{each.name}": each for each in table.fields if isinstance(each, Table)}
    columns = [each for each in table.fields if isinstance(each, str)]
    assert sorted(row) == sorted([*columns, *named])
    assert list(row) == [each if isinstance(each, str) else f"{OLD_PREFIX}{each.name}" for each in table.fields]
    for key, below in named.items():
        for each in row[key] if isinstance(row[key], list) else [row[key]]:
            if each is not None:
                has_fields(each, below)


def test_serving_ends() -> None:
    with serving(lambda request: Answer(b"x")) as server:
        assert httpx.get(server.url).content == b"x"
