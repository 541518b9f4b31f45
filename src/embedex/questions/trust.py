"""Trust: where texts and pictures disagree, and what likeness owes to how much data there is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from embedex import disagreement, quality, similarity
from embedex.documents import text_document
from embedex.errors import InputError
from embedex.holdings import MOST_GROUPS, Holdings, noted
from embedex.questions.arguments import at_least_one, removable
from embedex.records import strip_prefix
from embedex.results import Disagreement, GroupQuality, Overlap, PairHit, Quality

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def find_disagreement(
    holdings: Holdings, *, k: int, neighbours: int, where: str, everything: bool, centred: bool | None, remove_top: int
) -> Disagreement:
    """Pairs and records close in text and far in picture, and the reverse."""
    import numpy as np

    at_least_one(k, "k")
    at_least_one(neighbours, "neighbours")
    top = removable(remove_top, "fused", centred)
    if not any(holdings.index.pictures):  # told before a text that is not embedded either
        raise holdings.not_embedded("image")
    text, image = (holdings.compared(by, centred is not False, "", remove_top=top) for by in ("text", "image"))
    rows = np.intersect1d(text.rows, image.rows)
    rows = rows[holdings.chosen(where, everything)[rows]]
    if len(rows) < 3:
        raise InputError(
            f"To disagree takes at least three records with text and picture; {len(rows)} is left.",
            cure=holdings.wider(where, everything),
        )
    nearest = min(neighbours, len(rows) - 1)
    both = [side.vectors[np.searchsorted(side.rows, rows)] for side in (text, image)]
    found = disagreement.sides(both[0], both[1], nearest)

    def pair_hits(gaps: NDArray[np.float64]) -> list[PairHit]:
        return [
            PairHit(
                holdings.item(int(rows[found.first[at]])),
                holdings.item(int(rows[found.second[at]])),
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
            holdings.item(int(rows[at])),
            rank,
            float(overlaps[at]),
            float(gaps[at]),
            *(holdings.item(int(rows[found.nearest[side, at, 0]])) for side in (0, 1)),
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


def measure_quality(
    holdings: Holdings, *, where: str, everything: bool, centred: bool | None, remove_top: int
) -> Quality:
    """How much of likeness follows from how much data records have."""
    import numpy as np

    top = removable(remove_top, "text", centred)
    compared = holdings.compared("text", centred is True or top > 0, "", remove_top=top)
    chosen = np.flatnonzero(holdings.chosen(where, everything)[compared.rows])
    if len(chosen) < 2:
        raise InputError(
            f"Likeness takes at least two records; {len(chosen)} is left to compare.",
            cure=holdings.wider(where, everything),
        )
    rows = compared.rows[chosen]
    medians = similarity.medians(compared.vectors[chosen])
    settings, lengths = holdings.manifest.text, np.empty(len(rows), np.int64)

    def data() -> Iterator[Mapping[str, object]]:
        for at, record in enumerate(holdings.store.read_records(holdings.index, rows.tolist())):
            lengths[at] = len(text_document(record, settings).text)
            yield strip_prefix(record.data, settings.strip_prefix)

    filled = quality.filled(data())
    exact = medians.astype(np.float64)
    columns = quality.design(lengths, filled.missing)
    labels = [holdings.index.groups[row] for row in rows]
    numbers = np.asarray([holdings.group_ranks[label] for label in labels])
    basis, told, groups = compared.basis(len(rows)), set(labels) if any(labels) else set(), []
    if len(told) > MOST_GROUPS:
        basis, told = noted(basis, f"{len(told):,} groups are too many for a table"), set()
    for label in sorted(told, key=holdings.group_ranks.__getitem__):
        member = numbers == holdings.group_ranks[label]
        shift, expected = quality.shifts(columns, exact, member)
        length, missing, median = (float(np.median(each[member])) for each in (lengths, filled.missing, medians))
        of_group = (int(member.sum()), length, missing, median)
        groups.append(GroupQuality(label, *of_group, _known(shift), _known(expected)))
    by_length, by_missing = (
        _known(quality.spearman(each.astype(np.float64), exact)) for each in (lengths, filled.missing)
    )
    expected_of_all = quality.fitted(columns, exact, np.ones(len(rows), bool))
    return Quality(
        [holdings.item(row) for row in rows.tolist()],
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


def _known(value: float) -> float | None:
    """A number, or None for what is none."""
    return None if value != value else value
