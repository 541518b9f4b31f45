"""Likeness: the most similar records, sums of records and words, the unusual, all pairs."""

from __future__ import annotations

from embedex import arithmetic, calibration, projection, selection, similarity
from embedex.encoders.base import Encoder
from embedex.errors import InputError
from embedex.holdings import MOST_GROUPS, Holdings, Weights, noted
from embedex.questions.answers import encode_words
from embedex.questions.arguments import at_least_one, removable
from embedex.questions.hits import calibrated, ranked
from embedex.results import By, Item, Pairs, Similar, Term, Unusual

HEATMAP_SIDE = 2_048
"""The most rows of an all-pairs square; more records share a row."""


def similar(
    holdings: Holdings,
    query: str,
    *,
    k: int,
    by: By,
    per_group: bool,
    where: str,
    everything: bool,
    centred: bool | None,
    remove_top: int,
    map_name: str,
    image_weight: float | None,
    weights: Weights | None,
    calibrate: bool,
    encoder: Encoder | str | None,
) -> Similar:
    """The records most similar to one record, or to a sum of records and words."""
    import numpy as np

    at_least_one(k, "k")
    terms: list[tuple[int, int | str]] = []
    ids, names = holdings.index.ids, holdings.index.names
    known = query in holdings.rows or bool(selection.rows(query, ids, names))
    if not known and len(arithmetic.parts(query)) == 1 and (apart := arithmetic.spaced(query, ids, names)):
        raise arithmetic.needs_spaces(query, apart)
    if not known and len(arithmetic.parts(query)) > 1:
        terms = arithmetic.terms(query, ids, names)
        if by == "map":
            raise InputError("A sum is compared by text, image or fused: places in a map cannot be added.")
    compared = holdings.compared(
        by, centred is not False, map_name, image_weight, weights, removable(remove_top, by, centred)
    )
    asked = [term for _, term in terms if isinstance(term, int)] if terms else [holdings.find(query)]
    positions = np.searchsorted(compared.rows, asked)
    for row, position in zip(asked, positions.tolist(), strict=True):
        if position == len(compared.rows) or compared.rows[position] != row:
            raise holdings.nothing_to_compare(row, by)
    chosen = np.flatnonzero(holdings.chosen(where, everything)[compared.rows])
    chosen = chosen[~np.isin(chosen, positions)]
    if len(chosen) == 0:
        raise InputError("No other record is left to compare.", cure=holdings.wider(where, everything))
    basis = noted(compared.basis(len(chosen)), holdings.without_picture(where, everything, by))
    if compared.fidelity and compared.fidelity.doubted[positions[0]]:
        place = f"the place of {holdings.index.names[asked[0]]} is not to be believed"
        basis = noted(basis, f"{place}: {compared.fidelity.told(int(positions[0]))}")
    vector = compared.at(positions[:1])[0] if not terms else np.empty(0, np.float32)
    if terms:
        spoken = [term for _, term in terms if isinstance(term, str)]
        said, notes = encode_words(holdings, spoken, by, encoder)
        record, word = iter(compared.at(positions)), iter(said)
        vector = arithmetic.total(
            np.stack([next(record if isinstance(term, int) else word) for _, term in terms]),
            [sign for sign, _ in terms],
        )
        if spoken:
            basis = noted(basis, " · ".join([f"as words: {', '.join(spoken)}", *notes]))
    if by == "map":
        values = projection.map_distances(compared.vectors, int(positions[0]))[chosen]
    else:
        values = compared.scores(vector)[chosen]
    hits = ranked(holdings, compared.rows[chosen], values, k, per_group, basis.measure, lowest=by == "map")
    told = None
    if calibrate:
        scale = holdings.scale(compared, by, everything)
        scores = compared.scores(vector)[scale.positions]
        scores[np.isin(scale.positions, positions)] = np.nan
        mutual = calibration.mutual(scores, scale.near)
        hits, told = calibrated(holdings, hits, compared, scale, calibration.z_scores(scores, scale.groups), mutual)
    return Similar(
        Item(query, query) if terms else holdings.item(asked[0]),
        hits,
        per_group,
        basis,
        told,
        [Term(sign, None, term) if isinstance(term, str) else Term(sign, holdings.item(term)) for sign, term in terms],
    )


