"""A collection's files: what is written is read back, by others too, and what does not fit is refused."""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embedex.documents import TextSettings
from embedex.encoders.base import EncoderDescription
from embedex.errors import CollectionError
from embedex.records import Record
from embedex.results import Fidelity
from embedex.store import SCHEMA, Embeddings, Index, Manifest, Passages, Store, StoredMap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

DESCRIPTION = EncoderDescription(
    name="stub",
    modality="text",
    space="stub-1",
    dimension=5,
    revision="1",
    weights_sha256="ab" * 32,
    preprocessing="none; 1",
    pooling="mean",
    context=512,
    document_prefix="söarch: ",
)

MANIFEST = Manifest(
    "Creatures — 生き物",
    "made up",
    "id",
    "name",
    "species.gen",
    "id > 2",
    "id < 9",
    TextSettings("p_", ascii=True),
)

RECORDS = [
    Record("1", {"id": 1, "name": "é", "deep": [{"x": None}]}),
    Record("b", {"id": "b", "text": "two\nlines\u2028"}),
    Record("3", {}),
]


def unit(count: int, dimension: int = 5, seed: int = 0) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).standard_normal((count, dimension)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def embeddings_with_nulls() -> Embeddings:
    """Six rows, of which the first, a middle one and the last have no document."""
    return Embeddings(
        ["a", "b", "c", "d", "e", "ü"],
        [None, "h1", "h2", None, "h1", None],
        np.asarray([1, 2, 4]),
        unit(3),
        DESCRIPTION,
        "made from this",
    )


def spread(embeddings: Embeddings) -> list[list[float] | None]:
    """The vectors as one would list them, None for a null."""
    listed: list[list[float] | None] = [None] * len(embeddings.ids)
    for row, vector in zip(embeddings.rows.tolist(), embeddings.vectors.tolist(), strict=True):
        listed[row] = vector
    return listed


def stored(folder: Path, records: list[Record] = RECORDS, *, ascii: bool = False) -> tuple[Store, Index]:  # noqa: A002
    store = Store(folder)
    store.claim()
    offsets, checksums, digest = store.write_records(records, ascii=ascii)
    names = [f"name of {record.id}" for record in records]
    groups = [None, *(f"group {n}" for n in range(1, len(records)))]
    pictures = [*(f"{record.id}.png" for record in records[1:]), None]
    main = np.arange(len(records)) % 2 == 0
    hashes = [picture and f"hash of {picture}" for picture in pictures]
    ids = [record.id for record in records]
    index = Index(ids, names, groups, main, pictures, hashes, offsets, checksums, digest)
    store.keep_records(index)
    return store, index


def assert_named(error: CollectionError, path: Path) -> None:
    """A message worth having says where, and what to do."""
    assert str(path) in error.seen
    assert error.cure


# ── the manifest ────────────────────────────────────────────────────────────────────────────────────


def test_a_manifest_comes_back(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write_manifest(MANIFEST)
    assert store.read_manifest() == MANIFEST
    values = json.loads((tmp_path / "collection.json").read_bytes())
    assert values["schema"] == SCHEMA
    assert values["text"] == {"strip_prefix": "p_", "ascii": True}
    assert "生き物" in (tmp_path / "collection.json").read_text("utf-8"), "a person can read the title"


def test_a_manifest_with_an_unknown_key_is_read(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write_manifest(MANIFEST)
    values = json.loads((tmp_path / "collection.json").read_bytes())
    (tmp_path / "collection.json").write_text(json.dumps({**values, "colour": "red"}))
    assert store.read_manifest() == MANIFEST


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"title": "a"}', b'{"text": {"none": 1}}', b'{"text": null}'],
)
def test_a_damaged_manifest_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "collection.json"
    path.write_bytes(content)
    with pytest.raises(CollectionError, match="is damaged") as raised:
        Store(tmp_path).read_manifest()
    assert_named(raised.value, path)


def test_a_manifest_of_a_newer_embedex_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "collection.json"
    path.write_text(json.dumps({"schema": SCHEMA + 1, "shape": "unknown"}))
    with pytest.raises(CollectionError, match=f"schema version {SCHEMA + 1}") as raised:
        Store(tmp_path).read_manifest()
    assert_named(raised.value, path)
    assert f"reads up to {SCHEMA}" in raised.value.allowed
    assert raised.value.cure == "pip install -U embedex"


def test_a_folder_without_a_manifest_is_not_a_collection_or_an_unfinished_one(tmp_path: Path) -> None:
    for folder in (tmp_path / "absent", tmp_path):
        with pytest.raises(CollectionError, match="is not a collection") as raised:
            Store(folder).read_manifest()
        assert_named(raised.value, folder)
    stored(tmp_path)
    with pytest.raises(CollectionError, match="is an unfinished collection") as raised:
        Store(tmp_path).read_manifest()
    assert_named(raised.value, tmp_path)


def test_a_file_is_not_a_collection(tmp_path: Path) -> None:
    file = tmp_path / "records.jsonl"
    file.write_text("{}\n")
    with pytest.raises(CollectionError, match="is not a collection"):
        Store(file).read_manifest()


# ── records and their index ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("ascii_only", [False, True])
def test_records_and_index_come_back(tmp_path: Path, ascii_only: bool) -> None:
    store, index = stored(tmp_path / "new" / "folder", ascii=ascii_only)
    content = (store.folder / "records.jsonl").read_bytes()
    assert content.isascii() == ascii_only
    assert index.records_sha256 == hashlib.sha256(content).hexdigest()
    read = store.read_index()
    for field in ("ids", "names", "groups", "pictures", "records_sha256"):
        assert getattr(read, field) == getattr(index, field)
    assert read.main.dtype == bool
    assert read.main.tolist() == [True, False, True]
    assert read.offsets.dtype == np.int64
    assert read.offsets.tolist() == index.offsets.tolist()
    assert list(store.read_records(read)) == RECORDS


def test_records_are_read_in_the_order_that_is_asked_for(tmp_path: Path) -> None:
    store, index = stored(tmp_path)
    assert list(store.read_records(index, [2, 0, 2])) == [RECORDS[2], RECORDS[0], RECORDS[2]]
    assert list(store.read_records(index, [])) == []


def test_a_collection_without_records_comes_back(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.claim()
    offsets, checksums, digest = store.write_records([], ascii=False)
    store.keep_records(Index([], [], [], np.empty(0, bool), [], [], offsets, checksums, digest))
    read = store.read_index()
    assert (read.ids, read.offsets.tolist()) == ([], [0])
    assert list(store.read_records(read)) == []


def test_records_that_do_not_match_the_index_are_refused(tmp_path: Path) -> None:
    store, index = stored(tmp_path)
    path = tmp_path / "records.jsonl"
    content = path.read_bytes()
    first = content.index(b"\n") + 1
    for wrong in (content + b"{}\n", content[:-1], b"", content[1:] + b"\n", content[first:] + content[:first]):
        path.write_bytes(wrong)
        with pytest.raises(CollectionError, match=r"does not belong to index\.parquet") as raised:
            list(store.read_records(index))
        assert_named(raised.value, path)
    path.unlink()
    with pytest.raises(CollectionError) as raised:
        list(store.read_records(index))
    assert_named(raised.value, path)


# ── embeddings ──────────────────────────────────────────────────────────────────────────────────────


def test_embeddings_come_back_with_their_nulls(tmp_path: Path) -> None:
    store, written = Store(tmp_path), embeddings_with_nulls()
    store.write_embeddings("text", written)
    read = store.read_embeddings("text")
    assert read is not None
    assert (read.ids, read.hashes) == (written.ids, written.hashes)
    assert (read.description, read.made_from) == (written.description, written.made_from)
    assert read.rows.tolist() == [1, 2, 4]
    assert read.vectors.dtype == np.float32
    np.testing.assert_array_equal(read.vectors, written.vectors)
    assert store.embedding_names() == ["text"]
    assert store.read_description("text") == DESCRIPTION


@pytest.mark.parametrize("rows", [[], [0, 1, 2, 3]])
def test_embeddings_of_no_row_and_of_every_row_come_back(tmp_path: Path, rows: list[int]) -> None:
    hashes = [f"h{row}" if row in rows else None for row in range(4)]
    vectors = unit(4)[rows]
    written = Embeddings(list("abcd"), hashes, np.asarray(rows, np.int64), vectors, DESCRIPTION, "")
    Store(tmp_path).write_embeddings("image", written)
    read = Store(tmp_path).read_embeddings("image")
    assert read is not None
    assert read.rows.tolist() == rows
    assert read.vectors.shape == (len(rows), 5)
    np.testing.assert_array_equal(read.vectors, vectors)


def test_embeddings_of_an_empty_collection_come_back(tmp_path: Path) -> None:
    Store(tmp_path).write_embeddings("text", Embeddings([], [], np.empty(0, np.int64), unit(0), DESCRIPTION, ""))
    read = Store(tmp_path).read_embeddings("text")
    assert read is not None
    assert read.vectors.shape == (0, 5)
    assert read.rows.shape == (0,)


def test_many_embeddings_come_back_in_order(tmp_path: Path) -> None:
    """More than one page and row group's worth, where a chunk boundary could drop a null."""
    count = 200_000
    rows = np.flatnonzero(np.arange(count) % 7)
    written = Embeddings(
        [str(n) for n in range(count)],
        [str(n) if n % 7 else None for n in range(count)],
        rows,
        unit(len(rows), 2),
        replace(DESCRIPTION, dimension=2),
        "",
    )
    Store(tmp_path).write_embeddings("text", written)
    read = Store(tmp_path).read_embeddings("text")
    assert read is not None
    np.testing.assert_array_equal(read.rows, rows)
    np.testing.assert_array_equal(read.vectors, written.vectors)
    parts = list(Store(tmp_path).read_vectors("text", written.description))
    assert len(parts) > 1, "not all at once"
    assert [hash_ for hashes, _ in parts for hash_ in hashes] == [str(row) for row in rows]
    np.testing.assert_array_equal(np.concatenate([vectors for _, vectors in parts]), written.vectors)


def test_vectors_are_read_only_where_the_encoder_is_the_one_asked_for(tmp_path: Path) -> None:
    store, written = Store(tmp_path), embeddings_with_nulls()
    assert list(store.read_vectors("text", written.description)) == []
    store.write_embeddings("text", written)
    assert [hashes for hashes, _ in store.read_vectors("text", written.description)] == [
        [written.hashes[row] for row in written.rows]
    ]
    assert list(store.read_vectors("text", replace(written.description, revision="another"))) == []


def test_description_and_vectors_come_from_one_opened_file(tmp_path: Path) -> None:
    """Another process puts a file by another encoder in its place each time one has been opened."""
    other = replace(
        embeddings_with_nulls(),
        vectors=-embeddings_with_nulls().vectors,
        description=replace(DESCRIPTION, revision="2"),
    )

    class Torn(Store):
        @contextmanager
        def _opened(self, path: Path) -> Iterator[pq.ParquetFile]:
            with super()._opened(path) as file:
                Store(self.folder).write_embeddings("text", other)
                yield file

    written = embeddings_with_nulls()
    Store(tmp_path).write_embeddings("text", written)
    ((_, vectors),) = Torn(tmp_path).read_vectors("text", written.description)
    np.testing.assert_array_equal(vectors, written.vectors)
    assert list(Torn(tmp_path).read_vectors("text", written.description)) == []


def test_a_digest_changes_with_the_encoder_but_not_with_its_folder(tmp_path: Path) -> None:
    store, written = Store(tmp_path), embeddings_with_nulls()

    def digest(**changes: Any) -> str:
        store.write_embeddings("text", replace(written, description=replace(written.description, **changes)))
        return store.digest(["text"])

    own = digest(name="nomic:own", place="/models/own")
    assert digest(name="nomic:moved", place="/elsewhere/moved") == own
    assert digest(name="nomic:own", place="/models/own", weights_sha256="cd" * 32) != own
    assert digest(name="one", place="") != digest(name="another", place="")


def by_pyarrow(path: Path) -> Iterator[tuple[str, str | None, Any]]:
    table = pq.read_table(path)
    assert table.schema.field("embedding").type.equals(pa.list_(pa.float32(), 5))
    columns = (table[name].to_pylist() for name in ("id", "content_hash", "embedding"))
    yield from zip(*columns, strict=True)


def by_polars(path: Path) -> Iterator[tuple[str, str | None, Any]]:
    import polars

    table = polars.read_parquet(path)
    assert table.schema["embedding"] == polars.Array(polars.Float32, 5)
    yield from table.rows()


def by_pandas(path: Path) -> Iterator[tuple[str, str | None, Any]]:
    import pandas as pd

    for row in pd.read_parquet(path).itertuples(index=False):
        assert row.embedding is None or row.embedding.dtype == np.float32
        yield row.id, None if pd.isna(row.content_hash) else row.content_hash, row.embedding


def by_duckdb(path: Path) -> Iterator[tuple[str, str | None, Any]]:
    import duckdb

    with duckdb.connect() as database:
        yield from database.execute(f"SELECT * FROM '{path}'").fetchall()


def by_datasets(path: Path) -> Iterator[tuple[str, str | None, Any]]:
    import datasets

    datasets.disable_progress_bars()
    read = datasets.Dataset.from_parquet(str(path), cache_dir=str(path.parent / "cache"))
    assert read.features["embedding"] == datasets.List(datasets.Value("float32"), length=5)
    for row in read:
        yield row["id"], row["content_hash"], row["embedding"]


@pytest.mark.filterwarnings("ignore")  # what other packages warn of is theirs
@pytest.mark.parametrize("reader", [by_pyarrow, by_polars, by_pandas, by_duckdb, by_datasets])
def test_an_embedding_file_is_read_the_same_by_others(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    reader: Callable[[Path], Iterator[tuple[str, str | None, Any]]],
) -> None:
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.setenv(name, "1")
    written = embeddings_with_nulls()
    Store(tmp_path).write_embeddings("text", written)
    ids, hashes, vectors = [], [], []
    for id_, hash_, vector in reader(tmp_path / "embeddings" / "text.parquet"):
        ids.append(id_)
        hashes.append(hash_)
        vectors.append(None if vector is None else np.asarray(vector, np.float32).tolist())
    assert (ids, hashes) == (written.ids, written.hashes)
    assert vectors == spread(written)


def test_a_missing_embedding_file_is_none(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.read_embeddings("text") is None
    assert store.read_description("text") is None
    assert store.read_passages() is None
    assert store.read_map("umap") is None
    assert store.embedding_names() == []
    assert store.map_names() == []


# ── passages, shards, maps ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("count", [3, 0])
def test_passages_come_back(tmp_path: Path, count: int) -> None:
    written = Passages(
        [["1", "2"], ["ü"], ["9"]][:count],
        ["text.flavour", "note", "note"][:count],
        ["A long tale of old.", "Another — tale.", "x"][:count],
        unit(count),
        DESCRIPTION,
        "made from this",
    )
    store = Store(tmp_path)
    store.write_passages(written)
    read = store.read_passages()
    assert read is not None
    assert (read.ids, read.paths, read.texts) == (written.ids, written.paths, written.texts)
    assert (read.description, read.made_from) == (written.description, written.made_from)
    np.testing.assert_array_equal(read.vectors, written.vectors)
    assert store.embedding_names() == ["passages"]


def test_shards_come_back_in_order_until_they_are_dropped(tmp_path: Path) -> None:
    store = Store(tmp_path)
    vectors = unit(5)
    store.write_shard("text-1", 10, ["e"], vectors[4:])
    store.write_shard("text-1", 2, ["c", "d"], vectors[2:4])
    store.write_shard("text-1", 0, ["a", "b"], vectors[:2])
    store.write_shard("other", 0, ["z"], vectors[:1])
    shards = list(store.read_shards("text-1"))
    assert [hashes for hashes, _ in shards] == [["a", "b"], ["c", "d"], ["e"]]
    np.testing.assert_array_equal(np.concatenate([each for _, each in shards]), vectors)
    assert store.embedding_names() == [], "a shard is not an embedding file"
    store.drop_shards("text-1")
    assert list(store.read_shards("text-1")) == []
    assert [hashes for hashes, _ in store.read_shards("other")] == [["z"]], "another run's shards stay"
    store.drop_shards("other")
    assert not (tmp_path / "embeddings" / ".partial").exists()
    store.drop_shards("never was")


@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_map_comes_back(tmp_path: Path, dimensions: int) -> None:
    coordinates = np.random.default_rng(1).standard_normal((4, dimensions)).astype(np.float32)
    written = StoredMap(list("abcd"), coordinates, {"method": "umap", "seed": 3, "min_distance": 0.25})
    store = Store(tmp_path)
    store.write_map("umap", written)
    read = store.read_map("umap")
    assert read is not None
    assert (read.ids, read.parameters) == (written.ids, written.parameters)
    assert read.coordinates.dtype == np.float32
    np.testing.assert_array_equal(read.coordinates, coordinates)
    assert pq.read_table(tmp_path / "maps" / "umap.parquet").column_names == ["id", *"xyz"[:dimensions]]
    assert store.map_names() == ["umap"]


@pytest.mark.parametrize("several", [False, True])
def test_a_map_comes_back_with_how_far_it_can_be_believed(tmp_path: Path, several: bool) -> None:
    kept = np.asarray([0, 0.25, 1], np.float32)
    stable = np.asarray([1, 0.5, 0.75], np.float32) if several else None
    told = Fidelity(4, kept, stable, 0.875, 0.75, 3, 5 if several else 1, 0.5 if several else None)
    store = Store(tmp_path)
    store.write_map("umap", StoredMap(list("abc"), np.zeros((3, 2), np.float32), {}, "x", told))
    read = store.read_map("umap")
    assert read is not None
    assert read.fidelity is not None
    assert read.fidelity.kept.tolist() == kept.tolist()
    assert (None if read.fidelity.stable is None else read.fidelity.stable.tolist()) == (
        None if stable is None else stable.tolist()
    )
    assert replace(read.fidelity, kept=kept, stable=stable) == told
    columns = pq.read_table(tmp_path / "maps" / "umap.parquet").column_names
    assert columns == ["id", "x", "y", "kept", *(["stable"] if several else [])]


# ── files that are not what they should be ──────────────────────────────────────────────────────────


def write_all(store: Store) -> None:
    stored(store.folder)
    store.write_manifest(MANIFEST)
    store.write_embeddings("text", embeddings_with_nulls())
    store.write_passages(Passages([["1"]], ["p"], ["t"], unit(1), DESCRIPTION, ""))
    store.write_shard("run", 0, ["a"], unit(1))
    store.write_map("umap", StoredMap(["a"], unit(1, 2), {}))


READERS: dict[str, Callable[[Store], object]] = {
    "index.parquet": Store.read_index,
    "embeddings/text.parquet": lambda store: store.read_embeddings("text"),
    "embeddings/passages.parquet": Store.read_passages,
    "embeddings/.partial/run/000000.parquet": lambda store: list(store.read_shards("run")),
    "maps/umap.parquet": lambda store: store.read_map("umap"),
}
SOME_OTHER = {name: next(each for each in READERS if each != name) for name in READERS}


def cut(path: Path, store: Store) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def emptied(path: Path, store: Store) -> None:
    path.write_bytes(b"")


def garbled(path: Path, store: Store) -> None:
    content = bytearray(path.read_bytes())
    content[4:60] = b"\xff" * 56  # the first column's page
    path.write_bytes(content)


def somebody_elses(path: Path, store: Store) -> None:
    pq.write_table(pa.table({"id": ["a"], "embedding": [[1.0]]}), path)


def a_folder(path: Path, store: Store) -> None:
    path.unlink()
    path.mkdir()


def another_file_of_embedex(path: Path, store: Store) -> None:
    other = SOME_OTHER[path.relative_to(store.folder).as_posix()]
    path.write_bytes((store.folder / other).read_bytes())


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("damage", [cut, emptied, garbled, somebody_elses, a_folder, another_file_of_embedex])
def test_a_damaged_or_foreign_file_is_refused(tmp_path: Path, name: str, damage: Callable[[Path, Store], None]) -> None:
    store = Store(tmp_path)
    write_all(store)
    READERS[name](store)
    damage(tmp_path / name, store)
    with pytest.raises(CollectionError, match="is damaged or not embedex's") as raised:
        READERS[name](store)
    assert_named(raised.value, tmp_path / name)


def test_a_missing_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CollectionError, match="is missing") as raised:
        Store(tmp_path).read_index()
    assert_named(raised.value, tmp_path / "index.parquet")


@pytest.mark.parametrize("name", ["text", "passages"])
@pytest.mark.parametrize("encoder", ["{", "{}", json.dumps({**json.loads(DESCRIPTION.to_json()), "quantised": "int8"})])
def test_an_unknown_encoder_in_a_file_is_refused_with_the_files_name(tmp_path: Path, name: str, encoder: str) -> None:
    """A later embedex may resolve a setting that this one does not know: its vectors are not comparable."""
    store = Store(tmp_path)
    write_all(store)
    path = tmp_path / "embeddings" / f"{name}.parquet"
    table = pq.read_table(path)
    table = table.replace_schema_metadata({b"embedex": json.dumps({"encoder": encoder, "made_from": ""})})
    pq.write_table(table, path)
    with pytest.raises(CollectionError, match="description") as raised:
        READERS[f"embeddings/{name}.parquet"](store)
    assert_named(raised.value, path)
    if name == "text":
        with pytest.raises(CollectionError, match="description") as raised:
            store.read_description(name)
        assert_named(raised.value, path)


# ── writing ─────────────────────────────────────────────────────────────────────────────────────────


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_all(Store(tmp_path / name))
    assert len(contents(tmp_path / "one")) == len(READERS) + 2
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_writer_that_fails_leaves_the_old_records(tmp_path: Path) -> None:
    store, _ = stored(tmp_path)
    before = contents(tmp_path)

    def broken() -> Iterator[Record]:
        yield RECORDS[1]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.write_records(broken(), ascii=False)
    assert contents(tmp_path) == before


def test_a_parquet_writer_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    write_all(store)
    before = contents(tmp_path)

    def full(writer: pq.ParquetWriter, *_: object) -> None:
        writer.file_handle = None
        raise OSError("no space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    with pytest.raises(OSError, match="no space left"):
        store.write_embeddings("text", replace(embeddings_with_nulls(), made_from="other"))
    with pytest.raises(OSError, match="no space left"):
        store.write_map("new", StoredMap(["a"], unit(1, 2), {}))
    assert contents(tmp_path) == before, "neither a changed file nor an unfinished one"
