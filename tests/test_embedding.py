"""An embedding run: the right vector in the right row, nothing embedded twice, and a kill that costs little."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from embedex import embedding
from embedex.documents import ImageDocument, TextDocument
from embedex.embedding import Known, Progress
from embedex.encoders.base import EncoderDescription
from embedex.errors import CollectionError, EmbedexError, InputError
from embedex.records import Strictness
from embedex.store import Embeddings, Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from embedex.embedding import Document

DIMENSION = 6

DESCRIPTION = EncoderDescription(
    name="stub",
    modality="text",
    space="stub-1",
    dimension=DIMENSION,
    revision="1",
    weights_sha256="",
    preprocessing="none; 1",
    pooling="none",
)


def vector_of(text: str) -> NDArray[np.float32]:
    """A unit vector that the text alone decides, and that no other text has."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
    vector = np.random.default_rng(seed).standard_normal(DIMENSION).astype(np.float32)
    unit: NDArray[np.float32] = vector / np.linalg.norm(vector)
    return unit


class Stub:
    """Depends on content; keeps every text it was given; dies when it meets the text that is deadly."""

    def __init__(self, description: EncoderDescription = DESCRIPTION, *, deadly: str = "") -> None:
        self.description = description
        self.deadly = deadly
        self.seen: list[str] = []

    def encode_documents(self, documents: Sequence[str]) -> NDArray[np.float32]:
        if self.deadly in documents:
            raise KeyboardInterrupt
        self.seen += documents
        return np.asarray([vector_of(text) for text in documents], np.float32)


@dataclass(frozen=True)
class Unreadable:
    """A document whose content cannot be had."""

    id: str
    content_hash: str = "broken"

    def content(self) -> str:
        raise InputError(f"{self.content_hash}.png: not a picture.")


def documents(*texts: str | None) -> list[Document | None]:
    return [None if text is None else TextDocument(f"id-{row}", text) for row, text in enumerate(texts)]


def hash_of(text: str) -> str:
    return TextDocument("", text).content_hash


def assert_rows(run: embedding.Run, *texts: str | None) -> None:
    """Each row has its own text's vector, or none."""
    assert run.hashes == [None if text is None else hash_of(text) for text in texts]
    assert run.rows.dtype == np.int64
    assert run.rows.tolist() == [row for row, text in enumerate(texts) if text is not None]
    assert run.vectors.dtype == np.float32
    expected = [vector_of(text) for text in texts if text is not None]
    np.testing.assert_array_equal(run.vectors, np.asarray(expected, np.float32).reshape(-1, DIMENSION))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "BATCH", 4)
    monkeypatch.setattr(embedding, "SHARD_SECONDS", 0)


# ── rows ────────────────────────────────────────────────────────────────────────────────────────────


def test_every_row_has_the_vector_of_its_own_content(store: Store) -> None:
    texts = [f"text {n}" for n in range(2 * embedding.BATCH + 3)]
    run = embedding.run(iter(documents(*texts)), Stub(), store, "text")
    assert_rows(run, *texts)
    assert run.embedded == len(texts)


@pytest.mark.usefixtures("small_shards")
def test_equal_documents_share_a_vector_and_each_has_a_row(store: Store) -> None:
    texts = ["a", "b", "a", "c", "d", "a", "b", "b", "e"]  # within a shard and across shards
    encoder = Stub()
    run = embedding.run(documents(*texts), encoder, store, "text")
    assert_rows(run, *texts)
    assert encoder.seen == ["a", "b", "c", "d", "e"]
    assert run.embedded == 5


@pytest.mark.usefixtures("small_shards")
def test_a_row_without_a_document_has_no_vector(store: Store) -> None:
    texts = [None, "a", None, None, None, None, None, None, "b", None]
    assert_rows(embedding.run(documents(*texts), Stub(), store, "text"), *texts)


@pytest.mark.parametrize("texts", [[], [None, None]])
def test_a_run_without_any_document_calls_no_encoder(store: Store, texts: list[None]) -> None:
    encoder = Stub()
    run = embedding.run(documents(*texts), encoder, store, "text")
    assert_rows(run, *texts)
    assert run.vectors.shape == (0, DIMENSION)
    assert (encoder.seen, run.embedded) == ([], 0)


