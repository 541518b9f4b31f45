"""A collection's answers, held against brute force over what a small content-dependent encoder says."""

from __future__ import annotations

import html
import json
import random
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from embedex import embedding, holdings, similarity
from embedex.cli import tables
from embedex.collection import IMAGE_WEIGHT, Collection, EmbedReport
from embedex.documents import passages, read_picture
from embedex.encoders import registry
from embedex.encoders.base import EncoderDescription
from embedex.encoders.registry import Entry
from embedex.errors import CollectionError, EmbedexError, InputError, NothingToCompareError, UnknownRecordError
from embedex.records import Record, Strictness, minify
from embedex.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from conftest import Museum
    from embedex.encoders.base import Modality
    from embedex.results import By, Hit

    Vectors = NDArray[np.float32]

ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


def described(name: str, modality: Modality, space: str, dimension: int) -> EncoderDescription:
    return EncoderDescription(name, modality, space, dimension, "1", "", "none", "counts")


def unit(rows: Sequence[Sequence[float]], dimension: int) -> Vectors:
    vectors = np.asarray(rows, np.float32).reshape(-1, dimension)
    lengths: Vectors = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / lengths


class Letters:
    """A text's letters and digits, counted; remembers what it was given."""

    description = described("letters", "text", "letters", len(ALPHABET) + 1)

    def __init__(self) -> None:
        self.read: list[str] = []

    def encode_documents(self, documents: Sequence[str]) -> Vectors:
        self.read += documents
        rows = [[1, *map(text.lower().count, ALPHABET)] for text in documents]
        return unit(rows, len(ALPHABET) + 1)

    def encode_queries(self, questions: Sequence[str]) -> Vectors:
        return self.encode_documents(questions)


class Colours:
    """A picture's mean colour; remembers how many it was given."""

    description = described("colours", "image", "colours", 3)

    def __init__(self) -> None:
        self.read = 0

    def encode_documents(self, documents: Sequence[NDArray[np.uint8]]) -> Vectors:
        self.read += len(documents)
        return unit([list(picture.mean(axis=(0, 1)) + 1) for picture in documents], 3)


class ColourWords(Letters):
    """A text's words for colours; in one space with `SharedColours`."""

    description = described("colour-words", "text", "shared", 3)

    def encode_documents(self, documents: Sequence[str]) -> Vectors:
        rows = [[0.1 + text.count(word) for word in ("red", "green", "blue")] for text in documents]
        return unit(rows, 3)


class SharedColours(Colours):
    description = described("shared-colours", "image", "shared", 3)


class FewLetters(Letters):
    """Another encoder, with vectors of another length."""

    description = described("few-letters", "text", "few", 4)

    def encode_documents(self, documents: Sequence[str]) -> Vectors:
        self.read += documents
        return unit([[1, *map(text.lower().count, "aei")] for text in documents], 4)


class Unlisted(Letters):
    description = described("unlisted", "text", "letters", len(ALPHABET) + 1)


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Questions look their encoder up by name."""
    stubs = [
        Entry(each.description.name, "text", 0, "", "", f"{__name__}:{each.__name__}", lambda: "")
        for each in (Letters, ColourWords, FewLetters)
    ]
    monkeypatch.setattr(registry, "ENTRIES", (*registry.ENTRIES, *stubs))


WORDS = (
    "quilt",
    "amber",
    "fjord",
    "vex",
    "jumpy",
    "lynx",
    "sphinx",
    "black",
    "quartz",
    "judge",
    "vow",
    "zebra",
    "hymn",
    "glib",
    "kelp",
    "drowsy",
    "mica",
)
GROUPS: tuple[str | None, ...] = ("hats", "shoes", None, "hats", "gloves")
PICTURELESS = ("4", "9")


def thing(number: int) -> Record:
    chance = random.Random(number)
    data: dict[str, Any] = {"name": f"Thing {number}", "kind": {"name": GROUPS[number % 5]}, "size": number}
    if number % 6:
        data["notes"] = [" ".join(chance.sample(WORDS, 6)) for _ in range(1 + number % 3)]
    return Record(str(number), data)


THINGS = [thing(number) for number in range(1, 24)]
"""Twenty-three records: three groups and none, some without a passage, two without a picture."""


def create(folder: Path, records: Sequence[Record], drawn: dict[str, Path], **changed: Any) -> Collection:
    settings: dict[str, Any] = {
        "title": "Things",
        "origin": "a test",
        "id_path": "id",
        "name_path": "name",
        "group_path": "kind.name",
        "pictures": {record.id: drawn[record.id] for record in records if record.id in drawn},
    }
    return Collection.create(folder, records, **{**settings, **changed})


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn pictures, and the embedded collection; tests work on copies of both."""
    folder = tmp_path_factory.mktemp("things")
    (folder / "drawn").mkdir()
    found = {}
    for record in THINGS:
        if record.id not in PICTURELESS:
            chance = random.Random(record.id)
            found[record.id] = folder / "drawn" / f"{record.id}.png"
            colour = (chance.randrange(256), chance.randrange(256), chance.randrange(256))
            Image.new("RGB", (8, 8), colour).save(found[record.id])
    create(folder / "dex", THINGS, found).embed(text=Letters(), image=Colours())
    return folder


@pytest.fixture
def pictures(finished: Path, tmp_path: Path) -> dict[str, Path]:
    shutil.copytree(finished / "drawn", tmp_path / "drawn")
    found = {record.id: tmp_path / "drawn" / f"{record.id}.png" for record in THINGS}
    return {id_: path for id_, path in found.items() if id_ not in PICTURELESS}


@pytest.fixture
def make(tmp_path: Path, pictures: dict[str, Path]) -> Callable[..., Collection]:
    """Makes the collection of things, or makes it anew with other records."""

    def made(records: Sequence[Record] = THINGS, **changed: Any) -> Collection:
        return create(tmp_path / "dex", records, pictures, **changed)

    return made


@pytest.fixture
def things(finished: Path, tmp_path: Path) -> Collection:
    """The collection of things, embedded."""
    shutil.copytree(finished / "dex", tmp_path / "dex")
    return Collection.open(tmp_path / "dex")


# ── brute force, by the definitions ─────────────────────────────────────────────────────────────────


def text_vectors(records: Sequence[Record] = THINGS) -> dict[str, Vectors]:
    encoder = Letters()
    return {record.id: encoder.encode_documents([minify(record.data)])[0] for record in records}


def image_vectors(pictures: dict[str, Path]) -> dict[str, Vectors]:
    return {
        id_: Colours().encode_documents([read_picture(path)])[0].astype(np.float32) for id_, path in pictures.items()
    }


def centred(vectors: dict[str, Vectors], main: Callable[[str], bool] = lambda _: True) -> dict[str, Vectors]:
    mean = np.mean([vector for id_, vector in vectors.items() if main(id_)], axis=0, dtype=np.float64)
    moved = {id_: vector - mean for id_, vector in vectors.items()}
    return {id_: (each / np.linalg.norm(each)).astype(np.float32) for id_, each in moved.items()}


def spread(vectors: Sequence[Vectors]) -> float:
    """The standard deviation of the scores of all pairs."""
    return float(np.std([one.astype(np.float64) @ other for one, other in combinations(vectors, 2)]))


def fused(text: dict[str, Vectors], image: dict[str, Vectors], weight: float = IMAGE_WEIGHT) -> dict[str, Vectors]:
    """Text and picture side by side, so that scores are the mean of both, each divided by its spread first."""
    ids = [id_ for id_ in text if id_ in image]
    shares = (1 - weight) / spread([text[id_] for id_ in ids]), weight / spread([image[id_] for id_ in ids])
    parts = [np.sqrt(share / sum(shares)) for share in shares]
    both = {id_: np.concatenate([text[id_] * parts[0], image[id_] * parts[1]]) for id_ in ids}
    return {id_: each.astype(np.float32) for id_, each in both.items()}


def ranked(scores: dict[str, float], k: int) -> list[tuple[str, float]]:
    return sorted(scores.items(), key=lambda each: -each[1])[:k]


def agree(hits: Sequence[Hit], expected: Sequence[tuple[str, float]]) -> None:
    """The same records in the same order with the same scores."""
    assert expected
    assert [hit.item.id for hit in hits] == [id_ for id_, _ in expected]
    assert [hit.value for hit in hits] == pytest.approx([score for _, score in expected], abs=1e-5)


def sides(by: By, pictures: dict[str, Path], *, centre: bool) -> dict[str, Vectors]:
    """The vectors of each record that has some."""
    prepare = centred if centre else dict
    text, image = prepare(text_vectors()), prepare(image_vectors(pictures))
    return {"text": text, "image": image, "fused": fused(text, image)}[by]


# ── making and opening ──────────────────────────────────────────────────────────────────────────────


def test_a_collection_is_opened_as_it_was_made(make: Callable[..., Collection], tmp_path: Path) -> None:
    made = make()
    assert repr(made) == (
        f"<Collection 'Things' in '{tmp_path / 'dex'}': 23 records in 3 groups, 21 with a picture; not embedded>"
    )
    opened = Collection.open(str(tmp_path / "dex"))
    assert repr(opened) == repr(made)
    assert opened.manifest == made.manifest
    assert (opened.title, len(opened), opened.folder) == ("Things", 23, tmp_path / "dex")
    assert opened.ids == [record.id for record in THINGS]
    assert opened.record("thing 7") == THINGS[6]
    assert opened.grouped
    assert (opened.embeddings, opened.maps, opened.has("text")) == ({}, [], False)
    item = opened.item("Thing 2")
    assert (item.id, item.name, item.group) == ("2", "Thing 2", None)
    assert item.picture == tmp_path / "dex/images/2.png"
    assert opened.item("4").picture is None


