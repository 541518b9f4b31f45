"""The parts of texts: kept while embedding, known again, streamed, put together anew; and what a collection does."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from embedex import parts
from embedex.collection import Collection
from embedex.documents import Span, TextDocument, TextSettings, text_spans, without_fields
from embedex.encoders import registry
from embedex.encoders.base import EncoderDescription
from embedex.encoders.registry import Entry
from embedex.errors import CollectionError, EmbedexError, InputError
from embedex.records import Record, minify
from embedex.store import Parts, Store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

ALPHABET = "abcdefghijklmnopqrstuvwxyz"


class Letters:
    """A text's letters, counted, after a constant that belongs to no field; remembers what it was given."""

    description = EncoderDescription("field-letters", "text", "letters", len(ALPHABET) + 1, "1", "", "none", "counts")

    def __init__(self) -> None:
        self.read: list[str] = []

    @staticmethod
    def counts(text: str) -> list[int]:
        return [0, *map(text.lower().count, ALPHABET)]

    def encode_documents(self, documents: Sequence[str]) -> NDArray[np.float32]:
        self.read += documents
        rows = np.asarray([self.counts(text) for text in documents], np.float64).reshape(-1, len(ALPHABET) + 1)
        rows[:, 0] = 1
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)

    encode_queries = encode_documents

    def encode_fields(
        self, documents: Sequence[str], fields: Sequence[Sequence[Span]]
    ) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
        found = []
        for text, spans in zip(documents, fields, strict=True):
            part = np.asarray([*(self.counts(text[span.start : span.end]) for span in spans), self.counts("")], float)
            part[-1, 0] = 1
            found.append(np.asarray(part / np.linalg.norm(part.sum(axis=0)), np.float32))
        return self.encode_documents(documents), found


class Wrong(Letters):
    """Gives parts that miss their sum."""

    def encode_fields(self, documents: Any, fields: Any) -> Any:
        vectors, found = super().encode_fields(documents, fields)
        return vectors, [2 * part for part in found]


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    stub = Entry("field-letters", "text", 0, "", "", f"{__name__}:Letters", lambda: "")
    monkeypatch.setattr(registry, "ENTRIES", (*registry.ENTRIES, stub))


WORDS = [
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
]


def thing(number: int) -> Record:
    draw = np.random.default_rng(number)
    kind = ("hats", "shoes", "gloves")[number % 3]
    data: dict[str, Any] = {
        "id": number,
        "name": f"{draw.choice(WORDS)} {number}",
        "kind": {"name": kind, "look": {"hats": "zzz", "shoes": "qqq", "gloves": "jjj"}[kind]},
        "moves": [str(word) for word in draw.choice(WORDS, 5)],
    }
    if number % 4:
        data["notes"] = " ".join(draw.choice(WORDS, 8))
    return Record(str(number), data)


THINGS = [thing(number) for number in range(1, 31)]


def create(folder: Path, records: Sequence[Record] = THINGS, **changed: Any) -> Collection:
    settings = {"title": "Things", "origin": "a test", "id_path": "id", "name_path": "name", "group_path": "kind.name"}
    return Collection.create(folder, records, **{**settings, **changed})


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("parts") / "dex"
    create(folder).embed(text=Letters(), image=None, fields=2)
    return folder


@pytest.fixture
def dex(finished: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finished, tmp_path / "dex")


def brute(record: Record, without: Sequence[str] = ()) -> NDArray[np.float64]:
    """The vector of a record without some top fields, as if they were never there."""
    left = {key: value for key, value in record.data.items() if key not in without}
    vector: NDArray[np.float64] = Letters().encode_documents([minify(left)])[0].astype(np.float64)
    return vector


def centred(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    moved = vectors - vectors.mean(axis=0)
    return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True))


# --- documents ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [1, 2])
def test_spans_are_found_in_the_text_itself_and_cover_it(depth: int) -> None:
    for record in (*THINGS[:6], Record("é", {"é": {"x": 1e300, "y": {}}, "": [1, None], "z": {"a": {"b": 2}}})):
        text = minify(record.data)
        spans = text_spans(text, TextSettings(), depth=depth)
        assert [span.start for span in spans] == [0, *(span.end for span in spans[:-1])]
        assert spans[-1].end == len(text)
        for span in spans:
            assert f'"{span.path.rpartition(".")[2]}":' in text[span.start : span.end]


