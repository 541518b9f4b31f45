"""What each route of the explorer answers, without a server: `app` sends it, `export` writes it into files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from embedex._version import __version__
from embedex.errors import CollectionError, EmbedexError, InputError, UnknownRecordError
from embedex.explorer import arrays, columns, heatmap, thumbnails
from embedex.explorer.questions import Questions, plain
from embedex.explorer.shelf import Held, Shelf
from embedex.results import Against, By

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from embedex.collection import Collection

ARRAYS_KEPT = 256 * 2**20
"""Bytes of arrays that are kept."""

Pair = Literal["text", "image", "fused"]
"""What all pairs can be compared by."""

RowsOf = Literal["names", "ids", "groups", "pictures", "main"]
"""What there is a value a record of."""


@dataclass(frozen=True)
class Picture:
    """The file of a record's picture.

    Attributes:
        path: where it is; in the collection's folder of pictures, whatever the index says.
        media: its media type, by its first bytes.
        etag: names what it shows.
    """

    path: Path
    media: str
    etag: str


class Answers:
    """What is answered about one collection.

    Not safe to be used by two threads at once, but for `record`, `picture` and `thumbnail`.

    Args:
        collection: it.
        keep_thumbnails: whether pages of thumbnails that are drawn are kept in the collection's folder.

    Attributes:
        arrays: what was made of arrays, for the next who asks. All of a map's arrays, and both of a field's, are made
            at once.
    """

    def __init__(self, collection: Collection, *, keep_thumbnails: bool = True) -> None:
        self.collection, self.index = collection, collection.index
        self.questions = Questions(collection)
        self.atlas = thumbnails.Atlas(self.index, self.questions.store.images, collection.folder, keep=keep_thumbnails)
        self.arrays = Shelf(ARRAYS_KEPT)
        self._orders: dict[str, NDArray[np.int64]] = {}

    # --- what is asked about --------------------------------------------------------------------------------------

    def known(self, row: int) -> int:
        """The row, once it is sure that there is such a record.

        Raises:
            UnknownRecordError: there is none.
        """
        if not 0 <= row < len(self.index.ids):
            raise UnknownRecordError(f"There is no row {row}; the collection has {len(self.index.ids)} records.")
        return row

    def on_map(self, by: By, name: str) -> str:
        """The name of the map that a question by map is about; without one the default one.

        Raises:
            CollectionError: there is no map of that name.
        """
        if by != "map":
            return ""
        if name and name not in self.collection.maps:
            raise _no_map(name)
        return name or self.default_map() or ""

    def default_map(self) -> str | None:
        """The map that is shown first; None without any."""
        names = self.collection.maps
        return next((name for name in ("umap", "pca", *names) if name in names), None)

    # --- what there is --------------------------------------------------------------------------------------------

    def told(self) -> dict[str, Any]:
        """What the page has to know first."""
        collection, index = self.collection, self.index
        try:
            parts = bool(collection.fields)
        except EmbedexError:
            parts = False
        against = self.questions.can_ask
        embeddings = [
            {"name": name, "encoder": each.name, "dimension": each.dimension}
            for name, each in collection.embeddings.items()
            if collection.has(name)
        ]
        return {
            "title": collection.title,
            "origin": collection.manifest.origin,
            "count": len(index.ids),
            "groups": index.group_names[: arrays.MOST_CODES],
            "embeddings": embeddings,
            "pictures": len(index.pictures) - index.pictures.count(None),
            "maps": [json.loads(self.map_array(name, "told").body) for name in collection.maps],
            "default_map": self.default_map(),
            "can_ask": bool(against),
            "ask_against": against,
            "can_where": True,
            "fields": parts,
            "thumbnail": {"side": thumbnails.SIDE, "columns": thumbnails.COLUMNS, "pages": self.atlas.count},
            "version": __version__,
        }

    def summary(self) -> Held:
        """`told`, as JSON."""
        return as_json(self.told())

    def rows(self, what: RowsOf) -> Held:
        """A value a record."""
        index = self.index
        makers: dict[RowsOf, Callable[[], Held]] = {
            "names": lambda: arrays.lines(index.names),
            "ids": lambda: arrays.lines(index.ids),
            "groups": lambda: arrays.groups(index),
            "pictures": lambda: arrays.flags([picture is not None for picture in index.pictures]),
            "main": lambda: arrays.flags(index.main),
        }
        return makers[what]()

    def map_array(self, name: str, what: str) -> Held:
        """One of the arrays of a map (``places``, ``rows``, ``doubt``), or what is ``told`` of it.

        Raises:
            CollectionError: there is no map of that name.
        """
        if (held := self.arrays.get(("map", name, what))) is not None:
            return held
        stored = self.questions.store.read_map(name) if name in self.collection.maps else None
        if stored is None:
            raise _no_map(name)
        whole = stored.ids == self.index.ids
        made = arrays.map_arrays(stored, self.index, {} if whole else self.questions.rows)
        told: dict[str, Any] = {
            "name": name,
            "dimensions": stored.coordinates.shape[1],
            "count": len(made["doubt"].body),
            "method": stored.parameters.get("method"),
        }
        if stored.fidelity:
            measured = ("trustworthiness", "continuity", "nearest", "seeds", "rule")
            told["fidelity"] = {each: getattr(stored.fidelity, each) for each in measured}
        made["told"] = as_json(told)
        for each, array in made.items():
            self.arrays.put(("map", name, each), array)
        return made[what]

    def fields(self) -> Held:
        """The fields that can colour."""
        sampled = self.questions.sampled()
        found = columns.fields(self.questions.data(sampled))
        paths = [{"path": each.path, "kind": each.kind, "distinct": each.distinct} for each in found]
        return as_json({"paths": paths, "looked_at": len(self.index.ids if sampled is None else sampled)})

    def values(self, path: str, what: Literal["told", "data"]) -> Held:
        """What is told of a field's values, or a value a record.

        Raises:
            InputError: see `columns.column`.
        """
        if (held := self.arrays.get(("values", path, what))) is not None:
            return held
        made = column_answers(columns.column(self.questions.data(), path))
        for each, held in made.items():
            self.arrays.put(("values", path, each), held)
        return made[what]

    def where(self, condition: str) -> Held:
        """uint8 a record: 1 where an SQL condition holds.

        Raises:
            InputError: it cannot be used, or takes too long.
        """
        return arrays.flags(self.questions.where(condition))

    # --- single records -------------------------------------------------------------------------------------------

    def record(self, row: int) -> Held:
        """A record. Raises UnknownRecordError where there is none."""
        return as_json(self.questions.record(self.known(row)))

    def picture(self, row: int) -> Picture:
        """A record's picture. Its name comes from the index, and leads nowhere out of the folder of pictures.

        Raises:
            UnknownRecordError: there is no such record.
            CollectionError: it has no picture, or that is gone or is none.
            OSError: the file cannot be read.
        """
        name, images = self.index.pictures[self.known(row)], self.questions.store.images
        if name is None:
            raise CollectionError("This record has no picture.")
        path = (images / name).resolve()
        media = thumbnails.media_type(path) if path.parent == images.resolve() and path.is_file() else None
        if media is None:
            raise CollectionError("The picture is gone, or is none.")
        return Picture(path, media, f'"{self.index.picture_hashes[row]}"')

    def thumbnail(self, page: int) -> Held:
        """A page of thumbnails.

        Raises:
            CollectionError: there is no such page.
        """
        if not 0 <= page < self.atlas.count:
            raise CollectionError(f"There is no page {page}; there are {self.atlas.count}.")
        return self.atlas.page(page)

    # --- what is compared and asked -------------------------------------------------------------------------------

    def similar(self, row: int, *, k: int, by: By, per_group: bool, map_name: str, weight: float | None) -> Held:
        """The records most similar to that of a row; see `Questions.similar`."""
        return as_json(
            self.questions.similar(
                self.known(row), k=k, by=by, per_group=per_group, map_name=self.on_map(by, map_name), weight=weight
            )
        )

    def unusual(self, *, k: int, by: By, per_group: bool, map_name: str) -> Held:
        """The records that are least like all others; see `Questions.unusual`."""
        name = self.on_map(by, map_name)
        return as_json(self.questions.unusual(k=k, by=by, per_group=per_group, map_name=name))

    def why(self, row: int, other: int) -> Held:
        """What each field adds to the score of two records."""
        return as_json(self.questions.why(self.known(row), self.known(other)))

    def ask(self, question: str, *, k: int, against: Against | None) -> Held:
        """The records that answer a question in words; see `Questions.ask`."""
        return as_json(self.questions.ask(question, k=k, against=against))

    def order(self, by: Pair) -> NDArray[np.int64]:
        """Of the all-pairs square: which vector stands where."""
        if by not in self._orders:
            self._orders[by] = heatmap.order(self.collection.vectors(by=by)[0], self.index)
        return self._orders[by]

    def ordered_rows(self, by: Pair) -> Held:
        """uint32: the row at each place of the all-pairs square."""
        rows = self.collection.vectors(by=by)[0]
        return Held(rows[self.order(by)].astype("<u4").tobytes())

    def square(
        self,
        by: Pair,
        size: int,
        start: int = 0,
        end: int | None = None,
        down_start: int | None = None,
        down_end: int | None = None,
    ) -> Held:
        """All pairs, or a part of them; see `heatmap.square`.

        Raises:
            InputError: it is no part.
        """
        order, vectors = self.order(by), self.collection.vectors(by=by)[1]
        across = _part(start, end, len(order))
        down = across if down_start is None and down_end is None else _part(down_start or 0, down_end, len(order))
        return heatmap.square(vectors, order, across, down, size)


def as_json(value: Any) -> Held:
    """A value as JSON."""
    body = json.dumps(plain(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Held(body.encode(errors="replace"), "application/json")


def column_answers(found: columns.Column) -> dict[Literal["told", "data"], Held]:
    """What is told of a field's values, and a value a record."""
    return {
        "told": as_json({"kind": found.kind, "categories": found.categories}),
        "data": Held(found.data, headers={"X-Kind": found.kind}),
    }


def _no_map(name: str) -> CollectionError:
    return CollectionError(f"There is no map {name[:80]!r}.")


def _part(start: int, end: int | None, count: int) -> tuple[int, int]:
    """From which place to before which one of `count`."""
    end = count if end is None else end
    if not 0 <= start < end <= count:
        raise InputError(f"From {start} to {end} is no part of the square.", allowed=f"It has {count} places.")
    return start, end
