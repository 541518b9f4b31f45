"""An embedding run: documents in, one vector a row out; what is known is not embedded again, what is finished is kept.

The run knows nothing of records or files beyond its shards: documents come in row order from the caller, and a killed
run leaves whole shards that the next one starts from. Vectors are found by content hash, so neither the order of
documents nor the moment of a kill changes a byte of the result.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from embedex.encoders.base import Encoder
from embedex.errors import EmbedexError, InputError
from embedex.records import Strictness
from embedex.store import Store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHARD = 128
"""Documents a shard, and so the most that a kill can cost."""

DECODERS = 2
"""Threads that decode pictures ahead of the encoder."""


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
class Run:
    """What a run gives back.

    Attributes:
        hashes: a content hash a row, or None for a row without a document.
        rows: int64, shape (m,): the rows that have a vector.
        vectors: float32, shape (m, d), unit length.
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
    known: Known | None = None,
    strictness: Strictness | None = None,
    progress: Callable[[int], None] | None = None,
) -> Run:
    """Embed documents that come one a row; None where a row has no document.

    Args:
        documents: in row order; consumed once, a shard at a time.
        encoder: used only for documents that are not known.
        store: keeps the shards.
        name: the run's name in the store; with the encoder's settings it finds the shards of a killed run.
        known: vectors from before, by the same encoder settings.
        strictness: takes a document that cannot be read, whose row then stays without a vector.
        progress: called with the number of rows done so far.

    Raises:
        InputError: a document cannot be read and `strictness` is strict.
        EmbedexError: the encoder gave something other than finite unit vectors.
    """
    import numpy as np

    strictness = strictness or Strictness()
    key = f"{name}-{encoder.description.fingerprint}"
    pieces = [known] if known else []
    pieces += [Known(hashes, vectors) for hashes, vectors in store.read_shards(key)]
    shard = store.next_shard(key)
    place: dict[str, int] = {}
    blocks = [piece.vectors for piece in pieces]
    for hash_ in itertools.chain.from_iterable(piece.hashes for piece in pieces):
        place.setdefault(hash_, len(place))
    if len(place) != sum(map(len, blocks)):  # a hash in two pieces: keep the first of each
        every = list(itertools.chain.from_iterable(piece.hashes for piece in pieces))
        first = {hash_: position for position, hash_ in reversed(list(enumerate(every)))}
        blocks = [np.concatenate(blocks)[[first[hash_] for hash_ in place]]]

    hashes: list[str | None] = []
    embedded = 0
    for part in _batched(documents, SHARD):
        part_hashes = [document.content_hash if document else None for document in part]
        new = {
            hash_: document
            for hash_, document in zip(part_hashes, part, strict=True)
            if document is not None and hash_ is not None and hash_ not in place
        }
        contents, unreadable = _contents(new)
        for document, part_hash in zip(part, part_hashes, strict=True):
            if document is not None and part_hash in unreadable:
                strictness.add(f"record {document.id}", unreadable[part_hash])
        if contents:
            vectors = _checked(encoder.encode_documents(list(contents.values())), len(contents), encoder)
            store.write_shard(key, shard, list(contents), vectors)
            shard += 1
            blocks.append(vectors)
            for hash_ in contents:
                place[hash_] = len(place)
            embedded += len(contents)
        hashes += [None if hash_ in unreadable else hash_ for hash_ in part_hashes]
        if progress:
            progress(len(hashes))

    rows = np.asarray([row for row, hash_ in enumerate(hashes) if hash_ is not None], dtype=np.int64)
    table = np.concatenate([*blocks, np.empty((0, encoder.description.dimension), np.float32)])
    chosen = np.asarray([place[hash_] for hash_ in hashes if hash_ is not None], dtype=np.int64)
    return Run(hashes, rows, table[chosen], embedded)


def finish(store: Store, name: str, encoder: Encoder) -> None:
    """Forget a run's shards, once its result is safely written."""
    store.drop_shards(f"{name}-{encoder.description.fingerprint}")


def _batched(items: Iterable[Document | None], size: int) -> Iterator[list[Document | None]]:
    iterator = iter(items)
    while part := list(itertools.islice(iterator, size)):
        yield part


def _contents(new: dict[str, Document]) -> tuple[dict[str, Any], dict[str, str]]:
    """Read the new documents side by side: what could be read, and why the others could not."""
    from concurrent.futures import ThreadPoolExecutor

    def read(document: Document) -> Any:
        try:
            return document.content()
        except InputError as error:
            return error

    with ThreadPoolExecutor(DECODERS) as threads:
        read_all = dict(zip(new, threads.map(read, new.values()), strict=True))
    unreadable = {hash_: str(content) for hash_, content in read_all.items() if isinstance(content, InputError)}
    return {hash_: content for hash_, content in read_all.items() if hash_ not in unreadable}, unreadable


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
