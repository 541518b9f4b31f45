"""Hits: records ranked by a value, and what their scores are worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from embedex import similarity
from embedex.holdings import Compared, Holdings, Scale
from embedex.results import Calibration, CalibrationBasis, Hit, Measure

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def ranked(
    holdings: Holdings,
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
        places = [found for _, found in similarity.best_in_groups(order, holdings.index.group_numbers[rows], k)]
    else:
        places = [similarity.best(order, k)]
    hits = []
    for positions in places:
        for rank, position in enumerate(positions, start=1):
            item, value = holdings.item(int(rows[position])), float(values[position])
            hits.append(Hit(item, None, rank, distance=value) if measure == "distance" else Hit(item, value, rank))
    return hits


def calibrated(
    holdings: Holdings,
    hits: Sequence[Hit],
    compared: Compared,
    scale: Scale,
    z: NDArray[np.float64],
    mutual: NDArray[np.bool_] | None,
) -> tuple[list[Hit], CalibrationBasis]:
    """Hits with what their scores are worth; `z` and `mutual` are of the records of the scale."""
    import numpy as np

    place = {int(row): number for number, row in enumerate(compared.rows[scale.positions])}
    percentiles = scale.spread.percentiles(np.asarray([hit.value for hit in hits], np.float32))
    found = []
    for hit, percentile in zip(hits, percentiles.tolist(), strict=True):
        at = place[holdings.rows[hit.item.id]]
        worth = Calibration(
            percentile,
            None if np.isnan(z[at]) else float(z[at]),
            None if mutual is None else bool(mutual[at]),
            float(scale.near.hubness[at]),
        )
        found.append(replace(hit, calibration=worth))
    spread = scale.spread
    return found, CalibrationBasis(spread.pairs, spread.sampled, spread.error, scale.near.size)
