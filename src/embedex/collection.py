"""A collection: the one thing a person holds. Every question is a method; every answer is one of `embedex.results`.

Ties the floors below together and does no maths, no drawing and no printing of its own.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from embedex import (
    arithmetic,
    attribution,
    calibration,
    disagreement,
    embedding,
    fidelity,
    probes,
    projection,
    quality,
    selection,
    similarity,
    tokens,
    tuning,
)
from embedex import clusters as clustering
from embedex import parts as field_parts
from embedex.documents import (
    PADDED,
    ImageDocument,
    Passage,
    TextDocument,
    TextSettings,
    passages,
    settings_key,
    text_document,
    without_fields,
)
from embedex.encoders import features, registry
from embedex.encoders.base import Encoder, EncoderDescription, FieldEncoder, Modality, QueryEncoder, Setting
from embedex.encoders.registry import Recipe
from embedex.errors import CollectionError, EmbedexError, InputError, NothingToCompareError
from embedex.files import atomic_write, file_name, sweep_parts
from embedex.records import JSON, JsonPath, Record, Strictness, label_text, redundant_prefix, strip_prefix
from embedex.results import (
    Ablation,
    Against,
    Answers,
    Basis,
    By,
    Calibration,
    CalibrationBasis,
    Change,
    Cluster,
    Clusters,
    Comparison,
    Disagreement,
    Fidelity,
    GroupQuality,
    Hit,
    Item,
    Map,
    Measure,
    Overlap,
    PairHit,
    Pairs,
    Probe,
    Quality,
    Similar,
    TargetKind,
    Term,
    TokenReport,
    Tuned,
    Unusual,
    Why,
    counted,
)
from embedex.store import Embeddings, Index, Manifest, PartsDescription, Passages, Store, StoredMap

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Progress(Protocol):
    """Called with what is being done, how many are done, and of how many.

    While something is embedded, also with how far that is; what was known before is done, but no work.
    """

    def __call__(self, what: str, done: int, total: int, run: embedding.Progress | None = None, /) -> None:
        """Show it."""
        ...


MOST_GROUPS = 200
"""Beyond so many groups no table of them is made."""

IMAGE_WEIGHT = 0.25
"""The picture's share where text and picture are compared together: measured, in docs/choices.md."""

FIELD_ENCODERS = "wordllama, word-vectors:FILE, minilm, nomic, nomic-v1"
"""The encoders whose vectors are sums over fields, for messages."""

Weights = Mapping[str, float] | str
"""Weights of fields, by what `embedex.attribution.fields_called` takes; or the name they are kept under."""

HEATMAP_SIDE = 2_048
"""The most rows of an all-pairs square; more records share a row."""


@dataclass(frozen=True, slots=True)
class EmbedReport:
    """What one embedding run did.

    Attributes:
        name: ``text``, ``image`` or ``passages``.
        encoder: the encoder's name.
        rows: how many rows the file has.
        embedded: how many documents were embedded now; the others were known.
        missing: how many rows have no vector, for want of a picture or of a readable one.
        overlong: how many of the documents embedded now were beyond the encoder's context.
        overlong_fate: what became of those, in words; ``""`` where the encoder does not tell.
    """

    name: str
    encoder: str
    rows: int
    embedded: int
    missing: int
    overlong: int = 0
    overlong_fate: str = ""


@dataclass(frozen=True, slots=True)
class _Compared:
    """What a question compares: vectors or places, of the records that have them.

    Attributes:
        rows: int64, shape (m,): the records, ascending.
        vectors: float32, shape (m, d): ready to be multiplied; or coordinates of a map.
        basis: without its count of records.
        fidelity: of a map, how far each place can be believed.
    """

    rows: NDArray[np.int64]
    vectors: NDArray[np.float32]
    basis: Callable[[int], Basis]
    fidelity: Fidelity | None = None


@dataclass(frozen=True, slots=True)
class _Scale:
    """What scores are calibrated by: the records that are compared, whatever the condition of one question.

    Attributes:
        positions: int64, shape (p,): of these records in `_Compared`.
        spread: the scores of all their pairs.
        near: their neighbourhoods.
        groups: int64, shape (p,): the number of each one's group.
    """

    positions: NDArray[np.int64]
    spread: calibration.Distribution
    near: calibration.Neighbourhoods
    groups: NDArray[np.int64]


