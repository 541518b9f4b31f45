"""An embedding run: documents in, one vector a row out; what is known is not embedded again, what is finished is kept.

One thread reads and tokenises ahead of the encoder. Documents of about one length run together, long ones alone. What
is done is written as shards, at most seconds apart, and a killed run goes on from them. Vectors are found by content
hash, so neither the order of documents nor the moment of a kill changes a byte of the result.

Where an encoder's last bits depend on what it computes together, as on a GPU, so do the result's.

The run knows nothing of records or files beyond its shards: documents come in row order from the caller.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic
from typing import IO, TYPE_CHECKING, Any, Protocol, Self

from embedex.encoders.base import Encoder, TokenEncoder
from embedex.errors import EmbedexError, InputError
from embedex.records import Strictness
from embedex.store import Store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BATCH = 128
"""Documents that are read together, and embedded together by an encoder that does not say how long they are."""

POOL_TOKENS = 1 << 18
"""Tokens of the documents among which those of about one length are put together; two such pools are in memory."""

SHARD_SECONDS = 0.5
"""What a kill costs: vectors are written when the last writing was so long ago, or with the encoder's next ones."""

SHARD = 4096
"""The most vectors of a shard."""

DECODERS = 2
"""Threads that decode pictures ahead of the encoder."""

IN_MEMORY = 64 << 20
"""Bytes of vectors that are kept in memory; more are kept in an unnamed file."""


class Document(Protocol):
    """What a run needs of a document; `embedex.documents` has both kinds."""

    @property
    def id(self) -> str:
        """The record's id."""
        ...

    @property
    def content_hash(self) -> str:
        """Equal for equal content."""
        ...

    def content(self) -> Any:
        """What an encoder reads."""
        ...


@dataclass(frozen=True, slots=True)
class Known:
    """Vectors from before: vector i belongs to content hash i."""

    hashes: Sequence[str]
    vectors: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is.

    Attributes:
        rows: how many rows are done, those with known vectors among them.
        embedded: how many documents were embedded now.
        tokens: how many tokens those had; 0 where the encoder does not say.
        share: how much of what is to embed now is embedded, from 0 to 1, by tokens where they are known; of what has
            not been read yet as many documents are taken to be new as of what was read last.
    """

    rows: int
    embedded: int
    tokens: int
    share: float


@dataclass(frozen=True, slots=True)
class Run:
    """What a run gives back.

    Attributes:
        hashes: a content hash a row, or None for a row without a document.
        rows: int64, shape (m,): the rows that have a vector.
        vectors: float32, shape (m, d), unit length; in a memory-mapped file where there are many.
        embedded: how many documents were embedded now; the others were known.
    """

    hashes: list[str | None]
    rows: NDArray[np.int64]
    vectors: NDArray[np.float32]
    embedded: int


def run(
    documents: Iterable[Document | None],
    encoder: Encoder,
    store: Store,
    name: str,
    *,
    count: int | None = None,
    known: Iterable[Known] = (),
    strictness: Strictness | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Run:
    """Embed documents that come one a row; None where a row has no document.

    Args:
        documents: in row order; consumed once, by a thread of its own, a pool at a time.
        encoder: used only for documents that are not known.
        store: keeps the shards.
        name: the run's name in the store; with the encoder's settings it finds the shards of a killed run.
        count: how many rows there will be, for `Progress.share`.
        known: vectors from before, by the same encoder settings.
        strictness: takes a document that cannot be read, whose row then stays without a vector.
        progress: called whenever documents are done.

    Raises:
        InputError: a document cannot be read and `strictness` is strict, or the encoder refuses one.
        EmbedexError: the encoder gave something other than finite unit vectors.
    """
    import numpy as np

    key = f"{name}-{encoder.description.fingerprint}"
    with _Table(encoder.description.dimension, store) as table:
        shards = (Known(hashes, vectors) for hashes, vectors in store.read_shards(key))
        for piece in itertools.chain(known, shards):
            table.append(piece.hashes, piece.vectors)
        before = len(table.place)
        pools = _pools(documents, encoder, table.place.keys(), strictness or Strictness())
        hashes = _embed(pools, encoder, table, _Shards(store, key), count, progress)
        rows = np.asarray([row for row, hash_ in enumerate(hashes) if hash_ is not None], dtype=np.int64)
        chosen = np.asarray([table.place[hash_] for hash_ in hashes if hash_ is not None], dtype=np.int64)
        return Run(hashes, rows, table.take(chosen), len(table.place) - before)


def finish(store: Store, name: str, encoder: Encoder) -> None:
    """Forget a run's shards, once its result is safely written."""
    store.drop_shards(f"{name}-{encoder.description.fingerprint}")