def test_the_embeddings_tell_their_encoders(things: Collection) -> None:
    assert repr(things).endswith("21 with a picture; text by letters, 37 dimensions; image by colours, 3 dimensions>")
    assert things.embeddings == {"text": Letters.description, "image": Colours.description}
    assert things.has("passages")


def test_a_notebook_shows_what_there_is_and_takes_no_word_of_it_for_markup(
    pictures: dict[str, Path], tmp_path: Path
) -> None:
    title = "</caption><script>alert('1')</script> & Sons"
    made = create(tmp_path / "<b>", THINGS, pictures, title=title, origin="<img src=x onerror=alert(2)>")
    made.embed(text=Letters(), image=Colours())
    made.fit_map(method="pca", by="text")
    shown = made._repr_html_()
    assert "<script" not in shown
    assert "<img" not in shown
    assert "<b>" not in shown
    assert set(re.findall(r"<(\w+)", shown)) == {"table", "caption", "tbody", "tr", "th", "td"}
    cells = [html.unescape(cell) for cell in re.findall(r"<(?:caption|t[hd])[^>]*>([^<]*)<", shown)]
    assert cells == [
        *(title, "records", "23 records in 3 groups, 21 with a picture"),
        *("text", "letters, 37 dimensions", "image", "colours, 3 dimensions", "maps", "pca"),
        *("from", "<img src=x onerror=alert(2)>", "folder", str(tmp_path / "<b>")),
    ]
    assert "color" not in shown, "it has the notebook's colours, light or dark"


def test_to_look_at_a_collection_never_fails(make: Callable[..., Collection]) -> None:
    made = make()
    made.embed(text=Letters(), image=Colours())
    (made.folder / "embeddings" / "text.parquet").write_bytes(b"PAR1 no more")
    assert "text damaged; image by colours" in repr(made)
    assert "damaged" in made._repr_html_()
    shutil.rmtree(made.folder)
    assert "23 records" in repr(made)
    assert "not embedded" in repr(made)
    assert "23 records" in made._repr_html_()


def test_a_record_without_a_name_is_called_by_its_id_and_one_without_a_group_has_none(tmp_path: Path) -> None:
    records = [Record("a", {"n": "Anna"}), Record("b", {"n": None}), Record("c", {"n": ["x"]}), Record("d", {})]
    collection = Collection.create(tmp_path, records, title="T", origin="", id_path="id", name_path="n")
    assert [item.name for item in collection.items()] == ["Anna", "b", "c", "d"]
    assert {item.group for item in collection.items()} == {None}
    assert not collection.grouped


def test_no_record_is_an_error_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no record"):
        Collection.create(tmp_path / "dex", [], title="T", origin="", id_path="id")
    assert not (tmp_path / "dex" / "records.jsonl").exists()


def test_an_id_that_comes_twice_is_refused_and_the_old_collection_stays(
    make: Callable[..., Collection], things: Collection
) -> None:
    before = things.similar("1", k=3)
    with pytest.raises(InputError, match="'3'"):
        make([*THINGS, replace(THINGS[2])])
    assert Collection.open(things.folder).similar("1", k=3) == before


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"default_where": "size > 1000"}, "size > 1000"),
        ({"default_where": "sise > 1"}, "sise"),
        ({"name_path": "titel"}, "name's path 'titel'"),
        ({"group_path": "kind.of"}, "group's path 'kind.of'"),
        ({"pictures": lambda: {"1": Path("nowhere.png")}}, "nowhere.png"),
    ],
)
def test_settings_that_cannot_be_are_refused_and_the_old_collection_stays(
    make: Callable[..., Collection], things: Collection, settings: dict[str, Any], message: str
) -> None:
    before = {path: path.read_bytes() for path in things.folder.rglob("*") if path.is_file()}
    with pytest.raises((InputError, OSError), match=message):
        make(THINGS[:9], **settings)
    assert {path: path.read_bytes() for path in things.folder.rglob("*") if path.is_file()} == before


def test_pictures_may_be_found_after_the_records_were_read(
    make: Callable[..., Collection], pictures: dict[str, Path]
) -> None:
    collection = make(pictures=lambda: {"1": pictures["1"]})
    assert [item.id for item in collection.items() if item.picture] == ["1"]
    kept = collection.item("1").picture
    assert kept is not None
    assert kept.read_bytes() == pictures["1"].read_bytes()


def test_a_picture_of_an_id_that_is_no_file_name_stays_in_the_collection(
    tmp_path: Path, pictures: dict[str, Path]
) -> None:
    records = [Record("../a/b", {"x": 1})]
    where = {"../a/b": pictures["1"]}
    collection = Collection.create(tmp_path / "dex", records, title="T", origin="", id_path="id", pictures=where)
    kept = collection.item("../a/b").picture
    assert kept is not None
    assert kept.resolve().parent == (tmp_path / "dex/images").resolve()


def test_items_leave_out_what_comparisons_leave_out(make: Callable[..., Collection]) -> None:
    collection = make(default_where="size <= 20")
    assert len(collection.items()) == 20
    assert len(collection.items(everything=True)) == 23
    assert [item.id for item in collection.items(where="size > 19", everything=True)] == ["20", "21", "22", "23"]
    assert [item.id for item in collection.items(where="size > 19")] == ["20"]


# ── similar ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("by", ["text", "image", "fused"])
def test_similar_agrees_with_brute_force(things: Collection, pictures: dict[str, Path], by: By, raw: bool) -> None:
    vectors = sides(by, pictures, centre=not raw)
    for query in ("1", "7", "23"):
        result = things.similar(query, k=5, by=by, centred=False if raw else None)
        scores = {id_: float(vector @ vectors[query]) for id_, vector in vectors.items() if id_ != query}
        agree(result.hits, ranked(scores, 5))
        assert [hit.rank for hit in result.hits] == [1, 2, 3, 4, 5]
        assert result.query.id == query
        assert (result.basis.by, result.basis.count) == (by, len(vectors) - 1)
        assert result.basis.measure == ("cosine" if raw else "centred cosine")
        assert result.basis.encoder == {"text": "letters", "image": "colours"}.get(by, "letters + colours")
        assert result.basis.measure in result.basis.caption()


def test_similar_per_group_gives_the_first_of_each_group_and_those_without_last(things: Collection) -> None:
    vectors = centred(text_vectors())
    result = things.similar("Thing 1", k=2, per_group=True)
    assert result.per_group
    expected: list[tuple[str, float]] = []
    groups = {record.id: record.data["kind"]["name"] for record in THINGS}
    for group in ("shoes", "hats", "gloves", None):  # the order of the collection, whatever is asked; 2 has none
        scores = {id_: float(vectors[id_] @ vectors["1"]) for id_ in vectors if groups[id_] == group and id_ != "1"}
        expected += ranked(scores, 2)
    agree(result.hits, expected)
    assert [hit.item.group for hit in result.hits] == [
        *("shoes", "shoes", "hats", "hats", "gloves", "gloves"),
        *(None, None),
    ]
    assert [hit.rank for hit in result.hits] == [1, 2] * 4


def test_where_narrows_the_answer_and_not_the_mean(things: Collection) -> None:
    vectors = centred(text_vectors())
    result = things.similar("1", k=4, where="size BETWEEN 5 AND 12 AND _group = 'hats'")
    wanted = [
        record.id for record in THINGS if 5 <= record.data["size"] <= 12 and record.data["kind"]["name"] == "hats"
    ]
    agree(result.hits, ranked({id_: float(vectors[id_] @ vectors["1"]) for id_ in wanted}, 4))
    assert result.basis.count == len(wanted)


def test_what_is_left_out_by_default_neither_answers_nor_moves_the_mean(make: Callable[..., Collection]) -> None:
    collection = make(default_where="size <= 15")
    collection.embed(text=Letters(), image=None)
    vectors = centred(text_vectors(), main=lambda id_: int(id_) <= 15)
    scores = {id_: float(vectors[id_] @ vectors["20"]) for id_ in vectors if id_ != "20"}
    main = {id_: score for id_, score in scores.items() if int(id_) <= 15}
    agree(collection.similar("20", k=30).hits, ranked(main, 30))
    agree(collection.similar("20", k=30, everything=True).hits, ranked(scores, 30))


def test_more_neighbours_than_there_are_gives_them_all(things: Collection) -> None:
    assert len(things.similar("1", k=1000).hits) == 22


@pytest.mark.parametrize("condition", ["size < 0", "_id = '1'"])
def test_a_condition_that_leaves_no_other_record_is_refused(things: Collection, condition: str) -> None:
    with pytest.raises(InputError, match="No other record is left"):
        things.similar("1", where=condition)
    with pytest.raises(InputError, match="No passage is left"):
        things.ask("quartz", where="size < 0")


def test_where_only_what_is_left_out_by_default_fits_the_message_says_how_to_have_it(
    make: Callable[..., Collection],
) -> None:
    collection = make(default_where="size <= 15")
    collection.embed(text=Letters(), image=None)
    with pytest.raises(InputError, match="--all"):
        collection.similar("1", where="size > 20")
    assert len(collection.similar("1", where="size > 20", everything=True).hits) == 3


def test_records_that_point_the_same_way_score_nothing_once_centred(tmp_path: Path) -> None:
    records = [Record(id_, {"word": "same"}) for id_ in "abc"]
    collection = Collection.create(tmp_path, records, title="T", origin="", id_path="id")
    collection.embed(text=Letters(), image=None)
    assert [hit.score for hit in collection.similar("a").hits] == [0, 0]
    assert [hit.score for hit in collection.similar("a", centred=False).hits] == pytest.approx([1, 1])


