"""An export holds what the page asks for, and no more; it is whole or not there, and replaces nothing of anybody's."""

from __future__ import annotations

import html
import json
import re
import shutil
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from embedex import similarity
from embedex.collection import Collection
from embedex.errors import InputError
from embedex.explorer import export, thumbnails
from embedex.explorer.answers import Answers
from embedex.explorer.export import ENDINGS, export_html, first_page

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


PAGE = """<!doctype html>
<html>
  <head>
    <meta charset="utf-8" />
    <title>embedex</title>
    <script type="module" src="./assets/index-abc.js"></script>
  </head>
  <body><div id="app"></div></body>
</html>
"""


@pytest.fixture(scope="module")
def dex(museum_with_fields: Path) -> Path:
    return museum_with_fields


@pytest.fixture(scope="module")
def static(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stands for the built page."""
    folder = tmp_path_factory.mktemp("static")
    (folder / "assets").mkdir()
    (folder / "index.html").write_text(PAGE, "utf-8")
    (folder / "assets" / "index-abc.js").write_text("let a = 1;", "utf-8")
    (folder / "favicon.svg").write_text("<svg/>", "utf-8")
    (folder / "notes.md").write_text("for whoever builds it", "utf-8")
    return folder


@pytest.fixture(scope="module")
def out(dex: Path, static: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export in small shards."""
    to = tmp_path_factory.mktemp("out") / "site"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "SHARD_BYTES", 4096)
        export_html(Collection.open(dex), to, static=static)
    return to


@pytest.fixture
def collection(dex: Path) -> Collection:
    return Collection.open(dex)


def told(out: Path, name: str) -> Any:
    return json.loads((out / "data" / name).read_bytes())


def array(out: Path, name: str, kind: str) -> NDArray[Any]:
    return np.frombuffer((out / "data" / name).read_bytes(), kind)


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


# --- what is in it ------------------------------------------------------------------------------------------------