def unusual(
    holdings: Holdings,
    *,
    k: int,
    by: By,
    per_group: bool,
    where: str,
    everything: bool,
    centred: bool | None,
    remove_top: int,
    map_name: str,
    image_weight: float | None,
    weights: Weights | None,
    calibrate: bool,
) -> Unusual:
    """The records with the lowest median similarity to all others, or the highest median distance."""
    import numpy as np

    at_least_one(k, "k")
    top = removable(remove_top, by, centred)
    compared = holdings.compared(by, centred is True or top > 0, map_name, image_weight, weights, top)
    chosen = np.flatnonzero(holdings.chosen(where, everything)[compared.rows])
    if len(chosen) < 2:
        raise InputError(
            f"What is unusual takes at least two records; {len(chosen)} is left to compare.",
            cure=holdings.wider(where, everything),
        )
    vectors = compared.vectors if len(chosen) == len(compared.rows) else compared.vectors[chosen]
    basis = noted(compared.basis(len(chosen)), holdings.without_picture(where, everything, by))
    if len(chosen) <= similarity.EXACT_RECORDS or calibrate:  # to calibrate, all pairs are looked at anyway
        medians = projection.median_distances(vectors) if by == "map" else similarity.medians(vectors)
    else:
        groups = holdings.index.group_numbers[compared.rows[chosen]] if per_group else None
        found = similarity.lowest_medians(vectors, k, groups, projection.nearness if by == "map" else similarity.dot)
        medians = -found.medians if by == "map" else found.medians
        told = f"found by medians among {found.sample:,} of them, ± {found.error:.1g}; those shown are exact"
        basis = noted(basis, told)
    hits = ranked(holdings, compared.rows[chosen], medians, k, per_group, basis.measure, lowest=by != "map")
    if compared.fidelity:
        at = np.searchsorted(compared.rows, [holdings.rows[hit.item.id] for hit in hits])
        if doubted := int(compared.fidelity.doubted[at].sum()):
            places = f"{doubted} of these places {'is' if doubted == 1 else 'are'} not to be believed"
            basis = noted(basis, places)
    worth = None
    if calibrate:
        scale = holdings.scale(compared, by, everything)
        of_all = medians
        if len(chosen) < len(scale.positions):
            # Medians among the chosen alone are compared with those of their kind: the others' are unknown.
            of_all = np.full(len(scale.positions), np.nan, np.float32)
            of_all[np.searchsorted(scale.positions, chosen)] = medians
        hits, worth = calibrated(holdings, hits, compared, scale, calibration.z_scores(of_all, scale.groups), None)
    return Unusual(hits, per_group, basis, worth)


def pairs(
    holdings: Holdings,
    *,
    by: By,
    where: str,
    everything: bool,
    centred: bool | None,
    map_name: str,
    side: int,
    image_weight: float | None,
    weights: Weights | None,
) -> Pairs:
    """All pairs as one square, group by group."""
    import numpy as np

    if by == "map":
        raise InputError("All pairs are compared by text, image or fused, not by map.")
    compared = holdings.compared(by, centred is True, map_name, image_weight, weights)
    chosen = np.flatnonzero(holdings.chosen(where, everything)[compared.rows])
    if len(chosen) == 0:
        raise InputError("No record is left to compare.", cure=holdings.wider(where, everything))
    labels = [holdings.index.groups[row] for row in compared.rows[chosen]]
    order = np.argsort([holdings.group_ranks[label] for label in labels], kind="stable")
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
        holdings.items(compared.rows[chosen[order]]) if len(matrix) == len(chosen) else (),
    )
