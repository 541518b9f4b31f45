"""A collection's files: the manifest, the records, and all of its Parquet. Nothing else reads or writes them.

    collection.json             schema version, title, origin, paths, how records become text
    records.jsonl               the raw records, one a line
    index.parquet               one row a record: id, name, group, picture, where its line stands
    images/                     the pictures, as they came
    embeddings/text.parquet     id, content_hash, embedding: fixed_size_list<float>[d]; null without a document
    embeddings/image.parquet
    embeddings/passages.parquet one row a distinct passage: ids, path, text, embedding
    embeddings/fields.parquet   on request, one row a field of a record: id, content_hash, path, embedding (a part)
    embeddings/.partial/        finished shards of a run that has not ended
    weights/NAME.json           weights of fields that `embedex tune` found
    maps/umap.parquet           id, x, y and perhaps z, with the fit's parameters in the file's metadata

Every file is written beside its place and renamed, so a reader sees it whole or not at all. What describes a Parquet
file (the encoder, the fit, the records it was made from) is in that file's own metadata, where no crash can part the
two.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from embedex.documents import TextSettings
from embedex.encoders.base import EncoderDescription
from embedex.errors import CollectionError, InputError
from embedex.files import atomic_bytes, atomic_write
from embedex.records import JSON, Record, minify
from embedex.results import Fidelity

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq
    from numpy.typing import NDArray

SCHEMA = 1
"""Version of the layout above."""

MANIFEST = "collection.json"
RECORDS = "records.jsonl"
STAGED = ".records.jsonl.new"
CLAIM = ".embedex"
INDEX = "index.parquet"
IMAGES = "images"
EMBEDDINGS = "embeddings"
MAPS = "maps"
FIELDS = "fields"
WEIGHTS = "weights"

ROW_GROUP = 1 << 16
"""Rows of a Parquet file that are written, and may be read, at once."""

BUFFER = 2**20
READ_AT_ONCE = 2**13
"""Bytes of a file, and rows of vectors, that are in memory while they are read."""

_METADATA = b"embedex"
_PARTS = ("id", "content_hash", "path", "embedding")

_PER_PLACE = ("kept", "stable")
"""What `Fidelity` has of each place: columns of a map's file. The rest of it stands in the file's metadata."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a collection is, fixed when it is made.

    Attributes:
        title: what charts call it.
        origin: where its records came from, in a sentence.
        id, name, group: JSON paths into a record; `name` and `group` may be ``""``.
        default_where: a SQL condition for the records that comparisons are about; the others are left out unless asked
            for. ``""`` for all of them.
        featured_where: a SQL condition for the records that `embedex charts --all` draws; ``""`` for all of them.
        text: how records become text.
        schema: version of the layout.
    """

    title: str
    origin: str
    id: str
    name: str = ""
    group: str = ""
    default_where: str = ""
    featured_where: str = ""
    text: TextSettings = field(default_factory=TextSettings)
    schema: int = SCHEMA


@dataclass(frozen=True)
class Index:
    """One entry a record, in the order of ``records.jsonl``; all lists have the same length.

    Attributes:
        ids, names: every record has both.
        groups: None where a record has none.
        main: bool, shape (n,): whether comparisons are about it unless asked otherwise.
        pictures: file names in ``images/``, or None.
        picture_hashes: the pictures' content hashes, or None.
        offsets: int64, shape (n + 1,): byte positions of the lines of ``records.jsonl``.
        checksums: int64, shape (n,): CRC-32 of each line, so that no row is ever taken for another.
        records_sha256: of ``records.jsonl``; ties embeddings to the records they were made from.
    """

    ids: list[str]
    names: list[str]
    groups: list[str | None]
    main: NDArray[np.bool_]
    pictures: list[str | None]
    picture_hashes: list[str | None]
    offsets: NDArray[np.int64]
    checksums: NDArray[np.int64]
    records_sha256: str

    @cached_property
    def rows(self) -> dict[str, int]:
        """Each record's row, by its id."""
        return {record_id: row for row, record_id in enumerate(self.ids)}

    @cached_property
    def group_names(self) -> list[str]:
        """Each group once, in the order in which groups appear."""
        return [group for group in dict.fromkeys(self.groups) if group is not None]

    @cached_property
    def group_ranks(self) -> dict[str | None, int]:
        """Each group's place in `group_names`; records without one come last."""
        return {group: rank for rank, group in enumerate([*self.group_names, None])}

    @cached_property
    def group_numbers(self) -> NDArray[np.int32]:
        """Each record's place in `group_ranks`; int32, shape (n,)."""
        import numpy as np

        return np.fromiter(map(self.group_ranks.__getitem__, self.groups), np.int32, len(self.groups))