def _embed(
    pools: Iterator[_Pool],
    encoder: Encoder,
    table: _Table,
    shards: _Shards,
    count: int | None,
    progress: Callable[[Progress], None] | None,
) -> list[str | None]:
    """Embed one pool while the next one is read; gives the content hash of each row."""
    hashes: list[str | None] = []
    embedded = tokens = done = 0
    work = new = 0  # of all pools so far: what there is to do, and for how many documents
    if progress:  # time is counted from here
        progress(Progress(0, 0, 0, 0.0))
    with ThreadPoolExecutor(1, "embedex-read") as ahead:
        upcoming = ahead.submit(next, pools, None)
        try:
            while (pool := upcoming.result()) is not None:
                upcoming = ahead.submit(next, pools, None)
                hashes += pool.hashes
                waiting = sum(len(pack.hashes) for pack in pool.packs)
                work += sum(pack.work for pack in pool.packs)
                new += waiting
                to_come = ((count or 0) - len(hashes)) * waiting / len(pool.hashes)
                expected = work + max(to_come, 0) * work / max(new, 1)
                for pack in pool.packs:
                    vectors = _checked(pack.encode(), len(pack.hashes), encoder)
                    table.append(pack.hashes, vectors)
                    shards.add(pack.hashes, vectors)
                    embedded += len(pack.hashes)
                    waiting -= len(pack.hashes)
                    tokens += pack.tokens
                    done += pack.work
                    if progress:
                        progress(Progress(len(hashes) - waiting, embedded, tokens, done / expected))
                if progress and not pool.packs:
                    progress(Progress(len(hashes), embedded, tokens, done / max(expected, 1)))
        finally:
            shards.write()
    return hashes


@dataclass(frozen=True, slots=True)
class _Pack:
    """Documents that the encoder gets at once."""

    hashes: list[str]
    encode: Callable[[], NDArray[np.float32]]
    tokens: int = 0

    @property
    def work(self) -> int:
        return self.tokens or len(self.hashes)


@dataclass(frozen=True, slots=True)
class _Pool:
    """Rows that were read together: their hashes, and what of them is to be embedded."""

    hashes: list[str | None]
    packs: list[_Pack]


def _pools(
    documents: Iterable[Document | None], encoder: Encoder, known: Collection[str], strictness: Strictness
) -> Iterator[_Pool]:
    """Read documents, and tokenise them where the encoder lets us, each distinct content once."""
    seen = set(known)
    unreadable: dict[str, str] = {}
    hashes: list[str | None] = []
    tokenized: list[tuple[str, Any]] = []
    tokens = 0
    with ThreadPoolExecutor(DECODERS, "embedex-decode") as decoders:
        read = decoders.map if encoder.description.modality == "image" else map  # a text has been read already
        for part in _batched(documents, BATCH):
            part_hashes = [document.content_hash if document else None for document in part]
            new: dict[str, Document] = {}
            for hash_, document in zip(part_hashes, part, strict=True):
                if document is not None and hash_ is not None and hash_ not in seen:
                    new.setdefault(hash_, document)
            seen.update(new)
            contents = dict(zip(new, read(_read, new.values()), strict=True))
            for hash_ in new:
                if isinstance(contents[hash_], InputError):
                    unreadable[hash_] = str(contents.pop(hash_))
            for document, part_hash in zip(part, part_hashes, strict=True):
                if document is not None and part_hash in unreadable:
                    strictness.add(f"record {document.id}", unreadable[part_hash])
            part_rows = [None if hash_ in unreadable else hash_ for hash_ in part_hashes]
            if not isinstance(encoder, TokenEncoder):
                yield _Pool(part_rows, [_pack(encoder.encode_documents, contents)] if contents else [])
                continue
            hashes += part_rows
            fresh = _tokenized(encoder, contents, new)
            tokenized += zip(contents, fresh, strict=True)
            tokens += sum(each.tokens for each in fresh)
            if tokens >= POOL_TOKENS:
                yield _Pool(hashes, _packs(encoder, tokenized))
                hashes, tokenized, tokens = [], [], 0
    if hashes and isinstance(encoder, TokenEncoder):
        yield _Pool(hashes, _packs(encoder, tokenized))


def _pack(encode: Callable[[Sequence[Any]], NDArray[np.float32]], contents: dict[str, Any], tokens: int = 0) -> _Pack:
    return _Pack(list(contents), lambda: encode(list(contents.values())), tokens)


def _packs(encoder: TokenEncoder, tokenized: list[tuple[str, Any]]) -> list[_Pack]:
    """Documents of about one length together, up to the tokens that the encoder takes at once; the longest first."""
    packs: list[dict[str, Any]] = []
    tokens: list[int] = []
    for hash_, each in sorted(tokenized, key=lambda pair: -pair[1].tokens):
        if not packs or tokens[-1] + each.tokens > encoder.pack_tokens:
            packs.append({})
            tokens.append(0)
        packs[-1][hash_] = each
        tokens[-1] += each.tokens
    return [_pack(encoder.encode_tokenized, pack, total) for pack, total in zip(packs, tokens, strict=True)]


