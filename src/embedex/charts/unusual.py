"""The records that are least like all others, with the median similarity that says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedex.charts import style
from embedex.charts.rows import draw_rows, finite
from embedex.charts.scale import scale

if TYPE_CHECKING:
    import datetime

    from matplotlib.figure import Figure

    from embedex.results import Unusual


def unusual_chart(result: Unusual, *, date: datetime.date) -> Figure:
    """Draw the most unusual records, group by group or of all.

    Args:
        result: the answer; a score is the median similarity to all others.
        date: the day for the caption.

    Returns:
        A figure with one row a record; the most unusual of all stands out.
    """
    hits = finite(result.hits)
    far = result.basis.measure == "distance"
    axis = scale(
        (hit.value for hit in hits),
        result.basis.measure,
        noun=f"median {'distance' if far else 'similarity'} to all others",
    )
    scores = [-hit.value if far else hit.value for hit in hits]
    way = f"{'highest median distance' if far else 'lowest median similarity'} first"
    return draw_rows(
        hits,
        axis,
        title="The most unusual in each group" if result.per_group else "The most unusual of all",
        subtitle=f"Least like all other records, {style.BY[result.basis.by]}: {way}",
        basis=result.basis,
        date=date,
        per_group=result.per_group,
        accent=scores.index(min(scores)) if scores else None,
        nothing="Nothing to compare.",
    )