def test_a_record_without_a_picture_is_named_and_its_row_is_null(things: Collection) -> None:
    stored = Store(things.folder).read_embeddings("image")
    assert stored is not None
    lacking = [stored.ids[row] for row in range(23) if row not in stored.rows]
    assert lacking == list(PICTURELESS)
    assert [id_ for id_, hash_ in zip(stored.ids, stored.hashes, strict=True) if hash_ is None] == lacking
    compared: tuple[By, ...] = ("image", "fused")
    for by in compared:
        with pytest.raises(InputError, match="'Thing 4' has no picture"):
            things.similar("4", by=by)
        assert not {hit.item.id for hit in things.similar("1", k=30, by=by).hits} & set(PICTURELESS)


def test_a_name_that_nobody_has_is_answered_with_those_that_come_close(things: Collection) -> None:
    with pytest.raises(UnknownRecordError, match=r"'Thyng 23'(.|\n)*'Thing 23'"):
        things.similar("Thyng 23")


def test_a_name_that_several_have_is_answered_with_their_ids(make: Callable[..., Collection]) -> None:
    twin = Record("99", {**THINGS[0].data})
    collection = make([*THINGS, twin])
    collection.embed(text=Letters(), image=None)
    with pytest.raises(UnknownRecordError, match="1, 99"):
        collection.similar("thing 1")
    assert collection.similar("99", k=1, centred=False).hits[0].item.id == "1"


def test_similar_of_vectors_on_disk_loads_no_encoder(museum: Museum) -> None:
    code = (
        "import sys, embedex\n"
        "hits = embedex.Collection.open(sys.argv[1]).similar('M-01', k=3).hits\n"
        "print(len(hits), *sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(museum.dex)], capture_output=True, text=True, check=True)
    count, *loaded = done.stdout.split()
    assert count == "3"
    assert not set(loaded) & {"tokenizers", "tiktoken", "safetensors", "matplotlib", "duckdb", "httpx", "PIL"}


@pytest.mark.parametrize("by", ["text", "image", "fused"])
def test_the_top_components_are_taken_away_from_each_side(
    things: Collection, pictures: dict[str, Path], by: By
) -> None:
    def without(vectors: dict[str, Vectors]) -> dict[str, Vectors]:
        stacked = np.stack(list(vectors.values())).astype(np.float64)
        moved = stacked - stacked.mean(axis=0)
        axis = np.linalg.svd(moved, full_matrices=False)[2][:1]
        left = moved - moved @ axis.T @ axis
        left /= np.linalg.norm(left, axis=1, keepdims=True)
        return dict(zip(vectors, left.astype(np.float32), strict=True))

    text, image = without(text_vectors()), without(image_vectors(pictures))
    vectors = {"text": text, "image": image, "fused": fused(text, image)}[by]
    result = things.similar("7", k=5, by=by, remove_top=1)
    agree(result.hits, ranked({id_: float(each @ vectors["7"]) for id_, each in vectors.items() if id_ != "7"}, 5))
    assert result.basis.measure == "centred cosine"
    assert "without the top component" in result.basis.caption()
    assert things.unusual(by=by, remove_top=1).basis.measure == "centred cosine"


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"remove_top": -1}, "out of range"),
        ({"remove_top": 23}, "leaves nothing"),
        ({"remove_top": 1, "centred": False}, "after centring"),
        ({"remove_top": 1, "by": "map"}, "not for --by map"),
        ({"calibrate": True, "by": "map"}, "not calibrated"),
    ],
)
def test_what_cannot_be_removed_or_calibrated_is_refused(
    things: Collection, settings: dict[str, Any], told: str
) -> None:
    things.fit_map(method="pca")
    with pytest.raises(InputError, match=told):
        things.similar("1", **settings)


def test_a_question_is_held_against_what_is_left_of_passages_or_records(things: Collection) -> None:
    for against in ("passages", "records"):
        plain, without = (things.ask("zebra", k=3, against=against, remove_top=top) for top in (0, 2))
        assert [hit.score for hit in plain.hits] != [hit.score for hit in without.hits]
        assert "without the top 2 principal components" in without.basis.caption()


# ── calibration ─────────────────────────────────────────────────────────────────────────────────────


def test_a_calibrated_hit_tells_what_its_score_is_worth(things: Collection) -> None:
    vectors, groups = centred(text_vectors()), {record.id: record.data["kind"]["name"] for record in THINGS}
    ids = list(vectors)
    scores = np.stack([vectors[id_] for id_ in ids]) @ np.stack([vectors[id_] for id_ in ids]).T
    np.fill_diagonal(scores, -np.inf)
    nearest = [{ids[other] for other in np.argsort(-row)[:10]} for row in scores]
    every = scores[np.triu_indices(23, 1)]
    result = things.similar("7", k=22, calibrate=True)
    assert result.calibration
    assert (result.calibration.pairs, result.calibration.sampled, result.calibration.neighbours) == (253, False, 10)
    for hit in result.hits:
        worth, id_ = hit.calibration, hit.item.id
        assert worth
        own = [float(vectors["7"] @ vectors[other]) for other in ids if groups[other] == groups[id_] and other != "7"]
        assert worth.percentile == pytest.approx(100 * (every < hit.value - 1e-6).mean(), abs=1e-9)
        assert worth.z == pytest.approx((hit.value - np.mean(own)) / np.std(own), abs=1e-4)
        assert worth.mutual == ("7" in nearest[ids.index(id_)] and id_ in nearest[ids.index("7")])
        assert worth.hubness == pytest.approx(sum(id_ in near for near in nearest) / 10)


def test_a_condition_narrows_the_answer_and_not_what_scores_are_worth(things: Collection) -> None:
    whole = {hit.item.id: hit.calibration for hit in things.similar("7", k=22, calibrate=True).hits}
    some = things.similar("7", k=22, calibrate=True, where="size < 12 AND _group = 'hats'").hits
    assert some
    for hit in some:
        worth, expected = hit.calibration, whole[hit.item.id]
        assert worth
        assert expected
        assert (worth.mutual, worth.hubness) == (expected.mutual, expected.hubness)
        assert (worth.percentile, worth.z) == pytest.approx((expected.percentile, expected.z), abs=0.01)


def test_what_scores_are_worth_is_counted_anew_for_other_vectors(things: Collection) -> None:
    by_text = things.similar("7", k=3, calibrate=True).hits
    by_image = things.similar("7", k=3, calibrate=True, by="image").hits
    assert [hit.calibration for hit in by_text] == [
        hit.calibration for hit in things.similar("7", k=3, calibrate=True).hits
    ]
    assert [hit.calibration for hit in by_text] != [hit.calibration for hit in by_image]


def test_an_unusual_record_is_calibrated_against_its_groups_medians(things: Collection) -> None:
    medians = {hit.item.id: hit.value for hit in things.unusual(k=23).hits}
    result = things.unusual(k=3, calibrate=True)
    groups = {record.id: record.data["kind"]["name"] for record in THINGS}
    for hit in result.hits:
        own = [value for id_, value in medians.items() if groups[id_] == groups[hit.item.id]]
        assert hit.calibration
        assert hit.calibration.mutual is None
        assert hit.calibration.z == pytest.approx((hit.value - np.mean(own)) / np.std(own), abs=1e-3)


# ── sums ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("by", ["text", "image", "fused"])
def test_a_sum_of_records_agrees_with_brute_force_and_leaves_them_out(
    things: Collection, pictures: dict[str, Path], by: By
) -> None:
    vectors = sides(by, pictures, centre=True)
    total = vectors["1"] - vectors["7"] + vectors["12"]
    total /= np.linalg.norm(total)
    scores = {id_: float(each @ total) for id_, each in vectors.items() if id_ not in ("1", "7", "12")}
    result = things.similar("Thing 1 - 7 + thing 12", k=5, by=by)
    agree(result.hits, ranked(scores, 5))
    assert [(term.sign, term.item and term.item.id, term.words) for term in result.terms] == [
        (1, "1", ""), (-1, "7", ""), (1, "12", "")
    ]  # fmt: skip
    assert (result.query.name, result.basis.count) == ("Thing 1 - 7 + thing 12", len(vectors) - 3)


def test_words_in_a_sum_are_embedded_as_a_question_and_not_centred(things: Collection) -> None:
    vectors = centred(text_vectors())
    total = vectors["1"] + Letters().encode_queries(["zebra hymn"])[0]
    total /= np.linalg.norm(total)
    result = things.similar('1 + "zebra hymn"', k=4)
    agree(result.hits, ranked({id_: float(each @ total) for id_, each in vectors.items() if id_ != "1"}, 4))
    assert "as words: zebra hymn" in result.basis.caption()
    own = things.similar("1 + zebra hymn", k=4, encoder=Letters())
    assert [hit.item.id for hit in own.hits] == [hit.item.id for hit in result.hits]


def test_a_name_that_looks_like_a_sum_is_that_record(make: Callable[..., Collection]) -> None:
    odd = Record("24", {**THINGS[0].data, "name": "Thing 1 - Thing 7"})
    collection = make([*THINGS, odd])
    collection.embed(text=Letters(), image=None)
    assert collection.similar("thing 1 - thing 7").query.id == "24"
    assert [term.item and term.item.id for term in collection.similar("Thing 1 - Thing 7 + 3").terms] == ["24", "3"]


def test_a_sum_can_be_calibrated(things: Collection) -> None:
    hits = things.similar("1 - 7 + 12", k=20, calibrate=True).hits
    assert all(hit.calibration and 0 <= hit.calibration.percentile <= 100 for hit in hits)
    assert any(hit.calibration and hit.calibration.mutual for hit in hits)