def test_every_file_is_one_that_the_page_asks_for(out: Path, collection: Collection) -> None:
    index, shards = collection.index, len(array(out, "records/first-rows.bin", "<u4"))
    compared, fields = told(out, "compared.json"), told(out, "fields.json")["paths"]
    parts = -(-len(array(out, "parts/fields.bin", "<u2")) // compared["why"]["a_shard"])
    assert shards > 2
    assert parts > 2
    expected = {"index.html", "favicon.svg", "assets/index-abc.js"}
    data = {"collection.json", "compared.json", "fields.json", "names.txt", "ids.txt"}
    data |= {"groups.bin", "main.bin", "pictures.bin", "records/first-rows.bin", "thumbnails/0.webp"}
    data |= {f"records/{number}.json" for number in range(shards)}
    data |= {f"maps/0-{each}.bin" for each in ("places", "rows", "doubt", "kept")}
    data |= {f"values/{number}.{ending}" for number in range(len(fields)) for ending in ("json", "bin")}
    data |= {f"vectors/{by}{each}.bin" for by in ("text", "image") for each in ("", "-rows", "-mean")}
    data |= {f"unusual/{by}.json" for by in ("text", "image", "fused", "map-0")}
    data |= {f"parts/{each}.bin" for each in ("mean", "starts", "fields", *range(parts))}
    data |= {f"pictures/{row}.png" for row, name in enumerate(index.pictures) if name}
    assert names(out) == expected | {f"data/{name}" for name in data}


def test_columns_are_those_that_the_server_sends(out: Path, collection: Collection) -> None:
    answers = Answers(collection, keep_thumbnails=False)
    for what, name in (("names", "names.txt"), ("ids", "ids.txt"), ("groups", "groups.bin"), ("main", "main.bin")):
        assert (out / "data" / name).read_bytes() == answers.rows(what).body  # type: ignore[arg-type]
    for each in ("places", "rows", "doubt"):
        assert (out / f"data/maps/0-{each}.bin").read_bytes() == answers.map_array("pca", each).body
    for number, field in enumerate(told(out, "fields.json")["paths"]):
        assert (out / f"data/values/{number}.json").read_bytes() == answers.values(field["path"], "told").body
        assert (out / f"data/values/{number}.bin").read_bytes() == answers.values(field["path"], "data").body
    assert (out / "data/thumbnails/0.webp").read_bytes() == answers.thumbnail(0).body


def test_records_stand_in_shards_by_their_rows(out: Path, collection: Collection) -> None:
    answers = Answers(collection, keep_thumbnails=False)
    firsts = [*array(out, "records/first-rows.bin", "<u4").tolist(), len(collection.ids)]
    for number, (start, end) in enumerate(pairwise(firsts)):
        shard = told(out, f"records/{number}.json")
        assert shard == [json.loads(answers.record(row).body) for row in range(start, end)]
    assert firsts[0] == 0


def test_pictures_are_as_they_were(out: Path, collection: Collection, dex: Path) -> None:
    codes = array(out, "pictures.bin", "u1")
    assert told(out, "collection.json")["export"]["endings"][0] == "png"
    assert codes.tolist() == [0 if name is None else 1 for name in collection.index.pictures]
    for row, name in enumerate(collection.index.pictures):
        if name:
            assert (out / f"data/pictures/{row}.png").read_bytes() == (dex / "images" / name).read_bytes()


def test_the_summary_says_what_cannot_be_asked(out: Path, collection: Collection) -> None:
    summary = told(out, "collection.json")
    of_server = Answers(collection, keep_thumbnails=False).told()
    assert of_server["can_where"] is True
    changed = {"can_ask": False, "ask_against": [], "can_where": False, "left_out": []}
    assert {name: value for name, value in summary.items() if name != "export"} == {**of_server, **changed}
    assert summary["export"]["format"] == export.FORMAT


def test_a_picture_that_is_recognised_has_an_ending() -> None:
    assert {media for _, media in thumbnails._SIGNS} | {"image/webp"} == set(ENDINGS)


# --- what the page computes with ----------------------------------------------------------------------------------


def sides(out: Path, by: str) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Rows, the vectors' differences from their mean, and the mean, as the page has them."""
    mean = array(out, f"vectors/{by}-mean.bin", "<f4").astype(np.float64)
    moved = array(out, f"vectors/{by}.bin", "<f2").astype(np.float64).reshape(-1, len(mean))
    return array(out, f"vectors/{by}-rows.bin", "<u4"), moved, mean


@pytest.mark.parametrize("by", ["text", "image"])
def test_half_precision_gives_the_librarys_cosines(out: Path, collection: Collection, by: Any) -> None:
    rows, moved, mean = sides(out, by)
    expected_rows, plain, _ = collection.vectors(by=by)
    centred = collection.vectors(by=by, centred=True)[1]
    assert rows.tolist() == expected_rows.tolist()
    unit = moved / np.linalg.norm(moved, axis=1, keepdims=True)
    assert np.abs(unit @ unit.T - centred @ centred.T).max() < 2e-4
    assert np.abs((moved + mean) @ (moved + mean).T - plain @ plain.T).max() < 2e-4


def test_the_numbers_of_fused_give_the_librarys_scores(out: Path, collection: Collection) -> None:
    numbers = told(out, "compared.json")["fused"]
    text_rows, text, text_mean = sides(out, "text")
    image_rows, image, image_mean = sides(out, "image")
    rows, in_text, in_image = np.intersect1d(text_rows, image_rows, return_indices=True)
    for centred in (True, False):
        expected_rows, vectors, _ = collection.vectors(by="fused", centred=centred)
        assert rows.tolist() == expected_rows.tolist()
        pairs = []
        for moved, mean in ((text[in_text], text_mean), (image[in_image], image_mean)):
            used = moved / np.linalg.norm(moved, axis=1, keepdims=True) if centred else moved + mean
            pairs.append(used @ used.T)
        shares = (1 - numbers["weight"]) / numbers["spreads"][0], numbers["weight"] / numbers["spreads"][1]
        share = shares[1] / sum(shares) if centred else numbers["plain_share"]
        assert np.abs((1 - share) * pairs[0] + share * pairs[1] - vectors @ vectors.T).max() < 2e-4


def test_parts_give_the_librarys_reasons(out: Path, collection: Collection) -> None:
    known = told(out, "compared.json")["why"]
    mean = array(out, "parts/mean.bin", "<f4").astype(np.float64).reshape(len(known["paths"]), known["dimension"])
    starts, fields = array(out, "parts/starts.bin", "<u4"), array(out, "parts/fields.bin", "<u2")
    shards = range(-(-len(fields) // known["a_shard"]))
    all_parts = np.concatenate([array(out, f"parts/{number}.bin", "<f2") for number in shards])
    parts = all_parts.astype(np.float64).reshape(len(fields), known["dimension"])
    assert (out / "data/parts/0.bin").stat().st_size == known["a_shard"] * known["dimension"] * 2
    for one, other in ((0, 1), (4, 39), (12, 20)):
        wide = []
        for row in (one, other):
            here = slice(starts[row], starts[row + 1])
            side = -mean
            side[fields[here]] = parts[here]
            wide.append(side / np.linalg.norm(side.sum(axis=0)))
        matrix = wide[0] @ wide[1].T
        found = collection.why(collection.ids[one], collection.ids[other])
        assert matrix.sum() == pytest.approx(found.score, abs=2e-4)
        added = dict(zip(known["paths"], (matrix.sum(axis=0) + matrix.sum(axis=1)) / 2, strict=True))
        for path, adds in zip(found.fields, found.by_field.tolist(), strict=True):
            assert added[path] == pytest.approx(adds, abs=2e-4)
        assert known["caption"] == found.basis.caption()


def test_the_unusual_and_the_bases_are_the_librarys(out: Path, collection: Collection) -> None:
    bases = told(out, "compared.json")["bases"]
    assert set(bases) == {"text", "image", "fused"}
    for by in bases:
        found, unusual = collection.unusual(k=100, by=by), told(out, f"unusual/{by}.json")
        assert [(each["name"], each["score"]) for each in unusual["hits"]] == [
            (hit.item.name, hit.score) for hit in found.hits
        ]
        assert unusual["basis"]["note"] == found.basis.note
        similar = collection.similar("M-01", by=by).basis
        assert (bases[by]["note"], bases[by]["measure"]) == (similar.note, similar.measure)
    in_map = collection.unusual(k=100, by="map")
    distances = [each["distance"] for each in told(out, "unusual/map-0.json")["hits"]]
    assert distances == [hit.distance for hit in in_map.hits]


def test_places_say_what_they_keep(out: Path, collection: Collection) -> None:
    measured = collection.read_map("pca").fidelity
    assert measured is not None
    nearest, kept = told(out, "compared.json")["maps"][0]["nearest"], array(out, "maps/0-kept.bin", "<u2")
    said = [f"{each} of its {nearest} nearest are near it there" for each in kept]
    assert said == [measured.told(row) for row in range(len(kept))]


# --- limits are said ----------------------------------------------------------------------------------------------


def test_what_is_too_large_is_left_out_and_said(
    collection: Collection, static: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, image = (collection.vectors(by=by)[1].size * 2 for by in ("text", "image"))
    assert text < image
    monkeypatch.setattr(export, "MOST_BYTES", text)
    made = export_html(collection, tmp_path / "site", static=static)
    summary, written = told(made.folder, "collection.json"), names(made.folder)
    assert [each["name"] for each in summary["embeddings"]] == ["text"]
    assert summary["fields"] is False, "the parts of the fields are larger still"
    assert not [name for name in written if "image" in name or "/parts/" in name or "fused" in name]
    assert summary["left_out"] == list(made.left_out)
    assert len(made.left_out) == 2
    assert made.left_out[0].startswith("By picture, and what follows from it")
    assert made.left_out[1].startswith("Why two records are near")

    monkeypatch.setattr(export, "MOST_BYTES", 200)
    less = export_html(collection, tmp_path / "less", static=static)
    paths = told(less.folder, "fields.json")["paths"]
    assert sum(40 * (4 if each["kind"] == "number" else 2) for each in paths) <= 200
    assert any("fields to colour by" in each for each in less.left_out)
    assert told(less.folder, "collection.json")["embeddings"] == []


def test_a_field_that_cannot_colour_says_why(
    collection: Collection, static: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("embedex.explorer.columns.MOST_ASKED", 3)
    made = export_html(collection, tmp_path / "site", static=static)
    fields = {each["path"]: each for each in told(made.folder, "fields.json")["paths"]}
    assert "4 different values" in fields["department.wing.name"]["error"]
    assert "error" not in fields["on_show"]


def test_a_picture_that_leads_elsewhere_or_is_gone_is_not_copied(dex: Path, static: Path, tmp_path: Path) -> None:
    copied = tmp_path / "dex"
    shutil.copytree(dex, copied)
    collection = Collection.open(copied)
    pictures, images = collection.index.pictures, copied / "images"
    secret = tmp_path / "secret.png"
    shutil.copyfile(images / str(pictures[0]), secret)
    (images / "link.png").symlink_to(secret)
    (images / "text.png").write_text("no picture", "utf-8")
    pictures[0], pictures[1], pictures[2], pictures[3] = "../../secret.png", "link.png", "text.png", "gone.png"
    made = export_html(collection, tmp_path / "site", static=static)
    assert array(made.folder, "pictures.bin", "u1")[:5].tolist() == [0, 0, 0, 0, 1]
    assert not [name for name in names(made.folder) if re.match(r"data/pictures/[0-3]\.", name)]
    assert list(made.left_out) == ["4 of 38 pictures: their files are gone, or no pictures."]
    assert told(made.folder, "collection.json")["pictures"] == 34


# --- the folder ---------------------------------------------------------------------------------------------------


def test_an_export_is_whole_or_not_there(
    collection: Collection, static: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class BrokenError(Exception):
        pass

    def fail(*_: object) -> None:
        raise BrokenError

    with monkeypatch.context() as patch:
        patch.setattr(Answers, "thumbnail", fail)
        with pytest.raises(BrokenError):
            export_html(collection, tmp_path / "site", static=static)
    assert list(tmp_path.iterdir()) == []

    export_html(collection, tmp_path / "site", static=static)
    (tmp_path / "site/data/names.txt").write_text("of before", "utf-8")
    before = names(tmp_path / "site")
    with monkeypatch.context() as patch:
        patch.setattr(Answers, "thumbnail", fail)
        with pytest.raises(BrokenError):
            export_html(collection, tmp_path / "site", static=static)
    assert (tmp_path / "site/data/names.txt").read_text("utf-8") == "of before"
    assert names(tmp_path / "site") == before

    export_html(collection, tmp_path / "site", static=static)
    assert (tmp_path / "site/data/names.txt").read_text("utf-8") != "of before"
    assert [path.name for path in tmp_path.iterdir()] == ["site"], "nothing is left beside it"


def test_an_export_that_cannot_take_the_place_leaves_the_old_one(
    collection: Collection, static: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_html(collection, tmp_path / "site", static=static)
    path_class = type(tmp_path)
    rename = path_class.rename

    def failing(self: Path, target: Path) -> Path:
        if self.suffix == ".part":
            raise PermissionError("no")
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(path_class, "rename", failing)
        with pytest.raises(PermissionError):
            export_html(collection, tmp_path / "site", static=static)
    assert [path.name for path in tmp_path.iterdir()] == ["site"]
    assert (tmp_path / "site/data/collection.json").exists()


def test_the_same_collection_gives_the_same_files(collection: Collection, static: Path, tmp_path: Path) -> None:
    one = export_html(collection, tmp_path / "one", static=static)
    other = export_html(Collection.open(collection.folder), tmp_path / "deep" / "er" / "other", static=static)
    assert names(one.folder) == names(other.folder)
    assert (one.files, one.size) == (other.files, other.size)
    for name in names(one.folder):
        assert (one.folder / name).read_bytes() == (other.folder / name).read_bytes()
    assert one.files == len(names(one.folder))
    assert one.size == sum((one.folder / name).stat().st_size for name in names(one.folder))


def test_nothing_of_anybodys_is_replaced(dex: Path, collection: Collection, static: Path, tmp_path: Path) -> None:
    full, file = tmp_path / "full", tmp_path / "file"
    full.mkdir()
    (full / "thesis.tex").write_text("years of work", "utf-8")
    file.write_text("", "utf-8")
    link = tmp_path / "link"
    link.symlink_to(full)
    more = export_html(collection, tmp_path / "more", static=static).folder
    (more / "CNAME").write_text("example.org", "utf-8")
    for refused, seen in (
        (full, "not empty, and no export"),
        (link, "not empty, and no export"),
        (file, "is no folder"),
        (more, "but holds more: CNAME"),
        (dex, "the collection's own folder"),
        (dex / "site", "hold one another"),
        (dex.parent, "hold one another"),
        (dex / "images" / ".." / ".." / "dex", "the collection's own folder"),
    ):
        before = sorted(tmp_path.rglob("*")), sorted(dex.rglob("*"))
        with pytest.raises(InputError, match=re.escape(seen)) as caught:
            export_html(collection, refused, static=static)
        assert caught.value.cure
        assert (sorted(tmp_path.rglob("*")), sorted(dex.rglob("*"))) == before
    assert (full / "thesis.tex").read_text("utf-8") == "years of work"


def test_an_empty_folder_and_a_link_to_one_are_filled(collection: Collection, static: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    made = export_html(collection, tmp_path / "link", static=static)
    assert made.folder == (tmp_path / "empty").resolve()
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "link" / "index.html").exists()


def test_the_collection_is_only_read(dex: Path, static: Path, tmp_path: Path) -> None:
    def state() -> list[tuple[str, int, int]]:
        return [(str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in sorted(dex.rglob("*"))]

    before = state()
    export_html(Collection.open(dex), tmp_path / "site", static=static)
    assert state() == before


def test_an_export_does_not_tell_where_it_was_made(
    dex: Path, out: Path, static: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A map that has fallen behind its embeddings has a note with a command, and that names a folder."""
    monkeypatch.setattr("embedex.store.Store.digest", lambda *_: "of other embeddings")
    collection = Collection.open(dex)
    assert str(dex) in collection.read_map("pca").basis.note
    made = export_html(collection, tmp_path / "site", static=static).folder
    assert "run embedex map DIR" in told(made, "compared.json")["maps"][0]["basis"]["note"]
    for folder in (out, made):
        for name in names(folder):
            body = (folder / name).read_bytes()
            assert str(dex.parent).encode() not in body
            assert str(tmp_path).encode() not in body


@pytest.mark.parametrize("called", [".", "a"])
def test_only_commands_lose_the_name_of_the_folder(
    dex: Path, static: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, called: str
) -> None:
    """A folder may be called as a letter, or a point, that stands in many a note."""
    monkeypatch.setattr("embedex.store.Store.digest", lambda *_: "of other embeddings")
    (tmp_path / "a").symlink_to(dex, target_is_directory=True)
    monkeypatch.chdir(dex if called == "." else tmp_path)
    compared = told(export_html(Collection.open(called), tmp_path / "site", static=static).folder, "compared.json")
    assert compared["bases"]["fused"]["note"].endswith("pictures weigh 0.25 of 1")
    note = "the embeddings have changed since this map was fitted: run embedex map DIR"
    assert compared["maps"][0]["basis"]["note"] == note


def test_without_the_built_page_there_is_no_export(collection: Collection, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has not been built"):
        export_html(collection, tmp_path / "site", static=tmp_path)
    assert list(tmp_path.iterdir()) == []


# --- its first page -----------------------------------------------------------------------------------------------


def test_the_first_page_reads_files_and_nothing_else(out: Path) -> None:
    text = (out / "index.html").read_text("utf-8")
    assert text == first_page(PAGE, "Museum")
    policy = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    rules = html.unescape(policy[1]).split("; ")
    assert "default-src 'self'" in rules
    assert not [each for each in rules if "http" in each or "*" in each or "unsafe" in each]
    assert text.index("Content-Security-Policy") < text.index("<script")
    assert '<meta name="embedex-data" content="data/" />' in text
    assert "python -m http.server" in text
    assert "<title>Museum · embedex</title>" in text


def test_a_hostile_title_stays_text() -> None:
    text = first_page(PAGE, r"</title><script>alert('\1')</script>")
    assert "<script>alert" not in text
    assert r"&lt;script&gt;alert(&#x27;\1&#x27;)" in text


@pytest.mark.skipif(not (export.STATIC / "index.html").exists(), reason="the front end has not been built")
def test_the_built_page_has_what_is_replaced(collection: Collection, tmp_path: Path) -> None:
    made = export_html(collection, tmp_path / "site")
    text = (made.folder / "index.html").read_text("utf-8")
    assert text.count("Content-Security-Policy") == text.count('name="embedex-data"') == 1
    assert "needs a file server" in text
    for linked in re.findall(r'(?:src|href)="\./([^"]+)"', text):
        assert (made.folder / linked).is_file()


def test_similarity_is_centred_as_the_export_says(collection: Collection, out: Path) -> None:
    """The mean that is carried is the one that the library subtracts."""
    _, plain, _ = collection.vectors(by="text")
    mean = array(out, "vectors/text-mean.bin", "<f4")
    assert np.array_equal(similarity.centre(plain, mean), collection.vectors(by="text", centred=True)[1])
