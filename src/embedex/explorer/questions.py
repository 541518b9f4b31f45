"""Questions to a collection, by row instead of by name, and their answers as plain values for JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from embedex import similarity
from embedex.encoders import registry
from embedex.errors import CollectionError, EmbedexError, InputError, NothingToCompareError
from embedex.records import JSON, strip_prefix
from embedex.results import Against, By, Hit
from embedex.selection import PLAIN_FUNCTIONS, Conditions
from embedex.store import Store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from embedex.collection import Collection
    from embedex.encoders.base import Encoder

CONDITION_SECONDS = 2.0
"""So long a condition may run; a single call of a function goes on to its end."""

CONDITION_MEMORY = "2GB"
"""So much it may take, with the table; what a single call of a function makes is not counted."""

MOST_UNUSUAL = 1_000
"""Of a million records so many take half a minute."""

MOST_WHOLE = 2**53 - 1
"""The largest whole number that a browser tells from its neighbours."""

LOOKED_AT = 5_000
"""Of a larger collection so many records, evenly spread, say which fields there are."""


class Questions:
    """What the explorer asks of one collection. Not safe to be used by two threads at once, but for `data` and `ids`.

    Args:
        collection: it.
    """

    def __init__(self, collection: Collection) -> None:
        self.collection, self.index = collection, collection.index
        self.store = Store(collection.folder)
        self._conditions: Conditions | None = None
        self._spreads: tuple[float, float] | None = None

    @property
    def rows(self) -> dict[str, int]:
        """Each record's row, by its id."""
        return self.index.rows

    # --- records ----------------------------------------------------------------------------------------------

    def data(self, rows: Sequence[int] | None = None) -> Iterator[dict[str, JSON]]:
        """The records' data, prefix stripped, streaming; all of them, or those of `rows`."""
        prefix = self.collection.manifest.text.strip_prefix
        for record in self.store.read_records(self.index, rows):
            yield strip_prefix(record.data, prefix)

    def record(self, row: int) -> dict[str, JSON]:
        """A record as the explorer shows it."""
        return self.shown(row, next(self.data([row])))

    def shown(self, row: int, data: dict[str, JSON]) -> dict[str, JSON]:
        """A record whose data is known, as the explorer shows it."""
        index = self.index
        told = {"row": row, "id": index.ids[row], "name": index.names[row], "group": index.groups[row]}
        return {**told, "picture": index.pictures[row] is not None, "data": data}

    def sampled(self) -> list[int] | None:
        """Which records say which fields there are; None for all."""
        count = len(self.index.ids)
        return None if count <= LOOKED_AT else [place * count // LOOKED_AT for place in range(LOOKED_AT)]

    def where(self, condition: str) -> NDArray[np.bool_]:
        """The records for which a SQL condition holds; bool, shape (n,).

        Raises:
            InputError: it cannot be used, or takes too long.
        """
        if self._conditions is None:
            self._conditions = Conditions(
                self.store.read_records(self.index),
                names=self.index.names,
                groups=self.index.groups,
                prefix=self.collection.manifest.text.strip_prefix,
                memory=CONDITION_MEMORY,
                functions=PLAIN_FUNCTIONS,
            )
        return self._conditions.where(condition, seconds=CONDITION_SECONDS)

    @property
    def long(self) -> bool:
        """Whether medians of so many records take long."""
        return len(self.index.ids) > similarity.EXACT_RECORDS

    # --- likeness ---------------------------------------------------------------------------------------------

    def similar(
        self, row: int, *, k: int, by: By, per_group: bool, map_name: str, weight: float | None
    ) -> dict[str, Any]:
        """The records most similar to that of a row; with a `weight` for the picture, of text and picture."""
        if weight is not None:
            if by != "fused":
                raise InputError(f"A weight of pictures is not for {by}.", cure="Ask by fused.")
            return self._fused(row, k, per_group, weight)
        name = map_name if by == "map" else ""
        found = self.collection.similar(self.index.ids[row], k=k, by=by, per_group=per_group, map_name=name)
        return {"basis": self._basis(found.basis), "hits": self.hits(found.hits)}

    def _fused(self, row: int, k: int, per_group: bool, weight: float) -> dict[str, Any]:
        """As `Collection.similar` by ``fused`` with that weight, but from the vectors of both sides as they are kept.

        A person who moves a slider asks with very many weights, and each would make vectors of its own.
        """
        import numpy as np

        _, text, basis = self.collection.vectors(by="text", centred=True)
        _, image, of_image = self.collection.vectors(by="image", centred=True)
        rows, in_text, in_image = self.both_sides()
        share = similarity.evened(weight, self.spreads())
        at = int(np.searchsorted(rows, row))
        if at == len(rows) or rows[at] != row:
            raise NothingToCompareError(
                f"{self.index.names[row]!r} has no text or no picture to compare.", cure="Ask by text instead."
            )
        scores = np.float32(1 - share) * (text @ text[in_text[at]])[in_text]
        scores += np.float32(share) * (image @ image[in_image[at]])[in_image]
        main = self.index.main[rows]
        main[at] = False
        chosen = np.flatnonzero(main)
        if per_group:
            of_groups = similarity.best_in_groups(scores[chosen], self.index.group_numbers[rows[chosen]], k)
            ranked = [places for _, places in of_groups]
        else:
            ranked = [similarity.best(scores[chosen], k)]
        hits = [
            {**self._named(int(rows[chosen[place]])), "rank": rank, "score": float(scores[chosen[place]])}
            for places in ranked
            for rank, place in enumerate(places.tolist(), start=1)
        ]
        note = " · ".join([f"pictures weigh {weight:g} of 1", *filter(None, (basis.note, of_image.note))])
        encoders = f"{basis.encoder} + {of_image.encoder}"
        fused = replace(basis, by="fused", encoder=encoders, count=len(chosen), note=note)
        return {"basis": self._basis(fused), "hits": [{**hit, "distance": None} for hit in hits]}

    def spreads(self) -> tuple[float, float]:
        """How far scores of texts, and of pictures, spread: by them a weight is evened out.

        Both of centred cosines of all pairs, among the records that have both and are compared by default.
        """
        if self._spreads is None:
            text, image = (self.collection.vectors(by=side, centred=True)[1] for side in ("text", "image"))
            in_text, in_image = self.usual_sides()
            self._spreads = similarity.spread(text[in_text]), similarity.spread(image[in_image])
        return self._spreads

    def both_sides(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """The rows of records with text and picture, and where these are among the vectors of each; each shape (m,)."""
        import numpy as np

        text_rows, image_rows = (self.collection.vectors(by=side, centred=True)[0] for side in ("text", "image"))
        return np.intersect1d(text_rows, image_rows, assume_unique=True, return_indices=True)

    def usual_sides(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where those of `both_sides` are that are compared by default; all, if none is."""
        rows, in_text, in_image = self.both_sides()
        main = self.index.main[rows]
        return (in_text[main], in_image[main]) if main.any() else (in_text, in_image)

    def unusual(self, *, k: int, by: By, per_group: bool, map_name: str) -> dict[str, Any]:
        """The records that are least like all others.

        Raises:
            InputError: there are many records, and so many of them are asked for that it takes too long.
        """
        shown = k * (len(self.index.group_ranks) if per_group else 1)
        if self.long and shown > MOST_UNUSUAL:
            raise InputError(
                f"The {shown:,} most unusual of {len(self.index.ids):,} records take long.",
                allowed=f"Here up to {MOST_UNUSUAL:,} are told; with a lower k they may be few enough.",
                cure=f"Run: embedex unusual {self.collection.folder} --by {by} -k {k}{' --per-group' * per_group}",
            )
        name = map_name if by == "map" else ""
        found = self.collection.unusual(k=k, by=by, per_group=per_group, map_name=name)
        return {"caption": found.basis.caption(), "hits": self.hits(found.hits)}

    def ready(self, by: By) -> None:
        """See to it that what `unusual` compares is there, so that it may be asked beside other questions."""
        if by != "map":  # places are read anew if need be: that takes little
            self.collection.vectors(by=by)

    def why(self, row: int, other: int) -> dict[str, Any]:
        """What each field adds to the score of two records; fields that add nothing are left out."""
        found = self.collection.why(self.index.ids[row], self.index.ids[other])
        score, added = found.score, found.by_field.tolist()
        fields = [
            {"field": path, "adds": adds, "share": adds / score if abs(score) > 1e-9 else None}
            for path, adds in zip(found.fields, added, strict=True)
            if adds
        ]
        return {"score": score, "fields": fields, "caption": found.basis.caption()}

    # --- questions in words -----------------------------------------------------------------------------------

    def ask(self, question: str, *, k: int, against: Against | None) -> dict[str, Any]:
        """The records that answer a question in words.

        Raises:
            CollectionError: no question can be answered without fetching a model or paying a service.
            InputError: not against that.
        """
        allowed = self.can_ask
        if not allowed:
            raise CollectionError(
                "Questions in words cannot be answered here.",
                cure=f'What is missing, this tells: embedex ask {self.collection.folder} "what rolls?"',
            )
        if against and against not in allowed:
            raise InputError(f"A question cannot be held against {against} here.", allowed=f"{', '.join(allowed)}.")
        found = self.collection.ask(question, k=k, against=against, encoder=self._asker)
        hits = [
            {**told, **({"passage": hit.passage, "passage_path": hit.passage_path} if hit.passage else {})}
            for told, hit in zip(self.hits(found.hits), found.hits, strict=True)
        ]
        return {"against": found.against, "caption": found.basis.caption(), "hits": hits}

    @cached_property
    def _asker(self) -> Encoder | None:
        """What embedded the text, made once; None where the pictures may have another that asks."""
        described = self.collection.embeddings
        text, image = described.get("text"), described.get("image") if self.collection.has("image") else None
        if text is None or (image is not None and image.space != text.space and registry.asker(image)):
            return None
        return registry.again(text)

    @cached_property
    def can_ask(self) -> list[Against]:
        """What questions can be held against, without fetching a model or paying a service; empty for nothing."""
        described = self.collection.embeddings
        text, image = described.get("text"), described.get("image") if self.collection.has("image") else None
        found: list[Against] = []
        try:
            if text is not None and not registry.objection(registry.recipe(text).name, "text"):
                found = ["passages", "records"] if self.collection.has("passages") else ["records"]
                if image is not None and image.space == text.space:
                    return ["pictures", *found]
            recipe = registry.asker(image) if image is not None else None
            if recipe and not registry.objection(recipe.name, "text"):
                found = ["pictures", *found]
        except EmbedexError:  # embedded by an encoder of somebody's own
            return found
        return found

    # --- as plain values --------------------------------------------------------------------------------------

    @staticmethod
    def _basis(basis: Any) -> dict[str, Any]:
        told = {name: getattr(basis, name) for name in ("by", "encoder", "measure", "count", "note")}
        return {"caption": basis.caption(), **told}

    def _named(self, row: int) -> dict[str, Any]:
        return {"row": row, "name": self.index.names[row], "group": self.index.groups[row]}

    def hits(self, hits: Sequence[Hit]) -> list[dict[str, Any]]:
        """Hits, by row."""
        return [
            {**self._named(self.rows[hit.item.id]), "rank": hit.rank, "score": hit.score, "distance": hit.distance}
            for hit in hits
        ]


def plain(value: Any) -> Any:
    """The value without what JSON does not know, NaN and infinities, which become None; and as browsers keep it.

    They round whole numbers beyond 2^53, as many an id is: those become texts.
    """
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, float) and not (float("-inf") < value < float("inf")):
        return None
    if isinstance(value, int) and abs(value) > MOST_WHOLE:
        return str(value)
    return value