@pytest.mark.parametrize(
    ("query", "settings", "told"),
    [
        ("1 - 1", {}, "cancel each other out"),
        ("1 + 2", {"by": "map"}, "places in a map cannot be added"),
        ("1 + zebra", {"by": "fused"}, "words cannot be added"),
        ("1 + zebra", {"by": "image"}, "cannot be held against these pictures"),
        ("1 + 4", {"by": "image"}, "has no picture"),
        ("1 + Thing 111", {}, "Perhaps 'Thing 11'"),
        ('1 + ""', {}, "is empty"),
    ],
)
def test_a_sum_that_cannot_be_is_refused(things: Collection, query: str, settings: dict[str, Any], told: str) -> None:
    things.fit_map(method="pca")
    with pytest.raises(InputError) as caught:
        things.similar(query, **settings)
    assert told in str(caught.value)


# ── disagreement and quality ────────────────────────────────────────────────────────────────────────


def test_disagreement_is_among_records_with_text_and_picture(things: Collection, pictures: dict[str, Path]) -> None:
    result = things.disagreement(k=5, neighbours=4)
    assert result.basis.count == len(pictures)
    assert result.chance == pytest.approx(4 / (len(pictures) - 1))
    text, image = centred(text_vectors()), centred(image_vectors(pictures))
    for pair in [*result.near_in_text, *result.near_in_image]:
        one, other = pair.first.id, pair.second.id
        assert pair.text == pytest.approx(float(text[one] @ text[other]), abs=1e-5)
        assert pair.image == pytest.approx(float(image[one] @ image[other]), abs=1e-5)
    gaps = [pair.text_percentile - pair.image_percentile for pair in result.near_in_text]
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] > 0
    assert all(pair.image_percentile > pair.text_percentile for pair in result.near_in_image)
    near = [
        {
            id_: {other for other, _ in ranked({o: float(side[o] @ side[id_]) for o in pictures if o != id_}, 4)}
            for id_ in pictures
        }
        for side in (text, image)
    ]
    shares = {id_: len(near[0][id_] & near[1][id_]) / 4 for id_ in pictures}
    assert result.overlap == pytest.approx(np.mean(list(shares.values())))
    assert [each.overlap for each in result.records] == sorted(shares.values())[:5]
    assert all(each.overlap == shares[each.item.id] for each in result.records)