@dataclass(frozen=True, slots=True)
class Embeddings:
    """What an embedding file holds, in the order of its rows.

    Attributes:
        ids: one a row.
        hashes: the documents' content hashes; None for a record without a document.
        rows: int64, shape (m,): the rows that have a vector, ascending.
        vectors: float32, shape (m, d), unit length; vector i belongs to row ``rows[i]``.
        description: of the encoder that made them.
        made_from: what the documents were made from: see `Index.records_sha256`; pictures' hashes stand for themselves.
    """

    ids: list[str]
    hashes: list[str | None]
    rows: NDArray[np.int64]
    vectors: NDArray[np.float32]
    description: EncoderDescription
    made_from: str


@dataclass(frozen=True, slots=True)
class Passages:
    """Each distinct passage of a collection once.

    Attributes:
        ids: for each passage the records that hold it.
        paths: the JSON path where it was first met.
        texts: as shown to people.
        vectors: float32, shape (p, d), unit length.
        description: of the encoder that made them.
        made_from: see `Embeddings.made_from`.
    """

    ids: list[list[str]]
    paths: list[str]
    texts: list[str]
    vectors: NDArray[np.float32]
    description: EncoderDescription
    made_from: str


@dataclass(frozen=True, slots=True)
class Parts:
    """What the fields of some documents add to their vectors, a row a field, document after document.

    Attributes:
        ids: one a document.
        hashes: the documents' content hashes.
        starts: int64, shape (n + 1,): document i has the rows from ``starts[i]`` to ``starts[i + 1]``.
        paths: the field of each row.
        vectors: float32, shape (rows, d); those of a document add up to its unit vector.
    """

    ids: list[str]
    hashes: list[str]
    starts: NDArray[np.int64]
    paths: list[str]
    vectors: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PartsDescription:
    """What describes a file of parts.

    Attributes:
        description: of the encoder that made them.
        depth: how many levels of objects were looked into for fields.
        made_from: see `Embeddings.made_from`.
        paths: every field there is, in the order in which they are met.
    """

    description: EncoderDescription
    depth: int
    made_from: str
    paths: list[str]


@dataclass(frozen=True, slots=True)
class StoredMap:
    """What a map file holds.

    Attributes:
        ids: the records that have a place.
        coordinates: float32, shape (n, 2 or 3).
        parameters: how it was fitted.
        made_from: `Store.digest` of the embeddings that it was fitted on.
        fidelity: how far each place and the whole can be believed; None where that was not measured.
    """

    ids: list[str]
    coordinates: NDArray[np.float32]
    parameters: dict[str, str | int | float]
    made_from: str = ""
    fidelity: Fidelity | None = None


