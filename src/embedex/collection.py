"""A collection: the one thing a person holds. Every question is a method; every answer is one of `embedex.results`.

Ties the floors below together: what each question does stands in a module of `embedex.questions`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from embedex import calibration, creation, projection, tokens, vectors
from embedex.clusters import Method as ClusterMethod
from embedex.encoders import features
from embedex.encoders.base import Encoder, EncoderDescription, Setting
from embedex.errors import InputError
from embedex.holdings import IMAGE_WEIGHT, Holdings, Weights
from embedex.progress import Progress, counter
from embedex.questions import answers, clustering, field_weights, likeness, maps, overview, probing, reasons, trust
from embedex.questions.likeness import HEATMAP_SIDE
from embedex.records import Record, Strictness
from embedex.results import (
    Against,
    Answers,
    Basis,
    By,
    Clusters,
    Comparison,
    Disagreement,
    Item,
    Map,
    Pairs,
    Probe,
    Quality,
    Similar,
    TargetKind,
    TokenReport,
    Tuned,
    Unusual,
    Why,
)
from embedex.store import Index, Manifest, Store
from embedex.vectors import EmbedReport

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from embedex.explorer.notebook import Explorer

__all__ = ["HEATMAP_SIDE", "IMAGE_WEIGHT", "Collection", "EmbedReport", "Progress", "Weights"]


class Collection:
    """Records, pictures, embeddings and maps in one folder.

    Example:
        >>> collection = Collection.open("pokedex")                    # doctest: +SKIP
        >>> [hit.item.name for hit in collection.similar("pikachu", k=3).hits]  # doctest: +SKIP
        ['raichu', 'pichu', 'electabuzz']
    """

    def __init__(self, store: Store, manifest: Manifest, index: Index) -> None:
        self._holdings = Holdings(store, manifest, index)

    @property
    def manifest(self) -> Manifest:
        """What the collection is: its title, its paths, its conditions."""
        return self._holdings.manifest

    @classmethod
    def open(cls, folder: str | Path) -> Collection:
        """Open a collection's folder.

        Raises:
            CollectionError: it is none, or it is damaged.
        """
        holdings = Holdings.open(folder)
        return cls(holdings.store, holdings.manifest, holdings.index)

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
        return cls(
            *creation.create(
                folder,
                records,
                title=title,
                origin=origin,
                id_path=id_path,
                name_path=name_path,
                group_path=group_path,
                default_where=default_where,
                featured_where=featured_where,
                strip_prefix=strip_prefix,
                ascii=ascii,
                pictures=pictures,
                strictness=strictness,
            )
        )

    @staticmethod
    def claim(folder: str | Path) -> Path:
        """Make a folder ready to become a collection, and tell where its pictures go.

        Raises:
            InputError: it holds files and is no collection.
        """
        store = Store(Path(folder))
        store.claim()
        return store.images

    # --- what it holds ----------------------------------------------------------------------------------------

    @property
    def folder(self) -> Path:
        """The collection's folder."""
        return self._holdings.folder

    @property
    def title(self) -> str:
        """What charts call it."""
        return self._holdings.title

    @property
    def ids(self) -> Sequence[str]:
        """The records' ids, in order."""
        return self._holdings.ids

    @property
    def index(self) -> Index:
        """The columns of what it holds, a row a record, for those who show all of them; not to be changed."""
        return self._holdings.index

    @property
    def grouped(self) -> bool:
        """Whether any record has a group."""
        return any(group is not None for group in self._holdings.index.groups)

    @property
    def embeddings(self) -> dict[str, EncoderDescription]:
        """Which embeddings there are, with the encoder of each."""
        return self._holdings.described

    def has(self, name: str) -> bool:
        """Whether there are embeddings of that name: ``text``, ``image`` or ``passages``."""
        return self._holdings.has(name)

    @property
    def maps(self) -> list[str]:
        """Names of the maps there are."""
        return self._holdings.maps

    def __len__(self) -> int:
        return len(self._holdings.index.ids)

    def __repr__(self) -> str:
        return overview.line(self._holdings)

    def _repr_html_(self) -> str:
        """What a notebook shows of it."""
        return overview.table(self._holdings)

    def items(self, *, where: str = "", everything: bool = False) -> list[Item]:
        """The records as results name them: those of `where`, and those that comparisons leave out if `everything`."""
        return [self._holdings.item(row) for row in self._holdings.chosen(where, everything).nonzero()[0].tolist()]

    def item(self, query: str) -> Item:
        """The record of that id or name, as results name it.

        Raises:
            UnknownRecordError: there is none, or several of that name.
        """
        return self._holdings.item(self._holdings.find(query))

    def record(self, query: str) -> Record:
        """The record of that id or name.

        Raises:
            UnknownRecordError: there is none, or several of that name.
        """
        row = self._holdings.find(query)
        return next(self._holdings.store.read_records(self._holdings.index, [row]))

    def tokens(self, *, fetch: bool = True, progress: Progress | None = None) -> TokenReport:
        """How many tokens each record has, in WordPiece and in byte-pair encoding, and by JSON path.

        Raises:
            WeightsError: a tokenizer is not on this machine and cannot be fetched.
        """
        return tokens.report(
            self.title,
            self._holdings.store.read_records(self._holdings.index),
            self.manifest.text,
            fetch=fetch,
            progress=counter(progress, "Counting tokens", len(self)),
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
        return vectors.embed(
            self._holdings,
            text=text,
            image=image,
            settings=settings,
            reuse=reuse,
            strictness=strictness,
            progress=progress,
            fields=fields,
        )

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
        return likeness.similar(
            self._holdings,
            query,
            k=k,
            by=by,
            per_group=per_group,
            where=where,
            everything=everything,
            centred=centred,
            remove_top=remove_top,
            map_name=map_name,
            image_weight=image_weight,
            weights=weights,
            calibrate=calibrate,
            encoder=encoder,
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
        lies far from the common mean is what is asked for here. Of more than `embedex.similarity.EXACT_RECORDS` records
        samples tell whose medians may be the lowest, and the note of the basis says so; those that are told are exact.
        Calibrated, a percentile says how many of all pairs score lower than the median, and z how far the median is
        from the mean of its group's medians; then all pairs are compared.
        """
        return likeness.unusual(
            self._holdings,
            k=k,
            by=by,
            per_group=per_group,
            where=where,
            everything=everything,
            centred=centred,
            remove_top=remove_top,
            map_name=map_name,
            image_weight=image_weight,
            weights=weights,
            calibrate=calibrate,
        )

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
        return answers.ask(
            self._holdings,
            question,
            k=k,
            against=against,
            where=where,
            everything=everything,
            centred=centred,
            remove_top=remove_top,
            encoder=encoder,
            weights=weights,
        )

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
        return likeness.pairs(
            self._holdings,
            by=by,
            where=where,
            everything=everything,
            centred=centred,
            map_name=map_name,
            side=side,
            image_weight=image_weight,
            weights=weights,
        )

    def vectors(
        self, *, by: By = "text", centred: bool | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32], Basis]:
        """What is compared, for those who compute with it: the records' rows, and a vector for each.

        Those are in it too that comparisons leave out by default. Errors are those of `similar`.

        Args:
            by: ``text``, ``image`` or ``fused``.
            centred: subtract the collection's mean first; None does not.

        Returns:
            Rows, int64, shape (m,), ascending; unit vectors, float32, shape (m, d), not to be changed; and what they
            rest on. They are kept for the next question.
        """
        if by == "map":
            raise InputError("Places in a map are no vectors.", cure="read_map gives them.")
        compared = self._holdings.compared(by, centred is True, "")
        return compared.rows, compared.vectors, compared.basis(len(compared.rows))

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
        return trust.find_disagreement(
            self._holdings,
            k=k,
            neighbours=neighbours,
            where=where,
            everything=everything,
            centred=centred,
            remove_top=remove_top,
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
        return trust.measure_quality(
            self._holdings, where=where, everything=everything, centred=centred, remove_top=remove_top
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
        return reasons.why(self._holdings, one, other, centred=centred, ablate=ablate, encoder=encoder)

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
        return field_weights.compare(
            self._holdings, weights, k=k, by=by, where=where, everything=everything, centred=centred
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
        return field_weights.tune(self._holdings, target, name=name, k=k, folds=folds, progress=progress)

    @property
    def fields(self) -> list[str]:
        """The paths of the fields whose parts have been kept.

        Raises:
            CollectionError: none have.
        """
        return self._holdings.parts_described().paths

    def read_weights(self, name: str) -> dict[str, float]:
        """The weights of fields that are kept under a name.

        Raises:
            CollectionError: there are none of that name.
        """
        return self._holdings.store.read_weights(name)

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
        return maps.fit(
            self._holdings,
            method=method,
            by=by,
            dimensions=dimensions,
            neighbours=neighbours,
            min_distance=min_distance,
            seed=seed,
            seeds=seeds,
            where=where,
            everything=everything,
            centred=centred,
            name=name,
            image_weight=image_weight,
            progress=progress,
            weights=weights,
        )

    def read_map(self, name: str = "") -> Map:
        """A map that was fitted before.

        Args:
            name: its name; without one it is ``umap``, else ``pca``, else the only one.

        Raises:
            CollectionError: there is none, or none of that name, or several of other names and no name.
        """
        return self._holdings.read_map(name)

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
        return probing.fit_features(self._holdings, paths, kinds=kinds, progress=progress)

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
        return probing.probe(
            self._holdings,
            target,
            by=by,
            encoders=encoders,
            kind=kind,
            neighbours=neighbours,
            blind=blind,
            where=where,
            everything=everything,
            centred=centred,
            map_name=map_name,
            seed=seed,
            progress=progress,
        )

    # --- the explorer -----------------------------------------------------------------------------------------

    def explore(self, *, height: int = 720, port: int = 0) -> Explorer:
        """The collection in a browser: a notebook shows the page right there; see `docs/explorer.md`.

        A server runs in the background, for this machine only, on a collection of its own opened from the same folder.
        It ends with its `close`, with the process, and when the same folder is explored anew: what changed since is
        then seen.

        Args:
            height: of the page in a notebook, in pixels.
            port: 0 takes the last one of this folder, or a free one.

        Returns:
            The running explorer, with its `url`; in a ``with`` statement it ends with the block.

        Raises:
            MissingExtraError: the extra ``explore`` is not installed.
            InputError: the port is taken, or a value is out of range.
        """
        from embedex.explorer import notebook  # upwards: the one door, in tests/test_floors.py

        return notebook.show(self.folder, height=height, port=port)

    # --- clusters ---------------------------------------------------------------------------------------------

    def clusters(
        self,
        *,
        method: ClusterMethod = "hdbscan",
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
        return clustering.find(
            self._holdings,
            method=method,
            by=by,
            count=count,
            least=least,
            seed=seed,
            where=where,
            everything=everything,
            centred=centred,
            map_name=map_name,
        )