class Collection:
    """Records, pictures, embeddings and maps in one folder.

    Example:
        >>> collection = Collection.open("pokedex")                    # doctest: +SKIP
        >>> [hit.item.name for hit in collection.similar("pikachu", k=3).hits]  # doctest: +SKIP
        ['raichu', 'pichu', 'electabuzz']
    """

    def __init__(self, store: Store, manifest: Manifest, index: Index) -> None:
        self._store, self.manifest, self._index = store, manifest, index
        # Both are kept until this object embeds or fits a map; scales by `everything`, of what was last compared.
        self._ready: dict[tuple[By, bool, str, float | None, tuple[tuple[str, float], ...], int], _Compared] = {}
        self._calibrated: dict[bool, tuple[_Compared, _Scale]] = {}

    @classmethod
    def open(cls, folder: str | Path) -> Collection:
        """Open a collection's folder.

        Raises:
            CollectionError: it is none, or it is damaged.
        """
        store = Store(Path(folder))
        return cls(store, store.read_manifest(), store.read_index())

    @classmethod
    def create(
        cls,
        folder: str | Path,
        records: Iterable[Record],
        *,
        title: str,
        origin: str,
        id_path: str,
        name_path: str = "",
        group_path: str = "",
        default_where: str = "",
        featured_where: str = "",
        strip_prefix: str | None = None,
        ascii: bool = False,  # noqa: A002 - the word json itself uses
        pictures: Mapping[str, Path] | Callable[[], Mapping[str, Path]] | None = None,
        strictness: Strictness | None = None,
    ) -> Collection:
        """Make a collection, or make it anew; embeddings of what has not changed are kept.

        Args:
            folder: where; made if need be.
            records: with distinct ids; streamed once.
            title: what charts call it.
            origin: where the records came from, in a sentence.
            id_path, name_path, group_path: JSON paths into a record.
            default_where: SQL condition for the records that comparisons are about unless asked otherwise.
            featured_where: SQL condition for the records that `embedex charts --all` draws.
            strip_prefix: removed from every key of a document; None finds a redundant one.
            ascii: whether documents write characters beyond ASCII as escapes.
            pictures: each record's picture file, copied unless it is in the collection already; or what gives them,
                called after the records have been read.
            strictness: takes a picture whose file cannot be read, such as a folder; its record is left without one.
                None refuses it.

        Raises:
            InputError: the folder holds files and is no collection; there is no record, two have one id, a path leads
                nowhere, or `default_where` cannot be used or holds for none; a picture's file cannot be read.
            CollectionError: another process is writing to the folder.
        """
        store = Store(Path(folder))
        store.claim()
        with store.writing():
            sweep_parts(store.folder)
            sweep_parts(store.images)
            try:
                index, manifest = cls._staged(
                    store,
                    records,
                    Manifest(
                        title,
                        origin,
                        id_path,
                        name_path,
                        group_path,
                        default_where,
                        featured_where,
                        TextSettings(strip_prefix or "", ascii),
                    ),
                    find_prefix=strip_prefix is None,
                    pictures=pictures,
                    strictness=strictness,
                )
                store.keep_records(index)
            finally:
                store.drop_records()
                store.unclaim()
            store.write_manifest(manifest)
        return cls(store, manifest, index)

    @staticmethod
    def claim(folder: str | Path) -> Path:
        """Make a folder ready to become a collection, and tell where its pictures go.

        Raises:
            InputError: it holds files and is no collection.
        """
        store = Store(Path(folder))
        store.claim()
        return store.images

    @staticmethod
    def _staged(
        store: Store,
        records: Iterable[Record],
        manifest: Manifest,
        *,
        find_prefix: bool,
        pictures: Mapping[str, Path] | Callable[[], Mapping[str, Path]] | None,
        strictness: Strictness | None,
    ) -> tuple[Index, Manifest]:
        """Write the records beside the old ones, then keep the pictures: what can fail comes before what replaces."""
        import numpy as np

        name_path, group_path = manifest.name, manifest.group
        name_at = JsonPath.parse(name_path) if name_path else None
        group_at = JsonPath.parse(group_path) if group_path else None
        ids: dict[str, None] = {}
        names: list[str] = []
        named: list[bool] = []
        groups: list[str | None] = []

        def noted(each: Iterable[Record]) -> Iterator[Record]:
            for record in each:
                if record.id in ids:
                    raise InputError(f"More than one record has the id {record.id!r}.")
                ids[record.id] = None
                name = name_at and label_text(name_at.find(record.data))
                named.append(bool(name))
                names.append(name or record.id)
                groups.append((group_at and label_text(group_at.find(record.data))) or None)
                yield record

        stream = iter(records)
        first = list(islice(stream, 100))
        if not first:
            raise InputError("There is no record to make a collection of.")
        if find_prefix:
            prefix = redundant_prefix(record.data for record in first)
            manifest = replace(manifest, text=replace(manifest.text, strip_prefix=prefix))
        offsets, checksums, digest = store.write_records(noted(chain(first, stream)), ascii=manifest.text.ascii)
        if name_at and not any(named):
            raise _leads_nowhere("name", name_at, first[0])
        if group_at and not any(groups):
            raise _leads_nowhere("group", group_at, first[0])
        none: list[str | None] = [None] * len(ids)
        main = np.ones(len(ids), bool)
        index = Index(list(ids), names, groups, main, none, none, offsets, checksums, digest)
        if manifest.default_where:
            staged, prefix = store.read_records(index, staged=True), manifest.text.strip_prefix
            main[:] = selection.where(manifest.default_where, staged, names=names, groups=groups, prefix=prefix)
            if not main.any():
                raise InputError(f"No record fulfils the default condition {manifest.default_where!r}.")
        found = pictures() if callable(pictures) else pictures or {}
        kept: dict[str, str] = {}
        hashes: dict[str, str] = {}
        for record_id, path in found.items():
            try:
                name = _keep(path, record_id, store.images)
                hashes[record_id] = ImageDocument(record_id, store.images / name).content_hash
                kept[record_id] = name
            except InputError as error:
                if strictness is None:
                    raise InputError(f"Record {record_id}: {error.seen}") from error
                strictness.add(f"record {record_id}", error.seen)
        pictured = [kept.get(each) for each in ids]
        return replace(index, pictures=pictured, picture_hashes=[hashes.get(each) for each in ids]), manifest

    # --- what it holds ----------------------------------------------------------------------------------------

    @property
    def folder(self) -> Path:
        """The collection's folder."""
        return self._store.folder

    @property
    def title(self) -> str:
        """What charts call it."""
        return self.manifest.title

    @property
    def ids(self) -> Sequence[str]:
        """The records' ids, in order."""
        return self._index.ids

    @property
    def grouped(self) -> bool:
        """Whether any record has a group."""
        return any(group is not None for group in self._index.groups)

    @property
    def embeddings(self) -> dict[str, EncoderDescription]:
        """Which embeddings there are, with the encoder of each."""
        found = {name: self._store.read_description(name) for name in ("text", "image")}
        return {name: description for name, description in found.items() if description}

    def has(self, name: str) -> bool:
        """Whether there are embeddings of that name: ``text``, ``image`` or ``passages``."""
        there = name in self._store.embedding_names()
        return there and (name != "image" or any(self._index.pictures))

    @property
    def maps(self) -> list[str]:
        """Names of the maps there are."""
        return self._store.map_names()

    def __len__(self) -> int:
        return len(self._index.ids)

    def __repr__(self) -> str:
        pictures = len(self._index.pictures) - self._index.pictures.count(None)
        names = ", ".join(self._store.embedding_names()) or "none"
        return (
            f"<Collection {self.title!r} in {str(self.folder)!r}: {counted(len(self))}, "
            f"{pictures:,} with a picture, embeddings: {names}>"
        )

    def items(self, *, where: str = "", everything: bool = False) -> list[Item]:
        """The records as results name them: those of `where`, and those that comparisons leave out if `everything`."""
        return [self._item(row) for row in self._chosen(where, everything).nonzero()[0].tolist()]

    def item(self, query: str) -> Item:
        """The record of that id or name, as results name it.

        Raises:
            UnknownRecordError: there is none, or several of that name.
        """
        return self._item(selection.find(query, self._index.ids, self._index.names))

    def record(self, query: str) -> Record:
        """The record of that id or name.

        Raises:
            UnknownRecordError: there is none, or several of that name.
        """
        row = selection.find(query, self._index.ids, self._index.names)
        return next(self._store.read_records(self._index, [row]))

    def tokens(self, *, fetch: bool = True, progress: Progress | None = None) -> TokenReport:
        """How many tokens each record has, in WordPiece and in byte-pair encoding, and by JSON path.

        Raises:
            WeightsError: a tokenizer is not on this machine and cannot be fetched.
        """
        return tokens.report(
            self.title,
            self._store.read_records(self._index),
            self.manifest.text,
            fetch=fetch,
            progress=self._counter(progress, "Counting tokens"),
        )

    # --- embedding --------------------------------------------------------------------------------------------

    def embed(
        self,
        *,
        text: str | Encoder | None = "wordllama",
        image: str | Encoder | None = "descriptor",
        settings: Mapping[str, Setting] | None = None,
        reuse: str | Path | Sequence[str | Path] = (),
        strictness: Strictness | None = None,
        progress: Progress | None = None,
        fields: int | None = None,
    ) -> list[EmbedReport]:
        """Embed the records' texts, their passages and their pictures; what has not changed is not embedded again.

        Args:
            text, image: an encoder, or its name, or None to leave that out. Pictures are left out where there are none.
            settings: of encoders that are named, such as ``{"overflow": "error"}``; each goes to those that take it.
            reuse: a folder of another collection, or several; vectors of equal documents by equal encoders are taken.
            fields: also keep what each field adds to its text's vector, for `why` and for weights: 1 for the fields at
                the top of a record, 2 for those one level deeper; None keeps nothing.
            strictness: takes pictures that cannot be read.
            progress: see `Progress`.

        Raises:
            InputError: there is no such encoder, no encoder that was named takes a setting, or a folder to reuse has
                nothing by these encoders.
            CollectionError: a folder to reuse is no collection.
            WeightsError: an encoder's model file is missing or not the pinned one.
        """
        # Both of them first: a wrong name should not show after hours of the other's work, nor pass where it embeds
        # nothing.
        chosen: dict[Modality, str | Encoder | None] = {"text": text, "image": image}
        named = {modality: each for modality, each in chosen.items() if isinstance(each, str)}
        of_each = registry.divide(settings or {}, named)
        if not any(self._index.pictures):
            image = None
        text = registry.load(text, "text", **of_each["text"]) if isinstance(text, str) else text
        image = registry.load(image, "image", **of_each["image"]) if isinstance(image, str) else image
        if text is None and image is None:
            raise InputError("There is nothing to embed: both encoders, or what they would read, were left out.")
        keeper = None if fields is None else self._keeper(text, fields)
        strictness = strictness or Strictness()
        folders = [reuse] if isinstance(reuse, str | Path) else reuse
        stores = [self._store, *(_to_reuse(Path(folder), text, image) for folder in folders)]
        with self._store.writing():
            self._ready.clear()
            sweep_parts(self.folder / "embeddings")
            reports = []
            if text is not None:
                overlong, documents = _Overlong(text), self._text_documents()
                report = self._embed_rows("text", documents, keeper or text, stores, strictness, progress)
                reports.append(overlong.told(report))
                if keeper and fields:
                    reports.append(overlong.told(self._embed_fields(keeper, fields, progress)))
                reports.append(overlong.told(self._embed_passages(text, stores, progress)))
            if image is not None:
                pictures = self._image_documents(strictness, image)
                reports.append(self._embed_rows("image", pictures, image, stores, strictness, progress))
            return reports

    def _text_documents(self) -> Iterator[TextDocument]:
        for record in self._store.read_records(self._index):
            yield text_document(record, self.manifest.text)

    def _image_documents(self, strictness: Strictness, encoder: Encoder) -> Iterator[ImageDocument | None]:
        settings = getattr(encoder, "picture", PADDED)
        rows = zip(self._index.ids, self._index.pictures, self._index.picture_hashes, strict=True)
        for record_id, picture, known in rows:
            document = ImageDocument(record_id, self._store.images / picture, settings) if picture else None
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

    def _embed_rows(
        self,
        name: str,
        documents: Iterable[embedding.Document | None],
        encoder: Encoder,
        stores: Sequence[Store],
        strictness: Strictness,
        progress: Progress | None,
    ) -> EmbedReport:
        run = embedding.run(
            documents,
            encoder,
            self._store,
            name,
            count=len(self),
            known=(
                embedding.Known(hashes, vectors)
                for store in stores
                for hashes, vectors in store.read_vectors(name, encoder.description)
            ),
            strictness=strictness,
            progress=_embedding_progress(progress, f"Embedding {name}", len(self)),
        )
        made_from = self._made_from if name == "text" else ""
        self._store.write_embeddings(
            name,
            Embeddings(self._index.ids, run.hashes, run.rows, run.vectors, encoder.description, made_from),
        )
        embedding.finish(self._store, name, encoder)
        missing = len(self) - len(run.rows)
        return EmbedReport(name, encoder.description.name, len(self), run.embedded, missing)

    def _keeper(self, encoder: Encoder | None, depth: int) -> field_parts.Keeper:
        """What keeps the parts of texts while they are embedded.

        Raises:
            InputError: the encoder's vectors are no sums over fields.
        """
        if encoder is None:
            raise InputError("There are no fields to keep where no text is embedded.", cure="Leave out --fields.")
        if depth not in (1, 2):
            raise InputError(f"Fields of depth {depth}.", allowed="Depth is 1 or 2.")
        if not isinstance(encoder, FieldEncoder):
            raise InputError(
                f"The vectors of {encoder.description.name!r} cannot be split into fields.",
                allowed=f"Those of these encoders are sums over tokens, and so over fields: {FIELD_ENCODERS}",
            )
        return field_parts.Keeper(encoder, self._store, self.manifest.text, depth)

    def _embed_fields(self, keeper: field_parts.Keeper, depth: int, progress: Progress | None) -> EmbedReport:
        embedded = field_parts.run(
            self._text_documents(),
            keeper,
            self._store,
            depth,
            self._made_from,
            progress=self._counter(progress, "Keeping fields"),
        )
        return EmbedReport("fields", keeper.description.name, len(self), embedded, 0)

    def _embed_passages(self, encoder: Encoder, stores: Sequence[Store], progress: Progress | None) -> EmbedReport:
        holders: dict[str, list[str]] = {}
        distinct: list[Passage] = []
        for record in self._store.read_records(self._index):
            for passage in passages(record, self.manifest.text):
                key = passage.text.casefold()
                if key not in holders:
                    distinct.append(passage)
                holders.setdefault(key, []).append(record.id)
        documents = [TextDocument(passage.id, passage.text) for passage in distinct]
        run = embedding.run(
            documents,
            encoder,
            self._store,
            "passages",
            count=len(documents),
            known=(
                embedding.Known([TextDocument("", text).content_hash for text in before.texts], before.vectors)
                for before in (store.read_passages() for store in stores)
                if before and before.description.identity == encoder.description.identity
            ),
            progress=_embedding_progress(progress, "Embedding passages", len(documents)),
        )
        self._store.write_passages(
            Passages(
                [holders[passage.text.casefold()] for passage in distinct],
                [passage.path for passage in distinct],
                [passage.text for passage in distinct],
                run.vectors,
                encoder.description,
                self._made_from,
            )
        )
        embedding.finish(self._store, "passages", encoder)
        return EmbedReport("passages", encoder.description.name, len(distinct), run.embedded, 0)

    # --- questions --------------------------------------------------------------------------------------------

    def similar(
        self,
        query: str,
        *,
        k: int = 10,
        by: By = "text",
        per_group: bool = False,
        where: str = "",
        everything: bool = False,
        centred: bool | None = None,
        remove_top: int = 0,
        map_name: str = "",
        image_weight: float | None = None,
        weights: Weights | None = None,
        calibrate: bool = False,
        encoder: Encoder | str | None = None,
    ) -> Similar:
        """The records most similar to one record, or to a sum of records and words.

        A sum is terms with `` + `` and `` - `` between them: ``"charizard - charmander + squirtle"``. A query that is
        a record's id or name is that record, whatever it is called. A term in double quotes, or one that names no
        record, is words: they are embedded as a question is, and like a question they are not centred.

        Args:
            query: its id or name, or a sum, whose records are left out of the answer.
            k: how many, overall or of each group.
            by: what to compare.
            per_group: the top k in each group instead of overall.
            where: SQL condition for the records that may be in the answer.
            everything: also the records that the collection leaves out by default.
            centred: subtract the collection's mean first; None does, because it ranks better.
            remove_top: so many principal components are taken away after centring.
            map_name: which map, with ``by="map"``; the only one may be left out.
            image_weight: with ``by="fused"`` the picture's share, 0 to 1, of the spread of all scores; the text has
                the rest. None takes `IMAGE_WEIGHT`.
            weights: of fields, from 0 up, 1 for those not named: ``{"moves": 0.2}``; or the name of weights that
                `tune` kept. Vectors are put together anew from the parts that ``embed(fields=...)`` kept.
            calibrate: tell of each hit what its score is worth; see `embedex.results.Calibration`. Percentiles, means
                and neighbours are those of all records that are compared, whatever `where` says.
            encoder: what embeds words; see `ask`.

        Raises:
            UnknownRecordError: there is no such record, or several of that name.
            NothingToCompareError: it has no picture or place to compare.
            InputError: no other record is left to compare, a value is out of range, or words meet no text embedding.
            CollectionError: what is compared has not been embedded.
        """
        import numpy as np

        _at_least_one(k, "k")
        terms: list[tuple[int, int | str]] = []
        ids, names = self._index.ids, self._index.names
        if not selection.rows(query, ids, names) and len(arithmetic.parts(query)) > 1:
            terms = arithmetic.terms(query, ids, names)
            if by == "map":
                raise InputError("A sum is compared by text, image or fused: places in a map cannot be added.")
        compared = self._compared(
            by, centred is not False, map_name, image_weight, weights, _removable(remove_top, by, centred)
        )
        asked = [term for _, term in terms if isinstance(term, int)] if terms else [selection.find(query, ids, names)]
        positions = np.searchsorted(compared.rows, asked)
        for row, position in zip(asked, positions.tolist(), strict=True):
            if position == len(compared.rows) or compared.rows[position] != row:
                raise self._nothing_to_compare(row, by)
        chosen = np.flatnonzero(self._chosen(where, everything)[compared.rows])
        chosen = chosen[~np.isin(chosen, positions)]
        if len(chosen) == 0:
            raise InputError("No other record is left to compare.", cure=self._wider(where, everything))
        basis = compared.basis(len(chosen))
        if compared.fidelity and compared.fidelity.doubted[positions[0]]:
            place = f"the place of {self._index.names[asked[0]]} is not to be believed"
            basis = _noted(basis, f"{place}: {compared.fidelity.told(int(positions[0]))}")
        vector = compared.vectors[positions[0]] if not terms else np.empty(0, np.float32)
        if terms:
            spoken = [term for _, term in terms if isinstance(term, str)]
            said, notes = self._words(spoken, by, encoder)
            record, word = iter(compared.vectors[positions]), iter(said)
            vector = arithmetic.total(
                np.stack([next(record if isinstance(term, int) else word) for _, term in terms]),
                [sign for sign, _ in terms],
            )
            if spoken:
                basis = _noted(basis, " · ".join([f"as words: {', '.join(spoken)}", *notes]))
        if by == "map":
            values = projection.map_distances(compared.vectors, int(positions[0]))[chosen]
        else:
            values = compared.vectors[chosen] @ vector
        hits = self._hits(compared.rows[chosen], values, k, per_group, basis.measure, lowest=by == "map")
        told = None
        if calibrate:
            scale = self._scale(compared, by, everything)
            scores = compared.vectors[scale.positions] @ vector
            scores[np.isin(scale.positions, positions)] = np.nan
            mutual = calibration.mutual(scores, scale.near)
            hits, told = self._calibrate(hits, compared, scale, calibration.z_scores(scores, scale.groups), mutual)
        return Similar(
            Item(query, query) if terms else self._item(asked[0]),
            hits,
            per_group,
            basis,
            told,
            [Term(sign, None, term) if isinstance(term, str) else Term(sign, self._item(term)) for sign, term in terms],
        )

    def unusual(
        self,
        *,
        k: int = 10,
        by: By = "text",
        per_group: bool = False,
        where: str = "",
        everything: bool = False,
        centred: bool | None = None,
        remove_top: int = 0,
        map_name: str = "",
        image_weight: float | None = None,
        weights: Weights | None = None,
        calibrate: bool = False,
    ) -> Unusual:
        """The records with the lowest median similarity to all others (or the highest median distance in the map).

        Arguments and errors are those of `similar`; `centred` None does not centre (but with `remove_top` does): what
        lies far from the common mean is what is asked for here. Calibrated, a percentile says how many of all pairs
        score lower than the median, and z how far the median is from the mean of its group's medians.
        """
        import numpy as np

        _at_least_one(k, "k")
        top = _removable(remove_top, by, centred)
        compared = self._compared(by, centred is True or top > 0, map_name, image_weight, weights, top)
        chosen = np.flatnonzero(self._chosen(where, everything)[compared.rows])
        if len(chosen) < 2:
            raise InputError(
                f"What is unusual takes at least two records; {len(chosen)} is left to compare.",
                cure=self._wider(where, everything),
            )
        vectors = compared.vectors[chosen]
        medians = projection.median_distances(vectors) if by == "map" else similarity.medians(vectors)
        basis = compared.basis(len(chosen))
        hits = self._hits(compared.rows[chosen], medians, k, per_group, basis.measure, lowest=by != "map")
        if compared.fidelity:
            at = np.searchsorted(compared.rows, [self._rows[hit.item.id] for hit in hits])
            if doubted := int(compared.fidelity.doubted[at].sum()):
                places = f"{doubted} of these places {'is' if doubted == 1 else 'are'} not to be believed"
                basis = _noted(basis, places)
        told = None
        if calibrate:
            scale = self._scale(compared, by, everything)
            of_all = medians
            if len(chosen) < len(scale.positions):
                # Medians among the chosen alone are compared with those of their kind: the others' are unknown.
                of_all = np.full(len(scale.positions), np.nan, np.float32)
                of_all[np.searchsorted(scale.positions, chosen)] = medians
            hits, told = self._calibrate(hits, compared, scale, calibration.z_scores(of_all, scale.groups), None)
        return Unusual(hits, per_group, basis, told)

    def ask(
        self,
        question: str,
        *,
        k: int = 10,
        against: Against | None = None,
        where: str = "",
        everything: bool = False,
        centred: bool | None = None,
        remove_top: int = 0,
        encoder: Encoder | str | None = None,
        weights: Weights | None = None,
    ) -> Answers:
        """The records that answer a question in words.

        Against pictures where an encoder of texts can be had that shares their space, whatever embedded the records'
        text; else against passages where the records have prose; else against whole records.

        Args:
            question: in words.
            k: how many answers.
            against: chosen as above when None.
            where, everything: see `similar`.
            centred: subtract the mean of what the question is held against; None does.
            remove_top: so many principal components of it are taken away after centring.
            encoder: what embeds the question; None makes again what embedded the text, with its settings, or what
                shares the pictures' space. A name, where that cannot be found by itself, such as a folder that was
                moved; or an encoder of your own.
            weights: see `similar`; they are for whole records.

        Raises:
            InputError: the question is empty, or cannot be held against that.
            CollectionError: the text has not been embedded, or by another encoder than can be had here.
            WeightsError, MissingExtraError: what embedded the text cannot be had here.
        """
        import numpy as np

        _at_least_one(k, "k")
        if not question.strip():
            raise InputError("The question is empty.", cure='Ask in words: embedex ask DIR "what rolls?"')
        stored = self._store.read_passages()
        if weights:
            if against not in (None, "records"):
                raise InputError(f"Weights of fields are for records, not for {against}.", cure="--against records")
            against = "records"
        asker, against, notes = self._asker(encoder, against, has_passages=bool(stored and stored.texts))
        vector = asker.encode_queries([question])[0]
        measure: Measure = "cosine" if centred is False else "centred cosine"
        top = _removable(remove_top, "text", centred)
        allowed = self._chosen(where, everything)
        best_passage: dict[int, int] = {}
        if against == "passages":
            if stored is None or not stored.texts:
                raise InputError("The records have no passages.", cure="Ask with --against records")
            text = self.embeddings["text"]
            if stored.description.identity != text.identity:
                raise CollectionError(
                    "The passages were embedded by another encoder than the records.",
                    cure=f"Run: {self._embed_by(text)}",
                )
            notes += [self._stale(stored.made_from), "score: mean of its best passage and of all its passages"]
            notes.append(_removed(top))
            rows, scores, best_passage = self._passage_scores(stored, vector, measure == "centred cosine", top)
        else:
            compared = self._compared(
                "image" if against == "pictures" else "text", centred is not False, "", None, weights, top
            )
            rows, scores = compared.rows, compared.vectors @ vector
            notes.append(compared.basis(0).note)
        chosen = np.flatnonzero(allowed[rows])
        without = int(allowed.sum()) - len(chosen)
        if without:
            lack = {"passages": "passage", "pictures": "picture", "records": "text embedding"}[against]
            notes.append(f"{counted(without)} without a {lack}")
        if len(chosen) == 0:
            raise InputError(f"No {against[:-1]} is left to compare.", cure=self._wider(where, everything))
        hits = self._hits(rows[chosen], scores[chosen], k, False, measure)
        if stored and best_passage:
            hits = [
                replace(hit, passage=stored.texts[place], passage_path=stored.paths[place])
                for hit in hits
                for place in [best_passage[self._rows[hit.item.id]]]
            ]
        by: By = "image" if against == "pictures" else "text"
        name = self.embeddings[by].name
        basis = Basis(self.title, by, name, measure, len(chosen), " · ".join(note for note in notes if note))
        return Answers(question, hits, against, basis)

    def _asker(
        self, encoder: Encoder | str | None, against: Against | None, *, has_passages: bool
    ) -> tuple[QueryEncoder, Against, list[str]]:
        """What embeds a question, what to hold it against, and what a reader must know of the two.

        Raises:
            InputError: it cannot be held against that.
            CollectionError: the text has not been embedded, or by another encoder.
        """
        described = self.embeddings
        text, pictures = described.get("text"), described.get("image") if self.has("image") else None
        meets = self._meets_pictures(encoder, text, pictures) if against in (None, "pictures") else None
        in_words: Against = "passages" if has_passages else "records"
        notes: list[str] = []
        if isinstance(meets, Recipe) and encoder is None and against is None:
            # Whoever embedded the text by it has named it already.
            mine = text is not None and registry.recipe(text).name == meets.name
            if not mine and (objection := registry.objection(meets.name, "text")):
                if text is None:
                    raise CollectionError(
                        f"The question was not held against the pictures: {objection}.",
                        cure="To do so all the same: --against pictures",
                    )
                meets, notes = None, [f"not held against the pictures: {objection} (--against pictures)"]
        if against == "pictures" or (against is None and meets):
            if meets is None or pictures is None:
                raise InputError(
                    "Words cannot be held against these pictures: their encoders do not share a space.",
                    cure="Leave out --against, or embed with a text and an image encoder of one space.",
                )
            try:
                asker = registry.make(meets, "text") if isinstance(meets, Recipe) else meets
            except EmbedexError as error:
                if against is None and text and text.space != pictures.space:  # the text was embedded by another one
                    asker = None
                    notes = [f"not held against the pictures: {error.seen}"]
                else:
                    instead = f"Or leave the pictures out: --against {in_words}"
                    raise CollectionError(
                        f"What asks in the space of these pictures cannot be had here: {error.seen}",
                        allowed=error.allowed,
                        cure="\n".join([error.cure, instead] if error.cure else [instead]),
                    ) from error
            if isinstance(asker, QueryEncoder) and asker.description.space == pictures.space:
                return asker, "pictures", [_rounding(asker, pictures)]
            if asker is not None:
                raise CollectionError(
                    f"{asker.description.name!r} asks in the space {asker.description.space!r} here; these pictures,"
                    f" embedded by {pictures.name!r}, are in {pictures.space!r}.",
                    cure=f"Embed them again: embedex embed {self.folder} --image {registry.recipe(pictures).name}",
                )
        if text is None:
            raise self._not_embedded("text")
        asker = registry.again(text, encoder or "") if encoder is None or isinstance(encoder, str) else encoder
        if isinstance(asker, QueryEncoder) and asker.description.agrees(text):
            return asker, against or in_words, [*notes, _rounding(asker, text)]
        if asker.description.name == text.name:
            raise CollectionError(
                f"The text was embedded by another edition of {text.name!r}.", cure=f"Run: {self._embed_by(text)}"
            )
        raise CollectionError(
            f"The text was embedded by {text.name!r}, and {asker.description.name!r} cannot ask it.",
            cure=f"Leave out --model, or embed the text anew: {self._embed_by(asker.description)}",
        )

    def _meets_pictures(
        self, encoder: Encoder | str | None, text: EncoderDescription | None, pictures: EncoderDescription | None
    ) -> Encoder | Recipe | None:
        """What asks in the space of the pictures: an encoder that is here, or what makes one, or None."""
        if pictures is None:
            return None
        if encoder is not None and not isinstance(encoder, str):
            return encoder if encoder.description.space == pictures.space else None
        shared = text is not None and text.space == pictures.space
        recipe = registry.recipe(text) if text is not None and shared else registry.asker(pictures)
        if recipe is None or not encoder:
            return recipe
        same_family = encoder.partition(":")[0] == recipe.name.partition(":")[0]
        return replace(recipe, name=encoder) if same_family else None

    def pairs(
        self,
        *,
        by: By = "text",
        where: str = "",
        everything: bool = False,
        centred: bool | None = None,
        map_name: str = "",
        side: int = HEATMAP_SIDE,
        image_weight: float | None = None,
        weights: Weights | None = None,
    ) -> Pairs:
        """All pairs as one square, group by group; with more than `side` records, tiles of pairs.

        Arguments and errors are those of `similar`; `centred` None does not centre.
        """
        import numpy as np

        if by == "map":
            raise InputError("All pairs are compared by text, image or fused, not by map.")
        compared = self._compared(by, centred is True, map_name, image_weight, weights)
        chosen = np.flatnonzero(self._chosen(where, everything)[compared.rows])
        if len(chosen) == 0:
            raise InputError("No record is left to compare.", cure=self._wider(where, everything))
        labels = [self._index.groups[row] for row in compared.rows[chosen]]
        order = np.argsort([self._group_ranks[label] for label in labels], kind="stable")
        ordered = [labels[position] or "" for position in order]
        starts = [i for i, label in enumerate(ordered) if i == 0 or label != ordered[i - 1]]
        vectors = compared.vectors[chosen[order]]
        matrix = similarity.pair_square(vectors, side)
        grouped = any(ordered)
        return Pairs(
            matrix,
            len(chosen),
            [(ordered[start], start * len(matrix) // len(chosen)) for start in starts] if grouped else [],
            compared.basis(len(chosen)),
            similarity.group_means(vectors, starts) if len(starts) <= MOST_GROUPS else np.empty((0, 0), np.float32),
        )

    # --- trust ------------------------------------------------------------------------------------------------

    def disagreement(
        self,
        *,
        k: int = 10,
        neighbours: int = calibration.NEIGHBOURS,
        where: str = "",
        everything: bool = False,
        centred: bool | None = None,
        remove_top: int = 0,
    ) -> Disagreement:
        """Pairs and records close in text and far in picture, and the reverse.

        Args:
            k: how many pairs of each kind, and how many records.
            neighbours: how many records are *nearest*; a close pair is among the nearest of one of its records.
            where, everything, centred, remove_top: see `similar`; percentiles are among the pairs of `where`.

        Raises:
            InputError: fewer than three records with text and picture are left, or a value is out of range.
            CollectionError: texts or pictures have not been embedded.
        """
        import numpy as np

        _at_least_one(k, "k")
        _at_least_one(neighbours, "neighbours")
        top = _removable(remove_top, "fused", centred)
        text, image = (self._compared(by, centred is not False, "", remove_top=top) for by in ("text", "image"))
        rows = np.intersect1d(text.rows, image.rows)
        rows = rows[self._chosen(where, everything)[rows]]
        if len(rows) < 3:
            raise InputError(
                f"To disagree takes at least three records with text and picture; {len(rows)} is left.",
                cure=self._wider(where, everything),
            )
        nearest = min(neighbours, len(rows) - 1)
        both = [side.vectors[np.searchsorted(side.rows, rows)] for side in (text, image)]
        found = disagreement.sides(both[0], both[1], nearest)

        def pair_hits(gaps: NDArray[np.float64]) -> list[PairHit]:
            return [
                PairHit(
                    self._item(int(rows[found.first[at]])),
                    self._item(int(rows[found.second[at]])),
                    rank,
                    *(float(score) for score in found.scores[at]),
                    *(float(percentile) for percentile in found.percentiles[at]),
                )
                for rank, at in enumerate(disagreement.furthest(gaps, k), start=1)
            ]

        bases = [side.basis(len(rows)) for side in (text, image)]
        notes = " · ".join(dict.fromkeys(each.note for each in bases if each.note))
        overlaps, gaps = disagreement.overlaps(found.nearest), disagreement.record_gaps(found)
        records = [
            Overlap(
                self._item(int(rows[at])),
                rank,
                float(overlaps[at]),
                float(gaps[at]),
                *(self._item(int(rows[found.nearest[side, at, 0]])) for side in (0, 1)),
            )
            for rank, at in enumerate(np.lexsort((-gaps, overlaps))[:k], start=1)
        ]
        return Disagreement(
            pair_hits(found.gaps),
            pair_hits(-found.gaps),
            records,
            float(overlaps.mean()),
            nearest / (len(rows) - 1),
            nearest,
            found.error,
            replace(bases[0], by="fused", encoder=" + ".join(each.encoder for each in bases), note=notes),
        )

    def quality(
        self, *, where: str = "", everything: bool = False, centred: bool | None = None, remove_top: int = 0
    ) -> Quality:
        """How much of each record's likeness to all others, by text, follows from how much data it has.

        Arguments are those of `similar`; `centred` None does not centre, like `unusual` and `pairs`, whose rows this
        explains. Fields are expected, and lengths are compared, among the records of `where`.

        Raises:
            InputError: fewer than two records are left to compare, or a value is out of range.
            CollectionError: the text has not been embedded.
        """
        import numpy as np

        top = _removable(remove_top, "text", centred)
        compared = self._compared("text", centred is True or top > 0, "", remove_top=top)
        chosen = np.flatnonzero(self._chosen(where, everything)[compared.rows])
        if len(chosen) < 2:
            raise InputError(
                f"Likeness takes at least two records; {len(chosen)} is left to compare.",
                cure=self._wider(where, everything),
            )
        rows = compared.rows[chosen]
        medians = similarity.medians(compared.vectors[chosen])
        settings, lengths = self.manifest.text, np.empty(len(rows), np.int64)

        def data() -> Iterator[Mapping[str, object]]:
            for at, record in enumerate(self._store.read_records(self._index, rows.tolist())):
                lengths[at] = len(text_document(record, settings).text)
                yield strip_prefix(record.data, settings.strip_prefix)

        filled = quality.filled(data())
        exact = medians.astype(np.float64)
        columns = quality.design(lengths, filled.missing)
        labels = [self._index.groups[row] for row in rows]
        numbers = np.asarray([self._group_ranks[label] for label in labels])
        basis, told, groups = compared.basis(len(rows)), set(labels) if any(labels) else set(), []
        if len(told) > MOST_GROUPS:
            basis, told = _noted(basis, f"{len(told):,} groups are too many for a table"), set()
        for label in sorted(told, key=self._group_ranks.__getitem__):
            member = numbers == self._group_ranks[label]
            shift, expected = quality.shifts(columns, exact, member)
            length, missing, median = (float(np.median(each[member])) for each in (lengths, filled.missing, medians))
            of_group = (int(member.sum()), length, missing, median)
            groups.append(GroupQuality(label, *of_group, _known(shift), _known(expected)))
        by_length, by_missing = (
            _known(quality.spearman(each.astype(np.float64), exact)) for each in (lengths, filled.missing)
        )
        expected_of_all = quality.fitted(columns, exact, np.ones(len(rows), bool))
        return Quality(
            [self._item(row) for row in rows.tolist()],
            lengths,
            filled.missing,
            medians,
            filled.fields,
            by_length,
            by_missing,
            _known(quality.r_squared(exact, expected_of_all)),
            groups,
            basis,
        )

    def why(
        self,
        one: str,
        other: str,
        *,
        centred: bool | None = None,
        ablate: Sequence[str] | None = None,
        encoder: Encoder | str | None = None,
    ) -> Why:
        """Why two records are close: their score, split exactly into what pairs of their fields add to it.

        Args:
            one, other: ids or names.
            centred: subtract the collection's mean first, each field's part of it from that field; None does, as
                `similar` does.
            ablate: fields to leave out, one after another: both records are embedded again without each, and the score
                is shown beside the one that the parts predict; an empty list stands for the top five.
            encoder: for that: None makes again what embedded the text; a name where that is not found by itself, or an
                encoder of your own.

        Raises:
            UnknownRecordError: there is no such record, or several of that name.
            CollectionError: the parts have not been kept: see `embed`.
            InputError: there is no such field.
        """
        import numpy as np

        rows = [selection.find(query, self._index.ids, self._index.names) for query in (one, other)]
        ids = [self._index.ids[row] for row in rows]
        described = self._parts_described()
        paths = described.paths
        text = self._embeddings("text")
        at = np.searchsorted(text.rows, rows)
        rounded = field_parts.dense(self._store.read_parts(), paths, ids)
        for row, place, part in zip(rows, at.tolist(), rounded, strict=True):
            if place == len(text.rows) or text.rows[place] != row or not part.any():
                raise self._nothing_to_compare(row, "text")
        parts = [attribution.settled(part, text.vectors[place]) for part, place in zip(rounded, at, strict=True)]
        main = {each for each, kept in zip(self._index.ids, self._index.main, strict=True) if kept}
        mean = None
        if centred is not False:
            mean = field_parts.mean(self._store.read_parts(), paths, main)
            counts = self._index.main[text.rows]
            mean = attribution.settled(mean, text.vectors[counts].mean(axis=0, dtype=np.float64))
        matrix = attribution.contributions(parts[0], parts[1], mean)
        order = attribution.ranked(matrix)
        measure: Measure = "cosine" if centred is False else "centred cosine"
        stale = self._stale(described.made_from)
        basis = Basis(self.title, "text", described.description.name, measure, len(main), stale)
        fields = [paths[place] for place in order]
        ablations: list[Ablation] = []
        if ablate is not None:
            prefix = self.manifest.text.strip_prefix
            chosen = [attribution.fields_called(name, paths, prefix) for name in ablate]
            chosen = chosen or [[path] for path in fields if path != field_parts.REST][:5]
            names = list(ablate) or [path for (path,) in chosen]
            if encoder is None or isinstance(encoder, str):
                encoder = registry.again(described.description, encoder or "")
            for name, left_out in zip(names, chosen, strict=True):
                ablations.append(
                    self._ablation(name, left_out, rows, described, main if mean is not None else None, encoder)
                )
        cells = matrix[np.ix_(order, order)]
        return Why(self._item(rows[0]), self._item(rows[1]), fields, cells, basis, ablations)

    def _ablation(
        self,
        name: str,
        left_out: Sequence[str],
        rows: Sequence[int],
        described: PartsDescription,
        main: set[str] | None,
        encoder: Encoder,
    ) -> Ablation:
        """Two records without some fields, by their parts and embedded again; centred by the mean over `main`."""
        import numpy as np

        predicted = self._weighted(dict.fromkeys(left_out, 0.0))
        settings = self.manifest.text
        texts = [
            without_fields(text_document(record, settings).text, left_out, settings, depth=described.depth)
            for record in self._store.read_records(self._index, rows)
        ]
        at = np.searchsorted(predicted.rows, rows)
        sides = [predicted.vectors[at], encoder.encode_documents(texts)]
        drift = 1 - np.einsum("ij,ij->i", sides[0].astype(np.float64), sides[1].astype(np.float64)).min()
        if main is not None:
            counts = np.asarray([self._index.ids[row] in main for row in predicted.rows.tolist()], bool)
            mean = predicted.vectors[counts].mean(axis=0, dtype=np.float64).astype(np.float32)
            sides = [similarity.centre(side, mean) for side in sides]
        scores = [float(side[0] @ side[1]) for side in sides]
        return Ablation(name, scores[0], scores[1], max(0.0, float(drift)))

    # --- weights of fields ------------------------------------------------------------------------------------

    def compare(
        self,
        weights: Weights,
        *,
        k: int = 10,
        by: By = "text",
        where: str = "",
        everything: bool = False,
        centred: bool | None = None,
    ) -> Comparison:
        """What weights of fields change: which neighbours, and which records are unusual.

        Arguments and errors are those of `similar`; `centred` None centres for neighbours and not for what is unusual.
        """
        import numpy as np

        _at_least_one(k, "k")
        sides = [self._compared(by, centred is not False, "", None, each) for each in (None, weights)]
        rows = np.intersect1d(sides[0].rows, sides[1].rows)
        rows = rows[self._chosen(where, everything)[rows]]
        if len(rows) < 2:
            raise InputError("Neighbours take at least two records.", cure=self._wider(where, everything))
        near = [similarity.neighbours(side.vectors[np.searchsorted(side.rows, rows)], k) for side in sides]
        overlaps = attribution.overlaps(*near)
        changes = []
        for place in np.argsort(overlaps, kind="stable").tolist():
            before, after = (self._items(rows[each[place]]) for each in near)
            gone, come = [each for each in before if each not in after], [each for each in after if each not in before]
            changes.append(Change(self._item(int(rows[place])), float(overlaps[place]), gone, come))
        labels = np.asarray([self._group_ranks[self._index.groups[row]] for row in rows.tolist()])
        groups: list[tuple[str | None, int, float]] = [
            (label, int((labels == rank).sum()), float(overlaps[labels == rank].mean()))
            for label, rank in self._group_ranks.items()
            if (labels == rank).any()
        ]
        unusual = [
            self.unusual(k=k, by=by, where=where, everything=everything, centred=centred, weights=each).hits
            for each in (None, weights)
        ]
        basis, told = sides[1].basis(len(rows)), attribution.told(self._field_weights(weights))
        return Comparison(
            near[0].shape[1], float(overlaps.mean()), groups, changes, unusual[0], unusual[1], basis, told
        )

    def tune(
        self, target: str, *, name: str = "tuned", k: int = 10, folds: int = 5, progress: Progress | None = None
    ) -> Tuned:
        """Search weights of fields that make neighbours agree on a value of the records, and keep them under a name.

        What is gained is told on held-out records; see `embedex.tuning`. A field that holds the target itself keeps
        the weight 1: it would be turned up because it says the answer.

        Args:
            target: a JSON path of the value.
            name: what the weights are kept under.
            k: how many neighbours have to agree.
            folds: into how many parts the records are cut.
            progress: see `Progress`.

        Raises:
            InputError: the path leads to too few values, or a setting is out of range.
            CollectionError: the parts have not been kept: see `embed`.
        """
        import numpy as np

        _at_least_one(k, "k")
        _check_name(name, "weights")
        if folds < 2:
            raise InputError(f"{folds} folds.", allowed="At least 2.")
        described = self._parts_described()
        prefix = self.manifest.text.strip_prefix
        path = JsonPath.parse(".".join(key.removeprefix(prefix) for key in target.split(".")))
        values: dict[str, str] = {}
        for record in self._store.read_records(self._index, np.flatnonzero(self._index.main).tolist()):
            if value := label_text(path.find(strip_prefix(record.data, prefix))):
                values[record.id] = value
        ids = list(values)
        if len(ids) > tuning.RECORDS:
            ids = [ids[i] for i in sorted(np.random.default_rng(0).choice(len(ids), tuning.RECORDS, replace=False))]
        distinct, labels = np.unique([values[each] for each in ids], return_inverse=True)
        if len(distinct) < 2 or np.bincount(labels).max() < 2 or len(ids) < 2 * folds:
            raise InputError(
                f"{target!r} leads to {len(distinct)} values in {counted(len(ids))}.",
                allowed="It takes two values, and records that share one.",
                cure="Name a path that leads to a text, a number, or true and false.",
            )
        keys = [step for step in path.steps if isinstance(step, str)]
        own = next((each for each in described.paths if keys[: len(each.split("."))] == each.split(".")), "")
        fixed = [described.paths.index(own)] if own else []
        parts = field_parts.dense(self._store.read_parts(), described.paths, ids)

        def tell(done: int) -> None:
            if progress:
                progress("Tuning", done, folds + 1)

        judged = tuning.judge(parts, labels, k, folds, fixed, tell)
        found = tuning.search(parts, labels, k, fixed)
        tell(folds + 1)
        weights = dict(zip(described.paths, found.tolist(), strict=True))
        lows, highs = judged.of_folds.min(axis=0).tolist(), judged.of_folds.max(axis=0).tolist()
        drawn = f"drawn from {counted(len(values))}" if len(ids) < len(values) else ""
        note = " · ".join(each for each in (drawn, self._stale(described.made_from)) if each)
        tuned = Tuned(
            name,
            target,
            weights,
            dict(zip(described.paths, zip(lows, highs, strict=True), strict=True)),
            own,
            k,
            folds,
            judged.before,
            judged.after,
            (judged.low, judged.high),
            judged.queries,
            len(distinct),
            judged.whole_labels,
            Basis(self.title, "text", described.description.name, "centred cosine", len(ids), note),
        )
        told = {"target": target, "before": judged.before, "after": judged.after, "interval": [judged.low, judged.high]}
        with self._store.writing():
            self._store.write_weights(name, weights, told)
        return tuned

    @property
    def fields(self) -> list[str]:
        """The paths of the fields whose parts have been kept.

        Raises:
            CollectionError: none have.
        """
        return self._parts_described().paths

    def read_weights(self, name: str) -> dict[str, float]:
        """The weights of fields that are kept under a name.

        Raises:
            CollectionError: there are none of that name.
        """
        return self._store.read_weights(name)

    # --- maps -------------------------------------------------------------------------------------------------

    def fit_map(
        self,
        *,
        method: projection.Method = "umap",
        by: By | None = None,
        dimensions: int = 2,
        neighbours: int = 5,
        min_distance: float = 0.0,
        seed: int = 0,
        seeds: int = 1,
        where: str = "",
        everything: bool = False,
        centred: bool | None = None,
        name: str = "",
        image_weight: float | None = None,
        progress: Progress | None = None,
        weights: Weights | None = None,
    ) -> Map:
        """Fit a map, measure how far it can be believed, and keep it in the collection.

        Args:
            method: ``umap`` or ``pca``.
            by: ``text``, ``image`` or ``fused``; None fuses where at least half of the records have a picture.
            dimensions: 2 or 3.
            neighbours, min_distance, seed: UMAP's.
            seeds: how many maps UMAP fits, from `seed` on. The one is kept whose neighbourhoods agree best with those
                of the others, and each place is told how stable it is.
            where, everything, centred, image_weight, weights: see `similar`.
            name: the map's name, the method's if left out.
            progress: see `Progress`.

        Raises:
            MissingExtraError: UMAP is not installed.
            InputError: too few records, or a value out of range.
        """
        import numpy as np

        allowed = self._chosen(where, everything)
        pictured = np.asarray([picture is not None for picture in self._index.pictures])
        by = by or ("fused" if self.has("image") and 2 * (pictured & allowed).sum() >= allowed.sum() else "text")
        if by == "map":
            raise InputError("A map is fitted by text, image or fused, not by map.")
        if dimensions not in (2, 3):
            raise InputError(f"A map has 2 or 3 dimensions, not {dimensions}.")
        if neighbours < 2:
            raise InputError(f"--neighbours {neighbours} is too few.", allowed="At least 2.")
        if not 0 <= min_distance <= 1:
            raise InputError(f"--min-dist {min_distance} is out of range.", allowed="From 0 to 1.")
        if seeds < 1 or (seeds > 1 and method != "umap"):
            allowed_seeds = "At least 1; more than 1 with --method umap, since a PCA has no seed."
            raise InputError(f"--seeds {seeds} with --method {method} cannot be.", allowed=allowed_seeds)
        name = name or method
        _check_name(name, "a map")
        compared = self._compared(by, centred is not False, "", image_weight, weights)
        chosen = np.flatnonzero(allowed[compared.rows])
        if len(chosen) == 0:
            raise InputError("No record is left to place.", cure=self._wider(where, everything))
        vectors = compared.vectors[chosen]
        basis = compared.basis(len(chosen))
        parameters: dict[str, str | int | float] = {
            "method": method,
            "by": by,
            "encoder": basis.encoder,
            "measure": basis.measure,
            "dimensions": dimensions,
        }
        if by == "fused":
            parameters["image_weight"] = IMAGE_WEIGHT if image_weight is None else image_weight
        if weights:
            parameters["weights"] = attribution.told(self._field_weights(weights))
        near = None
        if method == "umap" and len(vectors) > neighbours:
            near = projection.nearest(vectors, max(neighbours, fidelity.neighbourhood(len(vectors)) + 1))
        maps = []
        for number in range(seeds):
            maps.append(
                projection.umap(
                    vectors, dimensions, neighbours=neighbours, min_distance=min_distance, seed=seed + number, near=near
                )
                if method == "umap"
                else projection.pca(vectors, dimensions)
            )
            if progress and seeds > 1:
                progress("Fitting maps", number + 1, seeds)
        kept = fidelity.most_agreed(maps)
        measured = fidelity.measure(vectors, maps, kept, near)
        if method == "umap":
            parameters |= {
                "neighbours": neighbours,
                "min_distance": min_distance,
                "seed": seed + kept,
                "epochs": projection.EPOCHS,
            }
        parameters["missing"] = int(allowed.sum()) - len(chosen)
        ids = [self._index.ids[row] for row in compared.rows[chosen]]
        self._ready.clear()
        stored = StoredMap(ids, maps[kept], parameters, self._store.digest(_files(by)), measured)
        with self._store.writing():
            sweep_parts(self.folder / "maps")
            self._store.write_map(name, stored)
        return self.read_map(name)

    def read_map(self, name: str = "") -> Map:
        """A map that was fitted before.

        Args:
            name: its name; without one it is ``umap``, else ``pca``, else the only one.

        Raises:
            CollectionError: there is none, or none of that name, or several of other names and no name.
        """
        name = self._map_name(name)
        stored = self._store.read_map(name)
        if stored is None:
            raise CollectionError(f"There is no map {name!r}.", allowed=f"There are: {', '.join(self.maps) or 'none'}")
        here = [position for position, record_id in enumerate(stored.ids) if record_id in self._rows]
        rows = [self._rows[stored.ids[position]] for position in here]
        parameters = stored.parameters
        fresh = stored.made_from == self._store.digest(_files(parameters["by"]))
        note = "" if fresh else f"the embeddings have changed since this map was fitted: run embedex map {self.folder}"
        encoder = f"{parameters['method']} of {parameters['encoder']}"
        basis = Basis(self.title, "map", encoder, "distance", len(rows), note)
        items = [self._item(row) for row in rows]
        measured = stored.fidelity and stored.fidelity.part(here)
        return Map(name, items, stored.coordinates[here], parameters, int(parameters["missing"]), basis, measured)

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

    # --- probes -----------------------------------------------------------------------------------------------

    def fit_features(
        self,
        paths: Sequence[str] = (),
        *,
        kinds: Mapping[str, features.Kind] | None = None,
        progress: Progress | None = None,
    ) -> features.Features:
        """Hand-made features of the records, an encoder for `embed` and `probe`; `write` keeps it as a file.

        Args:
            paths: JSON paths, in the order of their columns; without any, all that suit but the id and the name.
            kinds: the kind of a path where its values should not decide it.
            progress: see `Progress`.

        Raises:
            InputError: a path leads nowhere, its values are not of its kind, or nothing suits.
        """
        return features.fit(
            (document.text for document in self._text_documents()),
            paths,
            kinds=kinds,
            prefix=self.manifest.text.strip_prefix,
            leave_out=[self.manifest.id, self.manifest.name],
            progress=self._counter(progress, "Reading fields"),
        )

    def probe(
        self,
        target: str,
        *,
        by: Sequence[By] = (),
        encoders: Sequence[str | Encoder] = (),
        kind: TargetKind | None = None,
        neighbours: int = 5,
        blind: bool = False,
        where: str = "",
        everything: bool = False,
        centred: bool | None = None,
        map_name: str = "",
        seed: int = 0,
        progress: Progress | None = None,
    ) -> Probe:
        """How much of a field can be read from embeddings, by neighbours and linearly, cross-validated.

        All sides are asked on the same records: those that have a target and everything that is compared.

        Args:
            target: JSON path of the field; one value a record.
            by: ``text``, ``image``, ``fused`` and ``map``, as they are stored; without any, and without `encoders`,
                all embeddings that there are.
            encoders: more sides: encoders, or their names as for `embed`; ``image=nomic`` where a name has both.
                What is not stored is embedded for this answer and not kept.
            kind: ``category`` or ``number``; None decides by the values.
            neighbours: how many vote, or are averaged.
            blind: embed texts without the target's own field, so that its words cannot give it away.
            where, everything, centred, map_name: see `similar`; `centred` None centres.
            seed: of the folds and the intervals.
            progress: see `Progress`.

        Raises:
            InputError: the target has no values, too few classes, or is no single value; or nothing is compared.
            CollectionError: what is compared has not been embedded.
            MissingExtraError: the target is a category, and the extra ``learn`` is not installed.
        """
        import numpy as np

        sides: list[tuple[str, By | Encoder]] = [(each, each) for each in by]
        for encoder in encoders:
            name = encoder if isinstance(encoder, str) else encoder.description.name
            sides.append((name, _named_encoder(encoder) if isinstance(encoder, str) else encoder))
        if not sides:
            there: list[By] = [each for each in ("text", "image") if self.has(each)]
            sides = [(each, each) for each in (*there, "fused") if each != "fused" or len(there) == 2]
        if not sides:
            raise self._not_embedded("text")
        if doubled := [name for name, _ in sides if [each for each, _ in sides].count(name) > 1]:
            raise InputError(f"{doubled[0]!r} is compared twice.")
        found = self._field(JsonPath.parse(target))
        allowed = np.flatnonzero(self._chosen(where, everything))
        values = [value for value, _ in found]
        rows = np.asarray([row for row in allowed.tolist() if values[row] is not None], np.int64)
        notes = [f"{counted(len(allowed) - len(rows))} without a value"] if len(rows) < len(allowed) else []
        texts = [text for _, text in found] if blind else None
        compared = [self._side(side, rows, texts, centred is not False, map_name, progress) for _, side in sides]
        held = rows
        for each in compared:
            held = np.intersect1d(held, each.rows)
        if len(held) < len(rows):
            notes.append(f"{counted(len(rows) - len(held))} without all that is compared")
        if len(held) == 0:
            raise InputError(f"No record has a value at {target!r} and all that is compared.")
        wanted = probes.target([values[row] for row in held.tolist()], kind=kind, path=target)
        if wanted.rare:
            few = sum(size for _, size in wanted.rare)
            left = f"{len(wanted.rare):,} class{'' if len(wanted.rare) == 1 else 'es'} with fewer than {probes.RAREST}"
            notes.append(f"left out: {left} records, {few:,} in all")
        held = held[wanted.rows]
        if blind:
            notes.append("texts without the target's own field")
        notes += dict.fromkeys(note for each in compared if (note := each.basis(0).note))
        told = {
            name: (each.vectors[np.searchsorted(each.rows, held)], each.basis(0).encoder, side == "map")
            for (name, side), each in zip(sides, compared, strict=True)
        }
        readouts = probes.readouts(
            told,
            wanted,
            neighbours=neighbours,
            seed=seed,
            progress=None if progress is None else lambda done, total: progress("Probing", done, total),
        )
        return Probe(
            self.title,
            target,
            wanted.kind,
            probes.METRICS[wanted.kind],
            readouts,
            len(held),
            wanted.classes,
            probes.FOLDS,
            neighbours,
            blind,
            notes,
        )

    def _field(self, path: JsonPath) -> list[tuple[JSON, str]]:
        """Of each record the value at a path, written with or without the prefix, and the text without that field."""
        prefix, settings = self.manifest.text.strip_prefix, self.manifest.text
        found = []
        for record in self._store.read_records(self._index):
            short = strip_prefix(record.data, prefix)
            data = record.data if path.find(record.data) is not None else short
            text = text_document(Record(record.id, path.removed_from(data)), settings).text
            found.append((path.find(data), text))
        return found

    def _side(
        self,
        side: By | Encoder,
        rows: NDArray[np.int64],
        texts: Sequence[str] | None,
        centred: bool,
        map_name: str,
        progress: Progress | None,
    ) -> _Compared:
        """One side of a probe: as it is stored, or embedded now for some rows, with the texts that are given."""
        import numpy as np

        stored = self.embeddings
        blind = texts is not None and side in ("text", "fused")
        if isinstance(side, str) and not blind:
            return self._compared(side, centred, map_name)
        if isinstance(side, str):
            if "text" not in stored:
                raise self._not_embedded("text")
            encoder = registry.again(stored["text"])
            if not encoder.description.agrees(stored["text"]):
                raise CollectionError(
                    f"The text was embedded by another edition of {stored['text'].name!r}.",
                    cure=f"Run: {self._embed_by(stored['text'])}",
                )
        else:
            encoder = side
        name = encoder.description.modality
        same = name in stored and stored[name].identity == encoder.description.identity
        if same and (name == "image" or texts is None):
            return self._compared(name, centred, "")
        wanted = set(rows.tolist())
        documents: Iterable[embedding.Document | None]
        if name == "image":
            documents = self._image_documents(Strictness(), encoder)
        elif texts is None:
            documents = self._text_documents()
        else:
            documents = map(TextDocument, self._index.ids, texts)
        asked = (document if row in wanted else None for row, document in enumerate(documents))
        with self._store.writing():  # a run that is stopped leaves shards, from which the next one starts
            run = embedding.run(
                asked,
                encoder,
                self._store,
                "probe",
                count=len(self),
                progress=_embedding_progress(progress, f"Embedding {name}", len(self)),
            )
            embedding.finish(self._store, "probe", encoder)
        vectors, at, told = run.vectors, run.rows, encoder.description.name
        if centred and len(vectors):
            vectors = similarity.centre(vectors, vectors.mean(axis=0, dtype=np.float64).astype(np.float32))
        if side == "fused":
            image = self._compared("image", centred, "")
            both = np.intersect1d(at, image.rows)
            sides = [vectors[np.searchsorted(at, both)], image.vectors[np.searchsorted(image.rows, both)]]
            share = similarity.standard_weight(sides[0], sides[1], IMAGE_WEIGHT)
            vectors, at, told = similarity.fuse(sides[0], sides[1], share), both, f"{told} + {image.basis(0).encoder}"
        by: By = side if isinstance(side, str) else name
        measure: Measure = "centred cosine" if centred else "cosine"
        note = f"pictures weigh {IMAGE_WEIGHT:g} of 1" if side == "fused" else ""
        return _Compared(at, vectors, lambda count: Basis(self.title, by, told, measure, count, note))

    # --- clusters ---------------------------------------------------------------------------------------------

    def clusters(
        self,
        *,
        method: clustering.Method = "hdbscan",
        by: By | None = None,
        count: int = 10,
        least: int | None = None,
        seed: int = 0,
        where: str = "",
        everything: bool = False,
        centred: bool | None = None,
        map_name: str = "",
    ) -> Clusters:
        """The records in clusters, each with the fields that set it apart.

        Args:
            method: ``hdbscan``, which finds how many there are and leaves records out, or ``kmeans``.
            by: what to cluster; None takes the map where there is one, else the text.
            count: how many, for k-means.
            least: the fewest records that are a cluster, for HDBSCAN; None takes a fiftieth of them, at least 5.
            seed: of k-means.
            where, everything, centred: see `similar`; `centred` None centres.
            map_name: which map, to cluster by or to draw in.

        Raises:
            InputError: too few records, or a value out of range.
            CollectionError: what is clustered has not been embedded, or there is no such map.
            MissingExtraError: the extra ``learn`` is not installed.
        """
        import numpy as np

        by = by or ("map" if self.maps else "text")
        compared = self._compared(by, centred is not False, map_name)
        chosen = np.flatnonzero(self._chosen(where, everything)[compared.rows])
        if len(chosen) < 2:
            raise InputError(
                f"Clusters take at least two records; {len(chosen)} is left.", cure=self._wider(where, everything)
            )
        rows, vectors = compared.rows[chosen], compared.vectors[chosen]
        parameters: dict[str, str | int | float] = {"method": method}
        if method == "kmeans":
            labels = clustering.kmeans(vectors, count, seed=seed)
            parameters |= {"clusters": count, "seed": seed}
        else:
            least = max(5, len(chosen) // 50) if least is None else least
            labels = clustering.hdbscan(vectors, least)
            parameters["least_size"] = least
            if vectors.shape[1] > clustering.COMPONENTS:
                parameters["components"] = min(clustering.COMPONENTS, len(chosen))
        labels = clustering.by_size(labels)
        prefix = self.manifest.text.strip_prefix
        found = clustering.traits(
            (strip_prefix(each.data, prefix) for each in self._store.read_records(self._index, rows.tolist())),
            labels.tolist(),
            leave_out=[_stripped(path, prefix) for path in (self.manifest.id, self.manifest.name)],
        )
        close = clustering.cohesions(vectors, labels, by == "map")
        return Clusters(
            [
                Cluster(
                    number + 1,
                    [self._item(int(rows[each])) for each in clustering.typical(vectors, labels, number)],
                    *close[number],
                    each_traits,
                )
                for number, each_traits in enumerate(found)
            ],
            [self._item(row) for row in rows[labels < 0].tolist()],
            parameters,
            compared.basis(len(chosen)),
            self._flat_map(map_name),
        )

    def _flat_map(self, map_name: str) -> Map | None:
        """The map of that name, or the default one, if it has two dimensions; None where there is none."""
        names = [map_name] if map_name else [name for name in ("umap", "pca", *self.maps) if name in self.maps]
        found = (self.read_map(name) for name in names)
        return next((each for each in found if each.coordinates.shape[1] == 2), None)

    # --- shared by the questions ------------------------------------------------------------------------------

    @cached_property
    def _rows(self) -> dict[str, int]:
        """Each record's row, by its id."""
        return {record_id: row for row, record_id in enumerate(self._index.ids)}

    @cached_property
    def _group_ranks(self) -> dict[str | None, int]:
        """Each group's place in the order in which groups appear in the collection; records without one come last."""
        groups: dict[str | None, None] = dict.fromkeys(group for group in self._index.groups if group is not None)
        return {group: rank for rank, group in enumerate([*groups, None])}

    @property
    def _made_from(self) -> str:
        """Names the records and the way they become text."""
        return f"{self._index.records_sha256}:{settings_key(self.manifest.text)}"

    def _stale(self, made_from: str) -> str:
        if made_from in ("", self._made_from):
            return ""
        return "the records have changed since they were embedded: run embedex embed"

    def _note(self, name: str, part: Embeddings) -> str:
        """What a reader must know of embeddings that lag behind the records or the pictures."""
        if name == "text":
            return self._stale(part.made_from)
        waiting = len(self) - self._index.pictures.count(None) - len(part.rows)
        return f"{counted(waiting)} with a picture that is not embedded: run embedex embed" if waiting else ""

    def _embed_by(self, text: EncoderDescription) -> str:
        """The command that embeds the texts by this encoder; without its name it would be by the default one."""
        return f"embedex embed {self.folder} --text {registry.recipe(text).name}"

    def _not_embedded(self, name: str) -> CollectionError:
        told = "pictures have" if name == "image" else "text has"
        return CollectionError(
            f"The {told} not been embedded in {self.folder}.", cure=f"Run: embedex embed {self.folder}"
        )

    def _nothing_to_compare(self, row: int, by: By) -> NothingToCompareError:
        name, embed = repr(self._index.names[row]), f"Run: embedex embed {self.folder}"
        if by == "map":
            return NothingToCompareError(f"{name} has no place in that map.", cure="Ask by text, or fit the map again.")
        if by == "text":
            return NothingToCompareError(f"{name} has not been embedded yet.", cure=embed)
        if self._index.pictures[row] is None:
            return NothingToCompareError(f"{name} has no picture in this collection.", cure="Ask by text instead.")
        return NothingToCompareError(f"{name} has a picture without an embedding: it is new or broken.", cure=embed)

    def _item(self, row: int) -> Item:
        picture = self._index.pictures[row]
        return Item(
            self._index.ids[row],
            self._index.names[row],
            self._index.groups[row],
            self._store.images / picture if picture else None,
        )

    def _items(self, rows: NDArray[np.int64]) -> list[Item]:
        return [self._item(row) for row in rows.tolist()]

    def _chosen(self, where: str, everything: bool) -> NDArray[np.bool_]:
        import numpy as np

        chosen = np.ones(len(self), bool) if everything else self._index.main.copy()
        if where:
            chosen &= selection.where(
                where,
                self._store.read_records(self._index),
                names=self._index.names,
                groups=self._index.groups,
                prefix=self.manifest.text.strip_prefix,
            )
        return chosen

    def _embeddings(self, name: str) -> Embeddings:
        """One embedding file, its rows in the index' order.

        Raises:
            CollectionError: there is none.
        """
        import numpy as np

        stored = self._store.read_embeddings(name)
        if stored is None:
            raise self._not_embedded(name)
        rows, hashes, vectors = stored.rows, stored.hashes, stored.vectors
        if stored.ids != self._index.ids:
            old = [position for position, row in enumerate(rows.tolist()) if stored.ids[row] in self._rows]
            moved = np.asarray([self._rows[stored.ids[rows[position]]] for position in old], np.int64)
            hashes = [None] * len(self)
            for row, position in zip(moved.tolist(), old, strict=True):
                hashes[row] = stored.hashes[rows[position]]
            order = np.argsort(moved)
            rows, vectors = moved[order], vectors[np.asarray(old, np.int64)[order]]
        if name == "image":  # a picture that was changed or removed since has no vector any more
            current = self._index.picture_hashes
            fresh = np.asarray([hashes[row] == current[row] for row in rows.tolist()], bool)
            rows, vectors = rows[fresh], vectors[fresh]
        return Embeddings(self._index.ids, hashes, rows, vectors, stored.description, stored.made_from)

    def _compared(
        self,
        by: By,
        centred: bool,
        map_name: str,
        image_weight: float | None = None,
        weights: Weights | None = None,
        remove_top: int = 0,
    ) -> _Compared:
        if image_weight is not None:
            if by != "fused":
                raise InputError(
                    f"--image-weight is for text and pictures together, not for {by}.", cure="Add --by fused."
                )
            if not 0 <= image_weight <= 1:
                raise InputError(f"--image-weight {image_weight} is out of range.", allowed="From 0 to 1.")
        chosen = self._field_weights(weights) if weights else None
        if chosen is not None and by not in ("text", "fused"):
            raise InputError(
                f"Weights of fields are for texts, not for --by {by}.",
                cure="Fit a map with them: embedex map" if by == "map" else "Leave them out.",
            )
        key = (by, centred, map_name, image_weight, tuple((chosen or {}).items()), remove_top)
        if key not in self._ready:
            if chosen:  # one set of weights at a time: whoever turns a slider asks with very many
                self._ready = {each: found for each, found in self._ready.items() if each[4] in ((), key[4])}
            self._ready[key] = self._prepare(by, centred, map_name, image_weight, chosen, remove_top)
        return self._ready[key]

    def _scale(self, compared: _Compared, by: By, everything: bool) -> _Scale:
        """What scores of `compared` are calibrated by; kept for the next question."""
        import numpy as np

        if by == "map":
            raise InputError("Distances in a map are not calibrated.", cure="Compare by text, image or fused.")
        if everything not in self._calibrated or self._calibrated[everything][0] is not compared:
            positions = np.flatnonzero(self._chosen("", everything)[compared.rows])
            if len(positions) < 2:
                raise InputError("To calibrate takes at least two records that are compared.")
            vectors = compared.vectors[positions]
            ranks = self._group_ranks
            groups = [ranks[self._index.groups[row]] for row in compared.rows[positions]]
            self._calibrated[everything] = (
                compared,
                _Scale(
                    positions,
                    calibration.distribution(vectors),
                    calibration.neighbourhoods(vectors),
                    np.asarray(groups, np.int64),
                ),
            )
        return self._calibrated[everything][1]

    def _calibrate(
        self,
        hits: Sequence[Hit],
        compared: _Compared,
        scale: _Scale,
        z: NDArray[np.float64],
        mutual: NDArray[np.bool_] | None,
    ) -> tuple[list[Hit], CalibrationBasis]:
        """Hits with what their scores are worth; `z` and `mutual` are of the records of the scale."""
        import numpy as np

        place = {int(row): number for number, row in enumerate(compared.rows[scale.positions])}
        percentiles = scale.spread.percentiles(np.asarray([hit.value for hit in hits], np.float32))
        found = []
        for hit, percentile in zip(hits, percentiles.tolist(), strict=True):
            at = place[self._rows[hit.item.id]]
            worth = Calibration(
                percentile,
                None if np.isnan(z[at]) else float(z[at]),
                None if mutual is None else bool(mutual[at]),
                float(scale.near.hubness[at]),
            )
            found.append(replace(hit, calibration=worth))
        spread = scale.spread
        return found, CalibrationBasis(spread.pairs, spread.sampled, spread.error, scale.near.size)

    def _words(
        self, words: Sequence[str], by: By, encoder: Encoder | str | None
    ) -> tuple[NDArray[np.float32], list[str]]:
        """The vectors of words in a sum, embedded as questions are, shape (len(words), d), and notes for a reader.

        Raises:
            InputError: words cannot be added to what is compared.
            CollectionError: the text has not been embedded, or by an encoder that is not here.
        """
        import numpy as np

        if not words:
            return np.empty((0, 0), np.float32), []
        if by not in ("text", "image"):
            raise InputError(
                f"{words[0]!r} is no record, and words cannot be added to what is compared by {by}.",
                cure="Compare by text, or name records only.",
            )
        asker, _, notes = self._asker(encoder, "records" if by == "text" else "pictures", has_passages=False)
        return asker.encode_queries(list(words)), [note for note in notes if note]

    def _prepare(
        self,
        by: By,
        centred: bool,
        map_name: str,
        image_weight: float | None,
        weights: Mapping[str, float] | None,
        remove_top: int,
    ) -> _Compared:
        import numpy as np

        if by == "map":
            a_map = self.read_map(map_name)
            rows = np.asarray([self._rows[item.id] for item in a_map.items], np.int64)
            order = np.argsort(rows)

            def map_basis(count: int) -> Basis:
                return replace(a_map.basis, count=count)

            measured = a_map.fidelity and a_map.fidelity.part(order)
            return _Compared(rows[order], a_map.coordinates[order], map_basis, measured)
        parts = [
            self._embeddings(name) if weights is None or name == "image" else self._weighted(weights)
            for name in _files(by)
        ]
        rows = parts[0].rows if len(parts) == 1 else np.intersect1d(parts[0].rows, parts[1].rows)
        sides = []
        for part in parts:
            vectors = part.vectors
            if centred and len(vectors):
                main = self._index.main[part.rows]
                usual = vectors[main if main.any() else slice(None)]
                mean = usual.mean(axis=0, dtype=np.float64).astype(np.float32)
                vectors = similarity.centre(vectors, mean, _top(usual, mean, remove_top))
            sides.append(vectors[np.searchsorted(part.rows, rows)] if len(parts) > 1 else vectors)
        encoder = " + ".join(part.description.name for part in parts)
        measure: Measure = "centred cosine" if centred else "cosine"
        note = next(
            (note for name, part in zip(_files(by), parts, strict=True) if (note := self._note(name, part))), ""
        )
        if weights is not None:
            note = " · ".join(each for each in (attribution.told(weights), note) if each)
        vectors = sides[0]
        if len(sides) > 1:
            weight = IMAGE_WEIGHT if image_weight is None else image_weight
            main = self._index.main[rows]
            of_main = [side[main] if main.any() else side for side in sides]
            share = similarity.standard_weight(of_main[0], of_main[1], weight)
            vectors = similarity.fuse(sides[0], sides[1], share)
            told = f"pictures weigh {weight:g} of 1"
            note = f"{told} · {note}" if note else told

        note = " · ".join(each for each in (_removed(remove_top), note) if each)

        def basis(count: int) -> Basis:
            return Basis(self.title, by, encoder, measure, count, note)

        return _Compared(rows, vectors, basis)

    def _parts_described(self) -> PartsDescription:
        """What describes the parts of the texts as they are embedded now.

        Raises:
            CollectionError: there are none, or they are another encoder's.
        """
        text, described = self._store.read_description("text"), self._store.describe_parts()
        if text is None:
            raise self._not_embedded("text")
        if described is None or described.description.identity != text.identity:
            other = f"by {text.name!r}" if described else "yet"
            raise CollectionError(
                f"What each field adds to the texts' vectors has not been kept {other}.",
                cure=f"Run: embedex embed {self.folder} --text {text.name} --fields",
            )
        return described

    def _field_weights(self, weights: Weights) -> dict[str, float]:
        """Weights by the fields' paths; see `embedex.attribution.field_weights`."""
        paths, prefix = self._parts_described().paths, self.manifest.text.strip_prefix
        named = self.read_weights(weights) if isinstance(weights, str) else weights
        return attribution.field_weights(named, paths, prefix)

    def _weighted(self, weights: Mapping[str, float]) -> Embeddings:
        """The texts' embeddings put together from their parts."""
        described = self._parts_described()
        dimension = described.description.dimension
        rows, vectors = field_parts.weighted(self._store.read_parts(), weights, self._rows, dimension)
        none: list[str | None] = [None] * len(self)
        return Embeddings(self._index.ids, none, rows, vectors, described.description, described.made_from)

    def _passage_scores(
        self, stored: Passages, question: NDArray[np.float32], centred: bool, remove_top: int = 0
    ) -> tuple[NDArray[np.int64], NDArray[np.float32], dict[int, int]]:
        """Rows that have passages, the score of each, and the passage of each that answers best."""
        import numpy as np

        held = [(self._rows[i], p) for p, ids in enumerate(stored.ids) for i in ids if i in self._rows]
        holder, passage = np.asarray(held, np.int64).reshape(-1, 2).T
        vectors = stored.vectors
        if centred:
            mean = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
            vectors = similarity.centre(vectors, mean, _top(vectors, mean, remove_top))
        rows, owner = np.unique(holder, return_inverse=True)
        scores, best = similarity.passage_scores(vectors, question, owner, passage, len(rows))
        return rows, scores, dict(zip(rows.tolist(), best.tolist(), strict=True))

    def _hits(
        self,
        rows: NDArray[np.int64],
        values: NDArray[np.float32],
        k: int,
        per_group: bool,
        measure: Measure,
        *,
        lowest: bool = False,
    ) -> list[Hit]:
        """The k rows of highest (or `lowest`) value, overall or in each group, best first."""
        order = -values if lowest else values
        if per_group:
            labels = [self._index.groups[row] for row in rows]
            ranks = self._group_ranks
            of_groups = similarity.best_in_groups(order, labels, k)
            ranked = [positions for _, positions in sorted(of_groups, key=lambda each: ranks[each[0]])]
        else:
            ranked = [similarity.best(order, k)]
        hits = []
        for positions in ranked:
            for rank, position in enumerate(positions, start=1):
                item, value = self._item(int(rows[position])), float(values[position])
                hits.append(Hit(item, None, rank, distance=value) if measure == "distance" else Hit(item, value, rank))
        return hits

    def _wider(self, where: str, everything: bool) -> str:
        """What to do where a question leaves no record."""
        if self.manifest.default_where and not everything and where:
            return (
                f"Ask with a wider condition; by default only those of {self.manifest.default_where!r} are compared, "
                "and --all takes the others too."
            )
        if self.manifest.default_where and not everything:
            return f"By default only those of {self.manifest.default_where!r} are compared; --all takes the others too."
        return "Ask with a wider condition." if where else ""

    def _counter(self, progress: Progress | None, what: str) -> Callable[[int], None] | None:
        if progress is None:
            return None
        return lambda done: progress(what, done, len(self))


def _to_reuse(folder: Path, text: Encoder | None, image: Encoder | None) -> Store:
    """Another collection's files, which have vectors by one of these encoders.

    Raises:
        CollectionError: the folder is no collection.
        InputError: none of its vectors is by these encoders with these settings.
    """
    other = Collection.open(folder)
    found = other.embeddings
    wanted = {"text": text, "image": image}
    same = (
        each and name in found and found[name].identity == each.description.identity for name, each in wanted.items()
    )
    if not any(same):
        raise InputError(
            f"{folder} has no embeddings by these encoders with these settings.",
            allowed=f"It has: {', '.join(f'{name} by {each.name}' for name, each in found.items()) or 'none'}.",
            cure="Leave out --reuse, or embed with the same encoder and settings.",
        )
    return other._store


def _embedding_progress(
    progress: Progress | None, what: str, total: int
) -> Callable[[embedding.Progress], None] | None:
    if progress is None:
        return None
    return lambda now: progress(what, now.rows, total, now)


class _Overlong:
    """Tells after each part of a run how many documents were beyond the encoder's context, where it counts them."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder, self._before = encoder, self._count(encoder)

    @staticmethod
    def _count(encoder: Encoder) -> int:
        return int(getattr(encoder, "overlong", 0))

    def told(self, report: EmbedReport) -> EmbedReport:
        """The report with those that came since the one before."""
        before, self._before = self._before, self._count(self._encoder)
        return replace(
            report, overlong=self._before - before, overlong_fate=getattr(self._encoder, "overlong_fate", "")
        )


def _rounding(asker: Encoder, embedded: EncoderDescription) -> str:
    """A note where the question is computed with other rounding than what it is held against."""
    asked, stored = asker.description.precision, embedded.precision
    return f"embedded in {stored}, asked in {asked}" if asked and stored and asked != stored else ""


def _files(by: str | int | float) -> Sequence[str]:
    """The embedding files that a comparison reads."""
    return ("text", "image") if by == "fused" else (str(by),)


def _named_encoder(name: str) -> Encoder:
    """The encoder of that name, of whichever modality has it; ``image=`` or ``text=`` before it says which.

    Raises:
        InputError: there is none of that name.
    """
    modality, given, rest = name.partition("=")
    if given and modality in ("text", "image"):
        return registry.load(rest, "text" if modality == "text" else "image")
    family, colon, _ = name.partition(":")
    only_pictures = {entry.modality for entry in registry.ENTRIES if entry.name == family + colon} == {"image"}
    return registry.load(name, "image" if only_pictures else "text")


def _stripped(path: str, prefix: str) -> str:
    """A path as documents have it: with the prefix stripped from its keys."""
    return ".".join(key.removeprefix(prefix) for key in path.split("."))


def _leads_nowhere(what: str, path: JsonPath, record: Record) -> InputError:
    return InputError(
        f"The {what}'s path {path.text!r} leads to nothing in any record.",
        allowed=f"The first record has: {', '.join(record.data)}",
    )


def _known(value: float) -> float | None:
    """A number, or None for what is none."""
    return None if value != value else value


def _noted(basis: Basis, note: str) -> Basis:
    """The basis with one more note, the first."""
    return replace(basis, note=" · ".join(each for each in (note, basis.note) if each))


def _removed(remove_top: int) -> str:
    """What a caption says of principal components that were taken away."""
    if not remove_top:
        return ""
    return f"without the top {remove_top} principal components" if remove_top > 1 else "without the top component"


def _removable(remove_top: int, by: By, centred: bool | None) -> int:
    """How many principal components to take away, once it is sure that this can be."""
    if remove_top < 0:
        raise InputError(f"--remove-top {remove_top} is out of range.", allowed="At least 0.")
    if remove_top and by == "map":
        raise InputError("--remove-top is not for --by map.", cure="Compare by text, image or fused.")
    if remove_top and centred is False:
        raise InputError("--remove-top takes principal components away after centring.", cure="Leave out --raw.")
    return remove_top


def _top(vectors: NDArray[np.float32], mean: NDArray[np.float32], count: int) -> NDArray[np.float32] | None:
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


def _check_name(name: str, what: str) -> None:
    if not name.replace("-", "").replace("_", "").isalnum():
        raise InputError(f"{name!r} cannot name {what}.", allowed="Letters, digits, - and _.")


def _at_least_one(value: int, name: str) -> None:
    if value < 1:
        raise InputError(f"{name} is {value}; it must be at least 1.")


def _keep(path: Path, record_id: str, images: Path) -> str:
    """The picture's file name in the collection; copied there unless it is there already."""
    if path.parent == images:
        return path.name
    name = file_name(record_id) + path.suffix.lower()
    try:
        source = path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: not a picture that can be read ({error.strerror}).") from error
    with source:
        atomic_write(images / name, lambda file: shutil.copyfileobj(source, file))
    return name