def _tokenized(encoder: TokenEncoder, contents: dict[str, Any], documents: dict[str, Document]) -> Sequence[Any]:
    """The documents' tokens; a document that the encoder refuses is named by its record.

    Raises:
        InputError: the encoder refuses a document.
    """
    try:
        return encoder.tokenize(list(contents.values()))
    except InputError:
        for hash_, content in contents.items():
            try:
                encoder.tokenize([content])
            except InputError as error:
                raise InputError(
                    f"Record {documents[hash_].id}: {error.seen}", allowed=error.allowed, cure=error.cure
                ) from error
        raise


def _batched(items: Iterable[Document | None], size: int) -> Iterator[list[Document | None]]:
    iterator = iter(items)
    while part := list(itertools.islice(iterator, size)):
        yield part


def _read(document: Document) -> Any:
    """A document's content, or the InputError that says why it has none."""
    try:
        return document.content()
    except InputError as error:
        return error


class _Shards:
    """Writes vectors soon after they come, but not each for itself."""

    def __init__(self, store: Store, key: str) -> None:
        self._store, self._key = store, key
        self._number = store.next_shard(key)
        self._waiting: list[tuple[Sequence[str], NDArray[np.float32]]] = []
        self._written = monotonic()

    def add(self, hashes: Sequence[str], vectors: NDArray[np.float32]) -> None:
        self._waiting.append((hashes, vectors))
        if sum(len(each) for each, _ in self._waiting) >= SHARD or monotonic() - self._written >= SHARD_SECONDS:
            self.write()

    def write(self) -> None:
        import numpy as np

        if self._waiting:
            hashes = [hash_ for each, _ in self._waiting for hash_ in each]
            vectors = np.concatenate([each for _, each in self._waiting])
            self._store.write_shard(self._key, self._number, hashes, vectors)
            self._number += 1
            self._waiting = []
        self._written = monotonic()


class _Table:
    """Vectors in the order in which they came, found by content hash; beyond `IN_MEMORY` they are in a file.

    Attributes:
        place: where each hash's vector is.
    """

    def __init__(self, dimension: int, store: Store) -> None:
        self.place: dict[str, int] = {}
        self._dimension, self._store = dimension, store
        self._blocks: list[NDArray[np.float32]] = []
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()  # what is mapped stays mapped

    def append(self, hashes: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Keep the vectors whose hashes are new."""
        fresh = []
        for position, hash_ in enumerate(hashes):
            if hash_ not in self.place:
                self.place[hash_] = len(self.place)
                fresh.append(position)
        block = vectors if len(fresh) == len(hashes) else vectors[fresh]
        if self._file is None:
            self._blocks.append(block)
            if 4 * self._dimension * len(self.place) > IN_MEMORY:
                self._file = self._store.scratch()
                for each in self._blocks:
                    self._file.write(each.tobytes())
                self._blocks = []
        else:
            self._file.write(block.tobytes())

    def take(self, places: NDArray[np.int64]) -> NDArray[np.float32]:
        """The vectors at these places, float32 of shape (m, d)."""
        import numpy as np

        if self._file is None or not len(places):  # no file can be mapped that is empty
            whole = np.concatenate([*self._blocks, np.empty((0, self._dimension), np.float32)])
            return whole[places]
        self._file.flush()
        shape = (len(self.place), self._dimension)
        whole = np.memmap(self._file, np.float32, "r", shape=shape).view(np.ndarray)
        if np.array_equal(places, np.arange(len(self.place))):
            return whole
        with self._store.scratch() as ordered:
            for start in range(0, len(places), SHARD):
                ordered.write(whole[places[start : start + SHARD]].tobytes())
            ordered.flush()
            return np.memmap(ordered, np.float32, "r", shape=(len(places), self._dimension)).view(np.ndarray)


def _checked(vectors: NDArray[np.float32], count: int, encoder: Encoder) -> NDArray[np.float32]:
    """Refuse what would be a mixed-up, zero or broken row for ever after."""
    import numpy as np

    wanted = (count, encoder.description.dimension)
    if vectors.shape != wanted or vectors.dtype != np.float32:
        raise EmbedexError(
            f"The encoder '{encoder.description.name}' gave {vectors.dtype} of shape {vectors.shape}.",
            allowed=f"float32 of shape {wanted} was due.",
        )
    lengths = np.linalg.norm(vectors, axis=1)
    if not np.all(np.abs(lengths - 1) < 1e-3):
        raise EmbedexError(f"The encoder '{encoder.description.name}' gave a vector that is not of unit length.")
    return vectors