def test_leaving_out_fields_leaves_out_no_others() -> None:
    text = '{"a":{"b":1,"c":{"b":2}},"b":3}'
    assert without_fields(text, ["b"], TextSettings()) == '{"a":{"b":1,"c":{"b":2}}}'
    assert without_fields(text, ["a.b"], TextSettings(), depth=2) == '{"a":{"c":{"b":2}},"b":3}'
    assert without_fields(text, ["a.b"], TextSettings()) == text
    assert without_fields(text, ["a.b", "a.c"], TextSettings(), depth=2) == '{"b":3}'
    assert without_fields('{"a":{},"b":3}', ["b"], TextSettings(), depth=2) == '{"a":{}}'
    assert without_fields('{"é":"é","a":1}', ["a"], TextSettings(ascii=True)) == '{"\\u00e9":"\\u00e9"}'


# --- the file -------------------------------------------------------------------------------------------------


def test_every_text_is_read_once_and_has_the_same_vector(tmp_path: Path) -> None:
    plain, fielded = Letters(), Letters()
    create(tmp_path / "plain").embed(text=plain, image=None)
    reports = create(tmp_path / "dex").embed(text=fielded, image=None, fields=1)
    assert sorted(fielded.read) == sorted(plain.read)
    assert [(each.name, each.rows, each.embedded) for each in reports][:2] == [("text", 30, 30), ("fields", 30, 0)]
    both = [Store(tmp_path / name).read_embeddings("text") for name in ("plain", "dex")]
    assert both[0] is not None
    assert both[1] is not None
    np.testing.assert_array_equal(both[0].vectors, both[1].vectors)


def test_parts_sum_to_the_vectors_in_the_file(finished: Path) -> None:
    store = Store(finished)
    text, described = store.read_embeddings("text"), store.describe_parts()
    assert text is not None
    assert described is not None
    assert set(described.paths) == {"id", "name", "kind.name", "kind.look", "moves", "notes", parts.REST}
    assert (described.depth, described.description) == (2, Letters.description)
    dense = parts.dense(store.read_parts(), described.paths, text.ids)
    np.testing.assert_allclose(dense.sum(axis=1), text.vectors, atol=1e-6)
    assert not dense[3, described.paths.index("notes")].any()  # the fourth record has none


def test_what_is_known_is_not_embedded_again(dex: Path) -> None:
    changed = [*THINGS[1:], Record("99", {"id": 99, "name": "new", "kind": {"name": "hats"}, "moves": []})]
    changed[0] = Record("2", {**changed[0].data, "moves": ["other"]})
    again = Letters()
    create(dex, changed).embed(text=again, image=None, fields=2)
    texts = {minify(record.data) for record in changed}
    assert len([text for text in again.read if text in texts]) == 2
    store = Store(dex)
    ids = [each for block in store.read_parts() for each in block.ids]
    assert sorted(ids) == sorted(record.id for record in changed)


def test_parts_may_come_after_the_vectors(tmp_path: Path) -> None:
    collection = create(tmp_path / "dex")
    collection.embed(text=Letters(), image=None)
    late = Letters()
    reports = collection.embed(text=late, image=None, fields=1)
    assert [each.embedded for each in reports] == [0, 30, 0]
    assert len(late.read) == 30


def test_records_of_one_text_share_their_parts(tmp_path: Path) -> None:
    twins = [Record(str(number), {"name": "same", "moves": ["vex"]}) for number in range(3)]
    collection = create(tmp_path / "dex", twins, id_path="id", group_path="")
    encoder = Letters()
    collection.embed(text=encoder, image=None, fields=1)
    assert encoder.read.count(minify(twins[0].data)) == 1
    assert sorted(each for block in Store(tmp_path / "dex").read_parts() for each in block.ids) == ["0", "1", "2"]


def test_a_stopped_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "BATCH", 4)
    store = Store(tmp_path)

    class Stops(Letters):
        def encode_fields(self, documents: Any, fields: Any) -> Any:
            if len(self.read) >= 12:
                raise KeyboardInterrupt
            return super().encode_fields(documents, fields)

    documents = [TextDocument(record.id, minify(record.data)) for record in THINGS]

    def run(encoder: Letters) -> int:
        return parts.run(iter(documents), parts.Keeper(encoder, store, TextSettings(), 1), store, 1, "made")

    first, second = Stops(), Letters()
    with pytest.raises(KeyboardInterrupt):
        run(first)
    assert store.describe_parts() is None
    assert run(second) == 18
    assert sorted([*first.read, *second.read]) == sorted(document.text for document in documents)
    assert run(Letters()) == 0
    assert not (tmp_path / "embeddings" / ".partial").exists()
    assert sum(len(block.ids) for block in store.read_parts()) == 30


def test_a_block_at_a_time_is_read(finished: Path, tmp_path: Path) -> None:
    store = Store(tmp_path)
    blocks = [
        Parts([f"{n}"], [f"h{n}"], np.array([0, 2]), ["a", "b"], np.full((2, 3), n, np.float32)) for n in range(4)
    ]
    store.write_parts(iter(blocks), replace(Letters.description, dimension=3), 1, "made")
    read = list(store.read_parts())
    assert [each.ids for each in read] == [["0"], ["1"], ["2"], ["3"]]
    np.testing.assert_array_equal(read[3].vectors, blocks[3].vectors)
    assert read[2].starts.tolist() == [0, 2]


