"""Every route of the explorer tells what the library tells, and hostile requests get a plain answer."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from embedex import similarity
from embedex.collection import Collection
from embedex.errors import InputError
from embedex.records import JsonPath

pytest.importorskip("fastapi", reason="the extra explore is not installed")

from fastapi.testclient import TestClient

from embedex.explorer import app as explorer_app
from embedex.explorer import guard, thumbnails

if TYPE_CHECKING:
    from conftest import Museum

BASE = "http://127.0.0.1:8765"


@pytest.fixture(scope="module")
def folder(museum_with_fields: Path) -> Path:
    return museum_with_fields


@pytest.fixture(scope="module")
def collection(folder: Path) -> Collection:
    return Collection.open(folder)


@pytest.fixture(scope="module")
def client(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    made = explorer_app.make_app(Collection.open(folder), static=tmp_path_factory.mktemp("unbuilt"))
    with TestClient(made, base_url=BASE) as opened:
        yield opened


def row_of(collection: Collection, record_id: str) -> int:
    return list(collection.ids).index(record_id)


def refused(answer: Any, *statuses: int) -> dict[str, str]:
    """The error of an answer, once it is sure that it is a plain one."""
    assert answer.status_code in statuses, (answer.status_code, answer.text[:300])
    told = answer.json()
    assert set(told) == {"error", "cure"}
    assert told["error"]
    assert "Traceback" not in answer.text
    assert answer.headers["cache-control"] == "no-store"
    return dict(told)


# --- what there is ------------------------------------------------------------------------------------------------


def test_the_summary_tells_what_the_collection_holds(client: TestClient, collection: Collection) -> None:
    told = client.get("/api/collection").json()
    assert (told["title"], told["count"], told["pictures"]) == ("Museum", 40, 38)
    assert told["groups"] == ["Textiles", "Glass", "Arms", "Clocks"]
    assert [(each["name"], each["encoder"], each["dimension"]) for each in told["embeddings"]] == [
        (name, each.name, each.dimension) for name, each in collection.embeddings.items()
    ]
    assert told["default_map"] == "pca"
    (a_map,) = told["maps"]
    assert (a_map["name"], a_map["dimensions"], a_map["method"]) == ("pca", 2, "pca")
    measured = collection.read_map("pca")
    assert measured.fidelity is not None
    assert a_map["count"] == len(measured.items)
    assert a_map["fidelity"]["trustworthiness"] == pytest.approx(measured.fidelity.trustworthiness)
    assert told["can_ask"]
    assert told["ask_against"] == ["passages", "records"]
    assert told["fields"]
    assert told["thumbnail"] == {"side": 64, "columns": 32, "pages": 1}


def test_columns_have_a_value_a_record_in_order(client: TestClient, collection: Collection) -> None:
    items = collection.items(everything=True)
    assert client.get("/api/rows/names").text.splitlines() == [item.name for item in items]
    assert client.get("/api/rows/ids").text.splitlines() == [item.id for item in items]
    groups = client.get("/api/collection").json()["groups"]
    codes = np.frombuffer(client.get("/api/rows/groups").content, "<u2")
    assert [None if code == 65_535 else groups[code] for code in codes] == [item.group for item in items]
    pictures = np.frombuffer(client.get("/api/rows/pictures").content, np.uint8)
    assert pictures.tolist() == [int(item.picture is not None) for item in items]
    main = np.frombuffer(client.get("/api/rows/main").content, np.uint8)
    shown = {item.id for item in collection.items()}
    assert [item.id for item, kept in zip(items, main, strict=True) if kept] == [
        item.id for item in items if item.id in shown
    ]


def test_a_name_with_a_line_break_keeps_its_line() -> None:
    from embedex.explorer import arrays

    assert arrays.lines(["a\nb", "c\r", "d"]).body == b"a b\nc \nd\n"


def test_a_map_is_its_places_rows_and_doubts(client: TestClient, collection: Collection) -> None:
    fitted = collection.read_map("pca")
    answer = client.get("/api/maps/pca")
    shape = int(answer.headers["X-Rows"]), int(answer.headers["X-Dimensions"])
    assert shape == fitted.coordinates.shape
    assert np.array_equal(np.frombuffer(answer.content, "<f4").reshape(shape), fitted.coordinates)
    rows = np.frombuffer(client.get("/api/maps/pca/rows").content, "<u4")
    assert [collection.ids[row] for row in rows] == [item.id for item in fitted.items]
    assert fitted.fidelity is not None
    doubt = np.frombuffer(client.get("/api/maps/pca/doubt").content, np.uint8)
    assert doubt.tolist() == fitted.fidelity.doubted.astype(int).tolist()
    refused(client.get("/api/maps/nosuch"), 404)
    refused(client.get("/api/maps/pca/nosuch"), 400)


def test_fields_that_colour_are_listed_and_their_values_are_those_of_the_records(
    client: TestClient, collection: Collection, museum: Museum
) -> None:
    listed = {each["path"]: each for each in client.get("/api/fields").json()["paths"]}
    assert listed["department.wing.name"] == {"path": "department.wing.name", "kind": "category", "distinct": 4}
    assert listed["year"] == {"path": "year", "kind": "number", "distinct": 40}
    assert listed["materials[0].name"]["kind"] == "category"
    assert listed["on_show"]["distinct"] == 2
    assert "accession" not in listed, "each record has its own"
    assert "label.language" not in listed, "all records have the same"
    for path, field in listed.items():
        expected = [JsonPath.parse(path).find(record) for record in museum.records]
        told = client.get("/api/values", params={"path": path}).json()
        data = client.get("/api/values/data", params={"path": path}).content
        assert told["kind"] == field["kind"]
        if told["kind"] == "number":
            assert np.frombuffer(data, "<f4").tolist() == expected
        else:
            codes = np.frombuffer(data, "<u2").tolist()
            texts = [None if code == 65_535 else told["categories"][code] for code in codes]
            assert texts == [
                None if each is None else str(each).lower() if isinstance(each, bool) else str(each)
                for each in expected
            ]
    for path in ("nosuch", "department", "a..b", "[", "x" * 2_001):
        refused(client.get("/api/values", params={"path": path}), 400)


# --- records ------------------------------------------------------------------------------------------------------


def test_a_record_and_its_picture_are_those_of_its_row(
    client: TestClient, collection: Collection, museum: Museum
) -> None:
    for row, record in enumerate(museum.records):
        told = client.get(f"/api/records/{row}").json()
        assert told["row"] == row
        assert told["data"] == record
        item = collection.item(told["id"])
        assert (told["name"], told["group"], told["picture"]) == (item.name, item.group, item.picture is not None)
        picture = client.get(f"/api/pictures/{row}")
        if item.picture is None:
            refused(picture, 404)
        else:
            assert picture.content == item.picture.read_bytes()
            assert picture.headers["content-type"] == "image/png"
            etag = {"If-None-Match": picture.headers["etag"]}
            assert client.get(f"/api/pictures/{row}", headers=etag).status_code == 304
    refused(client.get("/api/records/40"), 404)
    refused(client.get("/api/pictures/40"), 404)


def test_thumbnails_stand_in_their_cells_and_are_drawn_once(
    client: TestClient, folder: Path, collection: Collection
) -> None:
    import io

    from PIL import Image

    answer = client.get("/api/thumbnails/0.webp")
    assert answer.headers["content-type"] == "image/webp"
    sheet = Image.open(io.BytesIO(answer.content)).convert("RGBA")
    assert sheet.size == (2048, 2048)
    for row, item in enumerate(collection.items(everything=True)):
        corner = sheet.getpixel((row % 32 * 64 + 2, row // 32 * 64 + 60))
        assert isinstance(corner, tuple)
        if item.picture is None:
            assert corner[3] == 0
        else:
            ground = Image.open(item.picture).convert("RGBA").getpixel((2, 60))
            assert isinstance(ground, tuple)
            assert max(abs(a - b) for a, b in zip(corner, ground, strict=True)) < 24
    empty = sheet.getpixel((40 % 32 * 64 + 32, 40 // 32 * 64 + 32))
    assert isinstance(empty, tuple)
    assert empty[3] == 0
    (kept,) = (folder / thumbnails.FOLDER).iterdir()
    before = kept.stat().st_mtime_ns
    assert client.get("/api/thumbnails/0.webp").content == answer.content == kept.read_bytes()
    assert kept.stat().st_mtime_ns == before
    assert client.get("/api/thumbnails/0.webp", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
    refused(client.get("/api/thumbnails/1.webp"), 404)
    refused(client.get("/api/thumbnails/-1.webp"), 400)


def test_a_picture_that_changes_makes_its_page_anew(folder: Path, tmp_path: Path) -> None:
    from dataclasses import replace

    index = Collection.open(folder).index
    atlas = thumbnails.Atlas(index, folder / "images", tmp_path)
    first = atlas.page(0)
    other = replace(index, picture_hashes=["other", *index.picture_hashes[1:]])
    second = thumbnails.Atlas(other, folder / "images", tmp_path).page(0)
    assert first.etag != second.etag
    assert len(list((tmp_path / thumbnails.FOLDER).iterdir())) == 1, "the old page is gone"


def test_a_broken_picture_leaves_its_cell_empty_and_is_no_image(folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "page.png"
    broken.write_text("<script>alert(1)</script>")
    assert thumbnails.thumbnail(broken) is None
    assert thumbnails.media_type(broken) is None


def test_a_folder_that_may_not_be_written_still_shows_thumbnails(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    atlas = thumbnails.Atlas(Collection.open(folder).index, folder / "images", tmp_path / "file")
    assert atlas.page(0).body[:4] == b"RIFF"


def test_a_picture_that_leads_out_of_the_collection_is_not_given(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "dex"
    shutil.copytree(folder, copy)
    secret = tmp_path / "secret.png"
    collection = Collection.open(copy)
    picture = collection.items(everything=True)[0].picture
    assert picture is not None
    shutil.copy(picture, secret)
    picture.unlink()
    picture.symlink_to(secret)
    with TestClient(explorer_app.make_app(collection), base_url=BASE) as opened:
        refused(opened.get("/api/pictures/0"), 404)


# --- questions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["text", "image", "fused", "map"])
@pytest.mark.parametrize("per_group", [0, 1])
def test_similar_and_unusual_are_the_librarys(
    client: TestClient, collection: Collection, by: Any, per_group: int
) -> None:
    told = client.get("/api/similar", params={"row": 4, "by": by, "k": 3, "per_group": per_group}).json()
    found = collection.similar(collection.ids[4], by=by, k=3, per_group=bool(per_group))
    assert told["basis"]["caption"] == found.basis.caption()
    unusual = client.get("/api/unusual", params={"by": by, "k": 3, "per_group": per_group}).json()
    found_unusual = collection.unusual(by=by, k=3, per_group=bool(per_group))
    assert unusual["caption"] == found_unusual.basis.caption()
    for hits, expected in ((told["hits"], found.hits), (unusual["hits"], found_unusual.hits)):
        assert [(collection.ids[hit["row"]], hit["name"], hit["group"], hit["rank"]) for hit in hits] == [
            (hit.item.id, hit.item.name, hit.item.group, hit.rank) for hit in expected
        ]
        assert [(hit["score"], hit["distance"]) for hit in hits] == [(hit.score, hit.distance) for hit in expected]


@pytest.mark.parametrize("weight", [0.0, 0.25, 0.6, 1.0])
@pytest.mark.parametrize("per_group", [0, 1])
def test_a_weight_of_pictures_is_the_librarys(
    client: TestClient, collection: Collection, weight: float, per_group: int
) -> None:
    params: dict[str, Any] = {"row": 4, "by": "fused", "k": 5, "weight": weight, "per_group": per_group}
    told = client.get("/api/similar", params=params).json()
    found = collection.similar(collection.ids[4], by="fused", k=5, image_weight=weight, per_group=bool(per_group))
    assert [collection.ids[hit["row"]] for hit in told["hits"]] == [hit.item.id for hit in found.hits]
    assert [hit["score"] for hit in told["hits"]] == pytest.approx([hit.score for hit in found.hits], abs=1e-5)
    assert told["basis"]["count"] == found.basis.count


def test_why_adds_up_to_the_score(client: TestClient, collection: Collection) -> None:
    told = client.get("/api/why", params={"row": 0, "other": 4}).json()
    found = collection.why(collection.ids[0], collection.ids[4])
    assert told["score"] == pytest.approx(found.score)
    assert sum(each["adds"] for each in told["fields"]) == pytest.approx(found.score)
    assert sum(each["share"] for each in told["fields"]) == pytest.approx(1)
    assert told["caption"] == found.basis.caption()


def test_why_without_parts_says_what_to_do(museum: Museum, tmp_path: Path) -> None:
    with TestClient(explorer_app.make_app(Collection.open(museum.dex)), base_url=BASE) as opened:
        assert not opened.get("/api/collection").json()["fields"]
        assert "--fields" in refused(opened.get("/api/why?row=0&other=1"), 404)["cure"]


def test_what_takes_too_long_is_left_to_the_command(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similarity, "EXACT_RECORDS", 30)
    monkeypatch.setattr("embedex.explorer.questions.MOST_UNUSUAL", 6)
    assert client.get("/api/unusual?k=6").status_code == 200
    assert "embedex unusual" in refused(client.get("/api/unusual?k=7"), 400)["cure"]
    assert "-k 2 --per-group" in refused(client.get("/api/unusual?k=2&per_group=1"), 400)["cure"]


@pytest.mark.parametrize("by", ["text", "image", "fused", "map"])
@pytest.mark.parametrize("per_group", ["", "&per_group=1"])
def test_what_is_unusual_among_many_is_the_librarys_too(
    client: TestClient, collection: Collection, by: Any, per_group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = collection.unusual(k=9, by=by, per_group=bool(per_group)).hits
    monkeypatch.setattr(similarity, "EXACT_RECORDS", 10)
    monkeypatch.setattr(similarity, "SAMPLES", (6, 12))
    told = client.get(f"/api/unusual?k=9&by={by}{per_group}").json()
    assert "found by medians among 12 of them" in told["caption"]
    assert [collection.ids[hit["row"]] for hit in told["hits"]] == [hit.item.id for hit in expected]
    values = [hit["distance"] if by == "map" else hit["score"] for hit in told["hits"]]
    assert values == pytest.approx([hit.value for hit in expected], abs=1e-5)


def test_a_question_fetches_no_model_and_pays_nobody(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("embedex.encoders.registry.objection", lambda name, modality: f"{name} is a paid service")
    monkeypatch.setattr("embedex.encoders.registry.make", lambda *_: pytest.fail("an encoder was made"))
    with TestClient(explorer_app.make_app(Collection.open(folder)), base_url=BASE) as opened:
        told = opened.get("/api/collection").json()
        assert (told["can_ask"], told["ask_against"]) == (False, [])
        assert "embedex ask" in refused(opened.get("/api/ask?q=what"), 404)["cure"]


@pytest.mark.parametrize("against", [None, "passages", "records"])
def test_a_question_gets_the_librarys_answers(client: TestClient, collection: Collection, against: Any) -> None:
    question = "what strikes the hour?"
    params = {"q": question, "k": 4} | ({"against": against} if against else {})
    told = client.get("/api/ask", params=params).json()  # type: ignore[arg-type]
    found = collection.ask(question, k=4, against=against)
    assert (told["against"], told["caption"]) == (found.against, found.basis.caption())
    assert [(collection.ids[hit["row"]], hit["score"], hit.get("passage")) for hit in told["hits"]] == [
        (hit.item.id, hit.score, hit.passage) for hit in found.hits
    ]
    refused(client.get("/api/ask", params={"q": "what?", "against": "pictures"}), 400)


@pytest.mark.parametrize("by", ["text", "image", "fused"])
def test_the_heatmap_is_the_square_of_all_pairs(client: TestClient, collection: Collection, by: Any) -> None:
    answer = client.get("/api/heatmap", params={"by": by})
    found = collection.pairs(by=by)
    size = int(answer.headers["X-Size"])
    assert size == int(answer.headers["X-Order-Count"]) == len(found.matrix)
    low, high = float(answer.headers["X-Low"]), float(answer.headers["X-High"])
    apart = ~np.eye(size, dtype=bool)
    assert low == pytest.approx(found.matrix[apart].min(), abs=1e-5)
    assert high == pytest.approx(found.matrix[apart].max(), abs=1e-5)
    scores = low + (high - low) * np.frombuffer(answer.content, np.uint8).reshape(size, size) / 255
    assert np.abs(scores - found.matrix.clip(low, high)).max() <= (high - low) / 255
    order = np.frombuffer(client.get("/api/heatmap/order", params={"by": by}).content, "<u4")
    labels = [collection.items(everything=True)[row].group or "" for row in order]
    starts = [(label, place) for place, label in enumerate(labels) if place == 0 or labels[place - 1] != label]
    assert starts == list(found.groups)


def test_parts_of_the_heatmap_go_down_to_a_pair(client: TestClient, collection: Collection) -> None:
    order = np.frombuffer(client.get("/api/heatmap/order").content, "<u4")
    pair = client.get("/api/heatmap", params={"from": 3, "to": 4, "from_down": 20, "to_down": 21})
    assert (pair.headers["X-Size"], pair.headers["X-Height"], len(pair.content)) == ("1", "1", 1)
    one, other = collection.ids[order[20]], collection.ids[order[3]]
    hits = collection.similar(one, k=40, centred=False).hits
    score = next(hit.score for hit in hits if hit.item.id == other)
    assert float(pair.headers["X-Low"]) == pytest.approx(score, abs=1e-5)
    whole = client.get("/api/heatmap", params={"size": 16})
    assert len(whole.content) == 256
    for params in (
        {"from": 5, "to": 5},
        {"from": 9, "to": 3},
        {"to": 1_000},
        {"size": 15},
        {"size": 1025},
        {"by": "map"},
    ):
        refused(client.get("/api/heatmap", params=params), 400)


def test_vectors_are_what_questions_compare(collection: Collection) -> None:
    rows, vectors, basis = collection.vectors(by="text", centred=True)
    assert rows.tolist() == list(range(40))
    assert basis.count == 40
    hit = collection.similar(collection.ids[4], k=1).hits[0]
    assert float(vectors[4] @ vectors[row_of(collection, hit.item.id)]) == pytest.approx(hit.score)
    with pytest.raises(InputError, match="no vectors"):
        collection.vectors(by="map")


def test_shared_cells_are_means_over_tiles() -> None:
    from embedex.explorer import heatmap
    from embedex.similarity import pair_square

    vectors = np.random.default_rng(0).normal(size=(100, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    order = np.random.default_rng(1).permutation(100)
    held = heatmap.square(vectors, order, (10, 90), (10, 90), 20)
    expected = pair_square(vectors[order[10:90]], 20)
    low, high = float(held.headers["X-Low"]), float(held.headers["X-High"])
    apart = ~np.eye(20, dtype=bool)
    assert (low, high) == pytest.approx((expected[apart].min(), expected[apart].max()), abs=1e-5)
    scores = low + (high - low) * np.frombuffer(held.body, np.uint8).reshape(20, 20) / 255
    assert np.abs(scores - expected.clip(low, high)).max() <= (high - low) / 255


def test_a_condition_chooses_the_librarys_records(client: TestClient, collection: Collection) -> None:
    for sql in ("year > 1800", "_group = 'Glass' AND on_show", "_name LIKE 'R%'"):
        chosen = np.frombuffer(client.get("/api/where", params={"sql": sql}).content, np.uint8)
        found = [item.id for item in collection.items(where=sql, everything=True)]
        assert [collection.ids[row] for row in np.flatnonzero(chosen).tolist()] == found
        assert found


# --- caching ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/api/collection", "/api/rows/names", "/api/maps/pca", "/api/similar?row=1", "/api/fields"]
)
def test_who_has_an_answer_is_not_sent_it_again(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.headers["cache-control"] == "no-cache"
    again = client.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_the_shelf_keeps_what_was_asked_for_last() -> None:
    from embedex.explorer.shelf import Held, Shelf

    shelf = Shelf(4_000)
    for name in "abc":
        shelf.put(name, Held(name.encode() * 1_000))
        shelf.get("a")
    assert shelf.get("a") is not None
    assert shelf.get("b") is None
    shelf.put("large", Held(bytes(5_000)))
    assert shelf.get("large") is None
    assert shelf.get("c") is not None


# --- pages --------------------------------------------------------------------------------------------------------


def test_without_a_built_page_it_says_how_to_build_it(client: TestClient) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    assert "npm run build" in answer.text


def test_built_pages_are_served_and_nothing_beside_them(collection: Collection, tmp_path: Path) -> None:
    static = tmp_path / "static"
    (static / "assets").mkdir(parents=True)
    (static / "index.html").write_text("<p>explorer")
    (static / "assets" / "index-3f2a.js").write_text("1")
    (static / "assets" / "notes.py").write_text("1")
    (tmp_path / "secret.txt").write_text("secret")
    (static / "link.txt").symlink_to(tmp_path / "secret.txt")
    with TestClient(explorer_app.make_app(collection, static=static), base_url=BASE) as opened:
        page = opened.get("/")
        assert page.text == "<p>explorer"
        assert page.headers["cache-control"] == "no-cache"
        script = opened.get("/assets/index-3f2a.js")
        assert script.headers["content-type"].startswith("text/javascript")
        assert "immutable" in script.headers["cache-control"]
        for path in (
            *("/link.txt", "/assets/notes.py", "/secret.txt", "/../secret.txt", "/assets/../../secret.txt"),
            *("/..%2fsecret.txt", "/assets/..%2f..%2fsecret.txt", "/assets/%2e%2e/%2e%2e/secret.txt"),
            *("/assets/..%5c..%5csecret.txt", f"{BASE}/{tmp_path / 'secret.txt'}", "/assets/", "/assets"),
            f"{BASE}//secret.txt",
        ):
            refused(opened.get(path), 404)


def test_every_answer_has_the_security_headers(client: TestClient) -> None:
    for path in ("/", "/api/collection", "/api/rows/ids", "/api/pictures/0", "/nosuch", "/api/similar?row=-1"):
        headers = client.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'self'; img-src 'self' data: blob:;")
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "cache-control" in headers
        assert "access-control-allow-origin" not in headers


# --- hostile requests ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/api/pictures/..%2f..%2fcollection.json",
        "/api/pictures/../../../etc/passwd",
        "/api/records/..%2f0",
        "/api/maps/..%2fcollection",
        "/api/maps/..%2f..%2f..%2fetc%2fpasswd",
        "/api/thumbnails/..%2f0.webp",
        "/api/records/0%2f..%2f1",
        "/api/pictures/0%00.png",
        "/api/records/NaN",
        "/api/records/-1",
        "/api/records/1e9",
        "/api/records/" + "9" * 5_000,
        "/api/records/" + "9" * 19,
        "/api/rows/..%2fnames",
        "/docs",
        "/openapi.json",
    ],
)
def test_no_path_leads_out_of_the_collection(client: TestClient, path: str) -> None:
    refused(client.get(path), 400, 404)


@pytest.mark.parametrize("k", ["0", "-1", "1001", "9" * 30, "NaN", "inf", "1.5", "", "0x10", "1;2"])
def test_a_k_out_of_range_is_refused(client: TestClient, k: str) -> None:
    for route in ("/api/similar?row=0", "/api/unusual?by=text", "/api/ask?q=clock"):
        refused(client.get(f"{route}&k={k}"), 400)


def test_other_values_out_of_range_are_refused(client: TestClient) -> None:
    for path in (
        *("/api/similar", "/api/similar?row=-1", "/api/similar?row=NaN", "/api/similar?row=0&by=nose"),
        *("/api/similar?row=0&by=fused&weight=NaN", "/api/similar?row=0&by=fused&weight=1.1"),
        *("/api/similar?row=0&by=text&weight=0.5", "/api/similar?row=0&by=fused&weight=-1"),
        *("/api/heatmap?from=-1", "/api/heatmap?size=NaN", "/api/ask?q=", f"/api/ask?q={'x' * 2_001}"),
        *("/api/where", f"/api/where?sql={'1' * 2_001}", "/api/ask?q=%20"),
    ):
        refused(client.get(path), 400)
    for path in ("/api/similar?row=40", "/api/similar?row=0&by=map&map=nosuch", "/api/similar?row=12&by=image"):
        refused(client.get(path), 404)


@pytest.mark.parametrize("path", ["/api/ask?q=", "/api/where?sql=", "/", "/api/records/"])
def test_ten_megabytes_of_request_are_refused(client: TestClient, path: str) -> None:
    if "?" not in path:
        path += "x" if path != "/" else "?"
    # A client of its own would refuse to send that much, so the application is called as a server would.
    import asyncio

    where, _, query = (path + "x" * 10_000_000).partition("?")
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": where,
        "raw_path": where.encode(),
        "query_string": query.encode(),
        "headers": [(b"host", b"127.0.0.1")],
    }
    asyncio.run(guard.Guard(None)(scope, None, send))  # type: ignore[arg-type]
    assert sent[0]["status"] == 414
    refused(client.get("/api/ask", params={"q": "x" * 20_000}), 414)


@pytest.mark.parametrize(
    "sql",
    [
        "1=1; DROP TABLE records",
        "1=1); DROP TABLE records; --",
        "DELETE FROM records",
        "(SELECT count(*) FROM read_csv('/etc/passwd')) > 0",
        "(SELECT count(*) FROM read_text('collection.json')) > 0",
        "(SELECT count(*) FROM glob('/etc/*')) > 0",
        "EXISTS (FROM query('DROP TABLE records'))",
        "getenv('HOME') IS NOT NULL",
        "COPY records TO '/tmp/x'",
        "a) UNION (SELECT 1",
        "length(repeat('x', 1000000000000)) > 1",
        "len(repeat('a', 2000000000)) > 0",
        "len(range(1000000000)) > 0",
        "(SELECT count(*) FROM range(1000000000000)) > 0",
        "length(t) > 1 FROM (SELECT x || x AS t FROM (SELECT 'a' || 'a' AS x))",
        "EXISTS (WITH RECURSIVE x AS (SELECT 1 UNION ALL SELECT 1 FROM x) FROM x)",
        "(SELECT max(len(list_transform([1], y -> y)))) > 0",
        "nosuch > 1",
        "'",
        "",
    ],
)
def test_sql_that_writes_or_reads_files_is_refused(client: TestClient, sql: str) -> None:
    refused(client.get("/api/where", params={"sql": sql}), 400)
    assert sum(client.get("/api/where?sql=true").content) == 40


def test_sql_that_takes_long_is_stopped(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("embedex.explorer.questions.CONDITION_SECONDS", 0.2)
    many = ", ".join(f"records r{number}" for number in range(9))
    endless = f"(SELECT count(*) FROM {many} WHERE r0._row + r8._row % 7 = 3) > 0"
    assert "takes longer" in refused(client.get("/api/where", params={"sql": endless}), 400)["error"]
    assert sum(client.get("/api/where", params={"sql": "year > 0"}).content) == 40


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_nothing_but_reading_is_done(client: TestClient, method: str) -> None:
    refused(client.request(method, "/api/collection"), 405)


def test_head_is_answered_without_a_body(client: TestClient) -> None:
    answer = client.head("/api/rows/names")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(client.get("/api/rows/names").content))


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8765",
        "127.0.0.1.evil.example",
        "localhost.evil",
        "192.168.0.9",
        "",
        "127.0.0.1:x",
        "[::1",
    ],
)
def test_a_foreign_host_is_refused(client: TestClient, host: str) -> None:
    refused(client.get("/api/collection", headers={"Host": host}), 403)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.9.9.9:80", "[::1]:8765", "[::1]"])
def test_loopback_hosts_are_let_in(client: TestClient, host: str) -> None:
    assert client.get("/api/collection", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site", "nonsense"])
def test_a_foreign_page_has_no_question_asked(client: TestClient, site: str) -> None:
    """It could not read the answer; but an image of it would have the server count for nothing."""
    told = {"Sec-Fetch-Site": site}
    refused(client.get("/api/where", params={"sql": "true"}, headers=told), 403)
    assert client.get("/", headers=told).status_code == 200  # a link leads there, and a notebook's frame


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_the_page_and_a_person_may_ask(client: TestClient, site: str) -> None:
    assert client.get("/api/collection", headers={"Sec-Fetch-Site": site}).status_code == 200


def test_with_a_token_nobody_comes_in_without_it(collection: Collection) -> None:
    made = explorer_app.make_app(collection, token="open sesame".replace(" ", "-"), hosts=["museum.example"])
    with TestClient(made, base_url="http://museum.example", follow_redirects=False) as opened:
        for path in ("/", "/api/collection", "/api/pictures/0", "/?token=", "/?token=wrong", "/?token=%C3%A9"):
            refused(opened.get(path), 403)
        refused(opened.get("/", headers={"Host": "evil.example"}), 403)
        refused(opened.get("/?token=open-sesame", headers={"Host": "evil.example"}), 403)
        assert opened.get("/api/collection?token=open-sesame").status_code == 200
        refused(opened.get("/api/collection"), 403)
        entry = opened.get("/?token=open-sesame&row=3")
        assert (entry.status_code, entry.headers["location"]) == (303, "/?row=3")
        assert "HttpOnly" in entry.headers["set-cookie"]
        assert opened.get("/api/collection").status_code == 200
        assert opened.get("/").status_code == 200
        assert opened.get("/api/collection", headers={"Host": "10.0.0.7:8765"}).status_code == 200
        opened.cookies.clear()
        refused(opened.get("/api/collection"), 403)


def test_the_answers_are_json_that_browsers_read(client: TestClient) -> None:
    from embedex.explorer.questions import plain

    assert plain({"a": [float("nan"), float("inf"), 1.5, (2, None)]}) == {"a": [None, None, 1.5, [2, None]]}
    json.loads(client.get("/api/records/0").text, parse_constant=pytest.fail)


def test_whole_numbers_that_browsers_round_are_texts() -> None:
    from embedex.explorer.questions import plain

    told = {"id": 2**53 + 1, "low": -(10**400), "most": 2**53 - 1, "is": True}
    assert plain(told) == {"id": "9007199254740993", "low": f"-1{'0' * 400}", "most": 2**53 - 1, "is": True}


def test_numbers_are_little_endian(client: TestClient) -> None:
    content = client.get("/api/values/data?path=year").content
    assert struct.unpack("<f", content[:4]) == (1733.0,)
