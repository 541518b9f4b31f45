"""Reasons: what each pair of fields adds to the likeness of two records."""

from __future__ import annotations

from collections.abc import Sequence

from embedex import attribution, similarity
from embedex import parts as field_parts
from embedex.documents import text_document, without_fields
from embedex.encoders import registry
from embedex.encoders.base import Encoder
from embedex.errors import InputError
from embedex.holdings import Holdings
from embedex.results import Ablation, Basis, Measure, Why
from embedex.store import PartsDescription


def why(
    holdings: Holdings,
    one: str,
    other: str,
    *,
    centred: bool | None,
    ablate: Sequence[str] | None,
    encoder: Encoder | str | None,
) -> Why:
    """Why two records are close, by their fields."""
    import numpy as np

    rows = [holdings.find(query) for query in (one, other)]
    if rows[0] == rows[1]:
        raise InputError(
            f"{one!r} and {other!r} are one record, {holdings.index.ids[rows[0]]}.",
            cure="Name two different records: embedex why DIR ONE OTHER",
        )
    ids = [holdings.index.ids[row] for row in rows]
    described = holdings.parts_described()
    paths = described.paths
    text = holdings.embeddings("text")
    at = np.searchsorted(text.rows, rows)
    rounded = field_parts.dense(holdings.store.read_parts(), paths, ids)
    for row, place, part in zip(rows, at.tolist(), rounded, strict=True):
        if place == len(text.rows) or text.rows[place] != row or not part.any():
            raise holdings.nothing_to_compare(row, "text")
    parts = [attribution.settled(part, text.vectors[place]) for part, place in zip(rounded, at, strict=True)]
    main = {each for each, kept in zip(holdings.index.ids, holdings.index.main, strict=True) if kept}
    mean = None
    if centred is not False:
        mean = field_parts.mean(holdings.store.read_parts(), paths, main)
        counts = holdings.index.main[text.rows]
        mean = attribution.settled(mean, text.vectors[counts].mean(axis=0, dtype=np.float64))
    matrix = attribution.contributions(parts[0], parts[1], mean)
    order = attribution.ranked(matrix)
    measure: Measure = "cosine" if centred is False else "centred cosine"
    stale = holdings.stale(described.made_from)
    basis = Basis(holdings.title, "text", described.description.name, measure, len(main), stale)
    fields = [paths[place] for place in order]
    ablations: list[Ablation] = []
    if ablate is not None:
        prefix = holdings.manifest.text.strip_prefix
        chosen = [attribution.fields_called(name, paths, prefix) for name in ablate]
        chosen = chosen or [[path] for path in fields if path != field_parts.REST][:5]
        names = list(ablate) or [path for (path,) in chosen]
        if encoder is None or isinstance(encoder, str):
            encoder = registry.again(described.description, encoder or "")
        for name, left_out in zip(names, chosen, strict=True):
            ablations.append(
                _ablation(holdings, name, left_out, rows, described, main if mean is not None else None, encoder)
            )
    cells = matrix[np.ix_(order, order)]
    return Why(holdings.item(rows[0]), holdings.item(rows[1]), fields, cells, basis, ablations)


def _ablation(
    holdings: Holdings,
    name: str,
    left_out: Sequence[str],
    rows: Sequence[int],
    described: PartsDescription,
    main: set[str] | None,
    encoder: Encoder,
) -> Ablation:
    """Two records without some fields, by their parts and embedded again; centred by the mean over `main`."""
    import numpy as np

    predicted = holdings.weighted(dict.fromkeys(left_out, 0.0))
    settings = holdings.manifest.text
    texts = [
        without_fields(text_document(record, settings).text, left_out, settings, depth=described.depth)
        for record in holdings.store.read_records(holdings.index, rows)
    ]
    at = np.searchsorted(predicted.rows, rows)
    sides = [predicted.vectors[at], encoder.encode_documents(texts)]
    drift = 1 - np.einsum("ij,ij->i", sides[0].astype(np.float64), sides[1].astype(np.float64)).min()
    if main is not None:
        counts = np.asarray([holdings.index.ids[row] in main for row in predicted.rows.tolist()], bool)
        mean = predicted.vectors[counts].mean(axis=0, dtype=np.float64).astype(np.float32)
        sides = [similarity.centre(side, mean) for side in sides]
    scores = [float(side[0] @ side[1]) for side in sides]
    return Ablation(name, scores[0], scores[1], max(0.0, float(drift)))