class Store:
    """The files of one collection folder.

    Args:
        folder: the collection's folder; it need not exist before `write_records`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def images(self) -> Path:
        """Where the pictures are."""
        return self.folder / IMAGES

    # --- the folder -------------------------------------------------------------------------------------------

    def claim(self) -> None:
        """Make the folder, or see that it is a collection's; nobody's own files are ever written over.

        Raises:
            InputError: it holds files and is no collection.
        """
        if self.folder.exists() and not self.folder.is_dir():
            raise InputError(f"{self.folder} is a file, not a folder.", cure="Name a new folder.")
        mine = any((self.folder / name).exists() for name in (MANIFEST, CLAIM))
        if not mine and self.folder.exists() and any(self.folder.iterdir()):
            raise InputError(
                f"{self.folder} holds files and is no collection.",
                cure="Name a new or an empty folder, so that nothing of yours is written over.",
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        if not mine:
            (self.folder / CLAIM).touch()
        self.images.mkdir(exist_ok=True)

    def unclaim(self) -> None:
        """Remove a claimed folder again where nothing at all came of it."""
        held = {path.name for path in self.folder.iterdir()}
        if held == {CLAIM, IMAGES} and not any(self.images.iterdir()):
            self.images.rmdir()
            (self.folder / CLAIM).unlink()
            self.folder.rmdir()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keep other processes from writing at the same time, where the system has such locks.

        Raises:
            CollectionError: another one is writing.
        """
        try:
            import fcntl
        except ImportError:  # Windows
            yield
            return
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise CollectionError(
                    f"Another process is writing to {self.folder}.", cure="Run this again when it has ended."
                ) from None
            yield
        finally:
            os.close(folder)

    # --- the manifest -----------------------------------------------------------------------------------------

    def write_manifest(self, manifest: Manifest) -> None:
        """Write ``collection.json``; last of all files, since it is what makes a folder a collection."""
        text = json.dumps(asdict(manifest), indent=2, ensure_ascii=False)
        atomic_bytes(self.folder / MANIFEST, f"{text}\n".encode())
        (self.folder / CLAIM).unlink(missing_ok=True)

    def read_manifest(self) -> Manifest:
        """Read ``collection.json``.

        Raises:
            CollectionError: there is none, it is damaged, or a newer embedex wrote it.
        """
        path = self.folder / MANIFEST
        try:
            values: dict[str, Any] = json.loads(path.read_bytes())
            if not isinstance(values, dict):
                raise TypeError("not an object")
            schema = values.get("schema")
            if isinstance(schema, int) and schema > SCHEMA:
                raise CollectionError(
                    f"{path} has schema version {schema}.",
                    allowed=f"This embedex reads up to {SCHEMA}.",
                    cure="pip install -U embedex",
                )
            known = {field.name for field in fields(Manifest)}
            values = {key: value for key, value in values.items() if key in known}
            return Manifest(**{**values, "text": TextSettings(**values.get("text", {}))})
        except (FileNotFoundError, NotADirectoryError):
            unfinished = (self.folder / CLAIM).exists()
            raise CollectionError(
                f"{self.folder} is {'an unfinished' if unfinished else 'not a'} collection: it has no {MANIFEST}.",
                cure="Run the command that makes it again; it goes on where it ended."
                if unfinished
                else "Make one with: embedex pull pokemon --to DIR, embedex new DIR RECORDS, or embedex sample DIR",
            ) from None
        except (ValueError, TypeError) as error:
            raise CollectionError(
                f"{path} is damaged: {error}.", cure="Make the collection again; its embeddings are kept."
            ) from error

    # --- records ----------------------------------------------------------------------------------------------

    def write_records(
        self,
        records: Iterable[Record],
        *,
        ascii: bool,  # noqa: A002
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], str]:
        """Write records beside ``records.jsonl``, streaming; `keep_records` puts them in its place.

        Returns:
            The lines' byte positions, shape (n + 1,), their checksums, shape (n,), and the file's sha256.
        """
        import numpy as np

        offsets = [0]
        checksums = []
        digest = hashlib.sha256()

        def write(file: Any) -> None:
            for record in records:
                line = minify(record.data, ascii=ascii).encode() + b"\n"
                file.write(line)
                digest.update(line)
                checksums.append(zlib.crc32(line))
                offsets.append(offsets[-1] + len(line))

        atomic_write(self.folder / STAGED, write)
        return np.asarray(offsets, np.int64), np.asarray(checksums, np.int64), digest.hexdigest()

    def keep_records(self, index: Index) -> None:
        """Put what `write_records` wrote in the place of ``records.jsonl``, and write its index."""
        (self.folder / STAGED).replace(self.folder / RECORDS)
        self.write_index(index)

    def drop_records(self) -> None:
        """Remove what `write_records` wrote and nobody kept."""
        (self.folder / STAGED).unlink(missing_ok=True)

    def read_records(
        self, index: Index, rows: Sequence[int] | None = None, *, staged: bool = False
    ) -> Iterator[Record]:
        """The records, streaming; all of them, or those of `rows` in that order; of the file not yet kept if `staged`.

        Raises:
            CollectionError: the file and the index do not belong together.
        """
        path = self.folder / (STAGED if staged else RECORDS)
        try:
            with path.open("rb") as file:
                size = file.seek(0, 2)
                if size != index.offsets[-1]:
                    raise ValueError(f"it has {size:,} bytes where {int(index.offsets[-1]):,} are expected")
                for row in range(len(index.ids)) if rows is None else rows:
                    file.seek(int(index.offsets[row]))
                    line = file.read(int(index.offsets[row + 1] - index.offsets[row]))
                    if zlib.crc32(line) != index.checksums[row]:
                        raise ValueError(f"the record {index.ids[row]!r} has changed")
                    yield Record(index.ids[row], json.loads(line))
        except (OSError, ValueError) as error:
            raise CollectionError(
                f"{path} does not belong to {INDEX}: {error}.",
                cure="Run the command that made the collection again; its embeddings are kept.",
            ) from error

    def write_index(self, index: Index) -> None:
        """Write ``index.parquet``."""
        import pyarrow as pa

        table = pa.table(
            {
                "id": pa.array(index.ids, pa.string()),
                "name": pa.array(index.names, pa.string()),
                "group": pa.array(index.groups, pa.string()),
                "main": pa.array(index.main, pa.bool_()),
                "picture": pa.array(index.pictures, pa.string()),
                "picture_hash": pa.array(index.picture_hashes, pa.string()),
                "offset": pa.array(index.offsets[:-1], pa.int64()),
                "checksum": pa.array(index.checksums, pa.int64()),
            }
        )
        size = int(index.offsets[-1])
        self._write(self.folder / INDEX, [table], {"records_sha256": index.records_sha256, "records_size": size})

    def read_index(self) -> Index:
        """Read ``index.parquet``.

        Raises:
            CollectionError: it is missing or damaged.
        """
        import numpy as np

        columns = ("id", "name", "group", "main", "picture", "picture_hash", "offset", "checksum")
        table, metadata = self._read(self.folder / INDEX, columns, ("records_sha256", "records_size"))
        offsets = np.append(_numbers(table["offset"], np.int64), metadata["records_size"])
        pictures = table["picture"].to_pylist()
        if outside := [name for name in pictures if name is not None and Path(name).name != name]:
            raise CollectionError(f"{self.folder / INDEX} names a picture outside the collection: {outside[0]!r}.")
        groups: dict[str | None, str | None] = {}  # one text for all records of a group
        return Index(
            table["id"].to_pylist(),
            table["name"].to_pylist(),
            [groups.setdefault(group, group) for group in table["group"].to_pylist()],
            np.asarray(table["main"].to_pylist(), bool),
            pictures,
            table["picture_hash"].to_pylist(),
            offsets,
            _numbers(table["checksum"], np.int64),
            metadata["records_sha256"],
        )

    # --- embeddings -------------------------------------------------------------------------------------------

    def embedding_names(self) -> list[str]:
        """Names of the embedding files that are there: ``image``, ``passages``, ``text``."""
        return sorted(path.stem for path in (self.folder / EMBEDDINGS).glob("*.parquet"))

    def read_description(self, name: str) -> EncoderDescription | None:
        """The encoder of ``embeddings/{name}.parquet``, without reading its vectors; None where there is no such file.

        Raises:
            CollectionError: it is damaged.
        """
        path = self._embedding_path(name)
        return _description(path, self._read_metadata(path, ("encoder",))) if path.exists() else None

    def digest(self, names: Sequence[str]) -> str:
        """Changes with any row or encoder of the named embedding files, without reading their vectors.

        It stays the same where an encoder's own folder was only moved or renamed.

        Raises:
            CollectionError: one is damaged.
        """
        found = hashlib.sha256()
        for name in names:
            path = self._embedding_path(name)
            if path.exists():
                with self._opened(path) as file:
                    table = file.read(columns=["id", "content_hash"])
                    metadata = _metadata(file, (), ("encoder",))
                found.update(_description(path, metadata).identity.to_json().encode())
                found.update(json.dumps(table.to_pydict()).encode())
        return found.hexdigest()

    def write_embeddings(self, name: str, embeddings: Embeddings) -> None:
        """Write ``embeddings/{name}.parquet``: id, content_hash, embedding; a row group at a time."""
        import numpy as np
        import pyarrow as pa

        def part(start: int) -> pa.Table:
            end = min(start + ROW_GROUP, len(embeddings.ids))
            first, last = np.searchsorted(embeddings.rows, (start, end))
            rows, vectors = embeddings.rows[first:last] - start, embeddings.vectors[first:last]
            return pa.table(
                {
                    "id": pa.array(embeddings.ids[start:end], pa.string()),
                    "content_hash": pa.array(embeddings.hashes[start:end], pa.string()),
                    "embedding": _vectors_with_nulls(vectors, rows, end - start),
                }
            )

        metadata = {"encoder": embeddings.description.to_json(), "made_from": embeddings.made_from}
        parts = map(part, range(0, max(len(embeddings.ids), 1), ROW_GROUP))
        self._write(self._embedding_path(name), parts, metadata)

    def read_embeddings(self, name: str) -> Embeddings | None:
        """Read ``embeddings/{name}.parquet``; None where there is none.

        Raises:
            CollectionError: it is damaged.
        """
        path = self._embedding_path(name)
        if not path.exists():
            return None
        import numpy as np
        import pyarrow as pa

        ids: list[str] = []
        hashes: list[str | None] = []
        rows: list[NDArray[np.int64]] = []
        with self._opened(path) as file:
            columns = ("id", "content_hash", "embedding")
            metadata = _metadata(file, columns, ("encoder", "made_from"))
            description = _description(path, metadata)
            # Few rows at a time into one array, so that the vectors are never there twice. What stays empty at its
            # end, where records have no vector, takes no memory.
            vectors, filled = np.empty((file.metadata.num_rows, description.dimension), np.float32), 0
            for batch in file.iter_batches(READ_AT_ONCE, columns=columns):
                table = pa.Table.from_batches([batch])  # pa.table would import pandas
                found, some = _vectors(table["embedding"])
                vectors[filled : filled + len(some)] = some
                rows.append(found + len(ids))
                filled += len(some)
                ids += table["id"].to_pylist()
                hashes += table["content_hash"].to_pylist()
                del batch, table, some
        pa.default_memory_pool().release_unused()
        at = np.concatenate([np.empty(0, np.int64), *rows])
        return Embeddings(ids, hashes, at, vectors[:filled], description, metadata["made_from"])

    def read_vectors(
        self, name: str, description: EncoderDescription
    ) -> Iterator[tuple[list[str], NDArray[np.float32]]]:
        """Content hashes and vectors of ``embeddings/{name}.parquet``, a row group at a time.

        Nothing where there is no such file, or its vectors are by another encoder. All comes from one opened file, so
        that a process that puts another in its place changes nothing.

        Raises:
            CollectionError: it is damaged.
        """
        path = self._embedding_path(name)
        if not path.exists():
            return
        with self._opened(path) as file:
            metadata = _metadata(file, ("content_hash", "embedding"), ("encoder",))
            if _description(path, metadata).identity != description.identity:
                return
            for group in range(file.num_row_groups):
                table = file.read_row_group(group, columns=["content_hash", "embedding"])
                rows, vectors = _vectors(table["embedding"])
                hashes = table["content_hash"].to_pylist()
                yield [hashes[row] for row in rows.tolist()], vectors

    def write_passages(self, passages: Passages) -> None:
        """Write ``embeddings/passages.parquet``."""
        import numpy as np
        import pyarrow as pa

        table = pa.table(
            {
                "ids": pa.array(passages.ids, pa.list_(pa.string())),
                "path": pa.array(passages.paths, pa.string()),
                "text": pa.array(passages.texts, pa.string()),
                "embedding": _vectors_with_nulls(passages.vectors, np.arange(len(passages.texts)), len(passages.texts)),
            }
        )
        metadata = {"encoder": passages.description.to_json(), "made_from": passages.made_from}
        self._write(self._embedding_path("passages"), [table], metadata)

    def read_passages(self) -> Passages | None:
        """Read ``embeddings/passages.parquet``; None where there is none.

        Raises:
            CollectionError: it is damaged.
        """
        path = self._embedding_path("passages")
        if not path.exists():
            return None
        table, metadata = self._read(path, ("ids", "path", "text", "embedding"), ("encoder", "made_from"))
        return Passages(
            table["ids"].to_pylist(),
            table["path"].to_pylist(),
            table["text"].to_pylist(),
            _vectors(table["embedding"])[1],
            _description(path, metadata),
            metadata["made_from"],
        )

    def write_shard(self, run: str, number: int, hashes: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Keep a finished part of an embedding run; `run` names the run by its settings."""
        import numpy as np
        import pyarrow as pa

        table = pa.table(
            {
                "content_hash": pa.array(hashes, pa.string()),
                "embedding": _vectors_with_nulls(vectors, np.arange(len(hashes)), len(hashes)),
            }
        )
        self._write(self._shards(run) / f"{number:06}.parquet", [table], {})

    def read_shards(self, run: str) -> Iterator[tuple[list[str], NDArray[np.float32]]]:
        """The finished parts of a run, in the order in which they were written."""
        for path in sorted(self._shards(run).glob("*.parquet")):
            table, _ = self._read(path, ("content_hash", "embedding"))
            yield table["content_hash"].to_pylist(), _vectors(table["embedding"])[1]

    def next_shard(self, run: str) -> int:
        """The number that follows the highest of a run's shards; one that is lost leaves a gap."""
        return max((int(path.stem) for path in self._shards(run).glob("*.parquet")), default=-1) + 1

    def scratch(self) -> IO[bytes]:
        """An unnamed file beside the collection's own, that is gone when it is closed."""
        return tempfile.TemporaryFile(dir=self.folder)

    def drop_shards(self, run: str) -> None:
        """Forget the parts of a run that has ended."""
        import shutil

        shutil.rmtree(self._shards(run), ignore_errors=True)
        partial = self._shards(run).parent
        if partial.is_dir() and not any(partial.iterdir()):
            partial.rmdir()

    # --- parts ------------------------------------------------------------------------------------------------

    def write_parts(self, blocks: Iterable[Parts], description: EncoderDescription, depth: int, made_from: str) -> None:
        """Write ``embeddings/fields.parquet``, a row group a block; records may come in any order."""
        metadata = {"encoder": description.to_json(), "depth": depth, "made_from": made_from}
        self._write_parts(self._embedding_path(FIELDS), blocks, description.dimension, metadata)

    def write_parts_shard(self, run: str, number: int, parts: Parts) -> None:
        """Keep the parts of some documents of a run that has not ended."""
        self._write_parts(self._shards(run) / f"{number:06}.parquet", [parts], parts.vectors.shape[1], {})

    def read_parts(self) -> Iterator[Parts]:
        """The blocks of ``embeddings/fields.parquet``, streaming; none where there is no such file.

        Raises:
            CollectionError: it is damaged.
        """
        yield from self._read_parts(self._embedding_path(FIELDS))

    def read_parts_shards(self, run: str) -> Iterator[Parts]:
        """The parts of a run that has not ended."""
        for path in sorted(self._shards(run).glob("*.parquet")):
            yield from self._read_parts(path)

    def describe_parts(self) -> PartsDescription | None:
        """What describes ``embeddings/fields.parquet``, without reading its vectors; None where there is none.

        Raises:
            CollectionError: it is damaged.
        """
        path = self._embedding_path(FIELDS)
        if not path.exists():
            return None
        with self._opened(path) as file:
            metadata = _metadata(file, _PARTS, ("encoder", "depth", "made_from"))
            paths: dict[str, None] = {}
            for number in range(file.num_row_groups):
                column = file.read_row_group(number, columns=["path"])["path"]
                paths |= dict.fromkeys(column.unique().to_pylist())
        return PartsDescription(_description(path, metadata), metadata["depth"], metadata["made_from"], list(paths))

    def _write_parts(self, path: Path, blocks: Iterable[Parts], dimension: int, metadata: Mapping[str, JSON]) -> None:
        import numpy as np
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = pa.schema(
            [
                ("id", pa.string()),
                ("content_hash", pa.string()),
                ("path", pa.string()),
                ("embedding", pa.list_(pa.float32(), dimension)),
            ],
            {_METADATA: json.dumps(metadata, sort_keys=True)},
        )
        vectors = "embedding.list.element"

        def write(file: Any) -> None:
            settings: dict[str, Any] = {"compression": "zstd", "compression_level": 1}
            settings |= {"use_dictionary": ["id", "content_hash", "path"]}
            with pq.ParquetWriter(file, schema, column_encoding={vectors: "BYTE_STREAM_SPLIT"}, **settings) as writer:
                for block in blocks:
                    lengths = np.diff(block.starts)
                    columns = [
                        pa.array(np.repeat(np.asarray(block.ids, object), lengths), pa.string()),
                        pa.array(np.repeat(np.asarray(block.hashes, object), lengths), pa.string()),
                        pa.array(block.paths, pa.string()),
                        _vectors_with_nulls(block.vectors, np.arange(len(block.paths)), len(block.paths)),
                    ]
                    writer.write_table(pa.Table.from_arrays(columns, schema=schema), row_group_size=len(block.paths))

        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, write)

    def _read_parts(self, path: Path) -> Iterator[Parts]:
        import numpy as np

        if not path.exists():
            return
        with self._opened(path) as file:
            _metadata(file, _PARTS, ())
            for number in range(file.num_row_groups):
                table = file.read_row_group(number)
                ids = table["id"].to_pylist()
                changes = [row for row in range(len(ids)) if row == 0 or ids[row] != ids[row - 1]]
                hashes = table["content_hash"].to_pylist()
                yield Parts(
                    [ids[row] for row in changes],
                    [hashes[row] for row in changes],
                    np.asarray([*changes, len(ids)], np.int64),
                    table["path"].to_pylist(),
                    _vectors(table["embedding"])[1],
                )

    # --- weights ----------------------------------------------------------------------------------------------

    def weights_names(self) -> list[str]:
        """Names of the weights of fields that are kept."""
        return sorted(path.stem for path in (self.folder / WEIGHTS).glob("*.json"))

    def write_weights(self, name: str, weights: Mapping[str, float], told: Mapping[str, JSON]) -> None:
        """Write ``weights/{name}.json``: the weight of each field, and how they were found."""
        path = self.folder / WEIGHTS / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"weights": dict(weights), **told}, indent=2, ensure_ascii=False)
        atomic_bytes(path, f"{text}\n".encode())

    def read_weights(self, name: str) -> dict[str, float]:
        """The weight of each field in ``weights/{name}.json``.

        Raises:
            CollectionError: there is no such file, or it is damaged.
        """
        path = self.folder / WEIGHTS / f"{name}.json"
        if name not in self.weights_names():
            raise CollectionError(
                f"There are no weights {name!r}.",
                allowed=f"There are: {', '.join(self.weights_names()) or 'none'}",
                cure=f"Find some with: embedex tune {self.folder} --target PATH --as NAME",
            )
        try:
            return {str(path): float(weight) for path, weight in json.loads(path.read_bytes())["weights"].items()}
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise CollectionError(f"{path} is damaged: {error}.", cure="Delete it and tune again.") from error

    # --- maps -------------------------------------------------------------------------------------------------

    def map_names(self) -> list[str]:
        """Names of the maps that are there."""
        return sorted(path.stem for path in (self.folder / MAPS).glob("*.parquet"))

    def write_map(self, name: str, stored: StoredMap) -> None:
        """Write ``maps/{name}.parquet``: id, x, y and perhaps z; kept and stable where they were measured."""
        import pyarrow as pa

        columns = {"id": pa.array(stored.ids, pa.string())}
        for axis, values in zip("xyz", stored.coordinates.T, strict=False):
            columns[axis] = pa.array(values, pa.float32())
        metadata: dict[str, Any] = {"parameters": stored.parameters, "made_from": stored.made_from}
        if stored.fidelity:
            for column in _PER_PLACE:
                if (values := getattr(stored.fidelity, column)) is not None:
                    columns[column] = pa.array(values, pa.float32())
            whole = {each.name: getattr(stored.fidelity, each.name) for each in fields(stored.fidelity)}
            metadata["fidelity"] = {key: value for key, value in whole.items() if key not in _PER_PLACE}
        self._write(self.folder / MAPS / f"{name}.parquet", [pa.table(columns)], metadata)

    def read_map(self, name: str) -> StoredMap | None:
        """Read ``maps/{name}.parquet``; None where there is none.

        Raises:
            CollectionError: it is damaged.
        """
        import numpy as np

        path = self.folder / MAPS / f"{name}.parquet"
        if not path.exists():
            return None
        with self._opened(path) as file:
            metadata = _metadata(file, ("id", "x", "y"), ("parameters", "made_from"))
            table = file.read()
            fidelity = None
            if whole := metadata.get("fidelity"):  # maps of the first embedex have none
                there = [column for column in _PER_PLACE if column == "kept" or column in table.column_names]
                measured = {column: _numbers(table[column], np.float32) for column in there}
                fidelity = Fidelity(**{"stable": None, **whole, **measured})
        axes = [axis for axis in "xyz" if axis in table.column_names]
        return StoredMap(
            table["id"].to_pylist(),
            np.column_stack([_numbers(table[axis], np.float32) for axis in axes]),
            metadata["parameters"],
            metadata["made_from"],
            fidelity,
        )

    # --- Parquet ----------------------------------------------------------------------------------------------

    def _embedding_path(self, name: str) -> Path:
        return self.folder / EMBEDDINGS / f"{name}.parquet"

    def _shards(self, run: str) -> Path:
        return self.folder / EMBEDDINGS / ".partial" / run

    def _write(self, path: Path, tables: Iterable[pa.Table], metadata: Mapping[str, JSON]) -> None:
        """Write tables as one, atomically. zstd over split byte streams: measured smallest and fastest for vectors."""
        import pyarrow.parquet as pq

        def write(file: Any) -> None:
            parts = iter(tables)
            first = next(parts)
            names = first.column_names
            with pq.ParquetWriter(
                file,
                first.schema.with_metadata({_METADATA: json.dumps(metadata, sort_keys=True)}),
                compression="zstd",
                compression_level=1,
                use_dictionary=[name for name in ("group", "path") if name in names],
                column_encoding={"embedding.list.element": "BYTE_STREAM_SPLIT"} if "embedding" in names else None,
            ) as writer:
                for table in chain([first], parts):
                    writer.write_table(table)

        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, write)

    def _read(self, path: Path, columns: Sequence[str], keys: Sequence[str] = ()) -> tuple[pa.Table, dict[str, Any]]:
        with self._opened(path) as file:
            return file.read(), _metadata(file, columns, keys)

    def _read_metadata(self, path: Path, keys: Sequence[str]) -> dict[str, Any]:
        with self._opened(path) as file:
            return _metadata(file, (), keys)

    @contextmanager
    def _opened(self, path: Path) -> Iterator[pq.ParquetFile]:
        """A Parquet file of this collection; what is wrong with it becomes a `CollectionError`."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            # read_table would import pandas. A file is read as it is decoded, not fetched ahead: it is on the disk.
            with pq.ParquetFile(path, pre_buffer=False, buffer_size=BUFFER) as file:
                yield file
        except FileNotFoundError:
            raise CollectionError(
                f"{path} is missing.",
                cure="Run the command that made the collection again; its embeddings are kept.",
            ) from None
        except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
            raise CollectionError(
                f"{path} is damaged or not embedex's: {error}.",
                cure="Delete that file and run the command that wrote it again.",
            ) from error


def _metadata(file: pq.ParquetFile, columns: Sequence[str], keys: Sequence[str]) -> dict[str, Any]:
    """What describes a file, once it is seen to be the kind of file that is meant."""
    metadata: dict[str, Any] = json.loads(file.schema_arrow.metadata[_METADATA])
    if lacking := [*({*columns} - {*file.schema_arrow.names}), *({*keys} - {*metadata})]:
        raise ValueError(f"it lacks {', '.join(sorted(lacking))}")
    return metadata


def _description(path: Path, metadata: Mapping[str, Any]) -> EncoderDescription:
    try:
        return EncoderDescription.from_json(metadata["encoder"])
    except CollectionError as error:
        cure = error.cure or "Delete that file and run the command that wrote it again."
        raise CollectionError(f"{path}: {error.seen}", cure=cure) from error


def _vectors_with_nulls(vectors: NDArray[np.float32], rows: NDArray[np.int64], count: int) -> pa.Array:
    """A fixed-size list column of `count` rows; rows that have no vector are null."""
    import numpy as np
    import pyarrow as pa

    dimension = vectors.shape[1]
    if len(rows) == count:
        return pa.FixedSizeListArray.from_arrays(
            pa.array(np.ascontiguousarray(vectors).reshape(-1), pa.float32()), dimension
        )
    spread = np.zeros((count, dimension), np.float32)  # Arrow wants values under its nulls; Parquet drops them
    spread[rows] = vectors
    absent = np.ones(count, bool)
    absent[rows] = False
    return pa.FixedSizeListArray.from_arrays(
        pa.array(spread.reshape(-1), pa.float32()), dimension, mask=pa.array(absent)
    )


def _vectors(column: pa.ChunkedArray) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The rows that have a vector, and their vectors, of a fixed-size list column."""
    import numpy as np

    rows = np.flatnonzero(column.is_valid().to_pylist()) if column.null_count else np.arange(len(column))
    flat = _joined([chunk.flatten() for chunk in column.chunks], np.float32)  # leaves out nulls
    return rows, flat.reshape(-1, column.type.list_size)


def _numbers(column: pa.ChunkedArray, dtype: type) -> NDArray[Any]:
    return _joined(column.chunks, dtype)


def _joined(arrays: Sequence[pa.Array], dtype: type) -> NDArray[Any]:
    """Arrow numbers without nulls as one numpy array; by DLPack, since Arrow's own way imports pandas (0.3 s)."""
    import numpy as np

    parts = [np.from_dlpack(array) for array in arrays]
    return parts[0] if len(parts) == 1 else np.concatenate([*parts, np.empty(0, dtype)])