@pytest.mark.usefixtures("small_shards")
def test_progress_tells_rows_documents_and_the_share_of_the_work(store: Store) -> None:
    told: list[Progress] = []
    rows = documents("a", None, "a", "b", "c", "d", "a", "a", "b")
    embedding.run(rows, Stub(), store, "text", count=len(rows), progress=told.append)
    # Two of four rows have a new document, and so 2.5 of the other five are expected; the last row has none.
    assert told[0] == Progress(0, 0, 0, 0.0)
    assert told[1:] == [Progress(4, 2, 0, 2 / 4.5), Progress(8, 4, 0, 4 / 4.5), Progress(9, 4, 0, 1.0)]


# ── documents by length ─────────────────────────────────────────────────────────────────────────────


class Words(Stub):
    """Tells how many tokens a document has: its words. Refuses what has too many."""

    pack_tokens = 10

    def __init__(self, *, most: int = 100) -> None:
        super().__init__()
        self.most = most
        self.packs: list[list[str]] = []

    def tokenize(self, documents: Sequence[str]) -> list[Sentence]:
        for number, text in enumerate(documents):
            if text.count(" ") >= self.most:
                raise InputError(f"Document {number + 1} has too many words.", cure="Shorten it.")
        return [Sentence(text) for text in documents]

    def encode_tokenized(self, tokenized: Sequence[Sentence]) -> NDArray[np.float32]:
        self.packs.append([each.text for each in tokenized])
        return self.encode_documents([each.text for each in tokenized])


@dataclass(frozen=True)
class Sentence:
    text: str

    @property
    def tokens(self) -> int:
        return self.text.count(" ") + 1


def words(*counts: int) -> list[str]:
    return [" ".join([f"{number}"] * count) for number, count in enumerate(counts)]


def test_documents_of_about_one_length_run_together_and_long_ones_alone(store: Store) -> None:
    texts = words(2, 30, 1, 4, 12, 3, 4, 9, 1)
    encoder = Words()
    run = embedding.run(documents(*texts), encoder, store, "text")
    assert_rows(run, *texts)
    sizes = [[text.count(" ") + 1 for text in pack] for pack in encoder.packs]
    assert sizes == [[30], [12], [9], [4, 4], [3, 2, 1, 1]]


@pytest.mark.usefixtures("small_shards")
def test_only_so_much_is_read_before_the_first_document_is_embedded(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding, "POOL_TOKENS", 40)
    taken: list[str] = []
    texts = words(*[10] * 400)

    def stream() -> Iterator[Document]:
        for text in texts:
            taken.append(text)
            yield TextDocument(text, text)

    encoder = Words()
    encoder.deadly = texts[0]
    with pytest.raises(KeyboardInterrupt):
        embedding.run(stream(), encoder, store, "text")
    assert taken == texts[:8], "one pool of 40 tokens to embed, and the next one ahead"
    again = Words()
    assert_rows(embedding.run(documents(*texts), again, store, "text"), *texts)
    assert len(again.packs) == 400


@pytest.mark.usefixtures("small_shards")
def test_what_is_known_is_done_but_is_no_work(store: Store) -> None:
    texts = [f"text {n}" for n in range(16)]
    known = Known([hash_of(text) for text in texts[:8]], np.asarray([vector_of(text) for text in texts[:8]]))
    told: list[Progress] = []
    embedding.run(documents(*texts), Stub(), store, "text", count=16, known=[known], progress=told.append)
    assert [(each.rows, each.embedded, each.share) for each in told] == [
        (0, 0, 0), (4, 0, 0), (8, 0, 0), (12, 4, 0.5), (16, 8, 1)
    ]  # fmt: skip


def test_rows_without_a_vector_beside_many_that_are_known(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "IN_MEMORY", 1)
    known = Known([hash_of("a")], vector_of("a")[None])
    assert_rows(embedding.run(documents(None, None), Stub(), store, "image", known=[known]), None, None)


def test_progress_goes_by_tokens_where_they_are_known(store: Store) -> None:
    told: list[Progress] = []
    embedding.run(documents(*words(5, 15, 1, 9)), Words(), store, "text", count=4, progress=told.append)
    assert [(each.rows, each.tokens, each.share) for each in told[1:]] == [(1, 15, 0.5), (2, 24, 0.8), (4, 30, 1)]


@pytest.mark.usefixtures("small_shards")
def test_a_document_that_the_encoder_refuses_is_named_by_its_record(store: Store) -> None:
    texts = words(2, 3, 4, 5, 6, 7)
    with pytest.raises(InputError) as caught:
        embedding.run(documents(*texts), Words(most=6), store, "text")
    assert str(caught.value) == "Record id-5: Document 1 has too many words.\nShorten it."


