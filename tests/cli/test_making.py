"""Making collections by the command line: what is broken is named with its place, and the rest goes on."""

from __future__ import annotations

import json
import os
import struct
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from embedex.cli import main
from embedex.collection import Collection
from embedex.errors import SourceError
from embedex.sources import pokemon
from embedex.sources.pokeapi import Paths
from embedex.sources.pokemon import PokemonHarvest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from conftest import Museum


def write_records(path: Path, records: Sequence[Any]) -> Path:
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records), "utf-8")
    return path


def draw(path: Path, colour: str = "teal") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), colour).save(path)


def png_that_claims(width: int, height: int) -> bytes:
    """A PNG of that size by its head, with next to nothing behind it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@dataclass(frozen=True)
class Folder:
    """A place for files, and the last thing that was printed."""

    path: Path
    capsys: pytest.CaptureFixture[str]
    printed: list[str] = field(default_factory=list)

    def run(self, *arguments: str | Path) -> int:
        self.capsys.readouterr()
        code = main([str(each) for each in arguments])
        self.printed[:] = self.capsys.readouterr()
        assert "Traceback" not in self.err
        return code

    @property
    def err(self) -> str:
        return self.printed[1]


@pytest.fixture
def folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Folder:
    return Folder(tmp_path, capsys)


# ── records ─────────────────────────────────────────────────────────────────────────────────────────

BAD_LINES = {
    "malformed": ('{"id": 2, "x": }', "not JSON at column"),
    "cut short": ('{"id": 2, "x": "on', "not JSON at column"),
    "without an id": ('{"ID": 2}', "no id at 'id'"),
    "with an id that is null": ('{"id": null}', "no id at 'id'"),
    "with an id that is a list": ('{"id": [2]}', "neither a text nor an integer"),
    "with an id that was there before": ('{"id": 1, "x": "again"}', "first at"),
    "a list": ("[2]", "a list, not an object"),
    "not UTF-8": ("LATIN", "not UTF-8"),
    "nested without end": ('{"id": 2, "x": ' + "[" * 5000, "nested"),
    "with a number that is none": ('{"id": 2, "x": NaN}', "NaN at x"),
}


@pytest.mark.parametrize("kind", BAD_LINES)
def test_a_line_that_is_no_record_is_named_and_the_rest_goes_on(folder: Folder, kind: str) -> None:
    line, message = BAD_LINES[kind]
    bad = b'{"id": 2, "x": "\xe9"}' if line == "LATIN" else line.encode()
    lines = folder.path / "r.jsonl"
    lines.write_bytes(b'{"id": 1, "x": "one"}\n' + bad + b'\n{"id": 3, "x": "three"}\n')
    assert folder.run("new", folder.path / "dex", lines) == 0
    assert Collection.open(folder.path / "dex").ids == ["1", "3"]
    assert f"set aside: {lines}:2: " in folder.err
    assert message in folder.err
    assert folder.run("new", folder.path / "strict", lines, "--strict") == 2
    assert f"embedex new: {lines}:2: " in folder.err
    assert message in folder.err
    assert not (folder.path / "strict" / "collection.json").exists()


UNUSABLE = {
    "a file that is not there": ("gone.jsonl", None, "there is no such file"),
    "an ending that nobody knows": ("r.xlsx", b"x", "not an ending"),
    "an empty file": ("r.jsonl", b"", "an empty file (0 bytes)"),
    "an empty list": ("r.json", b"[]", "a file without any record"),
    "a file of bad lines only": ("r.jsonl", b"{\n{\n", "r.jsonl:2"),
    "JSON that is no list of objects": ("r.json", b'"text"', "r.json"),
    "Parquet that is none": ("r.parquet", b"PAR1 not really PAR1", "not Parquet"),
    "a packed file cut short": ("r.jsonl.gz", b"\x1f\x8b\x08\x00", "cannot be read"),
}


@pytest.mark.parametrize("kind", UNUSABLE)
def test_files_without_any_record_are_an_error_that_names_them(folder: Folder, kind: str) -> None:
    name, content, message = UNUSABLE[kind]
    path = folder.path / name
    if content is not None:
        path.write_bytes(content)
    assert folder.run("new", folder.path / "dex", path) == 2
    assert "embedex new: " in folder.err
    assert name in folder.err
    assert message in folder.err
    assert not (folder.path / "dex" / "collection.json").exists()


def test_an_empty_file_beside_a_good_one_is_set_aside(folder: Folder) -> None:
    good, empty = write_records(folder.path / "a.jsonl", [{"id": "a"}]), folder.path / "b.csv"
    empty.touch()
    assert folder.run("new", folder.path / "dex", good, empty) == 0
    assert f"set aside: {empty}: an empty file" in folder.err
    assert folder.run("new", folder.path / "dex", good, empty, "--strict") == 2


def test_every_problem_is_named_and_on_a_terminal_twenty(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = write_records(folder.path / "r.jsonl", [{"id": "good"}, *({"no": n} for n in range(31))])
    assert folder.run("new", folder.path / "dex", lines) == 0
    assert folder.err.count("set aside") == 31
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert folder.run("new", folder.path / "dex", lines) == 0
    assert folder.err.count("set aside") == 20
    assert "and 11 more; 2> problems.txt after the command keeps them all" in folder.err


def test_problems_are_named_where_the_making_fails_afterwards(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = write_records(folder.path / "r.jsonl", [{"id": 1}, {"no": 2}])
    assert folder.run("new", folder.path / "dex", lines, "--default-where", "no such column") == 2
    assert f"set aside: {lines}:2: " in folder.err

    def gather(**options: Any) -> PokemonHarvest:
        options["strictness"].add("1.png", "is broken")
        raise SourceError("Then the line went dead.")

    monkeypatch.setattr(pokemon, "gather", gather)
    assert folder.run("pull", "pokemon", "--to", folder.path / "pokedex") == 2
    assert folder.err == "  set aside: 1.png: is broken\nembedex pull: Then the line went dead.\n"


OPTIONS = {
    "a path that is none": (["--id", "a..b"], "is not a path into a record"),
    "a condition that is no SQL": (["--default-where", "size >"], "size >"),
    "a condition that nothing fulfils": (["--default-where", "id < 0"], "No record fulfils"),
    "a picture's path without a folder": (["--image-path", "file"], "--image-path needs --images"),
    "a folder that is not there": (["--images", "gone"], "there is no such folder"),
}


@pytest.mark.parametrize("kind", OPTIONS)
def test_an_option_that_cannot_be_used_makes_no_collection(folder: Folder, kind: str) -> None:
    options, message = OPTIONS[kind]
    lines = write_records(folder.path / "r.jsonl", [{"id": 1}])
    assert folder.run("new", folder.path / "dex", lines, *options) == 2
    assert message in folder.err
    assert folder.run("info", folder.path / "dex") == 2


def test_the_prefix_that_documents_leave_out_is_told_and_can_be_kept(folder: Folder) -> None:
    lines = write_records(folder.path / "r.jsonl", [{"id": 1, "v2_a": 1, "v2_b": 2, "v2_c": 3, "v2_d": 4}])
    assert folder.run("new", folder.path / "dex", lines) == 0
    assert "leave out the prefix 'v2_'" in folder.err
    assert folder.run("new", folder.path / "dex", lines, "--strip-prefix", "") == 0
    assert "leave out" not in folder.err
    assert Collection.open(folder.path / "dex").manifest.text.strip_prefix == ""


def test_made_again_the_collection_keeps_its_embeddings(folder: Folder) -> None:
    lines = write_records(folder.path / "r.jsonl", [{"id": n, "x": f"word {n}"} for n in range(5)])
    dex = folder.path / "dex"
    assert folder.run("new", dex, lines) == 0
    assert folder.run("embed", dex) == 0
    assert folder.printed[0].split()[-12:-6] == ["text", "wordllama", "5", "5", "0", "0"]
    assert folder.printed[0].split()[-6:] == ["passages", "wordllama", "0", "0", "0", "0"]
    write_records(lines, [{"id": n, "x": f"word {n + n // 4}"} for n in range(5)])
    assert folder.run("new", dex, lines) == 0
    assert folder.run("similar", dex, "1") == 0
    assert "the records have changed since they were embedded" in " ".join(folder.printed[0].split())
    assert folder.run("embed", dex) == 0
    assert folder.printed[0].split()[-12:-6] == ["text", "wordllama", "5", "1", "4", "0"]


# ── pictures ────────────────────────────────────────────────────────────────────────────────────────


def broken_pictures(images: Path) -> dict[str, str]:
    """Draws a good picture and bad ones; gives what is said of each bad file."""
    draw(images / "good.png")
    whole = (images / "good.png").read_bytes()
    (images / "cut.png").write_bytes(whole[:50])
    (images / "none.jpg").write_text("not a picture")
    (images / "empty.png").touch()
    (images / "huge.png").write_bytes(png_that_claims(10_000, 6_000))
    (images / "bomb.png").write_bytes(png_that_claims(60_000, 60_000))
    return {
        "cut.png": "not a picture that can be read",
        "none.jpg": "not a picture that can be read",
        "empty.png": "an empty file",
        "huge.png": "60 megapixels",
        "bomb.png": "decompression bomb",
    }


def test_pictures_that_cannot_be_used_are_named_and_their_records_stay(folder: Folder) -> None:
    images = folder.path / "images"
    told = broken_pictures(images)
    stems = ["good", *(name.partition(".")[0] for name in told)]
    lines = write_records(folder.path / "r.jsonl", [{"id": stem} for stem in stems])
    command: list[str | Path] = ["new", folder.path / "dex", lines, "--images", images]
    assert folder.run(*command) == 0
    for name, message in told.items():
        (line,) = [line for line in folder.err.splitlines() if f"set aside: {images / name}: " in line]
        assert message in line
    collection = Collection.open(folder.path / "dex")
    assert len(collection) == 6
    assert [item.id for item in collection.items() if item.picture] == ["good"]
    assert [path.name for path in (folder.path / "dex/images").iterdir()] == ["good.png"]
    assert folder.run(*command, "--strict") == 2
    assert str(images) in folder.err


@pytest.mark.parametrize("bad", ["cut.png", "none.jpg", "empty.png", "huge.png", "bomb.png"])
def test_when_strict_one_bad_picture_is_enough(folder: Folder, bad: str) -> None:
    images = folder.path / "images"
    message = broken_pictures(images)[bad]
    for other in images.iterdir():
        if other.name not in ("good.png", bad):
            other.unlink()
    lines = write_records(folder.path / "r.jsonl", [{"id": "good"}, {"id": bad.partition(".")[0]}])
    assert folder.run("new", folder.path / "dex", lines, "--images", images, "--strict") == 2
    assert f"embedex new: {images / bad}: " in folder.err
    assert message in folder.err


LEAVING = {
    "../secret.png": "leaves the folder by '..'",
    "a/../../secret.png": "leaves the folder by '..'",
    "/etc/secret.png": "is an absolute path",
    "C:\\secret.png": "is an absolute path",
    "https://example.org/x.png": "is a URL",
    "link.png": "leaves the folder by a link",
    "gone.png": "is not in the folder",
    "notes.txt": "does not end in",
}


@pytest.mark.parametrize("value", LEAVING)
def test_a_picture_outside_the_folder_is_not_followed(folder: Folder, value: str) -> None:
    draw(folder.path / "secret.png")
    draw(folder.path / "images/good.png")
    (folder.path / "images/link.png").symlink_to(folder.path / "secret.png")
    lines = write_records(folder.path / "r.jsonl", [{"id": 1, "file": "good.png"}, {"id": 2, "file": value}])
    command: list[str | Path] = [
        "new",
        folder.path / "dex",
        lines,
        "--images",
        folder.path / "images",
        "--image-path",
        "file",
    ]
    assert folder.run(*command) == 0
    assert f"set aside: {lines}:2: its picture {value!r} {LEAVING[value]}" in folder.err
    assert [item.id for item in Collection.open(folder.path / "dex").items() if item.picture] == ["1"]
    assert folder.run(*command, "--strict") == 2
    assert f"embedex new: {lines}:2: " in folder.err


def test_a_picture_that_is_no_text_is_named(folder: Folder) -> None:
    draw(folder.path / "images/a.png")
    lines = write_records(folder.path / "r.jsonl", [{"id": 1, "file": ["a.png"]}, {"id": 2, "file": None}])
    command: list[str | Path] = [
        "new",
        folder.path / "dex",
        lines,
        "--images",
        folder.path / "images",
        "--image-path",
        "file",
    ]
    assert folder.run(*command) == 0
    assert f"{lines}:1: its picture is ['a.png'], not a path" in folder.err
    assert f"{lines}:2" not in folder.err


def test_pictures_of_no_record_are_told(folder: Folder) -> None:
    for stem in ("1", "stray"):
        draw(folder.path / f"images/{stem}.png")
    lines = write_records(folder.path / "r.jsonl", [{"id": 1}])
    assert folder.run("new", folder.path / "dex", lines, "--images", folder.path / "images") == 0
    assert f"Without a record in {folder.path / 'images'}: 1 of its files, such as stray.png" in folder.err


def test_a_picture_that_breaks_after_the_making_is_named_by_embed(folder: Folder) -> None:
    images = folder.path / "images"
    for number in range(4):
        draw(images / f"{number}.png", ("red", "green", "blue", "black")[number])
    lines = write_records(folder.path / "r.jsonl", [{"id": number} for number in range(4)])
    dex = folder.path / "dex"
    assert folder.run("new", dex, lines, "--images", images) == 0
    (dex / "images/2.png").write_bytes(b"gone bad")
    assert folder.run("embed", dex, "--strict") == 2
    assert "2.png: this picture has changed" in folder.err
    assert folder.run("embed", dex) == 0
    assert f"set aside: {dex / 'images/2.png'}" in folder.err
    assert folder.printed[0].split()[-6:] == ["image", "descriptor", "4", "3", "0", "1"]
    assert folder.run("similar", dex, "2", "--by", "image") == 2
    assert folder.run("similar", dex, "1", "--by", "image") == 0


def test_embed_none_leaves_a_side_out(folder: Folder, museum: Museum) -> None:
    dex = folder.path / "dex"
    assert folder.run(*museum.making(dex)) == 0
    assert folder.run("embed", dex, "--text", "none") == 0
    assert Collection.open(dex).embeddings.keys() == {"image"}
    assert folder.run("embed", dex, "--image", "none") == 0
    assert Collection.open(dex).embeddings.keys() == {"image", "text"}


# ── places that cannot be written ───────────────────────────────────────────────────────────────────


def test_a_folder_below_a_file_is_a_message(folder: Folder) -> None:
    lines = write_records(folder.path / "r.jsonl", [{"id": 1}])
    assert folder.run("new", lines / "dex", lines) == 2
    assert folder.err.startswith("embedex new: ")
    assert str(lines) in folder.err
    assert folder.run("sample", lines) == 2
    assert folder.err.startswith("embedex sample: ")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_a_message(folder: Folder) -> None:
    lines = write_records(folder.path / "r.jsonl", [{"id": 1}])
    locked = folder.path / "locked"
    locked.mkdir(mode=0o555)
    assert folder.run("new", locked / "dex", lines) == 2
    assert "Permission denied" in folder.err


def test_a_full_disk_is_a_message_and_the_collection_stays(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = write_records(folder.path / "r.jsonl", [{"id": 1}, {"id": 2}])
    assert folder.run("new", folder.path / "dex", lines) == 0

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        assert folder.run("embed", folder.path / "dex") == 2
    assert folder.err == "embedex embed: [Errno 28] No space left on device\n"
    assert folder.run("info", folder.path / "dex") == 0
    assert folder.run("embed", folder.path / "dex") == 0


# ── Pokémon ─────────────────────────────────────────────────────────────────────────────────────────


def test_pull_hands_its_options_to_the_source_and_makes_a_collection(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {}

    def gather(**options: Any) -> PokemonHarvest:
        given.update(options)
        draw(options["to_images"] / "25.png", "yellow")
        options["strictness"].add("10001.png", "is not there")
        options["say"]("asked politely")
        options["progress"](1, 1)
        names = {25: "pikachu", 10001: "deoxys-attack"}
        records = [
            {"id": id_, "name": name, "pokemonspecy": {"generation": {"name": "generation-i"}}, "pokemonforms": []}
            for id_, name in names.items()
        ]
        paths = Paths("id", "name", "pokemonspecy.generation.name")
        return PokemonHarvest(records, "tables", "PokéAPI's tables", paths, None)

    monkeypatch.setattr(pokemon, "gather", gather)
    tables = folder.path / "csv"
    dex = folder.path / "dex"
    command: list[str | Path] = ["pull", "pokemon", "--to", dex, "--from", "tables", "--tables", tables, "--refresh"]
    assert folder.run(*command, "--endpoint", "http://localhost/graphql") == 0
    assert (given["origin"], given["tables"], given["refresh"]) == ("tables", tables, True)
    assert (given["endpoint"], given["to_images"]) == ("http://localhost/graphql", dex / "images")
    assert given["pictures"] is True
    assert given["strictness"].strict is False
    assert "artwork_url" not in given
    assert "asked politely" in folder.err
    assert "set aside: 10001.png: is not there" in folder.err
    collection = Collection.open(dex)
    assert len(collection) == 2
    item = collection.item("Pikachu")
    assert (item.id, item.group, item.picture) == ("25", "generation-i", dex / "images/25.png")
    assert collection.item("10001").picture is None
    assert collection.manifest.origin == "PokéAPI's tables"


def test_pull_says_which_sources_did_not_deliver(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    def gather(**options: Any) -> PokemonHarvest:
        assert options["strictness"].strict
        assert options["pictures"] is False
        raise SourceError("Nothing could be reached.", cure="Try --tables DIR")

    monkeypatch.setattr(pokemon, "gather", gather)
    assert folder.run("pull", "pokemon", "--to", folder.path / "dex", "--strict", "--no-pictures") == 2
    assert folder.err == "embedex pull: Nothing could be reached.\nTry --tables DIR\n"
