"""The vectors of a collection's records, of their fields, passages and pictures: what is not known yet is embedded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from embedex import embedding
from embedex import parts as field_parts
from embedex.documents import Passage, TextDocument, passages
from embedex.encoders import registry
from embedex.encoders.base import Encoder, FieldEncoder, Modality, Setting
from embedex.errors import InputError
from embedex.files import sweep_parts
from embedex.holdings import Holdings
from embedex.progress import Progress, counter, of_run
from embedex.records import Strictness
from embedex.store import Embeddings, Passages, Store

FIELD_ENCODERS = "wordllama, word-vectors:FILE, minilm, nomic, nomic-v1"
"""The encoders whose vectors are sums over fields, for messages."""


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


def embed(
    holdings: Holdings,
    *,
    text: str | Encoder | None,
    image: str | Encoder | None,
    settings: Mapping[str, Setting] | None,
    reuse: str | Path | Sequence[str | Path],
    strictness: Strictness | None,
    progress: Progress | None,
    fields: int | None,
) -> list[EmbedReport]:
    """Embed texts, passages and pictures; see `embedex.collection.Collection.embed`."""
    # Both of them first: a wrong name should not show after hours of the other's work, nor pass where it embeds
    # nothing.
    chosen: dict[Modality, str | Encoder | None] = {"text": text, "image": image}
    named = {modality: each for modality, each in chosen.items() if isinstance(each, str)}
    of_each = registry.divide(settings or {}, named)
    if not any(holdings.index.pictures):
        image = None
    text = registry.load(text, "text", **of_each["text"]) if isinstance(text, str) else text
    image = registry.load(image, "image", **of_each["image"]) if isinstance(image, str) else image
    if text is None and image is None:
        raise InputError("There is nothing to embed: both encoders, or what they would read, were left out.")
    keeper = None if fields is None else _keeper(holdings, text, fields)
    strictness = strictness or Strictness()
    folders = [reuse] if isinstance(reuse, str | Path) else reuse
    stores = [holdings.store, *(_to_reuse(Path(folder), text, image) for folder in folders)]
    with holdings.store.writing():
        holdings.forget()
        sweep_parts(holdings.folder / "embeddings")
        reports = []
        if text is not None:
            overlong, documents = _Overlong(text), holdings.text_documents()
            report = _embed_rows(holdings, "text", documents, keeper or text, stores, strictness, progress)
            reports.append(overlong.told(report))
            if keeper and fields:
                reports.append(overlong.told(_embed_fields(holdings, keeper, fields, progress)))
            reports.append(overlong.told(_embed_passages(holdings, text, stores, progress)))
        if image is not None:
            pictures = holdings.image_documents(strictness, image)
            reports.append(_embed_rows(holdings, "image", pictures, image, stores, strictness, progress))
        return reports


def _embed_rows(
    holdings: Holdings,
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
        holdings.store,
        name,
        count=len(holdings),
        known=(
            embedding.Known(hashes, vectors)
            for store in stores
            for hashes, vectors in store.read_vectors(name, encoder.description)
        ),
        strictness=strictness,
        progress=of_run(progress, f"Embedding {name}", len(holdings)),
    )
    made_from = holdings.made_from if name == "text" else ""
    holdings.store.write_embeddings(
        name,
        Embeddings(holdings.index.ids, run.hashes, run.rows, run.vectors, encoder.description, made_from),
    )
    embedding.finish(holdings.store, name, encoder)
    missing = len(holdings) - len(run.rows)
    return EmbedReport(name, encoder.description.name, len(holdings), run.embedded, missing)


def _keeper(holdings: Holdings, encoder: Encoder | None, depth: int) -> field_parts.Keeper:
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
    return field_parts.Keeper(encoder, holdings.store, holdings.manifest.text, depth)


def _embed_fields(holdings: Holdings, keeper: field_parts.Keeper, depth: int, progress: Progress | None) -> EmbedReport:
    embedded = field_parts.run(
        holdings.text_documents(),
        keeper,
        holdings.store,
        depth,
        holdings.made_from,
        progress=counter(progress, "Keeping fields", len(holdings)),
    )
    return EmbedReport("fields", keeper.description.name, len(holdings), embedded, 0)


def _embed_passages(
    holdings: Holdings, encoder: Encoder, stores: Sequence[Store], progress: Progress | None
) -> EmbedReport:
    holders: dict[str, list[str]] = {}
    distinct: list[Passage] = []
    for record in holdings.store.read_records(holdings.index):
        for passage in passages(record, holdings.manifest.text):
            key = passage.text.casefold()
            if key not in holders:
                distinct.append(passage)
            holders.setdefault(key, []).append(record.id)
    documents = [TextDocument(passage.id, passage.text) for passage in distinct]
    run = embedding.run(
        documents,
        encoder,
        holdings.store,
        "passages",
        count=len(documents),
        known=(
            embedding.Known([TextDocument("", text).content_hash for text in before.texts], before.vectors)
            for before in (store.read_passages() for store in stores)
            if before and before.description.identity == encoder.description.identity
        ),
        progress=of_run(progress, "Embedding passages", len(documents)),
    )
    holdings.store.write_passages(
        Passages(
            [holders[passage.text.casefold()] for passage in distinct],
            [passage.path for passage in distinct],
            [passage.text for passage in distinct],
            run.vectors,
            encoder.description,
            holdings.made_from,
        )
    )
    embedding.finish(holdings.store, "passages", encoder)
    return EmbedReport("passages", encoder.description.name, len(distinct), run.embedded, 0)


def _to_reuse(folder: Path, text: Encoder | None, image: Encoder | None) -> Store:
    """Another collection's files, which have vectors by one of these encoders.

    Raises:
        CollectionError: the folder is no collection.
        InputError: none of its vectors is by these encoders with these settings.
    """
    other = Holdings.open(folder)
    found = other.described
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
    return other.store


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