def test_weighted_drops_what_weighs_nothing() -> None:
    block = Parts(
        ["a", "b", "c"], ["1", "2", "3"], np.array([0, 2, 3, 5]), ["x", "y", "x", "x", "y"],
        np.array([[1, 0], [0, 1], [1, 1], [3, 0], [0, 4]], np.float32),
    )  # fmt: skip
    rows, vectors = parts.weighted([block], {"x": 0.0, "y": 2.0}, {"c": 0, "a": 5, "b": 2}, 2)
    assert rows.tolist() == [0, 5]
    np.testing.assert_allclose(vectors, [[0, 1], [0, 1]])
    rows, vectors = parts.weighted([block], {"y": 0.5}, {"c": 0, "a": 5}, 2)
    np.testing.assert_allclose(vectors[0], np.array([3, 2]) / np.sqrt(13), rtol=1e-6)
    assert parts.weighted([], {}, {}, 2)[1].shape == (0, 2)


def test_an_encoder_that_cannot_is_refused_before_work(tmp_path: Path) -> None:
    collection = create(tmp_path / "dex")

    class Plain:
        description = replace(Letters.description, name="plain")
        encode_documents = Letters.encode_documents

    with pytest.raises(InputError, match="'plain' cannot be split") as caught:
        collection.embed(text=Plain(), image=None, fields=1)
    assert "wordllama" in caught.value.allowed
    with pytest.raises(InputError, match="depth 3"):
        collection.embed(text=Letters(), image=None, fields=3)


def test_parts_that_miss_their_sum_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EmbedexError, match="miss their sum"):
        create(tmp_path / "dex").embed(text=Wrong(), image=None, fields=1)


# --- questions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_mean", [True, False])
def test_why_sums_to_what_similar_says(finished: Path, by_mean: bool) -> None:
    collection = Collection.open(finished)
    for one, other in (("1", "2"), ("4", "8"), ("30", "3")):
        why = collection.why(one, other, centred=by_mean)
        scores = {hit.item.id: hit.score for hit in collection.similar(one, k=30, centred=by_mean).hits}
        assert abs(why.score - (scores[other] or 0)) < 1e-6
        assert why.by_field.sum() == pytest.approx(why.score)
        assert list(why.by_field) == sorted(why.by_field, reverse=True)
        assert why.basis.count == 30


def test_why_of_raw_cosines_is_what_letters_say(finished: Path) -> None:
    why = Collection.open(finished).why("1", "2", centred=False)
    cells = {(one, other): why.matrix[i, j] for i, one in enumerate(why.fields) for j, other in enumerate(why.fields)}
    texts = [minify(record.data) for record in THINGS[:2]]
    lengths = [np.linalg.norm([1, *Letters.counts(text)]) for text in texts]
    pieces = [
        {
            span.path: np.array(Letters.counts(text[span.start : span.end]))
            for span in text_spans(text, TextSettings(), depth=2)
        }
        for text in texts
    ]
    for one in ("moves", "name"):
        for other in ("notes", "kind.look"):
            assert cells[one, other] == pytest.approx(pieces[0][one] @ pieces[1][other] / np.prod(lengths), abs=1e-6)


def test_ablation_of_an_encoder_without_context_agrees(finished: Path) -> None:
    why = Collection.open(finished).why("1", "2", ablate=["moves", "kind"])
    assert [each.field for each in why.ablations] == ["moves", "kind"]
    for each in why.ablations:
        assert each.predicted == pytest.approx(each.embedded, abs=1e-5)
        assert abs(each.drift) < 1e-6
    vectors = centred(np.asarray([brute(record, ["moves"]) for record in THINGS]))
    assert why.ablations[0].predicted == pytest.approx(vectors[0] @ vectors[1], abs=1e-5)
    assert len(Collection.open(finished).why("1", "2", ablate=[]).ablations) == 5


def test_similar_without_a_field_is_similar_of_texts_without_it(finished: Path) -> None:
    collection = Collection.open(finished)
    vectors = centred(np.asarray([brute(record, ["moves", "kind"]) for record in THINGS]))
    hits = collection.similar("7", k=30, weights={"moves": 0, "kind": 0.0}).hits
    for hit in hits:
        assert hit.score == pytest.approx(vectors[6] @ vectors[int(hit.item.id) - 1], abs=1e-5)
    basis = collection.similar("7", weights={"moves": 0}).basis
    assert "without moves" in basis.note


