"""What a collection holds: what every question reads, made ready once and kept for the next question."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from embedex import attribution, calibration, selection, similarity
from embedex import parts as field_parts
from embedex.documents import PADDED, ImageDocument, TextDocument, settings_key, text_document
from embedex.encoders import registry
from embedex.encoders.base import Encoder, EncoderDescription
from embedex.errors import CollectionError, InputError, NothingToCompareError
from embedex.records import Strictness
from embedex.results import Basis, By, Fidelity, Item, Map, Measure, counted
from embedex.store import Embeddings, Index, Manifest, PartsDescription, Store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


MOST_GROUPS = 200
"""Beyond so many groups no table of them is made."""

IMAGE_WEIGHT = 0.25
"""The picture's share where text and picture are compared together: measured, in docs/choices.md."""

COPIED = 64 * 2**20
"""Up to so many bytes, vectors are centred once and kept; of more the scores are, which costs their last digits."""

Weights = Mapping[str, float] | str
"""Weights of fields, by what `embedex.attribution.fields_called` takes; or the name they are kept under."""


@dataclass(frozen=True, eq=False)
class Compared:
    """What a question compares: vectors or places, of the records that have them.

    Attributes:
        rows: int64, shape (m,): the records, ascending.
        plain: float32, shape (m, d): vectors before they are centred, if they are to be; or coordinates of a map.
        basis: without its count of records.
        fidelity: of a map, how far each place can be believed.
        centring: how the vectors are centred; None leaves them as they are.
    """

    rows: NDArray[np.int64]
    plain: NDArray[np.float32]
    basis: Callable[[int], Basis]
    fidelity: Fidelity | None = None
    centring: similarity.Centring | None = None

    @cached_property
    def vectors(self) -> NDArray[np.float32]:
        """All of them ready to be multiplied, float32, shape (m, d); centred ones are a second copy, which is kept."""
        if self.centring is None:
            return self.plain
        return similarity.centre(self.plain, self.centring.mean, self.centring.without)

    def at(self, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """Some of `vectors`, shape (p, d), without making all of them."""
        if self.centring is None:
            return self.plain[positions]
        return similarity.centre(self.plain[positions], self.centring.mean, self.centring.without)

    def scores(self, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """The product of a vector with each of `vectors`, shape (m,); of many, without making all of them."""
        if self.centring is None or self.plain.nbytes <= COPIED:
            return self.vectors @ vector
        return similarity.centred_scores(self.plain, self.centring, vector)


@dataclass(frozen=True, slots=True)
class Scale:
    """What scores are calibrated by: the records that are compared, whatever the condition of one question.

    Attributes:
        positions: int64, shape (p,): of these records in `Compared`.
        spread: the scores of all their pairs.
        near: their neighbourhoods.
        groups: int64, shape (p,): the number of each one's group.
    """

    positions: NDArray[np.int64]
    spread: calibration.Distribution
    near: calibration.Neighbourhoods
    groups: NDArray[np.int64]


class Holdings:
    """The records of a collection, with all that is kept of them, as questions read it.

    Attributes:
        store: the files.
        manifest: what the collection is.
        index: the records, as the files have them.
    """

    def __init__(self, store: Store, manifest: Manifest, index: Index) -> None:
        self.store, self.manifest, self.index = store, manifest, index
        # Both are kept until this object embeds or fits a map; scales by `everything`, of what was last compared.
        self._ready: dict[tuple[By, bool, str, float | None, tuple[tuple[str, float], ...], int], Compared] = {}
        self._calibrated: dict[bool, tuple[Compared, Scale]] = {}

    @classmethod
    def open(cls, folder: str | Path) -> Holdings:
        """What a collection's folder holds.

        Raises:
            CollectionError: it is none, or it is damaged.
        """
        store = Store(Path(folder))
        return cls(store, store.read_manifest(), store.read_index())

    def forget(self) -> None:
        """Keep no vectors any more: what they were made from changes."""
        self._ready.clear()

    # --- the records ----------------------------------------------------------------------------------------------

    @property
    def folder(self) -> Path:
        """The collection's folder."""
        return self.store.folder

    @property
    def title(self) -> str:
        """What charts call it."""
        return self.manifest.title

    @property
    def ids(self) -> Sequence[str]:
        """The records' ids, in order."""
        return self.index.ids

    def __len__(self) -> int:
        return len(self.index.ids)

    @property
    def rows(self) -> dict[str, int]:
        """Each record's row, by its id."""
        return self.index.rows

    @property
    def group_ranks(self) -> dict[str | None, int]:
        """Each group's place in the order in which groups appear in the collection; records without one come last."""
        return self.index.group_ranks

    def find(self, query: str) -> int:
        """The row of the record that a person means; see `embedex.selection.find`. An id is found at once.

        Raises:
            UnknownRecordError: there is none, or there are several of that name.
        """
        row = self.rows.get(query)
        return selection.find(query, self.index.ids, self.index.names) if row is None else row

    def item(self, row: int) -> Item:
        """A record as results name it."""
        picture = self.index.pictures[row]
        return Item(
            self.index.ids[row],
            self.index.names[row],
            self.index.groups[row],
            self.store.images / picture if picture else None,
        )

    def items(self, rows: NDArray[np.int64]) -> list[Item]:
        """Records as results name them."""
        return [self.item(row) for row in rows.tolist()]

    def chosen(self, where: str, everything: bool) -> NDArray[np.bool_]:
        """Bool, shape (records,): which are asked about; `where` is an SQL condition."""
        import numpy as np

        chosen = np.ones(len(self), bool) if everything else self.index.main.copy()
        if where:
            chosen &= selection.where(
                where,
                self.store.read_records(self.index),
                names=self.index.names,
                groups=self.index.groups,
                prefix=self.manifest.text.strip_prefix,
            )
        return chosen

    def text_documents(self) -> Iterator[TextDocument]:
        """The records as texts, in order."""
        for record in self.store.read_records(self.index):
            yield text_document(record, self.manifest.text)

    def image_documents(self, strictness: Strictness, encoder: Encoder) -> Iterator[ImageDocument | None]:
        """The records' pictures as this encoder reads them; None for one that is missing, changed or broken."""
        settings = getattr(encoder, "picture", PADDED)
        rows = zip(self.index.ids, self.index.pictures, self.index.picture_hashes, strict=True)
        for record_id, picture, known in rows:
            document = ImageDocument(record_id, self.store.images / picture, settings) if picture else None
            if document and not document.path.exists():
                strictness.add(str(document.path), "this picture is gone")
                document = None
            try:
                if document and document.content_hash != known:
                    strictness.add(str(document.path), "this picture has changed; make the collection again")
                    document = None
            except InputError as error:
                strictness.add(f"record {record_id}", error.seen)
                document = None
            yield document

    # --- what is kept of them -------------------------------------------------------------------------------------

    @property
    def described(self) -> dict[str, EncoderDescription]:
        """Which embeddings there are, with the encoder of each."""
        found = {name: self.store.read_description(name) for name in ("text", "image")}
        return {name: description for name, description in found.items() if description}

    def has(self, name: str) -> bool:
        """Whether there are embeddings of that name: ``text``, ``image`` or ``passages``."""
        there = name in self.store.embedding_names()
        return there and (name != "image" or any(self.index.pictures))

    def embeddings(self, name: str) -> Embeddings:
        """One embedding file, its rows in the index' order.

        Raises:
            CollectionError: there is none.
        """
        import numpy as np

        stored = self.store.read_embeddings(name)
        if stored is None:
            raise self.not_embedded(name)
        rows, hashes, vectors = stored.rows, stored.hashes, stored.vectors
        if stored.ids != self.index.ids:
            old = [position for position, row in enumerate(rows.tolist()) if stored.ids[row] in self.rows]
            moved = np.asarray([self.rows[stored.ids[rows[position]]] for position in old], np.int64)
            hashes = [None] * len(self)
            for row, position in zip(moved.tolist(), old, strict=True):
                hashes[row] = stored.hashes[rows[position]]
            order = np.argsort(moved)
            rows, vectors = moved[order], vectors[np.asarray(old, np.int64)[order]]
        if name == "image":  # a picture that was changed or removed since has no vector any more
            current = self.index.picture_hashes
            fresh = np.asarray([hashes[row] == current[row] for row in rows.tolist()], bool)
            rows, vectors = rows[fresh], vectors[fresh]
        return Embeddings(self.index.ids, hashes, rows, vectors, stored.description, stored.made_from)

    @property
    def maps(self) -> list[str]:
        """Names of the maps there are."""
        return self.store.map_names()

    def read_map(self, name: str = "") -> Map:
        """A map that was fitted before.

        Args:
            name: its name; without one it is ``umap``, else ``pca``, else the only one.

        Raises:
            CollectionError: there is none, or none of that name, or several of other names and no name.
        """
        name = self._map_name(name)
        placed, parameters = self._places(name)
        items = self.items(placed.rows)
        basis = placed.basis(len(items))
        return Map(name, items, placed.plain, parameters, int(parameters["missing"]), basis, placed.fidelity)

    def _places(self, name: str) -> tuple[Compared, dict[str, str | int | float]]:
        """The places of a map, in its order, of the records that are still there; and how it was fitted."""
        import numpy as np

        stored = self.store.read_map(name)
        if stored is None:
            raise CollectionError(f"There is no map {name!r}.", allowed=f"There are: {', '.join(self.maps) or 'none'}")
        coordinates, measured, parameters = stored.coordinates, stored.fidelity, stored.parameters
        rows = np.arange(len(self))
        if stored.ids != self.index.ids:
            here = [position for position, record_id in enumerate(stored.ids) if record_id in self.rows]
            rows = np.asarray([self.rows[stored.ids[position]] for position in here], np.int64)
            coordinates, measured = coordinates[here], measured and measured.part(here)
        fresh = stored.made_from == self.store.digest(files_of(parameters["by"]))
        note = "" if fresh else f"the embeddings have changed since this map was fitted: run embedex map {self.folder}"
        encoder = f"{parameters['method']} of {parameters['encoder']}"

        def basis(count: int) -> Basis:
            return Basis(self.title, "map", encoder, "distance", count, note)

        return Compared(rows, coordinates, basis, measured), parameters

    def _map_name(self, name: str) -> str:
        names = self.maps
        if name:
            return name
        if not names:
            raise CollectionError("The collection has no map yet.", cure=f"Run: embedex map {self.folder}")
        default = next((method for method in ("umap", "pca") if method in names), "")
        if len(names) > 1 and not default:
            raise CollectionError(
                "The collection has several maps.", cure=f"Say which: --map {' or --map '.join(names)}"
            )
        return default or names[0]

    def parts_described(self) -> PartsDescription:
        """What describes the parts of the texts as they are embedded now.

        Raises:
            CollectionError: there are none, or they are another encoder's.
        """
        text, described = self.store.read_description("text"), self.store.describe_parts()
        if text is None:
            raise self.not_embedded("text")
        if described is None or described.description.identity != text.identity:
            other = f"by {text.name!r}" if described else "yet"
            raise CollectionError(
                f"What each field adds to the texts' vectors has not been kept {other}.",
                cure=f"Run: embedex embed {self.folder} --text {text.name} --fields",
            )
        return described

    def field_weights(self, weights: Weights) -> dict[str, float]:
        """Weights by the fields' paths; see `embedex.attribution.field_weights`."""
        paths, prefix = self.parts_described().paths, self.manifest.text.strip_prefix
        named = self.store.read_weights(weights) if isinstance(weights, str) else weights
        return attribution.field_weights(named, paths, prefix)

    def weighted(self, weights: Mapping[str, float]) -> Embeddings:
        """The texts' embeddings put together from their parts."""
        described = self.parts_described()
        dimension = described.description.dimension
        rows, vectors = field_parts.weighted(self.store.read_parts(), weights, self.rows, dimension)
        none: list[str | None] = [None] * len(self)
        return Embeddings(self.index.ids, none, rows, vectors, described.description, described.made_from)

    # --- what is compared -----------------------------------------------------------------------------------------

    def compared(
        self,
        by: By,
        centred: bool,
        map_name: str,
        image_weight: float | None = None,
        weights: Weights | None = None,
        remove_top: int = 0,
    ) -> Compared:
        """What a question compares, ready; kept for the next question.

        Arguments and errors are those of `embedex.collection.Collection.similar`, but that `centred` is decided.
        """
        if image_weight is not None:
            if by != "fused":
                raise InputError(
                    f"--image-weight is for text and pictures together, not for {by}.", cure="Add --by fused."
                )
            if not 0 <= image_weight <= 1:
                raise InputError(f"--image-weight {image_weight} is out of range.", allowed="From 0 to 1.")
        chosen = self.field_weights(weights) if weights else None
        if chosen is not None and by not in ("text", "fused"):
            raise InputError(
                f"Weights of fields are for texts, not for --by {by}.",
                cure="Fit a map with them: embedex map" if by == "map" else "Leave them out.",
            )
        return self._kept(by, centred and by != "map", map_name, image_weight, chosen, remove_top)

    def _kept(
        self,
        by: By,
        centred: bool,
        map_name: str,
        image_weight: float | None,
        weights: Mapping[str, float] | None,
        remove_top: int,
    ) -> Compared:
        key = (by, centred, map_name, image_weight, tuple((weights or {}).items()), remove_top)
        if key not in self._ready:
            if weights:  # one set of weights at a time: whoever turns a slider asks with very many
                self._ready = {each: found for each, found in self._ready.items() if each[4] in ((), key[4])}
            self._ready[key] = self._prepare(by, centred, map_name, image_weight, weights, remove_top)
        return self._ready[key]

    def _prepare(
        self,
        by: By,
        centred: bool,
        map_name: str,
        image_weight: float | None,
        weights: Mapping[str, float] | None,
        remove_top: int,
    ) -> Compared:
        import numpy as np

        if by == "map":
            places, _ = self._places(self._map_name(map_name))
            order = np.argsort(places.rows)
            measured = places.fidelity and places.fidelity.part(order)
            return replace(places, rows=places.rows[order], plain=places.plain[order], fidelity=measured)
        if by == "fused" and not any(self.index.pictures):  # told before a text that is not embedded either
            raise self.not_embedded("image")
        if centred and by != "fused":
            return self._centred(self._kept(by, False, "", None, weights, 0), remove_top)
        parts = [
            self.embeddings(name) if weights is None or name == "image" else self.weighted(weights)
            for name in files_of(by)
        ]
        rows = parts[0].rows if len(parts) == 1 else np.intersect1d(parts[0].rows, parts[1].rows)
        sides = []
        for part in parts:
            vectors = part.vectors
            if centred and len(vectors):
                vectors = similarity.centre(vectors, *self._middle(part.rows, vectors, remove_top))
            sides.append(vectors[np.searchsorted(part.rows, rows)] if len(parts) > 1 else vectors)
        encoder = " + ".join(part.description.name for part in parts)
        measure: Measure = "centred cosine" if centred else "cosine"
        note = next(
            (note for name, part in zip(files_of(by), parts, strict=True) if (note := self._note(name, part))), ""
        )
        if weights is not None:
            note = " · ".join(each for each in (attribution.told(weights), note) if each)
        vectors = sides[0]
        if len(sides) > 1:
            weight = IMAGE_WEIGHT if image_weight is None else image_weight
            main = self.index.main[rows]
            of_main = [side[main] if main.any() else side for side in sides]
            share = similarity.standard_weight(of_main[0], of_main[1], weight)
            vectors = similarity.fuse(sides[0], sides[1], share)
            told = f"pictures weigh {weight:g} of 1"
            note = f"{told} · {note}" if note else told

        note = " · ".join(each for each in (removal_note(remove_top), note) if each)

        def basis(count: int) -> Basis:
            return Basis(self.title, by, encoder, measure, count, note)

        return Compared(rows, vectors, basis)

    def _centred(self, plain: Compared, remove_top: int) -> Compared:
        """The same vectors, centred; they are not copied."""

        def basis(count: int) -> Basis:
            told = plain.basis(count)
            note = " · ".join(each for each in (removal_note(remove_top), told.note) if each)
            return replace(told, measure="centred cosine", note=note)

        if not len(plain.rows):
            return replace(plain, basis=basis)
        middle = self._middle(plain.rows, plain.plain, remove_top)
        return replace(plain, basis=basis, centring=similarity.centring(plain.plain, *middle))

    def _middle(
        self, rows: NDArray[np.int64], vectors: NDArray[np.float32], remove_top: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """The mean of the records that are compared by default, and the directions in which they differ most."""
        import numpy as np

        main = self.index.main[rows]
        usual = vectors if main.all() or not main.any() else vectors[main]
        mean = usual.mean(axis=0, dtype=np.float64).astype(np.float32)
        return mean, removed_directions(usual, mean, remove_top)

    def scale(self, compared: Compared, by: By, everything: bool) -> Scale:
        """What scores of `compared` are calibrated by; kept for the next question."""
        import numpy as np

        if by == "map":
            raise InputError("Distances in a map are not calibrated.", cure="Compare by text, image or fused.")
        if everything not in self._calibrated or self._calibrated[everything][0] is not compared:
            positions = np.flatnonzero(self.chosen("", everything)[compared.rows])
            if len(positions) < 2:
                raise InputError("To calibrate takes at least two records that are compared.")
            vectors = compared.vectors[positions]
            self._calibrated[everything] = (
                compared,
                Scale(
                    positions,
                    calibration.distribution(vectors),
                    calibration.neighbourhoods(vectors),
                    self.index.group_numbers[compared.rows[positions]].astype(np.int64),
                ),
            )
        return self._calibrated[everything][1]

    # --- what a reader must know ----------------------------------------------------------------------------------

    @property
    def made_from(self) -> str:
        """Names the records and the way they become text."""
        return f"{self.index.records_sha256}:{settings_key(self.manifest.text)}"

    def stale(self, made_from: str) -> str:
        """A note where texts were made from other records, or in another way."""
        if made_from in ("", self.made_from):
            return ""
        return "the records have changed since they were embedded: run embedex embed"

    def _note(self, name: str, part: Embeddings) -> str:
        """What a reader must know of embeddings that lag behind the records or the pictures."""
        if name == "text":
            return self.stale(part.made_from)
        waiting = len(self) - self.index.pictures.count(None) - len(part.rows)
        return f"{counted(waiting)} with a picture that is not embedded: run embedex embed" if waiting else ""

    def embed_by(self, text: EncoderDescription) -> str:
        """The command that embeds the texts by this encoder; without its name it would be by the default one."""
        return f"embedex embed {self.folder} --text {registry.recipe(text).name}"

    def not_embedded(self, name: str) -> CollectionError:
        """The error where there are no embeddings of that name."""
        if name == "image" and not any(self.index.pictures):
            return CollectionError(
                f"The collection in {self.folder} has no pictures.",
                cure="Compare by text (--by text), or make it anew with pictures: embedex new ... --images FOLDER",
            )
        told = "pictures have" if name == "image" else "text has"
        return CollectionError(
            f"The {told} not been embedded in {self.folder}.", cure=f"Run: embedex embed {self.folder}"
        )

    def nothing_to_compare(self, row: int, by: By) -> NothingToCompareError:
        """The error where one record has nothing to compare."""
        name, embed = repr(self.index.names[row]), f"Run: embedex embed {self.folder}"
        if by == "map":
            return NothingToCompareError(f"{name} has no place in that map.", cure="Ask by text, or fit the map again.")
        if by == "text":
            return NothingToCompareError(f"{name} has not been embedded yet.", cure=embed)
        if self.index.pictures[row] is None:
            return NothingToCompareError(f"{name} has no picture in this collection.", cure="Ask by text instead.")
        return NothingToCompareError(f"{name} has a picture without an embedding: it is new or broken.", cure=embed)

    def without_picture(self, where: str, everything: bool, by: By) -> str:
        """A note of the records that are asked about and have no picture, where pictures are compared."""
        if by not in ("image", "fused"):
            return ""
        without = sum(self.index.pictures[row] is None for row in self.chosen(where, everything).nonzero()[0].tolist())
        return f"{counted(without)} without a picture" if without else ""

    def wider(self, where: str, everything: bool) -> str:
        """What to do where a question leaves no record."""
        if self.manifest.default_where and not everything and where:
            return (
                f"Ask with a wider condition; by default only those of {self.manifest.default_where!r} are compared, "
                "and --all takes the others too."
            )
        if self.manifest.default_where and not everything:
            return f"By default only those of {self.manifest.default_where!r} are compared; --all takes the others too."
        return "Ask with a wider condition." if where else ""


def files_of(by: str | int | float) -> Sequence[str]:
    """The embedding files that a comparison reads."""
    return ("text", "image") if by == "fused" else (str(by),)


def noted(basis: Basis, note: str) -> Basis:
    """The basis with one more note, the first."""
    return replace(basis, note=" · ".join(each for each in (note, basis.note) if each))


def removal_note(remove_top: int) -> str:
    """What a caption says of principal components that were taken away."""
    if not remove_top:
        return ""
    return f"without the top {remove_top} principal components" if remove_top > 1 else "without the top component"


def removed_directions(
    vectors: NDArray[np.float32], mean: NDArray[np.float32], count: int
) -> NDArray[np.float32] | None:
    """The directions to take away; None for none."""
    if not count:
        return None
    most = min(len(vectors), vectors.shape[1]) - 1
    if count > most:
        raise InputError(
            f"--remove-top {count} leaves nothing of {counted(len(vectors))} with {vectors.shape[1]} dimensions.",
            allowed=f"At most {max(0, most)}.",
        )
    return similarity.top_directions(vectors, mean, count)