def test_disagreement_needs_three_records_with_both_sides(things: Collection, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least three records"):
        things.disagreement(where="size < 3")
    shutil.rmtree(things.folder / "embeddings")
    with pytest.raises(CollectionError, match="has not been embedded"):
        Collection.open(things.folder).disagreement()


def test_quality_tells_of_every_record_how_much_data_it_has(things: Collection) -> None:
    result = things.quality()
    assert [item.id for item in result.items] == [record.id for record in THINGS]
    assert result.lengths.tolist() == [len(minify(record.data)) for record in THINGS]
    assert sorted(result.fields) == ["kind.name", "name", "notes", "size"]
    expected = [(record.data["kind"]["name"] is None) + ("notes" not in record.data) for record in THINGS]
    assert result.missing.tolist() == expected
    of_unusual = {hit.item.id: hit.value for hit in things.unusual(k=23).hits}
    assert [of_unusual[item.id] for item in result.items] == result.medians.tolist()
    assert [group.group for group in result.groups] == ["shoes", "hats", "gloves", None]
    assert sum(group.records for group in result.groups) == 23
    hats = [row for row, record in enumerate(THINGS) if record.data["kind"]["name"] == "hats"]
    others = [row for row in range(23) if row not in hats]
    told = result.groups[1]
    assert told.length == np.median(result.lengths[hats])
    assert told.shift == pytest.approx(result.medians[hats].mean() - result.medians[others].mean(), abs=1e-6)
    assert result.by_length is not None
    assert -1 <= result.by_length <= 1
    assert result.r_squared is not None
    assert 0 <= result.r_squared <= 1


def test_quality_of_too_many_groups_says_so(tmp_path: Path) -> None:
    records = [Record(str(number), {"a": "x" * number, "kind": str(number)}) for number in range(1, 203)]
    collection = Collection.create(tmp_path / "dex", records, title="x", origin="x", id_path="id", group_path="kind")
    collection.embed(text=Letters(), image=None)
    result = collection.quality()
    assert (result.groups, len(result.items)) == ([], 202)
    assert "202 groups are too many for a table" in result.basis.caption()


def test_quality_without_groups_or_with_few_records(tmp_path: Path) -> None:
    records = [Record(str(number), {"a": "x" * number}) for number in range(1, 4)]
    collection = Collection.create(tmp_path / "dex", records, title="x", origin="x", id_path="id")
    collection.embed(text=Letters(), image=None)
    result = collection.quality()
    assert (result.groups, len(result.items)) == ([], 3)
    with pytest.raises(InputError, match="at least two records"):
        collection.quality(where="_id = '1'")


# ── unusual ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("centre", [None, True])
@pytest.mark.parametrize("by", ["text", "image", "fused"])
def test_unusual_agrees_with_brute_force(
    things: Collection, pictures: dict[str, Path], by: By, centre: bool | None
) -> None:
    vectors = sides(by, pictures, centre=bool(centre))
    medians = {
        id_: -float(np.median([vector @ other for key, other in vectors.items() if key != id_]))
        for id_, vector in vectors.items()
    }
    result = things.unusual(k=6, by=by, centred=centre)
    agree(result.hits, [(id_, -score) for id_, score in ranked(medians, 6)])
    assert result.basis.measure == ("centred cosine" if centre else "cosine")
    assert result.basis.count == len(vectors)


def test_unusual_per_group_compares_with_all_and_ranks_within_each(things: Collection) -> None:
    vectors = text_vectors()
    medians = {
        id_: float(np.median([vector @ other for key, other in vectors.items() if key != id_]))
        for id_, vector in vectors.items()
    }
    groups = {record.id: record.data["kind"]["name"] for record in THINGS}
    expected = [
        min((id_ for id_ in medians if groups[id_] == group), key=medians.__getitem__)
        for group in ("shoes", "hats", "gloves", None)
    ]
    result = things.unusual(k=1, per_group=True)
    agree(result.hits, [(id_, medians[id_]) for id_ in expected])


@pytest.mark.parametrize("centre", [None, True])
@pytest.mark.parametrize("per_group", [False, True])
@pytest.mark.parametrize("where", ["", "_id <> '3'"])
def test_the_unusual_of_many_are_found_by_samples_and_their_medians_are_exact(
    things: Collection, centre: bool | None, per_group: bool, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = things.unusual(k=8, per_group=per_group, centred=centre, where=where)
    monkeypatch.setattr(similarity, "EXACT_RECORDS", 20)
    monkeypatch.setattr(similarity, "SAMPLES", (8, 15))
    found = things.unusual(k=8, per_group=per_group, centred=centre, where=where)
    agree(found.hits, [(hit.item.id, hit.value) for hit in expected.hits])
    assert found.basis.caption().startswith(expected.basis.caption())
    told = re.fullmatch(r"found by medians among 15 of them, ± (0\.\d+); those shown are exact", found.basis.note)
    assert told
    assert 0.001 < float(told[1]) < 0.2
    exact = things.unusual(k=8, per_group=per_group, centred=centre, where=where, calibrate=True)
    assert exact.basis.note == expected.basis.note, "to calibrate, all pairs are compared"


def test_centred_questions_keep_no_second_copy_of_many_vectors(
    things: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = Collection.open(things.folder).similar("1").hits
    monkeypatch.setattr(holdings, "COPIED", 0)
    plain = things.vectors()[1]
    agree(things.similar("1").hits, [(hit.item.id, hit.value) for hit in expected])
    things.ask("a word", encoder=Letters(), against="records")
    kept = things._holdings._ready.values()
    assert len(kept) == 2
    assert all(np.shares_memory(each.plain, plain) for each in kept)
    assert not any("vectors" in vars(each) for each in kept if each.centring)
    np.testing.assert_allclose(np.linalg.norm(things.vectors(centred=True)[1], axis=1), 1, atol=1e-6)


def test_unusual_in_a_map_is_the_largest_median_distance(things: Collection) -> None:
    a_map = things.fit_map(method="pca")
    places = {item.id: place for item, place in zip(a_map.items, a_map.coordinates, strict=True)}
    medians = {
        id_: float(np.median([np.linalg.norm(place - other) for key, other in places.items() if key != id_]))
        for id_, place in places.items()
    }
    result = things.unusual(k=4, by="map")
    agree(result.hits, ranked(medians, 4))
    assert result.basis.measure == "distance"


@pytest.mark.parametrize("by", ["text", "image", "map"])
@pytest.mark.parametrize("condition", ["_id = '1'", "size < 0"])
def test_unusual_among_fewer_than_two_is_refused(things: Collection, by: By, condition: str) -> None:
    things.fit_map(method="pca")
    with pytest.raises(InputError, match="at least two"):
        things.unusual(by=by, where=condition)


# ── all pairs ───────────────────────────────────────────────────────────────────────────────────────


def by_group() -> list[Record]:
    """Group by group as they first appear, those without a group last, in the collection's order within each."""
    order = ["shoes", "hats", "gloves", None]
    return sorted(THINGS, key=lambda record: order.index(record.data["kind"]["name"]))


@pytest.mark.parametrize("centre", [None, True])
def test_pairs_are_every_cosine_group_by_group(things: Collection, centre: bool | None) -> None:
    vectors = centred(text_vectors()) if centre else text_vectors()
    ordered = [vectors[record.id] for record in by_group()]
    result = things.pairs(centred=centre)
    assert result.matrix == pytest.approx(np.asarray([[a @ b for b in ordered] for a in ordered]), abs=1e-5)
    assert result.count == 23
    starts: dict[str, int] = {}
    for row, record in enumerate(by_group()):
        starts.setdefault(record.data["kind"]["name"] or "", row)
    assert list(result.groups) == list(starts.items())
    assert [label for label, _ in result.groups] == ["shoes", "hats", "gloves", ""]
    assert result.basis.measure == ("centred cosine" if centre else "cosine")
    assert [item.id for item in result.items] == [record.id for record in by_group()]


def test_the_means_of_groups_leave_out_a_record_with_itself(things: Collection) -> None:
    vectors = text_vectors()
    members: dict[str, list[str]] = {}
    for record in by_group():
        members.setdefault(record.data["kind"]["name"] or "", []).append(record.id)
    expected = [
        [np.mean([vectors[a] @ vectors[b] for a in one for b in other if a != b]) for other in members.values()]
        for one in members.values()
    ]
    assert things.pairs().group_means == pytest.approx(np.asarray(expected), abs=1e-5)


def test_more_records_than_rows_become_tiles_with_their_mean(things: Collection) -> None:
    full, tiled = things.pairs(), things.pairs(side=5)
    edges = [row * 23 // 5 for row in range(6)]
    expected = [[full.matrix[a:b, c:d].mean() for c, d in pairwise(edges)] for a, b in pairwise(edges)]
    assert tiled.matrix == pytest.approx(np.asarray(expected), abs=1e-5)
    assert tiled.count == 23
    assert not tiled.items
    assert tiled.group_means == pytest.approx(full.group_means)


@pytest.mark.parametrize("side", [2048, 5])
def test_the_mean_of_all_pairs_of_a_collection_without_groups_is_that_of_its_pairs(
    make: Callable[..., Collection], side: int
) -> None:
    collection = make(group_path="")
    collection.embed(text=Letters(), image=None)
    vectors = text_vectors()
    expected = np.mean([vectors[a] @ vectors[b] for a in vectors for b in vectors if a != b])
    result = collection.pairs(side=side)
    assert not result.groups
    ((label, mean),) = tables.pairs(result).rows
    assert label == "all"
    assert mean == pytest.approx(expected, abs=1e-5)


def test_pairs_of_nothing_or_of_places_are_refused(things: Collection) -> None:
    with pytest.raises(InputError, match="No record is left"):
        things.pairs(where="size < 0")
    with pytest.raises(InputError, match="not by map"):
        things.pairs(by="map")


# ── text and pictures, weighed ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("weight", [0.0, 0.2, 0.5, 1.0])
def test_weighed_scores_are_those_of_brute_force(things: Collection, pictures: dict[str, Path], weight: float) -> None:
    vectors = fused(centred(text_vectors()), centred(image_vectors(pictures)), weight)
    result = things.similar("7", k=5, by="fused", image_weight=weight)
    scores = {id_: float(vector @ vectors["7"]) for id_, vector in vectors.items() if id_ != "7"}
    agree(result.hits, ranked(scores, 5))
    assert f"pictures weigh {weight:g} of 1" in result.basis.caption()


def test_weights_at_the_ends_are_one_side_alone(things: Collection) -> None:
    pictured = [item.id for item in things.items() if item.picture]
    sides: dict[By, float] = {"text": 0, "image": 1}
    for by, weight in sides.items():
        alone = [hit.item.id for hit in things.similar("7", k=30, by=by).hits if hit.item.id in pictured]
        both = [hit.item.id for hit in things.similar("7", k=30, by="fused", image_weight=weight).hits]
        assert both == alone


def test_every_question_by_both_takes_a_weight_and_none_by_one_does(things: Collection) -> None:
    one, other = (things.pairs(by="fused", image_weight=weight).matrix for weight in (0.1, 0.9))
    assert np.abs(one - other).max() > 0.05
    assert [hit.value for hit in things.unusual(by="fused", image_weight=0.1).hits] != [
        hit.value for hit in things.unusual(by="fused", image_weight=0.9).hits
    ]
    a_map = things.fit_map(method="pca", by="fused", image_weight=0.9)
    assert a_map.parameters["image_weight"] == 0.9
    asks: list[Callable[[], object]] = [
        lambda: things.similar("7", image_weight=0.5),
        lambda: things.unusual(by="image", image_weight=0.5),
        lambda: things.pairs(image_weight=0.5),
        lambda: things.similar("7", by="map", image_weight=0.5),
    ]
    for ask in asks:
        with pytest.raises(InputError, match="--image-weight is for text and pictures together"):
            ask()


# ── maps ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_map_is_kept_with_its_settings_and_read_again(things: Collection) -> None:
    fitted = things.fit_map(method="pca", dimensions=3, by="text", name="mine")
    read = Collection.open(things.folder).read_map("mine")
    assert (read.name, read.parameters, read.basis) == ("mine", fitted.parameters, fitted.basis)
    assert list(read.items) == list(fitted.items)
    assert np.array_equal(read.coordinates, fitted.coordinates)
    assert read.coordinates.shape == (23, 3)
    assert (read.parameters["encoder"], read.parameters["by"], read.missing) == ("letters", "text", 0)
    assert read.basis.measure == "distance"


def test_a_map_by_pca_keeps_the_most_variance(things: Collection) -> None:
    vectors = np.asarray(list(centred(text_vectors()).values()))
    moved = vectors - vectors.mean(axis=0)
    variances = np.linalg.svd(moved, compute_uv=False)[:2] ** 2
    coordinates = things.fit_map(method="pca", by="text").coordinates
    assert np.square(coordinates).sum(axis=0) == pytest.approx(variances, rel=1e-4)


def test_a_map_fuses_where_there_are_pictures_and_says_how_many_records_lack_one(things: Collection) -> None:
    a_map = things.fit_map(method="pca")
    assert (a_map.parameters["by"], a_map.missing, len(a_map.items)) == ("fused", 2, 21)
    with pytest.raises(InputError, match="'Thing 4' has no place in that map"):
        things.similar("4", by="map")


def test_similar_in_a_map_is_the_smallest_distance(things: Collection) -> None:
    a_map = things.fit_map(method="pca", by="text")
    places = {item.id: place for item, place in zip(a_map.items, a_map.coordinates, strict=True)}
    distances = {id_: float(np.linalg.norm(place - places["6"])) for id_, place in places.items() if id_ != "6"}
    result = things.similar("6", k=7, by="map")
    agree(result.hits, sorted(distances.items(), key=lambda each: each[1])[:7])
    assert (result.basis.measure, result.basis.encoder) == ("distance", "pca of letters")
    assert [(hit.score, hit.distance) for hit in result.hits] == [(None, hit.value) for hit in result.hits]


def test_a_map_without_a_name_is_the_only_one_or_the_default(things: Collection) -> None:
    with pytest.raises(CollectionError, match="no map yet"):
        things.read_map()
    with pytest.raises(CollectionError, match=r"no map 'mine'(.|\n)*none"):
        things.read_map("mine")
    things.fit_map(method="pca", name="mine")
    assert things.read_map().name == "mine"
    things.fit_map(method="pca", name="yours")
    assert things.maps == ["mine", "yours"]
    with pytest.raises(CollectionError, match="several maps"):
        things.similar("1", by="map")
    assert things.similar("1", by="map", map_name="yours").hits
    with pytest.raises(CollectionError, match="There are: mine, yours"):
        things.similar("1", by="map", map_name="theirs")
    things.fit_map(method="pca")
    assert things.read_map().name == "pca"


def test_a_map_says_when_the_embeddings_have_changed_since(make: Callable[..., Collection], things: Collection) -> None:
    assert things.fit_map(method="pca", by="text").basis.note == ""
    things.embed(text=None, image=Colours())  # pictures have no part in this map
    assert things.read_map().basis.note == ""
    changed = make([*THINGS[:-1], Record("23", {"id": 23, "name": "Changed", "size": 23})])
    changed.embed(text=Letters(), image=None)
    assert "changed since this map was fitted" in changed.read_map().basis.note
    assert "changed since this map was fitted" in changed.similar("6", by="map").basis.caption()
    assert changed.fit_map(method="pca", by="text").basis.note == ""


def test_a_map_tells_how_far_it_can_be_believed_and_keeps_that(things: Collection) -> None:
    fitted = things.fit_map(method="pca", by="text")
    told = fitted.fidelity
    assert told is not None
    assert (told.nearest, told.measured, told.stable, told.seeds) == (10, 23, None, 1)
    assert told.kept.shape == (23,)
    assert 0 < told.continuity < 1
    read = Collection.open(things.folder).read_map().fidelity
    assert read is not None
    np.testing.assert_array_equal(read.kept, told.kept)
    assert (read.trustworthiness, read.continuity) == (told.trustworthiness, told.continuity)


def test_a_map_without_measures_as_an_older_embedex_wrote_it_is_read(things: Collection) -> None:
    a_map = things.fit_map(method="pca", by="text")
    store = Store(things.folder)
    stored = store.read_map("pca")
    assert stored is not None
    store.write_map("pca", replace(stored, fidelity=None))
    old = Collection.open(things.folder)
    assert old.read_map().fidelity is None
    np.testing.assert_array_equal(old.read_map().coordinates, a_map.coordinates)
    assert "believed" not in old.similar("6", by="map").basis.caption()


def test_measures_follow_their_records_and_warn_who_asks(make: Callable[..., Collection], things: Collection) -> None:
    things.fit_map(method="pca", by="text")
    store = Store(things.folder)
    stored = store.read_map("pca")
    assert stored is not None
    kept = np.linspace(0.3, 0.9, 23).astype(np.float32)
    kept[[2, 10]] = 0.1
    assert stored.fidelity is not None
    store.write_map("pca", replace(stored, fidelity=replace(stored.fidelity, kept=kept)))
    collection = make([record for record in reversed(THINGS) if record.id != "5"])
    told = collection.read_map().fidelity
    assert told is not None
    assert told.kept.tolist() == np.delete(kept, 4).tolist()
    doubted = collection.similar("11", by="map").basis.caption()
    assert "the place of Thing 11 is not to be believed: 1 of its 10 nearest are near it there" in doubted
    assert "believed" not in collection.similar("12", by="map").basis.caption()
    assert "2 of these places are not to be believed" in collection.unusual(k=30, by="map").basis.caption()


def test_two_records_have_a_map_and_no_neighbourhood(things: Collection) -> None:
    assert things.fit_map(method="pca", by="text", where="size < 3").fidelity is None


def test_of_several_seeds_the_map_is_kept_that_agrees_best(things: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = np.random.default_rng(0)
    common = chance.standard_normal((23, 2)).astype(np.float32)
    maps = {4: chance.standard_normal((23, 2)).astype(np.float32), 5: common, 6: common + np.float32(0.01)}

    def fake(_: object, dimensions: int, *, seed: int, **__: object) -> NDArray[np.float32]:
        assert dimensions == 2
        return maps[seed]

    monkeypatch.setattr("embedex.projection.umap", fake)
    seen: list[tuple[str, int, int]] = []

    def progress(what: str, done: int, total: int, *_: object) -> None:
        seen.append((what, done, total))

    a_map = things.fit_map(by="text", seed=4, seeds=3, progress=progress)
    assert a_map.parameters["seed"] == 5
    np.testing.assert_array_equal(a_map.coordinates, common)
    assert a_map.fidelity is not None
    assert a_map.fidelity.seeds == 3
    assert a_map.fidelity.stable is not None
    assert seen == [("Fitting maps", 1, 3), ("Fitting maps", 2, 3), ("Fitting maps", 3, 3)]


def test_a_map_is_rid_of_what_a_killed_fit_left(things: Collection) -> None:
    left = things.folder / "maps/.pca.parquet.0123456789ab.part"
    left.parent.mkdir()
    left.write_bytes(b"PAR1")
    assert things.maps == []
    things.fit_map(method="pca")
    assert [path.name for path in left.parent.iterdir()] == ["pca.parquet"]


def test_a_map_is_fitted_to_what_is_chosen(things: Collection) -> None:
    a_map = things.fit_map(method="pca", by="text", where="size > 12")
    assert [item.id for item in a_map.items] == [str(number) for number in range(13, 24)]


def test_a_map_of_records_that_are_gone_leaves_them_out(make: Callable[..., Collection], things: Collection) -> None:
    before = things.fit_map(method="pca", by="text")
    collection = make([record for record in reversed(THINGS) if record.id != "5"])
    read = collection.read_map()
    assert [item.id for item in read.items] == [item.id for item in before.items if item.id != "5"]
    assert read.coordinates.tolist() == np.delete(before.coordinates, 4, axis=0).tolist()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"by": "map"}, "not by map"),
        ({"dimensions": 4}, "2 or 3 dimensions, not 4"),
        ({"neighbours": 1}, "--neighbours 1"),
        ({"min_distance": 1.5}, "--min-dist 1.5"),
        ({"name": "../escape"}, "cannot name a map"),
        ({"seeds": 0}, "--seeds 0"),
        ({"seeds": 2}, "a PCA has no seed"),
        ({"by": "text", "image_weight": 0.5}, "not for text"),
        ({"by": "fused", "image_weight": 1.5}, "From 0 to 1"),
        ({"by": "fused", "image_weight": float("nan")}, "From 0 to 1"),
        ({"where": "size < 0"}, "No record is left"),
        ({"where": "size < 5", "method": "umap"}, "too few for UMAP"),
    ],
)
def test_a_map_that_cannot_be_is_refused_and_not_kept(
    things: Collection, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        things.fit_map(**{"method": "pca", **arguments})
    assert things.maps == []


# ── questions in words ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("raw", [False, True])
def test_a_question_held_against_records_agrees_with_brute_force(things: Collection, raw: bool) -> None:
    question = "which quartz zebra?"
    vectors = text_vectors() if raw else centred(text_vectors())
    asked = Letters().encode_queries([question])[0]
    result = things.ask(question, k=6, against="records", centred=False if raw else None)
    agree(result.hits, ranked({id_: float(vector @ asked) for id_, vector in vectors.items()}, 6))
    assert (result.against, result.basis.by) == ("records", "text")
    assert result.basis.measure == ("cosine" if raw else "centred cosine")
    assert {hit.passage for hit in result.hits} == {None}


@pytest.mark.parametrize("raw", [False, True])
def test_a_question_held_against_passages_agrees_with_brute_force(things: Collection, raw: bool) -> None:
    question = "which quartz zebra?"
    asked = Letters().encode_queries([question])[0]
    own = {record.id: [each.text for each in passages(record, things.manifest.text)] for record in THINGS}
    texts = dict.fromkeys(text for each in own.values() for text in each)
    vectors = {text: Letters().encode_documents([text])[0] for text in texts}
    vectors = vectors if raw else centred(vectors)
    scores, best = {}, {}
    for id_, each in own.items():
        if each:
            middle = np.sum([vectors[text] for text in each], axis=0)
            best[id_] = max(each, key=lambda text: float(vectors[text] @ asked))
            whole = float(middle @ asked) / float(np.linalg.norm(middle))
            scores[id_] = (float(vectors[best[id_]] @ asked) + whole) / 2
    result = things.ask(question, k=8, centred=False if raw else None)
    agree(result.hits, ranked(scores, 8))
    assert result.against == "passages"
    assert [hit.passage for hit in result.hits] == [best[hit.item.id] for hit in result.hits]
    assert {hit.passage_path for hit in result.hits} == {"notes"}
    assert result.basis.count == len(scores) == 20
    assert "3 records without a passage" in result.basis.note


def test_a_passage_that_several_records_hold_answers_for_each(tmp_path: Path) -> None:
    said = "a Zebra jumps over the lynx"
    records = [Record("a", {"x": said}), Record("b", {"y": {"z": [said.upper()]}}), Record("c", {"x": "none"})]
    collection = Collection.create(tmp_path, records, title="T", origin="", id_path="id")
    reports = collection.embed(text=Letters(), image=None)
    assert (reports[1].rows, reports[1].embedded) == (1, 1)
    result = collection.ask("zebra")
    assert {hit.item.id: hit.passage for hit in result.hits} == {"a": said, "b": said}


def test_records_without_prose_are_asked_as_a_whole(tmp_path: Path) -> None:
    records = [Record(word, {"word": word}) for word in WORDS]
    collection = Collection.create(tmp_path, records, title="T", origin="", id_path="id")
    collection.embed(text=Letters(), image=None)
    result = collection.ask("zebra", k=1)
    assert (result.against, result.hits[0].item.id) == ("records", "zebra")
    with pytest.raises(InputError, match="no passages"):
        collection.ask("zebra", against="passages")


def test_where_text_and_pictures_share_a_space_a_question_meets_the_pictures(tmp_path: Path) -> None:
    colours = {"rose": (220, 20, 30), "fern": (20, 200, 30), "sky": (10, 40, 230)}
    found = {}
    for name, colour in colours.items():
        found[name] = tmp_path / f"{name}.png"
        Image.new("RGB", (8, 8), colour).save(found[name])
    records = [Record(name, {"name": name}) for name in [*colours, "ghost"]]
    collection = Collection.create(tmp_path / "dex", records, title="T", origin="", id_path="id", pictures=found)
    collection.embed(text=ColourWords(), image=SharedColours())
    raw = collection.ask("something red", k=2, centred=False)
    asked = ColourWords().encode_queries(["something red"])[0]
    scores = {
        id_: float(SharedColours().encode_documents([read_picture(path)])[0] @ asked) for id_, path in found.items()
    }
    agree(raw.hits, ranked(scores, 2))
    assert (raw.against, raw.basis.by, raw.hits[0].item.id) == ("pictures", "image", "rose")
    assert "1 record without a picture" in raw.basis.note
    assert collection.ask("green and blue", k=1, against="records").against == "records"
    assert collection.ask("blue", k=1).hits[0].item.id == "sky"


def test_words_cannot_be_held_against_pictures_of_another_space(things: Collection) -> None:
    with pytest.raises(InputError, match="do not share a space"):
        things.ask("red?", against="pictures")


def test_where_narrows_who_may_answer(things: Collection) -> None:
    result = things.ask("quartz", k=30, where="_group = 'hats'")
    assert {hit.item.group for hit in result.hits} == {"hats"}


def test_a_question_after_another_edition_of_the_encoder_is_refused(
    things: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Letters, "description", replace(Letters.description, revision="2"))
    with pytest.raises(CollectionError, match=r"another edition of 'letters'(.|\n)*embedex embed"):
        things.ask("zebra")


def test_an_encoder_of_ones_own_answers_questions(things: Collection) -> None:
    things.embed(text=Unlisted(), image=None)
    with pytest.raises(InputError, match="no text encoder 'unlisted'"):
        things.ask("zebra")
    assert things.ask("zebra", encoder=Unlisted()).hits


def test_a_question_is_not_held_against_passages_of_another_encoder(things: Collection) -> None:
    """A run that is stopped between the texts and their passages leaves the two of different encoders."""

    class Stopped(FewLetters):
        def encode_documents(self, documents: Sequence[str]) -> Vectors:
            if not documents[0].startswith("{"):
                raise KeyboardInterrupt
            return super().encode_documents(documents)

    with pytest.raises(KeyboardInterrupt):
        things.embed(text=Stopped(), image=None)
    assert things.embeddings["text"] == FewLetters.description
    with pytest.raises(CollectionError, match=r"passages(.|\n)*embedex embed"):
        things.ask("zebra")
    assert things.ask("zebra", against="records").hits
    things.embed(text=FewLetters(), image=None)
    assert things.ask("zebra").against == "passages"


# ── what is refused ─────────────────────────────────────────────────────────────────────────────────


def test_fewer_than_one_answer_is_refused(things: Collection) -> None:
    for k in (0, -3):
        for ask in (lambda: things.similar("1", k=k), lambda: things.unusual(k=k), lambda: things.ask("?", k=k)):  # noqa: B023 - called at once
            with pytest.raises(InputError, match=f"k is {k}"):
                ask()


@pytest.mark.parametrize("question", ["", "  \n"])
def test_an_empty_question_is_refused(things: Collection, question: str) -> None:
    with pytest.raises(InputError, match="question is empty"):
        things.ask(question)


def test_questions_before_embedding_name_the_command(make: Callable[..., Collection]) -> None:
    collection = make()
    for ask in (
        lambda: collection.similar("1"),
        lambda: collection.unusual(),
        lambda: collection.pairs(by="fused"),
        lambda: collection.ask("zebra?"),
        lambda: collection.fit_map(method="pca"),
    ):
        with pytest.raises(CollectionError, match=r"text has not been embedded(.|\n)*embedex embed"):
            ask()
    collection.embed(text=Letters(), image=None)
    with pytest.raises(CollectionError, match="pictures have not been embedded"):
        collection.similar("1", by="image")


def test_a_record_that_came_after_the_embedding_is_named(make: Callable[..., Collection], things: Collection) -> None:
    collection = make([*THINGS, thing(24)])
    with pytest.raises(InputError, match=r"'Thing 24' has not been embedded(.|\n)*embedex embed"):
        collection.similar("Thing 24")


# ── embedding ───────────────────────────────────────────────────────────────────────────────────────


def test_a_run_reports_what_it_embedded_and_a_second_one_embeds_nothing(
    make: Callable[..., Collection],
) -> None:
    collection = make()
    text, image = Letters(), Colours()
    own = [each.text for record in THINGS for each in passages(record, collection.manifest.text)]
    counted: list[tuple[str, int, int]] = []

    def count(what: str, done: int, total: int, run: embedding.Progress | None = None, /) -> None:
        assert run is not None
        assert (run.rows, run.share) <= (done, 1)
        counted.append((what, done, total))

    reports = collection.embed(text=text, image=image, progress=count)
    assert reports == [
        EmbedReport("text", "letters", 23, 23, 0),
        EmbedReport("passages", "letters", len(own), len(own), 0),
        EmbedReport("image", "colours", 23, 21, 2),
    ]
    assert counted[-1] == ("Embedding image", 23, 23)
    assert {what for what, _, _ in counted} == {"Embedding text", "Embedding passages", "Embedding image"}
    assert (len(text.read), image.read) == (23 + len(own), 21)
    again = Collection.open(collection.folder).embed(text=text, image=image)
    assert [report.embedded for report in again] == [0, 0, 0]
    assert (len(text.read), image.read) == (23 + len(own), 21)


def test_made_anew_only_what_changed_is_embedded(make: Callable[..., Collection], things: Collection) -> None:
    changed = [replace(each, data={**each.data, "size": 99}) if each.id == "8" else each for each in THINGS]
    collection = make(changed)
    before = collection.similar("1", k=3)
    assert "the records have changed since they were embedded" in before.basis.note
    assert before.basis.note in before.basis.caption()
    assert "changed" in collection.ask("zebra").basis.note
    assert "changed" in collection.unusual().basis.note
    assert "changed" in collection.similar("1", by="fused").basis.note
    assert "changed" not in collection.similar("1", by="image").basis.note
    text, image = Letters(), Colours()
    reports = collection.embed(text=text, image=image)
    assert text.read == [minify(changed[7].data)]
    assert image.read == 0
    assert [report.embedded for report in reports] == [1, 0, 0]
    assert collection.similar("1", k=3).basis.note == ""
    vectors = centred(text_vectors(changed))
    scores = {id_: float(vectors[id_] @ vectors["8"]) for id_ in vectors if id_ != "8"}
    agree(collection.similar("8", k=5).hits, ranked(scores, 5))


def test_another_encoder_embeds_everything_anew(things: Collection) -> None:
    reports = things.embed(text=FewLetters(), image=None)
    assert (reports[0].embedded, reports[0].encoder) == (23, "few-letters")
    assert things.similar("1").basis.encoder == "few-letters"


def test_another_way_of_writing_text_makes_the_embeddings_stale(
    make: Callable[..., Collection], things: Collection
) -> None:
    assert "changed" in make(ascii=True).similar("1").basis.note


@pytest.mark.parametrize("order", ["shuffled", "fewer", "more"])
def test_rows_stay_with_their_records_whatever_becomes_of_their_order(
    make: Callable[..., Collection], things: Collection, pictures: dict[str, Path], order: str
) -> None:
    records = random.Random(4).sample(THINGS, len(THINGS))
    if order == "fewer":
        records = [record for record in records if record.id not in ("3", "4", "17")]
    elif order == "more":
        records[5:5] = [thing(24), thing(25)]
    there = {record.id for record in records if int(record.id) < 24}
    for embedded in (False, True):
        collection = make(records)
        if embedded:
            text = Letters()
            collection.embed(text=text, image=Colours())
            assert [minify(thing(24).data) in text.read, len(text.read) == 0] == [order == "more", order != "more"]
            there = {record.id for record in records}
        vectors = text_vectors([record for record in records if record.id in there])
        scores = {id_: float(vector @ vectors["7"]) for id_, vector in vectors.items() if id_ != "7"}
        agree(collection.similar("7", k=6, centred=False).hits, ranked(scores, 6))
        shades = {id_: vector for id_, vector in image_vectors(pictures).items() if id_ in there}
        scores = {id_: float(vector @ shades["7"]) for id_, vector in shades.items() if id_ != "7"}
        agree(collection.similar("7", k=6, by="image", centred=False).hits, ranked(scores, 6))


def test_two_records_with_the_same_text_share_a_vector_and_both_have_a_row(tmp_path: Path) -> None:
    records = [Record("a", {"x": "owl"}), Record("b", {"x": "bat"}), Record("c", {"x": "owl"})]
    collection = Collection.create(tmp_path, records, title="T", origin="", id_path="id")
    encoder = Letters()
    report = collection.embed(text=encoder, image=None)[0]
    assert (report.rows, report.embedded, len(encoder.read)) == (3, 2, 2)
    stored = Store(tmp_path).read_embeddings("text")
    assert stored is not None
    assert (stored.ids, stored.rows.tolist()) == (["a", "b", "c"], [0, 1, 2])
    assert stored.hashes[0] == stored.hashes[2] != stored.hashes[1]
    assert np.array_equal(stored.vectors[0], stored.vectors[2])
    hits = collection.similar("a", centred=False).hits
    assert [hit.item.id for hit in hits] == ["c", "b"]
    assert hits[0].score == pytest.approx(1)


def test_a_picture_that_cannot_be_read_is_set_aside_or_fails_when_strict(
    make: Callable[..., Collection], pictures: dict[str, Path]
) -> None:
    pictures["6"].write_bytes(pictures["6"].read_bytes()[:40])
    collection = make()
    with pytest.raises(InputError, match="record 6"):
        collection.embed(text=None, image=Colours(), strictness=Strictness(strict=True))
    lenient = Strictness()
    (report,) = collection.embed(text=None, image=Colours(), strictness=lenient)
    assert (report.rows, report.embedded, report.missing) == (23, 20, 3)
    (problem,) = lenient.problems
    assert problem.where == "record 6"
    with pytest.raises(NothingToCompareError, match="'Thing 6' has a picture without an embedding"):
        collection.similar("6", by="image")
    assert collection.similar("1", k=30, by="image").basis.count == 19


def test_a_picture_that_has_become_a_folder_is_set_aside_with_its_record(make: Callable[..., Collection]) -> None:
    collection = make()
    picture = collection.folder / "images/6.png"
    picture.unlink()
    picture.mkdir()
    with pytest.raises(InputError, match="record 6: "):
        collection.embed(text=None, image=Colours(), strictness=Strictness(strict=True))
    lenient = Strictness()
    (report,) = collection.embed(text=None, image=Colours(), strictness=lenient)
    assert (report.embedded, report.missing) == (20, 3)
    (problem,) = lenient.problems
    assert (problem.where, problem.what) == ("record 6", f"{picture}: not a picture that can be read (Is a directory).")


@pytest.mark.parametrize("there", [False, True])
def test_a_folder_given_as_a_picture_leaves_its_record_without_one(
    make: Callable[..., Collection], pictures: dict[str, Path], there: bool
) -> None:
    """Wherever it is, elsewhere or in the collection already."""
    folder = make().folder / "images" / "folder.png" if there else pictures["6"].with_name("folder.png")
    folder.mkdir()
    wrong = {**pictures, "6": folder}
    with pytest.raises(InputError, match=r"Record 6: .*folder\.png: not a picture that can be read"):
        make(pictures=wrong)
    lenient = Strictness()
    collection = make(pictures=wrong, strictness=lenient)
    assert [problem.where for problem in lenient.problems] == ["record 6"]
    assert collection.item("6").picture is None
    assert collection.item("7").picture is not None


def test_where_no_picture_can_be_read_there_is_nothing_to_compare(
    make: Callable[..., Collection], pictures: dict[str, Path]
) -> None:
    for path in pictures.values():
        path.write_bytes(b"no picture")
    collection = make()
    (report,) = collection.embed(text=None, image=Colours(), strictness=Strictness())
    assert (report.embedded, report.missing) == (0, 23)
    with pytest.raises(NothingToCompareError, match="without an embedding"):
        collection.similar("1", by="image")
    with pytest.raises(InputError, match="No record is left"):
        collection.pairs(by="image")


def test_a_picture_that_has_vanished_leaves_its_row_empty(things: Collection) -> None:
    (things.folder / "images/6.png").unlink()
    things.embed(text=None, image=Colours())
    with pytest.raises(NothingToCompareError, match="'Thing 6' has a picture without an embedding"):
        things.similar("6", by="image")


def test_a_changed_or_removed_picture_is_not_compared_by_its_old_vector(
    make: Callable[..., Collection], things: Collection, pictures: dict[str, Path]
) -> None:
    assert "6" in {hit.item.id for hit in things.similar("1", k=30, by="image").hits}
    pictures["6"].write_bytes(pictures["1"].read_bytes())
    gone = {id_: path for id_, path in pictures.items() if id_ != "7"}
    changed = make(pictures=gone)
    answered = changed.similar("1", k=30, by="image")
    assert {"6", "7"}.isdisjoint(hit.item.id for hit in answered.hits)
    assert "1 record with a picture that is not embedded" in answered.basis.note
    with pytest.raises(NothingToCompareError, match="'Thing 7' has no picture"):
        changed.similar("7", by="image")
    changed.embed(text=None, image=Colours())
    again = changed.similar("1", k=30, by="image")
    assert again.hits[0].item.id == "6"
    assert again.hits[0].value == pytest.approx(1, abs=1e-5)
    assert again.basis.note == "3 records without a picture"


def test_a_picture_that_was_changed_inside_the_collection_is_named(things: Collection) -> None:
    (things.folder / "images/6.png").write_bytes((things.folder / "images/1.png").read_bytes())
    strictness = Strictness()
    (report,) = things.embed(text=None, image=Colours(), strictness=strictness)
    assert report.missing == 3
    assert ["has changed" in problem.what for problem in strictness.problems] == [True]


def test_without_any_picture_left_there_is_nothing_to_compare_by_picture(
    make: Callable[..., Collection], things: Collection
) -> None:
    assert things.has("image")
    bare = make(pictures=None)
    assert not bare.has("image")
    with pytest.raises(NothingToCompareError, match="no picture"):
        bare.similar("1", by="image")


def test_a_folder_of_ones_own_is_not_written_over(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "records.jsonl").write_text("precious")
    with pytest.raises(InputError, match="holds files and is no collection"):
        Collection.create(mine, THINGS, title="T", origin="", id_path="id")
    assert (mine / "records.jsonl").read_text() == "precious"
    assert [path.name for path in mine.iterdir()] == ["records.jsonl"]
    with pytest.raises(InputError, match="is a file"):
        Collection.create(mine / "records.jsonl", THINGS, title="T", origin="", id_path="id")


def test_two_do_not_write_at_the_same_time(make: Callable[..., Collection], things: Collection) -> None:
    with Store(things.folder).writing():
        for write in (make, things.embed, lambda: things.fit_map(method="pca")):
            with pytest.raises(CollectionError, match="Another process"):
                write()
    assert things.embed(text=Letters(), image=None)


def test_a_record_is_never_taken_for_another(make: Callable[..., Collection], things: Collection) -> None:
    """Two files that belong together are replaced one after the other; a kill in between is seen."""
    old = (things.folder / "index.parquet").read_bytes()
    make(list(reversed(THINGS)))
    (things.folder / "index.parquet").write_bytes(old)
    torn = Collection.open(things.folder)
    with pytest.raises(CollectionError, match=r"has changed(.|\n)*again"):
        torn.record("3")
    with pytest.raises(CollectionError, match="has changed"):
        torn.embed(text=Letters(), image=None)


def test_without_pictures_no_picture_is_embedded(tmp_path: Path) -> None:
    collection = Collection.create(tmp_path, THINGS, title="T", origin="", id_path="id")
    assert [report.name for report in collection.embed(text=Letters(), image=Colours())] == ["text", "passages"]


def test_without_pictures_their_encoder_is_looked_up_all_the_same_but_not_made(tmp_path: Path) -> None:
    collection = Collection.create(tmp_path, THINGS, title="T", origin="", id_path="id")
    with pytest.raises(InputError, match="no image encoder 'gnomic'"):
        collection.embed(text="letters", image="gnomic")
    with pytest.raises(InputError, match="has a setting dimensions"):
        collection.embed(text="letters", image="nomic", settings={"dimensions": 64})
    reports = collection.embed(text="letters", image="nomic", settings={"precision": "f32"})
    assert [report.name for report in reports] == ["text", "passages"], "what the pictures' encoder takes is no error"


def test_an_unknown_encoder_is_refused_before_anything_is_embedded(make: Callable[..., Collection]) -> None:
    collection = make()
    with pytest.raises(InputError, match=r"no image encoder 'clipp'(.|\n)*descriptor"):
        collection.embed(text=Letters(), image="clipp")
    with pytest.raises(InputError, match=r"no text encoder 'descriptor'(.|\n)*wordllama"):
        collection.embed(text="descriptor", image=Colours())
    assert not collection.has("text")
    assert not collection.has("image")


def test_to_embed_nothing_is_refused(make: Callable[..., Collection]) -> None:
    with pytest.raises(InputError, match="nothing to embed"):
        make().embed(text=None, image=None)


def test_an_encoder_that_gives_no_unit_vectors_is_refused_and_nothing_is_kept(
    make: Callable[..., Collection],
) -> None:
    class Broken(Letters):
        def encode_documents(self, documents: Sequence[str]) -> Vectors:
            return 2 * super().encode_documents(documents)

    collection = make()
    with pytest.raises(EmbedexError, match="unit length"):
        collection.embed(text=Broken(), image=None)
    assert not collection.has("text")


def test_an_answer_is_not_kept_beyond_the_next_embedding_or_map(things: Collection) -> None:
    first = things.similar("1", k=2, by="text")
    things.embed(text=FewLetters(), image=None)
    assert things.similar("1", k=2, by="text").basis.encoder != first.basis.encoder
    things.fit_map(method="pca", by="image", name="m")
    by_image = things.similar("1", by="map")
    things.fit_map(method="pca", by="text", name="m")
    assert things.similar("1", by="map").basis != by_image.basis


def test_a_stopped_run_goes_on_where_it_was(make: Callable[..., Collection], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("embedex.embedding.BATCH", 4)

    class Stopped(Letters):
        def encode_documents(self, documents: Sequence[str]) -> Vectors:
            if len(self.read) >= 12:
                raise KeyboardInterrupt
            return super().encode_documents(documents)

    collection, stopped, rest = make(), Stopped(), Letters()
    with pytest.raises(KeyboardInterrupt):
        collection.embed(text=stopped, image=None)
    assert not collection.has("text")
    report = collection.embed(text=rest, image=None)[0]
    texts = [minify(record.data) for record in THINGS]
    assert stopped.read + rest.read[: report.embedded] == texts
    assert (report.rows, report.embedded) == (23, 11)
    assert not (collection.folder / "embeddings/.partial").exists()


def test_vectors_of_another_collection_are_reused_where_document_and_encoder_are_equal(
    things: Collection, tmp_path: Path, pictures: dict[str, Path]
) -> None:
    changed = [Record(record.id, {**record.data, "size": -1}) if n % 2 else record for n, record in enumerate(THINGS)]
    text, image = Letters(), Colours()
    second = create(tmp_path / "second", changed, pictures)
    reports = second.embed(text=text, image=image, reuse=[things.folder])
    assert [(report.name, report.embedded) for report in reports] == [("text", 11), ("passages", 0), ("image", 0)]
    assert (len(text.read), image.read) == (11, 0)
    alone = create(tmp_path / "alone", changed, pictures)
    alone.embed(text=Letters(), image=Colours())
    for name in ("text", "image", "passages"):
        file = f"embeddings/{name}.parquet"
        assert (second.folder / file).read_bytes() == (alone.folder / file).read_bytes()


def test_one_folder_to_reuse_is_one_folder(things: Collection, tmp_path: Path) -> None:
    for kind in (Path, str):
        second = create(tmp_path / kind.__name__, THINGS, {})
        reports = second.embed(text=Letters(), image=None, reuse=kind(things.folder))
        assert [report.embedded for report in reports] == [0, 0]


def test_a_collection_that_has_nothing_to_reuse_is_refused(
    things: Collection, tmp_path: Path, pictures: dict[str, Path]
) -> None:
    second = create(tmp_path / "second", THINGS, pictures)
    with pytest.raises(InputError, match=r"no embeddings by these encoders(.|\n)*text by letters"):
        second.embed(text=FewLetters(), image=None, reuse=[things.folder])
    with pytest.raises(CollectionError, match="not a collection"):
        second.embed(text=Letters(), image=None, reuse=[tmp_path / "nowhere"])
    assert second.embeddings == {}


# ── damage ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_folder_that_is_none_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(CollectionError, match=r"not a collection(.|\n)*embedex new"):
        Collection.open(tmp_path / "nowhere")


def test_records_that_were_changed_by_hand_are_noticed(things: Collection) -> None:
    path = things.folder / "records.jsonl"
    path.write_text(path.read_text("utf-8") + json.dumps({"name": "by hand"}) + "\n", "utf-8")
    with pytest.raises(CollectionError, match=r"does not belong to index\.parquet"):
        things.items(where="size > 3")