def test_all_ones_change_nothing(finished: Path) -> None:
    collection = Collection.open(finished)
    for ask in (collection.similar, lambda query, **more: collection.unusual(**more)):
        plain, weighted = ask("3", k=30), ask("3", k=30, weights={"moves": 1})
        assert [hit.item for hit in plain.hits] == [hit.item for hit in weighted.hits]
        assert [hit.score for hit in plain.hits] == pytest.approx([hit.score for hit in weighted.hits], abs=1e-6)
    np.testing.assert_allclose(collection.pairs(weights={"id": 1}).matrix, collection.pairs().matrix, atol=1e-6)


def test_every_verb_that_ranks_takes_weights(finished: Path, dex: Path) -> None:
    collection = Collection.open(dex)
    weights = {"notes": 3.0, "moves": 0.1}
    assert collection.pairs(weights=weights).basis.note == "weights: notes x 3, moves x 0.1"
    assert collection.unusual(weights=weights).basis.note
    answers = collection.ask("zebra quartz", weights=weights)
    assert (answers.against, answers.basis.note) == ("records", "weights: notes x 3, moves x 0.1")
    fitted = collection.fit_map(method="pca", weights=weights)
    assert (fitted.basis.count, fitted.parameters["weights"]) == (30, "weights: notes x 3, moves x 0.1")
    with pytest.raises(InputError, match="not for passages"):
        collection.ask("zebra", against="passages", weights=weights)
    with pytest.raises(InputError, match="not for --by map"):
        collection.similar("1", by="map", weights=weights)
    with pytest.raises(InputError, match="'mvoes'"):
        collection.similar("1", weights={"mvoes": 0})


def test_compare_says_who_goes_and_who_comes(finished: Path) -> None:
    collection = Collection.open(finished)
    result = collection.compare({"moves": 0}, k=4)
    for change in result.changes:
        near = [
            [hit.item for hit in collection.similar(change.item.id, k=4, weights=weights).hits]
            for weights in (None, {"moves": 0.0})
        ]
        assert list(change.gone) == [item for item in near[0] if item not in near[1]]
        assert list(change.come) == [item for item in near[1] if item not in near[0]]
        assert change.overlap == pytest.approx(1 - len(change.gone) / 4)
    assert result.overlap == pytest.approx(np.mean([change.overlap for change in result.changes]))
    assert [(label, count) for label, count, _ in result.groups] == [("shoes", 10), ("gloves", 10), ("hats", 10)]
    assert result.weights == "without moves"
    nothing = collection.compare({"moves": 1.0})
    assert nothing.overlap == 1
    assert [hit.item for hit in nothing.unusual_before] == [hit.item for hit in nothing.unusual_after]


def test_tune_finds_the_field_that_says_the_kind_and_keeps_it(dex: Path) -> None:
    collection = Collection.open(dex)
    tuned = collection.tune("kind.name", name="kinds", k=5)
    assert tuned.own_field == "kind.name"
    assert tuned.weights["kind.name"] == 1
    assert tuned.weights["kind.look"] > tuned.weights["moves"]
    assert tuned.after > tuned.before
    kept = json.loads((dex / "weights" / "kinds.json").read_text("utf-8"))
    assert kept["weights"] == tuned.weights == collection.read_weights("kinds")
    named, given = (collection.similar("1", weights=each).hits for each in ("kinds", tuned.weights))
    assert named == given
    with pytest.raises(CollectionError, match="no weights 'other'"):
        collection.similar("1", weights="other")
    with pytest.raises(InputError, match="leads to nothing in any record"):
        collection.tune("nowhere.at.all")
    with pytest.raises(InputError, match="cannot name"):
        collection.tune("kind.name", name="../kinds")


def test_without_parts_it_says_what_to_run(tmp_path: Path, dex: Path) -> None:
    collection = create(tmp_path / "plain")
    with pytest.raises(CollectionError, match="text has not been embedded"):
        collection.why("1", "2")
    collection.embed(text=Letters(), image=None)
    with pytest.raises(CollectionError, match="has not been kept") as caught:
        collection.similar("1", weights={"moves": 0})
    assert "--fields" in caught.value.cure
    (dex / "embeddings" / "fields.parquet").write_bytes(b"no parquet")
    with pytest.raises(CollectionError, match=r"fields\.parquet"):
        Collection.open(dex).why("1", "2")


def test_records_that_changed_since_are_told(dex: Path) -> None:
    collection = create(dex, [*THINGS[:-1], Record("30", {"id": 30, "name": "changed", "kind": {"name": "hats"}})])
    assert "records have changed" in collection.why("1", "2").basis.note
    assert "records have changed" in collection.similar("1", weights={"moves": 0}).basis.note