def test_many_vectors_are_kept_in_a_file_and_are_the_same(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "IN_MEMORY", 40 * 4 * DIMENSION)
    texts = [f"text {n}" for n in range(3 * embedding.BATCH)]
    before = Known([hash_of(text) for text in texts[:50]], np.asarray([vector_of(text) for text in texts[:50]]))
    assert_rows(embedding.run(documents(*texts), Stub(), store, "text", known=[before]), *texts)
    mixed = [texts[200], None, *texts[10:300], texts[200]]
    assert_rows(embedding.run(documents(*mixed), Stub(), store, "text"), *mixed)
    embedding.finish(store, "text", Stub())
    assert not list((store.folder / "embeddings").iterdir())
    assert [path.name for path in store.folder.iterdir()] == ["embeddings"]


def test_shards_are_written_by_time_and_what_was_computed_before_a_stop_is_written(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding, "BATCH", 1)
    now = iter(range(1000))
    monkeypatch.setattr("embedex.embedding.monotonic", lambda: 0.2 * next(now))
    with pytest.raises(KeyboardInterrupt):
        embedding.run(documents(*"abcdefghijk"), Stub(deadly="k"), store, "text")
    kept = [hashes for hashes, _ in store.read_shards(f"text-{DESCRIPTION.fingerprint}")]
    assert [len(hashes) for hashes in kept] == [3, 3, 3, 1], "the last one, although no second had passed"
    assert list(itertools.chain.from_iterable(kept)) == [hash_of(text) for text in "abcdefghij"]


# ── documents that cannot be read ───────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("small_shards")
def test_documents_that_cannot_be_read_are_set_aside_and_named(store: Store) -> None:
    rows = [*documents("a"), Unreadable("x"), *documents("b", "a", "c"), Unreadable("y", "worse"), None]
    strictness = Strictness()
    run = embedding.run(rows, Stub(), store, "image", strictness=strictness)
    assert_rows(run, "a", None, "b", "a", "c", None, None)
    assert [str(problem) for problem in strictness.problems] == [
        "record x: broken.png: not a picture.",
        "record y: worse.png: not a picture.",
    ]


@pytest.mark.usefixtures("small_shards")
def test_every_record_of_one_unreadable_content_is_named(store: Store) -> None:
    rows = [Unreadable("x"), Unreadable("y"), *documents("a", "b", "c"), Unreadable("z")]
    strictness = Strictness()
    run = embedding.run(rows, Stub(), store, "image", strictness=strictness)
    assert_rows(run, None, None, "a", "b", "c", None)
    assert [problem.where for problem in strictness.problems] == ["record x", "record y", "record z"]


def test_problems_are_told_in_the_order_of_the_records(store: Store) -> None:
    rows = [Unreadable(str(n), f"hash {n}") for n in range(40)]
    strictness = Strictness()
    embedding.run(rows, Stub(), store, "image", strictness=strictness)
    assert [problem.where for problem in strictness.problems] == [f"record {n}" for n in range(40)]
    with pytest.raises(InputError, match=r"^record 0: hash 0\.png: not a picture\."):
        embedding.run(rows, Stub(), store, "image", strictness=Strictness(strict=True))


def test_without_strictness_an_unreadable_document_is_set_aside(store: Store) -> None:
    assert_rows(embedding.run([Unreadable("x"), *documents("a")], Stub(), store, "image"), None, "a")


