"""A run that keeps what each field adds to its text's vector, and vectors put together anew from such parts.

A run gives the texts' vectors as well, so that the model reads no text twice. Everything streams: no more than a block
of records is in memory. The parts' file has its records in the order in which they were embedded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING

from embedex.documents import TextDocument, TextSettings, text_spans
from embedex.encoders.base import EncoderDescription, FieldEncoder
from embedex.errors import EmbedexError
from embedex.store import Parts, Store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

REST = "(prefix)"
"""The path of what belongs to no field: special tokens, a task's prefix, the vector of a text without any token."""

BATCH = 32
"""Texts that are embedded together where only their parts are missing."""


class Keeper:
    """An encoder that keeps the parts of whatever it embeds, a shard a call; else the encoder it is given.

    Args:
        encoder: does the work.
        store: keeps the shards.
        settings: how records became text.
        depth: how many levels of objects to look into for fields.
    """

    def __init__(self, encoder: FieldEncoder, store: Store, settings: TextSettings, depth: int) -> None:
        self._encoder, self._store, self._settings, self._depth = encoder, store, settings, depth
        self._key = key(encoder.description, depth)
        self._shard = store.next_shard(self._key)

    @property
    def description(self) -> EncoderDescription:
        """The encoder's."""
        return self._encoder.description

    def encode_documents(self, documents: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of texts; their parts are on disk when they are given back."""
        import numpy as np

        if not documents:
            return self._encoder.encode_documents(documents)
        fields = [text_spans(text, self._settings, depth=self._depth) for text in documents]
        vectors, parts = self._encoder.encode_fields(documents, fields)
        wrong = max(float(np.abs(part.sum(axis=0) - each).max()) for part, each in zip(parts, vectors, strict=True))
        if not wrong < 1e-4:
            raise EmbedexError(f"The encoder '{self.description.name}' gave parts that miss their sum by {wrong:.1e}.")
        paths: list[str] = []
        rows = []
        starts = [0]
        for spans, part in zip(fields, parts, strict=True):
            kept = len(part) if part[-1].any() else len(part) - 1
            paths += [*(span.path for span in spans), REST][:kept]
            rows.append(part[:kept])
            starts.append(len(paths))
        hashes = [TextDocument("", text).content_hash for text in documents]
        block = Parts(hashes, hashes, np.asarray(starts, np.int64), paths, np.concatenate(rows))
        self._store.write_parts_shard(self._key, self._shard, block)
        self._shard += 1
        return vectors


def key(description: EncoderDescription, depth: int) -> str:
    """Names a run by its settings."""
    return f"fields-{depth}-{description.fingerprint}"


def run(
    documents: Iterable[TextDocument],
    keeper: Keeper,
    store: Store,
    depth: int,
    made_from: str,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Embed the texts whose parts are on disk nowhere, and write ``embeddings/fields.parquet``.

    What the file has from before, by the same encoder and depth, and what shards have, is not embedded again.

    Args:
        documents: every text; consumed once, and none of them is kept.
        keeper: embeds.
        store: has the file and the shards.
        depth: as the keeper's.
        made_from: kept in the file.
        progress: called with the number of texts done so far.

    Returns:
        How many texts were embedded now.
    """
    before = store.describe_parts()
    wanted = (keeper.description.identity, depth)
    reused = before is not None and (before.description.identity, before.depth) == wanted
    run_key = key(keeper.description, depth)

    def known() -> Iterator[Parts]:
        return chain(store.read_parts() if reused else (), store.read_parts_shards(run_key))

    there = {each for block in known() for each in block.hashes}
    holders: dict[str, list[str]] = {}
    embedded = done = 0
    stream = iter(documents)
    while batch := list(islice(stream, BATCH)):
        new = {}
        for document in batch:
            hash_ = document.content_hash
            if hash_ not in there and hash_ not in holders:
                new[hash_] = document.text
            holders.setdefault(hash_, []).append(document.id)
        if new:
            keeper.encode_documents(list(new.values()))
        embedded += len(new)
        done += len(batch)
        if progress:
            progress(done)
    store.write_parts(_held(known(), holders), keeper.description, depth, made_from)
    store.drop_shards(run_key)
    return embedded


def _held(blocks: Iterable[Parts], holders: Mapping[str, Sequence[str]]) -> Iterator[Parts]:
    """The blocks with a row for each record of today, once; texts that no record has any more are left out."""
    import numpy as np

    done: set[str] = set()
    for block in blocks:
        ids: list[str] = []
        hashes: list[str] = []
        pieces: list[NDArray[np.int64]] = []
        for number, hash_ in enumerate(block.hashes):
            if hash_ in done:
                continue
            done.add(hash_)
            for record_id in holders.get(hash_, ()):
                ids.append(record_id)
                hashes.append(hash_)
                pieces.append(np.arange(block.starts[number], block.starts[number + 1]))
        if pieces:
            rows = np.concatenate(pieces)
            starts = np.cumsum([0, *map(len, pieces)])
            yield Parts(ids, hashes, starts, [block.paths[row] for row in rows], block.vectors[rows])


def mean(blocks: Iterable[Parts], paths: Sequence[str], main: set[str]) -> NDArray[np.float64]:
    """The mean part of each field over some records; a record without a field counts with zeros.

    Args:
        blocks: the parts.
        paths: f fields.
        main: the ids of the records that count.

    Returns:
        float64, shape (f, d); adds up to the mean of the records' vectors.
    """
    import numpy as np

    number = {path: place for place, path in enumerate(paths)}
    total: NDArray[np.float64] | None = None
    count = 0
    for block in blocks:
        if total is None:
            total = np.zeros((len(paths), block.vectors.shape[1]))
        counted = np.repeat([record_id in main for record_id in block.ids], np.diff(block.starts))
        field = np.asarray([number[path] for path in block.paths], np.int64)
        for each in np.unique(field):
            total[each] += block.vectors[counted & (field == each)].sum(axis=0, dtype=np.float64)
        count += sum(record_id in main for record_id in block.ids)
    return total / max(count, 1) if total is not None else np.zeros((len(paths), 0))


def dense(blocks: Iterable[Parts], paths: Sequence[str], ids: Sequence[str]) -> NDArray[np.float32]:
    """The parts of some records as one array, zeros where a record lacks a field.

    Returns:
        float32, shape (len(ids), len(paths), d).
    """
    import numpy as np

    number = {path: place for place, path in enumerate(paths)}
    wanted = {record_id: row for row, record_id in enumerate(ids)}
    found: NDArray[np.float32] | None = None
    for block in blocks:
        if found is None:
            found = np.zeros((len(ids), len(paths), block.vectors.shape[1]), np.float32)
        for place, record_id in enumerate(block.ids):
            if record_id in wanted:
                rows = range(block.starts[place], block.starts[place + 1])
                found[wanted[record_id], [number[block.paths[row]] for row in rows]] = block.vectors[
                    rows.start : rows.stop
                ]
    return found if found is not None else np.zeros((len(ids), len(paths), 0), np.float32)


def weighted(
    blocks: Iterable[Parts], weights: Mapping[str, float], rows: Mapping[str, int], dimension: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Vectors put together from parts, each times its field's weight, and brought back to unit length.

    Args:
        blocks: the parts.
        weights: of the fields; 1 for one that is not named.
        rows: the row of each record that is wanted, by its id.
        dimension: length of a vector.

    Returns:
        The rows that have a vector, int64, ascending, and their vectors, float32, (m, d). A record all of whose fields
        weigh nothing has none.
    """
    import numpy as np

    places: list[NDArray[np.int64]] = []
    vectors: list[NDArray[np.float32]] = []
    for block in blocks:
        if not block.ids:
            continue
        weight = np.asarray([weights.get(path, 1.0) for path in block.paths])
        summed = np.add.reduceat(weight[:, None] * block.vectors, block.starts[:-1], axis=0)
        lengths = np.linalg.norm(summed, axis=1)
        place = np.asarray([rows.get(record_id, -1) for record_id in block.ids], np.int64)
        kept = (place >= 0) & (lengths > 1e-6)  # below rounding noise a sum has no direction worth the name
        places.append(place[kept])
        vectors.append((summed[kept] / lengths[kept, None]).astype(np.float32))
    place = np.concatenate([*places, np.empty(0, np.int64)])
    order = np.argsort(place, kind="stable")
    return place[order], np.concatenate([*vectors, np.empty((0, dimension), np.float32)])[order]
