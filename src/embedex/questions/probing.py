"""Probes: what can be read of a field, and hand-made features to compare with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from embedex import embedding, probes, similarity
from embedex.documents import TextDocument, text_document
from embedex.encoders import features, registry
from embedex.encoders.base import Encoder
from embedex.errors import CollectionError, InputError
from embedex.holdings import IMAGE_WEIGHT, Compared, Holdings
from embedex.progress import Progress, counter, of_run
from embedex.records import JSON, JsonPath, Record, Strictness, leads_nowhere, strip_prefix
from embedex.results import Basis, By, Measure, Probe, TargetKind, counted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def fit_features(
    holdings: Holdings, paths: Sequence[str], *, kinds: Mapping[str, features.Kind] | None, progress: Progress | None
) -> features.Features:
    """Hand-made features of the records, as an encoder."""
    return features.fit(
        (document.text for document in holdings.text_documents()),
        paths,
        kinds=kinds,
        prefix=holdings.manifest.text.strip_prefix,
        leave_out=[holdings.manifest.id, holdings.manifest.name],
        progress=counter(progress, "Reading fields", len(holdings)),
    )


def probe(
    holdings: Holdings,
    target: str,
    *,
    by: Sequence[By],
    encoders: Sequence[str | Encoder],
    kind: TargetKind | None,
    neighbours: int,
    blind: bool,
    where: str,
    everything: bool,
    centred: bool | None,
    map_name: str,
    seed: int,
    progress: Progress | None,
) -> Probe:
    """How much of a field can be read from embeddings."""
    import numpy as np

    sides: list[tuple[str, By | Encoder]] = [(each, each) for each in by]
    for encoder in encoders:
        name = encoder if isinstance(encoder, str) else encoder.description.name
        sides.append((name, _named_encoder(encoder) if isinstance(encoder, str) else encoder))
    if not sides:
        there: list[By] = [each for each in ("text", "image") if holdings.has(each)]
        sides = [(each, each) for each in (*there, "fused") if each != "fused" or len(there) == 2]
    if not sides:
        raise holdings.not_embedded("text")
    if doubled := [name for name, _ in sides if [each for each, _ in sides].count(name) > 1]:
        raise InputError(f"{doubled[0]!r} is compared twice.")
    path = JsonPath.parse(target)
    values = _values(holdings, path)
    allowed = np.flatnonzero(holdings.chosen(where, everything))
    if all(value is None for value in values):
        first = next(holdings.store.read_records(holdings.index, [0]))
        raise leads_nowhere("target", path, first)
    rows = np.asarray([row for row in allowed.tolist() if values[row] is not None], np.int64)
    notes = [f"{counted(len(allowed) - len(rows))} without a value"] if len(rows) < len(allowed) else []
    texts = _texts_without(holdings, path) if blind else None
    compared = [_side(holdings, side, rows, texts, centred is not False, map_name, progress) for _, side in sides]
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
        holdings.title,
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


def _values(holdings: Holdings, path: JsonPath) -> list[JSON]:
    """Each record's value at a path, which is written with or without the prefix."""
    return [path.find(_as_written(record, path, holdings)) for record in holdings.store.read_records(holdings.index)]


def _texts_without(holdings: Holdings, path: JsonPath) -> list[str]:
    """Each record's text without the field at a path, which is written with or without the prefix."""
    settings = holdings.manifest.text
    return [
        text_document(Record(record.id, path.removed_from(_as_written(record, path, holdings))), settings).text
        for record in holdings.store.read_records(holdings.index)
    ]


def _as_written(record: Record, path: JsonPath, holdings: Holdings) -> Mapping[str, JSON]:
    """A record's data with the prefix, if the path is found so, else without it."""
    return (
        record.data
        if path.find(record.data) is not None
        else strip_prefix(record.data, holdings.manifest.text.strip_prefix)
    )


def _side(
    holdings: Holdings,
    side: By | Encoder,
    rows: NDArray[np.int64],
    texts: Sequence[str] | None,
    centred: bool,
    map_name: str,
    progress: Progress | None,
) -> Compared:
    """One side of a probe: as it is stored, or embedded now for some rows, with the texts that are given."""
    import numpy as np

    stored = holdings.described
    blind = texts is not None and side in ("text", "fused")
    if isinstance(side, str) and not blind:
        return holdings.compared(side, centred, map_name)
    if isinstance(side, str):
        if "text" not in stored:
            raise holdings.not_embedded("text")
        encoder = registry.again(stored["text"])
        if not encoder.description.agrees(stored["text"]):
            raise CollectionError(
                f"The text was embedded by another edition of {stored['text'].name!r}.",
                cure=f"Run: {holdings.embed_by(stored['text'])}",
            )
    else:
        encoder = side
    name = encoder.description.modality
    same = name in stored and stored[name].identity == encoder.description.identity
    if same and (name == "image" or texts is None):
        return holdings.compared(name, centred, "")
    wanted = set(rows.tolist())
    documents: Iterable[embedding.Document | None]
    if name == "image":
        documents = holdings.image_documents(Strictness(), encoder)
    elif texts is None:
        documents = holdings.text_documents()
    else:
        documents = map(TextDocument, holdings.index.ids, texts)
    asked = (document if row in wanted else None for row, document in enumerate(documents))
    with holdings.store.writing():  # a run that is stopped leaves shards, from which the next one starts
        run = embedding.run(
            asked,
            encoder,
            holdings.store,
            "probe",
            count=len(holdings),
            progress=of_run(progress, f"Embedding {name}", len(holdings)),
        )
        embedding.finish(holdings.store, "probe", encoder)
    vectors, at, told = run.vectors, run.rows, encoder.description.name
    if centred and len(vectors):
        vectors = similarity.centre(vectors, vectors.mean(axis=0, dtype=np.float64).astype(np.float32))
    if side == "fused":
        image = holdings.compared("image", centred, "")
        both = np.intersect1d(at, image.rows)
        sides = [vectors[np.searchsorted(at, both)], image.vectors[np.searchsorted(image.rows, both)]]
        share = similarity.standard_weight(sides[0], sides[1], IMAGE_WEIGHT)
        vectors, at, told = similarity.fuse(sides[0], sides[1], share), both, f"{told} + {image.basis(0).encoder}"
    by: By = side if isinstance(side, str) else name
    measure: Measure = "centred cosine" if centred else "cosine"
    note = f"pictures weigh {IMAGE_WEIGHT:g} of 1" if side == "fused" else ""
    return Compared(at, vectors, lambda count: Basis(holdings.title, by, told, measure, count, note))


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