def test_a_broken_picture_is_set_aside_and_a_good_one_is_not(store: Store, tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (4, 4), "red").save(tmp_path / "red.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")

    class Mean(Stub):
        def encode_documents(self, documents: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:  # type: ignore[override]
            return np.asarray([vector_of(str(picture.mean(axis=(0, 1)))) for picture in documents], np.float32)

    pictures = [ImageDocument(name, tmp_path / f"{name}.png") for name in ("broken", "red")]
    strictness = Strictness()
    run = embedding.run(pictures, Mean(), store, "image", strictness=strictness)
    assert run.rows.tolist() == [1]
    np.testing.assert_array_equal(run.vectors[0], vector_of("[255.   0.   0.]"))
    assert [problem.where for problem in strictness.problems] == ["record broken"]


# ── what is known ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("small_shards")
def test_known_vectors_are_reused_whatever_their_order(store: Store) -> None:
    known = Known([hash_of(text) for text in "cbz"], np.asarray([vector_of(text) for text in "cbz"]))
    encoder = Stub()
    texts = ["a", "b", "c", "d", "b", "e"]
    run = embedding.run(documents(*texts), encoder, store, "text", known=[known])
    assert_rows(run, *texts)
    assert encoder.seen == ["a", "d", "e"]
    assert run.embedded == 3


def test_known_vectors_are_taken_as_they_are(store: Store) -> None:
    """So that a run over unchanged records gives back the very bytes it had."""
    other = -vector_of("a")
    run = embedding.run(documents("a", "b"), Stub(), store, "text", known=[Known([hash_of("a")], other[None])])
    np.testing.assert_array_equal(run.vectors, [other, vector_of("b")])


def test_a_content_that_is_known_twice_shifts_no_other(store: Store) -> None:
    """An embedding file has a row a record: two of one content give its hash twice."""
    known = Known([hash_of(text) for text in "aabac"], np.asarray([vector_of(text) for text in "aabac"]))
    encoder = Stub()
    run = embedding.run(documents("c", "b", "a", "new"), encoder, store, "text", known=[known])
    assert_rows(run, "c", "b", "a", "new")
    assert encoder.seen == ["new"]


def test_when_all_is_known_the_encoder_is_not_called(store: Store) -> None:
    first = embedding.run(documents("a", None, "b"), Stub(), store, "text")
    embedding.finish(store, "text", Stub())
    known = Known([hash_ for hash_ in first.hashes if hash_], first.vectors)
    encoder = Stub()
    again = embedding.run(documents("b", "a"), encoder, store, "text", known=[known])
    assert_rows(again, "b", "a")
    assert (encoder.seen, again.embedded) == ([], 0)


# ── a run that dies ─────────────────────────────────────────────────────────────────────────────────

LONG = [f"text {n % 13}" if n % 5 else None for n in range(30)]


def file_of(run: embedding.Run, store: Store) -> bytes:
    ids = [str(row) for row in range(len(run.hashes))]
    store.write_embeddings("text", Embeddings(ids, run.hashes, run.rows, run.vectors, DESCRIPTION, "from"))
    return (store.folder / "embeddings" / "text.parquet").read_bytes()


@pytest.mark.usefixtures("small_shards")
@pytest.mark.parametrize("deaths", [("text 4",), ("text 6", "text 11"), ("text 1",)])
def test_a_run_that_died_goes_on_where_it_ended(tmp_path: Path, deaths: tuple[str, ...]) -> None:
    undisturbed = Stub()
    whole = embedding.run(documents(*LONG), undisturbed, Store(tmp_path / "whole"), "text")
    store = Store(tmp_path / "died")
    seen: list[str] = []
    for deadly in deaths:
        dying = Stub(deadly=deadly)
        with pytest.raises(KeyboardInterrupt):
            embedding.run(documents(*LONG), dying, store, "text")
        seen += dying.seen
    last = Stub()
    run = embedding.run(documents(*LONG), last, store, "text")
    seen += last.seen
    assert_rows(run, *LONG)
    assert run.embedded == len(last.seen) < 13 or deaths == ("text 1",)
    assert sorted(seen) == sorted(undisturbed.seen), "what was finished is embedded once and for all"
    assert file_of(run, store) == file_of(whole, Store(tmp_path / "whole"))


@pytest.mark.usefixtures("small_shards")
def test_shards_and_known_vectors_may_overlap(store: Store) -> None:
    with pytest.raises(KeyboardInterrupt):
        embedding.run(documents(*"abcdefgh"), Stub(deadly="g"), store, "text")
    known = Known([hash_of(text) for text in "xbd"], np.asarray([vector_of(text) for text in "xbd"]))
    encoder = Stub()
    run = embedding.run(documents(*"habxcdefg"), encoder, store, "text", known=[known])
    assert_rows(run, *"habxcdefg")
    assert encoder.seen == ["h", "e", "f", "g"]


@pytest.mark.usefixtures("small_shards")
def test_shards_are_found_by_run_and_by_every_setting_of_the_encoder(store: Store) -> None:
    embedding.run(documents("a", "b"), Stub(), store, "text")
    for name, description in (
        ("passages", DESCRIPTION),
        ("text", replace(DESCRIPTION, revision="2")),
        ("text", replace(DESCRIPTION, document_prefix="search: ")),
    ):
        other = Stub(description)
        embedding.run(documents("a", "b"), other, store, name)
        assert other.seen == ["a", "b"], "another setting gives another vector"
    same = Stub()
    embedding.run(documents("a", "b"), same, store, "text")
    assert same.seen == []


def test_a_run_that_is_finished_leaves_no_shards(store: Store) -> None:
    embedding.run(documents("a"), Stub(), store, "text")
    embedding.run(documents("a"), Stub(), store, "passages")
    embedding.finish(store, "text", Stub())
    encoder = Stub()
    embedding.run(documents("a"), encoder, store, "passages")
    assert encoder.seen == [], "another run's shards stay"
    embedding.finish(store, "passages", Stub())
    assert not list((store.folder / "embeddings").iterdir())


@pytest.mark.usefixtures("small_shards")
def test_after_a_lost_shard_no_other_shard_is_overwritten(store: Store) -> None:
    """A person deletes a damaged shard, as the message says; the next kill must not cost a whole one."""
    embedding.run(documents(*"abcdefghijkl"), Stub(), store, "text")
    lost = min((store.folder / "embeddings" / ".partial").rglob("*.parquet"))
    lost.write_bytes(b"damaged")
    with pytest.raises(CollectionError, match="Delete that file"):
        embedding.run(documents(*"abcdefghijkl"), Stub(), store, "text")
    lost.unlink()
    for expected in (["a", "b", "c", "d"], []):
        encoder = Stub()
        assert_rows(embedding.run(documents(*"abcdefghijkl"), encoder, store, "text"), *"abcdefghijkl")
        assert encoder.seen == expected


# ── an encoder that is wrong ────────────────────────────────────────────────────────────────────────


def one_short(texts: Sequence[str]) -> NDArray[np.floating]:
    return np.asarray([vector_of(text) for text in texts[1:]])


def too_wide(texts: Sequence[str]) -> NDArray[np.floating]:
    return np.asarray([np.append(vector_of(text), 0) for text in texts], np.float32)


def flat(texts: Sequence[str]) -> NDArray[np.floating]:
    return np.concatenate([vector_of(text) for text in texts])


def double(texts: Sequence[str]) -> NDArray[np.floating]:
    return np.asarray([vector_of(text) for text in texts], np.float64)


def zero(texts: Sequence[str]) -> NDArray[np.floating]:
    return np.asarray([vector_of(texts[0]), *np.zeros((len(texts) - 1, DIMENSION))], np.float32)


def long(texts: Sequence[str]) -> NDArray[np.floating]:
    return np.asarray([vector_of(text) * np.float32(1.01) for text in texts])


def not_a_number(texts: Sequence[str]) -> NDArray[np.floating]:
    return np.asarray([vector_of(texts[0]), *np.full((len(texts) - 1, DIMENSION), np.nan)], np.float32)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (one_short, r"gave float32 of shape \(2, 6\)"),
        (too_wide, r"gave float32 of shape \(3, 7\)"),
        (flat, r"gave float32 of shape \(18,\)"),
        (double, r"gave float64 of shape \(3, 6\)"),
        (zero, "not of unit length"),
        (long, "not of unit length"),
        (not_a_number, "not of unit length"),
    ],
)
def test_what_is_not_a_unit_vector_a_row_is_refused_and_not_kept(
    store: Store, wrong: Callable[[Sequence[str]], NDArray[np.float32]], says: str
) -> None:
    class Wrong(Stub):
        def encode_documents(self, documents: Sequence[str]) -> NDArray[np.float32]:
            return wrong(documents)

    with pytest.raises(EmbedexError, match=f"The encoder 'stub' {says}|'stub' gave a vector that is {says}"):
        embedding.run(documents("a", "b", "c"), Wrong(), store, "text")
    assert not (store.folder / "embeddings").exists()


@pytest.mark.usefixtures("small_shards")
def test_documents_are_taken_a_shard_at_a_time(store: Store) -> None:
    taken: list[str] = []

    def stream() -> Iterator[Document]:
        for text in "abcdefghijklmnop":
            taken.append(text)
            yield TextDocument(text, text)

    with pytest.raises(KeyboardInterrupt):
        embedding.run(stream(), Stub(deadly="b"), store, "text")
    assert taken == list("abcdefgh"), "the next ones are read ahead, what is embedded later is not"
